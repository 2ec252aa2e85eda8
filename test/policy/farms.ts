/** Farms and tenants as the API server hands them out, with every default filled in. */
import type { ServerFarm, ServerFarmSpec } from "../../src/api/generated/server-farm.ts";
import type { PolicyDomain } from "../../src/policy/asked.ts";
import type { TenantSpec } from "../../src/policy/selector.ts";

export const DOMAIN: PolicyDomain = {
  name: "contoso",
  dnsName: "contoso.com",
  baseDN: "dc=contoso,dc=com",
  accountContainer: "OU=Web,OU=Farms",
  groupContainer: "OU=Web,OU=Farms",
};

export function tenantOf(spec: Partial<TenantSpec> = {}): TenantSpec {
  return {
    name: "web",
    namespaceSelector: { matchLabels: { team: "web" }, matchExpressions: [] },
    accounts: { names: ["web-*"], containers: ["OU=Web,OU=Farms"] },
    servicePrincipalNames: ["http/*.web.contoso.com", "MSSQLSvc/*.web.contoso.com:*"],
    dnsHostNames: ["*.web.contoso.com"],
    hosts: { search: true, containers: ["OU=Web Servers,OU=Servers"], names: ["WEB*"], max: 50 },
    groups: { access: ["Web-*"], hosts: [] },
    podHostAccounts: ["eks-web"],
    adoption: false,
    ...spec,
  };
}

export interface FarmSpec extends Partial<Omit<ServerFarmSpec, "account" | "hosts">> {
  readonly name?: string;
  readonly account?: Partial<ServerFarmSpec["account"]>;
  readonly hosts?: Partial<ServerFarmSpec["hosts"]>;
  /** Null: none in the manifest. */
  readonly dnsHostName?: string | null;
}

/** One that the tenant above allows. */
export function farmOf({ name = "web-shop", account, hosts, dnsHostName = "shop.web.contoso.com", ...spec }: FarmSpec = {}): ServerFarm {
  return {
    metadata: { name, namespace: "shop", uid: name, resourceVersion: "1" },
    spec: {
      domainRef: { name: "contoso" },
      accessGroups: [],
      selfRegisteredServicePrincipalNames: [],
      managementPolicy: "Enforce",
      adoptionPolicy: "Never",
      deletionPolicy: "Delete",
      suspend: false,
      ...spec,
      account: {
        outboundOnly: false,
        passwordIntervalDays: 30,
        encryptionTypes: ["AES256"],
        enabled: true,
        ...(dnsHostName === null ? {} : { dnsHostName }),
        ...account,
      },
      hosts: { grant: "Group", computers: [], quarantined: [], ...hosts },
    },
  };
}

export function accessGroup(name: string, existing = true, container?: string): ServerFarmSpec["accessGroups"][number] {
  return { name, existing, ...(container === undefined ? {} : { container }) };
}
