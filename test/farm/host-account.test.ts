/** The user of pods.hostAccount, pure: who is meant, and what becomes of the one who was. */
import { describe, expect, test } from "vitest";
import type { ServerFarm } from "../../src/api/generated/server-farm.ts";
import type { DirectoryObject } from "../../src/ad/object.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import { viewOf } from "../../src/farm/view.ts";
import { BASE, CLUSTER, directoryObject, FACTS, farm, SimulatedDirectory } from "./simulation.ts";

const REFERENCE = "pods.hostAccount: eks-web";

function user(name: string, fields: Partial<DirectoryObject> = {}): DirectoryObject {
  const distinguishedName = `CN=${name},CN=Users,${BASE}`;
  return directoryObject({ distinguishedName, objectClass: "user", samAccountName: name, userAccountControl: 512, ...fields });
}

interface Situation {
  readonly users?: readonly DirectoryObject[];
  readonly entry?: string | undefined;
  readonly before?: DirectoryObject;
  readonly hosts?: object;
}

function look({ users = [], entry = "svc-web", before, hosts = {} }: Situation): {
  readonly wanted: readonly string[];
  readonly kept: readonly string[];
  readonly reasons: readonly string[];
  readonly remembered: readonly string[];
} {
  const resolvedHosts = before && [{ reference: REFERENCE, objectGUID: before.objectGUID, objectSID: before.objectSID ?? "" }];
  const status: ServerFarm["status"] = resolvedHosts && { observedGeneration: 1, resolvedHosts };
  const plain = farm({ hosts }, status);
  const wanted = { ...plain, spec: { ...plain.spec, pods: { serviceAccounts: [], configMap: false, hostAccount: "eks-web" } } };
  const podHostAccounts = entry === "" ? [] : [{ name: "eks-web", user: entry }];
  const { desired } = desiredFarm(wanted, { ...FACTS, podHostAccounts }, CLUSTER, []);
  const view = viewOf(desired, { ...new SimulatedDirectory([], users).seenBy(desired), users });
  const names = (map: ReadonlyMap<string, DirectoryObject>): readonly string[] =>
    [...map.values()].map(({ samAccountName = "" }) => samAccountName);
  return {
    wanted: names(view.hosts.wanted),
    kept: names(view.hosts.undecided),
    reasons: view.hosts.blockers.map(({ reason }) => reason),
    remembered: view.hosts.records.filter(({ reference }) => reference === REFERENCE).map(({ objectGUID }) => objectGUID),
  };
}

describe("the user of pods.hostAccount", () => {
  test("is a host, and remembered as an object", () => {
    const web = user("svc-web");
    expect(look({ users: [web] })).toEqual({ wanted: ["svc-web"], kept: [], reasons: [], remembered: [web.objectGUID] });
    expect(look({ users: [web], entry: web.distinguishedName.toLowerCase() }).wanted).toEqual(["svc-web"]);
  });

  test("another one under the name takes the place of the one that had it", () => {
    const [before, now] = [user("old", { samAccountName: "old" }), user("svc-web")];
    expect(look({ users: [before, now], before })).toMatchObject({ wanted: ["svc-web"], kept: [], remembered: [now.objectGUID] });
  });

  test("renamed it keeps the right; and while the domain has no entry nobody comes and nobody goes", () => {
    const before = user("renamed");
    expect(look({ users: [before], before })).toMatchObject({ wanted: ["renamed"], reasons: [] });
    expect(look({ users: [before], before, entry: "" })).toEqual({
      wanted: [],
      kept: ["renamed"],
      reasons: ["HostAccountNotFound"],
      remembered: [before.objectGUID],
    });
  });

  test("an entry that is no name of a user is the domain owner's to correct", () => {
    expect(look({ entry: "CN=,=" })).toMatchObject({ wanted: [], reasons: ["InvalidSpec"] });
  });

  test("several that may be meant get nothing", () => {
    const users = [user("svc-web"), { ...user("other"), samAccountName: "SVC-WEB" }];
    expect(look({ users })).toMatchObject({ wanted: [], kept: [], reasons: ["HostAmbiguous"] });
  });

  test.each([
    ["disabled", { userAccountControl: 514 }, "HostNotTrusted"],
    ["protected", { protection: "it is protected" }, "ProtectedObject"],
    ["a gMSA", { objectClass: "msDS-GroupManagedServiceAccount" }, "ObjectExists"],
  ])("%s it gets nothing, and loses what it had", (_, fields, reason) => {
    const web = user("svc-web", fields);
    expect(look({ users: [web] })).toMatchObject({ wanted: [], kept: [], reasons: [reason] });
    expect(look({ users: [web], before: web })).toMatchObject({ wanted: [], kept: [], reasons: [reason] });
  });

  test("keeps what it had when somebody who may have nothing takes its name", () => {
    const before = user("svc-web", { samAccountName: "renamed" });
    for (const fields of [{ userAccountControl: 514 }, { protection: "it is protected" }, { objectClass: "contact" }]) {
      const other = user("other", { samAccountName: "svc-web", ...fields });
      const { wanted, kept, remembered } = look({ users: [other, before], before });
      expect([wanted, kept, remembered]).toEqual([[], ["renamed"], [before.objectGUID]]);
    }
    const disabled = { ...before, userAccountControl: 514 };
    const other = user("other", { samAccountName: "svc-web", userAccountControl: 514 });
    expect(look({ users: [other, disabled], before }).kept).toEqual([]);
  });

  test("quarantined it is none, by name and by distinguished name; no entry for computers means it", () => {
    const web = user("svc-web");
    for (const quarantined of [["SVC-web"], [web.distinguishedName]])
      expect(look({ users: [web], hosts: { quarantined } }), quarantined[0]).toMatchObject({ wanted: [], kept: [], reasons: [] });
    expect(look({ users: [web], hosts: { quarantined: ["svc-web$"] } })).toMatchObject({
      wanted: ["svc-web"],
      reasons: ["QuarantineNotFound"],
    });
    expect(look({ users: [web], entry: "", hosts: { computers: [web.distinguishedName] } })).toMatchObject({ wanted: [] });
    const dotted = user("svc.ccg");
    expect(look({ users: [dotted], entry: "svc.ccg", hosts: { quarantined: ["svc.ccg"] } })).toMatchObject({ wanted: [], reasons: [] });
  });
});
