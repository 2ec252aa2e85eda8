/** Host groups, change by change: who is put in, what becomes of a group that is not used any more, and what is said. */
import { describe, expect, test } from "vitest";
import type { ServerFarmStatus } from "../../../src/api/generated/server-farm.ts";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../../src/ad/object.ts";
import type { ObservedFarm } from "../../../src/farm/observed.ts";
import { planFormerGroups, planHosts, planNameOfHostGroup, planQuarantine } from "../../../src/farm/plan/hosts.ts";
import { plan } from "../../../src/farm/plan/index.ts";
import { type FarmView, viewOf } from "../../../src/farm/view.ts";
import { BASE, computer, CONSENT, desired, directoryObject, type farm } from "../simulation.ts";

type Spec = Parameters<typeof farm>[0];
const { owner } = desired();
const [WEB01, WEB02] = [computer("WEB01"), computer("WEB02")] as const;
const dn = ({ distinguishedName }: DirectoryObject): string => distinguishedName;
const group = (name: string, members: readonly DirectoryObject[] = [], fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=${name},OU=Farms,${BASE}`,
    objectClass: "group",
    samAccountName: name,
    owner,
    members: members.map(dn),
    ...fields,
  });
const account = (principals: readonly DirectoryObject[] = [], fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
    objectClass: ACCOUNT_CLASS,
    samAccountName: "itfarm1$",
    dnsHostName: "itfarm1.contoso.com",
    userAccountControl: 4096,
    supportedEncryptionTypes: 24,
    owner,
    retrievers: { principals: principals.flatMap(({ objectSID }) => objectSID ?? []), denied: [], foreign: [] },
    ...fields,
  });
const view = (
  objects: readonly DirectoryObject[],
  spec: Spec = {},
  fields: Partial<ObservedFarm> = {},
  status?: ServerFarmStatus,
): FarmView =>
  viewOf(desired(spec, status), {
    objects,
    computers: [WEB01, WEB02],
    membersAmong: new Map(),
    primaryMembers: [],
    gone: [],
    unexplainedPrincipals: [],
    missing: [],
    unreadable: [],
    ...fields,
  });

describe("very many hosts", () => {
  const many = Array.from({ length: 5001 }, (_, index) => computer(`M${index}`));
  const spec = { hosts: { computers: many.map((_, index) => `M${index}`) } };

  test("are put into a new group as far as one write goes, and into one that is there in as few writes as it takes", () => {
    const [first] = planHosts(view([], spec, { computers: many })).changes;
    expect(first).toMatchObject({ kind: "CreateHostGroup", members: many.slice(0, 5000).map(dn) });
    const { changes } = planHosts(view([group("itfarm1Hosts", [WEB01])], spec, { computers: [...many, WEB01] }));
    expect(changes).toHaveLength(2);
    // Who goes, goes first.
    expect(changes[0]).toMatchObject({ kind: "ChangeHosts", remove: [dn(WEB01)], add: many.slice(0, 4999).map(dn) });
    expect(changes[1]).toMatchObject({ kind: "ChangeHosts", remove: [], add: many.slice(4999).map(dn) });
  });
});

describe("the group that is used", () => {
  test("keeps a member that cannot be read and may be a host that is not found: named, with what to do", () => {
    const hidden = computer("HIDDEN");
    const { changes, blockers } = planHosts(
      view([group("itfarm1Hosts", [hidden])], { hosts: { computers: ["GHOST"] } }, { unreadable: [dn(hidden)] }),
    );
    expect(changes).toEqual([]);
    expect(blockers).toEqual([
      {
        reason: "AccessDenied",
        part: "Hosts",
        message: `the member ${dn(hidden)} cannot be read and may be one of the hosts that were not found, so it stays: grant the operator's account Read Property on it.`,
      },
    ]);
  });

  test("is said to give no rights where it became a distribution group", () => {
    expect(planHosts(view([group("itfarm1Hosts", [], { securityEnabled: false })])).blockers).toEqual([
      {
        reason: "Rejected",
        part: "Hosts",
        message: `CN=itfarm1Hosts,OU=Farms,${BASE} is a distribution group, which gives no rights: make it a security group again (Set-ADGroup -GroupCategory Security).`,
      },
    ]);
  });

  test("of its own that it says is somebody else's: a quarantined host is taken out of it once", () => {
    const spec = { hosts: { quarantined: ["WEB01"], group: { name: "Mine", existing: true } } };
    const { changes } = planQuarantine(view([group("Mine", [WEB01])], spec));
    expect(changes).toMatchObject([{ kind: "ChangeHosts", add: [], remove: [dn(WEB01)] }]);
    expect(changes).toHaveLength(1);
  });

  test("is renamed rather than made anew, where the manifest gives it another name", () => {
    const [old, spec] = [group("Old"), { hosts: { group: { name: "New", existing: false } } }];
    const status: ServerFarmStatus = { observedGeneration: 1, ownedObjects: [{ kind: "HostGroup", objectGUID: old.objectGUID }] };
    expect(planNameOfHostGroup(view([old], spec, {}, status))).toEqual({
      changes: [
        { kind: "RenameHostGroup", object: { distinguishedName: dn(old), objectGUID: old.objectGUID, owner }, samAccountName: "New" },
      ],
      later: [],
      blockers: [],
    });
    expect(planNameOfHostGroup(view([{ ...old, samAccountName: "NEW" }], spec, {}, status)).changes).toEqual([]);
    expect(planNameOfHostGroup(view([], spec, {}, status)).changes).toEqual([]);
  });

  test("keeps its name where another object has the new one by now", () => {
    const old = group("Old");
    const spec = { hosts: { group: { name: "New", existing: false } } };
    const status: ServerFarmStatus = { observedGeneration: 1, ownedObjects: [{ kind: "HostGroup", objectGUID: old.objectGUID }] };
    const taken = group("New", [], { owner: undefined, distinguishedName: `CN=Taken,${BASE}` });
    expect(planNameOfHostGroup(view([old, taken], spec, {}, status))).toEqual({
      changes: [],
      later: [],
      blockers: [
        {
          reason: "ObjectExists",
          part: "Hosts",
          message: `CN=Taken,${BASE} has the name New, so the host group keeps its present name, Old: choose another hosts.group.name.`,
        },
      ],
    });
  });
});

