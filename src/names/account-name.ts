/**
 * Names of accounts: the sAMAccountName, with the trailing $ of a computer or gMSA. Active Directory compares them, as DNS host names and service
 * principal names, without regard to case (MS-ADTS 3.1.1.2.2.4.10), and here alone it is said how.
 */
export function foldName(name: string): string {
  return name.toLowerCase();
}

/** Whether two names are one; a name that is not there is none. */
export function sameName(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && foldName(a) === foldName(b);
}
