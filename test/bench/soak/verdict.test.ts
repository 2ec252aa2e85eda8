import { describe, expect, test } from "vitest";
import { aliveProblem, byMinute, leftOver, median, type Sample, slope, trendOf } from "./verdict.ts";

const QUIET = { heap: 0, heapTotal: 0, external: 0, cpu: 0, cpuHere: 0, descriptors: 0, resources: 0, reconciles: 0, changes: 0 };

/** Six samples a minute. */
function samples(minutes: number, rss: (minute: number, sample: number) => number): readonly Sample[] {
  return Array.from({ length: minutes * 6 }, (_, index) => ({ ...QUIET, minutes: index / 6, rss: rss(index / 6, index) }));
}

test("the median is the middle one, or half-way between the two in the middle", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

describe("the slope", () => {
  const line = Array.from({ length: 60 }, (_, index) => [index, 100 + index / 10] as const);

  test("of a line is its own", () => {
    expect(slope(line)).toBeCloseTo(0.1, 9);
  });

  test("is not moved by spikes in a fifth of the points", () => {
    expect(slope(line.map(([x, y], index) => [x, index % 5 === 4 ? y + 80 : y]))).toBeCloseTo(0.1, 1);
  });
});

test("a minute counts as the median of its samples", () => {
  expect(byMinute(samples(2, (minute, index) => (index % 6 === 0 ? 500 : 100 + Math.floor(minute))))).toEqual([
    [0, 100],
    [1, 101],
  ]);
});

describe("the trend of a long run", () => {
  test.each([
    ["flat, with spikes", (_: number, index: number) => (index % 13 === 0 ? 180 : 120), undefined],
    ["1.5 MB an hour", (minute: number) => 120 + minute / 40, undefined],
    ["3 MB an hour", (minute: number) => 120 + minute / 20, "RSS grows by 3.0"],
    ["falling", (minute: number) => 150 - minute / 10, undefined],
  ])("%s", (_, rss, problem) => {
    const trend = trendOf(samples(90, rss));
    if (problem === undefined) expect(trend.problem).toBeUndefined();
    else expect(trend.problem).toContain(problem);
  });
});

test("a short run has no slope, but a bound", () => {
  expect(trendOf(samples(4, (minute) => 120 + minute)).problem).toBeUndefined();
  expect(trendOf(samples(4, (minute) => 120 + 20 * minute)).problem).toContain("between the first and the last third");
});

describe("what is held at rest", () => {
  const before = new Map([
    ["sockets", 7],
    ["timers", 302],
  ]);

  test.each([
    ["as before", { sockets: 7, timers: 302 }, []],
    ["less", { sockets: 5 }, []],
    ["one of the moment", { sockets: 8, timers: 303 }, []],
    ["more timers", { sockets: 7, timers: 304 }, ["timers: 304"]],
    ["another kind", { sockets: 7, timers: 302, workers: 9 }, ["workers: 9"]],
  ])("%s", (_, after, expected) => {
    const found = leftOver(before, new Map(Object.entries(after)));
    expect(found.map((text) => text.split(" at rest")[0])).toEqual(expected);
  });

  test("is not what lives more than before", () => {
    const rest = (alive: number) => ({ alive, held: before });
    expect(aliveProblem(rest(40), rest(41))).toBeUndefined();
    expect(aliveProblem(rest(40), rest(60))).toContain("20.00 MB more");
  });
});
