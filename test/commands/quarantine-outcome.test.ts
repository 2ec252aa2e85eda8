import { describe, expect, test } from "vitest";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import type { Condition } from "../../src/api/object.ts";
import { quarantineOutcome, releaseOutcome } from "../../src/commands/quarantine-outcome.ts";
import type { MeantHost } from "../../src/commands/quarantined-hosts.ts";
import { farm } from "../farm/simulation.ts";

const HOST: MeantHost = { text: "WEB01", domain: "contoso", objects: new Set(["g1"]) };
const GENERATION = 2;
const RECORDS = ["WEB01", "WEB02"].map((reference, index) => ({ reference, objectGUID: `g${index + 1}` }));

function condition(type: string, status: Condition["status"], reason: string, observedGeneration = GENERATION): Condition {
  return { type, status, reason, message: `because of ${reason}.`, observedGeneration, lastTransitionTime: "2026-11-26T10:00:00Z" };
}

interface Given {
  readonly computers?: readonly string[];
  readonly quarantined?: readonly string[];
  readonly suspend?: boolean;
  readonly status?: Partial<ServerFarmStatus>;
}

function given({ computers = ["WEB01", "WEB02"], quarantined = ["WEB01"], suspend = false, status = {} }: Given): ServerFarm {
  const conditions = [condition("Ready", "True", "Reconciled"), condition("HostsReady", "True", "Reconciled")];
  return farm(
    { suspend, hosts: { computers, quarantined } },
    { observedGeneration: GENERATION, resolvedHosts: RECORDS, conditions, ...status },
    GENERATION,
  );
}

const NOT_FOUND = [condition("HostsReady", "False", "HostNotFound")];
const ISSUES = [{ computer: "WEB99", reason: "HostNotFound", message: "no computer" }];
const ENTRY_IN_ISSUES = [...ISSUES, { computer: "WEB01", reason: "HostNotFound", message: "no computer" }];
const STAYS = "WEB01 is in hosts.quarantined, and may still have the right. ";

describe("a quarantine", () => {
  test.each<readonly [string, Given, boolean, string]>([
    ["all is well", {}, true, "WEB01 is quarantined. Reconciled: because of Reconciled."],
    ["another host is not found", { status: { conditions: NOT_FOUND, hostIssues: ISSUES } }, true, "WEB01 is quarantined. HostNotFound"],
    ["the host itself is wrong", { status: { conditions: NOT_FOUND, hostIssues: ENTRY_IN_ISSUES } }, false, STAYS],
    [
      "something else failed",
      { status: { conditions: [condition("HostsReady", "False", "AccessDenied")], hostIssues: ISSUES } },
      false,
      STAYS,
    ],
    ["the entry means no object", { status: { conditions: NOT_FOUND, hostIssues: ISSUES, resolvedHosts: [] } }, false, STAYS],
    ["the farm is only observed", { status: { conditions: NOT_FOUND, hostIssues: ISSUES, plan: [] } }, false, STAYS],
    ["the farm is suspended", { suspend: true }, false, "as the farm is suspended. Resume it: kubectl farm resume itfarm1 -n web"],
    [
      "the hosts were not looked at since",
      {
        status: {
          conditions: [condition("Ready", "False", "Suspended"), condition("HostsReady", "True", "Reconciled", GENERATION - 1)],
        },
      },
      false,
      `${STAYS}Suspended: because of Suspended.`,
    ],
    [
      "another entry names the host",
      { computers: ["WEB01", "alias"], status: { resolvedHosts: [{ reference: "alias", objectGUID: "g1" }] } },
      false,
      "alias may name the host, too, and is not in hosts.quarantined.",
    ],
    ["somebody removed the entry", { quarantined: [] }, false, "WEB01 may name the host, too, and is not in hosts.quarantined."],
    ["somebody removed the host", { computers: [], quarantined: [] }, false, "the farm does not have WEB01 any more."],
  ])("where %s", (_, input, done, text) => {
    expect(quarantineOutcome(given(input), HOST)).toEqual({ done, text: expect.stringContaining(text) });
  });

  test("is waited for until the operator has looked at the farm as it is", () => {
    expect(quarantineOutcome(given({ status: { observedGeneration: GENERATION - 1 } }), HOST)).toBeUndefined();
  });
});

describe("a release", () => {
  test.each<readonly [string, Given, boolean, string]>([
    ["all is well", { quarantined: [] }, true, "WEB01 is released. Reconciled: because of Reconciled."],
    ["the farm is suspended", { quarantined: [], suspend: true }, false, "any more, and nothing happens as the farm is suspended."],
    [
      "the host itself is wrong",
      { quarantined: [], status: { conditions: NOT_FOUND, hostIssues: ENTRY_IN_ISSUES } },
      false,
      "WEB01 is not in hosts.quarantined any more. HostNotFound",
    ],
    ["its entry is somebody else's", {}, false, "WEB01 stays quarantined, as its entry is not owned by this command. Remove it"],
    [
      "another entry keeps it out",
      { quarantined: ["alias"], status: { resolvedHosts: [{ reference: "alias", objectGUID: "g1" }] } },
      false,
      "WEB01 stays quarantined, as the entry alias is not owned by this command. Remove it",
    ],
  ])("where %s", (_, input, done, text) => {
    expect(releaseOutcome(given(input), HOST)).toEqual({ done, text: expect.stringContaining(text) });
  });

  test("is waited for until the operator has looked at the farm as it is", () => {
    expect(releaseOutcome(given({ quarantined: [], status: { observedGeneration: GENERATION - 1 } }), HOST)).toBeUndefined();
  });
});
