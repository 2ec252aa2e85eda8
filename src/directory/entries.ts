/** Entries of search results → values, and values → bytes. */
import type { Entry } from "ldapts";
import {
  ACCOUNT_ATTRIBUTES,
  ADMIN_COUNT,
  type DirectoryObject,
  type PasswordKey,
  readAccountFields,
  type Retrievers,
} from "../ad/object.ts";
import { decodeGuid, decodeSid, encodeSid, relativeId, sidLength } from "../names/identifier.ts";

/** Attributes that are bytes, in the schema's own spelling: named for every search, since the client would otherwise guess. */
export const BINARY_ATTRIBUTES = [
  "objectGUID",
  "objectSid",
  "msDS-GroupMSAMembership",
  "msDS-ManagedPasswordId",
  "invocationId",
  "mS-DS-CreatorSID",
  "tokenGroups",
];

/** What is read of every object, and of what changed. Never msDS-ManagedPassword: reading it can roll the key. */
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
  "msDS-ManagedPasswordId",
  "msDS-GroupMSAMembership",
  "groupType",
  "primaryGroupID",
  "mS-DS-CreatorSID",
  "uSNChanged",
  ...ACCOUNT_ATTRIBUTES,
];

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

  /** In lower case: of classes and attributes, say. */
  names(attribute: string): ReadonlySet<string> {
    return new Set(this.texts(attribute).map((name) => name.toLowerCase()));
  }

  bytes(name: string): Buffer | undefined {
    return this.allBytes(name)[0];
  }

  allBytes(name: string): readonly Buffer[] {
    return (this.#values.get(name.toLowerCase()) ?? []).map((value) => (typeof value === "string" ? Buffer.from(value) : value));
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

/** Undefined for an entry without an objectGUID: every object has one, and this one may not be read. */
export function toDirectoryObject(entry: Attributes): DirectoryObject | undefined {
  const guid = entry.bytes("objectGUID");
  if (!guid) return undefined;
  const sidBytes = entry.bytes("objectSid");
  const objectSID = sidBytes ? decodeSid(sidBytes) : undefined;
  const membership = entry.bytes("msDS-GroupMSAMembership");
  const creator = entry.bytes("mS-DS-CreatorSID");
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
    passwordKey: decodePasswordId(entry.bytes("msDS-ManagedPasswordId")),
    retrievers: membership ? decodeRetrievers(membership) : undefined,
    members: entry.range("member")?.values ?? entry.texts("member"),
    memberOf: entry.range("memberOf")?.values ?? entry.texts("memberOf"),
    primaryGroupID: entry.number("primaryGroupID"),
    creatorSID: creator ? decodeSid(creator) : undefined,
    usn: entry.number("uSNChanged"),
    // GROUP_TYPE_SECURITY_ENABLED (MS-ADTS 2.2.12) is the sign bit.
    securityEnabled: (entry.number("groupType") ?? 0) < 0,
  };
}

/** Why an object must never be touched: it guards the domain, or Windows made it. */
export function protectionOf(entry: Attributes, objectSID: string | undefined): string | undefined {
  if (entry.text("isCriticalSystemObject") === "TRUE") return "it is a critical system object";
  if (objectSID !== undefined && relativeId(objectSID) < 1000) return `it is built in (${objectSID})`;
  // Last, since it alone may be nothing but left behind.
  if ((entry.number("adminCount") ?? 0) > 0) return ADMIN_COUNT;
  return undefined;
}

/** FILETIME: 100 ns since 1601, as a decimal string. Milliseconds since 1970; undefined for 0 and for never. */
export function decodeFiletime(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,19}$/.test(text)) return undefined;
  const ticks = BigInt(text);
  if (ticks === 0n || ticks === 0x7fffffffffffffffn) return undefined;
  return Number(ticks / 10_000n) - SINCE_1601;
}

/** Milliseconds from 1601 to 1970. */
const SINCE_1601 = 11_644_473_600_000;
/** Keys change every ten hours since 1601: 32 such cycles are one of the level above, and 32 of those one of the highest (MS-GKDI 3.1.4.1). */
const CYCLE = 36_000_000;
const CYCLES = 32;
const KEY_MAGIC = "KDSK";
/** No time of a key, and at its end one that RFC 3339 cannot write. */
const TOO_LATE = Date.UTC(9000);

/**
 * msDS-ManagedPasswordId (MS-GKDI 2.2.4): version, magic, flags, the three indexes of the key, the root key's GUID, and more that nobody needs. Undefined
 * for what is not so: the time of the next change is then told less exactly, and nothing else depends on it.
 */
