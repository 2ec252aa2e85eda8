/** One kind of the API: where it lives, and what its objects are. */
import { setImmediate } from "node:timers/promises";
import { keyOf, type KubernetesObject, mergePatch, type ResourceKind } from "../api/object.ts";
import { KubernetesError } from "./api-error.ts";
import type { RequestOptions } from "./client-options.ts";
import type { KubernetesClient } from "./client.ts";

export interface Resource<T extends KubernetesObject> extends ResourceKind {
  /** The API server checked the object against its schema; this checks that it is of the kind at all. */
  readonly is: (value: unknown) => value is T;
  /** What of an object is kept where copies are; all of it by default. */
  readonly keep?: (object: T) => T;
}

export function isKubernetesObject(value: unknown): value is KubernetesObject {
  if (typeof value !== "object" || value === null || !("metadata" in value)) return false;
  const { metadata } = value;
  if (typeof metadata !== "object" || metadata === null) return false;
  return (
    "name" in metadata &&
    typeof metadata.name === "string" &&
    "uid" in metadata &&
    typeof metadata.uid === "string" &&
    "resourceVersion" in metadata &&
    typeof metadata.resourceVersion === "string"
  );
}

export function hasSpec(value: unknown): value is KubernetesObject & { readonly spec: object } {
  return isKubernetesObject(value) && "spec" in value && typeof value.spec === "object" && value.spec !== null;
}

/** What stands at this path of a JSON value; undefined where it has none. */
export function field(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => (typeof at === "object" && at !== null ? Reflect.get(at, name) : undefined), value);
}

/** The path of one object, or of all of a namespace or of the cluster. */
export function pathOf({ apiVersion, plural }: ResourceKind, namespace?: string, name?: string, subresource?: string): string {
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return [
    group,
    ...(namespace === undefined ? [] : ["namespaces", encodeURIComponent(namespace)]),
    plural,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
    ...(subresource === undefined ? [] : [subresource]),
  ].join("/");
}

/** One object, read live; undefined where there is none. Rejects with KubernetesError. */
export async function getObject<T extends KubernetesObject>(
  client: KubernetesClient,
  resource: Resource<T>,
  { namespace, name }: { readonly namespace?: string; readonly name: string },
  how: Pick<RequestOptions, "timeout"> = {},
): Promise<T | undefined> {
  try {
    const value = await client.request("GET", pathOf(resource, namespace, name), how);
    if (resource.is(value)) return value;
    throw new KubernetesError("Rejected", `GET ${pathOf(resource, namespace, name)}: the answer is no ${resource.kind}`);
  } catch (error) {
    if (error instanceof KubernetesError && error.kind === "NotFound") return undefined;
    throw error;
  }
}

/** Reads the object live, as the copy may be old. Rejects with KubernetesError, Conflict where it is not as it was: the next reconcile goes by the newest. */
export async function assertLive<T extends KubernetesObject>(
  client: KubernetesClient,
  resource: Resource<T>,
  { metadata }: T,
  isStill: (live: T) => boolean,
): Promise<void> {
  const { name, namespace } = metadata;
  const live = await getObject(client, resource, { name, ...(namespace === undefined ? {} : { namespace }) });
  if (!live || !isStill(live)) throw new KubernetesError("Conflict", `${keyOf(metadata)} changed in the meantime`);
}

/** Versions of one object that are kept in mind: more than ever are on their way at once. Of kinds of which nobody asks they stay. */
const WRITTEN = 10;

export class StatusWriter {
  readonly #client: Pick<KubernetesClient, "request">;
  /** By uids the versions that came of what was written here, the latest last, until the watch brings that one. */
  readonly #written = new Map<string, readonly string[]>();
  /** Writes that are on their way, by the uid of their object. */
  readonly #writing = new Map<string, Promise<unknown>>();
  /** Copies on whose ground a status was sent: until the watch brings the next one, the API server may hold another status than they show. */
  readonly #outdated = new WeakSet();

  constructor(client: Pick<KubernetesClient, "request">) {
    this.#client = client;
  }

  /**
   * Writes the status by one merge patch that holds only what differs, if anything does. The resourceVersion guards it: an object that
   * changed meanwhile, be it by our own write before, is a Conflict. Resolves with the object as it is then; with undefined where nothing was sent.
   */
  async write<T extends KubernetesObject & { readonly status?: object }>(
    resource: Resource<T>,
    object: T,
    status: object,
    how: Pick<RequestOptions, "timeout"> = {},
  ): Promise<T | undefined> {
    // To compare the statuses of a large farm is a turn of its own.
    await setImmediate();
    const patch = mergePatch(object.status ?? {}, status);
    if (patch === undefined && !this.#outdated.has(object)) return undefined;
    this.#outdated.add(object);
    const { namespace, name, resourceVersion } = object.metadata;
    const path = pathOf(resource, namespace, name, "status");
    const written = await this.#send(path, object, { metadata: { resourceVersion }, status: patch ?? {} }, how);
    // Nothing to change, and the resourceVersion was the present one: the copy is not behind after all.
    if (patch === undefined) this.#outdated.delete(object);
    if (resource.is(written)) return written;
    throw new KubernetesError("Rejected", `PATCH ${path}: the answer is no ${resource.kind}`);
  }

  /** Writes the status of an object that may be gone by now. */
  async writeUnlessGone<T extends KubernetesObject & { readonly status?: object }>(
    resource: Resource<T>,
    object: T,
    status: object,
  ): Promise<void> {
    try {
      await this.write(resource, object, status);
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.kind !== "NotFound") throw error;
    }
  }

