/** What every object of the Kubernetes API has: its key, its conditions, its finalizer. */
import { describe, expect, test } from "vitest";
import { type ConditionDraft, finalizerAction, keyOf, progress, timestamp, toConditions } from "../../src/api/object.ts";
import { ABANDON, DOMAIN_FINALIZER, FARM_FINALIZER } from "../../src/api/annotations.ts";
import { domainWaitsForPerson, waitsForPerson } from "../../src/api/reasons.ts";

const NOW = new Date("2026-11-26T12:34:56.789Z");
const draft = (fields: Partial<ConditionDraft> = {}): ConditionDraft => ({
  type: "Ready",
  status: "True",
  reason: "Reconciled",
  message: "all is well",
  ...fields,
});

test("an object is known by its name, in a namespace by both", () => {
  expect(keyOf({ name: "contoso" })).toBe("contoso");
  expect(keyOf({ namespace: "web", name: "itfarm1" })).toBe("web/itfarm1");
});

test("times are whole seconds", () => {
  expect(timestamp(NOW)).toBe("2026-11-26T12:34:56Z");
});

describe("a condition", () => {
  test("has the time when its status changed last, and the rest of now", () => {
    const [first] = toConditions([], [draft()], 1, NOW);
    expect(first).toEqual({ ...draft(), observedGeneration: 1, lastTransitionTime: "2026-11-26T12:34:56Z" });
    const later = new Date("2026-11-27T00:00:00Z");
    const other = { type: "Other", status: "False" as const, reason: "x", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };
    const before = first ? [other, first] : [];
    const again = toConditions(before, [draft({ message: "still" })], 2, later);
    expect(again).toEqual([{ ...draft({ message: "still" }), observedGeneration: 2, lastTransitionTime: "2026-11-26T12:34:56Z" }]);
    expect(toConditions(before, [draft({ status: "False" })], 2, later)[0]?.lastTransitionTime).toBe("2026-11-27T00:00:00Z");
  });

  test("may have been found in an earlier generation", () => {
    expect(toConditions([], [draft({ observedGeneration: 1 })], 2, NOW)[0]?.observedGeneration).toBe(1);
  });

  test("is not longer than Kubernetes takes: the beginning says the most", () => {
    const message = (length: number): string => toConditions([], [draft({ message: "x".repeat(length) })], 1, NOW)[0]?.message ?? "";
    expect(message(4096)).toBe("x".repeat(4096));
    expect(message(4097)).toBe(`${"x".repeat(4095)}…`);
  });
});

test("what is not ready makes progress or is stalled, and says why; what is ready does neither", () => {
  expect(progress(draft(), false)).toEqual([]);
  const not = draft({ status: "False", reason: "HostNotFound", message: "no computer" });
  expect(progress(not, false)).toEqual([{ type: "Reconciling", status: "True", reason: "HostNotFound", message: "no computer" }]);
  expect(progress(not, true)).toEqual([{ type: "Stalled", status: "True", reason: "HostNotFound", message: "no computer" }]);
});

test.each([
  ["a new object is held before anything is made for it", false, false, "Add"],
  ["one that is held is brought about", true, false, "Reconcile"],
  ["one that is held and deleted is cleaned up after", true, true, "CleanUp"],
  ["one that is deleted and not held is none of ours", false, true, "Ignore"],
] as const)("%s", (_, present, deleting, action) => {
  expect(finalizerAction(present, deleting)).toBe(action);
});

test.each([
  ["Reconciled", false],
  ["Progressing", false],
  ["DomainNotFound", true],
  ["DomainNotReady", false],
  ["DirectoryUnavailable", false],
  ["AccessDenied", true],
  ["NotOwned", true],
  ["ObjectExists", true],
  ["ProtectedObject", true],
  ["ServicePrincipalNameInUse", true],
  ["ServicePrincipalNameReserved", true],
  ["HostNotFound", false],
  ["HostAmbiguous", true],
  ["HostNotTrusted", true],
  ["QuarantineNotFound", true],
  ["GroupNotFound", true],
  ["GroupInUse", true],
  ["InvalidSpec", true],
  ["Rejected", true],
  ["ChangesPending", false],
  ["Suspended", false],
  ["Deleting", false],
  ["DeletionBlocked", false],
  ["InternalError", false],
  ["NoReasonOfAFarm", false],
])("of a farm, %s waits for a person: %s", (reason, person) => {
  expect(waitsForPerson(reason)).toBe(person);
});

test.each([
  ["CredentialsRejected", true],
  ["CertificateUntrusted", true],
  ["InvalidSpec", true],
  ["SchemaTooOld", true],
  ["DomainControllerTooOld", true],
  ["DirectoryUnavailable", false],
  ["SecretNotFound", false],
  ["Rejected", false],
])("of a domain, %s waits for a person: %s", (reason, person) => {
  expect(domainWaitsForPerson(reason)).toBe(person);
});

test("what holds a farm and a domain, and lets a farm go, is written so: manifests and earlier versions name it", () => {
  expect([FARM_FINALIZER, DOMAIN_FINALIZER, ABANDON]).toEqual([
    "serverfarm.dev/decommission",
    "serverfarm.dev/in-use",
    "serverfarm.dev/abandon",
  ]);
});
