import { describe, expect, test } from "vitest";
import type { DomainObservation } from "../../src/ad/domain.ts";
import type { MissingRight } from "../../src/ad/right.ts";
import { domainFindings } from "../../src/domain/findings.ts";

const OBSERVATION: DomainObservation = {
  url: "ldaps://dc1.contoso.com",
  dnsHostName: "dc1.contoso.com",
  baseDN: "DC=contoso,DC=com",
  functionalLevel: 7,
  invocationId: undefined,
  schemaVersion: 88,
  domainSID: undefined,
  objectGUID: undefined,
  forestDNSName: undefined,
  netBIOSName: "CONTOSO",
  machineAccountQuota: 10,
  wellKnownContainers: [],
  servicePrincipalNameMappings: new Map(),
  kdsRootKey: { kind: "NotSeen" },
  account: "svc-farms@contoso.com",
  missingRights: [],
};

function permissions(...missingRights: readonly MissingRight[]) {
  const view = { kind: "Connected", observation: { ...OBSERVATION, missingRights }, tookOverAt: undefined } as const;
  const findings = domainFindings(view, new Date("2026-11-26T00:00:00Z"));
  expect(findings.find(({ type }) => type === "Ready")?.status, "a right that is missing holds nothing back").toBe("True");
  return findings.find(({ type }) => type === "PermissionsSufficient");
}

const attribute = { kind: "WriteProperty", objectClass: "group", attribute: "member" } as const;

describe("what a domain says of its rights", () => {
  test("a grant is printed for a container that holds nothing but farms", () => {
    const container = "OU=Farms,DC=contoso,DC=com";
    expect(permissions({ ...attribute, container })).toMatchObject({
      reason: "AccessDenied",
      message: expect.stringContaining(`dsacls "${container}" /I:S /G "svc-farms@contoso.com:WP;member;group".`),
    });
  });

  test.each(["CN=Users", "cn=computers", "OU=Domain Controllers", "CN=Builtin", "CN=X,CN=System"])("none is for %s", (relative) => {
    const container = `${relative},DC=contoso,DC=com`;
    const rights: readonly MissingRight[] = [
      { ...attribute, container },
      { kind: "CreateChild", container, objectClass: "group" },
      { kind: "DeleteChild", container, objectClass: "group", object: `CN=x,${container}` },
    ];
    for (const right of rights) {
      const { message = "" } = permissions(right) ?? {};
      expect(message).toContain(container);
      expect(message).toContain("create an OU that holds only farms");
      expect(message).not.toContain("dsacls");
    }
  });

  test("a default container that is shared is told as such, with what to do", () => {
    const finding = permissions({ kind: "SharedContainer", container: "CN=Users,DC=contoso,DC=com" });
    expect(finding).toMatchObject({ status: "False", reason: "InvalidSpec" });
    expect(finding?.message).toContain("create an OU that holds only farms");
    expect(finding?.message).toContain("name it in spec.defaults");
    expect(finding?.message).not.toContain("dsacls");
  });

  test("one that is not there is told as such", () => {
    expect(permissions({ kind: "NoContainer", container: "OU=Gone,DC=contoso,DC=com" })?.reason).toBe("ContainerNotFound");
  });

  test("what is too much is told with what is missing, or alone, and holds nothing back", () => {
    const excessiveRights = [
      { kind: "AdministrativeGroup", name: "Domain Admins", sid: "S-1-5-21-1-2-3-512" },
      { kind: "CreateOthers", container: "OU=Farms,DC=contoso,DC=com", classes: ["user", "computer", "contact", "container"] },
      { kind: "WriteMembers", groups: ["CN=Other,DC=contoso,DC=com"] },
    ] as const;
    const said = (missingRights: readonly MissingRight[]) => {
      const view = { kind: "Connected", observation: { ...OBSERVATION, missingRights, excessiveRights }, tookOverAt: undefined } as const;
      const findings = domainFindings(view, new Date("2026-11-26T00:00:00Z"));
      expect(findings.find(({ type }) => type === "Ready")?.status).toBe("True");
      return findings.find(({ type }) => type === "PermissionsSufficient");
    };
    const alone = said([]);
    expect(alone).toMatchObject({ status: "False", reason: "Excessive" });
    for (const text of [
      "Domain Admins (S-1-5-21-1-2-3-512)",
      "user, computer, contact and 1 more in OU=Farms",
      "such as CN=Other,DC=contoso,DC=com",
    ])
      expect(alone?.message).toContain(text);
    const both = said([{ kind: "NoContainer", container: "OU=Gone,DC=contoso,DC=com" }]);
    expect(both?.reason).toBe("ContainerNotFound");
    expect(both?.message).toContain("Domain Admins");
  });
});
