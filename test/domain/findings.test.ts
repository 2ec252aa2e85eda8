/** What a domain's conditions, status and Events say of a look at it. */
import { describe, expect, test } from "vitest";
import type { DomainObservation } from "../../src/ad/domain.ts";
import type { ActiveDirectoryDomain } from "../../src/api/generated/active-directory-domain.ts";
import type { ConditionDraft } from "../../src/api/object.ts";
import {
  deletionBlockedEvent,
  domainEvents,
  domainFindings,
  domainReady,
  domainStatus,
  type DomainView,
} from "../../src/domain/findings.ts";
import { domainOf } from "./manifests.ts";

const NOW = new Date("2026-11-26T00:00:00Z");
const OBSERVATION: DomainObservation = {
  url: "ldaps://dc1.contoso.com",
  dnsHostName: "dc1.contoso.com",
  baseDN: "DC=contoso,DC=com",
  functionalLevel: 7,
  invocationId: "database-1",
  schemaVersion: 88,
  domainSID: "S-1-5-21-1-2-3",
  objectGUID: "11111111-2222-3333-4444-555555555555",
  forestDNSName: "root.com",
  netBIOSName: "CONTOSO",
  machineAccountQuota: 10,
  wellKnownContainers: [],
  servicePrincipalNameMappings: new Map(),
  kdsRootKey: { kind: "Seen", usableFrom: NOW.getTime() },
  account: "svc-farms@contoso.com",
  missingRights: [],
};

const connected = (fields: Partial<DomainObservation> = {}, tookOverAt?: string): DomainView => ({
  kind: "Connected",
  observation: { ...OBSERVATION, ...fields },
  tookOverAt,
});
const findings = (view: DomainView): readonly ConditionDraft[] => domainFindings(view, NOW);
const said = (view: DomainView, type: string): string => {
  const found = findings(view).find((finding) => finding.type === type);
  return found ? `${found.status} ${found.reason}: ${found.message}` : "nothing";
};

