/** Answers lookups over LDAP: filters, ranges, and how much is asked at once. */
import { AndFilter, EqualityFilter, type Filter, OrFilter } from "ldapts";
import { DirectoryError } from "../ad/error.ts";
import type { Lookup, Query } from "../ad/lookup.ts";
import type { DirectoryObject } from "../ad/object.ts";
import type { Reader } from "../ad/port.ts";
import { encodeGuid, encodeSid, type LookupAttribute, lookupKey } from "../names/identifier.ts";
import { type Attributes, COMPUTER_ATTRIBUTES, OBJECT_ATTRIBUTES, toDirectoryObject } from "./entries.ts";
import type { LdapSession } from "./session.ts";

/** Terms in one filter. Each matches a few objects at most, so that an answer stays far below the server's 1000 and needs no pages. */
const TERMS = 200;

const ATTRIBUTES: Readonly<Record<Query["among"], string[]>> = {
  Objects: OBJECT_ATTRIBUTES,
  Computers: COMPUTER_ATTRIBUTES,
  Deleted: OBJECT_ATTRIBUTES,
  // Computed by the directory for each that is asked: for nothing else than these few.
  Containers: ["objectGUID", "objectClass", "allowedChildClassesEffective"],
};

/** Searches at once, and how much of one a single asker may fill while others wait. */
const [SEARCHES, SHARE] = [4, 50];
/** What is less than a whole search waits so long (ms) for company while another is under way. */
const PATIENCE = 20;

/** Somebody who waits for objects. */
interface Asker {
  readonly query: Query;
  /** What nobody was asked yet, by its key. */
  readonly unsent: Map<string, Lookup>;
  /** Searches under way with lookups of this one. */
  underWay: number;
  readonly found: Map<string, DirectoryObject>;
  readonly resolve: (found: readonly DirectoryObject[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Who asks the same kind of question. */
interface Line {
  readonly name: string;
  askers: readonly Asker[];
  underWay: number;
  timer: NodeJS.Timeout | undefined;
}

/** One search: its terms by their keys, each with those who asked for it. */
type Batch = ReadonlyMap<string, { readonly lookup: Lookup; readonly askers: Set<Asker> }>;

/**
 * What is asked within one tick, or while the server is busy, is asked together, and the answers are dealt out by what was asked for. A search that
 * fails for one asker's sake is made again for each by itself.
 */
export class LdapReader implements Reader {
  readonly #session: LdapSession;
  readonly #lines = new Map<string, Line>();
  #underWay = 0;

  constructor(session: LdapSession) {
    this.#session = session;
  }

  find(query: Query, signal: AbortSignal): Promise<readonly DirectoryObject[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly DirectoryObject[]>();
    const unsent = new Map(query.lookups.map((lookup) => [termOf(lookup.by, lookup.value), lookup]));
    if (signal.aborted) reject(new DirectoryError("Aborted", "the operator is stopping"));
    else if (unsent.size === 0) resolve([]);
    else {
      const { lookups, among, allMembersOf, membersAtMost = "", directMembersOf = "" } = query;
      // There is no index of owner markers: nobody else waits for the search of a whole domain.
      const isSlow = lookups.some(({ by }) => by === "adminDescription");
      const name = [among, allMembersOf !== undefined, membersAtMost, directMembersOf, isSlow].join(" ");
      const line = this.#lines.get(name) ?? { name, askers: [], underWay: 0, timer: undefined };
      this.#lines.set(name, line);
      line.askers = [...line.askers, { query, unsent, underWay: 0, found: new Map(), resolve, reject }];
      this.#schedule(line);
    }
    return promise;
  }

  #schedule(line: Line): void {
    const waiting = line.askers.reduce((sum, { unsent }) => sum + unsent.size, 0);
    const patience = line.underWay > 0 && waiting < TERMS ? PATIENCE : 0;
    if (patience === 0) clearTimeout(line.timer);
    else if (line.timer) return;
    line.timer = setTimeout(() => {
      line.timer = undefined;
      this.#send(line);
    }, patience);
  }

  /** Whoever has to wait for a free search is sent by the one that ends. */
  #send(line: Line): void {
    while (this.#underWay < SEARCHES && line.askers.length > 0) {
      const batch = this.#fill(line);
      const askers = new Set([...batch.values()].flatMap((term) => [...term.askers]));
      for (const asker of askers) asker.underWay++;
      line.underWay++;
      this.#underWay++;
      void this.#ask(batch, askers).finally(() => {
        line.underWay--;
        this.#underWay--;
        for (const asker of askers) {
          asker.underWay--;
          if (asker.underWay === 0 && asker.unsent.size === 0) asker.resolve([...asker.found.values()]);
        }
        for (const other of this.#lines.values()) {
          if (other.askers.length > 0) this.#schedule(other);
          else if (other.underWay === 0) this.#lines.delete(other.name);
        }
      });
    }
  }

  /** By turns, so that one with thousands of lookups leaves room for the others. */
  #fill(line: Line): Batch {
    const batch = new Map<string, { readonly lookup: Lookup; readonly askers: Set<Asker> }>();
    while (batch.size < TERMS) {
      const [asker, ...others] = line.askers;
      if (!asker) break;
      for (const [term, lookup] of [...asker.unsent].slice(0, Math.min(SHARE, TERMS - batch.size))) {
        asker.unsent.delete(term);
        const known = batch.get(term) ?? { lookup, askers: new Set() };
        batch.set(term, { ...known, askers: known.askers.add(asker) });
      }
      line.askers = asker.unsent.size > 0 ? [...others, asker] : others;
    }
    return batch;
  }

  async #ask(batch: Batch, askers: ReadonlySet<Asker>): Promise<void> {
    try {
      await this.#search(batch, askers);
    } catch (error) {
      const alone = askers.size > 1 && !(error instanceof DirectoryError && error.fatal);
      for (const asker of askers) {
        const own = new Map([...batch].filter(([, term]) => term.askers.has(asker)));
        await (alone ? this.#search(own, new Set([asker])) : Promise.reject(error)).catch((reason: unknown) => {
          refuse(asker, reason);
        });
      }
    }
  }

  async #search(batch: Batch, askers: ReadonlySet<Asker>): Promise<void> {
    const [first] = askers;
    if (!first) return;
    const { among } = first.query;
    const conditions = conditionsOf(first.query);
    const any = new OrFilter({ filters: [...batch.values()].map(({ lookup }) => filterOf(lookup, among)) });
    const entries = await this.#session.search({
      base: this.#session.rootDse.defaultNamingContext,
      scope: "sub",
      filter: conditions.length > 0 ? new AndFilter({ filters: [...conditions, any] }) : any,
      attributes: attributesOf(first.query),
      deleted: among === "Deleted",
    });
    for (const entry of entries) await this.#deal(entry, batch, askers);
  }

  async #deal(entry: Attributes, batch: Batch, askers: ReadonlySet<Asker>): Promise<void> {
    const read = toDirectoryObject(entry);
    if (!read) throw unreadable(entry);
    this.#session.own.seen(read.distinguishedName);
    const meant = new Set(termsOf(read).flatMap((term) => [...(batch.get(term)?.askers ?? [])]));
    // The directory knows more of what is equal than is known here (accents, for instance): then each may have meant it.
    const receivers = meant.size > 0 ? meant : askers;
    const isContainer = [...receivers].some(({ query }) => query.among === "Containers");
    const object = isContainer ? { ...read, childClasses: entry.names("allowedChildClassesEffective") } : read;
    const readers = new Set([...receivers].filter(({ query }) => query.allMembersOf?.(object) === true));
    for (const asker of receivers) asker.found.set(object.objectGUID, { ...object, members: [] });
    for (const asker of readers) {
      try {
        const members = await this.#allMembers(entry, object, asker.query.membersAtMost);
        asker.found.set(object.objectGUID, { ...object, members });
      } catch (error) {
        refuse(asker, error);
      }
    }
  }

  /** A large group answers with a part of its members at a time (MS-ADTS 3.1.1.3.1.3.3). */
  async #allMembers(entry: Attributes, { members, objectGUID }: DirectoryObject, atMost = Infinity): Promise<readonly string[]> {
    const all = [...members];
    for (let next = entry.range("member")?.next; next !== undefined && all.length < atMost;) {
      const more = await this.#session.searchOne({ base: `<GUID=${objectGUID}>`, scope: "base", attributes: [`member;range=${next}-*`] });
      const range = more?.range("member");
      // Without the range the list would end here unseen, and members look as if they were not in.
      if (!range) throw new DirectoryError("Unavailable", `${entry.distinguishedName}: its members changed while they were read`);
      all.push(...range.values);
      next = range.next;
    }
    return all;
  }
}

