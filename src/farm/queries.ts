/** What has to be looked up for a farm, as a generator of questions, since what is asked next depends on the answers → ObservedFarm. It may be asked for many at once. */
import type { Look, Lookup } from "../ad/lookup.ts";
import { HostIndex, isComputer, isGroup, isPrimaryGroup, type DirectoryObject } from "../ad/object.ts";
import { sameName } from "../names/account-name.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { lookupKey, relativeId } from "../names/identifier.ts";
import { lookAtMembers } from "./adoption.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import { FIELD, isUser } from "./desired-host-account.ts";
import { lookForUsers } from "./host-account.ts";
import {
  accountsOf,
  ask,
  askForContainers,
  byDn,
  byGuid,
  byRid,
  costlyLookups,
  distinct,
  isAdopted,
  isOwnGroup,
  lookAtContainers,
  lookForNamesakes,
  lookForObjects,
  namesOf,
  rememberedIds,
  together,
  withoutCopies,
} from "./name-queries.ts";
import { knownIds, namesToHave } from "./journal.ts";
import type { LookOptions, ObservedFarm, Scope } from "./observed.ts";
import { lookForFound, searchKeys } from "./search-queries.ts";

export function* look(desired: DesiredFarm, options: LookOptions): Look<ObservedFarm> {
  const { scope, before } = options;
  const isNew = desired.knownObjects.length === 0 && before === undefined && scope !== "Known";
  // Asked together with all else: once the group was seen it would be a step of its own, for nearly every farm.
  const rids = before ? ownRids(desired, before.objects) : new Set(desired.knownGroupRID === undefined ? [] : [desired.knownGroupRID]);
  const [named = [], hosts = [], primary = [], containers = []] = yield* together([
    lookForObjects(desired, scope),
    ask(before || scope === "Known" ? [] : [...desired.hosts, ...desired.quarantined], "Computers"),
    ask([...rids].map(byRid), "Objects"),
    isNew ? askForContainers(desired) : ask([], "Containers"),
  ]);
  // At its end a farm takes with it whatever bears its marker.
  const own = scope === "Owned" ? named : withoutCopies(desired, named);
  const found =
    scope === "Known" ? own.filter(({ owner, objectGUID }) => owner === desired.owner || knownIds(desired).includes(objectGUID)) : own;
  const adoptable = desired.adoption.farm === "Never" ? undefined : found.find((object) => isAdopted(desired, object));
  const adopted = adoptable && (yield* lookAtMembers(adoptable));
  const namesakes = scope === "Names" ? yield* lookForNamesakes(desired, found) : [];
  const objects = distinct([...found, ...namesakes]).map((object) => (object === adoptable && adopted ? adopted.group : object));
  const missing = options.absenceReliable ? [] : yield* lookForMissing(desired, objects, options);
  const search =
    before?.search ?? (scope === "Names" && desired.search ? yield* lookForFound(desired, desired.search, objects) : undefined);
  const users = before?.users ?? (hasUsers(desired) ? yield* lookForUsers(desired) : []);
  const known = [...hosts, ...(search?.found ?? []), ...users.filter(isUser)];
  const computers = before?.computers ?? (yield* lookForComputers(desired, scope, objects, known));
  const others = yield* lookForOthers(desired, objects, computers, { rids, members: primary });
  return {
    objects,
    computers,
    ...others,
    membersAmong: yield* lookForMembers(desired, [...objects, ...others.unexplainedPrincipals], computers),
    gone: yield* lookForGone(desired, computers),
    missing,
    unreadable: yield* lookForUnreadable(desired, objects, computers),
    adopted,
    search,
    users,
    uncreatable: scope === "Known" ? new Map() : yield* lookAtContainers(desired, objects, isNew ? containers : undefined),
  };
}

/** Whether users are, or were, among the farm's hosts. */
export function hasUsers({ hostAccount, resolved }: DesiredFarm): boolean {
  return hostAccount !== undefined || [...resolved.keys()].some((reference) => reference.startsWith(FIELD));
}

/** By what a change in the directory is known to concern the farm: everything that it asked for or found. */
export function lookupKeys(desired: DesiredFarm, observed: ObservedFarm | undefined): ReadonlySet<string> {
  const { account, domain } = desired;
  const others = costlyLookups(namesToHave(desired), account.dnsHostName, domain);
  const asked = [...namesOf(desired, "Names"), ...others, ...desired.hosts, ...desired.quarantined];
  const found = [...(observed?.objects ?? []), ...(observed?.computers ?? [])].map(({ objectGUID }) => objectGUID);
  return new Set([
    ...asked.map(({ by, value }) => lookupKey(by, value)),
    ...(desired.hostAccount?.user ? [lookupKey(desired.hostAccount.user.by, desired.hostAccount.user.value)] : []),
    ...(desired.search ? searchKeys(desired.search, observed?.search) : []),
    // One that is gone may be restored, by another name.
    ...[...found, ...rememberedIds(desired)].map((guid) => lookupKey("objectGUID", guid)),
  ]);
}

