/** One reconcile of a farm, from the first look to what is said of it. The world comes in as ports, so that tests drive the very code that the program runs. */
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import { DirectoryError } from "../ad/error.ts";
import type { Look, Query } from "../ad/lookup.ts";
import type { Asker, Reader, Writer } from "../ad/port.ts";
import { causeOf, givesRight, isRecorded, recordBefore, splitChange, writeOf, type Change, type Plan } from "../farm/changes/index.ts";
import type { DesiredFarm } from "../farm/desired-farm.ts";
import { sayDiscreetly } from "../farm/discretion.ts";
import { readResolved } from "../farm/desired.ts";
import { isBeingRecreated, isRemembered, withJournal } from "../farm/journal.ts";
import { byDn } from "../farm/name-queries.ts";
import type { Absence, Directory, ObservedFarm } from "../farm/observed.ts";
import { planFrozen } from "../farm/plan/frozen.ts";
import { plan } from "../farm/plan/index.ts";
import type { Failure, Report } from "../farm/report.ts";
import { look } from "../farm/queries.ts";
import { isOutdated } from "../farm/search-queries.ts";
import { isTakenElsewhere, opensTo, withGroup } from "../farm/sharing.ts";
import { isSearchNews, recordsOf } from "../farm/status/observed.ts";
import { appliedEvents, isDrift, outcome, type Outcome } from "../farm/status/outcome.ts";
import { type FarmView, viewOf } from "../farm/view.ts";
import { withMissingRights } from "./missing-rights.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { groupOfRefused } from "./refused.ts";
import type { FarmPorts, Reconciled, Rounds, Work } from "./work.ts";

/** The status of a farm that was never seen, as the schema has it. */
const UNSEEN: ServerFarmStatus = { observedGeneration: -1 };

/** Brings the directory to what the farm wants. What is put into a group of somebody else is on record before. Rejects with what `assertFresh` rejects with. */
export async function reconcileFarm(farm: ServerFarm, wanted: DesiredFarm, ports: FarmPorts, signal: AbortSignal): Promise<Reconciled> {
  let current = farm;
  const record: NonNullable<Work["journal"]> = async (change, following, { desired, observed, hostGroup, hosts }) => {
    const isRecordedNow = isRecorded(change) && recordBefore(desired.journal, [change], observed.computers) !== desired.journal;
    // Who is quarantined is written down before anybody gets the right: an entry that nobody remembers would mean nobody once its computer is moved.
    // So is which container the search means, and whom it finds.
    const isForgettable =
      givesRight(change) &&
      (desired.quarantined.some(({ text }) => !isRemembered(desired.resolved, hosts.records, text)) || isSearchNews(current, hosts));
    if (!isRecordedNow && !isForgettable) return desired;
    // In one write, what the rest of them needs.
    const next = recordBefore(desired.journal, [change, ...following], observed.computers);
    const status = withJournal(current.status ?? UNSEEN, next, "object" in hostGroup ? hostGroup.object : undefined);
    current = await ports.record(current, { ...status, ...recordsOf(hosts) });
    return { ...desired, journal: next, resolved: readResolved(current.status) };
  };
  const journal: Work["journal"] = async (change, following, view) => {
    assertFree(change, view);
    const desired = await record(change, following, view);
    // Others had a turn. From here on the claim tells them.
    const opened = assertFree(change, view);
    if (opened) ports.claim?.(withGroup(current, opened));
    return desired;
  };
  const assertFresh = wanted.observedFor === undefined ? ports.assertFresh : undefined;
  // What is only planned, and what is adopted whole or not at all, says beforehand which rights it lacks.
  const planned: Work["plan"] = (view) => {
    const found = plan(view);
    const isReviewed = assertFresh === undefined || found.changes.some(({ kind }) => kind === "Adopt");
    return isReviewed ? withMissingRights(found, ports.directory, signal) : found;
  };
  const work: Work = { scope: "Names", plan: planned, assertFresh, journal, ask: askOf(farm), ordered: false, pause: ports.pause };
  const first = await quarantineFirst(farm, wanted, ports, signal);
  const { unrecorded, ...rounds } = await reconcile(wanted, ports.directory, work, signal).catch((cause: unknown): Rounds => {
    if (first.length === 0) throw cause;
    return { view: undefined, plan: undefined, applied: [], failures: [], error: undefined, unrecorded: { cause } };
  });
  const report = { ...rounds, applied: [...first, ...rounds.applied] };
  const desired = report.view?.desired ?? wanted;
  const done = { farm: current, desired, report };
  const isLate = unrecorded?.cause instanceof DirectoryError && unrecorded.cause.kind === "Aborted";
  if (report.error?.kind === "Aborted" || isLate)
    return { ...done, end: { kind: "Aborted", events: appliedEvents(current, desired, report.applied) } };
  if (unrecorded) return { ...done, end: { kind: "Unrecorded", ...unrecorded, events: appliedEvents(current, desired, report.applied) } };
  await ports.pause?.();
  const say = (told: Report): Outcome => outcome(current, desired, told, ports.now());
  return { ...done, end: { kind: "Looked", ...(desired.amongTenants ? sayDiscreetly(current, report, say) : say(report)) } };
}

