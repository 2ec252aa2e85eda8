/** Each kind of change: what is written for it, what people read of it, and what is recorded before it. */
import { describe, expect, test } from "vitest";
import type { OwnedObject, ExistingGroup } from "../../../src/ad/write.ts";
import {
  type Change,
  CHANGE_KINDS,
  createdBy,
  describeChange,
  eventsOf,
  givesRight,
  isRecorded,
  objectOf,
  partOf,
  recordBefore,
  splitChange,
  writeOf,
} from "../../../src/farm/changes/index.ts";
import type { Journal } from "../../../src/farm/journal.ts";

const OWNER = "serverfarm.dev cluster=8a1f farm=web/itfarm1";
const ACCOUNT = "CN=itfarm1,OU=Farms,DC=contoso,DC=com";
const GROUP = "CN=itfarm1Hosts,OU=Farms,DC=contoso,DC=com";
const [WEB01, WEB02, WEB03] = ["CN=WEB01,DC=contoso,DC=com", "CN=WEB02,DC=contoso,DC=com", "CN=WEB03,DC=contoso,DC=com"] as const;

const own = (distinguishedName: string): OwnedObject => ({ distinguishedName, objectGUID: "guid", owner: OWNER });
const existing = (name: string | undefined, objectGUID = "theirs"): ExistingGroup => ({
  distinguishedName: "CN=Shared,DC=contoso,DC=com",
  objectGUID,
  owner: undefined,
  name,
});

interface Row {
  readonly change: Change;
  readonly part: string;
  readonly says: string;
  /** Reason and message of each Event. */
  readonly events: readonly (readonly [string, string])[];
  readonly write: unknown;
  readonly creates?: string;
  readonly gives?: true;
  readonly recorded?: true;
}

