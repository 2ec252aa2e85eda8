/** Structural schemas: what they do not name is cut off, what they default is filled in, what they forbid is refused. */
import { evaluate, rulesOf } from "./cel.ts";
import { at, equal, isArray, isObject, type Json, type JsonObject, textsOf } from "./json.ts";
import { type FieldError, fieldError } from "./status.ts";

function schemaAt(schema: JsonObject, name: string): JsonObject | undefined {
  const found = at(schema, "properties", name) ?? schema["additionalProperties"];
  return isObject(found) ? found : undefined;
}

function itemsOf(schema: JsonObject): JsonObject | undefined {
  const items = schema["items"];
  return isObject(items) ? items : undefined;
}

const ROOT = new Set(["apiVersion", "kind", "metadata"]);

/** The object without unknown fields, whose paths go to `unknown`. */
export function prune(value: Json, schema: JsonObject, unknown: string[], path = ""): Json {
  if (isArray(value)) {
    const items = itemsOf(schema);
    return items ? value.map((item, index) => prune(item, items, unknown, `${path}[${index}]`)) : value;
  }
  if (!isObject(value)) return value;
  const keep =
    schema["x-kubernetes-preserve-unknown-fields"] === true ||
    (schema["properties"] === undefined && schema["additionalProperties"] === undefined && schema["type"] === "object" && path !== "");
  const entries = Object.entries(value).flatMap(([name, item]): [string, Json | undefined][] => {
    if (path === "" && ROOT.has(name)) return [[name, item]];
    const inner = schemaAt(schema, name);
    const here = path === "" ? name : `${path}.${name}`;
    if (!inner) {
      if (keep || schema["additionalProperties"] === true) return [[name, item]];
      unknown.push(here);
      return [];
    }
    return [[name, item === undefined ? undefined : prune(item, inner, unknown, here)]];
  });
  return Object.fromEntries(entries);
}

/** With defaults, from the outside in; a null that may not be one counts as absent. */
export function fillDefaults(value: Json, schema: JsonObject): Json {
  if (isArray(value)) {
    const items = itemsOf(schema);
    return items ? value.map((item) => fillDefaults(item, items)) : value;
  }
  if (!isObject(value)) return value;
  const result: Record<string, Json | undefined> = {};
  for (const [name, item] of Object.entries(value)) {
    const inner = schemaAt(schema, name);
    if (item === null && inner && inner["nullable"] !== true) continue;
    result[name] = inner && item !== undefined ? fillDefaults(item, inner) : item;
  }
  const properties = schema["properties"];
  for (const [name, inner] of Object.entries(isObject(properties) ? properties : {})) {
    if (result[name] === undefined && isObject(inner) && inner["default"] !== undefined)
      result[name] = fillDefaults(structuredClone(inner["default"]), inner);
  }
  return result;
}

/** What the schema forbids; then, where that is nothing, what its rules forbid. What was so before is not held against a change. */
export function validate(value: Json, old: Json | undefined, schema: JsonObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  check(value, old, schema, "", errors);
  if (errors.length > 0) return errors;
  checkRules(value, old, schema, "", errors);
  return errors;
}

