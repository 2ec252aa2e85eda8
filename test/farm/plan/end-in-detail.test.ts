/** The end of a farm, change by change: what goes, what is let go, and what of others is not touched. */
import { describe, expect, test } from "vitest";
import { ACCOUNT_CLASS, ADMIN_COUNT, type DirectoryObject } from "../../../src/ad/object.ts";
import type { DesiredFarm } from "../../../src/farm/desired-farm.ts";
import type { DecommissionPolicy } from "../../../src/farm/plan/decommission.ts";
import { BASE, computer, desired, directoryObject, planEndOf } from "../simulation.ts";

const DELETE: DecommissionPolicy = { retain: false, membersSettled: true };
const WEB = ["WEB01", "WEB02"].map(computer);
const [WEB01 = "", WEB02 = ""] = WEB.map(({ distinguishedName }) => distinguishedName);
const { owner } = desired();

const group = (name: string, fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=${name},${BASE}`, objectClass: "group", samAccountName: name, ...fields });
const account = (fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=itfarm1,${BASE}`, objectClass: ACCOUNT_CLASS, samAccountName: "itfarm1$", owner, ...fields });
const end = (wanted: DesiredFarm, objects: readonly DirectoryObject[], policy = DELETE) =>
  planEndOf(
    wanted,
    {
      objects,
      computers: WEB,
      missing: [],
      membersAmong: new Map(),
      unexplainedPrincipals: [],
      primaryMembers: [],
      gone: [],
      unreadable: [],
    },
    policy,
  );
const lines = (wanted: DesiredFarm, objects: readonly DirectoryObject[], policy = DELETE): readonly string[] =>
  end(wanted, objects, policy).changes.map((change) => {
    const { distinguishedName } = "object" in change ? change.object : change;
    return `${change.kind} ${distinguishedName.split(",")[0] ?? ""}`;
  });

describe("the account", () => {
  test.each([
    ["that nobody may retrieve", { principals: [], denied: [], foreign: [] }, ["DeleteAccount CN=itfarm1"]],
    ["whose list is not there", undefined, ["DeleteAccount CN=itfarm1"]],
    [
      "that somebody may retrieve",
      { principals: ["S-1-1-0"], denied: [], foreign: [] },
      ["SetRetrievers CN=itfarm1", "DeleteAccount CN=itfarm1"],
    ],
    [
      "that somebody is kept from",
      { principals: [], denied: ["S-1-1-0"], foreign: [] },
      ["SetRetrievers CN=itfarm1", "DeleteAccount CN=itfarm1"],
    ],
    [
      "with one that may and one that is kept out",
      { principals: ["S-1-1-0"], denied: ["S-1-5-11"], foreign: [] },
      ["SetRetrievers CN=itfarm1", "DeleteAccount CN=itfarm1"],
    ],
    [
      "with something unknown in its list",
      { principals: [], denied: [], foreign: ["x"] },
      ["SetRetrievers CN=itfarm1", "DeleteAccount CN=itfarm1"],
    ],
  ])("%s", (_, retrievers, expected) => {
    expect(lines(desired(), [account({ retrievers })])).toEqual(expected);
  });

  test("is emptied of everybody, and says why", () => {
    const { changes } = end(desired(), [account({ retrievers: { principals: ["S-1-1-0"], denied: [], foreign: [] } })]);
    expect(changes[0]).toMatchObject({ retrievers: [], denied: [], add: [], remove: [], because: ["the farm is being deleted"] });
  });

  test("leaves the groups of others that it was put into: those, and no others", () => {
    const named = [
      group("Left", {}),
      group("NotIn"),
      group("NotRemembered"),
      group("Protected", { protection: "it is built in" }),
      group("Own", { owner }),
      group("Anothers", { owner: "serverfarm.dev cluster=8a1f farm=web/other" }),
    ];
    const [left, notIn, notRemembered, guarded, own, anothers] = named;
    const accessGroups = [left, notIn, guarded, own, anothers].map((object) => ({
      name: object?.samAccountName ?? "",
      objectGUID: object?.objectGUID ?? "",
      distinguishedName: object?.distinguishedName ?? "",
    }));
    const memberOf = [left, notRemembered, guarded, own, anothers].map((object) => object?.distinguishedName ?? "");
    const wanted = desired({}, { observedGeneration: 1, accessGroups });
    const changes = lines(wanted, [...named, account({ memberOf })]);
    expect(changes.filter((line) => line.startsWith("Leave"))).toEqual(["LeaveAccessGroup CN=Left"]);
    expect(changes[0]).toBe("LeaveAccessGroup CN=Left");
    // Of one that must not be touched, and of one that is not there, nothing is changed.
    expect(lines(wanted, [...named, account({ memberOf, protection: ADMIN_COUNT })])).toEqual([]);
    expect(lines(wanted, named).filter((line) => line.startsWith("Leave"))).toEqual([]);
  });
});

