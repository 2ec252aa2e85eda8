/** What a reconcile found of each part of a farm. */
import type { ConditionDraft } from "../../api/condition.ts";
import type { Blocker, Part, Reason } from "../../api/reasons.ts";
import { ACCOUNT_DISABLED, ENCRYPTION_BITS } from "../../ad/account-flags.ts";
import type { DirectoryError, DirectoryErrorKind } from "../../ad/error.ts";
import { commonName } from "../../names/distinguished-name.ts";
import { listOf } from "../changes/entry.ts";
import { describeChange, partOf } from "../changes/index.ts";
import type { DesiredFarm } from "../desired.ts";
import type { Failure, Report } from "../report.ts";
import type { FarmView } from "../view.ts";
import { passwordTimes } from "./observed.ts";

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
  Rejected: "Rejected",
};

export function reasonOf(error: DirectoryError): Reason {
  return REASON[error.kind];
}

export function findingOf(part: Part, desired: DesiredFarm, report: Report): ConditionDraft {
  const { plan, failures, error, view } = report;
  const type = `${part}Ready`;
  if (error) return { type, status: "Unknown", reason: reasonOf(error), message: error.message };
  const blockers = (plan?.blockers ?? []).filter((blocker) => blocker.part === part);
  const pending = [...(plan?.changes ?? []), ...(plan?.later ?? [])].filter((change) => partOf(change) === part);
  // A failure that left nothing to do has been overtaken: the last look decides.
  const failed = pending.length > 0 ? failures.filter(({ change }) => partOf(change) === part) : [];
  const [firstFailure] = failed;
  if (firstFailure) return { type, status: "False", reason: reasonOf(firstFailure.error), message: failureMessage(failed, blockers) };
  const [firstBlocker] = blockers;
  const exposure = part === "Hosts" && view ? exposureOf(view) : "";
  if (firstBlocker) return { type, status: "False", reason: firstBlocker.reason, message: `${blockersMessage(blockers)}${exposure}` };
  if (pending.length > 0) {
    const changes = pending.flatMap((change) => describeChange(change));
    const list = changes.slice(0, 5).map(({ change, object, value }) => `${change} ${value ?? commonName(object)}`);
    const rest = changes.length > list.length ? ` and ${changes.length - list.length} more` : "";
    const after = failures.length > 0 ? ", once what failed is done: see the other conditions" : "";
    return { type, status: "False", reason: "ChangesPending", message: `to be done: ${list.join(", ")}${rest}${after}.` };
  }
  return { type, status: "True", reason: "Reconciled", message: reconciledMessage(part, desired, view) };
}

/** What was refused here is not waiting for anything. */
function failureMessage(failed: readonly Failure[], blockers: readonly Blocker[]): string {
  const own = blockers.filter(({ reason }) => reason !== "ChangesPending");
  return [...new Set([...failed.map((failure) => failure.error.message), ...own.map(({ message }) => message)])].join(" ");
}

function blockersMessage(blockers: readonly Blocker[]): string {
  const shown = blockers.slice(0, 10).map(({ computer, message }) => (computer === undefined ? message : `${computer}: ${message}`));
  const rest = blockers.length - shown.length;
  return rest > 0 ? `${shown.join(" ")} And ${rest} more.` : shown.join(" ");
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
      return `${grantMessage(desired)}${view ? disabledHosts(view) + exposureOf(view) : ""}`;
    case "ServicePrincipalNames":
      return `the account holds exactly the ${desired.servicePrincipalNames.length} service principal names.`;
    case "AccessGroups":
      return desired.accessGroups.length === 0
        ? "no access groups are wanted."
        : `the account is a member of ${desired.accessGroups.map(({ samAccountName }) => samAccountName).join(", ")}.`;
  }
}

function grantMessage({ grant, hostGroup }: DesiredFarm): string {
  if (grant === "Principals") return "exactly the wanted computers may retrieve the password, each named directly; none needs a restart.";
  const restart = "A host that was added sees it after a restart, or after klist -li 0x3e7 purge.";
  return hostGroup.existing
    ? `the wanted computers may retrieve the password, as may whoever else is in ${hostGroup.samAccountName}, a group of somebody else. ${restart}`
    : `exactly the wanted computers may retrieve the password. ${restart}`;
}

/** A disabled computer has the right and cannot use it: nothing that the farm could mend, but what somebody may be looking for. */
function disabledHosts({ hosts }: FarmView): string {
  const disabled = [...hosts.wanted.values()].filter(({ userAccountControl = 0 }) => (userAccountControl & ACCOUNT_DISABLED) !== 0);
  if (disabled.length === 0) return "";
  const names = disabled.map(({ distinguishedName }) => commonName(distinguishedName));
  return ` Disabled in the directory, so that they cannot log on: ${listOf(names)}.`;
}

/** Whoever once had the password knows it until it changes: nobody can change it before (MS-ADTS 3.1.1.4.5.39). */
function exposureOf({ desired, account }: FarmView): string {
  if (desired.quarantined.length === 0) return "";
  const { passwordLastChanged, passwordNextChange } = account.kind === "Own" ? passwordTimes(account.object) : {};
  const names = listOf(desired.quarantined.map(({ text }) => text));
  if (passwordLastChanged === undefined || passwordNextChange === undefined) return ` Quarantined: ${names}.`;
  return ` Quarantined: ${names}. Whoever of them had the right after ${passwordLastChanged} knows the password until its next change at ${passwordNextChange}, which cannot be forced.`;
}

export function summary(desired: DesiredFarm, report: Report, parts: readonly ConditionDraft[]): ConditionDraft {
  const wrong = parts.filter(({ status }) => status !== "True");
  // A part that only waits for another is not the reason.
  const first = wrong.find(({ reason }) => reason !== "ChangesPending") ?? wrong[0];
  if (!first) {
    return {
      type: "Ready",
      status: "True",
      reason: "Reconciled",
      message: `${desired.account.samAccountName} is as wanted: ${desired.servicePrincipalNames.length} SPNs, ${desired.hosts.length} hosts.`,
    };
  }
  if (report.error) return { type: "Ready", status: "False", reason: first.reason, message: first.message };
  const message = [first, ...wrong.filter((finding) => finding !== first)]
    .map((finding) => `${finding.type}: ${finding.message}`)
    .join(" ");
  return { type: "Ready", status: "False", reason: first.reason, message };
}
