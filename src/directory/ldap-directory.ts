/** Active Directory as the reconciler sees it. */
import { AndFilter, EqualityFilter, type Filter, OrFilter } from "ldapts";
import type { Change, OwnedObject } from "../farm/change.ts";
import { describeOwner, type DesiredFarm } from "../farm/desired.ts";
import type { Directory, Scope } from "../farm/directory.ts";
import { DirectoryError } from "../farm/errors.ts";
import { dnKey } from "../farm/distinguished-name.ts";
import { ACCOUNT_CLASS, GROUP_CLASS, HostIndex, isGroup, type DirectoryObject, type ObservedFarm } from "../farm/observed.ts";
import { type Attributes, OBJECT_ATTRIBUTES, protectionOf, toDirectoryObject } from "./entries.ts";
import { decodeGuid, encodeGuid } from "./guid.ts";
import type { Modification } from "./ldap-connection.ts";
import type { LdapSession } from "./ldap-session.ts";
import { encodeRetrievers } from "./security-descriptor.ts";
import { decodeSid } from "./sid.ts";

/** Terms in one filter. Each matches a few objects at most, so that an answer stays far below the server's 1000 and needs no pages. */
const TERMS = 200;
/** groupType of a global security group (MS-ADTS 2.2.12): 0x80000002 as a signed number. */
const GLOBAL_SECURITY_GROUP = "-2147483646";

export class LdapDirectory implements Directory {
  readonly #session: () => LdapSession;
  readonly #absenceCertain: () => boolean;

  /** `session` gives the connected session; it throws DirectoryError while there is none. */
  /** `absenceCertain`: what this server does not show is not there; false for a while after another server took over. */
  constructor(session: () => LdapSession, absenceCertain: () => boolean = () => true) {
    this.#session = session;
    this.#absenceCertain = absenceCertain;
  }

  async observe(desired: DesiredFarm, scope: Scope, signal: AbortSignal, known?: readonly DirectoryObject[]): Promise<ObservedFarm> {
    const session = this.#session();
    const objects = await this.#find(session, namesOf(desired, scope), undefined, signal);
    const missing = await this.#missing(session, desired, objects);
    if (known) return { objects, computers: known, missing, unreadable: [] };
    const groups = objects.filter(({ owner }) => scope === "Owned" && owner === desired.owner).filter(isGroup);
    const terms = [
      ...[...desired.hosts, ...desired.quarantined].map(({ by, value }) => equals(by, value)),
      ...groups.flatMap(({ members }) => members).map((member) => equals("distinguishedName", member)),
    ];
    const computers = await this.#find(session, terms, equals("objectCategory", "computer"), signal);
    return { objects, computers, missing, unreadable: await this.#unreadable(session, desired, objects, computers, signal) };
  }

  /** Known objects that are neither there nor among the deleted ones. */
  async #missing(session: LdapSession, { knownObjects }: DesiredFarm, objects: readonly DirectoryObject[]): Promise<readonly string[]> {
    const absent = knownObjects.filter((guid) => !objects.some(({ objectGUID }) => objectGUID === guid));
    if (absent.length === 0 || this.#absenceCertain()) return [];
    const deleted = await session.search({
      base: session.rootDse.defaultNamingContext,
      scope: "sub",
      filter: new OrFilter({ filters: absent.map((guid) => equals("objectGUID", encodeGuid(guid))) }),
      attributes: ["objectGUID"],
      deleted: true,
    });
    const known = new Set(deleted.flatMap((entry) => entry.bytes("objectGUID") ?? []).map(decodeGuid));
    return absent.filter((guid) => !known.has(guid));
  }

  /** Members of the farm's own group that do not answer, looked for only while a host that the farm names does not either. */
  async #unreadable(
    session: LdapSession,
    desired: DesiredFarm,
    objects: readonly DirectoryObject[],
    computers: readonly DirectoryObject[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const index = new HostIndex(computers);
    if (desired.hosts.every((reference) => index.find(reference).length > 0)) return [];
    const found = new Set(computers.map(({ distinguishedName }) => dnKey(distinguishedName)));
    const members = objects.filter((object) => isGroup(object) && object.owner === desired.owner).flatMap((group) => group.members);
    const asked = members.filter((member) => !found.has(dnKey(member)));
    const read = await this.#find(
      session,
      asked.map((member) => equals("distinguishedName", member)),
      undefined,
      signal,
    );
    for (const { distinguishedName } of read) found.add(dnKey(distinguishedName));
    return asked.filter((member) => !found.has(dnKey(member)));
  }

