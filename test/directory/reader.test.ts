/** How often a directory is asked that takes long to answer. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { LdapReader } from "../../src/directory/reader.ts";
import { LdapSession } from "../../src/directory/session.ts";
import { LdapProxy } from "../faults/ldap-proxy.ts";
import { matching, Schedule } from "../faults/schedule.ts";
import { ADMINISTRATOR } from "../harness/directory.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";

/** From one question to the next, and from a search to its answer (ms). */
const [EVERY, TAKES] = [10, 40];

test.each([
  ["every 40 ms at most", false, 40],
  ["every 20 ms at most, and no more seldom, where it is urgent", true, 20],
])("a slow directory is asked %s", { timeout: 60_000 }, async (_, urgent, patience) => {
  const directory = await SandboxDirectory.create();
  const slow = { matches: matching("ldap", "search"), when: { probability: 1 }, effect: { kind: "Lag", milliseconds: TAKES } } as const;
  const proxy = await LdapProxy.start(directory, new Schedule([slow]));
  let searches = 0;
  const observe = (operation: string): void => {
    if (operation === "search") searches++;
  };
  const fence = { until: Number.POSITIVE_INFINITY };
  const session = await LdapSession.open({ servers: [proxy.url], ca: proxy.ca, ...ADMINISTRATOR, fence, observe });
  const reader = new LdapReader(session);
  const ask = (name: string) =>
    reader.find({ lookups: [{ by: "sAMAccountName", value: `${name}$` }], among: "Computers", urgent }, new AbortController().signal);
  // How long a search takes is known from the first one.
  await ask("WEB01");
  searches = 0;
  const started = performance.now();
  const answers = [];
  for (let index = 0; index < 60; index++) {
    answers.push(ask(`WEB0${(index % 3) + 1}`));
    await sleep(EVERY);
  }
  const found = await Promise.all(answers);
  const elapsed = performance.now() - started;
  expect(new Set(found.map((objects) => objects.map(({ samAccountName }) => samAccountName).join()))).toEqual(
    new Set(["WEB01$", "WEB02$", "WEB03$"]),
  );
  expect(searches).toBeLessThanOrEqual(2 + elapsed / patience);
  expect(searches).toBeGreaterThan(urgent ? 10 : 1);
  session.close();
  await proxy.stop();
  await directory.stop();
});
