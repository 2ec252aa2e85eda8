/** In which order waiting keys get their turns: by urgency, and among those of one urgency tenant by tenant; and how a wait is broken off. */

/** From the most urgent to the least. */
export const PRIORITIES = ["Urgent", "Change", "Recheck", "Resync"] as const;
/** Urgent: somebody must lose something now. Change: a user asked for it. Recheck: something was in the way before. Resync: just to be sure. */
export type Priority = (typeof PRIORITIES)[number];

/** Whose a key is. Lanes do not wait for each other at all; tenants of one lane take turns. */
export interface Share {
  readonly lane: string;
  readonly tenant: string;
}

export interface Waiting extends Share {
  readonly priority: Priority;
  /** On the monotonic clock, in milliseconds. */
  readonly since: number;
}

/** What has waited this long (ms) takes every fourth turn from what is more urgent, so that nothing starves. */
const AGEING: Readonly<Record<Priority, number>> = { Urgent: 0, Change: 250, Recheck: 10_000, Resync: 10_000 };
const AGED_TURN = 4;

/** Keys of one lane. */
export class Lane {
  /** How many of its keys may run at once. */
  readonly #limit: number;
  readonly #reserved: number;
  readonly #waiting: Readonly<Record<Priority, Map<string, Map<string, number>>>> = {
    Urgent: new Map(),
    Change: new Map(),
    Recheck: new Map(),
    Resync: new Map(),
  };
  /** Running keys of each tenant that has any. */
  readonly #running = new Map<string, number>();
  #runningInAll = 0;
  #turn = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#reserved = Number.isFinite(limit) && limit > 1 ? Math.max(1, Math.floor(limit / 4)) : 0;
  }

  get idle(): boolean {
    return this.#runningInAll === 0 && PRIORITIES.every((priority) => this.#waiting[priority].size === 0);
  }

  put(key: string, { tenant, priority, since }: Omit<Waiting, "lane">): void {
    const keys = this.#waiting[priority].get(tenant) ?? new Map<string, number>();
    keys.set(key, since);
    this.#waiting[priority].set(tenant, keys);
  }

  remove(key: string, { tenant, priority }: Omit<Waiting, "lane" | "since">): void {
    const keys = this.#waiting[priority].get(tenant);
    keys?.delete(key);
    if (keys?.size === 0) this.#waiting[priority].delete(tenant);
  }

  /** Whose turn it is, if anybody may run now. It runs then, until `ended`. */
  next(now: number): string | undefined {
    // All that waits would be gone through for nothing.
    if (this.#runningInAll >= this.#limit) return undefined;
    const heads = PRIORITIES.flatMap((priority) => this.#head(priority) ?? []);
    const [first] = heads;
    if (!first) return undefined;
    const aged = heads.filter(({ priority, since }) => priority !== first.priority && now - since > AGEING[priority]);
    // Of these one priority after the other, so that none starves beside two that always have something.
    const turn = aged.length > 0 ? this.#turn++ : 0;
    const next = turn % AGED_TURN === 0 ? aged[(turn / AGED_TURN) % aged.length] : undefined;
    const { key, tenant, priority } = next ?? first;
    const rest = this.#waiting[priority].get(tenant);
    this.remove(key, { tenant, priority });
    // The tenant goes to the end of the line.
    if (rest && rest.size > 0) {
      this.#waiting[priority].delete(tenant);
      this.#waiting[priority].set(tenant, rest);
    }
    this.#running.set(tenant, (this.#running.get(tenant) ?? 0) + 1);
    this.#runningInAll++;
    return key;
  }

  ended(tenant: string): void {
    const running = (this.#running.get(tenant) ?? 1) - 1;
    if (running === 0) this.#running.delete(tenant);
    else this.#running.set(tenant, running);
    this.#runningInAll--;
  }

  /** Found at once: no more tenants run than keys may, so that all but so many are free to. */
  #head(
    priority: Priority,
  ): { readonly key: string; readonly tenant: string; readonly priority: Priority; readonly since: number } | undefined {
    for (const [tenant, keys] of this.#waiting[priority]) {
      if (!this.#mayRun(tenant, priority)) continue;
      for (const [key, since] of keys) return { key, tenant, priority, since };
    }
    return undefined;
  }

  /**
   * The last quarter, of few at least one, is for tenants that have nothing running: one whose keys take long leaves room for the others. Half of it is for
   * what is urgent, too: of the same tenant it would wait for all that the tenant changed before.
   */
  #mayRun(tenant: string, priority: Priority): boolean {
    const free = this.#limit - this.#runningInAll;
    const reserved = priority === "Urgent" ? Math.floor(this.#reserved / 2) : this.#reserved;
    return free > 0 && (free > reserved || !this.#running.has(tenant));
  }
}

/** At most so much at once, in the same order as keys: what stands behind it does one thing after the other, whoever asks. */
export class Gate {
  readonly #lane: Lane;
  readonly #waiting = new Map<string, () => void>();
  #count = 0;

  constructor(limit: number) {
    this.#lane = new Lane(limit);
  }

  /** Settles as `work` does, which begins when it has its turn. */
  async pass<T>(tenant: string, priority: Priority, work: () => Promise<T>): Promise<T> {
    const key = String(this.#count++);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(key, resolve);
    this.#lane.put(key, { tenant, priority, since: performance.now() });
    this.#open();
    await promise;
    try {
      return await work();
    } finally {
      this.#lane.ended(tenant);
      this.#open();
    }
  }

  #open(): void {
    for (let key = this.#lane.next(performance.now()); key !== undefined; key = this.#lane.next(performance.now())) {
      this.#waiting.get(key)?.();
      this.#waiting.delete(key);
    }
  }
}

/**
 * Settles as `work` does. Once `signal` aborts it rejects with `brokenOff` at once, whatever `work` waits for, unless `work` does what must not be left
 * alone: `stay` begins that, or throws where it is too late to begin.
 */
export async function abortable<T>(
  signal: AbortSignal,
  brokenOff: () => Error,
  work: (stay: <R>(act: () => R) => R) => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw brokenOff();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const leave = (): void => {
    reject(brokenOff());
  };
  const stay = <R>(act: () => R): R => {
    if (signal.aborted) throw brokenOff();
    signal.removeEventListener("abort", leave);
    return act();
  };
  signal.addEventListener("abort", leave, { once: true });
  try {
    work(stay).then(resolve, reject);
    return await promise;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Aborts after so many milliseconds, or with the other signal, until it is disposed of. AbortSignal.any would hold both by weak references. */
export function limited(milliseconds: number, outer: AbortSignal | undefined): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")),
    milliseconds,
  );
  const abort = (): void => controller.abort(outer?.reason);
  if (outer?.aborted === true) abort();
  outer?.addEventListener("abort", abort);
  const dispose = (): void => {
    clearTimeout(timer);
    outer?.removeEventListener("abort", abort);
  };
  return { signal: controller.signal, [Symbol.dispose]: dispose };
}
