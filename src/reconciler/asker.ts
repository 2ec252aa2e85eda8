/** Who asks for a write, and why: for the audit log. */
import type { Asker } from "../ad/port.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { causeOf } from "../farm/changes/index.ts";
import { isBeingRecreated } from "../farm/journal.ts";
import { isDrift } from "../farm/status/outcome.ts";
import type { Work } from "./work.ts";

/** What brings a farm about asks, for each change. */
export function askOf(farm: ServerFarm): NonNullable<Work["ask"]> {
  return (change, { hosts, desired }) => {
    const isDrifted = !isBeingRecreated(desired.journal) && isDrift(farm, change);
    return askerOf(farm, causeOf(change, [...hosts.quarantined.values()], isDrifted));
  };
}

/** As the audit log names it. */
export function askerOf({ metadata }: ServerFarm, cause: Asker["cause"]): Asker {
  const { namespace = "", name, uid, generation = 0 } = metadata;
  return { farm: { namespace, name, uid, generation }, cause };
}
