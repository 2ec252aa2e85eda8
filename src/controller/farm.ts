/** ServerFarm: when a farm is reconciled, and what of the result goes to the cluster. */
import { setImmediate } from "node:timers/promises";
import { FARM_ANNOTATIONS, FARM_FINALIZER, ABANDON } from "../api/annotations.ts";
import type { EventDraft } from "../api/event.ts";
import { SERVER_FARM, type ServerFarm, type ServerFarmStatus } from "../api/generated/server-farm.ts";
import { finalizerAction, keyOf } from "../api/object.ts";
import type { Permission } from "../api/permission.ts";
import { Backoff } from "../base/backoff.ts";
import { WorkQueue } from "../base/work-queue.ts";
import { desiredFarm } from "../farm/desired.ts";
import type { Wanted } from "../farm/desired-farm.ts";
import { lookupKeys } from "../farm/queries.ts";
import { hasFailed, type Report } from "../farm/report.ts";
import { abandonedEvent } from "../farm/status/decommission.ts";
import { refusedStatus, suspendedStatus, waitingStatus } from "../farm/status/not-looked.ts";
import { waitsForOthers } from "../farm/handover.ts";
import { hasLeftTraces, isSame, sharesGroups, urgencyOf } from "../farm/journal.ts";
import { freedNames } from "../farm/changes/index.ts";
import type { FarmView } from "../farm/view.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { addFinalizer, assertLive, hasSpec, type Resource } from "../kubernetes/resource.ts";
import type { Directory } from "../farm/observed.ts";
import { reconcileFarm } from "../reconciler/farm.ts";
import type { FarmPorts } from "../reconciler/work.ts";
import { noDomain, type ReadyDomain } from "./domain-access.ts";
import { DeletionBudgets } from "./deletion-budget.ts";
import { type DomainKind, DOMAINS } from "./domain.ts";
import { metricsOf } from "./farm-metrics.ts";
import { allowedFarm, endFarm, type FarmOps, rarestRecheck, takeOut, withhold } from "./farm-ops.ts";
import { FarmLog } from "./runtime.ts";
import { letGo, sayFailed, tellOwner } from "./farm-record.ts";
import { type PodOptions, Pods } from "./pods.ts";
import type { Tenancy } from "./tenancy.ts";
import { farmWaker, wakeForNames } from "./wake-farms.ts";
import { FarmsByGroup, WakeIndex } from "./wake-index.ts";
import { type Context, type Kind, type Result, soonest } from "./kind.ts";

export const FARMS: Resource<ServerFarm> = { ...SERVER_FARM, is: (value): value is ServerFarm => hasSpec(value) };

type Domains = Pick<DomainKind, "objects" | "access" | "farms" | "news">;
type FarmOptions = { readonly workers: number; readonly pods: PodOptions };

/** The domain names no tenants: everybody may ask for everything. */
const OPEN: Permission = { kind: "Open" };

/** A farm with something in its way is looked at again after so long (ms), and then ever more rarely. */
const RECHECK = { base: 60_000 };

