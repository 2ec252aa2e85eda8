/** Farms that are deleted in every state: what goes, what stays, and what is said. */
import { describe, expect, test } from "vitest";
import { BASE, change } from "../harness/directory.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cluster,
  condition,
  directory,
  domainReady,
  domainWhere,
  farmOf,
  farmReady,
  farmWhere,
  ownedInDirectory,
  patchFarm,
  useOperator,
} from "../harness/world.ts";

const NAMESPACE = "endings";
const ACCOUNT = `CN=end,OU=Farms,${BASE}`;
const HOSTS = `CN=endHosts,OU=Farms,${BASE}`;

describe.skipIf(!available)("a farm that is deleted", () => {
  const world = useOperator(NAMESPACE);

  const apply = (spec: object = {}): Promise<void> =>
    cluster.apply(farmOf(NAMESPACE, "end", { hosts: { computers: ["WEB01", "WEB02"] }, ...spec }));
  const remove = (): Promise<void> => cluster.delete("ServerFarm", "end", NAMESPACE, 0);
  const gone = (seconds?: number): Promise<void> => cluster.waitGone("ServerFarm", "end", NAMESPACE, seconds);
  const blocked = (words: string) => farmWhere(NAMESPACE, "end", (farm) => condition(farm, "Ready")?.message.includes(words) ?? false);

  /** What bears the marker of somebody may only be taken away by hand. */
  async function sweep(...names: readonly string[]): Promise<void> {
    await directory.asAdministrator(async (client) => {
      for (const name of names) {
        const found = await directory.find(name);
        if (found) await client.del(found.dn);
      }
    });
  }

  test("when nothing of it exists but its name, since that is somebody else's", async () => {
    await directory.asAdministrator((client) => client.add(HOSTS, { objectClass: "group", sAMAccountName: "endHosts" }));
    await apply();
    await farmWhere(NAMESPACE, "end", (farm) => condition(farm, "Ready")?.reason === "NotOwned");
    await remove();
    await gone();
    expect((await directory.find("endHosts"))?.dn).toBe(HOSTS);
    await sweep("endHosts");
  });

  test("when it is half there: the group is, and a computer stands in the account's place", async () => {
    await apply();
    await farmReady(NAMESPACE, "end");
    world.operator.signal("SIGSTOP");
    await sweep("end$");
    await directory.asAdministrator((client) =>
      client.add(ACCOUNT, { objectClass: "computer", sAMAccountName: "end$", userAccountControl: "4096" }),
    );
    world.operator.signal("SIGCONT");
    await farmWhere(NAMESPACE, "end", (farm) => condition(farm, "AccountReady")?.reason === "ObjectExists");
    expect(await directory.find("endHosts")).toBeDefined();
    await remove();
    await gone();
    expect(await directory.find("endHosts")).toBeUndefined();
    expect((await directory.find("end$"))?.dn).toBe(ACCOUNT);
    await sweep("end$");
  });

  test("when its objects were deleted by hand a moment before", async () => {
    await apply();
    await farmReady(NAMESPACE, "end");
    world.operator.signal("SIGSTOP");
    await sweep("end$", "endHosts");
    await remove();
    world.operator.signal("SIGCONT");
    await gone();
    expect(await ownedInDirectory()).toEqual([]);
  });

  test("while the domain is down: it waits, says so, and ends by itself once the domain is back", async () => {
    await apply();
    await farmReady(NAMESPACE, "end");
    await directory.stop();
    try {
      await domainWhere(({ status }) => status === "False");
      await remove();
      const farm = await blocked("serverfarm.dev/abandon=true");
      expect(condition(farm, "Ready")?.reason).toBe("DeletionBlocked");
    } finally {
      await directory.start();
    }
    await gone(60);
    expect(await ownedInDirectory()).toEqual([]);
  });

  test("when its domain's ActiveDirectoryDomain was deleted first: the domain waits for it", async () => {
    await apply();
    await farmReady(NAMESPACE, "end");
    await cluster.delete("ActiveDirectoryDomain", "contoso", undefined, 0);
    await remove();
    await gone();
    await cluster.waitGone("ActiveDirectoryDomain", "contoso");
    expect(await ownedInDirectory()).toEqual([]);
    await applyDomain();
    await domainReady();
  });

  test("while it is suspended: nothing happens until it is not", async () => {
    await apply();
    await farmReady(NAMESPACE, "end");
    await patchFarm(NAMESPACE, "end", { suspend: true });
    await farmWhere(NAMESPACE, "end", (farm) => condition(farm, "Ready")?.reason === "Suspended");
    const usn = await directory.usn();
    await remove();
    await waitFor("a poll", async () => (await world.operator.metric("workqueue_depth")) === 0);
    expect(await cluster.find("ServerFarm", "end", NAMESPACE)).toBeDefined();
    expect(await directory.usn()).toBe(usn);
    await patchFarm(NAMESPACE, "end", { suspend: false });
    await gone();
    expect(await ownedInDirectory()).toEqual([]);
  });

  test("while it is only observed: what it owns keeps it, and it says what to do; what it does not own does not", async () => {
    await apply();
    await farmReady(NAMESPACE, "end");
    await patchFarm(NAMESPACE, "end", { managementPolicy: "Observe" });
    await farmReady(NAMESPACE, "end");
    await remove();
    await blocked("managementPolicy is Observe, so nothing is deleted");
    expect(await ownedInDirectory()).toHaveLength(2);
    await patchFarm(NAMESPACE, "end", { managementPolicy: "Enforce" });
    await gone();
    expect(await ownedInDirectory()).toEqual([]);
    await apply({ managementPolicy: "Observe" });
    await farmWhere(NAMESPACE, "end", (farm) => condition(farm, "Ready")?.reason === "ChangesPending");
    await remove();
    await gone();
  });

  test("when its own groups have members of others: they stay, and an Event says why", async () => {
    await apply({ accessGroups: [{ name: "endShare", existing: false }] });
    await farmReady(NAMESPACE, "end");
    world.operator.signal("SIGSTOP");
    for (const name of ["endShare", "endHosts"]) {
      const group = (await directory.find(name))?.dn ?? "";
      await directory.asAdministrator((client) => client.modify(group, change("add", "member", [`CN=Administrator,CN=Users,${BASE}`])));
    }
    await remove();
    world.operator.signal("SIGCONT");
    await gone();
    expect(await directory.find("end$")).toBeUndefined();
    for (const name of ["endShare", "endHosts"]) {
      expect(await directory.members(name), name).toContain("Administrator");
      expect((await directory.find(name))?.["adminDescription"], name).toBeUndefined();
      const events = await cluster.events(NAMESPACE);
      expect(events).toMatch(new RegExp(`ObjectKept .*CN=${name},.*it has 1 member that this farm did not add`));
      // How many, and not who.
      expect(events).not.toContain("Administrator");
    }
    await sweep("endShare", "endHosts");
  });

  test("with Retain: account, group, rights and memberships stay, without marker", async () => {
    await directory.asAdministrator((client) =>
      client.add(`CN=endReaders,CN=Users,${BASE}`, { objectClass: "group", sAMAccountName: "endReaders" }),
    );
    await apply({ deletionPolicy: "Retain", accessGroups: [{ name: "endReaders" }] });
    await farmReady(NAMESPACE, "end");
    await remove();
    await gone();
    expect(await ownedInDirectory()).toEqual([]);
    expect(await directory.retrieves("WEB01", ACCOUNT)).toBe(true);
    expect(await directory.members("endReaders")).toEqual(["end$"]);
    await sweep("end$", "endHosts", "endReaders");
  });

  test("with Retain that is thought better of: there and back", async () => {
    await apply({ deletionPolicy: "Retain" });
    await farmReady(NAMESPACE, "end");
    await patchFarm(NAMESPACE, "end", { deletionPolicy: "Delete" });
    await farmReady(NAMESPACE, "end");
    await remove();
    await gone();
    expect(await directory.find("end$")).toBeUndefined();
  });

  test("with the annotation abandon, while it is blocked: it goes, the directory stays, and an Event lists what was left", async () => {
    await directory.asAdministrator((client) =>
      client.add(`CN=endShared,CN=Users,${BASE}`, { objectClass: "group", sAMAccountName: "endShared" }),
    );
    await apply({ hosts: { computers: ["WEB01"], group: { name: "endShared", existing: true } } });
    await farmReady(NAMESPACE, "end");
    await patchFarm(NAMESPACE, "end", { managementPolicy: "Observe" });
    await farmReady(NAMESPACE, "end");
    await remove();
    await blocked("managementPolicy is Observe");
    await cluster.annotate("ServerFarm", "end", NAMESPACE, { "serverfarm.dev/abandon": "true" });
    await gone();
    expect(await ownedInDirectory()).toHaveLength(1);
    expect(await directory.members("endShared")).toEqual(["WEB01$"]);
    expect(await cluster.events(NAMESPACE)).toMatch(/Abandoned .*Account CN=end,.*1 hosts in CN=endShared/);
    await sweep("end$", "endShared");
  });
});
