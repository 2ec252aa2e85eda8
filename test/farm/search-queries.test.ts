/** What is asked for a search, and which object its container is. */
import { describe, expect, test } from "vitest";
import type { Query } from "../../src/ad/lookup.ts";
import { DirectoryError } from "../../src/ad/error.ts";
import type { DirectoryObject } from "../../src/ad/object.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import type { DesiredFarm } from "../../src/farm/desired-farm.ts";
import type { ObservedSearch } from "../../src/farm/observed-search.ts";
import { searchBlocker } from "../../src/farm/search-messages.ts";
import { isOutdated, lookForSearch, searchKeys } from "../../src/farm/search-queries.ts";
import { keyBelow, lookupKey } from "../../src/names/identifier.ts";
import { BASE, CLUSTER, computer, directoryObject, FACTS, farm, SimulatedDirectory } from "./simulation.ts";

const OU = `OU=Web,OU=Servers,${BASE}`;
const ou = (dn: string): DirectoryObject =>
  directoryObject({ distinguishedName: dn, objectClass: "organizationalUnit", objectSID: undefined });
const [WEB, SERVERS] = [ou(OU), ou(`OU=Servers,${BASE}`)];

function desiredOf(container = "OU=Web,OU=Servers", pinned?: string, annotations = {}): DesiredFarm {
  const search = { container, names: ["WEB*"], max: 200, maxRemoval: "20%" };
  const plain = farm(
    { hosts: { search } },
    pinned === undefined ? undefined : { observedGeneration: 1, hostSearch: { container: OU, objectGUID: pinned } },
  );
  const facts = { ...FACTS, wellKnownContainers: [`OU=New,OU=Corp,${BASE}`] };
  return desiredFarm({ ...plain, metadata: { ...plain.metadata, annotations } }, facts, CLUSTER, []).desired;
}

/** Answers from what is there, before and after the first search; `found` is who is below, or what fails, search by search. */
function run(
  desired: DesiredFarm,
  before: readonly DirectoryObject[],
  found: readonly (readonly DirectoryObject[] | DirectoryError)[] = [[]],
  after = before,
): ObservedSearch & { searches: number } {
  if (!desired.search) throw new Error("no search");
  const questions = lookForSearch(desired.search, desired.granted);
  let searches = 0;
  const answer = ({ lookups, below }: Query): readonly DirectoryObject[] => {
    if (!below)
      return (searches === 0 ? before : after).filter((object) =>
        lookups.some(
          ({ by, value }) => lookupKey(by, value) === lookupKey(by, by === "objectGUID" ? object.objectGUID : object.distinguishedName),
        ),
      );
    const now = found[Math.min(searches++, found.length - 1)] ?? [];
    if (now instanceof DirectoryError) throw now;
    return now;
  };
  let step = questions.next();
  while (step.done !== true) {
    let answers: readonly (readonly DirectoryObject[])[];
    try {
      answers = step.value.map(answer);
    } catch (error) {
      step = questions.throw(error);
      continue;
    }
    step = questions.next(answers);
  }
  return { ...step.value, searches };
}

describe("the container of a search", () => {
  test("is what bears the name, until it was found; from then on that very object", () => {
    expect(run(desiredOf(), [WEB, SERVERS]).container).toMatchObject({ kind: "Known", object: WEB, moved: false });
    expect(run(desiredOf("ou=web, OU=servers", WEB.objectGUID), [WEB]).container).toMatchObject({ kind: "Known", moved: false });
    const moved = { ...WEB, distinguishedName: `OU=Web,${BASE}` };
    expect(run(desiredOf(undefined, WEB.objectGUID), [moved]).container).toMatchObject({ kind: "Known", object: moved, moved: true });
    expect(run(desiredOf(undefined, WEB.objectGUID), []).container).toEqual({ kind: "Missing" });
  });

  test("is no other one that has the name now, unless that is confirmed", () => {
    const other = ou(OU);
    expect(run(desiredOf(undefined, WEB.objectGUID), [other])).toMatchObject({
      container: { kind: "Replaced", object: other },
      searches: 0,
    });
    const moved = { ...WEB, distinguishedName: `OU=Web,${BASE}` };
    expect(run(desiredOf(undefined, WEB.objectGUID), [other, moved]).container).toMatchObject({ kind: "Replaced", before: moved });
    const confirmed = { "serverfarm.dev/confirm-container": other.objectGUID.toUpperCase() };
    expect(run(desiredOf(undefined, WEB.objectGUID, confirmed), [other]).container).toMatchObject({ kind: "Known", object: other });
    // A name that means another container is meant anew.
    expect(run(desiredOf("OU=Servers", WEB.objectGUID), [SERVERS]).container).toMatchObject({ kind: "Known", object: SERVERS });
  });

  test.each([
    ["the domain", BASE],
    ["where every user creates computers", `CN=Computers,${BASE}`],
    ["where new computers go", `OU=New,OU=Corp,${BASE}`],
    ["what that is in", `OU=Corp,${BASE}`],
    ["domain controllers", `OU=Domain Controllers,${BASE}`],
    ["below domain controllers", `OU=X,OU=Domain Controllers,${BASE}`],
  ])("is never %s, whatever it is called in the manifest", (_, dn) => {
    const moved = { ...WEB, distinguishedName: dn };
    expect(run(desiredOf(undefined, WEB.objectGUID), [moved])).toMatchObject({ container: { kind: "Refused" }, searches: 0 });
  });

  test("is no computer", () => {
    expect(run(desiredOf(`CN=WEB01,CN=Computers,${BASE}`), [computer("WEB01")]).container.kind).toBe("Refused");
  });
});

