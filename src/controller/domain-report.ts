/** What a domain's status, Events and metrics say of it. */
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { Brake } from "../ad/domain.ts";
import { observingFindings, suspendedFindings } from "../domain/brake.ts";
import { deletionBlockedEvent, domainEvents, domainFindings, domainStatus } from "../domain/findings.ts";
import type { DiscoveryNote } from "../directory/discovery.ts";
import type { DomainState } from "../domain/state.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { pollOf } from "./domain-settings.ts";
import type { Context } from "./kind.ts";

/** Of the request to the API server (ms): the domain is not asked what changed before it has ended. */
const PATIENCE = { timeout: 5000 };

interface Reported {
  readonly state: DomainState;
  readonly connection: { readonly lastPoll: number | undefined; readonly notes: readonly DiscoveryNote[] };
  readonly brake: { readonly holds: Brake | undefined };
}

export async function reportDomain(
  { statuses, events, metrics }: Pick<Context, "statuses" | "events" | "metrics">,
  kind: Resource<ActiveDirectoryDomain>,
  domain: ActiveDirectoryDomain,
  { state, connection, brake }: Reported,
  farms: ReadonlySet<string>,
): Promise<void> {
  const now = new Date();
  const { holds } = brake;
  const seen = holds === "Suspend" ? suspendedFindings(domain) : domainFindings(state.view, now);
  const drafts = holds === "Observe" ? observingFindings(domain, seen) : seen;
  if (domain.metadata.deletionTimestamp !== undefined && farms.size > 0 && state.deletionSaid !== farms.size) {
    state.deletionSaid = farms.size;
    events.record(kind, domain, deletionBlockedEvent([...farms]));
  }
  for (const { reason, message } of connection.notes) {
    if (state.notesSaid.get(reason) !== message) events.record(kind, domain, { type: "Warning", reason, message });
  }
  state.notesSaid = new Map(connection.notes.map(({ reason, message }) => [reason, message]));
  const status = domainStatus(domain, state.view, drafts, farms.size, now);
  metrics.objects.domain({
    domain: domain.metadata.name,
    conditions: status.conditions ?? [],
    pollInterval: pollOf(domain) / 1000,
    lastPoll: connection.lastPoll,
    clockSkew: state.view.kind === "Connected" ? state.view.observation.clockSkew : undefined,
    brake: holds,
  });
  const written = await statuses.write(kind, domain, status, PATIENCE);
  if (written === undefined) return;
  for (const draft of domainEvents(domain, drafts)) events.record(kind, domain, draft);
}
