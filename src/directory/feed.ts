/** What changed in the directory since the last look, by uSNChanged: USNs belong to one DC, so a feed lives as long as its session. */
import { AndFilter, EqualityFilter, GreaterThanEqualsFilter, LessThanEqualsFilter, OrFilter } from "ldapts";
import { keysOfObject } from "../names/account-name.ts";
import { DirectoryError } from "../ad/error.ts";
import type { DirectoryObject } from "../ad/object.ts";
import { OBJECT_ATTRIBUTES, toDirectoryObject } from "./entries.ts";
import type { LdapSession } from "./session.ts";

/** An object as it is after the change: with the attributes that a farm's own look reads, so that one can stand for the other. */
export interface FeedEntry {
  readonly object: DirectoryObject;
  readonly deleted: boolean;
  /** Every key by which a farm may have asked for it. */
  readonly keys: readonly string[];
}

/** What changed; or that too much changed to list it. */
export type FeedBatch = { readonly kind: "Changes"; readonly entries: readonly FeedEntry[] } | { readonly kind: "Everything" };

/** A server lists at most 1,000 entries at once (MaxPageSize); every change has a USN of its own, so that a range of them has no more. */
const RANGE = 1000n;
/** More ranges than this are not worth listing: everything is compared. */
const RANGES = 100n;

export class ChangeFeed {
  readonly #session: LdapSession;
  #last: bigint;

  constructor(session: LdapSession) {
    this.#session = session;
    this.#last = session.rootDse.highestCommittedUSN;
  }

  /** One batch and one search, unless more changed than one answer holds. Deletions are in it. */
  async *poll(): AsyncGenerator<FeedBatch> {
    try {
      yield { kind: "Changes", entries: await this.#changes(this.#last + 1n) };
      return;
    } catch (error) {
      if (!(error instanceof DirectoryError) || error.answer?.result !== "sizeLimitExceeded") throw error;
    }
    const highest = await this.#highestUsn();
    if (highest - this.#last > RANGE * RANGES) {
      this.#last = highest;
      yield { kind: "Everything" };
      return;
    }
    for (let from = this.#last + 1n; from <= highest; from += RANGE) {
      yield { kind: "Changes", entries: await this.#changes(from, from + RANGE - 1n) };
    }
    if (highest > this.#last) this.#last = highest;
  }

  async #changes(from: bigint, to?: bigint): Promise<readonly FeedEntry[]> {
    const changed = [
      new GreaterThanEqualsFilter({ attribute: "uSNChanged", value: String(from) }),
      ...(to === undefined ? [] : [new LessThanEqualsFilter({ attribute: "uSNChanged", value: String(to) })]),
    ];
    // Computers and service accounts are users; whatever else holds an SPN is one too.
    const kinds = new OrFilter({ filters: ["user", "group"].map((value) => new EqualityFilter({ attribute: "objectClass", value })) });
    const found = await this.#session.search({
      base: this.#session.rootDse.defaultNamingContext,
      scope: "sub",
      filter: new AndFilter({ filters: [...changed, kinds] }),
      attributes: [...OBJECT_ATTRIBUTES, "isDeleted"],
      deleted: true,
    });
    return found.flatMap((entry): readonly FeedEntry[] => {
      const object = toDirectoryObject(entry);
      if (!object) return [];
      const usn = BigInt(object.usn ?? 0);
      if (usn > this.#last) this.#last = usn;
      return [{ object, deleted: entry.text("isDeleted") === "TRUE", keys: keysOfObject(object) }];
    });
  }

  async #highestUsn(): Promise<bigint> {
    const root = await this.#session.searchOne({ base: "", scope: "base", attributes: ["highestCommittedUSN"] });
    const usn = root?.text("highestCommittedUSN");
    return usn !== undefined && /^\d+$/.test(usn) ? BigInt(usn) : this.#last;
  }
}
