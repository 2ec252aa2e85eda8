/** Discovery and OpenAPI v3: how kubectl learns what there is, what it means (explain), and that the server checks fields itself. */
import { isObject, type Json, type JsonObject } from "./json.ts";
import { groupVersion, type ResourceType } from "./resources.ts";

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

function byGroupVersion(types: readonly ResourceType[]): Map<string, readonly ResourceType[]> {
  return Map.groupBy(types, groupVersion);
}

export function groupList(types: readonly ResourceType[]): JsonObject {
  const groups = Map.groupBy(
    types.filter(({ group }) => group !== ""),
    ({ group }) => group,
  );
  return {
    kind: "APIGroupList",
    apiVersion: "v1",
    groups: [...groups].map(([name, members]) => {
      const versions = [...new Set(members.map(({ version }) => version))].map((version) => ({
        groupVersion: `${name}/${version}`,
        version,
      }));
      return { name, versions, preferredVersion: versions[0] ?? null };
    }),
  };
}

export function resourceList(types: readonly ResourceType[], wanted: string): JsonObject | undefined {
  const members = byGroupVersion(types).get(wanted);
  if (!members) return undefined;
  const entry = (type: ResourceType, name: string, verbs: readonly string[]): JsonObject => ({
    name,
    singularName: name === type.plural ? type.singular : "",
    namespaced: type.namespaced,
    kind: type.kind,
    verbs,
    ...(name === type.plural ? { shortNames: type.shortNames, categories: type.categories } : {}),
  });
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: wanted,
    resources: members.flatMap((type) => [
      entry(type, type.plural, VERBS),
      ...(type.status ? [entry(type, `${type.plural}/status`, ["get", "patch", "update"])] : []),
      ...(type.kind === "ServiceAccount"
        ? [{ ...entry(type, "serviceaccounts/token", ["create"]), kind: "TokenRequest", group: "authentication.k8s.io", version: "v1" }]
        : []),
    ]),
  };
}

function root(groupVersion: string): string {
  return groupVersion.includes("/") ? `apis/${groupVersion}` : `api/${groupVersion}`;
}

export function openApiIndex(types: readonly ResourceType[]): JsonObject {
  const paths = [...byGroupVersion(types).keys()].map(root).map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}` }]);
  return { paths: Object.fromEntries(paths) };
}

/** One document for each group and version. `path` is what follows /openapi/v3/. */
export function openApiDocument(types: readonly ResourceType[], path: string): JsonObject | undefined {
  const members = [...byGroupVersion(types)].find(([name]) => root(name) === path)?.[1];
  if (!members) return undefined;
  const query = ["dryRun", "fieldManager", "fieldValidation", "force"].map((name) => ({ name, in: "query", schema: { type: "string" } }));
  const paths: Record<string, Json> = {};
  const schemas: Record<string, Json> = {};
  for (const type of members) {
    const { group, version, kind, plural, namespaced } = type;
    const gvk = { group, version, kind };
    const prefix = `/${root(groupVersion(type))}/${namespaced ? "namespaces/{namespace}/" : ""}${plural}`;
    const operation = (action: string): JsonObject => ({
      operationId: `${action}${kind}`,
      parameters: query,
      responses: {},
      "x-kubernetes-action": action,
      "x-kubernetes-group-version-kind": gvk,
    });
    paths[prefix] = { get: operation("list"), post: operation("post") };
    paths[`${prefix}/{name}`] = { get: operation("get"), put: operation("put"), patch: operation("patch"), delete: operation("delete") };
    const name = `${group === "" ? "io.k8s.api.core" : group.split(".").toReversed().join(".")}.${version}.${kind}`;
    const schema = type.schema ? described(type.schema) : { type: "object" };
    schemas[name] = { ...(isObject(schema) ? schema : {}), "x-kubernetes-group-version-kind": [gvk] };
  }
  return { openapi: "3.0.0", info: { title: "Kubernetes", version: "unversioned" }, paths, components: { schemas } };
}

const METADATA = { type: "object", description: "Standard object's metadata." };

function described(schema: JsonObject): Json {
  const properties = schema["properties"];
  return { ...schema, properties: { ...(isObject(properties) ? properties : {}), metadata: METADATA } };
}
