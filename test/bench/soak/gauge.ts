/** What the operator takes: read from outside, from its metrics, and from within after a collection of garbage. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Operator } from "../../harness/operator.ts";
import { Probe } from "../../harness/probe.ts";
import { usage } from "../measure.ts";
import type { Sample } from "./verdict.ts";

/**
 * What lives once garbage is collected, compiled code aside: that grows with what is called often. The second collection takes what waited for a
 * finalizer.
 */
const HOOK = `
import { getHeapCodeStatistics } from "node:v8";
async function answer() {
  gc();
  await new Promise((resolve) => setTimeout(resolve, 200));
  gc();
  const { heapUsed, external } = process.memoryUsage();
  const { code_and_metadata_size, bytecode_and_metadata_size } = getHeapCodeStatistics();
  return (heapUsed + external - code_and_metadata_size - bytecode_and_metadata_size) / 2 ** 20;
}`;

/** V8 keeps code that is not called any more: of what runs at the start that is megabytes, which would vanish between two rests. */
const NODE_OPTIONS = ["--expose-gc", "--no-flush-bytecode"];

/** How often it is asked at rest: the least of these has no request of the moment in it, and the pool has closed what it does not use. */
const LOOKS = 15;

/** The value of each line of the metrics that begins so. */
function values(metrics: string, name: string): ReadonlyMap<string, number> {
  const lines = metrics.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]));
}

const sum = (found: ReadonlyMap<string, number>): number => [...found.values()].reduce((total, value) => total + value, 0);

export class Gauge {
  readonly #probe: Probe<number>;

  private constructor(probe: Probe<number>) {
    this.#probe = probe;
  }

  static async create(): Promise<Gauge> {
    return new Gauge(await Probe.create(HOOK, z.number()));
  }

  command(kubeconfig: string): (folder: string) => readonly string[] {
    return this.#probe.command(kubeconfig, NODE_OPTIONS);
  }

  /** MB that are alive. */
  alive(operator: Operator): Promise<number> {
    return this.#probe.ask(operator);
  }

  remove(): Promise<void> {
    return this.#probe.remove();
  }
}

/** CPU in seconds since their start: of the operator, and of this process, in which the servers and the proxies run. */
export async function sampled(operator: Operator, minutes: number): Promise<Sample> {
  const metrics = await operator.metrics();
  const { cpu, rss } = await usage(operator);
  const { user, system } = process.cpuUsage();
  const megabytes = (name: string): number => sum(values(metrics, name)) / 2 ** 20;
  return {
    minutes,
    rss,
    heap: megabytes("nodejs_heap_size_used_bytes"),
    heapTotal: megabytes("nodejs_heap_size_total_bytes"),
    external: megabytes("nodejs_external_memory_bytes"),
    cpu,
    cpuHere: (user + system) / 1e6,
    descriptors: sum(values(metrics, "process_open_fds")),
    resources: sum(values(metrics, "nodejs_active_resources")),
    reconciles: sum(values(metrics, "controller_runtime_reconcile_total")),
    changes: sum(values(metrics, "serverfarm_directory_changes_total")),
  };
}

/** What the operator holds at rest, by kind: timers, sockets, file descriptors. */
export async function held(operator: Operator): Promise<ReadonlyMap<string, number>> {
  const least = new Map<string, number>();
  for (let look = 0; look < LOOKS; look++) {
    const metrics = await operator.metrics();
    const now = new Map([...values(metrics, "nodejs_active_resources"), ...values(metrics, "process_open_fds")]);
    for (const name of new Set([...least.keys(), ...now.keys()])) {
      const before = look === 0 ? Number.POSITIVE_INFINITY : (least.get(name) ?? 0);
      least.set(name, Math.min(before, now.get(name) ?? 0));
    }
    await sleep(1000);
  }
  return least;
}
