/** Computers by what farms call them. */
import type { DirectoryObject } from "../ad/object.ts";
import { keysOfHost, lookupKey } from "../names/identifier.ts";
import type { HostReference } from "./desired-farm.ts";

/** Looks computers up by host reference: none, one, or several that share a DNS name. */
export class HostIndex {
  /** Nearly every key is of one computer alone, and a list for each would be most of the work. */
  readonly #byKey = new Map<string, DirectoryObject | DirectoryObject[]>();

  constructor(computers: readonly DirectoryObject[]) {
    for (const computer of computers) {
      for (const key of keysOfHost(computer)) {
        const known = this.#byKey.get(key);
        if (known === undefined) this.#byKey.set(key, computer);
        else if (!Array.isArray(known)) this.#byKey.set(key, known === computer ? computer : [known, computer]);
        else if (!known.includes(computer)) known.push(computer);
      }
    }
  }

  find({ by, value }: Omit<HostReference, "text">): readonly DirectoryObject[] {
    const found = this.#byKey.get(lookupKey(by, value)) ?? [];
    return Array.isArray(found) ? found : [found];
  }
}
