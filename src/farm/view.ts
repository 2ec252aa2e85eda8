/** One farm at one look: desired and observed, and what follows from both. Computed once, and handed to every planner and to the status. */
import type { Blocker } from "../api/reasons.ts";
import { isGroup, type DirectoryObject } from "../ad/object.ts";
import { dnKey } from "../names/distinguished-name.ts";
import type { DesiredFarm, DesiredGroup, HostReference } from "./desired.ts";
import { HostIndex, type ObservedFarm } from "./queries.ts";
import { isAccessGroup, isAnothers, slotOfAccessGroup, slotOfAccount, slotOfHostGroup, type Slot } from "./slot.ts";

export interface FarmView {
  readonly desired: DesiredFarm;
  readonly observed: ObservedFarm;
  readonly account: Slot;
  readonly hostGroup: Slot;
  readonly accessGroups: readonly { readonly wanted: DesiredGroup; readonly slot: Slot }[];
  readonly hosts: ResolvedHosts;
}

export interface ResolvedHosts {
  /** By the keys of their distinguished names: the computers that should have the right. */
  readonly wanted: ReadonlyMap<string, DirectoryObject>;
  readonly quarantined: ReadonlyMap<string, DirectoryObject>;
  /** The computers that an ambiguous reference may mean: none of them is put in, and none is taken out. */
  readonly undecided: ReadonlyMap<string, DirectoryObject>;
  /** How many computers the farm asks for, found or not. */
  readonly desired: number;
  readonly blockers: readonly Blocker[];
}

export function viewOf(desired: DesiredFarm, observed: ObservedFarm): FarmView {
  return {
    desired,
    observed,
    account: slotOfAccount(desired, observed),
    hostGroup: slotOfHostGroup(desired, observed),
    accessGroups: desired.accessGroups.map((wanted) => ({ wanted, slot: slotOfAccessGroup(desired, observed, wanted) })),
    hosts: resolveHosts(desired, observed),
  };
}

/** The computers that the farm names; what cannot be found keeps only itself out. */
function resolveHosts(desired: DesiredFarm, { computers }: ObservedFarm): ResolvedHosts {
  const index = new HostIndex(computers);
  const blockers: Blocker[] = [];
  const quarantined = new Map<string, DirectoryObject>();
  for (const reference of desired.quarantined) {
    const found = index.find(reference);
    // A slip of the pen must not leave a compromised host in.
    if (found.length === 0) blockers.push(quarantinedNotFound(reference));
    // Of several that may be meant, all are kept out: too few is safer than one too many.
    for (const computer of found) quarantined.set(dnKey(computer.distinguishedName), computer);
  }
  const wanted = new Map<string, DirectoryObject>();
  const undecided = new Map<string, DirectoryObject>();
  for (const reference of desired.hosts) {
    const found = index.find(reference);
    const [computer] = found;
    if (!computer) blockers.push(hostNotFound(reference));
    else if (found.length > 1) {
      blockers.push(hostAmbiguous(reference, found));
      for (const candidate of found) undecided.set(dnKey(candidate.distinguishedName), candidate);
    } else if (!quarantined.has(dnKey(computer.distinguishedName))) wanted.set(dnKey(computer.distinguishedName), computer);
  }
  for (const key of quarantined.keys()) undecided.delete(key);
  const unresolved = [...blockers, ...desired.invalid].filter(({ computer }) => computer !== undefined).length;
  return { wanted, quarantined, undecided, desired: wanted.size + unresolved, blockers };
}

/** Groups of the farm's own that are, or were, its host group. */
export function ownHostGroups({ desired, observed }: FarmView): readonly DirectoryObject[] {
  return observed.objects.filter(
    (object) => isGroup(object) && object.owner === desired.owner && object.protection === undefined && !isAccessGroup(desired, object),
  );
}

/** Groups of somebody else that the farm put hosts into, and those that it says it uses now. */
export function externalHostGroups({ desired, observed, hostGroup }: FarmView): readonly DirectoryObject[] {
  const { journal, owner } = desired;
  const remembered = new Set(journal.hostGroups.filter(({ added }) => added.length > 0).map(({ objectGUID }) => objectGUID));
  const used = hostGroup.kind === "External" ? hostGroup.object : undefined;
  return observed.objects.filter(
    (object) =>
      object === used ||
      (remembered.has(object.objectGUID) &&
        isGroup(object) &&
        object.protection === undefined &&
        object.owner !== owner &&
        !isAnothers(object, desired)),
  );
}

/** The members of a group of somebody else that this farm put in, by the keys of their distinguished names. */
export function addedMembers(view: FarmView, group: DirectoryObject): ReadonlyMap<string, DirectoryObject> {
  const { desired, observed } = view;
  const remembered = desired.journal.hostGroups.find(({ objectGUID }) => objectGUID === group.objectGUID);
  // A group that was the farm's own until a moment ago: whoever is in it the farm has put in.
  const all = !remembered && group.owner === desired.owner;
  if (!all && !remembered) return new Map();
  const isIn = membership(view, group);
  const added = new Set(remembered?.added);
  return new Map(
    observed.computers
      .filter((computer) => (all || added.has(computer.objectGUID)) && isIn(computer))
      .map((computer) => [dnKey(computer.distinguishedName), computer] as const),
  );
}

/** Whether one of the farm's computers is a direct member of a host group: of the farm's own all members are known, of others only its own computers. */
export function membership(
  { desired, observed }: Pick<FarmView, "desired" | "observed">,
  group: DirectoryObject,
): (computer: DirectoryObject) => boolean {
  if (group.owner !== desired.owner) {
    const members = observed.membersAmong.get(group.objectGUID);
    return ({ objectGUID }) => members?.has(objectGUID) === true;
  }
  const members = new Set(group.members.map(dnKey));
  return ({ distinguishedName }) => members.has(dnKey(distinguishedName));
}

/** Whether an object is a direct member of a group: asked of its own memberOf, since a group may have very many members. */
export function groupsOf({ memberOf }: Pick<DirectoryObject, "memberOf">): (group: DirectoryObject) => boolean {
  const keys = new Set(memberOf.map(dnKey));
  return ({ distinguishedName }) => keys.has(dnKey(distinguishedName));
}

function hostNotFound({ text, by, value }: HostReference): Blocker {
  return {
    reason: "HostNotFound",
    part: "Hosts",
    computer: text,
    message: `no computer has the ${by} ${value}: join it to the domain, or correct hosts.computers; it is granted by itself once it exists.`,
  };
}

function quarantinedNotFound({ text, by, value }: HostReference): Blocker {
  return {
    reason: "HostNotFound",
    part: "Hosts",
    message: `hosts.quarantined: no computer has the ${by} ${value}, so ${text} keeps nobody out: correct it, or remove it if the computer is gone.`,
  };
}

function hostAmbiguous({ text, by, value }: HostReference, found: readonly DirectoryObject[]): Blocker {
  const names = found.map(({ distinguishedName }) => distinguishedName).join("; ");
  return {
    reason: "HostAmbiguous",
    part: "Hosts",
    computer: text,
    message: `${found.length} computers have the ${by} ${value} (${names}), so none is granted or removed: name the right one in hosts.computers by its distinguished name.`,
  };
}
