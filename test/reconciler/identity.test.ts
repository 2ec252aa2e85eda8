/** A host is an object, and not a name; and who may retrieve the password is what the directory computes, and not one attribute. */
import { describe, expect, test } from "vitest";
import { isAccount, type DirectoryObject } from "../../src/ad/object.ts";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import type { Outcome } from "../../src/farm/status/outcome.ts";
import { reconcileFarm } from "../../src/reconciler/farm.ts";
import type { FarmPorts } from "../../src/reconciler/work.ts";
import { BASE, computer, desired, directoryObject, farm, SimulatedDirectory } from "../farm/simulation.ts";

type Spec = NonNullable<Parameters<typeof farm>[0]>;
type Hosts = NonNullable<Spec["hosts"]>;

const NAMES = ["WEB01", "WEB02", "WEB03"];
const dnOf = (name: string, container = "CN=Computers"): string => `CN=${name},${container},${BASE}`;
const signal = new AbortController().signal;

async function run(directory: SimulatedDirectory, spec: Spec, status?: ServerFarmStatus): Promise<Outcome> {
  const ports: FarmPorts = {
    directory,
    assertFresh: () => Promise.resolve(),
    record: (object, recorded) => Promise.resolve({ ...object, status: recorded }),
    now: () => new Date("2026-11-26T00:00:00Z"),
  };
  const { end } = await reconcileFarm(farm(spec, status), desired(spec, status), ports, signal);
  if (end.kind !== "Looked") throw new Error(`it ended otherwise: ${end.kind}`);
  return end;
}

/** The same directory, where computers are otherwise: moved, renamed, re-made or gone. */
function changed(directory: SimulatedDirectory, change: (computer: DirectoryObject) => DirectoryObject | undefined): SimulatedDirectory {
  const computers = directory.computers.flatMap((one) => change(one) ?? []);
  const dns = new Map(directory.computers.map((one) => [one.distinguishedName, change(one)?.distinguishedName]));
  const members = (list: readonly string[]): readonly string[] => list.flatMap((dn) => (dns.has(dn) ? (dns.get(dn) ?? []) : [dn]));
  const next = new SimulatedDirectory(
    directory.objects.map((object) => ({ ...object, members: members(object.members) })),
    computers,
  );
  next.gone = directory.computers
    .filter((one) => !computers.some(({ objectGUID }) => objectGUID === one.objectGUID))
    .map(({ objectGUID }) => objectGUID);
  return next;
}

/** Who can retrieve the password, as the directory computes it: by name, by membership, by primary group; a deny entry wins. */
function canRetrieve({ objects, computers, primaryMembers }: SimulatedDirectory): readonly string[] {
  const { principals = [], denied = [] } = objects.find(isAccount)?.retrievers ?? {};
  const groups = objects.filter(({ objectSID }) => objectSID !== undefined && principals.includes(objectSID));
  const everybody = new Map([...computers, ...primaryMembers].map((one) => [one.objectGUID, one]));
  return [...everybody.values()]
    .filter(({ objectSID = "" }) => !denied.includes(objectSID))
    .filter(
      ({ objectSID = "", distinguishedName, primaryGroupID }) =>
        principals.includes(objectSID) ||
        groups.some((group) => group.members.includes(distinguishedName) || group.objectSID?.endsWith(`-${primaryGroupID}`) === true),
    )
    .map(({ samAccountName }) => samAccountName?.replace("$", "") ?? "")
    .toSorted();
}

const ready = ({ status }: Outcome, type = "HostsReady") => status.conditions?.find((condition) => condition.type === type);
const move = (name: string) => (one: DirectoryObject) =>
  one.samAccountName === `${name}$` ? { ...one, distinguishedName: dnOf(name, "OU=Elsewhere") } : one;
const rename = (name: string) => (one: DirectoryObject) =>
  one.samAccountName === `${name}$`
    ? { ...one, samAccountName: "NEW$", dnsHostName: "new.contoso.com", distinguishedName: dnOf("NEW") }
    : one;
