/** Whom hosts.search lets in, keeps and lets go: pure, of what was found and what is remembered. */
import { describe, expect, test } from "vitest";
import type { ServerFarm } from "../../src/api/generated/server-farm.ts";
import type { DirectoryObject } from "../../src/ad/object.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import type { DesiredFarm, Terms } from "../../src/farm/desired-farm.ts";
import type { ObservedSearch } from "../../src/farm/observed-search.ts";
import { plan } from "../../src/farm/plan/index.ts";
import { observedStatus } from "../../src/farm/status/observed.ts";
import { type FarmView, viewOf } from "../../src/farm/view.ts";
import { BASE, CLUSTER, computer as anyComputer, directoryObject, FACTS, farm, SimulatedDirectory } from "./simulation.ts";

const OU = `OU=Web,OU=Servers,${BASE}`;
const CONTAINER = directoryObject({ distinguishedName: OU, objectClass: "organizationalUnit", objectSID: undefined });
const NOW = Date.UTC(2026, 10, 26, 12);
const HOUR = 3_600_000;

function computer(name: string, fields: Partial<DirectoryObject> = {}): DirectoryObject {
  return { ...anyComputer(name), distinguishedName: `CN=${name},${OU}`, userAccountControl: 4096, ...fields };
}

function computers(count: number, prefix = "WEB"): readonly DirectoryObject[] {
  return Array.from({ length: count }, (_, index) => computer(`${prefix}${index}`));
}

type Status = NonNullable<ServerFarm["status"]>;
type Search = NonNullable<Status["hostSearch"]>;

interface Situation {
  readonly search?: object;
  readonly hosts?: object;
  readonly record?: Partial<Search>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Below the container. */
  readonly found?: readonly DirectoryObject[];
  /** Elsewhere. */
  readonly others?: readonly DirectoryObject[];
  readonly observed?: Partial<ObservedSearch>;
  readonly terms?: Terms;
  readonly unreadable?: readonly string[];
  readonly gone?: readonly string[];
}

function desiredOf({ search = {}, hosts = {}, record, annotations = {}, terms = {} }: Situation): DesiredFarm {
  const status: Status | undefined = record && {
    observedGeneration: 1,
    hostSearch: { container: OU, objectGUID: CONTAINER.objectGUID, distinguishedName: OU, ...record },
  };
  const spec = { hosts: { search: { container: "OU=Web,OU=Servers", names: ["WEB*"], max: 200, maxRemoval: "20%", ...search }, ...hosts } };
  const wanted = farm(spec, status);
  return desiredFarm({ ...wanted, metadata: { ...wanted.metadata, annotations } }, FACTS, CLUSTER, [], { now: NOW, ...terms }).desired;
}

function look(situation: Situation): FarmView {
  const { found = [], others = [], observed = {}, unreadable = [], gone = [] } = situation;
  const desired = desiredOf(situation);
  const directory = new SimulatedDirectory([], [...found, ...others]);
  const search: ObservedSearch = {
    container: { kind: "Known", object: CONTAINER, moved: false },
    around: [],
    found,
    failure: undefined,
    ...observed,
  };
  return viewOf(desired, { ...directory.seenBy(desired), search, unreadable, gone });
}

function names(map: ReadonlyMap<string, DirectoryObject>): readonly string[] {
  return [...map.values()].map(({ samAccountName = "" }) => samAccountName.slice(0, -1)).toSorted();
}

/** Of a look: who gets the right, who keeps what he has, and the reasons of what is in the way. */
function outcome(situation: Situation): {
  readonly wanted: readonly string[];
  readonly kept: readonly string[];
  readonly reasons: readonly string[];
} {
  const { hosts } = look(situation);
  return { wanted: names(hosts.wanted), kept: names(hosts.undecided), reasons: hosts.blockers.map(({ reason }) => reason) };
}

const recordOf = (objects: readonly DirectoryObject[]): NonNullable<Search["hosts"]> => objects.map(({ objectGUID }) => ({ objectGUID }));

