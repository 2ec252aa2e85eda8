/** Runs the kinds of the replica that leads: what fills their queues, their workers, what a result means for the queue, and what the log has of it. */
import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate } from "node:timers/promises";
import type { ServerFarmStatus } from "../api/generated/server-farm.ts";
import { keyOf, type KubernetesObject } from "../api/object.ts";
import { Backoff } from "../base/backoff.ts";
import { type Change, describeChange, objectOf } from "../farm/changes/index.ts";
import type { Report } from "../farm/report.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { Fields, Log } from "../telemetry/log.ts";
import type { Metrics, ReconcileResult } from "../telemetry/metrics.ts";
import type { Kind, Result } from "./kind.ts";

const RECONCILE = new AsyncLocalStorage<{ readonly reconcileID: string; isOver: boolean }>();

/** Which reconcile is going on, for the log: every line of it bears the same id. What a reconcile opened may still speak when it is over. */
export function currentReconcile(): { readonly reconcileID: string } | undefined {
  const current = RECONCILE.getStore();
  return current && !current.isOver ? { reconcileID: current.reconcileID } : undefined;
}

export interface RuntimeOptions {
  readonly kinds: readonly Kind[];
  readonly metrics: Metrics;
  readonly log: Log;
}

export class Runtime {
  readonly #controllers: readonly Controller[];
  readonly #kinds: readonly Kind[];
  readonly #metrics: Metrics;

  constructor({ kinds, metrics, log }: RuntimeOptions) {
    this.#kinds = kinds;
    this.#metrics = metrics;
    this.#controllers = kinds.map((kind) => new Controller(kind, metrics, log));
    for (const { name, workers } of kinds) metrics.controller(name, workers);
  }

