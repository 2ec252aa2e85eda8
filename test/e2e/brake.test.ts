/** Whoever owns the domain stops everything: within a second, in the middle of a burst, and everything goes on once it may. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { between, type Between } from "../faults/between.ts";
import { matching, type Message } from "../faults/schedule.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { commandsOf } from "../harness/docs.ts";
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
  domainWhere,
  farmOf,
  farmReady,
  farmWhere,
  patchFarm,
} from "../harness/world.ts";

const NAMESPACE = "braked";
const PAGE = "docs/runbooks/StopEverything.md";
const kubectl = available ? await findKubectl() : undefined;

describe.skipIf(!available)("the brake of a domain", () => {
  let middle: Between;
  let operator: Operator;
  const burst = Array.from({ length: 40 }, (_, index) => `burst${index}`);

  const isWrite = matching("ldap", /^(add|modify|delete|modifyDN)$/);
  const isRequest = matching("ldap", /^(?!unbind$)/);
  const passed = (which: (message: Message) => boolean): number => middle.ldap.schedule.seen.filter(which).length;
  const brake = (spec: object): Promise<void> => cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec });
  const shell = (command: string): Promise<string> => shellWith(kubectl, cluster.kubeconfig)(command);

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
    await applyDomain({ account: DELEGATED, ca: middle.ldap.ca, spec: { servers: [middle.ldap.url] } });
    operator = await middle.start();
    await domainReady();
  });

  afterEach(async () => {
    middle.ldap.schedule.set();
    await brake({ suspend: false, managementPolicy: "Enforce" });
    await domainReady();
  });

  afterAll(async () => {
    try {
      await cleanUp();
    } finally {
      await operator.stop();
      await middle.stop();
    }
  });

  test.each([
    ["suspend", { suspend: true }, "Suspended", isRequest],
    ["Observe", { managementPolicy: "Observe" }, "ChangesPending", isWrite],
  ] as const)(
    "%s ends a burst: nothing more reaches the server, each farm says so, and it goes on by itself",
    async (name, spec, reason, stopped) => {
      const farms = burst.map((farm) => `${farm}-${name.toLowerCase()}`);
      // As over a long line, so that the burst lasts.
      middle.ldap.schedule.set({ matches: isWrite, when: { probability: 1 }, effect: { kind: "Lag", milliseconds: 200 } });
      const before = passed(isWrite);
      await Promise.all(farms.map((farm) => cluster.apply(farmOf(NAMESPACE, farm, { hosts: { computers: ["WEB01"] } }))));
      await waitFor("the burst", () => passed(isWrite) - before >= 10);
      await brake(spec);
      await sleep(1000);
      const then = passed(stopped);
      const made = new Set(
        (await directory.search(`(&(objectClass=msDS-GroupManagedServiceAccount)(sAMAccountName=burst*))`)).map((entry) =>
          String(entry["sAMAccountName"]),
        ),
      );
      const unmade = farms.filter((farm) => !made.has(`${farm}$`));
      expect(unmade.length).toBeGreaterThan(farms.length / 2);
      const written = passed(isWrite);
      for (const farm of unmade) {
        const stoppedFarm = await farmWhere(NAMESPACE, farm, (one) => condition(one, "Ready")?.reason === reason);
        expect(condition(stoppedFarm, "Ready")?.message).toMatch(
          /the ActiveDirectoryDomain contoso is suspended|the domain's managementPolicy is Observe/,
        );
        if (name === "Observe") expect(stoppedFarm.status?.plan?.map(({ change }) => change)).toContain("CreateAccount");
      }
      await domainWhere((ready) => ready.reason === (name === "suspend" ? "Suspended" : "Observing"));
      expect(passed(stopped)).toBe(then);
      expect(passed(isWrite)).toBe(written);
      middle.ldap.schedule.set();
      await brake({ suspend: false, managementPolicy: "Enforce" });
      for (const farm of farms) await farmReady(NAMESPACE, farm, 60);
      for (const farm of farms) await cluster.delete("ServerFarm", farm, NAMESPACE, 0);
      for (const farm of farms) await cluster.waitGone("ServerFarm", farm, NAMESPACE, 60);
    },
  );

  test.each([
    ["suspend", { suspend: true }, "Suspended"],
    ["Observe", { managementPolicy: "Observe" }, "DeletionBlocked"],
  ] as const)(
    "with %s a quarantine, an edit and a deletion wait and say so; a farm that owns nothing may go",
    async (name, spec, reason) => {
      const [kept, doomed, young] = [`kept-${name.toLowerCase()}`, `doomed-${name.toLowerCase()}`, `young-${name.toLowerCase()}`];
      for (const farm of [kept, doomed]) await cluster.apply(farmOf(NAMESPACE, farm, { hosts: { computers: ["WEB01", "WEB02"] } }));
      for (const farm of [kept, doomed]) await farmReady(NAMESPACE, farm);
      await brake(spec);
      await domainWhere((ready) => ready.reason === (name === "suspend" ? "Suspended" : "Observing"));
      const before = passed(isWrite);
      await patchFarm(NAMESPACE, kept, { hosts: { computers: ["WEB01"], quarantined: ["WEB02"] } });
      await cluster.delete("ServerFarm", doomed, NAMESPACE, 0);
      await cluster.apply(farmOf(NAMESPACE, young, {}));
      await farmWhere(
        NAMESPACE,
        kept,
        (farm) => condition(farm, "Ready")?.reason === (name === "suspend" ? "Suspended" : "ChangesPending"),
      );
      const waiting = await farmWhere(NAMESPACE, doomed, (farm) => condition(farm, "Ready")?.reason === reason);
      expect(condition(waiting, "Ready")?.message).toContain("ActiveDirectoryDomain contoso");
      expect(condition(waiting, "Ready")?.message).toContain("serverfarm.dev/abandon=true");
      await farmWhere(NAMESPACE, young, () => true);
      await cluster.delete("ServerFarm", young, NAMESPACE, 10);
      expect(passed(isWrite)).toBe(before);
      expect(await directory.members(`${kept}Hosts`)).toEqual(["WEB01$", "WEB02$"]);
      await brake({ suspend: false, managementPolicy: "Enforce" });
      await farmReady(NAMESPACE, kept);
      expect(await directory.members(`${kept}Hosts`)).toEqual(["WEB01$"]);
      await cluster.waitGone("ServerFarm", doomed, NAMESPACE, 30);
      expect(await directory.find(`${doomed}$`)).toBeUndefined();
    },
  );

  test("a suspended domain is as silent after a restart", async () => {
    await cluster.apply(farmOf(NAMESPACE, "asleep", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "asleep");
    await operator.stop();
    await brake({ suspend: true });
    const before = passed(isRequest);
    operator = await middle.start();
    await domainWhere((ready) => ready.reason === "Suspended");
    await farmWhere(NAMESPACE, "asleep", (farm) => condition(farm, "Ready")?.reason === "Suspended");
    expect(passed(isRequest)).toBe(before);
    await brake({ suspend: false });
    await farmReady(NAMESPACE, "asleep");
  });

  test.skipIf(kubectl === undefined)("the page stops everything with two lines, and goes on", async () => {
    await cluster.apply(farmOf(NAMESPACE, "paged", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "paged");
    const [stop = "", look = "", observe = "", farms = "", plans = "", enforce = "", ...more] = await commandsOf(PAGE);
    expect(more).toEqual([]);
    await shell(stop);
    await domainWhere((ready) => ready.reason === "Suspended");
    const [heads = "", contoso = ""] = (await shell(look)).split("\n").map((line) => line.split(/ {2,}/));
    expect([contoso[heads.indexOf("POLICY")], contoso[heads.indexOf("SUSPENDED")]]).toEqual(["Enforce", "true"]);
    await shell(observe);
    await domainWhere((ready) => ready.reason === "Observing");
    expect(await shell(farms)).toContain("paged");
    await patchFarm(NAMESPACE, "paged", { account: { description: "seen first" } });
    await waitFor(
      "the plan",
      () => shell(plans),
      (text) => /^braked\/paged\n {2}UpdateAccount .*seen first/m.test(text),
    );
    await shell(enforce);
    await domainReady();
    await farmReady(NAMESPACE, "paged");
  });
});
