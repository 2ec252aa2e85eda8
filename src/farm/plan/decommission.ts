/** The end of a farm. */
import type { Blocker } from "../../api/reasons.ts";
import { ADMIN_COUNT, isAccount, isGroup, type DirectoryObject, groupsOf } from "../../ad/object.ts";
import { clearAdminCount } from "../../ad/remedy.ts";
import { sameName } from "../../names/account-name.ts";
import { dnKey } from "../../names/distinguished-name.ts";
import { type Change, type Plan, memberGroup } from "../changes/index.ts";
import type { DesiredFarm } from "../desired-farm.ts";
import { isInPlace } from "../name-queries.ts";
import { knownIds } from "../journal.ts";
import { isAccessGroup, isAnothers, owned } from "../slot.ts";
import { type FarmView } from "../view.ts";
import { endOfAccessGroup } from "./access-groups.ts";
import { DECLARED, endOfHostGroup, takeOut } from "./hosts.ts";
import { unseenMessage } from "./unseen.ts";

export interface DecommissionPolicy {
  /** The objects stay, and the owner marker goes. */
  readonly retain: boolean;
  /**
   * The members of the host group were last seen to be exactly the wanted ones. Then another member was put in by somebody else;
   * otherwise it may be a host that the farm named a moment ago.
   */
  readonly membersSettled: boolean;
}

/**
 * What is left to do until nothing in the directory is this farm's: an empty plan means that the finalizer may go.
 * Order: revoke the right to retrieve the password, leave the access groups, take the hosts out of externally managed groups, delete the account, delete the
 * groups. So nothing that cannot be deleted keeps a right alive.
 */
export function planDecommission(view: FarmView, policy: DecommissionPolicy): Plan {
  const { desired, observed } = view;
  const [known, isPlaced] = [new Set(knownIds(desired)), isInPlace(desired)];
  // Without any record, which may be lost, an account is taken for the farm's wherever it is: it must not outlive its groups.
  const isTrusted = (object: DirectoryObject): boolean =>
    known.has(object.objectGUID) || isPlaced(object) || (isAccount(object) && desired.knownObjects.length === 0);
  const [untouchable, own] = split(
    observed.objects.filter(({ owner }) => owner === desired.owner),
    ({ protection }) => protection !== undefined,
  );
  const blockers = [...untouchable.map(mustNotBeTouched), ...notSeen(observed.missing)];
  // A step that cannot be taken keeps those after it.
  if (untouchable.some((object) => isAccount(object) && isTrusted(object))) return { changes: [], later: [], blockers };
  // What only has the marker comes last, after all else: somebody may have copied it to an object that cannot be changed.
  const [trusted, copies] = split(own, isTrusted);
  return { changes: [...endOfAll(view, trusted, formerGroups(view), policy), ...endOfAll(view, copies, [], policy)], later: [], blockers };
}

function endOfAll(
  view: FarmView,
  mine: readonly DirectoryObject[],
  former: readonly DirectoryObject[],
  policy: DecommissionPolicy,
): readonly Change[] {
  const { desired } = view;
  // Accounts first: a group that is still named by an account must outlive it.
  const [accounts, others] = split(mine, isAccount);
  if (policy.retain) {
    const because = "deletionPolicy is Retain";
    return [...accounts, ...others].map((object) => ({ kind: "Release", object: owned(object, desired.owner), because }));
  }
  const declared = others.filter((object) => isDeclaredHostGroup(desired, object));
  return [
    ...accounts.flatMap((account) => revoke(account, desired.owner)),
    ...accounts.flatMap((account) => leaveAccessGroups(view, account)),
    ...[...former, ...declared].flatMap((group) => takeOut(view, group)),
    ...accounts.map((account): Change => ({ kind: "DeleteAccount", object: owned(account, desired.owner) })),
    ...others.flatMap((object) => endOf(view, object, policy)),
  ];
}

/** Those that it says yes to, and the rest. */
function split(
  objects: readonly DirectoryObject[],
  is: (object: DirectoryObject) => boolean,
): readonly [DirectoryObject[], DirectoryObject[]] {
  return [objects.filter((object) => is(object)), objects.filter((object) => !is(object))];
}

