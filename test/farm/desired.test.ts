/** The spec of a farm → what it should be in the directory, with every default filled in; and what is said of what cannot be. */
import { describe, expect, test } from "vitest";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import { BASE, CLUSTER, desired, FACTS, farm } from "./simulation.ts";

type Spec = NonNullable<Parameters<typeof farm>[0]>;

test("a farm that says nothing has everything by its name, in the domain's containers", () => {
  expect(desired()).toMatchObject({
    owner: "serverfarm.dev cluster=8a1f farm=web/itfarm1",
    account: {
      name: "itfarm1",
      samAccountName: "itfarm1$",
      distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
      dnsHostName: "itfarm1.contoso.com",
      passwordIntervalDays: 30,
      encryptionTypes: 24,
      description: undefined,
      displayName: undefined,
      enabled: true,
      outboundOnly: false,
    },
    grant: "Group",
    hostGroup: {
      samAccountName: "itfarm1Hosts",
      distinguishedName: `CN=itfarm1Hosts,OU=Farms,${BASE}`,
      existing: false,
      container: undefined,
    },
    accessGroups: [],
    hosts: [],
    quarantined: [],
    knownObjects: [],
    knownAccessGroups: [],
    invalid: [],
    operator: "svc-farms@contoso.com",
    adoption: { farm: "Never", domain: "Consent", consent: "serverfarm.dev adopt=web/itfarm1" },
    explicitContainers: { account: undefined, hostGroup: undefined },
    standing: { namespace: "web", created: "", uid: "u1" },
  });
});

test("what it says counts", () => {
  const spec: Spec = {
    account: {
      name: "Portal",
      samAccountName: "PORTAL",
      container: "OU=A",
      description: "d",
      displayName: "n",
      enabled: false,
      encryptionTypes: ["RC4", "AES256"],
      passwordIntervalDays: 7,
    },
    hosts: { grant: "Principals", group: { name: "G", container: "OU=B", existing: false } },
    adoptionPolicy: "Unowned",
  };
  const wanted = desired(spec);
  expect(wanted).toMatchObject({
    account: {
      name: "Portal",
      samAccountName: "PORTAL$",
      distinguishedName: `CN=Portal,OU=A,${BASE}`,
      dnsHostName: "portal.contoso.com",
      passwordIntervalDays: 7,
      encryptionTypes: 20,
      description: "d",
      displayName: "n",
      enabled: false,
    },
    grant: "Principals",
    hostGroup: { samAccountName: "G", distinguishedName: `CN=G,OU=B,${BASE}` },
    adoption: { farm: "Unowned" },
    explicitContainers: { account: `OU=A,${BASE}`, hostGroup: `OU=B,${BASE}` },
  });
  expect(desired({ account: { dnsHostName: "X.Contoso.com" } }).account.dnsHostName).toBe("X.Contoso.com");
  expect(desired({ account: { name: "Portal" } }).hostGroup.samAccountName).toBe("PortalHosts");
});

test("a container of somebody else's group is where it must be, and of its own where it is made", () => {
  const container = (existing: boolean, text?: string): string | undefined =>
    desired({ hosts: { group: { name: "G", existing, ...(text === undefined ? {} : { container: text }) } } }).hostGroup.container;
  expect([container(true, "OU=B"), container(true), container(false, "OU=B")]).toEqual([`OU=B,${BASE}`, undefined, undefined]);
});

test("a host is meant by its short name, its DNS name or its distinguished name", () => {
  const { hosts, quarantined } = desired({ hosts: { computers: ["WEB01", "WEB02$", "web03.contoso.com"], quarantined: ["CN=WEB04"] } });
  expect(hosts).toEqual([
    { text: "WEB01", by: "sAMAccountName", value: "WEB01$" },
    { text: "WEB02$", by: "sAMAccountName", value: "WEB02$" },
    { text: "web03.contoso.com", by: "dNSHostName", value: "web03.contoso.com" },
  ]);
  expect(quarantined).toEqual([{ text: "CN=WEB04", by: "distinguishedName", value: `CN=WEB04,${BASE}` }]);
});

test("what its status remembers is known: what it owns, which of that is for access, and whom entries meant", () => {
  const status: ServerFarmStatus = {
    observedGeneration: 1,
    ownedObjects: [
      { kind: "Account", objectGUID: "a" },
      { kind: "AccessGroup", objectGUID: "g" },
      { kind: "HostGroup", objectGUID: "h" },
    ],
    resolvedHosts: [
      { reference: "WEB01", objectGUID: "c1" },
      { reference: "WEB02", objectGUID: "c2" },
      { reference: "WEB01", objectGUID: "c3" },
    ],
  };
  const { knownObjects, knownAccessGroups, resolved } = desired({}, status);
  expect([knownObjects, knownAccessGroups]).toEqual([["a", "g", "h"], ["g"]]);
  expect(resolved.get("WEB01")?.map(({ objectGUID }) => objectGUID)).toEqual(["c1", "c3"]);
  expect(desired().resolved.size).toBe(0);
});

