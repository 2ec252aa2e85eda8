import { expect, test } from "vitest";
import { Backoff } from "../../src/base/backoff.ts";

test("doubles from the base to the most, for each key by itself", () => {
  const backoff = new Backoff({ random: () => 1 });
  const delays = Array.from({ length: 20 }, () => backoff.next("a"));
  expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40]);
  expect(delays.at(-1)).toBe(1_000_000);
  expect(backoff.next("b")).toBe(5);
  backoff.forget("a");
  expect(backoff.next("a")).toBe(5);
});

test("a delay may have a maximum of its own, and the next one has the usual one again", () => {
  const backoff = new Backoff({ base: 60, max: 600, random: () => 1 });
  expect([1, 2, 3, 4, 5, 6, 7].map(() => backoff.next("a", 3600))).toEqual([60, 120, 240, 480, 960, 1920, 3600]);
  expect(backoff.next("a")).toBe(600);
});

test("spreads a delay over its upper half", () => {
  expect(new Backoff({ base: 100, random: () => 0 }).next("a")).toBe(50);
  expect(new Backoff({ base: 100, random: () => 0.5 }).next("a")).toBe(75);
});
