/** Which of the parts of a farm that is being deleted are told from the last look, and which stay as they were seen. */
import { describe, expect, test } from "vitest";
import { DirectoryError } from "../../../src/ad/error.ts";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../../src/ad/object.ts";
import type { ServerFarm, ServerFarmStatus } from "../../../src/api/generated/server-farm.ts";
import type { Condition } from "../../../src/api/object.ts";
import type { Change } from "../../../src/farm/changes/index.ts";
import { endingParts, endingStatus, wereMembersSettled } from "../../../src/farm/status/ending.ts";
import { viewOf } from "../../../src/farm/view.ts";
import { BASE, desired, directoryObject, farm } from "../simulation.ts";

const GONE = "the account is deleted.";
const REVOKED = "nobody may retrieve the password any more.";
const { owner } = desired();
const LIST = { principals: ["S-1-1-0"], denied: [], foreign: [] };
const EMPTY = { principals: [], denied: [], foreign: [] };

const account = (fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=itfarm1,${BASE}`, objectClass: ACCOUNT_CLASS, owner, retrievers: LIST, ...fields });
const OWN = account();
const own = (fields: Partial<DirectoryObject>): DirectoryObject => ({ ...OWN, ...fields });
const condition = (type: string, fields: Partial<Condition> = {}): Condition => ({
  type,
  status: "True",
  reason: "Reconciled",
  message: "as it was",
  observedGeneration: 1,
  lastTransitionTime: "2026-11-26T01:00:00Z",
  ...fields,
});
const SEEN = ["AccountReady", "HostsReady", "ServicePrincipalNamesReady", "AccessGroupsReady"].map((type) => condition(type));
const FULL: ServerFarmStatus = {
  observedGeneration: 1,
  conditions: SEEN,
  account: { distinguishedName: OWN.distinguishedName },
  hosts: { desired: 2, granted: 2, summary: "2/2" },
  hostIssues: [{ computer: "GONE", reason: "HostNotFound", message: "x" }],
  ownedObjects: [
    { objectGUID: "group", kind: "HostGroup" },
    { objectGUID: OWN.objectGUID, kind: "Account" },
  ],
};

const { ownedObjects: _owned, ...NOTHING_OWNED } = FULL;

interface Seen {
  readonly objects?: readonly DirectoryObject[] | undefined;
  readonly missing?: readonly string[];
  readonly applied?: readonly Change["kind"][];
  readonly error?: boolean;
  readonly status?: ServerFarmStatus | undefined;
}

/** The messages of the parts, in order, and the rest of the status. */
function ending({ objects, missing = [], applied = [], error = false, status = FULL }: Seen) {
  const object = { distinguishedName: "CN=x", objectGUID: "x", owner };
  const changes = applied.map((kind): Change => {
    if (kind === "SetRetrievers") return { kind, object, retrievers: [], denied: [], add: [], remove: [], because: [] };
    if (kind === "DeleteAccount" || kind === "DeleteHostGroup") return { kind, object };
    throw new Error(kind);
  });
  const deleted: ServerFarm = farm({}, status, 2);
  const report = {
    view:
      objects &&
      viewOf(desired({}, status), {
        objects,
        computers: [],
        missing,
        unexplainedPrincipals: [],
        membersAmong: new Map(),
        primaryMembers: [],
        gone: [],
        unreadable: [],
      }),
    plan: undefined,
    applied: changes,
    failures: [],
    error: error ? new DirectoryError("OutcomeUnknown", "lost") : undefined,
  };
  return { parts: endingParts(deleted, status.conditions ?? [], report), status: endingStatus(deleted, status, report) };
}

const messages = (seen: Seen): readonly string[] => ending(seen).parts.map(({ message }) => message);
const hosts = (seen: Seen): string | undefined => messages(seen)[1];

describe("the account", () => {
  test("that is not there any more is deleted, whoever did it, and all that hung on it", () => {
    const seen = messages({ objects: [] });
    expect(seen).toEqual([
      GONE,
      "the account is deleted, so nobody may retrieve its password.",
      "the account is deleted, and its service principal names with it.",
      "the account is deleted, so it is in no group any more.",
    ]);
    // Nor does it matter whether the look or the write tells.
    expect(messages({ objects: [OWN], applied: ["DeleteAccount"], error: true })).toEqual(seen);
    expect(
      messages({ objects: [OWN], applied: ["SetRetrievers", "DeleteAccount"], error: true, status: { ...FULL, ownedObjects: [] } }),
    ).toEqual(seen);
    expect(messages({ objects: undefined, applied: ["DeleteAccount"], error: true })).toEqual(seen);
  });

  test.each([
    ["there", { objects: [OWN] }],
    ["there under another marker", { objects: [own({ owner: undefined })] }],
    [
      "one of two, and there under another marker",
      {
        objects: [own({ owner: undefined })],
        status: { ...FULL, ownedObjects: [{ objectGUID: "old", kind: "Account" as const }, ...(FULL.ownedObjects ?? [])] },
      },
    ],
    ["not replicated yet, perhaps", { objects: [], missing: [OWN.objectGUID] }],
    ["not looked at", { objects: undefined }],
    ["never known", { objects: [], status: { ...FULL, ownedObjects: [{ objectGUID: "group", kind: "HostGroup" as const }] } }],
    ["never known, nor anything else", { objects: [], status: NOTHING_OWNED }],
    ["there again, made anew", { objects: [account()] }],
    ["there again after it was deleted", { objects: [OWN], applied: ["DeleteAccount"] as const }],
    ["there, while the group is gone", { objects: [OWN], applied: ["DeleteHostGroup"] as const }],
    [
      "one of two",
      {
        objects: [OWN],
        status: { ...FULL, ownedObjects: [{ objectGUID: "old", kind: "Account" as const }, ...(FULL.ownedObjects ?? [])] },
      },
    ],
  ])("that is %s is as it was seen", (_, seen) => {
    expect(messages(seen)[0]).toBe("as it was");
    expect(messages(seen)[2]).toBe("as it was");
    expect(ending(seen).status.account).toEqual(FULL.account);
  });
});

describe("the hosts", () => {
  test.each([
    ["nobody is in the list", { objects: [own({ retrievers: EMPTY })] }, REVOKED],
    ["some are only kept out", { objects: [own({ retrievers: { ...EMPTY, denied: ["S-1-1-0"] } })] }, REVOKED],
    ["the list was emptied and no look came after", { objects: [OWN], applied: ["SetRetrievers"] as const, error: true }, REVOKED],
    ["the list was emptied before a look that failed", { objects: undefined, applied: ["SetRetrievers"] as const, error: true }, REVOKED],
    ["somebody filled the list again", { objects: [OWN], applied: ["SetRetrievers"] as const }, "as it was"],
    ["the list was not emptied", { objects: [OWN], error: true }, "as it was"],
    [
      "another change was made before the connection was lost",
      { objects: [OWN], applied: ["DeleteHostGroup"] as const, error: true },
      "as it was",
    ],
    ["the list has what is not understood", { objects: [own({ retrievers: { ...EMPTY, foreign: ["x"] } })] }, "as it was"],
    ["the list has that and somebody", { objects: [own({ retrievers: { ...LIST, foreign: ["x"] } })] }, "as it was"],
    ["the list cannot be read", { objects: [own({ retrievers: undefined })] }, "as it was"],
    ["another account's list is empty", { objects: [account({ owner: undefined, retrievers: EMPTY }), OWN] }, "as it was"],
    ["a group comes first", { objects: [directoryObject({ distinguishedName: "CN=g", owner, retrievers: EMPTY }), OWN] }, "as it was"],
  ])("where %s", (_, seen, said) => {
    expect(hosts(seen)).toBe(said);
    const { status } = ending(seen);
    const before = said === "as it was";
    expect(status.hosts?.summary).toBe(before ? "2/2" : "0/0");
    expect(status.hostIssues).toEqual(before ? FULL.hostIssues : undefined);
  });

  test("nothing is made up of what was never said", () => {
    const status: ServerFarmStatus = { observedGeneration: 1 };
    expect(ending({ objects: [account({ retrievers: EMPTY })], status })).toEqual({ parts: [], status });
    const unknown = { ...farm({}, undefined, 2) };
    const draft = { type: "HostsReady", status: "Unknown", reason: "Deleting", message: "?" } as const;
    const report = { view: undefined, plan: undefined, applied: [], failures: [], error: undefined };
    expect(endingParts(unknown, [draft], report)).toEqual([draft]);
    const deletedNow = {
      ...report,
      error: new DirectoryError("OutcomeUnknown", "lost"),
      applied: [{ kind: "DeleteAccount" as const, object: { distinguishedName: "", objectGUID: "", owner } }],
    };
    expect(endingParts(unknown, [draft], deletedNow)).toMatchObject([{ status: "False", reason: "DeletionBlocked" }]);
  });
});

describe("the access groups", () => {
  const readers = directoryObject({ distinguishedName: `CN=Readers,${BASE}`, objectClass: "group" });
  const writers = directoryObject({ distinguishedName: `CN=Writers,${BASE}`, objectClass: "group" });
  const accessGroups = [
    { name: "Readers", objectGUID: readers.objectGUID },
    { name: "Writers", objectGUID: writers.objectGUID },
  ];
  const status = { ...FULL, accessGroups };
  test.each([
    ["both", [readers, writers], [], "the account has left Readers, Writers."],
    ["one of them", [readers, writers], [readers], "the account has left Writers."],
    ["none", [readers, writers], [readers, writers], "as it was"],
    ["one that cannot be seen", [readers], [readers], "as it was"],
  ])("%s that it has left", (_, seen, memberOf, said) => {
    const member = own({ memberOf: memberOf.map(({ distinguishedName }) => distinguishedName) });
    expect(messages({ objects: [...seen, member], status })[3]).toBe(said);
  });
  test("of an account that is not the farm's any more nothing is told", () => {
    expect(messages({ objects: [readers, own({ owner: undefined })], status })[3]).toBe("as it was");
    expect(messages({ objects: undefined, status })[3]).toBe("as it was");
  });
});

test.each([
  ["ready a generation ago", "True", "Reconciled", 1, true],
  ["ready now", "True", "Reconciled", 2, true],
  ["ready long ago", "True", "Reconciled", 0, false],
  ["ready, of no generation", "True", "Reconciled", undefined, false],
  ["revoked, and ready before", "False", "Deleting", 1, true],
  ["revoked, and ready long before", "False", "Deleting", 0, false],
  ["revoked, and not ready before", "False", "DeletionBlocked", 1, false],
  ["never seen", "Unknown", "Deleting", 1, false],
  ["not ready", "False", "HostNotFound", 1, false],
] as const)("members of hosts that were %s", (_, state, reason, generation, settled) => {
  const { observedGeneration: _generation, ...bare } = condition("HostsReady", { status: state, reason });
  const hostsReady = generation === undefined ? bare : { ...bare, observedGeneration: generation };
  expect(wereMembersSettled(farm({}, { observedGeneration: 1, conditions: [condition("Ready"), hostsReady] }, 2))).toBe(settled);
});

test("members of a farm that says nothing were not settled", () => {
  expect(wereMembersSettled(farm({}, undefined, 2))).toBe(false);
  expect(wereMembersSettled(farm({}, { observedGeneration: 1 }, 2))).toBe(false);
  expect(wereMembersSettled(farm({}, { observedGeneration: 1, conditions: [condition("Ready")] }, 2))).toBe(false);
});
