import { expect, test } from "vitest";
import { clockSkew, decodeGeneralizedTime } from "../../src/directory/clock.ts";
import { Attributes } from "../../src/directory/entries.ts";

/** A domain controller whose clock is so many seconds ahead; without one it does not say the time. */
function serverAhead(seconds: number | undefined): Parameters<typeof clockSkew>[0] {
  const time = (): string => `${new Date(Date.now() + (seconds ?? 0) * 1000).toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}.0Z`;
  return {
    searchOne: () => Promise.resolve(new Attributes({ dn: "", ...(seconds === undefined ? {} : { currentTime: time() }) })),
  };
}

test.each([0, 600, -600, 86_400])("a clock that is %i s ahead is, to the second", async (seconds) => {
  // The server leaves out what is less than a second.
  expect(Math.abs(((await clockSkew(serverAhead(seconds))) ?? Number.NaN) + 0.5 - seconds)).toBeLessThanOrEqual(1);
});

test("a server that does not say the time is neither ahead nor behind", async () => {
  expect(await clockSkew(serverAhead(undefined))).toBeUndefined();
});

test.each([
  ["20261127015100.0Z", "2026-11-27T01:51:00Z"],
  ["20261127015159Z", "2026-11-27T01:51:59Z"],
  ["20240229235959.9Z", "2024-02-29T23:59:59Z"],
])("%s is %s", (text, time) => {
  expect(decodeGeneralizedTime(text)).toBe(Date.parse(time));
});

test.each(["", "20261127015100", "20261127015100+0100", "20261327015100.0Z", "20261127255100.0Z", "202611270151Z", "x20261127015100.0Z"])(
  "%j is no time of a domain controller",
  (text) => {
    expect(decodeGeneralizedTime(text)).toBeUndefined();
  },
);
