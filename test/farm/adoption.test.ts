import { describe, expect, test } from "vitest";
import type { DesiredFarm } from "../../src/farm/desired-farm.ts";
import { adoptionHint } from "../../src/farm/adoption.ts";
import type { Query } from "../../src/ad/lookup.ts";
import { look } from "../../src/farm/queries.ts";
import type { DirectoryObject } from "../../src/ad/object.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import { answerAll } from "./answers.ts";
import { BASE, CLUSTER, computer, CONSENT, desired, directoryObject, FACTS, farm, planOf, SimulatedDirectory } from "./simulation.ts";

const WEB = ["WEB01", "WEB02"].map(computer);
const MEMBERS = WEB.map(({ distinguishedName }) => distinguishedName);
const account = directoryObject({
  distinguishedName: `CN=itfarm1,OU=Old,${BASE}`,
  samAccountName: "itfarm1$",
  objectClass: "msDS-GroupManagedServiceAccount",
  owner: CONSENT,
  passwordIntervalDays: 30,
  dnsHostName: "itfarm1.contoso.com",
  description: "of the shop",
});
const group = directoryObject({
  distinguishedName: `CN=itfarm1Hosts,OU=Old,${BASE}`,
  samAccountName: "itfarm1Hosts",
  objectClass: "group",
  owner: CONSENT,
  members: MEMBERS,
});
const adopting = (spec: Parameters<typeof desired>[0] = {}): DesiredFarm =>
  desired({ adoptionPolicy: "Unowned", hosts: { computers: ["WEB01", "WEB02"] }, ...spec });
const inDomain = (domain: DesiredFarm["adoption"]["domain"], wanted = adopting()): DesiredFarm => ({
  ...wanted,
  adoption: { ...wanted.adoption, domain },
});

const kinds = (wanted: DesiredFarm, ...objects: readonly DirectoryObject[]): readonly string[] =>
  planOf(wanted, new SimulatedDirectory(objects, WEB)).changes.map(({ kind }) => kind);
const messageOf = (wanted: DesiredFarm, part: string, ...objects: readonly DirectoryObject[]): string =>
  planOf(wanted, new SimulatedDirectory(objects, WEB)).blockers.find((blocker) => blocker.part === part)?.message ?? "";

describe("consent", () => {
  test.each<[domain: DesiredFarm["adoption"]["domain"], owner: string | undefined, farm: "Never" | "Unowned", taken: boolean]>([
    ["Consent", CONSENT, "Unowned", true],
    ["Consent", CONSENT, "Never", false],
    ["Consent", undefined, "Unowned", false],
    ["Consent", "serverfarm.dev adopt=web/itfarm2", "Unowned", false],
    ["Consent", `${CONSENT} `, "Unowned", false],
    ["Consent", CONSENT.toUpperCase(), "Unowned", false],
    ["Consent", "a note", "Unowned", false],
    ["Unowned", undefined, "Unowned", true],
    ["Unowned", CONSENT, "Unowned", true],
    ["Unowned", "a note", "Unowned", false],
    ["Unowned", "serverfarm.dev adopt=web/itfarm2", "Unowned", false],
    ["Unowned", undefined, "Never", false],
    ["Never", CONSENT, "Unowned", false],
    ["Never", undefined, "Unowned", false],
  ])("a domain that says %s, an object that bears %s, a farm that says %s: taken over %s", (domain, owner, policy, taken) => {
    const wanted = inDomain(domain, adopting({ adoptionPolicy: policy }));
    expect(kinds(wanted, { ...account, owner }, { ...group, owner })).toEqual(taken ? ["Adopt", "Adopt"] : []);
  });

  test("the message says what an administrator has to write where, and never what is written there", () => {
    const command = `Set-ADObject -Identity '${account.distinguishedName}' -Replace @{adminDescription='${CONSENT}'}`;
    expect(messageOf(adopting(), "Account", { ...account, owner: undefined })).toContain(command);
    const noted = messageOf(adopting(), "Account", { ...account, owner: "call Bob" });
    expect(noted).toContain(`${command} (this replaces the present text)`);
    expect(noted).not.toContain("Bob");
    expect(messageOf(desired(), "Account", { ...account, owner: undefined })).toContain(
      "set adoptionPolicy: Unowned, and have an administrator",
    );
    expect(messageOf(inDomain("Never"), "Account", account)).toContain("not allowed in this domain (adoption: Never)");
    const quoted = { ...account, distinguishedName: `CN=it'farm,OU=Old,${BASE}`, owner: undefined };
    expect(messageOf(adopting(), "Account", quoted)).toContain("'CN=it''farm,OU=Old");
    expect(messageOf(adopting(), "Account", { ...account, owner: "serverfarm.dev cluster=other farm=a/b" })).not.toContain("Set-ADObject");
  });
});

