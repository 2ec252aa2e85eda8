import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
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
  patchFarm,
  startOperator,
  SYSTEM,
} from "../harness/world.ts";
import { type Between, between, liveThrough } from "./between.ts";
import { LdapProxy } from "./ldap-proxy.ts";
import { type Effect, matching, Schedule } from "./schedule.ts";

const NAMESPACE = "silent";

/** Nobody says that anything is wrong: only a deadline ends it. All at once, since each waits for most of its time; each has a way of its own. */
describe.skipIf(!available)("a server that does not answer in the middle of a write is given up, and asked again", () => {
  let operator: Operator;
  let middle: Between;
  let other: LdapProxy;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
    other = await LdapProxy.start({ url: directory.url, ca: directory.ca }, new Schedule());
    await applyDomain({ name: "direct" });
    await applyDomain({ name: "other", ca: other.ca, spec: { servers: [other.url] } });
    operator = await middle.start();
    for (const name of ["contoso", "direct", "other"]) await domainReady(30, name);
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
    await other.stop();
  });

  test.concurrent("a directory whose connection is half open", { timeout: 180_000 }, async () => {
    const fault = { matches: matching("ldap", "add"), when: { nth: 1 }, effect: { kind: "Hang" } } as const;
    await liveThrough(middle.ldap.schedule, fault, NAMESPACE, "hangs", 90);
  });

  test.concurrent("a directory that answers with what is no message, which the client skips", { timeout: 180_000 }, async () => {
    const fault = { matches: matching("ldap", "modify"), when: { nth: 1 }, effect: { kind: "Garbage" } } as const;
    await liveThrough(other.schedule, fault, NAMESPACE, "garbage", 90, "other");
  });

  test.concurrent("an API server", { timeout: 180_000 }, async () => {
    const fault = {
      matches: matching("http", "PATCH", /serverfarms\/unheard\/status/),
      when: { nth: 1 },
      effect: { kind: "Hang" },
    } as const;
    await liveThrough(middle.http.schedule, fault, NAMESPACE, "unheard", 90, "direct");
    await waitFor("readiness", async () => (await operator.ready()).status === 200);
  });
});

describe.skipIf(!available)("a farm in the middle of its turn when the program is to end", () => {
  const schedule = new Schedule();
  let proxy: LdapProxy;
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    proxy = await LdapProxy.start({ url: directory.url, ca: directory.ca }, schedule);
    await applyDomain({ name: "ending", ca: proxy.ca, spec: { servers: [proxy.url] } });
  });

  afterAll(async () => {
    schedule.set();
    operator = await startOperator();
    await cleanUp();
    await operator.stop();
    await proxy.stop();
  });

  const isWorking = (): Promise<boolean> =>
    operator.metric("controller_runtime_active_workers", { controller: "serverfarm" }).then((count) => count > 0);

  /** A farm whose turn has come, and meets the fault. Resolves with how the program ends, and after how many seconds. */
  async function endWith(
    name: string,
    operation: string,
    effect: Effect,
  ): Promise<{ readonly code: number | null; readonly seconds: number }> {
    operator = await startOperator({ leaderElection: {} });
    await domainReady(60, "ending");
    await cluster.apply(farmOf(NAMESPACE, name, { domainRef: { name: "ending" }, hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, name, 60);
    schedule.set({ matches: matching("ldap", operation), when: { probability: 1 }, effect });
    await patchFarm(NAMESPACE, name, { account: { description: "late" } });
    await waitFor("its turn", isWorking);
    const started = performance.now();
    const code = await operator.stop();
    schedule.set();
    return { code, seconds: (performance.now() - started) / 1000 };
  }

  test("is given up where the directory is silent, and the Lease is released", { timeout: 180_000 }, async () => {
    const { code, seconds } = await endWith("mute", "search", { kind: "Hang" });
    expect(code).toBe(0);
    expect(seconds).toBeGreaterThan(4);
    expect(seconds).toBeLessThan(25);
    expect(await cluster.get("Lease", "serverfarm-operator", SYSTEM)).toMatchObject({ spec: { holderIdentity: "" } });
  });

  test("waits for the answer to a write that was sent", { timeout: 180_000 }, async () => {
    const { code, seconds } = await endWith("written", "modify", { kind: "Lag", milliseconds: 10_000 });
    expect(code).toBe(0);
    expect(seconds).toBeGreaterThan(6);
    expect((await directory.find("written$"))?.["description"]).toBe("late");
    const lines = operator.log.split("\n").filter((line) => line.includes('"audit"') && line.includes("CN=written,"));
    expect(lines.filter((line) => line.includes('"late"') && line.includes('"result":"Done"'))).toHaveLength(1);
  });
});
