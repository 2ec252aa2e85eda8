/** Before the name of an account becomes somebody else's, nobody may use a credential spec that names it. */
import { SERVER_FARM, type ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { nameChangeEvent } from "../credential-spec/events.ts";
import { ownerBy } from "../credential-spec/objects.ts";
import { accountOf, type PodDomain } from "../credential-spec/wanted.ts";
import type { Change } from "../farm/changes/index.ts";
import { nameChange } from "../farm/lost-name.ts";
import { isRefusal, KubernetesError } from "../kubernetes/api-error.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { askerOf } from "../reconciler/asker.ts";
import type { Context } from "./kind.ts";
import type { PodObjects } from "./pod-objects.ts";
import { takeRight } from "./pod-steps.ts";

interface World {
  readonly objects: Pick<PodObjects, "publishersOf" | "read" | "apply" | "leads">;
  readonly farms: Copies<ServerFarm>;
  readonly events: Pick<Context["events"], "record">;
  readonly domain: PodDomain;
  /** Why nothing more may be written for the farm. */
  readonly stop: () => string | undefined;
}

/**
 * Called right before the change is made. Whoever is about to get the name takes the right from all others, also from a farm that is suspended or observed:
 * that has no such account any more. Rejects with KubernetesError.
 */
export async function beforeChange(farm: ServerFarm, change: Change, { objects, farms, events, domain, stop }: World): Promise<void> {
  const name = nameChange(change);
  if (!name) return;
  const [own, account] = [keyOf(farm.metadata), accountOf(farm, domain)];
  const keys = name === "Frees" ? [own] : objects.publishersOf(account).filter((key) => key !== own);
  const ways = { objects, askerOf: () => askerOf(farm, "SpecChange"), stop };
  for (const key of keys) {
    const steps = await takeRight({ ...ownerBy(key), uid: "" }, ways).catch(withoutNames);
    const publisher = farms.get(key);
    if (publisher) for (const step of steps) events.record(SERVER_FARM, publisher, nameChangeEvent(step, account));
  }
}

/** What the API server says names the other farm, which is perhaps none of this one's business: that is in the audit log. */
function withoutNames(error: unknown): never {
  if (!(error instanceof KubernetesError) || !isRefusal(error)) throw error;
  const { kind, status } = error;
  throw new KubernetesError(kind, `the RoleBinding of a credential spec that has the name of this account cannot be deleted (${kind})`, {
    status,
  });
}
