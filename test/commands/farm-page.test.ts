import { describe, expect, test } from "vitest";
import type { ServerFarm } from "../../src/api/generated/server-farm.ts";
import { farmTable, farmText, pageOf } from "../../src/commands/farm-page.ts";
import { havingTable } from "../../src/commands/farm-quarantine.ts";
import { drawTree, treeOf } from "../../src/commands/farm-tree.ts";
import { ageOf, jsonText, printable, table } from "../../src/commands/terminal.ts";
import { farm } from "../farm/simulation.ts";

const NOW = new Date("2026-11-26T12:00:00Z");
const plain = (_kind: string, text: string): string => text;
const condition = (type: string, status: "True" | "False", reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: "2026-11-26T10:00:00Z",
});
const STATUS: NonNullable<ServerFarm["status"]> = {
  observedGeneration: 1,
  conditions: [
    condition("Ready", "False", "HostNotFound", "WEB03: no computer has this name. Join it to the domain."),
    condition("HostsReady", "False", "HostNotFound", "WEB03: no computer has this name. Join it to the domain."),
  ],
  account: {
    samAccountName: "itfarm1$",
    distinguishedName: "CN=itfarm1,OU=Farms,DC=contoso,DC=com",
    passwordLastChanged: "2026-11-01T00:00:00Z",
    passwordNextChange: "2026-12-01T00:00:00Z",
  },
  hostGroup: { distinguishedName: "CN=itfarm1Hosts,OU=Farms,DC=contoso,DC=com" },
  hosts: { desired: 2, granted: 1, summary: "1/2" },
  hostIssues: [{ computer: "WEB03", reason: "HostNotFound", message: "no computer has this name. Join it to the domain." }],
};
const FARM = farm(
  { servicePrincipalNames: ["http/itfarm1"], hosts: { computers: ["WEB01", "WEB02", "WEB03"], quarantined: ["WEB02"] } },
  STATUS,
);

describe("a farm's page", () => {
  test("says of each host whether it may retrieve the password, and why not", () => {
    expect(pageOf(FARM).hosts.entries).toEqual([
      { computer: "WEB01", state: "May" },
      { computer: "WEB03", state: "HostNotFound", message: "no computer has this name. Join it to the domain." },
      { computer: "WEB02", state: "Quarantined" },
    ]);
  });

  test("does not say that a host has the right where the status does not", () => {
    const of = (status: ServerFarm["status"]): readonly string[] =>
      pageOf({ ...FARM, ...(status ? { status } : {}) }).hosts.entries.map(({ state }) => state);
    expect(of({ ...STATUS, hosts: { desired: 2, granted: 0 } })).toEqual(["Unknown", "HostNotFound", "Quarantined"]);
    expect(of({ ...STATUS, hosts: { desired: 3, granted: 1, search: 1 } })).toEqual(["Unknown", "HostNotFound", "Quarantined"]);
    expect(of({ ...STATUS, observedGeneration: 0 })).toEqual(["Unknown", "HostNotFound", "Quarantined"]);
  });

  test("is that of a farm that is not Ready before the operator has seen the last edit, and while it ends", () => {
    const status = { ...STATUS, conditions: [condition("Ready", "True", "Reconciled", "as the farm says")] };
    expect(pageOf({ ...FARM, status }).ready).toBe(true);
    expect(pageOf({ ...FARM, status, metadata: { ...FARM.metadata, generation: 2 } })).toMatchObject({
      ready: false,
      reason: "Progressing",
    });
    expect(pageOf({ ...FARM, status, metadata: { ...FARM.metadata, deletionTimestamp: "2026-11-26T12:00:00Z" } }).ready).toBe(false);
  });

  test("is laid out for a reader", () => {
    expect(farmText(FARM, NOW, plain).join("\n")).toMatchInlineSnapshot(`
      "web/itfarm1   Ready: False   HostNotFound
      WEB03: no computer has this name. Join it to the domain.

      Domain:       contoso
      Account:      itfarm1$  CN=itfarm1,OU=Farms,DC=contoso,DC=com
      Password:     changed at 2026-11-01T00:00:00Z, changes next at 2026-12-01T00:00:00Z
      Host group:   CN=itfarm1Hosts,OU=Farms,DC=contoso,DC=com

      Hosts: 1/2 may retrieve the password
        WEB01   may retrieve
        WEB03   HostNotFound   no computer has this name. Join it to the domain.
        WEB02   quarantined

      Service principal names
        http/itfarm1

      Conditions
        Ready        False   HostNotFound   WEB03: no computer has this name. Join it to the domain.
        HostsReady   False   HostNotFound   WEB03: no computer has this name. Join it to the domain."
    `);
  });

  test("has a row for each farm", () => {
    const created = { ...FARM, metadata: { ...FARM.metadata, creationTimestamp: "2026-11-26T09:00:00Z" } };
    expect(farmTable([created], true, NOW, plain)).toMatchInlineSnapshot(`
      [
        "NAMESPACE   NAME      READY   REASON         ACCOUNT    HOSTS   AGE",
        "web         itfarm1   False   HostNotFound   itfarm1$   1/2     3h",
      ]
    `);
  });
});

