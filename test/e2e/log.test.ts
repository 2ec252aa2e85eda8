/** What the log tells of farms and domains: what was changed, what was refused, what stays in the way; and that the same is counted. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { between, type Between } from "../faults/between.ts";
import { matching } from "../faults/schedule.ts";
import { ADMINISTRATOR, BASE } from "../harness/directory.ts";
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
  patchFarm,
} from "../harness/world.ts";

const NAMESPACE = "logged";
const line = z.looseObject({ level: z.string(), message: z.string(), farm: z.string().optional(), reconcileID: z.uuid().optional() });
type Line = z.infer<typeof line>;

describe.skipIf(!available)("the log", () => {
  let middle: Between;
  let operator: Operator;
  const lines = (message: string, name?: string): readonly Line[] =>
    operator.log
      .split("\n")
      .filter((text) => text.startsWith("{"))
      .map((text) => line.parse(JSON.parse(text)))
      .filter((one) => one.message === message && (name === undefined || one.farm === `${NAMESPACE}/${name}`));
  const errors = (controller: string): Promise<number> => operator.metric("controller_runtime_reconcile_errors_total", { controller });

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
    operator = await middle.start({ level: "info" });
    await domainReady();
  });

  afterAll(async () => {
    middle.ldap.schedule.set();
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
  });

  test("names what was changed; what stays in the way is said once, and when it is gone", async () => {
    await cluster.apply(farmOf(NAMESPACE, "named", { hosts: { computers: ["WEB01"] }, servicePrincipalNames: ["http/named"] }));
    await farmReady(NAMESPACE, "named");
    await patchFarm(NAMESPACE, "named", { hosts: { computers: ["WEB02", "NOBODY"] }, servicePrincipalNames: ["http/named2"] });
    await farmWhere(NAMESPACE, "named", (farm) => condition(farm, "Ready")?.reason === "HostNotFound");
    const told = lines("changed the directory", "named").flatMap(({ changes }) => z.array(z.string()).parse(changes));
    expect(told).toEqual(
      expect.arrayContaining([
        `CreateAccount CN=named,OU=Farms,${BASE}`,
        expect.stringMatching(/^AddHost CN=namedHosts,\S+ CN=WEB02,/),
        expect.stringMatching(/^RemoveHost CN=namedHosts,\S+ CN=WEB01,/),
        `AddServicePrincipalName CN=named,OU=Farms,${BASE} http/named2`,
      ]),
    );
    const again = async (): Promise<void> => {
      const before = await operator.metric("controller_runtime_reconcile_total", { controller: "serverfarm" });
      await cluster.annotate("ServerFarm", "named", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": String(before) });
      await farmWhere(NAMESPACE, "named", ({ status }) => status?.lastHandledReconcileRequest === String(before));
    };
    await again();
    await again();
    const stuck = lines("the farm is not ready", "named");
    expect(stuck).toEqual([expect.objectContaining({ level: "warn", reason: "HostNotFound", error: expect.stringContaining("NOBODY") })]);
    const { reconcileID } = z.object({ reconcileID: z.uuid() }).parse(stuck[0]);
    expect(lines("changed the directory", "named").map((one) => one.reconcileID)).toContain(reconcileID);
    await patchFarm(NAMESPACE, "named", { hosts: { computers: ["WEB02"] } });
    await farmReady(NAMESPACE, "named");
    await waitFor("the line", () => lines("the farm is ready", "named").length === 1);
  });

  test("tells of a write that is refused, which is an error though it is not tried again at once", async () => {
    const before = await errors("serverfarm");
    middle.ldap.schedule.set({
      matches: matching("ldap", "add"),
      when: { probability: 1 },
      effect: { kind: "Error", code: 50, text: "00002098: not on my watch" },
    });
    await cluster.apply(farmOf(NAMESPACE, "refused"));
    await farmWhere(NAMESPACE, "refused", (farm) => condition(farm, "Ready")?.reason === "AccessDenied");
    const found = await waitFor(
      "the line",
      () => lines("the directory refused a change", "refused"),
      ({ length }) => length > 0,
    );
    expect(found[0]).toMatchObject({
      level: "warn",
      object: expect.stringMatching(/^CN=refused\w*,OU=Farms,/),
      error: expect.stringContaining("not on my watch"),
      reconcileID: expect.any(String),
    });
    await waitFor(
      "it to be counted",
      () => errors("serverfarm"),
      (count) => count > before,
    );
    expect(await operator.metric("controller_runtime_reconcile_panics_total")).toBe(0);
    middle.ldap.schedule.set();
  });

  test("tells of a domain that is lost, by no reconcile's id, which is an error of the domain", async () => {
    const before = await errors("activedirectorydomain");
    expect(before).toBe(0);
    await directory.stop();
    try {
      await waitFor("the domain to be said", () => lines("the domain is not ready").length > 0);
      await waitFor(
        "it to be counted",
        () => errors("activedirectorydomain"),
        (count) => count > before,
      );
    } finally {
      await directory.start();
    }
    await domainReady(60);
    expect(new Set(lines("the connection was lost").map((one) => one.reconcileID))).toEqual(new Set([undefined]));
    for (const { reconcileID } of lines("the domain is not ready")) expect(reconcileID).toBeDefined();
    expect(operator.log).not.toContain(ADMINISTRATOR.password);
  });
});
