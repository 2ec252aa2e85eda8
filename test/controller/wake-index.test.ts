import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WakeIndex, FarmsByGroup } from "../../src/controller/wake-index.ts";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { DirectoryError } from "../../src/ad/error.ts";
import { keyOf } from "../../src/api/object.ts";
import type { Copies } from "../../src/kubernetes/reflector.ts";
import { BASE, farm } from "../farm/simulation.ts";

/** The feed of nearly all tests. */
const FEED = 1;

describe("which farms a change concerns", () => {
  test("those that asked for one of its lookup keys, one or several, and nobody else", () => {
    const index = new WakeIndex();
    index.set("web/a", new Set(["web01$", "a$"]), [], FEED);
    index.set("web/b", new Set(["web01$", "b$"]), [], FEED);
    index.set("web/c", new Set(["web01$"]), [], FEED);
    expect(index.of(["b$", "x$"])).toEqual(["web/b"]);
    expect(index.of(["web01$"])).toEqual(["web/a", "web/b", "web/c"]);
    index.set("web/b", new Set(["b$"]), [], FEED);
    index.remove("web/a");
    expect(index.of(["web01$", "a$"])).toEqual(["web/c"]);
    index.add("web/c", new Set(["c$"]));
    expect(index.of(["web01$"])).toEqual(["web/c"]);
    index.remove("web/c");
    expect(index.of(["web01$", "c$"])).toEqual([]);
  });

  // A host that an SPN names is read again with the names, and is judged by what the first look found.
  test("of two views of an object the older one counts", () => {
    const index = new WakeIndex();
    const objectGUID = "970eb5a7-7e47-4c78-a400-f74ec467e5d1";
    for (const usns of [
      [12, 10, 11],
      [10, 12],
      [12, 10],
    ]) {
      index.set(
        "web/a",
        new Set(["g"]),
        usns.map((usn) => ({ objectGUID, usn })),
        FEED,
      );
      expect([10, 11, 12].map((usn) => index.hasSeen("web/a", { objectGUID, usn }, FEED))).toEqual([true, false, false]);
    }
    index.set(
      "web/a",
      new Set(["g"]),
      [
        { objectGUID, usn: 10 },
        { objectGUID, usn: undefined },
      ],
      FEED,
    );
    expect(index.hasSeen("web/a", { objectGUID, usn: 10 }, FEED)).toBe(false);
  });

  test("whatever farms ask for, add and give up", () => {
    const keys = fc.uniqueArray(fc.constantFrom("a$", "b$", "c$", "d$"));
    const step = fc.record({ farm: fc.constantFrom("web/a", "web/b", "web/c"), kind: fc.constantFrom("Set", "Add", "Remove"), keys });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const [index, asked] = [new WakeIndex(), new Map<string, readonly string[]>()];
        for (const { farm, kind, keys: given } of steps) {
          const all = kind === "Add" ? [...(asked.get(farm) ?? []), ...given] : given;
          if (kind === "Remove") asked.delete(farm);
          else asked.set(farm, all);
          if (kind === "Set") index.set(farm, new Set(given), [], FEED);
          else if (kind === "Add") index.add(farm, new Set(given));
          else index.remove(farm);
        }
        for (const key of ["a$", "b$", "c$", "d$"])
          expect(new Set(index.of([key]))).toEqual(new Set([...asked].flatMap(([farm, all]) => (all.includes(key) ? [farm] : []))));
      }),
    );
  });

  test("a change that the farm's last look has seen is no news; a later one is, and so is one of an object that it did not find", () => {
    const index = new WakeIndex();
    const [g, h, i] = [
      "970eb5a7-7e47-4c78-a400-f74ec467e5d1",
      "970eb5a7-7e48-4c78-a400-f74ec467e5d1",
      "00000000-000a-4c78-a400-f74ec467e5d1",
    ];
    const sees = (farm: string, objectGUID: string, usn: number): boolean => index.hasSeen(farm, { objectGUID, usn }, FEED);
    index.set(
      "web/a",
      new Set(["g"]),
      [
        { objectGUID: g, usn: 10 },
        { objectGUID: i, usn: 3 },
      ],
      FEED,
    );
    expect([9, 10, 11].map((usn) => sees("web/a", g, usn))).toEqual([true, true, false]);
    expect([3, 4].map((usn) => sees("web/a", i, usn))).toEqual([true, false]);
    // Another object, whose GUID differs in its second group alone.
    expect(sees("web/a", h, 1)).toBe(false);
    expect(sees("web/b", g, 1)).toBe(false);
    index.add("web/a", new Set(["h"]));
    expect(sees("web/a", g, 10)).toBe(true);
    index.remove("web/a");
    index.set("web/b", new Set(["g"]), [], FEED);
    expect([sees("web/a", g, 1), sees("web/b", g, 1)]).toEqual([false, false]);
  });

  test("whatever servers farms are looked at on: a look has seen a change where the same feed tells of it, and it is not newer", () => {
    const objectGUID = "970eb5a7-7e47-4c78-a400-f74ec467e5d1";
    const [farms, feeds, usns] = [
      ["web/a", "web/b"],
      [1, 2, 3],
      [-1, 0, 300_000, 300_150, 9_000_000],
    ] as const;
    const step = fc.record({
      farm: fc.constantFrom(...farms),
      kind: fc.constantFrom("Begin", "End"),
      feed: fc.constantFrom(...feeds),
      usn: fc.constantFrom(...usns),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const [index, looks] = [new WakeIndex(), new Map<string, { readonly feed: number; readonly usn: number }>()];
        for (const { farm, kind, feed, usn } of steps) {
          // A look that begins adds to what is asked for, and has seen nothing yet.
          if (kind === "Begin") index.add(farm, new Set(["g"]));
          else index.set(farm, new Set(["g"]), [{ objectGUID, usn }], feed);
          if (kind === "End") looks.set(farm, { feed, usn });
        }
        for (const farm of farms)
          for (const feed of feeds)
            for (const usn of usns.slice(1)) {
              const look = looks.get(farm);
              expect(index.hasSeen(farm, { objectGUID, usn }, feed)).toBe(look?.feed === feed && usn <= look.usn);
            }
      }),
    );
  });
});