describe("a group of the farm's own", () => {
  const hosts = group("itfarm1Hosts", { owner, members: [WEB01] });

  test("that the farm says is somebody else's is let go, without the hosts that it put in", () => {
    const existing = { group: { name: "itfarm1Hosts", existing: true }, computers: ["WEB01"] };
    const { changes } = end(desired({ hosts: existing }), [hosts]);
    expect(changes.map(({ kind }) => kind)).toEqual(["ChangeHosts", "Release"]);
    expect(changes[0]).toMatchObject({ add: [], remove: [WEB01] });
    expect(changes[1]).toMatchObject({ because: expect.stringMatching(/existing/) });
    // With another name, or where no group is wanted, it is only a group of the farm's own.
    expect(lines(desired({ hosts: { ...existing, group: { name: "Other", existing: true } } }), [hosts])).toEqual([
      "DeleteHostGroup CN=itfarm1Hosts",
    ]);
    expect(lines(desired({ hosts: { ...existing, grant: "Principals" } }), [hosts])).toEqual(["DeleteHostGroup CN=itfarm1Hosts"]);
    expect(lines(desired({ hosts: { ...existing, group: { name: "itfarm1Hosts", existing: false } } }), [hosts])).toEqual([
      "DeleteHostGroup CN=itfarm1Hosts",
    ]);
  });

  test("for access goes with the account as its only member, and is let go with another one", () => {
    const wanted = desired({ accessGroups: [{ name: "Share", existing: false }] });
    const own = account({ memberOf: [`CN=Share,${BASE}`] });
    const share = (members: readonly string[]): DirectoryObject => group("Share", { owner, members });
    const ends = (objects: readonly DirectoryObject[]): readonly string[] =>
      lines(wanted, objects).filter((line) => line.endsWith("Share"));
    expect(ends([share([own.distinguishedName]), own])).toEqual(["DeleteAccessGroup CN=Share"]);
    expect(ends([share([]), own])).toEqual(["DeleteAccessGroup CN=Share"]);
    expect(ends([share([own.distinguishedName, WEB02]), own])).toEqual(["LeaveAccessGroup CN=Share", "Release CN=Share"]);
    // Somebody else's account is a member like any other, and so is a group that has the marker.
    expect(ends([share([own.distinguishedName]), account({ owner: undefined })])).toEqual(["Release CN=Share"]);
    expect(ends([group("Decoy", { owner }), share([`CN=Decoy,${BASE}`]), own])).toEqual(["LeaveAccessGroup CN=Share", "Release CN=Share"]);
  });

  test("for access that the farm says is somebody else's is let go, whoever is in it", () => {
    const share = group("Share", { owner });
    const both = [
      { name: "Other", existing: false },
      { name: "Share", existing: true },
    ];
    expect(lines(desired({ accessGroups: both }), [share])).toEqual(["Release CN=Share"]);
    expect(lines(desired({ accessGroups: both.map(({ name }) => ({ name, existing: name === "Other" })) }), [share])).toEqual([
      "DeleteAccessGroup CN=Share",
    ]);
  });
});

test("hosts leave the groups of others that the farm put them into, and no others", () => {
  const [used, strange] = [group("Used", { members: [WEB01, WEB02] }), group("Strange", { members: [WEB01] })];
  const [web01] = WEB;
  const formerHostGroups = [{ objectGUID: used.objectGUID, distinguishedName: used.distinguishedName, added: [web01?.objectGUID ?? ""] }];
  const { changes } = end(desired({ hosts: { grant: "Principals" } }, { observedGeneration: 1, formerHostGroups }), [used, strange]);
  expect(changes).toMatchObject([
    { kind: "ChangeHosts", object: { objectGUID: used.objectGUID, owner: undefined }, add: [], remove: [WEB01] },
  ]);
  expect(changes).toHaveLength(1);
});

