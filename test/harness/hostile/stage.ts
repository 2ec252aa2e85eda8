/** Two tenants of one domain: Alpha, who works, and Beta, who attacks. What Alpha has, attribute by attribute, and what may never be said to Beta. */
import type { Entry } from "ldapts";
import { z } from "zod";
import { decodeGuid, decodeSid } from "../../../src/names/identifier.ts";
import { ApiFailure, type Manifest } from "../cluster.ts";
import { addComputer, BASE } from "../directory.ts";
import { manifests } from "../install.ts";
import { waitFor } from "../process.ts";
import { ROOT } from "../root.ts";
import { cluster, condition, createNamespace, directory, type Farm, farmOf, farmReady, getFarms } from "../world.ts";

export const [A, B] = ["hostile-a", "hostile-b"];
export const OU = `OU=Farms,${BASE}`;
export const ALPHA_HOSTS = ["ALP1", "ALP2", "ALP3"];
export const BETA_HOSTS = ["BET1", "BET2"];
/** Whose dNSHostName is one. */
const TWINS: readonly (readonly [name: string, ou: string, dnsHostName: string])[] = [
  ["ALPTWIN", "Alpha", "twin.contoso.com"],
  ["BETTWIN", "Beta", "twin.contoso.com"],
  ["ALPSISTER1", "Alpha", "sister.contoso.com"],
  ["ALPSISTER2", "Alpha", "sister.contoso.com"],
];
const MALLORY = "mallory";
const GROUPS = ["Alp-Pool", "Alp-Notes"];

const ALPHA = {
  name: "alpha",
  namespaceSelector: { matchLabels: { team: "alpha" } },
  accounts: { names: ["alp-*"], containers: ["OU=Farms"] },
  servicePrincipalNames: ["*/*.alp.contoso.com", "*/*.alp.contoso.com:*"],
  dnsHostNames: ["alp-*.contoso.com"],
  hosts: { containers: ["OU=Alpha"], names: ["ALP*"] },
  groups: { access: ["Alp-*"], hosts: ["Alp-*"] },
  adoption: true,
};

/** As docs/tenancy.md advises: names that are Beta's own. */
const NARROW = {
  name: "beta",
  namespaceSelector: { matchLabels: { team: "beta" } },
  accounts: { names: ["bet-*"], containers: ["OU=Farms"] },
  servicePrincipalNames: ["http/*.beta.contoso.com"],
  dnsHostNames: ["bet-*.contoso.com"],
  hosts: { containers: ["OU=Beta"], names: ["BET*"] },
  groups: { access: ["Bet-*"], hosts: ["Bet-*"] },
};
/** Names are nobody's own: what keeps Beta out is what the operator does for nobody. */
const WIDE = {
  ...NARROW,
  accounts: { names: ["*"], containers: ["OU=Farms"] },
  servicePrincipalNames: ["*"],
  dnsHostNames: ["*"],
  hosts: { containers: ["OU=Beta"], names: ["*"] },
  adoption: true,
};
export const PATTERNS = { narrow: NARROW, wide: WIDE };
export type Patterns = keyof typeof PATTERNS;

export async function tenants(patterns: Patterns): Promise<void> {
  await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { tenants: [ALPHA, PATTERNS[patterns]] } });
}

/** The admission policy of install.yaml, once the API server goes by it. */
export async function installPolicy(): Promise<void> {
  await cluster.apply(...(await policy()));
  await waitFor("the admission policy", async () => (await cluster.dryRun(foreign())).includes("denied request"));
}

export async function removePolicy(): Promise<void> {
  for (const { kind, metadata } of await policy()) await cluster.delete(kind, metadata.name);
  await waitFor("no admission policy", async () => (await cluster.dryRun(foreign())) === "accepted");
}

async function policy(): Promise<readonly z.infer<typeof named>[]> {
  const objects = (await manifests(`${ROOT}/deploy/install.yaml`)).map((object) => named.parse(object));
  return objects.filter(({ kind }) => kind.startsWith("ValidatingAdmissionPolicy"));
}

/** Neither patterns allow its group. */
const foreign = (): Manifest => betaFarm("bet-foreign", { accessGroups: [{ name: "Alp-Notes" }] });

const named = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) });

