/** What a reconcile is given, and what comes of it. */
import type { Asker } from "../ad/port.ts";
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import type { Change, Plan } from "../farm/changes/index.ts";
import type { DesiredFarm } from "../farm/desired-farm.ts";
import type { Directory, Scope } from "../farm/observed.ts";
import type { Report } from "../farm/report.ts";
import type { Outcome } from "../farm/status/outcome.ts";
import type { FarmView } from "../farm/view.ts";

/** What a reconcile needs of the world. */
export interface FarmPorts {
  readonly directory: Directory;
  /** Asked once, right before the first write; rejects where the farm is not any more what was handed in, and so does the reconcile then. */
  readonly assertFresh: () => Promise<void>;
  /** Writes the farm's status, and resolves with the farm as it is then. Where it rejects, the change that it was for is not made. */
  readonly record: (farm: ServerFarm, status: ServerFarmStatus) => Promise<ServerFarm>;
  /** Told of the farm as it will be on record, right before the write that makes its account name a group of somebody else. Absent: there are no others. */
  readonly claim?: (farm: ServerFarm) => void;
  /** The time of day, for conditions. */
  readonly now: () => Date;
  /** Resolves once others had their turns: all steps of a large farm in one stretch would hold up even the Lease. Absent: nobody else waits. */
  readonly pause?: () => Promise<void>;
}

/** The program ends, does not lead any more, its domain's brake was put on, or something more urgent is to be done: what was done before is all it has to say. */
export interface Aborted {
  readonly kind: "Aborted";
  readonly events: readonly EventDraft[];
}

/** The cluster did not take what had to be written down. What was done before is said all the same: the next look finds it done. */
interface Unrecorded {
  readonly kind: "Unrecorded";
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

/** What rounds are made of. */
export interface Work {
  readonly scope: Scope;
  readonly plan: (view: FarmView) => Plan | Promise<Plan>;
  /**
   * Asked once, right before the first write: whether what was planned for is still what is wanted. It rejects where the view was old.
   * Undefined: nothing is written.
   */
  readonly assertFresh: (() => Promise<void>) | undefined;
  /**
   * Called right before a change is made, with those that follow it: what must not be forgotten, should the program die in the middle, is written
   * down. For one that needs no record nothing is written, so that what goes first, a compromised host, waits for nothing. Resolves with
   * the farm as it is then. Where it rejects, the change is not made.
   */
  readonly journal?: (change: Change, following: readonly Change[], view: FarmView) => Promise<DesiredFarm>;
  /** Who asks for a change, and why: for the audit log. */
  readonly ask?: (change: Change, view: FarmView) => Asker;
  /** True: a change that fails keeps back those after it. False: each stands for itself. */
  readonly ordered: boolean;
  readonly pause?: FarmPorts["pause"] | undefined;
}

/** What the rounds saw and did. */
export interface Rounds extends Report {
  /** What the journal rejected with: that ended the rounds before the change was made. */
  readonly unrecorded?: { readonly cause: unknown };
}
