/** Which attributes are bytes, said to the LDAP library before it reads any. */
import { Attribute } from "ldapts";

/** Its own test, of the option `;binary`. It has no public one (9.2.0). */
const TEST = "_isBinaryType";

/**
 * The library decodes each value as text, and a value that is none costs it an exception with its stack: three for each object, some 5 % of all CPU.
 * Of these attributes, in the schema's own spelling, it takes the bytes as they are. Where a later library tests otherwise this changes nothing.
 */
export function readAsBytes(attributes: readonly string[]): void {
  const known: unknown = Reflect.get(Attribute.prototype, TEST);
  if (typeof known !== "function") return;
  const names = new Set(attributes);
  Reflect.set(Attribute.prototype, TEST, function (this: Attribute): boolean {
    return names.has(this.type) || Reflect.apply(known, this, []) === true;
  });
}
