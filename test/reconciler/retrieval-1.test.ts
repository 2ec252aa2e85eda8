/** A quarter of the random lives, so that they run side by side. */
import { expect, test } from "vitest";
import { reconcileFarm } from "../../src/reconciler/farm.ts";
import { findFault } from "./retrieval.ts";

test(
  "who can retrieve the password is who is wanted and not quarantined, whatever becomes of the directory",
  { timeout: 900_000 },
  async () => {
    expect(await findFault(reconcileFarm, 1)).toBeUndefined();
  },
);
