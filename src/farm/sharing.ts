/** Farms that use one group of somebody else: who wants whom there, and who answers for whom. */
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import type { DirectoryObject } from "../ad/object.ts";
import { foldName, sameName } from "../names/account-name.ts";
import { keysOfHost, lookupKey } from "../names/lookup-key.ts";
import { parseHostReferences } from "./desired.ts";
import type { HostReference, SharingFarm } from "./desired-farm.ts";
import { addedMembers, type FarmView } from "./view.ts";

/** The farm as others that share its existing host group see it; undefined for one that has none, or wants nothing any more. */
export function sharingFarm({ metadata, spec, status }: ServerFarm, baseDN: string): SharingFarm | undefined {
  const { grant, group, computers, quarantined } = spec.hosts;
  if (metadata.deletionTimestamp !== undefined || grant !== "Group" || group?.existing !== true) return undefined;
  const references = (texts: readonly string[]): readonly HostReference[] => parseHostReferences(texts, baseDN, () => undefined);
  return {
    key: keyOf(metadata),
    groupName: foldName(group.name ?? `${spec.account.name ?? metadata.name}Hosts`),
    objectGUID: status?.hostGroup?.objectGUID,
    hosts: references(computers),
    quarantined: references(quarantined),
  };
}

/** Whether a farm that shares a group wants the computer in it. */
export function isWantedBy({ hosts, quarantined }: SharingFarm, computer: DirectoryObject): boolean {
  const keys = new Set(keysOfHost(computer));
  const means = ({ by, value }: HostReference): boolean => keys.has(lookupKey(by, value));
  return hosts.some(means) && !quarantined.some(means);
}

/** The farms that want the computer to stay in the group, whatever this one does. */
export function othersWanting({ desired }: FarmView, group: DirectoryObject, computer: DirectoryObject): readonly SharingFarm[] {
  return desired.sharing.filter(
    (other) => (other.objectGUID === group.objectGUID || sameName(other.groupName, group.samAccountName)) && isWantedBy(other, computer),
  );
}

export interface Transfer {
  /** Key of the farm that is to answer for them. */
  readonly recipient: string;
  /** The group. */
  readonly objectGUID: string;
  readonly distinguishedName: string;
  /** objectGUIDs of the computers. */
  readonly added: readonly string[];
}

/** Members that this farm put in and does not want any more, while others do: they stay, without a gap, and are the others' to take out. */
export function transfersOf(view: FarmView): readonly Transfer[] {
  const { desired, observed, hostGroup, hosts } = view;
  const found = new Map<string, Transfer>();
  for (const { objectGUID } of desired.journal.hostGroups) {
    const group = observed.objects.find((object) => object.objectGUID === objectGUID);
    if (!group) continue;
    const used = hostGroup.kind === "External" && hostGroup.object === group;
    for (const [key, computer] of addedMembers(view, group)) {
      const [recipient] = used && (hosts.wanted.has(key) || hosts.undecided.has(key)) ? [] : othersWanting(view, group, computer);
      if (!recipient) continue;
      const id = `${recipient.key} ${objectGUID}`;
      const { distinguishedName } = group;
      const added = [...(found.get(id)?.added ?? []), computer.objectGUID];
      found.set(id, { recipient: recipient.key, objectGUID, distinguishedName, added });
    }
  }
  return [...found.values()];
}

/** The status of a farm that is to answer for further members of a group. */
export function withTransfer(
  status: ServerFarmStatus = { observedGeneration: -1 },
  { objectGUID, distinguishedName, added }: Transfer,
): ServerFarmStatus {
  const { hostGroup, formerHostGroups = [] } = status;
  const union = (before: readonly string[] = []): readonly string[] => [...new Set([...before, ...added])];
  if (hostGroup?.objectGUID === objectGUID) return { ...status, hostGroup: { ...hostGroup, added: union(hostGroup.added) } };
  const known = formerHostGroups.find((group) => group.objectGUID === objectGUID);
  const group = { objectGUID, distinguishedName, added: union(known?.added) };
  return { ...status, formerHostGroups: [...formerHostGroups.filter((other) => other !== known), group] };
}
