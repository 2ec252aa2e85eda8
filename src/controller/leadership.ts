/** Runs only while the Lease is held. The Lease fences nothing by itself, so every write asks whether it still holds. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fence } from "../directory/session.ts";
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
    // Twice in a period, so that a Lease that is given up is taken within one.
    while (!(await this.#renew())) await sleep((this.#options?.retryPeriod ?? 0) / 2, undefined, { signal });
  }

  /** Renews until the signal aborts (true) or the Lease is lost (false). */
  async hold(signal: AbortSignal): Promise<boolean> {
    if (!this.#options) return await aborted(signal);
    const { retryPeriod } = this.#options;
    let renewed = true;
    while (!signal.aborted) {
      // Sooner where it failed: the deadline comes nearer.
      await sleep(renewed ? retryPeriod : retryPeriod / 4, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return true;
      // What it was is asked first: a renewal after the deadline cannot undo what another replica did meanwhile.
      if (!this.leads) return false;
      renewed = await this.#renew();
    }
    return true;
  }

  async release(): Promise<void> {
    this.#fence.until = 0;
    await this.#options?.lease.release();
  }

  async #renew(): Promise<boolean> {
    if (!this.#options) return true;
    const { lease, renewDeadline } = this.#options;
    const started = performance.now();
    try {
      // An answer that comes too late is no answer: the deadline is by this clock. One that does not come leaves the time to ask again.
      const until = this.leads ? this.#fence.until : started + renewDeadline;
      if (!(await lease.tryAcquire({ request: renewDeadline / 2, until }))) {
        this.#fence.until = 0;
        return false;
      }
      this.#fence.until = started + renewDeadline;
      return true;
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      this.#options.log.warn("cannot renew the Lease", { error: error.message });
      return false;
    }
  }
}

async function aborted(signal: AbortSignal): Promise<true> {
  if (!signal.aborted) await once(signal, "abort");
  return true;
}
