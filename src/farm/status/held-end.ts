/** A farm whose end has to wait, since too many others have ended lately. */
import { CONFIRM_DELETION } from "../../api/annotations.ts";
import type { ServerFarm } from "../../api/generated/server-farm.ts";

export interface HeldEnd {
  readonly message: string;
  /** It will not get better by waiting. */
  readonly stalled: boolean;
}

/** `budget`: as the domain has it. The text stays the same for as long as the farm waits. */
export function heldEnd({ metadata, spec }: ServerFarm, budget: { readonly farms: number; readonly per: string }): HeldEnd {
  const { name, namespace = "", uid } = metadata;
  const { farms, per } = budget;
  const one = `farm ${name} -n ${namespace}`;
  const allowed =
    farms === 0
      ? "no farm may be decommissioned unless it is confirmed"
      : `${farms === 1 ? "1 farm" : `${farms} farms`} may be decommissioned within ${per}, and this one is beyond that. It goes on by itself when its turn comes, the oldest deletion first`;
  const message = [
    `the deletion budget of the ActiveDirectoryDomain ${spec.domainRef.name} keeps it: ${allowed}.`,
    `To keep what it has in the directory, write down the farm, then run: kubectl patch ${one} --type=merge -p '{"spec":{"deletionPolicy":"Retain"}}';`,
    `to delete it now, run: kubectl annotate ${one} ${CONFIRM_DELETION}=${uid}`,
  ].join(" ");
  return { message, stalled: farms === 0 };
}
