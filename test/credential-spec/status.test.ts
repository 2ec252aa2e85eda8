import { describe, expect, test } from "vitest";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import type { Condition } from "../../src/api/object.ts";
import { auditedOf, causeOf, stepEvents } from "../../src/credential-spec/events.ts";
import type { Found } from "../../src/credential-spec/objects.ts";
import { fixOf, planPods, type Step } from "../../src/credential-spec/plan.ts";
import * as say from "../../src/credential-spec/status.ts";
import { ownerOf, wishOf } from "../../src/credential-spec/wanted.ts";
import { allMade, DOMAIN, farmWith, foreign, HOST_ACCOUNT, made, wantedOf } from "./cases.ts";

const NOW = new Date("2026-11-26T12:00:00Z");
const EARLIER = "2026-11-01T00:00:00Z";

function conditionOf(type: string, status: Condition["status"], reason = "Reconciled", generation = 4): Condition {
  return { type, status, reason, message: `${type} is ${status}`, observedGeneration: generation, lastTransitionTime: EARLIER };
}

function statusOf(...conditions: readonly Condition[]): ServerFarmStatus {
  return { observedGeneration: 4, conditions };
}

const READY = statusOf(conditionOf("Ready", "True"), conditionOf("AccountReady", "True"), conditionOf("HostsReady", "True"));
const seen = ({ conditions = [] }: ServerFarmStatus) => conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
const PUBLISHED = { credentialSpecName: "web.itfarm1" };

describe("the status", () => {
  test("says nothing of Pods for a farm that wants nothing, whatever it said before", () => {
    const before = farmWith(undefined, statusOf(conditionOf("PodsReady", "False", "NotOwned")));
    const status = say.withPods(before, { ...READY, pods: PUBLISHED }, { finding: undefined, published: undefined }, NOW);
    expect(seen(status)).toEqual(seen(READY));
    expect(status).not.toHaveProperty("pods");
    const done = say.withPods(before, READY, { finding: say.publishedFinding(before), published: undefined }, NOW);
    expect(seen(done)).toEqual(seen(READY));
  });

  test("says of a farm that wants nothing any more that it cannot be taken away", () => {
    const finding = say.refusedFinding("AccessDenied", "cannot delete resource");
    const status = say.withPods(farmWith(undefined), READY, { finding, published: PUBLISHED }, NOW);
    expect(seen(status)).toContain("PodsReady False AccessDenied");
    expect(seen(status)).toContain("Ready False AccessDenied");
    expect(status.pods).toEqual(PUBLISHED);
  });

  test("says what is published, and keeps the farm ready", () => {
    const farm = farmWith({ serviceAccounts: ["web", "worker"] }, READY);
    const status = say.withPods(farm, READY, { finding: say.publishedFinding(farm), published: PUBLISHED }, NOW);
    expect(seen(status)).toEqual([...seen(READY), "PodsReady True Published"]);
    expect(status.pods).toEqual(PUBLISHED);
    expect(status.conditions?.at(-1)).toMatchObject({ message: expect.stringContaining("web, worker"), observedGeneration: 4 });
  });

  test.each([
    [say.notEnabled("pods.enabled"), "Stalled"],
    [say.KIND_MISSING, "Reconciling"],
    [say.refusedFinding("AccessDenied", "roles is forbidden"), "Stalled"],
  ] as const)("a farm is not ready for it: %j", (finding, progress) => {
    const status = say.withPods(farmWith({}, READY), READY, { finding, published: undefined }, NOW);
    expect(seen(status)).toEqual([
      `Ready False ${finding.reason}`,
      `${progress} True ${finding.reason}`,
      "AccountReady True Reconciled",
      "HostsReady True Reconciled",
      `PodsReady False ${finding.reason}`,
    ]);
    expect(status.conditions?.[0]?.message).toBe(`PodsReady: ${finding.message}`);
  });

  test("does not move the time of what was so before", () => {
    const first = say.withPods(farmWith({}, READY), READY, { finding: say.KIND_MISSING, published: undefined }, NOW);
    const again = say.withPods(
      farmWith({}, first),
      READY,
      { finding: say.KIND_MISSING, published: undefined },
      new Date("2026-12-01T00:00:00Z"),
    );
    expect(again).toEqual(first);
  });

  test("leaves the root cause of a farm that is not ready for something else", () => {
    const other = statusOf(conditionOf("Ready", "False", "HostNotFound"), conditionOf("Reconciling", "True", "HostNotFound"));
    const status = say.withPods(farmWith({}, READY), other, { finding: say.KIND_MISSING, published: undefined }, NOW);
    expect(seen(status)).toEqual([...seen(other), "PodsReady False CredentialSpecKindMissing"]);
  });

  test("keeps what was last seen where nobody looked, with the generation in which it was seen", () => {
    const before = farmWith({}, statusOf(conditionOf("PodsReady", "True", "Published", 3)));
    const suspended = statusOf(conditionOf("Ready", "False", "Suspended"));
    const status = say.withPods(before, suspended, { finding: undefined, published: PUBLISHED }, NOW);
    expect(status.conditions?.at(-1)).toEqual(conditionOf("PodsReady", "True", "Published", 3));
    const never = say.withPods(farmWith({}), suspended, { finding: undefined, published: undefined }, NOW);
    expect(never.conditions?.at(-1)).toMatchObject({ type: "PodsReady", status: "Unknown", reason: "Suspended" });
  });

  test("who may use it is said where nobody may", () => {
    expect(say.publishedFinding(farmWith({ serviceAccounts: [] })).message).toContain("no ServiceAccount may use it");
    expect(say.publishedFinding(farmWith({ hostAccount: "eks-web" })).message).toContain("the credentials of eks-web");
  });
});

