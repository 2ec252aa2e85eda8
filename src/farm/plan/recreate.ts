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

/** As the schema has it. */
const GROUPS = 100;

/**
 * What comes last of a plan: the deletion, where the account is the one that is meant and can be created again at once; else what keeps that from being
 * done. Undefined where another account is meant, which is gone: whoever applies an old manifest again changes nothing.
 */
export function planRecreation(view: FarmView): Plan | undefined {
  const { desired, observed, account } = view;
  if (account.kind !== "Own" || account.object.objectGUID !== desired.recreate) return undefined;
  // One that is adopted in this very moment is not on record yet.
  if (!desired.knownObjects.includes(account.object.objectGUID)) return undefined;
  const former = formerOf(view, account.object);
  const journal = { ...desired.journal, formerAccount: former };
  const objects = observed.objects.filter((object) => object !== account.object);
  const { changes, blockers } = planAccount(viewOf({ ...desired, journal }, { ...observed, objects }));
  // The group that it names may have to be made first. Whatever is not to be seen may be this very account, made by way of another server.
  if (changes.length === 0 || observed.missing.length > 0) return { changes: [], later: [], blockers: blockers.map(notNow) };
  return { changes: [{ kind: "DeleteAccount", object: owned(account.object, desired.owner), former }], later: changes, blockers };
}

function notNow(blocker: Blocker): Blocker {
  return {
    ...blocker,
    message: `the account is not deleted to be created again (serverfarm.dev/recreate-account), since: ${blocker.message}`,
  };
}

/** What is not in the manifest, and would be lost. */
function formerOf({ desired, accessGroups }: FarmView, account: DirectoryObject): FormerAccount {
  const own = new Set(accessGroups.flatMap(({ slot }) => ("object" in slot ? [slot.object.distinguishedName] : [])));
  const memberOf = account.memberOf.filter((dn) => !own.has(dn)).slice(0, GROUPS);
  const servicePrincipalNames = unmanagedNames(desired, account);
  const { description, displayName } = account;
  return {
    objectGUID: account.objectGUID,
    ...(account.objectSID === undefined ? {} : { objectSID: account.objectSID }),
    ...(memberOf.length > 0 ? { memberOf } : {}),
    ...(servicePrincipalNames.length > 0 ? { servicePrincipalNames } : {}),
    ...(desired.account.description === undefined && description !== undefined ? { description } : {}),
    ...(desired.account.displayName === undefined && displayName !== undefined ? { displayName } : {}),
  };
}

function unmanagedNames(
  { account, unmanagedServicePrincipalNames: patterns }: DesiredFarm,
  { servicePrincipalNames }: DirectoryObject,
): readonly string[] {
  if (account.outboundOnly) return [];
  return servicePrincipalNames.filter((name) => patterns.some((pattern) => matchesPattern(pattern, name)));
}
