/** What is said of what is published for Pods: the condition PodsReady, Events, and a farm's status with them. Pure. */
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import { type Condition, type ConditionDraft, progress, toConditions } from "../api/object.ts";
import { type Reason, waitsForPerson } from "../api/reasons.ts";
import { sameName } from "../names/account-name.ts";
import { accountGuidOf, credentialSpecName, type Found, isOfThisFarm, type NamedAccount, type Owner } from "./objects.ts";
import { kindOf, type PodsPlan, type Scope, type Step } from "./plan.ts";
import { ownerOf, type Wish } from "./wanted.ts";

export const PODS_READY = "PodsReady";

export interface PodsFinding {
  readonly status: Condition["status"];
  readonly reason: Reason;
  readonly message: string;
}

/** The installation lacks what spec.pods needs. */
export function notEnabled(value: "pods.enabled" | "pods.configMaps"): PodsFinding {
  const what = value === "pods.enabled" ? "nothing is published for Pods" : "no ConfigMap is published, though pods.configMap asks for one";
  return {
    status: "False",
    reason: "NotEnabled",
    message: `${what}: the operator is installed without ${value}, which grants it the rights for that. Ask whoever installed it to set ${value} to true in its chart (docs/guide/windows-pods.md).`,
  };
}

export const KIND_MISSING: PodsFinding = {
  status: "False",
  reason: "CredentialSpecKindMissing",
  message:
    "the cluster has no GMSACredentialSpec (windows.k8s.io/v1): install kubernetes-sigs/windows-gmsa, its CRD and its webhook. The operator publishes automatically once the kind exists; the rest of the farm is not affected.",
};

/** The API server drops what it does not know. */
export const KIND_TOO_OLD: PodsFinding = {
  status: "False",
  reason: "CredentialSpecKindMissing",
  message:
    "the CRD of GMSACredentialSpec in this cluster does not store all fields of a credential spec (HostAccountConfig): update kubernetes-sigs/windows-gmsa, its CRD and its webhook.",
};

export function refusedFinding(kind: "AccessDenied" | "Rejected", said: string): PodsFinding {
  const remedy =
    kind === "AccessDenied"
      ? "Grant the operator's role the missing right (pods.enabled of its chart does)."
      : "Change what refuses it (an admission policy, a webhook).";
  return {
    status: "False",
    reason: kind,
    message: `the API server refused what is published for Pods: ${said}. ${remedy} The operator tries again.`,
  };
}

/** It may be done in part; nobody has to act. */
export const UNFINISHED: PodsFinding = {
  status: "Unknown",
  reason: "Progressing",
  message: "the API server did not answer or failed while the operator published for Pods. The operator tries again; see its log.",
};

/** Reasons of HostsReady that are about single hosts: the others have the right already. */
const SINGLE_HOSTS: ReadonlySet<string> = new Set([
  "HostNotFound",
  "HostAmbiguous",
  "HostNotTrusted",
  "NotAllowed",
  "QuarantineNotFound",
] satisfies readonly Reason[]);

/** Whether the farm owns the account: what is published must never speak of one that is not its own. */
export function hasAccount(
  { account, ownedObjects = [] }: ServerFarmStatus,
  { samAccountName }: Pick<NamedAccount, "samAccountName">,
): boolean {
  return ownedObjects.some(({ kind }) => kind === "Account") && sameName(account?.samAccountName, `${samAccountName}$`);
}

/** Whether hosts may retrieve the account's password, too: only then Pods can be told of it for the first time. */
export function isAccountReady(status: ServerFarmStatus, account: NamedAccount): boolean {
  const hosts = status.conditions?.find(({ type }) => type === "HostsReady");
  return hasAccount(status, account) && (hosts?.status === "True" || SINGLE_HOSTS.has(hosts?.reason ?? ""));
}

/** How a farm stands whose status is about to be this one. */
export interface Standing {
  readonly status: ServerFarmStatus;
  /**
   * Whether another account has the name of the farm's. `published`: the objectGUID of the account that the spec was published for; undefined, as the farm's
   * status has it. The function itself is undefined where nobody looked at the directory.
   */
  readonly isLost: ((published: string | undefined) => boolean) | undefined;
}

