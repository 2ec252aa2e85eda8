/** Who is a member of what, and which groups are the farm's to change: by value, without a plan. */
import { describe, expect, test } from "vitest";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import type { DirectoryObject } from "../../src/ad/object.ts";
import type { ObservedFarm } from "../../src/farm/observed.ts";
import {
  addedMembers,
  externalHostGroups,
  type FarmView,
  groupsOf,
  isPrimaryGroup,
  membership,
  memberValues,
  ownHostGroups,
  viewOf,
} from "../../src/farm/view.ts";
import { BASE, computer, desired, directoryObject, type farm } from "./simulation.ts";

const { owner } = desired();
const [WEB01, WEB02, WEB03] = [computer("WEB01"), computer("WEB02"), computer("WEB03")] as const;
const ANOTHERS = "serverfarm.dev cluster=8a1f farm=web/other";

const group = (name: string, fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=${name},OU=Groups,${BASE}`, objectClass: "group", samAccountName: name, ...fields });
const view = (observed: Partial<ObservedFarm>, spec: Parameters<typeof farm>[0] = {}, status?: ServerFarmStatus): FarmView =>
  viewOf(desired(spec, status), {
    objects: [],
    computers: [WEB01, WEB02, WEB03],
    membersAmong: new Map(),
    primaryMembers: [],
    gone: [],
    unexplainedPrincipals: [],
    missing: [],
    unreadable: [],
    ...observed,
  });
const names = (objects: Iterable<DirectoryObject>): readonly (string | undefined)[] =>
  [...objects].map(({ samAccountName }) => samAccountName);
const former = ({ objectGUID, distinguishedName }: DirectoryObject, added: readonly DirectoryObject[]) => ({
  objectGUID,
  distinguishedName,
  added: added.map((one) => one.objectGUID),
});

describe("a computer is a member of a group", () => {
  const rid = (object: DirectoryObject): number => Number(object.objectSID?.split("-").at(-1));
  const hosts = group("Hosts", { members: [WEB01.distinguishedName.toLowerCase()] });

  test("that names it, in any spelling", () => {
    expect([WEB01, WEB02].map(membership(view({}), hosts))).toEqual([true, false]);
    expect([WEB01, WEB02].map(memberValues(view({}), hosts))).toEqual([true, false]);
  });

  test("of others that was asked for it, and in which nobody else is known", () => {
    const membersAmong = new Map([
      [hosts.objectGUID, new Set([WEB02.objectGUID])],
      ["another", new Set([WEB03.objectGUID])],
    ]);
    expect([WEB01, WEB02, WEB03].map(memberValues(view({ membersAmong }), hosts))).toEqual([true, true, false]);
  });

  test("that is its primary group, which no member value shows and nobody can take it out of", () => {
    const byPrimary = { ...WEB02, primaryGroupID: rid(hosts) };
    expect([byPrimary, WEB03].map(membership(view({}), hosts))).toEqual([true, false]);
    expect([byPrimary, WEB03].map(memberValues(view({}), hosts))).toEqual([false, false]);
    // Known of it by another look than that at the computer itself.
    expect([WEB02, WEB03].map(membership(view({ primaryMembers: [byPrimary] }), hosts))).toEqual([true, false]);
    const elsewhere = { ...WEB03, primaryGroupID: 515 };
    expect(membership(view({ primaryMembers: [elsewhere] }), hosts)(WEB03)).toBe(false);
  });

  test.each<[string, Partial<DirectoryObject>, Partial<DirectoryObject>, boolean]>([
    ["whose identifier is that", { objectSID: "S-1-5-21-1-2-3-1105" }, { primaryGroupID: 1105 }, true],
    ["whose identifier is another", { objectSID: "S-1-5-21-1-2-3-1105" }, { primaryGroupID: 1106 }, false],
    ["whose identifier ends alike", { objectSID: "S-1-5-21-1-2-3-11105" }, { primaryGroupID: 1105 }, false],
    ["without a SID", { objectSID: undefined }, { primaryGroupID: 1105 }, false],
    ["of one that has no primary group", { objectSID: "S-1-5-21-1-2-3-1105" }, { primaryGroupID: undefined }, false],
  ])("a group %s: is it the primary group?", (_, fields, member, is) => {
    expect(isPrimaryGroup(group("X", fields), { ...WEB01, ...member })).toBe(is);
  });

  test("an account says itself which groups it is in", () => {
    const account = { memberOf: [hosts.distinguishedName.toUpperCase()], primaryGroupID: rid(group("Y")) };
    const primary = group("Primary", { objectSID: `S-1-5-21-1-2-3-${account.primaryGroupID}` });
    expect([hosts, primary, group("Z")].map(groupsOf(account))).toEqual([true, true, false]);
  });
});

describe("host groups", () => {
  test("of the farm's own are groups with its marker that may be touched and are for hosts", () => {
    const objects = [
      group("itfarm1Hosts", { owner }),
      group("Former", { owner }),
      group("Share", { owner }),
      group("Guarded", { owner, protection: "it is built in" }),
      group("Others", { owner: undefined }),
      group("Anothers", { owner: ANOTHERS }),
      directoryObject({ ...WEB01, owner }),
    ];
    expect(names(ownHostGroups(view({ objects }, { accessGroups: [{ name: "Share", existing: false }] })))).toEqual([
      "itfarm1Hosts",
      "Former",
    ]);
  });

  test("of others are the one that the farm says it uses, and those that it put hosts into", () => {
    const [used, put, empty, guarded, own, anothers, strange] = [
      group("Used"),
      group("Put"),
      group("Empty"),
      group("Guarded", { protection: "it is built in" }),
      group("Own", { owner }),
      group("Anothers", { owner: ANOTHERS }),
      group("Strange"),
    ] as const;
    const notes = group("Noted", { owner: "a note of somebody" });
    const noGroup = directoryObject({ ...WEB03, objectClass: "computer", samAccountName: "NoGroup" });
    const formerHostGroups = [
      former(put, [WEB01]),
      former(empty, []),
      ...[guarded, own, anothers, notes, noGroup].map((one) => former(one, [WEB01])),
    ];
    const objects = [used, put, empty, guarded, own, anothers, strange, notes, noGroup];
    const status = { observedGeneration: 1, formerHostGroups };
    const spec = { hosts: { group: { name: "used", existing: true } } };
    expect(names(externalHostGroups(view({ objects }, spec, status)))).toEqual(["Used", "Put", "Noted"]);
    // Without one that it uses, those that it put hosts into are left.
    expect(names(externalHostGroups(view({ objects }, {}, status)))).toEqual(["Put", "Noted"]);
  });

  test("only who the farm put in and who is still in is the farm's to take out", () => {
    const shared = group("Shared");
    const membersAmong = new Map([[shared.objectGUID, new Set([WEB01.objectGUID, WEB03.objectGUID])]]);
    const status = { observedGeneration: 1, formerHostGroups: [former(shared, [WEB01, WEB02])] };
    expect(names(addedMembers(view({ objects: [shared], membersAmong }, {}, status), shared).values())).toEqual(["WEB01$"]);
    // Of a group that is on no record nobody is; of one that was the farm's own until now everybody is.
    expect(addedMembers(view({ objects: [shared], membersAmong }), shared).size).toBe(0);
    const own = { ...shared, owner };
    expect(names(addedMembers(view({ objects: [own], membersAmong }), own).values())).toEqual(["WEB01$", "WEB03$"]);
    // What is on record says more than the marker.
    expect(names(addedMembers(view({ objects: [own], membersAmong }, {}, status), own).values())).toEqual(["WEB01$"]);
  });
});
