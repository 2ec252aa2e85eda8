/** What a look at a domain says to the world: pure. */
import type { ActiveDirectoryDomain, ActiveDirectoryDomainStatus } from "../api/generated/active-directory-domain.ts";
import { progress, timestamp, toConditions, type ConditionDraft } from "../api/object.ts";
import type { DomainObservation, KdsRootKey } from "../ad/domain.ts";
import { describeExcess, describeRight } from "../ad/right.ts";
import { domainWaitsForPerson } from "../api/reasons.ts";
import type { EventDraft } from "../api/event.ts";

/** Why a domain cannot be reached. */
export interface DomainProblem {
  readonly reason:
    | "DirectoryUnavailable"
    | "CredentialsRejected"
    | "CertificateUntrusted"
    | "DiscoveryFailed"
    | "SecretNotFound"
    | "InvalidSpec"
    | "Rejected"
    | "InternalError";
  readonly message: string;
}

export type DomainView =
  | {
      readonly kind: "Connected";
      readonly observation: DomainObservation;
      /** When this server took over from another one (RFC 3339). */
      readonly tookOverAt: string | undefined;
    }
  | { readonly kind: "Problem"; readonly problem: DomainProblem }
  | { readonly kind: "Connecting" };

/** Windows Server 2012: the first that knows gMSAs. */
const MIN_SCHEMA_VERSION = 52;
const MIN_FUNCTIONAL_LEVEL = 5;
/** Reason of DomainControllerReady, which is True: the operator needs no Kerberos, hosts do. */
export const CLOCK_SKEWED = "ClockSkewed";

/** Whether farms can be reconciled there: what is unknown of the KDS root key, or a right that is missing, holds nothing back. */
export function domainReady(findings: readonly ConditionDraft[]): boolean {
  return findings.find(({ type }) => type === "Ready")?.status === "True";
}

export function domainFindings(view: DomainView, now: Date): readonly ConditionDraft[] {
  const parts = view.kind === "Connected" ? connectedFindings(view.observation, now) : notConnectedFindings(view);
  const wrong = parts.find(
    ({ type, status }) => type !== "PermissionsSufficient" && (status === "False" || (type !== "KdsRootKeyReady" && status !== "True")),
  );
  const ready: ConditionDraft = wrong
    ? { type: "Ready", status: "False", reason: wrong.reason, message: wrong.message }
    : { type: "Ready", status: "True", reason: "Reconciled", message: "farms can be reconciled in this domain." };
  const stalled = wrong !== undefined && domainWaitsForPerson(wrong.reason);
  return [ready, ...parts, ...progress(ready, stalled)];
}

export function domainStatus(
  domain: ActiveDirectoryDomain,
  view: DomainView,
  findings: readonly ConditionDraft[],
  farms: number,
  now: Date,
): ActiveDirectoryDomainStatus {
  const generation = domain.metadata.generation ?? 0;
  const { conditions: previous = [], ...kept } = domain.status ?? { observedGeneration: -1 };
  const seen = view.kind === "Connected" ? seenStatus(view) : {};
  return { ...kept, ...seen, observedGeneration: generation, farms, conditions: toConditions(previous, findings, generation, now) };
}

function seenStatus({ observation, tookOverAt }: Extract<DomainView, { kind: "Connected" }>): Partial<ActiveDirectoryDomainStatus> {
  const { url, dnsHostName, functionalLevel, invocationId, schemaVersion } = observation;
  const { domainSID, objectGUID, forestDNSName, netBIOSName, machineAccountQuota } = observation;
  return {
    server: {
      url,
      dnsHostName,
      functionalLevel,
      ...(invocationId === undefined ? {} : { invocationId }),
      ...(tookOverAt === undefined ? {} : { tookOverAt }),
    },
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
    ...(domainSID === undefined ? {} : { domainSID }),
    ...(objectGUID === undefined ? {} : { objectGUID }),
    ...(forestDNSName === undefined ? {} : { forestDNSName }),
    ...(netBIOSName === undefined ? {} : { netBIOSName }),
    ...(machineAccountQuota === undefined ? {} : { machineAccountQuota }),
  };
}

/** A domain says once when it becomes ready, or ceases to be, and why. */
export function domainEvents({ status }: ActiveDirectoryDomain, findings: readonly ConditionDraft[]): readonly EventDraft[] {
  const ready = findings.find(({ type }) => type === "Ready");
  const before = status?.conditions?.find(({ type }) => type === "Ready");
  if (!ready || (before?.status === ready.status && before.reason === ready.reason)) return [];
  const { reason, message } = ready;
  return [ready.status === "True" ? { type: "Normal", reason: "Ready", message } : { type: "Warning", reason, message }];
}

/** It is to be deleted, and farms name it: `namespace/name` each. */
export function deletionBlockedEvent(farms: readonly string[]): EventDraft {
  const names = farms.slice(0, 10).join(", ");
  return {
    type: "Warning",
    reason: "DeletionBlocked",
    message: `${farms.length} farms name this domain (${names}): delete them first; the domain goes by itself then.`,
  };
}

