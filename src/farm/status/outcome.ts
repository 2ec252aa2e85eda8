/** What a reconcile says to the world, part by part and in sum: pure, so that every state of a farm can be tested as a value. */
import type { EventDraft } from "../../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../../api/generated/server-farm.ts";
import { progress, toConditions, type ConditionDraft } from "../../api/object.ts";
import { waitsForPerson, PARTS, type Part, type Reason } from "../../api/reasons.ts";
import { ACCOUNT_DISABLED, ENCRYPTION_BITS } from "../../ad/account-flags.ts";
import type { DirectoryErrorKind } from "../../ad/error.ts";
import { commonName, dnKey } from "../../names/distinguished-name.ts";
import { listOf } from "../changes/entry.ts";
import { countOf, createdBy, describeChange, eventsOf, objectOf, partOf, type Change } from "../changes/index.ts";
import type { DesiredFarm } from "../desired-farm.ts";
import { isBeingRecreated } from "../journal.ts";
import type { Report } from "../report.ts";
import type { FarmView } from "../view.ts";
import { allowedFinding } from "./allowed.ts";
import { blockersMessage, failureMessage } from "./blocked.ts";
import { carriedOver, observedStatus, passwordTimes, withoutObserved } from "./observed.ts";

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
    wrong.some(({ reason }) => waitsForPerson(reason)) &&
    wrong.every(({ reason }) => waitsForPerson(reason) || reason === "ChangesPending");
  const retryable = report.error !== undefined || report.failures.some(({ error }) => error.retryable);
  // To try again makes a group and takes it back: less and less often.
  const tookBack =
    report.failures.some(({ change }) => change.kind === "CreateAccount") && report.applied.some(({ kind }) => kind === "DeleteHostGroup");
  const drift = report.applied.filter((change) => isDrift(farm, change));
  const generation = farm.metadata.generation ?? 0;
  const findings = [
    ready,
    ...(desired.granted ? [allowedFinding(desired.granted)] : []),
    ...parts,
    ...progress(ready, terminal && !retryable),
  ];
  return {
    status: {
      ...(report.view ? withoutObserved(carriedOver(farm)) : carriedOver(farm)),
      observedGeneration: generation,
      conditions: toConditions(farm.status?.conditions ?? [], findings, generation, now),
      ...(report.view ? observedStatus(farm, report, report.view) : {}),
    },
    events: [...appliedEvents(farm, desired, report.applied), ...noteEvents(farm, report.view), ...warnings(farm, ready)],
    next: ready.status === "True" ? "Resync" : retryable || tookBack ? "Retry" : "Recheck",
    drift,
  };
}

/**
 * A change to what this very generation had already brought about: somebody else undid it. What is made anew though the farm owned one already was lost,
 * whatever has been between: the domain may have been away, and come back without it. Not where the farm itself deleted its account, to create it again.
 */
export function isDrift(farm: ServerFarm, change: Change): boolean {
  const settled = farm.status?.conditions?.some(
    ({ type, status, observedGeneration }) =>
      type === `${partOf(change)}Ready` && status === "True" && observedGeneration === farm.metadata.generation,
  );
  return !isBeingRecreated(farm.status ?? {}) && (settled === true || isLost(farm, change));
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
  return applied.flatMap((change) => eventsOf(change, account.samAccountName, isDrift(farm, change)));
}

/** What is noted of a host is said once, when it is new. */
function noteEvents({ status }: ServerFarm, view: FarmView | undefined): readonly EventDraft[] {
  const before = status?.conditions?.find(({ type }) => type === "HostsReady")?.message ?? "";
  const notes = view?.hosts.notes.slice(0, NOTES).filter(({ message }) => !before.includes(message)) ?? [];
  return notes.map(({ reason, message }) => ({ type: "Warning", reason, message }));
}

/** As many notes are said in a condition, each of some 300 characters. */
const NOTES = 5;

