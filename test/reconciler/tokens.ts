/** Who can retrieve a password as a domain controller decides it: from the bytes of the account's list and each computer's token. */
import type { DirectoryObject } from "../../src/ad/object.ts";
import { type AskedDirectory, isPrimary } from "../farm/asked-directory.ts";
import { mayRetrieve } from "../sandbox/directory/access.ts";

/** Everyone, and Authenticated Users. */
const EVERYBODY = ["S-1-1-0", "S-1-5-11"];
const DOMAIN = "S-1-5-21-1-2-3";

/** A membership that is looked away from. */
export type Ignored = (group: DirectoryObject, member: DirectoryObject) => boolean;

/** The SIDs of a computer and of all security groups that it is in: by value, by its primary group, and by way of others. */
export function tokenOf(
  computer: DirectoryObject,
  groups: readonly DirectoryObject[],
  isIgnored: Ignored = () => false,
): ReadonlySet<string> {
  const sids = new Set([...EVERYBODY, computer.objectSID ?? ""]);
  if (!groups.some((group) => isPrimary(group, computer) && isIgnored(group, computer))) sids.add(`${DOMAIN}-${computer.primaryGroupID}`);
  const reached = new Set<DirectoryObject>();
  const open = [computer];
  for (let member = open.pop(); member; member = open.pop()) {
    const { distinguishedName } = member;
    for (const group of groups) {
      if (reached.has(group) || !group.securityEnabled) continue;
      const isIn = isPrimary(group, member) || group.members.includes(distinguishedName);
      if (!isIn || isIgnored(group, member)) continue;
      reached.add(group);
      open.push(group);
      if (group.objectSID !== undefined) sids.add(group.objectSID);
    }
  }
  return sids;
}

/** objectGUIDs of the computers that can retrieve the password of the account. */
export function whoCanRetrieve({ simulated, lists }: AskedDirectory, account: DirectoryObject | undefined): ReadonlySet<string> {
  const list = account && lists.get(account.objectGUID);
  if (!list) return new Set();
  const able = simulated.computers.filter((computer) => mayRetrieve(list, tokenOf(computer, simulated.objects)));
  return new Set(able.map(({ objectGUID }) => objectGUID));
}