  async apply(change: Change, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new DirectoryError("Aborted", "the operator is stopping");
    const session = this.#session();
    switch (change.kind) {
      case "CreateHostGroup":
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
        return update(session, change.object, [["replace", "msDS-GroupMSAMembership", [encodeRetrievers(change.retrievers)]]]);
      case "RenameHostGroup":
        return update(session, change.object, [["replace", "sAMAccountName", [change.samAccountName]]]);
      case "ChangeServicePrincipalNames":
        return changeValues(session, change.object, "servicePrincipalName", change);
      case "ChangeHosts":
        return changeValues(session, change.object, "member", change);
      case "Release":
        return update(session, change.object, [["replace", "adminDescription", []]]);
      case "DeleteAccount":
      case "DeleteHostGroup":
        return remove(session, change.object);
    }
  }

  async #find(
    session: LdapSession,
    terms: readonly Filter[],
    narrow: Filter | undefined,
    signal: AbortSignal,
  ): Promise<readonly DirectoryObject[]> {
    const found = new Map<string, DirectoryObject>();
    for (let start = 0; start < terms.length; start += TERMS) {
      if (signal.aborted) throw new DirectoryError("Aborted", "the operator is stopping");
      const any = new OrFilter({ filters: terms.slice(start, start + TERMS) });
      const entries = await session.search({
        base: session.rootDse.defaultNamingContext,
        scope: "sub",
        filter: narrow ? new AndFilter({ filters: [narrow, any] }) : any,
        attributes: OBJECT_ATTRIBUTES,
      });
      for (const entry of entries) {
        const object = toDirectoryObject(entry);
        if (!object)
          throw new DirectoryError(
            "AccessDenied",
            `${entry.distinguishedName}: the account may not read its objectGUID; give it Read Property there`,
          );
        found.set(object.objectGUID, { ...object, members: await allMembers(session, entry, object) });
      }
    }
    return [...found.values()];
  }
}

function equals(attribute: string, value: string | Buffer): Filter {
  return new EqualityFilter({ attribute, value });
}

function namesOf(desired: DesiredFarm, scope: Scope): readonly Filter[] {
  return [
    equals("sAMAccountName", desired.account.samAccountName),
    equals("sAMAccountName", desired.hostGroup.samAccountName),
    equals("distinguishedName", desired.account.distinguishedName),
    equals("distinguishedName", desired.hostGroup.distinguishedName),
    ...desired.knownObjects.map((guid) => equals("objectGUID", encodeGuid(guid))),
    ...desired.servicePrincipalNames.map((name) => equals("servicePrincipalName", name)),
    ...(scope === "Owned" ? [equals("adminDescription", desired.owner)] : []),
  ];
}

/** A large group answers with a part of its members at a time (MS-ADTS 3.1.1.3.1.3.3). */
async function allMembers(session: LdapSession, entry: Attributes, { members, objectGUID }: DirectoryObject): Promise<readonly string[]> {
  const all = [...members];
  for (let next = entry.range("member")?.next; next !== undefined;) {
    const more = await session.searchOne({ base: `<GUID=${objectGUID}>`, scope: "base", attributes: [`member;range=${next}-*`] });
    const range = more?.range("member");
    // Without the range the list would end here unseen, and members look as if they were not in.
    if (!range) throw new DirectoryError("Unavailable", `${entry.distinguishedName}: its members changed while they were read`);
    all.push(...range.values);
    next = range.next;
  }
  return all;
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
    "msDS-GroupMSAMembership": [encodeRetrievers(change.retrievers)],
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

/** Reads the owner marker in the same step as the write that relies on it. Returns undefined where the object is gone. */
async function check(
  session: LdapSession,
  { distinguishedName, objectGUID, owner }: OwnedObject,
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
  if (current !== owner || decodeGuid(guid) !== objectGUID) {
    throw new DirectoryError("NotOwned", `${distinguishedName} was left as it is: ${describeOwner(current, owner)}`);
  }
  return entry;
}

async function update(session: LdapSession, object: OwnedObject, modifications: readonly Modification[]): Promise<void> {
  if (!(await check(session, object))) throw gone(object);
  // By GUID: should the object be moved this very moment, the write follows it.
  await session.modify(`<GUID=${object.objectGUID}>`, modifications, object.distinguishedName);
}

function gone({ distinguishedName }: OwnedObject): DirectoryError {
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
async function changeValues(session: LdapSession, object: OwnedObject, attribute: string, { add, remove }: Delta): Promise<void> {
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

async function holds(session: LdapSession, { objectGUID }: OwnedObject, attribute: string, value: string | Buffer): Promise<boolean> {
  const filter = equals(attribute, value);
  return (await session.readForWrite({ base: `<GUID=${objectGUID}>`, scope: "base", filter, attributes: ["objectGUID"] })) !== undefined;
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