function mustNotBeTouched({ distinguishedName, protection }: DirectoryObject): Blocker {
  const remedy =
    protection === ADMIN_COUNT
      ? `To delete it, if it is this farm's, ${clearAdminCount(distinguishedName)}; the farm then continues automatically. To keep it, clear its adminDescription yourself.`
      : "Clear its adminDescription yourself.";
  const message = `${distinguishedName} has this farm's owner marker but must never be changed or deleted: ${protection}. ${remedy}`;
  return { reason: "ProtectedObject", part: "Account", message };
}

function notSeen(missing: readonly string[]): readonly Blocker[] {
  if (missing.length === 0) return [];
  const message = unseenMessage(missing, "the farm waits");
  return [{ reason: "DirectoryUnavailable", part: "Account", message }];
}

function endOf(view: FarmView, object: DirectoryObject, policy: DecommissionPolicy): readonly Change[] {
  const { desired, observed } = view;
  // No farm creates objects of another class: somebody copied the marker. It is not ours to delete.
  if (!isGroup(object)) {
    const because = `it is a ${object.objectClass}, which farms never create`;
    return [{ kind: "Release", object: owned(object, desired.owner), because }];
  }
  if (isAccessGroup(desired, object)) {
    const account = observed.objects.find((candidate) => candidate.owner === desired.owner && isAccount(candidate));
    return endOfAccessGroup(desired, object, account, isDeclaredExternal(desired, object));
  }
  if (isDeclaredHostGroup(desired, object)) return [{ kind: "Release", object: owned(object, desired.owner), because: DECLARED }];
  return [endOfHostGroup(view, object, foreignMembers(view, object, policy))];
}

function revoke(account: DirectoryObject, owner: string): readonly Change[] {
  const { principals, denied, foreign } = account.retrievers ?? { principals: [], denied: [], foreign: [] };
  if (principals.length + denied.length + foreign.length === 0) return [];
  const because = ["the farm is being deleted"];
  return [{ kind: "SetRetrievers", object: owned(account, owner), retrievers: [], denied: [], add: [], remove: [], because }];
}

/** A group with the farm's marker that the manifest says is somebody else's. */
function isDeclaredHostGroup({ grant, hostGroup }: DesiredFarm, object: DirectoryObject): boolean {
  return isGroup(object) && hostGroup.existing && grant === "Group" && sameName(object.samAccountName, hostGroup.samAccountName);
}

/** Groups of others that the farm put hosts into. */
function formerGroups({ desired, observed }: FarmView): readonly DirectoryObject[] {
  const remembered = new Set(desired.journal.hostGroups.map(({ objectGUID }) => objectGUID));
  return observed.objects.filter((object) => remembered.has(object.objectGUID) && object.owner !== desired.owner);
}

function isDeclaredExternal({ accessGroups }: DesiredFarm, object: DirectoryObject): boolean {
  return accessGroups.some(({ existing, samAccountName }) => existing && sameName(object.samAccountName, samAccountName));
}

/** The groups of others that the account was put into; its own ones come to their end by themselves. */
function leaveAccessGroups({ desired, observed }: FarmView, account: DirectoryObject): readonly Change[] {
  const isIn = groupsOf(account);
  const remembered = new Set(desired.journal.accessGroups.map(({ objectGUID }) => objectGUID));
  return observed.objects
    .filter((group) => remembered.has(group.objectGUID) && group.owner !== desired.owner && group.protection === undefined && isIn(group))
    .filter((group) => !isAnothers(group, desired))
    .map((group) => ({ kind: "LeaveAccessGroup", object: memberGroup(desired, group, undefined), member: account.distinguishedName }));
}

function foreignMembers(
  { desired, observed, hosts }: FarmView,
  group: DirectoryObject,
  { membersSettled }: DecommissionPolicy,
): readonly string[] {
  const { wanted, quarantined } = hosts;
  // Whom an entry meant is no stranger where several bear that name by now.
  const meant = new Set([...desired.resolved.values()].flat().map(({ objectGUID }) => objectGUID));
  const own = observed.computers.filter(({ objectGUID }) => !membersSettled || meant.has(objectGUID));
  const computers = new Set(own.map(({ distinguishedName }) => dnKey(distinguishedName)));
  return group.members.filter((member) => {
    const key = dnKey(member);
    return !wanted.has(key) && !quarantined.has(key) && !computers.has(key);
  });
}
