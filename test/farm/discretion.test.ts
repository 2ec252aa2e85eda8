/** Among tenants: what is said of a look names nothing that is another namespace's, and all that is the farm's own. */
import { describe, expect, test } from "vitest";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../src/ad/object.ts";
import type { EventDraft } from "../../src/api/event.ts";
import type { Blocker } from "../../src/api/reasons.ts";
import type { DesiredFarm } from "../../src/farm/desired-farm.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import { discreet, sayDiscreetly } from "../../src/farm/discretion.ts";
import { plan } from "../../src/farm/plan/index.ts";
import { viewOf } from "../../src/farm/view.ts";
import { BASE, CLUSTER, computer, directoryObject, FACTS, farm, SimulatedDirectory } from "./simulation.ts";

const OU = `OU=Farms,${BASE}`;
const ALPHA = `OU=Alpha,${BASE}`;
const TERMS = { granted: { kind: "Allowed", tenant: "web", hostContainers: [`OU=Web,${BASE}`], hostNames: [] } as const, sharedGroups: [] };
const marker = (namespace: string, cluster = CLUSTER): string => `serverfarm.dev cluster=${cluster} farm=${namespace}/shop`;
const shop = (fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=shop,${OU}`,
    objectClass: ACCOUNT_CLASS,
    samAccountName: "shop$",
    owner: marker("db"),
    servicePrincipalNames: ["http/a"],
    ...fields,
  });
const at = (name: string, ou: string, fields: Partial<DirectoryObject> = {}): DirectoryObject => ({
  ...computer(name),
  distinguishedName: `CN=${name},${ou}`,
  ...fields,
});

const FARM = farm({ servicePrincipalNames: ["http/a"], hosts: { computers: ["WEB01"] } });

function saidOf(wanted: DesiredFarm, objects: readonly DirectoryObject[], computers: readonly DirectoryObject[] = []): readonly Blocker[] {
  const view = viewOf(wanted, { ...new SimulatedDirectory([], computers).seenBy(wanted), objects, adopted: undefined });
  const report = discreet({ view, plan: plan(view), applied: [], failures: [], error: undefined });
  const blockers = report.plan?.blockers ?? [];
  // What the status lists of hosts is the same.
  for (const blocker of report.view?.hosts.blockers ?? []) expect(blockers).toContainEqual(blocker);
  return blockers;
}
const messages = (objects: readonly DirectoryObject[], computers: readonly DirectoryObject[] = [], spec = FARM): string =>
  saidOf(desiredFarm(spec, FACTS, CLUSTER, [], TERMS).desired, objects, computers)
    .map(({ message }) => message)
    .join("\n");

describe("a farm among tenants", () => {
  test("is told that a name is held, not by whom", () => {
    const said = messages([shop()]);
    expect(said).toContain("http/a is held by another object: remove it from servicePrincipalNames, or have it removed there");
    expect(said).not.toMatch(/shop|db/);
  });

  test.each([
    ["of its own namespace", marker("web"), true],
    ["of another namespace", marker("db"), false],
    ["of another cluster's namespace of that name", marker("web", "beef"), false],
    ["that nobody owns", undefined, false],
    ["with a note", "ask Anna", false],
    ["with consent", "serverfarm.dev adopt=web/itfarm1", false],
  ])("the account %s is named: %j %j", (_, owner, isNamed) => {
    expect(messages([shop({ owner })]).includes("CN=shop,")).toBe(isNamed);
  });

  test("what stands in its place is named, and its owner is not", () => {
    const said = messages([shop({ distinguishedName: `CN=itfarm1,${OU}`, samAccountName: "itfarm1$" })]);
    expect(said).toContain(`CN=itfarm1,${OU} exists and it belongs to another ServerFarm; the operator left it as it is.`);
    const elsewhere = messages([shop({ distinguishedName: `CN=x,${ALPHA}`, samAccountName: "itfarm1$", owner: undefined })]);
    expect(elsewhere).toContain("another object exists and it has no owner marker");
  });

  test("of two objects whose names end alike, neither is named in part", () => {
    const below = shop({ distinguishedName: `CN=below,CN=shop,${OU}`, servicePrincipalNames: ["http/b"] });
    const spec = farm({ servicePrincipalNames: ["http/a", "http/b"] });
    expect(messages([shop(), below], [], spec)).not.toMatch(/CN=(shop|below)/);
  });

  test("computers are named where the tenant has hosts, and as the manifest names them", () => {
    const twins = [at("WEB01", `OU=Web,${BASE}`), at("W", ALPHA)].map((one) => ({
      ...one,
      dnsHostName: "web01.contoso.com",
      userAccountControl: 8192,
    }));
    const both = farm({ hosts: { computers: ["web01.contoso.com"] } });
    expect(messages([], twins, both)).not.toContain("OU=Alpha");
    const strangers = ["X", "Y"].map((name) => at(name, ALPHA, { dnsHostName: "x.contoso.com" }));
    expect(messages([], strangers, farm({ hosts: { computers: ["x.contoso.com"] } }))).toContain("(another object; another object)");
    const spoken = farm({ servicePrincipalNames: ["http/web09"] });
    const said = (ou: string): string => messages([at("WEB09", ou)], [], spoken);
    expect([said(ALPHA).includes("OU=Alpha"), said(`OU=Web,${BASE}`).includes("CN=WEB09,OU=Web")]).toEqual([false, true]);
  });

  test("whoever keeps a computer out is not told where it was moved", () => {
    const resolvedHosts = (guid: string): NonNullable<NonNullable<typeof FARM.status>["resolvedHosts"]> => [
      { reference: "GONE", objectGUID: guid },
    ];
    const said = (ou: string): readonly string[] => {
      const moved = at("NEW", ou);
      const status = { observedGeneration: 1, resolvedHosts: resolvedHosts(moved.objectGUID) };
      const wanted = desiredFarm(farm({ hosts: { quarantined: ["GONE"] } }, status), FACTS, CLUSTER, [], TERMS).desired;
      const view = viewOf(wanted, { ...new SimulatedDirectory([], [moved]).seenBy(wanted), objects: [], adopted: undefined });
      return (
        discreet({ view, plan: plan(view), applied: [], failures: [], error: undefined }).view?.hosts.notes.map(({ message }) => message) ??
        []
      );
    };
    expect(said(ALPHA)).toEqual(["hosts.quarantined: GONE was moved or renamed and stays out. Ask the domain's owner where it is now."]);
    expect(said(`OU=Web,${BASE}`)[0]).toContain(`it is now CN=NEW,OU=Web,${BASE}.`);
  });

  test("a group of somebody else that it names is named", () => {
    const spec = farm({ accessGroups: [{ name: "Readers", existing: true }] });
    const group = directoryObject({
      distinguishedName: `CN=Readers,${ALPHA}`,
      objectClass: "group",
      samAccountName: "Readers",
      securityEnabled: false,
    });
    expect(messages([group], [], spec)).toContain(`CN=Readers,${ALPHA} is a distribution group`);
  });

  test.each([
    ["something new", "Warning", ["the status of the farm web/itfarm1 leaves a part of this out: "]],
    ["nothing new", "Normal", []],
  ] as const)("the domain's owner is told the whole where the farm is told %s", (_, type, expected) => {
    const wanted = desiredFarm(FARM, FACTS, CLUSTER, [], TERMS).desired;
    const own = at("OTHER", ALPHA);
    const view = viewOf(wanted, { ...new SimulatedDirectory([], [own]).seenBy(wanted), objects: [shop()], adopted: undefined });
    const report = { view, plan: plan(view), applied: [], failures: [], error: undefined };
    const { events } = sayDiscreetly(FARM, report, (told): { readonly events: readonly EventDraft[] } => ({
      events: [{ type, reason: "any", message: (told.plan?.blockers ?? []).map(({ message }) => message).join(" ") }],
    }));
    expect(events[0]?.message).not.toContain("CN=shop");
    const whole = events.slice(1);
    expect(whole.map(({ message }) => message.slice(0, expected[0]?.length))).toEqual(expected);
    // What the farm is told as it is, its own hosts that are not found, is not told again.
    for (const { of, message } of whole) expect([of, message]).toEqual(["Domain", expect.stringContaining(`CN=shop,${OU}`)]);
  });

  test("what was not looked at is as it was", () => {
    const report = { view: undefined, plan: undefined, applied: [], failures: [], error: undefined };
    expect(discreet(report)).toBe(report);
  });

  test("there are tenants where the domain names some, whether they allow it or not", () => {
    const among = (terms?: object): boolean => desiredFarm(FARM, FACTS, CLUSTER, [], terms).desired.amongTenants;
    expect([among(), among(TERMS), among({ granted: undefined, sharedGroups: [] })]).toEqual([false, true, true]);
  });
});
