/** Which changes of a domain ask for a look at the directory. */
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";

/** Since which generation a domain is to be looked at as it is now: other tenants ask for no look at the directory. */
export class InspectedGeneration {
  #text: string | undefined;
  #generation = 0;

  of({ metadata, spec }: ActiveDirectoryDomain): number {
    const { tenants: _tenants, ...rest } = spec;
    const text = JSON.stringify(rest);
    if (text !== this.#text) this.#generation = metadata.generation ?? 0;
    this.#text = text;
    return this.#generation;
  }
}
