/** Changes that a user made go before the periodic second look. */
export type Priority = "Change" | "Resync";

/** What a queue tells about itself; times in milliseconds. */
export interface WorkQueueObserver {
  added(): void;
  taken(waited: number): void;
  finished(worked: number): void;
}

/** A resync that has waited this long (ms) takes every fourth turn, so that neither starves the other. */
const AGEING = 10_000;
const AGED_TURN = 4;

/**
 * A queue of keys, not of events: fair and stingy. One key never runs twice at once; added again while it runs, it runs once more.
 * Of two delays for one key the earlier wins.
 */
export class WorkQueue {
  readonly #waiting: Record<Priority, Map<string, number>> = { Change: new Map(), Resync: new Map() };
  readonly #running = new Map<string, number>();
  readonly #again = new Map<string, Priority>();
  readonly #delayed = new Map<string, { readonly at: number; readonly timer: NodeJS.Timeout; readonly priority: Priority }>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #observer: WorkQueueObserver | undefined;
  #closed = false;
  #turn = 0;

  constructor(observer?: WorkQueueObserver) {
    this.#observer = observer;
  }

  add(key: string, priority: Priority = "Change"): void {
    if (this.#closed) return;
    if (priority === "Change") this.#cancelDelay(key);
    if (this.#running.has(key)) {
      if (this.#again.get(key) !== "Change") this.#again.set(key, priority);
      return;
    }
    const { Change, Resync } = this.#waiting;
    if (Change.has(key) || (Resync.has(key) && priority === "Resync")) return;
    const since = Resync.get(key) ?? performance.now();
    Resync.delete(key);
    this.#waiting[priority].set(key, since);
    this.#observer?.added();
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
    const timer = setTimeout(
      () => {
        this.#delayed.delete(key);
        this.add(key, priority);
      },
      Math.min(delay, 2 ** 31 - 1),
    );
    this.#delayed.set(key, { at, timer, priority });
  }

  /** The next key, as soon as there is one; undefined once the queue is closed. Each key taken must be given to `done`. */
  take(): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    if (this.#closed) resolve(undefined);
    else this.#takers.push(resolve);
    this.#hand();
    return promise;
  }

  done(key: string): void {
    const started = this.#running.get(key);
    if (started === undefined) return;
    this.#running.delete(key);
    this.#observer?.finished(performance.now() - started);
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again) this.add(key, again);
  }

  /** Drops a key that waits or is delayed: the object is gone. */
  drop(key: string): void {
    this.#cancelDelay(key);
    this.#waiting.Change.delete(key);
    this.#waiting.Resync.delete(key);
    this.#again.delete(key);
  }

  /** No further key is handed out; the running ones may finish. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) clearTimeout(timer);
    this.#delayed.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  /** Keys that wait now. */
  get depth(): number {
    return this.#waiting.Change.size + this.#waiting.Resync.size;
  }

  /** For how long each running key has run, in milliseconds. */
  running(): readonly number[] {
    const now = performance.now();
    return [...this.#running.values()].map((started) => now - started);
  }

  #cancelDelay(key: string): void {
    const set = this.#delayed.get(key);
    if (set) clearTimeout(set.timer);
    this.#delayed.delete(key);
  }

  #hand(): void {
    while (this.#takers.length > 0) {
      const next = this.#next();
      if (!next) return;
      const [key, since] = next;
      const now = performance.now();
      this.#running.set(key, now);
      this.#observer?.taken(now - since);
      this.#takers.shift()?.(key);
    }
  }

  #next(): [string, number] | undefined {
    const { Change, Resync } = this.#waiting;
    const [aged] = Resync;
    const due = aged !== undefined && performance.now() - aged[1] > AGEING && this.#turn++ % AGED_TURN === 0;
    const from = due || Change.size === 0 ? Resync : Change;
    const [first] = from;
    if (first) from.delete(first[0]);
    return first;
  }
}
