/** Whether the tenants of a domain allow a farm, and if not, what is in the way: one tenant must allow all of it. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { Granted } from "../api/permission.ts";
import { type Asked, type AskedField, askedOf, type PolicyDomain, type Rule } from "./asked.ts";
import { messageOf, NAMED, NO_TENANT, REFUSED } from "./message.ts";
import { type Allows, byContainer, byHostPattern, byPattern, byServicePrincipalName, wholeContainers } from "./rules.ts";
import { type Namespace, selects, type TenantSpec } from "./selector.ts";

/** One thing that a tenant does not allow. */
export interface Refusal {
  /** Of the farm. */
  readonly field: string;
  /** What of it is not allowed, as the manifest has it: some of many. */
  readonly values: readonly string[];
  readonly more: number;
  /** The field of the tenant that decides, and what it says, in words. */
  readonly rule: string;
  readonly says: string;
}

export type Verdict =
  | { readonly kind: "Allowed"; readonly tenant: Tenant }
  /** `tenant`: the one that comes closest; undefined where none is of the farm's namespace. */
  | { readonly kind: "NotAllowed"; readonly tenant: Tenant | undefined; readonly refusals: readonly Refusal[]; readonly message: string };

/** A tenant, made ready to judge many farms by. */
export interface Tenant {
  readonly spec: TenantSpec;
  readonly granted: Granted;
  readonly allows: Readonly<Record<Rule, Allows>>;
}

/** How each rule compares. The chart's admission policy goes by the same table (deploy/admission-rules.ts). */
export const COMPARED = {
  "accounts.names": "Pattern",
  "accounts.containers": "Container",
  servicePrincipalNames: "ServicePrincipalName",
  dnsHostNames: "Pattern",
  "hosts.names": "Host",
  "hosts.containers": "Container",
  podHostAccounts: "Pattern",
  "groups.access": "Pattern",
  "groups.hosts": "Pattern",
} as const satisfies Readonly<Record<Rule, string>>;

/** `baseDN`: of the domain. */
const COMPARISONS: Readonly<Record<(typeof COMPARED)[Rule], (allowed: readonly string[], baseDN: string) => Allows>> = {
  Pattern: byPattern,
  Container: (allowed, baseDN) => byContainer(wholeContainers(allowed, baseDN)),
  ServicePrincipalName: byServicePrincipalName,
  Host: byHostPattern,
};

export function readTenants(tenants: readonly TenantSpec[], { baseDN }: PolicyDomain): readonly Tenant[] {
  return tenants.map((spec) => {
    const allowsBy = (rule: Rule): Allows => COMPARISONS[COMPARED[rule]](allowedBy(spec, rule), baseDN);
    return {
      spec,
      granted: {
        kind: "Allowed",
        tenant: spec.name,
        hostContainers: wholeContainers(spec.hosts.containers, baseDN),
        hostNames: spec.hosts.names,
      },
      allows: {
        "accounts.names": allowsBy("accounts.names"),
        "accounts.containers": allowsBy("accounts.containers"),
        servicePrincipalNames: allowsBy("servicePrincipalNames"),
        dnsHostNames: allowsBy("dnsHostNames"),
        "hosts.names": allowsBy("hosts.names"),
        "hosts.containers": allowsBy("hosts.containers"),
        podHostAccounts: allowsBy("podHostAccounts"),
        "groups.access": allowsBy("groups.access"),
        "groups.hosts": allowsBy("groups.hosts"),
      },
    };
  });
}

/** The tenants that the namespace belongs to, in their order. */
export function tenantsOf(tenants: readonly Tenant[], namespace: Namespace): readonly Tenant[] {
  return tenants.filter(({ spec }) => selects(spec.namespaceSelector, namespace));
}

