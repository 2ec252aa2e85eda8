/** Patches: JSON (RFC 6902, by a library), merge (RFC 7386), and strategic merge for the server's own kinds. */
import { applyPatch, type Operation } from "rfc6902";
import { at, equal, isArray, isObject, type Json, type JsonObject } from "./json.ts";
import { badRequest, StatusError } from "./status.ts";

export function jsonPatch(object: Json, patch: Json): Json {
  if (!isArray(patch)) throw badRequest("a JSON patch is a list of operations");
  const result = structuredClone(object);
  for (const operation of patch) {
    // As the API server's library has it: a path that is not there equals null.
    if (at(operation, "op") === "test" && at(operation, "value") === null && pointed(result, at(operation, "path")) === undefined) continue;
    if (!isOperation(operation)) throw badRequest("a JSON patch operation has op and path");
    for (const error of applyPatch(result, [structuredClone(operation)])) {
      // It does not say which operation, nor why.
      if (error) throw new StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {});
    }
  }
  return result;
}

function isOperation(value: Json): value is Operation & JsonObject {
  return isObject(value) && typeof value["op"] === "string" && typeof value["path"] === "string";
}

function pointed(object: Json, path: Json | undefined): Json | undefined {
  let found: Json | undefined = object;
  for (const part of String(path).split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    found = isArray(found) ? found[Number(name)] : isObject(found) ? found[name] : undefined;
  }
  return found;
}

export function mergePatch(object: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: Record<string, Json | undefined> = isObject(object) ? { ...object } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null || value === undefined) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

/** Lists that are merged rather than replaced, with the field that names an item ("" for plain values). */
const MERGED: Readonly<Record<string, string>> = { finalizers: "", ownerReferences: "uid" };

/** What kubectl's client-side apply sends for built-in kinds. */
export function strategicPatch(object: Json | undefined, patch: Json, name = ""): Json {
  const key = MERGED[name];
  if (isArray(patch) && key !== undefined) {
    const items = [...(isArray(object) ? object : [])];
    for (const item of patch) {
      const index = items.findIndex((held) => (key === "" ? equal(held, item) : equal(at(held, key), at(item, key))));
      if (at(item, "$patch") === "delete") items.splice(index, index < 0 ? 0 : 1);
      else if (index < 0) items.push(item);
      else items[index] = key === "" ? item : strategicPatch(items[index], item);
    }
    return items;
  }
  if (!isObject(patch)) return patch;
  if (patch["$patch"] === "replace") return Object.fromEntries(Object.entries(patch).filter(([field]) => field !== "$patch"));
  const result: Record<string, Json | undefined> = isObject(object) ? { ...object } : {};
  for (const [field, value] of Object.entries(patch)) {
    const [, listed] = /^\$deleteFromPrimitiveList\/(.*)$/.exec(field) ?? [];
    if (listed !== undefined) {
      const held = result[listed];
      const gone = isArray(value) ? value : [];
      result[listed] = (isArray(held) ? held : []).filter((item) => !gone.some((one) => equal(one, item)));
    } else if (field.startsWith("$")) continue;
    else if (value === null || value === undefined) delete result[field];
    else result[field] = strategicPatch(result[field], value, field);
  }
  return result;
}
