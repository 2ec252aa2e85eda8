/** What a farm's status remembers of groups that are not its own: read, and written so that it reads the same. */
import { describe, expect, test } from "vitest";
import {
  accessGroupsStatus,
  hasLeftTraces,
  hostGroupsStatus,
  isSame,
  type Journal,
  readJournal,
  sharesGroups,
  withJournal,
} from "../../src/farm/journal.ts";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { farm } from "./simulation.ts";

const status = (fields: Partial<ServerFarmStatus>): ServerFarmStatus => ({ observedGeneration: 1, ...fields });
const NOTHING: Journal = { hostGroups: [], accessGroups: [] };
const used = { objectGUID: "g1", distinguishedName: "CN=Shared", name: "Shared", added: ["a", "b"] };
const former = { objectGUID: "g2", distinguishedName: "CN=Old", name: undefined, added: ["c"] };

describe("what is read of a status", () => {
  test.each<[string, ServerFarmStatus | undefined, Journal]>([
    ["no status", undefined, NOTHING],
    ["an empty one", status({}), NOTHING],
    [
      "a host group of the farm's own, of which nothing has to be remembered",
      status({ hostGroup: { objectGUID: "g1", distinguishedName: "CN=X" } }),
      NOTHING,
    ],
    ["an existing host group", status({ hostGroup: used }), { ...NOTHING, hostGroups: [used] }],
    [
      "one that nobody was put into yet",
      status({ hostGroup: { objectGUID: "g1", distinguishedName: "CN=Shared", name: "Shared" } }),
      { ...NOTHING, hostGroups: [{ ...used, added: [] }] },
    ],
    [
      "one without a name",
      status({ hostGroup: { objectGUID: "g1", distinguishedName: "CN=Shared", added: ["a"] } }),
      { ...NOTHING, hostGroups: [{ ...used, name: undefined, added: ["a"] }] },
    ],
    [
      "groups that were used before",
      status({ formerHostGroups: [{ objectGUID: "g2", distinguishedName: "CN=Old", added: ["c"] }] }),
      { ...NOTHING, hostGroups: [former] },
    ],
    [
      "one that is on record twice: whoever was put in by either counts, once",
      status({ hostGroup: used, formerHostGroups: [{ objectGUID: "g1", distinguishedName: "CN=Shared", added: ["b", "c"] }] }),
      { ...NOTHING, hostGroups: [{ ...used, added: ["a", "b", "c"] }] },
    ],
    ["a group without identity, which is none", status({ hostGroup: { name: "Shared", added: ["a"] } }), NOTHING],
    [
      "an access group",
      status({ accessGroups: [{ name: "Share", objectGUID: "g3", distinguishedName: "CN=Share" }] }),
      { ...NOTHING, accessGroups: [{ name: "Share", objectGUID: "g3", distinguishedName: "CN=Share" }] },
    ],
    [
      "access groups without a distinguished name, and without identity",
      status({ accessGroups: [{ name: "Share", objectGUID: "g3" }, { name: "None" }] }),
      { ...NOTHING, accessGroups: [{ name: "Share", objectGUID: "g3", distinguishedName: "" }] },
    ],
  ])("%s", (_, from, journal) => {
    expect(readJournal(from)).toEqual(journal);
  });
});

describe("what is written into a status", () => {
  test("reads the same: the group that is used apart from those that were", () => {
    const journal: Journal = { hostGroups: [former, used], accessGroups: [] };
    const written = hostGroupsStatus(journal, { ...used, objectSID: "S-1-5-21-1" });
    expect(written).toEqual({
      hostGroup: { objectGUID: "g1", distinguishedName: "CN=Shared", objectSID: "S-1-5-21-1", name: "Shared", added: ["a", "b"] },
      formerHostGroups: [{ objectGUID: "g2", distinguishedName: "CN=Old", added: ["c"] }],
    });
    expect(readJournal(status(written)).hostGroups).toEqual([used, former]);
  });

  test("of the farm's own group no member is remembered", () => {
    expect(hostGroupsStatus(NOTHING, { objectGUID: "g9", distinguishedName: "CN=Own" })).toEqual({
      hostGroup: { objectGUID: "g9", distinguishedName: "CN=Own" },
    });
  });

  test("without a group in use, all are former ones", () => {
    expect(hostGroupsStatus({ ...NOTHING, hostGroups: [used] }, undefined)).toEqual({
      formerHostGroups: [{ objectGUID: "g1", distinguishedName: "CN=Shared", name: "Shared", added: ["a", "b"] }],
    });
    expect(readJournal(status(hostGroupsStatus({ ...NOTHING, hostGroups: [used] }, undefined))).hostGroups).toEqual([used]);
    expect(hostGroupsStatus(NOTHING, undefined)).toEqual({});
  });

  test("a group that has no name has none afterwards; members are in an order that does not change", () => {
    const [one, other] = [
      { ...used, name: undefined, added: ["b", "a"] },
      { ...former, added: ["d", "c"] },
    ];
    expect(hostGroupsStatus({ ...NOTHING, hostGroups: [one, other] }, one)).toEqual({
      hostGroup: { objectGUID: "g1", distinguishedName: "CN=Shared", added: ["a", "b"] },
      formerHostGroups: [{ objectGUID: "g2", distinguishedName: "CN=Old", added: ["c", "d"] }],
    });
  });

  test("of very many former groups the latest 20 are kept", () => {
    // One after the other is used, and the one before is gone.
    let journal: Journal = NOTHING;
    for (let index = 0; index < 23; index++) {
      const current = { ...used, objectGUID: `g${index}` };
      journal = readJournal(status(hostGroupsStatus({ ...journal, hostGroups: [...journal.hostGroups, current] }, current)));
    }
    expect(journal.hostGroups.map(({ objectGUID }) => objectGUID)).toEqual(Array.from({ length: 21 }, (_, index) => `g${22 - index}`));
  });

  test("two access groups that had one name are told apart by identity", () => {
    const groups = ["g1", "g2"].map((objectGUID) => ({ name: "Share", objectGUID, distinguishedName: `CN=${objectGUID}` }));
    expect(accessGroupsStatus(groups)).toEqual({
      accessGroups: [
        { name: "Share", objectGUID: "g1", distinguishedName: "CN=g1" },
        { name: "Share (g2)", objectGUID: "g2", distinguishedName: "CN=g2" },
      ],
    });
    expect(accessGroupsStatus([])).toEqual({});
  });

  test("another journal takes the place of the whole old one, and of nothing else", () => {
    const before = status({
      hostGroup: used,
      formerHostGroups: [{ objectGUID: "g2", distinguishedName: "CN=Old", added: ["c"] }],
      accessGroups: [{ name: "Share", objectGUID: "g3", distinguishedName: "CN=Share" }],
      account: { distinguishedName: "CN=itfarm1" },
    });
    expect(withJournal(before, NOTHING, undefined)).toEqual({ observedGeneration: 1, account: { distinguishedName: "CN=itfarm1" } });
    const journal: Journal = { hostGroups: [former], accessGroups: [{ name: "B", objectGUID: "g4", distinguishedName: "CN=B" }] };
    expect(readJournal(withJournal(before, journal, undefined))).toEqual(journal);
  });
});

