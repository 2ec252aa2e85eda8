/** By which keys an object is found, and by which it is asked for: one that is missing wakes nobody. */
import { expect, test } from "vitest";
import { foldName } from "../../src/names/account-name.ts";
import { keysOfHost, keysOfObject, lookupKey } from "../../src/names/identifier.ts";

const WEB01 = {
  distinguishedName: "CN=WEB01, OU=Servers,DC=contoso,DC=com",
  objectGUID: "970EB5A7-7E47-4C78-A400-F74EC467E5D1",
  samAccountName: "WEB01$",
  dnsHostName: "WEB01.contoso.com",
  servicePrincipalNames: ["HTTP/WEB01", "cifs/web01"],
};

test("an object answers to everything that it may be asked for, in any case", () => {
  expect(keysOfObject(WEB01)).toEqual([
    lookupKey("objectGUID", WEB01.objectGUID.toLowerCase()),
    lookupKey("sAMAccountName", "web01$"),
    lookupKey("dNSHostName", "web01.contoso.com"),
    lookupKey("distinguishedName", "cn=web01,ou=servers,dc=contoso,dc=com"),
    lookupKey("servicePrincipalName", "http/web01"),
    lookupKey("servicePrincipalName", "CIFS/WEB01"),
  ]);
  expect(keysOfHost(WEB01)).toEqual(keysOfObject(WEB01).slice(1, 4));
});

test("what it does not have it does not answer to", () => {
  const bare = { ...WEB01, samAccountName: undefined, dnsHostName: undefined, servicePrincipalNames: [] };
  expect(keysOfHost(bare)).toEqual([lookupKey("distinguishedName", WEB01.distinguishedName)]);
  expect(keysOfObject(bare)).toHaveLength(2);
});

test("a distinguished name is compared as one, any other name as a text", () => {
  const spaced = "CN=a , OU=b";
  expect(lookupKey("distinguishedName", spaced)).toBe(lookupKey("distinguishedName", "cn=a,ou=b"));
  expect(lookupKey("sAMAccountName", spaced)).toBe("cn=a , ou=b");
  expect(foldName("ÄB$")).toBe("äb$");
});