describe("what is refused", () => {
  const problems = (spec: Spec): readonly string[] =>
    desiredFarm(farm(spec), FACTS, CLUSTER).problems.map(({ reason, part, message }) => `${part} ${reason} ${message}`);
  const invalid = (spec: Spec): readonly string[] =>
    desired(spec).invalid.map(({ part, message, computer }) => `${part} ${message}${computer === undefined ? "" : ` [${computer}]`}`);
  const FORBIDDEN = 'characters, none of them one of " / \\ [ ] : | < > + = ; ? , * @';

  test.each<[string, Spec, readonly string[]]>([
    ["nothing", {}, []],
    [
      "a name that is too long for an account",
      { account: { name: "x".repeat(16) } },
      [
        `Account InvalidSpec account.samAccountName: "${"x".repeat(16)}" is not a sAMAccountName of at most 15 ${FORBIDDEN}. Set account.samAccountName.`,
      ],
    ],
    [
      "a DNS name that is none",
      { account: { dnsHostName: "web" } },
      ['Account InvalidSpec account.dnsHostName: "web" is not a fully qualified DNS name. Set account.dnsHostName.'],
    ],
    ["a DNS name that an account for outbound authentication has not", { account: { dnsHostName: "web", outboundOnly: true } }, []],
    [
      "a group's name",
      { hosts: { group: { name: "a,b", existing: false } } },
      [`Hosts InvalidSpec hosts.group.name: "a,b" is not a group name of at most 64 ${FORBIDDEN}. Set hosts.group.name.`],
    ],
    ["the name of a group of somebody else, whatever it is", { hosts: { group: { name: "a,b", existing: true } } }, []],
    ["the name of a group that is not wanted", { hosts: { grant: "Principals", group: { name: "a,b", existing: false } } }, []],
    [
      "a container that is none",
      { account: { container: "x" } },
      ['Account InvalidSpec account.container: "x" is not a distinguished name: no = at character 1. Correct it.'],
    ],
    [
      "a container of the host group in another domain",
      { hosts: { group: { container: "OU=X,DC=fabrikam,DC=com", existing: false } } },
      [`Hosts InvalidSpec hosts.group.container: "OU=X,DC=fabrikam,DC=com" is not in the domain ${BASE}. Correct it.`],
    ],
  ])("%s: there is nothing to start from, or there is", (_, spec, expected) => {
    expect(problems(spec)).toEqual(expected);
  });

  const SAME =
    "is not a service principal name; write it as class/host, class/host:port or class/host/name, in ASCII and without a realm (@REALM).";
  test.each<[string, Spec, readonly string[]]>([
    [
      "a host that is none, which is counted as one",
      { hosts: { computers: ["CN="], quarantined: ["OU=a,b"] } },
      [
        'Hosts hosts.computers: "CN=" is not a distinguished name: an empty value at character 4. Correct or remove it. [CN=]',
        'Hosts hosts.quarantined: "OU=a,b" is not a distinguished name: no = at character 6. Correct or remove it.',
      ],
    ],
    [
      "an access group that is the host group",
      { accessGroups: [{ name: "ITFARM1HOSTS", existing: true }] },
      ["AccessGroups accessGroups: ITFARM1HOSTS is the host group: only hosts are its members. Remove it."],
    ],
    [
      "an access group of that name where there is no host group",
      { hosts: { grant: "Principals" }, accessGroups: [{ name: "itfarm1Hosts", existing: true }] },
      [],
    ],
    [
      "an access group that is there twice",
      { accessGroups: ["A", "b", "a"].map((name) => ({ name, existing: true })) },
      ["AccessGroups accessGroups: a is there twice: names are compared without regard to case. Remove it."],
    ],
    [
      "the container of the second access group",
      {
        accessGroups: [
          { name: "A", existing: true },
          { name: "B", existing: true, container: "x" },
        ],
      },
      ['AccessGroups accessGroups[1].container: "x" is not a distinguished name: no = at character 1. Correct it.'],
    ],
    [
      "an SPN that is none, and one that the service registers itself",
      { servicePrincipalNames: ["http//x", "MSSQLSvc/a", "http/a"], selfRegisteredServicePrincipalNames: ["mssqlsvc/*"] },
      [
        `ServicePrincipalNames servicePrincipalNames: "http//x" ${SAME}`,
        'ServicePrincipalNames servicePrincipalNames: "MSSQLSvc/a" is left to the service by mssqlsvc/* in selfRegisteredServicePrincipalNames, too: remove it from one of the two.',
      ],
    ],
  ])("%s: it keeps only itself out", (_, spec, expected) => {
    expect(problems(spec)).toEqual([]);
    expect(invalid(spec)).toEqual(expected);
  });
});

test.each<[string, Spec, readonly string[], readonly string[]]>([
  ["none are said: none is managed", {}, [], ["*"]],
  ["an empty list is said: there are none", { servicePrincipalNames: [] }, [], []],
  ["some are said, one of them twice", { servicePrincipalNames: ["http/a", "HTTP/A", "http/b"] }, ["http/a", "http/b"], []],
  [
    "some are left to the service",
    { servicePrincipalNames: ["http/a"], selfRegisteredServicePrincipalNames: ["MSSQLSvc/*"] },
    ["http/a"],
    ["MSSQLSvc/*"],
  ],
  ["none are said of an account for outbound authentication, which has none", { account: { outboundOnly: true } }, [], []],
])("where %s", (_, spec, names, unmanaged) => {
  const { servicePrincipalNames, unmanagedServicePrincipalNames } = desired(spec);
  expect([servicePrincipalNames, unmanagedServicePrincipalNames]).toEqual([names, unmanaged]);
});
