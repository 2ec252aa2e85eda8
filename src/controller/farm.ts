/** ServerFarm: when a farm is reconciled, and what of the result goes to the cluster. */
import type { FeedBatch } from "../directory/feed.ts";
import { lookupKeys } from "../farm/queries.ts";
import type { Directory } from "../reconciler/rounds.ts";
import { desiredFarm } from "../farm/desired.ts";
import { ABANDON, FARM_FINALIZER, finalizerAction } from "../api/annotations.ts";
import { keyOf } from "../api/object.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import { addFinalizer, getObject, patchStatus, removeFinalizer } from "../kubernetes/resource.ts";
import type { EventDraft } from "../api/event.ts";
import { abandonedEvent } from "../farm/status/decommission.ts";
import { refusedStatus, suspendedStatus, unknownStatus, waitingStatus } from "../farm/status/not-looked.ts";
import type { Report } from "../farm/report.ts";
import { decommissionFarm, type FarmPorts, isSame, reconcileFarm } from "../reconciler/farm.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Cluster, FARMS } from "./cluster.ts";
import { Controller, type Result } from "./runtime.ts";
import type { DomainAccess } from "./domain.ts";
import { farmMetrics } from "./farm-metrics.ts";
import { Interests } from "./wake-index.ts";
import { farmsSharingWith, transferHosts } from "./shared-groups.ts";

export interface FarmControllerOptions {
  readonly client: KubernetesClient;
  readonly cluster: () => Cluster;
  readonly events: EventRecorder;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly workers: number;
  readonly clusterId: string;
  readonly domain: (name: string) => DomainAccess;
}

type ReadyDomain = Extract<DomainAccess, { kind: "Ready" }>;

/** A farm with something in its way that no feed tells of (rights, containers) is looked at this often (ms). */
const RECHECK = 60_000;
const REQUESTED = "serverfarm.dev/reconcile-requested-at";

export class FarmController {
  readonly controller: Controller;
  readonly #options: FarmControllerOptions;
  readonly #interests = new Interests();

  constructor(options: FarmControllerOptions) {
    this.#options = options;
    this.controller = new Controller({
      name: "serverfarm",
      workers: options.workers,
      reconcile: (key, signal) => this.#guarded(key, signal),
      metrics: options.metrics,
      log: options.log,
    });
  }

  /** The copy of a farm changed. Its status alone is our own doing and asks for nothing. */
  changed(key: string, farm: ServerFarm | undefined, previous: ServerFarm | undefined): void {
    this.#options.metrics.objects.farm(previous && farmMetrics(previous), farm && farmMetrics(farm));
    const relevant = ({ metadata }: ServerFarm): string =>
      JSON.stringify([
        metadata.uid,
        metadata.generation,
        metadata.deletionTimestamp,
        metadata.finalizers,
        metadata.annotations?.[REQUESTED],
        metadata.annotations?.[ABANDON],
      ]);
    if (!farm || !previous || relevant(farm) !== relevant(previous)) this.controller.queue.add(key);
  }

