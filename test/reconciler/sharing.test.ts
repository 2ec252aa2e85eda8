/** Several farms, of several namespaces, and groups of somebody else: what holds whoever comes, goes, changes or stops, and in whatever order. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { keyOf } from "../../src/api/object.ts";
import type { EventDraft } from "../../src/api/event.ts";
import { ACCOUNT_CLASS, isAccount, type DirectoryObject } from "../../src/ad/object.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import { leftBehind } from "../../src/farm/handover.ts";
import { LeftMembers } from "../../src/controller/left-members.ts";
import { othersWanting, sharingFarm } from "../../src/farm/sharing.ts";
import { dnKey } from "../../src/names/distinguished-name.ts";
import { decommissionFarm } from "../../src/reconciler/decommission.ts";
import { reconcileFarm } from "../../src/reconciler/farm.ts";
import type { FarmPorts } from "../../src/reconciler/work.ts";
import { BASE, CLUSTER, computer, directoryObject, FACTS, farm, SimulatedDirectory } from "../farm/simulation.ts";

type Spec = NonNullable<Parameters<typeof farm>[0]>;

const NAMES = ["WEB01", "WEB02", "WEB03", "WEB04"];
const HOSTS = NAMES.map(computer);
const signal = new AbortController().signal;
const NOW = new Date("2026-11-25T00:00:00Z");

const dnOf = (name: string): string => `CN=${name},CN=Computers,${BASE}`;
const guidOf = (name: string): string => HOSTS.find(({ samAccountName }) => samAccountName === `${name}$`)?.objectGUID ?? "";
const groupOf = (name: string, members: readonly string[] = [], more: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=${name},OU=Groups,${BASE}`,
    samAccountName: name,
    objectClass: "group",
    members: members.map(dnOf),
    ...more,
  });
const uses = (name: string, computers: readonly string[], quarantined: readonly string[] = []): NonNullable<Spec["hosts"]> => ({
  grant: "Group",
  computers,
  quarantined,
  group: { name, existing: true },
});

/** A cluster and a directory; farms are looked at one by one, each on its own. */
class World {
  readonly directory: SimulatedDirectory;
  readonly farms = new Map<string, ServerFarm>();
  readonly events: EventDraft[] = [];
  left = new LeftMembers();
  #made = 0;

  constructor(groups: readonly DirectoryObject[]) {
    this.directory = new SimulatedDirectory(groups, HOSTS);
  }

  apply(key: string, spec: Spec, status?: ServerFarmStatus): void {
    const [namespace = "", name = ""] = key.split("/");
    const before = this.farms.get(key);
    const { spec: whole } = farm(spec);
    const made = ++this.#made;
    const {
      uid = `u${made}`,
      creationTimestamp = `2026-11-25T00:00:${String(made).padStart(2, "0")}Z`,
      generation = 0,
    } = before?.metadata ?? {};
    const kept = status ?? before?.status;
    this.farms.set(key, {
      metadata: { namespace, name, uid, creationTimestamp, resourceVersion: "1", generation: generation + 1 },
      spec: whole,
      ...(kept ? { status: kept } : {}),
    });
  }

  delete(key: string): void {
    const found = this.farms.get(key);
    if (found) this.farms.set(key, { ...found, metadata: { ...found.metadata, deletionTimestamp: "2026-11-25T00:01:00Z" } });
  }

