/** What the directory says of a search. */
import type { DirectoryObject } from "../ad/object.ts";

/** Which object the search means. */
export type SearchedContainer =
  /** `moved`: it is not called as the farm says any more. */
  | { readonly kind: "Known"; readonly object: DirectoryObject; readonly moved: boolean }
  | { readonly kind: "Missing" }
  /** The farm names none. */
  | { readonly kind: "Invalid"; readonly problem: string }
  /** Another one has the name. `before`: the one that was meant, if it is there yet. */
  | { readonly kind: "Replaced"; readonly object: DirectoryObject; readonly before: DirectoryObject | undefined }
  /** Nobody's hosts are there. */
  | { readonly kind: "Refused"; readonly object: DirectoryObject };

export interface ObservedSearch {
  readonly container: SearchedContainer;
  /** The containers that it is in, and those in it that have computers: should one of them be moved or renamed, all that is below it is too. */
  readonly around: readonly DirectoryObject[];
  /** Everybody below it whom a pattern may mean; undefined where nobody was looked for, or not everybody was found. */
  readonly found: readonly DirectoryObject[] | undefined;
  /** Why not. */
  readonly failure: string | undefined;
}
