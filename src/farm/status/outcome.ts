/** What a reconcile says to the world: pure, so that every state of a farm can be tested as a value. */
import { progress, toConditions, type ConditionDraft } from "../../api/condition.ts";
import type { EventDraft } from "../../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../../api/generated/server-farm.ts";
import { isTerminal, PARTS, type Part } from "../../api/reasons.ts";
import { dnKey } from "../../names/distinguished-name.ts";
import { createdBy, eventsOf, objectOf, partOf, type Change } from "../changes/index.ts";
import type { DesiredFarm } from "../desired.ts";
import type { Report } from "../report.ts";
import { findingOf, summary } from "./findings.ts";
import { carriedOver } from "./not-looked.ts";
import { observedStatus } from "./observed.ts";

/** Retry: with back-off. Recheck: after a while, since what is in the way may go without the operator being told. Resync: the usual time. */
export type Next = "Retry" | "Recheck" | "Resync";

export interface Outcome {
  readonly status: ServerFarmStatus;
  readonly events: readonly EventDraft[];
  readonly next: Next;
  /** Changes that put right what somebody else had changed. */
  readonly drift: readonly Change[];
}

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
  const drift = driftOf(farm, report.applied);
  const generation = farm.metadata.generation ?? 0;
  const findings = [ready, ...parts, ...progress(ready, terminal && !retryable)];
  return {
    status: {
      ...(report.view ? withoutObserved(carriedOver(farm)) : carriedOver(farm)),
      observedGeneration: generation,
      conditions: toConditions(farm.status?.conditions ?? [], findings, generation, now),
      ...(report.view ? observedStatus(farm, report, report.view) : {}),
    },
    events: [...appliedEvents(farm, desired, report.applied), ...warnings(farm, ready)],
    next: ready.status === "True" ? "Resync" : retryable ? "Retry" : "Recheck",
    drift,
  };
}

/** What a look decides anew, whether it is there or not. */
function withoutObserved({
  account: _account,
  hostGroup: _hostGroup,
  formerHostGroups: _formerHostGroups,
  accessGroups: _accessGroups,
  ...kept
}: ReturnType<typeof carriedOver>): ReturnType<typeof carriedOver> {
  return kept;
}

/**
 * Changes to what this very generation had already brought about: somebody else undid it. What is made anew though the farm owned one already was lost,
 * whatever has been between: the domain may have been away, and come back without it.
 */
function driftOf(farm: ServerFarm, applied: readonly Change[]): readonly Change[] {
  const settled = (part: Part): boolean =>
    farm.status?.conditions?.some(
      ({ type, status, observedGeneration }) =>
        type === `${part}Ready` && status === "True" && observedGeneration === farm.metadata.generation,
    ) ?? false;
  return applied.filter((change) => settled(partOf(change)) || isLost(farm, change));
}

/** A farm has one account and one host group, but several access groups. */
function isLost({ status }: ServerFarm, change: Change): boolean {
  const kind = createdBy(change);
  if (kind === undefined) return false;
  return (status?.ownedObjects ?? []).some(
    (owned) => owned.kind === kind && (kind !== "AccessGroup" || dnKey(owned.distinguishedName ?? "") === dnKey(objectOf(change))),
  );
}

/** What the changes say. */
export function appliedEvents(farm: ServerFarm, { account }: DesiredFarm, applied: readonly Change[]): readonly EventDraft[] {
  const drift = driftOf(farm, applied);
  return applied.flatMap((change) => eventsOf(change, { account: account.samAccountName, drifted: drift.includes(change) }));
}

/** A farm that is not ready says so once for each reason. */
function warnings(farm: ServerFarm, ready: ConditionDraft): readonly EventDraft[] {
  const before = farm.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready.status === "True") {
    return before?.status === "True" ? [] : [{ type: "Normal", reason: "Ready", message: ready.message }];
  }
  if (before?.status === ready.status && before.reason === ready.reason && before.message === ready.message) return [];
  return [{ type: "Warning", reason: ready.reason, message: ready.message }];
}
