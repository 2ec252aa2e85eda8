/** What objects are, and what of an account is written: only what the farm says, and of numbers only its own bits. */
import { describe, expect, test } from "vitest";
import {
  ACCOUNT_CLASS,
  type AccountFields,
  type DesiredAccount,
  desiredProperties,
  isAccount,
  isComputer,
  groupsOf,
  isDomainController,
  isGroup,
  isPrimaryGroup,
  isTrusted,
  observedProperties,
  readAccountFields,
} from "../../src/ad/object.ts";
import { computer, desired, directoryObject } from "../farm/simulation.ts";

describe("kinds of objects", () => {
  test.each([
    [ACCOUNT_CLASS, "account"],
    ["MSDS-groupmanagedserviceaccount", "account"],
    ["group", "group"],
    ["Group", "group"],
    ["computer", "computer"],
    ["Computer", "computer"],
    ["msDS-ManagedServiceAccount", "none of them"],
    ["user", "none of them"],
  ])("an object of the class %s is: %s", (objectClass, kind) => {
    const object = directoryObject({ distinguishedName: "CN=x", objectClass });
    expect([isAccount(object), isGroup(object), isComputer(object)]).toEqual([kind === "account", kind === "group", kind === "computer"]);
  });

  test.each([
    ["an ordinary computer", { userAccountControl: 0x1000, primaryGroupID: 515 }, false],
    ["one of which nothing can be read", { userAccountControl: undefined, primaryGroupID: undefined }, false],
    ["a domain controller by its flags", { userAccountControl: 0x82000 }, true],
    ["a read-only one by its flags", { userAccountControl: 0x5001000 }, true],
    ["a domain controller by its primary group", { primaryGroupID: 516 }, true],
    ["a read-only one by its primary group", { primaryGroupID: 521 }, true],
    ["one that is trusted for delegation, which is another bit", { userAccountControl: 0x81000 }, false],
  ])("%s: is it a domain controller?", (_, fields, is) => {
    expect(isDomainController({ ...computer("X"), ...fields })).toBe(is);
  });
});

describe("whose word an object is", () => {
  test.each([
    ["a computer that somebody with rights made", {}, true, true],
    ["one that an ordinary user made", { creatorSID: "S-1-5-21-1-2-3-1500" }, false, true],
    ["a domain controller", { userAccountControl: 0x82000 }, false, false],
    [
      "one that an ordinary user made, by its primary group a domain controller",
      { creatorSID: "S-1-5", primaryGroupID: 516 },
      false,
      false,
    ],
  ])("%s is trusted as a host; where computers that users joined are, too", (_, fields, trusted, whereJoined) => {
    const one = { ...computer("X"), ...fields };
    expect([isTrusted({ trustSelfJoined: false }, one), isTrusted({ trustSelfJoined: true }, one)]).toEqual([trusted, whereJoined]);
  });

  test.each<[string, string | undefined, number | undefined, boolean]>([
    ["whose identifier is that", "S-1-5-21-1-2-3-1105", 1105, true],
    ["whose identifier is another", "S-1-5-21-1-2-3-1105", 1106, false],
    ["whose identifier ends alike", "S-1-5-21-1-2-3-11105", 1105, false],
    ["without a SID", undefined, 1105, false],
    ["of one that has no primary group", "S-1-5-21-1-2-3-1105", undefined, false],
  ])("a group %s: is it the primary group?", (_, objectSID, primaryGroupID, is) => {
    expect(isPrimaryGroup(directoryObject({ distinguishedName: "CN=g", objectSID }), { primaryGroupID })).toBe(is);
  });

  test("an account says itself which groups it is in", () => {
    const [named, primary, other] = ["CN=Named,DC=x", "CN=Primary,DC=x", "CN=Other,DC=x"].map((distinguishedName, index) =>
      directoryObject({ distinguishedName, objectSID: `S-1-5-21-1-2-3-${2000 + index}` }),
    );
    if (!named || !primary || !other) throw new Error("three were made");
    expect([named, primary, other].map(groupsOf({ memberOf: ["cn=NAMED, dc=x"], primaryGroupID: 2001 }))).toEqual([true, true, false]);
  });
});

describe("the attributes of an account", () => {
  const NONE: AccountFields = {
    dnsHostName: undefined,
    description: undefined,
    displayName: undefined,
    userAccountControl: undefined,
    supportedEncryptionTypes: undefined,
  };
  const WANTED: DesiredAccount = desired().account;

  test("are read by their LDAP names", () => {
    const fields = readAccountFields({ text: (name) => `text of ${name}`, number: (name) => name.length });
    expect(fields).toEqual({
      dnsHostName: "text of dNSHostName",
      description: "text of description",
      displayName: "text of displayName",
      userAccountControl: "userAccountControl".length,
      supportedEncryptionTypes: "msDS-SupportedEncryptionTypes".length,
    });
  });

  test("of a new account are those that the farm says, and no others", () => {
    expect(desiredProperties(WANTED, undefined)).toEqual({
      dNSHostName: "itfarm1.contoso.com",
      description: undefined,
      displayName: undefined,
      userAccountControl: "4096",
      "msDS-SupportedEncryptionTypes": "24",
    });
  });

  test.each<[string, Partial<DesiredAccount>, Partial<AccountFields>, object]>([
    ["a DNS name in somebody else's spelling stays", {}, { dnsHostName: "ITFARM1.Contoso.com" }, { dNSHostName: "ITFARM1.Contoso.com" }],
    ["another DNS name does not", {}, { dnsHostName: "x.contoso.com" }, { dNSHostName: "itfarm1.contoso.com" }],
    ["texts that the farm does not say stay", {}, { description: "d", displayName: "n" }, { description: "d", displayName: "n" }],
    [
      "texts that it says take their place",
      { description: "new", displayName: "New" },
      { description: "d", displayName: "n" },
      { description: "new", displayName: "New" },
    ],
    [
      "an empty text means none",
      { description: "", displayName: "" },
      { description: "d", displayName: "n" },
      { description: undefined, displayName: undefined },
    ],
    ["disabling sets one bit", { enabled: false }, { userAccountControl: 0x81000 }, { userAccountControl: String(0x81002) }],
    ["enabling clears one bit", {}, { userAccountControl: 0x81002 }, { userAccountControl: String(0x81000) }],
    [
      "of the encryption types the three that a farm decides are set anew, and other bits stay",
      { encryptionTypes: 16 },
      { supportedEncryptionTypes: 0x10000 | 4 | 8 },
      { "msDS-SupportedEncryptionTypes": String(0x10000 | 16) },
    ],
  ])("%s", (_, wanted, observed, properties) => {
    expect(desiredProperties({ ...WANTED, ...wanted }, { ...NONE, ...observed })).toMatchObject(properties);
  });

  test("are compared as texts; what is not there is nothing", () => {
    expect(observedProperties(NONE)).toEqual({
      dNSHostName: undefined,
      description: undefined,
      displayName: undefined,
      userAccountControl: undefined,
      "msDS-SupportedEncryptionTypes": undefined,
    });
    expect(
      observedProperties({ dnsHostName: "h", description: "d", displayName: "n", userAccountControl: 0, supportedEncryptionTypes: 24 }),
    ).toEqual({
      dNSHostName: "h",
      description: "d",
      displayName: "n",
      userAccountControl: "0",
      "msDS-SupportedEncryptionTypes": "24",
    });
  });
});
