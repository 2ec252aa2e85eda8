import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  childDn,
  commonName,
  DistinguishedNameError,
  dnKey,
  dnsNameOf,
  escapeValue,
  isSharedContainer,
  keysUpwards,
  normalizeDn,
  parentDn,
  parentKey,
  parseDn,
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

describe("a value in a distinguished name", () => {
  test.each([
    ["plain", "plain"],
    ["#a", String.raw`\#a`],
    ["a#", "a#"],
    [" a ", String.raw`\ a\ `],
    ["a b", "a b"],
    [" ", String.raw`\ `],
    ["a,b+c", String.raw`a\,b\+c`],
    ['"<>;=', String.raw`\"\<\>\;\=`],
    ["\\", String.raw`\\`],
    ["a\nb\u007f", String.raw`a\0ab\7f`],
  ])("%j stands there as %s, and is read as it was", (value, escaped) => {
    expect(escapeValue(value)).toBe(escaped);
    expect(parseDn(`CN=${escaped},DC=x`)).toEqual([[{ type: "CN", value }], [{ type: "DC", value: "x" }]]);
    expect(commonName(`CN=${escaped},DC=x`)).toBe(value);
  });

  test.each([
    [String.raw`CN=\41\20b,DC=x`, "A b"],
    [String.raw`CN=a\ \ ,DC=x`, "a  "],
    ["CN=  a  ,DC=x", "a"],
    ["CN=猫😀x,DC=x", "猫😀x"],
    [String.raw`CN=\#a\;,DC=x`, "#a;"],
  ])("%s is %j", (dn, value) => {
    expect(parseDn(dn)[0]).toEqual([{ type: "CN", value }]);
  });

  test("a semicolon separates as a comma does, and a plus joins what is one step", () => {
    expect(normalizeDn("CN=a;DC=x")).toBe("cn=a,dc=x");
    expect(parseDn("CN=a+OU=b,DC=x")).toEqual([
      [
        { type: "CN", value: "a" },
        { type: "OU", value: "b" },
      ],
      [{ type: "DC", value: "x" }],
    ]);
    expect(parseDn("")).toEqual([]);
  });
});

test.each([
  ["nothing", "no =", 1],
  ["=a", "no attribute type", 1],
  ["C_N=a", "no attribute type", 1],
  ["1.=a", "no attribute type", 1],
  ["CN=", "an empty value", 4],
  ["CN=  ,DC=x", "an empty value", 6],
  ["CN=a,b", "no =", 6],
  [String.raw`CN=a\q`, "a backslash that escapes nothing", 5],
  [String.raw`CN=a\4,DC=x`, "a backslash that escapes nothing", 5],
  [String.raw`CN=a\g1`, "a backslash that escapes nothing", 5],
  ["CN=a\\", "a backslash that escapes nothing", 5],
  ['CN="a"', 'an unescaped "\\""', 4],
  ["CN=a<b", 'an unescaped "<"', 5],
  ["CN=a>b", 'an unescaped ">"', 5],
])("%j is refused: %s at character %d", (text, what, at) => {
  expect(() => parseDn(text)).toThrow(`${JSON.stringify(text)} is not a distinguished name: ${what} at character ${at}`);
  expect(() => parseDn(text)).toThrow(expect.objectContaining({ name: "DistinguishedNameError" }));
});

test.each([
  ["1.2.840.113556=a", "1.2.840.113556"],
  ["12=a", "12"],
  ["cn-2a=a", "cn-2a"],
  ["C=a", "C"],
  [" CN =a", "CN"],
])("%s has the attribute type %s", (dn, type) => {
  expect(parseDn(dn)[0]?.[0]?.type).toBe(type);
});