const SHARED = directoryObject({ distinguishedName: `CN=Shared,OU=G,${BASE}`, samAccountName: "Shared", objectClass: "group" });
const GRANTS: readonly (readonly [string, Hosts])[] = [
  ["Group", {}],
  ["Principals", { grant: "Principals" }],
  ["an existing group", { group: { name: "Shared", existing: true } }],
];
const WAYS = [
  ["its distinguished name", dnOf("WEB02")],
  ["its DNS host name", "web02.contoso.com"],
  ["its short name", "WEB02"],
] as const;
const CASES = GRANTS.flatMap(([grant, hosts]) =>
  WAYS.flatMap(([way, reference]) => [
    { grant, way, reference, hosts, what: "moved", change: move("WEB02") },
    { grant, way, reference, hosts, what: "renamed", change: rename("WEB02") },
  ]),
);
const fresh = (): SimulatedDirectory => new SimulatedDirectory([SHARED], NAMES.map(computer));

describe("an entry means the object that it was first resolved to", () => {
  test.each(CASES)(
    "a host by $way that is $what keeps the right ($grant), and its new name is said once",
    async ({ hosts, reference, change }) => {
      const spec = { hosts: { ...hosts, computers: ["WEB01", reference] } };
      const before = fresh();
      const first = await run(before, spec);
      const directory = changed(before, change);
      const second = await run(directory, spec, first.status);
      expect(canRetrieve(directory)).toHaveLength(2);
      expect(ready(second, "Ready")?.status).toBe("True");
      const isLost = directory.computers.every(
        ({ samAccountName, dnsHostName, distinguishedName }) =>
          samAccountName !== `${reference}$` && dnsHostName !== reference && distinguishedName !== reference,
      );
      const said = second.events.filter(({ reason }) => reason === "HostMoved");
      expect(said).toHaveLength(isLost ? 1 : 0);
      if (isLost) expect(ready(second)?.message).toContain(`Write that in place of ${reference}`);
      const third = await run(directory, spec, second.status);
      expect(third.status).toEqual(second.status);
      expect(third.events).toEqual([]);
    },
  );

  test.each(CASES)(
    "a host quarantined by $way that is $what stays out ($grant), whatever else names it",
    async ({ hosts, reference, change }) => {
      const spec = { hosts: { ...hosts, computers: ["WEB01", "WEB02", "NEW", dnOf("WEB02", "OU=Elsewhere")], quarantined: [reference] } };
      const before = fresh();
      const first = await run(before, spec);
      const directory = changed(before, change);
      // Somebody else puts it back meanwhile.
      directory.objects = directory.objects.map((object) =>
        object.samAccountName === "Shared"
          ? {
              ...object,
              members: [...object.members, ...directory.computers.slice(1, 2).map(({ distinguishedName }) => distinguishedName)],
            }
          : object,
      );
      const second = await run(directory, spec, first.status);
      expect(canRetrieve(directory)).toEqual(["WEB01"]);
      expect(ready(second)?.message).not.toContain("keeps nobody out");
      const released = { hosts: { ...spec.hosts, quarantined: [] } };
      await run(directory, released, second.status);
      expect(canRetrieve(directory)).toHaveLength(2);
    },
  );

  test("a quarantined host that is renamed stays out, and so does whoever takes its name", async () => {
    const spec = { hosts: { computers: ["WEB01", "WEB02", "NEW"], quarantined: ["WEB02"] } };
    const before = fresh();
    const first = await run(before, spec);
    const renamed = changed(before, rename("WEB02"));
    const directory = new SimulatedDirectory(renamed.objects, [...renamed.computers, computer("WEB02")]);
    const second = await run(directory, spec, first.status);
    expect(canRetrieve(directory)).toEqual(["WEB01"]);
    expect(second.status.resolvedHosts?.filter(({ reference }) => reference === "WEB02")).toHaveLength(2);
  });

  test("a host that was made anew under its name takes the place of the old one", async () => {
    const spec = { hosts: { computers: ["WEB01", "WEB02"] } };
    const before = fresh();
    const first = await run(before, spec);
    const without = changed(before, (one) => (one.samAccountName === "WEB02$" ? undefined : one));
    const directory = new SimulatedDirectory(without.objects, [...without.computers, computer("WEB02")]);
    directory.gone = without.gone;
    const second = await run(directory, spec, first.status);
    expect(canRetrieve(directory)).toEqual(["WEB01", "WEB02"]);
    expect(second.status.resolvedHosts?.map(({ objectGUID }) => objectGUID)).toEqual(
      directory.computers.filter(({ samAccountName }) => samAccountName !== "WEB03$").map(({ objectGUID }) => objectGUID),
    );
  });

  test.each(GRANTS)(
    "a host that is deleted loses the right and is not found (%s); a quarantined one that is deleted is no trouble",
    async (_, hosts) => {
      const before = fresh();
      const first = await run(before, { hosts: { ...hosts, computers: ["WEB01", "WEB02"], quarantined: ["WEB03"] } });
      const directory = changed(before, (one) => (one.samAccountName === "WEB01$" ? one : undefined));
      const second = await run(directory, { hosts: { ...hosts, computers: ["WEB01", "WEB02"], quarantined: ["WEB03"] } }, first.status);
      expect(ready(second)).toMatchObject({ status: "False", reason: "HostNotFound" });
      expect(directory.objects.find(isAccount)?.retrievers?.principals).not.toContain(before.computers[1]?.objectSID);
      const third = await run(directory, { hosts: { ...hosts, computers: ["WEB01"], quarantined: ["WEB03"] } }, second.status);
      expect(ready(third)?.status).toBe("True");
    },
  );

  test("a quarantined host that cannot be seen now stays out by its entry", async () => {
    const spec = { hosts: { computers: ["WEB01"], quarantined: ["WEB02"] } };
    const before = fresh();
    const first = await run(before, spec);
    const blind = new SimulatedDirectory(
      before.objects,
      before.computers.filter(({ samAccountName }) => samAccountName !== "WEB02$"),
    );
    await run(blind, spec, first.status);
    expect(blind.objects.find(isAccount)?.retrievers?.denied).toEqual([before.computers[1]?.objectSID]);
  });

  test("a quarantined entry that never meant anybody is said to keep nobody out, and waits for a person", async () => {
    const result = await run(fresh(), { hosts: { computers: ["WEB01"], quarantined: ["TYPO"] } });
    expect(ready(result)).toMatchObject({ status: "False", reason: "QuarantineNotFound" });
    expect(ready(result)?.message).not.toContain("Quarantined: TYPO");
    expect(ready(result, "Stalled")?.status).toBe("True");
  });

  test("who is quarantined is on record before anybody gets the right", async () => {
    const directory = fresh();
    const spec = { hosts: { computers: ["WEB01"], quarantined: ["WEB02"] } };
    const order: string[] = [];
    directory.onWrite = ({ kind }) => {
      order.push(kind);
    };
    const ports: FarmPorts = {
      directory,
      assertFresh: () => Promise.resolve(),
      record: (object, status) => {
        order.push(`record ${status.resolvedHosts?.map(({ reference }) => reference).join()}`);
        return Promise.resolve({ ...object, status });
      },
      now: () => new Date(0),
    };
    await reconcileFarm(farm(spec), desired(spec), ports, signal);
    expect(order.slice(0, 2)).toEqual(["record WEB02,WEB01", "CreateHostGroup"]);
  });
});

