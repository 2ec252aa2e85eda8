/** By the owner marker it is decided what may be changed and deleted: every character of it counts. */
import { describe, expect, test } from "vitest";
import {
  decodeGuid,
  decodeSid,
  describeOwner,
  encodeGuid,
  encodeSid,
  isOfNamespace,
  isOwnerMarker,
  ownerMarker,
  sidLength,
} from "../../src/names/identifier.ts";

const OWN = ownerMarker("8a1f", { namespace: "web", name: "itfarm1" });

describe("an owner, in words", () => {
  test.each([
    [undefined, "it has no owner marker"],
    ["", "it has no owner marker"],
    ["a note", "its adminDescription holds something other than an owner marker"],
    ["cluster=8a1f farm=web/other", "its adminDescription holds something other than an owner marker"],
    ["serverfarm.dev cluster=8a1f farm=web/other", "it belongs to the ServerFarm web/other"],
    ["serverfarm.dev cluster=8a1 farm=web/other", "it belongs to the ServerFarm web/other of another cluster (8a1)"],
    ["serverfarm.dev cluster=beef farm=web/other", "it belongs to the ServerFarm web/other of another cluster (beef)"],
    ["serverfarm.dev x cluster=8a1f farm=web/other", "its adminDescription holds something other than an owner marker"],
    ["serverfarm.dev cluster=8a1f farm=web/other x", "its adminDescription holds something other than an owner marker"],
    ["serverfarm.dev cluster= farm=web/other", "its adminDescription holds something other than an owner marker"],
  ])("%j", (owner, words) => {
    expect(describeOwner(owner, OWN)).toBe(words);
  });

  test.each([
    [OWN, true],
    ["serverfarm.dev cluster=8a1f farm=web/other", true],
    ["serverfarm.dev cluster=8a1f farm=web2/itfarm1", false],
    ["serverfarm.dev cluster=8a1f farm=we/itfarm1", false],
    ["serverfarm.dev cluster=beef farm=web/itfarm1", false],
    ["serverfarm.dev adopt=web/itfarm1", false],
    ["cluster=8a1f farm=web/other", false],
    [undefined, false],
  ])("%j is of its own namespace: %j", (owner, own) => {
    expect(isOfNamespace(owner, OWN)).toBe(own);
  });

  test("only what begins like one is a marker", () => {
    expect([undefined, "", "x", `x${OWN}`, "serverfarm.dev", OWN].map((text) => isOwnerMarker(text))).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
    ]);
  });
});

describe("a GUID", () => {
  const GUID = "970eb5a7-7e47-4c78-a400-f74ec467e5d1";
  test.each([`x${GUID}`, `${GUID}0`, `${GUID}\n`, `{${GUID}}`, ""])("%j is none, and is named", (text) => {
    expect(() => encodeGuid(text)).toThrow(`${text} is not a GUID`);
  });
  test("of another length than 16 bytes is none", () => {
    expect(() => decodeGuid(Buffer.alloc(17))).toThrow("a GUID has 16 bytes, not 17");
  });
});

describe("a security identifier", () => {
  const FULL = `S-1-5-${Array.from({ length: 15 }, (_, index) => index + 1).join("-")}`;

  test("may have 15 numbers, and one authority of many digits", () => {
    expect(decodeSid(encodeSid(FULL))).toBe(FULL);
    expect(decodeSid(encodeSid("S-1-123456789-1"))).toBe("S-1-123456789-1");
  });
  test.each([`${FULL}-16`, "xS-1-5-21", "S-1-5-21x"])("%j is none, and is named", (text) => {
    expect(() => encodeSid(text)).toThrow(`${text} is not a security identifier`);
  });
  test("in bytes has version 1 and at most 15 numbers, and is whole", () => {
    const bytes = encodeSid("S-1-5-21-1-2-3-1104");
    const changed = (offset: number, value: number): Buffer => {
      const copy = Buffer.concat([bytes, Buffer.alloc(64)]);
      copy[offset] = value;
      return copy;
    };
    expect(() => decodeSid(changed(0, 2))).toThrow("not a security identifier");
    expect(() => decodeSid(changed(1, 16))).toThrow("not a security identifier");
    expect(sidLength(changed(1, 15))).toBe(68);
    expect(() => sidLength(bytes.subarray(0, 1))).toThrow("not a security identifier");
    expect(() => sidLength(bytes.subarray(0, bytes.length - 1))).toThrow("a security identifier that ends too early");
    // In the middle of an access list there may be something before it.
    const shifted = Buffer.concat([Buffer.alloc(8), bytes]);
    expect(sidLength(shifted, 8)).toBe(bytes.length);
    expect(() => sidLength(shifted.subarray(0, shifted.length - 1), 8)).toThrow("ends too early");
  });
});
