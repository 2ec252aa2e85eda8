import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeChange, writeOf } from "../../../src/farm/changes/index.ts";
import { desiredFarm } from "../../../src/farm/desired.ts";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../../src/ad/object.ts";
import { plan } from "../../../src/farm/plan/index.ts";
import { reconcile } from "../../../src/reconciler/farm.ts";
import type { Work } from "../../../src/reconciler/work.ts";
import { BASE, CLUSTER, computer, desired, directoryObject, FACTS, farm, planOf, SimulatedDirectory } from "../simulation.ts";

const WEB = ["WEB01", "WEB02", "WEB03"].map(computer);
const OWNER = "serverfarm.dev cluster=8a1f farm=web/itfarm1";
const signal = new AbortController().signal;

const WORK: Work = { scope: "Names", plan, assertFresh: () => Promise.resolve(), ordered: false };

/** The directory after everything was brought about. */
async function settled(
  wanted: ReturnType<typeof desired>,
  objects: readonly DirectoryObject[] = [],
  computers: readonly DirectoryObject[] = WEB,
): Promise<SimulatedDirectory> {
  const directory = new SimulatedDirectory(objects, computers);
  await reconcile(wanted, directory, WORK, signal);
  return directory;
}

const lines = (wanted: ReturnType<typeof desired>, directory: SimulatedDirectory): readonly string[] =>
  planOf(wanted, directory)
    .changes.flatMap(describeChange)
    .map(({ change, value }) => `${change} ${value ?? ""}`.trim());