/** Whether somebody may have the right who was quarantined a moment ago. */
function isQuarantineNew({ quarantined, edited, resolved, knownObjects, journal }: DesiredFarm): boolean {
  return knownObjects.length + journal.hostGroups.length > 0 && quarantined.some(({ text }) => edited || !resolved.has(text));
}

/** Since the look, a farm of another namespace may have become the first to use a group. Returns the one that is opened. Throws DirectoryError Aborted. */
function assertFree(change: Change, { desired, hostGroup }: FarmView): Parameters<typeof withGroup>[1] | undefined {
  const joined = change.kind === "JoinAccessGroup" && change.object.owner === undefined ? change.object : undefined;
  const opened = hostGroup.kind === "External" && opensTo(change, hostGroup.object) ? hostGroup.object : undefined;
  if (!(joined ? desired.elsewhere.hosts.has(joined.objectGUID) : opened && isTakenElsewhere(desired, opened))) return opened;
  throw new DirectoryError("Aborted", "an existing group came into use by a farm of another namespace");
}

/** A search may take long, and wait for others: whoever is quarantined now loses the right before it, by what else is known of the farm. Returns what was done. */
async function quarantineFirst(farm: ServerFarm, wanted: DesiredFarm, ports: FarmPorts, signal: AbortSignal): Promise<readonly Change[]> {
  if (!wanted.search || wanted.observedFor !== undefined || !isQuarantineNew(wanted)) return [];
  const { assertFresh, directory, pause } = ports;
  const work: Work = { scope: "Known", plan: planFrozen, assertFresh, ask: askOf(farm), ordered: false, pause };
  // What fails here is tried again with all else, and told then.
  const { applied } = await reconcile({ ...wanted, hosts: [], search: undefined }, directory, work, signal);
  return applied;
}

/** What brings a farm about asks, for each change. */
export function askOf(farm: ServerFarm): NonNullable<Work["ask"]> {
  return (change, { hosts, desired }) => {
    const isDrifted = !isBeingRecreated(desired.journal) && isDrift(farm, change);
    return askerOf(farm, causeOf(change, [...hosts.quarantined.values()], isDrifted));
  };
}

/** As the audit log names it. */
export function askerOf({ metadata }: ServerFarm, cause: Asker["cause"]): Asker {
  const { namespace = "", name, uid, generation = 0 } = metadata;
  return { farm: { namespace, name, uid, generation }, cause };
}

