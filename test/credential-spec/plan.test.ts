import { describe, expect, test } from "vitest";
import { type Found, standingOf } from "../../src/credential-spec/objects.ts";
import { fixOf, isAsWanted, planPods } from "../../src/credential-spec/plan.ts";
import { ownerOf, wishOf } from "../../src/credential-spec/wanted.ts";
import { allMade, DOMAIN, farmWith, foreign, made, ofFarm, stepsOf, wantedOf } from "./cases.ts";

const FARM = farmWith({});
const OWNER = ownerOf(FARM);
const ALL = allMade(FARM);

describe("what is to be done", () => {
  test("all of it where nothing is there: the right first, the spec last", () => {
    expect(stepsOf(FARM, {})).toEqual(["Create Role", "Create RoleBinding", "Create GMSACredentialSpec"]);
    expect(stepsOf(farmWith({ configMap: true }), {})).toEqual([
      "Create Role",
      "Create RoleBinding",
      "Create ConfigMap",
      "Create GMSACredentialSpec",
    ]);
  });

  test("nothing where all is there", () => {
    for (const farm of [FARM, farmWith({ configMap: true, hostAccount: "eks-web" }), farmWith({ serviceAccounts: [] })])
      expect(stepsOf(farm, allMade(farm))).toEqual([]);
  });

  test.each(["Role", "RoleBinding", "GMSACredentialSpec"] as const)("what is missing alone: %s", (kind) => {
    const { [kind]: _missing, ...rest } = ALL;
    expect(stepsOf(FARM, rest)).toEqual([`Create ${kind}`]);
  });

  test("at the end the binding goes first, then the spec", () => {
    const all = allMade(farmWith({ configMap: true }));
    expect(stepsOf(farmWith(undefined), all)).toEqual([
      "Delete RoleBinding",
      "Delete GMSACredentialSpec",
      "Delete Role",
      "Delete ConfigMap",
    ]);
  });

  test("at the end what is somebody else's stays", () => {
    const found = { ...ALL, GMSACredentialSpec: foreign(ALL.GMSACredentialSpec), Role: ofFarm(made(wantedOf(FARM).Role), "web/other") };
    expect(stepsOf(farmWith(undefined), found)).toEqual(["Delete RoleBinding"]);
  });

  test("a ConfigMap that is not wanted any more goes, one of somebody else stays", () => {
    const found = allMade(farmWith({ configMap: true }));
    expect(stepsOf(FARM, found)).toEqual(["Delete ConfigMap"]);
    expect(stepsOf(FARM, { ...found, ConfigMap: foreign(found.ConfigMap) })).toEqual([]);
  });

  test("a binding to another role is made anew, since that cannot be changed", () => {
    const binding = made(wantedOf(FARM).RoleBinding);
    const found = {
      ...ALL,
      RoleBinding: { ...binding, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" } },
    };
    expect(stepsOf(FARM, found)).toEqual(["Delete RoleBinding", "Create RoleBinding"]);
  });
});

describe("a spec that is there already", () => {
  const edited = { ...made(wantedOf(FARM).GMSACredentialSpec), credspec: {} };
  const two = farmWith({ serviceAccounts: ["web", "worker"], configMap: true });

  test("is fixed before what may be refused, or be in the way of it", () => {
    const { ConfigMap: _map, ...found } = { ...allMade(FARM), GMSACredentialSpec: edited };
    expect(stepsOf(two, found)).toEqual(["Fix GMSACredentialSpec", "Fix RoleBinding", "Create ConfigMap"]);
    expect(stepsOf(two, { ...found, RoleBinding: foreign(ALL.RoleBinding) })).toEqual(["Fix GMSACredentialSpec"]);
  });

  test("of a farm of this name that was there before, or that is given, comes last all the same", () => {
    const before = { ...edited, metadata: { ...edited.metadata, labels: { "serverfarm.dev/farm-uid": "uid-0" } } };
    for (const spec of [before, foreign(edited, { "serverfarm.dev/adopt": "web/itfarm1" })])
      expect(stepsOf(two, { ...ALL, GMSACredentialSpec: spec }).at(-1)).toBe("Fix GMSACredentialSpec");
    expect(stepsOf(two, { GMSACredentialSpec: before, RoleBinding: foreign(ALL.RoleBinding) })).toEqual(["Create Role"]);
  });
});

test("a ConfigMap that cannot be changed is made anew", () => {
  const farm = farmWith({ configMap: true });
  const found = allMade(farm);
  if (!found.ConfigMap) throw new Error("none is wanted");
  const map = { ...found.ConfigMap, immutable: true };
  expect(stepsOf(farm, { ...found, ConfigMap: map })).toEqual([]);
  expect(stepsOf(farm, { ...found, ConfigMap: { ...map, data: { "credspec.json": "old" } } })).toEqual([
    "Delete ConfigMap",
    "Create ConfigMap",
  ]);
});

describe("a fix", () => {
  const spec = wantedOf(FARM).GMSACredentialSpec;

  test("has what differs and no more", () => {
    const found = made(spec);
    const edited = { ...found, credspec: { ...Object(found["credspec"]), CmsPlugins: ["Other"], Added: "x" } };
    expect(fixOf(spec, edited)).toEqual({ credspec: { CmsPlugins: ["ActiveDirectory"], Added: null } });
  });

  test("leaves what others put into the metadata", () => {
    const found = made(spec);
    const metadata = {
      ...found.metadata,
      labels: { ...found.metadata.labels, team: "web" },
      annotations: { ...found.metadata.annotations, note: "x" },
    };
    expect(fixOf(spec, { ...found, metadata })).toBeUndefined();
  });

  test("brings back the farm's uid, as after a restore, and puts its reference in place of the old one", () => {
    const role = wantedOf(FARM).Role;
    const before = made({
      ...role,
      labels: { "serverfarm.dev/farm-uid": "uid-0" },
      ownerReferences: role.ownerReferences.map((one) => ({ ...one, uid: "uid-0" })),
    });
    const others = [...role.ownerReferences.map((one) => ({ ...one, uid: "uid-0" })), { kind: "Other", name: "x", uid: "y" }];
    const found = { ...before, metadata: { ...before.metadata, ownerReferences: others } };
    expect(fixOf(role, found)).toEqual({
      metadata: {
        labels: { "serverfarm.dev/farm-uid": "uid-1" },
        ownerReferences: [{ kind: "Other", name: "x", uid: "y" }, ...role.ownerReferences],
      },
    });
  });

  test("of a list that is empty, and that the API server leaves out, is none", () => {
    const { RoleBinding } = wantedOf(farmWith({ serviceAccounts: [] }));
    expect(fixOf(RoleBinding, made(RoleBinding))).toBeUndefined();
    expect(fixOf(RoleBinding, made(wantedOf(FARM).RoleBinding))).toEqual({ subjects: [] });
  });

  test("gives the binding of one who was taken off the list", () => {
    const two = farmWith({ serviceAccounts: ["web", "worker"] });
    expect(stepsOf(FARM, allMade(two))).toEqual(["Fix RoleBinding"]);
  });
});

describe("whose an object is", () => {
  const spec = made(wantedOf(FARM).GMSACredentialSpec);

  test.each([
    ["absent", undefined, "Absent"],
    ["its own", spec, "Own"],
    [
      "its own, of a farm of this name that was there before",
      { ...spec, metadata: { ...spec.metadata, labels: { "serverfarm.dev/farm-uid": "uid-0" } } },
      "Own",
    ],
    ["without the label", foreign(spec, { "serverfarm.dev/farm": "web/itfarm1" }), "Foreign"],
    ["another farm's", ofFarm(spec, "web/other"), "Foreign"],
    ["given to it", foreign(spec, { "serverfarm.dev/adopt": "web/itfarm1" }), "Given"],
    ["given to another", foreign(spec, { "serverfarm.dev/adopt": "shop/itfarm1" }), "Foreign"],
  ] as const)("%s", (_, found, standing) => {
    expect(standingOf("GMSACredentialSpec", found, OWNER)).toBe(standing);
  });

  test("another farm's is not given away by an annotation", () => {
    const others = ofFarm(spec, "web/other");
    const annotations = { ...others.metadata.annotations, "serverfarm.dev/adopt": "web/itfarm1" };
    expect(standingOf("GMSACredentialSpec", { ...others, metadata: { ...others.metadata, annotations } }, OWNER)).toBe("Foreign");
  });

  test.each(["Role", "RoleBinding", "ConfigMap"] as const)("a %s cannot be given", (kind) => {
    expect(standingOf(kind, foreign(spec, { "serverfarm.dev/adopt": "web/itfarm1" }), OWNER)).toBe("Foreign");
  });
});

describe("what is somebody else's", () => {
  const blockersOf = (found: object) => planPods(wishOf(farmWith({ configMap: true }), DOMAIN), found, OWNER, "Full").blockers;

  test("a spec: nobody gets a right to it, and who had one has it no more", () => {
    const taken = { ...ALL, GMSACredentialSpec: foreign(ALL.GMSACredentialSpec) };
    expect(stepsOf(FARM, { GMSACredentialSpec: taken.GMSACredentialSpec })).toEqual([]);
    expect(stepsOf(FARM, taken)).toEqual(["Delete RoleBinding", "Delete Role"]);
    expect(blockersOf(taken)).toMatchObject([{ reason: "NotOwned", message: expect.stringContaining("serverfarm.dev/adopt=web/itfarm1") }]);
  });

  test("a role: nobody is bound to it", () => {
    const taken = { ...ALL, Role: foreign(ALL.Role) };
    expect(stepsOf(FARM, taken)).toEqual(["Delete RoleBinding"]);
    expect(blockersOf(taken)).toMatchObject([{ message: expect.stringContaining("kubectl delete roles itfarm1-credential-spec -n web") }]);
  });

  test("a binding: it is left, and no spec is published that nobody knows who may use", () => {
    const { GMSACredentialSpec: _spec, ...rest } = ALL;
    expect(stepsOf(FARM, { ...rest, RoleBinding: foreign(ALL.RoleBinding) })).toEqual([]);
  });

  test("a ConfigMap: all else goes on", () => {
    const found = allMade(farmWith({ configMap: true }));
    const { GMSACredentialSpec: _spec, ...rest } = { ...found, ConfigMap: foreign(found.ConfigMap) };
    expect(stepsOf(farmWith({ configMap: true }), rest)).toEqual(["Create GMSACredentialSpec"]);
    expect(blockersOf(rest)).toMatchObject([{ message: expect.not.stringContaining("nobody gets the right") }]);
  });

  test("a spec that is given is taken over with all that is in it", () => {
    const given = { ...foreign(ALL.GMSACredentialSpec, { "serverfarm.dev/adopt": "web/itfarm1" }), credspec: { CmsPlugins: ["x"] } };
    const { steps } = planPods(wishOf(FARM, DOMAIN), { ...ALL, GMSACredentialSpec: given }, OWNER, "Full");
    expect(steps).toMatchObject([
      { do: "Fix", patch: { metadata: { labels: { "serverfarm.dev/farm-uid": "uid-1" } }, credspec: { CmsPlugins: ["ActiveDirectory"] } } },
    ]);
  });
});

describe("a farm that is not allowed", () => {
  test("gets nothing, and nothing of it is fixed", () => {
    expect(stepsOf(FARM, {}, "Frozen")).toEqual([]);
    expect(stepsOf(FARM, { ...ALL, GMSACredentialSpec: { ...made(wantedOf(FARM).GMSACredentialSpec), credspec: {} } }, "Frozen")).toEqual(
      [],
    );
    expect(stepsOf(farmWith({ serviceAccounts: ["web", "worker"] }), ALL, "Frozen")).toEqual([]);
  });

  test("loses whom it does not list any more, and only these", () => {
    const found = allMade(farmWith({ serviceAccounts: ["web", "worker"] }));
    const { steps } = planPods(wishOf(farmWith({ serviceAccounts: ["worker", "new"] }), DOMAIN), found, OWNER, "Frozen");
    expect(steps).toMatchObject([{ do: "Fix", patch: { subjects: [{ kind: "ServiceAccount", name: "worker", namespace: "web" }] } }]);
  });

  test.each([
    ["a role that gives more", { ...ALL, Role: { ...made(wantedOf(FARM).Role), rules: [{ verbs: ["*"] }] } }],
    ["no role", { RoleBinding: ALL.RoleBinding }],
    ["another role", { ...ALL, RoleBinding: undefined }],
  ])("loses all of a binding that cannot be changed: %s", (what, found) => {
    const binding = made(wantedOf(farmWith({ serviceAccounts: ["web", "worker"] })).RoleBinding);
    const roleRef =
      what === "another role" ? { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" } : binding["roleRef"];
    const all: object = { ...found, RoleBinding: { ...binding, roleRef } };
    expect(stepsOf(FARM, all, "Frozen")).toEqual(["Delete RoleBinding"]);
    expect(stepsOf(farmWith({ hostAccount: "none" }), all)).toEqual(["Delete RoleBinding"]);
  });

  test("loses everything with spec.pods", () => {
    expect(stepsOf(farmWith(undefined), ALL, "Frozen")).toEqual(["Delete RoleBinding", "Delete GMSACredentialSpec", "Delete Role"]);
  });
});

describe("a farm without an account of its own", () => {
  const GONE = ["Delete RoleBinding", "Delete GMSACredentialSpec"];
  const renamed = { ...FARM, spec: { ...FARM.spec, account: { ...FARM.spec.account, name: "victim" } } };
  const of = (farm: typeof FARM, found: Found, domain = DOMAIN) => stepsOf(farm, found, "Awaited", domain);

  test("gets nothing, and nothing of it is fixed", () => {
    expect(of(FARM, {})).toEqual([]);
    expect(of(FARM, { RoleBinding: made(wantedOf(FARM).RoleBinding) })).toEqual([]);
    expect(of(farmWith({ serviceAccounts: ["web", "worker"] }), ALL)).toEqual([]);
  });

  test("loses whom it does not list any more", () => {
    expect(of(FARM, allMade(farmWith({ serviceAccounts: ["web", "worker"] })))).toEqual(["Fix RoleBinding"]);
  });

  test("whose spec names another account, or one of another domain: nobody may use that any more", () => {
    expect(of(renamed, ALL)).toEqual(GONE);
    expect(of(FARM, ALL, { ...DOMAIN, dnsName: "other.contoso.com" })).toEqual(GONE);
    expect(of(renamed, ALL, { ...DOMAIN, identity: {} })).toEqual(GONE);
    const spec = made(wantedOf(FARM).GMSACredentialSpec);
    const half = { ActiveDirectoryConfig: { GroupManagedServiceAccounts: [{ Name: "victim", Scope: "EMEA" }] } };
    expect(of(FARM, { ...ALL, GMSACredentialSpec: { ...spec, credspec: half } })).toEqual(GONE);
    expect(of(FARM, { ...ALL, GMSACredentialSpec: { ...spec, credspec: {} } })).toEqual([]);
    // Nothing is known of one that is too large to be kept.
    expect(of(FARM, { ...ALL, GMSACredentialSpec: { metadata: spec.metadata } })).toEqual(GONE);
    // What is somebody else's stays.
    expect(of(renamed, { ...ALL, GMSACredentialSpec: foreign({ ...spec, credspec: half }) })).toEqual(["Delete RoleBinding"]);
  });

  test("whose account's name is somebody else's now: nobody may use what is published any more", () => {
    expect(stepsOf(FARM, ALL, "Lost")).toEqual(GONE);
    expect(stepsOf(FARM, {}, "Lost")).toEqual([]);
    expect(stepsOf(FARM, { RoleBinding: foreign(ALL.RoleBinding) }, "Lost")).toEqual([]);
    // Whoever may use it may have bound somebody: without the spec that gives nothing.
    expect(stepsOf(FARM, { ...ALL, RoleBinding: foreign(ALL.RoleBinding) }, "Lost")).toEqual(["Delete GMSACredentialSpec"]);
    expect(stepsOf(farmWith({ hostAccount: "none" }), ALL, "Lost")).toEqual(GONE);
  });

  test("and a binding that a finalizer keeps: it is deleted until it binds nobody any more", () => {
    const binding = made(wantedOf(FARM).RoleBinding);
    const metadata = { ...binding.metadata, deletionTimestamp: "2026-11-26T00:00:00Z" };
    const kept = (subjects: readonly unknown[]): Found => ({ ...ALL, RoleBinding: { ...binding, metadata, subjects } });
    expect(stepsOf(FARM, kept([{ kind: "User", name: "x" }]), "Lost")).toEqual(GONE);
    expect(stepsOf(FARM, kept([]), "Lost")).toEqual(["Delete GMSACredentialSpec"]);
    expect(stepsOf(farmWith(undefined), kept([]))).toEqual(["Delete GMSACredentialSpec", "Delete Role"]);
  });

  test("whose name is written in another case: it is the same", () => {
    expect(of({ ...FARM, spec: { ...FARM.spec, account: { ...FARM.spec.account, name: "ITFARM1" } } }, ALL)).toEqual([]);
  });
});

test.each(["Awaited", "Frozen"] as const)("who may use the spec of somebody else may not any more: %s", (scope) => {
  expect(stepsOf(FARM, { ...ALL, GMSACredentialSpec: foreign(ALL.GMSACredentialSpec) }, scope)).toEqual(["Delete RoleBinding"]);
  expect(stepsOf(FARM, { ...ALL, Role: foreign(ALL.Role) }, scope)).toEqual(["Delete RoleBinding"]);
});

test("what cannot be told leaves what is there, but for who is taken off the list", () => {
  const blocked = { hostAccount: "none" };
  const found = allMade(farmWith({ serviceAccounts: ["web", "worker"] }));
  expect(stepsOf(farmWith({ ...blocked, serviceAccounts: ["web", "worker"] }), found)).toEqual([]);
  expect(stepsOf(farmWith({ ...blocked, serviceAccounts: ["web"] }), found)).toEqual(["Fix RoleBinding"]);
  expect(stepsOf(farmWith(blocked), {})).toEqual([]);
});

test("an object is as wanted, or rightly absent", () => {
  const wish = wishOf(FARM, DOMAIN);
  expect(isAsWanted(wish, "Role", ALL.Role)).toBe(true);
  expect(isAsWanted(wish, "Role", undefined)).toBe(false);
  expect(isAsWanted(wish, "Role", { ...made(wantedOf(FARM).Role), rules: [] })).toBe(false);
  expect(isAsWanted({ kind: "Nothing" }, "Role", ALL.Role)).toBe(false);
  expect(isAsWanted({ kind: "Nothing" }, "Role", undefined)).toBe(true);
});
