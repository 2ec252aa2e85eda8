/** What a farm's status remembers of whom the manifest means. */
import type { ServerFarm, ServerFarmStatus } from "../../api/generated/server-farm.ts";
import type { ResolvedHosts } from "../looked.ts";

export function recordsOf({ records, search }: ResolvedHosts): Pick<ServerFarmStatus, "resolvedHosts" | "hostSearch"> {
  return { ...(records.length > 0 ? { resolvedHosts: records } : {}), ...(search ? { hostSearch: search.record } : {}) };
}

/** Whether the search means another container than the status says, or finds others. */
export function isSearchNews({ status }: Pick<ServerFarm, "status">, { search }: ResolvedHosts): boolean {
  return search !== undefined && JSON.stringify(status?.hostSearch) !== JSON.stringify(search.record);
}
