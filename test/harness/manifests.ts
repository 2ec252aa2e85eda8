/** The manifests that tests apply: of a domain with its Secrets, and of a farm. What a spec does not say the API server fills in. */
import type { Manifest } from "./cluster.ts";
import type { Account } from "./directory.ts";

/** The operator's namespace. */
export const SYSTEM = "serverfarm-system";

export function namespaceOf(name: string): Manifest {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

export function secretOf(name: string, stringData: object): Manifest {
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: SYSTEM }, stringData };
}

/** What the domain's manifest names: the account that the operator logs on with, and whom it trusts (PEM). */
export function domainSecrets(account: Account, ca: string, name = "contoso"): readonly Manifest[] {
  return [secretOf(`${name}-ldap`, account), secretOf(`${name}-ca`, { "ca.crt": ca })];
}

/** contoso.com on this domain controller, as the domain contoso or one of another name. */
export function domainAt(url: string, spec: object = {}, name = "contoso"): Manifest {
  return {
    apiVersion: "serverfarm.dev/v1alpha1",
    kind: "ActiveDirectoryDomain",
    metadata: { name },
    spec: {
      dnsName: "contoso.com",
      servers: [url],
      credentialsSecretRef: { name: `${name}-ldap` },
      caBundleRef: { name: `${name}-ca` },
      defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Farms" },
      // Tests make and delete as many farms as others do in a year.
      deletionBudget: { farms: 1000, per: "1s" },
      ...spec,
    },
  };
}

export function farmOf(namespace: string, name: string, spec: object = {}): Manifest {
  return {
    apiVersion: "serverfarm.dev/v1alpha1",
    kind: "ServerFarm",
    metadata: { name, namespace },
    spec: { domainRef: { name: "contoso" }, ...spec },
  };
}
