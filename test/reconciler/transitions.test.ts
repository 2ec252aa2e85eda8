/** From any farm to any other, in a directory with groups of others: what holds in every moment between, and what is left at the end. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SharingFarm } from "../../src/farm/desired-farm.ts";
import type { ObservedFarm } from "../../src/farm/observed.ts";
import { dnKey } from "../../src/names/distinguished-name.ts";
import { DirectoryError } from "../../src/ad/error.ts";
import { isAccount, type DirectoryObject } from "../../src/ad/object.ts";
import { describeChange } from "../../src/farm/changes/index.ts";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { claimedGroups } from "../../src/farm/sharing.ts";
import type { Outcome } from "../../src/farm/status/outcome.ts";
import type { Report } from "../../src/farm/report.ts";
import { decommissionFarm } from "../../src/reconciler/decommission.ts";
import { isSame } from "../../src/farm/journal.ts";
import { reconcileFarm } from "../../src/reconciler/farm.ts";
import type { FarmPorts } from "../../src/reconciler/work.ts";
import { BASE, computer, CONSENT, desired, directoryObject, farm, planOf, SimulatedDirectory } from "../farm/simulation.ts";

type Spec = NonNullable<Parameters<typeof farm>[0]>;

const HOSTS = ["WEB01", "WEB02", "WEB03", "WEB04", "WEB05"].map(computer);
const signal = new AbortController().signal;
const NOW = new Date("2026-11-25T00:00:00Z");
const OWNER = desired().owner;

const dnOf = (name: string): string => `CN=${name},CN=Computers,${BASE}`;
const groupOf = (name: string, members: readonly string[] = [], more: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=${name},OU=Groups,${BASE}`, samAccountName: name, objectClass: "group", members, ...more });

/** The records of the farm that were written to the cluster, in their order. */
interface Written {
  readonly statuses: ServerFarmStatus[];
}

/** A cluster that takes what is written to it. */
function portsOf(directory: SimulatedDirectory, written: Written = { statuses: [] }): FarmPorts {
  return {
    directory,
    assertFresh: () => Promise.resolve(),
    record: (farm, status) => {
      written.statuses.push(status);
      return Promise.resolve({ ...farm, status });
    },
    now: () => NOW,
  };
}

async function bringAbout(
  directory: SimulatedDirectory,
  spec: Spec,
  status?: ServerFarmStatus,
  ports = portsOf(directory),
  sharing: readonly SharingFarm[] = [],
): Promise<{ report: Report; status: ServerFarmStatus; result: Outcome }> {
  const { report, end } = await reconcileFarm(farm(spec, status), desired(spec, status, sharing), ports, signal);
  if (end.kind !== "Looked") throw new Error(`it ended otherwise: ${end.kind}`);
  return { report, status: end.status, result: end };
}

/** Its hosts were settled when it was deleted. */
async function decommission(
  directory: SimulatedDirectory,
  spec: Spec,
  status: ServerFarmStatus,
  ports = portsOf(directory),
): Promise<Report> {
  const settled: ServerFarmStatus = {
    ...status,
    conditions: [
      {
        type: "HostsReady",
        status: "True",
        observedGeneration: 1,
        lastTransitionTime: "2026-11-25T00:00:00Z",
        reason: "Reconciled",
        message: "",
      },
    ],
  };
  return (await decommissionFarm(farm(spec, settled), desired(spec, settled), ports, signal)).report;
}

/** Names of the hosts that can retrieve the password. */
function retrievers({ objects }: SimulatedDirectory): readonly string[] {
  const account = objects.find(isAccount);
  const { principals = [], denied = [] } = account?.retrievers ?? {};
  const allowed = new Set(
    objects.filter(({ objectSID = "" }) => principals.includes(objectSID)).flatMap(({ members }) => members.map(dnKey)),
  );
  return HOSTS.filter(
    ({ distinguishedName, objectSID = "" }) =>
      !denied.includes(objectSID) && (principals.includes(objectSID) || allowed.has(dnKey(distinguishedName))),
  ).map(({ samAccountName }) => samAccountName?.replace("$", "") ?? "");
}

function members({ objects }: SimulatedDirectory, name: string): readonly string[] | undefined {
  return objects.find(({ samAccountName }) => samAccountName === name)?.members;
}

const GROUP = { hosts: { grant: "Group" as const, computers: ["WEB01", "WEB02"], quarantined: [] } };
const EXISTING = { hosts: { ...GROUP.hosts, group: { name: "Shared", existing: true } } };
const PRINCIPALS = { hosts: { ...GROUP.hosts, grant: "Principals" as const } };

