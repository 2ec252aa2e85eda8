/** spec.pods and accounts that are not the farm's: nothing is published of them, whatever was published before under the farm's name. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { addComputer } from "../harness/directory.ts";
import { admit, giveRights, installKind, podOf, removeKind, takeRights } from "../harness/pods.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  type Farm,
  farmOf,
  farmReady,
  farmWhere,
  getFarm,
  patchFarm,
  startOperator,
  useOperator,
} from "../harness/world.ts";

const [NAMESPACE, OTHER] = ["pods-own", "pods-victim"];
const OPTIONS = { pods: { enabled: true, configMaps: true } };

const podsReady = (farm: Farm) => condition(farm, "PodsReady");
const bindingOf = (name: string) => cluster.find("RoleBinding", `${name}-credential-spec`, NAMESPACE);
const credspecOf = async (name: string): Promise<string> =>
  JSON.stringify((await cluster.find("GMSACredentialSpec", `${NAMESPACE}.${name}`))?.["credspec"] ?? "none");

async function publish(name: string, spec: object = {}): Promise<void> {
  await cluster.apply(farmOf(NAMESPACE, name, { pods: { serviceAccounts: ["web"] }, ...spec }));
  await farmReady(NAMESPACE, name);
  expect(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.${name}`))).toHaveLength(1);
}

/** The farm asks for the account of another, and gets nothing of it. */
async function getsNothing(name: string): Promise<void> {
  const farm = await farmWhere(
    NAMESPACE,
    name,
    (one) => condition(one, "AccountReady")?.status === "False" && podsReady(one)?.reason === "ChangesPending",
  );
  expect(podsReady(farm)).toMatchObject({ status: "False", message: expect.stringContaining("see AccountReady") });
  await waitFor(
    "the end of the binding",
    () => bindingOf(name),
    (binding) => binding === undefined,
  );
  expect((await credspecOf(name)).toLowerCase()).not.toContain("podvictim");
  for (const account of ["web", "evil"])
    expect(await admit(cluster, NAMESPACE, podOf(account, `${NAMESPACE}.${name}`)), account).toHaveProperty("refused");
}

async function remove(...names: readonly string[]): Promise<void> {
  const found = await Promise.all(names.flatMap((name) => [directory.find(`${name}$`), directory.find(`${name}Hosts`)]));
  await directory.asAdministrator(async (client) => {
    for (const entry of found) if (entry) await client.del(entry.dn);
  });
}

