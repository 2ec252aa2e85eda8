/** The Lease where it does not go as it should: a request that hangs, and a Lease that somebody deletes. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Leadership } from "../../src/controller/leadership.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { Lease } from "../../src/kubernetes/lease.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { waitFor } from "../harness/process.ts";
import { available, cluster, createNamespace } from "../harness/world.ts";
import { HttpProxy } from "./http-proxy.ts";
import { matching, Schedule } from "./schedule.ts";

const NAMESPACE = "lease";
/** As users have it, in half of the time. */
const TIMES = { durationSeconds: 8, renewDeadline: 5000, retryPeriod: 1000 };

describe.skipIf(!available)("the Lease", () => {
  let proxy: HttpProxy;
  let kubeconfig: string;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    proxy = await HttpProxy.start({ server: cluster.server, ca: cluster.ca }, new Schedule());
    kubeconfig = cluster.writeKubeconfig(`${cluster.dir}/kubeconfig-lease`, cluster.token, proxy);
  });

  afterAll(() => proxy.stop());

  function contender(name: string, identity: string): Leadership {
    const { durationSeconds, renewDeadline, retryPeriod } = TIMES;
    const client = KubernetesClient.load({ kubeconfig });
    const lease = new Lease({ client, namespace: NAMESPACE, name, identity, durationSeconds });
    return new Leadership({ lease, renewDeadline, retryPeriod, log: createLog("error", "text", () => undefined) });
  }

  test.each(["GET", "PUT"])("a %s that hangs, and no other, does not end the leader", { timeout: 60_000 }, async (method) => {
    const leader = contender(`hangs-${method.toLowerCase()}`, "leader");
    await leader.acquire(AbortSignal.timeout(5000));
    const ending = new AbortController();
    const held = leader.hold(ending.signal);
    proxy.schedule.done.length = 0;
    proxy.schedule.set({ matches: matching("http", method, /leases/), when: { nth: 1 }, effect: { kind: "Hang" } });
    await waitFor("the request", () => proxy.schedule.done.length === 1);
    const from = performance.now();
    while (performance.now() - from < 2 * TIMES.renewDeadline) {
      expect(leader.leads).toBe(true);
      await sleep(20);
    }
    ending.abort();
    expect(await held).toBe(true);
    await leader.release();
  });

  test("deleted by hand, it is its holder's again, and never do two lead", { timeout: 60_000 }, async () => {
    const [leader, standby] = [contender("deleted", "leader"), contender("deleted", "standby")];
    await leader.acquire(AbortSignal.timeout(5000));
    const ending = new AbortController();
    const held = leader.hold(ending.signal);
    const waiting = standby.acquire(ending.signal);
    waiting.catch(() => undefined);
    const there = (): Promise<unknown> => waitFor("the Lease", () => cluster.find("Lease", "deleted", NAMESPACE));
    await sleep(1000);
    for (let round = 0; round < 6; round++) {
      await there();
      await cluster.delete("Lease", "deleted", NAMESPACE, 0);
      for (let turn = 0; turn < 60 + round; turn++) {
        expect([leader.leads, standby.leads], `round ${round}`).toEqual([true, false]);
        await sleep(10);
      }
    }
    await there();
    // Its holder does not come back: then the other one makes it anew, once its time is over.
    ending.abort();
    await held;
    const other = contender("deleted", "standby");
    await expect(other.acquire(AbortSignal.timeout(3000))).rejects.toThrow(/abort/i);
    await cluster.delete("Lease", "deleted", NAMESPACE, 0);
    const from = performance.now();
    await other.acquire(AbortSignal.timeout(30_000));
    expect(performance.now() - from).toBeGreaterThan(TIMES.durationSeconds * 1000 - 1500);
    expect(leader.leads).toBe(false);
    await other.release();
  });

  test("deleted while a standby was cut off, it is not the standby's before its holder's time is over", { timeout: 60_000 }, async () => {
    const leader = contender("cut-off", "leader");
    const client = KubernetesClient.load({ kubeconfig });
    const { durationSeconds } = TIMES;
    const standby = new Lease({ client, namespace: NAMESPACE, name: "cut-off", identity: "standby", durationSeconds });
    const ask = (): Promise<boolean> => standby.tryAcquire({ request: 5000, until: performance.now() + 5000 });
    await leader.acquire(AbortSignal.timeout(5000));
    const ending = new AbortController();
    const held = leader.hold(ending.signal);
    expect(await ask()).toBe(false);
    await sleep(durationSeconds * 1000 + 500);
    await cluster.delete("Lease", "cut-off", NAMESPACE, 0);
    expect([await ask(), leader.leads]).toEqual([false, true]);
    await waitFor("the Lease", () => cluster.find("Lease", "cut-off", NAMESPACE));
    // Who had it makes it anew at once, though it was another's before.
    ending.abort();
    await held;
    await leader.release();
    expect(await ask()).toBe(true);
    await cluster.delete("Lease", "cut-off", NAMESPACE, 0);
    expect(await ask()).toBe(true);
  });

  test("deleted between the look and the renewal, it is made again, and its holder leads on", { timeout: 60_000 }, async () => {
    const leader = contender("between", "leader");
    await leader.acquire(AbortSignal.timeout(5000));
    const ending = new AbortController();
    const held = leader.hold(ending.signal);
    proxy.schedule.done.length = 0;
    const action = (): Promise<void> => cluster.delete("Lease", "between", NAMESPACE, 0);
    proxy.schedule.set({ matches: matching("http", "PUT", /leases/), when: { nth: 1 }, effect: { kind: "Call", at: "before", action } });
    await waitFor("the deletion", () => proxy.schedule.done.length === 1);
    await waitFor("the Lease", () => cluster.find("Lease", "between", NAMESPACE));
    expect(leader.leads).toBe(true);
    ending.abort();
    expect(await held).toBe(true);
    await leader.release();
  });

  test("what others put on it stays", async () => {
    const leader = contender("labelled", "leader");
    await leader.acquire(AbortSignal.timeout(5000));
    const theirs = { labels: { "example.com/team": "a" }, annotations: { "example.com/note": "b" } };
    await cluster.patch("Lease", "labelled", NAMESPACE, { metadata: theirs });
    const before = await cluster.get("Lease", "labelled", NAMESPACE);
    const ending = new AbortController();
    const held = leader.hold(ending.signal);
    const after = await waitFor(
      "a renewal",
      () => cluster.get("Lease", "labelled", NAMESPACE),
      ({ metadata }) => metadata.resourceVersion !== before.metadata.resourceVersion,
    );
    expect(after.metadata).toMatchObject(theirs);
    ending.abort();
    await held;
    await leader.release();
    expect((await cluster.get("Lease", "labelled", NAMESPACE)).metadata).toMatchObject(theirs);
  });
});