const uses = (name: string): Parameters<typeof farm>[0] => ({ hosts: { computers: ["WEB01"], group: { name, existing: true } } });
const made = (name: string, spec: Parameters<typeof farm>[0], status?: ServerFarmStatus, generation = 1): ServerFarm => {
  const { metadata, ...rest } = farm(spec, status, generation);
  return { ...rest, metadata: { ...metadata, name, uid: name } };
};
const record = (objectGUID: string, added: readonly string[] = ["h1"]): ServerFarmStatus => ({
  observedGeneration: 1,
  formerHostGroups: [{ objectGUID, distinguishedName: `CN=Shared,OU=X,${BASE}`, added }],
});

/** Copies that nobody may go through as a whole. */
function index(
  farms: readonly ServerFarm[],
  isUnderWay = (): boolean => false,
): {
  readonly byGroup: FarmsByGroup;
  readonly found: (of: ServerFarm) => readonly string[];
  readonly users: (of: ServerFarm, group: string) => readonly string[] | undefined;
} {
  const byGroup = new FarmsByGroup(isUnderWay);
  for (const one of farms) byGroup.changed(one, undefined);
  const objects = new Map(farms.map((one) => [keyOf(one.metadata), one]));
  const copies: Copies<ServerFarm> = {
    get: (key) => objects.get(key),
    list: () => {
      throw new Error("all farms were gone through");
    },
    subscribe: () => undefined,
  };
  const found = (of: ServerFarm): readonly string[] => byGroup.sharingWith(of, copies, BASE).map(({ key }) => key);
  const users = (of: ServerFarm, group: string): readonly string[] | undefined =>
    byGroup
      .elsewhere(of, copies, BASE)
      ?.users(group)
      .map(({ key }) => key);
  return { byGroup, found, users };
}

