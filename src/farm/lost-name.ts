/** The name of a farm's account: whoever knows the account by its name alone gets whatever has it, as Pods by a credential spec. */
import { sameName } from "../names/account-name.ts";
import { copied, isOwnerMarker } from "../names/identifier.ts";
import { createdBy, type Change } from "./changes/index.ts";
import type { FarmView } from "./view.ts";

/**
 * Whether it is the name of somebody else's account. `known`: objectGUID of the farm's. That the account has lost its marker may be a mistake, and so may
 * be that it was moved: then it still has its objectGUID.
 */
export function hasLostName({ desired: { account, owner }, observed }: FarmView, known: string | undefined): boolean {
  return observed.objects.some((object) => {
    if (!sameName(object.samAccountName, account.samAccountName) || object.owner === owner) return false;
    const isAnothers = isOwnerMarker(object.owner) && object.owner !== copied(owner);
    return isAnothers || (known !== undefined && object.objectGUID !== known);
  });
}

/**
 * What the change does to the name of the account of a farm that goes on. Takes: the farm's account has it afterwards, and had not before. Frees: nobody has
 * it, until the account is created again. Undefined: neither.
 */
export function nameEffect(change: Change): "Takes" | "Frees" | undefined {
  if (createdBy(change) === "Account" || (change.kind === "Adopt" && change.part === "Account")) return "Takes";
  return change.kind === "DeleteAccount" && change.former ? "Frees" : undefined;
}
