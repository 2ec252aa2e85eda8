/** The account itself, and its service principal names. */
import type { Blocker } from "../../api/reasons.ts";
import {
  desiredProperties,
  observedProperties,
  ACCOUNT_ATTRIBUTES,
  HostIndex,
  type DirectoryObject,
  isAccount,
  isComputer,
  isDomainController,
} from "../../ad/object.ts";
import {
  aliasesOf,
  distinctServicePrincipalNames,
  foldName,
  hostOf,
  matchesPattern,
  namesOfComputer,
  reservedName,
  sameName,
} from "../../names/account-name.ts";
import { dnKey } from "../../names/distinguished-name.ts";
import { isOfNamespace, isOwnerMarker } from "../../names/identifier.ts";
import { blockedBy, NOTHING, type Change, type Plan } from "../changes/index.ts";
import type { DesiredFarm } from "../desired-farm.ts";
import { inheritedFrom, namesToHave } from "../journal.ts";
import { dnsHostNameTaken, owned } from "../slot.ts";
import type { FarmView } from "../view.ts";
import { grantOf, PRINCIPALS } from "./retrievers.ts";

export function planAccount(view: FarmView): Plan {
  const { desired, observed, account } = view;
  switch (account.kind) {
    case "External":
    case "Unwanted":
      return NOTHING;
    case "Adoptable":
      return blockedBy(waitsForGroup(desired, "adopted"));
    case "Blocked":
      return blockedBy(account.blocker);
    case "Vacant":
      return planCreation(view);
    case "Own": {
      const wanted = desiredProperties(desired.account, account.object);
      const current = observedProperties(account.object);
      const taken = dnsHostNameTaken(desired, observed, account.object);
      const differing = ACCOUNT_ATTRIBUTES.filter((name) => wanted[name] !== current[name] && !(taken && name === "dNSHostName"));
      const properties = Object.fromEntries(differing.map((name) => [name, wanted[name]]));
      const object = owned(account.object, desired.owner);
      return {
        changes: differing.length > 0 ? [{ kind: "UpdateAccount", object, properties, observed: current }] : [],
        later: [],
        blockers: [...unchangeable(desired, account.object), ...(taken ? [taken] : [])],
      };
    }
  }
}

/** The account is made whole in one write, so it waits until the group that may retrieve its password exists. */
function planCreation(view: FarmView): Plan {
  const { desired, hostGroup } = view;
  const { distinguishedName, samAccountName, passwordIntervalDays } = desired.account;
  if (hostGroup.kind === "Blocked") {
    return blockedBy(waitsForGroup(desired, "created"));
  }
  const [reserved, held] = [reservedNames(view), heldByOthers(view)];
  const former = inheritedFrom(desired.journal);
  const grant = grantOf(view, former.rights);
  const create: Change = {
    kind: "CreateAccount",
    distinguishedName,
    samAccountName,
    owner: desired.owner,
    passwordIntervalDays,
    properties: { ...desiredProperties(desired.account, undefined), ...former.properties },
    servicePrincipalNames: distinctServicePrincipalNames(
      namesToHave(desired).filter((name) => !reserved.has(foldName(name)) && !held.has(foldName(name))),
    ),
    retrievers: (grant?.principals ?? []).slice(0, PRINCIPALS),
    denied: (grant?.denied ?? []).slice(0, PRINCIPALS - 1),
  };
  return grant === undefined ? { changes: [], later: [create], blockers: [] } : { changes: [create], later: [], blockers: [] };
}

function waitsForGroup({ account }: DesiredFarm, what: string): Blocker {
  const message = `the account ${account.samAccountName} is ${what} once its host group exists: see the condition HostsReady.`;
  return { reason: "ChangesPending", part: "Account", message };
}

