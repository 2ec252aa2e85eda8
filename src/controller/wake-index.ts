/** Which farms asked for what: so that a change in the directory wakes just the farms that it concerns. */
import type { DirectoryObject } from "../ad/object.ts";

/** An object, and how new it was. */
type Seen = Pick<DirectoryObject, "objectGUID" | "usn">;

interface Interest {
  readonly terms: readonly number[];
  /** USNs by objectGUID. */
  readonly seen: ReadonlyMap<string, number>;
}

/**
 * Terms are kept as numbers, since there are a dozen for each farm and they are long. Should two have the same number, a farm is looked at once too
 * often.
 */
export class Interests {
  readonly #interests = new Map<string, Interest>();
  /** Nearly every term is of one farm alone, and a set for each would be most of the memory. */
  readonly #farms = new Map<number, string | Set<string>>();

  /** Replaces what the farm is interested in. `seen`: the objects as its last look found them. */
  set(farm: string, terms: ReadonlySet<string>, seen: readonly Seen[]): void {
    this.#replace(
      farm,
      [...new Set([...terms].map(numberOf))],
      new Map(seen.flatMap(({ objectGUID, usn }) => (usn === undefined ? [] : [[objectGUID, usn]]))),
    );
  }

  /** Adds to what the farm is interested in. */
  add(farm: string, terms: ReadonlySet<string>): void {
    const { terms: before = [], seen = new Map<string, number>() } = this.#interests.get(farm) ?? {};
    this.#replace(farm, [...new Set([...before, ...[...terms].map(numberOf)])], seen);
  }

  #replace(farm: string, terms: readonly number[], seen: ReadonlyMap<string, number>): void {
    this.remove(farm);
    this.#interests.set(farm, { terms, seen });
    for (const term of terms) {
      const farms = this.#farms.get(term);
      if (farms === undefined) this.#farms.set(term, farm);
      else if (typeof farms === "string") this.#farms.set(term, new Set([farms, farm]));
      else farms.add(farm);
    }
  }

  remove(farm: string): void {
    for (const term of this.#interests.get(farm)?.terms ?? []) {
      const farms = this.#farms.get(term);
      if (farms === farm) this.#farms.delete(term);
      if (typeof farms !== "object") continue;
      farms.delete(farm);
      if (farms.size === 0) this.#farms.delete(term);
    }
    this.#interests.delete(farm);
  }

  /** The farms that one of the terms concerns. */
  of(terms: readonly string[]): readonly string[] {
    return terms.flatMap((term) => {
      const farms = this.#farms.get(numberOf(term)) ?? [];
      return typeof farms === "string" ? [farms] : [...farms];
    });
  }

  /**
   * Whether the farm's last look found the object as new as this: then it is its own write that comes back, or one that the look has seen. After a
   * change of the server USNs mean nothing, but every farm is looked at then, whatever this says.
   */
  hasSeen(farm: string, { objectGUID, usn }: Seen): boolean {
    const before = this.#interests.get(farm)?.seen.get(objectGUID);
    return before !== undefined && usn !== undefined && before >= usn;
  }
}

/** FNV-1a, of 30 bits: numbers that a V8 engine keeps without an object. */
function numberOf(term: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < term.length; index++) hash = Math.imul(hash ^ term.charCodeAt(index), 0x01000193);
  return (hash >>> 2) & 0x3fffffff;
}
