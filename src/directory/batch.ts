/** What is asked together in one search, and by whom; and the parts of it, where one asker spoils it for the others. */
import type { Lookup, Query } from "../ad/lookup.ts";
import type { DirectoryObject } from "../ad/object.ts";

/** Somebody who waits for objects. */
export interface Asker {
  readonly query: Query;
  /** Once it aborts nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** What nobody was asked yet, by its key; nothing once its asker left, so that it takes no turns from others. */
  readonly unsent: Map<string, Lookup>;
  /** Searches under way with lookups of this one, and large groups of which it waits for the members. */
  underWay: number;
  readonly found: Map<string, DirectoryObject>;
  readonly resolve: (found: readonly DirectoryObject[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface Term {
  readonly lookup: Lookup;
  readonly among: Query["among"];
  readonly askers: Set<Asker>;
}

/** One search: its terms by their keys, each with those who asked for it. */
export type Batch = ReadonlyMap<string, Term>;

/** Of two or more: each has some. */
export function halvesOf(askers: ReadonlySet<Asker>): readonly [ReadonlySet<Asker>, ReadonlySet<Asker>] {
  const [all, middle] = [[...askers], Math.floor(askers.size / 2)];
  return [new Set(all.slice(0, middle)), new Set(all.slice(middle))];
}

/** What these of its askers asked for. */
export function partOf(batch: Batch, askers: ReadonlySet<Asker>): Batch {
  const terms = [...batch].map(([key, term]) => [key, { ...term, askers: term.askers.intersection(askers) }] as const);
  return new Map(terms.filter(([, term]) => term.askers.size > 0));
}
