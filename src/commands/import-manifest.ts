/** An account that exists → the manifest of a farm that is like it, and what no manifest can say. Pure. */
import { ACCOUNT_DISABLED, ENCRYPTION_BITS } from "../ad/account-flags.ts";
import { type DirectoryObject, isComputer, isGroup } from "../ad/object.ts";
import { SERVER_FARM } from "../api/generated/server-farm.ts";
import type { DomainFacts } from "../farm/desired-farm.ts";
import { isServicePrincipalName, reservedName, sameName } from "../names/account-name.ts";
import { commonName, dnKey, parentDn, resolveDn } from "../names/distinguished-name.ts";

/** What is known of one account. */
export interface FoundAccount {
  readonly account: DirectoryObject;
  /** By SID, whom its list names. */
  readonly principals: ReadonlyMap<string, DirectoryObject>;
  /** Of the one group that its list names: every member that is a computer, and how many members it has. */
  readonly group?:
    | { readonly object: DirectoryObject; readonly computers: readonly DirectoryObject[]; readonly members: number }
    | undefined;
  /** Other accounts name that group, too. */
  readonly isShared: boolean;
  /** The groups that it is a direct member of. */
  readonly memberOf: readonly DirectoryObject[];
  /** Distinguished names of groups that cannot be seen, such as those of other domains. */
  readonly unseen: readonly string[];
}

export interface Imported {
  readonly name: string;
  readonly manifest: object;
  /** What the manifest does not say, or says otherwise. */
  readonly notes: readonly string[];
  /** What the farm is to adopt. */
  readonly adopts: readonly DirectoryObject[];
}

export interface ImportContext {
  readonly namespace: string;
  readonly domain: string;
  readonly facts: DomainFacts;
}

export function importedFarm(name: string, found: FoundAccount, { namespace, domain, facts }: ImportContext): Imported {
  const { account } = found;
  const notes: string[] = [];
  const { hosts, group } = hostsOf(found, facts, notes);
  const spec = {
    domainRef: { name: domain },
    account: accountOf(account, facts, notes),
    ...namesOf(account, facts, notes),
    hosts,
    ...accessGroupsOf(found, hosts.group?.name, notes),
    adoptionPolicy: "Unowned",
    managementPolicy: "Observe",
    deletionPolicy: "Retain",
  };
  const manifest = { apiVersion: SERVER_FARM.apiVersion, kind: SERVER_FARM.kind, metadata: { name, namespace }, spec };
  return { name, manifest, notes, adopts: group ? [group, account] : [account] };
}

/** A name that Kubernetes takes (RFC 1123). */
export function farmNameOf(name: string): string {
  const text = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return text === "" ? "farm" : text;
}

function accountOf(account: DirectoryObject, facts: DomainFacts, notes: string[]): object {
  const {
    distinguishedName,
    dnsHostName,
    description,
    displayName,
    passwordIntervalDays,
    userAccountControl = 0,
    servicePrincipalNames,
  } = account;
  const name = commonName(distinguishedName);
  const sam = (account.samAccountName ?? `${name}$`).replace(/\$$/, "");
  const outboundOnly = dnsHostName === undefined && servicePrincipalNames.length === 0;
  return {
    name,
    ...(sam === name ? {} : { samAccountName: sam }),
    ...containerOf(distinguishedName, facts.accountContainer, facts),
    ...(outboundOnly ? { outboundOnly } : {}),
    ...(dnsHostName === undefined || sameName(dnsHostName, `${sam}.${facts.dnsName}`) ? {} : { dnsHostName }),
    ...(passwordIntervalDays === undefined ? {} : { passwordIntervalDays }),
    ...encryptionTypesOf(account, notes),
    ...(description === undefined ? {} : { description }),
    ...(displayName === undefined ? {} : { displayName }),
    ...((userAccountControl & ACCOUNT_DISABLED) === 0 ? {} : { enabled: false }),
  };
}

/** Relative to the domain, unless it is the default one. */
function containerOf(dn: string, usual: string, { baseDN }: DomainFacts): { readonly container?: string } {
  const container = parentDn(dn);
  if (dnKey(container) === dnKey(resolveDn(usual, baseDN))) return {};
  const suffix = `,${baseDN}`;
  const isBelow = container.toLowerCase().endsWith(suffix.toLowerCase());
  return { container: isBelow ? container.slice(0, -suffix.length) : container };
}

function encryptionTypesOf({ supportedEncryptionTypes = 0 }: DirectoryObject, notes: string[]): object {
  const types = Object.entries(ENCRYPTION_BITS).flatMap(([type, bit]) => ((supportedEncryptionTypes & bit) === 0 ? [] : [type]));
  if (types.length > 0) return { encryptionTypes: types };
  notes.push("msDS-SupportedEncryptionTypes names no type that a farm can have: the farm sets AES128 and AES256.");
  return {};
}

