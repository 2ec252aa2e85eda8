/** spec.pods where what it needs is not there: the kind, the rights, or that the operator is told to use them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Operator } from "../harness/operator.ts";
import { giveRights, installKind, removeKind, takeRights } from "../harness/pods.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cleanUp,
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
  onSandbox,
  patchFarm,
  startOperator,
  useOperator,
} from "../harness/world.ts";

const NAMESPACE = "pods-kind";
const HOST_ACCOUNT = { name: "eks-web", user: "svc-farms", pluginGUID: "{859E1386-BDB4-49E8-85C7-3070B13920E1}", pluginInput: "{}" };
const podsReady = (farm: Farm) => condition(farm, "PodsReady");
const specOf = (name: string) => cluster.find("GMSACredentialSpec", `${NAMESPACE}.${name}`).catch(() => undefined);

describe.skipIf(!available)("a cluster without credential specs", () => {
  beforeAll(() => giveRights(cluster));
  afterAll(async () => {
    await removeKind(cluster);
    await takeRights(cluster);
  });
  const world = useOperator(NAMESPACE, { pods: { enabled: true } });

  test("nothing else of a farm is affected, and nobody asks for them farm by farm", async () => {
    const names = ["kinda", "kindb", "kindc", "kindd"];
    for (const name of names)
      await cluster.apply(farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01"] }, pods: { serviceAccounts: ["web"] } }));
    for (const name of names) {
      const farm = await farmWhere(NAMESPACE, name, (one) => podsReady(one)?.reason === "CredentialSpecKindMissing");
      for (const type of ["AccountReady", "HostsReady"]) expect(condition(farm, type)?.status).toBe("True");
      expect(condition(farm, "Ready")).toMatchObject({ status: "False", reason: "CredentialSpecKindMissing" });
      expect(condition(farm, "Reconciling")?.status).toBe("True");
    }
    await cluster.apply(farmOf(NAMESPACE, "kindnone"));
    await farmReady(NAMESPACE, "kindnone");
    expect((await world.operator.ready()).status).toBe(200);
    const asked = () => world.operator.metric("rest_client_requests_total", { code: "404" });
    const before = await asked();
    for (const name of names) await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "again" });
    for (const name of names)
      await waitFor("the answer", async () => (await getFarm(NAMESPACE, name)).status?.lastHandledReconcileRequest === "again");
    expect((await asked()) - before).toBeLessThan(names.length);
    await waitFor("the log", () => world.operator.log.includes("the cluster does not have this kind"));
    expect(world.operator.log.match(/the cluster does not have this kind/g)).toHaveLength(1);
  });

  test("goes on by itself once it has them, when they go, and when they come again", { timeout: 120_000 }, async () => {
    for (const round of [1, 2]) {
      await installKind(cluster);
      await farmReady(NAMESPACE, "kinda", 40);
      expect(await specOf("kinda"), `round ${round}`).toBeDefined();
      await removeKind(cluster);
      const farm = await farmWhere(NAMESPACE, "kinda", (one) => podsReady(one)?.reason === "CredentialSpecKindMissing", 40);
      expect(condition(farm, "AccountReady")?.status).toBe("True");
      expect((await world.operator.ready()).status).toBe(200);
    }
    // What was published can be taken back also while the kind is away.
    await patchFarm(NAMESPACE, "kindb", { pods: null });
    await farmReady(NAMESPACE, "kindb");
    await cluster.waitGone("RoleBinding", "kindb-credential-spec", NAMESPACE);
    await cluster.delete("ServerFarm", "kindc", NAMESPACE);
  });

  test("a kind that is too old for the settings of plug-ins is said, and all that it takes is there", async () => {
    await installKind(cluster, { old: true });
    await applyDomain({ spec: { podHostAccounts: [HOST_ACCOUNT] } });
    await farmReady(NAMESPACE, "kinda", 40);
    await patchFarm(NAMESPACE, "kinda", { pods: { hostAccount: "eks-web" } });
    const farm = await farmWhere(NAMESPACE, "kinda", (one) => podsReady(one)?.reason === "CredentialSpecKindMissing");
    expect(podsReady(farm)?.message).toContain("does not store all fields of a credential spec (HostAccountConfig)");
    await patchFarm(NAMESPACE, "kinda", { pods: { hostAccount: null } });
    await farmReady(NAMESPACE, "kinda");
  });
});

describe.skipIf(!available)("an operator without pods.enabled", () => {
  beforeAll(() => installKind(cluster));
  afterAll(() => removeKind(cluster));
  const world = useOperator(NAMESPACE);

  test("says what to turn on, makes nothing, and asks for nothing that it has no right to", async () => {
    await cluster.apply(
      farmOf(NAMESPACE, "offpods", { hosts: { computers: ["WEB01"] }, pods: { serviceAccounts: ["web"], configMap: true } }),
    );
    const farm = await farmWhere(NAMESPACE, "offpods", (one) => podsReady(one)?.reason === "NotEnabled");
    expect(podsReady(farm)?.message).toContain("set pods.enabled to true in its chart");
    expect(condition(farm, "HostsReady")?.status).toBe("True");
    expect(condition(farm, "Stalled")?.status).toBe("True");
    await patchFarm(NAMESPACE, "offpods", { pods: null });
    expect(podsReady(await farmReady(NAMESPACE, "offpods"))).toBeUndefined();
    expect(await cluster.list("Role", NAMESPACE)).toEqual([]);
    expect(await specOf("offpods")).toBeUndefined();
    expect(await world.operator.metric("rest_client_requests_total", { code: "403" })).toBe(0);
    for (const plural of ["gmsacredentialspecs", "rolebindings"]) expect(world.operator.log).not.toContain(plural);
  });
});

interface Right {
  readonly plural: string;
  readonly verb: string;
}

const rules = z.array(z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }));

describe.skipIf(!available)("the rights that pods.enabled adds", () => {
  let operator: Operator;
  let given: z.infer<typeof rules>;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await installKind(cluster);
    await giveRights(cluster);
    given = rules.parse((await cluster.get("ClusterRole", "serverfarm-operator-pods"))["rules"]);
    await applyDomain();
    operator = await startOperator({ pods: { enabled: true, configMaps: true } });
    await domainReady();
  });
  afterAll(async () => {
    await giveRights(cluster);
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await removeKind(cluster);
    await takeRights(cluster);
  });

  async function without({ plural, verb }: Right): Promise<void> {
    const left = given.map((rule) =>
      rule.resources.includes(plural) ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) } : rule,
    );
    await cluster.patch("ClusterRole", "serverfarm-operator-pods", undefined, { rules: left });
  }

  const KIND: Readonly<Record<string, string>> = {
    gmsacredentialspecs: "GMSACredentialSpec",
    roles: "Role",
    rolebindings: "RoleBinding",
    configmaps: "ConfigMap",
  };
  const EDIT: Readonly<Record<string, object>> = {
    gmsacredentialspecs: { credspec: { CmsPlugins: ["x"] } },
    roles: { rules: [] },
    rolebindings: { subjects: [] },
    configmaps: { data: { "credspec.json": "x" } },
  };
  const placeOf = (plural: string, farm: string): readonly [string, string, string | undefined] =>
    plural === "gmsacredentialspecs"
      ? [KIND[plural] ?? "", `${NAMESPACE}.${farm}`, undefined]
      : [KIND[plural] ?? "", `${farm}-credential-spec`, NAMESPACE];

  /** Does what needs the right. */
  async function need({ plural, verb }: Right, farm: string): Promise<void> {
    if (verb === "list" || verb === "watch") {
      await operator.stop();
      operator = await startOperator({ pods: { enabled: true, configMaps: true } });
      return;
    }
    if (verb === "patch") {
      const [kind, name, where] = placeOf(plural, farm);
      await cluster.patch(kind, name, where, EDIT[plural]);
      await cluster.annotate("ServerFarm", farm, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": plural });
    } else if (verb === "delete") await patchFarm(NAMESPACE, farm, { pods: null });
    else await cluster.apply(farmOf(NAMESPACE, farm, { pods: { serviceAccounts: ["web"], configMap: true } }));
  }

  test("each of them is needed, and named where it is missing", { timeout: 600_000 }, async () => {
    const rights = given.flatMap((rule) => rule.resources.flatMap((plural) => rule.verbs.map((verb) => ({ plural, verb }))));
    expect(rights.length).toBe(7 + 6 + 6 + 4);
    for (const [index, right] of rights.entries()) {
      // Only a real API server sees to it that nobody gives a right that he does not have.
      if (right.verb === "use" && onSandbox) continue;
      const { plural, verb } = right;
      const farm = `right${index}`;
      const isThere = ["list", "watch", "patch", "delete"].includes(verb);
      if (isThere) {
        await cluster.apply(farmOf(NAMESPACE, farm, { pods: { serviceAccounts: ["web"], configMap: true } }));
        await farmReady(NAMESPACE, farm);
      }
      await without(right);
      await need(right, farm);
      const seen = await farmWhere(NAMESPACE, farm, (one) => podsReady(one)?.reason === "AccessDenied", 40);
      const said = verb === "use" ? "is attempting to grant RBAC permissions not currently held" : `cannot ${verb} resource "${plural}"`;
      expect(podsReady(seen)?.message, `${verb} ${plural}`).toContain(said);
      expect(condition(seen, "Ready")).toMatchObject({ status: "False", reason: "AccessDenied" });
      expect(condition(seen, "AccountReady")?.status).toBe("True");
      if (verb === "watch") {
        // It says so until it may, though it may list all the time; and no farm is looked at for each try.
        const refusals = (): number => operator.log.match(/watch forbidden/g)?.length ?? 0;
        const reconciles = () => operator.metric("controller_runtime_reconcile_total", { controller: "serverfarm" });
        await waitFor("the answer to the first", () => refusals() >= 2);
        const [before, count] = [refusals(), await reconciles()];
        await waitFor("two more tries", () => refusals() >= before + 2);
        expect([podsReady(await getFarm(NAMESPACE, farm))?.reason, await reconciles()]).toEqual(["AccessDenied", count]);
      }
      await cluster.patch("ClusterRole", "serverfarm-operator-pods", undefined, { rules: given });
      if (verb === "delete") {
        // Nothing is left of it, after all.
        await cluster.annotate("ServerFarm", farm, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
        await farmReady(NAMESPACE, farm);
        const [kind, name, where] = placeOf(plural, farm);
        expect(await cluster.find(kind, name, where)).toBeUndefined();
      } else {
        // A watch is tried again by itself.
        if (verb !== "list" && verb !== "watch")
          await cluster.annotate("ServerFarm", farm, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
        await farmReady(NAMESPACE, farm, 40);
      }
      await cluster.delete("ServerFarm", farm, NAMESPACE);
    }
  });

  test("a farm whose spec may not be deleted waits, unless it is let go", async () => {
    await cluster.apply(farmOf(NAMESPACE, "stuck", { pods: { serviceAccounts: ["web"] } }));
    await farmReady(NAMESPACE, "stuck");
    await without({ plural: "gmsacredentialspecs", verb: "delete" });
    await cluster.delete("ServerFarm", "stuck", NAMESPACE, 0);
    const farm = await farmWhere(NAMESPACE, "stuck", (one) => condition(one, "Ready")?.reason === "RecordRefused");
    expect(condition(farm, "Ready")?.message).toContain('cannot delete resource "gmsacredentialspecs"');
    // Who might use it goes first.
    expect(await cluster.find("RoleBinding", "stuck-credential-spec", NAMESPACE)).toBeUndefined();
    await cluster.annotate("ServerFarm", "stuck", NAMESPACE, { "serverfarm.dev/abandon": "true" });
    await cluster.waitGone("ServerFarm", "stuck", NAMESPACE);
    await waitFor("the Event", async () =>
      /ObjectKept stuck .*kubectl get gmsacredentialspecs pods-kind\.stuck/.test(await cluster.events(NAMESPACE)),
    );
    await cluster.patch("ClusterRole", "serverfarm-operator-pods", undefined, { rules: given });
    await cluster.delete("GMSACredentialSpec", `${NAMESPACE}.stuck`);
    // Nothing had been begun in the directory.
    const left = [await directory.find("stuck$"), await directory.find("stuckHosts")].flatMap((entry) => entry?.dn ?? []);
    expect(left.length).toBe(2);
    await directory.asAdministrator(async (client) => {
      for (const dn of left) await client.del(dn);
    });
  });
});
