/** A right that the operator's account lacks in the directory, and how an administrator gives it. */
import { allowDeletion, quoteForShell } from "./remedy.ts";
import { isSharedContainer, MAKE_AN_OU } from "../names/distinguished-name.ts";

export type MissingRight =
  /** Farms are to be made where objects of others are. */
  | { readonly kind: "SharedContainer"; readonly container: string }
  | { readonly kind: "NoContainer"; readonly container: string }
  /** An account or a group: what is below it would keep its owner from deleting it. */
  | { readonly kind: "NotAContainer"; readonly container: string }
  | { readonly kind: "CreateChild"; readonly container: string; readonly objectClass: string }
  /** Or the object, or its container, denies it to everybody: the directory says the same. */
  | { readonly kind: "DeleteChild"; readonly container: string; readonly objectClass: string; readonly object: string }
  /** The same of one object that stands where farms are not made. */
  | { readonly kind: "DeleteObject"; readonly object: string }
  /** Of all objects of the class below the container. */
  | { readonly kind: "WriteProperty"; readonly container: string; readonly objectClass: string; readonly attribute: string }
  /** Of one object that stands where farms are not made, or that is not the farm's yet. */
  | { readonly kind: "WriteObject"; readonly object: string; readonly attributes: readonly string[] };

/**
 * `account` as dsacls takes it: user@domain, DOMAIN\user. The lines are those of docs/domain-setup.md. None is given for a container that others'
 * objects are in: it would open more than the problem.
 */
export function describeRight(right: MissingRight, account: string): string {
  switch (right.kind) {
    case "SharedContainer":
      return `the operator does not create objects in the shared container ${right.container}: ${MAKE_AN_OU}, and name it in spec.defaults.`;
    case "NoContainer":
      return `${right.container} does not exist or cannot be read: create it, or correct the container (the farm's, or the domain's spec.defaults).`;
    case "NotAContainer":
      return `${right.container} is an account or a group, and nothing is created below one: correct the container.`;
    case "CreateChild":
      return `the right to create ${right.objectClass} objects in ${right.container} is missing: ${childRights(right, account)}`;
    case "DeleteChild":
      return `either the right to delete ${right.objectClass} objects in ${right.container} is missing: ${childRights(right, account)} ${orProtected(right)}`;
    case "DeleteObject":
      return `either the right to delete ${right.object} is missing: dsacls ${quoteForShell(right.object)} /G "${account}:SD". ${orProtected(right)}`;
    case "WriteProperty":
      return `the right to write ${right.attribute} of ${right.objectClass} objects in ${right.container} is missing: ${remedy(right.container, `/I:S /G "${account}:WP;${right.attribute};${right.objectClass}"`)}`;
    case "WriteObject": {
      const rights = right.attributes.map((attribute) => `"${account}:WP;${attribute}"`);
      return `the right to write ${right.attributes.join(", ")} of ${right.object} is missing: dsacls ${quoteForShell(right.object)} /G ${rights.join(" ")}.`;
    }
  }
}

function orProtected({ object }: { readonly object: string }): string {
  return `Or ${object} is protected from accidental deletion: to delete it, ${allowDeletion(object)}; if that is not enough, also remove the entry of its container that denies Everyone the right to delete child objects.`;
}

function childRights({ container, objectClass }: { readonly container: string; readonly objectClass: string }, account: string): string {
  return remedy(container, `/I:T /G "${account}:CCDC;${objectClass}"`);
}

function remedy(container: string, grant: string): string {
  if (!isSharedContainer(container)) return `dsacls ${quoteForShell(container)} ${grant}.`;
  return `do not grant it in a shared container: ${MAKE_AN_OU}, grant it there, and move the farms' objects there.`;
}

/** What the operator's account may do that no farm needs. */
export type ExcessiveRight =
  | { readonly kind: "AdministrativeGroup"; readonly name: string; readonly sid: string }
  | { readonly kind: "CreateOthers"; readonly container: string; readonly classes: readonly string[] }
  /** Of groups outside the farms' containers. */
  | { readonly kind: "WriteMembers"; readonly groups: readonly string[] };

export function describeExcess(right: ExcessiveRight, account: string): string {
  switch (right.kind) {
    case "AdministrativeGroup":
      return `${account} is in ${right.name} (${right.sid}), directly or through another group: remove it from that group.`;
    case "CreateOthers":
      return `it may create ${few(right.classes)} in ${right.container}, where farms need only gMSAs and groups: remove that right.`;
    case "WriteMembers":
      return `it may write member of groups outside the farms' containers, such as ${few(right.groups)}: grant that right on individual groups only, not on their containers.`;
  }
}

function few(names: readonly string[]): string {
  return names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "");
}
