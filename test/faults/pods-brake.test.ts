/** What is published for Pods while the farm or its domain is suspended, or only observed: nothing of it is written until it may go on, unless another farm gets its account's name. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { admit, giveRights, installKind, podOf, removeKind, takeRights } from "../harness/pods.ts";
import { waitFor } from "../harness/process.ts";
import {
  available,
  cleanUp,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  domainWhere,
  farmOf,
  farmReady,
  getFarm,
  getFarms,
  patchFarm,
} from "../harness/world.ts";
import { type Between, between, podRequests, podWrites } from "./between.ts";
import { matching } from "./schedule.ts";

const NAMESPACE = "pods-brake";
const OPTIONS = { pods: { enabled: true, configMaps: true } };
/** A farm that gets nothing: once it has seen a change, all that was changed before has been seen. */
const SENTINEL = "podlast";

type Level = "farm" | "domain";
const BRAKES = [
  { key: "fs", level: "farm", how: "suspend", stop: { suspend: true } },
  { key: "fo", level: "farm", how: "Observe", stop: { managementPolicy: "Observe" } },
  { key: "ds", level: "domain", how: "suspend", stop: { suspend: true } },
  { key: "do", level: "domain", how: "Observe", stop: { managementPolicy: "Observe" } },
] as const;
type BrakeCase = (typeof BRAKES)[number];
const GO = { suspend: false, managementPolicy: "Enforce" };

const patchDomain = (spec: object) => cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec });
const specOf = (name: string) => cluster.find("GMSACredentialSpec", `${NAMESPACE}.${name}`);
const inNamespace = (kind: "Role" | "RoleBinding" | "ConfigMap", name: string) => cluster.find(kind, `${name}-credential-spec`, NAMESPACE);
const mayBeUsed = async (name: string, account = "web"): Promise<boolean> =>
  Array.isArray(await admit(cluster, NAMESPACE, podOf(account, `${NAMESPACE}.${name}`)));

/** All that is published, as it is. */
async function published(name: string): Promise<readonly unknown[]> {
  const all = [specOf(name), ...(["Role", "RoleBinding", "ConfigMap"] as const).map((kind) => inNamespace(kind, name))];
  return (await Promise.all(all)).map((object) => object && { ...object, metadata: object.metadata.uid });
}