  /** As the controller does: what others want is read when the look begins. */
  async look(key: string): Promise<void> {
    const found = this.farms.get(key);
    if (!found || found.spec.suspend) return;
    const others = [...this.farms.values()].filter((other) => other !== found);
    const sharing = others.flatMap((other) => sharingFarm(other, BASE) ?? []);
    const { desired } = desiredFarm(found, FACTS, CLUSTER, [...sharing, ...this.left.to(found)]);
    const ports: FarmPorts = {
      directory: this.directory,
      assertFresh: () => Promise.resolve(),
      record: (copy, status) => Promise.resolve(this.#keep(copy, status)),
      now: () => NOW,
    };
    if (found.metadata.deletionTimestamp !== undefined) {
      const { report, end } = await decommissionFarm(found, desired, ports, signal);
      if (end.kind !== "Gone") return;
      if (report.view) this.left.add(found, leftBehind(report.view));
      this.events.push(...end.events);
      this.farms.delete(key);
      return;
    }
    const { farm: copy, end } = await reconcileFarm(found, desired, ports, signal);
    if (end.kind !== "Looked") throw new Error(`it ended otherwise: ${end.kind}`);
    this.events.push(...end.events);
    this.#keep(copy, end.status);
  }

  #keep(copy: ServerFarm, status: ServerFarmStatus): ServerFarm {
    const next = { ...copy, status };
    this.left.changed(next);
    this.farms.set(keyOf(copy.metadata), next);
    return next;
  }

  /** Until nobody has anything left to do. */
  async settle(): Promise<void> {
    for (let round = 1; ; round++) {
      expect(round, "farms fight, or never come to rest").toBeLessThan(8);
      const before = JSON.stringify([...this.farms.values()]);
      const { writes } = this.directory;
      for (const key of this.farms.keys()) await this.look(key);
      if (this.directory.writes === writes && JSON.stringify([...this.farms.values()]) === before) return;
    }
  }

  members(group: string): readonly string[] {
    const found = this.directory.objects.find(({ samAccountName }) => samAccountName === group);
    return (found?.members ?? []).map((dn) => dn.slice(3, dn.indexOf(","))).toSorted();
  }

  change(group: string, members: readonly string[]): void {
    const change = (object: DirectoryObject): DirectoryObject =>
      object.samAccountName === group ? { ...object, members: members.map(dnOf) } : object;
    this.directory.objects = this.directory.objects.map(change);
  }

  added(key: string): readonly string[] {
    const { hostGroup, formerHostGroups = [] } = this.farms.get(key)?.status ?? {};
    const guids = [hostGroup, ...formerHostGroups].flatMap((group) => group?.added ?? []);
    return NAMES.filter((name) => guids.includes(guidOf(name)));
  }

  condition(key: string, type: string): { readonly status: string; readonly reason: string; readonly message: string } | undefined {
    return this.farms.get(key)?.status?.conditions?.find((condition) => condition.type === type);
  }
}

