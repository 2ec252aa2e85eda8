/** The directory as the rest of the program reaches it. Both reject only with DirectoryError. */
import type { Query } from "./lookup.ts";
import type { DirectoryObject } from "./object.ts";
import type { Write } from "./write.ts";

export interface Reader {
  /** Every object that one of the lookups means, once. An incomplete answer is an error, never a smaller one. */
  find(query: Query, signal: AbortSignal): Promise<readonly DirectoryObject[]>;
}

export interface Writer {
  /** That it is so already is a success. An object without the write's owner marker is left as it is: NotOwned. `asker`: whose turn it takes, who is named in the audit log, and whether it is to be sent at all by then. */
  apply(write: Write, signal: AbortSignal, asker?: Partial<Asker>): Promise<void>;
  /** Which rights the account lacks for the writes, as far as the directory tells (nothing of deletions), and how to give each. Writes nothing. */
  lacks(writes: readonly Write[], signal: AbortSignal): Promise<readonly string[]>;
}

/** Until when this program may write: milliseconds of the monotonic clock. */
export interface Fence {
  readonly until: number;
}

/** Why a write is made. SpecChange: the farm asks for it; also what it asked for before and what only now can be done. */
export type Cause = "SpecChange" | "Drift" | "Quarantine" | "Adoption" | "Decommission";

/** What asks for a write. */
export interface Asker {
  readonly farm: { readonly namespace: string; readonly name: string; readonly uid: string; readonly generation: number };
  readonly cause: Cause;
  /** Asked right before the write is sent, however long it waited: why it must not be sent any more. */
  readonly stop?: () => string | undefined;
}

/** An attribute that a write is about. Of members only those that come and go are known; of all else the values before, where they were read, and after. */
export type AuditedAttribute = {
  readonly attribute: string;
  readonly before?: readonly string[] | undefined;
  readonly after?: readonly string[] | undefined;
  readonly added?: readonly string[] | undefined;
  readonly removed?: readonly string[] | undefined;
};

/**
 * Unknown: no answer came. Found: it is so already; after Unknown, the write was done. NotFound: after Unknown, it was not done.
 * Refused without a code: the operator itself sent nothing, since the object is not the farm's.
 */
export type AuditResult = "Done" | "Refused" | "Unknown" | "Found" | "NotFound";

/** One line of the audit log: one write, or a part of one that is long. */
export interface AuditLine {
  readonly server: string;
  readonly account: string;
  /** Not `farm` and not `object`: in the other lines of the log these are texts, and a store of logs takes one type for each field. */
  readonly serverFarm: Asker["farm"] | undefined;
  readonly cause: Cause | undefined;
  readonly operation: "Create" | "Modify" | "Delete";
  readonly objectClass: string | undefined;
  readonly directoryObject: { readonly dn: string; readonly guid?: string | undefined; readonly sid?: string | undefined };
  readonly attributes: readonly AuditedAttribute[];
  readonly result: AuditResult;
  /** What the directory answered: the LDAP result code, and the text. */
  readonly code: number | undefined;
  readonly error: string | undefined;
  /** The same in all parts of a write, and in the line that settles an unknown outcome. */
  readonly write: string;
  readonly part: number;
  readonly parts: number;
}

export type Audit = (line: AuditLine) => void;
