/** What is asked of the directory for a farm, and what is made of the answers: in a directory that answers what it is asked and nothing else. */
import { describe, expect, test } from "vitest";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import type { Query } from "../../src/ad/lookup.ts";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../src/ad/object.ts";
import type { ObservedFarm, Scope } from "../../src/farm/observed.ts";
import { HostIndex } from "../../src/ad/object.ts";
import { look, lookupKeys } from "../../src/farm/queries.ts";
import { dnKey } from "../../src/names/distinguished-name.ts";
import { lookupKey } from "../../src/names/identifier.ts";
import { answerAll } from "./answers.ts";
import { BASE, computer, CONSENT, desired, directoryObject, type farm } from "./simulation.ts";

type Spec = NonNullable<Parameters<typeof farm>[0]>;
const { owner } = desired();
const [WEB01, WEB02, WEB03, WEB04] = [computer("WEB01"), computer("WEB02"), computer("WEB03"), computer("WEB04")] as const;
const COMPUTERS = [WEB01, WEB02, WEB03, WEB04];
const group = (name: string, members: readonly DirectoryObject[] = [], fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=${name},OU=Farms,${BASE}`,
    objectClass: "group",
    samAccountName: name,
    owner,
    members: members.map(({ distinguishedName }) => distinguishedName),
    ...fields,
  });
const account = (fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
    objectClass: ACCOUNT_CLASS,
    samAccountName: "itfarm1$",
    owner,
    ...fields,
  });

interface World {
  readonly objects?: readonly DirectoryObject[];
  readonly computers?: readonly DirectoryObject[];
  readonly deleted?: readonly DirectoryObject[];
}

interface Asked {
  readonly observed: ObservedFarm;
  readonly queries: readonly Query[];
}

function asked(
  { objects = [], computers = COMPUTERS, deleted = [] }: World,
  spec: Spec = {},
  status?: ServerFarmStatus,
  { scope = "Names", absenceReliable = true, before }: { scope?: Scope; absenceReliable?: boolean; before?: ObservedFarm } = {},
): Asked {
  const among = {
    Objects: [...objects, ...computers],
    Computers: computers,
    Deleted: [...objects, ...computers, ...deleted],
    Containers: [],
  };
  const { result, queries } = answerAll(look(desired(spec, status), { scope, absenceReliable, before }), (query) => {
    const keys = new Set(query.lookups.map(({ by, value }) => `${by} ${lookupKey(by, value)}`));
    const directory = objects.find(({ objectGUID }) => objectGUID === query.directMembersOf);
    const isMeant = (one: DirectoryObject): boolean =>
      keysOf(one).some((key) => keys.has(key)) &&
      (query.directMembersOf === undefined || directory?.members.some((member) => dnKey(member) === dnKey(one.distinguishedName)) === true);
    return among[query.among].filter(isMeant).map((one) => (query.allMembersOf?.(one) === true ? one : { ...one, members: [] }));
  });
  return { observed: result, queries };
}

function keysOf(object: DirectoryObject): readonly string[] {
  const { samAccountName, dnsHostName, objectSID, owner: marker, primaryGroupID } = object;
  return [
    `objectGUID ${object.objectGUID}`,
    `distinguishedName ${dnKey(object.distinguishedName)}`,
    ...(samAccountName === undefined ? [] : [`sAMAccountName ${samAccountName.toLowerCase()}`]),
    ...(dnsHostName === undefined ? [] : [`dNSHostName ${dnsHostName.toLowerCase()}`]),
    ...(objectSID === undefined ? [] : [`objectSid ${objectSID.toLowerCase()}`]),
    ...(marker === undefined ? [] : [`adminDescription ${marker.toLowerCase()}`]),
    ...(primaryGroupID === undefined ? [] : [`primaryGroupID ${primaryGroupID}`]),
    ...object.servicePrincipalNames.map((name) => `servicePrincipalName ${name.toLowerCase()}`),
  ];
}

const names = (objects: readonly DirectoryObject[]): readonly string[] =>
  objects.map(({ distinguishedName }) => distinguishedName.slice(3, distinguishedName.indexOf(",")));
const hosts = (computers: readonly string[], more: NonNullable<Spec["hosts"]> = {}): Spec => ({ hosts: { computers, ...more } });
const ridOf = ({ objectSID = "" }: DirectoryObject): number => Number(objectSID.split("-").at(-1));
const owns = (...objects: readonly DirectoryObject[]): ServerFarmStatus => ({
  observedGeneration: 1,
  ownedObjects: objects.map(({ objectGUID }) => ({ kind: "HostGroup", objectGUID })),
});
const resolved = (reference: string, { objectGUID }: DirectoryObject): ServerFarmStatus => ({
  observedGeneration: 1,
  resolvedHosts: [{ reference, objectGUID }],
});

describe("objects", () => {
  test("are found by the farm's names, by what it is known to own, and by who holds its names; no others are", () => {
    const holder = { ...computer("DB"), servicePrincipalNames: ["http/shop"] };
    const known = group("Known");
    const objects = [account(), group("itfarm1Hosts"), known, group("Unknown"), group("Share", [], { owner: undefined })];
    const spec = { servicePrincipalNames: ["http/shop"], accessGroups: [{ name: "Share", existing: true }] };
    const { observed } = asked({ objects, computers: [holder] }, spec, owns(known));
    expect(names(observed.objects).toSorted()).toEqual(["DB", "Known", "Share", "itfarm1", "itfarm1Hosts"]);
  });

  test("that stand where the farm's are to stand are found, whatever they are called, and those that are called so, wherever they stand", () => {
    const [there, hostsThere] = [
      account({ samAccountName: "x$", owner: undefined }),
      group("itfarm1Hosts", [], { samAccountName: "y", owner: undefined }),
    ];
    const elsewhere = `CN=z,OU=X,${BASE}`;
    const [named, hostsNamed] = [
      account({ distinguishedName: elsewhere, owner: undefined }),
      group("itfarm1Hosts", [], { distinguishedName: `CN=v,OU=X,${BASE}`, owner: undefined }),
    ];
    expect(asked({ objects: [there, hostsThere] }).observed.objects).toEqual([there, hostsThere]);
    expect(asked({ objects: [named, hostsNamed] }).observed.objects).toEqual([named, hostsNamed]);
    // Where somebody else's group is made is not the farm's to say.
    const existing = hosts([], { group: { name: "itfarm1Hosts", existing: true } });
    expect(asked({ objects: [hostsThere] }, existing).observed.objects).toEqual([]);
  });

  test("that hold a name which stands for many are asked for until the farm's own account holds it, and not one that somebody else has", () => {
    const spec = { servicePrincipalNames: ["HOST/shop"] };
    const holds = { servicePrincipalNames: ["HOST/shop"], dnsHostName: "itfarm1.contoso.com" };
    const isAsked = (objects: readonly DirectoryObject[]): boolean =>
      asked({ objects }, spec, owns(account())).queries.some(({ lookups }) => lookups.some(({ value }) => value === "http/shop"));
    expect(isAsked([account(holds)])).toBe(false);
    expect(isAsked([account()])).toBe(true);
    expect(isAsked([account({ ...holds, owner: "a note" })])).toBe(true);
    expect(isAsked([group("itfarm1Hosts", [], holds)])).toBe(true);
    const end = asked({ objects: [account()] }, spec, owns(account()), { scope: "Owned" });
    expect(end.queries.some(({ lookups }) => lookups.some(({ value }) => value === "http/shop"))).toBe(false);
  });

  test("that are not there may have to be made: then it is asked whether they can be, in their containers, and of nothing that is there", () => {
    const containers = (objects: readonly DirectoryObject[], spec: Spec = {}, status?: ServerFarmStatus): readonly string[] =>
      asked({ objects }, spec, status)
        .queries.filter(({ among }) => among === "Containers")
        .flatMap(({ lookups }) => lookups.map(({ value }) => value));
    const both = { account: { container: "OU=A" }, hosts: { group: { container: "OU=B", existing: false } } };
    expect(containers([], both)).toEqual([`OU=A,${BASE}`, `OU=B,${BASE}`]);
    const own = account();
    expect(containers([own], both), "it owns nothing that it knows of: all at a time").toEqual([`OU=A,${BASE}`, `OU=B,${BASE}`]);
    expect(containers([own], both, owns(own))).toEqual([`OU=B,${BASE}`]);
    expect(containers([account({ owner: undefined }), group("itfarm1Hosts")], both, owns(own))).toEqual([]);
    const renamed = account({ samAccountName: "old$", distinguishedName: "CN=old" });
    expect(containers([renamed], both, owns(renamed)), "it is its own by another name").toEqual([`OU=B,${BASE}`]);
    const strange = { ...renamed, owner: "a note" };
    expect(containers([strange], both, owns(strange))).toEqual([`OU=A,${BASE}`, `OU=B,${BASE}`]);
    expect(containers([], { ...both, hosts: { grant: "Principals", group: { container: "OU=B", existing: false } } })).toEqual([
      `OU=A,${BASE}`,
    ]);
    expect(containers([], { ...both, hosts: { group: { name: "x", existing: true } } })).toEqual([`OU=A,${BASE}`]);
  });

  test("at the end of a farm are all that bear its marker, wherever they are", () => {
    const objects = [account(), group("Elsewhere"), group("Anothers", [], { owner: "serverfarm.dev cluster=8a1f farm=web/x" })];
    expect(names(asked({ objects }, {}, undefined, { scope: "Owned" }).observed.objects)).toEqual(["itfarm1", "Elsewhere"]);
    expect(names(asked({ objects }).observed.objects)).toEqual(["itfarm1"]);
  });

  test("of the farm's own groups have all of their members, and of others none", () => {
    const own = group("itfarm1Hosts", [WEB01]);
    const shared = group("Shared", [WEB01, WEB02], { owner: undefined });
    expect(asked({ objects: [own] }).observed.objects[0]?.members).toEqual([WEB01.distinguishedName]);
    const external = hosts(["WEB01"], { group: { name: "Shared", existing: true } });
    const { observed, queries } = asked({ objects: [shared] }, external);
    expect(observed.objects.map(({ members }) => members)).toEqual([[]]);
    expect(
      queries
        .filter(({ lookups }) => lookups.some(({ value }) => value === "Shared"))
        .every(({ allMembersOf }) => allMembersOf === undefined),
    ).toBe(true);
  });

  test("of a group that it says is somebody else's and that bears its own marker have them after all", () => {
    const own = group("Mine", [WEB01]);
    const { observed } = asked({ objects: [own] }, hosts(["WEB01"], { group: { name: "Mine", existing: true } }));
    expect(observed.objects).toEqual([own]);
    // Once, though it is known to be its own.
    expect(asked({ objects: [own] }, hosts([], { group: { name: "Mine", existing: true } }), owns(own)).observed.objects).toEqual([own]);
  });

  test("of a group that is on record as somebody else's are asked for apart, without members", () => {
    const shared = group("Shared", [WEB01, WEB03], { owner: undefined });
    const formerHostGroups = [{ objectGUID: shared.objectGUID, distinguishedName: "CN=x", added: [] }];
    const { observed, queries } = asked({ objects: [shared, account()] }, hosts(["WEB01"]), { observedGeneration: 1, formerHostGroups });
    const apart = queries.filter(({ lookups }) => lookups.some(({ value }) => value === shared.objectGUID));
    expect(apart.map(({ lookups, allMembersOf }) => [lookups.length, allMembersOf])).toEqual([[1, undefined]]);
    // One that is the farm's own as well is asked for with the rest.
    const known = asked({ objects: [shared] }, hosts([]), { ...owns(shared), formerHostGroups });
    expect(known.queries[0]?.lookups.some(({ value }) => value === shared.objectGUID)).toBe(true);
    expect(observed.objects.find(({ samAccountName }) => samAccountName === "Shared")?.members).toEqual([]);
    expect(observed.membersAmong).toEqual(new Map([[shared.objectGUID, new Set([WEB01.objectGUID])]]));
  });

  test("that may be taken over have their members; where it may not be, nobody asks", () => {
    const taken = group("itfarm1Hosts", [WEB01], { owner: CONSENT });
    const { observed } = asked({ objects: [taken] }, { adoptionPolicy: "Unowned" });
    expect(observed.objects).toEqual([taken]);
    expect(observed.adopted).toEqual({ group: taken, computers: new Set([dnKey(WEB01.distinguishedName)]) });
    const never = asked({ objects: [taken] }).observed;
    expect([never.adopted, never.objects[0]?.members]).toEqual([undefined, []]);
    const byPlace = { ...taken, samAccountName: "other" };
    expect(asked({ objects: [byPlace] }, { adoptionPolicy: "Unowned" }).observed.adopted?.group).toEqual(byPlace);
    const noGroup = { ...taken, objectClass: "user" };
    expect(asked({ objects: [noGroup] }, { adoptionPolicy: "Unowned" }).observed.adopted).toBeUndefined();
    const another = { ...taken, samAccountName: "Share", distinguishedName: `CN=Share,${BASE}` };
    const share = { adoptionPolicy: "Unowned" as const, accessGroups: [{ name: "Share", existing: false }] };
    expect(asked({ objects: [another] }, share).observed.adopted).toBeUndefined();
    const guarded = asked({ objects: [{ ...taken, protection: "it is built in" }] }, { adoptionPolicy: "Unowned" });
    expect(guarded.observed.adopted).toBeUndefined();
    const other = { ...hosts([], { grant: "Principals" as const }), adoptionPolicy: "Unowned" as const };
    expect(asked({ objects: [taken] }, other).observed.adopted).toBeUndefined();
    const theirs = { ...hosts([], { group: { name: "itfarm1Hosts", existing: true } }), adoptionPolicy: "Unowned" as const };
    expect(asked({ objects: [taken] }, theirs).observed.adopted).toBeUndefined();
  });

  test("that it is known to own and that are neither there nor deleted are missing, while absence is not reliable", () => {
    const [there, deleted, gone, unseen] = [group("itfarm1Hosts"), group("Deleted"), group("Gone"), group("Unseen")];
    const world = { objects: [there, account()], deleted: [deleted, gone] };
    const status = owns(there, deleted, gone, unseen);
    expect(asked(world, {}, status, { absenceReliable: false }).observed.missing).toEqual([unseen.objectGUID]);
    expect(asked(world, {}, status).observed.missing).toEqual([]);
    const all = asked({ objects: [there] }, {}, owns(there), { absenceReliable: false });
    expect(all.observed.missing).toEqual([]);
    expect(all.queries.some(({ among }) => among === "Deleted")).toBe(false);
  });
});

describe("computers", () => {
  test("are those that the farm names, wanted or not, each once", () => {
    const { observed } = asked({}, hosts(["WEB01", "web01.contoso.com"], { quarantined: [WEB02.distinguishedName] }));
    expect(names(observed.computers)).toEqual(["WEB01", "WEB02"]);
  });

  test("are those that an entry meant before, and that it put into groups of others, by identity", () => {
    const moved = { ...WEB02, samAccountName: "NEW$", dnsHostName: "new.contoso.com", distinguishedName: `CN=NEW,${BASE}` };
    const formerHostGroups = [{ objectGUID: "g", distinguishedName: "CN=x", added: [WEB03.objectGUID] }];
    const world = { computers: [WEB01, moved, WEB03, WEB04] };
    for (const spec of [hosts(["WEB01", "WEB02"]), hosts(["WEB01"], { quarantined: ["WEB02"] })]) {
      const { observed } = asked(world, spec, { ...resolved("WEB02", WEB02), formerHostGroups });
      expect(names(observed.computers)).toEqual(["WEB01", "NEW", "WEB03"]);
    }
    // What an entry meant that is in the manifest no more is nobody's business.
    expect(names(asked(world, hosts(["WEB01"]), resolved("WEB02", WEB02)).observed.computers)).toEqual(["WEB01"]);
  });

  test("are the members of a group of its own that it does not use any more, and at its end of every one", () => {
    const own = group("itfarm1Hosts", [WEB02]);
    const members = (spec: Spec, scope: Scope, objects = [own]): readonly string[] =>
      names(asked({ objects }, spec, owns(own), { scope }).observed.computers);
    expect(members(hosts(["WEB01"]), "Names")).toEqual(["WEB01"]);
    expect(members(hosts(["WEB01"]), "Owned")).toEqual(["WEB01", "WEB02"]);
    expect(members(hosts(["WEB01"], { grant: "Principals" }), "Names")).toEqual(["WEB01", "WEB02"]);
    expect(members(hosts(["WEB01"], { group: { name: "New", existing: false } }), "Names")).toEqual(["WEB01", "WEB02"]);
    expect(members(hosts(["WEB01"], { group: { name: "itfarm1Hosts", existing: true } }), "Names")).toEqual(["WEB01", "WEB02"]);
    expect(members(hosts(["WEB01"]), "Owned", [{ ...own, owner: "a note" }]), "somebody else's").toEqual(["WEB01"]);
  });

  test("that were looked up a moment ago are not asked for again", () => {
    const before = asked({}, hosts(["WEB04"])).observed;
    const { observed, queries } = asked({}, hosts(["WEB01"]), undefined, { before });
    expect(observed.computers).toEqual([WEB04]);
    expect(queries.flatMap(({ lookups }) => lookups).some(({ value }) => value === "WEB01$")).toBe(false);
  });

  test("that an entry meant and that are deleted are gone; those that are only not seen are not", () => {
    const status: ServerFarmStatus = {
      observedGeneration: 1,
      resolvedHosts: ["WEB01", "OLD", "UNSEEN"].map((reference) => ({
        reference,
        objectGUID: reference === "WEB01" ? WEB01.objectGUID : reference.toLowerCase(),
      })),
    };
    const deleted = [computer("OLD")].map((one) => ({ ...one, objectGUID: "old" }));
    const { observed } = asked({ deleted }, hosts(["WEB01", "OLD", "UNSEEN"]), status);
    expect(observed.gone).toEqual(["old"]);
    expect(asked({ deleted }, hosts(["WEB01"]), resolved("WEB01", WEB01)).queries.some(({ among }) => among === "Deleted")).toBe(false);
  });
});

describe("members", () => {
  test("of groups of others are asked for among the farm's computers: of its host group, used or on record, and of those that the account names", () => {
    const [used, put, named, other] = ["Used", "Put", "Named", "Share"].map((name) => group(name, [WEB01, WEB04], { owner: undefined }));
    if (!used || !put || !named || !other) throw new Error("four were made");
    const formerHostGroups = [{ objectGUID: put.objectGUID, distinguishedName: "CN=x", added: [] }];
    const own = account({ retrievers: { principals: [named.objectSID ?? ""], denied: [], foreign: [] } });
    const spec = {
      ...hosts(["WEB01", "WEB02"], { group: { name: "USED", existing: true } }),
      accessGroups: [{ name: "Share", existing: true }],
    };
    formerHostGroups.push({ objectGUID: "gone", distinguishedName: "CN=y", added: [] });
    const { observed } = asked({ objects: [used, put, named, other, own] }, spec, { observedGeneration: 1, formerHostGroups });
    const among = new Set([WEB01.objectGUID]);
    // Maps are the same in whatever order.
    expect(observed.membersAmong).toEqual(new Map([used, put, named].map((one) => [one.objectGUID, among])));
    expect(asked({ objects: [used] }, hosts([], { group: { name: "Used", existing: true } })).observed.membersAmong.size).toBe(0);
    // A group of somebody else that only bears the name of the farm's own is no host group of it.
    const squatter = group("itfarm1Hosts", [WEB01], { owner: undefined });
    expect(asked({ objects: [squatter] }, hosts(["WEB01"])).observed.membersAmong.size).toBe(0);
    const direct = hosts(["WEB01"], { grant: "Principals", group: { name: "Used", existing: true } });
    const asAccess = { ...direct, accessGroups: [{ name: "Used", existing: true }] };
    expect(asked({ objects: [used] }, asAccess).observed.membersAmong.size).toBe(0);
  });

  test("of the farm's own groups are known, and not asked for", () => {
    const own = group("Mine", [WEB01]);
    const { observed } = asked({ objects: [own] }, hosts(["WEB01"], { group: { name: "Mine", existing: true } }));
    expect(observed.membersAmong.size).toBe(0);
  });

  test("by their primary group are asked for of the farm's own groups alone", () => {
    const [own, shared] = [group("itfarm1Hosts"), group("Shared", [], { owner: undefined })];
    const members = [
      { ...computer("IN"), primaryGroupID: ridOf(own) },
      { ...computer("OUT"), primaryGroupID: ridOf(shared) },
      { ...computer("ELSE"), primaryGroupID: 515 },
    ];
    const spec = { accessGroups: [{ name: "Shared", existing: true }] };
    const { observed } = asked({ objects: [own, shared], computers: members }, spec);
    expect([names(observed.primaryMembers), observed.unexplainedPrincipals]).toEqual([["IN"], []]);
    expect(asked({ objects: [group("itfarm1Hosts", [], { objectSID: undefined })], computers: members }).observed.primaryMembers).toEqual(
      [],
    );
  });

  test("of its own group that cannot be read are looked for while a host is not found", () => {
    const hidden = computer("HIDDEN");
    const eve = directoryObject({ distinguishedName: `CN=Eve,CN=Users,${BASE}`, objectClass: "user" });
    const objects = [group("itfarm1Hosts", [WEB01, hidden, eve]), eve];
    expect(asked({ objects }, hosts(["WEB01", "GHOST"])).observed.unreadable).toEqual([hidden.distinguishedName]);
    expect(asked({ objects }, hosts(["WEB01"])).observed.unreadable).toEqual([]);
    const others = [group("itfarm1Hosts", [hidden], { owner: "a note" })];
    expect(asked({ objects: others }, hosts(["GHOST"])).observed.unreadable).toEqual([]);
  });
});

describe("whom the account's list names", () => {
  test("is asked for where nothing else explains it, by whatever entry", () => {
    const hostGroup = group("itfarm1Hosts");
    const allowed = group("Strange", [], { owner: undefined });
    const denied = { ...computer("DENIED"), primaryGroupID: 515 };
    const retrievers = {
      principals: [hostGroup, allowed, WEB01].map(({ objectSID = "" }) => objectSID),
      denied: [denied].map(({ objectSID = "" }) => objectSID),
      foreign: [],
    };
    const world = { objects: [hostGroup, allowed, account({ retrievers })], computers: [...COMPUTERS, denied] };
    const { observed, queries } = asked(world, hosts(["WEB01"]));
    expect(names(observed.unexplainedPrincipals)).toEqual(["Strange", "DENIED"]);
    expect(observed.primaryMembers).toEqual([]);
    const sids = queries.flatMap(({ lookups }) => lookups).filter(({ by }) => by === "objectSid");
    expect(sids.map(({ value }) => value)).toEqual([allowed, denied].map(({ objectSID }) => objectSID));
    // Of an account that bears the name it is asked too, whoever owns it; of another one not.
    const foreign = { ...world, objects: [hostGroup, allowed, account({ retrievers, owner: "a note" })] };
    expect(names(asked(foreign, hosts(["WEB01"])).observed.unexplainedPrincipals)).toEqual(["Strange", "DENIED"]);
    const renamed = account({ retrievers, samAccountName: "old$", distinguishedName: "CN=old" });
    const moved = asked({ ...world, objects: [hostGroup, allowed, renamed] }, hosts(["WEB01"]), owns(renamed));
    expect(names(moved.observed.unexplainedPrincipals)).toEqual(["Strange", "DENIED"]);
    const another = { ...world, objects: [hostGroup, allowed, account({ retrievers, owner: "a note", samAccountName: "x$" })] };
    expect(asked(another, hosts(["WEB01"])).observed.unexplainedPrincipals).toEqual([]);
  });
});

test("whatever is found wakes the farm when it changes, and so does whatever it asked for", () => {
  const found = [account(), group("itfarm1Hosts")];
  const { observed } = asked({ objects: found }, hosts(["WEB01"]));
  const keys = lookupKeys(desired(hosts(["WEB01"], { quarantined: ["WEB09"] })), observed);
  for (const { objectGUID } of [...found, WEB01]) expect(keys.has(lookupKey("objectGUID", objectGUID))).toBe(true);
  for (const name of ["WEB01$", "web09$", "ITFARM1$", "itfarm1hosts"]) expect(keys.has(lookupKey("sAMAccountName", name))).toBe(true);
  expect(keys.has(lookupKey("objectGUID", WEB02.objectGUID))).toBe(false);
  // One that was deleted may be restored by another name.
  const remembered = { observedGeneration: 1, resolvedHosts: [{ reference: "WEB09", objectGUID: WEB02.objectGUID }] };
  const again = lookupKeys(desired(hosts(["WEB01"], { quarantined: ["WEB09"] }), remembered), observed);
  expect(again.has(lookupKey("objectGUID", WEB02.objectGUID))).toBe(true);
});

describe("computers by what a farm names them", () => {
  const shared = "shared.contoso.com";
  const [one, two, three] = [WEB01, WEB02, WEB03].map((each) => ({ ...each, dnsHostName: shared }));
  const find = (computers: readonly (DirectoryObject | undefined)[], value = shared): readonly string[] =>
    names(new HostIndex(computers.flatMap((each) => each ?? [])).find({ by: "dNSHostName", value }));

  test("are all that share a name, however many: of which is meant, nobody can tell", () => {
    expect(find([one, WEB04])).toEqual(["WEB01"]);
    expect(find([one, WEB04, two])).toEqual(["WEB01", "WEB02"]);
    expect(find([one, two, WEB04, three])).toEqual(["WEB01", "WEB02", "WEB03"]);
    expect(find([one, two, three], "nobody.contoso.com")).toEqual([]);
  });

  test("are each found once, though the directory shows it twice", () => {
    expect(find([one, one])).toEqual(["WEB01"]);
    expect(find([one, two, one, two])).toEqual(["WEB01", "WEB02"]);
  });
});
