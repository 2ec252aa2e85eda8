/** Copies of the few objects of a kind that somebody names: each is watched by its name, and no other is ever read. */
import type { KubernetesObject } from "../api/object.ts";
import type { KubernetesError } from "./api-error.ts";
import type { Reflector } from "./reflector.ts";

export interface NamedCopiesOptions<T extends KubernetesObject> {
  /** What keeps the copy of the object of this name. */
  readonly reflect: (name: string) => Reflector<T>;
  /** Called when no object is named any more. */
  readonly onIdle: () => void;
}

interface Watch<T extends KubernetesObject> {
  readonly reflector: Reflector<T>;
  readonly ending: AbortController;
  /** While it runs. */
  ended: Promise<void> | undefined;
}

export class NamedCopies<T extends KubernetesObject> {
  readonly #options: NamedCopiesOptions<T>;
  readonly #watches = new Map<string, Watch<T>>();
  readonly #listeners: ((name: string) => void)[] = [];
  #running: AbortSignal | undefined;

  constructor(options: NamedCopiesOptions<T>) {
    this.#options = options;
  }

  /** From now on these and no others. */
  want(names: ReadonlySet<string>): void {
    for (const [name, { ending }] of this.#watches) {
      if (names.has(name)) continue;
      ending.abort();
      this.#watches.delete(name);
    }
    for (const name of names) if (!this.#watches.has(name)) this.#begin(name);
    if (names.size === 0) this.#options.onIdle();
  }

  get(name: string): T | undefined {
    return this.#watches.get(name)?.reflector.list()[0];
  }

  /** Whether it was read what the object is, or that there is none. Whoever names an object waits for that: one that cannot be read keeps nobody else waiting. */
  knows(name: string): boolean {
    return this.#watches.get(name)?.reflector.synced ?? false;
  }

  /** The listener is called after a copy has changed, and once it is known that there is none. Must not throw. */
  subscribe(listener: (name: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Whether all that are named now were read once. */
  get synced(): boolean {
    return this.#watches.values().every(({ reflector }) => reflector.synced);
  }

  /** Why one of the copies is not kept up to date now; undefined while all are. */
  get failing(): KubernetesError | undefined {
    return this.#watches
      .values()
      .map(({ reflector }) => reflector.failing)
      .find((failing) => failing !== undefined);
  }

  /** Ends when the signal aborts, and only then. */
  async run(signal: AbortSignal): Promise<void> {
    this.#running = signal;
    for (const watch of this.#watches.values()) this.#run(watch, signal);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    signal.addEventListener("abort", () => {
      resolve(undefined);
    });
    if (!signal.aborted) await promise;
    await Promise.all([...this.#watches.values()].map(({ ended }) => ended ?? Promise.resolve()));
  }

  #begin(name: string): void {
    const reflector = this.#options.reflect(name);
    const tell = (): void => {
      for (const listener of this.#listeners) listener(name);
    };
    reflector.subscribe(tell);
    const watch: Watch<T> = { reflector, ending: new AbortController(), ended: undefined };
    this.#watches.set(name, watch);
    void reflector.whenSynced().then(tell);
    if (this.#running) this.#run(watch, this.#running);
  }

  #run(watch: Watch<T>, signal: AbortSignal): void {
    watch.ended = watch.reflector.run(AbortSignal.any([signal, watch.ending.signal]));
  }
}
