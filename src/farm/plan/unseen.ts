/** What the farm is known to have and this domain controller does not show. */

/** `missing`: objectGUIDs and distinguished names. `consequence`: what follows from it, as a clause before "until the hour is over". */
export function unseenMessage(missing: readonly string[], consequence: string): string {
  return `the operator cannot see ${missing.join(", ")} (objectGUID, or where the operator made it) on this domain controller, to which it failed over less than an hour ago: it may not be replicated yet, so ${consequence} until the hour is over.`;
}
