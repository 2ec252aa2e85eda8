import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Gate } from "../../src/base/turns.ts";
import { WorkQueue } from "../../src/base/work-queue.ts";

describe("the work queue", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("holds a key once, however often it is added", async () => {
    const queue = new WorkQueue();
    for (const key of ["a", "b", "a", "a"]) queue.add(key);
    expect(queue.depth).toBe(2);
    expect([await queue.take(), await queue.take()]).toEqual(["a", "b"]);
  });

  test("never gives out a running key, and gives it once more when it was added meanwhile", async () => {
    const queue = new WorkQueue();
    queue.add("a");
    expect(await queue.take()).toBe("a");
    queue.add("a");
    queue.add("a");
    expect(queue.depth).toBe(0);
    queue.done("a");
    expect(queue.depth).toBe(1);
    expect(await queue.take()).toBe("a");
    queue.done("a");
    expect(queue.depth).toBe(0);
  });

  test("interrupts what runs for what is urgent, once, and nothing else", async () => {
    const queue = new WorkQueue();
    for (const key of ["a", "b"]) queue.add(key);
    const [first, other] = [await queue.take(), await queue.take()].map((key) => queue.interruptionOf(key ?? ""));
    queue.add("a", "Change");
    expect(first?.aborted).toBe(false);
    queue.add("a", "Urgent");
    expect([first?.aborted, other?.aborted]).toEqual([true, false]);
    queue.done("a");
    expect(await queue.take()).toBe("a");
    queue.add("a", "Urgent");
    expect([queue.priorityOf("a"), queue.interruptionOf("a").aborted]).toEqual(["Urgent", false]);
    expect(() => queue.interruptionOf("c")).toThrow("c does not run");
  });

  test("interrupts all that runs, and gives out nothing more", async () => {
    const queue = new WorkQueue();
    for (const key of ["a", "b"]) queue.add(key);
    await queue.take();
    const running = queue.interruptionOf("a");
    queue.interrupt();
    expect([running.aborted, await queue.take()]).toEqual([true, undefined]);
  });

  test("of two delays for one key the earlier wins", async () => {
    const queue = new WorkQueue();
    queue.addAfter("a", 5000);
    queue.addAfter("a", 1000);
    queue.addAfter("a", 9000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(queue.depth).toBe(1);
    expect(await queue.take()).toBe("a");
    queue.done("a");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(queue.depth).toBe(0);
  });

  test("changes go before resyncs, until a resync has waited long", async () => {
    const queue = new WorkQueue();
    queue.add("resync", "Resync");
    queue.add("change");
    expect(await queue.take()).toBe("change");
    queue.add("second");
    vi.advanceTimersByTime(10_001);
    queue.add("third");
    expect(await queue.take()).toBe("resync");
    expect(await queue.take()).toBe("second");
  });

  test("aged resyncs take every fourth turn, so that a change does not wait for all of them", async () => {
    const queue = new WorkQueue();
    for (let index = 0; index < 100; index++) queue.add(`resync${index}`, "Resync");
    vi.advanceTimersByTime(10_001);
    queue.add("change");
    const taken = [await queue.take(), await queue.take(), await queue.take()];
    expect(taken).toContain("change");
  });

  test("what has aged takes turns by priority: none starves beside two that always have something", async () => {
    const queue = new WorkQueue();
    queue.add("resync", "Resync");
    vi.advanceTimersByTime(10_001);
    const taken: (string | undefined)[] = [];
    for (let index = 0; index < 8; index++) {
      queue.add(`urgent${index}`, "Urgent");
      for (const more of ["a", "b"]) queue.add(`change${index}${more}`);
      vi.advanceTimersByTime(300);
      taken.push(await queue.take());
    }
    expect(taken).toContain("resync");
  });

  test("a change of a key that waits for a resync moves it up", async () => {
    const queue = new WorkQueue();
    queue.add("x", "Resync");
    queue.add("y", "Resync");
    queue.add("y");
    expect(queue.depth).toBe(2);
    expect(await queue.take()).toBe("y");
  });

  test("a taker waits for a key; closing ends all of them", async () => {
    const queue = new WorkQueue();
    const [first, second] = [queue.take(), queue.take()];
    queue.add("a");
    expect(await first).toBe("a");
    queue.close();
    expect(await second).toBeUndefined();
    expect(await queue.take()).toBeUndefined();
    queue.add("b");
    expect(queue.depth).toBe(0);
  });

  test("a dropped key is forgotten, with its delay", async () => {
    const queue = new WorkQueue();
    queue.add("a");
    queue.addAfter("b", 10);
    queue.drop("a");
    queue.drop("b");
    await vi.advanceTimersByTimeAsync(100);
    expect(queue.depth).toBe(0);
  });

  test("a delay keeps nothing of the reconcile that asked for it", async () => {
    vi.useRealTimers();
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const added = (): void => {
      seen.push(storage.getStore());
    };
    const queue = new WorkQueue({ observer: { added, taken: () => undefined, finished: () => undefined } });
    storage.run("a reconcile", () => {
      queue.addAfter("a", 1);
    });
    expect(await queue.take()).toBe("a");
    expect(seen).toEqual([undefined]);
  });

  describe("of several tenants in several lanes", () => {
    const queueOf = (limit: number): WorkQueue =>
      new WorkQueue({
        limit,
        // lane/tenant/name
        shareOf: (key) => {
          const [lane = "", tenant = ""] = key.split("/");
          return { lane, tenant };
        },
      });
    const takeAll = async (queue: WorkQueue, count: number): Promise<readonly (string | undefined)[]> =>
      await Promise.all(Array.from({ length: count }, () => queue.take()));

    test("a lane whose keys all run keeps no other lane waiting", async () => {
      const queue = queueOf(2);
      for (let index = 0; index < 10; index++) for (const tenant of ["web", "db"]) queue.add(`dead/${tenant}/${index}`);
      expect(await takeAll(queue, 2)).toEqual(["dead/web/0", "dead/db/0"]);
      const next = queue.take();
      queue.add("healthy/web/a");
      expect(await next).toBe("healthy/web/a");
      const later = queue.take();
      queue.done("dead/web/0");
      expect(await later).toBe("dead/web/1");
    });

    test("tenants take turns, however much one of them has", async () => {
      const queue = queueOf(Infinity);
      for (let index = 0; index < 100; index++) queue.add(`ad/noisy/${index}`);
      queue.add("ad/quiet/a");
      queue.add("ad/quiet/b");
      expect(await takeAll(queue, 4)).toEqual(["ad/noisy/0", "ad/quiet/a", "ad/noisy/1", "ad/quiet/b"]);
    });

    test("a tenant whose keys take long leaves the last quarter to others", async () => {
      const queue = queueOf(8);
      for (let index = 0; index < 10; index++) queue.add(`ad/slow/${index}`);
      expect(await takeAll(queue, 6)).toHaveLength(6);
      const [seventh, eighth] = [queue.take(), queue.take()];
      queue.add("ad/b/x");
      queue.add("ad/c/x");
      expect([await seventh, await eighth]).toEqual(["ad/b/x", "ad/c/x"]);
      const ninth = queue.take();
      queue.done("ad/b/x");
      queue.add("ad/d/x");
      expect(await ninth).toBe("ad/d/x");
    });

    test("of a tenant that has all the turns it may have, what is urgent takes half of what is left to others", async () => {
      const queue = queueOf(16);
      for (let index = 0; index < 20; index++) queue.add(`ad/web/${index}`);
      expect(await takeAll(queue, 12)).toHaveLength(12);
      for (let index = 0; index < 4; index++) queue.add(`ad/web/urgent${index}`, "Urgent");
      expect(await takeAll(queue, 2)).toEqual(["ad/web/urgent0", "ad/web/urgent1"]);
      const next = queue.take();
      queue.add("ad/quiet/x");
      expect(await next).toBe("ad/quiet/x");
    });

    test("what is urgent goes first, then changes, rechecks and resyncs", async () => {
      const queue = queueOf(Infinity);
      for (const priority of ["Resync", "Recheck", "Change", "Urgent"] as const) queue.add(`ad/web/${priority}`, priority);
      expect(await takeAll(queue, 4)).toEqual(["ad/web/Urgent", "ad/web/Change", "ad/web/Recheck", "ad/web/Resync"]);
    });

    test("a flood of urgent keys leaves every fourth turn to changes that wait", async () => {
      const queue = queueOf(Infinity);
      queue.add("ad/web/edit");
      for (let index = 0; index < 100; index++) queue.add(`ad/hostile/${index}`, "Urgent");
      vi.advanceTimersByTime(300);
      expect(await takeAll(queue, 4)).toContain("ad/web/edit");
    });

    test("a key that was urgent when it had its turn says so while it runs", async () => {
      const queue = queueOf(Infinity);
      queue.add("ad/web/a", "Resync");
      queue.add("ad/web/a", "Urgent");
      expect(queue.depth).toBe(1);
      expect(await queue.take()).toBe("ad/web/a");
      expect(queue.priorityOf("ad/web/a")).toBe("Urgent");
      queue.add("ad/web/a", "Resync");
      queue.add("ad/web/a", "Change");
      queue.done("ad/web/a");
      await queue.take();
      expect(queue.priorityOf("ad/web/a")).toBe("Change");
    });
  });
});

