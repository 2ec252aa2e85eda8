import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import {
  available,
  cleanUp,
  cluster,
  condition,
  createNamespace,
  directory,
  type Farm,
  farmOf,
  farmWhere,
  getFarm,
  onSandbox,
  ownedInDirectory,
  patchFarm,
  startOperator,
} from "../harness/world.ts";
import { type Between, between } from "./between.ts";
import type { Message, Schedule } from "./schedule.ts";

const NAMESPACE = "every";
const SPEC = { hosts: { computers: ["WEB01", "WEB02"] }, servicePrincipalNames: ["http/mort"] };
const CHANGED = { hosts: { computers: ["WEB02", "WEB03"] }, servicePrincipalNames: ["http/mort-b"], account: { description: "changed" } };

/** Every message by which something is written, here or there. */
const writes = ({ protocol, operation, path }: Message): boolean =>
  (protocol === "ldap" && ["add", "modify", "delete"].includes(operation)) ||
  (protocol === "http" && ["POST", "PUT", "PATCH"].includes(operation) && path.includes("serverfarms"));

/** SIGKILL before the first write and after each: the next operator brings it to the end. */
describe.skipIf(!available)("an operator that is killed at every write", () => {
  let middle: Between;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
  });

  afterAll(async () => {
    const operator = await startOperator();
    await cleanUp();
    await operator.stop();
    await middle.stop();
  });

  const PHASES = {
    create: () => cluster.apply(farmOf(NAMESPACE, "mort", SPEC)),
    change: () => patchFarm(NAMESPACE, "mort", CHANGED),
    delete: () => cluster.delete("ServerFarm", "mort", NAMESPACE, 0),
    recreate: async () => {
      former = (await getFarm(NAMESPACE, "mort")).status?.account?.["objectGUID"] ?? "none";
      await cluster.annotate("ServerFarm", "mort", NAMESPACE, { "serverfarm.dev/recreate-account": former });
    },
  };
  type Phase = keyof typeof PHASES;
  /** The account that is to be created again. */
  let former = "";

  async function finished(phase: Phase): Promise<void> {
    if (phase === "delete") {
      await cluster.waitGone("ServerFarm", "mort", NAMESPACE);
      expect(await ownedInDirectory()).toEqual([]);
      return;
    }
    const changed = phase === "change";
    const isNew = ({ status }: Farm): boolean => phase !== "recreate" || status?.account?.["objectGUID"] !== former;
    await farmWhere(NAMESPACE, "mort", (farm) => condition(farm, "Ready")?.status === "True" && isNew(farm));
    expect(await directory.members("mortHosts")).toEqual(changed ? ["WEB02$", "WEB03$"] : ["WEB01$", "WEB02$"]);
    expect(await directory.find("mort$")).toMatchObject({ servicePrincipalName: changed ? "http/mort-b" : "http/mort" });
    if (phase === "recreate") expect(await directory.retrieves("WEB01", `CN=mort,OU=Farms,${BASE}`)).toBe(true);
    expect(await ownedInDirectory()).toHaveLength(2);
  }

  /** The farm as it is before the phase, by an operator that nobody kills. */
  async function prepare(phase: Phase): Promise<void> {
    if (phase === "create") await cluster.delete("ServerFarm", "mort", NAMESPACE);
    else await cluster.apply(farmOf(NAMESPACE, "mort", SPEC));
    await finished(phase === "create" ? "delete" : "create");
  }

  /** Whether there was an n-th write to be killed at, and the operator that runs in the end. Leaves the farm as it is before the phase. */
  async function killedAt(
    { phase, schedule, at }: { readonly phase: Phase; readonly schedule: Schedule; readonly at: "before" | "after" },
    nth: number,
    victim: Operator,
  ): Promise<readonly [boolean, Operator]> {
    schedule.done.length = 0;
    schedule.set({ matches: writes, when: { nth }, effect: { kind: "Call", at, action: () => victim.kill() } });
    await PHASES[phase]();
    const end = finished(phase).then(() => true);
    while (schedule.done.length === 0 && !(await Promise.race([end, sleep(20)])));
    const killed = schedule.done.length > 0;
    schedule.set();
    if (killed) await victim.kill();
    const next = killed ? await middle.start() : victim;
    await end;
    await finished(phase);
    await prepare(phase);
    return [killed, next];
  }

  const sides: readonly (readonly [string, () => Schedule])[] = [
    ["the directory", () => middle.ldap.schedule],
    ["the API server", () => middle.http.schedule],
  ];
  const cases = (["create", "change", "delete", "recreate"] as const).flatMap((phase) =>
    sides.flatMap(([side, schedule]) => (["before", "after"] as const).map((at) => ({ phase, side, schedule, at }))),
  );
  // Before the second is after the first.
  const most = { before: 1, after: Number.POSITIVE_INFINITY };

  test.each(cases)("$phase, $at a write to $side", { timeout: 300_000 }, async ({ phase, schedule, at }) => {
    let operator = await middle.start();
    await prepare(phase);
    let kills = 0;
    for (let killed = true; killed && kills < most[at]; kills += killed ? 1 : 0) {
      [killed, operator] = await killedAt({ phase, schedule: schedule(), at }, kills + 1, operator);
    }
    await operator.kill();
    expect(kills, "there was a write to be killed at").toBeGreaterThan(0);
    // On the real servers this is many starts of the operator; the sandbox shows that no more than a handful are needed.
    if (onSandbox) expect(kills).toBeLessThan(11);
  });
});
