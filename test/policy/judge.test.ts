import { describe, expect, test } from "vitest";
import { judge, readTenants, tenantsOf, tooManyFarms, type Verdict } from "../../src/policy/judge.ts";
import type { TenantSpec } from "../../src/policy/selector.ts";
import { accessGroup, DOMAIN, farmOf, type FarmSpec, tenantOf } from "./farms.ts";

const SHOP = { name: "shop", labels: { team: "web" } };

function verdictOf(farm: FarmSpec, tenants: readonly TenantSpec[] = [tenantOf()], domain = DOMAIN): Verdict {
  return judge(farmOf(farm), tenantsOf(readTenants(tenants, domain), SHOP), domain);
}

function refused(farm: FarmSpec, ...tenants: readonly TenantSpec[]): readonly string[] {
  const verdict = verdictOf(farm, tenants.length > 0 ? tenants : undefined);
  return verdict.kind === "Allowed" ? [] : verdict.refusals.map(({ field, rule }) => `${field} ${rule}`);
}

function messageOf(farm: FarmSpec, ...tenants: readonly TenantSpec[]): string {
  const verdict = verdictOf(farm, tenants.length > 0 ? tenants : undefined);
  return verdict.kind === "Allowed" ? "" : verdict.message;
}

/** A farm, and what of it the tenant web does not allow: field and rule. */
const FARMS: [told: string, farm: FarmSpec, ...refused: string[]][] = [
  ["what it allows", {}],
  ["in any case", { name: "WEB-Shop", dnsHostName: "SHOP.Web.CONTOSO.com", servicePrincipalNames: ["HTTP/SHOP.WEB.contoso.com"] }],
  ["another name", { name: "shop" }, "account.name accounts.names", "hosts.group.name accounts.names"],
  ["another common name", { account: { name: "db-shop" }, hosts: { grant: "Principals" } }, "account.name accounts.names"],
  ["another sAMAccountName", { account: { samAccountName: "DC01" } }, "account.samAccountName accounts.names"],
  ["a sAMAccountName that ends with a dot", { account: { samAccountName: "web." } }, "account.samAccountName accounts.names"],
  ["a full-width look-alike of the name", { name: "ｗｅｂ-shop" }, "account.name accounts.names", "hosts.group.name accounts.names"],
  ["a Cyrillic look-alike of the name", { name: "wеb-shop" }, "account.name accounts.names", "hosts.group.name accounts.names"],
  ["a space before the name", { name: " web-shop" }, "account.name accounts.names", "hosts.group.name accounts.names"],
  ["a host name of the domain by default", { dnsHostName: null }, "account.dnsHostName dnsHostNames"],
  ["outbound only: no host name", { account: { outboundOnly: true }, dnsHostName: null }],
  ["a host name elsewhere", { dnsHostName: "dc1.contoso.com" }, "account.dnsHostName dnsHostNames"],
  ["a host name that only ends so", { dnsHostName: "dcweb.contoso.com" }, "account.dnsHostName dnsHostNames"],
  ["a host name with a dot at its end", { dnsHostName: "shop.web.contoso.com." }, "account.dnsHostName dnsHostNames"],
  ["a container below", { account: { container: "OU=Shop,OU=Web,OU=Farms" } }],
  ["the container as a whole name", { account: { container: "ou=web , OU=farms,DC=Contoso,DC=com" } }],
  ["the container above", { account: { container: "OU=Farms" } }, "account.container accounts.containers"],
  ["a container beside", { account: { container: "OU=DB,OU=Farms" } }, "account.container accounts.containers"],
  ["a name that ends so", { account: { container: String.raw`OU=x\,OU=Web,OU=Farms` } }, "account.container accounts.containers"],
  ["an escape that ends so", { account: { container: String.raw`OU=x\2COU\3DWeb,OU=Farms` } }, "account.container accounts.containers"],
  ["the same in hex", { account: { container: String.raw`OU=\57eb,OU=Farms` } }],
  ["quoted", { account: { container: 'OU="Web",OU=Farms' } }, "account.container accounts.containers"],
  ["a part of two names", { account: { container: "OU=Web+CN=x,OU=Farms" } }, "account.container accounts.containers"],
  ["a space in its place", { account: { container: String.raw`OU=Web\ ,OU=Farms` } }, "account.container accounts.containers"],
  ["another partition", { account: { container: "OU=Web,OU=Farms,DC=evil,DC=contoso,DC=com" } }, "account.container accounts.containers"],
  ["no distinguished name", { account: { container: "Web" } }, "account.container accounts.containers"],
  ["a host group of another name", { hosts: { group: { name: "Admins", existing: false } } }, "hosts.group.name accounts.names"],
  ["a host group elsewhere", { hosts: { group: { existing: false, container: "OU=Farms" } } }, "hosts.group.container accounts.containers"],
  ["somebody's group as host group", { hosts: { group: { name: "web-hosts", existing: true } } }, "hosts.group.name groups.hosts"],
  ["no host group", { hosts: { grant: "Principals" } }],
  ["an access group", { accessGroups: [accessGroup("Web-Readers"), accessGroup("WEB-WRITERS")] }],
  ["somebody's access group", { accessGroups: [accessGroup("Web-Readers"), accessGroup("SQL-Admins")] }, "accessGroups groups.access"],
  ["an access group of its own", { accessGroups: [accessGroup("web-Readers", false)] }],
  ["an access group of its own by another name", { accessGroups: [accessGroup("Readers", false)] }, "accessGroups accounts.names"],
  [
    "an access group of its own elsewhere",
    { accessGroups: [accessGroup("web-Readers", false, "OU=Farms")] },
    "accessGroups[].container accounts.containers",
  ],
  [
    "100 access groups",
    { accessGroups: Array.from({ length: 100 }, (_, index) => accessGroup(`x${index}`)) },
    "accessGroups groups.access",
  ],
  ["hosts by name, DNS name and distinguished name", { hosts: { computers: ["web01", "WEB02$", "web03.any.where", "CN=Web04,OU=Any"] } }],
  ["another host", { hosts: { computers: ["WEB01", "SQL01"] } }, "hosts.computers hosts.names"],
  ["another host by DNS name", { hosts: { computers: ["sql01.web.contoso.com"] } }, "hosts.computers hosts.names"],
  ["another host by distinguished name", { hosts: { computers: ["CN=SQL01,OU=WEB"] } }, "hosts.computers hosts.names"],
  ["an escape that begins so", { hosts: { computers: [String.raw`CN=\53QL01,CN=WEB`] } }, "hosts.computers hosts.names"],
  ["a host with a space before it", { hosts: { computers: [String.raw`CN=\ WEB01,OU=Servers`] } }, "hosts.computers hosts.names"],
  ["a full-width look-alike of a host", { hosts: { computers: ["ＷＥＢ01"] } }, "hosts.computers hosts.names"],
  ["no distinguished name of a host", { hosts: { computers: ["CN=WEB01,,"] } }, "hosts.computers hosts.names"],
  ["whoever is quarantined is not limited", { hosts: { quarantined: ["DC01"] } }],
  ["51 hosts", { hosts: { computers: Array.from({ length: 51 }, (_, index) => `WEB${index}`) } }, "hosts.computers hosts.max"],
  ["adoption", { adoptionPolicy: "Unowned" }, "adoptionPolicy adoption"],
  ["what services register is not granted", { selfRegisteredServicePrincipalNames: ["MSSQLSvc/*"] }],
  ["names with a port", { servicePrincipalNames: ["MSSQLSvc/db.web.contoso.com:1433", "http/a.web.contoso.com"] }],
  ...[
    "http/shop.web.contoso.com:8080",
    "http/shop.contoso.com",
    "http/web.contoso.com",
    "https/shop.web.contoso.com",
    "ldap/shop.web.contoso.com",
    "http/dc1.contoso.com:x.web.contoso.com",
    "http/dc1.contoso.com/x.web.contoso.com",
    "http/dc1/x/y.web.contoso.com",
    "MSSQLSvc/dc1/x.web.contoso.com:1",
    "MSSQLSvc/db.web.contoso.com",
    "http/*",
    "*/shop.web.contoso.com",
    "http/shop.web.contoso.com.",
    "http/shop.web.contoso.com@EVIL.COM",
    "http/shop.ｗｅｂ.contoso.com",
    "http/shop.web.contoso.com ",
  ].map((name): [string, FarmSpec, string] => [
    JSON.stringify(name),
    { servicePrincipalNames: ["http/ok.web.contoso.com", name] },
    "servicePrincipalNames servicePrincipalNames",
  ]),
];