  /** Called once. Ends when it was stopped and what runs has ended. */
  async run(clusterId: string, signal: AbortSignal): Promise<void> {
    this.#metrics.observeQueues(new Map(this.#kinds.map(({ name, queue }) => [name, queue])));
    for (const controller of this.#controllers) controller.start();
    await Promise.all(this.#controllers.map((controller) => controller.work(clusterId, signal)));
  }

  /** Nothing more is begun. */
  stop(): void {
    for (const { queue } of this.#kinds) queue.close();
  }

  /** Lets go of what the kinds hold. */
  close(): void {
    for (const kind of this.#kinds) kind.close?.();
  }
}

/** One kind at work. */
class Controller {
  readonly #kind: Kind;
  readonly #metrics: Metrics;
  readonly #log: Log;
  readonly #backoff = new Backoff();

  constructor(kind: Kind, metrics: Metrics, log: Log) {
    this.#kind = kind;
    this.#metrics = metrics;
    this.#log = log;
  }

  start(): void {
    const { objects } = this.#kind;
    this.#kind.start?.();
    for (const object of objects.list()) this.#changed(keyOf(object.metadata), object, undefined);
    objects.subscribe((key, object, previous) => {
      this.#changed(key, object, previous);
    });
  }

  /** Ends when the queue is closed and what runs has ended. */
  async work(clusterId: string, signal: AbortSignal): Promise<void> {
    const { queue } = this.#kind;
    const running = new Set<Promise<void>>();
    const interrupt = (): void => {
      queue.interrupt();
    };
    if (signal.aborted) interrupt();
    signal.addEventListener("abort", interrupt, { once: true });
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      const taken = key;
      const current = { reconcileID: crypto.randomUUID(), isOver: false };
      const reconcile = RECONCILE.run(current, () => this.#one(taken, clusterId, queue.interruptionOf(taken))).finally(() => {
        current.isOver = true;
        running.delete(reconcile);
        queue.done(taken);
      });
      running.add(reconcile);
    }
    if (this.#kind.isAbandoned !== true) await Promise.all(running);
  }

  #changed(key: string, object: KubernetesObject | undefined, previous: KubernetesObject | undefined): void {
    this.#kind.changed?.(object, previous);
    if (!needsReconcile(object, previous, this.#kind.annotations)) return;
    this.#kind.queue.add(key, object && this.#kind.urgency?.(object, previous));
  }

  async #one(key: string, clusterId: string, signal: AbortSignal): Promise<void> {
    const { name } = this.#kind;
    const started = performance.now();
    this.#metrics.reconcileStarted(name);
    let result: ReconcileResult;
    // What brought the key, an event of a large farm, say, took its time already.
    await setImmediate();
    try {
      result = this.#follow(key, await this.#kind.reconcile(key, clusterId, signal));
    } catch (error) {
      if (isConflict(error)) {
        // The view was old. The watch brings the new one, and the key with it.
        this.#log.debug("conflict, looking again", { controller: name, key, error: error.message });
        result = this.#follow(key, { kind: "Retry" });
      } else {
        result = "error";
        const delay = this.#retry(key, error instanceof KubernetesError ? error.retryAfter : undefined);
        const retryInSeconds = delay / 1000;
        if (error instanceof KubernetesError)
          this.#log.error("reconcile failed", { controller: name, key, error: error.message, retryInSeconds });
        else sayInternal({ metrics: this.#metrics, log: this.#log }, name, key, error, { retryInSeconds });
      }
    }
    this.#metrics.reconciled(name, result, (performance.now() - started) / 1000);
  }

  #follow(key: string, result: Result): ReconcileResult {
    if (result.kind === "Retry") {
      this.#retry(key);
      return result.failed === true ? "error" : "requeue";
    }
    if (this.#backoff.failures.has(key)) this.#backoff.forget(key);
    if (result.kind === "Done") return "success";
    // Spread, so that objects that were made together are not compared together for ever.
    const spread = result.priority === "Resync" ? 0.9 + 0.2 * Math.random() : 1;
    this.#kind.queue.addAfter(key, result.delay * spread, result.priority);
    if (result.failed === true) return "error";
    return result.priority === "Resync" ? "success" : "requeue_after";
  }

  /** Returns when it is tried again (ms), `least` at the earliest. */
  #retry(key: string, least = 0): number {
    const delay = Math.max(this.#backoff.next(key), least);
    this.#metrics.queueRetried(this.#kind.name);
    const { queue } = this.#kind;
    // As urgent as before: what users ask for need not wait for what is only looked at again.
    queue.addAfter(key, delay, queue.priorityOf(key));
    return delay;
  }
}

/** What nobody thought of: counted apart, and logged with the place where it was. */
export function sayInternal(
  { metrics, log }: Pick<RuntimeOptions, "metrics" | "log">,
  controller: string,
  key: string,
  error: unknown,
  more: Fields = {},
): void {
  metrics.reconcilePanicked(controller);
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  log.error("reconcile failed", { controller, key, error: message, stack, ...more });
}

/** Changes that one line names; how many more there are it counts. */
const NAMED = 20;

/** Of these a farm is told because of something else, which has lines of its own, or because somebody wanted it so. */
const OF_OTHERS: ReadonlySet<string> = new Set(["DomainNotReady", "DirectoryUnavailable", "Progressing", "Suspended", "Deleting"]);

/** What the log has of farms: what was changed, by name; what the directory refused; and what stands in a farm's way, once for as long as it lasts. */
export class FarmLog {
  readonly #log: Log;
  /** What was last said to be in the way of each farm that is not ready. */
  readonly #said = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** What was done, however the reconcile ended. */
  did(farm: string, { applied, failures, error }: Report): void {
    // The end of the program, or of its lead, a domain's brake, or something more urgent is no failure of the directory.
    const isAborted = error?.kind === "Aborted";
    for (const { change, error: refused } of isAborted ? [] : failures) {
      const [object, changes] = [objectOf(change), named([change])];
      this.#log.warn("the directory refused a change", { farm, change: change.kind, object, changes, error: refused.message });
    }
    const changes = named(applied);
    if (error && !isAborted) this.#log.warn("the directory failed", { farm, changes, error: error.message });
    else if (changes.length > 0) this.#log.info("changed the directory", { farm, changes });
    else if (!isAborted) this.#log.debug("nothing to change", { farm });
  }

  /** How it stands after a reconcile: said where it is not ready, when that is news; and when it is ready again. */
  stands(farm: string, { conditions = [] }: ServerFarmStatus): void {
    const ready = conditions.find(({ type }) => type === "Ready");
    if (!ready) return;
    const { status, reason, message } = ready;
    if (status === "True") {
      if (this.#said.delete(farm)) this.#log.info("the farm is ready", { farm });
      return;
    }
    const news = `${reason}: ${message}`;
    const isQuiet = OF_OTHERS.has(reason);
    if (this.#said.get(farm) === news) return;
    if (!isQuiet) this.#said.set(farm, news);
    this.#log[isQuiet ? "debug" : "warn"]("the farm is not ready", { farm, reason, error: message });
  }

  forget(farm: string): void {
    this.#said.delete(farm);
  }
}

/** As `status.plan` has them: what, on which object, which value. */
function named(changes: readonly Change[]): readonly string[] {
  const lines = changes
    .flatMap((change) => describeChange(change))
    .map(({ change, object, value }) => [change, object, ...(value === undefined ? [] : [value])].join(" "));
  return lines.length > NAMED ? [...lines.slice(0, NAMED), `and ${lines.length - NAMED} more`] : lines;
}

/** Whether a change of an object is more than its status, which is our own doing and asks for nothing. */
function needsReconcile(
  object: KubernetesObject | undefined,
  previous: KubernetesObject | undefined,
  annotations: readonly string[],
): boolean {
  const relevant = ({ metadata }: KubernetesObject): string =>
    JSON.stringify([
      metadata.uid,
      metadata.generation,
      metadata.deletionTimestamp,
      metadata.finalizers,
      annotations.map((name) => metadata.annotations?.[name]),
    ]);
  return !object || !previous || relevant(object) !== relevant(previous);
}

function isConflict(error: unknown): error is KubernetesError {
  return error instanceof KubernetesError && error.kind === "Conflict";
}
