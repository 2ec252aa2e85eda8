/** Longer strings are seldom the same twice. */
const LONGEST = 512;
/** Strings kept at once. When it is full it begins anew: what is common is soon in it again. */
const SIZE = 20_000;

/** Equal strings as one: copies of thousands of objects that say mostly the same take a fraction of the memory. */
export class StringPool {
  readonly #strings = new Map<string, string>();

  /** Makes every string of the JSON value, the keys aside, the pool's own, in place; a string is returned as the pool has it. */
  share(value: unknown): unknown {
    if (typeof value === "string") return this.#shareString(value);
    if (typeof value !== "object" || value === null) return value;
    for (const [key, item] of Object.entries(value)) {
      const shared = this.share(item);
      if (typeof item === "string") Reflect.set(value, key, shared);
    }
    return value;
  }

  #shareString(text: string): string {
    if (text.length > LONGEST) return text;
    const known = this.#strings.get(text);
    if (known !== undefined) return known;
    if (this.#strings.size >= SIZE) this.#strings.clear();
    this.#strings.set(text, text);
    return text;
  }
}
