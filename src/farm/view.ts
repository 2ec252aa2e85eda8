/** One farm at one look: desired and observed, and what follows from both. Computed once, and handed to every planner and to the status. */
import { isGroup, isPrimaryGroup, type DirectoryObject } from "../ad/object.ts";
import { dnKey } from "../names/distinguished-name.ts";
import type { DesiredFarm, DesiredGroup } from "./desired-farm.ts";
import { HostResolver } from "./host-resolver.ts";
import type { Looked, PrimaryStranger, ResolvedHosts } from "./looked.ts";
import type { ObservedFarm } from "./observed.ts";
import { membership } from "./queries.ts";
import { othersWanting } from "./sharing.ts";
import { isAccessGroup, isAnothers, type Slot, slotOfAccessGroup, slotOfAccount, slotOfHostGroup } from "./slot.ts";

export interface FarmView extends Looked {
  readonly accessGroups: readonly { readonly wanted: DesiredGroup; readonly slot: Slot }[];
  readonly hosts: ResolvedHosts;
}

export function viewOf(desired: DesiredFarm, observed: ObservedFarm): FarmView {
  const looked = { desired, observed, account: slotOfAccount(desired, observed), hostGroup: slotOfHostGroup(desired, observed) };
  return {
    ...looked,
    accessGroups: desired.accessGroups.map((wanted) => ({ wanted, slot: slotOfAccessGroup(desired, observed, wanted) })),
    hosts: resolveHosts(looked),
  };
}

/** The computers that the farm names; what cannot be found keeps only itself out. */
function resolveHosts(looked: Looked): ResolvedHosts {
  const { desired } = looked;
  const resolver = new HostResolver(looked);
  for (const reference of desired.quarantined) resolver.quarantine(reference);
  for (const reference of desired.hosts) resolver.want(reference);
  resolver.hostAccount();
  resolver.search();
  return resolver.result((stays) => primaryStrangers(looked, stays));
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
    if (!observed.computers.some((computer) => isPrimaryGroup(group, computer))) return [];
    const wanting = othersWanting(desired, group);
    return [...addedMembers(view, group).values()]
      .filter((object) => isPrimaryGroup(group, object) && isOut(object) && wanting(object).length === 0)
      .map((object) => ({ object, group }));
  });
  return [...own, ...others];
}

/** Whether the account's list names the group, or will. */
function mayGiveRight({ account, hostGroup }: Looked, { objectGUID, objectSID = "" }: DirectoryObject): boolean {
  const used = hostGroup.kind === "External" && hostGroup.object.objectGUID === objectGUID;
  return used || (account.kind === "Own" && account.object.retrievers?.principals.includes(objectSID) === true);
}
