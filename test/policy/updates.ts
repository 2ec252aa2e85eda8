/** Farms that are there already, and what they become: tightening freezes them, and takes nothing away. */
import type { TenantSpec } from "../../src/policy/selector.ts";
import { accessGroup, type FarmSpec, tenantOf } from "./farms.ts";
import { many, type Refuses, searching } from "./manifests.ts";

export interface Update {
  readonly told: string;
  /** Operator: the farm is frozen before and after, and the API server takes what asks for nothing more. */
  readonly refuses: Refuses;
  readonly before: FarmSpec;
  readonly after: FarmSpec;
  /** What the API server names of what is refused, where that is not all that the operator names. */
  readonly says?: string;
  readonly tenants?: readonly TenantSpec[];
  /** It was in a domain of another name. */
  readonly moved?: true;
}

const hosts = (...computers: readonly string[]): FarmSpec => ({ hosts: { computers: [...computers] } });
const web = (count: number): string[] => many(count, (index) => `WEB${index}`);
const FROZEN = hosts("WEB01", "WEB02", "SQL01");
const NO_TENANT: readonly TenantSpec[] = [];
const TWO: readonly TenantSpec[] = [
  tenantOf(),
  tenantOf({ name: "half", accounts: { names: [], containers: [] }, groups: { access: ["SQL-*"], hosts: [] } }),
];
const names = (...servicePrincipalNames: string[]): FarmSpec => ({ servicePrincipalNames });

const FOUND: FarmSpec = { hosts: { ...FROZEN.hosts, ...searching("OU=Web Servers,OU=Servers", [], 10).hosts, computers: ["SQL01"] } };

const OF_A_FROZEN_FARM: readonly Update[] = [
  {
    told: "a search that is allowed",
    refuses: "Operator",
    before: FROZEN,
    after: { hosts: { ...FROZEN.hosts, ...searching("OU=Web Servers,OU=Servers", ["SQL01"], 10).hosts } },
  },
  {
    told: "a search elsewhere",
    refuses: "Both",
    says: `does not allow hosts.search.container: "OU=DB" (hosts.containers`,

    before: FOUND,
    after: {
      hosts: { ...FOUND.hosts, ...searching("OU=DB", ["SQL01"], 10).hosts },
    },
  },
  { told: "the search taken out", refuses: "Operator", before: FOUND, after: hosts("SQL01") },
  { told: "nothing", refuses: "Operator", before: FROZEN, after: FROZEN },
  { told: "a host taken out", refuses: "Operator", before: FROZEN, after: hosts("WEB02", "SQL01") },
  { told: "the refused host taken out", refuses: "Nobody", before: FROZEN, after: hosts("WEB01", "WEB02") },
  { told: "a quarantine", refuses: "Operator", before: FROZEN, after: { hosts: { ...FROZEN.hosts, quarantined: ["WEB01", "DC01"] } } },
  { told: "suspension", refuses: "Operator", before: FROZEN, after: { ...FROZEN, suspend: true } },
  { told: "another order of hosts", refuses: "Operator", before: FROZEN, after: hosts("SQL01", "WEB02", "WEB01") },
  { told: "a host that is allowed", refuses: "Operator", before: FROZEN, after: hosts("WEB01", "WEB02", "WEB03", "SQL01") },
  {
    told: "one more that is refused",
    refuses: "Both",
    before: FROZEN,
    after: hosts("WEB01", "SQL01", "SQL02"),
    says: `hosts.computers: "SQL02" (hosts.names allows WEB*). C`,
  },
  { told: "one in place of the other", refuses: "Both", before: FROZEN, after: hosts("WEB01", "SQL02") },
  { told: "the refused one in another spelling", refuses: "Both", before: FROZEN, after: hosts("WEB01", "sql01") },
  {
    told: "a name that is refused",
    refuses: "Both",
    before: FROZEN,
    after: { ...FROZEN, ...names("http/dc1.contoso.com") },
    says: `not allow servicePrincipalNames: "http/dc1.contoso.com" (`,
  },
  { told: "a name less", refuses: "Operator", before: names("ftp/a", "ftp/b"), after: names("ftp/b") },
  { told: "no names any more", refuses: "Nobody", before: names("ftp/a", "ftp/b"), after: {} },
  {
    told: "an access group less",
    refuses: "Operator",
    before: { accessGroups: [accessGroup("SQL-A"), accessGroup("SQL-B"), accessGroup("X", false, "OU=X")] },
    after: { accessGroups: [accessGroup("SQL-A"), accessGroup("X", false, "OU=X")] },
  },
  {
    told: "an access group that becomes the farm's own",
    refuses: "Both",
    before: { accessGroups: [accessGroup("SQL-A")] },
    after: { accessGroups: [accessGroup("SQL-A", false)] },
  },
  {
    told: "a host less, of an account that stands elsewhere under another name",
    refuses: "Operator",
    before: { account: { name: "db", container: "OU=DB" }, hosts: { computers: ["WEB01", "WEB02"] } },
    after: { account: { name: "db", container: "OU=DB" }, hosts: { computers: ["WEB01"] } },
  },
  {
    told: "the default in place of a host name",
    refuses: "Both",
    before: { ...FROZEN, dnsHostName: "x.contoso.com" },
    after: { ...FROZEN, dnsHostName: null },
    says: "dnsHostName",
  },
  {
    told: "adoption that is there",
    refuses: "Operator",
    before: { adoptionPolicy: "Unowned" },
    after: { adoptionPolicy: "Unowned", suspend: true },
  },
  {
    told: "adoption",
    refuses: "Both",
    before: FROZEN,
    after: { ...FROZEN, adoptionPolicy: "Unowned" },
    says: `not allow adoptionPolicy: "Unowned" (adoption is false). C`,
  },
  { told: "of too many hosts one taken out", refuses: "Operator", before: hosts(...web(60)), after: hosts(...web(59)) },
  { told: "of too many hosts one replaced", refuses: "Operator", before: hosts(...web(60)), after: hosts("WEB99", ...web(59)) },
  { told: "of too many hosts one more", refuses: "Both", before: hosts(...web(60)), after: hosts(...web(61)) },
];

