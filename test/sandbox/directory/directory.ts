/** Active Directory's operations on its objects, as LDAP asks for them. Knows nothing of sockets. */
import { randomUUID } from "node:crypto";
import { encodeSid } from "../../../src/names/identifier.ts";
import { DistinguishedNameError, parseDn, type RelativeName } from "../../../src/names/distinguished-name.ts";
import { AccessList, isAdministrator, type Right, type Token } from "./access.ts";
import { complete, type Passwords, verify } from "./account-rules.ts";
import { Database, type Entry } from "./database.ts";
import { type Cause, type Dialect, failure } from "./failure.ts";
import { candidates, matches } from "./filter.ts";
import { managedPassword } from "./managed-password.ts";
import type { AttributeValues, Modification, Request, ResultEntry, SearchRequest } from "./message.ts";
import { setPrimaryGroup, verifyNewMember, verifyNobodysPrimaryGroup, verifyPrimaryGroup } from "./primary-group.ts";
import { verifyPrincipalNames } from "./principal-name-rules.ts";
import { joins } from "./self-join.ts";
import { ATTRIBUTE_SCHEMAS, type AttributeSchema, attributeSchema, CLASS_SCHEMAS, classChain, matchKey, type Value } from "./schema.ts";

/** MaxPageSize and MaxValRange of the default LDAP policy. */
const MOST_ENTRIES = 1000;
const MOST_VALUES = 1500;

export interface SearchOptions {
  readonly deleted: boolean;
  /** A page, and what earlier ones left over; then no limit of the policy applies. */
  readonly page?: { readonly size: number; readonly rest: readonly Entry[] | undefined };
}

export interface SearchResult {
  readonly entries: readonly ResultEntry[];
  /** More was found than is in `entries`. */
  readonly more: boolean;
  /** Of a page: what is left for the next ones, which was found when the first was asked for. */
  readonly rest: readonly Entry[];
}

export interface DirectorySettings {
  readonly dnsName: string;
  readonly netbiosName: string;
  readonly dialect: Dialect;
}

export class Directory {
  readonly database = new Database();
  readonly access = new AccessList();
  readonly passwords: Passwords = new Map();
  readonly settings: DirectorySettings;
  readonly domainSid: string;
  readonly invocationId = randomUUID();
  readonly baseDn: string;
  #nextRid = 1103;

  constructor(settings: DirectorySettings) {
    this.settings = settings;
    this.baseDn = settings.dnsName
      .split(".")
      .map((label) => `DC=${label}`)
      .join(",");
    const random = (): number => 1_000_000_000 + Math.floor(Math.random() * 3_000_000_000);
    this.domainSid = `S-1-5-21-${random()}-${random()}-${random()}`;
  }

  refuse(cause: Cause, subject?: string, detail?: string): Error {
    return failure(this.settings.dialect, cause, subject, detail);
  }

  nextSid(): string {
    this.#nextRid += 1;
    return `${this.domainSid}-${this.#nextRid}`;
  }

  /** The account that a simple bind names (MS-ADTS 5.1.1.1.1): by DN, by UPN, by NETBIOS\name. Throws LdapFailure. */
  bind(name: string, password: Buffer): Token {
    const user = this.#account(name);
    const refused = (data: string): Error => this.refuse("BindRefused", "", data);
    if (!user) throw refused("52e");
    const threshold = Number(this.database.resolve(this.baseDn)?.first("lockoutThreshold") ?? 0);
    const failed = Number(user.first("badPwdCount") ?? 0);
    if (threshold > 0 && failed >= threshold) throw refused("775");
    if (this.passwords.get(user.guid)?.equals(password) !== true) {
      this.database.set(user, { badPwdCount: [String(failed + 1)] });
      throw refused("52e");
    }
    if ((Number(user.first("userAccountControl")) & 2) !== 0) throw refused("533");
    if (failed > 0) this.database.set(user, { badPwdCount: ["0"] });
    return { user, sids: this.sidsOf(user) };
  }