describe("what has to be done for an object to be taken over", () => {
  const hint = (farm: "Never" | "Unowned", domain: DesiredFarm["adoption"]["domain"], owner: string | undefined): string =>
    adoptionHint({ farm, domain, consent: CONSENT }, { ...account, owner });
  const command = `Set-ADObject -Identity '${account.distinguishedName}' -Replace @{adminDescription='${CONSENT}'}`;

  test.each<[string, Parameters<typeof hint>, string]>([
    ["where all is done, nothing", ["Unowned", "Consent", CONSENT], ""],
    [
      "where there is consent, the farm has to say so",
      ["Never", "Consent", CONSENT],
      " To adopt it as it is, set adoptionPolicy: Unowned.",
    ],
    ["where none is asked for, too", ["Never", "Unowned", undefined], " To adopt it as it is, set adoptionPolicy: Unowned."],
    ["an empty text is no note", ["Never", "Unowned", ""], " To adopt it as it is, set adoptionPolicy: Unowned."],
    ["where none is asked for and the farm says so, nothing", ["Unowned", "Unowned", undefined], ""],
    [
      "where there is none, an administrator",
      ["Unowned", "Consent", ""],
      ` To adopt it as it is, have an administrator consent in the directory: ${command}.`,
    ],
    [
      "both, where neither is there",
      ["Never", "Consent", undefined],
      ` To adopt it as it is, set adoptionPolicy: Unowned, and have an administrator consent in the directory: ${command}.`,
    ],
    [
      "somebody's note is replaced, and is no reason to take it without being asked",
      ["Unowned", "Unowned", "a note"],
      ` To adopt it as it is, have an administrator consent in the directory: ${command} (this replaces the present text).`,
    ],
    ["where the domain forbids it, that", ["Unowned", "Never", CONSENT], " Adoption is not allowed in this domain (adoption: Never)."],
    ["of what another farm owns, nothing", ["Never", "Never", "serverfarm.dev cluster=8a1f farm=web/other"], ""],
  ])("%s", (_, given, expected) => {
    expect(hint(...given)).toBe(expected);
  });
});

