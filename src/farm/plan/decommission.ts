import type { Blocker } from "../../api/reasons.ts";
import type { Change, OwnedObject, Plan } from "../changes/index.ts";
import type { DesiredFarm } from "../desired.ts";
import { dnKey } from "../../names/distinguished-name.ts";
import { addedMembers, othersWanting } from "../host-group.ts";
import { isAccount, isGroup, type DirectoryObject, type ObservedFarm } from "../../ad/object.ts";
import { isAccessGroup, memberGroup } from "../slot.ts";
import { endOfAccessGroup, groupsOf } from "./access-groups.ts";
import { changesOfMembers, DECLARED, existingGroup } from "./hosts.ts";
import { resolveHosts } from "../resolve-hosts.ts";

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
 * Order: leave the access groups, revoke the right to retrieve the password, delete the account, leave what belongs to others, delete the groups.
 */
export function planDecommission(desired: DesiredFarm, observed: ObservedFarm, policy: DecommissionPolicy): Plan {
  const mine = observed.objects.filter(({ owner }) => owner === desired.owner);
  const blockers: Blocker[] = [];
  const changes: Change[] = policy.retain ? [] : [...leaveAccessGroups(desired, observed, mine)];
  const account = mine.find(isAccount);
  // Accounts first: a group that is still named by an account must outlive it.
  for (const object of mine.toSorted((a, b) => Number(isAccount(b)) - Number(isAccount(a)))) {
    const owned: OwnedObject = { distinguishedName: object.distinguishedName, objectGUID: object.objectGUID, owner: desired.owner };
    const release = (because: string): void => {
      changes.push({ kind: "Release", object: owned, because });
    };
    if (object.protection !== undefined) {
      blockers.push({
        reason: "ProtectedObject",
        part: "Account",
        message: `${object.distinguishedName} bears this farm's owner marker but must never be touched: ${object.protection}. Clear its adminDescription by hand.`,
      });
    } else if (policy.retain) {
      release("deletionPolicy is Retain");
    } else if (isAccount(object)) {
      const { principals, denied, foreign } = object.retrievers ?? { principals: [], denied: [], foreign: [] };
      if (principals.length + denied.length + foreign.length > 0) {
        const because = ["the farm is being deleted"];
        changes.push({ kind: "SetRetrievers", object: owned, retrievers: [], denied: [], add: [], remove: [], because });
      }
      changes.push({ kind: "DeleteAccount", object: owned });
    } else if (isGroup(object) && isAccessGroup(desired, object)) {
      changes.push(...endOfAccessGroup(desired, object, account, isDeclaredExisting(desired, object)));
    } else if (isGroup(object)) {
      const strangers = foreignMembers(desired, observed, object, policy);
      if (desired.hostGroup.existing && desired.grant === "Group" && isNamed(object, desired.hostGroup.samAccountName)) {
        changes.push(...takeOut(desired, observed, object));
        release(DECLARED);
      } else if (strangers.length === 0) changes.push({ kind: "DeleteHostGroup", object: owned });
      else release(`it has members that this farm did not put in: ${strangers.join("; ")}`);
    } else {
      // No farm creates objects of another class: somebody copied the marker. It is not ours to delete.
      release(`it is a ${object.objectClass}, which no farm creates`);
    }
  }
  if (!policy.retain) {
    const remembered = new Set(desired.memory.hostGroups.map(({ objectGUID }) => objectGUID));
    const groups = observed.objects.filter((object) => remembered.has(object.objectGUID) && object.owner !== desired.owner);
    changes.push(...groups.flatMap((group) => takeOut(desired, observed, group)));
  }
  if (observed.missing.length > 0) {
    blockers.push({
      reason: "DirectoryUnavailable",
      part: "Account",
      message: `${observed.missing.join(", ")} (objectGUID) is not to be seen on this domain controller, which took over less than an hour ago: it may not be replicated yet, so the farm waits until the hour is over.`,
    });
  }
  return { changes, blockers };
}

function isNamed({ samAccountName }: DirectoryObject, name: string): boolean {
  return samAccountName?.toLowerCase() === name.toLowerCase();
}

function isDeclaredExisting({ accessGroups }: DesiredFarm, object: DirectoryObject): boolean {
  return accessGroups.some(({ existing, samAccountName }) => existing && isNamed(object, samAccountName));
}

/** The groups of others that the account was put into; its own ones come to their end by themselves. */
function leaveAccessGroups(desired: DesiredFarm, observed: ObservedFarm, mine: readonly DirectoryObject[]): readonly Change[] {
  const account = mine.find(isAccount);
  if (!account || account.protection !== undefined) return [];
  const isIn = groupsOf(account);
  const remembered = new Set(desired.memory.accessGroups.map(({ objectGUID }) => objectGUID));
  return observed.objects
    .filter((group) => remembered.has(group.objectGUID) && !mine.includes(group) && group.protection === undefined && isIn(group))
    .map((group) => ({ kind: "LeaveAccessGroup", object: memberGroup(desired, group, undefined), member: account.distinguishedName }));
}

/** The members that this farm put into a group of somebody else, but for those that other farms want there. */
function takeOut(desired: DesiredFarm, observed: ObservedFarm, group: DirectoryObject): readonly Change[] {
  if (group.protection !== undefined) return [];
  const out = [...addedMembers(desired, observed, group).values()].filter(
    (computer) => othersWanting(desired, group, computer).length === 0,
  );
  return changesOfMembers(
    existingGroup(desired, group),
    [],
    out.map(({ distinguishedName }) => distinguishedName),
  );
}

function foreignMembers(
  desired: DesiredFarm,
  observed: ObservedFarm,
  group: DirectoryObject,
  { membersSettled }: DecommissionPolicy,
): readonly string[] {
  const { wanted, quarantined } = resolveHosts(desired, observed);
  const computers = new Set(observed.computers.map(({ distinguishedName }) => dnKey(distinguishedName)));
  return group.members.filter((member) => {
    const key = dnKey(member);
    return !wanted.has(key) && !quarantined.has(key) && (membersSettled || !computers.has(key));
  });
}
