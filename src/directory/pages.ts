/** Searches that find more than a server lists at once: page by page, and whole or not at all. */
import { DirectoryError } from "../ad/error.ts";

/** Entries in a page: fewer than the 1,000 that a server lists at most (MaxPageSize). The second is for where the first leaves a doubt. */
const SIZES = [500, 333];

/**
 * The client takes an empty page for the last one, though the server may have more, and does not tell which it was. So a search that ends with one is made
 * again in pages of another size, and then without pages, where a server says that it cut its answer short. After more than `most` it ends: TooMany.
 */
export async function collectPages<Entry>(
  pagesOf: (size: number) => AsyncIterable<readonly Entry[]>,
  inOneAnswer: () => Promise<readonly Entry[]>,
  { most, what }: { readonly most: number; readonly what: string },
): Promise<readonly Entry[]> {
  for (const size of SIZES) {
    const found: Entry[] = [];
    let last = 0;
    for await (const page of pagesOf(size)) {
      found.push(...page);
      if (found.length > most) throw tooMany(most, what);
      last = page.length;
    }
    if (last > 0) return found;
    // Most often there is simply nothing.
    if (found.length === 0) break;
  }
  return await inOneAnswer();
}

function tooMany(most: number, what: string): DirectoryError {
  const remedy = "Search by this filter yourself, and correct or delete the objects whose names are not theirs.";
  return new DirectoryError("TooMany", `${what}: more than ${most} objects match, and so many are not read. ${remedy}`);
}
