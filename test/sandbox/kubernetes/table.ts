/** Lists as tables (meta.k8s.io/v1): what kubectl prints. */
import { JSONPath } from "jsonpath-plus";
import { type ApiObject, at, isObject, type Json, type JsonObject, textAt } from "./json.ts";
import type { Column, ResourceType } from "./resources.ts";

export function tableOf(
  type: ResourceType,
  objects: readonly ApiObject[],
  metadata: JsonObject,
  include: string | null,
  now = Date.now(),
): JsonObject {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: [
      { name: "Name", type: "string", format: "name", description: "Name of the object", priority: 0 },
      ...type.columns.map(({ name, type: kind, format, description, priority }) => ({ name, type: kind, format, description, priority })),
    ],
    rows: objects.map((object) => ({
      cells: [object.metadata.name ?? "", ...type.columns.map((column) => cell(object, column, now))],
      object: include === "Object" ? object : { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata },
    })),
  };
}

function cell(object: ApiObject, { path, type }: Column, now: number): Json {
  if (path === ".involvedObject") {
    const involved = at(object, "involvedObject");
    return `${(textAt(involved, "kind") ?? "").toLowerCase()}/${textAt(involved, "name") ?? ""}`;
  }
  const found: unknown = path === ".data" ? Object.keys(dataOf(object)).length : first(object, path);
  if (found === undefined || found === null) return type === "date" ? "<unknown>" : null;
  if (type === "date") return age(now - Date.parse(String(found)));
  if (type === "integer" || type === "number") return typeof found === "number" ? found : null;
  return typeof found === "string" ? found : JSON.stringify(found);
}

function dataOf(object: ApiObject): JsonObject {
  const data = object["data"];
  return isObject(data) ? data : {};
}

function first(object: ApiObject, path: string): unknown {
  const found: unknown = JSONPath({ path: `$${path}`, json: object, wrap: true, eval: "safe" });
  return Array.isArray(found) ? found[0] : undefined;
}

/** As kubectl writes durations: 45s, 12m, 5h, 3d. */
function age(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 120) return `${Math.max(seconds, 0)}s`;
  if (seconds < 600) return seconds % 60 === 0 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  if (seconds < 3 * 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
