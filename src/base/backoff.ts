/** Exponential back-off for each key: base, 2·base, 4·base … max, in milliseconds. */
export class Backoff {
  readonly #failures = new Map<string, number>();
  readonly #base: number;
  readonly #max: number;
  readonly #random: () => number;

  /** `random` spreads each delay over its upper half, so that keys that failed together do not return together. */
  constructor({ base = 5, max = 1_000_000, random = Math.random }: { base?: number; max?: number; random?: () => number } = {}) {
    this.#base = base;
    this.#max = max;
    this.#random = random;
  }

  /** Counts a failure of the key and returns the delay before the next try, in milliseconds. */
  next(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const delay = Math.min(this.#max, this.#base * 2 ** Math.min(failures, 40));
    return delay / 2 + (delay / 2) * this.#random();
  }

  /** Failures of the key since it last succeeded. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
