/** What of the directory goes into a farm's status. */
import { describeChange, type RememberedGroup } from "../changes/index.ts";
import { timestamp } from "../../api/condition.ts";
import type { DesiredFarm } from "../desired.ts";
import { dnKey } from "../../names/distinguished-name.ts";
import { addedMembers, handOvers } from "../host-group.ts";
import { accessGroupsStatus, hostGroupsStatus, type Memory, type RememberedAccessGroup } from "../journal.ts";
import { isAccount, isGroup, type DirectoryObject, type ObservedFarm } from "../../ad/object.ts";
import { isAccessGroup, placeOfAccessGroup, placeOfAccount, placeOfHostGroup, type Place } from "../slot.ts";
import { groupsOf } from "../plan/access-groups.ts";
import { resolveHosts, type ResolvedHosts } from "../resolve-hosts.ts";
import type { ServerFarm, ServerFarmStatus } from "../../api/generated/server-farm.ts";
import type { Report } from "../report.ts";

const LISTED = 100;
const KINDS = ["Account", "HostGroup", "AccessGroup"] as const;

export function seen(farm: ServerFarm, desired: DesiredFarm, report: Report, observed: ObservedFarm): Partial<ServerFarmStatus> {
  const account = placeOfAccount(desired, observed);
  const group = placeOfHostGroup(desired, observed);
  const hosts = resolveHosts(desired, observed);
  const granted = countGranted(account, group, hosts);
  const issues = [...desired.invalid, ...hosts.blockers].flatMap(({ computer, reason, message }) =>
    computer === undefined ? [] : [{ computer, reason, message }],
  );
  const kindOf = (object: DirectoryObject): (typeof KINDS)[number] | undefined =>
    isAccount(object) ? "Account" : !isGroup(object) ? undefined : isAccessGroup(desired, object) ? "AccessGroup" : "HostGroup";
  const own = observed.objects.flatMap((object) => {
    const kind = object.owner === desired.owner && object.protection === undefined ? kindOf(object) : undefined;
    return kind ? [{ objectGUID: object.objectGUID, kind, distinguishedName: object.distinguishedName }] : [];
  });
  // In one order, however the directory answers: a status that differs in nothing else is no news.
  own.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || a.objectGUID.localeCompare(b.objectGUID));
  const plan =
    farm.spec.managementPolicy === "Observe"
      ? [...(report.plan?.changes ?? []), ...(report.plan?.later ?? [])].flatMap(describeChange).slice(0, LISTED)
      : [];
  // The last look was before a write that may have happened: nothing that was remembered for it is forgotten on its ground.
  const interrupted = report.error !== undefined;
  const current = group.kind === "Own" || group.kind === "Existing" ? group.object : undefined;
  return {
    hosts: { desired: hosts.desired, granted, summary: `${granted}/${hosts.desired}` },
    hostIssues: issues.slice(0, LISTED),
    ownedObjects: [
      ...own,
      // Not seen is not gone: what deletion will have to remove is not forgotten.
      ...(farm.status?.ownedObjects ?? []).filter(
        ({ objectGUID }) =>
          (interrupted || observed.missing.includes(objectGUID)) && !own.some((object) => object.objectGUID === objectGUID),
      ),
    ],
    ...(account.kind === "Own"
      ? { account: { ...identity(account.object), ...names(account.object), ...passwordTimes(account.object) } }
      : {}),
    ...hostGroupsStatus(interrupted ? desired.memory : settledMemory(farm, desired, observed, group), current),
    ...accessGroupsStatus(seenAccessGroups(desired, observed, account, interrupted)),
    ...(farm.spec.managementPolicy === "Observe" ? { plan } : {}),
  };
}

/** How many of the wanted hosts may retrieve the password, by the group or by name. */
function countGranted(account: Place, group: Place, { wanted }: ResolvedHosts): number {
  if (account.kind !== "Own") return 0;
  const principals = new Set(account.object.retrievers?.principals);
  const denied = new Set(account.object.retrievers?.denied);
  const byGroup = "object" in group && group.object.objectSID !== undefined && principals.has(group.object.objectSID);
  const members = new Set(byGroup ? group.object.members.map(dnKey) : []);
  return [...wanted].filter(
    ([key, { objectSID }]) => objectSID !== undefined && !denied.has(objectSID) && (members.has(key) || principals.has(objectSID)),
  ).length;
}

