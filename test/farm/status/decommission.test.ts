/** What the end of a farm says: when it may go, what keeps it, and what it leaves. */
import { describe, expect, test } from "vitest";
import type { ServerFarm, ServerFarmStatus } from "../../../src/api/generated/server-farm.ts";
import type { Blocker } from "../../../src/api/reasons.ts";
import { DirectoryError } from "../../../src/ad/error.ts";
import type { DirectoryObject } from "../../../src/ad/object.ts";
import type { Change } from "../../../src/farm/changes/index.ts";
import type { SharingFarm } from "../../../src/farm/desired-farm.ts";
import type { Report } from "../../../src/farm/report.ts";
import { abandonedEvent, decommissionOutcome } from "../../../src/farm/status/decommission.ts";
import { viewOf } from "../../../src/farm/view.ts";
import { lookupKey } from "../../../src/names/identifier.ts";
import { BASE, computer, desired, directoryObject, farm, SimulatedDirectory } from "../simulation.ts";

type Spec = Parameters<typeof farm>[0];
const NOW = new Date("2026-11-26T01:00:00Z");
const { owner } = desired();
const CHANGE: Change = { kind: "DeleteAccount", object: { distinguishedName: "CN=itfarm1", objectGUID: "a", owner } };
const deleted = (spec: Spec = {}, status?: ServerFarmStatus): ServerFarm => {
  const one = farm(spec, status);
  return { ...one, metadata: { ...one.metadata, deletionTimestamp: "2026-11-26T00:59:00Z" } };
};
const view = (objects: readonly DirectoryObject[] = [], status?: ServerFarmStatus, sharing: readonly SharingFarm[] = []) => {
  const wanted = desired({}, status, sharing);
  return viewOf(wanted, { ...new SimulatedDirectory([], [computer("WEB01")]).seenBy(wanted), objects });
};
const report = (fields: Partial<Report> = {}): Report => ({
  view: view(),
  plan: { changes: [], later: [], blockers: [] },
  applied: [],
  failures: [],
  error: undefined,
  ...fields,
});
const blocker = (reason: Blocker["reason"], message: string): Blocker => ({ reason, part: "Account", message });
const planned = (changes: readonly Change[], ...blockers: readonly Blocker[]) => ({ changes, later: [], blockers });
const failed = (kind: ConstructorParameters<typeof DirectoryError>[0], message: string) => ({
  change: CHANGE,
  error: new DirectoryError(kind, message),
});
const end = (fields: Partial<Report>, spec: Spec = {}) => {
  const { gone, status, events, retryable } = decommissionOutcome(deleted(spec), desired(spec), report(fields), NOW);
  const ready = status.conditions?.find(({ type }) => type === "Ready");
  const progress = status.conditions?.map(({ type }) => type).filter((type) => type === "Stalled" || type === "Reconciling");
  return { gone, retryable, events, reason: ready?.reason, message: ready?.message, progress };
};

describe("a farm may go", () => {
  test("where nothing of it is left to do, and nothing keeps it", () => {
    expect(end({}).gone).toBe(true);
  });

  test.each<[string, Partial<Report>]>([
    ["something is left to do", { plan: planned([CHANGE]) }],
    ["something must not be touched", { plan: planned([], blocker("ProtectedObject", "x")) }],
    ["nobody answered, though nothing was left a moment ago", { error: new DirectoryError("Unavailable", "x") }],
    ["nothing was looked at", { plan: undefined, view: undefined }],
  ])("not where %s", (_, fields) => {
    expect(end(fields).gone).toBe(false);
  });
});

describe("what keeps it is said", () => {
  const YET = "the farm cannot be decommissioned yet:";
  test.each<[string, Partial<Report>, { reason: string; message: string; retryable: boolean; progress: readonly string[] }]>([
    [
      "nothing: it is being removed",
      { plan: planned([CHANGE]) },
      {
        reason: "Deleting",
        message: "the operator is removing what the farm owns in the directory.",
        retryable: true,
        progress: ["Reconciling"],
      },
    ],
    [
      "a directory that does not answer",
      { error: new DirectoryError("Untrusted", "no trust"), plan: undefined },
      { reason: "DeletionBlocked", message: `${YET} no trust`, retryable: true, progress: ["Reconciling"] },
    ],
    [
      "failures, each once, and what must not be touched",
      {
        failures: [failed("AccessDenied", "denied"), failed("AccessDenied", "denied")],
        plan: planned([CHANGE], blocker("ProtectedObject", "guarded")),
      },
      { reason: "DeletionBlocked", message: `${YET} denied guarded`, retryable: false, progress: ["Stalled"] },
    ],
    [
      "one failure that may pass, among others",
      { failures: [failed("AccessDenied", "denied"), failed("Rejected", "busy")], plan: planned([CHANGE]) },
      { reason: "DeletionBlocked", message: `${YET} denied busy`, retryable: true, progress: ["Reconciling"] },
    ],
    [
      "what time mends",
      { plan: planned([], blocker("DirectoryUnavailable", "not seen yet")) },
      { reason: "DeletionBlocked", message: `${YET} not seen yet`, retryable: false, progress: ["Reconciling"] },
    ],
    [
      "what time mends beside what it does not",
      { plan: planned([], blocker("ProtectedObject", "guarded"), blocker("DirectoryUnavailable", "not seen yet")) },
      { reason: "DeletionBlocked", message: `${YET} guarded not seen yet`, retryable: false, progress: ["Reconciling"] },
    ],
  ])("%s", (_, fields, expected) => {
    expect(end(fields)).toMatchObject(expected);
  });

  const OBSERVE = { managementPolicy: "Observe" as const };
  const TEXT =
    "the farm cannot be decommissioned yet: managementPolicy is Observe, so nothing is deleted in the directory: set it to Enforce. To remove only the farm and leave its objects in the directory, set the annotation serverfarm.dev/abandon=true.";

  test("that it is only observed, where nothing else keeps it; with nothing left it may go", () => {
    expect(end({ plan: planned([CHANGE]) }, OBSERVE)).toMatchObject({ reason: "DeletionBlocked", message: TEXT, progress: ["Stalled"] });
    expect(end({ plan: planned([CHANGE], blocker("ProtectedObject", "guarded")) }, OBSERVE).message).toBe(`${YET} guarded`);
    expect(end({}, OBSERVE)).toMatchObject({ gone: true, reason: "Deleting" });
    expect(end({ plan: planned([CHANGE]) }).reason).toBe("Deleting");
  });

  test("that its domain is only observed, whatever the farm says", () => {
    const wanted = { ...desired(), observedFor: "Domain" as const };
    const { status, gone } = decommissionOutcome(deleted(), wanted, report({ plan: planned([CHANGE]) }), NOW);
    expect(gone).toBe(false);
    expect(status.conditions?.[0]).toMatchObject({
      reason: "DeletionBlocked",
      message: TEXT.replace("managementPolicy is", "managementPolicy of the ActiveDirectoryDomain contoso is"),
    });
  });
});

