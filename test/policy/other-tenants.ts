/** Manifests as in manifests.ts, of farms that other tenants decide on. */
import type { TenantSpec } from "../../src/policy/selector.ts";
import { accessGroup, tenantOf } from "./farms.ts";
import { accountNamed, CONTAINER, GROUP, HOST_NAME, HOSTS, many, NAME, type Row, searching } from "./manifests.ts";

interface OfTenants {
  readonly tenants: readonly TenantSpec[] | undefined;
  readonly rows: readonly Row[];
}

function selecting(namespaceSelector: Partial<TenantSpec["namespaceSelector"]>): TenantSpec[] {
  return [tenantOf({ namespaceSelector: { matchLabels: {}, matchExpressions: [], ...namespaceSelector } })];
}

const OTHER_NAMES = tenantOf({ name: "db", accounts: { names: ["db-*"], containers: ["OU=Web,OU=Farms"] } });

/** The same for farms of other tenants. A refusal without fields: no tenant is of the namespace. */
export const OTHERS: Readonly<Record<string, OfTenants>> = {
  absent: { tenants: undefined, rows: [["whatever it asks for", "Nobody", { name: "anything", hosts: { computers: ["DC01"] } }]] },
  nobody: { tenants: [], rows: [["what another would allow", "Both", {}]] },
  nothing: {
    tenants: [
      tenantOf({
        accounts: { names: [], containers: [] },
        servicePrincipalNames: [],
        dnsHostNames: [],
        hosts: { search: false, names: [], containers: [] },
        groups: { access: [], hosts: [] },
      }),
    ],
    rows: [
      ["of what is not listed nothing", "Both", {}, NAME, CONTAINER, HOST_NAME, GROUP, "hosts.group.container accounts.containers"],
      [
        "no hosts, names and groups either",
        "Both",
        {
          servicePrincipalNames: ["http/a.web.contoso.com"],
          hosts: { computers: ["WEB01", "$", "."], grant: "Principals" },
          accessGroups: [accessGroup("Web-R")],
        },
        ...[NAME, CONTAINER, HOST_NAME, "servicePrincipalNames servicePrincipalNames", "accessGroups groups.access", HOSTS],
      ],
      [
        "no search",
        "Both",
        { ...searching("OU=Web Servers,OU=Servers"), dnsHostName: "shop.web.contoso.com" },
        ...[NAME, CONTAINER, HOST_NAME, GROUP, "hosts.group.container accounts.containers"],
        ...["hosts.search.container hosts.containers", "hosts.search hosts.search"],
      ],
    ],
  },
  everything: {
    tenants: [
      tenantOf({
        accounts: { names: ["*"], containers: ["DC=contoso,DC=com"] },
        servicePrincipalNames: ["*"],
        dnsHostNames: ["*"],
        hosts: { search: false, names: ["*"], containers: [] },
        groups: { access: ["*"], hosts: ["*"] },
        adoption: true,
      }),
    ],
    rows: [
      [
        "names of its own choice",
        "Nobody",
        { ...accountNamed("Ｗ"), servicePrincipalNames: ["a/b", "a/b:c/d"], adoptionPolicy: "Unowned" },
      ],
      ["any group and any container", "Nobody", { account: { container: "OU=x,OU=y" }, hosts: { group: { name: "Any", existing: true } } }],
      ["another partition all the same", "Both", { account: { container: "OU=x,DC=evil,DC=com" } }, CONTAINER],
      ["5,000 hosts", "Nobody", { hosts: { computers: many(5000, (index) => `WEB${index}`) } }],
      ["5,000 hosts by DNS name", "Nobody", { hosts: { computers: many(5000, (index) => `web${index}.servers.contoso.com`) } }],
    ],
  },
  patterns: {
    tenants: [
      tenantOf({
        accounts: { names: ["ÜB*", "K*", "web-*", String.raw`a\E.b*`], containers: ["OU=Büro,OU=Farms"] },
        servicePrincipalNames: ["http/web*", "*/a*b.contoso.com", "x/y/*z"],
        dnsHostNames: ["*"],
        hosts: { search: false, containers: [], names: ["*.web.contoso.com", "SQL1", "A*B*C", "w.b"] },
      }),
    ],
    rows: [
      [
        "letters outside ASCII in another case",
        "Nobody",
        { account: { name: "übung", samAccountName: "web-x", container: "OU=büro,OU=Farms" }, hosts: { grant: "Principals" } },
      ],
      [
        "other letters outside ASCII",
        "Operator",
        { account: { name: "öbung", samAccountName: "web-x", container: "OU=büro,OU=Farms" }, hosts: { grant: "Principals" } },
        NAME,
      ],
      [
        "no such letters",
        "Both",
        { account: { name: "ubung", samAccountName: "web-x", container: "OU=büro,OU=Farms" }, hosts: { grant: "Principals" } },
        NAME,
      ],
      [
        "the sign of kelvin, which is a k in lower case",
        "Nobody",
        { account: { name: "\u212Aiosk", samAccountName: "web-x", container: "OU=büro,OU=Farms" }, hosts: { grant: "Principals" } },
      ],
      [
        "signs of regular expressions in a pattern stand for themselves",
        "Nobody",
        { account: { name: String.raw`A\E.Bc`, samAccountName: "web-x", container: "OU=büro,OU=Farms" }, hosts: { grant: "Principals" } },
      ],
      [
        "and for nothing else",
        "Both",
        { account: { name: "axb", samAccountName: "web-x", container: "OU=büro,OU=Farms" }, hosts: { grant: "Principals" } },
        NAME,
      ],
      [
        "what follows a host that ends with * is free",
        "Nobody",
        {
          account: { container: "OU=büro,OU=Farms" },
          servicePrincipalNames: ["http/web", "http/web1.contoso.com", "http/web1:8080", "http/web1/x", "any/a.b.contoso.com", "x/y/az"],
          hosts: { grant: "Principals", computers: ["a.web.contoso.com", "sql1.contoso.com", "SQL1$", "axxbyyc", "CN=a1bc,OU=x", "w.b"] },
        },
      ],
      ...["http/other/web", "any/b.a.contoso.com", "any/ab.contoso.com:1", "x/y/z/q", "x/y:z"].map((name): Row => [
        `the name ${name}`,
        name === "x/y/z/q" ? "Schema" : "Both",
        { account: { container: "OU=büro,OU=Farms" }, servicePrincipalNames: [name], hosts: { grant: "Principals" } },
        "servicePrincipalNames servicePrincipalNames",
      ]),
      ...["sql12", "b.contoso.com", "acb", "w", "wxb", "w.b.c", "CN=x,OU=y.web.contoso.com"].map((name): Row => [
        `the host ${name}`,
        "Both",
        { account: { container: "OU=büro,OU=Farms" }, hosts: { grant: "Principals", computers: [name] } },
        HOSTS,
      ]),
      [
        "a container of ASCII beside one with other letters",
        "Operator",
        { account: { container: "OU=Evil,OU=Farms" }, hosts: { grant: "Principals" } },
        CONTAINER,
      ],
    ],
  },
  broken: {
    tenants: [tenantOf({ accounts: { names: ["*"], containers: ["OU=x,DC=elsewhere"] } })],
    rows: [
      [
        "a container of a tenant that is none of the domain allows nothing",
        "Both",
        { account: { container: "OU=x,DC=elsewhere" }, hosts: { grant: "Principals" } },
        CONTAINER,
      ],
    ],
  },
  several: {
    tenants: [
      OTHER_NAMES,
      tenantOf(),
      tenantOf({ name: "half", accounts: { names: [], containers: [] }, groups: { access: ["SQL-*"], hosts: [] } }),
    ],
    rows: [
      ["what the first allows", "Nobody", { name: "db-shop" }],
      ["what the second allows", "Nobody", {}],
      ["two halves are no whole", "Both", { accessGroups: [accessGroup("SQL-Readers")] }, "accessGroups groups.access"],
      ["the one that refuses the fewest fields tells", "Both", { dnsHostName: "x.contoso.com" }, HOST_NAME],
    ],
  },
  hundred: {
    tenants: many(100, (index) =>
      tenantOf({ name: `t${index}`, accounts: { names: [index === 99 ? "web-*" : "x"], containers: ["OU=Web,OU=Farms"] } }),
    ),
    rows: [["what the last of a hundred allows", "Nobody", {}]],
  },
  label: { tenants: selecting({ matchLabels: { team: "web", stage: "prod" } }), rows: [["two labels", "Nobody", {}]] },
  otherLabel: { tenants: selecting({ matchLabels: { team: "Web" } }), rows: [["a label of another value", "Both", {}]] },
  noLabel: { tenants: selecting({ matchLabels: { owner: "" } }), rows: [["a label that is not there", "Both", {}]] },
  name: {
    tenants: selecting({ matchLabels: { "kubernetes.io/metadata.name": "shop" } }),
    rows: [["the name of the namespace", "Nobody", {}]],
  },
  everyNamespace: { tenants: selecting({}), rows: [["a selector that asks for nothing", "Nobody", {}]] },
  in: { tenants: selecting({ matchExpressions: [{ key: "team", operator: "In", values: ["db", "web"] }] }), rows: [["In", "Nobody", {}]] },
  inOthers: {
    tenants: selecting({ matchExpressions: [{ key: "team", operator: "In", values: ["db"] }] }),
    rows: [["In, another", "Both", {}]],
  },
  inNone: {
    tenants: selecting({ matchExpressions: [{ key: "owner", operator: "In", values: [""] }] }),
    rows: [["In, not there", "Both", {}]],
  },
  notIn: { tenants: selecting({ matchExpressions: [{ key: "team", operator: "NotIn", values: ["web"] }] }), rows: [["NotIn", "Both", {}]] },
  notInOthers: {
    tenants: selecting({ matchExpressions: [{ key: "team", operator: "NotIn", values: ["db"] }] }),
    rows: [["NotIn, another", "Nobody", {}]],
  },
  notInNone: {
    tenants: selecting({ matchExpressions: [{ key: "owner", operator: "NotIn", values: ["x"] }] }),
    rows: [["NotIn, not there", "Nobody", {}]],
  },
  exists: { tenants: selecting({ matchExpressions: [{ key: "team", operator: "Exists", values: [] }] }), rows: [["Exists", "Nobody", {}]] },
  existsNot: {
    tenants: selecting({ matchExpressions: [{ key: "owner", operator: "Exists", values: [] }] }),
    rows: [["Exists, not there", "Both", {}]],
  },
  doesNotExist: {
    tenants: selecting({ matchExpressions: [{ key: "owner", operator: "DoesNotExist", values: [] }] }),
    rows: [["DoesNotExist", "Nobody", {}]],
  },
  doesExist: {
    tenants: selecting({ matchExpressions: [{ key: "team", operator: "DoesNotExist", values: [] }] }),
    rows: [["DoesNotExist, but there", "Both", {}]],
  },
  both: {
    tenants: selecting({ matchLabels: { team: "web" }, matchExpressions: [{ key: "stage", operator: "In", values: ["test"] }] }),
    rows: [["labels and expressions", "Both", {}]],
  },
};
