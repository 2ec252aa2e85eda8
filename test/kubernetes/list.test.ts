import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { type Collection, readAll } from "../../src/kubernetes/list.ts";
import { Authority } from "../harness/certificates.ts";

const MB = 2 ** 20;

let dir: string;
let client: KubernetesClient;
/** Bytes of each object that there is. */
let sizes: readonly number[] = [];
let asked: string[] = [];
/** Of all answers. */
let sent = 0;
let lost = 0;

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "", "https://x");
  const [limit, from] = [Number(url.searchParams.get("limit")), Number(url.searchParams.get("continue"))];
  asked.push(`${limit} from ${from}`);
  void answer(response, from, from + limit);
});

/** As the API server does, object by object. */
async function answer(response: ServerResponse, from: number, to: number): Promise<void> {
  const next = to < sizes.length ? { continue: String(to) } : {};
  const parts = function* (): Generator<string> {
    yield `{"metadata":${JSON.stringify({ resourceVersion: "7", ...next })},"items":[`;
    for (const [index, size] of sizes.slice(from, to).entries()) {
      sent += size;
      yield `${index === 0 ? "" : ","}{"name":"${from + index}","fill":"${"é".repeat(size / 2)}"}`;
    }
    yield "]}";
  };
  await pipeline(Readable.from(parts()), response).catch(() => undefined);
}

beforeAll(async () => {
  dir = await mkdtemp(`${tmpdir()}/serverfarm-list-`);
  const authority = await Authority.create("ca");
  await writeFile(`${dir}/ca.pem`, authority.cert);
  server.setSecureContext({ ...(await authority.certify(["127.0.0.1"])) });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  const config = {
    clusters: [{ name: "a", cluster: { server: `https://127.0.0.1:${address.port}`, "certificate-authority": "ca.pem" } }],
    users: [{ name: "a", user: { token: "t" } }],
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    "current-context": "a",
  };
  await writeFile(`${dir}/kubeconfig`, JSON.stringify(config));
  client = KubernetesClient.load({ kubeconfig: `${dir}/kubeconfig` });
  client.onLost(() => lost++);
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true });
});

beforeEach(() => {
  [asked, sent, lost] = [[], 0, 0];
});

function collectionOf(...contents: readonly number[]): Collection {
  sizes = contents;
  return { client, path: "/things", fieldSelector: undefined };
}

const nameOf = (object: unknown): string | undefined =>
  typeof object === "object" && object !== null && "name" in object ? String(object.name) : undefined;
const read = (collection: Collection) => readAll(collection, nameOf, new AbortController().signal);
const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => String(index));

test("what is small is read 500 at a time", async () => {
  const collection = collectionOf(...Array.from({ length: 501 }, () => 100));
  expect(await read(collection)).toEqual({ objects: names(501), version: "7" });
  expect(asked).toEqual(["500 from 0", "500 from 500"]);
});

test("a page that is too large is read no further: the list begins anew with a smaller one, tells each object once, and stays small", async () => {
  const collection = collectionOf(...Array.from({ length: 400 }, (_, index) => (index < 388 ? 100 : MB)));
  expect((await read(collection)).objects).toEqual(names(400));
  // The first pages of 50 are not too large; what was seen of them is forgotten.
  expect(asked.slice(0, 9)).toEqual(["500 from 0", ...names(8).map((page) => `50 from ${Number(page) * 50}`)]);
  expect(asked.slice(9)).toEqual(names(80).map((page) => `5 from ${Number(page) * 5}`));
  asked = [];
  await read(collection);
  expect(asked[0]).toBe("5 from 0");
  // Nothing is wrong with the connection, or with others.
  expect(lost).toBe(0);
});

test("of half a gigabyte no more is sent than a few pages", async () => {
  const collection = collectionOf(...Array.from({ length: 500 }, () => MB));
  const limit = new AbortController();
  let seen = 0;
  const reading = readAll(
    collection,
    () => {
      if (++seen === 5) limit.abort();
      return undefined;
    },
    limit.signal,
  );
  await expect(reading).rejects.toMatchObject({ kind: "Unavailable" });
  expect(asked.slice(0, 3)).toEqual(["500 from 0", "50 from 0", "5 from 0"]);
  expect(sent).toBeLessThan(40 * MB);
});

test("one object alone is read whatever its size", async () => {
  const collection = collectionOf(9 * MB, 100, 9 * MB);
  expect((await read(collection)).objects).toEqual(names(3));
  expect(asked).toEqual(["500 from 0", "50 from 0", "5 from 0", "1 from 0", "1 from 1", "1 from 2"]);
});
