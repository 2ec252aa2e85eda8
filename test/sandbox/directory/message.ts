/** LDAP messages (RFC 4511): requests from bytes, responses to bytes. */
import { BerError, BerReader, element, integer, octets, toInteger } from "./ber.ts";

export type Filter =
  | { readonly kind: "And" | "Or"; readonly filters: readonly Filter[] }
  | { readonly kind: "Not"; readonly filter: Filter }
  | { readonly kind: "Present"; readonly attribute: string }
  | { readonly kind: "Equal" | "GreaterOrEqual" | "LessOrEqual"; readonly attribute: string; readonly value: Buffer }
  | {
      readonly kind: "Substrings";
      readonly attribute: string;
      readonly initial: string | undefined;
      readonly any: readonly string[];
      readonly final: string | undefined;
    }
  | { readonly kind: "Extensible"; readonly rule: string; readonly attribute: string; readonly value: Buffer };

export interface AttributeValues {
  readonly type: string;
  readonly values: readonly Buffer[];
}

export type Request =
  | { readonly kind: "Bind"; readonly name: string; readonly password: Buffer | undefined; readonly mechanism: string }
  | { readonly kind: "Unbind" }
  | SearchRequest
  | { readonly kind: "Add"; readonly dn: string; readonly attributes: readonly AttributeValues[] }
  | { readonly kind: "Modify"; readonly dn: string; readonly changes: readonly Modification[] }
  | { readonly kind: "Delete"; readonly dn: string }
  | { readonly kind: "ModifyDn"; readonly dn: string; readonly newRdn: string; readonly newSuperior: string | undefined }
  | { readonly kind: "Compare"; readonly dn: string; readonly attribute: string; readonly value: Buffer }
  | { readonly kind: "Abandon" }
  | { readonly kind: "Extended"; readonly oid: string };

export interface SearchRequest {
  readonly kind: "Search";
  readonly base: string;
  readonly scope: "base" | "one" | "sub";
  readonly sizeLimit: number;
  readonly typesOnly: boolean;
  readonly filter: Filter;
  readonly attributes: readonly string[];
}

export interface Modification extends AttributeValues {
  readonly operation: "add" | "delete" | "replace";
}

export interface Control {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer | undefined;
}

export interface Message {
  readonly id: number;
  readonly request: Request;
  readonly controls: readonly Control[];
}

export interface Result {
  readonly code: number;
  readonly message: string;
  readonly matchedDn?: string;
}

/** Tag of each response, by the tag of its request. */
const RESPONSE_TAGS: Readonly<Record<Exclude<Request["kind"], "Unbind" | "Abandon">, number>> = {
  Bind: 0x61,
  Search: 0x65,
  Modify: 0x67,
  Add: 0x69,
  Delete: 0x6b,
  ModifyDn: 0x6d,
  Compare: 0x6f,
  Extended: 0x78,
};

const CONTROLS = 0xa0;

/** Throws BerError for what is no LDAP request. */
export function decodeMessage(bytes: Buffer): Message {
  const reader = new BerReader(bytes).inside(0x30);
  const id = reader.integer();
  const request = decodeRequest(reader);
  const controls: Control[] = [];
  if (reader.tag === CONTROLS) {
    for (const list = reader.inside(CONTROLS); !list.done;) {
      const control = list.inside(0x30);
      controls.push({
        oid: control.text(),
        critical: control.tag === 0x01 && control.boolean(),
        value: control.done ? undefined : control.bytes(),
      });
    }
  }
  return { id, request, controls };
}

