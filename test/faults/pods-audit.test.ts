/** What the audit log has of what is published for Pods: one line for each write that reaches the API server, with who, what and why. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type KubernetesAuditLine, kubernetesAuditLines, queried } from "../harness/audit-trail.ts";
import { codeBlock } from "../harness/docs.ts";
import { Kube } from "../harness/kube.ts";
import type { Operator } from "../harness/operator.ts";
import { giveRights, installKind, removeKind, takeRights } from "../harness/pods.ts";
import { waitFor } from "../harness/process.ts";
import { available, cleanUp, cluster, createNamespace, domainReady, farmOf, farmReady, getFarm, patchFarm } from "../harness/world.ts";
import { type Between, between, podWrites } from "./between.ts";
import { type Effect, matching } from "./schedule.ts";

const NAMESPACE = "pods-audit";
const METHODS = { Create: "POST", Modify: "PATCH", Delete: "DELETE" } as const;
const KINDS = ["GMSACredentialSpec", "Role", "RoleBinding", "ConfigMap"] as const;
type Kind = (typeof KINDS)[number];
/** What somebody else keeps beside what is published. */
const FOREIGN = "no-business-of-the-log";

const nameOf = (kind: Kind, farm: string): string => (kind === "GMSACredentialSpec" ? `${NAMESPACE}.${farm}` : `${farm}-credential-spec`);
const placeOf = (kind: Kind): string | undefined => (kind === "GMSACredentialSpec" ? undefined : NAMESPACE);
const find = (kind: Kind, farm: string) => cluster.find(kind, nameOf(kind, farm), placeOf(kind));

