/** The chapters of the guide, in each way to manage hosts: what is in the directory, and what hosts can really retrieve. */
import { Attribute, Change } from "ldapts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeRetrievers } from "../../src/directory/entries.ts";
import { decodeSid } from "../../src/names/identifier.ts";
import { checkWhile, waitFor } from "../harness/process.ts";
import { addComputer, BASE } from "../harness/directory.ts";
import {
  available,
  cluster,
  condition,
  directory,
  domainReady,
  farmOf,
  farmReady,
  farmWhere,
  patchFarm,
  useOperator,
} from "../harness/world.ts";

const NAMESPACE = "life";
const ACCOUNT = `CN=Life,OU=Farms,${BASE}`;
const SHARED = `CN=WebServers,CN=Users,${BASE}`;

const WAYS = [
  { way: "its own host group", hosts: { grant: "Group" } },
  { way: "each host by name", hosts: { grant: "Principals" } },
  { way: "a group of somebody else", hosts: { grant: "Group", group: { name: "WebServers", existing: true } } },
] as const;

/** Which of the hosts get the password when they ask for it. */
async function retrieving(): Promise<readonly string[]> {
  const hosts = ["WEB01", "WEB02", "WEB03", "WEB04", "WEB06"];
  const given = await Promise.all(hosts.map((name) => directory.retrieves(name, ACCOUNT)));
  return hosts.filter((_, index) => given[index]);
}

