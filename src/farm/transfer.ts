/** Hosts in a group of somebody else for which another farm is to answer from now on. */
import { addedMembers, othersWanting, type FarmView } from "./view.ts";

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