/** What may be done for a farm. */
export function scopeOf(wish: Wish, found: Found, owner: Owner, { status, isLost }: Standing): Scope {
  if (wish.kind === "Nothing") return "Full";
  if (isLost?.(accountGuidOf(found.GMSACredentialSpec))) return "Lost";
  if (!hasAccount(status, wish.account) || isBeingRecreated(status)) return "Awaited";
  if (!isLost || isWithheld(status)) return "Frozen";
  // A farm of this name that was there before may have published another account. What went with an account that was created again comes back with it.
  const isFollowed = isOfThisFarm("GMSACredentialSpec", found.GMSACredentialSpec, owner);
  const isBack = status.formerAccount !== undefined && status.formerAccount.successor === status.account?.objectGUID;
  return isFollowed || isBack || isAccountReady(status, wish.account) ? "Full" : "Awaited";
}

/** The account is deleted to be created again, and the new one was not seen yet. */
export function isBeingRecreated({ formerAccount }: Pick<ServerFarmStatus, "formerAccount">): boolean {
  return formerAccount !== undefined && formerAccount.successor === undefined;
}

/** Whether the domain's tenants do not allow the farm. */
export function isWithheld({ conditions = [] }: ServerFarmStatus): boolean {
  return conditions.some(({ type, status }) => type === "Allowed" && status !== "True");
}

/** `own`: a spec is there already, which is left as it is. */
export function awaitedFinding(own: boolean): PodsFinding {
  const what = own ? "what is published is neither fixed nor granted to anyone" : "nothing is published";
  return {
    status: "False",
    reason: "ChangesPending",
    message: `${what} until the account exists and hosts may retrieve its password: see AccountReady and HostsReady.`,
  };
}

/** The domain's tenants do not allow the farm. */
export const NOT_ALLOWED: PodsFinding = {
  status: "False",
  reason: "NotAllowed",
  message: "nothing is published for a farm that the domain's tenants do not allow: see the condition Allowed.",
};

/** Nothing is written for a farm that is only observed. Undefined where nothing is to be done. */
export function observedFinding({ steps }: PodsPlan): PodsFinding | undefined {
  if (steps.length === 0) return undefined;
  const message = `managementPolicy of the farm or of its domain is Observe, so these changes are pending: ${steps.map(describeStep).join(", ")}.`;
  return { status: "False", reason: "ChangesPending", message };
}

export function blockedFinding({ blockers }: PodsPlan): PodsFinding | undefined {
  const [first] = blockers;
  return first && { status: "False", reason: first.reason, message: blockers.map(({ message }) => message).join(" ") };
}

export function publishedFinding(farm: ServerFarm): PodsFinding {
  const { serviceAccounts = [], hostAccount } = farm.spec.pods ?? {};
  const who =
    serviceAccounts.length === 0
      ? "no ServiceAccount may use it: name those of the Pods in pods.serviceAccounts"
      : `Pods of these ServiceAccounts may use it: ${serviceAccounts.join(", ")}`;
  const node = hostAccount === undefined ? "a node that is a host of the farm" : `a node that finds the credentials of ${hostAccount}`;
  return {
    status: "True",
    reason: "Published",
    message: `the GMSACredentialSpec ${credentialSpecName(ownerOf(farm))} is published; ${who}. Only ${node} can retrieve the password; Pods also start on other nodes.`,
  };
}

/** What is published as far as it is known: undefined, nothing is known to be. */
type Published = ServerFarmStatus["pods"];

export function publishedOf(farm: ServerFarm, isThere: boolean): Published {
  return isThere ? { credentialSpecName: credentialSpecName(ownerOf(farm)) } : undefined;
}

export interface Conclusion {
  readonly finding: PodsFinding;
  readonly published: Published;
  /** Whether it has to be looked at again, as nobody tells when it changes. */
  readonly retries: boolean;
}

