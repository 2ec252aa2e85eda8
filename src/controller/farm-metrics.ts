/** What the metrics say of a farm. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { FarmMetrics } from "../telemetry/object-metrics.ts";

/** Read from its status alone. */
export function metricsOf({ metadata, spec, status }: ServerFarm): FarmMetrics {
  const next = status?.account?.passwordNextChange;
  const { desired, granted } = status?.hosts ?? {};
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    domain: spec.domainRef.name,
    suspended: spec.suspend,
    conditions: status?.conditions ?? [],
    hosts: desired === undefined || granted === undefined ? undefined : { desired, granted },
    passwordNextChange: next === undefined ? undefined : Date.parse(next) / 1000,
  };
}
