/** Names that are somebody else's: what a farm is refused, and which server a client really reaches by them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { addComputer, BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { decryptedBy } from "../harness/tickets.ts";
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
  ownedInDirectory,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "spn";
const SPEC = { defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Farms" } };
const host = (name: string): string => `CN=${name},CN=Computers,${BASE}`;
const dnOf = (name: string): string => `CN=${name},OU=Farms,${BASE}`;

/** Hosts in a group, and each by name. */
const GRANTS = ["Group", "Principals"] as const;

async function names(samAccountName: string): Promise<readonly string[]> {
  const entry = await directory.find(samAccountName);
  return [entry?.["servicePrincipalName"] ?? []].flat().map(String).toSorted();
}

const namesBecome = (account: string, ...wanted: readonly string[]): Promise<readonly string[]> =>
  waitFor(
    `the names of ${account}`,
    () => names(account),
    (seen) => seen.join() === wanted.toSorted().join(),
  );

/** What is said of the names once it is refused; all other parts of the farm are as wanted. */
async function refusalOf(name: string, reason: string): Promise<string> {
  const farm = await farmWhere(NAMESPACE, name, (seen) => condition(seen, "ServicePrincipalNamesReady")?.reason === reason);
  expect(statuses(farm)).toEqual(["True", "True"]);
  expect(condition(farm, "Stalled")?.status).toBe("True");
  return condition(farm, "ServicePrincipalNamesReady")?.message ?? "";
}

const statuses = (farm: Farm): readonly (string | undefined)[] =>
  ["AccountReady", "HostsReady"].map((type) => condition(farm, type)?.status);

/** The sandbox has no Kerberos. */
async function expectReached(servicePrincipalName: string, account: string, ...others: readonly string[]): Promise<void> {
  const holders = await decryptedBy(directory, servicePrincipalName, [account, ...others]);
  if (holders !== undefined) expect(holders, servicePrincipalName).toEqual([account]);
}

