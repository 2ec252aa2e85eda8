/** Metrics over TLS, for those whom the API server lets read them: nobody else, and nobody at all while it does not say. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Authority } from "../harness/certificates.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { scrapeSecure } from "../harness/scrape.ts";
import { available, cluster, createNamespace, startOperator, SYSTEM } from "../harness/world.ts";

const NAMESPACE = "scraping";
const REVIEWER = "metrics-reviewer";
const READER = "metrics-reader";
const RBAC = { apiVersion: "rbac.authorization.k8s.io/v1" };

function bound(role: string, subject: { readonly name: string; readonly namespace: string }, rules: readonly object[]): readonly object[] {
  return [
    { ...RBAC, kind: "ClusterRole", metadata: { name: role }, rules },
    {
      ...RBAC,
      kind: "ClusterRoleBinding",
      metadata: { name: role },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
      subjects: [{ kind: "ServiceAccount", ...subject }],
    },
  ];
}

describe.skipIf(!available)("metrics with access", () => {
  let dir: string;
  let authority: Authority;
  let operator: Operator;

  beforeAll(async () => {
    dir = await mkdtemp(`${tmpdir()}/serverfarm-metrics-`);
    authority = await Authority.create("metrics");
    const { cert, key } = await authority.certify(["127.0.0.1"]);
    await writeFile(`${dir}/tls.crt`, cert);
    await writeFile(`${dir}/tls.key`, key);
    await createNamespace(NAMESPACE);
    for (const name of ["reader", "stranger", "late", "later"])
      await cluster.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: NAMESPACE } });
    await cluster.apply(
      ...bound(REVIEWER, { name: "serverfarm-operator", namespace: SYSTEM }, [
        { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
        { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
      ]),
      ...bound(READER, { name: "reader", namespace: NAMESPACE }, [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }]),
    );
    operator = await startOperator({
      metrics: { tls: { certFile: `${dir}/tls.crt`, keyFile: `${dir}/tls.key` }, authentication: "Kubernetes" },
    });
  });

  afterAll(async () => {
    expect(await operator.stop()).toBe(0);
    for (const name of [REVIEWER, READER]) for (const kind of ["ClusterRoleBinding", "ClusterRole"]) await cluster.delete(kind, name);
    await rm(dir, { recursive: true });
  });

  const scrape = (authorization?: string): ReturnType<typeof scrapeSecure> => scrapeSecure(operator, authority.cert, authorization);
  const bearer = async (name: string): Promise<string> => `Bearer ${await cluster.serviceAccountToken(NAMESPACE, name)}`;
  const answers = (authorization: string, wanted: number): Promise<number> =>
    waitFor(
      `the answer ${wanted}`,
      async () => (await scrape(authorization)).status,
      (status) => status === wanted,
    );

  test("nobody without a token that the API server knows is told anything", async () => {
    for (const authorization of [undefined, "Bearer nonsense", "Bearer ", "Basic YTpi", (await bearer("reader")).slice("Bearer ".length)]) {
      const { status, text, challenge } = await scrape(authorization);
      expect([status, challenge], authorization?.slice(0, 10)).toEqual([401, "Bearer"]);
      expect(text).not.toContain("serverfarm_");
    }
  });

  test("who may not is refused, who may gets them, and in the clear there is nothing", async () => {
    // The API server learns of a role by a watch of its own.
    const reader = await bearer("reader");
    await answers(reader, 200);
    const { text } = await scrape(reader);
    expect(text).toMatch(/^serverfarm_build_info\{/m);
    const refused = await scrape(await bearer("stranger"));
    expect(refused.status).toBe(403);
    expect(refused.text).not.toContain("serverfarm_build_info");
    await expect(fetch(operator.metricsUrl)).rejects.toThrow("fetch failed");
    await expect(fetch(operator.metricsUrl, { headers: { authorization: reader } })).rejects.toThrow("fetch failed");
  });

  test("probes ask nobody", async () => {
    expect(await waitFor("readiness", async () => (await operator.ready()).status === 200)).toBe(true);
  });

  test.each(["tokenreviews", "subjectaccessreviews"])(
    "without the operator's own right to %s nobody is let in, and it is said",
    async (missing) => {
      const role = await cluster.get("ClusterRole", REVIEWER);
      const rules = z.array(z.looseObject({ resources: z.array(z.string()) })).parse(role["rules"]);
      await cluster.patch("ClusterRole", REVIEWER, undefined, { rules: rules.filter(({ resources }) => !resources.includes(missing)) });
      try {
        await waitFor(
          "the answer 500",
          // Each time a token that was never asked for, since what was is remembered.
          async () => (await scrape(await bearer("late"))).status,
          (status) => status === 500,
        );
        expect(await waitFor("the line", () => operator.log.includes("nobody may read the metrics"))).toBe(true);
      } finally {
        await cluster.patch("ClusterRole", REVIEWER, undefined, { rules });
      }
      await waitFor(
        "the answer 403",
        async () => (await scrape(await bearer("late"))).status,
        (status) => status === 403,
      );
    },
  );

  test("while the API server is away, whoever was let in a moment ago still is, and nobody else", { timeout: 120_000 }, async () => {
    const [reader, later] = [await bearer("reader"), await bearer("later")];
    await answers(reader, 200);
    await cluster.stopApiServer();
    try {
      expect((await scrape(reader)).status).toBe(200);
      expect((await scrape(later)).status).toBe(500);
    } finally {
      await cluster.startApiServer();
    }
    await answers(later, 403);
  });

  test("a certificate that was renewed is shown without a restart, and no token is in the log", { timeout: 60_000 }, async () => {
    const reader = await bearer("reader");
    await answers(reader, 200);
    authority = await Authority.create("metrics-renewed");
    const { cert, key } = await authority.certify(["127.0.0.1"]);
    await writeFile(`${dir}/tls.crt`, cert);
    await writeFile(`${dir}/tls.key`, key);
    await waitFor("the renewed certificate", async () => (await scrape(reader)).status === 200);
    expect(operator.log).not.toContain(reader.slice("Bearer ".length));
  });
});
