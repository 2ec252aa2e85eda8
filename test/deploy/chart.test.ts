/** The chart: what it refuses, what it renders, and that with exactly its rights the operator works, on a real API server. */
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { delegate } from "../harness/delegation.ts";
import { ADMINISTRATOR } from "../harness/directory.ts";
import { commandsOf, mentionedIn } from "../harness/docs.ts";
import { CHART, helm, helmMissing, IMAGE, parseRendered, RELEASE, rendered, template } from "../harness/helm.ts";
import { Kube, kubeAssets } from "../harness/kube.ts";
import { domainAt, farmOf, secretOf, SYSTEM } from "../harness/manifests.ts";
import { MONITORING_CRDS } from "../harness/monitoring-crds.ts";
import { Operator } from "../harness/operator.ts";
import { run, waitFor } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";

/** Polled often: nobody who tests wants to wait. */
/** With its credentials in a Secret and its CA in a ConfigMap, so that the rights to both are needed. */
const domain = (url: string): object => domainAt(url, { poll: "1s", caBundleRef: { kind: "ConfigMap", name: "contoso-ca" } });
const named = (ca: string): readonly object[] => [
  secretOf("contoso-ldap", ADMINISTRATOR),
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "contoso-ca", namespace: SYSTEM }, data: { "ca.crt": ca } },
];
const farm = (name: string, computers: readonly string[]): object => farmOf("web", name, { hosts: { computers } });

const missing = await helmMissing();
if (missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);

/** Values that the schema refuses, with the field that it names. */
const BAD: readonly (readonly [set: string, field: string])[] = [
  ["replicas=-1", "replicas"],
  ["replicas=11", "replicas"],
  ["replicas=two", "replicas"],
  ["image.repository=Not Valid", "repository"],
  ["image.tag=a/b", "tag"],
  ["image.digest=sha256:xyz", "digest"],
  ["image.pullPolicy=Sometimes", "pullPolicy"],
  ["image.registry=x", "registry"],
  ["imagePullSecrets[0].nme=x", "imagePullSecrets"],
  ["nameOverride=Upper", "nameOverride"],
  ["fullnameOverride=-x", "fullnameOverride"],
  ["crds.install=maybe", "install"],
  ["crds.keep=maybe", "keep"],
  ["serviceAccount.name=a_b", "name"],
  ["serviceAccount.annotations.a=1", "annotations"],
  ["rbac.clusterAdmin=true", "clusterAdmin"],
  ["admission.enabled=maybe", "enabled"],
  ["pods.enabled=maybe", "enabled"],
  ["pods.configMaps=true", "pods.configMaps is true and pods.enabled is false"],
  ["config.workers=0", "workers"],
  ["config.workers=101", "workers"],
  ["config.watchNamespaces[0]=Web", "watchNamespaces"],
  ["config.leaderElection.leaseDuration=15", "leaseDuration"],
  ["config.leaderElection.enabled=false", "enabled"],
  ["config.log.level=loud", "level"],
  ["config.log.format=xml", "format"],
  ["ports.metrics=80", "metrics"],
  ["ports.health=70000", "health"],
  ["ports.health=8080", "ports.metrics and ports.health are the same"],
  ["podDisruptionBudget.maxUnavailable=0", "maxUnavailable"],
  ["networkPolicy.directoryPorts[0]=0", "directoryPorts"],
  ["networkPolicy.directoryCIDRs[0]=10.0.0.1", "directoryCIDRs"],
  ["networkPolicy.directoryCIDRs[0]=10.0.0.0/33", "directoryCIDRs"],
  ["networkPolicy.apiServerCIDRs[0]=kubernetes.default", "apiServerCIDRs"],
  ["topologySpread.topologyKey=", "topologyKey"],
  ["metrics.podMonitor.interval=often", "interval"],
  ["metrics.servceMonitor.enabled=true", "servceMonitor"],
  ["metrics.dashboard.labels.grafana_dashboard=1", "grafana_dashboard"],
  ["metrics.dashboards.enabled=true", "dashboards"],
  ["relicas=2", "relicas"],
];

