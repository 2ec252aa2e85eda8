/** One farm at one look: desired and observed, and what follows from both. Computed once, and handed to every planner and to the status. */
import { HostIndex, isComputer, isGroup, isPrimaryGroup, isTrusted, type DirectoryObject } from "../ad/object.ts";
import type { Blocker } from "../api/reasons.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { allowedHosts } from "./allowed-hosts.ts";
import type { DesiredFarm, DesiredGroup, HostReference, ResolvedHost } from "./desired-farm.ts";
import { rememberFormer } from "./former-users.ts";
import { departedHosts } from "./frozen.ts";
import { resolveHostAccount, usersMeant } from "./host-account.ts";
import * as say from "./host-messages.ts";
import { resolveSearch } from "./host-search.ts";
import type { HostRecord, Identified, Looked, PrimaryStranger, Resolution, ResolvedHosts } from "./looked.ts";
import type { ObservedFarm } from "./observed.ts";
import { hasUsers, membership } from "./queries.ts";
import { othersWanting } from "./sharing.ts";
import { isAccessGroup, type Slot, slotOfAccessGroup, slotOfAccount, slotOfHostGroup, isAnothers } from "./slot.ts";

export interface FarmView extends Looked {
  readonly accessGroups: readonly { readonly wanted: DesiredGroup; readonly slot: Slot }[];
  readonly hosts: ResolvedHosts;
}

export function viewOf(desired: DesiredFarm, observed: ObservedFarm): FarmView {
  const looked = { desired, observed, account: slotOfAccount(desired, observed), hostGroup: slotOfHostGroup(desired, observed) };
  return {
    ...looked,
    accessGroups: desired.accessGroups.map((wanted) => ({ wanted, slot: slotOfAccessGroup(desired, observed, wanted) })),
    hosts: resolveHosts(looked),
  };
}

/** The computers that the farm names; what cannot be found keeps only itself out. */
function resolveHosts(looked: Looked): ResolvedHosts {
  const { desired } = looked;
  const resolver = new Resolver(looked);
  for (const reference of desired.quarantined) resolver.quarantine(reference);
  for (const reference of desired.hosts) resolver.want(reference);
  if (desired.hostAccount) resolveHostAccount(resolver, desired.hostAccount);
  if (hasUsers(desired)) rememberFormer(resolver);
  // After all entries: who is quarantined is so whatever finds it.
  if (desired.search) resolveSearch(resolver);
  return resolver.result((stays) => primaryStrangers(looked, stays));
}

/** An entry means the object that it was first resolved to, and not whoever has its name today; quarantined entries go first and win, and may mean users. */
class Resolver implements Resolution {
  readonly looked: Looked;
  readonly #desired: DesiredFarm;
  readonly #index: HostIndex;
  readonly #users: readonly DirectoryObject[];
  readonly #byId: ReadonlyMap<string, DirectoryObject>;
  readonly #gone: ReadonlySet<string>;
  readonly wanted = new Map<string, DirectoryObject>();
  readonly quarantined = new Map<string, DirectoryObject>();
  readonly undecided = new Map<string, DirectoryObject>();
  readonly notAllowed = new Set<string>();
  readonly unseen = { wanted: new Array<string>(), quarantined: new Array<string>() };
  readonly blockers: Blocker[] = [];
  readonly notes: say.HostNote[] = [];
  /** By reference and objectGUID: both lists may have the same entry. */
  readonly #records = new Map<string, HostRecord>();
  /** Entries that nobody gets the right by. */
  unresolved = 0;
  searched: ResolvedHosts["search"];

  readonly #isTrusted = (computer: DirectoryObject): boolean => isTrusted(this.#desired, computer);
  readonly isAllowed: Resolution["isAllowed"];
  readonly #isEligible = (computer: DirectoryObject): boolean => this.#isTrusted(computer) && this.isAllowed(computer);

  constructor(looked: Looked) {
    const { desired, observed } = looked;
    this.looked = looked;
    this.#desired = desired;
    this.isAllowed = desired.granted ? allowedHosts(desired.granted) : () => true;
    this.#index = new HostIndex(observed.computers.filter(isComputer));
    this.#users = observed.computers.filter((one) => !isComputer(one));
    this.#gone = new Set(observed.gone);
    this.#byId = new Map(observed.computers.map((computer) => [computer.objectGUID, computer]));
  }

