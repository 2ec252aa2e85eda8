/** Every command of the documentation is run: here what looks at things, elsewhere what makes them. What cannot be run here says why. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandsOf, mentionedIn, pages, ROOT } from "../harness/docs.ts";
import { findKubectl, kubeAssets } from "../harness/kube.ts";
import { run } from "../harness/process.ts";
import { available, cluster, condition, farmOf, farmReady, farmWhere, useOperator } from "../harness/world.ts";

/** Run by another test, by what they start with or by their page. */
const ELSEWHERE: readonly (readonly [where: string, matches: (command: string, page: string) => boolean])[] = [
  ["e2e/readme.test.ts", (command, page) => page === "README.md" && /^(npm ci$|npm start|kubectl)/.test(command)],
  ["e2e/guide.test.ts", (_, page) => page.startsWith("docs/guide/")],
  ["e2e/permissions.test.ts and whatever needs least privilege", (command) => command.startsWith("samba-tool")],
  [
    "deploy/chart.test.ts",
    (command, page) =>
      command.startsWith("helm") ||
      /install|scale deployment/.test(command) ||
      (page === "docs/install.md" && command.startsWith("kubectl")),
  ],
  ["demo/demo.test.ts", (command) => command === "npm ci && npm run demo"],
  ["e2e/image.test.ts", (command) => command === "npm run sbom"],
  ["CI", (command) => /^(npm ci$|npm cit$|npm test$|npm start|npm run (check|setup:real)$|npx vitest)/.test(command)],
];

const NOT_RUN: readonly (readonly [why: string, matches: RegExp])[] = [
  ["no Windows machine takes part", /^(dsacls|dsadd|powershell|Get-AD)/],
  ["no Docker engine; the image is built with buildah instead", /^docker/],
  [
    "they write into this very tree, or take long: run by hand",
    /^npm run (format|generate|bench.*|setup:real && npm run playground|demo)$/,
  ],
  ["nothing runs pods here", /POD --previous/],
];

const kubectl = available && cluster.name === "kube-apiserver" ? await findKubectl() : undefined;

describe("the documentation", () => {
  test("tells of no command that nobody runs", async () => {
    const unknown: string[] = [];
    let count = 0;
    for (const page of await pages()) {
      for (const command of [...(await commandsOf(page)), ...(await mentionedIn(page))]) {
        count++;
        if (looks(command, page)) continue;
        if (ELSEWHERE.some(([, matches]) => matches(command, page)) || NOT_RUN.some(([, matches]) => matches.test(command))) continue;
        unknown.push(`${page}: ${command}`);
      }
    }
    expect(count).toBeGreaterThan(60);
    expect(unknown).toEqual([]);
  });
});

/** Those that look and change nothing, or only ask for a look. */
function looks(command: string, page: string): boolean {
  const reads =
    /^kubectl (-n \S+ )?(describe|get|explain|logs|annotate .*reconcile-requested-at)/.test(command) && !command.includes("POD --previous");
  return reads && page.startsWith("docs/");
}

describe.skipIf(kubectl === undefined)("the commands of the documentation that look", () => {
  useOperator("web", { leaderElection: true });
  const shell = async (command: string): Promise<string> => {
    const env = { KUBECONFIG: cluster.kubeconfig, PATH: `${kubeAssets()}:${process.env["PATH"]}` };
    return await run("bash", ["-euo", "pipefail", "-c", `cd ${ROOT}; ${command}`], { env });
  };

  beforeAll(async () => {
    await cluster.apply(farmOf("web", "itfarm1", { hosts: { computers: ["WEB01", "NOBODY"] } }));
    await farmWhere("web", "itfarm1", (farm) => condition(farm, "HostsReady")?.reason === "HostNotFound");
  });

  afterAll(() => cluster.delete("ServerFarm", "itfarm1", "web"));

  /** What some of them are told to show. */
  const SHOWS: Readonly<Record<string, RegExp>> = {
    "docs/runbooks/ServerFarmHostNotGranted.md": /NOBODY HostNotFound: /,
    "docs/runbooks/ServerFarmNotReady.md": /HostNotFound/,
    "docs/runbooks/ServerFarmPermissionsMissing.md": /no missing right was found/,
    "docs/runbooks/ServerFarmDomainNotReady.md": /Connected/,
    "docs/runbooks/ServerFarmKdsRootKey.md": /KdsRootKeyReady/,
    "docs/runbooks/ServerFarmDeletionBlocked.md": /Events:/,
    "docs/reference.md": /quarantined/,
  };

  test("each of them works", { timeout: 120_000 }, async () => {
    const shown = new Set<string>();
    for (const page of await pages()) {
      const commands = [...(await commandsOf(page)), ...(await mentionedIn(page))].filter((command) => looks(command, page));
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
