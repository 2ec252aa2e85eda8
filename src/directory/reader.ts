/** Answers lookups over LDAP: filters, ranges, and how much is asked at once. */
import { AndFilter, EqualityFilter, type Filter, OrFilter } from "ldapts";
import { DirectoryError } from "../ad/error.ts";
import type { Lookup, Query } from "../ad/lookup.ts";
import type { DirectoryObject } from "../ad/object.ts";
import type { Reader } from "../ad/port.ts";
import { encodeGuid, encodeSid } from "../names/identifier.ts";
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

export class LdapReader implements Reader {
  readonly #session: LdapSession;
  readonly #absenceReliable: () => boolean;

  /** `absenceReliable`: what this server does not show is not there; false for a while after another server took over. */
  constructor(session: LdapSession, absenceReliable: () => boolean = () => true) {
    this.#session = session;
    this.#absenceReliable = absenceReliable;
  }

  get absenceReliable(): boolean {
    return this.#absenceReliable();
  }

  async find(query: Query, signal: AbortSignal): Promise<readonly DirectoryObject[]> {
    const { lookups, among, allMembersOf, membersAtMost } = query;
    const found = new Map<string, DirectoryObject>();
    const conditions = conditionsOf(query);
    const attributes = attributesOf(query);
    for (let start = 0; start < lookups.length; start += TERMS) {
      if (signal.aborted) throw new DirectoryError("Aborted", "the operator is stopping");
      const any = new OrFilter({ filters: lookups.slice(start, start + TERMS).map((lookup) => filterOf(lookup, among)) });
      const entries = await this.#session.search({
        base: this.#session.rootDse.defaultNamingContext,
        scope: "sub",
        filter: conditions.length > 0 ? new AndFilter({ filters: [...conditions, any] }) : any,
        attributes,
        deleted: among === "Deleted",
      });
      for (const entry of entries) {
        const object = toDirectoryObject(entry);
        if (!object) throw unreadable(entry);
        if (among === "Containers") {
          found.set(object.objectGUID, { ...object, childClasses: effective(entry, "allowedChildClassesEffective") });
          continue;
        }
        const members = allMembersOf?.(object) === true ? await this.#allMembers(entry, object, membersAtMost) : [];
        found.set(object.objectGUID, { ...object, members });
      }
    }
    return [...found.values()];
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
  switch (by) {
    case "objectGUID":
      return equals(by, encodeGuid(value));
    case "objectSid":
      return equals(by, encodeSid(value));
    case "dNSHostName":
      // There is no index of it, so that alone it would be looked for among all that there is. A gMSA is a computer too.
      return among === "Objects" ? new AndFilter({ filters: [equals("objectClass", "computer"), equals(by, value)] }) : equals(by, value);
    case "sAMAccountName":
    case "distinguishedName":
    case "servicePrincipalName":
    case "primaryGroupID":
    case "adminDescription":
      return equals(by, value);
  }
}

function equals(attribute: string, value: string | Buffer): Filter {
  return new EqualityFilter({ attribute, value });
}

/** What the account may create below an object, or write of it, in lower case: computed by the directory for whoever asks. */
export function effective(
  entry: Attributes | undefined,
  attribute: "allowedChildClassesEffective" | "allowedAttributesEffective",
): ReadonlySet<string> {
  return new Set(entry?.texts(attribute).map((name) => name.toLowerCase()));
}