  /** Something changed in the directory. */
  wake(domain: string, batch: FeedBatch): void {
    if (batch.kind === "Everything") {
      for (const { metadata } of this.#options.cluster().farmsOf(domain)) this.controller.queue.add(keyOf(metadata), "Resync");
      return;
    }
    const keys = new Set(
      batch.entries.flatMap(({ object, keys }) => this.#interests.of(keys).filter((key) => !this.#interests.hasSeen(key, object))),
    );
    for (const key of keys) {
      if (this.#options.cluster().farm(key)?.spec.domainRef.name === domain) this.controller.queue.add(key);
    }
  }

  /** A mistake of the program itself is said too: the farm shows it, and it is tried again. */
  async #guarded(key: string, signal: AbortSignal): Promise<Result> {
    try {
      return await this.#reconcile(key, signal);
    } catch (error) {
      const farm = this.#options.cluster().farm(key);
      if (error instanceof KubernetesError || !farm) throw error;
      const message = `the operator failed: ${error instanceof Error ? error.message : String(error)}. It tries again; please report this with its log.`;
      await this.#write(farm, unknownStatus(farm, "InternalError", message, new Date()), [], { kind: "Retry" });
      throw error;
    }
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Result> {
    const farm = this.#options.cluster().farm(key);
    if (!farm) {
      this.#interests.remove(key);
      this.controller.forget(key);
      return { kind: "Done" };
    }
    const present = farm.metadata.finalizers?.includes(FARM_FINALIZER) ?? false;
    const action = finalizerAction(present, farm.metadata.deletionTimestamp !== undefined);
    if (action === "Ignore") return { kind: "Done" };
    if (action === "CleanUp" && farm.metadata.annotations?.[ABANDON] === "true") return await this.#abandon(farm);
    if (farm.spec.suspend) return await this.#write(farm, suspendedStatus(farm, new Date()), [], { kind: "Done" });
    // The finalizer goes first: from here on there may be something to clean up. The watch brings the farm back with it.
    if (action === "Add") {
      await addFinalizer(this.#options.client, FARMS, farm, FARM_FINALIZER);
      return { kind: "Done" };
    }
    const domain = this.#options.domain(farm.spec.domainRef.name);
    if (domain.kind === "Connecting") return { kind: "Done" };
    if (domain.kind === "NotReady") return await this.#write(farm, waitingStatus(farm, domain.message, new Date()), [], { kind: "Done" });
    return action === "CleanUp" ? await this.#decommission(farm, domain, signal) : await this.#bring(farm, domain, signal);
  }

  async #bring(farm: ServerFarm, { directory, facts, resync }: ReadyDomain, signal: AbortSignal): Promise<Result> {
    const { metrics, clusterId } = this.#options;
    const { desired: wanted, problems } = desiredFarm(
      farm,
      facts,
      clusterId,
      farmsSharingWith(farm, this.#options.cluster(), facts.baseDN),
    );
    if (problems.length > 0) return await this.#write(farm, refusedStatus(farm, problems, new Date()), [], { kind: "Done" });
    const key = keyOf(farm.metadata);
    // Before the first look: what changes while it goes on must not be missed.
    this.#interests.add(key, lookupKeys(wanted, undefined));
    const { farm: current, desired, report, end } = await reconcileFarm(farm, wanted, this.#ports(farm, directory), signal);
    const { objects = [], computers = [] } = report.view?.observed ?? {};
    this.#interests.set(key, lookupKeys(desired, report.view?.observed), [...objects, ...computers]);
    this.#count(farm, report);
    if (end.kind === "Aborted") return { kind: "Retry" };
    if (end.kind === "Unrecorded") return this.#unrecorded(farm, end);
    for (const { kind } of end.drift) metrics.driftCorrected(farm.spec.domainRef.name, kind);
    const results: Record<typeof end.next, Result> = {
      Retry: { kind: "Retry" },
      Recheck: { kind: "After", delay: RECHECK, priority: "Change" },
      // Spread, so that farms that were made together are not compared together for ever.
      Resync: { kind: "After", delay: resync * (0.9 + 0.2 * Math.random()), priority: "Resync" },
    };
    return await this.#write(current, end.status, end.events, results[end.next]);
  }

  async #decommission(farm: ServerFarm, { directory, facts }: ReadyDomain, signal: AbortSignal): Promise<Result> {
    const { client, clusterId, events } = this.#options;
    const { desired } = desiredFarm(farm, facts, clusterId, farmsSharingWith(farm, this.#options.cluster(), facts.baseDN));
    const { report, end } = await decommissionFarm(farm, desired, this.#ports(farm, directory), signal);
    this.#count(farm, report);
    switch (end.kind) {
      case "Aborted":
        return { kind: "Retry" };
      case "Unrecorded":
        return this.#unrecorded(farm, end);
      case "Remains": {
        const again: Result = end.retryable ? { kind: "Retry" } : { kind: "After", delay: RECHECK, priority: "Change" };
        return await this.#write(farm, end.status, end.events, again);
      }
      case "Gone":
        for (const draft of end.events) events.record(FARMS, farm, draft);
        await removeFinalizer(client, FARMS, farm, FARM_FINALIZER);
        this.#interests.remove(keyOf(farm.metadata));
        return { kind: "Done" };
    }
  }

  #ports(farm: ServerFarm, directory: Directory): FarmPorts {
    const { client, cluster } = this.#options;
    return {
      directory,
      assertFresh: () => this.#assertFresh(farm),
      record: async (current, status) => (await patchStatus(client, FARMS, current, status)) ?? current,
      transfer: async (transfers) => {
        await transferHosts(client, cluster(), transfers);
        for (const { recipient } of transfers) this.controller.queue.add(recipient);
      },
      now: () => new Date(),
    };
  }

  /** The farm as it is now, not as the copy has it. */
  async #assertFresh(farm: ServerFarm): Promise<void> {
    const { name, namespace } = farm.metadata;
    const live = await getObject(this.#options.client, FARMS, { name, ...(namespace === undefined ? {} : { namespace }) });
    if (!live || !isSame(live, farm)) throw new KubernetesError("Conflict", `${keyOf(farm.metadata)} changed meanwhile`);
  }

  #unrecorded(farm: ServerFarm, { events, cause }: { readonly events: readonly EventDraft[]; readonly cause: unknown }): never {
    for (const draft of events) this.#options.events.record(FARMS, farm, draft);
    throw cause;
  }

  async #abandon(farm: ServerFarm): Promise<Result> {
    const { client, events } = this.#options;
    events.record(FARMS, farm, abandonedEvent(farm));
    await removeFinalizer(client, FARMS, farm, FARM_FINALIZER);
    return { kind: "Done" };
  }

  async #write(farm: ServerFarm, status: ServerFarmStatus, drafts: readonly EventDraft[], result: Result): Promise<Result> {
    const { client, events } = this.#options;
    for (const draft of drafts) events.record(FARMS, farm, draft);
    try {
      await patchStatus(client, FARMS, farm, status);
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === "NotFound") return { kind: "Done" };
      throw error;
    }
    return result;
  }

  /** What was done is counted and logged, however the reconcile ended. */
  #count({ metadata, spec }: ServerFarm, { applied, error }: Report): void {
    const { metrics, log } = this.#options;
    for (const { kind } of applied) metrics.changed(spec.domainRef.name, kind);
    const [farm, changes] = [keyOf(metadata), applied.length];
    // The end of the program, or of its lead, is no failure of the directory.
    if (error?.kind === "Aborted") return;
    if (error) log.warn("the directory failed", { farm, changes, error: error.message });
    else if (changes > 0) log.info("changed the directory", { farm, changes });
    else log.debug("nothing to change", { farm });
  }
}
