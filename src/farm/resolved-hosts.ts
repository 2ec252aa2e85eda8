/** The computers that a farm's entries mean, and what of them each is to get. */
import type { Blocker } from "../api/reasons.ts";
import { isTrusted, type DirectoryObject } from "../ad/object.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { keysOfHost } from "../names/identifier.ts";
import { allowedHosts } from "./allowed-hosts.ts";
import type { DesiredFarm, HostReference, ResolvedHost } from "./desired-farm.ts";
import { type Looked, primaryStrangers } from "./host-groups.ts";
import {
  hostAmbiguous,
  hostNotAllowed,
  hostNotFound,
  type HostNote,
  hostNotTrusted,
  movedNote,
  primaryNote,
  quarantineNotFound,
} from "./host-messages.ts";
import { HostIndex } from "./queries.ts";

export interface ResolvedHosts {
  /** By the keys of their distinguished names: the computers that should have the right. */
  readonly wanted: ReadonlyMap<string, DirectoryObject>;
  readonly quarantined: ReadonlyMap<string, DirectoryObject>;
  /** The computers that an ambiguous reference may mean, and those that the tenant does not allow: none of them is put in, and none is taken out. */
  readonly undecided: ReadonlyMap<string, DirectoryObject>;
  /** Of these the keys of those that the tenant does not allow: they are no hosts of the farm. */
  readonly notAllowed: ReadonlySet<string>;
  /** Computers that entries meant which the manifest does not have any more: they lose the right, whatever else may not be changed. */
  readonly departed: ReadonlyMap<string, DirectoryObject>;
  /** SIDs of computers that entries meant before and that are not seen now, though not known to be deleted: wanted ones keep the right, others stay out. */
  readonly unseen: { readonly wanted: readonly string[]; readonly quarantined: readonly string[] };
  /** Members of host groups by their primary group that should not have the right: nobody can take them out, so they are kept out by name. */
  readonly primaryStrangers: readonly DirectoryObject[];
  /** How many computers the farm asks for, found or not. */
  readonly desired: number;
  readonly blockers: readonly Blocker[];
  /** What somebody should know, though it keeps nothing from being done. */
  readonly notes: readonly HostNote[];
  /** What each entry means, as it is to be remembered. */
  readonly records: readonly HostRecord[];
}

export interface HostRecord extends ResolvedHost {
  /** The entry's text. */
  readonly reference: string;
}

/** The computers that the farm names; what cannot be found keeps only itself out. */
export function resolveHosts(looked: Looked): ResolvedHosts {
  const { desired } = looked;
  const resolver = new Resolver(looked);
  for (const reference of desired.quarantined) resolver.quarantine(reference);
  for (const reference of desired.hosts) resolver.want(reference);
  return resolver.result();
}

/** An entry means the object that it was first resolved to, and not whoever has its name today; quarantined entries go first and win. */
class Resolver {
  readonly #looked: Looked;
  readonly #desired: DesiredFarm;
  readonly #index: HostIndex;
  readonly #byId: ReadonlyMap<string, DirectoryObject>;
  readonly #gone: ReadonlySet<string>;
  readonly #wanted = new Map<string, DirectoryObject>();
  readonly #quarantined = new Map<string, DirectoryObject>();
  readonly #undecided = new Map<string, DirectoryObject>();
  readonly #notAllowed = new Set<string>();
  readonly #unseen = { wanted: new Array<string>(), quarantined: new Array<string>() };
  readonly #blockers: Blocker[] = [];
  readonly #notes: HostNote[] = [];
  /** By reference and objectGUID: both lists may have the same entry. */
  readonly #records = new Map<string, HostRecord>();
  /** Entries that nobody gets the right by. */
  #unresolved = 0;

  readonly #isTrusted = (computer: DirectoryObject): boolean => isTrusted(this.#desired, computer);
  readonly #isAllowed: (computer: DirectoryObject) => boolean;
  readonly #isEligible = (computer: DirectoryObject): boolean => this.#isTrusted(computer) && this.#isAllowed(computer);

  constructor(looked: Looked) {
    const { desired, observed } = looked;
    this.#looked = looked;
    this.#desired = desired;
    this.#isAllowed = allowedHosts(desired.granted);
    this.#index = new HostIndex(observed.computers);
    this.#gone = new Set(observed.gone);
    this.#byId = new Map(observed.computers.map((computer) => [computer.objectGUID, computer]));
  }

  /** Whoever has the name and whoever had it are kept out: too few hosts are safer than one too many. */
  quarantine(reference: HostReference): void {
    const found = this.#index.find(reference);
    const remembered = this.#desired.resolved.get(reference.text) ?? [];
    const before = this.#seen(remembered);
    for (const computer of [...found, ...before]) this.#quarantined.set(dnKey(computer.distinguishedName), computer);
    this.#remember(reference, [...remembered, ...found]);
    this.#unseen.quarantined.push(...this.#unseenSids(remembered));
    // A slip of the pen must not leave a compromised host in; one that is deleted needs no keeping out.
    if (found.length === 0 && remembered.length === 0) this.#blockers.push(quarantineNotFound(reference));
    else if (found.length === 0 && before[0]) this.#notes.push(movedNote("hosts.quarantined", reference, before[0]));
  }

