/** What the operator made of a quarantine, or of its release: pure, from the farm alone. */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { Condition } from "../api/object.ts";
import { farmWithHost, type MeantHost, objectsOf } from "./quarantined-hosts.ts";
import { otherOwners } from "./quarantine-entries.ts";

export interface Outcome {
  readonly done: boolean;
  /** Without the farm's name. */
  readonly text: string;
}

/** Undefined while the operator has not looked at the farm as it is now. */
export function quarantineOutcome(farm: ServerFarm, host: MeantHost): Outcome | undefined {
  const has = farmWithHost(farm, host);
  if (!has) return { done: false, text: `the farm does not have ${host.text} any more. Run the command again.` };
  const { quarantinedBy, missing } = has;
  if (missing.length > 0) {
    return { done: false, text: `${missing.join(", ")} may name the host, too, and is not in hosts.quarantined. Run the command again.` };
  }
  const entries = quarantinedBy.join(", ");
  const held = heldBySuspend(farm, `${entries} is in hosts.quarantined`);
  if (held) return held;
  const said = lookedAt(farm);
  if (!said) return undefined;
  // The reason of HostsReady may be that of another host: an entry that no object is known of keeps nobody out.
  const done = said.areHosts && quarantinedBy.every((entry) => objectsOf(farm, entry).length > 0) && isSettled(farm, said, quarantinedBy);
  return { done, text: `${entries} ${done ? "is quarantined" : "is in hosts.quarantined, and may still have the right"}. ${textOf(said)}` };
}

/** Undefined while the operator has not looked at the farm as it is now. */
export function releaseOutcome(farm: ServerFarm, host: MeantHost): Outcome | undefined {
  const has = farmWithHost(farm, host);
  const [entry] = [...(has?.quarantinedBy ?? []), ...(has?.releasable ?? [])];
  if (entry !== undefined) {
    const others = otherOwners(farm, entry);
    const by = others.length > 0 ? `is owned by ${others.join(", ")}` : "is not owned by this command";
    const what = entry === host.text ? `${entry} stays quarantined, as its entry` : `${host.text} stays quarantined, as the entry ${entry}`;
    return { done: false, text: `${what} ${by}. Remove it from hosts.quarantined in that manifest.` };
  }
  const held = heldBySuspend(farm, `${host.text} is not in hosts.quarantined any more`);
  if (held) return held;
  const said = lookedAt(farm);
  if (!said) return undefined;
  const done = said.areHosts && isSettled(farm, said, has?.missing ?? []);
  return { done, text: `${host.text} ${done ? "is released" : "is not in hosts.quarantined any more"}. ${textOf(said)}` };
}

function heldBySuspend({ spec, metadata }: ServerFarm, what: string): Outcome | undefined {
  if (!spec.suspend) return undefined;
  const { name, namespace = "" } = metadata;
  return {
    done: false,
    text: `${what}, and nothing happens as the farm is suspended. Resume it: kubectl farm resume ${name} -n ${namespace}`,
  };
}

interface Said {
  /** False: the hosts were not looked at since the last edit, and the condition Ready says why. */
  readonly areHosts: boolean;
  readonly condition: Condition | undefined;
}

function lookedAt({ status, metadata }: ServerFarm): Said | undefined {
  if (status?.observedGeneration !== metadata.generation) return undefined;
  const [hosts, ready] = ["HostsReady", "Ready"].map((wanted) => status?.conditions?.find(({ type }) => type === wanted));
  const areHosts = hosts !== undefined && hosts.observedGeneration === metadata.generation;
  return { areHosts, condition: areHosts ? hosts : ready };
}

/** All hosts are right, or what is wrong is another one: a host that is not found keeps no other from losing the right. */
function isSettled({ status }: ServerFarm, { condition }: Said, entries: readonly string[]): boolean {
  if (condition?.status === "True") return true;
  const issues = status?.hostIssues ?? [];
  // A plan is all that a farm gets that is only observed.
  return (
    status?.plan === undefined &&
    issues.some(({ reason }) => reason === condition?.reason) &&
    !issues.some(({ computer }) => entries.includes(computer))
  );
}

function textOf({ condition }: Said): string {
  return `${condition?.reason ?? "Unknown"}: ${condition?.message ?? ""}`;
}