function notesMessage({ hosts: { notes } }: FarmView): string {
  const rest = notes.length > NOTES ? ` And ${notes.length - NOTES} more.` : "";
  return notes.length === 0
    ? ""
    : ` ${notes
        .slice(0, NOTES)
        .map(({ message }) => message)
        .join(" ")}${rest}`;
}

/** A farm that is not ready says so once for each reason. */
export function warnings(farm: ServerFarm, ready: ConditionDraft): readonly EventDraft[] {
  const before = farm.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready.status === "True") {
    return before?.status === "True" ? [] : [{ type: "Normal", reason: "Ready", message: ready.message }];
  }
  if (before?.status === ready.status && before.reason === ready.reason && before.message === ready.message) return [];
  return [{ type: "Warning", reason: ready.reason, message: ready.message }];
}

/** Reasons of an error, for conditions: one table. */
const REASON: Readonly<Record<DirectoryErrorKind, Reason>> = {
  Unavailable: "DirectoryUnavailable",
  OutcomeUnknown: "DirectoryUnavailable",
  Aborted: "Progressing",
  Untrusted: "DirectoryUnavailable",
  InvalidCredentials: "DirectoryUnavailable",
  AccessDenied: "AccessDenied",
  AlreadyExists: "ObjectExists",
  NotFound: "Rejected",
  Stale: "Rejected",
  ValueExists: "Rejected",
  NoSuchValue: "Rejected",
  ServicePrincipalNameInUse: "ServicePrincipalNameInUse",
  ConstraintViolation: "Rejected",
  Unwilling: "Rejected",
  Referral: "DirectoryUnavailable",
  NotOwned: "NotOwned",
  TooMany: "Rejected",
  NotSent: "Rejected",
  Rejected: "Rejected",
};

export function findingOf(part: Part, desired: DesiredFarm, report: Report): ConditionDraft {
  const { plan, failures, error, view } = report;
  const type = `${part}Ready`;
  if (error) return { type, status: "Unknown", reason: REASON[error.kind], message: error.message };
  const blockers = (plan?.blockers ?? []).filter((blocker) => blocker.part === part);
  const pending = [...(plan?.changes ?? []), ...(plan?.later ?? [])].filter((change) => partOf(change) === part);
  // A failure that left nothing to do has been overtaken: the last look decides.
  const failed = pending.length > 0 ? failures.filter(({ change }) => partOf(change) === part) : [];
  const [firstFailure] = failed;
  if (firstFailure) return { type, status: "False", reason: REASON[firstFailure.error.kind], message: failureMessage(failed, blockers) };
  const [firstBlocker] = blockers;
  const exposure = part === "Hosts" && view ? exposureOf(view) + notesMessage(view) : "";
  if (firstBlocker) return { type, status: "False", reason: firstBlocker.reason, message: `${blockersMessage(blockers)}${exposure}` };
  if (pending.length > 0) {
    const changes = pending.flatMap((change) => describeChange(change));
    const list = changes.slice(0, 5).map(({ change, object, value }) => `${change} ${value ?? commonName(object)}`);
    const rest = changes.length > list.length ? ` and ${changes.length - list.length} more` : "";
    const after = failures.length > 0 ? ", after the changes that failed: see the other conditions" : "";
    const held = desired.observedFor === "Domain" ? " Nothing is written: the domain's managementPolicy is Observe." : "";
    return { type, status: "False", reason: "ChangesPending", message: `pending: ${list.join(", ")}${rest}${after}.${held}` };
  }
  return { type, status: "True", reason: "Reconciled", message: reconciledMessage(part, desired, view) };
}