describe("the container that a name stands in", () => {
  test.each([
    [`CN=a,OU=Farms,${BASE}`, `OU=Farms,${BASE}`],
    [String.raw`CN=a\,b,OU=Farms`, "OU=Farms"],
    [String.raw`CN=a\\,OU=Farms`, "OU=Farms"],
    [String.raw`CN=a\,b`, String.raw`CN=a\,b`],
  ])("of %s is %s", (dn, parent) => {
    expect(parentDn(dn)).toBe(parent);
  });

  test("is known by one key, however it is spelled; what is no name has none", () => {
    expect(parentKey(`CN=a, ou=FARMS ,${BASE}`)).toBe(`ou=farms,${BASE.toLowerCase()}`);
    expect(parentKey("no name")).toBe("");
    expect(commonName("no name")).toBe("no name");
    expect(commonName("")).toBe("");
  });
});

test.each([
  ["OU=Farms", `OU=Farms,${BASE}`],
  [BASE, BASE],
  [`OU=X,${BASE.toLowerCase()}`, `OU=X,${BASE.toLowerCase()}`],
  ["CN=Configuration,OU=X", `CN=Configuration,OU=X,${BASE}`],
  ["OU=Configuration", `OU=Configuration,${BASE}`],
  ["CN=Users", `CN=Users,${BASE}`],
])("%s is a name in the domain", (text, whole) => {
  expect(resolveDn(text, BASE)).toBe(whole);
});

test.each([
  ["OU=X,DC=fabrikam,DC=com", `is not in the domain ${BASE}`],
  [`OU=X,dc=child,${BASE}`, `is not in the domain ${BASE}`],
  [`CN=Services,CN=Configuration,${BASE}`, `is in the forest's configuration, not in the domain ${BASE}`],
  ["CN=Services,cn=CONFIGURATION", "is in the forest's configuration"],
  ["OU=", "is not a distinguished name"],
])("%s is none: it %s", (text, words) => {
  expect(() => resolveDn(text, BASE)).toThrow(words);
  expect(() => resolveDn(text, BASE)).toThrow(DistinguishedNameError);
});

test.each([
  ["the domain's root", BASE, true],
  ["nothing, which is the root", "", true],
  ["Users", `CN=Users,${BASE}`, true],
  ["Users, relative and in another case", "cn=USERS", true],
  ["an OU in Users, which somebody made", `OU=Farms,CN=Users,${BASE}`, false],
  ["an OU that is called so", `OU=Users,${BASE}`, false],
  ["Computers", "CN=Computers", true],
  ["an OU in Computers, which somebody made", "OU=Farms,CN=Computers", false],
  ["what is in Builtin", "CN=X,CN=Builtin", true],
  ["System", "CN=System", true],
  ["Domain Controllers", `OU=Domain Controllers,${BASE}`, true],
  ["what is in it", "OU=X,OU=Domain Controllers", true],
  ["a container that is called so", "CN=Domain Controllers", false],
  ["Builtin", "CN=Builtin", true],
  ["what is in System", "CN=X,CN=System", true],
  ["an OU for farms", `OU=Farms,${BASE}`, false],
  ["what is no name", "no name", false],
])("%s holds objects of others: %s", (_, dn, shared) => {
  expect(isSharedContainer(dn)).toBe(shared);
});

test("the keys of a name and of what it is in", () => {
  expect(keysUpwards(String.raw`CN=a\,OU=b, OU=Web+CN=x,DC=Contoso`)).toEqual([
    String.raw`cn=a\,ou\=b,ou=web+cn=x,dc=contoso`,
    "ou=web+cn=x,dc=contoso",
    "dc=contoso",
  ]);
  expect(keysUpwards("CN=a,,")).toEqual([]);
});

test.each([
  ["DC=contoso,DC=com", "contoso.com"],
  ["dc=Child, DC=Contoso,DC=com", "Child.Contoso.com"],
  ["CN=x,OU=DC,DC=contoso,DC=com", "contoso.com"],
])("the DNS name of %s is %s", (dn, dnsName) => {
  expect(dnsNameOf(dn)).toBe(dnsName);
});
