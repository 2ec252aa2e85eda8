/** Farms that get nothing new: whatever is asked of them, whoever is taken out loses the right, and nothing else of the directory differs. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DirectoryError } from "../../src/ad/error.ts";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../src/ad/object.ts";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import { hasToTakeOut } from "../../src/farm/frozen.ts";
import { reconcileFarm } from "../../src/reconciler/farm.ts";
import type { FarmPorts } from "../../src/reconciler/work.ts";
import { reconcileFrozen } from "../../src/reconciler/frozen.ts";
import { BASE, CLUSTER, computer, directoryObject, FACTS, farm, SimulatedDirectory } from "../farm/simulation.ts";

type Spec = Parameters<typeof farm>[0];

const NAMES = ["WEB01", "WEB02", "WEB03", "WEB04"];
const COMPUTERS = NAMES.map(computer);
const REFUSED = { kind: "NotAllowed", message: "no." } as const;
const SIGNAL = new AbortController().signal;

function portsOf(directory: SimulatedDirectory): FarmPorts {
  return {
    directory,
    assertFresh: () => Promise.resolve(),
    record: (current, status) => Promise.resolve({ ...current, status }),
    now: () => new Date("2026-11-25T00:00:00Z"),
  };
}

async function brought(directory: SimulatedDirectory, spec: Spec): Promise<ServerFarmStatus> {
  const { end } = await reconcileFarm(farm(spec), desiredFarm(farm(spec), FACTS, CLUSTER).desired, portsOf(directory), SIGNAL);
  if (end.kind !== "Looked") throw new Error(end.kind);
  return end.status;
}

async function frozen(
  directory: SimulatedDirectory,
  now: ServerFarm,
): Promise<Extract<Awaited<ReturnType<typeof reconcileFrozen>>["end"], { kind: "Looked" }>> {
  const { end } = await reconcileFrozen(now, desiredFarm(now, FACTS, CLUSTER).desired, REFUSED, portsOf(directory), SIGNAL);
  if (end.kind !== "Looked") throw new Error(end.kind);
  return end;
}

const sidOf = (name: string): string => COMPUTERS[NAMES.indexOf(name)]?.objectSID ?? "";
const dnOf = (name: string): string => COMPUTERS[NAMES.indexOf(name)]?.distinguishedName ?? "";
const accountIn = ({ objects }: SimulatedDirectory): DirectoryObject | undefined =>
  objects.find(({ objectClass }) => objectClass === ACCOUNT_CLASS);
const membersOf = ({ objects }: SimulatedDirectory, name: string): readonly string[] =>
  NAMES.filter((host) => objects.find(({ samAccountName }) => samAccountName === name)?.members.includes(dnOf(host)));
const shared = (): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=Shared,OU=Farms,${BASE}`, objectClass: "group", samAccountName: "Shared" });

/** Of each object what is never changed by whom is taken out. */
function rest({ objects }: SimulatedDirectory): unknown {
  return objects.map(({ members: _members, memberOf: _memberOf, retrievers: _retrievers, ...kept }) => kept);
}

const some = fc.subarray(NAMES);
const hostsOf = (grant: "Group" | "Principals" | "Shared", computers: readonly string[], quarantined: readonly string[] = []): Spec => ({
  hosts: {
    grant: grant === "Principals" ? "Principals" : "Group",
    computers,
    quarantined,
    ...(grant === "Shared" ? { group: { name: "Shared", existing: true } } : {}),
  },
});

