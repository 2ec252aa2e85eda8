/** Active Directory as the reconciler sees it. */
import { AndFilter, EqualityFilter, type Filter, OrFilter } from "ldapts";
import type { Change } from "../farm/changes/index.ts";
import type { DesiredFarm } from "../farm/desired.ts";
import type { Directory, Scope } from "../farm/directory.ts";
import { DirectoryError } from "../ad/error.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { HostIndex, isAccount, isGroup, type DirectoryObject, type ObservedFarm } from "../ad/object.ts";
import { type Attributes, COMPUTER_ATTRIBUTES, OBJECT_ATTRIBUTES, toDirectoryObject } from "./entries.ts";
import { decodeGuid, encodeGuid } from "../names/guid.ts";
import type { LdapSession } from "./session.ts";
import { encodeSid } from "../names/sid.ts";
import { applyTo } from "./writer.ts";

/** Terms in one filter. Each matches a few objects at most, so that an answer stays far below the server's 1000 and needs no pages. */
const TERMS = 200;

export class LdapDirectory implements Directory {
  readonly #session: () => LdapSession;
  readonly #absenceCertain: () => boolean;

  /**
   * `session` gives the connected session; it throws DirectoryError while there is none. `absenceCertain`: what this server does not show is not there; false for a while
   * after another server took over.
   */
  constructor(session: () => LdapSession, absenceCertain: () => boolean = () => true) {
    this.#session = session;
    this.#absenceCertain = absenceCertain;
  }

  async observe(desired: DesiredFarm, scope: Scope, signal: AbortSignal, known?: readonly DirectoryObject[]): Promise<ObservedFarm> {
    const session = this.#session();
    const objects = await this.#find(session, namesOf(desired, scope), { whole: (object) => needsMembers(desired, object) }, signal);
    const missing = await this.#missing(session, desired, objects);
    const computers = known ?? (await this.#computers(session, desired, scope, objects, signal));
    return {
      objects,
      computers,
      strangers: await this.#strangers(session, desired, objects, computers, signal),
      missing,
      unreadable: await this.#unreadable(session, desired, objects, computers, signal),
    };
  }

  /** The computers that the farm names; those that it put into groups; and the members of its own groups, where it is asked who they are. */
  async #computers(
    session: LdapSession,
    desired: DesiredFarm,
    scope: Scope,
    objects: readonly DirectoryObject[],
    signal: AbortSignal,
  ): Promise<readonly DirectoryObject[]> {
    const references = [...desired.hosts, ...desired.quarantined].map(({ by, value }) => equals(by, value));
    const named = await this.#find(session, references, { onlyComputers: true }, signal);
    const found = new Set(named.map(({ objectGUID }) => objectGUID));
    const added = new Set(desired.memory.hostGroups.flatMap((group) => group.added).filter((guid) => !found.has(guid)));
    const keys = new Set(named.map(({ distinguishedName }) => dnKey(distinguishedName)));
    const members = objects
      .filter((object) => isGroup(object) && object.owner === desired.owner && (scope === "Owned" || isFormer(desired, object)))
      .flatMap((group) => group.members)
      .filter((member) => !keys.has(dnKey(member)));
    const more = [
      ...[...added].map((guid) => equals("objectGUID", encodeGuid(guid))),
      ...members.map((member) => equals("distinguishedName", member)),
    ];
    const others = await this.#find(session, more, { onlyComputers: true }, signal);
    return [...new Map([...named, ...others].map((computer) => [computer.objectGUID, computer])).values()];
  }

