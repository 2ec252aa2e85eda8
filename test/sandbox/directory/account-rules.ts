/** What the account database asks of accounts and groups (MS-SAMR; active-directory.md §1, §3). */
import { randomBytes } from "node:crypto";
import { encodeGuid, encodeSid } from "../../../src/names/identifier.ts";
import { mayRetrieve, type Token } from "./access.ts";
import { type Entry, filetime } from "./database.ts";
import type { Directory } from "./directory.ts";
import { classChain, type Value } from "./schema.ts";

/** Clear passwords by objectGUID: a simple bind compares them. */
export type Passwords = Map<string, Buffer>;

type Attributes = Map<string, readonly Value[]>;

const GMSA = "msDS-GroupManagedServiceAccount";
const GLOBAL_SECURITY = "-2147483646";

/** What the directory itself adds to a new object. Throws LdapFailure. */
export function complete(directory: Directory, className: string, attributes: Attributes): void {
  const chain = classChain(className);
  const fill = (name: string, value: Value): void => {
    if (!attributes.has(name)) attributes.set(name, [value]);
  };
  if (!chain.includes("user") && !chain.includes("group")) return;
  attributes.set("objectsid", [encodeSid(directory.nextSid())]);
  fill("samaccountname", `$${randomBytes(6).toString("hex").toUpperCase()}-${randomBytes(6).toString("hex").toUpperCase()}`);
  if (chain.includes("group")) {
    fill("grouptype", GLOBAL_SECURITY);
    attributes.set("samaccounttype", ["268435456"]);
    return;
  }
  const computer = chain.includes("computer");
  // Left out, an account is made disabled and without a password.
  fill("useraccountcontrol", computer ? "4130" : "546");
  fill("primarygroupid", computer ? "515" : "513");
  attributes.set("samaccounttype", [computer ? "805306369" : "805306368"]);
  attributes.set("badpwdcount", ["0"]);
  attributes.set("pwdlastset", [attributes.has("unicodepwd") || className === GMSA ? filetime() : "0"]);
  if (className !== GMSA) return;
  if (!attributes.has("msds-managedpasswordinterval")) throw directory.refuse("ClassViolation", "msDS-ManagedPasswordInterval", "589826");
  const key = rootKey(directory);
  if (!key) throw directory.refuse("NoRootKey");
  // Version, reserved, flags and indexes, and then the root key's GUID (MS-GKDI 2.2.4).
  attributes.set("msds-managedpasswordid", [
    Buffer.concat([Buffer.from([1, 0, 0, 0]), Buffer.from("KDSK"), Buffer.alloc(16, 1), encodeGuid(key), Buffer.alloc(16)]),
  ]);
}

function rootKey(directory: Directory): string | undefined {
  const container = directory.database.resolve(
    `CN=Master Root Keys,CN=Group Key Distribution Service,CN=Services,CN=Configuration,${directory.baseDn}`,
  );
  const [key] = container?.children.values() ?? [];
  return key?.guid;
}

/** Names that must be unique in the domain or the forest, and values that must make sense. Throws LdapFailure. */
export function verify(directory: Directory, entry: Entry | undefined, className: string, attributes: Attributes): void {
  const { database } = directory;
  const held = (attribute: string, value: Value): boolean => {
    const holders = database.lookUp(attribute, String(value).toLowerCase()) ?? new Set<Entry>();
    return [...holders].some((holder) => holder !== entry && !holder.deleted);
  };
  const name = attributes.get("samaccountname");
  if (name?.[0] !== undefined && held("sAMAccountName", name[0])) throw directory.refuse("AccountNameInUse", String(name[0]));
  if (name?.length === 0 || (name && /["/\\[\]:|<>+=;?,*\p{Cc}]/u.test(String(name[0])))) throw directory.refuse("Unwilling");
  for (const value of attributes.get("userprincipalname") ?? []) if (held("userPrincipalName", value)) throw directory.refuse("UpnInUse");
  for (const value of attributes.get("serviceprincipalname") ?? []) {
    if (held("servicePrincipalName", value)) throw directory.refuse("SpnInUse", "servicePrincipalName", String(value));
  }
  const seen = new Set<string>();
  for (const value of attributes.get("serviceprincipalname") ?? []) {
    const key = String(value).toLowerCase();
    if (seen.has(key)) throw directory.refuse("ValueExists", "servicePrincipalName");
    seen.add(key);
  }
  const descriptor = attributes.get("msds-groupmsamembership")?.[0];
  if (descriptor !== undefined && (!Buffer.isBuffer(descriptor) || descriptor.length < 20)) {
    throw directory.refuse("BadValue", "msDS-GroupMSAMembership");
  }
  for (const required of classChain(className).includes("user") ? ["useraccountcontrol"] : []) {
    if (attributes.get(required)?.length === 0) throw directory.refuse("ClassViolation", required, "0");
  }
}

/** MSDS-MANAGEDPASSWORD_BLOB (MS-ADTS 2.2.19) for those whom the account names; nothing for everybody else. */
export function managedPassword(entry: Entry, { sids }: Token): readonly Value[] {
  const descriptor = entry.first("msDS-GroupMSAMembership");
  if (!entry.is(GMSA) || !Buffer.isBuffer(descriptor) || !mayRetrieve(descriptor, sids)) return [];
  const header = Buffer.alloc(16);
  const password = Buffer.concat([randomBytes(256), Buffer.alloc(2)]);
  const intervals = Buffer.alloc(16);
  // Both in 100 ns: until the next query, and for how long the password will not change.
  intervals.writeBigUInt64LE(30n * 24n * 36_000_000_000n, 0);
  intervals.writeBigUInt64LE(30n * 24n * 36_000_000_000n - 3_000_000_000n, 8);
  const aligned = (header.length + password.length + 7) & ~7;
  header.writeUInt16LE(1, 0);
  header.writeUInt32LE(aligned + intervals.length, 4);
  header.writeUInt16LE(header.length, 8);
  header.writeUInt16LE(aligned, 12);
  header.writeUInt16LE(aligned + 8, 14);
  return [Buffer.concat([header, password, Buffer.alloc(aligned - header.length - password.length), intervals])];
}
