/** `kubectl farm check`: before anything is installed, with an operator that runs, and with everything that can be wrong. */
import { lookup } from "node:dns/promises";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Ended, execute, PROGRAM } from "../harness/cli.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { addUser, HOST } from "../harness/directory.ts";
import { DnsServer } from "../harness/dns-server.ts";
import { PodWebhook } from "../harness/pod-webhook.ts";
import { installKind, removeKind } from "../harness/pods.ts";
import { waitFor } from "../harness/process.ts";
import { applyDomain, available, cleanUp, cluster, directory, domainReady, onApiServer, startOperator } from "../harness/world.ts";

const JANE = { username: "jane.check@contoso.com", password: "Just-Looking-4!" };
const report = z.object({
  findings: z.array(z.object({ subject: z.string(), check: z.string(), state: z.string(), message: z.string() })),
});
type Findings = z.infer<typeof report>["findings"];

describe.skipIf(!available || !onApiServer)("kubectl farm check", () => {
  let dir: string;
  const check = (...args: readonly string[]): Promise<Ended> => execute(process.execPath, [PROGRAM, "check", ...args]);
  const found = async (code: number, ...args: readonly string[]): Promise<Findings> => {
    const ended = await check(...args, "-o", "json");
    expect({ args, err: ended.err }).toEqual({ args, err: "" });
    const { findings } = report.parse(JSON.parse(ended.out));
    const bad = findings.filter(({ state }) => state === "Bad");
    expect({ args, code: ended.code, bad }).toEqual({ args, code, bad: code === 0 ? [] : bad });
    return findings;
  };
  // The certificates of the tests end soon.
  const states = (findings: Findings): readonly string[] =>
    findings.map(({ check: what, state }) => (what === "TLS" && state !== "Bad" ? "TLS Good" : `${what} ${state}`));
  const ofDomain = (account: { readonly username: string; readonly password: string }): readonly string[] => [
    ...["--domain", "contoso.com", "--server", directory.url, "--ca-file", `${dir}/ca.pem`],
    ...["--username", account.username, "--password-file", `${dir}/${account.username}`],
  ];

  beforeAll(async () => {
    dir = await mkdtemp(`${tmpdir()}/serverfarm-check-`);
    await writeFile(`${dir}/ca.pem`, directory.ca);
    for (const { username, password } of [JANE, DELEGATED]) await writeFile(`${dir}/${username}`, password);
    await directory.asAdministrator((client) => addUser(client, "jane.check", JANE.password));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true });
  });

  test("before anything is installed, a domain is checked by the account that the operator is to have", async () => {
    const none = ["--kubeconfig", `${dir}/none`];
    const findings = await found(0, ...none, ...ofDomain(DELEGATED), "--container", "OU=Farms");
    expect(states(findings)).toEqual([
      "API server Unknown",
      ...["DNS", "TLS", "Bind", "Clock", "SchemaReady", "DomainControllerReady"].map((what) => `${what} Good`),
      // An account that another test left proves that there is one.
      expect.stringMatching(/^KdsRootKeyReady (Unknown|Good)$/),
      "PermissionsSufficient Good",
    ]);
    const jane = await found(1, ...none, ...ofDomain(JANE), "--container", "OU=Farms");
    expect(jane.find(({ check: what }) => what === "PermissionsSufficient")).toMatchObject({
      state: "Bad",
      message: expect.stringContaining("dsacls"),
    });
    await found(0, ...none, ...ofDomain(JANE), "--no-rights");
    // Nobody binds: only the way is checked.
    expect(states(await found(0, ...none, ...ofDomain(JANE).slice(0, 6)))).toEqual([
      "API server Unknown",
      "DNS Good",
      "TLS Good",
      "Bind Unknown",
    ]);
  });

  test("it finds the domain controllers in DNS, and shows which one the operator would choose", async () => {
    const dns = await DnsServer.start();
    const none = ["--kubeconfig", `${dir}/none`, "--domain", "contoso.com", "--dns-server", dns.address];
    const name = "_ldap._tcp.dc._msdcs.contoso.com";
    const nobody = await found(1, ...none);
    expect(nobody.filter(({ state }) => state === "Bad")).toMatchObject([
      { check: "SRV records", message: expect.stringContaining("NXDOMAIN") },
    ]);
    dns.controllers(undefined, HOST, "web.fabrikam.com");
    dns.addresses(HOST, (await lookup(HOST)).address);
    const findings = await found(0, ...none, "--ca-file", `${dir}/ca.pem`);
    expect(findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ check: name, message: `It names ${HOST}.` }),
        expect.objectContaining({ check: "ServersRefused", message: expect.stringContaining("web.fabrikam.com") }),
        expect.objectContaining({ check: "Order", message: `The operator would try ldaps://${HOST}.` }),
        expect.objectContaining({ subject: `ldaps://${HOST}`, check: "Bind", state: "Unknown" }),
      ]),
    );
    await dns.stop();
  });

  test("each thing that is wrong is told apart, with what to do", async () => {
    const none = ["--kubeconfig", `${dir}/none`];
    await writeFile(`${dir}/wrong`, "Wrong-1234");
    const bind = ofDomain(JANE);
    const cases: readonly (readonly [args: readonly string[], what: string, message: string])[] = [
      [[...bind.slice(0, 2), "--server", "dc9.contoso.invalid"], "DNS", "dc9.contoso.invalid cannot be resolved"],
      [[...bind.slice(0, 2), "--server", "ldaps://127.0.0.1:1", "--ca-file", `${dir}/ca.pem`], "TLS", "Check --server"],
      [bind.slice(0, 4), "TLS", "--ca-file"],
      [[...bind.slice(0, 2), "--server", directory.otherNameUrl, "--ca-file", `${dir}/ca.pem`], "TLS", "Nothing was sent"],
      [["--domain", "fabrikam.com", ...bind.slice(2), "--no-rights"], "Domain", "belongs to the domain contoso.com, not fabrikam.com"],
    ];
    for (const [args, what, message] of cases) {
      const findings = await found(1, ...none, ...args);
      expect(findings.filter(({ state }) => state === "Bad")).toMatchObject([{ check: what, message: expect.stringContaining(message) }]);
    }
    // One try, though there are two servers: each counts against the account.
    const twice = [
      ...bind.slice(0, 4),
      "--server",
      directory.startTlsUrl,
      ...bind.slice(4, 8),
      "--password-file",
      `${dir}/wrong`,
      "--no-rights",
    ];
    const refused = await found(1, ...none, ...twice);
    expect(refused.filter(({ check: what }) => what === "Bind").map(({ state }) => state)).toEqual(["Bad", "Unknown"]);
    const usage: readonly (readonly [args: readonly string[], message: string])[] = [
      [["--username", JANE.username], "give --domain too"],
      [["--domain", "contoso"], "neither an ActiveDirectoryDomain of the cluster nor a DNS name"],
      [["--domain", "contoso.com", "--username", JANE.username, "--no-rights"], "give --server"],
      [["--domain", "contoso.com", "--dns-server", "dns.contoso.com"], "--dns-server dns.contoso.com is no address"],
      [bind, "give --container OU=Farms, or --no-rights"],
    ];
    for (const [args, message] of usage) {
      const { code, err } = await check(...none, ...args);
      expect({ args, code, err }).toEqual({ args, code: 2, err: expect.stringContaining(message) });
    }
  });

  test("of a cluster with an operator it says what runs, what is missing, and what the operator sees", async () => {
    const kubeconfig = ["--kubeconfig", cluster.kubeconfig];
    expect(states(await found(1, ...kubeconfig))).toEqual(
      expect.arrayContaining(["API server Good", "Kinds Good", "Your rights Good", "Domains Bad"]),
    );
    await applyDomain({ account: DELEGATED });
    const operator = await startOperator({ leaderElection: true });
    await domainReady();
    const findings = await found(0, ...kubeconfig);
    expect(states(findings)).toEqual(expect.arrayContaining(["Operator Good", "Ready Good", "Connected Good", "SchemaReady Good"]));
    // A tenant's Lease of the same name passes for no operator's.
    const renewTime = new Date().toISOString().replace("Z", "000Z");
    const forged = { holderIdentity: "nobody", leaseDurationSeconds: 3600, renewTime };
    const metadata = { name: "serverfarm-operator", namespace: "default" };
    await cluster.apply({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec: forged });
    const doubted = (await found(0, ...kubeconfig)).find(({ check: what }) => what === "Operator");
    expect(doubted).toMatchObject({ state: "Unknown", message: expect.stringContaining("default/serverfarm-operator (nobody)") });
    await cluster.delete("Lease", metadata.name, metadata.namespace);
    // The servers are those of the domain.
    const whole = await found(0, ...kubeconfig, ...ofDomain(DELEGATED).filter((word) => word !== "--server" && word !== directory.url));
    expect(states(whole)).toEqual(expect.arrayContaining(["Bind Good", "PermissionsSufficient Good"]));
    expect((await check(...kubeconfig)).out).toMatch(
      /^Cluster\n {2}✓ API server: Kubernetes v1\.\d+[\s\S]*\n\d+ good, 0 bad, \d+ not known\.\n$/,
    );
    const pods = async (): Promise<string | undefined> =>
      (await found(0, ...kubeconfig)).find(({ check: what }) => what === "Windows Pods")?.state;
    expect(await pods()).toBe("Unknown");
    await installKind(cluster);
    expect(states(await found(1, ...kubeconfig))).toContain("Windows Pods Bad");
    const webhook = await PodWebhook.start(cluster);
    const name = "validation.windows-gmsa.sigs.k8s.io";
    const bad = (await found(1, ...kubeconfig)).find(({ check: what }) => what === "Windows Pods");
    expect(bad?.message).toBe(
      "The ValidatingWebhookConfiguration of windows-gmsa is missing: whoever creates Pods can use any credential spec. Install all of windows-gmsa.",
    );
    // The tests' stand-in does both by one of them. This one is asked about nothing.
    await cluster.apply({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name },
      webhooks: [{ name, clientConfig: { url: "https://127.0.0.1:1/" }, rules: [], admissionReviewVersions: ["v1"], sideEffects: "None" }],
    });
    expect(await pods()).toBe("Good");
    await cluster.delete("ValidatingWebhookConfiguration", name, undefined);
    await webhook.stop();
    await removeKind(cluster);
    // Somebody who may do nothing is told what could not be asked.
    const poor = await cluster.serviceAccountKubeconfig("default", "default");
    expect((await found(0, "--kubeconfig", poor)).filter(({ state }) => state === "Unknown").map(({ check: what }) => what)).toEqual(
      expect.arrayContaining(["Your rights", "Admission", "Operator"]),
    );
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    // A Lease that nobody renews.
    await waitFor(
      "the Lease to run out",
      async () => states(report.parse(JSON.parse((await check(...kubeconfig, "-o", "json")).out)).findings),
      (all) => all.includes("Operator Bad"),
      60,
    );
  });
});
