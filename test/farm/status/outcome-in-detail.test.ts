/** What a reconcile says of each part and in sum, word by word; what it tells by Events; and when the farm is looked at again. */
import { describe, expect, test } from "vitest";
import type { ServerFarmStatus } from "../../../src/api/generated/server-farm.ts";
import type { Blocker, Part } from "../../../src/api/reasons.ts";
import { DirectoryError, type DirectoryErrorKind } from "../../../src/ad/error.ts";
import { ACCOUNT_CLASS, type DirectoryObject } from "../../../src/ad/object.ts";
import type { Change } from "../../../src/farm/changes/index.ts";
import type { ObservedFarm } from "../../../src/farm/observed.ts";
import type { Report } from "../../../src/farm/report.ts";
import { outcome, type Outcome } from "../../../src/farm/status/outcome.ts";
import { viewOf } from "../../../src/farm/view.ts";
import { BASE, computer, desired, directoryObject, farm, SimulatedDirectory } from "../simulation.ts";

type Spec = NonNullable<Parameters<typeof farm>[0]>;
const NOW = new Date("2026-11-26T01:00:00Z");
const { owner } = desired();
const WEB = ["WEB01", "WEB02"].map(computer);
const object = { distinguishedName: `CN=itfarm1Hosts,OU=Farms,${BASE}`, objectGUID: "h", owner };
const CREATE_GROUP: Change = {
  kind: "CreateHostGroup",
  distinguishedName: object.distinguishedName,
  samAccountName: "itfarm1Hosts",
  owner,
  members: [],
};
const CREATE_ACCOUNT: Change = {
  kind: "CreateAccount",
  distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
  samAccountName: "itfarm1$",
  owner,
  passwordIntervalDays: 30,
  properties: {},
  servicePrincipalNames: [],
  retrievers: [],
  denied: [],
};
const UPDATE: Change = { kind: "UpdateAccount", object, properties: { description: "x" }, observed: {} };
const hostsChange = (...add: readonly string[]): Change => ({ kind: "ChangeHosts", object, add, remove: [] });
const blocker = (part: Part, reason: Blocker["reason"], message: string, name?: string): Blocker => ({
  part,
  reason,
  message,
  ...(name === undefined ? {} : { computer: name }),
});
const failed = (change: Change, kind: DirectoryErrorKind, message: string) => ({ change, error: new DirectoryError(kind, message) });

interface Said {
  readonly spec?: Spec;
  readonly status?: ServerFarmStatus;
  readonly report?: Partial<Report>;
  readonly objects?: readonly DirectoryObject[];
  readonly observed?: Partial<ObservedFarm>;
}

function said({ spec = {}, status, report = {}, objects = [], observed = {} }: Said): Outcome {
  const wanted = desired(spec, status);
  const view = viewOf(wanted, { ...new SimulatedDirectory([], WEB).seenBy(wanted), objects, adopted: undefined, ...observed });
  const whole: Report = { view, plan: { changes: [], later: [], blockers: [] }, applied: [], failures: [], error: undefined, ...report };
  return outcome(farm(spec, status), wanted, whole, NOW);
}
const condition = (given: Said, type: string): string | undefined => {
  const found = said(given).status.conditions?.find((one) => one.type === type);
  return found && `${found.status} ${found.reason}: ${found.message}`;
};
const plan = (changes: readonly Change[], blockers: readonly Blocker[] = [], later: readonly Change[] = []): Partial<Report> => ({
  plan: { changes, later, blockers },
});

