/** Lets the ends of farms begin as their domain's deletion budget allows, and wakes those that wait for it, the oldest first. */
import { CONFIRM_DELETION } from "../api/annotations.ts";
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf, timestamp } from "../api/object.ts";
import { budgetExceededEvent, freeSlots, nextSlotIn, takeSlot } from "../domain/deletion-budget.ts";
import { type HeldEnd, heldEnd } from "../farm/status/held-end.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { getObject, type Resource } from "../kubernetes/resource.ts";
import { budgetOf } from "./domain-settings.ts";
import type { Context } from "./kind.ts";

/** How often a record that met another one is tried again. */
const TRIES = 5;
/** A farm that was woken may not want the slot any more: then it is the next one's turn, so long (ms) after. */
const NEXT_TURN = 5000;
/** One request to the API server (ms): all other farms of the domain that are to end wait for it. */
const PATIENCE = { timeout: 5000 };

export class DeletionBudgets {
  readonly #context: Context;
  readonly #kind: Resource<ActiveDirectoryDomain>;
  readonly #domains: Copies<ActiveDirectoryDomain>;
  readonly #wake: (farm: string) => void;
  /** By domain: the farms that wait, and when each was deleted. */
  readonly #waiting = new Map<string, Map<string, string>>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** By domain: the last claim. One at a time, so that they do not get into each other's way. */
  readonly #claims = new Map<string, Promise<unknown>>();

  constructor(
    context: Context,
    kind: Resource<ActiveDirectoryDomain>,
    domains: Copies<ActiveDirectoryDomain>,
    wake: (farm: string) => void,
  ) {
    this.#context = context;
    this.#kind = kind;
    this.#domains = domains;
    this.#wake = wake;
    domains.subscribe((name, domain, previous) => {
      if (domain && JSON.stringify(domain.spec.deletionBudget) !== JSON.stringify(previous?.spec.deletionBudget)) this.#serve(name);
    });
  }

  /** Right before the first delete of a farm is sent: it is on record when this resolves. Resolves with what keeps it where it has to wait. */
  async claim(farm: ServerFarm): Promise<HeldEnd | undefined> {
    if (farm.metadata.annotations?.[CONFIRM_DELETION] === farm.metadata.uid) {
      this.forget(farm);
      return undefined;
    }
    const { name } = farm.spec.domainRef;
    const before = this.#claims.get(name);
    const claim = (async () => {
      await before?.catch(() => undefined);
      return await this.#claim(name, farm);
    })();
    this.#claims.set(name, claim);
    try {
      return await claim;
    } finally {
      if (this.#claims.get(name) === claim) this.#claims.delete(name);
    }
  }

  /** It waits no more: it is gone, or need not. */
  forget({ metadata, spec }: ServerFarm): void {
    this.#leave(spec.domainRef.name, keyOf(metadata));
  }

  async #claim(name: string, farm: ServerFarm): Promise<HeldEnd | undefined> {
    const key = keyOf(farm.metadata);
    const { uid } = farm.metadata;
    for (let tries = 1; ; tries++) {
      // Read live: what another replica, or this one before a restart, has recorded counts.
      const domain = await getObject(this.#context.client, this.#kind, { name }, PATIENCE);
      if (!domain) throw new KubernetesError("Conflict", `the ActiveDirectoryDomain ${name} is gone`);
      const { deletions = [] } = domain.status ?? {};
      const taken = takeSlot(deletions, budgetOf(domain), { uid, farm: key, ahead: this.#ahead(name, farm) }, new Date());
      if (!taken) return this.#hold(domain, farm);
      try {
        const status = domain.status ?? { observedGeneration: -1 };
        if (taken !== deletions) await this.#context.statuses.write(this.#kind, domain, { ...status, deletions: taken }, PATIENCE);
        this.#leave(name, key);
        return undefined;
      } catch (error) {
        if (!(error instanceof KubernetesError) || error.kind !== "Conflict" || tries === TRIES) throw error;
      }
    }
  }

  #hold(domain: ActiveDirectoryDomain, farm: ServerFarm): HeldEnd {
    const { name } = domain.metadata;
    const key = keyOf(farm.metadata);
    const waiting = this.#waiting.get(name) ?? new Map<string, string>();
    this.#waiting.set(name, waiting);
    if (!waiting.has(key)) this.#context.events.record(this.#kind, domain, budgetExceededEvent(domain), farm.metadata.namespace);
    waiting.set(key, farm.metadata.deletionTimestamp ?? "");
    this.#context.metrics.objects.deletionsWaiting(name, waiting.size);
    this.#arm(domain);
    const now = new Date();
    const next = nextSlotIn(domain.status?.deletions ?? [], budgetOf(domain), now);
    const from = next > 0 && Number.isFinite(next) ? timestamp(new Date(now.getTime() + next)) : undefined;
    return heldEnd(farm, domain.spec.deletionBudget, from);
  }

  #leave(domain: string, key: string): void {
    const waiting = this.#waiting.get(domain);
    if (waiting?.delete(key) !== true) return;
    this.#context.metrics.objects.deletionsWaiting(domain, waiting.size);
    if (waiting.size === 0) this.#waiting.delete(domain);
  }

  /** How many wait that were deleted before the farm. */
  #ahead(domain: string, { metadata }: ServerFarm): number {
    const own = `${metadata.deletionTimestamp ?? ""} ${keyOf(metadata)}`;
    return [...(this.#waiting.get(domain) ?? [])].filter(([key, at]) => `${at} ${key}` < own).length;
  }

  #arm(domain: ActiveDirectoryDomain, least = 0): void {
    const { name } = domain.metadata;
    const delay = Math.max(least, nextSlotIn(domain.status?.deletions ?? [], budgetOf(domain), new Date()));
    clearTimeout(this.#timers.get(name));
    // What is longer than a timer can be is looked at again before.
    const timer = setTimeout(
      () => {
        this.#serve(name);
      },
      Math.min(delay, 86_400_000),
    ).unref();
    this.#timers.set(name, timer);
  }

  /** Wakes as many as may begin now. */
  #serve(name: string): void {
    const [domain, waiting] = [this.#domains.get(name), this.#waiting.get(name)];
    if (!domain || !waiting) return;
    const free = freeSlots(domain.status?.deletions ?? [], budgetOf(domain), new Date());
    const order = [...waiting].map(([key, at]) => ({ key, place: `${at} ${key}` })).toSorted((a, b) => (a.place < b.place ? -1 : 1));
    for (const { key } of order.slice(0, free)) {
      // It comes back where it still has to wait.
      this.#leave(name, key);
      this.#wake(key);
    }
    if (this.#waiting.has(name)) this.#arm(domain, NEXT_TURN);
  }
}
