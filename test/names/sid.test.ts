import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeSid, encodeSid, relativeId } from "../../src/names/identifier.ts";
import { anySid } from "./any-sid.ts";

describe("security identifiers", () => {
  test("come back as they went", () => {
    fc.assert(
      fc.property(anySid, (text) => {
        expect(decodeSid(encodeSid(text))).toBe(text);
      }),
    );
  });
  test.each(["", "S-1", "S-2-5-1", "S-1-5-", "S-1-5-x", "s-1-5-21", `S-1-5-${"1-".repeat(16)}1`])("%j is refused", (text) => {
    expect(() => encodeSid(text)).toThrow(RangeError);
  });
  test("bytes that end too early are refused", () => {
    expect(() => decodeSid(encodeSid("S-1-5-21-1-2-3-1104").subarray(0, 20))).toThrow(RangeError);
    expect(() => decodeSid(Buffer.alloc(0))).toThrow(RangeError);
  });
  test("the last number is the relative identifier", () => {
    expect(relativeId("S-1-5-21-1-2-3-512")).toBe(512);
  });
});
