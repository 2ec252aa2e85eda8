/** The plan of one farm, by the operator's own look and plan. Nothing is written. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { Permission } from "../api/permission.ts";
import type { Brake } from "../ad/domain.ts";
import type { Part } from "../api/reasons.ts";
import { allowedFarm } from "../controller/farm-ops.ts";
import { brakeOf } from "../domain/brake.ts";
import { describeChange, type Plan } from "../farm/changes/index.ts";
import type { PlannedChange } from "../farm/changes/entry.ts";
import { desiredFarm } from "../farm/desired.ts";
import type { DomainFacts, Wanted } from "../farm/desired-farm.ts";
import { hasToTakeOut } from "../farm/frozen.ts";
import { sharesGroups } from "../farm/journal.ts";
import type { Directory } from "../farm/observed.ts";
import type { Report } from "../farm/report.ts";
import { decommissionFarm } from "../reconciler/decommission.ts";
import { reconcileFarm } from "../reconciler/farm.ts";
import { reconcileFrozen } from "../reconciler/frozen.ts";
import type { FarmPorts } from "../reconciler/work.ts";
import { permissionOf, type PlanWorld } from "./plan-world.ts";

interface Problem {
  readonly part?: Part;
  readonly reason: string;
  readonly message: string;
}

export interface FarmPlan {
  readonly namespace: string;
  readonly name: string;
  /** In the order in which the operator makes them. */
  readonly changes: readonly PlannedChange[];
  /** What keeps the rest from being done. */
  readonly problems: readonly Problem[];
  /** Why the operator does not make the changes now. */
  readonly held?: string;
}

export interface Planning {
  readonly world: PlanWorld;
  readonly facts: DomainFacts;
  /** Of the user's own bind. */
  readonly directory: Pick<Directory, "observe" | "made">;
}

/** Nothing gets past a look: these are the operator's ports without one that writes. Which rights the operator's account lacks only that account can ask. */
function portsOf({ observe, made }: Planning["directory"]): FarmPorts {
  const refuse = (): Promise<never> => Promise.reject(new Error("a plan writes nothing"));
  const directory: Directory = {
    observe: async (...question) => {
      const { uncreatable = new Map(), ...observed } = await observe(...question);
      return { ...observed, uncreatable: new Map([...uncreatable].filter(([, { kind }]) => kind !== "CreateChild")) };
    },
    made,
    apply: refuse,
    lacks: () => Promise.resolve([]),
  };
  return { directory, assertFresh: refuse, record: refuse, now: () => new Date() };
}

/** As the operator reads it. */
function wantedIn({ byGroup, farms, tenancy, cluster }: PlanWorld, farm: ServerFarm, permission: Permission, facts: DomainFacts): Wanted {
  const sharing = sharesGroups(farm) ? byGroup.sharingWith(farm, farms, facts.baseDN) : [];
  const elsewhere = byGroup.elsewhere(farm, farms, facts.baseDN);
  if (!tenancy) return desiredFarm(farm, facts, cluster, sharing, { now: Date.now(), elsewhere });
  return allowedFarm(farm, permission, facts, cluster, { sharing, elsewhere, farms, tenancy });
}

/** Rejects with DirectoryError. */
export async function planFarm(farm: ServerFarm, { world, facts, directory }: Planning): Promise<FarmPlan> {
  const { namespace = "", name, deletionTimestamp } = farm.metadata;
  const held = heldBy(farm, brakeOf(world.domain.spec));
  const planOf = (changes: readonly PlannedChange[], problems: readonly Problem[]): FarmPlan => ({
    namespace,
    name,
    changes,
    // What waits for a change of this plan is no problem of its own.
    problems: problems.filter(({ reason }) => changes.length === 0 || reason !== "ChangesPending"),
    ...(held === undefined ? {} : { held }),
  });
  const ending = deletionTimestamp !== undefined;
  const permission: Permission = ending ? { kind: "Open" } : await permissionOf(world, farm);
  const withheld = permission.kind === "NotAllowed" || permission.kind === "Unknown" ? permission : undefined;
  const refused: readonly Problem[] = withheld
    ? [{ reason: withheld.kind === "NotAllowed" ? "NotAllowed" : "Progressing", message: withheld.message }]
    : [];
  if (withheld && !hasToTakeOut(farm)) return planOf([], refused);
  const { desired: wanted, problems } = wantedIn(world, farm, permission, facts);
  if (!ending && !withheld && problems.length > 0) return planOf([], problems);
  const desired = { ...wanted, observedFor: wanted.observedFor ?? ("Farm" as const) };
  const ports = portsOf(directory);
  const { signal } = new AbortController();
  const { report } = ending
    ? await decommissionFarm(farm, desired, { ...ports, claimEnd: () => Promise.resolve(undefined) }, signal)
    : withheld
      ? await reconcileFrozen(farm, desired, withheld, ports, signal)
      : await reconcileFarm(farm, desired, ports, signal);
  const plan = planIn(report);
  return planOf(
    [...plan.changes, ...plan.later].flatMap((change) => describeChange(change)),
    [...refused, ...plan.blockers.map(problemOf)],
  );
}

function planIn({ plan, error }: Report): Plan {
  if (error) throw error;
  if (plan) return plan;
  throw new Error("the look at the directory led to no plan");
}

function problemOf({ part, reason, message }: Plan["blockers"][number]): Problem {
  return { part, reason, message };
}

/** Why the operator does not make the changes now. `brake`: that of the domain, where it is known. */
export function heldBy({ spec }: ServerFarm, brake: Brake | undefined): string | undefined {
  if (brake === "Suspend") return "The domain is suspended: nothing is done until spec.suspend of the ActiveDirectoryDomain is false.";
  if (spec.suspend) return "The farm is suspended: nothing is done until spec.suspend is false.";
  if (brake === "Observe") return "The managementPolicy of the domain is Observe: the operator writes nothing.";
  return spec.managementPolicy === "Observe" ? "The managementPolicy of the farm is Observe: the operator writes nothing." : undefined;
}
