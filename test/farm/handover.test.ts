/** Hosts that several farms want in one group of somebody else: which of them a farm answers for, waits for, and leaves. */
import { describe, expect, test } from "vitest";
import type { DirectoryObject } from "../../src/ad/object.ts";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import type { SharingFarm } from "../../src/farm/desired-farm.ts";
import { answeredFor, leftBehind, waitsForOthers } from "../../src/farm/handover.ts";
import { type FarmView, viewOf } from "../../src/farm/view.ts";
import { lookupKey } from "../../src/names/identifier.ts";
import { BASE, computer, desired, directoryObject } from "./simulation.ts";

const WEB = ["WEB01", "WEB02", "WEB03"].map(computer);
const SHARED = directoryObject({ distinguishedName: `CN=Shared,OU=G,${BASE}`, samAccountName: "Shared", objectClass: "group" });
const OTHER = directoryObject({ distinguishedName: `CN=Other,OU=G,${BASE}`, samAccountName: "Other", objectClass: "group" });
const TWIN = { ...computer("TWIN"), dnsHostName: "web01.contoso.com" };
const guidOf = (name: string): string => WEB.find(({ samAccountName }) => samAccountName === `${name}$`)?.objectGUID ?? "";
const guids = (names: readonly string[]): readonly string[] => names.map(guidOf);

interface Situation {
  /** The hosts that the farm wants there; undefined: it does not use the group any more. */
  readonly wanted?: readonly string[] | undefined;
  /** The group that it uses, where it is another one. */
  readonly uses?: string;
  /** Who is a member. */
  readonly members: readonly string[];
  /** Whom the farm put in; undefined: the group is not on its record. */
  readonly added?: readonly string[] | undefined;
  /** Whom another farm of the namespace wants there, and whom that one put in. */
  readonly other?: { readonly hosts?: readonly string[]; readonly added?: readonly string[]; readonly namespace?: string };
}

function view({ wanted, uses = "Shared", members, added, other }: Situation): FarmView {
  const record = { objectGUID: SHARED.objectGUID, distinguishedName: SHARED.distinguishedName, added: guids(added ?? []) };
  const status: ServerFarmStatus | undefined = added ? { observedGeneration: 1, formerHostGroups: [record] } : undefined;
  const sharing: readonly SharingFarm[] = other
    ? [
        {
          key: "web/other",
          standing: { namespace: other.namespace ?? "web", created: "2026-11-24T00:00:00Z", uid: "u0" },
          uses: { name: "shared", objectGUID: undefined },
          hosts: new Set((other.hosts ?? []).map((name) => lookupKey("sAMAccountName", `${name}$`))),
          quarantined: new Set(),
          claimed: new Set(),
          added: new Map([[SHARED.objectGUID, new Set(guids(other.added ?? []))]]),
        },
      ]
    : [];
  const spec = wanted
    ? { hosts: { computers: wanted, group: { name: uses, existing: true } } }
    : { hosts: { grant: "Principals" as const } };
  const farm = desired(spec, status, sharing);
  return viewOf(
    { ...farm, standing: { namespace: "web", created: "2026-11-25T00:00:00Z", uid: "u1" } },
    {
      objects: [OTHER, SHARED],
      computers: [...WEB, TWIN],
      membersAmong: new Map([[SHARED.objectGUID, new Set(guids(members))]]),
      primaryMembers: [],
      gone: [],
      unexplainedPrincipals: [],
      missing: [],
      unreadable: [],
    },
  );
}

