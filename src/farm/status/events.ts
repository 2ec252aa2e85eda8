/** What a farm's Events say. */
import type { EventDraft } from "../../api/event.ts";
import { partOf, type Change } from "../changes/index.ts";
import type { Part } from "../../api/reasons.ts";
import type { ConditionDraft } from "../../api/condition.ts";
import type { DesiredFarm } from "../desired.ts";
import { commonName, dnKey } from "../../names/distinguished-name.ts";
import { ABANDON } from "../../api/annotations.ts";
import { memoryOf } from "../journal.ts";
import type { ServerFarm } from "../../api/generated/server-farm.ts";
import { listOf } from "./findings.ts";
import type { Report } from "../report.ts";

/**
 * Changes to what this very generation had already brought about: somebody else undid it. What is made anew though the farm owned one already was lost,
 * whatever has been between: the domain may have been away, and come back without it.
 */
export function driftOf(farm: ServerFarm, { applied }: Report): readonly Change[] {
  const owned = farm.status?.ownedObjects ?? [];
  const lost = (change: Change): boolean =>
    (change.kind === "CreateAccount" && owned.some(({ kind }) => kind === "Account")) ||
    (change.kind === "CreateHostGroup" && owned.some(({ kind }) => kind === "HostGroup")) ||
    (change.kind === "CreateAccessGroup" &&
      owned.some(({ distinguishedName = "" }) => dnKey(distinguishedName) === dnKey(change.distinguishedName)));
  const settled = (part: Part): boolean =>
    farm.status?.conditions?.some(
      ({ type, status, observedGeneration }) =>
        type === `${part}Ready` && status === "True" && observedGeneration === farm.metadata.generation,
    ) ?? false;
  return applied.filter((change) => settled(partOf(change)) || lost(change));
}

export function eventsOf(change: Change, { account }: DesiredFarm, drifted: boolean): readonly EventDraft[] {
  const name = account.samAccountName;
  const list = (dns: readonly string[]): string => listOf(dns.map(commonName));
  const event = (reason: string, message: string): EventDraft =>
    drifted
      ? { type: "Warning", reason: "DriftCorrected", message: `somebody else had changed the directory, which was put right: ${message}` }
      : { type: "Normal", reason, message };
  const hostEvents = (
    { add, remove }: { readonly add: readonly string[]; readonly remove: readonly string[] },
    when: string,
  ): EventDraft[] => [
    ...(remove.length > 0
      ? [
          event(
            "HostsRemoved",
            `${list(remove)} may no longer retrieve the password of ${name}; run Uninstall-ADServiceAccount ${name} there`,
          ),
        ]
      : []),
    ...(add.length > 0 ? [event("HostsAdded", `${list(add)} may retrieve the password of ${name} ${when}`)] : []),
  ];
  switch (change.kind) {
    case "CreateHostGroup": {
      const again = drifted ? "; it is another group with a new SID, so its hosts need a restart or klist -li 0x3e7 purge" : "";
      return [event("HostGroupCreated", `created ${change.distinguishedName} with ${change.members.length} hosts${again}`)];
    }
    case "CreateAccount": {
      const again = drifted
        ? "; it is another account with a new SID, so rights that were granted to the old one have to be granted again"
        : "";
      return [
        event(
          "AccountCreated",
          `created ${change.distinguishedName} with ${change.servicePrincipalNames.length} SPNs; on each host run Install-ADServiceAccount ${name}${again}`,
        ),
      ];
    }
    case "UpdateAccount":
      return [event("AccountUpdated", `${name}: set ${Object.keys(change.properties).join(", ")}`)];
    case "SetRetrievers":
      return [
        ...hostEvents(change, "at once, since it is named directly"),
        ...(change.because.length > 0
          ? [event("RetrieversSet", `${name}: who may retrieve the password was set anew: ${change.because.join("; ")}`)]
          : []),
      ];
    case "ChangeServicePrincipalNames":
      return [
        event(
          "ServicePrincipalNamesChanged",
          [
            change.add.length > 0 ? `added ${change.add.join(", ")}` : "",
            change.remove.length > 0 ? `removed ${change.remove.join(", ")}` : "",
          ]
            .filter((text) => text !== "")
            .join("; "),
        ),
      ];
    case "ChangeHosts":
      return hostEvents(change, "after a restart, or after klist -li 0x3e7 purge");
    case "CreateAccessGroup":
      return [event("AccessGroupCreated", `created ${change.distinguishedName} with ${name} as its member`)];
    case "JoinAccessGroup":
      return [
        event(
          "AccessGroupJoined",
          `${name} is a member of ${change.object.distinguishedName} from its next logon on: restart its services`,
        ),
      ];
    case "LeaveAccessGroup":
      return [event("AccessGroupLeft", `${name} is no longer a member of ${change.object.distinguishedName}`)];
    case "Adopt":
      return [event("Adopted", `took over ${change.object.distinguishedName}, which nobody owned`)];
    case "DeleteAccessGroup":
      return [event("AccessGroupDeleted", `deleted ${change.object.distinguishedName}`)];
    case "RenameHostGroup":
      return [event("HostGroupRenamed", `the host group is now ${change.samAccountName}`)];
    case "DeleteAccount":
      return [event("AccountDeleted", `deleted ${change.object.distinguishedName}`)];
    case "DeleteHostGroup":
      return [event("HostGroupDeleted", `deleted ${change.object.distinguishedName}`)];
    case "Release":
      return [
        {
          type: "Warning",
          reason: "ObjectKept",
          message: `${change.object.distinguishedName} stays in the directory, without owner: ${change.because}`,
        },
      ];
  }
}

/** The farm was let go, with all that it had made and done. */
export function abandonedEvent({ status }: ServerFarm): EventDraft {
  const { hostGroups, accessGroups } = memoryOf(status);
  const left = [
    ...(status?.ownedObjects ?? []).map(({ kind, distinguishedName, objectGUID }) => `${kind} ${distinguishedName ?? objectGUID}`),
    ...hostGroups.filter(({ added }) => added.length > 0).map((group) => `${group.added.length} hosts in ${group.distinguishedName}`),
    ...accessGroups.map(({ distinguishedName }) => `the account in ${distinguishedName}`),
  ];
  return {
    type: "Warning",
    reason: "Abandoned",
    message: `the farm was let go (${ABANDON}); left in the directory as it was: ${left.length > 0 ? left.join("; ") : "nothing that is known"}`,
  };
}

/** A farm that is not ready says so once for each reason. */
export function warnings(farm: ServerFarm, ready: ConditionDraft): readonly EventDraft[] {
  const before = farm.status?.conditions?.find(({ type }) => type === "Ready");
  if (ready.status === "True") {
    return before?.status === "True" ? [] : [{ type: "Normal", reason: "Ready", message: ready.message }];
  }
  if (before?.status === ready.status && before.reason === ready.reason && before.message === ready.message) return [];
  return [{ type: "Warning", reason: ready.reason, message: ready.message }];
}
