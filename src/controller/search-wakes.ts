/** Which farms a change concerns: those that asked for what changed, and those that search a container that it is in. Nobody is held up meanwhile. */
import { setImmediate } from "node:timers/promises";
import { type DirectoryObject, isComputer } from "../ad/object.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { Changes, FeedEntry } from "../directory/feed.ts";
import { nameOfComputer } from "../farm/found-computers.ts";
import { patternOf } from "../names/account-name.ts";

/** Milliseconds for which others wait at most. */
const TURN = 5;

/** What is known of what farms asked for. */
interface Wakes {
  of(keys: readonly string[]): readonly string[];
  hasSeen(farm: string, object: DirectoryObject, feed: number): boolean;
}

/** Begins again and again. */
class Turn {
  #began = performance.now();

  get isOver(): boolean {
    return performance.now() - this.#began >= TURN;
  }

  async next(): Promise<void> {
    await setImmediate();
    this.#began = performance.now();
  }
}

/**
 * Those that asked for one of the objects and have not seen it as it is: a thousand hosts may be those of hundreds of farms. Farms may come, go and be
 * looked at meanwhile: a look that begins now sees what the feed has told, and who is gone by the end is not queued.
 */
export async function concernedBy({ feed, entries }: Changes, wakes: Wakes): Promise<ReadonlySet<string>> {
  const concerned = new Set<string>();
  const turn = new Turn();
  for (const { object, keys } of entries) {
    if (turn.isOver) await turn.next();
    for (const key of wakes.of(keys)) {
      if (!concerned.has(key) && !wakes.hasSeen(key, object, feed)) concerned.add(key);
      if (turn.isOver) await turn.next();
    }
  }
  return concerned;
}

/** Those that search where something changed. Many farms may search one container, each for its own computers. With a container that came or went others may have. */
export async function concernedBelow(
  { feed, entries }: Changes,
  wakes: Wakes,
  farmOf: (key: string) => ServerFarm | undefined,
): Promise<ReadonlySet<string>> {
  const concerned = new Set<string>();
  const turn = new Turn();
  for (const [container, objects] of byContainer(entries)) {
    for (const key of wakes.of([container])) {
      if (concerned.has(key)) continue;
      const matches = (farmOf(key)?.spec.hosts.search?.names ?? []).map(patternOf);
      const isMeant = ({ object, name }: Below): boolean =>
        name === undefined ? object.objectSID === undefined : matches.some((match) => match(name));
      if (objects.some((below) => isMeant(below) && !wakes.hasSeen(key, below.object, feed))) concerned.add(key);
      if (turn.isOver) await turn.next();
    }
  }
  return concerned;
}

interface Below {
  readonly object: DirectoryObject;
  /** Of a computer, as patterns take it. */
  readonly name: string | undefined;
}

function byContainer(entries: readonly FeedEntry[]): ReadonlyMap<string, readonly Below[]> {
  const found = new Map<string, Below[]>();
  for (const { object, within } of entries) {
    const below = { object, name: isComputer(object) ? nameOfComputer(object) : undefined };
    for (const container of within) {
      const others = found.get(container);
      if (others) others.push(below);
      else found.set(container, [below]);
    }
  }
  return found;
}
