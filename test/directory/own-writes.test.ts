import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { assertReleased, OwnWrites } from "../../src/directory/own-writes.ts";

const HOUR = 3_600_000;
const ACCOUNT = "CN=itfarm1,OU=Farms,DC=contoso,DC=com";

describe("a domain's brake", () => {
  test.each([
    [undefined, [true, true]],
    ["Observe", [true, false]],
    ["Suspend", [false, false]],
  ] as const)("%s lets reads and writes pass or not", (holds, passes) => {
    const isSent = (operation: "Read" | "Write"): boolean => {
      try {
        assertReleased({ holds }, operation);
        return true;
      } catch (error) {
        expect(error).toMatchObject({ kind: "Aborted" });
        return false;
      }
    };
    expect([isSent("Read"), isSent("Write")]).toEqual(passes);
  });
});

describe("what the program made and did not see", () => {
  let own: OwnWrites;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance"] });
    own = new OwnWrites(HOUR);
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  test("is not made on another server for an hour, and on the same one at any time", () => {
    own.beginCreation(ACCOUNT, "dc1");
    own.beginCreation(ACCOUNT, "dc1");
    expect(() => own.beginCreation(ACCOUNT.toLowerCase(), "dc2")).toThrow("may exist on another domain controller");
    own.beginCreation("CN=other,OU=Farms,DC=contoso,DC=com", "dc2");
    vi.advanceTimersByTime(HOUR - 1);
    expect(() => own.beginCreation(ACCOUNT, "dc2")).toThrow("not created again until the hour is over");
    vi.advanceTimersByTime(1);
    own.beginCreation(ACCOUNT, "dc2");
    expect(() => own.beginCreation(ACCOUNT, "dc1"), "the hour of the second one").toThrow("another domain controller");
  });

  test("is made anywhere once it was seen, or deleted", () => {
    own.beginCreation(ACCOUNT, "dc1");
    own.seen({ distinguishedName: ACCOUNT.toUpperCase(), objectGUID: "guid", objectSID: undefined, owner: undefined });
    expect(own.beginCreation(ACCOUNT, "dc2")).toBeUndefined();
    own.deleted(ACCOUNT, "guid");
    expect(own.beginCreation(ACCOUNT, "dc1")).toBeUndefined();
  });

  test("is not what was refused; but a try before it counts on", () => {
    own.undoCreation(ACCOUNT, own.beginCreation(ACCOUNT, "dc1"));
    own.beginCreation(ACCOUNT, "dc2");
    own.undoCreation(ACCOUNT, own.beginCreation(ACCOUNT, "dc2"));
    expect(() => own.beginCreation(ACCOUNT, "dc1")).toThrow("another domain controller");
  });
});

test("what the program deleted is gone, and forgotten once nobody needs to know", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const own = new OwnWrites(HOUR);
  own.deleted(ACCOUNT, "first");
  expect([own.isDeleted("first"), own.isDeleted("second")]).toEqual([true, false]);
  vi.advanceTimersByTime(HOUR);
  own.deleted(ACCOUNT, "second");
  expect([own.isDeleted("first"), own.isDeleted("second")]).toEqual([false, true]);
  vi.useRealTimers();
});
