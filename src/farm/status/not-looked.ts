/** The status of a farm that was not looked at, and why. */
import { PARTS, type Blocker, type Part, type Reason } from "../../api/reasons.ts";
import { progress, toConditions, type ConditionDraft } from "../../api/object.ts";
import { ABANDON } from "../../api/annotations.ts";
import type { EventDraft } from "../../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../../api/generated/server-farm.ts";
import type { Granted } from "../../api/permission.ts";
import { hasLeftTraces } from "../journal.ts";
import { allowedFinding, lastAllowed, type Withheld, withheldFinding } from "./allowed.ts";
import { carriedOver } from "./observed.ts";

/** A farm that could not be looked at: every part is unknown, and says why. */
export function unknownStatus(
  farm: ServerFarm,
  reason: Reason,
  message: string,
  now: Date,
  {
    stalled = false,
    ending = (parts) => parts,
    withheld,
  }: {
    stalled?: boolean;
    ending?: (parts: readonly ConditionDraft[]) => readonly ConditionDraft[];
    withheld?: Withheld | undefined;
  } = {},
): ServerFarmStatus {
  const generation = farm.metadata.generation ?? 0;
  const ready: ConditionDraft = { type: "Ready", status: "False", reason, message };
  // A farm that is being deleted keeps what was last seen of its parts: whether its hosts were settled decides what becomes of the group.
  const deleting = farm.metadata.deletionTimestamp !== undefined;
  const parts = deleting ? ending(lastSeenParts(farm, reason, message)) : PARTS.map((part) => unknownPart(part, reason, message));
  return {
    ...carriedOver(farm),
    observedGeneration: generation,
    conditions: toConditions(
      farm.status?.conditions ?? [],
      [ready, ...(withheld ? [withheldFinding(withheld)] : lastAllowed(farm)), ...parts, ...progress(ready, stalled)],
      generation,
      now,
    ),
  };
}

/** Why the domain of a farm cannot be used. NotFound: there is none of that name, and somebody has to act. */
export interface Unusable {
  readonly reason: "DomainNotReady" | "DomainNotFound";
  readonly message: string;
}

/** A farm whose domain cannot be used. One that is to be decommissioned can be let go. What tenants do not allow is known all the same. */
export function waitingStatus(farm: ServerFarm, { reason, message }: Unusable, now: Date, withheld?: Withheld): ServerFarmStatus {
  const { name, namespace = "", deletionTimestamp } = farm.metadata;
  if (deletionTimestamp === undefined) return unknownStatus(farm, reason, message, now, { stalled: reason === "DomainNotFound", withheld });
  const text = `the farm cannot be decommissioned: ${message} To remove only the farm and leave its objects in the directory: kubectl annotate farm ${name} -n ${namespace} ${ABANDON}=true`;
  return unknownStatus(farm, "DeletionBlocked", text, now);
}

/** What was to be written down of the farm in the cluster was refused: by a policy, a webhook, a missing right. `said` by the API server. */
export function unrecordedStatus(farm: ServerFarm, said: string, now: Date): ServerFarmStatus {
  return unknownStatus(farm, "RecordRefused", refusal(said), now, { stalled: true });
}

export function unrecordedEvent(said: string): EventDraft {
  return { type: "Warning", reason: "RecordRefused", message: refusal(said) };
}

function refusal(said: string): string {
  return `the API server refused what the operator records of this farm: ${said}. Change what refuses it (an admission policy, a webhook, the operator's role). The operator tries again.`;
}

/** Nothing is left to be done but to let the farm go. Undefined where its status does not say that it is there to stay. */
export function leavingStatus(farm: ServerFarm, now: Date): ServerFarmStatus | undefined {
  const { generation = 0 } = farm.metadata;
  const ready = farm.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready?.observedGeneration === generation && (ready.reason === "Deleting" || ready.reason === "RecordRefused")) return undefined;
  return unknownStatus(farm, "Deleting", "nothing is left to do in the directory: the operator removes the finalizer of the farm.", now);
}

function unknownPart(part: Part, reason: string, message: string): ConditionDraft {
  return { type: `${part}Ready`, status: "Unknown", reason, message };
}

