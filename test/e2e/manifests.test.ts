import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cleanUp, createNamespace, domainOf, farmOf, cluster, available } from "../harness/world.ts";

const NAMESPACE = "manifests";
const SPN = "write it as class/host";
const SHARED = ": create an OU that holds only farms";
const COMPUTER = "not a computer: write it like WEB01";

/** What is wrong, and a part of what the API server has to say to it. */
const BAD_FARMS: readonly (readonly [what: string, name: string, spec: object, message: string])[] = [
  ["no domain", "bad", { domainRef: null }, "spec.domainRef: Required value"],
  ["an empty domain name", "bad", { domainRef: { name: "" } }, "spec.domainRef.name"],
  ["a name of 64 characters", "a".repeat(64), {}, "metadata.name may have at most 63 characters"],
  [
    "a name too long for a sAMAccountName",
    "a-farm-with-a-long-name",
    {},
    "at most 15 characters (without the $): set account.samAccountName",
  ],
  ["a sAMAccountName of 16 characters", "bad", { account: { samAccountName: "abcdefghijklmnop" } }, "account.samAccountName"],
  ["a sAMAccountName with a slash", "bad", { account: { samAccountName: "a/b" } }, 'may have none of " / \\'],
  ["a sAMAccountName with the $", "bad", { account: { samAccountName: "farm$" } }, "the $ is added"],
  ["a sAMAccountName with a dot at its end", "bad", { account: { samAccountName: "farm." } }, "no dot, space or $ at its end"],
  [
    "an account name with a control character",
    "bad",
    { account: { name: "a\u0001b", samAccountName: "ab" } },
    "account.name may have no control characters",
  ],
  ["an account name of 65 characters", "bad", { account: { name: "n".repeat(65), samAccountName: "ab" } }, "spec.account.name: Too long"],
  ["an account name that ends with a space", "bad", { account: { name: "ab ", samAccountName: "ab" } }, "no space at its start or end"],
  ...[
    "CN=Users",
    "cn=users,DC=contoso,DC=com",
    "CN=Computers",
    "OU=Domain Controllers",
    "CN=Policies,CN=System",
    "CN=Builtin",
    "DC=contoso,DC=com",
  ].flatMap((container): typeof BAD_FARMS => [
    [`an account in ${container}`, "bad", { account: { container } }, SHARED],
    [`a host group in ${container}`, "bad", { hosts: { group: { container } } }, SHARED],
    [`an access group of its own in ${container}`, "bad", { accessGroups: [{ name: "a", existing: false, container }] }, SHARED],
  ]),
  ["a name that makes no DNS name", "bad", { account: { name: "Bücher Portal" } }, "set account.dnsHostName"],
  ["a name that makes no sAMAccountName", "bad", { account: { name: "Web, Prod" } }, "set account.samAccountName"],
  ["a name that makes no group name", "bad", { account: { name: "Web, Prod", samAccountName: "webprod" } }, "set hosts.group.name"],
  [
    "a name that makes a group name too long",
    "b".repeat(60),
    { account: { samAccountName: "bad" } },
    "set hosts.group.name to a shorter one",
  ],
  ["a pattern without a class", "bad", { selfRegisteredServicePrincipalNames: ["*"] }, "in body should be at least 3 chars long"],
  ["a pattern without a slash", "bad", { selfRegisteredServicePrincipalNames: ["MSSQL*"] }, "like MSSQLSvc/*"],
  ["a container that is no DN", "bad", { account: { container: "Farms" } }, "write it like OU=Farms"],
  ["a dnsHostName that is not qualified", "bad", { account: { dnsHostName: "itfarm1" } }, "write it like itfarm1.contoso.com"],
  [
    "outboundOnly with a dnsHostName",
    "bad",
    { account: { outboundOnly: true, dnsHostName: "a.contoso.com" } },
    "remove account.dnsHostName",
  ],
  ["outboundOnly with SPNs", "bad", { account: { outboundOnly: true }, servicePrincipalNames: ["http/a"] }, "empty servicePrincipalNames"],
  ["an interval of 0 days", "bad", { account: { passwordIntervalDays: 0 } }, "should be greater than or equal to 1"],
  ["an interval of 366 days", "bad", { account: { passwordIntervalDays: 366 } }, "should be less than or equal to 365"],
  ["an interval of half a day", "bad", { account: { passwordIntervalDays: 0.5 } }, "passwordIntervalDays"],
  ["no encryption type", "bad", { account: { encryptionTypes: [] } }, "should have at least 1 items"],
  ["DES", "bad", { account: { encryptionTypes: ["DES"] } }, 'supported values: "RC4", "AES128", "AES256"'],
  ["an encryption type twice", "bad", { account: { encryptionTypes: ["AES128", "AES128"] } }, "Duplicate value"],
  ["an SPN without a host", "bad", { servicePrincipalNames: ["http/"] }, SPN],
  ["an SPN without a class", "bad", { servicePrincipalNames: ["/host"] }, SPN],
  ["an SPN with a space", "bad", { servicePrincipalNames: ["http/a b"] }, SPN],
  ["an SPN of four parts", "bad", { servicePrincipalNames: ["http/a/b/c"] }, SPN],
  ["an SPN with a backslash", "bad", { servicePrincipalNames: ["http/a\\b"] }, SPN],
  ["an SPN with a realm", "bad", { servicePrincipalNames: ["http/x@CONTOSO.COM"] }, "without a realm (@REALM)"],
  ["an SPN with a realm in its third part", "bad", { servicePrincipalNames: ["http/x/y@CONTOSO.COM"] }, SPN],
  ["an SPN that another letter makes somebody else's", "bad", { servicePrincipalNames: ["http/w\u00e9b"] }, "in ASCII"],
  ["an SPN twice", "bad", { servicePrincipalNames: ["http/a", "http/a"] }, "Duplicate value"],
  ["an empty computer", "bad", { hosts: { computers: [""] } }, "spec.hosts.computers[0]"],
  ["a computer with a space at its end", "bad", { hosts: { computers: ["WEB01 "] } }, COMPUTER],
  ["a computer with the domain before it", "bad", { hosts: { computers: ["CONTOSO\\WEB01"] } }, COMPUTER],
  ["a computer twice", "bad", { hosts: { computers: ["WEB01", "WEB01"] } }, "Duplicate value"],
  ["a quarantined wildcard", "bad", { hosts: { quarantined: ["WEB*"] } }, COMPUTER],
  ["an unknown way to grant", "bad", { hosts: { grant: "Everybody" } }, 'supported values: "Group", "Principals"'],
  [
    "a host group with Principals",
    "bad",
    { hosts: { grant: "Principals", group: { name: "g" } } },
    "remove hosts.group, or set hosts.grant to Group",
  ],
  ["a group name with a comma", "bad", { hosts: { group: { name: "a,b" } } }, "a group name may have none of"],
  ["a group container that is no DN", "bad", { hosts: { group: { container: "Groups" } } }, "write it like OU=Groups"],
  ["an access group without a name", "bad", { accessGroups: [{}] }, "spec.accessGroups[0].name: Required value"],
  ["an unknown policy", "bad", { deletionPolicy: "Maybe" }, 'supported values: "Delete", "Retain"'],
  ...["Web", "web:default", "a_b", "web.", "system:serviceaccount:web:default"].map((name): (typeof BAD_FARMS)[number] => [
    `a ServiceAccount ${name}`,
    "bad",
    { pods: { serviceAccounts: [name] } },
    `not the name of a ServiceAccount: ${name}; write it without its namespace`,
  ]),
  ["a ServiceAccount twice", "bad", { pods: { serviceAccounts: ["a", "a"] } }, "Duplicate value"],
  ["an empty host account for Pods", "bad", { pods: { hostAccount: "" } }, "spec.pods.hostAccount"],
  ["a field that does not exist", "bad", { hostz: {} }, 'unknown field "spec.hostz"'],
];

