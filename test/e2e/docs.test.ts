/** Every command of the documentation is run: here what looks at things, elsewhere what makes them. What cannot be run here says why. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkoutScript, commandsOf, mentionedIn, pages, readmeScript } from "../harness/docs.ts";
import { ADMINISTRATOR } from "../harness/directory.ts";
import { findKubectl, kubeAssets } from "../harness/kube.ts";
import { giveRights, installKind, removeKind, takeRights } from "../harness/pods.ts";
import { run, waitFor } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { available, cluster, condition, domainReady, domainWhere, farmOf, farmReady, farmWhere, useOperator } from "../harness/world.ts";

/** Commands that other tests run as they stand there: by the page whose code blocks they run, and by themselves. */
const ELSEWHERE: readonly {
  readonly test: string;
  readonly blocks?: (page: string, command: string) => boolean;
  readonly commands?: readonly string[];
}[] = [
  {
    test: "test/e2e/release.test.ts",
    commands: [...(await readmeScript()).split("\n"), "npm run sbom", "npm run release -- VERSION"],
  },
  {
    test: "test/e2e/checkout.test.ts",
    commands: [...(await checkoutScript()).split("\n"), "npm start", "npm start -- --config FILE [--kubeconfig FILE]"],
  },
  { test: "test/e2e/pods.test.ts", blocks: (page) => page === "docs/guide/windows-pods.md" },
  { test: "test/e2e/guide.test.ts", blocks: (page) => page.startsWith("docs/guide/") },
  {
    test: "test/e2e/permissions.test.ts, and whatever needs least privilege",
    blocks: (page, command) => page === "docs/domain-setup.md" && command.startsWith("samba-tool "),
  },
  {
    test: "test/deploy/chart.test.ts",
    blocks: (page, command) =>
      page === "docs/install.md" &&
      /^helm |deploy\/install\.yaml$|delete (deployment|clusterrole|validatingadmissionpolicy),/.test(command),
    commands: [
      "helm show values deploy/chart",
      "helm install --wait",
      "helm install",
      "helm upgrade",
      "kubectl -n serverfarm-system scale deployment serverfarm-operator --replicas=0",
    ],
  },
  { test: "test/deploy/chart.test.ts", blocks: (page, command) => page === "docs/tenancy.md" && command.includes(" rolebinding ") },
  {
    test: "test/deploy/takeover.test.ts",
    blocks: (page, command) => page === "docs/install.md" && command.includes("--field-manager=helm"),
  },
  {
    test: "test/deploy/metrics.test.ts",
    commands: [
      "kubectl create clusterrolebinding serverfarm-metrics --clusterrole=serverfarm-operator-metrics-reader --serviceaccount=monitoring:prometheus-k8s",
    ],
  },
  {
    test: "test/e2e/deletion-budget.test.ts",
    blocks: (page) => page === "docs/runbooks/ServerFarmDeletionBudgetExceeded.md",
    commands: ["kubectl annotate farm itfarm1 -n web serverfarm.dev/confirm-deletion=UID"],
  },
  { test: "test/e2e/brake.test.ts", blocks: (page) => page === "docs/runbooks/StopEverything.md" },
  {
    test: "test/e2e/brake.test.ts",
    commands: [`kubectl patch addomain contoso --type=merge -p '{"spec":{"suspend":true}}'`],
  },
  {
    test: "test/e2e/pods.test.ts",
    commands: ["kubectl annotate gmsacredentialspecs web.itfarm1 serverfarm.dev/adopt=web/itfarm1"],
  },
  { test: "test/e2e/kubectl-farm.test.ts", blocks: (page) => page === "docs/kubectl-farm.md" },
  {
    test: "test/e2e/kubectl-farm.test.ts",
    commands: ["npm run bundle", "kubectl farm completion kubectl", "kubectl farm completion bash"],
  },
  {
    test: "test/e2e/kubectl-farm.test.ts, kubectl-plan.test.ts and kubectl-import.test.ts",
    commands: ["kubectl farm status NAME", "kubectl farm plan NAME", "kubectl farm plan -f FILE", "kubectl farm import"],
  },
  { test: "test/demo/demo.test.ts", commands: ["npm ci && npm run demo"] },
  {
    test: "test/e2e/docs.test.ts, below",
    blocks: (page, command) => page === "docs/install.md" && command.endsWith("| kubectl replace -f -"),
  },
  { test: "test/e2e/docs.test.ts, below", commands: ["kubectl create token serverfarm-operator -n serverfarm-system"] },
  {
    test: "CI",
    commands: [
      "npm ci",
      "npm cit",
      "npm test",
      "npm run check",
      "npm run setup:real",
      "npx vitest run --project unit",
      "npm run soak -- --minutes 5",
    ],
  },
];

const NOT_RUN: readonly (readonly [why: string, matches: RegExp])[] = [
  ["no Windows machine takes part", /^(dsacls|dsadd|powershell|Get-AD)/],
  ["no Docker engine; the image is built with buildah instead", /^docker/],
  ["they are for a maintainer: they name a registry and a version that are not there", /^npm (run release -- .*--|version )/],
  ["it needs Go, which the workflow has", /^npm run check:workflows$/],
  [
    "they write into this very tree, or take long: run by hand",
    /^npm (run (check:words|format|generate|render|bench.*|soak|mutation.*|demo)|ci && npm run setup:real && npm run playground)$/,
  ],
  ["nothing runs pods here", /POD --previous/],
  ["the page says never to", /^kubectl delete -f deploy\/install\.yaml$/],
];