describe("what can never be changed is compared before anything is written", () => {
  test.each<[what: string, spec: Parameters<typeof desired>[0], object: Partial<DirectoryObject>, value: string]>([
    ["another password interval", {}, { passwordIntervalDays: 60 }, "account.passwordIntervalDays: 60"],
    ["another sAMAccountName", { account: { container: "OU=Old" } }, { samAccountName: "gmsa1$" }, "account.samAccountName: gmsa1"],
    ["an account for outbound authentication", {}, { dnsHostName: undefined }, "account.outboundOnly: true"],
    ["an account with a DNS name, for outbound authentication", { account: { outboundOnly: true } }, {}, "account.outboundOnly: false"],
    [
      "an account with an SPN alone",
      { account: { outboundOnly: true } },
      { dnsHostName: undefined, servicePrincipalNames: ["a/b"] },
      "account.outboundOnly: false",
    ],
    ["another container than the farm names", { account: { container: "OU=New" } }, {}, `account.container: OU=Old,${BASE}`],
  ])("%s", (_, spec, fields, value) => {
    const wanted = adopting(spec);
    const object = { ...account, ...fields };
    expect(kinds(wanted, object, group)).toEqual([]);
    expect(messageOf(wanted, "Account", object, group)).toContain(`Write into the manifest: ${value}.`);
  });

  test("all of it at once", () => {
    const message = messageOf(adopting({ account: { container: "OU=New" } }), "Account", { ...account, passwordIntervalDays: 7 });
    expect(message).toContain(`account.passwordIntervalDays: 7, account.container: OU=Old,${BASE}.`);
  });

  test("a container that the farm names in another spelling fits, and so does any that it does not name", () => {
    expect(kinds(adopting({ account: { container: `ou=OLD, ${BASE.toLowerCase()}` } }), account, group)).toEqual(["Adopt", "Adopt"]);
    expect(kinds(adopting(), { ...account, distinguishedName: `CN=x,CN=Users,${BASE}` }, group)).toEqual(["Adopt", "Adopt"]);
  });

  test("a host group elsewhere than the farm says keeps the account from being taken, too", () => {
    const wanted = adopting({ hosts: { computers: ["WEB01"], group: { name: "itfarm1Hosts", container: "OU=New", existing: false } } });
    expect(kinds(wanted, account, group)).toEqual([]);
    expect(messageOf(wanted, "Hosts", account, group)).toContain(`hosts.group.container: OU=Old,${BASE}`);
    expect(messageOf(wanted, "Account", account, group)).toContain("is adopted once its host group exists");
  });
});

describe("a group is a host group only if its members are computers", () => {
  const eve = `CN=Eve,CN=Users,${BASE}`;

  test.each([
    ["a person in it", [...MEMBERS, eve], "not all of its members are computers"],
    [
      "more members than a farm can have hosts",
      Array.from({ length: 5001 }, (_, index) => `CN=H${index},${BASE}`),
      "more than 5000 members",
    ],
  ])("one with %s is refused, and names nobody", (_, members, words) => {
    const taken = { ...group, members };
    expect(kinds(adopting(), account, taken)).toEqual([]);
    const message = messageOf(adopting(), "Hosts", account, taken);
    expect(message).toContain(words);
    expect(message).not.toContain("Eve");
  });

  test("an empty one is taken", () => {
    expect(kinds(adopting(), account, { ...group, members: [] })).toEqual(["Adopt", "Adopt"]);
  });

  /** What is asked, in order, where the directory answers so. */
  function asked(wanted: DesiredFarm, answer: (among: string, values: readonly string[]) => readonly DirectoryObject[]) {
    const valuesOf = ({ lookups }: Query): readonly string[] => lookups.map(({ value }) => value);
    const { queries, result } = answerAll(look(wanted, { scope: "Names", absenceReliable: true }), (query) =>
      answer(query.among, valuesOf(query)),
    );
    const read = queries.map((query) => ({ ...query, values: valuesOf(query), all: query.allMembersOf?.(group) ?? false }));
    return { queries: read, observed: result };
  }

  test("its members are asked for only where it may be taken, and no more of them than one can have", () => {
    const { queries, observed } = asked(adopting(), (among) => (among === "Computers" ? WEB : [account, group]));
    expect(queries[0]?.all).toBe(false);
    const members = queries.findIndex(({ all }) => all);
    expect(queries[members]).toMatchObject({ values: [group.objectGUID], membersAtMost: 5001, all: true });
    expect(queries[members + 1]).toMatchObject({ among: "Computers", values: MEMBERS });
    expect(planOf(adopting(), observed).changes.map(({ kind }) => kind)).toEqual(["Adopt", "Adopt"]);
    const without = asked(adopting(), (among) => (among === "Computers" ? WEB : [account, { ...group, owner: "note" }]));
    expect(without.queries.some(({ all }) => all)).toBe(false);
  });

  test("before anything is made it is asked, once, whether both can be made", () => {
    const fresh = asked(adopting(), (among) => (among === "Computers" ? WEB : []));
    expect(fresh.queries.at(-1)).toMatchObject({ among: "Containers", values: [`OU=Farms,${BASE}`] });
    const plan = planOf(adopting(), fresh.observed);
    expect(plan.changes).toEqual([]);
    expect(plan.blockers.map(({ part, reason }) => `${part} ${reason}`)).toEqual(
      expect.arrayContaining(["Account Rejected", "Hosts Rejected"]),
    );
    const container = directoryObject({
      distinguishedName: `ou=FARMS,${BASE}`,
      objectClass: "organizationalUnit",
      childClasses: new Set(["group"]),
    });
    const half = asked(adopting(), (among) => (among === "Containers" ? [container] : []));
    expect(planOf(adopting(), half.observed).blockers.find(({ part }) => part === "Account")?.message).toContain(
      "the right to create msDS-GroupManagedServiceAccount objects",
    );
    const whole = { ...container, childClasses: new Set(["group", "msds-groupmanagedserviceaccount"]) };
    const possible = asked(adopting(), (among) => (among === "Containers" ? [whole] : []));
    expect(planOf(adopting(), possible.observed).changes.map(({ kind }) => kind)).toEqual(["CreateHostGroup"]);
    // An account may hold others, which would keep it from being deleted.
    for (const objectClass of ["msDS-GroupManagedServiceAccount", "computer", "Group"]) {
      const below = asked(adopting(), (among) => (among === "Containers" ? [{ ...whole, objectClass }] : []));
      const refused = planOf(adopting(), below.observed).blockers.filter(({ message }) => message.includes("nothing is created below one"));
      expect(refused.map(({ part }) => part).toSorted(), objectClass).toEqual(["Account", "Hosts"]);
    }
    const there = asked(adopting(), (among) => (among === "Computers" ? WEB : [account, group]));
    expect(there.queries.filter(({ among }) => among === "Containers")).toHaveLength(1);
  });
});

