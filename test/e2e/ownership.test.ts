import { beforeEach, describe, expect, test } from "vitest";
import type { Client } from "ldapts";
import { addComputer, BASE, change } from "../harness/directory.ts";
import { waitFor } from "../harness/process.ts";
import { condition, farmOf, farmReady, farmWhere, cluster, patchFarm, available, directory, useOperator } from "../harness/world.ts";

const NAMESPACE = "ownership";
const CONTAINER = `OU=Farms,${BASE}`;
const OTHERS = "serverfarm.dev cluster=00000000-0000-0000-0000-000000000000 farm=ownership/victim";

/** Every attribute of an object, byte for byte. */
async function snapshot(dn: string): Promise<unknown> {
  const [entry] = await directory.search("(objectClass=*)", ["*", "nTSecurityDescriptor"], { scope: "base" }, dn);
  return entry;
}

describe.skipIf(!available)("what is not ours", () => {
  const world = useOperator(NAMESPACE);

  beforeEach(async () => {
    await cluster.deleteAll("ServerFarm", NAMESPACE);
  });

  test("a gMSA of somebody else stays byte for byte as it was", async () => {
    const dn = `CN=Theirs,${CONTAINER}`;
    await directory.asAdministrator((client) =>
      client.add(dn, {
        objectClass: "msDS-GroupManagedServiceAccount",
        sAMAccountName: "Theirs$",
        userAccountControl: "4096",
        "msDS-ManagedPasswordInterval": "30",
        dNSHostName: "theirs.contoso.com",
        servicePrincipalName: ["http/theirs"],
      }),
    );
    const before = await snapshot(dn);
    await cluster.apply(
      farmOf(NAMESPACE, "theirs", { account: { name: "Theirs" }, servicePrincipalNames: ["http/mine"], hosts: { computers: ["WEB01"] } }),
    );
    const farm = await farmWhere(NAMESPACE, "theirs", (seen) => condition(seen, "Ready")?.reason === "NotOwned");
    expect(condition(farm, "AccountReady")?.message).toContain(`${dn} exists and it has no owner marker; the operator left it as it is`);
    expect(condition(farm, "Stalled")?.status).toBe("True");
    await cluster.delete("ServerFarm", "theirs", NAMESPACE, 30);
    expect(await snapshot(dn)).toEqual(before);
    expect(await directory.find("TheirsHosts")).toBeUndefined();
    await directory.asAdministrator((client) => client.del(dn));
  });

  test("a group of somebody else stays byte for byte as it was, and no account is made half", async () => {
    const dn = `CN=TakenHosts,OU=Farms,${BASE}`;
    await directory.asAdministrator((client) =>
      client.add(dn, { objectClass: "group", sAMAccountName: "TakenHosts", member: [`CN=WEB06,CN=Computers,${BASE}`] }),
    );
    const before = await snapshot(dn);
    await cluster.apply(farmOf(NAMESPACE, "taken", { account: { name: "Taken" }, hosts: { computers: ["WEB01"] } }));
    const farm = await farmWhere(NAMESPACE, "taken", (seen) => condition(seen, "Ready")?.reason === "NotOwned");
    expect(condition(farm, "HostsReady")?.message).toContain(dn);
    expect(condition(farm, "Stalled")?.status).toBe("True");
    expect(await directory.find("Taken$")).toBeUndefined();
    await cluster.delete("ServerFarm", "taken", NAMESPACE, 30);
    expect(await snapshot(dn)).toEqual(before);
    await directory.asAdministrator((client) => client.del(dn));
  });

  test.each(["Domain Admins", "Domain Computers", "Administrators"])("the protected group %s is refused by name", async (name) => {
    const dn = (await directory.find(name))?.dn ?? "";
    const before = await snapshot(dn);
    await cluster.apply(farmOf(NAMESPACE, "protected", { hosts: { computers: ["WEB01"], group: { name } } }));
    const farm = await farmWhere(NAMESPACE, "protected", (seen) => condition(seen, "Ready")?.reason === "ProtectedObject");
    expect(condition(farm, "HostsReady")?.message).toContain(`${dn} must never be managed`);
    expect(await snapshot(dn)).toEqual(before);
  });

  test("an SPN of another object is reported with that object, and the other parts become ready", async () => {
    await directory.modify(`CN=WEB06,CN=Computers,${BASE}`, "replace", "servicePrincipalName", ["http/shop.contoso.com"]);
    await cluster.apply(
      farmOf(NAMESPACE, "shop", {
        servicePrincipalNames: ["HTTP/shop.contoso.com", "http/shop2.contoso.com"],
        hosts: { computers: ["WEB01"] },
      }),
    );
    const farm = await farmWhere(NAMESPACE, "shop", (seen) => condition(seen, "Ready")?.reason === "ServicePrincipalNameInUse");
    expect(condition(farm, "ServicePrincipalNamesReady")?.message).toContain(`CN=WEB06,CN=Computers,${BASE}`);
    expect(["AccountReady", "HostsReady"].map((type) => condition(farm, type)?.status)).toEqual(["True", "True"]);
    expect((await directory.find("shop$"))?.["servicePrincipalName"]).toBe("http/shop2.contoso.com");
    // Once the holder lets go, the farm takes it by itself: the change feed tells.
    await directory.modify(`CN=WEB06,CN=Computers,${BASE}`, "replace", "servicePrincipalName", []);
    await farmReady(NAMESPACE, "shop");
    expect([(await directory.find("shop$"))?.["servicePrincipalName"]].flat()).toHaveLength(2);
  });

  test("two farms of one name: the second says whose it is, and takes over when the first goes", async () => {
    await cluster.apply(farmOf(NAMESPACE, "first", { account: { name: "Shared" }, hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "first");
    await cluster.apply(farmOf(NAMESPACE, "second", { account: { name: "Shared" }, hosts: { computers: ["WEB02"] } }));
    const farm = await farmWhere(NAMESPACE, "second", (seen) => condition(seen, "Ready")?.reason === "NotOwned");
    expect(condition(farm, "AccountReady")?.message).toContain(`it belongs to the ServerFarm ${NAMESPACE}/first`);
    expect(await directory.members("SharedHosts")).toEqual(["WEB01$"]);
    await cluster.delete("ServerFarm", "first", NAMESPACE, 30);
    await farmReady(NAMESPACE, "second");
    expect(await directory.members("SharedHosts")).toEqual(["WEB02$"]);
  });

  test("a missing computer leaves the others granted, and is granted once it exists", async () => {
    await cluster.apply(farmOf(NAMESPACE, "late", { hosts: { computers: ["WEB01", "LATE01", "late02.contoso.com"] } }));
    const farm = await farmWhere(NAMESPACE, "late", (seen) => condition(seen, "Ready")?.reason === "HostNotFound");
    expect(farm.status?.hosts?.summary).toBe("1/3");
    expect(farm.status?.hostIssues?.map(({ computer }) => computer)).toEqual(["LATE01", "late02.contoso.com"]);
    expect(await directory.members("lateHosts")).toEqual(["WEB01$"]);
    await directory.asAdministrator(async (client) => {
      await addComputer(client, "LATE01");
      await addComputer(client, "LATE02");
    });
    await farmReady(NAMESPACE, "late");
    expect(await directory.members("lateHosts")).toEqual(["LATE01$", "LATE02$", "WEB01$"]);
  });

  test("a quarantined host is out, whatever names it", async () => {
    await cluster.apply(farmOf(NAMESPACE, "plague", { hosts: { computers: ["WEB01", "WEB02"] } }));
    await farmReady(NAMESPACE, "plague");
    await patchFarm(NAMESPACE, "plague", { hosts: { computers: ["WEB01", "web02.contoso.com", "WEB03"], quarantined: ["WEB02"] } });
    await farmReady(NAMESPACE, "plague");
    expect(await directory.members("plagueHosts")).toEqual(["WEB01$", "WEB03$"]);
  });

  test("with Retain the objects stay, without the owner marker", async () => {
    await cluster.apply(farmOf(NAMESPACE, "kept", { deletionPolicy: "Retain", hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "kept");
    await cluster.delete("ServerFarm", "kept", NAMESPACE, 30);
    const [account, group] = [await directory.find("kept$"), await directory.find("keptHosts")];
    expect([account?.["adminDescription"], group?.["adminDescription"]]).toEqual([undefined, undefined]);
    expect(await directory.retrieves("WEB01", account?.dn ?? "")).toBe(true);
    await directory.asAdministrator(async (client) => {
      for (const object of [account, group]) if (object) await client.del(object.dn);
    });
  });

  test.each<[string, boolean, (client: Client, group: string) => Promise<void>]>([
    ["of another farm", false, () => Promise.resolve()],
    ["of a farm of another cluster", false, (client, group) => client.modify(group, change("replace", "adminDescription", [OTHERS]))],
    ["of another farm, while the farm that claims it is deleted", true, () => Promise.resolve()],
  ])("a group %s stays as it is, whatever a restored status says of it", async (_, isDeleted, prepare) => {
    await cluster.apply(farmOf(NAMESPACE, "victim", { hosts: { computers: ["WEB01", "WEB02"] } }));
    await cluster.apply(farmOf(NAMESPACE, "forger", { hosts: { computers: ["WEB03"] } }));
    await farmReady(NAMESPACE, "forger");
    const { status } = await farmReady(NAMESPACE, "victim");
    const { objectGUID, distinguishedName: group = "" } = status?.hostGroup ?? {};
    const added = status?.resolvedHosts?.map((host) => host.objectGUID);
    expect([objectGUID, added?.length]).toEqual([expect.any(String), 2]);
    const marker = (await directory.find("victimHosts"))?.["adminDescription"];
    // Its own operator would put right what somebody else does to it.
    await patchFarm(NAMESPACE, "victim", { suspend: true });
    await farmWhere(NAMESPACE, "victim", (seen) => condition(seen, "Ready")?.reason === "Suspended");
    await directory.asAdministrator((client) => prepare(client, group));
    const before = await snapshot(group);
    await cluster.call("PATCH", `${cluster.path("ServerFarm", NAMESPACE, "forger")}/status`, {
      body: { status: { formerHostGroups: [{ objectGUID, distinguishedName: group, added }] } },
      contentType: "application/merge-patch+json",
    });
    if (isDeleted) await cluster.delete("ServerFarm", "forger", NAMESPACE, 30);
    else {
      await patchFarm(NAMESPACE, "forger", { hosts: { computers: ["WEB04"] } });
      await waitFor(
        "the forger's own group to follow",
        () => directory.members("forgerHosts"),
        (members) => members.join() === "WEB04$",
      );
      await farmReady(NAMESPACE, "forger");
    }
    expect(await snapshot(group)).toEqual(before);
    const account = (await directory.find("victim$"))?.dn ?? "";
    expect([await directory.retrieves("WEB01", account), await directory.retrieves("WEB02", account)]).toEqual([true, true]);
    await directory.modify(group, "replace", "adminDescription", [String(marker)]);
    await patchFarm(NAMESPACE, "victim", { suspend: false });
    await farmReady(NAMESPACE, "victim");
  });

  test("a host group with a stranger in it stays, and an Event says why", async () => {
    await cluster.apply(farmOf(NAMESPACE, "guest", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "guest");
    // Nobody corrects it meanwhile: the operator stands still while the member is added and the farm deleted.
    world.operator.signal("SIGSTOP");
    const group = (await directory.find("guestHosts"))?.dn ?? "";
    await directory.modify(group, "add", "member", [`CN=WEB05,CN=Computers,${BASE}`]);
    await cluster.delete("ServerFarm", "guest", NAMESPACE, 0);
    world.operator.signal("SIGCONT");
    await cluster.waitGone("ServerFarm", "guest", NAMESPACE, 30);
    expect(await directory.find("guest$")).toBeUndefined();
    expect((await directory.find("guestHosts"))?.["adminDescription"]).toBeUndefined();
    expect(await directory.members("guestHosts")).toEqual(["WEB01$", "WEB05$"]);
    const events = await cluster.events(NAMESPACE);
    expect(events).toContain("it has 1 member that this farm did not add");
    // How many, and not who.
    expect(events).not.toContain("WEB05");
    await directory.asAdministrator((client) => client.del(group));
  });

  test("Observe plans and writes nothing; suspend does not even look", async () => {
    await cluster.apply(farmOf(NAMESPACE, "observed", { managementPolicy: "Observe", hosts: { computers: ["WEB01"] } }));
    const farm = await farmWhere(NAMESPACE, "observed", (seen) => condition(seen, "Ready")?.reason === "ChangesPending");
    expect(farm.status?.plan?.map(({ change }) => change)).toEqual(["CreateHostGroup", "CreateAccount"]);
    await cluster.apply(farmOf(NAMESPACE, "asleep", { suspend: true, hosts: { computers: ["WEB01"] } }));
    await farmWhere(NAMESPACE, "asleep", (seen) => condition(seen, "Ready")?.reason === "Suspended");
    expect([await directory.find("observedHosts"), await directory.find("asleepHosts")]).toEqual([undefined, undefined]);
    await patchFarm(NAMESPACE, "observed", { managementPolicy: "Enforce" });
    await patchFarm(NAMESPACE, "asleep", { suspend: false });
    await farmReady(NAMESPACE, "observed");
    await farmReady(NAMESPACE, "asleep");
  });
});
