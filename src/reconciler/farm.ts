/**
 * One reconcile of a farm, from the first look to what is said of it; and its end. Directory, cluster and time come in as ports, so that tests drive
 * the very code that the program runs.
 */
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import type { ObservedFarm } from "../ad/object.ts";
import type { DesiredFarm } from "../farm/desired.ts";
import type { Directory } from "../farm/directory.ts";
import { type HandOver, handOvers } from "../farm/host-group.ts";
import { memoryOf, remember, withAdded, withMemory } from "../farm/journal.ts";
import { planDecommission } from "../farm/plan/decommission.ts";
import { plan } from "../farm/plan/index.ts";
import type { Report } from "../farm/report.ts";
import { placeOfHostGroup } from "../farm/slot.ts";
import { driftOf, eventsOf } from "../farm/status/events.ts";
import { decommissionOutcome, outcome, type Outcome } from "../farm/status/outcome.ts";
import { reconcile, type Rounds, type Work } from "./rounds.ts";

/** The status of a farm that was never seen, as the schema has it. */
const UNSEEN: ServerFarmStatus = { observedGeneration: -1 };

/** Hosts in a group of somebody else that another farm, the recipient, answers for from now on. */
export type Transfer = HandOver;

/** What a reconcile needs of the world. */
export interface FarmPorts {
  readonly directory: Directory;
  /** Asked once, right before the first write; rejects where the farm is not any more what was handed in, and so does the reconcile then. */
  readonly assertFresh: () => Promise<void>;
  /** Writes the farm's status, and resolves with the farm as it is then. Where it rejects, the change that it was for is not made. */
  readonly record: (farm: ServerFarm, status: ServerFarmStatus) => Promise<ServerFarm>;
  /** Writes down at the recipients what is theirs now. */
  readonly transfer: (transfers: readonly Transfer[]) => Promise<void>;
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
  /** What `record` or `transfer` rejected with. */
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
    | Unrecorded
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
 * Brings the directory to what the farm wants. Before anything is put into a group of somebody else the farm's status says so; hosts that it does not
 * want there any more and that another farm does are handed to that one. Rejects with what `assertFresh` rejects with.
 */
export async function reconcileFarm(farm: ServerFarm, wanted: DesiredFarm, ports: FarmPorts, signal: AbortSignal): Promise<Reconciled> {
  const enforced = farm.spec.managementPolicy === "Enforce";
  let [current, desired] = [farm, wanted];
  const journal: Work["journal"] = async (change, following, observed) => {
    if (remember(desired.memory, [change], observed.computers) === desired.memory) return;
    // In one write, what the rest of them needs.
    const memory = remember(desired.memory, [change, ...following], observed.computers);
    const group = placeOfHostGroup(desired, observed);
    current = await ports.record(current, withMemory(current.status ?? UNSEEN, memory, "object" in group ? group.object : undefined));
    desired = { ...desired, memory };
  };
  const { unrecorded, ...report } = await reconcile(
    desired,
    ports.directory,
    {
      scope: "Names",
      plan: (observed) => plan(desired, observed),
      assertFresh: enforced ? ports.assertFresh : undefined,
      journal,
      ordered: false,
    },
    signal,
  );
  const done = { farm: current, desired, report };
  if (isAborted(report)) return { ...done, end: { kind: "Aborted" } };
  const refused =
    unrecorded ?? (enforced && report.observed && !report.error ? await transfer(desired, report.observed, ports) : undefined);
  if (refused) {
    const drift = driftOf(farm, report);
    const events = report.applied.flatMap((change) => eventsOf(change, desired, drift.includes(change)));
    return { ...done, end: { kind: "Unrecorded", ...refused, events } };
  }
  return { ...done, end: { kind: "Looked", ...outcome(current, desired, report, ports.now()) } };
}

/** Takes everything of the farm out of the directory, one thing after the other. Rejects with what `assertFresh` rejects with. */
export async function decommissionFarm(
  farm: ServerFarm,
  desired: DesiredFarm,
  ports: Omit<FarmPorts, "record">,
  signal: AbortSignal,
): Promise<Decommissioned> {
  const hostsReady = farm.status?.conditions?.find(({ type }) => type === "HostsReady");
  const policy = {
    retain: farm.spec.deletionPolicy === "Retain",
    // Deleting a farm counts its generation up by one: the one before is what was wanted last.
    membersSettled: hostsReady?.status === "True" && (hostsReady.observedGeneration ?? 0) >= (farm.metadata.generation ?? 0) - 1,
  };
  const report = await reconcile(
    desired,
    ports.directory,
    {
      scope: "Owned",
      plan: (observed) => planDecommission(desired, observed, policy),
      assertFresh: farm.spec.managementPolicy === "Enforce" ? ports.assertFresh : undefined,
      ordered: true,
    },
    signal,
  );
  if (isAborted(report)) return { report, end: { kind: "Aborted" } };
  const { gone, status, events, retryable } = decommissionOutcome(farm, desired, report, ports.now());
  if (!gone) return { report, end: { kind: "Remains", status, events, retryable } };
  // A farm at its end wants nothing in any group.
  const refused = report.observed ? await transfer({ ...desired, grant: "Principals" }, report.observed, ports) : undefined;
  if (!refused) return { report, end: { kind: "Gone", events } };
  const done = report.applied.flatMap((change) => eventsOf(change, desired, false));
  return { report, end: { kind: "Unrecorded", ...refused, events: done } };
}

/** Undefined where the cluster took it, or nothing was to be transferred. */
async function transfer(desired: DesiredFarm, observed: ObservedFarm, ports: Pick<FarmPorts, "transfer">): Promise<Rounds["unrecorded"]> {
  const transfers = handOvers(desired, observed);
  if (transfers.length === 0) return undefined;
  try {
    await ports.transfer(transfers);
    return undefined;
  } catch (cause) {
    return { cause };
  }
}

/** Whether the farm uses a host group of somebody else, or did: only then it has to do with other farms. */
export function sharesGroups({ spec, status }: ServerFarm): boolean {
  return spec.hosts.group?.existing === true || memoryOf(status).hostGroups.length > 0;
}

/** The recipient's status, with what is its own from now on. */
export function withTransfer({ status }: ServerFarm, transfer: Transfer): ServerFarmStatus {
  return withAdded(status ?? UNSEEN, transfer);
}

function isAborted({ error }: Report): boolean {
  return error?.kind === "Aborted";
}

/** Whether the farm as it is now is what the copy shows: what is stale must neither delete nor undo. */
export function isSame(live: ServerFarm, copy: ServerFarm): boolean {
  return sameness(live) === sameness(copy);
}

/** With what its record says that it owns: a copy that lacks some of it would have that made again. */
function sameness({ metadata: { uid, generation, deletionTimestamp }, status }: ServerFarm): string {
  const owned = (status?.ownedObjects ?? []).map(({ objectGUID }) => objectGUID);
  return JSON.stringify([uid, generation, deletionTimestamp, memoryOf(status), owned]);
}
