import { expect, test } from "vitest";
import { decodeGeneralizedTime } from "../../src/directory/clock.ts";

test.each([
  ["20261127015100.0Z", "2026-11-27T01:51:00Z"],
  ["20261127015159Z", "2026-11-27T01:51:59Z"],
  ["20240229235959.9Z", "2024-02-29T23:59:59Z"],
])("%s is %s", (text, time) => {
  expect(decodeGeneralizedTime(text)).toBe(Date.parse(time));
});

test.each(["", "20261127015100", "20261127015100+0100", "20261327015100.0Z", "20261127255100.0Z", "202611270151Z", "x20261127015100.0Z"])(
  "%j is no time of a domain controller",
  (text) => {
    expect(decodeGeneralizedTime(text)).toBeUndefined();
  },
);