describe("a part that is as wanted says so", () => {
  const RESTART = "A host that was added sees it after a restart, or after klist -li 0x3e7 purge.";
  test.each<[string, Said, string, string]>([
    ["the account", {}, "Account", "itfarm1$ exists and its properties match."],
    [
      "an account that may use RC4",
      { spec: { account: { encryptionTypes: ["RC4", "AES256"] } } },
      "Account",
      "itfarm1$ exists and its properties match. RC4 is allowed and weak: remove it from encryptionTypes once no client needs it.",
    ],
    ["hosts by a group", {}, "Hosts", `exactly the hosts of the farm may retrieve the password. ${RESTART}`],
    [
      "hosts by somebody else's group",
      { spec: { hosts: { group: { name: "Shared", existing: true } } } },
      "Hosts",
      `the hosts of the farm may retrieve the password, and so may all other members of Shared, an externally managed group. ${RESTART}`,
    ],
    [
      "hosts that are named directly",
      { spec: { hosts: { grant: "Principals" } } },
      "Hosts",
      "exactly the hosts of the farm may retrieve the password, each named directly; none needs a restart.",
    ],
    [
      "a host that is disabled, which is said",
      {
        spec: { hosts: { grant: "Principals", computers: ["WEB01", "WEB02"] } },
        observed: { computers: WEB.map((one, index) => ({ ...one, userAccountControl: index === 0 ? 0x1002 : 0x1000 })) },
      },
      "Hosts",
      "exactly the hosts of the farm may retrieve the password, each named directly; none needs a restart. Disabled in the directory, so they cannot log on: WEB01.",
    ],
    [
      "no names",
      { spec: { servicePrincipalNames: [] } },
      "ServicePrincipalNames",
      "the account has exactly 0 service principal names, as the farm lists.",
    ],
    [
      "names that are not managed",
      {},
      "ServicePrincipalNames",
      "service principal names are not managed: set servicePrincipalNames to manage them.",
    ],
    ["no access groups", {}, "AccessGroups", "the farm lists no access groups."],
    [
      "access groups",
      { spec: { accessGroups: ["A", "B"].map((name) => ({ name, existing: true })) } },
      "AccessGroups",
      "the account is a member of A, B.",
    ],
  ])("%s", (_, given, part, message) => {
    expect(condition(given, `${part}Ready`)).toBe(`True Reconciled: ${message}`);
  });

  test("and the farm is ready", () => {
    const spec = { hosts: { computers: ["WEB01", "WEB02"] }, servicePrincipalNames: ["http/a"] };
    expect(condition({ spec }, "Ready")).toBe("True Reconciled: itfarm1$ is in sync: 1 SPN, 2 hosts.");
    expect(said({ spec }).next).toBe("Resync");
  });
});

describe("whoever is quarantined", () => {
  const spec = { hosts: { grant: "Principals" as const, computers: ["WEB01"], quarantined: ["WEB02", "TYPO"] } };
  const account = (fields: Partial<DirectoryObject> = {}): DirectoryObject =>
    directoryObject({
      distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
      objectClass: ACCOUNT_CLASS,
      samAccountName: "itfarm1$",
      owner,
      ...fields,
    });
  const TEXT = "exactly the hosts of the farm may retrieve the password, each named directly; none needs a restart.";

  test("knows the password until it changes: from when, and until when", () => {
    const timed = account({ passwordLastSet: Date.UTC(2026, 0, 1), passwordIntervalDays: 30 });
    expect(condition({ spec, objects: [timed] }, "HostsReady")).toBe(
      `True Reconciled: ${TEXT} Quarantined: WEB02. Each of them that had the right after 2026-01-01T00:00:00Z knows the password until its next change at 2026-01-31T00:00:00Z; nobody can force that change.`,
    );
  });

  test("is named where those times are not known, and only who is kept out", () => {
    expect(condition({ spec, objects: [account()] }, "HostsReady")).toBe(`True Reconciled: ${TEXT} Quarantined: WEB02.`);
    expect(condition({ spec }, "HostsReady")).toBe(`True Reconciled: ${TEXT} Quarantined: WEB02.`);
    expect(condition({ spec: { hosts: { ...spec.hosts, quarantined: ["TYPO"] } } }, "HostsReady")).toBe(`True Reconciled: ${TEXT}`);
  });

  test("is said beside what is wrong with other hosts, and nowhere else", () => {
    const report = plan([], [blocker("Hosts", "HostNotFound", "no GHOST"), blocker("Account", "Rejected", "no account")]);
    expect(condition({ spec, report }, "HostsReady")).toBe("False HostNotFound: no GHOST Quarantined: WEB02.");
    expect(condition({ spec, report }, "AccountReady")).toBe("False Rejected: no account");
  });
});

