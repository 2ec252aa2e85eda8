/** Farms by what they use: a domain, or a group of somebody else that others use too. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import type { SharingFarm } from "../farm/desired-farm.ts";
import { readJournal, sharesGroups } from "../farm/journal.ts";
import { groupNameOf, sharingFarm } from "../farm/sharing.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { foldName } from "../names/account-name.ts";
import { commonName } from "../names/distinguished-name.ts";

export function farmsOf(domain: string, farms: Copies<ServerFarm>): readonly ServerFarm[] {
  return farms.list().filter(({ spec }) => spec.domainRef.name === domain);
}

/** Farms by the groups of somebody else that they use or used: what one of them costs does not grow with the number of farms. */
export class FarmsByGroup {
  /** Keys of farms by keys of groups. */
  readonly #farms = new Map<string, Set<string>>();
  readonly #seen = new WeakMap<ServerFarm, { readonly baseDN: string; readonly sharing: SharingFarm | undefined }>();
  /** Farms for which what others do may be something to do. */
  readonly #waiting = new Set<string>();

  /** Told of every change of a farm. Returns the keys of those that it may concern. */
  changed(farm: ServerFarm | undefined, previous: ServerFarm | undefined): readonly string[] {
    if (!farm && previous) this.#waiting.delete(keyOf(previous.metadata));
    const [before, after] = [groupsOf(previous), groupsOf(farm)];
    if (before.length + after.length === 0) return [];
    for (const group of before) this.#remove(group, previous);
    for (const group of after) this.#add(group, farm);
    if (traceOf(farm) === traceOf(previous)) return [];
    const others = new Set([...before, ...after].flatMap((group) => [...(this.#farms.get(group) ?? [])]));
    return [...others].filter((key) => this.#waiting.has(key) && key !== keyOf((farm ?? previous)?.metadata ?? { name: "" }));
  }

  /** From when a farm is looked at: what others do meanwhile must not be missed. `waits` false: it does not concern the farm after all. */
  watch(key: string, waits: boolean): void {
    if (waits) this.#waiting.add(key);
    else this.#waiting.delete(key);
  }

  /** Other farms that use the farm's existing host groups, or did. */
  sharingWith(farm: ServerFarm, farms: Copies<ServerFarm>, baseDN: string): readonly SharingFarm[] {
    const keys = new Set(groupsOf(farm).flatMap((group) => [...(this.#farms.get(group) ?? [])]));
    keys.delete(keyOf(farm.metadata));
    return [...keys].flatMap((key) => {
      const other = farms.get(key);
      return (other && this.#asSeen(other, baseDN)) ?? [];
    });
  }

  /** Parsed once for each copy: a farm may have thousands of hosts, and be asked about by many others. */
  #asSeen(farm: ServerFarm, baseDN: string): SharingFarm | undefined {
    const seen = this.#seen.get(farm);
    if (seen?.baseDN === baseDN) return seen.sharing;
    const sharing = sharingFarm(farm, baseDN);
    this.#seen.set(farm, { baseDN, sharing });
    return sharing;
  }

  #add(group: string, farm: ServerFarm | undefined): void {
    if (!farm) return;
    const farms = this.#farms.get(group) ?? new Set();
    farms.add(keyOf(farm.metadata));
    this.#farms.set(group, farms);
  }

  #remove(group: string, farm: ServerFarm | undefined): void {
    const farms = this.#farms.get(group);
    if (!farm || !farms) return;
    farms.delete(keyOf(farm.metadata));
    if (farms.size === 0) this.#farms.delete(group);
  }
}

/** Keys of the groups of somebody else that the farm names, or has on record: names within its domain, and objectGUIDs. */
function groupsOf(farm: ServerFarm | undefined): readonly string[] {
  if (!farm || !sharesGroups(farm)) return [];
  const { spec, status } = farm;
  const named = (name: string): string => `${spec.domainRef.name} ${foldName(name)}`;
  const remembered = readJournal(status).hostGroups;
  return [
    ...new Set([
      ...(spec.hosts.grant === "Group" && spec.hosts.group?.existing === true ? [named(groupNameOf(farm))] : []),
      // Whoever names a group for the first time does not know its objectGUID yet.
      ...remembered.flatMap(({ objectGUID, distinguishedName }) => [objectGUID, named(commonName(distinguishedName))]),
    ]),
  ];
}

/** What of a farm can concern those that share its groups. */
function traceOf(farm: ServerFarm | undefined): string {
  if (!farm) return "";
  const { metadata, status } = farm;
  return JSON.stringify([
    metadata.uid,
    metadata.generation,
    metadata.deletionTimestamp,
    readJournal(status).hostGroups,
    status?.ownedObjects?.length,
  ]);
}
