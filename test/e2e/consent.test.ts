/** What was not given is not taken, and what cannot be whole is not begun: as the account that docs/domain-setup.md makes. */
import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { decodeSid } from "../../src/names/identifier.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { addUser, BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
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
  getFarm,
  ownedInDirectory,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "consent";
const OU = `OU=Farms,${BASE}`;
const ACCOUNT = `CN=old,${OU}`;
const GROUP = `CN=oldHosts,${OU}`;
const CONSENT = `serverfarm.dev adopt=${NAMESPACE}/old`;
const WEB = (number: number): string => `CN=WEB0${number},CN=Computers,${BASE}`;

async function snapshot(...dns: readonly string[]): Promise<unknown> {
  return await Promise.all(
    dns.map(async (dn) => (await directory.search("(objectClass=*)", ["*", "nTSecurityDescriptor"], { scope: "base" }, dn))[0]),
  );
}

/** An account and a group as somebody made them by hand. */
async function makeOld(account: Record<string, string | string[]> = {}, group: Record<string, string | string[]> = {}): Promise<void> {
  await directory.asAdministrator(async (client) => {
    await client.add(GROUP, { objectClass: "group", sAMAccountName: "oldHosts", member: [WEB(1), WEB(2)], ...group });
    const attributes = {
      objectClass: "msDS-GroupManagedServiceAccount",
      sAMAccountName: "old$",
      userAccountControl: "4096",
      "msDS-ManagedPasswordInterval": "60",
      dNSHostName: "old.contoso.com",
      description: "do not touch before the audit",
      servicePrincipalName: ["MSSQLSvc/old:1433", "http/old"],
      ...account,
    };
    await client.add(ACCOUNT, Object.fromEntries(Object.entries(attributes).filter(([, values]) => values.length > 0)));
  });
}

async function consent(...dns: readonly string[]): Promise<void> {
  for (const dn of dns) await directory.modify(dn, "replace", "adminDescription", [CONSENT]);
}

async function operatorSid(): Promise<string> {
  const bytes = (await directory.find(DELEGATED.username.split("@")[0] ?? ""))?.["objectSid"];
  if (!Buffer.isBuffer(bytes)) throw new Error("the operator's account has no SID");
  return decodeSid(bytes);
}

/** What the page on the domain gives on the accounts of the farms' OU, on this one account. */
async function giveAttributes(dn: string): Promise<void> {
  const page = await readFile(new URL("../../docs/domain-setup.md", import.meta.url), "utf8");
  const attributes = /for attribute in ([^;]*); do/.exec(page)?.[1]?.replaceAll("\\", " ").trim().split(/\s+/) ?? [];
  expect(attributes.length).toBeGreaterThan(7);
  const sid = await operatorSid();
  for (const attribute of attributes) await directory.grant(dn, `(OA;;WP;${attribute};;${sid})`);
}

async function look(name: string, counter: string): Promise<void> {
  await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": counter });
}