/** Conditions of a domain besides Ready. */
export const PARTS = ["Connected", "SchemaReady", "DomainControllerReady", "KdsRootKeyReady", "PermissionsSufficient"] as const;

function notConnectedFindings(view: Exclude<DomainView, { kind: "Connected" }>): readonly ConditionDraft[] {
  const { reason, message } = view.kind === "Problem" ? view.problem : { reason: "Progressing", message: "connecting to the domain." };
  return PARTS.map((type) => ({ type, status: type === "Connected" && view.kind === "Problem" ? "False" : "Unknown", reason, message }));
}

function connectedFindings(observation: DomainObservation, now: Date): readonly ConditionDraft[] {
  const { url, dnsHostName, schemaVersion } = observation;
  const ok = (type: string, message: string): ConditionDraft => ({ type, status: "True", reason: "Reconciled", message });
  return [
    ok("Connected", `connected to ${dnsHostName} (${url}) over TLS.`),
    schemaVersion === undefined
      ? {
          type: "SchemaReady",
          status: "Unknown",
          reason: "AccessDenied",
          message: "the schema's objectVersion cannot be read: give the account Read Property on the schema container.",
        }
      : schemaVersion >= MIN_SCHEMA_VERSION
        ? ok("SchemaReady", `the schema has version ${schemaVersion}.`)
        : {
            type: "SchemaReady",
            status: "False",
            reason: "SchemaTooOld",
            message: `the schema has version ${schemaVersion}; gMSAs need ${MIN_SCHEMA_VERSION}: extend it with adprep (Windows Server 2012 or later).`,
          },
    controllerFinding(observation),
    kdsFinding(observation.kdsRootKey, now),
    permissionsFinding(observation),
  ];
}

function controllerFinding({ dnsHostName, functionalLevel, clockSkew }: DomainObservation): ConditionDraft {
  const type = "DomainControllerReady";
  const has = `${dnsHostName} has functional level ${functionalLevel}`;
  if (functionalLevel < MIN_FUNCTIONAL_LEVEL) {
    return {
      type,
      status: "False",
      reason: "DomainControllerTooOld",
      message: `${has}; gMSAs need Windows Server 2012 (${MIN_FUNCTIONAL_LEVEL}) or later: name another server first in spec.servers, or leave this one out of spec.discovery.serverNames.`,
    };
  }
  if (isSkewed(clockSkew)) {
    const minutes = Math.round(Math.abs(clockSkew) / 60);
    return {
      type,
      status: "True",
      reason: CLOCK_SKEWED,
      message: `${has}. Its clock is ${minutes} min ${clockSkew > 0 ? "ahead of" : "behind"} the operator's: Kerberos allows 5 min, so hosts may not get tickets or passwords. Farms are reconciled all the same. Set the clock that is wrong (w32tm /query /status on the domain controller).`,
    };
  }
  return { type, status: "True", reason: "Reconciled", message: `${has}.` };
}

/** Kerberos refuses whoever is further away (MaxClockSkew of the domain's policy, five minutes by default). */
function isSkewed(seconds: number | undefined): seconds is number {
  return seconds !== undefined && Math.abs(seconds) > 300;
}

function kdsFinding(key: KdsRootKey, now: Date): ConditionDraft {
  const type = "KdsRootKeyReady";
  switch (key.kind) {
    case "Seen":
      return key.usableFrom <= now.getTime()
        ? { type, status: "True", reason: "Reconciled", message: "there is a KDS root key that is in use." }
        : {
            type,
            status: "False",
            reason: "Progressing",
            message: `the KDS root key is usable from ${timestamp(new Date(key.usableFrom))} on, ten hours after it takes effect: wait until then.`,
          };
    case "Proven":
      return { type, status: "True", reason: "Reconciled", message: `there is a KDS root key: ${key.by} has a password made with one.` };
    case "NotSeen":
      return {
        type,
        status: "Unknown",
        reason: "AccessDenied",
        message:
          "no KDS root key is visible to this account, which is usual for an ordinary one. Check with Get-KdsRootKey; if there is none, run Add-KdsRootKey -EffectiveImmediately and wait ten hours.",
      };
  }
}

function permissionsFinding({ missingRights, excessiveRights = [], account }: DomainObservation): ConditionDraft {
  const type = "PermissionsSufficient";
  const excess =
    excessiveRights.length > 0
      ? ` The account may do more than farms need, and so may whoever steals it: ${excessiveRights.map((right) => describeExcess(right, account)).join(" ")} Use an account as docs/domain-setup.md makes it.`
      : "";
  if (missingRights.length === 0) {
    return {
      type,
      ...(excess === "" ? ({ status: "True", reason: "Reconciled" } as const) : ({ status: "False", reason: "Excessive" } as const)),
      message: `no missing right was found in the default containers; rights on attributes show once there is an account.${excess}`,
    };
  }
  return {
    type,
    status: "False",
    reason: missingRights.some(({ kind }) => kind === "SharedContainer")
      ? "InvalidSpec"
      : missingRights.some(({ kind }) => kind === "NoContainer")
        ? "ContainerNotFound"
        : "AccessDenied",
    message: missingRights.map((right) => describeRight(right, account)).join(" ") + excess,
  };
}
