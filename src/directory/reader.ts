/** Answers lookups over LDAP: filters, ranges, and how much is asked at once. */
import { setImmediate } from "node:timers/promises";
import { AndFilter, EqualityFilter, type Filter, OrFilter } from "ldapts";
import { brokenOff, DirectoryError, isCutShort, unreadable } from "../ad/error.ts";
import type { Lookup, Query } from "../ad/lookup.ts";
import { type DirectoryObject, isComputer, lookupsOf } from "../ad/object.ts";
import type { Reader } from "../ad/port.ts";
import { abortable } from "../base/turns.ts";
import { encodeGuid, encodeSid, type LookupAttribute, lookupKey } from "../names/identifier.ts";
import { type Asker, type Batch, halvesOf, partOf, type Term } from "./batch.ts";
import { type Attributes, OBJECT_ATTRIBUTES, toDirectoryObject } from "./entries.ts";
import { GroupMembers } from "./group-members.ts";
import type { LdapSession } from "./session.ts";

/** Terms in one filter: each matches a few objects, so that an answer stays far below the server's 1000. Computers that share a name are read up to so many. */
const [TERMS, MOST] = [200, 2000];
/** Searches at once, of urgent ones and of others; how much of one a single asker may fill while others wait, and entries that are dealt out in one turn of the event loop. */
const [SEARCHES, SHARE, TURN] = [4, 50, 50];
/** Who asks for owner markers, of which there is no index: such a search may take long, and only one is under way. */
const OWNED = "Owned";
/** From one search to the next that is not full: so many times what the one took (it is known for so long, in ms), but so long (ms) at least and at most. */
const [TIMES, REMEMBERED, SHORTEST, LONGEST, FOR_CONTAINERS] = [5, 3000, 20, 40, 100];

/** Who asks the same kind of question. */
interface Line {
  readonly name: string;
  readonly share: "urgent" | "other";
  askers: readonly Asker[];
  underWay: number;
  /** When it sent the last search (ms, as performance.now has it), and how long the last that ended took (ms). */
  sent: number;
  took: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * What is asked within one tick, while the server is busy or a moment after the last search, is asked together, and the answers are dealt out by what
 * was asked for. A search that fails for one asker's sake is made again for each half of them.
 */
export class LdapReader implements Reader {
  readonly #session: LdapSession;
  readonly #members: GroupMembers;
  readonly #lines = new Map<string, Line>();
  readonly #underWay = { urgent: 0, other: 0 };

  constructor(session: LdapSession) {
    this.#session = session;
    this.#members = new GroupMembers(session);
  }

  find(query: Query, signal: AbortSignal): Promise<readonly DirectoryObject[]> {
    const unsent = new Map(query.lookups.map((lookup) => [termOf(query.among, lookup.by, lookup.value), lookup]));
    return abortable(signal, brokenOff, () => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly DirectoryObject[]>();
      if (unsent.size === 0) return Promise.resolve([]);
      const share = query.urgent === true ? "urgent" : "other";
      const name = share === "urgent" ? `Urgent: ${lineOf(query)}` : lineOf(query);
      const line = this.#lines.get(name) ?? { name, share, askers: [], underWay: 0, sent: 0, took: 0, timer: undefined };
      this.#lines.set(name, line);
      line.askers = [...line.askers, { query, signal, unsent, underWay: 0, found: new Map(), resolve, reject }];
      this.#schedule(line);
      return promise;
    }).finally(() => unsent.clear());
  }

