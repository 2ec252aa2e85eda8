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

export class GroupRecords {
  readonly #hosts = new Records();
  readonly #access = new Records();

  /** Told of every change of a farm. */
  changed(farm: ServerFarm | undefined, previous: ServerFarm | undefined): void {
    if (previous) for (const group of claimedGroups(previous)) this.#hosts.remove(group, previous);
    if (previous) for (const group of joinedGroups(previous)) this.#access.remove(group, previous);
    if (farm) for (const group of claimedGroups(farm)) this.#hosts.add(group, farm);
    if (farm) for (const group of joinedGroups(farm)) this.#access.add(group, farm);
  }

  elsewhere({ metadata: { namespace = "" } }: ServerFarm): Elsewhere {
    return {
      hosts: { has: (group) => this.#hosts.isElsewhere(group, namespace) },
      access: { has: (group) => this.#access.isElsewhere(group, namespace) },
    };
  }
}

/** That a farm names a group takes it from nobody. */
function joinedGroups({ status }: ServerFarm): readonly string[] {
  return readJournal(status).accessGroups.flatMap(({ objectGUID, member }) => (member === false ? [] : [objectGUID]));
}
