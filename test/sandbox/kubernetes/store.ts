/** The objects, in the order in which they were written: resource versions, and what watchers are told. */
import type { ApiObject } from "./json.ts";
import { StatusError } from "./status.ts";

export interface StoredEvent {
  readonly version: number;
  readonly resource: string;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: ApiObject;
  readonly previous: ApiObject | undefined;
}

export interface StoreCopy {
  readonly version: number;
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, ApiObject>>;
}

type Listener = (event: StoredEvent) => void;

export class Store {
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  readonly #listeners = new Set<Listener>();
  readonly #history: StoredEvent[] = [];
  readonly #kept: number;
  #version = 1;
  /** Events up to this version are forgotten. */
  #compacted = 0;

  /** `kept`: how many events a watch can go back. */
  constructor(kept = 5000) {
    this.#kept = kept;
  }

  get version(): number {
    return this.#version;
  }

  get(resource: string, key: string): ApiObject | undefined {
    return this.#objects.get(resource)?.get(key);
  }

  /** In the order of their keys. */
  list(resource: string, namespace = ""): readonly ApiObject[] {
    const all = [...(this.#objects.get(resource) ?? [])];
    const wanted = namespace === "" ? all : all.filter(([key]) => key.startsWith(`${namespace}/`));
    return wanted.sort(([one], [other]) => (one < other ? -1 : 1)).map(([, object]) => object);
  }

  resources(): Iterable<string> {
    return this.#objects.keys();
  }

  /** The object as it is stored: with its new resourceVersion. */
  put(resource: string, key: string, object: ApiObject): ApiObject {
    const objects = this.#objects.get(resource) ?? new Map<string, ApiObject>();
    this.#objects.set(resource, objects);
    const previous = objects.get(key);
    const stored = this.#stamp(object);
    objects.set(key, stored);
    this.#tell({ version: this.#version, resource, type: previous ? "MODIFIED" : "ADDED", object: stored, previous });
    return stored;
  }

  remove(resource: string, key: string): ApiObject | undefined {
    const objects = this.#objects.get(resource);
    const previous = objects?.get(key);
    if (!objects || !previous) return undefined;
    objects.delete(key);
    const last = this.#stamp(previous);
    this.#tell({ version: this.#version, resource, type: "DELETED", object: last, previous });
    return last;
  }

  /** Forgets its history, as etcd does from time to time: watches that begin before are refused. */
  compact(): void {
    this.#history.length = 0;
    this.#compacted = this.#version;
  }

  /** All that it holds now. */
  copy(): StoreCopy {
    return { version: this.#version, objects: new Map([...this.#objects].map(([resource, objects]) => [resource, new Map(objects)])) };
  }

  /** Back to what it was, its version too, as after a restore of etcd. */
  restore({ version, objects }: StoreCopy): void {
    this.#objects.clear();
    for (const [resource, kept] of objects) this.#objects.set(resource, new Map(kept));
    this.#version = version;
    this.compact();
  }

  /** What came after `since`, and from then on everything; throws 410 where that is forgotten. */
  subscribe(since: number, listener: Listener): () => void {
    if (since < this.#compacted) throw new StatusError(410, "Expired", `too old resource version: ${since} (${this.#compacted})`);
    for (const event of this.#history) if (event.version > since) listener(event);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #stamp(object: ApiObject): ApiObject {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }

  #tell(event: StoredEvent): void {
    this.#history.push(event);
    if (this.#history.length > this.#kept * 2) {
      this.#history.splice(0, this.#kept);
      this.#compacted = (this.#history[0]?.version ?? 1) - 1;
    }
    for (const listener of this.#listeners) listener(event);
  }
}
