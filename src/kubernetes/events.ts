/** Events of objects: best effort, never in the way of a reconcile, and never a flood. */
import { hash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesObject, ResourceKind } from "../api/object.ts";
import type { EventDraft } from "../api/event.ts";
import { Gate } from "../base/turns.ts";
import { KubernetesError } from "./api-error.ts";
import type { KubernetesClient } from "./client.ts";
import { pathOf } from "./resource.ts";

export interface EventRecorderOptions {
  readonly client: Pick<KubernetesClient, "request">;
  /** What reports, as Events name it. */
  readonly component: string;
  readonly instance: string;
  /** Told of an Event that could not be written. */
  readonly onError: (error: KubernetesError) => void;
  /** Told how many Events were left out within a minute because too many waited. */
  readonly onLeftOut?: (count: number) => void;
  readonly clocks?: Clocks;
}

interface Clocks {
  /** What Events say, in milliseconds since 1970. */
  readonly wall: () => number;
  /** What is counted by: milliseconds of a clock that only goes forward. One that is set back would mute Events for as long. */
  readonly monotonic: () => number;
}

const CLOCKS: Clocks = { wall: () => Date.now(), monotonic: () => performance.now() };

/** An Event until it is written. */
interface Waiting extends Pick<EventDraft, "type" | "reason" | "message"> {
  readonly involvedObject: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  /** RFC 3339. */
  readonly time: string;
}

interface Series {
  readonly namespace: string;
  readonly name: string;
  count: number;
  until: number;
}

