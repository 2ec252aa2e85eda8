/** Which farms may come to their end, as values. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countedDeletions, type Deletions, freeSlots, nextSlotIn, takeSlot } from "../../src/domain/deletion-budget.ts";

const NOW = new Date("2026-11-26T12:00:00Z");
const HOUR = 3_600_000;
const ago = (minutes: number, uid = `u${minutes}`): Deletions[number] => ({
  farm: `web/${uid}`,
  uid,
  at: new Date(NOW.getTime() - minutes * 60_000).toISOString(),
});
const TWO = { farms: 2, per: HOUR };

describe("a slot of the budget", () => {
  test.each<[string, Deletions, { readonly uid: string; readonly ahead: number }, readonly string[] | undefined]>([
    ["is free where nobody took one", [], { uid: "new", ahead: 0 }, ["new"]],
    ["is put on record beside those that count", [ago(5)], { uid: "new", ahead: 0 }, ["u5", "new"]],
    ["is not to be had where all are taken", [ago(5), ago(6)], { uid: "new", ahead: 0 }, undefined],
    ["is free again after the time, and what is over is forgotten", [ago(60), ago(5)], { uid: "new", ahead: 0 }, ["u5", "new"]],
    ["is kept by whoever has it, after a crash in the middle", [ago(5), ago(6)], { uid: "u5", ahead: 9 }, ["u5", "u6"]],
    ["is left to those that were deleted before", [ago(5)], { uid: "new", ahead: 1 }, undefined],
    ["is taken where there are more than wait", [], { uid: "new", ahead: 1 }, ["new"]],
  ])("%s", (_, deletions, { uid, ahead }, uids) => {
    const taken = takeSlot(deletions, TWO, { uid, farm: `web/${uid}`, ahead }, NOW);
    expect(taken?.map((deletion) => deletion.uid)).toEqual(uids);
  });

  test("of nobody is there where each has to be confirmed", () => {
    expect(takeSlot([], { farms: 0, per: HOUR }, { uid: "new", farm: "web/new", ahead: 0 }, NOW)).toBeUndefined();
    expect(nextSlotIn([], { farms: 0, per: HOUR }, NOW)).toBe(Infinity);
  });

  test("is free again when the oldest is over; of a budget that was made smaller, when enough are", () => {
    expect(nextSlotIn([ago(5)], TWO, NOW)).toBe(0);
    expect(nextSlotIn([ago(5), ago(50)], TWO, NOW)).toBe(10 * 60_000);
    expect(nextSlotIn([ago(5), ago(50), ago(20)], TWO, NOW)).toBe(40 * 60_000);
    expect([freeSlots([ago(5)], TWO, NOW), freeSlots([ago(5), ago(6), ago(7)], TWO, NOW)]).toEqual([1, 0]);
  });

  test("is never taken by more farms within the time than the budget has, whatever the order", () => {
    const tries = fc.array(fc.record({ uid: fc.nat(30), after: fc.nat(30) }), { maxLength: 100 });
    fc.assert(
      fc.property(tries, fc.integer({ min: 0, max: 5 }), (list, farms) => {
        let deletions: Deletions = [];
        const begun: (readonly [uid: string, at: number])[] = [];
        let minutes = 0;
        for (const { uid, after } of list) {
          minutes += after;
          const now = new Date(NOW.getTime() + minutes * 60_000);
          const isNew = !countedDeletions(deletions, { farms, per: HOUR }, now).some((one) => one.uid === String(uid));
          const taken = takeSlot(deletions, { farms, per: HOUR }, { uid: String(uid), farm: "f", ahead: 0 }, now);
          if (taken && isNew) begun.push([String(uid), minutes]);
          deletions = taken ?? deletions;
          expect(begun.filter(([, at]) => at > minutes - 60).length).toBeLessThanOrEqual(farms);
        }
      }),
    );
  });
});
