/** How a farm names its hosts, and the other farms that name hosts for the same groups. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import type { Lookup } from "../ad/lookup.ts";
import type { DirectoryObject } from "../ad/object.ts";
import { foldName } from "../names/account-name.ts";
import { DistinguishedNameError, resolveDn } from "../names/distinguished-name.ts";
import { keysOfHost, lookupKey } from "../names/lookup-key.ts";

/** A computer as the farm names it. */
export interface HostReference extends Lookup {
  /** The user's own text. */
  readonly text: string;
  readonly by: "sAMAccountName" | "dNSHostName" | "distinguishedName";
}

/** Another farm that uses existing groups too: a host that it wants in the same group stays there. */
export interface SharingFarm {
  readonly key: string;
  /** Of the group that it uses, as it names it, folded; and its objectGUID, where the farm has seen it. */
  readonly groupName: string;
  readonly objectGUID: string | undefined;
  readonly hosts: readonly HostReference[];
  readonly quarantined: readonly HostReference[];
}

export function parseHostReference(text: string, baseDN: string): HostReference {
  if (text.includes("=")) return { text, by: "distinguishedName", value: resolveDn(text, baseDN) };
  if (text.includes(".")) return { text, by: "dNSHostName", value: text };
  return { text, by: "sAMAccountName", value: text.endsWith("$") ? text : `${text}$` };
}

/** `onError` is told of each text that is no reference, which is left out. */
export function parseHostReferences(
  texts: readonly string[],
  baseDN: string,
  onError: (text: string, error: DistinguishedNameError) => void,
): readonly HostReference[] {
  return texts.flatMap((text) => {
    try {
      return [parseHostReference(text, baseDN)];
    } catch (error) {
      if (!(error instanceof DistinguishedNameError)) throw error;
      onError(text, error);
      return [];
    }
  });
}

/** The farm as others that share its existing host group see it; undefined for one that has none, or wants nothing any more. */
export function sharingFarm({ metadata, spec, status }: ServerFarm, baseDN: string): SharingFarm | undefined {
  const { grant, group, computers, quarantined } = spec.hosts;
  if (metadata.deletionTimestamp !== undefined || grant !== "Group" || group?.existing !== true) return undefined;
  const references = (texts: readonly string[]): readonly HostReference[] => parseHostReferences(texts, baseDN, () => undefined);
  return {
    key: keyOf(metadata),
    groupName: foldName(group.name ?? `${spec.account.name ?? metadata.name}Hosts`),
    objectGUID: status?.hostGroup?.objectGUID,
    hosts: references(computers),
    quarantined: references(quarantined),
  };
}

/** Whether a farm that shares a group wants the computer in it. */
export function isWantedBy({ hosts, quarantined }: SharingFarm, computer: DirectoryObject): boolean {
  const keys = new Set(keysOfHost(computer));
  const means = ({ by, value }: HostReference): boolean => keys.has(lookupKey(by, value));
  return hosts.some(means) && !quarantined.some(means);
}

/** Looks computers up by host reference: none, one, or several that share a DNS name. */
export class HostIndex {
  readonly #byKey = new Map<string, Set<DirectoryObject>>();

  constructor(computers: readonly DirectoryObject[]) {
    for (const computer of computers) {
      for (const key of keysOfHost(computer)) {
        const known = this.#byKey.get(key);
        if (known) known.add(computer);
        else this.#byKey.set(key, new Set([computer]));
      }
    }
  }

  find({ by, value }: HostReference): readonly DirectoryObject[] {
    return [...(this.#byKey.get(lookupKey(by, value)) ?? [])];
  }
}
