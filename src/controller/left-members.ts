/**
 * Hosts that farms left in groups of somebody else at their end, since another farm wanted them there that had not written them down yet. That one does so
 * now, as if it took over from a farm that is still there. Kept in memory alone: nothing may delay a deletion.
 */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { standingOf } from "../farm/desired.ts";
import type { SharingFarm } from "../farm/desired-farm.ts";
import type { leftBehind } from "../farm/handover.ts";
import { readJournal } from "../farm/journal.ts";

/** Milliseconds. A farm that has not come to it by then is stopped, and whoever is a member later may be somebody else's. */
const LIFETIME = 3_600_000;

interface Left {
  readonly domain: string;
  readonly sharing: SharingFarm;
  /** By objectGUID of the group: who is on nobody's record yet. */
  readonly added: Map<string, Set<string>>;
  /** On the monotonic clock. */
  readonly at: number;
}

export class LeftMembers {
  #all: readonly Left[] = [];

  /** At the end of a farm. */
  add(farm: ServerFarm, left: ReturnType<typeof leftBehind>): void {
    if (left.length === 0) return;
    const added = new Map(left.map(({ group, computers }) => [group.objectGUID, new Set(computers.map(({ objectGUID }) => objectGUID))]));
    const nobody = { uses: undefined, hosts: new Set<string>(), quarantined: new Set<string>(), claimed: new Set<string>() };
    const sharing = { key: keyOf(farm.metadata), standing: standingOf(farm.metadata), ...nobody, added };
    this.#all = [...this.#current(), { domain: farm.spec.domainRef.name, sharing, added, at: performance.now() }];
  }

  /** Told of every change of a farm: what it has on its record now is its own to take out. Not of the farm that left it: its last status may be told late. */
  changed({ metadata, status }: ServerFarm): void {
    if (this.#all.length === 0 || metadata.deletionTimestamp !== undefined) return;
    for (const { objectGUID, added } of readJournal(status).hostGroups)
      for (const left of this.#all) for (const one of added) left.added.get(objectGUID)?.delete(one);
    this.#all = this.#all.filter(({ added }) => [...added.values()].some(({ size }) => size > 0));
  }

  /** The farms that left something to this one, as if they were there. */
  to({ metadata, spec }: ServerFarm): readonly SharingFarm[] {
    if (this.#all.length === 0) return [];
    return this.#current()
      .filter(({ domain, sharing }) => domain === spec.domainRef.name && sharing.standing.namespace === metadata.namespace)
      .map(({ sharing }) => sharing);
  }

  #current(): readonly Left[] {
    const now = performance.now();
    return this.#all.filter(({ at }) => now - at < LIFETIME);
  }
}
