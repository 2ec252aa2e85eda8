/** spec.pods: what is published for Windows Pods, who may use it, and that it stays so. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { decodeGuid, decodeSid } from "../../src/names/identifier.ts";
import type { Manifest } from "../harness/cluster.ts";
import { addUser, BASE } from "../harness/directory.ts";
import { codeBlock, commandsOf, mentionedIn } from "../harness/docs.ts";
import { findKubectl, shellWith } from "../harness/kube.ts";
import { admit, giveRights, installKind, podOf, removeKind, takeRights } from "../harness/pods.ts";
import { run, waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cluster,
  condition,
  createNamespace,
  directory,
  type Farm,
  farmOf,
  farmReady,
  farmWhere,
  getFarm,
  onSandbox,
  patchFarm,
  useOperator,
} from "../harness/world.ts";

const [NAMESPACE, OTHER] = ["pods", "pods-other"];
const NAME = "podweb-credential-spec";
const SPEC = `${NAMESPACE}.podweb`;
const HOST_ACCOUNT = {
  name: "eks-web",
  user: "svc-ccg",
  pluginGUID: "{859E1386-BDB4-49E8-85C7-3070B13920E1}",
  pluginInput: '{"credentialArn":"arn:a"}',
};

function bytes(value: unknown): Buffer {
  if (!Buffer.isBuffer(value)) throw new Error("not read as bytes");
  return value;
}

/** The credential spec of the account, from what an administrator reads of the domain. */
async function credentialSpec(samAccountName: string, more: object = {}): Promise<unknown> {
  const [domain] = await directory.search("(objectClass=domainDNS)", ["objectGUID", "objectSid"], { scope: "base" });
  const partitions = await directory.search(
    "(nETBIOSName=*)",
    ["nETBIOSName", "nCName", "dNSRoot"],
    {},
    `CN=Partitions,CN=Configuration,${BASE}`,
  );
  const [root] = await directory.search("(objectClass=*)", ["rootDomainNamingContext"], { scope: "base" }, "");
  const own = partitions.find(({ nCName }) => nCName === BASE);
  const forest = partitions.find(({ nCName }) => nCName === root?.["rootDomainNamingContext"]);
  const dnsRootOf = (entry: typeof own): string => String(entry?.["dNSRoot"] ?? entry?.["dnsRoot"]).toLowerCase();
  const netBIOS = own?.["nETBIOSName"];
  const account = String((await directory.find(`${samAccountName}$`))?.["sAMAccountName"]).replace(/\$$/, "");
  return {
    CmsPlugins: ["ActiveDirectory"],
    DomainJoinConfig: {
      Sid: decodeSid(bytes(domain?.["objectSid"])),
      Guid: decodeGuid(bytes(domain?.["objectGUID"])),
      MachineAccountName: account,
      DnsName: dnsRootOf(own),
      DnsTreeName: dnsRootOf(forest),
      NetBiosName: netBIOS,
    },
    ActiveDirectoryConfig: {
      GroupManagedServiceAccounts: [
        { Name: account, Scope: dnsRootOf(own) },
        { Name: account, Scope: netBIOS },
      ],
      ...more,
    },
  };
}

const subjects = z.array(z.object({ kind: z.literal("ServiceAccount"), name: z.string(), namespace: z.string() }));

async function boundTo(name: string): Promise<readonly string[]> {
  const binding = await cluster.find("RoleBinding", `${name}-credential-spec`, NAMESPACE);
  return subjects.parse(binding?.["subjects"] ?? []).map((subject) => `${subject.namespace}/${subject.name}`);
}

const kubectl = available ? await findKubectl() : undefined;

const podsReady = (farm: Farm) => condition(farm, "PodsReady");
const found = (kind: string, name: string, where?: string): Promise<Manifest | undefined> => cluster.find(kind, name, where);
const gone = (kind: string, name: string, where?: string): Promise<unknown> =>
  waitFor(
    `the end of ${kind} ${name}`,
    () => found(kind, name, where),
    (object) => object === undefined,
  );

