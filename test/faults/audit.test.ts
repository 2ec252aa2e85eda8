/** What the audit log has of a write that is refused, and of one whose answer is lost. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AuditLine, auditLines, replay } from "../harness/audit-trail.ts";
import { ADMINISTRATOR } from "../harness/directory.ts";
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
import { type Between, between } from "./between.ts";
import { type Effect, matching } from "./schedule.ts";

const NAMESPACE = "auditfaults";

describe.skipIf(!available)("the audit log", () => {
  let middle: Between;
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
    operator = await middle.start();
    await domainReady();
  });

  afterAll(async () => {
    middle.ldap.schedule.set();
    await cleanUp();
    expect(operator.log).not.toContain(ADMINISTRATOR.password);
    expect(await operator.stop()).toBe(0);
    await middle.stop();
  });

  const linesOf = (name: string): readonly AuditLine[] => auditLines(operator.log).filter(({ serverFarm }) => serverFarm.name === name);
  const fail = (operation: string, effect: Effect): void => {
    middle.ldap.schedule.set({ matches: matching("ldap", operation), when: { nth: 1 }, effect });
  };

  test("has a write that the directory refuses, with its code and text, and the trace that leads to the farm's own lines", async () => {
    middle.ldap.schedule.set({
      matches: matching("ldap", "add"),
      when: { probability: 1 },
      effect: { kind: "Error", code: 50, text: "00002098: not on my watch" },
    });
    await cluster.apply(farmOf(NAMESPACE, "refused", { hosts: { computers: ["WEB01"] } }));
    await farmWhere(NAMESPACE, "refused", (farm) => condition(farm, "Ready")?.reason === "AccessDenied");
    const [line] = await waitFor(
      "the line",
      () => linesOf("refused"),
      ({ length }) => length > 0,
    );
    expect(line).toMatchObject({
      operation: "Create",
      result: "Refused",
      code: 50,
      error: expect.stringContaining("not on my watch"),
      server: middle.ldap.url,
    });
    expect(line?.attributes).toContainEqual({ attribute: "member", added: [expect.stringContaining("CN=WEB01,")], removed: [] });
    expect(
      operator.log
        .split("\n")
        .filter((text) => text.includes("the directory refused a change") && text.includes(line?.reconcileID ?? "none")),
    ).not.toEqual([]);
    expect(replay(linesOf("refused")).size).toBe(0);
    middle.ldap.schedule.set();
  });

  test.each([
    { effect: "DropAfter", name: "done", settled: "Found" },
    { effect: "DropBefore", name: "undone", settled: "NotFound" },
  ] as const)("has one whose answer is lost, and what became of it: $settled", { timeout: 90_000 }, async ({ effect, name, settled }) => {
    await cluster.apply(farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, name);
    const steps: readonly (readonly [string, () => Promise<void>])[] = [
      ["modify", () => patchFarm(NAMESPACE, name, { hosts: { computers: ["WEB01", "WEB02"] } })],
      ["modify", () => patchFarm(NAMESPACE, name, { account: { description: "new" } })],
      ["add", () => cluster.apply(farmOf(NAMESPACE, `${name}2`, { hosts: { computers: ["WEB03"] } }))],
      ["delete", () => cluster.delete("ServerFarm", `${name}2`, NAMESPACE, 0)],
    ];
    for (const [index, [operation, step]] of steps.entries()) {
      const farm = index < 2 ? name : `${name}2`;
      const before = linesOf(farm).length;
      fail(operation, { kind: effect });
      await step();
      const unknown = await waitFor(
        `the ${operation} of unknown outcome`,
        () =>
          linesOf(farm)
            .slice(before)
            .find(({ result }) => result === "Unknown"),
        Boolean,
      );
      expect(unknown?.error).toContain("lost before the answer");
      const end = await waitFor(
        `the end of the ${operation}`,
        () => linesOf(farm).find(({ result, write }) => write === unknown?.write && result !== "Unknown"),
        Boolean,
      );
      expect([operation, end?.result, end?.attributes]).toEqual([operation, settled, unknown?.attributes]);
      if (operation === "delete") await cluster.waitGone("ServerFarm", farm, NAMESPACE);
      else await farmReady(NAMESPACE, farm);
      const group = [...replay(linesOf(farm)).values()].find(({ dn }) => dn.includes("Hosts"));
      expect([group?.members.size ?? 0, operation]).toEqual([(await directory.members(`${farm}Hosts`)).length, operation]);
    }
    middle.ldap.schedule.set();
  });
});
