/** ServerFarm: when a farm is reconciled, and what of the result goes to the cluster. */
import type { FeedBatch } from "../directory/feed.ts";
import { planDecommission } from "../farm/plan/decommission.ts";
import { desiredFarm, type DesiredFarm } from "../farm/desired.ts";
import { DirectoryError } from "../ad/error.ts";
import { memoryOf, remember, withMemory } from "../farm/journal.ts";
import { ABANDON, FARM_FINALIZER, finalizerAction } from "../api/annotations.ts";
import { keyOf } from "../api/object.ts";
import type { ObservedFarm } from "../ad/object.ts";
import { placeOfHostGroup } from "../farm/slot.ts";
import { plan } from "../farm/plan/index.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import { addFinalizer, getObject, patchStatus, removeFinalizer } from "../kubernetes/resource.ts";
import type { EventDraft } from "../api/event.ts";
import { abandonedEvent, driftOf, eventsOf } from "../farm/status/events.ts";
import { refusedStatus, suspendedStatus, unknownStatus, waitingStatus } from "../farm/status/not-looked.ts";
import { decommissionOutcome, outcome } from "../farm/status/outcome.ts";
import type { Report } from "../farm/report.ts";
import { reconcile } from "../reconciler/rounds.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Cluster, FARMS, UNSEEN } from "./cluster.ts";
import { Controller, type Result } from "./runtime.ts";
import type { DomainAccess } from "./domain.ts";
import { farmMetrics } from "./farm-metrics.ts";
import { termsOf } from "./farm-terms.ts";
import { Interests } from "./wake-index.ts";
import { farmsSharingWith, handOverHosts } from "./shared-groups.ts";

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
      batch.entries.flatMap(({ object, terms }) => this.#interests.of(terms).filter((key) => !this.#interests.hasSeen(key, object))),
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
    return action === "CleanUp" ? await this.#decommission(farm, domain, signal) : await this.#bringAbout(farm, domain, signal);
  }

  async #bringAbout(farm: ServerFarm, { directory, facts, resync }: ReadyDomain, signal: AbortSignal): Promise<Result> {
    const { metrics, clusterId } = this.#options;
    const { desired, problems } = desiredFarm(farm, facts, clusterId, farmsSharingWith(farm, this.#options.cluster(), facts.baseDN));
    if (problems.length > 0) return await this.#write(farm, refusedStatus(farm, problems, new Date()), [], { kind: "Done" });
    const key = keyOf(farm.metadata);
    // Before the first look: what changes while it goes on must not be missed.
    this.#interests.add(key, termsOf(desired, undefined));
    const enforced = farm.spec.managementPolicy === "Enforce";
    let [current, wanted] = [farm, desired];
    let unrecorded: unknown;
    const report = await reconcile(
      desired,
      directory,
      {
        scope: "Names",
        plan: (observed) => plan(wanted, observed),
        confirm: enforced ? () => this.#confirm(farm) : undefined,
        remember: async (change, following, observed) => {
          if (remember(wanted.memory, [change], observed.computers) === wanted.memory) return;
          // In one write, what the rest of them needs.
          const memory = remember(wanted.memory, [change, ...following], observed.computers);
          const group = placeOfHostGroup(wanted, observed);
          const status = withMemory(current.status ?? UNSEEN, memory, "object" in group ? group.object : undefined);
          try {
            current = (await patchStatus(this.#options.client, FARMS, current, status)) ?? current;
          } catch (error) {
            unrecorded = error;
            throw new DirectoryError("Aborted", "the farm's record was not taken");
          }
          wanted = { ...wanted, memory };
        },
        ordered: false,
      },
      signal,
    );
    const { objects = [], computers = [] } = report.observed ?? {};
    this.#interests.set(key, termsOf(wanted, report.observed), [...objects, ...computers]);
    for (const { kind } of report.applied) metrics.changed(farm.spec.domainRef.name, kind);
    if (unrecorded !== undefined) {
      // What was done before the record is said all the same: the next look finds it done.
      const drift = driftOf(farm, report);
      const drafts = report.applied.flatMap((change) => eventsOf(change, wanted, drift.includes(change)));
      for (const draft of drafts) this.#options.events.record(FARMS, farm, draft);
      this.#log(farm, report.applied.length, undefined);
      throw unrecorded;
    }
    if (isAborted(report)) return { kind: "Retry" };
    if (enforced && report.observed && !report.error) await this.#handOver(wanted, report.observed);
    const { status, events, next, drift } = outcome(current, wanted, report, new Date());
    for (const { kind } of drift) metrics.driftCorrected(farm.spec.domainRef.name, kind);
    this.#log(farm, report.applied.length, report.error?.message);
    const results: Record<typeof next, Result> = {
      Retry: { kind: "Retry" },
      Recheck: { kind: "After", delay: RECHECK, priority: "Change" },
      // Spread, so that farms that were made together are not compared together for ever.
      Resync: { kind: "After", delay: resync * (0.9 + 0.2 * Math.random()), priority: "Resync" },
    };
    return await this.#write(current, status, events, results[next]);
  }

  async #handOver(desired: DesiredFarm, observed: ObservedFarm): Promise<void> {
    const { client, cluster } = this.#options;
    for (const heir of await handOverHosts(client, cluster(), desired, observed)) this.controller.queue.add(heir);
  }

  async #decommission(farm: ServerFarm, { directory, facts }: ReadyDomain, signal: AbortSignal): Promise<Result> {
    const { client, clusterId, events, metrics } = this.#options;
    const { desired } = desiredFarm(farm, facts, clusterId, farmsSharingWith(farm, this.#options.cluster(), facts.baseDN));
    const hostsReady = farm.status?.conditions?.find(({ type }) => type === "HostsReady");
    const policy = {
      retain: farm.spec.deletionPolicy === "Retain",
      // Deleting a farm counts its generation up by one: the one before is what was wanted last.
      membersSettled: hostsReady?.status === "True" && (hostsReady.observedGeneration ?? 0) >= (farm.metadata.generation ?? 0) - 1,
    };
    const report = await reconcile(
      desired,
      directory,
      {
        scope: "Owned",
        plan: (observed) => planDecommission(desired, observed, policy),
        confirm: farm.spec.managementPolicy === "Enforce" ? () => this.#confirm(farm) : undefined,
        ordered: true,
      },
      signal,
    );
    for (const { kind } of report.applied) metrics.changed(farm.spec.domainRef.name, kind);
    if (isAborted(report)) return { kind: "Retry" };
    this.#log(farm, report.applied.length, report.error?.message);
    const { gone, status, events: drafts, retryable } = decommissionOutcome(farm, desired, report, new Date());
    if (!gone)
      return await this.#write(farm, status, drafts, retryable ? { kind: "Retry" } : { kind: "After", delay: RECHECK, priority: "Change" });
    // A farm at its end wants nothing in any group.
    if (report.observed) await this.#handOver({ ...desired, grant: "Principals" }, report.observed);
    for (const draft of drafts) events.record(FARMS, farm, draft);
    await removeFinalizer(client, FARMS, farm, FARM_FINALIZER);
    this.#interests.remove(keyOf(farm.metadata));
    return { kind: "Done" };
  }

  async #abandon(farm: ServerFarm): Promise<Result> {
    const { client, events } = this.#options;
    events.record(FARMS, farm, abandonedEvent(farm));
    await removeFinalizer(client, FARMS, farm, FARM_FINALIZER);
    return { kind: "Done" };
  }

  /** The farm as it is now, not as the copy has it: what is stale must neither delete nor undo. */
  async #confirm(farm: ServerFarm): Promise<void> {
    const { name, namespace, uid, generation, deletionTimestamp } = farm.metadata;
    const live = await getObject(this.#options.client, FARMS, { name, ...(namespace === undefined ? {} : { namespace }) });
    if (
      live &&
      live.metadata.uid === uid &&
      live.metadata.generation === generation &&
      live.metadata.deletionTimestamp === deletionTimestamp &&
      JSON.stringify(memoryOf(live.status)) === JSON.stringify(memoryOf(farm.status)) &&
      ownedBy(live) === ownedBy(farm)
    )
      return;
    throw new KubernetesError("Conflict", `${keyOf(farm.metadata)} changed meanwhile`);
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

  #log({ metadata }: ServerFarm, changes: number, error: string | undefined): void {
    const farm = keyOf(metadata);
    if (error !== undefined) this.#options.log.warn("the directory failed", { farm, changes, error });
    else if (changes > 0) this.#options.log.info("changed the directory", { farm, changes });
    else this.#options.log.debug("nothing to change", { farm });
  }
}

/** The program ends, or does not lead any more: it has nothing to say, and whoever goes on finds what was done. */
function isAborted({ error }: Report): boolean {
  return error?.kind === "Aborted";
}

/** What its record says that it owns: a copy that lacks some of it would have that made again. */
function ownedBy({ status }: ServerFarm): string {
  return JSON.stringify((status?.ownedObjects ?? []).map(({ objectGUID }) => objectGUID));
}
