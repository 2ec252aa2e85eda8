import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ServerFarm } from "../../src/api/generated/server-farm.ts";
import { keyOf } from "../../src/api/object.ts";
import { WorkQueue } from "../../src/base/work-queue.ts";
import { DomainNews, farmWaker, wakeForNames } from "../../src/controller/wake-farms.ts";
import { WakeIndex } from "../../src/controller/wake-index.ts";
import type { FeedBatch, FeedEntry } from "../../src/directory/feed.ts";
import { lookupKey } from "../../src/names/identifier.ts";
import { BASE, computer, farm } from "../farm/simulation.ts";

type Spec = Parameters<typeof farm>[0];

function named(name: string, spec: Spec = {}, deleted = false): ServerFarm {
  const made = farm(spec, { observedGeneration: 1 }, 1);
  const metadata = { ...made.metadata, name, uid: name, ...(deleted ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}) };
  return { ...made, metadata };
}

function world(...farms: readonly ServerFarm[]) {
  const copies = new Map(farms.map((one) => [keyOf(one.metadata), one]));
  const objects = { get: (key: string) => copies.get(key), list: () => [...copies.values()], subscribe: () => undefined };
  const woken = { objects, queue: new WorkQueue(), wakes: new WakeIndex() };
  const news = new DomainNews();
  news.subscribe(farmWaker(woken, () => new Set([...copies.keys(), "elsewhere/unwatched"])));
  const taken = async (): Promise<readonly string[]> => {
    const keys: string[] = [];
    while (woken.queue.depth > 0) keys.push((await woken.queue.take()) ?? "");
    return keys;
  };
  return { ...woken, copies, news, taken };
}

describe("when everything in a domain has to be compared", () => {
  const many = Array.from({ length: 20 }, (_, index) => named(`farm${index}`));

  test("who keeps somebody out, and who is to go, do not wait for the rest, though they had their turn before the domain could be reached", async () => {
    const quarantining = named("quarantining", { hosts: { computers: ["WEB01"], quarantined: ["WEB01"] } });
    const { news, taken } = world(...many, quarantining, named("ended", {}, true));
    news.tellAll("contoso");
    const keys = await taken();
    expect(keys.slice(0, 2).toSorted()).toEqual(["web/ended", "web/quarantining"]);
    expect(keys).toHaveLength(22);
  });

  test("a feed that lists no changes says the same", async () => {
    const { news, taken } = world(...many);
    await news.tell("contoso", { kind: "Everything" });
    expect(await taken()).toHaveLength(20);
  });
});

/** Rejects unless others had their turns while the work went on: one in each 5 ms, of which half are certain. `each`: done in each of them. */
async function leavesTurns(work: () => Promise<void>, each: (turn: number) => void = () => undefined): Promise<void> {
  const meanwhile = { turns: 0, over: false };
  const others = (async () => {
    while (!meanwhile.over) {
      each(meanwhile.turns++);
      await setImmediate();
    }
  })();
  const started = process.threadCpuUsage();
  await work();
  const spent = process.threadCpuUsage(started);
  meanwhile.over = true;
  await others;
  expect(meanwhile.turns).toBeGreaterThan((spent.user + spent.system) / 1000 / 10);
  expect(meanwhile.turns).toBeGreaterThan(2);
}

describe("what many farms asked for", () => {
  const hosts = Array.from({ length: 1000 }, (_, usn) => ({ ...computer(`WEB${usn}`), objectGUID: crypto.randomUUID(), usn }));
  const keys = new Set(hosts.map(({ objectGUID }) => objectGUID));
  const farms = Array.from({ length: 100 }, (_, index) => named(`farm${index}`));
  const changes = (add = 0): FeedBatch => ({
    kind: "Changes",
    feed: 1,
    entries: hosts.map((host) => ({ object: { ...host, usn: host.usn + add }, deleted: false, keys: [host.objectGUID], within: [] })),
  });

  test("1,000 changes of as many hosts that a hundred farms have seen hold nobody up", async () => {
    const { news, wakes, taken } = world(...farms);
    for (const { metadata } of farms) wakes.set(keyOf(metadata), keys, hosts, 1);
    await leavesTurns(() => news.tell("contoso", changes()));
    expect(await taken()).toEqual([]);
    await news.tell("contoso", changes(1));
    expect(await taken()).toHaveLength(100);
  });

  test("a farm that goes meanwhile is not queued, and one that comes is", async () => {
    const [gone, come, seen] = [named("gone"), named("come"), named("seen")];
    const { copies, news, wakes, taken } = world(...farms, gone, come, seen);
    const [first, last] = [hosts.slice(0, 1), hosts.slice(-1)];
    const ids = (objects: typeof hosts): ReadonlySet<string> => new Set(objects.map(({ objectGUID }) => objectGUID));
    for (const { metadata } of farms) wakes.set(keyOf(metadata), keys, hosts, 1);
    wakes.set("web/gone", ids([...first, ...last]), [], 1);
    wakes.set("web/seen", ids(last), [], 1);
    const change = (turn: number): void => {
      // The work has begun by then.
      if (turn !== 1) return;
      copies.delete("web/gone");
      wakes.remove("web/gone");
      wakes.set("web/come", ids(last), [], 1);
      wakes.set("web/seen", ids(last), last, 1);
    };
    await leavesTurns(() => news.tell("contoso", changes()), change);
    expect(await taken()).toEqual(["web/come"]);
  });
});

