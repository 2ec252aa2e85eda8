/** In which namespaces farms have groups of somebody else on record, and as what. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import type { Elsewhere } from "../farm/desired-farm.ts";
import { readJournal } from "../farm/journal.ts";
import { claimedGroups } from "../farm/sharing.ts";

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

export class GroupRecords {
  readonly #seen = new RecordsOfBoth();
  /** What is being written down, until the watch brings it: two farms could otherwise be the first to use a group, each without the other. */
  readonly #written = new RecordsOfBoth();
  readonly #underWay = new Map<string, readonly ServerFarm[]>();

  /** Told of every change of a farm. */
  changed(farm: ServerFarm | undefined, previous: ServerFarm | undefined): void {
    this.#setUnderWay(keyOf((farm ?? previous)?.metadata ?? { name: "" }), []);
    if (previous) this.#seen.remove(previous);
    if (farm) this.#seen.add(farm);
  }

  /** The farm as it is being written down. Resolves as the writing does. */
  async recording<Written>(farm: ServerFarm, writing: Promise<Written>): Promise<Written> {
    const key = keyOf(farm.metadata);
    this.#setUnderWay(key, [...(this.#underWay.get(key) ?? []), farm]);
    try {
      return await writing;
    } catch (error) {
      this.#setUnderWay(key, this.#underWay.get(key)?.filter((other) => other !== farm) ?? []);
      throw error;
    }
  }

  #setUnderWay(key: string, farms: readonly ServerFarm[]): void {
    for (const farm of this.#underWay.get(key) ?? []) this.#written.remove(farm);
    for (const farm of farms) this.#written.add(farm);
    if (farms.length > 0) this.#underWay.set(key, farms);
    else this.#underWay.delete(key);
  }

  /** Farms as they are being written down, with this as a host group. */
  recordingOf(group: string): readonly ServerFarm[] {
    if (!this.#written.hosts.isElsewhere(group, "")) return [];
    return [...this.#underWay.values()].flat().filter((farm) => claimedGroups(farm).has(group));
  }

  elsewhere({ metadata: { namespace = "" } }: ServerFarm): Omit<Elsewhere, "users"> {
    const of = (kind: "hosts" | "access"): Elsewhere["access"] => ({
      has: (group) => this.#seen[kind].isElsewhere(group, namespace) || this.#written[kind].isElsewhere(group, namespace),
    });
    return { hosts: of("hosts"), access: of("access") };
  }
}

/** That a farm names a group takes it from nobody. */
function joinedGroups({ status }: ServerFarm): ReadonlySet<string> {
  return new Set(readJournal(status).accessGroups.flatMap(({ objectGUID, member }) => (member === false ? [] : [objectGUID])));
}
