/** Farms that use one group of somebody else: whose it is, who wants whom there, and who takes whom out. */
import { describe, expect, test } from "vitest";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import type { DesiredFarm, SharingFarm } from "../../src/farm/desired-farm.ts";
import { isInUseElsewhere, isOnRecord, isPassedOn, isTakenElsewhere, othersWanting, sharingFarm } from "../../src/farm/sharing.ts";
import { lookupKey } from "../../src/names/identifier.ts";
import { BASE, computer, desired, farm } from "./simulation.ts";

const WEB01 = computer("WEB01");
const GROUP = { objectGUID: "g1", samAccountName: "Shared" };
const status = (fields: Partial<ServerFarmStatus>): ServerFarmStatus => ({ observedGeneration: 1, ...fields });
const RECORD = status({ hostGroup: { objectGUID: "g1", distinguishedName: "CN=Shared", name: "Shared", added: ["c1"] } });
const existing = { group: { name: "Shared", existing: true } };

describe("what others see of a farm", () => {
  const seen = (spec: Parameters<typeof farm>[0], from?: ServerFarmStatus, metadata: Partial<ServerFarm["metadata"]> = {}) => {
    const one = farm(spec, from);
    return sharingFarm({ ...one, metadata: { ...one.metadata, ...metadata } }, BASE);
  };

  test.each<[string, Parameters<typeof seen>, "uses it" | "has it on record" | "nothing"]>([
    ["one with a group of its own", [{ hosts: { group: { name: "Own", existing: false } } }], "nothing"],
    ["one without a group", [{}], "nothing"],
    ["one that names hosts directly", [{ hosts: { ...existing, grant: "Principals" } }], "nothing"],
    ["one that uses an existing group", [{ hosts: existing }], "uses it"],
    ["one that is suspended", [{ hosts: existing, suspend: true }], "nothing"],
    ["one that is only observed", [{ hosts: existing, managementPolicy: "Observe" }], "nothing"],
    ["one that is being deleted", [{ hosts: existing }, undefined, { deletionTimestamp: "2026-11-25T00:00:00Z" }], "nothing"],
    ["one that is suspended and put hosts in", [{ hosts: existing, suspend: true }, RECORD], "has it on record"],
    ["one that used it before", [{}, RECORD], "has it on record"],
  ])("%s", (_, given, expected) => {
    const shown = seen(...given);
    expect(shown === undefined ? "nothing" : shown.uses ? "uses it" : "has it on record").toBe(expected);
  });

  test("whom it wants and whom it keeps out, as it names them and as it knew them", () => {
    const spec = { hosts: { ...existing, computers: ["WEB01", "web02.contoso.com"], quarantined: ["WEB03"] } };
    const resolvedHosts = [
      { reference: "WEB01", objectGUID: "c1" },
      { reference: "WEB03", objectGUID: "c3" },
    ];
    const shown = seen(spec, status({ resolvedHosts }));
    expect(shown?.hosts).toEqual(
      new Set([lookupKey("sAMAccountName", "WEB01$"), lookupKey("objectGUID", "c1"), lookupKey("dNSHostName", "web02.contoso.com")]),
    );
    expect(shown?.quarantined).toEqual(new Set([lookupKey("sAMAccountName", "WEB03$"), lookupKey("objectGUID", "c3")]));
    // One that wants nobody anywhere keeps nobody out of a group, either.
    const stopped = seen({ ...spec, suspend: true }, status({ ...RECORD, resolvedHosts }));
    expect([stopped?.hosts.size, stopped?.quarantined.size]).toEqual([0, 0]);
  });

  test("by which name and identity it uses the group, and whom it put in", () => {
    const shown = seen({ hosts: existing }, RECORD, { creationTimestamp: "2026-11-25T00:00:00Z" });
    expect(shown).toMatchObject({
      key: "web/itfarm1",
      standing: { namespace: "web", created: "2026-11-25T00:00:00Z", uid: "u1" },
      uses: { name: "shared", objectGUID: "g1" },
      claimed: new Set(["g1"]),
      added: new Map([["g1", new Set(["c1"])]]),
    });
    expect(seen({ hosts: { group: { existing: true } } })?.uses).toEqual({ name: "itfarm1hosts", objectGUID: undefined });
    expect(seen({ account: { name: "Portal" }, hosts: { group: { existing: true } } })?.uses?.name).toBe("portalhosts");
  });

  test("a group is claimed by who gave somebody a right by it: with hosts in it, or with an account that names it", () => {
    const empty = status({ hostGroup: { objectGUID: "g1", distinguishedName: "CN=Shared", name: "Shared", added: [] } });
    expect(seen({ hosts: existing }, empty)?.claimed).toEqual(new Set());
    const owns = status({ ...empty, ownedObjects: [{ kind: "Account", objectGUID: "a" }] });
    expect(seen({ hosts: existing }, owns)?.claimed).toEqual(new Set(["g1"]));
  });
});

