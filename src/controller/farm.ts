/** ServerFarm: when a farm is reconciled, and what of the result goes to the cluster. */
import { setImmediate } from "node:timers/promises";
import { ABANDON, FARM_FINALIZER } from "../api/annotations.ts";
import type { EventDraft } from "../api/event.ts";
import { SERVER_FARM, type ServerFarm, type ServerFarmStatus } from "../api/generated/server-farm.ts";
import { finalizerAction, keyOf } from "../api/object.ts";
import type { Permission } from "../api/permission.ts";
import { Backoff } from "../base/backoff.ts";
import { WorkQueue } from "../base/work-queue.ts";
import type { FeedBatch } from "../directory/feed.ts";
import type { Wanted } from "../farm/desired-farm.ts";
import { lookupKeys } from "../farm/queries.ts";
import type { Withheld } from "../farm/status/allowed.ts";
import { abandonedEvent } from "../farm/status/decommission.ts";
import { withheldOutcome } from "../farm/status/frozen.ts";
import { refusedStatus, suspendedStatus, waitingStatus } from "../farm/status/not-looked.ts";
import { frozenFarm, hasToTakeOut } from "../farm/frozen.ts";
import { waitsForOthers } from "../farm/handover.ts";
import { hasLeftTraces, sharesGroups } from "../farm/journal.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { addFinalizer, hasSpec, type Resource } from "../kubernetes/resource.ts";
import { decommissionFarm } from "../reconciler/decommission.ts";
import type { Directory } from "../farm/observed.ts";
import { type FarmPorts, reconcileFarm } from "../reconciler/farm.ts";
import { reconcileFrozen } from "../reconciler/frozen.ts";
import { comparedAgain, noDomain, type ReadyDomain } from "./domain-access.ts";
import type { DomainKind } from "./domain.ts";
import { countReport, metricsOf } from "./farm-metrics.ts";
import { assertSame, changedMeanwhile, letGo, sayFailed, writeUnlessGone } from "./farm-record.ts";
import { wantedOf } from "./farm-terms.ts";
import { urgencyOf } from "./farm-urgency.ts";
import type { Tenancy } from "./tenancy.ts";
import { FarmsByGroup, WakeIndex } from "./wake-index.ts";
import type { Context, Kind, Result } from "./kind.ts";

export const FARMS: Resource<ServerFarm> = { ...SERVER_FARM, is: (value): value is ServerFarm => hasSpec(value) };

type Domains = Pick<DomainKind, "objects" | "access" | "farms" | "subscribe">;

/** A farm with something in its way that no feed tells of (rights, containers) is looked at again after so long (ms), and then ever more rarely. */
const RECHECK = { base: 60_000, max: 600_000 };

export class FarmKind implements Kind<ServerFarm> {
  readonly name = "serverfarm";
  readonly annotations = ["serverfarm.dev/reconcile-requested-at", ABANDON];
  readonly workers: number;
  readonly objects: Copies<ServerFarm>;
  readonly queue: WorkQueue;
  readonly urgency = urgencyOf;
  readonly #context: Context;
  readonly #domains: Domains;
  readonly #tenancy: Tenancy;
  readonly #wakes = new WakeIndex();
  readonly #byGroup = new FarmsByGroup();
  readonly #rechecks = new Backoff(RECHECK);

  constructor(context: Context, farms: Copies<ServerFarm>, domains: Domains, tenancy: Tenancy, workers: number) {
    this.#context = context;
    this.#domains = domains;
    this.#tenancy = tenancy;
    this.objects = farms;
    this.workers = workers;
    this.queue = new WorkQueue({
      observer: context.metrics.queue(this.name),
      limit: workers,
      shareOf: (key) => ({ lane: farms.get(key)?.spec.domainRef.name ?? "", tenant: key.slice(0, key.indexOf("/")) }),
    });
  }

