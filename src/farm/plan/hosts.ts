import type { Blocker } from "../../api/reasons.ts";
import type { Change, MemberGroup, Plan } from "../changes/index.ts";
import type { DesiredFarm, HostReference } from "../desired.ts";
import { dnKey } from "../../names/distinguished-name.ts";
import { addedMembers, existingHostGroups, former, othersWanting, ownHostGroups } from "../host-group.ts";
import type { DirectoryObject, ObservedFarm } from "../../ad/object.ts";
import { owned, type Place } from "../slot.ts";
import type { ResolvedHosts } from "../resolve-hosts.ts";

/** Values in one modify: as many hosts as a farm can have, so that a change of any number of them is one write. */
const MEMBERS_A_WRITE = 5000;

/** The members of the host group that is used now. */
export function planHosts(desired: DesiredFarm, observed: ObservedFarm, group: Place, hosts: ResolvedHosts): Plan {
  switch (group.kind) {
    case "Unwanted":
    case "Adoptable":
      return { changes: [], blockers: [] };
    case "Taken":
      return { changes: [], blockers: [group.blocker] };
    case "Free": {
      const { samAccountName, distinguishedName } = desired.hostGroup;
      const members = [...hosts.wanted.values()].map((computer) => computer.distinguishedName);
      const create: Change = {
        kind: "CreateHostGroup",
        samAccountName,
        distinguishedName,
        owner: desired.owner,
        members: members.slice(0, MEMBERS_A_WRITE),
      };
      return { changes: [create], blockers: [] };
    }
    case "Existing":
      return planExistingGroup(desired, observed, group, hosts);
    case "Own":
      return planOwnGroup(desired, observed, group.object, hosts);
  }
}

/** The farm's list is the whole truth: whoever else is in goes. */
function planOwnGroup(desired: DesiredFarm, observed: ObservedFarm, group: DirectoryObject, hosts: ResolvedHosts): Plan {
  const { wanted, quarantined, undecided } = hosts;
  const members = new Map(group.members.map((member) => [dnKey(member), member]));
  // While a host is not found, a member that cannot be read may be that very host: taking it out could take a farm down.
  const unreadable = new Set(observed.unreadable.map(dnKey));
  const unclear = (key: string): boolean => unreadable.has(key) && !quarantined.has(key) && !named(desired.quarantined, key);
  const stays = (key: string): boolean => wanted.has(key) || unclear(key) || undecided.has(key) || quarantined.has(key);
  const unwanted = [...members].filter(([key]) => !stays(key)).map(([, member]) => member);
  return {
    changes: changesOfMembers(owned(group, desired.owner), missing(members, wanted), unwanted),
    blockers: [
      ...[...members]
        .filter(([key]) => !wanted.has(key) && unclear(key))
        .map(([, member]): Blocker => ({
          reason: "AccessDenied",
          part: "Hosts",
          message: `the member ${member} cannot be read and may be one of the hosts that were not found, so it stays: give the operator's account Read Property on it.`,
        })),
      ...(group.securityEnabled
        ? []
        : [
            {
              reason: "Rejected" as const,
              part: "Hosts" as const,
              message: `${group.distinguishedName} is a distribution group, which gives no rights: make it a security group again (Set-ADGroup -GroupCategory Security).`,
            },
          ]),
    ],
  };
}

/** Only members that this farm added are ever removed; and not while another farm wants them there. */
function planExistingGroup(
  desired: DesiredFarm,
  observed: ObservedFarm,
  { object, group }: Extract<Place, { kind: "Existing" }>,
  { wanted, quarantined, undecided }: ResolvedHosts,
): Plan {
  const members = new Map(object.members.map((member) => [dnKey(member), member]));
  const unwanted = [...addedMembers(desired, observed, object)]
    .filter(
      ([key, computer]) =>
        !wanted.has(key) && !undecided.has(key) && !quarantined.has(key) && othersWanting(desired, object, computer).length === 0,
    )
    .map(([, { distinguishedName }]) => distinguishedName);
  const added = addedMembers(desired, observed, object);
  const { objectGUID, distinguishedName, name } = group;
  // The farm's own until now: what it owns it may delete one day, so the marker goes, and it remembers whom it put in.
  const release: readonly Change[] =
    object.owner === desired.owner
      ? [
          {
            kind: "Release",
            object: owned(object, desired.owner),
            because: DECLARED,
            remembered: { objectGUID, distinguishedName, name, added: [...added.values()].map((computer) => computer.objectGUID) },
          },
        ]
      : [];
  return { changes: [...release, ...changesOfMembers(group, missing(members, wanted), unwanted)], blockers: [] };
}

/** Why a group of the farm's own is given up. */
export const DECLARED = "the farm says that it is somebody else's (existing: true)";

/**
 * A compromised host goes before anything else, out of every group that is the farm's to take it out of, and in a write of its own that no
 * other host's trouble can fail.
 */