describe("a group that was used before", () => {
  const hosts = group("itfarm1Hosts", [WEB01]);
  const ends = (former: DirectoryObject, spec: Spec = {}, fields: Partial<ObservedFarm> = {}) =>
    planFormerGroups(view([hosts, former, account([hosts])], { hosts: { computers: ["WEB01"], ...spec?.hosts } }, fields)).changes;

  test("goes, with the computers that the farm put in", () => {
    expect(ends(group("Former", [WEB02])).map(({ kind }) => kind)).toEqual(["DeleteHostGroup"]);
    expect(ends(group("Former", [WEB02], { objectSID: undefined })).map(({ kind }) => kind)).toEqual(["DeleteHostGroup"]);
  });

  test.each([
    [1, "it has 1 member that this farm did not add"],
    [2, "it has 2 members that this farm did not add"],
  ])("stays with %d members that the farm did not put in, without its marker", (count, because) => {
    const strangers = [computer("X"), computer("Y")].slice(0, count);
    expect(ends(group("Former", [WEB02, ...strangers]))).toMatchObject([{ kind: "Release", because }]);
  });

  test("stays while it is somebody's primary group, which Active Directory does not delete", () => {
    const former = group("Former", [WEB02]);
    const primaryGroupID = Number(former.objectSID?.split("-").at(-1));
    const primaryMembers = [
      { ...WEB02, primaryGroupID },
      { ...computer("ELSE"), primaryGroupID: 515 },
    ];
    expect(ends(former, {}, { primaryMembers })).toMatchObject([
      {
        kind: "Release",
        object: { objectGUID: former.objectGUID },
        because: `it is the primary group of 1 object (Get-ADObject -LDAPFilter '(primaryGroupID=${primaryGroupID})'), and Active Directory does not delete a primary group: change their primary group, then delete it`,
      },
    ]);
    expect(ends(former, {}, { primaryMembers: primaryMembers.slice(1) })).toMatchObject([{ kind: "DeleteHostGroup" }]);
  });

  test("stays while the account names it, or where the account is not there", () => {
    const former = group("Former", [WEB02]);
    expect(planFormerGroups(view([hosts, former, account([hosts, former])])).changes).toEqual([]);
    expect(planFormerGroups(view([hosts, former])).changes).toEqual([]);
  });

  test.each<[string, readonly DirectoryObject[], Spec]>([
    ["is not there", [], { hosts: { group: { name: "New", existing: false } } }],
    ["cannot be used", [group("New", [], { owner: "a note" })], { hosts: { group: { name: "New", existing: false } } }],
    [
      "has yet to be taken over",
      [group("New", [], { owner: CONSENT })],
      { adoptionPolicy: "Unowned", hosts: { group: { name: "New", existing: false } } },
    ],
  ])("stays while the one that is to be used %s", (_, objects, spec) => {
    expect(planFormerGroups(view([group("Former", [WEB02]), ...objects, account()], spec)).changes).toEqual([]);
  });

  test("of somebody else loses whom the farm put in; it is told by the name that the farm had for it", () => {
    const shared = group("Shared", [], { owner: undefined });
    const status: ServerFarmStatus = {
      observedGeneration: 1,
      hostGroup: { objectGUID: shared.objectGUID, distinguishedName: dn(shared), name: "shared", added: [WEB02.objectGUID] },
      formerHostGroups: [{ objectGUID: "another", distinguishedName: "CN=x", added: [] }],
    };
    const membersAmong = new Map([[shared.objectGUID, new Set([WEB01.objectGUID, WEB02.objectGUID])]]);
    const { changes } = planFormerGroups(
      view([hosts, shared, account([hosts])], { hosts: { computers: ["WEB01"] } }, { membersAmong }, status),
    );
    expect(changes).toEqual([
      {
        kind: "ChangeHosts",
        object: { distinguishedName: dn(shared), objectGUID: shared.objectGUID, owner: undefined, name: "shared" },
        add: [],
        remove: [dn(WEB02)],
      },
    ]);
  });
});

