/**
 * The chart's admission policy on a real API server: one table of manifests (test/policy) through it and through the operator's own rules. What it refuses
 * the operator would refuse, in the same words; what it cannot judge passes.
 */
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { z } from "zod";
import { TENANTS } from "../../deploy/admission.ts";
import { type PolicyDomain } from "../../src/policy/asked.ts";
import { judge, readTenants, tenantsOf } from "../../src/policy/judge.ts";
import type { TenantSpec } from "../../src/policy/selector.ts";
import type { Manifest } from "../harness/cluster.ts";
import { CHART, helm, helmMissing, IMAGE, parseRendered, template } from "../harness/helm.ts";
import { manifests } from "../harness/install.ts";
import { Kube } from "../harness/kube.ts";
import { domainAt } from "../harness/manifests.ts";
import { waitFor } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { reservedName } from "../../src/names/account-name.ts";
import { anyFarm, anyTenant } from "../policy/any-farm.ts";
import { DOMAIN, farmOf, type FarmSpec, tenantOf } from "../policy/farms.ts";
import { FARMS, many, type Refuses, type Row, SHOP } from "../policy/manifests.ts";
import { OTHERS } from "../policy/other-tenants.ts";
import { UPDATES } from "../policy/updates.ts";

const missing = await helmMissing();
if (missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);

const POLICY = "ValidatingAdmissionPolicy";

function domainNamed(name: string, tenants: readonly TenantSpec[] | undefined): Manifest {
  const { accountContainer, groupContainer } = DOMAIN;
  return domainAt("ldaps://dc1.contoso.com", { defaults: { accountContainer, groupContainer }, ...(tenants ? { tenants } : {}) }, name);
}

function farmIn(domain: string, spec: FarmSpec): Manifest {
  const { metadata, ...farm } = farmOf({ ...spec, domainRef: { name: domain } });
  return { apiVersion: "serverfarm.dev/v1alpha1", kind: "ServerFarm", metadata: { name: metadata.name, namespace: SHOP.name }, ...farm };
}

/** What the operator says; undefined where it allows the farm. */
function operatorSays(name: string, tenants: readonly TenantSpec[] | undefined, farm: FarmSpec): string | undefined {
  const domain: PolicyDomain = { ...DOMAIN, name };
  const verdict = tenants && judge(farmOf(farm), tenantsOf(readTenants(tenants, domain), SHOP), domain);
  return verdict?.kind === "NotAllowed" ? verdict.message : undefined;
}

const ALL: readonly { readonly domain: string; readonly tenants: readonly TenantSpec[] | undefined; readonly rows: readonly Row[] }[] = [
  { domain: "contoso", tenants: [tenantOf()], rows: FARMS },
  ...Object.entries(OTHERS).map(([name, of]) => ({ domain: name.toLowerCase(), ...of })),
];

/** Each with a farm and a domain of its own. */
const CHANGES = UPDATES.map((update, index) => ({ ...update, name: `web-u${index}`, domain: `update-${index}` }));

function numbered(tenant: TenantSpec, index: number): TenantSpec {
  return { ...tenant, name: `t${index}` };
}

const NAMES = [
  ...["ldap/x", "LDAP/x", "gc/x:3268", "dns/x.y", "krbtgt/x", "kadmin/x", "changepw/x", "E3514235-4B06-11D1-AB04-00C04FC2DCD2/x"],
  ...["Dfsr-12F9A27C/x", "NtFrs-88f5/x", "dfsrx/x", "RestrictedKrbHost/x", "TERMSRV/x", "HOST/x/y", "HOST/x", "host/x:1", "ldaps/x"],
  ...["http/contoso.com", "http/Contoso.com.", "http/CONTOSO", "http/CONTOSO:80/x", "http/x.contoso.com", "http/contoso.com.au"],
  ...["http/a._msdcs.contoso.com", "http/_msdcs", "http/x_msdcs.y", "http/x/contoso.com", "http/x:contoso.com"],
];

