/** What the API server will not take of a farm, and how a farm is let go. */
import { FARM_FINALIZER } from "../api/annotations.ts";
import type { EventDraft } from "../api/event.ts";
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { leavingStatus, unknownStatus, unrecordedEvent, unrecordedStatus } from "../farm/status/not-looked.ts";
import { isRefusal, KubernetesError } from "../kubernetes/api-error.ts";
import { removeFinalizer, type Resource } from "../kubernetes/resource.ts";
import { DOMAINS } from "./domain.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import type { Context } from "./kind.ts";

type To = Pick<Context, "client" | "statuses" | "events" | "log">;

/**
 * A reconcile that failed says so on the farm: a mistake of the program, or what the API server will not have written down; that as far as it can be
 * said, since the status may be what was refused.
 */
export async function sayFailed(
  { statuses, events, log }: Pick<Context, "statuses" | "log"> & { readonly events: Pick<Context["events"], "record"> },
  kind: Resource<ServerFarm>,
  farm: ServerFarm,
  error: unknown,
): Promise<void> {
  const refusal = error instanceof KubernetesError ? error : undefined;
  if (refusal && !isRefusal(refusal)) return;
  if (refusal) events.record(kind, farm, unrecordedEvent(refusal.message));
  const message = `the operator failed: ${String(error)}. The operator tries again. Report this with the operator's log.`;
  const now = new Date();
  const status = refusal ? unrecordedStatus(farm, refusal.message, now) : unknownStatus(farm, "InternalError", message, now);
  try {
    await statuses.write(kind, farm, status);
  } catch (failure) {
    // What failed at first is what has to be known.
    if (!(failure instanceof KubernetesError)) throw failure;
    log.debug("the status was not written", { farm: keyOf(farm.metadata), error: failure.message });
  }
}

/** Takes the finalizer from a farm of which nothing is left to be done. */
export async function letGo(
  { client, statuses, events }: To,
  kind: Resource<ServerFarm>,
  farm: ServerFarm,
  drafts: readonly EventDraft[],
): Promise<void> {
  for (const draft of drafts) events.record(kind, farm, draft);
  const status = leavingStatus(farm, new Date());
  // First: should the finalizer be refused, nobody may take the farm for one that is still in place.
  if (status) await statuses.writeUnlessGone(kind, farm, status);
  await removeFinalizer(client, kind, farm, FARM_FINALIZER);
}

/** The domain's owner is told what the farm is not. Each namespace has its own share of the domain's Events. */
export function tellOwner({ events, log }: To, domains: Copies<ActiveDirectoryDomain>, farm: ServerFarm, draft: EventDraft): void {
  const domain = domains.get(farm.spec.domainRef.name);
  if (domain) events.record(DOMAINS, domain, draft, farm.metadata.namespace);
  log.info("the farm's status leaves a part out", { farm: keyOf(farm.metadata), message: draft.message });
}
