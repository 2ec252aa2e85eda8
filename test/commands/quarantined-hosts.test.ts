import { describe, expect, test } from "vitest";
import type { ServerFarm } from "../../src/api/generated/server-farm.ts";
import { appliedBy, managersOf } from "../../src/commands/quarantine-entries.ts";
import { farmWithHost, meantHost } from "../../src/commands/quarantined-hosts.ts";
import { farm } from "../farm/simulation.ts";

interface Case {
  readonly name: string;
  readonly computers?: readonly string[];
  readonly quarantined?: readonly string[];
  readonly search?: { readonly names: readonly string[]; readonly found?: readonly string[] };
  readonly domain?: string;
  readonly existingGroup?: boolean;
  /** objectGUIDs by entry. */
  readonly resolved?: Readonly<Record<string, string | readonly string[]>>;
}

function farmWith({
  name,
  computers = [],
  quarantined = [],
  search,
  domain = "contoso",
  existingGroup = false,
  resolved = {},
}: Case): ServerFarm {
  const { spec, ...rest } = farm();
  return {
    ...rest,
    metadata: { ...rest.metadata, name },
    spec: {
      ...spec,
      domainRef: { name: domain },
      hosts: {
        grant: "Group",
        computers,
        quarantined,
        ...(existingGroup ? { group: { name: "WebServers", existing: true } } : {}),
        ...(search ? { search: { container: "OU=Web", names: search.names, max: 200, maxRemoval: "20%" } } : {}),
      },
    },
    status: {
      observedGeneration: 1,
      resolvedHosts: Object.entries(resolved).flatMap(([reference, objects]) =>
        [objects].flat().map((objectGUID) => ({ reference, objectGUID })),
      ),
      ...(search?.found ? { hostSearch: { hosts: search.found.map((objectGUID) => ({ objectGUID })) } } : {}),
    },
  };
}

function found(host: string, farms: readonly Case[], domain?: string): readonly (readonly [string, string, string, boolean])[] {
  const all = farms.map(farmWith);
  const meant = meantHost(all, host, domain);
  return all
    .flatMap((one) => farmWithHost(one, meant) ?? [])
    .map(({ farm: one, quarantinedBy, missing, why }) => [
      one.metadata.name,
      (missing.length > 0 ? missing : quarantinedBy).join(", "),
      why,
      missing.length === 0,
    ]);
}

