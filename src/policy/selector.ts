/** Whether the labels of a namespace are those that a selector asks for (the LabelSelector of the Kubernetes API). */
import type { ActiveDirectoryDomainSpec } from "../api/generated/active-directory-domain.ts";

export type TenantSpec = NonNullable<ActiveDirectoryDomainSpec["tenants"]>[number];

export interface Namespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The API server gives it to every namespace; whoever can label namespaces cannot change it. */
const NAME_LABEL = "kubernetes.io/metadata.name";

export function selects({ matchLabels, matchExpressions }: TenantSpec["namespaceSelector"], { name, labels }: Namespace): boolean {
  const valueOf = (key: string): string | undefined => (key === NAME_LABEL ? name : Object.hasOwn(labels, key) ? labels[key] : undefined);
  return (
    Object.entries(matchLabels).every(([key, value]) => valueOf(key) === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      const value = valueOf(key);
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value);
        case "NotIn":
          return value === undefined || !values.includes(value);
        case "Exists":
          return value !== undefined;
        case "DoesNotExist":
          return value === undefined;
      }
    })
  );
}
