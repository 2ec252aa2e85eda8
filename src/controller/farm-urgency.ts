/** How urgent a change of a farm is. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { Priority } from "../base/turns.ts";

/** Without `previous`, of what was there when this replica began to lead. */
export function urgencyOf(farm: ServerFarm, previous: ServerFarm | undefined): Priority {
  const { metadata, spec, status } = farm;
  if (metadata.deletionTimestamp !== undefined) return "Urgent";
  const known = new Set(previous ? previous.spec.hosts.quarantined : status?.resolvedHosts?.map(({ reference }) => reference));
  if (spec.hosts.quarantined.some((text) => !known.has(text))) return "Urgent";
  // Most of what is there at first was looked at before this replica began to lead.
  return previous || status?.observedGeneration !== metadata.generation ? "Change" : "Resync";
}
