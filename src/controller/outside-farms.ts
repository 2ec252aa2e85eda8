/** Farms in namespaces that this operator does not watch, but that bear its finalizer: they are said, for nobody may be there to let them go. */
import { FARM_FINALIZER } from "../api/annotations.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import type { Resource } from "../kubernetes/resource.ts";
import type { Log } from "../telemetry/log.ts";
import { FARMS } from "./farm.ts";

/** Of a farm that is only counted. */
export const COUNTED_FARMS: Resource<ServerFarm> = { ...FARMS, keep: ({ status: _status, ...farm }) => farm };

/** Changes are said together after this long (ms). */
const TOGETHER = 2000;

/** Once for each state: how many there are, by namespace. */
export function sayOutside(farms: Copies<ServerFarm>, watchNamespaces: readonly string[], log: Log): void {
  if (watchNamespaces.length === 0) return;
  const watched = new Set(watchNamespaces);
  let said = "{}";
  let timer: NodeJS.Timeout | undefined;
  const say = (): void => {
    timer = undefined;
    const outside = farms
      .list()
      .filter(({ metadata }) => !watched.has(metadata.namespace ?? "") && metadata.finalizers?.includes(FARM_FINALIZER) === true);
    const byNamespace = Map.groupBy(outside, ({ metadata }) => metadata.namespace ?? "");
    const namespaces = Object.fromEntries([...byNamespace].map(([name, { length }]) => [name, length]));
    const text = JSON.stringify(namespaces);
    if (text === said) return;
    said = text;
    if (outside.length === 0) log.info("no farm outside watchNamespaces has the finalizer any more");
    else
      log.warn("farms outside watchNamespaces have the finalizer: it stays until an operator that watches their namespaces removes it", {
        namespaces: text,
      });
  };
  farms.subscribe(() => {
    timer ??= setTimeout(say, TOGETHER).unref();
  });
}
