import { describe, expect, test } from "vitest";
import { DomainState } from "../../src/domain/state.ts";
import type { DomainObservation } from "../../src/ad/domain.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const SEEN: DomainObservation = {
  url: "ldaps://dc1.contoso.com",
  dnsHostName: "dc1.contoso.com",
  baseDN: "DC=contoso,DC=com",
  functionalLevel: 7,
  invocationId: "database-1",
  schemaVersion: 88,
  domainSID: undefined,
  objectGUID: undefined,
  forestDNSName: undefined,
  netBIOSName: undefined,
  machineAccountQuota: 10,
  wellKnownContainers: [],
  servicePrincipalNameMappings: new Map(),
  account: "svc-farms@contoso.com",
  kdsRootKey: { kind: "Proven", by: "CN=x" },
  missingRights: [],
};

/** A state with a clock that the test sets. */
function stateAt(): { state: DomainState; clock: { now: number } } {
  const clock = { now: 1 };
  return { state: new DomainState({ monotonic: () => clock.now, wall: () => new Date() }), clock };
}

describe("what is known of a domain", () => {
  test("is looked at anew for another generation, another session, and when it is old", () => {
    const { state, clock } = stateAt();
    expect(state.isDue(1, HOUR)).toBe(true);
    expect(state.accept(SEEN, 1, undefined), "farms are looked at").toBe(true);
    expect(state.isDue(1, HOUR)).toBe(false);
    expect(state.isDue(2, HOUR)).toBe(true);
    clock.now += HOUR + 1;
    expect(state.isDue(1, HOUR)).toBe(true);
    expect(state.accept(SEEN, 1, undefined), "nothing is new: they are not").toBe(false);
    state.connected();
    expect([state.settled, state.isDue(1, HOUR)]).toEqual([false, true]);
    expect(state.accept(SEEN, 1, undefined), "nobody knows what happened without a session").toBe(true);
  });

  test.each([
    ["something is not as it should be", { missingRights: [{ kind: "NoContainer", container: "OU=x" }] }],
    ["the clock is wrong", { clockSkew: 301 }],
  ] as const)("is looked at each minute while %s", (_, wrong) => {
    const { state, clock } = stateAt();
    state.accept({ ...SEEN, ...wrong }, 1, undefined);
    expect(state.ready).toBe(true);
    expect(state.isDue(1, HOUR)).toBe(false);
    clock.now += MINUTE + 1;
    expect(state.isDue(1, HOUR)).toBe(true);
  });

  test("is not complete for an hour where another database took over, now or since the program ran last", () => {
    for (const [first, recorded] of [
      ["database-1", undefined],
      [undefined, { invocationId: "database-1" }],
    ] as const) {
      const { state, clock } = stateAt();
      if (first !== undefined) state.accept({ ...SEEN, invocationId: first }, 1, undefined);
      expect(state.absenceReliable).toBe(true);
      state.accept({ ...SEEN, invocationId: "database-2" }, 1, recorded);
      expect(state.absenceReliable).toBe(false);
      clock.now += HOUR;
      expect(state.absenceReliable).toBe(false);
      // The same one again starts no other hour.
      state.accept({ ...SEEN, invocationId: "database-2" }, 1, recorded);
      clock.now += 1;
      expect(state.absenceReliable).toBe(true);
    }
  });

  test("one that does not tell its database is known by its name", () => {
    const silent = { ...SEEN, invocationId: undefined };
    const { dnsHostName } = SEEN;
    const completeAfter = (recorded: Parameters<DomainState["accept"]>[2]): boolean => {
      const { state } = stateAt();
      state.accept(silent, 1, recorded);
      return state.absenceReliable;
    };
    expect(completeAfter(undefined)).toBe(true);
    expect(completeAfter({ dnsHostName })).toBe(true);
    expect(completeAfter({ dnsHostName, invocationId: "database-1" })).toBe(true);
    expect(completeAfter({ dnsHostName, tookOverAt: new Date().toISOString() })).toBe(false);
    expect(completeAfter({ dnsHostName: "dc2.contoso.com" })).toBe(false);
    const { state } = stateAt();
    state.accept(silent, 1, undefined);
    state.accept({ ...silent, dnsHostName: "dc2.contoso.com" }, 1, undefined);
    expect(state.absenceReliable).toBe(false);
  });

  test("nor for what is left of the hour where the program that saw it take over ended", () => {
    for (const [minutes, left] of [
      [20, 40],
      // A clock that was put back since.
      [-20, 60],
    ] as const) {
      const { state: earlier } = stateAt();
      earlier.accept(SEEN, 1, undefined);
      earlier.accept({ ...SEEN, invocationId: "database-2" }, 1, undefined);
      expect(earlier.view).toMatchObject({ tookOverAt: expect.stringMatching(/^\d{4}-.*Z$/) });
      const recorded = { invocationId: "database-2", tookOverAt: new Date(Date.now() - minutes * MINUTE).toISOString() };
      const { state, clock } = stateAt();
      state.accept({ ...SEEN, invocationId: "database-2" }, 1, recorded);
      clock.now += left * MINUTE - 1000;
      expect(state.absenceReliable).toBe(false);
      clock.now += 2000;
      expect(state.absenceReliable).toBe(true);
      expect(state.view, "it is still said").toMatchObject({ tookOverAt: recorded.tookOverAt });
      // Back again, another hour.
      state.accept(SEEN, 1, recorded);
      expect(state.absenceReliable).toBe(false);
    }
  });

  test("holds farms back until the status names a server that took over", () => {
    const { state } = stateAt();
    state.accept(SEEN, 1, undefined);
    expect([state.settled, state.recorded()]).toEqual([true, false]);
    state.connected();
    state.accept({ ...SEEN, invocationId: "database-2" }, 1, undefined);
    expect(state.settled).toBe(false);
    // What is written of a problem does not name it.
    state.drop({ reason: "DirectoryUnavailable", message: "away" });
    expect(state.recorded()).toBe(false);
    state.accept({ ...SEEN, invocationId: "database-2" }, 1, undefined);
    expect(state.settled).toBe(false);
    expect([state.recorded(), state.settled, state.recorded()]).toEqual([true, true, false]);
  });

  test("a problem is news once; a domain that was ready stays so while its connection is made anew", () => {
    const { state } = stateAt();
    state.accept(SEEN, 1, undefined);
    state.restart();
    expect([state.view.kind, state.ready]).toEqual(["Connecting", true]);
    const problem = { reason: "DirectoryUnavailable", message: "away" } as const;
    expect([state.drop(problem), state.drop(problem), state.drop({ ...problem, message: "else" })]).toEqual([true, false, true]);
    expect(state.ready).toBe(false);
    expect(state.accept(SEEN, 1, undefined)).toBe(true);
  });
});

