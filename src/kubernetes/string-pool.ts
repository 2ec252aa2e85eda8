/** Strings that copies of objects have in common. */

/** Longer strings are seldom the same twice. */
const LONGEST = 512;
/** Strings of one generation. Two are kept: what is met again before the next is full stays, what was met once goes. */
const SIZE = 4000;

/** Equal strings as one: copies of thousands of objects that say mostly the same take a fraction of the memory. */
export class StringPool {
  #young = new Map<string, string>();
  #old: ReadonlyMap<string, string> = new Map();

  /** Makes every string of the JSON value, the keys aside, the pool's own, in place; a string is returned as the pool has it. */
  share(value: unknown): unknown {
    if (typeof value === "string") return this.#shareString(value);
    if (typeof value !== "object" || value === null) return value;
    for (const key of Object.keys(value)) {
      const item: unknown = Reflect.get(value, key);
      // Equal strings are the same to any comparison: only to set it makes it the pool's.
      if (typeof item === "string") Reflect.set(value, key, this.#shareString(item));
      else this.share(item);
    }
    return value;
  }

  #shareString(text: string): string {
    if (text.length > LONGEST) return text;
    const known = this.#young.get(text);
    if (known !== undefined) return known;
    if (this.#young.size >= SIZE) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    const shared = this.#old.get(text) ?? text;
    this.#young.set(shared, shared);
    return shared;
  }
}
