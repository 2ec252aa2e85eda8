/** Farms by what they use: a domain, or a group of somebody else that others use too. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { SharingFarm } from "../farm/desired-farm.ts";
import { sharingFarm } from "../farm/sharing.ts";
import type { Copies } from "../kubernetes/reflector.ts";

export function farmsOf(domain: string, farms: Copies<ServerFarm>): readonly ServerFarm[] {
  return farms.list().filter(({ spec }) => spec.domainRef.name === domain);
}

/** Other farms of the farm's domain that use existing host groups. */
export function farmsSharingWith({ metadata, spec }: ServerFarm, farms: Copies<ServerFarm>, baseDN: string): readonly SharingFarm[] {
  return farmsOf(spec.domainRef.name, farms)
    .filter((other) => other.metadata.uid !== metadata.uid)
    .flatMap((other) => sharingFarm(other, baseDN) ?? []);
}
