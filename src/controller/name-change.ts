/** Before the name of an account changes hands, nobody may use a credential spec that names it. */
import { SERVER_FARM, type ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { nameEvent } from "../credential-spec/events.ts";
import { ownerBy } from "../credential-spec/objects.ts";
import { accountOf, type PodDomain } from "../credential-spec/wanted.ts";
import type { Change } from "../farm/changes/index.ts";
import { nameEffect } from "../farm/lost-name.ts";
import { isRefusal, KubernetesError } from "../kubernetes/api-error.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { askerOf } from "../reconciler/farm.ts";
import type { Context } from "./kind.ts";
import type { PodObjects } from "./pod-objects.ts";
import { takeRight } from "./pod-steps.ts";

interface World extends Pick<Context, "log"> {
  readonly objects: Pick<PodObjects, "publishersOf" | "read" | "apply" | "leads">;
  readonly farms: Pick<Copies<ServerFarm>, "get">;
  readonly events: Pick<Context["events"], "record">;
  readonly domain: PodDomain;
  /** Why nothing more may be written for the farm. */
  readonly stop: () => string | undefined;
}

/**
 * Called right before the change is made. A farm that is about to get the name takes the right from all others, also from one that is suspended or observed:
 * that has no such account any more. Rejects with KubernetesError.
 */
export async function beforeChange(farm: ServerFarm, change: Change, { objects, farms, events, log, domain, stop }: World): Promise<void> {
  const effect = nameEffect(change);
  if (!effect) return;
  const [own, account] = [keyOf(farm.metadata), accountOf(farm, domain)];
  const keys = effect === "Frees" ? [own] : objects.publishersOf(account).filter((key) => key !== own);
  const ways = { objects, askerOf: () => askerOf(farm, change.kind === "Adopt" ? "Adoption" : "SpecChange"), stop };
  for (const key of keys) {
    const steps = await takeRight(ownerBy(key), ways).catch((error: unknown) => {
      if (key === own || !(error instanceof KubernetesError) || !isRefusal(error)) throw error;
      log.warn("the right to a credential spec could not be taken away", { farm: own, publisher: key, error: error.message });
      throw withoutNames(error);
    });
    const publisher = farms.get(key);
    if (publisher) for (const step of steps) events.record(SERVER_FARM, publisher, nameEvent(effect, step, account));
  }
}

/** What the API server says names the other farm, which is perhaps none of this one's business. */
function withoutNames({ kind, status }: KubernetesError): KubernetesError {
  const message = `a credential spec of another farm names this account, and the operator cannot delete the RoleBinding that gives the right to it (${kind}; the operator's log says which)`;
  return new KubernetesError(kind, message, { status });
}
