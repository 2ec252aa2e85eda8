/** A real Prometheus (Debian's package) that scrapes the operator, every second, by the rules that are given. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { z } from "zod";
import { freePort } from "./kube.ts";
import { programMissing, startDaemon, stopDaemon, waitFor } from "./process.ts";

/** Undefined where it can run here; else why not, and how to get it. */
export function prometheusMissing(): Promise<string | undefined> {
  return programMissing(["prometheus", "--version"]);
}

const result = z.object({
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});
const active = z.object({
  data: z.object({
    alerts: z.array(
      z.object({
        labels: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.string()),
        state: z.enum(["pending", "firing"]),
      }),
    ),
  }),
});
/** The label that tells clusters apart. */
export const CLUSTER = "e2e";
export type Sample = z.infer<typeof result>["data"]["result"][number];
export type Alert = z.infer<typeof active>["data"]["alerts"][number];

export class Prometheus {
  readonly #dir: string;
  readonly #port: number;

  private constructor(dir: string, port: number) {
    this.#dir = dir;
    this.#port = port;
  }

  /** `targets`: host:port of each; `rules`: a rule file's text. */
  static async start(dir: string, targets: readonly string[], rules: string): Promise<Prometheus> {
    const prometheus = new Prometheus(dir, await freePort());
    await mkdir(dir, { recursive: true });
    const config = {
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: [`${dir}/rules.yaml`],
      // As the chart's monitors have it: the farm's namespace, not the operator's.
      scrape_configs: [
        { job_name: "serverfarm-operator", honor_labels: true, static_configs: [{ targets, labels: { cluster: CLUSTER } }] },
      ],
    };
    await writeFile(`${dir}/rules.yaml`, rules);
    await writeFile(`${dir}/prometheus.yaml`, JSON.stringify(config));
    startDaemon(dir, "prometheus", "prometheus", [
      `--config.file=${dir}/prometheus.yaml`,
      `--storage.tsdb.path=${dir}/data`,
      `--web.listen-address=127.0.0.1:${prometheus.#port}`,
    ]);
    await waitFor("Prometheus to scrape", async () => (await prometheus.query("up == 1")).length === targets.length);
    return prometheus;
  }

  async stop(): Promise<void> {
    await stopDaemon(this.#dir, "prometheus");
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** What an expression finds now. */
  async query(expression: string): Promise<readonly Sample[]> {
    return result.parse(await this.#get(`query?query=${encodeURIComponent(expression)}`)).data.result;
  }

  async firing(): Promise<readonly Alert[]> {
    return active.parse(await this.#get("alerts")).data.alerts.filter(({ state }) => state === "firing");
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/api/v1/${path}`);
    if (!response.ok) throw new Error(`Prometheus: ${await response.text()}`);
    return await response.json();
  }
}
