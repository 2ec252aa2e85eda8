/** Which farms asked for what: so that a change in the directory wakes just the farms that it concerns. */
import type { DirectoryObject } from "../ad/object.ts";

/** An object, and how new it was. */
type Seen = Pick<DirectoryObject, "objectGUID" | "usn">;

interface Entry {
  readonly lookupKeys: readonly number[];
  /** USNs by objectGUID. */
  readonly seen: ReadonlyMap<string, number>;
}

/**
 * Lookup keys are kept as numbers, since there are a dozen for each farm and they are long. Should two have the same number, a farm is looked at once too
 * often.
 */
export class WakeIndex {
  readonly #entries = new Map<string, Entry>();
  /** Nearly every lookup key is of one farm alone, and a set for each would be most of the memory. */
  readonly #farms = new Map<number, string | Set<string>>();

  /** Replaces what the farm asked for. `seen`: the objects as its last look found them. */
  set(farm: string, lookupKeys: ReadonlySet<string>, seen: readonly Seen[]): void {
    this.#replace(
      farm,
      [...new Set([...lookupKeys].map(numberOf))],
      new Map(seen.flatMap(({ objectGUID, usn }) => (usn === undefined ? [] : [[objectGUID, usn]]))),
    );
  }

  /** Adds to what the farm asked for. */
  add(farm: string, lookupKeys: ReadonlySet<string>): void {
    const { lookupKeys: before = [], seen = new Map<string, number>() } = this.#entries.get(farm) ?? {};
    this.#replace(farm, [...new Set([...before, ...[...lookupKeys].map(numberOf)])], seen);
  }

  #replace(farm: string, lookupKeys: readonly number[], seen: ReadonlyMap<string, number>): void {
    this.remove(farm);
    this.#entries.set(farm, { lookupKeys, seen });
    for (const key of lookupKeys) {
      const farms = this.#farms.get(key);
      if (farms === undefined) this.#farms.set(key, farm);
      else if (typeof farms === "string") this.#farms.set(key, new Set([farms, farm]));
      else farms.add(farm);
    }
  }

  remove(farm: string): void {
    for (const key of this.#entries.get(farm)?.lookupKeys ?? []) {
      const farms = this.#farms.get(key);
      if (farms === farm) this.#farms.delete(key);
      if (typeof farms !== "object") continue;
      farms.delete(farm);
      if (farms.size === 0) this.#farms.delete(key);
    }
    this.#entries.delete(farm);
  }

  /** The farms that one of the lookup keys concerns. */
  of(lookupKeys: readonly string[]): readonly string[] {
    return lookupKeys.flatMap((key) => {
      const farms = this.#farms.get(numberOf(key)) ?? [];
      return typeof farms === "string" ? [farms] : [...farms];
    });
  }

  /**
   * Whether the farm's last look found the object as new as this: then it is its own write that comes back, or one that the look has seen. After a
   * change of the server USNs mean nothing, but every farm is looked at then, whatever this says.
   */
  hasSeen(farm: string, { objectGUID, usn }: Seen): boolean {
    const before = this.#entries.get(farm)?.seen.get(objectGUID);
    return before !== undefined && usn !== undefined && before >= usn;
  }

  /** The farms that one of the changes concerns and that have not seen it. */
  concernedBy(changes: readonly { readonly object: Seen; readonly keys: readonly string[] }[]): ReadonlySet<string> {
    return new Set(changes.flatMap(({ object, keys }) => this.of(keys).filter((farm) => !this.hasSeen(farm, object))));
  }
}

/** FNV-1a, of 30 bits: numbers that a V8 engine keeps without an object. */
function numberOf(lookupKey: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < lookupKey.length; index++) hash = Math.imul(hash ^ lookupKey.charCodeAt(index), 0x01000193);
  return (hash >>> 2) & 0x3fffffff;
}
