/** Which farms a change concerns: of an object in the directory, of another farm that uses the same group. */
import { DirectoryError } from "../ad/error.ts";
import type { DirectoryObject } from "../ad/object.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import type { Elsewhere, Sharing } from "../farm/desired-farm.ts";
import { hasGroups, sharesGroups } from "../farm/journal.ts";
import { GroupRecords, othersGroups, traceOf } from "./group-records.ts";
import { LeftMembers } from "./left-members.ts";
import { sharingFarm } from "../farm/sharing.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { numberOfGuid, NumberTable } from "../names/identifier.ts";

/** Of each process others, so that it is hard to choose names whose numbers meet. */
const [BASIS = 0] = crypto.getRandomValues(new Uint32Array(1));

/** FNV-1a, of 30 bits: numbers that a V8 engine keeps without an object. */
function numberOf(lookupKey: string): number {
  let hash = BASIS;
  for (let index = 0; index < lookupKey.length; index++) hash = Math.imul(hash ^ lookupKey.charCodeAt(index), 0x01000193);
  return (hash >>> 2) & 0x3fffffff;
}

/** An object, and how new it was. */
type Seen = Pick<DirectoryObject, "objectGUID" | "usn">;

interface Entry {
  readonly number: number;
  readonly lookupKeys: readonly number[];
  /** Numbers of objectGUIDs, the least first, and after them their USNs: a Map of each farm would be most of the memory. */
  readonly seen: readonly number[];
  /** Whose USNs they are. */
  readonly feed: number;
}

/**
 * Lookup keys are kept as numbers, since there are a dozen for each farm and they are long. Should two have the same number, a farm is looked at once too
 * often.
 */
export class WakeIndex {
  readonly #entries = new Map<string, Entry>();
  /** Keys of farms by their numbers, from 1. */
  readonly #farms: (string | undefined)[] = [undefined];
  readonly #free: number[] = [];
  /** Nearly every lookup key is of one farm alone. */
  readonly #ofOne = new NumberTable();
  readonly #ofMany = new Map<number, Set<number>>();

  /** Replaces what the farm asked for. `seen`: the objects as its last look found them, where `feed` is the one that tells of changes. */
  set(farm: string, lookupKeys: ReadonlySet<string>, seen: readonly Seen[], feed: number): void {
    const usns = new Map<number, number>();
    // Of two views of an object the older one counts: a host is judged by what an earlier look found.
    for (const { objectGUID, usn = -1 } of seen) {
      const guid = numberOfGuid(objectGUID);
      usns.set(guid, Math.min(usn, usns.get(guid) ?? usn));
    }
    usns.delete(NaN);
    const guids = [...usns.keys()].toSorted((a, b) => a - b);
    const numbers = [...guids, ...guids.map((guid) => usns.get(guid) ?? -1)];
    this.#replace(farm, new Set([...lookupKeys].map(numberOf)), numbers, feed);
  }

  /** Adds to what the farm asked for. */
  add(farm: string, lookupKeys: ReadonlySet<string>): void {
    const { lookupKeys: before = [], seen = [], feed = 0 } = this.#entries.get(farm) ?? {};
    this.#replace(farm, new Set([...before, ...[...lookupKeys].map(numberOf)]), seen, feed);
  }