describe("a part that is not as wanted says why", () => {
  test("what is in its way: ten of them, with the host that each is about, and how many more", () => {
    const many = Array.from({ length: 12 }, (_, index) => blocker("Hosts", "HostNotFound", `m${index}`, index === 0 ? "WEB01" : undefined));
    const ten = Array.from({ length: 10 }, (_, index) => `m${index}`).join(" ");
    expect(condition({ report: plan([], many) }, "HostsReady")).toBe(`False HostNotFound: WEB01: ${ten} And 2 more.`);
    expect(condition({ report: plan([], many.slice(0, 10)) }, "HostsReady")).toBe(`False HostNotFound: WEB01: ${ten}`);
  });

  test("what is the same for several hosts: once, after their names", () => {
    const alike = ["WEB01", "WEB02"].map((name) => blocker("Hosts", "NotAllowed", "elsewhere.", name));
    const report = plan([], [...alike, blocker("Hosts", "HostNotFound", "none.", "GHOST")]);
    expect(condition({ report }, "HostsReady")).toBe("False NotAllowed: WEB01, WEB02: elsewhere. GHOST: none.");
  });

  test("what is pending: five lines of it, and how many more; and whether something failed before", () => {
    const dns = Array.from({ length: 7 }, (_, index) => `CN=H${index}`);
    expect(condition({ report: plan([hostsChange(...dns)]) }, "HostsReady")).toBe(
      "False ChangesPending: pending: AddHost CN=H0, AddHost CN=H1, AddHost CN=H2, AddHost CN=H3, AddHost CN=H4 and 2 more.",
    );
    expect(condition({ report: plan([], [], [CREATE_ACCOUNT]) }, "AccountReady")).toBe(
      "False ChangesPending: pending: CreateAccount itfarm1.",
    );
    const report = { ...plan([hostsChange("CN=H")]), failures: [failed(UPDATE, "AccessDenied", "denied")] };
    expect(condition({ report }, "HostsReady")).toBe(
      "False ChangesPending: pending: AddHost CN=H, after the changes that failed: see the other conditions.",
    );
  });

  test("what was refused, each once, with what is in its way besides; what only waits is not said", () => {
    const report = {
      ...plan([UPDATE], [blocker("Account", "Rejected", "interval"), blocker("Account", "ChangesPending", "waits")]),
      failures: [failed(UPDATE, "AccessDenied", "denied"), failed(UPDATE, "AccessDenied", "denied")],
    };
    expect(condition({ report }, "AccountReady")).toBe("False AccessDenied: denied interval");
    // A failure after which nothing is left to do was overtaken.
    expect(condition({ report: { ...plan([]), failures: report.failures } }, "AccountReady")).toMatch(/^True/);
  });

  test.each<[DirectoryErrorKind, Blocker["reason"]]>([
    ["Unavailable", "DirectoryUnavailable"],
    ["OutcomeUnknown", "DirectoryUnavailable"],
    ["Aborted", "Progressing"],
    ["Untrusted", "DirectoryUnavailable"],
    ["InvalidCredentials", "DirectoryUnavailable"],
    ["AccessDenied", "AccessDenied"],
    ["AlreadyExists", "ObjectExists"],
    ["NotFound", "Rejected"],
    ["Stale", "Rejected"],
    ["ValueExists", "Rejected"],
    ["NoSuchValue", "Rejected"],
    ["ServicePrincipalNameInUse", "ServicePrincipalNameInUse"],
    ["ConstraintViolation", "Rejected"],
    ["Unwilling", "Rejected"],
    ["Referral", "DirectoryUnavailable"],
    ["NotOwned", "NotOwned"],
    ["Rejected", "Rejected"],
  ])("a change that fails with %s: %s", (kind, reason) => {
    expect(condition({ report: { ...plan([UPDATE]), failures: [failed(UPDATE, kind, "x")] } }, "AccountReady")).toBe(`False ${reason}: x`);
  });

  test("a directory that does not answer is said of every part, and of the farm once", () => {
    const report = { error: new DirectoryError("Unavailable", "nobody answers"), plan: undefined, view: undefined };
    for (const part of ["Account", "Hosts", "ServicePrincipalNames", "AccessGroups"])
      expect(condition({ report }, `${part}Ready`)).toBe("Unknown DirectoryUnavailable: nobody answers");
    expect(condition({ report }, "Ready")).toBe("False DirectoryUnavailable: nobody answers");
    expect(said({ report }).next).toBe("Retry");
  });

  test("the farm says first what is the reason, and then what only waits", () => {
    const report = plan(
      [hostsChange("CN=H")],
      [blocker("Account", "ChangesPending", "waits"), blocker("AccessGroups", "GroupNotFound", "none")],
    );
    expect(condition({ report }, "Ready")).toBe(
      "False GroupNotFound: AccessGroupsReady: none AccountReady: waits HostsReady: pending: AddHost CN=H.",
    );
    expect(condition({ report: plan([UPDATE]) }, "Ready")).toBe(
      "False ChangesPending: AccountReady: pending: UpdateAccount description: none -> x.",
    );
  });
});

