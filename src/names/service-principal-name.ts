/** Service principal names: class/host, class/host:port, class/host:instance or class/host/name. */

const PART = String.raw`[^/:\s\x00-\x1f\x7f\\]+`;
const FORM = new RegExp(String.raw`^${PART}/${PART}(:${PART})?(/[^/\s\x00-\x1f\x7f\\]+)?$`);

/** Stricter than Active Directory, which takes almost anything: no spaces, no control characters, no backslash, no empty part. */
export function isServicePrincipalName(text: string): boolean {
  return FORM.test(text);
}

/** To compare by: Active Directory does so without regard to case. */
export function servicePrincipalNameKey(name: string): string {
  return name.toLowerCase();
}

/** The first of each set of names that differ in case only, in their order. */
export function distinctServicePrincipalNames(names: readonly string[]): readonly string[] {
  return [...new Map(names.toReversed().map((name) => [servicePrincipalNameKey(name), name])).values()].toReversed();
}