describe.skipIf(!available)("what is published for Pods, with the brake on", () => {
  let middle: Between;
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await installKind(cluster);
    await giveRights(cluster);
    middle = await between();
    operator = await middle.start(OPTIONS);
    await domainReady();
    await cluster.apply(farmOf(NAMESPACE, SENTINEL, { suspend: true }));
  });
  beforeEach(async () => {
    middle.http.schedule.set();
    await patchDomain(GO);
    await domainReady();
  });
  afterAll(async () => {
    middle.http.schedule.set();
    await patchDomain(GO);
    // Also of a test that failed, whose farm would keep everything from ending.
    for (const { metadata } of await getFarms(NAMESPACE)) await patchFarm(NAMESPACE, metadata.name, GO);
    try {
      await cleanUp();
    } finally {
      await operator.stop();
      await middle.stop();
      await removeKind(cluster);
      await takeRights(cluster);
    }
  });

  const change = (level: Level, name: string, spec: object): Promise<void> =>
    level === "farm" ? patchFarm(NAMESPACE, name, spec) : patchDomain(spec);

  /** Resolves once the operator has seen all that was written before. */
  async function seen(): Promise<void> {
    const asked = crypto.randomUUID();
    await cluster.annotate("ServerFarm", SENTINEL, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": asked });
    await waitFor("the sentinel", async () => (await getFarm(NAMESPACE, SENTINEL)).status?.lastHandledReconcileRequest === asked);
  }

  async function stopped({ level, how, stop }: BrakeCase, name: string): Promise<void> {
    await change(level, name, stop);
    if (level === "domain") await domainWhere(({ reason }) => reason === (how === "suspend" ? "Suspended" : "Observing"));
    await seen();
  }

  /** The operator has looked at the farm again, and has left it. */
  async function looked(name: string): Promise<void> {
    const asked = crypto.randomUUID();
    await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": asked });
    await waitFor("a look", async () => (await getFarm(NAMESPACE, name)).status?.lastHandledReconcileRequest === asked);
  }

  async function publish(name: string): Promise<readonly unknown[]> {
    await cluster.apply(farmOf(NAMESPACE, name, { pods: { serviceAccounts: ["web"] } }));
    await farmReady(NAMESPACE, name);
    return await published(name);
  }

  test.each(BRAKES)("$level, $how: whoever spoils it, and whatever the farm asks for, it stays so until it may go on", async (brake) => {
    const name = `podheld${brake.key}`;
    const [wanted] = await publish(name);
    await stopped(brake, name);
    const before = podRequests(middle).length;
    await cluster.patch("GMSACredentialSpec", `${NAMESPACE}.${name}`, undefined, { credspec: { CmsPlugins: ["x"] } });
    await cluster.patch("Role", `${name}-credential-spec`, NAMESPACE, { rules: [] });
    await cluster.delete("RoleBinding", `${name}-credential-spec`, NAMESPACE);
    await patchFarm(NAMESPACE, name, { pods: { serviceAccounts: ["web", "worker"], configMap: true } });
    const spoilt = await published(name);
    await looked(name);
    // One that starts now knows nothing of how it was.
    await operator.stop();
    operator = await middle.start(OPTIONS);
    await looked(name);
    const asked = podRequests(middle).slice(before);
    expect(brake.how === "suspend" ? asked : asked.filter((request) => !request.startsWith("GET "))).toEqual([]);
    expect(await published(name)).toEqual(spoilt);
    await change(brake.level, name, GO);
    await farmReady(NAMESPACE, name);
    expect((await published(name))[0]).toEqual(wanted);
    await waitFor("the right", async () => (await mayBeUsed(name)) && (await mayBeUsed(name, "worker")));
    expect(await inNamespace("ConfigMap", name)).toBeDefined();
    await cluster.delete("ServerFarm", name, NAMESPACE);
  });

  test.each(BRAKES)("$level, $how: a farm that is deleted keeps it until it may go on", async (brake) => {
    const name = `poddone${brake.key}`;
    const wanted = await publish(name);
    await stopped(brake, name);
    const before = podWrites(middle).length;
    await cluster.delete("ServerFarm", name, NAMESPACE, 0);
    await waitFor(
      "the farm to wait",
      () => getFarm(NAMESPACE, name),
      (farm) => ["Suspended", "DeletionBlocked"].includes(condition(farm, "Ready")?.reason ?? ""),
    );
    await looked(name);
    expect(podWrites(middle).slice(before)).toEqual([]);
    expect(await published(name)).toEqual(wanted);
    expect(await mayBeUsed(name)).toBe(true);
    await change(brake.level, name, GO);
    await cluster.waitGone("ServerFarm", name, NAMESPACE);
    expect(await published(name)).toEqual([undefined, undefined, undefined, undefined]);
    expect(await directory.find(`${name}$`)).toBeUndefined();
  });

  test.each(BRAKES)("$level, $how: a farm that is abandoned leaves nobody the right", async (brake) => {
    const name = `podfree${brake.key}`;
    await publish(name);
    await stopped(brake, name);
    await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/abandon": "true" });
    await cluster.delete("ServerFarm", name, NAMESPACE);
    expect(await published(name)).toEqual([undefined, undefined, undefined, undefined]);
    expect(await directory.find(`${name}$`)).toBeDefined();
    await waitFor("the end of it", async () => (await cluster.events(NAMESPACE)).includes(`Abandoned ${name}`));
    expect(await cluster.events(NAMESPACE)).not.toContain(`ObjectKept ${name}`);
    await remove(name);
  });

  const WRITES = [
    { what: "publishes", first: /POST roles/ },
    { what: "withdraws", first: /DELETE rolebindings/ },
    { what: "deletes", first: /DELETE rolebindings/ },
  ] as const;
  const cases = WRITES.flatMap((write) => BRAKES.map((brake) => ({ ...write, brake, level: brake.level, how: brake.how })));

  test.each(cases)("$level, $how, while the operator $what: the write under way is the last", async ({ what, first, brake }) => {
    const name = `podmid${what.slice(0, 4)}${brake.key}`;
    if (what !== "publishes") await publish(name);
    const before = podWrites(middle).length;
    const [method = "", plural = ""] = first.source.split(" ");
    let isStopped = false;
    middle.http.schedule.set({
      matches: matching("http", method, new RegExp(`/${plural}([/?]|$)`)),
      when: { nth: 1 },
      effect: {
        kind: "Call",
        at: "before",
        action: async () => {
          await stopped(brake, name);
          isStopped = true;
        },
      },
    });
    if (what === "publishes") await cluster.apply(farmOf(NAMESPACE, name, { pods: { serviceAccounts: ["web"] } }));
    if (what === "withdraws") await patchFarm(NAMESPACE, name, { pods: null });
    if (what === "deletes") await cluster.delete("ServerFarm", name, NAMESPACE, 0);
    await waitFor("the stop", () => isStopped);
    await waitFor(
      "the farm to wait",
      () => getFarm(NAMESPACE, name),
      (farm) => ["Suspended", "ChangesPending", "DeletionBlocked"].includes(condition(farm, "Ready")?.reason ?? ""),
    );
    await looked(name);
    expect(podWrites(middle).slice(before)).toEqual([first.source]);
    expect((await specOf(name)) !== undefined).toBe(what !== "publishes");
    expect(await inNamespace("RoleBinding", name)).toBeUndefined();
    await change(brake.level, name, GO);
    if (what === "deletes") await cluster.waitGone("ServerFarm", name, NAMESPACE);
    else await farmReady(NAMESPACE, name);
    expect((await specOf(name)) !== undefined).toBe(what === "publishes");
    await cluster.delete("ServerFarm", name, NAMESPACE);
  });

  async function remove(name: string): Promise<void> {
    const found = [await directory.find(`${name}$`), await directory.find(`${name}Hosts`)];
    await directory.asAdministrator(async (client) => {
      for (const entry of found) if (entry) await client.del(entry.dn);
    });
  }
});