  want(reference: HostReference): void {
    const named = this.#index.find(reference);
    // Whoever is not trusted, or not allowed, and took the name does not make it ambiguous, either.
    const found = named.some(this.#isEligible) ? named.filter(this.#isEligible) : named;
    const remembered = (this.#desired.resolved.get(reference.text) ?? []).filter(({ objectGUID }) => !this.#gone.has(objectGUID));
    const [before] = this.#seen(remembered);
    const candidate = found[0] ?? before;
    if (found.length > 1 || !candidate) {
      this.#unresolved++;
      this.#remember(reference, remembered);
      if (candidate) this.#leaveUndecided(reference, found, before);
      else this.#blockers.push(hostNotFound(reference));
      this.#unseen.wanted.push(...this.#unseenSids(remembered));
      return;
    }
    // Whoever has the name today and may not be a host gets nothing; whoever it meant before keeps what it had.
    const accepted = [candidate, before].find((one) => one !== undefined && this.#isEligible(one));
    if (!this.#isTrusted(candidate)) this.#blockers.push(hostNotTrusted(reference, candidate));
    else if (!this.#isAllowed(candidate)) this.#refuse(reference, candidate);
    this.#remember(reference, accepted === candidate ? [candidate] : remembered);
    if (!accepted) this.#unresolved++;
    else if (!this.#quarantined.has(dnKey(accepted.distinguishedName))) this.#wanted.set(dnKey(accepted.distinguishedName), accepted);
    if (found.length === 0 && accepted) this.#notes.push(movedNote("hosts.computers", reference, accepted));
  }

  /** What it has it keeps: a computer that is moved, or a tenant that is allowed less, must not be an outage. */
  #refuse(reference: HostReference, computer: DirectoryObject): void {
    const { granted } = this.#desired;
    if (granted) this.#blockers.push(hostNotAllowed(reference, granted));
    this.#hold(computer);
  }

  #hold(computer: DirectoryObject): void {
    const key = dnKey(computer.distinguishedName);
    this.#undecided.set(key, computer);
    if (!this.#isAllowed(computer)) this.#notAllowed.add(key);
  }

  /** Whom the entry meant before is not taken out either: that others claim its former name takes nothing from it. */
  #leaveUndecided(reference: HostReference, found: readonly DirectoryObject[], before: DirectoryObject | undefined): void {
    this.#blockers.push(hostAmbiguous(reference, found));
    const candidates = before ? [...found, before] : found;
    for (const one of candidates.filter(this.#isTrusted)) this.#hold(one);
  }

  result(): ResolvedHosts {
    for (const key of this.#quarantined.keys()) this.#undecided.delete(key);
    const [wanted, quarantined, undecided] = [this.#wanted, this.#quarantined, this.#undecided];
    const invalid = this.#desired.invalid.filter(({ computer }) => computer !== undefined).length;
    const stays = (key: string): boolean => wanted.has(key) || undecided.has(key);
    const strangers = primaryStrangers(this.#looked, stays);
    return {
      wanted,
      quarantined,
      undecided,
      notAllowed: this.#notAllowed,
      departed: this.#departed(),
      unseen: this.#unseen,
      primaryStrangers: strangers.map(({ object }) => object),
      desired: wanted.size + this.#unresolved + invalid,
      blockers: this.#blockers,
      notes: [...this.#notes, ...strangers.map(({ object, group }) => primaryNote(object, group))],
      records: [...this.#records.values()],
    };
  }

  #departed(): ReadonlyMap<string, DirectoryObject> {
    const { objectGUIDs, unlessNamed } = this.#desired.departed;
    const computers = objectGUIDs.flatMap((objectGUID) => this.#byId.get(objectGUID) ?? []);
    const entries = computers.map((computer) => [dnKey(computer.distinguishedName), computer] as const);
    const isOut = ([key, computer]: (typeof entries)[number]): boolean =>
      !this.#quarantined.has(key) && !keysOfHost(computer).some((name) => unlessNamed.has(name));
    return new Map(entries.filter(isOut));
  }

  #seen(remembered: readonly ResolvedHost[]): readonly DirectoryObject[] {
    return remembered.flatMap(({ objectGUID }) => this.#byId.get(objectGUID) ?? []);
  }

  #unseenSids(remembered: readonly ResolvedHost[]): readonly string[] {
    const unseen = remembered.filter(({ objectGUID }) => !this.#byId.has(objectGUID) && !this.#gone.has(objectGUID));
    return unseen.flatMap(({ objectSID }) => objectSID ?? []);
  }

  #remember({ text }: HostReference, hosts: readonly { readonly objectGUID: string; readonly objectSID?: string | undefined }[]): void {
    for (const [objectGUID, objectSID] of new Map(hosts.map((host) => [host.objectGUID, host.objectSID]))) {
      this.#records.set(`${text}\n${objectGUID}`, { reference: text, objectGUID, ...(objectSID === undefined ? {} : { objectSID }) });
    }
  }
}
