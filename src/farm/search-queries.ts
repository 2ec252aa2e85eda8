/** What has to be looked up for hosts.search: the container as an object, and the computers below it. */
import { DirectoryError } from "../ad/error.ts";
import type { Look } from "../ad/lookup.ts";
import type { Granted } from "../api/permission.ts";
import { type DirectoryObject, isAccount, isComputer, isGroup } from "../ad/object.ts";
import { dnKey, keysUpwards, parentDn } from "../names/distinguished-name.ts";
import { keyBelow, lookupKey } from "../names/identifier.ts";
import { allowedHosts } from "./allowed-hosts.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { DesiredSearch } from "./desired-search.ts";
import { narrow } from "./found-computers.ts";
import { ask, byDn, byGuid, isOwnGroup } from "./name-queries.ts";
import type { ObservedFarm } from "./observed.ts";
import type { ObservedSearch, SearchedContainer } from "./observed-search.ts";

/** Of those whom a search finds only those are kept who may be hosts. `objects`: what the farm has in the directory. */
export function* lookForFound(desired: DesiredFarm, search: DesiredSearch, objects: readonly DirectoryObject[]): Look<ObservedSearch> {
  const observed = yield* lookForSearch(search, desired.granted);
  const { container, found } = observed;
  return container.kind === "Known" && found ? { ...observed, ...narrow(desired, search, container.object, { objects, found }) } : observed;
}

/** At least so many computers are read below a container, and of those that it may find so many times `max`. */
const [READ, TIMES] = [2000, 4];

/** `granted`: what the farm's tenant allows it. */
export function* lookForSearch(search: DesiredSearch, granted?: Granted): Look<ObservedSearch> {
  if (search.problem !== undefined) return nothing({ kind: "Invalid", problem: search.problem });
  const atMost = Math.max(READ, TIMES * search.max);
  for (let attempt = 1; ; attempt++) {
    const { container, around } = yield* lookForContainer(search, granted);
    if (container.kind !== "Known") return nothing(container, around);
    if (attempt > ATTEMPTS) return { ...nothing(container, around), failure: "containers were moved while it was searched" };
    try {
      const below = { container: container.object.objectGUID, names: search.names, atMost };
      const [found = []] = yield [{ lookups: [], among: "Computers", below }];
      const names = innerContainers(found, container.object);
      const there = yield* ask([byGuid(container.object), ...names.map(byDn)], "Objects");
      const inner = there.filter(({ objectGUID }) => objectGUID !== container.object.objectGUID);
      const isSame = there.some((object) => isSameContainer(object, container.object));
      // Whoever is in a container that was moved meanwhile was seen where it is not any more, or not seen at all.
      if (isSame && inner.length === names.length) return { container, around: [...around, ...inner], found, failure: undefined };
    } catch (error) {
      // All else of the farm goes on; most of all, who is quarantined is taken out.
      if (!(error instanceof DirectoryError) || error.fatal) throw error;
      if (error.kind === "TooMany") return { ...nothing(container, around), moreThan: atMost };
      return { ...nothing(container, around), failure: error.message };
    }
  }
}

function nothing(container: SearchedContainer, around: readonly DirectoryObject[] = []): ObservedSearch {
  return { container, around, found: undefined, failure: undefined };
}

function isSameContainer(one: DirectoryObject, other: DirectoryObject): boolean {
  return one.objectGUID === other.objectGUID && dnKey(one.distinguishedName) === dnKey(other.distinguishedName);
}

/** The container, and those that it is in. */
function* lookForContainer(
  search: DesiredSearch,
  granted: Granted | undefined,
): Look<{ readonly container: SearchedContainer; readonly around: readonly DirectoryObject[] }> {
  const { distinguishedName, pinned, record } = search;
  const known = record?.distinguishedName ?? distinguishedName;
  const outer = [...new Set([...containersOf(distinguishedName), ...containersOf(known)])];
  const objects = yield* ask(
    [byDn(distinguishedName), ...(pinned === undefined ? [] : [byGuid({ objectGUID: pinned })]), ...outer.map(byDn)],
    "Objects",
  );
  const container = containerOf(search, objects);
  const around = objects.filter((object) => !("object" in container) || object.objectGUID !== container.object.objectGUID);
  const isElsewhere = container.kind === "Known" && granted && !allowedHosts(granted)(container.object);
  return { container: isElsewhere ? { kind: "NotAllowed", object: container.object } : container, around };
}

function containerOf(search: DesiredSearch, objects: readonly DirectoryObject[]): SearchedContainer {
  const { distinguishedName, pinned, accepted } = search;
  const named = objects.find((object) => dnKey(object.distinguishedName) === dnKey(distinguishedName));
  const before = objects.find(({ objectGUID }) => objectGUID === pinned);
  const isMeant = pinned === undefined || named?.objectGUID === pinned || named?.objectGUID === accepted;
  if (named && !isMeant) return { kind: "Replaced", object: named, before };
  const object = named ?? before;
  if (!object) return { kind: "Missing" };
  return isRefused(search, object) ? { kind: "Refused", object } : { kind: "Known", object, moved: !named };
}

/** By where it is now. What is no container has nobody below it. */
function isRefused({ refused }: DesiredSearch, object: DirectoryObject): boolean {
  const key = dnKey(object.distinguishedName);
  const isOver = refused.some((dn) => keysUpwards(dn).includes(key));
  return isOver || /(^|,)ou=domain controllers,dc=/.test(key) || isComputer(object) || isAccount(object) || isGroup(object);
}

/** Those that a container is in, but for the domain itself: distinguished names. */
function containersOf(dn: string): readonly string[] {
  const parent = parentDn(dn);
  return parent === dn || /^ *dc *=/i.test(parent) ? [] : [parent, ...containersOf(parent)];
}

const ATTEMPTS = 3;

/**
 * Whether members are called as none of the computers is that were seen a moment ago: then computers were moved since, each is known by its former name, and
 * all would seem to be strangers in the group.
 */
export function isOutdated(desired: DesiredFarm, { objects, computers }: ObservedFarm): boolean {
  if (!desired.search) return false;
  const known = new Set(computers.map(({ distinguishedName }) => dnKey(distinguishedName)));
  return objects.some((object) => isOwnGroup(desired, object) && object.members.some((member) => !known.has(dnKey(member))));
}

/** As many containers below the one are followed: in more, what is moved as a whole is noticed at the next resync. */
const INNER = 100;

/** Those below the one that the computers are in: who moves such a container changes none of its computers. */
function innerContainers(found: readonly DirectoryObject[], { distinguishedName }: DirectoryObject): readonly string[] {
  const inner = new Set<string>();
  for (const computer of found) {
    for (let dn = parentDn(computer.distinguishedName); dn.length > distinguishedName.length && !inner.has(dn); dn = parentDn(dn))
      if (inner.add(dn).size >= INNER) return [...inner];
  }
  return [...inner];
}

/** By what a change in the directory is known to concern the search. */
export function searchKeys({ distinguishedName, pinned }: DesiredSearch, observed: ObservedSearch | undefined): readonly string[] {
  const { container, around = [] } = observed ?? {};
  const objects = [...around, ...(container && "object" in container ? [container.object] : [])];
  const names = [distinguishedName, ...(container?.kind === "Known" ? [container.object.distinguishedName] : [])];
  const guids = new Set([...(pinned === undefined ? [] : [pinned]), ...objects.map(({ objectGUID }) => objectGUID)]);
  return [
    ...names.flatMap((name) => [lookupKey("distinguishedName", name), keyBelow(dnKey(name))]),
    ...[...guids].map((guid) => lookupKey("objectGUID", guid)),
  ];
}