describe("the plan of a farm", () => {
  test("a new farm is a group with its hosts, then an account made whole", async () => {
    const wanted = desired({ hosts: { computers: ["WEB01", "web02.contoso.com"] }, servicePrincipalNames: ["http/web"] });
    const empty = new SimulatedDirectory([], WEB);
    expect(planOf(wanted, empty).changes.map(({ kind }) => kind)).toEqual(["CreateHostGroup"]);
    expect(planOf(wanted, empty).later?.map(({ kind }) => kind)).toEqual(["CreateAccount"]);
    const directory = await settled(wanted);
    expect(directory.writes).toBe(2);
    const [group, account] = directory.objects;
    expect(group).toMatchObject({ owner: OWNER, members: [`CN=WEB01,CN=Computers,${BASE}`, `CN=WEB02,CN=Computers,${BASE}`] });
    expect(account).toMatchObject({
      owner: OWNER,
      samAccountName: "itfarm1$",
      dnsHostName: "itfarm1.contoso.com",
      userAccountControl: 4096,
      supportedEncryptionTypes: 24,
      servicePrincipalNames: ["http/web"],
      retrievers: { principals: [group?.objectSID], denied: [], foreign: [] },
    });
    expect(planOf(wanted, directory)).toEqual({ changes: [], later: [], blockers: [] });
  });

  test.each([
    ["a host more", { hosts: { computers: ["WEB01", "WEB02"] } }, [`AddHost CN=WEB02,CN=Computers,${BASE}`]],
    ["no host", { hosts: { computers: [] } }, [`RemoveHost CN=WEB01,CN=Computers,${BASE}`]],
    ["a host by another name", { hosts: { computers: ["web01.contoso.com"] } }, []],
    [
      "a quarantined host",
      { hosts: { computers: ["WEB01"], quarantined: ["WEB01$"] } },
      [`RemoveHost CN=WEB01,CN=Computers,${BASE}`, "SetRetrievers deny WEB01, which is quarantined"],
    ],
    ["an SPN in another case", { servicePrincipalNames: ["HTTP/WEB"] }, []],
    [
      "other SPNs",
      { servicePrincipalNames: ["http/b", "http/B"] },
      ["RemoveServicePrincipalName http/web", "AddServicePrincipalName http/b"],
    ],
    ["a description", { account: { description: "x" } }, ["UpdateAccount description: none -> x"]],
    ["a disabled account", { account: { enabled: false } }, ["UpdateAccount enabled -> disabled"]],
    [
      "RC4",
      { account: { encryptionTypes: ["RC4" as const, "AES256" as const] } },
      ["UpdateAccount msDS-SupportedEncryptionTypes: AES128, AES256 -> RC4, AES256"],
    ],
    [
      "another DNS name",
      { account: { dnsHostName: "x.contoso.com" } },
      ["UpdateAccount dNSHostName: itfarm1.contoso.com -> x.contoso.com"],
    ],
    ["a DNS name in another case", { account: { dnsHostName: "ITFARM1.contoso.com" } }, []],
  ])("with %s only that changes", async (_, spec, changes) => {
    const base = { hosts: { computers: ["WEB01"] }, servicePrincipalNames: ["http/web"] };
    const directory = await settled(desired(base));
    expect(lines(desired({ ...base, ...spec }), directory)).toEqual(changes);
  });

  test.each([
    [
      "somebody's member is taken out",
      (object: DirectoryObject) => ({ ...object, members: [...object.members, `CN=Eve,CN=Users,${BASE}`] }),
      [`RemoveHost CN=Eve,CN=Users,${BASE}`],
    ],
    [
      "a deny entry is put right",
      (object: DirectoryObject) =>
        object.retrievers ? { ...object, retrievers: { ...object.retrievers, foreign: ["a deny entry for S-1-1-0"] } } : object,
      ["SetRetrievers"],
    ],
    [
      "a second principal is taken out",
      (object: DirectoryObject) =>
        object.retrievers
          ? { ...object, retrievers: { principals: [...object.retrievers.principals, "S-1-5-11"], denied: [], foreign: [] } }
          : object,
      ["SetRetrievers"],
    ],
    [
      "foreign bits of encryption types stay",
      (object: DirectoryObject) =>
        object.supportedEncryptionTypes === undefined ? object : { ...object, supportedEncryptionTypes: 0x10000 | 24 },
      [],
    ],
    [
      "other bits of userAccountControl stay",
      (object: DirectoryObject) => (object.userAccountControl === undefined ? object : { ...object, userAccountControl: 0x1000 | 0x80000 }),
      [],
    ],
  ])("drift: %s", async (_, drift, changes) => {
    const wanted = desired({ hosts: { computers: ["WEB01"] } });
    const directory = await settled(wanted);
    directory.objects = directory.objects.map(drift);
    expect(lines(wanted, directory).map((line) => (line.startsWith("SetRetrievers") ? "SetRetrievers" : line))).toEqual(changes);
  });

  test("an object that was moved or renamed is found by its GUID and left there", async () => {
    const before = desired({ hosts: { computers: ["WEB01"] } });
    const directory = await settled(before);
    directory.objects = directory.objects.map((object) => ({
      ...object,
      distinguishedName: object.distinguishedName.replace(/^CN=[^,]*,.*/, "CN=Moved,OU=Elsewhere,DC=contoso,DC=com"),
    }));
    const known = {
      observedGeneration: 1,
      ownedObjects: directory.objects.map(({ objectGUID }) => ({ objectGUID, kind: "Account" as const })),
    };
    expect(planOf(desired({ hosts: { computers: ["WEB01"] } }, known), directory).changes).toEqual([]);
  });

  test.each([
    ["a gMSA without owner", { objectClass: ACCOUNT_CLASS }, "NotOwned", "it has no owner marker"],
    [
      "a gMSA of another farm",
      { objectClass: ACCOUNT_CLASS, owner: "serverfarm.dev cluster=8a1f farm=other/x" },
      "NotOwned",
      "it belongs to the ServerFarm other/x",
    ],
    [
      "a gMSA of another cluster",
      { objectClass: ACCOUNT_CLASS, owner: "serverfarm.dev cluster=ffff farm=web/itfarm1" },
      "NotOwned",
      "of another cluster (ffff)",
    ],
    [
      "a gMSA with somebody's note",
      { objectClass: ACCOUNT_CLASS, owner: "keep" },
      "NotOwned",
      "its adminDescription holds something other than an owner marker",
    ],
    ["a computer", { objectClass: "computer" }, "ObjectExists", "(computer) has the name of the account"],
    [
      "a protected gMSA, even with our marker",
      { objectClass: ACCOUNT_CLASS, owner: OWNER, protection: "it is built in" },
      "ProtectedObject",
      "must never be managed: it is built in",
    ],
  ])("%s in the account's place is left alone and named", async (_, fields, reason, words) => {
    const wanted = desired({ hosts: { computers: ["WEB01"] } });
    const stranger = directoryObject({ distinguishedName: `CN=itfarm1,OU=X,${BASE}`, samAccountName: "ITFARM1$", ...fields });
    const directory = await settled(wanted, [stranger]);
    expect(directory.objects).toContain(stranger);
    const blocker = planOf(wanted, directory).blockers.find(({ part }) => part === "Account");
    expect(blocker?.reason).toBe(reason);
    expect(blocker?.message).toContain(words);
  });

  test("an SPN that another holds is left to it, named, and the others are set", async () => {
    const holder = directoryObject({ distinguishedName: `CN=DB,CN=Computers,${BASE}`, servicePrincipalNames: ["HTTP/taken"] });
    const wanted = desired({ servicePrincipalNames: ["http/taken", "http/free"] });
    const directory = await settled(wanted, [holder]);
    expect(directory.objects.find(({ samAccountName }) => samAccountName === "itfarm1$")?.servicePrincipalNames).toEqual(["http/free"]);
    expect(planOf(wanted, directory).blockers).toMatchObject([
      { reason: "ServicePrincipalNameInUse", message: expect.stringContaining(`CN=DB,CN=Computers,${BASE}`) },
    ]);
    expect(planOf(wanted, directory).changes).toEqual([]);
  });

  test("of two computers with one DNS name neither is granted; in quarantine both are", () => {
    const twins = [computer("A"), { ...computer("B"), dnsHostName: "a.contoso.com" }];
    const wanted = desired({ hosts: { computers: ["a.contoso.com", "WEB01"] } });
    const result = planOf(wanted, new SimulatedDirectory([], [...twins, ...WEB]));
    expect(result.blockers.filter(({ reason }) => reason !== "ChangesPending").map(({ reason }) => reason)).toEqual(["HostAmbiguous"]);
    expect(result.changes).toMatchObject([{ members: [`CN=WEB01,CN=Computers,${BASE}`] }]);
    const quarantine = desired({ hosts: { computers: ["A", "B", "WEB01"], quarantined: ["a.contoso.com"] } });
    expect(planOf(quarantine, new SimulatedDirectory([], [...twins, ...WEB])).changes).toMatchObject([
      { members: [`CN=WEB01,CN=Computers,${BASE}`] },
    ]);
  });

  test("a second computer that claims a host's DNS name does not take the host's right away", async () => {
    const wanted = desired({ hosts: { computers: ["web01.contoso.com"] } });
    const directory = await settled(wanted);
    const claimed = new SimulatedDirectory(directory.objects, [...WEB, { ...computer("EVIL"), dnsHostName: "web01.contoso.com" }]);
    const result = planOf(wanted, claimed);
    expect(result.changes).toEqual([]);
    expect(result.blockers.map(({ reason }) => reason)).toEqual(["HostAmbiguous"]);
  });

  test("the quarantined go first, in a write of their own", async () => {
    const directory = await settled(desired({ hosts: { computers: ["WEB01", "WEB02"] } }));
    const wanted = desired({
      hosts: { computers: ["WEB03"], quarantined: ["WEB02"] },
      account: { description: "x" },
      servicePrincipalNames: ["http/x"],
    });
    const [first, denied, second] = planOf(wanted, directory).changes;
    expect(first).toMatchObject({ kind: "ChangeHosts", add: [], remove: [`CN=WEB02,CN=Computers,${BASE}`] });
    expect(denied).toMatchObject({ kind: "SetRetrievers", denied: [WEB[1]?.objectSID] });
    expect(second).toMatchObject({
      kind: "ChangeHosts",
      add: [`CN=WEB03,CN=Computers,${BASE}`],
      remove: [`CN=WEB01,CN=Computers,${BASE}`],
    });
  });

  test("a quarantined host that nobody can find is said, not passed over", async () => {
    const wanted = desired({ hosts: { computers: ["WEB01"], quarantined: ["WEB1"] } });
    const { blockers } = planOf(wanted, await settled(wanted));
    expect(blockers).toMatchObject([
      {
        reason: "QuarantineNotFound",
        part: "Hosts",
        message: expect.stringContaining("hosts.quarantined: no computer has the sAMAccountName WEB1$"),
      },
    ]);
  });

  test("a member that cannot be read stays while a host is not found, but for a quarantined one", async () => {
    const directory = await settled(desired({ hosts: { computers: ["WEB01", "WEB02"] } }));
    const blind = new SimulatedDirectory(directory.objects, WEB.slice(0, 1));
    blind.unreadable = [`CN=WEB02,CN=Computers,${BASE}`];
    const result = planOf(desired({ hosts: { computers: ["WEB01", "WEB02"] } }), blind);
    expect(result.changes).toEqual([]);
    expect(result.blockers.map(({ reason }) => reason)).toEqual(["HostNotFound", "AccessDenied"]);
    const quarantine = desired({ hosts: { computers: ["WEB01", "WEB02"], quarantined: [`CN=WEB02,CN=Computers,${BASE}`] } });
    expect(lines(quarantine, blind)).toEqual([`RemoveHost CN=WEB02,CN=Computers,${BASE}`]);
  });

  test("what is known and not seen on another server is not made a second time", async () => {
    const directory = new SimulatedDirectory([], WEB);
    directory.missing = ["00000000-0000-0000-0000-00000000000a"];
    const result = planOf(desired({ hosts: { computers: ["WEB01"] } }), directory);
    expect(result.changes).toEqual([]);
    expect(result.blockers.map(({ part, reason }) => `${part}=${reason}`)).toEqual([
      "Account=DirectoryUnavailable",
      "Hosts=DirectoryUnavailable",
      "ServicePrincipalNames=ChangesPending",
    ]);
  });

  test.each([
    ["another sAMAccountName", { samAccountName: "other$" }, "rename it back"],
    ["another password interval", { passwordIntervalDays: 7 }, "only a new account can have another one"],
  ])("an account with %s is not said to match", async (_, fields, words) => {
    const wanted = desired();
    const directory = await settled(wanted);
    directory.objects = directory.objects.map((object) => (object.objectClass === ACCOUNT_CLASS ? { ...object, ...fields } : object));
    expect(planOf(wanted, directory).blockers).toMatchObject([
      { reason: "Rejected", part: "Account", message: expect.stringContaining(words) },
    ]);
  });

  test("a distribution group gives no rights, and is said", async () => {
    const wanted = desired();
    const directory = await settled(wanted);
    directory.objects = directory.objects.map((object) => ({ ...object, securityEnabled: false }));
    expect(planOf(wanted, directory).blockers).toMatchObject([{ part: "Hosts", message: expect.stringContaining("distribution group") }]);
  });

  test("an outbound-only account has no dNSHostName", async () => {
    const directory = await settled(desired({ account: { outboundOnly: true } }));
    expect(directory.objects.find(({ samAccountName }) => samAccountName === "itfarm1$")?.dnsHostName).toBeUndefined();
  });

  test("from any farm to any other: a few rounds, then nothing left to do", async () => {
    const names = ["WEB01", "web02.contoso.com", "WEB03$", `CN=WEB01,CN=Computers,${BASE}`, "NOBODY"];
    const spec = fc.record({
      account: fc.record({
        description: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
        enabled: fc.boolean(),
        encryptionTypes: fc.uniqueArray(fc.constantFrom("RC4" as const, "AES128" as const, "AES256" as const), { minLength: 1 }),
        outboundOnly: fc.constant(false),
        passwordIntervalDays: fc.constant(30),
      }),
      hosts: fc.record({
        computers: fc.uniqueArray(fc.constantFrom(...names)),
        quarantined: fc.uniqueArray(fc.constantFrom(...names)),
        grant: fc.constant("Group" as const),
      }),
      servicePrincipalNames: fc.uniqueArray(fc.constantFrom("http/a", "HTTP/A", "http/b", "http/taken")),
    });
    await fc.assert(
      fc.asyncProperty(spec, spec, async (first, second) => {
        const holder = directoryObject({ distinguishedName: `CN=DB,CN=Computers,${BASE}`, servicePrincipalNames: ["http/taken"] });
        const clean = ({ account: { description, ...account }, ...rest }: typeof first) => ({
          ...rest,
          account: description === undefined ? account : { ...account, description },
        });
        const directory = await settled(desired(clean(first)), [holder]);
        const wanted = desired(clean(second));
        const report = await reconcile(wanted, directory, WORK, signal);
        expect(report.plan?.changes).toEqual([]);
        expect(directory.objects).toContain(holder);
        const before = directory.writes;
        await reconcile(wanted, directory, WORK, signal);
        expect(directory.writes).toBe(before);
        const group = directory.objects.find(({ samAccountName }) => samAccountName === "itfarm1Hosts");
        const out = new Set(second.hosts.quarantined.map((host) => /WEB0\d/i.exec(host)?.[0].toUpperCase()));
        expect(group?.members.filter((member) => out.has(/WEB0\d/.exec(member)?.[0]))).toEqual([]);
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 500) },
    );
  });
});

