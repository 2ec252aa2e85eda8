/** `run`: the operator. Wires everything, and ends it in good order. */
import { setTimeout as sleep } from "node:timers/promises";
import type { OperatorConfiguration } from "../config.ts";
import { Cluster } from "../controller/cluster.ts";
import { DomainController } from "../controller/domain.ts";
import { FarmController } from "../controller/farm.ts";
import { Leadership } from "../controller/leadership.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { EventRecorder } from "../kubernetes/events.ts";
import { Lease } from "../kubernetes/lease.ts";
import { isKubernetesObject } from "../kubernetes/resource.ts";
import { createLog, type Log } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { listen, loadClient, readConfig, readVersion } from "./inputs.ts";

export interface RunOptions {
  readonly configFile: string;
  readonly kubeconfig: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
}

/** How long what runs may take to end (ms). */
const DRAIN = 30_000;
const COMPONENT = "serverfarm-operator";

/** Resolves with the exit code: 0 after the signal, 1 after the Lease was lost. Rejects with UsageError. */
export async function run({ configFile, kubeconfig, environment, signal }: RunOptions): Promise<number> {
  const config = await readConfig(configFile, environment["POD_NAMESPACE"]);
  const log = createLog(config.log.level, config.log.format, (line) => process.stdout.write(line));
  const version = await readVersion();
  const metrics = new Metrics(version, { serverfarm: config.workers, activedirectorydomain: 2 }, config.leaderElection.leaseName);
  const client = loadClient(kubeconfig, metrics);
  const identity = `${environment["POD_NAME"] ?? COMPONENT}_${crypto.randomUUID()}`;
  // Ends everything: the signal, or the Lease.
  const stop = new AbortController();
  if (signal.aborted) stop.abort();
  signal.addEventListener("abort", () => {
    stop.abort();
  });

  const leadership = new Leadership(leadershipOptions(config, client, identity, log));
  const events = new EventRecorder({
    client,
    component: COMPONENT,
    instance: identity,
    onError: (error) => {
      log.debug("an Event was not written", { error: error.message });
    },
  });
  let ready = false;
  const watching = new AbortController();
  const cluster: Cluster = new Cluster({
    client,
    namespace: config.namespace,
    watchNamespaces: config.watchNamespaces,
    onFarm: (key, farm, previous) => {
      farms?.changed(key, farm, previous);
      // The domain counts its farms, and its deletion waits for the last of them.
      const domain = (farm ?? previous)?.spec.domainRef.name;
      if (domain !== undefined && (!farm || !previous)) domains?.controller.queue.addAfter(domain, 1000);
    },
    onDomain: (name, domain, previous) => {
      const relevant = domain && [
        domain.metadata.uid,
        domain.metadata.generation,
        domain.metadata.deletionTimestamp,
        domain.metadata.finalizers?.join(),
      ];
      const before = previous && [
        previous.metadata.uid,
        previous.metadata.generation,
        previous.metadata.deletionTimestamp,
        previous.metadata.finalizers?.join(),
      ];
      if (relevant?.join() !== before?.join()) domains?.controller.queue.add(name);
    },
    onData: (kind, name) => {
      domains?.dataChanged(kind, name);
    },
    onError: (resource, error, failures) => {
      const fields = { resource, error: error.message, failures };
      if (error.kind === "Forbidden") log.error("watch forbidden: the operator's role lacks list or watch of this resource", fields);
      else log.warn("watch failed, trying again", fields);
    },
    onAlive: (resource) => {
      metrics.watchAlive(resource);
    },
  });
  let farms: FarmController | undefined;
  let domains: DomainController | undefined;

  const health = await listen(config.health.address, {
    "/healthz": () => ({ status: 200, type: "text/plain", body: "ok\n" }),
    "/readyz": () => {
      const troubles = [...(ready ? [] : ["starting: the cluster was not seen yet"]), ...cluster.troubles()];
      return troubles.length === 0
        ? { status: 200, type: "text/plain", body: "ok\n" }
        : { status: 503, type: "text/plain", body: `${troubles.join("\n")}\n` };
    },
  });
  const metricsServer = await listen(config.metrics.address, {
    "/metrics": () => ({ status: 200, type: metrics.registry.contentType, body: metrics.expose() }),
  }).catch(async (error: unknown) => {
    await health.close();
    throw error;
  });
  log.info("started", {
    version,
    node: process.version,
    namespace: config.namespace,
    identity,
    health: health.port,
    metrics: metricsServer.port,
  });

  const reflectors = cluster.run(watching.signal);
  let code = 0;
  try {
    const clusterId = await readClusterId(client, log, stop.signal);
    await Promise.race([cluster.whenSynced(), aborted(stop.signal)]);
    ready = true;
    await leadership.acquire(stop.signal);
    if (!stop.signal.aborted) {
      metrics.leading(config.leaderElection.leaseName, true);
      log.info("leading", { identity });
      domains = new DomainController({
        client,
        cluster: () => cluster,
        events,
        metrics,
        log,
        clusterId,
        fence: leadership.fence,
        wakeFarms: (domain, batch) => {
          farms?.wake(domain, batch);
        },
      });
      farms = new FarmController({
        client,
        cluster: () => cluster,
        events,
        metrics,
        log,
        workers: config.workers,
        clusterId,
        domain: (name) => domains?.access(name) ?? { kind: "Connecting" },
      });
      metrics.observeQueues(
        new Map([
          ["serverfarm", farms.controller.queue],
          ["activedirectorydomain", domains.controller.queue],
        ]),
      );
      for (const { metadata } of cluster.domains()) domains.controller.queue.add(metadata.name);
      for (const farm of cluster.farms()) farms.changed(farm.key, farm.object, undefined);
      // What runs may end after the signal; only a lost Lease, or the end of the drain, takes its right to write.
      const drained = new AbortController();
      const working = Promise.all([domains.controller.run(drained.signal), farms.controller.run(drained.signal)]);
      const holding = leadership.hold(drained.signal);
      const lost = await Promise.race([holding.then((kept) => !kept), aborted(stop.signal).then(() => false)]);
      if (lost) {
        log.error("the Lease is lost: ending, so that another replica leads alone");
        code = 1;
      }
      domains.controller.queue.close();
      farms.controller.queue.close();
      // The Lease is held on to until the last write is done.
      await Promise.race([working, holding, sleep(lost ? 0 : DRAIN, undefined, { ref: false })]);
      drained.abort();
      await holding;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    // Whatever happened: nothing goes on behind the back of a program that has ended.
    stop.abort();
    domains?.controller.queue.close();
    farms?.controller.queue.close();
    metrics.leading(config.leaderElection.leaseName, false);
    domains?.close();
    if (code === 0) {
      // The Lease first: another one waits for it.
      await leadership.release().catch((error: unknown) => {
        log.warn("the Lease was not released", { error: String(error) });
      });
      await Promise.race([events.flush(), sleep(2000, undefined, { ref: false })]);
    }
    watching.abort();
    await reflectors;
    await Promise.all([health.close(), metricsServer.close()]);
  }
  log.info("stopped", { code });
  return code;
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

/** The UID of kube-system, which lives as long as the cluster does. */
async function readClusterId(client: KubernetesClient, log: Log, signal: AbortSignal): Promise<string> {
  for (;;) {
    try {
      const namespace = await client.request("GET", "/api/v1/namespaces/kube-system", { signal });
      if (isKubernetesObject(namespace)) return namespace.metadata.uid;
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      log.warn("cannot read the namespace kube-system, trying again", { error: error.message });
    }
    await sleep(2000, undefined, { signal });
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  signal.addEventListener("abort", () => {
    resolve(undefined);
  });
  await promise;
}
