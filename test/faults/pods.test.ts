/** spec.pods with an operator that dies, or loses an answer, at every write to the API server. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { admit, giveRights, installKind, podOf, removeKind, takeRights } from "../harness/pods.ts";
import { waitFor } from "../harness/process.ts";
import {
  available,
  cleanUp,
  cluster,
  createNamespace,
  directory,
  farmOf,
  farmReady,
  ownedInDirectory,
  patchFarm,
} from "../harness/world.ts";
import { type Between, between } from "./between.ts";
import type { Effect, Message } from "./schedule.ts";

const NAMESPACE = "pods-every";
const SPEC = `${NAMESPACE}.podmort`;
const OPTIONS = { pods: { enabled: true, configMaps: true } };

const writes = ({ protocol, operation, path }: Message): boolean =>
  protocol === "http" &&
  ["POST", "PUT", "PATCH", "DELETE"].includes(operation) &&
  /serverfarms|gmsacredentialspecs|roles|rolebindings|configmaps/.test(path);

async function exists(): Promise<Readonly<Record<"spec" | "role" | "binding" | "map" | "account", boolean>>> {
  // The spec first on the way up, and last on the way down: what it needs is looked at after it.
  const spec = await cluster.find("GMSACredentialSpec", SPEC);
  const [role, binding, map] = await Promise.all(
    ["Role", "RoleBinding", "ConfigMap"].map((kind) => cluster.find(kind, "podmort-credential-spec", NAMESPACE)),
  );
  const account = await directory.find("podmort$");
  return {
    spec: spec !== undefined,
    role: role !== undefined,
    binding: binding !== undefined,
    map: map !== undefined,
    account: account !== undefined,
  };
}

describe.skipIf(!available)("what is published for Pods by an operator that is killed at every write", () => {
  let middle: Between;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await installKind(cluster);
    await giveRights(cluster);
    middle = await between();
  });

  afterAll(async () => {
    const operator = await middle.start(OPTIONS);
    await cleanUp();
    await operator.stop();
    await middle.stop();
    await removeKind(cluster);
    await takeRights(cluster);
  });

  const PHASES = {
    create: () => cluster.apply(farmOf(NAMESPACE, "podmort", { pods: { serviceAccounts: ["web"] } })),
    change: () => patchFarm(NAMESPACE, "podmort", { pods: { serviceAccounts: ["worker"], configMap: true } }),
    withdraw: () => patchFarm(NAMESPACE, "podmort", { pods: null }),
    delete: () => cluster.delete("ServerFarm", "podmort", NAMESPACE, 0),
  };
  type Phase = keyof typeof PHASES;
  const BEFORE: Readonly<Record<Phase, Phase>> = { create: "delete", change: "create", withdraw: "change", delete: "change" };

  async function finished(phase: Phase): Promise<void> {
    if (phase === "delete") await cluster.waitGone("ServerFarm", "podmort", NAMESPACE);
    else await farmReady(NAMESPACE, "podmort");
    const isThere = phase === "create" || phase === "change";
    const all = await waitFor(
      "all of it",
      exists,
      ({ map, ...rest }) => rest.spec === isThere && rest.binding === isThere && map === (phase === "change"),
    );
    expect(all).toEqual({ spec: isThere, role: isThere, binding: isThere, map: phase === "change", account: phase !== "delete" });
    for (const account of ["web", "worker"]) {
      const may = isThere && account === (phase === "change" ? "worker" : "web");
      expect(Array.isArray(await admit(cluster, NAMESPACE, podOf(account, SPEC))), account).toBe(may);
    }
    expect(await ownedInDirectory()).toHaveLength(phase === "delete" ? 0 : 2);
  }

  async function prepare(phase: Phase): Promise<void> {
    const before = BEFORE[phase];
    if (before === "delete") await cluster.delete("ServerFarm", "podmort", NAMESPACE);
    else {
      await PHASES.create();
      await farmReady(NAMESPACE, "podmort");
      await PHASES[before]();
    }
    await finished(before);
  }

  /** Whether there was an n-th write, and the operator that runs in the end. Leaves the farm as it is before the phase. */
  async function brokenAt(phase: Phase, nth: number, effect: Effect | "Kill", victim: Operator): Promise<readonly [boolean, Operator]> {
    const { schedule } = middle.http;
    schedule.done.length = 0;
    schedule.set({
      matches: writes,
      when: { nth },
      effect: effect === "Kill" ? { kind: "Call", at: "after", action: () => victim.kill() } : effect,
    });
    await PHASES[phase]();
    const end = finished(phase).then(() => true);
    while (schedule.done.length === 0 && !(await Promise.race([end, sleep(20)])));
    const isBroken = schedule.done.length > 0;
    schedule.set();
    let last = victim;
    if (isBroken && effect === "Kill") {
      await last.kill();
      const { spec, role, binding, account } = await exists();
      // In whatever moment: no spec without what it needs, and nobody may use what is not there any more.
      if (spec) expect([account, phase === "create" ? role && binding : true], `${phase} ${nth}`).toEqual([true, true]);
      if (binding && phase !== "create") expect(spec, `${phase} ${nth}`).toBe(true);
      last = await middle.start(OPTIONS);
    }
    await end;
    await finished(phase);
    await prepare(phase);
    return [isBroken, last];
  }

  const EFFECTS: readonly (readonly [string, Effect | "Kill"])[] = [
    ["killed after", "Kill"],
    ["without an answer to", { kind: "DropAfter" }],
    ["refused at", { kind: "Error", code: 500 }],
  ];
  const cases = (["create", "change", "withdraw", "delete"] as const).flatMap((phase) =>
    EFFECTS.map(([how, effect]) => ({ phase, how, effect })),
  );

  test.each(cases)("$phase, $how each write", { timeout: 300_000 }, async ({ phase, effect }) => {
    let operator = await middle.start(OPTIONS);
    await prepare(phase);
    let nth = 0;
    for (let isBroken = true; isBroken;) [isBroken, operator] = await brokenAt(phase, ++nth, effect, operator);
    await operator.kill();
    // There were writes to be broken: the spec, the role and the binding at least, or the binding and the status.
    expect(nth).toBeGreaterThan(phase === "change" ? 2 : 3);
    expect(nth).toBeLessThan(20);
  });
});
