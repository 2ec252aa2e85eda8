import type { Blocker, Part } from "./blocker.ts";
import type { OwnedObject } from "./change.ts";
import { describeOwner, type DesiredFarm } from "./desired.ts";
import { dnKey } from "./distinguished-name.ts";
import { isAccount, isGroup, type DirectoryObject, type ObservedFarm } from "./observed.ts";

/** What stands where the farm wants an object: nothing, the farm's own, or something that it must not touch. */
export type Place =
  | { readonly kind: "Free" }
  | { readonly kind: "Own"; readonly object: DirectoryObject }
  | { readonly kind: "Taken"; readonly blocker: Blocker };

function place(
  desired: DesiredFarm,
  observed: ObservedFarm,
  wanted: {
    readonly part: Part;
    readonly what: string;
    readonly samAccountName: string;
    readonly distinguishedName: string;
    readonly is: (object: DirectoryObject) => boolean;
    readonly remedy: string;
  },
): Place {
  const mine = (object: DirectoryObject): boolean => wanted.is(object) && object.owner === desired.owner;
  const known = observed.objects.find((object) => desired.knownObjects.includes(object.objectGUID) && mine(object));
  const bySam = observed.objects.find((object) => object.samAccountName?.toLowerCase() === wanted.samAccountName.toLowerCase());
  const byDn = observed.objects.find((object) => dnKey(object.distinguishedName) === dnKey(wanted.distinguishedName));
  // An account or group that was renamed keeps its GUID; one that bears the wanted name goes first, as the names may have changed in the spec.
  const found = bySam ?? byDn;
  const object = found && (mine(found) || !known) ? found : known;
  if (!object) return { kind: "Free" };
  const { distinguishedName } = object;
  const taken = (reason: Blocker["reason"], message: string): Place => ({ kind: "Taken", blocker: { reason, part: wanted.part, message } });
  if (object.protection !== undefined) {
    return taken(
      "ProtectedObject",
      `${distinguishedName} must never be managed: ${object.protection}. Choose another name for the ${wanted.what}.`,
    );
  }
  if (!wanted.is(object)) {
    return taken(
      "ObjectExists",
      `${distinguishedName} (${object.objectClass}) stands where the ${wanted.what} should be; it was left as it is. ${wanted.remedy}`,
    );
  }
  if (object.owner !== desired.owner) {
    return taken(
      "NotOwned",
      `${distinguishedName} exists and ${describeOwner(object.owner, desired.owner)}; it was left as it is. ${wanted.remedy}`,
    );
  }
  return { kind: "Own", object };
}

export function placeOfAccount(desired: DesiredFarm, observed: ObservedFarm): Place {
  return place(desired, observed, {
    part: "Account",
    what: "account",
    samAccountName: desired.account.samAccountName,
    distinguishedName: desired.account.distinguishedName,
    is: isAccount,
    remedy: "Remove it, or create a ServerFarm with another account.name.",
  });
}

export function placeOfHostGroup(desired: DesiredFarm, observed: ObservedFarm): Place {
  return place(desired, observed, {
    part: "Hosts",
    what: "host group",
    samAccountName: desired.hostGroup.samAccountName,
    distinguishedName: desired.hostGroup.distinguishedName,
    is: isGroup,
    remedy: "Remove it, or choose another hosts.group.name.",
  });
}

/** The object as a change names it. */
export function owned(object: DirectoryObject, owner: string): OwnedObject {
  return { distinguishedName: object.distinguishedName, objectGUID: object.objectGUID, owner };
}
