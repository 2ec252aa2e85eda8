/** One reconcile in rounds: look, plan, apply, and look again until nothing is left to do. */
import { DirectoryError } from "../ad/error.ts";
import type { DirectoryObject } from "../ad/object.ts";
import type { Reader, Writer } from "../ad/port.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { splitChange, writeOf, type Change, type Plan } from "../farm/changes/index.ts";
import type { DesiredFarm } from "../farm/desired-farm.ts";
import { look } from "../farm/queries.ts";
import type { ObservedFarm, Scope } from "../farm/observed.ts";
import type { Failure, Report } from "../farm/report.ts";
import { owned } from "../farm/slot.ts";
import { viewOf, type FarmView } from "../farm/view.ts";

/** The directory as a farm needs it. Rejects only with DirectoryError. */
export interface Directory {
  /** Writes nothing. An incomplete answer is an error, never a smaller farm. `computers`, where given, were looked up a moment ago. */
  observe(desired: DesiredFarm, scope: Scope, signal: AbortSignal, computers?: readonly DirectoryObject[]): Promise<ObservedFarm>;
  /** One write. That it is so already is a success. An object without the change's owner marker is left as it is: NotOwned. */
  apply(change: Change, signal: AbortSignal): Promise<void>;
}

export function directoryOf(reader: Reader, writer: Writer): Directory {
  return {
    async observe(desired, scope, signal, computers) {
      const questions = look(desired, { scope, absenceReliable: reader.absenceReliable, computers });
      let step = questions.next();
      while (step.done !== true) step = questions.next(await reader.find(step.value, signal));
      return step.value;
    },
    apply: (change, signal) => writer.apply(writeOf(change), signal),
  };
}

export interface Work {
  readonly scope: Scope;
  readonly plan: (view: FarmView) => Plan;
  /**
   * Asked once, right before the first write: whether what was planned for is still what is wanted. It rejects where the view was old.
   * Undefined: nothing is written.
   */
  readonly assertFresh: (() => Promise<void>) | undefined;
  /**
   * Called right before a change is made, with those that follow it: what must not be forgotten, should the program die in the middle, is written
   * down. For one that needs no record nothing is written, so that what goes first, a compromised host, waits for nothing. Resolves with
   * the farm as it is then. Where it rejects, the change is not made.
   */
  readonly journal?: (change: Change, following: readonly Change[], view: FarmView) => Promise<DesiredFarm>;
  /** True: a change that fails keeps back those after it. False: each stands for itself. */
  readonly ordered: boolean;
}

/** What the rounds saw and did. */
export interface Rounds extends Report {
  /** What the journal rejected with: that ended the rounds before the change was made. */
  readonly unrecorded?: { readonly cause: unknown };
}

/**
 * Taking over and moving to another group takes the most: the marker, the new group, who may retrieve, the former group, all there. The rest is
 * room for what others change meanwhile.
 */
const ROUNDS = 8;

/**
 * Looks, plans and applies until nothing is left to do or nothing more can be done. It always ends with a look, so that what is reported
 * was seen and not assumed. A change that failed is not tried again in the same reconcile.
 */
export async function reconcile(farm: DesiredFarm, directory: Directory, work: Work, signal: AbortSignal): Promise<Rounds> {
  const applied: Change[] = [];
  const failures: Failure[] = [];
  let desired = farm;
  let view: FarmView | undefined;
  let plan: Plan | undefined;
  let fresh = false;
  // An account was refused, and its group taken back: to make that anew at once would lead to the same.
  let refused = false;
  try {
    for (let round = 1; ; round++) {
      // Between two looks of one reconcile the computers stay the same, unless something went wrong with one of them.
      const computers = failures.length === 0 ? view?.observed.computers : undefined;
      view = viewOf(desired, await directory.observe(desired, work.scope, signal, computers));
      plan = work.plan(view);
      const next: readonly Change[] =
        work.assertFresh && round < ROUNDS && !refused ? plan.changes.filter((change) => !hasFailed(change, failures)) : [];
      if (next.length === 0 || (work.ordered && failures.length > 0)) break;
      if (!fresh) await work.assertFresh?.();
      fresh = true;
      for (const [index, change] of next.entries()) {
        try {
          desired = (await work.journal?.(change, next.slice(index + 1), view)) ?? desired;
          // What was recorded since the look is part of what is said of it.
          view = { ...view, desired };
        } catch (cause) {
          return { view, plan, applied, failures, error: undefined, unrecorded: { cause } };
        }
        const failed = await applyChange(directory, change, applied, signal);
        failures.push(...failed);
        const unused = failed.length > 0 ? groupOfRefused(change, applied, view) : undefined;
        if (unused) failures.push(...(await applyChange(directory, unused, applied, signal)));
        refused ||= unused !== undefined;
        if (work.ordered && failed.length > 0) break;
      }
    }
  } catch (error) {
    if (!(error instanceof DirectoryError)) throw error;
    return { view, plan, applied, failures, error };
  }
  return { view, plan, applied, failures, error: undefined };
}

/**
 * Applies a change, whole if the directory takes it so, else value by value. Adds what was done to `applied` and returns what was not.
 * Rejects where nothing more can be done now.
 */
export async function applyChange(
  directory: Directory,
  change: Change,
  applied: Change[],
  signal: AbortSignal,
): Promise<readonly Failure[]> {
  try {
    await directory.apply(change, signal);
    applied.push(change);
    return [];
  } catch (error) {
    if (!(error instanceof DirectoryError) || error.fatal) throw error;
    const parts = error.kind === "AccessDenied" || error.kind === "NotOwned" ? [] : splitChange(change);
    if (parts.length === 0) return [{ change, error }];
    const failures: Failure[] = [];
    for (const part of parts) failures.push(...(await applyChange(directory, part, applied, signal)));
    return failures;
  }
}

/** An account that the directory refuses leaves no group behind: the end of the one that was made for it a moment ago, if it is as it was made. */
function groupOfRefused(change: Change, applied: readonly Change[], { desired, hostGroup }: FarmView): Change | undefined {
  if (change.kind !== "CreateAccount" || hostGroup.kind !== "Own") return undefined;
  const { object } = hostGroup;
  const made = applied.find(
    (done): done is Change<"CreateHostGroup"> =>
      done.kind === "CreateHostGroup" && dnKey(done.distinguishedName) === dnKey(object.distinguishedName),
  );
  const members = new Set(made?.members.map(dnKey));
  if (!made || object.members.some((member) => !members.has(dnKey(member)))) return undefined;
  return { kind: "DeleteHostGroup", object: owned(object, desired.owner) };
}

function hasFailed(change: Change, failures: readonly Failure[]): boolean {
  const text = JSON.stringify(change);
  return failures.some((failure) => JSON.stringify(failure.change) === text);
}