const other = (fields: Partial<SharingFarm> = {}): SharingFarm => ({
  key: "db/x",
  standing: { namespace: "db", created: "2026-11-25T00:00:02Z", uid: "u9" },
  uses: { name: "shared", objectGUID: undefined },
  hosts: new Set(),
  quarantined: new Set(),
  claimed: new Set(),
  added: new Map(),
  ...fields,
});
/** The farm of the namespace web, made before the other unless it is said otherwise. */
const mine = (sharing: readonly SharingFarm[], record?: ServerFarmStatus, created = "2026-11-25T00:00:01Z"): DesiredFarm => ({
  ...desired({ hosts: existing }, record, sharing),
  standing: { namespace: "web", created, uid: "u1" },
});
const EMPTY = status({ hostGroup: { objectGUID: "g1", distinguishedName: "CN=Shared", name: "Shared", added: [] } });
const LATE = "2026-11-25T00:00:03Z";

describe("a group is for the farms of one namespace", () => {
  test.each<[string, DesiredFarm, boolean]>([
    ["nobody else uses it", mine([]), false],
    ["another that was made later uses it", mine([other()]), false],
    ["another that was made first uses it", mine([other()], undefined, LATE), true],
    ["both were made at once: the order of their identities decides", mine([other()], undefined, "2026-11-25T00:00:02Z"), false],
    [
      "both were made at once, the other way round",
      mine([other({ standing: { namespace: "db", created: "2026-11-25T00:00:01Z", uid: "u0" } })]),
      true,
    ],
    ["another uses another group", mine([other({ uses: { name: "else", objectGUID: undefined } })], undefined, LATE), false],
    ["another uses it by identity alone", mine([other({ uses: { name: "renamed", objectGUID: "g1" } })], undefined, LATE), true],
    ["another has it on record, though it was made later", mine([other({ claimed: new Set(["g1"]) })]), true],
    ["another has it on record and does not use it any more", mine([other({ uses: undefined, claimed: new Set(["g1"]) })]), true],
    ["another has another group on record", mine([other({ uses: undefined, claimed: new Set(["g2"]) })]), false],
    ["this one alone has it on record, though it was made later", mine([other()], RECORD, LATE), false],
    [
      "this one has an account that names it, though nobody is in it",
      mine([other()], { ...EMPTY, ownedObjects: [{ kind: "Account", objectGUID: "a" }] }, LATE),
      false,
    ],
    ["this one names it, gave nobody a right by it and was made later", mine([other()], EMPTY, LATE), true],
    ["both have it on record: who was made first keeps it", mine([other({ claimed: new Set(["g1"]) })], RECORD), false],
    ["both have it on record, and the other was made first", mine([other({ claimed: new Set(["g1"]) })], RECORD, LATE), true],
    [
      "another of this namespace was made first: the namespace has it",
      mine([other({ standing: { namespace: "web", created: "2026-11-25T00:00:00Z", uid: "u0" } }), other()], undefined, LATE),
      false,
    ],
  ])("where %s", (_, farmOf, elsewhere) => {
    expect(isInUseElsewhere(farmOf, GROUP)).toBe(elsewhere);
  });
});

