/** What is told of a farm that the tenants do not allow: by the operator, and by the chart's admission policy, which is made of the same texts (deploy/admission.ts). */

/** Values that a message names, and patterns: a farm may have thousands of hosts. */
export const NAMED = 3;

export const REFUSED =
  "the tenant {tenant} of the ActiveDirectoryDomain {domain} does not allow {refusals}. Correct the farm, or have the domain's owner allow it (spec.tenants).";

export const NO_TENANT =
  "no tenant of the ActiveDirectoryDomain {domain} selects the namespace {namespace}, so no farm of this namespace is allowed: have the domain's owner label the namespace, or add a tenant for it (spec.tenants).";

/** A text with its places filled in. */
export function messageOf(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}
