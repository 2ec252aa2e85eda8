/**
 * A release of this tree, whose image is built on stand-ins for the bases of the Dockerfile, which need no registry: Debian by debootstrap, and the Node of
 * this repository. The stand-in for the distroless base has what that has: Node, the libraries it needs, CAs, a user; no shell. (Debian, root.)
 */
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseEnv } from "node:util";
import { z } from "zod";
import { programMissing, run } from "./process.ts";
import { ROOT } from "./root.ts";

const CERTIFICATES = "/etc/ssl/certs";

/** Undefined where images can be built here; else why not, and how to get there. */
export async function buildahMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "building an image needs root";
  return await programMissing(["buildah", "--version"], ["debootstrap", "--version"]);
}

export class ReleaseBuilder {
  readonly #dir: string;
  #copies = 0;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** The folder must not be on a file system that forbids devices or set-user-id programs. */
  static async create(parent: string): Promise<ReleaseBuilder> {
    const builder = new ReleaseBuilder(await mkdtemp(`${parent}/serverfarm-release-`));
    try {
      await builder.#prepare();
    } catch (error) {
      await builder.remove();
      throw error;
    }
    return builder;
  }

  /** Takes everything away again, containers and images too. */
  async remove(): Promise<void> {
    await this.#run("buildah", "rm", "--all").catch(() => undefined);
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Commits this tree, as it is now, to a repository of its own, and makes a release of that. The folder. */
  async release(version: string, ...options: readonly string[]): Promise<string> {
    const copy = `${this.#dir}/copy-${++this.#copies}`;
    const out = `${copy}-release`;
    await mkdir(copy);
    const commit = [
      // Each copy under another umask, as people have them.
      `umask ${this.#copies % 2 === 0 ? "077" : "002"}`,
      `tar -C ${ROOT} --exclude=./node_modules --exclude=./.git --exclude=./dist -c . | tar -x --no-same-permissions -C ${copy}`,
      // npm takes what a link leads to for somebody else's.
      `cp -al ${ROOT}/node_modules ${copy}/ 2>/dev/null || cp -a ${ROOT}/node_modules ${copy}/`,
      `cd ${copy}`,
      `sed -i 's/^## Unreleased$/## ${version}/' CHANGELOG.md`,
      "git init -q && git add -A",
      "export GIT_AUTHOR_DATE=2026-01-01T00:00:00Z GIT_COMMITTER_DATE=2026-01-01T00:00:00Z",
      "git -c user.name=test -c user.email=test@example.com commit -q -m release",
      `npm run --silent release -- ${version} --out ${out} --npmrc ${this.#dir}/npmrc ${options.join(" ")}`,
    ];
    await this.#run("bash", "--norc", "-euo", "pipefail", "-c", commit.join("\n"));
    return out;
  }

  /** Debian for the first stage, and what a distroless image has for the second, under the names that the Dockerfile gives, for both platforms. */
  async #prepare(): Promise<void> {
    const dir = this.#dir;
    await writeFile(`${dir}/storage.conf`, `[storage]\ndriver = "vfs"\ngraphroot = "${dir}/storage"\nrunroot = "${dir}/run"\n`);
    await writeFile(`${dir}/containers.conf`, `[containers]\nvolumes = ["${CERTIFICATES}:${CERTIFICATES}:ro"]\n`);
    const own = await readFile(`${process.env["HOME"] ?? "/root"}/.npmrc`, "utf8").catch(() => "");
    const registry = (await run("npm", ["config", "get", "registry"])).trim();
    const npmrc = `${own}\nregistry=${registry}\ncafile=${CERTIFICATES}/ca-certificates.crt\n`;
    await writeFile(`${dir}/npmrc`, npmrc, { mode: 0o600 });

    const [debian, distroless] = [`${dir}/debian`, `${dir}/distroless`];
    const { VERSION_CODENAME: codename = "" } = parseEnv(await readFile("/etc/os-release", "utf8"));
    const [mirror = ""] = (await run("apt-get", ["indextargets", "--format", "$(REPO_URI)", `Codename: ${codename}`])).split("\n");
    await run("debootstrap", ["--variant=minbase", "trixie", debian, mirror].filter(Boolean));
    // What is not needed here would be copied again and again.
    for (const folder of ["usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists"])
      await rm(`${debian}/${folder}`, { recursive: true, force: true });
    const node = `${ROOT}/node_modules/node-linux-${process.arch}/bin/node`;
    await mkdir(`${distroless}/nodejs/bin`, { recursive: true });
    await cp(node, `${distroless}/nodejs/bin/node`);
    for (const [library] of (await run("ldd", [node])).matchAll(/\/lib\S+/g))
      await cp(`${debian}${library}`, `${distroless}${library}`, { recursive: true, dereference: true });
    await mkdir(`${distroless}${CERTIFICATES}`, { recursive: true });
    await writeFile(`${distroless}/etc/nsswitch.conf`, "hosts: files dns\n");
    await writeFile(`${distroless}/etc/passwd`, "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n");
    await cp(node, `${debian}/usr/local/bin/node`);
    const npm = dirname(dirname(await realpath((await run("which", ["npm"])).trim())));
    await cp(npm, `${debian}/usr/local/lib/node_modules/npm`, { recursive: true });
    await symlink("../lib/node_modules/npm/bin/npm-cli.js", `${debian}/usr/local/bin/npm`);
    await this.#makeBase("BUILD_IMAGE", debian, ["amd64"]);
    // What is in it is this machine's for both: nothing of it is run while an image is built.
    await this.#makeBase("RUNTIME_IMAGE", distroless, ["amd64", "arm64"]);
  }