  /** Of the account, of every group that it is in, through others too, and of everybody. */
  sidsOf(user: Entry): ReadonlySet<string> {
    const sids = new Set(["S-1-1-0", "S-1-5-11"]);
    const seen = new Set<Entry>();
    const waiting = [user];
    for (let entry = waiting.pop(); entry; entry = waiting.pop()) {
      if (seen.has(entry)) continue;
      seen.add(entry);
      const sid = this.sidOf(entry);
      if (sid !== undefined) sids.add(sid);
      waiting.push(...entry.memberOf);
      const primary = entry.first("primaryGroupID");
      if (primary !== undefined) waiting.push(...this.#bySid(`${this.domainSid}-${String(primary)}`));
    }
    return sids;
  }

  sidOf(entry: Entry): string | undefined {
    return sidText(entry.first("objectSid"));
  }

  search(token: Token | undefined, request: SearchRequest, { deleted, page }: SearchOptions): SearchResult {
    if (!token) throw this.refuse("NotBound");
    const base = this.find(request.base, deleted);
    const visible = (entry: Entry): boolean => this.#visible(token, entry, deleted);
    if (!visible(base)) throw this.refuse("NoObject", "", base.parent?.dn ?? "");
    const found: Entry[] = [];
    const limit = page ? Number.POSITIVE_INFINITY : Math.min(request.sizeLimit === 0 ? MOST_ENTRIES : request.sizeLimit, MOST_ENTRIES);
    const valuesOf = (entry: Entry, attribute: string): readonly Value[] => this.#values(entry, attribute, token);
    let more = false;
    for (const entry of page?.rest ?? this.#inScope(base, request)) {
      if (!visible(entry) || matches(this.database, request.filter, entry, valuesOf) !== true) continue;
      if (found.length >= limit) {
        more = true;
        break;
      }
      found.push(entry);
    }
    const [shown, rest] = page ? [found.slice(0, page.size), found.slice(page.size)] : [found, []];
    return {
      entries: shown.map((entry) => this.#present(entry, request, token)),
      more: page ? rest.length > 0 : more,
      rest,
    };
  }

  add(token: Token | undefined, dn: string, given: readonly AttributeValues[]): Entry {
    if (!token) throw this.refuse("NotBound");
    const [rdn, parent] = this.#place(dn);
    const attributes = this.#collect(given);
    const className = String(attributes.get("objectclass")?.at(-1) ?? "");
    const schema = CLASS_SCHEMAS.get(className.toLowerCase());
    if (!schema?.creatable) throw this.refuse("ClassViolation", "", "0");
    if (schema.rdn !== rdn.type.toLowerCase()) throw this.refuse("NamingViolation", dn);
    const creates = this.access.allows(token, "CC", parent, schema.guid);
    if (!creates && !joins(this, token, parent, schema.name, attributes)) throw this.refuse("NoAccessToCreate", dn);
    if (schema.name === "container" && parent.is("user")) throw this.refuse("NotBelow", parent.dn, schema.name);
    if (this.#exists(rdn, parent)) throw this.refuse("EntryExists");
    for (const [name, values] of attributes) {
      const attribute = this.#schemaOf(name);
      if (attribute.system && !this.#writableAtCreation.has(name)) throw this.refuse("SystemOnly", attribute.name);
      this.#verifyValues(attribute, schema.name, values);
    }
    if (rdn.value.length > 64) throw this.refuse("OutOfRange", "cn");
    attributes.set("objectclass", classChain(schema.name));
    attributes.set("objectcategory", [`CN=${schema.category},CN=Schema,CN=Configuration,${this.baseDn}`]);
    if (attributes.has("primarygroupid")) throw this.refuse("PrimaryGroupAtCreation");
    if (!creates) attributes.set("ms-ds-creatorsid", token.user.attributes.get("objectsid") ?? []);
    const members = this.#targets(attributes.get("member") ?? []);
    const password = attributes.get("unicodepwd")?.[0];
    for (const name of ["member", "unicodepwd", "cn", "ou", "dc", "name"]) attributes.delete(name);
    complete(this, schema.name, attributes);
    verify(this, undefined, schema.name, attributes);
    verifyPrincipalNames(this, token, undefined, attributes.get("serviceprincipalname") ?? []);
    const cleartext = password === undefined ? undefined : this.#cleartext(password);
    const entry = this.database.add(parent, rdn, Object.fromEntries(attributes));
    if (members.length > 0) this.database.setMembers(entry, members);
    if (cleartext) this.passwords.set(entry.guid, cleartext);
    return entry;
  }

  modify(token: Token | undefined, dn: string, changes: readonly Modification[], permissive: boolean): void {
    if (!token) throw this.refuse("NotBound");
    const entry = this.find(dn, false);
    const touched = new Map<string, readonly Value[]>();
    let members: Set<Entry> | undefined;
    let password: Buffer | undefined;
    for (const { operation, type, values } of changes) {
      const schema = this.#schemaOf(type);
      const name = schema.name.toLowerCase();
      if (schema.constructed || (schema.system && !["admincount"].includes(name))) throw this.refuse("SystemOnly", schema.name);
      if (NAMES.has(name)) throw this.refuse("NotAllowedOnRdn", schema.name);
      if (!this.access.allows(token, "WP", entry, schema.guid)) throw this.refuse("NoAccess");
      if (name === "member") {
        members ??= new Set(entry.members);
        this.#changeMembers(entry, members, operation, values, permissive);
        continue;
      }
      if (name === "unicodepwd") {
        const [value] = values;
        if (operation !== "delete" && value) password = this.#cleartext(value);
        continue;
      }
      this.#verifyValues(schema, entry.objectClass, values);
      const before = touched.get(name) ?? entry.attributes.get(name) ?? [];
      touched.set(name, this.#changed(schema, before, operation, values, permissive));
    }
    for (const [name, values] of touched) {
      const schema = this.#schemaOf(name);
      if (schema.single && values.length > 1) throw this.refuse("SingleValued", schema.name);
      if (name === "objectclass") throw this.refuse("ClassViolation", "", "0");
    }
    verify(this, entry, entry.objectClass, touched);
    verifyPrincipalNames(this, token, entry, this.#namesToVerify(changes));
    const primary = touched.get("primarygroupid");
    if (primary) verifyPrimaryGroup(this, entry, primary[0] === undefined ? undefined : String(primary[0]));
    if (primary) setPrimaryGroup(this, entry, String(primary[0]));
    const different = [...touched].filter(([name, values]) => !same(entry.attributes.get(name) ?? [], values));
    if (different.length > 0) this.database.set(entry, Object.fromEntries(different));
    if (members && !sameSet(members, entry.members)) this.database.setMembers(entry, members);
    if (password) {
      this.passwords.set(entry.guid, password);
      this.database.set(entry, { badPwdCount: ["0"] });
    }
  }

  delete(token: Token | undefined, dn: string, tree: boolean): void {
    if (!token) throw this.refuse("NotBound");
    const entry = this.find(dn, false);
    const parent = entry.parent;
    const guid = CLASS_SCHEMAS.get(entry.objectClass.toLowerCase())?.guid;
    if (!parent || entry.first("isCriticalSystemObject") === "TRUE") throw this.refuse("ProtectedObject");
    if (!this.access.allows(token, "SD", entry, undefined) && !this.access.allows(token, "DC", parent, guid))
      throw this.refuse("NoAccessToDelete", entry.dn, parent.dn);
    if (entry.children.size > 0 && !tree) throw this.refuse("NonLeaf", entry.dn, String(entry.children.size));
    for (const each of this.database.below(entry)) verifyNobodysPrimaryGroup(this, each);
    const deletedObjects = this.database.resolve(`CN=Deleted Objects,${this.baseDn}`);
    if (!deletedObjects) throw this.refuse("Unwilling");
    for (const each of [...this.database.below(entry)].toReversed()) {
      this.passwords.delete(each.guid);
      this.database.bury(each, deletedObjects);
    }
  }

  modifyDn(token: Token | undefined, { dn, newRdn, newSuperior }: Extract<Request, { kind: "ModifyDn" }>): void {
    if (!token) throw this.refuse("NotBound");
    const entry = this.find(dn, false);
    const parent = newSuperior === undefined ? entry.parent : this.find(newSuperior, false);
    const rdn = this.#names(newRdn)[0]?.[0];
    if (!parent || !entry.parent || !rdn || parent.within(entry)) throw this.refuse("Unwilling");
    if (rdn.type.toLowerCase() !== entry.rdn.type.toLowerCase()) throw this.refuse("NamingViolation", newRdn);
    const guid = CLASS_SCHEMAS.get(entry.objectClass.toLowerCase())?.guid;
    const moves = parent !== entry.parent;
    if (!this.access.allows(token, "WP", entry, undefined) && !isAdministrator(token)) throw this.refuse("NoAccess");
    if (moves && !this.access.allows(token, "CC", parent, guid)) throw this.refuse("NoAccess");
    const existing = this.#exists(rdn, parent);
    if (existing && existing !== entry) throw this.refuse("EntryExists");
    this.database.move(entry, rdn, parent);
  }

  compare(token: Token | undefined, { dn, attribute, value }: Extract<Request, { kind: "Compare" }>): boolean {
    if (!token) throw this.refuse("NotBound");
    const schema = this.#schemaOf(attribute);
    const key = matchKey(schema, value);
    return this.#values(this.find(dn, false), schema.name, token).some((held) => matchKey(schema, held) === key);
  }

  /** By DN, <GUID=…>, <SID=…> or <WKGUID=…,…>. Throws noSuchObject with the nearest object above. */
  find(name: string, deleted: boolean): Entry {
    const entry = this.#resolve(name);
    if (!entry || (entry.deleted && !deleted)) throw this.refuse("NoObject", "", this.database.nearest(name));
    return entry;
  }

  #resolve(name: string): Entry | undefined {
    const special = /^<(GUID|SID|WKGUID)=(.*)>$/i.exec(name);
    if (!special) {
      this.#names(name);
      return this.database.resolve(name);
    }
    const [, kind = "", value = ""] = special;
    switch (kind.toUpperCase()) {
      case "GUID":
        return this.database.byGuid(value.toLowerCase());
      case "SID":
        return this.#bySid(value)[0];
      default: {
        const [guid = "", ...rest] = value.split(",");
        const domain = this.database.resolve(rest.join(","));
        const known = [...(domain?.attributes.get("wellknownobjects") ?? []), ...(domain?.attributes.get("otherwellknownobjects") ?? [])];
        const dn = known.map(String).find((text) => text.split(":")[2]?.toLowerCase() === guid.toLowerCase());
        return dn === undefined ? undefined : this.database.resolve(dn.split(":").slice(3).join(":"));
      }
    }
  }

  #names(dn: string): ReturnType<typeof parseDn> {
    try {
      return parseDn(dn);
    } catch (error) {
      if (error instanceof DistinguishedNameError) throw this.refuse("BadName", dn);
      throw error;
    }
  }

  #place(dn: string): readonly [RelativeName, Entry] {
    const [first] = this.#names(dn);
    const rdn = first?.[0];
    if (!rdn || first.length > 1) throw this.refuse("NamingViolation", dn);
    const parent = this.database.resolve(afterFirst(dn));
    if (!parent || parent.deleted) throw this.refuse("NoObject", "", this.database.nearest(dn));
    return [rdn, parent];
  }

  #exists({ type, value }: RelativeName, parent: Entry): Entry | undefined {
    return parent.children.get(`${type.toLowerCase()}=${value.toLowerCase()}`);
  }

  #account(name: string): Entry | undefined {
    const one = (attribute: string, value: string): Entry | undefined =>
      [...(this.database.lookUp(attribute, value.toLowerCase()) ?? [])].find((entry) => !entry.deleted);
    if (name.includes("\\")) {
      const [domain = "", user = ""] = name.split("\\");
      return domain.toLowerCase() === this.settings.netbiosName.toLowerCase() ? one("sAMAccountName", user) : undefined;
    }
    if (name.includes("@")) {
      const found = one("userPrincipalName", name);
      const at = name.lastIndexOf("@");
      const realm = name.slice(at + 1).toLowerCase();
      const ours = [this.settings.dnsName, this.settings.netbiosName].some((own) => own.toLowerCase() === realm);
      return found ?? (ours ? one("sAMAccountName", name.slice(0, at)) : undefined);
    }
    try {
      return name.includes("=") ? this.database.resolve(name) : undefined;
    } catch {
      return undefined;
    }
  }

  #bySid(sid: string): readonly Entry[] {
    return [...(this.database.lookUp("objectSid", encodeSid(sid).toString("hex")) ?? [])];
  }