describe("a host that two farms of one namespace want in a group", () => {
  test("is on the record of both, and the one that drops it writes nothing of the other", async () => {
    const world = new World([groupOf("Shared", ["WEB04"])]);
    world.apply("web/a", { hosts: uses("Shared", ["WEB01", "WEB02"]) });
    await world.settle();
    world.apply("web/b", { hosts: uses("Shared", ["WEB02", "WEB04"]) });
    await world.settle();
    // WEB04 is an administrator's: it is nobody's to take out.
    expect([world.added("web/a"), world.added("web/b")]).toEqual([["WEB01", "WEB02"], ["WEB02"]]);
    const other = world.farms.get("web/b");
    world.apply("web/a", { hosts: uses("Shared", ["WEB01"]) });
    await world.look("web/a");
    expect(world.farms.get("web/b")).toBe(other);
    expect([world.added("web/a"), world.added("web/b")]).toEqual([["WEB01"], ["WEB02"]]);
    expect(world.members("Shared")).toEqual(["WEB01", "WEB02", "WEB04"]);
    world.apply("web/b", { hosts: uses("Shared", []) });
    await world.settle();
    expect(world.members("Shared")).toEqual(["WEB01", "WEB04"]);
  });

  test("stays on the record of the one that dropped it, until the other has it or nobody wants it", async () => {
    const world = new World([groupOf("Shared")]);
    world.apply("web/a", { hosts: uses("Shared", ["WEB02"]) });
    await world.settle();
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    world.apply("web/a", { hosts: uses("Shared", []) });
    await world.look("web/a");
    expect([world.members("Shared"), world.added("web/a")]).toEqual([["WEB02"], ["WEB02"]]);
    world.apply("web/b", { hosts: uses("Shared", []) });
    await world.look("web/a");
    expect([world.members("Shared"), world.added("web/a")]).toEqual([[], []]);
  });

  test("so it is with a group that it does not use any more, and at its end", async () => {
    const world = new World([groupOf("Shared"), groupOf("Other")]);
    world.apply("web/a", { hosts: uses("Shared", ["WEB02"]) });
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    await world.settle();
    world.apply("web/a", { hosts: uses("Other", ["WEB02"]) });
    await world.settle();
    expect([world.members("Shared"), world.members("Other"), world.added("web/b")]).toEqual([["WEB02"], ["WEB02"], ["WEB02"]]);
    world.delete("web/b");
    await world.settle();
    expect(world.members("Shared")).toEqual([]);
  });

  test("and that is in by its primary group by now, is kept out of both accounts once both drop it, and of none while one wants it", async () => {
    const shared = groupOf("Shared", [], { objectSID: "S-1-5-21-1-2-3-4444" });
    const world = new World([shared]);
    const denied = (): readonly (readonly string[])[] =>
      world.directory.objects.filter(isAccount).map(({ retrievers }) => (retrievers?.denied ?? []).map(sidOwner));
    const sidOwner = (sid: string): string => NAMES.find((_, index) => HOSTS[index]?.objectSID === sid) ?? sid;
    for (const key of ["web/a", "web/b"]) world.apply(key, { hosts: uses("Shared", ["WEB01", "WEB02"]) });
    await world.settle();
    // Active Directory keeps no member value for a primary group.
    world.directory.computers = HOSTS.map((host) => (host.samAccountName === "WEB02$" ? { ...host, primaryGroupID: 4444 } : host));
    world.change("Shared", ["WEB01"]);
    world.apply("web/a", { hosts: uses("Shared", ["WEB01"]) });
    await world.settle();
    expect(denied()).toEqual([[], []]);
    world.apply("web/b", { hosts: uses("Shared", ["WEB01"]) });
    await world.settle();
    expect(denied()).toEqual([["WEB02"], ["WEB02"]]);
    world.directory.computers = HOSTS;
    world.change("Shared", ["WEB01", "WEB02"]);
    await world.settle();
    expect([world.members("Shared"), denied()]).toEqual([["WEB01"], [[], []]]);
  });

  test.each([
    ["is a domain controller now", { userAccountControl: 0x2000 }],
    ["was made anew by an ordinary user", { creatorSID: "S-1-5-21-1-2-3-1050" }],
  ])("and that %s leaves it, though both still name it", async (_, fields) => {
    const world = new World([groupOf("Shared")]);
    for (const key of ["web/a", "web/b"]) world.apply(key, { hosts: uses("Shared", ["WEB01", "WEB02"]) });
    await world.settle();
    world.directory.computers = HOSTS.map((host) => (host.samAccountName === "WEB02$" ? { ...host, ...fields } : host));
    await world.settle();
    expect([world.members("Shared"), world.added("web/a"), world.added("web/b")]).toEqual([["WEB01"], ["WEB01"], ["WEB01"]]);
  });

  test.each([
    ["is written down after the end of the other, and goes with it", false, []],
    ["stays where the operator stopped in between, and an Event says where", true, ["WEB02"]],
  ])("that its farm had no time to write down %s", async (_, stops, stay) => {
    const world = new World([groupOf("Shared")]);
    world.apply("web/a", { hosts: uses("Shared", ["WEB01", "WEB02"]) });
    await world.settle();
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    world.delete("web/a");
    const ending = world.farms.get("web/a");
    await world.look("web/a");
    expect(world.members("Shared")).toEqual(["WEB02"]);
    // The watch may bring its last status only now.
    if (ending) world.left.changed(ending);
    const left = world.events.filter(({ reason }) => reason === "MemberLeft");
    expect(left).toMatchObject([{ type: "Warning", message: expect.stringMatching(/^WEB02: .*CN=Shared,OU=Groups/) }]);
    // It cannot be told from an administrator's any more.
    if (stops) world.left = new LeftMembers();
    await world.settle();
    expect([world.members("Shared"), world.added("web/b")]).toEqual([["WEB02"], stops ? [] : ["WEB02"]]);
    world.delete("web/b");
    await world.settle();
    expect(world.members("Shared")).toEqual(stay);
  });

  test.each([
    ["suspended", { suspend: true }],
    ["only observed", { managementPolicy: "Observe" as const }],
  ])("is not kept there by one that is %s, whose status nobody writes", async (_, stopped) => {
    const world = new World([groupOf("Shared")]);
    for (const key of ["web/a", "web/b"]) world.apply(key, { hosts: uses("Shared", ["WEB02"]) });
    await world.settle();
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]), ...stopped });
    await world.look("web/b");
    const before = world.farms.get("web/b");
    world.apply("web/a", { hosts: uses("Shared", []) });
    await world.look("web/a");
    expect(world.members("Shared")).toEqual([]);
    expect(world.farms.get("web/b")).toBe(before);
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    await world.settle();
    expect(world.members("Shared")).toEqual(["WEB02"]);
  });

  test("is not kept there by one that is being deleted and cannot end yet", async () => {
    const world = new World([groupOf("Shared")]);
    for (const key of ["web/a", "web/b"]) world.apply(key, { hosts: uses("Shared", ["WEB02"]) });
    await world.settle();
    world.delete("web/b");
    world.apply("web/a", { hosts: uses("Shared", []) });
    await world.look("web/a");
    expect([world.members("Shared"), world.farms.has("web/b")]).toEqual([[], true]);
  });

  test("a quarantined one goes at once where only a farm that is stopped wants it", async () => {
    const world = new World([groupOf("Shared")]);
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]), suspend: true });
    world.apply("web/a", { hosts: uses("Shared", ["WEB01", "WEB02"]) });
    await world.settle();
    world.apply("web/a", { hosts: uses("Shared", ["WEB01", "WEB02"], ["WEB02"]) });
    await world.settle();
    expect(world.members("Shared")).toEqual(["WEB01"]);
  });

  test("a farm that changes its mind all the time delays the end of no other", async () => {
    const world = new World([groupOf("Shared")]);
    for (const key of ["web/a", "web/b"]) world.apply(key, { hosts: uses("Shared", ["WEB01", "WEB02"]) });
    await world.settle();
    for (let turn = 0; turn < 5; turn++) {
      world.apply("web/b", { hosts: uses("Shared", turn % 2 === 0 ? [] : ["WEB02"]) });
      await world.look("web/b");
    }
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    world.delete("web/a");
    await world.look("web/a");
    expect(world.farms.has("web/a")).toBe(false);
  });
});

