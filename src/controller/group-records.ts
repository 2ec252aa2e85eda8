/** In which namespaces farms have groups of somebody else on record, and as what. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import type { Elsewhere } from "../farm/desired-farm.ts";
import { readJournal } from "../farm/journal.ts";
import { claimedGroups } from "../farm/sharing.ts";
import { foldName, hostGroupNameOf } from "../names/account-name.ts";
import { commonName } from "../names/distinguished-name.ts";

/** Keys of farms by objectGUIDs of groups and namespaces: thousands of farms may join one group. */
class Records {
  readonly #farms = new Map<string, Map<string, Set<string>>>();

  add(group: string, { metadata }: ServerFarm): void {
    const namespaces = this.#farms.get(group) ?? new Map<string, Set<string>>();
    const { namespace = "" } = metadata;
    namespaces.set(namespace, (namespaces.get(namespace) ?? new Set()).add(keyOf(metadata)));
    this.#farms.set(group, namespaces);
  }

  remove(group: string, { metadata }: ServerFarm): void {
    const namespaces = this.#farms.get(group);
    const { namespace = "" } = metadata;
    const keys = namespaces?.get(namespace);
    keys?.delete(keyOf(metadata));
    if (keys?.size === 0) namespaces?.delete(namespace);
    if (namespaces?.size === 0) this.#farms.delete(group);
  }

  isElsewhere(group: string, namespace: string): boolean {
    const namespaces = this.#farms.get(group);
    return namespaces !== undefined && namespaces.size > (namespaces.has(namespace) ? 1 : 0);
  }
}

class RecordsOfBoth {
  readonly hosts = new Records();
  readonly access = new Records();

  add(farm: ServerFarm): void {
    for (const group of claimedGroups(farm)) this.hosts.add(group, farm);
    for (const group of joinedGroups(farm)) this.access.add(group, farm);
  }

  remove(farm: ServerFarm): void {
    for (const group of claimedGroups(farm)) this.hosts.remove(group, farm);
    for (const group of joinedGroups(farm)) this.access.remove(group, farm);
  }
}

/** Of one farm: one reconcile writes a few, each with what those before it claim. */
const MOST = 8;
/** With each new claim, the claims of so many farms are ended where they are over: they would pile up where nobody asks for the group. */
const TIDIED = 2;

export class GroupRecords {
  readonly #seen = new RecordsOfBoth();
  /** What is being written down, until the watch brings it: two farms could otherwise be the first to use a group, each without the other. */
  readonly #claimed = new RecordsOfBoth();
  readonly #claims = new Map<string, readonly ServerFarm[]>();
  readonly #isUnderWay: (farm: ServerFarm) => boolean;

  /** `isUnderWay`: whether more may be written of the farm than the watch has brought. */
  constructor(isUnderWay: (farm: ServerFarm) => boolean) {
    this.#isUnderWay = isUnderWay;
  }

  /** Told of every change of a farm. */
  changed(farm: ServerFarm | undefined, previous: ServerFarm | undefined): void {
    const either = farm ?? previous;
    if (either && !(farm && this.#isUnderWay(farm))) this.#setClaims(keyOf(either.metadata), []);
    if (previous) this.#seen.remove(previous);
    if (farm) this.#seen.add(farm);
  }

  /** The farm as it is on record in a moment. `writing`: rejects where it is not. */
  async claim<Written>(farm: ServerFarm, writing: Promise<Written>): Promise<Written> {
    const key = keyOf(farm.metadata);
    for (const [other, claims] of this.#claims.entries().take(TIDIED).toArray()) {
      // Those that stay come last, so that all have their turns.
      this.#claims.delete(other);
      this.#claims.set(other, claims);
      this.#endIfOver(other);
    }
    this.#setClaims(key, [...(this.#claims.get(key) ?? []), farm].slice(-MOST));
    try {
      return await writing;
    } catch (error) {
      this.#setClaims(key, this.#claims.get(key)?.filter((other) => other !== farm) ?? []);
      throw error;
    }
  }

  #setClaims(key: string, farms: readonly ServerFarm[]): void {
    for (const farm of this.#claims.get(key) ?? []) this.#claimed.remove(farm);
    for (const farm of farms) this.#claimed.add(farm);
    if (farms.length > 0) this.#claims.set(key, farms);
    else this.#claims.delete(key);
  }

  /** Keys and farms as they are on record in a moment, with this as a host group. */
  claiming(group: string): readonly (readonly [key: string, farm: ServerFarm])[] {
    if (!this.#isClaimed("hosts", group, "")) return [];
    const farms = [...this.#claims.values()].flat().filter((farm) => claimedGroups(farm).has(group));
    return farms.map((farm) => [keyOf(farm.metadata), farm]);
  }

  elsewhere({ metadata: { namespace = "" } }: ServerFarm): Omit<Elsewhere, "users"> {
    const of = (kind: "hosts" | "access"): Elsewhere["access"] => ({
      has: (group) => this.#seen[kind].isElsewhere(group, namespace) || this.#isClaimed(kind, group, namespace),
    });
    return { hosts: of("hosts"), access: of("access") };
  }

  /** A claim that was never written is over once its farm is not under way any more: those that are over end before this answers. */
  #isClaimed(kind: "hosts" | "access", group: string, but: string): boolean {
    if (!this.#claimed[kind].isElsewhere(group, but)) return false;
    for (const key of [...this.#claims.keys()]) this.#endIfOver(key);
    return this.#claimed[kind].isElsewhere(group, but);
  }

  #endIfOver(key: string): void {
    const [farm] = this.#claims.get(key) ?? [];
    if (farm && !this.#isUnderWay(farm)) this.#setClaims(key, []);
  }
}

/** That a farm names a group takes it from nobody. */
function joinedGroups({ status }: ServerFarm): ReadonlySet<string> {
  return new Set(readJournal(status).accessGroups.flatMap(({ objectGUID, member }) => (member === false ? [] : [objectGUID])));
}

/** What of a farm can concern those that share its groups. */
export function traceOf(farm: ServerFarm | undefined): string {
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

/** Keys of the groups of somebody else that the farm names, or has on record: names within its domain, and objectGUIDs. */
export function othersGroups(farm: ServerFarm): readonly string[] {
  const { spec, status } = farm;
  const named = (name: string): string => `${spec.domainRef.name} ${foldName(name)}`;
  const remembered = readJournal(status).hostGroups;
  return [
    ...new Set([
      ...(spec.hosts.grant === "Group" && spec.hosts.group?.existing === true ? [named(hostGroupNameOf(farm))] : []),
      // Whoever names a group for the first time does not know its objectGUID yet.
      ...remembered.flatMap(({ objectGUID, distinguishedName }) => [objectGUID, named(commonName(distinguishedName))]),
    ]),
  ];
}
