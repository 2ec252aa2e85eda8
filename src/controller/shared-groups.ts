/** Farms that use the same group of somebody else: who else wants a host there, and who answers for it from now on. */
import { sharingFarm, type DesiredFarm, type SharingFarm } from "../farm/desired.ts";
import { handOvers } from "../farm/host-group.ts";
import { memoryOf, withAdded } from "../farm/journal.ts";
import type { ObservedFarm } from "../ad/object.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { patchStatus } from "../kubernetes/resource.ts";
import { type Cluster, FARMS, UNSEEN } from "./cluster.ts";

/** Other farms of the domain that use existing host groups; asked only for a farm that does, or did. */
export function farmsSharingWith({ metadata, spec, status }: ServerFarm, cluster: Cluster, baseDN: string): readonly SharingFarm[] {
  if (spec.hosts.group?.existing !== true && memoryOf(status).hostGroups.length === 0) return [];
  return cluster
    .farmsOf(spec.domainRef.name)
    .filter((other) => other.metadata.uid !== metadata.uid)
    .flatMap((other) => sharingFarm(other, baseDN) ?? []);
}

/**
 * Hosts that this farm put into a group and does not want there any more become those of a farm that still does: it is written down there, and
 * nothing is written to the directory. Returns the keys of these farms. Rejects with KubernetesError, a Conflict where the other farm has changed.
 */
export async function handOverHosts(
  client: KubernetesClient,
  cluster: Cluster,
  desired: DesiredFarm,
  observed: ObservedFarm,
): Promise<readonly string[]> {
  const given = handOvers(desired, observed);
  for (const handOver of given) {
    const heir = cluster.farm(handOver.farm);
    if (!heir) throw new KubernetesError("Conflict", `${handOver.farm} is gone`);
    await patchStatus(client, FARMS, heir, withAdded(heir.status ?? UNSEEN, handOver));
  }
  return given.map(({ farm }) => farm);
}
