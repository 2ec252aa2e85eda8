import { describe, expect, test } from "vitest";
import { randomOf } from "../../faults/schedule.ts";
import { differences, edited, type FarmSpec, newFarm, wantedFacts } from "./farms.ts";

const FARM: FarmSpec = {
  way: "Own",
  computers: ["NODE01", "NODE02"],
  quarantined: ["NODE02"],
  servicePrincipalNames: ["http/b", "http/a"],
  description: "text",
  reads: true,
};
const FARMS = new Map<string, FarmSpec>([
  ["own", FARM],
  ["named", { ...FARM, way: "Principals", quarantined: [], reads: false }],
  ["sharing", { ...FARM, way: "SharedA", quarantined: [], computers: ["NODE03"], reads: false }],
]);
const WANTED = wantedFacts(FARMS, new Map([["person1", "seen 3"]]));

test("the manifests say what the directory must hold", () => {
  expect(Object.fromEntries(WANTED)).toEqual({
    "the account own: description": ["text"],
    "the account own: SPNs": ["http/a", "http/b"],
    "the account own: who retrieves its password": ["NODE01$"],
    "the group ownHosts: members": ["NODE01$"],
    "the account named: description": ["text"],
    "the account named: SPNs": ["http/a", "http/b"],
    "the account named: who retrieves its password": ["NODE01$", "NODE02$"],
    "the account sharing: description": ["text"],
    "the account sharing: SPNs": ["http/a", "http/b"],
    "the account sharing: who retrieves its password": ["NODE03$", "STRANGER1$"],
    "the group SharedA: members": ["NODE03$", "STRANGER1$"],
    "the group SharedB: members": ["STRANGER2$"],
    "the group SharedC: members": ["STRANGER3$"],
    "the group Readers: members": ["STRANGER1$", "own$"],
    "person1, which is no farm's: description": ["seen 3"],
  });
});

describe("what the directory holds instead", () => {
  const RETRIEVERS = "the account own: who retrieves its password";

  test.each([
    ["nothing else", {}, []],
    ["somebody too many", { [RETRIEVERS]: ["NODE01$", "NODE02$"] }, [`${RETRIEVERS}: [NODE01$, NODE02$] in place of [NODE01$]`]],
    ["nobody", { [RETRIEVERS]: [] }, [`${RETRIEVERS}: [] in place of [NODE01$]`]],
    ["a group that is left", { "the group goneHosts: members": [] }, ["the group goneHosts: members: [] in place of nothing of the kind"]],
  ])("%s", (_, instead, expected) => {
    expect(differences(WANTED, new Map([...WANTED, ...Object.entries(instead)]))).toEqual(expected);
  });

  test("a farm that is lost", () => {
    const found = new Map([...WANTED].filter(([fact]) => !fact.includes(" own")));
    expect(differences(WANTED, found)).toHaveLength(4);
  });
});

test("a farm that shares a group quarantines nobody: another farm of it may want that host", () => {
  const random = randomOf(5);
  let farm = newFarm(random, "x");
  const ways = new Set<string>();
  for (let index = 0; index < 2000; index++) {
    farm = edited(random, "x", farm);
    ways.add(farm.way);
    if (farm.way.startsWith("Shared")) expect(farm.quarantined).toEqual([]);
  }
  expect(ways.size).toBe(5);
});
