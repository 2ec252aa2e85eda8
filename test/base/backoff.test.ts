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

test("spreads a delay over its upper half", () => {
  expect(new Backoff({ base: 100, random: () => 0 }).next("a")).toBe(50);
  expect(new Backoff({ base: 100, random: () => 0.5 }).next("a")).toBe(75);
});
