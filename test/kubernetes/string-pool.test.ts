import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { StringPool } from "../../src/kubernetes/reflector.ts";

test("what comes out of the pool is what went in, whatever it is and however full the pool", () => {
  const pool = new StringPool();
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(pool.share(structuredClone(value))).toEqual(value);
    }),
  );
  for (let index = 0; index < 50_000; index++) expect(pool.share([`s${index}`])).toEqual([`s${index}`]);
});

test("equal strings of many objects are in memory once", () => {
  const text = JSON.stringify({ list: ["x".repeat(500)], inner: { text: "y".repeat(500) } });
  const pool = new StringPool();
  const before = usedHeap();
  // One by one, as a watch brings them: the parser knows nothing of those before.
  const objects = Array.from({ length: 20_000 }, (_, index) => {
    pool.share(`of this object alone: ${index}`);
    return pool.share(JSON.parse(text));
  });
  const megabytes = (usedHeap() - before) / 1e6;
  expect(objects.at(-1)).toEqual(JSON.parse(text));
  // With strings of their own they take 20 MB more.
  expect(megabytes).toBeLessThan(10);
});

test("a pool forgets what it does not meet again", () => {
  const pool = new StringPool();
  const before = usedHeap();
  for (let index = 0; index < 50_000; index++) pool.share({ name: `${index}-`.padEnd(200, "z") });
  const megabytes = (usedHeap() - before) / 1e6;
  // All of them take 12 MB, those of two generations 2.
  expect(megabytes).toBeLessThan(4);
});

/** After a collection: in bytes. */
function usedHeap(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("no gc");
  collect();
  return process.memoryUsage().heapUsed;
}