test("a host that a farm does not want any more leaves the group that it was in, though the one that the farm asks for now is not to be had", async () => {
  const world = new World([groupOf("Shared")]);
  world.apply("web/a", { hosts: uses("Shared", ["WEB01", "WEB02"]) });
  await world.settle();
  world.apply("web/a", { hosts: uses("Nowhere", ["WEB02"]) });
  await world.settle();
  expect(world.condition("web/a", "HostsReady")?.reason).toBe("GroupNotFound");
  // WEB02 keeps the right until the other group is there.
  expect([world.members("Shared"), world.added("web/a")]).toEqual([["WEB02"], ["WEB02"]]);
});

describe("a host that a farm without account put into a group", () => {
  /** The farm web/a, whose account somebody else has made: it put WEB01 into the group Shared. */
  const blocked = async (retrievers: DirectoryObject["retrievers"]): Promise<World> => {
    const world = new World([groupOf("Shared"), { ...computer("a"), objectClass: ACCOUNT_CLASS, retrievers }]);
    world.apply("web/a", { hosts: uses("Shared", ["WEB01"]) });
    await world.settle();
    expect([world.members("Shared"), world.condition("web/a", "AccountReady")?.reason]).toEqual([["WEB01"], "NotOwned"]);
    return world;
  };
  const NOBODY = { principals: [], denied: [], foreign: [] };

  test.each([
    ["a group of its own", { hosts: { computers: ["WEB01"] } }],
    ["another group of somebody else", { hosts: uses("Nowhere", ["WEB01"]) }],
    ["no group", { hosts: { grant: "Principals" as const, computers: ["WEB01"] } }],
  ])("leaves it when the farm wants %s, for the hosts of another farm there are its members", async (_, spec) => {
    const world = await blocked(NOBODY);
    world.apply("web/a", spec);
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    await world.settle();
    expect([world.members("Shared"), world.added("web/a")]).toEqual([["WEB02"], []]);
  });

  test.each([
    ["it names the group", (shared: string) => ({ ...NOBODY, principals: [shared] })],
    ["its list cannot be read", () => undefined],
  ])("stays while the account may give it the right: %s", async (_, listOf) => {
    const world = await blocked(NOBODY);
    const shared = world.directory.objects.find(({ samAccountName }) => samAccountName === "Shared")?.objectSID ?? "";
    world.directory.objects = world.directory.objects.map((one) => (isAccount(one) ? { ...one, retrievers: listOf(shared) } : one));
    world.apply("web/a", { hosts: { computers: ["WEB01"] } });
    await world.settle();
    expect([world.members("Shared"), world.added("web/a")]).toEqual([["WEB01"], ["WEB01"]]);
  });

  test("stays while it is not known whether the account is there", async () => {
    const world = await blocked(NOBODY);
    world.directory.missing = ["an account that is not replicated yet"];
    world.apply("web/a", { hosts: { computers: ["WEB01"] } });
    await world.settle();
    expect(world.members("Shared")).toEqual(["WEB01"]);
  });
});

