/** What a reconcile of a farm is given, and when what it began may not go on. */
import { setImmediate } from "node:timers/promises";
import { DirectoryError } from "../ad/error.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { isSame } from "../farm/journal.ts";
import type { Directory } from "../farm/observed.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import { getObject, type Resource } from "../kubernetes/resource.ts";
import type { FarmPorts } from "../reconciler/farm.ts";
import type { Context } from "./kind.ts";
import type { Tenancy } from "./tenancy.ts";

/**
 * Why what began to be done for the farm may not go on, `live` being the newest copy of it; undefined where it may. Somebody stopped it, or tenants do not say
 * what they said then: what they forbid in the middle of it would stay, since they revoke nothing.
 */
export function stopOf(farm: ServerFarm, live: ServerFarm | undefined, tenancy: Tenancy | undefined): string | undefined {
  if (live?.spec.suspend === true || live?.spec.managementPolicy === "Observe")
    return "the farm was suspended, or is only observed, meanwhile";
  if (tenancy && farm.metadata.deletionTimestamp === undefined && !tenancy.isSo(farm))
    return "what the domain's tenants allow the farm changed meanwhile";
  return undefined;
}

interface Begun {
  readonly kind: Resource<ServerFarm>;
  readonly farm: ServerFarm;
  readonly stopOf: () => string | undefined;
}

export function portsOf({ client, statuses }: Context, { kind, farm, stopOf }: Begun, directory: Directory): FarmPorts {
  const assertStands = (): void => {
    const stop = stopOf();
    if (stop !== undefined) throw new DirectoryError("Aborted", stop);
  };
  return {
    directory: { ...directory, apply: (change, signal, asker) => directory.apply(change, signal, { ...asker, assertStands }) },
    // The farm as it is now, not as the copy has it.
    assertFresh: async () => {
      const { name, namespace } = farm.metadata;
      const live = await getObject(client, kind, { name, ...(namespace === undefined ? {} : { namespace }) });
      if (!live || !isSame(live, farm) || stopOf() !== undefined)
        throw new KubernetesError("Conflict", `${keyOf(farm.metadata)} changed meanwhile`);
    },
    record: async (current, status) => (await statuses.write(kind, current, status)) ?? current,
    now: () => new Date(),
    pause: () => setImmediate(),
  };
}
