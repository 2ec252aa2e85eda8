/** What docs/disaster.md says of things that were lost: done, and looked at. */
import { describe, expect, test } from "vitest";
import { BASE } from "../harness/directory.ts";
import { Samba } from "../harness/samba.ts";
import {
  available,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  farmReady,
  farmWhere,
  getFarm,
  useOperator,
} from "../harness/world.ts";

const NAMESPACE = "disaster";
const samba = directory instanceof Samba ? directory : undefined;

describe.skipIf(!available)("after a disaster", () => {
  useOperator(NAMESPACE);

  const spec = { servicePrincipalNames: ["http/lost"], hosts: { computers: ["WEB01", "WEB02"] } };

  /** As if its cluster had never known it: nothing of it is left there, and everything in the directory. */
  async function forget(name: string): Promise<void> {
    await cluster.patch("ServerFarm", name, NAMESPACE, { spec: { suspend: true } });
    await cluster.delete("ServerFarm", name, NAMESPACE, 0);
    await cluster.patch("ServerFarm", name, NAMESPACE, { metadata: { finalizers: null } });
    await cluster.waitGone("ServerFarm", name, NAMESPACE);
  }

  test("a farm restored without its status finds what it owns, and writes nothing", { timeout: 60_000 }, async () => {
    await cluster.apply(farmOf(NAMESPACE, "restored", spec));
    const before = await farmReady(NAMESPACE, "restored");
    await forget("restored");
    const usn = await directory.usn();
    await cluster.apply(farmOf(NAMESPACE, "restored", spec));
    const after = await farmReady(NAMESPACE, "restored");
    expect(after.status?.account).toEqual(before.status?.account);
    expect(after.status?.ownedObjects).toEqual(before.status?.ownedObjects);
    expect(await directory.usn()).toBe(usn);
    await cluster.delete("ServerFarm", "restored", NAMESPACE);
    expect(await directory.find("restored$")).toBeUndefined();
    expect(await directory.find("restoredHosts")).toBeUndefined();
  });

  test("a farm moves to another place by Retain and consent, and its hosts keep the right all the time", { timeout: 60_000 }, async () => {
    await createNamespace("elsewhere");
    await cluster.apply(farmOf(NAMESPACE, "moving", { ...spec, deletionPolicy: "Retain" }));
    const before = await farmReady(NAMESPACE, "moving");
    await cluster.delete("ServerFarm", "moving", NAMESPACE);
    expect(await directory.members("movingHosts")).toEqual(["WEB01$", "WEB02$"]);
    expect(await directory.retrieves("WEB01", before.status?.account?.["distinguishedName"] ?? "")).toBe(true);
    await cluster.apply(farmOf("elsewhere", "moving", { ...spec, adoptionPolicy: "Unowned" }));
    // What Retain leaves is nobody's for the taking.
    const refused = await farmWhere("elsewhere", "moving", (seen) => condition(seen, "Ready")?.reason === "NotOwned");
    expect(condition(refused, "AccountReady")?.message).toContain("-Replace @{adminDescription='serverfarm.dev adopt=elsewhere/moving'}");
    for (const name of ["moving$", "movingHosts"])
      await directory.modify((await directory.find(name))?.dn ?? "", "replace", "adminDescription", [
        "serverfarm.dev adopt=elsewhere/moving",
      ]);
    const after = await farmReady("elsewhere", "moving");
    expect(after.status?.account?.["objectGUID"]).toBe(before.status?.account?.["objectGUID"]);
    expect(after.status?.hostGroup?.objectGUID).toBe(before.status?.hostGroup?.objectGUID);
    expect(await directory.members("movingHosts")).toEqual(["WEB01$", "WEB02$"]);
    await cluster.delete("ServerFarm", "moving", "elsewhere");
    expect(await directory.find("moving$")).toBeUndefined();
  });

  test.skipIf(!samba)("a domain restored from an older copy gets back what it lost", { timeout: 400_000 }, async () => {
    if (!samba) return;
    await cluster.apply(farmOf(NAMESPACE, "older", { hosts: { computers: ["WEB01"] } }));
    const older = await farmReady(NAMESPACE, "older");
    const copy = await samba.copy();
    await domainReady(60);
    // What the copy does not know: another farm, and another host of this one.
    await cluster.apply(farmOf(NAMESPACE, "newer", { ...spec, hosts: { computers: ["WEB03"] } }));
    await farmReady(NAMESPACE, "newer", 60);
    await cluster.patch("ServerFarm", "older", NAMESPACE, { spec: { hosts: { computers: ["WEB02"] } } });
    await farmReady(NAMESPACE, "older", 60);
    const newer = await getFarm(NAMESPACE, "newer");
    await samba.restore(copy);
    await domainReady(60);
    const lost = newer.status?.account?.["objectGUID"];
    const made = await farmWhere(
      NAMESPACE,
      "newer",
      (farm) => condition(farm, "Ready")?.status === "True" && farm.status?.account?.["objectGUID"] !== lost,
      60,
    );
    expect(await directory.members("newerHosts")).toEqual(["WEB03$"]);
    expect(condition(made, "Ready")?.reason).toBe("Reconciled");
    expect((await farmReady(NAMESPACE, "older", 60)).status?.account?.["objectGUID"]).toBe(older.status?.account?.["objectGUID"]);
    expect(await directory.members("olderHosts")).toEqual(["WEB02$"]);
    expect(await directory.retrieves("WEB03", `CN=newer,OU=Farms,${BASE}`)).toBe(true);
    expect(await cluster.events(NAMESPACE)).toMatch(/DriftCorrected newer .*new account with a new SID/);
  });
});
