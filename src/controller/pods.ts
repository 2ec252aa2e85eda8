/** Publishes for Pods what farms want of it, takes it away, and sees to it that it stays as it is wanted. */
import type { Asker } from "../ad/port.ts";
import type { EventDraft } from "../api/event.ts";
import { SERVER_FARM, type ServerFarm, type ServerFarmStatus } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { Backoff } from "../base/backoff.ts";
import { causeOf, leftEvent, stepEvents } from "../credential-spec/events.ts";
import { FARM_UID, type Found, type Owner, ownerBy, type PublishedKind, standingOf } from "../credential-spec/objects.ts";
import { isAsWanted, planPods, type Step } from "../credential-spec/plan.ts";
import * as say from "../credential-spec/status.ts";
import { ownerOf, type PodDomain, type Wish, wishOf } from "../credential-spec/wanted.ts";
import { isRefusal, KubernetesError } from "../kubernetes/api-error.ts";
import { hasLostName } from "../farm/lost-name.ts";
import type { FarmView } from "../farm/view.ts";
import { askerOf } from "../reconciler/farm.ts";
import { type Context, type Result, soonest } from "./kind.ts";
import { NameGuard } from "./name-change.ts";
import { PodFarms, type PodFarmsOptions } from "./pod-farms.ts";
import { PodObjects } from "./pod-objects.ts";
import { carryOut, takeAway, unlessForced } from "./pod-steps.ts";

export interface PodOptions {
  readonly enabled: boolean;
  readonly configMaps: boolean;
}

/** What a reconcile has to say. */
interface Said {
  readonly status: ServerFarmStatus;
  readonly events: readonly EventDraft[];
  readonly result: Result;
  /** Of the look that gave to say it. */
  readonly view?: FarmView | undefined;
}

/** What is said besides what the directory gave to say. */
interface Told {
  readonly finding: say.PodsFinding | undefined;
  readonly published: ServerFarmStatus["pods"];
  readonly events?: readonly EventDraft[];
  readonly again?: Result;
}

/** What no watch tells of (a right, an object of somebody else) is looked at again after so long (ms), and then ever more rarely. */
const RECHECK = { base: 60_000, max: 600_000 };
const ALL = ["GMSACredentialSpec", "Role", "RoleBinding"] as const satisfies readonly PublishedKind[];

export class Pods {
  readonly #context: Context;
  readonly #options: PodOptions;
  readonly #farms: PodFarms;
  readonly #rechecks = new Backoff(RECHECK);
  /** Of farms that cannot take the right from others. */
  readonly #rivals = new Backoff(RECHECK);
  /** Undefined where the operator has no rights to it. */
  readonly #objects: PodObjects | undefined;
  /** Keys of farms of which something is there. */
  readonly holds = new Set<string>();
  /** Undefined where nothing is published. */
  readonly names: NameGuard | undefined;