/** Which of the computers are direct members of the groups of somebody else that can give them the right. */
function* lookForMembers(
  desired: DesiredFarm,
  objects: readonly DirectoryObject[],
  computers: readonly DirectoryObject[],
): Look<ObservedFarm["membersAmong"]> {
  const found = new Map<string, ReadonlySet<string>>();
  if (computers.length === 0) return found;
  const named = new Set(accountsOf(desired, objects).flatMap(({ retrievers }) => retrievers?.principals ?? []));
  const isNamed = ({ objectSID }: DirectoryObject): boolean => objectSID !== undefined && named.has(objectSID);
  const groups = objects.filter((object) => isGroup(object) && object.owner !== desired.owner);
  for (const { objectGUID } of groups.filter((group) => isHostGroup(desired, group) || isNamed(group))) {
    const among = computers.some(isUser) ? "Objects" : "Computers";
    const members = yield* ask(computers.map(byGuid), among, { directMembersOf: objectGUID });
    found.set(objectGUID, new Set(members.map((member) => member.objectGUID)));
  }
  return found;
}

/** A group that is, or was, the host group, whoever owns it. */
function isHostGroup({ grant, hostGroup, journal }: DesiredFarm, object: DirectoryObject): boolean {
  const used = grant === "Group" && hostGroup.existing && sameName(object.samAccountName, hostGroup.samAccountName);
  return used || journal.hostGroups.some(({ objectGUID }) => objectGUID === object.objectGUID);
}

/** Known objects that are neither there nor among the deleted ones, and those that it may have made on another server a moment ago. */
function* lookForMissing(desired: DesiredFarm, objects: readonly DirectoryObject[], options: LookOptions): Look<readonly string[]> {
  const ids = new Set(objects.map(({ objectGUID }) => objectGUID));
  const absent = knownIds(desired).filter((guid) => !ids.has(guid) && options.isDeleted?.(guid) !== true);
  const lookups = absent.map((objectGUID) => byGuid({ objectGUID }));
  const found = yield* ask(lookups, "Deleted");
  const places = new Set(objects.map(({ distinguishedName }) => dnKey(distinguishedName)));
  const made = [desired.account.distinguishedName, desired.hostGroup.distinguishedName];
  const coming = made.filter((dn) => options.isOnItsWay?.(dn) === true && !places.has(dnKey(dn)));
  return [...absent.filter((guid) => !found.some(({ objectGUID }) => objectGUID === guid)), ...coming];
}

/** The computers that the farm names; those that it put into groups; and the members of its own groups, where it is asked who they are. */
function* lookForComputers(
  desired: DesiredFarm,
  scope: Scope,
  objects: readonly DirectoryObject[],
  asked: readonly DirectoryObject[],
): Look<readonly DirectoryObject[]> {
  // Of a farm that gets nothing and has nothing nobody is looked up: it would only learn who exists.
  const named = scope === "Known" && objects.length > 0 ? [...asked, ...(yield* ask(desired.quarantined, "Computers"))] : asked;
  const found = new Set(named.map(({ objectGUID }) => objectGUID));
  // Those that it put into groups, and those that an entry meant before: they may have been moved or renamed since.
  const known = [...desired.journal.hostGroups.flatMap((group) => group.added), ...rememberedIds(desired)];
  const added = new Set(known.filter((guid) => !found.has(guid)));
  const keys = new Set(named.map(({ distinguishedName }) => dnKey(distinguishedName)));
  const members = objects
    .filter((object) => isOwnGroup(desired, object) && (scope === "Owned" || isFormer(desired, object)))
    .flatMap((group) => group.members)
    .filter((member) => !keys.has(dnKey(member)));
  const [others = [], remembered = []] = yield* together([
    ask(members.map(byDn), "Computers"),
    // Some of them may be users, whether the farm still names one or not.
    ask(
      [...added].map((value): Lookup => ({ by: "objectGUID", value })),
      "Objects",
    ),
  ]);
  return distinct([...named, ...others, ...remembered.filter((object) => isComputer(object) || isUser(object))]);
}

/** A group of the farm's own that is not the host group that it wants. */
function isFormer({ grant, hostGroup }: DesiredFarm, { samAccountName }: DirectoryObject): boolean {
  return grant === "Principals" || hostGroup.existing || !sameName(samAccountName, hostGroup.samAccountName);
}

/** RIDs of the groups of the farm's own. */
function ownRids(desired: DesiredFarm, objects: readonly DirectoryObject[]): ReadonlySet<string> {
  const groups = objects.filter((object) => isOwnGroup(desired, object));
  return new Set(groups.flatMap(({ objectSID }) => (objectSID === undefined ? [] : String(relativeId(objectSID)))));
}

