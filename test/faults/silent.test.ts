import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { available, cleanUp, createNamespace, domainReady } from "../harness/world.ts";
import { type Between, between, liveThrough } from "./between.ts";
import { matching } from "./schedule.ts";

const NAMESPACE = "silent";

/** Nobody says that anything is wrong: only a deadline ends it. */
describe.skipIf(!available)("a server that does not answer in the middle of a write is given up, and asked again", () => {
  let operator: Operator;
  let middle: Between;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
    operator = await middle.start();
    await domainReady();
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
  });

  test("a directory whose connection is half open", { timeout: 180_000 }, async () => {
    await liveThrough(
      middle.ldap.schedule,
      { matches: matching("ldap", "add"), when: { nth: 1 }, effect: { kind: "Hang" } },
      NAMESPACE,
      "hangs",
      90,
    );
  });

  test("a directory that answers with what is no message, which the client skips", { timeout: 180_000 }, async () => {
    const fault = { matches: matching("ldap", "modify"), when: { nth: 1 }, effect: { kind: "Garbage" } } as const;
    await liveThrough(middle.ldap.schedule, fault, NAMESPACE, "garbage", 90);
  });

  test("an API server", { timeout: 180_000 }, async () => {
    const fault = { matches: matching("http", "PATCH", /status/), when: { nth: 1 }, effect: { kind: "Hang" } } as const;
    await liveThrough(middle.http.schedule, fault, NAMESPACE, "hangs-http", 90);
    await waitFor("readiness", async () => (await operator.ready()).status === 200);
  });
});
