/** Hosts that a tenant's farms may have: judged by where the computer is that is found. */
import { describe, expect, test } from "vitest";
import type { Granted } from "../../src/api/permission.ts";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../src/ad/object.ts";
import { allowedHosts } from "../../src/farm/allowed-hosts.ts";
import { plan } from "../../src/farm/plan/index.ts";
import type { ResolvedHosts } from "../../src/farm/looked.ts";
import { type FarmView, viewOf } from "../../src/farm/view.ts";
import { BASE, computer, desired, directoryObject, type farm } from "./simulation.ts";

const GRANTED: Granted = {
  kind: "Allowed",
  tenant: "web",
  hostContainers: [`OU=Web Servers,OU=Servers,${BASE}`, `CN=LONE,CN=Computers,${BASE}`],
  hostNames: [],
};
const at = (name: string, container: string, fields: Partial<DirectoryObject> = {}): DirectoryObject => ({
  ...computer(name),
  distinguishedName: `CN=${name},${container},${BASE}`,
  ...fields,
});
const INSIDE = "OU=Web Servers,OU=Servers";

test.each([
  [`CN=A,OU=Web Servers,OU=Servers,${BASE}`, true],
  [`cn=a,ou=deep,ou=WEB servers,ou=servers,${BASE.toLowerCase()}`, true],
  [`CN=A,OU=Servers,${BASE}`, false],
  [`CN=A,OU=DB Servers,OU=Servers,${BASE}`, false],
  [`CN=A,OU=Web Servers,OU=Servers,OU=Evil,${BASE}`, false],
  [String.raw`CN=A\,OU=Web Servers,OU=Servers,${BASE}`, false],
  [String.raw`CN=A\2COU\3DWeb Servers,OU=Servers,${BASE}`, false],
  [`CN=LONE,CN=Computers,${BASE}`, true],
  [`CN=ALONE,CN=Computers,${BASE}`, false],
])("%s: %s", (distinguishedName, inside) => {
  expect(allowedHosts(GRANTED)({ distinguishedName })).toBe(inside);
});

function view(
  computers: readonly DirectoryObject[],
  spec: Parameters<typeof farm>[0],
  { status, objects = [] }: { readonly status?: ServerFarmStatus; readonly objects?: readonly DirectoryObject[] } = {},
): FarmView {
  const members = new Map<string, ReadonlySet<string>>();
  const nobody = { primaryMembers: [], gone: [], unexplainedPrincipals: [], missing: [], unreadable: [] };
  return viewOf({ ...desired(spec, status), granted: GRANTED }, { objects, computers, membersAmong: members, ...nobody });
}

const hosts = (...computers: readonly string[]): Parameters<typeof farm>[0] => ({ hosts: { computers } });
const namesOf = (some: ResolvedHosts["wanted"]): readonly (string | undefined)[] =>
  [...some.values()].map(({ samAccountName }) => samAccountName);

