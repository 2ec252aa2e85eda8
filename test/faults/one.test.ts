import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { available, cleanUp, createNamespace, domainReady } from "../harness/world.ts";
import { type Between, between, liveThrough } from "./between.ts";
import { type Effect, matching, type Message, type Schedule } from "./schedule.ts";

const NAMESPACE = "one";

const QUICK: readonly Effect[] = [{ kind: "Delay", milliseconds: 300 }, { kind: "DropBefore" }, { kind: "DropAfter" }, { kind: "Reset" }];
const GARBAGE: Effect = { kind: "Garbage" };

describe.skipIf(!available)("one fault, at one message", () => {
  let operator: Operator;
  let middle: Between;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between();
    operator = await middle.start();
    await domainReady();
  });

  afterAll(async () => {
    for (const { schedule } of [middle.ldap, middle.http]) schedule.set();
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
  });

  const survive = async (schedule: Schedule, name: string, matches: (message: Message) => boolean, effect: Effect): Promise<void> => {
    await liveThrough(schedule, { matches, when: { nth: 1 }, effect }, NAMESPACE, name);
    expect(operator.exitCode).toBeNull();
  };

  const LDAP = ["search", "add", "modify", "delete"].flatMap((operation) =>
    [...QUICK, { kind: "Error", code: 51, text: "00002098: busy" } as const, { kind: "Error", code: 53 } as const].map((effect) => ({
      operation,
      what: effect.kind === "Error" ? `result ${effect.code}` : effect.kind,
      effect,
    })),
  );
  test.each(LDAP)("LDAP $operation: $what", async ({ operation, effect, what }) => {
    await survive(
      middle.ldap.schedule,
      `${operation}${what.toLowerCase().replaceAll(/\W/g, "")}`.slice(0, 14),
      matching("ldap", operation),
      effect,
    );
    await domainReady();
  });

  const REQUESTS: readonly (readonly [string, (message: Message) => boolean])[] = [
    ["status patch", matching("http", "PATCH", /serverfarms\/.*\/status/)],
    ["finalizer patch", matching("http", "PATCH", /serverfarms\/[^/]+(\?|$)/)],
    ["live read", matching("http", "GET", /serverfarms\/[^/?]+(\?|$)/)],
    ["event", matching("http", "POST", /events/)],
  ];
  const HTTP = REQUESTS.flatMap(([request, matches], index) =>
    [...QUICK, GARBAGE, ...[409, 429, 500].map((code) => ({ kind: "Error", code }) as const)].map((effect) => ({
      request,
      matches,
      effect,
      what: effect.kind === "Error" ? `HTTP ${effect.code}` : effect.kind,
      name: `http${index}${effect.kind === "Error" ? effect.code : effect.kind.toLowerCase()}`,
    })),
  );
  test.each(HTTP)("the API server's $request: $what", async ({ matches, effect, name }) => {
    await survive(middle.http.schedule, name, matches, effect);
  });

  const LINES = [...QUICK, GARBAGE, { kind: "Error", code: 500 } as const, { kind: "Error", code: 410 } as const].map((effect) => ({
    effect,
    what: effect.kind === "Error" ? `an ERROR event of ${effect.code}` : effect.kind,
    name: `watch${effect.kind === "Error" ? effect.code : effect.kind.toLowerCase()}`,
  }));
  test.each(LINES)("a line of the watch: $what", async ({ effect, name }) => {
    await survive(middle.http.schedule, name, matching("watch", "GET", /serverfarms/), effect);
  });
});
