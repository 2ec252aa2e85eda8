/** What is told of changes to what is published for Pods, to users and to the audit log. Pure. */
import type { AuditedAttribute, Cause } from "../ad/port.ts";
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { ACCOUNT_GUID, credentialSpecName, type FoundObject, type NamedAccount, standingOf } from "./objects.ts";
import { describeStep, isBeingRecreated, leavesOf, PODS_READY } from "./status.ts";
import { kindOf, type Step } from "./plan.ts";
import { ownerOf } from "./wanted.ts";

/** What of a credential spec follows something else than the farm's manifest: an entry of the domain, and the account. */
const OF_DOMAIN = "credspec.ActiveDirectoryConfig.HostAccountConfig";
const OF_ACCOUNT = `metadata.annotations.${ACCOUNT_GUID}`;

/** A change to what this very generation had brought about already: somebody else undid it. */
export function causeOf(farm: ServerFarm, step: Step): Cause {
  const { metadata, status } = farm;
  if (metadata.deletionTimestamp !== undefined) return "Decommission";
  if (step.do === "Fix" && standingOf(step.object.kind, step.found, ownerOf(farm)) === "Given") return "Adoption";
  const before = status?.conditions?.find(({ type }) => type === PODS_READY);
  const isSettled = before?.status === "True" && before.observedGeneration === metadata.generation;
  const isOfOthers =
    step.do === "Fix" &&
    leavesOf(step.patch).every((leaf) => leaf.startsWith(OF_DOMAIN) || leaf === OF_ACCOUNT || leaf === "data.credspec.json");
  // Of an account that is deleted to be created again the operator itself takes the right away.
  return isSettled && !isOfOthers && !(status && isBeingRecreated(status)) ? "Drift" : "SpecChange";
}

export function stepEvents(farm: ServerFarm, step: Step): readonly EventDraft[] {
  const owner = ownerOf(farm);
  const isSpec = kindOf(step) === "GMSACredentialSpec";
  const cause = causeOf(farm, step);
  const changed = isSpec && step.do === "Fix" && leavesOf(step.patch).some((leaf) => leaf.startsWith("credspec"));
  const text = describeStep(step);
  return [
    cause === "Drift"
      ? {
          type: "Warning",
          reason: "DriftCorrected",
          message: `drift corrected (what is published for Pods was changed outside the operator): ${text}`,
        }
      : { type: "Normal", reason: isSpec && step.do === "Create" ? "CredentialSpecPublished" : "PodsChanged", message: text },
    ...(changed ? [oldCopies(owner.namespace, credentialSpecName(owner))] : []),
  ];
}

/**
 * Why nobody may use the credential spec any more. Takes: another farm gets the account of that name. Frees: the farm's own is deleted to be created again.
 */
export function nameEvent(effect: "Takes" | "Frees", step: Step, { samAccountName }: NamedAccount): EventDraft {
  const done = describeStep(step);
  if (effect === "Frees") {
    const message = `${done}: the operator is about to create the account ${samAccountName} again. New Pods cannot use the account until the new one exists; the operator then creates the GMSACredentialSpec and the RoleBinding again.`;
    return { type: "Normal", reason: "PodsChanged", message };
  }
  const message = `${done}: another farm gets the account ${samAccountName}, which the GMSACredentialSpec of this farm named. New Pods cannot use it. Give this farm another account.name, or free the name: the operator creates the GMSACredentialSpec and the RoleBinding again once this farm has its account, and its hosts may retrieve the password.`;
  return { type: "Warning", reason: "PodsChanged", message };
}

/** A Pod keeps the copy that it was created with. */
function oldCopies(namespace: string, spec: string): EventDraft {
  const fields = ["POD:.spec", "CONTAINERS:.spec.containers[*]"].map((at) => `${at}.securityContext.windowsOptions.gmsaCredentialSpecName`);
  const columns = ["NAME:.metadata.name", "CREATED:.metadata.creationTimestamp", ...fields].join(",");
  return {
    type: "Warning",
    reason: "CredentialSpecChanged",
    message: `Pods that were created earlier still run with the old copy of ${spec}: restart them. To list the Pods that name it in gmsaCredentialSpecName: kubectl get pods -n ${namespace} -o custom-columns='${columns}'`,
  };
}

/** What cannot be taken away, as the operator has no right to it any more. */
export function leftEvent(spec: string): EventDraft {
  return {
    type: "Warning",
    reason: "ObjectKept",
    message: `the GMSACredentialSpec ${spec} could not be deleted: if kubectl get gmsacredentialspecs ${spec} still shows it, delete it. Nobody may use it once the farm is gone.`,
  };
}

/** As much is told of one step, of one attribute and of one value: a line of the log has an end, whatever somebody put into the object. */
const [ATTRIBUTES, VALUES, LENGTH] = [50, 50, 2048];

/** What a step changes, leaf by leaf. */
export function auditedOf(step: Step): readonly AuditedAttribute[] {
  const isConfigMap = kindOf(step) === "ConfigMap";
  const all = changedBy(step);
  const told = all.slice(0, ATTRIBUTES).map(({ attribute, before, after }): AuditedAttribute => {
    // Whoever may write ConfigMaps may have put a secret beside it.
    const isOurs = !isConfigMap || attribute === "data.credspec.json" || attribute.startsWith("metadata.");
    const shown = (values: readonly string[] | undefined, name: "before" | "after"): object =>
      values && isOurs ? { [name]: values.slice(0, VALUES).map(shortened) } : {};
    return { attribute: shortened(attribute), ...shown(before, "before"), ...shown(after, "after") };
  });
  return all.length > told.length ? [...told, { attribute: `and ${all.length - told.length} more` }] : told;
}

function shortened(text: string): string {
  return text.length > LENGTH ? `${text.slice(0, LENGTH)}…` : text;
}

function changedBy(step: Step): readonly AuditedAttribute[] {
  switch (step.do) {
    case "Create":
      return leaves(step.object.body).map(([attribute, after]) => ({ attribute, after }));
    case "Delete":
      return leaves(bodyOf(step.found)).map(([attribute, before]) => ({ attribute, before }));
    case "Fix": {
      const before = new Map(leaves(step.found));
      return leaves(step.patch).map(([attribute, after]) => ({ attribute, before: before.get(attribute) ?? [], after }));
    }
  }
}

function bodyOf({ metadata: _metadata, apiVersion: _version, kind: _kind, ...body }: FoundObject): object {
  return body;
}

/** Paths and values; a list is one value for each item, and null, which a patch takes away, none. */
function leaves(value: object, path = ""): readonly (readonly [path: string, values: readonly string[]])[] {
  return Object.entries(value).flatMap(([name, item]: [string, unknown]): ReturnType<typeof leaves> => {
    const at = path === "" ? name : `${path}.${name}`;
    if (Array.isArray(item)) return [[at, item.map(textOf)]];
    if (typeof item === "object" && item !== null) return leaves(item, at);
    return [[at, item === null || item === undefined ? [] : [textOf(item)]]];
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
