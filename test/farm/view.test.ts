/** Who is a member of what, and which groups are the farm's to change: by value, without a plan. */
import { describe, expect, test } from "vitest";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import type { ObservedFarm } from "../../src/farm/observed.ts";
import { type DirectoryObject, groupsOf, isPrimaryGroup } from "../../src/ad/object.ts";
import { membership, memberValues } from "../../src/farm/queries.ts";
import { addedMembers, externalHostGroups, type FarmView, ownHostGroups, viewOf } from "../../src/farm/view.ts";
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
    // Without one that it uses, those that it put hosts into are left; a host group of its own is none of them.
    expect(names(externalHostGroups(view({ objects }, {}, status)))).toEqual(["Put", "Noted"]);
    const hosts = group("itfarm1Hosts", { owner });
    expect(names(externalHostGroups(view({ objects: [hosts, ...objects] }, {}, status)))).toEqual(["Put", "Noted"]);
  });

  test("only who the farm put in and who is still in is the farm's to take out", () => {
    const shared = group("Shared");
    const membersAmong = new Map([[shared.objectGUID, new Set([WEB01.objectGUID, WEB03.objectGUID])]]);
    const elsewhere = group("Elsewhere");
    const status = { observedGeneration: 1, formerHostGroups: [former(elsewhere, [WEB03]), former(shared, [WEB01, WEB02])] };
    expect(names(addedMembers(view({ objects: [shared], membersAmong }, {}, status), shared).values())).toEqual(["WEB01$"]);
    // Of a group that is on no record nobody is; of one that was the farm's own until now everybody is.
    expect(addedMembers(view({ objects: [shared], membersAmong }), shared).size).toBe(0);
    const own = { ...shared, owner };
    expect(names(addedMembers(view({ objects: [own], membersAmong }), own).values())).toEqual(["WEB01$", "WEB03$"]);
    // What is on record says more than the marker.
    expect(names(addedMembers(view({ objects: [own], membersAmong }, {}, status), own).values())).toEqual(["WEB01$"]);
  });
});

