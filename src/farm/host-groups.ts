/** The groups that farms put their hosts into: which they are, whom the farm put in, and who is in without being let in. */
import { isGroup, isPrimaryGroup, type DirectoryObject } from "../ad/object.ts";
import { dnKey } from "../names/distinguished-name.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { ObservedFarm } from "./observed.ts";
import { membership } from "./queries.ts";
import { othersWanting } from "./sharing.ts";
import { isAccessGroup, isAnothers, type Slot } from "./slot.ts";

/** What is known before the hosts are. */
export interface Looked {
  readonly desired: DesiredFarm;
  readonly observed: ObservedFarm;
  readonly account: Slot;
  readonly hostGroup: Slot;
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
