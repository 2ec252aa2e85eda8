/**
 * Farms that use one group of somebody else. Those of one namespace may share it: each writes down in its own record whom it answers for, and nobody
 * writes in another's. Those of two namespaces may not, since each would give its hosts the other's password; but where the domain's tenants allow the
 * group to both.
 */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { isTrusted, type DirectoryObject } from "../ad/object.ts";
import { foldName, hostGroupNameOf, matchesPattern, sameName } from "../names/account-name.ts";
import { keysOfHost, lookupKey } from "../names/identifier.ts";
import { allowedHosts } from "./allowed-hosts.ts";
import { givesRight, type Change } from "./changes/index.ts";
import { parseHostReferences, readResolved, standingOf } from "./desired.ts";
import type { DesiredFarm, Sharing, SharingFarm, Standing } from "./desired-farm.ts";
import { hostAccountReference, isUser } from "./desired-host-account.ts";
import { type Journal, readJournal, withJournal } from "./journal.ts";

type Group = Pick<DirectoryObject, "objectGUID" | "samAccountName">;
type Computer = Pick<
  DirectoryObject,
  | "objectGUID"
  | "objectClass"
  | "distinguishedName"
  | "samAccountName"
  | "dnsHostName"
  | "userAccountControl"
  | "primaryGroupID"
  | "creatorSID"
>;

/** The farm as others that use its existing host group see it; undefined for one that has to do with none. */
export function sharingFarm({ metadata, spec, status }: ServerFarm, baseDN: string): SharingFarm | undefined {
  const journal = readJournal(status);
  const { grant, group, computers, quarantined, search } = spec.hosts;
  // One that is suspended, only observed or being deleted wants nobody anywhere; what it put in stays on its record.
  const active = metadata.deletionTimestamp === undefined && !spec.suspend && spec.managementPolicy === "Enforce";
  const uses = active && grant === "Group" && group?.existing === true;
  if (!uses && journal.hostGroups.length === 0) return undefined;
  // An entry means the object that it was resolved to, too: that one may have been moved or renamed since.
  const resolved = readResolved(status);
  const keysOf = (texts: readonly string[]): ReadonlySet<string> =>
    new Set(
      parseHostReferences(uses ? texts : [], baseDN, () => undefined).flatMap(({ by, value, text }) => [
        lookupKey(by, value),
        ...(resolved.get(text) ?? []).map(({ objectGUID }) => lookupKey("objectGUID", objectGUID)),
      ]),
    );
  const userKeys = (resolved.get(hostAccountReference(spec) ?? "") ?? []).map(({ objectGUID }) => lookupKey("objectGUID", objectGUID));
  return {
    key: keyOf(metadata),
    standing: standingOf(metadata),
    uses: uses ? { name: foldName(hostGroupNameOf({ metadata, spec })), objectGUID: status?.hostGroup?.objectGUID } : undefined,
    hosts: new Set([...keysOf(computers), ...(uses && search ? foundKeys(status) : []), ...(uses ? userKeys : [])]),
    quarantined: keysOf(quarantined),
    claimed: claimsOf(journal, (status?.ownedObjects ?? []).length > 0),
    added: new Map(journal.hostGroups.map((remembered) => [remembered.objectGUID, new Set(remembered.added)])),
  };
}

/** Of those who have the right by the farm's search. */
function foundKeys(status: ServerFarm["status"]): readonly string[] {
  return (status?.hostSearch?.hosts ?? []).map(({ objectGUID }) => lookupKey("objectGUID", objectGUID));
}

/** objectGUIDs of groups of somebody else whose members may retrieve the password of the farm's account. */
export function claimedGroups({ status }: ServerFarm): ReadonlySet<string> {
  return claimsOf(readJournal(status), (status?.ownedObjects ?? []).length > 0);
}

/** The farm as it is on record once its account names the group: as if the account were there. */
export function withGroup(
  farm: ServerFarm,
  { objectGUID, distinguishedName }: Pick<DirectoryObject, "objectGUID" | "distinguishedName">,
): ServerFarm {
  const { status = { observedGeneration: -1 } } = farm;
  const journal = readJournal(status);
  const isKnown = journal.hostGroups.some((group) => group.objectGUID === objectGUID);
  const hostGroups = isKnown ? journal.hostGroups : [{ objectGUID, distinguishedName, name: undefined, added: [] }, ...journal.hostGroups];
  const account = { kind: "Account" as const, objectGUID: "", distinguishedName: "" };
  return { ...farm, status: { ...withJournal(status, { ...journal, hostGroups }, undefined), ownedObjects: [account] } };
}

/** Whether the members of a group of somebody else may retrieve the password by the change: whoever is in it already, too. */
export function opensTo(change: Change, { objectSID }: DirectoryObject): boolean {
  return givesRight(change) || (change.kind === "SetRetrievers" && change.retrievers.some((sid) => sid === objectSID));
}

/** objectGUIDs of the groups by which the farm gave somebody a right: it put hosts in, or it has an account, which names the group. */
function claimsOf({ hostGroups }: Journal, owns: boolean): ReadonlySet<string> {
  return new Set(hostGroups.filter(({ added }) => owns || added.length > 0).map(({ objectGUID }) => objectGUID));
}

function isUsedBy({ uses }: SharingFarm, { objectGUID, samAccountName }: Group): boolean {
  return uses !== undefined && (uses.objectGUID === objectGUID || sameName(uses.name, samAccountName));
}

