/** What is refused before a release is made, and what its parts are made of. */
import { mkdtemp, rm, writeFile, mkdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { problemsOf, sectionOf } from "../../deploy/release/checks.ts";
import { run } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";

describe("the changelog's section", () => {
  const text = "# Changelog\n\n## Unreleased\n\n- c\n\n## [1.1.0] - 2026-01-02\n\n### Added\n\n- b\n\n## 1.0.0\n- a\n\n## 0.9.0\n";
  test.each([
    ["1.1.0", "### Added\n\n- b"],
    ["1.0.0", "- a"],
    ["0.9.0", undefined],
    ["1.1", undefined],
  ])("of %s is found", (version, section) => {
    expect(sectionOf(text, version)).toBe(section);
  });
});

describe("a release is refused", () => {
  let root: string;
  const git = (...args: readonly string[]): Promise<string> =>
    run("git", ["-C", root, "-c", "user.name=test", "-c", "user.email=test@example.com", ...args]);
  const refusal = (version: string, image?: string, out = `${root}/out`): Promise<readonly string[]> =>
    problemsOf({ root, version, out, image });
  const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, text] of Object.entries(files)) await writeFile(`${root}/${name}`, text);
    await git("add", "-A");
    await git("commit", "-q", "-m", "x", "--allow-empty");
  };

  beforeAll(async () => {
    root = await mkdtemp(`${tmpdir()}/serverfarm-refused-`);
    await mkdir(`${root}/deploy/chart`, { recursive: true });
    await git("init", "-q");
  });
  beforeEach(() =>
    write({
      "package.json": '{"version": "0.2.0"}',
      "deploy/chart/Chart.yaml": "version: 0.2.0\nappVersion: 0.2.0\n",
      "CHANGELOG.md": "## 0.2.0\n\n- x\n",
    }),
  );
  afterAll(() => rm(root, { recursive: true, force: true }));

  test("without a version, with what can be given", async () => {
    await expect(run("node", [`${ROOT}/deploy/release.ts`])).rejects.toThrow(
      /0 versions are given: give one, such as 0\.2\.0\nUsage: npm run release -- VERSION/,
    );
    await expect(run("node", [`${ROOT}/deploy/release.ts`, "0.2.0", "--imgae", "x"])).rejects.toThrow(/--imgae/);
  });

  test.each(["v0.2.0", "0.2", "0.2.0+1", "01.2.0", "latest", "0.2.0-01", "../0.2.0"])("for the version %s", async (version) => {
    expect(await refusal(version)).toEqual([
      `VERSION is "${version}": write a semantic version without v and without +, such as 0.2.0 or 0.2.0-rc.1`,
    ]);
  });

  test.each(["registry.example.com/operator:1.0", "operator", "https://registry.example.com/operator", "Team/operator"])(
    "for the image %s",
    async (image) => {
      expect((await refusal("0.2.0", image))[0]).toContain(`--image is "${image}": write a repository without a tag, such as `);
    },
  );

  test("with every problem at once, and what to do", async () => {
    await write({ "package.json": '{"version": "0.1.0"}', "CHANGELOG.md": "## Unreleased\n\n- x\n" });
    await writeFile(`${root}/left`, "x");
    expect(await refusal("0.2.0", undefined, root)).toEqual([
      `${root} exists: remove it, or name another folder with --out`,
      "the tree has changes that are not committed: commit or stash them first\n?? left",
      "VERSION is 0.2.0, but package.json says 0.1.0: run npm version --no-git-tag-version 0.2.0, and commit it",
      'CHANGELOG.md has no section 0.2.0: write what is new under a heading "## 0.2.0", and commit it',
    ]);
    await rm(`${root}/left`);
  });

  test("where the chart says another version", async () => {
    await write({ "deploy/chart/Chart.yaml": "version: 0.2.0\nappVersion: 0.1.0\n" });
    expect(await refusal("0.2.0")).toEqual([
      "VERSION is 0.2.0, but appVersion in deploy/chart/Chart.yaml is 0.1.0: write 0.2.0 there, run npm run render, and commit",
    ]);
  });

  test("where the version is another commit's, and not on that commit", async () => {
    await git("tag", "v0.2.0");
    const ours = (problem: string): boolean => problem.startsWith("v0.2.0 is released: the tag is on commit ");
    expect((await refusal("0.2.0")).filter(ours)).toEqual([]);
    await write({ more: "x" });
    expect((await refusal("0.2.0")).filter(ours)).toHaveLength(1);
    await git("tag", "-d", "v0.2.0");
  });
});

describe("the workflows", () => {
  const workflow = z.object({
    permissions: z.record(z.string(), z.string()),
    jobs: z.record(
      z.string(),
      z.object({ steps: z.array(z.object({ uses: z.string().optional(), run: z.string().optional() })).default([]) }),
    ),
  });

  test.each(["ci", "release"])("%s runs what is there, by actions whose code cannot change", async (name) => {
    const text = await readFile(`${ROOT}/.github/workflows/${name}.yaml`, "utf8");
    const { permissions, jobs } = workflow.parse(parse(text));
    expect(permissions).toEqual({ contents: "read" });
    const steps = Object.values(jobs).flatMap((job) => job.steps);
    const actions = steps.flatMap(({ uses }) => (uses === undefined ? [] : [uses]));
    expect(actions.length).toBeGreaterThan(2);
    for (const action of actions) {
      expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
      expect(text).toMatch(new RegExp(`uses: ${action} # v\\d+\\.\\d+\\.\\d+\n`));
    }
    const { scripts } = z
      .object({ scripts: z.record(z.string(), z.string()) })
      .parse(JSON.parse(await readFile(`${ROOT}/package.json`, "utf8")));
    const called = steps.flatMap(({ run: command = "" }) => [...command.matchAll(/npm run ([\w:-]+)/g)].map(([, script = ""]) => script));
    expect(called.filter((script) => !(script in scripts))).toEqual([]);
  });
});
