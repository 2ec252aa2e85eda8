/** The names of an account and of its host group, and its service principal names: spec → desired. What is derived obeys the rules of what is written. */
import type { ServerFarmSpec } from "../api/generated/server-farm.ts";
import type { Blocker, Part } from "../api/reasons.ts";
import {
  distinctServicePrincipalNames,
  isDnsHostName,
  isGroupName,
  isSamAccountName,
  isServicePrincipalName,
  matchesPattern,
} from "../names/account-name.ts";

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

const CHARACTERS = 'characters, none of them one of " / \\ [ ] : | < > + = ; ? , * @';

/** `samAccountName` with the trailing $. `hostGroup`: the name of a group that the farm makes. */
export function problemsOfNames(
  { samAccountName, dnsHostName }: { readonly samAccountName: string; readonly dnsHostName: string | undefined },
  hostGroup: string | undefined,
): readonly Blocker[] {
  const problem = (part: Part, field: string, name: string, rule: string): Blocker => ({
    reason: "InvalidSpec",
    part,
    message: `${field}: ${JSON.stringify(name)} is not ${rule}. Set ${field}.`,
  });
  const sam = samAccountName.slice(0, -1);
  return [
    ...(isSamAccountName(sam) ? [] : [problem("Account", "account.samAccountName", sam, `a sAMAccountName of at most 15 ${CHARACTERS}`)]),
    ...(dnsHostName === undefined || isDnsHostName(dnsHostName)
      ? []
      : [problem("Account", "account.dnsHostName", dnsHostName, "a fully qualified DNS name")]),
    ...(hostGroup === undefined || isGroupName(hostGroup)
      ? []
      : [problem("Hosts", "hosts.group.name", hostGroup, `a group name of at most 64 ${CHARACTERS}`)]),
  ];
}

interface ServicePrincipalNames {
  readonly servicePrincipalNames: readonly string[];
  /** Patterns of those that are neither added nor removed; ["*"] where none is managed. */
  readonly unmanagedServicePrincipalNames: readonly string[];
  readonly refused: readonly Blocker[];
}

export function servicePrincipalNamesOf({
  account,
  servicePrincipalNames: texts,
  selfRegisteredServicePrincipalNames: patterns,
}: ServerFarmSpec): ServicePrincipalNames {
  const refused: Blocker[] = [];
  const refuse = (text: string, problem: string): void => {
    const message = `servicePrincipalNames: ${JSON.stringify(text)} ${problem}`;
    refused.push({ reason: "InvalidSpec", part: "ServicePrincipalNames", message });
  };
  const servicePrincipalNames = distinctServicePrincipalNames(texts ?? []).filter((text) => {
    const pattern = patterns.find((candidate) => matchesPattern(candidate, text));
    if (!isServicePrincipalName(text)) {
      refuse(
        text,
        "is not a service principal name; write it as class/host, class/host:port or class/host/name, in ASCII and without a realm (@REALM).",
      );
    } else if (pattern !== undefined) {
      refuse(text, `is left to the service by ${pattern} in selfRegisteredServicePrincipalNames, too: remove it from one of the two.`);
    } else return true;
    return false;
  });
  // An account for outbound authentication has none, whether it says so or not.
  return { servicePrincipalNames, unmanagedServicePrincipalNames: texts || account.outboundOnly ? patterns : ["*"], refused };
}
