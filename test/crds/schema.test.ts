import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";

const folder = new URL("../../crds/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

/** Calls `visit` for every field of a schema, with its path. */
function walk(node: unknown, path: string, visit: (field: object, path: string) => void): void {
  if (typeof node !== "object" || node === null) return;
  if ("items" in node) walk(node.items, `${path}[]`, visit);
  if (!("properties" in node) || typeof node.properties !== "object" || node.properties === null) return;
  for (const [name, field] of Object.entries<unknown>({ ...node.properties })) {
    if (typeof field === "object" && field !== null) visit(field, `${path}.${name}`);
    walk(field, `${path}.${name}`, visit);
  }
}

function schemaOf(file: string): unknown {
  const crd: unknown = parse(readFileSync(new URL(file, folder), "utf8"));
  const versions: unknown = typeof crd === "object" && crd !== null ? Reflect.get(Object(Reflect.get(crd, "spec")), "versions") : undefined;
  const [version]: unknown[] = Array.isArray(versions) ? versions : [];
  return Reflect.get(Object(Reflect.get(Object(version), "schema")), "openAPIV3Schema");
}

test.each(files)("every field of %s has a description", (file) => {
  const without: string[] = [];
  let fields = 0;
  walk(schemaOf(file), "", (field, path) => {
    fields++;
    // The API server allows nothing but the type there.
    if (path !== ".metadata" && !("description" in field)) without.push(path);
  });
  expect(fields).toBeGreaterThan(20);
  expect(without).toEqual([]);
});

test.each(files)("every list of %s has a type and a bound, every string of the spec a bound", (file) => {
  const unbounded: string[] = [];
  walk(schemaOf(file), "", (field, path) => {
    const type: unknown = Reflect.get(field, "type");
    if (type === "array" && !("maxItems" in field && "x-kubernetes-list-type" in field)) unbounded.push(path);
    if (type === "string" && path.startsWith(".spec.") && !("maxLength" in field) && !("enum" in field)) unbounded.push(path);
  });
  expect(unbounded).toEqual([]);
});
