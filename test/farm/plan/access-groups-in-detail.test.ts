/** The groups that an account is put into for access, change by change: which it joins, leaves, makes and lets go. */
import { describe, expect, test } from "vitest";
import type { ServerFarmStatus } from "../../../src/api/generated/server-farm.ts";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../../src/ad/object.ts";
import { planAccessGroups } from "../../../src/farm/plan/access-groups.ts";
import { viewOf } from "../../../src/farm/view.ts";
import { BASE, desired, directoryObject, type farm, SimulatedDirectory } from "../simulation.ts";

type Spec = Parameters<typeof farm>[0];
const { owner } = desired();
const ACCOUNT = `CN=itfarm1,OU=Farms,${BASE}`;
const group = (name: string, fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=${name},OU=Farms,${BASE}`, objectClass: "group", samAccountName: name, ...fields });
const wants = (...names: readonly string[]): Spec => ({ accessGroups: names.map((name) => ({ name, existing: true })) });
/** What the record says of groups that the account was put into. */
const remembers = (...groups: readonly (readonly [string, DirectoryObject])[]): ServerFarmStatus => ({
  observedGeneration: 1,
  accessGroups: groups.map(([name, { objectGUID, distinguishedName }]) => ({ name, objectGUID, distinguishedName })),
});

/** `isIn`: the groups that the account is in. */
function planned(spec: Spec, groups: readonly DirectoryObject[], isIn: readonly DirectoryObject[] = [], status?: ServerFarmStatus) {
  const account = directoryObject({
    distinguishedName: ACCOUNT,
    objectClass: ACCOUNT_CLASS,
    samAccountName: "itfarm1$",
    owner,
    memberOf: isIn.map(({ distinguishedName }) => distinguishedName),
  });
  const observed = new SimulatedDirectory().seenBy(desired());
  return planAccessGroups(viewOf(desired(spec, status), { ...observed, objects: [...groups, account] }));
}
const lines = (...situation: Parameters<typeof planned>): readonly string[] =>
  planned(...situation).changes.map(
    (change) => `${change.kind} ${"object" in change ? change.object.distinguishedName : change.distinguishedName}`,
  );
const at = (name: string): string => `CN=${name},OU=Farms,${BASE}`;
const [SHARE, OTHER] = [group("Share"), group("Other")] as const;

describe("a group that the farm names", () => {
  test("is joined where the account is not in, and not again", () => {
    expect(planned(wants("Share"), [SHARE])).toEqual({
      changes: [
        {
          kind: "JoinAccessGroup",
          object: { distinguishedName: at("Share"), objectGUID: SHARE.objectGUID, owner: undefined, name: "Share" },
          member: ACCOUNT,
          name: "Share",
        },
      ],
      later: [],
      blockers: [],
    });
    expect(planned(wants("Share"), [SHARE], [SHARE])).toEqual({ changes: [], later: [], blockers: [] });
  });

  test("is made with the account in it, where it is the farm's own", () => {
    expect(planned({ accessGroups: [{ name: "New", existing: false }] }, [])).toEqual({
      changes: [{ kind: "CreateAccessGroup", samAccountName: "New", distinguishedName: at("New"), owner, members: [ACCOUNT] }],
      later: [],
      blockers: [],
    });
  });

  test("is let go where it is the farm's own and it says that it is somebody else's", () => {
    const own = group("Share", { owner });
    expect(planned(wants("Share"), [own], [own]).changes).toEqual([
      {
        kind: "Release",
        object: { distinguishedName: at("Share"), objectGUID: own.objectGUID, owner },
        because: "the farm declares it externally managed (existing: true)",
      },
    ]);
    expect(lines(wants("Share"), [own])).toEqual([`Release ${at("Share")}`, `JoinAccessGroup ${at("Share")}`]);
    // One of its own that it says is its own is not.
    expect(lines({ accessGroups: [{ name: "Share", existing: false }] }, [own], [own])).toEqual([]);
  });

  test("and that cannot be used is said, and the others are joined", () => {
    const { changes, blockers } = planned(wants("Gone", "Share"), [SHARE]);
    expect(changes.map(({ kind }) => kind)).toEqual(["JoinAccessGroup"]);
    expect(blockers.map(({ part, reason }) => `${part} ${reason}`)).toEqual(["AccessGroups GroupNotFound"]);
  });

  test("is left alone with all others while one of them is written wrong; what is wrong elsewhere does not matter", () => {
    const twice = { accessGroups: [...["Share", "share"].map((name) => ({ name, existing: true }))] };
    expect(planned(twice, [SHARE])).toEqual({ changes: [], later: [], blockers: [] });
    expect(lines({ ...wants("Share"), servicePrincipalNames: ["http//x"] }, [SHARE])).toEqual([`JoinAccessGroup ${at("Share")}`]);
  });
});

describe("a group that the farm names no more", () => {
  test("is left where the account was put in by this farm: that one, and none that somebody else put it into", () => {
    expect(lines({}, [SHARE, OTHER], [SHARE, OTHER], remembers(["Share", SHARE]))).toEqual([`LeaveAccessGroup ${at("Share")}`]);
    expect(lines({}, [SHARE], [], remembers(["Share", SHARE])), "it is out already").toEqual([]);
    expect(lines(wants("Share"), [SHARE], [SHARE], remembers(["Share", SHARE])), "it is named still").toEqual([]);
  });

  test.each([
    ["must never be touched", { protection: "it is built in" }],
    ["became another farm's own", { owner: "serverfarm.dev cluster=8a1f farm=web/other" }],
  ])("stays as it is where it %s", (_, fields) => {
    const guarded = { ...SHARE, ...fields };
    expect(lines({}, [guarded], [guarded], remembers(["Share", guarded]))).toEqual([]);
  });

  test("is left where its name means another group now", () => {
    const old = group("Old");
    expect(lines(wants("Share"), [SHARE, old], [old], remembers(["Share", old]))).toEqual([
      `JoinAccessGroup ${at("Share")}`,
      `LeaveAccessGroup ${at("Old")}`,
    ]);
  });

  test("stays while its name leads nowhere for the moment", () => {
    const [old, taken] = [group("Old"), group("Share", { owner: "a note" })];
    const spec = { accessGroups: [{ name: "SHARE", existing: false }] };
    expect(lines(spec, [taken, old], [old], remembers(["Share", old]))).toEqual([]);
    // One of another name does not.
    expect(lines(spec, [taken, old], [old], remembers(["Old", old]))).toEqual([`LeaveAccessGroup ${at("Old")}`]);
  });

  test("goes where it is the farm's own and the account was its only member; with another it stays, without marker and account", () => {
    const own = (members: readonly string[]): DirectoryObject => group("Own", { owner, members });
    const made = (object: DirectoryObject): ServerFarmStatus => ({
      observedGeneration: 1,
      ownedObjects: [{ kind: "AccessGroup", objectGUID: object.objectGUID }],
    });
    const [alone, shared] = [own([ACCOUNT]), own([ACCOUNT, "CN=x"])];
    expect(lines({}, [alone], [alone], made(alone))).toEqual([`DeleteAccessGroup ${at("Own")}`]);
    expect(lines({}, [shared], [shared], made(shared))).toEqual([`LeaveAccessGroup ${at("Own")}`, `Release ${at("Own")}`]);
    expect(planned({}, [shared], [shared], made(shared)).changes[1]).toMatchObject({
      because: "it has 1 member that this farm did not add",
    });
  });
});
