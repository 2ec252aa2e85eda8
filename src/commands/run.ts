/** `run`: the operator. Wires everything, and ends it in good order. */
import { setTimeout as sleep } from "node:timers/promises";
import { limitGarbage } from "../base/heap.ts";
import type { OperatorConfiguration } from "../config.ts";
import { Cluster } from "../controller/cluster.ts";
import { DomainKind } from "../controller/domain.ts";
import { FarmKind, FARMS } from "../controller/farm.ts";
import type { Context, Kind } from "../controller/kind.ts";
import { Leadership } from "../controller/leadership.ts";
import { copyNamespaces } from "../controller/namespaces.ts";
import { COUNTED_FARMS, sayOutside } from "../controller/outside-farms.ts";
import { currentReconcile, Runtime } from "../controller/runtime.ts";
import { Tenancy } from "../controller/tenancy.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { EventRecorder } from "../kubernetes/events.ts";
import { Lease } from "../kubernetes/lease.ts";
import { StatusWriter } from "../kubernetes/resource.ts";
import type { Answer } from "../telemetry/http-server.ts";
import { createLog, type Log } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { listen, loadClient, readConfig, readVersion } from "./inputs.ts";
import { openMetrics } from "./metrics-server.ts";

export interface RunOptions {
  readonly configFile: string;
  readonly kubeconfig: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
}

/** How long what runs may take to end (ms). */
const DRAIN = 30_000;
/** How long it may wait meanwhile for what a directory is asked (ms): one that is silent must not keep the Lease from the next replica. */
const PATIENCE = 5000;
const COMPONENT = "serverfarm-operator";

/** Everything that the program reconciles. */
function kindsOf(context: Context, { workers, watchNamespaces, pods }: OperatorConfiguration): readonly Kind[] {
  const farms = context.cluster.watch(FARMS, "Watched");
  // A domain is kept by farms of every namespace.
  const everywhere = context.cluster.watchEverywhere(COUNTED_FARMS, farms);
  sayOutside(everywhere, watchNamespaces, context.log);
  const domains = new DomainKind(context, everywhere);
  const tenancy = new Tenancy(farms, domains.objects, copyNamespaces(context.cluster, domains.objects));
  return [domains, new FarmKind(context, farms, domains, tenancy, { workers, pods })];
}

/** The parts of the program, put together. */
interface Operator {
  readonly config: OperatorConfiguration;
  /** Of this replica, among those that would lead. */
  readonly identity: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly cluster: Cluster;
  readonly leadership: Leadership;
  readonly events: EventRecorder;
  readonly runtime: Runtime;
}