describe("what changed below a container", () => {
  const below = lookupKey("distinguishedName", `OU=Web,${BASE}`);
  const entryOf = (name: string, within = [below]): FeedEntry => ({
    object: { ...computer(name), usn: 5 },
    deleted: false,
    keys: [],
    within,
  });
  const searching = (name: string, ...names: readonly string[]): ServerFarm =>
    named(name, { hosts: { search: { container: "OU=Web", names: [...names], max: 200, maxRemoval: "20%" } } });

  test("wakes the farms that search there for such names, and have not seen it", async () => {
    const farms = [searching("web", "WEB*"), searching("sql", "SQL*"), searching("seen", "WEB*"), named("other")];
    const { news, wakes, taken } = world(...farms);
    const entry = entryOf("WEB09");
    for (const { metadata } of farms.slice(0, 3)) wakes.set(keyOf(metadata), new Set([below]), [], 1);
    wakes.set("web/seen", new Set([below]), [entry.object], 1);
    await news.tell("contoso", { kind: "Changes", feed: 1, entries: [entry] });
    expect(await taken()).toEqual(["web/web"]);
  });

  test("holds nobody up, however many farms search where however many objects changed", async () => {
    const farms = Array.from({ length: 1000 }, (_, index) => searching(`farm${index}`, `NONE${index}*`, `OTHER${index}*`));
    const { news, wakes, taken } = world(...farms, searching("meant", "WEB999"));
    for (const key of [...farms.map(({ metadata }) => keyOf(metadata)), "web/meant"]) wakes.set(key, new Set([below]), [], 1);
    const entries = Array.from({ length: 1000 }, (_, index) => entryOf(`WEB${index}`));
    await leavesTurns(() => news.tell("contoso", { kind: "Changes", feed: 1, entries }));
    expect(await taken()).toEqual(["web/meant"]);
  });
});

test("what another server tells wakes a farm whose look there is not over yet, however much higher the first server's USNs were", async () => {
  const { news, wakes, taken } = world(named("web"));
  const host = { ...computer("WEB01"), usn: 9_000_000 };
  const change = { object: { ...host, usn: 300_150 }, deleted: false, keys: [host.objectGUID], within: [] };
  wakes.set("web/web", new Set([host.objectGUID]), [host], 1);
  wakes.add("web/web", new Set(["web$"]));
  await news.tell("contoso", { kind: "Changes", feed: 2, entries: [change] });
  expect(await taken()).toEqual(["web/web"]);
  wakes.set("web/web", new Set([host.objectGUID]), [{ ...host, usn: 300_150 }], 2);
  await news.tell("contoso", { kind: "Changes", feed: 2, entries: [change] });
  expect(await taken()).toEqual([]);
});

test("a name that is given up wakes who waits for it in the same domain, and nobody else", async () => {
  const [giver, waiter, other] = [named("giver"), named("waiter"), named("stranger")];
  const stranger = { ...other, spec: { ...other.spec, domainRef: { name: "other" } } };
  const { wakes, queue, objects, taken } = world(giver, waiter, stranger);
  const key = lookupKey("servicePrincipalName", "http/shop");
  for (const { metadata } of [giver, waiter, stranger]) wakes.set(keyOf(metadata), new Set([key]), [], 1);
  wakeForNames(giver, ["http/shop"], { objects, queue, wakes });
  expect(await taken()).toEqual(["web/waiter"]);
});