describe("who comes", () => {
  test("whoever matches, is enabled and was made by an administrator", () => {
    const found = [
      computer("WEB1"),
      computer("web2"),
      computer("DB1"),
      computer("WEB3", { userAccountControl: 4098 }),
      computer("WEB4", { creatorSID: "S-1-5-21-1-2-3-1107" }),
      computer("WEB5", { primaryGroupID: 516 }),
    ];
    expect(outcome({ found })).toEqual({ wanted: ["WEB1", "web2"], kept: [], reasons: [] });
    const { notes } = look({ found }).hosts;
    expect(notes.map(({ reason }) => reason)).toEqual(["HostNotTrusted"]);
    expect(notes[0]?.message).toContain("WEB4, WEB5");
  });

  test("nobody who was moved away while it was searched", () => {
    const away = computer("WEB2", { distinguishedName: `CN=WEB2,OU=Old,${BASE}` });
    const beside = computer("WEB3", { distinguishedName: `CN=WEB3,OU=X${OU}` });
    expect(outcome({ found: [computer("WEB1"), away, beside] })).toEqual({ wanted: ["WEB1"], kept: [], reasons: [] });
  });

  test("together with those that are named; and nobody who is quarantined, by the one or the other", () => {
    const named = anyComputer("WEB9");
    const situation: Situation = {
      hosts: { computers: ["WEB9", "WEB1"], quarantined: ["WEB2", "WEB9"] },
      found: [computer("WEB1"), computer("WEB2"), computer("WEB3")],
      others: [named],
    };
    expect(outcome(situation)).toEqual({ wanted: ["WEB1", "WEB3"], kept: [], reasons: [] });
    expect(look(situation).hosts.search).toMatchObject({ named: 1 });
  });

  test("nobody while more match than max: those who have the right keep it", () => {
    const found = computers(5);
    expect(outcome({ search: { max: 5 }, found })).toMatchObject({ reasons: [], kept: [] });
    const over: Situation = { search: { max: 4 }, found, record: { hosts: recordOf(found.slice(0, 2)) } };
    expect(outcome(over)).toEqual({ wanted: ["WEB0", "WEB1"], kept: ["WEB2", "WEB3", "WEB4"], reasons: ["HostLimitExceeded"] });
    expect(look(over).hosts.search?.record.hosts).toHaveLength(2);
    expect(look(over).hosts.blockers[0]?.message).toContain("5 computers match");
  });

  test("a computer that is too many is no host, so that its names are not the farm's to have", () => {
    const view = look({ search: { max: 1 }, found: computers(2) });
    expect(view.hosts.notAllowed.size).toBe(2);
  });
});

