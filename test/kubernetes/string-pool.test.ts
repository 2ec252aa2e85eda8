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