  /** Whoever has the name and whoever had it are kept out: too few hosts are safer than one too many. */
  quarantine(reference: HostReference): void {
    const found = [...this.#index.find(reference), ...usersMeant(reference, this.#users)];
    const remembered = this.#desired.resolved.get(reference.text) ?? [];
    const before = this.seen(remembered);
    for (const computer of [...found, ...before]) this.quarantined.set(dnKey(computer.distinguishedName), computer);
    this.remember(reference, [...remembered, ...found]);
    this.unseen.quarantined.push(...this.unseenSids(remembered));
    // A slip of the pen must not leave a compromised host in; one that is deleted needs no keeping out.
    if (found.length === 0 && remembered.length === 0) this.blockers.push(say.quarantineNotFound(reference));
    else if (found.length === 0 && before[0]) this.notes.push(say.movedNote("hosts.quarantined", reference, before[0]));
  }

  want(reference: HostReference): void {
    const named = this.#index.find(reference);
    // Whoever is not trusted, or not allowed, and took the name does not make it ambiguous, either.
    const found = named.some(this.#isEligible) ? named.filter(this.#isEligible) : named;
    const all = this.#desired.resolved.get(reference.text) ?? [];
    const remembered = all.filter(({ objectGUID }) => !this.#gone.has(objectGUID));
    const [before] = this.seen(remembered).filter(isComputer);
    // Only a quarantine remembers several: whoever had the name then. It is not known which of them the entry meant.
    const isClear = all.length <= 1;
    const kept = isClear ? remembered : all;
    const candidate = found[0] ?? (isClear ? before : undefined);
    if (found.length > 1 || !candidate) {
      this.unresolved++;
      this.remember(reference, kept);
      this.blockers.push(found.length > 1 ? say.hostAmbiguous(reference, found) : say.hostNotFound(reference));
      this.#leave(found, remembered);
      return;
    }
    // Whoever has the name today and may not be a host gets nothing; whoever it meant before keeps what it had.
    const accepted = [candidate, isClear ? before : undefined].find((one) => one !== undefined && this.#isEligible(one));
    if (!accepted) this.#leave([], remembered);
    if (!this.isAllowed(candidate)) this.#refuse(reference, candidate);
    else if (!this.#isTrusted(candidate)) this.blockers.push(say.hostNotTrusted(reference, candidate));
    this.remember(reference, accepted === candidate ? [candidate] : kept);
    if (!accepted) this.unresolved++;
    else if (!this.quarantined.has(dnKey(accepted.distinguishedName))) this.wanted.set(dnKey(accepted.distinguishedName), accepted);
    if (found.length === 0 && accepted) this.notes.push(say.movedNote("hosts.computers", reference, accepted));
  }

  /** Nothing else is said of it. What it has it keeps: a computer that is moved, or a tenant that is allowed less, must not be an outage. */
  #refuse(reference: HostReference, computer: DirectoryObject): void {
    const { granted } = this.#desired;
    if (granted) this.blockers.push(say.hostNotAllowed(reference, granted));
    if (this.#isTrusted(computer)) this.hold(computer);
  }

  hold(computer: DirectoryObject): void {
    const key = dnKey(computer.distinguishedName);
    this.undecided.set(key, computer);
    if (!this.isAllowed(computer)) this.notAllowed.add(key);
  }

  /** Nor is whom the entry may have meant before taken out: that others claim its former name takes nothing from it. */
  #leave(found: readonly DirectoryObject[], remembered: readonly ResolvedHost[]): void {
    for (const one of [...found, ...this.seen(remembered).filter(isComputer)].filter(this.#isTrusted)) this.hold(one);
    this.unseen.wanted.push(...this.unseenSids(remembered));
  }

  /** `strangersOf`: given who keeps the right, by the keys of their distinguished names, those who have it by a primary group and should not. */
  result(strangersOf: (stays: (key: string) => boolean) => readonly PrimaryStranger[]): ResolvedHosts {
    for (const key of this.quarantined.keys()) this.undecided.delete(key);
    const [wanted, quarantined, undecided] = [this.wanted, this.quarantined, this.undecided];
    const strangers = strangersOf((key) => wanted.has(key) || undecided.has(key));
    return {
      wanted,
      quarantined,
      undecided,
      notAllowed: this.notAllowed,
      departed: this.#desired.departed.objectGUIDs.length > 0 ? departedHosts(this) : new Map(),
      unseen: this.unseen,
      primaryStrangers: strangers.map(({ object }) => object),
      desired: wanted.size + this.unresolved + this.#desired.invalid.filter(({ computer }) => computer !== undefined).length,
      blockers: this.blockers,
      notes: [...this.notes, ...strangers.map(({ object, group }) => say.primaryNote(object, group))],
      records: [...this.#records.values()],
      search: this.searched,
    };
  }

  seen(remembered: readonly ResolvedHost[]): readonly DirectoryObject[] {
    return remembered.flatMap(({ objectGUID }) => this.#byId.get(objectGUID) ?? []);
  }

  unseenSids(remembered: readonly ResolvedHost[]): readonly string[] {
    const unseen = remembered.filter(({ objectGUID }) => !this.#byId.has(objectGUID) && !this.#gone.has(objectGUID));
    return unseen.flatMap(({ objectSID }) => objectSID ?? []);
  }

  remember({ text }: { readonly text: string }, hosts: readonly Identified[]): void {
    for (const { objectGUID, objectSID } of hosts) {
      this.#records.set(`${text}\n${objectGUID}`, { reference: text, objectGUID, ...(objectSID === undefined ? {} : { objectSID }) });
    }
  }

  isRemembered({ text }: { readonly text: string }, { objectGUID }: Identified): boolean {
    return this.#records.has(`${text}\n${objectGUID}`);
  }
}

/** Groups of the farm's own that are, or were, its host group. */
export function ownHostGroups({ desired, observed }: Pick<Looked, "desired" | "observed">): readonly DirectoryObject[] {
  return observed.objects.filter(
    (object) => isGroup(object) && object.owner === desired.owner && object.protection === undefined && !isAccessGroup(desired, object),
  );
}

/** Groups of somebody else that the farm put hosts into, and those that it says it uses now. */
export function externalHostGroups({
  desired,
  observed,
  hostGroup,
}: Pick<Looked, "desired" | "observed" | "hostGroup">): readonly DirectoryObject[] {
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
export function addedMembers(view: Pick<Looked, "desired" | "observed">, group: DirectoryObject): ReadonlyMap<string, DirectoryObject> {
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

/** In groups of the farm's own whoever should not be in; in groups of somebody else whom this farm put in. `stays`: keys of those who keep the right. */
export function primaryStrangers(view: Looked, stays: (key: string) => boolean): readonly PrimaryStranger[] {
  const { desired, observed } = view;
  const isOut = ({ distinguishedName }: DirectoryObject): boolean => !stays(dnKey(distinguishedName));
  const own = observed.primaryMembers.filter(isOut).flatMap((object): readonly PrimaryStranger[] => {
    const group = observed.objects.find((one) => isGroup(one) && one.owner === desired.owner && isPrimaryGroup(one, object));
    return group ? [{ object, group }] : [];
  });
  const external = externalHostGroups(view).filter((group) => group.owner !== desired.owner && mayGiveRight(view, group));
  const others = external.flatMap((group): readonly PrimaryStranger[] => {
    if (!observed.computers.some((computer) => isPrimaryGroup(group, computer))) return [];
    const added = [...addedMembers(view, group).values()];
    const wanting = othersWanting(desired, group, added);
    return added
      .filter((object) => isPrimaryGroup(group, object) && isOut(object) && wanting(object).length === 0)
      .map((object) => ({ object, group }));
  });
  return [...own, ...others];
}

/** Whether the account's list names the group, or will. */
function mayGiveRight({ account, hostGroup }: Looked, { objectGUID, objectSID = "" }: DirectoryObject): boolean {
  const used = hostGroup.kind === "External" && hostGroup.object.objectGUID === objectGUID;
  return used || (account.kind === "Own" && account.object.retrievers?.principals.includes(objectSID) === true);
}
