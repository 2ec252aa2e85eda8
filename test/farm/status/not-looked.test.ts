/** The status of a farm that was not looked at: why, and what stays of what was seen before. */
import { describe, expect, test } from "vitest";
import type { ServerFarm, ServerFarmStatus } from "../../../src/api/generated/server-farm.ts";
import {
  leavingStatus,
  refusedStatus,
  suspendedStatus,
  unknownStatus,
  unrecordedEvent,
  unrecordedStatus,
  waitingStatus,
} from "../../../src/farm/status/not-looked.ts";
import { farm } from "../simulation.ts";

const NOW = new Date("2026-11-26T01:00:00Z");
const BEFORE: ServerFarmStatus = {
  observedGeneration: 1,
  account: { distinguishedName: "CN=itfarm1" },
  hosts: { desired: 1, granted: 1, summary: "1/1" },
  conditions: ["Account", "Hosts"].map((part) => ({
    type: `${part}Ready`,
    status: "True" as const,
    observedGeneration: 1,
    lastTransitionTime: "2026-11-20T00:00:00Z",
    reason: "Reconciled",
    message: `${part} as seen`,
  })),
};
const deleting = (status?: ServerFarmStatus): ServerFarm => {
  const one = farm({}, status, 2);
  return { ...one, metadata: { ...one.metadata, deletionTimestamp: "2026-11-26T00:59:00Z" } };
};
const lines = ({ conditions = [] }: ServerFarmStatus): readonly string[] =>
  conditions.map(({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`);
const unknown = (...what: readonly string[]): readonly string[] =>
  ["Account", "Hosts", "ServicePrincipalNames", "AccessGroups"].map((part) => `${part}Ready Unknown ${what.join(": ")}`);

test("every part is unknown, and says why; what was seen of objects stays", () => {
  const status = unknownStatus(farm({}, BEFORE, 2), "DomainNotReady", "away", NOW);
  expect(lines(status)).toEqual([
    "Ready False DomainNotReady: away",
    ...unknown("DomainNotReady", "away"),
    "Reconciling True DomainNotReady: away",
  ]);
  expect(status).toMatchObject({ observedGeneration: 2, account: BEFORE.account, hosts: BEFORE.hosts });
  expect(lines(unknownStatus(farm(), "DomainNotReady", "away", NOW, { stalled: true })).at(-1)).toBe("Stalled True DomainNotReady: away");
  const { generation: _generation, ...metadata } = farm().metadata;
  expect(unknownStatus({ ...farm(), metadata }, "DomainNotReady", "x", NOW).observedGeneration).toBe(0);
});

test("of one that is being deleted the parts stay as they were last seen: they decide what becomes of its group", () => {
  expect(lines(unknownStatus(deleting(BEFORE), "Deleting", "away", NOW))).toEqual([
    "Ready False Deleting: away",
    "AccountReady True Reconciled: Account as seen",
    "HostsReady True Reconciled: Hosts as seen",
    ...unknown("Deleting", "away").slice(2),
    "Reconciling True Deleting: away",
  ]);
  expect(lines(unknownStatus(deleting(), "Deleting", "away", NOW)).slice(1, -1)).toEqual(unknown("Deleting", "away"));
});

describe("where its domain cannot be used", () => {
  test("a farm waits for it; for one that does not exist a person has to act", () => {
    expect(lines(waitingStatus(farm(), { reason: "DomainNotReady", message: "away" }, NOW)).at(-1)).toBe(
      "Reconciling True DomainNotReady: away",
    );
    expect(lines(waitingStatus(farm(), { reason: "DomainNotFound", message: "none" }, NOW)).at(-1)).toBe(
      "Stalled True DomainNotFound: none",
    );
  });

  test("what tenants do not allow is said all the same, whatever was so before", () => {
    const conditions = BEFORE.conditions?.flatMap((one) => [{ ...one, type: one.type === "AccountReady" ? "Allowed" : one.type }]) ?? [];
    const before = { ...BEFORE, conditions };
    const withheld = { kind: "NotAllowed", message: "no tenant allows it" } as const;
    const away = { reason: "DomainNotReady", message: "away" } as const;
    expect(lines(waitingStatus(farm({}, before), away, NOW, withheld))[1]).toBe("Allowed False NotAllowed: no tenant allows it");
    expect(lines(waitingStatus(farm({}, before), away, NOW))[1]).toBe("Allowed True Reconciled: Account as seen");
  });

  test("one that is being deleted says how it can be let go", () => {
    const [ready, ...rest] = lines(waitingStatus(deleting(BEFORE), { reason: "DomainNotFound", message: "there is none." }, NOW));
    expect(ready).toBe(
      "Ready False DeletionBlocked: the farm cannot be decommissioned: there is none. To remove only the farm and leave its objects in the directory: kubectl annotate farm itfarm1 -n web serverfarm.dev/abandon=true",
    );
    expect(rest[0]).toBe("AccountReady True Reconciled: Account as seen");
    expect(rest.at(-1)).toMatch(/^Reconciling True DeletionBlocked/);
  });
});

test("a spec that cannot be carried out is said part by part, and waits for a person", () => {
  const blockers = [
    { reason: "InvalidSpec", part: "Account", message: "a." },
    { reason: "InvalidSpec", part: "Hosts", message: "b." },
    { reason: "InvalidSpec", part: "Account", message: "c." },
  ] as const;
  const status = refusedStatus(farm({}, BEFORE, 3), blockers, NOW);
  expect(lines(status)).toEqual([
    "Ready False InvalidSpec: a. b. c.",
    "AccountReady False InvalidSpec: a. c.",
    "HostsReady False InvalidSpec: b.",
    ...["ServicePrincipalNames", "AccessGroups"].map((part) => `${part}Ready Unknown InvalidSpec: not looked at: see the condition Ready.`),
    "Stalled True InvalidSpec: a. b. c.",
  ]);
  expect(status).toMatchObject({ observedGeneration: 3, account: BEFORE.account });
  expect(refusedStatus(farm(), blockers, NOW).conditions?.[0]?.lastTransitionTime).toBe("2026-11-26T01:00:00Z");
});

test("one that is suspended says that alone, and of the parts what was last seen", () => {
  const text =
    "spec.suspend is true: the operator neither reads nor writes the directory for this farm, so changes, quarantines and deletion wait. Set it to false to continue.";
  const status = suspendedStatus(farm({}, BEFORE, 2), NOW);
  expect(lines(status)).toEqual([
    `Ready False Suspended: ${text}`,
    "AccountReady True Reconciled: Account as seen",
    "HostsReady True Reconciled: Hosts as seen",
    ...unknown("Suspended", text).slice(2),
  ]);
  expect(status.conditions?.[1]?.lastTransitionTime).toBe("2026-11-20T00:00:00Z");
  expect(lines(suspendedStatus(farm(), NOW)).slice(1)).toEqual(unknown("Suspended", text));
});

test("a farm of which nothing can be written down says what refused it, and waits for a person", () => {
  const text =
    "the API server refused what the operator records of this farm: no. Change what refuses it (an admission policy, a webhook, the operator's role). The operator tries again.";
  const said = lines(unrecordedStatus(farm({}, BEFORE), "no", NOW));
  expect([said[0], said.at(-1)]).toEqual([`Ready False RecordRefused: ${text}`, `Stalled True RecordRefused: ${text}`]);
  expect(unrecordedEvent("no")).toEqual({ type: "Warning", reason: "RecordRefused", message: text });
});

describe("a farm of which nothing is left in the directory", () => {
  const ready = (reason: string, observedGeneration: number, more: ServerFarmStatus["conditions"] = []): ServerFarm =>
    deleting({
      observedGeneration: 1,
      conditions: [...more, { type: "Ready", status: "False", observedGeneration, lastTransitionTime: "", reason, message: "" }],
    });
  const TEXT = "nothing is left to do in the directory: the operator removes the finalizer of the farm.";

  test("says that it is let go, where its status said that it is there to stay", () => {
    expect(lines(leavingStatus(ready("Reconciled", 2), NOW) ?? BEFORE)[0]).toBe(`Ready False Deleting: ${TEXT}`);
    expect(leavingStatus(ready("Deleting", 1), NOW), "that was said of an earlier spec").toBeDefined();
    expect(leavingStatus(deleting(), NOW)).toBeDefined();
  });

  test("says nothing more where it said so, or where nothing can be written down of it", () => {
    expect(leavingStatus(ready("Deleting", 2), NOW)).toBeUndefined();
    expect(leavingStatus(ready("RecordRefused", 2), NOW)).toBeUndefined();
    const part = {
      type: "AccountReady",
      status: "True",
      observedGeneration: 1,
      lastTransitionTime: "",
      reason: "Deleting",
      message: "",
    } as const;
    expect(leavingStatus(ready("Deleting", 2, [part]), NOW)).toBeUndefined();
    const { generation: _generation, ...metadata } = ready("Deleting", 0).metadata;
    expect(leavingStatus({ ...ready("Deleting", 0), metadata }, NOW)).toBeUndefined();
  });
});

test("a farm whose domain is suspended says so, and one that is being deleted how it can be let go", () => {
  const said = (one: ServerFarm): string | undefined =>
    suspendedStatus(one, NOW, "the domain is suspended.").conditions?.find(({ type }) => type === "Ready")?.message;
  const one = farm();
  expect(said(one)).toBe("the domain is suspended.");
  expect(said({ ...one, metadata: { ...one.metadata, deletionTimestamp: "2026-11-26T00:59:00Z" } })).toBe(
    "the domain is suspended. The farm is being deleted and waits for that. To remove only the farm and leave its objects in the directory: kubectl annotate farm itfarm1 -n web serverfarm.dev/abandon=true",
  );
});
