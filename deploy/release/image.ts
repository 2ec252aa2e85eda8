/**
 * The image of the Dockerfile for amd64 and arm64, as an OCI archive. What is in /app depends on no processor: the stage that installs it runs once, here,
 * and for each platform its files are only copied onto that platform's base. So nothing is emulated.
 */
import { mkdir, readFile } from "node:fs/promises";
import { z } from "zod";
import { pack } from "./archive.ts";
import { run } from "./run.ts";

export interface ImageSource {
  /** Holds the files of the commit. */
  readonly tree: string;
  readonly version: string;
  readonly revision: string;
  /** Of the commit, in seconds: the time of everything in the image. */
  readonly epoch: number;
  /** What the archive calls the image, with its tag. */
  readonly name: string;
  /** In place of the bases that the Dockerfile names. */
  readonly bases: Readonly<Record<"BUILD_IMAGE" | "RUNTIME_IMAGE", string | undefined>>;
  /** With the registry of npm, where it is another one. */
  readonly npmrc: string | undefined;
}

const PLATFORMS = ["linux/amd64", "linux/arm64"];
/** This machine's, as images name it. */
const HERE = `linux/${process.arch === "x64" ? "amd64" : process.arch}`;
const index = z.object({ manifests: z.tuple([z.object({ digest: z.string() })]) });

const buildah = (...args: readonly string[]): Promise<string> => run("buildah", args);

/** Writes the archive, and says by which digest it knows the image. */
export async function packImage(source: ImageSource, work: string, file: string): Promise<string> {
  const { tree, version, revision, epoch, name, bases, npmrc } = source;
  const args = { ...bases, BUILDPLATFORM: HERE, VERSION: version, REVISION: revision };
  const common = [
    "--layers=false",
    "--identity-label=false",
    `--timestamp=${epoch}`,
    ...Object.entries(args).flatMap(([key, value]) => (value === undefined ? [] : ["--build-arg", `${key}=${value}`])),
  ];
  const secret = npmrc === undefined ? [] : ["--secret", `id=npmrc,src=${npmrc}`];
  const id = crypto.randomUUID();
  const [built, list] = [`localhost/serverfarm-operator-build:${id}`, `localhost/serverfarm-operator-release:${id}`];
  let container = "";
  try {
    await buildah("build", ...common, ...secret, "--target=build", `--tag=${built}`, tree);
    container = (await buildah("from", "--pull=never", built)).trim();
    const files = (await buildah("mount", container)).trim();
    // A context with the stage's name goes before the stage.
    // One after the other: buildah lists platforms that it builds at once in the order in which they are done.
    for (const platform of PLATFORMS)
      await buildah("build", ...common, `--platform=${platform}`, `--build-context=build=${files}`, `--manifest=${list}`, tree);
    const layout = `${work}/image`;
    await mkdir(layout);
    await buildah("manifest", "push", "--all", list, `oci:${layout}:${name}`);
    await pack(file, layout, ["blobs", "index.json", "oci-layout"], epoch);
    return index.parse(JSON.parse(await readFile(`${layout}/index.json`, "utf8"))).manifests[0].digest;
  } finally {
    if (container !== "") await buildah("rm", container);
    await buildah("rmi", built).catch(() => undefined);
    await buildah("manifest", "rm", list).catch(() => undefined);
    const mine = ["--filter=dangling=true", `--filter=label=org.opencontainers.image.revision=${revision}`];
    const images = (await buildah("images", "--quiet", "--all", ...mine)).split("\n").filter(Boolean);
    if (images.length > 0) await buildah("rmi", ...new Set(images)).catch(() => undefined);
  }
}
