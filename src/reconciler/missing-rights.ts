/** Which rights a plan lacks, before its first write. */
import type { Blocker } from "../api/reasons.ts";
import { partOf, type Plan } from "../farm/changes/index.ts";
import type { Directory } from "../farm/observed.ts";

/** What is adopted is adopted whole: where a right is missing for any of it, nothing is written. Rejects with DirectoryError. */
export async function withMissingRights(plan: Plan, directory: Directory, signal: AbortSignal): Promise<Plan> {
  const all = [...plan.changes, ...plan.later];
  const blockers: Blocker[] = [];
  for (const [part, changes] of Map.groupBy(all, partOf)) {
    const missing = await directory.lacks(changes, signal);
    if (missing.length > 0) blockers.push({ reason: "AccessDenied", part, message: missing.join(" ") });
  }
  if (blockers.length === 0) return plan;
  return { changes: [], later: all, blockers: [...plan.blockers, ...blockers] };
}
