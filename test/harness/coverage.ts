/** What an operator computes: how often each of its functions, and each block of one, ran. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { Operator } from "./operator.ts";
import { waitFor } from "./process.ts";
import { cluster, startOperator, SYSTEM } from "./world.ts";

const SRC = new URL("../../src/", import.meta.url).href;
const coverage = z.object({
  result: z.array(
    z.object({
      url: z.string(),
      functions: z.array(
        z.object({
          functionName: z.string(),
          ranges: z.array(z.object({ count: z.number(), startOffset: z.number() })),
        }),
      ),
    }),
  ),
});

/** A function that ran; the first of its blocks is all of it. */
export interface Ran {
  /** From the root of the repository. */
  readonly file: string;
  /** Empty where it has none. */
  readonly name: string;
  readonly blocks: readonly { readonly count: number; readonly startOffset: number }[];
}

export class CountedOperator {
  readonly operator: Operator;
  readonly #folder: string;
  readonly #seen = new Set<string>();

  private constructor(operator: Operator, folder: string) {
    this.operator = operator;
    this.#folder = folder;
  }

  static async start(): Promise<CountedOperator> {
    const folder = await mkdtemp(`${tmpdir()}/serverfarm-coverage-`);
    const kubeconfig = await cluster.serviceAccountKubeconfig(SYSTEM, "serverfarm-operator");
    const hook = "data:text/javascript,import v8 from 'node:v8'; process.on('SIGUSR2', () => v8.takeCoverage());";
    const program = [process.execPath, "--import", hook, fileURLToPath(new URL("main.ts", SRC)), "run"];
    const operator = await startOperator({
      command: (dir) => [
        "/usr/bin/env",
        `NODE_V8_COVERAGE=${folder}`,
        ...program,
        "--config",
        `${dir}/config.yaml`,
        "--kubeconfig",
        kubeconfig,
      ],
    });
    return new CountedOperator(operator, folder);
  }

  /** What ran since the last call. */
  async ran(): Promise<readonly Ran[]> {
    process.kill(this.operator.pid, "SIGUSR2");
    const report = await waitFor("the report", async () => (await readdir(this.#folder)).find((name) => !this.#seen.has(name)));
    this.#seen.add(report ?? "");
    const text = await waitFor(
      "the whole report",
      () => readFile(`${this.#folder}/${report}`, "utf8"),
      (value) => value.endsWith("}"),
    );
    const files = coverage.parse(JSON.parse(text)).result.filter(({ url }) => url.startsWith(SRC));
    return files.flatMap(({ url, functions }) =>
      functions
        .filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
        .map(({ functionName, ranges }) => ({ file: `src/${url.slice(SRC.length)}`, name: functionName, blocks: ranges })),
    );
  }

  async stop(): Promise<void> {
    await this.operator.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
