/** What is done for a farm that gets nothing new: whoever must not have the right any more loses it. */
import { NOTHING, type Plan } from "../changes/index.ts";
import type { FarmView } from "../view.ts";
import { planLeaving } from "./access-groups.ts";
import { planQuarantine, planTakingOut } from "./hosts.ts";
import { planKeepingOut } from "./retrievers.ts";

/** The hosts that are quarantined, and nothing else. */
export function planKeepingQuarantined(view: FarmView): Plan {
  return { ...NOTHING, changes: [planQuarantine(view), planKeepingOut(view)].flatMap(({ changes }) => changes) };
}

/** Nothing is put in, made or fixed. A compromised host goes first. */
export function planFrozen(view: FarmView): Plan {
  const { account, hosts } = view;
  const steps = [planQuarantine(view), planKeepingOut(view), planTakingOut(view, hosts.departed), planLeaving(view)];
  const blocked = account.kind === "Blocked" && account.blocker.reason === "ProtectedObject" ? [account.blocker] : [];
  return { changes: steps.flatMap(({ changes }) => changes), later: [], blockers: [...blocked, ...hosts.blockers] };
}
