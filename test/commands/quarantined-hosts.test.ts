import { describe, expect, test } from "vitest";
import type { ServerFarm } from "../../src/api/generated/server-farm.ts";
import { appliedBy, farmsWithHost, managersOf } from "../../src/commands/quarantined-hosts.ts";
import { farm } from "../farm/simulation.ts";

interface Case {
  readonly name: string;
  readonly computers?: readonly string[];
  readonly quarantined?: readonly string[];
  readonly search?: { readonly names: readonly string[]; readonly found?: readonly string[] };
  readonly domain?: string;
  /** objectGUIDs by entry. */
  readonly resolved?: Readonly<Record<string, string>>;
}

function farmWith({ name, computers = [], quarantined = [], search, domain = "contoso", resolved = {} }: Case): ServerFarm {
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
        ...(search ? { search: { container: "OU=Web", names: search.names, max: 200, maxRemoval: "20%" } } : {}),
      },
    },
    status: {
      observedGeneration: 1,
      resolvedHosts: Object.entries(resolved).map(([reference, objectGUID]) => ({ reference, objectGUID })),
      ...(search?.found ? { hostSearch: { hosts: search.found.map((objectGUID) => ({ objectGUID })) } } : {}),
    },
  };
}

function found(host: string, farms: readonly Case[], domain?: string): readonly (readonly [string, string, string, boolean])[] {
  return farmsWithHost(farms.map(farmWith), host, domain).map(({ farm: one, entry, why, isQuarantined }) => [
    one.metadata.name,
    entry,
    why,
    isQuarantined,
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
