/** What of a farm stands in groups: its host group, those that it used before, and which of their members are the farm's to take out. */
import type { DesiredFarm, SharingFarm } from "./desired.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { isGroup, type DirectoryObject, type ObservedFarm } from "../ad/object.ts";
import { isAccessGroup, placeOfHostGroup, type Place } from "./slot.ts";
import { isWantedBy, resolveHosts } from "./resolve-hosts.ts";

/** Groups of the farm's own that are, or were, its host group. */
export function ownHostGroups(desired: DesiredFarm, observed: ObservedFarm): readonly DirectoryObject[] {
  return observed.objects.filter(
    (object) => isGroup(object) && object.owner === desired.owner && object.protection === undefined && !isAccessGroup(desired, object),
  );
}

/** Groups of somebody else that the farm put hosts into, and those that it says it uses now. */
export function existingHostGroups({ memory, owner }: DesiredFarm, observed: ObservedFarm, current: Place): readonly DirectoryObject[] {
  const remembered = new Set(memory.hostGroups.filter(({ added }) => added.length > 0).map(({ objectGUID }) => objectGUID));
  const used = current.kind === "Existing" ? current.object : undefined;
  return observed.objects.filter(
    (object) => object === used || (remembered.has(object.objectGUID) && object.protection === undefined && object.owner !== owner),
  );
}

/** Of these groups those that are not used any more. */
export function former(groups: readonly DirectoryObject[], current: Place): readonly DirectoryObject[] {
  // While the place is taken it is not known what will be the host group; until then everything stays.
  if (current.kind === "Taken" || current.kind === "Free" || current.kind === "Adoptable") return [];
  return groups.filter((object) => !("object" in current) || object.objectGUID !== current.object.objectGUID);
}

/** The members of an existing group that this farm put in, by the keys of their distinguished names. */
export function addedMembers(desired: DesiredFarm, observed: ObservedFarm, group: DirectoryObject): ReadonlyMap<string, DirectoryObject> {
  const members = new Set(group.members.map(dnKey));
  const remembered = desired.memory.hostGroups.find(({ objectGUID }) => objectGUID === group.objectGUID);
  const added = new Set(remembered?.added);
  // A group that was the farm's own until a moment ago: whoever is in it the farm has put in.
  const all = !remembered && group.owner === desired.owner;
  return new Map(
    observed.computers
      .filter(({ objectGUID }) => all || added.has(objectGUID))
      .map((computer) => [dnKey(computer.distinguishedName), computer] as const)
      .filter(([key]) => members.has(key)),
  );
}

/** The farms that want the computer to stay in the group, whatever this one does. */
export function othersWanting({ sharing }: DesiredFarm, group: DirectoryObject, computer: DirectoryObject): readonly SharingFarm[] {
  return sharing.filter(
    (other) =>
      (other.objectGUID === group.objectGUID || other.groupName === group.samAccountName?.toLowerCase()) && isWantedBy(other, computer),
  );
}

/** A group whose members another farm is to answer for from now on. */
export interface HandOver {
  readonly farm: string;
  readonly objectGUID: string;
  readonly distinguishedName: string;
  /** objectGUIDs of the computers. */
  readonly added: readonly string[];
}

/** Members that this farm put in and does not want any more, while others do: they stay, without a gap, and are the others' to take out. */
export function handOvers(desired: DesiredFarm, observed: ObservedFarm): readonly HandOver[] {
  const current = placeOfHostGroup(desired, observed);
  const { wanted, undecided } = resolveHosts(desired, observed);
  const found = new Map<string, HandOver>();
  for (const { objectGUID } of desired.memory.hostGroups) {
    const group = observed.objects.find((object) => object.objectGUID === objectGUID);
    if (!group) continue;
    const used = current.kind === "Existing" && current.object === group;
    for (const [key, computer] of addedMembers(desired, observed, group)) {
      const [heir] = used && (wanted.has(key) || undecided.has(key)) ? [] : othersWanting(desired, group, computer);
      if (!heir) continue;
      const id = `${heir.key} ${objectGUID}`;
      const { distinguishedName } = group;
      found.set(id, { farm: heir.key, objectGUID, distinguishedName, added: [...(found.get(id)?.added ?? []), computer.objectGUID] });
    }
  }
  return [...found.values()];
}
