import { expect, test } from "vitest";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { GroupRecords } from "../../src/controller/group-records.ts";
import { farm } from "../farm/simulation.ts";

const named = (namespace: string, name: string, status: Partial<ServerFarmStatus>): ServerFarm => {
  const made = farm({}, { observedGeneration: 1, ...status });
  return { ...made, metadata: { ...made.metadata, namespace, name, uid: `${namespace}/${name}` } };
};
const group = { objectGUID: "g", distinguishedName: "CN=g" };

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
