/**
 * Manifests, and who refuses each: the operator, which judges by the tenants of the domain, and the API server, by the admission policy of the chart. Unit
 * tests hold the operator to this table, and test/deploy/admission.test.ts an API server that has the policy.
 */
import { accessGroup, type FarmSpec } from "./farms.ts";

/** Schema: the API server takes no such manifest, whatever tenants say. Operator: it takes it, and the operator refuses it then. */
export type Refuses = "Nobody" | "Both" | "Operator" | "Schema";

/** Then what of it the tenant does not allow: field and rule. */
export type Row = [told: string, refuses: Refuses, farm: FarmSpec, ...refused: string[]];

export const NAME = "account.name accounts.names";
export const GROUP = "hosts.group.name accounts.names";
export const CONTAINER = "account.container accounts.containers";
export const HOSTS = "hosts.computers hosts.names";
export const HOST_NAME = "account.dnsHostName dnsHostNames";

/** The common name of the account, whatever Kubernetes makes of such a name. */
export function accountNamed(name: string): FarmSpec {
  return { account: { name, samAccountName: "web-shop" } };
}

function hosts(...computers: readonly string[]): FarmSpec {
  return { hosts: { computers: [...computers] } };
}

export function many<T>(count: number, one: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => one(index));
}

const CONTAINERS: readonly Row[] = [
  ["a container below", "Nobody", { account: { container: "OU=Shop,OU=Web,OU=Farms" } }],
  ["the container as a whole name", "Nobody", { account: { container: "ou=web , OU=farms,DC=Contoso,DC=com" } }],
  ["blanks beside every sign", "Nobody", { account: { container: "OU= web ,  ou = Farms  , dc=contoso,DC = com" } }],
  ["the container above", "Both", { account: { container: "OU=Farms" } }, CONTAINER],
  ["a container beside", "Both", { account: { container: "OU=DB,OU=Farms" } }, CONTAINER],
  ["a container whose name only ends so", "Both", { account: { container: "OU=XWeb,OU=Farms" } }, CONTAINER],
  ["a container whose type only ends so", "Both", { account: { container: "XOU=Web,OU=Farms" } }, CONTAINER],
  ["a name that ends so", "Operator", { account: { container: String.raw`OU=x\,OU=Web,OU=Farms` } }, CONTAINER],
  ["an escape that ends so", "Operator", { account: { container: String.raw`OU=x\2COU\3DWeb,OU=Farms` } }, CONTAINER],
  ["the same in hex", "Nobody", { account: { container: String.raw`OU=\57eb,OU=Farms` } }],
  ["quoted", "Operator", { account: { container: 'OU="Web",OU=Farms' } }, CONTAINER],
  ["a part of two names", "Operator", { account: { container: "OU=Web+CN=x,OU=Farms" } }, CONTAINER],
  ["a semicolon", "Nobody", { account: { container: "OU=Shop;OU=Web;OU=Farms" } }],
  ["a space in its place", "Operator", { account: { container: String.raw`OU=Web\ ,OU=Farms` } }, CONTAINER],
  ["another partition", "Both", { account: { container: "OU=Web,OU=Farms,DC=evil,DC=contoso,DC=com" } }, CONTAINER],
  ["another partition: another domain", "Both", { account: { container: "OU=Web,OU=Farms,DC=evil,DC=com" } }, CONTAINER],
  ["another partition: the forest's configuration", "Both", { account: { container: "OU=Web,OU=Farms,CN=Configuration" } }, CONTAINER],
  ["a full-width look-alike of a container", "Operator", { account: { container: "OU=Ｗｅｂ,OU=Farms" } }, CONTAINER],
  ["no distinguished name", "Schema", { account: { container: "Web" } }, CONTAINER],
  ["a good beginning of no distinguished name", "Operator", { account: { container: "OU=Web,OU=Farms,," } }, CONTAINER],
  [
    "a host group elsewhere",
    "Both",
    { hosts: { group: { existing: false, container: "OU=Farms" } } },
    "hosts.group.container accounts.containers",
  ],
  [
    "an access group of its own elsewhere",
    "Both",
    { accessGroups: [accessGroup("web-Readers", false, "OU=Farms")] },
    "accessGroups[].container accounts.containers",
  ],
];

