import { ownerMarker } from "../names/owner-marker.ts";
import type { Blocker, Part } from "../api/reasons.ts";
import { childDn, DistinguishedNameError, resolveDn } from "../names/distinguished-name.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { memoryOf, type Memory } from "./journal.ts";
import { distinctServicePrincipalNames, isServicePrincipalName } from "../names/service-principal-name.ts";

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

export interface DesiredGroup {
  readonly samAccountName: string;
  /** Where an owned group is created. */
  readonly distinguishedName: string;
  /** A group of somebody else. */
  readonly existing: boolean;
  /** Where an existing group must be; undefined: anywhere in the domain. */
  readonly container: string | undefined;
}

/** Another farm that uses existing groups too: a host that it wants in the same group stays there. */
export interface SharingFarm {
  readonly key: string;
  /** Of the group that it uses, as it names it, in lower case; and its objectGUID, where the farm has seen it. */
  readonly groupName: string;
  readonly objectGUID: string | undefined;
  readonly hosts: readonly HostReference[];
  readonly quarantined: readonly HostReference[];
}

/** The farm as it should be in the directory, with every default filled in. */
export interface DesiredFarm {
  /** The owner marker of everything this farm owns. */
  readonly owner: string;
  readonly account: DesiredAccount;
  readonly servicePrincipalNames: readonly string[];
  readonly grant: "Group" | "Principals";
  readonly hostGroup: DesiredGroup;
  readonly accessGroups: readonly DesiredGroup[];
  readonly hosts: readonly HostReference[];
  readonly quarantined: readonly HostReference[];
  /** objectGUIDs of what the farm is known to own: found by them even when somebody moved or renamed it. */
  readonly knownObjects: readonly string[];
  /** Those of them that are access groups. */
  readonly knownAccessGroups: readonly string[];
  /** What it did to groups that are not its own. */
  readonly memory: Memory;
  /** Other farms with existing host groups. */
  readonly sharing: readonly SharingFarm[];
  /** What of the spec only the domain shows to be wrong: it keeps nothing else from being done. */
  readonly invalid: readonly Blocker[];
  /** A gMSA or host group without owner is taken over. */
  readonly adopt: boolean;
}

const ENCRYPTION_BITS = { RC4: 4, AES128: 8, AES256: 16 } as const;
/** The bits that a farm decides; all others are kept as they are. */
export const ENCRYPTION_MASK = 4 | 8 | 16;

export function parseHostReference(text: string, baseDN: string): HostReference {
  if (text.includes("=")) return { text, by: "distinguishedName", value: resolveDn(text, baseDN) };
  if (text.includes(".")) return { text, by: "dNSHostName", value: text };
  return { text, by: "sAMAccountName", value: text.endsWith("$") ? text : `${text}$` };
}

/** `onError` is told of each text that is no reference, which is left out. */
function parseHostReferences(
  texts: readonly string[],
  baseDN: string,
  onError: (text: string, error: DistinguishedNameError) => void,
): readonly HostReference[] {
  return texts.flatMap((text) => {
    try {
      return [parseHostReference(text, baseDN)];
    } catch (error) {
      if (!(error instanceof DistinguishedNameError)) throw error;
      onError(text, error);
      return [];
    }
  });
}

/** The farm as others that share its existing host group see it; undefined for one that has none, or wants nothing any more. */
export function sharingFarm({ metadata, spec, status }: ServerFarm, baseDN: string): SharingFarm | undefined {
  const { grant, group, computers, quarantined } = spec.hosts;
  if (metadata.deletionTimestamp !== undefined || grant !== "Group" || group?.existing !== true) return undefined;
  const references = (texts: readonly string[]): readonly HostReference[] => parseHostReferences(texts, baseDN, () => undefined);
  return {
    key: keyOf(metadata),
    groupName: (group.name ?? `${spec.account.name ?? metadata.name}Hosts`).toLowerCase(),
    objectGUID: status?.hostGroup?.objectGUID,
    hosts: references(computers),
    quarantined: references(quarantined),
  };
}

