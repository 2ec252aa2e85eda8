/** The image: what is in it, and that its entry point, run as a container runtime runs it, serves a farm. */
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { z } from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildahMissing, containerCommand, ImageBuilder, type ImageConfig } from "../harness/image.ts";
import { run } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  createNamespace,
  directory,
  farmOf,
  farmReady,
  onSandbox,
  startOperator,
  SYSTEM,
} from "../harness/world.ts";

const missing = onSandbox ? "it is run on real servers" : await buildahMissing();
if (!onSandbox && missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);

describe.skipIf(!available || missing !== undefined)("the image", () => {
  const built: Partial<{ builder: ImageBuilder; amd64: ImageConfig; files: string }> = {};
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(`${tmpdir()}/serverfarm-container-`);
    built.builder = await ImageBuilder.create(tmpdir());
    built.amd64 = await built.builder.build("linux/amd64");
    built.files = await built.builder.files();
  }, 600_000);

  afterAll(async () => {
    await built.builder?.remove();
    await rm(dir, { recursive: true, force: true });
  });

  test("says who runs it and how", () => {
    expect(built.amd64?.config).toMatchObject({ User: "65532:65532", Entrypoint: ["/nodejs/bin/node", "/app/src/main.ts"] });
    expect(built.amd64?.config.Env).toEqual(
      expect.arrayContaining(["NODE_ENV=production", "MALLOC_ARENA_MAX=1", "NODE_OPTIONS=--max-semi-space-size=8"]),
    );
    expect(built.amd64?.config.Labels).toMatchObject({
      "org.opencontainers.image.licenses": "Apache-2.0",
      "org.opencontainers.image.version": "1.2.3",
      "org.opencontainers.image.revision": "abc",
    });
  });

  test("holds only what runs, and nothing that depends on the processor", async () => {
    const app = `${built.files ?? ""}/app`;
    expect((await readdir(app)).toSorted()).toEqual(["LICENSE", "node_modules", "package.json", "src"]);
    expect(await readFile(`${app}/package.json`, "utf8")).toBe(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    const entries = await readdir(app, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => `${parentPath}/${name}`);
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((file) => /\.d\.[cm]?ts$|\.map$|\.test\.|node_modules\/(typescript|vitest)\//.test(file))).toEqual([]);
    const native = await Promise.all(files.map(async (file) => ((await beginning(file)) === "\x7fELF" ? [file] : [])));
    expect(native.flat()).toEqual([]);
  });

  test("the bill of materials names each package that is in it, and licences that go with Apache-2.0", { timeout: 120_000 }, async () => {
    const file = `${dir}/sbom.json`;
    await run("npm", ["run", "--silent", "sbom", "--", "--output-file", file]);
    const parts = flatten(bom.parse(JSON.parse(await readFile(file, "utf8"))).components);
    const named = new Set(parts.map(({ group, name, version }) => `${group === undefined ? "" : `${group}/`}${name}@${version}`));
    const modules = `${built.files ?? ""}/app/node_modules`;
    const manifests = (await readdir(modules, { recursive: true })).filter((path) =>
      /(^|node_modules\/)(@[^/]+\/)?[^@/]+\/package\.json$/.test(path),
    );
    expect(manifests.length).toBeGreaterThan(50);
    for (const path of manifests) {
      const { name, version } = z
        .object({ name: z.string(), version: z.string() })
        .parse(JSON.parse(await readFile(`${modules}/${path}`, "utf8")));
      expect(named, path).toContain(`${name}@${version}`);
    }
    const licences = new Set(parts.flatMap(({ licenses = [] }) => licenses.map(({ license, expression }) => license?.id ?? expression)));
    expect(
      [...licences].filter(
        (id) =>
          !["Apache-2.0", "MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Unlicense", "Python-2.0", "PSF-2.0"].includes(id ?? ""),
      ),
    ).toEqual([]);
    expect(parts.filter(({ licenses = [] }) => licenses.length === 0)).toEqual([]);
  });

  // OpenShift gives each namespace a user of its own, in the group root, that no file of the image knows.
  test.each([
    ["its", "image", "65532:65532"],
    ["any other", "image-open", "1000680000:0"],
  ])("its entry point, as %s user and on a read-only tree, serves a farm with a pod's credentials", async (_, namespace, user) => {
    const { files = "", amd64 } = built;
    if (!amd64) throw new Error("no image");
    const [uid = ""] = user.split(":");
    const account = `${dir}/${namespace}`;
    await mkdir(account);
    await writeFile(`${account}/token`, await cluster.serviceAccountToken(SYSTEM, "serverfarm-operator"));
    await writeFile(`${account}/ca.crt`, cluster.ca);
    await writeFile(`${account}/namespace`, SYSTEM);
    await chmod(dir, 0o755);
    await createNamespace(namespace);
    await applyDomain();
    const { hostname, port } = new URL(cluster.server);
    const operator = await startOperator({
      // As the chart's: a machine that has just built images is not to lose it.
      leaderElection: { leaseDuration: "15s" },
      command: (folder) =>
        containerCommand(
          files,
          { ...amd64.config, User: user },
          { "/etc/serverfarm-operator": folder, "/var/run/secrets/kubernetes.io/serviceaccount": account },
          { POD_NAME: "image-0", POD_NAMESPACE: SYSTEM, KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
        ),
    });
    try {
      await cluster.apply(farmOf(namespace, "boxed", { servicePrincipalNames: ["http/boxed"], hosts: { computers: ["WEB01"] } }));
      await farmReady(namespace, "boxed");
      const [account] = await directory.search("(sAMAccountName=boxed$)", ["servicePrincipalName"]);
      expect(account?.dn).toContain("CN=boxed,");
      const ticket = await directory.ticket("http/boxed");
      if (ticket !== undefined) expect(ticket).toMatch(/kvno = \d+/);
      expect(await readFile(`/proc/${operator.pid}/status`, "utf8")).toMatch(
        new RegExp(`Uid:\t${uid}\t${uid}[\\s\\S]*CapEff:\t0+\n[\\s\\S]*NoNewPrivs:\t1`),
      );
      expect(await readFile(`/proc/${operator.pid}/mounts`, "utf8")).toMatch(/^\S+ \/ \S+ ro,/m);
      expect(await operator.ready()).toMatchObject({ status: 200 });
      await cleanUp();
    } finally {
      expect(await operator.stop()).toBe(0);
    }
  });

  test("is the same for arm64, to the byte", { timeout: 300_000 }, async () => {
    const sums = (files: string): Promise<string> =>
      run("bash", ["-c", `cd ${files}/app && find . -type f -print0 | sort -z | xargs -0 sha256sum`]);
    const amd64 = await sums(built.files ?? "");
    const arm64 = await built.builder?.build("linux/arm64");
    expect(await sums((await built.builder?.files()) ?? "")).toBe(amd64);
    expect(arm64?.architecture).toBe("arm64");
    expect(arm64?.config).toEqual(built.amd64?.config);
  });
});

interface Component {
  readonly group?: string | undefined;
  readonly name: string;
  readonly version: string;
  readonly licenses?:
    | readonly { readonly license?: { readonly id?: string | undefined } | undefined; readonly expression?: string | undefined }[]
    | undefined;
  readonly components?: readonly Component[] | undefined;
}
const component: z.ZodType<Component> = z.lazy(() =>
  z.object({
    group: z.string().optional(),
    name: z.string(),
    version: z.string(),
    licenses: z
      .array(z.object({ license: z.object({ id: z.string().optional() }).optional(), expression: z.string().optional() }))
      .optional(),
    components: z.array(component).optional(),
  }),
);
const bom = z.object({ components: z.array(component) });

function flatten(components: readonly Component[]): readonly Component[] {
  return components.flatMap((part) => [part, ...flatten(part.components ?? [])]);
}

/** A file's first four bytes. */
async function beginning(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await handle.close();
  }
}
