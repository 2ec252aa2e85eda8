/** The end of a farm, by the same rounds. */
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import type { Change } from "../farm/changes/index.ts";
import type { DesiredFarm } from "../farm/desired-farm.ts";
import { sayDiscreetly } from "../farm/discretion.ts";
import { planDecommission } from "../farm/plan/decommission.ts";
import { planKeepingQuarantined } from "../farm/plan/frozen.ts";
import type { Report } from "../farm/report.ts";
import { type DecommissionOutcome, decommissionOutcome, endEvents, isGone } from "../farm/status/decommission.ts";
import type { HeldEnd } from "../farm/status/held-end.ts";
import { wereMembersSettled } from "../farm/status/ending.ts";
import { askerOf, askOf, reconcile } from "./farm.ts";
import type { Aborted, FarmPorts, Work } from "./work.ts";

export interface Decommissioned {
  readonly report: Report;
  readonly end:
    | Aborted
    /** The directory shows nothing of the farm any more. */
    | { readonly kind: "Gone"; readonly events: readonly EventDraft[] }
    | {
        readonly kind: "Remains";
        readonly status: ServerFarmStatus;
        readonly events: readonly EventDraft[];
        /** Whether trying again, with nothing changed, can succeed. */
        readonly retryable: boolean;
      };
}

export interface EndPorts extends Omit<FarmPorts, "record"> {
  /**
   * Asked once, right before the first write, where something is to be deleted: it is on record when this resolves. Resolves with what keeps the farm
   * where it has to wait. Absent: nobody counts.
   */
  readonly claimEnd?: () => Promise<HeldEnd | undefined>;
  /** Called after that, once, also where all is left to others: nobody may begin to use what is about to go. Absent: nobody does. */
  readonly withdraw?: () => Promise<void>;
}

const DELETES: ReadonlySet<Change["kind"]> = new Set(["DeleteAccount", "DeleteHostGroup", "DeleteAccessGroup"]);

/** Takes everything of the farm out of the directory, one thing after the other. Rejects with what `assertFresh` or `claimEnd` rejects with. */
export async function decommissionFarm(
  farm: ServerFarm,
  desired: DesiredFarm,
  ports: EndPorts,
  signal: AbortSignal,
): Promise<Decommissioned> {
  const policy = { retain: farm.spec.deletionPolicy === "Retain", membersSettled: wereMembersSettled(farm) };
  let [claimed, held]: [boolean, HeldEnd | undefined] = [false, undefined];
  const journal: Work["journal"] = async (change, following, view) => {
    const deletes = [change, ...following].some(({ kind }) => DELETES.has(kind));
    if (claimed || !(deletes || policy.retain)) return view.desired;
    if (deletes) held = await ports.claimEnd?.();
    if (held) throw new Error("the end has to wait");
    await ports.withdraw?.();
    claimed = true;
    return view.desired;
  };
  const both = { assertFresh: desired.observedFor === undefined ? ports.assertFresh : undefined, pause: ports.pause };
  const ending: Work = {
    ...both,
    scope: "Owned",
    plan: (view) => planDecommission(view, policy),
    journal,
    ask: () => askerOf(farm, "Decommission"),
    ordered: true,
  };
  const { unrecorded, ...rounds } = await reconcile(desired, ports.directory, ending, signal);
  // For as long as it has to wait hosts may have the right: but for whoever is quarantined in the meantime.
  const keepsOut = rounds.error === undefined && !isGone(rounds) && desired.quarantined.length > 0;
  const keeping: Work = { ...both, scope: "Known", plan: planKeepingQuarantined, ask: askOf(farm), ordered: false };
  const kept = keepsOut
    ? await reconcile(desired, ports.directory, keeping, signal).catch((cause: unknown) => {
        // What was done before is said all the same.
        if (rounds.applied.length === 0) throw cause;
        return undefined;
      })
    : undefined;
  const report: Report = kept
    ? {
        ...rounds,
        view: held ? (kept.view ?? rounds.view) : rounds.view,
        error: kept.error,
        applied: [...rounds.applied, ...kept.applied],
        failures: [...rounds.failures, ...kept.failures],
      }
    : rounds;
  const isUnrecorded = unrecorded !== undefined && held === undefined;
  if (isUnrecorded && report.applied.length === 0) throw unrecorded.cause;
  // What could not be recorded is tried again, and told then: now it is said what was done.
  if (report.error?.kind === "Aborted" || isUnrecorded) return { report, end: { kind: "Aborted", events: endEvents(desired, report) } };
  await ports.pause?.();
  const say = (told: Report): DecommissionOutcome => decommissionOutcome(farm, desired, told, ports.now(), held);
  const { gone, status, events, retryable } = desired.amongTenants ? sayDiscreetly(farm, report, say) : say(report);
  // Of a farm that is gone nothing was in the way.
  if (gone) return { report, end: { kind: "Gone", events: events.filter(({ of }) => of !== "Domain") } };
  return { report, end: { kind: "Remains", status, events, retryable } };
}
