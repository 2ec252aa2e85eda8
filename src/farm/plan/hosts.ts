/** Who is in the farm's host groups: the one that is used now, and those that were used before. */
import type { Blocker } from "../../api/reasons.ts";
import { type DirectoryObject, isPrimaryGroup } from "../../ad/object.ts";
import type { MemberGroup } from "../../ad/write.ts";
import { sameName } from "../../names/account-name.ts";
import { dnKey } from "../../names/distinguished-name.ts";
import { blockedBy, NOTHING, type Change, type Plan, memberGroup } from "../changes/index.ts";
import { accountsOf } from "../name-queries.ts";
import { memberValues, membership } from "../queries.ts";
import { othersWanting } from "../sharing.ts";
import { type Slot, isAnothers, owned } from "../slot.ts";
import type { ResolvedHosts } from "../looked.ts";
import { addedMembers, externalHostGroups, ownHostGroups, type FarmView } from "../view.ts";

/** Values in one modify: as many hosts as a farm can have, so that a change of any number of them is one write. */
const MEMBERS_PER_WRITE = 5000;

/** The members of the host group that is used now. */
export function planHosts(view: FarmView): Plan {
  const { desired, hostGroup, hosts } = view;
  switch (hostGroup.kind) {
    case "Unwanted":
    case "Adoptable":
      return NOTHING;
    case "Blocked":
      return { ...blockedBy(hostGroup.blocker), changes: hostGroup.frozen ? takeOut(view, hostGroup.frozen, isUnwanted(hosts)) : [] };
    case "Vacant": {
      // Nothing is half made: a group whose account cannot be there would be of no use.
      if (view.account.kind === "Blocked") return NOTHING;
      const { samAccountName, distinguishedName } = desired.hostGroup;
      const members = [...hosts.wanted.values()].map((computer) => computer.distinguishedName).slice(0, MEMBERS_PER_WRITE);
      return { ...NOTHING, changes: [{ kind: "CreateHostGroup", samAccountName, distinguishedName, owner: desired.owner, members }] };
    }
    case "External":
      return planExternalGroup(view, hostGroup);
    case "Own":
      return planOwnGroup(view, hostGroup.object);
  }
}

/** The farm's list is the whole truth: whoever else is in goes. */
function planOwnGroup(view: FarmView, group: DirectoryObject): Plan {
  const { desired, observed, hosts } = view;
  const { wanted, quarantined, undecided } = hosts;
  const members = new Map(group.members.map((member) => [dnKey(member), member]));
  // While a host is not found, a member that cannot be read may be that very host: taking it out could take a farm down.
  const unreadable = new Set(observed.unreadable.map(dnKey));
  const namedOut = new Set(desired.quarantined.filter(({ by }) => by === "distinguishedName").map(({ value }) => dnKey(value)));
  const unclear = (key: string): boolean => unreadable.has(key) && !quarantined.has(key) && !namedOut.has(key);
  const stays = (key: string): boolean => wanted.has(key) || unclear(key) || undecided.has(key) || quarantined.has(key);
  const unwanted = [...members].filter(([key]) => !stays(key)).map(([, member]) => member);
  const kept = [...members].filter(([key]) => !wanted.has(key) && unclear(key)).map(([, member]) => member);
  return {
    changes: changesOfMembers(owned(group, desired.owner), absentFrom(view, group), unwanted),
    later: [],
    blockers: [...kept.map(unreadableMember), ...(group.securityEnabled ? [] : [distributionGroup(group)])],
  };
}

function unreadableMember(member: string): Blocker {
  return {
    reason: "AccessDenied",
    part: "Hosts",
    message: `the member ${member} cannot be read and may be one of the hosts that were not found, so it stays: grant the operator's account Read Property on it.`,
  };
}

function distributionGroup({ distinguishedName }: DirectoryObject): Blocker {
  return {
    reason: "Rejected",
    part: "Hosts",
    message: `${distinguishedName} is a distribution group, which gives no rights: make it a security group again (Set-ADGroup -GroupCategory Security).`,
  };
}

