/** Runs only while the Lease is held. The Lease fences nothing by itself, so every write asks whether it still holds. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fence } from "../ad/port.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { Lease } from "../kubernetes/lease.ts";
import type { Log } from "../telemetry/log.ts";

export interface LeadershipOptions {
  readonly lease: Lease;
  /** Milliseconds. */
  readonly renewDeadline: number;
  readonly retryPeriod: number;
  readonly log: Log;
}

/** Between two questions (ms), however much one is in a hurry. */
const SHORTEST = 50;

export class Leadership {
  readonly #options: LeadershipOptions | undefined;
  readonly #fence: { until: number };
  /** Until when this process may write. It moves with each renewal, and is in the past once the Lease may be somebody else's. */
  readonly fence: Fence;

  /** Without options there is no election: this process always leads. */
  constructor(options: LeadershipOptions | undefined) {
    this.#options = options;
    this.#fence = { until: options ? 0 : Number.POSITIVE_INFINITY };
    this.fence = this.#fence;
  }

  get leads(): boolean {
    return performance.now() < this.#fence.until;
  }

  /** Resolves once this process leads. Rejects when the signal aborts. */
  async acquire(signal: AbortSignal): Promise<void> {
    if (!this.#options) return;
    const { lease, retryPeriod, renewDeadline } = this.#options;
    // Twice in a period, so that a Lease that is given up is taken within one.
    const period = retryPeriod / 2;
    // One that hangs is soon given up: until the Lease is seen again nobody knows when it runs out. A slow server is given more time.
    let patience = period;
    for (;;) {
      const started = performance.now();
      const answer = await this.#ask(Math.min(patience, renewDeadline / 2));
      if (answer === "Mine") return;
      patience = answer === "Unknown" ? patience * 2 : Math.max(period, 4 * (performance.now() - started));
      const { runsOutAt } = lease;
      const next = runsOutAt > started ? Math.min(started + period, runsOutAt) : started + period;
      await sleep(Math.max(SHORTEST, next - performance.now()), undefined, { signal });
    }
  }

  /** Renews until the signal aborts (true) or the Lease is lost (false). */
  async hold(signal: AbortSignal): Promise<boolean> {
    if (!this.#options) return await aborted(signal);
    const { retryPeriod, renewDeadline } = this.#options;
    let [renewed, patience] = [true, retryPeriod];
    while (!signal.aborted) {
      // Sooner where it failed: the deadline comes nearer.
      await sleep(renewed ? retryPeriod : retryPeriod / 4, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return true;
      // What it was is asked first: a renewal after the deadline cannot undo what another replica did meanwhile.
      if (!this.leads) return false;
      // At most half of the time: one that does not come leaves enough to ask again. A slow server is given more than one that was quick.
      const started = performance.now();
      renewed = (await this.#ask(Math.min(patience, renewDeadline / 2))) === "Mine";
      patience = renewed ? Math.max(retryPeriod, 4 * (performance.now() - started)) : patience * 2;
    }
    return true;
  }

  async release(): Promise<void> {
    this.#fence.until = 0;
    await this.#options?.lease.release();
  }

  /** Takes the Lease, or renews it. `request`: how long one request may take, in milliseconds. */
  async #ask(request: number): Promise<"Mine" | "Others" | "Unknown"> {
    if (!this.#options) return "Mine";
    const { lease, renewDeadline, log } = this.#options;
    const started = performance.now();
    try {
      // An answer that comes too late is no answer: the deadline is by this clock.
      if (await lease.tryAcquire({ request, until: this.leads ? this.#fence.until : started + renewDeadline })) {
        this.#fence.until = started + renewDeadline;
        return "Mine";
      }
      this.#fence.until = 0;
      return "Others";
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      log.warn("cannot renew the Lease", { error: error.message });
      return "Unknown";
    }
  }
}

async function aborted(signal: AbortSignal): Promise<true> {
  if (!signal.aborted) await once(signal, "abort");
  return true;
}