test.each<[string, Parameters<typeof farm>, boolean]>([
  ["with a group of its own", [{}], false],
  ["that names hosts directly", [{ hosts: { grant: "Principals" } }], false],
  ["with an existing group", [{ hosts: { group: { name: "Shared", existing: true } } }], true],
  ["whose group is declared its own", [{ hosts: { group: { name: "Shared", existing: false } } }], false],
  [
    "that used an existing group before",
    [{}, status({ formerHostGroups: [{ objectGUID: "g2", distinguishedName: "CN=Old", added: [] }] })],
    true,
  ],
])("a farm %s: whether others have to do with it", (_, given, shares) => {
  expect(sharesGroups(farm(...given))).toBe(shares);
});

test.each<[string, ServerFarmStatus | undefined, boolean]>([
  ["no status", undefined, false],
  ["a status that names nothing", status({ ownedObjects: [] }), false],
  ["an account", status({ account: { distinguishedName: "CN=itfarm1" } }), true],
  ["an object of its own", status({ ownedObjects: [{ kind: "HostGroup", objectGUID: "g1" }] }), true],
  ["a host group of others", status({ hostGroup: used }), true],
  ["an access group", status({ accessGroups: [{ name: "Share", objectGUID: "g3", distinguishedName: "CN=Share" }] }), true],
])("with %s: whether the farm left anything in the directory", (_, given, left) => {
  expect(hasLeftTraces(farm({}, given))).toBe(left);
});

describe("a copy of a farm is the farm as it is now", () => {
  const live = farm(
    {},
    status({
      hostGroup: used,
      ownedObjects: [{ kind: "Account", objectGUID: "a" }],
      resolvedHosts: [{ reference: "WEB01", objectGUID: "c" }],
    }),
  );
  const { metadata } = live;

  test.each<[string, typeof live, boolean]>([
    ["it is the same", { ...live, metadata: { ...metadata, resourceVersion: "2" } }, true],
    ["conditions differ, which are only said", { ...live, status: { ...live.status, observedGeneration: 1, conditions: [] } }, true],
    ["it is another of the same name", { ...live, metadata: { ...metadata, uid: "u2" } }, false],
    ["its spec was another", { ...live, metadata: { ...metadata, generation: 2 } }, false],
    ["it was not being deleted", { ...live, metadata: { ...metadata, deletionTimestamp: "2026-11-25T00:00:00Z" } }, false],
    ["it lacks what was put into groups", { ...live, status: { ...live.status, observedGeneration: 1, hostGroup: {} } }, false],
    ["it lacks what is owned", { ...live, status: { ...live.status, observedGeneration: 1, ownedObjects: [] } }, false],
    [
      "it owns another",
      { ...live, status: { ...live.status, observedGeneration: 1, ownedObjects: [{ kind: "Account", objectGUID: "b" }] } },
      false,
    ],
    ["it lacks whom entries mean", { ...live, status: { ...live.status, observedGeneration: 1, resolvedHosts: [] } }, false],
    ["it has no status yet", { metadata, spec: live.spec }, false],
  ])("where %s", (_, copy, same) => {
    expect(isSame(live, copy)).toBe(same);
  });

  test("where neither has a status, and where one says in vain that there is nothing", () => {
    expect(isSame(farm(), farm())).toBe(true);
    expect(isSame(farm(), farm({}, status({ ownedObjects: [] })))).toBe(true);
  });
});
