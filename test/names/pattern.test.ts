import fc from "fast-check";
import { expect, test } from "vitest";
import { matchesPattern } from "../../src/names/account-name.ts";

test.each([
  ["MSSQLSvc/*", "mssqlsvc/db01.contoso.com:1433", true],
  ["MSSQLSvc/*", "http/db01", false],
  ["MSSQLSvc/*.contoso.com:*", "MSSQLSvc/db.contoso.com:1433", true],
  ["MSSQLSvc/*.contoso.com:*", "MSSQLSvc/db.fabrikam.com:1433", false],
  ["http/a", "HTTP/A", true],
  ["http/a", "http/ab", false],
  ["*/a", "http/a", true],
  ["a*a", "a", false],
  ["a*b*b", "ab", false],
  ["a**b", "ab", true],
  ["http/*.com", "http/a.com.evil", false],
  ["http/[a]", "http/a", false],
  ["*", "", true],
])("%s means %s: %s", (pattern, name, matches) => {
  expect(matchesPattern(pattern, name)).toBe(matches);
});

test("as a regular expression would say it, and in no time", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "."), maxLength: 12 });
  fc.assert(
    fc.property(text, text, (pattern, name) => {
      const expression = pattern
        .split("*")
        .map((part) => part.replaceAll(".", "[.]"))
        .join("[^]*");
      expect(matchesPattern(pattern, name)).toBe(new RegExp(`^${expression}$`).test(name));
    }),
    { numRuns: Number(process.env["FUZZ_RUNS"] ?? 2000) },
  );
  expect(matchesPattern("*a".repeat(130), "a".repeat(129))).toBe(false);
});
