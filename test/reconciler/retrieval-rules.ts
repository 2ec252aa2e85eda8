/** What holds after a reconcile, said anew for tests: who can retrieve the password, and what a farm may change. */
import { isComputer, type DirectoryObject } from "../../src/ad/object.ts";
import type { AskedDirectory } from "../farm/asked-directory.ts";
import { named } from "../farm/directory-events.ts";
import type { Before, LivedFarm } from "./lived-farm.ts";
import { tokenOf, whoCanRetrieve } from "./tokens.ts";

const DAYS = 30;

/** Whether the farm may take over what bears this name: with consent, and only what fits. */
function mayTake({ manifest, namespace, name }: LivedFarm, object: DirectoryObject, before: Before): boolean {
  if (manifest?.adopts !== true || object.owner !== `serverfarm.dev adopt=${namespace}/${name}`) return false;
  if (object === before.account) return object.passwordIntervalDays === DAYS;
  const members = before.everything.filter(({ distinguishedName }) => object.members.includes(distinguishedName));
  return object === before.group && manifest.way === "Group" && members.every((one) => isComputer(one));
}

function isIts(farm: LivedFarm, object: DirectoryObject | undefined, before: Before): boolean {
  return object === undefined || object.owner === farm.owner || mayTake(farm, object, before);
}

/** Whether the farm can have the host group that it asks for; with `others`, whether it must have it: nobody of another namespace may have a claim. */
export function canHaveGroup(farm: LivedFarm, before: Before, others: readonly LivedFarm[]): boolean {
  const way = farm.manifest?.way ?? "Principals";
  if (way === "Principals") return true;
  if (way === "Group")
    return isIts(farm, before.group, before) && (before.group?.owner === farm.owner || isIts(farm, before.account, before));
  const group = before.objects.find(({ samAccountName }) => samAccountName === way);
  return group !== undefined && !others.some((other) => other.namespace !== farm.namespace && holds(other, group));
}

/** Whether the farm has to do with a group of somebody else: then those of other namespaces may not use it. */
function holds(farm: LivedFarm, group: DirectoryObject): boolean {
  const names = farm.account?.retrievers?.principals.includes(group.objectSID ?? "") === true;
  return farm.puts.hasAny(group) || farm.manifest?.way === group.samAccountName || (names && farm.account?.owner === farm.owner);
}

export function canHaveAccount(farm: LivedFarm, before: Before, others: readonly LivedFarm[]): boolean {
  if (before.account?.owner === farm.owner) return true;
  return isIts(farm, before.account, before) && canHaveGroup(farm, before, others);
}

/** Whether another farm wants the computer to stay in the group, so that this one must not take it out. */
function isWantedByOthers(farm: LivedFarm, others: readonly LivedFarm[], group: DirectoryObject, member: DirectoryObject): boolean {
  return others.some(
    ({ namespace, manifest, meant }) =>
      namespace === farm.namespace &&
      manifest?.way === group.samAccountName &&
      (meant.wanted.has(member.objectGUID) || meant.undecided.has(member.objectGUID)),
  );
}

/**
 * What does not bear the farm's marker is as it was, but for members: hosts in the host group, the account in Readers, and out whom it had put in; and
 * but for what it takes over.
 */
export function verifyOthers(directory: AskedDirectory, farm: LivedFarm, before: Before, others: readonly LivedFarm[]): void {
  const now = new Map(directory.everything.map((one) => [one.objectGUID, one]));
  for (const old of before.everything.filter(({ owner }) => owner !== farm.owner)) {
    const one = now.get(old.objectGUID);
    if (one === old) continue;
    // What was its own and bears consent now is its own again, and may be created again then.
    const isTaken = one?.owner === farm.owner || (farm.manifest?.recreates === true && old === before.account && !one);
    if (isTaken && mayTake(farm, old, before) && canHaveAccount(farm, before, [])) continue;
    if (!one || still(one) !== still(old)) throw new Error(`${old.distinguishedName}, which is not the farm's, was changed`);
    verifyMembers(directory, farm, { old, one }, others);
  }
  const known = new Set(before.everything.map(({ objectGUID }) => objectGUID));
  for (const one of directory.everything.filter(({ objectGUID }) => !known.has(objectGUID))) {
    if (one.owner !== farm.owner) throw new Error(`${one.distinguishedName} was made without marker`);
    if (!canHaveAccount(farm, before, [])) throw new Error(`${one.distinguishedName} was made though the account cannot be`);
  }
}

