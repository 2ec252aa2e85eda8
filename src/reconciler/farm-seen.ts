/** What of the directory goes into a farm's status. */
import { describeChange } from "../farm/change.ts";
import { timestamp } from "../farm/conditions.ts";
import type { DesiredFarm } from "../farm/desired.ts";
import { dnKey } from "../farm/distinguished-name.ts";
import type { DirectoryObject, ObservedFarm } from "../farm/observed.ts";
import { placeOfAccount, placeOfHostGroup } from "../farm/place.ts";
import { resolveHosts } from "../farm/plan-hosts.ts";
import type { ServerFarm, ServerFarmStatus } from "../farm/server-farm.ts";
import type { Report } from "./reconcile.ts";

const LISTED = 100;

export function seen(farm: ServerFarm, desired: DesiredFarm, report: Report, observed: ObservedFarm): Partial<ServerFarmStatus> {
  const account = placeOfAccount(desired, observed);
  const group = placeOfHostGroup(desired, observed);
  const hosts = resolveHosts(desired, observed);
  const members = new Set(group.kind === "Own" ? group.object.members.map(dnKey) : []);
  const sid = group.kind === "Own" ? group.object.objectSID : undefined;
  const mayRetrieve = sid !== undefined && account.kind === "Own" && (account.object.retrievers?.principals.includes(sid) ?? false);
  const granted = mayRetrieve ? [...hosts.wanted.keys()].filter((key) => members.has(key)).length : 0;
  const issues = hosts.blockers.flatMap(({ computer, reason, message }) => (computer === undefined ? [] : [{ computer, reason, message }]));
  const own = [
    account.kind === "Own" ? { ...identity(account.object), kind: "Account" as const } : undefined,
    group.kind === "Own" ? { ...identity(group.object), kind: "HostGroup" as const } : undefined,
  ].filter((object) => object !== undefined);
  const plan =
    farm.spec.managementPolicy === "Observe"
      ? [...(report.plan?.changes ?? []), ...(report.plan?.later ?? [])].flatMap(describeChange).slice(0, LISTED)
      : [];
  return {
    hosts: { desired: hosts.desired, granted, summary: `${granted}/${hosts.desired}` },
    hostIssues: issues.slice(0, LISTED),
    ownedObjects: [
      ...own.map(({ objectGUID, kind, distinguishedName }) => ({ objectGUID, kind, distinguishedName })),
      // Not seen is not gone: what deletion will have to remove is not forgotten.
      ...(farm.status?.ownedObjects ?? []).filter(({ objectGUID }) => observed.missing.includes(objectGUID)),
    ],
    ...(account.kind === "Own"
      ? { account: { ...identity(account.object), ...names(account.object), ...passwordTimes(account.object) } }
      : {}),
    ...(group.kind === "Own" ? { hostGroup: identity(group.object) } : {}),
    ...(farm.spec.managementPolicy === "Observe" ? { plan } : {}),
  };
}

function identity({ distinguishedName, objectGUID, objectSID }: DirectoryObject): {
  distinguishedName: string;
  objectGUID: string;
  objectSID?: string;
} {
  return { distinguishedName, objectGUID, ...(objectSID === undefined ? {} : { objectSID }) };
}

function names({ samAccountName }: DirectoryObject): { samAccountName?: string } {
  return samAccountName === undefined ? {} : { samAccountName };
}

const HOUR = 3_600_000;

/** A gMSA's password rolls after whole steps of ten hours (MS-ADTS 3.1.1.4.5.39). */
function passwordTimes(account: DirectoryObject): { passwordLastChanged?: string; passwordNextChange?: string } {
  const { passwordLastSet, passwordIntervalDays } = account;
  if (passwordLastSet === undefined || passwordIntervalDays === undefined) return {};
  const interval = Math.floor((passwordIntervalDays * 24) / 10) * 10 * HOUR;
  return {
    passwordLastChanged: timestamp(new Date(passwordLastSet)),
    passwordNextChange: timestamp(new Date(passwordLastSet + interval)),
  };
}
