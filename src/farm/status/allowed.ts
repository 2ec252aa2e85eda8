/** What a farm says of the tenants of its domain: nothing where there are none. */
import type { ServerFarm } from "../../api/generated/server-farm.ts";
import type { ConditionDraft } from "../../api/object.ts";
import type { Granted, Permission } from "../../api/permission.ts";

const TYPE = "Allowed";

/** Why a farm gets nothing new. */
export type Withheld = Extract<Permission, { readonly kind: "NotAllowed" | "Unknown" }>;

export function allowedFinding({ tenant }: Granted): ConditionDraft {
  return { type: TYPE, status: "True", reason: "Reconciled", message: `the tenant ${tenant} allows what the farm asks for.` };
}

export function withheldFinding({ kind, message }: Withheld): ConditionDraft {
  return kind === "NotAllowed"
    ? { type: TYPE, status: "False", reason: "NotAllowed", message }
    : { type: TYPE, status: "Unknown", reason: "Progressing", message };
}

/** As it was last seen. */
export function lastAllowed({ status }: ServerFarm): readonly ConditionDraft[] {
  return (status?.conditions ?? []).filter(({ type }) => type === TYPE);
}
