import { isTerminal, PARTS, type Blocker, type Part, type Reason } from "../farm/blocker.ts";
import { describeChange, partOf, type Change } from "../farm/change.ts";
import { progress, timestamp, toConditions, type Finding } from "../farm/conditions.ts";
import { describeOwner, type DesiredFarm } from "../farm/desired.ts";
import { commonName, dnKey } from "../farm/distinguished-name.ts";
import type { DirectoryError, DirectoryErrorKind } from "../farm/errors.ts";
import type { DirectoryObject, ObservedFarm } from "../farm/observed.ts";
import { placeOfAccount, placeOfHostGroup } from "../farm/place.ts";
import { resolveHosts } from "../farm/plan-hosts.ts";
import type { ServerFarm, ServerFarmStatus } from "../farm/server-farm.ts";
import type { Report } from "./reconcile.ts";

/** Retry: with back-off. Recheck: after a while, since what is in the way may go without the operator being told. Resync: the usual time. */
export type Next = "Retry" | "Recheck" | "Resync";

export interface EventDraft {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

export interface Outcome {
  readonly status: ServerFarmStatus;
  readonly events: readonly EventDraft[];
  readonly next: Next;
  /** Changes that put right what somebody else had changed. */
  readonly drift: readonly Change[];
}

const LISTED = 100;

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
      ...carriedOver(farm),
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

/** A farm that could not be looked at: every part is unknown, and says why. */
export function unknownStatus(
  farm: ServerFarm,
  reason: Reason,
  message: string,
  now: Date,
  { stalled = false }: { stalled?: boolean } = {},
): ServerFarmStatus {
  const generation = farm.metadata.generation ?? 0;
  const ready: Finding = { type: "Ready", status: "False", reason, message };
  // A farm that is being deleted keeps what was last seen of its parts: whether its hosts were settled decides what becomes of the group.
  const deleting = farm.metadata.deletionTimestamp !== undefined;
  const parts = deleting ? lastSeenParts(farm, reason, message) : PARTS.map((part) => unknownPart(part, reason, message));
  return {
    ...carriedOver(farm),
    observedGeneration: generation,
    conditions: toConditions(farm.status?.conditions ?? [], [ready, ...parts, ...progress(ready, stalled)], generation, now),
  };
}

function unknownPart(part: Part, reason: Reason, message: string): Finding {
  return { type: `${part}Ready`, status: "Unknown", reason, message };
}

function lastSeenParts({ status }: ServerFarm, reason: Reason, message: string): readonly Finding[] {
  return PARTS.map((part) => {
    const before = status?.conditions?.find(({ type }) => type === `${part}Ready`);
    return before ?? unknownPart(part, reason, message);
  });
}

/** A farm whose spec cannot be carried out: nothing was read or written. */
export function refusedStatus(farm: ServerFarm, blockers: readonly Blocker[], now: Date): ServerFarmStatus {
  const generation = farm.metadata.generation ?? 0;
  const ready: Finding = {
    type: "Ready",
    status: "False",
    reason: "InvalidSpec",
    message: blockers.map(({ message }) => message).join(" "),
  };
  const parts = PARTS.map((part): Finding => {
    const own = blockers.filter((blocker) => blocker.part === part);
    const message = own.length > 0 ? own.map((blocker) => blocker.message).join(" ") : "not looked at: see the condition Ready.";
    return { type: `${part}Ready`, status: own.length > 0 ? "False" : "Unknown", reason: "InvalidSpec", message };
  });
  return {
    ...carriedOver(farm),
    observedGeneration: generation,
    conditions: toConditions(farm.status?.conditions ?? [], [ready, ...parts, ...progress(ready, true)], generation, now),
  };
}

/** What is suspended is neither ready nor on its way: one condition says so, the others say what was last seen. */
export function suspendedStatus(farm: ServerFarm, now: Date): ServerFarmStatus {
  const generation = farm.metadata.generation ?? 0;
  const previous = farm.status?.conditions ?? [];
  const message = "suspend is true: nothing is read or written for this farm. Set it to false to go on.";
  const parts = lastSeenParts(farm, "Suspended", message);
  return {
    ...carriedOver(farm),
    observedGeneration: generation,
    conditions: toConditions(previous, [{ type: "Ready", status: "False", reason: "Suspended", message }, ...parts], generation, now),
  };
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

/** Everything of the status but what a reconcile decides anew. */
function carriedOver({ status, metadata }: ServerFarm): Omit<ServerFarmStatus, "observedGeneration" | "conditions" | "plan"> {
  const { plan: _plan, ...kept } = status ?? { observedGeneration: -1 };
  const requested = metadata.annotations?.["serverfarm.dev/reconcile-requested-at"];
  return { ...kept, ...(requested === undefined ? {} : { lastHandledReconcileRequest: requested }) };
}

function findingOf(part: Part, desired: DesiredFarm, { plan, failures, error }: Report): Finding {
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

function summary(desired: DesiredFarm, report: Report, parts: readonly Finding[]): Finding {
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

function seen(farm: ServerFarm, desired: DesiredFarm, report: Report, observed: ObservedFarm): Partial<ServerFarmStatus> {
  const account = placeOfAccount(desired, observed);
  const group = placeOfHostGroup(desired, observed);
  const hosts = resolveHosts(desired, observed);
  const members = new Set(group.kind === "Own" ? group.object.members.map(dnKey) : []);
  const sid = group.kind === "Own" ? group.object.objectSID : undefined;
  const mayRetrieve = sid !== undefined && account.kind === "Own" && (account.object.retrievers?.principals.includes(sid) ?? false);
  const granted = mayRetrieve ? [...hosts.wanted.keys()].filter((key) => members.has(key)).length : 0;
  const issues = hosts.blockers.flatMap(({ computer, reason, message }) => (computer === undefined ? [] : [{ computer, reason, message }]));
  const own = [
    account.kind === "Own" ? { ...identity(account.object), kind: "Account" as const } : undefined,
    group.kind === "Own" ? { ...identity(group.object), kind: "HostGroup" as const } : undefined,
  ].filter((object) => object !== undefined);
  const plan =
    farm.spec.managementPolicy === "Observe"
      ? [...(report.plan?.changes ?? []), ...(report.plan?.later ?? [])].flatMap(describeChange).slice(0, LISTED)
      : [];
  return {
    hosts: { desired: hosts.desired, granted, summary: `${granted}/${hosts.desired}` },
    hostIssues: issues.slice(0, LISTED),
    ownedObjects: [
      ...own.map(({ objectGUID, kind, distinguishedName }) => ({ objectGUID, kind, distinguishedName })),
      // Not seen is not gone: what deletion will have to remove is not forgotten.
      ...(farm.status?.ownedObjects ?? []).filter(({ objectGUID }) => observed.missing.includes(objectGUID)),
    ],
    ...(account.kind === "Own"
      ? { account: { ...identity(account.object), ...names(account.object), ...passwordTimes(account.object) } }
      : {}),
    ...(group.kind === "Own" ? { hostGroup: identity(group.object) } : {}),
    ...(farm.spec.managementPolicy === "Observe" ? { plan } : {}),
  };
}

function identity({ distinguishedName, objectGUID, objectSID }: DirectoryObject): {
  distinguishedName: string;
  objectGUID: string;
  objectSID?: string;
} {
  return { distinguishedName, objectGUID, ...(objectSID === undefined ? {} : { objectSID }) };
}

function names({ samAccountName }: DirectoryObject): { samAccountName?: string } {
  return samAccountName === undefined ? {} : { samAccountName };
}

const HOUR = 3_600_000;

/** A gMSA's password rolls after whole steps of ten hours (MS-ADTS 3.1.1.4.5.39). */
function passwordTimes(account: DirectoryObject): { passwordLastChanged?: string; passwordNextChange?: string } {
  const { passwordLastSet, passwordIntervalDays } = account;
  if (passwordLastSet === undefined || passwordIntervalDays === undefined) return {};
  const interval = Math.floor((passwordIntervalDays * 24) / 10) * 10 * HOUR;
  return {
    passwordLastChanged: timestamp(new Date(passwordLastSet)),
    passwordNextChange: timestamp(new Date(passwordLastSet + interval)),
  };
}

/** Changes to what this very generation had already brought about: somebody else undid it. */
function driftOf(farm: ServerFarm, { applied }: Report): readonly Change[] {
  const settled = (part: Part): boolean =>
    farm.status?.conditions?.some(
      ({ type, status, observedGeneration }) =>
        type === `${part}Ready` && status === "True" && observedGeneration === farm.metadata.generation,
    ) ?? false;
  return applied.filter((change) => settled(partOf(change)));
}

function eventsOf(change: Change, { account }: DesiredFarm, drifted: boolean): readonly EventDraft[] {
  const name = account.samAccountName;
  const list = (dns: readonly string[]): string =>
    dns.slice(0, 10).map(commonName).join(", ") + (dns.length > 10 ? ` and ${dns.length - 10} more` : "");
  const event = (reason: string, message: string): EventDraft =>
    drifted
      ? { type: "Warning", reason: "DriftCorrected", message: `somebody else had changed the directory, which was put right: ${message}` }
      : { type: "Normal", reason, message };
  switch (change.kind) {
    case "CreateHostGroup":
      return [event("HostGroupCreated", `created ${change.distinguishedName} with ${change.members.length} hosts`)];
    case "CreateAccount":
      return [
        event(
          "AccountCreated",
          `created ${change.distinguishedName} with ${change.servicePrincipalNames.length} SPNs; on each host run Install-ADServiceAccount ${name}`,
        ),
      ];
    case "UpdateAccount":
      return [event("AccountUpdated", `${name}: set ${Object.keys(change.properties).join(", ")}`)];
    case "SetRetrievers":
      return [event("RetrieversSet", `${name}: who may retrieve the password was set anew: ${change.because}`)];
    case "ChangeServicePrincipalNames":
      return [
        event(
          "ServicePrincipalNamesChanged",
          [
            change.add.length > 0 ? `added ${change.add.join(", ")}` : "",
            change.remove.length > 0 ? `removed ${change.remove.join(", ")}` : "",
          ]
            .filter((text) => text !== "")
            .join("; "),
        ),
      ];
    case "ChangeHosts":
      return [
        ...(change.remove.length > 0
          ? [
              event(
                "HostsRemoved",
                `${list(change.remove)} may no longer retrieve the password of ${name}; run Uninstall-ADServiceAccount ${name} there`,
              ),
            ]
          : []),
        ...(change.add.length > 0
          ? [
              event(
                "HostsAdded",
                `${list(change.add)} may retrieve the password of ${name} after a restart, or after klist -li 0x3e7 purge`,
              ),
            ]
          : []),
      ];
    case "RenameHostGroup":
      return [event("HostGroupRenamed", `the host group is now ${change.samAccountName}`)];
    case "DeleteAccount":
      return [event("AccountDeleted", `deleted ${change.object.distinguishedName}`)];
    case "DeleteHostGroup":
      return [event("HostGroupDeleted", `deleted ${change.object.distinguishedName}`)];
    case "Release":
      return [
        {
          type: "Warning",
          reason: "ObjectKept",
          message: `${change.object.distinguishedName} stays in the directory, without owner: ${change.because}`,
        },
      ];
  }
}

/** A farm that is not ready says so once for each reason. */
function warnings(farm: ServerFarm, ready: Finding): readonly EventDraft[] {
  const before = farm.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready.status === "True") {
    return before?.status === "True" ? [] : [{ type: "Normal", reason: "Ready", message: ready.message }];
  }
  if (before?.status === ready.status && before.reason === ready.reason && before.message === ready.message) return [];
  return [{ type: "Warning", reason: ready.reason, message: ready.message }];
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
      "managementPolicy is Observe, so nothing is deleted in the directory: set it to Enforce, or let the farm go with the annotation serverfarm.dev/abandon=true.",
    );
  }
  const reason = causes.length > 0 ? "DeletionBlocked" : "Deleting";
  const message =
    causes.length > 0
      ? `the farm cannot be decommissioned yet: ${[...new Set(causes)].join(" ")}`
      : "what the farm owns in the directory is being removed.";
  const retryable = error !== undefined || failures.some((failure) => failure.error.retryable) || causes.length === 0;
  return { gone, status: unknownStatus(farm, reason, message, now, { stalled: !retryable }), events, retryable };
}