const SERVICE_PRINCIPAL_NAMES: readonly Row[] = [
  ["names with a port", "Nobody", { servicePrincipalNames: ["MSSQLSvc/db.web.contoso.com:1433", "http/a.web.contoso.com"] }],
  ["400 names", "Nobody", { servicePrincipalNames: many(400, (index) => `http/shop-${index}.web.contoso.com`) }],
  [
    "400 names, one of somebody else",
    "Both",
    { servicePrincipalNames: many(400, (index) => `http/shop-${index}.${index === 399 ? "db" : "web"}.contoso.com`) },
    "servicePrincipalNames servicePrincipalNames",
  ],
  ...(
    [
      ["http/shop.web.contoso.com:8080", "Both"],
      ["http/shop.contoso.com", "Both"],
      ["http/web.contoso.com", "Both"],
      ["https/shop.web.contoso.com", "Both"],
      ["ldap/shop.web.contoso.com", "Both"],
      ["http/dc1.contoso.com:x.web.contoso.com", "Both"],
      ["http/dc1.contoso.com/x.web.contoso.com", "Both"],
      ["http/dc1/x/y.web.contoso.com", "Schema"],
      ["MSSQLSvc/dc1/x.web.contoso.com:1", "Both"],
      ["MSSQLSvc/db.web.contoso.com", "Both"],
      ["http/*", "Both"],
      ["*/shop.web.contoso.com", "Both"],
      ["http/*.web.contoso.com.", "Both"],
      ["http/shop.web.contoso.com.", "Both"],
      ["http/shop.web.contoso.com@EVIL.COM", "Schema"],
      ["http/shop.ｗｅｂ.contoso.com", "Schema"],
      ["http/shop.web.contoso.com ", "Schema"],
    ] as const
  ).map(([name, refuses]): Row => [
    JSON.stringify(name),
    refuses,
    { servicePrincipalNames: ["http/ok.web.contoso.com", name] },
    "servicePrincipalNames servicePrincipalNames",
  ]),
];

const COMPUTERS: readonly Row[] = [
  ["hosts by name, DNS name and distinguished name", "Nobody", hosts("web01", "WEB02$", "web03.any.where", "CN=Web04,OU=Any")],
  ["another host", "Both", hosts("WEB01", "SQL01"), HOSTS],
  ["another host with its $", "Both", hosts("SQL01$"), HOSTS],
  ["another host by DNS name", "Both", hosts("sql01.web.contoso.com"), HOSTS],
  ["another host by distinguished name", "Both", hosts("CN=SQL01,OU=WEB"), HOSTS],
  ["a host with blanks in its distinguished name", "Nobody", hosts("CN= Web04 , OU = Any")],
  ["an escape that begins so", "Operator", hosts(String.raw`CN=\53QL01,CN=WEB`), HOSTS],
  ["a host with a space before it", "Operator", hosts(String.raw`CN=\ WEB01,OU=Servers`), HOSTS],
  ["a full-width look-alike of a host", "Both", hosts("ＷＥＢ01"), HOSTS],
  ["a letter that is an ASCII one in lower case", "Both", hosts("\u212AEB01"), HOSTS],
  ["a look-alike within a host", "Nobody", hosts("WEBＷ01")],
  ["no distinguished name of a host", "Operator", hosts("CN=WEB01,,"), HOSTS],
  ["a dot before a host", "Both", hosts(".WEB01"), HOSTS],
  ["a dot after a host", "Nobody", hosts("WEB01.")],
  ["whoever is quarantined is not limited", "Nobody", { hosts: { quarantined: ["DC01"] } }],
  ["50 hosts", "Nobody", { hosts: { computers: many(50, (index) => `WEB${index}`) } }],
  ["51 hosts", "Both", { hosts: { computers: many(51, (index) => `WEB${index}`) } }, "hosts.computers hosts.max"],
];

export function searching(container: string, computers: readonly string[] = [], max = 50 - computers.length): FarmSpec {
  return { hosts: { computers, search: { container, names: ["*"], max, maxRemoval: "20%" } } };
}
const SEARCHED = "hosts.search.container hosts.containers";

const SEARCHES: readonly Row[] = [
  ["a search where its hosts are", "Nobody", searching("OU=Web Servers,OU=Servers", ["WEB01"])],
  ["a search below, in other words", "Nobody", searching("ou=A , OU=web servers,OU=Servers,DC=contoso,dc=com")],
  ["a search above", "Both", searching("OU=Servers"), SEARCHED],
  ["a search where another's hosts are", "Both", searching("OU=DB Servers,OU=Servers"), SEARCHED],
  ["a search in a container that only ends so", "Both", searching("OU=XWeb Servers,OU=Servers"), SEARCHED],
  ["a search by an escape that ends so", "Operator", searching(String.raw`OU=x\2COU\3DWeb Servers,OU=Servers`), SEARCHED],
  ["a search in a look-alike", "Operator", searching("OU=Wеb Servers,OU=Servers"), SEARCHED],
  ["a search in another partition", "Both", searching("OU=Web Servers,OU=Servers,DC=evil,DC=contoso,DC=com"), SEARCHED],
  ["a search in the domain", "Schema", searching("DC=contoso,DC=com"), SEARCHED],
  ["more by search than it may have", "Both", searching("OU=Web Servers,OU=Servers", [], 51), "hosts.computers hosts.max"],
  ["more by name and search than it may have", "Both", searching("OU=Web Servers,OU=Servers", ["WEB01"], 50), "hosts.computers hosts.max"],
];

