import type { Change, Plan } from "../changes/index.ts";
import type { DesiredFarm } from "../desired.ts";
import { dnKey } from "../../names/distinguished-name.ts";
import { isGroup, type DirectoryObject, type ObservedFarm } from "../../ad/object.ts";
import { DECLARED } from "./hosts.ts";
import { isAccessGroup, memberGroup, owned, placeOfAccessGroup, type Place } from "../slot.ts";

/** The account is a member of each of its access groups, and of none that it was put into before and that the farm does not name any more. */
export function planAccessGroups(desired: DesiredFarm, observed: ObservedFarm, account: Place): Plan {
  // With a mistake among them it is not clear which are meant: all stay as they are.
  if (desired.invalid.some(({ part }) => part === "AccessGroups")) return { changes: [], blockers: [] };
  const places = desired.accessGroups.map((wanted) => ({ wanted, place: placeOfAccessGroup(desired, observed, wanted) }));
  const blockers = places.flatMap(({ place }) => (place.kind === "Taken" ? [place.blocker] : []));
  if (account.kind !== "Own") return { changes: [], blockers };
  const { distinguishedName: member, memberOf } = account.object;
  const isIn = groupsOf(account.object);
  const changes = places.flatMap(({ wanted, place }): readonly Change[] => {
    const { samAccountName, distinguishedName } = wanted;
    switch (place.kind) {
      case "Free":
        return [{ kind: "CreateAccessGroup", samAccountName, distinguishedName, owner: desired.owner, members: [member] }];
      case "Own":
      case "Existing": {
        const release: readonly Change[] =
          place.kind === "Existing" && place.object.owner === desired.owner
            ? [{ kind: "Release", object: owned(place.object, desired.owner), because: DECLARED }]
            : [];
        if (isIn(place.object)) return release;
        return [
          ...release,
          { kind: "JoinAccessGroup", object: memberGroup(desired, place.object, samAccountName), member, name: samAccountName },
        ];
      }
      case "Adoptable":
      case "Taken":
      case "Unwanted":
        return [];
    }
  });
  const wanted = new Set(places.flatMap(({ place }) => ("object" in place ? [place.object.objectGUID] : [])));
  // Where a name leads nowhere for the moment, the group that it led to stays as it is.
  const unclear = new Set(
    places.filter(({ place }) => place.kind === "Taken").map(({ wanted: { samAccountName } }) => samAccountName.toLowerCase()),
  );
  const dropped = desired.memory.accessGroups.filter(({ objectGUID, name }) => !wanted.has(objectGUID) && !unclear.has(name.toLowerCase()));
  const leaving = observed.objects.filter(({ objectGUID }) => dropped.some((group) => group.objectGUID === objectGUID));
  const ownDropped = observed.objects.filter(
    (object) =>
      object.owner === desired.owner &&
      isGroup(object) &&
      isAccessGroup(desired, object) &&
      !wanted.has(object.objectGUID) &&
      !unclear.has(object.samAccountName?.toLowerCase() ?? ""),
  );
  return {
    changes: [
      ...changes,
      ...leaving
        .filter((group) => isIn(group) && !ownDropped.includes(group))
        .map((group): Change => ({ kind: "LeaveAccessGroup", object: memberGroup(desired, group, undefined), member })),
      ...ownDropped.flatMap((group) => endOfAccessGroup(desired, group, { distinguishedName: member, memberOf }, false)),
    ],
    blockers,
  };
}

/** An owned access group goes if the account was its only member; otherwise it stays, without marker and without the account. */
export function endOfAccessGroup(
  desired: DesiredFarm,
  group: DirectoryObject,
  account: Pick<DirectoryObject, "distinguishedName" | "memberOf"> | undefined,
  declaredExisting: boolean,
): readonly Change[] {
  const object = owned(group, desired.owner);
  const others = group.members.filter((member) => account === undefined || dnKey(member) !== dnKey(account.distinguishedName));
  if (others.length === 0 && !declaredExisting) return [{ kind: "DeleteAccessGroup", object }];
  const because = declaredExisting
    ? DECLARED
    : `it has members that this farm did not put in: ${others.slice(0, 10).join("; ")}${others.length > 10 ? ` and ${others.length - 10} more` : ""}`;
  return [
    ...(account && groupsOf(account)(group) ? [{ kind: "LeaveAccessGroup" as const, object, member: account.distinguishedName }] : []),
    { kind: "Release", object, because },
  ];
}

/** Whether an object is a direct member of a group: asked of its own memberOf, since a group may have very many members. */
export function groupsOf({ memberOf }: Pick<DirectoryObject, "memberOf">): (group: DirectoryObject) => boolean {
  const keys = new Set(memberOf.map(dnKey));
  return ({ distinguishedName }) => keys.has(dnKey(distinguishedName));
}
