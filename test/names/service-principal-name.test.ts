import { describe, expect, test } from "vitest";
import {
  aliasesOf,
  bearerOf,
  distinctServicePrincipalNames,
  hostOf,
  hostsOf,
  isServicePrincipalName,
  parseMappings,
  reservedName,
} from "../../src/names/account-name.ts";

const DOMAIN = { dnsName: "contoso.com", netBIOSName: "CONTOSO" };
const USUAL = parseMappings([]);

test.each([
  "http/web",
  "http/web.contoso.com",
  "MSSQLSvc/db.contoso.com:1433",
  "MSSQLSvc/db.contoso.com:INST",
  "http/ITFarm1.contoso.com/contoso.com",
  "ldap/dc1:389/contoso.com",
])("%s is one", (text) => {
  expect(isServicePrincipalName(text)).toBe(true);
});

test.each([
  "",
  "http",
  "http/",
  "/web",
  "http//x",
  "http/web/",
  "http/a b",
  " http/a",
  "http/a\n",
  "http/a\\b",
  "http/a/b/c",
  "http/a:b:c",
  "http/:80",
  "http/x@CONTOSO.COM",
  "http@a/x",
  "http/x/y@CONTOSO.COM",
  "http/x:80@CONTOSO.COM",
  // Active Directory takes these for http/web06 and ldap/web: letters that differ in accent or width are one to it.
  "http/wéb06",
  "ｌdap/web",
  "http/web\u0301",
  "http/x/ü",
])("%j is none", (text) => {
  expect(isServicePrincipalName(text)).toBe(false);
});

test("of names that differ in case only the first is kept, in order", () => {
  expect(distinctServicePrincipalNames(["http/B", "http/a", "HTTP/b", "http/A"])).toEqual(["http/B", "http/a"]);
});

test.each([
  ["http/Web01.contoso.com:8080", "web01.contoso.com"],
  ["MSSQLSvc/DB01:INST/x", "db01"],
  ["http/web01.contoso.com./contoso.com", "web01.contoso.com"],
  ["http/x@REALM", undefined],
])("%s speaks of the host %s", (name, host) => {
  expect(hostOf(name)).toBe(host);
});

test("the hosts of an account's names are told once each", () => {
  expect(hostsOf(["http/a", "HTTP/A:80", "cifs/b.contoso.com", "nothing"], "B.contoso.com")).toEqual(["a", "b.contoso.com"]);
  expect(hostsOf([], undefined)).toEqual([]);
});

describe("names that no farm can have", () => {
  test.each([
    ["ldap/web.contoso.com", "the class ldap belongs to domain controllers"],
    ["LDAP/web:389/contoso.com", "the class ldap belongs to domain controllers"],
    ["GC/web.contoso.com/contoso.com", "the class gc belongs to domain controllers"],
    ["dns/web", "the class dns belongs to domain controllers"],
    ["e3514235-4b06-11d1-AB04-00C04FC2DCD2/web/contoso.com", "belongs to domain controllers"],
    ["Dfsr-12F9A27C-BF97-4787-9364-D31B6C55EB04/web", "the class dfsr-12f9a27c-bf97-4787-9364-d31b6c55eb04 belongs to domain controllers"],
    ["NtFrs-88f5d2bd-b646-11d2-a6d3-00c04fc9b232/web", "belongs to domain controllers"],
    ["krbtgt/CONTOSO.COM", "the class krbtgt belongs to the key distribution centre"],
    ["kadmin/changepw", "the class kadmin belongs to the key distribution centre"],
    ["changePW/kdc", "the class changepw belongs to the key distribution centre"],
    ["RestrictedKrbHost/web", "the class restrictedkrbhost belongs to Windows"],
    ["termsrv/web.contoso.com", "the class termsrv belongs to Windows"],
    ["HOST/web.contoso.com/CONTOSO", "HOST with three parts belongs to domain controllers"],
    ["host/web:80/contoso.com", "HOST with three parts belongs to domain controllers"],
    ["cifs/Contoso.com", "contoso.com is the domain itself"],
    ["cifs/contoso.com.", "contoso.com is the domain itself"],
    ["http/CONTOSO:8080", "contoso is the domain itself"],
    ["http/contoso/contoso.com", "contoso is the domain itself"],
    ["HOST/6a2f._msdcs.contoso.com", "is a name of domain controllers"],
    ["http/shop.contoso.com.", "its host ends with the dot of the DNS root, and is shop.contoso.com"],
    ["MSSQLSvc/shop.contoso.com.:1433", "its host ends with the dot of the DNS root, and is shop.contoso.com"],
    ["http/shop.", "its host ends with the dot of the DNS root, and is shop"],
  ])("%s: %s", (name, words) => {
    expect(reservedName(name, DOMAIN)).toContain(words);
  });

  test.each([
    "http/web.contoso.com",
    "HOST/web.contoso.com",
    "http/web.contoso.com/contoso.com",
    "MSSQLSvc/db.contoso.com:1433",
    "dnscache/web",
    "ldaps/web",
    "Dfsr/web",
    "ntfrs/web",
    "http/contoso.com.example.org",
    "http/ldap",
    "nonsense",
  ])("%s is not one of them", (name) => {
    expect(reservedName(name, DOMAIN)).toBeUndefined();
  });

  test("a domain whose NetBIOS name cannot be read is not nameless", () => {
    expect(reservedName("http/contoso.com", { ...DOMAIN, netBIOSName: undefined })).toContain("the domain itself");
    expect(reservedName("http/contoso", { ...DOMAIN, netBIOSName: undefined })).toBeUndefined();
  });
});