describe("a host that other farms want in the group", () => {
  const wants = new Set([lookupKey("sAMAccountName", "web01$")]);
  const ours = { namespace: "web", created: "2026-11-25T00:00:02Z", uid: "u2" };
  const inGroup = new Map([["g1", new Set([WEB01.objectGUID])]]);
  const wanting = (farmOf: DesiredFarm): readonly string[] => othersWanting(farmOf, GROUP, [WEB01])(WEB01).map(({ key }) => key);

  test.each<[string, DesiredFarm, readonly string[]]>([
    ["stays for one of the same namespace", mine([other({ standing: ours, hosts: wants })]), ["db/x"]],
    [
      "stays for one that knows it by identity",
      mine([other({ standing: ours, hosts: new Set([lookupKey("objectGUID", WEB01.objectGUID)]) })]),
      ["db/x"],
    ],
    ["does not for one that wants another", mine([other({ standing: ours, hosts: new Set(["x"]) })]), []],
    [
      "does not for one that wants it in another group",
      mine([other({ standing: ours, hosts: wants, uses: { name: "else", objectGUID: "g2" } })]),
      [],
    ],
    ["does not for one that wants it and quarantines it", mine([other({ standing: ours, hosts: wants, quarantined: wants })]), []],
    ["does not for one that is stopped", mine([other({ standing: ours, hosts: wants, uses: undefined })]), []],
    ["does not for one of a namespace that may not use the group", mine([other({ hosts: wants })]), []],
    ["stays for one of the namespace that the group is for", mine([other({ hosts: wants })], undefined, LATE), ["db/x"]],
    [
      "stays for each of several",
      mine([other({ standing: ours, hosts: wants, key: "web/a" }), other({ standing: ours, hosts: wants, key: "web/b" })]),
      ["web/a", "web/b"],
    ],
  ])("%s", (_, farmOf, expected) => {
    expect(wanting(farmOf)).toEqual(expected);
  });

  test("is handed on once one of them has it on its own record", () => {
    const passed = (fields: Partial<SharingFarm>): boolean =>
      isPassedOn(mine([other({ standing: ours, ...fields })]), GROUP, [WEB01])(WEB01);
    expect(passed({ hosts: wants, added: inGroup })).toBe(true);
    expect(passed({ hosts: wants })).toBe(false);
    expect(passed({ hosts: wants, added: new Map([["g2", new Set([WEB01.objectGUID])]]) })).toBe(false);
    expect(passed({ hosts: wants, added: new Map([["g1", new Set(["another"])]]) })).toBe(false);
    // One that does not want it will take it out: to forget it would be to leave it to nobody.
    expect(passed({ added: inGroup })).toBe(false);
    const two = mine([other({ standing: ours, hosts: wants }), other({ standing: ours, hosts: wants, added: inGroup })]);
    expect(isPassedOn(two, GROUP, [WEB01])(WEB01)).toBe(true);
  });

  test("is no administrator's where a farm of this namespace has put it in", () => {
    const onRecord = (fields: Partial<SharingFarm>): boolean => isOnRecord(mine([other({ standing: ours, ...fields })]), GROUP)(WEB01);
    expect(onRecord({ added: inGroup })).toBe(true);
    expect(onRecord({ added: inGroup, uses: undefined })).toBe(true);
    expect(onRecord({})).toBe(false);
    expect(onRecord({ added: new Map([["g2", new Set([WEB01.objectGUID])]]) })).toBe(false);
    expect(onRecord({ added: inGroup, standing: { ...ours, namespace: "db" } })).toBe(false);
    expect(isOnRecord(mine([]), GROUP)(WEB01)).toBe(false);
  });
});

describe("a group that farms have on record under another name, or by way of another domain", () => {
  const group = { objectGUID: "g1", samAccountName: "Shared" };
  const claims = { uses: undefined, claimed: new Set(["g1"]) };
  const knowing = (desired_: DesiredFarm, ...users: readonly SharingFarm[]): DesiredFarm => ({
    ...desired_,
    elsewhere: { ...desired_.elsewhere, users: (guid) => (guid === "g1" ? users : []) },
  });

  test("is not for a farm of another namespace", () => {
    expect(isInUseElsewhere(knowing(mine([]), other(claims)), group)).toBe(true);
    expect(isInUseElsewhere(knowing(mine([]), other(claims)), { ...group, objectGUID: "g2" })).toBe(false);
  });

  test("nor is one that a farm has written down since the look began", () => {
    expect(isInUseElsewhere(knowing(mine([other()]), other(claims)), group)).toBe(true);
  });

  test("is for one of the same namespace, and for one that tenants allow it to", () => {
    const standing = { namespace: "web", created: LATE, uid: "u3" };
    expect(isInUseElsewhere(knowing(mine([]), other({ ...claims, standing })), group)).toBe(false);
    const allowed = { ...mine([]), sharedGroups: ["Sha*"] };
    expect(isInUseElsewhere(knowing(allowed, other({ ...claims, sharedGroups: ["Shared"] })), group)).toBe(false);
    expect(isInUseElsewhere(knowing(allowed, other({ ...claims, sharedGroups: [] })), group)).toBe(true);
  });
});

