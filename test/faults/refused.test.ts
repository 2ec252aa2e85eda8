/** What the API server will not have written down, and what somebody else wrote there. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
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
} from "../harness/world.ts";
import { between, type Between } from "./between.ts";
import { matching } from "./schedule.ts";

const NAMESPACE = "refused";
const SAID = "admission webhook says: not on my watch";
const finalizers = {
  matches: matching("http", "PATCH", /serverfarms\/[^/?]+(\?|$)/),
  when: { probability: 1 },
  effect: { kind: "Error", code: 422, text: SAID },
} as const;

describe.skipIf(!available)("what the cluster says of a farm", () => {
  let middle: Between;
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
    operator = await middle.start();
    await domainReady();
  });

  afterAll(async () => {
    middle.http.schedule.set();
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
  });

  test("a finalizer that is refused is said with what the API server says, and nothing is made before it is there", async () => {
    middle.http.schedule.set(finalizers);
    await cluster.apply(farmOf(NAMESPACE, "held", { hosts: { computers: ["WEB01"] } }));
    const seen = await farmWhere(NAMESPACE, "held", (farm) => condition(farm, "Ready")?.reason === "RecordRefused");
    expect(condition(seen, "Ready")).toMatchObject({ status: "False", message: expect.stringContaining(SAID) });
    expect(condition(seen, "Stalled")?.status).toBe("True");
    expect(await directory.find("held$")).toBeUndefined();
    await waitFor("the Event", async () => (await cluster.events(NAMESPACE)).includes(`RecordRefused held the API server refused`));
    middle.http.schedule.set();
    await farmReady(NAMESPACE, "held");
  });

  test("a decommissioned farm whose finalizer is refused is not Ready, and says why", async () => {
    await cluster.apply(farmOf(NAMESPACE, "stays", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "stays");
    middle.http.schedule.set(finalizers);
    await cluster.delete("ServerFarm", "stays", NAMESPACE, 0);
    const seen = await farmWhere(NAMESPACE, "stays", (farm) => condition(farm, "Ready")?.reason === "RecordRefused");
    expect(condition(seen, "Ready")).toMatchObject({ status: "False", message: expect.stringContaining(SAID) });
    expect(await directory.find("stays$")).toBeUndefined();
    middle.http.schedule.set();
    await cluster.waitGone("ServerFarm", "stays", NAMESPACE, 60);
  });

  test("one that cannot be asked for its finalizer at all says that it is being let go", async () => {
    await cluster.apply(farmOf(NAMESPACE, "quiet", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "quiet");
    middle.http.schedule.set({ ...finalizers, effect: { kind: "Error", code: 503 } });
    await cluster.delete("ServerFarm", "quiet", NAMESPACE, 0);
    const seen = await farmWhere(NAMESPACE, "quiet", (farm) => condition(farm, "Ready")?.reason === "Deleting");
    expect(condition(seen, "Ready")?.status).toBe("False");
    middle.http.schedule.set();
    await cluster.waitGone("ServerFarm", "quiet", NAMESPACE, 60);
  });

  test("a status that somebody else writes is put right at once; what the operator writes itself asks for nothing", async () => {
    await cluster.apply(farmOf(NAMESPACE, "forged", { hosts: { computers: ["WEB01"] } }));
    const before = await farmReady(NAMESPACE, "forged");
    const conditions = before.status?.conditions?.map((one) => ({ ...one, status: "False", reason: "Forged", message: "by hand" }));
    const path = `${cluster.path("ServerFarm", NAMESPACE, "forged")}/status`;
    const body = { status: { conditions, account: { ...before.status?.account, objectGUID: "00000000-0000-0000-0000-000000000000" } } };
    await cluster.call("PATCH", path, { body, contentType: "application/merge-patch+json" });
    const after = await waitFor(
      "the status to be right",
      () => getFarm(NAMESPACE, "forged"),
      (farm) =>
        condition(farm, "Ready")?.status === "True" && farm.status?.account?.["objectGUID"] === before.status?.account?.["objectGUID"],
      15,
    );
    expect(JSON.stringify(after.status)).not.toContain("Forged");
    await polls(2);
    const looks = await reconciles("serverfarm");
    await cluster.patch("ServerFarm", "forged", NAMESPACE, { spec: { account: { description: "its status changes with this" } } });
    await farmReady(NAMESPACE, "forged");
    await polls(3);
    expect((await reconciles("serverfarm")) - looks).toBe(1);
  });

  const reconciles = (controller: string): Promise<number> => operator.metric("controller_runtime_reconcile_total", { controller });

  async function polls(more: number): Promise<void> {
    const before = await reconciles("activedirectorydomain");
    await waitFor("polls", async () => (await reconciles("activedirectorydomain")) >= before + more);
  }
});
