/** Farms that use the same group of somebody else: who else wants a host there, and who answers for it from now on. */
import { sharingFarm, type SharingFarm } from "../farm/host-source.ts";
import { readJournal, withAdded } from "../farm/journal.ts";
import type { Transfer } from "../farm/transfer.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { patchStatus } from "../kubernetes/resource.ts";
import { UNSEEN } from "../reconciler/farm.ts";
import { type Cluster, FARMS } from "./cluster.ts";

/** Other farms of the domain that use existing host groups; asked only for a farm that does, or did. */
export function farmsSharingWith({ metadata, spec, status }: ServerFarm, cluster: Cluster, baseDN: string): readonly SharingFarm[] {
  if (spec.hosts.group?.existing !== true && readJournal(status).hostGroups.length === 0) return [];
  return cluster
    .farmsOf(spec.domainRef.name)
    .filter((other) => other.metadata.uid !== metadata.uid)
    .flatMap((other) => sharingFarm(other, baseDN) ?? []);
}

/** Writes down at each recipient which hosts are its own from now on. Rejects with KubernetesError, a Conflict where it has changed. */
export async function transferHosts(client: KubernetesClient, cluster: Cluster, transfers: readonly Transfer[]): Promise<void> {
  for (const transfer of transfers) {
    const recipient = cluster.farm(transfer.recipient);
    if (!recipient) throw new KubernetesError("Conflict", `${transfer.recipient} is gone`);
    await patchStatus(client, FARMS, recipient, withAdded(recipient.status ?? UNSEEN, transfer));
  }
}
