/**
 * What has to be looked up for a farm, as data, and the answers → ObservedFarm. What is asked next depends on what was answered, so the questions are a
 * generator: whoever runs it answers each with the objects that were found, and may ask for many farms at once.
 */
import type { Lookup, Query } from "../ad/lookup.ts";
import { isAccount, isGroup, type DirectoryObject } from "../ad/object.ts";
import { keysOfHost, lookupKey, sameName } from "../names/account-name.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { isOwnerMarker } from "../names/identifier.ts";
import type { DesiredFarm, HostReference } from "./desired.ts";

/** What the directory says of one farm. */
export interface ObservedFarm {
  /** Everything that bears a name, distinguished name or SPN of the farm, or that the farm is known to own. */
  readonly objects: readonly DirectoryObject[];
  /** The computers that the farm's host references may mean, and those that it put into groups. */
  readonly computers: readonly DirectoryObject[];
  /** By objectGUID, host groups of somebody else: the objectGUIDs of those of the computers that are direct members. Nobody else of them is read. */
  readonly membersAmong: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whoever else the account's list of retrievers names, as far as it exists. */
  readonly unexplainedPrincipals: readonly DirectoryObject[];
  /** objectGUIDs that the farm is known to own and that are neither there nor known to be deleted: not replicated yet, perhaps. */
  readonly missing: readonly string[];
  /** Members of the farm's group that cannot be read, by distinguished name; asked only while a host reference finds nothing. */
  readonly unreadable: readonly string[];
}

/**
 * Names: what bears the farm's names. Owned: also everything that bears its owner marker, wherever it is, with the computers that are
 * members of its groups; a search of the whole domain, for the end of a farm.
 */
export type Scope = "Names" | "Owned";

export interface LookOptions {
  readonly scope: Scope;
  /** Whether what the server does not show is not there. */
  readonly absenceReliable: boolean;
  /** Looked up a moment ago, and not asked for again. */
  readonly computers?: readonly DirectoryObject[] | undefined;
}

export type Look<Result> = Generator<Query, Result, readonly DirectoryObject[]>;

export function* look(desired: DesiredFarm, options: LookOptions): Look<ObservedFarm> {
  const objects = yield* lookForObjects(desired, options.scope);
  const missing = options.absenceReliable ? [] : yield* lookForMissing(desired, objects);
  const computers = options.computers ?? (yield* lookForComputers(desired, options.scope, objects));
  return {
    objects,
    computers,
    membersAmong: yield* lookForMembers(desired, objects, computers),
    unexplainedPrincipals: yield* lookForPrincipals(desired, objects, computers),
    missing,
    unreadable: yield* lookForUnreadable(desired, objects, computers),
  };
}

/** By what a change in the directory is known to concern the farm: everything that it asked for or found. */
export function lookupKeys(desired: DesiredFarm, observed: ObservedFarm | undefined): ReadonlySet<string> {
  const asked = [...namesOf(desired, "Names"), ...desired.hosts, ...desired.quarantined];
  const found = [...(observed?.objects ?? []), ...(observed?.computers ?? [])];
  return new Set([
    ...asked.map(({ by, value }) => lookupKey(by, value)),
    ...found.map(({ objectGUID }) => lookupKey("objectGUID", objectGUID)),
  ]);
}

function namesOf(desired: DesiredFarm, scope: Scope): readonly Lookup[] {
  const { account, hostGroup, accessGroups, grant, servicePrincipalNames, owner } = desired;
  const groups = [...(grant === "Group" ? [hostGroup] : []), ...accessGroups];
  return [
    { by: "sAMAccountName", value: account.samAccountName },
    { by: "distinguishedName", value: account.distinguishedName },
    ...groups.flatMap(({ samAccountName, distinguishedName, existing }): readonly Lookup[] => [
      { by: "sAMAccountName", value: samAccountName },
      ...(existing ? [] : [{ by: "distinguishedName" as const, value: distinguishedName }]),
    ]),
    ...knownIds(desired).map((value): Lookup => ({ by: "objectGUID", value })),
    ...servicePrincipalNames.map((value): Lookup => ({ by: "servicePrincipalName", value })),
    ...(scope === "Owned" ? [{ by: "adminDescription" as const, value: owner }] : []),
  ];
}

