/** Values of the chart that cannot work are refused before anything is installed, by field, value and remedy; the others do what they say. */
import { readdir, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { parseConfig } from "../../src/config.ts";
import { CHART, helm, helmMissing, parseRendered, RELEASE, template } from "../harness/helm.ts";
import { SYSTEM } from "../harness/manifests.ts";
import { ROOT } from "../harness/root.ts";

const missing = await helmMissing();
if (missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);

type Values = Readonly<Record<string, unknown>>;
const values = z.record(z.string(), z.unknown());
const isMap = (value: unknown): value is Values => values.safeParse(value).success;

/** What Helm says to each `--set-json`; fails where it says nothing. */
async function refusal(set: readonly string[]): Promise<string> {
  return await template(...set.flatMap((value) => ["--set-json", value])).then(
    () => {
      throw new Error(`${set.join()} is rendered`);
    },
    (error: unknown) => String(error),
  );
}

/** The paths of all values, down to the maps that are empty or a user's own. */
function pathsIn(map: Values, at: readonly string[] = []): readonly (readonly string[])[] {
  return Object.entries(map).flatMap(([key, value]) => {
    const path = [...at, key];
    return isMap(value) && !USERS_OWN.has(key) ? [path, ...pathsIn(value, path)] : [path];
  });
}
/** In these maps null takes a default away. */
const USERS_OWN = new Set(["resources", "nodeSelector", "podSecurityContext", "securityContext", "labels"]);

/** Each passes for one value alone and cannot work with another, or never. What is said names field and value, and the remedy. */
const REFUSED: readonly (readonly [set: readonly string[], says: readonly string[]])[] = [
  [['image.repository=""'], ["image.repository is empty", "docs/install.md", "--set image.repository="]],
  [['image.repository="example.com/operator:1.0"'], ['image.repository is "example.com/operator:1.0"', "write the tag into image.tag"]],
  [["ports.health=8080"], ["ports.metrics and ports.health are the same, 8080", "different numbers"]],
  [['config.leaderElection.leaseDuration="5s"'], ["leaseDuration is 5s", "renewDeadline is 10s", "make leaseDuration longer"]],
  [['config.leaderElection.leaseDuration="10s"'], ["leaseDuration is 10s", "renewDeadline is 10s"]],
  [['config.leaderElection.renewDeadline="0h0m2000ms"'], ["renewDeadline is 0h0m2000ms", "retryPeriod is 2s"]],
  [['config.leaderElection.retryPeriod="99ms"'], ["retryPeriod is 99ms", "at least 100ms"]],
  [['config.leaderElection.leaseDuration="2h"'], ["leaseDuration is 2h", "at most 1h"]],
  [["serviceAccount.create=false"], ["serviceAccount.name is empty", "name the account"]],
  [
    ["deploymentStrategy.rollingUpdate.maxUnavailable=0", 'deploymentStrategy.rollingUpdate.maxSurge="0%"'],
    ["maxUnavailable is 0", "maxSurge is 0%", "raise one"],
  ],
  [["podDisruptionBudget.minAvailable=2"], ["minAvailable is 2", "replicas is 2", "lower minAvailable"]],
  [['podDisruptionBudget.minAvailable="51%"'], ["minAvailable is 51%", "replicas is 2"]],
  [
    ['topologySpreadConstraints=[{"maxSkew":1,"minDomains":2,"topologyKey":"zone","whenUnsatisfiable":"ScheduleAnyway"}]'],
    ["minDomains is 2", "ScheduleAnyway", "needs DoNotSchedule"],
  ],
  [
    [
      'topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"},{"maxSkew":2,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]',
    ],
    ["topologySpreadConstraints has zone, DoNotSchedule twice"],
  ],
  [['dnsPolicy="None"'], ["dnsPolicy is None", "write dnsConfig.nameservers"]],
  [
    ['hostAliases=[{"ip":"10.0.0.1","hostnames":["a"]},{"ip":"10.0.0.1","hostnames":["b"]}]'],
    ["hostAliases has 10.0.0.1 twice: leave one out"],
  ],
  ...["10.0.0.1:5353", "[fd00::10]:5353"].map(
    (server) =>
      [
        [`config.dns.servers=["10.0.0.1","${server}"]`],
        [
          `\n- config.dns.servers has ${server} and networkPolicy.dnsPorts is [53]: `,
          "keep the pods from port 5353",
          "add 5353 to networkPolicy.dnsPorts",
        ],
      ] as const,
  ),
  ...["commonLabels", "podLabels", "metrics.podMonitor.labels", "metrics.dashboard.labels"].map(
    (field) => [[`${field}={"app.kubernetes.io/name":"x"}`], [`${field} has app.kubernetes.io/name: x`, "use another one"]] as const,
  ),
  [
    ['commonLabels={"rbac.authorization.k8s.io/aggregate-to-view":"true"}'],
    ["commonLabels has rbac.authorization.k8s.io/aggregate-to-view: true"],
  ],
  [['podAnnotations={"checksum/config":"x"}'], ["podAnnotations has checksum/config: x"]],
  [['extraArgs=["--config=/mine"]'], ["extraArgs has --config=/mine", "set it by config"]],
  [['extraEnv=[{"name":"POD_NAME","value":"x"}]'], ["extraEnv", "has POD_NAME twice"]],
  [['extraEnv=[{"name":"NODE_COMPILE_CACHE","value":"/x"}]'], ["extraEnv", "has NODE_COMPILE_CACHE twice"]],
  [['extraEnv=[{"name":"A","value":"1"},{"name":"A","value":"2"}]'], ["extraEnv", "has A twice"]],
  [['extraEnv=[{"name":"NODE_DEBUG","value":"http,LDAPTS"}]'], ["NODE_DEBUG with the value http,LDAPTS", "leave it out"]],
  [['extraVolumes=[{"name":"config","emptyDir":{}}]'], ["extraVolumes", "has config twice"]],
  [['extraVolumes=[{"name":"compiled","emptyDir":{}}]'], ["extraVolumes", "has compiled twice"]],
  [['extraVolumeMounts=[{"name":"ca","mountPath":"/ca"}]'], ["extraVolumeMounts has ca at /ca", "add one to extraVolumes"]],
  ...["/", "/app", "/app/src/", "/etc/serverfarm-operator/", "/etc/serverfarm-metrics", "/var/cache/serverfarm-operator"].map(
    (path) =>
      [
        [`extraVolumeMounts=[{"name":"config","mountPath":"${path}"}]`],
        [`extraVolumeMounts has config at ${path}`, "mount it elsewhere"],
      ] as const,
  ),
  [
    ['extraVolumeMounts=[{"name":"config","mountPath":"/x"},{"name":"config","mountPath":"/x/"}]'],
    ["extraVolumeMounts has /x twice: leave one out"],
  ],
  [
    ["metrics.service=false", "metrics.serviceMonitor.enabled=true"],
    ["metrics.serviceMonitor.enabled is true", "metrics.service is false", "set metrics.service to true, or use metrics.podMonitor"],
  ],
  [
    ["metrics.podMonitor.enabled=true", "metrics.serviceMonitor.enabled=true"],
    ["both true", "disable one"],
  ],
  [["metrics.secure.enabled=true"], ["metrics.secure.certificateSecret is empty", "name a Secret", "docs/install.md"]],
  [
    ["metrics.secure.enabled=true", 'metrics.secure.certificateSecret="tls"', "metrics.podMonitor.enabled=true"],
    ["metrics.secure.tokenSecret is empty", "use metrics.serviceMonitor"],
  ],
  [
    ["metrics.secure.enabled=true", 'extraVolumes=[{"name":"metrics-certificate","emptyDir":{}}]'],
    ["extraVolumes", "has metrics-certificate twice"],
  ],
  [['extraVolumeMounts=[{"name":"metrics-certificate","mountPath":"/x"}]'], ["no volume has this name"]],
  [
    ['metrics.podMonitor.scrapeTimeout="1m"'],
    ["metrics.podMonitor.scrapeTimeout is 1m", "metrics.podMonitor.interval is 30s", "shorten it"],
  ],
];

/** What the schema says, with the field's path and the value or what is allowed. */
const OF_THE_SCHEMA: readonly (readonly [set: string, field: string])[] = [
  ['image.repository="Team/operator"', "/image/repository"],
  ['image.repository="team//operator"', "/image/repository"],
  ['image.repository="team/operator/"', "/image/repository"],
  ['image.repository="team/operator@sha256:x"', "/image/repository"],
  ['metrics.prometheusRule.runbooks="a: {b"', "/metrics/prometheusRule/runbooks"],
  ["revisionHistoryLimit=-1", "/revisionHistoryLimit"],
  ['deploymentStrategy.type="OnDelete"', "/deploymentStrategy/type"],
  ['deploymentStrategy.rollingUpdate.maxSurge="101%"', "/deploymentStrategy/rollingUpdate/maxSurge"],
  ['namespaceOverride="A"', "/namespaceOverride"],
  ['commonLabels={"a":"not valid"}', "/commonLabels/a"],
  ['commonLabels={"not valid":"a"}', "/commonLabels"],
  ['podLabels={"a":1}', "/podLabels/a"],
  ["extraArgs=[1]", "/extraArgs/0"],
  ['compileCache.enabled="yes"', "/compileCache/enabled"],
  ['extraEnv=[{"name":"A","value":1}]', "/extraEnv/0/value"],
  ['extraEnv=[{"name":"A","value":"x","valueFrom":{"fieldRef":{"fieldPath":"x"}}}]', "/extraEnv/0"],
  ['extraEnv=[{"name":"1A"}]', "/extraEnv/0/name"],
  ["extraEnv=[null]", "/extraEnv/0"],
  ['extraVolumes=[{"name":"x"}]', "/extraVolumes/0"],
  ['extraVolumeMounts=[{"name":"config","mountPath":"x"}]', "/extraVolumeMounts/0/mountPath"],
  ['hostAliases=[{"ip":"10.0.0.256","hostnames":["a"]}]', "/hostAliases/0/ip"],
  ['hostAliases=[{"ip":"10.0.0.1","hostnames":[]}]', "/hostAliases/0/hostnames"],
  ['dnsPolicy="Never"', "/dnsPolicy"],
  ['dnsConfig.nameservers=["dns"]', "/dnsConfig/nameservers/0"],
  ['dnsConfig.search=["x"]', "search"],
  ["probes.liveness.periodSeconds=0", "/probes/liveness/periodSeconds"],
  ["probes.liveness.successThreshold=2", "successThreshold"],
  ['topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"zone"}]', "/topologySpreadConstraints/0"],
  ["podDisruptionBudget.minAvailable=0", "/podDisruptionBudget/minAvailable"],
  ["networkPolicy.dnsPorts=[]", "/networkPolicy/dnsPorts"],
  ["networkPolicy.directoryPorts=[]", "/networkPolicy/directoryPorts"],
  ["networkPolicy.directoryPorts=[null]", "/networkPolicy/directoryPorts/0"],
  ["networkPolicy.dnsTo=[{}]", "/networkPolicy/dnsTo/0"],
  ['networkPolicy.directoryCIDRs=["300.0.0.0/8"]', "/networkPolicy/directoryCIDRs/0"],
  ['networkPolicy.directoryCIDRs=["fd00:::/8"]', "/networkPolicy/directoryCIDRs/0"],
  ['metrics.podMonitor.interval="10s1m"', "/metrics/podMonitor/interval"],
  ["metrics.secure=true", "/metrics/secure"],
  ['metrics.secure.enabled="yes"', "/metrics/secure/enabled"],
  ['metrics.secure.certificateSecret="A"', "/metrics/secure/certificateSecret"],
  ['metrics.secure.tokenSecret="a/b"', "/metrics/secure/tokenSecret"],
  ["metrics.secure.certificate=true", "certificate"],
  ['metrics.podMonitor.interval=""', "/metrics/podMonitor/interval"],
  ['metrics.podMonitor.scrapeTimeout="soon"', "/metrics/podMonitor/scrapeTimeout"],
  ["metrics.serviceMonitor.relabelings=[{}]", "/metrics/serviceMonitor/relabelings/0"],
  ['resources.limits.memory="a lot"', "/resources/limits/memory"],
  ['resources.limits.memory="1K"', "/resources/limits/memory"],
  ['resources.limits.memory="1ki"', "/resources/limits/memory"],
  ['priorityClassName="High One"', "/priorityClassName"],
];

const pod = z.object({ spec: z.object({ template: z.object({ spec: z.looseObject({ containers: z.array(z.looseObject({})) }) }) }) });

/** The objects of a kind that these values render. */
async function renderedBy(kind: string, ...set: readonly string[]): Promise<readonly ReturnType<typeof parseRendered>[number][]> {
  return parseRendered(await template(...set.flatMap((value) => ["--set-json", value]))).filter((object) => object.kind === kind);
}

async function podOf(...set: readonly string[]): Promise<{ readonly pod: Values; readonly container: Values }> {
  const { template: found } = pod.parse((await renderedBy("Deployment", ...set))[0]).spec;
  const [container = {}] = found.spec.containers;
  return { pod: found.spec, container };
}

describe.skipIf(missing !== undefined)("the chart's values", () => {
  test.each(REFUSED)("%j is refused, with what to do", async (set, says) => {
    const said = await refusal(set);
    for (const part of says) expect(said).toContain(part);
  });

  test.each(OF_THE_SCHEMA)("%s is refused by the schema", async (set, field) => {
    expect(await refusal([set])).toContain(field);
  });

  test("null is refused for each of them, by its name and with its default, but where it takes a default away", async () => {
    const defaults = values.parse(parse(await readFile(`${CHART}/values.yaml`, "utf8")));
    const paths = pathsIn(defaults);
    const names = paths.map((path) => path.join("."));
    expect(names).toEqual(expect.arrayContaining(["networkPolicy.directoryPorts", "metrics", "config.leaderElection.retryPeriod"]));
    const parents = new Set(paths.map((path) => path.slice(0, -1).join(".")));
    for (const group of [names.filter((name) => !name.includes(".")), names.filter((name) => !parents.has(name))]) {
      const said = await refusal(group.map((name) => `${name}=null`));
      for (const name of group) expect(said).toContain(`\n- ${name} is null: `);
    }
    expect(await refusal(["networkPolicy.directoryPorts=null"])).toContain("leave it out to have its default, [636,389]");
    const own = ["nodeSelector.kubernetes\\.io/os=null", "resources.limits=null", "metrics.dashboard.labels.grafana_dashboard=null"];
    const { pod: spec } = await podOf(...own);
    expect(spec["nodeSelector"]).toBeUndefined();
  });

  test("all problems are told at once", async () => {
    const said = await refusal(['image.repository=""', 'dnsPolicy="None"', 'config.leaderElection.leaseDuration="5s"']);
    for (const field of ["image.repository", "dnsPolicy", "config.leaderElection.leaseDuration"])
      expect(said).toContain(`\n- ${field} is `);
  });

  test("no template is rendered without the check", async () => {
    const templates = (await readdir(`${CHART}/templates`)).filter((name) => name.endsWith(".yaml"));
    expect(templates.length).toBeGreaterThan(10);
    for (const name of templates)
      expect(await readFile(`${CHART}/templates/${name}`, "utf8"), name).toMatch(/^\{\{- include "serverfarm.validate" \. -\}\}\n/);
  });

  // What Helm takes for a good Lease, the program takes, too, and the other way round.
  test.each(["500ms", "999ms", "1s", "2000ms", "2s", "10s", "10001ms", "15s", "1m30s", "59m60s", "1h1ms"])(
    "leaseDuration %s is judged as the program judges it",
    async (leaseDuration) => {
      const text = `apiVersion: serverfarm.dev/v1alpha1\nkind: OperatorConfiguration\nnamespace: x\nleaderElection: {leaseDuration: ${leaseDuration}}\n`;
      const chart = await template("--set-json", `config.leaderElection.leaseDuration="${leaseDuration}"`).then(
        () => true,
        () => false,
      );
      expect(chart).toBe(parseConfig(text, undefined).ok);
    },
  );

  test.each([
    "10.0.0.10",
    "10.0.0.10:5353",
    "10.0.0.256",
    "10.0.0",
    "10.0.0.10:0",
    "10.0.0.10:65536",
    "fd00::10",
    "[fd00::10]:53",
    "[fd00::10",
    "dns1",
    "",
  ])("the DNS server %j is judged as the program judges it", async (server) => {
    const set = `config.dns.servers=${JSON.stringify([server])}`;
    const text = `apiVersion: serverfarm.dev/v1alpha1\nkind: OperatorConfiguration\nnamespace: x\ndns: {servers: ${JSON.stringify([server])}}\n`;
    if (!parseConfig(text, undefined).ok) {
      expect(await refusal([set])).toContain("/config/dns/servers/0");
      return;
    }
    const [config] = await renderedBy("ConfigMap", set, "networkPolicy.dnsPorts=[53,5353]");
    const { "config.yaml": file } = z.object({ "config.yaml": z.string() }).parse(config?.["data"]);
    expect(parseConfig(file, undefined)).toMatchObject({ ok: true, config: { dns: { servers: [server] } } });
  });

  test("the configuration that it writes is one that the program takes, whatever the names", async () => {
    for (const [release, namespace] of [
      [RELEASE, SYSTEM],
      ["123", "456"],
      ["a.b", "true"],
    ] as const) {
      const text = await helm("template", release, CHART, "--namespace", namespace, "--set", "image.repository=x");
      const [config] = parseRendered(text).filter(({ kind }) => kind === "ConfigMap");
      const { "config.yaml": file } = z.object({ "config.yaml": z.string() }).parse(config?.["data"]);
      expect(parseConfig(file, undefined)).toMatchObject({
        ok: true,
        config: { namespace, metrics: { address: "[::]:8080" }, health: { address: "[::]:8081" } },
      });
    }
  });

  test("the pod gets what is given", async () => {
    const { pod: spec, container } = await podOf(
      'extraArgs=["--kubeconfig","/kube/config"]',
      'extraEnv=[{"name":"NODE_EXTRA_CA_CERTS","value":"/ca/ca.crt"}]',
      'extraVolumes=[{"name":"ca","configMap":{"name":"ca"}}]',
      'extraVolumeMounts=[{"name":"ca","mountPath":"/ca"}]',
      'hostAliases=[{"ip":"fd00::1","hostnames":["dc1.contoso.com"]}]',
      'dnsPolicy="None"',
      'dnsConfig={"nameservers":["10.0.0.1","fd00::53"],"searches":["contoso.com"],"options":[{"name":"ndots","value":"2"}]}',
      "probes.liveness.initialDelaySeconds=7",
      "probes.readiness.failureThreshold=9",
      'podSecurityContext={"runAsUser":null,"runAsGroup":null,"fsGroup":null}',
      "securityContext.runAsNonRoot=true",
      'topologySpreadConstraints=[{"maxSkew":2,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]',
    );
    expect(container).toMatchObject({
      args: ["run", "--config", "/etc/serverfarm-operator/config.yaml", "--kubeconfig", "/kube/config"],
      env: [
        { name: "POD_NAME" },
        { name: "POD_NAMESPACE" },
        { name: "NODE_COMPILE_CACHE" },
        { name: "NODE_EXTRA_CA_CERTS", value: "/ca/ca.crt" },
      ],
      volumeMounts: [{ name: "config" }, { name: "compiled" }, { name: "ca", mountPath: "/ca" }],
      livenessProbe: { initialDelaySeconds: 7, periodSeconds: 20 },
      readinessProbe: { failureThreshold: 9 },
      securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true },
    });
    expect(spec).toMatchObject({
      volumes: [{ name: "config" }, { name: "compiled" }, { name: "ca", configMap: { name: "ca" } }],
      hostAliases: [{ ip: "fd00::1", hostnames: ["dc1.contoso.com"] }],
      dnsPolicy: "None",
      dnsConfig: { nameservers: ["10.0.0.1", "fd00::53"], searches: ["contoso.com"], options: [{ name: "ndots", value: "2" }] },
      topologySpreadConstraints: [
        { maxSkew: 2, topologyKey: "zone", labelSelector: { matchLabels: { "app.kubernetes.io/instance": RELEASE } } },
      ],
    });
    expect(spec["securityContext"]).toEqual({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
  });

  test.each([
    ["10.0.0.10", "53", true],
    ["10.0.0.10:53", "53", true],
    ["10.0.0.10:5353", "53,5353", true],
    ["10.0.0.10:5353", "5353", true],
    ["[fd00::10]", "53", true],
    ["[fd00::10]:1053", "1053", true],
    ["fd00::5353", "53", true],
    ["10.0.0.10:5353", "53", false],
    // Perhaps a Service whose pods listen on that port: a network policy applies to the pods.
    ["10.0.0.10", "5353", true],
    ["[fd00::10]:53", "5353", true],
  ])("the DNS server %s is reached by the ports %s, or nothing keeps the pods from it", async (server, ports, enabled) => {
    const set = [`config.dns.servers=["${server}"]`, `networkPolicy.dnsPorts=[${ports}]`, `networkPolicy.enabled=${enabled}`];
    expect(await renderedBy("NetworkPolicy", ...set)).toHaveLength(enabled ? 1 : 0);
    expect(JSON.stringify(await renderedBy("ConfigMap", ...set))).toContain(server);
  });

  test("every unit of a quantity is taken", async () => {
    const units = ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3"];
    const limits = Object.fromEntries(units.map((unit, index) => [`example.com/${index}`, `1.5${unit}`]));
    const { container } = await podOf(`resources.limits=${JSON.stringify(limits)}`);
    expect(container["resources"]).toMatchObject({ limits });
  });

  test("a constraint has the selector that it names, or that of the operator's pods", async () => {
    const constraint = { maxSkew: 1, whenUnsatisfiable: "DoNotSchedule" };
    const own = { matchLabels: { "app.kubernetes.io/name": RELEASE, "app.kubernetes.io/instance": RELEASE } };
    const given = [
      { ...constraint, topologyKey: "a", labelSelector: { matchLabels: { app: "mine" } } },
      { ...constraint, topologyKey: "b", labelSelector: { matchExpressions: [{ key: "app", operator: "Exists" }] } },
      { ...constraint, topologyKey: "c", labelSelector: {} },
      { ...constraint, topologyKey: "d" },
    ];
    const { pod: spec } = await podOf(`topologySpreadConstraints=${JSON.stringify(given)}`);
    expect(spec["topologySpreadConstraints"]).toEqual(given.map((one) => ({ labelSelector: own, ...one })));
  });

  test("the init container compiles into a volume that the operator reads only; without it there is none of it", async () => {
    const of = async (...set: readonly string[]): Promise<{ readonly all: string; readonly pod: Values; readonly container: Values }> => ({
      ...(await podOf(...set)),
      all: JSON.stringify(await renderedBy("Deployment", ...set)),
    });
    const { all, pod: spec, container } = await of('securityContext={"runAsNonRoot":true}', 'podAnnotations={"a":"b"}');
    const [env, mountPath] = [{ name: "NODE_COMPILE_CACHE", value: "/var/cache/serverfarm-operator" }, "/var/cache/serverfarm-operator"];
    const { image, imagePullPolicy, resources, securityContext } = container;
    const same = { image, imagePullPolicy, resources, securityContext };
    expect(spec["initContainers"]).toEqual([
      { name: "compile", ...same, args: ["compile"], env: [env], volumeMounts: [{ name: "compiled", mountPath }] },
    ]);
    expect(container["env"]).toContainEqual(env);
    expect(container["volumeMounts"]).toContainEqual({ name: "compiled", mountPath, readOnly: true });
    // A pod with a volume of its own keeps its node from being scaled down, unless it says that nothing is lost with it.
    const evictable = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";
    expect(all).toContain(`"${evictable}":"compiled"`);
    expect((await of(`podAnnotations={"${evictable}":"compiled,mine"}`)).all).toContain(`"${evictable}":"compiled,mine"`);
    const none = await of("compileCache.enabled=false", `extraVolumeMounts=[{"name":"config","mountPath":"${mountPath}"}]`);
    expect(none.all).not.toMatch(/compile/i);
    expect(none.container["volumeMounts"]).toContainEqual({ name: "config", mountPath });
    expect(none.pod).not.toHaveProperty("initContainers");
  });

  test("the Deployment, the budget and the CRDs do as they are told", async () => {
    const [deployment] = await renderedBy("Deployment", "revisionHistoryLimit=0", 'deploymentStrategy.type="Recreate"');
    expect(deployment?.["spec"]).toMatchObject({ revisionHistoryLimit: 0, strategy: { type: "Recreate" } });
    expect(JSON.stringify(deployment)).not.toContain("rollingUpdate");
    const [budget] = await renderedBy("PodDisruptionBudget", "replicas=3", 'podDisruptionBudget.minAvailable="50%"');
    expect(budget?.["spec"]).toMatchObject({ minAvailable: "50%" });
    expect(budget?.["spec"]).not.toHaveProperty("maxUnavailable");
    const keep = async (...set: readonly string[]): Promise<readonly unknown[]> =>
      (await renderedBy("CustomResourceDefinition", ...set)).map(({ metadata }) => metadata["annotations"]);
    expect(await keep()).toEqual([{ "helm.sh/resource-policy": "keep" }, { "helm.sh/resource-policy": "keep" }]);
    expect(await keep("crds.keep=false")).toEqual([undefined, undefined]);
  });

  test("common labels are on every object and on the pods, in no selector; what is nearer wins", async () => {
    const set = [
      'commonLabels={"team":"ad","tier":"common"}',
      'podLabels={"tier":"pod"}',
      "metrics.serviceMonitor.enabled=true",
      "metrics.prometheusRule.enabled=true",
      "metrics.dashboard.enabled=true",
    ];
    const all = parseRendered(await template(...set.flatMap((value) => ["--set-json", value])));
    expect(all.length).toBeGreaterThan(15);
    for (const { kind, metadata } of all) expect(metadata.labels, kind).toMatchObject({ team: "ad", tier: "common" });
    const [deployment] = all.filter(({ kind }) => kind === "Deployment");
    const selecting = { spec: z.object({ selector: z.unknown(), template: z.object({ metadata: z.object({ labels: z.unknown() }) }) }) };
    const { spec } = z.object(selecting).parse(deployment);
    expect(spec.template.metadata.labels).toMatchObject({ team: "ad", tier: "pod" });
    expect(JSON.stringify(spec.selector)).not.toContain("team");
  });

  test("namespaceOverride is where everything goes, and where the operator looks", async () => {
    const text = await template("--set", "namespaceOverride=elsewhere", "--set", "metrics.podMonitor.enabled=true");
    expect(text).not.toContain(SYSTEM);
    for (const { kind, metadata } of parseRendered(text))
      expect(metadata.namespace, kind).toBe(/^(Cluster|CustomResource|ValidatingAdmission)/.test(kind) ? undefined : "elsewhere");
    expect(text).toContain('namespace: "elsewhere"\n    watchNamespaces');
  });

  test("no rule of the network policy is without ports, and DNS is asked where it listens", async () => {
    const rules = z.object({ egress: z.array(z.object({ ports: z.array(z.object({ port: z.int(), protocol: z.string() })).min(1) })) });
    const [policy] = await renderedBy("NetworkPolicy", "networkPolicy.dnsPorts=[53,5353]", 'networkPolicy.directoryCIDRs=["fd00:1::/32"]');
    const { egress } = rules.parse(policy?.["spec"]);
    expect(egress[0]?.ports.map(({ port, protocol }) => `${protocol} ${port}`)).toEqual(["UDP 53", "TCP 53", "UDP 5353", "TCP 5353"]);
    expect(JSON.stringify(policy)).toContain('"cidr":"fd00:1::/32"');
  });

  test.each(["podMonitor", "serviceMonitor"])("a %s says how it scrapes", async (monitor) => {
    const relabeling = '[{"action":"labeldrop","regex":"pod"}]';
    const set = [`enabled=true`, `scrapeTimeout="20s"`, `relabelings=${relabeling}`, `metricRelabelings=${relabeling}`];
    const [found] = await renderedBy(
      monitor === "podMonitor" ? "PodMonitor" : "ServiceMonitor",
      ...set.map((value) => `metrics.${monitor}.${value}`),
    );
    const spec = values.parse(found?.["spec"]);
    const drop = [{ action: "labeldrop", regex: "pod" }];
    expect(spec[monitor === "podMonitor" ? "podMetricsEndpoints" : "endpoints"]).toEqual([
      { port: "metrics", interval: "30s", scrapeTimeout: "20s", honorLabels: true, relabelings: drop, metricRelabelings: drop },
    ]);
  });

  test("the alerts of a release are about its own Lease, and lead to where its runbooks are", async () => {
    const rules = z.object({ expr: z.string(), annotations: z.object({ runbook_url: z.string() }), alert: z.string() });
    const spec = z.object({ groups: z.array(z.object({ rules: z.array(rules).min(12) })).length(1) });
    const of = async (...set: readonly string[]): Promise<readonly z.infer<typeof rules>[]> => {
      const args = ["metrics.prometheusRule.enabled=true", ...set].flatMap((value) => ["--set", value]);
      const text = await helm("template", "farms", CHART, "--namespace", SYSTEM, "--set", "image.repository=x", ...args);
      const objects = parseRendered(text);
      const [config] = objects.filter(({ kind }) => kind === "ConfigMap");
      const { "config.yaml": file } = z.object({ "config.yaml": z.string() }).parse(config?.["data"]);
      expect(parseConfig(file, undefined)).toMatchObject({
        ok: true,
        config: { leaderElection: { leaseName: "farms-serverfarm-operator" } },
      });
      const [found] = objects.filter(({ kind }) => kind === "PrometheusRule");
      return spec.parse(found?.["spec"]).groups.flatMap((group) => group.rules);
    };
    const alerts = await of("metrics.prometheusRule.runbooks=https://wiki.contoso.com/farms");
    const leases = alerts.flatMap(({ expr }) => [...expr.matchAll(/leader_election_master_status\{name="([^"]*)"\}/g)]);
    expect(leases.map(([, name]) => name)).toEqual(["farms-serverfarm-operator", "farms-serverfarm-operator"]);
    for (const { alert, annotations } of alerts) expect(annotations.runbook_url).toBe(`https://wiki.contoso.com/farms/${alert}.md`);
    for (const { alert, annotations } of await of()) expect(annotations.runbook_url).toBe(`docs/runbooks/${alert}.md`);
  });

  test("metrics over TLS: the operator has the certificate, and monitors check it and send a token", async () => {
    const set = ["metrics.secure.enabled=true", 'metrics.secure.certificateSecret="cert"'];
    const { pod: spec, container } = await podOf(...set);
    expect(spec["volumes"]).toEqual([
      { name: "config", configMap: { name: RELEASE } },
      { name: "compiled", emptyDir: { sizeLimit: "64Mi" } },
      { name: "metrics-certificate", secret: { secretName: "cert" } },
    ]);
    expect(container["volumeMounts"]).toContainEqual({ name: "metrics-certificate", mountPath: "/etc/serverfarm-metrics", readOnly: true });
    const [config] = await renderedBy("ConfigMap", ...set);
    const { "config.yaml": file } = z.object({ "config.yaml": z.string() }).parse(config?.["data"]);
    expect(parseConfig(file, undefined)).toMatchObject({
      ok: true,
      config: {
        metrics: {
          address: "[::]:8080",
          tls: { certFile: "/etc/serverfarm-metrics/tls.crt", keyFile: "/etc/serverfarm-metrics/tls.key" },
          authentication: "Kubernetes",
        },
      },
    });
    const scraped = {
      port: "metrics",
      interval: "30s",
      honorLabels: true,
      scheme: "https",
      tlsConfig: { serverName: `${RELEASE}-metrics.${SYSTEM}.svc`, ca: { secret: { name: "cert", key: "ca.crt" } } },
    };
    const [service] = await renderedBy("ServiceMonitor", ...set, "metrics.serviceMonitor.enabled=true");
    const bearerTokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    expect(values.parse(service?.["spec"])["endpoints"]).toEqual([{ ...scraped, bearerTokenFile }]);
    const [pods] = await renderedBy("PodMonitor", ...set, 'metrics.secure.tokenSecret="token"', "metrics.podMonitor.enabled=true");
    const authorization = { type: "Bearer", credentials: { name: "token", key: "token" } };
    expect(values.parse(pods?.["spec"])["podMetricsEndpoints"]).toEqual([{ ...scraped, authorization }]);
  });

  test("the plain manifest names no image that a node could ask for", async () => {
    const [, image = ""] = /^ +image: "(.*)"$/m.exec(await readFile(`${ROOT}/deploy/install.yaml`, "utf8")) ?? [];
    expect(image).toBe("<REPOSITORY>/serverfarm-operator:0.1.0");
    // The characters of an image's reference: one with others is refused before anything is pulled.
    expect(image).not.toMatch(/^[A-Za-z0-9._:@/[\]-]+$/);
  });

  test("it says whose it is, and leads nowhere but to the project's own domain", async () => {
    const chart = z
      .object({
        home: z.url(),
        icon: z.string(),
        sources: z.array(z.url()).min(1),
        maintainers: z.array(z.object({ name: z.string().min(1), url: z.url() })).min(1),
      })
      .parse(parse(await readFile(`${CHART}/Chart.yaml`, "utf8")));
    const { group } = z
      .object({ spec: z.object({ group: z.string() }) })
      .parse(parse(await readFile(`${CHART}/files/crds/serverfarms.yaml`, "utf8"))).spec;
    for (const url of [chart.home, ...chart.sources, ...chart.maintainers.map(({ url }) => url)]) expect(new URL(url).hostname).toBe(group);
    const [, icon = ""] = /^data:image\/svg\+xml;base64,(.*)$/.exec(chart.icon) ?? [];
    expect(Buffer.from(icon, "base64").toString()).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg".*<\/svg>$/);
  });
});
