/** Entries of search results → objects: what each attribute becomes, and what is never to be touched. */
import { describe, expect, test } from "vitest";
import type { Entry } from "ldapts";
import { ADMIN_COUNT } from "../../src/ad/object.ts";
import { Attributes, BINARY_ATTRIBUTES, encodeRetrievers, OBJECT_ATTRIBUTES, toDirectoryObject } from "../../src/directory/entries.ts";
import { encodeGuid, encodeSid } from "../../src/names/identifier.ts";

const GUID = "9f1c2b3a-4d5e-6f70-8192-a3b4c5d6e7f8";
const SID = "S-1-5-21-1111111111-2222222222-3333333333-1104";
const attributes = (entry: Partial<Entry>): Attributes => new Attributes({ dn: "CN=x,DC=contoso,DC=com", ...entry });

describe("the values of an entry", () => {
  test("are found whatever the case of the name, one or many, text or bytes", () => {
    const entry = attributes({
      sAMAccountName: "WEB01$",
      servicePrincipalName: ["a", "b"],
      description: Buffer.from("Bücher"),
      objectGUID: Buffer.from([1, 2]),
    });
    expect(entry.distinguishedName).toBe("CN=x,DC=contoso,DC=com");
    expect(entry.text("SAMACCOUNTNAME")).toBe("WEB01$");
    expect(entry.texts("serviceprincipalname")).toEqual(["a", "b"]);
    expect(entry.text("servicePrincipalName")).toBe("a");
    expect(entry.text("description")).toBe("Bücher");
    expect(entry.bytes("OBJECTguid")).toEqual(Buffer.from([1, 2]));
    expect(entry.bytes("sAMAccountName")).toEqual(Buffer.from("WEB01$"));
  });

  test("are names in lower case where names are asked for", () => {
    expect(attributes({ objectClass: ["Top", "GROUP"] }).names("objectclass")).toEqual(new Set(["top", "group"]));
    expect(attributes({}).names("objectClass")).toEqual(new Set());
  });

  test("that are not there are none; the name of the entry is no attribute", () => {
    const entry = attributes({ member: [] });
    for (const name of ["member", "displayName", "dn"]) {
      expect(entry.text(name)).toBeUndefined();
      expect(entry.texts(name)).toEqual([]);
      expect(entry.bytes(name)).toBeUndefined();
      expect(entry.number(name)).toBeUndefined();
      expect(entry.range(name)).toBeUndefined();
    }
  });

  test.each([
    ["24", 24],
    ["-2147483646", -2147483646],
    ["0", 0],
    ["", undefined],
    ["x1", undefined],
    ["1x", undefined],
    ["1.5", undefined],
    ["--1", undefined],
  ])("the text %j as a number", (text, number) => {
    expect(attributes({ groupType: text }).number("grouptype")).toBe(number);
  });

  test.each([
    ["a part in the middle says where it goes on", { "member;range=0-1499": ["a"], member: [] }, { values: ["a"], next: 1500 }],
    ["the last part says that it is the last", { "member;range=1500-*": ["b", "c"] }, { values: ["b", "c"], next: undefined }],
    ["in any case of the name", { "MEMBER;RANGE=0-9": ["a"] }, { values: ["a"], next: 10 }],
    ["of another attribute it is none", { "memberOf;range=0-9": ["a"], member: ["b"] }, undefined],
    ["a whole attribute has none", { member: ["a"] }, undefined],
  ])("of a long attribute: %s", (_, entry, range) => {
    expect(attributes(entry).range("member")).toEqual(range);
  });
});

