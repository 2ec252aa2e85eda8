/** Of the computers that a search finds those that may be hosts of the farm. What is found may be very much, so that of the others only little is kept. */
import { ACCOUNT_DISABLED } from "../ad/account-flags.ts";
import { type DirectoryObject, isTrusted } from "../ad/object.ts";
import { foldName } from "../names/account-name.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { allowedHosts, allowedNames } from "./allowed-hosts.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { DesiredSearch } from "./desired-search.ts";
import { accountsOf, isOwnGroup } from "./name-queries.ts";
import type { PassedOver } from "./observed-search.ts";

/** Below the container, called as the search says, and enabled. */
interface Sifted {
  readonly eligible: readonly DirectoryObject[];
  /** The tenant does not allow them. */
  readonly refused: readonly DirectoryObject[];
  /** An administrator has to make them anew. */
  readonly untrusted: readonly DirectoryObject[];
}

/** The name by which patterns mean it. */
export function nameOfComputer({ samAccountName = "" }: Pick<DirectoryObject, "samAccountName">): string {
  return foldName(samAccountName.endsWith("$") ? samAccountName.slice(0, -1) : samAccountName);
}

/** `found`: as far as it was read while some of them were moved. */
export function sift(
  desired: DesiredFarm,
  search: Pick<DesiredSearch, "matches">,
  container: DirectoryObject,
  found: readonly DirectoryObject[],
): Sifted {
  const end = `,${dnKey(container.distinguishedName)}`;
  const isMeant = (computer: DirectoryObject): boolean =>
    dnKey(computer.distinguishedName).endsWith(end) && search.matches(nameOfComputer(computer)) && !isDisabled(computer);
  const isAllowed = allowedOf(desired);
  const sifted = { eligible: new Array<DirectoryObject>(), refused: new Array<DirectoryObject>(), untrusted: new Array<DirectoryObject>() };
  for (const computer of found.filter(isMeant)) {
    const [trusted, allowed] = [isTrusted(desired, computer), isAllowed(computer)];
    // Of a computer that is neither its tenant is not told.
    if (trusted) sifted[allowed ? "eligible" : "refused"].push(computer);
    else if (allowed) sifted.untrusted.push(computer);
  }
  return sifted;
}

/** Whether the tenant may have the computer, by where it is and how it is called. */
export function allowedOf({ granted }: DesiredFarm): (computer: DirectoryObject) => boolean {
  if (!granted) return () => true;
  const [isThere, isCalledSo] = [allowedHosts(granted), allowedNames(granted)];
  return (computer) => isThere(computer) && isCalledSo(computer);
}

function isDisabled({ userAccountControl = 0 }: DirectoryObject): boolean {
  return (userAccountControl & ACCOUNT_DISABLED) !== 0;
}

/**
 * Those who may be hosts, and those who may have the right already; of all others who they are. Of more than `max` nobody comes, so that whoever has nothing is of no use.
 * `objects`: what the farm has in the directory.
 */
export function narrow(
  desired: DesiredFarm,
  search: DesiredSearch,
  container: DirectoryObject,
  { objects, found }: { readonly objects: readonly DirectoryObject[]; readonly found: readonly DirectoryObject[] },
): { readonly found: readonly DirectoryObject[]; readonly passedOver: PassedOver } {
  const { eligible, refused, untrusted } = sift(desired, search, container, found);
  // Who is quarantined is not counted, which only shows when all is known.
  const isOver = eligible.length > search.max + desired.quarantined.length;
  const mayHave = isOver ? rightOf(desired, search, objects) : () => true;
  const isKnown = ({ objectGUID }: DirectoryObject): boolean => search.remembered.has(objectGUID);
  const guids = (computers: readonly DirectoryObject[]): readonly string[] => computers.map(({ objectGUID }) => objectGUID);
  return {
    found: [...eligible.filter(mayHave), ...refused.filter(isKnown)],
    passedOver: {
      tooMany: guids(eligible.filter((computer) => !mayHave(computer))),
      refused: guids(refused.filter((computer) => !isKnown(computer))),
      untrusted: untrusted.map(({ distinguishedName }) => distinguishedName),
    },
  };
}

/** Whether a computer may have the right, by the search or otherwise: too many are no reason to take it from anybody. */
function rightOf(
  desired: DesiredFarm,
  { remembered }: DesiredSearch,
  objects: readonly DirectoryObject[],
): (computer: DirectoryObject) => boolean {
  const members = new Set(objects.filter((object) => isOwnGroup(desired, object)).flatMap((group) => group.members.map(dnKey)));
  const named = new Set(accountsOf(desired, objects).flatMap(({ retrievers }) => retrievers?.principals ?? []));
  const put = new Set(desired.journal.hostGroups.flatMap(({ added }) => added));
  return ({ objectGUID, objectSID = "", distinguishedName }) =>
    remembered.has(objectGUID) || put.has(objectGUID) || named.has(objectSID) || members.has(dnKey(distinguishedName));
}