test("whatever its manifest says, exactly those lose the right who are taken out of it or quarantined", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        grant: fc.constantFrom("Group", "Principals", "Shared"),
        before: some,
        after: some,
        quarantined: some,
        stranger: fc.constantFrom(...NAMES),
      }),
      async ({ grant, before, after, quarantined, stranger }) => {
        const directory = new SimulatedDirectory([shared()], COMPUTERS);
        const status = await brought(directory, hostsOf(grant, before));
        // Somebody puts one into the group and changes the account.
        const group = grant === "Shared" ? "Shared" : "itfarm1Hosts";
        directory.objects = directory.objects.map((object) =>
          object.samAccountName === group
            ? { ...object, members: [...new Set([...object.members, dnOf(stranger)])] }
            : object.objectClass === ACCOUNT_CLASS
              ? { ...object, description: "by hand" }
              : object,
        );
        const was = { rest: rest(directory), members: membersOf(directory, group), account: accountIn(directory) };
        const now = farm(
          { ...hostsOf(grant, after, quarantined), servicePrincipalNames: ["http/new"], account: { description: "new" } },
          status,
          2,
        );
        const out = (name: string): boolean => quarantined.includes(name) || (before.includes(name) && !after.includes(name));
        const { status: next } = await frozen(directory, now);
        // A stranger in somebody else's group is not the farm's to take out; a deny entry keeps it out, where it is quarantined.
        const mine = (name: string): boolean => grant !== "Shared" || before.includes(name);
        expect(membersOf(directory, group)).toEqual(was.members.filter((name) => !out(name) || !mine(name)));
        const { principals = [], denied = [] } = accountIn(directory)?.retrievers ?? {};
        const had = was.account?.retrievers?.principals ?? [];
        expect(principals).toEqual(had.filter((sid) => !NAMES.some((name) => out(name) && sid === sidOf(name))));
        expect(new Set(denied)).toEqual(new Set(quarantined.map(sidOf)));
        expect(rest(directory)).toEqual(was.rest);
        // Once done it is done, and forgotten.
        const writes = directory.writes;
        const again = { ...now, status: next };
        await frozen(directory, again);
        expect(directory.writes).toBe(writes);
        expect(hasToTakeOut(again)).toBe(quarantined.length > 0);
        // What it may have again it gets, whoever was taken out meanwhile.
        await reconcileFarm(again, desiredFarm(again, FACTS, CLUSTER).desired, portsOf(directory), SIGNAL);
        expect(accountIn(directory)?.servicePrincipalNames).toEqual(["http/new"]);
        if (grant !== "Principals")
          expect(membersOf(directory, group).filter((name) => name !== stranger)).toEqual(
            after.filter((name) => !quarantined.includes(name) && name !== stranger),
          );
      },
    ),
    { numRuns: 150 },
  );
});