describe("an object", () => {
  test("is what its attributes say", () => {
    const full = attributes({
      objectGUID: encodeGuid(GUID),
      objectSid: encodeSid(SID),
      objectClass: ["top", "person", "computer", "msDS-GroupManagedServiceAccount"],
      sAMAccountName: "itfarm1$",
      adminDescription: "serverfarm.dev cluster=8a1f farm=web/itfarm1",
      servicePrincipalName: ["http/a", "http/b"],
      dNSHostName: "itfarm1.contoso.com",
      description: "d",
      displayName: "n",
      userAccountControl: "4096",
      "msDS-SupportedEncryptionTypes": "24",
      "msDS-ManagedPasswordInterval": "30",
      pwdLastSet: "133801632000000000",
      "msDS-GroupMSAMembership": encodeRetrievers([SID]),
      groupType: "-2147483646",
      member: ["CN=a"],
      memberOf: ["CN=b"],
      primaryGroupID: "515",
      "mS-DS-CreatorSID": encodeSid("S-1-5-21-1-2-3-1000"),
      uSNChanged: "12345",
    });
    expect(toDirectoryObject(full)).toEqual({
      distinguishedName: "CN=x,DC=contoso,DC=com",
      objectGUID: GUID,
      objectSID: SID,
      objectClass: "msDS-GroupManagedServiceAccount",
      samAccountName: "itfarm1$",
      owner: "serverfarm.dev cluster=8a1f farm=web/itfarm1",
      protection: undefined,
      dnsHostName: "itfarm1.contoso.com",
      description: "d",
      displayName: "n",
      userAccountControl: 4096,
      supportedEncryptionTypes: 24,
      servicePrincipalNames: ["http/a", "http/b"],
      passwordIntervalDays: 30,
      passwordLastSet: Date.UTC(2025, 0, 1),
      passwordKey: undefined,
      retrievers: { principals: [SID], denied: [], foreign: [] },
      members: ["CN=a"],
      memberOf: ["CN=b"],
      primaryGroupID: 515,
      creatorSID: "S-1-5-21-1-2-3-1000",
      usn: 12345,
      securityEnabled: true,
    });
  });

  test("without attributes but its identity is nothing in particular, and nobody is let in or out by it", () => {
    expect(toDirectoryObject(attributes({ objectGUID: encodeGuid(GUID) }))).toMatchObject({
      objectGUID: GUID,
      objectSID: undefined,
      objectClass: "",
      owner: undefined,
      retrievers: undefined,
      creatorSID: undefined,
      members: [],
      memberOf: [],
      servicePrincipalNames: [],
      securityEnabled: false,
    });
  });

  test("without identity is none", () => {
    expect(toDirectoryObject(attributes({ sAMAccountName: "x" }))).toBeUndefined();
  });

  test("the key of its password is read of the identifier, which is not the password", () => {
    const bytes = Buffer.alloc(52);
    bytes.writeUInt32LE(1, 0);
    bytes.write("KDSK", 4, "latin1");
    encodeGuid(GUID).copy(bytes, 24);
    const object = toDirectoryObject(attributes({ objectGUID: encodeGuid(GUID), "msDS-ManagedPasswordId": bytes }));
    expect(object?.passwordKey).toEqual({ rootKeyId: GUID, cycleStart: Date.UTC(1601, 0) });
  });

  test("of long attributes has the part that is there", () => {
    const object = toDirectoryObject(
      attributes({ objectGUID: encodeGuid(GUID), "member;range=0-1": ["a", "b"], member: [], "memberOf;range=0-*": ["c"], memberOf: [] }),
    );
    expect([object?.members, object?.memberOf]).toEqual([["a", "b"], ["c"]]);
  });

  test.each([
    ["a global security group", "-2147483646", true],
    ["a distribution group", "2", false],
    ["what has no such type", "0", false],
  ])("%s gives rights: %s", (_, groupType, gives) => {
    expect(toDirectoryObject(attributes({ objectGUID: encodeGuid(GUID), groupType }))?.securityEnabled).toBe(gives);
  });
});

describe("what must never be touched", () => {
  const protection = (entry: Partial<Entry>): string | undefined =>
    toDirectoryObject(attributes({ objectGUID: encodeGuid(GUID), ...entry }))?.protection;
  const sid = (rid: number): Buffer => encodeSid(`S-1-5-21-1-2-3-${rid}`);

  test.each<[string, Partial<Entry>, string | undefined]>([
    ["a critical system object", { isCriticalSystemObject: "TRUE" }, "it is a critical system object"],
    ["one that is not", { isCriticalSystemObject: "FALSE" }, undefined],
    ["a group that every domain is made with", { objectSid: sid(512) }, "it is built in (S-1-5-21-1-2-3-512)"],
    ["the last of those", { objectSid: sid(999) }, "it is built in (S-1-5-21-1-2-3-999)"],
    ["the first that somebody made", { objectSid: sid(1000) }, undefined],
    ["a local group of Windows", { objectSid: encodeSid("S-1-5-32-544") }, "it is built in (S-1-5-32-544)"],
    ["one that was in a protected group", { objectSid: sid(1104), adminCount: "1" }, ADMIN_COUNT],
    ["one whose count was put back", { objectSid: sid(1104), adminCount: "0" }, undefined],
    [
      "one that is both built in and protected is first of all built in",
      { objectSid: sid(512), adminCount: "1" },
      "it is built in (S-1-5-21-1-2-3-512)",
    ],
    ["an ordinary object", { objectSid: sid(1104) }, undefined],
  ])("%s", (_, entry, words) => {
    expect(protection(entry)).toBe(words);
  });
});

describe("what is read of an object", () => {
  test("is never its password: reading that can roll the key", () => {
    expect(OBJECT_ATTRIBUTES).not.toContain("msDS-ManagedPassword");
  });

  test("is all that an object is made of, but for its groups and members, which may be thousands", () => {
    const asked = new Set<string>();
    const entry = attributes({ objectGUID: encodeGuid(GUID) });
    const noted = new Proxy(entry, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (attribute: string): unknown => {
          asked.add(attribute);
          return value.call(target, attribute);
        };
      },
    });
    toDirectoryObject(noted);
    expect([...asked].toSorted()).toEqual([...OBJECT_ATTRIBUTES, "member", "memberOf"].toSorted());
  });

  test("comes as bytes where it is bytes, whoever asks for it", () => {
    expect(BINARY_ATTRIBUTES.toSorted()).toEqual(
      [
        "invocationId",
        "mS-DS-CreatorSID",
        "msDS-GroupMSAMembership",
        "msDS-ManagedPasswordId",
        "objectGUID",
        "objectSid",
        "tokenGroups",
      ].toSorted(),
    );
  });
});
