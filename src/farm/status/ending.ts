/** The parts of a farm that is being deleted: what the last look shows of them, and what was last seen of the rest. */
import type { ServerFarm, ServerFarmStatus } from "../../api/generated/server-farm.ts";
import type { Condition, ConditionDraft } from "../../api/object.ts";
import type { Part, Reason } from "../../api/reasons.ts";
import { isAccount, groupsOf } from "../../ad/object.ts";
import type { Change } from "../changes/index.ts";
import type { Report } from "../report.ts";
import { type FarmView } from "../view.ts";

/** What the end has already taken: of each part that is not as it was, in words. */
type Taken = { readonly [part in Part]?: string };

const SETTLED: Reason = "Deleting";
const UNSETTLED: Reason = "DeletionBlocked";

/**
 * Whether the members of the host group were last seen to be exactly the wanted ones. Deleting a farm counts its generation up by one: the one before
 * is what was wanted last. Once the right is revoked HostsReady is False, and its reason remembers which it was.
 */
export function wereMembersSettled({ metadata, status }: ServerFarm): boolean {
  const hosts = status?.conditions?.find(({ type }) => type === "HostsReady");
  return hosts !== undefined && isSettled(hosts) && (hosts.observedGeneration ?? 0) >= (metadata.generation ?? 0) - 1;
}

function isSettled({ status, reason }: Condition): boolean {
  return status === "True" || (status === "False" && reason === SETTLED);
}

/** `parts`: as they were last seen, in the order of the conditions. */
export function endingParts(farm: ServerFarm, parts: readonly ConditionDraft[], report: Report): readonly ConditionDraft[] {
  const taken: Readonly<Record<string, string>> = Object.fromEntries(
    Object.entries(takenOf(farm, report)).map(([part, message]) => [`${part}Ready`, message]),
  );
  return parts.map((part) => {
    const message = taken[part.type];
    if (message === undefined) return part;
    const before = farm.status?.conditions?.find(({ type }) => type === part.type);
    // It keeps the generation that it was found in, by which the next look knows what had been wanted then.
    return { ...part, status: "False", reason: before && isSettled(before) ? SETTLED : UNSETTLED, message };
  });
}

/** Nothing is said any more of an account that is gone, nor of hosts that have no right, as nobody is to have it. */
export function endingStatus(farm: ServerFarm, status: ServerFarmStatus, report: Report): ServerFarmStatus {
  const { Account: deleted, Hosts: revoked } = takenOf(farm, report);
  const { account, hosts, hostIssues, ...kept } = status;
  return {
    ...kept,
    ...(account && deleted === undefined ? { account } : {}),
    ...(hosts ? { hosts: revoked === undefined ? hosts : { desired: 0, granted: 0, summary: "0/0" } } : {}),
    ...(hostIssues && revoked === undefined ? { hostIssues } : {}),
  };
}

function takenOf({ status }: ServerFarm, { view, applied, error }: Report): Taken {
  const objects = view?.observed.objects ?? [];
  const account = objects.find((object) => isAccount(object) && object.owner === view?.desired.owner);
  // What was written after the last look, where the next one was lost.
  const unseen = (change: Change["kind"]): boolean => error !== undefined && applied.some(({ kind }) => kind === change);
  if (unseen("DeleteAccount") || (!account && isGone(status, view))) {
    return {
      Account: "the account is deleted.",
      Hosts: "the account is deleted, so nobody may retrieve its password.",
      ServicePrincipalNames: "the account is deleted, and its service principal names with it.",
      AccessGroups: "the account is deleted, so it is in no group any more.",
    };
  }
  const { principals = [""], foreign = [] } = account?.retrievers ?? {};
  const revoked = unseen("SetRetrievers") || principals.length + foreign.length === 0;
  const isIn = account ? groupsOf(account) : () => true;
  const left = (status?.accessGroups ?? []).filter(({ objectGUID }) =>
    objects.some((group) => group.objectGUID === objectGUID && !isIn(group)),
  );
  return {
    ...(revoked ? { Hosts: "nobody may retrieve the password any more." } : {}),
    ...(left.length > 0 ? { AccessGroups: `the account has left ${left.map(({ name }) => name).join(", ")}.` } : {}),
  };
}

/** Whether the farm had an account, and the look shows nothing of it; not where it may only not be replicated yet. */
function isGone(status: ServerFarmStatus | undefined, view: FarmView | undefined): boolean {
  if (!view) return false;
  const { objects, missing } = view.observed;
  const seen = new Set([...objects.map(({ objectGUID }) => objectGUID), ...missing]);
  const known = (status?.ownedObjects ?? []).filter(({ kind }) => kind === "Account");
  return known.length > 0 && known.every(({ objectGUID }) => !seen.has(objectGUID));
}
