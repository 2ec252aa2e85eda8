/** Who may do what: rights that were delegated, as an administrator writes them in SDDL, and who may retrieve a password. */
import { decodeSid } from "../../../src/names/identifier.ts";
import type { Entry } from "./database.ts";
import { CLASS_SCHEMAS } from "./schema.ts";

/** Who asks: the SIDs of the account and of its groups, as they were when it was bound. */
export interface Token {
  readonly user: Entry;
  readonly sids: ReadonlySet<string>;
}

export type Right = "CC" | "DC" | "WP" | "RP" | "SD";

interface Grant {
  readonly sid: string;
  readonly rights: ReadonlySet<string>;
  /** schemaIDGUID of the attribute, or of the class of the child. */
  readonly object: string | undefined;
  /** schemaIDGUID of the class that inherits it. */
  readonly inheritedBy: string | undefined;
  readonly on: Entry;
  readonly inherits: boolean;
  readonly inheritOnly: boolean;
}

const ADMINISTRATORS = "S-1-5-32-544";

export function isAdministrator({ sids }: Token): boolean {
  return sids.has(ADMINISTRATORS);
}

export class AccessList {
  readonly #grants: Grant[] = [];

  /** An entry of SDDL, as `samba-tool dsacl set` and `dsacls` write them: (OA;CIIO;WP;<object>;<inherited by>;<SID>). */
  grant(on: Entry, sddl: string): void {
    const [type, flags = "", rights = "", object = "", inheritedBy = "", sid = ""] = /^\((.*)\)$/.exec(sddl)?.[1]?.split(";") ?? [];
    if ((type !== "OA" && type !== "A") || !sid.startsWith("S-1-"))
      throw new Error(`${sddl} is not an entry that allows something to a SID`);
    this.#grants.push({
      sid,
      rights: new Set(rights.match(/../g)),
      object: object === "" ? undefined : object.toLowerCase(),
      inheritedBy: inheritedBy === "" ? undefined : inheritedBy.toLowerCase(),
      on,
      inherits: flags.includes("CI"),
      inheritOnly: flags.includes("IO"),
    });
  }

  allows(token: Token, right: Right, entry: Entry, object: string | undefined): boolean {
    if (isAdministrator(token)) return true;
    const classGuid = CLASS_SCHEMAS.get(entry.objectClass.toLowerCase())?.guid;
    return this.#grants.some(
      (grant) =>
        token.sids.has(grant.sid) &&
        grant.rights.has(right) &&
        (grant.object === undefined || grant.object === object) &&
        (entry === grant.on
          ? !grant.inheritOnly
          : grant.inherits && entry.within(grant.on) && (grant.inheritedBy === undefined || grant.inheritedBy === classGuid)),
    );
  }
}

const READ_PROPERTY = 0x10;

/** Whether msDS-GroupMSAMembership lets one of the SIDs read: in order, the first entry that names one decides (MS-ADTS 5.1.3.3). */
export function mayRetrieve(descriptor: Buffer, sids: ReadonlySet<string>): boolean {
  const list = descriptor.readUInt32LE(16);
  if (list === 0) return false;
  let position = list + 8;
  for (let left = descriptor.readUInt16LE(list + 4); left > 0; left--) {
    const type = descriptor.readUInt8(position);
    const mask = descriptor.readUInt32LE(position + 4);
    if ((type === 0 || type === 1) && (mask & READ_PROPERTY) !== 0 && sids.has(decodeSid(descriptor, position + 8))) return type === 0;
    position += descriptor.readUInt16LE(position + 2);
  }
  return false;
}
