/** An ActiveDirectoryDomain as the API server hands it out: with all that its schema fills in. */
import type { ActiveDirectoryDomain } from "../../src/api/generated/active-directory-domain.ts";

export function domainOf(
  spec: Partial<ActiveDirectoryDomain["spec"]> = {},
  status?: ActiveDirectoryDomain["status"],
): ActiveDirectoryDomain {
  return {
    metadata: { name: "contoso", uid: "u", resourceVersion: "1", generation: 3 },
    spec: {
      dnsName: "contoso.com",
      servers: ["ldaps://dc1.contoso.com"],
      credentialsSecretRef: { name: "contoso-ldap" },
      defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Farms" },
      poll: "15s",
      resync: "1h",
      selfJoinedComputers: "Withhold",
      managementPolicy: "Enforce",
      suspend: false,
      deletionBudget: { farms: 10, per: "1h" },
      adoption: "Consent",
      podHostAccounts: [],
      ...spec,
    },
    ...(status ? { status } : {}),
  };
}
