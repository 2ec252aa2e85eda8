/** Who may do what in the cluster: roles and bindings (rbac.authorization.k8s.io/v1). */
import { type ApiObject, at, isObject, type Json, list, textAt, textsOf } from "./json.ts";
import type { Store } from "./store.ts";

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface Action {
  readonly verb: string;
  readonly group: string;
  /** With the subresource, if any: serverfarms/status */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

const GROUP = "rbac.authorization.k8s.io";

export function isAllowed(store: Store, user: User, action: Action): boolean {
  if (user.groups.includes("system:masters")) return true;
  const rules = store
    .list(`${GROUP}/clusterrolebindings`)
    .filter((binding) => binds(binding, user))
    .flatMap((binding) => rulesOf(store, binding, ""));
  if (action.namespace !== "") {
    const own = store.list(`${GROUP}/rolebindings`, action.namespace).filter((binding) => binds(binding, user));
    rules.push(...own.flatMap((binding) => rulesOf(store, binding, action.namespace)));
  }
  return rules.some((rule) => allows(rule, action));
}

/** Of the API server's own paths, or anybody's who asks it: only by bindings of the whole cluster. */
export function isAllowedPath(store: Store, user: User, verb: string, path: string): boolean {
  if (user.groups.includes("system:masters")) return true;
  const rules = store
    .list(`${GROUP}/clusterrolebindings`)
    .filter((binding) => binds(binding, user))
    .flatMap((binding) => rulesOf(store, binding, ""));
  const covers = (pattern: string): boolean => pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.slice(0, -1)));
  return rules.some(
    (rule) => textsOf(at(rule, "verbs")).some((item) => item === "*" || item === verb) && textsOf(at(rule, "nonResourceURLs")).some(covers),
  );
}

function binds(binding: ApiObject, { name, groups }: User): boolean {
  return list(binding["subjects"]).some((subject) => {
    const wanted = textAt(subject, "name") ?? "";
    switch (textAt(subject, "kind")) {
      case "User":
        return wanted === name;
      case "Group":
        return groups.includes(wanted);
      case "ServiceAccount":
        return name === `system:serviceaccount:${textAt(subject, "namespace") ?? ""}:${wanted}`;
      default:
        return false;
    }
  });
}

function rulesOf(store: Store, binding: ApiObject, namespace: string): readonly Json[] {
  const name = textAt(binding, "roleRef", "name") ?? "";
  const cluster = textAt(binding, "roleRef", "kind") === "ClusterRole";
  const role = cluster ? store.get(`${GROUP}/clusterroles`, name) : store.get(`${GROUP}/roles`, `${namespace}/${name}`);
  const aggregated = list(at(role, "aggregationRule", "clusterRoleSelectors")).flatMap((selector) => {
    const labels = at(selector, "matchLabels");
    const wanted = Object.entries(isObject(labels) ? labels : {});
    return store
      .list(`${GROUP}/clusterroles`)
      .filter((candidate) => wanted.every(([label, value]) => textAt(candidate, "metadata", "labels", label) === value))
      .flatMap((candidate) => list(candidate["rules"]));
  });
  return [...list(role?.["rules"]), ...aggregated];
}

function allows(rule: Json, { verb, group, resource, name }: Action): boolean {
  const has = (field: string, value: string): boolean => textsOf(at(rule, field)).some((item) => item === "*" || item === value);
  const names = textsOf(at(rule, "resourceNames"));
  return has("verbs", verb) && has("apiGroups", group) && has("resources", resource) && (names.length === 0 || names.includes(name));
}
