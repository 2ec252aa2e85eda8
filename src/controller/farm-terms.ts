/** What a farm is to be, by its manifest, by what its domain's tenants allow, and by those with whom it shares groups. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import type { Permission } from "../api/permission.ts";
import type { DomainFacts, SharingFarm, Wanted } from "../farm/desired-farm.ts";
import { desiredFarm } from "../farm/desired.ts";
import { sharesGroups } from "../farm/journal.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import type { Tenancy } from "./tenancy.ts";
import type { FarmsByGroup } from "./wake-index.ts";

export interface Others {
  readonly farms: Copies<ServerFarm>;
  readonly byGroup: FarmsByGroup;
  readonly tenancy: Pick<Tenancy, "look" | "sharedGroups">;
}

/** From now on what others do to its groups is told. */
export function wantedOf(farm: ServerFarm, permission: Permission, facts: DomainFacts, clusterId: string, others: Others): Wanted {
  const { farms, byGroup, tenancy } = others;
  const shares = sharesGroups(farm);
  byGroup.watch(keyOf(farm.metadata), shares);
  const granted = permission.kind === "Allowed" ? permission : undefined;
  if (!shares) return desiredFarm(farm, facts, clusterId, [], { granted });
  const sharing = byGroup.sharingWith(farm, farms, facts.baseDN).map((other) => asAllowed(other, others));
  return desiredFarm(farm, facts, clusterId, sharing, { granted, sharedGroups: tenancy.sharedGroups(farm) });
}

/** One that is not allowed keeps nobody in a group; what it put in stays on its record. */
function asAllowed(other: SharingFarm, { farms, tenancy }: Others): SharingFarm {
  const farm = farms.get(other.key);
  const permission = farm && tenancy.look(farm);
  if (!farm || !permission || permission.kind === "Open") return other;
  return {
    ...other,
    ...(permission.kind === "NotAllowed" ? { uses: undefined } : {}),
    granted: permission.kind === "Allowed" ? permission : undefined,
    sharedGroups: tenancy.sharedGroups(farm),
  };
}
