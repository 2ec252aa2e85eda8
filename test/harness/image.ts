/**
 * The image of the Dockerfile, built with buildah on stand-ins for its bases, which need no registry: Debian by debootstrap, and the Node of this
 * repository. The stand-in for the distroless base has what that has: Node, the libraries it needs, CAs, a user; no shell. (Debian, root.)
 */
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseEnv } from "node:util";
import { z } from "zod";
import { programMissing, run } from "./process.ts";
import { ROOT } from "./root.ts";

const TAG = "localhost/serverfarm-operator:test";

/** Undefined where images can be built here; else why not, and how to get there. */
export async function buildahMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "building an image needs root";
  return await programMissing(["buildah", "--version"], ["debootstrap", "--version"]);
}

const inspection = z.object({
  OCIv1: z.object({
    architecture: z.string(),
    config: z.object({
      User: z.string(),
      Env: z.array(z.string()),
      Entrypoint: z.array(z.string()),
      Cmd: z.array(z.string()),
      WorkingDir: z.string(),
      Labels: z.record(z.string(), z.string()),
    }),
  }),
});
export type ImageConfig = z.infer<typeof inspection>["OCIv1"];

export class ImageBuilder {
  readonly #dir: string;
  #made = false;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** The folder must not be on a file system that forbids devices or set-user-id programs. */
  static async create(parent: string): Promise<ImageBuilder> {
    return new ImageBuilder(await mkdtemp(`${parent}/serverfarm-image-`));
  }

  /** Takes everything away again, containers and images too. */
  async remove(): Promise<void> {
    await this.#buildah("rm", "--all").catch(() => undefined);
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Builds for a platform, `linux/arm64` for instance, and says what the image is configured to do. */
  async build(platform: string): Promise<ImageConfig> {
    await this.#makeBases(platform);
    const certificates = "/etc/ssl/certs";
    const npmrc = `${this.#dir}/npmrc`;
    const own = await readFile(`${process.env["HOME"] ?? "/root"}/.npmrc`, "utf8").catch(() => "");
    const registry = (await run("npm", ["config", "get", "registry"])).trim();
    await writeFile(npmrc, `${own}\nregistry=${registry}\ncafile=${certificates}/ca-certificates.crt\n`, { mode: 0o600 });
    const where = [
      "--platform",
      platform,
      "--build-arg",
      `BUILDPLATFORM=${platform}`,
      "--volume",
      `${certificates}:${certificates}:ro`,
      "--secret",
      `id=npmrc,src=${npmrc}`,
    ];
    const version = ["--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=abc"];
    await this.#buildah("build", "--pull=never", "--layers=false", ...where, ...version, "-t", TAG, ROOT);
    const config: unknown = JSON.parse(await this.#buildah("inspect", "--type", "image", TAG));
    return inspection.parse(config).OCIv1;
  }

  /** The files of the image that was built last, in a folder. */
  async files(): Promise<string> {
    const container = (await this.#buildah("from", "--pull=never", TAG)).trim();
    return (await this.#buildah("mount", container)).trim();
  }

  /**
   * Debian for the first stage, and what a distroless image has for the second; tagged with the names that the Dockerfile gives. Both are said to be of
   * the platform, whatever they hold: this buildah forgets what it builds for when a stage is of another one, and nothing of the second is run.
   */
  async #makeBases(platform: string): Promise<void> {
    const [debian, distroless] = [`${this.#dir}/debian`, `${this.#dir}/distroless`];
    if (!this.#made) {
      const { VERSION_CODENAME: codename = "" } = parseEnv(await readFile("/etc/os-release", "utf8"));
      const [mirror = ""] = (await run("apt-get", ["indextargets", "--format", "$(REPO_URI)", `Codename: ${codename}`])).split("\n");
      await run("debootstrap", ["--variant=minbase", "trixie", debian, mirror].filter(Boolean));
      const node = `${ROOT}/node_modules/node-linux-${process.arch}/bin/node`;
      await mkdir(`${distroless}/nodejs/bin`, { recursive: true });
      await cp(node, `${distroless}/nodejs/bin/node`);
      for (const [library] of (await run("ldd", [node])).matchAll(/\/lib\S+/g))
        await cp(`${debian}${library}`, `${distroless}${library}`, { recursive: true, dereference: true });
      await mkdir(`${distroless}/etc/ssl/certs`, { recursive: true });
      await writeFile(`${distroless}/etc/nsswitch.conf`, "hosts: files dns\n");
      await writeFile(`${distroless}/etc/passwd`, "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n");
      await cp(node, `${debian}/usr/local/bin/node`);
      const npm = dirname(dirname(await realpath((await run("which", ["npm"])).trim())));
      await cp(npm, `${debian}/usr/local/lib/node_modules/npm`, { recursive: true });
      await symlink("../lib/node_modules/npm/bin/npm-cli.js", `${debian}/usr/local/bin/npm`);
      this.#made = true;
    }
    const dockerfile = await readFile(`${ROOT}/Dockerfile`, "utf8");
    for (const [argument, folder] of [
      ["BUILD_IMAGE", debian],
      ["RUNTIME_IMAGE", distroless],
    ] as const) {
      const name = new RegExp(`^ARG ${argument}=(.+)$`, "m").exec(dockerfile)?.[1];
      if (name === undefined) throw new Error(`the Dockerfile has no ${argument}`);
      const container = (await this.#buildah("from", "--platform", platform, "scratch")).trim();
      await this.#buildah("add", container, folder, "/");
      await this.#buildah("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container);
      await this.#buildah("commit", "--rm", container, name);
    }
  }

  #buildah(...args: readonly string[]): Promise<string> {
    const where = ["--storage-driver", "vfs", "--root", `${this.#dir}/storage`, "--runroot", `${this.#dir}/run`];
    return run("buildah", [...where, ...args], { env: { BUILDAH_ISOLATION: "chroot" } });
  }
}

/**
 * What a container runtime does under the chart's security context: the image's entry point with its environment, as its user, without capabilities or a
 * way to get any, on a tree that is read-only. `mounts`: folders and files from outside, by where they are to be seen.
 */
export function containerCommand(
  files: string,
  { User, Env, Entrypoint, Cmd }: ImageConfig["config"],
  mounts: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>>,
): readonly string[] {
  const script = [
    "set -eu",
    `mount --bind ${files} ${files}`,
    ...Object.entries({ ...mounts, "/dev": "/dev", "/etc/hosts": "/etc/hosts", "/etc/resolv.conf": "/etc/resolv.conf" }).map(
      ([inside, outside]) => {
        const place = `${files}${inside}`;
        return `if [ -d ${outside} ]; then mkdir -p ${place}; else touch ${place}; fi; mount --bind ${outside} ${place}`;
      },
    ),
    `mkdir -p ${files}/proc; mount -t proc proc ${files}/proc`,
    `mount -o remount,ro,bind ${files}`,
    'exec "$@"',
  ].join("\n");
  const variables = [...Env, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)];
  const entry = ["env", "-i", ...variables, "/usr/sbin/chroot", `--userspec=${User}`, files, ...Entrypoint, ...Cmd];
  return ["unshare", "--mount", "bash", "-c", script, "container", "setpriv", "--no-new-privs", ...entry];
}
