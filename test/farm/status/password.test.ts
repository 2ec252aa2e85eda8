import { expect, test } from "vitest";
import type { DirectoryObject } from "../../../src/ad/object.ts";
import { passwordTimes } from "../../../src/farm/status/observed.ts";
import { BASE, directoryObject } from "../simulation.ts";

const SET = Date.UTC(2026, 10, 26, 1, 20);
const CYCLE = Date.UTC(2026, 10, 25, 16);

function account(fields: Partial<DirectoryObject>): DirectoryObject {
  return directoryObject({ distinguishedName: `CN=itfarm1,${BASE}`, passwordIntervalDays: 30, passwordLastSet: SET, ...fields });
}

test.each([
  // 30 days are 72 whole cycles; 1 day is 2 of them, 20 hours; 365 days are 876; 7 days are 16, 160 hours.
  [30, "2026-12-25T16:00:00Z"],
  [1, "2026-11-26T12:00:00Z"],
  [7, "2026-12-02T08:00:00Z"],
  [365, "2027-11-25T16:00:00Z"],
])("with an interval of %i days the next change is that many whole cycles after the key's own began", (passwordIntervalDays, next) => {
  expect(passwordTimes(account({ passwordIntervalDays, passwordKey: { rootKeyId: "x", cycleStart: CYCLE } }))).toEqual({
    passwordLastChanged: "2026-11-26T01:20:00Z",
    passwordNextChange: next,
  });
});

test("where the key cannot be read, it is told from when the password was set", () => {
  expect(passwordTimes(account({})).passwordNextChange).toBe("2026-12-26T01:20:00Z");
});

test("nothing is told of what has no password or no interval", () => {
  const passwordKey = { rootKeyId: "x", cycleStart: CYCLE };
  expect(passwordTimes(account({ passwordLastSet: undefined, passwordKey }))).toEqual({});
  expect(passwordTimes(account({ passwordIntervalDays: undefined, passwordKey }))).toEqual({});
});