function tenant(spec: object): object {
  return { name: "web", namespaceSelector: { matchLabels: { team: "web" } }, ...spec };
}

function selecting(...matchExpressions: readonly object[]): object {
  return tenant({ namespaceSelector: { matchExpressions } });
}

const HOST_ACCOUNT = { name: "eks-web", user: "svc-ccg", pluginGUID: "{859E1386-BDB4-49E8-85C7-3070B13920E1}", pluginInput: "{}" };

const discovering = (discovery: object): object => ({ servers: undefined, discovery });
/** A single * is no whole name either, which is said first. */
const allowsOthers = (name: string): string =>
  name.includes(".")
    ? `this pattern allows machines that are no domain controllers: ${name}; with a certificate`
    : "not the name of a domain controller";

const BAD_DOMAINS: readonly (readonly [what: string, spec: object, message: string])[] = [
  ["a DNS name without a dot", { dnsName: "contoso" }, "write it like contoso.com"],
  ["a host account with a bad name", { podHostAccounts: [{ ...HOST_ACCOUNT, name: "EKS web" }] }, "write it like eks-web"],
  ["a host account with its domain", { podHostAccounts: [{ ...HOST_ACCOUNT, user: "CONTOSO\\svc" }] }, "write it like svc-ccg-web"],
  [
    "a plug-in without braces",
    { podHostAccounts: [{ ...HOST_ACCOUNT, pluginGUID: `${HOST_ACCOUNT.pluginGUID.slice(1, -1)}xx` }] },
    "GUID in braces",
  ],
  ["a plug-in that is told nothing", { podHostAccounts: [{ ...HOST_ACCOUNT, pluginInput: "" }] }, "pluginInput"],
  ["a host account twice", { podHostAccounts: [HOST_ACCOUNT, { ...HOST_ACCOUNT, user: "other" }] }, "Duplicate value"],
  ["no defaults", { defaults: null }, "spec.defaults: Required value"],
  ["no container for accounts", { defaults: { groupContainer: "OU=Farms" } }, "spec.defaults.accountContainer: Required value"],
  ["groups in CN=Users", { defaults: { accountContainer: "OU=Farms", groupContainer: "CN=Users" } }, "create an OU that holds only farms"],
  [
    "accounts in the root",
    { defaults: { accountContainer: "dc=contoso,dc=com", groupContainer: "OU=Farms" } },
    "create an OU that holds only farms",
  ],
  ["another way to adopt", { adoption: "Always" }, 'supported values: "Consent", "Unowned", "Never"'],
  ["no server", { servers: [] }, "should have at least 1 items"],
  [
    "a server over HTTP",
    { servers: ["https://dc1.contoso.com"] },
    "not the URL of a domain controller: https://dc1.contoso.com; write it like ldaps://dc1.contoso.com",
  ],
  [
    "neither servers nor discovery",
    { servers: undefined },
    "name the domain controllers in servers, or have them found in DNS by discovery",
  ],
  ["both servers and discovery", { discovery: { serverNames: ["dc*.contoso.com"] } }, "one of the two, and not both"],
  ["discovery of any name", discovering({ serverNames: undefined }), "spec.discovery.serverNames: Required value"],
  ["discovery of no name", discovering({ serverNames: [] }), "should have at least 1 items"],
  ...["*", "*.contoso.com", "**.contoso.com", "*-*.contoso.com", "dc*.com", "_*.contoso.com"].map(
    (name) => [`discovery of ${name}`, discovering({ serverNames: [name] }), allowsOthers(name)] as const,
  ),
  ...[
    "dc1",
    "dc1.contoso.com.",
    "10.0.0.1",
    "dc1.*.com",
    "dc1.contoso.*",
    "dc 1.contoso.com",
    "ldaps://dc1.contoso.com",
    ".contoso.com",
    "dc1..com",
  ].map(
    (name) =>
      [`discovery of ${name}`, discovering({ serverNames: [name] }), `not the name of a domain controller: ${name}; write`] as const,
  ),
  ...["", "Main Street", "a.b", "-a", "a".repeat(64)].map(
    (site) => [`a site ${JSON.stringify(site)}`, discovering({ serverNames: ["dc*.contoso.com"], site }), "spec.discovery.site"] as const,
  ),
  ["a poll of a tenth of a second", { poll: "100ms" }, "poll is a duration between 1s and 1h"],
  ["a poll that is no duration", { poll: "often" }, "poll is a duration between 1s and 1h"],
  ["a tenant without a selector", { tenants: [{ name: "web" }] }, "spec.tenants[0].namespaceSelector: Required value"],
  ["a tenant twice", { tenants: [tenant({}), tenant({})] }, "Duplicate value"],
  ["a tenant with a space in its name", { tenants: [tenant({ name: "our web" })] }, "the name of a tenant has lower-case letters"],
  ["a tenant of nobody's labels", { tenants: [selecting({ key: "team", operator: "In" })] }, "In and NotIn have values"],
  [
    "a tenant of values too many",
    { tenants: [selecting({ key: "a", operator: "Exists", values: ["b"] })] },
    "Exists and DoesNotExist have none",
  ],
  [
    "a pattern with a space at its end",
    { tenants: [tenant({ hosts: { names: ["WEB* "] } })] },
    "a pattern has no space at its start or end",
  ],
  [
    "a pattern of SPNs without a class",
    { tenants: [tenant({ servicePrincipalNames: ["*.web"] })] },
    "not a pattern of service principal names",
  ],
  [
    "a tenant's container that is no DN",
    { tenants: [tenant({ accounts: { containers: ["Web"] } })] },
    "a container is a distinguished name",
  ],
  ["a tenant with too many hosts", { tenants: [tenant({ hosts: { max: 5001 } })] }, "should be less than or equal to 5000"],
  ["a CA in a Pod", { caBundleRef: { kind: "Pod", name: "a" } }, 'supported values: "Secret", "ConfigMap"'],
];

