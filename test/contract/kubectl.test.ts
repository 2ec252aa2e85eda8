import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findKubectl } from "../harness/kube.ts";
import { run, waitFor } from "../harness/process.ts";
import { available, cleanUp, cluster, createNamespace, domainOf, farmOf } from "../harness/world.ts";

const NAMESPACE = "hands";
const kubectlCommand = available ? await findKubectl() : undefined;

/** What a command printed before it failed. */
function printed(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error && "stdout" in error.cause ? String(error.cause.stdout) : "";
}

/** What people type. Skipped where there is no kubectl. */
describe.skipIf(kubectlCommand === undefined)("kubectl", () => {
  let dir: string;
  const kubectl = (...args: readonly string[]): Promise<string> =>
    run(kubectlCommand ?? "", ["--kubeconfig", cluster.kubeconfig, ...args], {
      env: { KUBECACHEDIR: `${dir}/cache`, KUBE_EDITOR: "sed -i.bak s/WEB02/WEB03/" },
    });
  const refused = async (...args: readonly string[]): Promise<string> => {
    try {
      return `accepted: ${await kubectl(...args)}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };

  beforeAll(async () => {
    dir = await mkdtemp(`${tmpdir()}/serverfarm-kubectl-`);
    await createNamespace(NAMESPACE);
    const files = {
      "farm.json": farmOf(NAMESPACE, "typed", { hosts: { computers: ["WEB01"] } }),
      "domain.json": domainOf({ poll: "15s" }),
    };
    for (const [name, object] of Object.entries(files)) await writeFile(`${dir}/${name}`, JSON.stringify(object));
  });

  afterAll(async () => {
    await cleanUp();
    await rm(dir, { recursive: true, force: true });
  });

  test("apply creates, configures, and leaves unchanged", async () => {
    expect(await kubectl("apply", "-f", `${dir}/domain.json`)).toContain("activedirectorydomain.serverfarm.dev/contoso created");
    expect(await kubectl("apply", "-f", `${dir}/farm.json`)).toContain("serverfarm.serverfarm.dev/typed created");
    expect(await kubectl("apply", "-f", `${dir}/farm.json`)).toContain("typed unchanged");
    await writeFile(
      `${dir}/farm.json`,
      JSON.stringify(farmOf(NAMESPACE, "typed", { hosts: { computers: ["WEB01", "WEB02"] }, suspend: true })),
    );
    expect(await kubectl("apply", "-f", `${dir}/farm.json`)).toContain("typed configured");
    // What the manifest no longer says goes back to its default.
    await writeFile(`${dir}/farm.json`, JSON.stringify(farmOf(NAMESPACE, "typed", { hosts: { computers: ["WEB01", "WEB02"] } })));
    await kubectl("apply", "-f", `${dir}/farm.json`);
    expect(await kubectl("get", "farm", "typed", "-n", NAMESPACE, "-o", "jsonpath={.spec.suspend} {.spec.hosts.computers}")).toBe(
      'false ["WEB01","WEB02"]',
    );
    expect(await refused("apply", "-f", `${dir}/farm.json`, "--dry-run=server")).toContain("accepted");
  });

  test("get shows the columns, by name, short name and category", async () => {
    expect(await kubectl("get", "farm", "-n", NAMESPACE)).toMatch(/^NAME +READY +REASON +ACCOUNT +HOSTS +AGE\ntyped +\d+s\n/);
    expect(await kubectl("get", "serverfarms", "typed", "-n", NAMESPACE, "-o", "wide")).toMatch(
      /DOMAIN +GROUP +SPNS +NEXT-PASSWORD +MESSAGE\n.*contoso/,
    );
    expect(await kubectl("get", "serverfarm-operator", "-A", "-o", "name")).toContain("activedirectorydomain.serverfarm.dev/contoso");
    expect(await kubectl("get", "addomain", "contoso", "-o", "yaml")).toContain("dnsName: contoso.com");
    expect(await refused("get", "farm", "nobody", "-n", NAMESPACE)).toContain('serverfarms.serverfarm.dev "nobody" not found');
  });

  test("edit, patch, label and annotate change it", async () => {
    await kubectl("edit", "farm", "typed", "-n", NAMESPACE);
    const computers = (): Promise<string> => kubectl("get", "farm", "typed", "-n", NAMESPACE, "-o", "jsonpath={.spec.hosts.computers}");
    expect(await computers()).toBe('["WEB01","WEB03"]');
    await kubectl("patch", "farm", "typed", "-n", NAMESPACE, "--type=json", "-p", '[{"op":"remove","path":"/spec/hosts/computers/0"}]');
    await kubectl("patch", "farm", "typed", "-n", NAMESPACE, "--type=merge", "-p", '{"spec":{"account":{"displayName":"Typed"}}}');
    expect(await computers()).toBe('["WEB03"]');
    await kubectl("annotate", "farm", "typed", "-n", NAMESPACE, "example.com/a=b");
    await kubectl("label", "farm", "typed", "-n", NAMESPACE, "tier=web");
    expect(await kubectl("get", "farm", "-n", NAMESPACE, "-l", "tier in (web, mail),!other", "-o", "name")).toContain("typed");
    expect(await kubectl("get", "farm", "-n", NAMESPACE, "-l", "tier!=web", "-o", "name")).toBe("");
    expect(await refused("patch", "farm", "typed", "-n", NAMESPACE, "-p", "{}")).toContain(
      "strategic-merge-patch+json is not supported by serverfarm.dev/v1alpha1",
    );
  });

  test("explain, describe, events and api-resources tell", async () => {
    expect(await kubectl("explain", "farm.spec.hosts.quarantined")).toContain("FIELD: quarantined");
    const { metadata } = await cluster.get("ServerFarm", "typed", NAMESPACE);
    await cluster.call("POST", cluster.path("Event", NAMESPACE), {
      body: {
        metadata: { name: "typed.1", namespace: NAMESPACE },
        involvedObject: {
          apiVersion: "serverfarm.dev/v1alpha1",
          kind: "ServerFarm",
          name: "typed",
          namespace: NAMESPACE,
          uid: metadata.uid,
        },
        reason: "Tested",
        message: "seen by describe",
        type: "Normal",
        firstTimestamp: new Date().toISOString(),
        lastTimestamp: new Date().toISOString(),
        count: 1,
        source: { component: "test" },
      },
    });
    expect(await kubectl("describe", "farm", "typed", "-n", NAMESPACE)).toMatch(/Display Name: +Typed[\s\S]*Tested[\s\S]*seen by describe/);
    expect(await kubectl("events", "-n", NAMESPACE)).toContain("seen by describe");
    expect(await kubectl("get", "events", "-n", NAMESPACE)).toMatch(/Normal +Tested +serverfarm\/typed +seen by describe/);
    expect(await kubectl("api-resources", "--api-group=serverfarm.dev")).toMatch(
      /serverfarms +farm,farms +serverfarm\.dev\/v1alpha1 +true +ServerFarm/,
    );
  });

  test("wait and watch see a change; auth can-i knows the operator's rights", async () => {
    const waiting = kubectl("wait", "--for=jsonpath={.spec.suspend}=true", "farm/typed", "-n", NAMESPACE, "--timeout=20s");
    const { metadata } = await cluster.get("ServerFarm", "typed", NAMESPACE);
    const generation = Number(metadata["generation"]);
    const columns = ["-o", 'jsonpath={.metadata.generation}{" "}'];
    const watch = spawn(kubectlCommand ?? "", ["--kubeconfig", cluster.kubeconfig, "get", "farm", "-n", NAMESPACE, "--watch", ...columns]);
    try {
      let seen = "";
      watch.stdout.setEncoding("utf8").on("data", (text: string) => (seen += text));
      await waitFor("the watch to show what there is", () => seen.includes(`${generation} `));
      await kubectl("patch", "farm", "typed", "-n", NAMESPACE, "--type=merge", "-p", '{"spec":{"suspend":true}}');
      expect(await waiting).toContain("condition met");
      await waitFor("the watch to show the change", () => seen.includes(`${generation} ${generation + 1}`));
    } finally {
      watch.kill();
    }
    const operator = await cluster.serviceAccountKubeconfig("serverfarm-system", "serverfarm-operator");
    // It answers "no" with an exit code that is not 0.
    const can = (...args: readonly string[]): Promise<string> => kubectl("--kubeconfig", operator, "auth", "can-i", ...args).catch(printed);
    expect(await can("patch", "serverfarms.serverfarm.dev/status")).toContain("yes");
    expect(await can("list", "secrets", "-n", "serverfarm-system")).toContain("yes");
    expect(await can("list", "secrets", "-n", NAMESPACE)).toContain("no");
    expect(await refused("--kubeconfig", operator, "delete", "farm", "typed", "-n", NAMESPACE)).toContain(
      'cannot delete resource "serverfarms" in API group "serverfarm.dev"',
    );
  });

  test("create and delete, waiting for the end", async () => {
    await kubectl("create", "configmap", "made", "-n", NAMESPACE, "--from-literal=a=b");
    expect(await kubectl("get", "configmap", "made", "-n", NAMESPACE, "-o", "jsonpath={.data.a}")).toBe("b");
    expect(await refused("create", "configmap", "made", "-n", NAMESPACE)).toContain("already exists");
    await kubectl("create", "secret", "generic", "made", "-n", NAMESPACE, "--from-literal=a=b");
    expect(await kubectl("get", "secret", "made", "-n", NAMESPACE, "-o", "jsonpath={.data.a} {.type}")).toBe("Yg== Opaque");
    expect(await kubectl("delete", "farm", "typed", "-n", NAMESPACE, "--timeout=20s")).toContain("deleted");
    await kubectl("create", "namespace", "brief");
    await kubectl("delete", "namespace", "brief", "--timeout=30s");
    expect(await refused("get", "namespace", "brief")).toContain("not found");
  });
});
