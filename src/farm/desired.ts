import type { Blocker } from "./blocker.ts";
import { childDn, DistinguishedNameError, resolveDn } from "./distinguished-name.ts";
import type { ServerFarm } from "./server-farm.ts";
import { distinctServicePrincipalNames, isServicePrincipalName } from "./service-principal-name.ts";

/** What a farm needs to know of its domain. */
export interface DomainFacts {
  readonly dnsName: string;
  /** The domain's naming context: DC=contoso,DC=com. */
  readonly baseDN: string;
  /** Relative or whole distinguished names. */
  readonly accountContainer: string;
  readonly groupContainer: string;
}

/** A computer as the farm names it. */
export interface HostReference {
  /** The user's own text. */
  readonly text: string;
  readonly by: "sAMAccountName" | "dNSHostName" | "distinguishedName";
  readonly value: string;
}

export interface DesiredAccount {
  readonly name: string;
  /** With the trailing $. */
  readonly samAccountName: string;
  readonly distinguishedName: string;
  readonly dnsHostName: string | undefined;
  readonly passwordIntervalDays: number;
  /** Bits of msDS-SupportedEncryptionTypes (MS-KILE 2.2.7): 4 RC4, 8 AES128, 16 AES256. */
  readonly encryptionTypes: number;
  readonly description: string | undefined;
  readonly displayName: string | undefined;
  readonly enabled: boolean;
}

export interface DesiredHostGroup {
  readonly samAccountName: string;
  readonly distinguishedName: string;
}

/** The farm as it should be in the directory, with every default filled in. */
export interface DesiredFarm {
  /** The owner marker of everything this farm owns. */
  readonly owner: string;
  readonly account: DesiredAccount;
  readonly servicePrincipalNames: readonly string[];
  readonly hostGroup: DesiredHostGroup;
  readonly hosts: readonly HostReference[];
  readonly quarantined: readonly HostReference[];
  /** objectGUIDs of what the farm is known to own: found by them even when somebody moved or renamed it. */
  readonly knownObjects: readonly string[];
}

/** The owner marker, the value of adminDescription. `cluster` is the UID of the namespace kube-system. */
export function ownerMarker(cluster: string, farm: { readonly namespace: string; readonly name: string }): string {
  return `serverfarm.dev cluster=${cluster} farm=${farm.namespace}/${farm.name}`;
}

/** Who owns an object with this adminDescription, in words for a message. */
export function describeOwner(owner: string | undefined, own: string): string {
  if (owner === undefined || owner === "") return "it bears no owner marker";
  const match = /^serverfarm\.dev cluster=(\S+) farm=(\S+)$/.exec(owner);
  if (!match) return `its adminDescription is ${JSON.stringify(owner)}`;
  const [, cluster, farm] = match;
  const sameCluster = own.startsWith(`serverfarm.dev cluster=${cluster} `);
  return sameCluster ? `it belongs to the ServerFarm ${farm}` : `it belongs to the ServerFarm ${farm} of another cluster (${cluster})`;
}

const ENCRYPTION_BITS = { RC4: 4, AES128: 8, AES256: 16 } as const;
/** The bits that a farm decides; all others are kept as they are. */
export const ENCRYPTION_MASK = 4 | 8 | 16;

export function parseHostReference(text: string, baseDN: string): HostReference {
  if (text.includes("=")) return { text, by: "distinguishedName", value: resolveDn(text, baseDN) };
  if (text.includes(".")) return { text, by: "dNSHostName", value: text };
  return { text, by: "sAMAccountName", value: text.endsWith("$") ? text : `${text}$` };
}

/** The farm as wanted. With `problems` it must not be brought about; to clean up after it, it is good enough. */
export interface Wanted {
  readonly desired: DesiredFarm;
  readonly problems: readonly Blocker[];
}

