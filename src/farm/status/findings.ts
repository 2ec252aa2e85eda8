/** What a reconcile found of each part of a farm. */
import type { Blocker, Part, Reason } from "../../api/reasons.ts";
import { describeChange, partOf } from "../changes/index.ts";
import type { ConditionDraft } from "../../api/condition.ts";
import type { DesiredFarm } from "../desired.ts";
import { commonName } from "../../names/distinguished-name.ts";
import type { DirectoryError, DirectoryErrorKind } from "../../ad/error.ts";
import type { ObservedFarm } from "../../ad/object.ts";
import { placeOfAccount } from "../slot.ts";
import { resolveHosts } from "../resolve-hosts.ts";
import { passwordTimes } from "./observed.ts";
import type { Report } from "../report.ts";

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
  const { plan, failures, error, observed } = report;
  const type = `${part}Ready`;
  if (error) return { type, status: "Unknown", reason: reasonOf(error), message: error.message };
  const blockers = (plan?.blockers ?? []).filter((blocker) => blocker.part === part);
  const pending = [...(plan?.changes ?? []), ...(plan?.later ?? [])].filter((change) => partOf(change) === part);
  // A failure that left nothing to do has been overtaken: the last look decides.
  const failed = pending.length > 0 ? failures.filter(({ change }) => partOf(change) === part) : [];
  const [firstFailure] = failed;
  if (firstFailure) {
    // What was refused here is not waiting for anything.
    const own = blockers.filter(({ reason }) => reason !== "ChangesPending");
    const messages = new Set([...failed.map((failure) => failure.error.message), ...own.map(({ message }) => message)]);
    return { type, status: "False", reason: reasonOf(firstFailure.error), message: [...messages].join(" ") };
  }
  const [firstBlocker] = blockers;
  const exposure = part === "Hosts" && observed ? exposureOf(desired, observed) : "";
  if (firstBlocker) return { type, status: "False", reason: firstBlocker.reason, message: `${blockersMessage(blockers)}${exposure}` };
  if (pending.length > 0) {
    const changes = pending.flatMap(describeChange);
    const list = changes.slice(0, 5).map(({ change, object, value }) => `${change} ${value ?? commonName(object)}`);
    const rest = changes.length > list.length ? ` and ${changes.length - list.length} more` : "";
    const after = failures.length > 0 ? ", once what failed is done: see the other conditions" : "";
    return { type, status: "False", reason: "ChangesPending", message: `to be done: ${list.join(", ")}${rest}${after}.` };
  }
  return { type, status: "True", reason: "Reconciled", message: reconciledMessage(part, desired, observed) };
}

function blockersMessage(blockers: readonly Blocker[]): string {
  const shown = blockers.slice(0, 10).map(({ computer, message }) => (computer === undefined ? message : `${computer}: ${message}`));
  const rest = blockers.length - shown.length;
  return rest > 0 ? `${shown.join(" ")} And ${rest} more.` : shown.join(" ");
}

function reconciledMessage(part: Part, desired: DesiredFarm, observed: ObservedFarm | undefined): string {
  switch (part) {
    case "Account": {
      const rc4 =
        (desired.account.encryptionTypes & 4) === 0
          ? ""
          : " RC4 is allowed and weak: remove it from encryptionTypes once no client needs it.";
      return `${desired.account.samAccountName} exists and its properties match.${rc4}`;
    }
    case "Hosts":
      return `${grantMessage(desired)}${observed ? disabledHosts(desired, observed) + exposureOf(desired, observed) : ""}`;
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
function disabledHosts(desired: DesiredFarm, observed: ObservedFarm): string {
  const disabled = [...resolveHosts(desired, observed).wanted.values()].filter(
    ({ userAccountControl = 0 }) => (userAccountControl & DISABLED) !== 0,
  );
  if (disabled.length === 0) return "";
  const names = disabled.map(({ distinguishedName }) => commonName(distinguishedName));
  return ` Disabled in the directory, so that they cannot log on: ${listOf(names)}.`;
}

/** ACCOUNTDISABLE of userAccountControl (MS-ADTS 2.2.16). */
const DISABLED = 0x2;

/** Whoever once had the password knows it until it changes: nobody can change it before (MS-ADTS 3.1.1.4.5.39). */
function exposureOf(desired: DesiredFarm, observed: ObservedFarm): string {
  if (desired.quarantined.length === 0) return "";
  const account = placeOfAccount(desired, observed);
  const { passwordLastChanged, passwordNextChange } = account.kind === "Own" ? passwordTimes(account.object) : {};
  const names = listOf(desired.quarantined.map(({ text }) => text));
  if (passwordLastChanged === undefined || passwordNextChange === undefined) return ` Quarantined: ${names}.`;
  return ` Quarantined: ${names}. Whoever of them had the right after ${passwordLastChanged} knows the password until its next change at ${passwordNextChange}, which cannot be forced.`;
}

/** At most ten names, and how many more. */
export function listOf(names: readonly string[]): string {
  return names.slice(0, 10).join(", ") + (names.length > 10 ? ` and ${names.length - 10} more` : "");
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
