/** A walk over the schema: every field that can change is changed there and back, alone and together with another, and the directory follows. */
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { addUser, BASE } from "../harness/directory.ts";
import { textOf } from "../harness/cluster.ts";
import { giveRights, installKind, removeKind, takeRights } from "../harness/pods.ts";
import { waitFor } from "../harness/process.ts";
import { applyDomain, available, cluster, condition, directory, farmOf, farmWhere, getFarm, useOperator } from "../harness/world.ts";

const NAMESPACE = "walk";
const ACCOUNT = `CN=walk,OU=Farms,${BASE}`;
/** Another seed is another walk: WALK_SEED=7 npm test -- test/e2e/walk.test.ts */
const SEED = Number(process.env["WALK_SEED"] ?? 20_261_125);
const PAIRS = 70;

const HOSTS = ["WEB01", "WEB02", "WEB03", "WEB06"];
const FOREIGN = "WEB06";

interface Spec {
  readonly account: {
    readonly dnsHostName?: string;
    readonly encryptionTypes: readonly string[];
    readonly description?: string;
    readonly displayName?: string;
    readonly enabled: boolean;
  };
  readonly servicePrincipalNames: readonly string[];
  readonly selfRegisteredServicePrincipalNames: readonly string[];
  readonly hosts: {
    readonly grant: "Group" | "Principals";
    readonly computers: readonly string[];
    readonly quarantined: readonly string[];
    readonly group?: { readonly name?: string; readonly existing: boolean };
    readonly search?: {
      readonly container: string;
      readonly names: readonly string[];
      readonly max?: number;
      readonly maxRemoval?: string;
    };
  };
  readonly accessGroups: readonly { readonly name: string; readonly existing: boolean; readonly container?: string }[];
  readonly managementPolicy: "Enforce" | "Observe";
  readonly adoptionPolicy: "Never" | "Unowned";
  readonly deletionPolicy: "Delete" | "Retain";
  readonly suspend: boolean;
  readonly pods?: { readonly serviceAccounts: readonly string[]; readonly hostAccount?: string; readonly configMap?: boolean };
}

/** The user of pods.hostAccount. */
const POD_USER = "svc-walk";
const HOST_ACCOUNT = { name: "eks-web", user: POD_USER, pluginGUID: "{859E1386-BDB4-49E8-85C7-3070B13920E1}", pluginInput: "{}" };

const START: Spec = {
  // What is absent is not managed, so that there is no way back to it.
  account: { encryptionTypes: ["AES128", "AES256"], description: "", displayName: "", enabled: true },
  servicePrincipalNames: ["http/walk"],
  selfRegisteredServicePrincipalNames: [],
  hosts: { grant: "Group", computers: ["WEB01", "WEB02"], quarantined: [] },
  accessGroups: [{ name: "WalkReaders", existing: true }],
  managementPolicy: "Enforce",
  adoptionPolicy: "Never",
  deletionPolicy: "Delete",
  suspend: false,
};

const account = (more: Partial<Spec["account"]>) => (spec: Spec) => ({ ...spec, account: { ...spec.account, ...more } });
const hosts = (more: Partial<Spec["hosts"]>) => (spec: Spec) => ({ ...spec, hosts: { ...spec.hosts, ...more } });
const group = (more: Partial<NonNullable<Spec["hosts"]["group"]>>) => (spec: Spec) => ({
  ...spec,
  hosts: { ...spec.hosts, grant: "Group" as const, group: { existing: false, ...spec.hosts.group, ...more } },
});