function reconciledMessage(part: Part, desired: DesiredFarm, view: FarmView | undefined): string {
  switch (part) {
    case "Account": {
      const rc4 =
        (desired.account.encryptionTypes & ENCRYPTION_BITS.RC4) === 0
          ? ""
          : " RC4 is allowed and weak: remove it from encryptionTypes once no client needs it.";
      return `${desired.account.samAccountName} exists and its properties match.${rc4}`;
    }
    case "Hosts":
      return `${grantMessage(desired)}${view ? disabledHosts(view) + exposureOf(view) + notesMessage(view) : ""}`;
    case "ServicePrincipalNames":
      if (desired.unmanagedServicePrincipalNames.includes("*"))
        return "service principal names are not managed: set servicePrincipalNames to manage them.";
      return `the account has exactly ${countOf(desired.servicePrincipalNames.length, "service principal name")}, as the farm lists.`;
    case "AccessGroups":
      return desired.accessGroups.length === 0
        ? "the farm lists no access groups."
        : `the account is a member of ${desired.accessGroups.map(({ samAccountName }) => samAccountName).join(", ")}.`;
  }
}

function grantMessage({ grant, hostGroup }: DesiredFarm): string {
  if (grant === "Principals") return "exactly the hosts of the farm may retrieve the password, each named directly; none needs a restart.";
  const restart = "A host that was added sees it after a restart, or after klist -li 0x3e7 purge.";
  return hostGroup.existing
    ? `the hosts of the farm may retrieve the password, and so may all other members of ${hostGroup.samAccountName}, an externally managed group. ${restart}`
    : `exactly the hosts of the farm may retrieve the password. ${restart}`;
}

/** A disabled computer has the right and cannot use it: nothing that the farm could mend, but what somebody may be looking for. */
function disabledHosts({ hosts }: FarmView): string {
  const disabled = [...hosts.wanted.values()].filter(({ userAccountControl = 0 }) => (userAccountControl & ACCOUNT_DISABLED) !== 0);
  if (disabled.length === 0) return "";
  const names = disabled.map(({ distinguishedName }) => distinguishedName);
  return ` Disabled in the directory, so they cannot log on: ${listOf(names, commonName)}.`;
}

/** Whoever once had the password knows it until it changes: nobody can change it before (MS-ADTS 3.1.1.4.5.39). */
export function exposureOf({ desired, account, hosts }: FarmView): string {
  const known = new Set(hosts.records.map(({ reference }) => reference));
  const out = desired.quarantined.filter(({ text }) => known.has(text));
  if (out.length === 0) return "";
  const { passwordLastChanged, passwordNextChange } = account.kind === "Own" ? passwordTimes(account.object) : {};
  const names = listOf(out.map(({ text }) => text));
  if (passwordLastChanged === undefined || passwordNextChange === undefined) return ` Quarantined: ${names}.`;
  return ` Quarantined: ${names}. Each of them that had the right after ${passwordLastChanged} knows the password until its next change at ${passwordNextChange}; nobody can force that change.`;
}

function contentsOf({ servicePrincipalNames, hosts, quarantined }: DesiredFarm, { view }: Report): string {
  const granted = view?.hosts.wanted.size ?? hosts.length;
  const out = quarantined.length > 0 ? `, ${quarantined.length} quarantined` : "";
  return `${countOf(servicePrincipalNames.length, "SPN")}, ${countOf(granted, "host")}${out}`;
}

function summary(desired: DesiredFarm, report: Report, parts: readonly ConditionDraft[]): ConditionDraft {
  const wrong = parts.filter(({ status }) => status !== "True");
  // A part that only waits for another is not the reason.
  const first = wrong.find(({ reason }) => reason !== "ChangesPending") ?? wrong[0];
  if (!first) {
    return {
      type: "Ready",
      status: "True",
      reason: "Reconciled",
      message: `${desired.account.samAccountName} is in sync: ${contentsOf(desired, report)}.`,
    };
  }
  if (report.error) return { type: "Ready", status: "False", reason: first.reason, message: first.message };
  const message = [first, ...wrong.filter((finding) => finding !== first)]
    .map((finding) => `${finding.type}: ${finding.message}`)
    .join(" ");
  return { type: "Ready", status: "False", reason: first.reason, message };
}
