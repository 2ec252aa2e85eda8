/** The whole plan of a farm: what comes first, and what waits for what. */
import type { Blocker, Part } from "../../api/reasons.ts";
import { createdBy, type Plan } from "../changes/index.ts";
import type { DesiredFarm } from "../desired-farm.ts";
import type { FarmView } from "../view.ts";
import { planAccessGroups } from "./access-groups.ts";
import { planAccount, planServicePrincipalNames } from "./account.ts";
import { planAdoption } from "./adopt.ts";
import { planFormerGroups, planHosts, planNameOfHostGroup, planQuarantine } from "./hosts.ts";
import { planRecreation } from "./recreate.ts";
import { planRetrievers } from "./retrievers.ts";
import { unseenMessage } from "./unseen.ts";

type Planner = (view: FarmView) => Plan;

/**
 * The changes that the directory needs now, as far as they can be told from what was observed, and what keeps the rest from being done.
 * Applying it and planning again leads, within a few rounds, to a plan without changes.
 */
export function plan(view: FarmView): Plan {
  const { account, hostGroup } = view;
  if (account.kind === "Adoptable" || hostGroup.kind === "Adoptable") {
    const adoption = planAdoption(view, plan);
    if (adoption) return adoption;
  }
  const { desired, observed, hosts } = view;
  // With a compromised host, who may retrieve the password goes before everything else.
  const urgent = hosts.quarantined.size > 0;
  const planners: readonly Planner[] = [
    planQuarantine,
    ...(urgent ? [planRetrievers] : []),
    planHosts,
    planNameOfHostGroup,
    planAccount,
    planServicePrincipalNames,
    ...(urgent ? [] : [planRetrievers]),
    ...(hasAccessGroups(desired) ? [planAccessGroups] : []),
    planFormerGroups,
  ];
  const steps = planners.map((planner) => planner(view));
  const whole: Plan = {
    changes: steps.flatMap(({ changes }) => changes),
    later: steps.flatMap(({ later }) => later),
    blockers: [...desired.invalid, ...hosts.blockers, ...steps.flatMap(({ blockers }) => blockers)],
  };
  const possible = observed.missing.length > 0 ? withoutCreating(whole, observed.missing) : whole;
  // Properties and names that the directory does not take it may not take of a new account, either: they are written, and seen, first.
  const isPending = possible.changes.some(({ kind }) => kind === "UpdateAccount" || kind === "ChangeServicePrincipalNames");
  const isAsked = desired.recreate !== undefined && !isPending;
  const recreation = isAsked ? planRecreation(view) : undefined;
  if (recreation) {
    return {
      changes: [...possible.changes, ...recreation.changes],
      later: recreation.later,
      blockers: [...possible.blockers, ...recreation.blockers],
    };
  }
  return { ...possible, blockers: [...possible.blockers, ...waitsForAccount(view, possible.blockers)] };
}

/** Whether the account is, was, or is to be in a group for access control. */
function hasAccessGroups({ accessGroups, knownAccessGroups, journal }: DesiredFarm): boolean {
  return accessGroups.length + knownAccessGroups.length + journal.accessGroups.length > 0;
}

/**
 * Nobody retrieves the password of an account that is not there, nor holds it an SPN, whatever else is in place. A part with trouble of its own says
 * that alone: the account may be waiting for it.
 */
function waitsForAccount({ desired, account }: FarmView, blockers: readonly Blocker[]): readonly Blocker[] {
  if (account.kind === "Own") return [];
  const parts: readonly Part[] = [
    "Hosts",
    "ServicePrincipalNames",
    ...(desired.accessGroups.length > 0 ? (["AccessGroups"] as const) : []),
  ];
  return parts
    .filter((part) => !blockers.some((blocker) => blocker.part === part))
    .map((part) => ({ reason: "ChangesPending", part, message: "it waits for the account: see the condition AccountReady." }));
}

/** What is known and not seen may be on its way from another domain controller: making it again would make it twice. */
function withoutCreating({ changes, blockers }: Plan, missing: readonly string[]): Plan {
  if (!changes.some(createdBy)) return { changes, later: [], blockers };
  const message = unseenMessage(missing, "the operator creates nothing again");
  return {
    changes: changes.filter((change) => createdBy(change) === undefined),
    later: [],
    blockers: [...blockers, ...(["Account", "Hosts"] as const).map((part): Blocker => ({ reason: "DirectoryUnavailable", part, message }))],
  };
}
