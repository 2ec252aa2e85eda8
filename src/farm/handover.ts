/** Hosts in groups of somebody else that several farms want: what a farm keeps on its record, hands on, or leaves. */
import { type DirectoryObject, isPrimaryGroup } from "../ad/object.ts";
import { isInUseElsewhere, isOnRecord, isPassedOn, othersWanting } from "./sharing.ts";
import { rememberedIds } from "./name-queries.ts";
import { membership } from "./queries.ts";
import { addedMembers, externalHostGroups, type FarmView } from "./view.ts";

/**
 * objectGUIDs of the members of the group that are this farm's to take out, once it does not want them: those that it put in, but for those that another farm
 * has on its record now; and those that it wants and another farm put in. One that an entry means and that cannot be seen now is not forgotten.
 */
export function answeredFor(view: FarmView, group: DirectoryObject): readonly string[] {
  const { desired, observed, hostGroup, hosts } = view;
  const used = hostGroup.kind === "External" && hostGroup.object === group;
  const known = new Set([...observed.computers.map(({ objectGUID }) => objectGUID), ...observed.gone]);
  const meant = new Set(rememberedIds(desired));
  const recorded = desired.journal.hostGroups.find(({ objectGUID }) => objectGUID === group.objectGUID)?.added ?? [];
  const hidden = recorded.filter((objectGUID) => meant.has(objectGUID) && !known.has(objectGUID));
  const stays = (key: string): boolean => used && (hosts.wanted.has(key) || hosts.undecided.has(key));
  const added = addedMembers(view, group);
  const isOthers = isPassedOn(desired, group, [...added.values()]);
  // Whoever nobody can take out each farm keeps out of its own account's list, and so each keeps it on its record.
  const keeps = (computer: DirectoryObject): boolean => !isOthers(computer) || isPrimaryGroup(group, computer);
  const own = [...added].filter(([key, computer]) => stays(key) || keeps(computer));
  const others = used ? [...hosts.wanted.values()].filter(isOnRecord(desired, group)) : [];
  const members = others.filter(membership(view, group));
  return [...new Set([...[...own.map(([, computer]) => computer), ...members].map(({ objectGUID }) => objectGUID), ...hidden])];
}

/**
 * Whether what another farm does next may be something for this one to do: it keeps a host on its record for another, wants one that it has not on record,
 * or waits for a group.
 */
export function waitsForOthers(view: FarmView): boolean {
  const { desired, hostGroup, hosts } = view;
  if (hostGroup.kind === "Blocked" && hostGroup.blocker.reason === "GroupInUse") return true;
  return externalHostGroups(view).some((group) => {
    const used = hostGroup.kind === "External" && hostGroup.object === group;
    const added = addedMembers(view, group);
    const isIn = membership(view, group);
    return (
      [...added].some(([key]) => !used || !hosts.wanted.has(key)) ||
      (used && [...hosts.wanted].some(([key, computer]) => isIn(computer) && !added.has(key))) ||
      isInUseElsewhere(desired, group)
    );
  });
}

/** Hosts that this farm put in and that stay, since another farm wants them and has not got them on its record: nobody takes them out any more. */
export function leftBehind(view: FarmView): readonly { readonly group: DirectoryObject; readonly computers: readonly DirectoryObject[] }[] {
  const { desired } = view;
  return externalHostGroups(view).flatMap((group) => {
    const added = [...addedMembers(view, group).values()];
    const [wanting, isOthers] = [othersWanting(desired, group, added), isPassedOn(desired, group, added)];
    const computers = added.filter((computer) => wanting(computer).length > 0 && !isOthers(computer));
    return computers.length > 0 ? [{ group, computers }] : [];
  });
}
