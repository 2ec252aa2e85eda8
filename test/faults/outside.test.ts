/** An operator that watches some namespaces only: a domain is kept by the farms of all of them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  createNamespace,
  domainReady,
  farmOf,
  farmReady,
  startOperator,
} from "../harness/world.ts";
import { between, type Between } from "./between.ts";
import { matching } from "./schedule.ts";

const [INSIDE, OUTSIDE] = ["inside", "outside"];

describe.skipIf(!available)("farms outside watchNamespaces", () => {
  let middle: Between;
  let operator: Operator;

  beforeAll(async () => {
    for (const name of [INSIDE, OUTSIDE]) await createNamespace(name);
    middle = await between();
    const everywhere = await middle.start();
    await domainReady();
    for (const namespace of [INSIDE, OUTSIDE]) {
      await cluster.apply(farmOf(namespace, `farm-${namespace}`, { hosts: { computers: ["WEB01"] } }));
      await farmReady(namespace, `farm-${namespace}`);
    }
    expect(await everywhere.stop()).toBe(0);
    operator = await middle.start({ watchNamespaces: [INSIDE] });
  });

  afterAll(async () => {
    middle.http.schedule.set();
    await operator.stop();
    // What is left outside goes as it came.
    await applyDomain();
    const everywhere = await startOperator();
    await cleanUp();
    await everywhere.stop();
    await middle.stop();
  });

  const counted = (farms: number): Promise<unknown> =>
    waitFor(
      `the domain to count ${farms}`,
      () => cluster.get("ActiveDirectoryDomain", "contoso"),
      ({ status }) => typeof status === "object" && status !== null && "farms" in status && status.farms === farms,
    );

  test("are counted, keep the domain, and are said", { timeout: 60_000 }, async () => {
    await counted(2);
    await waitFor("the line", () => operator.log.includes('"namespaces":"{\\"outside\\":1}"'));
    await cluster.delete("ServerFarm", "farm-inside", INSIDE);
    await counted(1);
    await cluster.delete("ActiveDirectoryDomain", "contoso", undefined, 0);
    await waitFor("the Event", async () => /DeletionBlocked contoso .*outside\/farm-outside/.test(await cluster.events("default")));
    expect(await cluster.find("ActiveDirectoryDomain", "contoso")).toBeDefined();
  });

  test("are not counted where the operator's role does not allow it, and all else goes on", { timeout: 60_000 }, async () => {
    await operator.stop();
    middle.http.schedule.set({
      matches: matching("http", "GET", /^\/apis\/serverfarm.dev\/v1alpha1\/serverfarms\?/),
      when: { probability: 1 },
      effect: { kind: "Error", code: 403, text: "serverfarms is forbidden" },
    });
    operator = await middle.start({ watchNamespaces: [INSIDE] });
    await waitFor("readiness", async () => (await operator.ready()).status === 200);
    // As before there was more than one namespace: nothing that it sees keeps the domain.
    await cluster.waitGone("ActiveDirectoryDomain", "contoso");
    expect(operator.log).toContain("cannot list objects outside watchNamespaces");
  });
});
