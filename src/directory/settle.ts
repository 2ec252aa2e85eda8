/** What became of writes whose answers were lost: the line that settles each, in the audit log. */
import { EqualityFilter } from "ldapts";
import { DirectoryError } from "../ad/error.ts";
import type { AuditedAttribute } from "../ad/port.ts";
import { decodeGuid, decodeSid } from "../names/identifier.ts";
import type { Attributes } from "./entries.ts";
import { type Told, valuesOf } from "./own-writes.ts";
import type { LdapSession } from "./session.ts";

/** A write that cannot be looked for now stays open; so does one that another server does not show, since it may be on its way there. */
export async function settle(session: LdapSession): Promise<void> {
  try {
    await lookForAll(session);
  } catch (error) {
    if (!(error instanceof DirectoryError)) throw error;
  }
}

async function lookForAll(session: LdapSession): Promise<void> {
  const { own, url: server, account, rootDse } = session;
  const here = { server, account, service: rootDse.dsServiceName };
  for (const { told, to, at } of own.unsettled.values()) {
    const entry = await read(session, told);
    const found = told.operation === "Delete" ? !entry : entry !== undefined && (await isSo(session, told, entry));
    // Another write may have looked meanwhile.
    if (!own.unsettled.has(told.write)) continue;
    if (!found && to.service !== here.service && !own.isReplicated(at)) continue;
    const [guid, sid] = [entry?.bytes("objectGUID"), entry?.bytes("objectSid")];
    const identity = found && guid && sid ? { guid: decodeGuid(guid), sid: decodeSid(sid) } : {};
    own.tell({ ...told, directoryObject: { ...told.directoryObject, ...identity } }, here, found ? "Found" : "NotFound");
  }
}

function read(session: LdapSession, { operation, directoryObject: object, attributes }: Told): Promise<Attributes | undefined> {
  const base = operation === "Create" ? object.dn : `<GUID=${object.guid ?? ""}>`;
  const names = attributes.map(({ attribute }) => attribute).filter((attribute) => attribute !== "member");
  return session.searchOne({ base, scope: "base", attributes: ["objectGUID", "objectSid", ...names] });
}

/** A write is done whole or not at all, so of many members one tells. Of what was made the marker tells. */
async function isSo(session: LdapSession, { operation, attributes }: Told, entry: Attributes): Promise<boolean> {
  for (const one of attributes) {
    if (operation === "Create" && one.attribute !== "adminDescription") continue;
    if (!(one.attribute === "member" ? await hasMembers(session, one, entry) : hasValues(one, entry))) return false;
  }
  return true;
}

function hasValues({ attribute, after = [] }: AuditedAttribute, entry: Attributes): boolean {
  const [is, wanted] = [valuesOf(attribute, entry), new Set(after)];
  return is.length === wanted.size && is.every((value) => wanted.has(value));
}

async function hasMembers(session: LdapSession, { added = [], removed = [] }: AuditedAttribute, entry: Attributes): Promise<boolean> {
  for (const [value, wanted] of [[added[0], true] as const, [removed[0], false] as const]) {
    if (value === undefined) continue;
    const filter = new EqualityFilter({ attribute: "member", value });
    const held = await session.searchOne({ base: entry.distinguishedName, scope: "base", filter, attributes: ["objectGUID"] });
    if ((held !== undefined) !== wanted) return false;
  }
  return true;
}
