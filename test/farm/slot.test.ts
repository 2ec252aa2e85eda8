/** Where an object of a farm stands, and whether the farm may use what is there. */
import { describe, expect, test } from "vitest";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { ACCOUNT_CLASS, ADMIN_COUNT, type DirectoryObject } from "../../src/ad/object.ts";
import type { MissingRight } from "../../src/ad/right.ts";
import type { ObservedFarm } from "../../src/farm/observed.ts";
import { memberGroup } from "../../src/farm/changes/index.ts";
import {
  dnsHostNameTaken,
  isAccessGroup,
  type Slot,
  slotOfAccessGroup,
  slotOfAccount,
  slotOfHostGroup,
  isAnothers,
} from "../../src/farm/slot.ts";
import { BASE, computer, desired, directoryObject, type farm } from "./simulation.ts";

type Spec = Parameters<typeof farm>[0];
const { owner } = desired();
const ANOTHERS = "serverfarm.dev cluster=8a1f farm=web/other";

const account = (fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
    objectClass: ACCOUNT_CLASS,
    samAccountName: "itfarm1$",
    ...fields,
  });
const group = (name: string, fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=${name},OU=Farms,${BASE}`, objectClass: "group", samAccountName: name, ...fields });
const seen = (objects: readonly DirectoryObject[], fields: Partial<ObservedFarm> = {}): ObservedFarm => ({
  objects,
  computers: [],
  membersAmong: new Map(),
  primaryMembers: [],
  gone: [],
  unexplainedPrincipals: [],
  missing: [],
  unreadable: [],
  ...fields,
});
/** What stands there, in a line. */
function said(slot: Slot): string {
  if (slot.kind === "Blocked") return `${slot.blocker.part} ${slot.blocker.reason}: ${slot.blocker.message}`;
  return "object" in slot ? `${slot.kind} ${slot.object.distinguishedName}` : slot.kind;
}
const knows = (objects: readonly DirectoryObject[], kind: "Account" | "HostGroup" = "Account"): ServerFarmStatus => ({
  observedGeneration: 1,
  ownedObjects: objects.map(({ objectGUID }) => ({ kind, objectGUID })),
});

describe("the account's place", () => {
  const renamed = account({ owner, samAccountName: "old$", distinguishedName: `CN=old,OU=X,${BASE}` });
  const elsewhere = account({ owner, distinguishedName: `CN=moved,OU=X,${BASE}` });
  const byDn = account({ owner, samAccountName: "other$" });

  test.each<[string, readonly DirectoryObject[], ServerFarmStatus | undefined, string]>([
    ["is free where nothing is", [], undefined, "Vacant"],
    ["is its own account's, by its name", [account({ owner })], undefined, `Own CN=itfarm1,OU=Farms,${BASE}`],
    ["is its own account's wherever that is", [elsewhere], undefined, `Own CN=moved,OU=X,${BASE}`],
    ["is its own account's by its distinguished name", [byDn], undefined, `Own CN=itfarm1,OU=Farms,${BASE}`],
    ["is its own account's that was moved and renamed, by its identity", [renamed], knows([renamed]), `Own CN=old,OU=X,${BASE}`],
    ["is free where an account of its own is not known to be this one", [renamed], undefined, "Vacant"],
    [
      "is its own account's though something else has taken the name",
      [account({ samAccountName: "itfarm1$", distinguishedName: `CN=taken,OU=Y,${BASE}` }), renamed],
      knows([renamed]),
      `Own CN=old,OU=X,${BASE}`,
    ],
    ["is that of the one with the wanted name, of two of its own", [renamed, elsewhere], knows([renamed]), `Own CN=moved,OU=X,${BASE}`],
    ["is not that of a known object that lost its marker", [{ ...renamed, owner: undefined }], knows([renamed]), "Vacant"],
    ["is not that of a known object of another class", [{ ...renamed, objectClass: "user" }], knows([renamed]), "Vacant"],
    [
      "is blocked by what nobody owns",
      [account()],
      undefined,
      `Account NotOwned: CN=itfarm1,OU=Farms,${BASE} exists and it has no owner marker; the operator left it as it is. To adopt it as it is, set adoptionPolicy: Unowned, and have an administrator consent in the directory: Set-ADObject -Identity 'CN=itfarm1,OU=Farms,${BASE}' -Replace @{adminDescription='serverfarm.dev adopt=web/itfarm1'}. Create a ServerFarm with another account.name, or remove that object if nobody needs it.`,
    ],
    [
      "is blocked by what another farm lives on, which nobody is told to remove",
      [account({ owner: ANOTHERS })],
      undefined,
      `Account NotOwned: CN=itfarm1,OU=Farms,${BASE} exists and it belongs to the ServerFarm web/other; the operator left it as it is. Create a ServerFarm with another account.name.`,
    ],
    [
      "is blocked by an object of another class, though it bears the farm's marker",
      [account({ owner, objectClass: "user" })],
      undefined,
      `Account ObjectExists: CN=itfarm1,OU=Farms,${BASE} (user) has the name of the account; the operator left it as it is. Create a ServerFarm with another account.name, or remove that object if nobody needs it.`,
    ],
    [
      "is blocked by what must never be touched, though it bears the farm's marker",
      [account({ owner, protection: "it is built in" })],
      undefined,
      `Account ProtectedObject: CN=itfarm1,OU=Farms,${BASE} must never be managed: it is built in. Choose another name for the account.`,
    ],
    [
      "is blocked by its own account while that is protected",
      [account({ owner, protection: ADMIN_COUNT })],
      undefined,
      `Account ProtectedObject: CN=itfarm1,OU=Farms,${BASE} is this farm's and must not be managed as it is: ${ADMIN_COUNT}. To have it managed again, remove it from every protected group, then run Set-ADObject -Identity 'CN=itfarm1,OU=Farms,${BASE}' -Clear adminCount and dsacls 'CN=itfarm1,OU=Farms,${BASE}' /P:N, so that it inherits permissions again; the farm then continues automatically.`,
    ],
    [
      "is blocked by somebody's protected account, which is not to be cleared for the farm's sake",
      [account({ owner: ANOTHERS, protection: ADMIN_COUNT })],
      undefined,
      `Account ProtectedObject: CN=itfarm1,OU=Farms,${BASE} must never be managed: ${ADMIN_COUNT}. Choose another name for the account.`,
    ],
  ])("%s", (_, objects, status, expected) => {
    expect(said(slotOfAccount(desired({}, status), seen(objects)))).toBe(expected);
  });

  test.each<[string, MissingRight, string]>([
    [
      "a right",
      { kind: "CreateChild", container: `OU=Farms,${BASE}`, objectClass: ACCOUNT_CLASS },
      `Account AccessDenied: the account cannot be created: the right to create ${ACCOUNT_CLASS} objects in OU=Farms,${BASE} is missing: dsacls "OU=Farms,${BASE}" /I:T /G "svc-farms@contoso.com:CCDC;${ACCOUNT_CLASS}".`,
    ],
    [
      "the container",
      { kind: "NoContainer", container: `OU=Farms,${BASE}` },
      `Account Rejected: the account cannot be created: OU=Farms,${BASE} does not exist or cannot be read: create it, or correct the container (the farm's, or the domain's spec.defaults).`,
    ],
    [
      "a container that is one",
      { kind: "NotAContainer", container: `CN=other,OU=Farms,${BASE}` },
      `Account Rejected: the account cannot be created: CN=other,OU=Farms,${BASE} is an account or a group, and nothing is created below one: correct the container.`,
    ],
  ])("is not free where %s is missing", (_, right, expected) => {
    const uncreatable = new Map([[`CN=itfarm1,OU=Farms,${BASE}`, right]]);
    expect(said(slotOfAccount(desired(), seen([], { uncreatable })))).toBe(expected);
    // What keeps something else from being made does not matter.
    expect(said(slotOfAccount(desired(), seen([], { uncreatable: new Map([["CN=x", right]]) })))).toBe("Vacant");
  });

  test("is not in a container of others", () => {
    const wanted = desired({ account: { container: "CN=Users" } });
    expect(said(slotOfAccount(wanted, seen([])))).toBe(
      `Account InvalidSpec: the account is not created in the shared container CN=Users,${BASE}: create an OU that holds only farms (New-ADOrganizationalUnit Farms), and name it in account.container, or the domain's defaults.accountContainer.`,
    );
    // One that is there stays there.
    const there = account({ owner, distinguishedName: `CN=itfarm1,CN=Users,${BASE}` });
    expect(said(slotOfAccount(wanted, seen([there])))).toBe(`Own CN=itfarm1,CN=Users,${BASE}`);
  });

  test("is not free where its DNS name is somebody's, and its own name is no obstacle", () => {
    const other = { ...computer("OTHER"), dnsHostName: "itfarm1.contoso.com" };
    const words = `Account ObjectExists: itfarm1.contoso.com is the name of ${other.distinguishedName}, so the account is not created: set account.dnsHostName to a name that no other object has.`;
    expect(said(slotOfAccount(desired(), seen([other])))).toBe(words);
    expect(said(slotOfAccount(desired(), seen([], { computers: [other] })))).toBe(words);
    expect(said(slotOfAccount(desired(), seen([account({ owner, dnsHostName: "itfarm1.contoso.com" })])))).toMatch(/^Own/);
    // Every user may make a computer of that name.
    const quota = { ...computer("itfarm1"), dnsHostName: undefined, creatorSID: "S-1-5-21-1-2-3-1500" };
    const taken = (dnsHostName: string, by: DirectoryObject = quota): boolean => {
      const own = account({ owner, dnsHostName });
      return dnsHostNameTaken(desired(), seen([own], { computers: [by] }), own) !== undefined;
    };
    expect([taken("itfarm1.contoso.com"), taken("old.contoso.com")]).toEqual([false, true]);
    expect(taken("itfarm1.contoso.com", { ...quota, creatorSID: undefined })).toBe(true);
    expect(said(slotOfAccount(desired({ account: { dnsHostName: "Contoso.com" } }), seen([])))).toContain(
      "Contoso.com is the name of the domain contoso.com, so the account is not created",
    );
  });
});