function decodeRequest(reader: BerReader): Request {
  const { tag, content } = reader.next();
  const inside = new BerReader(content);
  switch (tag) {
    case 0x60: {
      inside.integer();
      const name = inside.text();
      if (inside.tag === 0x80) return { kind: "Bind", name, password: inside.bytes(0x80), mechanism: "simple" };
      return { kind: "Bind", name, password: undefined, mechanism: inside.inside(0xa3).text() };
    }
    case 0x42:
      return { kind: "Unbind" };
    case 0x63: {
      const base = inside.text();
      const scope = (["base", "one", "sub"] as const)[inside.integer(0x0a)] ?? "sub";
      inside.integer(0x0a);
      const sizeLimit = inside.integer();
      inside.integer();
      const typesOnly = inside.boolean();
      const filter = decodeFilter(inside);
      return { kind: "Search", base, scope, sizeLimit, typesOnly, filter, attributes: texts(inside.inside(0x30)) };
    }
    case 0x68: {
      const dn = inside.text();
      const attributes: AttributeValues[] = [];
      for (const list = inside.inside(0x30); !list.done;) attributes.push(decodeAttribute(list.inside(0x30)));
      return { kind: "Add", dn, attributes };
    }
    case 0x66: {
      const dn = inside.text();
      const changes: Modification[] = [];
      for (const list = inside.inside(0x30); !list.done;) {
        const change = list.inside(0x30);
        const operation = (["add", "delete", "replace"] as const)[change.integer(0x0a)];
        if (operation === undefined) throw new BerError("a kind of modification that is not known");
        changes.push({ operation, ...decodeAttribute(change.inside(0x30)) });
      }
      return { kind: "Modify", dn, changes };
    }
    case 0x4a:
      return { kind: "Delete", dn: content.toString("utf8") };
    case 0x6c: {
      const [dn, newRdn] = [inside.text(), inside.text()];
      inside.boolean();
      return { kind: "ModifyDn", dn, newRdn, newSuperior: inside.done ? undefined : inside.text(0x80) };
    }
    case 0x6e: {
      const dn = inside.text();
      const assertion = inside.inside(0x30);
      return { kind: "Compare", dn, attribute: assertion.text(), value: assertion.bytes() };
    }
    case 0x50:
      return { kind: "Abandon" };
    case 0x77:
      return { kind: "Extended", oid: inside.text(0x80) };
    default:
      throw new BerError(`a request with the tag ${tag}`);
  }
}

function texts(list: BerReader): readonly string[] {
  const all: string[] = [];
  while (!list.done) all.push(list.text());
  return all;
}

function decodeAttribute(reader: BerReader): AttributeValues {
  const type = reader.text();
  const values: Buffer[] = [];
  for (const list = reader.inside(0x31); !list.done;) values.push(list.bytes());
  return { type, values };
}

function decodeFilter(reader: BerReader): Filter {
  const { tag, content } = reader.next();
  const inside = new BerReader(content);
  const assertion = () => ({ attribute: inside.text(), value: inside.bytes() });
  switch (tag) {
    case 0xa0:
    case 0xa1: {
      const filters: Filter[] = [];
      while (!inside.done) filters.push(decodeFilter(inside));
      return { kind: tag === 0xa0 ? "And" : "Or", filters };
    }
    case 0xa2:
      return { kind: "Not", filter: decodeFilter(inside) };
    case 0xa3:
    case 0xa8:
      return { kind: "Equal", ...assertion() };
    case 0xa4: {
      const attribute = inside.text();
      let initial: string | undefined;
      let final: string | undefined;
      const any: string[] = [];
      for (const list = inside.inside(0x30); !list.done;) {
        const part = list.next();
        const text = part.content.toString("utf8");
        if (part.tag === 0x80) initial = text;
        else if (part.tag === 0x82) final = text;
        else any.push(text);
      }
      return { kind: "Substrings", attribute, initial, any, final };
    }
    case 0xa5:
      return { kind: "GreaterOrEqual", ...assertion() };
    case 0xa6:
      return { kind: "LessOrEqual", ...assertion() };
    case 0x87:
      return { kind: "Present", attribute: content.toString("utf8") };
    case 0xa9: {
      let [rule, attribute, value] = ["", "", Buffer.alloc(0)];
      while (!inside.done) {
        const part = inside.next();
        if (part.tag === 0x81) rule = part.content.toString("utf8");
        else if (part.tag === 0x82) attribute = part.content.toString("utf8");
        else if (part.tag === 0x83) value = Buffer.from(part.content);
      }
      return { kind: "Extensible", rule, attribute, value };
    }
    default:
      throw new BerError(`a filter with the tag ${tag}`);
  }
}

