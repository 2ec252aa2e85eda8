/** What is said of a farm while it is being deleted and something holds it up. */
import { describe, expect, test } from "vitest";
import { DirectoryError } from "../../../src/ad/error.ts";
import { ACCOUNT_CLASS, ADMIN_COUNT } from "../../../src/ad/object.ts";
import type { ServerFarm, ServerFarmStatus } from "../../../src/api/generated/server-farm.ts";
import type { Change } from "../../../src/farm/changes/index.ts";
import { wereMembersSettled } from "../../../src/farm/status/ending.ts";
import { decommissionFarm, type Decommissioned } from "../../../src/reconciler/decommission.ts";
import { reconcileFarm } from "../../../src/reconciler/farm.ts";
import { BASE, computer, desired, directoryObject, farm, SimulatedDirectory } from "../simulation.ts";

const NOW = new Date("2026-11-26T01:00:00Z");
const WEB = ["WEB01", "WEB02"].map(computer);
const HOSTS = { hosts: { computers: ["WEB01", "WEB02"] } };
const signal = new AbortController().signal;
type Spec = Parameters<typeof farm>[0];

const ports = (directory: SimulatedDirectory) => ({
  directory,
  assertFresh: () => Promise.resolve(),
  transfer: () => Promise.resolve(),
  now: () => NOW,
});

/** A farm of this spec that was brought about. */
async function deployed(spec: Spec, directory: SimulatedDirectory): Promise<ServerFarmStatus> {
  const record = (current: ServerFarm, status: ServerFarmStatus): Promise<ServerFarm> => Promise.resolve({ ...current, status });
  const { end } = await reconcileFarm(farm(spec), desired(spec), { ...ports(directory), record }, signal);
  if (end.kind !== "Looked") throw new Error(end.kind);
  return end.status;
}

function deleted(spec: Spec, status: ServerFarmStatus): ServerFarm {
  const now = farm(spec, status, 2);
  return { ...now, metadata: { ...now.metadata, deletionTimestamp: "2026-11-26T01:00:00Z" } };
}

function decommission(spec: Spec, status: ServerFarmStatus, directory: SimulatedDirectory): Promise<Decommissioned> {
  return decommissionFarm(deleted(spec, status), desired(spec, status), ports(directory), signal);
}

function statusOf({ end }: Decommissioned): ServerFarmStatus {
  if (end.kind !== "Remains") throw new Error(end.kind);
  return end.status;
}

const part = (status: ServerFarmStatus, name: string) => status.conditions?.find(({ type }) => type === `${name}Ready`);
const refusing =
  (kind: Change["kind"], error: DirectoryError) =>
  (change: Change): DirectoryError | undefined =>
    change.kind === kind ? error : undefined;
const CHILD = new DirectoryError("ConstraintViolation", "1 object is below it");