describe("the host group's place", () => {
  const hosts = group("itfarm1Hosts", { owner });
  const place = (spec: Spec, objects: readonly DirectoryObject[], status?: ServerFarmStatus): string =>
    said(slotOfHostGroup(desired(spec, status), seen(objects)));

  test("is not wanted where hosts are named directly", () => {
    expect(place({ hosts: { grant: "Principals" } }, [hosts])).toBe("Unwanted");
  });

  test("is its own group's; by its identity too, but not by that of an access group", () => {
    expect(place({}, [hosts])).toBe(`Own CN=itfarm1Hosts,OU=Farms,${BASE}`);
    const old = group("Old", { owner });
    expect(place({}, [old], knows([old], "HostGroup"))).toBe(`Own CN=Old,OU=Farms,${BASE}`);
    const accessGroup = { observedGeneration: 1, ownedObjects: [{ kind: "AccessGroup" as const, objectGUID: old.objectGUID }] };
    expect(place({}, [old], accessGroup)).toBe("Vacant");
  });

  test("is blocked by what is nobody's, or no group", () => {
    expect(place({}, [group("itfarm1Hosts", { owner: ANOTHERS })])).toBe(
      `Hosts NotOwned: CN=itfarm1Hosts,OU=Farms,${BASE} exists and it belongs to the ServerFarm web/other; the operator left it as it is. Choose another hosts.group.name.`,
    );
    expect(place({}, [group("itfarm1Hosts", { owner, objectClass: "user" })])).toBe(
      `Hosts ObjectExists: CN=itfarm1Hosts,OU=Farms,${BASE} (user) has the name of the host group; the operator left it as it is. Choose another hosts.group.name, or remove that object if nobody needs it.`,
    );
    expect(place({ hosts: { group: { name: "X", container: "CN=Users", existing: false } } }, [])).toContain(
      "and name it in hosts.group.container, or the domain's defaults.groupContainer.",
    );
  });

  const existing = (container?: string): Spec => ({
    hosts: { group: { name: "Shared", existing: true, ...(container === undefined ? {} : { container }) } },
  });
  const shared = group("Shared", { distinguishedName: `CN=Shared,OU=Groups,${BASE}` });
  const remembers = (name: string): ServerFarmStatus => ({
    observedGeneration: 1,
    hostGroup: { objectGUID: shared.objectGUID, distinguishedName: shared.distinguishedName, name, added: [] },
  });
  /** Not any more. */
  const used = ({ objectGUID, distinguishedName }: DirectoryObject): ServerFarmStatus => ({
    observedGeneration: 1,
    formerHostGroups: [{ objectGUID, distinguishedName, name: "Shared", added: [] }],
  });
  const successor = group("Shared", { distinguishedName: `CN=Shared,OU=Else,${BASE}` });

  test.each<[string, Spec, readonly DirectoryObject[], ServerFarmStatus | undefined, string]>([
    [
      "somebody else's group, by its name in any case",
      existing(),
      [{ ...shared, samAccountName: "SHARED" }],
      undefined,
      `External CN=Shared,OU=Groups,${BASE}`,
    ],
    ["one with a note of somebody", existing(), [{ ...shared, owner: "a note" }], undefined, `External CN=Shared,OU=Groups,${BASE}`],
    [
      "one in the container that the farm names",
      existing(`ou=groups,${BASE}`),
      [shared],
      undefined,
      `External CN=Shared,OU=Groups,${BASE}`,
    ],
    [
      "one that is not there",
      existing(),
      [group("Other")],
      undefined,
      "Hosts GroupNotFound: no group has the sAMAccountName Shared: create it, or correct hosts.group.name. The farm then continues automatically.",
    ],
    [
      "one in another container",
      existing("OU=Else"),
      [shared],
      undefined,
      `Hosts GroupNotFound: the group Shared is not in OU=Else,${BASE} but is CN=Shared,OU=Groups,${BASE}: correct hosts.group.name, or its container.`,
    ],
    [
      "one that was moved since it was used first",
      existing("OU=Else"),
      [shared],
      remembers("Shared"),
      `External CN=Shared,OU=Groups,${BASE}`,
    ],
    [
      "one that was renamed since",
      existing(),
      [{ ...shared, samAccountName: "New" }],
      remembers("shared"),
      `External CN=Shared,OU=Groups,${BASE}`,
    ],
    [
      "one that was renamed since, and not another that has its name now",
      existing(),
      [group("Shared", { distinguishedName: `CN=Impostor,OU=Else,${BASE}` }), { ...shared, samAccountName: "New" }],
      remembers("shared"),
      `External CN=Shared,OU=Groups,${BASE}`,
    ],
    [
      "one that was made again where it was",
      existing(),
      [{ ...group("Shared"), distinguishedName: shared.distinguishedName }],
      remembers("Shared"),
      `External CN=Shared,OU=Groups,${BASE}`,
    ],
    [
      "one that was deleted, and not another of its name elsewhere",
      existing(),
      [group("Shared", { distinguishedName: `CN=Shared,OU=Else,${BASE}` })],
      remembers("Shared"),
      `Hosts GroupNotFound: the group that the farm used, CN=Shared,OU=Groups,${BASE}, is gone, and CN=Shared,OU=Else,${BASE} is another one: if you mean that one, name its container in hosts.group.container.`,
    ],
    [
      "one that was deleted, and another of its name where the farm says",
      existing("OU=Else"),
      [group("Shared", { distinguishedName: `CN=Shared,OU=Else,${BASE}` })],
      remembers("Shared"),
      `External CN=Shared,OU=Else,${BASE}`,
    ],
    [
      "one that was deleted, and no other of its name",
      existing(),
      [group("Other")],
      remembers("Shared"),
      `Hosts GroupNotFound: no group has the sAMAccountName Shared: create it in OU=Groups,${BASE}, or correct hosts.group.name. The farm then continues automatically.`,
    ],
    [
      "one that was deleted, as the farm has said since, and not another of its name elsewhere",
      existing(),
      [group("Shared", { distinguishedName: `CN=Shared,OU=Else,${BASE}` })],
      used(shared),
      `Hosts GroupNotFound: the group that the farm used, CN=Shared,OU=Groups,${BASE}, is gone, and CN=Shared,OU=Else,${BASE} is another one: if you mean that one, name its container in hosts.group.container.`,
    ],
    [
      "one that took the place of one that was deleted, once its container is not named any more",
      existing(),
      [successor],
      { ...used(shared), hostGroup: { objectGUID: successor.objectGUID, distinguishedName: successor.distinguishedName, name: "Shared" } },
      `External CN=Shared,OU=Else,${BASE}`,
    ],
    [
      "one that was renamed, and was known by another name",
      existing(),
      [{ ...shared, samAccountName: "New" }],
      remembers("Another"),
      "Hosts GroupNotFound: no group has the sAMAccountName Shared: create it, or correct hosts.group.name. The farm then continues automatically.",
    ],
    [
      "one that is no group",
      existing(),
      [{ ...shared, objectClass: "user" }],
      undefined,
      `Hosts GroupNotFound: CN=Shared,OU=Groups,${BASE} is not a group but a user: correct hosts.group.name.`,
    ],
    [
      "one that must never be touched",
      existing(),
      [{ ...shared, protection: "it is built in" }],
      undefined,
      `Hosts ProtectedObject: CN=Shared,OU=Groups,${BASE} must never be managed: it is built in. Choose another name for the group.`,
    ],
    [
      "another farm's own",
      existing(),
      [{ ...shared, owner: ANOTHERS }],
      undefined,
      `Hosts NotOwned: CN=Shared,OU=Groups,${BASE} cannot be used: it belongs to the ServerFarm web/other, which manages its members. Name another group in hosts.group.name.`,
    ],
    ["one of its own that it says so of", existing(), [{ ...shared, owner }], undefined, `External CN=Shared,OU=Groups,${BASE}`],
    [
      "one that gives no rights",
      existing(),
      [{ ...shared, securityEnabled: false }],
      undefined,
      `Hosts Rejected: CN=Shared,OU=Groups,${BASE} is a distribution group, which gives no rights: make it a security group (Set-ADGroup -GroupCategory Security), or correct hosts.group.name.`,
    ],
  ])("as it says: %s", (_, spec, objects, status, expected) => {
    expect(place(spec, objects, status)).toBe(expected);
  });

  test("of somebody else, the change of its members names it as the farm does, and without a marker", () => {
    expect(slotOfHostGroup(desired(existing()), seen([shared]))).toMatchObject({
      group: { distinguishedName: shared.distinguishedName, objectGUID: shared.objectGUID, owner: undefined, name: "Shared" },
    });
  });

  test("that another namespace uses is frozen: only who was put in is still the farm's to take out", () => {
    const other = {
      key: "db/x",
      standing: { namespace: "db", created: "", uid: "" },
      uses: { name: "shared", objectGUID: undefined },
      hosts: new Set<string>(),
      quarantined: new Set<string>(),
      claimed: new Set([shared.objectGUID]),
      added: new Map(),
    };
    const slot = (status?: ServerFarmStatus): Slot => slotOfHostGroup(desired(existing(), status, [other]), seen([shared]));
    expect(said(slot())).toBe(
      `Hosts GroupInUse: CN=Shared,OU=Groups,${BASE} is in use by another namespace, whose hosts or accounts could retrieve this farm's password: name a group of your own in hosts.group.name, or remove hosts.group.existing.`,
    );
    expect(slot()).not.toHaveProperty("frozen");
    expect(slot(remembers("Shared"))).toMatchObject({ frozen: shared });
    const elsewhere = { observedGeneration: 1, formerHostGroups: [{ objectGUID: "another", distinguishedName: "CN=x", added: ["c"] }] };
    expect(slot(elsewhere)).not.toHaveProperty("frozen");
    // A group that cannot be used for another reason says that alone.
    expect(said(slotOfHostGroup(desired(existing(), undefined, [other]), seen([{ ...shared, protection: "x" }])))).toContain(
      "ProtectedObject",
    );
  });
});