/** Resolves with the exit code: 0 after the signal, 1 after the Lease was lost. Rejects with UsageError. */
export async function run({ configFile, kubeconfig, environment, signal }: RunOptions): Promise<number> {
  const config = await readConfig(configFile, environment["POD_NAMESPACE"]);
  // A young generation of at most 8 MB was set before (NODE_OPTIONS of npm start and of the image).
  limitGarbage();
  const log = createLog(config.log.level, config.log.format, (line) => process.stdout.write(line), currentReconcile);
  const version = await readVersion();
  const metrics = new Metrics(version, config.leaderElection.leaseName);
  const client = loadClient(kubeconfig, metrics);
  const identity = `${environment["POD_NAME"] ?? COMPONENT}_${crypto.randomUUID()}`;
  const operator = assemble(config, identity, client, metrics, log);
  const servers = await openServers(operator, client);
  const { namespace } = config;
  log.info("started", { version, node: process.version, namespace, identity, health: servers.health, metrics: servers.metrics });

  const watching = new AbortController();
  const reflectors = operator.cluster.run(watching.signal);
  // Ends everything: the signal, or the Lease.
  const stop = new AbortController();
  if (signal.aborted) stop.abort();
  signal.addEventListener("abort", () => {
    stop.abort();
    operator.events.hurry();
  });
  let code = 0;
  try {
    code = await lead(operator, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    // Whatever happened: nothing goes on behind the back of a program that has ended.
    stop.abort();
    await retire(operator, code);
    watching.abort();
    await reflectors;
    await servers.close();
  }
  log.info("stopped", { code });
  return code;
}

function assemble(config: OperatorConfiguration, identity: string, client: KubernetesClient, metrics: Metrics, log: Log): Operator {
  const { namespace, watchNamespaces } = config;
  // Whatever the level of the log is.
  const audit = createLog("info", config.log.format, (line) => process.stdout.write(line), currentReconcile);
  const cluster = new Cluster({ client, namespace, watchNamespaces, metrics, log });
  const leadership = new Leadership(leadershipOptions(config, client, identity, log));
  const events = new EventRecorder({
    client,
    component: COMPONENT,
    instance: identity,
    onError: (error) => {
      log.debug("an Event was not written", { error: error.message });
    },
    onLeftOut: (count) => {
      log.warn("Events were left out: too many were waiting", { count });
    },
  });
  const context: Context = {
    cluster,
    client,
    statuses: new StatusWriter(client),
    events,
    fence: leadership.fence,
    metrics,
    dnsServers: config.dns.servers,
    log,
    audit,
  };
  const runtime = new Runtime({ kinds: kindsOf(context, config), metrics, log });
  return { config, identity, log, metrics, cluster, leadership, events, runtime };
}

/** Rejects with UsageError; then neither is open. */
async function openServers(
  { config, cluster, metrics, log }: Operator,
  client: KubernetesClient,
): Promise<{ readonly health: number; readonly metrics: number; close(): Promise<void> }> {
  const health = await listen(config.health.address, {
    "/healthz": () => answer(200, "ok"),
    "/readyz": () => {
      const reasons = cluster.unreadyReasons();
      return reasons.length === 0 ? answer(200, "ok") : answer(503, reasons.join("\n"));
    },
  });
  const scraped = await openMetrics(config.metrics, { client, metrics, log }).catch(async (error: unknown) => {
    await health.close();
    throw error;
  });
  return {
    health: health.port,
    metrics: scraped.port,
    close: async () => {
      await Promise.all([health.close(), scraped.close()]);
    },
  };
}

function answer(status: number, text: string): Answer {
  return { status, type: "text/plain", body: `${text}\n` };
}

/** Leads as soon as it may, until `stop` aborts (0) or the Lease is lost (1). What runs then has the time of the drain. */
async function lead({ config, identity, log, metrics, cluster, leadership, runtime }: Operator, stop: AbortSignal): Promise<number> {
  const clusterId = await Promise.race([cluster.see(stop), aborted(stop)]);
  await leadership.acquire(stop);
  if (stop.aborted || clusterId === undefined) return 0;
  metrics.leading(config.leaderElection.leaseName, true);
  log.info("leading", { identity });
  // What runs may end after the signal; only a lost Lease, or the end of the drain, takes its right to write. What was interrupted begins no write more,
  // and waits for the answer to the one that was sent.
  const [interrupted, drained] = [new AbortController(), new AbortController()];
  const working = runtime.run(clusterId, interrupted.signal);
  const holding = leadership.hold(drained.signal);
  const lost = await Promise.race([holding.then((kept) => !kept), aborted(stop).then(() => false)]);
  if (lost) log.error("the Lease is lost: ending, so that another replica leads alone");
  runtime.stop();
  const patience = setTimeout(() => interrupted.abort(), lost ? 0 : PATIENCE);
  // The Lease is held on to until the last write is done.
  await Promise.race([working, holding, sleep(lost ? 0 : DRAIN, undefined, { ref: false })]);
  clearTimeout(patience);
  interrupted.abort();
  drained.abort();
  await holding;
  return lost ? 1 : 0;
}

/** Lets go of everything that a leader has. */
async function retire({ config, log, metrics, leadership, events, runtime }: Operator, code: number): Promise<void> {
  runtime.stop();
  metrics.leading(config.leaderElection.leaseName, false);
  runtime.close();
  if (code !== 0) return;
  // The Lease first: another one waits for it.
  await leadership.release().catch((error: unknown) => {
    log.warn("the Lease was not released", { error: String(error) });
  });
  const count = await events.flush(2000);
  if (count > 0) log.warn("Events were left out: the program ended before they were written", { count });
}

function leadershipOptions(
  { leaderElection, namespace }: OperatorConfiguration,
  client: KubernetesClient,
  identity: string,
  log: Log,
): ConstructorParameters<typeof Leadership>[0] {
  const { enabled, leaseName, leaseDuration, renewDeadline, retryPeriod } = leaderElection;
  if (!enabled) return undefined;
  const lease = new Lease({ client, namespace, name: leaseName, identity, durationSeconds: Math.ceil(leaseDuration / 1000) });
  return { lease, renewDeadline, retryPeriod, log };
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return undefined;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  signal.addEventListener("abort", () => {
    resolve(undefined);
  });
  return await promise;
}
