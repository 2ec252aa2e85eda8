/** What is done for a farm besides bringing it about: its end, and what is left to do for one that tenants do not allow. */
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import type { Permission } from "../api/permission.ts";
import { desiredFarm } from "../farm/desired.ts";
import type { DesiredFarm, DomainFacts, Elsewhere, SharingFarm, Terms, Wanted } from "../farm/desired-farm.ts";
import { frozenFarm, hasToTakeOut } from "../farm/frozen.ts";
import { leftBehind } from "../farm/handover.ts";
import type { Directory } from "../farm/observed.ts";
import { lookupKeys } from "../farm/queries.ts";
import { hasFailed, type Report } from "../farm/report.ts";
import type { Withheld } from "../farm/status/allowed.ts";
import { withheldOutcome } from "../farm/status/frozen.ts";
import type { FarmView } from "../farm/view.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { decommissionFarm } from "../reconciler/decommission.ts";
import type { FarmPorts } from "../reconciler/work.ts";
import { reconcileFrozen } from "../reconciler/frozen.ts";
import type { DeletionBudgets } from "./deletion-budget.ts";
import type { ReadyDomain } from "./domain-access.ts";
import type { Result } from "./kind.ts";
import type { Pods } from "./pods.ts";
import type { Tenancy } from "./tenancy.ts";
import type { FarmsByGroup, WakeIndex } from "./wake-index.ts";

/** How the kind does it. */
export interface FarmOps {
  readonly wakes: WakeIndex;
  readonly byGroup: FarmsByGroup;
  readonly budgets: DeletionBudgets;
  readonly pods: Pods;
  ports(farm: ServerFarm, directory: Directory): FarmPorts;
  count(farm: ServerFarm, report: Report): void;
  /** `view`: of the look that gave to say it; undefined after an error: what was seen is as old as the look before it. */
  write(farm: ServerFarm, status: ServerFarmStatus, events: readonly EventDraft[], result: Result, view?: FarmView): Promise<Result>;
  tell(farm: ServerFarm, drafts: readonly EventDraft[]): void;
  /** After a while, and ever more rarely. `resync`: of the domain, where the change feed is relied on as far as it tells. */
  recheck(key: string, report: Report, resync?: number): Result;
  release(farm: ServerFarm, events: readonly EventDraft[]): Promise<Result>;
}

/** A farm with something in its way is looked at again after so long (ms) at most. */
const RAREST = 600_000;

/**
 * After how long (ms) at most. A farm that only waits for computers, by their names, can rely on the feed until the resync: it tells when they come. It tells
 * nothing of rights and containers, nor of computers below a container that is renamed; nor does it tell an ordinary account what was deleted, so that whoever holds a name may be gone unseen.
 */
export function rarestRecheck({ view, plan, failures, error }: Report, resync = 0): number {
  if (!view || !plan || error || failures.length + plan.changes.length + plan.later.length > 0) return RAREST;
  const isTold =
    view.observed.unreadable.length === 0 &&
    plan.blockers.every(({ reason, computer = "=" }) => reason === "HostNotFound" && !computer.includes("="));
  return isTold ? Math.max(RAREST, resync) : RAREST;
}

function retry(report: Report): Result {
  return { kind: "Retry", failed: hasFailed(report) };
}

export async function endFarm(
  ops: FarmOps,
  farm: ServerFarm,
  desired: DesiredFarm,
  directory: Directory,
  signal: AbortSignal,
): Promise<Result> {
  const claimEnd = (): ReturnType<DeletionBudgets["claim"]> => ops.budgets.claim(farm);
  const withdraw = async (): Promise<void> => ops.tell(farm, await ops.pods.withdraw(farm));
  const ports = { ...ops.ports(farm, directory), claimEnd, withdraw };
  const { report, end } = await decommissionFarm(farm, desired, ports, signal);
  ops.count(farm, report);
  switch (end.kind) {
    case "Aborted":
      ops.tell(farm, end.events);
      return { kind: "Retry" };
    case "Remains":
      return await ops.write(farm, end.status, end.events, end.retryable ? retry(report) : ops.recheck(keyOf(farm.metadata), report));
    case "Gone":
      if (report.view) ops.byGroup.left.add(farm, leftBehind(report.view));
      return await ops.release(farm, end.events);
  }
}