const TOO_LARGE: readonly Update[] = [
  {
    told: "of 5,000 refused hosts one taken out",
    refuses: "Operator",
    before: hosts(...many(5000, (index) => `SQL${index}`)),
    after: hosts(...many(4999, (index) => `SQL${index}`)),
  },
  {
    told: "of 5,000 refused hosts one replaced, which is too much to compare",
    refuses: "Operator",
    before: hosts(...many(5000, (index) => `SQL${index}`)),
    after: hosts("SQL5001", ...many(4999, (index) => `SQL${index}`)),
  },
];

export const UPDATES: readonly Update[] = [
  ...OF_A_FROZEN_FARM.map((update) => ({ ...update, told: `frozen: ${update.told}` })),
  ...TOO_LARGE,
  { told: "allowed: a host taken out", refuses: "Nobody", before: hosts("WEB01", "WEB02"), after: hosts("WEB01") },
  { told: "allowed: a host that is refused", refuses: "Both", before: hosts("WEB01"), after: hosts("WEB01", "SQL01") },
  { told: "allowed: the 51st host", refuses: "Both", before: hosts(...web(50)), after: hosts(...web(51)) },
  { told: "allowed: adoption", refuses: "Both", before: {}, after: { adoptionPolicy: "Unowned" } },
  {
    told: "allowed by one tenant: what the other allows",
    refuses: "Both",
    before: {},
    after: { accessGroups: [accessGroup("SQL-A")] },
    tenants: TWO,
  },
  { told: "no tenant: nothing new", refuses: "Operator", before: FROZEN, after: hosts("SQL01"), tenants: NO_TENANT },
  {
    told: "no tenant: a quarantine",
    refuses: "Operator",
    before: FROZEN,
    after: { hosts: { ...FROZEN.hosts, quarantined: ["WEB01"] } },
    tenants: NO_TENANT,
  },
  { told: "no tenant: any host", refuses: "Both", before: FROZEN, after: hosts("SQL01", "WEB03"), tenants: NO_TENANT },
  {
    told: "no tenant: a property that nobody judges",
    refuses: "Operator",
    before: {},
    after: { deletionPolicy: "Retain" },
    tenants: NO_TENANT,
  },
  { told: "no tenant: adoption", refuses: "Both", before: {}, after: { adoptionPolicy: "Unowned" }, tenants: NO_TENANT },
  { told: "moved here from another domain: all is new", refuses: "Both", before: FROZEN, after: FROZEN, moved: true },
];
