/** What the benchmarks share: the servers, and what the operator costs on them. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../harness/cluster.ts";
import { delegate } from "../harness/delegation.ts";
import { ADMINISTRATOR, type TestDirectory } from "../harness/directory.ts";
import { install } from "../harness/install.ts";
import { Kube, kubeMissing } from "../harness/kube.ts";
import { domainAt, domainSecrets, namespaceOf, SYSTEM } from "../harness/manifests.ts";
import { compileOperator, Operator, type OperatorOptions } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { Samba, sambaMissing } from "../harness/samba.ts";
import { SandboxCluster } from "../harness/sandbox-cluster.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";

export const NAMESPACE = "bench";

export function say(name: string, text: string): void {
  process.stdout.write(`${name.padEnd(14)}${text}\n`);
}

export interface Servers {
  readonly directory: TestDirectory;
  readonly cluster: Cluster;
  readonly down: () => Promise<unknown>;
}

/** Runs a benchmark and takes the servers down. `on`: sandbox or real. Rejects where real servers are asked for and are not there. */
export async function onServers(on: string, bench: (running: Servers) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(`${tmpdir()}/serverfarm-bench-`);
  try {
    await compileOperator(`${dir}/compiled`);
    const running = await servers(on, dir);
    try {
      await bench(running);
    } finally {
      await running.down();
    }
  } finally {
    delete process.env["NODE_COMPILE_CACHE"];
    await rm(dir, { recursive: true, force: true });
  }
}

async function servers(on: string, dir: string): Promise<Servers> {
  if (on === "sandbox") {
    const [directory, cluster] = await Promise.all([SandboxDirectory.create(), SandboxCluster.create(`${dir}/kubernetes`)]);
    return { directory, cluster, down: () => Promise.all([directory.stop(), cluster.stopApiServer()]) };
  }
  const missing = [await sambaMissing(), kubeMissing()].filter((text) => text !== undefined);
  if (missing.length > 0) throw new Error(missing.join("; "));
  const [directory, cluster] = [new Samba(`${dir}/samba`), new Kube(`${dir}/kube`)];
  const down = (): Promise<unknown> => Promise.all([directory.down(), cluster.down()]);
  try {
    await Promise.all([directory.up(), cluster.up()]);
  } catch (error) {
    await down();
    throw error;
  }
  return { directory, cluster, down };
}

/** User and system time of a process in seconds, and its resident memory now and at its peak, in MB. */
export async function usage({ pid }: Operator): Promise<{ cpu: number; rss: number; peak: number }> {
  const stat = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const megabytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1024;
  return { cpu: (Number(stat[11]) + Number(stat[12])) / 100, rss: megabytes("VmRSS"), peak: megabytes("VmHWM") };
}

/** User and system time of every process of the machine so far in seconds, by pid and start, with its name. Of those that have ended nothing is known. */
async function allProcesses(): Promise<ReadonlyMap<string, { readonly pid: number; readonly name: string; readonly cpu: number }>> {
  const found = new Map<string, { readonly pid: number; readonly name: string; readonly cpu: number }>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    // It may have ended meanwhile.
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const [, name = "", rest = ""] = /\((.*)\) (.*)/s.exec(stat) ?? [];
    const fields = rest.split(" ");
    if (rest !== "") found.set(`${pid} ${fields[19]}`, { pid: Number(pid), name, cpu: (Number(fields[11]) + Number(fields[12])) / 100 });
  }
  return found;
}

/** From now until the returned function is called: who took the processors for at least half a second, in a line. `names`: of pids. */
export async function whoWorks(names: Readonly<Record<number, string>>): Promise<() => Promise<string>> {
  const before = await allProcesses();
  return async () => {
    const spent = new Map<string, number>();
    for (const [key, { pid, name, cpu }] of await allProcesses()) {
      const known = names[pid] ?? name;
      spent.set(known, (spent.get(known) ?? 0) + cpu - (before.get(key)?.cpu ?? 0));
    }
    const most = [...spent].filter(([, cpu]) => cpu >= 0.5).toSorted(([, a], [, b]) => b - a);
    return most.map(([name, cpu]) => `${name} ${cpu.toFixed(1)} s`).join(", ");
  };
}