/** What has to be remembered after the last look: who was put in, is still in, and is this farm's to take out. */
function settledMemory({ spec }: ServerFarm, desired: DesiredFarm, observed: ObservedFarm, current: Place): Memory {
  const handedOver = new Set(
    (spec.managementPolicy === "Enforce" ? handOvers(desired, observed) : []).flatMap(({ objectGUID, added }) =>
      added.map((computer) => `${objectGUID} ${computer}`),
    ),
  );
  const remembered = desired.memory.hostGroups.flatMap((group): readonly RememberedGroup[] => {
    const object = observed.objects.find(({ objectGUID }) => objectGUID === group.objectGUID);
    // Not seen is not gone: a right to read may be lost for a while, or the server may have taken over lately.
    if (!object) return [group];
    // A group that the farm owns now is kept as it says, whoever put its members in.
    if (current.kind === "Own" && current.object === object) return [];
    const added = [...addedMembers(desired, observed, object).values()]
      .map(({ objectGUID }) => objectGUID)
      .filter((computer) => !handedOver.has(`${group.objectGUID} ${computer}`));
    const name = current.kind === "Existing" && current.object === object ? current.group.name : group.name;
    return [{ ...group, name, distinguishedName: object.distinguishedName, added }];
  });
  if (current.kind !== "Existing" || remembered.some(({ objectGUID }) => objectGUID === current.object.objectGUID)) {
    return { ...desired.memory, hostGroups: remembered };
  }
  const added = [...addedMembers(desired, observed, current.object).values()].map(({ objectGUID }) => objectGUID);
  const { objectGUID, distinguishedName, name } = current.group;
  return { ...desired.memory, hostGroups: [...remembered, { objectGUID, distinguishedName, name, added }] };
}

/** The groups that the account is to be in, and those that it could not leave yet. */
function seenAccessGroups(
  desired: DesiredFarm,
  observed: ObservedFarm,
  account: Place,
  interrupted: boolean,
): readonly RememberedAccessGroup[] {
  // Of an account that must not be touched now it is not known which groups it is to leave later.
  const isIn = account.kind === "Own" ? groupsOf(account.object) : () => account.kind === "Taken";
  const wanted = desired.accessGroups.flatMap((group) => {
    const place = placeOfAccessGroup(desired, observed, group);
    if (place.kind !== "Own" && place.kind !== "Existing") return [];
    const { distinguishedName, objectGUID } = place.object;
    return [{ name: group.samAccountName, distinguishedName, objectGUID }];
  });
  const left = desired.memory.accessGroups.filter(({ objectGUID }) => {
    if (wanted.some((group) => group.objectGUID === objectGUID)) return false;
    if (interrupted) return true;
    const object = observed.objects.find((candidate) => candidate.objectGUID === objectGUID);
    return object ? isIn(object) : observed.missing.includes(objectGUID);
  });
  return [...wanted, ...left];
}

function identity({ distinguishedName, objectGUID, objectSID }: DirectoryObject): {
  distinguishedName: string;
  objectGUID: string;
  objectSID?: string;
} {
  return { distinguishedName, objectGUID, ...(objectSID === undefined ? {} : { objectSID }) };
}

function names({ samAccountName }: DirectoryObject): { samAccountName?: string } {
  return samAccountName === undefined ? {} : { samAccountName };
}

const HOUR = 3_600_000;

/** A gMSA's password rolls after whole steps of ten hours (MS-ADTS 3.1.1.4.5.39). */
export function passwordTimes(account: DirectoryObject): { passwordLastChanged?: string; passwordNextChange?: string } {
  const { passwordLastSet, passwordIntervalDays } = account;
  if (passwordLastSet === undefined || passwordIntervalDays === undefined) return {};
  const interval = Math.floor((passwordIntervalDays * 24) / 10) * 10 * HOUR;
  return {
    passwordLastChanged: timestamp(new Date(passwordLastSet)),
    passwordNextChange: timestamp(new Date(passwordLastSet + interval)),
  };
}
