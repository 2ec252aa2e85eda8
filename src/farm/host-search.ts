/** Who may have the right because hosts.search finds it: who comes, who stays, and who goes. */
import { timestamp } from "../api/object.ts";
import type { Blocker } from "../api/reasons.ts";
import { type DirectoryObject, isTrusted } from "../ad/object.ts";
import { dnKey } from "../names/distinguished-name.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { DesiredSearch, SearchRecord } from "./desired-search.ts";
import { allowedOf, sift } from "./found-computers.ts";
import type { HostNote } from "./host-messages.ts";
import type { Looked, Resolution } from "./looked.ts";
import { containerMoved, limitExceeded, passedOver, searchBlocker, shrinkHeld } from "./search-messages.ts";
import type { ObservedSearch } from "./observed-search.ts";

export interface FoundHosts {
  readonly wanted: readonly DirectoryObject[];
  /** They keep the right where they have it, and do not get it. `hosts` false: they are no hosts of the farm, whatever they have. */
  readonly held: readonly { readonly computer: DirectoryObject; readonly isHost: boolean }[];
  /** SIDs of those who have the right and cannot be seen now. */
  readonly unseen: readonly string[];
  readonly blockers: readonly Blocker[];
  readonly notes: readonly HostNote[];
  /** How many keep the right since too many would lose it at once. */
  readonly shrink: number;
  /** As it is to be remembered. */
  readonly record: SearchRecord;
}

/** What is known of computers without the search. */
export interface Standings {
  readonly isQuarantined: (computer: DirectoryObject) => boolean;
  /** objectGUIDs. */
  readonly quarantinedIds: ReadonlySet<string>;
  /** Whether hosts.computers has it. */
  readonly isNamed: (computer: DirectoryObject) => boolean;
}

/** Three may go at once, however few there are. */
const FREE = 3;

/** Undefined for a farm without a search, and where nothing was searched. */
export function foundHosts({ desired, observed }: Looked, standings: Standings): FoundHosts | undefined {
  const { search } = desired;
  if (!search || !observed.search) return undefined;
  const blocker = searchBlocker(search, observed.search);
  const remembered = rememberedOf({ desired, observed }, search);
  if (!blocker && observed.search.found && observed.search.container.kind === "Known")
    return decide({ desired, search, remembered, standings }, observed.search, observed.search.found, observed.search.container);
  const isAllowed = allowedOf(desired);
  // Nothing is known of who belongs there.
  return {
    wanted: [],
    held: remembered.seen.filter((computer) => isTrusted(desired, computer)).map((computer) => ({ computer, isHost: isAllowed(computer) })),
    unseen: remembered.unseen.flatMap(({ sid }) => sid ?? []),
    blockers: blocker ? [blocker] : [],
    notes: [],
    shrink: 0,
    record: search.record ?? {},
  };
}

interface Remembered {
  readonly seen: readonly DirectoryObject[];
  /** Not to be seen, and not known to be deleted. */
  readonly unseen: readonly { readonly guid: string; readonly sid: string | undefined }[];
}

function rememberedOf({ desired, observed }: Pick<Looked, "desired" | "observed">, search: DesiredSearch): Remembered {
  const byId = new Map(observed.computers.map((computer) => [computer.objectGUID, computer]));
  const gone = new Set(observed.gone);
  const seen = [...search.remembered.keys()].flatMap((guid) => byId.get(guid) ?? []);
  // A member that is deleted is none any more: with every member read, whoever is not seen has nothing to keep.
  const mayHave = desired.grant === "Principals" || observed.unreadable.length > 0;
  const unseen = [...search.remembered].filter(([guid]) => mayHave && !byId.has(guid) && !gone.has(guid));
  return { seen, unseen: unseen.map(([guid, sid]) => ({ guid, sid })) };
}

interface Case {
  readonly desired: DesiredFarm;
  readonly search: DesiredSearch;
  readonly remembered: Remembered;
  readonly standings: Standings;
}