describe("the conditions", () => {
  test("of a domain where all is well are all True, and say what was seen", () => {
    expect(findings(connected())).toEqual([
      { type: "Ready", status: "True", reason: "Reconciled", message: "farms can be reconciled in this domain." },
      {
        type: "Connected",
        status: "True",
        reason: "Reconciled",
        message: "connected to dc1.contoso.com (ldaps://dc1.contoso.com) over TLS.",
      },
      { type: "SchemaReady", status: "True", reason: "Reconciled", message: "the schema has version 88." },
      { type: "DomainControllerReady", status: "True", reason: "Reconciled", message: "dc1.contoso.com has functional level 7." },
      { type: "KdsRootKeyReady", status: "True", reason: "Reconciled", message: "there is a KDS root key that is in use." },
      {
        type: "PermissionsSufficient",
        status: "True",
        reason: "Reconciled",
        message: "no missing right was found in the default containers; rights on attributes show once there is an account.",
      },
    ]);
  });

  test("of a domain whose clock is wrong hold no farm back", () => {
    expect(domainReady(findings(connected({ clockSkew: 86_400 })))).toBe(true);
  });

  test.each<[string, DomainView, string, string]>([
    [
      "a schema that cannot be read",
      connected({ schemaVersion: undefined }),
      "SchemaReady",
      "Unknown AccessDenied: the schema's objectVersion cannot be read: give the account Read Property on the schema container.",
    ],
    [
      "a schema before gMSAs",
      connected({ schemaVersion: 51 }),
      "SchemaReady",
      "False SchemaTooOld: the schema has version 51; gMSAs need 52: extend it with adprep (Windows Server 2012 or later).",
    ],
    ["the first schema that knows them", connected({ schemaVersion: 52 }), "SchemaReady", "True Reconciled: the schema has version 52."],
    [
      "a domain controller that is too old",
      connected({ functionalLevel: 4 }),
      "DomainControllerReady",
      "False DomainControllerTooOld: dc1.contoso.com has functional level 4; gMSAs need Windows Server 2012 (5) or later: name another server first in spec.servers, or leave this one out of spec.discovery.serverNames.",
    ],
    [
      "the first one that is not",
      connected({ functionalLevel: 5 }),
      "DomainControllerReady",
      "True Reconciled: dc1.contoso.com has functional level 5.",
    ],
    [
      "a clock as far away as Kerberos allows",
      connected({ clockSkew: -300 }),
      "DomainControllerReady",
      "True Reconciled: dc1.contoso.com has functional level 7.",
    ],
    [
      "a clock that is ahead",
      connected({ clockSkew: 301 }),
      "DomainControllerReady",
      "True ClockSkewed: dc1.contoso.com has functional level 7. Its clock is 5 min ahead of the operator's: Kerberos allows 5 min, so hosts may not get tickets or passwords. Farms are reconciled all the same. Set the clock that is wrong (w32tm /query /status on the domain controller).",
    ],
    [
      "a clock that is behind",
      connected({ clockSkew: -7200 }),
      "DomainControllerReady",
      "True ClockSkewed: dc1.contoso.com has functional level 7. Its clock is 120 min behind the operator's: Kerberos allows 5 min, so hosts may not get tickets or passwords. Farms are reconciled all the same. Set the clock that is wrong (w32tm /query /status on the domain controller).",
    ],
    [
      "a key that is not in use yet",
      connected({ kdsRootKey: { kind: "Seen", usableFrom: NOW.getTime() + 1000 } }),
      "KdsRootKeyReady",
      "False Progressing: the KDS root key is usable from 2026-11-26T00:00:01Z on, ten hours after it takes effect: wait until then.",
    ],
    [
      "a key that an account proves",
      connected({ kdsRootKey: { kind: "Proven", by: "CN=x" } }),
      "KdsRootKeyReady",
      "True Reconciled: there is a KDS root key: CN=x has a password made with one.",
    ],
    [
      "a key that nobody sees",
      connected({ kdsRootKey: { kind: "NotSeen" } }),
      "KdsRootKeyReady",
      "Unknown AccessDenied: no KDS root key is visible to this account, which is usual for an ordinary one. Check with Get-KdsRootKey; if there is none, run Add-KdsRootKey -EffectiveImmediately and wait ten hours.",
    ],
  ])("%s", (_, view, type, words) => {
    expect(said(view, type)).toBe(words);
  });

  const right = { kind: "WriteObject", object: "CN=Shared", attributes: ["member"] } as const;
  const gone = { kind: "NoContainer", container: "OU=Gone" } as const;
  const shared = { kind: "SharedContainer", container: "CN=Users" } as const;
  test.each([
    ["a right", [right], "AccessDenied"],
    ["a container, which is worse", [right, gone], "ContainerNotFound"],
    ["an OU of their own, which is worst", [right, gone, shared], "InvalidSpec"],
  ])("where %s is missing, all that is missing is said in one condition", (_, missingRights, reason) => {
    const words = said(connected({ missingRights }), "PermissionsSufficient");
    expect(words).toMatch(new RegExp(`^False ${reason}: the right to write member of CN=Shared is missing: .*\\.`));
    expect(words.split(". ").length >= missingRights.length).toBe(true);
  });

  test("while there is no connection nothing is known, but that it is being made", () => {
    const drafts = findings({ kind: "Connecting" });
    expect(drafts.map(({ type, status }) => `${type}=${status}`)).toEqual([
      "Ready=False",
      "Connected=Unknown",
      "SchemaReady=Unknown",
      "DomainControllerReady=Unknown",
      "KdsRootKeyReady=Unknown",
      "PermissionsSufficient=Unknown",
      "Reconciling=True",
    ]);
    expect(new Set(drafts.map(({ reason, message }) => `${reason}: ${message}`))).toEqual(
      new Set(["Progressing: connecting to the domain."]),
    );
  });

  test("a problem is said of the connection, and the rest is unknown", () => {
    const view: DomainView = { kind: "Problem", problem: { reason: "DirectoryUnavailable", message: "nobody answers." } };
    expect(findings(view).map(({ type, status, message }) => `${type}=${status} ${message}`)).toEqual([
      "Ready=False nobody answers.",
      "Connected=False nobody answers.",
      "SchemaReady=Unknown nobody answers.",
      "DomainControllerReady=Unknown nobody answers.",
      "KdsRootKeyReady=Unknown nobody answers.",
      "PermissionsSufficient=Unknown nobody answers.",
      "Reconciling=True nobody answers.",
    ]);
  });
});

