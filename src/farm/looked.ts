/** One farm at one look, as values: what is known before the hosts are, and which computers are meant. */
import type { DirectoryObject } from "../ad/object.ts";
import type { Blocker } from "../api/reasons.ts";
import type { DesiredFarm, ResolvedHost } from "./desired-farm.ts";
import type { SearchRecord } from "./desired-search.ts";
import type { HostNote } from "./host-messages.ts";
import type { ObservedFarm } from "./observed.ts";
import type { Slot } from "./slot.ts";

/** What is known before the hosts are. */
export interface Looked {
  readonly desired: DesiredFarm;
  readonly observed: ObservedFarm;
  readonly account: Slot;
  readonly hostGroup: Slot;
}

export interface ResolvedHosts {
  /** By the keys of their distinguished names: the computers that should have the right. */
  readonly wanted: ReadonlyMap<string, DirectoryObject>;
  readonly quarantined: ReadonlyMap<string, DirectoryObject>;
  /** The computers that an ambiguous reference may mean, those that the tenant does not allow, and those that the search may not decide on: none of them is put in, and none is taken out. */
  readonly undecided: ReadonlyMap<string, DirectoryObject>;
  /** Of these the keys of those that are no hosts of the farm: the tenant does not allow them, or they are too many. */
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
  /** With hosts.search only. `named`: how many of the wanted hosts.computers has. `held`: how many are not found any more and keep the right. */
  readonly search: { readonly named: number; readonly held: number; readonly record: SearchRecord } | undefined;
}

/** The hosts while they are resolved: entries, then the user for Pods, then what a search finds. Maps are by the keys of distinguished names. */
export interface Resolution {
  readonly looked: Looked;
  readonly wanted: Map<string, DirectoryObject>;
  readonly quarantined: ReadonlyMap<string, DirectoryObject>;
  readonly undecided: Map<string, DirectoryObject>;
  readonly notAllowed: Set<string>;
  readonly unseen: { readonly wanted: string[] };
  readonly blockers: Blocker[];
  readonly notes: HostNote[];
  /** Entries that nobody gets the right by. */
  unresolved: number;
  searched: ResolvedHosts["search"];
  readonly isAllowed: (computer: DirectoryObject) => boolean;
  /** It keeps the right where it has it, and does not get it. */
  hold(computer: DirectoryObject): void;
  remember(reference: { readonly text: string }, hosts: readonly Identified[]): void;
  isRemembered(reference: { readonly text: string }, host: Identified): boolean;
  seen(remembered: readonly ResolvedHost[]): readonly DirectoryObject[];
  /** SIDs of those who are not seen, and not known to be deleted. */
  unseenSids(remembered: readonly ResolvedHost[]): readonly string[];
}

export interface Identified {
  readonly objectGUID: string;
  readonly objectSID?: string | undefined;
}

export interface HostRecord extends ResolvedHost {
  /** The entry's text. */
  readonly reference: string;
}

/** Somebody who has the right by a primary group and should not have it: Active Directory takes nobody out of that, so the account's list keeps it out. */
export interface PrimaryStranger {
  readonly object: DirectoryObject;
  readonly group: DirectoryObject;
}