/** Only members that this farm added are ever removed; and not while another farm wants them there. */
function planExternalGroup(view: FarmView, { object, group }: Extract<Slot, { kind: "External" }>): Plan {
  const { desired, hosts } = view;
  const unwanted = ownToTakeOut(view, object, isUnwanted(hosts));
  const { objectGUID, distinguishedName, name } = group;
  const added = [...addedMembers(view, object).values()].map((computer) => computer.objectGUID);
  // The farm's own until now: what it owns it may delete one day, so the marker goes, and it remembers whom it put in.
  const release: readonly Change[] =
    object.owner === desired.owner
      ? [
          {
            kind: "Release",
            object: owned(object, desired.owner),
            because: DECLARED,
            remembered: { objectGUID, distinguishedName, name, added },
          },
        ]
      : [];
  return { ...NOTHING, changes: [...release, ...changesOfMembers(group, absentFrom(view, object), unwanted)] };
}

/** Whoever is quarantined goes with a change of its own. */
function isUnwanted({ wanted, undecided, quarantined }: ResolvedHosts): (key: string) => boolean {
  return (key) => !wanted.has(key) && !undecided.has(key) && !quarantined.has(key);
}

/** Why a group of the farm's own is given up. */
export const DECLARED = "the farm declares it externally managed (existing: true)";

/**
 * A compromised host goes before anything else, out of every group that is the farm's to take it out of, and in a write of its own that no
 * other host's trouble can fail.
 */
export function planQuarantine(view: FarmView): Plan {
  return planTakingOut(view, view.hosts.quarantined);
}

/** `computers`: by the keys of their distinguished names. */
export function planTakingOut(view: FarmView, computers: ReadonlyMap<string, DirectoryObject>): Plan {
  if (computers.size === 0) return NOTHING;
  const external = externalHostGroups(view);
  const own = ownHostGroups(view).filter((object) => !external.includes(object));
  return {
    ...NOTHING,
    changes: [
      ...own.flatMap((object) => {
        const out = object.members.filter((member) => computers.has(dnKey(member)));
        return changesOfMembers(owned(object, view.desired.owner), [], out);
      }),
      ...external.flatMap((object) => takeOut(view, object, (key) => computers.has(key))),
    ],
  };
}

/** Groups that were used before go, or lose what the farm put in, once the account does not name them any more. */
export function planFormerGroups(view: FarmView): Plan {
  const own = view.account.kind === "Own" ? former(view, ownHostGroups(view)).filter((group) => !isNamed(view, group)) : [];
  const external = externalHostGroups(view).filter((group) => group !== usedGroup(view));
  if (own.length === 0 && external.length === 0) return NOTHING;
  const computers = new Set(view.observed.computers.map(({ distinguishedName }) => dnKey(distinguishedName)));
  const done = new Set(view.account.kind === "Own" ? former(view, external) : external);
  // Other farms may use it: whoever is not wanted goes, whatever else is not decided yet.
  const isOut = (group: DirectoryObject): ((key: string) => boolean) =>
    done.has(group) && !isNamed(view, group) ? () => true : isUnwanted(view.hosts);
  return {
    ...NOTHING,
    changes: [
      ...own.map((group) =>
        endOfHostGroup(
          view,
          group,
          group.members.filter((member) => !computers.has(dnKey(member))),
        ),
      ),
      ...external.flatMap((group) => takeOut(view, group, isOut(group))),
    ],
  };
}

/** Whether an account may name the group, so that its members have the right: also one that cannot be read, or seen on this server yet. */
function isNamed({ desired, observed }: FarmView, { objectSID }: DirectoryObject): boolean {
  const accounts = accountsOf(desired, observed.objects);
  const names = ({ retrievers }: DirectoryObject): boolean =>
    retrievers === undefined || (objectSID !== undefined && retrievers.principals.includes(objectSID));
  return observed.missing.length > 0 || accounts.some(names);
}

/** The group of somebody else that is the host group, or was until it might not be any more. */
function usedGroup({ hostGroup }: FarmView): DirectoryObject | undefined {
  if (hostGroup.kind === "Blocked") return hostGroup.frozen;
  return "object" in hostGroup ? hostGroup.object : undefined;
}

/** Of these groups those that are not used any more. */
function former({ hostGroup }: FarmView, groups: readonly DirectoryObject[]): readonly DirectoryObject[] {
  // While the slot is blocked it is not known what will be the host group; until then everything stays.
  if (hostGroup.kind === "Blocked" || hostGroup.kind === "Vacant" || hostGroup.kind === "Adoptable") return [];
  return groups.filter((object) => !("object" in hostGroup) || object.objectGUID !== hostGroup.object.objectGUID);
}