describe("the Event of a farm that is ready", () => {
  const ready = { type: "Normal", reason: "Ready", message: "x" } as const;

  test("is not sent where it is not, after all", () => {
    const status = say.withPods(farmWith({}, READY), READY, { finding: say.KIND_MISSING, published: undefined }, NOW);
    expect(say.readyEvents(farmWith({}, READY), [ready], status).map(({ reason }) => reason)).toEqual(["CredentialSpecKindMissing"]);
    // Nor is it said again.
    expect(say.readyEvents(farmWith({}, status), [ready], status)).toEqual([]);
  });

  test("is sent where it is", () => {
    const farm = farmWith({}, READY);
    const status = say.withPods(farm, READY, { finding: say.publishedFinding(farm), published: PUBLISHED }, NOW);
    expect(say.readyEvents(farm, [ready], status)).toEqual([ready]);
  });
});

describe("before anything is published", () => {
  const account = { distinguishedName: "CN=itfarm1", objectGUID: "g", samAccountName: "itfarm1$" };
  const owned = { ownedObjects: [{ objectGUID: "g", kind: "Account" as const }], account };
  const wanted = { samAccountName: "ITFarm1", dnsName: "emea.contoso.com" };

  test.each([
    ["all is well", { ...owned, ...READY }, true],
    ["no account", READY, false],
    ["an account that is not the farm's own", { ...READY, account }, false],
    ["another account of the farm's", { ...owned, ...READY, account: { ...account, samAccountName: "victim$" } }, false],
    ["an account of which nothing is known but that it is there", { ownedObjects: owned.ownedObjects, ...READY }, false],
    ["a host group alone", { ...READY, ownedObjects: [{ objectGUID: "g", kind: "HostGroup" as const }] }, false],
    ["a host that is missing", { ...owned, ...statusOf(conditionOf("HostsReady", "False", "HostNotFound")) }, true],
    ["a right to retrieve that was not written", { ...owned, ...statusOf(conditionOf("HostsReady", "False", "AccessDenied")) }, false],
    ["hosts that wait for the group", { ...owned, ...statusOf(conditionOf("HostsReady", "False", "ChangesPending")) }, false],
    ["a domain that did not answer", { ...owned, ...statusOf(conditionOf("HostsReady", "Unknown", "DirectoryUnavailable")) }, false],
    ["nothing said of hosts", { ...owned, ...statusOf() }, false],
  ])("the account and its hosts are there: %s", (_, status, isReady) => {
    expect(say.isAccountReady(status, wanted)).toBe(isReady);
  });

  const farm = farmWith({});
  const spec = made(wantedOf(farm).GMSACredentialSpec);
  const before = { ...spec, metadata: { ...spec.metadata, labels: { "serverfarm.dev/farm-uid": "uid-0" } } };
  const scopeOf = (found: Found, status: ServerFarmStatus, of = farm, isLost: say.Standing["isLost"] = () => false) =>
    say.scopeOf(wishOf(of, DOMAIN), found, ownerOf(of), { status, isLost });
  const waits = statusOf(conditionOf("HostsReady", "Unknown", "DomainNotReady"));
  const withheld = statusOf(conditionOf("HostsReady", "True"), conditionOf("Allowed", "False", "NotAllowed"));

  test.each([
    ["its own spec, whatever becomes of the hosts", { GMSACredentialSpec: spec }, { ...owned, ...waits }, "Full"],
    ["no spec, and hosts that are not known", {}, { ...owned, ...waits }, "Awaited"],
    ["the spec of a farm of this name that was there before", { GMSACredentialSpec: before }, { ...owned, ...waits }, "Awaited"],
    ["the same, and all is well", { GMSACredentialSpec: before }, { ...owned, ...READY }, "Full"],
    ["its own spec, and no account any more", { GMSACredentialSpec: spec }, READY, "Awaited"],
    ["tenants that do not allow it", { GMSACredentialSpec: spec }, { ...owned, ...withheld }, "Frozen"],
    ["the same, and no account", { GMSACredentialSpec: spec }, withheld, "Awaited"],
  ] as const)("how far it goes: %s", (_, found, status, scope) => {
    expect(scopeOf(found, status)).toBe(scope);
  });

  test("how far it goes: nobody looked at the directory", () => {
    const of = (found: Found, status: ServerFarmStatus) =>
      say.scopeOf(wishOf(farm, DOMAIN), found, ownerOf(farm), { status, isLost: undefined });
    expect(of({ GMSACredentialSpec: spec }, { ...owned, ...READY })).toBe("Frozen");
    expect(of({}, { ...owned, ...READY })).toBe("Frozen");
    expect(of({ GMSACredentialSpec: spec }, READY)).toBe("Awaited");
  });

  test("how far it goes: the account is about to be created again", () => {
    const status = { ...owned, ...READY, formerAccount: { objectGUID: "a" } };
    expect(scopeOf({ GMSACredentialSpec: spec }, status)).toBe("Awaited");
    expect(scopeOf({ GMSACredentialSpec: spec }, { ...status, formerAccount: { objectGUID: "a", successor: "b" } })).toBe("Full");
  });

  test("the account that was published is told by its objectGUID, whatever the status says of it now", () => {
    const published = made(wantedOf(farmWith({}, { ...READY, account: { objectGUID: "a" } })).GMSACredentialSpec);
    const asked: (string | undefined)[] = [];
    const isLost = (guid?: string): boolean => asked.push(guid) > 0;
    for (const one of [published, spec]) scopeOf({ GMSACredentialSpec: one }, READY, farm, isLost);
    scopeOf({}, READY, farm, isLost);
    expect(asked).toEqual(["a", undefined, undefined]);
  });

  test("how far it goes: nothing is wanted", () => {
    expect(scopeOf({ GMSACredentialSpec: spec }, READY, farmWith(undefined))).toBe("Full");
    expect(scopeOf({ GMSACredentialSpec: spec }, READY, farmWith(undefined), () => true)).toBe("Full");
  });

  test("how far it goes: the name of its account is somebody else's, whatever the status still says of the account", () => {
    for (const status of [READY, { ...owned, ...READY }, { ...owned, ...withheld }])
      expect(scopeOf({ GMSACredentialSpec: spec }, status, farm, () => true)).toBe("Lost");
  });
});