describe("what is known of a domain, at the edges", () => {
  test("is nothing before the first look", () => {
    const { state } = stateAt();
    expect([state.view, state.ready, state.settled, state.isDue(-1, HOUR)]).toEqual([{ kind: "Connecting" }, false, false, true]);
    expect(state.recorded()).toBe(false);
  });

  test("is good for as long as it says where all is well, and not a moment longer", () => {
    const { state, clock } = stateAt();
    clock.now = 5000;
    state.accept(SEEN, 1, undefined);
    clock.now += HOUR;
    expect(state.isDue(1, HOUR)).toBe(false);
    clock.now += 1;
    expect(state.isDue(1, HOUR)).toBe(true);
  });

  test("is nothing any more with other settings, or once there is no session", () => {
    const { state } = stateAt();
    state.accept(SEEN, 1, undefined);
    state.restart();
    expect([state.view.kind, state.isDue(1, HOUR)]).toEqual(["Connecting", true]);
    state.accept(SEEN, 1, undefined);
    state.drop({ reason: "DirectoryUnavailable", message: "x" });
    expect([state.ready, state.isDue(1, HOUR)]).toEqual([false, true]);
  });

  test("is news to its farms where it becomes ready, or ceases to be, at one look to the next", () => {
    const { state } = stateAt();
    state.accept(SEEN, 1, undefined);
    expect(state.accept({ ...SEEN, functionalLevel: 1 }, 1, undefined)).toBe(true);
    expect([state.ready, state.accept({ ...SEEN, functionalLevel: 1 }, 1, undefined)]).toEqual([false, false]);
    expect([state.accept(SEEN, 1, undefined), state.ready]).toEqual([true, true]);
  });

  test("a problem is news once; another one, and one after it was ready, is news again", () => {
    const { state } = stateAt();
    const problem = (message: string) => ({ reason: "DirectoryUnavailable", message }) as const;
    expect([state.drop(problem("a")), state.drop(problem("a")), state.drop(problem("b"))]).toEqual([true, false, true]);
    state.accept(SEEN, 1, undefined);
    expect([state.drop(problem("b")), state.drop(problem("b"))]).toEqual([true, false]);
    state.accept({ ...SEEN, functionalLevel: 1 }, 1, undefined);
    expect(state.drop(problem("b")), "it was connected meanwhile").toBe(true);
  });

  test("a server that does not tell its database is known by its name", () => {
    const took = (first: string | undefined, second: string | undefined, dnsHostName = SEEN.dnsHostName): boolean => {
      const { state } = stateAt();
      state.accept({ ...SEEN, invocationId: first }, 1, undefined);
      state.accept({ ...SEEN, invocationId: second, dnsHostName }, 1, undefined);
      return !state.settled;
    };
    expect([took(undefined, "a"), took("a", undefined), took(undefined, undefined)]).toEqual([false, false, false]);
    expect([took(undefined, "a", "dc2"), took("a", undefined, "dc2"), took("a", "a", "dc2")]).toEqual([true, true, false]);
    expect(took("a", "b")).toBe(true);
  });
});