describe("a group of somebody else that was used before, while it is not settled what comes after it", () => {
  const shared = group("Shared", [], { owner: undefined, objectGUID: "s" });
  const record = { objectGUID: "s", distinguishedName: dn(shared), added: [WEB01.objectGUID, WEB02.objectGUID] };
  const membersAmong = new Map([["s", new Set(record.added)]]);
  const removed = (
    objects: readonly DirectoryObject[],
    spec: Spec,
    status: Omit<ServerFarmStatus, "observedGeneration">,
  ): readonly string[] =>
    planFormerGroups(view([shared, ...objects], spec, { membersAmong }, { observedGeneration: 1, ...status })).changes.flatMap((change) =>
      change.kind === "ChangeHosts" ? change.remove : [`${change.kind} ${"object" in change ? change.object.objectGUID : ""}`],
    );
  const wants = { hosts: { computers: ["WEB01"] } };

  test("loses whoever is not wanted any more, and nobody who is wanted: nothing else gives it the right yet", () => {
    expect(removed([account()], wants, { formerHostGroups: [record] })).toEqual([dn(WEB02)]);
    // Once the new one is there and the account does not name the old one, all go.
    const hosts = group("itfarm1Hosts", [WEB01]);
    expect(removed([hosts, account([hosts])], wants, { formerHostGroups: [record] })).toEqual([dn(WEB01), dn(WEB02)]);
    expect(removed([hosts, account([hosts, shared])], wants, { formerHostGroups: [record] })).toEqual([dn(WEB02)]);
  });

  test("is left to the plan of hosts while it is the one that may not be used any more", () => {
    const frozen: FarmView = {
      ...view([shared, account()], wants, { membersAmong }, { observedGeneration: 1, hostGroup: { ...record, name: "Shared" } }),
      hostGroup: { kind: "Blocked", blocker: { reason: "GroupInUse", part: "Hosts", message: "x" }, frozen: shared },
    };
    expect(planFormerGroups(frozen).changes).toEqual([]);
    expect(planHosts(frozen).changes).toMatchObject([{ add: [], remove: [dn(WEB02)] }]);
  });
});

