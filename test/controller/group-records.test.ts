import { expect, test } from "vitest";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { GroupRecords } from "../../src/controller/group-records.ts";
import { farm } from "../farm/simulation.ts";

const named = (namespace: string, name: string, status: Partial<ServerFarmStatus>): ServerFarm => {
  const made = farm({}, { observedGeneration: 1, ...status });
  return { ...made, metadata: { ...made.metadata, namespace, name, uid: `${namespace}/${name}` } };
};
const group = { objectGUID: "g", distinguishedName: "CN=g" };
const claimingGroup = (name: string): ServerFarm => named("web", name, { accessGroups: [{ name: "g", ...group }] });

test("a group is on record elsewhere as long as a farm of another namespace has it, however many there are", () => {
  const records = new GroupRecords(() => false);
  const joined = { accessGroups: [{ name: "g", ...group }] };
  const [one, two, other] = [named("web", "one", joined), named("web", "two", joined), named("db", "other", {})];
  const isJoined = (of: ServerFarm): boolean => records.elsewhere(of).access.has("g");
  records.changed(one, undefined);
  records.changed(two, undefined);
  expect([isJoined(one), isJoined(other)]).toEqual([false, true]);
  records.changed(named("web", "one", {}), one);
  expect(isJoined(other)).toBe(true);
  records.changed(undefined, two);
  expect(isJoined(other)).toBe(false);
  // To name it, in a farm that is only observed, say, takes it from nobody.
  records.changed(named("web", "observed", { accessGroups: [{ name: "g", ...group, member: false }] }), undefined);
  expect(isJoined(other)).toBe(false);
});

test("as a host group it counts once somebody has a right by it: an account names it, or a host was put in", () => {
  const records = new GroupRecords(() => false);
  const [asker, before] = [named("db", "asker", {}), named("web", "a", { hostGroup: { ...group, name: "g", added: [] } })];
  const isUsed = (): boolean => records.elsewhere(asker).hosts.has("g");
  records.changed(before, undefined);
  expect(isUsed()).toBe(false);
  const owning = named("web", "a", { ...before.status, ownedObjects: [{ kind: "Account", objectGUID: "account" }] });
  records.changed(owning, before);
  expect([isUsed(), records.elsewhere(owning).hosts.has("g"), records.elsewhere(asker).access.has("g")]).toEqual([true, false, false]);
  const adding = named("web", "a", { hostGroup: { ...group, name: "g", added: ["web01"] } });
  records.changed(adding, owning);
  expect(isUsed()).toBe(true);
  records.changed(undefined, adding);
  expect(isUsed()).toBe(false);
});

test("a claim lasts as long as its farm is under way", async () => {
  const under = new Set(["one"]);
  const records = new GroupRecords(({ metadata }) => under.has(metadata.name));
  const isClaimed = (): boolean => records.elsewhere(named("db", "asker", {})).access.has("g");
  for (const name of ["one", "two", "three", "four"]) await records.claim(claimingGroup(name), Promise.resolve());
  // What somebody else changes of the farm in the meantime does not end it.
  records.changed(named("web", "one", {}), undefined);
  expect(isClaimed()).toBe(true);
  under.clear();
  expect(isClaimed()).toBe(false);
});

test("claims that are over do not pile up", async () => {
  let asked = 0;
  const records = new GroupRecords(() => ++asked < 0);
  for (let index = 0; index < 100; index++) await records.claim(claimingGroup(`farm${index}`), Promise.resolve());
  asked = 0;
  expect(records.elsewhere(named("db", "asker", {})).access.has("g")).toBe(false);
  expect(asked).toBeLessThan(3);
});
