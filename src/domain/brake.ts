/** The brake of a domain: what its owner keeps from being done, whatever its farms say. */
import type { Brake } from "../ad/domain.ts";
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { ConditionDraft } from "../api/object.ts";
import { PARTS } from "./findings.ts";

/** The stronger one where both are asked for. */
export function brakeOf({ suspend, managementPolicy }: ActiveDirectoryDomain["spec"]): Brake | undefined {
  if (suspend) return "Suspend";
  return managementPolicy === "Observe" ? "Observe" : undefined;
}

/** A domain that is suspended is neither ready nor on its way: one condition says so, the others say what was last seen. */
export function suspendedFindings({ metadata, status }: ActiveDirectoryDomain): readonly ConditionDraft[] {
  const message = `spec.suspend is true: the operator neither reads nor writes the directory for any farm of this domain, so changes, quarantines and deletions wait. To continue: kubectl patch addomain ${metadata.name} --type=merge -p '{"spec":{"suspend":false}}'`;
  const parts = PARTS.map(
    (type): ConditionDraft =>
      status?.conditions?.find((condition) => condition.type === type) ?? { type, status: "Unknown", reason: "Suspended", message },
  );
  return [{ type: "Ready", status: "False", reason: "Suspended", message }, ...parts];
}

/** A domain where all is well but nothing is written says that, and how to go on. */
export function observingFindings({ metadata }: ActiveDirectoryDomain, findings: readonly ConditionDraft[]): readonly ConditionDraft[] {
  const message = `spec.managementPolicy is Observe: the operator compares the farms of this domain and writes nothing to the directory; status.plan of each farm lists what it would write. To continue: kubectl patch addomain ${metadata.name} --type=merge -p '{"spec":{"managementPolicy":"Enforce"}}'`;
  return findings.map((finding) =>
    finding.type === "Ready" && finding.status === "True" ? { ...finding, reason: "Observing", message } : finding,
  );
}

/** What the farms of a suspended domain are told: one text for all. */
export function suspendedBy({ metadata }: ActiveDirectoryDomain): string {
  return `the ActiveDirectoryDomain ${metadata.name} is suspended: the operator neither reads nor writes the directory for any of its farms, so changes, quarantines and deletions wait. The farm continues automatically once spec.suspend of the domain is false.`;
}