function lastSeenParts({ status }: ServerFarm, reason: string, message: string): readonly ConditionDraft[] {
  return PARTS.map((part) => {
    const before = status?.conditions?.find(({ type }) => type === `${part}Ready`);
    return before ?? unknownPart(part, reason, message);
  });
}

/** A farm whose spec cannot be carried out: nothing was read or written. */
export function refusedStatus(farm: ServerFarm, blockers: readonly Blocker[], now: Date, granted?: Granted): ServerFarmStatus {
  const generation = farm.metadata.generation ?? 0;
  const ready: ConditionDraft = {
    type: "Ready",
    status: "False",
    reason: "InvalidSpec",
    message: blockers.map(({ message }) => message).join(" "),
  };
  const parts = PARTS.map((part): ConditionDraft => {
    const own = blockers.filter((blocker) => blocker.part === part);
    const message = own.length > 0 ? own.map((blocker) => blocker.message).join(" ") : "not looked at: see the condition Ready.";
    return { type: `${part}Ready`, status: own.length > 0 ? "False" : "Unknown", reason: "InvalidSpec", message };
  });
  return {
    ...carriedOver(farm),
    observedGeneration: generation,
    conditions: toConditions(
      farm.status?.conditions ?? [],
      [ready, ...(granted ? [allowedFinding(granted)] : []), ...parts, ...progress(ready, true)],
      generation,
      now,
    ),
  };
}

/** A farm that its domain's tenants do not allow: what was last seen of it stays so. `parts`: as far as they were looked at. */
export function withheldStatus(farm: ServerFarm, withheld: Withheld, now: Date, parts = withheldParts(farm, withheld)): ServerFarmStatus {
  const generation = farm.metadata.generation ?? 0;
  const ready = withheldReady(farm, withheld);
  const findings = [ready, withheldFinding(withheld), ...parts, ...progress(ready, withheld.kind === "NotAllowed")];
  return {
    ...carriedOver(farm),
    observedGeneration: generation,
    conditions: toConditions(farm.status?.conditions ?? [], findings, generation, now),
  };
}

export function withheldReady(farm: ServerFarm, withheld: Withheld): ConditionDraft {
  const { reason, message } = withheldFinding(withheld);
  const stays = hasLeftTraces(farm)
    ? "Its objects in the directory stay as they are: the operator adds and corrects nothing. Hosts that you remove or quarantine still lose the right."
    : "It has nothing in the directory, and the operator creates nothing for it.";
  return { type: "Ready", status: "False", reason, message: `${message} ${stays}` };
}

export function withheldParts(farm: ServerFarm, withheld: Withheld): readonly ConditionDraft[] {
  const { reason } = withheldFinding(withheld);
  const message = "not looked at: see the condition Allowed.";
  return hasLeftTraces(farm) ? lastSeenParts(farm, reason, message) : PARTS.map((part) => unknownPart(part, reason, message));
}

/**
 * What is suspended is neither ready nor on its way: one condition says so, the others say what was last seen. `domain`: what there is to say where the
 * whole domain is.
 */
export function suspendedStatus(farm: ServerFarm, now: Date, domain?: string): ServerFarmStatus {
  const generation = farm.metadata.generation ?? 0;
  const previous = farm.status?.conditions ?? [];
  const { name, namespace = "", deletionTimestamp } = farm.metadata;
  const waits = `The farm is being deleted and waits for that. To remove only the farm and leave its objects in the directory: kubectl annotate farm ${name} -n ${namespace} ${ABANDON}=true`;
  const message =
    domain === undefined
      ? "spec.suspend is true: the operator neither reads nor writes the directory for this farm, so changes, quarantines and deletion wait. Set it to false to continue."
      : `${domain}${deletionTimestamp === undefined ? "" : ` ${waits}`}`;
  const parts = lastSeenParts(farm, "Suspended", message);
  return {
    ...carriedOver(farm),
    observedGeneration: generation,
    conditions: toConditions(
      previous,
      [{ type: "Ready", status: "False", reason: "Suspended", message }, ...lastAllowed(farm), ...parts],
      generation,
      now,
    ),
  };
}
