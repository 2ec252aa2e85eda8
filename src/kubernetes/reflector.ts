/** Keeps a copy of all objects of a kind: lists, watches, and survives whatever happens to either. */
import { setTimeout as sleep } from "node:timers/promises";
import { delayAfter } from "../base/backoff.ts";
import { keyOf, type KubernetesObject } from "../api/object.ts";
import { fromStatusObject, KubernetesError } from "./api-error.ts";
import type { KubernetesClient } from "./client.ts";
import { doubtOf, type DoubtTimes } from "./doubt.ts";
import { type Collection, isOlder, readAll } from "./list.ts";
import { field, isKubernetesObject, pathOf, type Resource } from "./resource.ts";

/** Copies of all objects of a kind, by `namespace/name` or `name`. */
export interface Copies<T> {
  get(key: string): T | undefined;
  list(): readonly T[];
  /** The listener is called after a copy has changed. `object` is undefined once it is gone. Must not throw. */
  subscribe(listener: Listener<T>): void;
}

type Listener<T> = (key: string, object: T | undefined, previous: T | undefined) => void;

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly client: KubernetesClient;
  readonly resource: Resource<T>;
  /** Undefined: the whole cluster. */
  readonly namespace?: string | undefined;
  /** Undefined: whatever the name. */
  readonly name?: string | undefined;
  /** Undefined: whatever the labels. */
  readonly labelSelector?: string | undefined;
  /** How many are read at once. */
  readonly page?: number | undefined;
  /** Called when a list or watch fails, with how often in a row. */
  readonly onError: (error: KubernetesError, failures: number) => void;
  /** Called for every sign of life: an event, a bookmark, a list. That a watch was accepted is none. */
  readonly onAlive: () => void;
  readonly times?: Times;
}

interface Times extends DoubtTimes {
  /** The server ends a watch after less than this, with a bookmark 2 s before: so long without a byte means that nobody is there. */
  readonly silence: number;
}

export const TIMES: Times = { silence: 25_000, young: 10_000 };

/** The server ends a watch after this, in seconds, and up to a third more. A quarantine that a silent watch hides waits no longer than `silence`. */
const WATCH = 12;

/** Between two tries, in milliseconds. */
const DELAYS = { base: 500, max: 10_000 };

export class Reflector<T extends KubernetesObject> implements Copies<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #objects = new Map<string, T>();
  readonly #listeners: Listener<T>[] = [];
  readonly #pool = new StringPool();
  readonly #synced = Promise.withResolvers<undefined>();
  #isSynced = false;
  readonly #collection: Collection;
  readonly #times: Times;
  #failing: KubernetesError | undefined;

  constructor(options: ReflectorOptions<T>) {
    const { client, resource, namespace, name, labelSelector, page, times = TIMES } = options;
    const fieldSelector = name === undefined ? undefined : `metadata.name=${name}`;
    this.#options = options;
    this.#collection = { client, path: pathOf(resource, namespace), fieldSelector, labelSelector, page };
    this.#times = times;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  subscribe(listener: Listener<T>): void {
    this.#listeners.push(listener);
  }

  /** True once a whole list was seen. It stays so: an old copy is better than none, and `failing` says that it is old. */
  get synced(): boolean {
    return this.#isSynced;
  }

  whenSynced(): Promise<undefined> {
    return this.#synced.promise;
  }

  /** Why the copy is not kept up to date now; undefined while it is. */
  get failing(): KubernetesError | undefined {
    return this.#failing;
  }

  /** Lists and watches until the signal aborts, and only then. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    let version: string | undefined;
    while (!signal.aborted) {
      try {
        version = version === undefined || (await isOlder(this.#collection, version, signal)) ? await this.#list(signal) : version;
        version = await this.#watch(version, signal, () => {
          failures = 0;
        });
      } catch (cause) {
        if (signal.aborted) return;
        const error = cause instanceof KubernetesError ? cause : new KubernetesError("Internal", String(cause), { cause });
        // How far it had come is not relied on: whoever comes back may be another database, with numbers of its own.
        version = undefined;
        this.#failing = error;
        const delay = Math.max(delayAfter(failures++, DELAYS), error.retryAfter ?? 0);
        this.#options.onError(error, failures);
        await sleep(delay, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const keep = (item: unknown): T | undefined => {
      // A list that is read again has most of them unchanged, which would be in memory twice.
      const known = isKubernetesObject(item) ? this.#objects.get(keyOf(item.metadata)) : undefined;
      const isSame = known && field(item, "metadata", "resourceVersion") === known.metadata.resourceVersion;
      return isSame && field(item, "metadata", "uid") === known.metadata.uid ? known : this.#accept(item);
    };
    const { objects, version } = await readAll(this.#collection, keep, signal);
    const seen = new Map(objects.map((object) => [keyOf(object.metadata), object]));
    for (const [key, object] of seen) this.#set(key, object);
    for (const key of this.#objects.keys()) if (!seen.has(key)) this.#set(key, undefined);
    this.#failing = undefined;
    this.#isSynced = true;
    this.#synced.resolve(undefined);
    this.#options.onAlive();
    return version;
  }

  /** Returns where to go on once it ended in good order, or is doubted. Rejects where it ended badly. */
  async #watch(from: string, signal: AbortSignal, alive: () => void): Promise<string> {
    const { client } = this.#options;
    const { path, fieldSelector, labelSelector } = this.#collection;
    let version = from;
    const opened = performance.now();
    const timeoutSeconds = WATCH + Math.floor((Math.random() * WATCH) / 3);
    const query = { watch: true, allowWatchBookmarks: true, resourceVersion: version, timeoutSeconds, fieldSelector, labelSelector };
    const doubt = doubtOf(client, this.#times);
    try {
      for await (const line of client.lines(path, query, this.#times.silence, AbortSignal.any([signal, doubt.signal]))) {
        const { type, object } = parseEvent(line, path);
        if (type === "ERROR") throw fromStatusObject(`watching ${path}`, object);
        version = versionOf(object, path);
        const accepted = type === "BOOKMARK" ? undefined : this.#accept(object);
        if (accepted) this.#set(keyOf(accepted.metadata), type === "DELETED" ? undefined : accepted);
        alive();
        this.#options.onAlive();
      }
      // A server that ends every watch at once must not be asked without pause.
      if (performance.now() - opened < 1000) await sleep(1000, undefined, { signal }).catch(() => undefined);
      return version;
    } catch (error) {
      if (doubt.signal.aborted && !signal.aborted) return version;
      throw error;
    } finally {
      doubt.end();
    }
  }

  #accept(value: unknown): T | undefined {
    const { resource } = this.#options;
    if (!resource.is(value)) return undefined;
    const object = strip(resource.keep ? resource.keep(value) : value);
    this.#pool.share(object);
    return object;
  }

  #set(key: string, object: T | undefined): void {
    const previous = this.#objects.get(key);
    if (previous?.metadata.resourceVersion === object?.metadata.resourceVersion && previous?.metadata.uid === object?.metadata.uid) return;
    if (object) this.#objects.set(key, object);
    else this.#objects.delete(key);
    for (const listener of this.#listeners) listener(key, object, previous);
  }
}

