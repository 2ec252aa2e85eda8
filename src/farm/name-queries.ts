/** What has to be looked up by names: the farm's own, those of others that it must not take, and where it makes what is not there. */
import type { Lookup, Query } from "../ad/lookup.ts";
import { ACCOUNT_CLASS, GROUP_CLASS, isAccount, isGroup, type DirectoryObject } from "../ad/object.ts";
import type { MissingRight } from "../ad/right.ts";
import { foldName, hostsOf, namesOfComputer, sameName } from "../names/account-name.ts";
import { dnKey, parentDn } from "../names/distinguished-name.ts";
import { dnsNameLookups, impliedLookups, implyingLookups, lookupKey } from "../names/identifier.ts";
import { mayAdopt } from "./adoption.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { Look, Scope } from "./observed.ts";

export function namesOf(desired: DesiredFarm, scope: Scope): readonly Lookup[] {
  const { account, hostGroup, accessGroups, grant, servicePrincipalNames, owner } = desired;
  const known = knownIds(desired).map((value): Lookup => ({ by: "objectGUID", value }));
  if (scope === "Known") return known;
  const groups = [...(grant === "Group" ? [hostGroup] : []), ...accessGroups];
  return [
    { by: "sAMAccountName", value: account.samAccountName },
    { by: "distinguishedName", value: account.distinguishedName },
    ...groups.flatMap(({ samAccountName, distinguishedName, existing }): readonly Lookup[] => [
      { by: "sAMAccountName", value: samAccountName },
      ...(existing ? [] : [{ by: "distinguishedName" as const, value: distinguishedName }]),
    ]),
    ...known,
    ...servicePrincipalNames.map((value): Lookup => ({ by: "servicePrincipalName", value })),
    ...(scope === "Owned" ? [{ by: "adminDescription" as const, value: owner }] : namesOfOthers(desired)),
  ];
}

/** Those whose names the farm must not take: who holds what stands for an SPN of its own, and computers that its names speak of. */
function namesOfOthers({ account, servicePrincipalNames, domain, knownObjects }: DesiredFarm): readonly Lookup[] {
  const hosts = hostsOf(servicePrincipalNames, account.dnsHostName);
  return [
    ...implyingLookups(servicePrincipalNames, domain),
    ...hosts.map((host): Lookup => ({ by: "sAMAccountName", value: namesOfComputer(host, domain).samAccountName })),
    ...(knownObjects.length === 0 ? costlyLookups(servicePrincipalNames, account.dnsHostName, domain) : []),
  ];
}

/** HOST/x implies some fifty names; and of dNSHostName Active Directory has no index. */
export function costlyLookups(
  servicePrincipalNames: readonly string[],
  dnsHostName: string | undefined,
  domain: DesiredFarm["domain"],
): readonly Lookup[] {
  return [...impliedLookups(servicePrincipalNames, domain), ...dnsNameLookups(hostsOf(servicePrincipalNames, dnsHostName), domain)];
}

/** What costs much is asked for only of names that the account does not bear yet; where the farm owns nothing it was asked with all else. */
export function* lookForNamesakes(desired: DesiredFarm, objects: readonly DirectoryObject[]): Look<readonly DirectoryObject[]> {
  const { account, servicePrincipalNames, domain, knownObjects, owner } = desired;
  if (knownObjects.length === 0) return [];
  const own = objects.find((object) => isAccount(object) && object.owner === owner);
  const held = new Set(own?.servicePrincipalNames.map(foldName));
  const added = servicePrincipalNames.filter((name) => !held.has(foldName(name)));
  const dnsHostName = sameName(own?.dnsHostName, account.dnsHostName) ? undefined : account.dnsHostName;
  return yield* ask(costlyLookups(added, dnsHostName, domain), "Objects");
}

