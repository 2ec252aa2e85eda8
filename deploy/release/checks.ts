/** What must be true before a release is made. Every problem is told at once, with its remedy. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";
import { helm } from "../rendering.ts";
import { run } from "./run.ts";

export interface Release {
  /** Of the repository. */
  readonly root: string;
  readonly version: string;
  /** The folder that is made. */
  readonly out: string;
  /** Where the image will be published, without a tag. */
  readonly image?: string | undefined;
}

/** As on semver.org, without build metadata: neither an image's tag nor a label of Kubernetes may have a plus sign. */
const VERSION =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*)?$/;
const REPOSITORY = /^[a-z0-9][a-z0-9.-]*(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+$/;

const packageFile = z.object({ version: z.string() });
const chartFile = z.object({ version: z.string(), appVersion: z.string() });

/** The changelog's section of a version, without its heading; undefined where there is none, or nothing in it. */
export function sectionOf(changelog: string, version: string): string | undefined {
  const sections = changelog.split(/^## /m).slice(1);
  const found = sections.find((section) => {
    const [heading = ""] = section.split("\n");
    return [version, `[${version}]`].includes(heading.split(" - ")[0]?.trim() ?? "");
  });
  return found?.split("\n").slice(1).join("\n").trim() || undefined;
}

export async function problemsOf({ root, version, out, image }: Release): Promise<readonly string[]> {
  const problems: string[] = [];
  if (image !== undefined && !REPOSITORY.test(image))
    problems.push(`--image is "${image}": write a repository without a tag, such as registry.example.com/team/serverfarm-operator`);
  if (existsSync(out)) problems.push(`${out} exists: remove it, or name another folder with --out`);
  const changes = (await run("git", ["status", "--porcelain"], { cwd: root })).trimEnd().split("\n").filter(Boolean);
  if (changes.length > 0)
    problems.push(`the tree has changes that are not committed: commit or stash them first\n${changes.slice(0, 10).join("\n")}`);
  if (!VERSION.test(version)) {
    problems.push(`VERSION is "${version}": write a semantic version without v and without +, such as 0.2.0 or 0.2.0-rc.1`);
    return problems;
  }
  const { version: packaged } = packageFile.parse(JSON.parse(await readFile(`${root}/package.json`, "utf8")));
  if (packaged !== version)
    problems.push(
      `VERSION is ${version}, but package.json says ${packaged}: run npm version --no-git-tag-version ${version}, and commit it`,
    );
  const chart = chartFile.parse(parse(await readFile(`${root}/deploy/chart/Chart.yaml`, "utf8")));
  for (const field of ["version", "appVersion"] as const)
    if (chart[field] !== version)
      problems.push(
        `VERSION is ${version}, but ${field} in deploy/chart/Chart.yaml is ${chart[field]}: write ${version} there, run npm run render, and commit`,
      );
  if (sectionOf(await readFile(`${root}/CHANGELOG.md`, "utf8"), version) === undefined)
    problems.push(`CHANGELOG.md has no section ${version}: write what is new under a heading "## ${version}", and commit it`);
  const tagged = await run("git", ["rev-parse", "--quiet", "--verify", `refs/tags/v${version}^{commit}`], { cwd: root }).catch(() => "");
  if (tagged !== "" && tagged !== (await run("git", ["rev-parse", "HEAD"], { cwd: root })))
    problems.push(`v${version} is released: the tag is on commit ${tagged.slice(0, 12)}. Check that out, or choose the next version`);
  return problems.length > 0 ? problems : await missingPrograms();
}

async function missingPrograms(): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const program of ["buildah", "gzip", "npm", "tar"])
    await run(program, ["--version"]).catch(() => missing.push(`${program} does not run here: install it`));
  try {
    helm("version");
  } catch {
    missing.push("helm does not run here: put it on PATH, or into the folder that KUBEBUILDER_ASSETS names");
  }
  return missing;
}