describe("farms that share a group", () => {
  const a = made("a", uses("Shared"));
  const of = (namespace: string, status?: ServerFarmStatus): ServerFarm => {
    const { metadata, ...rest } = made("a", uses("Shared"), status);
    return { ...rest, metadata: { ...metadata, namespace } };
  };
  const [web, db] = [of("web"), of("db")];

  test("are found by its name, in whatever case, and by its objectGUID; others are not looked at", () => {
    const others = Array.from({ length: 2000 }, (_, number) => made(`n${number}`, number % 2 === 0 ? uses(`Group${number}`) : {}));
    const b = made("b", uses("SHARED"));
    const left = made("left", {}, record("g1"));
    const renamed = made("renamed", uses("NewName"), {
      observedGeneration: 1,
      hostGroup: { objectGUID: "g1", name: "NewName", added: [] },
    });
    const { found } = index([a, b, left, renamed, ...others]);
    expect(found(a)).toEqual(["web/b", "web/left"]);
    expect(found(left)).toEqual(["web/renamed", "web/a", "web/b"]);
    expect(found(renamed)).toEqual(["web/left"]);
    expect(found(made("own", {}))).toEqual([]);
  });

  test("of another domain are others: its groups only have the same name", () => {
    const { spec, ...rest } = made("b", uses("Shared"));
    expect(index([a, { ...rest, spec: { ...spec, domainRef: { name: "fabrikam" } } }]).found(a)).toEqual([]);
  });

  test("are found by what they have on record, whatever their domain and their name of it; where none is of another namespace nobody asks", () => {
    const of = (namespace: string, name: string, status?: ServerFarmStatus): ServerFarm => {
      const { metadata, spec, ...rest } = made(name, uses(`${name}Group`), status);
      return { ...rest, spec: { ...spec, domainRef: { name: `${name}-domain` } }, metadata: { ...metadata, namespace } };
    };
    const [own, near, far] = [of("web", "own"), of("web", "near", record("g1")), of("db", "far", record("g1"))];
    expect(index([own, near]).users(own, "g1")).toEqual([]);
    const { users } = index([own, near, far, of("db", "other", record("g2")), of("db", "empty", record("g1", []))]);
    expect(users(own, "g1")).toEqual(["web/near", "db/far"]);
    expect(users(far, "g1")).toEqual(["web/near"]);
    expect(users(made("none", {}), "g1")).toBeUndefined();
  });

  test("are found by what they claim: until it is refused, or the reconcile is over and the watch has brought all that was written", async () => {
    let isUnderWay = true;
    const { byGroup, users } = index([web, db], () => isUnderWay);
    const writing = Promise.withResolvers<ServerFarm>();
    const written = byGroup.claim(of("db", record("g1")), writing.promise);
    expect([users(web, "g1"), users(web, "g2"), users(db, "g1")]).toEqual([["db/a"], [], []]);
    writing.resolve(db);
    expect(await written).toBe(db);
    // An event of something else, or of an earlier write.
    byGroup.changed(of("db"), db);
    expect(users(web, "g1")).toEqual(["db/a"]);
    isUnderWay = false;
    expect(users(web, "g1")).toEqual([]);
    await expect(byGroup.claim(of("db", record("g1")), Promise.reject(new Error("Conflict")))).rejects.toThrow("Conflict");
    isUnderWay = true;
    expect(users(web, "g1")).toEqual([]);
    void byGroup.claim(of("db", record("g1")), Promise.resolve(undefined));
    byGroup.changed(undefined, db);
    expect(users(web, "g1")).toEqual([]);
  });

  test.each([
    ["that was made", undefined, true],
    ["whose answer was lost", "OutcomeUnknown", true],
    ["that was refused", "AccessDenied", false],
    ["that was not sent", "Aborted", false],
  ] as const)("are found by what a write %s opens, until they are settled, or gone", async (_, kind, isOpen) => {
    let isUnderWay = true;
    const { byGroup, users } = index([web, db], () => isUnderWay);
    const write = async (): Promise<void> => {
      byGroup.open(of("db", record("g1")));
      const error = kind && new DirectoryError(kind, "no");
      await byGroup.sent("db/a", () => (error ? Promise.reject(error) : Promise.resolve())).catch(() => undefined);
    };
    await write();
    // Another write of the same reconcile, which opens nothing.
    await byGroup.sent("db/a", () => Promise.reject(new DirectoryError("AccessDenied", "no"))).catch(() => undefined);
    isUnderWay = false;
    // The domain is away, and the farm changes meanwhile.
    byGroup.changed(of("db"), db);
    expect(users(web, "g1")).toEqual(isOpen ? ["db/a"] : []);
    byGroup.settled("db/a");
    expect(users(web, "g1")).toEqual([]);
    await write();
    byGroup.changed(undefined, db);
    expect(users(web, "g1")).toEqual([]);
  });

  test("are forgotten with the last of their groups", () => {
    const b = made("b", uses("Shared"));
    const { byGroup, found } = index([a, b]);
    byGroup.changed(made("b", {}), b);
    expect(found(a)).toEqual([]);
    byGroup.changed(b, made("b", {}));
    byGroup.changed(undefined, b);
    expect(found(a)).toEqual([]);
  });

  test("are woken by what can concern them, and only while they wait for it", () => {
    const b = made("b", uses("Shared"));
    const { byGroup } = index([a, b, made("c", uses("Other"))]);
    expect(byGroup.changed(made("b", {}, undefined, 2), b)).toEqual([]);
    byGroup.watch("web/a", true);
    byGroup.watch("web/c", true);
    const moved = made("b", {}, undefined, 2);
    const ready = { observedGeneration: 2, conditions: [] };
    expect(byGroup.changed(b, moved)).toEqual(["web/a"]);
    expect(byGroup.changed({ ...b, status: ready }, b)).toEqual([]);
    expect(byGroup.changed({ ...b, status: record("g1") }, b)).toEqual(["web/a"]);
    expect(byGroup.changed(undefined, b)).toEqual(["web/a"]);
    byGroup.watch("web/a", false);
    expect(byGroup.changed(b, undefined)).toEqual([]);
  });

  test("do not wake themselves, nor what is gone", () => {
    const { byGroup } = index([a]);
    byGroup.watch("web/a", true);
    expect(byGroup.changed(made("a", uses("Shared"), undefined, 2), a)).toEqual([]);
    byGroup.changed(undefined, made("a", uses("Shared"), undefined, 2));
    byGroup.changed(a, undefined);
    expect(byGroup.changed(made("b", uses("Shared")), undefined)).toEqual([]);
  });
});