describe("a farm whose account cannot be deleted", () => {
  test("says that nobody may retrieve the password once that is so, and keeps what was last seen of the rest", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const before = await deployed(HOSTS, directory);
    expect(before.hosts?.summary).toBe("2/2");
    directory.refuse = refusing("DeleteAccount", CHILD);
    const status = statusOf(await decommission(HOSTS, before, directory));
    expect(part(status, "Hosts")).toMatchObject({
      status: "False",
      reason: "Deleting",
      message: "nobody may retrieve the password any more.",
    });
    expect(part(status, "Account")).toEqual(part(before, "Account"));
    expect(status.hosts).toEqual({ desired: 0, granted: 0, summary: "0/0" });
    expect(status.account).toEqual(before.account);
    expect(status.conditions?.[0]).toMatchObject({ reason: "DeletionBlocked", message: expect.stringContaining("1 object is below it") });
    expect(status.conditions?.at(-1)).toMatchObject({ type: "Stalled", status: "True" });
    // A second look says the very same.
    expect(statusOf(await decommission(HOSTS, status, directory))).toEqual(status);
  });

  test("still knows that its members were settled: a strange computer in its group is not deleted with it", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const spec = { hosts: { computers: ["WEB01"] } };
    const before = await deployed(spec, directory);
    directory.refuse = refusing("DeleteAccount", CHILD);
    const status = statusOf(await decommission(spec, before, directory));
    expect(wereMembersSettled(deleted(spec, status))).toBe(true);
    directory.objects = directory.objects.map((object) =>
      object.objectClass === "group" ? { ...object, members: WEB.map(({ distinguishedName }) => distinguishedName) } : object,
    );
    directory.refuse = () => undefined;
    const { end, report } = await decommission(spec, status, directory);
    expect(end.kind).toBe("Gone");
    expect(report.applied.map(({ kind }) => kind)).toEqual(["DeleteAccount", "Release"]);
  });

  test("nor does it believe that they were, where they were not", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const spec = { hosts: { computers: ["WEB01", "GONE"] } };
    const before = await deployed(spec, directory);
    expect(part(before, "Hosts")).toMatchObject({ status: "False", reason: "HostNotFound" });
    directory.refuse = refusing("DeleteAccount", CHILD);
    const status = statusOf(await decommission(spec, before, directory));
    expect(part(status, "Hosts")).toMatchObject({
      status: "False",
      reason: "DeletionBlocked",
      message: "nobody may retrieve the password any more.",
    });
    expect(status.hostIssues).toBeUndefined();
    expect(wereMembersSettled(deleted(spec, status))).toBe(false);
    expect(wereMembersSettled(deleted(spec, statusOf(await decommission(spec, status, directory))))).toBe(false);
  });

  test("says so too where the answer to what came next was lost", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const before = await deployed(HOSTS, directory);
    directory.refuse = refusing("DeleteAccount", new DirectoryError("OutcomeUnknown", "lost"));
    const status = statusOf(await decommission(HOSTS, before, directory));
    expect(part(status, "Hosts")).toMatchObject({ status: "False", message: "nobody may retrieve the password any more." });
  });

  test("leaves everything as it was seen while the directory does not answer", async () => {
    const before = await deployed(HOSTS, new SimulatedDirectory([], WEB));
    const down = new SimulatedDirectory([], WEB);
    down.observe = () => Promise.reject(new DirectoryError("Unavailable", "down"));
    const status = statusOf(await decommission(HOSTS, before, down));
    expect(part(status, "Hosts")).toEqual(part(before, "Hosts"));
    expect(status.hosts).toEqual(before.hosts);
  });

  test("does not claim that nobody may retrieve it where the list holds what is not understood", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const before = await deployed(HOSTS, directory);
    directory.objects = directory.objects.map((object) =>
      object.objectClass === ACCOUNT_CLASS
        ? { ...object, retrievers: { principals: [], denied: [], foreign: ["a descriptor that cannot be read"] } }
        : object,
    );
    directory.refuse = refusing("SetRetrievers", new DirectoryError("AccessDenied", "no"));
    const status = statusOf(await decommission(HOSTS, before, directory));
    expect(part(status, "Hosts")).toEqual(part(before, "Hosts"));
  });
});

test("an account that is gone takes its name, its hosts and its SPNs with it, while the group is still there", async () => {
  const directory = new SimulatedDirectory([], WEB);
  const spec = { ...HOSTS, servicePrincipalNames: ["http/x"] };
  const before = await deployed(spec, directory);
  directory.refuse = refusing("DeleteHostGroup", new DirectoryError("AccessDenied", "no"));
  const status = statusOf(await decommission(spec, before, directory));
  expect(part(status, "Account")).toMatchObject({ status: "False", reason: "Deleting", message: "the account is deleted." });
  expect(part(status, "Hosts")).toMatchObject({ status: "False", message: expect.stringContaining("nobody may retrieve") });
  expect(part(status, "ServicePrincipalNames")).toMatchObject({ status: "False" });
  expect(status.account).toBeUndefined();
  expect(status.ownedObjects).toEqual(before.ownedObjects);
  expect(statusOf(await decommission(spec, status, directory))).toEqual(status);
});

test("what another domain controller does not show yet is not taken for gone", async () => {
  const directory = new SimulatedDirectory([], WEB);
  const before = await deployed(HOSTS, directory);
  const other = new SimulatedDirectory([], WEB);
  other.missing = (before.ownedObjects ?? []).map(({ objectGUID }) => objectGUID);
  const status = statusOf(await decommission(HOSTS, before, other));
  expect(part(status, "Account")).toEqual(part(before, "Account"));
  expect(status.hosts).toEqual(before.hosts);
});

