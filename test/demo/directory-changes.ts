/** What changes in the directory, as anybody can see it who may read there: one question by uSNChanged, again and again. */
import { type Client, Control, type Entry } from "ldapts";
import { BASE } from "../harness/directory.ts";

export interface DirectoryChange {
  readonly kind: "Created" | "Changed" | "Deleted";
  readonly what: string;
  readonly dn: string;
  /** Each attribute with the values that came and went. */
  readonly values: readonly { readonly attribute: string; readonly added: readonly string[]; readonly removed: readonly string[] }[];
}

const SHOW_DELETED = "1.2.840.113556.1.4.417";
const SHOWN = ["servicePrincipalName", "member", "description", "displayName", "dNSHostName", "msDS-SupportedEncryptionTypes"];
const KINDS: readonly (readonly [objectClass: string, name: string])[] = [
  ["msDS-GroupManagedServiceAccount", "gMSA"],
  ["computer", "computer"],
  ["group", "group"],
  ["user", "user"],
];

type Snapshot = Readonly<Record<string, readonly string[]>>;

export class DirectoryChanges {
  readonly #client: Client;
  readonly #known = new Map<string, Snapshot>();
  #last = 0n;

  constructor(client: Client) {
    this.#client = client;
  }

  /** What happened since the last question. The first one is about how things are, and its answer is of no interest. */
  async next(): Promise<readonly DirectoryChange[]> {
    const { searchEntries } = await this.#client.search(
      BASE,
      {
        filter: `(&(uSNChanged>=${this.#last + 1n})(|(objectClass=user)(objectClass=group)))`,
        attributes: ["objectGUID", "objectClass", "sAMAccountName", "uSNChanged", "isDeleted", "cn", ...SHOWN],
        explicitBufferAttributes: ["objectGUID"],
      },
      [new Control(SHOW_DELETED, { critical: true })],
    );
    const usnOf = (entry: Entry): bigint => BigInt(textsOf(entry, "uSNChanged")[0] ?? 0);
    const changes = searchEntries.toSorted((a, b) => (usnOf(a) < usnOf(b) ? -1 : 1)).flatMap((entry) => this.#take(entry));
    for (const entry of searchEntries) if (usnOf(entry) > this.#last) this.#last = usnOf(entry);
    return changes;
  }

  #take(entry: Entry): readonly DirectoryChange[] {
    const id = Buffer.isBuffer(entry["objectGUID"]) ? entry["objectGUID"].toString("hex") : entry.dn;
    const before = this.#known.get(id);
    const classes = textsOf(entry, "objectClass").map((name) => name.toLowerCase());
    const kind = KINDS.find(([name]) => classes.includes(name.toLowerCase()))?.[1] ?? "object";
    const about = { what: `${kind} ${textsOf(entry, "sAMAccountName")[0] ?? ""}`, dn: entry.dn };
    if (textsOf(entry, "isDeleted")[0] === "TRUE") {
      this.#known.delete(id);
      return before ? [{ kind: "Deleted", ...about, values: [] }] : [];
    }
    const now = Object.fromEntries(SHOWN.map((name) => [name, textsOf(entry, name)]));
    this.#known.set(id, now);
    const values = SHOWN.flatMap((attribute) => {
      const [old, current] = [before?.[attribute] ?? [], now[attribute] ?? []];
      const added = current.filter((value) => !old.includes(value));
      const removed = old.filter((value) => !current.includes(value));
      return added.length + removed.length > 0 ? [{ attribute, added, removed }] : [];
    });
    if (!before) return [{ kind: "Created", ...about, values }];
    return values.length > 0 ? [{ kind: "Changed", ...about, values }] : [];
  }
}

function textsOf(entry: Entry, attribute: string): readonly string[] {
  const value = entry[attribute];
  return value === undefined ? [] : [value].flat().map(String);
}
