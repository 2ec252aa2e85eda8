/** Whom a farm's entries mean: rules 1 and 3 of who may be a host, said anew for tests and with nothing of the product's. */
import type { DirectoryObject } from "../../src/ad/object.ts";
import { BASE } from "../farm/simulation.ts";

export interface Meant {
  /** objectGUIDs of those who must have the right. */
  readonly wanted: ReadonlySet<string>;
  /** And of those who must not. */
  readonly quarantined: ReadonlySet<string>;
  /** The trusted ones among several that one entry may mean, and whom it meant before. */
  readonly undecided: ReadonlySet<string>;
}

/** Ordinary people made it, or it is a domain controller. */
export function isTrusted({ creatorSID, userAccountControl = 0, primaryGroupID = 0 }: DirectoryObject): boolean {
  return creatorSID === undefined && (userAccountControl & 0x2000) === 0 && primaryGroupID !== 516;
}

/** Remembers what each entry meant, from one reconcile to the next. */
export class Entries {
  #memory: ReadonlyMap<string, readonly string[]> = new Map();

  mean(computers: readonly DirectoryObject[], wantedTexts: readonly string[], quarantinedTexts: readonly string[]): Meant {
    const [wanted, quarantined, undecided] = [new Set<string>(), new Set<string>(), new Set<string>()];
    const memory = new Map<string, readonly string[]>();
    const remember = (text: string, ids: readonly string[]): void => {
      memory.set(text, [...new Set([...(memory.get(text) ?? []), ...ids])]);
    };
    const isThere = (id: string): boolean => computers.some(({ objectGUID }) => objectGUID === id);
    for (const text of quarantinedTexts) {
      const ids = [...(this.#memory.get(text) ?? []), ...computers.filter((one) => isNamed(one, text)).map(idOf)];
      for (const id of ids) quarantined.add(id);
      remember(text, ids);
    }
    for (const text of wantedTexts) {
      const named = computers.filter((one) => isNamed(one, text));
      const found = named.some(isTrusted) ? named.filter(isTrusted) : named;
      const known = (this.#memory.get(text) ?? []).filter(isThere);
      const before = computers.find((one) => one.objectGUID === known[0]);
      const [now = before] = found;
      const candidates = found.length > 1 ? [...found, ...(before ? [before] : [])] : [];
      for (const one of candidates.filter(isTrusted)) undecided.add(one.objectGUID);
      const host = found.length > 1 ? undefined : [now, before].find((one) => one !== undefined && isTrusted(one));
      if (host) wanted.add(host.objectGUID);
      remember(text, host && host === now ? [host.objectGUID] : known);
    }
    this.#memory = memory;
    for (const id of quarantined) {
      wanted.delete(id);
      undecided.delete(id);
    }
    return { wanted, quarantined, undecided };
  }
}

function idOf({ objectGUID }: DirectoryObject): string {
  return objectGUID;
}

/** A distinguished name, a DNS name or a short name, without regard to case. */
function isNamed({ distinguishedName, dnsHostName, samAccountName }: DirectoryObject, text: string): boolean {
  const [value, wanted] = text.includes("=")
    ? [distinguishedName, text.endsWith(BASE) ? text : `${text},${BASE}`]
    : text.includes(".")
      ? [dnsHostName, text]
      : [samAccountName, `${text}$`];
  return value?.toLowerCase() === wanted.toLowerCase();
}
