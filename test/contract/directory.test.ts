import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ChangeFeed } from "../../src/directory/feed.ts";
import { decodeGuid } from "../../src/names/identifier.ts";
import { LdapReader } from "../../src/directory/reader.ts";
import { LdapWriter } from "../../src/directory/writer.ts";
import { LdapSession } from "../../src/directory/session.ts";
import { describeChange, type Change, writeOf } from "../../src/farm/changes/index.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import type { DesiredFarm, DomainFacts } from "../../src/farm/desired-farm.ts";
import { parseMappings } from "../../src/names/account-name.ts";
import { childDn } from "../../src/names/distinguished-name.ts";
import { DirectoryError } from "../../src/ad/error.ts";
import { plan } from "../../src/farm/plan/index.ts";
import type { Directory } from "../../src/farm/observed.ts";
import { directoryOf } from "../../src/reconciler/farm.ts";
import { applyChange, reconcile } from "../../src/reconciler/farm.ts";
import { farm, planOf } from "../farm/simulation.ts";
import { addComputer, ADMINISTRATOR, BASE, addUser } from "../harness/directory.ts";
import { available, directory as ad } from "../harness/world.ts";

const FACTS: DomainFacts = {
  dnsName: "contoso.com",
  trustSelfJoined: false,
  observed: false,
  netBIOSName: "CONTOSO",
  servicePrincipalNameMappings: parseMappings([]),
  baseDN: BASE,
  wellKnownContainers: [],
  podHostAccounts: [],
  accountContainer: "OU=Contract",
  groupContainer: "OU=Contract",
  adoption: "Consent",
  operator: ADMINISTRATOR.username,
};
const CONTAINER = `OU=Contract,${BASE}`;
const signal = new AbortController().signal;
type Spec = Parameters<typeof farm>[0];

const wantedOf = (spec: Spec = {}, known: readonly string[] = []): DesiredFarm => ({
  ...desiredFarm(farm(spec), FACTS, "contract").desired,
  knownObjects: known,
});

function bytesOf(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  throw new Error("no bytes");
}