/** objectGUIDs of what the farm owns, and of the groups of others that it changed. */
function knownIds({ knownObjects, journal }: DesiredFarm): readonly string[] {
  return [...new Set([...knownObjects, ...[...journal.hostGroups, ...journal.accessGroups].map(({ objectGUID }) => objectGUID)])];
}

/** What bears the names. Groups of somebody else are asked for apart from the rest, without their members: these can be very many, and are not the farm's to know. */
function* lookForObjects(desired: DesiredFarm, scope: Scope): Look<readonly DirectoryObject[]> {
  const others = groupsOfOthers(desired);
  const isOther = ({ by, value }: Lookup): boolean => others.has(`${by} ${lookupKey(by, value)}`);
  const lookups = namesOf(desired, scope);
  const named = yield {
    lookups: lookups.filter((lookup) => !isOther(lookup)),
    among: "Objects",
    allMembersOf: (object) => needsMembers(desired, object),
  };
  if (others.size === 0) return named;
  const apart = yield* ask(lookups.filter(isOther), "Objects");
  const seen = new Set(named.map(({ objectGUID }) => objectGUID));
  // One that bears the farm's own marker after all.
  const own = apart.filter((object) => isOwnGroup(desired, object) && !seen.has(object.objectGUID));
  const read = yield* ask(own.map(byGuid), "Objects", () => true);
  return [...new Map([...apart, ...named, ...read].map((object) => [object.objectGUID, object])).values()];
}

/** By what groups are asked for that are, or were, somebody else's. */
function groupsOfOthers({ grant, hostGroup, accessGroups, knownObjects, journal }: DesiredFarm): ReadonlySet<string> {
  const existing = [...(grant === "Group" ? [hostGroup] : []), ...accessGroups].filter((group) => group.existing);
  const remembered = [...journal.hostGroups, ...journal.accessGroups].filter(({ objectGUID }) => !knownObjects.includes(objectGUID));
  return new Set([
    ...existing.map(({ samAccountName }) => `sAMAccountName ${lookupKey("sAMAccountName", samAccountName)}`),
    ...remembered.map(({ objectGUID }) => `objectGUID ${lookupKey("objectGUID", objectGUID)}`),
  ]);
}

/** All members are read of the farm's own groups, and of one that is to become its own. */
function needsMembers({ owner, grant, hostGroup, adopt }: DesiredFarm, object: DirectoryObject): boolean {
  if (!isGroup(object)) return false;
  const adopted = adopt && grant === "Group" && !hostGroup.existing && sameName(object.samAccountName, hostGroup.samAccountName);
  return object.owner === owner || (adopted && !isOwnerMarker(object.owner));
}

/** Which of the computers are direct members of the host groups of somebody else. */
function* lookForMembers(
  desired: DesiredFarm,
  objects: readonly DirectoryObject[],
  computers: readonly DirectoryObject[],
): Look<ObservedFarm["membersAmong"]> {
  const found = new Map<string, ReadonlySet<string>>();
  if (computers.length === 0) return found;
  for (const { objectGUID } of objects.filter((object) => isHostGroupOfOthers(desired, object))) {
    const members = yield { lookups: computers.map(byGuid), among: "Computers", directMembersOf: objectGUID };
    found.set(objectGUID, new Set(members.map((member) => member.objectGUID)));
  }
  return found;
}

function isHostGroupOfOthers({ owner, grant, hostGroup, journal }: DesiredFarm, object: DirectoryObject): boolean {
  if (!isGroup(object) || object.owner === owner) return false;
  const used = grant === "Group" && hostGroup.existing && sameName(object.samAccountName, hostGroup.samAccountName);
  return used || journal.hostGroups.some(({ objectGUID }) => objectGUID === object.objectGUID);
}

/** Known objects that are neither there nor among the deleted ones. */
function* lookForMissing(desired: DesiredFarm, objects: readonly DirectoryObject[]): Look<readonly string[]> {
  const absent = knownIds(desired).filter((guid) => !objects.some(({ objectGUID }) => objectGUID === guid));
  if (absent.length === 0) return [];
  const found = yield { lookups: absent.map((value) => ({ by: "objectGUID", value })), among: "Deleted" };
  return absent.filter((guid) => !found.some(({ objectGUID }) => objectGUID === guid));
}

