import { expect, test } from "vitest";
import { growthOf } from "../../src/base/heap.ts";

test.each([
  [20, 100],
  [32, 100],
  [45, 70],
  [64, 50],
  [105, 30],
  [160, 20],
  [240, 20],
])("a heap of %i MB may grow by %i per cent until its next collection", (megabytes, percent) => {
  expect(growthOf(megabytes * 2 ** 20)).toBe(percent);
});
