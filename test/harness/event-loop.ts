/** How long the operator's event loop stood still: what it did without a pause, whatever else the machine does. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { waitFor } from "./process.ts";

/** Milliseconds. */
const PERIOD = 2;
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const answer = z.object({ asked: z.number(), stretch: z.number() });

/**
 * Runs in the operator, before its program. The CPU time of its thread between two ticks of a timer is that of the longest piece that held the timer
 * up, and at most one period; that another process had the processor does not count, so it holds on a
 * machine with much to do.
 */
const HOOK = `
import { renameSync, writeFileSync } from "node:fs";
const spent = () => { const { user, system } = process.threadCpuUsage(); return (user + system) / 1000; };
let [longest, last, asked] = [0, spent(), 0];
setInterval(() => { const now = spent(); longest = Math.max(longest, now - last); last = now; }, ${PERIOD}).unref();
process.on("SIGUSR2", () => {
  const file = process.env.EVENT_LOOP_PREFIX + process.pid;
  writeFileSync(file + ".new", JSON.stringify({ asked: ++asked, stretch: longest }));
  renameSync(file + ".new", file);
  [longest, last] = [0, spent()];
});`;

export const stretch = (milliseconds: number): string => `${milliseconds.toFixed(0)} ms in one stretch`;

export class EventLoop {
  readonly #dir: string;
  /** How often each process was asked, by its id. */
  readonly #asked = new Map<number, number>();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async create(): Promise<EventLoop> {
    return new EventLoop(await mkdtemp(`${tmpdir()}/serverfarm-loop-`));
  }

  /** The command that starts the operator so that it can be asked. */
  command(kubeconfig: string, nodeOptions: readonly string[] = []): (folder: string) => readonly string[] {
    const hook = `data:text/javascript,${encodeURIComponent(HOOK)}`;
    const program = [process.execPath, ...nodeOptions, "--import", hook, MAIN, "run"];
    return (folder) => [
      "/usr/bin/env",
      `EVENT_LOOP_PREFIX=${this.#prefix}`,
      ...program,
      "--config",
      `${folder}/config.yaml`,
      "--kubeconfig",
      kubeconfig,
    ];
  }

  /** The longest stretch without a pause since it was last asked, or since the start: milliseconds of CPU time. */
  async longestStretch(operator: { readonly pid: number }): Promise<number> {
    const asked = (this.#asked.get(operator.pid) ?? 0) + 1;
    this.#asked.set(operator.pid, asked);
    process.kill(operator.pid, "SIGUSR2");
    const told = await waitFor(
      "the operator to say how long it stood still",
      async () => answer.parse(JSON.parse(await readFile(`${this.#prefix}${operator.pid}`, "utf8"))),
      (value) => value.asked === asked,
    );
    return told.stretch;
  }

  async remove(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Of the files, one for each process. */
  get #prefix(): string {
    return `${this.#dir}/stretch-`;
  }
}