/** The computers that the farm names; those that it put into groups; and the members of its own groups, where it is asked who they are. */
function* lookForComputers(desired: DesiredFarm, scope: Scope, objects: readonly DirectoryObject[]): Look<readonly DirectoryObject[]> {
  const named = yield* ask([...desired.hosts, ...desired.quarantined], "Computers");
  const found = new Set(named.map(({ objectGUID }) => objectGUID));
  const added = new Set(desired.journal.hostGroups.flatMap((group) => group.added).filter((guid) => !found.has(guid)));
  const keys = new Set(named.map(({ distinguishedName }) => dnKey(distinguishedName)));
  const members = objects
    .filter((object) => isOwnGroup(desired, object) && (scope === "Owned" || isFormer(desired, object)))
    .flatMap((group) => group.members)
    .filter((member) => !keys.has(dnKey(member)));
  const others = yield* ask([...[...added].map((value): Lookup => ({ by: "objectGUID", value })), ...members.map(byDn)], "Computers");
  return [...new Map([...named, ...others].map((computer) => [computer.objectGUID, computer])).values()];
}

function byDn(value: string): Lookup {
  return { by: "distinguishedName", value };
}

function byGuid({ objectGUID }: DirectoryObject): Lookup {
  return { by: "objectGUID", value: objectGUID };
}

/** Nothing is asked where there is nothing to ask for. */
function* ask(
  lookups: readonly Lookup[],
  among: Query["among"],
  allMembersOf?: NonNullable<Query["allMembersOf"]>,
): Look<readonly DirectoryObject[]> {
  return lookups.length === 0 ? [] : yield { lookups, among, ...(allMembersOf ? { allMembersOf } : {}) };
}

function isOwnGroup({ owner }: DesiredFarm, object: DirectoryObject): boolean {
  return isGroup(object) && object.owner === owner;
}

/** A group of the farm's own that is not the host group that it wants. */
function isFormer({ grant, hostGroup }: DesiredFarm, { samAccountName }: DirectoryObject): boolean {
  return grant === "Principals" || hostGroup.existing || !sameName(samAccountName, hostGroup.samAccountName);
}

/** Whoever the account's list of retrievers names and nobody else here explains: to be told by name. */
function* lookForPrincipals(
  desired: DesiredFarm,
  objects: readonly DirectoryObject[],
  computers: readonly DirectoryObject[],
): Look<readonly DirectoryObject[]> {
  const explained = new Set([...objects, ...computers].map(({ objectSID }) => objectSID));
  const named = objects
    .filter((object) => isAccount(object) && object.owner === desired.owner)
    .flatMap(({ retrievers }) => [...(retrievers?.principals ?? []), ...(retrievers?.denied ?? [])]);
  const unknown = [...new Set(named)].filter((sid) => !explained.has(sid));
  return yield* ask(
    unknown.map((value) => ({ by: "objectSid", value })),
    "Objects",
  );
}

/** Members of the farm's own group that do not answer, looked for only while a host that the farm names does not either. */
function* lookForUnreadable(
  desired: DesiredFarm,
  objects: readonly DirectoryObject[],
  computers: readonly DirectoryObject[],
): Look<readonly string[]> {
  const index = new HostIndex(computers);
  if (desired.hosts.every((reference) => index.find(reference).length > 0)) return [];
  const found = new Set(computers.map(({ distinguishedName }) => dnKey(distinguishedName)));
  const members = objects.filter((object) => isOwnGroup(desired, object)).flatMap((group) => group.members);
  const asked = members.filter((member) => !found.has(dnKey(member)));
  const read = yield* ask(asked.map(byDn), "Objects");
  for (const { distinguishedName } of read) found.add(dnKey(distinguishedName));
  return asked.filter((member) => !found.has(dnKey(member)));
}

/** Looks computers up by host reference: none, one, or several that share a DNS name. */
export class HostIndex {
  readonly #byKey = new Map<string, Set<DirectoryObject>>();

  constructor(computers: readonly DirectoryObject[]) {
    for (const computer of computers) {
      for (const key of keysOfHost(computer)) {
        const known = this.#byKey.get(key);
        if (known) known.add(computer);
        else this.#byKey.set(key, new Set([computer]));
      }
    }
  }

  find({ by, value }: HostReference): readonly DirectoryObject[] {
    return [...(this.#byKey.get(lookupKey(by, value)) ?? [])];
  }
}