/** Every field that can change, by its path in the schema, with a way to another value. */
const STEPS: readonly (readonly [path: string, step: (spec: Spec) => Spec])[] = [
  ["account.dnsHostName", account({ dnsHostName: "other.contoso.com" })],
  ["account.encryptionTypes", account({ encryptionTypes: ["AES256"] })],
  ["account.encryptionTypes", account({ encryptionTypes: ["RC4", "AES128"] })],
  ["account.description", account({ description: "Ä farm, (of) *all* \\ things" })],
  ["account.displayName", account({ displayName: "Walk" })],
  ["account.enabled", account({ enabled: false })],
  ["servicePrincipalNames", (spec) => ({ ...spec, servicePrincipalNames: ["HTTP/WALK", "http/walk.contoso.com:8080"] })],
  ["servicePrincipalNames", (spec) => ({ ...spec, servicePrincipalNames: [] })],
  ["selfRegisteredServicePrincipalNames", (spec) => ({ ...spec, selfRegisteredServicePrincipalNames: ["MSSQLSvc/*"] })],
  ["hosts.computers", hosts({ computers: ["web02.contoso.com", "WEB03$"] })],
  ["hosts.computers", hosts({ computers: [] })],
  ["hosts.quarantined", hosts({ quarantined: ["WEB02", FOREIGN] })],
  ["hosts.grant", ({ hosts: { group: _group, ...rest }, ...spec }) => ({ ...spec, hosts: { ...rest, grant: "Principals" } })],
  ["hosts.group.name", group({ name: "WalkHosts2" })],
  ["hosts.group.existing", group({ name: "WalkShared", existing: true })],
  ["accessGroups", (spec) => ({ ...spec, accessGroups: [] })],
  ["accessGroups.name", (spec) => ({ ...spec, accessGroups: [{ name: "WalkWriters", existing: true }] })],
  ["accessGroups.existing", (spec) => ({ ...spec, accessGroups: [...spec.accessGroups, { name: "WalkOwned", existing: false }] })],
  ["accessGroups.container", (spec) => ({ ...spec, accessGroups: [{ name: "WalkElsewhere", existing: false, container: "OU=Walk" }] })],
  ["hosts.search.container", hosts({ search: { container: "OU=Walk", names: ["WEB*"] } })],
  ["hosts.search.names", hosts({ search: { container: "OU=Walk", names: ["*"] } })],
  ["hosts.search.max", hosts({ search: { container: "OU=Walk", names: ["WEB*"], max: 1 } })],
  ["hosts.search.maxRemoval", hosts({ search: { container: "OU=Walk", names: ["WEB*"], maxRemoval: "0%" } })],
  ["managementPolicy", (spec) => ({ ...spec, managementPolicy: "Observe" })],
  ["adoptionPolicy", (spec) => ({ ...spec, adoptionPolicy: "Unowned" })],
  ["deletionPolicy", (spec) => ({ ...spec, deletionPolicy: "Retain" })],
  ["suspend", (spec) => ({ ...spec, suspend: true })],
  ["pods.serviceAccounts", (spec) => ({ ...spec, pods: { serviceAccounts: ["web"] } })],
  ["pods.hostAccount", (spec) => ({ ...spec, pods: { serviceAccounts: [], hostAccount: "eks-web" } })],
  ["pods.configMap", (spec) => ({ ...spec, pods: { serviceAccounts: ["web"], configMap: true } })],
];

interface Schema {
  readonly description?: string | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
  readonly items?: Schema | undefined;
}
const schema: z.ZodType<Schema> = z.lazy(() =>
  z.object({ description: z.string().optional(), properties: z.record(z.string(), schema).optional(), items: schema.optional() }),
);
const crd = z.object({
  spec: z.object({
    versions: z.array(z.object({ schema: z.object({ openAPIV3Schema: z.object({ properties: z.object({ spec: schema }) }) }) })),
  }),
});

/** The paths of all fields that have a value of their own, but for the immutable ones. */
function changeable(node: Schema, path: readonly string[] = []): readonly string[] {
  const properties = node.properties ?? node.items?.properties;
  if (!properties) return node.description?.includes("Immutable") === true ? [] : [path.join(".")];
  return Object.entries(properties).flatMap(([name, inner]) => changeable(inner, [...path, name]));
}