/** `absence`: for a while after another server took over, what it does not show may be on its way. `searches`: who is asked what is below containers. */
export function directoryOf(
  reader: Reader,
  writer: Writer,
  absence: () => Absence = () => ({ absenceReliable: true }),
  searches = reader,
): Directory {
  return {
    async observe(desired, scope, signal, before) {
      const questions = (last?: ObservedFarm): Look<ObservedFarm> => look(desired, { scope, ...absence(), before: last });
      const urgent = isQuarantineNew(desired);
      const find = (query: Query): ReturnType<Reader["find"]> =>
        query.below
          ? searches.find({ ...query, urgent, tenant: desired.standing.namespace }, signal)
          : reader.find({ ...query, urgent }, signal);
      const observed = await answer(questions(before), find);
      return before?.search && isOutdated(desired, observed) ? await answer(questions(), find) : observed;
    },
    async made(value, signal) {
      const found = await reader.find({ lookups: [byDn(value)], among: "Objects", allMembersOf: () => true }, signal);
      return found.find(({ distinguishedName }) => dnKey(distinguishedName) === dnKey(value));
    },
    apply: (change, signal, asker) => writer.apply(writeOf(change), signal, asker),
    lacks: (changes, signal) => writer.lacks(changes.map(writeOf), signal),
  };
}

/** What fails is told to whoever asked, who may go on without it. */
async function answer<Result>(questions: Look<Result>, find: (query: Query) => ReturnType<Reader["find"]>): Promise<Result> {
  let step = questions.next();
  while (step.done !== true) {
    step = await Promise.all(step.value.map(find)).then(
      (found) => questions.next(found),
      (error: unknown) => questions.throw(error),
    );
  }
  return step.value;
}

/** To adopt and to move to another group takes five; the rest is room for what others change meanwhile. */
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
  let next: readonly Change[] = [];
  // An account was refused, and its group taken back: to make that anew at once would lead to the same.
  let refused = false;
  try {
    for (let round = 1; ; round++) {
      // Between two looks of one reconcile the computers stay the same, unless something went wrong with one of them.
      const before = failures.length === 0 ? view?.observed : undefined;
      const made = failures.length === 0 && view ? await withMade(directory, next, view, signal) : undefined;
      const observed = made ?? (await directory.observe(desired, work.scope, signal, before));
      await work.pause?.();
      view = viewOf(desired, observed);
      await work.pause?.();
      plan = await work.plan(view);
      await work.pause?.();
      next = work.assertFresh && round < ROUNDS && !refused ? plan.changes.filter((change) => !hasFailed(change, failures)) : [];
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
        const asker = work.ask?.(change, view);
        const failed = await applyChange(directory, change, applied, signal, asker);
        failures.push(...failed);
        const unused = failed.some(({ error }) => error.kind !== "NotSent") ? groupOfRefused(change, applied, view) : undefined;
        if (unused) failures.push(...(await applyChange(directory, unused, applied, signal, asker)));
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

/** Applies a change, whole or else value by value. Adds what was done to `applied`, returns what was not; rejects where nothing more can be done now. */
export async function applyChange(
  directory: Directory,
  change: Change,
  applied: Change[],
  signal: AbortSignal,
  asker?: Asker,
): Promise<readonly Failure[]> {
  try {
    await directory.apply(change, signal, asker);
    applied.push(change);
    return [];
  } catch (error) {
    if (!(error instanceof DirectoryError) || error.fatal) throw error;
    const parts = error.kind === "AccessDenied" || error.kind === "NotOwned" ? [] : splitChange(change);
    if (parts.length === 0) return [{ change, error }];
    const failures: Failure[] = [];
    for (const part of parts) failures.push(...(await applyChange(directory, part, applied, signal, asker)));
    return failures;
  }
}

/** Where one object is all that was made and something waits for it, as the account does for its group's SID, nothing else is asked for. */
async function withMade(
  directory: Directory,
  [change, ...others]: readonly Change[],
  { desired, observed }: FarmView,
  signal: AbortSignal,
): Promise<ObservedFarm | undefined> {
  if (!change || others.length > 0) return undefined;
  const isAwaited = change.kind === "CreateHostGroup" || (change.kind === "CreateAccount" && desired.accessGroups.length > 0);
  const object = isAwaited ? await directory.made(change.distinguishedName, signal) : undefined;
  return object && { ...observed, objects: [...observed.objects, object] };
}

function hasFailed(change: Change, failures: readonly Failure[]): boolean {
  const text = JSON.stringify(change);
  return failures.some((failure) => JSON.stringify(failure.change) === text);
}
