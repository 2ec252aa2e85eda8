/** Changes as writes to Active Directory: each reads what it relies on in the same step. */
import { EqualityFilter } from "ldapts";
import type { Change, MemberGroup, OwnedObject } from "../farm/changes/index.ts";
import { DirectoryError } from "../ad/error.ts";
import { ACCOUNT_CLASS, GROUP_CLASS } from "../ad/object.ts";
import { describeOwner } from "../names/owner-marker.ts";
import { type Attributes, protectionOf } from "./entries.ts";
import { decodeGuid } from "../names/guid.ts";
import type { Modification } from "./connection.ts";
import { nameMissingRights } from "./missing-rights.ts";
import type { LdapSession } from "./session.ts";
import { encodeRetrievers } from "./security-descriptor.ts";
import { decodeSid } from "../names/sid.ts";

/** groupType of a global security group (MS-ADTS 2.2.12): 0x80000002 as a signed number. */
const GLOBAL_SECURITY_GROUP = "-2147483646";

/** One write. Rejects with DirectoryError; where a right is missing, that says which and how to give it. */
export async function applyTo(session: LdapSession, change: Change, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw new DirectoryError("Aborted", "the operator is stopping");
  try {
    await write(session, change);
  } catch (error) {
    if (!(error instanceof DirectoryError) || error.kind !== "AccessDenied") throw error;
    throw await nameMissingRights(session, change, error);
  }
}

async function write(session: LdapSession, change: Change): Promise<void> {
  switch (change.kind) {
    case "CreateHostGroup":
    case "CreateAccessGroup":
      return create(session, change, {
        objectClass: [GROUP_CLASS],
        sAMAccountName: [change.samAccountName],
        groupType: [GLOBAL_SECURITY_GROUP],
        adminDescription: [change.owner],
        ...(change.members.length > 0 ? { member: change.members } : {}),
      });
    case "CreateAccount":
      return createAccount(session, change);
    case "UpdateAccount":
      return updateProperties(session, change);
    case "SetRetrievers":
      return update(session, change.object, [["replace", "msDS-GroupMSAMembership", [encodeRetrievers(change.retrievers, change.denied)]]]);
    case "RenameHostGroup":
      return update(session, change.object, [["replace", "sAMAccountName", [change.samAccountName]]]);
    case "ChangeServicePrincipalNames":
      return changeValues(session, change.object, "servicePrincipalName", change);
    case "ChangeHosts":
      return changeValues(session, change.object, "member", change);
    case "JoinAccessGroup":
      return changeValues(session, change.object, "member", { add: [change.member], remove: [] });
    case "LeaveAccessGroup":
      return changeValues(session, change.object, "member", { add: [], remove: [change.member] });
    case "Adopt":
      return adopt(session, change.object);
    case "Release":
      return update(session, change.object, [["replace", "adminDescription", []]]);
    case "DeleteAccount":
    case "DeleteHostGroup":
    case "DeleteAccessGroup":
      return remove(session, change.object);
  }
}

/** That an object of ours already stands there is the answer to a try whose own answer was lost. */
async function create(
  session: LdapSession,
  { distinguishedName, owner }: { readonly distinguishedName: string; readonly owner: string },
  attributes: Readonly<Record<string, readonly (string | Buffer)[]>>,
): Promise<void> {
  try {
    await session.add(distinguishedName, attributes);
  } catch (error) {
    if (!(error instanceof DirectoryError)) throw error;
    if (error.kind === "NotFound")
      throw new DirectoryError("ConstraintViolation", missingParent(distinguishedName, error), { code: error.code, cause: error });
    if (error.kind !== "AlreadyExists") throw error;
    const entry = await session.readForWrite({ base: distinguishedName, scope: "base", attributes: ["adminDescription"] });
    if (entry?.text("adminDescription") !== owner) throw error;
  }
}

/**
 * Everything in the one write. Only an SPN that the directory refuses, though nobody was seen to hold it (another domain of the forest, an
 * alias), is left to the next round, which sets each by itself and blames the right one.
 */
async function createAccount(session: LdapSession, change: Extract<Change, { kind: "CreateAccount" }>): Promise<void> {
  const attributes = {
    objectClass: [ACCOUNT_CLASS],
    sAMAccountName: [change.samAccountName],
    adminDescription: [change.owner],
    "msDS-ManagedPasswordInterval": [String(change.passwordIntervalDays)],
    "msDS-GroupMSAMembership": [encodeRetrievers(change.retrievers, change.denied)],
    ...Object.fromEntries(
      Object.entries(change.properties).flatMap(([name, value]) => (value === undefined ? [] : [[name, [String(value)]]])),
    ),
  };
  const names = change.servicePrincipalNames;
  try {
    await create(session, change, names.length > 0 ? { ...attributes, servicePrincipalName: names } : attributes);
  } catch (error) {
    if (!(error instanceof DirectoryError) || error.kind !== "ServicePrincipalNameInUse") throw error;
    await create(session, change, attributes);
  }
}

function missingParent(dn: string, { message }: DirectoryError): string {
  return `${message}: its container, or a computer that is to be a member, is not there. Create the container, or correct container or the domain's defaults (${dn}).`;
}

