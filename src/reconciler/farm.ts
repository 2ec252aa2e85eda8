/**
 * One reconcile of a farm, from the first look to what is said of it; and its end. Directory, cluster and time come in as ports, so that tests drive
 * the very code that the program runs.
 */
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import { givesRight, isRecorded, recordBefore } from "../farm/changes/index.ts";
import { readResolved } from "../farm/desired.ts";
import type { DesiredFarm } from "../farm/desired-farm.ts";
import { readJournal, withJournal } from "../farm/journal.ts";
import { planDecommission } from "../farm/plan/decommission.ts";
import { plan } from "../farm/plan/index.ts";
import type { Report } from "../farm/report.ts";
import { decommissionOutcome } from "../farm/status/decommission.ts";
import { wereMembersSettled } from "../farm/status/ending.ts";
import { appliedEvents, outcome, type Outcome } from "../farm/status/outcome.ts";
import type { FarmView } from "../farm/view.ts";
import { type Directory, reconcile, type Work } from "./rounds.ts";

/** The status of a farm that was never seen, as the schema has it. */
const UNSEEN: ServerFarmStatus = { observedGeneration: -1 };

/** What a reconcile needs of the world. */
export interface FarmPorts {
  readonly directory: Directory;
  /** Asked once, right before the first write; rejects where the farm is not any more what was handed in, and so does the reconcile then. */
  readonly assertFresh: () => Promise<void>;
  /** Writes the farm's status, and resolves with the farm as it is then. Where it rejects, the change that it was for is not made. */
  readonly record: (farm: ServerFarm, status: ServerFarmStatus) => Promise<ServerFarm>;
  /** The time of day, for conditions. */
  readonly now: () => Date;
}

/** The program ends, or does not lead any more: it has nothing to say, and whoever goes on finds what was done. */
interface Aborted {
  readonly kind: "Aborted";
}

/** The cluster did not take what had to be written down. What was done before is said all the same: the next look finds it done. */
interface Unrecorded {
  readonly kind: "Unrecorded";
  /** What `record` rejected with. */
  readonly cause: unknown;
  readonly events: readonly EventDraft[];
}

export interface Reconciled {
  /** As it was recorded last. */
  readonly farm: ServerFarm;
  /** With all that was recorded on the way. */
  readonly desired: DesiredFarm;
  readonly report: Report;
  readonly end: Aborted | Unrecorded | ({ readonly kind: "Looked" } & Outcome);
}

export interface Decommissioned {
  readonly report: Report;
  readonly end:
    | Aborted
    /** The directory shows nothing of the farm any more. */
    | { readonly kind: "Gone"; readonly events: readonly EventDraft[] }
    | {
        readonly kind: "Remains";
        readonly status: ServerFarmStatus;
        readonly events: readonly EventDraft[];
        /** Whether trying again, with nothing changed, can succeed. */
        readonly retryable: boolean;
      };
}

/**
 * Brings the directory to what the farm wants. Before anything is put into a group of somebody else the farm's status says so. Rejects with what
 * `assertFresh` rejects with.
 */
export async function reconcileFarm(farm: ServerFarm, wanted: DesiredFarm, ports: FarmPorts, signal: AbortSignal): Promise<Reconciled> {
  const enforced = farm.spec.managementPolicy === "Enforce";
  let current = farm;
  const journal: Work["journal"] = async (change, following, { desired, observed, hostGroup, hosts }) => {
    const isRecordedNow = isRecorded(change) && recordBefore(desired.journal, [change], observed.computers) !== desired.journal;
    // Who is quarantined is written down before anybody gets the right: an entry that nobody remembers would mean nobody once its computer is moved.
    const isForgettable = givesRight(change) && desired.quarantined.some(({ text }) => !isRemembered(desired, hosts.records, text));
    if (!isRecordedNow && !isForgettable) return desired;
    // In one write, what the rest of them needs.
    const next = recordBefore(desired.journal, [change, ...following], observed.computers);
    const status = withJournal(current.status ?? UNSEEN, next, "object" in hostGroup ? hostGroup.object : undefined);
    current = await ports.record(current, { ...status, ...(hosts.records.length > 0 ? { resolvedHosts: hosts.records } : {}) });
    return { ...desired, journal: next, resolved: readResolved(current.status) };
  };
  const assertFresh = enforced ? ports.assertFresh : undefined;
  const work: Work = { scope: "Names", plan, assertFresh, journal, ordered: false };
  const { unrecorded, ...report } = await reconcile(wanted, ports.directory, work, signal);
  const desired = report.view?.desired ?? wanted;
  const done = { farm: current, desired, report };
  if (isAborted(report)) return { ...done, end: { kind: "Aborted" } };
  if (unrecorded) return { ...done, end: { kind: "Unrecorded", ...unrecorded, events: appliedEvents(farm, desired, report.applied) } };
  return { ...done, end: { kind: "Looked", ...outcome(current, desired, report, ports.now()) } };
}

/** Whether all that the entry means now is on record. */
function isRemembered({ resolved }: DesiredFarm, records: FarmView["hosts"]["records"], text: string): boolean {
  const known = new Set(resolved.get(text)?.map(({ objectGUID }) => objectGUID));
  return records.every(({ reference, objectGUID }) => reference !== text || known.has(objectGUID));
}

/** Takes everything of the farm out of the directory, one thing after the other. Rejects with what `assertFresh` rejects with. */
export async function decommissionFarm(
  farm: ServerFarm,
  desired: DesiredFarm,
  ports: Omit<FarmPorts, "record">,
  signal: AbortSignal,
): Promise<Decommissioned> {
  const policy = { retain: farm.spec.deletionPolicy === "Retain", membersSettled: wereMembersSettled(farm) };
  const report = await reconcile(
    desired,
    ports.directory,
    {
      scope: "Owned",
      plan: (view) => planDecommission(view, policy),
      assertFresh: farm.spec.managementPolicy === "Enforce" ? ports.assertFresh : undefined,
      ordered: true,
    },
    signal,
  );
  if (isAborted(report)) return { report, end: { kind: "Aborted" } };
  const { gone, status, events, retryable } = decommissionOutcome(farm, desired, report, ports.now());
  return { report, end: gone ? { kind: "Gone", events } : { kind: "Remains", status, events, retryable } };
}

function isAborted({ error }: Report): boolean {
  return error?.kind === "Aborted";
}

/** Whether the farm as it is now is what the copy shows: what is stale must neither delete nor undo. */
export function isSame(live: ServerFarm, copy: ServerFarm): boolean {
  return sameness(live) === sameness(copy);
}

/** With what its record says that it owns, and whom its entries mean: a copy that lacks some of it would have that made again, or let somebody in. */
function sameness({ metadata: { uid, generation, deletionTimestamp }, status }: ServerFarm): string {
  const owned = (status?.ownedObjects ?? []).map(({ objectGUID }) => objectGUID);
  return JSON.stringify([uid, generation, deletionTimestamp, readJournal(status), owned, status?.resolvedHosts]);
}