/** Without what only the API server needs: it would be most of the copy's memory. */
function strip<T extends KubernetesObject>(object: T): T {
  const { managedFields: _fields, annotations, ...metadata }: T["metadata"] & { readonly managedFields?: unknown } = object.metadata;
  const { "kubectl.kubernetes.io/last-applied-configuration": _applied, ...kept } = annotations ?? {};
  return { ...object, metadata: { ...metadata, ...(annotations ? { annotations: kept } : {}) } };
}

function parseEvent(line: string, path: string): { type: string; object: unknown } {
  try {
    const event: unknown = JSON.parse(line);
    const [type, object] = [field(event, "type"), field(event, "object")];
    if (typeof type === "string" && object !== undefined) return { type, object };
  } catch {
    // Said below, as for JSON that is no event.
  }
  throw new KubernetesError("Unavailable", `watching ${path}: a line that is no event`);
}

/** A bookmark has nothing but its version. */
function versionOf(object: unknown, path: string): string {
  const version = field(object, "metadata", "resourceVersion");
  if (typeof version === "string") return version;
  throw new KubernetesError("Unavailable", `watching ${path}: an event without a resourceVersion`);
}

/** Longer strings are seldom the same twice. */
const LONGEST = 512;
/** Strings of one generation. Two are kept: what is met again before the next is full stays, what was met once goes. */
const SIZE = 4000;

/** Equal strings as one: copies of thousands of objects that say mostly the same take a fraction of the memory. */
export class StringPool {
  #young = new Map<string, string>();
  #old: ReadonlyMap<string, string> = new Map();

  /** Makes every string of the JSON value, the keys aside, the pool's own, in place; a string is returned as the pool has it. */
  share(value: unknown): unknown {
    if (typeof value === "string") return this.#shareString(value);
    if (typeof value !== "object" || value === null) return value;
    for (const key of Object.keys(value)) {
      const item: unknown = Reflect.get(value, key);
      // Equal strings are the same to any comparison: only to set it makes it the pool's.
      if (typeof item === "string") Reflect.set(value, key, this.#shareString(item));
      else this.share(item);
    }
    return value;
  }

  #shareString(text: string): string {
    if (text.length > LONGEST) return text;
    const known = this.#young.get(text);
    if (known !== undefined) return known;
    if (this.#young.size >= SIZE) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    const shared = this.#old.get(text) ?? text;
    this.#young.set(shared, shared);
    return shared;
  }
}
