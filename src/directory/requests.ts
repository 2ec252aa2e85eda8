/** What is asked of a domain controller, and by whom it is answered. */
import type { LookupFunction } from "node:net";
import type { Filter } from "ldapts";

/** `connect`: the way to the server and its certificate; of `ldap://` StartTLS is one more. */
export type Operation = "connect" | "bind" | "search" | "add" | "modify" | "delete";

/** Told of every request; seconds. */
export type RequestObserver = (operation: Operation, result: string, seconds: number) => void;

export interface Server {
  /** ldaps:// is TLS from the first byte; ldap:// is StartTLS. */
  readonly url: string;
  /** PEM; undefined for the system's own. */
  readonly ca: string | undefined;
  readonly username: string;
  readonly password: string;
  /** Where the name of a URL points to; undefined: as the system has it. */
  readonly lookup?: LookupFunction | undefined;
}

export interface Opening {
  /** In place of where the name points to. */
  readonly address?: string;
  /** Milliseconds. */
  readonly within?: number;
}

export interface SearchRequest {
  /** A distinguished name, or `<GUID=…>`. */
  readonly base: string;
  readonly scope: "base" | "one" | "sub";
  readonly filter?: Filter;
  readonly attributes: readonly string[];
  /** Stop after so many entries; without it, an answer that the server cut short is an error. */
  readonly limit?: number;
  readonly deleted?: boolean;
  /** There may be more than a server lists at once, and as many as this are read; of more the answer is an error. */
  readonly pagesOf?: number;
  /** A shorter deadline than the usual one, in milliseconds. */
  readonly within?: number;
}

export type Modification = readonly ["add" | "delete" | "replace", attribute: string, values: readonly (string | Buffer)[]];
