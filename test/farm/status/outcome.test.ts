import { describe, expect, test } from "vitest";
import { DirectoryError, type DirectoryErrorKind } from "../../../src/ad/error.ts";
import { plan } from "../../../src/farm/plan/index.ts";
import type { ServerFarm } from "../../../src/api/generated/server-farm.ts";
import { mergePatch } from "../../../src/api/object.ts";
import { refusedStatus, suspendedStatus, unknownStatus } from "../../../src/farm/status/not-looked.ts";
import { decommissionOutcome } from "../../../src/farm/status/decommission.ts";
import { outcome, type Outcome } from "../../../src/farm/status/outcome.ts";
import { viewOf } from "../../../src/farm/view.ts";
import { ownerMarker } from "../../../src/names/identifier.ts";
import { reconcile } from "../../../src/reconciler/farm.ts";
import { BASE, CLUSTER, computer, desired, directoryObject, farm, SimulatedDirectory } from "../simulation.ts";

const NOW = new Date("2026-11-23T10:00:00Z");
const LATER = new Date("2026-11-23T11:00:00Z");
const WEB = ["WEB01", "WEB02"].map(computer);
type Spec = Parameters<typeof farm>[0];

async function run(spec: Spec, directory = new SimulatedDirectory([], WEB), status?: ServerFarm["status"], now = NOW): Promise<Outcome> {
  const wanted = desired(spec, status);
  const assertFresh = spec?.managementPolicy === "Observe" ? undefined : () => Promise.resolve();
  const report = await reconcile(wanted, directory, { scope: "Names", plan, assertFresh, ordered: false }, new AbortController().signal);
  return outcome(farm(spec, status), wanted, report, now);
}

const states = ({ status }: Pick<Outcome, "status">): readonly string[] =>
  (status.conditions ?? []).map((condition) => `${condition.type}=${condition.status}/${condition.reason}`);
const OK = [
  "Ready=True/Reconciled",
  "AccountReady=True/Reconciled",
  "HostsReady=True/Reconciled",
  "ServicePrincipalNamesReady=True/Reconciled",
  "AccessGroupsReady=True/Reconciled",
];