/** Values that go together in any combination. */
const GOOD: readonly (readonly string[])[] = [
  ["replicas=1", "replicas=3"],
  ["image.digest=sha256:" + "a".repeat(64), "image.tag=v1", "image.repository=example.com:5000/team/operator"],
  ["config.watchNamespaces={web,shop}", "config.workers=1", "config.log.level=debug"],
  ["pods.enabled=true", "pods.enabled=true,pods.configMaps=true"],
  [
    "networkPolicy.enabled=false",
    "networkPolicy.directoryCIDRs={10.0.0.0/8,fd00::/8}",
    "networkPolicy.directoryPorts={636}",
    "networkPolicy.apiServerCIDRs={10.0.0.1/32},networkPolicy.dnsTo[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=kube-system",
  ],
  ["podDisruptionBudget.enabled=false", "podDisruptionBudget.maxUnavailable=50%"],
  ["topologySpread.enabled=false", "topologySpread.topologyKey=topology.kubernetes.io/zone"],
  ["metrics.prometheusRule.enabled=true", "metrics.prometheusRule.labels.role=alerts"],
  [
    "metrics.service=false",
    "metrics.podMonitor.enabled=true",
    "metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.scrapeTimeout=20s,metrics.serviceMonitor.relabelings[0].action=labeldrop,metrics.serviceMonitor.relabelings[0].regex=pod",
  ],
  ["metrics.dashboard.enabled=true", "metrics.dashboard.enabled=true,metrics.dashboard.annotations.folder=AD"],
  [
    "metrics.secure.enabled=true,metrics.secure.certificateSecret=tls,metrics.serviceMonitor.enabled=true",
    "metrics.secure.enabled=true,metrics.secure.certificateSecret=tls,metrics.secure.tokenSecret=token,metrics.podMonitor.enabled=true",
  ],
  ["serviceAccount.create=false,serviceAccount.name=other", "serviceAccount.name=mine", "serviceAccount.annotations.team=ad"],
  ["compileCache.enabled=false"],
  ["rbac.aggregate=true", "rbac.aggregate=false", "rbac.create=false", "rbac.create=false,rbac.aggregate=true", "admission.enabled=false"],
  ["fullnameOverride=farms", "nameOverride=farms"],
  ["priorityClassName=system-cluster-critical", "podLabels.team=ad", "podAnnotations.note=x"],
  ["imagePullSecrets[0].name=pull", "tolerations[0].operator=Exists", "resources.limits.memory=1Gi"],
];

