import dns from "node:dns";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { RestObserver } from "../../src/kubernetes/client-options.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { Authority } from "../harness/certificates.ts";
import { waitFor } from "../harness/process.ts";

interface Asked {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly version: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The client's end of the connection. */
  readonly port: number;
  readonly closed: () => boolean;
}

/** A server that prefers HTTP/2, as the API server does, and answers `{}`; what begins with /hang it never answers, and a watch gets a line at once. */
describe("requests to the API server", () => {
  let dir: string;
  let address: string;
  let asked: Asked[] = [];
  const sockets = new Set<{ destroy(): unknown }>();
  let server: ReturnType<typeof createSecureServer>;

  beforeAll(async () => {
    dir = await mkdtemp(`${tmpdir()}/serverfarm-client-`);
    const authority = await Authority.create("ca");
    await writeFile(`${dir}/ca.pem`, authority.cert);
    server = createSecureServer({ ...(await authority.certify(["127.0.0.1"])), allowHTTP1: true }, answer);
    server.on("connection", (socket: { destroy(): unknown }) => sockets.add(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const found = server.address();
    address = `https://127.0.0.1:${typeof found === "object" && found !== null ? found.port : 0}`;
  });

  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await rm(dir, { recursive: true });
  });

  beforeEach(() => {
    asked = [];
  });

  function answer(request: Http2ServerRequest, response: Http2ServerResponse): void {
    const url = new URL(request.url, "https://x");
    const { socket } = request;
    const [port, closed] = [socket.remotePort ?? 0, (): boolean => socket.destroyed];
    const headers: IncomingHttpHeaders = request.headers;
    asked.push({ path: url.pathname, query: url.searchParams, version: request.httpVersion, headers, port, closed });
    if (url.pathname.startsWith("/hang")) return;
    response.writeHead(200);
    if (url.searchParams.has("watch")) response.write("{}\n");
    else response.end("{}");
  }

  async function load(user: object = { token: "t" }, observe?: RestObserver, at = address): Promise<KubernetesClient> {
    const config = {
      clusters: [{ name: "a", cluster: { server: at, "certificate-authority": "ca.pem" } }],
      users: [{ name: "a", user }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      "current-context": "a",
    };
    await writeFile(`${dir}/kubeconfig`, JSON.stringify(config));
    return KubernetesClient.load({ kubeconfig: `${dir}/kubeconfig`, observe });
  }

  test("all go by HTTP/1.1 and name who asks; what writes names who owns the fields", async () => {
    const client = await load();
    await client.request("GET", "/read", { query: { limit: 1 } });
    await client.request("PATCH", "/write", { body: {}, query: { dryRun: "All" } });
    expect(asked.map(({ version }) => version)).toEqual(["1.1", "1.1"]);
    expect(asked.map(({ headers }) => headers["user-agent"])).toEqual(["serverfarm-operator", "serverfarm-operator"]);
    expect(asked.map(({ query }) => String(query))).toEqual(["limit=1", "dryRun=All&fieldManager=serverfarm-operator"]);
  });

  test("each is told with its answer, or that there was none, and the host with its port", async () => {
    const told: (readonly string[])[] = [];
    const client = await load({ token: "t" }, (...one) => told.push(one));
    await client.request("GET", "/read");
    await expect(client.request("PATCH", "/hang", { timeout: 200 })).rejects.toMatchObject({ kind: "Unavailable" });
    const { host } = new URL(address);
    expect(host).toMatch(/:\d+$/);
    expect(told).toEqual([
      ["GET", "200", host],
      ["PATCH", "<error>", host],
    ]);
  });

  test("requests one after the other share a connection; the Lease and each watch have one of their own", async () => {
    const client = await load();
    const ending = new AbortController();
    const watches = ["/watch1", "/watch2"].map(async (path) => {
      for await (const line of client.lines(path, { watch: true }, 60_000, ending.signal)) expect(line).toBe("{}");
    });
    await waitFor("both watches", () => asked.length === 2);
    for (const lane of ["Request", "Lease", "Request", "Lease"] as const) await client.request("GET", `/${lane}`, { lane });
    const ports = (path: string): readonly number[] => [...new Set(asked.filter((one) => one.path === path).map(({ port }) => port))];
    const used = ["/watch1", "/watch2", "/Request", "/Lease"].map(ports);
    expect(used.map(({ length }) => length)).toEqual([1, 1, 1, 1]);
    expect(new Set(used.flat()).size).toBe(4);
    ending.abort();
    await Promise.allSettled(watches);
  });

  test("one that is not answered in time is given up with its connection, and nobody is sent to one that was idle", async () => {
    const client = await load();
    let lost = 0;
    const end = client.onLost(() => lost++);
    // Two connections: one of them is idle while the other hangs.
    await Promise.all([client.request("GET", "/idle"), client.request("GET", "/idle")]);
    await expect(client.request("GET", "/hang", { timeout: 200 })).rejects.toMatchObject({ kind: "Unavailable" });
    const hung = asked.find(({ path }) => path === "/hang");
    await waitFor("the connection to close", () => hung?.closed());
    expect(lost).toBe(1);
    const before = new Set(asked.map(({ port }) => port));
    await client.request("GET", "/after");
    expect(before).not.toContain(asked.at(-1)?.port);
    end();
  });

  test("one is given up in time, too, while it waits for a name that DNS does not answer; others do not ask for the name again", async () => {
    const lookup = vi.spyOn(dns, "lookup").mockImplementation(() => undefined);
    const client = await load(undefined, undefined, "https://api.example");
    const started = performance.now();
    const requests = ["Request", "Lease", "Watch"] as const;
    const ends = await Promise.allSettled(requests.map((lane) => client.request("GET", "/read", { timeout: 100, lane })));
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(performance.now() - started).toBeLessThan(2000);
    expect(lookup).toHaveBeenCalledTimes(1);
    lookup.mockRestore();
  });

  test("what its caller gives up says nothing of the others", async () => {
    const client = await load();
    let lost = 0;
    client.onLost(() => lost++);
    await expect(client.request("GET", "/hang", { signal: AbortSignal.timeout(100) })).rejects.toThrow(/abort/i);
    expect(lost).toBe(0);
  });

  test("a token file is read again, relative to the kubeconfig, and goes before a token", async () => {
    await writeFile(`${dir}/token`, "first\n");
    const client = await load({ tokenFile: "token", token: "other" });
    await client.request("GET", "/");
    await writeFile(`${dir}/token`, "second\n");
    // As the API server does when a token has run out.
    await expect(client.request("GET", "/hang", { timeout: 50 })).rejects.toThrow(/abort/i);
    await client.request("GET", "/");
    await sleep(0);
    expect(asked.map(({ headers }) => headers["authorization"])).toEqual(["Bearer first", "Bearer first", "Bearer second"]);
  });
});
