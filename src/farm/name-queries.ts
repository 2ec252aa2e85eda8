/** What has to be looked up by names: the farm's own, those of others that it must not take, and where it makes what is not there. */
import type { Look, Lookup, Query } from "../ad/lookup.ts";
import { ACCOUNT_CLASS, GROUP_CLASS, isAccount, isComputer, isGroup, type DirectoryObject } from "../ad/object.ts";
import type { MissingRight } from "../ad/right.ts";
import { foldName, hostsOf, namesOfComputer, sameName } from "../names/account-name.ts";
import { dnKey, parentDn, parentKey } from "../names/distinguished-name.ts";
import { copied, dnsNameLookups, impliedLookups, implyingLookups, lookupKey } from "../names/identifier.ts";
import { mayAdopt } from "./adoption.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import { FIELD } from "./desired-host-account.ts";
import type { Scope } from "./observed.ts";
import { knownIds, namesToHave } from "./journal.ts";

export function namesOf(desired: DesiredFarm, scope: Scope): readonly Lookup[] {
  const { account, hostGroup, accessGroups, grant, owner } = desired;
  const groups = [...(grant === "Group" ? [hostGroup] : []), ...accessGroups];
  // Of a farm whose record was lost what is its own is found by name.
  const wanted = [{ ...account, existing: false }, ...(scope === "Known" ? groups.filter(({ existing }) => !existing) : groups)];
  const named = [
    ...wanted.flatMap(({ samAccountName, distinguishedName, existing }): readonly Lookup[] => [
      { by: "sAMAccountName", value: samAccountName },
      ...(existing ? [] : [{ by: "distinguishedName" as const, value: distinguishedName }]),
    ]),
    ...knownIds(desired).map((value): Lookup => ({ by: "objectGUID", value })),
  ];
  if (scope === "Known") return named;
  return [
    ...named,
    ...namesToHave(desired).map((value): Lookup => ({ by: "servicePrincipalName", value })),
    ...(scope === "Owned" ? [{ by: "adminDescription" as const, value: owner }] : namesOfOthers(desired)),
  ];
}