describe("who may retrieve the password is what the directory computes", () => {
  const byPrimaryGroup = async (hosts: Hosts, name: string): Promise<{ directory: SimulatedDirectory; result: Outcome }> => {
    const before = fresh();
    const first = await run(before, { hosts: { computers: ["WEB01"] } });
    const rid = Number(
      before.objects
        .find(({ samAccountName }) => samAccountName === "itfarm1Hosts")
        ?.objectSID?.split("-")
        .at(-1),
    );
    const directory = changed(before, (one) => (one.samAccountName === `${name}$` ? { ...one, primaryGroupID: rid } : one));
    // Active Directory keeps no member value for a primary group.
    directory.objects = directory.objects.map((object) => ({ ...object, members: object.members.filter((dn) => dn !== dnOf(name)) }));
    directory.primaryMembers = directory.computers.filter(({ primaryGroupID }) => primaryGroupID === rid);
    const result = await run(directory, { hosts }, first.status);
    return { directory, result };
  };

  test("a stranger in the host group by its primary group is kept out and named, with what to do", async () => {
    const { directory, result } = await byPrimaryGroup({ computers: ["WEB01"] }, "WEB02");
    expect(canRetrieve(directory)).toEqual(["WEB01"]);
    expect(ready(result)?.message).toContain(`Set-ADObject '${dnOf("WEB02")}' -Replace @{primaryGroupID=515}`);
    expect(result.events.map(({ reason }) => reason)).toContain("PrimaryGroupMember");
  });

  test("a quarantined host in it by its primary group is kept out", async () => {
    const { directory } = await byPrimaryGroup({ computers: ["WEB01", "WEB02"], quarantined: ["WEB02"] }, "WEB02");
    expect(canRetrieve(directory)).toEqual(["WEB01"]);
  });

  test("a wanted host in it by its primary group has the right, is counted, and is not put in again", async () => {
    const { directory, result } = await byPrimaryGroup({ computers: ["WEB01", "WEB02"] }, "WEB02");
    expect(canRetrieve(directory)).toEqual(["WEB01", "WEB02"]);
    expect(result.status.hosts).toEqual({ desired: 2, granted: 2, summary: "2/2" });
    expect(directory.objects.find(({ samAccountName }) => samAccountName === "itfarm1Hosts")?.members).toEqual([dnOf("WEB01")]);
    expect(ready(result, "Ready")?.status).toBe("True");
  });

  test("so it is in a group of somebody else, of which nobody is asked; it stays on record, and goes once it can be taken out", async () => {
    const hosts = { group: { name: "Shared", existing: true } };
    const spec = { hosts: { ...hosts, computers: ["WEB01", "WEB02"] } };
    const sid = "S-1-5-21-1-2-3-4444";
    const before = new SimulatedDirectory([{ ...SHARED, objectSID: sid }], [computer("WEB01"), computer("WEB02")]);
    const first = await run(before, spec);
    const shared = (directory: SimulatedDirectory): readonly string[] =>
      directory.objects.find(({ samAccountName }) => samAccountName === "Shared")?.members ?? [];
    const withMembers = (directory: SimulatedDirectory, members: readonly string[]): void => {
      directory.objects = directory.objects.map((object) => (object.samAccountName === "Shared" ? { ...object, members } : object));
    };
    const directory = changed(before, (one) => (one.samAccountName === "WEB02$" ? { ...one, primaryGroupID: 4444 } : one));
    withMembers(directory, [dnOf("WEB01")]);
    const { writes } = directory;
    const second = await run(directory, spec, first.status);
    expect(directory.writes).toBe(writes);
    expect(second.status.hosts).toEqual({ desired: 2, granted: 2, summary: "2/2" });
    expect(second.status.hostGroup?.added).toEqual(directory.computers.map(({ objectGUID }) => objectGUID));
    // Not wanted any more: nobody can take it out, so the account's list keeps it out; and nothing is forgotten.
    const fewer = { hosts: { ...hosts, computers: ["WEB01"] } };
    const third = await run(directory, fewer, second.status);
    expect(canRetrieve(directory)).toEqual(["WEB01"]);
    expect(shared(directory)).toEqual([dnOf("WEB01")]);
    expect(ready(third)?.message).toContain(`Set-ADObject '${dnOf("WEB02")}' -Replace @{primaryGroupID=515}`);
    expect(third.events.map(({ reason }) => reason)).toContain("PrimaryGroupMember");
    expect(third.status.hostGroup?.added).toEqual(second.status.hostGroup?.added);
    // Another primary group leaves an ordinary member behind.
    const after = changed(directory, (one) => ({ ...one, primaryGroupID: 515 }));
    withMembers(after, [dnOf("WEB01"), dnOf("WEB02")]);
    await run(after, fewer, third.status);
    expect(shared(after)).toEqual([dnOf("WEB01")]);
    expect(after.objects.find(isAccount)?.retrievers?.denied).toEqual([]);
  });

  test("whom an administrator made a member of somebody else's group, by primary group too, stays in", async () => {
    const hosts = { group: { name: "Shared", existing: true } };
    const [web01, web02] = ["WEB01", "WEB02"].map(computer);
    if (!web01 || !web02) throw new Error("no computers");
    const shared = { ...SHARED, objectSID: "S-1-5-21-1-2-3-4444" };
    const directory = new SimulatedDirectory([shared], [web01, { ...web02, primaryGroupID: 4444 }]);
    const first = await run(directory, { hosts: { ...hosts, computers: ["WEB01", "WEB02"] } });
    await run(directory, { hosts: { ...hosts, computers: ["WEB01"] } }, first.status);
    expect(canRetrieve(directory)).toEqual(["WEB01", "WEB02"]);
  });

  test.each([
    ["Everyone", "S-1-1-0"],
    ["Authenticated Users", "S-1-5-11"],
    ["somebody of another domain", "S-1-5-21-9-9-9-1234"],
    ["a principal that is gone", "S-1-5-21-1-2-3-4321"],
  ])("while a host is not found %s does not stay in the account's list", async (_, sid) => {
    const spec = { hosts: { grant: "Principals" as const, computers: ["WEB01", "MISSING"] } };
    const directory = fresh();
    const { status } = await run(directory, spec);
    directory.objects = directory.objects.map((object) =>
      isAccount(object)
        ? { ...object, retrievers: { principals: [...(object.retrievers?.principals ?? []), sid], denied: [], foreign: [] } }
        : object,
    );
    await run(directory, spec, status);
    expect(directory.objects.find(isAccount)?.retrievers?.principals).toEqual([directory.computers[0]?.objectSID]);
  });

  test.each(GRANTS)("a quarantined host has a deny entry in every mode (%s)", async (_, hosts) => {
    const directory = fresh();
    await run(directory, { hosts: { ...hosts, computers: ["WEB01", "WEB02"], quarantined: ["WEB02"] } });
    expect(directory.objects.find(isAccount)?.retrievers?.denied).toEqual([directory.computers[1]?.objectSID]);
    expect(canRetrieve(directory)).toEqual(["WEB01"]);
  });
});

