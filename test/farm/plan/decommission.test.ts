import { describe, expect, test } from "vitest";
import { planDecommission, type DecommissionPolicy } from "../../../src/farm/plan/decommission.ts";
import type { FarmView } from "../../../src/farm/view.ts";
import { finalizerAction } from "../../../src/api/object.ts";
import { ACCOUNT_CLASS } from "../../../src/ad/object.ts";
import { reconcile } from "../../../src/reconciler/farm.ts";
import { BASE, computer, desired, directoryObject, planEndOf, SimulatedDirectory } from "../simulation.ts";

const WEB = ["WEB01", "WEB02"].map(computer);
const wanted = desired({ hosts: { computers: ["WEB01"] } });
const DELETE: DecommissionPolicy = { retain: false, membersSettled: true };
const group = (members: readonly string[]) =>
  directoryObject({ distinguishedName: `CN=itfarm1Hosts,OU=Farms,${BASE}`, objectClass: "group", owner: wanted.owner, members });
const account = directoryObject({
  distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
  objectClass: ACCOUNT_CLASS,
  owner: wanted.owner,
  retrievers: { principals: ["S-1-5-21-1-2-3-9"], denied: [], foreign: [] },
});
const [WEB01 = "", WEB02 = ""] = WEB.map(({ distinguishedName }) => distinguishedName);
const kinds = (objects: readonly ReturnType<typeof group>[], policy = DELETE): readonly string[] =>
  planEndOf(
    wanted,
    {
      objects,
      computers: WEB,
      membersAmong: new Map(),
      missing: [],
      unexplainedPrincipals: [],
      primaryMembers: [],
      gone: [],
      unreadable: [],
    },
    policy,
  ).changes.map(({ kind }) => kind);

describe("the end of a farm", () => {
  test("revoke, then the account, then the group", () => {
    expect(kinds([group([WEB01]), account])).toEqual(["SetRetrievers", "DeleteAccount", "DeleteHostGroup"]);
  });
  test("what bears no marker, or another's, is not even looked at", () => {
    expect(
      kinds([
        { ...group([]), owner: undefined },
        { ...account, owner: `${wanted.owner}x` },
      ]),
    ).toEqual([]);
  });
  test("a group with a stranger in it is let go", () => {
    expect(kinds([group([WEB01, WEB02])])).toEqual(["Release"]);
    expect(kinds([group([WEB01, `CN=Eve,CN=Users,${BASE}`])])).toEqual(["Release"]);
  });
  test("whom an entry meant is no stranger, though several bear that name by the time of the end", () => {
    const twins = ["WEB01", "TWIN"].map((name) => ({ ...computer(name), dnsHostName: "twin.contoso.com" }));
    const [meant, other] = twins;
    const resolvedHosts = [{ reference: "twin.contoso.com", objectGUID: meant?.objectGUID ?? "" }];
    const farm = desired({ hosts: { computers: ["twin.contoso.com"] } }, { observedGeneration: 1, resolvedHosts });
    const looked = { membersAmong: new Map(), missing: [], unexplainedPrincipals: [], primaryMembers: [], gone: [], unreadable: [] };
    const endOf = (member: string | undefined): readonly string[] =>
      planEndOf(farm, { objects: [group([member ?? ""])], computers: twins, ...looked }, DELETE).changes.map(({ kind }) => kind);
    expect(endOf(meant?.distinguishedName)).toEqual(["DeleteHostGroup"]);
    expect(endOf(other?.distinguishedName)).toEqual(["Release"]);
  });
  test("a computer in it may be a host of a moment ago, while the members were not settled; a person never was", () => {
    const unsettled = { ...DELETE, membersSettled: false };
    expect(kinds([group([WEB01, WEB02])], unsettled)).toEqual(["DeleteHostGroup"]);
    expect(kinds([group([WEB01, `CN=Eve,CN=Users,${BASE}`])], unsettled)).toEqual(["Release"]);
  });
  test("Retain clears the markers and deletes nothing", () => {
    expect(kinds([group([WEB01]), account], { ...DELETE, retain: true })).toEqual(["Release", "Release"]);
  });
  test("a protected object blocks, whatever marker it bears", () => {
    const result = planEndOf(
      wanted,
      {
        objects: [{ ...group([]), protection: "it is built in" }],
        computers: [],
        membersAmong: new Map(),
        missing: [],
        unexplainedPrincipals: [],
        primaryMembers: [],
        gone: [],
        unreadable: [],
      },
      DELETE,
    );
    expect(result.changes).toEqual([]);
    expect(result.blockers).toMatchObject([{ reason: "ProtectedObject" }]);
  });
  test("an object that no farm creates is let go, not deleted", () => {
    expect(kinds([{ ...account, objectClass: "user" }])).toEqual(["Release"]);
  });
  test("what is known and not seen on another server keeps the farm", () => {
    const { blockers } = planEndOf(
      wanted,
      {
        objects: [],
        computers: [],
        membersAmong: new Map(),
        missing: ["guid"],
        unexplainedPrincipals: [],
        primaryMembers: [],
        gone: [],
        unreadable: [],
      },
      DELETE,
    );
    expect(blockers).toMatchObject([{ reason: "DirectoryUnavailable" }]);
  });
  test("it ends with nothing of the farm, and a second time writes nothing", async () => {
    const directory = new SimulatedDirectory([group([WEB01]), account, computer("X")], WEB);
    const work = {
      scope: "Owned" as const,
      plan: (view: FarmView) => planDecommission(view, DELETE),
      assertFresh: () => Promise.resolve(),
      ordered: true,
    };
    const report = await reconcile(wanted, directory, work, new AbortController().signal);
    expect(report.plan).toEqual({ changes: [], later: [], blockers: [] });
    expect(directory.objects.map(({ samAccountName }) => samAccountName)).toEqual(["X$"]);
    expect(report.applied).toHaveLength(3);
  });
});

test.each([
  [false, false, "Add"],
  [true, false, "Reconcile"],
  [true, true, "CleanUp"],
  [false, true, "Ignore"],
] as const)("a finalizer that is %s, on an object that is being deleted %s: %s", (present, deleting, action) => {
  expect(finalizerAction(present, deleting)).toBe(action);
});