/** Whether what is not there can be made: known before anything is, so that nothing is half made. */
export function* lookAtContainers(
  { account, grant, hostGroup, owner }: DesiredFarm,
  objects: readonly DirectoryObject[],
): Look<ReadonlyMap<string, MissingRight>> {
  const wanted = [
    { ...account, is: isAccount, objectClass: ACCOUNT_CLASS },
    ...(grant === "Group" && !hostGroup.existing ? [{ ...hostGroup, is: isGroup, objectClass: GROUP_CLASS }] : []),
  ];
  const absent = wanted.filter(
    ({ samAccountName, is }) =>
      !objects.some((object) => sameName(object.samAccountName, samAccountName) || (is(object) && object.owner === owner)),
  );
  const containers = [...new Set(absent.map(({ distinguishedName }) => parentDn(distinguishedName)))];
  const found = yield* ask(containers.map(byDn), "Containers");
  const byKey = new Map(found.map((object) => [dnKey(object.distinguishedName), object.childClasses]));
  return new Map(
    absent.flatMap(({ distinguishedName, objectClass }): readonly [string, MissingRight][] => {
      const container = parentDn(distinguishedName);
      const classes = byKey.get(dnKey(container));
      if (!classes) return [[distinguishedName, { kind: "NoContainer", container }]];
      return classes.has(objectClass.toLowerCase()) ? [] : [[distinguishedName, { kind: "CreateChild", container, objectClass }]];
    }),
  );
}

/** Whether it is the group that the farm would take over as its host group. */
export function isAdopted({ grant, hostGroup, adoption }: DesiredFarm, object: DirectoryObject): boolean {
  if (grant !== "Group" || hostGroup.existing) return false;
  const named =
    sameName(object.samAccountName, hostGroup.samAccountName) || dnKey(object.distinguishedName) === dnKey(hostGroup.distinguishedName);
  return named && isGroup(object) && object.protection === undefined && mayAdopt(adoption, object);
}

export function distinct(objects: readonly DirectoryObject[]): readonly DirectoryObject[] {
  return [...new Map(objects.toReversed().map((object) => [object.objectGUID, object])).values()].toReversed();
}

/** objectGUIDs of what the farm owns, and of the groups of others that it changed. */
export function knownIds({ knownObjects, journal }: DesiredFarm): readonly string[] {
  return [...new Set([...knownObjects, ...[...journal.hostGroups, ...journal.accessGroups].map(({ objectGUID }) => objectGUID)])];
}

export function byDn(value: string): Lookup {
  return { by: "distinguishedName", value };
}

/** Nothing is asked where there is nothing to ask for. */
export function* ask(
  lookups: readonly Lookup[],
  among: Query["among"],
  allMembersOf?: NonNullable<Query["allMembersOf"]>,
): Look<readonly DirectoryObject[]> {
  return lookups.length === 0 ? [] : yield { lookups, among, ...(allMembersOf ? { allMembersOf } : {}) };
}

/** The account, whoever owns it. */
export function accountsOf({ owner, account, knownObjects }: DesiredFarm, objects: readonly DirectoryObject[]): readonly DirectoryObject[] {
  return objects.filter(
    (object) =>
      isAccount(object) &&
      (object.owner === owner || sameName(object.samAccountName, account.samAccountName) || knownObjects.includes(object.objectGUID)),
  );
}

/** By what groups are asked for that are, or were, somebody else's. */
export function groupsOfOthers({ grant, hostGroup, accessGroups, knownObjects, journal }: DesiredFarm): ReadonlySet<string> {
  const existing = [...(grant === "Group" ? [hostGroup] : []), ...accessGroups].filter((group) => group.existing);
  const remembered = [...journal.hostGroups, ...journal.accessGroups].filter(({ objectGUID }) => !knownObjects.includes(objectGUID));
  return new Set([
    ...existing.map(({ samAccountName }) => `sAMAccountName ${lookupKey("sAMAccountName", samAccountName)}`),
    ...remembered.map(({ objectGUID }) => `objectGUID ${lookupKey("objectGUID", objectGUID)}`),
  ]);
}
