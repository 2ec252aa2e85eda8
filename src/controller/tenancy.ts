/**
 * What the tenants of the domains say of each farm. A farm is judged when it changes, when the labels of its namespace do, or the tenants of its domain;
 * those of whom something else is said then are told. To ask for one costs nothing that grows with the number of farms.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { domainOf, KeysBy, keyOf, type KubernetesObject } from "../api/object.ts";
import type { Permission } from "../api/permission.ts";
import { hasLeftTraces, sharesGroups } from "../farm/journal.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { judge, tooManyFarms, type Verdict } from "../policy/judge.ts";
import { DomainTenants } from "./domain-tenants.ts";
import { seatOf } from "./seats.ts";

/** Copies of namespaces. */
export interface Namespaces extends Copies<KubernetesObject> {
  /** Why they are not known; undefined where they are, or will be in a moment. */
  readonly unknown: string | undefined;
}

interface Judged {
  readonly domain: string;
  readonly seat: string;
  /** Undefined: the labels of its namespace are not known. */
  readonly verdict: Verdict | undefined;
  /** Names of the tenants that it counts for. */
  readonly counts: readonly string[];
}

/** How long (ms) farms are judged in one stretch. */
const STRETCH = 10;
const OPEN: Permission = { kind: "Open" };
/** It was asked for, and could not be told yet. */
const AWAITED = "";

export class Tenancy {
  readonly #farms: Copies<ServerFarm>;
  readonly #namespaces: Namespaces;
  readonly #domains = new Map<string, DomainTenants>();
  readonly #byDomain = new KeysBy<ServerFarm>(domainOf);
  /** Keys of farms by their namespaces. */
  readonly #byNamespace = new KeysBy<ServerFarm>(({ metadata }) => metadata.namespace ?? "");
  readonly #judged = new Map<string, Judged>();
  /** By keys of farms, what was said last, as text. */
  readonly #said = new Map<string, string>();
  /** Keys of farms to be judged, by their domains; and of those of whom something else may have to be said. */
  readonly #stale = new Map<string, Set<string>>();
  readonly #touched = new Set<string>();
  #begun = false;
  #working = false;
  #tell: (key: string) => void = () => undefined;

  constructor(farms: Copies<ServerFarm>, domains: Copies<ActiveDirectoryDomain>, namespaces: Namespaces) {
    this.#farms = farms;
    this.#namespaces = namespaces;
    domains.subscribe((name, domain) => {
      this.#domainChanged(name, domain);
    });
  }