/** Nothing is looked up for a farm that gets nothing, and that nothing has to be taken from. Undefined where something may have to be. */
export async function withhold(ops: FarmOps, farm: ServerFarm, withheld: Withheld): Promise<Result | undefined> {
  if (hasToTakeOut(farm)) return undefined;
  const key = keyOf(farm.metadata);
  ops.wakes.remove(key);
  ops.byGroup.watch(key, false);
  const { status, events } = withheldOutcome(farm, withheld, new Date());
  return await ops.write(farm, status, events, { kind: "Done" });
}

export async function takeOut(
  ops: FarmOps,
  farm: ServerFarm,
  { desired: wanted, withheld }: { readonly desired: DesiredFarm; readonly withheld: Withheld },
  { directory, feed, later }: Pick<ReadyDomain, "directory" | "feed" | "later">,
  signal: AbortSignal,
): Promise<Result> {
  const key = keyOf(farm.metadata);
  ops.wakes.add(key, lookupKeys(frozenFarm(farm, wanted), undefined));
  const { desired, report, end } = await reconcileFrozen(farm, wanted, withheld, ops.ports(farm, directory), signal);
  const { objects = [], computers = [] } = report.view?.observed ?? {};
  ops.wakes.set(key, lookupKeys(desired, report.view?.observed), [...objects, ...computers], feed);
  ops.count(farm, report);
  if (end.kind === "Aborted") {
    ops.tell(farm, end.events);
    return { kind: "Retry" };
  }
  const again = end.retryable ? retry(report) : hasFailed(report) ? ops.recheck(key, report) : later;
  return await ops.write(farm, end.status, end.events, again, report.error ? undefined : report.view);
}

interface Others {
  readonly sharing: readonly SharingFarm[];
  readonly elsewhere: Elsewhere | undefined;
  readonly farms: Copies<ServerFarm>;
  readonly tenancy: Tenancy;
}

/** In a domain with tenants. */
export function allowedFarm(
  farm: ServerFarm,
  permission: Permission,
  facts: DomainFacts,
  clusterId: string,
  { sharing, elsewhere, farms, tenancy }: Others,
): Wanted {
  const users: Elsewhere["users"] = (objectGUID) => asAllowed(elsewhere?.users(objectGUID) ?? [], farms, tenancy);
  const terms = { ...termsOf(farm, permission, tenancy), elsewhere: elsewhere && { ...elsewhere, users } };
  return desiredFarm(farm, facts, clusterId, asAllowed(sharing, farms, tenancy), terms);
}

/** What tenants allow a farm now. */
function termsOf(farm: ServerFarm, permission: Permission, tenancy: Tenancy): Terms {
  const granted = permission.kind === "Allowed" ? permission : undefined;
  return { now: Date.now(), granted, sharedGroups: tenancy.sharedGroups(farm) };
}

/** Other farms as tenants have them: one that is not allowed keeps nobody in a group; what it put in stays on its record. */
function asAllowed(sharing: readonly SharingFarm[], farms: Copies<ServerFarm>, tenancy: Tenancy): readonly SharingFarm[] {
  return sharing.map((other) => {
    const farm = farms.get(other.key);
    const permission = farm && tenancy.look(farm);
    if (!farm || !permission || permission.kind === "Open") return other;
    return {
      ...other,
      ...(permission.kind === "NotAllowed" ? { uses: undefined } : {}),
      granted: permission.kind === "Allowed" ? permission : undefined,
      sharedGroups: tenancy.sharedGroups(farm),
    };
  });
}
