/** From what is wanted and what is there to what is to be done, in order: pure. */
import { mergePatch } from "../api/object.ts";
import {
  farmOf,
  type Found,
  type FoundObject,
  isOfThisFarm,
  KINDS,
  namesAnother,
  type Owner,
  type PublishedKind,
  standingOf,
} from "./objects.ts";
import type { PodsBlocker, Wanted, WantedObject, Wish } from "./wanted.ts";

export type Step =
  | { readonly do: "Create"; readonly object: WantedObject }
  /** `patch`: a merge patch with what differs. */
  | { readonly do: "Fix"; readonly object: WantedObject; readonly found: FoundObject; readonly patch: object }
  | { readonly do: "Delete"; readonly kind: PublishedKind; readonly found: FoundObject };

export function kindOf(step: Step): PublishedKind {
  return step.do === "Delete" ? step.kind : step.object.kind;
}

export interface PodsPlan {
  readonly steps: readonly Step[];
  readonly blockers: readonly PodsBlocker[];
}

/**
 * Other than Full, only what takes something away is done. Frozen: the domain's tenants do not allow the farm, or the directory was not looked at. Awaited:
 * it has no account to publish. Lost: nor has it the name any more, which an account of somebody else has now.
 */
export type Scope = "Full" | "Frozen" | "Awaited" | "Lost";

/** Whoever takes all away begins with who may use it. */
const REMOVAL = ["RoleBinding", "GMSACredentialSpec", "Role", "ConfigMap"] as const satisfies readonly PublishedKind[];
/** By which Pods use an account: a binding of somebody else's gives nothing where there is no spec. */
export const RIGHT = ["RoleBinding", "GMSACredentialSpec"] as const satisfies readonly PublishedKind[];

export function planPods(wish: Wish, found: Found, owner: Owner, scope: Scope): PodsPlan {
  if (wish.kind === "Nothing") return { steps: removals(REMOVAL, found, owner), blockers: [] };
  if (wish.kind === "Blocked") return { steps: fewerUsers(wish, found, owner, scope), blockers: [wish.blocker] };
  if (scope !== "Full") return { steps: fewerUsers(wish, found, owner, scope), blockers: [] };
  const { wanted } = wish;
  // A binding to the credential spec, or to the role, of somebody else would give what nobody allowed.
  const foreign = (["GMSACredentialSpec", "Role"] as const).filter((kind) => isForeign(kind, found, owner));
  if (foreign.length > 0) {
    return {
      steps: removals(["RoleBinding", "Role"], found, owner),
      blockers: foreign.map((kind) => notOwned(wanted[kind], found[kind], owner)),
    };
  }
  const spec = toward(wanted.GMSACredentialSpec, found);
  // One that is there is fixed whatever becomes of the rest. A new one comes last: when it is there, all that it needs is there.
  const [first, last] = isOfThisFarm("GMSACredentialSpec", found.GMSACredentialSpec, owner) ? [spec, []] : [[], spec];
  const steps = [...toward(wanted.Role, found), ...first];
  if (isForeign("RoleBinding", found, owner)) return { steps, blockers: [notOwned(wanted.RoleBinding, found.RoleBinding, owner)] };
  const { steps: more, blockers } = configMapSteps(wanted, found, owner);
  return { steps: [...steps, ...toward(wanted.RoleBinding, found), ...more, ...last], blockers };
}

function isForeign(kind: PublishedKind, found: Found, owner: Owner): boolean {
  return standingOf(kind, found[kind], owner) === "Foreign";
}

function removals(kinds: readonly PublishedKind[], found: Found, owner: Owner): readonly Step[] {
  return kinds.flatMap((kind): Step[] => {
    const object = found[kind];
    return object && !(kind === "RoleBinding" && isSpent(object)) && standingOf(kind, object, owner) === "Own"
      ? [{ do: "Delete", kind, found: object }]
      : [];
  });
}

function configMapSteps({ ConfigMap: wanted }: Wanted, found: Found, owner: Owner): PodsPlan {
  if (!wanted) return { steps: removals(["ConfigMap"], found, owner), blockers: [] };
  if (isForeign("ConfigMap", found, owner)) return { steps: [], blockers: [notOwned(wanted, found.ConfigMap, owner)] };
  return { steps: toward(wanted, found), blockers: [] };
}

type Pending = Exclude<Wish, { readonly kind: "Nothing" }>;

/**
 * Nobody new may use the spec, and who is not listed any more may not; nobody at all where it is not of the farm. One of an account that is not the farm's
 * goes itself: who may use it may have bound others.
 */