  #replace(farm: string, lookupKeys: ReadonlySet<number>, seen: readonly number[], feed: number): void {
    const known = this.#entries.get(farm);
    const number = known?.number ?? this.#free.pop() ?? this.#farms.length;
    const before = new Set(known?.lookupKeys);
    this.#farms[number] = farm;
    this.#entries.set(farm, { number, lookupKeys: [...lookupKeys], seen, feed });
    for (const key of lookupKeys) if (!before.delete(key)) this.#put(key, number);
    for (const key of before) this.#drop(key, number);
  }

  #put(key: number, farm: number): void {
    const [one, many] = [this.#ofOne.get(key), this.#ofMany.get(key)];
    if (one !== undefined) this.#ofMany.set(key, new Set([one, farm]));
    this.#ofOne.delete(key);
    if (many) many.add(farm);
    else if (one === undefined) this.#ofOne.set(key, farm);
  }

  #drop(key: number, farm: number): void {
    const many = this.#ofMany.get(key);
    if (!many) this.#ofOne.delete(key);
    else if (many.delete(farm) && many.size === 0) this.#ofMany.delete(key);
  }

  remove(farm: string): void {
    const { number = 0, lookupKeys = [] } = this.#entries.get(farm) ?? {};
    for (const key of lookupKeys) this.#drop(key, number);
    this.#farms[number] = undefined;
    if (this.#entries.delete(farm)) this.#free.push(number);
  }

  /** The farms that one of the lookup keys concerns. */
  of(lookupKeys: readonly string[]): readonly string[] {
    const numbers = lookupKeys.map(numberOf).flatMap((key) => this.#ofOne.get(key) ?? [...(this.#ofMany.get(key) ?? [])]);
    return numbers.flatMap((number) => this.#farms[number] ?? []);
  }

  /**
   * Whether the farm's last look found the object as new as this: then it is its own write that comes back, or one that the look has seen. What was seen
   * where another feed tells is no answer: USNs of another server may be higher by millions, and the farm's look on this one may not be over yet.
   */
  hasSeen(farm: string, { objectGUID, usn }: Seen, feed: number): boolean {
    const entry = this.#entries.get(farm);
    if (!entry || entry.feed !== feed || usn === undefined) return false;
    const [seen, guid] = [entry.seen, numberOfGuid(objectGUID)];
    let [least, end] = [0, seen.length / 2];
    while (least < end) {
      const middle = (least + end) >> 1;
      if ((seen[middle] ?? 0) < guid) least = middle + 1;
      else end = middle;
    }
    return seen[least] === guid && least < seen.length / 2 && usn <= (seen[seen.length / 2 + least] ?? -1);
  }
}

/** Farms by the groups of somebody else that they use or used: what one of them costs does not grow with the number of farms. */
export class FarmsByGroup {
  /** Keys of farms by keys of groups. */
  readonly #farms = new Map<string, Set<string>>();
  readonly #seen = new WeakMap<ServerFarm, { readonly baseDN: string; readonly sharing: Sharing }>();
  /** Farms for which what others do may be something to do. */
  readonly #waiting = new Set<string>();
  /** Farms whose accounts may name a group that is on no record: the answer of a write may be lost. */
  readonly #open = new Set<string>();
  /** Those whose next write makes it so. */
  readonly #opening = new Set<string>();
  readonly left = new LeftMembers();
  readonly #records: GroupRecords;

  constructor(isUnderWay: ConstructorParameters<typeof GroupRecords>[0] = () => false) {
    this.#records = new GroupRecords((farm) => this.#open.has(keyOf(farm.metadata)) || isUnderWay(farm));
  }

  /** Told of every change of a farm. Returns the keys of those that it may concern. */
  changed(farm: ServerFarm | undefined, previous: ServerFarm | undefined): readonly string[] {
    if (!farm && previous) for (const keys of [this.#waiting, this.#open, this.#opening]) keys.delete(keyOf(previous.metadata));
    if (hasGroups(farm) || hasGroups(previous)) this.#records.changed(farm, previous);
    const [before, after] = [groupsOf(previous), groupsOf(farm)];
    if (before.length + after.length === 0) return [];
    for (const group of before) this.#remove(group, previous);
    for (const group of after) this.#add(group, farm);
    if (farm) this.left.changed(farm);
    if (traceOf(farm) === traceOf(previous)) return [];
    return this.#waitingFor([...before, ...after], farm ?? previous);
  }

  /** What other farms have on record; undefined for one that it does not concern. */
  elsewhere(farm: ServerFarm, farms: Copies<ServerFarm>, baseDN: string): Elsewhere | undefined {
    if (!hasGroups(farm)) return undefined;
    const elsewhere = this.#records.elsewhere(farm);
    const usersOf: Elsewhere["users"] = (group) => {
      if (!elsewhere.hosts.has(group)) return [];
      const keys = [...(this.#farms.get(group) ?? [])];
      const found = new Map([...keys.map((key) => [key, farms.get(key)] as const), ...this.#records.claiming(group)]);
      found.delete(keyOf(farm.metadata));
      return [...found.values()].flatMap((other) => this.#asSeen(other, baseDN)).filter(({ claimed }) => claimed.has(group));
    };
    return { ...elsewhere, users: usersOf };
  }

  /** The farm as it is on record in a moment. Resolves as the writing does, or with the farm where nothing had to be sent. */
  async claim(farm: ServerFarm, writing: Promise<ServerFarm | undefined>): Promise<ServerFarm> {
    return (await (hasGroups(farm) ? this.#records.claim(farm, writing) : writing)) ?? farm;
  }

  /** The farm as it is on record once the write that is sent next has been seen. */
  open(farm: ServerFarm): void {
    this.#opening.add(keyOf(farm.metadata));
    void this.#records.claim(farm, Promise.resolve());
  }

  /** A write of the farm. Where it opens a group, or may have done so, others count on what the farm claims until it is settled. */
  async sent(key: string, write: () => Promise<void>): Promise<void> {
    const opens = this.#opening.delete(key);
    await write().catch((error: unknown) => {
      if (opens && error instanceof DirectoryError && error.kind === "OutcomeUnknown") this.#open.add(key);
      throw error;
    });
    if (opens) this.#open.add(key);
  }

  /** The farm was looked at after all its writes, and what was seen is on record; or there is none. */
  settled(key: string): void {
    this.#open.delete(key);
  }

  /** The keys of those that it may concern what the farm may do. */
  sharers(farm: ServerFarm): readonly string[] {
    return this.#waitingFor(groupsOf(farm), farm);
  }

  #waitingFor(groups: readonly string[], farm: ServerFarm | undefined): readonly string[] {
    const others = new Set(groups.flatMap((group) => [...(this.#farms.get(group) ?? [])]));
    return [...others].filter((key) => this.#waiting.has(key) && key !== keyOf(farm?.metadata ?? { name: "" }));
  }

  /** From when a farm is looked at: what others do meanwhile must not be missed. `waits` false: it does not concern the farm after all. */
  watch(key: string, waits: boolean): void {
    if (waits) this.#waiting.add(key);
    else this.#waiting.delete(key);
  }

  /** Other farms that use the farm's existing host groups, or did; also those that left hosts there at their end. */
  sharingWith(farm: ServerFarm, farms: Copies<ServerFarm>, baseDN: string): Sharing {
    const keys = new Set(groupsOf(farm).flatMap((group) => [...(this.#farms.get(group) ?? [])]));
    keys.delete(keyOf(farm.metadata));
    return [...[...keys].flatMap((key) => this.#asSeen(farms.get(key), baseDN)), ...this.left.to(farm)];
  }

  /** Parsed once for each copy: a farm may have thousands of hosts, and be asked about by many others. */
  #asSeen(farm: ServerFarm | undefined, baseDN: string): Sharing {
    if (!farm) return [];
    const seen = this.#seen.get(farm);
    if (seen?.baseDN === baseDN) return seen.sharing;
    const sharing = [sharingFarm(farm, baseDN)].filter((one) => one !== undefined);
    this.#seen.set(farm, { baseDN, sharing });
    return sharing;
  }

  #add(group: string, farm: ServerFarm | undefined): void {
    if (farm) this.#farms.set(group, (this.#farms.get(group) ?? new Set()).add(keyOf(farm.metadata)));
  }

  #remove(group: string, farm: ServerFarm | undefined): void {
    const farms = this.#farms.get(group);
    if (!farm || !farms) return;
    farms.delete(keyOf(farm.metadata));
    if (farms.size === 0) this.#farms.delete(group);
  }
}

function groupsOf(farm: ServerFarm | undefined): readonly string[] {
  return farm && sharesGroups(farm) ? othersGroups(farm) : [];
}