describe("names that stand for others", () => {
  test.each([
    ["http/x", ["host/x"]],
    ["CIFS/x.contoso.com:445", ["host/x.contoso.com:445"]],
    ["w3svc/x/contoso.com", ["host/x/contoso.com"]],
    ["MSSQLSvc/x:1433", []],
    ["ldap/x", []],
    ["nonsense", []],
  ])("%s is implied by %j", (name, others) => {
    expect(aliasesOf(name, USUAL)).toEqual(others);
  });

  test.each(["alerter", "http", "www", "cifs", "dns", "msdtc", "w3svc", "spooler", "schedule", "rpc"])("HOST/x implies %s/x", (name) => {
    expect(aliasesOf("HOST/x:1", USUAL)).toContain(`${name}/x:1`);
    expect(aliasesOf(`${name.toUpperCase()}/x`, USUAL)).toEqual(["host/x"]);
  });

  test("HOST/x implies the 56 classes of every Active Directory, and not itself", () => {
    const aliases = aliasesOf("host/x", USUAL);
    expect(aliases).toHaveLength(new Set(aliases).size);
    expect(aliases.length).toBeGreaterThan(50);
    expect(aliases).not.toContain("host/x");
  });

  test("a domain's own mappings count: several classes, spaces, any case, two values for one", () => {
    const mappings = parseMappings(["HOST=HTTP, cifs ,host", "Base=one", "base=two,one", "broken", "empty=", "=x"]);
    expect(aliasesOf("Host/x", mappings)).toEqual(["http/x", "cifs/x"]);
    expect(aliasesOf("two/x", mappings)).toEqual(["base/x"]);
    expect(aliasesOf("BASE/x", mappings)).toEqual(["one/x", "two/x"]);
    expect(aliasesOf("www/x", mappings)).toEqual([]);
  });

  test.each([[[]], [["broken"]], [["host="]], [[""]]])("where %j is all that can be read, the usual ones count", (values) => {
    expect(aliasesOf("http/x", parseMappings(values))).toEqual(["host/x"]);
  });
});

test.each([
  ["web06", true],
  ["web06.contoso.com", true],
  ["web06.elsewhere.org", true],
  ["alias.contoso.com", true],
  ["alias", true],
  ["web0", false],
  ["web066", false],
  ["web07.contoso.com", false],
  ["alias.elsewhere.org", false],
])("WEB06 with the dNSHostName alias.contoso.com is meant by %s: %s", (host, meant) => {
  expect(bearerOf(host, DOMAIN)({ samAccountName: "WEB06$", dnsHostName: "Alias.Contoso.com" })).toBe(meant);
});
