import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeGuid, encodeGuid } from "../../src/names/identifier.ts";

describe("GUIDs", () => {
  test("come back as they went", () => {
    fc.assert(
      fc.property(fc.uuid(), (text) => {
        expect(decodeGuid(encodeGuid(text))).toBe(text);
      }),
    );
  });
  test("are swapped as Active Directory keeps them", () => {
    expect(decodeGuid(Buffer.from("a7b50e97477e784ca400f74ec467e5d1", "hex"))).toBe("970eb5a7-7e47-4c78-a400-f74ec467e5d1");
  });
  test("what is none is refused", () => {
    expect(() => encodeGuid("970eb5a7")).toThrow(RangeError);
    expect(() => decodeGuid(Buffer.alloc(15))).toThrow(RangeError);
  });
});
