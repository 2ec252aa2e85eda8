/** What a deleted farm says while the deletion budget of its domain holds it back. */
import { expect, test } from "vitest";
import type { ServerFarm } from "../../../src/api/generated/server-farm.ts";
import { heldEnd } from "../../../src/farm/status/held-end.ts";
import { farm } from "../simulation.ts";

const held: ServerFarm = farm({});
const UNTIL = "2026-11-27T10:00:00Z";

test.each([
  [
    "how many, within what, and when the next may",
    10,
    UNTIL,
    `it allows 10 farms within 1h. The farm continues automatically when its turn comes (the next one at ${UNTIL}), the oldest deletion first.`,
    false,
  ],
  [
    "one is one",
    1,
    UNTIL,
    `it allows 1 farm within 1h. The farm continues automatically when its turn comes (the next one at ${UNTIL}), the oldest deletion first.`,
    false,
  ],
  [
    "no time where others come first",
    2,
    undefined,
    "it allows 2 farms within 1h. The farm continues automatically when its turn comes, the oldest deletion first.",
    false,
  ],
  ["that no time helps where each has to be confirmed", 0, undefined, "it allows no deletion without confirmation.", true],
] as const)("it says %s", (_, farms, from, text, stalled) => {
  const end = heldEnd(held, { farms, per: "1h" }, from);
  expect(end.message).toContain(
    `the deletion budget of the ActiveDirectoryDomain contoso holds this farm back: ${text} To keep its objects`,
  );
  expect(end.message).toContain(
    `to delete them now, run: kubectl annotate farm itfarm1 -n web serverfarm.dev/confirm-deletion=${held.metadata.uid}`,
  );
  expect(end.stalled).toBe(stalled);
});
