/** What a controller is: the objects of one kind, and what is done for one of them. */
import type { KubernetesObject } from "../api/object.ts";
import type { Priority } from "../base/turns.ts";
import type { WorkQueue } from "../base/work-queue.ts";
import type { Fence } from "../ad/port.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import type { StatusWriter } from "../kubernetes/resource.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Cluster } from "./cluster.ts";

/** What a reconcile asks for next. Retry: with back-off. After: in so many milliseconds. `failed`: an error, and not only an old view, or a usual visit. */
export type Result = { readonly kind: "Done" } | { readonly kind: "Retry"; readonly failed?: boolean } | After;

export interface After {
  readonly kind: "After";
  readonly delay: number;
  readonly priority: Priority;
  readonly failed?: boolean;
}

/** In so many milliseconds, as after a change. */
export function after(delay: number, failed = false): After {
  return { kind: "After", delay, priority: "Change", failed };
}

export interface Kind<T extends KubernetesObject = KubernetesObject> {
  /** In metrics and logs: the kind in lower case, as controller-runtime names a controller. */
  readonly name: string;
  /** How many are reconciled at once for one domain. */
  readonly workers: number;
  /** Kept by every replica. The one that leads reconciles each object once at first, and then whenever more of it changes than its status. */
  readonly objects: Copies<T>;
  /** Annotations whose values ask for a reconcile, as the spec does. */
  readonly annotations: readonly string[];
  /** Of keys of its objects. What else concerns them the kind adds by itself. */
  readonly queue: WorkQueue;
  /** Called once, when this replica begins to lead: from then on it may add to its queue. */
  start?(): void;
  /** Told of every change of an object, that of its status alone included. Must not throw. */
  changed?(object: T | undefined, previous: T | undefined): void;
  /** How urgent a change is; without `previous`, what was there when this replica began to lead. Without this, everything is a change. */
  urgency?(object: T, previous: T | undefined): Priority;
  /**
   * One at a time for each key; there need not be an object of it any more. `clusterId`: what tells clusters apart that share a directory. What it
   * rejects with is logged and tried again with back-off; a KubernetesError Conflict only says that the copy was old. Once `signal` aborts it is to end soon.
   */
  reconcile(key: string, clusterId: string, signal: AbortSignal): Promise<Result>;
  /** At the end of the program nobody waits for its reconciles: they write nothing to a directory, and one may hang for as long as a server is silent. */
  readonly isAbandoned?: boolean;
  /** Lets go of what it holds: nothing follows. */
  close?(): void;
}

/** What every kind is made of. */
export interface Context {
  readonly cluster: Cluster;
  readonly client: KubernetesClient;
  readonly statuses: StatusWriter;
  readonly events: EventRecorder;
  /** Until when this replica may write to the directory. */
  readonly fence: Fence;
  readonly metrics: Metrics;
  /** DNS servers by which domain controllers are found; none: the system's. */
  readonly dnsServers: readonly string[];
  readonly log: Log;
  /** A log of its own for every write to a directory, whatever the level of the other is. */
  readonly audit: Log;
}

/** The one of the two that is sooner. */
export function soonest(result: Result, other: Result | undefined): Result {
  if (!other || result.kind === "Retry") return result;
  if (other.kind !== "After" || result.kind !== "After") return other;
  return other.delay < result.delay ? other : result;
}
