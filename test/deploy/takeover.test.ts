/** Real clusters: names that Helm allows, platforms that choose the user, and the way from `kubectl apply` to Helm; all on a real API server. */
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { commandsOf } from "../harness/docs.ts";
import { CHART, helm, helmMissing, IMAGE, parseRendered, RELEASE } from "../harness/helm.ts";
import { Kube, kubeAssets } from "../harness/kube.ts";
import { SYSTEM } from "../harness/manifests.ts";
import { MONITORING_CRDS } from "../harness/monitoring-crds.ts";
import { run, waitFor } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";

const missing = await helmMissing();
if (missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);

const managed = z.object({
  items: z.array(
    z.looseObject({
      kind: z.string(),
      metadata: z.looseObject({
        name: z.string(),
        labels: z.record(z.string(), z.string()).optional(),
        managedFields: z.array(z.object({ manager: z.string(), operation: z.string(), subresource: z.string().optional() })),
      }),
    }),
  ),
});

/** Every kind that the chart has. */
const KINDS =
  "deployment,service,configmap,serviceaccount,networkpolicy,poddisruptionbudget,role,rolebinding,clusterrole,clusterrolebinding,customresourcedefinition,validatingadmissionpolicy,validatingadmissionpolicybinding";

/** Releases, with a value that names something: all digits, words of YAML, dots, and as long as Helm allows. */
const NAMED: readonly (readonly [release: string, field: string, value: string])[] = [
  ["a", "nameOverride", ""],
  ["123", "nameOverride", ""],
  ["0x1f", "nameOverride", ""],
  ["true", "nameOverride", ""],
  ["farms.prod", "nameOverride", ""],
  ["1.5", "nameOverride", ""],
  ["a--b", "nameOverride", ""],
  ["r".repeat(35), "nameOverride", ""],
  ["r".repeat(36), "nameOverride", ""],
  ["r".repeat(43), "nameOverride", ""],
  [`${"r".repeat(42)}-x`, "nameOverride", ""],
  ["r".repeat(53), "nameOverride", ""],
  ["7".repeat(53), "nameOverride", ""],
  [`${"r.".repeat(26)}r`, "nameOverride", ""],
  ["a", "fullnameOverride", "x".repeat(63)],
  ["a", "fullnameOverride", "123"],
  ["a", "nameOverride", "456"],
  ["a", "nameOverride", "n".repeat(63)],
  ["a", "serviceAccount.name", "789"],
];

