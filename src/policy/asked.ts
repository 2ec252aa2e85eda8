/** What a farm asks for, with what it gets where its manifest says nothing: field by field, as a tenant allows it or not. */
import type { ServerFarm, ServerFarmSpec } from "../api/generated/server-farm.ts";
import { accountNameOf, accountNames, hostGroupNameOf } from "../names/account-name.ts";
import { commonName } from "../names/distinguished-name.ts";
import { wholeContainer } from "./rules.ts";

/** Of the domain, what farms get by default. */
export interface PolicyDomain {
  readonly name: string;
  readonly dnsName: string;
  readonly baseDN: string;
  readonly accountContainer: string;
  readonly groupContainer: string;
}

/** By what of a tenant a field is judged. */
export type Rule =
  | "accounts.names"
  | "accounts.containers"
  | "servicePrincipalNames"
  | "dnsHostNames"
  | "hosts.names"
  | "groups.access"
  | "groups.hosts";

export interface AskedField {
  /** As the manifest has it. */
  readonly field: string;
  readonly rule: Rule;
  /** What each is judged as, and how it is told: as the manifest has it. */
  readonly values: readonly { readonly text: string; readonly value: string }[];
}

export interface Asked {
  readonly fields: readonly AskedField[];
  readonly hosts: number;
  readonly adoption: boolean;
}

export function askedOf(farm: Pick<ServerFarm, "metadata" | "spec">, domain: PolicyDomain): Asked {
  const { spec } = farm;
  return {
    fields: [...accountFields(farm, domain), ...groupFields(farm, domain), hostsField(spec.hosts)].filter(
      ({ values }) => values.length > 0,
    ),
    hosts: spec.hosts.computers.length,
    adoption: spec.adoptionPolicy === "Unowned",
  };
}

function accountFields(farm: Pick<ServerFarm, "metadata" | "spec">, domain: PolicyDomain): readonly AskedField[] {
  const { account, servicePrincipalNames = [] } = farm.spec;
  const name = accountNameOf(farm);
  const { samAccountName, dnsHostName } = accountNames(name, account, domain.dnsName);
  return [
    { field: "account.name", rule: "accounts.names", values: [plain(name)] },
    { field: "account.samAccountName", rule: "accounts.names", values: samAccountName === name ? [] : [plain(samAccountName)] },
    { field: "account.container", rule: "accounts.containers", values: [container(account.container ?? domain.accountContainer, domain)] },
    { field: "account.dnsHostName", rule: "dnsHostNames", values: dnsHostName === undefined ? [] : [plain(dnsHostName)] },
    { field: "servicePrincipalNames", rule: "servicePrincipalNames", values: servicePrincipalNames.map(plain) },
  ];
}

/** Of a group that the farm makes its name and place, as of the account; of one of somebody else its name. */
function groupFields(farm: Pick<ServerFarm, "metadata" | "spec">, domain: PolicyDomain): readonly AskedField[] {
  const { hosts, accessGroups } = farm.spec;
  const { existing = false, container: place } = hosts.group ?? {};
  const hostGroups = hosts.grant === "Group" ? [{ name: hostGroupNameOf(farm), existing, container: place }] : [];
  return [
    ...fieldsOf({ names: "hosts.group.name", containers: "hosts.group.container", rule: "groups.hosts" }, hostGroups, domain),
    ...fieldsOf({ names: "accessGroups", containers: "accessGroups[].container", rule: "groups.access" }, accessGroups, domain),
  ];
}

function fieldsOf(
  { names, containers, rule }: { readonly names: string; readonly containers: string; readonly rule: Rule },
  groups: readonly { readonly name: string; readonly existing: boolean; readonly container?: string | undefined }[],
  domain: PolicyDomain,
): readonly AskedField[] {
  const own = groups.filter(({ existing }) => !existing);
  return [
    { field: names, rule, values: groups.filter(({ existing }) => existing).map(({ name }) => plain(name)) },
    { field: names, rule: "accounts.names", values: own.map(({ name }) => plain(name)) },
    {
      field: containers,
      rule: "accounts.containers",
      values: own.map((group) => container(group.container ?? domain.groupContainer, domain)),
    },
  ];
}

function hostsField({ computers }: ServerFarmSpec["hosts"]): AskedField {
  return { field: "hosts.computers", rule: "hosts.names", values: computers.map((text) => ({ text, value: hostNameOf(text) })) };
}

/** By which a host is judged: its name, or that of its object. */
function hostNameOf(text: string): string {
  if (text.includes("=")) return commonName(text);
  return text.endsWith("$") ? text.slice(0, -1) : text;
}

function plain(text: string): AskedField["values"][number] {
  return { text, value: text };
}

/** What is no container of the domain is nowhere. */
function container(text: string, { baseDN }: PolicyDomain): AskedField["values"][number] {
  return { text, value: wholeContainer(text, baseDN) ?? "" };
}