describe("service principal names of others", () => {
  const DC = directoryObject({
    ...computer("DC1"),
    distinguishedName: `CN=DC1,OU=Domain Controllers,${BASE}`,
    userAccountControl: 0x82000,
    servicePrincipalNames: ["HOST/dc1.contoso.com", "HOST/DC1", "ldap/dc1.contoso.com"],
  });
  const RODC = { ...computer("RODC1"), userAccountControl: 0x5001000 };
  const WEB06: DirectoryObject = { ...computer("WEB06"), servicePrincipalNames: ["HOST/web06.contoso.com", "HOST/WEB06"] };
  const SHOP: DirectoryObject = { ...computer("SHOP"), servicePrincipalNames: ["http/shop.example.org", "cifs/store.example.org:445"] };
  const spnsOf = (directory: SimulatedDirectory): readonly string[] | undefined =>
    directory.objects.find(({ samAccountName }) => samAccountName === "itfarm1$")?.servicePrincipalNames;

  test.each([
    ["a class of the domain controllers", "ldap/itfarm1.contoso.com", "Reserved", "the class ldap belongs to domain controllers"],
    ["the domain", "cifs/contoso.com", "Reserved", "contoso.com is the domain itself"],
    [
      "a domain controller by its DNS name",
      "MSSQLSvc/dc1.contoso.com:1433",
      "Reserved",
      `names ${DC.distinguishedName}, a domain controller`,
    ],
    ["a domain controller by its short name", "MSSQLSvc/DC1", "Reserved", "a domain controller"],
    ["a read-only domain controller", "MSSQLSvc/rodc1", "Reserved", "a domain controller"],
    ["another computer by its DNS name", "MSSQLSvc/web06.contoso.com:1433", "Reserved", "a computer that is not a host of this farm"],
    ["another computer by its short name", "MSSQLSvc/WEB06", "Reserved", "CN=WEB06,CN=Computers"],
    ["another computer by the first label alone", "MSSQLSvc/web06.elsewhere.org", "Reserved", "CN=WEB06,CN=Computers"],
    [
      "another computer's implied name",
      "cifs/web06.contoso.com",
      "InUse",
      "held by CN=WEB06,CN=Computers,DC=contoso,DC=com as HOST/web06.contoso.com",
    ],
    ["a domain controller's implied name", "http/dc1.contoso.com", "InUse", "as HOST/dc1.contoso.com"],
    [
      "a class of the domain controllers that one holds",
      "ldap/dc1.contoso.com",
      "Reserved",
      "the class ldap belongs to domain controllers",
    ],
    ["a host's implied name", "cifs/web01.contoso.com", "InUse", "as HOST/web01.contoso.com"],
    ["a host's implied name in another case", "HTTP/WEB01", "InUse", "as HOST/WEB01"],
    ["a name that would imply somebody's", "HOST/shop.example.org", "InUse", "as http/shop.example.org"],
    ["one with a port that would imply somebody's", "host/store.example.org:445", "InUse", "as cifs/store.example.org:445"],
    ["an explicit one", "HTTP/shop.example.org", "InUse", `is held by ${SHOP.distinguishedName}: remove it from servicePrincipalNames`],
  ])("%s is left out alone, and said", async (_, name, reason, words) => {
    const host = { ...computer("WEB01"), servicePrincipalNames: ["HOST/web01.contoso.com", "HOST/WEB01"] };
    const others = [DC, RODC, WEB06, name.startsWith("MSSQL") ? computer("X") : SHOP, host];
    const wanted = desired({ servicePrincipalNames: ["http/itfarm1", name, "http/itfarm1.contoso.com"], hosts: { computers: ["WEB01"] } });
    const directory = await settled(wanted, others, [host]);
    expect(spnsOf(directory)).toEqual(["http/itfarm1", "http/itfarm1.contoso.com"]);
    for (const { objectGUID, servicePrincipalNames } of others) {
      expect(directory.objects).toContainEqual(expect.objectContaining({ objectGUID, servicePrincipalNames }));
    }
    const { changes, blockers } = planOf(wanted, directory);
    expect(changes).toEqual([]);
    expect(blockers).toMatchObject([
      { reason: `ServicePrincipalName${reason}`, part: "ServicePrincipalNames", message: expect.stringContaining(words) },
    ]);
    expect(blockers[0]?.message).toMatch(/servicePrincipalNames(, or have it removed there \(setspn -D\))?\.$/);
  });

  test.each([
    ["a class that HOST does not stand for", "MSSQLSvc/web01.contoso.com:1433"],
    ["a name of its own", "http/itfarm1.contoso.com/contoso.com"],
    ["HOST of its own name", "HOST/itfarm1.contoso.com"],
    ["another class of a name that somebody holds", "cifs/shop.example.org"],
    ["another port", "host/store.example.org:446"],
    ["a name of nobody", "http/portal.contoso.com"],
  ])("%s is set", async (_, name) => {
    const host = { ...computer("WEB01"), servicePrincipalNames: ["HOST/web01.contoso.com"] };
    const store = { ...SHOP, samAccountName: "X$", dnsHostName: undefined };
    const wanted = desired({ servicePrincipalNames: [name], hosts: { computers: ["WEB01"] } });
    const directory = await settled(wanted, [DC, WEB06, store, host], [host]);
    expect(spnsOf(directory)).toEqual([name]);
    expect(planOf(wanted, directory)).toEqual({ changes: [], later: [], blockers: [] });
  });

  test("who else claims a host's name does not take the farm's name away; a domain controller does", async () => {
    const wanted = desired({ servicePrincipalNames: ["MSSQLSvc/web01.contoso.com"], hosts: { computers: ["WEB01"] } });
    const claimed = { ...computer("EVIL"), dnsHostName: "web01.contoso.com" };
    expect(spnsOf(await settled(wanted, [claimed]))).toEqual(["MSSQLSvc/web01.contoso.com"]);
    expect(spnsOf(await settled(wanted, [{ ...claimed, userAccountControl: 0x2000 }]))).toEqual([]);
  });

  test("a quarantined host is none", async () => {
    const wanted = desired({ servicePrincipalNames: ["MSSQLSvc/web01"], hosts: { computers: ["WEB01"], quarantined: ["WEB01"] } });
    expect(spnsOf(await settled(wanted, WEB.slice(0, 1)))).toEqual([]);
  });

  test("a new account is never given one, not even for a moment", () => {
    const names = ["http/a", "ldap/a", "MSSQLSvc/web06", "cifs/web06.contoso.com", "HOST/a"];
    const wanted = desired({ servicePrincipalNames: names, hosts: { grant: "Principals" } });
    expect(planOf(wanted, new SimulatedDirectory([WEB06])).changes).toMatchObject([
      { kind: "CreateAccount", servicePrincipalNames: ["http/a", "HOST/a"] },
    ]);
  });

  test("what is on the account and not a farm's to have goes, in a write before what comes", async () => {
    const directory = await settled(desired({ servicePrincipalNames: ["http/a"] }));
    directory.objects = directory.objects.map((object) =>
      object.objectClass === ACCOUNT_CLASS
        ? { ...object, servicePrincipalNames: ["http/a", "ldap/a", "MSSQLSvc/web06", "cifs/web06.contoso.com"] }
        : object,
    );
    directory.objects = [...directory.objects, WEB06];
    const wanted = desired({ servicePrincipalNames: ["http/b", "ldap/a", "MSSQLSvc/web06", "cifs/web06.contoso.com", "http/a"] });
    expect(planOf(wanted, directory).changes).toMatchObject([
      { kind: "ChangeServicePrincipalNames", add: [], remove: ["ldap/a", "MSSQLSvc/web06", "cifs/web06.contoso.com"] },
      { kind: "ChangeServicePrincipalNames", add: ["http/b"], remove: [] },
    ]);
  });

  test("no write to the directory ever adds and removes names at once", async () => {
    const name = fc.constantFrom("http/a", "HTTP/A", "http/b", "http/c", "MSSQLSvc/a", "ldap/a", "HOST/web06");
    const names = fc.uniqueArray(name);
    await fc.assert(
      fc.asyncProperty(names, names, async (before, after) => {
        const directory = await settled(desired({ servicePrincipalNames: before }), [WEB06]);
        for (const change of planOf(desired({ servicePrincipalNames: after }), directory).changes) {
          const write = writeOf(change);
          expect(write).toMatchObject({ kind: "Modify", modifications: [[expect.anything(), "servicePrincipalName", expect.anything()]] });
        }
      }),
      { numRuns: Number(process.env["FUZZ_RUNS"] ?? 200) },
    );
  });

  test("another farm's account is no computer: its name is free once it lets go", async () => {
    const other = directoryObject({ ...computer("OLD"), objectClass: ACCOUNT_CLASS, owner: "serverfarm.dev cluster=8a1f farm=web/old" });
    const wanted = desired({ servicePrincipalNames: ["http/old.contoso.com"] });
    expect(spnsOf(await settled(wanted, [other]))).toEqual(["http/old.contoso.com"]);
    const holding = { ...other, servicePrincipalNames: ["http/old.contoso.com"] };
    expect(spnsOf(await settled(wanted, [holding]))).toEqual([]);
  });
});

