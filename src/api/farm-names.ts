/** Names that a farm has where its manifest does not say them. */
import type { ServerFarm, ServerFarmSpec } from "./generated/server-farm.ts";

type Named = Pick<ServerFarm, "metadata" | "spec">;

/** The common name of the account. */
export function accountNameOf({ metadata, spec }: Named): string {
  return spec.account.name ?? metadata.name;
}

/** The sAMAccountName of the host group, whoever owns it. */
export function hostGroupNameOf(farm: Named): string {
  return farm.spec.hosts.group?.name ?? `${accountNameOf(farm)}Hosts`;
}

interface AccountNames {
  /** Without the trailing $. */
  readonly samAccountName: string;
  readonly dnsHostName: string | undefined;
}

/** `name`: the common name of the account. `domain`: the DNS name of the domain. */
export function accountNames(name: string, account: ServerFarmSpec["account"], domain: string): AccountNames {
  const samAccountName = account.samAccountName ?? name;
  if (account.outboundOnly) return { samAccountName, dnsHostName: undefined };
  return { samAccountName, dnsHostName: account.dnsHostName ?? `${samAccountName.toLowerCase()}.${domain}` };
}