describe("a group that another namespace has", () => {
  test("is refused, nothing is written for it, and nobody is named", async () => {
    const world = new World([groupOf("Shared")]);
    world.apply("secret-team/hidden", { hosts: uses("Shared", ["WEB01"]) });
    await world.settle();
    const { writes } = world.directory;
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    await world.settle();
    expect(world.directory.writes).toBe(writes);
    expect(world.members("Shared")).toEqual(["WEB01"]);
    expect(world.condition("web/b", "HostsReady")).toMatchObject({ status: "False", reason: "GroupInUse" });
    expect(world.condition("web/b", "Stalled")).toMatchObject({ status: "True", reason: "GroupInUse" });
    expect(JSON.stringify(world.farms.get("web/b")?.status)).not.toMatch(/secret-team|hidden|WEB01/);
    world.delete("secret-team/hidden");
    await world.settle();
    expect(world.members("Shared")).toEqual(["WEB02"]);
    expect(world.condition("web/b", "Ready")?.status).toBe("True");
  });

  test("is the one's that has it on record, though another was made first; and of its whole namespace", async () => {
    const world = new World([groupOf("Shared")]);
    world.apply("old/a", { hosts: uses("Nowhere", ["WEB01"]) });
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    await world.settle();
    world.apply("old/a", { hosts: uses("Shared", ["WEB01"]) });
    world.apply("web/c", { hosts: uses("Shared", ["WEB03"]) });
    await world.settle();
    expect(world.members("Shared")).toEqual(["WEB02", "WEB03"]);
    expect(world.condition("old/a", "HostsReady")?.reason).toBe("GroupInUse");
  });

  test("where nobody has it on record, it is the older farm's, whoever is looked at first", async () => {
    const world = new World([groupOf("Shared")]);
    world.apply("old/a", { hosts: uses("Shared", ["WEB01"]) });
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    await world.look("web/b");
    await world.settle();
    expect(world.members("Shared")).toEqual(["WEB01"]);
  });

  test("stays the one's that is suspended; one that was only ever observed has none", async () => {
    const world = new World([groupOf("Shared"), groupOf("Other")]);
    world.apply("old/a", { hosts: uses("Shared", ["WEB01"]) });
    world.apply("old/o", { hosts: uses("Other", ["WEB01"]), managementPolicy: "Observe" });
    await world.settle();
    world.apply("old/a", { hosts: uses("Shared", ["WEB01"]), suspend: true });
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    world.apply("web/c", { hosts: uses("Other", ["WEB02"]) });
    await world.settle();
    expect([world.members("Shared"), world.members("Other")]).toEqual([["WEB01"], ["WEB02"]]);
  });

  test("stays the one's whose account names it, though it put nobody in and names another group now", async () => {
    const world = new World([groupOf("Shared", ["WEB01"]), groupOf("Other")]);
    world.apply("old/a", { hosts: uses("Shared", ["WEB01"]) });
    await world.settle();
    expect(world.added("old/a")).toEqual([]);
    world.apply("old/a", { hosts: uses("Other", ["WEB01"]), managementPolicy: "Observe" });
    await world.settle();
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"]) });
    await world.settle();
    expect(world.condition("web/b", "HostsReady")?.reason).toBe("GroupInUse");
    world.apply("old/a", { hosts: uses("Other", ["WEB01"]) });
    await world.settle();
    expect([world.members("Shared"), world.members("Other")]).toEqual([["WEB01", "WEB02"], ["WEB01"]]);
    expect(world.farms.get("old/a")?.status?.formerHostGroups).toBeUndefined();
  });

  test("one that has members there already is frozen: nobody comes in, and its removals, quarantine and end go on", async () => {
    const world = new World([groupOf("Shared", ["WEB04"])]);
    // As farms did before it was refused: each without knowing of the other.
    for (const [key, computers] of [
      ["old/a", ["WEB01"]],
      ["web/b", ["WEB02", "WEB03"]],
    ] as const) {
      const alone = new World(world.directory.objects);
      alone.apply(key, { hosts: uses("Shared", computers) });
      await alone.settle();
      world.directory.objects = alone.directory.objects;
      world.apply(key, { hosts: uses("Shared", computers) }, alone.farms.get(key)?.status);
    }
    expect(world.members("Shared")).toEqual(["WEB01", "WEB02", "WEB03", "WEB04"]);
    await world.settle();
    expect(world.condition("web/b", "HostsReady")?.reason).toBe("GroupInUse");
    expect(world.farms.get("web/b")?.status?.hosts).toMatchObject({ granted: 2 });
    world.apply("web/b", { hosts: uses("Shared", ["WEB01", "WEB02", "WEB04"]) });
    world.apply("old/a", { hosts: uses("Shared", []) });
    await world.settle();
    // What the one that has the group drops goes, whatever the other wants.
    expect(world.members("Shared")).toEqual(["WEB02", "WEB04"]);
    world.apply("web/b", { hosts: uses("Shared", ["WEB02"], ["WEB02"]) });
    await world.settle();
    expect(world.members("Shared")).toEqual(["WEB04"]);
    expect(world.directory.objects.find((object) => isAccount(object) && object.samAccountName === "b$")?.retrievers?.denied).toHaveLength(
      1,
    );
    world.delete("web/b");
    await world.settle();
    expect([...world.farms.keys()]).toEqual(["old/a"]);
  });
});

