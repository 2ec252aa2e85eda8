import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NumberTable } from "../../src/names/identifier.ts";

describe("a table of numbers", () => {
  test("answers as a Map does, whatever is set and deleted", () => {
    // Few keys come often, so that they are deleted and set again; many make it grow.
    const key = fc.oneof(fc.nat(40), fc.nat(0x3fffffff));
    const step = fc.tuple(key, fc.option(fc.integer({ min: 1, max: 0x7fffffff })));
    fc.assert(
      fc.property(fc.array(step, { size: "large" }), (steps) => {
        const [table, map] = [new NumberTable(), new Map<number, number>()];
        for (const [number, value] of steps) {
          if (value === null) table.delete(number);
          else table.set(number, value);
          if (value === null) map.delete(number);
          else map.set(number, value);
          expect(table.get(number)).toBe(map.get(number));
        }
        for (const [number] of steps) expect(table.get(number)).toBe(map.get(number));
      }),
    );
  });

  test("takes 200,000 and as many again in place of them, without a search that takes long", () => {
    const table = new NumberTable();
    const begun = process.cpuUsage();
    const numbers = Array.from({ length: 200_000 }, (_, index) => index * 4096);
    for (const number of numbers) table.set(number, 1 + (number & 0xff));
    for (const number of numbers) table.delete(number);
    for (const number of numbers) table.set(number + 1, 2);
    expect(numbers.filter((number) => table.get(number) !== undefined || table.get(number + 1) !== 2)).toEqual([]);
    // 150 ms of a slow processor when this was written.
    expect(process.cpuUsage(begun).user / 1000).toBeLessThan(1500);
  });
});
