import { describe, expect, test } from "vitest";
import { judge, readTenants, tenantsOf, tooManyFarms, type Verdict } from "../../src/policy/judge.ts";
import type { TenantSpec } from "../../src/policy/selector.ts";
import { accessGroup, DOMAIN, farmOf, type FarmSpec, tenantOf } from "./farms.ts";
import { FARMS, SHOP } from "./manifests.ts";
import { OTHERS } from "./other-tenants.ts";
import { UPDATES } from "./updates.ts";

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

describe("what one tenant allows", () => {
  test.each(FARMS)("%s", (_, __, farm, ...expected) => {
    expect(refused(farm)).toEqual(expected);
  });

  test("a tenant that lists nothing allows nothing", () => {
    const nothing = tenantOf({
      accounts: { names: [], containers: [] },
      servicePrincipalNames: [],
      dnsHostNames: [],
      hosts: { search: false, names: [], containers: [] },
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
      hosts: { search: true, names: ["*"], containers: ["DC=contoso,DC=com"] },
      groups: { access: ["*"], hosts: ["*"] },
      podHostAccounts: ["*"],
      adoption: true,
    });
    for (const [name, , farm] of FARMS.filter(([told]) => !/partition|no distinguished name$|quoted/.test(told)))
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
    const tenant = tenantOf({ hosts: { search: false, containers: [], names: ["*.web.contoso.com", "SQL1"] } });
    const hosts = ["a.web.contoso.com", "sql1.contoso.com", "sql1", "SQL1$", "sql12", "b.contoso.com"];
    expect(hosts.filter((host) => refused({ hosts: { computers: [host] } }, tenant).length > 0)).toEqual(["sql12", "b.contoso.com"]);
  });
});

describe.each(Object.entries(OTHERS))("tenants: %s", (_, { tenants, rows }) => {
  test.each(rows)("%s", (__, refuses, farm, ...expected) => {
    const verdict = tenants && verdictOf(farm, tenants);
    expect(verdict?.kind ?? "Allowed").toBe(refuses === "Nobody" ? "Allowed" : "NotAllowed");
    expect(verdict?.kind === "NotAllowed" ? verdict.refusals.map(({ field, rule }) => `${field} ${rule}`) : []).toEqual(expected);
  });
});

test.each(UPDATES)("a farm that changes: $told", ({ refuses, after, tenants }) => {
  expect(verdictOf(after, tenants).kind).toBe(refuses === "Nobody" ? "Allowed" : "NotAllowed");
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
      "no tenant of the ActiveDirectoryDomain contoso selects the namespace shop, so no farm of this namespace is allowed: have the domain's owner label the namespace, or add a tenant for it (spec.tenants).",
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
  const verdict = verdictOf({ hosts: { computers } }, [tenantOf({ hosts: { search: false, names, containers: [] } })]);
  expect(verdict).toMatchObject({ refusals: [{ rule: "hosts.names", values: [computers[4000]], more: 0 }] });
});
