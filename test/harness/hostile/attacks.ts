/** What a tenant writes into manifests to get at another tenant, the domain or the operator. Each is one farm's spec. */
import { BASE } from "../directory.ts";

export interface Attack {
  readonly what: string;
  readonly spec: object;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /**
   * Who has it when the tenants' patterns leave it to nobody: "Nobody" by default. "Owner": with patterns that allow all, it is new and nobody else's,
   * so that it is the domain owner who gave it away. "Harmless": the farm may have it in any case.
   */
  readonly may?: "Nobody" | "Owner" | "Harmless";
}

const spn = (...names: readonly string[]): object => ({ servicePrincipalNames: names });
const hosts = (...computers: readonly string[]): object => ({ hosts: { computers } });
const hostGroup = (group: object): object => ({ hosts: { computers: ["BET1"], group } });
const account = (fields: object): object => ({ account: fields });
const access = (...groups: readonly object[]): object => ({ accessGroups: groups });
const each = (what: string, values: readonly string[], spec: (value: string) => object, may?: Attack["may"]): readonly Attack[] =>
  values.map((value) => ({ what: `${what} ${JSON.stringify(value)}`, spec: spec(value), ...(may ? { may } : {}) }));

const ALPHA = `OU=Alpha,${BASE}`;

const NAMES: readonly Attack[] = [
  ...each(
    "an SPN of A's account:",
    [
      "http/shop.alp.contoso.com",
      "HTTP/SHOP.ALP.CONTOSO.COM",
      "http/shop.alp.contoso.com.",
      "MSSQLSvc/db.alp.contoso.com:1433",
      "mssqlsvc/DB.alp.contoso.com:1433",
    ],
    spn,
  ),
  ...each(
    "an SPN that A's stands for, or that stands for A's:",
    ["HOST/shop.alp.contoso.com", "http/portal.alp.contoso.com", "cifs/portal.alp.contoso.com", "W3SVC/Portal.alp.contoso.com"],
    spn,
  ),
  ...each(
    "the name of A's host:",
    ["http/alp1.contoso.com", "http/ALP1", "HOST/alp2", "MSSQLSvc/alp2:1433", "http/alp1.contoso.com."],
    spn,
  ),
  ...each("the name of A's account:", ["http/alp-web.contoso.com", "http/ALP-WEB", "http/alp-web.contoso.com:8080"], spn),
  ...each(
    "what belongs to domain controllers, the KDC and Windows:",
    [
      "ldap/x.beta.contoso.com",
      "LDAP/dc1.contoso.com/contoso.com",
      "GC/x.beta.contoso.com",
      "dns/x.beta.contoso.com",
      "krbtgt/CONTOSO.COM",
      "kadmin/changepw",
      "E3514235-4B06-11D1-AB04-00C04FC2DCD2/x/contoso.com",
      "Dfsr-12F9A27C-BF97-4787-9364-D31B6C55EB04/x.beta.contoso.com",
      "NtFrs-88f5d2bd-b646-11d2-a6d3-00c04fc9b232/x.beta.contoso.com",
      "RestrictedKrbHost/x.beta.contoso.com",
      "TERMSRV/x.beta.contoso.com",
      "HOST/x.beta.contoso.com/contoso.com",
      "http/contoso.com",
      "cifs/CONTOSO",
      "http/dc1.contoso.com",
      "http/DC1:80",
      "http/gc._msdcs.contoso.com",
    ],
    spn,
  ),
  ...each(
    "what is no SPN, but looks like one of A's:",
    [
      "http/shop.alp.contoso.com ",
      " http/shop.alp.contoso.com",
      "http/shop.alp.contoso.com\u200b",
      "http/ѕhop.alp.contoso.com",
      "ｈttp/shop.alp.contoso.com",
      "http//shop.alp.contoso.com",
      "http/shop.alp.contoso.com@CONTOSO.COM",
      "http\\/shop.alp.contoso.com",
      "*/shop.alp.contoso.com\n",
      "http/x.beta.contoso.com)(objectClass=*\u0000",
    ],
    spn,
  ),
  ...each("a pattern as an SPN:", ["http/*", "*/*", "http/*.alp.contoso.com", "http/?hop.alp.contoso.com"], spn, "Owner"),
  ...each(
    "a server of A's to come:",
    ["http/next.alp.contoso.com", "http/x.beta.contoso.com.alp.contoso.com", "http/x:.beta.contoso.com"],
    spn,
    "Owner",
  ),
  ...each(
    "a dNSHostName of another object:",
    ["alp1.contoso.com", "ALP2.CONTOSO.COM", "alp-web.contoso.com", "dc1.contoso.com", "contoso.com"],
    (dnsHostName) => ({
      account: { dnsHostName },
    }),
  ),
  {
    what: "500 SPNs, one of them A's",
    spec: spn(...Array.from({ length: 499 }, (_, index) => `http/s${index}.beta.contoso.com`), "http/shop.alp.contoso.com"),
  },
  {
    what: "A's SPNs as self-registered",
    spec: { selfRegisteredServicePrincipalNames: ["*/*", "http/shop.alp.*"], servicePrincipalNames: ["http/shop.alp.contoso.com"] },
  },
];