describe("a group that tenants allow to two namespaces", () => {
  const group = { objectGUID: "g1", samAccountName: "Shared" };
  const both = (mine_: readonly string[], others: readonly string[], fields: Partial<SharingFarm> = {}): DesiredFarm => ({
    ...mine([other({ sharedGroups: others, ...fields })], undefined, LATE),
    sharedGroups: mine_,
  });

  test.each([
    [["sha*"], ["*"], false],
    [["SHARED"], ["shared"], false],
    [["sha*"], [], true],
    [[], ["*"], true],
    [["else"], ["*"], true],
  ])("to this one %j, to the other %j: in use elsewhere %s", (own, others, inUse) => {
    expect(isInUseElsewhere(both(own, others), group)).toBe(inUse);
  });

  test("is not for this one while a third, to whom it is not allowed, has it", () => {
    const third = other({
      key: "app/z",
      standing: { namespace: "app", created: "2026-11-25T00:00:02Z", uid: "u7" },
      claimed: new Set(["g1"]),
    });
    const shared = both(["*"], ["*"]);
    expect(isInUseElsewhere({ ...shared, sharing: [...shared.sharing, third] }, group)).toBe(true);
  });

  test("keeps whom either wants, and each writes down whom the other put in", () => {
    const web = computer("WEB01");
    const wants = { hosts: new Set(["web01$"]), added: new Map([["g1", new Set([web.objectGUID])]]) };
    const shared = both(["*"], ["*"], wants);
    expect(othersWanting(shared, group, [web])(web)).toHaveLength(1);
    expect(isOnRecord(shared, group)(web)).toBe(true);
    // Made first, it would have the group for itself.
    const alone = { ...both([], ["*"], wants), standing: { namespace: "web", created: "2026-11-25T00:00:00Z", uid: "u1" } };
    expect(othersWanting(alone, group, [web])(web)).toEqual([]);
    expect(isOnRecord(alone, group)(web)).toBe(false);
  });

  test("keeps nobody for a farm whose tenant does not allow it to be a host", () => {
    const web = computer("WEB01");
    const granted = (container: string): SharingFarm["granted"] => ({
      kind: "Allowed",
      tenant: "db",
      hostContainers: [container],
      hostNames: [],
    });
    const wanting = (container: string): number =>
      othersWanting(both(["*"], ["*"], { hosts: new Set(["web01$"]), granted: granted(container) }), group, [web])(web).length;
    expect([wanting("OU=Elsewhere,DC=contoso,DC=com"), wanting("CN=Computers,DC=contoso,DC=com")]).toEqual([0, 1]);
  });
});

describe("a group that the account of a farm of another namespace has joined", () => {
  const joined = (from: ServerFarmStatus | undefined): boolean => {
    const own = desired({ hosts: existing }, from);
    return isTakenElsewhere({ ...own, elsewhere: { ...own.elsewhere, access: { has: (guid) => guid === "g1" } } }, GROUP);
  };
  const named = { ...RECORD, hostGroup: { objectGUID: "g1", distinguishedName: "CN=Shared", name: "Shared", added: [] } };
  const ownedObjects = [{ kind: "Account" as const, objectGUID: "a", distinguishedName: "CN=a" }];

  test.each([
    ["it never saw", true, undefined],
    ["it only looked at, without an account", true, named],
    ["its account names", false, { ...named, ownedObjects }],
    ["it put a host into", false, RECORD],
  ])("is taken for one that %s: %s", (_, taken, from) => {
    expect(joined(from)).toBe(taken);
  });
});
