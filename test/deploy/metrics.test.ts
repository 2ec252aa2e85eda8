/** The chart's metrics over TLS: with exactly its rights the operator lets in who may, and each of these rights is needed. */
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { Authority } from "../harness/certificates.ts";
import { mentionedIn } from "../harness/docs.ts";
import { CHART, helm, helmMissing, IMAGE, RELEASE } from "../harness/helm.ts";
import { Kube, kubeAssets } from "../harness/kube.ts";
import { SYSTEM } from "../harness/manifests.ts";
import { Operator } from "../harness/operator.ts";
import { run, waitFor } from "../harness/process.ts";
import { scrapeSecure } from "../harness/scrape.ts";

const missing = await helmMissing();
if (missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);

const SECURE = ["--set", "metrics.secure.enabled=true", "--set", "metrics.secure.certificateSecret=metrics"];
const rules = z.array(z.looseObject({ verbs: z.array(z.string()), resources: z.array(z.string()).default([]) }));

describe.skipIf(missing !== undefined)("the chart's metrics over TLS", () => {
  const dir = `${tmpdir()}/serverfarm-chart-metrics-${crypto.randomUUID()}`;
  const kube = new Kube(`${dir}/kube`);
  const shell = (command: string): Promise<string> =>
    run("bash", ["-c", command], { env: { KUBECONFIG: kube.kubeconfig, PATH: `${kubeAssets()}:${process.env["PATH"]}` } });
  let authority: Authority;
  let operator: Operator;
  /** The roles of the chart without it. */
  let plain: string;

  beforeAll(async () => {
    [authority] = await Promise.all([Authority.create("metrics"), kube.up()]);
    for (const name of [SYSTEM, "monitoring"]) await shell(`kubectl create namespace ${name}`);
    for (const name of ["prometheus-k8s", "stranger"]) await shell(`kubectl create serviceaccount ${name} -n monitoring`);
    const release = (verb: string, ...set: readonly string[]): Promise<string> =>
      helm(verb, RELEASE, CHART, ...IMAGE, ...set, "--kubeconfig", kube.kubeconfig, "--namespace", SYSTEM);
    await release("install");
    plain = await shell("kubectl get clusterrole -o json");
    await release("upgrade", ...SECURE);
    const { cert, key } = await authority.certify(["127.0.0.1"]);
    await writeFile(`${dir}/tls.crt`, cert);
    await writeFile(`${dir}/tls.key`, key);
    // The configuration that the pods get, with its files where they are here.
    const { data } = z.object({ data: z.object({ "config.yaml": z.string() }) }).parse(await kube.get("ConfigMap", RELEASE, SYSTEM));
    const { metrics } = z
      .object({ metrics: z.object({ tls: z.record(z.string(), z.string()), authentication: z.string() }) })
      .parse(parse(data["config.yaml"]));
    const tls = Object.fromEntries(Object.entries(metrics.tls).map(([name, file]) => [name, file.replace("/etc/serverfarm-metrics", dir)]));
    operator = await Operator.start({
      kubeconfig: await kube.serviceAccountKubeconfig(SYSTEM, RELEASE),
      metrics: { tls, authentication: metrics.authentication },
    });
  }, 120_000);

  afterAll(async () => {
    await operator.stop();
    await kube.down();
    await rm(dir, { recursive: true, force: true });
  });

  /** With a token that the operator has not seen before. */
  const status = async (account: string): Promise<number> =>
    (await scrapeSecure(operator, authority.cert, `Bearer ${await kube.serviceAccountToken("monitoring", account)}`)).status;
  const becomes = (account: string, wanted: number): Promise<number> =>
    waitFor(
      `${account} to be told ${wanted}`,
      () => status(account),
      (found) => found === wanted,
    );

  test("nobody gets them who is not bound; the page's own command binds Prometheus", async () => {
    expect((await scrapeSecure(operator, authority.cert)).status).toBe(401);
    await expect(fetch(operator.metricsUrl)).rejects.toThrow("fetch failed");
    expect(await status("prometheus-k8s")).toBe(403);
    const command = (await mentionedIn("docs/install.md")).find((text) => text.startsWith("kubectl create clusterrolebinding"));
    expect(await shell(command ?? "false")).toContain("created");
    await becomes("prometheus-k8s", 200);
    expect(await status("stranger")).toBe(403);
  });

  test("each right is needed: the operator's to ask, and the reader's to read", { timeout: 120_000 }, async () => {
    const rights: readonly (readonly [role: string, what: string, without: number])[] = [
      [RELEASE, "tokenreviews", 500],
      [RELEASE, "subjectaccessreviews", 500],
      [`${RELEASE}-metrics-reader`, "", 403],
    ];
    for (const [role, what, without] of rights) {
      const given = rules.parse((await kube.get("ClusterRole", role))["rules"]);
      const left = given.filter(({ resources }) => what !== "" && !resources.includes(what));
      expect(left).toHaveLength(given.length - 1);
      await kube.patch("ClusterRole", role, undefined, { rules: left });
      await becomes("prometheus-k8s", without);
      await kube.patch("ClusterRole", role, undefined, { rules: given });
      await becomes("prometheus-k8s", 200);
    }
  });

  test("the chart without it asks for none of these rights", () => {
    const roles = z.object({ items: z.array(z.looseObject({ metadata: z.object({ name: z.string() }) })) }).parse(JSON.parse(plain)).items;
    const own = roles.filter(({ metadata }) => metadata.name.startsWith(RELEASE));
    expect(own.map(({ metadata }) => metadata.name)).toEqual([RELEASE, `${RELEASE}-edit`, `${RELEASE}-view`]);
    expect(JSON.stringify(own)).not.toMatch(/review|nonResourceURLs/);
  });
});
