/** `kubectl farm quarantine`: a compromised host loses the right to every password at once. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { SERVER_FARM, type ServerFarm } from "../api/generated/server-farm.ts";
import type { Condition } from "../api/object.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import { UsageError } from "./inputs.ts";
import { appliedBy, farmsWithHost, type FarmWithHost, type ManagedFields, managersOf, QUARANTINE_MANAGER } from "./quarantined-hosts.ts";
import { confirm, styleFor, table, type Terminal } from "./terminal.ts";
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
/** How often a farm is read until the operator has acted (ms). */
const EVERY = 500;

/** The exit code: 0 once the operator has acted on every farm. */
export async function quarantine(host: string, options: QuarantineOptions, terminal: Terminal): Promise<number> {
  const { out, err } = terminal;
  const release = options.release === true;
  const cluster = openCluster(options, QUARANTINE_MANAGER);
  const having = farmsWithHost(await listFarms(cluster), host, options.domain);
  const where = cluster.namespace === undefined ? "in the cluster" : `in the namespace ${cluster.namespace}: -A looks in all of them`;
  if (having.length === 0) throw new UsageError(`No farm has the host ${host} ${where}.`);
  const style = styleFor(out);
  const rows = having.map(({ farm, entry, why, isQuarantined }) => [
    farmName(farm),
    entry,
    why,
    isQuarantined ? "yes" : "no",
    noteOf(farm),
  ]);
  out.write(`${table([["FARM", "ENTRY", "HOST BY", "QUARANTINED", "NOTE"].map((text) => style("title", text)), ...rows]).join("\n")}\n`);
  const touched = having.filter(({ isQuarantined }) => isQuarantined === release);
  if (touched.length === 0) {
    out.write(`${host} is ${release ? "not quarantined anywhere" : "quarantined in every one of them already"}.\n`);
    return 0;
  }
  if (options.dryRun === true) return 0;
  const farms = touched.length === 1 ? "1 farm" : `${touched.length} farms`;
  if (options.yes !== true && !(await confirm(terminal, `${release ? "Release" : "Quarantine"} ${host} in ${farms}?`))) {
    err.write("Nothing was changed. Without a terminal, give --yes.\n");
    return 2;
  }
  const ends = await mapSome(touched, (one) =>
    release ? releaseOne(cluster, one, options.timeout) : quarantineOne(cluster, one, options.timeout),
  );
  for (const { text } of ends) out.write(`${text}\n`);
  return ends.every(({ done }) => done) ? 0 : 1;
}

interface End {
  readonly done: boolean;
  readonly text: string;
}

function noteOf({ spec, metadata }: ServerFarm): string {
  if (metadata.deletionTimestamp !== undefined) return "is being deleted";
  if (spec.suspend) return "suspended: nothing happens until it is resumed";
  return spec.managementPolicy === "Observe" ? "Observe: nothing is written to the directory" : "";
}

async function quarantineOne(cluster: UserCluster, { farm, entry }: FarmWithHost, timeout: number): Promise<End> {
  return await orFailed(farm, async () => {
    const ours = appliedBy(managedFields(farm), QUARANTINE_MANAGER);
    await apply(cluster, farm, [...new Set([...ours, entry])]);
    return await acted(cluster, farm, timeout, entry, `${entry} is quarantined`);
  });
}

async function releaseOne(cluster: UserCluster, { farm, entry }: FarmWithHost, timeout: number): Promise<End> {
  return await orFailed(farm, async () => {
    const ours = appliedBy(managedFields(farm), QUARANTINE_MANAGER);
    const others = managersOf(managedFields(farm), entry).filter((manager) => manager !== QUARANTINE_MANAGER);
    if (ours.includes(entry))
      await apply(
        cluster,
        farm,
        ours.filter((text) => text !== entry),
      );
    const still = await getFarm({ ...cluster, namespace: farm.metadata.namespace }, farm.metadata.name);
    if (still.spec.hosts.quarantined.includes(entry)) {
      const by = others.length > 0 ? `is owned by ${others.join(", ")}` : "is not owned by this command";
      return {
        done: false,
        text: `${farmName(farm)}: ${entry} stays quarantined, as its entry ${by}. Remove it from hosts.quarantined in that manifest.`,
      };
    }
    return await acted(cluster, farm, timeout, entry, `${entry} is released`);
  });
}

/** By server-side apply: the whole set of entries that this field manager owns. The uid keeps it from making, or changing, another farm of that name. */
async function apply({ client }: UserCluster, farm: ServerFarm, quarantined: readonly string[]): Promise<void> {
  const { name, namespace, uid } = farm.metadata;
  const spec = quarantined.length > 0 ? { spec: { hosts: { quarantined } } } : {};
  await client.request("PATCH", farmPath(farm), {
    body: { apiVersion: SERVER_FARM.apiVersion, kind: SERVER_FARM.kind, metadata: { name, namespace, uid }, ...spec },
    contentType: "application/apply-patch+yaml",
  });
}

async function acted(cluster: UserCluster, farm: ServerFarm, timeout: number, entry: string, what: string): Promise<End> {
  const { name, namespace } = farm.metadata;
  const end = performance.now() + timeout * 1000;
  do {
    const { status, metadata } = await getFarm({ ...cluster, namespace }, name);
    if (status?.observedGeneration === metadata.generation) {
      const hosts = status?.conditions?.find(({ type }) => type === "HostsReady");
      return {
        done: isDone(status, hosts, entry),
        text: `${farmName(farm)}: ${what}. ${hosts?.reason ?? "Unknown"}: ${hosts?.message ?? ""}`,
      };
    }
    await sleep(EVERY);
  } while (performance.now() < end);
  return {
    done: false,
    text: `${farmName(farm)}: ${what} in the manifest, and the operator has not acted on it within ${timeout} s. See kubectl farm status ${name} -n ${namespace ?? ""}.`,
  };
}

/** All hosts are right, or what is wrong is another one: a host that is not found keeps no other from losing the right. */
function isDone(status: ServerFarm["status"], hosts: Condition | undefined, entry: string): boolean {
  const issues = status?.hostIssues ?? [];
  return (
    hosts?.status === "True" ||
    (issues.some(({ reason }) => reason === hosts?.reason) && !issues.some(({ computer }) => computer === entry))
  );
}

/** One farm that cannot be changed keeps the others from nothing. */
async function orFailed(farm: ServerFarm, work: () => Promise<End>): Promise<End> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KubernetesError) && !(error instanceof UsageError)) throw error;
    return { done: false, text: `${farmName(farm)}: NOT CHANGED: ${error.message}` };
  }
}

async function mapSome<T, U>(items: readonly T[], map: (item: T) => Promise<U>): Promise<readonly U[]> {
  const results: U[] = [];
  const waiting = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await map(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

const managedSchema = z.object({
  metadata: z.object({
    managedFields: z
      .array(z.object({ manager: z.string().default(""), operation: z.string().default(""), fieldsV1: z.unknown() }))
      .default([]),
  }),
});
const quarantinedSchema = z.object({ "f:spec": z.object({ "f:hosts": z.object({ "f:quarantined": z.record(z.string(), z.unknown()) }) }) });

function managedFields(farm: ServerFarm): readonly ManagedFields[] {
  return managedSchema.parse(farm).metadata.managedFields.map(({ manager, operation, fieldsV1 }) => ({
    manager,
    operation,
    quarantined: Object.keys(quarantinedSchema.safeParse(fieldsV1).data?.["f:spec"]["f:hosts"]["f:quarantined"] ?? {}),
  }));
}
