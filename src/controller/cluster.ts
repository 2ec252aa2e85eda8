/** The cluster as the kinds see it: its identity, and copies of what they watch. */
import { setTimeout as sleep } from "node:timers/promises";
import type { KubernetesObject, ResourceKind } from "../api/object.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { NamedCopies } from "../kubernetes/named-copies.ts";
import { type Copies, Reflector } from "../kubernetes/reflector.ts";
import { field, isKubernetesObject, type Resource } from "../kubernetes/resource.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { LabelledCopies } from "./labelled-copies.ts";

/** Watched: the namespaces that the operator is to look at, or all. Cluster: all. */
export type Where = "Watched" | "Cluster";

export interface ClusterOptions {
  readonly client: KubernetesClient;
  /** The operator's own. */
  readonly namespace: string;
  /** Empty: the whole cluster. */
  readonly watchNamespaces: readonly string[];
  readonly metrics: Metrics;
  readonly log: Log;
}

/** What keeps copies. */
type Kept = Pick<Reflector<KubernetesObject>, "run" | "failing" | "synced"> & Partial<Pick<Reflector<KubernetesObject>, "whenSynced">>;

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #kept: Kept[] = [];
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
    const { watchNamespaces } = this.#options;
    const [only, ...more] = where === "Watched" ? watchNamespaces : [];
    if (more.length === 0) return this.#keep(this.#reflect(resource, only));
    return unionOf(watchNamespaces.map((name) => this.#keep(this.#reflect(resource, name))));
  }

  /**
   * The objects of all namespaces, watched or not: as far as the operator's role allows it, else those of `watched`. `resource` says what of them is
   * kept.
   */
  watchEverywhere<T extends KubernetesObject>(resource: Resource<T>, watched: Copies<T>): Copies<T> {
    const { client, watchNamespaces, log } = this.#options;
    if (watchNamespaces.length === 0) return watched;
    const refused = Promise.withResolvers<undefined>();
    const onError = (error: KubernetesError, failures: number): void => {
      if (failures === 1) log.warn("cannot list objects outside watchNamespaces", { resource: resource.plural, error: error.message });
      if (error.kind === "Forbidden") refused.resolve(undefined);
    };
    const all = new Reflector({ client, resource, onError, onAlive: () => undefined });
    this.#keep({
      run: (signal) => all.run(signal),
      whenSynced: () => Promise.race([all.whenSynced(), refused.promise]),
      // It is no part of the operator's work that it be seen.
      failing: undefined,
      synced: true,
    });
    const best = (): Copies<T> => (all.synced ? all : watched);
    return {
      get: (key) => best().get(key),
      list: () => best().list(),
      subscribe: (listener) => {
        all.subscribe(listener);
        watched.subscribe((...change) => {
          if (!all.synced) listener(...change);
        });
      },
    };
  }

  /**
   * Copies that the program does without where `isNeeded` says so: then nobody waits for them, and nothing is unready for their sake. Where they are
   * refused nobody waits either.
   */
  watchWhereNeeded<T extends KubernetesObject>(
    resource: Resource<T>,
    isNeeded: () => boolean,
  ): Copies<T> & { readonly unknown: string | undefined } {
    const { client, metrics } = this.#options;
    const refused = Promise.withResolvers<undefined>();
    const onError = (error: KubernetesError, failures: number): void => {
      if (isNeeded()) this.#failed(resource, error, failures);
      if (error.kind === "Forbidden") refused.resolve(undefined);
    };
    const copies = new Reflector({ client, resource, onError, onAlive: metrics.watchAlive(resource.plural) });
    this.#keep({
      run: (signal) => copies.run(signal),
      whenSynced: async () => (isNeeded() ? await Promise.race([copies.whenSynced(), refused.promise]) : undefined),
      get failing() {
        return isNeeded() ? copies.failing : undefined;
      },
      get synced() {
        return copies.synced || !isNeeded();
      },
    });
    return {
      get: (key) => copies.get(key),
      list: () => copies.list(),
      subscribe: (listener) => {
        copies.subscribe(listener);
      },
      get unknown() {
        return copies.synced ? undefined : copies.failing?.message;
      },
    };
  }

  /** Copies of the objects of all namespaces that bear the label, of a kind that need not be installed. `onChange`: their `problem` came or went. */
  watchLabelled<T extends KubernetesObject>(resource: Resource<T>, labelSelector: string, onChange: () => void): LabelledCopies<T> {
    const { client, metrics, log } = this.#options;
    const onError = (error: KubernetesError, failures: number): void => {
      this.#failed(resource, error, failures);
    };
    return this.#keep(new LabelledCopies({ client, metrics, log, resource, labelSelector, onChange, onError }));
  }

  /** Copies of objects in the operator's own namespace, as far as they are named. */
  watchNamed<T extends KubernetesObject>(resource: Resource<T>): NamedCopies<T> {
    const { namespace, metrics } = this.#options;
    return this.#keep(
      new NamedCopies({
        reflect: (name) => this.#reflect(resource, namespace, name),
        onIdle: () => {
          metrics.watchEnded(resource.plural);
        },
      }),
    );
  }

  #keep<K extends Kept>(kept: K): K {
    this.#kept.push(kept);
    return kept;
  }

  #reflect<T extends KubernetesObject>(resource: Resource<T>, namespace: string | undefined, name?: string): Reflector<T> {
    const { client, metrics } = this.#options;
    const onError = (error: KubernetesError, failures: number): void => {
      this.#failed(resource, error, failures);
    };
    return new Reflector({ client, resource, namespace, name, onError, onAlive: metrics.watchAlive(resource.plural) });
  }

  #failed({ plural }: ResourceKind, error: KubernetesError, failures: number): void {
    const { log } = this.#options;
    const fields = { resource: plural, error: error.message, failures };
    if (error.kind === "Forbidden") log.error("watch forbidden: the operator's role lacks list or watch of this resource", fields);
    else if (error.kind === "Internal")
      log.error("watch failed by a mistake of the operator, trying again", { ...fields, stack: String(field(error.cause, "stack")) });
    else log.warn("watch failed, trying again", fields);
  }

  /** What is not seen now, or not up to date, in words; empty when all is well. */
  unreadyReasons(): readonly string[] {
    const reasons = this.#kept.flatMap(({ failing, synced }) => (failing ? [failing.message] : synced ? [] : ["not yet listed"]));
    return this.#seen ? reasons : ["starting: the cluster was not seen yet", ...reasons];
  }

  /** Ends when the signal aborts, and only then. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#kept.map((kept) => kept.run(signal)));
  }

  /** Resolves when everything was seen once that is kept as a whole, with the cluster's identity: the UID of kube-system, which lives as long as the cluster does. */
  async see(signal: AbortSignal): Promise<string> {
    const clusterId = await this.#readId(signal);
    await Promise.all(this.#kept.map(async (kept) => kept.whenSynced?.()));
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
