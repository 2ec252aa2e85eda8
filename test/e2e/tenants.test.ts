/**
 * What the tenants of a domain allow, and what becomes of farms when they allow less: nothing new, nothing fixed, nothing revoked. With an operator that
 * has only the rights of docs/domain-setup.md.
 */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { addComputer, BASE } from "../harness/directory.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
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
  startOperator,
  useOperator,
} from "../harness/world.ts";

const [NAMESPACE, OTHER] = ["tenants", "tenants-other"];
const ROLE = "serverfarm-operator";
const OU = `OU=Farms,${BASE}`;
const ELSEWHERE = `OU=Aside,${BASE}`;
const HOSTS = ["TEN1", "TEN2", "TEN3", "TEN4"];

const WEB = {
  name: "web",
  namespaceSelector: { matchLabels: { team: "web" } },
  accounts: { names: ["ten-*"], containers: ["OU=Farms"] },
  servicePrincipalNames: ["http/*.ten.contoso.com"],
  dnsHostNames: ["*"],
  hosts: { containers: ["CN=Computers"], names: ["TEN*"] },
  groups: { access: ["Ten-*"], hosts: ["Ten-Shared"] },
};
const without = (...fields: readonly (keyof typeof WEB)[]): object =>
  Object.fromEntries(Object.entries(WEB).filter(([name]) => !fields.some((field) => field === name)));

async function tenants(...list: readonly object[]): Promise<void> {
  await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { tenants: list } });
}

async function label(namespace: string, team: string | null): Promise<void> {
  await cluster.patch("Namespace", namespace, undefined, { metadata: { labels: { team } } });
}

const allowed = (farm: Farm): string | undefined => condition(farm, "Allowed")?.status;
const refused = (name: string, namespace = NAMESPACE): Promise<Farm> => farmWhere(namespace, name, (farm) => allowed(farm) === "False");
const granted = (name: string, namespace = NAMESPACE): Promise<Farm> =>
  farmWhere(namespace, name, (farm) => allowed(farm) === "True" && condition(farm, "Ready")?.status === "True");
const messageOf = (farm: Farm, type = "Allowed"): string => condition(farm, type)?.message ?? "";

/** Everything of a farm in the directory, attribute by attribute. */
async function stateOf(name: string): Promise<unknown> {
  const [account, group] = [await directory.find(`${name}$`), await directory.find(`${name}Hosts`)];
  return { account, group };
}

