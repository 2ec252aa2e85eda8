/** Values as JSON has them, and Kubernetes objects among them. */
import { isDeepStrictEqual } from "node:util";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [name: string]: Json | undefined };

export type Metadata = JsonObject & {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: JsonObject;
  readonly annotations?: JsonObject;
  readonly finalizers?: readonly Json[];
};

export type ApiObject = JsonObject & { readonly apiVersion: string; readonly kind: string; readonly metadata: Metadata };

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isApiObject(value: Json | undefined): value is ApiObject {
  return isObject(value) && typeof value["kind"] === "string" && isObject(value["metadata"]);
}

export function equal(one: Json | undefined, other: Json | undefined): boolean {
  return isDeepStrictEqual(one, other);
}

export function textAt(value: Json | undefined, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === "string" ? found : undefined;
}

export function at(value: Json | undefined, ...path: readonly string[]): Json | undefined {
  let found: Json | undefined = value;
  for (const name of path) found = isObject(found) ? found[name] : undefined;
  return found;
}

export function list(value: Json | undefined): readonly Json[] {
  return isArray(value) ? value : [];
}

export function textsOf(value: Json | undefined): readonly string[] {
  return list(value).filter((item) => typeof item === "string");
}

/** Without what is undefined. */
export function compact(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
