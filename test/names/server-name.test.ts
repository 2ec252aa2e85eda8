import { describe, expect, test } from "vitest";
import { problemOfServerName, serverNameMatcher, serverNameOf } from "../../src/names/server-name.ts";

const LONG = `${"a".repeat(61)}.`.repeat(4);

describe("the target of an SRV record", () => {
  test.each([
    ["dc1.contoso.com", "dc1.contoso.com"],
    ["DC1.Contoso.COM.", "dc1.contoso.com"],
    ["dc_1.contoso.com", "dc_1.contoso.com"],
    ["dc1.xn--bcher-kva.example", "dc1.xn--bcher-kva.example"],
    [`${LONG}contos`, undefined],
    [`${LONG}conto`, `${LONG}conto`],
    [`${"a".repeat(64)}.contoso.com`, undefined],
    ["dc1", undefined],
    ["", undefined],
    [".", undefined],
    ["dc1..contoso.com", undefined],
    ["dc1.contoso.com..", undefined],
    ["10.0.0.1", undefined],
    ["*.contoso.com", undefined],
    ["dc1.contoso.com/@evil.com", undefined],
    ["dc1.contoso.com:636", undefined],
    ["dc1.contoso.com\n", undefined],
    ["dc1\\000.contoso.com", undefined],
    ["dc1\u0000.contoso.com", undefined],
    ["dç1.contoso.com", undefined],
    ["-dc1.contoso.com", undefined],
  ])("%j is the name %s", (target, name) => {
    expect(serverNameOf(target)).toBe(name);
  });
});

describe("a pattern", () => {
  test.each([
    ["dc1.contoso.com", "dc1.contoso.com", true],
    ["DC1.Contoso.com", "dc1.contoso.com", true],
    ["dc1.contoso.com", "dc10.contoso.com", false],
    ["dc*.contoso.com", "dc1.contoso.com", true],
    ["dc*.contoso.com", "dc.contoso.com", true],
    ["fra-dc*-prod.contoso.com", "fra-dc01-prod.contoso.com", true],
    ["dc*.contoso.com", "web01.contoso.com", false],
    // * stays within its label: what is below another domain is not this one's.
    ["dc*.contoso.com", "dc1.evil.contoso.com", false],
    ["dc*.contoso.com", "dc1.contoso.com.evil.com", false],
    ["dc*.contoso.com", "dc1.contoso.com.evil", false],
    ["dc*.contoso.com", "dc1xcontoso.com", false],
    ["dc1.*.com", "dc1.contoso.com", false],
    ["*", "dc1.contoso.com", false],
    ["dc*", "dc1.contoso.com", false],
  ])("%s means %s: %s", (pattern, name, matches) => {
    expect(serverNameMatcher(["other.fabrikam.com", pattern])(name)).toBe(matches);
  });

  test("that is missing means nobody", () => {
    expect(serverNameMatcher([])("dc1.contoso.com")).toBe(false);
  });
});

// test/e2e/manifests.test.ts asks the API server the same of spec.discovery.serverNames.
describe("a pattern that the command line is given", () => {
  test.each(["dc1.contoso.com", "dc*.contoso.com", "*dc.contoso.com", "DC_1.contoso.com"])("%s may be used", (pattern) => {
    expect(problemOfServerName(pattern)).toBeUndefined();
  });
  test.each(["*.contoso.com", "dc*.com", "-*.contoso.com", "_*.contoso.com"])("%s allows other machines", (pattern) => {
    expect(problemOfServerName(pattern)).toContain("allows machines that are no domain controllers");
  });
  test.each(["dc1", "", "10.0.0.1", "dc1.*.com", "dc1.contoso.com.", "dç1.contoso.com"])("%j is no name", (pattern) => {
    expect(problemOfServerName(pattern)).toContain("not the name of a domain controller");
  });
});
