/** What only a program itself can tell: a hook runs in it before its own code, and answers when a signal asks. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { waitFor } from "./process.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** The hook defines `answer()`, whose value goes to a file; a file that is renamed is whole. */
const ASKED = `
import { renameSync, writeFileSync } from "node:fs";
let asked = 0;
process.on("SIGUSR2", async () => {
  const file = process.env.PROBE_PREFIX + process.pid;
  writeFileSync(file + ".new", JSON.stringify({ asked: ++asked, told: await answer() }));
  renameSync(file + ".new", file);
});`;

const envelope = z.object({ asked: z.number(), told: z.unknown() });

export class Probe<T> {
  readonly #dir: string;
  readonly #hook: string;
  readonly #schema: z.ZodType<T>;
  /** How often each process was asked, by its id. */
  readonly #asked = new Map<number, number>();

  private constructor(dir: string, hook: string, schema: z.ZodType<T>) {
    this.#dir = dir;
    this.#hook = hook;
    this.#schema = schema;
  }

  /** `hook`: JavaScript with a function `answer`. */
  static async create<T>(hook: string, schema: z.ZodType<T>): Promise<Probe<T>> {
    return new Probe(await mkdtemp(`${tmpdir()}/serverfarm-probe-`), hook, schema);
  }

  /** The command that starts the operator so that it can be asked. */
  command(kubeconfig: string, nodeOptions: readonly string[] = []): (folder: string) => readonly string[] {
    const hook = `data:text/javascript,${encodeURIComponent(this.#hook + ASKED)}`;
    const program = [process.execPath, ...nodeOptions, "--import", hook, MAIN, "run"];
    return (folder) => [
      "/usr/bin/env",
      `PROBE_PREFIX=${this.#prefix}`,
      ...program,
      "--config",
      `${folder}/config.yaml`,
      "--kubeconfig",
      kubeconfig,
    ];
  }

  async ask({ pid }: { readonly pid: number }): Promise<T> {
    const asked = (this.#asked.get(pid) ?? 0) + 1;
    this.#asked.set(pid, asked);
    process.kill(pid, "SIGUSR2");
    const { told } = await waitFor(
      "the operator to answer from the inside",
      async () => envelope.parse(JSON.parse(await readFile(`${this.#prefix}${pid}`, "utf8"))),
      (answer) => answer.asked === asked,
    );
    return this.#schema.parse(told);
  }

  async remove(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Of the files, one for each process. */
  get #prefix(): string {
    return `${this.#dir}/told-`;
  }
}
