/** What is known of one domain, how old that is, and how far it can be relied on. No I/O. */
import type { DomainObservation } from "../farm/domain-observation.ts";
import { domainFindings, domainReady, type DomainProblem, type DomainView } from "../reconciler/domain-outcome.ts";
import type { DomainConnection } from "./domain-connection.ts";

/** While something is not as it should be, it is looked at this often (ms). */
export const INSPECT_AGAIN = 60_000;
/** After so long (ms) everything has reached a server that took over, or will not. */
const REPLICATED = 3_600_000;

export class DomainState {
  readonly connection: DomainConnection;
  /** How many farms kept the domain from being deleted when that was last said. */
  deletionSaid: number | undefined;
  #view: DomainView = { kind: "Connecting" };
  #ready = false;
  /** 0 while this session has not been looked at. */
  #inspectedAt = 0;
  #inspectedGeneration = -1;
  /** When another server's database took over. */
  #switchedAt: number | undefined;
  #invocationId: string | undefined;

  readonly #now: () => number;

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(connection: DomainConnection, now: () => number = () => performance.now()) {
    this.connection = connection;
    this.#now = now;
  }

  get view(): DomainView {
    return this.#view;
  }

  /** Whether farms could be reconciled when it was last looked at; a connection that is being made anew does not change that. */
  get ready(): boolean {
    return this.#ready;
  }

  /** False for a session that is new: perhaps to another server, and what that does not show may not be gone. */
  get inspected(): boolean {
    return this.#inspectedAt !== 0;
  }

  /** Whether what the server does not show is gone, and not merely on its way to it. */
  get complete(): boolean {
    return this.#switchedAt === undefined || this.#now() - this.#switchedAt > REPLICATED;
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
    const healthy = domainFindings(this.#view, new Date()).every(({ status }) => status === "True");
    return !this.#isCurrent(generation) || this.#now() - this.#inspectedAt > (healthy ? resync : INSPECT_AGAIN);
  }

  /** True where every farm has to be looked at. `lastServer`: the invocationId that was known before the program started. */
  take(observation: DomainObservation, generation: number, lastServer: string | undefined): boolean {
    const [wasReady, wasCurrent] = [this.#ready, this.#isCurrent(generation)];
    const before = this.#invocationId ?? lastServer;
    if (before !== undefined && before !== observation.invocationId) this.#switchedAt = this.#now();
    this.#invocationId = observation.invocationId;
    this.#view = { kind: "Connected", observation };
    this.#ready = domainReady(domainFindings(this.#view, new Date()));
    this.#inspectedAt = this.#now();
    this.#inspectedGeneration = generation;
    // Nobody knows what happened while there was no session, nor what was held back.
    return wasReady !== this.#ready || !wasCurrent;
  }

  /** There is no usable session. True where that is news. */
  drop(problem: DomainProblem): boolean {
    this.connection.close();
    const said = !this.#ready && this.#view.kind === "Problem" && this.#view.problem.message === problem.message;
    this.#view = { kind: "Problem", problem };
    this.#ready = false;
    return !said;
  }

  #isCurrent(generation: number): boolean {
    return this.#inspectedGeneration === generation && this.inspected && this.#view.kind === "Connected";
  }
}
