/** What of the directory goes into a farm's status. */
import type { ResolvedHosts } from "../looked.ts";
import { timestamp } from "../../api/object.ts";
import { RECONCILE_REQUESTED } from "../../api/annotations.ts";
import type { ServerFarm, ServerFarmStatus } from "../../api/generated/server-farm.ts";
import { isAccount, isGroup, type DirectoryObject, groupsOf } from "../../ad/object.ts";
import { sameName } from "../../names/account-name.ts";
import { isOfNamespace, isOwnerMarker } from "../../names/identifier.ts";
import { describeChange } from "../changes/index.ts";
import { accessGroupsStatus, formerAccountStatus, hostGroupsStatus, notIn } from "../journal.ts";
import type { Journal, RememberedAccessGroup, RememberedGroup } from "../journal.ts";
import type { Report } from "../report.ts";
import { answeredFor } from "../handover.ts";
import { isAccessGroup, type Slot } from "../slot.ts";
import { membership } from "../queries.ts";
import { addedMembers, type FarmView } from "../view.ts";

const LISTED = 100;
const KINDS = ["Account", "HostGroup", "AccessGroup"] as const;

export function observedStatus(farm: ServerFarm, report: Report, view: FarmView): Partial<ServerFarmStatus> {
  const { desired, hosts } = view;
  const granted = countGranted(view);
  const issues = [...desired.invalid, ...hosts.blockers].flatMap(({ computer, reason, message }) =>
    computer === undefined ? [] : [{ computer, reason, message }],
  );
  return {
    hosts: { desired: hosts.desired, granted, summary: `${granted}/${hosts.desired}`, ...sourcesOf(view) },
    hostIssues: issues.slice(0, LISTED),
    ...recordsOf(hosts),
    ...objectsStatus(farm, report, view),
    ...(view.desired.observedFor === undefined ? {} : { plan: plannedChanges(report) }),
  };
}

/** How many hosts come from where. */
function sourcesOf({ hosts: { wanted, search } }: FarmView): Pick<NonNullable<ServerFarmStatus["hosts"]>, "computers" | "search" | "held"> {
  if (!search) return {};
  return { computers: search.named, search: wanted.size - search.named, ...(search.held > 0 ? { held: search.held } : {}) };
}

/** The objects that the farm owns or changed. */
export function objectsStatus(farm: ServerFarm, report: Report, view: FarmView): Partial<ServerFarmStatus> {
  // The last look was before a write that may have happened: nothing that was remembered for it is forgotten on its ground.
  const interrupted = report.error !== undefined;
  return {
    ownedObjects: ownedObjects(farm, view, interrupted),
    ...accountStatus(farm, view),
    ...formerAccountStatus(view.desired.journal.formerAccount, interrupted ? undefined : presentAccount(view)),
    ...hostGroupsStatus(interrupted ? view.desired.journal : settledJournal(view), currentGroup(view.hostGroup)),
    ...accessGroupsStatus(observedAccessGroups(view, interrupted)),
  };
}

function presentAccount({ account }: FarmView): string | undefined {
  return account.kind === "Own" ? account.object.objectGUID : undefined;
}

function plannedChanges({ plan }: Report): NonNullable<ServerFarmStatus["plan"]> {
  return [...(plan?.changes ?? []), ...(plan?.later ?? [])].flatMap((change) => describeChange(change)).slice(0, LISTED);
}

function ownedObjects(
  { status }: ServerFarm,
  { desired, observed }: FarmView,
  interrupted: boolean,
): NonNullable<ServerFarmStatus["ownedObjects"]> {
  const kindOf = (object: DirectoryObject): (typeof KINDS)[number] | undefined =>
    isAccount(object) ? "Account" : !isGroup(object) ? undefined : isAccessGroup(desired, object) ? "AccessGroup" : "HostGroup";
  const own = observed.objects.flatMap((object) => {
    // What the farm owned before somebody protected it stays on the list: it is still to be removed in the end.
    const mine = object.protection === undefined || desired.knownObjects.includes(object.objectGUID);
    const kind = object.owner === desired.owner && mine ? kindOf(object) : undefined;
    return kind ? [{ objectGUID: object.objectGUID, kind, distinguishedName: object.distinguishedName }] : [];
  });
  // In one order, however the directory answers: a status that differs in nothing else is no news.
  own.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || a.objectGUID.localeCompare(b.objectGUID));
  // Not seen is not gone: what deletion will have to remove is not forgotten.
  const unseen = (status?.ownedObjects ?? []).filter(
    ({ objectGUID }) => (interrupted || observed.missing.includes(objectGUID)) && !own.some((object) => object.objectGUID === objectGUID),
  );
  return [...own, ...unseen];
}

