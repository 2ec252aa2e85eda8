/** A Lease (coordination.k8s.io/v1): who leads. Judged by local time only, since clocks differ. */
import { z } from "zod";
import type { ResourceKind } from "../farm/kubernetes-object.ts";
import { KubernetesError } from "./api-error.ts";
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

const leaseSchema = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  spec: z
    .object({
      holderIdentity: z.string().optional(),
      leaseDurationSeconds: z.number().optional(),
      acquireTime: z.string().optional(),
      renewTime: z.string().optional(),
      leaseTransitions: z.number().optional(),
    })
    .default({}),
});

type LeaseObject = z.infer<typeof leaseSchema>;

export class Lease {
  readonly #options: LeaseOptions;
  /** The record as last seen, and when it was first seen so, on the monotonic clock. */
  #seen: { readonly record: string; readonly at: number } | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Takes or renews the Lease. False while somebody else holds it. Rejects with KubernetesError. */
  async tryAcquire(): Promise<boolean> {
    const { identity, durationSeconds } = this.#options;
    const current = await this.#read();
    const time = microTime(new Date());
    const spec = { holderIdentity: identity, leaseDurationSeconds: durationSeconds, renewTime: time };
    if (!current) {
      await this.#create({ ...spec, acquireTime: time, leaseTransitions: 0 });
      return true;
    }
    const record = JSON.stringify(current.spec);
    if (this.#seen?.record !== record) this.#seen = { record, at: performance.now() };
    const { holderIdentity = "", leaseDurationSeconds = durationSeconds, acquireTime, leaseTransitions = 0 } = current.spec;
    const mine = holderIdentity === identity;
    const expired = performance.now() - this.#seen.at > leaseDurationSeconds * 1000;
    if (!mine && holderIdentity !== "" && !expired) return false;
    try {
      await this.#update(
        current,
        mine
          ? { ...spec, acquireTime: acquireTime ?? time, leaseTransitions }
          : { ...spec, acquireTime: time, leaseTransitions: leaseTransitions + 1 },
      );
      return true;
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === "Conflict") return false;
      throw error;
    }
  }

  /** Gives the Lease up, so that another need not wait for it to run out. */
  async release(): Promise<void> {
    const current = await this.#read();
    if (current?.spec.holderIdentity !== this.#options.identity) return;
    await this.#update(current, { ...current.spec, holderIdentity: "", leaseDurationSeconds: 1 });
  }

  async #read(): Promise<LeaseObject | undefined> {
    const { client, namespace, name } = this.#options;
    try {
      return leaseSchema.parse(await client.request("GET", pathOf(LEASE, namespace, name)));
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === "NotFound") return undefined;
      throw error;
    }
  }

  async #create(spec: LeaseObject["spec"]): Promise<void> {
    const { client, namespace, name } = this.#options;
    await client.request("POST", pathOf(LEASE, namespace), {
      body: { apiVersion: LEASE.apiVersion, kind: LEASE.kind, metadata: { name, namespace }, spec },
    });
  }

  async #update({ metadata }: LeaseObject, spec: LeaseObject["spec"]): Promise<void> {
    const { client, namespace, name } = this.#options;
    const body = {
      apiVersion: LEASE.apiVersion,
      kind: LEASE.kind,
      metadata: { name, namespace, resourceVersion: metadata.resourceVersion },
      spec,
    };
    await client.request("PUT", pathOf(LEASE, namespace, name), { body });
  }
}

function microTime(time: Date): string {
  return time.toISOString().replace(/(\.\d{3})Z$/, "$1000Z");
}