export function planQuarantine(
  desired: DesiredFarm,
  observed: ObservedFarm,
  group: Place,
  { quarantined }: ResolvedHosts,
): readonly Change[] {
  if (quarantined.size === 0) return [];
  const existing = existingHostGroups(desired, observed, group);
  return [
    ...ownHostGroups(desired, observed)
      .filter((object) => !existing.includes(object))
      .flatMap((object) =>
        changesOfMembers(
          owned(object, desired.owner),
          [],
          object.members.filter((member) => quarantined.has(dnKey(member))),
        ),
      ),
    ...existing.flatMap((object) => {
      const out = [...addedMembers(desired, observed, object)].filter(
        ([key, computer]) => quarantined.has(key) && othersWanting(desired, object, computer).length === 0,
      );
      return changesOfMembers(
        existingGroup(desired, object),
        [],
        out.map(([, { distinguishedName }]) => distinguishedName),
      );
    }),
  ];
}

/** Groups that were used before go, or lose what the farm put in, once the account does not name them any more. */
export function planFormerGroups(desired: DesiredFarm, observed: ObservedFarm, account: Place, group: Place): readonly Change[] {
  if (account.kind !== "Own") return [];
  const named = new Set(account.object.retrievers?.principals);
  const left = ({ objectSID }: DirectoryObject): boolean => objectSID === undefined || !named.has(objectSID);
  const computers = new Set(observed.computers.map(({ distinguishedName }) => dnKey(distinguishedName)));
  return [
    ...former(ownHostGroups(desired, observed), group)
      .filter(left)
      .map((object): Change => {
        const strangers = object.members.filter((member) => !computers.has(dnKey(member)));
        return strangers.length === 0
          ? { kind: "DeleteHostGroup", object: owned(object, desired.owner) }
          : {
              kind: "Release",
              object: owned(object, desired.owner),
              because: `it has members that this farm did not put in: ${strangers.join("; ")}`,
            };
      }),
    ...former(existingHostGroups(desired, observed, group), group)
      .filter(left)
      .flatMap((object) => {
        const out = [...addedMembers(desired, observed, object).values()].filter(
          (computer) => othersWanting(desired, object, computer).length === 0,
        );
        return changesOfMembers(
          existingGroup(desired, object),
          [],
          out.map(({ distinguishedName }) => distinguishedName),
        );
      }),
  ];
}

export function existingGroup({ memory }: DesiredFarm, { distinguishedName, objectGUID }: DirectoryObject): MemberGroup {
  const name = memory.hostGroups.find((group) => group.objectGUID === objectGUID)?.name;
  return { distinguishedName, objectGUID, owner: undefined, name };
}

function missing(members: ReadonlyMap<string, string>, wanted: ResolvedHosts["wanted"]): readonly string[] {
  return [...wanted].filter(([key]) => !members.has(key)).map(([, { distinguishedName }]) => distinguishedName);
}

/** In as few writes as the directory takes. */
export function changesOfMembers(object: MemberGroup, add: readonly string[], remove: readonly string[]): readonly Change[] {
  const steps = [...remove.map((value) => ({ value, in: false })), ...add.map((value) => ({ value, in: true }))];
  return Array.from({ length: Math.ceil(steps.length / MEMBERS_A_WRITE) }, (_, index) => {
    const some = steps.slice(index * MEMBERS_A_WRITE, (index + 1) * MEMBERS_A_WRITE);
    const values = (member: boolean): readonly string[] => some.filter((step) => step.in === member).map(({ value }) => value);
    return { kind: "ChangeHosts" as const, object, add: values(true), remove: values(false) };
  });
}

/** Whether a reference by distinguished name means the key, be it found or not. */
function named(references: readonly HostReference[], key: string): boolean {
  return references.some(({ by, value }) => by === "distinguishedName" && dnKey(value) === key);
}

/** hosts.group.name changed: the group is renamed rather than made anew, since a new SID would ask every host for a restart. */
export function planNameOfHostGroup({ hostGroup, owner }: DesiredFarm, observed: ObservedFarm, group: Place): Plan {
  const same = (object: DirectoryObject): boolean => object.samAccountName?.toLowerCase() === hostGroup.samAccountName.toLowerCase();
  if (group.kind !== "Own" || same(group.object)) return { changes: [], blockers: [] };
  const other = observed.objects.find(same);
  if (!other) {
    return {
      changes: [{ kind: "RenameHostGroup", object: owned(group.object, owner), samAccountName: hostGroup.samAccountName }],
      blockers: [],
    };
  }
  const message = `${other.distinguishedName} has the name ${hostGroup.samAccountName}, so the host group keeps its own, ${group.object.samAccountName}: choose another hosts.group.name.`;
  return { changes: [], blockers: [{ reason: "ObjectExists", part: "Hosts", message }] };
}
