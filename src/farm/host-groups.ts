/** Who is in the groups that give a farm's hosts their right: the groups, and their members by value and by primary group. */
import { isGroup, type DirectoryObject } from "../ad/object.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { relativeId } from "../names/identifier.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { ObservedFarm } from "./observed.ts";
import { othersWanting } from "./sharing.ts";
import { isAccessGroup, isAnothers, type Slot } from "./slot.ts";

/** What is known before the hosts are. */
export interface Looked {
  readonly desired: DesiredFarm;
  readonly observed: ObservedFarm;
  readonly account: Slot;
  readonly hostGroup: Slot;
}

/** Whether one of the farm's computers is a direct member of a host group, in whatever way: by a member value, or by its primary group. */
export function membership(view: Pick<Looked, "observed">, group: DirectoryObject): (computer: DirectoryObject) => boolean {
  const isNamed = memberValues(view, group);
  const byPrimary = new Set(
    view.observed.primaryMembers.filter((object) => isPrimaryGroup(group, object)).map(({ objectGUID }) => objectGUID),
  );
  return (computer) => isNamed(computer) || byPrimary.has(computer.objectGUID) || isPrimaryGroup(group, computer);
}

/**
 * Whether the group names one of the farm's computers as a member, and could be made to name it no more. Of the farm's own groups all members are known,
 * and of others only its own computers.
 */
export function memberValues({ observed }: Pick<Looked, "observed">, group: DirectoryObject): (computer: DirectoryObject) => boolean {
  const among = observed.membersAmong.get(group.objectGUID);
  const members = new Set(group.members.map(dnKey));
  return ({ objectGUID, distinguishedName }) => among?.has(objectGUID) === true || members.has(dnKey(distinguishedName));
}

/** Whether the group is the object's primary group. */
export function isPrimaryGroup({ objectSID }: DirectoryObject, { primaryGroupID }: Pick<DirectoryObject, "primaryGroupID">): boolean {
  return objectSID !== undefined && primaryGroupID !== undefined && relativeId(objectSID) === primaryGroupID;
}

/** Groups of the farm's own that are, or were, its host group. */
export function ownHostGroups({ desired, observed }: Pick<Looked, "desired" | "observed">): readonly DirectoryObject[] {
  return observed.objects.filter(
    (object) => isGroup(object) && object.owner === desired.owner && object.protection === undefined && !isAccessGroup(desired, object),
  );
}

/** Groups of somebody else that the farm put hosts into, and those that it says it uses now. */
export function externalHostGroups({
  desired,
  observed,
  hostGroup,
}: Pick<Looked, "desired" | "observed" | "hostGroup">): readonly DirectoryObject[] {
  const { journal, owner } = desired;
  const remembered = new Set(journal.hostGroups.filter(({ added }) => added.length > 0).map(({ objectGUID }) => objectGUID));
  const used = hostGroup.kind === "External" ? hostGroup.object : undefined;
  return observed.objects.filter(
    (object) =>
      object === used ||
      (remembered.has(object.objectGUID) &&
        isGroup(object) &&
        object.protection === undefined &&
        object.owner !== owner &&
        !isAnothers(object, desired)),
  );
}

/** The members of a group of somebody else that this farm put in, by the keys of their distinguished names. */
export function addedMembers(view: Pick<Looked, "desired" | "observed">, group: DirectoryObject): ReadonlyMap<string, DirectoryObject> {
  const { desired, observed } = view;
  const remembered = desired.journal.hostGroups.find(({ objectGUID }) => objectGUID === group.objectGUID);
  // A group that was the farm's own until a moment ago: whoever is in it the farm has put in.
  const all = !remembered && group.owner === desired.owner;
  if (!all && !remembered) return new Map();
  const isIn = membership(view, group);
  const added = new Set(remembered?.added);
  return new Map(
    observed.computers
      .filter((computer) => (all || added.has(computer.objectGUID)) && isIn(computer))
      .map((computer) => [dnKey(computer.distinguishedName), computer] as const),
  );
}

/** Whether an account is a direct member of a group: asked of its own memberOf, since a group may have very many members, and of its primary group. */
export function groupsOf(account: Pick<DirectoryObject, "memberOf" | "primaryGroupID">): (group: DirectoryObject) => boolean {
  const keys = new Set(account.memberOf.map(dnKey));
  return (group) => keys.has(dnKey(group.distinguishedName)) || isPrimaryGroup(group, account);
}

/** Somebody who has the right by a primary group and should not have it: Active Directory takes nobody out of that, so the account's list keeps it out. */
export interface PrimaryStranger {
  readonly object: DirectoryObject;
  readonly group: DirectoryObject;
}

/** In groups of the farm's own whoever should not be in; in groups of somebody else whom this farm put in. `stays`: keys of those who keep the right. */
export function primaryStrangers(view: Looked, stays: (key: string) => boolean): readonly PrimaryStranger[] {
  const { desired, observed } = view;
  const isOut = ({ distinguishedName }: DirectoryObject): boolean => !stays(dnKey(distinguishedName));
  const own = observed.primaryMembers.filter(isOut).flatMap((object): readonly PrimaryStranger[] => {
    const group = observed.objects.find((one) => isGroup(one) && one.owner === desired.owner && isPrimaryGroup(one, object));
    return group ? [{ object, group }] : [];
  });
  const external = externalHostGroups(view).filter((group) => group.owner !== desired.owner && mayGiveRight(view, group));
  const others = external.flatMap((group): readonly PrimaryStranger[] => {
    const wanting = othersWanting(desired, group);
    const put = [...addedMembers(view, group).values()];
    return put
      .filter((object) => isOut(object) && isPrimaryGroup(group, object) && wanting(object).length === 0)
      .map((object) => ({ object, group }));
  });
  return [...own, ...others];
}

/** Whether the account's list names the group, or will. */
function mayGiveRight({ account, hostGroup }: Looked, { objectGUID, objectSID = "" }: DirectoryObject): boolean {
  const used = hostGroup.kind === "External" && hostGroup.object.objectGUID === objectGUID;
  return used || (account.kind === "Own" && account.object.retrievers?.principals.includes(objectSID) === true);
}
