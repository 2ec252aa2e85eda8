/** What has to be asked of groups: of the farm's own who is in them, and of others' only which of the farm's own hosts are. */
import type { Lookup } from "../ad/lookup.ts";
import { isAccount, isGroup, type DirectoryObject } from "../ad/object.ts";
import { sameName } from "../names/account-name.ts";
import { lookupKey } from "../names/lookup-key.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import { ask, distinct, namesOf } from "./name-queries.ts";
import type { Look, ObservedFarm, Scope } from "./observed.ts";

/** What bears the names. Groups of somebody else are asked for apart from the rest, without their members: these can be very many, and are not the farm's to know. */
export function* lookForObjects(desired: DesiredFarm, scope: Scope): Look<readonly DirectoryObject[]> {
  const others = groupsOfOthers(desired);
  const isOther = ({ by, value }: Lookup): boolean => others.has(`${by} ${lookupKey(by, value)}`);
  const lookups = namesOf(desired, scope);
  const named = yield {
    lookups: lookups.filter((lookup) => !isOther(lookup)),
    among: "Objects",
    allMembersOf: (object) => isOwnGroup(desired, object),
  };
  if (others.size === 0) return named;
  const apart = yield* ask(lookups.filter(isOther), "Objects");
  const seen = new Set(named.map(({ objectGUID }) => objectGUID));
  // One that bears the farm's own marker after all.
  const own = apart.filter((object) => isOwnGroup(desired, object) && !seen.has(object.objectGUID));
  const read = yield* ask(own.map(byGuid), "Objects", () => true);
  return distinct([...read, ...named, ...apart]);
}

/** By what groups are asked for that are, or were, somebody else's. */
function groupsOfOthers({ grant, hostGroup, accessGroups, knownObjects, journal }: DesiredFarm): ReadonlySet<string> {
  const existing = [...(grant === "Group" ? [hostGroup] : []), ...accessGroups].filter((group) => group.existing);
  const remembered = [...journal.hostGroups, ...journal.accessGroups].filter(({ objectGUID }) => !knownObjects.includes(objectGUID));
  return new Set([
    ...existing.map(({ samAccountName }) => `sAMAccountName ${lookupKey("sAMAccountName", samAccountName)}`),
    ...remembered.map(({ objectGUID }) => `objectGUID ${lookupKey("objectGUID", objectGUID)}`),
  ]);
}

/** Which of the computers are direct members of the groups of somebody else that can give them the right. */
export function* lookForMembers(
  desired: DesiredFarm,
  objects: readonly DirectoryObject[],
  computers: readonly DirectoryObject[],
): Look<ObservedFarm["membersAmong"]> {
  const found = new Map<string, ReadonlySet<string>>();
  if (computers.length === 0) return found;
  const named = new Set(accountsOf(desired, objects).flatMap(({ retrievers }) => retrievers?.principals ?? []));
  const isNamed = ({ objectSID }: DirectoryObject): boolean => objectSID !== undefined && named.has(objectSID);
  const groups = objects.filter((object) => isGroup(object) && object.owner !== desired.owner);
  for (const { objectGUID } of groups.filter((group) => isHostGroup(desired, group) || isNamed(group))) {
    const members = yield { lookups: computers.map(byGuid), among: "Computers", directMembersOf: objectGUID };
    found.set(objectGUID, new Set(members.map((member) => member.objectGUID)));
  }
  return found;
}

/** The account, whoever owns it. */
export function accountsOf({ owner, account }: DesiredFarm, objects: readonly DirectoryObject[]): readonly DirectoryObject[] {
  return objects.filter(
    (object) => isAccount(object) && (object.owner === owner || sameName(object.samAccountName, account.samAccountName)),
  );
}

/** A group that is, or was, the host group, whoever owns it. */
function isHostGroup({ grant, hostGroup, journal }: DesiredFarm, object: DirectoryObject): boolean {
  const used = grant === "Group" && hostGroup.existing && sameName(object.samAccountName, hostGroup.samAccountName);
  return used || journal.hostGroups.some(({ objectGUID }) => objectGUID === object.objectGUID);
}

export function isOwnGroup({ owner }: DesiredFarm, object: DirectoryObject): boolean {
  return isGroup(object) && object.owner === owner;
}

function byGuid({ objectGUID }: DirectoryObject): Lookup {
  return { by: "objectGUID", value: objectGUID };
}
