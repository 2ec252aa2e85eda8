/** Farms and their domains, as far as they decide what is published for Pods. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { accountKey, type NamedAccount, type Owner } from "../credential-spec/objects.ts";
import { accountOf, type PodDomain } from "../credential-spec/wanted.ts";
import { brakeOf } from "../domain/brake.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { assertLive, getObject, type Resource } from "../kubernetes/resource.ts";
import type { DomainKind } from "./domain.ts";
import { podDomainOf } from "./domain-access.ts";

export interface PodFarmsOptions {
  readonly client: KubernetesClient;
  /** The kind of farms, for live reads. */
  readonly kind: Resource<ServerFarm>;
  readonly farms: Copies<ServerFarm>;
  readonly domains: Pick<DomainKind, "objects" | "access">;
  readonly wake: (farm: string) => void;
  /** Why what began to be done for the farm may not go on. */
  readonly stopOf: (farm: ServerFarm) => string | undefined;
}

export class PodFarms {
  readonly #options: PodFarmsOptions;

  constructor(options: PodFarmsOptions) {
    this.#options = options;
  }

  get(key: string): ServerFarm | undefined {
    return this.#options.farms.get(key);
  }

  wake(key: string): void {
    this.#options.wake(key);
  }

  /** All that ask for something. */
  wakeAll(): void {
    for (const farm of this.#options.farms.list()) if (farm.spec.pods) this.wake(keyOf(farm.metadata));
  }

  /** Keys of farms that say that they publish the account: all farms are looked through. */
  publishersOf(account: NamedAccount & { readonly domainSID: string | undefined }): readonly string[] {
    const isOf = (farm: ServerFarm): boolean => {
      const domain = farm.status?.pods && this.domainOf(farm);
      const sid = domain?.identity.domainSID;
      if (sid !== undefined && account.domainSID !== undefined && sid !== account.domainSID) return false;
      return domain !== undefined && accountKey(accountOf(farm, domain)) === accountKey(account);
    };
    return this.#options.farms.list().flatMap((farm) => (isOf(farm) ? [keyOf(farm.metadata)] : []));
  }

  /** Live. Rejects with KubernetesError. */
  read(place: Pick<Owner, "namespace" | "name">): Promise<ServerFarm | undefined> {
    return getObject(this.#options.client, this.#options.kind, place);
  }

  /** Rejects with a Conflict where the farm that the API server has is not so any more. */
  async assertStill(farm: ServerFarm, isStill: (live: ServerFarm) => boolean): Promise<void> {
    await assertLive(this.#options.client, this.#options.kind, farm, isStill);
  }

  /** Undefined where there is none. */
  domainOf(farm: ServerFarm): PodDomain | undefined {
    return podDomainOf(farm, this.#options.domains);
  }

  isObserved({ spec }: ServerFarm): boolean {
    return (
      spec.managementPolicy === "Observe" || this.#options.domains.objects.get(spec.domainRef.name)?.spec.managementPolicy === "Observe"
    );
  }

  /** The brake of the domain holds between two writes, too. */
  stopOf(farm: ServerFarm): string | undefined {
    const domain = this.#options.domains.objects.get(farm.spec.domainRef.name);
    const isBraked = domain !== undefined && brakeOf(domain.spec) !== undefined;
    return isBraked ? "the domain was suspended or set to Observe in the meantime" : this.#options.stopOf(farm);
  }
}