/** What is in the directory of the farm, as a spec would say it. */
async function seen(): Promise<unknown> {
  const entry = await directory.find("walk$");
  const list = (name: string): readonly string[] => (entry?.[name] === undefined ? [] : [entry[name]].flat().map(String));
  const given = await Promise.all(HOSTS.map((host) => directory.retrieves(host, ACCOUNT)));
  return {
    dNSHostName: entry?.["dNSHostName"],
    encryption: entry?.["msDS-SupportedEncryptionTypes"],
    description: entry?.["description"],
    displayName: entry?.["displayName"],
    control: entry?.["userAccountControl"],
    names: list("servicePrincipalName")
      .map((name) => name.toLowerCase())
      .toSorted(),
    retrieving: HOSTS.filter((_, index) => given[index]),
    memberOf: list("memberOf")
      .map((dn) => dn.slice(0, dn.indexOf(",OU=") < 0 ? dn.indexOf(",CN=") : dn.indexOf(",OU=")))
      .toSorted(),
    owned: (await directory.search("(&(adminDescription=serverfarm.dev*)(objectClass=group))", ["sAMAccountName"]))
      .map((found) => String(found["sAMAccountName"]))
      .toSorted(),
    shared: (await directory.members("WalkShared")).filter((name) => name !== `${FOREIGN}$`),
    published: await published(),
  };
}

/** What is there for Pods. */
async function published(): Promise<unknown> {
  const spec = (await cluster.find("GMSACredentialSpec", `${NAMESPACE}.walk`))?.["credspec"];
  const [role, binding, map] = await Promise.all(
    ["Role", "RoleBinding", "ConfigMap"].map((kind) => cluster.find(kind, "walk-credential-spec", NAMESPACE)),
  );
  const subjects: unknown = binding?.["subjects"] ?? [];
  return {
    spec: spec !== undefined,
    role: role !== undefined,
    binding: binding && (Array.isArray(subjects) ? subjects : []).map((subject: unknown) => textOf(subject, "name")),
    hostAccount: JSON.stringify(spec ?? "").includes(HOST_ACCOUNT.pluginGUID),
    configMap: map !== undefined,
  };
}

function wanted({
  account: properties,
  servicePrincipalNames,
  hosts: { grant, computers, quarantined, group: wantedGroup },
  accessGroups,
  pods,
}: Spec): unknown {
  const { dnsHostName = "walk.contoso.com", encryptionTypes, description, displayName, enabled } = properties;
  const bits: Readonly<Record<string, number>> = { RC4: 4, AES128: 8, AES256: 16 };
  const existing = grant === "Group" && wantedGroup?.existing === true;
  const names = computers.map((text) => text.replace(/[$.].*$/, "").toUpperCase()).filter((name) => !quarantined.includes(name));
  return {
    dNSHostName: dnsHostName,
    encryption: String(encryptionTypes.reduce((sum, name) => sum + (bits[name] ?? 0), 0)),
    description: description === "" ? undefined : description,
    displayName: displayName === "" ? undefined : displayName,
    control: enabled ? "4096" : "4098",
    names: [...new Set(servicePrincipalNames.map((name) => name.toLowerCase()))].toSorted(),
    retrieving: [...names, ...(existing && !quarantined.includes(FOREIGN) ? [FOREIGN] : [])].toSorted(),
    memberOf: accessGroups.map(({ name }) => `CN=${name}`).toSorted(),
    owned: [
      ...accessGroups.filter((access) => !access.existing).map(({ name }) => name),
      ...(grant === "Principals" || existing ? [] : [wantedGroup?.name ?? "walkHosts"]),
    ].toSorted(),
    shared: existing ? [...names.map((name) => `${name}$`), ...(pods?.hostAccount === undefined ? [] : [POD_USER])].toSorted() : [],
    published: {
      spec: pods !== undefined,
      role: pods !== undefined,
      binding: pods?.serviceAccounts,
      hostAccount: pods?.hostAccount !== undefined,
      configMap: pods?.configMap === true,
    },
  };
}

