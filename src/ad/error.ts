/** How a request to the directory failed: what the rest of the program needs to tell apart. */
export type DirectoryErrorKind =
  /** No server answers, or it says busy: try again. */
  | "Unavailable"
  /** The connection was lost before the answer of a write: it may have happened. Read again before doing it again. */
  | "OutcomeUnknown"
  /** The program is stopping or has lost its lease. */
  | "Aborted"
  /** The server's certificate is not trusted, or not for this name. Nothing was sent. */
  | "Untrusted"
  | "InvalidCredentials"
  /** The account lacks a right. */
  | "AccessDenied"
  | "AlreadyExists"
  | "NotFound"
  /** An attribute already has the value. */
  | "ValueExists"
  /** An attribute does not have the value that was to be deleted. */
  | "NoSuchValue"
  /** Another object holds the service principal name. */
  | "ServicePrincipalNameInUse"
  /** A rule of the directory: a name or SPN that is not unique, an immutable attribute. */
  | "ConstraintViolation"
  /** The server would not do it now; for a gMSA, for instance, while its key service starts. */
  | "Unwilling"
  /** Another server holds this part of the directory, or this one is read-only. */
  | "Referral"
  /** The object is not, or no longer, this farm's, or is one that must not be touched. */
  | "NotOwned"
  /** Anything else that the directory said. */
  | "Rejected";

/** Every failure of the directory. The message is for users: what was tried, on what, and the directory's own text. */
export class DirectoryError extends Error {
  override readonly name = "DirectoryError";
  readonly kind: DirectoryErrorKind;
  /** The LDAP result code, where there was an answer. */
  readonly code: number | undefined;

  constructor(kind: DirectoryErrorKind, message: string, { code, cause }: { code?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause });
    this.kind = kind;
    this.code = code;
  }

  /** True where trying again, with nothing changed, can succeed. */
  get retryable(): boolean {
    return RETRYABLE.has(this.kind);
  }

  /** True where the connection is of no more use, so that further requests of this reconcile would fail alike. */
  get fatal(): boolean {
    // A server that answered, and not that it is busy or going away, has only refused this one request.
    return FATAL.has(this.kind) && (this.code === undefined || LOST.has(this.code));
  }
}

const FATAL: ReadonlySet<DirectoryErrorKind> = new Set<DirectoryErrorKind>([
  "Unavailable",
  "OutcomeUnknown",
  "Aborted",
  "Untrusted",
  "InvalidCredentials",
]);
/** Result codes: inappropriateAuthentication, invalidCredentials, busy, unavailable, serverDown, timeout. */
const LOST: ReadonlySet<number> = new Set([48, 49, 51, 52, 81, 85]);
/** NotFound, AlreadyExists and their like say that the view was old: the next look decides. Rejected holds what is unknown. */
const RETRYABLE: ReadonlySet<DirectoryErrorKind> = new Set<DirectoryErrorKind>([
  "Unavailable",
  "OutcomeUnknown",
  "Aborted",
  "Unwilling",
  "Referral",
  "NotFound",
  "AlreadyExists",
  "ValueExists",
  "NoSuchValue",
  "Rejected",
]);