describe("an access group's place", () => {
  const place = (existing: boolean, objects: readonly DirectoryObject[], status?: ServerFarmStatus): string => {
    const wanted = desired({ accessGroups: [{ name: "Share", existing }] }, status);
    const [first] = wanted.accessGroups;
    if (!first) throw new Error("no access group");
    return said(slotOfAccessGroup(wanted, seen(objects), first));
  };
  const share = group("Share", { owner });
  const remembers: ServerFarmStatus = {
    observedGeneration: 1,
    accessGroups: [{ name: "share", objectGUID: share.objectGUID, distinguishedName: share.distinguishedName }],
  };

  test.each<[string, boolean, readonly DirectoryObject[], ServerFarmStatus | undefined, string]>([
    ["its own, by its name", false, [share], undefined, `Own CN=Share,OU=Farms,${BASE}`],
    [
      "its own that was renamed and moved, as it is remembered",
      false,
      [{ ...share, samAccountName: "New", distinguishedName: "CN=New" }],
      remembers,
      "Own CN=New",
    ],
    ["one that is not remembered", false, [{ ...share, samAccountName: "New", distinguishedName: "CN=New" }], undefined, "Vacant"],
    ["somebody else's, as it says", true, [{ ...share, owner: undefined }], undefined, `External CN=Share,OU=Farms,${BASE}`],
    [
      "somebody else's that was renamed",
      true,
      [{ ...share, owner: undefined, samAccountName: "New" }],
      remembers,
      `External CN=Share,OU=Farms,${BASE}`,
    ],
    [
      "one that is not there",
      true,
      [],
      undefined,
      "AccessGroups GroupNotFound: no group has the sAMAccountName Share: create it, or correct accessGroups. The farm then continues automatically.",
    ],
    [
      "somebody else's that it does not say so of, which is never taken over",
      false,
      [{ ...share, owner: "serverfarm.dev adopt=web/itfarm1" }],
      undefined,
      `AccessGroups NotOwned: CN=Share,OU=Farms,${BASE} exists and its adminDescription gives consent to this farm; the operator left it as it is. Set existing: true to use it as an externally managed group, or choose another name in accessGroups, or remove that object if nobody needs it.`,
    ],
  ])("%s", (_, existing, objects, status, expected) => {
    expect(place(existing, objects, status)).toBe(expected);
  });

  test("in a container of others is not made", () => {
    const wanted = desired({ accessGroups: [{ name: "Share", existing: false, container: "CN=Users" }] });
    const [first] = wanted.accessGroups;
    expect(first && said(slotOfAccessGroup(wanted, seen([]), first))).toContain(
      "AccessGroups InvalidSpec: the access group is not created in the shared container CN=Users",
    );
    expect(first && said(slotOfAccessGroup(wanted, seen([]), first))).toContain(
      "name it in the group's container in accessGroups, or the domain's defaults.groupContainer.",
    );
  });

  test.each<[string, Spec, "AccessGroup" | "HostGroup" | undefined, string, boolean]>([
    ["a name among the access groups", { accessGroups: [{ name: "share", existing: false }] }, undefined, "Share", true],
    ["no such name", { accessGroups: [{ name: "share", existing: false }] }, undefined, "Other", false],
    [
      "what it was made as, whatever is said of its name",
      { accessGroups: [{ name: "Share", existing: false }] },
      "HostGroup",
      "Share",
      false,
    ],
    ["what it was made as, though nothing is said of it", {}, "AccessGroup", "Share", true],
    [
      "the host group's name first, where a manifest says both",
      { hosts: { group: { name: "Share", existing: false } }, accessGroups: [{ name: "Share", existing: false }] },
      undefined,
      "Share",
      false,
    ],
    [
      "the access group's name, where no host group is wanted",
      { hosts: { grant: "Principals", group: { name: "Share", existing: false } }, accessGroups: [{ name: "Share", existing: false }] },
      undefined,
      "Share",
      true,
    ],
  ])("a group of its own is for access or for hosts by %s", (_, spec, kind, name, is) => {
    const object = group(name, { owner });
    const status = kind && { observedGeneration: 1, ownedObjects: [{ kind, objectGUID: object.objectGUID }] };
    expect(isAccessGroup(desired(spec, status), object)).toBe(is);
  });
});

describe("whose a group is", () => {
  test.each<[string, string | undefined, boolean]>([
    ["the farm's", owner, false],
    ["nobody's", undefined, false],
    ["somebody's with a note", "a note", false],
    ["another farm's", ANOTHERS, true],
    ["that of a farm of another cluster", "serverfarm.dev cluster=ffff farm=web/itfarm1", true],
  ])("%s: is it another farm's?", (_, marker, is) => {
    expect(isAnothers(group("X", { owner: marker }), desired())).toBe(is);
  });

  test("a change of its members is guarded by the marker where it is the farm's own, and by none where it is not", () => {
    const [own, others] = [group("Own", { owner }), group("Others", { owner: "a note" })];
    const { distinguishedName, objectGUID } = others;
    expect(memberGroup(desired(), own, "x")).toEqual({ distinguishedName: own.distinguishedName, objectGUID: own.objectGUID, owner });
    expect(memberGroup(desired(), others, "x")).toEqual({ distinguishedName, objectGUID, owner: undefined, name: "x" });
  });
});