describe("what is frozen", () => {
  test("and has nothing says nothing of whom it quarantines: it would learn who exists", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    const { status } = await frozen(directory, farm(hostsOf("Group", [], ["WEB01", "NOBODY"])));
    expect(JSON.stringify(status)).not.toMatch(/QuarantineNotFound|resolvedHosts/);
    expect(status.conditions?.[0]?.message).toBe("no. It has nothing in the directory, and the operator creates nothing for it.");
  });

  test("keeps a quarantined host out though its status was lost", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    await brought(directory, hostsOf("Group", ["WEB01", "WEB02"]));
    await frozen(directory, farm(hostsOf("Group", ["WEB01", "WEB02"], ["WEB02"])));
    expect(membersOf(directory, "itfarm1Hosts")).toEqual(["WEB01"]);
  });

  test("has nothing to take out where nobody left the manifest and nobody is quarantined", async () => {
    const directory = new SimulatedDirectory([shared()], COMPUTERS);
    const status = await brought(directory, {
      ...hostsOf("Group", ["WEB01", "WEB02"]),
      accessGroups: [{ name: "Shared", existing: true }],
    });
    const left = (spec: Spec): boolean => hasToTakeOut(farm({ accessGroups: [{ name: "shared", existing: true }], ...spec }, status));
    expect([
      left(hostsOf("Group", ["WEB01", "WEB02"])),
      left(hostsOf("Group", ["WEB01", "WEB02", "WEB03"])),
      left(hostsOf("Group", ["WEB01"])),
      left(hostsOf("Group", ["WEB01", "WEB02"], ["WEB09"])),
      left({ ...hostsOf("Group", ["WEB01", "WEB02"]), accessGroups: [] }),
      left({ ...hostsOf("Group", ["WEB01"]), managementPolicy: "Observe" }),
    ]).toEqual([false, false, true, true, true, false]);
  });

  test("keeps a host that the manifest calls by another name", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    const status = await brought(directory, hostsOf("Group", ["WEB01", "WEB02"]));
    const now = farm(hostsOf("Group", ["web01.contoso.com", dnOf("WEB02").toLowerCase()]), status, 2);
    const { status: next } = await frozen(directory, now);
    expect(membersOf(directory, "itfarm1Hosts")).toEqual(["WEB01", "WEB02"]);
    // Whom the former entries meant is remembered: should the new one go, too, it is known who is to go.
    const { status: last } = await frozen(directory, farm(hostsOf("Group", ["web01.contoso.com"]), next, 3));
    expect(membersOf(directory, "itfarm1Hosts")).toEqual(["WEB01"]);
    expect(last.resolvedHosts?.map(({ reference }) => reference)).toEqual(["WEB01"]);
  });

  test("keeps a host that another entry of the manifest means, too", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    const status = await brought(directory, hostsOf("Group", ["WEB01", "web01.contoso.com", "WEB02"]));
    await frozen(directory, farm(hostsOf("Group", ["web01.contoso.com"]), status, 2));
    expect(membersOf(directory, "itfarm1Hosts")).toEqual(["WEB01"]);
  });

  test("takes one that leaves the manifest for the quarantine out once", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    const status = await brought(directory, hostsOf("Group", ["WEB01", "WEB02"]));
    const changes: string[] = [];
    directory.onWrite = ({ kind }) => changes.push(kind);
    await frozen(directory, farm(hostsOf("Group", ["WEB01"], ["web02.contoso.com"]), status, 2));
    expect(changes).toEqual(["ChangeHosts", "SetRetrievers"]);
  });

  test("keeps out by name whoever leaves the manifest and is in the group by its primary group, and lets nobody back in", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    const status = await brought(directory, hostsOf("Group", ["WEB01", "WEB02"], ["WEB03"]));
    const rid = Number(
      directory.objects
        .find(({ samAccountName }) => samAccountName === "itfarm1Hosts")
        ?.objectSID?.split("-")
        .at(-1),
    );
    directory.computers = COMPUTERS.map((one) => (one.samAccountName === "WEB02$" ? { ...one, primaryGroupID: rid } : one));
    directory.primaryMembers = directory.computers.filter(({ primaryGroupID }) => primaryGroupID === rid);
    directory.objects = directory.objects.map((object) =>
      object.samAccountName === "itfarm1Hosts"
        ? { ...object, members: object.members.filter((member) => member !== dnOf("WEB02")) }
        : object,
    );
    const denied = (): readonly string[] | undefined => accountIn(directory)?.retrievers?.denied;
    const { status: next } = await frozen(directory, farm(hostsOf("Group", ["WEB01"], ["WEB03"]), status, 2));
    expect(denied()).toEqual([sidOf("WEB03"), sidOf("WEB02")]);
    await frozen(directory, farm(hostsOf("Group", ["WEB01"], ["WEB04"]), next, 3));
    expect(denied()).toEqual([sidOf("WEB04"), sidOf("WEB03"), sidOf("WEB02")]);
  });

  test("asks for nothing that its manifest says", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    const status = await brought(directory, hostsOf("Group", ["WEB01"]));
    const spec = {
      ...hostsOf("Group", ["WEB02"], ["WEB03"]),
      servicePrincipalNames: ["http/x"],
      accessGroups: [{ name: "Admins", existing: true }],
      account: { dnsHostName: "dc1.contoso.com" },
    };
    const now = farm(spec, status, 2);
    const { desired } = await reconcileFrozen(now, desiredFarm(now, FACTS, CLUSTER).desired, REFUSED, portsOf(directory), SIGNAL);
    expect([desired.hosts, desired.servicePrincipalNames, desired.account.dnsHostName]).toEqual([[], [], undefined]);
  });

  test("says what was last seen, that it is not allowed, and whose right it took", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    const status = await brought(directory, hostsOf("Group", ["WEB01", "WEB02"]));
    const { status: next, events, retryable } = await frozen(directory, farm(hostsOf("Group", ["WEB01"], ["WEB02"]), status, 2));
    expect(
      next.conditions?.map(({ type, status: value, reason, observedGeneration }) => `${type} ${value} ${reason} ${observedGeneration}`),
    ).toEqual([
      "Ready False NotAllowed 2",
      "Allowed False NotAllowed 2",
      "AccountReady True Reconciled 1",
      "HostsReady True Reconciled 1",
      "ServicePrincipalNamesReady True Reconciled 1",
      "AccessGroupsReady True Reconciled 1",
      "Stalled True NotAllowed 2",
    ]);
    expect(next.conditions?.[0]?.message).toBe(
      "no. Its objects in the directory stay as they are: the operator adds and corrects nothing. Hosts that you remove or quarantine still lose the right.",
    );
    expect(next.conditions?.[3]?.message).toContain("Quarantined: WEB02. Each of them that had the right after 2026-11-22");
    expect([next.hosts, next.observedGeneration, retryable]).toEqual([{ desired: 1, granted: 1, summary: "1/1" }, 2, false]);
    expect(next.account).toEqual(status.account);
    expect(next.ownedObjects).toEqual(status.ownedObjects);
    expect(events.map(({ reason }) => reason)).toEqual(["HostsRemoved", "RetrieversSet", "NotAllowed"]);
  });

  test("says what it could not take out, remembers whom, and tries again", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    const status = await brought(directory, hostsOf("Group", ["WEB01", "WEB02"]));
    directory.refuse = () => new DirectoryError("AccessDenied", "insufficientAccessRights");
    const now = farm(hostsOf("Group", ["WEB01"]), status, 2);
    const { status: next } = await frozen(directory, now);
    expect(next.conditions?.find(({ type }) => type === "HostsReady")).toMatchObject({ status: "False", reason: "AccessDenied" });
    expect(next.conditions?.[0]).toMatchObject({ type: "Ready", reason: "NotAllowed" });
    expect(next.resolvedHosts).toEqual(status.resolvedHosts);
    directory.refuse = () => new DirectoryError("Unavailable", "away");
    expect((await frozen(directory, { ...now, status: next })).retryable).toBe(true);
    directory.refuse = () => undefined;
    const { status: last } = await frozen(directory, { ...now, status: next });
    expect(membersOf(directory, "itfarm1Hosts")).toEqual(["WEB01"]);
    expect(last.resolvedHosts?.map(({ reference }) => reference)).toEqual(["WEB01"]);
  });

  test("keeps its own group's right where nothing of the account's list can be read, and writes no list where there is none", async () => {
    for (const [retrievers, principals] of [
      [{ principals: [], denied: [], foreign: ["a descriptor without an access list"] }, "group"],
      [{ principals: [], denied: [], foreign: [] }, "none"],
      [undefined, "undefined"],
    ] as const) {
      const directory = new SimulatedDirectory([], COMPUTERS);
      const status = await brought(directory, hostsOf("Group", ["WEB01", "WEB02"]));
      directory.objects = directory.objects.map((object) => (object.objectClass === ACCOUNT_CLASS ? { ...object, retrievers } : object));
      await frozen(directory, farm(hostsOf("Group", ["WEB01"], ["WEB02"]), status, 2));
      const group = directory.objects.find(({ samAccountName }) => samAccountName === "itfarm1Hosts");
      const expected = { group: [group?.objectSID], none: [], undefined };
      expect(accountIn(directory)?.retrievers?.principals).toEqual(expected[principals]);
      expect(membersOf(directory, "itfarm1Hosts")).toEqual(["WEB01"]);
    }
  });

  test("says that an entry of its quarantine belongs to nobody", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    const status = await brought(directory, hostsOf("Group", ["WEB01"]));
    const { status: next } = await frozen(directory, farm(hostsOf("Group", ["WEB01"], ["TYPO"]), status, 2));
    expect(next.conditions?.find(({ type }) => type === "HostsReady")).toMatchObject({ status: "False", reason: "QuarantineNotFound" });
  });

  test("writes nothing where it is only observed, and nothing where the copy was old", async () => {
    const directory = new SimulatedDirectory([], COMPUTERS);
    const status = await brought(directory, hostsOf("Group", ["WEB01", "WEB02"]));
    const writes = directory.writes;
    await frozen(directory, farm({ ...hostsOf("Group", ["WEB01"]), managementPolicy: "Observe" }, status, 2));
    const now = farm(hostsOf("Group", ["WEB01"]), status, 2);
    const stale = { ...portsOf(directory), assertFresh: () => Promise.reject(new Error("old")) };
    await expect(reconcileFrozen(now, desiredFarm(now, FACTS, CLUSTER).desired, REFUSED, stale, SIGNAL)).rejects.toThrow("old");
    expect(directory.writes).toBe(writes);
  });

  test("leaves the access groups that its manifest does not name any more, and no other", async () => {
    const other = directoryObject({ distinguishedName: `CN=Other,OU=Farms,${BASE}`, objectClass: "group", samAccountName: "Other" });
    const directory = new SimulatedDirectory([shared(), other], COMPUTERS);
    const groups = (...names: readonly string[]): Spec => ({ accessGroups: names.map((name) => ({ name, existing: true })) });
    const status = await brought(directory, groups("Shared", "Other"));
    const { status: next } = await frozen(directory, farm(groups("Other", "New"), status, 2));
    expect(accountIn(directory)?.memberOf).toEqual([`CN=Other,OU=Farms,${BASE}`]);
    expect(next.accessGroups?.map(({ name }) => name)).toEqual(["Other"]);
  });
});
