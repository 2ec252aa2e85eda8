/** Entries of search results → values. */
import type { Entry } from "ldapts";
import { ACCOUNT_ATTRIBUTES, readAccountFields } from "../ad/account.ts";
import type { DirectoryObject } from "../ad/object.ts";
import { decodeFiletime } from "./filetime.ts";
import { decodeGuid } from "../names/guid.ts";
import { decodeRetrievers } from "./security-descriptor.ts";
import { decodeSid, relativeId } from "../names/sid.ts";

/** Attributes that are bytes, in the schema's own spelling: named for every search, since the client would otherwise guess. */
export const BINARY_ATTRIBUTES = ["objectGUID", "objectSid", "msDS-GroupMSAMembership", "invocationId"];

/** What is read of an object. Never msDS-ManagedPassword: reading it can roll the key. */
export const OBJECT_ATTRIBUTES = [
  "objectGUID",
  "objectSid",
  "objectClass",
  "sAMAccountName",
  "adminDescription",
  "adminCount",
  "isCriticalSystemObject",
  "servicePrincipalName",
  "msDS-ManagedPasswordInterval",
  "pwdLastSet",
  "msDS-GroupMSAMembership",
  "groupType",
  "member",
  "memberOf",
  "uSNChanged",
  ...ACCOUNT_ATTRIBUTES,
];

/** What is read of a computer: not the groups that it is in, which can be thousands and which nobody asks. */
export const COMPUTER_ATTRIBUTES = OBJECT_ATTRIBUTES.filter((name) => name !== "memberOf" && name !== "member");

/** The values of one entry. An attribute that is not there has none. */
export class Attributes {
  readonly distinguishedName: string;
  readonly #values = new Map<string, readonly (string | Buffer)[]>();

  constructor(entry: Entry) {
    this.distinguishedName = entry.dn;
    for (const [name, value] of Object.entries(entry)) {
      const values = Array.isArray(value) ? value : [value];
      // For a ranged attribute the client adds an empty value under the plain name; it must not hide anything.
      if (name !== "dn" && values.length > 0) this.#values.set(name.toLowerCase(), values);
    }
  }

  text(name: string): string | undefined {
    return this.texts(name)[0];
  }

  texts(name: string): readonly string[] {
    return (this.#values.get(name.toLowerCase()) ?? []).map((value) => (typeof value === "string" ? value : value.toString("utf8")));
  }

  bytes(name: string): Buffer | undefined {
    const [value] = this.#values.get(name.toLowerCase()) ?? [];
    return typeof value === "string" ? Buffer.from(value) : value;
  }

  number(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined || !/^-?\d+$/.test(text) ? undefined : Number(text);
  }

  /** The part of a long attribute that this entry holds (`member;range=0-1499`), with where it goes on; undefined when it is whole. */
  range(name: string): { readonly values: readonly string[]; readonly next: number | undefined } | undefined {
    const prefix = `${name.toLowerCase()};range=`;
    for (const key of this.#values.keys()) {
      if (!key.startsWith(prefix)) continue;
      const end = key.slice(key.lastIndexOf("-") + 1);
      return { values: this.texts(key), next: end === "*" ? undefined : Number(end) + 1 };
    }
    return undefined;
  }
}

/** Undefined for an entry without an objectGUID, which no real object lacks. */
export function toDirectoryObject(entry: Attributes): DirectoryObject | undefined {
  const guid = entry.bytes("objectGUID");
  if (!guid) return undefined;
  const sidBytes = entry.bytes("objectSid");
  const objectSID = sidBytes ? decodeSid(sidBytes) : undefined;
  const membership = entry.bytes("msDS-GroupMSAMembership");
  return {
    distinguishedName: entry.distinguishedName,
    objectGUID: decodeGuid(guid),
    objectSID,
    objectClass: entry.texts("objectClass").at(-1) ?? "",
    samAccountName: entry.text("sAMAccountName"),
    owner: entry.text("adminDescription"),
    protection: protectionOf(entry, objectSID),
    ...readAccountFields({ text: (name) => entry.text(name), number: (name) => entry.number(name) }),
    servicePrincipalNames: entry.texts("servicePrincipalName"),
    passwordIntervalDays: entry.number("msDS-ManagedPasswordInterval"),
    passwordLastSet: decodeFiletime(entry.text("pwdLastSet")),
    retrievers: membership ? decodeRetrievers(membership) : undefined,
    members: entry.range("member")?.values ?? entry.texts("member"),
    memberOf: entry.range("memberOf")?.values ?? entry.texts("memberOf"),
    usn: entry.number("uSNChanged"),
    // GROUP_TYPE_SECURITY_ENABLED (MS-ADTS 2.2.12) is the sign bit.
    securityEnabled: (entry.number("groupType") ?? 0) < 0,
  };
}

/** Why an object must never be touched: it guards the domain, or Windows made it. */
export function protectionOf(entry: Attributes, objectSID: string | undefined): string | undefined {
  if (entry.text("isCriticalSystemObject") === "TRUE") return "it is a critical system object";
  if ((entry.number("adminCount") ?? 0) > 0) return "it is protected by AdminSDHolder (adminCount is 1)";
  if (objectSID !== undefined && relativeId(objectSID) < 1000) return `it is built in (${objectSID})`;
  return undefined;
}