describe("a farm answers for", () => {
  test.each<[string, Situation, readonly string[]]>([
    ["whom it wants and put in", { wanted: ["WEB01"], members: ["WEB01"], added: ["WEB01"] }, ["WEB01"]],
    ["nobody who is in and whom somebody else put in", { wanted: ["WEB01"], members: ["WEB01"], added: [] }, []],
    ["nobody who is not in any more", { wanted: ["WEB01"], members: [], added: ["WEB01"] }, []],
    ["whom it put in and does not want any more, until it is out", { wanted: [], members: ["WEB01"], added: ["WEB01"] }, ["WEB01"]],
    ["the same of a group that it does not use any more", { members: ["WEB01"], added: ["WEB01"] }, ["WEB01"]],
    [
      "whom it wants and another farm put in, so that the last of them takes it out",
      { wanted: ["WEB01"], members: ["WEB01"], other: { hosts: ["WEB01"], added: ["WEB01"] } },
      ["WEB01"],
    ],
    ["nobody whom another put in and who is not in", { wanted: ["WEB01"], members: [], other: { hosts: ["WEB01"], added: ["WEB01"] } }, []],
    [
      "nobody whom another put in and it does not want",
      { wanted: ["WEB02"], members: ["WEB01"], other: { hosts: ["WEB01"], added: ["WEB01"] } },
      [],
    ],
    [
      "nobody whom it does not want and another has on its record by now",
      { wanted: [], members: ["WEB01"], added: ["WEB01"], other: { hosts: ["WEB01"], added: ["WEB01"] } },
      [],
    ],
    [
      "whom another wants and has not on its record yet",
      { wanted: [], members: ["WEB01"], added: ["WEB01"], other: { hosts: ["WEB01"] } },
      ["WEB01"],
    ],
    [
      "whom it wants, whoever else has it on record",
      { wanted: ["WEB01"], members: ["WEB01"], added: ["WEB01"], other: { hosts: ["WEB01"], added: ["WEB01"] } },
      ["WEB01"],
    ],
    [
      "whom it cannot tell from another that bears its name, whoever else has it on record",
      { wanted: ["web01.contoso.com"], members: ["WEB01"], added: ["WEB01"], other: { hosts: ["WEB01"], added: ["WEB01"] } },
      ["WEB01"],
    ],
    [
      "nobody of a group that it left, though it wants the host in another",
      { uses: "Other", wanted: ["WEB01"], members: ["WEB01"], added: ["WEB01"], other: { hosts: ["WEB01"], added: ["WEB01"] } },
      [],
    ],
    [
      "nobody of a group that it left and another has on its record",
      { members: ["WEB01"], added: ["WEB01"], other: { hosts: ["WEB01"], added: ["WEB01"] } },
      [],
    ],
  ])("%s", (_, situation, expected) => {
    expect(answeredFor(view(situation), SHARED)).toEqual(guids(expected));
  });
});

describe("what another farm does next is something for this one to do", () => {
  test.each<[string, Situation, boolean]>([
    [
      "where it keeps a host on its record for another",
      { wanted: [], members: ["WEB01"], added: ["WEB01"], other: { hosts: ["WEB01"] } },
      true,
    ],
    ["where it wants two, of which one is in and not on its record", { wanted: ["WEB01", "WEB02"], members: ["WEB01"] }, true],
    [
      "where it left hosts in a group, and wants them in another",
      { uses: "Other", wanted: ["WEB01"], members: ["WEB01"], added: ["WEB01"] },
      true,
    ],
    ["not where its group is not there", { uses: "Nowhere", wanted: ["WEB01"], members: [] }, false],
    ["where it wants one that is in and not on its record", { wanted: ["WEB01"], members: ["WEB01"] }, true],
    ["where it has hosts in a group that it does not use", { members: ["WEB01"], added: ["WEB01"] }, true],
    ["not where all that it wants is on its record", { wanted: ["WEB01"], members: ["WEB01"], added: ["WEB01"] }, false],
    ["not where it wants one that is not in: that is its own to do", { wanted: ["WEB01"], members: [], added: [] }, false],
    ["not where it has nothing to do with the group", { members: ["WEB01"] }, false],
    ["where the group is for another namespace", { wanted: ["WEB01"], members: [], other: { namespace: "db" } }, true],
  ])("%s", (_, situation, waits) => {
    expect(waitsForOthers(view(situation))).toBe(waits);
  });
});

describe("at its end, a farm leaves behind", () => {
  const left = (situation: Situation): readonly (readonly [DirectoryObject, readonly string[]])[] =>
    leftBehind(view(situation)).map(({ group, computers }) => [group, computers.map(({ objectGUID }) => objectGUID)]);

  test.each<[string, Situation, readonly string[]]>([
    [
      "whom another wants and has not on its record",
      { members: ["WEB01", "WEB02"], added: ["WEB01", "WEB02"], other: { hosts: ["WEB02"] } },
      ["WEB02"],
    ],
    ["nobody whom another has on its record", { members: ["WEB01"], added: ["WEB01"], other: { hosts: ["WEB01"], added: ["WEB01"] } }, []],
    ["nobody whom nobody wants", { members: ["WEB01"], added: ["WEB01"], other: { hosts: [] } }, []],
    ["nobody whom it did not put in", { members: ["WEB01"], added: ["WEB02"], other: { hosts: ["WEB01"] } }, []],
  ])("%s", (_, situation, expected) => {
    expect(left(situation)).toEqual(expected.length > 0 ? [[SHARED, guids(expected)]] : []);
  });
});