describe.skipIf(!available)("as the delegated account", () => {
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED });
    operator = await startOperator();
    await domainReady();
  });

  afterEach(async () => {
    await cluster.deleteAll("ServerFarm", NAMESPACE);
    for (const name of ["old$", "oldHosts"]) {
      const dn = (await directory.find(name))?.dn;
      if (dn !== undefined) await directory.asAdministrator((client) => client.del(dn));
    }
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
  });

  const spec = { adoptionPolicy: "Unowned", hosts: { computers: ["WEB01", "WEB02"] } };

  test("without consent nothing is written, and the message says what to write where; with it the farm goes on", async () => {
    await makeOld();
    const before = await snapshot(ACCOUNT, GROUP);
    await cluster.apply(farmOf(NAMESPACE, "old", { ...spec, account: { passwordIntervalDays: 60 } }));
    const refused = await farmWhere(NAMESPACE, "old", (farm) => condition(farm, "Ready")?.reason === "NotOwned");
    for (const [type, dn] of [["AccountReady", ACCOUNT] as const, ["HostsReady", GROUP] as const]) {
      const said = `Set-ADObject -Identity '${dn}' -Replace @{adminDescription='${CONSENT}'}`;
      expect(condition(refused, type)?.message).toContain(said);
    }
    expect(condition(refused, "Stalled")?.status).toBe("True");
    // One consent is none: the account is not taken while its group is not.
    await consent(ACCOUNT);
    await farmWhere(NAMESPACE, "old", (farm) => condition(farm, "AccountReady")?.reason === "ChangesPending");
    expect((await directory.find("old$"))?.["adminDescription"]).toBe(CONSENT);
    expect(await snapshot(GROUP)).toEqual((Array.isArray(before) ? before : []).slice(1));
    await consent(GROUP);
    await farmReady(NAMESPACE, "old");
    expect((await directory.find("old$"))?.["adminDescription"]).toContain(`farm=${NAMESPACE}/old`);
    expect(await directory.retrieves("WEB01", ACCOUNT)).toBe(true);
    // What the farm does not name is not its business.
    const account = await directory.find("old$");
    expect(account?.["description"]).toBe("do not touch before the audit");
    expect([account?.["servicePrincipalName"]].flat().map(String).toSorted()).toEqual(["MSSQLSvc/old:1433", "http/old"]);
  });

  test.each([
    ["by a group", { hosts: { computers: ["WEB01", "WEB02"] } }],
    ["by name", { hosts: { grant: "Principals", computers: ["WEB01", "WEB02"] } }],
  ])("an account with another password interval is not taken, hosts %s; with the values that are named it is", async (_, hosts) => {
    await makeOld({ adminDescription: CONSENT }, { adminDescription: CONSENT });
    const before = await snapshot(ACCOUNT, GROUP);
    await cluster.apply(farmOf(NAMESPACE, "old", { ...spec, ...hosts }));
    const refused = await farmWhere(NAMESPACE, "old", (farm) => condition(farm, "Ready")?.reason === "ObjectExists");
    expect(condition(refused, "AccountReady")?.message).toContain("Write into the manifest: account.passwordIntervalDays: 60.");
    expect(await snapshot(ACCOUNT, GROUP)).toEqual(before);
    // The manifest can be corrected: nothing of the farm is in the directory.
    await patchFarm(NAMESPACE, "old", { account: { passwordIntervalDays: 60 } });
    await farmReady(NAMESPACE, "old");
    expect(await directory.retrieves("WEB02", ACCOUNT)).toBe(true);
    await patchFarm(NAMESPACE, "old", { account: { passwordIntervalDays: 30 } });
    const other = await farmWhere(NAMESPACE, "old", (farm) => condition(farm, "AccountReady")?.status === "False");
    expect(condition(other, "AccountReady")?.message).toContain("only a new account");
    expect(await directory.find("old$")).toMatchObject({ "msDS-ManagedPasswordInterval": "60" });
  });

  test("another container than the farm names, and outbound only, are told as well", async () => {
    await makeOld({ adminDescription: CONSENT, dNSHostName: [], servicePrincipalName: [] }, { adminDescription: CONSENT });
    const before = await snapshot(ACCOUNT, GROUP);
    await cluster.apply(farmOf(NAMESPACE, "old", { ...spec, account: { container: "CN=Managed Service Accounts" } }));
    const refused = await farmWhere(NAMESPACE, "old", (farm) => condition(farm, "Ready")?.reason === "ObjectExists");
    expect(condition(refused, "AccountReady")?.message).toContain(
      `account.passwordIntervalDays: 60, account.outboundOnly: true, account.container: ${OU}.`,
    );
    expect(await snapshot(ACCOUNT, GROUP)).toEqual(before);
  });

  test("a group with people in it is no host group, and nobody in it is named", async () => {
    await directory.asAdministrator((client) => addUser(client, "payroll-eve", "Nothing-1234!"));
    const eve = (await directory.find("payroll-eve"))?.dn ?? "";
    await makeOld({ adminDescription: CONSENT }, { adminDescription: CONSENT, member: [WEB(1), eve] });
    const before = await snapshot(ACCOUNT, GROUP);
    await cluster.apply(farmOf(NAMESPACE, "old", { ...spec, account: { passwordIntervalDays: 60 } }));
    const refused = await farmWhere(NAMESPACE, "old", (farm) => condition(farm, "Ready")?.reason === "NotOwned");
    expect(condition(refused, "HostsReady")?.message).toContain("not all of its members are computers");
    expect(JSON.stringify(refused)).not.toContain("payroll-eve");
    // A plan does not name them either.
    await patchFarm(NAMESPACE, "old", { managementPolicy: "Observe" });
    const planned = await farmWhere(NAMESPACE, "old", (farm) => farm.status?.plan !== undefined);
    expect(JSON.stringify(planned)).not.toContain("payroll-eve");
    expect(await snapshot(ACCOUNT, GROUP)).toEqual(before);
    await patchFarm(NAMESPACE, "old", { managementPolicy: "Enforce" });
    await directory.modify(GROUP, "delete", "member", [eve]);
    await farmReady(NAMESPACE, "old", 90);
    expect(await directory.members("oldHosts")).toEqual(["WEB01$", "WEB02$"]);
    await directory.asAdministrator((client) => client.del(eve));
  });

  test("Observe counts the hosts that may retrieve the password, whoever owns the account", async () => {
    await cluster.apply(farmOf(NAMESPACE, "first", { account: { name: "old" }, ...spec }));
    await farmReady(NAMESPACE, "first");
    await cluster.apply(farmOf(NAMESPACE, "second", { account: { name: "old" }, ...spec, managementPolicy: "Observe" }));
    const seen = await farmWhere(NAMESPACE, "second", (farm) => condition(farm, "Ready")?.reason === "NotOwned");
    expect(seen.status?.hosts?.summary).toBe("2/2");
  });

  test("a domain can do without consent, and can forbid to take over", async () => {
    await makeOld({}, {});
    await cluster.apply(farmOf(NAMESPACE, "old", { ...spec, account: { passwordIntervalDays: 60 } }));
    await farmWhere(NAMESPACE, "old", (farm) => condition(farm, "Ready")?.reason === "NotOwned");
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { adoption: "Never" } });
    await consent(ACCOUNT, GROUP);
    await farmWhere(NAMESPACE, "old", (farm) => condition(farm, "AccountReady")?.message.includes("adoption: Never") === true, 60);
    for (const dn of [ACCOUNT, GROUP]) await directory.modify(dn, "replace", "adminDescription", []);
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { adoption: "Unowned" } });
    const ready = await farmReady(NAMESPACE, "old", 60);
    expect(ready.status?.ownedObjects).toHaveLength(2);
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { adoption: "Consent" } });
  });

  test(
    "what stands where the account has no rights says which line gives them, before anything is written",
    { timeout: 150_000 },
    async () => {
      const elsewhere = `CN=old,CN=Managed Service Accounts,${BASE}`;
      await makeOld({ adminDescription: CONSENT }, { adminDescription: CONSENT });
      await directory.asAdministrator((client) => client.modifyDN(ACCOUNT, elsewhere));
      const before = await snapshot(elsewhere, GROUP);
      const wanted = { ...spec, account: { passwordIntervalDays: 60, description: "the shop's" } };
      for (const managementPolicy of ["Observe", "Enforce"]) {
        await cluster.apply(farmOf(NAMESPACE, "old", { ...wanted, managementPolicy }));
        const { generation } = (await getFarm(NAMESPACE, "old")).metadata;
        const seen = await farmWhere(
          NAMESPACE,
          "old",
          (farm) => condition(farm, "Ready")?.reason === "AccessDenied" && farm.status?.observedGeneration === generation,
        );
        const message = condition(seen, "AccountReady")?.message ?? "";
        const line = /dsacls "([^"]*)" \/G (.*)\.$/.exec(message);
        expect(line?.[1]).toBe(elsewhere);
        const named = [...(line?.[2] ?? "").matchAll(/"([^":]*):WP;([^"]*)"/g)].map(([, who, attribute]) => [who, attribute]);
        expect(new Set(named.map(([who]) => who))).toEqual(new Set([DELEGATED.username]));
        expect(named.map(([, attribute]) => attribute)).toEqual(expect.arrayContaining(["adminDescription", "description"]));
        if (managementPolicy === "Observe") expect(seen.status?.plan?.map(({ change }) => change)).toContain("Adopt");
        expect(await snapshot(elsewhere, GROUP)).toEqual(before);
      }
      await giveAttributes(elsewhere);
      await look("old", "given");
      await farmReady(NAMESPACE, "old");
      expect((await directory.find("old$"))?.dn).toBe(elsewhere);
      expect(await directory.retrieves("WEB01", elsewhere)).toBe(true);
      // The right to delete it is another one; on this object, too.
      await cluster.delete("ServerFarm", "old", NAMESPACE, 0);
      const blocked = await farmWhere(NAMESPACE, "old", (farm) => condition(farm, "Ready")?.reason === "DeletionBlocked");
      expect(condition(blocked, "Ready")?.message).toContain(`dsacls "${elsewhere}" /G "${DELEGATED.username}:SD"`);
      await directory.grant(elsewhere, `(A;;SD;;;${await operatorSid()})`);
      await look("old", "granted");
      await cluster.waitGone("ServerFarm", "old", NAMESPACE);
      expect(await directory.find("old$")).toBeUndefined();
    },
  );

  test.each([
    ["a container that is not there", { account: { container: "OU=Nowhere" } }, "Rejected", "OU=Nowhere"],
    [
      "no right to create accounts",
      { account: { container: "OU=Theirs" } },
      "AccessDenied",
      "the right to create msDS-GroupManagedServiceAccount",
    ],
    [
      "no right to create groups",
      { hosts: { computers: ["WEB01"], group: { container: "OU=Theirs" } } },
      "AccessDenied",
      "the right to create group",
    ],
    ["another's account in its place", { account: { name: "old" } }, "NotOwned", ACCOUNT],
  ])("%s: nothing is left half made, and what is named can be corrected", async (_, wrong, reason, words) => {
    await makeOld();
    await directory.asAdministrator((client) => client.add(`OU=Theirs,${BASE}`, { objectClass: "organizationalUnit" }));
    const before = await ownedInDirectory();
    await cluster.apply(farmOf(NAMESPACE, "half", { hosts: { computers: ["WEB01"] }, ...wrong }));
    const refused = await farmWhere(NAMESPACE, "half", (farm) => condition(farm, "Ready")?.reason === reason);
    expect(condition(refused, "Ready")?.message).toContain(words);
    await look("half", "again");
    await farmWhere(NAMESPACE, "half", (farm) => farm.status?.lastHandledReconcileRequest === "again");
    expect(await ownedInDirectory()).toEqual(before);
    await cluster.apply(farmOf(NAMESPACE, "half", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "half");
    await cluster.delete("ServerFarm", "half", NAMESPACE, 30);
    await directory.asAdministrator((client) => client.del(`OU=Theirs,${BASE}`));
  });

  test("what a service registers itself is left to it, and so is what is not named", async () => {
    await cluster.apply(
      farmOf(NAMESPACE, "sql", { servicePrincipalNames: ["http/sql"], selfRegisteredServicePrincipalNames: ["mssqlsvc/*"], hosts: {} }),
    );
    const { status } = await farmReady(NAMESPACE, "sql");
    const dn = status?.account?.["distinguishedName"] ?? "";
    await directory.modify(dn, "add", "servicePrincipalName", ["MSSQLSvc/sql:1433", "cifs/stray"]);
    await directory.modify(dn, "replace", "description", ["by an administrator"]);
    await look("sql", "1");
    await farmWhere(
      NAMESPACE,
      "sql",
      (farm) => farm.status?.lastHandledReconcileRequest === "1" && condition(farm, "Ready")?.status === "True",
    );
    const names = async (): Promise<readonly string[]> =>
      [(await directory.find("sql$"))?.["servicePrincipalName"]].flat().map(String).toSorted();
    expect(await names()).toEqual(["MSSQLSvc/sql:1433", "http/sql"]);
    expect((await directory.find("sql$"))?.["description"]).toBe("by an administrator");
    await patchFarm(NAMESPACE, "sql", { servicePrincipalNames: null });
    const unmanaged = await farmReady(NAMESPACE, "sql");
    expect(condition(unmanaged, "ServicePrincipalNamesReady")?.message).toContain("are not managed");
    expect(await names()).toEqual(["MSSQLSvc/sql:1433", "http/sql"]);
    await patchFarm(NAMESPACE, "sql", { servicePrincipalNames: ["MSSQLSvc/sql:1433"] });
    const both = await farmWhere(NAMESPACE, "sql", (farm) => condition(farm, "Ready")?.reason === "InvalidSpec");
    expect(condition(both, "ServicePrincipalNamesReady")?.message).toContain("remove it from one of the two");
    await patchFarm(NAMESPACE, "sql", { servicePrincipalNames: [], selfRegisteredServicePrincipalNames: [], account: { description: "" } });
    await farmReady(NAMESPACE, "sql");
    expect((await directory.find("sql$"))?.["servicePrincipalName"]).toBeUndefined();
    expect((await directory.find("sql$"))?.["description"]).toBeUndefined();
  });

  test("a farm that names no domain says so, can be corrected, and can be deleted", async () => {
    await cluster.apply(farmOf(NAMESPACE, "typo", { domainRef: { name: "contso" }, hosts: { computers: ["WEB01"] } }));
    const seen = await farmWhere(NAMESPACE, "typo", (farm) => condition(farm, "Ready")?.reason === "DomainNotFound");
    expect(condition(seen, "Stalled")?.status).toBe("True");
    expect(condition(seen, "Ready")?.message).toContain("there is no ActiveDirectoryDomain contso: create it, or correct domainRef.name");
    await patchFarm(NAMESPACE, "typo", { domainRef: { name: "contoso" } });
    await farmReady(NAMESPACE, "typo");
    await expect(patchFarm(NAMESPACE, "typo", { domainRef: { name: "contso" } })).rejects.toThrow("create another ServerFarm");
    await cluster.apply(farmOf(NAMESPACE, "lost", { domainRef: { name: "contso" } }));
    await farmWhere(NAMESPACE, "lost", (farm) => condition(farm, "Ready")?.reason === "DomainNotFound");
    await cluster.delete("ServerFarm", "lost", NAMESPACE, 30);
    // A domain that was never reached holds nobody either.
    await applyDomain({ name: "far", spec: { servers: ["ldaps://127.0.0.1:9"] } });
    await cluster.apply(farmOf(NAMESPACE, "lost", { domainRef: { name: "far" } }));
    await farmWhere(NAMESPACE, "lost", (farm) => condition(farm, "Ready")?.reason === "DomainNotReady");
    await cluster.delete("ServerFarm", "lost", NAMESPACE, 30);
    await cluster.delete("ActiveDirectoryDomain", "far");
  });

  test("a domain whose containers were made shared prints no grant, and makes nothing there", async () => {
    const message = await cluster
      .patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { defaults: { groupContainer: "CN=Users" } } })
      .catch(String);
    expect(message).toContain("create an OU that holds only farms");
    await domainWhere(({ status }) => status === "True");
  });
});
