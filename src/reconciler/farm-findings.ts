/** What a reconcile found of each part of a farm. */
import type { Blocker, Part, Reason } from "../farm/blocker.ts";
import { describeChange, partOf } from "../farm/change.ts";
import type { Finding } from "../farm/conditions.ts";
import type { DesiredFarm } from "../farm/desired.ts";
import { commonName } from "../farm/distinguished-name.ts";
import type { DirectoryError, DirectoryErrorKind } from "../farm/errors.ts";
import type { Report } from "./reconcile.ts";

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

export function findingOf(part: Part, desired: DesiredFarm, { plan, failures, error }: Report): Finding {
  const type = `${part}Ready`;
  if (error) return { type, status: "Unknown", reason: reasonOf(error), message: error.message };
  const blockers = (plan?.blockers ?? []).filter((blocker) => blocker.part === part);
  const pending = [...(plan?.changes ?? []), ...(plan?.later ?? [])].filter((change) => partOf(change) === part);
  // A failure that left nothing to do has been overtaken: the last look decides.
  const failed = pending.length > 0 ? failures.filter(({ change }) => partOf(change) === part) : [];
  const [firstFailure] = failed;
  if (firstFailure) {
    const messages = new Set([...failed.map((failure) => failure.error.message), ...blockers.map(({ message }) => message)]);
    return { type, status: "False", reason: reasonOf(firstFailure.error), message: [...messages].join(" ") };
  }
  const [firstBlocker] = blockers;
  if (firstBlocker) return { type, status: "False", reason: firstBlocker.reason, message: blockersMessage(blockers) };
  if (pending.length > 0) {
    const changes = pending.flatMap(describeChange);
    const list = changes.slice(0, 5).map(({ change, object, value }) => `${change} ${value ?? commonName(object)}`);
    const rest = changes.length > list.length ? ` and ${changes.length - list.length} more` : "";
    return { type, status: "False", reason: "ChangesPending", message: `to be done: ${list.join(", ")}${rest}.` };
  }
  return { type, status: "True", reason: "Reconciled", message: reconciledMessage(part, desired) };
}

function blockersMessage(blockers: readonly Blocker[]): string {
  const shown = blockers.slice(0, 10).map(({ computer, message }) => (computer === undefined ? message : `${computer}: ${message}`));
  const rest = blockers.length - shown.length;
  return rest > 0 ? `${shown.join(" ")} And ${rest} more.` : shown.join(" ");
}

function reconciledMessage(part: Part, desired: DesiredFarm): string {
  switch (part) {
    case "Account": {
      const rc4 =
        (desired.account.encryptionTypes & 4) === 0
          ? ""
          : " RC4 is allowed and weak: remove it from encryptionTypes once no client needs it.";
      return `${desired.account.samAccountName} exists and its properties match.${rc4}`;
    }
    case "Hosts":
      return `exactly the wanted computers may retrieve the password. A host that was added sees it after a restart, or after klist -li 0x3e7 purge.`;
    case "ServicePrincipalNames":
      return `the account holds exactly the ${desired.servicePrincipalNames.length} service principal names.`;
    case "AccessGroups":
      return "no access groups are wanted.";
  }
}

export function summary(desired: DesiredFarm, report: Report, parts: readonly Finding[]): Finding {
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
