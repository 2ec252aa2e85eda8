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
  | { readonly kind: "Refused"; readonly object: DirectoryObject }
  /** It was moved to where hosts of the tenant are not. */
  | { readonly kind: "NotAllowed"; readonly object: DirectoryObject };

/** Whom the search finds and who is of no use to the farm, so that nothing else of them is kept. */
export interface PassedOver {
  /** objectGUIDs of those that are too many and have no right; and of those that the tenant does not allow. */
  readonly tooMany: readonly string[];
  readonly refused: readonly string[];
  /** Distinguished names of those that an ordinary user made, and of domain controllers, as far as the tenant would be allowed them. */
  readonly untrusted: readonly string[];
}

export interface ObservedSearch {
  readonly container: SearchedContainer;
  /** The containers that it is in, and those in it that have computers: should one of them be moved or renamed, all that is below it is too. */
  readonly around: readonly DirectoryObject[];
  /** Everybody below it who may be a host; undefined where nobody was looked for, or not everybody was found. */
  readonly found: readonly DirectoryObject[] | undefined;
  readonly passedOver?: PassedOver;
  /** Why not everybody was found; or that more than so many match. */
  readonly failure: string | undefined;
  readonly moreThan?: number;
}
