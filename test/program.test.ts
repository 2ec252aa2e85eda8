import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const HEAD = "apiVersion: serverfarm.dev/v1alpha1\nkind: OperatorConfiguration\nnamespace: a\n";

async function program(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: unknown; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  let [out, err] = ["", ""];
  child.stdout.on("data", (text) => (out += String(text)));
  child.stderr.on("data", (text) => (err += String(text)));
  const [code]: unknown[] = await once(child, "close");
  return { code, out, err };
}

describe("the program", () => {
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(`${tmpdir()}/serverfarm-program-`);
    const kubeconfig = (cluster: object) => ({
      clusters: [{ name: "a", cluster }],
      users: [{ name: "a", user: {} }],
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      "current-context": "a",
    });
    await writeFile(`${dir}/good.yaml`, HEAD);
    await writeFile(`${dir}/bad.yaml`, `${HEAD}workers: many\nlogs: {}\n`);
    await writeFile(`${dir}/local.yaml`, `${HEAD}metrics: {address: "127.0.0.1:0"}\nhealth: {address: "127.0.0.1:0"}\n`);
    await writeFile(`${dir}/metrics.yaml`, `${HEAD}metrics: {address: "192.0.2.1:1"}\nhealth: {address: "127.0.0.1:0"}\n`);
    await writeFile(`${dir}/insecure`, JSON.stringify(kubeconfig({ server: "https://127.0.0.1:1", "insecure-skip-tls-verify": true })));
    await writeFile(`${dir}/plain`, JSON.stringify(kubeconfig({ server: "https://127.0.0.1:1" })));
  });
  afterAll(() => rm(dir, { recursive: true }));

  test("says how it is used", async () => {
    expect(await program(["--help"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("usage: serverfarm-operator run --config FILE"),
    });
  });

  test("is started with threads enough for names that DNS does not answer, by npm and in the image", async () => {
    for (const file of ["package.json", "Dockerfile"]) {
      const start = (await readFile(new URL(`../${file}`, import.meta.url), "utf8"))
        .split("\n")
        .find((line) => line.includes("NODE_OPTIONS="));
      expect(start).toContain(" UV_THREADPOOL_SIZE=32 ");
    }
  });

  test("compiles itself into a folder, from which the next run starts", async () => {
    const [folder, env] = [`${dir}/compiled`, { NODE_DEBUG: "", NODE_COMPILE_CACHE: `${dir}/compiled` }];
    expect(await program(["compile"], env)).toEqual({ code: 0, out: "", err: "" });
    const files = async (): Promise<readonly string[]> => (await readdir(folder, { recursive: true })).toSorted();
    const before = await files();
    // Each module of the program, with those of its libraries.
    expect(before.length).toBeGreaterThan(500);
    const { err } = await program(["run", "--config", `${dir}/none.yaml`], { ...env, NODE_DEBUG_NATIVE: "COMPILE_CACHE" });
    expect(err).toMatch(/V8 code cache for ESM file:\S+src\/commands\/run\.ts was accepted/);
    expect(err).not.toContain("was rejected");
    expect(await files()).toEqual(before);
  });

  test("does without the folder where there is none, and says so", async () => {
    await writeFile(`${dir}/file`, "");
    expect(await program(["compile"], { NODE_COMPILE_CACHE: `${dir}/file` })).toMatchObject({
      code: 0,
      err: "cannot write to the folder that NODE_COMPILE_CACHE names: choose one that this user can write to.\n",
    });
  });

  test.each([
    ["no folder to compile into", ["compile"], "NODE_COMPILE_CACHE is not set: name the folder"],
    ["an option that is another command's", ["compile", "--config", "DIR/good.yaml"], "compile takes no options"],
    ["more than a command", ["compile", "run"], "there is no command compile run"],
    ["no command", [], "a command is missing"],
    ["another command", ["serve"], "there is no command serve"],
    ["no configuration", ["run"], "--config is missing"],
    ["an unknown option", ["run", "--verbose"], "--verbose"],
    ["a file that is not there", ["run", "--config", "DIR/none.yaml"], "cannot read the configuration"],
    ["a file with two mistakes", ["run", "--config", "DIR/bad.yaml"], "bad.yaml:4:10: workers: "],
    ["a kubeconfig that is not there", ["run", "--config", "DIR/good.yaml", "--kubeconfig", "DIR/none"], "cannot use the kubeconfig"],
    [
      "a cluster whose certificate is not checked",
      ["run", "--config", "DIR/good.yaml", "--kubeconfig", "DIR/insecure"],
      "without a checked certificate",
    ],
    ["an address that is not here", ["run", "--config", "DIR/metrics.yaml", "--kubeconfig", "DIR/plain"], "cannot listen on 192.0.2.1:1"],
  ])("%s: exit 2, the remedy, no stack trace", async (_, args, words) => {
    const { code, err } = await program(
      args.map((arg) => arg.replace("DIR", dir)),
      { NODE_COMPILE_CACHE: "" },
    );
    expect(err).toContain(words);
    expect(err).not.toMatch(/^\s+at /m);
    expect(code).toBe(2);
  });

  test.each([100, 400, 900])(
    "a signal %i ms after its start ends it with 0, though it reaches no cluster",
    { timeout: 20_000 },
    async (delay) => {
      const child = spawn(process.execPath, [MAIN, "run", "--config", `${dir}/local.yaml`, "--kubeconfig", `${dir}/plain`], {
        stdio: "ignore",
      });
      setTimeout(() => child.kill("SIGTERM"), delay);
      const [code, signal]: unknown[] = await once(child, "exit");
      // Before it listens for signals at all, the signal itself ends it.
      expect([0, null]).toContain(code);
      expect([null, "SIGTERM"]).toContain(signal);
    },
  );

  test("a mistake of the program ends it with 1, and the place where it was", async () => {
    const broken = "--import=data:text/javascript,crypto.randomUUID=()=>{throw(new(TypeError)('broken'))}";
    const { code, err } = await program(["run", "--config", `${dir}/local.yaml`, "--kubeconfig", `${dir}/plain`], { NODE_OPTIONS: broken });
    expect(err).toContain("TypeError: broken\n");
    expect(err).toMatch(/^ +at run .*src\/commands\/run\.ts/m);
    expect(code).toBe(1);
  });

  test("both mistakes of a configuration are told at once", async () => {
    const { err } = await program(["run", "--config", `${dir}/bad.yaml`]);
    expect(err).toContain("bad.yaml:5:7: logs: there is no such field; remove it");
  });

  test.each(["ldapts", "*", "http,ldapts", "ldap*"])("NODE_DEBUG=%s, which would print passwords, is refused", async (value) => {
    expect(await program(["run", "--config", `${dir}/good.yaml`], { NODE_DEBUG: value })).toMatchObject({
      code: 2,
      err: expect.stringContaining("unset it"),
    });
  });
});