/** Those whose names the farm must not take: who holds what stands for an SPN of its own, and computers that its names speak of. */
function namesOfOthers(desired: DesiredFarm): readonly Lookup[] {
  const { account, domain, knownObjects } = desired;
  const servicePrincipalNames = namesToHave(desired);
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

/** What bears the names. Groups of somebody else are asked for apart from the rest, without their members: these can be very many, and are not the farm's to know. */
export function* lookForObjects(desired: DesiredFarm, scope: Scope): Look<readonly DirectoryObject[]> {
  const others = groupsOfOthers(desired);
  const isOther = ({ by, value }: Lookup): boolean => others.has(`${by} ${lookupKey(by, value)}`);
  const lookups = namesOf(desired, scope);
  const [named = [], apart = []] = yield* together([
    ask(
      lookups.filter((lookup) => !isOther(lookup)),
      "Objects",
      {
        allMembersOf: (object) => isOwnGroup(desired, object),
        groups: scope === "Owned" || desired.recreate !== undefined || hasAccessGroups(desired),
      },
    ),
    ask(lookups.filter(isOther), "Objects"),
  ]);
  if (others.size === 0) return named;
  const seen = new Set(named.map(({ objectGUID }) => objectGUID));
  // One that bears the farm's own marker after all.
  const own = apart.filter((object) => isOwnGroup(desired, object) && !seen.has(object.objectGUID));
  const read = yield* ask(own.map(byGuid), "Objects", { allMembersOf: () => true });
  return distinct([...read, ...named, ...apart]);
}

/** Whether it matters which groups the account is in. */
function hasAccessGroups({ accessGroups, knownAccessGroups, journal }: DesiredFarm): boolean {
  return accessGroups.length > 0 || knownAccessGroups.length > 0 || journal.accessGroups.length > 0;
}

export function isOwnGroup({ owner }: DesiredFarm, object: DirectoryObject): boolean {
  return isGroup(object) && object.owner === owner;
}

/** What costs much is asked for only of names that the account does not bear yet; where the farm owns nothing it was asked with all else. */
export function* lookForNamesakes(desired: DesiredFarm, objects: readonly DirectoryObject[]): Look<readonly DirectoryObject[]> {
  const { account, domain, knownObjects, owner } = desired;
  if (knownObjects.length === 0) return [];
  // One that is to be created again bears none of them then.
  const own = objects.find((object) => isAccount(object) && object.owner === owner && object.objectGUID !== desired.recreate);
  const held = new Set(own?.servicePrincipalNames.map(foldName));
  const added = namesToHave(desired).filter((name) => !held.has(foldName(name)));
  const dnsHostName = sameName(own?.dnsHostName, account.dnsHostName) ? undefined : account.dnsHostName;
  return yield* ask(costlyLookups(added, dnsHostName, domain), "Objects");
}

interface Makable {
  readonly distinguishedName: string;
  readonly samAccountName: string;
  readonly objectClass: string;
  readonly is: (object: DirectoryObject) => boolean;
}

function makable({ account, grant, hostGroup, accessGroups }: DesiredFarm): readonly Makable[] {
  return [
    { ...account, is: isAccount, objectClass: ACCOUNT_CLASS },
    ...(grant === "Group" && !hostGroup.existing ? [{ ...hostGroup, is: isGroup, objectClass: GROUP_CLASS }] : []),
    // One of several: that the farm has another tells nothing of it.
    ...accessGroups.filter(({ existing }) => !existing).map((group) => ({ ...group, is: () => false, objectClass: GROUP_CLASS })),
  ];
}

function containersOf(objects: readonly Makable[]): readonly Lookup[] {
  return [...new Set(objects.map(({ distinguishedName }) => parentDn(distinguishedName)))].map(byDn);
}

/** The containers of all that the farm may have to make; what is there already needs none. */
export function* askForContainers(desired: DesiredFarm): Look<readonly DirectoryObject[]> {
  return yield* ask(containersOf(makable(desired)), "Containers");
}

/** Whether what is not there can be made: known before anything is, so that nothing is half made. `asked`: the containers, if they were asked for. */
export function* lookAtContainers(
  desired: DesiredFarm,
  objects: readonly DirectoryObject[],
  asked: readonly DirectoryObject[] | undefined,
): Look<ReadonlyMap<string, MissingRight>> {
  const absent = makable(desired).filter(
    ({ samAccountName, is }) =>
      !objects.some(
        (object) =>
          // One that is to be created again must be possible to create.
          object.objectGUID !== desired.recreate &&
          (sameName(object.samAccountName, samAccountName) || (is(object) && object.owner === desired.owner)),
      ),
  );
  const found = asked ?? (yield* ask(containersOf(absent), "Containers"));
  const byKey = new Map(found.map((object) => [dnKey(object.distinguishedName), object]));
  return new Map(
    absent.flatMap(({ distinguishedName, objectClass }): readonly [string, MissingRight][] => {
      const container = parentDn(distinguishedName);
      const object = byKey.get(dnKey(container));
      if (!object?.childClasses) return [[distinguishedName, { kind: "NoContainer", container }]];
      // An account may have objects below it, and cannot be deleted then: nobody is to keep another farm's from its end.
      if (isAccount(object) || isComputer(object) || isGroup(object)) return [[distinguishedName, { kind: "NotAContainer", container }]];
      return object.childClasses.has(objectClass.toLowerCase())
        ? []
        : [[distinguishedName, { kind: "CreateChild", container, objectClass }]];
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

/** objectGUIDs of the hosts that the farm's entries were resolved to before, and of those that it does not name any more. */
export function rememberedIds({ hosts, quarantined, resolved, departed, search }: DesiredFarm): readonly string[] {
  const entries = [...hosts, ...quarantined].map(({ text }) => text);
  const users = [...resolved.keys()].filter((reference) => reference.startsWith(FIELD));
  return [
    ...[...entries, ...users].flatMap((text) => resolved.get(text) ?? []).map(({ objectGUID }) => objectGUID),
    ...departed.objectGUIDs,
    ...(search?.remembered.keys() ?? []),
  ];
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
function groupsOfOthers({ grant, hostGroup, accessGroups, knownObjects, journal }: DesiredFarm): ReadonlySet<string> {
  const existing = [...(grant === "Group" ? [hostGroup] : []), ...accessGroups].filter((group) => group.existing);
  const remembered = [...journal.hostGroups, ...journal.accessGroups].filter(({ objectGUID }) => !knownObjects.includes(objectGUID));
  return new Set([
    ...existing.map(({ samAccountName }) => `sAMAccountName ${lookupKey("sAMAccountName", samAccountName)}`),
    ...remembered.map(({ objectGUID }) => `objectGUID ${lookupKey("objectGUID", objectGUID)}`),
  ]);
}

/** Nothing is asked where there is nothing to ask for. */
export function* ask(
  lookups: readonly Lookup[],
  among: Query["among"],
  conditions: Omit<Query, "lookups" | "among"> = {},
): Look<readonly DirectoryObject[]> {
  if (lookups.length === 0) return [];
  const [found = []] = yield [{ lookups, among, ...conditions }];
  return found;
}

/** Looks that do not depend on each other: each step of one is asked together with those of the others. */
export function* together<Result>(looks: readonly Look<Result>[]): Look<readonly Result[]> {
  let steps = looks.map((one) => ({ one, step: one.next() }));
  for (;;) {
    const questions = steps.flatMap(({ step }) => (step.done === true ? [] : step.value));
    if (questions.length === 0) return steps.flatMap(({ step }) => (step.done === true ? [step.value] : []));
    const answers = [...(yield questions)];
    steps = steps.map(({ one, step }) => ({ one, step: step.done === true ? step : one.next(answers.splice(0, step.value.length)) }));
  }
}

/** Whether an object is where the farm creates such. The container of an existing group, which the manifest names, is somebody else's. */
export function isInPlace({ account, hostGroup, accessGroups }: DesiredFarm): (object: DirectoryObject) => boolean {
  const own = [hostGroup, ...accessGroups].filter(({ existing, container }) => !existing || container === undefined);
  const groups = new Set(own.map(({ distinguishedName }) => parentKey(distinguishedName)));
  const accounts = new Set([parentKey(account.distinguishedName)]);
  return (object) => (isAccount(object) ? accounts : groups).has(parentKey(object.distinguishedName));
}

/** Anybody may write the farm's marker on a group of their own. What is neither on record nor where the farm creates such is somebody else's. */
export function withoutCopies(desired: DesiredFarm, objects: readonly DirectoryObject[]): readonly DirectoryObject[] {
  const { owner, adoption } = desired;
  const isPlaced = isInPlace(desired);
  // Of groups that were somebody else's one may have been adopted a moment ago; and an account, whose marker is all that tells of it.
  const known = adoption.farm === "Unowned" ? knownIds(desired) : desired.knownObjects;
  return objects.map((object) => {
    if (object.owner !== owner || isPlaced(object) || known.includes(object.objectGUID)) return object;
    return isAccount(object) && adoption.farm === "Unowned" ? object : { ...object, owner: copied(owner) };
  });
}

export function byRid(value: string): Lookup {
  return { by: "primaryGroupID", value };
}

export function byDn(value: string): Lookup {
  return { by: "distinguishedName", value };
}

export function byGuid({ objectGUID }: Pick<DirectoryObject, "objectGUID">): Lookup {
  return { by: "objectGUID", value: objectGUID };
}