describe("what a reconcile says", () => {
  test("all is well", async () => {
    const result = await run({ hosts: { computers: ["WEB01", "WEB02"] }, servicePrincipalNames: ["http/x"] });
    expect(states(result)).toEqual(OK);
    expect(result.next).toBe("Resync");
    expect(result.status).toMatchObject({
      observedGeneration: 1,
      hosts: { desired: 2, granted: 2, summary: "2/2" },
      account: { samAccountName: "itfarm1$" },
    });
    expect(result.status.account?.passwordNextChange).toBe("2026-12-22T00:00:00Z");
    expect(result.status.ownedObjects?.map(({ kind }) => kind)).toEqual(["Account", "HostGroup"]);
    expect(result.events.map(({ reason }) => reason)).toEqual(["HostGroupCreated", "AccountCreated", "Ready"]);
    expect(result.drift).toEqual([]);
  });

  test("nothing in status changes when nothing changed, however much later", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const first = await run({ hosts: { computers: ["WEB01"] } }, directory);
    const second = await run({ hosts: { computers: ["WEB01"] } }, directory, first.status, LATER);
    expect(mergePatch(first.status, second.status)).toBeUndefined();
    expect(second.events).toEqual([]);
  });

  test("a missing host keeps only itself out, and the farm is still on its way", async () => {
    const result = await run({ hosts: { computers: ["WEB01", "GONE"] } });
    expect(states(result)).toEqual([
      "Ready=False/HostNotFound",
      OK[1],
      "HostsReady=False/HostNotFound",
      OK[3],
      OK[4],
      "Reconciling=True/HostNotFound",
    ]);
    expect(result.status.hosts?.summary).toBe("1/2");
    expect(result.status.hostIssues).toMatchObject([{ computer: "GONE", reason: "HostNotFound" }]);
    expect(result.next).toBe("Recheck");
  });

  test("an SPN of somebody else stalls, and the other parts are ready", async () => {
    const holder = directoryObject({ distinguishedName: `CN=DB,${BASE}`, servicePrincipalNames: ["http/x"] });
    const result = await run({ servicePrincipalNames: ["http/x"] }, new SimulatedDirectory([holder], WEB));
    expect(states(result)).toEqual([
      "Ready=False/ServicePrincipalNameInUse",
      OK[1],
      OK[2],
      "ServicePrincipalNamesReady=False/ServicePrincipalNameInUse",
      OK[4],
      "Stalled=True/ServicePrincipalNameInUse",
    ]);
  });

  test("what waits for a part that is stuck is stuck as well", async () => {
    const taken = directoryObject({
      distinguishedName: `CN=itfarm1Hosts,OU=Farms,${BASE}`,
      objectClass: "group",
      samAccountName: "itfarm1Hosts",
    });
    const result = await run({}, new SimulatedDirectory([taken], WEB));
    expect(states(result)).toEqual([
      "Ready=False/NotOwned",
      "AccountReady=False/ChangesPending",
      "HostsReady=False/NotOwned",
      "ServicePrincipalNamesReady=False/ChangesPending",
      OK[4],
      "Stalled=True/NotOwned",
    ]);
    expect(result.status.ownedObjects).toEqual([]);
  });

  test("Observe says what would be done, and claims nothing", async () => {
    const result = await run({ managementPolicy: "Observe", hosts: { computers: ["WEB01"] } });
    expect(states(result).slice(0, 3)).toEqual([
      "Ready=False/ChangesPending",
      "AccountReady=False/ChangesPending",
      "HostsReady=False/ChangesPending",
    ]);
    expect(result.status.plan?.map(({ change }) => change)).toEqual(["CreateHostGroup", "CreateAccount"]);
    expect(result.events.map(({ reason }) => reason)).toEqual(["ChangesPending"]);
  });

  test("what is made anew though the farm owned one was lost, also while nothing was settled; the first is no drift", async () => {
    const spec = { hosts: { computers: ["WEB01"] }, accessGroups: [{ name: "Share", existing: false }] };
    const directory = new SimulatedDirectory([], WEB);
    const first = await run(spec, directory);
    expect(first.drift).toEqual([]);
    const unsettled = {
      ...first.status,
      conditions: (first.status.conditions ?? []).map((one) => ({ ...one, status: "Unknown" as const })),
    };
    directory.objects = [];
    const again = await run(spec, directory, unsettled);
    expect(again.drift.map(({ kind }) => kind).toSorted()).toEqual(["CreateAccessGroup", "CreateAccount", "CreateHostGroup"]);
    expect(again.events).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ reason: "DriftCorrected", message: expect.stringContaining("new account with a new SID") }),
      ]),
    );
  });

  test("what somebody else undid is drift; what the spec changed is not", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const first = await run({ hosts: { computers: ["WEB01"] } }, directory);
    directory.objects = directory.objects.map((object) => ({ ...object, members: [] }));
    const drifted = await run({ hosts: { computers: ["WEB01"] } }, directory, first.status);
    expect(drifted.drift.map(({ kind }) => kind)).toEqual(["ChangeHosts"]);
    expect(drifted.events).toMatchObject([
      { type: "Warning", reason: "DriftCorrected", message: expect.stringContaining("WEB01 may retrieve the password") },
    ]);
    const wanted = desired({ hosts: { computers: ["WEB02"] } }, first.status);
    const report = await reconcile(
      wanted,
      directory,
      { scope: "Names", plan, assertFresh: () => Promise.resolve(), ordered: false },
      new AbortController().signal,
    );
    expect(outcome(farm({ hosts: { computers: ["WEB02"] } }, first.status, 2), wanted, report, NOW).drift).toEqual([]);
  });

  test.each<[DirectoryErrorKind, string, string, string]>([
    ["AccessDenied", "AccountReady=False/AccessDenied", "Stalled=True/AccessDenied", "Retry"],
    ["ConstraintViolation", "AccountReady=False/Rejected", "Stalled=True/Rejected", "Retry"],
    ["Unwilling", "AccountReady=False/Rejected", "Reconciling=True/Rejected", "Retry"],
    ["Rejected", "AccountReady=False/Rejected", "Reconciling=True/Rejected", "Retry"],
    ["NotOwned", "AccountReady=False/NotOwned", "Stalled=True/NotOwned", "Retry"],
    ["Unavailable", "AccountReady=Unknown/DirectoryUnavailable", "Reconciling=True/DirectoryUnavailable", "Retry"],
    ["OutcomeUnknown", "AccountReady=Unknown/DirectoryUnavailable", "Reconciling=True/DirectoryUnavailable", "Retry"],
  ])("an account that is refused with %s leaves no group behind", async (kind, account, progress, next) => {
    const directory = new SimulatedDirectory([], WEB);
    directory.refuse = (change) => (change.kind === "CreateAccount" ? new DirectoryError(kind, "the directory's own words") : undefined);
    const result = await run({ hosts: { computers: ["WEB01"] } }, directory);
    expect(states(result)).toContain(account);
    expect(states(result)).toContain(progress);
    expect(result.next).toBe(next);
    expect(result.status.conditions?.find(({ type }) => type === "Ready")?.message).toContain("the directory's own words");
    // What is not known to have been refused may have happened.
    expect(directory.objects).toHaveLength(account.includes("Unknown") ? 1 : 0);
  });

  test.each<[DirectoryErrorKind, string]>([
    ["AccessDenied", "Recheck"],
    ["ConstraintViolation", "Recheck"],
    ["Unwilling", "Retry"],
  ])("a change that is refused with %s takes nothing back", async (kind, next) => {
    const directory = new SimulatedDirectory([], WEB);
    const first = await run({ hosts: { computers: ["WEB01"] } }, directory);
    directory.refuse = (change) => (change.kind === "UpdateAccount" ? new DirectoryError(kind, "no") : undefined);
    const result = await run({ account: { enabled: false }, hosts: { computers: ["WEB01"] } }, directory, first.status);
    expect(result.next).toBe(next);
    expect(directory.objects).toHaveLength(2);
  });

  test("a group in which somebody is put meanwhile is not taken back", async () => {
    const directory = new SimulatedDirectory([], WEB);
    directory.onWrite = () => {
      directory.onWrite = () => undefined;
      directory.objects = directory.objects.map((group) => ({ ...group, members: [...group.members, `CN=Eve,${BASE}`] }));
    };
    directory.refuse = ({ kind }) => (kind === "CreateAccount" ? new DirectoryError("AccessDenied", "no") : undefined);
    await run({ hosts: { computers: ["WEB01"] } }, directory);
    expect(directory.objects.map(({ samAccountName }) => samAccountName)).toEqual(["itfarm1Hosts"]);
  });

  test("hosts that may retrieve the password are counted, whoever owns the account", async () => {
    const [web01, web02] = WEB;
    const group = directoryObject({
      distinguishedName: `CN=Handmade,OU=Farms,${BASE}`,
      objectClass: "group",
      samAccountName: "itfarm1Hosts",
      members: [web01?.distinguishedName ?? ""],
    });
    const account = directoryObject({
      distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
      objectClass: "msDS-GroupManagedServiceAccount",
      samAccountName: "itfarm1$",
      retrievers: { principals: [group.objectSID ?? "", web02?.objectSID ?? ""], denied: [], foreign: [] },
    });
    const spec = { managementPolicy: "Observe", hosts: { computers: ["WEB01", "WEB02"] } } as const;
    const result = await run(spec, new SimulatedDirectory([group, account], WEB));
    expect(states(result)[0]).toBe("Ready=False/NotOwned");
    expect(result.status.hosts).toEqual({ desired: 2, granted: 2, summary: "2/2" });
    // Of the account of a farm in another namespace that is nobody's business.
    const others = { ...account, owner: ownerMarker(CLUSTER, { namespace: "another", name: "itfarm1" }) };
    expect((await run(spec, new SimulatedDirectory([group, others], WEB))).status.hosts?.granted).toBe(0);
    const denied = { ...account, retrievers: { principals: [group.objectSID ?? ""], denied: [web01?.objectSID ?? ""], foreign: [] } };
    const other = await run(spec, new SimulatedDirectory([group, denied], WEB));
    expect(other.status.hosts?.granted).toBe(0);
  });

  test("an account that must not be touched, or is not seen yet, stays on record: what is immutable is so", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const first = await run({}, directory);
    const account = first.status.account?.objectGUID;
    expect(account).toBeDefined();
    const { objects } = directory;
    directory.objects = objects.map((object) => ({ ...object, protection: "it is protected" }));
    const guarded = await run({}, directory, first.status);
    expect(states(guarded)[1]).toBe("AccountReady=False/ProtectedObject");
    expect(guarded.status.account?.objectGUID).toBe(account);
    directory.objects = [];
    directory.missing = objects.map(({ objectGUID }) => objectGUID);
    expect((await run({}, directory, first.status)).status.account?.objectGUID).toBe(account);
    directory.objects = objects.map((object) => ({ ...object, owner: undefined }));
    directory.missing = [];
    expect((await run({}, directory, first.status)).status.account).toBeUndefined();
  });

  test("service principal names that are not named are not managed, and an empty list is none", async () => {
    const message = async (spec: Spec): Promise<string | undefined> =>
      (await run(spec)).status.conditions?.find(({ type }) => type === "ServicePrincipalNamesReady")?.message;
    expect(await message({})).toBe("service principal names are not managed: set servicePrincipalNames to manage them.");
    expect(await message({ servicePrincipalNames: [] })).toBe("the account has exactly 0 service principal names, as the farm lists.");
  });

  test("where the host group cannot be made, the account waits for it, and it for nothing", async () => {
    const directory = new SimulatedDirectory([], WEB);
    directory.refuse = ({ kind }) => (kind === "CreateHostGroup" ? new DirectoryError("AccessDenied", "no right") : undefined);
    const { status } = await run({ hosts: { computers: ["WEB01"] } }, directory);
    const messageOf = (type: string): string | undefined => status.conditions?.find((one) => one.type === type)?.message;
    expect(messageOf("HostsReady")).toBe("no right");
    expect(messageOf("AccountReady")).toBe("pending: CreateAccount itfarm1, after the changes that failed: see the other conditions.");
    expect(messageOf("ServicePrincipalNamesReady")).toBe("it waits for the account: see the condition AccountReady.");
  });

  test("an error after which the last look finds all in place is overtaken", async () => {
    const directory = new SimulatedDirectory([], WEB);
    let tries = 0;
    directory.refuse = (change) => (change.kind === "ChangeHosts" && tries++ === 0 ? new DirectoryError("ValueExists", "68") : undefined);
    await run({ hosts: { computers: ["WEB01"] } }, directory);
    const wanted = desired({ hosts: { computers: ["WEB01", "WEB02"] } });
    const failing = new SimulatedDirectory(directory.objects, WEB);
    failing.refuse = (change) => {
      failing.objects = failing.objects.map((object) =>
        object.objectClass === "group" ? { ...object, members: WEB.map(({ distinguishedName }) => distinguishedName) } : object,
      );
      return change.kind === "ChangeHosts" ? new DirectoryError("ValueExists", "68") : undefined;
    };
    const report = await reconcile(
      wanted,
      failing,
      { scope: "Names", plan, assertFresh: () => Promise.resolve(), ordered: false },
      new AbortController().signal,
    );
    expect(report.failures).toHaveLength(1);
    expect(states(outcome(farm({ hosts: { computers: ["WEB01", "WEB02"] } }), wanted, report, NOW))).toEqual(OK);
  });

  test("a view that is old writes nothing", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const wanted = desired({ hosts: { computers: ["WEB01"] } });
    const stale = reconcile(
      wanted,
      directory,
      {
        scope: "Names",
        plan,
        assertFresh: () => Promise.reject(new Error("changed meanwhile")),
        ordered: false,
      },
      new AbortController().signal,
    );
    await expect(stale).rejects.toThrow("changed meanwhile");
    expect(directory.writes).toBe(0);
  });
});