/** Both tenants' computers and groups, and Alpha's farms, all of them ready; needs an operator. Returns Beta's token. */
export async function setUp(): Promise<string> {
  await directory.asAdministrator(async (client) => {
    for (const ou of ["Alpha", "Beta"]) await client.add(`OU=${ou},${BASE}`, { objectClass: "organizationalUnit" });
    const add = async (name: string, ou: string, dNSHostName = `${name.toLowerCase()}.contoso.com`): Promise<void> =>
      client.modifyDN(await addComputer(client, name, { dNSHostName }), `CN=${name},OU=${ou},${BASE}`);
    for (const name of ALPHA_HOSTS) await add(name, "Alpha");
    for (const name of BETA_HOSTS) await add(name, "Beta");
    for (const [name, ou, dnsHostName] of TWINS) await add(name, ou, dnsHostName);
    for (const name of GROUPS)
      await client.add(`CN=${name},${OU}`, { objectClass: "group", sAMAccountName: name, description: "hush: ask Anna" });
  });
  for (const [namespace, team] of [
    [A, "alpha"],
    [B, "beta"],
  ] as const) {
    await createNamespace(namespace);
    await cluster.patch("Namespace", namespace, undefined, { metadata: { labels: { team } } });
  }
  await tenants("narrow");
  await cluster.apply(
    farmOf(A, "alp-web", {
      account: { description: "hush: ask Anna" },
      servicePrincipalNames: ["http/shop.alp.contoso.com", "HOST/portal.alp.contoso.com"],
      hosts: { computers: ["ALP1", "ALP2"] },
      accessGroups: [{ name: "Alp-Share", existing: false }, { name: "Alp-Notes" }],
    }),
    farmOf(A, "alp-db", {
      servicePrincipalNames: ["MSSQLSvc/db.alp.contoso.com:1433"],
      hosts: { grant: "Principals", computers: ["ALP1"] },
    }),
    farmOf(A, "alp-queue", { hosts: { computers: ["ALP2"], group: { name: "Alp-Pool", existing: true } } }),
    farmOf(A, "alp-left", { hosts: { computers: ["ALP1"] }, deletionPolicy: "Retain" }),
  );
  for (const name of ["alp-web", "alp-db", "alp-queue", "alp-left"]) await farmReady(A, name);
  // Its account and group stay, and are nobody's.
  await cluster.delete("ServerFarm", "alp-left", A);
  return await mallory();
}

/** A robot that may edit farms in Beta's namespace, by the role that the chart ships, and whatever else Kubernetes lets an editor do there. */
async function mallory(): Promise<string> {
  await cluster.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: MALLORY, namespace: B } });
  for (const name of ["serverfarm-operator-edit", "edit"])
    await cluster.apply({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name, namespace: B },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name: MALLORY, namespace: B }],
    });
  return await cluster.serviceAccountToken(B, MALLORY);
}

export async function tearDown(): Promise<void> {
  for (const namespace of [A, B]) await cluster.deleteAll("ServerFarm", namespace, 120);
  await directory.asAdministrator(async (client) => {
    for (const name of [
      "alp-left$",
      "alp-leftHosts",
      ...GROUPS,
      ...[...ALPHA_HOSTS, ...BETA_HOSTS, ...TWINS.map(([name]) => name)].map((name) => `${name}$`),
    ]) {
      const entry = await directory.find(name);
      if (entry) await client.del(entry.dn);
    }
    for (const ou of ["Alpha", "Beta"]) await client.del(`OU=${ou},${BASE}`);
  });
}

/** What the API server says to Beta. */
export async function asBeta(
  token: string,
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: object,
): Promise<number> {
  const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  try {
    await cluster.call(method, path, { token, contentType, ...(body ? { body } : {}) });
    return 200;
  } catch (error) {
    if (error instanceof ApiFailure) return error.code;
    throw error;
  }
}

/** What the directory itself writes when somebody logs on. */
const VOLATILE = ["lastLogon", "lastLogonTimestamp", "logonCount", "badPwdCount", "badPasswordTime", "lastLogoff"];
const LOGS_ON = /^CN=(Administrator|svc-farms|WEB\d+|ALP\d|BET\d),/i;

function attributesOf(entry: Entry): readonly (readonly [string, unknown])[] {
  const skipped = LOGS_ON.test(entry.dn) ? [...VOLATILE, "uSNChanged", "whenChanged"] : VOLATILE;
  return Object.entries(entry)
    .filter(([name]) => !skipped.includes(name))
    .map(([name, value]): [string, unknown] => [
      name,
      Array.isArray(value) ? value.map(String).toSorted() : Buffer.isBuffer(value) ? value.toString("hex") : value,
    ])
    .toSorted(([one], [other]) => one.localeCompare(other));
}

