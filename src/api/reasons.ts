/** The parts of a farm; each has a condition of its own. */
export const PARTS = ["Account", "Hosts", "ServicePrincipalNames", "AccessGroups"] as const;
export type Part = (typeof PARTS)[number];

/**
 * Reasons of a farm's conditions, and what each waits for: Time, since it may pass by itself, or a Person, who has to act first. A host that is not
 * found may yet join the domain. docs/troubleshooting.md has the cause and the remedy of each.
 */
const REASONS = {
  Reconciled: "Time",
  Progressing: "Time",
  DomainNotFound: "Person",
  DomainNotReady: "Time",
  DirectoryUnavailable: "Time",
  AccessDenied: "Person",
  NotOwned: "Person",
  ObjectExists: "Person",
  ProtectedObject: "Person",
  ServicePrincipalNameInUse: "Person",
  ServicePrincipalNameReserved: "Person",
  HostNotFound: "Time",
  HostAmbiguous: "Person",
  HostNotTrusted: "Person",
  QuarantineNotFound: "Person",
  HostLimitExceeded: "Person",
  ShrinkHeld: "Person",
  ContainerNotFound: "Person",
  ContainerReplaced: "Person",
  GroupNotFound: "Person",
  GroupInUse: "Person",
  NotAllowed: "Person",
  InvalidSpec: "Person",
  Rejected: "Person",
  ChangesPending: "Time",
  Suspended: "Time",
  Deleting: "Time",
  DeletionBlocked: "Time",
  DeletionBudgetExceeded: "Time",
  RecordRefused: "Person",
  Published: "Time",
  NotEnabled: "Person",
  CredentialSpecKindMissing: "Time",
  HostAccountNotFound: "Person",
  InternalError: "Time",
} as const satisfies Readonly<Record<string, "Time" | "Person">>;

export type Reason = keyof typeof REASONS;

/** Reasons of a domain's conditions that wait for a person; all others may pass by themselves. */
const DOMAIN_REASONS: ReadonlySet<string> = new Set([
  "CredentialsRejected",
  "CertificateUntrusted",
  "InvalidSpec",
  "SchemaTooOld",
  "DomainControllerTooOld",
]);

function isReason(reason: string): reason is Reason {
  return reason in REASONS;
}

/** Whether somebody has to act on a farm's reason: waiting alone does not help. */
export function waitsForPerson(reason: string): boolean {
  return isReason(reason) && REASONS[reason] === "Person";
}

/** The same of a domain's reason. */
export function domainWaitsForPerson(reason: string): boolean {
  return DOMAIN_REASONS.has(reason);
}

/** What a plan cannot fix: data, so that the rest of the plan still goes through. */
export interface Blocker {
  readonly reason: Reason;
  readonly part: Part;
  /** What is wrong, on which object, and what to do next. */
  readonly message: string;
  /** The computer that it is about, as the farm names it. */
  readonly computer?: string;
}
