/** What the metrics say of a farm. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import type { DomainAccess } from "./domain-access.ts";
import type { FarmMetrics } from "../telemetry/object-metrics.ts";

/** `access`: how the domains are reached. */
export function metricsOf(farms: Copies<ServerFarm>, access: ReadonlyMap<string, DomainAccess>): Iterable<FarmMetrics> {
  return farms
    .list()
    .values()
    .map((farm) => metricsOfOne(farm, access.get(farm.spec.domainRef.name)));
}

/** Read from its status, and from how its domain is reached. */
function metricsOfOne({ metadata, spec, status }: ServerFarm, domain: DomainAccess | undefined): FarmMetrics {
  const next = status?.account?.passwordNextChange;
  const { desired, granted, search, held = 0 } = status?.hosts ?? {};
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    domain: spec.domainRef.name,
    suspended: spec.suspend || domain?.kind === "Suspended",
    conditions: status?.conditions ?? [],
    hosts: desired === undefined || granted === undefined ? undefined : { desired, granted },
    search: search === undefined ? undefined : { found: search, held },
    // Nobody asks for the password of a disabled account, so it does not change.
    passwordNextChange: next === undefined || !spec.account.enabled ? undefined : Date.parse(next) / 1000,
  };
}