describe("a farm has the host", () => {
  test("by any spelling of its name, and is told by its own entry", () => {
    const farms = [
      { name: "a", computers: ["web01"] },
      { name: "b", computers: ["WEB01$"] },
      { name: "c", computers: ["web01.contoso.com"] },
      { name: "d", computers: ["CN=WEB01,OU=Web,DC=contoso,DC=com"] },
      { name: "e", computers: ["WEB011", "XWEB01", "web01x.contoso.com", "CN=WEB02,OU=WEB01"] },
    ];
    const entries = [
      ["a", "web01", "hosts.computers", false],
      ["b", "WEB01$", "hosts.computers", false],
      ["c", "web01.contoso.com", "hosts.computers", false],
      ["d", "CN=WEB01,OU=Web,DC=contoso,DC=com", "hosts.computers", false],
    ];
    expect(found("WEB01", farms)).toEqual(entries);
    expect(found("web01.CONTOSO.com", farms)).toEqual(entries);
    expect(found("cn=web01,ou=web,dc=contoso,dc=com", farms)).toEqual(entries);
  });

  test("not by a name of the same form that differs", () => {
    expect(found("web01.fabrikam.com", [{ name: "a", computers: ["web01.contoso.com"] }])).toEqual([]);
    expect(found("CN=WEB01,OU=Db", [{ name: "a", computers: ["CN=WEB01,OU=Web"] }])).toEqual([]);
  });

  test("by another name, where both were resolved to one object", () => {
    const farms = [
      { name: "a", computers: ["WEB01"], resolved: { WEB01: "g1" } },
      { name: "b", computers: ["old-name.contoso.com"], resolved: { "old-name.contoso.com": "g1" } },
    ];
    expect(found("WEB01", farms).map(([name, entry]) => [name, entry])).toEqual([
      ["a", "WEB01"],
      ["b", "old-name.contoso.com"],
    ]);
  });

  test("not by its name, where that was resolved to another object", () => {
    const farms = [
      { name: "a", computers: ["WEB01"], resolved: { WEB01: "g1" } },
      { name: "b", computers: ["web01.contoso.com"], resolved: { "web01.contoso.com": "g2" } },
    ];
    expect(found("WEB01", farms).map(([name]) => name)).toEqual(["a"]);
    expect(() => found("WEB01$", farms)).toThrow(
      "WEB01$ may mean 2 computers: WEB01 of web/a (objectGUID g1), web01.contoso.com of web/b (objectGUID g2). Give the host as the farm that you mean has it.",
    );
  });

  test("of one domain: another domain's is another computer", () => {
    const farms = [
      { name: "a", computers: ["WEB01"] },
      { name: "b", computers: ["WEB01"], domain: "fabrikam" },
    ];
    expect(() => found("WEB01", farms)).toThrow("is another computer in each: contoso, fabrikam. Choose one with --domain.");
    expect(found("WEB01", farms, "fabrikam").map(([name]) => name)).toEqual(["b"]);
  });

  test("by a search that found it, or may find it", () => {
    const farms = [
      { name: "a", computers: ["WEB01"], resolved: { WEB01: "g1" } },
      { name: "b", search: { names: ["DB*"], found: ["g1"] } },
      { name: "c", search: { names: ["web*"] } },
      { name: "d", search: { names: ["DB*"], found: ["g2"] } },
    ];
    expect(found("WEB01", farms)).toEqual([
      ["a", "WEB01", "hosts.computers", false],
      ["b", "WEB01", "hosts.search", false],
      ["c", "WEB01", "hosts.search", false],
    ]);
  });

  test("with an existing group only if the farm itself names the host", () => {
    const farms = [
      { name: "a", existingGroup: true, computers: ["WEB01"] },
      { name: "b", existingGroup: true, computers: ["WEB02"] },
    ];
    expect(found("WEB01", farms)).toEqual([["a", "WEB01", "hosts.computers", false]]);
  });

  test("that is quarantined there already, by the entry that says so", () => {
    expect(
      found("WEB01", [
        { name: "a", computers: ["web01.contoso.com"], quarantined: ["WEB01"] },
        { name: "b", quarantined: ["WEB01$"] },
      ]),
    ).toEqual([
      ["a", "WEB01", "hosts.computers", true],
      ["b", "WEB01$", "hosts.computers", true],
    ]);
  });
});

describe("a host is quarantined", () => {
  test("not by an entry that is alike, and that was resolved to nothing", () => {
    const farms = [
      { name: "a", computers: ["WEB02"], quarantined: ["web02.nowhere.example"] },
      { name: "b", computers: ["WEB02"], quarantined: ["web02.nowhere.example"], resolved: { WEB02: "g1" } },
      { name: "c", search: { names: ["WEB*"] }, quarantined: ["CN=WEB02,OU=Nowhere"] },
      { name: "d", quarantined: ["web02.nowhere.example"] },
      { name: "e", computers: ["WEB02"], quarantined: ["web02.nowhere.example", "WEB02"] },
    ];
    expect(found("WEB02", farms)).toEqual([
      ["a", "WEB02", "hosts.computers", false],
      ["b", "WEB02", "hosts.computers", false],
      ["c", "WEB02", "hosts.search", false],
      ["d", "WEB02", "hosts.computers", false],
      ["e", "WEB02", "hosts.computers", true],
    ]);
  });

  test("by an entry that was resolved to the same object, or that is spelled the same", () => {
    const farms = [
      { name: "a", computers: ["WEB02"], quarantined: ["old.contoso.com"], resolved: { WEB02: "g1", "old.contoso.com": "g1" } },
      { name: "b", computers: ["WEB02"], quarantined: ["web02"] },
      { name: "c", search: { names: ["DB*"], found: ["g1"] }, quarantined: ["old.contoso.com"], resolved: { "old.contoso.com": "g1" } },
    ];
    expect(found("WEB02", farms)).toEqual([
      ["a", "old.contoso.com", "hosts.computers", true],
      ["b", "web02", "hosts.computers", true],
      ["c", "old.contoso.com", "hosts.search", true],
    ]);
  });

  test("by an entry for each one that names it", () => {
    const dn = "CN=WEB02,OU=Nowhere,DC=x";
    expect(
      found("WEB02", [
        { name: "a", computers: [dn, "WEB02"] },
        {
          name: "b",
          computers: [dn, "WEB02", "web02.contoso.com"],
          quarantined: [dn],
          resolved: { WEB02: "g1", "web02.contoso.com": "g1" },
        },
        { name: "c", computers: [dn, "web02.contoso.com"], quarantined: [dn, "web02.contoso.com"] },
        { name: "d", computers: [dn], quarantined: [dn], search: { names: ["WEB*"] } },
      ]),
    ).toEqual([
      ["a", `${dn}, WEB02`, "hosts.computers", false],
      ["b", "WEB02, web02.contoso.com", "hosts.computers", false],
      ["c", `${dn}, web02.contoso.com`, "hosts.computers", true],
      ["d", "WEB02", "hosts.computers", false],
    ]);
  });

  test("and released by removing each entry that means it, or may", () => {
    const all = [
      farmWith({
        name: "a",
        computers: ["WEB02"],
        quarantined: ["WEB02", "old.contoso.com", "web02.nowhere.example", "WEB03", "web02.other.example"],
        resolved: { WEB02: "g1", "old.contoso.com": "g1", "web02.other.example": "g2" },
      }),
    ];
    const meant = meantHost(all, "WEB02");
    expect(all.map((one) => farmWithHost(one, meant)?.releasable)).toEqual([["WEB02", "old.contoso.com", "web02.nowhere.example"]]);
  });
});

