import { AsyncLocalStorage } from "node:async_hooks";
import { Lane, PRIORITIES, type Priority, type Share, type Waiting } from "./turns.ts";

/** What a queue tells about itself; times in milliseconds. */
export interface WorkQueueObserver {
  added(): void;
  taken(waited: number): void;
  finished(worked: number): void;
}

export interface WorkQueueOptions {
  readonly observer?: WorkQueueObserver;
  /** How many keys of one lane may run at once. */
  readonly limit?: number;
  /** Asked when a key is added. Without it all keys are one tenant's, in one lane. */
  readonly shareOf?: (key: string) => Share;
}

interface Running extends Waiting {
  readonly started: number;
  readonly interrupt: AbortController;
}

/**
 * A queue of keys, not of events: fair and stingy. One key never runs twice at once; added again while it runs, it runs once more, and what runs is
 * interrupted where the new reason is urgent and the old one was not.
 * Of two delays for one key the earlier wins.
 */
export class WorkQueue {
  readonly #lanes = new Map<string, Lane>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #running = new Map<string, Running>();
  readonly #again = new Map<string, Priority>();
  readonly #delayed = new Map<string, { readonly at: number; readonly timer: NodeJS.Timeout; readonly priority: Priority }>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #observer: WorkQueueObserver | undefined;
  readonly #limit: number;
  readonly #shareOf: (key: string) => Share;
  /** A timer keeps what is known of whoever set it, for hours; and it is no part of that. */
  readonly #outside = AsyncLocalStorage.snapshot();
  #closed = false;

  constructor({ observer, limit = Infinity, shareOf = () => ({ lane: "", tenant: "" }) }: WorkQueueOptions = {}) {
    this.#observer = observer;
    this.#limit = limit;
    this.#shareOf = shareOf;
  }

  add(key: string, priority: Priority = "Change"): void {
    if (this.#closed) return;
    if (priority !== "Resync") this.#cancelDelay(key);
    const running = this.#running.get(key);
    if (running) {
      this.#again.set(key, moreUrgent(this.#again.get(key), priority));
      // What is urgent itself is never interrupted, so that it ends however often the key is added.
      if (priority === "Urgent" && running.priority !== "Urgent") running.interrupt.abort();
      return;
    }
    const waiting = this.#waiting.get(key);
    if (waiting && moreUrgent(waiting.priority, priority) === waiting.priority) return;
    if (waiting) this.#lanes.get(waiting.lane)?.remove(key, waiting);
    const entry: Waiting = { ...this.#shareOf(key), priority, since: waiting?.since ?? performance.now() };
    this.#waiting.set(key, entry);
    this.#laneOf(entry).put(key, entry);
    if (!waiting) this.#observer?.added();
    this.#hand();
  }

  /** Adds the key after `delay` milliseconds, unless an earlier delay is set already. */
  addAfter(key: string, delay: number, priority: Priority = "Change"): void {
    if (this.#closed) return;
    const at = performance.now() + delay;
    const set = this.#delayed.get(key);
    if (set && set.at <= at) return;
    this.#cancelDelay(key);
    // A longer delay than a timer can hold would fire at once.
    const timer = this.#outside(() =>
      setTimeout(
        () => {
          this.#delayed.delete(key);
          this.add(key, priority);
        },
        Math.min(delay, 2 ** 31 - 1),
      ),
    );
    this.#delayed.set(key, { at, timer, priority });
  }

  /** The next key that may run, as soon as there is one; undefined once the queue is closed. Each key taken must be given to `done`. */
  take(): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    if (this.#closed) resolve(undefined);
    else this.#takers.push(resolve);
    this.#hand();
    return promise;
  }

  done(key: string): void {
    const running = this.#running.get(key);
    if (running === undefined) return;
    this.#running.delete(key);
    this.#laneOf(running).ended(running.tenant);
    this.#observer?.finished(performance.now() - running.started);
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again) this.add(key, again);
    this.#tidy(running.lane);
    this.#hand();
  }

  /** Drops a key that waits or is delayed: the object is gone. */
  drop(key: string): void {
    this.#cancelDelay(key);
    this.#again.delete(key);
    const waiting = this.#waiting.get(key);
    if (!waiting) return;
    this.#waiting.delete(key);
    this.#lanes.get(waiting.lane)?.remove(key, waiting);
    this.#tidy(waiting.lane);
  }

  /** No further key is handed out; the running ones may finish. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) clearTimeout(timer);
    this.#delayed.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  /** Closes, and interrupts all that runs. */
  interrupt(): void {
    this.close();
    for (const { interrupt } of this.#running.values()) interrupt.abort();
  }

  /** Aborts when the running key should end soon: what it waits for is not worth it any more. Throws where the key does not run. */
  interruptionOf(key: string): AbortSignal {
    const running = this.#running.get(key);
    if (!running) throw new Error(`${key} does not run`);
    return running.interrupt.signal;
  }

  /** How urgent a running key was when it had its turn. */
  priorityOf(key: string): Priority | undefined {
    return this.#running.get(key)?.priority;
  }

  /** Keys that wait now. */
  get depth(): number {
    return this.#waiting.size;
  }

  runs(key: string): boolean {
    return this.#running.has(key);
  }

  /** For how long each running key has run, in milliseconds. */
  running(): readonly number[] {
    const now = performance.now();
    return [...this.#running.values()].map(({ started }) => now - started);
  }

  #cancelDelay(key: string): void {
    const set = this.#delayed.get(key);
    if (set) clearTimeout(set.timer);
    this.#delayed.delete(key);
  }

  #laneOf({ lane }: Share): Lane {
    const known = this.#lanes.get(lane) ?? new Lane(this.#limit);
    this.#lanes.set(lane, known);
    return known;
  }

  #tidy(lane: string): void {
    if (this.#lanes.get(lane)?.idle === true) this.#lanes.delete(lane);
  }

  #hand(): void {
    while (this.#takers.length > 0) {
      const now = performance.now();
      const key = this.#next(now);
      if (key === undefined) return;
      const waiting = this.#waiting.get(key);
      if (!waiting) throw new Error(`${key} had its turn and did not wait for it`);
      this.#waiting.delete(key);
      this.#running.set(key, { ...waiting, started: now, interrupt: new AbortController() });
      this.#observer?.taken(now - waiting.since);
      this.#takers.shift()?.(key);
    }
  }

  /** Of the first lane that has one; the lane goes to the end of the line. */
  #next(now: number): string | undefined {
    for (const [name, lane] of this.#lanes) {
      const key = lane.next(now);
      if (key === undefined) continue;
      this.#lanes.delete(name);
      this.#lanes.set(name, lane);
      return key;
    }
    return undefined;
  }
}

function moreUrgent(one: Priority | undefined, other: Priority): Priority {
  return one === undefined || PRIORITIES.indexOf(other) < PRIORITIES.indexOf(one) ? other : one;
}