describe("what random lives of a directory found", () => {
  const SHARED_GROUP = { group: { name: "Shared", existing: true } };
  const withMember = (): SimulatedDirectory => new SimulatedDirectory([{ ...SHARED, members: [dnOf("WEB02")] }], NAMES.map(computer));

  test("a computer that is kept out by name does not get in by claiming the name of a host", async () => {
    const before = withMember();
    const first = await run(before, { hosts: { ...SHARED_GROUP, quarantined: ["WEB02"] } });
    const directory = changed(before, (one) => (one.samAccountName === "WEB02$" ? { ...one, dnsHostName: "web01.contoso.com" } : one));
    const ambiguous = { computers: ["web01.contoso.com"], quarantined: [] };
    const second = await run(directory, { hosts: ambiguous }, first.status);
    expect(ready(second)?.reason).toBe("HostAmbiguous");
    expect(canRetrieve(directory)).toEqual([]);
    const third = await run(directory, { hosts: { ...ambiguous, computers: ["WEB02", ...ambiguous.computers] } }, second.status);
    expect(ready(third)?.reason).toBe("HostAmbiguous");
    expect(canRetrieve(directory)).toEqual(["WEB02"]);
  });

  test.each(GRANTS)("a host that was renamed keeps the right though two others claim its former name (%s)", async (_, hosts) => {
    const spec = { hosts: { ...hosts, computers: ["web02.contoso.com"] } };
    const before = fresh();
    const first = await run(before, spec);
    const renamed = changed(before, rename("WEB02"));
    const directory = changed(renamed, (one) => (one.samAccountName === "NEW$" ? one : { ...one, dnsHostName: "web02.contoso.com" }));
    const second = await run(directory, spec, first.status);
    expect(ready(second)?.reason).toBe("HostAmbiguous");
    expect(canRetrieve(directory)).toEqual(["NEW"]);
  });

  test("while the group that it asks for is not there nobody gets in whom an entry keeps out, though another is quarantined now", async () => {
    const directory = withMember();
    const first = await run(directory, { hosts: { ...SHARED_GROUP, quarantined: ["WEB02"] } });
    const nowhere = { hosts: { group: { name: "Nowhere", existing: true }, quarantined: ["WEB01"] } };
    const second = await run(directory, nowhere, first.status);
    expect(ready(second)?.reason).toBe("GroupNotFound");
    expect(canRetrieve(directory)).toEqual([]);
  });
});

