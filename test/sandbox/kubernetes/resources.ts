/** The kinds of objects that the server knows: its own, and those that CustomResourceDefinitions add. */
import { at, type ApiObject, isObject, type Json, type JsonObject, list, textAt, textsOf } from "./json.ts";

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
  /** A path as kubectl has it, without the braces: .status.phase */
  readonly path: string;
}

export interface ResourceType {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Its status is written by its own path only. */
  readonly status: boolean;
  /** Its generation counts changes of what is wished. */
  readonly generation: boolean;
  readonly schema: JsonObject | undefined;
  readonly columns: readonly Column[];
  /** From a CustomResourceDefinition. */
  readonly custom: boolean;
}

const AGE: Column = { name: "Age", type: "date", format: "", description: "", priority: 0, path: ".metadata.creationTimestamp" };

function column(name: string, path: string, type = "string", priority = 0): Column {
  return { name, type, format: "", description: "", priority, path };
}

function builtIn(
  group: string,
  version: string,
  kind: string,
  plural: string,
  { namespaced = true, shortNames = [], columns = [], status = false, generation = false }: Partial<ResourceType> = {},
): ResourceType {
  const singular = kind.toLowerCase();
  const own = [...columns, AGE];
  return {
    group,
    version,
    plural,
    singular,
    kind,
    shortNames,
    categories: [],
    namespaced,
    status,
    generation,
    schema: undefined,
    columns: own,
    custom: false,
  };
}

const RBAC = "rbac.authorization.k8s.io";
const EVENT_COLUMNS = [
  column("Last Seen", ".lastTimestamp", "date"),
  column("Type", ".type"),
  column("Reason", ".reason"),
  column("Object", ".involvedObject"),
  column("Message", ".message"),
];

export const BUILT_IN: readonly ResourceType[] = [
  builtIn("", "v1", "Namespace", "namespaces", {
    namespaced: false,
    shortNames: ["ns"],
    columns: [column("Status", ".status.phase")],
    status: true,
  }),
  builtIn("", "v1", "Node", "nodes", { namespaced: false, shortNames: ["no"], status: true }),
  builtIn("", "v1", "Secret", "secrets", { columns: [column("Type", ".type"), column("Data", ".data", "integer")] }),
  builtIn("", "v1", "ConfigMap", "configmaps", { shortNames: ["cm"], columns: [column("Data", ".data", "integer")] }),
  builtIn("", "v1", "ServiceAccount", "serviceaccounts", { shortNames: ["sa"] }),
  builtIn("", "v1", "Event", "events", { shortNames: ["ev"], columns: EVENT_COLUMNS }),
  builtIn("coordination.k8s.io", "v1", "Lease", "leases", { columns: [column("Holder", ".spec.holderIdentity")] }),
  builtIn(RBAC, "v1", "ClusterRole", "clusterroles", { namespaced: false }),
  builtIn(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", { namespaced: false, columns: [column("Role", ".roleRef.name")] }),
  builtIn(RBAC, "v1", "Role", "roles"),
  builtIn(RBAC, "v1", "RoleBinding", "rolebindings", { columns: [column("Role", ".roleRef.name")] }),
  builtIn("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", {
    namespaced: false,
    shortNames: ["crd", "crds"],
    status: true,
    generation: true,
  }),
];

/** The served versions of a definition. */
export function fromDefinition(definition: ApiObject): readonly ResourceType[] {
  const names = at(definition, "spec", "names");
  const group = textAt(definition, "spec", "group") ?? "";
  const kind = textAt(names, "kind") ?? "";
  return list(at(definition, "spec", "versions")).flatMap((version): ResourceType[] => {
    if (at(version, "served") !== true) return [];
    const schema = at(version, "schema", "openAPIV3Schema");
    const columns = list(at(version, "additionalPrinterColumns")).map(columnOf);
    return [
      {
        group,
        version: textAt(version, "name") ?? "",
        plural: textAt(names, "plural") ?? "",
        singular: textAt(names, "singular") ?? kind.toLowerCase(),
        kind,
        shortNames: textsOf(at(names, "shortNames")),
        categories: textsOf(at(names, "categories")),
        namespaced: textAt(definition, "spec", "scope") === "Namespaced",
        status: at(version, "subresources", "status") !== undefined,
        generation: true,
        schema: isObject(schema) ? schema : undefined,
        columns: columns.length > 0 ? columns : [AGE],
        custom: true,
      },
    ];
  });
}

function columnOf(value: Json): Column {
  const priority = at(value, "priority");
  return {
    name: textAt(value, "name") ?? "",
    type: textAt(value, "type") ?? "string",
    format: textAt(value, "format") ?? "",
    description: textAt(value, "description") ?? "",
    priority: typeof priority === "number" ? priority : 0,
    path: textAt(value, "jsonPath") ?? "",
  };
}

export function groupVersion({ group, version }: ResourceType): string {
  return group === "" ? version : `${group}/${version}`;
}
