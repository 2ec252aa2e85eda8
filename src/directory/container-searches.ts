/** Answers which computers are below a container, page by page. Whoever asks the same before it is sent is answered by the same search; tenants take turns. */
import { setImmediate } from "node:timers/promises";
import { AndFilter, EqualityFilter, type Filter, OrFilter, PresenceFilter, SubstringFilter } from "ldapts";
import { brokenOff } from "../ad/error.ts";
import type { Below, Query } from "../ad/lookup.ts";
import { type DirectoryObject, isComputer } from "../ad/object.ts";
import type { Reader } from "../ad/port.ts";
import { abortable, Gate } from "../base/turns.ts";
import { foldName } from "../names/account-name.ts";
import { OBJECT_ATTRIBUTES, toDirectoryObject } from "./entries.ts";
import type { LdapSession } from "./session.ts";

/** Searches at once, of urgent ones and of others: a server keeps few searches by pages open for one connection. Entries that are read in one turn of the event loop. */
const [SEARCHES, TURN] = [3, 50];

interface Search {
  readonly below: Below;
  /** Who waits for it: it is sent when the first of them has its turn. */
  readonly tenants: Set<string>;
  readonly answer: PromiseWithResolvers<readonly DirectoryObject[]>;
}

export class ContainerSearches implements Reader {
  readonly #session: LdapSession;
  /** Those that were not sent yet, by what they ask. */
  readonly #waiting = new Map<string, Search>();
  /** What is urgent takes none from the rest: a tenant may make all that it asks urgent. */
  readonly #gates = { urgent: new Gate(SEARCHES), other: new Gate(SEARCHES) };

  constructor(session: LdapSession) {
    this.#session = session;
  }

  /** Of lookups nothing is answered. */
  find({ below, urgent = false, tenant = "" }: Query, signal: AbortSignal): Promise<readonly DirectoryObject[]> {
    return below ? abortable(signal, brokenOff, () => this.#find(below, urgent, tenant)) : Promise.resolve([]);
  }

  #find(below: Below, urgent: boolean, tenant: string): Promise<readonly DirectoryObject[]> {
    const share = urgent ? "urgent" : "other";
    const key = JSON.stringify([share, below.container, below.atMost, below.names.map(foldName).toSorted()]);
    // One that is under way may not see what its asker was woken for.
    const search = this.#waiting.get(key) ?? { below, tenants: new Set<string>(), answer: Promise.withResolvers() };
    this.#waiting.set(key, search);
    if (search.tenants.has(tenant)) return search.answer.promise;
    search.tenants.add(tenant);
    // What is asked within one tick is asked together.
    setTimeout(() => void this.#gates[share].pass(tenant, urgent ? "Urgent" : "Change", () => this.#send(key, search)), 0);
    return search.answer.promise;
  }

  async #send(key: string, search: Search): Promise<void> {
    // Another of those who wait for it had its turn before.
    if (this.#waiting.get(key) !== search) return;
    this.#waiting.delete(key);
    await this.#search(search.below).then(search.answer.resolve, search.answer.reject);
  }

  async #search({ container, names, atMost }: Below): Promise<readonly DirectoryObject[]> {
    const entries = await this.#session.search({
      base: `<GUID=${container}>`,
      scope: "sub",
      filter: new AndFilter({
        filters: [
          new EqualityFilter({ attribute: "objectCategory", value: "computer" }),
          new OrFilter({ filters: names.flatMap(filtersOf) }),
        ],
      }),
      attributes: OBJECT_ATTRIBUTES,
      pagesOf: atMost,
    });
    // While the pages were read one may have been moved from the one to the next.
    const found = new Map<string, DirectoryObject>();
    for (const [index, entry] of entries.entries()) {
      if (index % TURN === 0) await setImmediate();
      const object = toDirectoryObject(entry);
      // Whoever owns a computer may hide it, and keeps nobody else from being found by that.
      if (!object) continue;
      this.#session.own.seen(object);
      if (isComputer(object)) found.set(object.objectGUID, object);
    }
    return [...found.values()];
  }
}

/** Whatever the pattern may mean, and perhaps more: the directory takes more names for the same than patterns do. */
function filtersOf(pattern: string): readonly Filter[] {
  const attribute = "sAMAccountName";
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return [first, `${first}$`].map((value) => new EqualityFilter({ attribute, value }));
  const any = rest.filter((part) => part !== "");
  return first === "" && any.length === 0 ? [new PresenceFilter({ attribute })] : [new SubstringFilter({ attribute, initial: first, any })];
}