/** The host group that the farm uses now, or did until it might not any more. */
function currentGroup(slot: Slot): DirectoryObject | undefined {
  if (slot.kind === "Blocked") return slot.frozen;
  return slot.kind === "Own" || slot.kind === "External" ? slot.object : undefined;
}

/** Whether the group's members may retrieve the password, as far as the account can be seen. */
function mayName(account: Slot, { objectSID }: DirectoryObject): boolean {
  if (account.kind !== "Own") return account.kind === "Blocked";
  return objectSID !== undefined && account.object.retrievers?.principals.includes(objectSID) === true;
}

/** While the account is there, what is immutable is so: also where it must not be touched now, or is not seen yet by a server that took over. */
function accountStatus({ status }: ServerFarm, { desired, observed, account }: FarmView): Pick<ServerFarmStatus, "account"> {
  const own = (object: DirectoryObject): boolean => isAccount(object) && object.owner === desired.owner;
  const object = account.kind === "Own" ? account.object : observed.objects.find(own);
  if (object) return { account: { ...identity(object), ...names(object), ...passwordTimes(object), ...rootKey(object) } };
  const { account: known } = status ?? {};
  if (known?.objectGUID === undefined || !observed.missing.includes(known.objectGUID)) return {};
  // Whoever has its name now is another: no two objects of a domain have one.
  const { samAccountName, ...unnamed } = known;
  return { account: observed.objects.some((one) => sameName(one.samAccountName, samAccountName)) ? unnamed : known };
}

/** How many of the wanted hosts may retrieve the password, by a group or by name: as the directory says. Of another tenant's account nothing is said. */
function countGranted(view: FarmView): number {
  const { desired, observed, account, hosts } = view;
  const { objects, unexplainedPrincipals } = observed;
  const isOthers = ({ owner }: DirectoryObject): boolean => isOwnerMarker(owner) && !isOfNamespace(owner, desired.owner);
  const named = (one: DirectoryObject): boolean => isAccount(one) && sameName(one.samAccountName, desired.account.samAccountName);
  const standing = account.kind === "Own" ? account.object : objects.find((one) => named(one) && !isOthers(one));
  const principals = new Set(standing?.retrievers?.principals);
  const denied = new Set(standing?.retrievers?.denied);
  const memberships = [...objects, ...unexplainedPrincipals]
    .filter(({ objectSID }) => objectSID !== undefined && principals.has(objectSID))
    .map((group) => membership(view, group));
  return [...hosts.wanted.values()].filter(
    (computer) =>
      computer.objectSID !== undefined &&
      !denied.has(computer.objectSID) &&
      (principals.has(computer.objectSID) || memberships.some((isIn) => isIn(computer))),
  ).length;
}

/** What has to be remembered after the last look: who was put in, is still in, and is this farm's to take out. */
function settledJournal(view: FarmView): Journal {
  const { desired, observed, hostGroup } = view;
  const added = (group: DirectoryObject): readonly string[] =>
    desired.observedFor === undefined
      ? answeredFor(view, group)
      : [...addedMembers(view, group).values()].map(({ objectGUID }) => objectGUID);
  const remembered = desired.journal.hostGroups.flatMap((group): readonly RememberedGroup[] => {
    const object = observed.objects.find(({ objectGUID }) => objectGUID === group.objectGUID);
    // Not seen is not gone: a right to read may be lost for a while, or the server may have taken over lately.
    if (!object) return [group];
    // A group that the farm owns now is kept as it says, whoever put its members in.
    if (hostGroup.kind === "Own" && hostGroup.object === object) return [];
    const mine = added(object);
    // One that was used before, that it has nobody to take out of, and that the account does not name any more, is done with.
    const left = mine.length === 0 && object !== currentGroup(hostGroup) && !mayName(view.account, object);
    if (left) return [];
    const name = hostGroup.kind === "External" && hostGroup.object === object ? hostGroup.group.name : group.name;
    return [{ ...group, name, distinguishedName: object.distinguishedName, added: mine }];
  });
  if (hostGroup.kind !== "External" || remembered.some(({ objectGUID }) => objectGUID === hostGroup.object.objectGUID)) {
    return { ...desired.journal, hostGroups: remembered };
  }
  const { objectGUID, distinguishedName, name } = hostGroup.group;
  return { ...desired.journal, hostGroups: [...remembered, { objectGUID, distinguishedName, name, added: added(hostGroup.object) }] };
}

