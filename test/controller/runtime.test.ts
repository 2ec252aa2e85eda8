import { expect, test } from "vitest";
import type { KubernetesObject } from "../../src/api/object.ts";
import type { Priority } from "../../src/base/turns.ts";
import { WorkQueue } from "../../src/base/work-queue.ts";
import type { Kind, Result } from "../../src/controller/kind.ts";
import { currentReconcile, Runtime } from "../../src/controller/runtime.ts";
import { KubernetesError } from "../../src/kubernetes/api-error.ts";
import type { Copies } from "../../src/kubernetes/reflector.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { waitFor } from "../harness/process.ts";

const object = (name: string, more: Partial<KubernetesObject["metadata"]> = {}): KubernetesObject => ({
  metadata: { name, namespace: "web", uid: `u-${name}`, resourceVersion: "1", generation: 1, ...more },
});

/** A kind whose objects the test makes, at work; `answer` is what its reconcile does. */
function atWork(
  first: readonly KubernetesObject[],
  answer: (key: string, signal: AbortSignal) => Promise<Result>,
  urgency: () => Priority = () => "Change",
) {
  const listeners: Parameters<Copies<KubernetesObject>["subscribe"]>[0][] = [];
  const [reconciled, changed, lines]: [string[], string[], string[]] = [[], [], []];
  const kind: Kind = {
    name: "thing",
    workers: 2,
    annotations: ["example.com/now"],
    queue: new WorkQueue(),
    objects: { get: () => undefined, list: () => first, subscribe: (listener) => listeners.push(listener) },
    changed: (now, before) => changed.push(`${before?.metadata.name} → ${now?.metadata.name}`),
    urgency,
    reconcile: (key, clusterId, signal) => {
      reconciled.push(`${clusterId} ${key}`);
      return answer(key, signal);
    },
  };
  const metrics = new Metrics("1", "lease");
  const runtime = new Runtime({
    kinds: [kind],
    metrics,
    log: createLog("error", "json", (line) => lines.push(line), currentReconcile),
  });
  const end = new AbortController();
  const running = runtime.run("cluster", end.signal);
  return {
    reconciled,
    changed,
    lines,
    change: (now: KubernetesObject | undefined, before: KubernetesObject | undefined) => {
      for (const listener of listeners) listener("web/a", now, before);
    },
    count: async (result: string) => {
      const text = await metrics.registry.getSingleMetricAsString("controller_runtime_reconcile_total");
      return Number(new RegExp(`controller="thing",result="${result}"} (\\d+)`).exec(text)?.[1]);
    },
    panics: async () => {
      const text = await metrics.registry.getSingleMetricAsString("controller_runtime_reconcile_panics_total");
      return Number(/controller="thing"} (\d+)/.exec(text)?.[1]);
    },
    priorityOf: (key: string) => kind.queue.priorityOf(key),
    abort: () => {
      end.abort();
    },
    stop: async () => {
      runtime.stop();
      await running;
    },
  };
}

test("a kind reconciles what is there at first, and then what changes in more than its status", async () => {
  const a = object("a");
  const kind = atWork([a, object("b")], () => Promise.resolve({ kind: "Done" }));
  await waitFor("both", () => kind.reconciled.length === 2);
  expect(kind.reconciled).toEqual(["cluster web/a", "cluster web/b"]);
  kind.change({ metadata: { ...a.metadata, resourceVersion: "2" } }, a);
  const changes: readonly (readonly [KubernetesObject | undefined, KubernetesObject | undefined])[] = [
    [object("a", { generation: 2 }), a],
    [object("a", { uid: "other" }), a],
    [object("a", { finalizers: ["example.com/x"] }), a],
    [object("a", { deletionTimestamp: "2026-11-25T00:00:00Z" }), a],
    [object("a", { annotations: { "example.com/now": "1" } }), a],
    [undefined, a],
    [a, undefined],
  ];
  for (const [index, [now, before]] of changes.entries()) {
    kind.change(now, before);
    await waitFor(`change ${index}`, () => kind.reconciled.length === 3 + index);
  }
  kind.change(object("a", { annotations: { "example.com/else": "1" } }), a);
  expect(kind.changed).toHaveLength(2 + 1 + changes.length + 1);
  await kind.stop();
  expect(kind.reconciled).toHaveLength(2 + changes.length);
  expect(await kind.count("success")).toBe(2 + changes.length);
});