  /** Nothing is kept of farms and namespaces before a domain names tenants. */
  #begin(): void {
    this.#begun = true;
    for (const farm of this.#farms.list()) this.#farmChanged(keyOf(farm.metadata), farm, undefined);
    this.#farms.subscribe((key, farm, previous) => {
      this.#farmChanged(key, farm, previous);
    });
    this.#namespaces.subscribe((name, namespace, previous) => {
      if (namespace && previous && JSON.stringify(namespace.metadata.labels) === JSON.stringify(previous.metadata.labels)) return;
      for (const tenants of this.#domains.values()) tenants.forget(name);
      for (const key of this.#byNamespace.of(name)) this.#judgeLater(key);
    });
  }

  /** The listener is told of a farm when something else is said of it than before. */
  subscribe(listener: (key: string) => void): void {
    this.#tell = listener;
  }

  /** Undefined where it cannot be told in this moment: the listener is told once it can. */
  of(farm: ServerFarm): Permission | undefined {
    const key = keyOf(farm.metadata);
    const permission = this.look(farm);
    this.#said.set(key, this.#text(farm, permission));
    if (!permission) this.#touched.add(key);
    return permission;
  }

  /** Whether what was said last of the farm still holds. */
  isSo(farm: ServerFarm): boolean {
    return this.#said.get(keyOf(farm.metadata)) === this.#text(farm, this.look(farm));
  }

  /** The same, for whoever does not go by it. */
  look(farm: ServerFarm): Permission | undefined {
    const { name } = farm.spec.domainRef;
    const key = keyOf(farm.metadata);
    if (!this.#domains.has(name)) return OPEN;
    if (this.#stale.get(name)?.has(key) === true) this.#judge(name, key);
    return this.#permissionOf(name, key);
  }

  /** Patterns of the groups of somebody else that tenants allow to the farm's namespace. */
  sharedGroups({ metadata, spec }: ServerFarm): readonly string[] {
    const namespace = this.#namespaces.get(metadata.namespace ?? "");
    const tenants = this.#domains.get(spec.domainRef.name);
    return namespace && tenants ? tenants.of(namespace).sharedGroups : [];
  }

  #permissionOf(domain: string, key: string): Permission | undefined {
    const tenants = this.#domains.get(domain);
    const { verdict, seat } = this.#judged.get(key) ?? {};
    if (!tenants || !verdict || seat === undefined) return this.#unknown();
    if (verdict.kind === "NotAllowed") return { kind: "NotAllowed", message: verdict.message };
    const { tenant } = verdict;
    if (tenant.spec.maxFarms === undefined) return tenant.granted;
    // An older one that was not judged yet may take its place.
    if ((this.#stale.get(domain)?.size ?? 0) > 0) return undefined;
    if (tenants.seatsOf(tenant.spec.name).has(seat)) return tenant.granted;
    return { kind: "NotAllowed", message: tooManyFarms(tenant, domain) };
  }

  #unknown(): Permission | undefined {
    const { unknown } = this.#namespaces;
    if (unknown === undefined) return undefined;
    const message = `the operator cannot decide whether the domain's tenants allow the farm, because it cannot read the labels of the namespace: grant the operator's role list and watch of namespaces (${unknown}).`;
    return { kind: "Unknown", message };
  }

  /** A farm that shares groups of somebody else goes by what is allowed to its namespace, too. */
  #text(farm: ServerFarm, permission: Permission | undefined): string {
    if (!permission) return AWAITED;
    if (permission === OPEN) return permission.kind;
    return JSON.stringify([permission, sharesGroups(farm) ? this.sharedGroups(farm) : []]);
  }

  #farmChanged(key: string, farm: ServerFarm | undefined, previous: ServerFarm | undefined): void {
    this.#byDomain.changed(farm, previous);
    this.#byNamespace.changed(farm, previous);
    const now = farm?.spec.domainRef.name;
    const isConcerned = this.#judged.has(key) || (now !== undefined && this.#domains.has(now));
    if (isConcerned && (!farm || traceOf(farm) !== (previous && traceOf(previous)))) this.#judgeLater(key, previous?.spec.domainRef.name);
    if (!farm) this.#said.delete(key);
  }

  #domainChanged(name: string, domain: ActiveDirectoryDomain | undefined): void {
    const now = domain && DomainTenants.read(domain);
    if (now && !this.#begun) this.#begin();
    const before = this.#domains.get(name);
    if (now?.text === before?.text) return;
    if (now) this.#domains.set(name, now);
    else this.#domains.delete(name);
    for (const key of this.#byDomain.of(name)) {
      // Until now everybody was allowed everything, and nobody asked.
      if (!before) this.#said.set(key, OPEN.kind);
      this.#judged.delete(key);
      this.#judgeLater(key, name);
    }
  }

  /** `former`: the domain that it was in. */
  #judgeLater(key: string, former?: string): void {
    for (const domain of new Set([this.#farms.get(key)?.spec.domainRef.name, former])) {
      if (domain !== undefined) this.#stale.set(domain, (this.#stale.get(domain) ?? new Set()).add(key));
    }
    if (this.#working) return;
    this.#working = true;
    void this.#work();
  }

  /** All farms are judged before anything is said of one: the place of each depends on the others. */
  async #work(): Promise<void> {
    await turn();
    for (let begun = performance.now(); ; begun = performance.now()) {
      while (performance.now() - begun < STRETCH && this.#step()) continue;
      if (this.#stale.size + this.#touched.size === 0) break;
      await turn();
    }
    this.#working = false;
  }

  #step(): boolean {
    for (const [domain, keys] of this.#stale) {
      const [key] = keys;
      if (key === undefined) this.#stale.delete(domain);
      else this.#judge(domain, key);
      return true;
    }
    const [key] = this.#touched;
    if (key === undefined) return false;
    this.#touched.delete(key);
    const farm = this.#farms.get(key);
    const said = this.#said.get(key);
    // Of whom nothing was said yet somebody will ask.
    if (farm && said !== undefined && said !== this.#text(farm, this.look(farm))) this.#tell(key);
    return true;
  }

  #judge(domain: string, key: string): void {
    this.#stale.get(domain)?.delete(key);
    this.#touched.add(key);
    const farm = this.#farms.get(key);
    const before = this.#judged.get(key);
    const now = farm?.spec.domainRef.name === domain ? this.#verdictOn(farm, key) : undefined;
    if (!now && before?.domain !== domain) return;
    if (now) this.#judged.set(key, now);
    else this.#judged.delete(key);
    this.#reseat(before, now);
  }

  #verdictOn(farm: ServerFarm, key: string): Judged | undefined {
    const { name } = farm.spec.domainRef;
    const tenants = this.#domains.get(name);
    if (!tenants) return undefined;
    const seat = seatOf(farm.metadata.creationTimestamp ?? "", key, hasLeftTraces(farm));
    const namespace = this.#namespaces.get(farm.metadata.namespace ?? "");
    if (!namespace) return { domain: name, seat, verdict: undefined, counts: [] };
    const own = tenants.of(namespace).tenants;
    const verdict = judge(farm, own, tenants.domain);
    const counts = verdict.kind === "Allowed" ? [verdict.tenant] : hasLeftTraces(farm) ? own : [];
    return { domain: name, seat, verdict, counts: counts.map(({ spec }) => spec.name) };
  }

  #reseat(before: Judged | undefined, now: Judged | undefined): void {
    const isSame = before?.domain === now?.domain && before?.seat === now?.seat;
    const change = ({ domain, seat, counts }: Judged, other: Judged | undefined, how: "add" | "remove"): void => {
      for (const tenant of counts) {
        if (isSame && other?.counts.includes(tenant) === true) continue;
        const concerned = this.#domains.get(domain)?.seatsOf(tenant)[how](seat);
        if (concerned !== undefined) this.#touched.add(concerned);
      }
    };
    if (before) change(before, now, "remove");
    if (now) change(now, before, "add");
  }
}

/** What of a farm decides. */
function traceOf(farm: ServerFarm): string {
  const { uid, generation = 0 } = farm.metadata;
  return `${uid} ${generation} ${hasLeftTraces(farm)}`;
}
