import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeRetrievers, encodeRetrievers } from "../../src/directory/entries.ts";
import { anySid } from "../names/any-sid.ts";

describe("msDS-GroupMSAMembership", () => {
  const PRINCIPAL = "S-1-5-21-1111111111-2222222222-3333333333-1104";
  const VECTOR =
    "0100048014000000000000000000000024000000" +
    "01020000000000052000000020020000" +
    "04002c0001000000" +
    "00002400ff010f00010500000000000515000000c7353a428e6b748455a1aec650040000";

  test("the published vector", () => {
    expect(encodeRetrievers([PRINCIPAL]).toString("hex")).toBe(VECTOR);
    expect(decodeRetrievers(Buffer.from(VECTOR, "hex"))).toEqual({ principals: [PRINCIPAL], denied: [], foreign: [] });
  });

  test("comes back as it went, for any number of principals", () => {
    fc.assert(
      fc.property(fc.array(anySid, { maxLength: 50 }), (sids) => {
        expect(decodeRetrievers(encodeRetrievers(sids))).toEqual({ principals: sids, denied: [], foreign: [] });
      }),
    );
  });

  test("another order of the parts and another revision mean the same", () => {
    const ours = encodeRetrievers([PRINCIPAL]);
    const [header, owner, list] = [Buffer.from(ours.subarray(0, 20)), ours.subarray(20, 36), Buffer.from(ours.subarray(36))];
    list.writeUInt8(2, 0);
    header.writeUInt32LE(20 + list.length, 4);
    header.writeUInt32LE(20, 16);
    expect(decodeRetrievers(Buffer.concat([header, list, owner]))).toEqual({ principals: [PRINCIPAL], denied: [], foreign: [] });
  });

  test.each([
    ["an object entry", 0, 5, "an entry of type 5"],
    ["an inherit-only entry", 1, 8, `an inherit-only entry for ${PRINCIPAL}`],
    ["a mask without the right to read", 4, 0xef, `an entry for ${PRINCIPAL} without the right to read`],
  ])("%s is foreign content, by name", (_, offset, byte, words) => {
    const bytes = encodeRetrievers([PRINCIPAL]);
    bytes.writeUInt8(byte, 36 + 8 + offset);
    expect(decodeRetrievers(bytes)).toEqual({ principals: [], denied: [], foreign: [words] });
  });

  test("who is kept out by name is read as such, before those who are let in and nowhere else", () => {
    const other = "S-1-5-21-1-2-3-1105";
    expect(decodeRetrievers(encodeRetrievers([PRINCIPAL], [other]))).toEqual({ principals: [PRINCIPAL], denied: [other], foreign: [] });
    const late = encodeRetrievers([PRINCIPAL, PRINCIPAL]);
    late.writeUInt8(1, 36 + 8 + 36);
    expect(decodeRetrievers(late)).toMatchObject({ principals: [PRINCIPAL], denied: [] });
    expect(decodeRetrievers(late).foreign).toEqual([`a deny entry for ${PRINCIPAL} that is out of order or denies something else`]);
  });

  test("no access list would allow everybody, so it is foreign", () => {
    const bytes = encodeRetrievers([PRINCIPAL]);
    bytes.writeUInt32LE(0, 16);
    expect(decodeRetrievers(bytes).foreign).toEqual(["a descriptor without an access list"]);
  });

  test.each([
    ["no flag that says that there is a list", (bytes: Buffer) => bytes.writeUInt16LE(0x8000, 2), "a descriptor without an access list"],
    ["a list that begins beyond the end", (bytes: Buffer) => bytes.writeUInt32LE(1000, 16), "a descriptor that cannot be read"],
    ["more entries than there are bytes", (bytes: Buffer) => bytes.writeUInt16LE(9, 36 + 4), "a descriptor that cannot be read"],
    [
      "an entry that says it is longer than all that is left",
      (bytes: Buffer) => bytes.writeUInt16LE(37, 44 + 2),
      "a descriptor that cannot be read",
    ],
    [
      "an entry that says it is shorter than its own header",
      (bytes: Buffer) => bytes.writeUInt16LE(7, 44 + 2),
      "a descriptor that cannot be read",
    ],
  ])("%s lets nobody in, and is foreign", (_, spoil, words) => {
    const bytes = Buffer.from(encodeRetrievers([PRINCIPAL]));
    spoil(bytes);
    expect(decodeRetrievers(bytes)).toEqual({ principals: [], denied: [], foreign: [words] });
  });

  test("one entry that cannot be read makes the whole list unreadable: half of it is never taken for all of it", () => {
    const two = Buffer.from(encodeRetrievers([PRINCIPAL, PRINCIPAL]));
    two.writeUInt16LE(100, 44 + 36 + 2);
    expect(decodeRetrievers(two)).toEqual({ principals: [], denied: [], foreign: ["a descriptor that cannot be read"] });
  });

  test("a header alone is an entry of a type that nobody knows, and lets nobody in", () => {
    const bytes = Buffer.from(encodeRetrievers([PRINCIPAL]));
    bytes.writeUInt8(5, 44);
    bytes.writeUInt16LE(8, 44 + 2);
    expect(decodeRetrievers(bytes)).toEqual({ principals: [], denied: [], foreign: ["an entry of type 5"] });
  });

  test.each([
    ["that denies no reading", 4, 0xef],
    ["that only what is below inherits", 1, 8],
  ])("an entry that denies and %s keeps nobody out", (_, offset, byte) => {
    const bytes = Buffer.from(encodeRetrievers([], [PRINCIPAL]));
    bytes.writeUInt8(byte, 44 + offset);
    expect(decodeRetrievers(bytes)).toEqual({
      principals: [],
      denied: [],
      foreign: [`a deny entry for ${PRINCIPAL} that is out of order or denies something else`],
    });
  });

  test("any bytes are answered, never with an error", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeRetrievers(Buffer.from(bytes)).principals.length >= 0));
    fc.assert(
      fc.property(fc.nat({ max: VECTOR.length / 2 - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const bytes = Buffer.from(VECTOR, "hex");
        bytes[at] = value;
        expect(decodeRetrievers(bytes).principals.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});
