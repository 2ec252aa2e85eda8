/** Which farms asked for what: so that a change in the directory wakes just the farms that it concerns. */
export class Interests {
  readonly #terms = new Map<string, ReadonlySet<string>>();
  readonly #farms = new Map<string, Set<string>>();

  /** Replaces what the farm is interested in. */
  set(farm: string, terms: ReadonlySet<string>): void {
    this.remove(farm);
    this.#terms.set(farm, terms);
    for (const term of terms) {
      const farms = this.#farms.get(term);
      if (farms) farms.add(farm);
      else this.#farms.set(term, new Set([farm]));
    }
  }

  /** Adds to what the farm is interested in. */
  add(farm: string, terms: ReadonlySet<string>): void {
    this.set(farm, new Set([...(this.#terms.get(farm) ?? []), ...terms]));
  }

  remove(farm: string): void {
    for (const term of this.#terms.get(farm) ?? []) {
      const farms = this.#farms.get(term);
      farms?.delete(farm);
      if (farms?.size === 0) this.#farms.delete(term);
    }
    this.#terms.delete(farm);
  }

  /** The farms that one of the terms concerns. */
  of(terms: ReadonlySet<string>): ReadonlySet<string> {
    return new Set([...terms].flatMap((term) => [...(this.#farms.get(term) ?? [])]));
  }
}
