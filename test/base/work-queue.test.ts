import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
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
});
