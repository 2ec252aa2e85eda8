/** Whether the name of a farm's account is somebody else's: whoever knows the account by its name alone would get that one. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { sameName } from "../names/account-name.ts";
import { copied, isOwnerMarker } from "../names/identifier.ts";
import type { FarmView } from "./view.ts";

/** That the account has lost its marker may be a mistake, and so may be that it was moved: then it still has its objectGUID. */
export function hasLostName({ status }: ServerFarm, { desired: { account, owner }, observed }: FarmView): boolean {
  const known = status?.account?.objectGUID;
  return observed.objects.some((object) => {
    if (!sameName(object.samAccountName, account.samAccountName) || object.owner === owner) return false;
    const isAnothers = isOwnerMarker(object.owner) && object.owner !== copied(owner);
    return isAnothers || (known !== undefined && object.objectGUID !== known);
  });
}