describe("a farm waits for time, or for a person", () => {
  const waits = (report: Partial<Report>): string | undefined =>
    said({ report }).status.conditions?.find(({ type }) => type === "Stalled" || type === "Reconciling")?.type;
  const person = blocker("Account", "NotOwned", "x");

  test.each<[string, Partial<Report>, string | undefined]>([
    ["where all is as wanted, for nothing", {}, undefined],
    ["where somebody has to act", plan([], [person]), "Stalled"],
    ["where a part only waits for another that is stuck", plan([], [person, blocker("Hosts", "ChangesPending", "x")]), "Stalled"],
    ["where another part may yet get on", plan([], [person, blocker("Hosts", "HostNotFound", "x")]), "Reconciling"],
    ["where all parts only wait", plan([], [blocker("Hosts", "ChangesPending", "x")]), "Reconciling"],
    ["where what failed may pass", { ...plan([], [person]), failures: [failed(UPDATE, "Rejected", "x")] }, "Reconciling"],
    [
      "where nobody answers, whatever else is wrong",
      { ...plan([], [person]), error: new DirectoryError("AccessDenied", "x") },
      "Reconciling",
    ],
  ])("%s", (_, report, expected) => {
    expect(waits(report)).toBe(expected);
  });

  test.each<[string, Partial<Report>, string]>([
    ["something is in the way that may go by itself", plan([], [person]), "Recheck"],
    ["something was refused that a person has to mend", { ...plan([UPDATE]), failures: [failed(UPDATE, "AccessDenied", "x")] }, "Recheck"],
    ["something was refused that may pass", { ...plan([UPDATE]), failures: [failed(UPDATE, "Unwilling", "x")] }, "Retry"],
    [
      "an account was refused and its group taken back",
      {
        ...plan([CREATE_GROUP]),
        failures: [failed(UPDATE, "AccessDenied", "x"), failed(CREATE_ACCOUNT, "ConstraintViolation", "x")],
        applied: [CREATE_GROUP, { kind: "DeleteHostGroup", object }],
      },
      "Retry",
    ],
    [
      "an account was refused, and no group was made for it",
      { ...plan([CREATE_ACCOUNT]), failures: [failed(CREATE_ACCOUNT, "ConstraintViolation", "x")], applied: [UPDATE] },
      "Recheck",
    ],
    [
      "a former group went, and something else was refused",
      { ...plan([UPDATE]), failures: [failed(UPDATE, "AccessDenied", "x")], applied: [{ kind: "DeleteHostGroup", object }] },
      "Recheck",
    ],
  ])("and is looked at again: %s", (_, report, next) => {
    expect(said({ report }).next).toBe(next);
  });
});

