/** An account that is deleted and created again: another SID and password under the same name. */
import type { Blocker } from "../../api/reasons.ts";
import { type DirectoryObject } from "../../ad/object.ts";
import { matchesPattern } from "../../names/account-name.ts";
import type { Plan } from "../changes/index.ts";
import type { DesiredFarm } from "../desired-farm.ts";
import type { FormerAccount } from "../journal.ts";
import { owned } from "../slot.ts";
import { type FarmView, viewOf } from "../view.ts";
import { planAccount } from "./account.ts";
import { grantOf } from "./retrievers.ts";

/** As many as the schema takes. Whoever has the password may register any number of names. */
const [GROUPS, NAMES] = [100, 500];

/**
 * What comes last of a plan: the deletion, where the account is the one that is meant and can be created again at once; else what keeps that from being
 * done. Undefined where another account is meant, which is gone: whoever applies an old manifest again changes nothing.
 */
export function planRecreation(view: FarmView): Plan | undefined {
  const { desired, observed, account } = view;
  if (account.kind !== "Own" || account.object.objectGUID !== desired.recreate) return undefined;
  // One that was deleted for this annotation and is back, restored by somebody, is not what it asks for.
  if (desired.journal.formerAccount?.successor !== undefined && desired.journal.formerAccount.objectGUID === desired.recreate)
    return undefined;
  // One that is adopted in this very moment is not on record yet.
  if (!desired.knownObjects.includes(account.object.objectGUID)) return undefined;
  const former = formerOf(view, account.object);
  const journal = { ...desired.journal, formerAccount: former };
  const objects = observed.objects.filter((object) => object !== account.object);
  const { changes, blockers } = planAccount(viewOf({ ...desired, journal }, { ...observed, objects }));
  // The group that it names may have to be made first. Whatever is not to be seen may be this very account, made by way of another server.
  if (!changes.some(({ kind }) => kind === "CreateAccount") || observed.missing.length > 0)
    return { changes: [], later: [], blockers: blockers.map(notNow) };
  return { changes: [{ kind: "DeleteAccount", object: owned(account.object, desired.owner), former }], later: changes, blockers };
}

function notNow(blocker: Blocker): Blocker {
  return {
    ...blocker,
    message: `the account is not deleted to be created again (serverfarm.dev/recreate-account), since: ${blocker.message}`,
  };
}

/** What is not in the manifest, and would be lost. */
function formerOf(view: FarmView, account: DirectoryObject): FormerAccount {
  const { desired, accessGroups } = view;
  const own = new Set(accessGroups.flatMap(({ slot }) => ("object" in slot ? [slot.object.distinguishedName] : [])));
  const memberOf = account.memberOf.filter((dn) => !own.has(dn)).slice(0, GROUPS);
  const servicePrincipalNames = unmanagedNames(desired, account).slice(0, NAMES);
  const { retrievers, denied } = keptRights(view, account);
  const { description, displayName } = account;
  return {
    objectGUID: account.objectGUID,
    ...(account.objectSID === undefined ? {} : { objectSID: account.objectSID }),
    ...(memberOf.length > 0 ? { memberOf } : {}),
    ...(retrievers.length > 0 ? { retrievers } : {}),
    ...(denied.length > 0 ? { denied } : {}),
    ...(servicePrincipalNames.length > 0 ? { servicePrincipalNames } : {}),
    ...(desired.account.description === undefined && description !== undefined ? { description } : {}),
    ...(desired.account.displayName === undefined && displayName !== undefined ? { displayName } : {}),
  };
}

/** Whoever is kept in, or out, by the list of the account alone: a host that cannot be seen now, or that an entry may mean. */
function keptRights(
  view: FarmView,
  { retrievers: current }: DirectoryObject,
): { readonly retrievers: readonly string[]; readonly denied: readonly string[] } {
  const [fresh, kept] = [grantOf(view, undefined), grantOf(view, current)];
  return {
    retrievers: (kept?.principals ?? []).filter((sid) => !fresh?.principals.includes(sid)),
    denied: (kept?.denied ?? []).filter((sid) => !fresh?.denied.includes(sid)),
  };
}

function unmanagedNames(
  { account, unmanagedServicePrincipalNames: patterns }: DesiredFarm,
  { servicePrincipalNames }: DirectoryObject,
): readonly string[] {
  if (account.outboundOnly) return [];
  return servicePrincipalNames.filter((name) => patterns.some((pattern) => matchesPattern(pattern, name)));
}
