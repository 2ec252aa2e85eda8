/** What follows from how a request to the directory failed: whether to try again, and whether the connection is of any more use. */
import { expect, test } from "vitest";
import { DirectoryError, type DirectoryErrorKind } from "../../src/ad/error.ts";

test.each<[DirectoryErrorKind, "retried" | "left to a person", "goes on" | "ends the reconcile"]>([
  ["Unavailable", "retried", "ends the reconcile"],
  ["OutcomeUnknown", "retried", "ends the reconcile"],
  ["Aborted", "retried", "ends the reconcile"],
  ["Untrusted", "left to a person", "ends the reconcile"],
  ["InvalidCredentials", "left to a person", "ends the reconcile"],
  ["AccessDenied", "left to a person", "goes on"],
  ["AlreadyExists", "retried", "goes on"],
  ["NotFound", "retried", "goes on"],
  ["Stale", "retried", "goes on"],
  ["ValueExists", "retried", "goes on"],
  ["NoSuchValue", "retried", "goes on"],
  ["ServicePrincipalNameInUse", "left to a person", "goes on"],
  ["ConstraintViolation", "left to a person", "goes on"],
  ["Unwilling", "retried", "goes on"],
  ["Referral", "retried", "goes on"],
  ["NotOwned", "left to a person", "goes on"],
  ["Rejected", "retried", "goes on"],
])("%s is %s and %s", (kind, then, connection) => {
  const error = new DirectoryError(kind, "x");
  expect(error.retryable).toBe(then === "retried");
  expect(error.fatal).toBe(connection === "ends the reconcile");
});

test("what the server answered says more of the connection than the kind does", () => {
  const answered = (kind: DirectoryErrorKind, connection: "Kept" | "Lost"): DirectoryError =>
    new DirectoryError(kind, "x", { answer: { code: 51, result: "busy", connection } });
  expect(answered("Unavailable", "Kept").fatal).toBe(false);
  expect(answered("AccessDenied", "Lost").fatal).toBe(true);
});

test("an error tells its code, its cause and its name; without an answer there is no code", () => {
  const cause = new Error("socket hang up");
  const error = new DirectoryError("NotFound", "no such object", {
    answer: { code: 32, result: "noSuchObject", connection: "Kept" },
    cause,
  });
  expect(error).toMatchObject({ name: "DirectoryError", message: "no such object", kind: "NotFound", code: 32, cause });
  expect(new DirectoryError("NotFound", "x").code).toBeUndefined();
});
