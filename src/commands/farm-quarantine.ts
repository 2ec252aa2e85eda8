/** `kubectl farm quarantine`: a compromised host loses the right to every password at once. */
import { setTimeout as sleep } from "node:timers/promises";
import { SERVER_FARM, type ServerFarm } from "../api/generated/server-farm.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import { UsageError } from "./inputs.ts";
import { addEntries, type FarmAccess, QUARANTINE_MANAGER, removeEntries } from "./quarantine-entries.ts";
import { type Outcome, quarantineOutcome, releaseOutcome } from "./quarantine-outcome.ts";
import { farmWithHost, type FarmWithHost, meantHost, type MeantHost } from "./quarantined-hosts.ts";
import { confirm, printable, type Style, styleFor, table, type Terminal } from "./terminal.ts";
import { type ClusterOptions, farmName, farmPath, getFarm, listFarms, openCluster, type UserCluster } from "./user-cluster.ts";

export interface QuarantineOptions extends ClusterOptions {
  readonly domain?: string;
  readonly release?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  /** Seconds. */
  readonly timeout: number;
}

/** Requests at once. */
const AT_ONCE = 8;
/** How often the farms are read until the operator has acted (ms). */
const EVERY = 500;

/** The exit code: 0 once the operator has acted on every farm. */
export async function quarantine(host: string, options: QuarantineOptions, terminal: Terminal): Promise<number> {
  const { out } = terminal;
  const cluster = openCluster(options, QUARANTINE_MANAGER);
  const farms = await listFarms(cluster);
  const meant = meantHost(farms, host, options.domain);
  const having = farms.flatMap((farm) => farmWithHost(farm, meant) ?? []);
  if (having.length === 0) {
    const where = cluster.namespace === undefined ? "in the cluster" : `in the namespace ${cluster.namespace}: -A looks in all of them`;
    throw new UsageError(`No farm has the host ${host} ${where}.`);
  }
  out.write(`${havingTable(having, styleFor(out)).join("\n")}\n`);
  const code = await changeFarms({ cluster, meant, options, terminal }, having);
  if (cluster.namespace !== undefined) out.write(`Only the namespace ${cluster.namespace} was looked at: -A looks in all of them.\n`);
  return code;
}

export function havingTable(having: readonly FarmWithHost[], style: Style): readonly string[] {
  const rows = having.map(({ farm, quarantinedBy, missing, why }) =>
    [farmName(farm), (missing.length > 0 ? missing : quarantinedBy).join(", "), why, missing.length > 0 ? "no" : "yes", noteOf(farm)].map(
      printable,
    ),
  );
  return table([["FARM", "ENTRY", "HOST BY", "QUARANTINED", "NOTE"].map((text) => style("title", text)), ...rows]);
}

function noteOf({ spec, metadata }: ServerFarm): string {
  if (metadata.deletionTimestamp !== undefined) return "is being deleted";
  if (spec.suspend) return "suspended: nothing happens until it is resumed";
  return spec.managementPolicy === "Observe" ? "Observe: nothing is written to the directory" : "";
}

interface Run {
  readonly cluster: UserCluster;
  readonly meant: MeantHost;
  readonly options: QuarantineOptions;
  readonly terminal: Terminal;
}