test("hosts leave the groups of others before the account or a group is deleted, which may be refused", () => {
  const [used, hosts] = [group("Used", { members: [WEB01] }), group("itfarm1Hosts", { owner })];
  const [web01] = WEB;
  const formerHostGroups = [{ objectGUID: used.objectGUID, distinguishedName: used.distinguishedName, added: [web01?.objectGUID ?? ""] }];
  const wanted = desired({ hosts: { computers: ["WEB01"] } }, { observedGeneration: 1, formerHostGroups });
  expect(lines(wanted, [hosts, used, account()])).toEqual([
    "ChangeHosts CN=Used",
    "DeleteAccount CN=itfarm1",
    "DeleteHostGroup CN=itfarm1Hosts",
  ]);
});

test("of a group that is the farm's own again, nothing is taken out: it goes as a whole", () => {
  const hosts = group("itfarm1Hosts", { owner, members: [WEB01] });
  const [web01] = WEB;
  const formerHostGroups = [{ objectGUID: hosts.objectGUID, distinguishedName: hosts.distinguishedName, added: [web01?.objectGUID ?? ""] }];
  expect(lines(desired({ hosts: { computers: ["WEB01"] } }, { observedGeneration: 1, formerHostGroups }), [hosts])).toEqual([
    "DeleteHostGroup CN=itfarm1Hosts",
  ]);
});

describe("what keeps the end back", () => {
  test("a protected account, with Retain too", () => {
    const objects = [account({ protection: ADMIN_COUNT }), group("itfarm1Hosts", { owner })];
    for (const retain of [false, true]) {
      const { changes, later, blockers } = end(desired(), objects, { ...DELETE, retain });
      expect([changes, later]).toEqual([[], []]);
      expect(blockers).toMatchObject([
        { reason: "ProtectedObject", part: "Account", message: expect.stringContaining("-Clear adminCount") },
      ]);
    }
  });

  test("what is built in is never to be cleared for the farm's sake", () => {
    const { blockers } = end(desired(), [group("Admins", { owner, protection: "it is built in (S-1-5-32-544)" })]);
    expect(blockers[0]?.message).toBe(
      `CN=Admins,${BASE} has this farm's owner marker but must never be changed or deleted: it is built in (S-1-5-32-544). Clear its adminDescription yourself.`,
    );
  });

  test("what another domain controller does not show", () => {
    const observed = {
      objects: [],
      computers: [],
      missing: ["guid1", "guid2"],
      unexplainedPrincipals: [],
      membersAmong: new Map(),
      primaryMembers: [],
      gone: [],
      unreadable: [],
    };
    expect(planEndOf(desired(), observed, DELETE).blockers).toMatchObject([
      {
        reason: "DirectoryUnavailable",
        part: "Account",
        message: expect.stringMatching(/^the operator cannot see guid1, guid2 \(objectGUID, or where the operator made it\) on this/),
      },
    ]);
  });

  test("nothing keeps what is let go, which says why", () => {
    const retained = end(desired(), [account()], { ...DELETE, retain: true }).changes;
    expect(retained).toMatchObject([{ kind: "Release", because: "deletionPolicy is Retain" }]);
    const copied = end(desired(), [account({ objectClass: "user" })]).changes;
    expect(copied).toMatchObject([{ kind: "Release", because: "it is a user, which farms never create" }]);
  });

  test("of a group that is somebody's primary group is said how many they are and how to find them, and not who", () => {
    const wanted = desired();
    const hosts = group("itfarm1Hosts", { owner, objectSID: "S-1-5-21-1-2-3-4444", members: [] });
    const [one, other] = ["SECRET01", "SECRET02"].map((name) => ({ ...computer(name), primaryGroupID: 4444 }));
    if (!one || !other) throw new Error("no computers");
    const endWith = (primaryMembers: readonly DirectoryObject[]) =>
      planEndOf(
        wanted,
        {
          objects: [hosts],
          computers: [],
          membersAmong: new Map(),
          missing: [],
          unexplainedPrincipals: [],
          primaryMembers,
          gone: [],
          unreadable: [],
        },
        DELETE,
      ).changes;
    const because = (many: string): string =>
      `it is the primary group of ${many} (Get-ADObject -LDAPFilter '(primaryGroupID=4444)'), and Active Directory does not delete a primary group: change their primary group, then delete it`;
    expect(endWith([one])).toMatchObject([{ kind: "Release", because: because("1 object") }]);
    expect(endWith([one, other])).toMatchObject([{ kind: "Release", because: because("2 objects") }]);
  });
});
