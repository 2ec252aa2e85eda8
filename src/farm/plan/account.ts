/** The account itself, and its service principal names. */
import type { Blocker } from "../../api/reasons.ts";
import { desiredProperties, observedProperties, ACCOUNT_ATTRIBUTES, type DirectoryObject } from "../../ad/object.ts";
import { foldName, matchesPattern, sameName } from "../../names/account-name.ts";
import { blockedBy, NOTHING, type Change, type Plan } from "../changes/index.ts";
import type { DesiredFarm } from "../desired.ts";
import { owned } from "../slot.ts";
import type { FarmView } from "../view.ts";
import { grantOf, PRINCIPALS } from "./retrievers.ts";

export function planAccount(view: FarmView): Plan {
  const { desired, account } = view;
  switch (account.kind) {
    case "External":
    case "Unwanted":
      return NOTHING;
    case "Adoptable":
      return blockedBy(waitsForGroup(desired, "taken over"));
    case "Blocked":
      return blockedBy(account.blocker);
    case "Vacant":
      return planCreation(view);
    case "Own": {
      const wanted = desiredProperties(desired.account, account.object);
      const current = observedProperties(account.object);
      const differing = ACCOUNT_ATTRIBUTES.filter((name) => wanted[name] !== current[name]);
      const properties = Object.fromEntries(differing.map((name) => [name, wanted[name]]));
      const object = owned(account.object, desired.owner);
      return {
        changes: differing.length > 0 ? [{ kind: "UpdateAccount", object, properties, observed: current }] : [],
        later: [],
        blockers: unchangeable(desired, account.object),
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
  const held = heldByOthers(view);
  const grant = grantOf(view, undefined);
  const create: Change = {
    kind: "CreateAccount",
    distinguishedName,
    samAccountName,
    owner: desired.owner,
    passwordIntervalDays,
    properties: desiredProperties(desired.account, undefined),
    servicePrincipalNames: desired.servicePrincipalNames.filter((name) => !held.has(foldName(name))),
    retrievers: (grant?.principals ?? []).slice(0, PRINCIPALS),
    denied: (grant?.denied ?? []).slice(0, PRINCIPALS - 1),
  };
  return grant === undefined ? { changes: [], later: [create], blockers: [] } : { changes: [create], later: [], blockers: [] };
}

function waitsForGroup({ account }: DesiredFarm, what: string): Blocker {
  const message = `the account ${account.samAccountName} is ${what} once its host group is there: see the condition HostsReady.`;
  return { reason: "ChangesPending", part: "Account", message };
}

/** What differs and cannot, or must not, be written. */
function unchangeable(
  { account }: DesiredFarm,
  { distinguishedName, samAccountName, passwordIntervalDays }: DirectoryObject,
): readonly Blocker[] {
  const messages: string[] = [];
  if (!sameName(samAccountName, account.samAccountName)) {
    messages.push(
      `${distinguishedName} has the sAMAccountName ${samAccountName}, not ${account.samAccountName}: its hosts know it by the old name; rename it back (Set-ADServiceAccount -SamAccountName).`,
    );
  }
  if (passwordIntervalDays !== undefined && passwordIntervalDays !== account.passwordIntervalDays) {
    messages.push(
      `${distinguishedName} has a password interval of ${passwordIntervalDays} days, not ${account.passwordIntervalDays}: it is fixed when an account is created; only a new account can have another one.`,
    );
  }
  return messages.map((message) => ({ reason: "Rejected", part: "Account", message }));
}

/** By delta, so that a value that somebody wrote meanwhile is not lost unseen. What another object holds is left out, and the holder named. */
export function planServicePrincipalNames(view: FarmView): Plan {
  const { desired, account } = view;
  const held = heldByOthers(view);
  const blockers = account.kind === "Blocked" ? [] : [...held.values()];
  if (account.kind !== "Own") return { changes: [], later: [], blockers };
  const { object } = account;
  const current = new Set(object.servicePrincipalNames.map(foldName));
  const wanted = new Set(desired.servicePrincipalNames.map(foldName));
  const add = desired.servicePrincipalNames.filter((name) => {
    const key = foldName(name);
    return !current.has(key) && !held.has(key);
  });
  const left = desired.unmanagedServicePrincipalNames;
  const remove = object.servicePrincipalNames.filter(
    (name) => !wanted.has(foldName(name)) && !left.some((pattern) => matchesPattern(pattern, name)),
  );
  if (add.length === 0 && remove.length === 0) return { changes: [], later: [], blockers };
  return { changes: [{ kind: "ChangeServicePrincipalNames", object: owned(object, desired.owner), add, remove }], later: [], blockers };
}

/** A farm never takes an SPN from somebody: by their keys, those that another object holds, each with what to say of it. */
function heldByOthers({ desired, observed, account }: FarmView): ReadonlyMap<string, Blocker> {
  const own = account.kind === "Own" ? account.object.objectGUID : undefined;
  const holders = new Map<string, DirectoryObject>();
  for (const object of observed.objects) {
    if (object.objectGUID === own) continue;
    for (const name of object.servicePrincipalNames) holders.set(foldName(name), object);
  }
  return new Map(
    desired.servicePrincipalNames.flatMap((name): readonly [string, Blocker][] => {
      const holder = holders.get(foldName(name));
      if (!holder) return [];
      const message = `${name} is held by ${holder.distinguishedName}: remove it there (setspn -D), or from servicePrincipalNames.`;
      return [[foldName(name), { reason: "ServicePrincipalNameInUse", part: "ServicePrincipalNames", message }]];
    }),
  );
}
