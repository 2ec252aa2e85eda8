/** Members of groups: hosts of host groups, and the account in its access groups. */
import type { MemberGroup, Modification, Write } from "../../ad/write.ts";
import type { Journal } from "../journal.ts";
import { hostEvents, hostLines, splitValues, type ChangeEntry, type HostDelta } from "./entry.ts";

interface HostsChange extends HostDelta {
  readonly object: MemberGroup;
  /** Distinguished names. */
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

function changeMembers(object: MemberGroup, { add, remove }: HostDelta): Write {
  const modifications: Modification[] = [];
  if (remove.length > 0) modifications.push(["delete", "member", remove]);
  if (add.length > 0) modifications.push(["add", "member", add]);
  return { kind: "Modify", object, modifications };
}

export const changeHosts: ChangeEntry<HostsChange> = {
  part: () => "Hosts",
  describe: (change) => hostLines(change, change.object.distinguishedName),
  events: (change, context) => hostEvents(change, "after a restart, or after klist -li 0x3e7 purge", context),
  write: (change) => changeMembers(change.object, change),
  /** Whoever is put into a group of somebody else, which is then the latest; taking a member out needs no record of it. */
  journal: ({ object, add }, journal, guidOf): Journal => {
    if (object.owner !== undefined || add.length === 0) return journal;
    const { objectGUID, distinguishedName, name } = object;
    const known = journal.hostGroups.find((group) => group.objectGUID === objectGUID);
    const added = [...new Set([...(known?.added ?? []), ...add.flatMap((dn) => guidOf(dn) ?? [])])];
    const group = { objectGUID, distinguishedName, name: name ?? known?.name, added };
    return { ...journal, hostGroups: [group, ...journal.hostGroups.filter((other) => other !== known)] };
  },
  split: splitValues,
};

interface AccessGroupChange {
  readonly object: MemberGroup;
  /** The account. */
  readonly member: string;
}

export const joinAccessGroup: ChangeEntry<AccessGroupChange & { /** As the farm names the group. */ readonly name: string }> = {
  part: () => "AccessGroups",
  describe: ({ kind, object: { distinguishedName }, member }) => [{ change: kind, object: distinguishedName, value: member }],
  events: ({ object: { distinguishedName } }, context) => [
    context.say("AccessGroupJoined", `${context.account} is a member of ${distinguishedName} from its next logon on: restart its services`),
  ],
  write: ({ object, member }) => changeMembers(object, { add: [member], remove: [] }),
  journal: ({ object: { objectGUID, distinguishedName }, name }, journal) => ({
    ...journal,
    accessGroups: [...journal.accessGroups.filter((other) => other.objectGUID !== objectGUID), { name, objectGUID, distinguishedName }],
  }),
};

export const leaveAccessGroup: ChangeEntry<AccessGroupChange> = {
  part: () => "AccessGroups",
  describe: ({ kind, object: { distinguishedName }, member }) => [{ change: kind, object: distinguishedName, value: member }],
  events: ({ object: { distinguishedName } }, context) => [
    context.say("AccessGroupLeft", `${context.account} is no longer a member of ${distinguishedName}`),
  ],
  write: ({ object, member }) => changeMembers(object, { add: [], remove: [member] }),
};
