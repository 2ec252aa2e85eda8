import { expect, test } from "vitest";
import { distinctServicePrincipalNames, isServicePrincipalName } from "../../src/names/account-name.ts";

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
])("%j is none", (text) => {
  expect(isServicePrincipalName(text)).toBe(false);
});

test("of names that differ in case only the first is kept, in order", () => {
  expect(distinctServicePrincipalNames(["http/B", "http/a", "HTTP/b", "http/A"])).toEqual(["http/B", "http/a"]);
});
