/** What the end of a farm says. */
import { ABANDON } from "../../api/annotations.ts";
import type { EventDraft } from "../../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../../api/generated/server-farm.ts";
import type { Condition } from "../../api/object.ts";
import { type Reason, waitsForPerson } from "../../api/reasons.ts";
import { describeOwner } from "../../names/identifier.ts";
import { commonName } from "../../names/distinguished-name.ts";
import { listOf } from "../changes/entry.ts";
import { eventsOf } from "../changes/index.ts";
import type { DesiredFarm } from "../desired-farm.ts";
import { leftBehind } from "../handover.ts";
import { readJournal } from "../journal.ts";
import type { Report } from "../report.ts";
import { endingParts, endingStatus } from "./ending.ts";
import type { HeldEnd } from "./held-end.ts";
import { unknownStatus } from "./not-looked.ts";

export interface DecommissionOutcome {
  /** The directory shows nothing of the farm any more. */
  readonly gone: boolean;
  readonly status: ServerFarmStatus;
  readonly events: readonly EventDraft[];
  readonly retryable: boolean;
}

/** Whether the directory showed nothing of the farm any more. */
export function isGone({ plan, error }: Pick<Report, "plan" | "error">): boolean {
  return error === undefined && plan !== undefined && plan.changes.length === 0 && plan.blockers.length === 0;
}

/** `held`: what kept its end from beginning. */
export function decommissionOutcome(
  farm: ServerFarm,
  desired: DesiredFarm,
  report: Report,
  now: Date,
  held?: HeldEnd,
): DecommissionOutcome {
  const { plan, error, failures } = report;
  const gone = isGone(report);
  const causes = [
    ...(held ? [held.message] : []),
    ...(error ? [error.message] : []),
    ...failures.map((failure) => failure.error.message),
    ...(plan?.blockers ?? []).map(({ message }) => message),
  ];
  if (desired.observedFor !== undefined && !gone && causes.length === 0) {
    const whose = desired.observedFor === "Domain" ? ` of the ActiveDirectoryDomain ${farm.spec.domainRef.name}` : "";
    causes.push(
      `managementPolicy${whose} is Observe, so nothing is deleted in the directory: set it to Enforce. To remove only the farm and leave its objects in the directory, set the annotation ${ABANDON}=true.`,
    );
  }
  const reason = causes.length > 0 ? "DeletionBlocked" : "Deleting";
  const message =
    causes.length > 0
      ? `the farm cannot be decommissioned yet: ${[...new Set(causes)].join(" ")}`
      : "the operator is removing what the farm owns in the directory.";
  const retryable = error !== undefined || failures.some((failure) => failure.error.retryable) || causes.length === 0;
  const waits = held?.stalled === false || plan?.blockers.some((blocker) => !waitsForPerson(blocker.reason)) === true;
  const seen = unknownStatus(farm, reason, message, now, {
    stalled: !retryable && !waits,
    ending: (parts) => endingParts(farm, parts, report),
  });
  const ending = endingStatus(farm, seen, report);
  const status = held ? { ...ending, conditions: (ending.conditions ?? []).map(nameBudget) } : ending;
  return { gone, status, events: eventsOfEnd(desired, report, gone), retryable };
}

/** Ready says DeletionBlocked, as of every end that cannot go on; what tells for whom it waits says why. */
function nameBudget(condition: Condition): Condition {
  const isProgress = condition.type === "Reconciling" || condition.type === "Stalled";
  return isProgress ? { ...condition, reason: "DeletionBudgetExceeded" satisfies Reason } : condition;
}

/** What was done, where nothing else can be said. */
export function endEvents({ account }: DesiredFarm, { applied }: Report): readonly EventDraft[] {
  return applied.flatMap((change) => eventsOf(change, account.samAccountName, false));
}

function eventsOfEnd(desired: DesiredFarm, report: Report, gone: boolean): readonly EventDraft[] {
  const { applied, view } = report;
  const released = new Set(applied.flatMap((change) => ("object" in change ? [change.object.objectGUID] : [])));
  const strays = (view?.observed.objects ?? []).filter(
    ({ objectGUID, owner }) => desired.knownObjects.includes(objectGUID) && owner !== desired.owner && !released.has(objectGUID),
  );
  return [
    ...endEvents(desired, report),
    ...(gone && view ? leftBehind(view).map(memberLeft) : []),
    ...strays.map(({ distinguishedName, owner }): EventDraft => ({
      type: "Warning",
      reason: "ObjectKept",
      message: `${distinguishedName} was this farm's and stays in the directory: ${describeOwner(owner, desired.owner)} now`,
    })),
  ];
}

function memberLeft({ group, computers }: ReturnType<typeof leftBehind>[number]): EventDraft {
  const dns = computers.map(({ distinguishedName }) => distinguishedName);
  const names = listOf(dns, commonName);
  const message = `${names}: this farm added it to ${group.distinguishedName} and leaves it there, because another farm needs it and has not recorded it yet. If the operator stops before that farm records it, no farm removes it later: remove it yourself once no farm lists it.`;
  return { type: "Warning", reason: "MemberLeft", message };
}

/** The farm was let go, with all that it had made and done. */
export function abandonedEvent({ status }: ServerFarm): EventDraft {
  const { hostGroups, accessGroups } = readJournal(status);
  const left = [
    ...(status?.ownedObjects ?? []).map(({ kind, distinguishedName, objectGUID }) => `${kind} ${distinguishedName ?? objectGUID}`),
    ...hostGroups.filter(({ added }) => added.length > 0).map((group) => `${group.added.length} hosts in ${group.distinguishedName}`),
    ...accessGroups.map(({ distinguishedName }) => `the account in ${distinguishedName}`),
  ];
  return {
    type: "Warning",
    reason: "Abandoned",
    message: `the farm was abandoned (${ABANDON}); left in the directory, unchanged: ${left.length > 0 ? left.join("; ") : "nothing known"}`,
  };
}
