/** What is said of a farm that its domain's tenants do not allow, once it was looked at for whom to take out. */
import type { EventDraft } from "../../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../../api/generated/server-farm.ts";
import type { ConditionDraft } from "../../api/object.ts";
import { PARTS } from "../../api/reasons.ts";
import type { DirectoryObject } from "../../ad/object.ts";
import type { DesiredFarm } from "../desired-farm.ts";
import { hostAccountReference } from "../desired-host-account.ts";
import { membership } from "../queries.ts";
import type { Report } from "../report.ts";
import { externalHostGroups, type FarmView, ownHostGroups } from "../view.ts";
import type { Withheld } from "./allowed.ts";
import { withheldParts, withheldReady, withheldStatus } from "./not-looked.ts";
import { objectsStatus, withoutObserved } from "./observed.ts";
import { appliedEvents, exposureOf, findingOf, warnings } from "./outcome.ts";

export interface FrozenOutcome {
  readonly status: ServerFarmStatus;
  readonly events: readonly EventDraft[];
  /** Whether trying again, with nothing changed, can succeed. */
  readonly retryable: boolean;
}

export function frozenOutcome(farm: ServerFarm, desired: DesiredFarm, withheld: Withheld, report: Report, now: Date): FrozenOutcome {
  const { view, applied, failures, error } = report;
  const last = withheldParts(farm, withheld);
  const parts = PARTS.map((part, index): ConditionDraft => {
    const finding = findingOf(part, desired, report);
    // What nothing is wrong with stays as it was last seen: it is not compared.
    const before = last[index];
    if (finding.status !== "True" || !before) return finding;
    if (part !== "Hosts" || before.status !== "True" || !view) return before;
    return {
      ...before,
      message: `as it was when the farm was last allowed; hosts that were removed no longer have the right.${exposureOf(view)}`,
    };
  });
  const status = withheldStatus(farm, withheld, now, parts);
  return {
    status: view ? { ...withoutObserved(status), ...objectsStatus(farm, report, view), ...hostsStatus(farm, report, view) } : status,
    events: [...appliedEvents(farm, desired, applied), ...warnings(farm, withheldReady(farm, withheld))],
    retryable: error !== undefined || failures.some((failure) => failure.error.retryable),
  };
}

/** Without having looked. */
export function withheldOutcome(farm: ServerFarm, withheld: Withheld, now: Date): Omit<FrozenOutcome, "retryable"> {
  return { status: withheldStatus(farm, withheld, now), events: warnings(farm, withheldReady(farm, withheld)) };
}

/** How many have the right is known by how many were taken out: the others were not looked up. */
function hostsStatus(farm: ServerFarm, report: Report, view: FarmView): Partial<ServerFarmStatus> {
  const { spec, status } = farm;
  const quarantined = new Set(spec.hosts.quarantined);
  const found = spec.hosts.search ? (status?.hosts?.search ?? 0) : 0;
  const desired = found + spec.hosts.computers.filter((text) => !quarantined.has(text)).length;
  const out = new Set(
    report.applied.flatMap((change) => (change.kind === "ChangeHosts" || change.kind === "SetRetrievers" ? change.remove : [])),
  );
  const granted = Math.max(0, (status?.hosts?.granted ?? 0) - out.size);
  return {
    hosts: { desired, granted: Math.min(desired, granted), summary: `${Math.min(desired, granted)}/${desired}` },
    ...recordsStatus(farm, report, view),
  };
}

/** Whom an entry meant that is taken out of the manifest is on record until it has no right any more. */
function recordsStatus({ spec, status }: ServerFarm, { error }: Report, view: FarmView): Pick<ServerFarmStatus, "resolvedHosts"> {
  const { desired, observed, hosts } = view;
  const named = new Set([...spec.hosts.computers, hostAccountReference(spec)]);
  const departed = new Set(desired.departed.objectGUIDs);
  const seen = new Map(observed.computers.map((computer) => [computer.objectGUID, computer]));
  const gone = new Set(observed.gone);
  const isIn = rightOf(view);
  const isLeft = (objectGUID: string): boolean => {
    const computer = seen.get(objectGUID);
    return error !== undefined || (computer ? isIn(computer) : !gone.has(objectGUID));
  };
  const kept = (status?.resolvedHosts ?? []).filter(
    ({ reference, objectGUID }) => named.has(reference) || (departed.has(objectGUID) && isLeft(objectGUID)),
  );
  const records = new Map([...kept, ...hosts.records].map((record) => [`${record.reference}\n${record.objectGUID}`, record]));
  return {
    ...(records.size > 0 ? { resolvedHosts: [...records.values()] } : {}),
    ...searchStatus(spec, status, isLeft),
  };
}

/** While the manifest has the search its record stays; after that those who still have the right. */
function searchStatus(
  spec: ServerFarm["spec"],
  status: ServerFarm["status"],
  isLeft: (objectGUID: string) => boolean,
): Pick<ServerFarmStatus, "hostSearch"> {
  const { hostSearch } = status ?? {};
  if (!hostSearch || spec.hosts.search) return hostSearch ? { hostSearch } : {};
  const hosts = hostSearch.hosts?.filter(({ objectGUID }) => isLeft(objectGUID)) ?? [];
  return hosts.length > 0 ? { hostSearch: { ...hostSearch, hosts } } : {};
}

/** Whether a computer may retrieve the password by what the farm gave. */
function rightOf(view: FarmView): (computer: DirectoryObject) => boolean {
  const { account } = view;
  const { principals = [], denied = [] } = account.kind === "Own" ? (account.object.retrievers ?? {}) : {};
  const named = new Set(principals);
  const groups = [...ownHostGroups(view), ...externalHostGroups(view)].map((group) => membership(view, group));
  return (computer) => {
    const { objectSID = "" } = computer;
    return !denied.includes(objectSID) && (named.has(objectSID) || groups.some((isMember) => isMember(computer)));
  };
}