async function published(name: string): Promise<readonly string[]> {
  const all = await Promise.all([
    found("GMSACredentialSpec", `${NAMESPACE}.${name}`),
    ...["Role", "RoleBinding", "ConfigMap"].map((kind) => found(kind, `${name}-credential-spec`, NAMESPACE)),
  ]);
  return all.flatMap((object) => object?.kind ?? []);
}

describe.skipIf(!available)("credential specs for Pods", () => {
  beforeAll(async () => {
    await installKind(cluster);
    await giveRights(cluster);
    await createNamespace(OTHER);
    await directory.asAdministrator((client) => addUser(client, HOST_ACCOUNT.user, "P0rtable!Secret"));
  });
  afterAll(async () => {
    await directory.asAdministrator(async (client) => client.del((await directory.find(HOST_ACCOUNT.user))?.dn ?? ""));
    await removeKind(cluster);
    await takeRights(cluster);
  });
  useOperator(NAMESPACE, { pods: { enabled: true, configMaps: true } });

  test("exactly the ServiceAccounts that are listed may use it, and every leaf of it is the directory's", async () => {
    await cluster.apply(farmOf(NAMESPACE, "podweb", { hosts: { computers: ["WEB01"] }, pods: { serviceAccounts: ["web", "worker"] } }));
    const farm = await farmReady(NAMESPACE, "podweb");
    expect(podsReady(farm)).toMatchObject({ status: "True", reason: "Published", message: expect.stringContaining("web, worker") });
    expect(farm.status).toMatchObject({ pods: { credentialSpecName: SPEC } });
    const wanted = await credentialSpec("podweb");
    expect((await found("GMSACredentialSpec", SPEC))?.["credspec"]).toEqual(wanted);
    for (const where of ["Pod", "Container"] as const) {
      for (const account of ["web", "worker"]) {
        const copies = await admit(cluster, NAMESPACE, podOf(account, SPEC, where));
        expect(Array.isArray(copies) && copies.map((copy: unknown): unknown => JSON.parse(String(copy)))).toEqual([wanted]);
      }
    }
    for (const [namespace, account] of [
      [OTHER, "web"],
      [NAMESPACE, "default"],
      [NAMESPACE, "web2"],
    ] as const)
      expect(await admit(cluster, namespace, podOf(account, SPEC))).toEqual({
        refused: expect.stringContaining("is not authorized to `use`"),
      });
    // Nor any other spec than its own.
    await cluster.apply(farmOf(NAMESPACE, "podnone", { pods: {} }));
    await farmReady(NAMESPACE, "podnone");
    expect(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.podnone`))).toHaveProperty("refused");
    const role = await found("Role", NAME, NAMESPACE);
    expect(role?.metadata["ownerReferences"]).toMatchObject([{ kind: "ServerFarm", name: "podweb", uid: farm.metadata.uid }]);
    expect(await cluster.events(NAMESPACE)).toContain("Normal CredentialSpecPublished podweb create GMSACredentialSpec");
  });

  test("a change of the list is a change of who may use it", async () => {
    await patchFarm(NAMESPACE, "podweb", { pods: { serviceAccounts: ["web"] } });
    await farmReady(NAMESPACE, "podweb");
    expect(await boundTo("podweb")).toEqual([`${NAMESPACE}/web`]);
    expect(await admit(cluster, NAMESPACE, podOf("worker", SPEC))).toHaveProperty("refused");
  });

  test("at rest nothing is written", async () => {
    const versions = async (): Promise<unknown> =>
      (await Promise.all([found("GMSACredentialSpec", SPEC), found("Role", NAME, NAMESPACE), found("RoleBinding", NAME, NAMESPACE)])).map(
        (object) => object?.metadata.resourceVersion,
      );
    const before = [await versions(), (await getFarm(NAMESPACE, "podweb")).metadata.generation];
    await cluster.annotate("ServerFarm", "podweb", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "rest" });
    await waitFor("the answer", async () => (await getFarm(NAMESPACE, "podweb")).status?.lastHandledReconcileRequest === "rest");
    expect([await versions(), (await getFarm(NAMESPACE, "podweb")).metadata.generation]).toEqual(before);
  });

  test.each([
    ["a leaf of the spec", "GMSACredentialSpec", SPEC, undefined, { credspec: { DomainJoinConfig: { Sid: "S-1-5-21-9-9-9" } } }],
    [
      "a leaf too many",
      "GMSACredentialSpec",
      SPEC,
      undefined,
      { credspec: { ActiveDirectoryConfig: { HostAccountConfig: { PluginInput: "x" } } } },
    ],
    ["its role", "Role", NAME, NAMESPACE, { rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] }],
    ["its binding", "RoleBinding", NAME, NAMESPACE, { subjects: [{ kind: "ServiceAccount", name: "thief", namespace: NAMESPACE }] }],
  ] as const)("%s that somebody edits is fixed within seconds", async (_, kind, name, where, patch) => {
    const before = await found(kind, name, where);
    await cluster.patch(kind, name, where, patch);
    const now = await waitFor(
      "the fix",
      () => found(kind, name, where),
      (object) => JSON.stringify(bodyOf(object)) === JSON.stringify(bodyOf(before)),
      10,
    );
    expect(now?.metadata.uid).toBe(before?.metadata.uid);
    const events = await waitFor(
      "the Event",
      () => cluster.events(NAMESPACE),
      // One Event after the other is written.
      (text) => text.includes(`fix ${kind} ${name}`) && (kind !== "GMSACredentialSpec" || text.includes("custom-columns=")),
    );
    expect(events).toContain("Warning DriftCorrected podweb drift corrected (what is published for Pods was changed outside the operator)");
    if (kind === "GMSACredentialSpec") expect(events).toContain(`kubectl get pods -n ${NAMESPACE} -o custom-columns=`);
  });

  test.each([
    ["GMSACredentialSpec", SPEC, undefined],
    ["Role", NAME, NAMESPACE],
    ["RoleBinding", NAME, NAMESPACE],
  ] as const)("a %s that somebody deletes is made again within seconds", async (kind, name, where) => {
    const before = await found(kind, name, where);
    await cluster.delete(kind, name, where, 0);
    const now = await waitFor(
      "another",
      () => found(kind, name, where),
      (object) => object !== undefined && object.metadata.uid !== before?.metadata.uid,
      10,
    );
    expect(bodyOf(now)).toEqual(bodyOf(before));
    await waitFor("the right", async () => Array.isArray(await admit(cluster, NAMESPACE, podOf("web", SPEC))));
  });

  test("a binding to another role is replaced", async () => {
    await cluster.delete("RoleBinding", NAME, NAMESPACE, 0);
    await waitFor("another", () => found("RoleBinding", NAME, NAMESPACE));
    const own = await found("RoleBinding", NAME, NAMESPACE);
    await cluster.delete("ServerFarm", "podnone", NAMESPACE);
    // As somebody who may write bindings could have made it in between.
    const forged = {
      ...own,
      metadata: {
        name: "podnone-credential-spec",
        namespace: NAMESPACE,
        labels: own?.metadata["labels"],
        annotations: { "serverfarm.dev/farm": `${NAMESPACE}/podnone` },
      },
    };
    await cluster.apply(forged, farmOf(NAMESPACE, "podnone", { pods: { serviceAccounts: ["none"] } }));
    await farmReady(NAMESPACE, "podnone");
    expect(await found("RoleBinding", "podnone-credential-spec", NAMESPACE)).toMatchObject({
      roleRef: { name: "podnone-credential-spec" },
    });
    expect(await boundTo("podnone")).toEqual([`${NAMESPACE}/none`]);
    await cluster.delete("ServerFarm", "podnone", NAMESPACE);
  });

  test("nodes that are not joined find the credentials of a user as the domain says", async () => {
    await patchFarm(NAMESPACE, "podweb", { pods: { hostAccount: "eks-web" } });
    const lacking = await farmWhere(NAMESPACE, "podweb", (farm) => podsReady(farm)?.reason === "HostAccountNotFound");
    expect(condition(lacking, "Ready")).toMatchObject({ status: "False", reason: "HostAccountNotFound" });
    expect(condition(lacking, "Stalled")?.status).toBe("True");
    // What was published before stays.
    expect((await found("GMSACredentialSpec", SPEC))?.["credspec"]).toEqual(await credentialSpec("podweb"));
    await applyDomain({ spec: { podHostAccounts: [HOST_ACCOUNT] } });
    await farmReady(NAMESPACE, "podweb");
    const config = (pluginInput: string): object => ({
      HostAccountConfig: { PortableCcgVersion: "1", PluginGUID: HOST_ACCOUNT.pluginGUID, PluginInput: pluginInput },
    });
    expect((await found("GMSACredentialSpec", SPEC))?.["credspec"]).toEqual(
      await credentialSpec("podweb", config(HOST_ACCOUNT.pluginInput)),
    );
    // The domain's owner says it in another way: every spec follows, and nobody is accused of having changed it.
    await applyDomain({ spec: { podHostAccounts: [{ ...HOST_ACCOUNT, pluginInput: "other" }] } });
    await waitFor("the spec", async () => JSON.stringify((await found("GMSACredentialSpec", SPEC))?.["credspec"]).includes('"other"'));
    expect((await found("GMSACredentialSpec", SPEC))?.["credspec"]).toEqual(await credentialSpec("podweb", config("other")));
    await waitFor("the Event", async () => (await cluster.events(NAMESPACE)).includes("Normal PodsChanged podweb fix GMSACredentialSpec"));
    await patchFarm(NAMESPACE, "podweb", { pods: { hostAccount: null } });
    await farmReady(NAMESPACE, "podweb");
    expect((await found("GMSACredentialSpec", SPEC))?.["credspec"]).toEqual(await credentialSpec("podweb"));
  });

  test("a user who is not there yet keeps nothing from being published: HostsReady says who cannot retrieve", async () => {
    await applyDomain({ spec: { podHostAccounts: [{ ...HOST_ACCOUNT, user: "svc-later" }] } });
    await cluster.apply(farmOf(NAMESPACE, "podlater", { pods: { serviceAccounts: ["web"], hostAccount: "eks-web" } }));
    const farm = await farmWhere(NAMESPACE, "podlater", (one) => podsReady(one)?.status === "True");
    expect(condition(farm, "HostsReady")).toMatchObject({ status: "False", reason: "HostNotFound" });
    expect(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.podlater`))).toHaveLength(1);
    await directory.asAdministrator((client) => addUser(client, "svc-later", "P0rtable!Secret"));
    await farmReady(NAMESPACE, "podlater");
    await cluster.delete("ServerFarm", "podlater", NAMESPACE);
    await directory.asAdministrator(async (client) => client.del((await directory.find("svc-later"))?.dn ?? ""));
    await applyDomain();
  });

  test("the same as a ConfigMap, where it is asked for", async () => {
    await patchFarm(NAMESPACE, "podweb", { pods: { configMap: true } });
    await farmReady(NAMESPACE, "podweb");
    const map = await found("ConfigMap", NAME, NAMESPACE);
    expect(JSON.parse(z.object({ "credspec.json": z.string() }).parse(map?.["data"])["credspec.json"])).toEqual(
      await credentialSpec("podweb"),
    );
    // Somebody changes it, so that nobody can change it back.
    await cluster.patch("ConfigMap", NAME, NAMESPACE, { data: { "credspec.json": "{}" }, immutable: true });
    await cluster.annotate("ServerFarm", "podweb", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "immutable" });
    const again = await waitFor(
      "another",
      () => found("ConfigMap", NAME, NAMESPACE),
      (one) => one !== undefined && one.metadata.uid !== map?.metadata.uid,
    );
    expect(again).toMatchObject({ data: map?.["data"] });
    await farmReady(NAMESPACE, "podweb");
    await patchFarm(NAMESPACE, "podweb", { pods: { configMap: false } });
    await gone("ConfigMap", NAME, NAMESPACE);
  });

  test("a spec of somebody else is left alone, and nobody gets a right to it", async () => {
    const foreign = {
      apiVersion: "windows.k8s.io/v1",
      kind: "GMSACredentialSpec",
      metadata: { name: `${NAMESPACE}.podtaken` },
      credspec: { CmsPlugins: ["theirs"] },
    };
    await cluster.apply(foreign, farmOf(NAMESPACE, "podtaken", { pods: { serviceAccounts: ["web"] } }));
    const blocked = await farmWhere(NAMESPACE, "podtaken", (farm) => podsReady(farm)?.reason === "NotOwned");
    expect(podsReady(blocked)?.message).toContain(`serverfarm.dev/adopt=${NAMESPACE}/podtaken`);
    expect(condition(blocked, "AccountReady")?.status).toBe("True");
    expect(await published("podtaken")).toEqual(["GMSACredentialSpec"]);
    expect((await found("GMSACredentialSpec", `${NAMESPACE}.podtaken`))?.["credspec"]).toEqual({ CmsPlugins: ["theirs"] });
    expect(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.podtaken`))).toHaveProperty("refused");
    // Consent to another farm is none.
    await cluster.annotate("GMSACredentialSpec", `${NAMESPACE}.podtaken`, undefined, { "serverfarm.dev/adopt": `${OTHER}/podtaken` });
    await cluster.annotate("ServerFarm", "podtaken", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "1" });
    await waitFor("the answer", async () => (await getFarm(NAMESPACE, "podtaken")).status?.lastHandledReconcileRequest === "1");
    expect(await published("podtaken")).toEqual(["GMSACredentialSpec"]);
    await cluster.annotate("GMSACredentialSpec", `${NAMESPACE}.podtaken`, undefined, { "serverfarm.dev/adopt": `${NAMESPACE}/podtaken` });
    await cluster.annotate("ServerFarm", "podtaken", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "2" });
    await farmReady(NAMESPACE, "podtaken");
    expect((await found("GMSACredentialSpec", `${NAMESPACE}.podtaken`))?.["credspec"]).toEqual(await credentialSpec("podtaken"));
    // Another one takes its place: the right that was given to the farm's own is no right to that.
    await cluster.delete("GMSACredentialSpec", `${NAMESPACE}.podtaken`);
    await cluster.delete("ServerFarm", "podtaken", NAMESPACE);
    expect(await published("podtaken")).toEqual([]);
  });

  test("a spec whose label somebody takes away is not the farm's any more, nor is the right to it", async () => {
    await cluster.patch("GMSACredentialSpec", SPEC, undefined, { metadata: { labels: { "serverfarm.dev/farm-uid": null } } });
    await farmWhere(NAMESPACE, "podweb", (farm) => podsReady(farm)?.reason === "NotOwned");
    expect(await published("podweb")).toEqual(["GMSACredentialSpec"]);
    await cluster.delete("GMSACredentialSpec", SPEC);
    await cluster.annotate("ServerFarm", "podweb", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "label" });
    await farmReady(NAMESPACE, "podweb");
    expect(await published("podweb")).toEqual(["GMSACredentialSpec", "Role", "RoleBinding"]);
  });

  test("an object that says it is of another farm is not the farm's any more, and it is said at once", async () => {
    const name = (farm: string) => cluster.annotate("RoleBinding", NAME, NAMESPACE, { "serverfarm.dev/farm": `${NAMESPACE}/${farm}` });
    await name("another");
    const farm = await farmWhere(NAMESPACE, "podweb", (one) => podsReady(one)?.reason === "NotOwned", 10);
    expect(podsReady(farm)?.message).toContain("belongs to another farm");
    await name("podweb");
    await cluster.annotate("ServerFarm", "podweb", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "named" });
    await farmReady(NAMESPACE, "podweb");
  });

  test("without spec.pods everything goes, and so does the condition", async () => {
    await patchFarm(NAMESPACE, "podweb", { pods: null });
    await waitFor(
      "the end of it",
      () => published("podweb"),
      (left) => left.length === 0,
    );
    const farm = await farmWhere(NAMESPACE, "podweb", (one) => !podsReady(one) && condition(one, "Ready")?.status === "True");
    expect(farm.status).not.toHaveProperty("pods");
    await patchFarm(NAMESPACE, "podweb", { pods: { serviceAccounts: ["web"] } });
    await farmReady(NAMESPACE, "podweb");
  });

  test("a farm that is only observed gets nothing, nor does one whose domain is; what is there stays", async () => {
    await cluster.apply(farmOf(NAMESPACE, "podlook", { managementPolicy: "Observe", pods: { serviceAccounts: ["web"] } }));
    await farmWhere(NAMESPACE, "podlook", (farm) => podsReady(farm)?.reason === "ChangesPending");
    expect(await published("podlook")).toEqual([]);
    await cluster.delete("ServerFarm", "podlook", NAMESPACE);
    await applyDomain({ spec: { managementPolicy: "Observe" } });
    await patchFarm(NAMESPACE, "podweb", { pods: { serviceAccounts: ["web", "worker"] } });
    await farmWhere(NAMESPACE, "podweb", (farm) => podsReady(farm)?.reason === "ChangesPending");
    expect(await boundTo("podweb")).toEqual([`${NAMESPACE}/web`]);
    await applyDomain();
    await farmReady(NAMESPACE, "podweb");
    expect(await boundTo("podweb")).toEqual([`${NAMESPACE}/web`, `${NAMESPACE}/worker`]);
  });

  test("a farm that the tenants do not allow gets nothing; what it had stays, and who is taken off the list goes", async () => {
    await applyDomain({ spec: { tenants: [] } });
    await farmWhere(NAMESPACE, "podweb", (farm) => condition(farm, "Allowed")?.status === "False");
    await cluster.apply(farmOf(NAMESPACE, "podshut", { pods: { serviceAccounts: ["web"] } }));
    await farmWhere(NAMESPACE, "podshut", (farm) => podsReady(farm)?.reason === "NotAllowed");
    expect(await published("podshut")).toEqual([]);
    await patchFarm(NAMESPACE, "podweb", { pods: { serviceAccounts: ["web", "newcomer"] } });
    await waitFor(
      "the binding",
      () => boundTo("podweb"),
      (names) => names.length === 1 && names[0] === `${NAMESPACE}/web`,
    );
    await cluster.delete("ServerFarm", "podweb", NAMESPACE);
    expect(await published("podweb")).toEqual([]);
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { tenants: null } });
    await farmReady(NAMESPACE, "podshut");
    expect(await published("podshut")).toEqual(["GMSACredentialSpec", "Role", "RoleBinding"]);
    await cluster.delete("ServerFarm", "podshut", NAMESPACE);
    expect(await published("podshut")).toEqual([]);
  });

  test("a suspended farm is left as it is, whatever becomes of it", async () => {
    await cluster.apply(farmOf(NAMESPACE, "podstop", { pods: { serviceAccounts: ["web"] } }));
    await farmReady(NAMESPACE, "podstop");
    await patchFarm(NAMESPACE, "podstop", { suspend: true, pods: { serviceAccounts: ["web", "more"] } });
    const still = await farmWhere(NAMESPACE, "podstop", (farm) => condition(farm, "Ready")?.reason === "Suspended");
    expect(podsReady(still)?.status).toBe("True");
    expect(await boundTo("podstop")).toEqual([`${NAMESPACE}/web`]);
    await cluster.delete("RoleBinding", "podstop-credential-spec", NAMESPACE);
    await cluster.annotate("ServerFarm", "podstop", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "still" });
    await waitFor("the answer", async () => (await getFarm(NAMESPACE, "podstop")).status?.lastHandledReconcileRequest === "still");
    expect(await found("RoleBinding", "podstop-credential-spec", NAMESPACE)).toBeUndefined();
    await patchFarm(NAMESPACE, "podstop", { suspend: false });
    await farmReady(NAMESPACE, "podstop");
    expect(await boundTo("podstop")).toEqual([`${NAMESPACE}/web`, `${NAMESPACE}/more`]);
    await cluster.delete("ServerFarm", "podstop", NAMESPACE);
  });

  test("a deleted farm: its Pods are refused, and with its namespace everything goes", async () => {
    const ending = "pods-ending";
    await createNamespace(ending);
    for (const [name, spec] of [
      ["podend", {}],
      ["podkeep", { deletionPolicy: "Retain" }],
    ] as const)
      await cluster.apply(farmOf(ending, name, { ...spec, pods: { serviceAccounts: ["web"] } }));
    for (const name of ["podend", "podkeep"]) await farmReady(ending, name);
    expect(await admit(cluster, ending, podOf("web", `${ending}.podend`))).toHaveLength(1);
    await cluster.delete("Namespace", ending, undefined, 60);
    for (const name of ["podend", "podkeep"]) {
      expect(await found("GMSACredentialSpec", `${ending}.${name}`)).toBeUndefined();
      expect(await admit(cluster, ending, podOf("web", `${ending}.${name}`))).toHaveProperty("refused");
    }
  });

  test.skipIf(kubectl === undefined)("the guide's page leads where it says", { timeout: 120_000 }, async () => {
    await createNamespace("web");
    const page = "docs/guide/windows-pods.md";
    const shell = shellWith(kubectl, cluster.kubeconfig);
    const [inspect = "", ...more] = await commandsOf(page);
    await run(kubectl ?? "", ["apply", "-f", "-"], {
      env: { KUBECONFIG: cluster.kubeconfig },
      input: await codeBlock(page, "kind: ServerFarm"),
    });
    await farmReady("web", "itfarm1");
    expect(await shell(inspect)).toBe("web.itfarm1");
    expect(more.length).toBe(2);
    const said = await shell(more[0] ?? "false");
    expect(said).toContain("MachineAccountName: ITFarm1");
    // The sandbox has no Pods.
    if (!onSandbox) await shell(more[1] ?? "false");
    await cluster.delete("ServerFarm", "itfarm1", "web");
    // Somebody else makes one, and gives it away by the page's own command.
    const foreign = { apiVersion: "windows.k8s.io/v1", kind: "GMSACredentialSpec", metadata: { name: "web.itfarm1" }, credspec: {} };
    await cluster.apply(foreign, farmOf("web", "itfarm1", { account: { name: "ITFarm1" }, pods: { serviceAccounts: ["web"] } }));
    await farmWhere("web", "itfarm1", (farm) => podsReady(farm)?.reason === "NotOwned");
    const [consent = "false"] = (await mentionedIn(page)).filter((text) => text.includes("/adopt="));
    await shell(consent);
    await cluster.annotate("ServerFarm", "itfarm1", "web", { "serverfarm.dev/reconcile-requested-at": "now" });
    await farmReady("web", "itfarm1");
    await cluster.delete("ServerFarm", "itfarm1", "web");
  });

  test("what a farm leaves whose end was skipped is taken away", async () => {
    await cluster.apply(farmOf(NAMESPACE, "podlost", { deletionPolicy: "Retain", pods: { serviceAccounts: ["web"] } }));
    await farmReady(NAMESPACE, "podlost");
    await patchFarm(NAMESPACE, "podlost", { suspend: true });
    await farmWhere(NAMESPACE, "podlost", (farm) => condition(farm, "Ready")?.reason === "Suspended");
    await cluster.delete("ServerFarm", "podlost", NAMESPACE, 0);
    await cluster.patch("ServerFarm", "podlost", NAMESPACE, { metadata: { finalizers: null } });
    await gone("GMSACredentialSpec", `${NAMESPACE}.podlost`);
    await waitFor("the rest", async () => (await published("podlost")).length === 0);
    expect(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.podlost`))).toHaveProperty("refused");
    const left = await directory.find("podlost$");
    await directory.asAdministrator(async (client) => {
      for (const dn of [left?.dn, (await directory.find("podlostHosts"))?.dn]) if (dn !== undefined) await client.del(dn);
    });
  });
});

function bodyOf(object: Manifest | undefined): object {
  const { metadata: _metadata, ...body } = object ?? { metadata: { name: "" } };
  return body;
}
