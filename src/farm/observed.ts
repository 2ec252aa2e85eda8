/** What is asked of the directory for one farm, and what it says. */
import type { DirectoryObject } from "../ad/object.ts";
import type { Asker } from "../ad/port.ts";
import type { MissingRight } from "../ad/right.ts";
import type { AdoptedGroup } from "./adoption.ts";
import type { Change } from "./changes/index.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { ObservedSearch } from "./observed-search.ts";

/** What the directory says of one farm. */
export interface ObservedFarm {
  /**
   * Everything that bears a name, distinguished name or SPN of the farm, or one that implies it or that it implies; that is meant by a host name in its
   * SPNs; or that the farm is known to own.
   */
  readonly objects: readonly DirectoryObject[];
  /** The computers that the farm's host references may mean, and those that it put into groups. */
  readonly computers: readonly DirectoryObject[];
  /**
   * By objectGUID, groups of somebody else that can give the right: the objectGUIDs of those of the computers that are direct members. Nobody else of them
   * is read.
   */
  readonly membersAmong: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whoever has a host group of the farm's own as its primary group: a member without a member value. */
  readonly primaryMembers: readonly DirectoryObject[];
  /** objectGUIDs of computers that an entry was resolved to and that are known to be deleted. */
  readonly gone: readonly string[];
  /** Whoever else the account's list of retrievers names, as far as it exists. */
  readonly unexplainedPrincipals: readonly DirectoryObject[];
  /** objectGUIDs that the farm is known to own and that are neither there nor known to be deleted: not replicated yet, perhaps. */
  readonly missing: readonly string[];
  /** Members of the farm's group that cannot be read, by distinguished name; asked only while a host reference finds nothing. */
  readonly unreadable: readonly string[];
  /** The host group, where it is nobody's and may be taken over. */
  readonly adopted?: AdoptedGroup | undefined;
  /** Users that may be hosts, and whatever else bears their names; those that are users are among the computers. */
  readonly users?: readonly DirectoryObject[] | undefined;
  /** Whom hosts.search finds. */
  readonly search?: ObservedSearch | undefined;
  /** What keeps the farm from making an object, by its distinguished name; asked only for what is not there. */
  readonly uncreatable?: ReadonlyMap<string, MissingRight>;
}

/**
 * Names: what bears the farm's names. Known: what it owns or changed, by its record alone; no name is asked for. Owned: also everything that bears its owner marker, wherever it is, with the computers that are
 * members of its groups; a search of the whole domain, for the end of a farm.
 */
export type Scope = "Names" | "Owned" | "Known";

export interface Absence {
  /** Whether what the server does not show is not there. */
  readonly absenceReliable: boolean;
  /** What is known to be deleted; asked only where that does not hold. */
  readonly isDeleted?: (objectGUID: string) => boolean;
  /** Given a distinguished name: whether it may have been made on another server, whose answer may have been lost, and not be replicated yet. */
  readonly isOnItsWay?: (distinguishedName: string) => boolean;
}

export interface LookOptions extends Absence {
  readonly scope: Scope;
  /** The look of a moment ago: its computers are not asked for again. */
  readonly before?: ObservedFarm | undefined;
}

/** The directory as a farm needs it. Rejects only with DirectoryError. */
export interface Directory {
  /** Writes nothing. An incomplete answer is an error, never a smaller farm. `before`, where given, is the look of a moment ago. */
  observe(desired: DesiredFarm, scope: Scope, signal: AbortSignal, before?: ObservedFarm): Promise<ObservedFarm>;
  /** What was made a moment ago under this name, whole; undefined where it is not there. */
  made(distinguishedName: string, signal: AbortSignal): Promise<DirectoryObject | undefined>;
  /** One write. That it is so already is a success. An object without the change's owner marker is left as it is: NotOwned. `asker`: for the audit log. */
  apply(change: Change, signal: AbortSignal, asker?: Partial<Asker>): Promise<void>;
  /** Which rights the account lacks for them, as far as the directory tells, and how to give each. Writes nothing. */
  lacks(changes: readonly Change[], signal: AbortSignal): Promise<readonly string[]>;
}