describe("what one tenant allows", () => {
  test.each(FARMS)("%s", (_, farm, ...expected) => {
    expect(refused(farm)).toEqual(expected);
  });

  test("a tenant that lists nothing allows nothing", () => {
    const nothing = tenantOf({
      accounts: { names: [], containers: [] },
      servicePrincipalNames: [],
      dnsHostNames: [],
      hosts: { names: [], containers: [] },
      groups: { access: [], hosts: [] },
    });
    const all = {
      servicePrincipalNames: ["http/a.web.contoso.com"],
      hosts: { computers: ["WEB01"] },
      accessGroups: [accessGroup("Web-R")],
    };
    expect(refused(all, nothing)).toEqual([
      "account.name accounts.names",
      "account.container accounts.containers",
      "account.dnsHostName dnsHostNames",
      "servicePrincipalNames servicePrincipalNames",
      "hosts.group.name accounts.names",
      "hosts.group.container accounts.containers",
      "accessGroups groups.access",
      "hosts.computers hosts.names",
    ]);
  });

  test("* alone allows everything, and the domain itself every container", () => {
    const everything = tenantOf({
      accounts: { names: ["*"], containers: ["DC=contoso,DC=com"] },
      servicePrincipalNames: ["*"],
      dnsHostNames: ["*"],
      hosts: { names: ["*"], containers: [] },
      groups: { access: ["*"], hosts: ["*"] },
      adoption: true,
    });
    for (const [name, farm] of FARMS.filter(([told]) => !/partition|no distinguished name$|quoted/.test(told)))
      expect(refused(farm, everything), name).toEqual([]);
  });

  test("the domain's defaults count: another default, another verdict", () => {
    const verdict = verdictOf({}, [tenantOf()], { ...DOMAIN, groupContainer: "OU=Groups" });
    expect(verdict).toMatchObject({ refusals: [{ field: "hosts.group.container", values: ["OU=Groups"] }] });
  });

  test("a container that is none allows nothing", () => {
    const broken = tenantOf({ accounts: { names: ["*"], containers: ["OU=Web,,", "OU=x,DC=elsewhere"] } });
    expect(refused({ account: { container: "OU=Web,," } }, broken)).toEqual([
      "account.container accounts.containers",
      "hosts.group.container accounts.containers",
    ]);
  });

  test("a part before the host that ends the pattern is any, and what follows a host that ends with * too", () => {
    const tenant = tenantOf({ servicePrincipalNames: ["http/web*"] });
    const names = ["http/web", "http/web1.contoso.com", "http/web1:8080", "http/web1/x", "http/other/web"];
    expect(names.filter((name) => refused({ servicePrincipalNames: [name] }, tenant).length > 0)).toEqual(["http/other/web"]);
  });

  test("a DNS name is judged whole, or by its first label", () => {
    const tenant = tenantOf({ hosts: { containers: [], names: ["*.web.contoso.com", "SQL1"] } });
    const hosts = ["a.web.contoso.com", "sql1.contoso.com", "sql1", "SQL1$", "sql12", "b.contoso.com"];
    expect(hosts.filter((host) => refused({ hosts: { computers: [host] } }, tenant).length > 0)).toEqual(["sql12", "b.contoso.com"]);
  });
});