/** What differs and cannot, or must not, be written. */
function unchangeable(
  { account }: DesiredFarm,
  { distinguishedName, objectGUID, samAccountName, passwordIntervalDays }: DirectoryObject,
): readonly Blocker[] {
  const messages: string[] = [];
  if (!sameName(samAccountName, account.samAccountName)) {
    messages.push(
      `${distinguishedName} has the sAMAccountName ${samAccountName}, not ${account.samAccountName}: its hosts know it by the old name; rename it back (Set-ADServiceAccount -SamAccountName).`,
    );
  }
  if (passwordIntervalDays !== undefined && passwordIntervalDays !== account.passwordIntervalDays) {
    messages.push(
      `${distinguishedName} has a password interval of ${passwordIntervalDays} days, not ${account.passwordIntervalDays}: it is fixed when an account is created, and only a new account can have another one. Set account.passwordIntervalDays back; or have the account deleted and created again with a new SID and password: kubectl annotate farm NAME serverfarm.dev/recreate-account=${objectGUID}.`,
    );
  }
  return messages.map((message) => ({ reason: "Rejected", part: "Account", message }));
}

/**
 * By delta, so that a value that somebody wrote meanwhile is not lost unseen; removals first, in a write of their own. What another object holds is left
 * out, and the holder named; what no farm can have goes.
 */
export function planServicePrincipalNames(view: FarmView): Plan {
  const { desired, account } = view;
  const [reserved, held] = [reservedNames(view), heldByOthers(view)];
  const blockers = account.kind === "Blocked" ? [] : blockersOf(desired, reserved, held);
  if (account.kind !== "Own") return { changes: [], later: [], blockers };
  const object = owned(account.object, desired.owner);
  const current = new Set(account.object.servicePrincipalNames.map(foldName));
  const allowed = desired.servicePrincipalNames.filter((name) => !reserved.has(foldName(name)));
  const wanted = new Set(allowed.map(foldName));
  // What the directory did not take when the account was created again is tried once more.
  const isBack = account.object.objectGUID !== desired.journal.formerAccount?.objectGUID;
  const add = distinctServicePrincipalNames(isBack ? namesToHave(desired) : desired.servicePrincipalNames).filter((name) =>
    [reserved, held, current].every((known) => !known.has(foldName(name))),
  );
  const left = desired.unmanagedServicePrincipalNames;
  const remove = account.object.servicePrincipalNames.filter(
    (name) => !wanted.has(foldName(name)) && !left.some((pattern) => matchesPattern(pattern, name)),
  );
  const changes: readonly Change[] = [
    ...(remove.length > 0 ? [{ kind: "ChangeServicePrincipalNames", object, add: [], remove } as const] : []),
    ...(add.length > 0 ? [{ kind: "ChangeServicePrincipalNames", object, add, remove: [] } as const] : []),
  ];
  return { changes, later: [], blockers };
}

/** By the keys of service principal names, what to say of each. */
type LeftOut = ReadonlyMap<string, Blocker>;

/** In the order of the manifest. Who holds a name says more than that it speaks of a computer. */
function blockersOf({ servicePrincipalNames }: DesiredFarm, reserved: LeftOut, held: LeftOut): readonly Blocker[] {
  return servicePrincipalNames.flatMap((name) => held.get(foldName(name)) ?? reserved.get(foldName(name)) ?? []);
}

function leftOut(names: readonly string[], reason: Blocker["reason"], messageOf: (name: string) => string | undefined): LeftOut {
  return new Map(
    names.flatMap((name): readonly [string, Blocker][] => {
      const message = messageOf(name);
      return message === undefined ? [] : [[foldName(name), { reason, part: "ServicePrincipalNames", message }]];
    }),
  );
}

