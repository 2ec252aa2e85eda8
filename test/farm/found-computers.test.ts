/** What is kept of the computers that a search finds: as much as the farm may have hosts, however many match. */
import { describe, expect, test } from "vitest";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../src/ad/object.ts";
import type { ServerFarm } from "../../src/api/generated/server-farm.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import type { Terms } from "../../src/farm/desired-farm.ts";
import { narrow } from "../../src/farm/found-computers.ts";
import type { ObservedFarm } from "../../src/farm/observed.ts";
import { look, lookupKeys } from "../../src/farm/queries.ts";
import { type FarmView, viewOf } from "../../src/farm/view.ts";
import { lookupKey } from "../../src/names/identifier.ts";
import { answerAll } from "./answers.ts";
import { BASE, CLUSTER, computer as anyComputer, directoryObject, FACTS, farm } from "./simulation.ts";

const OU = `OU=Web,${BASE}`;
const CONTAINER = directoryObject({ distinguishedName: OU, objectClass: "organizationalUnit", objectSID: undefined });
const THEIRS = directoryObject({ distinguishedName: `OU=Theirs,${OU}`, objectClass: "organizationalUnit", objectSID: undefined });
const MAX = 20;

function computer(name: string, fields: Partial<DirectoryObject> = {}): DirectoryObject {
  return { ...anyComputer(name), distinguishedName: `CN=${name},${OU}`, userAccountControl: 4096, ...fields };
}

const MANY = Array.from({ length: 300 }, (_, index) => computer(`WEB${index}`));

interface World {
  readonly found: readonly DirectoryObject[];
  /** Whom the search found before. */
  readonly remembered?: readonly DirectoryObject[];
  readonly members?: readonly DirectoryObject[];
  readonly hosts?: object;
  readonly terms?: Terms;
}

function seen({ found, remembered = [], members = [], hosts = {}, terms = {} }: World): FarmView & { readonly keys: ReadonlySet<string> } {
  const search = { container: OU, names: ["WEB*"], max: MAX, maxRemoval: "20%" };
  const record = { container: OU, objectGUID: CONTAINER.objectGUID, hosts: remembered.map(({ objectGUID }) => ({ objectGUID })) };
  const status: ServerFarm["status"] = { observedGeneration: 1, hostSearch: record };
  const { desired } = desiredFarm(farm({ hosts: { search, ...hosts } }, status), FACTS, CLUSTER, [], { now: 0, ...terms });
  const group = directoryObject({
    distinguishedName: desired.hostGroup.distinguishedName,
    objectClass: "group",
    samAccountName: desired.hostGroup.samAccountName,
    owner: desired.owner,
    members: members.map(({ distinguishedName }) => distinguishedName),
  });
  const observed: ObservedFarm = answerAll(look(desired, { scope: "Names", absenceReliable: true }), (query) => {
    if (query.below) return found;
    const keys = new Set(query.lookups.map(({ by, value }) => lookupKey(by, value)));
    const there = query.among === "Computers" ? found : [group, CONTAINER, THEIRS, ...found];
    return there.filter(({ objectGUID, distinguishedName, samAccountName = "" }) =>
      [
        lookupKey("objectGUID", objectGUID),
        lookupKey("distinguishedName", distinguishedName),
        lookupKey("sAMAccountName", samAccountName),
      ].some((key) => keys.has(key)),
    );
  }).result;
  return { ...viewOf(desired, observed), keys: lookupKeys(desired, observed) };
}

const reasons = ({ hosts }: FarmView): readonly string[] => hosts.blockers.map(({ reason }) => reason);

describe("of more than max", () => {
  test("those are kept who have the right, and of the others how many they are", () => {
    const [remembered, members] = [MANY.slice(0, 5), MANY.slice(3, 8)];
    const view = seen({ found: MANY, remembered, members });
    expect(view.observed.computers.map(({ samAccountName }) => samAccountName)).toEqual(
      MANY.slice(0, 8).map(({ samAccountName }) => samAccountName),
    );
    expect([view.hosts.wanted.size, view.hosts.undecided.size, reasons(view)]).toEqual([5, 3, ["HostLimitExceeded"]]);
    expect(view.hosts.blockers[0]?.message).toContain("300 computers match");
    expect(MANY.filter(({ objectGUID }) => view.keys.has(objectGUID))).toHaveLength(8);
  });

  test("those are kept whom the account's list names, or the record of a group", () => {
    const [named, put] = [MANY[10], MANY[11]];
    if (!named || !put) throw new Error("no computers");
    const formerHostGroups = [{ objectGUID: "g", distinguishedName: "CN=x", added: [put.objectGUID] }];
    const search = { container: OU, names: ["WEB*"], max: MAX, maxRemoval: "20%" };
    const { desired } = desiredFarm(farm({ hosts: { search } }, { observedGeneration: 1, formerHostGroups }), FACTS, CLUSTER);
    const account = directoryObject({
      distinguishedName: desired.account.distinguishedName,
      objectClass: ACCOUNT_CLASS,
      owner: desired.owner,
      retrievers: { principals: [named.objectSID ?? ""], denied: [], foreign: [] },
    });
    if (!desired.search) throw new Error("no search");
    expect(narrow(desired, desired.search, CONTAINER, { objects: [account], found: MANY }).found).toEqual([named, put]);
  });

  test("nobody is kept while nobody has the right", () => {
    expect(seen({ found: MANY }).observed.computers).toEqual([]);
  });

  test("whoever is quarantined is not counted", () => {
    const found = MANY.slice(0, MAX + 2);
    const quarantined = found.slice(0, 2).map(({ samAccountName = "" }) => samAccountName);
    const view = seen({ found, hosts: { quarantined } });
    expect([view.hosts.wanted.size, reasons(view)]).toEqual([MAX, []]);
    // Far more than both are: of whom nothing else is known any more.
    const some = MANY.slice(0, MAX + 10);
    expect(seen({ found: some, hosts: { quarantined } }).hosts.blockers[0]?.message).toContain(`${MAX + 8} computers match`);
  });
});

test("whoever may be no host is not kept", () => {
  const found = [
    computer("WEB1"),
    computer("WEB2", { userAccountControl: 4098 }),
    computer("WEB3", { creatorSID: "S-1-5-21-1-2-3-1107" }),
    computer("DB1"),
    { ...computer("WEB4"), distinguishedName: `CN=WEB4,${THEIRS.distinguishedName}` },
  ];
  const granted = { kind: "Allowed", tenant: "web", hostContainers: [OU], hostNames: ["WEB1", "WEB2", "WEB3", "DB*"] } as const;
  const view = seen({ found, terms: { granted } });
  expect(view.observed.computers.map(({ samAccountName }) => samAccountName)).toEqual(["WEB1$"]);
  expect(view.hosts.notes.map(({ reason, message }) => [reason, /skips WEB3|1 computer that/.test(message)])).toEqual([
    ["HostNotTrusted", true],
    ["HostNotAllowed", true],
  ]);
});
