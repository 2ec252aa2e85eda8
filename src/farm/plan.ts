import type { Blocker, Part } from "./blocker.ts";
import type { Plan } from "./change.ts";
import type { DesiredFarm } from "./desired.ts";
import type { ObservedFarm } from "./observed.ts";
import { placeOfAccount, placeOfHostGroup, type Place } from "./place.ts";
import { heldByOthers, planAccount, planRetrievers, planServicePrincipalNames } from "./plan-account.ts";
import { planHosts, planNameOfHostGroup, resolveHosts } from "./plan-hosts.ts";

/**
 * The changes that the directory needs now, as far as they can be told from what was observed, and what keeps the rest from being done.
 * Applying it and planning again leads, within a few rounds, to a plan without changes.
 */
export function plan(desired: DesiredFarm, observed: ObservedFarm): Plan {
  const account = placeOfAccount(desired, observed);
  const group = placeOfHostGroup(desired, observed);
  const hosts = resolveHosts(desired, observed);
  const servicePrincipalNames = heldByOthers(desired, observed, account);
  const steps = [
    planHosts(desired, observed, group, hosts),
    planNameOfHostGroup(desired, observed, group),
    planAccount(desired, account, group, servicePrincipalNames),
    planServicePrincipalNames(desired, account, servicePrincipalNames),
    planRetrievers(account, group),
  ];
  const whole: Plan = {
    changes: steps.flatMap(({ changes }) => changes),
    later: steps.flatMap(({ later }) => later ?? []),
    blockers: [...hosts.blockers, ...servicePrincipalNames.blockers, ...steps.flatMap(({ blockers }) => blockers)],
  };
  const possible = observed.missing.length > 0 ? withoutCreating(whole, observed.missing) : whole;
  return { ...possible, blockers: [...possible.blockers, ...waitsForAccount(account)] };
}

/** Nobody retrieves the password of an account that is not there, nor holds it an SPN, whatever else is in place. */
function waitsForAccount(account: Place): readonly Blocker[] {
  if (account.kind === "Own") return [];
  const parts: readonly Part[] = ["Hosts", "ServicePrincipalNames"];
  return parts.map((part) => ({ reason: "ChangesPending", part, message: "it waits for the account: see the condition AccountReady." }));
}

/** What is known and not seen may be on its way from another domain controller: making it again would make it twice. */
function withoutCreating({ changes, blockers }: Plan, missing: readonly string[]): Plan {
  const creates = changes.filter(({ kind }) => kind === "CreateAccount" || kind === "CreateHostGroup");
  if (creates.length === 0) return { changes, blockers };
  const message = `${missing.join(", ")} (objectGUID) is not to be seen on this domain controller, which took over lately: it may not be replicated yet, so nothing is made anew for now.`;
  return {
    changes: changes.filter((change) => !creates.includes(change)),
    blockers: [...blockers, ...(["Account", "Hosts"] as const).map((part): Blocker => ({ reason: "DirectoryUnavailable", part, message }))],
  };
}