describe("whether farms can be reconciled there", () => {
  const cases: readonly (readonly [string, DomainView, boolean])[] = [
    ["all is well", connected(), true],
    ["a right is missing", connected({ missingRights: [{ kind: "WriteObject", object: "CN=x", attributes: ["member"] }] }), true],
    ["the key is not visible", connected({ kdsRootKey: { kind: "NotSeen" } }), true],
    ["the key is not in use yet", connected({ kdsRootKey: { kind: "Seen", usableFrom: NOW.getTime() + 1 } }), false],
    ["the schema cannot be read", connected({ schemaVersion: undefined }), false],
    ["the domain controller is too old", connected({ functionalLevel: 1 }), false],
    ["nobody answers", { kind: "Problem", problem: { reason: "DirectoryUnavailable", message: "x" } }, false],
  ];
  test.each(cases)("where %s", (_, view, ready) => {
    expect(domainReady(findings(view))).toBe(ready);
  });

  test("is not known without findings", () => {
    expect(domainReady([])).toBe(false);
    expect(domainReady([{ type: "Connected", status: "True", reason: "Reconciled", message: "" }])).toBe(false);
  });

  const waiting: readonly (readonly [string, DomainView, string])[] = [
    ["nobody answers", { kind: "Problem", problem: { reason: "DirectoryUnavailable", message: "x" } }, "Reconciling"],
    ["there is no Secret yet", { kind: "Problem", problem: { reason: "SecretNotFound", message: "x" } }, "Reconciling"],
    ["the key is not in use yet", connected({ kdsRootKey: { kind: "Seen", usableFrom: NOW.getTime() + 1 } }), "Reconciling"],
    ["the password is wrong", { kind: "Problem", problem: { reason: "CredentialsRejected", message: "x" } }, "Stalled"],
    ["the certificate is not trusted", { kind: "Problem", problem: { reason: "CertificateUntrusted", message: "x" } }, "Stalled"],
    ["the spec is wrong", { kind: "Problem", problem: { reason: "InvalidSpec", message: "x" } }, "Stalled"],
    ["the schema is too old", connected({ schemaVersion: 1 }), "Stalled"],
    ["the domain controller is too old", connected({ functionalLevel: 1 }), "Stalled"],
  ];
  test.each(waiting)("waits for time or for a person where %s", (_, view, type) => {
    const types = findings(view).map((finding) => finding.type);
    expect(types.filter((one) => one === "Reconciling" || one === "Stalled")).toEqual([type]);
  });
});

