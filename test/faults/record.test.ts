/** Whom a farm puts into a group of others is recorded first. Where that cannot be, nobody is put in; but a compromised host goes out all the same. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { available, cleanUp, cluster, createNamespace, directory, domainReady, farmOf, farmReady, patchFarm } from "../harness/world.ts";
import { between, type Between } from "./between.ts";
import { matching } from "./schedule.ts";

const NAMESPACE = "record";
const GROUP = `CN=RecordHosts,OU=Farms,${BASE}`;

describe.skipIf(!available)("while the API server takes no record", () => {
  let middle: Between;
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
    operator = await middle.start();
    await domainReady();
    await directory.asAdministrator((client) => client.add(GROUP, { objectClass: "group", sAMAccountName: "RecordHosts" }));
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
    await directory.asAdministrator((client) => client.del(GROUP));
  });

  test("a quarantined host loses the right, and no other gets it", async () => {
    const group = { name: "RecordHosts", existing: true };
    await cluster.apply(farmOf(NAMESPACE, "noted", { hosts: { computers: ["WEB01"], group } }));
    await farmReady(NAMESPACE, "noted");
    const { schedule } = middle.http;
    schedule.set({ matches: matching("http", "PATCH", /status/), when: { probability: 1 }, effect: { kind: "Error", code: 500 } });
    await patchFarm(NAMESPACE, "noted", { hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB01"] } });
    await waitFor(
      "WEB01 to be out",
      () => directory.members("RecordHosts"),
      (members) => members.length === 0,
    );
    // It is said, though nothing of the farm's status can be, and counted.
    await waitFor("the Event", async () => /HostsRemoved noted WEB01 may no longer/.test(await cluster.events(NAMESPACE)));
    expect(await operator.metric("serverfarm_directory_changes_total", { change: "ChangeHosts" })).toBe(2);
    // It is tried again and again meanwhile.
    await waitFor("more tries", () => schedule.done.length > 3);
    expect(await directory.members("RecordHosts")).toEqual([]);
    schedule.set();
    await farmReady(NAMESPACE, "noted", 60);
    expect(await directory.members("RecordHosts")).toEqual(["WEB02$"]);
    await cluster.delete("ServerFarm", "noted", NAMESPACE);
    expect(await directory.members("RecordHosts")).toEqual([]);
  });
});
