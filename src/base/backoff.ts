/** Exponential back-off: base, 2·base, 4·base … max, in milliseconds. */
export interface Delays {
  readonly base: number;
  readonly max: number;
  /** From 0 to 1: spreads each delay over its upper half, so that keys that failed together do not return together. */
  readonly random?: () => number;
}

/** The delay before the next try, after so many failures before this one; in milliseconds. */
export function delayAfter(failures: number, { base, max, random = Math.random }: Delays): number {
  const delay = Math.min(max, base * 2 ** Math.min(failures, 40));
  return delay / 2 + (delay / 2) * random();
}

/** Back-off for each key by itself. */
export class Backoff {
  /** Failures of each key since it last succeeded: only keys that failed are in it. */
  readonly failures: ReadonlyMap<string, number>;
  readonly #failures = new Map<string, number>();
  readonly #delays: Delays;

  constructor({ base = 5, max = 1_000_000, random = Math.random }: Partial<Delays> = {}) {
    this.#delays = { base, max, random };
    this.failures = this.#failures;
  }

  /** Counts a failure of the key and returns the delay before the next try, in milliseconds; `max`: of this one. */
  next(key: string, max = this.#delays.max): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return delayAfter(failures, { ...this.#delays, max });
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
