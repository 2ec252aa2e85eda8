import fc from "fast-check";
import { expect, test } from "vitest";
import { Seats, seatOf } from "../../src/controller/seats.ts";

test("whoever is older goes first, and says who has to go or may come", () => {
  const seats = new Seats(2);
  const [old, middle, young] = [
    seatOf("2026-01-01T00:00:00Z", "b/z", true),
    seatOf("2026-01-02T00:00:00Z", "a/y", true),
    seatOf("2026-01-02T00:00:00Z", "b/x", true),
  ];
  expect(seats.add(young)).toBeUndefined();
  expect(seats.add(old)).toBeUndefined();
  expect(seats.add(old)).toBeUndefined();
  expect(seats.add(middle)).toBe("b/x");
  expect([old, middle, young].map((seat) => seats.has(seat))).toEqual([true, true, false]);
  expect(seats.remove(young)).toBeUndefined();
  expect(seats.add(young)).toBeUndefined();
  expect(seats.remove(old)).toBe("b/x");
  expect(seats.remove(old)).toBeUndefined();
  expect(seats.has(young)).toBe(true);
});

test("whoever has something goes before the older ones that have nothing", () => {
  const seats = new Seats(1);
  const [idle, alive] = [seatOf("2026-01-01T00:00:00Z", "a/idle", false), seatOf("2026-01-02T00:00:00Z", "b/alive", true)];
  seats.add(idle);
  expect(seats.add(alive)).toBe("a/idle");
  expect([idle, alive].map((seat) => seats.has(seat))).toEqual([false, true]);
});

test("without a limit all have a seat, and with none nobody", () => {
  const [free, none] = [new Seats(undefined), new Seats(0)];
  for (const seats of [free, none]) for (const key of ["a", "b"]) expect(seats.add(seatOf("2026", key, true))).toBeUndefined();
  expect([free.has(seatOf("2026", "b", true)), none.has(seatOf("2026", "a", true))]).toEqual([true, false]);
});

test("whatever comes and goes, the oldest have the seats, and every change is told", () => {
  // Some were made in one second, and each key is of one farm.
  const made = { a: "2", b: "1", c: "1", d: "3", e: "2" };
  const step = fc.record({ add: fc.boolean(), key: fc.constantFrom("a", "b", "c", "d", "e") });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4 }), fc.array(step, { maxLength: 40 }), (max, steps) => {
      const seats = new Seats(max);
      const there = new Map<string, string>();
      const seated = (): readonly string[] =>
        [...there]
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .slice(0, max)
          .map(([, key]) => key);
      for (const { add, key } of steps) {
        const seat = seatOf(made[key], key, true);
        const before = seated();
        const told = add ? seats.add(seat) : seats.remove(seat);
        if (add) there.set(seat, key);
        else there.delete(seat);
        const after = seated();
        const [left, came] = [before.filter((one) => !after.includes(one)), after.filter((one) => !before.includes(one))];
        expect(told === undefined ? [] : [told]).toEqual((add ? left : came).filter((one) => one !== key));
        for (const [one, own] of there) expect(seats.has(one)).toBe(after.includes(own));
      }
    }),
    { numRuns: 500 },
  );
});
