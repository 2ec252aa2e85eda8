import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../harness/process.ts";
import {
  condition,
  domainReady,
  domainWhere,
  farmOf,
  farmReady,
  farmWhere,
  onSandbox,
  cluster,
  patchFarm,
  available,
  directory,
  useOperator,
} from "../harness/world.ts";

const NAMESPACE = "outage";
const OUTAGE = onSandbox ? 15_000 : 60_000;

describe.skipIf(!available)(`when a server is away for ${OUTAGE / 1000} s`, () => {
  const world = useOperator(NAMESPACE);

  beforeAll(async () => {
    await cluster.apply(farmOf(NAMESPACE, "steady", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "steady");
  });

  test("the API server: readiness says so, and everything goes on by itself", { timeout: 240_000 }, async () => {
    expect((await world.operator.ready()).status).toBe(200);
    await cluster.stopApiServer();
    try {
      // The watches end one after the other, and each is named.
      await waitFor(
        "readiness to fail",
        () => world.operator.ready(),
        ({ status, text }) => status === 503 && text.includes("serverfarms"),
      );
      await sleep(OUTAGE);
      expect((await world.operator.ready()).status).toBe(503);
    } finally {
      await cluster.startApiServer();
    }
    await waitFor(
      "readiness to come back",
      () => world.operator.ready(),
      ({ status }) => status === 200,
      60,
    );
    await patchFarm(NAMESPACE, "steady", { hosts: { computers: ["WEB01", "WEB02"] } });
    await farmReady(NAMESPACE, "steady", 60);
    expect(await directory.members("steadyHosts")).toEqual(["WEB01$", "WEB02$"]);
    expect(world.operator.exitCode).toBeNull();
  });

  test("the domain controller: the domain and its farms say so, and everything goes on by itself", { timeout: 240_000 }, async () => {
    await directory.stop();
    try {
      await domainWhere(({ status, reason }) => status === "False" && reason === "DirectoryUnavailable");
      const farm = await farmWhere(NAMESPACE, "steady", (seen) => condition(seen, "Ready")?.reason === "DomainNotReady");
      expect(condition(farm, "HostsReady")?.status).toBe("Unknown");
      await cluster.apply(farmOf(NAMESPACE, "later", { hosts: { computers: ["WEB03"] } }));
      await farmWhere(NAMESPACE, "later", (seen) => condition(seen, "Ready")?.reason === "DomainNotReady");
      await cluster.delete("ServerFarm", "steady", NAMESPACE, 0);
      const blocked = await farmWhere(NAMESPACE, "steady", (seen) => condition(seen, "Ready")?.reason === "DeletionBlocked");
      expect(condition(blocked, "Ready")?.message).toContain("serverfarm.dev/abandon=true");
      await sleep(OUTAGE);
      // The cluster is well: what is wrong with a domain is said by its conditions, not by the program's readiness.
      expect((await world.operator.ready()).status).toBe(200);
    } finally {
      await directory.start();
    }
    await domainReady(60);
    await farmReady(NAMESPACE, "later", 60);
    await cluster.waitGone("ServerFarm", "steady", NAMESPACE, 60);
    expect(await directory.find("steady$")).toBeUndefined();
    expect(world.operator.exitCode).toBeNull();
  });

  test(
    "a farm whose domain cannot be reached is let go by the annotation, and an Event lists what was left",
    { timeout: 120_000 },
    async () => {
      await directory.stop();
      try {
        await domainWhere(({ status }) => status === "False");
        await cluster.delete("ServerFarm", "later", NAMESPACE, 0);
        await farmWhere(NAMESPACE, "later", (seen) => condition(seen, "Ready")?.reason === "DeletionBlocked");
        await cluster.annotate("ServerFarm", "later", NAMESPACE, { "serverfarm.dev/abandon": "true" });
        await cluster.waitGone("ServerFarm", "later", NAMESPACE, 30);
        expect(await cluster.events(NAMESPACE)).toMatch(/Abandoned.*CN=later,OU=Farms/);
      } finally {
        await directory.start();
      }
      await domainReady(60);
      await directory.asAdministrator(async (client) => {
        for (const name of ["later$", "laterHosts"]) await client.del((await directory.find(name))?.dn ?? "");
      });
    },
  );
});
