/** Two replicas: one leads, the other takes over; and one that was stopped and goes on writes nothing any more. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { checkWhile, waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  farmReady,
  onSandbox,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "leadership";
/** How long the leader is stopped (ms): longer than its Lease in any case. */
const STOPPED = onSandbox ? 20_000 : 60_000;
const USERS_DURATIONS = { leaderElection: {} };

async function leads(operator: Operator): Promise<boolean> {
  return (await operator.metric("leader_election_master_status")) === 1;
}

describe.skipIf(!available)("two replicas", () => {
  let leader: Operator;
  let standby: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await applyDomain();
    leader = await startOperator(USERS_DURATIONS);
    await waitFor("a leader", () => leads(leader), Boolean, 40);
    standby = await startOperator(USERS_DURATIONS);
    await domainReady();
    await cluster.apply(farmOf(NAMESPACE, "led", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "led");
  });

  afterAll(async () => {
    await cleanUp();
    await leader.stop();
    await standby.stop();
  });

  test("only one leads, and both are ready", async () => {
    expect([await leads(leader), await leads(standby)]).toEqual([true, false]);
    expect([(await leader.ready()).status, (await standby.ready()).status]).toEqual([200, 200]);
  });

  test("a leader that is stopped is replaced within 18 s, and writes nothing when it goes on", { timeout: 180_000 }, async () => {
    // Work that it will find half done when it wakes.
    await patchFarm(NAMESPACE, "led", { hosts: { computers: ["WEB01", "WEB02"] }, account: { description: "before" } });
    leader.signal("SIGSTOP");
    const started = performance.now();
    await patchFarm(NAMESPACE, "led", { hosts: { computers: ["WEB02", "WEB03"] }, account: { description: "after" } });
    await waitFor("the standby to lead", () => leads(standby), Boolean, 40);
    expect(performance.now() - started).toBeLessThan(18_000);
    await farmReady(NAMESPACE, "led", 60);
    expect(await directory.members("ledHosts")).toEqual(["WEB02$", "WEB03$"]);
    await sleep(Math.max(0, STOPPED - (performance.now() - started)));
    const usn = await directory.usn();
    leader.signal("SIGCONT");
    await checkWhile(
      waitFor("the old leader to end", () => leader.exitCode !== null),
      async () => {
        expect(await directory.usn()).toBe(usn);
      },
    );
    expect(leader.exitCode).toBe(1);
    expect(await directory.usn()).toBe(usn);
    expect((await directory.find("led$"))?.["description"]).toBe("after");
  });

  test("one that is asked to end gives the Lease up: another leads within 2 s", { timeout: 60_000 }, async () => {
    leader = standby;
    standby = await startOperator(USERS_DURATIONS);
    await waitFor("the new one to be ready", async () => (await standby.ready()).status === 200);
    const started = performance.now();
    const ended = leader.stop();
    await waitFor("the standby to lead", () => leads(standby), Boolean, 20);
    // The end of the other counts in.
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(await ended).toBe(0);
    await patchFarm(NAMESPACE, "led", { hosts: { computers: ["WEB04"] } });
    await farmReady(NAMESPACE, "led", 60);
    expect(await directory.members("ledHosts")).toEqual(["WEB04$"]);
  });
});
