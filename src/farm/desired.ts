/** The farm as it should be in the directory: spec → desired. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { Blocker, Part } from "../api/reasons.ts";
import { ENCRYPTION_BITS } from "../ad/account-flags.ts";
import type { Lookup } from "../ad/lookup.ts";
import type { DesiredAccount } from "../ad/object.ts";
import { foldName, sameName, distinctServicePrincipalNames, isServicePrincipalName } from "../names/account-name.ts";
import { childDn, DistinguishedNameError, resolveDn } from "../names/distinguished-name.ts";
import { ownerMarker } from "../names/identifier.ts";
import { readJournal, type Journal } from "./journal.ts";

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
export interface HostReference extends Lookup {
  /** The user's own text. */
  readonly text: string;
  readonly by: "sAMAccountName" | "dNSHostName" | "distinguishedName";
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

/** What decides, of two farms, which was there first. */
export interface Standing {
  readonly namespace: string;
  /** RFC 3339. */
  readonly created: string;
  readonly uid: string;
}

/** Another farm that uses existing host groups, or did. */
export interface SharingFarm {
  readonly key: string;
  readonly standing: Standing;
  /** The group that it uses, by its name, folded, and by its objectGUID, where the farm has seen it. Undefined: it wants nobody anywhere. */
  readonly uses: { readonly name: string; readonly objectGUID: string | undefined } | undefined;
  /** Lookup keys of the hosts that it wants there, and of those that it wants nowhere. */
  readonly hosts: ReadonlySet<string>;
  readonly quarantined: ReadonlySet<string>;
  /** objectGUIDs of the groups by which it gave somebody a right. */
  readonly claimed: ReadonlySet<string>;
  /** By objectGUID, the groups on its record: the objectGUIDs of the computers that are its to take out. */
  readonly added: ReadonlyMap<string, ReadonlySet<string>>;
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
  readonly journal: Journal;
  readonly standing: Standing;
  /** Other farms that use existing host groups, or did. */
  readonly sharing: readonly SharingFarm[];
  /** What of the spec only the domain shows to be wrong: it keeps nothing else from being done. */
  readonly invalid: readonly Blocker[];
  /** A gMSA or host group without owner is taken over. */
  readonly adopt: boolean;
}

/** The farm as wanted. With `problems` it must not be brought about; to clean up after it, it is good enough. */
export interface Wanted {
  readonly desired: DesiredFarm;
  readonly problems: readonly Blocker[];
}

export function desiredFarm(farm: ServerFarm, domain: DomainFacts, cluster: string, sharing: readonly SharingFarm[] = []): Wanted {
  const { spec, metadata, status } = farm;
  const reader = new SpecReader(domain);
  const account = reader.account(farm);
  const { name: groupName = `${account.name}Hosts`, existing = false, container } = spec.hosts.group ?? {};
  const hostGroup = reader.group({ field: "hosts.group.container", part: "Hosts", needed: true }, { name: groupName, existing, container });
  const accessGroups = spec.accessGroups.map((group, index) =>
    reader.group({ field: `accessGroups[${index}].container`, part: "AccessGroups", needed: false }, group),
  );
  reader.refuseClashes(accessGroups, spec.hosts.grant === "Group" ? groupName : undefined);
  const desired: DesiredFarm = {
    owner: ownerMarker(cluster, { namespace: metadata.namespace ?? "", name: metadata.name }),
    account,
    servicePrincipalNames: reader.servicePrincipalNames(spec.servicePrincipalNames),
    grant: spec.hosts.grant,
    hostGroup,
    accessGroups,
    hosts: reader.hosts("hosts.computers", spec.hosts.computers),
    quarantined: reader.hosts("hosts.quarantined", spec.hosts.quarantined),
    knownObjects: (status?.ownedObjects ?? []).map(({ objectGUID }) => objectGUID),
    knownAccessGroups: (status?.ownedObjects ?? []).filter(({ kind }) => kind === "AccessGroup").map(({ objectGUID }) => objectGUID),
    journal: readJournal(status),
    standing: standingOf(metadata),
    sharing,
    invalid: reader.invalid,
    adopt: spec.adoptionPolicy === "Unowned",
  };
  return { desired, problems: reader.problems };
}

export function standingOf({ namespace = "", creationTimestamp = "", uid }: ServerFarm["metadata"]): Standing {
  return { namespace, created: creationTimestamp, uid };
}