describe("from one way to manage hosts to another", () => {
  test.each([
    ["group to principals", GROUP, PRINCIPALS, ["SetRetrievers", "DeleteHostGroup"]],
    ["principals to group", PRINCIPALS, GROUP, ["CreateHostGroup", "SetRetrievers"]],
    ["group to existing group", GROUP, EXISTING, ["ChangeHosts", "SetRetrievers", "SetRetrievers", "DeleteHostGroup"]],
    ["existing group to group", EXISTING, GROUP, ["CreateHostGroup", "SetRetrievers", "ChangeHosts"]],
    ["existing group to principals", EXISTING, PRINCIPALS, ["SetRetrievers", "ChangeHosts"]],
    ["principals to existing group", PRINCIPALS, EXISTING, ["ChangeHosts", "SetRetrievers", "SetRetrievers"]],
  ])("%s: no host is without the right for a moment", async (_, before, after, kinds) => {
    const directory = new SimulatedDirectory([groupOf("Shared", [dnOf("WEB05")])], HOSTS);
    const first = await bringAbout(directory, before);
    expect(first.result.status.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
    const seen: string[] = [];
    directory.onWrite = ({ kind }) => {
      seen.push(kind);
      expect(retrievers(directory), kind).toEqual(expect.arrayContaining(["WEB01", "WEB02"]));
    };
    const second = await bringAbout(directory, after, first.status);
    expect(seen).toEqual(kinds);
    expect(second.report.plan?.changes).toEqual([]);
    expect(members(directory, "Shared")).toEqual(after === EXISTING ? [dnOf("WEB05"), dnOf("WEB01"), dnOf("WEB02")] : [dnOf("WEB05")]);
  });

  test("a host that the same change drops has no right afterwards, and nobody forgets that it was put in", async () => {
    const directory = new SimulatedDirectory([groupOf("Shared", [dnOf("WEB05")])], HOSTS);
    const first = await bringAbout(directory, EXISTING);
    expect(first.status.hostGroup?.added).toHaveLength(2);
    const after = { hosts: { ...PRINCIPALS.hosts, computers: ["WEB02", "WEB03"] } };
    const second = await bringAbout(directory, after, first.status);
    expect(retrievers(directory)).toEqual(["WEB02", "WEB03"]);
    expect(members(directory, "Shared")).toEqual([dnOf("WEB05")]);
    expect([second.status.hostGroup, second.status.formerHostGroups]).toEqual([undefined, undefined]);
  });

  test("while the new group is refused everything stays", async () => {
    const directory = new SimulatedDirectory([groupOf("Domain Admins", [], { protection: "it is built in" })], HOSTS);
    const first = await bringAbout(directory, GROUP);
    const before = directory.objects;
    const admins = { hosts: { ...GROUP.hosts, group: { name: "Domain Admins", existing: true } } };
    const { status } = await bringAbout(directory, admins, first.status);
    expect(directory.objects).toEqual(before);
    expect(status.conditions?.find(({ type }) => type === "Ready")?.reason).toBe("ProtectedObject");
    expect(retrievers(directory)).toEqual(["WEB01", "WEB02"]);
  });

  test("more hosts than one access list can name are said, and the rest is granted", () => {
    const many = Array.from({ length: 1900 }, (_, index) => computer(`M${index}`));
    const wanted = desired({ hosts: { grant: "Principals", computers: many.map((_, index) => `M${index}`) } });
    const result = planOf(wanted, new SimulatedDirectory([], many));
    expect(result.changes).toMatchObject([{ kind: "CreateAccount", retrievers: { length: 1800 } }]);
    expect(result.blockers.map(({ reason }) => reason)).toContain("InvalidSpec");
  });
});

describe("a compromised host", () => {
  const quarantined = ["WEB02"];
  test.each([
    ["group", GROUP, ["WEB01"]],
    ["principals", PRINCIPALS, ["WEB01"]],
    ["existing group", EXISTING, ["WEB01", "WEB05"]],
  ])("in a %s is out with the first write", async (_, before, left) => {
    const directory = new SimulatedDirectory([groupOf("Shared", [dnOf("WEB05")])], HOSTS);
    const { status } = await bringAbout(directory, before);
    const after = { hosts: { ...before.hosts, quarantined }, account: { description: "x" }, servicePrincipalNames: ["http/x"] };
    let first: readonly string[] | undefined;
    directory.onWrite = () => {
      first ??= retrievers(directory);
    };
    await bringAbout(directory, after, status);
    expect(first).toEqual(left);
    expect(retrievers(directory)).toEqual(left);
  });

  test.each([
    ["its own group", GROUP],
    ["a group of somebody else", EXISTING],
    ["the account's own list", PRINCIPALS],
  ])("in %s is out though the group that is to come is not there", async (_, before) => {
    const directory = new SimulatedDirectory([groupOf("Shared", [dnOf("WEB05")])], HOSTS);
    const { status } = await bringAbout(directory, before);
    const nowhere = { hosts: { ...GROUP.hosts, group: { name: "Nowhere", existing: true }, quarantined: ["WEB02", "WEB05"] } };
    await bringAbout(directory, nowhere, status);
    expect(retrievers(directory)).toEqual(["WEB01"]);
  });

  test("of a farm of another namespace that used the group first, since the look, is in it alone: this one puts in nobody", async () => {
    const directory = new SimulatedDirectory([groupOf("Shared")], HOSTS);
    const written: Written = { statuses: [] };
    const { status } = await bringAbout(directory, PRINCIPALS);
    const standing = { namespace: "db", created: "2026-11-25T00:00:00Z", uid: "u9" };
    const nobody = { uses: undefined, hosts: new Set<string>(), quarantined: new Set<string>(), added: new Map() };
    let looked = false;
    const wanted = desired(EXISTING, status);
    const users = (group: string): readonly SharingFarm[] =>
      looked ? [{ key: "db/x", standing, ...nobody, claimed: new Set([group]) }] : [];
    const ports = { ...portsOf(directory, written), assertFresh: () => Promise.resolve(void (looked = true)) };
    const { end } = await reconcileFarm(farm(EXISTING, status), { ...wanted, elsewhere: { ...wanted.elsewhere, users } }, ports, signal);
    expect(end.kind).toBe("Aborted");
    expect(written.statuses).toEqual([]);
    expect(directory.objects.find(({ samAccountName }) => samAccountName === "Shared")?.members).toEqual([]);
  });

  test.each([true, false])(
    "of an account that joins a group that opens another's password since the look (%s): it stays out",
    async (opens) => {
      const directory = new SimulatedDirectory([groupOf("Share")], HOSTS);
      const spec = { accessGroups: [{ name: "Share", existing: true }] };
      const wanted = desired(spec);
      const made = await bringAbout(directory, {});
      let looked = false;
      const elsewhere = { ...wanted.elsewhere, hosts: { has: () => looked && opens } };
      const ports = { ...portsOf(directory), assertFresh: () => Promise.resolve(void (looked = true)) };
      const { end } = await reconcileFarm(farm(spec, made.status), { ...desired(spec, made.status), elsewhere }, ports, signal);
      expect(end.kind).toBe(opens ? "Aborted" : "Looked");
      expect(members(directory, "Share")).toHaveLength(opens ? 0 : 1);
    },
  );

  test("puts nobody in where another namespace claims the group between the question and the write, though nothing has to be recorded", async () => {
    const directory = new SimulatedDirectory([groupOf("Shared", ["WEB01", "WEB02"].map(dnOf))], HOSTS);
    const wanted = desired(EXISTING);
    const standing = { namespace: "db", created: "2026-11-25T00:00:00Z", uid: "u9" };
    const nobody = { uses: undefined, hosts: new Set<string>(), quarantined: new Set<string>(), added: new Map() };
    let [fresh, asked] = [false, 0];
    // Of the questions after the look the first is answered before the other claims it.
    const users = (group: string): readonly SharingFarm[] =>
      fresh && asked++ > 0 ? [{ key: "db/x", standing, ...nobody, claimed: new Set([group]) }] : [];
    const ports = { ...portsOf(directory), assertFresh: () => Promise.resolve(void (fresh = true)) };
    const { end } = await reconcileFarm(farm(EXISTING), { ...wanted, elsewhere: { ...wanted.elsewhere, users } }, ports, signal);
    expect(end.kind).toBe("Aborted");
    expect(directory.objects.filter((object) => isAccount(object))).toEqual([]);
  });

  test("claims the group right before its account names it, though nobody has to be put in", async () => {
    const directory = new SimulatedDirectory([groupOf("Shared", ["WEB01", "WEB02"].map(dnOf))], HOSTS);
    const claimed: string[] = [];
    const claim = (claiming: ServerFarm): void => void claimed.push(...claimedGroups(claiming));
    await bringAbout(directory, EXISTING, undefined, { ...portsOf(directory), claim });
    expect(new Set(claimed)).toEqual(new Set([directory.objects.find(({ samAccountName }) => samAccountName === "Shared")?.objectGUID]));
  });

  test("claims the group also before an account that is there names it", async () => {
    const directory = new SimulatedDirectory([groupOf("Shared", ["WEB01", "WEB02"].map(dnOf))], HOSTS);
    const { status } = await bringAbout(directory, GROUP);
    const claimed: string[] = [];
    const claim = (claiming: ServerFarm): void => void claimed.push(...claimedGroups(claiming));
    await bringAbout(directory, EXISTING, status, { ...portsOf(directory), claim });
    expect(claimed).toContain(directory.objects.find(({ samAccountName }) => samAccountName === "Shared")?.objectGUID);
  });

  test("that somebody else put into an existing group stays a member there, and is kept out by name", async () => {
    const directory = new SimulatedDirectory([groupOf("Shared", [dnOf("WEB05")])], HOSTS);
    const { status } = await bringAbout(directory, EXISTING);
    expect(retrievers(directory)).toContain("WEB05");
    const spec = { hosts: { ...EXISTING.hosts, quarantined: ["WEB05"] } };
    const after = await bringAbout(directory, spec, status);
    expect(retrievers(directory)).toEqual(["WEB01", "WEB02"]);
    expect(members(directory, "Shared")).toContain(dnOf("WEB05"));
    // And there and back.
    await bringAbout(directory, EXISTING, after.status);
    expect(directory.objects.find(isAccount)?.retrievers?.denied).toEqual([]);
  });
});

describe("what a review found", () => {
  const named = (status: ServerFarmStatus | undefined): readonly string[] => status?.hostGroup?.added ?? [];

  test("a connection that is lost after the write forgets no member", async () => {
    const directory = new SimulatedDirectory([groupOf("Shared", [dnOf("WEB05")])], HOSTS);
    const first = await bringAbout(directory, { hosts: { ...EXISTING.hosts, computers: [] } });
    const observe = directory.observe.bind(directory);
    let written = false;
    directory.onWrite = () => {
      written = true;
    };
    directory.observe = (wanted) => (written ? Promise.reject(new DirectoryError("Unavailable", "lost")) : observe(wanted));
    const second = await bringAbout(directory, EXISTING, first.status);
    expect(second.report.error?.kind).toBe("Unavailable");
    expect(named(second.status)).toHaveLength(2);
    directory.observe = observe;
    const third = await bringAbout(directory, { hosts: { ...EXISTING.hosts, computers: [] } }, second.status);
    expect(members(directory, "Shared")).toEqual([dnOf("WEB05")]);
    expect(named(third.status)).toEqual([]);
  });

  const flipped = { hosts: { ...GROUP.hosts, group: { name: "itfarm1Hosts", existing: true } } };

  test("a group of its own that it declares somebody else's is given up, and never deleted or emptied after that", async () => {
    const directory = new SimulatedDirectory([], HOSTS);
    const first = await bringAbout(directory, GROUP);
    const second = await bringAbout(directory, flipped, first.status);
    expect(directory.objects.find(({ samAccountName }) => samAccountName === "itfarm1Hosts")?.owner).toBeUndefined();
    expect(named(second.status)).toHaveLength(2);
    directory.objects = directory.objects.map((object) =>
      object.samAccountName === "itfarm1Hosts" ? { ...object, members: [...object.members, dnOf("WEB05")] } : object,
    );
    const third = await bringAbout(directory, PRINCIPALS, second.status);
    expect(members(directory, "itfarm1Hosts")).toEqual([dnOf("WEB05")]);
    expect(third.status.formerHostGroups).toBeUndefined();
  });

  test("a host of a group that was somebody else's and was taken over is out when it is quarantined", async () => {
    const directory = new SimulatedDirectory([groupOf("Shared")], HOSTS);
    const first = await bringAbout(directory, { hosts: { ...EXISTING.hosts, computers: ["WEB01"] } });
    const own = { hosts: { ...GROUP.hosts, group: { name: "Shared", existing: false } }, adoptionPolicy: "Unowned" as const };
    const second = await bringAbout(directory, own, first.status);
    expect(named(second.status)).toEqual([]);
    await bringAbout(directory, { ...own, hosts: { ...own.hosts, quarantined: ["WEB02"] } }, second.status);
    expect(retrievers(directory)).toEqual(["WEB01"]);
    expect(members(directory, "Shared")).toEqual([dnOf("WEB01")]);
  });

  test("a host that cannot be seen keeps its right by name", async () => {
    const directory = new SimulatedDirectory([], HOSTS);
    const { status } = await bringAbout(directory, PRINCIPALS);
    const before = directory.objects.find(isAccount)?.retrievers;
    const blind = new SimulatedDirectory(
      directory.objects,
      HOSTS.filter(({ samAccountName }) => samAccountName !== "WEB02$"),
    );
    await bringAbout(blind, PRINCIPALS, status);
    expect(blind.objects.find(isAccount)?.retrievers).toEqual(before);
  });

  test.each([
    ["group to principals", GROUP, PRINCIPALS],
    ["principals to group", PRINCIPALS, GROUP],
    ["existing group to group", EXISTING, GROUP],
  ])("%s: a host whose name has become ambiguous keeps its right", async (_, before, after) => {
    const computers = ["web01.contoso.com", "WEB02"];
    const directory = new SimulatedDirectory([groupOf("Shared")], HOSTS);
    const { status } = await bringAbout(directory, { hosts: { ...before.hosts, computers } });
    const twins = new SimulatedDirectory(directory.objects, [...HOSTS, { ...computer("EVIL"), dnsHostName: "web01.contoso.com" }]);
    await bringAbout(twins, { hosts: { ...after.hosts, computers } }, status);
    expect(retrievers(twins)).toEqual(["WEB01", "WEB02"]);
  });

  test("while a former group of somebody else is still named, whoever is quarantined is kept out of it", async () => {
    const directory = new SimulatedDirectory([groupOf("Shared", [dnOf("WEB05")])], HOSTS);
    const quarantined = ["WEB05"];
    const first = await bringAbout(directory, { hosts: { ...EXISTING.hosts, quarantined } });
    // The new group is made, but the directory refuses its members.
    const empty = directory.objects.concat(groupOf("itfarm1Hosts", [], { owner: OWNER }));
    const refusing = new SimulatedDirectory(empty, HOSTS);
    refusing.refuse = ({ kind }) => (kind === "ChangeHosts" ? new DirectoryError("AccessDenied", "no") : undefined);
    await bringAbout(refusing, { hosts: { ...GROUP.hosts, quarantined } }, first.status);
    expect(retrievers(refusing)).toEqual(["WEB01", "WEB02"]);
  });

  test("more hosts than a list takes keep the right by their group", async () => {
    const many = Array.from({ length: 1900 }, (_, index) => computer(`M${index}`));
    const computers = many.map((_, index) => `M${index}`);
    const directory = new SimulatedDirectory([], many);
    const { status } = await bringAbout(directory, { hosts: { computers } });
    const group = directory.objects.find(({ samAccountName }) => samAccountName === "itfarm1Hosts");
    await bringAbout(directory, { hosts: { computers, grant: "Principals" } }, status);
    expect(directory.objects.find(isAccount)?.retrievers?.principals).toContain(group?.objectSID);
    expect(members(directory, "itfarm1Hosts")).toHaveLength(1900);
  });
});

describe("access groups", () => {
  const existing = (name: string): Spec => ({ accessGroups: [{ name, existing: true }] });
  const owned = (name: string): Spec => ({ accessGroups: [{ name, existing: false }] });
  const account = `CN=itfarm1,OU=Farms,${BASE}`;

  test("the account joins and leaves an existing one, and nobody else is touched", async () => {
    const directory = new SimulatedDirectory([groupOf("Readers", [dnOf("WEB05")])], HOSTS);
    const first = await bringAbout(directory, existing("Readers"));
    expect(members(directory, "Readers")).toEqual([dnOf("WEB05"), account]);
    expect(first.status.accessGroups).toMatchObject([{ name: "Readers" }]);
    const second = await bringAbout(directory, {}, first.status);
    expect(members(directory, "Readers")).toEqual([dnOf("WEB05")]);
    expect(second.status.accessGroups).toBeUndefined();
  });

  test("a membership that the farm never asked for is not its business", async () => {
    const directory = new SimulatedDirectory([groupOf("Readers")], HOSTS);
    const { status } = await bringAbout(directory, {});
    directory.objects = directory.objects.map((object) =>
      object.samAccountName === "Readers" ? { ...object, members: [account] } : object,
    );
    const { report } = await bringAbout(directory, {}, status);
    expect(report.applied).toEqual([]);
  });

  test("an owned one is made, and goes when it is not wanted any more; with another member it stays without owner", async () => {
    const directory = new SimulatedDirectory([], HOSTS);
    const first = await bringAbout(directory, owned("Mine"));
    expect(directory.objects.find(({ samAccountName }) => samAccountName === "Mine")).toMatchObject({ owner: OWNER, members: [account] });
    expect(first.status.ownedObjects?.map(({ kind }) => kind)).toEqual(["Account", "HostGroup", "AccessGroup"]);
    const second = await bringAbout(directory, {}, first.status);
    expect(members(directory, "Mine")).toBeUndefined();
    const third = await bringAbout(directory, owned("Mine"), second.status);
    directory.objects = directory.objects.map((object) =>
      object.samAccountName === "Mine" ? { ...object, members: [account, dnOf("WEB05")] } : object,
    );
    const fourth = await bringAbout(directory, {}, third.status);
    expect(directory.objects.find(({ samAccountName }) => samAccountName === "Mine")).toMatchObject({
      owner: undefined,
      members: [dnOf("WEB05")],
    });
    expect(fourth.result.events.map(({ reason }) => reason)).toContain("ObjectKept");
  });

  test.each([
    ["that is not there", [], existing("Readers"), "GroupNotFound"],
    ["that is protected", [groupOf("Domain Admins", [], { protection: "adminCount is 1" })], existing("Domain Admins"), "ProtectedObject"],
    ["of another farm", [groupOf("Readers", [], { owner: "serverfarm.dev cluster=8a1f farm=other/x" })], existing("Readers"), "NotOwned"],
    ["that is a distribution group", [groupOf("Readers", [], { securityEnabled: false })], existing("Readers"), "Rejected"],
    ["that is a user", [{ ...groupOf("Readers"), objectClass: "user" }], existing("Readers"), "GroupNotFound"],
    [
      "in another container than the farm says",
      [groupOf("Readers")],
      { accessGroups: [{ name: "Readers", existing: true, container: "OU=X" }] },
      "GroupNotFound",
    ],
    ["to be made where somebody's stands", [groupOf("Readers")], owned("Readers"), "NotOwned"],
  ])("one %s is refused, and the rest of the farm is made", async (_, objects, spec, reason) => {
    const directory = new SimulatedDirectory(objects, HOSTS);
    const { status } = await bringAbout(directory, { ...spec, hosts: GROUP.hosts });
    const found = (type: string) => status.conditions?.find((condition) => condition.type === type);
    expect(found("AccessGroupsReady")).toMatchObject({ status: "False", reason });
    expect([found("AccountReady")?.status, found("HostsReady")?.status]).toEqual(["True", "True"]);
    for (const object of objects) expect(directory.objects).toContainEqual(object);
  });
});

describe("what the cluster is told on the way", () => {
  const guidsOf = (directory: SimulatedDirectory, dns: readonly string[]): readonly string[] =>
    dns.map((dn) => directory.computers.find(({ distinguishedName }) => dnKey(distinguishedName) === dnKey(dn))?.objectGUID ?? dn);
  const shared = (): SimulatedDirectory => new SimulatedDirectory([groupOf("Shared", [dnOf("WEB05")])], HOSTS);
  test("who is put into a group of somebody else is on record before the write, and so is the account in an access group", async () => {
    const directory = new SimulatedDirectory([...shared().objects, groupOf("Readers")], HOSTS);
    const written: Written = { statuses: [] };
    const seen: string[] = [];
    directory.onWrite = (change) => {
      const status = written.statuses.at(-1);
      if (change.kind === "ChangeHosts") expect(status?.hostGroup?.added).toEqual(guidsOf(directory, change.add).toSorted());
      if (change.kind === "JoinAccessGroup") expect(status?.accessGroups).toMatchObject([{ objectGUID: change.object.objectGUID }]);
      seen.push(change.kind);
    };
    await bringAbout(
      directory,
      { ...EXISTING, accessGroups: [{ name: "Readers", existing: true }] },
      undefined,
      portsOf(directory, written),
    );
    expect(seen).toEqual(expect.arrayContaining(["ChangeHosts", "JoinAccessGroup"]));
  });

  test("a change whose record is not taken is not made; what was done before it is said", async () => {
    const directory = shared();
    const cause = new Error("changed meanwhile");
    const refusing: FarmPorts = { ...portsOf(directory), record: () => Promise.reject(cause) };
    const spec = { ...EXISTING, accessGroups: [{ name: "Mine", existing: false }] };
    const { end, report } = await reconcileFarm(farm(spec), desired(spec), refusing, signal);
    expect(end).toMatchObject({ kind: "Unrecorded", cause });
    expect(report.error).toBeUndefined();
    expect(members(directory, "Shared")).toEqual([dnOf("WEB05")]);
    expect(end.kind === "Unrecorded" && end.events).toHaveLength(report.applied.length);
  });

  test("a farm that is not any more as it was handed in writes nothing", async () => {
    const directory = shared();
    const stale: FarmPorts = { ...portsOf(directory), assertFresh: () => Promise.reject(new Error("changed meanwhile")) };
    await expect(reconcileFarm(farm(EXISTING), desired(EXISTING), stale, signal)).rejects.toThrow("changed meanwhile");
    await expect(decommissionFarm(farm(EXISTING), desired(EXISTING), stale, signal)).resolves.toMatchObject({ end: { kind: "Gone" } });
    expect(directory.writes).toBe(0);
  });

  test("a copy is fresh while spec, deletion and record are the same; conditions and labels may differ", () => {
    const copy = farm(EXISTING, { observedGeneration: 1 });
    const owned = { objectGUID: "g", kind: "Account" as const };
    const like = (more: Partial<typeof copy.metadata>, status: Partial<ServerFarmStatus> = {}): boolean =>
      isSame({ ...copy, metadata: { ...copy.metadata, ...more }, status: { observedGeneration: 1, ...status } }, copy);
    expect([like({}), like({ resourceVersion: "2" }, { observedGeneration: 0 })]).toEqual([true, true]);
    expect([
      like({ uid: "u2" }),
      like({ generation: 2 }),
      like({ deletionTimestamp: "2026-11-25T00:00:00Z" }),
      like({}, { ownedObjects: [owned] }),
      like({}, { hostGroup: { distinguishedName: "CN=g", objectGUID: "g", name: "g", added: ["h"] } }),
      like({}, { accessGroups: [{ name: "r", objectGUID: "r", distinguishedName: "CN=r" }] }),
    ]).toEqual([false, false, false, false, false, false]);
  });
});

describe("taking over", () => {
  const gmsa = directoryObject({
    distinguishedName: `CN=Old,OU=X,${BASE}`,
    samAccountName: "itfarm1$",
    objectClass: "msDS-GroupManagedServiceAccount",
    owner: CONSENT,
    passwordIntervalDays: 30,
    dnsHostName: "itfarm1.contoso.com",
    description: "old",
    userAccountControl: 4096,
    supportedEncryptionTypes: 28,
    servicePrincipalNames: ["http/old", "http/web"],
    retrievers: { principals: ["S-1-5-21-1-2-3-999"], denied: [], foreign: [] },
  });
  const oldGroup = groupOf("itfarm1Hosts", [dnOf("WEB01"), dnOf("WEB04")], { owner: CONSENT });
  const spec = { ...GROUP, servicePrincipalNames: ["http/web"], account: { description: "" }, adoptionPolicy: "Unowned" as const };

  test("what an administrator consents to becomes the farm's, and as the farm says; where it stands", async () => {
    const directory = new SimulatedDirectory([gmsa, oldGroup], HOSTS);
    const { report, status } = await bringAbout(directory, spec);
    expect(report.applied.slice(0, 2).map(({ kind }) => kind)).toEqual(["Adopt", "Adopt"]);
    expect(directory.objects).toHaveLength(2);
    expect(directory.objects.find(isAccount)).toMatchObject({
      distinguishedName: gmsa.distinguishedName,
      owner: OWNER,
      servicePrincipalNames: ["http/web"],
      description: undefined,
    });
    expect(retrievers(directory)).toEqual(["WEB01", "WEB02"]);
    expect(status.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
  });

  test("Observe tells before what taking over would change", () => {
    const { changes, later } = planOf(desired(spec), new SimulatedDirectory([gmsa, oldGroup], HOSTS));
    expect(changes.map(({ kind }) => kind)).toEqual(["Adopt", "Adopt"]);
    expect(later?.map(({ kind }) => kind)).toEqual(["ChangeHosts", "UpdateAccount", "ChangeServicePrincipalNames", "SetRetrievers"]);
  });

  test("and lists nobody who is in a group that is not the farm's yet", () => {
    const members = [dnOf("WEB01"), "CN=SECRET1,CN=Computers,DC=contoso,DC=com", "CN=SECRET2,CN=Computers,DC=contoso,DC=com"];
    const seen = (group: DirectoryObject): ObservedFarm => new SimulatedDirectory([gmsa, group], HOSTS).seenBy(desired(spec));
    const saidOf = (observed: ObservedFarm): string => {
      const { changes, later, blockers } = planOf(desired(spec), observed);
      const lines = [...changes, ...later].flatMap((change) => describeChange(change));
      return JSON.stringify([lines, blockers]);
    };
    const group = groupOf("itfarm1Hosts", members, { owner: CONSENT });
    const lines = saidOf({ ...seen(group), adopted: { group, computers: new Set(members.map(dnKey)) } });
    expect(lines).not.toMatch(/SECRET/);
    expect(lines).toContain("2 members that the farm does not name");
    // Where not all of them are computers, it is not taken over, and nobody is told who is in it either.
    const mixed = saidOf(seen(groupOf("itfarm1Hosts", [...members, "CN=Alice,CN=Users,DC=contoso,DC=com"], { owner: CONSENT })));
    expect(mixed).not.toMatch(/Alice|SECRET/);
    expect(mixed).toContain("not all of its members are computers");
  });

  test.each([
    ["another's marker", "serverfarm.dev cluster=8a1f farm=other/x", "it belongs to the ServerFarm other/x"],
    ["somebody's note", "call Bob", "its adminDescription holds something other"],
  ])("what bears %s is never taken over", async (_, owner, words) => {
    const directory = new SimulatedDirectory([{ ...gmsa, owner }], HOSTS);
    const { status } = await bringAbout(directory, spec);
    expect(status.conditions?.find(({ type }) => type === "AccountReady")).toMatchObject({
      reason: "NotOwned",
      message: expect.stringContaining(words),
    });
    expect(JSON.stringify(status)).not.toContain("call Bob");
  });

  test("without adoptionPolicy it stays as it is, and the message says how to take it over", async () => {
    const directory = new SimulatedDirectory([gmsa], HOSTS);
    const { status } = await bringAbout(directory, GROUP);
    expect(directory.objects).toContainEqual(gmsa);
    expect(status.conditions?.find(({ type }) => type === "AccountReady")?.message).toContain("set adoptionPolicy: Unowned");
  });
});

test("through any farms to the end: the right hosts in every moment, others untouched, nothing left", { timeout: 180_000 }, async () => {
  const names = ["WEB01", "WEB02", "WEB03", "WEB04"];
  const spec = fc
    .record({
      way: fc.constantFrom("Group", "Named", "Existing", "Other", "Principals"),
      computers: fc.uniqueArray(fc.constantFrom(...names)),
      quarantined: fc.uniqueArray(fc.constantFrom("WEB02", "WEB04", "WEB05"), { maxLength: 2 }),
      access: fc.uniqueArray(fc.constantFrom("Readers", "Writers", "Mine", "Missing")),
    })
    .map(({ way, computers, quarantined, access }): Spec => {
      const group = {
        Named: { name: "Named", existing: false },
        Existing: { name: "Shared", existing: true },
        Other: { name: "Other", existing: true },
      };
      return {
        hosts: {
          computers,
          quarantined,
          grant: way === "Principals" ? ("Principals" as const) : ("Group" as const),
          ...(way === "Named" || way === "Existing" || way === "Other" ? { group: group[way] } : {}),
        },
        accessGroups: access.map((name) => ({ name, existing: name !== "Mine" })),
      };
    });
  await fc.assert(
    fc.asyncProperty(fc.array(spec, { minLength: 1, maxLength: 5 }), async (specs) => {
      // WEB03 and WEB05 were put there by somebody else.
      const foreign = { Shared: [dnOf("WEB03"), dnOf("WEB05")], Other: [dnOf("WEB05")], Readers: [dnOf("WEB01")], Writers: [] };
      const objects = Object.entries(foreign).map(([name, list]) => groupOf(name, list));
      const directory = new SimulatedDirectory(objects, HOSTS);
      const untouched = (): void => {
        for (const [name, list] of Object.entries(foreign))
          expect(members(directory, name), name).toEqual(expect.arrayContaining([...list]));
      };
      let status: ServerFarmStatus | undefined;
      let before: readonly string[] = [];
      for (const wanted of specs) {
        const { computers = [], quarantined = [], group, grant } = wanted.hosts ?? {};
        const keep = computers.filter((name) => before.includes(name) && !quarantined.includes(name));
        directory.onWrite = (change) => {
          untouched();
          expect(retrievers(directory), `${change.kind} takes nobody's right that stays`).toEqual(expect.arrayContaining(keep));
        };
        const next = await bringAbout(directory, wanted, status);
        expect(next.report.plan?.changes).toEqual([]);
        const byOthers = grant === "Group" && group?.existing === true ? (group.name === "Shared" ? ["WEB03", "WEB05"] : ["WEB05"]) : [];
        const right = [...new Set([...computers, ...byOthers])].filter((name) => !quarantined.includes(name)).toSorted();
        expect(retrievers(directory)).toEqual(right);
        const again = await bringAbout(directory, wanted, next.status);
        expect(again.report.applied, "at rest nothing is written").toEqual([]);
        expect(again.status).toEqual(next.status);
        status = next.status;
        before = right;
      }
      directory.onWrite = untouched;
      if (!status) return;
      const report = await decommission(directory, specs.at(-1) ?? {}, status);
      expect(report.plan).toEqual({ changes: [], later: [], blockers: [] });
      expect(directory.objects.map(({ samAccountName }) => samAccountName)).toEqual(Object.keys(foreign));
      for (const [name, list] of Object.entries(foreign)) expect(members(directory, name), `${name} at the end`).toEqual(list);
    }),
    { numRuns: Number(process.env["FUZZ_RUNS"] ?? 250) },
  );
});
