/** What changed in the directory since the last look, by uSNChanged: USNs belong to one DC, so a feed lives as long as its session. */
import { AndFilter, EqualityFilter, GreaterThanEqualsFilter, LessThanEqualsFilter, OrFilter } from "ldapts";
import { keysUpwards, parentDn } from "../names/distinguished-name.ts";
import { keyBelow, keysOfObject } from "../names/identifier.ts";
import { DirectoryError, isCutShort } from "../ad/error.ts";
import { type DirectoryObject, isGroup } from "../ad/object.ts";
import { OBJECT_ATTRIBUTES, toDirectoryObject } from "./entries.ts";
import type { LdapSession } from "./session.ts";

/** An object as it is after the change; but of no group its members, which can be very many and are nobody's to know who wakes a farm. */
export interface FeedEntry {
  readonly object: DirectoryObject;
  readonly deleted: boolean;
  /** Every key by which a farm may have asked for it. */
  readonly keys: readonly string[];
  /** Keys of the containers that it is in: farms may search them. */
  readonly within: readonly string[];
}

/** `feed`: the number of the feed, which tells whose USNs they are. */
export type Changes = { readonly kind: "Changes"; readonly feed: number; readonly entries: readonly FeedEntry[] };

/** What changed; or that too much changed to list it. */
export type FeedBatch = Changes | { readonly kind: "Everything" };

/** A server lists at most 1,000 entries at once (MaxPageSize); every change has a USN of its own, so that a range of them has no more. */
const RANGE = 1000n;
/** More ranges than this are not worth listing: everything is compared. */
const RANGES = 100n;
/** Classes of what farms look up. */
const KINDS = ["user", "group", "organizationalUnit", "container"];

/**
 * A USN is given out before its write is committed, so a change may become visible after others with higher ones. highestCommittedUSN has none below
 * it that is still open: what was read up to there, after it was asked for, is whole. What lies above comes again with the next poll.
 */
export class ChangeFeed {
  static #made = 0;
  /** Of each feed another: USNs of one mean nothing in another, be it of another server or of one that was restored. */
  readonly number = ++ChangeFeed.#made;
  readonly #session: LdapSession;
  /** Every change up to this USN was handed out. */
  #whole: bigint;

  constructor(session: LdapSession) {
    this.#session = session;
    this.#whole = session.rootDse.highestCommittedUSN;
  }

  /** One batch and two searches, unless more changed than one answer holds. Deletions are in it. A change may come twice, and none is lost. */
  async *poll(): AsyncGenerator<FeedBatch> {
    const from = this.#whole + 1n;
    const committed = await this.#committed();
    try {
      yield await this.#changes(from);
    } catch (error) {
      if (!isCutShort(error)) throw error;
      yield* this.#inRanges(from, committed);
    }
    // Only now: of a poll that ended early everything is read again.
    if (committed > this.#whole) this.#whole = committed;
  }

  async *#inRanges(from: bigint, to: bigint): AsyncGenerator<FeedBatch> {
    if (to - from >= RANGE * RANGES) {
      yield { kind: "Everything" };
      return;
    }
    for (let start = from; start <= to; start += RANGE) {
      yield await this.#changes(start, start + RANGE - 1n);
    }
  }

  async #changes(from: bigint, to?: bigint): Promise<Changes> {
    const changed = [
      new GreaterThanEqualsFilter({ attribute: "uSNChanged", value: String(from) }),
      ...(to === undefined ? [] : [new LessThanEqualsFilter({ attribute: "uSNChanged", value: String(to) })]),
    ];
    // Computers and service accounts are users; whatever else holds an SPN is one too. Farms search containers.
    const kinds = new OrFilter({ filters: KINDS.map((value) => new EqualityFilter({ attribute: "objectClass", value })) });
    const found = await this.#session.search({
      base: this.#session.rootDse.defaultNamingContext,
      scope: "sub",
      filter: new AndFilter({ filters: [...changed, kinds] }),
      attributes: [...OBJECT_ATTRIBUTES, "isDeleted"],
      deleted: true,
    });
    const entries = found.flatMap((entry): readonly FeedEntry[] => {
      const object = toDirectoryObject(entry);
      if (!object) return [];
      const within = isGroup(object) ? [] : keysUpwards(parentDn(object.distinguishedName)).map(keyBelow);
      return [{ object, deleted: entry.text("isDeleted") === "TRUE", keys: keysOfObject(object), within }];
    });
    return { kind: "Changes", feed: this.number, entries };
  }

  async #committed(): Promise<bigint> {
    const root = await this.#session.searchOne({ base: "", scope: "base", attributes: ["highestCommittedUSN"] });
    const usn = root?.text("highestCommittedUSN") ?? "";
    if (/^\d+$/.test(usn)) return BigInt(usn);
    throw new DirectoryError(
      "Unavailable",
      `${this.#session.url} does not say its highestCommittedUSN, without which changes would be missed`,
    );
  }
}
