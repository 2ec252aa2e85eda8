/** By what a change in the directory is known to concern a farm. */
import type { DesiredFarm } from "../farm/desired.ts";
import { dnKey } from "../names/distinguished-name.ts";
import type { ObservedFarm } from "../ad/object.ts";

/** Everything that the farm asked for or found: a change of any of it may concern the farm. */
export function termsOf(desired: DesiredFarm, observed: ObservedFarm | undefined): ReadonlySet<string> {
  return new Set([
    desired.account.samAccountName.toLowerCase(),
    desired.hostGroup.samAccountName.toLowerCase(),
    dnKey(desired.account.distinguishedName),
    dnKey(desired.hostGroup.distinguishedName),
    ...desired.servicePrincipalNames.map((name) => name.toLowerCase()),
    ...desired.accessGroups.flatMap(({ samAccountName, distinguishedName }) => [samAccountName.toLowerCase(), dnKey(distinguishedName)]),
    ...[...desired.memory.hostGroups, ...desired.memory.accessGroups].map(({ objectGUID }) => objectGUID),
    ...[...desired.hosts, ...desired.quarantined].map(({ by, value }) => (by === "distinguishedName" ? dnKey(value) : value.toLowerCase())),
    ...[...(observed?.objects ?? []), ...(observed?.computers ?? [])].map(({ objectGUID }) => objectGUID),
  ]);
}