describe("nothing is half made", () => {
  const missing = (object: "itfarm1" | "itfarm1Hosts", kind: "CreateChild" | "NoContainer"): SimulatedDirectory => {
    const directory = new SimulatedDirectory([], WEB);
    const container = `OU=Farms,${BASE}`;
    directory.uncreatable = new Map([
      [`CN=${object},${container}`, kind === "NoContainer" ? { kind, container } : { kind, container, objectClass: "any" }],
    ]);
    return directory;
  };

  test.each([
    ["itfarm1", "Account", "CreateChild", "AccessDenied", 'dsacls "OU=Farms'],
    ["itfarm1", "Account", "NoContainer", "Rejected", "does not exist or cannot be read"],
    ["itfarm1Hosts", "Hosts", "CreateChild", "AccessDenied", 'dsacls "OU=Farms'],
    ["itfarm1Hosts", "Hosts", "NoContainer", "Rejected", "does not exist or cannot be read"],
  ] as const)("where %s (%s) lacks what %s names, neither is made", (object, part, kind, reason, words) => {
    const { changes, blockers } = planOf(adopting(), missing(object, kind));
    expect(changes).toEqual([]);
    expect(blockers.find((blocker) => blocker.part === part)).toMatchObject({ reason, message: expect.stringContaining(words) });
  });

  test("where the account's place is taken, no group is made, nor taken over", () => {
    const taken = { ...account, owner: "note" };
    expect(kinds(adopting(), taken)).toEqual([]);
    expect(kinds(adopting(), taken, group)).toEqual([]);
  });

  test.each([
    "CN=Users",
    "cn=users",
    `CN=Computers,${BASE}`,
    "OU=Domain Controllers",
    "OU=X,ou=domain controllers",
    "CN=Policies,CN=System",
    "CN=Builtin",
    BASE,
    "CN = Users",
    "CN=\\55sers",
  ])("nothing is made in %s, which holds objects of others", (container) => {
    const message = messageOf(adopting({ account: { container } }), "Account");
    expect(message).toContain(": create an OU that holds only farms");
    expect(message).not.toContain("dsacls");
    expect(kinds(adopting({ account: { container } }))).toEqual([]);
  });

  test.each(["OU=Farms", "CN=Managed Service Accounts", "OU=Users", "OU=Users,OU=Farms", "CN=Users,OU=Farms", "OU=System"])(
    "%s holds nothing but farms",
    (container) => {
      expect(kinds(adopting({ account: { container } }))).toEqual(["CreateHostGroup"]);
    },
  );
});