test("what nobody thought of is counted apart, with the place where it was; a failure that was told is an error, an old view is none", async () => {
  const answers: (() => Promise<Result>)[] = [
    () => Promise.reject(new TypeError("broken")),
    () => Promise.resolve({ kind: "Retry", failed: true }),
    () => Promise.resolve({ kind: "After", delay: 1, priority: "Recheck", failed: true }),
    () => Promise.resolve({ kind: "Retry" }),
  ];
  const kind = atWork([object("a")], () => answers.shift()?.() ?? Promise.resolve({ kind: "Done" }));
  await waitFor("all of them", () => kind.reconciled.length === 5);
  await kind.stop();
  expect([await kind.count("error"), await kind.count("requeue"), await kind.panics()]).toEqual([3, 1, 1]);
  expect(kind.lines.map((line): unknown => JSON.parse(line))).toEqual([
    expect.objectContaining({
      error: "broken",
      stack: expect.stringContaining("runtime.test.ts"),
      reconcileID: expect.stringMatching(/^[0-9a-f-]{36}$/),
    }),
  ]);
});

test.each([
  ["Retry is tried again", () => Promise.resolve<Result>({ kind: "Retry" }), "requeue", 0],
  ["After comes again", () => Promise.resolve<Result>({ kind: "After", delay: 1, priority: "Change" }), "requeue_after", 0],
  ["After as a resync is a success", () => Promise.resolve<Result>({ kind: "After", delay: 1, priority: "Resync" }), "success", 0],
  ["an old copy is looked at again, in silence", () => Promise.reject(new KubernetesError("Conflict", "old")), "requeue", 0],
  ["what fails is said, and tried again", () => Promise.reject(new Error("broken")), "error", 1],
])("%s", async (_, first, result, lines) => {
  let calls = 0;
  const kind = atWork([object("a")], () => (++calls === 1 ? first() : Promise.resolve({ kind: "Done" })));
  await waitFor("the second time", () => kind.reconciled.length === 2);
  await kind.stop();
  expect(await kind.count(result)).toBe(result === "success" ? 2 : 1);
  expect(kind.lines).toHaveLength(lines);
});

test.each([
  ["what is urgent interrupts a change of the same object", ["Change", "Urgent"], "interrupted"],
  ["what is urgent is not interrupted", ["Urgent", "Urgent"], "awaited"],
  ["a change interrupts nothing", ["Change", "Change"], "awaited"],
] as const)("%s", async (_, urgencies, end) => {
  const waiting = [...urgencies];
  const interrupted = Promise.withResolvers<Result>();
  let calls = 0;
  const kind = atWork(
    [object("a")],
    (_key, signal) => {
      if (++calls > 1) return Promise.resolve({ kind: "Done" });
      signal.addEventListener("abort", () => {
        interrupted.resolve({ kind: "Retry" });
      });
      return interrupted.promise;
    },
    () => waiting.shift() ?? "Change",
  );
  await waitFor("the first", () => kind.reconciled.length === 1);
  kind.change(object("a", { generation: 2 }), object("a"));
  if (end === "awaited") expect(kind.reconciled).toHaveLength(1);
  interrupted.resolve({ kind: "Done" });
  await waitFor("the second", () => kind.reconciled.length === 2);
  await kind.stop();
  expect(await kind.count("requeue")).toBe(end === "interrupted" ? 1 : 0);
});

test.each<Priority>(["Urgent", "Change", "Recheck", "Resync"])("what is tried again is as urgent as before: %s", async (urgency) => {
  const seen: (Priority | undefined)[] = [];
  const kind = atWork(
    [object("a")],
    (key) => {
      seen.push(kind.priorityOf(key));
      return seen.length < 3 ? Promise.resolve({ kind: "Retry" }) : Promise.resolve({ kind: "Done" });
    },
    () => urgency,
  );
  await waitFor("the third time", () => kind.reconciled.length === 3);
  await kind.stop();
  expect(seen).toEqual([urgency, urgency, urgency]);
});

test("the end of the drain interrupts what still runs", async () => {
  const kind = atWork(
    [object("a")],
    (_key, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          resolve({ kind: "Retry" });
        });
      }),
  );
  await waitFor("the reconcile", () => kind.reconciled.length === 1);
  kind.abort();
  await kind.stop();
  expect(kind.reconciled).toHaveLength(1);
});

test("what a reconcile leaves behind speaks for itself once that is over", async () => {
  const ids: (string | undefined)[] = [];
  const later = Promise.withResolvers<undefined>();
  const kind = atWork([object("a")], () => {
    ids.push(currentReconcile()?.reconcileID);
    later.promise.then(() => ids.push(currentReconcile()?.reconcileID)).catch(() => undefined);
    return Promise.resolve({ kind: "Done" });
  });
  await waitFor("the reconcile", () => kind.reconciled.length === 1);
  await kind.stop();
  later.resolve(undefined);
  await waitFor("what it left behind", () => ids.length === 2);
  expect(ids).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), undefined]);
});
