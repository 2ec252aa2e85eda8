/** Which objects a filter means (RFC 4511 §4.5.1.7; MS-ADTS 3.1.1.3.1.3.1). */
import { encodeGuid, encodeSid } from "../../../src/names/identifier.ts";
import { DistinguishedNameError } from "../../../src/names/distinguished-name.ts";
import type { Database, Entry } from "./database.ts";
import type { Filter } from "./message.ts";
import { attributeSchema, type AttributeSchema, CLASS_SCHEMAS, matchKey, type Value } from "./schema.ts";

export type ValuesOf = (entry: Entry, attribute: string) => readonly Value[];

const BIT_AND = "1.2.840.113556.1.4.803";
const BIT_OR = "1.2.840.113556.1.4.804";
const IN_CHAIN = "1.2.840.113556.1.4.1941";

/** The value of a filter as the attribute's own values are compared. Bytes may also be written as a GUID or a SID. */
function filterKey(schema: AttributeSchema, value: Buffer): string | undefined {
  const text = value.toString("utf8");
  if (schema.name === "objectCategory" && !text.includes("="))
    return `category:${CLASS_SCHEMAS.get(text.toLowerCase())?.category.toLowerCase() ?? ""}`;
  if (schema.syntax === "octets" && text.startsWith("S-1-")) return encodeSid(text).toString("hex");
  if (schema.name === "objectGUID" && text.length === 36) return encodeGuid(text).toString("hex");
  return matchKey(schema, value);
}

function valueKey(schema: AttributeSchema, value: Value): string | undefined {
  if (schema.name !== "objectCategory") return matchKey(schema, value);
  return `category:${/^CN=([^,]+)/i.exec(String(value))?.[1]?.toLowerCase() ?? ""}`;
}

/** A name in a filter may be the object's GUID, too (MS-ADTS 3.1.1.3.1.2.4). */
function resolve(database: Database, value: Buffer): Entry | undefined {
  const text = value.toString("utf8");
  const guid = /^<GUID=(.*)>$/i.exec(text)?.[1];
  if (guid !== undefined) return database.byGuid(guid.toLowerCase());
  try {
    return database.resolve(text);
  } catch (error) {
    if (error instanceof DistinguishedNameError) return undefined;
    throw error;
  }
}

/** Objects that can match, where an index knows them; undefined where all must be looked at. */
export function candidates(database: Database, filter: Filter): Iterable<Entry> | undefined {
  switch (filter.kind) {
    case "And": {
      let best: readonly Entry[] | undefined;
      for (const part of filter.filters) {
        const found = candidates(database, part);
        if (!found) continue;
        const list = [...found];
        if (!best || list.length < best.length) best = list;
      }
      return best;
    }
    case "Or": {
      const all = new Set<Entry>();
      for (const part of filter.filters) {
        const found = candidates(database, part);
        if (!found) return undefined;
        for (const entry of found) all.add(entry);
      }
      return all;
    }
    case "Equal": {
      const schema = attributeSchema(filter.attribute);
      if (!schema) return [];
      switch (schema.name) {
        case "distinguishedName": {
          const entry = resolve(database, filter.value);
          return entry ? [entry] : [];
        }
        case "member":
          return resolve(database, filter.value)?.memberOf ?? [];
        case "memberOf":
          return resolve(database, filter.value)?.members ?? [];
        default: {
          const key = filterKey(schema, filter.value);
          return key === undefined ? [] : database.lookUp(schema.name, key);
        }
      }
    }
    case "GreaterOrEqual":
      return filter.attribute.toLowerCase() === "usnchanged" && /^\d+$/.test(filter.value.toString())
        ? database.changedSince(BigInt(filter.value.toString()))
        : undefined;
    case "Extensible":
      return filter.rule === IN_CHAIN ? chain(database, filter) : undefined;
    default:
      return undefined;
  }
}