  /** The domain's group with this relative identifier. */
  groupOf(rid: string): Entry | undefined {
    return this.#bySid(`${this.domainSid}-${rid}`).find((entry) => entry.is("group") && !entry.deleted);
  }

  /** Systems' own attributes that an Add may bear: on Samba even a computer's maker. */
  get #writableAtCreation(): ReadonlySet<string> {
    return new Set(["msds-managedpasswordinterval", ...(this.settings.dialect === "Samba" ? ["ms-ds-creatorsid"] : [])]);
  }

  /** Samba looks at the first change of the names in a modify and at no other one: an addition behind it goes unchecked. */
  #namesToVerify(changes: readonly Modification[]): readonly Value[] {
    const names = changes.filter(({ type }) => type.toLowerCase() === "serviceprincipalname");
    const checked = this.settings.dialect === "Samba" ? names.slice(0, 1) : names;
    return checked.flatMap(({ operation, values }) => (operation === "delete" ? [] : values.map((value) => value.toString("utf8"))));
  }

  /** Keys are for administrators; tombstones too, on Windows. */
  #visible(token: Token, entry: Entry, deleted: boolean): boolean {
    if (entry.deleted && (!deleted || (this.settings.dialect === "Windows" && !isAdministrator(token)))) return false;
    if (this.access.hides(token, entry)) return false;
    return entry.objectClass !== "msKds-ProvRootKey" || isAdministrator(token);
  }

  *#inScope(base: Entry, { scope, filter }: SearchRequest): Iterable<Entry> {
    if (scope === "base") {
      yield base;
      return;
    }
    const likely = candidates(this.database, filter);
    for (const entry of likely ?? this.database.below(base)) {
      if (scope === "one" ? entry.parent === base : entry.within(base)) yield entry;
    }
  }

  #present(entry: Entry, { attributes, typesOnly }: SearchRequest, token: Token): ResultEntry {
    const shown: { name: string; values: readonly Value[] }[] = [];
    const everything = attributes.length === 0 || attributes.includes("*");
    const asked = new Map<string, string | undefined>();
    if (everything) {
      for (const name of entry.attributes.keys()) asked.set(name, undefined);
      for (const name of ["distinguishedname", "member", "memberof"]) asked.set(name, undefined);
    }
    for (const text of attributes) {
      const [name = "", ...options] = text.toLowerCase().split(";");
      if (name !== "*" && name !== "1.1")
        asked.set(
          name,
          options.find((option) => option.startsWith("range=")),
        );
    }
    for (const [name, range] of asked) {
      const schema = ATTRIBUTE_SCHEMAS.get(name);
      if (!schema) continue;
      const values = this.#values(entry, name, token);
      if (values.length === 0) continue;
      const part = ranged(schema.name, values, range);
      shown.push({ name: part.name, values: typesOnly ? [] : part.values });
    }
    return { dn: entry.dn, attributes: shown };
  }

  #values(entry: Entry, attribute: string, token: Token): readonly Value[] {
    switch (attribute.toLowerCase()) {
      case "distinguishedname":
        return [entry.dn];
      case "member":
        return [...entry.members].map(({ dn }) => dn);
      case "memberof":
        return [...entry.memberOf].map(({ dn }) => dn);
      case "allowedattributeseffective":
        return [...ATTRIBUTE_SCHEMAS.values()]
          .filter(({ system, of }) => !system && (of === undefined || entry.is(of)))
          .filter(({ guid }) => this.access.allows(token, "WP", entry, guid))
          .map(({ name }) => name);
      case "allowedchildclasseseffective":
        return [...CLASS_SCHEMAS.values()]
          .filter(({ creatable, guid }) => creatable && guid !== undefined && this.access.allows(token, "CC", entry, guid))
          .map(({ name }) => name);
      case "msds-managedpassword":
        return managedPassword(this, entry, token);
      case "tokengroups":
        return [...this.sidsOf(entry)].map((sid) => encodeSid(sid));
      default:
        return entry.attributes.get(attribute.toLowerCase()) ?? [];
    }
  }

  #schemaOf(type: string): AttributeSchema {
    const schema = attributeSchema(type.split(";")[0] ?? "");
    if (!schema) throw this.refuse("UndefinedAttribute", type);
    return schema;
  }

  #collect(given: readonly AttributeValues[]): Map<string, readonly Value[]> {
    const attributes = new Map<string, readonly Value[]>();
    for (const { type, values } of given) {
      const schema = this.#schemaOf(type);
      if (schema.constructed) throw this.refuse("SystemOnly", schema.name);
      if (values.length === 0) continue;
      const held = attributes.get(schema.name.toLowerCase()) ?? [];
      const all = [...held, ...values.map((value) => stored(schema, value))];
      if (schema.single && all.length > 1) throw this.refuse("SingleValued", schema.name);
      attributes.set(schema.name.toLowerCase(), all);
    }
    return attributes;
  }

  #verifyValues(schema: AttributeSchema, className: string, values: readonly Value[]): void {
    if (schema.of !== undefined && !classChain(className).includes(schema.of)) throw this.refuse("ClassViolation", schema.name, "0");
    for (const value of values) {
      if (value.length === 0) throw this.refuse("BadValue", schema.name);
      if (schema.syntax === "dn") this.#names(String(value));
      if (matchKey(schema, value) === undefined) throw this.refuse("BadValue", schema.name);
      if (schema.maximum !== undefined && String(value).length > schema.maximum) throw this.refuse("OutOfRange", schema.name);
    }
  }

  #changed(
    schema: AttributeSchema,
    before: readonly Value[],
    operation: Modification["operation"],
    given: readonly Buffer[],
    permissive: boolean,
  ): readonly Value[] {
    const values = given.map((value) => stored(schema, value));
    const keyOf = (value: Value): string => matchKey(schema, value) ?? "";
    if (operation === "replace") return values;
    if (operation === "add") {
      const held = new Set(before.map(keyOf));
      const added: Value[] = [];
      for (const value of values) {
        if (held.has(keyOf(value))) {
          if (!permissive) throw this.refuse("ValueExists", schema.name);
        } else added.push(value);
        held.add(keyOf(value));
      }
      return [...before, ...added];
    }
    if (values.length === 0) {
      if (before.length === 0 && !permissive) throw this.refuse("NoValue", schema.name);
      return [];
    }
    const gone = new Set(values.map(keyOf));
    const held = new Set(before.map(keyOf));
    if (!permissive && [...gone].some((key) => !held.has(key))) throw this.refuse("NoValue", schema.name);
    return before.filter((value) => !gone.has(keyOf(value)));
  }

  #changeMembers(
    group: Entry,
    members: Set<Entry>,
    operation: Modification["operation"],
    values: readonly Buffer[],
    permissive: boolean,
  ): void {
    if (!group.is("group")) throw this.refuse("ClassViolation", "member", "0");
    if (operation === "delete" && values.length > 0) {
      for (const value of values) {
        const member = this.#resolve(value.toString("utf8"));
        if (!member || !members.delete(member)) {
          if (!permissive) throw this.refuse("MemberMissing", "member", value.toString("utf8"));
        }
      }
      return;
    }
    const targets = this.#targets(values);
    for (const target of targets) verifyNewMember(this, group, target);
    if (operation !== "add") members.clear();
    for (const target of targets) {
      if (members.has(target) && !permissive) throw this.refuse("MemberExists", "member", target.dn);
      members.add(target);
    }
  }

  #targets(values: readonly Value[]): readonly Entry[] {
    return values.map((value) => {
      const target = this.#resolve(String(value));
      if (!target || target.deleted) throw this.refuse("MemberNotFound", "member", this.database.nearest(String(value)));
      return target;
    });
  }

  /** The password of a unicodePwd: in quotes, UTF-16LE; at least seven characters of three kinds. */
  #cleartext(value: Value): Buffer {
    const text = Buffer.isBuffer(value) ? value.toString("utf16le") : value;
    const inside = /^"(.*)"$/s.exec(text)?.[1];
    const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(inside ?? "")).length;
    if (inside === undefined || inside.length < 7 || kinds < 3) throw this.refuse("BadPassword");
    return Buffer.from(inside);
  }

  /** May this account do that here? For the provisioning of rights and for tests. */
  may(token: Token, right: Right, entry: Entry, object?: string): boolean {
    return this.access.allows(token, right, entry, object);
  }
}