/** Everybody and every group that is not Beta's, with all attributes: neither its farms' objects nor its computers, which these put into groups. */
async function entries(): Promise<readonly Entry[]> {
  const filter = `(&(|(objectClass=user)(objectClass=group)(objectClass=organizationalUnit))(!(adminDescription=serverfarm.dev*farm=${B}/*)))`;
  const found = await directory.search(
    filter,
    ["*", "memberOf", "adminDescription", "msDS-GroupMSAMembership", "nTSecurityDescriptor", "uSNChanged"],
    {
      paged: true,
    },
  );
  return found.filter(({ dn }) => !/,OU=Beta,/i.test(dn)).toSorted((one, other) => one.dn.localeCompare(other.dn));
}

/** Who retrieves which of Alpha's passwords, asked for as each of the computers. */
export async function retrievals(): Promise<Readonly<Record<string, readonly string[]>>> {
  const found: Record<string, readonly string[]> = {};
  for (const account of ["alp-web", "alp-db", "alp-queue", "alp-left"]) {
    const able: string[] = [];
    for (const host of [...ALPHA_HOSTS, ...BETA_HOSTS]) if (await directory.retrieves(host, `CN=${account},${OU}`)) able.push(host);
    found[account] = able;
  }
  return found;
}

/** All that is not Beta's: in the directory, and in the cluster down to the version of each object. */
export async function snapshot(): Promise<ReadonlyMap<string, unknown>> {
  const objects = (await entries()).map((entry): [string, unknown] => [entry.dn, attributesOf(entry)]);
  const farms = (await cluster.list("ServerFarm", A)).map((farm): [string, unknown] => [`ServerFarm ${farm.metadata.name}`, farm]);
  const events = (await cluster.list("Event", A)).map(({ metadata }) => [metadata.name, metadata.resourceVersion]);
  return new Map<string, unknown>([...objects, ...farms, ["Events", events], ["retrieved by", await retrievals()]]);
}

/** Names, distinguished names, SIDs and GUIDs of Alpha's: nothing of it is for Beta. */
export async function secretsOfAlpha(): Promise<readonly string[]> {
  const own = (await entries()).filter(
    ({ dn, adminDescription }) => /\bAlp|,OU=Alpha,|^OU=Alpha,/i.test(dn) || String(adminDescription).includes(`farm=${A}/`),
  );
  const told = own.flatMap((entry) => {
    const { dn, objectGUID, objectSid, sAMAccountName } = entry;
    return [
      dn,
      ...(Buffer.isBuffer(objectGUID) ? [decodeGuid(objectGUID)] : []),
      ...(Buffer.isBuffer(objectSid) ? [decodeSid(objectSid)] : []),
      ...(typeof sAMAccountName === "string" ? [sAMAccountName.replace(/\$$/, "")] : []),
    ];
  });
  const farms = (await getFarms(A)).flatMap(({ metadata }) => [metadata.name, metadata.uid]);
  return [...new Set([...told, ...farms, A, "OU=Alpha", "hush"])];
}

/** What of Alpha's a text has that its reader did not write himself. */
export function leaks(secrets: readonly string[], text: string, known: string): readonly string[] {
  const [said, own] = [text.toLowerCase(), known.toLowerCase()];
  return secrets.filter((secret) => said.includes(secret.toLowerCase()) && !own.includes(secret.toLowerCase()));
}

/** Once each farm of the namespace says how it is and nothing of it is under way. */
export async function settled(namespace: string, seconds = 120): Promise<readonly Farm[]> {
  const busy = (farm: Farm): boolean => {
    const ready = condition(farm, "Ready");
    return (
      farm.status?.observedGeneration !== farm.metadata.generation || !ready || ready.status === "Unknown" || ready.reason === "Progressing"
    );
  };
  await waitFor(
    `farms of ${namespace} that are settled`,
    async () => (await getFarms(namespace)).filter(busy).map((farm) => `${farm.metadata.name} ${JSON.stringify(condition(farm, "Ready"))}`),
    (found) => found.length === 0,
    seconds,
  );
  return await getFarms(namespace);
}

export function betaFarm(name: string, spec: object, metadata: object = {}): Manifest {
  const farm = farmOf(B, name, spec);
  return { ...farm, metadata: { ...farm.metadata, ...metadata } };
}