/** It has its answer, and nothing more is asked for it. */
function refuse({ unsent, reject }: Asker, error: unknown): void {
  unsent.clear();
  reject(error);
}

function termOf(by: LookupAttribute, value: string): string {
  return `${by} ${lookupKey(by, value)}`;
}

/** By all that the object can have been asked for. */
function termsOf(object: DirectoryObject): readonly string[] {
  const values: readonly (readonly [LookupAttribute, string | undefined])[] = [
    ["distinguishedName", object.distinguishedName],
    ["objectGUID", object.objectGUID],
    ["objectSid", object.objectSID],
    ["sAMAccountName", object.samAccountName],
    ["dNSHostName", object.dnsHostName],
    ["adminDescription", object.owner],
    ["primaryGroupID", object.primaryGroupID?.toString()],
    ...object.servicePrincipalNames.map((name) => ["servicePrincipalName", name] as const),
  ];
  return values.flatMap(([by, value]) => (value === undefined ? [] : [termOf(by, value)]));
}

function conditionsOf({ among, directMembersOf }: Query): readonly Filter[] {
  return [
    ...(among === "Computers" ? [equals("objectCategory", "computer")] : []),
    // By GUID (MS-ADTS 3.1.1.3.1.2.4), so that a group that is renamed this very moment has not lost its members.
    ...(directMembersOf === undefined ? [] : [equals("memberOf", `<GUID=${directMembersOf}>`)]),
  ];
}

function attributesOf({ among, allMembersOf, directMembersOf }: Query): readonly string[] {
  if (directMembersOf !== undefined) return ["objectGUID"];
  return allMembersOf ? ATTRIBUTES[among] : ATTRIBUTES[among].filter((name) => name !== "member");
}

function unreadable({ distinguishedName }: Attributes): DirectoryError {
  return new DirectoryError("AccessDenied", `${distinguishedName}: the account may not read its objectGUID; give it Read Property there`);
}

function filterOf({ by, value }: Lookup, among: Query["among"]): Filter {
  if (by === "objectGUID") return equals(by, encodeGuid(value));
  if (by === "objectSid") return equals(by, encodeSid(value));
  // There is no index of it, so that alone it would be looked for among all that there is. A gMSA is a computer too.
  if (by === "dNSHostName" && among === "Objects")
    return new AndFilter({ filters: [equals("objectClass", "computer"), equals(by, value)] });
  return equals(by, value);
}

function equals(attribute: string, value: string | Buffer): Filter {
  return new EqualityFilter({ attribute, value });
}