describe.skipIf(!available)("the directory's contract", () => {
  let session: LdapSession;
  let directory: Directory;
  let searches = 0;
  const fence = { until: Number.POSITIVE_INFINITY };

  beforeAll(async () => {
    await ad.asAdministrator((client) => client.add(CONTAINER, { objectClass: "organizationalUnit" }));
    session = await LdapSession.open({
      servers: [ad.url],
      ca: ad.ca,
      ...ADMINISTRATOR,
      observe: (operation) => {
        if (operation === "search") searches++;
      },
      fence,
    });
    directory = directoryOf(new LdapReader(session), new LdapWriter(session));
  });

  afterAll(async () => {
    session.close();
    await ad.asAdministrator(async (client) => {
      const { searchEntries } = await client.search(CONTAINER, { scope: "one", paged: true });
      for (const { dn } of searchEntries) await client.del(dn);
      await client.del(CONTAINER);
    });
    // Thousands of objects, one by one, on a machine that has other things to do.
  }, 300_000);

  beforeEach(() => {
    fence.until = Number.POSITIVE_INFINITY;
  });

  const bringAbout = (wanted: DesiredFarm) =>
    reconcile(wanted, directory, { scope: "Names", plan, assertFresh: () => Promise.resolve(), ordered: false }, signal);

  /** Every change that the farm asks for, applied twice: the second time it is so already. */
  async function applyTwice(wanted: DesiredFarm): Promise<readonly Change["kind"][]> {
    const kinds: Change["kind"][] = [];
    for (;;) {
      const { changes } = planOf(wanted, await directory.observe(wanted, "Names", signal));
      if (changes.length === 0) return kinds;
      for (const change of changes) {
        await directory.apply(change, signal);
        await directory.apply(change, signal);
        kinds.push(change.kind);
      }
    }
  }

  test("what is already so is a success, for every change", async () => {
    const spec = { hosts: { computers: ["WEB01", "WEB02"] }, servicePrincipalNames: ["http/contract", "http/contract2"] };
    expect(await applyTwice(wantedOf(spec))).toEqual(["CreateHostGroup", "CreateAccount"]);
    const changed = {
      hosts: { computers: ["WEB02", "WEB03"], group: { name: "ContractHosts", existing: false } },
      servicePrincipalNames: ["http/contract2", "http/contract3"],
      account: { displayName: "x" },
    };
    const known = (await directory.observe(wantedOf(spec), "Names", signal)).objects.map(({ objectGUID }) => objectGUID);
    expect((await applyTwice(wantedOf(changed, known))).toSorted()).toEqual([
      "ChangeHosts",
      // What goes and what comes, each in a write of its own.
      "ChangeServicePrincipalNames",
      "ChangeServicePrincipalNames",
      "RenameHostGroup",
      "UpdateAccount",
    ]);
    expect(await ad.members("ContractHosts")).toEqual(["WEB02$", "WEB03$"]);
    for (const object of (await directory.observe(wantedOf(changed, known), "Owned", signal)).objects) {
      const change = { kind: "DeleteHostGroup" as const, object: { ...object, owner: wantedOf().owner } };
      await directory.apply(change, signal);
      await directory.apply(change, signal);
    }
    expect((await directory.observe(wantedOf(changed, known), "Owned", signal)).objects).toEqual([]);
  });

  test("what bears another marker at the moment of the write is left as it is", async () => {
    await bringAbout(wantedOf({ hosts: { computers: ["WEB01"] } }));
    const { objects } = await directory.observe(wantedOf(), "Names", signal);
    expect(objects).toHaveLength(2);
    for (const { distinguishedName, objectGUID } of objects) {
      await ad.modify(distinguishedName, "replace", "adminDescription", ["serverfarm.dev cluster=other farm=web/itfarm1"]);
      const before = (await ad.search("(objectClass=*)", ["*"], { scope: "base" }, distinguishedName))[0];
      const object = { distinguishedName, objectGUID, owner: wantedOf().owner };
      const changes: readonly Change[] = [
        { kind: "UpdateAccount", object, properties: { description: "x" }, observed: {} },
        { kind: "SetRetrievers", object, retrievers: [], denied: [], add: [], remove: [], because: [] },
        { kind: "ChangeHosts", object, add: [`CN=WEB02,CN=Computers,${BASE}`], remove: [`CN=WEB01,CN=Computers,${BASE}`] },
        { kind: "ChangeServicePrincipalNames", object, add: ["http/evil"], remove: [] },
        { kind: "RenameHostGroup", object, samAccountName: "evil" },
        { kind: "Release", object, because: "" },
        { kind: "DeleteAccount", object },
        { kind: "DeleteHostGroup", object },
        { kind: "JoinAccessGroup", object, member: `CN=WEB02,CN=Computers,${BASE}`, name: "x" },
        { kind: "LeaveAccessGroup", object, member: `CN=WEB01,CN=Computers,${BASE}` },
        { kind: "Adopt", object, part: "Hosts", consent: undefined },
        { kind: "DeleteAccessGroup", object },
      ];
      for (const change of changes) await expect(directory.apply(change, signal), change.kind).rejects.toMatchObject({ kind: "NotOwned" });
      expect((await ad.search("(objectClass=*)", ["*"], { scope: "base" }, distinguishedName))[0]).toEqual(before);
      await ad.asAdministrator((client) => client.del(distinguishedName));
    }
  });

  test("an object that was replaced by another of the same name is not taken for the old one", async () => {
    await bringAbout(wantedOf());
    const { objects } = await directory.observe(wantedOf(), "Names", signal);
    const group = objects.find(({ objectClass }) => objectClass === "group");
    const dn = group?.distinguishedName ?? "";
    await ad.asAdministrator(async (client) => {
      await client.del(dn);
      await client.add(dn, { objectClass: "group", sAMAccountName: "itfarm1Hosts", adminDescription: wantedOf().owner });
    });
    await directory.apply(
      { kind: "DeleteHostGroup", object: { distinguishedName: dn, objectGUID: group?.objectGUID ?? "", owner: wantedOf().owner } },
      signal,
    );
    expect(await ad.find("itfarm1Hosts")).toBeDefined();
    for (const name of ["itfarm1Hosts", "itfarm1$"])
      await ad.asAdministrator(async (client) => client.del((await ad.find(name))?.dn ?? ""));
  });

  describe("groups of others", () => {
    const group = { name: "Theirs", existing: true };
    let theirs: { readonly distinguishedName: string; readonly objectGUID: string; readonly owner: undefined; readonly name: string };

    beforeAll(async () => {
      const distinguishedName = `CN=Theirs,${CONTAINER}`;
      await ad.asAdministrator((client) =>
        client.add(distinguishedName, {
          objectClass: "group",
          sAMAccountName: "Theirs",
          adminDescription: "the database team's",
          member: [`CN=WEB05,CN=Computers,${BASE}`],
        }),
      );
      const { objects } = await directory.observe(wantedOf({ hosts: { group } }), "Names", signal);
      const objectGUID = objects.find(({ samAccountName }) => samAccountName === "Theirs")?.objectGUID ?? "";
      theirs = { distinguishedName, objectGUID, owner: undefined, name: "Theirs" };
    });

    test("no member of theirs is read: only which of the farm's own computers are in is asked", async () => {
      const of = async (
        computers: readonly string[],
      ): Promise<{ readonly members: readonly string[]; readonly among: readonly string[] }> => {
        const observed = await directory.observe(wantedOf({ hosts: { computers, group } }), "Names", signal);
        const among = observed.membersAmong.get(theirs.objectGUID);
        return {
          members: observed.objects.flatMap(({ members }) => members),
          among: observed.computers.filter(({ objectGUID }) => among?.has(objectGUID)).map(({ samAccountName }) => samAccountName ?? ""),
        };
      };
      expect(await of(["WEB01", "WEB05", "web03.contoso.com"])).toEqual({ members: [], among: ["WEB05$"] });
      expect(await of(["WEB01"])).toEqual({ members: [], among: [] });
      expect(await of([])).toEqual({ members: [], among: [] });
      // A member of a member is none, and so is the computer of another group.
      await ad.asAdministrator((client) =>
        client.add(`CN=Within,${CONTAINER}`, { objectClass: "group", sAMAccountName: "Within", member: [`CN=WEB04,CN=Computers,${BASE}`] }),
      );
      await ad.modify(theirs.distinguishedName, "add", "member", [`CN=Within,${CONTAINER}`]);
      expect(await of(["WEB04", "WEB05"])).toEqual({ members: [], among: ["WEB05$"] });
      await ad.asAdministrator((client) => client.del(`CN=Within,${CONTAINER}`));
    });

    test("only members are changed, whatever note they bear, and that it is so already is a success", async () => {
      const wanted = wantedOf({ hosts: { computers: ["WEB01", "WEB02"], group }, accessGroups: [{ name: "Mine", existing: false }] });
      expect(await applyTwice(wanted)).toEqual(["ChangeHosts", "CreateAccount", "CreateAccessGroup"]);
      expect(await ad.members("Theirs")).toEqual(["WEB01$", "WEB02$", "WEB05$"]);
      expect((await ad.find("Theirs"))?.["adminDescription"]).toBe("the database team's");
      expect(await ad.members("Mine")).toEqual(["itfarm1$"]);
      const account = (await ad.find("itfarm1$"))?.dn ?? "";
      const join = { kind: "JoinAccessGroup" as const, object: theirs, member: account, name: "Theirs" };
      const leave = { kind: "LeaveAccessGroup" as const, object: theirs, member: account };
      for (const change of [join, join]) await directory.apply(change, signal);
      expect(await ad.members("Theirs")).toContain("itfarm1$");
      for (const change of [leave, leave]) await directory.apply(change, signal);
      expect(await ad.members("Theirs")).toEqual(["WEB01$", "WEB02$", "WEB05$"]);
    });

    test("who is kept out by name cannot retrieve the password, though its group may", async () => {
      const account = (await ad.find("itfarm1$"))?.dn ?? "";
      const retrieve = () => Promise.all(["WEB01", "WEB04", "WEB05"].map((name) => ad.retrieves(name, account)));
      expect(await retrieve()).toEqual([true, false, true]);
      const quarantine = wantedOf({ hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB05"], group } });
      expect(await applyTwice(quarantine)).toEqual(["SetRetrievers"]);
      expect(await retrieve()).toEqual([true, false, false]);
      expect(await ad.members("Theirs")).toContain("WEB05$");
      await ad.asAdministrator(async (client) => {
        for (const name of ["itfarm1$", "Mine"]) await client.del((await ad.find(name))?.dn ?? "");
      });
    });

    test("a protected one is refused at the write, too", async () => {
      const admins = await ad.find("Domain Admins");
      const object = {
        distinguishedName: admins?.dn ?? "",
        objectGUID: decodeGuid(bytesOf(admins?.["objectGUID"])),
        owner: undefined,
        name: "x",
      };
      const member = `CN=WEB01,CN=Computers,${BASE}`;
      for (const change of [
        { kind: "ChangeHosts", object, add: [member], remove: [] },
        { kind: "JoinAccessGroup", object, member, name: "x" },
      ] as const) {
        await expect(directory.apply(change, signal)).rejects.toMatchObject({
          kind: "NotOwned",
          message: expect.stringContaining("must never be changed or deleted"),
        });
      }
      expect(await ad.members("Domain Admins")).not.toContain("WEB01$");
    });

    test("one that another farm has taken meanwhile is left as it is, whatever was planned for it", async () => {
      const marker = "serverfarm.dev cluster=contract farm=other/x";
      await ad.modify(theirs.distinguishedName, "replace", "adminDescription", [marker]);
      const before = await ad.members("Theirs");
      const member = `CN=WEB05,CN=Computers,${BASE}`;
      for (const change of [
        { kind: "ChangeHosts", object: theirs, add: [], remove: [member] },
        { kind: "ChangeHosts", object: theirs, add: [`CN=WEB04,CN=Computers,${BASE}`], remove: [] },
        { kind: "LeaveAccessGroup", object: theirs, member },
      ] as const) {
        await expect(directory.apply(change, signal)).rejects.toMatchObject({
          kind: "NotOwned",
          message: expect.stringContaining("other/x"),
        });
      }
      expect(await ad.members("Theirs")).toEqual(before);
      await ad.modify(theirs.distinguishedName, "replace", "adminDescription", ["the database team's"]);
    });

    test("a marker is given to what bears none, and to nothing else", async () => {
      const { distinguishedName, objectGUID } = theirs;
      const object = { distinguishedName, objectGUID, owner: wantedOf().owner };
      const change = { kind: "Adopt" as const, object, part: "Hosts" as const, consent: undefined };
      const refused = await directory.apply(change, signal).catch((error: unknown) => error);
      expect(refused).toMatchObject({ kind: "NotOwned" });
      // It is told in an Event of the farm, whose readers may not know what stands there.
      expect(String(refused)).not.toContain("the database team's");
      await ad.modify(distinguishedName, "replace", "adminDescription", []);
      for (const again of [change, change]) await directory.apply(again, signal);
      expect((await ad.find("Theirs"))?.["adminDescription"]).toBe(wantedOf().owner);
    });

    test("a consent becomes the marker in one write, and no other text does", async () => {
      const { distinguishedName, objectGUID } = theirs;
      const object = { distinguishedName, objectGUID, owner: wantedOf().owner };
      const consent = "serverfarm.dev adopt=web/itfarm1";
      const change = { kind: "Adopt" as const, object, part: "Hosts" as const, consent };
      for (const text of ["serverfarm.dev adopt=web/other", "SERVERFARM.DEV ADOPT=web/itfarm1", "a note"]) {
        await ad.modify(distinguishedName, "replace", "adminDescription", [text]);
        await expect(directory.apply(change, signal), text).rejects.toMatchObject({ kind: "NotOwned" });
        expect((await ad.find("Theirs"))?.["adminDescription"]).toBe(text);
      }
      // What was taken back is no consent any more.
      await ad.modify(distinguishedName, "replace", "adminDescription", []);
      await expect(directory.apply(change, signal)).rejects.toMatchObject({ kind: "NotOwned" });
      await ad.modify(distinguishedName, "replace", "adminDescription", [consent]);
      for (const again of [change, change]) await directory.apply(again, signal);
      expect((await ad.find("Theirs"))?.["adminDescription"]).toBe(wantedOf().owner);
    });
  });

  test("bits that somebody else writes between the look and the write are not lost", async () => {
    await bringAbout(wantedOf());
    const wanted = wantedOf({ account: { encryptionTypes: ["AES256"] } });
    const observed = await directory.observe(wanted, "Names", signal);
    const account = (await ad.find("itfarm1$"))?.dn ?? "";
    await ad.modify(account, "replace", "msDS-SupportedEncryptionTypes", [String(0x10000 | 24)]);
    const [change] = planOf(wanted, observed).changes;
    if (!change) throw new Error("no change");
    await expect(directory.apply(change, signal)).rejects.toMatchObject({
      kind: "Stale",
      message: expect.stringContaining("changed in the meantime"),
    });
    await bringAbout(wanted);
    expect(await ad.find("itfarm1$")).toMatchObject({ "msDS-SupportedEncryptionTypes": String(0x10000 | 16) });
  });

  test("one bad host keeps only itself out of a write", async () => {
    await bringAbout(wantedOf({ hosts: { computers: ["WEB01"] } }));
    const group = (await directory.observe(wantedOf(), "Names", signal)).objects.find(({ objectClass }) => objectClass === "group");
    const object = { distinguishedName: group?.distinguishedName ?? "", objectGUID: group?.objectGUID ?? "", owner: wantedOf().owner };
    const add = [`CN=WEB01,CN=Computers,${BASE}`, `CN=GONE,CN=Computers,${BASE}`, `CN=WEB02,CN=Computers,${BASE}`];
    const change = { kind: "ChangeHosts" as const, object, add, remove: [`CN=WEB05,CN=Computers,${BASE}`] };
    await expect(directory.apply(change, signal)).rejects.toBeInstanceOf(DirectoryError);
    expect(await ad.members("itfarm1Hosts")).toEqual(["WEB01$"]);
    const applied: Change[] = [];
    const failures = await applyChange(directory, change, applied, signal);
    expect(failures.map(({ change: failed, error }) => [describeChange(failed)[0]?.value, error.kind])).toEqual([[add[1], "NotFound"]]);
    expect(await ad.members("itfarm1Hosts")).toEqual(["WEB01$", "WEB02$"]);
  });

  test("a container that is not there is named, with what to do", async () => {
    const wanted = desiredFarm(farm({ account: { name: "nowhere" } }), { ...FACTS, groupContainer: "OU=Nowhere" }, "contract").desired;
    const { failures, plan: left } = await bringAbout(wanted);
    expect(failures).toEqual([]);
    expect(left?.blockers.find(({ part }) => part === "Hosts")?.message).toMatch(/OU=Nowhere.*does not exist or cannot be read: create it/);
    // It went a moment before the write.
    const [change] = planOf(wanted, {
      objects: [],
      computers: [],
      missing: [],
      unexplainedPrincipals: [],
      membersAmong: new Map(),
      primaryMembers: [],
      gone: [],
      unreadable: [],
    }).changes;
    if (!change) throw new Error("no change");
    await expect(directory.apply(change, signal)).rejects.toMatchObject({
      kind: "ConstraintViolation",
      message: expect.stringMatching(/its container, or a computer.*Create the container/),
    });
  });

  test("nothing is written once the Lease is lost", async () => {
    fence.until = 0;
    const usn = await ad.usn();
    const report = await bringAbout(wantedOf({ account: { description: "never" } }));
    expect(report.error).toMatchObject({ kind: "Aborted" });
    expect(await ad.usn()).toBe(usn);
  });

  test("every special character of names and filters finds what it names and nothing else", async () => {
    for (const name of ["a*b", "a(b)c", "a\\b", 'a"b', "a,b", "a+b=c", " a", "#a", "a;b<c>d", "ä猫", "a/b", "\u0001"]) {
      const spec = {
        account: { name, samAccountName: "x" },
        hosts: { computers: [name.includes("=") ? "CN=\\2a" : name] },
        servicePrincipalNames: [],
      };
      const { objects, computers } = await directory.observe(
        { ...wantedOf(spec), hosts: [{ text: name, by: "sAMAccountName", value: `${name}$` }] },
        "Names",
        signal,
      );
      expect(
        [objects.filter(({ samAccountName }) => samAccountName !== "itfarm1Hosts" && samAccountName !== "itfarm1$"), computers],
        name,
      ).toEqual([[], []]);
    }
  });

  test("10,000 names of all kinds of characters break no filter and find nobody else's", { timeout: 180_000 }, async () => {
    const character = fc.oneof(
      fc.constantFrom(...`*()\\\0&|!=<>~,+";#/ '\`$@:.-_{}[]`),
      fc.constantFrom("a", "Z", "7", "é", "猫", "\u0001", "\u007f"),
    );
    const name = fc.string({ unit: character, minLength: 1, maxLength: 20 });
    const names = fc.sample(name, { numRuns: 10_000, seed: 20_261_125 });
    const known = new Set(
      (await ad.search("(|(objectClass=user)(objectClass=group))", ["sAMAccountName"])).map(({ sAMAccountName }) =>
        String(sAMAccountName).toLowerCase(),
      ),
    );
    const unknown = (text: string): boolean => !known.has(text.toLowerCase()) && !known.has(`${text.toLowerCase()}$`);
    for (let start = 0; start < names.length; start += 250) {
      const some = names.slice(start, start + 250).filter(unknown);
      const wanted = wantedOf({ account: { name: some[0] ?? "x", samAccountName: "fuzzed" }, hosts: { grant: "Principals" } });
      const { objects, computers } = await directory.observe(
        {
          ...wanted,
          hosts: some.slice(0, 100).flatMap((text) => [
            { text, by: "sAMAccountName" as const, value: `${text}$` },
            { text, by: "distinguishedName" as const, value: childDn(text, CONTAINER) },
          ]),
          accessGroups: some
            .slice(100)
            .map((text) => ({ samAccountName: text, distinguishedName: childDn(text, CONTAINER), existing: false, container: undefined })),
        },
        "Names",
        signal,
      );
      expect([objects, computers], JSON.stringify(some)).toEqual([[], []]);
    }
  });

  describe("looks of many farms at once", () => {
    const many = (prefix: string, count: number): readonly DesiredFarm[] =>
      Array.from({ length: count }, (_, index) =>
        wantedOf({
          account: { name: `${prefix}${index}` },
          hosts: { computers: ["WEB01", `WEB0${(index % 3) + 1}.contoso.com`] },
          servicePrincipalNames: [`http/${prefix}${index}.contoso.com`],
        }),
      );
    const inOrder = (observed: Awaited<ReturnType<Directory["observe"]>>): unknown => ({
      ...observed,
      objects: observed.objects.toSorted((a, b) => a.objectGUID.localeCompare(b.objectGUID)),
      computers: observed.computers.toSorted((a, b) => a.objectGUID.localeCompare(b.objectGUID)),
    });

    test("are asked together, and each sees what it sees alone", async () => {
      const farms = many("share", 60);
      for (const wanted of farms.slice(0, 3)) await bringAbout(wanted);
      const alone = new Array<unknown>();
      const before = searches;
      for (const wanted of farms) alone.push(inOrder(await directory.observe(wanted, "Names", signal)));
      const apart = searches - before;
      const together = await Promise.all(farms.map(async (wanted) => inOrder(await directory.observe(wanted, "Names", signal))));
      expect(together).toEqual(alone);
      expect(together.filter((one) => JSON.stringify(one).includes("msDS-GroupManagedServiceAccount"))).toHaveLength(3);
      expect(searches - before - apart).toBeLessThan(apart / 8);
    });

    test("fail each for itself: what one asks that the directory does not take harms no other", async () => {
      const reader = new LdapReader(session);
      const ask = (by: "objectGUID" | "sAMAccountName", value: string) =>
        reader.find({ lookups: [{ by, value }], among: "Computers" }, signal);
      const [bad, good] = await Promise.allSettled([ask("objectGUID", "no GUID"), ask("sAMAccountName", "WEB01$")]);
      expect(bad).toMatchObject({ status: "rejected", reason: new RangeError("no GUID is not a GUID") });
      expect(good.status === "fulfilled" ? good.value.map(({ samAccountName }) => samAccountName) : good.reason).toEqual(["WEB01$"]);
    });

    test("find more objects than a server lists at once, and nothing of them is lost for the others", { timeout: 300_000 }, async () => {
      const crowd = `OU=Crowd,${CONTAINER}`;
      const names = Array.from({ length: 1001 }, (_, index) => `CROWD${index}`);
      await ad.asAdministrator(async (client) => {
        await client.add(crowd, { objectClass: "organizationalUnit" });
        for (const name of names) {
          const text = {
            objectClass: "computer",
            sAMAccountName: `${name}$`,
            userAccountControl: "4096",
            dNSHostName: "web02.contoso.com",
          };
          await client.add(`CN=${name},${crowd}`, text);
        }
      });
      try {
        const reader = new LdapReader(session);
        const ask = (by: "dNSHostName" | "sAMAccountName", value: string) =>
          reader.find({ lookups: [{ by, value }], among: "Computers" }, signal);
        const [claimed, other] = await Promise.all([ask("dNSHostName", "web02.contoso.com"), ask("sAMAccountName", "WEB01$")]);
        expect(other.map(({ samAccountName }) => samAccountName)).toEqual(["WEB01$"]);
        expect(new Set(claimed.map(({ samAccountName }) => samAccountName))).toEqual(
          new Set(["WEB02$", ...names.map((name) => `${name}$`)]),
        );
        const wanted = wantedOf({ account: { name: "crowded" }, hosts: { computers: ["web02.contoso.com", "WEB01"] } });
        const { blockers } = planOf(wanted, await directory.observe(wanted, "Names", signal));
        const ofHosts = blockers.filter(({ part }) => part === "Hosts");
        expect(ofHosts.map(({ reason, message }) => [reason, message])).toEqual([
          ["HostAmbiguous", expect.stringMatching(/^1002 computers have the dNSHostName web02\.contoso\.com \(CN=[^)]* and 992 more\)/)],
        ]);
      } finally {
        await ad.asAdministrator(async (client) => {
          for (const name of names) await client.del(`CN=${name},${crowd}`);
          await client.del(crowd);
        });
      }
    });

    test("leave room for one that asks little beside one that asks for thousands", async () => {
      const reader = new LdapReader(session);
      const lookups = Array.from({ length: 5000 }, (_, index) => ({ by: "sAMAccountName" as const, value: `NOBODY${index}$` }));
      const order: string[] = [];
      const large = reader.find({ lookups, among: "Computers" }, signal).then(() => order.push("large"));
      const small = reader
        .find({ lookups: [{ by: "sAMAccountName", value: "WEB01$" }], among: "Computers" }, signal)
        .then(() => order.push("small"));
      await Promise.all([large, small]);
      expect(order).toEqual(["small", "large"]);
    });

    test("leave room for one that asks little beside thousands of urgent ones", async () => {
      const reader = new LdapReader(session);
      const order: string[] = [];
      const ask = (names: readonly string[], urgent: boolean, what: string): Promise<number> =>
        reader
          .find(
            { lookups: names.map((name) => ({ by: "sAMAccountName" as const, value: `${name}$` })), among: "Computers", urgent },
            signal,
          )
          .then(() => order.push(what));
      const many = Array.from({ length: 5000 }, (_, index) => `NOBODY${index}`);
      await Promise.all([ask(many, true, "urgent"), ask(["WEB01"], false, "small")]);
      expect(order).toEqual(["small", "urgent"]);
    });
  });

  test("writes leave room for a tenant beside another that has many of them under way", async () => {
    const writer = new LdapWriter(session);
    const order: string[] = [];
    const group = (namespace: string, name: string): Promise<number> =>
      writer
        .apply(
          {
            kind: "Add",
            distinguishedName: `CN=${name},OU=Farms,${BASE}`,
            objectClass: "group",
            owner: `test ${name}`,
            attributes: { sAMAccountName: [name], adminDescription: [`test ${name}`] },
          },
          signal,
          { farm: { namespace, name, uid: name, generation: 1 }, cause: "SpecChange" },
        )
        .then(() => order.push(name));
    const names = Array.from({ length: 40 }, (_, index) => `Flood${index}`);
    await Promise.all([...names.map((name) => group("hostile", name)), group("calm", "Calm")]);
    expect(order.indexOf("Calm")).toBeLessThan(12);
    await ad.asAdministrator(async (client) => {
      for (const name of [...names, "Calm"]) await client.del(`CN=${name},OU=Farms,${BASE}`);
    });
  });

  test("a farm costs two searches, and one more for each further 200 hosts; and one for the container while it does not know what it owns", async () => {
    const cost = wantedOf({ account: { name: "cost" }, hosts: { computers: ["COST0"] } });
    searches = 0;
    await directory.observe(cost, "Names", signal);
    expect(searches).toBe(2);
    await bringAbout(cost);
    for (const [hosts, cost] of [
      [1, 3],
      [150, 3],
      [201, 4],
      [600, 6],
    ] as const) {
      const wanted = wantedOf({
        account: { name: "cost" },
        hosts: { computers: Array.from({ length: hosts }, (_, index) => `COST${index}`) },
      });
      searches = 0;
      await directory.observe(wanted, "Names", signal);
      expect(searches, `${hosts} hosts`).toBe(cost);
    }
    await ad.asAdministrator(async (client) => {
      for (const name of ["cost$", "costHosts"]) await client.del((await ad.find(name))?.dn ?? "");
    });
  });

  test(
    "a group of more than 1,500 members is read whole where it is the farm's own or to be, and not at all where it is not",
    { timeout: 180_000 },
    async () => {
      const count = 1600;
      const dns = await ad.asAdministrator(async (client) => {
        const made: string[] = [];
        for (let index = 0; index < count; index++) {
          const dn = `CN=many${index},${CONTAINER}`;
          await client.add(dn, { objectClass: "contact" });
          made.push(dn);
        }
        await client.add(`CN=Many,${CONTAINER}`, { objectClass: "group", sAMAccountName: "Many", member: made });
        return made;
      });
      const members = async (existing: boolean): Promise<readonly string[] | undefined> => {
        const wanted = wantedOf({ hosts: { group: { name: "Many", existing } } });
        const { objects } = await directory.observe(wanted, "Names", signal);
        return objects.find(({ samAccountName }) => samAccountName === "Many")?.members;
      };
      // What is not the farm's it does not read, whichever way it names it.
      expect([await members(false), await members(true)]).toEqual([[], []]);
      await ad.modify(`CN=Many,${CONTAINER}`, "add", "adminDescription", [wantedOf().owner]);
      expect(new Set(await members(false))).toEqual(new Set(dns));
      expect(new Set(await members(true))).toEqual(new Set(dns));
      // Who would take it over asks who they are: no computers.
      await ad.modify(`CN=Many,${CONTAINER}`, "replace", "adminDescription", ["serverfarm.dev adopt=web/itfarm1"]);
      const adopting = wantedOf({ adoptionPolicy: "Unowned", hosts: { group: { name: "Many", existing: false } } });
      const { adopted } = await directory.observe(adopting, "Names", signal);
      expect([adopted?.group.members.length, adopted?.computers.size]).toEqual([count, 0]);
      // Consent is asked for by whoever would take it over, and by nobody else.
      expect([await members(false), await members(true)]).toEqual([[], []]);
      // First the group: each member that goes costs Samba a look at all of them.
      await ad.asAdministrator((client) => client.del(`CN=Many,${CONTAINER}`));
    },
  );

  test("the feed brings what was made, changed and deleted, and only once", async () => {
    const root = await LdapSession.open({
      servers: [ad.url],
      ca: ad.ca,
      ...ADMINISTRATOR,
      observe: () => undefined,
      fence: { until: Number.POSITIVE_INFINITY },
    });
    try {
      const feed = new ChangeFeed(root);
      const terms = async (): Promise<readonly string[]> => {
        const found: string[] = [];
        for await (const batch of feed.poll())
          found.push(...(batch.kind === "Changes" ? batch.entries.flatMap((entry) => entry.keys) : ["everything"]));
        return found;
      };
      expect(await terms()).toEqual([]);
      const dn = await ad.asAdministrator((client) => addComputer(client, "FEED01"));
      expect(await terms()).toEqual(expect.arrayContaining(["feed01$", "feed01.contoso.com", dn.toLowerCase()]));
      expect(await terms()).toEqual([]);
      await ad.asAdministrator((client) => client.del(dn));
      expect(await terms()).toEqual(expect.arrayContaining(["feed01$"]));
      expect(await terms()).toEqual([]);
      // Of a group that it is there, and not who is in it: any group of the domain may change.
      const group = { objectClass: "group", sAMAccountName: "FeedGroup", member: `CN=WEB01,CN=Computers,${BASE}` };
      await ad.asAdministrator((client) => client.add(`CN=FeedGroup,${CONTAINER}`, group));
      const members: unknown[] = [];
      for await (const batch of feed.poll())
        members.push(...(batch.kind === "Changes" ? batch.entries.map(({ object }) => [object.samAccountName, object.members]) : []));
      expect(members).toContainEqual(["FeedGroup", []]);
    } finally {
      root.close();
    }
  });

  test("while others write, the feed brings each change once at least and twice at most", async () => {
    const root = await LdapSession.open({
      servers: [ad.url],
      ca: ad.ca,
      ...ADMINISTRATOR,
      observe: () => undefined,
      fence: { until: Number.POSITIVE_INFINITY },
    });
    try {
      const feed = new ChangeFeed(root);
      const made = Array.from({ length: 30 }, (_, index) => `busy${index}`);
      const writers = [0, 1, 2].map((writer) =>
        ad.asAdministrator(async (client) => {
          for (const name of made.filter((_, index) => index % 3 === writer))
            await client.add(`CN=${name},${CONTAINER}`, { objectClass: "group", sAMAccountName: name });
        }),
      );
      let written = false;
      const done = Promise.all(writers).finally(() => {
        written = true;
      });
      const times = new Map<string, number>();
      for (let last = false; !last;) {
        last = written;
        for await (const batch of feed.poll()) {
          for (const { object } of batch.kind === "Changes" ? batch.entries : []) {
            const name = object.samAccountName ?? "";
            if (made.includes(name)) times.set(name, (times.get(name) ?? 0) + 1);
          }
        }
      }
      await done;
      expect([...times.keys()].toSorted()).toEqual(made.toSorted());
      expect(Math.max(...times.values())).toBeLessThanOrEqual(2);
    } finally {
      root.close();
    }
  });

  test("the feed lists more changes than one answer holds", { timeout: 180_000 }, async () => {
    const root = await LdapSession.open({
      servers: [ad.url],
      ca: ad.ca,
      ...ADMINISTRATOR,
      observe: () => undefined,
      fence: { until: Number.POSITIVE_INFINITY },
    });
    try {
      const feed = new ChangeFeed(root);
      const count = 1100;
      await ad.asAdministrator(async (client) => {
        for (let index = 0; index < count; index++)
          await client.add(`CN=flood${index},${CONTAINER}`, { objectClass: "group", sAMAccountName: `flood${index}` });
      });
      const names = new Set<string | undefined>();
      for await (const batch of feed.poll()) {
        if (batch.kind === "Everything") throw new Error("not listed");
        for (const { object } of batch.entries) names.add(object.samAccountName);
      }
      expect(names.size).toBe(count);
      for await (const batch of feed.poll()) expect(batch).toEqual({ kind: "Changes", feed: feed.number, entries: [] });
    } finally {
      root.close();
    }
  });

  test("a right that is missing is named with its object", async () => {
    await ad.asAdministrator((client) => addUser(client, "nobody", "Nothing-1234!"));
    const poor = await LdapSession.open({
      servers: [ad.url],
      ca: ad.ca,
      username: "nobody@contoso.com",
      password: "Nothing-1234!",
      observe: () => undefined,
      fence: { until: Number.POSITIVE_INFINITY },
    });
    try {
      const wanted = wantedOf({ account: { name: "poor" } });
      const report = await reconcile(
        wanted,
        directoryOf(new LdapReader(poor), new LdapWriter(poor)),
        { scope: "Names", plan, assertFresh: () => Promise.resolve(), ordered: false },
        signal,
      );
      expect(report.applied).toEqual([]);
      expect(report.plan?.blockers.filter(({ reason }) => reason === "AccessDenied").map(({ part }) => part)).toEqual(["Hosts", "Account"]);
      const [change] = planOf(wanted, {
        objects: [],
        computers: [],
        missing: [],
        unexplainedPrincipals: [],
        membersAmong: new Map(),
        primaryMembers: [],
        gone: [],
        unreadable: [],
      }).changes;
      if (!change) throw new Error("no change");
      await expect(new LdapWriter(poor).apply(writeOf(change), signal)).rejects.toMatchObject({
        kind: "AccessDenied",
        message: expect.stringContaining(`creating CN=poorHosts,${CONTAINER}`),
      });
    } finally {
      poor.close();
    }
  });
});