/** `tenants`: those of the farm's namespace. The first that allows the farm is the one; else it is told by the first of those that refuse the fewest fields. */
export function judge(farm: Pick<ServerFarm, "metadata" | "spec">, tenants: readonly Tenant[], domain: PolicyDomain): Verdict {
  const asked = askedOf(farm, domain);
  let closest: { readonly tenant: Tenant; readonly refusals: readonly Refusal[] } | undefined;
  for (const tenant of tenants) {
    const refusals = refusalsOf(asked, tenant);
    if (refusals.length === 0) return { kind: "Allowed", tenant };
    if (!closest || refusals.length < closest.refusals.length) closest = { tenant, refusals };
  }
  if (closest) return { kind: "NotAllowed", ...closest, message: refusalMessage(closest.refusals, closest.tenant.spec.name, domain.name) };
  const { namespace = "" } = farm.metadata;
  const message = messageOf(NO_TENANT, { domain: domain.name, namespace });
  return { kind: "NotAllowed", tenant: undefined, refusals: [], message };
}

function refusalsOf({ fields, hosts, search, adoption }: Asked, { spec, allows }: Tenant): readonly Refusal[] {
  const { max } = spec.hosts;
  return [
    ...fields.flatMap((field) => refusalOf(field, allows[field.rule], allowedBy(spec, field.rule))),
    ...(max !== undefined && hosts > max
      ? [{ field: "hosts.computers", values: [`${hosts} hosts`], more: 0, rule: "hosts.max", says: `is ${max}` }]
      : []),
    ...(search && !spec.hosts.search ? [{ field: "hosts.search", values: ["true"], more: 0, rule: "hosts.search", says: "is false" }] : []),
    ...(adoption && !spec.adoption ? [{ field: "adoptionPolicy", values: ["Unowned"], more: 0, rule: "adoption", says: "is false" }] : []),
  ];
}

function allowedBy(
  { accounts, servicePrincipalNames, dnsHostNames, hosts, podHostAccounts, groups }: TenantSpec,
  rule: Rule,
): readonly string[] {
  switch (rule) {
    case "accounts.names":
      return accounts.names;
    case "accounts.containers":
      return accounts.containers;
    case "servicePrincipalNames":
      return servicePrincipalNames;
    case "dnsHostNames":
      return dnsHostNames;
    case "hosts.names":
      return hosts.names;
    case "hosts.containers":
      return hosts.containers;
    case "podHostAccounts":
      return podHostAccounts;
    case "groups.access":
      return groups.access;
    case "groups.hosts":
      return groups.hosts;
  }
}

function refusalOf({ field, rule, values }: AskedField, isAllowed: Allows, allowed: readonly string[]): readonly Refusal[] {
  const refused = values.filter(({ value }) => !isAllowed(value));
  if (refused.length === 0) return [];
  const named = refused.slice(0, NAMED).map(({ text }) => text);
  return [{ field, values: named, more: refused.length - named.length, rule, says: allows(allowed) }];
}

/** Tenant, field, value and rule, and what to do. */
function refusalMessage(refusals: readonly Refusal[], tenant: string, domain: string): string {
  const said = refusals.map(({ field, values, more, rule, says }) => {
    const list = `${values.map((value) => JSON.stringify(value)).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
    return `${field}: ${list} (${rule} ${says})`;
  });
  return messageOf(REFUSED, { tenant, domain, refusals: said.join("; ") });
}

function allows(allowed: readonly string[]): string {
  if (allowed.length === 0) return "allows nothing";
  const more = allowed.length > NAMED ? ` and ${allowed.length - NAMED} more` : "";
  return `allows ${allowed.slice(0, NAMED).join(", ")}${more}`;
}

/** A tenant has as many farms as it may. */
export function tooManyFarms({ spec }: Tenant, domain: string): string {
  const { name, maxFarms = 0 } = spec;
  const farms = maxFarms === 1 ? "1 farm" : `${maxFarms} farms`;
  return `the tenant ${name} of the ActiveDirectoryDomain ${domain} allows ${farms} (maxFarms), and has no place for this one: farms that own something come first, then the oldest. Have the domain's owner allow more (spec.tenants), or delete a farm that nobody needs.`;
}
