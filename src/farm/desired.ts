/** The farm as it should be in the directory: spec → desired. */
import type { ServerFarm, ServerFarmSpec } from "../api/generated/server-farm.ts";
import type { Blocker, Part } from "../api/reasons.ts";
import { ENCRYPTION_BITS } from "../ad/account-flags.ts";
import type { DesiredAccount } from "../ad/object.ts";
import {
  accountNameOf,
  accountNames,
  foldName,
  hostGroupNameOf,
  sameName,
  distinctServicePrincipalNames,
  isDnsHostName,
  isGroupName,
  isSamAccountName,
  isServicePrincipalName,
  matchesPattern,
} from "../names/account-name.ts";
import { childDn, DistinguishedNameError, parentDn, resolveDn } from "../names/distinguished-name.ts";
import { adoptionConsent, ownerMarker } from "../names/identifier.ts";
import type { DesiredFarm, DesiredGroup, DomainFacts, HostReference, Sharing, Standing, Terms, Wanted } from "./desired-farm.ts";
import { desiredSearch } from "./desired-search.ts";
import { desiredHostAccount } from "./desired-host-account.ts";
import { knownObjectsOf, readJournal, requestsOf } from "./journal.ts";

export function desiredFarm(farm: ServerFarm, domain: DomainFacts, cluster: string, sharing: Sharing = [], terms: Terms = {}): Wanted {
  const { spec, metadata, status } = farm;
  const [reader, identity] = [new SpecReader(domain), { namespace: metadata.namespace ?? "", name: metadata.name }];
  const account = reader.account(farm);
  const { existing = false, container } = spec.hosts.group ?? {};
  const groupName = hostGroupNameOf(farm);
  const hostGroup = reader.group({ field: "hosts.group.container", part: "Hosts", needed: true }, { name: groupName, existing, container });
  const accessGroups = spec.accessGroups.map((group, index) =>
    reader.group({ field: `accessGroups[${index}].container`, part: "AccessGroups", needed: false }, group),
  );
  reader.refuseClashes(accessGroups, spec.hosts.grant === "Group" ? groupName : undefined);
  reader.problems.push(...problemsOfNames(account, spec.hosts.grant === "Group" && !existing ? groupName : undefined));
  const { refused, ...servicePrincipalNames } = servicePrincipalNamesOf(spec);
  reader.invalid.push(...refused);
  const desired: DesiredFarm = {
    owner: ownerMarker(cluster, identity),
    account,
    domain,
    ...servicePrincipalNames,
    grant: spec.hosts.grant,
    hostGroup,
    accessGroups,
    hosts: reader.hosts("hosts.computers", spec.hosts.computers),
    quarantined: reader.hosts("hosts.quarantined", spec.hosts.quarantined),
    search: spec.hosts.search && desiredSearch(farm, domain, terms.now ?? 0),
    hostAccount: spec.pods?.hostAccount === undefined ? undefined : desiredHostAccount(farm, domain),
    ...requestsOf(farm),
    resolved: readResolved(status),
    departed: { objectGUIDs: [], unlessNamed: new Set() },
    trustSelfJoined: domain.trustSelfJoined,
    granted: terms.granted,
    amongTenants: terms.sharedGroups !== undefined,
    sharedGroups: terms.sharedGroups ?? [],
    ...knownObjectsOf(status),
    journal: readJournal(status, domain.domainSID),
    standing: standingOf(metadata),
    sharing,
    elsewhere: terms.elsewhere ?? { hosts: new Set(), access: new Set(), users: () => [] },
    invalid: reader.invalid,
    operator: domain.operator,
    observedFor: domain.observed ? "Domain" : spec.managementPolicy === "Observe" ? "Farm" : undefined,
    adoption: { farm: spec.adoptionPolicy, domain: domain.adoption, consent: adoptionConsent(identity) },
    explicitContainers: {
      account: spec.account.container === undefined ? undefined : parentDn(account.distinguishedName),
      hostGroup: container === undefined ? undefined : parentDn(hostGroup.distinguishedName),
    },
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

  account(farm: ServerFarm): DesiredAccount {
    const { account } = farm.spec;
    const name = accountNameOf(farm);
    const { samAccountName, dnsHostName } = accountNames(name, account, this.#domain.dnsName);
    const field = { field: "account.container", part: "Account", needed: true } as const;
    const container = this.#container(field, account.container ?? this.#domain.accountContainer);
    return {
      name,
      samAccountName: `${samAccountName}$`,
      distinguishedName: childDn(name, container),
      dnsHostName,
      passwordIntervalDays: account.passwordIntervalDays,
      encryptionTypes: account.encryptionTypes.reduce((bits, type) => bits | ENCRYPTION_BITS[type], 0),
      description: account.description,
      displayName: account.displayName,
      enabled: account.enabled,
      outboundOnly: account.outboundOnly,
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

export function readResolved(status: ServerFarm["status"]): DesiredFarm["resolved"] {
  return Map.groupBy(status?.resolvedHosts ?? [], ({ reference }) => reference);
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
