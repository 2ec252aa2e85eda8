/** Whether what may be taken over is what the farm wants. */
import { describe, expect, test } from "vitest";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../src/ad/object.ts";
import { ADOPTED_MEMBERS, lookAtMembers } from "../../src/farm/adoption.ts";
import { misfitsOfAccount, misfitsOfHostGroup, refusedMembers, unfit } from "../../src/farm/fit.ts";
import { dnKey } from "../../src/names/distinguished-name.ts";
import { BASE, computer, desired, directoryObject, SimulatedDirectory } from "./simulation.ts";

const members = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `CN=H${index},${BASE}`);
const group = (list: readonly string[]): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=Hosts,${BASE}`, objectClass: "group", samAccountName: "Hosts", members: list });

describe("the members of a group that may be taken over", () => {
  const refused = (object: DirectoryObject, looked: DirectoryObject | undefined, computers: readonly string[]): string | undefined => {
    const observed = new SimulatedDirectory().seenBy(desired());
    const adopted = looked && { group: looked, computers: new Set(computers.map(dnKey)) };
    return refusedMembers({ ...observed, adopted }, object);
  };
  const NOT_ALL = "not all of its members are computers that can be seen";

  test("are computers, as many as a farm can have, and not one more", () => {
    const full = group(members(ADOPTED_MEMBERS));
    expect(refused(full, full, full.members)).toBeUndefined();
    const over = group(members(ADOPTED_MEMBERS + 1));
    expect(refused(over, over, over.members)).toBe("it has more than 5000 members");
  });

  test("are computers, all of them", () => {
    const two = group(members(2));
    expect(refused(two, two, two.members)).toBeUndefined();
    expect(refused(two, two, members(1))).toBe(NOT_ALL);
  });

  test("are not known of a group that was not looked at; of an empty one there is nothing to know", () => {
    const two = group(members(2));
    expect(refused(two, undefined, [])).toBe(NOT_ALL);
    expect(refused(two, group(members(2)), members(2))).toBe(NOT_ALL);
    expect(refused(group([]), undefined, [])).toBeUndefined();
  });

  test.each([
    ["none", 0, 1],
    ["as many as a farm can have", ADOPTED_MEMBERS, 2],
    ["more than that", ADOPTED_MEMBERS + 1, 1],
  ])("where there are %s, are looked at as far as that decides", (_, count, queries) => {
    const [found, stranger, read] = [group([]), computer("X"), members(count)];
    const questions = lookAtMembers(found);
    const first = questions.next().value;
    expect(first).toMatchObject([{ lookups: [{ by: "objectGUID", value: found.objectGUID }], among: "Objects", membersAtMost: 5001 }]);
    let step = questions.next([[stranger, { ...found, members: read }]]);
    let asked = 1;
    for (; step.done !== true; asked++) {
      expect(step.value).toEqual([{ lookups: read.map((value) => ({ by: "distinguishedName", value })), among: "Computers" }]);
      step = questions.next([[directoryObject({ distinguishedName: "CN=H1,DC=Contoso,DC=com" })]]);
    }
    expect(asked).toBe(queries);
    expect(step.value.group).toMatchObject({ objectGUID: found.objectGUID, members: read });
    expect(step.value.computers).toEqual(new Set(queries === 2 ? [dnKey(`CN=H1,${BASE}`)] : []));
  });

  test("are those that were seen first where the group does not answer any more", () => {
    const questions = lookAtMembers(group([]));
    questions.next();
    expect(questions.next([[]])).toMatchObject({ done: true, value: { group: { samAccountName: "Hosts" }, computers: new Set() } });
  });
});

test("of an account what cannot be read is no misfit, and a name is told without its trailing $", () => {
  const account = directoryObject({
    distinguishedName: `CN=a,${BASE}`,
    objectClass: ACCOUNT_CLASS,
    dnsHostName: "itfarm1.contoso.com",
    samAccountName: undefined,
    passwordIntervalDays: undefined,
  });
  expect(misfitsOfAccount(desired(), account)).toEqual([]);
  expect(misfitsOfAccount(desired(), { ...account, samAccountName: "a$b$", passwordIntervalDays: 7 })).toEqual([
    "account.samAccountName: a$b",
    "account.passwordIntervalDays: 7",
  ]);
});

test("what does not fit, or is refused, is said with what to do; what fits is not", () => {
  const object = group([]);
  const what = { part: "Hosts", what: "host group", otherwise: "Choose another name" } as const;
  expect(unfit(object, what, { misfits: [], refused: undefined })).toBeUndefined();
  expect(unfit(object, what, { misfits: ["a: 1", "b: 2"], refused: "x" })).toEqual({
    reason: "ObjectExists",
    part: "Hosts",
    message: `CN=Hosts,${BASE} cannot be adopted as the host group, because the manifest asks for other values of fields that can never change; the operator left it as it is. Write into the manifest: a: 1, b: 2.`,
  });
  expect(unfit(object, what, { misfits: [], refused: "it is full" })).toEqual({
    reason: "NotOwned",
    part: "Hosts",
    message: `CN=Hosts,${BASE} cannot be adopted as the host group: it is full; the operator left it as it is. Choose another name, or remove the other members.`,
  });
});

test("where there are tenants, what stands elsewhere than where the farm would make it has to be named, so that it is judged", () => {
  const wanted = desired();
  const granted = { kind: "Allowed", tenant: "web", hostContainers: [], hostNames: [] } as const;
  const at = (container: string): DirectoryObject =>
    directoryObject({
      distinguishedName: `CN=itfarm1,${container},${BASE}`,
      objectClass: ACCOUNT_CLASS,
      samAccountName: "itfarm1$",
      dnsHostName: "itfarm1.contoso.com",
    });
  const own = wanted.account.distinguishedName.slice("CN=itfarm1,".length, -BASE.length - 1);
  for (const misfitsOf of [misfitsOfAccount, misfitsOfHostGroup]) {
    expect(misfitsOf(wanted, at("OU=Finance"))).toEqual([]);
    expect(misfitsOf({ ...wanted, granted }, at(own))).toEqual([]);
    expect(misfitsOf({ ...wanted, granted }, at("OU=Finance"))).toEqual([expect.stringMatching(`container: OU=Finance,${BASE}$`)]);
  }
});