function fewerUsers(
  { account, wanted: { Role, RoleBinding: wanted } }: Pending,
  found: Found,
  owner: Owner,
  scope: Scope,
): readonly Step[] {
  const isOfAnother = scope === "Lost" || (scope === "Awaited" && namesAnother(account, found.GMSACredentialSpec));
  if (isOfAnother) return removals(RIGHT, found, owner);
  const binding = found.RoleBinding;
  if (!binding || isSpent(binding) || standingOf("RoleBinding", binding, owner) !== "Own") return [];
  const isOthers = isForeign("GMSACredentialSpec", found, owner) || isForeign("Role", found, owner);
  const removal: Step = { do: "Delete", kind: "RoleBinding", found: binding };
  if (isOthers) return [removal];
  const subjects = listOf(binding["subjects"]);
  const allowed = listOf(wanted.body["subjects"]);
  const left = subjects.filter((subject) => allowed.some((one) => mergePatch({ subject: one }, { subject }) === undefined));
  if (left.length === subjects.length) return [];
  // Whoever changes a binding must hold all that its role gives.
  if (!hasSame("roleRef", wanted, binding) || !hasSame("rules", Role, found.Role)) return [removal];
  return [{ do: "Fix", object: wanted, found: binding, patch: { subjects: left } }];
}

/** A binding that is deleted, and that a finalizer keeps: it binds nobody any more. */
function isSpent({ metadata, ...body }: FoundObject): boolean {
  return metadata.deletionTimestamp !== undefined && listOf(body["subjects"]).length === 0;
}

/** What brings one object about; nothing where it is as wanted. */
function toward(wanted: WantedObject, all: Found): readonly Step[] {
  const found = all[wanted.kind];
  if (!found) return [{ do: "Create", object: wanted }];
  const patch = fixOf(wanted, found);
  if (patch === undefined) return [];
  if (!isFixed(wanted, found)) return [{ do: "Fix", object: wanted, found, patch }];
  return [
    { do: "Delete", kind: wanted.kind, found },
    { do: "Create", object: wanted },
  ];
}

/** Whether it cannot be changed: which role a binding gives, and what is in a ConfigMap that says so. */
function isFixed(wanted: WantedObject, found: FoundObject): boolean {
  return wanted.kind === "RoleBinding" ? !hasSame("roleRef", wanted, found) : wanted.kind === "ConfigMap" && found["immutable"] === true;
}

function hasSame(name: string, wanted: WantedObject, found: FoundObject | undefined): boolean {
  return found !== undefined && mergePatch({ at: found[name] }, { at: wanted.body[name] }) === undefined;
}

/** The merge patch that makes the object as it is wanted; what others put into its metadata stays. */
export function fixOf({ labels, annotations, ownerReferences, body }: WantedObject, found: FoundObject): object | undefined {
  const metadata: object = found.metadata;
  const references = listOf("ownerReferences" in metadata ? metadata.ownerReferences : undefined);
  const missing = ownerReferences.filter((own) => !references.some((one) => mergePatch({ at: one }, { at: own }) === undefined));
  // Of a farm of this name that was there before.
  const others = references.filter((one) => !ownerReferences.some((own) => isReferenceTo(one, own)));
  const before = {
    metadata: { labels: found.metadata.labels ?? {}, annotations: found.metadata.annotations ?? {} },
    ...bodyOf(body, found),
  };
  const after = {
    metadata: {
      labels: { ...before.metadata.labels, ...labels },
      annotations: { ...before.metadata.annotations, ...annotations },
      ...(missing.length > 0 ? { ownerReferences: [...others, ...ownerReferences] } : {}),
    },
    ...body,
  };
  return mergePatch(before, after);
}

function isReferenceTo(one: unknown, { kind, name }: WantedObject["ownerReferences"][number]): boolean {
  return typeof one === "object" && one !== null && "kind" in one && one.kind === kind && "name" in one && one.name === name;
}

/** The fields that are wanted, as they are; the API server leaves out lists that are empty. */
function bodyOf(wanted: WantedObject["body"], found: FoundObject): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, found[name] ?? (Array.isArray(value) ? [] : {})]));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function notOwned({ kind, namespace, name }: WantedObject, found: FoundObject | undefined, owner: Owner): PodsBlocker {
  const other = found && farmOf(found);
  const where = namespace === undefined ? "" : ` -n ${namespace}`;
  const whose = other === undefined ? "has no label of this operator" : "belongs to another farm";
  const command = `kubectl delete ${KINDS[kind].plural} ${name}${where}`;
  const consent = `To have the farm adopt it: kubectl annotate ${KINDS[kind].plural} ${name} serverfarm.dev/adopt=${owner.namespace}/${owner.name}.`;
  // To adopt it or to choose another name costs nobody anything, so these come first.
  const adopt = kind === "GMSACredentialSpec" && other === undefined ? `${consent} ` : "";
  const remedy = `${adopt}Give the farm another name, or delete that object if nobody needs it (${command})`;
  return {
    reason: "NotOwned",
    message: `the ${kind} ${name}${namespace === undefined ? "" : ` in the namespace ${namespace}`} ${whose}: the operator leaves it as it is${kind === "ConfigMap" ? "" : ", and grants nobody the right to use a credential spec for this farm"}. ${remedy}.`,
  };
}

/** Whether one object is as it is wanted, or rightly absent. */
export function isAsWanted(wish: Wish, kind: PublishedKind, found: FoundObject | undefined): boolean {
  const object = wish.kind === "Wanted" ? wish.wanted[kind] : undefined;
  if (!object || !found) return object === undefined && found === undefined;
  return toward(object, { [kind]: found }).length === 0;
}