describe.skipIf(!available)("the life of a farm", () => {
  useOperator(NAMESPACE);

  beforeAll(async () => {
    await directory.asAdministrator(async (client) => {
      await client.add(SHARED, { objectClass: "group", sAMAccountName: "WebServers", member: [`CN=WEB06,CN=Computers,${BASE}`] });
      await client.add(`CN=SqlReaders,CN=Users,${BASE}`, { objectClass: "group", sAMAccountName: "SqlReaders" });
    });
  });

  afterAll(async () => {
    await directory.asAdministrator(async (client) => {
      for (const name of ["WebServers", "SqlReaders"]) await client.del((await directory.find(name))?.dn ?? "");
    });
  });

  test("prerequisites: the domain says that it is ready, and by what", async () => {
    const conditions = await domainReady();
    const status = (type: string) => conditions.find((found) => found.type === type)?.status;
    expect(["Connected", "SchemaReady", "DomainControllerReady", "KdsRootKeyReady"].map(status)).toEqual(["True", "True", "True", "True"]);
  });

  describe.each(WAYS)("with $way", ({ hosts }) => {
    const existing = "group" in hosts;
    /** Who is in the group of somebody else anyway. */
    const others = existing ? ["WEB06"] : [];

    test("deploying a farm", async () => {
      await cluster.apply(
        farmOf(NAMESPACE, "life", {
          account: { name: "Life" },
          servicePrincipalNames: ["http/life.contoso.com"],
          hosts: { ...hosts, computers: ["WEB01", "WEB02"] },
          accessGroups: [{ name: "SqlReaders" }, { name: "LifeShare", existing: false }],
        }),
      );
      const farm = await farmReady(NAMESPACE, "life");
      expect(farm.status?.hosts?.summary).toBe("2/2");
      expect(farm.status?.accessGroups?.map(({ name }) => name)).toEqual(["SqlReaders", "LifeShare"]);
      expect(await retrieving()).toEqual(["WEB01", "WEB02", ...others]);
      expect([await directory.members("SqlReaders"), await directory.members("LifeShare")]).toEqual([["Life$"], ["Life$"]]);
      const ticket = await directory.ticket("http/life.contoso.com");
      if (ticket !== undefined) expect(ticket).toMatch(/kvno = \d+/);
    });

    test("adding hosts", async () => {
      await patchFarm(NAMESPACE, "life", { hosts: { computers: ["WEB01", "WEB02", "web03.contoso.com"] } });
      await farmReady(NAMESPACE, "life");
      expect(await retrieving()).toEqual(["WEB01", "WEB02", "WEB03", ...others]);
    });

    test("updating properties", async () => {
      await patchFarm(NAMESPACE, "life", {
        account: { description: "of the shop", displayName: "Life", encryptionTypes: ["AES256"], dnsHostName: "shop.contoso.com" },
        servicePrincipalNames: ["http/shop.contoso.com"],
      });
      await farmReady(NAMESPACE, "life");
      expect(await directory.find("Life$")).toMatchObject({
        description: "of the shop",
        displayName: "Life",
        dNSHostName: "shop.contoso.com",
        "msDS-SupportedEncryptionTypes": "16",
        servicePrincipalName: "http/shop.contoso.com",
      });
    });

    test("removing hosts", async () => {
      await patchFarm(NAMESPACE, "life", { hosts: { computers: ["WEB02", "WEB03"] } });
      await farmReady(NAMESPACE, "life");
      expect(await retrieving()).toEqual(["WEB02", "WEB03", ...others]);
      expect(await cluster.events(NAMESPACE)).toContain("run Uninstall-ADServiceAccount Life$ there");
    });

    test("a compromised host, and one that only somebody else let in", async () => {
      await patchFarm(NAMESPACE, "life", { hosts: { quarantined: ["WEB02", "WEB06"] } });
      const farm = await farmReady(NAMESPACE, "life");
      expect(await retrieving()).toEqual(["WEB03"]);
      expect(condition(farm, "HostsReady")?.message).toMatch(/Quarantined: WEB02, WEB06\..* until its next change at \d{4}-/);
      // What somebody else put there is not the farm's to take out: the account keeps it out by name.
      expect(await directory.members("WebServers")).toEqual(existing ? ["WEB03$", "WEB06$"] : ["WEB06$"]);
      await patchFarm(NAMESPACE, "life", { hosts: { quarantined: [] } });
      await farmReady(NAMESPACE, "life");
      expect(await retrieving()).toEqual(["WEB02", "WEB03", ...others]);
    });

    test("what others change is put right within two polls: rights, members, properties, access", async () => {
      const account = await directory.find("Life$");
      await directory.modify(account?.dn ?? "", "replace", "description", ["by hand"]);
      await directory.modify(`CN=SqlReaders,CN=Users,${BASE}`, "delete", "member", [ACCOUNT]);
      const group = existing ? SHARED : (await directory.find("LifeHosts"))?.dn;
      if (group !== undefined) await directory.modify(group, "delete", "member", [`CN=WEB03,CN=Computers,${BASE}`]);
      await waitFor("the description", async () => (await directory.find("Life$"))?.["description"] === "of the shop");
      await waitFor("the access group", async () => (await directory.members("SqlReaders")).includes("Life$"));
      await waitFor("the hosts", async () => (await retrieving()).join() === ["WEB02", "WEB03", ...others].join());
      await waitFor("the Event", async () => (await cluster.events(NAMESPACE)).includes("DriftCorrected"));
      expect((await farmReady(NAMESPACE, "life")).status?.hosts?.summary).toBe("2/2");
    });

    test("decommissioning", async () => {
      await cluster.delete("ServerFarm", "life", NAMESPACE, 30);
      for (const name of ["Life$", "LifeHosts", "LifeShare"]) expect(await directory.find(name), name).toBeUndefined();
      expect(await directory.members("WebServers")).toEqual(["WEB06$"]);
      expect(await directory.members("SqlReaders")).toEqual([]);
    });
  });

  test("from each way to each other, and no host that stays is ever refused", { timeout: 180_000 }, async () => {
    await cluster.apply(farmOf(NAMESPACE, "life", { account: { name: "Life" }, hosts: { computers: ["WEB01", "WEB02"] } }));
    await farmReady(NAMESPACE, "life");
    const answers: boolean[] = [];
    const pairs = [0, 1, 2].flatMap((a) => [0, 1, 2].filter((b) => b !== a).map((b) => [a, b] as const));
    // Where the farm is faster than a host asks, few answers count: then once more.
    while (answers.length <= 20) {
      for (const [from, to, way] of pairs.flatMap(([a, b]) => [[a, b, a] as const, [a, b, b] as const])) {
        const hosts = WAYS[way]?.hosts ?? {};
        const moved = patchFarm(NAMESPACE, "life", { hosts: { grant: "Group", group: null, ...hosts } }).then(() =>
          farmReady(NAMESPACE, "life"),
        );
        await checkWhile(moved, async () => {
          // A host has the groups that it had when it logged on. Where the directory changed after that, no answer says anything of either state.
          const before = await directory.usn();
          const retrieves = await directory.retrieves("WEB01", ACCOUNT);
          if ((await directory.usn()) !== before) return;
          expect(retrieves, `${from} to ${to}`).toBe(true);
          answers.push(retrieves);
        });
        expect(await retrieving()).toEqual(["WEB01", "WEB02", ...("group" in hosts ? ["WEB06"] : [])]);
        if (!("group" in hosts)) expect(await directory.members("WebServers")).toEqual(["WEB06$"]);
      }
    }
    await cluster.delete("ServerFarm", "life", NAMESPACE, 30);
  });

  test("foreign, denying and dead entries of the account's list are put right, and told by name", async () => {
    await cluster.apply(farmOf(NAMESPACE, "life", { account: { name: "Life" }, hosts: { grant: "Principals", computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "life");
    const sid = async (name: string): Promise<string> => {
      const bytes = (await directory.find(name))?.["objectSid"];
      return Buffer.isBuffer(bytes) ? decodeSid(bytes) : "";
    };
    const dead = `${(await sid("WEB01$")).replace(/\d+$/, "")}99999`;
    const value = encodeRetrievers([await sid("WEB04$"), dead], [await sid("WEB01$")]);
    const before = (await cluster.events(NAMESPACE)).split("\n").length;
    await directory.asAdministrator((client) =>
      client.modify(
        ACCOUNT,
        new Change({ operation: "replace", modification: new Attribute({ type: "msDS-GroupMSAMembership", values: [value] }) }),
      ),
    );
    await waitFor("the right of WEB01", async () => (await retrieving()).join() === "WEB01");
    const events = await waitFor(
      "the Events",
      () => cluster.events(NAMESPACE),
      (text) => text.split("\n").length > before && text.includes(dead),
    );
    expect(events).toContain(`no longer allow ${dead}, which is not an object of this domain`);
    expect(events).toContain("remove the deny entry for WEB01");
    expect(events).toMatch(/WEB04 may no longer retrieve|no longer allow WEB04/);
    await cluster.delete("ServerFarm", "life", NAMESPACE, 30);
  });

  test("computers that appear, move, are renamed, disabled and deleted are noticed", async () => {
    await cluster.apply(farmOf(NAMESPACE, "life", { account: { name: "Life" }, hosts: { computers: ["NEW01"] } }));
    const hosts = (until: (message: string, ready: boolean) => boolean) =>
      farmWhere(NAMESPACE, "life", (farm) =>
        until(condition(farm, "HostsReady")?.message ?? "", condition(farm, "HostsReady")?.status === "True"),
      );
    await hosts((message) => message.includes("no computer has the sAMAccountName NEW01$"));
    const dn = await directory.asAdministrator((client) => addComputer(client, "NEW01"));
    await hosts((_, ready) => ready);
    expect(await directory.members("LifeHosts")).toEqual(["NEW01$"]);
    await directory.asAdministrator((client) => client.modifyDN(dn, `CN=NEW01,CN=Users,${BASE}`));
    const moved = `CN=NEW01,CN=Users,${BASE}`;
    await directory.modify(moved, "replace", "userAccountControl", ["4098"]);
    await hosts((message, ready) => ready && message.includes("Disabled in the directory, so they cannot log on: NEW01."));
    expect(await directory.members("LifeHosts")).toEqual(["NEW01$"]);
    await directory.modify(moved, "replace", "userAccountControl", ["4096"]);
    await hosts((message, ready) => ready && !message.includes("Disabled"));
    await directory.modify(moved, "replace", "sAMAccountName", ["OTHER01$"]);
    await hosts((message, ready) => ready && message.includes("NEW01 was moved or renamed and keeps the right"));
    expect(await directory.members("LifeHosts")).toEqual(["OTHER01$"]);
    await directory.modify(moved, "replace", "sAMAccountName", ["NEW01$"]);
    await hosts((message, ready) => ready && !message.includes("renamed"));
    await directory.asAdministrator((client) => client.del(moved));
    await hosts((message) => message.includes("no computer has the sAMAccountName NEW01$"));
    await cluster.delete("ServerFarm", "life", NAMESPACE, 30);
  });

  test("an account and a group that were moved and renamed are found and left there; deleted by hand, they are made again, and said", async () => {
    await cluster.apply(farmOf(NAMESPACE, "life", { account: { name: "Life" }, hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "life");
    await directory.asAdministrator(async (client) => {
      await client.add(`OU=Elsewhere,${BASE}`, { objectClass: "organizationalUnit" });
      await client.modifyDN(ACCOUNT, `CN=Moved,OU=Elsewhere,${BASE}`);
      await client.modifyDN(`CN=LifeHosts,OU=Farms,${BASE}`, `CN=MovedHosts,OU=Elsewhere,${BASE}`);
    });
    await farmWhere(NAMESPACE, "life", ({ status }) => status?.account?.["distinguishedName"] === `CN=Moved,OU=Elsewhere,${BASE}`);
    await patchFarm(NAMESPACE, "life", { hosts: { computers: ["WEB01", "WEB02"] }, account: { description: "moved" } });
    await farmReady(NAMESPACE, "life");
    expect((await directory.find("Life$"))?.dn).toBe(`CN=Moved,OU=Elsewhere,${BASE}`);
    expect((await directory.find("LifeHosts"))?.dn).toBe(`CN=MovedHosts,OU=Elsewhere,${BASE}`);
    const sid = (await directory.find("Life$"))?.["objectSid"];
    await directory.asAdministrator((client) => client.del(`CN=Moved,OU=Elsewhere,${BASE}`));
    await waitFor("the account to be made again", async () => (await directory.find("Life$"))?.dn === ACCOUNT);
    await farmReady(NAMESPACE, "life");
    expect((await directory.find("Life$"))?.["objectSid"]).not.toEqual(sid);
    await waitFor("the Event", async () => /Warning DriftCorrected .*new account with a new SID/.test(await cluster.events(NAMESPACE)));
    expect(await directory.retrieves("WEB02", ACCOUNT)).toBe(true);
    await cluster.delete("ServerFarm", "life", NAMESPACE, 30);
    expect(await directory.find("LifeHosts")).toBeUndefined();
    await directory.asAdministrator((client) => client.del(`OU=Elsewhere,${BASE}`));
  });

  test("a farm that exists is taken over: planned first, then done, and its hosts keep the right", async () => {
    const group = `CN=LifeHosts,OU=Farms,${BASE}`;
    await directory.asAdministrator(async (client) => {
      await client.add(group, {
        objectClass: "group",
        sAMAccountName: "LifeHosts",
        adminDescription: `serverfarm.dev adopt=${NAMESPACE}/life`,
        member: [`CN=WEB01,CN=Computers,${BASE}`, `CN=WEB04,CN=Computers,${BASE}`],
      });
      await client.add(ACCOUNT, {
        objectClass: "msDS-GroupManagedServiceAccount",
        sAMAccountName: "Life$",
        userAccountControl: "4096",
        "msDS-ManagedPasswordInterval": "30",
        dNSHostName: "life.contoso.com",
        servicePrincipalName: ["http/life", "http/old"],
        description: "made by hand",
        displayName: "left as it is",
        adminDescription: `serverfarm.dev adopt=${NAMESPACE}/life`,
      });
    });
    const sid = (await directory.find("Life$"))?.["objectSid"];
    const spec = {
      account: { name: "Life", description: "" },
      servicePrincipalNames: ["http/life"],
      hosts: { computers: ["WEB01", "WEB02"] },
    };
    await cluster.apply(
      farmOf(NAMESPACE, "life", { ...spec, managementPolicy: "Observe", adoptionPolicy: "Unowned", deletionPolicy: "Retain" }),
    );
    const usn = await directory.usn();
    const planned = await farmWhere(NAMESPACE, "life", (farm) => condition(farm, "Ready")?.reason === "ChangesPending");
    expect(planned.status?.plan?.map(({ change, value }) => `${change} ${value ?? ""}`.trim())).toEqual(
      expect.arrayContaining([
        "Adopt",
        // How many, and not who: the group is not the farm's yet.
        "RemoveHost 1 member that the farm does not name",
        `AddHost CN=WEB02,CN=Computers,${BASE}`,
        "RemoveServicePrincipalName http/old",
        "UpdateAccount description: made by hand -> none",
      ]),
    );
    expect(await directory.usn()).toBe(usn);
    await patchFarm(NAMESPACE, "life", { managementPolicy: "Enforce" });
    await farmReady(NAMESPACE, "life");
    expect((await directory.find("Life$"))?.["objectSid"]).toEqual(sid);
    expect((await directory.find("Life$"))?.["displayName"]).toBe("left as it is");
    expect(await retrieving()).toEqual(["WEB01", "WEB02"]);
    expect(await directory.members("LifeHosts")).toEqual(["WEB01$", "WEB02$"]);
    await cluster.delete("ServerFarm", "life", NAMESPACE, 30);
    const [account, left] = [await directory.find("Life$"), await directory.find("LifeHosts")];
    expect([account?.["adminDescription"], left?.["adminDescription"]]).toEqual([undefined, undefined]);
    await directory.asAdministrator(async (client) => {
      for (const object of [account, left]) if (object) await client.del(object.dn);
    });
  });
});