describe("a status that somebody forged", () => {
  const other = "serverfarm.dev cluster=8a1f farm=other/x";
  const forged = (group: DirectoryObject): ServerFarmStatus => ({
    observedGeneration: 1,
    formerHostGroups: [
      { objectGUID: group.objectGUID, distinguishedName: group.distinguishedName, added: HOSTS.map((host) => host.objectGUID) },
    ],
    accessGroups: [{ name: "x", objectGUID: group.objectGUID, distinguishedName: group.distinguishedName }],
    ownedObjects: [{ objectGUID: group.objectGUID, kind: "HostGroup", distinguishedName: group.distinguishedName }],
  });

  test.each([
    ["another farm's", { owner: other }],
    ["another cluster's", { owner: other.replace("8a1f", "b2c3") }],
    ["protected", { protection: "adminCount is 1" }],
  ])("takes nobody out of a group that is %s: no host, no account, at no time", async (_, more) => {
    const account = `CN=f,CN=Managed Service Accounts,${BASE}`;
    const group = groupOf("Theirs", [], { ...more, members: [dnOf("WEB01"), dnOf("WEB02"), account] });
    const world = new World([group]);
    const untouched = (): void => {
      expect(world.directory.objects.find(({ samAccountName }) => samAccountName === "Theirs")).toMatchObject({
        ...more,
        members: group.members,
      });
    };
    world.directory.onWrite = untouched;
    world.apply("web/f", { hosts: { computers: ["WEB03"], quarantined: ["WEB01"] } }, forged(group));
    await world.look("web/f");
    world.apply("web/f", { hosts: { computers: [], quarantined: ["WEB01"], grant: "Principals" } }, forged(group));
    await world.settle();
    world.apply("web/f", {}, forged(group));
    world.delete("web/f");
    await world.settle();
    untouched();
    expect(world.farms.size).toBe(0);
  });

  test("takes only computers out of an ordinary one", async () => {
    const user = `CN=Alice,CN=Users,${BASE}`;
    const group = groupOf("Theirs", [], { members: [user, dnOf("WEB01")] });
    const world = new World([group]);
    world.apply("web/f", {}, { ...forged(group), accessGroups: [] });
    await world.settle();
    expect(world.directory.objects.find(({ samAccountName }) => samAccountName === "Theirs")?.members).toEqual([user]);
  });
});

