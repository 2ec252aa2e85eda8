import type { Blocker } from "../api/reasons.ts";
import type { DesiredFarm, HostReference, SharingFarm } from "./desired.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { HostIndex, type DirectoryObject, type ObservedFarm } from "../ad/object.ts";

export interface ResolvedHosts {
  /** By the keys of their distinguished names: the computers that should have the right. */
  readonly wanted: ReadonlyMap<string, DirectoryObject>;
  readonly quarantined: ReadonlyMap<string, DirectoryObject>;
  /** The computers that an ambiguous reference may mean: none of them is put in, and none is taken out. */
  readonly undecided: ReadonlyMap<string, DirectoryObject>;
  /** How many computers the farm asks for, found or not. */
  readonly desired: number;
  readonly blockers: readonly Blocker[];
}

/** The computers that the farm names; what cannot be found keeps only itself out. */
export function resolveHosts(desired: DesiredFarm, observed: ObservedFarm): ResolvedHosts {
  const index = new HostIndex(observed.computers);
  const blockers: Blocker[] = [];
  const quarantined = new Map<string, DirectoryObject>();
  for (const reference of desired.quarantined) {
    const found = index.find(reference);
    // A slip of the pen must not leave a compromised host in.
    if (found.length === 0) blockers.push(quarantinedNotFound(reference));
    // Of several that may be meant, all are kept out: too few is safer than one too many.
    for (const computer of found) quarantined.set(dnKey(computer.distinguishedName), computer);
  }
  const wanted = new Map<string, DirectoryObject>();
  const undecided = new Map<string, DirectoryObject>();
  for (const reference of desired.hosts) {
    const found = index.find(reference);
    const [computer] = found;
    if (!computer) blockers.push(hostNotFound(reference));
    else if (found.length > 1) {
      blockers.push(hostAmbiguous(reference, found));
      for (const candidate of found) undecided.set(dnKey(candidate.distinguishedName), candidate);
    } else if (!quarantined.has(dnKey(computer.distinguishedName))) wanted.set(dnKey(computer.distinguishedName), computer);
  }
  for (const key of quarantined.keys()) undecided.delete(key);
  const unresolved = [...blockers, ...desired.invalid].filter(({ computer }) => computer !== undefined).length;
  return { wanted, quarantined, undecided, desired: wanted.size + unresolved, blockers };
}

/** Whether a farm that shares a group wants the computer in it. */
export function isWantedBy({ hosts, quarantined }: SharingFarm, computer: DirectoryObject): boolean {
  const index = new HostIndex([computer]);
  const means = (reference: HostReference): boolean => index.find(reference).length > 0;
  return hosts.some(means) && !quarantined.some(means);
}

function hostNotFound({ text, by, value }: HostReference): Blocker {
  return {
    reason: "HostNotFound",
    part: "Hosts",
    computer: text,
    message: `no computer has the ${by} ${value}: join it to the domain, or correct hosts.computers; it is granted by itself once it exists.`,
  };
}

function quarantinedNotFound({ text, by, value }: HostReference): Blocker {
  return {
    reason: "HostNotFound",
    part: "Hosts",
    message: `hosts.quarantined: no computer has the ${by} ${value}, so ${text} keeps nobody out: correct it, or remove it if the computer is gone.`,
  };
}

function hostAmbiguous({ text, by, value }: HostReference, found: readonly DirectoryObject[]): Blocker {
  const names = found.map(({ distinguishedName }) => distinguishedName).join("; ");
  return {
    reason: "HostAmbiguous",
    part: "Hosts",
    computer: text,
    message: `${found.length} computers have the ${by} ${value} (${names}), so none is granted or removed: name the right one in hosts.computers by its distinguished name.`,
  };
}
