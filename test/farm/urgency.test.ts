import { describe, expect, test } from "vitest";
import { urgencyOf } from "../../src/farm/journal.ts";
import { farm } from "./simulation.ts";

const spec = (quarantined: readonly string[], computers: readonly string[] = []) => ({ hosts: { computers, quarantined } });
const RECORD = { observedGeneration: 1, resolvedHosts: [{ reference: "WEB01", objectGUID: "w" }] };

describe("a farm has its turn", () => {
  test("at once where it ends", () => {
    const ending = farm(spec([]), RECORD);
    const metadata = { ...ending.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
    expect(urgencyOf({ ...ending, metadata }, ending)).toBe("Urgent");
  });

  test("at once where a quarantine is new since the farm was last seen", () => {
    expect(urgencyOf(farm(spec(["WEB01"]), RECORD, 2), farm(spec([], ["WEB01"]), RECORD))).toBe("Urgent");
    expect(urgencyOf(farm(spec(["WEB01"]), RECORD, 2), farm(spec(["WEB01"]), RECORD))).toBe("Change");
  });

  test("at first sight at once where a quarantine is not on record, or may be on record as a host's entry", () => {
    expect(urgencyOf(farm(spec(["WEB02"]), RECORD), undefined)).toBe("Urgent");
    expect(urgencyOf(farm(spec(["WEB01"]), RECORD, 2), undefined)).toBe("Urgent");
    expect(urgencyOf(farm(spec(["WEB01"])), undefined)).toBe("Urgent");
  });

  test("after others at first sight where it was looked at as it is", () => {
    expect(urgencyOf(farm(spec(["WEB01"]), RECORD), undefined)).toBe("Resync");
    expect(urgencyOf(farm(spec([], ["WEB01"]), RECORD, 2), undefined)).toBe("Change");
  });
});
