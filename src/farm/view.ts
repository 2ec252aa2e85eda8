/** One farm at one look: desired and observed, and what follows from both. Computed once, and handed to every planner and to the status. */
import type { DesiredFarm, DesiredGroup } from "./desired-farm.ts";
import type { Looked } from "./host-groups.ts";
import type { ObservedFarm } from "./observed.ts";
import { type ResolvedHosts, resolveHosts } from "./resolved-hosts.ts";
import { slotOfAccessGroup, slotOfAccount, slotOfHostGroup, type Slot } from "./slot.ts";

export interface FarmView extends Looked {
  readonly accessGroups: readonly { readonly wanted: DesiredGroup; readonly slot: Slot }[];
  readonly hosts: ResolvedHosts;
}

export function viewOf(desired: DesiredFarm, observed: ObservedFarm): FarmView {
  const looked = { desired, observed, account: slotOfAccount(desired, observed), hostGroup: slotOfHostGroup(desired, observed) };
  return {
    ...looked,
    accessGroups: desired.accessGroups.map((wanted) => ({ wanted, slot: slotOfAccessGroup(desired, observed, wanted) })),
    hosts: resolveHosts(looked),
  };
}
