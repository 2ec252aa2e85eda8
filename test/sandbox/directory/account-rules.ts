/** What the account database asks of accounts and groups (MS-SAMR; active-directory.md §1, §3). */
import { randomBytes } from "node:crypto";
import { encodeSid } from "../../../src/names/identifier.ts";
import { type Entry, filetime } from "./database.ts";
import type { Directory } from "./directory.ts";
import { GMSA, passwordId } from "./managed-password.ts";
import { classChain, type Value } from "./schema.ts";

/** Clear passwords by objectGUID: a simple bind compares them. */
export type Passwords = Map<string, Buffer>;

type Attributes = Map<string, readonly Value[]>;

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
  attributes.set("msds-managedpasswordid", [passwordId(directory, key)]);
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