function decide(
  { desired, search, remembered, standings }: Case,
  { passedOver: others }: ObservedSearch,
  found: readonly DirectoryObject[],
  { object, moved }: Extract<ObservedSearch["container"], { kind: "Known" }>,
): FoundHosts {
  const { isQuarantined, quarantinedIds, isNamed } = standings;
  const free = (computers: readonly DirectoryObject[]): readonly DirectoryObject[] =>
    computers.filter((computer) => !isQuarantined(computer));
  const count = (guids: readonly string[] = []): number => guids.filter((guid) => !quarantinedIds.has(guid)).length;
  // One that was moved away while the pages were read may be on a later page.
  const sifted = sift(desired, search, object, found);
  const [eligible, refused] = [free(sifted.eligible), free(sifted.refused)];
  const knew = new Set(remembered.seen.map(({ objectGUID }) => objectGUID));
  const matching = eligible.length + count(others?.tooMany);
  const isOver = matching > search.max;
  const wanted = isOver ? eligible.filter(({ objectGUID }) => knew.has(objectGUID)) : eligible;
  const newcomers = isOver ? eligible.filter(({ objectGUID }) => !knew.has(objectGUID)) : [];
  // What a tenant is not allowed any more it keeps.
  const frozen = refused.filter((computer) => knew.has(computer.objectGUID));
  const stays = new Set([...wanted, ...frozen].map(({ objectGUID }) => objectGUID));
  const missing = remembered.seen.filter(
    (computer) => !stays.has(computer.objectGUID) && !isQuarantined(computer) && !isNamed(computer) && isTrusted(desired, computer),
  );
  const shrink = shrinkOf(search, missing);
  const kept = shrink.held ? missing : [];
  const isAllowed = allowedOf(desired);
  return {
    wanted,
    held: [
      ...newcomers.map((computer) => ({ computer, isHost: false })),
      ...frozen.map((computer) => ({ computer, isHost: false })),
      ...kept.map((computer) => ({ computer, isHost: isAllowed(computer) })),
    ],
    unseen: remembered.unseen.flatMap(({ sid }) => sid ?? []),
    blockers: [...(isOver ? [limitExceeded(search, matching, object)] : []), ...(shrink.held ? [shrink.held] : [])],
    notes: [
      ...(moved ? [containerMoved(search, object)] : []),
      ...passedOver({
        untrusted: [...sifted.untrusted.map(({ distinguishedName }) => distinguishedName), ...(others?.untrusted ?? [])],
        notAllowed: refused.length + count(others?.refused),
      }),
    ],
    shrink: kept.length,
    record: {
      container: search.distinguishedName,
      objectGUID: object.objectGUID,
      distinguishedName: object.distinguishedName,
      ...hostsOf(desired, [...wanted, ...frozen, ...kept], remembered.unseen),
      ...shrink.record,
    },
  };
}

/** Whether so many may go, and what is counted of it. */
function shrinkOf(
  { remembered, removals, maxRemoval, confirmed, record, annotated, asOf, ...search }: DesiredSearch,
  missing: readonly DirectoryObject[],
): { readonly held: Blocker | undefined; readonly record: Pick<SearchRecord, "removals" | "confirmedRemoval"> } {
  const of = removals?.of ?? remembered.size;
  const before = removals?.count ?? 0;
  const used =
    record?.confirmedRemoval !== undefined && record.confirmedRemoval === annotated ? { confirmedRemoval: record.confirmedRemoval } : {};
  const counted = removals ? { removals } : {};
  if (missing.length === 0) return { held: undefined, record: { ...counted, ...used } };
  if (confirmed?.count === missing.length) return { held: undefined, record: { confirmedRemoval: confirmed.text } };
  if (before + missing.length <= Math.max(FREE, Math.floor((of * maxRemoval) / 100))) {
    const since = removals?.since ?? timestamp(new Date(asOf));
    return { held: undefined, record: { removals: { since, count: before + missing.length, of }, ...used } };
  }
  const whole = { ...search, remembered, removals, maxRemoval, confirmed, record, annotated, asOf };
  return { held: shrinkHeld(whole, { missing, of, before }), record: { ...counted, ...used } };
}

/** In one order, so that a status that differs in nothing else is no news. */
function hostsOf({ grant }: DesiredFarm, computers: readonly DirectoryObject[], unseen: Remembered["unseen"]): Pick<SearchRecord, "hosts"> {
  const known = [...computers.map(({ objectGUID, objectSID }) => ({ guid: objectGUID, sid: objectSID })), ...unseen];
  const hosts = [...new Map(known.map((host) => [host.guid, host])).values()]
    .toSorted((one, other) => (one.guid < other.guid ? -1 : 1))
    .map(({ guid, sid }) => ({ objectGUID: guid, ...(grant === "Principals" && sid !== undefined ? { objectSID: sid } : {}) }));
  return hosts.length > 0 ? { hosts } : {};
}

/** Whom the search finds, after all entries. */
export function resolveSearch(to: Resolution): void {
  const has = (computers: ReadonlyMap<string, DirectoryObject>) => (computer: DirectoryObject) =>
    computers.has(dnKey(computer.distinguishedName));
  const named = new Map([...to.wanted, ...to.undecided]);
  const count = to.wanted.size;
  const found = foundHosts(to.looked, {
    isQuarantined: has(to.quarantined),
    quarantinedIds: new Set([...to.quarantined.values()].map(({ objectGUID }) => objectGUID)),
    isNamed: has(named),
  });
  if (!found) return;
  const { wanted, held, unseen, blockers, notes, shrink, record } = found;
  for (const computer of wanted) to.wanted.set(dnKey(computer.distinguishedName), computer);
  for (const { computer, isHost } of held) {
    const key = dnKey(computer.distinguishedName);
    if (to.wanted.has(key)) continue;
    to.undecided.set(key, computer);
    if (!isHost) to.notAllowed.add(key);
  }
  to.unseen.wanted.push(...unseen);
  // The first one gives the condition its reason. An entry that is not found must not hide a search that adds or removes nobody; a quarantine that keeps nobody out comes before both.
  const quarantines = to.blockers.filter(({ reason }) => reason === "QuarantineNotFound").length;
  to.blockers.splice(quarantines, 0, ...blockers);
  to.notes.push(...notes);
  to.searched = { named: count, held: shrink, record };
}
