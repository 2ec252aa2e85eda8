/** Containers that the domain itself uses, whatever they are called (MS-ADTS 6.1.1.4). */

/** Where every user may create computers, and where domain controllers are. */
const GUIDS: ReadonlySet<string> = new Set(["AA312825768811D1ADED00C04FD8D5CD", "A361B2FFFFD211D1AA4B00C04FD7D83A"]);

/** `values`: of wellKnownObjects, each a GUID and a distinguished name (B:32:GUID:DN). */
export function wellKnownContainers(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => {
    const [, guid = "", dn] = /^B:32:([0-9A-F]{32}):(.+)$/is.exec(value) ?? [];
    return dn !== undefined && GUIDS.has(guid.toUpperCase()) ? [dn] : [];
  });
}