/** All farms are written before any of them is waited for. */
async function changeFarms(run: Run, having: readonly FarmWithHost[]): Promise<number> {
  const { meant, options, terminal } = run;
  const release = options.release === true;
  const touched = having.filter(({ missing, releasable }) => (release ? releasable.length > 0 : missing.length > 0));
  if (touched.length === 0) {
    terminal.out.write(`${meant.text} is ${release ? "not quarantined anywhere" : "quarantined in every one of them already"}.\n`);
  }
  if (options.dryRun === true || (release && touched.length === 0)) return 0;
  const farms = touched.length === 1 ? "1 farm" : `${touched.length} farms`;
  const question = `${release ? "Release" : "Quarantine"} ${meant.text} in ${farms}?`;
  if (touched.length > 0 && options.yes !== true && !(await confirm(terminal, question))) {
    terminal.err.write("Nothing was changed. Without a terminal, give --yes.\n");
    return 2;
  }
  const failed = new Set<ServerFarm>();
  await forEach(touched, async ({ farm }) => {
    if (!(await write(run, farm))) failed.add(farm);
  });
  // What was quarantined before is waited for, too: the operator may not have acted on that either.
  const waited = (release ? touched : having).map(({ farm }) => farm).filter((farm) => !failed.has(farm));
  return (await settled(run, waited)) && failed.size === 0 ? 0 : 1;
}

/** One farm that cannot be changed keeps the others from nothing. */
async function write({ cluster, meant, options, terminal }: Run, farm: ServerFarm): Promise<boolean> {
  const change = options.release === true ? removeEntries : addEntries;
  const end = await orWhy(() => change(farm, meant, accessTo(cluster, farm.metadata)));
  const text = typeof end === "string" ? `NOT CHANGED: ${end}` : "hosts.quarantined is written.";
  terminal.out.write(`${printable(`${farmName(farm)}: ${text}`)}\n`);
  return end === undefined;
}

export function accessTo(cluster: UserCluster, { name, namespace }: Pick<ServerFarm["metadata"], "name" | "namespace">): FarmAccess {
  return {
    read: () => getFarm({ ...cluster, namespace }, name),
    // The uid keeps it from making, or changing, another farm of that name.
    apply: async (farm, quarantined) => {
      const { uid, resourceVersion } = farm.metadata;
      const spec = quarantined.length > 0 ? { spec: { hosts: { quarantined } } } : {};
      const { apiVersion, kind } = SERVER_FARM;
      await cluster.client.request("PATCH", farmPath(farm), {
        body: { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion }, ...spec },
        contentType: "application/apply-patch+yaml",
      });
    },
  };
}

/** Waits for all farms by one deadline, and says of each how it ended. Whether all is done. */
async function settled({ cluster, meant, options, terminal }: Run, farms: readonly ServerFarm[]): Promise<boolean> {
  const outcomeOf = options.release === true ? releaseOutcome : quarantineOutcome;
  const end = performance.now() + options.timeout * 1000;
  const waiting = new Map(farms.map((farm) => [farm, `the operator has not acted on it within ${options.timeout} s`]));
  let isDone = true;
  const tell = (farm: ServerFarm, { done, text }: Outcome): void => {
    waiting.delete(farm);
    isDone &&= done;
    terminal.out.write(`${printable(`${farmName(farm)}: ${text}`)}\n`);
  };
  const look = async (farm: ServerFarm): Promise<void> => {
    const { name, namespace } = farm.metadata;
    const now = await orWhy(() => getFarm({ ...cluster, namespace }, name));
    if (typeof now === "string") waiting.set(farm, `the farm cannot be read: ${now.replace(/[.]$/, "")}`);
    else if (now.metadata.uid !== farm.metadata.uid) tell(farm, { done: false, text: "it is another farm of the same name by now." });
    else {
      const outcome = outcomeOf(now, meant);
      if (outcome) tell(farm, outcome);
    }
  };
  for (;;) {
    await forEach([...waiting.keys()], look);
    if (waiting.size === 0 || performance.now() >= end) break;
    await sleep(EVERY);
  }
  for (const [farm, why] of waiting) {
    const { name, namespace = "" } = farm.metadata;
    tell(farm, {
      done: false,
      text: `${meant.text} is ${options.release === true ? "released" : "quarantined"} in the manifest, and ${why}. See kubectl farm status ${name} -n ${namespace}.`,
    });
  }
  return isDone;
}

async function orWhy<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KubernetesError || error instanceof UsageError) return error.message;
    throw error;
  }
}

async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const lane = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
