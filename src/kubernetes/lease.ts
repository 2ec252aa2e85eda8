/** A Lease (coordination.k8s.io/v1): who leads. Judged by local time only, since clocks differ. */
import { z } from "zod";
import type { ResourceKind } from "../api/object.ts";
import { KubernetesError } from "./api-error.ts";
import type { RequestOptions } from "./client-options.ts";
import type { KubernetesClient } from "./client.ts";
import { pathOf } from "./resource.ts";

export interface LeaseOptions {
  readonly client: KubernetesClient;
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
  /** Seconds that others wait after the last renewal that they saw. */
  readonly durationSeconds: number;
}

const LEASE: ResourceKind = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", plural: "leases" };

/** Loose: what others put there is theirs. */
const leaseSchema = z.object({
  metadata: z.looseObject({ resourceVersion: z.string() }),
  spec: z
    .looseObject({
      holderIdentity: z.string().optional(),
      leaseDurationSeconds: z.number().optional(),
      acquireTime: z.string().optional(),
      renewTime: z.string().optional(),
      leaseTransitions: z.number().optional(),
    })
    .default({}),
});

type LeaseObject = z.infer<typeof leaseSchema>;

/** How long asking may take. */
export interface Patience {
  /** One request, in milliseconds. */
  readonly request: number;
  /** All of it, on the monotonic clock. */
  readonly until: number;
}

export class Lease {
  readonly #options: LeaseOptions;
  /** The record as last seen, and when it was first seen so, on the monotonic clock. */
  #seen: { readonly record: string; readonly at: number } | undefined;
  /** Whether it was another one's when it was last seen. */
  #isOthers = false;
  /** Since when it is seen to be gone, on the monotonic clock. */
  #goneAt: number | undefined;
  #runsOutAt = Number.POSITIVE_INFINITY;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** When another one's Lease runs out, unless it is renewed; infinity where none was seen. On the monotonic clock. */
  get runsOutAt(): number {
    return this.#runsOutAt;
  }

  /** Takes or renews the Lease. False while somebody else holds it. Rejects with KubernetesError. */
  async tryAcquire(patience: Patience): Promise<boolean> {
    // Looked at twice where it changed in between: who deletes it or labels it does not hold it.
    return (await this.#try(patience)) ?? (await this.#try(patience)) ?? false;
  }

  /** Undefined where it was one's own, and changed before it was renewed. */
  async #try(patience: Patience): Promise<boolean | undefined> {
    const { identity, durationSeconds } = this.#options;
    const goneAt = this.#goneAt;
    // It may have come and gone while nobody answers here.
    this.#goneAt = undefined;
    const current = await this.#read(patience);
    const time = microTime(new Date());
    const spec = { holderIdentity: identity, leaseDurationSeconds: durationSeconds, renewTime: time };
    if (!current) {
      // Somebody deleted it. Its holder does not know that yet, and leads on until its time is over, however long ago it was seen here.
      this.#goneAt = goneAt ?? performance.now();
      if (this.#isOthers && performance.now() - this.#goneAt <= durationSeconds * 1000) return false;
      this.#isOthers = false;
      return await this.#create({ ...spec, acquireTime: time, leaseTransitions: 0 }, patience);
    }
    const record = JSON.stringify(current.spec);
    if (this.#seen?.record !== record) this.#seen = { record, at: performance.now() };
    const { holderIdentity = "", leaseDurationSeconds = durationSeconds, acquireTime = time, leaseTransitions = 0 } = current.spec;
    const mine = holderIdentity === identity;
    this.#runsOutAt = this.#seen.at + leaseDurationSeconds * 1000;
    this.#isOthers = !mine && holderIdentity !== "" && performance.now() <= this.#runsOutAt;
    if (this.#isOthers) return false;
    const taken = mine ? { acquireTime, leaseTransitions } : { acquireTime: time, leaseTransitions: leaseTransitions + 1 };
    const written = await this.#update(current, { ...spec, ...taken }, patience);
    return mine && !written ? undefined : written;
  }

  /** Gives the Lease up, so that another need not wait for it to run out. */
  async release(): Promise<void> {
    const patience = { request: 5000, until: performance.now() + 5000 };
    const current = await this.#read(patience);
    if (current?.spec.holderIdentity !== this.#options.identity) return;
    await this.#update(current, { holderIdentity: "", leaseDurationSeconds: 1 }, patience);
  }

  async #read(patience: Patience): Promise<LeaseObject | undefined> {
    const { client, namespace, name } = this.#options;
    const path = pathOf(LEASE, namespace, name);
    try {
      const lease = leaseSchema.safeParse(await client.request("GET", path, how(patience)));
      if (lease.success) return lease.data;
      throw new KubernetesError("Rejected", `GET ${path}: the answer is no Lease`, { cause: lease.error });
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === "NotFound") return undefined;
      throw error;
    }
  }

  #create(spec: LeaseObject["spec"], patience: Patience): Promise<boolean> {
    const { namespace, name } = this.#options;
    return this.#write("POST", pathOf(LEASE, namespace), { name, namespace }, spec, patience);
  }

  /** Only what is said here changes. */
  #update({ metadata, spec }: LeaseObject, changed: LeaseObject["spec"], patience: Patience): Promise<boolean> {
    const { namespace, name } = this.#options;
    return this.#write("PUT", pathOf(LEASE, namespace, name), metadata, { ...spec, ...changed }, patience);
  }

  /** False where somebody else was faster. */
  async #write(method: "POST" | "PUT", path: string, metadata: object, spec: LeaseObject["spec"], patience: Patience): Promise<boolean> {
    try {
      await this.#options.client.request(method, path, {
        body: { apiVersion: LEASE.apiVersion, kind: LEASE.kind, metadata, spec },
        ...how(patience),
      });
      return true;
    } catch (error) {
      if (error instanceof KubernetesError && (error.kind === "Conflict" || error.kind === "AlreadyExists")) return false;
      throw error;
    }
  }
}

function how({ request, until }: Patience): RequestOptions {
  return { lane: "Lease", timeout: Math.max(1, Math.ceil(Math.min(request, until - performance.now()))) };
}

function microTime(time: Date): string {
  return time.toISOString().replace(/(\.\d{3})Z$/, "$1000Z");
}