const kubectl = available && cluster.name === "kube-apiserver" ? await findKubectl() : undefined;

describe("the documentation", () => {
  test("tells of no command that nobody runs", async () => {
    const unknown: string[] = [];
    let count = 0;
    for (const page of await pages()) {
      const [blocks, mentioned] = [await commandsOf(page), await mentionedIn(page)];
      count += blocks.length + mentioned.length;
      for (const command of new Set([...blocks, ...mentioned])) {
        const elsewhere = ELSEWHERE.some(
          ({ blocks: runs, commands = [] }) => (blocks.includes(command) && runs?.(page, command) === true) || commands.includes(command),
        );
        const known = elsewhere || looks(command) || NOT_RUN.some(([, matches]) => matches.test(command));
        if (!known) unknown.push(`${page}: ${command}`);
      }
    }
    expect(count).toBeGreaterThan(60);
    expect(unknown).toEqual([]);
  });
});

/** Those that look and change nothing, or only ask for a look. */
function looks(command: string): boolean {
  const reads =
    /^kubectl (-n \S+ )?(describe|get|explain|logs|annotate .*reconcile-requested-at)/.test(command) && !command.includes("POD --previous");
  // What it shows may be what another command changes.
  return reads && !/\bkubectl (patch|delete|apply|scale)\b/.test(command);
}

describe.skipIf(kubectl === undefined)("the commands of the documentation that look", () => {
  beforeAll(async () => {
    await installKind(cluster);
    await giveRights(cluster);
  });
  afterAll(async () => {
    await removeKind(cluster);
    await takeRights(cluster);
  });
  const running = useOperator("web", { leaderElection: true, pods: { enabled: true } });
  const shell = async (command: string): Promise<string> => {
    const env = { KUBECONFIG: cluster.kubeconfig, PATH: `${kubeAssets()}:${process.env["PATH"]}` };
    return await run("bash", ["-euo", "pipefail", "-c", `cd ${ROOT}; ${command}`], { env });
  };

  beforeAll(async () => {
    await cluster.apply(farmOf("web", "itfarm1", { hosts: { computers: ["WEB01", "NOBODY"] }, pods: { serviceAccounts: ["web"] } }));
    await farmWhere(
      "web",
      "itfarm1",
      (farm) => condition(farm, "HostsReady")?.reason === "HostNotFound" && condition(farm, "PodsReady")?.status === "True",
    );
  });

  afterAll(() => cluster.delete("ServerFarm", "itfarm1", "web"));

  /** What some of them are told to show. */
  const SHOWS: Readonly<Record<string, RegExp>> = {
    "docs/runbooks/ServerFarmHostNotGranted.md": /NOBODY HostNotFound: /,
    "docs/runbooks/ServerFarmNotReady.md": /HostNotFound/,
    "docs/runbooks/ServerFarmShrinkHeld.md": /"desired":2.*NOBODY/s,
    "docs/runbooks/ServerFarmSearchBlocked.md": /NOBODY/,
    "docs/runbooks/ServerFarmPodsNotReady.md": /web\.itfarm1 is published/,
    "docs/runbooks/ServerFarmCredentialSpecKindMissing.md": /gmsacredentialspecs\.windows\.k8s\.io.*web\/itfarm1 the GMSACredentialSpec/s,
    "docs/guide/windows-pods.md": /MachineAccountName: itfarm1/,
    "docs/runbooks/ServerFarmPermissionsMissing.md": /no right is missing/,
    "docs/runbooks/ServerFarmDomainNotReady.md": /Connected/,
    "docs/runbooks/ServerFarmKdsRootKey.md": /KdsRootKeyReady/,
    "docs/runbooks/ServerFarmDeletionBlocked.md": /Events:/,
    "docs/reference.md": /quarantined/,
  };

  test("the password is changed by the page's command, and the operator connects again", async () => {
    const page = (await commandsOf("docs/install.md")).find((one) => one.endsWith("| kubectl replace -f -")) ?? "false";
    const connections = (): number => running.operator.log.split("connected").length;
    const before = connections();
    await shell(`PASSWORD='wrong-1234'; ${page.replace("svc-farms@contoso.com", ADMINISTRATOR.username)}`);
    await domainWhere((_, all) => all.some(({ reason }) => reason === "CredentialsRejected"));
    await shell(`PASSWORD='${ADMINISTRATOR.password}'; ${page.replace("svc-farms@contoso.com", ADMINISTRATOR.username)}`);
    await domainReady();
    expect(await waitFor("a new connection", connections, (now) => now > before)).toBeGreaterThan(before);
  });

  test("each of them works", { timeout: 120_000 }, async () => {
    const shown = new Set<string>();
    for (const page of await pages()) {
      const commands = [...(await commandsOf(page)), ...(await mentionedIn(page))].filter(looks);
      let said = "";
      for (const command of commands) said += await shell(command.replace("NAME -n NAMESPACE", "itfarm1 -n web"));
      const expected = SHOWS[page];
      if (!expected) continue;
      expect(said, page).toMatch(expected);
      shown.add(page);
    }
    expect([...shown].toSorted()).toEqual(Object.keys(SHOWS).toSorted());
  });

  test("the token of the service account is one", async () => {
    const command = (await mentionedIn("docs/install.md")).find((text) => text.startsWith("kubectl create token"));
    expect(await shell(command ?? "false")).toMatch(/^ey/);
    await cluster.patch("ServerFarm", "itfarm1", "web", { spec: { hosts: { computers: ["WEB01"] } } });
    await farmReady("web", "itfarm1");
  });
});
