import { expect, test } from "vitest";
import { allowDeletion, clearAdminCount, quoteForPowerShell, quoteForShell } from "../../src/ad/remedy.ts";
import { describeRight } from "../../src/ad/right.ts";

const OBJECT = "CN=O'Neil $(farm),OU=Farms,DC=contoso,DC=com";

test("a distinguished name is quoted so that PowerShell takes it as it is", () => {
  const quoted = "'CN=O''Neil $(farm),OU=Farms,DC=contoso,DC=com'";
  expect(allowDeletion(OBJECT)).toBe(`Set-ADObject -Identity ${quoted} -ProtectedFromAccidentalDeletion $false`);
  expect(clearAdminCount(OBJECT)).toContain(`Set-ADObject -Identity ${quoted} -Clear adminCount`);
  expect(clearAdminCount(OBJECT)).toContain(`dsacls ${quoted} /P:N`);
});

test("a name in a command runs nothing, whatever a tenant chose", () => {
  // PowerShell ends a text at each of these, too.
  for (const quote of ["'", "\u2018", "\u2019", "\u201A", "\u201B"])
    expect(quoteForPowerShell(`CN=a${quote}; calc; ${quote}b`)).toBe(`'CN=a${quote}${quote}; calc; ${quote}${quote}b'`);
  expect(quoteForShell("OU=Web Farms,DC=contoso,DC=com")).toBe('"OU=Web Farms,DC=contoso,DC=com"');
  for (const name of ["CN=$(calc)", "CN=`calc", "CN=%TEMP%", "CN=a\u201D; calc"]) {
    expect(quoteForShell(name)).toBe(`'${name}'`);
    const right = { kind: "WriteObject", object: name, attributes: ["member"] } as const;
    expect(describeRight(right, "svc@contoso.com")).toContain(`dsacls '${name}' /G `);
  }
});

test("a deletion that is refused may lack a right or meet a protection: both are said, each with its remedy", () => {
  const right = { kind: "DeleteChild", container: "OU=Farms,DC=contoso,DC=com", objectClass: "group", object: OBJECT } as const;
  const text = describeRight(right, "svc@contoso.com");
  expect(text).toMatch(
    /^either the right to delete group objects in OU=Farms,DC=contoso,DC=com is missing: dsacls "OU=Farms,DC=contoso,DC=com" /,
  );
  expect(text).toContain(`Or ${OBJECT} is protected from accidental deletion: to delete it, ${allowDeletion(OBJECT)}`);
  expect(text).toContain("denies Everyone the right to delete child objects");
});
