/** How a request to the directory failed: what the rest of the program needs to tell apart. */

interface Kind {
  /** Time: trying again, with nothing changed, can succeed. Person: somebody has to act first. */
  readonly waitsFor: "Time" | "Person";
  /** What becomes of the connection where the server did not answer at all. Lost: further requests of this reconcile would fail alike. */
  readonly connection: "Kept" | "Lost";
}

const KINDS = {
  /** No server answers, or it says busy. */
  Unavailable: { waitsFor: "Time", connection: "Lost" },
  /** The connection was lost before the answer of a write: it may have happened. Read again before doing it again. */
  OutcomeUnknown: { waitsFor: "Time", connection: "Lost" },
  /** The program is stopping or has lost its lease, or the reconcile was broken off for something more urgent. */
  Aborted: { waitsFor: "Time", connection: "Lost" },
  /** The server's certificate is not trusted, or not for this name. Nothing was sent. */
  Untrusted: { waitsFor: "Person", connection: "Lost" },
  InvalidCredentials: { waitsFor: "Person", connection: "Lost" },
  /** The account lacks a right. */
  AccessDenied: { waitsFor: "Person", connection: "Kept" },
  AlreadyExists: { waitsFor: "Time", connection: "Kept" },
  NotFound: { waitsFor: "Time", connection: "Kept" },
  /** The object is gone, or is not as it was when the write was decided on. Nothing was written: the next look decides. */
  Stale: { waitsFor: "Time", connection: "Kept" },
  /** An attribute already has the value. */
  ValueExists: { waitsFor: "Time", connection: "Kept" },
  /** An attribute does not have the value that was to be deleted. */
  NoSuchValue: { waitsFor: "Time", connection: "Kept" },
  /** Another object holds the service principal name. */
  ServicePrincipalNameInUse: { waitsFor: "Person", connection: "Kept" },
  /** A rule of the directory: a name or SPN that is not unique, an immutable attribute. */
  ConstraintViolation: { waitsFor: "Person", connection: "Kept" },
  /** The server would not do it now; for a gMSA, for instance, while its key service starts. */
  Unwilling: { waitsFor: "Time", connection: "Kept" },
  /** Another server holds this part of the directory, or this one is read-only. */
  Referral: { waitsFor: "Time", connection: "Kept" },
  /** The object is not, or no longer, this farm's, or is one that must not be touched. */
  NotOwned: { waitsFor: "Person", connection: "Kept" },
  /** More match than are read. */
  TooMany: { waitsFor: "Person", connection: "Kept" },
  /** Something outside the directory has to be done first. Nothing was sent. */
  NotSent: { waitsFor: "Time", connection: "Kept" },
  /** Anything else that the directory said: what is not known may pass. */
  Rejected: { waitsFor: "Time", connection: "Kept" },
} as const satisfies Readonly<Record<string, Kind>>;

export type DirectoryErrorKind = keyof typeof KINDS;

/** What the server answered. */
export interface Answer {
  /** The LDAP result code. */
  readonly code: number;
  /** Its name; undefined for one that is not known. */
  readonly result: string | undefined;
  readonly connection: Kind["connection"];
}

/** Every failure of the directory. The message is for users: what was tried, on what, and the directory's own text. */
export class DirectoryError extends Error {
  override readonly name = "DirectoryError";
  readonly kind: DirectoryErrorKind;
  /** Undefined where there was no answer. */
  readonly answer: Answer | undefined;

  constructor(kind: DirectoryErrorKind, message: string, { answer, cause }: { answer?: Answer | undefined; cause?: unknown } = {}) {
    super(message, { cause });
    this.kind = kind;
    this.answer = answer;
  }

  /** True where trying again, with nothing changed, can succeed. */
  get retryable(): boolean {
    return KINDS[this.kind].waitsFor === "Time";
  }

  /** True where the connection is of no more use, so that further requests of this reconcile would fail alike. */
  get fatal(): boolean {
    return (this.answer ?? KINDS[this.kind]).connection === "Lost";
  }

  get code(): number | undefined {
    return this.answer?.code;
  }
}

/** A reconcile was broken off, and asks the directory for nothing more. */
export function brokenOff(): DirectoryError {
  return new DirectoryError("Aborted", "the reconcile was broken off: the operator stops, or something more urgent is to be done");
}

/** Of an object that the operator has to know and that its owner, or nobody, lets it read. */
export function unreadable(distinguishedName: string): DirectoryError {
  return new DirectoryError("AccessDenied", `${distinguishedName}: the account may not read its objectGUID; give it Read Property there`);
}

/** The server found more than it lists in one answer. */
export function isCutShort(error: unknown): boolean {
  return error instanceof DirectoryError && error.answer?.result === "sizeLimitExceeded";
}