describe("a host that anybody could have made is not trusted", () => {
  const self = { ...computer("WEB02"), creatorSID: "S-1-5-21-1-2-3-1500" };

  test.each(GRANTS)("one that claims the name of a host does not make it ambiguous (%s): the host gets the right", async (_, hosts) => {
    const thief = { ...self, dnsHostName: "web01.contoso.com" };
    const directory = changed(fresh(), (one) => (one.samAccountName === "WEB02$" ? thief : one));
    const outcome = await run(directory, { hosts: { ...hosts, computers: ["web01.contoso.com"] } });
    expect(ready(outcome)?.reason).toBe("Reconciled");
    expect(canRetrieve(directory)).toEqual(["WEB01"]);
  });

  test.each(GRANTS)("a computer that an ordinary user made gets no right (%s), and who made it is said", async (_, hosts) => {
    const directory = new SimulatedDirectory([SHARED], [computer("WEB01"), self]);
    const result = await run(directory, { hosts: { ...hosts, computers: ["WEB01", "WEB02"] } });
    expect(canRetrieve(directory)).toEqual(["WEB01"]);
    expect(ready(result)).toMatchObject({
      status: "False",
      reason: "HostNotTrusted",
      message: expect.stringContaining("S-1-5-21-1-2-3-1500"),
    });
    expect(result.status.hosts).toEqual({ desired: 2, granted: 1, summary: "1/2" });
  });

  test("who has the name of a host that was renamed and is not trusted does not get its place, nor does the host lose it", async () => {
    const spec = { hosts: { computers: ["WEB01", "WEB02"] } };
    const before = fresh();
    const first = await run(before, spec);
    const renamed = changed(before, rename("WEB02"));
    const directory = new SimulatedDirectory(renamed.objects, [...renamed.computers, self]);
    const second = await run(directory, spec, first.status);
    expect(canRetrieve(directory)).toEqual(["NEW", "WEB01"]);
    expect(ready(second)?.reason).toBe("HostNotTrusted");
  });

  test("it takes no service principal name from a farm that has it, and keeps a new one from it", async () => {
    const spec = { servicePrincipalNames: ["http/shop.contoso.com"], hosts: { computers: ["WEB01"] } };
    const before = new SimulatedDirectory([SHARED], [computer("WEB01")]);
    const first = await run(before, spec);
    const squatter = { ...computer("SHOP"), creatorSID: "S-1-5-21-1-2-3-1500" };
    const directory = new SimulatedDirectory([...before.objects, squatter], before.computers);
    const second = await run(directory, spec, first.status);
    expect(directory.objects.find(isAccount)?.servicePrincipalNames).toEqual(["http/shop.contoso.com"]);
    expect(ready(second, "ServicePrincipalNamesReady")?.status).toBe("True");
    const third = await run(
      directory,
      { ...spec, servicePrincipalNames: [...spec.servicePrincipalNames, "cifs/shop.contoso.com"] },
      second.status,
    );
    expect(ready(third, "ServicePrincipalNamesReady")?.reason).toBe("ServicePrincipalNameReserved");
    expect(directory.objects.find(isAccount)?.servicePrincipalNames).toEqual(["http/shop.contoso.com"]);
  });

  test.each([
    ["a domain controller", { userAccountControl: 0x82000 }],
    ["a read-only domain controller", { userAccountControl: 0x5001000 }],
    ["a computer with their primary group", { primaryGroupID: 516 }],
  ])("%s is never a host", async (_, fields) => {
    const directory = new SimulatedDirectory([SHARED], [computer("WEB01"), { ...computer("DC1"), ...fields }]);
    const result = await run(directory, { hosts: { computers: ["WEB01", "DC1"] } });
    expect(canRetrieve(directory)).toEqual(["WEB01"]);
    expect(ready(result)?.message).toContain("is a domain controller, which is never a host");
  });
});
