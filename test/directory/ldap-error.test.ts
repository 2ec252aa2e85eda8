import { describe, expect, test } from "vitest";
import { resultName, toDirectoryError } from "../../src/directory/ldap-error.ts";
import { DirectoryError } from "../../src/ad/error.ts";

const READ = { what: "searching DC=x", write: false };
const WRITE = { what: "changing CN=a", write: true };

function failure(message: string, code?: number | string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

describe("what a server said", () => {
  test.each([
    [50, "AccessDenied", "insufficientAccessRights"],
    [51, "Unavailable", "busy"],
    [32, "NotFound", "noSuchObject"],
    [68, "AlreadyExists", "entryAlreadyExists"],
    [20, "ValueExists", "attributeOrValueExists"],
    [16, "NoSuchValue", "noSuchAttribute"],
    [19, "ConstraintViolation", "constraintViolation"],
    [53, "Unwilling", "unwillingToPerform"],
    [10, "Referral", "referral"],
    [4711, "Rejected", "Rejected"],
  ])("result %i is %s, and counted as %s", (code, kind, name) => {
    const error = toDirectoryError(failure("0000202B: RefErr Code: 0x35", code), WRITE);
    expect(error).toMatchObject({ kind, code });
    expect(resultName(error)).toBe(name);
    expect(error.message).toContain("changing CN=a: the directory says");
    expect(error.message).toContain("(0000202B: RefErr)");
    expect(error.message).not.toContain("Code: 0x");
  });

  test("an SPN that the account may not set is a right that is missing, not a rule of the schema", () => {
    const text =
      "acl: spn validation failed for spn[http/new.contoso.com] uac[0x1000] account[ITFarm1$] hostname[itfarm1.contoso.com] nbname[CONTOSO]";
    expect(toDirectoryError(failure(text, 19), WRITE)).toMatchObject({ kind: "AccessDenied" });
  });

  test.each([
    ["Windows, an SPN", 19, "000021C7: AtrErr: DSID-03200BBA, #1:\n\t0: 000021C7: DSID-03200BBA, problem 1005 (CONSTRAINT_ATT_TYPE)"],
    ["Windows, a UPN", 19, "000021C8: AtrErr: DSID-03200E96, #1:\n\t0: 000021C8: DSID-03200E96, problem 1005 (CONSTRAINT_ATT_TYPE)"],
    ["Samba, an SPN", 19, "0000202F: samldb: spn[http/shop.contoso.com] would cause a conflict"],
    ["Samba, an implied one", 50, "00002098: samldb: spn[cifs/web06.contoso.com] would cause a conflict"],
    ["Samba, without a number", 50, "samldb: spn[cifs/web06.contoso.com] would cause a conflict"],
  ])("a name that somebody holds is one error, whatever its number: %s", (_, code, text) => {
    const error = toDirectoryError(failure(text, code), WRITE);
    expect(error).toMatchObject({ kind: "ServicePrincipalNameInUse", code, retryable: false, fatal: false });
    expect(error.message).toContain(text.slice(0, 20));
  });

  test.each([
    ["a missing right", 50, "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0"],
    [
      "an SPN that the maker may not set",
      50,
      "acl: spn validation failed for spn[http/x] uac[0x1000] account[a$] hostname[(null)] nbname[C]",
    ],
    ["one that looks like a number of Windows", 19, "acl: spn validation failed for spn[http/000021C7] uac[0x1000] account[a$]"],
  ])("%s stays a right that is missing", (_, code, text) => {
    expect(toDirectoryError(failure(text, code), WRITE)).toMatchObject({ kind: "AccessDenied" });
  });

  test("another rule that quotes a number of Windows within a word is not taken for a name in use", () => {
    expect(toDirectoryError(failure("0000202F: value x000021C7y", 19), WRITE)).toMatchObject({ kind: "ConstraintViolation" });
  });

  test.each([
    ["52e", "the user name or password is wrong"],
    ["532", "the password has expired"],
    ["533", "the account is disabled"],
    ["775", "the account is locked out"],
  ])("a refused bind with data %s in plain words", (data, words) => {
    const text = `80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data ${data}, v4563 Code: 0x31`;
    expect(toDirectoryError(failure(text, 49), READ)).toMatchObject({
      kind: "InvalidCredentials",
      message: expect.stringContaining(words),
    });
  });

  test.each([
    ["CERT_HAS_EXPIRED", "its certificate has expired"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "another CA than the configured one"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "for another name"],
    ["ERR_TLS_HANDSHAKE_TIMEOUT", "TLS failed"],
  ])("%s is a matter of trust", (code, words) => {
    expect(toDirectoryError(failure("x", code), READ)).toMatchObject({ kind: "Untrusted", message: expect.stringContaining(words) });
  });

  test("a lost answer leaves the outcome of a write unknown, and a read to be tried again", () => {
    const lost = failure("Connection closed before message response was received. Message type: ModifyRequest (0x66)");
    expect(toDirectoryError(lost, WRITE)).toMatchObject({ kind: "OutcomeUnknown", fatal: true, retryable: true });
    expect(toDirectoryError(lost, READ)).toMatchObject({ kind: "Unavailable", fatal: true, retryable: true });
    expect(toDirectoryError("what?", READ)).toMatchObject({ kind: "Rejected", retryable: true });
  });

  test.each<[string, unknown, typeof READ, string]>([
    [
      "an answer",
      failure("0000202B: no such thing  Code: 0x20", 32),
      READ,
      "searching DC=x: the directory says noSuchObject (0000202B: no such thing)",
    ],
    ["one without a text", failure("", 32), READ, "searching DC=x: the directory says noSuchObject"],
    ["one whose code is not known", failure("odd\0", 4711), READ, "searching DC=x: the directory says result 4711 (odd)"],
    [
      "a code within the text, which stays",
      failure("Code: 0x20 was said", 32),
      READ,
      "searching DC=x: the directory says noSuchObject (Code: 0x20 was said)",
    ],
    [
      "a refused bind",
      failure("AcceptSecurityContext error, data 52E, v4563", 49),
      READ,
      "searching DC=x: the user name or password is wrong; the directory says invalidCredentials (AcceptSecurityContext error, data 52E, v4563)",
    ],
    ["a refused bind without data", failure("no", 49), READ, "searching DC=x: the directory says invalidCredentials (no)"],
    [
      "a refused bind with data that nobody knows",
      failure("data 999", 49),
      READ,
      "searching DC=x: the directory says invalidCredentials (data 999)",
    ],
    [
      "data of another error, which means nothing there",
      failure("data 52e", 53),
      READ,
      "searching DC=x: the directory says unwillingToPerform (data 52e)",
    ],
    ["what is no error", "what?", READ, "searching DC=x: what?"],
    ["a read that was lost", failure("gone"), READ, "searching DC=x: gone"],
    ["a write that was lost", failure("gone"), WRITE, "changing CN=a: the connection was lost before the answer (gone)"],
    [
      "a name with several addresses",
      new AggregateError([new Error("b"), new Error("a"), new Error("b")]),
      READ,
      "searching DC=x: Error: a, Error: b",
    ],
    [
      "a certificate",
      failure("certificate has expired", "CERT_HAS_EXPIRED"),
      READ,
      "searching DC=x: its certificate has expired (CERT_HAS_EXPIRED: certificate has expired)",
    ],
  ])("%s, as people read it", (_, error, attempt, message) => {
    expect(toDirectoryError(error, attempt).message).toBe(message);
  });

  test.each([
    ["CERT_UNTRUSTED", "Untrusted"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "Untrusted"],
    ["ERR_TLS_DH_PARAM_SIZE", "Untrusted"],
    ["ECONNRESET", "Unavailable"],
    ["NO_CERT_AT_ALL", "Unavailable"],
    ["X_ERR_SSL", "Unavailable"],
    ["ENOTFOUND", "Unavailable"],
  ])("the client's code %s is %s, and its cause is kept", (code, kind) => {
    const cause = failure("x", code);
    expect(toDirectoryError(cause, READ)).toMatchObject({ kind, cause });
    expect(toDirectoryError(cause, WRITE)).toMatchObject({ kind: kind === "Untrusted" ? kind : "OutcomeUnknown", cause });
  });

  test("an answer says what becomes of the connection, and a kind without an answer what it is", () => {
    expect(toDirectoryError(failure("x", 4711), READ)).toMatchObject({ answer: { code: 4711, result: undefined, connection: "Kept" } });
    expect(toDirectoryError(failure("x", 51), READ)).toMatchObject({ answer: { result: "busy" } });
    expect(resultName(new DirectoryError("Unavailable", "x"))).toBe("Unavailable");
  });

  test("an SPN's text under a number that says enough is not read", () => {
    const text = "samldb: spn[http/shop] would cause a conflict";
    expect(toDirectoryError(failure(text, 32), WRITE)).toMatchObject({ kind: "NotFound" });
  });

  test("an error that was understood once stays as it is", () => {
    const error = new DirectoryError("NotOwned", "x");
    expect(toDirectoryError(error, WRITE)).toBe(error);
    expect(resultName(undefined)).toBe("success");
  });
});

test.each<[number, string, string, "goes on" | "ends the reconcile"]>([
  [1, "operationsError", "Unavailable", "goes on"],
  [3, "timeLimitExceeded", "Unavailable", "goes on"],
  [4, "sizeLimitExceeded", "Rejected", "goes on"],
  [8, "strongerAuthRequired", "Rejected", "goes on"],
  [10, "referral", "Referral", "goes on"],
  [11, "adminLimitExceeded", "Unavailable", "goes on"],
  [13, "confidentialityRequired", "Rejected", "goes on"],
  [16, "noSuchAttribute", "NoSuchValue", "goes on"],
  [17, "undefinedAttributeType", "Rejected", "goes on"],
  [19, "constraintViolation", "ConstraintViolation", "goes on"],
  [20, "attributeOrValueExists", "ValueExists", "goes on"],
  [21, "invalidAttributeSyntax", "Rejected", "goes on"],
  [32, "noSuchObject", "NotFound", "goes on"],
  [34, "invalidDNSyntax", "Rejected", "goes on"],
  [48, "inappropriateAuthentication", "InvalidCredentials", "ends the reconcile"],
  [49, "invalidCredentials", "InvalidCredentials", "ends the reconcile"],
  [50, "insufficientAccessRights", "AccessDenied", "goes on"],
  [51, "busy", "Unavailable", "ends the reconcile"],
  [52, "unavailable", "Unavailable", "ends the reconcile"],
  [53, "unwillingToPerform", "Unwilling", "goes on"],
  [64, "namingViolation", "ConstraintViolation", "goes on"],
  [65, "objectClassViolation", "ConstraintViolation", "goes on"],
  [66, "notAllowedOnNonLeaf", "ConstraintViolation", "goes on"],
  [68, "entryAlreadyExists", "AlreadyExists", "goes on"],
  [80, "other", "Unavailable", "goes on"],
  [81, "serverDown", "Unavailable", "ends the reconcile"],
  [85, "timeout", "Unavailable", "ends the reconcile"],
  [4711, "Rejected", "Rejected", "goes on"],
])("result %i is counted as %s, is %s, and the reconcile %s", (code, name, kind, connection) => {
  const error = toDirectoryError(failure("x", code), READ);
  expect([resultName(error), error.kind, error.fatal]).toEqual([name, kind, connection === "ends the reconcile"]);
});

test.each([
  ["525", "there is no such user"],
  ["52e", "the user name or password is wrong"],
  ["530", "the account may not log on at this time"],
  ["531", "the account may not log on from this machine"],
  ["532", "the password has expired"],
  ["533", "the account is disabled"],
  ["701", "the account has expired"],
  ["773", "the password must be changed first"],
  ["775", "the account is locked out"],
])("a bind that is refused with data %s: %s", (data, words) => {
  expect(toDirectoryError(failure(`data ${data}, v1`, 49), READ).message).toBe(
    `searching DC=x: ${words}; the directory says invalidCredentials (data ${data}, v1)`,
  );
});

test.each([
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["CERT_NOT_YET_VALID", "its certificate is not valid yet"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "its certificate is self-signed and not signed by the configured CA"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "its certificate comes from another CA than the configured one"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "its certificate comes from another CA than the configured one"],
  ["UNABLE_TO_GET_ISSUER_CERT", "its certificate comes from another CA than the configured one"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "its certificate comes from another CA than the configured one"],
  ["CERT_SIGNATURE_FAILURE", "its certificate is not signed by the configured CA"],
  ["CERT_REVOKED", "its certificate is revoked"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name"],
  ["ERR_TLS_OF_ANOTHER_KIND", "TLS failed"],
])("a certificate that is refused as %s: %s", (code, words) => {
  expect(toDirectoryError(failure("x", code), WRITE)).toMatchObject({ kind: "Untrusted", message: `changing CN=a: ${words} (${code}: x)` });
});
