/** Tenants that change in the very moment in which something was to be made for a farm, and labels that the operator does not hear of for a while. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
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
  patchFarm,
} from "../harness/world.ts";
import { between, type Between } from "./between.ts";
import { matching } from "./schedule.ts";

const NAMESPACE = "tenants-late";
const ANY = {
  accounts: { names: ["*"], containers: ["OU=Farms"] },
  dnsHostNames: ["*"],
  hosts: { names: ["*"], containers: ["DC=contoso,DC=com"] },
};
const TENANT = { name: "late", namespaceSelector: { matchLabels: { team: "late" } }, ...ANY };

const tenants = (...list: readonly object[]): Promise<void> =>
  cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { tenants: list } });
const label = (team: string | null): Promise<void> => cluster.patch("Namespace", NAMESPACE, undefined, { metadata: { labels: { team } } });
const refused = (name: string): Promise<Farm> => farmWhere(NAMESPACE, name, (farm) => condition(farm, "Allowed")?.status === "False", 60);

describe.skipIf(!available)("tenants that change meanwhile", () => {
  let middle: Between;
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await label("late");
    middle = await between();
    await tenants(TENANT);
    operator = await middle.start();
    await domainReady();
    await cluster.apply(farmOf(NAMESPACE, "canary"));
    await farmReady(NAMESPACE, "canary");
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
  });

  test("between the look and the first write: nothing is written", async () => {
    const tighten = async (): Promise<void> => {
      await tenants();
      // Until the operator knows.
      await refused("canary");
    };
    middle.http.schedule.set({
      matches: matching("http", "GET", /serverfarms\/moment$/),
      when: { nth: 1 },
      effect: { kind: "Call", at: "before", action: tighten },
    });
    await cluster.apply(farmOf(NAMESPACE, "moment", { hosts: { computers: ["WEB01"] } }));
    await refused("moment");
    expect(middle.http.schedule.done).toHaveLength(1);
    expect([await directory.find("moment$"), await directory.find("momentHosts")]).toEqual([undefined, undefined]);
    await tenants(TENANT);
    await farmReady(NAMESPACE, "moment", 60);
  });

  test("between two writes: the second is not sent", async () => {
    let dns: string | undefined;
    const tighten = async (): Promise<void> => {
      dns = (await directory.find("halfwayHosts"))?.dn;
      await tenants();
      await refused("canary");
    };
    // The group is there, and its account is asked about.
    middle.ldap.schedule.set({
      matches: matching("ldap", "add"),
      when: { nth: 1 },
      effect: { kind: "Call", at: "after", action: tighten },
    });
    await cluster.apply(farmOf(NAMESPACE, "halfway", { hosts: { computers: ["WEB01"] } }));
    await refused("halfway");
    expect(dns).toContain("halfwayHosts");
    expect(await directory.find("halfway$")).toBeUndefined();
    middle.ldap.schedule.set();
    await tenants(TENANT);
    await farmReady(NAMESPACE, "halfway", 60);
  });

  test("while a write waits for its turn: it is not sent", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `turn${index}`);
    const sent = 3;
    const adds = (): number => middle.ldap.schedule.done.length;
    middle.ldap.schedule.done.length = 0;
    middle.ldap.schedule.set({
      matches: matching("ldap", "add"),
      when: { probability: 1 },
      effect: { kind: "Lag", milliseconds: 6000 },
    });
    const make = (name: string): Promise<void> => cluster.apply(farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01"] } }));
    for (const name of names.slice(0, sent)) await make(name);
    await waitFor("as many writes as one namespace may have at once", () => adds() === sent);
    // Farms go by the domain as it is, and all wait for the same turns.
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { resync: "9h" } });
    for (const name of names.slice(sent)) await make(name);
    const isAsked = (name: string): boolean => middle.http.schedule.seen.some(({ path }) => path.endsWith(`/serverfarms/${name}`));
    await waitFor("all to be at their first write", () => names.every(isAsked));
    await tenants();
    await refused("canary");
    for (const name of names) await refused(name);
    expect(adds()).toBe(sent);
    expect(await directory.search("(sAMAccountName=turn*)")).toHaveLength(sent);
    middle.ldap.schedule.set();
    await tenants(TENANT);
    for (const name of names) await farmReady(NAMESPACE, name, 60);
  });

  test.each([{ suspend: true }, { managementPolicy: "Observe" }])(
    "a farm with %o in the middle of it: the second write is not sent",
    async (stop) => {
      let dns: string | undefined;
      const name = "suspend" in stop ? "asleep" : "watched";
      middle.ldap.schedule.set({
        matches: matching("ldap", "add"),
        when: { nth: 1 },
        effect: {
          kind: "Call",
          at: "after",
          action: async () => {
            dns = (await directory.find(`${name}Hosts`))?.dn;
            await patchFarm(NAMESPACE, name, stop);
            // What came after it was heard: nothing has to be written for that.
            await patchFarm(NAMESPACE, "canary", { deletionPolicy: name === "asleep" ? "Retain" : "Delete" });
            await farmReady(NAMESPACE, "canary");
          },
        },
      });
      await cluster.apply(farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01"] } }));
      await farmWhere(NAMESPACE, name, (farm) => ["Suspended", "ChangesPending"].includes(condition(farm, "Ready")?.reason ?? ""), 60);
      expect(dns).toContain(`${name}Hosts`);
      expect(await directory.find(`${name}$`)).toBeUndefined();
      middle.ldap.schedule.set();
      await patchFarm(NAMESPACE, name, { suspend: false, managementPolicy: "Enforce" });
      await farmReady(NAMESPACE, name, 60);
    },
  );

  test("a default that changes while a poll hangs is what farms are made by, as it is what they are judged by", async () => {
    await directory.asAdministrator(async (client) => {
      await client.add(`OU=Late,OU=Farms,${BASE}`, { objectClass: "organizationalUnit" });
    });
    const defaults = (container: string): Promise<void> =>
      cluster.patch("ActiveDirectoryDomain", "contoso", undefined, {
        spec: { defaults: { accountContainer: container, groupContainer: container } },
      });
    await tenants({ ...TENANT, accounts: { names: ["*"], containers: ["OU=Late,OU=Farms"] } });
    await cluster.apply(farmOf(NAMESPACE, "placed", { hosts: { computers: ["WEB01"] } }));
    await refused("placed");
    // The domain's own turn does not end for a while.
    middle.ldap.schedule.set({
      matches: matching("ldap", "search"),
      when: { nth: 1 },
      effect: { kind: "Lag", milliseconds: 4000 },
    });
    await waitFor("a search that hangs", () => middle.ldap.schedule.done.some((text) => text.startsWith("Lag")));
    await defaults("OU=Late,OU=Farms");
    const made = await waitFor("the account", () => directory.find("placed$"));
    expect(made?.dn).toBe(`CN=placed,OU=Late,OU=Farms,${BASE}`);
    middle.ldap.schedule.set();
    await cluster.delete("ServerFarm", "placed", NAMESPACE);
    await defaults("OU=Farms");
    await tenants(TENANT);
  });

  test("a namespace that may ask for nothing learns of nobody whom it quarantines", async () => {
    await tenants();
    await cluster.apply(farmOf(NAMESPACE, "curious", { hosts: { computers: [], quarantined: ["WEB01", "NOBODY"] } }));
    const { status } = await refused("curious");
    expect(JSON.stringify(status)).not.toMatch(/QuarantineNotFound|objectGUID/);
    await tenants(TENANT);
    await farmWhere(NAMESPACE, "curious", (farm) => JSON.stringify(farm.status).includes("QuarantineNotFound"), 60);
  });

  test("a label that changes while the watch of namespaces is broken is seen once it is whole", async () => {
    const usn = await directory.usn();
    middle.http.schedule.set(
      { matches: matching("watch", undefined, /\/namespaces\?/), when: { probability: 1 }, effect: { kind: "Reset" } },
      { matches: matching("http", "GET", /\/namespaces\?/), when: { probability: 1 }, effect: { kind: "Error", code: 503 } },
    );
    await label(null);
    await patchFarm(NAMESPACE, "canary", { account: { description: "still allowed" } });
    // As far as anybody can know the label is there.
    await farmReady(NAMESPACE, "canary", 60);
    expect(await directory.usn()).toBeGreaterThan(usn);
    middle.http.schedule.set();
    await refused("canary");
    await label("late");
    await farmReady(NAMESPACE, "canary", 60);
  });
});