const ROWS: readonly Row[] = [
  {
    change: {
      kind: "CreateHostGroup",
      distinguishedName: GROUP,
      samAccountName: "itfarm1Hosts",
      owner: OWNER,
      members: [WEB01, WEB02],
    },
    part: "Hosts",
    creates: "HostGroup",
    gives: true,
    says: `CreateHostGroup ${GROUP}: WEB01, WEB02`,
    events: [["HostGroupCreated", `created ${GROUP} with 2 hosts`]],
    write: {
      kind: "Add",
      distinguishedName: GROUP,
      objectClass: "group",
      owner: OWNER,
      attributes: {
        sAMAccountName: ["itfarm1Hosts"],
        groupType: ["-2147483646"],
        adminDescription: [OWNER],
        member: [WEB01, WEB02],
      },
    },
  },
  {
    change: { kind: "CreateAccessGroup", distinguishedName: GROUP, samAccountName: "Share", owner: OWNER, members: [] },
    part: "AccessGroups",
    creates: "AccessGroup",
    says: `CreateAccessGroup ${GROUP}: `,
    events: [["AccessGroupCreated", `created ${GROUP} with itfarm1$ as its member`]],
    write: {
      kind: "Add",
      distinguishedName: GROUP,
      objectClass: "group",
      owner: OWNER,
      attributes: { sAMAccountName: ["Share"], groupType: ["-2147483646"], adminDescription: [OWNER] },
    },
  },
  {
    change: {
      kind: "CreateAccount",
      distinguishedName: ACCOUNT,
      samAccountName: "itfarm1$",
      owner: OWNER,
      passwordIntervalDays: 30,
      properties: { dNSHostName: "itfarm1.contoso.com", description: undefined },
      servicePrincipalNames: ["http/a", "http/b"],
      retrievers: ["S-1-1"],
      denied: ["S-1-2"],
    },
    part: "Account",
    creates: "Account",
    gives: true,
    says: `CreateAccount ${ACCOUNT}`,
    events: [["AccountCreated", `created ${ACCOUNT} with 2 SPNs; on each host run Install-ADServiceAccount itfarm1$`]],
    write: {
      kind: "Add",
      distinguishedName: ACCOUNT,
      objectClass: "msDS-GroupManagedServiceAccount",
      owner: OWNER,
      attributes: {
        sAMAccountName: ["itfarm1$"],
        adminDescription: [OWNER],
        "msDS-ManagedPasswordInterval": ["30"],
        "msDS-GroupMSAMembership": [{ principals: ["S-1-1"], denied: ["S-1-2"] }],
        dNSHostName: ["itfarm1.contoso.com"],
        servicePrincipalName: ["http/a", "http/b"],
      },
      optional: "servicePrincipalName",
    },
  },
  {
    change: {
      kind: "UpdateAccount",
      object: own(ACCOUNT),
      properties: { description: "new", displayName: undefined },
      observed: { description: "old", displayName: "x" },
    },
    part: "Account",
    says: `UpdateAccount ${ACCOUNT}: description: old -> new; UpdateAccount ${ACCOUNT}: displayName: x -> none`,
    events: [["AccountUpdated", "itfarm1$: set description, displayName"]],
    write: {
      kind: "Modify",
      object: own(ACCOUNT),
      modifications: [
        ["replace", "description", ["new"]],
        ["replace", "displayName", []],
      ],
      expected: { description: "old", displayName: "x" },
    },
  },
  {
    change: {
      kind: "SetRetrievers",
      object: own(ACCOUNT),
      retrievers: ["S-1-1"],
      denied: ["S-1-2"],
      add: [WEB01],
      remove: [WEB02],
      because: ["it named EVE", "it had x"],
    },
    part: "Hosts",
    gives: true,
    says: `RemoveHost ${ACCOUNT}: ${WEB02}; AddHost ${ACCOUNT}: ${WEB01}; SetRetrievers ${ACCOUNT}: it named EVE; it had x`,
    events: [
      ["HostsRemoved", "WEB02 may no longer retrieve the password of itfarm1$; run Uninstall-ADServiceAccount itfarm1$ there"],
      ["HostsAdded", "WEB01 may retrieve the password of itfarm1$ at once, since it is named directly"],
      ["RetrieversSet", "itfarm1$: changed who may retrieve the password: it named EVE; it had x"],
    ],
    write: {
      kind: "Modify",
      object: own(ACCOUNT),
      modifications: [["replace", "msDS-GroupMSAMembership", [{ principals: ["S-1-1"], denied: ["S-1-2"] }]]],
    },
  },
  {
    change: { kind: "ChangeServicePrincipalNames", object: own(ACCOUNT), add: ["http/a", "http/b"], remove: [] },
    part: "ServicePrincipalNames",
    says: `AddServicePrincipalName ${ACCOUNT}: http/a; AddServicePrincipalName ${ACCOUNT}: http/b`,
    events: [["ServicePrincipalNamesChanged", "added http/a, http/b"]],
    write: { kind: "Modify", object: own(ACCOUNT), modifications: [["add", "servicePrincipalName", ["http/a", "http/b"]]] },
  },
  {
    change: { kind: "ChangeServicePrincipalNames", object: own(ACCOUNT), add: [], remove: ["http/a", "http/b"] },
    part: "ServicePrincipalNames",
    says: `RemoveServicePrincipalName ${ACCOUNT}: http/a; RemoveServicePrincipalName ${ACCOUNT}: http/b`,
    events: [["ServicePrincipalNamesChanged", "removed http/a, http/b"]],
    write: { kind: "Modify", object: own(ACCOUNT), modifications: [["delete", "servicePrincipalName", ["http/a", "http/b"]]] },
  },
  {
    change: { kind: "ChangeHosts", object: own(GROUP), add: [WEB01], remove: [WEB02, WEB03] },
    part: "Hosts",
    gives: true,
    recorded: true,
    says: `RemoveHost ${GROUP}: ${WEB02}; RemoveHost ${GROUP}: ${WEB03}; AddHost ${GROUP}: ${WEB01}`,
    events: [
      ["HostsRemoved", "WEB02, WEB03 may no longer retrieve the password of itfarm1$; run Uninstall-ADServiceAccount itfarm1$ there"],
      ["HostsAdded", "WEB01 may retrieve the password of itfarm1$ after a restart, or after klist -li 0x3e7 purge"],
    ],
    write: {
      kind: "Modify",
      object: own(GROUP),
      modifications: [
        ["delete", "member", [WEB02, WEB03]],
        ["add", "member", [WEB01]],
      ],
    },
  },
  {
    change: { kind: "RenameHostGroup", object: own(GROUP), samAccountName: "NewHosts" },
    part: "Hosts",
    says: `RenameHostGroup ${GROUP}: NewHosts`,
    events: [["HostGroupRenamed", "the host group is now NewHosts"]],
    write: { kind: "Modify", object: own(GROUP), modifications: [["replace", "sAMAccountName", ["NewHosts"]]] },
  },
  {
    change: { kind: "JoinAccessGroup", object: existing("Shared"), member: ACCOUNT, name: "Shared" },
    part: "AccessGroups",
    recorded: true,
    says: `JoinAccessGroup CN=Shared,DC=contoso,DC=com: ${ACCOUNT}`,
    events: [["AccessGroupJoined", "itfarm1$ is a member of CN=Shared,DC=contoso,DC=com from its next logon on: restart its services"]],
    write: { kind: "Modify", object: existing("Shared"), modifications: [["add", "member", [ACCOUNT]]] },
  },
  {
    change: { kind: "LeaveAccessGroup", object: existing(undefined), member: ACCOUNT },
    part: "AccessGroups",
    says: `LeaveAccessGroup CN=Shared,DC=contoso,DC=com: ${ACCOUNT}`,
    events: [["AccessGroupLeft", "itfarm1$ is no longer a member of CN=Shared,DC=contoso,DC=com"]],
    write: { kind: "Modify", object: existing(undefined), modifications: [["delete", "member", [ACCOUNT]]] },
  },
  {
    change: { kind: "Adopt", object: own(GROUP), part: "Hosts", consent: "serverfarm.dev adopt=web/itfarm1" },
    part: "Hosts",
    says: `Adopt ${GROUP}`,
    events: [["Adopted", `adopted ${GROUP}, which had no owner`]],
    write: { kind: "Mark", object: own(GROUP), replaces: "serverfarm.dev adopt=web/itfarm1" },
    recorded: true,
  },
  {
    change: { kind: "DeleteAccount", object: own(ACCOUNT) },
    part: "Account",
    recorded: true,
    says: `DeleteAccount ${ACCOUNT}`,
    events: [["AccountDeleted", `deleted ${ACCOUNT}`]],
    write: { kind: "Delete", object: own(ACCOUNT), objectClass: "msDS-GroupManagedServiceAccount" },
  },
  {
    change: { kind: "DeleteHostGroup", object: own(GROUP) },
    part: "Hosts",
    says: `DeleteHostGroup ${GROUP}`,
    events: [["HostGroupDeleted", `deleted ${GROUP}`]],
    write: { kind: "Delete", object: own(GROUP), objectClass: "group" },
  },
  {
    change: { kind: "DeleteAccessGroup", object: own(GROUP) },
    part: "AccessGroups",
    says: `DeleteAccessGroup ${GROUP}`,
    events: [["AccessGroupDeleted", `deleted ${GROUP}`]],
    write: { kind: "Delete", object: own(GROUP), objectClass: "group" },
  },
  {
    change: { kind: "Release", object: own(GROUP), because: "deletionPolicy is Retain" },
    part: "Account",
    recorded: true,
    says: `Release ${GROUP}`,
    events: [["ObjectKept", `${GROUP} stays in the directory, without owner marker: deletionPolicy is Retain`]],
    write: { kind: "Modify", object: own(GROUP), modifications: [["replace", "adminDescription", []]] },
  },
];

