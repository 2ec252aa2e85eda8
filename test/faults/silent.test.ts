import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { applyDomain, available, cleanUp, createNamespace, directory, domainReady } from "../harness/world.ts";
import { type Between, between, liveThrough } from "./between.ts";
import { LdapProxy } from "./ldap-proxy.ts";
import { matching, Schedule } from "./schedule.ts";

const NAMESPACE = "silent";

/** Nobody says that anything is wrong: only a deadline ends it. All at once, since each waits for most of its time; each has a way of its own. */
describe.skipIf(!available)("a server that does not answer in the middle of a write is given up, and asked again", () => {
  let operator: Operator;
  let middle: Between;
  let other: LdapProxy;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
    other = await LdapProxy.start({ url: directory.url, ca: directory.ca }, new Schedule());
    await applyDomain({ name: "direct" });
    await applyDomain({ name: "other", ca: other.ca, spec: { servers: [other.url] } });
    operator = await middle.start();
    for (const name of ["contoso", "direct", "other"]) await domainReady(30, name);
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
    await other.stop();
  });

  test.concurrent("a directory whose connection is half open", { timeout: 180_000 }, async () => {
    const fault = { matches: matching("ldap", "add"), when: { nth: 1 }, effect: { kind: "Hang" } } as const;
    await liveThrough(middle.ldap.schedule, fault, NAMESPACE, "hangs", 90);
  });

  test.concurrent("a directory that answers with what is no message, which the client skips", { timeout: 180_000 }, async () => {
    const fault = { matches: matching("ldap", "modify"), when: { nth: 1 }, effect: { kind: "Garbage" } } as const;
    await liveThrough(other.schedule, fault, NAMESPACE, "garbage", 90, "other");
  });

  test.concurrent("an API server", { timeout: 180_000 }, async () => {
    const fault = {
      matches: matching("http", "PATCH", /serverfarms\/unheard\/status/),
      when: { nth: 1 },
      effect: { kind: "Hang" },
    } as const;
    await liveThrough(middle.http.schedule, fault, NAMESPACE, "unheard", 90, "direct");
    await waitFor("readiness", async () => (await operator.ready()).status === 200);
  });
});