export class FarmKind implements Kind<ServerFarm>, FarmOps {
  readonly urgency = urgencyOf;
  readonly name = "serverfarm";
  readonly annotations = FARM_ANNOTATIONS;
  readonly workers: number;
  readonly objects: Copies<ServerFarm>;
  readonly queue: WorkQueue;
  readonly #context: Context;
  readonly #domains: Domains;
  readonly #tenancy: Tenancy;
  readonly wakes = new WakeIndex();
  readonly byGroup = new FarmsByGroup(({ metadata }) => this.queue.runs(keyOf(metadata)) || this.#context.statuses.awaits(metadata.uid));
  readonly #rechecks = new Backoff(RECHECK);
  readonly budgets: DeletionBudgets;
  readonly #log: FarmLog;
  readonly pods: Pods;

  constructor(context: Context, farms: Copies<ServerFarm>, domains: Domains, tenancy: Tenancy, { workers, pods }: FarmOptions) {
    this.#context = context;
    this.#domains = domains;
    this.budgets = new DeletionBudgets(context, DOMAINS, domains.objects, (key) => this.queue.add(key, "Urgent"));
    const wake = (key: string): void => this.queue.add(key);
    this.pods = new Pods(context, pods, { kind: FARMS, farms, domains, wake, stopOf: (farm) => this.#stopOf(farm) });
    this.#log = new FarmLog(context.log);
    this.#tenancy = tenancy;
    this.objects = farms;
    this.workers = workers;
    this.queue = new WorkQueue({
      observer: context.metrics.queue(this.name),
      limit: workers,
      // Farms may name thousands of domains that do not exist: these have one lane together.
      shareOf: (key) => ({
        lane: domains.objects.get(farms.get(key)?.spec.domainRef.name ?? "")?.metadata.name ?? "",
        tenant: key.slice(0, key.indexOf("/")),
      }),
    });
  }

  start(): void {
    this.pods.start();
    this.#context.metrics.objects.follow(() => metricsOf(this.objects, this.#domains.access));
    this.#domains.news.subscribe(farmWaker(this, (domain) => this.#domains.farms.of(domain)));
    this.#tenancy.subscribe((key) => {
      const farm = this.objects.get(key);
      if (farm) this.queue.add(key, this.urgency(farm, undefined));
      for (const sharer of farm ? this.byGroup.sharers(farm) : []) this.queue.add(sharer, "Resync");
    });
  }

  changed(farm: ServerFarm | undefined, previous: ServerFarm | undefined): void {
    if (!farm && previous) this.budgets.forget(previous);
    // A status that somebody else wrote (a restore, an edit by hand) is put right at once.
    this.#context.statuses.ifForeign(farm, previous, (key) => this.queue.add(key));
    // After what users asked for: one farm that changes all the time must not keep others from their turns.
    for (const key of this.byGroup.changed(farm, previous)) this.queue.add(key, "Resync");
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

  async #reconcile(key: string, clusterId: string, signal: AbortSignal): Promise<Result> {
    const farm = this.objects.get(key);
    if (!farm) {
      for (const known of [this.#rechecks, this.#log]) known.forget(key);
      this.wakes.remove(key);
      this.byGroup.settled(key);
      this.queue.drop(key);
      return await this.pods.sweep(key);
    }
    const { finalizers, deletionTimestamp } = farm.metadata;
    const action = finalizerAction(finalizers?.includes(FARM_FINALIZER) ?? false, deletionTimestamp !== undefined);
    if (action === "Ignore") return { kind: "Done" };
    if (action === "CleanUp" && farm.metadata.annotations?.[ABANDON] === "true") return await this.release(farm, [abandonedEvent(farm)]);
    if (farm.spec.suspend) return await this.write(farm, suspendedStatus(farm, new Date()), [], { kind: "Done" });
    const { name } = farm.spec.domainRef;
    const known = this.#domains.objects.get(name);
    // Nothing of a farm can be in a domain that was never reached: it may always go.
    if (action === "CleanUp" && !known?.status?.server && !hasLeftTraces(farm)) return await this.release(farm, []);
    const domain = known ? (this.#domains.access.get(name) ?? { kind: "Connecting" }) : noDomain(name);
    if (domain.kind === "Suspended") return await this.write(farm, suspendedStatus(farm, new Date(), domain.message), [], { kind: "Done" });
    // The finalizer goes first: from here on there may be something to clean up. The watch brings the farm back with it.
    if (action === "Add") {
      await addFinalizer(this.#context.client, FARMS, farm, FARM_FINALIZER);
      return { kind: "Done" };
    }
    // Who is to go may go, whatever the tenants say.
    const permission = action === "CleanUp" || !this.#hasTenants(farm) ? OPEN : this.#tenancy.of(farm);
    // It cannot be told in this moment: the farm is queued once it can.
    if (!permission) return { kind: "Done" };
    const withheld = permission.kind === "NotAllowed" || permission.kind === "Unknown" ? permission : undefined;
    const said = withheld && (await withhold(this, farm, withheld));
    if (said) return said;
    if (domain.kind === "Connecting") return { kind: "Done" };
    if (domain.kind === "NotReady") return await this.write(farm, waitingStatus(farm, domain, new Date(), withheld), [], { kind: "Done" });
    const wanted = this.#wanted(farm, permission, domain, clusterId);
    if (action === "CleanUp") return await endFarm(this, farm, wanted.desired, domain.directory, signal);
    if (!withheld) return await this.#reconcileFarm(farm, wanted, domain, signal);
    return await takeOut(this, farm, { desired: wanted.desired, withheld }, domain, signal);
  }

  #hasTenants({ spec }: ServerFarm): boolean {
    return this.#domains.objects.get(spec.domainRef.name)?.spec.tenants !== undefined;
  }

  #wanted(farm: ServerFarm, permission: Permission, { facts }: ReadyDomain, clusterId: string): Wanted {
    const shares = sharesGroups(farm);
    this.byGroup.watch(keyOf(farm.metadata), shares);
    const sharing = shares ? this.byGroup.sharingWith(farm, this.objects, facts.baseDN) : [];
    const elsewhere = this.byGroup.elsewhere(farm, this.objects, facts.baseDN);
    if (!this.#hasTenants(farm)) return desiredFarm(farm, facts, clusterId, sharing, { now: Date.now(), elsewhere });
    return allowedFarm(farm, permission, facts, clusterId, { sharing, elsewhere, farms: this.objects, tenancy: this.#tenancy });
  }

  async #reconcileFarm(farm: ServerFarm, { desired: wanted, problems }: Wanted, domain: ReadyDomain, signal: AbortSignal): Promise<Result> {
    if (problems.length > 0) return await this.write(farm, refusedStatus(farm, problems, new Date(), wanted.granted), [], { kind: "Done" });
    // Before the first look: what changes while it goes on must not be missed.
    const key = keyOf(farm.metadata);
    this.wakes.add(key, lookupKeys(wanted, undefined));
    const { farm: current, desired, report, end } = await reconcileFarm(farm, wanted, this.ports(farm, domain.directory), signal);
    await setImmediate();
    const { objects = [], computers = [] } = report.view?.observed ?? {};
    this.wakes.set(key, lookupKeys(desired, report.view?.observed), [...objects, ...computers], domain.feed);
    this.count(farm, report);
    if (report.view && !report.error) this.byGroup.watch(key, sharesGroups(current) && waitsForOthers(report.view));
    if (end.kind !== "Looked") this.tell(farm, end.events);
    if (end.kind === "Aborted") return { kind: "Retry" };
    if (end.kind === "Unrecorded") throw end.cause;
    for (const { kind } of end.drift) this.#context.metrics.driftCorrected(farm.spec.domainRef.name, kind);
    let result: Result = end.next === "Retry" ? { kind: "Retry", failed: hasFailed(report) } : domain.later;
    if (end.next === "Recheck") result = this.recheck(key, report, domain.later.delay);
    else if (this.#rechecks.failures.has(key)) this.#rechecks.forget(key);
    const written = await this.write(current, end.status, end.events, result, report.error ? undefined : report.view);
    if (!report.error) this.byGroup.settled(key);
    return written;
  }

  recheck(key: string, report: Report, resync?: number): Result {
    const delay = this.#rechecks.next(key, rarestRecheck(report, resync));
    return { kind: "After", delay, priority: "Recheck", failed: hasFailed(report) };
  }

  ports(farm: ServerFarm, directory: Directory): FarmPorts {
    const apply: Directory["apply"] = (change, until, asker) =>
      this.byGroup.sent(keyOf(farm.metadata), () => directory.apply(change, until, { ...asker, stop: () => this.#stopOf(farm) }));
    const { names } = this.pods;
    return {
      directory: { ...directory, apply: names ? (change, ...rest) => names.apply(farm, change, () => apply(change, ...rest)) : apply },
      assertFresh: () => assertLive(this.#context.client, FARMS, farm, (live) => isSame(live, farm) && this.#stopOf(farm) === undefined),
      record: (current, status) => this.byGroup.claim({ ...current, status }, this.#context.statuses.write(FARMS, current, status)),
      claim: (claiming) => this.byGroup.open(claiming),
      now: () => new Date(),
      pause: () => setImmediate(),
    };
  }

  /** Why what began may not go on: what tenants forbid in the middle of it would stay, since they revoke nothing. */
  #stopOf(farm: ServerFarm): string | undefined {
    const { suspend, managementPolicy } = (this.objects.get(keyOf(farm.metadata)) ?? farm).spec;
    if (suspend || managementPolicy === "Observe") return "the farm was suspended or set to Observe in the meantime";
    const isSo = farm.metadata.deletionTimestamp !== undefined || !this.#hasTenants(farm) || this.#tenancy.isSo(farm);
    return isSo ? undefined : "what the domain's tenants allow the farm changed in the meantime";
  }

  async release(farm: ServerFarm, events: readonly EventDraft[]): Promise<Result> {
    await letGo(this.#context, FARMS, farm, [...(await this.pods.withdrawAtLast(farm)), ...events]);
    this.wakes.remove(keyOf(farm.metadata));
    return { kind: "Done" };
  }

  async write(farm: ServerFarm, status: ServerFarmStatus, events: readonly EventDraft[], result: Result, view?: FarmView): Promise<Result> {
    const [key, said] = [keyOf(farm.metadata), { status, events, result, view }];
    const isOfPods = farm.spec.pods !== undefined || farm.status?.pods !== undefined || this.pods.holds.has(key);
    const all = isOfPods ? await this.pods.attend(farm, said) : said;
    const again = view && this.pods.names?.hasRivals(farm, view) === true ? await this.pods.takeFromRivals(farm) : undefined;
    this.tell(farm, all.events);
    this.#log.stands(key, all.status);
    await this.#context.statuses.writeUnlessGone(FARMS, farm, all.status);
    return again ? soonest(all.result, again) : all.result;
  }

  tell(farm: ServerFarm, drafts: readonly EventDraft[]): void {
    for (const draft of drafts)
      if (draft.of === "Domain") tellOwner(this.#context, this.#domains.objects, farm, draft);
      else this.#context.events.record(FARMS, farm, draft);
  }

  /** What was done is counted and logged, however the reconcile ended. */
  count(farm: ServerFarm, report: Report): void {
    for (const { kind } of report.applied) this.#context.metrics.changed(farm.spec.domainRef.name, kind);
    this.#log.did(keyOf(farm.metadata), report);
    const freed = report.applied.flatMap((change) => freedNames(change, farm.spec.servicePrincipalNames ?? []));
    if (freed.length > 0) wakeForNames(farm, freed, this);
  }
}