test("every kind is in the table", () => {
  expect(new Set(ROWS.map(({ change }) => change.kind))).toEqual(new Set(CHANGE_KINDS));
});

describe.each(ROWS.map((row) => [row.change.kind, row] as const))("%s", (kind, row) => {
  test("writes exactly this", () => {
    expect(writeOf(row.change)).toEqual(row.write);
  });

  test("is read as lines of the plan, one for each value", () => {
    const lines = describeChange(row.change).map(
      ({ change, object, value }) => `${change} ${object}${value === undefined ? "" : `: ${value}`}`,
    );
    expect(lines.join("; ")).toBe(row.says);
  });

  test("is told by Events; as drift where somebody else had changed it", () => {
    const warns = kind === "Release";
    expect(eventsOf(row.change, "itfarm1$", false)).toEqual(
      row.events.map(([reason, message]) => ({ type: warns ? "Warning" : "Normal", reason, message })),
    );
    const drift = eventsOf(row.change, "itfarm1$", true);
    expect(drift).toHaveLength(row.events.length);
    for (const [index, { type, reason, message }] of drift.entries()) {
      expect(type).toBe("Warning");
      expect(reason).toBe(warns ? "ObjectKept" : "DriftCorrected");
      const text = row.events[index]?.[1] ?? "";
      expect(message.startsWith(warns ? text : `drift corrected (the directory was changed outside the operator): ${text}`)).toBe(true);
    }
  });

  test("belongs to its part; what it makes, whom it lets in and what is recorded first are known of it", () => {
    expect(partOf(row.change)).toBe(row.part);
    expect(createdBy(row.change)).toBe(row.creates);
    expect(givesRight(row.change)).toBe(row.gives ?? false);
    expect(isRecorded(row.change)).toBe(row.recorded ?? false);
    expect(objectOf(row.change)).toMatch(/^CN=(itfarm1|itfarm1Hosts|Shared),/);
  });
});

