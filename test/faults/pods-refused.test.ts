/** spec.pods where the API server refuses one object, or does not answer: the rest goes on, it is said, and nobody is held up by it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
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
  type Farm,
  farmOf,
  farmReady,
  farmWhere,
  patchFarm,
} from "../harness/world.ts";
import { type Between, between } from "./between.ts";
import { type Effect, matching } from "./schedule.ts";

const NAMESPACE = "pods-refused";
const podsReady = (farm: Farm) => condition(farm, "PodsReady");
const specOf = (name: string) => cluster.find("GMSACredentialSpec", `${NAMESPACE}.${name}`);
const bindingOf = (name: string) => cluster.find("RoleBinding", `${name}-credential-spec`, NAMESPACE);

const patchDomain = (spec: object) => cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec });

describe.skipIf(!available)("one object of what Pods need", () => {
  let middle: Between;
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await installKind(cluster);
    await giveRights(cluster);
    middle = await between();
    operator = await middle.start({ pods: { enabled: true, configMaps: true } });
    await domainReady();
  });
  afterEach(async () => {
    middle.http.schedule.set();
    await patchDomain({ suspend: false, managementPolicy: "Enforce" });
  });
  afterAll(async () => {
    try {
      await cleanUp();
    } finally {
      await operator.stop();
      await middle.stop();
      await removeKind(cluster);
      await takeRights(cluster);
    }
  });

  /** From now on each such request is answered so. */
  function answer(operation: RegExp, path: RegExp, effect: Effect): void {
    middle.http.schedule.set({ matches: matching("http", operation, path), when: { probability: 1 }, effect });
  }
  const refuse = (operation: RegExp, path: RegExp): void => answer(operation, path, { kind: "Error", code: 403 });

  async function publish(name: string): Promise<unknown> {
    await cluster.apply(farmOf(NAMESPACE, name, { pods: { serviceAccounts: ["web"] } }));
    await farmReady(NAMESPACE, name);
    return (await specOf(name))?.["credspec"];
  }
  const spoil = (name: string): Promise<unknown> =>
    cluster.patch("GMSACredentialSpec", `${NAMESPACE}.${name}`, undefined, { credspec: { CmsPlugins: ["x"] } });
  const isFixed = (name: string, wanted: unknown): Promise<unknown> =>
    waitFor("the fix", async () => JSON.stringify((await specOf(name))?.["credspec"]) === JSON.stringify(wanted));

  test("is read few at a time: whoever may write one may fill it", () => {
    const limits = middle.http.schedule.seen.flatMap(({ protocol, operation, path }) =>
      protocol === "http" && operation === "GET" && /gmsacredentialspecs|roles|rolebindings/.test(path)
        ? (/limit=(\d+)/.exec(path)?.[1] ?? [])
        : [],
    );
    // One alone is asked for to learn the version.
    expect(new Set(limits.filter((limit) => limit !== "1"))).toEqual(new Set(["50"]));
  });

  test.each([
    ["an error", { kind: "Error", code: 500 }],
    ["no answer", { kind: "DropBefore" }],
  ] as const)("that gets %s makes the farm unready, and the log says it", async (how, effect) => {
    const name = `poderr${how.length}`;
    const wanted = await publish(name);
    answer(/PATCH/, /gmsacredentialspecs/, effect);
    await spoil(name);
    const farm = await farmWhere(NAMESPACE, name, (one) => podsReady(one)?.status === "Unknown");
    expect(podsReady(farm)).toMatchObject({ reason: "Progressing", message: expect.stringContaining("The operator tries again") });
    expect(condition(farm, "Ready")).toMatchObject({ status: "False", reason: "Progressing" });
    expect(farm.status).toMatchObject({ pods: { credentialSpecName: `${NAMESPACE}.${name}` } });
    await waitFor("the log", () => operator.log.includes("what is published for Pods was not finished"));
    middle.http.schedule.set();
    await farmReady(NAMESPACE, name);
    expect((await specOf(name))?.["credspec"]).toEqual(wanted);
    await cluster.delete("ServerFarm", name, NAMESPACE);
  });

  test.each([
    ["configmaps", { configMap: true }],
    ["rolebindings", { serviceAccounts: ["web", "worker"] }],
    ["roles", {}],
  ])("that is refused keeps no spec old: %s", async (plural, pods) => {
    const name = `podold${plural.slice(0, 5)}`;
    const wanted = await publish(name);
    refuse(/POST|PATCH/, new RegExp(`/${plural}([/?]|$)`));
    if (plural === "roles") await cluster.patch("Role", `${name}-credential-spec`, NAMESPACE, { rules: [] });
    await spoil(name);
    await patchFarm(NAMESPACE, name, { pods });
    await isFixed(name, wanted);
    const farm = await farmWhere(NAMESPACE, name, (one) => podsReady(one)?.reason === "AccessDenied");
    expect(farm.status).toMatchObject({ pods: { credentialSpecName: `${NAMESPACE}.${name}` } });
    middle.http.schedule.set();
    await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await farmReady(NAMESPACE, name);
    await cluster.delete("ServerFarm", name, NAMESPACE);
  });

  test.each([
    ["configmaps", true],
    ["rolebindings", false],
    ["roles", false],
  ])("that is refused, before there is a spec: %s", async (plural, isPublished) => {
    const name = `podnew${plural.slice(0, 5)}`;
    refuse(/POST/, new RegExp(`/${plural}(\\?|$)`));
    await cluster.apply(farmOf(NAMESPACE, name, { pods: { serviceAccounts: ["web"], configMap: true } }));
    const farm = await farmWhere(NAMESPACE, name, (one) => podsReady(one)?.reason === "AccessDenied");
    expect((await specOf(name)) !== undefined).toBe(isPublished);
    expect("pods" in (farm.status ?? {})).toBe(isPublished);
    middle.http.schedule.set();
    await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await farmReady(NAMESPACE, name);
    await cluster.delete("ServerFarm", name, NAMESPACE);
  });

  test("that keeps changing does not hold the end up", async () => {
    await publish("podconflict");
    answer(/DELETE/, /\/(roles|rolebindings)\//, { kind: "Error", code: 409 });
    await cluster.delete("ServerFarm", "podconflict", NAMESPACE);
    expect(await specOf("podconflict")).toBeUndefined();
    expect(await directory.find("podconflict$")).toBeUndefined();
  });

  test("that changed once is deleted as it is now", async () => {
    await publish("podonce");
    middle.http.schedule.set({
      matches: matching("http", "DELETE", /rolebindings/),
      when: { nth: 1 },
      effect: { kind: "Error", code: 409 },
    });
    const passed = middle.http.schedule.seen.length;
    await cluster.delete("ServerFarm", "podonce", NAMESPACE);
    const sent = middle.http.schedule.seen.slice(passed).filter(({ operation }) => operation === "DELETE");
    expect(sent.filter(({ path }) => path.includes("rolebindings")).length).toBe(2);
    expect(await specOf("podonce")).toBeUndefined();
  });

  test("that cannot be deleted holds the end up, but not the spec's; a farm that is let go goes all the same", async () => {
    await publish("podheld");
    answer(/DELETE/, /rolebindings/, { kind: "Error", code: 500 });
    await cluster.delete("ServerFarm", "podheld", NAMESPACE, 0);
    await waitFor("the end of the spec", async () => (await specOf("podheld")) === undefined);
    expect(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.podheld`))).toHaveProperty("refused");
    expect(await cluster.find("ServerFarm", "podheld", NAMESPACE)).toBeDefined();
    await cluster.annotate("ServerFarm", "podheld", NAMESPACE, { "serverfarm.dev/abandon": "true" });
    await cluster.waitGone("ServerFarm", "podheld", NAMESPACE);
    await waitFor("the Event", async () => /ObjectKept podheld .*gmsacredentialspecs/.test(await cluster.events(NAMESPACE)));
    middle.http.schedule.set();
    await remove("podheld");
  });

  test.each([
    ["suspend", { suspend: true }, { suspend: false }],
    ["Observe", { managementPolicy: "Observe" }, { managementPolicy: "Enforce" }],
  ])("is the last that is written once the domain says stop: %s", async (how, stop, go) => {
    const name = `podstop${how.toLowerCase()}`;
    middle.http.schedule.done.length = 0;
    middle.http.schedule.set({
      matches: matching("http", "POST", /\/roles(\?|$)/),
      when: { nth: 1 },
      effect: {
        kind: "Call",
        at: "before",
        action: async () => {
          await patchDomain(stop);
          await domainWhere(({ reason }) => reason === "Suspended" || reason === "Observing");
        },
      },
    });
    await cluster.apply(farmOf(NAMESPACE, name, { pods: { serviceAccounts: ["web"] } }));
    await waitFor("the stop", () => middle.http.schedule.done.length > 0);
    await farmWhere(NAMESPACE, name, (farm) =>
      ["Suspended", "ChangesPending"].includes((how === "suspend" ? condition(farm, "Ready") : podsReady(farm))?.reason ?? ""),
    );
    expect([await bindingOf(name), await specOf(name)]).toEqual([undefined, undefined]);
    await patchDomain(go);
    await farmReady(NAMESPACE, name);
    await cluster.delete("ServerFarm", name, NAMESPACE);
  });

  async function remove(name: string): Promise<void> {
    const found = [await directory.find(`${name}$`), await directory.find(`${name}Hosts`)];
    await directory.asAdministrator(async (client) => {
      for (const entry of found) if (entry) await client.del(entry.dn);
    });
  }
});
