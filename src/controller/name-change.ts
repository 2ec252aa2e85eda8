/** Whoever has the name of an account now, nobody else's Pods may use a credential spec that names it. */
import { DirectoryError } from "../ad/error.ts";
import { SERVER_FARM, type ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { nameEvent } from "../credential-spec/events.ts";
import { ownerBy } from "../credential-spec/objects.ts";
import { accountOf, type PodDomain } from "../credential-spec/wanted.ts";
import type { Change } from "../farm/changes/index.ts";
import { nameEffect } from "../farm/lost-name.ts";
import type { FarmView } from "../farm/view.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import { sameName } from "../names/account-name.ts";
import { askerOf } from "../reconciler/farm.ts";
import type { Context } from "./kind.ts";
import type { PodFarms } from "./pod-farms.ts";
import type { PodObjects } from "./pod-objects.ts";
import { takeRight } from "./pod-steps.ts";

interface NameWorld extends Pick<Context, "log"> {
  readonly objects: Pick<PodObjects, "publishersOf" | "problem" | "read" | "apply" | "leads">;
  readonly farms: Pick<PodFarms, "get" | "domainOf" | "isObserved" | "publishersOf" | "stopOf">;
  readonly events: Pick<Context["events"], "record">;
}

type Cause = "Adoption" | "SpecChange";

export class NameGuard {
  readonly #world: NameWorld;

  constructor(world: NameWorld) {
    this.#world = world;
  }

  /** Whether the credential spec of another farm names the account that the farm was just seen to own. */
  hasRivals(farm: ServerFarm, { account, desired }: Pick<FarmView, "account" | "desired">): boolean {
    // Of one that was renamed in the directory the name may be somebody else's by right.
    const hasName = account.kind === "Own" && sameName(account.object.samAccountName, desired.account.samAccountName);
    const domain = hasName ? this.#world.farms.domainOf(farm) : undefined;
    return domain !== undefined && !this.#world.farms.isObserved(farm) && this.#rivalsOf(farm, domain).length > 0;
  }

  /** Keys of other farms whose credential spec names the farm's account. */
  #rivalsOf(farm: ServerFarm, domain: PodDomain): readonly string[] {
    const { objects, farms } = this.#world;
    const account = { ...accountOf(farm, domain), domainSID: domain.identity.domainSID };
    // As long as the specs cannot be seen, by what farms say of themselves.
    const isSeen = objects.problem === undefined || objects.problem.kind === "NotFound";
    const keys = new Set([...objects.publishersOf(account), ...(isSeen ? [] : farms.publishersOf(account))]);
    return [...keys].filter((key) => key !== keyOf(farm.metadata));
  }

  /**
   * Takes the right from all others, also from a farm that is suspended or only observed: that has no such account any more. Rejects with KubernetesError,
   * which says nothing of the other farm.
   */
  async takeFromRivals(farm: ServerFarm, cause: Cause = "SpecChange"): Promise<void> {
    const { objects, farms, events, log } = this.#world;
    const domain = farms.domainOf(farm);
    for (const key of domain ? this.#rivalsOf(farm, domain) : []) {
      const ways = { objects, askerOf: () => askerOf(farm, cause), stop: () => farms.stopOf(farm) };
      const { steps, left } = await takeRight(ownerBy(key), ways).catch((error: unknown) => {
        if (!(error instanceof KubernetesError) || error.kind === "Conflict") throw error;
        const seen = { farm: keyOf(farm.metadata), publisher: key, error: error.message };
        log.warn("the right to a credential spec could not be taken away", seen);
        throw withoutNames(error);
      });
      if (left) log.warn("a RoleBinding to a credential spec that is gone could not be deleted", { publisher: key, error: left.message });
      const rival = farms.get(key);
      if (rival && domain) for (const step of steps) events.record(SERVER_FARM, rival, nameEvent("Takes", step, accountOf(farm, domain)));
    }
  }

  /**
   * Makes a change of the farm in the directory, by `apply`. Before the farm gets a name, others lose the right: where that is not possible, the change is
   * not made. Once it has freed its own name, it loses the right itself, until its account is there again. Rejects with DirectoryError.
   */
  async apply(farm: ServerFarm, change: Change, apply: () => Promise<void>): Promise<void> {
    const effect = nameEffect(change);
    if (effect === "Takes") await this.takeFromRivals(farm, change.kind === "Adopt" ? "Adoption" : "SpecChange").catch(asOfDirectory);
    try {
      await apply();
    } catch (error) {
      const mayBeFree = effect === "Frees" && error instanceof DirectoryError && error.kind === "OutcomeUnknown";
      if (mayBeFree) await this.#takeOwnRight(farm);
      throw error;
    }
    if (effect === "Frees") await this.#takeOwnRight(farm);
  }

  /** The account is gone: whatever is refused here holds nothing up any more. */
  async #takeOwnRight(farm: ServerFarm): Promise<void> {
    const { objects, farms, events, log } = this.#world;
    const domain = farms.domainOf(farm);
    try {
      const ways = { objects, askerOf: () => askerOf(farm, "SpecChange"), stop: () => undefined };
      const { steps, left } = await takeRight(ownerBy(keyOf(farm.metadata)), ways);
      if (domain) for (const step of steps) events.record(SERVER_FARM, farm, nameEvent("Frees", step, accountOf(farm, domain)));
      if (left) throw left;
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      const seen = { farm: keyOf(farm.metadata), error: error.message };
      log.warn("the right to the farm's own credential spec could not be taken away", seen);
    }
  }
}

/** What the API server says names the other farm, which is perhaps none of this one's business. */
function withoutNames({ kind, status }: KubernetesError): KubernetesError {
  const message = `a credential spec of another farm names this account, and the operator cannot delete that spec (${kind}; the operator's log says which). The operator tries again`;
  return new KubernetesError(kind, message, { status });
}

/** The change is not made. After a Conflict all of it is looked at again. */
function asOfDirectory(error: unknown): never {
  if (!(error instanceof KubernetesError)) throw error;
  throw new DirectoryError(error.kind === "Conflict" ? "Aborted" : "NotSent", error.message, { cause: error });
}