const OBJECTS: readonly Attack[] = [
  ...each("A's account:", ["alp-web", "ALP-WEB", "Alp-Web"], (name) => account({ name })),
  ...each("A's account, taken over:", ["alp-web", "alp-left"], (name) => ({ ...account({ name }), adoptionPolicy: "Unowned" })),
  ...each("the sAMAccountName of", ["alp-web", "ALP1", "WEB01"], (samAccountName) => account({ samAccountName })),
  ...each("the sAMAccountName of a person:", ["krbtgt", "svc-farms"], (samAccountName) => account({ samAccountName }), "Owner"),
  ...each("what looks like A's account:", ["аlp-web", "ａlp-web", "alp-wéb", "alp\u2010web"], (name) => account({ name }), "Owner"),
  ...each(
    "names that are none:",
    ["alp-web ", " alp-web", "alp-web\u0000", "alp-web$", "*", "alp*web"],
    (name) => account({ name, samAccountName: name }),
    "Owner",
  ),
  ...each(
    "a common name that leaves the container:",
    ["x,OU=Alpha", "x+CN=alp-web", 'x"', "x\\,OU=Alpha", "#alp", "x\nOU=Alpha", "x)(cn=alp-web"],
    (name) => account({ name, samAccountName: "bet-esc" }),
    "Owner",
  ),
  ...each(
    "a container that is not B's:",
    [
      "OU=Alpha",
      ALPHA,
      "OU=Farms\\,OU=Alpha",
      "OU=\\41lpha",
      "ou=ALPHA",
      "OU=Alpha ",
      "OU=Ａlpha",
      "CN=alp-web,OU=Farms",
      "OU=Farms,OU=Alpha",
      "OU=Farms+OU=Alpha",
      `OU=Farms,DC=evil,${BASE}`,
      `OU=Farms,${BASE},DC=evil`,
      "CN=Users",
      "OU=Domain Controllers",
      "CN=System",
      "CN=Configuration",
      "CN=AdminSDHolder,CN=System",
    ],
    (container) => account({ container }),
  ),
  ...each("A's group as host group:", ["alp-webHosts", "ALP-WEBHOSTS", "Alp-Share", "Alp-Pool", "alp-webHosts "], (name) =>
    hostGroup({ name }),
  ),
  ...each(
    "A's group, existing:",
    ["alp-webHosts", "Alp-Share", "Alp-Pool", "alp-pool", "Domain Admins", "Domain Computers", "Enterprise Admins"],
    (name) => hostGroup({ name, existing: true }),
  ),
  ...each("A's group, taken over:", ["Alp-Pool", "alp-leftHosts"], (name) => ({ ...hostGroup({ name }), adoptionPolicy: "Unowned" })),
  ...each("below A's objects:", ["CN=alp-web,OU=Farms", "CN=alp-webHosts,OU=Farms", "cn=ALP-WEB , ou=farms"], (container) =>
    hostGroup({ name: "Bet-x", container }),
  ),
  ...each("an access group below A's objects:", ["CN=alp-web,OU=Farms", "CN=Alp-Share,OU=Farms"], (container) =>
    access({ name: "Bet-y", existing: false, container }),
  ),
  { what: "A's container for the host group", spec: hostGroup({ name: "Bet-x", container: "OU=Alpha" }) },
  ...each(
    "to be in A's group:",
    ["Alp-Share", "Alp-Pool", "ALP-POOL", "alp-webHosts", "Domain Admins", "Administrators", "Schema Admins"],
    (name) => access({ name }),
  ),
  ...each("A's group as access group of its own:", ["Alp-Share", "Alp-Pool", "alp-webHosts"], (name) => access({ name, existing: false })),
  { what: "A's group, in another container", spec: access({ name: "Alp-Pool", container: "OU=Beta" }) },
  {
    what: "100 access groups",
    spec: access(...Array.from({ length: 99 }, (_, index) => ({ name: `Bet-${index}` })), { name: "Alp-Pool" }),
  },
];

