/** Who may retrieve the password, entry by entry: who is put in, who is taken out, and what is said of each. */
import { describe, expect, test } from "vitest";
import { ACCOUNT_CLASS, type DirectoryObject, type Retrievers } from "../../../src/ad/object.ts";
import type { ServerFarmStatus } from "../../../src/api/generated/server-farm.ts";
import type { Plan } from "../../../src/farm/changes/index.ts";
import type { ObservedFarm } from "../../../src/farm/observed.ts";
import { PRINCIPALS, planRetrievers } from "../../../src/farm/plan/retrievers.ts";
import { viewOf } from "../../../src/farm/view.ts";
import { BASE, computer, desired, directoryObject, farm } from "../simulation.ts";

type Spec = Parameters<typeof farm>[0];
const { owner } = desired();
const [WEB01, WEB02, WEB03] = [computer("WEB01"), computer("WEB02"), computer("WEB03")];
const EVE = "S-1-5-21-1-2-3-666";
const sid = ({ objectSID = "" }: DirectoryObject): string => objectSID;
const dn = ({ distinguishedName }: DirectoryObject): string => distinguishedName;

const group = (name: string, members: readonly DirectoryObject[], fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=${name},CN=Users,${BASE}`,
    objectClass: "group",
    samAccountName: name,
    owner,
    members: members.map(dn),
    ...fields,
  });

interface Situation {
  readonly spec: Spec;
  readonly list: Partial<Retrievers> | undefined;
  readonly groups?: readonly DirectoryObject[];
  readonly computers?: readonly DirectoryObject[];
  readonly status?: ServerFarmStatus;
  readonly fields?: Partial<DirectoryObject>;
  readonly observed?: Partial<ObservedFarm>;
}

function planned({ spec, list, groups = [], computers = [WEB01, WEB02], status, fields, observed: seen }: Situation): Plan {
  const account = directoryObject({
    distinguishedName: `CN=itfarm1,CN=Managed Service Accounts,${BASE}`,
    objectClass: ACCOUNT_CLASS,
    samAccountName: "itfarm1$",
    owner,
    retrievers: list && { principals: [], denied: [], foreign: [], ...list },
    ...fields,
  });
  const observed = {
    objects: [...groups, account],
    computers,
    unexplainedPrincipals: [],
    membersAmong: new Map(),
    primaryMembers: [],
    gone: [],
    missing: [],
    unreadable: [],
    ...seen,
  };
  return planRetrievers(viewOf(desired(spec, status), observed));
}

/** The one change, or undefined where the list is as it should be. */
function change(situation: Situation) {
  const [first, ...rest] = planned(situation).changes;
  expect(rest).toEqual([]);
  if (first === undefined) return undefined;
  if (first.kind !== "SetRetrievers") throw new Error(first.kind);
  const { retrievers, denied, add, remove, because } = first;
  return { retrievers, denied, add, remove, because };
}

const BOTH = { computers: ["WEB01", "WEB02"] };

describe("with a group", () => {
  const hosts = group("itfarm1Hosts", [WEB01, WEB02]);

  test("the group alone is named: whoever else is goes, whether it is known or not", () => {
    expect(change({ spec: { hosts: BOTH }, list: { principals: [sid(hosts)] }, groups: [hosts] })).toBeUndefined();
    expect(change({ spec: { hosts: BOTH }, list: { principals: [EVE, sid(hosts), sid(WEB01)] }, groups: [hosts] })).toEqual({
      retrievers: [sid(hosts)],
      denied: [],
      add: [],
      remove: [],
      because: [`no longer allow ${EVE}, which is not an object of this domain`, "no longer allow WEB01"],
    });
    expect(change({ spec: { hosts: BOTH }, list: undefined, groups: [hosts] })).toEqual({
      retrievers: [sid(hosts)],
      denied: [],
      add: [],
      remove: [],
      because: ["allow itfarm1Hosts"],
    });
  });

  test("entries that deny and what is not understood go, each with a word", () => {
    const list = { principals: [sid(hosts)], denied: [sid(WEB02)], foreign: ["an entry of type 5"] };
    expect(change({ spec: { hosts: BOTH }, list, groups: [hosts] })).toEqual({
      retrievers: [sid(hosts)],
      denied: [],
      add: [],
      remove: [],
      because: ["remove the deny entry for WEB02", "remove an entry of type 5"],
    });
  });

  test("while it is not filled, those by whom wanted hosts have the right stay, and nobody else", () => {
    const half = group("itfarm1Hosts", [WEB01]);
    const former = group("Former", [WEB02, WEB03]);
    const empty = group("Empty", [WEB03]);
    const others = group("Others", [WEB02], { owner: undefined });
    const list = { principals: [sid(former), sid(empty), sid(others), sid(WEB01), sid(WEB03), EVE] };
    const groups = [half, former, empty, others];
    expect(change({ spec: { hosts: BOTH }, list, groups, computers: [WEB01, WEB02, WEB03] })?.retrievers).toEqual([
      sid(former),
      sid(WEB01),
      sid(half),
    ]);
    // A group of others that the farm put hosts into bears the right as well: that one, and no other.
    const formerHostGroups = [{ objectGUID: others.objectGUID, distinguishedName: dn(others), added: [WEB02.objectGUID] }];
    const status = { observedGeneration: 1, formerHostGroups };
    const remembered = change({ spec: { hosts: BOTH }, list, groups, computers: [WEB01, WEB02, WEB03], status });
    expect(remembered?.retrievers).toEqual([sid(former), sid(others), sid(WEB01), sid(half)]);
    // Filled, it is alone.
    expect(change({ spec: { hosts: BOTH }, list, groups: [hosts, former, others], status })?.retrievers).toEqual([sid(hosts)]);
  });

  test("of somebody else, a quarantined host is kept out by name", () => {
    const theirs = group("Theirs", [WEB01, WEB02], { owner: undefined });
    const spec = { hosts: { computers: ["WEB01"], quarantined: ["WEB02"], group: { name: "Theirs", existing: true } } };
    expect(change({ spec, list: { principals: [sid(theirs)] }, groups: [theirs] })).toEqual({
      retrievers: [sid(theirs)],
      denied: [sid(WEB02)],
      add: [],
      remove: [],
      because: ["deny WEB02, which is quarantined"],
    });
    expect(change({ spec, list: { principals: [sid(theirs)], denied: [sid(WEB02)] }, groups: [theirs] })).toBeUndefined();
  });

  test("that is not there yet, nothing is changed but for the sake of a quarantined host", () => {
    const list = { principals: [sid(WEB02), EVE] };
    expect(change({ spec: { hosts: BOTH }, list })).toBeUndefined();
    const urgent = change({ spec: { hosts: { computers: ["WEB01"], quarantined: ["WEB02"] } }, list });
    expect(urgent).toMatchObject({ denied: [sid(WEB02)] });
    expect(urgent?.retrievers).not.toContain(sid(WEB02));
  });

  test("without a SID, the list stays as it is", () => {
    const nameless = group("itfarm1Hosts", [WEB01, WEB02], { objectSID: undefined });
    expect(change({ spec: { hosts: BOTH }, list: { principals: [EVE] }, groups: [nameless] })).toBeUndefined();
  });
});

describe("named directly", () => {
  const spec = { hosts: { ...BOTH, grant: "Principals" as const } };

  test("each wanted host is, and who is not goes: hosts by name, others in words", () => {
    expect(change({ spec, list: { principals: [sid(WEB01), sid(WEB02)] } })).toBeUndefined();
    expect(change({ spec, list: { principals: [sid(WEB03), EVE, sid(WEB01)] }, computers: [WEB01, WEB02, WEB03] })).toEqual({
      retrievers: [sid(WEB01), sid(WEB02)],
      denied: [],
      add: [dn(WEB02)],
      remove: [dn(WEB03)],
      because: [`no longer allow ${EVE}, which is not an object of this domain`],
    });
  });

  test("a group that bears no wanted host is not kept", () => {
    const strange = group("Strange", [WEB03]);
    expect(change({ spec, list: { principals: [sid(strange)] }, groups: [strange] })?.retrievers).toEqual([sid(WEB01), sid(WEB02)]);
  });

  test("as many as a list takes have it by name alone: the group that they had it by before goes", () => {
    const many = Array.from({ length: PRINCIPALS }, (_, index) => computer(`MANY${index}`));
    const former = group("Former", many);
    const full = { grant: "Principals" as const, computers: many.map(({ samAccountName = "" }) => samAccountName) };
    const situation = { spec: { hosts: full }, list: { principals: [sid(former)] }, groups: [former], computers: many };
    expect(change(situation)?.retrievers).toEqual(many.map(sid));
  });

  test("as many as a list takes, and not one more; then it is said", () => {
    const many = Array.from({ length: PRINCIPALS + 1 }, (_, index) => computer(`MANY${index}`));
    const farmOf = (count: number): Situation => ({
      spec: { hosts: { grant: "Principals", computers: many.slice(0, count).map(({ samAccountName = "" }) => samAccountName) } },
      list: {},
      computers: many,
    });
    expect(planned(farmOf(PRINCIPALS)).blockers).toEqual([]);
    expect(change(farmOf(PRINCIPALS))?.retrievers).toHaveLength(PRINCIPALS);
    expect(planned(farmOf(PRINCIPALS + 1)).blockers).toMatchObject([
      { reason: "InvalidSpec", part: "Hosts", message: expect.stringContaining("can name 1800 computers, not 1801") },
    ]);
    expect(change(farmOf(PRINCIPALS + 1))?.retrievers).toHaveLength(PRINCIPALS);
  });

  test("nor does it keep more out: that is said", () => {
    const many = Array.from({ length: PRINCIPALS }, (_, index) => computer(`MANY${index}`));
    const farmOf = (count: number): Situation => ({
      spec: { hosts: { quarantined: many.slice(0, count).map(({ samAccountName = "" }) => samAccountName) } },
      list: {},
      computers: many,
    });
    expect(planned(farmOf(PRINCIPALS - 1)).blockers).toEqual([]);
    expect(planned(farmOf(PRINCIPALS)).blockers).toMatchObject([
      {
        reason: "InvalidSpec",
        part: "Hosts",
        message: expect.stringContaining("means 1800 computers, and an account's list can deny 1799"),
      },
    ]);
  });
});

test("an account that is not the farm's is not changed", () => {
  const hosts = group("itfarm1Hosts", [WEB01, WEB02]);
  const list = { principals: [EVE] };
  expect(change({ spec: { hosts: BOTH }, list, groups: [hosts], fields: { owner: undefined } })).toBeUndefined();
  expect(change({ spec: { hosts: BOTH }, list, groups: [hosts], fields: { protection: "it is built in" } })).toBeUndefined();
});

describe("who is kept out by name", () => {
  const hosts = group("itfarm1Hosts", [WEB01]);

  test("is said to be so once: who is new among them, and who is so no more", () => {
    const spec = { hosts: { computers: ["WEB01"], quarantined: ["WEB02", "WEB03"] } };
    const list = { principals: [sid(hosts)], denied: [sid(WEB02), EVE] };
    expect(change({ spec, list, groups: [hosts], computers: [WEB01, WEB02, WEB03] })).toMatchObject({
      denied: [sid(WEB02), sid(WEB03)],
      because: ["deny WEB03, which is quarantined", `remove the deny entry for ${EVE}, which is not an object of this domain`],
    });
  });

  test("for being a member by its primary group is said to be that, unless it is quarantined", () => {
    const primaryGroupID = Number(sid(hosts).split("-").at(-1));
    const [stranger, quarantined] = [
      { ...WEB02, primaryGroupID },
      { ...WEB03, primaryGroupID },
    ];
    const situation = {
      spec: { hosts: { computers: ["WEB01"], quarantined: ["WEB03"] } },
      list: { principals: [sid(hosts)] },
      groups: [hosts],
      computers: [WEB01, quarantined],
      observed: { primaryMembers: [stranger, quarantined] },
    };
    expect(change(situation)).toMatchObject({
      denied: [sid(WEB03), sid(WEB02)],
      because: ["deny WEB03, which is quarantined", "deny WEB02, which is a member by its primary group"],
    });
  });

  test("are as many as a list takes, with one entry left for those who may", () => {
    const many = Array.from({ length: PRINCIPALS + 1 }, (_, index) => computer(`Q${index}`));
    const names = (list: readonly DirectoryObject[]): readonly string[] => list.map(({ samAccountName = "" }) => samAccountName);
    const all = change({ spec: { hosts: { quarantined: names(many) } }, list: {}, groups: [hosts], computers: many });
    expect(all?.denied).toHaveLength(PRINCIPALS - 1);
    expect(all?.retrievers).toEqual([sid(hosts)]);
    const mixed = { grant: "Principals" as const, computers: names(many.slice(10)), quarantined: names(many.slice(0, 10)) };
    const both = change({ spec: { hosts: mixed }, list: {}, computers: many });
    expect(both?.denied).toHaveLength(10);
    expect(both?.retrievers).toHaveLength(PRINCIPALS - 10);
  });

  test("while it is not decided what the list should say: what is not understood stays until then, and so do entries that deny", () => {
    const list = { principals: [EVE], denied: [sid(WEB02)], foreign: ["an entry of type 5"] };
    expect(change({ spec: { hosts: BOTH }, list })).toBeUndefined();
    const urgent = change({ spec: { hosts: { computers: ["WEB01"], quarantined: ["WEB03"] } }, list, computers: [WEB01, WEB02, WEB03] });
    expect(urgent).toMatchObject({ retrievers: [EVE], denied: [sid(WEB03), sid(WEB02)] });
  });
});

describe("a group that is in the list and bears wanted hosts", () => {
  test("of somebody else, which the farm never used, does not stay, whatever else is on its record", () => {
    const [half, strange] = [group("itfarm1Hosts", [WEB01]), group("Strange", [WEB02], { owner: undefined })];
    const formerHostGroups = [{ objectGUID: "another", distinguishedName: "CN=x", added: [WEB02.objectGUID] }];
    const status = { observedGeneration: 1, formerHostGroups };
    expect(change({ spec: { hosts: BOTH }, list: { principals: [sid(strange)] }, groups: [half, strange], status })?.retrievers).toEqual([
      sid(half),
    ]);
  });

  test("stays while one of its members cannot be read and may be a host that is not found", () => {
    const former = group("Former", [WEB03, WEB02]);
    const spec = { hosts: { computers: ["WEB01", "WEB02"], grant: "Principals" as const } };
    const list = { principals: [sid(former)] };
    const blind = { spec, list, groups: [former], computers: [WEB01] };
    expect(change({ ...blind, observed: { unreadable: [dn(WEB02)] } })?.retrievers).toEqual([sid(former), sid(WEB01)]);
    expect(change(blind)?.retrievers).toEqual([sid(WEB01)]);
  });
});

test("with a group, any number of hosts is not too many", () => {
  const many = Array.from({ length: PRINCIPALS + 1 }, (_, index) => computer(`MANY${index}`));
  const spec = { hosts: { computers: many.map(({ samAccountName = "" }) => samAccountName) } };
  expect(planned({ spec, list: {}, groups: [group("itfarm1Hosts", many)], computers: many }).blockers).toEqual([]);
});
