/** The operator as users run it: a process of its own, with its own configuration and service account. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { SYSTEM } from "./manifests.ts";
import { run, waitFor } from "./process.ts";

export interface OperatorOptions {
  readonly kubeconfig: string;
  readonly namespace?: string;
  /** True: with a Lease that is short, for tests. An object: with these durations; empty, those that users have. */
  readonly leaderElection?: boolean | { readonly leaseDuration?: string };
  readonly workers?: number;
  readonly watchNamespaces?: readonly string[];
  readonly pods?: { readonly enabled: boolean; readonly configMaps?: boolean };
  readonly level?: "debug" | "info" | "error";
  readonly dnsServers?: readonly string[];
  /** Of the metrics' configuration, beside the address. */
  readonly metrics?: object;
  readonly nodeOptions?: readonly string[];
  /** Started by this command in place of the repository's program; it finds the configuration as `config.yaml` in the folder. */
  readonly command?: (folder: string) => readonly string[];
}

/**
 * As in the image; the size of the heap as V8 chooses it in the memory that the chart gives. Without it V8 goes by the memory of the machine and keeps
 * what it has ever used.
 */
const ENVIRONMENT = { MALLOC_ARENA_MAX: "1", UV_THREADPOOL_SIZE: "32", NODE_OPTIONS: "--max-semi-space-size=8 --max-old-space-size=256" };
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** As the chart's init container does, for every operator that this process starts from then on. */
export async function compileOperator(folder: string): Promise<void> {
  process.env["NODE_COMPILE_CACHE"] = folder;
  await run(process.execPath, [MAIN, "compile"], { env: ENVIRONMENT });
}

export class Operator {
  readonly #child: ChildProcess;
  /** With its configuration. */
  readonly #dir: string;
  #log = "";

  private constructor(child: ChildProcess, dir: string) {
    this.#child = child;
    this.#dir = dir;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8");
      stream?.on("data", (text: string) => {
        this.#log += text;
      });
    }
  }

  /** Resolves once it says that it has started; it need not lead yet. */
  static async start({
    kubeconfig,
    namespace = SYSTEM,
    leaderElection = false,
    workers = 32,
    watchNamespaces = [],
    pods,
    level = "debug",
    dnsServers,
    metrics = {},
    nodeOptions = [],
    command = (folder) => [process.execPath, ...nodeOptions, MAIN, "run", "--config", `${folder}/config.yaml`, "--kubeconfig", kubeconfig],
  }: OperatorOptions): Promise<Operator> {
    const dir = await mkdtemp(`${tmpdir()}/serverfarm-operator-`);
    // A program in an image runs as another user; there are no secrets in here.
    await chmod(dir, 0o755);
    const config = {
      apiVersion: "serverfarm.dev/v1alpha1",
      kind: "OperatorConfiguration",
      namespace,
      workers,
      watchNamespaces,
      ...(pods ? { pods } : {}),
      ...(dnsServers ? { dns: { servers: dnsServers } } : {}),
      leaderElection:
        typeof leaderElection === "object"
          ? { enabled: true, ...leaderElection }
          : { enabled: leaderElection, leaseDuration: "3s", renewDeadline: "2s", retryPeriod: "500ms" },
      metrics: { address: "127.0.0.1:0", ...metrics },
      health: { address: "127.0.0.1:0" },
      log: { level, format: "json" },
    };
    await writeFile(`${dir}/config.yaml`, JSON.stringify(config));
    const [program = "", ...args] = command(dir);
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...ENVIRONMENT },
    });
    const operator = new Operator(child, dir);
    await waitFor("the operator to start", () => {
      if (child.exitCode !== null) throw new Error(operator.log);
      // That is said on a lower level.
      if (level === "error") return true;
      return operator.log.includes('"message":"started"');
    });
    return operator;
  }

  get log(): string {
    return this.#log;
  }

  get metricsUrl(): string {
    return `http://127.0.0.1:${this.#port("metrics")}/metrics`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** False once it ended, by itself or by a signal. */
  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGTERM; resolves with the exit code. */
  async stop(): Promise<number | null> {
    return await this.#end("SIGTERM");
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async metrics(): Promise<string> {
    return await (await fetch(this.metricsUrl)).text();
  }

  /** The sum of a counter or gauge over all its labels that match. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const lines = (await this.metrics()).split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    return lines
      .filter((line) => wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  async ready(): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.#port("health")}/readyz`);
    return { status: response.status, text: await response.text() };
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.runs) {
      const exit = once(this.#child, "exit");
      this.#child.kill(signal);
      await exit;
    }
    await rm(this.#dir, { recursive: true, force: true });
    return this.#child.exitCode;
  }

  #port(name: "metrics" | "health"): number {
    const match = new RegExp(`"message":"started".*"${name}":(\\d+)`).exec(this.#log);
    if (!match) throw new Error(`no ${name} port in the log`);
    return Number(match[1]);
  }
}