  start(): void {
    this.#context.metrics.objects.follow(() => this.objects.list().values().map(metricsOf));
    this.#domains.subscribe((domain, batch) => {
      this.#wake(domain, batch);
    });
    this.#tenancy.subscribe((key) => {
      this.queue.add(key, "Resync");
      const farm = this.objects.get(key);
      for (const other of farm ? this.#byGroup.sharers(farm) : []) this.queue.add(other, "Resync");
    });
  }

  changed(farm: ServerFarm | undefined, previous: ServerFarm | undefined): void {
    // After what users asked for: one farm that changes all the time must not keep others from their turns.
    for (const key of this.#byGroup.changed(farm, previous)) this.queue.add(key, "Resync");
    // A status that somebody else wrote (a restore, an edit by hand) is put right at once.
    this.#context.statuses.ifForeign(farm, previous, (key) => {
      this.queue.add(key);
    });
  }

  /** An internal error is said too, and a refusal of the API server: the farm shows it, and it is tried again. */
  async reconcile(key: string, clusterId: string, signal: AbortSignal): Promise<Result> {
    try {
      return await this.#reconcile(key, clusterId, signal);
    } catch (error) {
      const farm = this.objects.get(key);
      if (farm) await sayFailed(this.#context, FARMS, farm, error);
      throw error;
    }
  }

  /** Something changed in the directory. */
  #wake(domain: string, batch: FeedBatch): void {
    if (batch.kind === "Everything") {
      // The domain counts farms that are not watched here as well.
      for (const key of this.#domains.farms.of(domain)) if (this.objects.get(key)) this.queue.add(key, "Resync");
      return;
    }
    for (const key of this.#wakes.concernedBy(batch.entries)) {
      const farm = this.objects.get(key);
      // Somebody may have let a quarantined host in.
      if (farm?.spec.domainRef.name === domain) this.queue.add(key, farm.spec.hosts.quarantined.length > 0 ? "Urgent" : "Change");
    }
  }

  async #reconcile(key: string, clusterId: string, signal: AbortSignal): Promise<Result> {
    const farm = this.objects.get(key);
    if (!farm) {
      this.#wakes.remove(key);
      this.#rechecks.forget(key);
      this.queue.drop(key);
      return { kind: "Done" };
    }
    const present = farm.metadata.finalizers?.includes(FARM_FINALIZER) ?? false;
    const action = finalizerAction(present, farm.metadata.deletionTimestamp !== undefined);
    if (action === "Ignore") return { kind: "Done" };
    if (action === "CleanUp" && farm.metadata.annotations?.[ABANDON] === "true") return await this.#release(farm, [abandonedEvent(farm)]);
    if (farm.spec.suspend) return await this.#write(farm, suspendedStatus(farm, new Date()), [], { kind: "Done" });
    // The finalizer goes first: from here on there may be something to clean up. The watch brings the farm back with it.
    if (action === "Add") {
      await addFinalizer(this.#context.client, FARMS, farm, FARM_FINALIZER);
      return { kind: "Done" };
    }
    const { name } = farm.spec.domainRef;
    const known = this.#domains.objects.get(name);
    // Nothing of a farm can be in a domain that was never reached: it may always go.
    if (action === "CleanUp" && !known?.status?.server && !hasLeftTraces(farm)) return await this.#release(farm, []);
    const permission: Permission | undefined = action === "CleanUp" ? { kind: "Open" } : this.#tenancy.of(farm);
    // The labels of its namespace are on their way, or an older farm was not judged yet.
    if (!permission) return { kind: "Done" };
    const withheld = permission.kind === "NotAllowed" || permission.kind === "Unknown" ? permission : undefined;
    if (withheld && !hasToTakeOut(farm)) return await this.#withhold(farm, withheld);
    const domain = known ? (this.#domains.access.get(name) ?? { kind: "Connecting" }) : noDomain(name);
    if (domain.kind === "Connecting") return { kind: "Done" };
    if (domain.kind === "NotReady") return await this.#write(farm, waitingStatus(farm, domain, new Date()), [], { kind: "Done" });
    const others = { farms: this.objects, byGroup: this.#byGroup, tenancy: this.#tenancy };
    const wanted = wantedOf(farm, permission, domain.facts, clusterId, others);
    if (action === "CleanUp") return await this.#decommissionFarm(farm, wanted, domain, signal);
    return withheld ? await this.#takeOut(farm, wanted, withheld, domain, signal) : await this.#reconcileFarm(farm, wanted, domain, signal);
  }

  /** Nothing is looked up for a farm that gets nothing, and that nothing has to be taken from. */
  async #withhold(farm: ServerFarm, withheld: Withheld): Promise<Result> {
    const key = keyOf(farm.metadata);
    this.#wakes.remove(key);
    this.#byGroup.watch(key, false);
    const { status, events } = withheldOutcome(farm, withheld, new Date());
    return await this.#write(farm, status, events, { kind: "Done" });
  }

  async #takeOut(farm: ServerFarm, wanted: Wanted, withheld: Withheld, domain: ReadyDomain, signal: AbortSignal): Promise<Result> {
    const key = keyOf(farm.metadata);
    this.#wakes.add(key, lookupKeys(frozenFarm(farm, wanted.desired), undefined));
    const { desired, report, end } = await reconcileFrozen(farm, wanted.desired, withheld, this.#ports(farm, domain.directory), signal);
    const { objects = [], computers = [] } = report.view?.observed ?? {};
    this.#wakes.set(key, lookupKeys(desired, report.view?.observed), [...objects, ...computers]);
    countReport(this.#context, farm, report);
    if (end.kind === "Aborted") return { kind: "Retry" };
    const failed = report.error !== undefined || report.failures.length > 0;
    const again: Result = end.retryable ? { kind: "Retry", failed } : failed ? this.#recheck(key) : comparedAgain(domain);
    return await this.#write(farm, end.status, end.events, again);
  }

  async #reconcileFarm(farm: ServerFarm, { desired: wanted, problems }: Wanted, domain: ReadyDomain, signal: AbortSignal): Promise<Result> {
    if (problems.length > 0)
      return await this.#write(farm, refusedStatus(farm, problems, new Date(), wanted.granted), [], { kind: "Done" });
    const key = keyOf(farm.metadata);
    // Before the first look: what changes while it goes on must not be missed.
    this.#wakes.add(key, lookupKeys(wanted, undefined));
    const { farm: current, desired, report, end } = await reconcileFarm(farm, wanted, this.#ports(farm, domain.directory), signal);
    await setImmediate();
    const { objects = [], computers = [] } = report.view?.observed ?? {};
    this.#wakes.set(key, lookupKeys(desired, report.view?.observed), [...objects, ...computers]);
    countReport(this.#context, farm, report);
    if (report.view && !report.error) this.#byGroup.watch(key, sharesGroups(current) && waitsForOthers(report.view));
    if (end.kind === "Aborted") return { kind: "Retry" };
    if (end.kind === "Unrecorded") {
      this.#tell(farm, end.events);
      throw end.cause;
    }
    for (const { kind } of end.drift) this.#context.metrics.driftCorrected(farm.spec.domainRef.name, kind);
    let result = comparedAgain(domain);
    if (end.next === "Retry") result = { kind: "Retry", failed: report.error !== undefined || report.failures.length > 0 };
    if (end.next === "Recheck") result = this.#recheck(key);
    if (end.next !== "Recheck" && this.#rechecks.failures.has(key)) this.#rechecks.forget(key);
    return await this.#write(current, end.status, end.events, result);
  }

  async #decommissionFarm(farm: ServerFarm, { desired }: Wanted, { directory }: ReadyDomain, signal: AbortSignal): Promise<Result> {
    const { report, end } = await decommissionFarm(farm, desired, this.#ports(farm, directory), signal);
    countReport(this.#context, farm, report);
    switch (end.kind) {
      case "Aborted":
        return { kind: "Retry" };
      case "Remains": {
        const again: Result = end.retryable
          ? { kind: "Retry", failed: report.error !== undefined || report.failures.length > 0 }
          : this.#recheck(keyOf(farm.metadata));
        return await this.#write(farm, end.status, end.events, again);
      }
      case "Gone":
        return await this.#release(farm, end.events);
    }
  }

  #recheck(key: string): Result {
    return { kind: "After", delay: this.#rechecks.next(key), priority: "Recheck" };
  }

  #ports(farm: ServerFarm, directory: Directory): FarmPorts {
    return {
      directory,
      assertFresh: async () => {
        await assertSame(this.#context, FARMS, farm);
        // What a tenant was allowed when the reconcile began it may not be allowed any more.
        if (farm.metadata.deletionTimestamp === undefined && !this.#tenancy.isSo(farm)) throw changedMeanwhile(farm);
      },
      record: async (current, status) => (await this.#context.statuses.write(FARMS, current, status)) ?? current,
      now: () => new Date(),
      pause: () => setImmediate(),
    };
  }

  async #release(farm: ServerFarm, events: readonly EventDraft[]): Promise<Result> {
    await letGo(this.#context, FARMS, farm, events);
    this.#wakes.remove(keyOf(farm.metadata));
    return { kind: "Done" };
  }

  async #write(farm: ServerFarm, status: ServerFarmStatus, drafts: readonly EventDraft[], result: Result): Promise<Result> {
    this.#tell(farm, drafts);
    return (await writeUnlessGone(this.#context, FARMS, farm, status)) ? result : { kind: "Done" };
  }

  #tell(farm: ServerFarm, drafts: readonly EventDraft[]): void {
    for (const draft of drafts) this.#context.events.record(FARMS, farm, draft);
  }
}
