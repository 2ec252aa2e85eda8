/** What is told of domains, and the farms that are queued then. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import type { WorkQueue } from "../base/work-queue.ts";
import type { Changes, FeedBatch } from "../directory/feed.ts";
import { urgencyOf } from "../farm/journal.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { lookupKey } from "../names/identifier.ts";
import { concernedBelow, concernedBy } from "./search-wakes.ts";
import type { WakeIndex } from "./wake-index.ts";

export interface DomainListener {
  /** Objects of the domain changed in the directory. */
  changed(domain: string, changes: Changes): Promise<void>;
  /** Everything there has to be compared. Must not throw. */
  all(domain: string): void;
}

export class DomainNews {
  readonly #listeners: DomainListener[] = [];

  subscribe(listener: DomainListener): void {
    this.#listeners.push(listener);
  }

  async tell(domain: string, batch: FeedBatch): Promise<void> {
    if (batch.kind === "Everything") this.tellAll(domain);
    else for (const listener of this.#listeners) await listener.changed(domain, batch);
  }

  tellAll(domain: string): void {
    for (const listener of this.#listeners) listener.all(domain);
  }
}

interface Woken {
  readonly objects: Copies<ServerFarm>;
  readonly queue: WorkQueue;
  readonly wakes: WakeIndex;
}

/** Queues the farms that something in the directory concerns. */
async function wakeFarms(domain: string, changes: Changes, { objects, queue, wakes }: Woken): Promise<void> {
  const wake = (keys: ReadonlySet<string>): void => {
    for (const key of keys) {
      const farm = objects.get(key);
      if (farm?.spec.domainRef.name === domain) queue.add(key, isKeepingOut(farm) ? "Urgent" : "Change");
    }
  };
  const concerned = await concernedBy(changes, wakes);
  wake(concerned);
  const below = await concernedBelow(changes, wakes, (key) => objects.get(key));
  wake(below.difference(concerned));
}

/**
 * Queues all farms of a domain, of which `keys` has the keys, also of those that are not watched here. What had its turn while the domain could not be
 * reached is as urgent as it was.
 */
function wakeAll(keys: ReadonlySet<string>, { objects, queue }: Pick<Woken, "objects" | "queue">): void {
  for (const key of keys) {
    const farm = objects.get(key);
    if (farm) queue.add(key, isKeepingOut(farm) ? "Urgent" : urgencyOf(farm, undefined));
  }
}

/** Somebody may have let a quarantined host in; or it was not kept out yet. */
function isKeepingOut({ spec }: ServerFarm): boolean {
  return spec.hosts.quarantined.length > 0;
}

/** Queues the farms that wait for names which the farm has given up: at once, and not when the change feed tells of it. */
export function wakeForNames({ metadata, spec }: ServerFarm, names: readonly string[], { objects, queue, wakes }: Woken): void {
  for (const key of wakes.of(names.map((name) => lookupKey("servicePrincipalName", name)))) {
    if (objects.get(key)?.spec.domainRef.name === spec.domainRef.name && key !== keyOf(metadata)) queue.add(key, "Change");
  }
}

/** `keysOf`: the keys of a domain's farms. */
export function farmWaker(woken: Woken, keysOf: (domain: string) => ReadonlySet<string>): DomainListener {
  return {
    changed: (domain, changes) => wakeFarms(domain, changes, woken),
    all: (domain) => {
      wakeAll(keysOf(domain), woken);
    },
  };
}
