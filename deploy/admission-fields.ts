/** What a farm asks for, as the API server reads it from the manifest: a row for each of src/policy/asked.ts, in the Common Expression Language. */
import type { FIELDS } from "../src/policy/asked.ts";

export type FieldName = keyof typeof FIELDS;

/** Each is a list of texts, as the manifest has them. `farm`: object or oldObject. */
export const ASKED: Readonly<Record<FieldName, (farm: string) => string>> = {
  accountName: (farm) => `[${accountName(farm)}]`,
  samAccountName: (farm) => `[${samAccountName(farm)}].filter(v, v != ${accountName(farm)})`,
  accountContainer: (farm) => `[${either(`${farm}.spec.account.container`, "params.spec.defaults.accountContainer")}]`,
  dnsHostName: (farm) =>
    `${farm}.spec.account.outboundOnly ? [] : [${either(`${farm}.spec.account.dnsHostName`, `${samAccountName(farm)}.lowerAscii() + '.' + params.spec.dnsName`)}]`,
  servicePrincipalNames: (farm) => either(`${farm}.spec.servicePrincipalNames`, "[]"),
  sharedHostGroup: (farm) => `${hasGroup(farm)} && ${isShared(farm)} ? [${hostGroupName(farm)}] : []`,
  ownHostGroup: (farm) => `${hasGroup(farm)} && !${isShared(farm)} ? [${hostGroupName(farm)}] : []`,
  hostGroupContainer: (farm) =>
    `${hasGroup(farm)} && !${isShared(farm)} ? [has(${farm}.spec.hosts.group) && has(${farm}.spec.hosts.group.container) ? ${farm}.spec.hosts.group.container : params.spec.defaults.groupContainer] : []`,
  sharedAccessGroups: (farm) => `${farm}.spec.accessGroups.filter(g, g.existing).map(g, g.name)`,
  ownAccessGroups: (farm) => `${farm}.spec.accessGroups.filter(g, !g.existing).map(g, g.name)`,
  accessGroupContainers: (farm) =>
    `${farm}.spec.accessGroups.filter(g, !g.existing).map(g, ${either("g.container", "params.spec.defaults.groupContainer")})`,
  hosts: (farm) => `${farm}.spec.hosts.computers`,
  hostAccount: (farm) => `has(${farm}.spec.pods) && has(${farm}.spec.pods.hostAccount) ? [${farm}.spec.pods.hostAccount] : []`,
  searchedContainer: (farm) => `has(${farm}.spec.hosts.search) ? [${farm}.spec.hosts.search.container] : []`,
};

function either(field: string, otherwise: string): string {
  return `(has(${field}) ? ${field} : ${otherwise})`;
}

function accountName(farm: string): string {
  return either(`${farm}.spec.account.name`, `${farm}.metadata.name`);
}

function samAccountName(farm: string): string {
  return either(`${farm}.spec.account.samAccountName`, accountName(farm));
}

function hasGroup(farm: string): string {
  return `${farm}.spec.hosts.grant == 'Group'`;
}

function isShared(farm: string): string {
  return `(has(${farm}.spec.hosts.group) && ${farm}.spec.hosts.group.existing)`;
}

function hostGroupName(farm: string): string {
  return `(has(${farm}.spec.hosts.group) && has(${farm}.spec.hosts.group.name) ? ${farm}.spec.hosts.group.name : ${accountName(farm)} + 'Hosts')`;
}