describe("who is below", () => {
  const inner = ou(`OU=Inner,${OU}`);
  const inside = { ...computer("WEB1"), distinguishedName: `CN=WEB1,${inner.distinguishedName}` };

  test("is searched again while containers below are moved, and not told before that is over", () => {
    expect(run(desiredOf(), [WEB, inner], [[inside]])).toMatchObject({ found: [inside], searches: 1 });
    expect(run(desiredOf(), [WEB], [[inside], []])).toMatchObject({ found: [], searches: 2 });
    expect(run(desiredOf(), [WEB], [[inside]])).toMatchObject({ found: undefined, failure: expect.stringContaining("moved"), searches: 3 });
  });

  test("is searched again where the container itself was renamed meanwhile, and is below what it is called then", () => {
    const renamed = { ...WEB, distinguishedName: `OU=Renamed,OU=Servers,${BASE}` };
    const now = { ...computer("WEB1"), distinguishedName: `CN=WEB1,${renamed.distinguishedName}` };
    const seen = run(desiredOf(undefined, WEB.objectGUID), [WEB, SERVERS], [[now]], [renamed, SERVERS]);
    expect(seen).toMatchObject({ container: { kind: "Known", object: renamed, moved: true }, found: [now], searches: 2 });
    // Nobody of it is in a container that is asked for besides.
    const flat = run(desiredOf(undefined, WEB.objectGUID), [WEB, SERVERS], [[]], [renamed, SERVERS]);
    expect(flat).toMatchObject({ container: { object: renamed }, searches: 2 });
  });

  test("is not told where more match than are read", () => {
    const many = new DirectoryError("TooMany", "more than 2000 objects match");
    expect(run(desiredOf(), [WEB], [many])).toMatchObject({ found: undefined, failure: undefined, moreThan: 2000 });
  });

  test("is not searched for where the container was moved away from the tenant's", () => {
    const granted = { kind: "Allowed", tenant: "web", hostContainers: [`OU=Servers,${BASE}`], hostNames: ["*"] } as const;
    const desired = { ...desiredOf(undefined, WEB.objectGUID), granted };
    expect(run(desired, [WEB])).toMatchObject({ container: { kind: "Known" }, searches: 1 });
    const moved = { ...WEB, distinguishedName: `OU=Web,OU=Secret,${BASE}` };
    const seen = run(desired, [moved]);
    expect(seen).toMatchObject({ container: { kind: "NotAllowed" }, found: undefined, searches: 0 });
    if (!desired.search) throw new Error("no search");
    expect(searchBlocker(desired.search, seen)).toMatchObject({ reason: "NotAllowed", message: expect.not.stringContaining("Secret") });
    // Should it be moved back, the farm is woken.
    expect(searchKeys(desired.search, seen)).toContain(WEB.objectGUID);
  });

  test("is not told where the search fails; a connection that is lost ends the whole look", () => {
    expect(run(desiredOf(), [WEB], [new DirectoryError("Unwilling", "not now")])).toMatchObject({ found: undefined, failure: "not now" });
    expect(() => run(desiredOf(), [WEB], [new DirectoryError("Unavailable", "lost")])).toThrow("lost");
  });

  test("wakes the farm, and so does whatever moves the container or what is in it", () => {
    const desired = desiredOf(undefined, WEB.objectGUID);
    if (!desired.search) throw new Error("no search");
    const keys = searchKeys(desired.search, run(desired, [WEB, SERVERS, inner], [[inside]]));
    expect(keys).toEqual(
      expect.arrayContaining([keyBelow(OU.toLowerCase()), OU.toLowerCase(), WEB.objectGUID, SERVERS.objectGUID, inner.objectGUID]),
    );
  });
});

test("a group with members that are called as nobody was a moment ago shows that computers were moved", () => {
  const desired = desiredOf();
  const group = directoryObject({
    distinguishedName: `CN=G,${BASE}`,
    objectClass: "group",
    owner: desired.owner,
    members: [`CN=WEB1,${OU}`],
  });
  const seen = (one: DirectoryObject, wanted = desired): boolean =>
    isOutdated(wanted, new SimulatedDirectory([group], [one]).seenBy(wanted));
  expect(seen({ ...computer("WEB1"), distinguishedName: `CN=web1,${OU}` })).toBe(false);
  expect(seen(computer("WEB1"))).toBe(true);
  expect(seen(computer("WEB1"), { ...desired, search: undefined })).toBe(false);
});
