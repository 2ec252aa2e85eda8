/** The tenants of one domain as its manifest has them: ready to judge farms by, and the farms that count for each. */
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { KubernetesObject } from "../api/object.ts";
import type { PolicyDomain } from "../policy/asked.ts";
import { readTenants, type Tenant, tenantsOf } from "../policy/judge.ts";
import type { TenantSpec } from "../policy/selector.ts";
import { baseDnOf } from "./domain-settings.ts";
import { Seats } from "./seats.ts";

/** Of one namespace. */
interface Own {
  readonly tenants: readonly Tenant[];
  /** Patterns of the groups of somebody else that they allow as host groups. */
  readonly sharedGroups: readonly string[];
}

export class DomainTenants {
  readonly domain: PolicyDomain;
  /** All that verdicts depend on. */
  readonly text: string;
  readonly #tenants: readonly Tenant[];
  readonly #seats: ReadonlyMap<string, Seats>;
  /** By the names of namespaces. */
  readonly #own = new Map<string, Own>();

  private constructor(domain: PolicyDomain, specs: readonly TenantSpec[], text: string) {
    this.domain = domain;
    this.text = text;
    this.#tenants = readTenants(specs, domain);
    this.#seats = new Map(specs.map(({ name, maxFarms }) => [name, new Seats(maxFarms)]));
  }

  /** Undefined where the domain names none: then everybody may ask for everything. */
  static read({ metadata: { name }, spec }: ActiveDirectoryDomain): DomainTenants | undefined {
    const { dnsName, defaults, tenants } = spec;
    const domain: PolicyDomain = { name, dnsName, baseDN: baseDnOf(dnsName), ...defaults };
    return tenants && new DomainTenants(domain, tenants, JSON.stringify([domain, tenants]));
  }

  of({ metadata: { name, labels = {} } }: KubernetesObject): Own {
    const known = this.#own.get(name);
    if (known) return known;
    const tenants = tenantsOf(this.#tenants, { name, labels });
    const own = { tenants, sharedGroups: [...new Set(tenants.flatMap(({ spec }) => spec.groups.hosts))] };
    this.#own.set(name, own);
    return own;
  }

  /** The labels of the namespace changed, or it is gone. */
  forget(namespace: string): void {
    this.#own.delete(namespace);
  }

  seatsOf(tenant: string): Seats {
    return this.#seats.get(tenant) ?? new Seats(0);
  }
}