describe("a computer that is elsewhere", () => {
  const [A, B] = [at("A", INSIDE), at("B", "OU=DB")];

  test("is no host, is told as an issue, and keeps nobody else out", () => {
    const { hosts: found } = view([A, B], hosts("A", "B"));
    expect([namesOf(found.wanted), namesOf(found.undecided), found.desired]).toEqual([["A$"], ["B$"], 2]);
    expect(found.blockers).toEqual([
      {
        reason: "NotAllowed",
        part: "Hosts",
        computer: "B",
        message: `not in a container that the tenant web allows for hosts (hosts.containers: ${GRANTED.hostContainers.join(", ")}), so the operator grants no new right; an existing right stays. Move the computer, remove it from hosts.computers, or have the domain's owner allow its container (spec.tenants).`,
      },
    ]);
    // What it is nobody learns from the status.
    expect(found.records.map(({ reference }) => reference)).toEqual(["A"]);
  });

  test("is told no more of, whatever else it is, and keeps nothing that nobody trusted it with", () => {
    const others = [at("B", "OU=DB", { creatorSID: "S-1-5-21-1-2-3-1105" }), at("DC1", "OU=Domain Controllers", { primaryGroupID: 516 })];
    const { hosts: found } = view(others, hosts("B", "DC1"));
    expect(found.blockers.map(({ reason, computer: name }) => [reason, name])).toEqual([
      ["NotAllowed", "B"],
      ["NotAllowed", "DC1"],
    ]);
    expect(JSON.stringify(found.blockers)).not.toMatch(/S-1-5|OU=DB|OU=Domain Controllers/);
    expect([found.undecided.size, found.wanted.size]).toEqual([0, 0]);
  });

  test("keeps what it has, in a group and by name, and gets nothing", () => {
    const { owner } = desired();
    const group = directoryObject({
      distinguishedName: `CN=itfarm1Hosts,OU=Farms,${BASE}`,
      objectClass: "group",
      samAccountName: "itfarm1Hosts",
      owner,
      members: [B.distinguishedName],
    });
    const [change] = plan(view([A, B], hosts("A", "B"), { objects: [group] })).changes;
    expect(change).toMatchObject({ kind: "ChangeHosts", add: [A.distinguishedName], remove: [] });
    const account = directoryObject({
      distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
      objectClass: ACCOUNT_CLASS,
      samAccountName: "itfarm1$",
      owner,
      retrievers: { principals: [B.objectSID ?? ""], denied: [], foreign: [] },
    });
    const named = { hosts: { grant: "Principals" as const, computers: ["A", "B"] } };
    const set = plan(view([A, B], named, { objects: [account] })).changes.find(({ kind }) => kind === "SetRetrievers");
    expect(set).toMatchObject({ retrievers: [A.objectSID, B.objectSID] });
    const fresh = { ...account, retrievers: { principals: [], denied: [], foreign: [] } };
    const first = plan(view([A, B], named, { objects: [fresh] })).changes.find(({ kind }) => kind === "SetRetrievers");
    expect(first).toMatchObject({ retrievers: [A.objectSID] });
  });

  test("does not make a name ambiguous that one in its place has", () => {
    const twin = at("B", "OU=DB", { dnsHostName: "a.contoso.com" });
    const { hosts: found } = view([A, twin], hosts("a.contoso.com"));
    expect([namesOf(found.wanted), found.blockers]).toEqual([["A$"], []]);
  });

  test("does not take the place of the one that the entry meant before", () => {
    const before = at("OLD", INSIDE);
    const status = { observedGeneration: 1, resolvedHosts: [{ reference: "B", objectGUID: before.objectGUID }] };
    const { hosts: found } = view([before, B], hosts("B"), { status });
    expect(namesOf(found.wanted)).toEqual(["OLD$"]);
    expect(found.records).toEqual([expect.objectContaining({ reference: "B", objectGUID: before.objectGUID })]);
    expect(found.blockers.map(({ reason }) => reason)).toEqual(["NotAllowed"]);
  });

  test("is quarantined wherever it is", () => {
    const { hosts: found } = view([B], { hosts: { computers: [], quarantined: ["B"] } });
    expect([namesOf(found.quarantined), found.blockers]).toEqual([["B$"], []]);
  });

  test("that was a host takes no name from the account that has it, and brings none", () => {
    const account = (...servicePrincipalNames: readonly string[]): DirectoryObject =>
      directoryObject({
        distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
        objectClass: ACCOUNT_CLASS,
        samAccountName: "itfarm1$",
        owner: desired().owner,
        servicePrincipalNames,
      });
    const spec = { ...hosts("B"), servicePrincipalNames: ["MSSQLSvc/b.contoso.com:1433"] };
    const status = { observedGeneration: 1, resolvedHosts: [{ reference: "B", objectGUID: B.objectGUID }] };
    const namesIn = (objects: readonly DirectoryObject[], known?: ServerFarmStatus) => {
      const { changes, blockers } = plan(view([B], spec, { objects: [B, ...objects], ...(known ? { status: known } : {}) }));
      const changed = changes.filter(({ kind }) => kind === "ChangeServicePrincipalNames");
      return [changed.length, blockers.some(({ reason }) => reason === "ServicePrincipalNameReserved")];
    };
    expect(namesIn([account("MSSQLSvc/b.contoso.com:1433")], status)).toEqual([0, false]);
    expect(namesIn([account()], status)).toEqual([0, true]);
    // One that never was a host of the farm is whoever the name is meant for.
    expect(namesIn([account("MSSQLSvc/b.contoso.com:1433")])).toEqual([1, true]);
  });

  test("is no host whose names the farm may have", () => {
    const spec = { ...hosts("B"), servicePrincipalNames: ["http/b.contoso.com"] };
    const { blockers } = plan(view([B], spec, { objects: [B] }));
    expect(blockers.map(({ reason }) => reason)).toContain("ServicePrincipalNameReserved");
    const inside = at("B", INSIDE);
    expect(plan(view([inside], spec, { objects: [inside] })).blockers.map(({ reason }) => reason)).not.toContain(
      "ServicePrincipalNameReserved",
    );
  });
});
