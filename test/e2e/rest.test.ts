import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { requests } from "../bench/measure.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  cleanUp,
  condition,
  createNamespace,
  domainReady,
  farmOf,
  getFarm,
  getFarms,
  cluster,
  available,
  directory,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "rest";
const FARMS = 10;

/** Requests that write, on both sides. */
async function writes(operator: Operator): Promise<Readonly<Record<string, number>>> {
  const [api, directory] = ["rest_client_requests_total", "serverfarm_directory_requests_total"];
  return {
    POST: await operator.metric(api, { method: "POST" }),
    PATCH: await operator.metric(api, { method: "PATCH" }),
    PUT: await operator.metric(api, { method: "PUT" }),
    add: await operator.metric(directory, { operation: "add" }),
    modify: await operator.metric(directory, { operation: "modify" }),
    delete: await operator.metric(directory, { operation: "delete" }),
  };
}

const NONE = { POST: 0, PATCH: 0, PUT: 0, add: 0, modify: 0, delete: 0 };

describe.skipIf(!available)("once everything is in place", () => {
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await applyDomain();
    operator = await startOperator();
    await domainReady();
    const farms = Array.from({ length: FARMS }, (_, index) =>
      farmOf(NAMESPACE, `calm${index}`, {
        servicePrincipalNames: [`http/calm${index}`, `HTTP/CALM${index}`],
        account: { description: "calm" },
        hosts: { computers: ["WEB01", "web02.contoso.com"] },
      }),
    );
    await cluster.apply(...farms);
    await allReady();
  });

  afterAll(async () => {
    await cleanUp();
    await operator.stop();
  });

  async function allReady(): Promise<void> {
    await waitFor(
      "all farms to be ready",
      () => getFarms(NAMESPACE),
      (farms) => farms.length === FARMS && farms.every((farm) => condition(farm, "Ready")?.status === "True"),
    );
    await waitFor(
      "the domain to count them",
      () => cluster.get("ActiveDirectoryDomain", "contoso"),
      ({ status }) => typeof status === "object" && status !== null && "farms" in status && status.farms === FARMS,
    );
  }

  /** Nothing but polls for three of them, after every farm had its turn: it may have one before the domain is there, and one after. */
  async function allCompared(): Promise<void> {
    let quiet = await requests(operator);
    await waitFor(
      "every farm to be compared",
      () => requests(operator),
      (now) => {
        if (now.reconciles !== quiet.reconciles) quiet = now;
        return now.reconciles >= FARMS && now.polls >= quiet.polls + 3;
      },
    );
  }

  test("an operator that starts anew compares every farm and writes nothing, here or there", async () => {
    await operator.stop();
    const [usn, before] = [await directory.usn(), await getFarms(NAMESPACE)];
    operator = await startOperator();
    await allCompared();
    expect(await writes(operator)).toEqual(NONE);
    expect(await directory.usn()).toBe(usn);
    expect((await getFarms(NAMESPACE)).map(({ metadata }) => metadata.resourceVersion)).toEqual(
      before.map(({ metadata }) => metadata.resourceVersion),
    );
  });

  test("at rest there are two searches for each poll, of what is committed and of what changed, and nothing else", async () => {
    // Both of one scrape: a poll may lie between two.
    const before = await requests(operator);
    await sleep(5000);
    const after = await requests(operator);
    const polls = after.polls - before.polls;
    expect(polls).toBeGreaterThan(2);
    expect(after.searches - before.searches).toBeLessThanOrEqual(2 * (polls + 1));
    expect(await writes(operator)).toEqual(NONE);
  });

  test("asking for a reconcile is answered, and changes nothing else", async () => {
    const usn = await directory.usn();
    await cluster.annotate("ServerFarm", "calm0", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now-1" });
    await waitFor(
      "the answer",
      () => getFarm(NAMESPACE, "calm0"),
      ({ status }) => status?.lastHandledReconcileRequest === "now-1",
    );
    expect(await directory.usn()).toBe(usn);
  });
});