describe("a dNSHostName of another object", () => {
  const others: readonly (readonly [string, string, DirectoryObject | undefined])[] = [
    ["a domain controller", "dc1.contoso.com", { ...computer("DC1"), userAccountControl: 0x82000 }],
    ["a computer by its dNSHostName", "Alias.contoso.com", { ...computer("WEB06"), dnsHostName: "alias.contoso.com" }],
    ["a computer by its sAMAccountName", "web06.contoso.com", { ...computer("WEB06"), dnsHostName: undefined }],
    ["another gMSA", "shop.contoso.com", { ...computer("SHOP"), objectClass: ACCOUNT_CLASS }],
    ["the domain", "contoso.com", undefined],
  ];

  test.each(others)("of %s: nothing is made, no group either, and it is said", async (_, dnsHostName, other) => {
    const wanted = desired({ account: { dnsHostName }, hosts: { computers: ["WEB01"] }, servicePrincipalNames: ["http/x"] });
    const directory = await settled(wanted, other ? [other] : []);
    expect(directory.objects).toEqual(other ? [other] : []);
    expect(directory.writes).toBe(0);
    const [first] = planOf(wanted, directory).blockers;
    expect(first).toMatchObject({ reason: "ObjectExists", part: "Account" });
    expect(first?.message).toContain(
      `${dnsHostName} is the name of ${other?.distinguishedName ?? "the domain contoso.com"}, so the account is not created`,
    );
  });

  test.each(others)("of %s: an account that is there keeps its own, and all else goes on", async (_, dnsHostName, other) => {
    const directory = await settled(desired());
    directory.objects = [...directory.objects, ...(other ? [other] : [])];
    const wanted = desired({
      account: { dnsHostName, description: "x" },
      servicePrincipalNames: ["http/x"],
      hosts: { computers: ["WEB01"] },
    });
    await reconcile(wanted, directory, WORK, signal);
    const account = directory.objects.find(({ samAccountName }) => samAccountName === "itfarm1$");
    expect(account).toMatchObject({ dnsHostName: "itfarm1.contoso.com", description: "x", servicePrincipalNames: ["http/x"] });
    const { changes, blockers } = planOf(wanted, directory);
    expect(changes).toEqual([]);
    expect(blockers).toMatchObject([
      { reason: "ObjectExists", part: "Account", message: expect.stringContaining("the account keeps itfarm1.contoso.com") },
    ]);
  });

  test("a derived one is no better than one that is given", async () => {
    const other = { ...computer("OTHER"), dnsHostName: "ITFARM1.contoso.com" };
    const directory = await settled(desired(), [other]);
    expect(directory.objects).toEqual([other]);
  });

  test("an account without one may stand beside any name", async () => {
    const other = { ...computer("OTHER"), dnsHostName: "itfarm1.contoso.com" };
    expect((await settled(desired({ account: { outboundOnly: true } }), [other])).objects).toHaveLength(3);
  });
});

