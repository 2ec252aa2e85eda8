/** What changed in the directory since the last look, by uSNChanged: USNs belong to one DC, so a feed lives as long as its session. */
import { AndFilter, EqualityFilter, GreaterThanEqualsFilter, OrFilter } from "ldapts";
import { dnKey } from "../farm/distinguished-name.ts";
import { DirectoryError } from "../farm/errors.ts";
import { type Attributes, OBJECT_ATTRIBUTES } from "./entries.ts";
import { decodeGuid } from "./guid.ts";
import type { LdapSession } from "./ldap-session.ts";

/** Every term by which a farm may have asked for a changed object, in lower case; or that too much changed to say. */
export type FeedBatch = { readonly kind: "Terms"; readonly terms: ReadonlySet<string> } | { readonly kind: "Everything" };

export class ChangeFeed {
  readonly #session: LdapSession;
  #last: bigint;

  constructor(session: LdapSession) {
    this.#session = session;
    this.#last = session.rootDse.highestCommittedUSN;
  }

  /** One search. Deletions are in it. */
  async poll(): Promise<FeedBatch> {
    const changed = new GreaterThanEqualsFilter({ attribute: "uSNChanged", value: String(this.#last + 1n) });
    // Computers and service accounts are users; whatever else holds an SPN is one too.
    const kinds = new OrFilter({ filters: ["user", "group"].map((value) => new EqualityFilter({ attribute: "objectClass", value })) });
    let entries: readonly Attributes[];
    try {
      entries = await this.#session.search({
        base: this.#session.rootDse.defaultNamingContext,
        scope: "sub",
        filter: new AndFilter({ filters: [changed, kinds] }),
        attributes: [...OBJECT_ATTRIBUTES.filter((name) => name !== "member"), "uSNChanged", "isDeleted"],
        deleted: true,
      });
    } catch (error) {
      if (!(error instanceof DirectoryError) || error.code !== 4) throw error;
      return await this.#skip();
    }
    for (const entry of entries) {
      const usn = entry.text("uSNChanged");
      if (usn !== undefined && BigInt(usn) > this.#last) this.#last = BigInt(usn);
    }
    return { kind: "Terms", terms: new Set(entries.flatMap(termsOf)) };
  }

  /** More changed than the server lists at once: everything is looked at, and the feed goes on from now. */
  async #skip(): Promise<FeedBatch> {
    const root = await this.#session.searchOne({ base: "", scope: "base", attributes: ["highestCommittedUSN"] });
    const usn = root?.text("highestCommittedUSN");
    if (usn !== undefined && /^\d+$/.test(usn)) this.#last = BigInt(usn);
    return { kind: "Everything" };
  }
}

function termsOf(entry: Attributes): readonly string[] {
  const guid = entry.bytes("objectGUID");
  return [
    guid ? decodeGuid(guid) : undefined,
    entry.text("sAMAccountName")?.toLowerCase(),
    entry.text("dNSHostName")?.toLowerCase(),
    dnKey(entry.distinguishedName),
    ...entry.texts("servicePrincipalName").map((name) => name.toLowerCase()),
  ].filter((term) => term !== undefined);
}