test("a group stays while any of the farm's accounts names it: one of them may be the old one", () => {
  const [hosts, former] = [group("itfarm1Hosts", [WEB01]), group("Former", [WEB02])];
  const old = account([former], { samAccountName: "old$", distinguishedName: `CN=old,${BASE}` });
  expect(planFormerGroups(view([hosts, former, account([hosts]), old])).changes).toEqual([]);
  expect(planFormerGroups(view([hosts, former, account([hosts])])).changes).toHaveLength(1);
});

test("a group that was used before bears no name, whatever the one is called that is used now", () => {
  const [used, old] = [group("Shared", [], { owner: undefined }), group("Old", [], { owner: undefined })];
  const record = ({ objectGUID, distinguishedName }: DirectoryObject) => ({ objectGUID, distinguishedName, added: [WEB02.objectGUID] });
  const status: ServerFarmStatus = {
    observedGeneration: 1,
    hostGroup: { ...record(used), name: "Shared" },
    formerHostGroups: [record(old)],
  };
  const membersAmong = new Map([old, used].map(({ objectGUID }) => [objectGUID, new Set([WEB02.objectGUID])] as const));
  const spec = { hosts: { computers: ["WEB02"], group: { name: "Shared", existing: true } } };
  expect(planFormerGroups(view([used, old, account([used])], spec, { membersAmong }, status)).changes).toMatchObject([
    { object: { objectGUID: old.objectGUID, owner: undefined, name: undefined }, remove: [dn(WEB02)] },
  ]);
});

describe("what is known and not seen may not be replicated yet", () => {
  const MESSAGE =
    "the operator cannot see a, b (objectGUID, or where the operator made it) on this domain controller, to which it failed over less than an hour ago: it may not be replicated yet, so the operator creates nothing again until the hour is over.";

  test("nothing is made anew, and all else goes on", () => {
    const { changes, later, blockers } = plan(view([account()], { account: { description: "x" } }, { missing: ["a", "b"] }));
    expect(changes.map(({ kind }) => kind)).toEqual(["UpdateAccount"]);
    expect(later).toEqual([]);
    expect(blockers).toEqual(["Account", "Hosts"].map((part) => ({ reason: "DirectoryUnavailable", part, message: MESSAGE })));
  });

  test("where nothing is to be made, nothing is said of it", () => {
    const hosts = group("itfarm1Hosts");
    const { changes, later, blockers } = plan(view([hosts, account([hosts])], { account: { description: "x" } }, { missing: ["a"] }));
    expect(changes.map(({ kind }) => kind)).toEqual(["UpdateAccount"]);
    expect([later, blockers]).toEqual([[], []]);
  });
});

test("each part waits for an account that is not there, access groups too where there are any", () => {
  const waiting = (spec: Spec): readonly string[] =>
    plan(view([group("itfarm1Hosts")], spec)).blockers.map(({ reason, part, message }) => `${part} ${reason} ${message}`);
  const text = "ChangesPending it waits for the account: see the condition AccountReady.";
  expect(waiting({})).toEqual([`Hosts ${text}`, `ServicePrincipalNames ${text}`]);
  expect(waiting({ accessGroups: [{ name: "Share", existing: false }] })).toEqual([
    `Hosts ${text}`,
    `ServicePrincipalNames ${text}`,
    `AccessGroups ${text}`,
  ]);
});
