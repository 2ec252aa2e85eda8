/**
 * What a farm did to groups that are not its own. Nothing in the directory shows who put a member in, so it is recorded in the farm's status
 * before the write: a crash between the two never forgets one.
 */
import { RECREATE_ACCOUNT } from "../api/annotations.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import { matchesPattern } from "../names/account-name.ts";
import { relativeId } from "../names/identifier.ts";

/** An object of the directory, as far as it is remembered. */
export interface Identity {
  readonly distinguishedName: string;
  readonly objectGUID: string;
  readonly objectSID?: string | undefined;
}

/** An existing host group, used now or before. */
export interface RememberedGroup {
  readonly objectGUID: string;
  readonly distinguishedName: string;
  /** As the farm names it, or did; undefined for one that it owned, or that an older version recorded. */
  readonly name: string | undefined;
  /** objectGUIDs of the computers that this farm put in. */
  readonly added: readonly string[];
}

/** An access group that the account was put into. */
export interface RememberedAccessGroup {
  /** As the farm names it. */
  readonly name: string;
  readonly objectGUID: string;
  readonly distinguishedName: string;
  /** Where the account was seen not to be in it. */
  readonly member?: false;
}

/** An account that is deleted to be created again, as the status has it: what of it is not in the manifest. */
export type FormerAccount = NonNullable<ServerFarmStatus["formerAccount"]>;

export interface Journal {
  readonly formerAccount?: FormerAccount | undefined;
  readonly hostGroups: readonly RememberedGroup[];
  readonly accessGroups: readonly RememberedAccessGroup[];
}

type HostGroupsStatus = Pick<ServerFarmStatus, "hostGroup" | "formerHostGroups">;
type FormerAccountStatus = Pick<ServerFarmStatus, "formerAccount">;
type AccessGroupsStatus = Pick<ServerFarmStatus, "accessGroups">;

/** `domainSID`: nothing is kept of an account that another domain had. */
export function readJournal(status: ServerFarmStatus | undefined, domainSID?: string): Journal {
  const { hostGroup, formerHostGroups = [], accessGroups = [], formerAccount: former } = status ?? {};
  const groups = [...(hostGroup?.name === undefined && hostGroup?.added === undefined ? [] : [hostGroup]), ...formerHostGroups];
  const merged = new Map<string, RememberedGroup>();
  for (const group of groups) {
    const { objectGUID, distinguishedName = "", added = [] } = group;
    if (objectGUID === undefined) continue;
    const known = merged.get(objectGUID);
    merged.set(objectGUID, {
      objectGUID,
      distinguishedName,
      name: known?.name ?? group.name,
      added: [...new Set([...(known?.added ?? []), ...added])],
    });
  }
  return {
    formerAccount: domainSID !== undefined && former?.objectSID?.startsWith(`${domainSID}-`) === false ? undefined : former,
    hostGroups: [...merged.values()],
    accessGroups: accessGroups.flatMap(({ name, objectGUID, distinguishedName = "", member }) =>
      objectGUID === undefined ? [] : [{ name, objectGUID, distinguishedName, ...notIn(member !== false) }],
    ),
  };
}

/** Only a farm that uses an existing host group, or did, has to do with others. */
export function sharesGroups({ spec, status }: ServerFarm): boolean {
  return spec.hosts.group?.existing === true || readJournal(status).hostGroups.length > 0;
}

/** Groups of somebody else, or access groups of its own. */
export function hasGroups(farm: ServerFarm | undefined): boolean {
  return farm !== undefined && (farm.spec.accessGroups.length > 0 || (farm.status?.accessGroups ?? []).length > 0 || sharesGroups(farm));
}

/** Whether the farm's record names anything in the directory: what it owns, and what it put into groups of others. */
export function hasLeftTraces({ status }: ServerFarm): boolean {
  const { hostGroups, accessGroups } = readJournal(status);
  return status?.account !== undefined || (status?.ownedObjects ?? []).length + hostGroups.length + accessGroups.length > 0;
}