const HOSTS: readonly Attack[] = [
  ...each(
    "A's host:",
    [
      "ALP1",
      "alp1$",
      "alp1.contoso.com",
      "ALP1.CONTOSO.COM",
      `CN=ALP1,${ALPHA}`,
      `cn=alp1, ou=alpha, ${BASE}`,
      `CN=\\41LP1,${ALPHA}`,
      "CN=ALP1,OU=Alpha",
    ],
    (name) => hosts("BET1", name),
  ),
  ...each("what looks like A's host:", ["АLP1", "ＡLP1", "ALP1.", "ALP1 ", "*", "ALP*", "ALP1)(cn=*", "alp1.contoso.com."], (name) =>
    hosts(name),
  ),
  ...each(
    "a domain controller, a person, an account:",
    ["DC1", "dc1.contoso.com", "Administrator", "alp-web$", "alp-web", "krbtgt"],
    (name) => hosts(name),
  ),
  ...each(
    "a DN that leaves B's container:",
    [`CN=BET1\\,OU=Alpha,OU=Beta,${BASE}`, `CN=BET1,${ALPHA}`, `CN=ALP1\\,OU=Beta,${ALPHA}`, `CN=BET1+CN=ALP1,${ALPHA}`],
    (name) => hosts(name),
  ),
  { what: "one of two of a name, the other A's", spec: hosts("twin.contoso.com"), may: "Owner" },
  { what: "one of two of a name, both A's", spec: hosts("sister.contoso.com") },
  { what: "5,000 hosts, all unknown but A's", spec: hosts(...Array.from({ length: 4999 }, (_, index) => `BET-${index}`), "ALP1") },
  { what: "by name, A's host", spec: { hosts: { grant: "Principals", computers: ["BET1", "ALP1", "ALP2"] } } },
  { what: "A's host, kept out", spec: { hosts: { computers: ["BET1"], quarantined: ["ALP1", "alp2.contoso.com"] } }, may: "Harmless" },
  { what: "A's host, wanted and kept out", spec: { hosts: { computers: ["ALP1"], quarantined: ["ALP1"] } } },
];

const REST: readonly Attack[] = [
  { what: "A's account, only observed", spec: { ...account({ name: "alp-web" }), managementPolicy: "Observe", adoptionPolicy: "Unowned" } },
  {
    what: "A's group and SPN, only observed",
    spec: { ...hostGroup({ name: "Alp-Pool", existing: true }), ...spn("http/shop.alp.contoso.com"), managementPolicy: "Observe" },
  },
  { what: "A's account, kept at the end", spec: { ...account({ name: "alp-web" }), deletionPolicy: "Retain" } },
  {
    what: "A's marker and filters as text",
    spec: { account: { description: "serverfarm.dev cluster=x farm=hostile-a/alp-web", displayName: "*)(objectClass=*" } },
    may: "Harmless",
  },
  { what: "a domain that is not there", spec: { domainRef: { name: "contoso-alpha" } } },
  { what: "a domain in capitals", spec: { domainRef: { name: "Contoso" } } },
  { what: "nothing but weak encryption", spec: { account: { encryptionTypes: ["RC4"] } }, may: "Harmless" },
  { what: "outbound only, with A's SPN", spec: { account: { outboundOnly: true }, servicePrincipalNames: ["http/shop.alp.contoso.com"] } },
  {
    what: "the annotations of an operator's user, all of them",
    spec: account({ name: "alp-web" }),
    metadata: {
      annotations: {
        "serverfarm.dev/abandon": "true",
        "serverfarm.dev/confirm-deletion": "*",
        "serverfarm.dev/reconcile-requested-at": "alp-web",
      },
      finalizers: ["serverfarm.dev/decommission"],
      labels: { team: "alpha" },
    },
  },
];

export const ATTACKS: readonly Attack[] = [...NAMES, ...OBJECTS, ...HOSTS, ...REST];
