/** The course of the soak: a rest, the warm-up, a rest, the churn that is judged, a rest; and what was seen in it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { TestDirectory } from "../../harness/directory.ts";
import type { Operator } from "../../harness/operator.ts";
import { atRest, say } from "../measure.ts";
import type { Churn } from "./churn.ts";
import { differences, wantedFacts } from "./farms.ts";
import type { Faults } from "./faults.ts";
import { foundFacts } from "./found.ts";
import { type Gauge, held, sampled } from "./gauge.ts";
import { aliveProblem, leftOver, type Rest, type Sample, trendOf } from "./verdict.ts";

/** How often a second. */
const RATES = { others: 50, edits: 2, drifts: 1 / 2, faults: 1 / 12 } as const;
/** Seconds between two samples. */
const SAMPLE = 10;
/** Minutes. What the operator remembers longest, deletions, it remembers for an hour: only then as much is forgotten as comes. */
const WARM_UP = 60;
/** Seconds: a watch that hangs is given up after 90, and back-off may follow. */
const SETTLE = 300;

export interface Parts {
  readonly operator: Operator;
  readonly gauge: Gauge;
  readonly churn: Churn;
  readonly faults: Faults;
  readonly directory: TestDirectory;
  /** Of churn, in all. */
  readonly minutes: number;
}

export class Soak {
  readonly samples: Sample[] = [];
  readonly problems: string[] = [];
  readonly results: (readonly [name: string, text: string])[] = [];
  readonly #parts: Parts;
  readonly #started = performance.now();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Rejects where it cannot go on; what it finds wrong is in `problems`. */
  async live(): Promise<void> {
    const over = new AbortController();
    const course = this.#course();
    try {
      // The samples end early where the operator does.
      await Promise.race([course, this.#sample(over.signal)]);
      await course;
    } catch (error) {
      // Of an operator that ended nothing can be had any more: that it ended is what went wrong.
      await sleep(200);
      this.#verifyRunning();
      throw error;
    } finally {
      over.abort();
      course.catch(() => undefined);
    }
  }

  async #course(): Promise<void> {
    const { minutes } = this.#parts;
    const warmUp = Math.min(WARM_UP, minutes / 2);
    const before = await this.#rest("before");
    await this.#stir(warmUp);
    const warm = await this.#rest("warmed up");
    const from = this.#minutes + Math.min(5, minutes / 10);
    await this.#stir(minutes - warmUp);
    const until = this.#minutes;
    const after = await this.#rest("at the end");
    this.#judge(before, warm, after, from, until);
  }

  get #minutes(): number {
    return (performance.now() - this.#started) / 60_000;
  }

  #judge(before: Rest, warm: Rest, after: Rest, from: number, until: number): void {
    const judged = this.samples.filter(({ minutes }) => minutes >= from && minutes <= until);
    const trend = trendOf(judged);
    this.results.push(["RSS", trend.text]);
    const [first, last] = [judged[0], judged.at(-1)];
    if (first && last) {
      const share = (cpu: number): string => `${((cpu / (last.minutes - first.minutes) / 60) * 100).toFixed(0)} %`;
      const [operator, here] = [last.cpu - first.cpu, last.cpuHere - first.cpuHere];
      this.results.push(["CPU", `${share(operator)} of a core; with the servers and the churn ${share(operator + here)}`]);
    }
    const problems = [trend.problem, aliveProblem(warm, after), ...leftOver(before.held, after.held)];
    this.problems.push(...problems.filter((problem) => problem !== undefined));
  }

  /** Faults and churn stop, every farm is there and right, and nothing is done any more: what the operator holds then. */
  async #rest(when: string): Promise<Rest> {
    const { operator, gauge, churn, faults, directory } = this.#parts;
    faults.end();
    const stopped = performance.now();
    await churn.fill();
    await churn.settled(SETTLE);
    await this.#within(SETTLE, "the operator to have nothing to do", atRest(operator));
    const seconds = (performance.now() - stopped) / 1000;
    const found = await foundFacts(directory, (name) => churn.isOthers(name));
    const wrong = differences(wantedFacts(churn.farms, churn.others), found);
    this.problems.push(...wrong.slice(0, 20).map((what) => `${when}: ${what}`));
    if (wrong.length > 20) this.problems.push(`${when}: ${wrong.length - 20} more of these`);
    const rest = { held: await held(operator), alive: await gauge.alive(operator) };
    const kinds = [...rest.held].map(([kind, count]) => `${/type="(\w+)"/.exec(kind)?.[1] ?? kind} ${count}`);
    const text = `after ${seconds.toFixed(0)} s ${found.size} facts, ${wrong.length} wrong; ${rest.alive.toFixed(1)} MB alive; ${kinds.join(", ")}`;
    say(when, text);
    this.results.push([when, text]);
    return rest;
  }

  /** Churn and faults, one act after the other; a server that is away holds up what comes after it, which is then made up for. */
  async #stir(minutes: number): Promise<void> {
    const { churn, faults } = this.#parts;
    const began = performance.now();
    const acts = [
      { rate: RATES.others, act: () => churn.other(), done: 0 },
      { rate: RATES.edits, act: () => churn.edit(), done: 0 },
      { rate: RATES.drifts, act: () => churn.drift(), done: 0 },
      { rate: RATES.faults, act: () => faults.next(), done: 0 },
    ];
    for (let seconds = 0; seconds < minutes * 60; seconds = (performance.now() - began) / 1000) {
      this.#verifyRunning();
      for (const each of acts) {
        for (; each.done < Math.floor(seconds * each.rate); each.done++) await each.act();
      }
      await sleep(100);
    }
  }

  #verifyRunning(): void {
    const { operator } = this.#parts;
    if (!operator.runs) throw new Error(`the operator ended with ${operator.exitCode ?? "a signal"}: ${operator.log.slice(-2000)}`);
  }

  async #within(seconds: number, what: string, work: Promise<void>): Promise<void> {
    const late = sleep(seconds * 1000, true, { ref: false });
    if ((await Promise.race([work, late])) === true) throw new Error(`${what}: not within ${seconds} s`);
  }

  /** A sample every few seconds, and a line for each minute. */
  async #sample(signal: AbortSignal): Promise<void> {
    const { operator, churn, faults } = this.#parts;
    while (!signal.aborted) {
      this.#verifyRunning();
      const sample = await sampled(operator, this.#minutes);
      const before = this.samples.at(-1);
      this.samples.push(sample);
      if (before && Math.floor(sample.minutes) !== Math.floor(before.minutes)) {
        const [back] = this.samples.slice(-Math.ceil(60 / SAMPLE) - 1);
        const share = (of: (one: Sample) => number): string =>
          (((of(sample) - of(back ?? before)) / (sample.minutes - (back ?? before).minutes) / 60) * 100).toFixed(0);
        const cpu = `CPU ${share(({ cpu }) => cpu)} % of a core, all ${share(({ cpu, cpuHere }) => cpu + cpuHere)} %`;
        const held = `heap ${sample.heap.toFixed(0)} MB, ${sample.resources} resources, ${sample.descriptors} fds`;
        const { edits, drifts, others } = churn.done;
        const done = `${edits} edits, ${drifts} drifts, ${others} of others, ${faults.count} faults, ${sample.reconciles} reconciles`;
        say(`${Math.floor(sample.minutes)} min`, `RSS ${sample.rss.toFixed(0)} MB, ${held}; ${cpu}; ${churn.farms.size} farms, ${done}`);
      }
      await sleep(SAMPLE * 1000, undefined, { signal }).catch(() => undefined);
    }
  }
}