const EVENT: ResourceKind = { apiVersion: "v1", kind: "Event", plural: "events" };
/** As client-go: so many at once for one object, then one in five minutes. */
const BURST = 25;
const REFILL = 300_000;
/** A repeat within ten minutes counts on the Event that is there. */
const REPEAT = 600_000;
/** As the kubelet's eventRecordQPS and eventBurst: so many of all objects at once, then one in so many milliseconds. etcd keeps each for an hour. */
const BURST_OF_ALL = 100;
const PERIOD_OF_ALL = 20;
/** Events that wait. Those of a namespace of which only a few do find room longest: a busy one keeps no other from saying what is wrong. */
const BACKLOG = { few: 1000, warnings: 900, others: 750 } as const;
const FEW = 20;
/** What is over is looked for this often (ms): with very many objects it is long work. */
const SWEEP = 60_000;
const MESSAGE_LENGTH = 1024;

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clocks: Clocks;
  readonly #series = new Map<string, Series>();
  readonly #budgets = new Map<string, { left: number; since: number }>();
  /** One at a time: two that say the same must find each other. */
  readonly #gate = new Gate(1);
  readonly #waiting = new Set<Promise<void>>();
  readonly #waitingOf = new Map<string, number>();
  readonly #hurry = new AbortController();
  /** When the budget of all objects is whole again. */
  #paidUntil = 0;
  #leftOut = 0;
  #sayLeftOut: NodeJS.Timeout | undefined;
  #swept = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clocks = options.clocks ?? CLOCKS;
  }

  /** Returns at once. `share`: of one object's Events each has a share of its own, which takes nothing from the others'. */
  record(resource: ResourceKind, object: KubernetesObject, text: EventDraft, share = ""): void {
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const tenant = namespace ?? share;
    const [waiting, isWarning] = [this.#waitingOf.get(tenant) ?? 0, text.type === "Warning"];
    const most = BACKLOG[waiting < FEW ? "few" : isWarning ? "warnings" : "others"];
    // What is said of a domain as a whole always finds room: it is for those who can help all.
    if (tenant !== "" && this.#waiting.size >= most) return this.#leaveOut();
    if (!this.#allowed(`${uid} ${share}`)) return;
    this.#waitingOf.set(tenant, waiting + 1);
    // It may wait for long: nothing else of the object is kept for it.
    const event = {
      involvedObject: {
        apiVersion: resource.apiVersion,
        kind: resource.kind,
        name,
        uid,
        resourceVersion,
        ...(namespace === undefined ? {} : { namespace }),
      },
      type: text.type,
      reason: text.reason,
      message: text.message.length > MESSAGE_LENGTH ? `${text.message.slice(0, MESSAGE_LENGTH - 1)}…` : text.message,
      time: new Date(this.#clocks.wall()).toISOString().replace(/\.\d{3}Z$/, "Z"),
    };
    const written = this.#gate
      .pass(tenant, isWarning ? "Change" : "Resync", () => this.#write(event))
      .catch((error: unknown) => {
        this.#options.onError(error instanceof KubernetesError ? error : new KubernetesError("Rejected", String(error), { cause: error }));
      })
      .finally(() => {
        this.#waiting.delete(written);
        const left = (this.#waitingOf.get(tenant) ?? 1) - 1;
        if (left > 0) this.#waitingOf.set(tenant, left);
        else this.#waitingOf.delete(tenant);
      });
    this.#waiting.add(written);
  }

  /** From now on nothing is paced: the program ends. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** Resolves when what waits is written or given up, or after so long (ms); with how many Events are not written then. */
  async flush(within: number): Promise<number> {
    this.hurry();
    const over = new AbortController();
    const end = sleep(within, undefined, { signal: over.signal, ref: false }).catch(() => undefined);
    await Promise.race([Promise.all(this.#waiting), end]);
    over.abort();
    const unwritten = this.#leftOut + this.#waiting.size;
    clearTimeout(this.#sayLeftOut);
    [this.#leftOut, this.#sayLeftOut] = [0, undefined];
    return unwritten;
  }

  async #write({ involvedObject, type, reason, message, time }: Waiting): Promise<void> {
    await this.#pace();
    const { client, component, instance } = this.#options;
    const now = this.#clocks.monotonic();
    // A burst is remembered for minutes: of its messages, which may be long, only this.
    const key = hash("sha256", [involvedObject.uid, type, reason, message].join("\n"), "base64");
    this.#forgetOld(now);
    const series = this.#series.get(key);
    if (series) {
      series.count++;
      series.until = now + REPEAT;
      try {
        await client.request("PATCH", pathOf(EVENT, series.namespace, series.name), {
          body: { count: series.count, lastTimestamp: time },
          contentType: "application/merge-patch+json",
        });
        return;
      } catch (error) {
        // It expired, or somebody deleted it: a new one is written.
        if (!(error instanceof KubernetesError) || error.kind !== "NotFound") throw error;
      }
    }
    // The API server takes Events of cluster-scoped objects in the namespace default only.
    const namespace = involvedObject.namespace ?? "default";
    const name = `${involvedObject.name}.${randomUUID().slice(0, 13)}`;
    this.#series.set(key, { namespace, name, count: 1, until: now + REPEAT });
    await client.request("POST", pathOf(EVENT, namespace), {
      body: {
        apiVersion: "v1",
        kind: "Event",
        metadata: { namespace, name },
        involvedObject,
        type,
        reason,
        message,
        count: 1,
        firstTimestamp: time,
        lastTimestamp: time,
        source: { component },
        reportingComponent: component,
        reportingInstance: instance,
      },
    });
  }

  async #pace(): Promise<void> {
    const now = this.#clocks.monotonic();
    this.#paidUntil = Math.max(this.#paidUntil, now) + PERIOD_OF_ALL;
    const wait = this.#paidUntil - now - BURST_OF_ALL * PERIOD_OF_ALL;
    if (wait > 0 && !this.#hurry.signal.aborted) await sleep(wait, undefined, { signal: this.#hurry.signal }).catch(() => undefined);
  }

  #leaveOut(): void {
    this.#leftOut++;
    this.#sayLeftOut ??= setTimeout(() => {
      this.#options.onLeftOut?.(this.#leftOut);
      [this.#leftOut, this.#sayLeftOut] = [0, undefined];
    }, SWEEP).unref();
  }

  #allowed(share: string): boolean {
    const now = this.#clocks.monotonic();
    const budget = this.#budgets.get(share) ?? { left: BURST, since: now };
    const refilled = Math.floor((now - budget.since) / REFILL);
    const left = Math.min(BURST, budget.left + refilled);
    this.#budgets.set(share, { left: left - (left > 0 ? 1 : 0), since: budget.since + refilled * REFILL });
    return left > 0;
  }

  #forgetOld(now: number): void {
    if (now - this.#swept < SWEEP) return;
    this.#swept = now;
    for (const [key, { until }] of this.#series) if (until < now) this.#series.delete(key);
    for (const [share, { left, since }] of this.#budgets) if (left + (now - since) / REFILL >= BURST + 1) this.#budgets.delete(share);
  }
}