test(
  "through any farms of two namespaces: every wanted host is in, nobody else's goes, and nobody is forgotten",
  { timeout: 180_000 },
  async () => {
    const KEYS = ["web/a", "web/b", "db/c", "db/d"];
    const GROUPS = ["Shared", "Other"];
    const change = fc.record({
      key: fc.constantFrom(...KEYS),
      what: fc.constantFrom("apply", "apply", "apply", "suspend", "observe", "delete"),
      group: fc.constantFrom(...GROUPS, undefined),
      computers: fc.uniqueArray(fc.constantFrom("WEB01", "WEB02", "WEB03")),
      quarantined: fc.uniqueArray(fc.constantFrom("WEB02", "WEB03"), { maxLength: 1 }),
      settled: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 9 }), async (changes) => {
        // Put in by somebody else: WEB04 that nobody here wants, and WEB03 that farms may want.
        const foreign: Readonly<Record<string, readonly string[]>> = { Shared: ["WEB03", "WEB04"], Other: [] };
        const world = new World(GROUPS.map((name) => groupOf(name, foreign[name])));
        const isActive = ({ metadata, spec }: ServerFarm): boolean =>
          metadata.deletionTimestamp === undefined && !spec.suspend && spec.managementPolicy === "Enforce";
        /** Whom farms want in the group that have it: at rest one that is refused says so. */
        const wantedIn = (group: string): readonly string[] =>
          NAMES.filter((name) =>
            [...world.farms.values()].some(
              (one) =>
                isActive(one) &&
                one.spec.hosts.group?.name === group &&
                world.condition(keyOf(one.metadata), "HostsReady")?.reason !== "GroupInUse" &&
                one.spec.hosts.computers.includes(name) &&
                !one.spec.hosts.quarantined.includes(name),
            ),
          );
        let before: Readonly<Record<string, readonly string[]>> = {};
        const check = (): void => {
          for (const group of GROUPS) {
            expect(world.members(group), `${group}: somebody else's`).toEqual(expect.arrayContaining([...(foreign[group] ?? [])]));
            const stay = (before[group] ?? []).filter((name) => wantedIn(group).includes(name));
            expect(world.members(group), `${group}: no gap`).toEqual(expect.arrayContaining(stay));
          }
        };
        const atRest = async (): Promise<void> => {
          world.directory.onWrite = check;
          await world.settle();
          for (const group of GROUPS) {
            const wanted = wantedIn(group);
            expect(world.members(group), `${group}: all that are wanted`).toEqual(expect.arrayContaining([...wanted]));
            // Whoever else is in is somebody's: on the record of a farm that is stopped, or that may not use the group; or it was said that they stay.
            const said = world.events.filter(({ reason }) => reason === "MemberLeft").map(({ message }) => message);
            const known = KEYS.flatMap((key) => world.added(key));
            const others = world.members(group).filter((name) => ![...wanted, ...(foreign[group] ?? [])].includes(name));
            expect(
              others.filter((name) => !known.includes(name) && !said.some((text) => text.includes(name) && text.includes(`CN=${group}`))),
            ).toEqual([]);
            const sid = world.directory.objects.find(({ samAccountName }) => samAccountName === group)?.objectSID ?? "";
            const namespaces = [...world.farms.values()]
              .filter(({ metadata }) =>
                world.directory.objects.some(
                  (object) =>
                    isAccount(object) &&
                    dnKey(object.distinguishedName).startsWith(`cn=${metadata.name},`) &&
                    object.retrievers?.principals.includes(sid),
                ),
              )
              .map(({ metadata }) => metadata.namespace);
            expect(new Set(namespaces).size, `${group} gives one namespace's password only`).toBeLessThan(2);
          }
          before = Object.fromEntries(GROUPS.map((group) => [group, wantedIn(group)]));
        };
        /** Who was wanted all the time since the last rest. */
        const narrow = (): void => {
          before = Object.fromEntries(GROUPS.map((one) => [one, (before[one] ?? []).filter((name) => wantedIn(one).includes(name))]));
        };
        for (const { key, what, group, computers, quarantined, settled } of changes) {
          const current = world.farms.get(key);
          if (current?.metadata.deletionTimestamp !== undefined) continue;
          if (what === "delete") world.delete(key);
          else {
            const hosts = group === undefined ? { computers, quarantined } : uses(group, computers, quarantined);
            world.apply(key, {
              hosts,
              suspend: what === "suspend",
              managementPolicy: what === "observe" ? "Observe" : "Enforce",
            });
          }
          narrow();
          if (settled) await atRest();
          else await world.look(key);
        }
        await atRest();
        // All go on, and then they go.
        for (const [key, { spec }] of world.farms) world.apply(key, { hosts: spec.hosts });
        narrow();
        await atRest();
        for (const key of [...world.farms.keys()]) {
          world.delete(key);
          await world.settle();
        }
        const said = world.events.filter(({ reason }) => reason === "MemberLeft").map(({ message }) => message);
        for (const group of GROUPS) {
          const left = world.members(group).filter((name) => !(foreign[group] ?? []).includes(name));
          expect(left.filter((name) => !said.some((text) => text.includes(name) && text.includes(`CN=${group}`)))).toEqual([]);
        }
        if (changes.every(({ settled }) => settled)) expect(said).toEqual([]);
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 300) },
    );
  },
);