/** Changed by renaming the object, not by writing them. */
const NAMES = new Set(["cn", "ou", "dc", "name"]);

function stored({ syntax }: AttributeSchema, value: Buffer): Value {
  return syntax === "octets" ? Buffer.from(value) : value.toString("utf8");
}

function sidText(value: Value | undefined): string | undefined {
  if (!Buffer.isBuffer(value)) return undefined;
  const count = value.readUInt8(1);
  const parts = Array.from({ length: count }, (_, index) => value.readUInt32LE(8 + 4 * index));
  return ["S-1", value.readUIntBE(2, 6), ...parts].join("-");
}

/** The name of the container, as the name of the object has it: after the first comma that is not escaped. */
function afterFirst(dn: string): string {
  for (let index = 0; index < dn.length; index++) {
    if (dn[index] === "\\") index++;
    else if (dn[index] === ",") return dn.slice(index + 1);
  }
  return "";
}

function ranged(name: string, values: readonly Value[], range: string | undefined): { name: string; values: readonly Value[] } {
  const [, first, last] = /^range=(\d+)-(\d+|\*)$/.exec(range ?? "") ?? [];
  if (first === undefined && values.length <= MOST_VALUES) return { name, values };
  const start = Number(first ?? 0);
  const wanted = last === undefined || last === "*" ? values.length : Number(last) + 1;
  const end = Math.min(wanted, start + MOST_VALUES, values.length);
  return { name: `${name};range=${start}-${end >= values.length ? "*" : end - 1}`, values: values.slice(start, end) };
}

function same(one: readonly Value[], other: readonly Value[]): boolean {
  return one.length === other.length && one.every((value, index) => Buffer.from(value).equals(Buffer.from(other[index] ?? "")));
}

function sameSet(one: ReadonlySet<Entry>, other: ReadonlySet<Entry>): boolean {
  return one.size === other.size && [...one].every((entry) => other.has(entry));
}