describe.skipIf(!available)("tenants of a domain", () => {
  const world = useOperator(NAMESPACE);
  const count = (name: string, labels = {}): Promise<number> => world.operator.metric(name, labels);

  beforeAll(async () => {
    await delegate(directory);
    await createNamespace(OTHER);
    await directory.asAdministrator(async (client) => {
      await client.add(ELSEWHERE, { objectClass: "organizationalUnit" });
      for (const name of HOSTS) await addComputer(client, name);
      for (const name of ["Ten-Readers", "Ten-Shared"])
        await client.add(`CN=${name},${OU}`, { objectClass: "group", sAMAccountName: name });
    });
    await applyDomain({ account: DELEGATED });
    await domainReady();
  });

  beforeEach(async () => {
    for (const namespace of [NAMESPACE, OTHER]) {
      await cluster.deleteAll("ServerFarm", namespace);
      await label(namespace, null);
    }
    await label(NAMESPACE, "web");
    await tenants(WEB);
  });

  afterAll(async () => {
    for (const namespace of [NAMESPACE, OTHER]) await cluster.deleteAll("ServerFarm", namespace);
    await directory.asAdministrator(async (client) => {
      for (const name of HOSTS) await client.del((await directory.find(`${name}$`))?.dn ?? "");
      for (const name of ["Ten-Readers", "Ten-Shared"]) await client.del(`CN=${name},${OU}`);
      await client.del(ELSEWHERE);
    });
  });

  async function made(name: string, spec: object = {}): Promise<void> {
    const hosts = { computers: ["TEN1", "TEN2", "TEN3"] };
    await cluster.apply(farmOf(NAMESPACE, name, { account: { description: "as it was" }, hosts, ...spec }));
    await granted(name);
  }

  /** Three polls, in which whatever is to be done has been done. */
  async function polls(): Promise<void> {
    const seen = (): Promise<number> => count("controller_runtime_reconcile_total", { controller: "activedirectorydomain" });
    const before = await seen();
    await waitFor("three polls", seen, (now) => now >= before + 3);
  }

  /** Somebody changes by hand what would be fixed: the farm's account, and who is in its group. */
  async function drift(name: string): Promise<void> {
    await directory.modify(`CN=${name},${OU}`, "replace", "description", ["by hand"]);
    await directory.modify(`CN=${name}Hosts,${OU}`, "add", "member", [`CN=TEN4,CN=Computers,${BASE}`]);
  }

  test("a farm that is not allowed gets nothing, is told why, is not looked up, and goes at once", async () => {
    const spec = { servicePrincipalNames: ["http/db.contoso.com"], hosts: { computers: ["TEN1", "WEB01"] } };
    await cluster.apply(farmOf(NAMESPACE, "ten-new", spec));
    const farm = await refused("ten-new");
    expect(messageOf(farm)).toBe(
      'the tenant web of the ActiveDirectoryDomain contoso does not allow servicePrincipalNames: "http/db.contoso.com" (servicePrincipalNames allows http/*.ten.contoso.com); hosts.computers: "WEB01" (hosts.names allows TEN*). Correct the farm, or have the domain\'s owner allow it (spec.tenants).',
    );
    expect(farm.status?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
      "Ready False NotAllowed",
      "Allowed False NotAllowed",
      "AccountReady Unknown NotAllowed",
      "HostsReady Unknown NotAllowed",
      "ServicePrincipalNamesReady Unknown NotAllowed",
      "AccessGroupsReady Unknown NotAllowed",
      "Stalled True NotAllowed",
    ]);
    expect(farm.status?.resolvedHosts).toBeUndefined();
    expect(await stateOf("ten-new")).toEqual({});
    await cluster.annotate("ServerFarm", "ten-new", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "again" });
    await farmWhere(NAMESPACE, "ten-new", ({ status }) => status?.lastHandledReconcileRequest === "again");
    expect(await stateOf("ten-new")).toEqual({});
    expect(await count("serverfarm_farm_condition", { name: "ten-new", condition: "Allowed", status: "False", reason: "NotAllowed" })).toBe(
      1,
    );
    // Corrected, it goes on by itself.
    await patchFarm(NAMESPACE, "ten-new", { servicePrincipalNames: ["http/db.ten.contoso.com"], hosts: { computers: ["TEN1"] } });
    expect(messageOf(await granted("ten-new"))).toBe("the tenant web allows what the farm asks for.");
    await cluster.delete("ServerFarm", "ten-new", NAMESPACE);
    expect(await stateOf("ten-new")).toEqual({});
  });

  /** What makes a farm that exists one that is not allowed, and what makes it allowed again. */
  const TIGHTENED: readonly (readonly [string, () => Promise<void>, () => Promise<void>, RegExp])[] = [
    [
      "fewer names",
      () => tenants({ ...WEB, accounts: { names: ["web-*"], containers: ["OU=Farms"] } }),
      () => tenants(WEB),
      /accounts\.names/,
    ],
    ["no more hosts", () => tenants(without("hosts")), () => tenants(WEB), /hosts\.names allows nothing/],
    ["the label lost", () => label(NAMESPACE, null), () => label(NAMESPACE, "web"), /no tenant/],
    ["another label", () => label(NAMESPACE, "db"), () => label(NAMESPACE, "web"), /no tenant/],
    ["the tenant removed", () => tenants(), () => tenants(WEB), /no tenant/],
    [
      "another tenant in its place",
      () => tenants({ ...WEB, name: "db", namespaceSelector: { matchLabels: { team: "db" } } }),
      () => cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { tenants: null } }),
      /no tenant/,
    ],
    ["fewer farms", () => tenants({ ...WEB, maxFarms: 0 }), () => tenants({ ...WEB, maxFarms: 1 }), /maxFarms/],
  ];

  test.each(TIGHTENED)(
    "%s: an existing farm is frozen as it is, and fixed when it is allowed again",
    async (_, tighten, widen, message) => {
      await made("ten-old");
      await tighten();
      const farm = await refused("ten-old");
      expect(messageOf(farm)).toMatch(message);
      expect(condition(farm, "Ready")).toMatchObject({ status: "False", reason: "NotAllowed" });
      expect(condition(farm, "HostsReady")).toMatchObject({ status: "True", reason: "Reconciled" });
      await drift("ten-old");
      const [state, usn, { metadata }] = [await stateOf("ten-old"), await directory.usn(), await refused("ten-old")];
      // Nor is what it asks for anew done, or looked up.
      await patchFarm(NAMESPACE, "ten-old", {
        account: { displayName: "new" },
        hosts: { computers: ["TEN1", "TEN2", "TEN3", "TEN4", "WEB02"] },
      });
      const asked = await refused("ten-old");
      expect(asked.metadata.generation).toBeGreaterThan(metadata.generation);
      expect(asked.status?.resolvedHosts).toHaveLength(3);
      await polls();
      expect(await stateOf("ten-old")).toEqual(state);
      expect(await directory.usn()).toBe(usn);
      await patchFarm(NAMESPACE, "ten-old", { hosts: { computers: ["TEN1", "TEN2", "TEN3"] } });
      await widen();
      await farmReady(NAMESPACE, "ten-old");
      const account = await directory.find("ten-old$");
      expect([account?.["description"], account?.["displayName"]]).toEqual(["as it was", "new"]);
      expect(await directory.members("ten-oldHosts")).toEqual(["TEN1$", "TEN2$", "TEN3$"]);
    },
  );

  test.each(["Group", "Principals"])(
    "what is frozen still loses who is removed or quarantined (%s), and whoever is only new gets nothing",
    async (grant) => {
      await made("ten-old", { hosts: { grant, computers: ["TEN1", "TEN2", "TEN3"] }, accessGroups: [{ name: "Ten-Readers" }] });
      const dn = `CN=ten-old,${OU}`;
      const retrieves = (): Promise<readonly boolean[]> => Promise.all(HOSTS.map((host) => directory.retrieves(host, dn)));
      expect(await retrieves()).toEqual([true, true, true, false]);
      await label(NAMESPACE, null);
      await refused("ten-old");
      await directory.modify(dn, "replace", "description", ["by hand"]);
      // One goes, one comes, one is called by its other name.
      await patchFarm(NAMESPACE, "ten-old", { hosts: { computers: ["TEN1", "ten2.contoso.com", "TEN4"] } });
      await waitFor("TEN3 to lose the right", retrieves, (seen) => seen[2] === false);
      await polls();
      expect(await retrieves()).toEqual([true, true, false, false]);
      await patchFarm(NAMESPACE, "ten-old", { hosts: { computers: ["TEN1", "ten2.contoso.com", "TEN4"], quarantined: ["TEN1"] } });
      await waitFor("TEN1 to lose the right", retrieves, (seen) => seen[0] === false);
      const farm = await farmWhere(NAMESPACE, "ten-old", (seen) => messageOf(seen, "HostsReady").includes("Quarantined: TEN1"));
      expect([condition(farm, "Ready")?.reason, allowed(farm)]).toEqual(["NotAllowed", "False"]);
      // Whoever lets it in again lets it in in vain.
      if (grant === "Group") {
        await directory.modify(`CN=ten-oldHosts,${OU}`, "add", "member", [`CN=TEN1,CN=Computers,${BASE}`]);
        await waitFor("TEN1 to be out", async () => !(await directory.members("ten-oldHosts")).includes("TEN1$"));
      }
      expect(await retrieves()).toEqual([false, true, false, false]);
      await patchFarm(NAMESPACE, "ten-old", { accessGroups: [] });
      await waitFor("the account to leave", async () => (await directory.members("Ten-Readers")).length === 0);
      const [usn, state] = [await directory.usn(), await stateOf("ten-old")];
      await polls();
      expect([await directory.usn(), await stateOf("ten-old")]).toEqual([usn, state]);
      expect(state).toMatchObject({ account: { description: "by hand" } });
      await label(NAMESPACE, "web");
      await granted("ten-old");
      expect(await retrieves()).toEqual([false, true, false, true]);
    },
  );

  test("what is frozen is suspended, goes on, and is deleted with all that it owns", async () => {
    await made("ten-old");
    await tenants();
    await refused("ten-old");
    await patchFarm(NAMESPACE, "ten-old", { suspend: true });
    const suspended = await farmWhere(NAMESPACE, "ten-old", (farm) => condition(farm, "Ready")?.reason === "Suspended");
    expect(allowed(suspended)).toBe("False");
    await patchFarm(NAMESPACE, "ten-old", { suspend: false });
    await farmWhere(NAMESPACE, "ten-old", (farm) => condition(farm, "Ready")?.reason === "NotAllowed");
    await cluster.delete("ServerFarm", "ten-old", NAMESPACE);
    expect(await stateOf("ten-old")).toEqual({});
  });

  test("a host that is elsewhere gets nothing and keeps nobody else from it; one that is moved away keeps what it has", async () => {
    const moved = (name: string, to: string): Promise<void> =>
      directory.asAdministrator(async (client) => client.modifyDN((await directory.find(`${name}$`))?.dn ?? "", `CN=${name},${to}`));
    await moved("TEN2", ELSEWHERE);
    await cluster.apply(farmOf(NAMESPACE, "ten-hosts", { servicePrincipalNames: [], hosts: { computers: ["TEN1", "ten2.contoso.com"] } }));
    const farm = await farmWhere(NAMESPACE, "ten-hosts", (seen) => condition(seen, "HostsReady")?.reason === "NotAllowed");
    expect(farm.status?.hostIssues).toEqual([expect.objectContaining({ computer: "ten2.contoso.com", reason: "NotAllowed" })]);
    expect(messageOf(farm, "HostsReady")).toContain("the tenant web allows for hosts (hosts.containers: CN=Computers,");
    expect([allowed(farm), farm.status?.hosts?.summary, farm.status?.resolvedHosts?.length]).toEqual(["True", "1/2", 1]);
    expect(await directory.members("ten-hostsHosts")).toEqual(["TEN1$"]);
    await moved("TEN2", `CN=Computers,${BASE}`);
    await granted("ten-hosts");
    expect(await directory.members("ten-hostsHosts")).toEqual(["TEN1$", "TEN2$"]);
    const names = ["http/ten2.ten.contoso.com"];
    await patchFarm(NAMESPACE, "ten-hosts", { servicePrincipalNames: names });
    await granted("ten-hosts");
    await moved("TEN2", ELSEWHERE);
    await farmWhere(NAMESPACE, "ten-hosts", (seen) => condition(seen, "HostsReady")?.reason === "NotAllowed");
    await polls();
    expect(await directory.members("ten-hostsHosts")).toEqual(["TEN1$", "TEN2$"]);
    expect([(await directory.find("ten-hosts$"))?.["servicePrincipalName"]].flat()).toEqual(names);
    await patchFarm(NAMESPACE, "ten-hosts", { servicePrincipalNames: [], hosts: { computers: ["TEN1"] } });
    await granted("ten-hosts");
    expect(await directory.members("ten-hostsHosts")).toEqual(["TEN1$"]);
    await moved("TEN2", `CN=Computers,${BASE}`);
  });

  test("two namespaces share a group only where it is allowed to both", async () => {
    await label(OTHER, "other");
    const other = { ...WEB, name: "other", namespaceSelector: { matchLabels: { team: "other" } } };
    const shared = (computers: readonly string[]): object => ({ hosts: { computers, group: { name: "Ten-Shared", existing: true } } });
    await tenants(WEB, { ...other, groups: { access: [], hosts: ["*"] } });
    await cluster.apply(farmOf(NAMESPACE, "ten-a", shared(["TEN1", "TEN2"])), farmOf(OTHER, "ten-b", shared(["TEN2", "TEN3"])));
    await granted("ten-a");
    await granted("ten-b", OTHER);
    expect(await directory.members("Ten-Shared")).toEqual(["TEN1$", "TEN2$", "TEN3$"]);
    // What one does not want any more the other keeps, until it is not wanted by it either.
    await patchFarm(NAMESPACE, "ten-a", shared(["TEN1"]));
    await granted("ten-a");
    await polls();
    expect(await directory.members("Ten-Shared")).toEqual(["TEN1$", "TEN2$", "TEN3$"]);
    await patchFarm(OTHER, "ten-b", shared(["TEN3"]));
    await granted("ten-b", OTHER);
    await waitFor("TEN2 to go", async () => (await directory.members("Ten-Shared")).join() === "TEN1$,TEN3$");
    // Not allowed to one of them any more, it stays with both as it is, and no third gets in.
    await tenants(WEB, { ...other, groups: { access: [], hosts: [] } });
    await refused("ten-b", OTHER);
    await polls();
    expect(await directory.members("Ten-Shared")).toEqual(["TEN1$", "TEN3$"]);
    await cluster.delete("ServerFarm", "ten-b", OTHER);
    expect(await directory.members("Ten-Shared")).toEqual(["TEN1$"]);
    await cluster.apply(farmOf(OTHER, "ten-c", shared(["TEN4"])));
    await refused("ten-c", OTHER);
    await granted("ten-a");
    expect(await directory.members("Ten-Shared")).toEqual(["TEN1$"]);
  });

  test("a farm that is not allowed keeps nobody in a group", async () => {
    const shared = (computers: readonly string[]): object => ({ hosts: { computers, group: { name: "Ten-Shared", existing: true } } });
    await cluster.apply(farmOf(NAMESPACE, "ten-a", shared(["TEN1"])), farmOf(NAMESPACE, "ten-b", shared(["TEN1"])));
    for (const name of ["ten-a", "ten-b"]) await granted(name);
    await patchFarm(NAMESPACE, "ten-b", { servicePrincipalNames: ["ldap/x"] });
    await refused("ten-b");
    await patchFarm(NAMESPACE, "ten-a", shared([]));
    const members = (): Promise<readonly string[]> => directory.members("Ten-Shared");
    expect(await waitFor("TEN1 to go", members, ({ length }) => length === 0)).toEqual([]);
  });

  test("the oldest farms have the places of a tenant; a new one never takes one, and a frozen one keeps its own", async () => {
    await tenants({ ...WEB, maxFarms: 2 });
    for (const name of ["ten-b", "ten-a"]) await made(name);
    // Of those of one second the names decide.
    const second = Math.floor(Date.now() / 1000);
    await waitFor("another second", () => Promise.resolve(Math.floor(Date.now() / 1000) > second));
    await cluster.apply(farmOf(NAMESPACE, "ten-0"));
    expect(messageOf(await refused("ten-0"))).toMatch(/allows 2 farms \(maxFarms\)/);
    await patchFarm(NAMESPACE, "ten-b", { servicePrincipalNames: ["ldap/x"] });
    await refused("ten-b");
    await polls();
    expect(messageOf(await refused("ten-0"))).toMatch(/maxFarms/);
    await patchFarm(NAMESPACE, "ten-b", { servicePrincipalNames: [] });
    await granted("ten-b");
    await cluster.delete("ServerFarm", "ten-b", NAMESPACE);
    await granted("ten-0");
    await granted("ten-a");
  });

  test("while labels cannot be read a farm is neither allowed nor refused, and whoever is removed loses the right all the same", async () => {
    await made("ten-old");
    const { rules } = z
      .looseObject({ rules: z.array(z.looseObject({ verbs: z.array(z.string()), resources: z.array(z.string()) })) })
      .parse(await cluster.get("ClusterRole", ROLE));
    const without = rules.filter(({ resources, verbs }) => !(resources.includes("namespaces") && verbs.includes("watch")));
    expect(without.length).toBe(rules.length - 1);
    await world.operator.stop();
    await cluster.patch("ClusterRole", ROLE, undefined, { rules: without });
    try {
      world.operator = await startOperator();
      const unknown = (name: string): Promise<Farm> => farmWhere(NAMESPACE, name, (farm) => allowed(farm) === "Unknown");
      const farm = await unknown("ten-old");
      expect(messageOf(farm)).toContain("grant the operator's role list and watch of namespaces");
      expect([condition(farm, "Ready")?.reason, condition(farm, "Stalled")]).toEqual(["Progressing", undefined]);
      expect(await world.operator.ready()).toMatchObject({ status: 503, text: expect.stringContaining("namespaces") });
      await cluster.apply(farmOf(NAMESPACE, "ten-new", { hosts: { computers: ["TEN1"] } }));
      await unknown("ten-new");
      await drift("ten-old");
      await patchFarm(NAMESPACE, "ten-old", { hosts: { computers: ["TEN1", "TEN2"] } });
      const members = (): Promise<readonly string[]> => directory.members("ten-oldHosts");
      expect(await waitFor("TEN3 to go", members, (names) => !names.includes("TEN3$"))).toEqual(["TEN1$", "TEN2$", "TEN4$"]);
      await polls();
      expect([(await directory.find("ten-old$"))?.["description"], await stateOf("ten-new")]).toEqual(["by hand", {}]);
    } finally {
      await cluster.patch("ClusterRole", ROLE, undefined, { rules });
    }
    await granted("ten-new");
    await granted("ten-old");
    expect(await directory.members("ten-oldHosts")).toEqual(["TEN1$", "TEN2$"]);
    expect(await world.operator.ready()).toMatchObject({ status: 200 });
  });

  test("the page on tenants: its farm is allowed, and says what it is said to say once it asks for more", async () => {
    const page = await readFile(new URL("../../docs/tenancy.md", import.meta.url), "utf8");
    const [domain, farm] = page.matchAll(/```yaml\n([\s\S]*?)```/g).map(([, text = ""]): unknown => parse(text));
    const [, said = ""] = /```\n(the tenant [^`]*)\n```/.exec(page) ?? [];
    await createNamespace("shop");
    await label("shop", "web");
    try {
      await tenants(...z.object({ spec: z.object({ tenants: z.array(z.looseObject({})) }) }).parse(domain).spec.tenants);
      await cluster.apply(z.looseObject({}).parse(farm));
      // Its container is not in this directory; that is none of the tenants' business.
      expect(messageOf(await farmWhere("shop", "web-shop", (seen) => allowed(seen) === "True"))).toContain("the tenant web allows");
      await patchFarm("shop", "web-shop", { hosts: { computers: ["SQL01", "WEB01"] } });
      expect(messageOf(await refused("web-shop", "shop"))).toBe(said);
    } finally {
      await cluster.deleteAll("ServerFarm", "shop");
    }
  });

  test("a change of the tenants, or of labels, looks at no farm of which they say the same", async () => {
    const names = Array.from({ length: 5 }, (_, index) => `ten-calm${index}`);
    for (const name of names) await made(name);
    await label(OTHER, "other");
    const other = { ...WEB, name: "other", namespaceSelector: { matchLabels: { team: "other" } } };
    await polls();
    const reconciles = (): Promise<number> => count("controller_runtime_reconcile_total", { controller: "serverfarm" });
    const searches = (): Promise<number> => count("serverfarm_directory_requests_total", { operation: "search" });
    const before = await reconciles();
    await tenants(WEB, other);
    await cluster.apply(farmOf(OTHER, "ten-z"));
    await granted("ten-z", OTHER);
    await polls();
    const [made1, asked] = [await reconciles(), await searches()];
    // Of that farm alone: the finalizer, the farm, and what the watch brings back.
    expect(made1 - before).toBeLessThan(5);
    await tenants({ ...WEB, maxFarms: 100, hosts: { ...WEB.hosts, max: 4000 } }, { ...other, servicePrincipalNames: ["http/x"] });
    await label(NAMESPACE, "web");
    await cluster.patch("Namespace", NAMESPACE, undefined, { metadata: { labels: { more: "1" } } });
    await polls();
    expect(await reconciles()).toBe(made1);
    // Two for each poll, and one poll for the change itself.
    expect((await searches()) - asked).toBeLessThan(14);
    await label(OTHER, null);
    await refused("ten-z", OTHER);
    expect((await reconciles()) - made1).toBe(1);
  });
});