describe.skipIf(!available)("accounts that are not the farm's own", () => {
  beforeAll(async () => {
    await installKind(cluster);
    await giveRights(cluster);
    await createNamespace(OTHER);
  });
  afterAll(async () => {
    await removeKind(cluster);
    await takeRights(cluster);
  });
  const world = useOperator(NAMESPACE, OPTIONS);
  beforeAll(async () => {
    await cluster.apply(farmOf(OTHER, "podvictim"));
    await farmReady(OTHER, "podvictim");
  });
  afterEach(() => applyDomain());

  test("a farm that is made again under its name asks for the account of another", async () => {
    await publish("podagain");
    // Nobody sees that it went.
    await world.operator.kill();
    await cluster.delete("ServerFarm", "podagain", NAMESPACE, 0);
    await cluster.patch("ServerFarm", "podagain", NAMESPACE, { metadata: { finalizers: null } });
    await cluster.waitGone("ServerFarm", "podagain", NAMESPACE);
    await cluster.apply(farmOf(NAMESPACE, "podagain", { account: { name: "podvictim" }, pods: { serviceAccounts: ["web", "evil"] } }));
    world.operator = await startOperator(OPTIONS);
    await getsNothing("podagain");
    await cluster.delete("ServerFarm", "podagain", NAMESPACE);
    expect(await credspecOf("podagain")).toBe('"none"');
    await remove("podagain");
  });

  test("a farm that is made again as it was goes on with what was published", async () => {
    await publish("podsame", { deletionPolicy: "Delete" });
    await world.operator.kill();
    await cluster.delete("ServerFarm", "podsame", NAMESPACE, 0);
    await cluster.patch("ServerFarm", "podsame", NAMESPACE, { metadata: { finalizers: null } });
    await cluster.waitGone("ServerFarm", "podsame", NAMESPACE);
    const before = await credspecOf("podsame");
    await cluster.apply(farmOf(NAMESPACE, "podsame", { pods: { serviceAccounts: ["web"] } }));
    world.operator = await startOperator(OPTIONS);
    const { metadata } = await farmReady(NAMESPACE, "podsame");
    expect(await credspecOf("podsame")).toBe(before);
    const labels = async (): Promise<unknown> => (await cluster.find("GMSACredentialSpec", `${NAMESPACE}.podsame`))?.metadata["labels"];
    expect(await labels()).toEqual({ "serverfarm.dev/farm-uid": metadata.uid });
    await waitFor("the right", async () => Array.isArray(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.podsame`))));
    await cluster.delete("ServerFarm", "podsame", NAMESPACE);
  });

  test("a farm whose account somebody takes away is renamed to that of another", async () => {
    await publish("podmark");
    await directory.modify((await directory.find("podmark$"))?.dn ?? "", "replace", "adminDescription", []);
    const lost = await farmWhere(NAMESPACE, "podmark", (farm) => podsReady(farm)?.reason === "ChangesPending");
    expect(lost.status).not.toHaveProperty("account");
    // It may be a mistake: whoever used it still may.
    expect(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.podmark`))).toHaveLength(1);
    await patchFarm(NAMESPACE, "podmark", { account: { name: "podvictim" }, pods: { serviceAccounts: ["web", "evil"] } });
    await getsNothing("podmark");
    await cluster.delete("ServerFarm", "podmark", NAMESPACE);
    await remove("podmark");
  });

  test.each([
    ["podname", "", []],
    ["podrole", ", though its Role was given more than the operator has", [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }]],
  ])("a farm (%s) whose account is deleted, and whose name another farm takes%s", { timeout: 120_000 }, async (name, _, more) => {
    await publish(name);
    // Who may use a spec may let others use it, by a binding of their own.
    const bindingTo = (binding: string, account: string, metadata: object = {}): object => ({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: binding, namespace: NAMESPACE, ...metadata },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: `${name}-credential-spec` },
      subjects: [{ kind: "ServiceAccount", name: account, namespace: NAMESPACE }],
    });
    await cluster.apply(bindingTo(`${name}-friends`, "friend"));
    expect(await admit(cluster, NAMESPACE, podOf("friend", `${NAMESPACE}.${name}`))).toHaveLength(1);
    const spec = await cluster.find("GMSACredentialSpec", `${NAMESPACE}.${name}`);
    // Whoever may change the namespace's objects keeps the binding there, and nobody the right by it.
    await cluster.patch("RoleBinding", `${name}-credential-spec`, NAMESPACE, { metadata: { finalizers: ["example.com/held"] } });
    // Nobody sees that the account goes and that another farm's comes.
    await cluster.patch("ServerFarm", name, NAMESPACE, { spec: { suspend: true } });
    await farmWhere(NAMESPACE, name, (farm) => condition(farm, "Ready")?.reason === "Suspended");
    if (more.length > 0) {
      const rules = (await cluster.find("Role", `${name}-credential-spec`, NAMESPACE))?.["rules"];
      await cluster.patch("Role", `${name}-credential-spec`, NAMESPACE, { rules: [...(Array.isArray(rules) ? rules : []), ...more] });
    }
    await directory.asAdministrator(async (client) => client.del((await directory.find(`${name}$`))?.dn ?? ""));
    await cluster.apply(farmOf(OTHER, `${name}2`, { account: { name }, hosts: { group: { name: `${name}2Hosts` } } }));
    await farmReady(OTHER, `${name}2`);
    // Whoever gets the name takes the right to it first, so that nobody waits for the farm that is suspended.
    if (more.length === 0) expect((await bindingOf(name))?.["subjects"] ?? []).toEqual([]);
    for (const account of ["web", "friend"])
      expect(await admit(cluster, NAMESPACE, podOf(account, `${NAMESPACE}.${name}`)), account).toHaveProperty("refused");
    await cluster.patch("RoleBinding", `${name}-credential-spec`, NAMESPACE, { metadata: { finalizers: null } });
    for (const what of [`RoleBinding ${name}-credential-spec`, `GMSACredentialSpec ${NAMESPACE}.${name}`]) {
      const taken = `Warning PodsChanged ${name} delete ${what}: another farm gets the account ${name},`;
      await waitFor("the Event", async () => (await cluster.events(NAMESPACE)).includes(taken));
    }
    // What comes late goes with the next look at the account that has the name, whoever made it.
    const { labels, annotations }: Readonly<Record<string, unknown>> = spec?.metadata ?? {};
    const published = { labels: { "serverfarm.dev/farm-uid": "any" }, annotations: { "serverfarm.dev/farm": `${NAMESPACE}/${name}` } };
    await cluster.apply(bindingTo(`${name}-credential-spec`, "web", published));
    await cluster.apply({ ...spec, metadata: { name: `${NAMESPACE}.${name}`, labels, annotations } });
    if (more.length === 0) expect(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.${name}`))).toHaveLength(1);
    await waitFor("the late spec to be seen", async () => {
      await cluster.annotate("ServerFarm", `${name}2`, OTHER, { "serverfarm.dev/reconcile-requested-at": crypto.randomUUID() });
      return (await bindingOf(name)) === undefined && (await credspecOf(name)) === '"none"';
    });
    await cluster.patch("ServerFarm", name, NAMESPACE, { spec: { suspend: false } });
    const lost = await farmWhere(NAMESPACE, name, (farm) => podsReady(farm)?.reason === "ChangesPending");
    expect(condition(lost, "AccountReady")).toMatchObject({ status: "False", reason: "NotOwned" });
    // Nor does anybody get it while the directory says nothing of it.
    await applyDomain({ spec: { servers: ["ldaps://127.0.0.1:9"] } });
    await farmWhere(NAMESPACE, name, (farm) => condition(farm, "Ready")?.reason === "DomainNotReady");
    await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "away" });
    await farmWhere(NAMESPACE, name, (farm) => farm.status?.lastHandledReconcileRequest === "away");
    expect(await bindingOf(name)).toBeUndefined();
    await applyDomain();
    await domainReady();
    // Once the name is free again the farm has its account, and its Pods theirs.
    await cluster.patch("ServerFarm", `${name}2`, OTHER, { spec: { deletionPolicy: "Delete" } });
    await cluster.delete("ServerFarm", `${name}2`, OTHER);
    await farmReady(NAMESPACE, name);
    await waitFor("the right", async () => Array.isArray(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.${name}`))));
    await cluster.delete("RoleBinding", `${name}-friends`, NAMESPACE);
    await cluster.delete("ServerFarm", name, NAMESPACE);
    await remove(name);
  });

  test("a farm whose account is created again gives nobody the right in between", { timeout: 120_000 }, async () => {
    await publish("podnew");
    const specMetadata = async (): Promise<string> => {
      const { metadata } = (await cluster.find("GMSACredentialSpec", `${NAMESPACE}.podnew`)) ?? { metadata: {} };
      return JSON.stringify(metadata);
    };
    const before = (await getFarm(NAMESPACE, "podnew")).status?.account?.objectGUID ?? "none";
    expect(await specMetadata()).toContain(before);
    const binding = await bindingOf("podnew");
    await cluster.annotate("ServerFarm", "podnew", NAMESPACE, { "serverfarm.dev/recreate-account": before });
    const { status } = await farmWhere(
      NAMESPACE,
      "podnew",
      (farm) =>
        farm.status?.account?.objectGUID !== before && podsReady(farm)?.status === "True" && condition(farm, "Ready")?.status === "True",
    );
    expect(await specMetadata()).toContain(status?.account?.objectGUID);
    // Nobody could use the name between the two.
    expect((await bindingOf("podnew"))?.metadata["uid"]).not.toBe(binding?.metadata["uid"]);
    expect(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.podnew`))).toHaveLength(1);
    const told = ["Normal PodsChanged podnew delete RoleBinding", "Normal PodsChanged podnew create RoleBinding"];
    const events = await waitFor(
      "the Events",
      () => cluster.events(NAMESPACE),
      (all) => told.every((text) => all.includes(text)),
    );
    expect(events).not.toContain("DriftCorrected podnew");
    await cluster.delete("ServerFarm", "podnew", NAMESPACE);
    await remove("podnew");
  });

  test("a farm that is only observed says that the name is of an account that somebody made", { timeout: 120_000 }, async () => {
    await publish("podseen");
    await patchFarm(NAMESPACE, "podseen", { managementPolicy: "Observe" });
    await directory.asAdministrator(async (client) => client.del((await directory.find("podseen$"))?.dn ?? ""));
    await directory.asAdministrator((client) => addComputer(client, "podseen"));
    const pending = /pending: delete RoleBinding podseen-credential-spec/;
    await farmWhere(NAMESPACE, "podseen", (farm) => pending.test(podsReady(farm)?.message ?? ""));
    // By now the status does not know the account any more; the credential spec does.
    for (const annotation of ["once", "twice"]) {
      await cluster.annotate("ServerFarm", "podseen", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": annotation });
      const farm = await farmWhere(NAMESPACE, "podseen", (one) => one.status?.lastHandledReconcileRequest === annotation);
      expect(podsReady(farm)?.message).toMatch(pending);
    }
    await patchFarm(NAMESPACE, "podseen", { managementPolicy: "Enforce" });
    await waitFor(
      "the end of the binding",
      () => bindingOf("podseen"),
      (binding) => binding === undefined,
    );
    await cluster.delete("ServerFarm", "podseen", NAMESPACE);
    await remove("podseen");
  });

  test.each(["Enforce", "Observe"])(
    "a farm (%s) whose domain is away keeps what was published, and nobody new gets it",
    async (managementPolicy) => {
      const name = `podgone${managementPolicy.toLowerCase()}`;
      await publish(name, { pods: { serviceAccounts: ["web", "stays"] } });
      await applyDomain({ spec: { servers: ["ldaps://127.0.0.1:9"] } });
      await farmWhere(NAMESPACE, name, (farm) => condition(farm, "Ready")?.reason === "DomainNotReady");
      await patchFarm(NAMESPACE, name, { managementPolicy, pods: { serviceAccounts: ["stays", "newcomer"] } });
      const away = await farmWhere(NAMESPACE, name, (farm) => condition(farm, "Ready")?.reason === "DomainNotReady");
      const may = async (account: string): Promise<boolean> =>
        Array.isArray(await admit(cluster, NAMESPACE, podOf(account, `${NAMESPACE}.${name}`)));
      expect([await may("stays"), await may("newcomer"), await may("web")]).toEqual([true, false, managementPolicy === "Observe"]);
      if (managementPolicy === "Enforce") expect(podsReady(away)).toMatchObject({ status: "True", observedGeneration: 1 });
      else expect(podsReady(away)?.message).toContain("pending: fix RoleBinding");
      expect(podsReady(away)?.message).not.toContain("newcomer");
      await applyDomain();
      await domainReady();
      await patchFarm(NAMESPACE, name, { managementPolicy: "Enforce" });
      await waitFor("the right", () => may("newcomer"));
      expect(await may("web")).toBe(false);
      await cluster.delete("ServerFarm", name, NAMESPACE);
      await remove(name);
    },
  );

  test("a farm that its tenants do not allow gets nothing while its domain is away, either", async () => {
    await publish("podaway", { hosts: { quarantined: ["WEB02"] } });
    await applyDomain({ spec: { servers: ["ldaps://127.0.0.1:9"], tenants: [] } });
    await patchFarm(NAMESPACE, "podaway", { pods: { serviceAccounts: ["web", "newcomer"] } });
    const farm = await farmWhere(NAMESPACE, "podaway", (one) => condition(one, "Ready")?.reason === "DomainNotReady");
    expect(condition(farm, "Allowed")).toMatchObject({ status: "False", reason: "NotAllowed" });
    await cluster.annotate("ServerFarm", "podaway", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "away" });
    await waitFor("the answer", async () => (await getFarm(NAMESPACE, "podaway")).status?.lastHandledReconcileRequest === "away");
    expect(JSON.stringify((await bindingOf("podaway"))?.["subjects"])).not.toContain("newcomer");
    expect(await admit(cluster, NAMESPACE, podOf("web", `${NAMESPACE}.podaway`))).toHaveLength(1);
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { tenants: null } });
    await applyDomain();
    await domainReady();
    await farmReady(NAMESPACE, "podaway");
    await cluster.delete("ServerFarm", "podaway", NAMESPACE);
  });
});
