import { expect, test } from "vitest";
import { DirectoryError } from "../../src/ad/error.ts";
import type { ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { FarmLog } from "../../src/controller/runtime.ts";
import type { Report } from "../../src/farm/report.ts";
import { createLog } from "../../src/telemetry/log.ts";

const GROUP = {
  distinguishedName: "CN=itfarm1Hosts,OU=Farms,DC=contoso,DC=com",
  objectGUID: "00000000-0000-0000-0000-000000000001",
  owner: "serverfarm.dev",
};
const NONE: Report = { view: undefined, plan: undefined, applied: [], failures: [], error: undefined };

function hostsAdded(count: number): Report["applied"][number] {
  const add = Array.from({ length: count }, (_, index) => `CN=WEB${index},DC=contoso,DC=com`);
  return { kind: "ChangeHosts", object: GROUP, add, remove: [] };
}

function status(ready: "True" | "False", reason: string, message: string): ServerFarmStatus {
  return {
    observedGeneration: 1,
    conditions: [{ type: "Ready", status: ready, reason, message, lastTransitionTime: "2026-11-26T00:00:00Z" }],
  };
}

function logged(): { readonly log: FarmLog; readonly lines: () => readonly unknown[] } {
  const lines: string[] = [];
  return {
    log: new FarmLog(createLog("info", "json", (line) => lines.push(line))),
    lines: () => lines.splice(0).map((line): unknown => JSON.parse(line)),
  };
}

test("what was changed is named, one host for one, up to a number", () => {
  const { log, lines } = logged();
  log.did("web/itfarm1", { ...NONE, applied: [hostsAdded(2)] });
  log.did("web/itfarm1", { ...NONE, applied: [hostsAdded(5000)] });
  log.did("web/itfarm1", NONE);
  const [two, many, ...rest] = lines();
  expect(two).toMatchObject({
    level: "info",
    message: "changed the directory",
    farm: "web/itfarm1",
    changes: [0, 1].map((index) => `AddHost ${GROUP.distinguishedName} CN=WEB${index},DC=contoso,DC=com`),
  });
  expect(many).toMatchObject({
    changes: expect.toSatisfy((changes: string[]) => changes.length === 21 && changes[20] === "and 4980 more"),
  });
  expect(rest).toEqual([]);
});

test("what was done before a brake is named, and the brake itself is no failure", () => {
  const { log, lines } = logged();
  log.did("web/itfarm1", { ...NONE, applied: [hostsAdded(1)], error: new DirectoryError("Aborted", "suspend is true") });
  expect(lines()).toMatchObject([{ level: "info", message: "changed the directory", changes: [expect.stringContaining("AddHost")] }]);
});

test("what was refused leaves a line for each, and a directory that failed one more; the end of the program none", () => {
  const { log, lines } = logged();
  const refused = new DirectoryError("AccessDenied", "00002098: INSUFF_ACCESS_RIGHTS");
  log.did("web/itfarm1", {
    ...NONE,
    failures: [{ change: hostsAdded(1), error: refused }],
    error: new DirectoryError("Unavailable", "no answer"),
  });
  log.did("web/itfarm1", { ...NONE, failures: [{ change: hostsAdded(1), error: refused }], error: new DirectoryError("Aborted", "stop") });
  expect(lines()).toEqual([
    expect.objectContaining({
      level: "warn",
      message: "the directory refused a change",
      change: "ChangeHosts",
      object: GROUP.distinguishedName,
      changes: [`AddHost ${GROUP.distinguishedName} CN=WEB0,DC=contoso,DC=com`],
      error: "00002098: INSUFF_ACCESS_RIGHTS",
    }),
    expect.objectContaining({ level: "warn", message: "the directory failed", changes: [], error: "no answer" }),
  ]);
});

test("what is in the way is said once for as long as it lasts, and that it is gone", () => {
  const { log, lines } = logged();
  const missing = status("False", "HostNotFound", "WEB03 is not found");
  for (let visit = 0; visit < 3; visit++) log.stands("web/itfarm1", missing);
  log.stands("web/other", missing);
  log.stands("web/itfarm1", status("False", "HostNotFound", "WEB04 is not found"));
  const well = status("True", "Reconciled", "all is there");
  for (let visit = 0; visit < 3; visit++) log.stands("web/itfarm1", well);
  log.stands("web/itfarm1", missing);
  log.forget("web/other");
  log.stands("web/other", well);
  const line = (farm: string, error: string): unknown =>
    expect.objectContaining({ level: "warn", message: "the farm is not ready", farm, reason: "HostNotFound", error });
  expect(lines()).toEqual([
    line("web/itfarm1", "WEB03 is not found"),
    line("web/other", "WEB03 is not found"),
    line("web/itfarm1", "WEB04 is not found"),
    expect.objectContaining({ level: "info", message: "the farm is ready", farm: "web/itfarm1" }),
    line("web/itfarm1", "WEB03 is not found"),
  ]);
});

test("ten thousand farms say nothing of a domain that is away, which has its own line", () => {
  const { log, lines } = logged();
  for (let index = 0; index < 10_000; index++) log.stands(`web/farm${index}`, status("False", "DomainNotReady", "contoso is not ready"));
  for (let index = 0; index < 10_000; index++) log.stands(`web/farm${index}`, status("True", "Reconciled", "all is there"));
  expect(lines()).toEqual([]);
});
