/** What the farm is known to have and this domain controller does not show. */

/** `missing`: objectGUIDs and distinguished names. `until`: what the operator does about it, as the end of a sentence. */
export function unseenMessage(missing: readonly string[], until: string): string {
  return `the operator cannot see ${missing.join(", ")} (objectGUID, or where the operator made it) on this domain controller, to which it failed over less than an hour ago: it may not be replicated yet, so ${until} until the hour is over.`;
}