describe("of several tenants", () => {
  const db = tenantOf({ name: "db", accounts: { names: ["db-*"], containers: ["OU=Web,OU=Farms"] } });

  test("one allows all of a farm, or nobody does", () => {
    const readers = tenantOf({ name: "readers", accounts: { names: [], containers: [] }, groups: { access: ["SQL-*"], hosts: [] } });
    expect(refused({ accessGroups: [accessGroup("SQL-Readers")] }, tenantOf(), readers)).toEqual(["accessGroups groups.access"]);
    const verdict = verdictOf({ name: "db-shop" }, [tenantOf(), db]);
    expect(verdict.kind === "Allowed" && verdict.tenant.spec.name).toBe("db");
  });

  test("the first that allows it is the one", () => {
    const twin = tenantOf({ name: "twin" });
    const verdict = verdictOf({}, [twin, tenantOf()]);
    expect(verdict.kind === "Allowed" && verdict.tenant.granted.tenant).toBe("twin");
  });

  test("the one that refuses the fewest fields tells, and of two the first", () => {
    const farm = { dnsHostName: "x.contoso.com" };
    expect(messageOf(farm, db, tenantOf())).toMatch(/^the tenant web /);
    expect(messageOf(farm, tenantOf(), db)).toMatch(/^the tenant web /);
    expect(messageOf(farm, tenantOf({ name: "twin" }), tenantOf())).toMatch(/^the tenant twin /);
  });

  test("those of other namespaces are not asked, and not named", () => {
    const none = verdictOf({}, []);
    const nobody = none.kind === "Allowed" ? "" : none.message;
    const other = tenantOf({ name: "secret", namespaceSelector: { matchLabels: { team: "db" }, matchExpressions: [] } });
    expect(messageOf({}, other)).toBe(
      "no tenant of the ActiveDirectoryDomain contoso is of the namespace shop, so its farms may ask for nothing: have the domain's owner label the namespace, or add a tenant for it (spec.tenants).",
    );
    expect(messageOf({}, other)).toBe(nobody);
    expect(messageOf({ name: "x", hosts: { grant: "Principals" } }, other, tenantOf())).not.toContain("secret");
  });
});

