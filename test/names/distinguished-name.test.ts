import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  childDn,
  commonName,
  DistinguishedNameError,
  dnKey,
  escapeValue,
  normalizeDn,
  resolveDn,
} from "../../src/names/distinguished-name.ts";

const BASE = "DC=contoso,DC=com";
/** A name as somebody might think of it: every character that means something in a DN, spaces at its ends, controls, other scripts. */
const name = fc
  .string({
    unit: fc.oneof(fc.constantFrom(...',+"\\<>;=# \0\n\u007f*()/é猫😀'), fc.string({ minLength: 1, maxLength: 1 })),
    minLength: 1,
    maxLength: 40,
  })
  .filter((text) => text.isWellFormed());

describe("distinguished names", () => {
  test("a value never changes the structure of the name it stands in", () => {
    fc.assert(
      fc.property(name, (value) => {
        const dn = childDn(value, `OU=Farms,${BASE}`);
        expect(commonName(dn)).toBe(value);
        expect(normalizeDn(dn).endsWith(`,ou=farms,${BASE.toLowerCase()}`)).toBe(true);
        expect(normalizeDn(dn)).toBe(`cn=${escapeValue(value.toLowerCase())},ou=farms,${BASE.toLowerCase()}`);
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 10_000) },
    );
  });

  test.each([
    ["CN=Web, OU=Farms , DC=contoso,DC=com", "cn=web,ou=farms,dc=contoso,dc=com"],
    [String.raw`CN=a\2Cb,DC=x`, String.raw`cn=a\,b,dc=x`],
    [String.raw`CN=a\,b,DC=x`, String.raw`cn=a\,b,dc=x`],
    [String.raw`CN=Caf\C3\A9,DC=x`, "cn=café,dc=x"],
    [String.raw`CN=\ a\ ,DC=x`, String.raw`cn=\ a\ ,dc=x`],
    [String.raw`CN=WEB01\0ADEL:970eb5a7,CN=Deleted Objects,DC=x`, String.raw`cn=web01\0adel:970eb5a7,cn=deleted objects,dc=x`],
    ["OU=a+CN=b,DC=x", "ou=a+cn=b,dc=x"],
    ["2.5.4.3=a,DC=x", "2.5.4.3=a,dc=x"],
  ])("%s is %s", (dn, key) => {
    expect(normalizeDn(dn)).toBe(key);
  });

  test.each(["nothing", "=a", "CN=", "CN=a,", "CN=a,,DC=x", String.raw`CN=a\q`, "CN=a\\", 'CN="a"', "CN=a<b", "1x=a", "CN=a\0b"])(
    "%j is refused",
    (text) => {
      expect(() => normalizeDn(text)).toThrow(DistinguishedNameError);
      expect(dnKey(text)).toBe(text.toLowerCase());
    },
  );

  test("a relative name is completed, a whole one kept, one of another domain refused", () => {
    expect(resolveDn("OU=Farms", BASE)).toBe(`OU=Farms,${BASE}`);
    expect(resolveDn(`ou=farms,dc=CONTOSO,dc=com`, BASE)).toBe("ou=farms,dc=CONTOSO,dc=com");
    expect(() => resolveDn("OU=Farms,DC=fabrikam,DC=com", BASE)).toThrow("is not in the domain");
  });
});

test("the short way to a key leads to the same key as the long one", () => {
  const character = fc.constantFrom(...Array.from("aBz09 -_$.,=+\\#;<>\"ÄSs\u0130K@!'()*/:?&"));
  const text = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(""));
  const name = fc
    .array(fc.tuple(fc.constantFrom("CN", "ou", "DC", "1.2", "c n"), text), { maxLength: 4 })
    .map((parts) => parts.map(([type, value]) => `${type}=${value}`).join(","));
  const longWay = (dn: string): string => {
    try {
      return normalizeDn(dn);
    } catch {
      return dn.toLowerCase();
    }
  };
  fc.assert(
    fc.property(fc.oneof(name, text), (dn) => {
      expect(dnKey(dn)).toBe(longWay(dn));
    }),
    { numRuns: Number(process.env["FUZZ_RUNS"] ?? 5000) },
  );
});
