import { expect, test } from "vitest";
import { parseDuration } from "../../src/base/duration.ts";

test.each([
  ["15s", 15_000],
  ["1h30m", 5_400_000],
  ["500ms", 500],
  ["", undefined],
  ["15", undefined],
  ["-1s", undefined],
  ["1d", undefined],
])("the duration %j", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});