  #schedule(line: Line): void {
    const waiting = line.askers.reduce((sum, { unsent }) => sum + unsent.size, 0);
    const patience = waiting < TERMS ? Math.max(0, line.sent + patienceOf(line) - performance.now()) : 0;
    if (patience === 0) clearTimeout(line.timer);
    else if (line.timer) return;
    line.timer = setTimeout(() => {
      line.timer = undefined;
      this.#send(line);
    }, patience);
  }

  /** Whoever has to wait for a free search is sent by the one that ends. What is urgent takes none from the rest: a tenant may make all that it asks urgent. */
  #send(line: Line): void {
    const most = line.name.endsWith(OWNED) ? 1 : SEARCHES;
    while (line.underWay < most && this.#underWay[line.share] < SEARCHES && line.askers.length > 0) {
      const batch = this.#fill(line);
      const askers = new Set([...batch.values()].flatMap((term) => [...term.askers]));
      for (const asker of askers) asker.underWay++;
      line.underWay++;
      const started = performance.now();
      line.sent = started;
      this.#underWay[line.share]++;
      void this.#ask(batch, askers).finally(() => {
        line.underWay--;
        line.took = performance.now() - started;
        this.#underWay[line.share]--;
        for (const other of this.#lines.values()) {
          if (other.askers.length > 0) this.#schedule(other);
          else if (other.underWay === 0 && other.sent + REMEMBERED < performance.now()) this.#lines.delete(other.name);
        }
      });
    }
  }

  /** By turns, so that one with thousands of lookups leaves room for the others. */
  #fill(line: Line): Batch {
    const batch = new Map<string, Term>();
    while (batch.size < TERMS) {
      const [asker, ...others] = line.askers;
      if (!asker) break;
      for (const [term, lookup] of asker.unsent.entries().take(Math.min(SHARE, TERMS - batch.size))) {
        asker.unsent.delete(term);
        const known = batch.get(term) ?? { lookup, among: asker.query.among, askers: new Set() };
        batch.set(term, { ...known, askers: known.askers.add(asker) });
      }
      line.askers = asker.unsent.size > 0 ? [...others, asker] : others;
    }
    return batch;
  }

  /** `many`: computers are read though there are more than the server lists at once. */
  async #ask(batch: Batch, askers: ReadonlySet<Asker>, many = false): Promise<void> {
    try {
      await this.#search(batch, askers, many);
    } catch (error) {
      if (askers.size > 1 && !(error instanceof DirectoryError && error.fatal)) {
        // The others are answered after a few searches, however many they are.
        for (const half of halvesOf(askers)) await this.#ask(partOf(batch, half), half);
        return;
      }
      if (isCutShort(error) && !many) return await this.#ask(batch, askers, true);
      for (const asker of askers) asker.reject(error);
    }
    for (const asker of askers) answered(asker);
  }

  async #search(batch: Batch, askers: ReadonlySet<Asker>, many: boolean): Promise<void> {
    const [first] = askers;
    if (!first) return;
    const { among } = first.query;
    const entries = await this.#session.search({
      base: this.#session.rootDse.defaultNamingContext,
      scope: "sub",
      filter: filterOf([...batch.values()], first.query),
      attributes: attributesOf([...askers].map(({ query }) => query)),
      deleted: among === "Deleted",
      // Of groups it would be their members, too.
      ...(many && among === "Computers" ? { pagesOf: MOST } : {}),
    });
    for (const [index, entry] of entries.entries()) {
      // To read the answers took its time already: others have their turns first, and again and again.
      if (index % TURN === 0) await setImmediate();
      this.#deal(entry, batch, askers);
    }
  }

  #deal(entry: Attributes, batch: Batch, askers: ReadonlySet<Asker>): void {
    const read = toDirectoryObject(entry);
    const asked = new Set([...askers].map(({ query }) => query.among));
    // Whoever owns an object may hide it: then it is as if it were not there, and keeps no farm that means it from all else.
    if (!read && asked.has("Containers")) throw unreadable(entry.distinguishedName);
    if (!read) return;
    this.#session.own.seen(read);
    const kinds = new Set([...asked].filter((among) => among !== "Computers" || isComputer(read)));
    const terms = lookupsOf(read).flatMap(({ by, value }) => [...kinds].map((among) => termOf(among, by, value)));
    const meant = new Set(terms.flatMap((term) => [...(batch.get(term)?.askers ?? [])]));
    // The directory knows more of what is equal than is known here (accents, for instance): then each may have meant it.
    const receivers = meant.size > 0 ? meant : new Set([...askers].filter(({ query }) => kinds.has(query.among)));
    const object = kinds.has("Containers") ? { ...read, childClasses: entry.names("allowedChildClassesEffective") } : read;
    for (const asker of receivers) {
      const isAsked = asker.query.allMembersOf?.(object) === true;
      asker.found.set(object.objectGUID, isAsked ? object : { ...object, members: [] });
      if (!isAsked || entry.range("member")?.next === undefined) continue;
      // Nobody else waits for it: it may take as long as a hundred searches.
      asker.underWay++;
      void this.#members
        .all(entry, object, asker)
        .then((members) => asker.found.set(object.objectGUID, { ...object, members }), asker.reject)
        .finally(() => answered(asker));
    }
  }
}