/** What no farm can have is left to the service: a farm then neither adds nor removes it. */
function namesOf({ servicePrincipalNames }: DirectoryObject, facts: DomainFacts, notes: string[]): object {
  const isOrdinary = (name: string): boolean => isServicePrincipalName(name) && reservedName(name, facts) === undefined;
  const others = servicePrincipalNames.filter((name) => !isOrdinary(name));
  const left = others.filter((name) => /^[^/:\s\\]+\/[^\s\\*]+$/.test(name)).slice(0, 50);
  const ordinary = servicePrincipalNames.filter(isOrdinary);
  if (left.length < others.length || ordinary.length > 500) {
    notes.push("No manifest can have all of its service principal names: they are not managed, and stay as they are.");
    return {};
  }
  for (const name of left) notes.push(`${name} is no name that a farm sets: it stays as it is (selfRegisteredServicePrincipalNames).`);
  return {
    servicePrincipalNames: ordinary,
    ...(left.length === 0 ? {} : { selfRegisteredServicePrincipalNames: left }),
  };
}

interface Hosts {
  readonly grant: "Group" | "Principals";
  readonly computers: readonly string[];
  readonly quarantined?: readonly string[];
  readonly group?: { readonly name: string; readonly existing?: boolean; readonly container?: string };
}

function hostsOf(found: FoundAccount, facts: DomainFacts, notes: string[]): { readonly hosts: Hosts; readonly group?: DirectoryObject } {
  const { account, principals, group, isShared } = found;
  const { retrievers } = account;
  const named = (sids: readonly string[] = []): readonly DirectoryObject[] => sids.flatMap((sid) => principals.get(sid) ?? []);
  const quarantined = named(retrievers?.denied).filter(isComputer).map(hostName);
  for (const sid of retrievers?.denied ?? []) {
    const object = principals.get(sid);
    if (!object || !isComputer(object))
      notes.push(`It has a deny entry for ${object?.distinguishedName ?? sid}, which a farm removes: only computers can be quarantined.`);
  }
  for (const text of retrievers?.foreign ?? []) notes.push(`Its list (msDS-GroupMSAMembership) has ${text}, which a farm removes.`);
  const denied = quarantined.length === 0 ? {} : { quarantined };
  const others = (retrievers?.principals ?? []).filter((sid) => {
    const object = principals.get(sid);
    return object === undefined || (!isComputer(object) && object !== group?.object);
  });
  for (const sid of others)
    notes.push(
      `${principals.get(sid)?.distinguishedName ?? sid} may retrieve the password, and loses the right: a farm names one group, or computers.`,
    );
  if (!group)
    return { hosts: { grant: "Principals", computers: named(retrievers?.principals).filter(isComputer).map(hostName), ...denied } };
  const { object, computers, members } = group;
  const direct = named(retrievers?.principals).filter((one) => isComputer(one) && !computers.includes(one));
  for (const one of direct)
    notes.push(`${one.distinguishedName} may retrieve the password by its own entry. A farm with a group adds it to the group.`);
  const hosts = {
    grant: "Group" as const,
    computers: [...computers, ...direct].map(hostName),
    ...denied,
  };
  const name = object.samAccountName ?? commonName(object.distinguishedName);
  const why = isShared
    ? "other accounts name it, too"
    : members > computers.length
      ? "it has members that are no computers"
      : object.owner !== undefined && object.owner !== ""
        ? "it has an adminDescription"
        : object.protection;
  if (why !== undefined || !sameName(name, commonName(object.distinguishedName))) {
    if (why !== undefined) notes.push(`The group ${name} stays an external one (existing: true), since ${why}.`);
    return { hosts: { ...hosts, group: { name, existing: true } } };
  }
  return { hosts: { ...hosts, group: { name, ...containerOf(object.distinguishedName, facts.groupContainer, facts) } }, group: object };
}

function hostName({ samAccountName, distinguishedName }: DirectoryObject): string {
  return samAccountName?.replace(/\$$/, "") ?? distinguishedName;
}

function accessGroupsOf({ memberOf, unseen }: FoundAccount, hostGroup: string | undefined, notes: string[]): object {
  const usable = memberOf.filter((group) => isGroup(group) && group.protection === undefined && !sameName(group.samAccountName, hostGroup));
  for (const group of memberOf) {
    if (group.protection !== undefined)
      notes.push(`It is a member of ${group.distinguishedName}, which no farm touches: ${group.protection}.`);
    else if (sameName(group.samAccountName, hostGroup))
      notes.push(`It is a member of its own host group ${group.distinguishedName}: remove it there.`);
  }
  for (const group of unseen)
    notes.push(`It is a member of ${group}, which you cannot see: the farm does not name it, and leaves it as it is.`);
  if (usable.length === 0) return {};
  return {
    accessGroups: usable.map(({ samAccountName, distinguishedName }) => ({
      name: samAccountName ?? commonName(distinguishedName),
      existing: true,
    })),
  };
}