/** What was asked of the farm since its last status. */
export function requestsOf({ metadata, status }: ServerFarm): { readonly edited: boolean; readonly recreate: string | undefined } {
  return {
    edited: status?.observedGeneration !== metadata.generation,
    recreate: metadata.annotations?.[RECREATE_ACCOUNT]?.trim().toLowerCase(),
  };
}

/** How urgent a change of a farm is. `previous`: as it was before; undefined at first sight. */
export function urgencyOf(farm: ServerFarm, previous: ServerFarm | undefined): "Urgent" | "Change" | "Resync" {
  const { metadata, spec, status } = farm;
  if (metadata.deletionTimestamp !== undefined) return "Urgent";
  const { edited } = requestsOf(farm);
  // An entry that is on record may have been that of a host until the last edit.
  const recorded = edited ? [] : (status?.resolvedHosts ?? []).map(({ reference }) => reference);
  const known = new Set(previous ? previous.spec.hosts.quarantined : recorded);
  if (spec.hosts.quarantined.some((text) => !known.has(text))) return "Urgent";
  // Most of what is there at first was looked at before this replica began to lead.
  return previous || edited ? "Change" : "Resync";
}

/** What the farm owns, as it has it on record. Of a host group that is somebody else's no RID: it may be everybody's primary group. */
export function knownObjectsOf({ hostGroup, ownedObjects = [] }: ServerFarmStatus = { observedGeneration: -1 }): {
  readonly knownObjects: readonly string[];
  readonly knownAccessGroups: readonly string[];
  readonly knownGroupRID: string | undefined;
} {
  const accessGroups = ownedObjects.filter(({ kind }) => kind === "AccessGroup");
  const isOwn = ownedObjects.some(({ objectGUID }) => objectGUID === hostGroup?.objectGUID);
  return {
    knownObjects: ownedObjects.map(({ objectGUID }) => objectGUID),
    knownAccessGroups: accessGroups.map(({ objectGUID }) => objectGUID),
    knownGroupRID: isOwn && hostGroup?.objectSID !== undefined ? String(relativeId(hostGroup.objectSID)) : undefined,
  };
}

/** objectGUIDs of what the farm owns, and of the groups of others that it changed. */
export function knownIds({ knownObjects, journal }: { readonly knownObjects: readonly string[]; readonly journal: Journal }) {
  return [...new Set([...knownObjects, ...[...journal.hostGroups, ...journal.accessGroups].map(({ objectGUID }) => objectGUID)])];
}

/** As many as the schema takes: the latest. */
const FORMER = 20;

/** Groups as a status holds them. `current`: the group that the farm uses now, whoever owns it. */
export function hostGroupsStatus(journal: Journal, current: Identity | undefined): HostGroupsStatus {
  const used = journal.hostGroups.find(({ objectGUID }) => objectGUID === current?.objectGUID);
  const former = journal.hostGroups.filter(({ objectGUID }) => objectGUID !== current?.objectGUID).slice(0, FORMER);
  const { distinguishedName, objectGUID, objectSID } = current ?? {};
  return {
    ...(distinguishedName === undefined || objectGUID === undefined
      ? {}
      : {
          hostGroup: {
            distinguishedName,
            objectGUID,
            ...(objectSID === undefined ? {} : { objectSID }),
            ...(used ? { added: used.added.toSorted(), ...(used.name === undefined ? {} : { name: used.name }) } : {}),
          },
        }),
    ...(former.length === 0
      ? {}
      : {
          formerHostGroups: former.map((group) => ({
            objectGUID: group.objectGUID,
            distinguishedName: group.distinguishedName,
            ...(group.name === undefined ? {} : { name: group.name }),
            added: group.added.toSorted(),
          })),
        }),
  };
}

/** `present`: the objectGUID of the account that is there. One that was not deleted after all is not a former one. */
export function formerAccountStatus(former: FormerAccount | undefined, present?: string): FormerAccountStatus {
  if (!former || (former.objectGUID === present && former.successor === undefined)) return {};
  const successor = former.successor ?? present;
  return { formerAccount: { ...former, ...(successor === undefined ? {} : { successor }) } };
}

