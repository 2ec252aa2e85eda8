/** Who may do what: rights that were delegated, as an administrator writes them in SDDL, and who may retrieve a password. */
import { decodeSid } from "../../../src/names/identifier.ts";
import type { Entry } from "./database.ts";
import { CLASS_SCHEMAS } from "./schema.ts";

/** Who asks: the SIDs of the account and of its groups, as they were when it was bound. */
export interface Token {
  readonly user: Entry;
  readonly sids: ReadonlySet<string>;
}

export type Right = "CC" | "DC" | "WP" | "RP" | "SD" | "DT";

interface Grant {
  readonly text: string;
  readonly denies: boolean;
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
    if (!["A", "OA", "D", "OD"].includes(type ?? "") || !sid.startsWith("S-1-"))
      throw new Error(`${sddl} is not an entry that allows or denies something to a SID`);
    this.#grants.push({
      text: sddl,
      denies: type === "D" || type === "OD",
      sid,
      rights: new Set(rights.match(/../g)),
      object: object === "" ? undefined : object.toLowerCase(),
      inheritedBy: inheritedBy === "" ? undefined : inheritedBy.toLowerCase(),
      on,
      inherits: flags.includes("CI"),
      inheritOnly: flags.includes("IO"),
    });
  }

  /** Takes an entry away again. */
  revoke(on: Entry, sddl: string): void {
    const index = this.#grants.findIndex((grant) => grant.on === on && grant.text === sddl);
    if (index < 0) throw new Error(`${on.dn} has no entry ${sddl}`);
    this.#grants.splice(index, 1);
  }

  /** Whether its owner lets the user read nothing of it: no filter finds it then. */
  hides(token: Token, entry: Entry): boolean {
    const denies = ({ denies, on, object, rights, sid }: Grant): boolean =>
      denies && on === entry && object === undefined && rights.has("RP") && token.sids.has(sid);
    return !isAdministrator(token) && this.#grants.some(denies);
  }

  /** What is the object's own comes first, and of that what denies; then what it inherits, in the same order (MS-DTYP 2.4.5). */
  allows(token: Token, right: Right, entry: Entry, object: string | undefined): boolean {
    const classGuid = CLASS_SCHEMAS.get(entry.objectClass.toLowerCase())?.guid;
    const matching = this.#grants.filter(
      (grant) => token.sids.has(grant.sid) && grant.rights.has(right) && (grant.object === undefined || grant.object === object),
    );
    const own = matching.filter((grant) => entry === grant.on && !grant.inheritOnly);
    if (own.some(({ denies }) => denies)) return false;
    // Each class's default access list names them, so that nothing inherited keeps them out.
    if (own.length > 0 || isAdministrator(token)) return true;
    const inherited = matching.filter(
      (grant) =>
        entry !== grant.on &&
        grant.inherits &&
        entry.within(grant.on) &&
        (grant.inheritedBy === undefined || grant.inheritedBy === classGuid),
    );
    return inherited.length > 0 && !inherited.some(({ denies }) => denies);
  }
}

const READ_PROPERTY = 0x10;
const INHERIT_ONLY = 0x08;

/** Whether msDS-GroupMSAMembership lets one of the SIDs read: in order, the first entry that names one decides (MS-ADTS 5.1.3.3). */
export function mayRetrieve(descriptor: Buffer, sids: ReadonlySet<string>): boolean {
  const list = descriptor.readUInt32LE(16);
  if (list === 0) return false;
  let position = list + 8;
  for (let left = descriptor.readUInt16LE(list + 4); left > 0; left--) {
    const type = descriptor.readUInt8(position);
    const mask = descriptor.readUInt32LE(position + 4);
    const counts = (type === 0 || type === 1) && (descriptor.readUInt8(position + 1) & INHERIT_ONLY) === 0;
    if (counts && (mask & READ_PROPERTY) !== 0 && sids.has(decodeSid(descriptor, position + 8))) return type === 0;
    position += descriptor.readUInt16LE(position + 2);
  }
  return false;
}