describe("what an entry means", () => {
  const remembers = (reference: string, ...computers: readonly Pick<DirectoryObject, "objectGUID" | "objectSID">[]): ServerFarmStatus => ({
    observedGeneration: 1,
    resolvedHosts: computers.map(({ objectGUID, objectSID }) => ({
      reference,
      objectGUID,
      ...(objectSID === undefined ? {} : { objectSID }),
    })),
  });
  const hosts = (spec: NonNullable<Parameters<typeof farm>[0]>["hosts"], observed: Partial<ObservedFarm> = {}, status?: ServerFarmStatus) =>
    view(observed, { hosts: spec ?? {} }, status).hosts;
  const record = (reference: string, { objectGUID, objectSID }: DirectoryObject) => ({ reference, objectGUID, objectSID });
  const sids = (...computers: readonly DirectoryObject[]): readonly string[] => computers.flatMap(({ objectSID }) => objectSID ?? []);
  const moved = { ...WEB02, samAccountName: "NEW$", dnsHostName: "new.contoso.com", distinguishedName: `CN=NEW,OU=X,${BASE}` };
  const GHOST = computer("GHOST");

  test("is the computer that has the name, and it is remembered", () => {
    const result = hosts({ computers: ["WEB01"], quarantined: ["web02.contoso.com"] });
    expect([names(result.wanted.values()), names(result.quarantined.values())]).toEqual([["WEB01$"], ["WEB02$"]]);
    expect(result.records).toStrictEqual([record("web02.contoso.com", WEB02), record("WEB01", WEB01)]);
    expect(result.unseen).toEqual({ wanted: [], quarantined: [] });
    expect([result.blockers, result.notes, result.desired]).toEqual([[], [], 1]);
  });

  test("is the one that had it before and was moved, which is said; of a quarantined one too", () => {
    const wanted = hosts({ computers: ["WEB02"] }, { computers: [WEB01, moved] }, remembers("WEB02", WEB02));
    expect(names(wanted.wanted.values())).toEqual(["NEW$"]);
    expect(wanted.notes.map(({ message }) => message)).toEqual([expect.stringMatching(/^hosts\.computers: WEB02 .* keeps the right/)]);
    const out = hosts({ quarantined: ["WEB02"] }, { computers: [WEB01, moved] }, remembers("WEB02", WEB02));
    expect(names(out.quarantined.values())).toEqual(["NEW$"]);
    expect(out.notes.map(({ message }) => message)).toEqual([expect.stringMatching(/^hosts\.quarantined: WEB02 .* stays out/)]);
    expect(hosts({ computers: ["WEB02"], quarantined: ["WEB01"] }, {}, remembers("WEB01", WEB01)).notes).toEqual([]);
  });

  test("that nobody has is not forgotten while it is not known to be deleted", () => {
    const wanted = hosts({ computers: ["GHOST"] }, {}, remembers("GHOST", GHOST));
    expect(wanted.records).toStrictEqual([record("GHOST", GHOST)]);
    expect([wanted.unseen.wanted, wanted.desired]).toEqual([sids(GHOST), 1]);
    const out = hosts({ quarantined: ["GHOST"] }, {}, remembers("GHOST", GHOST));
    expect([out.unseen.quarantined, out.blockers]).toEqual([sids(GHOST), []]);
    // A SID that was never read is nobody's.
    expect(hosts({ computers: ["GHOST"] }, {}, remembers("GHOST", { objectGUID: "g", objectSID: undefined })).unseen.wanted).toEqual([]);
  });

  test("that is deleted is forgotten, and nobody keeps a right by it", () => {
    const deleted = hosts({ computers: ["GHOST"] }, { gone: [GHOST.objectGUID] }, remembers("GHOST", GHOST));
    expect([deleted.records, deleted.unseen.wanted]).toEqual([[], []]);
    expect(deleted.blockers).toMatchObject([{ reason: "HostNotFound" }]);
    const out = hosts({ quarantined: ["GHOST"] }, { gone: [GHOST.objectGUID] }, remembers("GHOST", GHOST));
    expect(out.unseen.quarantined).toEqual([]);
  });

  test("is undecided where several have the name: whoever is trusted stays as it is, and whoever it meant is not forgotten", () => {
    const name = "web01.contoso.com";
    const twins = ["A", "B", "C"].map((one) => ({ ...computer(one), dnsHostName: name }));
    const [first, second, squatter] = twins;
    if (!first || !second || !squatter) throw new Error("three were made");
    const computers = [first, second, { ...squatter, creatorSID: "S-1-5-21-1-2-3-1500" }, moved];
    const result = hosts({ computers: [name] }, { computers }, remembers(name, WEB02));
    expect(result.wanted.size).toBe(0);
    expect(names(result.undecided.values())).toEqual(["A$", "B$", "NEW$"]);
    expect(result.records).toStrictEqual([record(name, WEB02)]);
    // Whoever is seen is not unseen.
    expect(result.unseen.wanted).toEqual([]);
    expect(result.blockers).toMatchObject([{ reason: "HostAmbiguous" }]);
    const out = hosts({ computers: [name], quarantined: ["A"] }, { computers }, remembers(name, WEB02));
    expect([names(out.undecided.values()), names(out.quarantined.values())]).toEqual([["B$", "NEW$"], ["A$"]]);
  });

  test("is not undecided for anybody where none of them is trusted", () => {
    const twins = ["A", "B"].map((one) => ({ ...computer(one), dnsHostName: "web09.contoso.com", creatorSID: "S-1-5-21-1-2-3-1500" }));
    const result = hosts({ computers: ["web09.contoso.com"] }, { computers: twins });
    expect([result.wanted.size, result.undecided.size]).toEqual([0, 0]);
    expect(result.blockers).toMatchObject([{ reason: "HostAmbiguous" }]);
  });

  test("is not undecided for whoever is not trusted and took the name", () => {
    const squatter = { ...computer("EVE"), dnsHostName: "web01.contoso.com", creatorSID: "S-1-5-21-1-2-3-1500" };
    const result = hosts({ computers: ["web01.contoso.com"] }, { computers: [WEB01, squatter] });
    expect([names(result.wanted.values()), result.undecided.size, result.blockers]).toEqual([["WEB01$"], 0, []]);
  });

  test("is not whoever has the name today and is not trusted: whoever it meant before keeps it, and is remembered", () => {
    const squatter = { ...computer("WEB02"), creatorSID: "S-1-5-21-1-2-3-1500" };
    const result = hosts({ computers: ["WEB02"] }, { computers: [squatter, moved] }, remembers("WEB02", WEB02));
    expect(names(result.wanted.values())).toEqual(["NEW$"]);
    expect(result.records).toStrictEqual([record("WEB02", WEB02)]);
    expect(result.blockers).toMatchObject([{ reason: "HostNotTrusted" }]);
    const alone = hosts({ computers: ["WEB02"] }, { computers: [squatter] });
    expect([alone.wanted.size, alone.records, alone.desired]).toEqual([0, [], 1]);
  });

  test("that cannot be seen, and whose name a machine has that is not trusted, stays on the account's list", () => {
    const squatter = { ...computer("WEB02"), creatorSID: "S-1-5-21-1-2-3-1500" };
    const before = { observedGeneration: 1, resolvedHosts: [{ reference: "WEB02", objectGUID: "unseen", objectSID: "S-1-5-21-1-2-3-77" }] };
    const result = hosts({ computers: ["WEB02"] }, { computers: [squatter] }, before);
    expect([result.wanted.size, result.unseen.wanted]).toEqual([0, ["S-1-5-21-1-2-3-77"]]);
  });

  describe("once its quarantine is over, of several that had the name then", () => {
    const squatter = { ...computer("WEB02"), creatorSID: "S-1-5-21-1-2-3-1500" };
    const several = {
      observedGeneration: 1,
      resolvedHosts: [moved, squatter].map(({ objectGUID }) => ({ reference: "WEB02", objectGUID })),
    };

    test("is none while the one that has the name is not trusted: a machine that was compromised and renamed gets nothing, and keeps what it has", () => {
      const result = hosts({ computers: ["WEB02"] }, { computers: [squatter, moved] }, several);
      expect([result.wanted.size, names(result.undecided.values())]).toEqual([0, ["NEW$"]]);
      expect(result.records.map(({ objectGUID }) => objectGUID)).toEqual([moved.objectGUID, squatter.objectGUID]);
      expect(result.blockers).toMatchObject([{ reason: "HostNotTrusted" }]);
    });

    test("is none where nobody has the name, nor in the next look", () => {
      const look = (status: typeof several): ReturnType<typeof hosts> =>
        hosts({ computers: ["WEB02"] }, { computers: [moved], gone: [squatter.objectGUID] }, status);
      const first = look(several);
      expect([first.wanted.size, first.blockers]).toMatchObject([0, [{ reason: "HostNotFound" }]]);
      const records = first.records.map(({ reference, objectGUID }) => ({ reference, objectGUID }));
      expect(look({ observedGeneration: 1, resolvedHosts: records }).wanted.size).toBe(0);
    });

    test("is the trusted one that has the name, and the others are forgotten", () => {
      const rebuilt = computer("WEB02");
      const result = hosts({ computers: ["WEB02"] }, { computers: [rebuilt, moved] }, several);
      expect(names(result.wanted.values())).toEqual(["WEB02$"]);
      expect(result.records.map(({ objectGUID }) => objectGUID)).toEqual([rebuilt.objectGUID]);
    });
  });

  test("is counted though it cannot be understood", () => {
    expect(hosts({ computers: ["WEB01", "CN=X,DC=fabrikam,DC=com", "GHOST"] }).desired).toBe(3);
    const other = view({}, { hosts: { computers: ["WEB01"] }, servicePrincipalNames: ["http//x"] });
    expect(other.hosts.desired).toBe(1);
  });

  test("whoever is in a host group of the farm's own by its primary group is a stranger, unless it is wanted", () => {
    const hostGroup = group("itfarm1Hosts", { owner });
    const primaryGroupID = Number(hostGroup.objectSID?.split("-").at(-1));
    const primaryMembers = [WEB01, WEB02].map((one) => ({ ...one, primaryGroupID }));
    const strangers = (objects: readonly DirectoryObject[]) =>
      names(hosts({ computers: ["WEB01"] }, { objects, primaryMembers }).primaryStrangers);
    expect(strangers([hostGroup])).toEqual(["WEB02$"]);
    expect(strangers([{ ...hostGroup, owner: ANOTHERS }])).toEqual([]);
    expect(strangers([{ ...hostGroup, objectClass: "user" }])).toEqual([]);
    expect(strangers([group("itfarm1Hosts", { owner })])).toEqual([]);
  });

  describe("by its primary group in a group of somebody else", () => {
    const shared = group("Shared", { objectGUID: "s" });
    const primaryGroupID = Number(shared.objectSID?.split("-").at(-1));
    const computers = [WEB01, { ...WEB02, primaryGroupID }, { ...WEB03, primaryGroupID }];
    const record = {
      objectGUID: "s",
      distinguishedName: shared.distinguishedName,
      added: [WEB01, WEB02].map(({ objectGUID }) => objectGUID),
    };
    const status: ServerFarmStatus = { observedGeneration: 1, formerHostGroups: [record] };
    const named = (...groups: readonly DirectoryObject[]): DirectoryObject =>
      directoryObject({
        distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
        objectClass: "msDS-GroupManagedServiceAccount",
        samAccountName: "itfarm1$",
        owner,
        retrievers: { principals: groups.flatMap(({ objectSID }) => objectSID ?? []), denied: [], foreign: [] },
      });
    const uses = (...wanted: readonly string[]) => ({ hosts: { computers: wanted, group: { name: "Shared", existing: true } } });
    const strangers = (
      spec: Parameters<typeof farm>[0],
      objects: readonly DirectoryObject[],
      sharing: Parameters<typeof desired>[2] = [],
    ): readonly (string | undefined)[] => {
      const looked = { ...view({}).observed, objects, computers };
      return names(viewOf(desired(spec, status, sharing), looked).hosts.primaryStrangers);
    };

    test("whoever the farm put there is a stranger once it is not wanted, where the account names the group or will", () => {
      expect(strangers(uses("WEB01"), [shared])).toEqual(["WEB02$"]);
      expect(strangers(uses("WEB01", "WEB02"), [shared])).toEqual([]);
      const direct = { hosts: { grant: "Principals" as const, computers: ["WEB01"] } };
      expect(strangers(direct, [shared, named(shared)])).toEqual(["WEB02$"]);
      expect(strangers(direct, [shared, named()])).toEqual([]);
      expect(strangers(direct, [shared, { ...named(shared), owner: ANOTHERS }]), "it is no account of the farm").toEqual([]);
      expect(strangers(direct, [shared])).toEqual([]);
      const other = group("Other", { objectGUID: "o" });
      expect(strangers({ hosts: { computers: ["WEB01"], group: { name: "Other", existing: true } } }, [shared, other])).toEqual([]);
    });

    test("and is none while another farm wants it there, nor in a group that is the farm's own", () => {
      const wants = {
        key: "web/x",
        standing: { namespace: "web", created: "", uid: "" },
        uses: { name: "shared", objectGUID: "s" },
        hosts: new Set(["web02$"]),
        quarantined: new Set<string>(),
        claimed: new Set<string>(),
        added: new Map(),
      };
      expect(strangers(uses("WEB01"), [shared], [wants])).toEqual([]);
      expect(strangers(uses("WEB01"), [{ ...shared, owner }])).toEqual([]);
    });
  });
});
