import { describe, expect, test } from "vitest";
import { DirectoryError } from "../../src/ad/error.ts";
import type { AuditLine } from "../../src/ad/port.ts";
import type { Write } from "../../src/ad/write.ts";
import { encodeRetrievers, Attributes } from "../../src/directory/entries.ts";
import { OwnWrites, toldOf } from "../../src/directory/own-writes.ts";

const OBJECT = { distinguishedName: "CN=x,DC=contoso,DC=com", objectGUID: "00000000-0000-0000-0000-000000000001", owner: "me" };
const TO = { server: "ldaps://dc1", account: "svc@contoso.com", service: "CN=NTDS Settings,CN=DC1" };
const SID = "S-1-5-21-1-2-3-";

function linesOf(
  write: Exclude<Write, { kind: "Mark" }>,
  entry?: Attributes,
  end: Parameters<OwnWrites["tell"]>[2] = "Done",
): readonly AuditLine[] {
  const lines: AuditLine[] = [];
  new OwnWrites(1000, (line) => lines.push(line)).tell(toldOf(write, undefined, entry), TO, end);
  return lines;
}

describe("what the audit log has of a write", () => {
  test("5,000 members stand in lines that no collector cuts, each once and in order", () => {
    const members = Array.from({ length: 5000 }, (_, index) => `CN=Sërver ${index},OU=Web Servers,OU=Servers,DC=contoso,DC=com`);
    const lines = linesOf({
      kind: "Modify",
      object: OBJECT,
      modifications: [
        ["delete", "member", members.slice(0, 10)],
        ["add", "member", members],
      ],
    });
    expect(lines.length).toBeGreaterThan(10);
    expect(Math.max(...lines.map((line) => Buffer.byteLength(JSON.stringify(line))))).toBeLessThan(14_000);
    expect(lines.map(({ part, parts }) => [part, parts])).toEqual(lines.map((_, index) => [index + 1, lines.length]));
    expect(new Set(lines.map(({ write }) => write)).size).toBe(1);
    const all = lines.flatMap(({ attributes }) => attributes);
    expect(all.flatMap(({ added = [] }) => added)).toEqual(members);
    expect(all.flatMap(({ removed = [] }) => removed)).toEqual(members.slice(0, 10));
  });

  test("lists of retrievers and flags are for people to read, before and after", () => {
    const entry = new Attributes({
      dn: OBJECT.distinguishedName,
      "msDS-GroupMSAMembership": encodeRetrievers([`${SID}1001`], [`${SID}1002`]),
      userAccountControl: "4096",
      servicePrincipalName: ["http/a", "HTTP/b"],
    });
    const [line] = linesOf(
      {
        kind: "Modify",
        object: OBJECT,
        modifications: [
          ["replace", "msDS-GroupMSAMembership", [{ principals: [`${SID}1003`], denied: [] }]],
          ["replace", "userAccountControl", ["4098"]],
          ["replace", "msDS-SupportedEncryptionTypes", ["24"]],
          ["delete", "servicePrincipalName", ["http/B"]],
        ],
      },
      entry,
    );
    expect(line?.attributes).toEqual([
      { attribute: "msDS-GroupMSAMembership", before: [`deny ${SID}1002`, `allow ${SID}1001`], after: [`allow ${SID}1003`] },
      {
        attribute: "userAccountControl",
        before: ["4096 (WORKSTATION_TRUST_ACCOUNT)"],
        after: ["4098 (ACCOUNTDISABLE, WORKSTATION_TRUST_ACCOUNT)"],
      },
      { attribute: "msDS-SupportedEncryptionTypes", before: [], after: ["24 (AES128, AES256)"] },
      { attribute: "servicePrincipalName", before: ["http/a", "HTTP/b"], after: ["http/a"] },
    ]);
  });

  const DELETE = { kind: "Delete", object: OBJECT, objectClass: "group" } as const;
  test.each([
    [
      "refused by the directory",
      new DirectoryError("AccessDenied", "no", { answer: { code: 50, result: undefined, connection: "Kept" } }),
      ["Refused", 50],
    ],
    ["refused by the operator itself", new DirectoryError("NotOwned", "no"), ["Refused", undefined]],
    ["whose answer was lost", new DirectoryError("OutcomeUnknown", "no"), ["Unknown", undefined]],
    ["that was never sent", new DirectoryError("Unavailable", "no"), undefined],
    ["that was stopped", new DirectoryError("Aborted", "no"), undefined],
  ] as const)("one %s", (_, error, expected) => {
    const [line] = linesOf(DELETE, undefined, error);
    expect(line && [line.result, line.code]).toEqual(expected);
  });
});