describe.skipIf(!available)("a bad manifest is refused by the API server, which says what to do", () => {
  beforeAll(() => createNamespace(NAMESPACE));
  afterAll(() => cleanUp());

  test.each(BAD_FARMS)("a farm with %s", async (_, name, spec, message) => {
    expect(await cluster.dryRun(farmOf(NAMESPACE, name, spec))).toContain(message);
  });

  test.each(BAD_DOMAINS)("a domain with %s", async (_, spec, message) => {
    expect(await cluster.dryRun(domainOf(spec))).toContain(message);
  });

  test.each([
    { account: { container: "OU=Users" }, hosts: { group: { container: "CN=Managed Service Accounts" } } },
    { hosts: { group: { name: "g", existing: true, container: "CN=Users" } }, accessGroups: [{ name: "a", container: "CN=Users" }] },
    { account: { name: "Bücher Portal", samAccountName: "buecher" } },
    { account: { name: "Bücher Portal", outboundOnly: true } },
    { pods: {} },
    { pods: { serviceAccounts: ["web", "web.front-1", "0"], hostAccount: "eks-web", configMap: true } },
    { pods: { serviceAccounts: Array.from({ length: 50 }, (_, index) => `a${index}`.padEnd(253, "a")) } },
    { account: { name: "n".repeat(59), samAccountName: "n" } },
    { account: { name: "Web, Prod", samAccountName: "webprod" }, hosts: { grant: "Principals" } },
    { account: { description: "", displayName: "" }, servicePrincipalNames: [], selfRegisteredServicePrincipalNames: ["MSSQLSvc/*"] },
  ])("a good one, %j, is accepted", async (spec) => {
    expect(await cluster.dryRun(farmOf(NAMESPACE, "bad", spec))).toBe("accepted");
  });

  test("the good one that all of these differ from is accepted", async () => {
    expect(await cluster.dryRun(farmOf(NAMESPACE, "bad", {}))).toBe("accepted");
    expect(await cluster.dryRun(domainOf({}))).toBe("accepted");
    const podHostAccounts = [HOST_ACCOUNT, { ...HOST_ACCOUNT, name: "rke", user: "CN=svc ccg,OU=Service Accounts,DC=contoso,DC=com" }];
    expect(await cluster.dryRun(domainOf({ podHostAccounts }))).toBe("accepted");
    const serverNames = ["dc1.contoso.com", "DC*.contoso.com", "*-dc*.branch.contoso.com", "dc_1.xn--bcher-kva.example", "a.b"];
    for (const site of ["Frankfurt", "Default-First-Site-Name", "a".repeat(63), undefined])
      expect(await cluster.dryRun(domainOf(discovering({ site, serverNames })))).toBe("accepted");
    const most = Array.from(
      { length: 32 },
      (_, index) => `${index}${"a".repeat(40)}*.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.example`,
    );
    expect(await cluster.dryRun(domainOf(discovering({ serverNames: most })))).toBe("accepted");
  });

  test("tenants as the contract has them are accepted, and what they do not list is empty", async () => {
    const full = tenant({
      accounts: { names: ["web-*"], containers: ["OU=Web,OU=Farms"] },
      servicePrincipalNames: ["http/*.web.contoso.com", "MSSQLSvc/*.web.contoso.com:*"],
      dnsHostNames: ["*.web.contoso.com"],
      hosts: { containers: ["OU=Web Servers,OU=Servers"], names: ["WEB*"], max: 50 },
      groups: { access: ["Web-*"], hosts: [] },
      adoption: true,
      maxFarms: 20,
    });
    // As many as there may be, with as much in each as the budget of CEL has to allow for.
    const names = Array.from({ length: 50 }, (_, index) => `web${index}-${"x".repeat(50)}*`);
    const many = Array.from({ length: 100 }, (_, index) => tenant({ name: `web${index}`, accounts: { names }, hosts: { names } }));
    const expressions = selecting({ key: "team", operator: "NotIn", values: ["db"] }, { key: "web", operator: "Exists" });
    for (const tenants of [[], [full], [expressions], many]) expect(await cluster.dryRun(domainOf({ tenants }))).toBe("accepted");
    await cluster.apply(domainOf({ tenants: [{ name: "web", namespaceSelector: {} }] }, "tenants"));
    const { spec } = await cluster.get("ActiveDirectoryDomain", "tenants");
    expect(spec).toMatchObject({
      tenants: [
        {
          name: "web",
          namespaceSelector: {},
          accounts: { names: [], containers: [] },
          servicePrincipalNames: [],
          dnsHostNames: [],
          hosts: { names: [], containers: [] },
          groups: { access: [], hosts: [] },
          adoption: false,
        },
      ],
    });
  });

  const IMMUTABLE = [
    ["domainRef.name", { domainRef: { name: "other" } }, "create another ServerFarm in the other domain"],
    ["account.name", { account: { name: "Other" } }, "account.name is immutable: put Fixed back, or create another ServerFarm"],
    ["account.samAccountName", { account: { samAccountName: "other" } }, "account.samAccountName is immutable"],
    ["account.container", { account: { container: "OU=Other" } }, "account.container is immutable"],
    ["account.outboundOnly", { account: { outboundOnly: true } }, "account.outboundOnly is immutable"],
    [
      "hosts.group.container",
      { hosts: { group: { container: "OU=Other" } } },
      "hosts.group.container of a group of the farm's own is immutable",
    ],
  ] as const;

  test.each(IMMUTABLE)("%s cannot be changed once the account exists, and the message quotes what to do", async (_, change, message) => {
    const account = { name: "Fixed", samAccountName: "fixed", container: "OU=Farms" };
    await cluster.apply(farmOf(NAMESPACE, "fixed", { account, hosts: { group: { container: "OU=Groups" } } }));
    await cluster.call("PATCH", `${cluster.path("ServerFarm", NAMESPACE, "fixed")}/status`, {
      body: { status: { account: { samAccountName: "fixed$" } } },
      contentType: "application/merge-patch+json",
    });
    const merged = {
      account: { ...account, ...("account" in change ? change.account : {}) },
      hosts: "hosts" in change ? change.hosts : { group: { container: "OU=Groups" } },
    };
    const spec = "domainRef" in change ? { ...merged, domainRef: change.domainRef } : merged;
    expect(await cluster.dryRun(farmOf(NAMESPACE, "fixed", spec))).toContain(message);
    expect(await cluster.dryRun(farmOf(NAMESPACE, "fixed", { account, hosts: { group: { container: "OU=Groups" } } }))).toBe("accepted");
  });

  test("of an existing host group, and with one, the container can be changed at any time", async () => {
    const group = (existing: boolean, container?: string): object => ({
      hosts: { group: { name: "Shared", existing, ...(container === undefined ? {} : { container }) } },
    });
    await cluster.apply(farmOf(NAMESPACE, "moved", group(true)));
    await cluster.call("PATCH", `${cluster.path("ServerFarm", NAMESPACE, "moved")}/status`, {
      body: { status: { account: { samAccountName: "moved$" } } },
      contentType: "application/merge-patch+json",
    });
    for (const spec of [group(true, "OU=Other"), group(true), group(false, "OU=Other")]) {
      await cluster.apply(farmOf(NAMESPACE, "moved", spec));
    }
    expect(await cluster.dryRun(farmOf(NAMESPACE, "moved", group(false, "OU=Else")))).toContain("is immutable");
    expect(await cluster.dryRun(farmOf(NAMESPACE, "moved", group(true, "OU=Else")))).toBe("accepted");
  });

  test.each(IMMUTABLE)("%s can be corrected until then", async (_, change) => {
    const account = { name: "Open", samAccountName: "open", container: "OU=Farms" };
    await cluster.apply(farmOf(NAMESPACE, "open", { account, hosts: { group: { container: "OU=Groups" } } }));
    const spec = { account, hosts: { group: { container: "OU=Groups" } }, ...change };
    expect(await cluster.dryRun(farmOf(NAMESPACE, "open", spec))).toBe("accepted");
  });

  const put = { objectGUID: "8a1f", distinguishedName: "CN=Shared,DC=contoso,DC=com" };
  test.each<[name: string, what: string, status: object, can: boolean]>([
    ["own1", "owns anything at all", { ownedObjects: [{ objectGUID: "8a1f", kind: "HostGroup" }] }, false],
    ["own2", "has put a host into a group of somebody else", { hostGroup: { ...put, added: ["9b"] } }, false],
    ["own3", "has put one into a group that it does not use any more", { formerHostGroups: [{ ...put, added: ["9b"] }] }, false],
    [
      "own4",
      "only names such a group",
      { hostGroup: { ...put, added: [] }, formerHostGroups: [{ ...put, objectGUID: "8b", added: [] }] },
      true,
    ],
  ])("%s: the domain of a farm that %s", async (name, _, status, can) => {
    await cluster.apply(farmOf(NAMESPACE, name));
    await cluster.call("PATCH", `${cluster.path("ServerFarm", NAMESPACE, name)}/status`, {
      body: { status },
      contentType: "application/merge-patch+json",
    });
    const said = await cluster.dryRun(farmOf(NAMESPACE, name, { domainRef: { name: "other" } }));
    expect(said).toContain(can ? "accepted" : "domainRef.name is immutable once");
  });

  test("a new object has the defaults of the API, and no finished look", async () => {
    await cluster.apply(farmOf(NAMESPACE, "plain"));
    const { spec, status } = await cluster.get("ServerFarm", "plain", NAMESPACE);
    expect(spec).toEqual({
      domainRef: { name: "contoso" },
      account: { outboundOnly: false, passwordIntervalDays: 30, encryptionTypes: ["AES128", "AES256"], enabled: true },
      selfRegisteredServicePrincipalNames: [],
      hosts: { grant: "Group", computers: [], quarantined: [] },
      accessGroups: [],
      managementPolicy: "Enforce",
      adoptionPolicy: "Never",
      deletionPolicy: "Delete",
      suspend: false,
    });
    expect(status).toEqual({ observedGeneration: -1 });
  });
});