describe.skipIf(!available)("the audit log of what is published for Pods", () => {
  let middle: Between;
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await installKind(cluster);
    await giveRights(cluster);
    middle = await between();
    operator = await middle.start({ pods: { enabled: true, configMaps: true }, level: "error" });
    await domainReady();
  });
  afterAll(async () => {
    middle.http.schedule.set();
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
    await removeKind(cluster);
    await takeRights(cluster);
  });

  const linesOf = (farm: string): readonly KubernetesAuditLine[] =>
    kubernetesAuditLines(operator.log).filter(({ serverFarm }) => serverFarm.name === farm);
  const requested = ({ operation, kubernetesObject: { kind } }: KubernetesAuditLine): string =>
    `${METHODS[operation]} ${kind.toLowerCase()}s`;

  /** All that was written since the last stage, and that a line for each says so of this farm. */
  let before = { lines: 0, writes: 0 };
  async function stage(farm: string, ...wanted: readonly string[]): Promise<readonly KubernetesAuditLine[]> {
    const fresh = await waitFor(
      "a line for each write",
      () => kubernetesAuditLines(operator.log).slice(before.lines),
      ({ length }) => length >= wanted.length,
    );
    const live = await cluster.find("ServerFarm", farm, NAMESPACE);
    expect(
      fresh.map(({ operation, kubernetesObject, cause, result }) => `${operation} ${kubernetesObject.kind}: ${cause}, ${result}`),
    ).toEqual(wanted);
    expect(fresh.map(requested), "each is written once").toEqual(podWrites(middle).slice(before.writes));
    for (const { serverFarm, kubernetesObject, reconcileID } of fresh) {
      expect(serverFarm).toMatchObject({ namespace: NAMESPACE, name: farm });
      if (live) expect([serverFarm.uid, serverFarm.generation]).toEqual([live.metadata.uid, live.metadata["generation"]]);
      const { kind, name, namespace } = kubernetesObject;
      expect([name, namespace, typeof reconcileID]).toEqual([nameOf(kind, farm), placeOf(kind), "string"]);
    }
    before = { lines: before.lines + fresh.length, writes: before.writes + fresh.length };
    return fresh;
  }

  const ask = (farm: string): Promise<void> =>
    cluster.annotate("ServerFarm", farm, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": crypto.randomUUID() });

  test("has a farm's whole life, each write once", { timeout: 120_000 }, async () => {
    const farm = "told";
    await cluster.apply(farmOf(NAMESPACE, farm, { pods: { serviceAccounts: ["web"], configMap: true } }));
    await farmReady(NAMESPACE, farm);
    const made = await stage(
      farm,
      "Create Role: SpecChange, Done",
      "Create RoleBinding: SpecChange, Done",
      "Create ConfigMap: SpecChange, Done",
      "Create GMSACredentialSpec: SpecChange, Done",
    );
    for (const { kubernetesObject } of made)
      expect(kubernetesObject.uid, kubernetesObject.kind).toBe((await find(kubernetesObject.kind, farm))?.metadata.uid);
    const [role, binding, map, spec] = made;
    expect(role?.attributes).toEqual([{ attribute: "rules", after: [expect.stringContaining(`"${NAMESPACE}.told"`)] }]);
    expect(binding?.attributes).toContainEqual({
      attribute: "subjects",
      after: [JSON.stringify({ kind: "ServiceAccount", name: "web", namespace: NAMESPACE })],
    });
    const credspec = (await find("GMSACredentialSpec", farm))?.["credspec"];
    expect(map?.attributes).toEqual([{ attribute: "data.credspec.json", after: [expect.any(String)] }]);
    expect(JSON.parse(map?.attributes[0]?.after?.[0] ?? "")).toEqual(credspec);
    expect(spec?.attributes).toContainEqual({ attribute: "credspec.DomainJoinConfig.MachineAccountName", after: ["told"] });

    await patchFarm(NAMESPACE, farm, { pods: { serviceAccounts: ["web", "worker"] } });
    await farmReady(NAMESPACE, farm);
    const [more] = await stage(farm, "Modify RoleBinding: SpecChange, Done");
    const attributes = more?.attributes.map(({ attribute, before, after }) => [attribute, before?.length, after?.length]);
    expect(attributes).toEqual([["subjects", 1, 2]]);

    const forged = { credspec: { DomainJoinConfig: { Sid: "S-1-5-21-9-9-9" } } };
    const uid = (await find("GMSACredentialSpec", farm))?.metadata.uid;
    await cluster.patch("GMSACredentialSpec", nameOf("GMSACredentialSpec", farm), undefined, forged);
    const [fixed] = await stage(farm, "Modify GMSACredentialSpec: Drift, Done");
    expect(fixed?.kubernetesObject.uid).toBe(uid);
    expect(fixed?.attributes).toEqual([
      { attribute: "credspec.DomainJoinConfig.Sid", before: ["S-1-5-21-9-9-9"], after: [expect.stringMatching(/^S-1-5-21-/)] },
    ]);
    await cluster.delete("RoleBinding", nameOf("RoleBinding", farm), NAMESPACE, 0);
    await stage(farm, "Create RoleBinding: Drift, Done");

    await patchFarm(NAMESPACE, farm, { pods: null });
    await farmReady(NAMESPACE, farm);
    const gone = await stage(
      farm,
      "Delete RoleBinding: SpecChange, Done",
      "Delete GMSACredentialSpec: SpecChange, Done",
      "Delete Role: SpecChange, Done",
      "Delete ConfigMap: SpecChange, Done",
    );
    expect(gone.map(({ attributes }) => attributes.every(({ before, after }) => before !== undefined && after === undefined))).toEqual(
      gone.map(() => true),
    );
    await patchFarm(NAMESPACE, farm, { pods: { serviceAccounts: ["web"] } });
    await farmReady(NAMESPACE, farm);
    await stage(farm, ...["Role", "RoleBinding", "GMSACredentialSpec"].map((kind) => `Create ${kind}: SpecChange, Done`));
    await cluster.delete("ServerFarm", farm, NAMESPACE);
    await stage(farm, ...["RoleBinding", "GMSACredentialSpec", "Role"].map((kind) => `Delete ${kind}: Decommission, Done`));
  });

  test("has nothing of what others keep in a ConfigMap", async () => {
    const [own, others] = ["keeper", "strange"];
    const theirs = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: nameOf("ConfigMap", others), namespace: NAMESPACE } };
    await cluster.apply({ ...theirs, data: { "credspec.json": FOREIGN, password: FOREIGN } });
    await cluster.apply(farmOf(NAMESPACE, own, { pods: { serviceAccounts: ["web"], configMap: true } }));
    await farmReady(NAMESPACE, own);
    await stage(own, ...["Role", "RoleBinding", "ConfigMap", "GMSACredentialSpec"].map((kind) => `Create ${kind}: SpecChange, Done`));
    const wanted = (await find("ConfigMap", own))?.["data"];
    const spoil = { data: { password: FOREIGN }, binaryData: { key: Buffer.from(FOREIGN).toString("base64") } };
    await cluster.patch("ConfigMap", nameOf("ConfigMap", own), NAMESPACE, spoil);
    await ask(own);
    const [fixed] = await stage(own, "Modify ConfigMap: Drift, Done");
    expect(fixed?.attributes).toEqual([{ attribute: "data.password" }]);
    expect((await find("ConfigMap", own))?.["data"]).toEqual(wanted);
    // What cannot be changed is deleted: its line could tell all that is in it.
    await cluster.patch("ConfigMap", nameOf("ConfigMap", own), NAMESPACE, { ...spoil, immutable: true });
    await ask(own);
    const [deleted] = await stage(own, "Delete ConfigMap: Drift, Done", "Create ConfigMap: Drift, Done");
    expect(deleted?.attributes.filter(({ before }) => before !== undefined).map(({ attribute }) => attribute)).toEqual([
      "data.credspec.json",
    ]);
    // Somebody else's own is neither written nor told of.
    await cluster.apply(farmOf(NAMESPACE, others, { pods: { serviceAccounts: ["web"], configMap: true } }));
    await waitFor("the answer", async () => (await cluster.events(NAMESPACE)).includes(`NotOwned ${others}`));
    expect(linesOf(others).map(({ kubernetesObject }) => kubernetesObject.kind)).not.toContain("ConfigMap");
    for (const form of [FOREIGN, Buffer.from(FOREIGN).toString("base64")]) expect(operator.log).not.toContain(form);
    for (const farm of [own, others]) await cluster.delete("ServerFarm", farm, NAMESPACE);
  });

  test.each([
    ["refused", { kind: "Error", code: 403, text: "not on my watch" }, { result: "Refused", code: 403 }],
    ["unknown", { kind: "DropAfter" }, { result: "Unknown" }],
    ["undone", { kind: "DropBefore" }, { result: "Unknown" }],
  ] as const satisfies readonly (readonly [string, Effect, object])[])("says how a write ended: %s", async (farm, effect, end) => {
    middle.http.schedule.set({ matches: matching("http", "POST", /\/rolebindings(\?|$)/), when: { nth: 1 }, effect });
    await cluster.apply(farmOf(NAMESPACE, farm, { pods: { serviceAccounts: ["web"] } }));
    await waitFor("the line", () => linesOf(farm).find(({ result }) => result !== "Done"), Boolean);
    await ask(farm);
    await farmReady(NAMESPACE, farm);
    // What was done all the same is seen to be there; the rest is done now.
    const results = effect.kind === "DropAfter" ? [end.result] : [end.result, "Done"];
    const bindings = await waitFor(
      "its lines",
      () => linesOf(farm).filter(({ kubernetesObject }) => kubernetesObject.kind === "RoleBinding"),
      ({ length }) => length >= results.length,
    );
    expect(bindings.map(({ result }) => result)).toEqual(results);
    expect(bindings[0]).toMatchObject({ ...end, error: expect.any(String) });
    if (effect.kind === "Error") expect(bindings[0]?.error).toContain(effect.text);
    expect(bindings[0]?.kubernetesObject.uid).toBeUndefined();
    await cluster.delete("ServerFarm", farm, NAMESPACE);
  });

  // Of ours the API server writes no log.
  test.runIf(cluster instanceof Kube)("names the object and the Kubernetes user with the query of the page", async () => {
    await cluster.apply(farmOf(NAMESPACE, "podasked", { pods: { serviceAccounts: ["web"] } }));
    await farmReady(NAMESPACE, "podasked");
    const { generation } = (await getFarm(NAMESPACE, "podasked")).metadata;
    await cluster.delete("ServerFarm", "podasked", NAMESPACE);
    const query = await codeBlock("docs/security.md", "jq -nRr '");
    const rows = await queried(query, operator.log, cluster instanceof Kube ? cluster.auditLog : "");
    const objects = KINDS.slice(0, 3).map((kind) => [kind, placeOf(kind), nameOf(kind, "podasked")].filter(Boolean).join("/"));
    const found = rows.filter((row) => objects.includes(row[5] ?? ""));
    const [spec, role, binding] = objects;
    const made: readonly unknown[] = ["admin", expect.stringMatching(/^(create|patch)$/), "SpecChange", "Create"];
    const gone: readonly unknown[] = ["admin", "delete", "Decommission", "Delete"];
    expect([generation, ...found.map((row) => row.slice(1, 7))]).toEqual([
      1,
      ...[role, binding, spec].map((object) => [...made, object, "Done"]),
      ...[binding, spec, role].map((object) => [...gone, object, "Done"]),
    ]);
    expect(rows.filter((row) => row[5] === "")).toEqual([]);
  });
});
