/** A farm whose end has to wait, since too many others have ended lately. */
import { CONFIRM_DELETION } from "../../api/annotations.ts";
import type { ServerFarm } from "../../api/generated/server-farm.ts";
import { countOf } from "../changes/index.ts";

export interface HeldEnd {
  readonly message: string;
  /** It will not get better by waiting. */
  readonly stalled: boolean;
}

/** `budget`: as the domain has it. `from`: when it next allows a farm; undefined where it does now, to others, or never. */
export function heldEnd(
  { metadata, spec }: ServerFarm,
  budget: { readonly farms: number; readonly per: string },
  from: string | undefined,
): HeldEnd {
  const { name, namespace = "", uid } = metadata;
  const { farms, per } = budget;
  const one = `farm ${name} -n ${namespace}`;
  const allowed =
    farms === 0
      ? "it allows no deletion without confirmation"
      : `it allows ${countOf(farms, "farm")} within ${per}. The farm continues automatically when its turn comes${from === undefined ? "" : ` (the next one at ${from})`}, the oldest deletion first`;
  const message = [
    `the deletion budget of the ActiveDirectoryDomain ${spec.domainRef.name} holds this farm back: ${allowed}.`,
    `To keep its objects in the directory, save the manifest of the farm, then run: kubectl patch ${one} --type=merge -p '{"spec":{"deletionPolicy":"Retain"}}';`,
    `to delete them now, run: kubectl annotate ${one} ${CONFIRM_DELETION}=${uid}`,
  ].join(" ");
  return { message, stalled: farms === 0 };
}