function verifyMembers(
  directory: AskedDirectory,
  farm: LivedFarm,
  { old, one }: { readonly old: DirectoryObject; readonly one: DirectoryObject },
  others: readonly LivedFarm[],
): void {
  const { manifest, meant, puts } = farm;
  const byDn = new Map(directory.everything.map((object) => [object.distinguishedName, object]));
  for (const dn of one.members.filter((member) => !old.members.includes(member))) {
    const member = byDn.get(dn);
    const isHeld = others.some((other) => other.namespace !== farm.namespace && other.puts.hasAny(one));
    const may =
      (one.samAccountName === manifest?.way && member !== undefined && meant.wanted.has(member.objectGUID) && !isHeld) ||
      (manifest?.reads === true && one.samAccountName === "Readers" && member !== undefined && member === farm.account);
    if (!may) throw new Error(`${dn} was put into ${one.distinguishedName}`);
  }
  for (const dn of old.members.filter((member) => !one.members.includes(member))) {
    const member = byDn.get(dn);
    if (isDeleted(directory, farm, dn)) continue;
    if (!member || !puts.has(one, member))
      throw new Error(`${dn}, whom the farm had not put in, was taken out of ${one.distinguishedName}`);
    if (isWantedByOthers(farm, others, one, member))
      throw new Error(`${dn}, whom another farm wants there, was taken out of ${one.distinguishedName}`);
  }
}

/** What was the farm's own, or became so, and is deleted is in no group any more, whatever has its name now. */
function isDeleted({ everything }: AskedDirectory, farm: LivedFarm, dn: string): boolean {
  const old = farm.before.everything.find(({ distinguishedName }) => distinguishedName === dn);
  if (!old || (old.owner !== farm.owner && !mayTake(farm, old, farm.before))) return false;
  return !everything.some(({ objectGUID }) => objectGUID === old.objectGUID);
}

/** All of it but for members; whom it is a member of says the other object. */
function still(object: DirectoryObject): string {
  return JSON.stringify({ ...object, members: [], memberOf: [] });
}

/** What the farm put into groups of others, or answers for, after it reconciled. */
export function noteWhatItPut(directory: AskedDirectory, farm: LivedFarm, before: Before, others: readonly LivedFarm[]): void {
  const namesakes = others.filter(({ namespace }) => namespace === farm.namespace);
  farm.puts.update(directory, (group, member) => {
    if (group.owner === farm.owner) return false;
    const isNew =
      !before.members(group.objectGUID).includes(member.distinguishedName) || isDeleted(directory, farm, member.distinguishedName);
    const isTakenOn =
      farm.manifest?.way === group.samAccountName &&
      farm.meant.wanted.has(member.objectGUID) &&
      namesakes.some(({ puts }) => puts.has(group, member));
    return isNew || isTakenOn;
  });
  for (const other of others) other.puts.update(directory);
}

/** After a reconcile in which something failed: nobody got the right by it who should not have it. */
export function verifyNobodyGot(directory: AskedDirectory, farm: LivedFarm, others: readonly LivedFarm[]): void {
  const { meant, before, account } = farm;
  if (account?.owner !== farm.owner) return;
  const able = whoCanRetrieve(directory, account);
  for (const computer of directory.simulated.computers) {
    const { objectGUID, distinguishedName } = computer;
    if (!able.has(objectGUID) || before.able.has(objectGUID) || meant.wanted.has(objectGUID)) continue;
    // Whoever was in its group and could not be taken out is let in with it: by an account that is made anew, or one that names another group now.
    if (!meant.quarantined.has(objectGUID) && isOwnMember(farm, computer)) continue;
    if (!meant.quarantined.has(objectGUID) && isLetInByOthers(directory, farm, computer)) continue;
    if (meant.quarantined.has(objectGUID) || !isExcused(directory, farm, others, computer))
      throw new Error(`${distinguishedName} got the right of ${farm.name} in a reconcile that failed`);
  }
}

/** By a group of somebody else that the farm uses, or used until now, and that people or other farms put it into. */
function isLetInByOthers({ simulated: { objects } }: AskedDirectory, farm: LivedFarm, computer: DirectoryObject): boolean {
  const byOthers = tokenOf(computer, objects, (group, member) => farm.puts.has(group, member));
  const used = objects.filter(({ samAccountName }) => samAccountName === "Shared" || samAccountName === "Other");
  return used.some(({ objectSID }) => objectSID !== undefined && byOthers.has(objectSID));
}

