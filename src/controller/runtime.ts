/** Queue, workers, and what a result means for the queue: shared by both kinds. */
import { Backoff } from "../base/backoff.ts";
import { WorkQueue, type Priority } from "../base/work-queue.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { Log } from "../telemetry/log.ts";
import type { ControllerName, Metrics, ReconcileResult } from "../telemetry/metrics.ts";

/** What a reconcile asks for next. Retry: with back-off. After: in so many milliseconds. */
export type Result =
  | { readonly kind: "Done" }
  | { readonly kind: "Retry" }
  | { readonly kind: "After"; readonly delay: number; readonly priority: Priority };

export interface ControllerOptions {
  readonly name: ControllerName;
  readonly workers: number;
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Result>;
  readonly metrics: Metrics;
  readonly log: Log;
}

export class Controller {
  readonly queue: WorkQueue;
  readonly #options: ControllerOptions;
  readonly #backoff = new Backoff();

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.queue = new WorkQueue(options.metrics.queue(options.name));
  }

  /** Ends when the queue is closed and what runs has ended. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.workers }, () => this.#work(signal)));
  }

  /** The object is gone: nothing of it is remembered. */
  forget(key: string): void {
    this.#backoff.forget(key);
    this.queue.drop(key);
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let key = await this.queue.take(); key !== undefined; key = await this.queue.take()) {
      await this.#one(key, signal);
      this.queue.done(key);
    }
  }

  async #one(key: string, signal: AbortSignal): Promise<void> {
    const { name, metrics, log, reconcile } = this.#options;
    const started = performance.now();
    metrics.reconcileStarted(name);
    let result: ReconcileResult;
    try {
      result = this.#follow(key, await reconcile(key, signal));
    } catch (error) {
      if (isConflict(error)) {
        // The view was old. The watch brings the new one, and the key with it.
        log.debug("conflict, looking again", { controller: name, key, error: error.message });
        result = this.#follow(key, { kind: "Retry" });
      } else {
        result = "error";
        const delay = this.#retry(key, error instanceof KubernetesError ? error.retryAfter : undefined);
        log.error("reconcile failed", {
          controller: name,
          key,
          error: error instanceof Error ? error.message : String(error),
          retryInSeconds: delay / 1000,
        });
      }
    }
    metrics.reconciled(name, result, (performance.now() - started) / 1000);
  }

  #follow(key: string, result: Result): ReconcileResult {
    switch (result.kind) {
      case "Done":
        this.#backoff.forget(key);
        return "success";
      case "After":
        this.#backoff.forget(key);
        this.queue.addAfter(key, result.delay, result.priority);
        return result.priority === "Resync" ? "success" : "requeue_after";
      case "Retry":
        this.#retry(key);
        return "requeue";
    }
  }

  #retry(key: string, least = 0): number {
    const delay = Math.max(this.#backoff.next(key), least);
    this.#options.metrics.queueRetried(this.#options.name);
    this.queue.addAfter(key, delay);
    return delay;
  }
}

function isConflict(error: unknown): error is KubernetesError {
  return error instanceof KubernetesError && error.kind === "Conflict";
}
