/** Copies of the objects of a kind that bear a label. The kind need not be installed: while it is not, nothing is unready and nobody waits. */
import type { KubernetesObject } from "../api/object.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { type Copies, Reflector } from "../kubernetes/reflector.ts";
import type { Resource } from "../kubernetes/resource.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";

interface LabelledCopiesOptions<T extends KubernetesObject> {
  readonly client: KubernetesClient;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly resource: Resource<T>;
  readonly labelSelector: string;
  /** Called when `problem` came or went. */
  readonly onChange: () => void;
  /** Told of each failure but that the kind is missing, with how often in a row. */
  readonly onError: (error: KubernetesError, failures: number) => void;
}

/** Whoever may create such an object may give it the label, and fill it. */
const PAGE = 50;

/** Longer than a reflector waits between two tries (ms). */
const REFUSED = 15_000;

export class LabelledCopies<T extends KubernetesObject> implements Copies<T> {
  readonly #options: LabelledCopiesOptions<T>;
  readonly #copies: Reflector<T>;
  readonly #alive: () => void;
  readonly #answered = Promise.withResolvers<undefined>();
  #problem: KubernetesError | undefined;
  #refusedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LabelledCopiesOptions<T>) {
    const { client, metrics, resource, labelSelector } = options;
    this.#options = options;
    this.#problem = new KubernetesError("Unavailable", `the ${resource.plural} were not listed yet`);
    this.#alive = metrics.watchAlive(resource.plural);
    this.#copies = new Reflector({
      client,
      resource,
      labelSelector,
      page: PAGE,
      onError: (error, failures) => {
        this.#failed(error, failures);
      },
      onAlive: () => {
        this.#alive();
        if (this.#problem) this.#recover();
      },
    });
  }

  /**
   * Why the copies are not good. NotFound: the cluster does not have the kind. Forbidden: they may not be listed or watched. Unavailable: they were not
   * listed yet. What fails for a while only is none.
   */
  get problem(): KubernetesError | undefined {
    return this.#problem;
  }

  get failing(): KubernetesError | undefined {
    return this.#isMissing() ? undefined : this.#copies.failing;
  }

  get synced(): boolean {
    return this.#copies.synced || this.#isMissing();
  }

  /** Resolves also once it is known that there is nothing to see. */
  whenSynced(): Promise<undefined> {
    return Promise.race([this.#copies.whenSynced(), this.#answered.promise]);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#copies.run(signal);
  }

  get(key: string): T | undefined {
    return this.#copies.get(key);
  }

  list(): readonly T[] {
    return this.#copies.list();
  }

  subscribe(listener: Parameters<Copies<T>["subscribe"]>[0]): void {
    this.#copies.subscribe(listener);
  }

  #isMissing(): boolean {
    return this.#problem?.kind === "NotFound";
  }

  #failed(error: KubernetesError, failures: number): void {
    const { log, metrics, resource, onError } = this.#options;
    const { plural } = resource;
    if (error.kind !== "NotFound") onError(error, failures);
    else if (!this.#isMissing()) log.info("the cluster does not have this kind: the operator uses it once it exists", { resource: plural });
    if (error.kind !== "NotFound" && error.kind !== "Forbidden") return;
    if (error.kind === "Forbidden") this.#refusedAt = performance.now();
    this.#change(error);
    this.#answered.resolve(undefined);
    // Nothing is silent that is not there.
    if (this.#isMissing()) metrics.watchEnded(plural);
  }

  /** Who may list and not watch succeeds at every other try: a refusal is over once none has come for a while. */
  #recover(): void {
    const left = this.#refusedAt + REFUSED - performance.now();
    if (left <= 0) {
      this.#change(undefined);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#copies.failing) this.#recover();
    }, left).unref();
  }

  #change(problem: KubernetesError | undefined): void {
    const before = this.#problem?.kind;
    this.#problem = problem;
    if (before !== problem?.kind) this.#options.onChange();
  }
}
