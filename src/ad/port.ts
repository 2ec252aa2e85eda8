/** The directory as the rest of the program reaches it. Both reject only with DirectoryError. */
import type { Query } from "./lookup.ts";
import type { DirectoryObject } from "./object.ts";
import type { Write } from "./write.ts";

export interface Reader {
  /** Every object that one of the lookups means, once. An incomplete answer is an error, never a smaller one. */
  find(query: Query, signal: AbortSignal): Promise<readonly DirectoryObject[]>;
}

export interface Writer {
  /** That it is so already is a success. An object without the write's owner marker is left as it is: NotOwned. */
  apply(write: Write, signal: AbortSignal): Promise<void>;
}
