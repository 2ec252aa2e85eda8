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
  /** How many are read at once; for objects whose size somebody else decides, few. */
  readonly page?: number | undefined;
}

interface Page {
  readonly items: readonly unknown[];
  readonly next: string | undefined;
  readonly version: string;
}

const PAGE = 500;

/** Every object, told one by one. Resolves with the version that a watch goes on from. Rejects with KubernetesError. */
export async function readAll(collection: Collection, tell: (object: unknown) => void, signal: AbortSignal): Promise<string> {
  let token: string | undefined;
  let version: string;
  do {
    const page = await readPage(collection, { limit: collection.page ?? PAGE, continue: token }, signal);
    for (const item of page.items) tell(item);
    token = page.next;
    version = page.version;
  } while (token !== undefined && token !== "");
  return version;
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
  const page = await client.request("GET", path, { query: { ...query, fieldSelector, labelSelector }, signal });
  const items = field(page, "items");
  const [next, version] = [field(page, "metadata", "continue"), field(page, "metadata", "resourceVersion")];
  // An empty list may be null.
  if ((items !== null && !Array.isArray(items)) || typeof version !== "string" || !/^\d+$/.test(version)) {
    throw new KubernetesError("Unavailable", `GET ${path}: the answer is no list`);
  }
  return { items: items ?? [], next: typeof next === "string" ? next : undefined, version };
}