/** The groups that the account is to be in, and those that it could not leave yet. */
function observedAccessGroups(
  { desired, observed, account, accessGroups }: FarmView,
  interrupted: boolean,
): readonly RememberedAccessGroup[] {
  // Of an account that must not be touched now it is not known which groups it is to leave later.
  const isIn = account.kind === "Own" ? groupsOf(account.object) : () => account.kind === "Blocked";
  // Where the last look was before the last write it may be in what is on record, and so may an account that is not seen for a while.
  const isUnseen = interrupted || (account.kind === "Vacant" && observed.missing.length > 0);
  const mayBeIn = ({ objectGUID }: DirectoryObject): boolean =>
    isUnseen && desired.journal.accessGroups.some((group) => group.objectGUID === objectGUID && group.member !== false);
  const wanted = accessGroups.flatMap(({ wanted: { samAccountName }, slot }) => {
    if (slot.kind !== "Own" && slot.kind !== "External") return [];
    const { distinguishedName, objectGUID } = slot.object;
    return [{ name: samAccountName, distinguishedName, objectGUID, ...notIn(isIn(slot.object) || mayBeIn(slot.object)) }];
  });
  const left = desired.journal.accessGroups.filter(({ objectGUID }) => {
    if (wanted.some((group) => group.objectGUID === objectGUID)) return false;
    if (isUnseen) return true;
    const object = observed.objects.find((candidate) => candidate.objectGUID === objectGUID);
    return object ? isIn(object) : observed.missing.includes(objectGUID);
  });
  return [...wanted, ...left];
}

function identity({ distinguishedName, objectGUID, objectSID }: DirectoryObject): {
  distinguishedName: string;
  objectGUID: string;
  objectSID?: string;
} {
  return { distinguishedName, objectGUID, ...(objectSID === undefined ? {} : { objectSID }) };
}

function names({ samAccountName }: DirectoryObject): { samAccountName?: string } {
  return samAccountName === undefined ? {} : { samAccountName };
}

const HOUR = 3_600_000;

/**
 * A gMSA's password rolls after whole cycles of ten hours, counted from the one whose key it was made of, which began before it was set
 * (MS-ADTS 3.1.1.4.5.39). Where that cannot be read, up to ten hours too late.
 */
export function passwordTimes(account: DirectoryObject): { passwordLastChanged?: string; passwordNextChange?: string } {
  const { passwordLastSet, passwordKey, passwordIntervalDays } = account;
  if (passwordLastSet === undefined || passwordIntervalDays === undefined) return {};
  const interval = Math.floor((passwordIntervalDays * 24) / 10) * 10 * HOUR;
  return {
    passwordLastChanged: timestamp(new Date(passwordLastSet)),
    passwordNextChange: timestamp(new Date((passwordKey?.cycleStart ?? passwordLastSet) + interval)),
  };
}

function rootKey({ passwordKey }: DirectoryObject): { kdsRootKeyID?: string } {
  return passwordKey ? { kdsRootKeyID: passwordKey.rootKeyId } : {};
}

/** What the schema takes; of a longer annotation the beginning is echoed. */
const REQUEST_LENGTH = 256;

/** Everything of the status but what a reconcile decides anew. */
export function carriedOver({ status, metadata }: ServerFarm): Omit<ServerFarmStatus, "observedGeneration" | "conditions" | "plan"> {
  const { plan: _plan, ...kept } = status ?? { observedGeneration: -1 };
  const requested = metadata.annotations?.[RECONCILE_REQUESTED];
  return { ...kept, ...(requested === undefined ? {} : { lastHandledReconcileRequest: requested.slice(0, REQUEST_LENGTH) }) };
}

/** What a look decides anew, whether it is there or not. */
export function withoutObserved<S extends Partial<ServerFarmStatus>>({
  account: _account,
  hostGroup: _hostGroup,
  formerHostGroups: _formerHostGroups,
  formerAccount: _formerAccount,
  accessGroups: _accessGroups,
  resolvedHosts: _resolvedHosts,
  hostSearch: _hostSearch,
  ...kept
}: S): Omit<S, "account" | "hostGroup" | "formerHostGroups" | "formerAccount" | "accessGroups" | "resolvedHosts" | "hostSearch"> {
  return kept;
}

/** What is remembered of whom the manifest means. */
export function recordsOf({ records, search }: ResolvedHosts): Pick<ServerFarmStatus, "resolvedHosts" | "hostSearch"> {
  return { ...(records.length > 0 ? { resolvedHosts: records } : {}), ...(search ? { hostSearch: search.record } : {}) };
}

/** Whether the search means another container than the status says, or finds others. */
export function isSearchNews({ status }: Pick<ServerFarm, "status">, { search }: ResolvedHosts): boolean {
  return search !== undefined && JSON.stringify(status?.hostSearch) !== JSON.stringify(search.record);
}
