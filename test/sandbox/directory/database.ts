/** The objects of the directory: a tree, its indexes, its links, and its update sequence numbers. */
import { randomUUID } from "node:crypto";
import { encodeGuid } from "../../../src/names/identifier.ts";
import { escapeValue, normalizeDn, parseDn, type RelativeName } from "../../../src/names/distinguished-name.ts";
import { attributeSchema, matchKey, type Value } from "./schema.ts";

export class Entry {
  readonly guid: string;
  rdn: RelativeName;
  parent: Entry | undefined;
  readonly children = new Map<string, Entry>();
  /** By name in lower case; links and computed attributes are not here. */
  readonly attributes = new Map<string, readonly Value[]>();
  /** Members of a group. */
  readonly members = new Set<Entry>();
  readonly memberOf = new Set<Entry>();
  usnChanged = 0n;
  #dn: string | undefined;

  constructor(guid: string, rdn: RelativeName, parent: Entry | undefined) {
    this.guid = guid;
    this.rdn = rdn;
    this.parent = parent;
  }

  get dn(): string {
    this.#dn ??= [`${this.rdn.type}=${escapeValue(this.rdn.value)}`, ...(this.parent ? [this.parent.dn] : [])].join(",");
    return this.#dn;
  }

  get deleted(): boolean {
    return this.attributes.has("isdeleted");
  }

  /** The most special class. */
  get objectClass(): string {
    return String(this.attributes.get("objectclass")?.at(-1) ?? "");
  }

  is(className: string): boolean {
    const wanted = className.toLowerCase();
    return (this.attributes.get("objectclass") ?? []).some((name) => String(name).toLowerCase() === wanted);
  }

  first(name: string): Value | undefined {
    return this.attributes.get(name.toLowerCase())?.[0];
  }

  /** Whether it is `other` or below it. */
  within(other: Entry): boolean {
    return other === this || (this.parent?.within(other) ?? false);
  }

  forgetDn(): void {
    this.#dn = undefined;
    for (const child of this.children.values()) child.forgetDn();
  }
}

function rdnKey({ type, value }: RelativeName): string {
  return `${type.toLowerCase()}=${value.toLowerCase()}`;
}

export class Database {
  readonly #contexts = new Map<string, Entry>();
  readonly #byGuid = new Map<string, Entry>();
  readonly #indexes = new Map<string, Map<string, Set<Entry>>>();
  /** In the order of their USNs. Where an object changed again, the older one no longer counts. */
  readonly #changes: { readonly usn: bigint; readonly entry: Entry }[] = [];
  #usn = 1000n;
  /** Given out to writes that are not committed yet. */
  readonly #open = new Set<bigint>();
  #committing: bigint | undefined;