function encodeMessage(id: number, operation: Buffer, controls: readonly Control[] = []): Buffer {
  if (controls.length === 0) return element(0x30, integer(id), operation);
  const list = controls.map(({ oid, value }) => element(0x30, octets(oid), ...(value ? [octets(value)] : [])));
  return element(0x30, integer(id), operation, element(CONTROLS, ...list));
}

export function encodeResult(
  id: number,
  kind: Exclude<Request["kind"], "Unbind" | "Abandon">,
  { code, message, matchedDn = "" }: Result,
  { controls = [], more = [] }: { readonly controls?: readonly Control[]; readonly more?: readonly Buffer[] } = {},
): Buffer {
  return encodeMessage(id, element(RESPONSE_TAGS[kind], integer(code, 0x0a), octets(matchedDn), octets(message), ...more), controls);
}

/** Name and value of an extended response. */
export function extendedParts(oid: string, value?: string): readonly Buffer[] {
  return [octets(oid, 0x8a), ...(value === undefined ? [] : [octets(value, 0x8b)])];
}

export interface ResultEntry {
  readonly dn: string;
  readonly attributes: readonly { readonly name: string; readonly values: readonly (string | Buffer)[] }[];
}

export function encodeEntry(id: number, { dn, attributes }: ResultEntry): Buffer {
  const list = attributes.map(({ name, values }) => element(0x30, octets(name), element(0x31, ...values.map((value) => octets(value)))));
  return encodeMessage(id, element(0x64, octets(dn), element(0x30, ...list)));
}

/** A notice of disconnection (RFC 4511 §4.4.1). */
export function encodeNotice(result: Result): Buffer {
  return encodeResult(0, "Extended", result, { more: extendedParts("1.3.6.1.4.1.1466.20036") });
}

const OPERATIONS: Readonly<Record<number, string>> = {
  0x60: "bind",
  0x61: "bind",
  0x42: "unbind",
  0x63: "search",
  0x64: "entry",
  0x65: "search",
  0x66: "modify",
  0x67: "modify",
  0x68: "add",
  0x69: "add",
  0x4a: "delete",
  0x6b: "delete",
  0x6c: "modifyDn",
  0x6d: "modifyDn",
  0x6e: "compare",
  0x6f: "compare",
  0x50: "abandon",
  0x77: "extended",
  0x78: "extended",
};

/** Number and operation of any message, request or response: what a proxy needs to know. */
export function describeMessage(bytes: Buffer): { readonly id: number; readonly operation: string } {
  const reader = new BerReader(bytes).inside(0x30);
  const id = toInteger(reader.next(0x02).content);
  return { id, operation: OPERATIONS[reader.tag ?? 0] ?? "unknown" };
}

export type ResultOperation = "bind" | "search" | "modify" | "add" | "delete" | "modifyDn" | "compare" | "extended";

const RESULT_KINDS: Readonly<Record<ResultOperation, keyof typeof RESPONSE_TAGS>> = {
  bind: "Bind",
  search: "Search",
  modify: "Modify",
  add: "Add",
  delete: "Delete",
  modifyDn: "ModifyDn",
  compare: "Compare",
  extended: "Extended",
};

/** An answer that a proxy gives in the server's place. */
export function answerTo(id: number, operation: string, result: Result): Buffer | undefined {
  const kind = Object.entries(RESULT_KINDS).find(([name]) => name === operation)?.[1];
  return kind && encodeResult(id, kind, result);
}