describe("who goes", () => {
  const all = computers(100);
  const record = { hosts: recordOf(all) };
  const without = (count: number): Situation => ({
    record,
    found: all.slice(count),
    others: all.slice(0, count).map((one) => ({ ...one, distinguishedName: one.distinguishedName.replace(OU, `OU=Old,${BASE}`) })),
  });

  test("as many as maxRemoval says", () => {
    expect(outcome(without(20))).toMatchObject({ kept: [], reasons: [] });
    expect(look(without(20)).hosts.search?.record).toMatchObject({ removals: { since: "2026-11-26T12:00:00Z", count: 20, of: 100 } });
    expect(outcome(without(21))).toMatchObject({ reasons: ["ShrinkHeld"] });
    expect(outcome(without(21)).kept).toHaveLength(21);
    expect(look(without(21)).hosts.search?.record.hosts).toHaveLength(100);
    expect(look(without(21)).hosts.search?.record.removals).toBeUndefined();
  });

  test("how many are held is told, and only while they are", () => {
    const hosts = (situation: Situation): unknown => {
      const view = look(situation);
      return observedStatus(farm(), { view, plan: undefined, applied: [], failures: [], error: undefined }, view).hosts;
    };
    expect(hosts(without(21))).toMatchObject({ desired: 79, computers: 0, search: 79, held: 21 });
    expect(hosts(without(20))).toEqual({ desired: 80, granted: 0, summary: "0/80", computers: 0, search: 80 });
  });

  test("an entry that is not found does not hide that they are held; a quarantine that keeps nobody out is told first", () => {
    const hosts = { computers: ["NOBODY"], quarantined: ["TYPO"] };
    const reasons = ["QuarantineNotFound", "ShrinkHeld", "HostNotFound"];
    expect(outcome({ ...without(21), hosts }).reasons).toEqual(reasons);
    const over = { ...without(21), hosts, search: { max: 10 } };
    expect(outcome(over).reasons).toEqual(["QuarantineNotFound", "HostLimitExceeded", "ShrinkHeld", "HostNotFound"]);
  });

  test("three of few, whatever it says", () => {
    const few = computers(4);
    const situation = (count: number): Situation => ({
      record: { hosts: recordOf(few) },
      found: few.slice(count),
      others: few.slice(0, count),
    });
    expect(outcome(situation(3))).toMatchObject({ kept: [], reasons: [] });
    expect(outcome(situation(4))).toMatchObject({ reasons: ["ShrinkHeld"] });
  });

  test("those who went within the hour count, and later do not", () => {
    const removals = (since: number): Situation => ({
      ...without(6),
      record: { ...record, removals: { since: new Date(since).toISOString(), count: 15, of: 100 } },
    });
    expect(outcome(removals(NOW - HOUR + 1000))).toMatchObject({ reasons: ["ShrinkHeld"] });
    expect(outcome(removals(NOW - HOUR))).toMatchObject({ reasons: [], kept: [] });
    expect(look(removals(NOW - HOUR)).hosts.search?.record.removals).toMatchObject({ count: 6, of: 100 });
  });

  test("more once the annotation has their number, and by it no others", () => {
    const confirmed = (value: string, used?: string): Situation => ({
      ...without(50),
      record: { ...record, ...(used === undefined ? {} : { confirmedRemoval: used }) },
      annotations: { "serverfarm.dev/confirm-removal": value },
    });
    expect(outcome(confirmed("50"))).toMatchObject({ reasons: [], kept: [] });
    expect(look(confirmed("50")).hosts.search?.record).toMatchObject({ confirmedRemoval: "50" });
    for (const value of ["49", "51", "-50", "50x", "all"]) expect(outcome(confirmed(value))).toMatchObject({ reasons: ["ShrinkHeld"] });
    expect(outcome(confirmed("50", "50"))).toMatchObject({ reasons: ["ShrinkHeld"] });
    expect(look(confirmed("50", "50")).hosts.blockers[0]?.message).toContain("confirmed an earlier removal");
    expect(outcome(confirmed("50", "40"))).toMatchObject({ reasons: [] });
  });

  test("what is left of an annotation that was used is remembered as long as it is there", () => {
    const used = { ...record, confirmedRemoval: "50" };
    const after = (annotations: Readonly<Record<string, string>>): unknown =>
      look({ found: all, record: used, annotations }).hosts.search?.record.confirmedRemoval;
    expect(after({ "serverfarm.dev/confirm-removal": "50" })).toBe("50");
    expect(after({})).toBeUndefined();
  });

  test("whoever is quarantined, named or deleted is not counted", () => {
    const named = all.slice(0, 10).map(({ samAccountName = "" }) => samAccountName);
    const quarantined = all.slice(10, 20).map(({ samAccountName = "" }) => samAccountName);
    expect(outcome({ ...without(40), hosts: { computers: named, quarantined } })).toEqual({
      wanted: expect.any(Array),
      kept: [],
      reasons: [],
    });
    expect(outcome({ record, found: all.slice(50), gone: all.slice(0, 50).map(({ objectGUID }) => objectGUID) })).toMatchObject({
      reasons: [],
      kept: [],
    });
  });

  test("a disabled one, and one that is called otherwise now", () => {
    const [disabled, renamed, moved] = all;
    if (!disabled || !renamed || !moved) throw new Error("no computers");
    const now = [
      { ...disabled, userAccountControl: 4098 },
      { ...renamed, samAccountName: "OLD1$" },
    ];
    expect(outcome({ record, found: [...now, ...all.slice(2)] })).toMatchObject({ kept: [], reasons: [] });
    expect(outcome({ record, found: [...now, ...all.slice(2)] }).wanted).toHaveLength(98);
  });
});