describe("what became of it", () => {
  const farm = farmWith({});
  const planOf = (found: object, of = farm) => planPods(wishOf(of, DOMAIN), found, ownerOf(of), "Full");
  const all = allMade(farm);
  const fine = { isKept: true, configMaps: true };

  test.each([
    ["made", planOf({}), { own: false, ...fine }, "Published", true],
    ["there before", planOf(all), { own: true, ...fine }, "Published", true],
    [
      "somebody else's",
      planOf({ ...all, GMSACredentialSpec: foreign(all.GMSACredentialSpec) }),
      { own: false, ...fine },
      "NotOwned",
      false,
    ],
    ["not kept whole", planOf({}), { own: false, ...fine, isKept: false }, "CredentialSpecKindMissing", true],
    ["unknown, and there before", planOf(all, farmWith({ hostAccount: "none" })), { own: true, ...fine }, "HostAccountNotFound", true],
    ["unknown", planOf({}, farmWith({ hostAccount: "none" })), { own: false, ...fine }, "HostAccountNotFound", false],
  ] as const)("%s", (_, plan, how, reason, isThere) => {
    const { finding, published } = say.conclude(farm, plan, how);
    expect([finding.reason, published]).toEqual([reason, isThere ? PUBLISHED : undefined]);
  });

  test("a ConfigMap that the operator may not write is said", () => {
    const wants = farmWith({ configMap: true });
    expect(say.conclude(wants, planOf(all), { own: true, isKept: true, configMaps: false }).finding).toMatchObject({
      reason: "NotEnabled",
      message: expect.stringContaining("pods.configMaps"),
    });
    expect(say.conclude(wants, planOf(all), { own: true, ...fine }).finding.reason).toBe("Published");
  });

  test("an observed farm says what would be done, by field and not by value", () => {
    const spec = { ...made(wantedOf(farm).GMSACredentialSpec), credspec: { CmsPlugins: ["x"] } };
    const message = say.observedFinding(planOf({ ...all, GMSACredentialSpec: spec, Role: undefined }))?.message;
    expect(message).toContain(
      "create Role itfarm1-credential-spec, fix GMSACredentialSpec web.itfarm1 (credspec.CmsPlugins, credspec.DomainJoinConfig.Sid,",
    );
    expect(say.observedFinding(planOf(all))).toBeUndefined();
  });
});

