/** What the API server or the way to it said: one table. */

export type KubernetesErrorKind =
  | "NotFound"
  /** The object changed meanwhile, or a test of a patch failed: look again. */
  | "Conflict"
  | "AlreadyExists"
  /** The resourceVersion is too old: list again. */
  | "Gone"
  | "Unauthorized"
  | "Forbidden"
  | "Invalid"
  | "TooManyRequests"
  /** The answer has more bytes than the request asked for: ask for less. */
  | "TooLarge"
  | "Unavailable"
  | "Rejected"
  /** No answer's fault: a mistake of the program that uses it, which is the cause. */
  | "Internal";

export class KubernetesError extends Error {
  override readonly name = "KubernetesError";
  readonly kind: KubernetesErrorKind;
  readonly status: number | undefined;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter: number | undefined;

  constructor(
    kind: KubernetesErrorKind,
    message: string,
    { status, retryAfter, cause }: { status?: number | undefined; retryAfter?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.kind = kind;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const STATUS: Readonly<Record<number, KubernetesErrorKind>> = {
  400: "Rejected",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Gone",
  415: "Rejected",
  422: "Invalid",
  429: "TooManyRequests",
  500: "Unavailable",
  502: "Unavailable",
  503: "Unavailable",
  504: "Unavailable",
};

/** Milliseconds: a proxy may say an hour, and a quarantine may be what waits. */
const LONGEST_WAIT = 30_000;

/** An answer that is no success. `body` is a Status where the API server itself answers. */
export function fromResponse(what: string, status: number, body: unknown, retryAfterSeconds?: string): KubernetesError {
  const { message, reason } = statusOf(body);
  const kind =
    reason === "AlreadyExists" ? "AlreadyExists" : status === 422 && message === FAILED_TEST ? "Conflict" : (STATUS[status] ?? "Rejected");
  const seconds = Number(retryAfterSeconds);
  return new KubernetesError(kind, `${what}: ${message ?? `HTTP ${status}`}`, {
    status,
    retryAfter: retryAfterSeconds !== undefined && Number.isFinite(seconds) ? Math.min(seconds * 1000, LONGEST_WAIT) : undefined,
  });
}

/** The kind of a Status object that came as an event of a watch. */
export function fromStatusObject(what: string, body: unknown): KubernetesError {
  const code = typeof body === "object" && body !== null && "code" in body && typeof body.code === "number" ? body.code : 500;
  return fromResponse(what, code, body);
}

/** Whether the API server will not have what it was asked to write, however often: somebody has to act. */
export function isRefusal({ kind }: KubernetesError): boolean {
  return kind === "Invalid" || kind === "Forbidden" || kind === "Rejected";
}

/** A failure without an answer. */
export function fromFailure(what: string, error: unknown): KubernetesError {
  if (error instanceof KubernetesError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return new KubernetesError("Unavailable", `${what}: ${error instanceof Error ? error.message : String(error)}${cause}`, { cause: error });
}

/**
 * What the API server says of a JSON patch whose `test` does not hold, or that does not fit otherwise, and of nothing else: what a schema, a policy or a
 * webhook refuses has another message.
 */
const FAILED_TEST = "the server rejected our request due to an error in our request";

/** The body of a refusal as it was sent; it may be plain text, as that of the flow control is: then undefined. */
export function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function statusOf(body: unknown): { message?: string; reason?: string } {
  if (typeof body !== "object" || body === null) return {};
  return {
    ...("message" in body && typeof body.message === "string" ? { message: body.message } : {}),
    ...("reason" in body && typeof body.reason === "string" ? { reason: body.reason } : {}),
  };
}