export function desiredFarm(farm: ServerFarm, domain: DomainFacts, cluster: string): Wanted {
  const { spec, metadata } = farm;
  const problems: Blocker[] = [...notYetSupported(farm)];
  const resolve = (field: string, text: string): string => {
    try {
      return resolveDn(text, domain.baseDN);
    } catch (error) {
      if (!(error instanceof DistinguishedNameError)) throw error;
      problems.push({ reason: "InvalidSpec", part: "Account", message: `${field}: ${error.message}. Correct it.` });
      return text;
    }
  };
  const references = (field: string, texts: readonly string[]): readonly HostReference[] =>
    texts.flatMap((text) => {
      try {
        return [parseHostReference(text, domain.baseDN)];
      } catch (error) {
        if (!(error instanceof DistinguishedNameError)) throw error;
        problems.push({ reason: "InvalidSpec", part: "Hosts", message: `${field}: ${error.message}. Correct or remove it.` });
        return [];
      }
    });

  const name = spec.account.name ?? metadata.name;
  const samAccountName = spec.account.samAccountName ?? name;
  const accountContainer = resolve("account.container", spec.account.container ?? domain.accountContainer);
  const groupContainer = resolve("hosts.group.container", spec.hosts.group?.container ?? domain.groupContainer);
  const groupName = spec.hosts.group?.name ?? `${name}Hosts`;
  const servicePrincipalNames = distinctServicePrincipalNames(spec.servicePrincipalNames);
  for (const bad of servicePrincipalNames.filter((text) => !isServicePrincipalName(text))) {
    problems.push({
      reason: "InvalidSpec",
      part: "ServicePrincipalNames",
      message: `servicePrincipalNames: ${JSON.stringify(bad)} is not a service principal name; write it as class/host, class/host:port or class/host/name.`,
    });
  }
  const hosts = references("hosts.computers", spec.hosts.computers);
  const quarantined = references("hosts.quarantined", spec.hosts.quarantined);
  const desired: DesiredFarm = {
    owner: ownerMarker(cluster, { namespace: metadata.namespace ?? "", name: metadata.name }),
    account: {
      name,
      samAccountName: `${samAccountName}$`,
      distinguishedName: childDn(name, accountContainer),
      dnsHostName: spec.account.outboundOnly ? undefined : (spec.account.dnsHostName ?? `${name.toLowerCase()}.${domain.dnsName}`),
      passwordIntervalDays: spec.account.passwordIntervalDays,
      encryptionTypes: spec.account.encryptionTypes.reduce((bits, type) => bits | ENCRYPTION_BITS[type], 0),
      description: spec.account.description,
      displayName: spec.account.displayName,
      enabled: spec.account.enabled,
    },
    servicePrincipalNames,
    hostGroup: { samAccountName: groupName, distinguishedName: childDn(groupName, groupContainer) },
    hosts,
    quarantined,
    knownObjects: (farm.status?.ownedObjects ?? []).map(({ objectGUID }) => objectGUID),
  };
  return { desired, problems };
}

/** Fields that are in the API and not yet in the program: said, never ignored. */
function notYetSupported({ spec }: ServerFarm): readonly Blocker[] {
  const refuse = (part: Blocker["part"], field: string, instead: string): Blocker => ({
    reason: "InvalidSpec",
    part,
    message: `${field} is not supported by this version of the operator, so nothing was written: ${instead}.`,
  });
  return [
    spec.hosts.grant === "Principals" ? refuse("Hosts", "hosts.grant: Principals", "use Group") : undefined,
    spec.hosts.group?.existing === true ? refuse("Hosts", "hosts.group.existing: true", "let the farm own its host group") : undefined,
    spec.accessGroups.length > 0 ? refuse("AccessGroups", "accessGroups", "leave it empty") : undefined,
    spec.adoptionPolicy === "Unowned" ? refuse("Account", "adoptionPolicy: Unowned", "use Never") : undefined,
  ].filter((blocker) => blocker !== undefined);
}