/** Everything that the object reaches by the link, through groups of groups. */
function chain(database: Database, { attribute, value }: Extract<Filter, { kind: "Extensible" }>): ReadonlySet<Entry> {
  const reached = new Set<Entry>();
  const start = resolve(database, value);
  const next = (entry: Entry): Iterable<Entry> =>
    attribute.toLowerCase() === "memberof" ? entry.members : attribute.toLowerCase() === "member" ? entry.memberOf : [];
  const waiting = start ? [start] : [];
  for (let entry = waiting.pop(); entry; entry = waiting.pop()) {
    for (const found of next(entry)) {
      if (reached.has(found)) continue;
      reached.add(found);
      waiting.push(found);
    }
  }
  return reached;
}

/** Undefined: it cannot be said, as for an attribute that the schema does not have. */
export function matches(database: Database, filter: Filter, entry: Entry, valuesOf: ValuesOf): boolean | undefined {
  switch (filter.kind) {
    case "And": {
      let result: boolean | undefined = true;
      for (const part of filter.filters) {
        const one = matches(database, part, entry, valuesOf);
        if (one === false) return false;
        if (one === undefined) result = undefined;
      }
      return result;
    }
    case "Or": {
      let result: boolean | undefined = false;
      for (const part of filter.filters) {
        const one = matches(database, part, entry, valuesOf);
        if (one === true) return true;
        if (one === undefined) result = undefined;
      }
      return result;
    }
    case "Not": {
      const one = matches(database, filter.filter, entry, valuesOf);
      return one === undefined ? undefined : !one;
    }
    default:
      return matchesOne(database, filter, entry, valuesOf);
  }
}

function matchesOne(
  database: Database,
  filter: Exclude<Filter, { kind: "And" | "Or" | "Not" }>,
  entry: Entry,
  valuesOf: ValuesOf,
): boolean | undefined {
  const schema = attributeSchema(filter.attribute);
  if (!schema || (schema.constructed && filter.kind !== "Present")) return undefined;
  if (filter.kind === "Present") return valuesOf(entry, schema.name).length > 0;
  if (filter.kind === "Extensible") {
    if (filter.rule === IN_CHAIN) return chain(database, filter).has(entry);
    const bits = /^-?\d+$/.test(filter.value.toString()) ? BigInt(filter.value.toString()) : undefined;
    if (bits === undefined || (filter.rule !== BIT_AND && filter.rule !== BIT_OR)) return undefined;
    return valuesOf(entry, schema.name).some((value) => {
      const both = BigInt(String(value)) & bits;
      return filter.rule === BIT_AND ? both === bits : both !== 0n;
    });
  }
  if (filter.kind === "Substrings") {
    if (schema.syntax !== "string") return undefined;
    return valuesOf(entry, schema.name).some((value) => contains(String(value).toLowerCase(), filter));
  }
  if (filter.kind === "Equal") {
    if (schema.name === "member") return [...(resolve(database, filter.value)?.memberOf ?? [])].includes(entry);
    if (schema.name === "memberOf") return resolve(database, filter.value)?.members.has(entry) ?? false;
    if (schema.name === "distinguishedName") return resolve(database, filter.value) === entry;
    const key = filterKey(schema, filter.value);
    return key === undefined ? undefined : valuesOf(entry, schema.name).some((value) => valueKey(schema, value) === key);
  }
  const sign = filter.kind === "GreaterOrEqual" ? 1 : -1;
  const wanted = filterKey(schema, filter.value);
  if (wanted === undefined) return undefined;
  return valuesOf(entry, schema.name).some((value) => compare(schema, matchKey(schema, value) ?? "", wanted) * sign >= 0);
}

function compare({ syntax }: AttributeSchema, one: string, other: string): number {
  if (syntax === "integer") {
    const difference = BigInt(one) - BigInt(other);
    return difference === 0n ? 0 : difference > 0n ? 1 : -1;
  }
  return one === other ? 0 : one > other ? 1 : -1;
}

function contains(text: string, { initial, any, final }: Extract<Filter, { kind: "Substrings" }>): boolean {
  let position = 0;
  if (initial !== undefined) {
    if (!text.startsWith(initial.toLowerCase())) return false;
    position = initial.length;
  }
  for (const part of any) {
    const found = text.indexOf(part.toLowerCase(), position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return final === undefined || (text.length - final.length >= position && text.endsWith(final.toLowerCase()));
}