describe.skipIf(!available)("names that are somebody else's", () => {
  let operator: Operator;

  beforeAll(async () => {
    await delegate(directory);
    await createNamespace(NAMESPACE);
    await directory.modify(host("WEB06"), "replace", "servicePrincipalName", [
      "HOST/web06.contoso.com",
      "HOST/WEB06",
      "http/portal.contoso.com",
    ]);
    await directory.asAdministrator((client) =>
      addComputer(client, "DC9", { userAccountControl: "532480", dNSHostName: "dc9.contoso.com" }),
    );
    await directory.asAdministrator((client) => addComputer(client, "ODD07", { dNSHostName: "other.contoso.com" }));
    await applyDomain({ account: DELEGATED, spec: SPEC });
    operator = await startOperator();
    await domainReady();
  });

  beforeEach(async () => {
    await cluster.deleteAll("ServerFarm", NAMESPACE);
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await directory.modify(host("WEB06"), "replace", "servicePrincipalName", []);
    await directory.asAdministrator(async (client) => {
      for (const name of ["DC9", "ODD07"]) await client.del(host(name));
    });
  });

  test.each(GRANTS)("one that a computer's implies is not taken by changing another into it, with %s", async (grant) => {
    await cluster.apply(farmOf(NAMESPACE, "swap", { servicePrincipalNames: ["http/a"], hosts: { grant, computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "swap");
    for (const name of ["cifs/web06.contoso.com", "HTTP/WEB06"]) {
      await patchFarm(NAMESPACE, "swap", { servicePrincipalNames: [name, "http/swap.contoso.com"] });
      await namesBecome("swap$", "http/swap.contoso.com");
      const message = await refusalOf("swap", "ServicePrincipalNameInUse");
      expect(message).toContain(`${name} is held by ${host("WEB06")} as HOST/`);
      await expectReached(name, "WEB06$", "swap$");
      await patchFarm(NAMESPACE, "swap", { servicePrincipalNames: ["http/a"] });
      await farmReady(NAMESPACE, "swap");
    }
    await expectReached("http/a", "swap$", "WEB06$");
  });

  test.each(GRANTS)("a new account with one is made with its others, and its hosts retrieve the password, with %s", async (grant) => {
    const wanted = ["http/web06.contoso.com", "http/fresh.contoso.com", "HOST/portal.contoso.com"];
    await cluster.apply(farmOf(NAMESPACE, "fresh", { servicePrincipalNames: wanted, hosts: { grant, computers: ["WEB01"] } }));
    const message = await refusalOf("fresh", "ServicePrincipalNameInUse");
    expect(message).toContain(`http/web06.contoso.com is held by ${host("WEB06")} as HOST/web06.contoso.com`);
    expect(message).toContain(`HOST/portal.contoso.com is held by ${host("WEB06")} as http/portal.contoso.com`);
    expect(await names("fresh$")).toEqual(["http/fresh.contoso.com"]);
    expect(await directory.retrieves("WEB01", dnOf("fresh"))).toBe(true);
    await expectReached("http/web06.contoso.com", "WEB06$", "fresh$");
    await expectReached("http/portal.contoso.com", "WEB06$", "fresh$");
    await expectReached("http/fresh.contoso.com", "fresh$", "WEB06$");
  });

  test("one that its holder lets go is the farm's by itself", async () => {
    const wanted = ["HOST/portal.contoso.com"];
    await cluster.apply(farmOf(NAMESPACE, "heir", { servicePrincipalNames: wanted, hosts: { computers: ["WEB01"] } }));
    await refusalOf("heir", "ServicePrincipalNameInUse");
    await directory.modify(host("WEB06"), "delete", "servicePrincipalName", ["http/portal.contoso.com"]);
    try {
      await farmReady(NAMESPACE, "heir");
      expect(await names("heir$")).toEqual(wanted);
      await expectReached("http/portal.contoso.com", "heir$", "WEB06$");
    } finally {
      await cluster.deleteAll("ServerFarm", NAMESPACE);
      await directory.modify(host("WEB06"), "add", "servicePrincipalName", ["http/portal.contoso.com"]);
    }
  });

  test("of a host of the farm it is the host's; a class that HOST does not stand for is the farm's", async () => {
    const wanted = ["http/web06.contoso.com", "MSSQLSvc/web06.contoso.com:1433"];
    await cluster.apply(farmOf(NAMESPACE, "sql", { servicePrincipalNames: wanted, hosts: { computers: ["WEB06"] } }));
    expect(await refusalOf("sql", "ServicePrincipalNameInUse")).toContain("as HOST/web06.contoso.com");
    expect(await names("sql$")).toEqual(["MSSQLSvc/web06.contoso.com:1433"]);
    await expectReached("http/web06.contoso.com", "WEB06$", "sql$");
    await expectReached("MSSQLSvc/web06.contoso.com:1433", "sql$", "WEB06$");
  });

  test.each(GRANTS)("names of the domain, its controllers, the KDC and Windows are left out, each said, with %s", async (grant) => {
    const refused = [
      "ldap/reserved.contoso.com",
      "GC/reserved.contoso.com/contoso.com",
      "krbtgt/CONTOSO.COM",
      "E3514235-4B06-11D1-AB04-00C04FC2DCD2/reserved/contoso.com",
      "RestrictedKrbHost/reserved",
      "TERMSRV/reserved.contoso.com",
      "HOST/reserved.contoso.com/contoso.com",
      "cifs/contoso.com",
      "cifs/CONTOSO",
      "MSSQLSvc/dc1.contoso.com:1433",
    ];
    const allowed = ["http/reserved", "http/reserved.contoso.com"];
    await cluster.apply(
      farmOf(NAMESPACE, "reserved", { servicePrincipalNames: [...refused, ...allowed], hosts: { grant, computers: ["WEB01"] } }),
    );
    const message = await refusalOf("reserved", "ServicePrincipalNameReserved");
    for (const name of refused) expect(message).toContain(`${name} is not set, because `);
    expect(await names("reserved$")).toEqual(allowed);
    await patchFarm(NAMESPACE, "reserved", { servicePrincipalNames: allowed });
    await farmReady(NAMESPACE, "reserved");
    // By a change as by creation.
    await patchFarm(NAMESPACE, "reserved", { servicePrincipalNames: [...refused, "http/reserved"] });
    await namesBecome("reserved$", "http/reserved");
    expect(await refusalOf("reserved", "ServicePrincipalNameReserved")).toContain("contoso.com is the domain itself");
  });

  test("names of computers that are no hosts of the farm are left out, in whatever form", async () => {
    const refused = {
      "host/dc9.contoso.com": "a domain controller",
      "http/DC9": "a domain controller",
      "MSSQLSvc/web05.contoso.com": host("WEB05"),
      "http/WEB05": host("WEB05"),
      "http/other.contoso.com": host("ODD07"),
      "http/other": host("ODD07"),
      "http/odd07.contoso.com": host("ODD07"),
    };
    await cluster.apply(
      farmOf(NAMESPACE, "named", { servicePrincipalNames: [...Object.keys(refused), "http/named"], hosts: { computers: ["WEB01"] } }),
    );
    const message = await refusalOf("named", "ServicePrincipalNameReserved");
    for (const [name, words] of Object.entries(refused))
      expect(message).toMatch(new RegExp(`${name} is not set, because it names [^:]*${words}`));
    expect(await names("named$")).toEqual(["http/named"]);
    await patchFarm(NAMESPACE, "named", { hosts: { computers: ["WEB01", "WEB05"] } });
    await namesBecome("named$", "MSSQLSvc/web05.contoso.com", "http/WEB05", "http/named");
    // For an account that is there computers are looked for by dNSHostName in a search of their own.
    await patchFarm(NAMESPACE, "named", { servicePrincipalNames: ["http/named"] });
    await farmReady(NAMESPACE, "named");
    await patchFarm(NAMESPACE, "named", { servicePrincipalNames: ["http/named", "http/other.contoso.com"] });
    expect(await refusalOf("named", "ServicePrincipalNameReserved")).toContain(host("ODD07"));
    expect(await names("named$")).toEqual(["http/named"]);
  });

  test("what somebody puts on the account by hand, and is nobody's to have, goes", async () => {
    const wanted = ["http/drift", "ldap/drift.contoso.com", "MSSQLSvc/web05"];
    await cluster.apply(farmOf(NAMESPACE, "drift", { servicePrincipalNames: wanted, hosts: { computers: ["WEB01"] } }));
    await refusalOf("drift", "ServicePrincipalNameReserved");
    await directory.modify(dnOf("drift"), "add", "servicePrincipalName", wanted.slice(1));
    expect(await namesBecome("drift$", "http/drift")).toEqual(["http/drift"]);
  });

  test("a realm is refused by the API server", async () => {
    const farm = farmOf(NAMESPACE, "realm", { servicePrincipalNames: ["http/x@CONTOSO.COM"] });
    await expect(cluster.apply(farm)).rejects.toThrow("without a realm (@REALM)");
  });

  test.each([
    ["a domain controller", "dc1.contoso.com", `CN=DC1,OU=Domain Controllers,${BASE}`],
    ["a computer by its sAMAccountName", "Web05.contoso.com", host("WEB05")],
    ["a computer by its dNSHostName", "other.contoso.com", host("ODD07")],
    ["the domain", "contoso.com", "the domain contoso.com"],
  ])(
    "the dnsHostName of %s is not taken: nothing is made for a new account, and one that is there keeps its own",
    async (_, name, bearer) => {
      const before = await ownedInDirectory();
      await cluster.apply(farmOf(NAMESPACE, "taken", { account: { dnsHostName: name }, hosts: { computers: ["WEB01"] } }));
      const farm = await farmWhere(NAMESPACE, "taken", (seen) => condition(seen, "AccountReady")?.reason === "ObjectExists");
      expect(condition(farm, "AccountReady")?.message).toContain(`${name} is the name of ${bearer}, so the account is not created`);
      expect(condition(farm, "Stalled")?.status).toBe("True");
      expect(await ownedInDirectory()).toEqual(before);
      await patchFarm(NAMESPACE, "taken", { account: { dnsHostName: null } });
      await farmReady(NAMESPACE, "taken");
      await patchFarm(NAMESPACE, "taken", { account: { dnsHostName: name, displayName: "x" }, servicePrincipalNames: ["http/taken"] });
      await namesBecome("taken$", "http/taken");
      const again = await farmWhere(NAMESPACE, "taken", (seen) => condition(seen, "AccountReady")?.reason === "ObjectExists");
      expect(condition(again, "AccountReady")?.message).toContain("the account keeps taken.contoso.com");
      expect(await directory.find("taken$")).toMatchObject({ dNSHostName: "taken.contoso.com", displayName: "x" });
    },
  );

  test("the dnsHostName of another farm's account is not taken", async () => {
    await cluster.apply(farmOf(NAMESPACE, "first", { account: { dnsHostName: "shop.contoso.com" } }));
    await farmReady(NAMESPACE, "first");
    await cluster.apply(farmOf(NAMESPACE, "second", { account: { dnsHostName: "SHOP.contoso.com" }, hosts: { computers: ["WEB01"] } }));
    const farm = await farmWhere(NAMESPACE, "second", (seen) => condition(seen, "AccountReady")?.reason === "ObjectExists");
    expect(condition(farm, "AccountReady")?.message).toContain(`is the name of ${dnOf("first")}`);
    expect(await directory.find("second$")).toBeUndefined();
    expect(await directory.find("secondHosts")).toBeUndefined();
  });
});
