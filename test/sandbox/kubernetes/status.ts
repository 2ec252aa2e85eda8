/** What the API server says when it refuses: a Status (meta/v1). */
import type { Json, JsonObject } from "./json.ts";
import type { ResourceType } from "./resources.ts";

export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: number;
  readonly reason: string;
  readonly details: JsonObject | undefined;

  constructor(code: number, reason: string, message: string, details?: JsonObject) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  get status(): JsonObject {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      reason: this.reason,
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

export function qualified({ group, plural }: ResourceType): string {
  return group === "" ? plural : `${plural}.${group}`;
}

function details(type: ResourceType, name: string, more: JsonObject = {}): JsonObject {
  return { name, ...(type.group === "" ? {} : { group: type.group }), kind: type.plural, ...more };
}

export function notFound(type: ResourceType, name: string): StatusError {
  return new StatusError(404, "NotFound", `${qualified(type)} "${name}" not found`, details(type, name));
}

export function alreadyExists(type: ResourceType, name: string): StatusError {
  return new StatusError(409, "AlreadyExists", `${qualified(type)} "${name}" already exists`, details(type, name));
}

export function conflict(type: ResourceType, name: string, why = ""): StatusError {
  const reason = why === "" ? "the object has been modified; please apply your changes to the latest version and try again" : why;
  return new StatusError(409, "Conflict", `Operation cannot be fulfilled on ${qualified(type)} "${name}": ${reason}`, details(type, name));
}

export interface FieldError {
  readonly type:
    | "FieldValueRequired"
    | "FieldValueInvalid"
    | "FieldValueForbidden"
    | "FieldValueNotSupported"
    | "FieldValueDuplicate"
    | "FieldValueTooLong"
    | "FieldValueTooMany"
    | "FieldValueTypeInvalid";
  readonly field: string;
  readonly message: string;
}

const PREFIX: Readonly<Record<FieldError["type"], string>> = {
  FieldValueRequired: "Required value",
  FieldValueInvalid: "Invalid value",
  FieldValueForbidden: "Forbidden",
  FieldValueNotSupported: "Unsupported value",
  FieldValueDuplicate: "Duplicate value",
  FieldValueTooLong: "Too long",
  FieldValueTooMany: "Too many",
  FieldValueTypeInvalid: "Invalid value",
};

/** `value` as the API server quotes it; left out where the kind of error has none. */
export function fieldError(type: FieldError["type"], field: string, message: string, value?: Json): FieldError {
  const shown =
    value === undefined
      ? ""
      : `: ${typeof value === "object" && value !== null && !Array.isArray(value) && type === "FieldValueInvalid" ? '"object"' : JSON.stringify(value)}`;
  return { type, field, message: `${PREFIX[type]}${shown}${message === "" ? "" : `: ${message}`}` };
}

export function invalid(type: ResourceType, name: string, errors: readonly FieldError[]): StatusError {
  const texts = errors.map(({ field, message }) => `${field}: ${message}`);
  const kind = type.group === "" ? type.kind : `${type.kind}.${type.group}`;
  return new StatusError(422, "Invalid", `${kind} "${name}" is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`}`, {
    name,
    ...(type.group === "" ? {} : { group: type.group }),
    kind: type.kind,
    causes: errors.map(({ type: reason, field, message }) => ({ reason, message, field })),
  });
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, "BadRequest", message);
}