  /** Whoever the account's list of retrievers names and nobody else here explains: to be told by name. */
  async #strangers(
    session: LdapSession,
    desired: DesiredFarm,
    objects: readonly DirectoryObject[],
    computers: readonly DirectoryObject[],
    signal: AbortSignal,
  ): Promise<readonly DirectoryObject[]> {
    const explained = new Set([...objects, ...computers].map(({ objectSID }) => objectSID));
    const named = objects
      .filter((object) => isAccount(object) && object.owner === desired.owner)
      .flatMap(({ retrievers }) => [...(retrievers?.principals ?? []), ...(retrievers?.denied ?? [])]);
    const unknown = [...new Set(named)].filter((sid) => !explained.has(sid));
    return await this.#find(
      session,
      unknown.map((sid) => equals("objectSid", encodeSid(sid))),
      { whole: () => false },
      signal,
    );
  }

  /** Known objects that are neither there nor among the deleted ones. */
  async #missing(session: LdapSession, desired: DesiredFarm, objects: readonly DirectoryObject[]): Promise<readonly string[]> {
    const absent = knownIds(desired).filter((guid) => !objects.some(({ objectGUID }) => objectGUID === guid));
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
      { whole: () => false },
      signal,
    );
    for (const { distinguishedName } of read) found.add(dnKey(distinguishedName));
    return asked.filter((member) => !found.has(dnKey(member)));
  }

  async apply(change: Change, signal: AbortSignal): Promise<void> {
    await applyTo(this.#session(), change, signal);
  }

  async #find(
    session: LdapSession,
    terms: readonly Filter[],
    {
      onlyComputers = false,
      whole = () => false,
    }: { readonly onlyComputers?: boolean; readonly whole?: (object: DirectoryObject) => boolean },
    signal: AbortSignal,
  ): Promise<readonly DirectoryObject[]> {
    const found = new Map<string, DirectoryObject>();
    for (let start = 0; start < terms.length; start += TERMS) {
      if (signal.aborted) throw new DirectoryError("Aborted", "the operator is stopping");
      const any = new OrFilter({ filters: terms.slice(start, start + TERMS) });
      const entries = await session.search({
        base: session.rootDse.defaultNamingContext,
        scope: "sub",
        filter: onlyComputers ? new AndFilter({ filters: [equals("objectCategory", "computer"), any] }) : any,
        attributes: onlyComputers ? COMPUTER_ATTRIBUTES : OBJECT_ATTRIBUTES,
      });
      for (const entry of entries) {
        const object = toDirectoryObject(entry);
        if (!object)
          throw new DirectoryError(
            "AccessDenied",
            `${entry.distinguishedName}: the account may not read its objectGUID; give it Read Property there`,
          );
        found.set(object.objectGUID, whole(object) ? { ...object, members: await allMembers(session, entry, object) } : object);
      }
    }
    return [...found.values()];
  }
}

function equals(attribute: string, value: string | Buffer): Filter {
  return new EqualityFilter({ attribute, value });
}

function namesOf(desired: DesiredFarm, scope: Scope): readonly Filter[] {
  const { account, hostGroup, accessGroups, grant, servicePrincipalNames, owner } = desired;
  const groups = [...(grant === "Group" ? [hostGroup] : []), ...accessGroups];
  return [
    equals("sAMAccountName", account.samAccountName),
    equals("distinguishedName", account.distinguishedName),
    ...groups.flatMap((group) => [
      equals("sAMAccountName", group.samAccountName),
      ...(group.existing ? [] : [equals("distinguishedName", group.distinguishedName)]),
    ]),
    ...knownIds(desired).map((guid) => equals("objectGUID", encodeGuid(guid))),
    ...servicePrincipalNames.map((name) => equals("servicePrincipalName", name)),
    ...(scope === "Owned" ? [equals("adminDescription", owner)] : []),
  ];
}

/** objectGUIDs of what the farm owns, and of the groups of others that it changed. */
function knownIds({ knownObjects, memory }: DesiredFarm): readonly string[] {
  return [...new Set([...knownObjects, ...[...memory.hostGroups, ...memory.accessGroups].map(({ objectGUID }) => objectGUID)])];
}

/** A group of the farm's own that is not the host group that it wants. */
function isFormer({ grant, hostGroup }: DesiredFarm, { samAccountName }: DirectoryObject): boolean {
  return grant === "Principals" || hostGroup.existing || samAccountName?.toLowerCase() !== hostGroup.samAccountName.toLowerCase();
}

/** All members are read of host groups and of the farm's own; an access group of somebody else may have very many, and the account is asked instead. */
function needsMembers(desired: DesiredFarm, object: DirectoryObject): boolean {
  const { owner, hostGroup, memory } = desired;
  if (!isGroup(object)) return false;
  return (
    object.owner === owner ||
    object.samAccountName?.toLowerCase() === hostGroup.samAccountName.toLowerCase() ||
    memory.hostGroups.some(({ objectGUID }) => objectGUID === object.objectGUID)
  );
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