describe.skipIf(missing !== undefined)("the admission policy", () => {
  const dir = `${tmpdir()}/serverfarm-admission-${crypto.randomUUID()}`;
  const kube = new Kube(`${dir}/kube`);
  const denied = (name: string): string =>
    `serverfarms.serverfarm.dev "${name}" is forbidden: ${POLICY} 'serverfarm-operator' with binding 'serverfarm-operator' denied request: `;

  async function applyPolicy(failurePolicy?: string): Promise<void> {
    for (const object of parseRendered(await template("--show-only", "templates/admission.yaml"))) {
      const { spec } = z.object({ spec: z.looseObject({}) }).parse(object);
      await kube.apply({ ...object, spec: object.kind === POLICY && failurePolicy !== undefined ? { ...spec, failurePolicy } : spec });
    }
  }

  beforeAll(async () => {
    await kube.up();
    for (const name of ["activedirectorydomains", "serverfarms"]) await kube.apply(...(await manifests(`${ROOT}/crds/${name}.yaml`)));
    await kube.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: SHOP.name, labels: SHOP.labels } });
    await waitFor("the API of farms", async () => (await kube.list("ActiveDirectoryDomain")).length === 0);
    for (const { name, domain, before, moved } of CHANGES) await kube.apply(farmIn(moved ? "elsewhere" : domain, { name, ...before }));
    for (const { domain, tenants } of ALL) await kube.apply(domainNamed(domain, tenants));
    for (const { domain, tenants = [tenantOf()] } of CHANGES) await kube.apply(domainNamed(domain, tenants));
    await kube.call("PATCH", `${kube.path("ActiveDirectoryDomain", undefined, "everything")}/status`, {
      body: { status: { netBIOSName: "CONTOSO" } },
      contentType: "application/merge-patch+json",
    });
    // Strict, so that what cannot be evaluated is seen and not passed over.
    await applyPolicy("Fail");
    const last = farmIn(CHANGES.at(-1)?.domain ?? "", { name: "x" });
    await waitFor("the policy", async () => (await kube.dryRun(last)).includes(POLICY));
  }, 240_000);

  afterAll(async () => {
    await kube.down();
    await rm(dir, { recursive: true, force: true });
  });

  test("is sound for the API server, types and all", async () => {
    const status = await waitFor(
      "the policy's status",
      async () => (await kube.get(POLICY, "serverfarm-operator"))["status"],
      (found) => JSON.stringify(found).includes("typeChecking"),
    );
    expect(status).toEqual({ observedGeneration: 1, typeChecking: {} });
  });

  test("comes with the chart by default, under the name of its release, and with install.yaml; an older Kubernetes is told", async () => {
    const kinds = (text: string): readonly string[] =>
      parseRendered(text).flatMap(({ kind, metadata }) => (kind.startsWith(POLICY) ? `${kind} ${metadata.name}` : []));
    const named = [`${POLICY} serverfarm-operator`, `${POLICY}Binding serverfarm-operator`];
    expect(kinds(await template())).toEqual(named);
    expect(kinds(await readFile(`${ROOT}/deploy/install.yaml`, "utf8"))).toEqual(named);
    expect(kinds(await helm("template", "other", CHART, ...IMAGE))).toEqual([
      `${POLICY} other-serverfarm-operator`,
      `${POLICY}Binding other-serverfarm-operator`,
    ]);
    expect(kinds(await template("--set", "admission.enabled=false", "--kube-version", "1.29.3"))).toEqual([]);
    await expect(template("--kube-version", "1.29.3")).rejects.toThrow(
      /admission\.enabled is true and Kubernetes is v1\.29\.3: .*set admission\.enabled to false/,
    );
    expect(kinds(await template("--kube-version", "1.30.0"))).toEqual(named);
  });

  test("is kept by Kubernetes as it is rendered", async () => {
    for (const { kind, metadata, ...rendered } of parseRendered(await template("--show-only", "templates/admission.yaml"))) {
      const { spec } = await kube.get(kind, metadata.name);
      expect(spec).toEqual(kind === POLICY ? { ...z.looseObject({}).parse(rendered["spec"]), failurePolicy: "Fail" } : rendered["spec"]);
    }
  });

  test("knows as many tenants as a domain can have", async () => {
    const crd = parseDocument(await readFile(`${ROOT}/crds/activedirectorydomains.yaml`, "utf8"));
    const tenants = ["spec", "versions", 0, "schema", "openAPIV3Schema", "properties", "spec", "properties", "tenants"];
    expect(crd.getIn([...tenants, "maxItems"])).toBe(TENANTS);
  });

  describe.each(ALL)("of the domain $domain", ({ domain, tenants, rows }) => {
    test.each(rows)("%s: refused by %s", async (_, refuses, farm) => {
      const says = operatorSays(domain, tenants, farm);
      if (refuses !== "Schema") expect(says === undefined).toBe(refuses === "Nobody");
      const answer = await kube.dryRun(farmIn(domain, farm));
      const expected: Readonly<Record<Refuses, () => void>> = {
        Nobody: () => expect(answer).toBe("accepted"),
        Operator: () => expect(answer).toBe("accepted"),
        Both: () => expect(answer).toBe(`${denied(farmOf(farm).metadata.name)}${says}`),
        Schema: () => expect(answer).toMatch(/ is invalid: /),
      };
      expected[refuses]();
    });
  });

  describe("when a farm changes", () => {
    test.each(CHANGES)("$told: refused by $refuses", async ({ refuses, name, domain, after, says, tenants = [tenantOf()] }) => {
      const verdict = operatorSays(domain, tenants, { name, ...after });
      expect(verdict === undefined).toBe(refuses === "Nobody");
      const answer = await kube.dryRun(farmIn(domain, { name, ...after }));
      if (refuses !== "Both") expect(answer).toBe("accepted");
      else if (says === undefined) expect(answer).toBe(`${denied(name)}${verdict}`);
      else expect(answer).toContain(says);
    });

    test("what is not of its spec passes, and so does all that is asked of one that ends", async () => {
      const name = "web-ending";
      await kube.apply(farmIn("unjudged", { name, hosts: { computers: ["SQL01"] } }));
      await kube.apply(domainNamed("unjudged", []));
      await waitFor("the domain", async () => (await kube.dryRun(farmIn("unjudged", { name: "x" }))).includes(POLICY));
      const more = { spec: { hosts: { computers: ["SQL02"] } } };
      await kube.patch("ServerFarm", name, SHOP.name, { metadata: { finalizers: ["serverfarm.dev/decommission"], labels: { a: "b" } } });
      await kube.call("PATCH", `${kube.path("ServerFarm", SHOP.name, name)}/status`, {
        body: { status: { observedGeneration: 1 }, ...more },
        contentType: "application/merge-patch+json",
      });
      await expect(kube.patch("ServerFarm", name, SHOP.name, more)).rejects.toThrow(POLICY);
      await kube.delete("ServerFarm", name, SHOP.name, 0);
      await kube.patch("ServerFarm", name, SHOP.name, more);
      await kube.patch("ServerFarm", name, SHOP.name, { metadata: { finalizers: null } });
      await kube.waitGone("ServerFarm", name, SHOP.name);
    });
  });

  describe("of names that no farm can have", () => {
    test.each(NAMES)("%s", async (name) => {
      const farm = { name: "web-names", servicePrincipalNames: [name, "any/thing"] };
      const rule = reservedName(name, { dnsName: DOMAIN.dnsName, netBIOSName: "CONTOSO" });
      expect(await kube.dryRun(farmIn("everything", farm))).toBe(
        rule === undefined ? "accepted" : `${denied(farm.name)}${name} cannot be set, since ${rule}: remove it from servicePrincipalNames.`,
      );
    });

    test("where nothing is limited, too", async () => {
      const farm = farmIn("absent", { servicePrincipalNames: ["a/b", "ldap/b", "krbtgt/b"] });
      expect(await kube.dryRun(farm)).toMatch(/ldap\/b cannot be set, .*controllers: .* krbtgt\/b cannot be set, .*KDC/);
    });
  });

  test("whatever a farm asks for, what the operator allows passes", { timeout: 600_000 }, async () => {
    const seed = Date.now();
    const domains = fc.sample(fc.array(anyTenant, { minLength: 1, maxLength: 2 }), { numRuns: 18, seed });
    for (const [index, tenants] of domains.entries()) await kube.apply(domainNamed(`any-${index}`, tenants.map(numbered)));
    await kube.apply(domainNamed("any-last", []));
    await waitFor("the domains", async () => (await kube.dryRun(farmIn("any-last", { name: "x" }))).includes(POLICY));
    const seen = { allowed: 0, refused: 0, same: 0, operator: 0 };
    for (const [index, tenants] of domains.entries()) {
      const domain = `any-${index}`;
      const farms = fc.sample(anyFarm, { numRuns: 20, seed: seed + index });
      const answers = await Promise.all(farms.map((farm) => kube.dryRun(farmIn(domain, farm))));
      for (const [number, farm] of farms.entries()) {
        const answer = answers[number] ?? "";
        if (answer.includes(" is invalid: ")) continue;
        const says = operatorSays(domain, tenants.map(numbered), farm);
        if (answer !== "accepted") expect(says, `seed ${seed}: ${JSON.stringify([farm, tenants])}: ${answer}`).toBeDefined();
        if (answer === `${denied("w")}${says}`) seen.same++;
        seen[says === undefined ? "allowed" : answer === "accepted" ? "operator" : "refused"]++;
      }
    }
    for (const count of [seen.allowed, seen.refused, seen.same]) expect(count, JSON.stringify(seen)).toBeGreaterThan(20);
  });

  test("judges where its release watches, beside that of another release", async () => {
    const rest = ["--set", "config.watchNamespaces={web}", "--show-only", "templates/admission.yaml"];
    await kube.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "web" } });
    await kube.apply(...parseRendered(await helm("template", "other", CHART, ...IMAGE, ...rest)));
    const watched = { ...farmIn("nobody", { name: "x" }), metadata: { name: "x", namespace: "web" } };
    const elsewhere = farmIn("nobody", { name: "x" });
    expect(await kube.dryRun(watched)).toContain(POLICY);
    await kube.delete(`${POLICY}Binding`, "serverfarm-operator");
    await waitFor("one policy less", async () => (await kube.dryRun(elsewhere)) === "accepted");
    await waitFor("the other", async () => (await kube.dryRun(watched)).includes("'other-serverfarm-operator' denied"));
    await applyPolicy("Fail");
    await waitFor("both", async () => (await kube.dryRun(elsewhere)).includes(POLICY));
  });

  // The last, since the policy is another one then.
  test("what is too much for the API server to judge passes, as the policy is in the chart", async () => {
    const patterns = many(50, (index) => `SERVER${index}*`);
    await kube.apply(domainNamed("toomuch", [tenantOf({ hosts: { search: false, containers: [], names: patterns } })]));
    await waitFor("the domain", async () => (await kube.dryRun(farmIn("toomuch", { name: "x" }))).includes("tenant web"));
    const farm = farmIn("toomuch", { hosts: { computers: many(5000, (index) => `web${index}.servers.contoso.com`) } });
    expect(await kube.dryRun(farm)).toContain("actual cost limit exceeded");
    await applyPolicy();
    await waitFor("the policy", async () => (await kube.dryRun(farm)) === "accepted");
    expect(await kube.dryRun(farmIn("toomuch", { hosts: { computers: ["WEB01"] } }))).toContain("hosts.names allows SERVER0*");
  });
});