export const memory = ({ rss, peak }: { rss: number; peak: number }): string => `RSS ${rss.toFixed(0)} MB, peak ${peak.toFixed(0)} MB`;

/** What the operator has sent so far. */
export async function requests(
  operator: Operator,
): Promise<Record<"searches" | "writes" | "polls" | "reconciles" | "waiting" | "patches" | "reads", number>> {
  // With very many farms most lines are theirs, and to go through them all takes longer than what is measured.
  const wanted = ["serverfarm_directory_requests", "rest_client", "controller_", "workqueue_depth"];
  const lines = (await operator.metrics()).split("\n").filter((line) => wanted.some((name) => line.startsWith(name)));
  const sum = (name: string, ...labels: readonly string[]): number =>
    lines
      .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" "))), 0);
  const directory = (operation: string): number => sum("serverfarm_directory_requests_total", `operation="${operation}"`);
  return {
    searches: directory("search"),
    writes: directory("add") + directory("modify") + directory("delete") + directory("modifyDN"),
    polls: sum("controller_runtime_reconcile_total", 'controller="activedirectorydomain"'),
    reconciles: sum("controller_runtime_reconcile_total", 'controller="serverfarm"'),
    waiting: sum("workqueue_depth", 'controller="serverfarm"'),
    patches: sum("rest_client_requests_total", 'method="PATCH"'),
    reads: sum("rest_client_requests_total", 'method="GET"'),
  };
}

/** What the operator has sent once `until` says so. Asked so seldom (ms): with very many farms a scrape is work for the operator too. */
export async function whenSent(
  operator: Operator,
  until: (sent: Awaited<ReturnType<typeof requests>>) => boolean,
  period = 1000,
): Promise<void> {
  while (!until(await requests(operator))) await sleep(period);
}

/** Two polls in which no farm was looked at. */
export async function atRest(operator: Operator): Promise<void> {
  for (;;) {
    const before = await requests(operator);
    await whenSent(operator, ({ polls }) => polls >= before.polls + 2);
    const after = await requests(operator);
    if (after.reconciles === before.reconciles) return;
  }
}

/** Installs what the operator needs, with the domain contoso. The returned function starts it, under its own rights; by `command`, where it is given. */
export async function deploy(
  directory: TestDirectory,
  cluster: Cluster,
  command?: (kubeconfig: string) => NonNullable<OperatorOptions["command"]>,
): Promise<() => Promise<Operator>> {
  await install(cluster);
  // With it the OU that the farms live in.
  await delegate(directory);
  await cluster.apply(namespaceOf(NAMESPACE), ...domainSecrets(ADMINISTRATOR, directory.ca), domainAt(directory.url));
  const kubeconfig = await cluster.serviceAccountKubeconfig(SYSTEM, "serverfarm-operator");
  return async () => {
    const operator = await Operator.start({
      kubeconfig,
      leaderElection: {},
      level: "info",
      ...(command ? { command: command(kubeconfig) } : {}),
    });
    await waitFor("a poll of the domain", async () => (await requests(operator)).polls > 0);
    return operator;
  };
}

/** Until so many farms are. One watch, rather than many questions: it must not take the processors from what is measured. */
export async function allReady(cluster: Cluster, count: number): Promise<void> {
  const ready = new Set<string>();
  for await (const { object } of cluster.watch("ServerFarm", NAMESPACE, AbortSignal.timeout(1_800_000))) {
    if (isReady(object["status"])) ready.add(object.metadata.name);
    if (ready.size === count) return;
  }
  throw new Error(`only ${ready.size} of ${count} farms became ready`);
}

function isReady(status: unknown): boolean {
  if (typeof status !== "object" || status === null || !("conditions" in status) || !Array.isArray(status.conditions)) return false;
  return status.conditions.some((condition: unknown) => {
    const { type, status } = Object(condition);
    return type === "Ready" && status === "True";
  });
}