describe.skipIf(!available)("a walk over the schema", () => {
  beforeAll(async () => {
    await installKind(cluster);
    await giveRights(cluster);
  });
  afterAll(async () => {
    await removeKind(cluster);
    await takeRights(cluster);
  });
  useOperator(NAMESPACE, { pods: { enabled: true, configMaps: true } });
  let transitions = 0;
  let before: unknown;

  beforeAll(async () => {
    await applyDomain({ spec: { podHostAccounts: [HOST_ACCOUNT] } });
    await directory.asAdministrator(async (client) => {
      await client.add(`OU=Walk,${BASE}`, { objectClass: "organizationalUnit" });
      for (const name of ["WalkReaders", "WalkWriters"])
        await client.add(`CN=${name},OU=Walk,${BASE}`, { objectClass: "group", sAMAccountName: name });
      await client.add(`CN=WalkShared,OU=Walk,${BASE}`, {
        objectClass: "group",
        sAMAccountName: "WalkShared",
        member: [`CN=${FOREIGN},CN=Computers,${BASE}`],
      });
      await addUser(client, POD_USER, "P0d!Secret-walk");
    });
    await go(START, "the start");
  });

  afterAll(async () => {
    await directory.asAdministrator(async (client) => {
      for (const name of ["WalkReaders", "WalkWriters", "WalkShared"]) await client.del(`CN=${name},OU=Walk,${BASE}`);
      await client.del(`OU=Walk,${BASE}`);
      await client.del(`CN=${POD_USER},CN=Users,${BASE}`);
    });
  });

  /** Applies the spec, and looks whether the directory is as it says. */
  async function go(spec: Spec, what: string): Promise<void> {
    transitions++;
    await cluster.apply(farmOf(NAMESPACE, "walk", spec));
    const still = spec.suspend || spec.managementPolicy === "Observe";
    await farmWhere(NAMESPACE, "walk", (farm) => {
      const ready = condition(farm, "Ready");
      if (spec.suspend) return ready?.reason === "Suspended";
      return still ? ready?.reason === "ChangesPending" || ready?.status === "True" : ready?.status === "True";
    });
    const now = await seen();
    expect(now, `${what}, the ${transitions}th transition (seed ${SEED})`).toEqual(still ? before : wanted(spec));
    before = now;
  }

  /** Asks for another look, and sees that it writes nothing. */
  async function atRest(): Promise<void> {
    const [usn, asked] = [await directory.usn(), `rest-${transitions}`];
    await cluster.annotate("ServerFarm", "walk", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": asked });
    await waitFor("the answer", async () => (await getFarm(NAMESPACE, "walk")).status?.lastHandledReconcileRequest === asked);
    expect(await directory.usn(), `at rest after ${transitions} transitions`).toBe(usn);
  }

  test("knows every field that can change", async () => {
    const { spec } = crd.parse(parse(await readFile(new URL("../../crds/serverfarms.yaml", import.meta.url), "utf8")));
    const fields = changeable(spec.versions[0]?.schema.openAPIV3Schema.properties.spec ?? {});
    const walked = new Set(STEPS.map(([path]) => path));
    expect(fields.length).toBeGreaterThan(15);
    expect(fields.filter((field) => !walked.has(field))).toEqual([]);
  });

  test("each field alone, there and back", { timeout: 240_000 }, async () => {
    for (const [path, step] of STEPS) {
      await go(step(START), path);
      await go(START, `${path} and back`);
      await atRest();
    }
    expect(transitions).toBe(1 + 2 * STEPS.length);
  });

  test("two fields at a time, there and back", { timeout: 600_000 }, async () => {
    const pairs = fc.sample(fc.tuple(fc.constantFrom(...STEPS), fc.constantFrom(...STEPS)), { numRuns: PAIRS, seed: SEED });
    for (const [[first, one], [second, other]] of pairs) {
      await go(other(one(START)), `${first} and ${second}`);
      // On the way back the one goes before the other.
      await go(other(START), `back from ${first}, still ${second}`);
      await go(START, `back from ${first} and ${second}`);
    }
    await atRest();
    expect(transitions).toBeGreaterThanOrEqual(200);
  });
});
