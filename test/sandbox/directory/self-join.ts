/** Computers that ordinary users make: up to a quota, each with its maker's SID (MS-ADTS 3.1.1.5.2.1; ms-DS-MachineAccountQuota). */
import type { Token } from "./access.ts";
import type { Directory } from "./directory.ts";
import type { Entry } from "./database.ts";
import type { Value } from "./schema.ts";

const ALLOWED = new Set(["objectclass", "cn", "samaccountname", "useraccountcontrol", "dnshostname", "serviceprincipalname", "unicodepwd"]);
const WORKSTATION = 0x1000;
/** Disabled, and no password required. */
const BESIDES = 0x2 | 0x20;

/** Whether the account may do it without the right to create children there. Throws LdapFailure beyond the quota. */
export function joins(
  directory: Directory,
  token: Token,
  parent: Entry,
  className: string,
  attributes: ReadonlyMap<string, readonly Value[]>,
): boolean {
  const { database, baseDn } = directory;
  // Samba knows the quota's attribute, but lets nobody use it.
  if (directory.settings.dialect === "Samba" || className !== "computer") return false;
  if (parent !== database.resolve(`CN=Computers,${baseDn}`)) return false;
  const control = Number(attributes.get("useraccountcontrol")?.[0] ?? WORKSTATION);
  if ((control & ~BESIDES) !== WORKSTATION || [...attributes.keys()].some((name) => !ALLOWED.has(name))) return false;
  const maker = token.user.first("objectSid");
  if (!Buffer.isBuffer(maker)) return false;
  const made = [...(database.lookUp("mS-DS-CreatorSID", maker.toString("hex")) ?? [])].filter(({ deleted }) => !deleted).length;
  if (made >= Number(database.resolve(baseDn)?.first("ms-DS-MachineAccountQuota") ?? 0)) throw directory.refuse("QuotaExceeded");
  return true;
}