export function verifyRetrieval(directory: AskedDirectory, farm: LivedFarm, others: readonly LivedFarm[]): void {
  const { meant, before, account, name } = farm;
  if (account?.owner !== farm.owner) {
    if (canHaveAccount(farm, before, others)) throw new Error(`${name} has no account`);
    return;
  }
  const able = whoCanRetrieve(directory, account);
  const isFree = canHaveGroup(farm, before, others);
  for (const computer of directory.simulated.computers) {
    const { objectGUID, distinguishedName } = computer;
    const can = able.has(objectGUID);
    if (can && meant.quarantined.has(objectGUID)) throw new Error(`${distinguishedName} is quarantined and can retrieve that of ${name}`);
    // By design: while the host group is not to be had, nothing of who may retrieve changes but for the quarantined.
    if (!can && meant.wanted.has(objectGUID) && isFree)
      throw new Error(`${distinguishedName} is wanted and cannot retrieve that of ${name}`);
    if (can && !meant.wanted.has(objectGUID) && !isExcused(directory, farm, others, computer))
      throw new Error(`${distinguishedName} is not wanted and can retrieve that of ${name}`);
  }
}

/** Who can retrieve by design, though the farm does not want it. */
function isExcused(directory: AskedDirectory, farm: LivedFarm, others: readonly LivedFarm[], computer: DirectoryObject): boolean {
  const { before, meant, manifest } = farm;
  const { objectGUID } = computer;
  const { objects } = directory.simulated;
  const could = before.able.has(objectGUID);
  // The group that it asks for is not there, or not its: who could retrieve can, and whom others put into the one that is used still.
  if (!canHaveGroup(farm, before, others) && (could || isLetInByOthers(directory, farm, computer))) return true;
  // Others may put whom they like into a group of theirs that the farm uses, one that is not trusted too: it is in by them, and not by the farm. So
  // may other farms of its namespace; and those of another in a group that people made a member of that one.
  const used = objects.find(({ samAccountName }) => samAccountName === manifest?.way);
  const namesakes = [farm, ...others.filter(({ namespace }) => namespace === farm.namespace)];
  const isFarms = (group: DirectoryObject, member: DirectoryObject): boolean =>
    namesakes.some((one) => one.puts.has(group, member)) && !isWantedByOthers(farm, others, group, member);
  const byOthers = tokenOf(computer, objects, isFarms);
  if (used?.objectSID !== undefined && byOthers.has(used.objectSID)) return true;
  // While it is not decided whom an entry means nobody is taken out for it: whoever could retrieve can, by a group that was used before too; and whom the
  // farm has in its host group stays in, though the account was made anew.
  const wasMember = before.account === undefined && isOwnMember(farm, computer);
  return meant.undecided.size > 0 && (could || (meant.undecided.has(objectGUID) && wasMember));
}

/** Whether the computer was in a group of the farm's own, or that it can take over, or was put into another by the farm. */
function isOwnMember({ before, owner, puts }: LivedFarm, computer: DirectoryObject): boolean {
  return before.objects.some(
    (group) =>
      group.members.includes(computer.distinguishedName) && (group.owner === owner || group === before.group || puts.has(group, computer)),
  );
}

/** Groups of somebody else that the farm gave the right to, or put somebody into, now: no farm of another namespace has to do with them. */
export function verifyNamespaces(directory: AskedDirectory, farm: LivedFarm, before: Before, others: readonly LivedFarm[]): void {
  for (const called of ["Shared", "Other"]) {
    const group = named(directory, called);
    const { objectSID = "" } = group ?? {};
    const names = farm.account?.owner === farm.owner && farm.account.retrievers?.principals.includes(objectSID) === true;
    const didName = before.account?.owner === farm.owner && before.account.retrievers?.principals.includes(objectSID) === true;
    if (!group || !names || didName) continue;
    const other = others.find(
      ({ namespace, account, owner, puts, manifest }) =>
        namespace !== farm.namespace &&
        (puts.hasAny(group) ||
          (manifest?.way === called && account?.owner === owner && account.retrievers?.principals.includes(objectSID) === true)),
    );
    if (other) throw new Error(`${called} is ${other.name}'s of another namespace, and ${farm.name} lets its members retrieve`);
  }
}