interface ContainerField {
  readonly field: string;
  readonly part: Part;
  /** Without this container there is nothing to start from. */
  readonly needed: boolean;
}

/** Reads the parts of a spec, and collects what is wrong with them. */
class SpecReader {
  /** Without a place for the account or its group there is nothing to start from. */
  readonly problems: Blocker[] = [];
  /** What keeps only itself out. */
  readonly invalid: Blocker[] = [];
  readonly #domain: DomainFacts;

  constructor(domain: DomainFacts) {
    this.#domain = domain;
  }

  account({ metadata, spec: { account } }: ServerFarm): DesiredAccount {
    const name = account.name ?? metadata.name;
    const field = { field: "account.container", part: "Account", needed: true } as const;
    const container = this.#container(field, account.container ?? this.#domain.accountContainer);
    return {
      name,
      samAccountName: `${account.samAccountName ?? name}$`,
      distinguishedName: childDn(name, container),
      dnsHostName: account.outboundOnly ? undefined : (account.dnsHostName ?? `${name.toLowerCase()}.${this.#domain.dnsName}`),
      passwordIntervalDays: account.passwordIntervalDays,
      encryptionTypes: account.encryptionTypes.reduce((bits, type) => bits | ENCRYPTION_BITS[type], 0),
      description: account.description,
      displayName: account.displayName,
      enabled: account.enabled,
    };
  }

  group(
    field: ContainerField,
    { name, existing, container }: { readonly name: string; readonly existing: boolean; readonly container?: string | undefined },
  ): DesiredGroup {
    const resolved = this.#container(field, container ?? this.#domain.groupContainer);
    return {
      samAccountName: name,
      distinguishedName: childDn(name, resolved),
      existing,
      container: existing && container !== undefined ? resolved : undefined,
    };
  }

  /** `hostGroup`: its name, where the farm has one. */
  refuseClashes(accessGroups: readonly DesiredGroup[], hostGroup: string | undefined): void {
    const names = accessGroups.map(({ samAccountName }) => foldName(samAccountName));
    for (const [index, { samAccountName: text }] of accessGroups.entries()) {
      // The account would be a member of the group that says who may retrieve its password, and be taken out again as a stranger.
      const clash = sameName(text, hostGroup)
        ? "is the host group: only hosts are its members"
        : names.indexOf(foldName(text)) < index
          ? "is there twice: names are compared without regard to case"
          : undefined;
      if (clash !== undefined) this.#refuse("AccessGroups", `accessGroups: ${text} ${clash}. Remove it.`);
    }
  }

  servicePrincipalNames(texts: readonly string[]): readonly string[] {
    return distinctServicePrincipalNames(texts).filter((text) => {
      if (isServicePrincipalName(text)) return true;
      const message = `servicePrincipalNames: ${JSON.stringify(text)} is not a service principal name; write it as class/host, class/host:port or class/host/name.`;
      this.#refuse("ServicePrincipalNames", message);
      return false;
    });
  }

  hosts(field: "hosts.computers" | "hosts.quarantined", texts: readonly string[]): readonly HostReference[] {
    return parseHostReferences(texts, this.#domain.baseDN, (text, { message }) => {
      this.#refuse("Hosts", `${field}: ${message}. Correct or remove it.`, field === "hosts.computers" ? text : undefined);
    });
  }

  #container({ field, part, needed }: ContainerField, text: string): string {
    try {
      return resolveDn(text, this.#domain.baseDN);
    } catch (error) {
      if (!(error instanceof DistinguishedNameError)) throw error;
      const list = needed ? this.problems : this.invalid;
      list.push({ reason: "InvalidSpec", part, message: `${field}: ${error.message}. Correct it.` });
      return text;
    }
  }

  #refuse(part: Part, message: string, computer?: string): void {
    this.invalid.push({ reason: "InvalidSpec", part, message, ...(computer === undefined ? {} : { computer }) });
  }
}

export function parseHostReference(text: string, baseDN: string): HostReference {
  if (text.includes("=")) return { text, by: "distinguishedName", value: resolveDn(text, baseDN) };
  if (text.includes(".")) return { text, by: "dNSHostName", value: text };
  return { text, by: "sAMAccountName", value: text.endsWith("$") ? text : `${text}$` };
}

/** `onError` is told of each text that is no reference, which is left out. */
export function parseHostReferences(
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
