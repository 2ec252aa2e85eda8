/** Carries out what was planned for Pods: as much as can be, whatever is refused of it. */
import type { Asker } from "../ad/port.ts";
import { ABANDON } from "../api/annotations.ts";
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { leftEvent } from "../credential-spec/events.ts";
import { credentialSpecName, FARM_UID, type Found, type Owner, type PublishedKind } from "../credential-spec/objects.ts";
import { fixOf, kindOf, planPods, RIGHT, type Step } from "../credential-spec/plan.ts";
import { isRefusal, KubernetesError } from "../kubernetes/api-error.ts";
import type { PodObjects } from "./pod-objects.ts";

interface Ways {
  readonly objects: Pick<PodObjects, "apply" | "leads" | "read">;
  readonly askerOf: (step: Step) => Asker;
  /** Why nothing more may be written. */
  readonly stop: () => string | undefined;
}

interface Carried {
  readonly done: readonly Step[];
  /** False where the API server did not keep the spec that it was given. */
  readonly isKept: boolean;
  /** The first refusal. */
  readonly refusal: KubernetesError | undefined;
}

/** What must be there before something is created, or published for the first time. */
const NEEDS: Readonly<Record<PublishedKind, readonly PublishedKind[]>> = {
  GMSACredentialSpec: ["Role", "RoleBinding"],
  Role: ["Role"],
  // A spec that names another account by now would be given away.
  RoleBinding: ["GMSACredentialSpec", "Role", "RoleBinding"],
  ConfigMap: ["ConfigMap"],
};

/** `onDone` is told of each step, however it ends. Rejects with KubernetesError where all of it has to be looked at again. */
export async function carryOut(steps: readonly Step[], { objects, askerOf, stop }: Ways, onDone: (step: Step) => void): Promise<Carried> {
  const done: Step[] = [];
  const refused = new Map<PublishedKind, KubernetesError>();
  let isKept = true;
  for (const step of steps) {
    const kind = kindOf(step);
    if (isNew(step) && NEEDS[kind].some((one) => refused.has(one))) continue;
    assertGoesOn(stop);
    try {
      const written = await objects.apply(step, askerOf(step));
      done.push(step);
      onDone(step);
      if (step.do !== "Delete" && written && kind === "GMSACredentialSpec") isKept = fixOf(step.object, written) === undefined;
    } catch (error) {
      if (!(error instanceof KubernetesError) || !isRefusal(error)) throw error;
      refused.set(kind, refused.get(kind) ?? error);
    }
  }
  return { done, isKept, refusal: [...refused.values()][0] };
}

/** A spec that is taken over is published as one that is created. */
function isNew(step: Step): boolean {
  if (step.do !== "Fix") return step.do === "Create";
  return kindOf(step) === "GMSACredentialSpec" && step.found.metadata.labels?.[FARM_UID] !== step.object.labels[FARM_UID];
}

function assertGoesOn(stop: Ways["stop"]): void {
  const why = stop();
  if (why !== undefined) throw new KubernetesError("Conflict", why);
}

/** `left`: why a binding stays. */
interface Taken {
  readonly steps: readonly Step[];
  readonly left: KubernetesError | undefined;
}

const NOTHING = { kind: "Nothing" } as const;

/** Takes all away that is the farm's: the spec, too, if who may use it cannot be taken away. Rejects with KubernetesError. */
export async function takeAway(found: Found, owner: Owner, ways: Ways): Promise<readonly Step[]> {
  const done: Step[] = [];
  const failures: KubernetesError[] = [];
  for (const step of planPods(NOTHING, found, owner, "Full").steps) {
    assertGoesOn(ways.stop);
    try {
      if (await isTakenAway(step, owner, ways)) done.push(step);
    } catch (error) {
      if (!(error instanceof KubernetesError) || !ways.objects.leads) throw error;
      failures.push(error);
    }
  }
  // What is refused has to be told to somebody.
  const failure = failures.find(isRefusal) ?? failures[0];
  if (failure) throw failure;
  return done;
}

/**
 * Nobody may use the farm's credential spec any more: it goes with its binding, since who may use it may have bound others. Resolves with what was done, and
 * with why the binding stays, which gives nothing then. Rejects with KubernetesError.
 */
export async function takeRight(farm: Pick<Owner, "namespace" | "name">, { objects, askerOf, stop }: Ways): Promise<Taken> {
  // By its name: what a farm of this name left that was there before gives the same.
  const owner = { ...farm, uid: "" };
  const steps: Step[] = [];
  let left: KubernetesError | undefined;
  // One after the other: whoever may not read specs takes the binding away all the same.
  for (const kind of RIGHT) {
    try {
      for (const step of planPods(NOTHING, await objects.read([kind], owner), owner, "Full").steps) {
        assertGoesOn(stop);
        await objects.apply(step, askerOf(step));
        steps.push(step);
      }
    } catch (error) {
      if (kind === "GMSACredentialSpec" || !(error instanceof KubernetesError) || !isRefusal(error)) throw error;
      left = error;
    }
  }
  return { steps, left };
}

/** Whoever changes an object all the time holds nobody up: it is looked at again once, and the cluster collects what the farm owns in its namespace. */
async function isTakenAway(step: Step, owner: Owner, { objects, askerOf }: Ways): Promise<boolean> {
  try {
    await objects.apply(step, askerOf(step));
    return true;
  } catch (error) {
    if (!isConflict(error) || !objects.leads) throw error;
  }
  const kind = kindOf(step);
  const [again] = planPods(NOTHING, await objects.read([kind], owner), owner, "Full").steps;
  if (!again) return false;
  try {
    await objects.apply(again, askerOf(again));
    return true;
  } catch (error) {
    if (kind !== "GMSACredentialSpec" && isConflict(error) && objects.leads) return false;
    throw error;
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof KubernetesError && error.kind === "Conflict";
}

/** An end that is forced leaves what cannot be taken away, and says so. */
export async function unlessForced(
  leads: () => boolean,
  { metadata }: ServerFarm,
  withdraw: () => Promise<readonly EventDraft[]>,
): Promise<readonly EventDraft[]> {
  try {
    return await withdraw();
  } catch (error) {
    // Whoever leads now sees to it.
    if (!(error instanceof KubernetesError) || !leads() || metadata.annotations?.[ABANDON] !== "true") throw error;
    return [leftEvent(credentialSpecName({ namespace: metadata.namespace ?? "", name: metadata.name }))];
  }
}
