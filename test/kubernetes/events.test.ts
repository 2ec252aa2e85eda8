import { expect, test } from "vitest";
import { ACTIVE_DIRECTORY_DOMAIN } from "../../src/api/generated/active-directory-domain.ts";
import { SERVER_FARM } from "../../src/api/generated/server-farm.ts";
import { EventRecorder } from "../../src/kubernetes/events.ts";
import { field } from "../../src/kubernetes/resource.ts";
import { waitFor } from "../harness/process.ts";

interface Written {
  readonly namespace: unknown;
  readonly name: unknown;
  readonly reason: unknown;
  readonly at: number;
}

/** What an API server is asked to keep, that answers in a millisecond. */
function recorder() {
  const written: Written[] = [];
  const leftOut: number[] = [];
  const errors: string[] = [];
  const client = {
    request: async (_method: string, _path: string, { body }: { readonly body?: unknown } = {}): Promise<unknown> => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const [namespace, name] = [field(body, "involvedObject", "namespace"), field(body, "involvedObject", "name")];
      written.push({ namespace, name, reason: field(body, "reason"), at: performance.now() });
      return {};
    },
  };
  const events = new EventRecorder({
    client,
    component: "test",
    instance: "test-1",
    onError: ({ message }) => errors.push(message),
    onLeftOut: (count) => leftOut.push(count),
  });
  const say = (namespace: string, index: number, type: "Normal" | "Warning", reason: string): void => {
    const metadata = { namespace, name: `farm${index}`, uid: `${namespace}-${index}`, resourceVersion: "1" };
    events.record(SERVER_FARM, { metadata }, { type, reason, message: `${reason} ${index}` });
  };
  return { events, say, written, leftOut, errors };
}

test("of very many Events a hundred are written at once, and then 50 in a second", async () => {
  const { events, say, written } = recorder();
  const started = performance.now();
  for (let index = 0; index < 600; index++) say("busy", index, "Normal", "Created");
  await waitFor("150 Events", () => written.length >= 150);
  const after = (count: number): number => (written[count - 1]?.at ?? Number.NaN) - started;
  expect(after(150)).toBeGreaterThan(950);
  expect(after(100)).toBeLessThan(1900);
  expect(await events.flush(30_000)).toBe(0);
  expect(written).toHaveLength(600);
});

test("a namespace with very many Events keeps no other from saying what is wrong, nor its own warnings", async () => {
  const { events, say, written, leftOut, errors } = recorder();
  for (let index = 0; index < 3000; index++) say("busy", index, "Normal", "Created");
  for (let index = 0; index < 3000; index++) say("busy", index, "Warning", "Refused");
  for (let index = 0; index < 3; index++) say("quiet", index, "Normal", "Ready");
  say("quiet", 3, "Warning", "HostNotFound");
  const of = (namespace: string): readonly Written[] => written.filter((event) => event.namespace === namespace);
  await waitFor("the warning of the quiet namespace", () => of("quiet").length > 0);
  // The first of the busy one was under way already.
  expect(written.findIndex(({ namespace }) => namespace === "quiet")).toBeLessThan(4);
  // What is said of a domain as a whole has room too.
  events.record(
    ACTIVE_DIRECTORY_DOMAIN,
    { metadata: { name: "contoso", uid: "d", resourceVersion: "1" } },
    { type: "Warning", reason: "Budget", message: "m" },
  );
  expect(await events.flush(30_000)).toBe(6000 - 900);
  expect(leftOut).toEqual([]);
  expect(written.filter(({ reason }) => reason === "Budget")).toHaveLength(1);
  expect(of("busy").filter(({ reason }) => reason === "Created")).toHaveLength(750);
  expect(of("busy").filter(({ reason }) => reason === "Refused")).toHaveLength(150);
  expect(of("quiet").map(({ reason }) => reason)).toEqual(["HostNotFound", "Ready", "Ready", "Ready"]);
  expect(errors).toEqual([]);
});

test("what waits is written without a pause when the program ends, and what is not written in time is counted", async () => {
  const { events, say, written } = recorder();
  for (let index = 0; index < 700; index++) say("busy", index, "Normal", "Created");
  const left = await events.flush(30);
  expect(left).toBeGreaterThanOrEqual(700 - written.length);
  expect(written.length).toBeLessThan(100);
  const started = performance.now();
  expect(await events.flush(30_000)).toBe(0);
  expect(written).toHaveLength(700);
  // At 50 a second it would be twelve.
  expect(performance.now() - started).toBeLessThan(10_000);
});