describe("an entry of another farm means the object that it was resolved to", () => {
  const moved = { ...computer("WEB01"), distinguishedName: `CN=WEB01,OU=Elsewhere,${BASE}` };
  const group = groupOf("Shared");
  const wantingOf = (hosts: NonNullable<Spec["hosts"]>, references: readonly string[]): number => {
    const resolvedHosts = references.map((reference) => ({ reference, objectGUID: moved.objectGUID }));
    const other = sharingFarm(farm({ hosts }, { observedGeneration: 1, resolvedHosts }), BASE);
    const { desired } = desiredFarm(farm({ hosts: uses("Shared", []) }), FACTS, CLUSTER, other ? [other] : []);
    return othersWanting(desired, group, [moved])(moved).length;
  };

  test("a host that was moved is still wanted", () => {
    expect(wantingOf(uses("Shared", [dnOf("WEB01")]), [dnOf("WEB01")])).toBe(1);
    expect(wantingOf(uses("Shared", [dnOf("WEB01")]), [])).toBe(0);
    expect(wantingOf(uses("Shared", []), [dnOf("WEB01")])).toBe(0);
  });

  test("and one that is quarantined is not, whatever it is called now", () => {
    expect(wantingOf(uses("Shared", ["WEB01"], [dnOf("WEB01")]), [])).toBe(1);
    expect(wantingOf(uses("Shared", ["WEB01"], [dnOf("WEB01")]), [dnOf("WEB01")])).toBe(0);
  });
});