describe("a computer that was re-imaged", () => {
  const REIMAGED = { name: "a", computers: ["WEB01"], resolved: { WEB01: ["old", "new"] } };

  test("is one, as every spelling of it", () => {
    const names = (host: string, ...farms: readonly Case[]): readonly string[] => found(host, farms).map(([name]) => name);
    expect(names("WEB01", REIMAGED)).toEqual(["a"]);
    // Farms that have not looked since know another object.
    expect(
      names("WEB01", { name: "b", computers: ["web01"], resolved: { web01: "old" } }, { ...REIMAGED, resolved: { WEB01: "new" } }),
    ).toEqual(["b", "a"]);
    expect(
      names(
        "web01.contoso.com",
        { name: "b", computers: ["WEB01$"], resolved: { WEB01$: "old" } },
        { ...REIMAGED, resolved: { WEB01: "new" } },
      ),
    ).toEqual(["b", "a"]);
  });

  test("is found by each of its objects", () => {
    const farms = [
      { name: "b", computers: ["web01.contoso.com"], resolved: { "web01.contoso.com": "old" } },
      { name: "c", computers: ["alias"], resolved: { alias: "new" } },
      { name: "d", search: { names: ["DB*"], found: ["old"] } },
      REIMAGED,
    ];
    expect(found("CN=WEB01,OU=Web", farms).map(([name]) => name)).toEqual(["b", "c", "d", "a"]);
    expect(found("WEB01", farms).map(([name]) => name)).toEqual(["b", "c", "d", "a"]);
  });

  test("is another one than that of another spelling, where they share no object", () => {
    const other = { name: "b", computers: ["web01.contoso.com"], resolved: { "web01.contoso.com": "g2" } };
    expect(() => found("CN=WEB01,OU=Web", [REIMAGED, other])).toThrow(
      "may mean 2 computers: WEB01 of web/a (objectGUID old, new), web01.contoso.com of web/b (objectGUID g2). Give the host as",
    );
  });
});

test("entries belong to the field manager that applied them", () => {
  const managed = [
    { manager: "argocd", operation: "Apply", quarantined: [".", 'v:"WEB01"'] },
    { manager: "kubectl-edit", operation: "Update", quarantined: ['v:"WEB03"'] },
    { manager: "kubectl-farm-quarantine", operation: "Apply", quarantined: ['v:"WEB01"', 'v:"CN=WEB02,OU=Web"'] },
    { manager: "kubectl-farm-quarantine", operation: "Update", quarantined: ['v:"WEB04"'] },
  ];
  expect(appliedBy(managed, "kubectl-farm-quarantine")).toEqual(["WEB01", "CN=WEB02,OU=Web"]);
  expect(managersOf(managed, "WEB01")).toEqual(["argocd", "kubectl-farm-quarantine"]);
  expect(managersOf(managed, "WEB03")).toEqual(["kubectl-edit"]);
});
