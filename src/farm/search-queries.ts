/** What has to be looked up for hosts.search: the container as an object, and the computers below it. */
import { DirectoryError } from "../ad/error.ts";
import type { Look } from "../ad/lookup.ts";
import { type DirectoryObject, isAccount, isComputer, isGroup } from "../ad/object.ts";
import { dnKey, keysUpwards, parentDn } from "../names/distinguished-name.ts";
import { keyBelow, lookupKey } from "../names/identifier.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { DesiredSearch } from "./desired-search.ts";
import { ask, byDn, byGuid, isOwnGroup } from "./name-queries.ts";
import type { ObservedFarm } from "./observed.ts";
import type { ObservedSearch, SearchedContainer } from "./observed-search.ts";

export function* lookForSearch(search: DesiredSearch): Look<ObservedSearch> {
  const { distinguishedName, pinned, record, problem } = search;
  if (problem !== undefined) return { container: { kind: "Invalid", problem }, around: [], found: undefined, failure: undefined };
  const known = record?.distinguishedName ?? distinguishedName;
  const outer = [...new Set([...containersOf(distinguishedName), ...containersOf(known)])];
  const objects = yield* ask(
    [byDn(distinguishedName), ...(pinned === undefined ? [] : [byGuid({ objectGUID: pinned })]), ...outer.map(byDn)],
    "Objects",
  );
  const container = containerOf(search, objects);
  const above = objects.filter((object) => !("object" in container) || object.objectGUID !== container.object.objectGUID);
  if (container.kind !== "Known") return { container, around: above, found: undefined, failure: undefined };
  try {
    const below = { container: container.object.objectGUID, names: search.names };
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const [found = []] = yield [{ lookups: [], among: "Computers", below }];
      const names = innerContainers(found, container.object);
      const inner = yield* ask(names.map(byDn), "Objects");
      // Whoever is in a container that was moved meanwhile was seen where it is not any more, or not seen at all.
      if (inner.length === names.length) return { container, around: [...above, ...inner], found, failure: undefined };
    }
    return { container, around: above, found: undefined, failure: "containers below it were moved while it was searched" };
  } catch (error) {
    // All else of the farm goes on; most of all, who is quarantined is taken out.
    if (!(error instanceof DirectoryError) || error.fatal) throw error;
    return { container, around: above, found: undefined, failure: error.message };
  }
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