/** Whether the two may have the group in common: farms of one namespace, and those to both of whom the domain's tenants allow it. */
function mayShare({ standing, sharedGroups }: DesiredFarm, other: SharingFarm, { samAccountName = "" }: Group): boolean {
  if (other.standing.namespace === standing.namespace) return true;
  return [sharedGroups, other.sharedGroups ?? []].every((some) => some.some((pattern) => matchesPattern(pattern, samAccountName)));
}

/** Those that name the group as this one does, and those that have it on record whatever they call it. */
function sharingOf({ sharing, elsewhere }: DesiredFarm, { objectGUID }: Group): Sharing {
  const users = elsewhere.users(objectGUID);
  if (users.length === 0) return sharing;
  const known = new Set(users.map(({ key }) => key));
  return [...users, ...sharing.filter(({ key }) => !known.has(key))];
}

/**
 * Of those that may not have the group in common, the namespace whose farms may use it: of the farm that has it on record, and where several or none
 * have, of the one that was made first.
 */
function holderOf(desired: DesiredFarm, group: Group): string {
  const { standing, journal, knownObjects } = desired;
  const { objectGUID } = group;
  const candidates = [
    { standing, claims: claimsOf(journal, knownObjects.length > 0).has(objectGUID) },
    ...sharingOf(desired, group)
      .filter((other) => other.claimed.has(objectGUID) || isUsedBy(other, group))
      .filter((other) => other.standing.namespace === standing.namespace || !mayShare(desired, other, group))
      .map((other) => ({ standing: other.standing, claims: other.claimed.has(objectGUID) })),
  ];
  const first = candidates.reduce((best, next) => {
    if (best.claims !== next.claims) return best.claims ? best : next;
    return isBefore(next.standing, best.standing) ? next : best;
  });
  return first.standing.namespace;
}

function isBefore(one: Standing, other: Standing): boolean {
  return one.created === other.created ? one.uid < other.uid : one.created < other.created;
}

/** Whether the group is for the farms of another namespace. */
export function isInUseElsewhere(desired: DesiredFarm, group: Group): boolean {
  return holderOf(desired, group) !== desired.standing.namespace;
}

/** Whether it is no host group for this farm, since it is for another namespace, or an account of one has joined it and could retrieve the password, too. */
export function isTakenElsewhere(desired: DesiredFarm, group: Group): boolean {
  const isClaimed = claimsOf(desired.journal, desired.knownObjects.length > 0).has(group.objectGUID);
  return (!isClaimed && desired.elsewhere.access.has(group.objectGUID)) || isInUseElsewhere(desired, group);
}

/**
 * Of each of the computers the farms that want it to stay in the group, whatever this one does: of its namespace, and of the one that the group is for.
 * Thousands of farms may share a group of thousands of hosts: of each it is asked only for what both have.
 */
export function othersWanting(
  desired: DesiredFarm,
  group: Group,
  computers: readonly Computer[],
): (computer: Computer) => readonly SharingFarm[] {
  const using = computers.length === 0 ? [] : desired.sharing.filter((other) => isUsedBy(other, group));
  if (using.length === 0) return () => [];
  const holder = holderOf(desired, group);
  const others = using
    .filter((other) => mayShare(desired, other, group) || other.standing.namespace === holder)
    .map((other) => ({ other, isAllowed: other.granted ? allowedHosts(other.granted) : () => true }));
  const asked = new Set(computers.flatMap(keysOf));
  const naming = new Map<string, (typeof others)[number][]>();
  for (const one of others) {
    for (const key of asked.intersection(one.other.hosts)) {
      const known = naming.get(key);
      if (known) known.push(one);
      else naming.set(key, [one]);
    }
  }
  return (computer) => {
    // Whoever is no host no farm can want, though several name it.
    if (!isTrusted(desired, computer)) return [];
    const keys = keysOf(computer);
    const wanting = new Set(keys.flatMap((key) => naming.get(key) ?? []));
    return [...wanting]
      .filter(({ other: { quarantined } }) => !keys.some((key) => quarantined.has(key)))
      .filter(({ isAllowed }) => isUser(computer) || isAllowed(computer))
      .map(({ other }) => other);
  };
}

function keysOf(computer: Computer): readonly string[] {
  return [...keysOfHost(computer), lookupKey("objectGUID", computer.objectGUID)];
}

/** Whether a farm that wants the computer in the group has it on its own record: then it is that farm's to take out, and this one may forget it. */
export function isPassedOn(desired: DesiredFarm, group: Group, computers: readonly Computer[]): (computer: Computer) => boolean {
  const wanting = othersWanting(desired, group, computers);
  return (computer) => wanting(computer).some(({ added }) => added.get(group.objectGUID)?.has(computer.objectGUID) === true);
}

/**
 * Whether a farm that may have the group in common with this one has put the computer in. Who wants it there too writes it down, so that the last of them
 * takes it out: it cannot be anybody whom an administrator put in.
 */
export function isOnRecord(desired: DesiredFarm, group: Group): (computer: Computer) => boolean {
  const sharing = desired.sharing.filter((other) => mayShare(desired, other, group));
  // Thousands of hosts of each farm are not copied.
  const recorded = sharing.flatMap(({ added }) => added.get(group.objectGUID) ?? []);
  return ({ objectGUID }) => recorded.some((computers) => computers.has(objectGUID));
}
