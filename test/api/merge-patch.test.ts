import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergePatch } from "../../src/api/object.ts";
import { type Json, type JsonObject } from "../sandbox/kubernetes/json.ts";
import { mergePatch as applyMergePatch } from "../sandbox/kubernetes/patch.ts";

/** Small, with few keys and values, so that two of them often have much in common. A merge patch cannot write null. */
const { status } = fc.letrec<{ leaf: Json; list: Json; status: JsonObject; node: Json }>((tie) => ({
  leaf: fc.constantFrom("a", "b", 1, true),
  list: fc.array(tie("node"), { maxLength: 3 }),
  status: fc.dictionary(fc.constantFrom("x", "y", "z"), tie("node"), { maxKeys: 3, noNullPrototype: true }),
  node: fc.oneof({ depthSize: "small" }, tie("leaf"), tie("list"), tie("status")),
}));

describe("a merge patch of what differs", () => {
  test("makes the one of the other, and is none where they are equal", () => {
    fc.assert(
      fc.property(status, status, (from, to) => {
        const patch = mergePatch(from, to);
        expect(patch === undefined).toBe(isDeepStrictEqual(from, to));
        const sent: Json = JSON.parse(JSON.stringify(patch ?? {}));
        expect(applyMergePatch(from, sent)).toEqual(to);
      }),
      { numRuns: 2000 },
    );
  });

  test.each<[string, object, object, object | undefined]>([
    ["a key without a value is none", { hosts: [{ a: 1 }] }, { hosts: [{ a: 1, b: undefined }] }, undefined],
    ["nor is one of the patch's own", { a: 1 }, { a: undefined }, { a: null }],
    ["the order of keys does not count", { list: [{ a: 1, b: 2 }] }, { list: [{ b: 2, a: 1 }] }, undefined],
    ["a list is written whole", { list: [1, 2] }, { list: [1] }, { list: [1] }],
    ["one more key in a list's object", { list: [{ a: 1 }] }, { list: [{ a: 1, b: 2 }] }, { list: [{ a: 1, b: 2 }] }],
    ["one key less", { list: [{ a: 1, b: 2 }] }, { list: [{ a: 1 }] }, { list: [{ a: 1 }] }],
  ])("%s", (_, from, to, patch) => {
    expect(mergePatch(from, to)).toEqual(patch);
  });
});