describe.skipIf(missing !== undefined)("the chart", () => {
  const dir = `${tmpdir()}/serverfarm-chart-${crypto.randomUUID()}`;
  const kube = new Kube(`${dir}/kube`);
  let directory: SandboxDirectory;
  const kubectl = (...args: readonly string[]): Promise<string> =>
    run(`${kubeAssets()}/kubectl`, ["--kubeconfig", kube.kubeconfig, ...args]);
  const release = (...args: readonly string[]): Promise<string> => helm(...args, "--kubeconfig", kube.kubeconfig, "--namespace", SYSTEM);

  beforeAll(async () => {
    [directory] = await Promise.all([SandboxDirectory.create(), kube.up()]);
    await delegate(directory);
    for (const name of [SYSTEM, "web"]) await kubectl("create", "namespace", name);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([directory.stop(), kube.down()]);
    await rm(dir, { recursive: true, force: true });
  });

  test("is sound, and what is rendered from it is up to date", async () => {
    expect(await helm("lint", "--strict", CHART)).toContain("0 chart(s) failed");
    await run("node", [`${ROOT}/deploy/render.ts`, "--check"]);
  });

  test("grants nothing by wildcard, and Secrets and ConfigMaps in its own namespace only", async () => {
    const roles = parseRendered(await template()).filter(({ kind }) => kind === "ClusterRole" || kind === "Role");
    expect(roles.length).toBe(4);
    for (const { kind, metadata, rules = [] } of roles) {
      expect(JSON.stringify(rules), metadata.name).not.toContain('"*"');
      const resources = rules.flatMap(({ resources }) => resources);
      if (kind === "ClusterRole") expect(resources).not.toEqual(expect.arrayContaining(["secrets"]));
      else expect(metadata.namespace).toBe(SYSTEM);
    }
  });

  test.each(BAD)("%s is refused", async (set, field) => {
    await expect(template("--set", set)).rejects.toThrow(field);
  });

  test("its values go together: the API server takes what is rendered", { timeout: 480_000 }, async () => {
    await kube.apply(...MONITORING_CRDS);
    await waitFor("the monitoring kinds", async () => (await kubectl("api-resources")).includes("prometheusrules"));
    // Each value of each group beside the next group's: every value is tried several times, in other company.
    const combinations = GOOD.flatMap((group, index) =>
      group.flatMap((value) => [1, 3].map((step) => [value, ...(GOOD[(index + step) % GOOD.length] ?? []).slice(0, 1)])),
    );
    expect(combinations.length).toBeGreaterThanOrEqual(40);
    // Most of what one combination renders another has rendered before.
    const taken = new Set<string>();
    const lanes = [0, 1, 2].map(async (lane) => {
      for (const values of combinations.filter((_, index) => index % 3 === lane)) {
        const text = await template(...values.flatMap((value) => ["--set", value]));
        expect(text).toMatch(/^kind: Deployment$/m);
        const objects = text.split(/^---$/m).filter((object) => /^kind: /m.test(object) && !taken.has(object));
        if (objects.length === 0) continue;
        const file = `${dir}/rendered-${lane}.yaml`;
        await writeFile(file, objects.join("---"));
        const said = await kubectl("apply", "--dry-run=server", "--validate=strict", "-f", file);
        expect(said.trim().split("\n"), values.join()).toHaveLength(objects.length);
        for (const object of objects) taken.add(object);
      }
    });
    await Promise.all(lanes);
  });

  test("pods meet the restricted standard", async () => {
    await kubectl("label", "namespace", SYSTEM, "pod-security.kubernetes.io/enforce=restricted", "--overwrite");
    const [deployment] = parseRendered(await template()).filter(({ kind }) => kind === "Deployment");
    const { template: pod } = z.object({ template: z.looseObject({ spec: z.looseObject({}) }) }).parse(deployment?.["spec"]);
    const file = `${dir}/pod.json`;
    await writeFile(
      file,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "x", namespace: SYSTEM },
        spec: { ...pod.spec, serviceAccountName: "default" },
      }),
    );
    expect(await kubectl("apply", "--dry-run=server", "-f", file)).toContain("pod/x created");
    const root = JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "x", namespace: SYSTEM },
      spec: { containers: [{ name: "x", image: "x" }] },
    });
    await writeFile(file, root);
    await expect(kubectl("apply", "--dry-run=server", "-f", file)).rejects.toThrow("violates PodSecurity");
  });

  /** The rules and bindings that the operator runs under, and what namespaces' users may, as the API server has them. */
  async function rights(): Promise<readonly unknown[]> {
    const found = [
      await kube.get("ClusterRole", RELEASE),
      await kube.get("ClusterRole", `${RELEASE}-view`),
      await kube.get("ClusterRole", `${RELEASE}-edit`),
      await kube.get("ClusterRoleBinding", RELEASE),
      await kube.get("Role", RELEASE, SYSTEM),
      await kube.get("RoleBinding", RELEASE, SYSTEM),
    ];
    return found.map(({ kind, rules, roleRef, subjects }) => ({ kind, rules, roleRef, subjects }));
  }
  const replicas = (): Promise<string> => kubectl("get", "deployment", RELEASE, "-n", SYSTEM, "-o", "jsonpath={.spec.replicas}");

  // Before anything else is installed: what kubectl applies stays in a CRD as somebody else's, and to delete a CRD may take Kubernetes
  // minutes ("could not list instances: storage is (re)initializing", operator-framework/operator-controller#1437).
  test("a new version brings its CRDs, under an operator that works and farms that stay", { timeout: 300_000 }, async () => {
    // A release before this one: its CRD does not know a field, its roles lack a verb.
    const before = `${dir}/before`;
    await cp(CHART, before, { recursive: true });
    const edit = async (file: string, change: (text: string) => string): Promise<void> => {
      const text = await readFile(`${before}/${file}`, "utf8");
      expect(change(text), file).not.toBe(text);
      await writeFile(`${before}/${file}`, change(text));
    };
    await edit("Chart.yaml", (text) => text.replaceAll(/ersion: 0\.1\.0/g, "ersion: 0.0.1"));
    await edit("files/crds/serverfarms.yaml", (text) =>
      JSON.stringify(parseYaml(text, (key, value: unknown) => (key === "formerAccount" ? undefined : value))),
    );
    await edit("templates/rbac.yaml", (text) => text.replace("configmaps", "configmaps-of-old"));
    const known = async (): Promise<boolean> =>
      JSON.stringify(await kube.get("CustomResourceDefinition", "serverfarms.serverfarm.dev")).includes("formerAccount");
    await release("install", RELEASE, before, ...IMAGE);
    await waitFor("the older CRD to be served", async () => (await kube.list("ServerFarm", "web")).length === 0);
    expect(await known()).toBe(false);
    await kube.apply(...named(directory.ca), domain(directory.url), farm("through", ["WEB01"]));
    const operator = await Operator.start({ kubeconfig: await kube.serviceAccountKubeconfig(SYSTEM, RELEASE) });
    const ready = (generation: number): Promise<unknown> =>
      waitFor(
        "the farm",
        async () => JSON.stringify((await kube.get("ServerFarm", "through", "web"))["status"] ?? {}),
        (status) => status.includes(`"observedGeneration":${generation}`) && status.includes('"reason":"Reconciled"'),
      );
    try {
      const { metadata } = await kube.get("ServerFarm", "through", "web");
      await release("upgrade", RELEASE, CHART, ...IMAGE);
      expect(await known()).toBe(true);
      expect((await kube.get("ServerFarm", "through", "web")).metadata["uid"]).toBe(metadata["uid"]);
      expect(
        await kubectl("get", "deployment", RELEASE, "-n", SYSTEM, "-o", "jsonpath={.spec.template.spec.containers[0].image}"),
      ).toContain(":0.1.0");
      // The operator that runs gets the right that it lacked, and goes on through it all.
      await ready(1);
      await kube.patch("ServerFarm", "through", "web", { spec: { hosts: { computers: ["WEB02"] } } });
      await ready(2);
      await release("rollback", RELEASE, "1");
      expect(await known()).toBe(false);
      expect((await kube.get("ServerFarm", "through", "web")).metadata["uid"]).toBe(metadata["uid"]);
      await release("upgrade", RELEASE, CHART, ...IMAGE);
      await kube.delete("ServerFarm", "through", "web");
      await kube.delete("ActiveDirectoryDomain", "contoso");
    } finally {
      await operator.stop();
      await release("uninstall", RELEASE);
    }
  });

  test("installs, upgrades, rolls back and goes; farms outlive it", { timeout: 300_000 }, async () => {
    await release("install", RELEASE, CHART, ...IMAGE);
    expect(await replicas()).toBe("2");
    const given = await rights();
    await release("upgrade", RELEASE, CHART, ...IMAGE, "--set", "replicas=3");
    expect(await replicas()).toBe("3");
    expect(await rights()).toEqual(given);
    await release("rollback", RELEASE, "1");
    expect(await replicas()).toBe("2");
    expect(await rights()).toEqual(given);
    await kube.apply(farm("kept", []));
    await release("uninstall", RELEASE);
    expect(await kubectl("get", "farm", "kept", "-n", "web", "-o", "name")).toContain("kept");
    expect(await kubectl("get", "clusterrole", "-o", "name")).not.toContain(RELEASE);
    // Without Helm the same rights are given.
    await kubectl("apply", "-f", `${ROOT}/deploy/install.yaml`);
    expect(await rights()).toEqual(given);
    expect(await replicas()).toBe("2");
    // As whoever goes on with Helm; test/deploy/takeover.test.ts looks closer.
    await kubectl("apply", "--server-side", "--field-manager=helm", "--force-conflicts", "-f", `${ROOT}/deploy/install.yaml`);
    await release("install", RELEASE, CHART, ...IMAGE, "--take-ownership");
    expect(await rights()).toEqual(given);
    await kubectl("delete", "farm", "kept", "-n", "web");
    await release("uninstall", RELEASE);
  });

  test("the commands of the page on installing, word for word", { timeout: 300_000 }, async () => {
    const env = { KUBECONFIG: kube.kubeconfig, PATH: `${kubeAssets()}:${process.env["PATH"]}` };
    const shell = (command: string): Promise<string> =>
      run("bash", ["-c", `cd ${ROOT} && ${command.replace("REPOSITORY", "example.com/team")}`], { env });
    const [install = "", upgrade = "", rollback = "", uninstall = "", ...others] = await commandsOf("docs/install.md");
    expect(await shell(install)).toContain("STATUS: deployed");
    expect(await shell(upgrade)).toContain("REVISION: 2");
    expect(await shell(rollback)).toContain("Rollback was a success");
    const [scale = ""] = await mentionedIn("docs/security.md");
    expect(await shell(scale)).toContain("scaled");
    expect(await replicas()).toBe("0");
    expect(await shell(uninstall)).toContain("uninstalled");
    const [plain = ""] = others;
    expect(plain).toBe("kubectl apply -f deploy/install.yaml");
    expect(await shell(plain)).toContain("deployment.apps/serverfarm-operator created");
    for (const remove of others.slice(1, 4)) expect(await shell(remove)).toContain('"serverfarm-operator" deleted');
    const left = "clusterrole,clusterrolebinding,validatingadmissionpolicy,deployment,serviceaccount,role";
    expect(await kubectl("get", left, "-A", "-o", "name", "-l", "app.kubernetes.io/name=serverfarm-operator")).toBe("");
    expect(await shell(`${install} --take-ownership`)).toContain("STATUS: deployed");
    expect(await shell(uninstall)).toContain("uninstalled");
    expect(await shell("helm show values deploy/chart")).toContain("podDisruptionBudget");
  });

  test("gives rights for Pods where they are asked for, and tells the operator to use them", async () => {
    const rulesOf = async (...set: readonly string[]): Promise<readonly (readonly [readonly string[], readonly string[]])[]> =>
      parseRendered(await template(...set.flatMap((value) => ["--set", value])))
        .filter(({ kind, metadata }) => kind === "ClusterRole" && metadata.name === `${RELEASE}-pods`)
        .flatMap(({ rules = [] }) => rules.map(({ resources, verbs }) => [resources, verbs] as const));
    const verbs = ["get", "list", "watch", "create", "patch", "delete"];
    const enabled = [
      [["gmsacredentialspecs"], [...verbs, "use"]],
      [["roles"], verbs],
      [["rolebindings"], verbs],
    ];
    expect(await rulesOf()).toEqual([]);
    expect(await rulesOf("pods.enabled=true")).toEqual(enabled);
    expect(await rulesOf("pods.enabled=true", "pods.configMaps=true")).toEqual([
      ...enabled,
      [["configmaps"], ["get", "create", "patch", "delete"]],
    ]);
    expect(await rulesOf("pods.enabled=true", "rbac.create=false")).toEqual([]);
    expect(await template()).toContain('pods: {"configMaps":false,"enabled":false}');
    expect(await template("--set", "pods.enabled=true")).toContain('pods: {"configMaps":false,"enabled":true}');
  });

  describe("the rights that it grants", () => {
    beforeAll(async () => {
      await release("upgrade", "--install", RELEASE, CHART, ...IMAGE);
      await kube.apply(...named(directory.ca));
    });

    interface Life {
      /** "whole", or what it came to. */
      readonly ended: string;
      /** Requests that were refused. */
      readonly refused: readonly string[];
    }
    const WHOLE: Life = { ended: "whole", refused: [] };

    /** A farm's life, by an operator with the rights that are there now; ended as soon as something is refused, if that is all that is asked. */
    async function life(name: string, seconds: number, until: "Whole" | "Refused" = "Whole"): Promise<Life> {
      await kube.delete("Lease", RELEASE, SYSTEM);
      const operator = await Operator.start({ kubeconfig: await kube.serviceAccountKubeconfig(SYSTEM, RELEASE), leaderElection: true });
      const refused = async (): Promise<readonly string[]> =>
        (await operator.metrics())
          .split("\n")
          .filter((line) => line.startsWith("rest_client_requests_total{") && line.includes('code="403"'));
      const over = async (): Promise<boolean> => until === "Refused" && (await refused()).length > 0;
      try {
        await kube.apply(domain(directory.url), farm(name, ["WEB01"]));
        const steps = async (): Promise<void> => {
          const ready = (reason: string) =>
            waitFor(
              "the farm",
              async () =>
                (await over()) ||
                JSON.stringify((await kube.find("ServerFarm", name, "web"))?.["status"] ?? {}).includes(`"reason":"${reason}"`),
              Boolean,
              seconds,
            );
          await ready("Reconciled");
          // The same Event twice is one with a count.
          for (const computers of [["NONE"], ["WEB01"], ["NONE"], ["WEB01"]]) {
            if (await over()) return;
            await kube.patch("ServerFarm", name, "web", { spec: { hosts: { computers } } });
            await waitFor(
              "the farm",
              async () => {
                const found = await kube.find("ServerFarm", name, "web");
                const text = JSON.stringify(found?.["status"] ?? {});
                return (
                  (await over()) ||
                  (text.includes(`"observedGeneration":${String(found?.metadata["generation"])}`) &&
                    text.includes("HostNotFound") === (computers[0] === "NONE"))
                );
              },
              Boolean,
              seconds,
            );
          }
          if (await over()) return;
          const patience = until === "Refused" ? 5 : seconds;
          await kube.delete("ServerFarm", name, "web", patience);
          await kube.delete("ActiveDirectoryDomain", "contoso", undefined, patience);
        };
        const ended = await steps().then(
          () => "whole",
          (error: unknown) => String(error),
        );
        if (until === "Refused") await waitFor("a refusal", over, Boolean, seconds).catch(() => undefined);
        return { ended, refused: await refused() };
      } finally {
        await operator.stop();
        for (const [kind, what, namespace] of [
          ["ServerFarm", name, "web"],
          ["ActiveDirectoryDomain", "contoso", undefined],
        ] as const) {
          if (await kube.find(kind, what, namespace)) {
            await kube.patch(kind, what, namespace, { metadata: { finalizers: null } });
            await kube.delete(kind, what, namespace, 10);
          }
        }
      }
    }

    test("are enough, and each of them is needed", { timeout: 900_000 }, async () => {
      expect(await life("whole", 30)).toEqual(WHOLE);
      for (const kind of ["ClusterRole", "Role"] as const) {
        const namespace = kind === "Role" ? SYSTEM : undefined;
        const { rules = [] } = rendered.parse(await kube.get(kind, RELEASE, namespace));
        const atoms = rules.flatMap((entry, index) =>
          entry.resources.flatMap((resource) =>
            entry.verbs.map((verb) => ({ index, resource, verb, name: `${kind} ${verb} ${resource}` })),
          ),
        );
        for (const [count, { index, resource, verb, name }] of atoms.entries()) {
          const without = rules.flatMap((entry, at) =>
            at !== index
              ? [entry]
              : [
                  { ...entry, resources: entry.resources.filter((other) => other !== resource) },
                  { ...entry, resources: [resource], verbs: entry.verbs.filter((other) => other !== verb) },
                ].filter(({ resources, verbs }) => resources.length > 0 && verbs.length > 0),
          );
          await kube.patch(kind, RELEASE, namespace, { rules: without });
          // The API server learns of it by a watch of its own.
          const { refused } = await life(`${kind.toLowerCase()}${count}`, 30, "Refused");
          await kube.patch(kind, RELEASE, namespace, { rules });
          expect(refused.length, `without ${name} something is refused`).toBeGreaterThan(0);
        }
      }
      expect(await life("again", 30)).toEqual(WHOLE);
    });

    test("are enough where kubectl applied the plain manifest, too", { timeout: 300_000 }, async () => {
      await release("uninstall", RELEASE);
      await kubectl("apply", "-f", `${ROOT}/deploy/install.yaml`);
      expect(await life("plain", 30)).toEqual(WHOLE);
    });

    test("helm --wait on a chart of farms waits for Ready, and fails on Stalled", { timeout: 300_000 }, async () => {
      const chart = `${dir}/farms`;
      await mkdir(`${chart}/templates`, { recursive: true });
      await writeFile(`${chart}/Chart.yaml`, "apiVersion: v2\nname: farms\nversion: 0.1.0\n");
      await writeFile(`${chart}/values.yaml`, "container: CN=Managed Service Accounts\n");
      await writeFile(`${chart}/templates/domain.yaml`, JSON.stringify(domain(directory.url)));
      const templated = JSON.stringify(farm("waited", ["WEB01"])).replace(
        '"hosts"',
        '"servicePrincipalNames": [{{ .Values.spn | quote }}], "hosts"',
      );
      await writeFile(`${chart}/templates/farm.yaml`, templated);
      const operator = await Operator.start({ kubeconfig: await kube.serviceAccountKubeconfig(SYSTEM, RELEASE) });
      try {
        const wait = (verb: string, spn: string, timeout: string): Promise<string> =>
          release(verb, "farms", chart, "--set", `spn=${spn}`, "--wait", "--timeout", timeout);
        await wait("install", "http/waited", "60s");
        expect(JSON.stringify((await kube.find("ServerFarm", "waited", "web"))?.["status"])).toContain('"reason":"Reconciled"');
        await directory.modify("CN=WEB06,CN=Computers,DC=contoso,DC=com", "replace", "servicePrincipalName", ["http/taken"]);
        const started = performance.now();
        await expect(wait("upgrade", "http/taken", "60s")).rejects.toThrow(/waited/);
        expect(performance.now() - started, "it does not wait for the timeout").toBeLessThan(30_000);
        await release("uninstall", "farms");
        await kube.waitGone("ServerFarm", "waited", "web");
        await kube.waitGone("ActiveDirectoryDomain", "contoso");
      } finally {
        await operator.stop();
      }
    });

    const can = async (
      user: string,
      verb: string,
      resource: string,
      namespace = "web",
      groups: readonly string[] = [],
    ): Promise<boolean> => {
      const [kind = "", subresource] = resource.split("/");
      const what = [verb, kind, ...(subresource === undefined ? [] : [`--subresource=${subresource}`])];
      const as = ["--as", user, ...groups.flatMap((group) => ["--as-group", group])];
      // It ends with 1 where the answer is no.
      return (await kubectl("auth", "can-i", ...what, "-n", namespace, ...as).catch(() => "no")).startsWith("yes");
    };
    const users = async (): Promise<void> => {
      for (const role of ["view", "edit", "admin"])
        await kubectl("create", "rolebinding", role, `--clusterrole=${role}`, `--user=${role}`, "-n", "web");
    };
    const FARMS = "serverfarms.serverfarm.dev";

    test("by themselves let nobody see or edit farms; the page on tenants says how to let a team, in one namespace", async () => {
      await users();
      // The right to something else has come: the roles are bound, and have nothing of farms.
      await waitFor("the bindings", () => can("edit", "create", "configmaps"));
      for (const user of ["view", "edit", "admin"])
        for (const verb of ["get", "create", "patch", "delete"]) expect(await can(user, verb, FARMS), `${user} ${verb}`).toBe(false);
      const commands = (await commandsOf("docs/tenancy.md")).filter((command) => command.includes("rolebinding"));
      expect(commands).toHaveLength(2);
      const env = { KUBECONFIG: kube.kubeconfig, PATH: `${kubeAssets()}:${process.env["PATH"]}` };
      for (const command of commands) expect(await run("bash", ["-c", command], { env })).toContain("created");
      await waitFor("the team's right", () => can("anna", "create", FARMS, "web", ["web-team"]));
      for (const verb of ["get", "list", "watch", "update", "patch", "delete"])
        expect(await can("anna", verb, FARMS, "web", ["web-team"]), verb).toBe(true);
      for (const verb of ["get", "list", "watch"]) expect(await can("otto", verb, FARMS, "web", ["auditors"]), verb).toBe(true);
      const never: readonly (readonly [verb: string, resource: string, namespace: string])[] = [
        ["patch", `${FARMS}/status`, "web"],
        ["get", "activedirectorydomains.serverfarm.dev", "web"],
        ["patch", "namespaces", "web"],
        ["get", "secrets", "web"],
        ["create", FARMS, "default"],
        ["get", FARMS, SYSTEM],
      ];
      for (const [verb, resource, namespace] of never)
        expect(await can("anna", verb, resource, namespace, ["web-team"]), `${verb} ${resource} in ${namespace}`).toBe(false);
      expect(await can("otto", "create", FARMS, "web", ["auditors"])).toBe(false);
      for (const name of ["view", "edit", "admin"]) await kubectl("delete", "rolebinding", name, "-n", "web");
    });

    test("aggregated, let a namespace's viewer see farms, its editor change them, and nobody more", { timeout: 60_000 }, async () => {
      // The plain manifest is there.
      await kubectl("apply", "--server-side", "--field-manager=helm", "--force-conflicts", "-f", `${ROOT}/deploy/install.yaml`);
      const said = await release("install", RELEASE, CHART, ...IMAGE, "--take-ownership", "--set", "rbac.aggregate=true");
      expect(said).toContain("WARNING: rbac.aggregate is true");
      await users();
      await waitFor("the aggregation", () => can("edit", "create", "serverfarms.serverfarm.dev"));
      const matrix: readonly (readonly [user: string, verb: string, resource: string, may: boolean])[] = [
        ["view", "get", "serverfarms.serverfarm.dev", true],
        ["view", "watch", "serverfarms.serverfarm.dev", true],
        ["view", "create", "serverfarms.serverfarm.dev", false],
        ["edit", "get", "serverfarms.serverfarm.dev", true],
        ["edit", "patch", "serverfarms.serverfarm.dev", true],
        ["edit", "delete", "serverfarms.serverfarm.dev", true],
        ["admin", "create", "serverfarms.serverfarm.dev", true],
        ["edit", "patch", "serverfarms.serverfarm.dev/status", false],
        ["admin", "patch", "serverfarms.serverfarm.dev/status", false],
        ["admin", "get", "activedirectorydomains.serverfarm.dev", false],
        ["admin", "create", "activedirectorydomains.serverfarm.dev", false],
        ["nobody", "get", "serverfarms.serverfarm.dev", false],
      ];
      for (const [user, verb, resource, may] of matrix) expect(await can(user, verb, resource), `${user} ${verb} ${resource}`).toBe(may);
      expect(await can("edit", "create", "serverfarms.serverfarm.dev", "default")).toBe(false);
      // And by doing it.
      const file = `${dir}/farm.json`;
      await writeFile(file, JSON.stringify(farm("mine", [])));
      expect(await kubectl("apply", "-f", file, "--as", "edit")).toContain("created");
      await expect(kubectl("delete", "farm", "mine", "-n", "web", "--as", "view")).rejects.toThrow("cannot delete");
      expect(await kubectl("delete", "farm", "mine", "-n", "web", "--as", "edit")).toContain("deleted");
      // And back.
      expect(await release("upgrade", RELEASE, CHART, ...IMAGE)).not.toContain("WARNING");
      await waitFor("the end of it", async () => !(await can("edit", "create", FARMS)));
    });
  });
});
