/** The labels of namespaces, by which tenants know theirs. */
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { KubernetesObject } from "../api/object.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { isKubernetesObject, type Resource } from "../kubernetes/resource.ts";
import type { Cluster } from "./cluster.ts";
import type { Namespaces } from "./tenancy.ts";

/** Of a namespace nothing is kept but its name and its labels. */
const NAMESPACES: Resource<KubernetesObject> = {
  apiVersion: "v1",
  kind: "Namespace",
  plural: "namespaces",
  is: (value): value is KubernetesObject => isKubernetesObject(value),
  keep: ({ metadata: { name, uid, resourceVersion, labels = {} } }) => ({ metadata: { name, uid, resourceVersion, labels } }),
};

/** Nobody needs them while no domain names tenants. */
export function copyNamespaces(cluster: Cluster, domains: Copies<ActiveDirectoryDomain>): Namespaces {
  return cluster.watchWhereNeeded(NAMESPACES, () => domains.list().some(({ spec }) => spec.tenants !== undefined));
}