/** After all was done. `own`: the spec was there before, as the farm's. `isKept`: the API server kept what it was given. */
export function conclude(
  farm: ServerFarm,
  plan: PodsPlan,
  { own, isKept, configMaps }: { readonly own: boolean; readonly isKept: boolean; readonly configMaps: boolean },
): Conclusion {
  const last = plan.steps.findLast((step) => kindOf(step) === "GMSACredentialSpec");
  const isThere = last ? last.do !== "Delete" : own;
  const published = publishedOf(farm, isThere);
  const wrong = blockedFinding(plan) ?? (isKept ? undefined : KIND_TOO_OLD);
  if (wrong) return { finding: wrong, published, retries: true };
  const lacksConfigMap = farm.spec.pods?.configMap === true && !configMaps;
  return { finding: lacksConfigMap ? notEnabled("pods.configMaps") : publishedFinding(farm), published, retries: false };
}

/**
 * The status with what is found of Pods: a farm that is not all that was asked for is not ready. `finding` undefined: it was not looked at, and what was
 * said before stays. A farm that wants nothing has no condition, unless what it had cannot be taken away.
 */
export function withPods(
  farm: ServerFarm,
  status: ServerFarmStatus,
  { finding, published }: { readonly finding: PodsFinding | undefined; readonly published: Published },
  now: Date,
): ServerFarmStatus {
  const { pods: _pods, conditions = [], ...rest } = status;
  const base = { ...rest, ...(published === undefined ? {} : { pods: published }) };
  const others = conditions.filter(({ type }) => type !== PODS_READY);
  if (!farm.spec.pods && (!finding || finding.status === "True")) return { ...base, conditions: others };
  const previous = farm.status?.conditions ?? [];
  const ready = others.find(({ type }) => type === "Ready");
  const last = previous.find(({ type }) => type === PODS_READY);
  const draft: ConditionDraft = {
    type: PODS_READY,
    ...(finding ??
      last ?? { status: "Unknown", reason: ready?.reason ?? "Progressing", message: "not looked at: see the condition Ready." }),
    ...(finding ? {} : { observedGeneration: last?.observedGeneration }),
  };
  const own = toConditions(previous, [draft], status.observedGeneration, now);
  if (!finding || draft.status === "True" || ready?.status !== "True") return { ...base, conditions: [...others, ...own] };
  const unready: ConditionDraft = { type: "Ready", status: "False", reason: draft.reason, message: `${PODS_READY}: ${draft.message}` };
  const summary = [unready, ...progress(unready, waitsForPerson(draft.reason))];
  const parts = others.filter(({ type }) => !summary.some((one) => one.type === type));
  return { ...base, conditions: [...toConditions(previous, summary, status.observedGeneration, now), ...parts, ...own] };
}

/** Ready was to be said, and is not after all. */
export function readyEvents(farm: ServerFarm, events: readonly EventDraft[], { conditions = [] }: ServerFarmStatus): readonly EventDraft[] {
  const ready = conditions.find(({ type }) => type === "Ready");
  if (ready?.status === "True" || conditions.find(({ type }) => type === PODS_READY)?.reason !== ready?.reason) return events;
  const before = farm.status?.conditions?.find(({ type }) => type === "Ready");
  const kept = events.filter(({ reason }) => reason !== "Ready");
  if (!ready || (before?.status === ready.status && before.reason === ready.reason && before.message === ready.message)) return kept;
  return [...kept, { type: "Warning", reason: ready.reason, message: ready.message }];
}

export function describeStep(step: Step): string {
  if (step.do === "Delete") return `delete ${step.kind} ${step.found.metadata.name}`;
  const { kind, name } = step.object;
  if (step.do === "Create") return `create ${kind} ${name}`;
  const leaves = leavesOf(step.patch);
  const rest = leaves.length > SHOWN ? ` and ${leaves.length - SHOWN} more` : "";
  return `fix ${kind} ${name} (${leaves.slice(0, SHOWN).join(", ")}${rest})`;
}

/** Fields that are named of one object. */
const SHOWN = 20;

/** Paths of what a patch changes, without its values: a ConfigMap of somebody else, say, may hold anything. */
export function leavesOf(patch: object, path = ""): readonly string[] {
  return Object.entries(patch).flatMap(([name, value]: [string, unknown]) => {
    const at = path === "" ? name : `${path}.${name}`;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? leavesOf(value, at) : [at];
  });
}