describe("what the farm does not say is not managed", () => {
  const own = {
    ...account,
    owner: desired().owner,
    userAccountControl: 4096,
    supportedEncryptionTypes: 24,
    retrievers: { principals: [group.objectSID ?? ""], denied: [], foreign: [] },
    servicePrincipalNames: ["MSSQLSvc/db:1433", "http/shop"],
  };
  const hosts = { ...group, owner: desired().owner };
  const changesOf = (spec: Parameters<typeof desired>[0]) => planOf(adopting(spec), new SimulatedDirectory([own, hosts], WEB)).changes;

  test("nothing said: nothing changed", () => {
    expect(changesOf({})).toEqual([]);
  });

  test("an empty text and an empty list mean none", () => {
    expect(changesOf({ account: { description: "" }, servicePrincipalNames: [] })).toMatchObject([
      { kind: "UpdateAccount", properties: { description: undefined } },
      { kind: "ChangeServicePrincipalNames", add: [], remove: ["MSSQLSvc/db:1433", "http/shop"] },
    ]);
  });

  test("what a service registers itself is neither added nor removed", () => {
    const spec = { servicePrincipalNames: ["http/new"], selfRegisteredServicePrincipalNames: ["mssqlsvc/*"] };
    expect(changesOf(spec)).toMatchObject([
      { kind: "ChangeServicePrincipalNames", add: [], remove: ["http/shop"] },
      { kind: "ChangeServicePrincipalNames", add: ["http/new"], remove: [] },
    ]);
  });

  test("a name that is listed and left to the service is refused, and stays as it is", () => {
    const spec = { servicePrincipalNames: ["http/shop", "MSSQLSvc/other"], selfRegisteredServicePrincipalNames: ["MSSQLSvc/*"] };
    expect(changesOf(spec)).toEqual([]);
    expect(adopting(spec).invalid).toMatchObject([
      { reason: "InvalidSpec", part: "ServicePrincipalNames", message: expect.stringContaining("remove it from one of the two") },
    ]);
  });

  test("an account for outbound authentication has none, whether the farm says so or not", () => {
    const { dnsHostName: _, ...outbound } = own;
    const directory = new SimulatedDirectory([{ ...outbound, dnsHostName: undefined }, hosts], WEB);
    expect(planOf(adopting({ account: { outboundOnly: true } }), directory).changes).toMatchObject([
      { kind: "ChangeServicePrincipalNames", remove: ["MSSQLSvc/db:1433", "http/shop"] },
    ]);
  });
});

describe("what is derived obeys the rules of what is written", () => {
  const problems = (spec: Parameters<typeof desired>[0]): readonly string[] =>
    desiredFarm(farm(spec), FACTS, CLUSTER).problems.map(({ message }) => /Set ([a-zA-Z.]+)\.$/.exec(message)?.[1] ?? message);

  test.each([
    [{ account: { name: "Bücher Portal" } }, ["account.dnsHostName"]],
    [{ account: { name: "Web, Prod" } }, ["account.samAccountName", "account.dnsHostName", "hosts.group.name"]],
    [{ account: { name: "n".repeat(63) } }, ["account.samAccountName", "hosts.group.name"]],
    [{ account: { name: "n".repeat(63), samAccountName: "short" } }, ["hosts.group.name"]],
    [{ account: { name: "Web, Prod", samAccountName: "webprod" }, hosts: { grant: "Principals" as const } }, []],
    [{ account: { name: "Web, Prod", samAccountName: "webprod" }, hosts: { group: { name: "WebProd", existing: false } } }, []],
    [{ account: { name: "Bücher", samAccountName: "bücher", outboundOnly: true } }, []],
    [{ account: { name: "web.shop" } }, []],
  ])("%j: to be set are %j", (spec, fields) => {
    expect(problems(spec)).toEqual(fields);
  });

  test("the DNS name is made of the sAMAccountName", () => {
    expect(desired({ account: { name: "Web Shop", samAccountName: "WebShop" } }).account.dnsHostName).toBe("webshop.contoso.com");
  });
});
