import type { Blocker, Part } from "../../api/reasons.ts";
import type { Change, Plan } from "../changes/index.ts";
import type { DesiredFarm } from "../desired.ts";
import type { DirectoryObject, ObservedFarm } from "../../ad/object.ts";
import { owned, placeOfAccount, placeOfHostGroup, type Place } from "../slot.ts";
import { planAccessGroups } from "./access-groups.ts";
import { heldByOthers, planAccount, planServicePrincipalNames } from "./account.ts";
import { planFormerGroups, planHosts, planNameOfHostGroup, planQuarantine } from "./hosts.ts";
import { planRetrievers } from "./retrievers.ts";
import { resolveHosts } from "../resolve-hosts.ts";

/**
 * The changes that the directory needs now, as far as they can be told from what was observed, and what keeps the rest from being done.
 * Applying it and planning again leads, within a few rounds, to a plan without changes.
 */
export function plan(desired: DesiredFarm, observed: ObservedFarm): Plan {
  const account = placeOfAccount(desired, observed);
  const group = placeOfHostGroup(desired, observed);
  const adopted = [account, group].flatMap((place) => (place.kind === "Adoptable" ? [place.object] : []));
  if (adopted.length > 0) return planAdoption(desired, observed, { account, group }, adopted);
  const hosts = resolveHosts(desired, observed);
  const servicePrincipalNames = heldByOthers(desired, observed, account);
  const retrievers = planRetrievers(desired, observed, account, group, hosts);
  // With a compromised host, who may retrieve the password goes before everything else.
  const urgent = hosts.quarantined.size > 0;
  const steps = [
    { changes: planQuarantine(desired, observed, group, hosts), blockers: [] },
    ...(urgent ? [retrievers] : []),
    planHosts(desired, observed, group, hosts),
    planNameOfHostGroup(desired, observed, group),
    planAccount(desired, { observed, account, group, hosts }, servicePrincipalNames),
    planServicePrincipalNames(desired, account, servicePrincipalNames),
    ...(urgent ? [] : [retrievers]),
    planAccessGroups(desired, observed, account),
    { changes: planFormerGroups(desired, observed, account, group), blockers: [] },
  ];
  const whole: Plan = {
    changes: steps.flatMap(({ changes }) => changes),
    later: steps.flatMap((step) => ("later" in step ? (step.later ?? []) : [])),
    blockers: [...desired.invalid, ...hosts.blockers, ...servicePrincipalNames.blockers, ...steps.flatMap(({ blockers }) => blockers)],
  };
  const possible = observed.missing.length > 0 ? withoutCreating(whole, observed.missing) : whole;
  return { ...possible, blockers: [...possible.blockers, ...waitsForAccount(desired, account, possible.blockers)] };
}

/** First the owner marker; what else has to be changed follows once the object bears it, and can be read in the plan before. */
function planAdoption(
  desired: DesiredFarm,
  observed: ObservedFarm,
  { account, group }: { readonly account: Place; readonly group: Place },
  adopted: readonly DirectoryObject[],
): Plan {
  const changes = [
    { place: group, part: "Hosts" as const },
    { place: account, part: "Account" as const },
  ].flatMap(({ place, part }): readonly Change[] =>
    place.kind === "Adoptable" ? [{ kind: "Adopt", object: owned(place.object, desired.owner), part }] : [],
  );
  const objects = observed.objects.map((object) => (adopted.includes(object) ? { ...object, owner: desired.owner } : object));
  const then = plan(desired, { ...observed, objects });
  return { changes, later: [...then.changes, ...(then.later ?? [])], blockers: then.blockers };
}

/**
 * Nobody retrieves the password of an account that is not there, nor holds it an SPN, whatever else is in place. A part with trouble of its own says
 * that alone: the account may be waiting for it.
 */
function waitsForAccount({ accessGroups }: DesiredFarm, account: Place, blockers: readonly Blocker[]): readonly Blocker[] {
  if (account.kind === "Own") return [];
  const parts: readonly Part[] = ["Hosts", "ServicePrincipalNames", ...(accessGroups.length > 0 ? (["AccessGroups"] as const) : [])];
  return parts
    .filter((part) => !blockers.some((blocker) => blocker.part === part))
    .map((part) => ({ reason: "ChangesPending", part, message: "it waits for the account: see the condition AccountReady." }));
}

const CREATING: ReadonlySet<Change["kind"]> = new Set(["CreateAccount", "CreateHostGroup", "CreateAccessGroup"]);

/** What is known and not seen may be on its way from another domain controller: making it again would make it twice. */
function withoutCreating({ changes, blockers }: Plan, missing: readonly string[]): Plan {
  if (!changes.some(({ kind }) => CREATING.has(kind))) return { changes, blockers };
  const message = `${missing.join(", ")} (objectGUID) is not to be seen on this domain controller, which took over less than an hour ago: it may not be replicated yet, so nothing is made anew until the hour is over.`;
  return {
    changes: changes.filter(({ kind }) => !CREATING.has(kind)),
    blockers: [...blockers, ...(["Account", "Hosts"] as const).map((part): Blocker => ({ reason: "DirectoryUnavailable", part, message }))],
  };
}
