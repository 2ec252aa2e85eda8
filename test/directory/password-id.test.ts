import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodePasswordId } from "../../src/directory/entries.ts";
import { encodeGuid } from "../../src/names/identifier.ts";

const ROOT_KEY = "9f1c2b3a-4d5e-6f70-8192-a3b4c5d6e7f8";
const TEN_HOURS = 36_000_000;
const SINCE_1601 = Date.UTC(1601, 0);

function passwordId(indexes: readonly number[], { version = 1, magic = "KDSK", guid = ROOT_KEY } = {}): Buffer {
  const bytes = Buffer.alloc(52);
  bytes.writeUInt32LE(version, 0);
  bytes.write(magic, 4, "latin1");
  bytes.writeUInt32LE(2, 8);
  indexes.forEach((index, position) => bytes.writeUInt32LE(index, 12 + 4 * position));
  encodeGuid(guid).copy(bytes, 24);
  return bytes;
}

describe("msDS-ManagedPasswordId", () => {
  test.each([
    [[0, 0, 1], SINCE_1601 + TEN_HOURS],
    [[0, 1, 0], SINCE_1601 + 32 * TEN_HOURS],
    [[1, 0, 0], SINCE_1601 + 1024 * TEN_HOURS],
    [[364, 18, 24], Date.UTC(2026, 10, 25, 16)],
  ] as const)("the cycle %j began when it did", (indexes, cycleStart) => {
    expect(decodePasswordId(passwordId(indexes))).toEqual({ rootKeyId: ROOT_KEY, cycleStart });
  });

  test("every moment lies in the ten hours of its own cycle", () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(2012, 0), max: Date.UTC(2100, 0) }), (now) => {
        const cycle = Math.floor((now - SINCE_1601) / TEN_HOURS);
        const indexes = [Math.floor(cycle / 1024), Math.floor(cycle / 32) % 32, cycle % 32];
        const start = decodePasswordId(passwordId(indexes))?.cycleStart ?? 0;
        expect(now - start).toBeGreaterThanOrEqual(0);
        expect(now - start).toBeLessThan(TEN_HOURS);
      }),
    );
  });

  test.each([
    ["nothing", undefined],
    ["no bytes", Buffer.alloc(0)],
    ["one byte too few", passwordId([364, 1, 1]).subarray(0, 39)],
    ["another version", passwordId([364, 1, 1], { version: 2 })],
    ["another magic", passwordId([364, 1, 1], { magic: "KDSX" })],
    ["a middle index that there is not", passwordId([364, 32, 1])],
    ["a lowest index that there is not", passwordId([364, 1, 32])],
    ["a time that no calendar writes", passwordId([0x01010101, 1, 1])],
    ["the seed of a whole level, which has no time", passwordId([364, 0xffffffff, 0xffffffff])],
  ])("%s is no key, and no error", (_, bytes) => {
    expect(decodePasswordId(bytes)).toBeUndefined();
  });

  test("what follows the GUID does not matter", () => {
    expect(decodePasswordId(passwordId([364, 1, 1]).subarray(0, 40))).toEqual(decodePasswordId(passwordId([364, 1, 1])));
  });
});