/** The farm as wanted. With `problems` it must not be brought about; to clean up after it, it is good enough. */
export interface Wanted {
  readonly desired: DesiredFarm;
  readonly problems: readonly Blocker[];
}

export function desiredFarm(farm: ServerFarm, domain: DomainFacts, cluster: string, sharing: readonly SharingFarm[] = []): Wanted {
  const { spec, metadata } = farm;
  const problems: Blocker[] = [];
  const invalid: Blocker[] = [];
  const refuse = (part: Part, message: string, computer?: string): void => {
    // Without a place for the account or its group there is nothing to start from; all else keeps only itself out.
    const list = part === "Account" || (part === "Hosts" && message.startsWith("hosts.group.")) ? problems : invalid;
    list.push({ reason: "InvalidSpec", part, message, ...(computer === undefined ? {} : { computer }) });
  };
  const resolve = (field: string, text: string, part: Part = "Account"): string => {
    try {
      return resolveDn(text, domain.baseDN);
    } catch (error) {
      if (!(error instanceof DistinguishedNameError)) throw error;
      refuse(part, `${field}: ${error.message}. Correct it.`);
      return text;
    }
  };
  const references = (field: "hosts.computers" | "hosts.quarantined", texts: readonly string[]): readonly HostReference[] =>
    parseHostReferences(texts, domain.baseDN, (text, { message }) => {
      refuse("Hosts", `${field}: ${message}. Correct or remove it.`, field === "hosts.computers" ? text : undefined);
    });
  const group = (field: string, part: Part, groupName: string, existing: boolean, container: string | undefined): DesiredGroup => {
    const resolved = resolve(field, container ?? domain.groupContainer, part);
    return {
      samAccountName: groupName,
      distinguishedName: childDn(groupName, resolved),
      existing,
      container: existing && container !== undefined ? resolved : undefined,
    };
  };

  const name = spec.account.name ?? metadata.name;
  const samAccountName = spec.account.samAccountName ?? name;
  const accountContainer = resolve("account.container", spec.account.container ?? domain.accountContainer);
  const { name: groupName = `${name}Hosts`, existing = false, container } = spec.hosts.group ?? {};
  const hostGroup = group("hosts.group.container", "Hosts", groupName, existing, container);
  const accessGroups = spec.accessGroups.map((wanted, index) =>
    group(`accessGroups[${index}].container`, "AccessGroups", wanted.name, wanted.existing, wanted.container),
  );
  const names = accessGroups.map(({ samAccountName: text }) => text.toLowerCase());
  for (const [index, { samAccountName: text }] of accessGroups.entries()) {
    // The account would be a member of the group that says who may retrieve its password, and be taken out again as a stranger.
    const clash =
      spec.hosts.grant === "Group" && text.toLowerCase() === groupName.toLowerCase()
        ? "is the host group: only hosts are its members"
        : names.indexOf(text.toLowerCase()) < index
          ? "is there twice: names are compared without regard to case"
          : undefined;
    if (clash !== undefined) refuse("AccessGroups", `accessGroups: ${text} ${clash}. Remove it.`);
  }
  const servicePrincipalNames = distinctServicePrincipalNames(spec.servicePrincipalNames);
  for (const bad of servicePrincipalNames.filter((text) => !isServicePrincipalName(text))) {
    refuse(
      "ServicePrincipalNames",
      `servicePrincipalNames: ${JSON.stringify(bad)} is not a service principal name; write it as class/host, class/host:port or class/host/name.`,
    );
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
    servicePrincipalNames: servicePrincipalNames.filter(isServicePrincipalName),
    grant: spec.hosts.grant,
    hostGroup,
    accessGroups,
    hosts,
    quarantined,
    knownObjects: (farm.status?.ownedObjects ?? []).map(({ objectGUID }) => objectGUID),
    knownAccessGroups: (farm.status?.ownedObjects ?? []).filter(({ kind }) => kind === "AccessGroup").map(({ objectGUID }) => objectGUID),
    memory: memoryOf(farm.status),
    sharing,
    invalid,
    adopt: spec.adoptionPolicy === "Unowned",
  };
  return { desired, problems };
}
