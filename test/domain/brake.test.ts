/** What a domain says whose owner keeps everything, or every write, from being done. */
import { describe, expect, test } from "vitest";
import type { ConditionDraft } from "../../src/api/object.ts";
import { brakeOf, observingFindings, suspendedBy, suspendedFindings } from "../../src/domain/brake.ts";
import { domainOf } from "./manifests.ts";

const DOMAIN = domainOf();
const SPEC = DOMAIN.spec;
const READY: ConditionDraft = { type: "Ready", status: "True", reason: "Reconciled", message: "fine" };

describe("the brake", () => {
  test.each([
    ["off by default", {}, undefined],
    ["that keeps writes back", { managementPolicy: "Observe" }, "Observe"],
    ["that keeps reads back too", { suspend: true }, "Suspend"],
    ["of which the stronger counts", { managementPolicy: "Observe", suspend: true }, "Suspend"],
  ] as const)("%s", (_, spec, brake) => {
    expect(brakeOf({ ...SPEC, ...spec })).toBe(brake);
  });
});

describe("a domain that is suspended", () => {
  test("is not ready, waits for nobody, and keeps what was last seen of its parts", () => {
    const lastTransitionTime = "2026-11-26T00:00:00Z";
    const connected = { type: "Connected", status: "True", reason: "Reconciled", message: "over TLS", lastTransitionTime } as const;
    const findings = suspendedFindings({ ...DOMAIN, status: { observedGeneration: 1, conditions: [connected] } });
    expect(findings.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
      "Ready False Suspended",
      "Connected True Reconciled",
      "SchemaReady Unknown Suspended",
      "DomainControllerReady Unknown Suspended",
      "KdsRootKeyReady Unknown Suspended",
      "PermissionsSufficient Unknown Suspended",
    ]);
    expect(findings[0]?.message).toContain(`kubectl patch addomain contoso --type=merge -p '{"spec":{"suspend":false}}'`);
    expect(suspendedBy(DOMAIN)).toContain("the ActiveDirectoryDomain contoso is suspended");
  });
});

describe("a domain that is only observed", () => {
  test("says so where all is well, and how to go on", () => {
    const [ready] = observingFindings(DOMAIN, [READY]);
    expect(ready).toMatchObject({ status: "True", reason: "Observing" });
    expect(ready?.message).toContain(`-p '{"spec":{"managementPolicy":"Enforce"}}'`);
  });

  test("says first what else is wrong", () => {
    const wrong: readonly ConditionDraft[] = [
      { type: "Ready", status: "False", reason: "SchemaTooOld", message: "old" },
      { type: "SchemaReady", status: "False", reason: "SchemaTooOld", message: "old" },
    ];
    expect(observingFindings(DOMAIN, wrong)).toEqual(wrong);
  });
});
