/** A release: what is in its folder, that it can be made again, and that a new user who has nothing else comes to a farm that is Ready. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { z } from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bomOf, foreignLicences, unlike } from "../harness/bom.ts";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { codeBlock, readmeScript } from "../harness/docs.ts";
import { helm, helmMissing } from "../harness/helm.ts";
import { buildahMissing, type Image, readImage, ReleaseBuilder, unpackImage } from "../harness/image.ts";
import { install } from "../harness/install.ts";
import { findKubectl, kubeAssets } from "../harness/kube.ts";
import type { Operator } from "../harness/operator.ts";
import { credentials, podCommand, startDeployment } from "../harness/pod.ts";
import { run, waitFor } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { Samba } from "../harness/samba.ts";
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

const missing = onSandbox ? "it is run on real servers" : ((await buildahMissing()) ?? (await helmMissing()));
if (!onSandbox && missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);
const samba = available && (await findKubectl()) !== undefined && directory instanceof Samba ? directory : undefined;

const REPOSITORY = "registry.example.com/team/serverfarm-operator";
const { version: VERSION } = z.object({ version: z.string() }).parse(JSON.parse(await readFile(`${ROOT}/package.json`, "utf8")));
const IMAGE = `serverfarm-operator-${VERSION}-image.tar`;

describe.skipIf(!available || missing !== undefined)("a release", () => {
  let dir: string;
  let folder: string;
  let image: Image;
  let files: string;
  const made: Partial<{ builder: ReleaseBuilder }> = {};
  const again = (): Promise<string> => made.builder?.release(VERSION, "--image", REPOSITORY) ?? Promise.reject(new Error("no builder"));

  beforeAll(async () => {
    dir = await mkdtemp(`${tmpdir()}/serverfarm-container-`);
    await chmod(dir, 0o755);
    made.builder = await ReleaseBuilder.create(tmpdir());
    folder = await again();
    image = await readImage(`${folder}/${IMAGE}`, "amd64", `${dir}/amd64`);
    files = await unpackImage(image, `${dir}/amd64`);
  }, 600_000);

  afterAll(async () => {
    await made.builder?.remove();
    await rm(dir, { recursive: true, force: true });
  });

  test("has what a user needs, and a checksum of each file", async () => {
    const names = (await readdir(folder)).toSorted();
    expect(names).toEqual([
      "SHA256SUMS",
      "crds.yaml",
      "domain.yaml",
      "install.yaml",
      "itfarm1.yaml",
      ...["any-with-node24", "linux-amd64", "linux-arm64", "windows-amd64"].map((on) => `kubectl-farm-${VERSION}-${on}.tar.gz`),
      "pods-rbac.yaml",
      "release-notes.md",
      "sbom.cdx.json",
      IMAGE,
      `serverfarm-operator-${VERSION}.tgz`,
    ]);
    const checked = await run("bash", ["-c", `cd ${folder} && sha256sum --check SHA256SUMS`]);
    expect(checked.trim().split("\n")).toEqual(names.filter((name) => name !== "SHA256SUMS").map((name) => `${name}: OK`));
    const notes = await readFile(`${folder}/release-notes.md`, "utf8");
    expect(notes).toContain(`\`${REPOSITORY}:${VERSION}\`. Its digest is \`${image.digest}\``);
    expect(notes).toContain("- `ServerFarm` and `ActiveDirectoryDomain`");
  });

  test("names its image, in the chart too, which the API server takes as it is", async () => {
    const chart = await helm("template", "farms", `${folder}/serverfarm-operator-${VERSION}.tgz`, "--namespace", SYSTEM);
    for (const text of [chart, await readFile(`${folder}/install.yaml`, "utf8")])
      expect(/^ +image: (.+)$/m.exec(text)?.[1]).toBe(`"${REPOSITORY}:${VERSION}"`);
    const dry = ["--kubeconfig", cluster.kubeconfig, "apply", "--dry-run=server", "-f", "-"];
    expect(await run(`${kubeAssets()}/kubectl`, dry, { input: chart })).toContain("deployment.apps/");
  });

  test("has an image that says who runs it and how, for amd64 and arm64, with the same files", async () => {
    expect(image.config.config).toMatchObject({ User: "65532:65532", Entrypoint: ["/nodejs/bin/node", "/app/src/main.ts"] });
    expect(image.config.config.Env).toEqual(
      expect.arrayContaining([
        "NODE_ENV=production",
        "MALLOC_ARENA_MAX=1",
        "UV_THREADPOOL_SIZE=32",
        "NODE_OPTIONS=--max-semi-space-size=8",
      ]),
    );
    const { Labels } = image.config.config;
    expect(Labels).toMatchObject({ "org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.version": VERSION });
    expect(Labels["org.opencontainers.image.revision"]).toMatch(/^[0-9a-f]{40}$/);
    const arm64 = await readImage(`${folder}/${IMAGE}`, "arm64", `${dir}/arm64`);
    // The base is this machine's, and the layer above it holds no file that depends on the processor, as below.
    expect(arm64.layers).toEqual(image.layers);
    expect(arm64.config).toEqual({ ...image.config, architecture: "arm64" });
  });

  test("has an image that holds only what runs, and nothing that depends on the processor", async () => {
    const app = `${files}/app`;
    expect((await readdir(app)).toSorted()).toEqual(["LICENSE", "bin", "node_modules", "package.json", "src"]);
    expect(await readFile(`${app}/package.json`, "utf8")).toBe(await readFile(`${ROOT}/package.json`, "utf8"));
    const entries = await readdir(app, { recursive: true, withFileTypes: true });
    const found = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => `${parentPath}/${name}`);
    expect(found.length).toBeGreaterThan(100);
    expect(found.filter((file) => /\.d\.[cm]?ts$|\.map$|\.test\.|node_modules\/(typescript|vitest)\//.test(file))).toEqual([]);
    const native = await Promise.all(found.map(async (file) => ((await beginning(file)) === "\x7fELF" ? [file] : [])));
    expect(native.flat()).toEqual([]);
  });

  test("has a bill of materials that names each package in the image, and licences that go with Apache-2.0", async () => {
    const bom = await bomOf(`${folder}/sbom.cdx.json`);
    expect(bom.length).toBeGreaterThan(50);
    expect(await unlike(bom, `${files}/app/node_modules`)).toEqual([]);
    expect(foreignLicences(bom)).toEqual([]);
  });

  // OpenShift gives each namespace a user of its own, in the group root, that no file of the image knows.
  test("has an image that serves a farm as any user, on a read-only tree, with a pod's credentials", async () => {
    const account = await credentials(cluster, dir);
    await createNamespace("image-open");
    await applyDomain();
    const operator = await startOperator({
      // As the chart's: a machine that has just built images is not to lose it.
      leaderElection: { leaseDuration: "15s" },
      command: (configuration) => podCommand(cluster, files, { ...image.config.config, User: "1000680000:0" }, { configuration, account }),
    });
    try {
      await cluster.apply(farmOf("image-open", "boxed", { servicePrincipalNames: ["http/boxed"], hosts: { computers: ["WEB01"] } }));
      await farmReady("image-open", "boxed");
      await expectConfined(operator, "1000680000");
      const command = { ...image.config.config, Entrypoint: ["kubectl-farm"], Cmd: ["status", "boxed", "-n", "image-open"] };
      const [program = "", ...args] = podCommand(cluster, files, command, { configuration: dir, account });
      expect(await run(program, args)).toContain("WEB01");
      expect(await operator.ready()).toMatchObject({ status: 200 });
      await cleanUp();
    } finally {
      expect(await operator.stop()).toBe(0);
    }
  });

  describe.skipIf(!samba)("to a new user, who has kubectl and the folder", () => {
    let user: string;
    const shell = (script: string): ReturnType<typeof spawn> => {
      const env = {
        KUBECONFIG: cluster.kubeconfig,
        HOME: user,
        PASSWORD: DELEGATED.password,
        CA_FILE: samba?.caFile ?? "",
        // No Node and no npm.
        PATH: `${user}/bin`,
      };
      return spawn("/bin/bash", ["-euo", "pipefail", "-c", script], { cwd: user, env, stdio: ["ignore", "pipe", "pipe"] });
    };
    const outcome = async (script: string): Promise<{ readonly code: unknown; readonly output: string }> => {
      const child = shell(script);
      let output = "";
      for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += String(chunk)));
      const [code]: unknown[] = await once(child, "close");
      return { code, output };
    };
    const running: Partial<{ operator: Operator }> = {};

    beforeAll(async () => {
      user = await mkdtemp(`${dir}/user-`);
      await mkdir(`${user}/bin`);
      await symlink(`${kubeAssets()}/kubectl`, `${user}/bin/kubectl`);
      for (const tool of ["cat", "dirname", "readlink"]) await symlink(`/usr/bin/${tool}`, `${user}/bin/${tool}`);
      for (const file of ["install.yaml", "domain.yaml", "itfarm1.yaml"]) await copyFile(`${folder}/${file}`, `${user}/${file}`);
      await delegate(directory);
      for (const name of ["contoso-ldap", "contoso-ca"]) await cluster.delete("Secret", name, SYSTEM);
      await cluster.delete("Namespace", "web", undefined, 60);
    });

    afterAll(async () => {
      running.operator ??= await startOperator();
      await cleanUp();
      await running.operator.stop();
      expect(await outcome(await codeBlock("docs/install.md", " delete deployment,"))).toMatchObject({ code: 0 });
      const { output } = await outcome("kubectl get -f install.yaml --ignore-not-found -o name");
      // The files that follow need the rights.
      await install(cluster);
      expect(output.trim().split("\n").toSorted()).toEqual([
        "customresourcedefinition.apiextensions.k8s.io/activedirectorydomains.serverfarm.dev",
        "customresourcedefinition.apiextensions.k8s.io/serverfarms.serverfarm.dev",
        "namespace/serverfarm-system",
      ]);
    });

    test("the README's commands, word for word, lead to a Ready farm", { timeout: 180_000 }, async () => {
      await cluster.delete("Deployment", "serverfarm-operator", SYSTEM);
      const commands = outcome(await readmeScript());
      // What stands in for a node: it runs what the API server has been given, with the image of the folder.
      await waitFor("the Deployment", () => cluster.find("Deployment", "serverfarm-operator", SYSTEM));
      const pod = await startDeployment(cluster, files, image.config.config, dir);
      running.operator = pod.operator;
      expect(pod.image).toBe(`${REPOSITORY}:${VERSION}`);
      expect((await readdir(pod.compiled, { recursive: true })).length).toBeGreaterThan(500);
      const { code, output } = await commands;
      expect(output).toMatch(/itfarm1 +True +Reconciled +ITFarm1\$ +3\/3/);
      expect(output).toMatch(/contoso +True +dc1\.contoso\.com +88 +/);
      expect(code).toBe(0);
      expect(await directory.retrieves("WEB01", "CN=ITFarm1,OU=Farms,DC=contoso,DC=com")).toBe(true);
      await expectConfined(pod.operator, "65532");
      expect(await readFile(`/proc/${pod.operator.pid}/mounts`, "utf8")).toMatch(/ \/var\/cache\/serverfarm-operator \S+ ro,/);
    });

    test("kubectl farm comes with its own Node, and says how to go on where it has none", async () => {
      for (const platform of [`linux-${process.arch === "x64" ? "amd64" : process.arch}`, "any-with-node24"])
        await run("tar", ["-xzf", `${folder}/kubectl-farm-${VERSION}-${platform}.tar.gz`, "-C", user]);
      const own = `${user}/kubectl-farm-${VERSION}-linux-${process.arch === "x64" ? "amd64" : process.arch}`;
      expect(await outcome(`PATH=${own}:$PATH; kubectl farm status itfarm1 -n web`)).toMatchObject({
        code: 0,
        output: expect.stringContaining("WEB03"),
      });
      await symlink(`${own}/kubectl-farm`, `${user}/bin/kubectl-farm`);
      expect(await outcome("kubectl farm status itfarm1 -n web")).toMatchObject({ code: 0 });
      const bare = `${user}/kubectl-farm-${VERSION}-any-with-node24`;
      expect(await outcome(`${bare}/kubectl-farm status`)).toEqual({
        code: 2,
        output: "kubectl-farm needs Node 24 or later on PATH; this one: none.\n",
      });
      await symlink(process.execPath, `${user}/bin/node`);
      expect(await outcome(`${bare}/kubectl-farm status itfarm1 -n web`)).toMatchObject({ code: 0 });
      await copyFile(`${own}/kubectl-farm`, `${user}/alone`);
      expect((await outcome("./alone")).output).toContain("keep the whole folder");
    });
  });

  test("made again, elsewhere and under another umask, is the same to the byte", { timeout: 300_000 }, async () => {
    expect(await readFile(`${await again()}/SHA256SUMS`, "utf8")).toBe(await readFile(`${folder}/SHA256SUMS`, "utf8"));
  });
});

/** As the chart's security context has it: the user, no capabilities and no way to get any, a tree that is read-only. */
async function expectConfined({ pid }: Operator, uid: string): Promise<void> {
  expect(await readFile(`/proc/${pid}/status`, "utf8")).toMatch(
    new RegExp(`Uid:\t${uid}\t${uid}[\\s\\S]*CapEff:\t0+\n[\\s\\S]*NoNewPrivs:\t1`),
  );
  expect(await readFile(`/proc/${pid}/mounts`, "utf8")).toMatch(/^\S+ \/ \S+ ro,/m);
}

/** A file's first four bytes. */
async function beginning(file: string): Promise<string> {
  return (await readFile(file)).subarray(0, 4).toString("latin1");
}