/** An account was deleted to be created again, and the new one was not seen yet. */
export function isBeingRecreated({ formerAccount }: Pick<Journal, "formerAccount">): boolean {
  return formerAccount !== undefined && formerAccount.successor === undefined;
}

/** What an account that is created again has of the former one besides its names and what the manifest says. */
export function inheritedFrom({ formerAccount }: Pick<Journal, "formerAccount">): {
  readonly properties: { readonly description?: string; readonly displayName?: string };
  readonly rights: { readonly principals: readonly string[]; readonly denied: readonly string[]; readonly foreign: [] } | undefined;
} {
  if (!formerAccount || !isBeingRecreated({ formerAccount })) return { properties: {}, rights: undefined };
  const { retrievers = [], denied = [], description, displayName } = formerAccount;
  return {
    properties: { ...(description === undefined ? {} : { description }), ...(displayName === undefined ? {} : { displayName }) },
    rights: { principals: retrievers, denied, foreign: [] },
  };
}

interface Names {
  readonly servicePrincipalNames: readonly string[];
  readonly unmanagedServicePrincipalNames: readonly string[];
  readonly journal: Journal;
}

/** Those of the manifest, and those that an account that is created again had besides, as far as they still are. */
export function namesToHave({ servicePrincipalNames, unmanagedServicePrincipalNames: patterns, journal }: Names): readonly string[] {
  const former = (isBeingRecreated(journal) && journal.formerAccount?.servicePrincipalNames) || [];
  return [...servicePrincipalNames, ...former.filter((name) => patterns.some((pattern) => matchesPattern(pattern, name)))];
}

/** As an access group on record says it. */
export function notIn(isMember: boolean): Pick<RememberedAccessGroup, "member"> {
  return isMember ? {} : { member: false };
}

/** Names are unique in the list: of two groups that had one name, the later is told apart by its objectGUID. */
export function accessGroupsStatus(groups: readonly RememberedAccessGroup[]): AccessGroupsStatus {
  const names = new Set<string>();
  const accessGroups = groups.map(({ name, distinguishedName, objectGUID, member }) => {
    const unique = names.has(name) ? `${name} (${objectGUID})` : name;
    names.add(unique);
    return { name: unique, distinguishedName, objectGUID, ...notIn(member !== false) };
  });
  return accessGroups.length > 0 ? { accessGroups } : {};
}

/** A status with another journal; all else of it stays. */
export function withJournal(status: ServerFarmStatus, journal: Journal, current: Identity | undefined): ServerFarmStatus {
  const { hostGroup: _hostGroup, formerHostGroups: _former, accessGroups: _accessGroups, formerAccount: _account, ...rest } = status;
  return {
    ...rest,
    ...formerAccountStatus(journal.formerAccount),
    ...hostGroupsStatus(journal, current),
    ...accessGroupsStatus(journal.accessGroups),
  };
}

/** Whether the farm as it is now is what the copy shows: what is stale must neither delete nor undo. */
export function isSame(live: ServerFarm, copy: ServerFarm): boolean {
  return sameness(live) === sameness(copy);
}

/** With what its record says that it owns, and whom its entries mean: a copy that lacks some of it would have that made again, or let somebody in. */
function sameness({ metadata: { uid, generation, deletionTimestamp, annotations }, status }: ServerFarm): string {
  const { ownedObjects = [], resolvedHosts, hostSearch } = status ?? {};
  const owned = ownedObjects.map(({ objectGUID }) => objectGUID);
  // An annotation that was taken back must not delete an account any more.
  const recreate = annotations?.[RECREATE_ACCOUNT];
  return JSON.stringify([uid, generation, deletionTimestamp, recreate, readJournal(status), owned, resolvedHosts, hostSearch]);
}

/** Whether all that the entry means now is on record. */
export function isRemembered(
  resolved: ReadonlyMap<string, readonly { readonly objectGUID: string }[]>,
  records: readonly { readonly reference: string; readonly objectGUID: string }[],
  text: string,
): boolean {
  const known = new Set(resolved.get(text)?.map(({ objectGUID }) => objectGUID));
  return records.every(({ reference, objectGUID }) => reference !== text || known.has(objectGUID));
}