  async #makeBase(argument: string, folder: string, platforms: readonly string[]): Promise<void> {
    const name = new RegExp(`^ARG ${argument}=(.+)$`, "m").exec(await readFile(`${ROOT}/Dockerfile`, "utf8"))?.[1];
    if (name === undefined) throw new Error(`the Dockerfile has no ${argument}`);
    await this.#run("buildah", "manifest", "create", name);
    for (const platform of platforms) {
      const container = (await this.#run("buildah", "from", "--platform", `linux/${platform}`, "scratch")).trim();
      await this.#run("buildah", "add", container, folder, "/");
      const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
      await this.#run("buildah", "config", "--arch", platform, "--env", path, container);
      const image = (await this.#run("buildah", "commit", "--quiet", "--rm", container)).trim();
      await this.#run("buildah", "manifest", "add", "--os", "linux", "--arch", platform, name, image);
    }
  }

  #run(command: string, ...args: readonly string[]): Promise<string> {
    const own = { CONTAINERS_STORAGE_CONF: `${this.#dir}/storage.conf`, CONTAINERS_CONF: `${this.#dir}/containers.conf` };
    return run(command, args, { env: { ...own, BUILDAH_ISOLATION: "chroot" } });
  }
}

const descriptor = z.object({ digest: z.string() });
const list = z.object({ manifests: z.array(descriptor.extend({ platform: z.object({ architecture: z.string() }).optional() })) });
const manifest = z.object({ config: descriptor, layers: z.array(descriptor) });
const configuration = z.object({
  architecture: z.string(),
  config: z.object({
    User: z.string(),
    Env: z.array(z.string()),
    Entrypoint: z.array(z.string()),
    Cmd: z.array(z.string()),
    WorkingDir: z.string(),
    Labels: z.record(z.string(), z.string()),
  }),
});
export type ImageConfig = z.infer<typeof configuration>;

export interface Image {
  /** Of the list of both platforms. */
  readonly digest: string;
  readonly layers: readonly string[];
  readonly config: ImageConfig;
}

/** The image for a processor in an OCI archive, which is unpacked into a folder that is not there yet. */
export async function readImage(archive: string, architecture: string, folder: string): Promise<Image> {
  await mkdir(folder);
  await run("tar", ["-xf", archive, "-C", folder]);
  const read = async (digest: string): Promise<unknown> => JSON.parse(await readFile(blob(folder, digest), "utf8"));
  const [{ digest } = { digest: "" }] = list.parse(JSON.parse(await readFile(`${folder}/index.json`, "utf8"))).manifests;
  const one = list.parse(await read(digest)).manifests.find(({ platform }) => platform?.architecture === architecture);
  if (!one) throw new Error(`${archive} has no image for ${architecture}`);
  const { config, layers } = manifest.parse(await read(one.digest));
  return { digest, layers: layers.map((layer) => layer.digest), config: configuration.parse(await read(config.digest)) };
}

/** The files of an image that was read into a folder. None of its layers takes a file away. */
export async function unpackImage({ layers }: Image, folder: string): Promise<string> {
  const files = `${folder}/files`;
  await mkdir(files);
  for (const layer of layers) await run("tar", ["-xzpf", blob(folder, layer), "-C", files]);
  return files;
}

const blob = (folder: string, digest: string): string => `${folder}/blobs/${digest.replace(":", "/")}`;

/**
 * What a container runtime does under the chart's security context: the image's entry point with its environment, as its user, without capabilities or a
 * way to get any, on a tree that is read-only. `mounts`: folders and files from outside, by where they are to be seen; what is `writable`, too, by where it is.
 */
export function containerCommand(
  files: string,
  { User, Env, Entrypoint, Cmd }: ImageConfig["config"],
  mounts: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>>,
  writable: Readonly<Record<string, string>> = {},
): readonly string[] {
  const others = { ...writable, "/dev": "/dev", "/etc/hosts": "/etc/hosts", "/etc/resolv.conf": "/etc/resolv.conf" };
  const script = [
    "set -eu",
    `mount --bind ${files} ${files}`,
    ...Object.entries({ ...mounts, ...others }).map(([inside, outside]) => {
      const place = `${files}${inside}`;
      return `if [ -d ${outside} ]; then mkdir -p ${place}; else touch ${place}; fi; mount --bind ${outside} ${place}`;
    }),
    ...Object.keys(mounts).map((inside) => `mount -o remount,ro,bind ${files}${inside}`),
    `mkdir -p ${files}/proc; mount -t proc proc ${files}/proc`,
    `mount -o remount,ro,bind ${files}`,
    'exec "$@"',
  ].join("\n");
  const variables = [...Env, ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)];
  const entry = ["env", "-i", ...variables, "/usr/sbin/chroot", `--userspec=${User}`, files, ...Entrypoint, ...Cmd];
  return ["unshare", "--mount", "bash", "-c", script, "container", "setpriv", "--no-new-privs", ...entry];
}
