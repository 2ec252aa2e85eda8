/** The directory as farms need it, made of what reads and what writes. */
import type { Look, Query } from "../ad/lookup.ts";
import type { Reader, Writer } from "../ad/port.ts";
import { writeOf } from "../farm/changes/index.ts";
import { byDn } from "../farm/name-queries.ts";
import type { Absence, Directory, ObservedFarm } from "../farm/observed.ts";
import { look } from "../farm/queries.ts";
import { isOutdated } from "../farm/search-queries.ts";
import { dnKey } from "../names/distinguished-name.ts";

/** `absence`: for a while after another server took over, what it does not show may be on its way. */
export function directoryOf(reader: Reader, writer: Writer, absence: () => Absence = () => ({ absenceReliable: true })): Directory {
  return {
    async observe(desired, scope, signal, before) {
      const questions = (last?: ObservedFarm): Look<ObservedFarm> => look(desired, { scope, ...absence(), before: last });
      // Whoever was quarantined a moment ago may still have the right.
      const hasSomething = desired.knownObjects.length + desired.journal.hostGroups.length > 0;
      const urgent = hasSomething && desired.quarantined.some(({ text }) => !desired.resolved.has(text));
      const find = (query: Query): ReturnType<Reader["find"]> => reader.find({ ...query, urgent }, signal);
      const observed = await answer(questions(before), find);
      return before && isOutdated(desired, observed) ? await answer(questions(), find) : observed;
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
