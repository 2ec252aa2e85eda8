/** What is known of one domain, how old that is, and how far it can be relied on. */
import type { ActiveDirectoryDomainStatus } from "../api/generated/active-directory-domain.ts";
import { timestamp } from "../api/object.ts";
import type { DomainObservation } from "../ad/domain.ts";
import { CLOCK_SKEWED, domainFindings, domainReady, type DomainProblem, type DomainView } from "./findings.ts";

/** While something is not as it should be, it is looked at this often (ms). */
export const INSPECT_AGAIN = 60_000;
/** After so long (ms) everything has reached a server that took over, or will not. */
export const REPLICATED = 3_600_000;

/** A domain controller, by its database; by its name where it does not tell that. */
interface Server {
  readonly invocationId: string | undefined;
  readonly dnsHostName: string | undefined;
  /** When it took over from another one, on the monotonic clock and as the status says it. */
  readonly tookOver: { readonly at: number; readonly said: string } | undefined;
}

export interface Clocks {
  /** Milliseconds of a clock that only goes forward. */
  readonly monotonic: () => number;
  /** The time of day. */
  readonly wall: () => Date;
}

export class DomainState {
  /** How many farms kept the domain from being deleted when that was last said. */
  deletionSaid: number | undefined;
  /** What was last said of the answers of DNS, by its reason. */
  notesSaid: ReadonlyMap<string, string> = new Map();
  #view: DomainView = { kind: "Connecting" };
  #ready = false;
  /** 0 while this session has not been looked at. */
  #inspectedAt = 0;
  #inspectedGeneration = -1;
  #server: Server | undefined;
  /** Another server took over, and the status does not say so yet. */
  #unrecorded = false;

  readonly #clocks: Clocks;

  constructor(clocks: Clocks) {
    this.#clocks = clocks;
  }

  get view(): DomainView {
    return this.#view;
  }

  /** Whether farms could be reconciled when it was last looked at; a connection that is being made anew does not change that. */
  get ready(): boolean {
    return this.#ready;
  }

  /**
   * False for a session that is new: perhaps to another server, and what that does not show may not be gone. And for another server until the status
   * names it: what is made there must not pass for lost, should the program die and the first server be back.
   */
  get settled(): boolean {
    return this.#inspectedAt !== 0 && !this.#unrecorded;
  }

  /** After when (monotonic clock) what the server does not show is gone, and not merely on its way to it. */
  get absenceReliableAfter(): number {
    return this.#server?.tookOver === undefined ? Number.NEGATIVE_INFINITY : this.#server.tookOver.at + REPLICATED;
  }

  /** Whether it is so now. */
  get absenceReliable(): boolean {
    return this.#clocks.monotonic() > this.absenceReliableAfter;
  }

  /** Other settings: nothing is known any more. */
  restart(): void {
    this.#view = { kind: "Connecting" };
  }

  /** A new session. */
  connected(): void {
    this.#inspectedAt = 0;
  }

  /** Whether it has to be looked at again: `resync` in ms. */
  isDue(generation: number, resync: number): boolean {
    const healthy = domainFindings(this.#view, this.#clocks.wall()).every(
      ({ status, reason }) => status === "True" && reason !== CLOCK_SKEWED,
    );
    return !this.#isCurrent(generation) || this.#clocks.monotonic() - this.#inspectedAt > (healthy ? resync : INSPECT_AGAIN);
  }

  /** True where every farm has to be looked at. `recorded`: the server that the status names, for what was known before the program started. */
  accept(observation: DomainObservation, generation: number, recorded: ActiveDirectoryDomainStatus["server"]): boolean {
    const [wasReady, wasCurrent] = [this.#ready, this.#isCurrent(generation)];
    const { invocationId, dnsHostName } = observation;
    const before = this.#server ?? this.#recall(recorded);
    const same = before === undefined || isSame(before, observation);
    if (!same) this.#unrecorded = true;
    this.#server = {
      invocationId,
      dnsHostName,
      tookOver: same ? before?.tookOver : { at: this.#clocks.monotonic(), said: timestamp(this.#clocks.wall()) },
    };
    this.#view = { kind: "Connected", observation, tookOverAt: this.#server.tookOver?.said };
    this.#ready = domainReady(domainFindings(this.#view, this.#clocks.wall()));
    this.#inspectedAt = this.#clocks.monotonic();
    this.#inspectedGeneration = generation;
    // Nobody knows what happened while there was no session, nor what was held back.
    return wasReady !== this.#ready || !wasCurrent;
  }

  /** The status was written. True where farms waited for that. */
  recorded(): boolean {
    if (!this.#unrecorded || this.#view.kind !== "Connected") return false;
    this.#unrecorded = false;
    return true;
  }

  /** There is no usable session. True where that is news. */
  drop(problem: DomainProblem): boolean {
    const said = !this.#ready && this.#view.kind === "Problem" && this.#view.problem.message === problem.message;
    this.#view = { kind: "Problem", problem };
    this.#ready = false;
    return !said;
  }

  /** The clock was that of another machine, perhaps: one that runs ahead makes the hour shorter by as much, one that runs behind never. */
  #recall(recorded: ActiveDirectoryDomainStatus["server"]): Server | undefined {
    if (!recorded) return undefined;
    const { invocationId, dnsHostName, tookOverAt: said } = recorded;
    if (said === undefined) return { invocationId, dnsHostName, tookOver: undefined };
    const age = this.#clocks.wall().getTime() - Date.parse(said);
    return { invocationId, dnsHostName, tookOver: { at: this.#clocks.monotonic() - (age > 0 ? age : 0), said } };
  }

  #isCurrent(generation: number): boolean {
    return this.#inspectedGeneration === generation && this.#inspectedAt !== 0 && this.#view.kind === "Connected";
  }
}

function isSame(before: Server, { invocationId, dnsHostName }: DomainObservation): boolean {
  if (before.invocationId !== undefined && invocationId !== undefined) return before.invocationId === invocationId;
  return before.dnsHostName === dnsHostName;
}
