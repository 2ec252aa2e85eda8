/**
 * Makes a release: npm run release -- VERSION [--image REPOSITORY]. From a clean tree to a folder with everything that a user needs, dist/release-VERSION.
 * docs/release.md says what is in it, and what makes it reproducible. Needs Debian's tar, gzip, git and buildah, and helm.
 */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { digestOf } from "./release/archive.ts";
import { packChart } from "./release/chart.ts";
import { problemsOf, sectionOf } from "./release/checks.ts";
import { packImage } from "./release/image.ts";
import { packPlugin } from "./release/plugin.ts";
import { run } from "./release/run.ts";

const ROOT = resolve(fileURLToPath(new URL("..", import.meta.url)));
const USAGE = `Usage: npm run release -- VERSION [OPTION…]
  --image REPOSITORY     where the image will be published: the chart and install.yaml name it
  --out FOLDER           the folder to make (default dist/release-VERSION)
  --build-image IMAGE    in place of the Dockerfile's BUILD_IMAGE
  --runtime-image IMAGE  in place of the Dockerfile's RUNTIME_IMAGE
  --npmrc FILE           npm's configuration while the image is built, behind a mirror
`;
/** What is in the folder as it is in the repository. */
const COPIED = ["deploy/pods-rbac.yaml", "deploy/samples/domain.yaml", "deploy/samples/itfarm1.yaml"];
const OPTIONS = {
  image: { type: "string" },
  out: { type: "string" },
  "build-image": { type: "string" },
  "runtime-image": { type: "string" },
  npmrc: { type: "string" },
} as const;

interface Settings {
  readonly version: string;
  readonly out: string;
  readonly image: string | undefined;
  readonly bases: Readonly<Record<"BUILD_IMAGE" | "RUNTIME_IMAGE", string | undefined>>;
  readonly npmrc: string | undefined;
}

function settings(): Settings | string {
  try {
    const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
    const [version, ...more] = positionals;
    if (version === undefined || more.length > 0) return `${positionals.length} versions are given: give one, such as 0.2.0`;
    return {
      version,
      out: resolve(values.out ?? `${ROOT}/dist/release-${version}`),
      image: values.image,
      bases: { BUILD_IMAGE: values["build-image"], RUNTIME_IMAGE: values["runtime-image"] },
      npmrc: values.npmrc,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function make({ version, out, image, bases, npmrc }: Settings): Promise<void> {
  const git = async (...args: readonly string[]): Promise<string> => (await run("git", args, { cwd: ROOT })).trim();
  const [revision, epoch] = [await git("rev-parse", "HEAD"), Number(await git("log", "-1", "--format=%ct"))];
  await run("node", [`${ROOT}/deploy/render.ts`, "--check"]);
  await mkdir(dirname(out), { recursive: true });
  // On the file system of the folder: it is there whole, or not at all.
  const work = await mkdtemp(`${dirname(out)}/.release-`);
  try {
    const [tree, made] = [`${work}/tree`, `${work}/made`];
    for (const folder of [tree, made, `${work}/plugin`]) await mkdir(folder);
    await git("archive", `--output=${work}/tree.tar`, "HEAD");
    await run("tar", ["--extract", `--file=${work}/tree.tar`, `--directory=${tree}`]);
    const archive = `serverfarm-operator-${version}-image.tar`;
    const name = `${image ?? "localhost/serverfarm-operator"}:${version}`;
    await packChart(tree, work, made, { version, image, epoch });
    for (const file of COPIED) await copyFile(`${tree}/${file}`, `${made}/${file.replace(/.*\//, "")}`);
    const parts = [
      packImage({ tree, version, revision, epoch, name, bases, npmrc }, work, `${made}/${archive}`),
      packPlugin(ROOT, `${work}/plugin`, made, version, epoch),
      run("npm", ["run", "--silent", "sbom", "--", "--output-file", `${made}/sbom.cdx.json`], { cwd: ROOT }),
    ] as const;
    // None of them works on in a folder that is taken away.
    await Promise.allSettled(parts);
    const [digest] = await Promise.all(parts);
    const section = sectionOf(await readFile(`${tree}/CHANGELOG.md`, "utf8"), version) ?? "";
    const base = bases.RUNTIME_IMAGE ?? (await runtimeImage(tree));
    await writeFile(`${made}/release-notes.md`, notes({ version, image, revision, archive, digest, base, section }));
    const files = (await readdir(made)).toSorted();
    const sums = await Promise.all(
      files.map(async (file) => `${(await digestOf(`${made}/${file}`, "sha256")).toString("hex")}  ${file}\n`),
    );
    await writeFile(`${made}/SHA256SUMS`, sums.join(""));
    await rename(made, out);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The base that the Dockerfile names. */
async function runtimeImage(tree: string): Promise<string> {
  const name = /^ARG RUNTIME_IMAGE=(.+)$/m.exec(await readFile(`${tree}/Dockerfile`, "utf8"))?.[1];
  if (name === undefined) throw new Error("the Dockerfile has no line ARG RUNTIME_IMAGE=…: name the base there");
  return name;
}

interface Made {
  readonly version: string;
  readonly image: string | undefined;
  readonly revision: string;
  readonly archive: string;
  readonly digest: string;
  readonly base: string;
  readonly section: string;
}

function notes({ version, image, revision, archive, digest, base, section }: Made): string {
  const published =
    image === undefined
      ? "It is published nowhere: push the archive, and name it in install.yaml or the chart."
      : `It is \`${image}:${version}\`.`;
  return `# serverfarm-operator ${version}

${section}

## The image

${published} Its digest is \`${digest}\`, for linux/amd64 and linux/arm64; \`${archive}\` holds both. It stands on \`${base}\`.

## Check the files

\`sha256sum --check --ignore-missing SHA256SUMS\`, in the folder with the files. They were made of commit ${revision}.
`;
}

/** The exit code. */
async function main(): Promise<number> {
  const request = settings();
  if (typeof request === "string") {
    process.stderr.write(`${request}\n${USAGE}`);
    return 2;
  }
  const problems = await problemsOf({ root: ROOT, ...request });
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  if (problems.length > 0) return 2;
  await make(request);
  process.stdout.write(`${request.out}\n`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`No release was made: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
