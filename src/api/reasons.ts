/** The parts of a farm; each has a condition of its own. */
export const PARTS = ["Account", "Hosts", "ServicePrincipalNames", "AccessGroups"] as const;
export type Part = (typeof PARTS)[number];

/** Reasons of conditions. docs/troubleshooting.md has the cause and the remedy of each. */
export type Reason =
  | "Reconciled"
  | "Progressing"
  | "DomainNotReady"
  | "DirectoryUnavailable"
  | "AccessDenied"
  | "NotOwned"
  | "ObjectExists"
  | "ProtectedObject"
  | "ServicePrincipalNameInUse"
  | "HostNotFound"
  | "HostAmbiguous"
  | "GroupNotFound"
  | "GroupInUse"
  | "InvalidSpec"
  | "Rejected"
  | "ChangesPending"
  | "Suspended"
  | "Deleting"
  | "DeletionBlocked"
  | "InternalError";

/** What a plan cannot fix: data, so that the rest of the plan still goes through. */
export interface Blocker {
  readonly reason: Reason;
  readonly part: Part;
  /** What is wrong, on which object, and what to do next. */
  readonly message: string;
  /** The computer that it is about, as the farm names it. */
  readonly computer?: string;
}

/** Reasons that somebody has to act on: waiting alone does not help. A host that is not found may yet join the domain. */
const TERMINAL: ReadonlySet<string> = new Set<Reason>([
  "AccessDenied",
  "NotOwned",
  "ObjectExists",
  "ProtectedObject",
  "ServicePrincipalNameInUse",
  "HostAmbiguous",
  "GroupNotFound",
  "GroupInUse",
  "InvalidSpec",
  "Rejected",
]);

export function isTerminal(reason: string): boolean {
  return TERMINAL.has(reason);
}