/** Names that are not a farm's to have: of classes that belong to others, of the domain, of its controllers, and of computers that are not its hosts. */
function reservedNames(view: FarmView): LeftOut {
  const { desired, observed, account } = view;
  if (desired.servicePrincipalNames.length === 0) return new Map();
  const current = new Set(account.kind === "Own" ? account.object.servicePrincipalNames.map(foldName) : []);
  // A farm may have as many hosts as names, and more.
  const computers = new HostIndex([...observed.objects, ...observed.computers].filter(isComputer));
  const resolved = [...desired.resolved.values()].flat().map((host) => host.objectGUID);
  const known = new Set([...resolved, ...(desired.search?.remembered.keys() ?? [])]);
  return leftOut(desired.servicePrincipalNames, "ServicePrincipalNameReserved", (name) => {
    const rule = reservedName(name, desired.domain);
    if (rule !== undefined) return `${name} is not set, because ${rule}: remove it from servicePrincipalNames.`;
    const bearer = strangerNamed(view, computers, hostOf(name));
    if (!bearer) {
      // Another tenant may make an account of any free name: that takes no name from a farm that has it.
      const other = current.has(foldName(name)) ? undefined : accountNamed(view, hostOf(name));
      return (
        other &&
        `${name} is not set, because it names ${other.distinguishedName}, the account of a farm in another namespace: remove it from servicePrincipalNames.`
      );
    }
    const { distinguishedName, objectGUID, creatorSID } = bearer;
    // Every user may create a computer of any free name: that takes no name from a farm that has it. Nor does it that a host may not be one any more.
    const isHeld = view.hosts.undecided.has(dnKey(distinguishedName)) && known.has(objectGUID);
    if ((creatorSID !== undefined || isHeld) && !isDomainController(bearer) && current.has(foldName(name))) return undefined;
    return isDomainController(bearer)
      ? `${name} is not set, because it names ${distinguishedName}, a domain controller: remove it from servicePrincipalNames.`
      : `${name} is not set, because it names ${distinguishedName}, a computer that is not a host of this farm: name the computer in hosts.computers if it is one, or remove the name from servicePrincipalNames.`;
  });
}

/** A computer that a host name means and that is no host of the farm; a domain controller never is one. */
function strangerNamed({ desired, hosts }: FarmView, computers: HostIndex, host: string | undefined): DirectoryObject | undefined {
  if (host === undefined) return undefined;
  const { samAccountName, dnsHostName } = namesOfComputer(host, desired.domain);
  const named = [
    ...computers.find({ by: "sAMAccountName", value: samAccountName }),
    ...computers.find({ by: "dNSHostName", value: dnsHostName }),
  ];
  // Of several that claim the name one may be a host: whoever claims it too does not take it from that one.
  const isHost = ({ distinguishedName }: DirectoryObject): boolean => {
    const key = dnKey(distinguishedName);
    return hosts.wanted.has(key) || (hosts.undecided.has(key) && !hosts.notAllowed.has(key));
  };
  return named.find(isDomainController) ?? (named.some(isHost) ? undefined : named[0]);
}

/** The account of a farm of another namespace whose dNSHostName it is: who asks for that host means that farm. */
function accountNamed({ desired, observed }: FarmView, host: string | undefined): DirectoryObject | undefined {
  if (host === undefined) return undefined;
  const { dnsHostName } = namesOfComputer(host, desired.domain);
  return observed.objects.find(
    (object) =>
      isAccount(object) &&
      sameName(object.dnsHostName, dnsHostName) &&
      isOwnerMarker(object.owner) &&
      !isOfNamespace(object.owner, desired.owner),
  );
}

/** A farm never takes an SPN from somebody, nor one that somebody holds by another that implies it, nor one that would imply somebody's. */
function heldByOthers({ desired, observed, account }: FarmView): LeftOut {
  const own = "object" in account ? account.object.objectGUID : undefined;
  const holders = new Map<string, { readonly holder: DirectoryObject; readonly as: string }>();
  for (const holder of observed.objects) {
    if (holder.objectGUID === own) continue;
    for (const as of holder.servicePrincipalNames) holders.set(foldName(as), { holder, as });
  }
  if (holders.size === 0) return new Map();
  // Somebody may have got what an account had that is created again.
  return leftOut(namesToHave(desired), "ServicePrincipalNameInUse", (name) => {
    // Of a name that no farm can have it does not matter who holds it.
    if (reservedName(name, desired.domain) !== undefined) return undefined;
    const found = holders.get(foldName(name));
    if (found)
      return `${name} is held by ${found.holder.distinguishedName}: remove it from servicePrincipalNames, or have it removed there (setspn -D).`;
    const alias = aliasesOf(name, desired.domain.servicePrincipalNameMappings).find((other) => holders.has(foldName(other)));
    const implied = alias === undefined ? undefined : holders.get(foldName(alias));
    if (!implied) return undefined;
    return `${name} is held by ${implied.holder.distinguishedName} as ${implied.as}, because one implies the other (sPNMappings): choose another host name, or remove it from servicePrincipalNames.`;
  });
}
