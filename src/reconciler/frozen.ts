/** A farm that gets nothing new, by the same rounds: whoever must not have the right any more loses it. */
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import type { DesiredFarm } from "../farm/desired-farm.ts";
import { sayDiscreetly } from "../farm/discretion.ts";
import { frozenFarm } from "../farm/frozen.ts";
import { planFrozen } from "../farm/plan/frozen.ts";
import type { Report } from "../farm/report.ts";
import type { Withheld } from "../farm/status/allowed.ts";
import { frozenOutcome, withheldOutcome } from "../farm/status/frozen.ts";
import { appliedEvents } from "../farm/status/outcome.ts";
import { askOf, reconcile } from "./farm.ts";
import type { Aborted, FarmPorts } from "./work.ts";

interface Frozen {
  /** As far as it is looked at. */
  readonly desired: DesiredFarm;
  readonly report: Report;
  readonly end:
    | Aborted
    | {
        readonly kind: "Looked";
        readonly status: ServerFarmStatus;
        readonly events: readonly EventDraft[];
        /** Whether trying again, with nothing changed, can succeed. */
        readonly retryable: boolean;
      };
}

/** Rejects with what `assertFresh` rejects with. */
export async function reconcileFrozen(
  farm: ServerFarm,
  wanted: DesiredFarm,
  withheld: Withheld,
  ports: Omit<FarmPorts, "record">,
  signal: AbortSignal,
): Promise<Frozen> {
  const desired = frozenFarm(farm, wanted);
  const assertFresh = wanted.observedFor === undefined ? ports.assertFresh : undefined;
  const work = { scope: "Known", plan: planFrozen, assertFresh, ask: askOf(farm), ordered: false, pause: ports.pause } as const;
  const report = await reconcile(desired, ports.directory, work, signal);
  if (report.error?.kind === "Aborted")
    return { desired, report, end: { kind: "Aborted", events: appliedEvents(farm, desired, report.applied) } };
  await ports.pause?.();
  // Whom it quarantines was not looked up, so nothing is said of them either.
  if (report.view?.observed.objects.length === 0)
    return { desired, report, end: { kind: "Looked", ...withheldOutcome(farm, withheld, ports.now()), retryable: false } };
  const say = (told: Report): ReturnType<typeof frozenOutcome> => frozenOutcome(farm, desired, withheld, told, ports.now());
  return { desired, report, end: { kind: "Looked", ...(desired.amongTenants ? sayDiscreetly(farm, report, say) : say(report)) } };
}
