/** What the metrics and the log say of a farm. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { objectOf } from "../farm/changes/index.ts";
import type { Report } from "../farm/report.ts";
import type { FarmMetrics } from "../telemetry/object-metrics.ts";
import type { Context } from "./kind.ts";

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

/** What was done is counted and logged, however the reconcile ended. */
export function countReport(
  { metrics, log }: Pick<Context, "metrics" | "log">,
  { metadata, spec }: ServerFarm,
  { applied, failures, error }: Report,
): void {
  for (const { kind } of applied) metrics.changed(spec.domainRef.name, kind);
  const [farm, changes] = [keyOf(metadata), applied.map((change) => `${change.kind} ${objectOf(change)}`)];
  // The end of the program, or of its lead, is no failure of the directory.
  if (error?.kind === "Aborted") return;
  for (const { change, error: refused } of failures) {
    log.warn("the directory refused a change", { farm, change: change.kind, object: objectOf(change), error: refused.message });
  }
  if (error) log.warn("the directory failed", { farm, changes, error: error.message });
  else if (changes.length > 0) log.info("changed the directory", { farm, changes });
  else log.debug("nothing to change", { farm });
}
