import { describe, expect, test } from "vitest";
import { inOrder, type WeightedServer } from "../../src/directory/srv-order.ts";

/** The same numbers in each run (Lehmer's generator). */
function seeded(): () => number {
  let state = 42;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const random = seeded();
const server = (name: string, priority = 0, weight = 100): WeightedServer => ({ name, priority, weight });
const order = (records: readonly WeightedServer[], atMost = 100, preferred?: string): readonly string[] =>
  inOrder(records, { atMost, preferred, random });

/** How often each is the first, in parts of one. */
function firsts(records: readonly WeightedServer[], runs = 20_000): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let run = 0; run < runs; run++) {
    const [first = ""] = order(records);
    counts[first] = (counts[first] ?? 0) + 1 / runs;
  }
  return counts;
}

describe("the order of servers", () => {
  test("is that of their priorities, whatever their weights", () => {
    const records = [server("c", 20, 65_535), server("a", 0, 0), server("b", 10, 1)];
    for (let run = 0; run < 100; run++) expect(order(records)).toEqual(["a", "b", "c"]);
  });

  test("is random within a priority, in proportion to the weights", () => {
    const share = firsts([server("heavy", 0, 300), server("light", 0, 100), server("later", 1, 10_000)]);
    expect(share["heavy"]).toBeCloseTo(0.75, 1);
    expect(share["light"]).toBeCloseTo(0.25, 1);
    expect(share["later"]).toBeUndefined();
  });

  test("of the second is that of what is left", () => {
    let before = 0;
    const runs = 20_000;
    for (let run = 0; run < runs; run++) {
      const names = order([server("a", 0, 1000), server("b", 0, 300), server("c", 0, 100)]);
      if (names.indexOf("b") < names.indexOf("c")) before += 1 / runs;
    }
    expect(before).toBeCloseTo(0.75, 1);
  });

  test("hardly ever begins with one that has no weight beside one that has", () => {
    const share = firsts([server("none", 0, 0), server("some", 0, 99)]);
    expect(share["none"]).toBeGreaterThan(0);
    expect(share["none"]).toBeLessThan(0.02);
  });

  test("is as fair where nobody has a weight", () => {
    const share = firsts([server("a", 0, 0), server("b", 0, 0), server("c", 0, 0)]);
    for (const name of ["a", "b", "c"]) expect(share[name]).toBeCloseTo(1 / 3, 1);
  });

  test("begins with the preferred one among those of its priority, and not before a lower one", () => {
    const records = [server("a", 0), server("b", 0), server("c", 5), server("d", 5)];
    for (let run = 0; run < 100; run++) {
      expect(order(records, 4, "b")[0]).toBe("b");
      expect(order(records, 4, "d").indexOf("d")).toBe(2);
      expect(order(records, 4, "gone")).toHaveLength(4);
    }
  });

  test("has each once, and of very many no more than are asked for", () => {
    expect(order([server("a"), server("a", 1), server("a"), server("b", 2)])).toEqual(["a", "b"]);
    const many = Array.from({ length: 3000 }, (_, index) => server(`dc${index}`));
    expect(new Set(order(many, 8))).toHaveLength(8);
    expect(order(many, 8)).not.toEqual(order(many, 8));
    expect(order(many, 8, "dc2999")[0]).toBe("dc2999");
    expect(order([], 8)).toEqual([]);
  });
});