describe("the gate", () => {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const pass = (gate: Gate, tenant: string, name: string, priority: "Urgent" | "Change" = "Change"): Promise<string> =>
    gate.pass(tenant, priority, () => {
      const { promise, resolve } = Promise.withResolvers<string>();
      begun.push(name);
      ends.set(name, () => {
        resolve(name);
      });
      return promise;
    });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  beforeEach(() => {
    begun.length = 0;
    ends.clear();
  });

  test("lets so many through at once, and leaves room for a tenant that has nothing under way", async () => {
    const gate = new Gate(4);
    const all = [1, 2, 3, 4, 5].map((number) => pass(gate, "hostile", `h${number}`));
    all.push(pass(gate, "calm", "c1"));
    await settle();
    expect(begun).toEqual(["h1", "h2", "h3", "c1"]);
    // The last place is for somebody else.
    ends.get("h2")?.();
    await settle();
    expect(begun).toHaveLength(4);
    ends.get("c1")?.();
    await settle();
    expect(begun).toEqual(["h1", "h2", "h3", "c1", "h4"]);
    for (const name of ["h1", "h3", "h4"]) ends.get(name)?.();
    await settle();
    ends.get("h5")?.();
    expect(await Promise.all(all)).toEqual(["h1", "h2", "h3", "h4", "h5", "c1"]);
  });

  test.each([2, 3])("of %i places keeps one for another tenant, and a tenant alone gets on with the rest", async (limit) => {
    const gate = new Gate(limit);
    const all = [1, 2, 3, 4].map((number) => pass(gate, "hostile", `h${number}`));
    await settle();
    const first = ["h1", "h2"].slice(0, limit - 1);
    expect(begun).toEqual(first);
    all.push(pass(gate, "calm", "c1"));
    await settle();
    expect(begun).toEqual([...first, "c1"]);
    for (const name of ["h1", "c1", "h2", "h3", "h4"]) {
      expect(begun).toContain(name);
      ends.get(name)?.();
      await settle();
    }
    expect(await Promise.all(all)).toEqual(["h1", "h2", "h3", "h4", "c1"]);
  });

  test("takes tenants by turns, and what is urgent first", async () => {
    const gate = new Gate(1);
    const all = [
      pass(gate, "a", "first"),
      pass(gate, "a", "a1"),
      pass(gate, "a", "a2"),
      pass(gate, "b", "b1"),
      pass(gate, "b", "b2", "Urgent"),
    ];
    await settle();
    for (const name of ["first", "b2", "a1", "b1", "a2"]) {
      expect(begun.at(-1)).toBe(name);
      ends.get(name)?.();
      await settle();
    }
    expect(await Promise.all(all)).toHaveLength(5);
  });

  test("goes on after what fails, which tells whoever waits for it", async () => {
    const gate = new Gate(1);
    const failed = gate.pass("a", "Change", () => Promise.reject(new Error("no")));
    const next = gate.pass("a", "Change", () => Promise.resolve("yes"));
    await expect(failed).rejects.toThrow("no");
    expect(await next).toBe("yes");
  });
});
