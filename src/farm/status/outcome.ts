import { isTerminal, PARTS } from "../../api/reasons.ts";
import type { Change } from "../changes/index.ts";
import { progress, toConditions } from "../../api/condition.ts";
import type { DesiredFarm } from "../desired.ts";
import { ABANDON } from "../../api/annotations.ts";
import { describeOwner } from "../../names/owner-marker.ts";
import type { ServerFarm, ServerFarmStatus } from "../../api/generated/server-farm.ts";
import type { EventDraft } from "../../api/event.ts";
import { driftOf, eventsOf, warnings } from "./events.ts";
import { findingOf, summary } from "./findings.ts";
import { seen } from "./observed.ts";
import { carriedOver, unknownStatus } from "./not-looked.ts";
import type { Report } from "../report.ts";

/** Retry: with back-off. Recheck: after a while, since what is in the way may go without the operator being told. Resync: the usual time. */
export type Next = "Retry" | "Recheck" | "Resync";

export interface Outcome {
  readonly status: ServerFarmStatus;
  readonly events: readonly EventDraft[];
  readonly next: Next;
  /** Changes that put right what somebody else had changed. */
  readonly drift: readonly Change[];
}

/** What a reconcile says to the world: pure, so that every state of a farm can be tested as a value. */
export function outcome(farm: ServerFarm, desired: DesiredFarm, report: Report, now: Date): Outcome {
  const parts = PARTS.map((part) => findingOf(part, desired, report));
  const ready = summary(desired, report, parts);
  // A part that only waits for another that is stuck is stuck as well.
  const wrong = parts.filter(({ status }) => status !== "True");
  const terminal =
    report.error === undefined &&
    wrong.some(({ reason }) => isTerminal(reason)) &&
    wrong.every(({ reason }) => isTerminal(reason) || reason === "ChangesPending");
  const retryable = report.error !== undefined || report.failures.some(({ error }) => error.retryable);
  const drift = driftOf(farm, report);
  return {
    status: {
      ...(report.observed ? withoutSeen(carriedOver(farm)) : carriedOver(farm)),
      observedGeneration: farm.metadata.generation ?? 0,
      conditions: toConditions(
        farm.status?.conditions ?? [],
        [ready, ...parts, ...progress(ready, terminal && !retryable)],
        farm.metadata.generation ?? 0,
        now,
      ),
      ...(report.observed ? seen(farm, desired, report, report.observed) : {}),
    },
    events: [...report.applied.flatMap((change) => eventsOf(change, desired, drift.includes(change))), ...warnings(farm, ready)],
    next: ready.status === "True" ? "Resync" : retryable ? "Retry" : "Recheck",
    drift,
  };
}

/** What a look decides anew, whether it is there or not. */
function withoutSeen({
  account: _account,
  hostGroup: _hostGroup,
  formerHostGroups: _formerHostGroups,
  accessGroups: _accessGroups,
  ...kept
}: ReturnType<typeof carriedOver>): ReturnType<typeof carriedOver> {
  return kept;
}

/** What the end of a farm says: `gone` once the directory shows nothing of it any more. */
export function decommissionOutcome(
  farm: ServerFarm,
  desired: DesiredFarm,
  report: Report,
  now: Date,
): { readonly gone: boolean; readonly status: ServerFarmStatus; readonly events: readonly EventDraft[]; readonly retryable: boolean } {
  const { plan, error, failures, applied } = report;
  const released = new Set(applied.flatMap((change) => ("object" in change ? [change.object.objectGUID] : [])));
  const strays = (report.observed?.objects ?? []).filter(
    ({ objectGUID, owner }) => desired.knownObjects.includes(objectGUID) && owner !== desired.owner && !released.has(objectGUID),
  );
  const events: readonly EventDraft[] = [
    ...applied.flatMap((change) => eventsOf(change, desired, false)),
    ...strays.map(({ distinguishedName, owner }): EventDraft => ({
      type: "Warning",
      reason: "ObjectKept",
      message: `${distinguishedName} was this farm's and stays in the directory: ${describeOwner(owner, desired.owner)} now`,
    })),
  ];
  const gone = error === undefined && plan !== undefined && plan.changes.length === 0 && plan.blockers.length === 0;
  const causes = [
    ...(error ? [error.message] : []),
    ...failures.map((failure) => failure.error.message),
    ...(plan?.blockers ?? []).map(({ message }) => message),
  ];
  if (farm.spec.managementPolicy === "Observe" && !gone && causes.length === 0) {
    causes.push(
      `managementPolicy is Observe, so nothing is deleted in the directory: set it to Enforce, or let the farm go with the annotation ${ABANDON}=true.`,
    );
  }
  const reason = causes.length > 0 ? "DeletionBlocked" : "Deleting";
  const message =
    causes.length > 0
      ? `the farm cannot be decommissioned yet: ${[...new Set(causes)].join(" ")}`
      : "what the farm owns in the directory is being removed.";
  const retryable = error !== undefined || failures.some((failure) => failure.error.retryable) || causes.length === 0;
  const waits = plan?.blockers.some((blocker) => !isTerminal(blocker.reason)) === true;
  return { gone, status: unknownStatus(farm, reason, message, now, { stalled: !retryable && !waits }), events, retryable };
}
