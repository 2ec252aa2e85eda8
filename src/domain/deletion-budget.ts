/** How many farms of a domain may come to their end within a time: pure. */
import type { EventDraft } from "../api/event.ts";
import type { ActiveDirectoryDomain, ActiveDirectoryDomainStatus } from "../api/generated/active-directory-domain.ts";
import { timestamp } from "../api/object.ts";

export type Deletions = NonNullable<ActiveDirectoryDomainStatus["deletions"]>;

export interface DeletionBudget {
  readonly farms: number;
  /** Milliseconds. */
  readonly per: number;
}

/** Those that still count. */
export function countedDeletions(deletions: Deletions, { per }: DeletionBudget, now: Date): Deletions {
  return deletions.filter(({ at }) => Date.parse(at) + per > now.getTime());
}

/** How many more may begin now. */
export function freeSlots(deletions: Deletions, budget: DeletionBudget, now: Date): number {
  return Math.max(0, budget.farms - countedDeletions(deletions, budget, now).length);
}

/** In how many milliseconds the next one may begin; Infinity where none ever may. */
export function nextSlotIn(deletions: Deletions, budget: DeletionBudget, now: Date): number {
  if (budget.farms === 0) return Infinity;
  const counted = countedDeletions(deletions, budget, now);
  if (counted.length < budget.farms) return 0;
  // A budget that was made smaller is free again only when enough of them are over.
  const ends = counted.map(({ at }) => Date.parse(at) + budget.per - now.getTime()).toSorted((a, b) => a - b);
  return ends[counted.length - budget.farms] ?? 0;
}

/**
 * What has to be recorded before the farm's end begins. The same list where it has begun before: a crash in the middle costs no second slot. Undefined
 * where the farm has to wait. `ahead`: how many wait that were deleted before it.
 */
export function takeSlot(
  deletions: Deletions,
  budget: DeletionBudget,
  { uid, farm, ahead }: { readonly uid: string; readonly farm: string; readonly ahead: number },
  now: Date,
): Deletions | undefined {
  const counted = countedDeletions(deletions, budget, now);
  if (counted.some((deletion) => deletion.uid === uid)) return deletions;
  if (budget.farms - counted.length <= ahead) return undefined;
  return [...counted, { farm, uid, at: timestamp(now) }];
}

/** One text for all that wait, so that they are one Event. */
export function budgetExceededEvent({ spec }: ActiveDirectoryDomain): EventDraft {
  const { farms, per } = spec.deletionBudget;
  return {
    type: "Warning",
    reason: "DeletionBudgetExceeded",
    message: `deleted farms wait: spec.deletionBudget allows ${farms === 1 ? "1 farm" : `${farms} farms`} within ${per}. To list them: kubectl get farm -A (DeletionBlocked). If the deletion is a mistake, set deletionPolicy: Retain on them; see docs/runbooks/ServerFarmDeletionBudgetExceeded.md`,
  };
}
