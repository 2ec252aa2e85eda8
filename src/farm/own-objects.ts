/** Which objects are the farm's own: its marker alone, which anybody can copy, does not say. */
import { type DirectoryObject, isAccount } from "../ad/object.ts";
import type { MemberGroup, OwnedObject } from "../ad/write.ts";
import { parentKey } from "../names/distinguished-name.ts";
import { copied, isOwnerMarker } from "../names/identifier.ts";
import type { DesiredFarm } from "./desired-farm.ts";

/** objectGUIDs of what the farm owns, and of the groups of others that it changed. */
export function knownIds({ knownObjects, journal }: DesiredFarm): readonly string[] {
  return [...new Set([...knownObjects, ...[...journal.hostGroups, ...journal.accessGroups].map(({ objectGUID }) => objectGUID)])];
}

/** Whether an object is where the farm creates such. The container of an existing group, which the manifest names, is somebody else's. */
export function isInPlace({ account, hostGroup, accessGroups }: DesiredFarm): (object: DirectoryObject) => boolean {
  const own = [hostGroup, ...accessGroups].filter(({ existing, container }) => !existing || container === undefined);
  const groups = new Set(own.map(({ distinguishedName }) => parentKey(distinguishedName)));
  const accounts = parentKey(account.distinguishedName);
  return (object) => {
    const parent = parentKey(object.distinguishedName);
    return isAccount(object) ? parent === accounts : groups.has(parent);
  };
}

/** Anybody may write the farm's marker on a group of their own. What is neither on record nor where the farm creates such is somebody else's. */
export function withoutCopies(desired: DesiredFarm, objects: readonly DirectoryObject[]): readonly DirectoryObject[] {
  const { owner, adoption } = desired;
  const isPlaced = isInPlace(desired);
  // Of groups that were somebody else's one may have been adopted a moment ago; and an account, whose marker is all that tells of it.
  const known = adoption.farm === "Unowned" ? knownIds(desired) : desired.knownObjects;
  return objects.map((object) => {
    if (object.owner !== owner || isPlaced(object) || known.includes(object.objectGUID)) return object;
    return isAccount(object) && adoption.farm === "Unowned" ? object : { ...object, owner: copied(owner) };
  });
}

/** Whether it is the farm's own, or on its record. */
export function isKnown(desired: DesiredFarm, { objectGUID, owner }: DirectoryObject): boolean {
  return owner === desired.owner || knownIds(desired).includes(objectGUID);
}

/** The object as a change names it. */
export function owned({ distinguishedName, objectGUID }: DirectoryObject, owner: string): OwnedObject {
  return { distinguishedName, objectGUID, owner };
}

/** Whether the group is another farm's own: nobody but that farm changes its members, whatever a record says. */
export function isAnothers({ owner }: DirectoryObject, desired: DesiredFarm): boolean {
  return owner !== desired.owner && isOwnerMarker(owner);
}

/** A group as a change of its members names it: with its marker where it is the farm's own. */
export function memberGroup(desired: DesiredFarm, object: DirectoryObject, name: string | undefined): MemberGroup {
  const { distinguishedName, objectGUID } = object;
  return object.owner === desired.owner ? owned(object, desired.owner) : { distinguishedName, objectGUID, owner: undefined, name };
}
