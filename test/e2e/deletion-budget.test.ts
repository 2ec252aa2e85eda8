/** More farms are deleted than a domain lets go within a time: the rest waits, says so, and can be saved. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { between, type Between } from "../faults/between.ts";
import { matching } from "../faults/schedule.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { commandsOf, mentionedIn } from "../harness/docs.ts";
import { findKubectl, shellWith } from "../harness/kube.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  type Farm,
  farmOf,
  farmReady,
  farmWhere,
  getFarm,
  getFarms,
  ownedInDirectory,
} from "../harness/world.ts";

const NAMESPACE = "budget";
const PAGE = "docs/runbooks/ServerFarmDeletionBudgetExceeded.md";
const kubectl = available ? await findKubectl() : undefined;
const recorded = z.object({ status: z.object({ deletions: z.array(z.object({ farm: z.string(), uid: z.string() })).default([]) }) });

describe.skipIf(!available)("the deletion budget of a domain", () => {
  let middle: Between;
  let operator: Operator;

  const isWrite = matching("ldap", /^(add|modify|delete|modifyDN)$/);
  /** Undefined: as it is by default. */
  const budget = (deletionBudget: object | null): Promise<void> =>
    cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { deletionBudget } });
  const deletions = async () => recorded.parse(await cluster.get("ActiveDirectoryDomain", "contoso")).status.deletions;
  const forgetDeletions = async (): Promise<void> => {
    const path = `${cluster.path("ActiveDirectoryDomain", undefined, "contoso")}/status`;
    await cluster.call("PATCH", path, { body: { status: { deletions: null } }, contentType: "application/merge-patch+json" });
  };
  const isHeld = (farm: Farm): boolean =>
    condition(farm, "Ready")?.reason === "DeletionBlocked" &&
    [condition(farm, "Reconciling"), condition(farm, "Stalled")].some((one) => one?.reason === "DeletionBudgetExceeded");
  const make = async (names: readonly string[], namespace = NAMESPACE): Promise<void> => {
    await cluster.apply(...names.map((name) => farmOf(namespace, name, { hosts: { computers: ["WEB01"] } })));
    for (const name of names) await farmReady(namespace, name, 60);
  };
  const remove = (name: string): Promise<void> => cluster.delete("ServerFarm", name, NAMESPACE, 0);
  const shell = (command: string): Promise<string> => shellWith(kubectl, cluster.kubeconfig)(command);

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
    await applyDomain({ account: DELEGATED, ca: middle.ldap.ca, spec: { servers: [middle.ldap.url] } });
    operator = await middle.start();
    await domainReady();
  });

  afterEach(async () => {
    await budget({ farms: 1000, per: "1s" });
    await cluster.deleteAll("ServerFarm");
    await forgetDeletions();
  });

  afterAll(async () => {
    try {
      await cleanUp();
    } finally {
      await operator.stop();
      await middle.stop();
    }
  });

  test("a claim that the API server does not answer keeps no other farm waiting for long", { timeout: 180_000 }, async () => {
    await make(["hung", "behind"]);
    const { schedule } = middle.http;
    const asks = matching("http", "GET", /activedirectorydomains\/contoso/);
    const before = schedule.done.length;
    schedule.set({ matches: asks, when: { nth: 1 }, effect: { kind: "Hang" } });
    await remove("hung");
    await waitFor("the claim", () => schedule.done.length > before);
    const started = performance.now();
    await remove("behind");
    await waitFor("the other to be gone", async () => (await directory.find("behind$")) === undefined, Boolean, 60);
    expect((performance.now() - started) / 1000).toBeLessThan(25);
    await waitFor("both to be gone", async () => (await ownedInDirectory()).length === 0, Boolean, 60);
    schedule.set();
  });

  test("a status that the API server does not answer keeps the domain from nothing for long", { timeout: 180_000 }, async () => {
    await make(["drifts"]);
    const { schedule } = middle.http;
    const before = schedule.done.length;
    const writes = matching("http", "PATCH", /activedirectorydomains\/contoso\/status/);
    schedule.set({ matches: writes, when: { nth: 1 }, effect: { kind: "Hang" } });
    // The domain counts its farms; what it counted last may be as many as there are now.
    let counted = 0;
    const another = async (): Promise<boolean> => {
      await make([`counted${counted++}`]);
      await sleep(1500);
      return schedule.done.length > before;
    };
    await waitFor("the status", another, Boolean, 60);
    const started = performance.now();
    await directory.modify((await directory.find("driftsHosts"))?.dn ?? "", "delete", "member", []);
    await waitFor("the drift to be put right", async () => (await directory.members("driftsHosts")).length === 1, Boolean, 60);
    expect((performance.now() - started) / 1000).toBeLessThan(25);
    schedule.set();
  });

  test.skipIf(kubectl === undefined)(
    "a namespace of thirty farms that is deleted by mistake loses ten, and the rest is saved",
    { timeout: 240_000 },
    async () => {
      await createNamespace("web");
      const names = Array.from({ length: 30 }, (_, index) => `shop${index}`);
      await make(names, "web");
      await budget(null);
      expect(await cluster.get("ActiveDirectoryDomain", "contoso")).toMatchObject({ spec: { deletionBudget: { farms: 10, per: "1h" } } });
      await cluster.delete("Namespace", "web", undefined, 0);
      const twenty = (farms: readonly Farm[]): boolean => farms.length === 20 && farms.every(isHeld);
      await waitFor("twenty that wait", () => getFarms("web"), twenty, 60);
      expect(await ownedInDirectory()).toHaveLength(40);
      expect(await deletions()).toHaveLength(10);
      const event = /^Warning DeletionBudgetExceeded contoso .* 10 farms within 1h/m;
      await waitFor("the Event", async () => event.test(await cluster.events("default")));
      // A restart does not refill it.
      await operator.stop();
      operator = await middle.start();
      await domainReady();
      for (const { metadata } of await getFarms("web"))
        await cluster.annotate("ServerFarm", metadata.name, "web", { "serverfarm.dev/reconcile-requested-at": "again" });
      await waitFor("twenty that are counted", async () => (await operator.metric("serverfarm_domain_deletions_waiting")) === 20);
      expect(await ownedInDirectory()).toHaveLength(40);

      const [, , , save = ""] = await commandsOf(PAGE);
      await shell(save);
      await cluster.waitGone("Namespace", "web", undefined, 60);
      expect(await ownedInDirectory()).toEqual([]);
      const kept = (await directory.search("(&(objectClass=msDS-GroupManagedServiceAccount)(sAMAccountName=shop*))")).map((entry) =>
        String(entry["sAMAccountName"]),
      );
      expect(kept).toHaveLength(20);
      for (const account of kept) expect(await directory.members(account.replace("$", "Hosts"))).toEqual(["WEB01$"]);
      expect(await deletions()).toHaveLength(10);
      await directory.asAdministrator(async (client) => {
        for (const { dn } of await directory.search("(sAMAccountName=shop*)")) await client.del(dn);
      });
    },
  );

  test("an operator that is killed between the record and the first write takes no second slot", async () => {
    await make(["first", "second"]);
    await budget({ farms: 1, per: "1h" });
    const isDead = Promise.withResolvers<undefined>();
    const action = async (): Promise<void> => {
      await operator.kill();
      isDead.resolve(undefined);
    };
    middle.ldap.schedule.set({ matches: isWrite, when: { nth: 1 }, effect: { kind: "Call", at: "before", action } });
    await remove("first");
    await isDead.promise;
    middle.ldap.schedule.set();
    expect((await deletions()).map(({ farm }) => farm)).toEqual([`${NAMESPACE}/first`]);
    await remove("second");
    operator = await middle.start();
    await cluster.waitGone("ServerFarm", "first", NAMESPACE, 30);
    const second = await farmWhere(NAMESPACE, "second", isHeld);
    expect(await directory.find("first$")).toBeUndefined();
    expect(await directory.members("secondHosts")).toEqual(["WEB01$"]);
    expect((await deletions()).map(({ farm }) => farm)).toEqual([`${NAMESPACE}/first`]);
    // Another farm's uid lets nobody through.
    await cluster.annotate("ServerFarm", "second", NAMESPACE, { "serverfarm.dev/confirm-deletion": crypto.randomUUID() });
    await cluster.annotate("ServerFarm", "second", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await farmWhere(NAMESPACE, "second", ({ status }) => status !== undefined);
    expect(condition(await getFarm(NAMESPACE, "second"), "Ready")?.reason).toBe("DeletionBlocked");
    const line = /kubectl annotate farm .* serverfarm.dev\/confirm-deletion=\S+/.exec(condition(second, "Ready")?.message ?? "")?.[0] ?? "";
    const documented = (await mentionedIn(PAGE)).find((command) => command.includes("confirm-deletion"));
    expect(line).toBe(documented?.replace("itfarm1", "second").replace("web", NAMESPACE).replace("UID", second.metadata.uid));
    await cluster.annotate("ServerFarm", "second", NAMESPACE, { "serverfarm.dev/confirm-deletion": second.metadata.uid });
    await cluster.waitGone("ServerFarm", "second", NAMESPACE, 30);
    expect(await directory.find("second$")).toBeUndefined();
    // It did not use the budget.
    expect((await deletions()).map(({ farm }) => farm)).toEqual([`${NAMESPACE}/first`]);
  });

  test("those that wait go on by themselves, the oldest first; what owns nothing or is retained needs no slot", async () => {
    await make(["early", "a-older", "b-younger", "retained"]);
    await budget({ farms: 1, per: "8s" });
    await remove("early");
    await cluster.waitGone("ServerFarm", "early", NAMESPACE, 30);
    for (const name of ["a-older", "b-younger"]) {
      await remove(name);
      await farmWhere(NAMESPACE, name, isHeld);
    }
    await cluster.apply(farmOf(NAMESPACE, "empty", { account: { container: "OU=Nowhere" } }));
    await farmWhere(NAMESPACE, "empty", (farm) => condition(farm, "Ready")?.status === "False");
    await cluster.patch("ServerFarm", "retained", NAMESPACE, { spec: { deletionPolicy: "Retain" } });
    for (const name of ["empty", "retained"]) await cluster.delete("ServerFarm", name, NAMESPACE, 6);
    await cluster.waitGone("ServerFarm", "a-older", NAMESPACE, 30);
    expect(await directory.members("b-youngerHosts")).toEqual(["WEB01$"]);
    await cluster.waitGone("ServerFarm", "b-younger", NAMESPACE, 30);
    await directory.asAdministrator(async (client) => {
      for (const { dn } of await directory.search("(sAMAccountName=retained*)")) await client.del(dn);
    });
  });

  test("a larger budget lets them go on at once; with none each has to be confirmed", async () => {
    await make(["none"]);
    await budget({ farms: 0, per: "1h" });
    await remove("none");
    const held = await farmWhere(NAMESPACE, "none", isHeld);
    expect(condition(held, "Stalled")?.reason).toBe("DeletionBudgetExceeded");
    // As long as it waits its hosts have the right, but for one that is quarantined meanwhile.
    const account = (await directory.find("none$"))?.dn ?? "";
    expect(await directory.retrieves("WEB01", account)).toBe(true);
    await cluster.patch("ServerFarm", "none", NAMESPACE, { spec: { hosts: { quarantined: ["WEB01"] } } });
    await waitFor("the quarantine", async () => !(await directory.retrieves("WEB01", account)));
    await farmWhere(NAMESPACE, "none", isHeld);
    await budget({ farms: 1, per: "1h" });
    await cluster.waitGone("ServerFarm", "none", NAMESPACE, 10);
  });
});