describe("what is not known takes nothing from anybody", () => {
  const all = computers(3);
  const base: Situation = { record: { hosts: recordOf(all) }, others: all };
  const object = directoryObject({ distinguishedName: OU, objectClass: "organizationalUnit" });
  const CASES: readonly (readonly [string, Partial<ObservedSearch>, string])[] = [
    ["a page that failed", { found: undefined, failure: "busy" }, "DirectoryUnavailable"],
    ["a container that is missing", { container: { kind: "Missing" }, found: undefined }, "ContainerNotFound"],
    [
      "another container under its name",
      { container: { kind: "Replaced", object, before: undefined }, found: undefined },
      "ContainerReplaced",
    ],
    ["a container that is not for hosts", { container: { kind: "Refused", object }, found: undefined }, "InvalidSpec"],
    ["no container at all", { container: { kind: "Invalid", problem: "no name" }, found: undefined }, "InvalidSpec"],
  ];
  test.each(CASES)("%s", (_, observed, reason) => {
    expect(outcome({ ...base, observed })).toEqual({ wanted: [], kept: ["WEB0", "WEB1", "WEB2"], reasons: [reason] });
    const { search } = look({ ...base, observed }).hosts;
    expect(search?.record).toEqual(desiredOf(base).search?.record);
    expect(look({ ...base, observed }).hosts.blockers[0]?.message).toContain("adds and removes nobody");
  });

  test("members that cannot be read stay remembered; with every member read whoever is not seen has nothing left", () => {
    const unseen: Situation = { record: { hosts: recordOf(all) }, found: all.slice(0, 2) };
    expect(look({ ...unseen, unreadable: [`CN=WEB2,${OU}`] }).hosts.search?.record.hosts).toHaveLength(3);
    expect(look(unseen).hosts.search?.record.hosts).toHaveLength(2);
    const principals: Situation = {
      ...unseen,
      hosts: { grant: "Principals" },
      record: { hosts: all.map(({ objectGUID, objectSID = "" }) => ({ objectGUID, objectSID })) },
    };
    expect(look(principals).hosts.unseen.wanted).toEqual([all[2]?.objectSID]);
    expect(look(principals).hosts.search?.record.hosts?.every(({ objectSID }) => objectSID !== undefined)).toBe(true);
  });
});

describe("with tenants", () => {
  const granted = { kind: "Allowed", tenant: "web", hostContainers: [OU], hostNames: ["WEB*"] } as const;
  const strange = computer("WEB9", { creatorSID: "S-1-5-21-1-2-3-1107" });
  const away = { ...strange, distinguishedName: `CN=SECRET,OU=Other,${OU}` };

  test("nothing is said of whom the tenant may not know", () => {
    const inner = { ...granted, hostContainers: [`OU=Ours,${OU}`] };
    const reasons = (terms: Terms): readonly string[] => look({ found: [away], terms }).hosts.notes.map(({ reason }) => reason);
    expect(reasons({ granted: inner })).toEqual([]);
    expect(reasons({ granted })).toEqual(["HostNotTrusted"]);
  });

  test("whoever is held and not allowed keeps the right, and is no host whose names are the farm's to have", () => {
    const [one, other] = [computer("WEB1"), { ...computer("WEB2"), distinguishedName: `CN=WEB2,OU=Away,${BASE}` }];
    const record = { hosts: recordOf([one, other]) };
    const failed = look({ others: [one, other], record, observed: { found: undefined, failure: "busy" }, terms: { granted } });
    expect([names(failed.hosts.undecided), failed.hosts.notAllowed.size]).toEqual([["WEB1", "WEB2"], 1]);
    const gone = Array.from({ length: 3 }, (_, index) => computer(`WEB1${index}`));
    const shrunk = look({
      others: [one, other, ...gone],
      found: [],
      record: { hosts: recordOf([one, other, ...gone]) },
      terms: { granted },
    });
    expect(shrunk.hosts.blockers.map(({ reason }) => reason)).toEqual(["ShrinkHeld"]);
    expect([shrunk.hosts.undecided.size, shrunk.hosts.notAllowed.size]).toEqual([5, 1]);
  });
});

test("a container that was moved is searched on, and its new name is told once", () => {
  const moved = { ...CONTAINER, distinguishedName: `OU=Web,OU=New,${BASE}` };
  const { hosts } = look({ found: computers(1), observed: { container: { kind: "Known", object: moved, moved: true } } });
  expect(hosts.notes).toEqual([expect.objectContaining({ reason: "HostMoved" })]);
  expect(hosts.notes[0]?.message).toContain(`it is now ${moved.distinguishedName}`);
  expect(hosts.search?.record).toMatchObject({ container: OU, distinguishedName: moved.distinguishedName });
});

test("a farm without a search remembers none", () => {
  const desired = desiredFarm(farm(), FACTS, CLUSTER, []).desired;
  const directory = new SimulatedDirectory();
  expect(viewOf(desired, directory.seenBy(desired)).hosts.search).toBeUndefined();
  expect(plan(viewOf(desired, directory.seenBy(desired))).blockers.map(({ reason }) => reason)).not.toContain("ContainerNotFound");
});
