/** An account that is created again under its name: what is asked for, what comes back, and what must not happen. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DELEGATED } from "../harness/delegation.ts";
import { addComputer, BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { decryptedBy } from "../harness/tickets.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  farmReady,
  farmWhere,
  getFarm,
  onSandbox,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "again";
const ACCOUNT = `CN=shop,OU=Farms,${BASE}`;
const BACKUPS = `CN=Backups,CN=Users,${BASE}`;
const RECREATE = "serverfarm.dev/recreate-account";
const [OWN, SELF] = ["http/shop.contoso.com", "MSSQLSvc/shop.contoso.com:1433"];

const identity = async (): Promise<Readonly<Record<string, string>>> => (await getFarm(NAMESPACE, "shop")).status?.account ?? {};
const recreate = (objectGUID = "none"): Promise<void> => cluster.annotate("ServerFarm", "shop", NAMESPACE, { [RECREATE]: objectGUID });
async function settled(): Promise<void> {
  const requested = crypto.randomUUID();
  await cluster.annotate("ServerFarm", "shop", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": requested });
  await farmWhere(NAMESPACE, "shop", ({ status }) => status?.lastHandledReconcileRequest === requested);
}

describe.skipIf(!available)("an account that is created again", () => {
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED });
    operator = await startOperator();
    await domainReady();
    await directory.asAdministrator((client) => client.add(BACKUPS, { objectClass: "group", sAMAccountName: "Backups" }));
    await cluster.apply(
      farmOf(NAMESPACE, "shop", {
        hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB03"] },
        servicePrincipalNames: [OWN],
        selfRegisteredServicePrincipalNames: ["MSSQLSvc/*"],
        accessGroups: [{ name: "ShopReaders", existing: false }],
      }),
    );
    await farmReady(NAMESPACE, "shop");
    await directory.modify(ACCOUNT, "add", "servicePrincipalName", [SELF]);
    await directory.modify(ACCOUNT, "replace", "description", ["the shop's"]);
    await directory.modify(BACKUPS, "add", "member", [ACCOUNT]);
  }, 120_000);
  afterAll(async () => {
    await cleanUp();
    await directory.asAdministrator((client) => client.del(BACKUPS));
    expect(await operator.stop()).toBe(0);
  });

  test("another interval is said to need that, and nothing is done before somebody asks for it", async () => {
    const before = await identity();
    await patchFarm(NAMESPACE, "shop", { account: { passwordIntervalDays: 7 } });
    const farm = await farmWhere(NAMESPACE, "shop", (one) => condition(one, "AccountReady")?.status === "False");
    expect(condition(farm, "AccountReady")?.message).toContain(`kubectl annotate farm NAME ${RECREATE}=${before["objectGUID"]}`);
    await recreate("00000000-0000-0000-0000-000000000000");
    await settled();
    expect(await identity()).toMatchObject({ objectGUID: before["objectGUID"], objectSID: before["objectSID"] });
  });

  test("comes back with its hosts, names, groups and what the farm does not manage, and another SID", async () => {
    const before = await identity();
    await recreate(before["objectGUID"]?.toUpperCase());
    await farmWhere(
      NAMESPACE,
      "shop",
      (farm) => farm.status?.account?.["objectGUID"] !== before["objectGUID"] && condition(farm, "Ready")?.status === "True",
    );
    const after = await identity();
    expect(after["objectSID"]).not.toBe(before["objectSID"]);
    expect(await Promise.all(["WEB01", "WEB02", "WEB03", "WEB04"].map((host) => directory.retrieves(host, ACCOUNT)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(await directory.find("shop$")).toMatchObject({
      "msDS-ManagedPasswordInterval": "7",
      servicePrincipalName: expect.arrayContaining([OWN, SELF]),
      description: "the shop's",
      memberOf: `CN=ShopReaders,OU=Farms,${BASE}`,
    });
    expect((await getFarm(NAMESPACE, "shop")).status).toMatchObject({
      formerAccount: {
        objectGUID: before["objectGUID"],
        objectSID: before["objectSID"],
        memberOf: [BACKUPS],
        successor: after["objectGUID"],
      },
    });
    // The sandbox has no Kerberos.
    const holders = await decryptedBy(directory, OWN, ["shop", "dc1"]);
    if (holders !== undefined) expect(holders).toEqual(["shop"]);
    const events = await waitFor(
      "the Event",
      () => cluster.events(NAMESPACE),
      (text) => text.includes("AccountRecreated"),
    );
    expect(events).toContain(`grant it the rights that were granted to ${before["objectSID"]}`);
    expect(events).toContain(`It was a member of ${BACKUPS}: add the new account`);
    expect(events).not.toContain("DriftCorrected");
  });

  test("is the same that was asked for once: an old manifest that is applied again changes nothing", async () => {
    const { objectGUID } = await identity();
    await settled();
    await patchFarm(NAMESPACE, "shop", { account: { displayName: "Shop" } });
    await farmReady(NAMESPACE, "shop");
    expect((await identity())["objectGUID"]).toBe(objectGUID);
  });

  test("is planned, and left alone, while nothing may be written", async () => {
    const { objectGUID } = await identity();
    await patchFarm(NAMESPACE, "shop", { managementPolicy: "Observe" });
    await recreate(objectGUID);
    const farm = await farmWhere(NAMESPACE, "shop", ({ status }) => (status?.plan ?? []).length > 0);
    expect(farm.status?.plan?.map(({ change }) => change).slice(0, 2)).toEqual(["DeleteAccount", "CreateAccount"]);
    expect((await identity())["objectGUID"]).toBe(objectGUID);
    await recreate();
    await patchFarm(NAMESPACE, "shop", { managementPolicy: "Enforce" });
    await farmReady(NAMESPACE, "shop");
    expect((await identity())["objectGUID"]).toBe(objectGUID);
  });

  test("another farm beside it, which is to have its name, has it within a second", async () => {
    // The change feed would tell of it in a minute.
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { poll: "60s" } });
    await settled();
    await cluster.apply(farmOf(NAMESPACE, "heir", { hosts: { computers: ["WEB01", "WEB02"] }, servicePrincipalNames: [OWN, "http/heir"] }));
    await farmWhere(NAMESPACE, "heir", (farm) => condition(farm, "ServicePrincipalNamesReady")?.reason === "ServicePrincipalNameInUse");
    const holder = async (): Promise<string> => {
      const found = await directory.search(`(servicePrincipalName=${OWN})`);
      return found.map(({ dn }) => dn).join();
    };
    expect(await holder()).toBe(ACCOUNT);
    const start = performance.now();
    await patchFarm(NAMESPACE, "shop", { servicePrincipalNames: [] });
    await waitFor("the name", holder, (dn) => dn === `CN=heir,OU=Farms,${BASE}`, 5);
    expect(performance.now() - start).toBeLessThan(1000 * (onSandbox ? 1 : 2));
    await farmReady(NAMESPACE, "heir");
    const holders = await decryptedBy(directory, OWN, ["heir", "shop"]);
    if (holders !== undefined) expect(holders).toEqual(["heir"]);
    // Also where the other one ends.
    await cluster.apply(farmOf(NAMESPACE, "late", { servicePrincipalNames: ["http/heir"] }));
    await farmWhere(NAMESPACE, "late", (farm) => condition(farm, "ServicePrincipalNamesReady")?.reason === "ServicePrincipalNameInUse");
    await cluster.delete("ServerFarm", "heir", NAMESPACE);
    await farmWhere(NAMESPACE, "late", (farm) => condition(farm, "Ready")?.status === "True", 5);
    await cluster.delete("ServerFarm", "late", NAMESPACE);
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { poll: "1s" } });
    await patchFarm(NAMESPACE, "shop", { servicePrincipalNames: [OWN] });
    await farmReady(NAMESPACE, "shop");
  });

  test("is not deleted where its host name would be somebody else's: that is asked before", async () => {
    const { objectGUID } = await identity();
    const taken = await directory.asAdministrator((client) => addComputer(client, "TAKEN", { dNSHostName: "shop.contoso.com" }));
    try {
      await recreate(objectGUID);
      const farm = await farmWhere(NAMESPACE, "shop", (one) => condition(one, "AccountReady")?.status === "False");
      expect(condition(farm, "AccountReady")?.message).toContain(
        `the account is not deleted to be created again (${RECREATE}), since: shop.contoso.com`,
      );
      expect((await identity())["objectGUID"]).toBe(objectGUID);
    } finally {
      await recreate();
      await directory.asAdministrator((client) => client.del(taken));
    }
    await settled();
    await farmReady(NAMESPACE, "shop");
    expect((await identity())["objectGUID"]).toBe(objectGUID);
  });

  test("is not deleted where it cannot be created again", async () => {
    const { objectGUID } = await identity();
    await directory.asAdministrator((client) => client.modifyDN(ACCOUNT, `CN=moved,OU=Farms,${BASE}`));
    await directory.asAdministrator((client) => client.add(ACCOUNT, { objectClass: "container" }));
    try {
      await recreate(objectGUID);
      const farm = await farmWhere(NAMESPACE, "shop", (one) => condition(one, "AccountReady")?.status === "False");
      expect(condition(farm, "AccountReady")?.message).toContain(
        `the account is not deleted to be created again (${RECREATE}), since: ${ACCOUNT}`,
      );
      expect((await directory.find("shop$"))?.dn).toBe(`CN=moved,OU=Farms,${BASE}`);
    } finally {
      await directory.asAdministrator((client) => client.del(ACCOUNT));
    }
    // Nothing stands in its way any more; of containers the change feed tells nothing.
    await settled();
    await farmWhere(
      NAMESPACE,
      "shop",
      (one) => one.status?.account?.["objectGUID"] !== objectGUID && condition(one, "Ready")?.status === "True",
    );
    expect((await directory.find("shop$"))?.dn).toBe(ACCOUNT);
  });
});
