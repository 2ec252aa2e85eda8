/** The cluster as the kinds see it: its identity, and copies of what they watch. */
import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesObject } from "../api/object.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { type Copies, Reflector } from "../kubernetes/reflector.ts";
import { isKubernetesObject, type Resource } from "../kubernetes/resource.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** Operator: the namespace that the operator lives in. Watched: those that it is to look at, or all. Cluster: all. */
export type Where = "Operator" | "Watched" | "Cluster";

export interface ClusterOptions {
  readonly client: KubernetesClient;
  /** The operator's own. */
  readonly namespace: string;
  /** Empty: the whole cluster. */
  readonly watchNamespaces: readonly string[];
  readonly metrics: Metrics;
  readonly log: Log;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #reflectors: Pick<Reflector<KubernetesObject>, "run" | "whenSynced" | "failing" | "synced">[] = [];
  #seen = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** The operator's own. */
  get namespace(): string {
    return this.#options.namespace;
  }

  /** Copies of all objects of a kind, kept while `run` runs: to be asked for before. */
  watch<T extends KubernetesObject>(resource: Resource<T>, where: Where): Copies<T> {
    const { watchNamespaces, namespace } = this.#options;
    if (where === "Operator") return this.#reflect(resource, namespace);
    const [only, ...more] = where === "Watched" ? watchNamespaces : [];
    if (more.length === 0) return this.#reflect(resource, only);
    return unionOf(watchNamespaces.map((name) => this.#reflect(resource, name)));
  }

  #reflect<T extends KubernetesObject>(resource: Resource<T>, namespace: string | undefined): Reflector<T> {
    const { client, metrics, log } = this.#options;
    const onError = (error: KubernetesError, failures: number): void => {
      const fields = { resource: resource.plural, error: error.message, failures };
      if (error.kind === "Forbidden") log.error("watch forbidden: the operator's role lacks list or watch of this resource", fields);
      else log.warn("watch failed, trying again", fields);
    };
    const reflector = new Reflector({ client, resource, namespace, onError, onAlive: metrics.watchAlive(resource.plural) });
    this.#reflectors.push(reflector);
    return reflector;
  }

  /** What is not seen now, or not up to date, in words; empty when all is well. */
  unreadyReasons(): readonly string[] {
    const reasons = this.#reflectors.flatMap(({ failing, synced }) => (failing ? [failing.message] : synced ? [] : ["not yet listed"]));
    return this.#seen ? reasons : ["starting: the cluster was not seen yet", ...reasons];
  }

  /** Ends when the signal aborts, and only then. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.run(signal)));
  }

  /** Resolves when everything was seen once, with the cluster's identity: the UID of kube-system, which lives as long as the cluster does. */
  async see(signal: AbortSignal): Promise<string> {
    const clusterId = await this.#readId(signal);
    await Promise.all(this.#reflectors.map((reflector) => reflector.whenSynced()));
    this.#seen = true;
    return clusterId;
  }

  async #readId(signal: AbortSignal): Promise<string> {
    for (;;) {
      try {
        const namespace = await this.#options.client.request("GET", "/api/v1/namespaces/kube-system", { signal });
        if (isKubernetesObject(namespace)) return namespace.metadata.uid;
      } catch (error) {
        if (!(error instanceof KubernetesError)) throw error;
        this.#options.log.warn("cannot read the namespace kube-system, trying again", { error: error.message });
      }
      await sleep(2000, undefined, { signal });
    }
  }
}

/** Copies of several namespaces as one. */
function unionOf<T>(parts: readonly Copies<T>[]): Copies<T> {
  return {
    get: (key) => parts.map((part) => part.get(key)).find((object) => object !== undefined),
    list: () => parts.flatMap((part) => part.list()),
    subscribe: (listener) => {
      for (const part of parts) part.subscribe(listener);
    },
  };
}
