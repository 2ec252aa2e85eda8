/** How often a directory is asked that takes long to answer, and who waits for whom. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Query } from "../../src/ad/lookup.ts";
import { ContainerSearches } from "../../src/directory/container-searches.ts";
import { LdapReader } from "../../src/directory/reader.ts";
import { LdapSession } from "../../src/directory/session.ts";
import { decodeGuid, ownerMarker } from "../../src/names/identifier.ts";
import { LdapProxy } from "../faults/ldap-proxy.ts";
import { matching, type Message, Schedule } from "../faults/schedule.ts";
import { addContainer, addMany, inDomain, numbered } from "../harness/computers.ts";
import { ADMINISTRATOR } from "../harness/directory.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";

/** From one question to the next, and from a search to its answer (ms). */
const [EVERY, TAKES] = [10, 40];

const fence = { until: Number.POSITIVE_INFINITY };
const signal = new AbortController().signal;
const search = matching("ldap", "search");

test.each([
  ["every 40 ms at most", false, 40],
  ["every 20 ms at most, and no more seldom, where it is urgent", true, 20],
])("a slow directory is asked %s", { timeout: 60_000 }, async (_, urgent, patience) => {
  const directory = await SandboxDirectory.create();
  const slow = { matches: search, when: { probability: 1 }, effect: { kind: "Lag", milliseconds: TAKES } } as const;
  const proxy = await LdapProxy.start(directory, new Schedule([slow]));
  let searches = 0;
  const observe = (operation: string): void => {
    if (operation === "search") searches++;
  };
  const session = await LdapSession.open({ servers: [proxy.url], ca: proxy.ca, ...ADMINISTRATOR, fence, observe });
  const reader = new LdapReader(session);
  const ask = (name: string) => reader.find({ lookups: [{ by: "sAMAccountName", value: `${name}$` }], among: "Computers", urgent }, signal);
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

describe("who waits for whom", () => {
  let directory: SandboxDirectory;
  let proxy: LdapProxy;
  let session: LdapSession;
  const schedule = new Schedule();
  const sent = (): number => schedule.seen.filter(search).length;

  beforeAll(async () => {
    directory = await SandboxDirectory.create();
    proxy = await LdapProxy.start(directory, schedule);
    session = await LdapSession.open({ servers: [proxy.url], ca: proxy.ca, ...ADMINISTRATOR, fence, observe: () => undefined });
  });

  afterAll(async () => {
    session.close();
    await proxy.stop();
    await directory.stop();
  });

  beforeEach(() => {
    schedule.set();
    schedule.seen.length = 0;
  });

  const computer = (name: string): Query => ({ lookups: [{ by: "sAMAccountName", value: `${name}$` }], among: "Computers" });

  test("members of a large group hold up their own asker alone", { timeout: 60_000 }, async () => {
    const [container, names] = [inDomain("OU=Large"), numbered("LARGE", 3100)];
    await addContainer(directory, container);
    await addMany(directory, container, names);
    const member = names.map((name) => `CN=${name},${container}`);
    await directory.asAdministrator((client) =>
      client.add(`CN=Large,${container}`, { objectClass: "group", sAMAccountName: "large", groupType: "-2147483646", member }),
    );
    // The first search is quick; each part that is read after it takes long.
    let searches = 0;
    const isLater = (message: Message): boolean => search(message) && searches++ > 0 && searches <= 3;
    schedule.set({ matches: isLater, when: { probability: 1 }, effect: { kind: "Lag", milliseconds: 1000 } });
    const reader = new LdapReader(session);
    const ended: string[] = [];
    const large = reader
      .find({ lookups: [{ by: "sAMAccountName", value: "large" }], among: "Objects", allMembersOf: () => true }, signal)
      .finally(() => ended.push("large"));
    const small = reader.find(computer("WEB01"), signal).finally(() => ended.push("small"));
    expect((await small).map(({ samAccountName }) => samAccountName)).toEqual(["WEB01$"]);
    expect(ended).toEqual(["small"]);
    const [group, ...others] = await large;
    expect(others).toEqual([]);
    expect(new Set(group?.members)).toEqual(new Set(member));
    expect(sent()).toBe(3);
  });

  const lag = (milliseconds: number): void => {
    schedule.set({ matches: search, when: { probability: 1 }, effect: { kind: "Lag", milliseconds } });
  };

  test("searches for owner markers, which no index serves, leave the other places to others", async () => {
    const reader = new LdapReader(session);
    lag(1500);
    const owned = [];
    for (let index = 0; index < 5; index++) {
      const owner = ownerMarker("cluster", { namespace: "web", name: `web${index}` });
      owned.push(reader.find({ lookups: [{ by: "adminDescription", value: owner }], among: "Objects" }, signal));
      await sleep(60);
    }
    await expect.poll(sent).toBe(1);
    const small = reader.find(computer("WEB01"), signal);
    await expect.poll(sent).toBe(2);
    lag(0);
    expect(await small).toHaveLength(1);
    expect(await Promise.all(owned)).toEqual([[], [], [], [], []]);
    // The four others went together.
    expect(sent()).toBe(3);
  });

  test("slow searches of one tenant below containers leave a place to another", async () => {
    const reader = new ContainerSearches(session);
    const [entry] = await directory.search("(objectClass=*)", ["objectGUID"], { scope: "base" }, inDomain("CN=Computers"));
    const guid = entry?.["objectGUID"];
    const container = Buffer.isBuffer(guid) ? decodeGuid(guid) : "";
    const find = (tenant: string, name: string) =>
      reader.find({ lookups: [], among: "Computers", below: { container, names: [name], atMost: 10 }, tenant }, signal);
    lag(1000);
    const all = ["WEB01", "WEB02", "WEB03"].map((name) => find("slow", name));
    await expect.poll(sent).toBe(2);
    await sleep(60);
    expect(sent()).toBe(2);
    all.push(find("other", "WEB02"), find("other", "WEB01"));
    await expect.poll(sent).toBe(3);
    lag(0);
    expect((await Promise.all(all)).map((found) => found.length)).toEqual([1, 1, 1, 1, 1]);
  });

  test("one that spoils a search for many costs them a few more, and not one for each", async () => {
    const reader = new LdapReader(session);
    const bad = reader.find({ lookups: [{ by: "objectGUID", value: "no GUID" }], among: "Computers" }, signal);
    const good = Array.from({ length: 31 }, (_, index) => reader.find(computer(`WEB0${(index % 3) + 1}`), signal));
    await expect(bad).rejects.toThrow("no GUID is not a GUID");
    const found = await Promise.all(good);
    expect(found.map((objects) => objects.map(({ samAccountName }) => samAccountName).join())).toEqual(
      Array.from({ length: 31 }, (_, index) => `WEB0${(index % 3) + 1}$`),
    );
    // Of 16, of 8, of 4, of 2 and of 1.
    expect(sent()).toBe(5);
  });
});