describe("Events", () => {
  const settled = (...parts: readonly string[]): ServerFarmStatus => ({
    observedGeneration: 1,
    conditions: parts.map((type) => ({
      type,
      status: "True",
      observedGeneration: 1,
      lastTransitionTime: "",
      reason: "Reconciled",
      message: "",
    })),
  });
  const drift = (status: ServerFarmStatus | undefined, change: Change): boolean =>
    said({ report: { applied: [change] }, ...(status ? { status } : {}) }).drift.length === 1;

  test("tell of drift where this very generation had brought it about", () => {
    expect(drift(settled("AccountReady"), UPDATE)).toBe(true);
    expect(drift(settled("HostsReady"), UPDATE)).toBe(false);
    expect(drift(undefined, UPDATE)).toBe(false);
    const older = settled("AccountReady").conditions?.map((one) => ({ ...one, observedGeneration: 0 })) ?? [];
    expect(drift({ observedGeneration: 1, conditions: older }, UPDATE)).toBe(false);
    const not = settled("AccountReady").conditions?.map((one) => ({ ...one, status: "False" as const })) ?? [];
    expect(drift({ observedGeneration: 1, conditions: not }, UPDATE)).toBe(false);
  });

  test("tell of what was lost: made anew though the farm owned one already", () => {
    const owned = (kind: "Account" | "HostGroup" | "AccessGroup", distinguishedName?: string): ServerFarmStatus => ({
      observedGeneration: 1,
      ownedObjects: [{ kind, objectGUID: "o", ...(distinguishedName === undefined ? {} : { distinguishedName }) }],
    });
    expect(drift(owned("Account"), CREATE_ACCOUNT)).toBe(true);
    expect(drift(owned("HostGroup"), CREATE_ACCOUNT)).toBe(false);
    expect(drift(owned("Account"), UPDATE)).toBe(false);
    // Of access groups there may be several: the one that is made anew has to be the one that was owned.
    const share: Change = { kind: "CreateAccessGroup", distinguishedName: `CN=Share,${BASE}`, samAccountName: "Share", owner, members: [] };
    expect(drift(owned("AccessGroup", `cn=SHARE,${BASE}`), share)).toBe(true);
    expect(drift(owned("AccessGroup", `CN=Other,${BASE}`), share)).toBe(false);
    expect(drift(owned("AccessGroup"), share)).toBe(false);
    expect(drift(owned("HostGroup", `CN=Share,${BASE}`), share)).toBe(false);
  });

  const ready = (status: "True" | "False", reason: string, message: string): ServerFarmStatus => ({
    observedGeneration: 1,
    conditions: [
      { type: "AccountReady", status: "True", lastTransitionTime: "", reason: "x", message: "x" },
      { type: "Ready", status, lastTransitionTime: "", reason, message },
    ],
  });
  const events = (status: ServerFarmStatus | undefined, report: Partial<Report> = {}): readonly string[] =>
    said({ report, ...(status ? { status } : {}) }).events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);

  test("tell once that a farm is ready", () => {
    const text = "Normal Ready: itfarm1$ is in sync: 0 SPNs, 0 hosts.";
    expect(events(undefined)).toEqual([text]);
    expect(events(ready("False", "NotOwned", "x"))).toEqual([text]);
    expect(events(ready("True", "Reconciled", "x"))).toEqual([]);
  });

  test("tell once for each reason and text that it is not", () => {
    const report = plan([], [blocker("Account", "NotOwned", "taken")]);
    const text = "AccountReady: taken";
    expect(events(undefined, report)).toEqual([`Warning NotOwned: ${text}`]);
    expect(events(ready("True", "Reconciled", text), report)).toEqual([`Warning NotOwned: ${text}`]);
    expect(events(ready("False", "Rejected", text), report)).toEqual([`Warning NotOwned: ${text}`]);
    expect(events(ready("False", "NotOwned", "another"), report)).toEqual([`Warning NotOwned: ${text}`]);
    expect(events(ready("False", "NotOwned", text), report)).toEqual([]);
  });

  test("tell of hosts that were moved: five of them, in the condition too, and once", () => {
    const names = Array.from({ length: 7 }, (_, index) => `OLD${index}`);
    const moved = names.map((name) => ({ ...computer(name), samAccountName: `NEW${name}$` }));
    const status = (count: number): ServerFarmStatus => ({
      observedGeneration: 1,
      resolvedHosts: moved.slice(0, count).map(({ objectGUID }, index) => ({ reference: names[index] ?? "", objectGUID })),
    });
    const of = (count: number, before?: string): Said => ({
      spec: { hosts: { grant: "Principals", computers: names.slice(0, count) } },
      observed: { computers: moved },
      status: {
        ...status(count),
        ...(before === undefined
          ? {}
          : { conditions: [{ type: "HostsReady", status: "True", lastTransitionTime: "", reason: "x", message: before }] }),
      },
    });
    const told = (given: Said): readonly string[] =>
      said(given)
        .events.filter(({ reason }) => reason === "HostMoved")
        .map(({ type, message }) => `${type} ${message}`);
    expect(told(of(7))).toHaveLength(5);
    const [first = "", second = ""] = told(of(2));
    expect(first).toMatch(/^Warning hosts\.computers: OLD0 was moved or renamed and keeps the right/);
    expect(told(of(2, `so far: ${first.slice(8)}`))).toEqual([second]);
    const message = condition(of(7), "HostsReady") ?? "";
    expect(message.split("was moved or renamed")).toHaveLength(6);
    expect(message).toMatch(/ Write that in place of OLD4\. And 2 more\.$/);
    expect(condition(of(5), "HostsReady")).toMatch(/ Write that in place of OLD4\.$/);
    expect(condition(of(2), "HostsReady")).toContain(`${first.slice(8)} ${second.slice(8)}`);
  });
});

test("what a look decides is not carried over, and without a look all is", () => {
  const status: ServerFarmStatus = {
    observedGeneration: 1,
    account: { distinguishedName: "CN=x" },
    hostGroup: { distinguishedName: "CN=h", objectGUID: "h" },
    formerHostGroups: [{ distinguishedName: "CN=f", objectGUID: "f", added: [] }],
    accessGroups: [{ name: "a", distinguishedName: "CN=a", objectGUID: "a" }],
    resolvedHosts: [{ reference: "WEB09", objectGUID: "c" }],
    lastHandledReconcileRequest: "yesterday",
  };
  const direct = { hosts: { grant: "Principals" as const } };
  const { status: looked } = said({ status: { ...status, formerHostGroups: [] }, spec: direct });
  expect(looked).toMatchObject({ lastHandledReconcileRequest: "yesterday" });
  for (const field of ["account", "hostGroup", "accessGroups", "resolvedHosts"]) expect(looked).not.toHaveProperty(field);
  const report = { view: undefined, plan: undefined, error: new DirectoryError("Unavailable", "x") };
  expect(said({ status, report }).status).toMatchObject({ ...status, observedGeneration: 1 });
});
