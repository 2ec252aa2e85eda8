/**
 * A farm that its domain's tenants do not allow any more: it gets nothing new and nothing of it is fixed, but whoever is taken out of its manifest, or
 * quarantined, loses the right. Of its manifest nothing else is looked up: what it may not have it is not told of either.
 */
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { DirectoryObject } from "../ad/object.ts";
import { foldName } from "../names/account-name.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { keysOfHost, lookupKey } from "../names/identifier.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import { hostAccountReference } from "./desired-host-account.ts";
import { readJournal } from "./journal.ts";
import type { Resolution } from "./looked.ts";

/** Whether something may be left to take out, or to keep out. Where there is not the directory is not asked at all. */
export function hasToTakeOut({ spec, status }: ServerFarm): boolean {
  if (spec.managementPolicy !== "Enforce") return false;
  const { computers, quarantined } = spec.hosts;
  const named = new Set([...computers, ...quarantined, hostAccountReference(spec)]);
  if (quarantined.length > 0 || (status?.resolvedHosts ?? []).some(({ reference }) => !named.has(reference))) return true;
  if (leftBySearch(spec, status).length > 0) return true;
  const groups = new Set(spec.accessGroups.map(({ name }) => foldName(name)));
  return readJournal(status).accessGroups.some(({ name }) => !groups.has(foldName(name)));
}

/** objectGUIDs of those who have the right by a search that the manifest does not have any more. */
function leftBySearch(spec: ServerFarm["spec"], status: ServerFarm["status"]): readonly string[] {
  return spec.hosts.search ? [] : (status?.hostSearch?.hosts ?? []).map(({ objectGUID }) => objectGUID);
}

/** The farm as far as it is looked at: what it owns or changed, whom it quarantines, and whom it does not name any more. */
export function frozenFarm({ spec, status }: ServerFarm, desired: DesiredFarm): DesiredFarm {
  const named = new Set([...spec.hosts.computers, ...spec.hosts.quarantined, hostAccountReference(spec)]);
  const records = status?.resolvedHosts ?? [];
  const wanted = new Set([...spec.hosts.computers, hostAccountReference(spec)]);
  const kept = new Set(records.filter(({ reference }) => wanted.has(reference)).map(({ objectGUID }) => objectGUID));
  const left = leftBySearch(spec, status).filter((objectGUID) => !kept.has(objectGUID));
  const gone = records.filter(({ reference, objectGUID }) => !named.has(reference) && !kept.has(objectGUID));
  return {
    ...desired,
    account: { ...desired.account, dnsHostName: undefined },
    servicePrincipalNames: [],
    unmanagedServicePrincipalNames: ["*"],
    hosts: [],
    search: undefined,
    hostAccount: undefined,
    departed: {
      objectGUIDs: [...new Set([...gone.map(({ objectGUID }) => objectGUID), ...left])],
      unlessNamed: new Set(desired.hosts.filter(({ text }) => !desired.resolved.has(text)).map(({ by, value }) => lookupKey(by, value))),
    },
    adoption: { ...desired.adoption, farm: "Never" },
  };
}

/** Those whom the manifest does not name any more, by the keys of their distinguished names. Who is quarantined is not among them. */
export function departedHosts(to: Resolution): ReadonlyMap<string, DirectoryObject> {
  const { objectGUIDs, unlessNamed } = to.looked.desired.departed;
  const hosts = to.seen(objectGUIDs.map((objectGUID) => ({ objectGUID })));
  const entries = hosts.map((host) => [dnKey(host.distinguishedName), host] as const);
  const isOut = ([key, host]: (typeof entries)[number]): boolean =>
    !to.quarantined.has(key) && !keysOfHost(host).some((name) => unlessNamed.has(name));
  return new Map(entries.filter(isOut));
}
