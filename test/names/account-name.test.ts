/** Names that a farm may give to what it makes, as Active Directory and DNS take them; and computers that a host name may mean. */
import { describe, expect, test } from "vitest";
import {
  aliasesOf,
  hostOf,
  hostsOf,
  isDnsHostName,
  isGroupName,
  isSamAccountName,
  matchesPattern,
  namesOfComputer,
  parseMappings,
} from "../../src/names/account-name.ts";

describe("the name of an account", () => {
  test.each([
    ["web-portal_1", true],
    ["a", true],
    ["Bücher Portal", true],
    ["x".repeat(15), true],
    ["x".repeat(16), false],
    ["", false],
    ["web.", false],
    ["web ", false],
    ["web$", false],
    ["a$b", true],
    ["Web, Prod", false],
    ...[...'"/\\[]:|<>+=;?*@\u0007\u007f'].map((character): [string, boolean] => [`a${character}b`, false]),
    ...[...'"/\\[]:|<>+=;?*@,'].map((character): [string, boolean] => [`ab${character}`, false]),
  ])("%j: %s", (name, taken) => {
    expect(isSamAccountName(name)).toBe(taken);
  });
});

describe("the name of a group", () => {
  test.each([
    ["Web Hosts", true],
    ["a", true],
    ["x".repeat(64), true],
    ["x".repeat(65), false],
    ["", false],
    [" Web", false],
    ["Web ", false],
    ["Web.", false],
    ["Web.Hosts", true],
    ["Web,Hosts", false],
    ["Web\u0000Hosts", false],
  ])("%j: %s", (name, taken) => {
    expect(isGroupName(name)).toBe(taken);
  });
});

describe("a fully qualified DNS name", () => {
  const long = (length: number): string => `${"a".repeat(length - 4)}.com`;
  test.each([
    ["web.contoso.com", true],
    ["a.b", true],
    ["_tcp.web-1.contoso.com", true],
    [long(255), true],
    [long(256), false],
    ["web", false],
    ["", false],
    ["web..com", false],
    [".com", false],
    ["web.com.", false],
    ["-web.com", false],
    ["web-.com", false],
    ["we b.com", false],
    ["web.contoso.com/x", false],
  ])("%s: %s", (name, taken) => {
    expect(isDnsHostName(name)).toBe(taken);
  });
});

describe("a name of a service", () => {
  test.each([
    ["http/Web.Contoso.com:8080", "web.contoso.com"],
    ["http/web.", "web"],
    ["MSSQLSvc/db/INSTANCE", "db"],
    ["nothing", undefined],
    ["", undefined],
  ])("%j speaks of the host %s", (name, host) => {
    expect(hostOf(name)).toBe(host);
  });

  test("speaks of its host once, whatever else does, and the account's own name counts", () => {
    expect(hostsOf(["http/a", "cifs/A", "no name"], "B.contoso.com")).toEqual(["a", "b.contoso.com"]);
    expect(hostsOf(["http/a"], undefined)).toEqual(["a"]);
  });

  test("of which nothing can be made stands for no other", () => {
    expect(aliasesOf("no name", parseMappings(["=x"]))).toEqual([]);
    expect(aliasesOf("no name", parseMappings(["host=http"]))).toEqual([]);
  });

  test("stands for what the domain's mappings say, and a mapping without a class or a base says nothing", () => {
    expect(parseMappings(["host=http", "empty= , ", " =x"])).toEqual(new Map([["host", ["http"]]]));
    expect(parseMappings(["  host = http , ,cifs\n"])).toEqual(new Map([["host", ["http", "cifs"]]]));
    expect(parseMappings(["a b=c", "x host=http"]).get("host")).not.toEqual(["http"]);
  });
});

test.each([
  ["*", "anything", true],
  ["*", "", true],
  ["http/*", "HTTP/a", true],
  ["http/*", "http/", true],
  ["*b*", "b", true],
  ["*a*b*", "ba", false],
  ["a*a", "a", false],
  ["a*b*c", "abbc", true],
  ["a*b*b", "ab", false],
  ["", "", true],
  ["a", "ab", false],
])("the pattern %j means %j: %s", (pattern, name, means) => {
  expect(matchesPattern(pattern, name)).toBe(means);
});

test("a host name may mean a computer by its short name or by its DNS name", () => {
  const domain = { dnsName: "contoso.com" };
  expect(namesOfComputer("web", domain)).toEqual({ samAccountName: "web$", dnsHostName: "web.contoso.com" });
  expect(namesOfComputer("web.other.org", domain)).toEqual({ samAccountName: "web$", dnsHostName: "web.other.org" });
});
