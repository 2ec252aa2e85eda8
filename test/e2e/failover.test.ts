/** Another domain controller takes over that has not heard of everything yet: what it does not show is not gone. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { delegate } from "../harness/delegation.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";
import {
  applyDomain,
  cleanUp,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  domainWhere,
  farmOf,
  farmReady,
  farmWhere,
  onSandbox,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "failover";

// On two real ones that replicate: two-servers.test.ts.
describe.skipIf(!onSandbox)("when a domain controller takes over that lacks what the other had", () => {
  let other: SandboxDirectory;
  let operator: Operator;

  beforeAll(async () => {
    other = await SandboxDirectory.create({ authorityName: "contoso-other-ca" });
    await delegate(other);
    await createNamespace(NAMESPACE);
    await applyDomain({ ca: `${directory.ca}\n${other.ca}`, spec: { servers: [directory.url, other.url] } });
    operator = await startOperator();
    await domainReady();
    await cluster.apply(farmOf(NAMESPACE, "itfarm1", { hosts: { computers: ["WEB01"] } }));
    await cluster.apply(farmOf(NAMESPACE, "going"));
    for (const name of ["itfarm1", "going"]) await farmReady(NAMESPACE, name);
    await directory.stop();
    await domainWhere((_, conditions) => conditions.some(({ message }) => message.includes(other.url)));
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await other.stop();
  });

  /** What of the farm the domain controller has that took over, once the farm says that it waits. */
  async function madeWhileItWaits(): Promise<readonly unknown[]> {
    const waiting = (text: string): boolean => text.includes("less than an hour ago");
    await farmWhere(NAMESPACE, "itfarm1", (farm) => waiting(condition(farm, "AccountReady")?.message ?? ""));
    return [await other.find("itfarm1$"), await other.find("itfarm1Hosts")].filter((object) => object !== undefined);
  }

  test("nothing is made anew for an hour", async () => {
    expect(await madeWhileItWaits()).toEqual([]);
  });

  test("nor by another operator that takes over within it", async () => {
    expect(await operator.stop()).toBe(0);
    operator = await startOperator();
    await cluster.annotate("ServerFarm", "itfarm1", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await farmWhere(NAMESPACE, "itfarm1", (seen) => seen.status?.lastHandledReconcileRequest === "now");
    expect(await madeWhileItWaits()).toEqual([]);
  });

  test("a farm that is to go waits, too, and does not pass for hopeless", async () => {
    await cluster.delete("ServerFarm", "going", NAMESPACE, 0);
    const farm = await farmWhere(NAMESPACE, "going", (seen) => condition(seen, "Ready")?.reason === "DeletionBlocked");
    expect(condition(farm, "Ready")?.message).toContain("the farm waits until the hour is over");
    expect(condition(farm, "Stalled")?.status).not.toBe("True");
  });

  test("after it what is still not there is made anew", async () => {
    expect(await operator.stop()).toBe(0);
    const path = `${cluster.path("ActiveDirectoryDomain", undefined, "contoso")}/status`;
    const long = new Date(Date.now() - 3_601_000).toISOString().replace(/\.\d+/, "");
    await cluster.call("PATCH", path, { body: { status: { server: { tookOverAt: long } } }, contentType: "application/merge-patch+json" });
    operator = await startOperator();
    await farmReady(NAMESPACE, "itfarm1");
    await cluster.waitGone("ServerFarm", "going", NAMESPACE);
    expect(await other.find("itfarm1$")).toBeDefined();
    expect(await other.members("itfarm1Hosts")).toEqual(["WEB01$"]);
  });

  test("nothing is made on a server that took over before the status names it", { timeout: 120_000 }, async () => {
    await cluster.delete("ServerFarm", "itfarm1", NAMESPACE);
    const role = await cluster.get("ClusterRole", "serverfarm-operator");
    const text = JSON.stringify(role["rules"]);
    const without = text.replace(',"activedirectorydomains/status"', "");
    expect(without).not.toBe(text);
    const refused = (): Promise<number> => operator.metric("rest_client_requests_total", { method: "PATCH", code: "403" });
    await cluster.patch("ClusterRole", "serverfarm-operator", undefined, { rules: JSON.parse(without) });
    try {
      await directory.start();
      await other.stop();
      await waitFor("the status to be refused", refused, (count) => count > 0, 60);
      await cluster.apply(farmOf(NAMESPACE, "waiting"));
      await waitFor("the status to be refused again", refused, (count) => count > 1, 60);
      expect(await directory.find("waiting$")).toBeUndefined();
    } finally {
      await cluster.patch("ClusterRole", "serverfarm-operator", undefined, { rules: JSON.parse(text) });
    }
    await farmReady(NAMESPACE, "waiting", 60);
    expect(await directory.find("waiting$")).toBeDefined();
  });
});
