/** What a farm asks for, with what it gets where its manifest says nothing: field by field, as a tenant allows it or not. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
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
  | "hosts.containers"
  | "podHostAccounts"
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
  /** Named, and found at most. */
  readonly hosts: number;
  readonly search: boolean;
  readonly adoption: boolean;
}

type Farm = Pick<ServerFarm, "metadata" | "spec">;
type Values = AskedField["values"];

interface Field extends Pick<AskedField, "field" | "rule"> {
  readonly values: (farm: Farm, domain: PolicyDomain) => Values;
}

/**
 * What is judged, in the order in which it is told. The chart's admission policy judges the same: it is made of this table, and has an expression of its
 * own for each row (deploy/admission-fields.ts). Of a group that the farm makes its name and place are judged as of the account; of one of somebody
 * else its name.
 */
export const FIELDS = {
  accountName: { field: "account.name", rule: "accounts.names", values: (farm) => [plain(accountNameOf(farm))] },
  samAccountName: {
    field: "account.samAccountName",
    rule: "accounts.names",
    values: (farm, domain) => {
      const { samAccountName } = namesOf(farm, domain);
      return samAccountName === accountNameOf(farm) ? [] : [plain(samAccountName)];
    },
  },
  accountContainer: {
    field: "account.container",
    rule: "accounts.containers",
    values: ({ spec }, domain) => [container(spec.account.container ?? domain.accountContainer, domain)],
  },
  dnsHostName: {
    field: "account.dnsHostName",
    rule: "dnsHostNames",
    values: (farm, domain) => {
      const { dnsHostName } = namesOf(farm, domain);
      return dnsHostName === undefined ? [] : [plain(dnsHostName)];
    },
  },
  servicePrincipalNames: {
    field: "servicePrincipalNames",
    rule: "servicePrincipalNames",
    values: ({ spec }) => (spec.servicePrincipalNames ?? []).map(plain),
  },
  sharedHostGroup: { field: "hosts.group.name", rule: "groups.hosts", values: (farm) => namesIn(hostGroups(farm), true) },
  ownHostGroup: { field: "hosts.group.name", rule: "accounts.names", values: (farm) => namesIn(hostGroups(farm), false) },
  hostGroupContainer: {
    field: "hosts.group.container",
    rule: "accounts.containers",
    values: (farm, domain) => containersIn(hostGroups(farm), domain),
  },
  sharedAccessGroups: { field: "accessGroups", rule: "groups.access", values: ({ spec }) => namesIn(spec.accessGroups, true) },
  ownAccessGroups: { field: "accessGroups", rule: "accounts.names", values: ({ spec }) => namesIn(spec.accessGroups, false) },
  accessGroupContainers: {
    field: "accessGroups[].container",
    rule: "accounts.containers",
    values: ({ spec }, domain) => containersIn(spec.accessGroups, domain),
  },
  hosts: {
    field: "hosts.computers",
    rule: "hosts.names",
    values: ({ spec }) => spec.hosts.computers.map((text) => ({ text, value: hostNameOf(text) })),
  },
  searchedContainer: {
    field: "hosts.search.container",
    rule: "hosts.containers",
    values: ({ spec }, domain) => (spec.hosts.search ? [container(spec.hosts.search.container, domain)] : []),
  },
  hostAccount: {
    field: "pods.hostAccount",
    rule: "podHostAccounts",
    values: ({ spec }) => (spec.pods?.hostAccount === undefined ? [] : [plain(spec.pods.hostAccount)]),
  },
} as const satisfies Readonly<Record<string, Field>>;

export function askedOf(farm: Farm, domain: PolicyDomain): Asked {
  const rows: readonly Field[] = Object.values(FIELDS);
  return {
    fields: rows
      .map(({ field, rule, values }) => ({ field, rule, values: values(farm, domain) }))
      .filter(({ values }) => values.length > 0),
    hosts: farm.spec.hosts.computers.length + (farm.spec.hosts.search?.max ?? 0),
    search: farm.spec.hosts.search !== undefined,
    adoption: farm.spec.adoptionPolicy === "Unowned",
  };
}

function namesOf(farm: Farm, { dnsName }: PolicyDomain): ReturnType<typeof accountNames> {
  return accountNames(accountNameOf(farm), farm.spec.account, dnsName);
}

interface Group {
  readonly name: string;
  readonly existing: boolean;
  readonly container?: string | undefined;
}

/** The host group, where the farm has one. */
function hostGroups(farm: Farm): readonly Group[] {
  const { grant, group: { existing = false, container: place } = {} } = farm.spec.hosts;
  return grant === "Group" ? [{ name: hostGroupNameOf(farm), existing, container: place }] : [];
}

function namesIn(groups: readonly Group[], existing: boolean): Values {
  return groups.filter((group) => group.existing === existing).map(({ name }) => plain(name));
}

/** Of those that the farm makes. */
function containersIn(groups: readonly Group[], domain: PolicyDomain): Values {
  return groups.filter(({ existing }) => !existing).map((group) => container(group.container ?? domain.groupContainer, domain));
}

/** By which a host is judged: its name, or that of its object. */
function hostNameOf(text: string): string {
  if (text.includes("=")) return commonName(text);
  return text.endsWith("$") ? text.slice(0, -1) : text;
}

function plain(text: string): Values[number] {
  return { text, value: text };
}

/** What is no container of the domain is nowhere. */
function container(text: string, { baseDN }: PolicyDomain): Values[number] {
  return { text, value: wholeContainer(text, baseDN) ?? "" };
}
