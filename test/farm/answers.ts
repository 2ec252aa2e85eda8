/** Asks all that a look asks, and answers it. */
import type { Look, Query } from "../../src/ad/lookup.ts";
import type { DirectoryObject } from "../../src/ad/object.ts";

export interface Answered<Result> {
  readonly result: Result;
  /** Step by step what was asked at a time. */
  readonly steps: readonly (readonly Query[])[];
  /** The same, one after the other. */
  readonly queries: readonly Query[];
}

export function answerAll<Result>(look: Look<Result>, answer: (query: Query) => readonly DirectoryObject[]): Answered<Result> {
  const steps: (readonly Query[])[] = [];
  let step = look.next();
  while (step.done !== true) {
    steps.push(step.value);
    step = look.next(step.value.map(answer));
  }
  return { result: step.value, steps, queries: steps.flat() };
}