test("an access group that the account has left is named", async () => {
  const readers = directoryObject({ distinguishedName: `CN=Readers,${BASE}`, objectClass: "group", samAccountName: "Readers" });
  const directory = new SimulatedDirectory([readers], WEB);
  const spec = { ...HOSTS, accessGroups: [{ name: "Readers", existing: true }] };
  const before = await deployed(spec, directory);
  expect(part(before, "AccessGroups")?.status).toBe("True");
  directory.refuse = refusing("DeleteAccount", new DirectoryError("AccessDenied", "no"));
  const status = statusOf(await decommission(spec, before, directory));
  expect(part(status, "AccessGroups")).toMatchObject({ status: "False", message: "the account has left Readers." });
});

test("nobody may retrieve the password any more, also where the account cannot leave an access group", async () => {
  const readers = directoryObject({ distinguishedName: `CN=Readers,${BASE}`, objectClass: "group", samAccountName: "Readers" });
  const directory = new SimulatedDirectory([readers], WEB);
  const spec = { ...HOSTS, accessGroups: [{ name: "Readers", existing: true }] };
  const before = await deployed(spec, directory);
  directory.refuse = refusing("LeaveAccessGroup", new DirectoryError("AccessDenied", "no"));
  const status = statusOf(await decommission(spec, before, directory));
  expect(part(status, "Hosts")).toMatchObject({ status: "False", message: expect.stringContaining("nobody may retrieve the password") });
  expect(part(status, "AccessGroups")).toEqual(part(before, "AccessGroups"));
});

describe("adminCount that was left behind", () => {
  const protect = (directory: SimulatedDirectory, objectClass: string): void => {
    directory.objects = directory.objects.map((object) =>
      object.objectClass === objectClass ? { ...object, protection: ADMIN_COUNT } : object,
    );
  };

  test.each([
    [ACCOUNT_CLASS, "Account", "CN=itfarm1,"],
    ["group", "Hosts", "CN=itfarm1Hosts,"],
  ] as const)("on the farm's own %s asks to clear it, and the farm still owns it", async (objectClass, name, dn) => {
    const directory = new SimulatedDirectory([], WEB);
    const before = await deployed(HOSTS, directory);
    protect(directory, objectClass);
    const wanted = desired(HOSTS, before);
    const record = (current: ServerFarm): Promise<ServerFarm> => Promise.resolve(current);
    const { end } = await reconcileFarm(farm(HOSTS, before), wanted, { ...ports(directory), record }, signal);
    if (end.kind !== "Looked") throw new Error(end.kind);
    const condition = part(end.status, name);
    expect(condition).toMatchObject({ status: "False", reason: "ProtectedObject" });
    expect(condition?.message).toContain(`Set-ADObject -Identity '${dn}`);
    expect(condition?.message).toContain("-Clear adminCount");
    expect(condition?.message).not.toContain("another name");
    expect(end.status.ownedObjects).toEqual(before.ownedObjects);
  });

  test("on what is not the farm's asks for another name, and for nothing to be cleared", async () => {
    const admins = directoryObject({
      distinguishedName: `CN=Admins,${BASE}`,
      objectClass: "group",
      samAccountName: "Admins",
      protection: ADMIN_COUNT,
    });
    for (const hosts of [{ group: { name: "Admins", existing: true } }, { group: { name: "Admins", existing: false } }]) {
      const status = await deployed({ hosts }, new SimulatedDirectory([admins], WEB));
      expect(part(status, "Hosts")?.message).toContain("Choose another name");
      expect(part(status, "Hosts")?.message).not.toContain("adminCount and");
    }
  });

  test("holds the end of the farm: nothing is done to the rest while the account is there, and it says how to go on", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const before = await deployed(HOSTS, directory);
    protect(directory, ACCOUNT_CLASS);
    const writes = directory.writes;
    const status = statusOf(await decommission(HOSTS, before, directory));
    expect([directory.writes, directory.objects.length]).toEqual([writes, 2]);
    expect(status.conditions?.[0]?.message).toMatch(
      /To delete it, if it is this farm's, remove it .* -Clear adminCount .* clear its adminDescription yourself/,
    );
    // They may still retrieve it: that is what it says.
    expect(part(status, "Hosts")).toEqual(part(before, "Hosts"));
    expect(status.hosts?.summary).toBe("2/2");
  });

  test("on the group alone keeps only the group", async () => {
    const directory = new SimulatedDirectory([], WEB);
    const before = await deployed(HOSTS, directory);
    protect(directory, "group");
    const status = statusOf(await decommission(HOSTS, before, directory));
    expect(directory.objects.map(({ objectClass }) => objectClass)).toEqual(["group"]);
    expect(part(status, "Account")).toMatchObject({ status: "False", message: "the account is deleted." });
  });
});
