/** A collection read whole, page by page; and its version alone, which says whether the database is still the one that was watched. */
import type { KubernetesClient } from "./client.ts";
import { KubernetesError } from "./api-error.ts";
import { field } from "./resource.ts";

export interface Collection {
  readonly client: KubernetesClient;
  readonly path: string;
  /** Of one object alone, by its name. */
  readonly fieldSelector: string | undefined;
  /** Of those that bear these labels. */
  readonly labelSelector?: string | undefined;
  /** How many are read at once. Fewer from then on where a page of so many was too large. */
  page?: number | undefined;
}

interface Page {
  readonly items: readonly unknown[];
  readonly next: string | undefined;
  readonly version: string;
}

const PAGE = 500;
/** Of a page, in bytes: whoever may write an object may fill it, and a page of such objects must not take the memory that the program has. */
const LARGEST = 8 * 2 ** 20;

/** Every object, as `keep` makes it, where it makes one, and the version that a watch goes on from. Rejects with KubernetesError. */
export async function readAll<T>(
  collection: Collection,
  keep: (object: unknown) => T | undefined,
  signal: AbortSignal,
): Promise<{ readonly objects: readonly T[]; readonly version: string }> {
  for (;;) {
    const limit = collection.page ?? PAGE;
    try {
      return await readPages(collection, limit, keep, signal);
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.kind !== "TooLarge") throw error;
      // From the first page: the API server continues a list only with the limit that it began with.
      collection.page = Math.max(1, Math.floor(limit / 10));
    }
  }
}

async function readPages<T>(
  collection: Collection,
  limit: number,
  keep: (object: unknown) => T | undefined,
  signal: AbortSignal,
): Promise<{ readonly objects: readonly T[]; readonly version: string }> {
  const objects: T[] = [];
  let next: string | undefined;
  for (;;) {
    const page = await readPage(collection, { limit, continue: next }, signal);
    for (const item of page.items) {
      const kept = keep(item);
      if (kept !== undefined) objects.push(kept);
    }
    if (page.next === undefined || page.next === "") return { objects, version: page.version };
    next = page.next;
  }
}

/**
 * Whether the collection is now older than a version of it that was seen: etcd was restored from a copy, and a watch would wait in silence until its
 * numbers have caught up. Rejects with KubernetesError.
 */
export async function isOlder(collection: Collection, seen: string, signal: AbortSignal): Promise<boolean> {
  const { version } = await readPage(collection, { limit: 1 }, signal);
  // The numbers of etcd's revisions; compared as such because nothing else tells the order of two databases.
  return BigInt(version) < BigInt(seen);
}

async function readPage(
  { client, path, fieldSelector, labelSelector }: Collection,
  query: { readonly limit: number; readonly continue?: string | undefined },
  signal: AbortSignal,
): Promise<Page> {
  // One object alone is no larger than the database takes.
  const most = query.limit > 1 ? LARGEST : undefined;
  const page = await client.request("GET", path, { query: { ...query, fieldSelector, labelSelector }, signal, most });
  const items = field(page, "items");
  const [next, version] = [field(page, "metadata", "continue"), field(page, "metadata", "resourceVersion")];
  // An empty list may be null.
  if ((items !== null && !Array.isArray(items)) || typeof version !== "string" || !/^\d+$/.test(version)) {
    throw new KubernetesError("Unavailable", `GET ${path}: the answer is no list`);
  }
  return { items: items ?? [], next: typeof next === "string" ? next : undefined, version };
}
