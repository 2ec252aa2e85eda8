/** The account and its names, where something else is not as it should be; and what is planned for what is yet to be taken over. */
import { describe, expect, test } from "vitest";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../../src/ad/object.ts";
import type { DesiredFarm } from "../../../src/farm/desired-farm.ts";
import type { ObservedFarm } from "../../../src/farm/observed.ts";
import { planAccount, planServicePrincipalNames } from "../../../src/farm/plan/account.ts";
import { plan } from "../../../src/farm/plan/index.ts";
import { PRINCIPALS } from "../../../src/farm/plan/retrievers.ts";
import { type FarmView, viewOf } from "../../../src/farm/view.ts";
import { dnKey } from "../../../src/names/distinguished-name.ts";
import { BASE, computer, CONSENT, desired, directoryObject, SimulatedDirectory } from "../simulation.ts";

const { owner } = desired();
const WEB = ["WEB01", "WEB02"].map(computer);
const account = (fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
    objectClass: ACCOUNT_CLASS,
    samAccountName: "itfarm1$",
    dnsHostName: "itfarm1.contoso.com",
    userAccountControl: 4096,
    supportedEncryptionTypes: 24,
    passwordIntervalDays: 30,
    owner,
    ...fields,
  });
const group = (name: string, fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({ distinguishedName: `CN=${name},OU=Farms,${BASE}`, objectClass: "group", samAccountName: name, owner, ...fields });
const view = (wanted: DesiredFarm, objects: readonly DirectoryObject[], fields: Partial<ObservedFarm> = {}): FarmView =>
  viewOf(wanted, { ...new SimulatedDirectory([], WEB).seenBy(wanted), objects, adopted: undefined, ...fields });

describe("the account", () => {
  test("is not made while its host group cannot be there, nor is it said to be next", () => {
    expect(planAccount(view(desired(), [group("itfarm1Hosts", { owner: "a note" })]))).toEqual({
      changes: [],
      later: [],
      blockers: [
        {
          reason: "ChangesPending",
          part: "Account",
          message: "the account itfarm1$ is created once its host group exists: see the condition HostsReady.",
        },
      ],
    });
  });

  test("follows its group, and where hosts are named directly waits for nothing", () => {
    expect(planAccount(view(desired(), []))).toMatchObject({ changes: [], later: [{ retrievers: [], denied: [] }], blockers: [] });
    const direct = planAccount(view(desired({ hosts: { grant: "Principals", computers: ["WEB01"] } }), []));
    expect(direct).toMatchObject({ changes: [{ kind: "CreateAccount", retrievers: [WEB[0]?.objectSID] }] });
    expect([direct.later, direct.blockers]).toEqual([[], []]);
  });

  test("keeps as many hosts out from the start as its list takes, with one entry left", () => {
    const many = Array.from({ length: PRINCIPALS + 1 }, (_, index) => computer(`Q${index}`));
    const wanted = desired({ hosts: { grant: "Principals", quarantined: many.map((_, index) => `Q${index}`) } });
    const [change] = planAccount(view(wanted, [], { computers: many })).changes;
    expect(change).toMatchObject({ kind: "CreateAccount", denied: many.slice(0, PRINCIPALS - 1).map(({ objectSID }) => objectSID) });
  });

  test("whose interval cannot be read is not said to have another one", () => {
    expect(planAccount(view(desired(), [account({ passwordIntervalDays: undefined })])).blockers).toEqual([]);
  });

  test("that is somebody else's says that alone, and nothing of its names", () => {
    const wanted = desired({ servicePrincipalNames: ["ldap/x"] });
    expect(planServicePrincipalNames(view(wanted, [account({ owner: "a note" })]))).toEqual({ changes: [], later: [], blockers: [] });
    expect(planServicePrincipalNames(view(wanted, [])).blockers).toMatchObject([{ reason: "ServicePrincipalNameReserved" }]);
  });
});

describe("what is to be taken over", () => {
  const adopting = (spec: Parameters<typeof desired>[0] = {}): DesiredFarm =>
    desired({ adoptionPolicy: "Unowned", ...spec, hosts: { computers: ["WEB01"], quarantined: ["WEB02"], ...spec?.hosts } });
  const taken = (members: readonly DirectoryObject[]): DirectoryObject =>
    group("itfarm1Hosts", { owner: CONSENT, members: members.map(({ distinguishedName }) => distinguishedName) });
  const adopted = (object: DirectoryObject): ObservedFarm["adopted"] => ({ group: object, computers: new Set(object.members.map(dnKey)) });

  test("is marked first, the group before the account, each with the consent that it bears", () => {
    const hosts = taken([]);
    const { changes, blockers } = plan(view(adopting(), [account({ owner: CONSENT }), hosts], { adopted: adopted(hosts) }));
    expect(changes.map((change) => ({ ...change, object: undefined }))).toEqual([
      { kind: "Adopt", object: undefined, part: "Hosts", consent: CONSENT },
      { kind: "Adopt", object: undefined, part: "Account", consent: CONSENT },
    ]);
    expect(blockers).toEqual([]);
  });

  test.each(["", undefined])("bears no consent where the domain asks for none (%j)", (marker) => {
    const wanted = adopting();
    const relaxed = { ...wanted, adoption: { ...wanted.adoption, domain: "Unowned" as const } };
    const { changes } = plan(view(relaxed, [account({ owner: marker }), group("itfarm1Hosts")]));
    expect(changes).toMatchObject([{ kind: "Adopt", part: "Account" }]);
    expect(changes[0]).toHaveProperty("consent", undefined);
  });

  test("may be the account alone, or the group alone", () => {
    const hosts = taken([]);
    const kinds = (objects: readonly DirectoryObject[]): readonly string[] =>
      plan(view(adopting(), objects, { adopted: adopted(hosts) })).changes.map((change) =>
        change.kind === "Adopt" ? `Adopt ${change.part}` : change.kind,
      );
    expect(kinds([account({ owner: CONSENT }), group("itfarm1Hosts")])).toEqual(["Adopt Account"]);
    expect(kinds([account(), hosts])).toEqual(["Adopt Hosts"]);
    expect(kinds([hosts])).toEqual(["Adopt Hosts"]);
  });

  test("is planned on from there: hosts of the farm by name, and of others in the group only how many", () => {
    const [web01, web02] = WEB;
    if (!web01 || !web02) throw new Error("no hosts");
    const later = (strangers: readonly DirectoryObject[]) => {
      const hosts = taken([web02, ...strangers]);
      const stranger = group("Shared", { owner: undefined });
      return plan(view(adopting(), [account({ owner: CONSENT }), hosts, stranger], { adopted: adopted(hosts) })).later.flatMap((change) =>
        change.kind === "ChangeHosts" ? [{ add: change.add, remove: change.remove }] : [],
      );
    };
    const quarantine = { add: [], remove: [web02.distinguishedName] };
    const hosts = (...remove: readonly string[]) => ({ add: [web01.distinguishedName], remove });
    expect(later([])).toEqual([quarantine, hosts()]);
    expect(later([computer("X")])).toEqual([quarantine, hosts("1 member that the farm does not name")]);
    expect(later([computer("X"), computer("Y")])).toEqual([quarantine, hosts("2 members that the farm does not name")]);
  });

  test("makes nothing else the farm's: a group of somebody else is not let go for it", () => {
    const shared = group("Shared", { owner: undefined });
    const wanted = adopting({ accessGroups: [{ name: "Shared", existing: true }] });
    const { later } = plan(view(wanted, [account({ owner: CONSENT }), group("itfarm1Hosts"), shared]));
    expect(later.map(({ kind }) => kind)).toContain("JoinAccessGroup");
    expect(later.map(({ kind }) => kind)).not.toContain("Release");
  });
});

describe("the name of another farm's account", () => {
  const other = (namespace: string, fields: Partial<DirectoryObject> = {}): DirectoryObject =>
    account({
      distinguishedName: `CN=shop,OU=Farms,${BASE}`,
      samAccountName: "shop$",
      dnsHostName: "shop.contoso.com",
      owner: owner.replace("farm=web/", `farm=${namespace}/`),
      ...fields,
    });
  const said = (name: string, object: DirectoryObject): readonly unknown[] =>
    planServicePrincipalNames(view(desired({ servicePrincipalNames: [name] }), [account(), object])).blockers;

  test.each(["http/shop.contoso.com", "HTTP/Shop.contoso.com:8080", "cifs/shop"])("%s is not for a farm of another namespace", (name) => {
    expect(said(name, other("db"))).toEqual([
      {
        reason: "ServicePrincipalNameReserved",
        part: "ServicePrincipalNames",
        message: `${name} is not set, because it names CN=shop,OU=Farms,${BASE}, the account of a farm in another namespace: remove it from servicePrincipalNames.`,
      },
    ]);
  });

  test("takes nothing from a farm that has the name already", () => {
    const held = account({ servicePrincipalNames: ["http/shop.contoso.com"] });
    const { blockers, changes } = planServicePrincipalNames(
      view(desired({ servicePrincipalNames: ["http/shop.contoso.com"] }), [held, other("db")]),
    );
    expect([blockers, changes]).toEqual([[], []]);
  });

  test("is for its own namespace, and what no farm owns has no such name", () => {
    expect(said("http/shop.contoso.com", other("web"))).toEqual([]);
    expect(said("http/shop.contoso.com", other("db", { owner: undefined }))).toEqual([]);
    expect(said("http/shop.contoso.com", other("db", { dnsHostName: "shop2.contoso.com" }))).toEqual([]);
    expect(said("http/shop.web.contoso.com", other("db"))).toEqual([]);
  });
});
