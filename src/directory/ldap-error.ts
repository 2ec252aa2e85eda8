/** What an LDAP server or the way to it said → DirectoryError: one table. */
import { type Answer, DirectoryError, type DirectoryErrorKind } from "../ad/error.ts";

/**
 * Result codes (RFC 4511 A.1): their name, what Active Directory means by them, and what becomes of the connection. A server that answers, and not that
 * it is busy or going away, has only refused this one request.
 */
const RESULTS: Readonly<Record<number, readonly [name: string, kind: DirectoryErrorKind, connection: Answer["connection"]]>> = {
  1: ["operationsError", "Unavailable", "Kept"],
  3: ["timeLimitExceeded", "Unavailable", "Kept"],
  4: ["sizeLimitExceeded", "Rejected", "Kept"],
  8: ["strongerAuthRequired", "Rejected", "Kept"],
  10: ["referral", "Referral", "Kept"],
  11: ["adminLimitExceeded", "Unavailable", "Kept"],
  13: ["confidentialityRequired", "Rejected", "Kept"],
  16: ["noSuchAttribute", "NoSuchValue", "Kept"],
  17: ["undefinedAttributeType", "Rejected", "Kept"],
  19: ["constraintViolation", "ConstraintViolation", "Kept"],
  20: ["attributeOrValueExists", "ValueExists", "Kept"],
  21: ["invalidAttributeSyntax", "Rejected", "Kept"],
  32: ["noSuchObject", "NotFound", "Kept"],
  34: ["invalidDNSyntax", "Rejected", "Kept"],
  48: ["inappropriateAuthentication", "InvalidCredentials", "Lost"],
  49: ["invalidCredentials", "InvalidCredentials", "Lost"],
  50: ["insufficientAccessRights", "AccessDenied", "Kept"],
  51: ["busy", "Unavailable", "Lost"],
  52: ["unavailable", "Unavailable", "Lost"],
  53: ["unwillingToPerform", "Unwilling", "Kept"],
  64: ["namingViolation", "ConstraintViolation", "Kept"],
  65: ["objectClassViolation", "ConstraintViolation", "Kept"],
  66: ["notAllowedOnNonLeaf", "ConstraintViolation", "Kept"],
  68: ["entryAlreadyExists", "AlreadyExists", "Kept"],
  80: ["other", "Unavailable", "Kept"],
  81: ["serverDown", "Unavailable", "Lost"],
  85: ["timeout", "Unavailable", "Lost"],
};

/** `data` of a refused bind, in words. */
const BIND_DATA: Readonly<Record<string, string>> = {
  "525": "there is no such user",
  "52e": "the user name or password is wrong",
  "530": "the account may not log on at this time",
  "531": "the account may not log on from this machine",
  "532": "the password has expired",
  "533": "the account is disabled",
  "701": "the account has expired",
  "773": "the password must be changed first",
  "775": "the account is locked out",
};

/**
 * How Windows (8647, 8648) and Samba say that somebody else holds an SPN, or one that implies it: by their texts, since the result is 19 or, of Samba and
 * for an implied one, 50.
 */
const SPN_CONFLICT = /\b000021C[78]: |samldb: spn\[.*\] would cause a conflict/i;

/** How Samba says that an SPN is beyond what an account's maker may set, and that the right to write the attribute is missing. */
const SPN_FORBIDDEN = /acl: spn validation failed/i;

/** Why a certificate was refused, in words; every other TLS code is named as it is. */
const CERTIFICATE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed and not signed by the configured CA",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from another CA than the configured one",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate comes from another CA than the configured one",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate comes from another CA than the configured one",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate comes from another CA than the configured one",
  CERT_SIGNATURE_FAILURE: "its certificate is not signed by the configured CA",
  CERT_REVOKED: "its certificate is revoked",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

/** The name of a result for a metric's label: of a closed set. */
export function resultName(error: DirectoryError | undefined): string {
  if (!error) return "success";
  return error.answer?.result ?? error.kind;
}

/** The directory's own text, without what the client adds to it. */
function diagnostic(message: string): string {
  return message
    .replace(/\s*Code: 0x[0-9a-f]+$/i, "")
    .replaceAll("\0", "")
    .trim();
}

/** What the text says where the number alone says too little. Of SPNs that a text quotes none has a space. */
function kindOf(found: DirectoryErrorKind, text: string): DirectoryErrorKind {
  if (found !== "ConstraintViolation" && found !== "AccessDenied") return found;
  if (SPN_FORBIDDEN.test(text)) return "AccessDenied";
  return SPN_CONFLICT.test(text) ? "ServicePrincipalNameInUse" : found;
}

export interface Attempt {
  /** What was tried, for the message: "searching DC=contoso,DC=com". */
  readonly what: string;
  /** True for add, modify and delete: a lost answer leaves the outcome unknown. */
  readonly write: boolean;
}

function fromAnswer(code: number, error: Error, what: string): DirectoryError {
  const [result, found, connection] = RESULTS[code] ?? [undefined, "Rejected", "Kept"];
  const text = diagnostic(error.message);
  const kind = kindOf(found, text);
  const bindData = kind === "InvalidCredentials" ? /data ([0-9a-f]+)/i.exec(text)?.[1]?.toLowerCase() : undefined;
  const plain = bindData === undefined ? undefined : BIND_DATA[bindData];
  const said = `the directory says ${result ?? `result ${code}`}${text === "" ? "" : ` (${text})`}`;
  return new DirectoryError(kind, `${what}: ${plain === undefined ? "" : `${plain}; `}${said}`, {
    answer: { code, result, connection },
    cause: error,
  });
}

/** Any failure of the client as a DirectoryError. */
export function toDirectoryError(error: unknown, { what, write }: Attempt): DirectoryError {
  if (error instanceof DirectoryError) return error;
  if (!(error instanceof Error)) return new DirectoryError("Rejected", `${what}: ${String(error)}`);
  const code = "code" in error ? error.code : undefined;
  if (typeof code === "number") return fromAnswer(code, error, what);
  if (
    typeof code === "string" &&
    (code in CERTIFICATE || code.startsWith("ERR_TLS") || code.startsWith("CERT_") || code.startsWith("ERR_SSL"))
  ) {
    return new DirectoryError("Untrusted", `${what}: ${CERTIFICATE[code] ?? "TLS failed"} (${code}: ${diagnostic(error.message)})`, {
      cause: error,
    });
  }
  // A name with several addresses fails with one error for each, and none of its own.
  const said = error instanceof AggregateError ? [...new Set(error.errors.map(String))].toSorted().join(", ") : diagnostic(error.message);
  // Everything else happened on the way: a socket, a name that does not resolve, a deadline, an answer that is no LDAP.
  return write
    ? new DirectoryError("OutcomeUnknown", `${what}: the connection was lost before the answer (${said})`, {
        cause: error,
      })
    : new DirectoryError("Unavailable", `${what}: ${said}`, { cause: error });
}