describe("Events of the end", () => {
  test("tell what was done, and never as drift", () => {
    expect(end({ applied: [CHANGE] }).events).toEqual([{ type: "Normal", reason: "AccountDeleted", message: "deleted CN=itfarm1" }]);
  });

  test("tell of what was the farm's, bears another marker now, and was not let go by it", () => {
    const group = (name: string, marker: string | undefined): DirectoryObject =>
      directoryObject({ distinguishedName: `CN=${name},${BASE}`, objectClass: "group", owner: marker });
    const [taken, stranger, own, released] = [
      group("Taken", "a note"),
      group("Stranger", "x"),
      group("Own", owner),
      group("Released", undefined),
    ];
    const status: ServerFarmStatus = {
      observedGeneration: 1,
      ownedObjects: [taken, own, released].map(({ objectGUID }) => ({ kind: "HostGroup", objectGUID })),
    };
    const wanted = desired({}, status);
    const release: Change = {
      kind: "Release",
      object: { distinguishedName: released.distinguishedName, objectGUID: released.objectGUID, owner },
      because: "x",
    };
    const seen = report({ view: view([taken, stranger, own, released], status), applied: [release] });
    const events = decommissionOutcome(deleted({}, status), wanted, seen, NOW).events.slice(1);
    expect(events).toEqual([
      {
        type: "Warning",
        reason: "ObjectKept",
        message: `CN=Taken,${BASE} was this farm's and stays in the directory: its adminDescription holds something other than an owner marker now`,
      },
    ]);
  });

  test("tell of hosts that stay in a group since another farm wants them, once the farm is gone", () => {
    const [web01, shared] = [
      computer("WEB01"),
      directoryObject({ distinguishedName: `CN=Shared,${BASE}`, objectClass: "group", samAccountName: "Shared" }),
    ];
    const status: ServerFarmStatus = {
      observedGeneration: 1,
      formerHostGroups: [{ objectGUID: shared.objectGUID, distinguishedName: shared.distinguishedName, added: [web01.objectGUID] }],
    };
    const other: SharingFarm = {
      key: "web/x",
      standing: { namespace: "web", created: "", uid: "" },
      uses: { name: "shared", objectGUID: undefined },
      hosts: new Set([lookupKey("sAMAccountName", "WEB01$")]),
      quarantined: new Set(),
      claimed: new Set(),
      added: new Map(),
    };
    const wanted = desired({}, status, [other]);
    const observed = { ...new SimulatedDirectory([], [web01]).seenBy(wanted), objects: [shared] };
    const membersAmong = new Map([[shared.objectGUID, new Set([web01.objectGUID])]]);
    const seen = viewOf(wanted, { ...observed, membersAmong });
    const events = (fields: Partial<Report>) =>
      decommissionOutcome(deleted({}, status), wanted, report({ view: seen, ...fields }), NOW).events.map(({ type, reason, message }) => [
        type,
        reason,
        message,
      ]);
    expect(events({})).toEqual([
      [
        "Warning",
        "MemberLeft",
        `WEB01: this farm added it to CN=Shared,${BASE} and leaves it there, because another farm needs it and has not recorded it yet. If the operator stops before that farm records it, no farm removes it later: remove it yourself once no farm lists it.`,
      ],
    ]);
    expect(events({ plan: planned([CHANGE]) })).toEqual([]);
  });
});

test("a farm that is let go names all that it leaves in the directory", () => {
  const text = "the farm was abandoned (serverfarm.dev/abandon); left in the directory, unchanged:";
  expect(abandonedEvent(farm())).toEqual({ type: "Warning", reason: "Abandoned", message: `${text} nothing known` });
  const status: ServerFarmStatus = {
    observedGeneration: 1,
    ownedObjects: [
      { kind: "Account", objectGUID: "a", distinguishedName: "CN=itfarm1" },
      { kind: "HostGroup", objectGUID: "h" },
    ],
    formerHostGroups: [
      { objectGUID: "s", distinguishedName: "CN=Shared", added: ["c1", "c2"] },
      { objectGUID: "e", distinguishedName: "CN=Empty", added: [] },
    ],
    accessGroups: [{ name: "r", objectGUID: "r", distinguishedName: "CN=Readers" }],
  };
  expect(abandonedEvent(farm({}, status)).message).toBe(
    `${text} Account CN=itfarm1; HostGroup h; 2 hosts in CN=Shared; the account in CN=Readers`,
  );
});