describe("what is told of a step", () => {
  const settled = statusOf(conditionOf("PodsReady", "True", "Published"));
  const wanted = wantedOf(farmWith({}));
  const create: Step = { do: "Create", object: wanted.GMSACredentialSpec };
  const fix = (patch: object, found = made(wanted.GMSACredentialSpec)): Step => ({
    do: "Fix",
    object: wanted.GMSACredentialSpec,
    found,
    patch,
  });

  test.each([
    ["the farm asks for it", farmWith({}), create, "SpecChange"],
    ["it was there in this generation", farmWith({}, settled), create, "Drift"],
    ["it was there in another generation", farmWith({}, statusOf(conditionOf("PodsReady", "True", "Published", 3))), create, "SpecChange"],
    [
      "the domain says something else of a plug-in",
      farmWith({}, settled),
      fix({ credspec: { ActiveDirectoryConfig: { HostAccountConfig: { PluginInput: "y" } } } }),
      "SpecChange",
    ],
    [
      "the account is another object",
      farmWith({}, settled),
      fix({ metadata: { annotations: { "serverfarm.dev/account-guid": "b" } } }),
      "SpecChange",
    ],
    ["the account is being made again", farmWith({}, { ...settled, formerAccount: { objectGUID: "a" } }), create, "SpecChange"],
    ["it was made again", farmWith({}, { ...settled, formerAccount: { objectGUID: "a", successor: "b" } }), create, "Drift"],
    ["somebody changed another leaf", farmWith({}, settled), fix({ credspec: { CmsPlugins: [] } }), "Drift"],
    [
      "it was given",
      farmWith({}, settled),
      fix({}, foreign(made(wanted.GMSACredentialSpec), { "serverfarm.dev/adopt": "web/itfarm1" })),
      "Adoption",
    ],
  ] as const)("why: %s", (_, farm, step, cause) => {
    expect(causeOf(farm, step)).toBe(cause);
  });

  test("why: the farm ends", () => {
    const farm = farmWith({}, settled);
    expect(causeOf({ ...farm, metadata: { ...farm.metadata, deletionTimestamp: EARLIER } }, create)).toBe("Decommission");
  });

  test("a spec that changed: which Pods still have the old copy, in an Event that is short enough", () => {
    const events = stepEvents(farmWith({}, settled), fix({ credspec: { CmsPlugins: ["ActiveDirectory"] } }));
    expect(events.map(({ type, reason }) => `${type} ${reason}`)).toEqual(["Warning DriftCorrected", "Warning CredentialSpecChanged"]);
    for (const { message } of events) expect(message.length).toBeLessThan(1024);
    expect(events[1]?.message).toContain("kubectl get pods -n web -o custom-columns='NAME:.metadata.name");
    // A label is no change for Pods.
    expect(stepEvents(farmWith({}), fix({ metadata: { labels: {} } })).map(({ reason }) => reason)).toEqual(["PodsChanged"]);
    expect(stepEvents(farmWith({}), create).map(({ type, reason }) => `${type} ${reason}`)).toEqual(["Normal CredentialSpecPublished"]);
  });

  test("to the audit log: each leaf with its value before and after", () => {
    const binding = wanted.RoleBinding;
    expect(auditedOf({ do: "Create", object: binding })).toEqual([
      { attribute: "roleRef.apiGroup", after: ["rbac.authorization.k8s.io"] },
      { attribute: "roleRef.kind", after: ["Role"] },
      { attribute: "roleRef.name", after: ["itfarm1-credential-spec"] },
      { attribute: "subjects", after: ['{"kind":"ServiceAccount","name":"web","namespace":"web"}'] },
    ]);
    expect(auditedOf({ do: "Delete", kind: "Role", found: made(wanted.Role) })).toMatchObject([
      { attribute: "rules", before: [expect.stringContaining("web.itfarm1")] },
    ]);
    const old = { ...made(wanted.GMSACredentialSpec), credspec: { DomainJoinConfig: { Sid: "S-1-0" }, Extra: HOST_ACCOUNT.name } };
    expect(auditedOf(fix({ credspec: { DomainJoinConfig: { Sid: "S-1-5" }, Extra: null, CmsPlugins: ["a"] } }, old))).toEqual([
      { attribute: "credspec.DomainJoinConfig.Sid", before: ["S-1-0"], after: ["S-1-5"] },
      { attribute: "credspec.Extra", before: ["eks-web"], after: [] },
      { attribute: "credspec.CmsPlugins", before: [], after: ["a"] },
    ]);
  });

  test("to the audit log, of a ConfigMap: nothing that anybody else put into it, and an end to all that is told", () => {
    const map = wantedOf(farmWith({ configMap: true })).ConfigMap;
    if (!map) throw new Error("none is wanted");
    const data = { "credspec.json": "{}", password: "hush", long: "x".repeat(500_000) };
    const edited = { ...made(map), data, binaryData: { key: "hush" } };
    const patch = fixOf(map, edited) ?? {};
    for (const step of [
      { do: "Fix", object: map, found: edited, patch } as const,
      { do: "Delete", kind: "ConfigMap", found: edited } as const,
    ]) {
      const told = auditedOf(step);
      expect(told).toContainEqual(expect.objectContaining({ attribute: "data.credspec.json", before: ["{}"] }));
      expect(told).toContainEqual({ attribute: "data.password" });
      expect(JSON.stringify(told)).not.toContain("hush");
      expect(JSON.stringify(told).length).toBeLessThan(10_000);
    }
    const keys = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`key${index}`, "x"]));
    const many = fixOf(map, { ...made(map), data: keys }) ?? {};
    const step: Step = { do: "Fix", object: map, found: { ...made(map), data: keys }, patch: many };
    expect(auditedOf(step).at(-1)).toEqual({ attribute: "and 951 more" });
    expect(say.describeStep(step)).toMatch(/ and 981 more\)$/);
    const subjects = Array.from({ length: 500 }, (_, index) => ({ kind: "User", name: `${"x".repeat(10_000)}${index}` }));
    const found = { ...made(wanted.RoleBinding), subjects };
    expect(JSON.stringify(auditedOf({ do: "Delete", kind: "RoleBinding", found })).length).toBeLessThan(150_000);
  });
});
