/** Prometheus metrics. Names that controller-runtime's users know keep their names and labels. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { WorkQueueObserver } from "../base/work-queue.ts";
import { ObjectMetrics } from "./object-metrics.ts";

const RESULTS = ["success", "error", "requeue", "requeue_after"] as const;
export type ReconcileResult = (typeof RESULTS)[number];

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** A key may wait for as long as a domain is slow. */
const WAITING = [...SECONDS, 120, 300, 600, 1000];
/** How often (ms) the event loop is looked at. Each look wakes the program: 100 a second would be half of what it costs at rest. */
const EVENT_LOOP_PERIOD = 50;

export class Metrics {
  readonly registry = new Registry();
  /** Of farms and domains. */
  readonly objects = new ObjectMetrics();

  readonly #reconciles = this.#counter("controller_runtime_reconcile_total", "Reconciles by result", ["controller", "result"]);
  readonly #errors = this.#counter("controller_runtime_reconcile_errors_total", "Reconciles that failed", ["controller"]);
  readonly #panics = this.#counter("controller_runtime_reconcile_panics_total", "Reconciles that ended by an internal error", [
    "controller",
  ]);
  readonly #reconcileTime = this.#histogram("controller_runtime_reconcile_time_seconds", "Duration of a reconcile", ["controller"]);
  readonly #active = this.#gauge("controller_runtime_active_workers", "Workers that reconcile now", ["controller"]);
  readonly #workers = this.#gauge("controller_runtime_max_concurrent_reconciles", "Workers", ["controller"]);
  readonly #queueAdds = this.#counter("workqueue_adds_total", "Keys added to the queue", ["name", "controller"]);
  readonly #queueRetries = this.#counter("workqueue_retries_total", "Keys added again after a failure", ["name", "controller"]);
  readonly #queueWait = this.#histogram("workqueue_queue_duration_seconds", "How long a key waited", ["name", "controller"], WAITING);
  readonly #queueWork = this.#histogram("workqueue_work_duration_seconds", "How long a key was worked on", ["name", "controller"]);
  readonly #rest = this.#counter("rest_client_requests_total", "Requests to the Kubernetes API server", ["code", "method", "host"]);
  readonly #leader = this.#gauge("leader_election_master_status", "1 while this replica leads", ["name"]);
  readonly #requests = this.#counter("serverfarm_directory_requests_total", "Requests to the directory", ["domain", "operation", "result"]);
  readonly #requestTime = this.#histogram("serverfarm_directory_request_duration_seconds", "Duration of a request to the directory", [
    "domain",
    "operation",
  ]);
  readonly #changes = this.#counter("serverfarm_directory_changes_total", "Writes to the directory that succeeded", ["domain", "change"]);
  readonly #drift = this.#counter("serverfarm_drift_corrected_total", "Drift corrected: changes that were made outside the operator", [
    "domain",
    "change",
  ]);
  readonly #watch = this.#gauge("serverfarm_watch_last_event_timestamp_seconds", "Last sign of life of a Kubernetes watch", ["resource"]);

  constructor(version: string, leaseName: string) {
    this.#gauge("serverfarm_build_info", "Version of the operator", ["version", "node"]).set({ version, node: process.version }, 1);
    this.#leader.set({ name: leaseName }, 0);
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: EVENT_LOOP_PERIOD });
  }

  /** All of a controller from 0, so that an alert sees the first. */
  controller(controller: string, workers: number): void {
    for (const result of RESULTS) this.#reconciles.inc({ controller, result }, 0);
    this.#errors.inc({ controller }, 0);
    this.#panics.inc({ controller }, 0);
    this.#active.set({ controller }, 0);
    if (Number.isFinite(workers)) this.#workers.set({ controller }, workers);
    this.#queueAdds.inc({ name: controller, controller }, 0);
    this.#queueRetries.inc({ name: controller, controller }, 0);
  }

  /** In the exposition format of Prometheus, metric by metric: with thousands of farms the whole would be megabytes at once. */
  async *expose(): AsyncGenerator<string> {
    for (const { name } of this.registry.getMetricsAsArray()) yield `${await this.registry.getSingleMetricAsString(name)}\n`;
    yield* this.objects.expose();
  }

  reconcilePanicked(controller: string): void {
    this.#panics.inc({ controller });
  }

  reconcileStarted(controller: string): void {
    this.#active.inc({ controller });
  }

  /** Seconds. */
  reconciled(controller: string, result: ReconcileResult, seconds: number): void {
    this.#active.dec({ controller });
    this.#reconciles.inc({ controller, result });
    if (result === "error") this.#errors.inc({ controller });
    this.#reconcileTime.observe({ controller }, seconds);
  }

  /** The gauges of a queue are read when they are scraped. */
  queue(name: string): WorkQueueObserver {
    return {
      added: () => {
        this.#queueAdds.inc({ name, controller: name });
      },
      taken: (waited) => {
        this.#queueWait.observe({ name, controller: name }, waited / 1000);
      },
      finished: (worked) => {
        this.#queueWork.observe({ name, controller: name }, worked / 1000);
      },
    };
  }

  queueRetried(name: string): void {
    this.#queueRetries.inc({ name, controller: name });
  }

  observeQueues(queues: ReadonlyMap<string, { readonly depth: number; running(): readonly number[] }>): void {
    const collected = (
      metric: string,
      help: string,
      read: (queue: { readonly depth: number; running(): readonly number[] }) => number,
    ): void => {
      const gauge: Gauge = new Gauge({
        name: metric,
        help,
        labelNames: ["name", "controller"],
        registers: [this.registry],
        collect: () => {
          for (const [name, queue] of queues) gauge.set({ name, controller: name }, read(queue));
        },
      });
    };
    collected("workqueue_depth", "Keys that wait", ({ depth }) => depth);
    collected("workqueue_unfinished_work_seconds", "Seconds of work in progress", (queue) =>
      queue.running().reduce((sum, ms) => sum + ms / 1000, 0),
    );
    collected(
      "workqueue_longest_running_processor_seconds",
      "Seconds of the longest work in progress",
      (queue) => Math.max(0, ...queue.running()) / 1000,
    );
  }

  restRequest(method: string, code: string, host: string): void {
    this.#rest.inc({ method, code, host });
  }

  leading(name: string, leads: boolean): void {
    this.#leader.set({ name }, leads ? 1 : 0);
  }

  /** To be told of every request to the directory. */
  directoryRequests(domain: string): (operation: string, result: string, seconds: number) => void {
    return (operation, result, seconds) => {
      this.#requests.inc({ domain, operation, result });
      this.#requestTime.observe({ domain, operation }, seconds);
    };
  }

  /** All changes of a domain from 0, so that an alert sees the first. */
  domainStarted(domain: string, changes: readonly string[]): void {
    for (const change of changes) {
      this.#changes.inc({ domain, change }, 0);
      this.#drift.inc({ domain, change }, 0);
    }
  }

  changed(domain: string, change: string): void {
    this.#changes.inc({ domain, change });
  }

  driftCorrected(domain: string, change: string): void {
    this.#drift.inc({ domain, change });
  }

  /** To be told of every sign of life of a watch. */
  watchAlive(resource: string): () => void {
    return () => {
      this.#watch.set({ resource }, Math.floor(Date.now() / 1000));
    };
  }

  /** Nothing of the resource is watched any more. */
  watchEnded(resource: string): void {
    this.#watch.remove({ resource });
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, labelNames: string[], buckets = SECONDS): Histogram {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry] });
  }
}