/**
 * Whoever is in a host group of the farm's own by its primary group; and whoever the account's list names and nobody else here explains, to be told by
 * name. `asked`: the RIDs that were asked for already, and whom they found.
 */
function* lookForOthers(
  desired: DesiredFarm,
  objects: readonly DirectoryObject[],
  computers: readonly DirectoryObject[],
  asked: { readonly rids: ReadonlySet<string>; readonly members: readonly DirectoryObject[] },
): Look<Pick<ObservedFarm, "primaryMembers" | "unexplainedPrincipals">> {
  // Of others' groups nobody is asked for: whether a host of the farm is in one so, the host itself says.
  const rids = ownRids(desired, objects);
  const explained = new Set([...objects, ...computers].map(({ objectSID }) => objectSID));
  const named = accountsOf(desired, objects).flatMap(({ retrievers }) => [
    ...(retrievers?.principals ?? []),
    ...(retrievers?.denied ?? []),
  ]);
  const unknown = new Set(named.filter((sid) => !explained.has(sid)));
  const [members = [], principals = []] = yield* together([
    ask([...rids].filter((rid) => !asked.rids.has(rid)).map(byRid), "Objects"),
    ask(
      [...unknown].map((value) => ({ by: "objectSid", value })),
      "Objects",
    ),
  ]);
  return {
    primaryMembers: distinct([...asked.members, ...members]).filter(({ primaryGroupID }) => rids.has(String(primaryGroupID))),
    unexplainedPrincipals: principals.filter(({ objectSID }) => objectSID !== undefined && unknown.has(objectSID)),
  };
}

/** Of the computers that entries were resolved to those that are not there, and are known to be deleted. */
function* lookForGone(desired: DesiredFarm, computers: readonly DirectoryObject[]): Look<readonly string[]> {
  const seen = new Set(computers.map(({ objectGUID }) => objectGUID));
  const absent = rememberedIds(desired).filter((guid) => !seen.has(guid));
  const lookups = absent.map((value): Lookup => ({ by: "objectGUID", value }));
  // Among the deleted ones is also what is there.
  const [found = [], live = []] = yield* together([ask(lookups, "Deleted"), ask(lookups, "Objects")]);
  const there = new Set(live.map(({ objectGUID }) => objectGUID));
  return found.map(({ objectGUID }) => objectGUID).filter((guid) => !there.has(guid));
}

/** Members of the farm's own group that do not answer, looked for only while a host that the farm names does not either. */
function* lookForUnreadable(
  desired: DesiredFarm,
  objects: readonly DirectoryObject[],
  computers: readonly DirectoryObject[],
): Look<readonly string[]> {
  const found = new Set(computers.map(({ distinguishedName }) => dnKey(distinguishedName)));
  const members = objects.filter((object) => isOwnGroup(desired, object)).flatMap((group) => group.members);
  const asked = members.filter((member) => !found.has(dnKey(member)));
  if (asked.length === 0) return [];
  const index = new HostIndex(computers);
  const seen = new Set(computers.map(({ objectGUID }) => objectGUID));
  const isSearchWhole = [...(desired.search?.remembered.keys() ?? [])].every((guid) => seen.has(guid));
  if (isSearchWhole && desired.hosts.every((reference) => index.find(reference).length > 0)) return [];
  const read = yield* ask(asked.map(byDn), "Objects");
  for (const { distinguishedName } of read) found.add(dnKey(distinguishedName));
  return asked.filter((member) => !found.has(dnKey(member)));
}

type Answered = { readonly observed: ObservedFarm };

/** Whether one of the farm's computers is a direct member of a host group, in whatever way: by a member value, or by its primary group. */
export function membership(view: Answered, group: DirectoryObject): (computer: DirectoryObject) => boolean {
  const isNamed = memberValues(view, group);
  const byPrimary = new Set(
    view.observed.primaryMembers.filter((object) => isPrimaryGroup(group, object)).map(({ objectGUID }) => objectGUID),
  );
  return (computer) => isNamed(computer) || byPrimary.has(computer.objectGUID) || isPrimaryGroup(group, computer);
}

/** Whether the group names one of the farm's computers as a member, and could be made to name it no more. Of a group of others only these are known. */
export function memberValues({ observed }: Answered, group: DirectoryObject): (computer: DirectoryObject) => boolean {
  const among = observed.membersAmong.get(group.objectGUID);
  const members = new Set(group.members.map(dnKey));
  const isAmong = ({ objectGUID }: DirectoryObject): boolean => among?.has(objectGUID) === true;
  return members.size === 0 ? isAmong : (computer) => isAmong(computer) || members.has(dnKey(computer.distinguishedName));
}
