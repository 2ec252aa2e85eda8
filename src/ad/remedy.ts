/** What only an administrator can put right on an object of a farm, as commands for PowerShell. */

/** In single quotes PowerShell expands nothing. It takes the typographic ones for single quotes, too; one that is doubled is the character itself. */
export function quoteForPowerShell(text: string): string {
  return `'${text.replaceAll(/['\u2018-\u201B]/g, "$&$&")}'`;
}

/** For a program that is run from cmd and from PowerShell. What one of them would expand within double quotes is for PowerShell alone. */
export function quoteForShell(text: string): string {
  return /[$`%"\u201C-\u201E]/.test(text) ? quoteForPowerShell(text) : `"${text}"`;
}

/** Of an object that was in a protected group: AdminSDHolder also took it what it inherits, and gives neither back (MS-ADTS 3.1.1.6.1). */
export function clearAdminCount(distinguishedName: string): string {
  const name = quoteForPowerShell(distinguishedName);
  return `remove it from every protected group, then run Set-ADObject -Identity ${name} -Clear adminCount and dsacls ${name} /P:N, so that it inherits permissions again`;
}

/** Protection is two entries that deny: one on the object, and one on its container, which its removal leaves there. */
export function allowDeletion(distinguishedName: string): string {
  return `Set-ADObject -Identity ${quoteForPowerShell(distinguishedName)} -ProtectedFromAccidentalDeletion $false`;
}
