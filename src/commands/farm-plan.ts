/** `kubectl farm plan`: what the operator would change in the directory, for a farm of the cluster or for manifests that are not applied yet. */
import { ContainerSearches } from "../directory/container-searches.ts";
import { inspectDomain } from "../directory/inspection.ts";
import { LdapReader } from "../directory/reader.ts";
import { LdapWriter } from "../directory/writer.ts";
import { domainFindings } from "../domain/findings.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { factsOf } from "../controller/domain-access.ts";
import { directoryOf } from "../reconciler/farm.ts";
import { UsageError } from "./inputs.ts";
import { dryRun, type ManifestOptions } from "./plan-manifests.ts";
import { type FarmPlan, heldBy, planFarm, type Planning } from "./plan-farm.ts";
import { planText } from "./plan-text.ts";
import { type PlanWorld, readWorld } from "./plan-world.ts";
import { jsonText, printable, styleFor, type Terminal } from "./terminal.ts";
import { getFarm, openCluster } from "./user-cluster.ts";
import { type Credentials, type DirectoryOptions, directoryProblem, openDirectory, readCredentials, serversOf } from "./user-directory.ts";

export interface PlanOptions extends ManifestOptions, DirectoryOptions {
  readonly output?: "json" | undefined;
  /** As if the farm were deleted. */
  readonly delete?: boolean | undefined;
  readonly clusterId?: string | undefined;
}

/** So many farms are looked at at once: what they ask is asked together. */
const AT_ONCE = 50;

/** The exit code: 2 where there are changes; 1 where there are none, and something keeps the farm from what it asks for; else 0. */
export async function showPlan(name: string | undefined, options: PlanOptions, terminal: Terminal): Promise<number> {
  const { filename = [], username } = options;
  if ((name === undefined) === (filename.length === 0))
    throw new UsageError("Give the name of a farm, or manifests with -f: one of the two.");
  const cluster = openCluster(options);
  if (username === undefined) {
    if (name === undefined || options.delete === true)
      throw new UsageError("The directory is asked with your own account: give --username, such as jane@contoso.com.");
    return print([planOfOperator(await getFarm(cluster, name))], [], options, terminal);
  }
  const found = name === undefined ? await dryRun(options, terminal) : [await getFarm(cluster, name)];
  const farms = options.delete === true ? found.map(asDeleted) : found;
  const credentials = await readCredentials(options, terminal);
  const [plans, notes]: [FarmPlan[], string[]] = [[], []];
  for (const [domain, ofDomain] of Map.groupBy(farms, ({ spec }) => spec.domainRef.name)) {
    const world = await readWorld(cluster.client, domain, ofDomain, options.clusterId);
    notes.push(...world.notes);
    plans.push(...(await planDomain(world, ofDomain, options, credentials, notes)));
  }
  return print(plans, notes, options, terminal);
}

async function planDomain(
  world: PlanWorld,
  farms: readonly ServerFarm[],
  options: PlanOptions,
  credentials: Credentials,
  notes: string[],
): Promise<readonly FarmPlan[]> {
  const { domain, cluster } = world;
  const session = await openDirectory(await serversOf(options, domain), credentials);
  try {
    const observation = await inspectDomain(session, domain.spec.defaults, cluster);
    const [ready] = domainFindings({ kind: "Connected", observation, tookOverAt: undefined }, new Date());
    if (ready?.status !== "True") notes.push(`The domain ${domain.metadata.name} is not ready for farms: ${ready?.message ?? ""}`);
    const facts = factsOf(domain, { ...observation, account: "<operator's account>" }, domain.spec.managementPolicy === "Observe");
    const planning: Planning = {
      world,
      facts,
      directory: directoryOf(new LdapReader(session), new LdapWriter(session), undefined, new ContainerSearches(session)),
    };
    const plans: FarmPlan[] = [];
    for (let start = 0; start < farms.length; start += AT_ONCE)
      plans.push(...(await Promise.all(farms.slice(start, start + AT_ONCE).map((farm) => planFarm(farm, planning)))));
    return plans;
  } catch (error) {
    throw directoryProblem(error);
  } finally {
    session.close();
  }
}

function asDeleted(farm: ServerFarm): ServerFarm {
  return { ...farm, metadata: { ...farm.metadata, deletionTimestamp: new Date().toISOString() } };
}

/** What the operator last said: of a farm that it only observes the whole plan, and of others what is left to do. */
function planOfOperator(farm: ServerFarm): FarmPlan {
  const { metadata, status } = farm;
  const { namespace = "", name, generation = 0 } = metadata;
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  if (!ready || (status?.observedGeneration ?? -1) < generation)
    throw new UsageError(
      `The operator has not looked at ${namespace}/${name} as it is now. Wait, or give --username to ask the directory yourself.`,
    );
  const problems =
    ready.status === "True" || (status?.plan ?? []).length > 0 ? [] : [{ reason: ready.reason, message: ready.message ?? "" }];
  const held = heldBy(farm, undefined);
  return {
    namespace,
    name,
    changes: status?.plan ?? [],
    problems,
    ...(held === undefined ? {} : { held }),
  };
}

function print(plans: readonly FarmPlan[], notes: readonly string[], { output }: PlanOptions, { out, err }: Terminal): number {
  if (output === "json") out.write(`${jsonText({ items: plans, notes })}\n`);
  else {
    for (const note of notes) err.write(`${printable(note)}\n`);
    out.write(`${planText(printable(plans), styleFor(out)).join("\n")}\n`);
  }
  if (plans.some(({ changes }) => changes.length > 0)) return 2;
  return plans.some(({ problems }) => problems.length > 0) ? 1 : 0;
}
