/** Whether the name of a farm's account is somebody else's. */
import { describe, expect, test } from "vitest";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../src/ad/object.ts";
import { hasLostName, nameEffect } from "../../src/farm/lost-name.ts";
import { viewOf } from "../../src/farm/view.ts";
import { copied } from "../../src/names/identifier.ts";
import { BASE, desired, directoryObject, SimulatedDirectory } from "./simulation.ts";

const { owner } = desired();
const ANOTHERS = "serverfarm.dev cluster=8a1f farm=web/other";
const account = (fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
    objectClass: ACCOUNT_CLASS,
    samAccountName: "ITFARM1$",
    objectGUID: "a",
    owner,
    ...fields,
  });

function isLost(objects: readonly DirectoryObject[], known?: string): boolean {
  const wanted = desired();
  return hasLostName(viewOf(wanted, { ...new SimulatedDirectory().seenBy(wanted), objects }), known);
}

describe("the name of a farm's account is somebody else's", () => {
  test.each([
    ["another farm's account", [account({ owner: ANOTHERS, objectGUID: "b" })], true, true],
    ["the same object, of another farm now", [account({ owner: ANOTHERS })], true, true],
    ["an account that nobody owns", [account({ owner: undefined, objectGUID: "b" })], true, false],
    ["an object of another kind", [account({ owner: undefined, objectGUID: "b", objectClass: "user" })], true, false],
    ["one that somebody copied the marker to", [account({ owner: copied(owner), objectGUID: "b" })], true, false],
    ["its own account, without its marker", [account({ owner: undefined })], false, false],
    ["its own account, moved", [account({ owner: copied(owner) })], false, false],
    ["its own account", [account()], false, false],
    ["a new account of its own", [account({ objectGUID: "b" })], false, false],
    [
      "its own account under another name, and another's under this one",
      [account({ samAccountName: "old$" }), account({ owner: ANOTHERS, objectGUID: "b" })],
      true,
      true,
    ],
    ["another farm's account of another name", [account({ owner: ANOTHERS, objectGUID: "b", samAccountName: "other$" })], false, false],
    ["nothing", [], false, false],
  ])("%s", (_, objects, whereKnown, whereNot) => {
    expect(isLost(objects, "a")).toBe(whereKnown);
    expect(isLost(objects)).toBe(whereNot);
  });
});

test("a name is taken by an account that comes, and free once it goes", () => {
  const object = { distinguishedName: "CN=itfarm1", objectGUID: "a", owner };
  const made = {
    distinguishedName: "CN=itfarm1",
    samAccountName: "itfarm1$",
    owner,
    properties: {},
    servicePrincipalNames: [],
    retrievers: [],
    denied: [],
  };
  expect(nameEffect({ kind: "CreateAccount", passwordIntervalDays: 30, ...made })).toBe("Takes");
  expect(nameEffect({ kind: "CreateHostGroup", ...made, members: [] })).toBeUndefined();
  expect(nameEffect({ kind: "Adopt", object, part: "Account", consent: undefined })).toBe("Takes");
  expect(nameEffect({ kind: "Adopt", object, part: "Hosts", consent: undefined })).toBeUndefined();
  expect(nameEffect({ kind: "DeleteAccount", object, former: { objectGUID: "a" } })).toBe("Frees");
  expect(nameEffect({ kind: "DeleteAccount", object })).toBeUndefined();
  expect(nameEffect({ kind: "DeleteHostGroup", object })).toBeUndefined();
});
