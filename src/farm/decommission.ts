import type { Blocker } from "./blocker.ts";
import type { Change, OwnedObject, Plan } from "./change.ts";
import type { DesiredFarm } from "./desired.ts";
import { dnKey } from "./distinguished-name.ts";
import { isAccount, isGroup, type DirectoryObject, type ObservedFarm } from "./observed.ts";
import { resolveHosts } from "./plan-hosts.ts";

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
 * Order: revoke the right to retrieve the password, delete the account, delete the host group.
 */
export function planDecommission(desired: DesiredFarm, observed: ObservedFarm, policy: DecommissionPolicy): Plan {
  const mine = observed.objects.filter(({ owner }) => owner === desired.owner);
  const blockers: Blocker[] = [];
  const changes: Change[] = [];
  // Accounts first: a group that is still named by an account must outlive it.
  for (const object of [...mine].sort((a, b) => Number(isAccount(b)) - Number(isAccount(a)))) {
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
      const { principals, foreign } = object.retrievers ?? { principals: [], foreign: [] };
      if (principals.length > 0 || foreign.length > 0) {
        changes.push({ kind: "SetRetrievers", object: owned, retrievers: [], because: "the farm is being deleted" });
      }
      changes.push({ kind: "DeleteAccount", object: owned });
    } else if (isGroup(object)) {
      const strangers = foreignMembers(desired, observed, object, policy);
      if (strangers.length === 0) changes.push({ kind: "DeleteHostGroup", object: owned });
      else release(`it has members that this farm did not put in: ${strangers.join("; ")}`);
    } else {
      // No farm creates objects of another class: somebody copied the marker. It is not ours to delete.
      release(`it is a ${object.objectClass}, which no farm creates`);
    }
  }
  if (observed.missing.length > 0) {
    blockers.push({
      reason: "DirectoryUnavailable",
      part: "Account",
      message: `${observed.missing.join(", ")} (objectGUID) is not to be seen on this domain controller, which took over lately: it may not be replicated yet, so the farm waits.`,
    });
  }
  return { changes, blockers };
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