  /** highestCommittedUSN: nothing up to it is still open. */
  get usn(): bigint {
    return [...this.#open].reduce((lowest, usn) => (usn <= lowest ? usn - 1n : lowest), this.#usn);
  }

  /** A write that takes its USN now, and is seen once it is committed: then `write` is done under that USN. */
  begin(write: () => void): { readonly commit: () => void } {
    this.#usn += 1n;
    const usn = this.#usn;
    this.#open.add(usn);
    return {
      commit: () => {
        this.#committing = usn;
        write();
        this.#committing = undefined;
        this.#open.delete(usn);
      },
    };
  }

  get size(): number {
    return this.#byGuid.size;
  }

  /** A naming context: a root of the tree, whatever its name has above it. */
  addContext(dn: string, attributes: Readonly<Record<string, readonly Value[]>>): Entry {
    const [first, ...rest] = parseDn(dn);
    const rdn = first?.[0];
    if (!rdn) throw new Error(`${dn} is no naming context`);
    const entry = new Entry(randomUUID(), rdn, undefined);
    // The names above it are no objects, only text.
    const above = rest.map(([name]) => (name ? `${name.type}=${escapeValue(name.value)}` : "")).join(",");
    if (above !== "") entry.parent = new NameOnly(above);
    this.#contexts.set(normalizeDn(dn), entry);
    this.#enter(entry, attributes);
    return entry;
  }

  add(parent: Entry, rdn: RelativeName, attributes: Readonly<Record<string, readonly Value[]>>): Entry {
    const entry = new Entry(randomUUID(), rdn, parent);
    parent.children.set(rdnKey(rdn), entry);
    this.#enter(entry, attributes);
    return entry;
  }

  /** Undefined where there is no such object. Throws DistinguishedNameError for what is no name. */
  resolve(dn: string): Entry | undefined {
    return this.#walk(dn).entry;
  }

  /** The nearest object above a name that is not there. */
  nearest(dn: string): string {
    try {
      return this.#walk(dn).last?.dn ?? "";
    } catch {
      return "";
    }
  }

  byGuid(guid: string): Entry | undefined {
    return this.#byGuid.get(guid);
  }

  /** Objects by an indexed attribute; undefined where it is not indexed. */
  lookUp(attribute: string, key: string): ReadonlySet<Entry> | undefined {
    if (!attributeSchema(attribute)?.indexed) return undefined;
    return this.#indexes.get(attribute.toLowerCase())?.get(key) ?? new Set();
  }

  *changedSince(usn: bigint): Iterable<Entry> {
    for (let index = this.#firstFrom(usn); index < this.#changes.length; index++) {
      const change = this.#changes[index];
      if (change && change.entry.usnChanged === change.usn) yield change.entry;
    }
  }

  /** Where the changes with this USN, and those after it, begin. */
  #firstFrom(usn: bigint): number {
    let [low, high] = [0, this.#changes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle]?.usn ?? 0n) < usn) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  *below(base: Entry): Iterable<Entry> {
    yield base;
    for (const child of base.children.values()) yield* this.below(child);
  }

  /** Sets what is given; an empty list takes an attribute away. */
  set(entry: Entry, attributes: Readonly<Record<string, readonly Value[]>>): void {
    for (const [name, values] of Object.entries(attributes)) this.#put(entry, name.toLowerCase(), values);
    this.touch(entry);
  }

  setMembers(group: Entry, members: Iterable<Entry>): void {
    const wanted = new Set(members);
    for (const member of group.members) if (!wanted.has(member)) member.memberOf.delete(group);
    for (const member of wanted) member.memberOf.add(group);
    group.members.clear();
    for (const member of wanted) group.members.add(member);
    this.touch(group);
  }

  move(entry: Entry, rdn: RelativeName, parent: Entry): void {
    entry.parent?.children.delete(rdnKey(entry.rdn));
    entry.rdn = rdn;
    entry.parent = parent;
    parent.children.set(rdnKey(rdn), entry);
    entry.forgetDn();
    this.set(entry, { name: [rdn.value], [rdn.type]: [rdn.value] });
  }

  /** A tombstone: what is left of a deleted object, under Deleted Objects (MS-ADTS 3.1.1.5.5.1.1). Links to it are gone at once. */
  bury(entry: Entry, deletedObjects: Entry): void {
    const parent = entry.parent?.dn ?? "";
    for (const group of entry.memberOf) group.members.delete(entry);
    entry.memberOf.clear();
    this.setMembers(entry, []);
    for (const name of entry.attributes.keys()) if (!KEPT.has(name)) this.#put(entry, name, []);
    this.move(entry, { type: entry.rdn.type, value: `${entry.rdn.value}\nDEL:${entry.guid}` }, deletedObjects);
    this.set(entry, { isDeleted: ["TRUE"], lastKnownParent: [parent] });
  }

  touch(entry: Entry): void {
    if (this.#committing === undefined) this.#usn += 1n;
    const usn = this.#committing ?? this.#usn;
    entry.usnChanged = usn;
    this.#changes.splice(this.#firstFrom(usn + 1n), 0, { usn, entry });
    entry.attributes.set("usnchanged", [String(usn)]);
    entry.attributes.set("whenchanged", [generalizedTime()]);
  }

  #enter(entry: Entry, attributes: Readonly<Record<string, readonly Value[]>>): void {
    this.#byGuid.set(entry.guid, entry);
    this.set(entry, {
      ...attributes,
      objectGUID: [encodeGuid(entry.guid)],
      name: [entry.rdn.value],
      [entry.rdn.type]: [entry.rdn.value],
      whenCreated: [generalizedTime()],
      instanceType: ["4"],
    });
    entry.attributes.set("usncreated", [String(entry.usnChanged)]);
  }

  #put(entry: Entry, name: string, values: readonly Value[]): void {
    const schema = attributeSchema(name);
    if (!schema) throw new Error(`${name} is not in the schema`);
    if (schema.indexed) {
      let index = this.#indexes.get(name);
      if (!index) this.#indexes.set(name, (index = new Map<string, Set<Entry>>()));
      for (const value of entry.attributes.get(name) ?? []) {
        const key = matchKey(schema, value) ?? "";
        const holders = index.get(key);
        holders?.delete(entry);
        if (holders?.size === 0) index.delete(key);
      }
      for (const value of values) {
        const key = matchKey(schema, value) ?? "";
        const holders = index.get(key);
        if (holders) holders.add(entry);
        else index.set(key, new Set([entry]));
      }
    }
    if (values.length === 0) entry.attributes.delete(name);
    else entry.attributes.set(name, values);
  }

  #walk(dn: string): { readonly entry: Entry | undefined; readonly last: Entry | undefined } {
    const names = parseDn(dn);
    for (let start = 0; start < names.length; start++) {
      const suffix = names
        .slice(start)
        .map((parts) => parts.map((name) => `${name.type.toLowerCase()}=${escapeValue(name.value.toLowerCase())}`).join("+"))
        .join(",");
      let entry = this.#contexts.get(suffix);
      let last = entry;
      if (!entry) continue;
      for (let index = start - 1; index >= 0 && entry; index--) {
        const [name, second] = names[index] ?? [];
        entry = name && !second ? entry.children.get(rdnKey(name)) : undefined;
        last = entry ?? last;
      }
      return { entry, last };
    }
    return { entry: undefined, last: undefined };
  }
}

/** The part of a naming context's name that is above it. */
class NameOnly extends Entry {
  readonly #text: string;

  constructor(text: string) {
    super(randomUUID(), { type: "DC", value: "x" }, undefined);
    this.#text = text;
  }

  override get dn(): string {
    return this.#text;
  }
}

const KEPT = new Set(
  "objectguid objectsid objectclass samaccountname name cn ou distinguishedname dnshostname grouptype useraccountcontrol usncreated usnchanged whencreated whenchanged instancetype isdeleted lastknownparent".split(
    " ",
  ),
);

export function generalizedTime(date = new Date()): string {
  return `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}.0Z`;
}

/** FILETIME: 100 ns since 1601. */
export function filetime(date = new Date()): string {
  return String((BigInt(date.getTime()) + 11_644_473_600_000n) * 10_000n);
}