describe("what only the domain shows to be wrong", () => {
  test.each([
    [{ account: { container: "OU=Farms,DC=fabrikam,DC=com" } }, "account.container"],
    [{ account: { container: "OU=" } }, "account.container"],
    [{ account: { container: "CN=Services,CN=Configuration" } }, "in the forest's configuration"],
    [{ account: { container: `OU=X,DC=child,${BASE}` } }, "account.container"],
    [{ hosts: { group: { container: "OU=X,DC=fabrikam,DC=com", existing: false } } }, "hosts.group.container"],
  ])("%j leaves nothing to start from", (spec, field) => {
    const { problems } = desiredFarm(farm(spec), FACTS, CLUSTER);
    expect(problems.map(({ reason }) => reason)).toEqual(["InvalidSpec"]);
    expect(problems[0]?.message).toContain(field);
  });

  test.each([
    [{ hosts: { computers: ["CN=X,DC=fabrikam,DC=com"] } }, "hosts.computers"],
    [{ hosts: { quarantined: ["CN="] } }, "hosts.quarantined"],
    [{ servicePrincipalNames: ["http//x"] }, "servicePrincipalNames"],
    [{ accessGroups: [{ name: "A", existing: true, container: "OU=X,DC=fabrikam,DC=com" }] }, "accessGroups[0].container"],
    [{ accessGroups: [{ name: "ITFARM1hosts", existing: true }] }, "accessGroups: ITFARM1hosts is the host group"],
    [
      {
        accessGroups: [
          { name: "A", existing: true },
          { name: "a", existing: false },
        ],
      },
      "accessGroups: a is there twice",
    ],
  ])("%j keeps only itself out", async (spec, field) => {
    const wanted = desired(spec);
    const directory = await settled(wanted);
    expect(directory.objects).toHaveLength(2);
    const { blockers, changes } = planOf(wanted, directory);
    expect(changes).toEqual([]);
    expect(blockers).toMatchObject([{ reason: "InvalidSpec", message: expect.stringContaining(field) }]);
  });

  test("a compromised host is out though the same manifest is wrong elsewhere", async () => {
    const directory = await settled(desired({ hosts: { computers: ["WEB01", "WEB02"] } }));
    const wrong = desired({
      hosts: { computers: ["WEB01", "CN=X,DC=fabrikam,DC=com"], quarantined: ["WEB02"] },
      accessGroups: [{ name: "itfarm1hosts", existing: true }],
    });
    expect(lines(wrong, directory)).toEqual([`RemoveHost CN=WEB02,CN=Computers,${BASE}`, "SetRetrievers deny WEB02, which is quarantined"]);
  });
});