/** Reads the owner marker in the same step as the write that relies on it; a group of others bears whatever it bears. Returns undefined where the object is gone. */
async function check(
  session: LdapSession,
  { distinguishedName, objectGUID, owner }: MemberGroup,
  more: readonly string[] = [],
): Promise<Attributes | undefined> {
  const entry = await session.readForWrite({
    base: `<GUID=${objectGUID}>`,
    scope: "base",
    attributes: ["objectGUID", "objectSid", "adminDescription", "adminCount", "isCriticalSystemObject", ...more],
  });
  const guid = entry?.bytes("objectGUID");
  if (!entry || !guid) return undefined;
  const sid = entry.bytes("objectSid");
  const protection = protectionOf(entry, sid ? decodeSid(sid) : undefined);
  if (protection !== undefined) throw new DirectoryError("NotOwned", `${distinguishedName} must never be touched: ${protection}`);
  const current = entry.text("adminDescription");
  if ((owner !== undefined && current !== owner) || decodeGuid(guid) !== objectGUID) {
    throw new DirectoryError("NotOwned", `${distinguishedName} was left as it is: ${describeOwner(current, owner ?? "")}`);
  }
  return entry;
}

async function update(session: LdapSession, object: MemberGroup, modifications: readonly Modification[]): Promise<void> {
  if (!(await check(session, object))) throw gone(object);
  // By GUID: should the object be moved this very moment, the write follows it.
  await session.modify(`<GUID=${object.objectGUID}>`, modifications, object.distinguishedName);
}

function gone({ distinguishedName }: MemberGroup): DirectoryError {
  return new DirectoryError("NotFound", `${distinguishedName} is gone; it is looked for again`);
}

/** Only while the values are as observed: some of their bits belong to others, who may be writing them this very moment. */
async function updateProperties(
  session: LdapSession,
  { object, properties, observed }: Extract<Change, { kind: "UpdateAccount" }>,
): Promise<void> {
  const before = new Map<string, string | undefined>(Object.entries(observed));
  const entries: readonly (readonly [string, string | undefined])[] = Object.entries(properties);
  const entry = await check(
    session,
    object,
    entries.map(([name]) => name),
  );
  if (!entry) throw gone(object);
  const wanted = entries.filter(([name, value]) => entry.text(name) !== value);
  const changed = wanted.filter(([name]) => entry.text(name) !== before.get(name)).map(([name]) => name);
  if (changed.length > 0)
    throw new DirectoryError("NotFound", `${object.distinguishedName}: ${changed.join(", ")} changed meanwhile; it is looked at again`);
  if (wanted.length === 0) return;
  const modifications = wanted.map(([name, value]): Modification => ["replace", name, value === undefined ? [] : [value]]);
  await session.modify(`<GUID=${object.objectGUID}>`, modifications, object.distinguishedName);
}

interface Delta {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/**
 * All in one write, or none. That a value is so already is told in many ways (68, 20, 16, and for members even 53), so it is looked up: where
 * every one is, there is nothing left to do.
 */
async function changeValues(session: LdapSession, object: MemberGroup, attribute: string, { add, remove }: Delta): Promise<void> {
  const steps: Modification[] = [];
  if (remove.length > 0) steps.push(["delete", attribute, remove]);
  if (add.length > 0) steps.push(["add", attribute, add]);
  try {
    await update(session, object, steps);
  } catch (error) {
    if (!(error instanceof DirectoryError) || error.fatal || error.kind === "AccessDenied" || error.kind === "NotOwned") throw error;
    for (const [operation, , values] of steps) {
      for (const value of values) if ((await holds(session, object, attribute, value)) !== (operation === "add")) throw error;
    }
  }
}

async function holds(session: LdapSession, { objectGUID }: MemberGroup, attribute: string, value: string | Buffer): Promise<boolean> {
  const filter = new EqualityFilter({ attribute, value });
  return (await session.readForWrite({ base: `<GUID=${objectGUID}>`, scope: "base", filter, attributes: ["objectGUID"] })) !== undefined;
}

/**
 * The marker is added, not replaced: the directory itself refuses it where somebody else's came first. That it is ours already is a success.
 */
async function adopt(session: LdapSession, { distinguishedName, objectGUID, owner }: OwnedObject): Promise<void> {
  const entry = await check(session, { distinguishedName, objectGUID, owner: undefined, name: undefined });
  if (!entry) throw new DirectoryError("NotFound", `${distinguishedName} is gone; it is looked for again`);
  const current = entry.text("adminDescription");
  if (current === owner) return;
  if (current !== undefined)
    throw new DirectoryError("NotOwned", `${distinguishedName} was left as it is: ${describeOwner(current, owner)}`);
  await session.modify(`<GUID=${objectGUID}>`, [["add", "adminDescription", [owner]]], distinguishedName);
}

async function remove(session: LdapSession, object: OwnedObject): Promise<void> {
  const entry = await check(session, object);
  if (!entry) return;
  try {
    await session.delete(entry.distinguishedName);
  } catch (error) {
    if (!(error instanceof DirectoryError) || error.kind !== "NotFound") throw error;
  }
}