function answered(asker: Asker): void {
  asker.underWay--;
  if (asker.underWay === 0 && asker.unsent.size === 0) asker.resolve([...asker.found.values()]);
}

/**
 * Most of what farms ask goes together, whatever stage they are at. Apart are groups of others, of which no member may be asked for; whose own groups matter;
 * the searches that have conditions; and those of the whole domain, since nobody else waits for them.
 */
function lineOf({ lookups, among, allMembersOf, membersAtMost, directMembersOf, groups }: Query): string {
  if (directMembersOf !== undefined) return `Members of ${directMembersOf}`;
  if (membersAtMost !== undefined) return `At most ${membersAtMost} members`;
  if (lookups.some(({ by }) => by === "adminDescription")) return OWNED;
  if (among === "Deleted" || among === "Containers") return among;
  if (groups === true) return "With groups";
  // Who has a primary group has no members.
  const isFree = allMembersOf !== undefined || among === "Computers" || lookups.every(({ by }) => by === "primaryGroupID");
  return isFree ? "With members" : "Without members";
}

/** In milliseconds. A slow server is asked less often, except for what is urgent: a farm waits so long at each of its steps. Many ask for few containers. */
function patienceOf({ name, share, took }: Line): number {
  if (share === "urgent") return SHORTEST;
  return name === "Containers" ? FOR_CONTAINERS : Math.min(LONGEST, Math.max(SHORTEST, TIMES * took));
}

function termOf(among: Query["among"], by: LookupAttribute, value: string): string {
  return `${among} ${by} ${lookupKey(by, value)}`;
}

function filterOf(terms: readonly Term[], { directMembersOf }: Query): Filter {
  const filters = terms.filter(({ among }) => among !== "Computers").map(({ lookup, among }) => termFilter(lookup, among));
  const computers = terms.filter(({ among }) => among === "Computers").map(({ lookup }) => termFilter(lookup, "Computers"));
  if (computers.length > 0)
    filters.push(new AndFilter({ filters: [equals("objectCategory", "computer"), new OrFilter({ filters: computers })] }));
  if (directMembersOf === undefined) return new OrFilter({ filters });
  // By GUID (MS-ADTS 3.1.1.3.1.2.4), so that a group that is renamed this very moment has not lost its members.
  return new AndFilter({ filters: [equals("memberOf", `<GUID=${directMembersOf}>`), new OrFilter({ filters })] });
}

function attributesOf(queries: readonly Query[]): readonly string[] {
  const [first] = queries;
  if (first?.directMembersOf !== undefined) return ["objectGUID", "objectClass"];
  // Computed by the directory for each that is asked: for nothing else than these few.
  if (first?.among === "Containers") return ["objectGUID", "objectClass", "allowedChildClassesEffective"];
  return [
    ...OBJECT_ATTRIBUTES,
    ...(queries.some(({ allMembersOf }) => allMembersOf) ? ["member"] : []),
    ...(queries.some(({ groups }) => groups) ? ["memberOf"] : []),
  ];
}

function termFilter({ by, value }: Lookup, among: Query["among"]): Filter {
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
