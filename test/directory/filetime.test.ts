import { describe, expect, test } from "vitest";
import { decodeFiletime } from "../../src/directory/entries.ts";

describe("FILETIME", () => {
  test.each([
    ["133801632000000000", Date.UTC(2025, 0, 1)],
    ["0", undefined],
    ["9223372036854775807", undefined],
    ["", undefined],
    ["never", undefined],
    ["x133801632000000000", undefined],
    ["133801632000000000x", undefined],
    ["-1", undefined],
    [undefined, undefined],
  ])("%j", (text, time) => {
    expect(decodeFiletime(text)).toBe(time);
  });
});