describe("a farm that is not looked at", () => {
  test("its transitions keep their time while their status stays", () => {
    const first = unknownStatus(farm(), "DomainNotReady", "a", NOW);
    const second = unknownStatus(farm({}, first), "DomainNotReady", "b", LATER);
    expect(second.conditions?.[0]).toMatchObject({ lastTransitionTime: "2026-11-23T10:00:00Z", message: "b" });
  });

  test("suspended: neither Reconciling nor Stalled, the parts as last seen, observedGeneration up to date", async () => {
    const before = await run({ hosts: { computers: ["WEB01"] } });
    const status = suspendedStatus(farm({ suspend: true }, before.status, 4), LATER);
    expect(states({ status })).toEqual(["Ready=False/Suspended", ...OK.slice(1)]);
    expect(status.observedGeneration).toBe(4);
  });

  test("suspended: what was found in an older generation is not passed off as new", async () => {
    const before = await run({ hosts: { computers: ["WEB01"] } });
    const status = suspendedStatus(farm({ suspend: true }, before.status, 4), LATER);
    expect(status.conditions?.map(({ type, observedGeneration }) => `${type}=${observedGeneration}`).slice(0, 3)).toEqual([
      "Ready=4",
      "AccountReady=1",
      "HostsReady=1",
    ]);
  });

  test("being deleted: the parts stay as last seen, so that an outage does not decide what becomes of the group", async () => {
    const before = await run({ hosts: { computers: ["WEB01"] } });
    const deleted = {
      ...farm({}, before.status, 2),
      metadata: { ...farm().metadata, generation: 2, deletionTimestamp: "2026-11-23T10:00:00Z" },
    };
    const status = unknownStatus(deleted, "DeletionBlocked", "away", LATER);
    expect(status.conditions?.find(({ type }) => type === "HostsReady")).toMatchObject({ status: "True", observedGeneration: 1 });
    expect(status.conditions?.[0]).toMatchObject({ type: "Ready", status: "False", reason: "DeletionBlocked", observedGeneration: 2 });
  });

  test("refused: each part has its own problems", () => {
    const status = refusedStatus(farm(), [{ reason: "InvalidSpec", part: "Hosts", message: "hosts.grant: no." }], NOW);
    expect(states({ status })).toEqual([
      "Ready=False/InvalidSpec",
      "AccountReady=Unknown/InvalidSpec",
      "HostsReady=False/InvalidSpec",
      "ServicePrincipalNamesReady=Unknown/InvalidSpec",
      "AccessGroupsReady=Unknown/InvalidSpec",
      "Stalled=True/InvalidSpec",
    ]);
  });

  test("the annotation that asks for a reconcile is echoed", () => {
    const asked = { ...farm(), metadata: { ...farm().metadata, annotations: { "serverfarm.dev/reconcile-requested-at": "t1" } } };
    expect(unknownStatus(asked, "DomainNotReady", "a", NOW).lastHandledReconcileRequest).toBe("t1");
  });
});

describe("the end of a farm", () => {
  const wanted = desired();
  const empty = {
    view: viewOf(wanted, {
      objects: [],
      computers: [],
      membersAmong: new Map(),
      missing: [],
      unexplainedPrincipals: [],
      primaryMembers: [],
      gone: [],
      unreadable: [],
    }),
    applied: [],
    failures: [],
    error: undefined,
  };

  test("gone only when the directory says so", () => {
    expect(decommissionOutcome(farm(), wanted, { ...empty, plan: { changes: [], later: [], blockers: [] } }, NOW).gone).toBe(true);
    expect(
      decommissionOutcome(
        farm(),
        wanted,
        { ...empty, plan: undefined, view: undefined, error: new DirectoryError("Unavailable", "away") },
        NOW,
      ),
    ).toMatchObject({ gone: false, retryable: true });
    const blocked = decommissionOutcome(
      farm(),
      wanted,
      { ...empty, plan: { changes: [], later: [], blockers: [{ reason: "ProtectedObject", part: "Account", message: "no" }] } },
      NOW,
    );
    expect(blocked).toMatchObject({ gone: false, retryable: false });
    expect(states(blocked)[0]).toBe("Ready=False/DeletionBlocked");
  });
});