describe.skipIf(missing !== undefined)("the chart on real clusters", () => {
  const dir = `${tmpdir()}/serverfarm-takeover-${crypto.randomUUID()}`;
  const kube = new Kube(`${dir}/kube`);
  const kubectl = (...args: readonly string[]): Promise<string> =>
    run(`${kubeAssets()}/kubectl`, ["--kubeconfig", kube.kubeconfig, ...args]);
  const release = (...args: readonly string[]): Promise<string> => helm(...args, "--kubeconfig", kube.kubeconfig, "--namespace", SYSTEM);
  const shell = (command: string): Promise<string> =>
    run("bash", ["-euo", "pipefail", "-c", `cd ${ROOT}; ${command.replace("REPOSITORY", "example.com/team")}`], {
      env: { KUBECONFIG: kube.kubeconfig, PATH: `${kubeAssets()}:${process.env["PATH"]}` },
    });
  const podSecurity = async (): Promise<unknown> =>
    JSON.parse(await kubectl("get", "deployment", RELEASE, "-n", SYSTEM, "-o", "jsonpath={.spec.template.spec.securityContext}"));

  /** A copy of the chart with other content. */
  async function otherChart(name: string, edits: Readonly<Record<string, (text: string) => string>>): Promise<string> {
    const copy = `${dir}/${name}`;
    await cp(CHART, copy, { recursive: true });
    for (const [file, change] of Object.entries(edits)) {
      const text = await readFile(`${copy}/${file}`, "utf8");
      expect(change(text), file).not.toBe(text);
      await writeFile(`${copy}/${file}`, change(text));
    }
    return copy;
  }

  beforeAll(async () => {
    await kube.up();
    await kubectl("create", "namespace", SYSTEM);
    await kube.apply(...MONITORING_CRDS);
    await waitFor("the monitoring kinds", async () => (await kubectl("api-resources")).includes("prometheusrules"));
  }, 120_000);

  afterEach(() => release("uninstall", RELEASE, "--ignore-not-found"));

  afterAll(async () => {
    await kube.down();
    await rm(dir, { recursive: true, force: true });
  });

  test("whatever a release is called, the API server takes it", { timeout: 240_000 }, async () => {
    const named = `${dir}/named`;
    await mkdir(named);
    const more = [
      "crds.install=false",
      "metrics.podMonitor.enabled=true",
      "metrics.dashboard.enabled=true",
      "metrics.prometheusRule.enabled=true",
    ];
    let count = 0;
    for (const [index, [name, field, value]] of NAMED.entries()) {
      const set = [`${field}="${value}"`, ...more].flatMap((one) => ["--set-json", one]);
      const text = await helm("template", name, CHART, "--namespace", SYSTEM, ...IMAGE, ...set);
      await writeFile(`${named}/${index}.yaml`, text);
      for (const { kind, metadata } of parseRendered(text)) {
        count++;
        // Whole: the selector tells releases apart by it.
        expect(metadata.labels?.["app.kubernetes.io/instance"], `${kind} of ${name}`).toBe(name);
      }
    }
    const taken = await kubectl("apply", "--dry-run=server", "--server-side", "--validate=strict", "-f", named);
    expect(taken.trim().split("\n").length).toBe(count);
  });

  test.each([
    ["podMonitor", "honorLabels", "spec.podMetricsEndpoints[0].honourLabels", "honourLabels"],
    ["podMonitor", "podMetricsEndpoints", "spec.podMetricsEndpoint", "podMetricsEndpoint"],
    ["serviceMonitor", "scrapeTimeout", "spec.endpoints[0].timeout", "timeout"],
    ["prometheusRule", "for", "spec.groups[0].rules[0].during", "during"],
  ])("a %s whose field %s is misspelt is refused: %s", async (monitor, field, path, misspelt) => {
    const set = [`${monitor}.enabled=true`, ...(monitor === "serviceMonitor" ? [`${monitor}.scrapeTimeout=20s`] : [])];
    const text = await helm("template", "a", CHART, "--namespace", SYSTEM, ...IMAGE, ...set.flatMap((one) => ["--set", `metrics.${one}`]));
    const [object = ""] = text.split(/^---$/m).filter((one) => one.includes("apiVersion: monitoring.coreos.com/v1"));
    const file = `${dir}/misspelt.yaml`;
    const apply = async (content: string): Promise<string> => {
      await writeFile(file, content);
      return await kubectl("apply", "--dry-run=server", "--validate=strict", "-f", file);
    };
    expect(await apply(object)).toContain("monitoring.coreos.com/a-serverfarm-operator created");
    await expect(apply(object.replace(`${field}:`, `${misspelt}:`))).rejects.toThrow(`unknown field "${path}"`);
  });

  test("what the new values render is taken by the API server, all of it together", async () => {
    const values = [
      "replicas=3",
      'deploymentStrategy={"rollingUpdate":{"maxUnavailable":"50%","maxSurge":0}}',
      'podDisruptionBudget.minAvailable="50%"',
      'commonLabels={"team":"ad"}',
      'extraArgs=["--kubeconfig","/kube/config"]',
      'extraEnv=[{"name":"A","value":"x"},{"name":"B","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]',
      'extraVolumes=[{"name":"ca","configMap":{"name":"ca"}}]',
      'extraVolumeMounts=[{"name":"ca","mountPath":"/ca","readOnly":true}]',
      'hostAliases=[{"ip":"10.0.0.1","hostnames":["dc1.contoso.com"]},{"ip":"fd00::1","hostnames":["dc2.contoso.com"]}]',
      'dnsPolicy="None"',
      'dnsConfig={"nameservers":["10.0.0.1","fd00::53"],"searches":["contoso.com"],"options":[{"name":"ndots","value":"2"}]}',
      'topologySpreadConstraints=[{"maxSkew":1,"minDomains":2,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"},{"maxSkew":1,"topologyKey":"rack","whenUnsatisfiable":"ScheduleAnyway"}]',
      'networkPolicy={"dnsPorts":[53,5353],"directoryCIDRs":["fd00:1::/32","::/0","10.0.0.0/8"],"apiServerCIDRs":["fd00::1/128"],"metricsFrom":[{"ipBlock":{"cidr":"fd00::/8"}}]}',
      "podSecurityContext.supplementalGroups=[1,2]",
      "probes.liveness.initialDelaySeconds=5",
    ];
    const file = `${dir}/all.yaml`;
    await writeFile(
      file,
      await helm("template", "a", CHART, "--namespace", SYSTEM, ...IMAGE, ...values.flatMap((one) => ["--set-json", one])),
    );
    expect(await kubectl("apply", "--dry-run=server", "--server-side", "--validate=strict", "-f", file)).toContain(
      "deployment.apps/a-serverfarm-operator",
    );
  });

  test(
    "where the platform chooses the user it is left out, also after upgrades, and pods meet the restricted standard",
    { timeout: 240_000 },
    async () => {
      const open = ["runAsUser", "runAsGroup", "fsGroup"].flatMap((field) => ["--set", `podSecurityContext.${field}=null`]);
      const chosen = { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } };
      await release("install", RELEASE, CHART, ...IMAGE);
      expect(await podSecurity()).toMatchObject({ runAsUser: 65_532 });
      await release("upgrade", RELEASE, CHART, "--reset-then-reuse-values", ...open);
      expect(await podSecurity()).toEqual(chosen);
      await release("upgrade", RELEASE, CHART, "--reset-then-reuse-values", "--set", "replicas=1");
      expect(await podSecurity()).toEqual(chosen);
      await kubectl("label", "namespace", SYSTEM, "pod-security.kubernetes.io/enforce=restricted", "--overwrite");
      const { spec } = z
        .object({ spec: z.object({ template: z.object({ spec: z.looseObject({}) }) }) })
        .parse(JSON.parse(await kubectl("get", "deployment", RELEASE, "-n", SYSTEM, "-o", "json")));
      const file = `${dir}/pod.json`;
      const pod = { ...spec.template.spec, serviceAccountName: "default", serviceAccount: "default" };
      await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "x", namespace: SYSTEM }, spec: pod }));
      expect(await kubectl("apply", "--dry-run=server", "-f", file)).toContain("pod/x created");
    },
  );

  test("an upgrade that keeps an older chart's values says what to do about those that are new", { timeout: 240_000 }, async () => {
    const older = await otherChart("older", {
      "values.yaml": (text) => text.replace(/^ *dnsPorts: .*\n/m, ""),
      "files/values.yaml": (text) => text.replace(/^ *dnsPorts: .*\n/m, ""),
      "templates/networkpolicy.yaml": (text) => text.replace("range .dnsPorts", "range (list 53)"),
    });
    await release("install", RELEASE, older, ...IMAGE);
    await expect(release("upgrade", RELEASE, CHART, "--reuse-values")).rejects.toThrow(
      /networkPolicy\.dnsPorts is null[^\n]*use --reset-then-reuse-values/,
    );
    await release("upgrade", RELEASE, CHART, "--reset-then-reuse-values");
  });

  test("what kubectl applied becomes Helm's alone: the upgrade after that brings other content, whole", { timeout: 400_000 }, async () => {
    const commands = await commandsOf("docs/install.md");
    const [install = "", upgrade = ""] = commands;
    const [mine = "", readme = ""] = commands.filter((command) => command.includes("--field-manager=helm"));
    expect(readme).toContain("-f crds/ -f deploy/rbac.yaml");
    const next = await otherChart("next", {
      "Chart.yaml": (text) => text.replaceAll(/ersion: 0\.1\.0/g, "ersion: 0.2.0"),
      "templates/rbac.yaml": (text) => text.replace("verbs: [create, patch]", "verbs: [create, patch, update]"),
      "templates/configmap.yaml": (text) => text.replace("    log:", "    # other content\n    log:"),
      "templates/networkpolicy.yaml": (text) => text.replace("[Ingress, Egress]", "[Egress, Ingress]"),
      "files/crds/serverfarms.yaml": (text) => text.replaceAll("gMSA", "account"),
    });
    for (const [first, path] of [
      ["kubectl apply -f deploy/install.yaml", mine],
      ["kubectl apply -f crds/ -f deploy/rbac.yaml", readme],
    ] as const) {
      await shell(first);
      await shell(path);
      expect(await shell(`${install} --take-ownership`)).toContain("STATUS: deployed");
      expect(await shell(upgrade.replace("deploy/chart", next))).toContain("REVISION: 2");
      const { items } = managed.parse(
        JSON.parse(
          await kubectl(
            ...["get", KINDS, "-n", SYSTEM, "-l", `app.kubernetes.io/instance=${RELEASE}`, "-o", "json", "--show-managed-fields"],
          ),
        ),
      );
      expect(new Set(items.map(({ kind }) => kind)).size).toBe(KINDS.split(",").length);
      for (const { kind, metadata } of items) {
        expect(metadata.labels?.["app.kubernetes.io/version"], `${kind} ${metadata.name}`).toBe("0.2.0");
        const owners = metadata.managedFields.filter(({ subresource }) => subresource !== "status");
        expect(owners, `${kind} ${metadata.name}`).toEqual([{ manager: "helm", operation: "Apply" }]);
      }
      // And what Helm leaves out later goes, since nobody else holds on to it.
      expect(await kubectl("get", "configmap", RELEASE, "-n", SYSTEM, "-o", "yaml")).toContain("# other content");
      await shell(`${upgrade} --set networkPolicy.enabled=false`);
      expect(await kubectl("get", "networkpolicy", "-n", SYSTEM, "-o", "name")).toBe("");
      expect(await kubectl("get", "configmap", RELEASE, "-n", SYSTEM, "-o", "yaml")).not.toContain("# other content");
      await release("uninstall", RELEASE);
    }
  });
});