/** How many, and not who: whoever reads of the farm need not know them. */
export function strangersIn(count: number): string {
  return `it has ${count} ${count === 1 ? "member" : "members"} that this farm did not add`;
}

/** An owned host group goes; one with members that the farm did not put in stays, without its marker, and so does one that is a primary group. */
export function endOfHostGroup({ desired, observed }: FarmView, group: DirectoryObject, strangers: readonly string[]): Change {
  const object = owned(group, desired.owner);
  const users = observed.primaryMembers.filter((member) => isPrimaryGroup(group, member));
  const [{ primaryGroupID } = {}] = users;
  if (primaryGroupID !== undefined) {
    // How many, and how an administrator finds them, and not who.
    const many = users.length === 1 ? "1 object" : `${users.length} objects`;
    const because = `it is the primary group of ${many} (Get-ADObject -LDAPFilter '(primaryGroupID=${primaryGroupID})'), and Active Directory does not delete a primary group: change their primary group, then delete it`;
    return { kind: "Release", object, because };
  }
  return strangers.length === 0 ? { kind: "DeleteHostGroup", object } : { kind: "Release", object, because: strangersIn(strangers.length) };
}

/** Members that this farm put into a group of somebody else, but for those that other farms want there. */
export function takeOut(view: FarmView, group: DirectoryObject, isOut: (key: string) => boolean = () => true): readonly Change[] {
  if (group.protection !== undefined || isAnothers(group, view.desired)) return [];
  return changesOfMembers(externalGroup(view, group), [], ownToTakeOut(view, group, isOut));
}

/** Distinguished names. Whoever is in by its primary group nobody can take out; it stays on record until it can be. */
function ownToTakeOut(view: FarmView, group: DirectoryObject, isOut: (key: string) => boolean): readonly string[] {
  const added = addedMembers(view, group);
  const wanting = othersWanting(view.desired, group, [...added.values()]);
  const isNamed = memberValues(view, group);
  return [...added]
    .filter(([key, computer]) => isOut(key) && isNamed(computer) && wanting(computer).length === 0)
    .map(([, { distinguishedName }]) => distinguishedName);
}

function externalGroup({ desired }: FarmView, object: DirectoryObject): MemberGroup {
  const name = desired.journal.hostGroups.find(({ objectGUID }) => objectGUID === object.objectGUID)?.name;
  return memberGroup(desired, object, name);
}

/** The wanted hosts that are no members yet, in whatever way: distinguished names. */
function absentFrom(view: FarmView, group: DirectoryObject): readonly string[] {
  const isIn = membership(view, group);
  return [...view.hosts.wanted.values()].filter((computer) => !isIn(computer)).map(({ distinguishedName }) => distinguishedName);
}

/** In as few writes as the directory takes. */
function changesOfMembers(object: MemberGroup, add: readonly string[], remove: readonly string[]): readonly Change[] {
  const steps = [...remove.map((value) => ({ value, in: false })), ...add.map((value) => ({ value, in: true }))];
  return Array.from({ length: Math.ceil(steps.length / MEMBERS_PER_WRITE) }, (_, index) => {
    const some = steps.slice(index * MEMBERS_PER_WRITE, (index + 1) * MEMBERS_PER_WRITE);
    const values = (member: boolean): readonly string[] => some.filter((step) => step.in === member).map(({ value }) => value);
    return { kind: "ChangeHosts" as const, object, add: values(true), remove: values(false) };
  });
}

/** hosts.group.name changed: the group is renamed rather than made anew, since a new SID would ask every host for a restart. */
export function planNameOfHostGroup({ desired: { hostGroup, owner }, observed, hostGroup: slot }: FarmView): Plan {
  const isNamedSo = ({ samAccountName }: DirectoryObject): boolean => sameName(samAccountName, hostGroup.samAccountName);
  if (slot.kind !== "Own" || isNamedSo(slot.object)) return NOTHING;
  const other = observed.objects.find(isNamedSo);
  if (!other) {
    const object = owned(slot.object, owner);
    return { ...NOTHING, changes: [{ kind: "RenameHostGroup", object, samAccountName: hostGroup.samAccountName }] };
  }
  const message = `${other.distinguishedName} has the name ${hostGroup.samAccountName}, so the host group keeps its present name, ${slot.object.samAccountName}: choose another hosts.group.name.`;
  return blockedBy({ reason: "ObjectExists", part: "Hosts", message });
}
