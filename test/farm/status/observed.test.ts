/** What of a look goes into a farm's status: what must not be forgotten, and what is done with. */
import { describe, expect, test } from "vitest";
import type { ServerFarmStatus } from "../../../src/api/generated/server-farm.ts";
import { DirectoryError } from "../../../src/ad/error.ts";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../../src/ad/object.ts";
import type { SharingFarm } from "../../../src/farm/desired-farm.ts";
import type { ObservedFarm } from "../../../src/farm/observed.ts";
import type { Report } from "../../../src/farm/report.ts";
import { carriedOver, observedStatus } from "../../../src/farm/status/observed.ts";
import { viewOf } from "../../../src/farm/view.ts";
import { lookupKey } from "../../../src/names/identifier.ts";
import { BASE, computer, CONSENT, desired, directoryObject, farm, SimulatedDirectory } from "../simulation.ts";

type Spec = NonNullable<Parameters<typeof farm>[0]>;
const { owner } = desired();
const ANOTHERS = "serverfarm.dev cluster=8a1f farm=web/other";
const [WEB01, WEB02] = [computer("WEB01"), computer("WEB02")] as const;
const sid = ({ objectSID = "" }: DirectoryObject): string => objectSID;
const group = (name: string, fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=${name},OU=Farms,${BASE}`, objectClass: "group", samAccountName: name, owner, ...fields });
const account = (fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
    objectClass: ACCOUNT_CLASS,
    samAccountName: "itfarm1$",
    owner,
    ...fields,
  });
const names = (...principals: readonly DirectoryObject[]) => ({ principals: principals.map(sid), denied: [], foreign: [] });
const known = (status: Partial<ServerFarmStatus>): ServerFarmStatus => ({ observedGeneration: 1, ...status });

interface Seen {
  readonly objects?: readonly DirectoryObject[];
  readonly spec?: Spec;
  readonly status?: ServerFarmStatus;
  readonly observed?: Partial<ObservedFarm>;
  readonly report?: Partial<Report>;
  /** The connection was lost: the last look was before a write that may have happened. */
  readonly interrupted?: boolean;
  readonly sharing?: readonly SharingFarm[];
}

function statusOf({
  objects = [],
  spec = {},
  status,
  observed = {},
  report = {},
  interrupted = false,
  sharing = [],
}: Seen): Partial<ServerFarmStatus> {
  const wanted = desired(spec, status, sharing);
  const view = viewOf(wanted, { ...new SimulatedDirectory([], [WEB01, WEB02]).seenBy(wanted), objects, adopted: undefined, ...observed });
  const error = interrupted ? new DirectoryError("OutcomeUnknown", "lost") : undefined;
  return observedStatus(farm(spec, status), { view, plan: undefined, applied: [], failures: [], error, ...report }, view);
}

describe("what the farm owns", () => {
  const guids = (seen: Seen): readonly string[] =>
    (statusOf(seen).ownedObjects ?? []).map(({ kind, objectGUID }) => `${kind} ${objectGUID}`);
  const [hosts, share, own] = [
    group("itfarm1Hosts", { objectGUID: "h" }),
    group("Share", { objectGUID: "s" }),
    account({ objectGUID: "a" }),
  ];
  const spec = { accessGroups: [{ name: "Share", existing: false }] };

  test("is what bears its marker, by kind, in one order", () => {
    const others = [group("X", { owner: ANOTHERS }), group("Y", { owner: undefined }), directoryObject({ ...WEB01, owner })];
    const more = group("Former", { objectGUID: "f" });
    expect(guids({ objects: [share, hosts, ...others, own, more], spec })).toEqual([
      "Account a",
      "HostGroup f",
      "HostGroup h",
      "AccessGroup s",
    ]);
    expect(statusOf({ objects: [own] }).ownedObjects).toEqual([
      { kind: "Account", objectGUID: "a", distinguishedName: own.distinguishedName },
    ]);
  });

  test("does not begin with what is protected, and stays what was protected since: it is still to be removed in the end", () => {
    const guarded = { ...hosts, protection: "it is built in" };
    expect(guids({ objects: [guarded] })).toEqual([]);
    expect(guids({ objects: [guarded], status: known({ ownedObjects: [{ kind: "HostGroup", objectGUID: "h" }] }) })).toEqual([
      "HostGroup h",
    ]);
  });

  const ownedObjects = [
    { kind: "Account" as const, objectGUID: "a" },
    { kind: "HostGroup" as const, objectGUID: "h" },
  ];
  test("is forgotten once it is gone, and not while it may only not be seen", () => {
    const status = known({ ownedObjects });
    expect(guids({ objects: [own], status })).toEqual(["Account a"]);
    expect(guids({ objects: [own], status, observed: { missing: ["h"] } })).toEqual(["Account a", "HostGroup h"]);
    expect(guids({ objects: [own], status, observed: { missing: ["x"] } })).toEqual(["Account a"]);
    expect(guids({ objects: [own], status, interrupted: true })).toEqual(["Account a", "HostGroup h"]);
    expect(guids({ objects: [own, hosts], status, interrupted: true })).toEqual(["Account a", "HostGroup h"]);
    expect(guids({ objects: [own], interrupted: true })).toEqual(["Account a"]);
  });
});

describe("the account", () => {
  const known0 = { distinguishedName: "CN=before", objectGUID: "a" };

  test("is said as it is, with what is known of its password", () => {
    const own = account({
      objectGUID: "a",
      objectSID: "S-1-5-21-1-2-3-9",
      passwordLastSet: Date.UTC(2026, 0, 2),
      passwordIntervalDays: 30,
      passwordKey: { rootKeyId: "key", cycleStart: Date.UTC(2026, 0, 1) },
    });
    expect(statusOf({ objects: [own] }).account).toStrictEqual({
      distinguishedName: own.distinguishedName,
      objectGUID: "a",
      objectSID: "S-1-5-21-1-2-3-9",
      samAccountName: "itfarm1$",
      passwordLastChanged: "2026-01-02T00:00:00Z",
      passwordNextChange: "2026-01-31T00:00:00Z",
      kdsRootKeyID: "key",
    });
    const bare = account({ objectSID: undefined, samAccountName: undefined });
    expect(statusOf({ objects: [bare] }).account).toStrictEqual({ distinguishedName: bare.distinguishedName, objectGUID: bare.objectGUID });
  });

  test("stays on record while it must not be touched, or is not seen yet; not once it is gone", () => {
    const guarded = account({ objectGUID: "a", protection: "it is built in" });
    expect(statusOf({ objects: [guarded] }).account?.distinguishedName).toBe(guarded.distinguishedName);
    expect(statusOf({ objects: [account({ owner: ANOTHERS })] })).not.toHaveProperty("account");
    expect(statusOf({ objects: [group("itfarm1")] })).not.toHaveProperty("account");
    expect(statusOf({ status: known({ account: known0 }), observed: { missing: ["a"] } }).account).toEqual(known0);
    expect(statusOf({ status: known({ account: known0 }) })).not.toHaveProperty("account");
    expect(statusOf({ observed: { missing: ["a"] } })).not.toHaveProperty("account");
  });

  test("that is not seen has no name on record any more once another has it", () => {
    const status = known({ account: { ...known0, samAccountName: "itfarm1$" } });
    const taken = account({ objectGUID: "b", owner: ANOTHERS });
    expect(statusOf({ status, observed: { missing: ["a"] } }).account).toEqual(status.account);
    expect(statusOf({ objects: [taken], status, observed: { missing: ["a"] } }).account).toEqual(known0);
    expect(statusOf({ objects: [taken], status })).not.toHaveProperty("account");
    const other = account({ objectGUID: "b", owner: ANOTHERS, samAccountName: "other$" });
    expect(statusOf({ objects: [other], status, observed: { missing: ["a"] } }).account).toEqual(status.account);
  });

  test("is its own, and not what the farm owned before under another name", () => {
    const old = account({ samAccountName: "old$", distinguishedName: "CN=old" });
    expect(statusOf({ objects: [old, account()] }).account?.distinguishedName).toBe(`CN=itfarm1,OU=Farms,${BASE}`);
  });
});

describe("hosts that may retrieve the password", () => {
  const spec = { hosts: { computers: ["WEB01", "WEB02", "GHOST"] } };
  const summary = (seen: Seen): string | undefined => statusOf({ spec, ...seen }).hosts?.summary;
  const hosts = group("itfarm1Hosts", { members: [WEB01.distinguishedName] });

  test.each<[string, Seen, string]>([
    ["by a group that the list names", { objects: [hosts, account({ retrievers: names(hosts) })] }, "1/3"],
    ["by name", { objects: [account({ retrievers: names(WEB01, WEB02) })] }, "2/3"],
    ["not by a group that it does not name", { objects: [hosts, account({ retrievers: names() })] }, "0/3"],
    ["not without a list", { objects: [hosts, account()] }, "0/3"],
    [
      "not where an entry denies it",
      { objects: [hosts, account({ retrievers: { ...names(hosts, WEB02), denied: [sid(WEB01)] } })] },
      "1/3",
    ],
    [
      "by any of several groups",
      { objects: [group("Empty", { objectGUID: "e" }), hosts].flatMap((one) => [one, account({ retrievers: names(group("x"), hosts) })]) },
      "1/3",
    ],
    [
      "by a group that nobody explains",
      { objects: [account({ retrievers: names(hosts) })], observed: { unexplainedPrincipals: [hosts] } },
      "1/3",
    ],
    [
      "by an account that bears the name, whoever owns it",
      { objects: [hosts, account({ owner: "a note", retrievers: names(hosts) })] },
      "1/3",
    ],
    ["not by another account", { objects: [hosts, account({ owner: "a note", samAccountName: "x$", retrievers: names(hosts) })] }, "0/3"],
    [
      "not by what is no account and bears its name",
      { objects: [hosts, account({ objectClass: "user", retrievers: names(hosts) })] },
      "0/3",
    ],
    [
      "by the farm's own, where another one bears the name it had",
      {
        objects: [
          hosts,
          account({ owner: undefined, distinguishedName: "CN=x" }),
          account({ objectGUID: "a", samAccountName: "new$", retrievers: names(hosts) }),
        ],
        status: known({ ownedObjects: [{ kind: "Account", objectGUID: "a" }] }),
      },
      "1/3",
    ],
  ])("are counted %s", (_, seen, expected) => {
    expect(summary(seen)).toBe(expected);
  });

  test("without SID are none", () => {
    const nameless = { ...WEB01, objectSID: undefined };
    expect(summary({ objects: [hosts, account({ retrievers: names(hosts) })], observed: { computers: [nameless, WEB02] } })).toBe("0/3");
    const odd = { ...hosts, objectSID: undefined };
    expect(summary({ objects: [odd, account({ retrievers: names() })] })).toBe("0/3");
  });

  test("and what is wrong with the others is listed, as far as a status goes; whom entries mean is remembered", () => {
    const { hostIssues, resolvedHosts } = statusOf({ spec: { hosts: { computers: ["WEB01", "GHOST", "CN="], quarantined: ["TYPO"] } } });
    expect(hostIssues?.map(({ computer: one, reason }) => `${one} ${reason}`)).toEqual(["CN= InvalidSpec", "GHOST HostNotFound"]);
    expect(resolvedHosts).toEqual([{ reference: "WEB01", objectGUID: WEB01.objectGUID, objectSID: WEB01.objectSID }]);
    const many = Array.from({ length: 101 }, (_, index) => `GHOST${index}`);
    expect(statusOf({ spec: { hosts: { computers: many } } }).hostIssues).toHaveLength(100);
    expect(statusOf({})).not.toHaveProperty("resolvedHosts");
  });
});

describe("who was put into groups of others", () => {
  const shared = group("Shared", { owner: undefined, objectGUID: "g" });
  const uses = { hosts: { computers: ["WEB01"], group: { name: "Shared", existing: true } } };
  const among = (...computers: readonly DirectoryObject[]) => ({
    membersAmong: new Map([["g", new Set(computers.map(({ objectGUID }) => objectGUID))]]),
  });
  const record = (...added: readonly DirectoryObject[]) => ({
    objectGUID: "g",
    distinguishedName: "CN=before",
    added: added.map(({ objectGUID }) => objectGUID),
  });
  const current = known({ hostGroup: { ...record(WEB01), name: "Shared" } });
  const former = (...added: readonly DirectoryObject[]): ServerFarmStatus => known({ formerHostGroups: [record(...added)] });

  test("is remembered of the group that is used, while they are in, under the name that the farm has for it", () => {
    expect(statusOf({ objects: [shared], spec: uses, status: current, observed: among(WEB01) }).hostGroup).toEqual({
      distinguishedName: shared.distinguishedName,
      objectGUID: "g",
      objectSID: shared.objectSID,
      name: "Shared",
      added: [WEB01.objectGUID],
    });
    expect(statusOf({ objects: [shared], spec: uses, status: current }).hostGroup?.added).toEqual([]);
    // One that is used for the first time is on record too, with nobody in it.
    expect(statusOf({ objects: [shared], spec: uses }).hostGroup).toMatchObject({ objectGUID: "g", name: "Shared", added: [] });
    const again = statusOf({ objects: [shared], spec: uses, status: former(WEB01), observed: among(WEB01) });
    expect([again.hostGroup?.name, again.hostGroup?.added, again.formerHostGroups]).toEqual(["Shared", [WEB01.objectGUID], undefined]);
  });

  test("is remembered beside those of other groups", () => {
    const other = { objectGUID: "o", distinguishedName: "CN=o", added: ["c"] };
    const status = statusOf({ objects: [shared], spec: uses, status: known({ formerHostGroups: [other] }) });
    expect(status.hostGroup).toMatchObject({ objectGUID: "g", name: "Shared", added: [] });
    expect(status.formerHostGroups).toEqual([other]);
  });

  test("is remembered of a group that is used no more until they are out, and until the account names it no more", () => {
    const direct = { hosts: { grant: "Principals" as const } };
    const left = (seen: Seen) => statusOf({ spec: direct, status: former(WEB01), ...seen }).formerHostGroups;
    expect(left({ objects: [shared], observed: among(WEB01) })).toEqual([
      { ...record(WEB01), distinguishedName: shared.distinguishedName },
    ]);
    expect(left({ objects: [shared] })).toBeUndefined();
    expect(left({ objects: [shared, account({ retrievers: names(shared) })] })).toHaveLength(1);
    expect(left({ objects: [shared, account({ retrievers: names() })] })).toBeUndefined();
    expect(left({ objects: [shared, account()] })).toBeUndefined();
    const nameless = { ...shared, objectSID: undefined };
    expect(left({ objects: [nameless, account({ retrievers: names(nameless) })] })).toBeUndefined();
    // Of an account that must not be touched now it is not known whom it names later.
    expect(left({ objects: [shared, account({ protection: "it is built in" })] })).toHaveLength(1);
    expect(
      left({
        objects: [shared, account({ owner: CONSENT, dnsHostName: "itfarm1.contoso.com" })],
        spec: { ...direct, adoptionPolicy: "Unowned" },
      }),
    ).toBeUndefined();
  });

  test("is not forgotten of a group that is not seen, nor on the ground of a look before a write that may have happened", () => {
    const direct = { hosts: { grant: "Principals" as const } };
    expect(statusOf({ spec: direct, status: former(WEB01) }).formerHostGroups).toEqual([record(WEB01)]);
    expect(statusOf({ objects: [shared], spec: direct, status: former(WEB01), interrupted: true }).formerHostGroups).toEqual([
      record(WEB01),
    ]);
  });

  test("is not remembered of a group that is the farm's own now", () => {
    const own = { ...shared, owner };
    const spec = { hosts: { computers: ["WEB01"], group: { name: "Shared", existing: false } } };
    const status = statusOf({ objects: [own], spec, status: current, observed: among(WEB01) });
    expect(status.hostGroup).toEqual({ distinguishedName: own.distinguishedName, objectGUID: "g", objectSID: own.objectSID });
    expect(status.formerHostGroups).toBeUndefined();
    // Of another group than that it is.
    const hosts = group("itfarm1Hosts");
    const beside = statusOf({ objects: [hosts, shared], status: former(WEB01), observed: among(WEB01) });
    expect([beside.hostGroup?.objectGUID, beside.formerHostGroups?.length]).toEqual([hosts.objectGUID, 1]);
  });

  test("is remembered of a group that may not be used any more, as the one that is in use", () => {
    const other = {
      key: "db/x",
      standing: { namespace: "db", created: "", uid: "" },
      uses: undefined,
      hosts: new Set<string>(),
      quarantined: new Set<string>(),
      claimed: new Set(["g"]),
      added: new Map(),
    };
    const wanted = desired(uses, current, [other]);
    const observed = { ...new SimulatedDirectory([], [WEB01, WEB02]).seenBy(wanted), objects: [shared], ...among(WEB01) };
    const view = viewOf({ ...wanted, standing: { namespace: "web", created: "x", uid: "u" } }, observed);
    expect(view.hostGroup.kind).toBe("Blocked");
    const status = observedStatus(farm(uses, current), { view, plan: undefined, applied: [], failures: [], error: undefined }, view);
    expect(status.hostGroup).toMatchObject({ objectGUID: "g", name: "Shared", added: [WEB01.objectGUID] });
    expect(status.formerHostGroups).toBeUndefined();
  });

  test("is not decided anew by a farm that is only observed: whoever it put in and who is in stays on its record", () => {
    const before = known({ hostGroup: { ...record(WEB01, WEB02), name: "Shared" } });
    // Another farm has one of them on its record by now, so that a farm that writes forgets it.
    const other: SharingFarm = {
      key: "web/x",
      standing: { namespace: "web", created: "", uid: "" },
      uses: { name: "shared", objectGUID: "g" },
      hosts: new Set([lookupKey("sAMAccountName", "WEB02$")]),
      quarantined: new Set(),
      claimed: new Set(),
      added: new Map([["g", new Set([WEB02.objectGUID])]]),
    };
    const added = (managementPolicy: "Enforce" | "Observe"): readonly string[] | undefined =>
      statusOf({
        objects: [shared],
        spec: { ...uses, managementPolicy },
        status: before,
        observed: among(WEB01, WEB02),
        sharing: [other],
      }).hostGroup?.added;
    expect(added("Observe")).toEqual([WEB01, WEB02].map(({ objectGUID }) => objectGUID).toSorted());
    expect(added("Enforce")).toEqual([WEB01.objectGUID]);
  });
});

describe("the groups that the account is in for access", () => {
  const [share, old] = [group("Share", { owner: undefined, objectGUID: "s" }), group("Old", { owner: undefined, objectGUID: "o" })];
  const spec = { accessGroups: [{ name: "Share", existing: true }] };
  const remembered = known({ accessGroups: [{ name: "Old", objectGUID: "o", distinguishedName: "CN=before" }] });
  const guids = (seen: Seen): readonly (string | undefined)[] | undefined =>
    statusOf({ spec, ...seen }).accessGroups?.map(({ objectGUID }) => objectGUID);
  const isIn = (...groups: readonly DirectoryObject[]): DirectoryObject =>
    account({ memberOf: groups.map(({ distinguishedName }) => distinguishedName) });

  test("are those that it is to be in, by the farm's name for each", () => {
    const seen = { name: "Share", objectGUID: "s", distinguishedName: share.distinguishedName };
    expect(statusOf({ spec, objects: [share, account()] }).accessGroups).toEqual([{ ...seen, member: false }]);
    expect(statusOf({ spec, objects: [share, isIn(share)] }).accessGroups).toEqual([seen]);
    // What was put on record right before the account was put in.
    const recorded = known({ accessGroups: [seen] });
    expect(statusOf({ spec, objects: [share, account()], status: recorded, interrupted: true }).accessGroups).toEqual([seen]);
    const own = { ...share, owner };
    expect(guids({ objects: [own, account()], spec: { accessGroups: [{ name: "Share", existing: false }] } })).toEqual(["s"]);
    expect(guids({ objects: [account()] }), "it is not there").toBeUndefined();
    expect(guids({ objects: [{ ...share, protection: "x" }, account()] }), "it must not be touched").toBeUndefined();
  });

  test("and those that it could not leave yet; one that it left is done with", () => {
    expect(guids({ objects: [share, old, isIn(old)], status: remembered })).toEqual(["s", "o"]);
    expect(guids({ objects: [share, old, isIn(share)], status: remembered })).toEqual(["s"]);
    const same = known({ accessGroups: [{ name: "Share", objectGUID: "s", distinguishedName: "CN=before" }] });
    expect(guids({ objects: [share, isIn(share)], status: same }), "once").toEqual(["s"]);
    const both = { accessGroups: ["Share", "Old"].map((name) => ({ name, existing: true })) };
    const status = known({ accessGroups: [...(same.accessGroups ?? []), ...(remembered.accessGroups ?? [])] });
    expect(guids({ objects: [share, old, isIn(share, old)], spec: both, status }), "each once").toEqual(["s", "o"]);
  });

  test("are not forgotten while that cannot be told", () => {
    expect(guids({ objects: [share, isIn()], status: remembered, observed: { missing: ["o"] } })).toEqual(["s", "o"]);
    expect(guids({ objects: [share, isIn()], status: remembered })).toEqual(["s"]);
    expect(guids({ objects: [share, old, isIn()], status: remembered, interrupted: true })).toEqual(["s", "o"]);
    expect(guids({ objects: [share, old, account({ protection: "x" })], status: remembered })).toEqual(["s", "o"]);
    expect(guids({ objects: [share, old], status: remembered }), "there is no account").toEqual(["s"]);
  });
});

test("with Observe the plan is listed, as far as a status goes; else there is none", () => {
  const change = (name: string) => ({ kind: "DeleteHostGroup" as const, object: { distinguishedName: name, objectGUID: "g", owner } });
  const many = Array.from({ length: 101 }, (_, index) => change(`CN=${index}`));
  const plan = { changes: [change("CN=a")], later: [change("CN=b")], blockers: [] };
  const observe = { managementPolicy: "Observe" as const };
  const line = (object: string) => ({ change: "DeleteHostGroup", object });
  expect(statusOf({ spec: observe, report: { plan } }).plan).toEqual([line("CN=a"), line("CN=b")]);
  expect(statusOf({ spec: observe, report: { plan: { ...plan, changes: many } } }).plan).toHaveLength(100);
  expect(statusOf({ spec: observe }).plan).toEqual([]);
  expect(statusOf({ report: { plan } })).not.toHaveProperty("plan");
});

test("what a reconcile does not decide stays; a request for one is echoed, as long as the schema takes it", () => {
  const one = farm({}, known({ account: { distinguishedName: "CN=x" }, plan: [] }));
  expect(carriedOver(one)).toEqual({ observedGeneration: 1, account: { distinguishedName: "CN=x" } });
  const asks = (text: string) => ({
    ...one,
    metadata: { ...one.metadata, annotations: { "serverfarm.dev/reconcile-requested-at": text } },
  });
  expect(carriedOver(asks("now")).lastHandledReconcileRequest).toBe("now");
  expect(carriedOver(asks("x".repeat(257))).lastHandledReconcileRequest).toBe("x".repeat(256));
});