const GROUPS: readonly Row[] = [
  ["a host group of another name", "Both", { hosts: { group: { name: "Admins", existing: false } } }, GROUP],
  ["somebody's group as host group", "Both", { hosts: { group: { name: "web-hosts", existing: true } } }, "hosts.group.name groups.hosts"],
  ["no host group", "Nobody", { hosts: { grant: "Principals" } }],
  ["an access group", "Nobody", { accessGroups: [accessGroup("Web-Readers"), accessGroup("WEB-WRITERS")] }],
  [
    "somebody's access group",
    "Both",
    { accessGroups: [accessGroup("Web-Readers"), accessGroup("SQL-Admins")] },
    "accessGroups groups.access",
  ],
  ["a Cyrillic look-alike of a group", "Both", { accessGroups: [accessGroup("Wеb-Readers")] }, "accessGroups groups.access"],
  ["an access group of its own", "Nobody", { accessGroups: [accessGroup("web-Readers", false)] }],
  ["an access group of its own by another name", "Both", { accessGroups: [accessGroup("Readers", false)] }, "accessGroups accounts.names"],
  [
    "100 access groups",
    "Both",
    { accessGroups: many(100, (index) => `x${index}`).map((name) => accessGroup(name)) },
    "accessGroups groups.access",
  ],
];

/** A farm, and what of it the tenant web does not allow. */
export const FARMS: readonly Row[] = [
  ["what it allows", "Nobody", {}],
  [
    "in any case",
    "Schema",
    { name: "WEB-Shop", dnsHostName: "SHOP.Web.CONTOSO.com", servicePrincipalNames: ["HTTP/SHOP.WEB.contoso.com"] },
  ],
  [
    "in any case, of what Kubernetes takes so",
    "Nobody",
    { ...accountNamed("WEB-Shop"), dnsHostName: "SHOP.Web.CONTOSO.com", servicePrincipalNames: ["HTTP/SHOP.WEB.contoso.com"] },
  ],
  ["another name", "Both", { name: "shop" }, NAME, GROUP],
  ["another common name", "Both", { account: { name: "db-shop" }, hosts: { grant: "Principals" } }, NAME],
  ["another sAMAccountName", "Both", { account: { samAccountName: "DC01" } }, "account.samAccountName accounts.names"],
  ["a sAMAccountName that ends with a dot", "Schema", { account: { samAccountName: "web." } }, "account.samAccountName accounts.names"],
  ["a full-width look-alike of the name", "Schema", { name: "ｗｅｂ-shop" }, NAME, GROUP],
  ["a Cyrillic look-alike of the name", "Schema", { name: "wеb-shop" }, NAME, GROUP],
  ["a space before the name", "Schema", { name: " web-shop" }, NAME, GROUP],
  ["a full-width look-alike of the common name", "Both", accountNamed("ｗｅｂ-shop"), NAME, GROUP],
  ["a Cyrillic look-alike of the common name", "Both", accountNamed("wеb-shop"), NAME, GROUP],
  ["a pattern for a name", "Both", { account: { name: "w*", samAccountName: "web-shop" }, hosts: { grant: "Principals" } }, NAME],
  ["a host name of the domain by default", "Both", { dnsHostName: null }, HOST_NAME],
  ["outbound only: no host name", "Nobody", { account: { outboundOnly: true }, dnsHostName: null }],
  ["a host name elsewhere", "Both", { dnsHostName: "dc1.contoso.com" }, HOST_NAME],
  ["a host name that only ends so", "Both", { dnsHostName: "dcweb.contoso.com" }, HOST_NAME],
  ["a host name with a dot at its end", "Schema", { dnsHostName: "shop.web.contoso.com." }, HOST_NAME],
  ...CONTAINERS,
  ...GROUPS,
  ...COMPUTERS,
  ...SEARCHES,
  ["its user for Pods", "Nobody", { pods: { serviceAccounts: [], hostAccount: "eks-web", configMap: false } }],
  [
    "another's user for Pods",
    "Both",
    { pods: { serviceAccounts: [], hostAccount: "eks-db", configMap: false } },
    "pods.hostAccount podHostAccounts",
  ],
  ["adoption", "Both", { adoptionPolicy: "Unowned" }, "adoptionPolicy adoption"],
  ["what services register is not granted", "Nobody", { selfRegisteredServicePrincipalNames: ["MSSQLSvc/*"] }],
  ...SERVICE_PRINCIPAL_NAMES,
];

/** The namespace of the farms. */
export const SHOP = { name: "shop", labels: { team: "web", stage: "prod" } };