describe("the status", () => {
  const domain = (status?: ActiveDirectoryDomain["status"]): ActiveDirectoryDomain => domainOf({}, status);

  test("has what was seen of the server and the domain", () => {
    const view = connected({}, "2026-11-25T23:00:00Z");
    const { conditions, ...rest } = domainStatus(domain(), view, findings(view), 7, NOW);
    expect(rest).toEqual({
      observedGeneration: 3,
      farms: 7,
      server: {
        url: "ldaps://dc1.contoso.com",
        dnsHostName: "dc1.contoso.com",
        functionalLevel: 7,
        invocationId: "database-1",
        tookOverAt: "2026-11-25T23:00:00Z",
      },
      schemaVersion: 88,
      domainSID: "S-1-5-21-1-2-3",
      objectGUID: "11111111-2222-3333-4444-555555555555",
      forestDNSName: "root.com",
      netBIOSName: "CONTOSO",
      machineAccountQuota: 10,
    });
    expect(conditions?.[0]).toEqual({
      type: "Ready",
      status: "True",
      observedGeneration: 3,
      lastTransitionTime: "2026-11-26T00:00:00Z",
      reason: "Reconciled",
      message: "farms can be reconciled in this domain.",
    });
  });

  test("keeps what was seen before where nothing is seen now, and takes it away of nothing", () => {
    const before = { observedGeneration: 1, schemaVersion: 88, server: { url: "ldaps://dc9" }, farms: 1 };
    const lost: DomainView = { kind: "Problem", problem: { reason: "DirectoryUnavailable", message: "x" } };
    expect(domainStatus(domain(before), lost, findings(lost), 2, NOW)).toMatchObject({ ...before, observedGeneration: 3, farms: 2 });
    const blind = connected({
      invocationId: undefined,
      schemaVersion: undefined,
      domainSID: undefined,
      objectGUID: undefined,
      forestDNSName: undefined,
      netBIOSName: undefined,
      machineAccountQuota: undefined,
    });
    const { conditions: _conditions, ...rest } = domainStatus(domain(before), blind, findings(blind), 2, NOW);
    expect(rest).toStrictEqual({
      observedGeneration: 3,
      schemaVersion: 88,
      farms: 2,
      server: { url: "ldaps://dc1.contoso.com", dnsHostName: "dc1.contoso.com", functionalLevel: 7 },
    });
  });

  test("keeps the time of a condition that stays as it was", () => {
    const earlier = "2026-11-20T00:00:00Z";
    const conditions = [{ type: "Ready", status: "True" as const, lastTransitionTime: earlier, reason: "Reconciled", message: "" }];
    const status = domainStatus(domain({ observedGeneration: 1, conditions }), connected(), findings(connected()), 0, NOW);
    expect(status.conditions?.map(({ lastTransitionTime }) => lastTransitionTime === earlier)).toEqual([
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  const event = (before: { status: "True" | "False"; reason: string } | undefined, view: DomainView) =>
    domainEvents(
      domain(
        before && {
          observedGeneration: 1,
          conditions: [
            { type: "Connected", status: "Unknown", reason: "x", lastTransitionTime: "", message: "" },
            { type: "Ready", lastTransitionTime: "", message: "", ...before },
          ],
        },
      ),
      findings(view),
    );
  const lost: DomainView = { kind: "Problem", problem: { reason: "DirectoryUnavailable", message: "nobody answers." } };

  test("an Event tells that a domain became ready, or ceased to be, or is not for another reason", () => {
    const ready = [{ type: "Normal", reason: "Ready", message: "farms can be reconciled in this domain." }];
    const problem = [{ type: "Warning", reason: "DirectoryUnavailable", message: "nobody answers." }];
    expect(event(undefined, connected())).toEqual(ready);
    expect(event({ status: "False", reason: "Reconciled" }, connected())).toEqual(ready);
    expect(event({ status: "True", reason: "Reconciled" }, connected())).toEqual([]);
    expect(event({ status: "True", reason: "Reconciled" }, lost)).toEqual(problem);
    expect(event({ status: "False", reason: "InvalidSpec" }, lost)).toEqual(problem);
    expect(event({ status: "False", reason: "DirectoryUnavailable" }, lost)).toEqual([]);
    expect(domainEvents(domain(), [])).toEqual([]);
  });
});

test("a domain that is to be deleted names ten of the farms that need it, and how many there are", () => {
  const farms = Array.from({ length: 12 }, (_, index) => `web/f${index}`);
  expect(deletionBlockedEvent(farms)).toEqual({
    type: "Warning",
    reason: "DeletionBlocked",
    message: `12 farms name this domain (${farms.slice(0, 10).join(", ")}): delete them first; the domain goes by itself then.`,
  });
});