  constructor(context: Context, options: PodOptions, farms: Omit<PodFarmsOptions, "client">) {
    this.#context = context;
    this.#options = options;
    this.#farms = new PodFarms({ ...farms, client: context.client });
    const objects = options.enabled ? new PodObjects(context, () => this.#farms.wakeAll()) : undefined;
    this.#objects = objects;
    this.names = objects && new NameGuard({ objects, farms: this.#farms, events: context.events, log: context.log });
    objects?.subscribe((key) => {
      if (Object.keys(objects.copiesOf(ownerBy(key))).length > 0) this.holds.add(key);
      else this.holds.delete(key);
    });
  }

  start(): void {
    this.#objects?.subscribe((key, kind, object) => {
      const farm = this.#farms.get(key);
      const domain = farm && this.#farms.domainOf(farm);
      // Its own writes come back here, too.
      if (!farm || !domain || !isAsWanted(this.#wishOf(farm, domain), kind, object)) this.#farms.wake(key);
    });
    // Of farms that went while nobody was there to see it.
    for (const key of this.holds) if (!this.#farms.get(key)) this.#farms.wake(key);
  }

  /** Whether the farm has to do with Pods at all. */
  #concerns({ spec, status, metadata }: ServerFarm): boolean {
    return spec.pods !== undefined || status?.pods !== undefined || this.holds.has(keyOf(metadata));
  }

  /** Brings about what a farm wants, as far as its status lets it, and says in its status what came of it. */
  async attend(farm: ServerFarm, { status, events, result, view }: Said): Promise<Said> {
    const isLost = view && ((published = farm.status?.account?.objectGUID) => hasLostName(view, published));
    const told = await this.#told(farm, { status, isLost });
    const key = keyOf(farm.metadata);
    if (told.again?.kind !== "After" && this.#rechecks.failures.has(key)) this.#rechecks.forget(key);
    const next = say.withPods(farm, status, told, new Date());
    return { status: next, events: [...say.readyEvents(farm, events, next), ...(told.events ?? [])], result: soonest(result, told.again) };
  }

  async #told(farm: ServerFarm, standing: say.Standing): Promise<Told> {
    const { status } = standing;
    const { metadata, spec } = farm;
    const published = farm.status?.pods;
    if (!this.#objects) return { finding: spec.pods && say.notEnabled("pods.enabled"), published };
    const domain = this.#farms.domainOf(farm);
    const isStill = metadata.deletionTimestamp !== undefined || status.conditions?.some(({ reason }) => reason === "Suspended") === true;
    if (isStill || !domain) return { finding: undefined, published };
    const { problem } = this.#objects;
    if (problem?.kind === "NotFound" && spec.pods) return { finding: say.KIND_MISSING, published: undefined };
    if (problem && problem.kind !== "NotFound") return this.#failed(farm, problem, { published, events: [] });
    const events: EventDraft[] = [];
    try {
      return { ...(await this.#publish(farm, standing, domain, this.#objects, events)), events };
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      return this.#failed(farm, error, { published, events });
    }
  }

  async #publish(farm: ServerFarm, standing: say.Standing, domain: PodDomain, objects: PodObjects, events: EventDraft[]): Promise<Told> {
    const wish = this.#wishOf({ ...farm, status: standing.status }, domain);
    const owner = ownerOf(farm);
    let found: Found = { ...objects.copiesOf(owner), ...(await this.#readConfigMap(objects, owner)) };
    let scope = say.scopeOf(wish, found, owner, standing);
    let plan = planPods(wish, found, owner, scope);
    // Copies may be old, and show nothing of what bears no label.
    if (plan.steps.length + plan.blockers.length > 0) {
      found = { ...found, ...(await objects.read(ALL, owner)) };
      scope = say.scopeOf(wish, found, owner, standing);
      plan = planPods(wish, found, owner, scope);
    }
    const own = standingOf("GMSACredentialSpec", found.GMSACredentialSpec, owner) === "Own";
    const before = { published: say.publishedOf(farm, own) };
    const isAwaited = scope === "Awaited" || scope === "Lost";
    if (this.#farms.isObserved(farm)) {
      const held = say.blockedFinding(plan) ?? say.observedFinding(plan);
      // What is missing does not show in such a plan: what was said before stays.
      if (held || scope === "Frozen") return { ...before, finding: held };
      return { ...before, finding: own && !isAwaited ? say.publishedFinding(farm) : say.awaitedFinding(own) };
    }
    const onlyTakes = scope !== "Full" || wish.kind !== "Wanted" || plan.steps.every(({ do: what }) => what === "Delete");
    const { done, isKept, refusal } = await this.#apply(farm, onlyTakes, plan.steps, objects, events);
    const { retries, ...said } = say.conclude(farm, { ...plan, steps: done }, { own, isKept, ...this.#options });
    // By its status alone it is known that something is left to take away, which no watch shows.
    const left = wish.kind === "Nothing" ? farm.status?.pods : undefined;
    if (refusal) return this.#failed(farm, refusal, { published: said.published ?? left, events });
    if (wish.kind !== "Nothing" && say.isWithheld(standing.status)) return { ...before, finding: own ? undefined : say.NOT_ALLOWED };
    if (isAwaited && plan.blockers.length === 0) return { ...said, finding: say.awaitedFinding(said.published !== undefined) };
    if (scope === "Frozen")
      return { ...before, finding: say.blockedFinding(plan) ?? (own && !found.RoleBinding ? say.awaitedFinding(own) : undefined) };
    return { ...said, ...(retries ? { again: this.#recheck(farm) } : {}) };
  }

  async #apply(
    farm: ServerFarm,
    onlyTakes: boolean,
    steps: readonly Step[],
    objects: PodObjects,
    events: EventDraft[],
  ): ReturnType<typeof carryOut> {
    const { uid, generation, deletionTimestamp } = farm.metadata;
    // A manifest that changes all the time must not prevent that something is only taken away.
    const isStill = ({ metadata: live }: ServerFarm): boolean =>
      live.uid === uid && (onlyTakes || (live.generation === generation && live.deletionTimestamp === deletionTimestamp));
    // What is of the cluster would outlive it.
    if (steps.length > 0) await this.#farms.assertStill(farm, isStill);
    const ways = { objects, askerOf: (step: Step) => askerOf(farm, causeOf(farm, step)), stop: () => this.#farms.stopOf(farm) };
    return await carryOut(steps, ways, (step) => events.push(...stepEvents(farm, step)));
  }

  /** Of a farm that has rivals, whatever came between: an older version of the program, a write that arrived late. Resolves with when to look again. */
  async takeFromRivals(farm: ServerFarm): Promise<Result | undefined> {
    const key = keyOf(farm.metadata);
    try {
      await this.names?.takeFromRivals(farm);
      this.#rivals.forget(key);
      return undefined;
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      if (error.kind === "Conflict") return { kind: "Retry", failed: false };
      this.#context.events.record(SERVER_FARM, farm, { type: "Warning", reason: "Rejected", message: error.message });
      return { kind: "After", delay: this.#rivals.next(key), priority: "Recheck" };
    }
  }

  /**
   * Takes away what is there of a farm that ends: who may use it first. `stop`: why nothing more may be written. Rejects with KubernetesError. Resolves
   * with what there is to say.
   */
  async withdraw(farm: ServerFarm, stop = (): string | undefined => this.#farms.stopOf(farm)): Promise<readonly EventDraft[]> {
    if (!this.#concerns(farm)) return [];
    const { pods } = farm.status ?? {};
    if (!this.#objects) return pods?.credentialSpecName === undefined ? [] : [leftEvent(pods.credentialSpecName)];
    const owner = ownerOf(farm);
    const found = { ...(await this.#objects.read(ALL, owner)), ...(await this.#readConfigMap(this.#objects, owner)) };
    const done = await takeAway(found, owner, { objects: this.#objects, askerOf: () => askerOf(farm, "Decommission"), stop });
    return done.flatMap((step) => stepEvents(farm, step));
  }

  /** The last chance, whatever the brake says. */
  async withdrawAtLast(farm: ServerFarm): Promise<readonly EventDraft[]> {
    return await unlessForced(
      () => this.#objects?.leads ?? true,
      farm,
      () => this.withdraw(farm, () => undefined),
    );
  }

  /** There is no such farm any more: what it left is taken away, should its end have been skipped. */
  async sweep(key: string): Promise<Result> {
    for (const checks of [this.#rechecks, this.#rivals]) checks.forget(key);
    const place = ownerBy(key);
    const spec = this.#objects?.copiesOf(place).GMSACredentialSpec;
    if (!this.#objects || !spec || (await this.#farms.read(place))) return { kind: "Done" };
    const owner = { ...place, uid: spec.metadata.labels?.[FARM_UID] ?? "" };
    const asker: Asker = { farm: { ...owner, generation: 0 }, cause: "Decommission" };
    const ways = { objects: this.#objects, askerOf: () => asker, stop: () => undefined };
    await takeAway(await this.#objects.read(ALL, owner), owner, ways);
    return { kind: "Done" };
  }

  async #readConfigMap(objects: PodObjects, owner: Owner): Promise<Found> {
    return this.#options.configMaps ? await objects.read(["ConfigMap"], owner) : {};
  }

  #wishOf(farm: ServerFarm, domain: PodDomain): Wish {
    const wish = wishOf(farm, domain);
    if (wish.kind !== "Wanted" || this.#options.configMaps) return wish;
    const { ConfigMap: _configMap, ...wanted } = wish.wanted;
    return { ...wish, wanted };
  }

  #failed(farm: ServerFarm, error: KubernetesError, { published, events }: Pick<Told, "published" | "events">): Told {
    const told = { published, ...(events ? { events } : {}) };
    if (error.kind === "Conflict") return { ...told, finding: undefined, again: { kind: "Retry", failed: false } };
    const seen = { farm: keyOf(farm.metadata), error: error.message };
    if (!isRefusal(error)) {
      this.#context.log.warn("what is published for Pods was not finished", seen);
      return { ...told, finding: say.UNFINISHED, again: { kind: "Retry", failed: true } };
    }
    const kind = error.kind === "Forbidden" ? "AccessDenied" : "Rejected";
    this.#context.log.warn("what is published for Pods was refused", seen);
    return { ...told, finding: say.refusedFinding(kind, error.message), again: this.#recheck(farm) };
  }

  #recheck({ metadata }: ServerFarm): Result {
    return { kind: "After", delay: this.#rechecks.next(keyOf(metadata)), priority: "Recheck" };
  }
}
