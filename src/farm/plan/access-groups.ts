/** The groups that the account is a member of for access control. */
import { isGroup, type DirectoryObject, groupsOf } from "../../ad/object.ts";
import { foldName } from "../../names/account-name.ts";
import { dnKey } from "../../names/distinguished-name.ts";
import { NOTHING, type Change, type Plan, memberGroup } from "../changes/index.ts";
import type { DesiredFarm } from "../desired-farm.ts";
import { isAccessGroup, isAnothers, owned } from "../slot.ts";
import { type FarmView } from "../view.ts";
import { DECLARED, strangersIn } from "./hosts.ts";

/** The account is a member of each of its access groups, and of none that it was put into before and that the farm does not name any more. */
export function planAccessGroups(view: FarmView): Plan {
  const { desired, account, accessGroups } = view;
  // With a mistake among them it is not clear which are meant: all stay as they are.
  if (desired.invalid.some(({ part }) => part === "AccessGroups")) return NOTHING;
  const blockers = accessGroups.flatMap(({ slot }) => (slot.kind === "Blocked" ? [slot.blocker] : []));
  if (account.kind !== "Own") return { ...NOTHING, blockers };
  return { changes: [...planJoins(view, account.object), ...planLeaves(view, account.object)], later: [], blockers };
}

/** Those alone that the farm does not name any more. */
export function planLeaving(view: FarmView): Plan {
  const { desired, account } = view;
  if (account.kind !== "Own" || desired.invalid.some(({ part }) => part === "AccessGroups")) return NOTHING;
  return { ...NOTHING, changes: planLeaves(view, account.object) };
}

function planJoins({ desired, accessGroups }: FarmView, account: DirectoryObject): readonly Change[] {
  const member = account.distinguishedName;
  const isIn = groupsOf(account);
  return accessGroups.flatMap(({ wanted: { samAccountName, distinguishedName }, slot }): readonly Change[] => {
    switch (slot.kind) {
      case "Vacant":
        return [{ kind: "CreateAccessGroup", samAccountName, distinguishedName, owner: desired.owner, members: [member] }];
      case "Own":
      case "External": {
        const release: readonly Change[] =
          slot.kind === "External" && slot.object.owner === desired.owner
            ? [{ kind: "Release", object: owned(slot.object, desired.owner), because: DECLARED }]
            : [];
        if (isIn(slot.object)) return release;
        const object = memberGroup(desired, slot.object, samAccountName);
        return [...release, { kind: "JoinAccessGroup", object, member, name: samAccountName }];
      }
      case "Adoptable":
      case "Blocked":
      case "Unwanted":
        return [];
    }
  });
}

function planLeaves({ desired, observed, accessGroups }: FarmView, account: DirectoryObject): readonly Change[] {
  const member = account.distinguishedName;
  const isIn = groupsOf(account);
  const wanted = new Set(accessGroups.flatMap(({ slot }) => ("object" in slot ? [slot.object.objectGUID] : [])));
  // Where a name leads nowhere for the moment, the group that it led to stays as it is.
  const unclear = new Set(
    accessGroups.filter(({ slot }) => slot.kind === "Blocked").map(({ wanted: { samAccountName } }) => foldName(samAccountName)),
  );
  const isDropped = (objectGUID: string, name = ""): boolean => !wanted.has(objectGUID) && !unclear.has(foldName(name));
  const dropped = desired.journal.accessGroups.filter(({ objectGUID, name }) => isDropped(objectGUID, name));
  const own = observed.objects.filter(
    (object) =>
      object.owner === desired.owner &&
      isGroup(object) &&
      isAccessGroup(desired, object) &&
      isDropped(object.objectGUID, object.samAccountName),
  );
  const others = observed.objects.filter(
    (object) =>
      dropped.some((group) => group.objectGUID === object.objectGUID) &&
      isIn(object) &&
      !own.includes(object) &&
      object.protection === undefined &&
      !isAnothers(object, desired),
  );
  return [
    ...others.map((group): Change => ({ kind: "LeaveAccessGroup", object: memberGroup(desired, group, undefined), member })),
    ...own.flatMap((group) => endOfAccessGroup(desired, group, account, false)),
  ];
}

/** An owned access group goes if the account was its only member; otherwise it stays, without marker and without the account. */
export function endOfAccessGroup(
  desired: DesiredFarm,
  group: DirectoryObject,
  account: Pick<DirectoryObject, "distinguishedName" | "memberOf" | "primaryGroupID"> | undefined,
  declaredExternal: boolean,
): readonly Change[] {
  const object = owned(group, desired.owner);
  const others = group.members.filter((member) => account === undefined || dnKey(member) !== dnKey(account.distinguishedName));
  if (others.length === 0 && !declaredExternal) return [{ kind: "DeleteAccessGroup", object }];
  const because = declaredExternal ? DECLARED : strangersIn(others.length);
  return [
    ...(account && groupsOf(account)(group) ? [{ kind: "LeaveAccessGroup" as const, object, member: account.distinguishedName }] : []),
    { kind: "Release", object, because },
  ];
}
