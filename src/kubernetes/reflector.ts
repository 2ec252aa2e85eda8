/** Keeps a copy of all objects of a kind: lists, watches, and survives whatever happens to either. */
import { setTimeout as sleep } from "node:timers/promises";
import { delayAfter } from "../base/backoff.ts";
import { keyOf, type KubernetesObject } from "../api/object.ts";
import { fromStatusObject, KubernetesError } from "./api-error.ts";
import type { KubernetesClient } from "./client.ts";
import { pathOf, type Resource } from "./resource.ts";

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
  /** Called when a list or watch fails, with how often in a row. */
  readonly onError: (error: KubernetesError, failures: number) => void;
  /** Called for every sign of life: an event, a bookmark, a list. */
  readonly onAlive: () => void;
}

const PAGE = 500;
/** The server sends a bookmark about once a minute; twice that without a byte means that nobody is there. */
const SILENCE = 150_000;

/** Between two tries, in milliseconds. */
const DELAYS = { base: 500, max: 10_000 };

export class Reflector<T extends KubernetesObject> implements Copies<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #objects = new Map<string, T>();
  readonly #listeners: Listener<T>[] = [];
  readonly #pool = new StringPool();
  readonly #synced = Promise.withResolvers<undefined>();
  #isSynced = false;
  #failing: KubernetesError | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
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

  /** Ends when the signal aborts, and only then. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    let version: string | undefined;
    while (!signal.aborted) {
      try {
        version ??= await this.#list(signal);
        version = await this.#watch(version, signal, () => {
          failures = 0;
        });
      } catch (cause) {
        if (signal.aborted) return;
        const error = cause instanceof KubernetesError ? cause : new KubernetesError("Unavailable", String(cause), { cause });
        if (error.kind === "Gone" || !(cause instanceof WatchInterrupted)) version = undefined;
        else version = cause.version;
        this.#failing = error;
        const delay = Math.max(delayAfter(failures++, DELAYS), error.retryAfter ?? 0);
        this.#options.onError(error, failures);
        await sleep(delay, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, resource, namespace } = this.#options;
    const path = pathOf(resource, namespace);
    const seen = new Map<string, T>();
    let token: string | undefined;
    let version: string | undefined;
    do {
      const page = await client.request("GET", path, { query: { limit: PAGE, continue: token }, signal });
      const { items, next, resourceVersion } = listOf(page, path);
      for (const item of items) {
        const object = this.#accept(item);
        if (object) seen.set(keyOf(object.metadata), object);
      }
      token = next;
      version = resourceVersion;
    } while (token !== undefined && token !== "");
    for (const [key, object] of seen) this.#set(key, object);
    for (const key of this.#objects.keys()) if (!seen.has(key)) this.#set(key, undefined);
    this.#failing = undefined;
    this.#isSynced = true;
    this.#synced.resolve(undefined);
    this.#options.onAlive();
    return version;
  }

  /** Returns where to go on when the server ends the watch in good order; rejects with WatchInterrupted otherwise. */
  async #watch(from: string, signal: AbortSignal, alive: () => void): Promise<string> {
    const { client, resource, namespace } = this.#options;
    const path = pathOf(resource, namespace);
    let version = from;
    const timeoutSeconds = 300 + Math.floor(Math.random() * 300);
    try {
      const opened = (): void => {
        this.#failing = undefined;
        this.#options.onAlive();
      };
      const query = { watch: true, allowWatchBookmarks: true, resourceVersion: version, timeoutSeconds };
      for await (const line of client.lines(path, query, SILENCE, signal, opened)) {
        const { type, object } = parseEvent(line, path);
        if (type === "ERROR") throw fromStatusObject(`watching ${path}`, object);
        version = versionOf(object, path);
        const accepted = type === "BOOKMARK" ? undefined : this.#accept(object);
        if (accepted) this.#set(keyOf(accepted.metadata), type === "DELETED" ? undefined : accepted);
        alive();
        this.#options.onAlive();
      }
      // A server that ends every watch at once must not be asked without pause.
      if (version === from) await sleep(1000, undefined, { signal }).catch(() => undefined);
      return version;
    } catch (error) {
      if (error instanceof KubernetesError) throw new WatchInterrupted(error, version);
      throw error;
    }
  }

  #accept(value: unknown): T | undefined {
    const { resource } = this.#options;
    if (!resource.is(value)) return undefined;
    const object = strip(value);
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

/** A watch that ended badly, and how far it had come. */
class WatchInterrupted extends KubernetesError {
  readonly version: string;

  constructor(error: KubernetesError, version: string) {
    super(error.kind, error.message, { status: error.status, retryAfter: error.retryAfter, cause: error });
    this.version = version;
  }
}

/** Without what only the API server needs: it would be most of the copy's memory. */
function strip<T extends KubernetesObject>(object: T): T {
  const { managedFields: _fields, annotations, ...metadata }: T["metadata"] & { readonly managedFields?: unknown } = object.metadata;
  const { "kubectl.kubernetes.io/last-applied-configuration": _applied, ...kept } = annotations ?? {};
  return { ...object, metadata: { ...metadata, ...(annotations ? { annotations: kept } : {}) } };
}

function listOf(page: unknown, path: string): { items: readonly unknown[]; next: string | undefined; resourceVersion: string } {
  const items = field(page, "items");
  const [next, resourceVersion] = [field(page, "metadata", "continue"), field(page, "metadata", "resourceVersion")];
  // An empty list may be null.
  if ((items !== null && !Array.isArray(items)) || typeof resourceVersion !== "string") {
    throw new KubernetesError("Unavailable", `GET ${path}: the answer is no list`);
  }
  return { items: items ?? [], next: typeof next === "string" ? next : undefined, resourceVersion };
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

/** What stands at this path of a JSON value; undefined where it has none. */
function field(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => (typeof at === "object" && at !== null ? Reflect.get(at, name) : undefined), value);
}

/** Longer strings are seldom the same twice. */
const LONGEST = 512;
/** Strings kept at once. When it is full it begins anew: what is common is soon in it again. */
const SIZE = 20_000;

/** Equal strings as one: copies of thousands of objects that say mostly the same take a fraction of the memory. */
export class StringPool {
  readonly #strings = new Map<string, string>();

  /** Makes every string of the JSON value, the keys aside, the pool's own, in place; a string is returned as the pool has it. */
  share(value: unknown): unknown {
    if (typeof value === "string") return this.#shareString(value);
    if (typeof value !== "object" || value === null) return value;
    for (const [key, item] of Object.entries(value)) {
      const shared = this.share(item);
      if (typeof item === "string") Reflect.set(value, key, shared);
    }
    return value;
  }

  #shareString(text: string): string {
    if (text.length > LONGEST) return text;
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    if (this.#strings.size >= SIZE) this.#strings.clear();
    this.#strings.set(text, text);
    return text;
  }
}