describe("what stands apart", () => {
  test("who made an object anew says what its new SID asks for", () => {
    const message = (kind: string): string | undefined => {
      const row = ROWS.find(({ change }) => change.kind === kind);
      return row && eventsOf(row.change, "itfarm1$", true)[0]?.message;
    };
    expect(message("CreateHostGroup")).toMatch(
      /; it is a new group with a new SID: restart its hosts, or run klist -li 0x3e7 purge on them$/,
    );
    expect(message("CreateAccount")).toMatch(/; it is a new account with a new SID: grant it the rights that were granted to the old one$/);
  });

  test("an account without names is made without the attribute", () => {
    const write = writeOf({
      kind: "CreateAccount",
      distinguishedName: ACCOUNT,
      samAccountName: "itfarm1$",
      owner: OWNER,
      passwordIntervalDays: 30,
      properties: {},
      servicePrincipalNames: [],
      retrievers: [],
      denied: [],
    });
    expect(write).toMatchObject({ attributes: expect.not.objectContaining({ servicePrincipalName: expect.anything() }) });
  });

  const list = { kind: "SetRetrievers", object: own(ACCOUNT), retrievers: [], denied: [], add: [], remove: [], because: [] } as const;

  test("a list whose change nobody can put into words is a line all the same", () => {
    expect(describeChange(list)).toEqual([{ change: "SetRetrievers", object: ACCOUNT, value: "" }]);
    expect(describeChange({ ...list, add: [WEB01] })).toEqual([{ change: "AddHost", object: ACCOUNT, value: WEB01 }]);
    expect(eventsOf(list, "itfarm1$", false)).toEqual([]);
  });

  test.each([
    ["takes somebody out", { ...list, remove: [WEB01] }],
    ["takes members out", { kind: "ChangeHosts", object: own(GROUP), add: [], remove: [WEB01] } as const],
    ["adds names", { kind: "ChangeServicePrincipalNames", object: own(ACCOUNT), add: ["http/a"], remove: [] } as const],
  ])("a change that %s lets nobody in", (_, change) => {
    expect(givesRight(change)).toBe(false);
  });

  test("at most ten hosts are told by name in an Event, and then how many more", () => {
    const add = Array.from({ length: 12 }, (_, index) => `CN=H${index},DC=contoso,DC=com`);
    const told = (count: number): string | undefined =>
      eventsOf({ kind: "ChangeHosts", object: own(GROUP), add: add.slice(0, count), remove: [] }, "a$", false)[0]?.message;
    expect(told(10)).toMatch(/^H0, H1, H2, H3, H4, H5, H6, H7, H8, H9 may retrieve/);
    expect(told(12)).toMatch(/^H0, H1, H2, H3, H4, H5, H6, H7, H8, H9 and 2 more may retrieve/);
  });
});

describe("value by value", () => {
  test("several hosts are as many changes, removals first", () => {
    const object = own(GROUP);
    expect(splitChange({ kind: "ChangeHosts", object, add: [WEB01, WEB02], remove: [WEB03] })).toEqual([
      { kind: "ChangeHosts", object, add: [], remove: [WEB03] },
      { kind: "ChangeHosts", object, add: [WEB01], remove: [] },
      { kind: "ChangeHosts", object, add: [WEB02], remove: [] },
    ]);
  });

  test("several names are as many changes", () => {
    const object = own(ACCOUNT);
    expect(splitChange({ kind: "ChangeServicePrincipalNames", object, add: ["http/a", "http/b"], remove: [] })).toHaveLength(2);
  });

  test("what has one value, and what is made as a whole, is not split", () => {
    expect(splitChange({ kind: "ChangeHosts", object: own(GROUP), add: [WEB01], remove: [] })).toEqual([]);
    expect(splitChange({ kind: "DeleteAccount", object: own(ACCOUNT) })).toEqual([]);
    expect(
      splitChange({
        kind: "SetRetrievers",
        object: own(ACCOUNT),
        retrievers: [],
        denied: [],
        add: [WEB01, WEB02],
        remove: [],
        because: [],
      }),
    ).toEqual([]);
  });
});