test("a farm's tree has what it stands on, what it is made of, and who uses it", () => {
  const pods = { serviceAccounts: ["web"], configMap: false };
  const withPods = { ...FARM, spec: { ...FARM.spec, pods }, status: { ...STATUS, pods: { credentialSpecName: "web.itfarm1" } } };
  const surroundings = {
    domain: "you have no right to read it",
    pods: [
      { name: "web-1", current: true },
      { name: "web-2", current: false },
    ],
    published: ["Role itfarm1-credential-spec"],
  };
  expect(drawTree(treeOf(withPods, surroundings, plain)).join("\n")).toMatchInlineSnapshot(`
    "ServerFarm web/itfarm1: HostNotFound
    ├─ ActiveDirectoryDomain contoso: you have no right to read it
    ├─ Account itfarm1$  CN=itfarm1,OU=Farms,DC=contoso,DC=com
    │  └─ Service principal name http/itfarm1
    ├─ Host group CN=itfarm1Hosts,OU=Farms,DC=contoso,DC=com
    │  ├─ Host WEB01: may retrieve the password
    │  ├─ Host WEB03: HostNotFound: no computer has this name. Join it to the domain.
    │  └─ Host WEB02: quarantined
    └─ GMSACredentialSpec web.itfarm1
       ├─ Role itfarm1-credential-spec
       ├─ ServiceAccount web may use it
       ├─ Pod web-1
       └─ Pod web-2: has an old copy of the spec. Roll it out."
  `);
});

describe("what the cluster says moves no cursor", () => {
  const EVIL = "\u001B[1A\u001B[2K\u009B2K\r\u007F\u202E";
  const SHOWN = String.raw`\x1b[1A\x1b[2K\x9b2K\x0d\x7f\u202e`;
  const bold = (_kind: string, text: string): string => `\u001B[1m${text}\u001B[22m`;
  const hostile = farm(
    { servicePrincipalNames: [`http/${EVIL}`], hosts: { computers: [`web02.${EVIL}`] } },
    {
      ...STATUS,
      conditions: [condition("Ready", "False", EVIL, EVIL)],
      account: { samAccountName: EVIL, distinguishedName: EVIL },
      hostGroup: { distinguishedName: EVIL },
      hosts: { summary: EVIL },
      hostIssues: [{ computer: `web02.${EVIL}`, reason: EVIL, message: EVIL }],
    },
  );

  test.each([
    ["a page", () => farmText(hostile, NOW, bold)],
    ["a table", () => farmTable([hostile], true, NOW, bold)],
    ["a tree", () => drawTree(treeOf(hostile, { domain: EVIL, pods: EVIL, published: [EVIL] }, bold))],
    [
      "the farms that have a host",
      () => havingTable([{ farm: hostile, why: "hosts.computers", quarantinedBy: [], missing: [EVIL], releasable: [] }], bold),
    ],
  ])("in %s, which keeps its own colours", (_, lines) => {
    const text = lines().join("");
    expect(text).toContain(SHOWN);
    expect(text).toContain("\u001B[1m");
    expect(text.replaceAll("\u001B[1m", "").replaceAll("\u001B[22m", "")).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  });

  test("in JSON, which stays the same value", () => {
    const text = jsonText({ [EVIL]: [EVIL] });
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    expect(JSON.parse(text)).toEqual({ [EVIL]: [EVIL] });
  });

  test("and is the same otherwise", () => {
    expect(printable(FARM)).toEqual(FARM);
    expect(printable("Größe 5 µ")).toBe("Größe 5 µ");
  });
});

test("columns stand below each other", () => {
  expect(
    table([
      ["A", "LONG", "C"],
      ["\u001B[32mabc\u001B[39m", "b", ""],
    ]),
  ).toEqual(["A     LONG   C", "\u001B[32mabc\u001B[39m   b"]);
});

test.each([
  ["2026-11-26T11:59:15Z", "45s"],
  ["2026-11-26T11:48:00Z", "12m"],
  ["2026-11-26T09:00:00Z", "3h"],
  ["2026-11-18T09:00:00Z", "8d"],
  ["2026-11-26T12:00:09Z", "0s"],
  [undefined, "<unknown>"],
])("the age of %s is %s", (since, age) => {
  expect(ageOf(since, NOW)).toBe(age);
});
