/** The chart in its archive, and what is for kubectl alone. */
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { helm, renderInstall } from "../rendering.ts";
import { pack } from "./archive.ts";
import { run } from "./run.ts";

const NAME = "serverfarm-operator";

/** Both are what a user finds as defaults: the second is what the chart compares values with. */
const VALUES = ["values.yaml", "files/values.yaml"];

/** `tree` holds the files of the commit. */
export async function packChart(
  tree: string,
  work: string,
  out: string,
  { version, image, epoch }: { readonly version: string; readonly image: string | undefined; readonly epoch: number },
): Promise<void> {
  const chart = `${work}/chart/${NAME}`;
  await cp(`${tree}/deploy/chart`, chart, { recursive: true });
  if (image !== undefined) for (const file of VALUES) await nameImage(`${chart}/${file}`, image);
  // Helm says whether the chart is one, and leaves out what .helmignore names; what it packs bears the time of packing.
  const packed = `${work}/packed`;
  await mkdir(packed);
  helm("package", chart, "--destination", packed);
  await run("tar", ["--extract", `--file=${packed}/${NAME}-${version}.tgz`, `--directory=${packed}`]);
  await pack(`${out}/${NAME}-${version}.tgz`, packed, [NAME], epoch);
  await writeFile(`${out}/install.yaml`, `# ${NAME} ${version}\n${renderInstall(chart, image)}`);
  const crds = (await readdir(`${tree}/crds`)).filter((name) => name.endsWith(".yaml")).toSorted();
  const texts = await Promise.all(crds.map((name) => readFile(`${tree}/crds/${name}`, "utf8")));
  await writeFile(`${out}/crds.yaml`, texts.map((text) => text.trimEnd()).join("\n---\n") + "\n");
}

async function nameImage(file: string, image: string): Promise<void> {
  const text = await readFile(file, "utf8");
  const named = text.replace(/^ {2}repository: ""$/m, `  repository: ${image}`);
  if (named === text) throw new Error(`${file} has no line repository: "" in which the image could be named`);
  await writeFile(file, named);
}