function child(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function number(schema: JsonObject, name: string): number | undefined {
  const value = schema[name];
  return typeof value === "number" ? value : undefined;
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  if (isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

const FORMATS: Readonly<Record<string, RegExp>> = {
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
};

function check(value: Json, old: Json | undefined, schema: JsonObject, path: string, errors: FieldError[]): void {
  if (old !== undefined && equal(value, old)) return;
  const add = (type: FieldError["type"], message: string, shown?: Json): void => {
    errors.push(fieldError(type, path, message, shown));
  };
  const type = schema["type"];
  const actual = typeOf(value);
  if (typeof type === "string" && type !== actual && !(type === "number" && actual === "integer")) {
    if (value === null && schema["nullable"] === true) return;
    errors.push(fieldError("FieldValueTypeInvalid", path, `${path} in body must be of type ${type}: ${JSON.stringify(actual)}`, actual));
    return;
  }
  const allowed = schema["enum"];
  if (isArray(allowed) && !allowed.some((item) => equal(item, value))) {
    add("FieldValueNotSupported", `supported values: ${allowed.map((item) => JSON.stringify(item)).join(", ")}`, value);
    return;
  }
  if (typeof value === "string") {
    const [least, most, pattern, format] = [number(schema, "minLength"), number(schema, "maxLength"), schema["pattern"], schema["format"]];
    if (least !== undefined && [...value].length < least)
      add("FieldValueInvalid", `${path} in body should be at least ${least} chars long`, value);
    if (most !== undefined && [...value].length > most) add("FieldValueTooLong", `may not be more than ${most} bytes`);
    if (typeof pattern === "string" && !new RegExp(pattern, "u").test(value))
      add("FieldValueInvalid", `${path} in body should match '${pattern}'`, value);
    if (typeof format === "string" && FORMATS[format]?.test(value) === false)
      add("FieldValueInvalid", `${path} in body must be of type ${format}: ${JSON.stringify(value)}`, value);
  }
  if (typeof value === "number") {
    const [least, most] = [number(schema, "minimum"), number(schema, "maximum")];
    if (least !== undefined && value < least)
      add("FieldValueInvalid", `${path} in body should be greater than or equal to ${least}`, value);
    if (most !== undefined && value > most) add("FieldValueInvalid", `${path} in body should be less than or equal to ${most}`, value);
  }
  if (isArray(value)) checkList(value, old, schema, path, errors);
  if (isObject(value)) {
    for (const name of textsOf(schema["required"])) {
      if (value[name] === undefined) errors.push(fieldError("FieldValueRequired", child(path, name), ""));
    }
    for (const [name, item] of Object.entries(value)) {
      const inner = path === "" && ROOT.has(name) ? undefined : schemaAt(schema, name);
      if (inner && item !== undefined) check(item, isObject(old) ? old[name] : undefined, inner, child(path, name), errors);
    }
  }
}

function checkList(value: readonly Json[], old: Json | undefined, schema: JsonObject, path: string, errors: FieldError[]): void {
  const [least, most, items] = [number(schema, "minItems"), number(schema, "maxItems"), itemsOf(schema)];
  if (least !== undefined && value.length < least)
    errors.push(fieldError("FieldValueInvalid", path, `${path} in body should have at least ${least} items`, value.length));
  if (most !== undefined && value.length > most)
    errors.push(fieldError("FieldValueTooMany", path, `must have at most ${most} items`, value.length));
  const seen = new Set<string>();
  const previous = previousOf(old, schema);
  value.forEach((item, index) => {
    const key = itemKey(item, schema);
    if (key !== undefined && seen.has(JSON.stringify(key))) errors.push(fieldError("FieldValueDuplicate", `${path}[${index}]`, "", key));
    seen.add(JSON.stringify(key));
    if (items) check(item, previous(item), items, `${path}[${index}]`, errors);
  });
}

/** What makes an item of a set or map one of a kind; undefined in an atomic list. */
export function itemKey(item: Json, schema: JsonObject): Json | undefined {
  switch (schema["x-kubernetes-list-type"]) {
    case "set":
      return item;
    case "map":
      return Object.fromEntries(textsOf(schema["x-kubernetes-list-map-keys"]).map((name) => [name, at(item, name)]));
    default:
      return undefined;
  }
}

/** Finds the item of the old list that one of the new list was; only sets and maps know. */
function previousOf(old: Json | undefined, schema: JsonObject): (item: Json) => Json | undefined {
  const keyOf = (item: Json): string | undefined => {
    const key = itemKey(item, schema);
    return key === undefined ? undefined : JSON.stringify(key);
  };
  const items = new Map((isArray(old) ? old : []).map((item) => [keyOf(item), item] as const).toReversed());
  return (item) => {
    const key = keyOf(item);
    return key === undefined ? undefined : items.get(key);
  };
}

function checkRules(value: Json, old: Json | undefined, schema: JsonObject, path: string, errors: FieldError[]): void {
  for (const { rule, message, messageExpression, reason, fieldPath } of rulesOf(schema)) {
    if (old === undefined && /\boldSelf\b/.test(rule)) continue;
    const result = evaluate(rule, value, old);
    if (result === true) continue;
    const field = `${path}${fieldPath ?? ""}`.replace(/^\./, "");
    const said = messageExpression === undefined ? undefined : evaluate(messageExpression, value, old);
    const text = typeof said === "string" ? said : (message ?? `failed rule: ${rule}`);
    const problem = result instanceof Error ? `rule evaluation error: ${result.message}` : text;
    // As the API server says it: the whole value of an object is not quoted.
    if (reason === "FieldValueForbidden") errors.push(fieldError("FieldValueForbidden", field, problem));
    else if (reason === "FieldValueRequired") errors.push(fieldError("FieldValueRequired", field, problem));
    else errors.push(fieldError("FieldValueInvalid", field === "" ? "<nil>" : field, problem, isArray(value) ? "array" : value));
  }
  if (isArray(value)) {
    const items = itemsOf(schema);
    const previous = schema["x-kubernetes-list-type"] === "map" ? previousOf(old, schema) : undefined;
    if (items) value.forEach((item, index) => checkRules(item, previous?.(item), items, `${path}[${index}]`, errors));
  }
  if (isObject(value)) {
    for (const [name, item] of Object.entries(value)) {
      const inner = path === "" && ROOT.has(name) ? undefined : schemaAt(schema, name);
      if (inner && item !== undefined) checkRules(item, isObject(old) ? old[name] : undefined, inner, child(path, name), errors);
    }
  }
}