export function decodePasswordId(bytes: Buffer | undefined): PasswordKey | undefined {
  if (!bytes || bytes.length < 40 || bytes.readUInt32LE(0) !== 1 || bytes.toString("latin1", 4, 8) !== KEY_MAGIC) return undefined;
  const [highest, middle, lowest] = [bytes.readUInt32LE(12), bytes.readUInt32LE(16), bytes.readUInt32LE(20)];
  if (middle >= CYCLES || lowest >= CYCLES) return undefined;
  const cycleStart = ((highest * CYCLES + middle) * CYCLES + lowest) * CYCLE - SINCE_1601;
  return cycleStart > TOO_LATE ? undefined : { rootKeyId: decodeGuid(bytes.subarray(24, 40)), cycleStart };
}

const HEADER = 20;
const SELF_RELATIVE = 0x8000;
const DACL_PRESENT = 0x0004;
const ALLOW = 0;
const DENY = 1;
const READ_PROPERTY = 0x10;
const INHERIT_ONLY = 0x08;
/** What Set-ADServiceAccount writes for each principal. */
const FULL_CONTROL = 0x000f01ff;
const ADMINISTRATORS = "S-1-5-32-544";

/**
 * msDS-GroupMSAMembership: a self-relative security descriptor (MS-DTYP 2.4.6) that says who may retrieve the password of a gMSA. Of a right only
 * READ_PROPERTY decides (MS-ADTS 3.1.1.4.4). One entry for each SID, in order; those that deny first, as the first that matches decides.
 */
export function encodeRetrievers(sids: readonly string[], denied: readonly string[] = []): Buffer {
  const owner = encodeSid(ADMINISTRATORS);
  const entries = [...denied.map((sid) => encodeEntry(DENY, sid)), ...sids.map((sid) => encodeEntry(ALLOW, sid))];
  const header = Buffer.alloc(HEADER);
  header.writeUInt8(1, 0);
  header.writeUInt16LE(SELF_RELATIVE | DACL_PRESENT, 2);
  header.writeUInt32LE(HEADER, 4);
  header.writeUInt32LE(HEADER + owner.length, 16);
  const list = Buffer.alloc(8);
  list.writeUInt8(4, 0);
  list.writeUInt16LE(8 + entries.reduce((sum, { length }) => sum + length, 0), 2);
  list.writeUInt16LE(entries.length, 4);
  return Buffer.concat([header, owner, list, ...entries]);
}

function encodeEntry(type: number, sid: string): Buffer {
  const bytes = encodeSid(sid);
  const entry = Buffer.alloc(8 + bytes.length);
  entry.writeUInt8(type, 0);
  entry.writeUInt16LE(entry.length, 2);
  entry.writeUInt32LE(FULL_CONTROL, 4);
  bytes.copy(entry, 8);
  return entry;
}

/** By meaning: writers order the parts differently and use other revisions. What cannot be read is foreign content, never an error. */
export function decodeRetrievers(bytes: Buffer): Retrievers {
  try {
    const control = bytes.readUInt16LE(2);
    const offset = bytes.readUInt32LE(16);
    // Without a list everybody would be allowed: nothing that a farm writes.
    if ((control & DACL_PRESENT) === 0 || offset === 0)
      return { principals: [], denied: [], foreign: ["a descriptor without an access list"] };
    return decodeList(bytes, offset);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { principals: [], denied: [], foreign: ["a descriptor that cannot be read"] };
  }
}

function decodeList(bytes: Buffer, offset: number): Retrievers {
  const principals: string[] = [];
  const denied: string[] = [];
  const foreign: string[] = [];
  const count = bytes.readUInt16LE(offset + 4);
  let position = offset + 8;
  for (let index = 0; index < count; index++) {
    const type = bytes.readUInt8(position);
    const flags = bytes.readUInt8(position + 1);
    const length = bytes.readUInt16LE(position + 2);
    if (length < 8 || position + length > bytes.length) throw new RangeError("an entry that ends too early");
    const mask = bytes.readUInt32LE(position + 4);
    if (type !== ALLOW && type !== DENY) foreign.push(`an entry of type ${type}`);
    else {
      sidLength(bytes, position + 8);
      const sid = decodeSid(bytes, position + 8);
      const readable = (mask & READ_PROPERTY) !== 0 && (flags & INHERIT_ONLY) === 0;
      // One after an allow entry may keep nobody out.
      if (type === DENY && readable && principals.length === 0) denied.push(sid);
      else if (type === DENY) foreign.push(`a deny entry for ${sid} that is out of order or denies something else`);
      else if ((mask & READ_PROPERTY) === 0) foreign.push(`an entry for ${sid} without the right to read`);
      else if ((flags & INHERIT_ONLY) !== 0) foreign.push(`an inherit-only entry for ${sid}`);
      else principals.push(sid);
    }
    position += length;
  }
  return { principals, denied, foreign };
}
