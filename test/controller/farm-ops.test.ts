import { describe, expect, test } from "vitest";
import { DirectoryError } from "../../src/ad/error.ts";
import type { Blocker } from "../../src/api/reasons.ts";
import { rarestRecheck } from "../../src/controller/farm-ops.ts";
import type { Change } from "../../src/farm/changes/index.ts";
import { hostNotFound } from "../../src/farm/host-messages.ts";
import type { Report } from "../../src/farm/report.ts";
import { viewOf } from "../../src/farm/view.ts";
import { computer, desired, SimulatedDirectory } from "../farm/simulation.ts";

describe("how rarely a farm with something in its way is looked at in the end", () => {
  const [TEN_MINUTES, HOUR] = [600_000, 3_600_000];
  const absent = hostNotFound({ text: "WEB09", by: "sAMAccountName", value: "WEB09$" });
  const dn = "CN=WEB09,OU=Servers,DC=contoso,DC=com";
  const placed = hostNotFound({ text: dn, by: "distinguishedName", value: dn });
  const wanted = desired();
  const observed = new SimulatedDirectory([], [computer("WEB01")]).seenBy(wanted);
  const update: Change = { kind: "UpdateAccount", object: { ...computer("x"), owner: "" }, properties: {}, observed: {} };
  const error = new DirectoryError("AccessDenied", "no");
  const blocked = (blockers: readonly Blocker[], report: Partial<Report> = {}, changes: readonly Change[] = []): Report => ({
    view: viewOf(wanted, observed),
    plan: { changes, later: [], blockers },
    applied: [],
    failures: [],
    error: undefined,
    ...report,
  });
  const other = (reason: Blocker["reason"]): Blocker => ({ part: "Account", reason, message: "x" });
  const hidden = viewOf(wanted, { ...observed, unreadable: ["CN=WEB09,OU=X"] });

  test.each<[string, Report, number]>([
    ["where computers do not exist: the feed tells of them", blocked([absent, absent]), HOUR],
    ["where one is named by where it is: a container above it may be renamed", blocked([absent, placed]), TEN_MINUTES],
    ["where something else is in its way too", blocked([absent, other("ContainerNotFound")]), TEN_MINUTES],
    ["where a name is taken: the feed may not tell that the holder is deleted", blocked([other("NotOwned")]), TEN_MINUTES],
    ["where no user is found", blocked([{ part: "Hosts", reason: "HostNotFound", message: "x" }]), TEN_MINUTES],
    ["where something was refused", blocked([absent], { failures: [{ change: update, error }] }), TEN_MINUTES],
    ["where the look failed", blocked([absent], { error }), TEN_MINUTES],
    ["where something is left to do", blocked([absent], {}, [update]), TEN_MINUTES],
    ["where a member cannot be read", blocked([absent], { view: hidden }), TEN_MINUTES],
    ["where nothing was seen", blocked([absent], { view: undefined }), TEN_MINUTES],
  ])("%s", (_, report, rarest) => {
    expect(rarestRecheck(report, HOUR)).toBe(rarest);
    // With a short resync it is as rare as ever, and so it is where nobody names one.
    expect([rarestRecheck(report, 60_000), rarestRecheck(report)]).toEqual([TEN_MINUTES, TEN_MINUTES]);
  });
});