describe("the record before a write", () => {
  const EMPTY: Journal = { hostGroups: [], accessGroups: [] };
  const COMPUTERS = [
    { distinguishedName: WEB01, objectGUID: "g1" },
    { distinguishedName: WEB02, objectGUID: "g2" },
  ];
  const shared = (added: readonly string[], name: string | undefined = "Shared") => ({
    objectGUID: "theirs",
    distinguishedName: "CN=Shared,DC=contoso,DC=com",
    name,
    added,
  });
  const other = { objectGUID: "other", distinguishedName: "CN=Other,DC=contoso,DC=com", name: "Other", added: ["g9"] };

  test("names whom the farm puts into a group of somebody else, however the name is spelled", () => {
    const change: Change = { kind: "ChangeHosts", object: existing("Shared"), add: [WEB01.toLowerCase(), WEB02], remove: [] };
    expect(recordBefore(EMPTY, [change], COMPUTERS)).toEqual({ hostGroups: [shared(["g1", "g2"])], accessGroups: [] });
  });

  test("adds to what was recorded of that group, once each, and leaves other groups; it is the latest then", () => {
    const before: Journal = { hostGroups: [other, shared(["g1", "g0"])], accessGroups: [] };
    const change: Change = { kind: "ChangeHosts", object: existing(undefined), add: [WEB01, WEB02], remove: [] };
    expect(recordBefore(before, [change], COMPUTERS)).toEqual({ hostGroups: [shared(["g1", "g0", "g2"]), other], accessGroups: [] });
  });

  test("has no name for a group that the farm does not name", () => {
    const change: Change = { kind: "ChangeHosts", object: existing(undefined), add: [WEB01], remove: [] };
    expect(recordBefore(EMPTY, [change], COMPUTERS).hostGroups).toEqual([{ ...shared(["g1"]), name: undefined }]);
  });

  test("forgets nobody whose identity is not known, and makes nobody up", () => {
    const change: Change = { kind: "ChangeHosts", object: existing("Shared"), add: [WEB01, WEB03], remove: [] };
    expect(recordBefore(EMPTY, [change], COMPUTERS).hostGroups).toEqual([shared(["g1"])]);
  });

  test("knows of several changes at once", () => {
    const changes: readonly Change[] = [
      { kind: "ChangeHosts", object: existing("Shared"), add: [WEB01], remove: [] },
      { kind: "ChangeHosts", object: existing("Shared"), add: [WEB02], remove: [] },
    ];
    expect(recordBefore(EMPTY, changes, COMPUTERS)).toEqual({ hostGroups: [shared(["g1", "g2"])], accessGroups: [] });
  });

  test.each<[string, Change]>([
    ["members of the farm's own group", { kind: "ChangeHosts", object: own(GROUP), add: [WEB01], remove: [] }],
    ["who is taken out", { kind: "ChangeHosts", object: existing("Shared"), add: [], remove: [WEB01] }],
    ["what is deleted", { kind: "DeleteAccount", object: own(ACCOUNT) }],
    ["what is let go and not used any more", { kind: "Release", object: own(GROUP), because: "x" }],
  ])("says nothing of %s", (_, change) => {
    const before: Journal = { hostGroups: [other], accessGroups: [] };
    expect(recordBefore(before, [change], COMPUTERS)).toBe(before);
  });

  test("remembers a group that is let go and used on as the latest, with those that the farm put in: the oldest are forgotten first", () => {
    const before: Journal = { hostGroups: [shared(["g0"]), other], accessGroups: [] };
    const release: Change = { kind: "Release", object: own(GROUP), because: "x", remembered: shared(["g1"]) };
    expect(recordBefore(before, [release], COMPUTERS)).toEqual({ hostGroups: [shared(["g1"]), other], accessGroups: [] });
  });

  test("remembers a group that the account is put into, as the farm names it now", () => {
    const [objectGUID, distinguishedName] = ["theirs", "CN=Shared,DC=contoso,DC=com"];
    const kept = { name: "Kept", objectGUID: "kept", distinguishedName: "CN=Kept,DC=contoso,DC=com" };
    const before: Journal = { hostGroups: [other], accessGroups: [{ name: "Old", objectGUID, distinguishedName: "CN=Old,DC=x" }, kept] };
    const join: Change = { kind: "JoinAccessGroup", object: existing("Shared"), member: ACCOUNT, name: "Shared" };
    expect(recordBefore(before, [join], [])).toEqual({
      hostGroups: [other],
      accessGroups: [kept, { name: "Shared", objectGUID, distinguishedName }],
    });
  });
});