describe("the message", () => {
  test("names tenant, field, value and rule, and what to do", () => {
    const farm = {
      account: { samAccountName: "DC01" },
      adoptionPolicy: "Unowned",
      hosts: { computers: Array.from({ length: 51 }, () => "SQL01") },
    } as const;
    expect(messageOf(farm)).toBe(
      'the tenant web of the ActiveDirectoryDomain contoso does not allow account.samAccountName: "DC01" (accounts.names allows web-*); hosts.computers: "SQL01", "SQL01", "SQL01" and 48 more (hosts.names allows WEB*); hosts.computers: "51 hosts" (hosts.max is 50); adoptionPolicy: "Unowned" (adoption is false). Correct the farm, or have the domain\'s owner allow it (spec.tenants).',
    );
  });

  test("is short, however much is asked for or allowed", () => {
    const many = Array.from({ length: 500 }, (_, index) => `ldap/x${index}`);
    const tenant = tenantOf({ servicePrincipalNames: many.map((name) => `${name}.contoso.com`), groups: { access: [], hosts: [] } });
    const message = messageOf({ servicePrincipalNames: many, accessGroups: many.slice(0, 100).map((name) => accessGroup(name)) }, tenant);
    expect(message).toContain("and 497 more");
    expect(message).toContain("groups.access allows nothing");
    expect(message.length).toBeLessThan(600);
  });

  test("says how many farms a tenant may have", () => {
    const [tenant] = readTenants([tenantOf({ maxFarms: 20 })], DOMAIN);
    expect(tenant && tooManyFarms(tenant, "contoso")).toMatch(
      /^the tenant web of the ActiveDirectoryDomain contoso allows 20 farms \(maxFarms\)/,
    );
  });
});

test("5,000 hosts are judged each, by every pattern", () => {
  const names = Array.from({ length: 50 }, (_, index) => `*A*B*C${index}*`);
  const computers = Array.from({ length: 5000 }, (_, index) => `${"AB".repeat(120)}C${index === 4000 ? "x" : index % 50}`);
  const verdict = verdictOf({ hosts: { computers } }, [tenantOf({ hosts: { names, containers: [] } })]);
  expect(verdict).toMatchObject({ refusals: [{ rule: "hosts.names", values: [computers[4000]], more: 0 }] });
});