  /** Calls back where somebody else has changed the status: at once, or when a write that is on its way has been answered. */
  ifForeign<T extends KubernetesObject & { readonly status?: object }>(
    object: T | undefined,
    previous: T | undefined,
    then: (key: string) => void,
  ): void {
    if (!object && previous) this.#written.delete(previous.metadata.uid);
    if (!object || !previous) return;
    const isSame = mergePatch(previous.status ?? {}, object.status ?? {}) === undefined;
    const { uid, resourceVersion } = object.metadata;
    const judge = (): void => {
      if (!this.#arrived(uid, resourceVersion) && !isSame) then(keyOf(object.metadata));
    };
    const writing = this.#writing.get(uid);
    if (writing) writing.then(judge, judge);
    else judge();
  }

  /** Whether the watch has not brought yet what was written last of the object. */
  awaits(uid: string): boolean {
    return this.#written.has(uid) || this.#writing.has(uid);
  }

  /** Whether the version came of what was written here. It and those before it are forgotten: the watch brings them in their order, or not at all. */
  #arrived(uid: string, version: string): boolean {
    const written = this.#written.get(uid) ?? [];
    // Numbers of etcd's revisions: a new list may show a later one of somebody else.
    const later = written.filter((one) => BigInt(one) > BigInt(version));
    if (later.length === 0) this.#written.delete(uid);
    else this.#written.set(uid, later);
    return written.includes(version);
  }

  async #send(
    path: string,
    { metadata: { uid, resourceVersion } }: KubernetesObject,
    body: object,
    how: Pick<RequestOptions, "timeout">,
  ): Promise<unknown> {
    const writing = this.#client.request("PATCH", path, { ...how, body, contentType: "application/merge-patch+json" });
    this.#writing.set(uid, writing);
    try {
      const written = await writing;
      const version = field(written, "metadata", "resourceVersion");
      // No watch brings what changed nothing.
      if (typeof version === "string" && version !== resourceVersion)
        this.#written.set(uid, [...(this.#written.get(uid) ?? []), version].slice(-WRITTEN));
      return written;
    } finally {
      this.#writing.delete(uid);
    }
  }
}

/** Adds a finalizer, guarded by the uid and by the list as it was seen. Rejects with KubernetesError, Rejected where the API server does not keep it. */
export async function addFinalizer(
  client: Pick<KubernetesClient, "request">,
  resource: ResourceKind,
  { metadata }: KubernetesObject,
  finalizer: string,
): Promise<void> {
  const { finalizers } = metadata;
  const path = "/metadata/finalizers";
  const add = finalizers?.length ? { op: "add", path: `${path}/-`, value: finalizer } : { op: "add", path, value: [finalizer] };
  const test = { op: "test", path, value: finalizers?.length ? finalizers : null };
  const patched = await patchMetadata(client, resource, metadata, [test, add]);
  // Nobody would hear of it again: no watch brings what did not change.
  if (!patched || (isKubernetesObject(patched.answer) && patched.answer.metadata.finalizers?.includes(finalizer) === true)) return;
  const remedy = "look for a mutating webhook that changes finalizers";
  throw new KubernetesError(
    "Rejected",
    `${resource.kind} ${keyOf(metadata)}: the API server did not keep the finalizer ${finalizer}: ${remedy}`,
  );
}

/** Removes a finalizer, guarded by the uid and by its place in the list. */
export async function removeFinalizer(
  client: Pick<KubernetesClient, "request">,
  resource: ResourceKind,
  { metadata }: KubernetesObject,
  finalizer: string,
): Promise<void> {
  const index = metadata.finalizers?.indexOf(finalizer) ?? -1;
  if (index < 0) return;
  const path = `/metadata/finalizers/${index}`;
  await patchMetadata(client, resource, metadata, [
    { op: "test", path, value: finalizer },
    { op: "remove", path },
  ]);
}

/** Undefined where the object is gone: it has no finalizer any more. */
async function patchMetadata(
  client: Pick<KubernetesClient, "request">,
  resource: ResourceKind,
  { namespace, name, uid }: KubernetesObject["metadata"],
  operations: readonly object[],
): Promise<{ readonly answer: unknown } | undefined> {
  const path = pathOf(resource, namespace, name);
  try {
    const body = [{ op: "test", path: "/metadata/uid", value: uid }, ...operations];
    return { answer: await client.request("PATCH", path, { body, contentType: "application/json-patch+json" }) };
  } catch (error) {
    if (error instanceof KubernetesError && error.kind === "NotFound") return undefined;
    throw error;
  }
}
