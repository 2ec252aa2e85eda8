/** One reconcile, step by step: what a failure keeps back, what is written down before what, and when it ends. */
import { describe, expect, test } from "vitest";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { DirectoryError, type DirectoryErrorKind } from "../../src/ad/error.ts";
import type { Query } from "../../src/ad/lookup.ts";
import { ACCOUNT_CLASS, type DirectoryObject, isGroup } from "../../src/ad/object.ts";
import type { Write } from "../../src/ad/write.ts";
import type { Change } from "../../src/farm/changes/index.ts";
import type { DesiredFarm } from "../../src/farm/desired-farm.ts";
import type { ObservedFarm, Scope } from "../../src/farm/observed.ts";
import { plan } from "../../src/farm/plan/index.ts";
import { decommissionFarm } from "../../src/reconciler/decommission.ts";
import { directoryOf } from "../../src/reconciler/farm.ts";
import { applyChange, reconcile, reconcileFarm } from "../../src/reconciler/farm.ts";
import type { FarmPorts, Work } from "../../src/reconciler/work.ts";
import { BASE, computer, CONSENT, desired, directoryObject, farm, SimulatedDirectory } from "../farm/simulation.ts";

type Spec = NonNullable<Parameters<typeof farm>[0]>;
const signal = new AbortController().signal;
const { owner } = desired();
const WEB = ["WEB01", "WEB02", "WEB03"].map(computer);
const [WEB01 = "", WEB02 = "", WEB03 = ""] = WEB.map(({ distinguishedName }) => distinguishedName);
const WORK: Work = { scope: "Names", plan, assertFresh: () => Promise.resolve(), ordered: false };

const group = (name: string, members: readonly string[] = [], fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=${name},OU=Farms,${BASE}`,
    objectClass: "group",
    samAccountName: name,
    owner,
    members,
    ...fields,
  });
const account = (fields: Partial<DirectoryObject> = {}): DirectoryObject =>
  directoryObject({
    distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
    objectClass: ACCOUNT_CLASS,
    samAccountName: "itfarm1$",
    owner,
    ...fields,
  });
const hosts = (computers: readonly string[], quarantined: readonly string[] = []): Spec => ({ hosts: { computers, quarantined } });
const members = ({ objects }: SimulatedDirectory, name = "itfarm1Hosts"): readonly string[] | undefined =>
  objects.find(({ samAccountName }) => samAccountName === name)?.members;

/** A directory that counts what it is asked, and takes computers that were looked up a moment ago for what they are. */
class Counting extends SimulatedDirectory {
  looks = 0;
  readonly scopes: Scope[] = [];

  override observe(wanted: DesiredFarm, scope?: Scope, _signal?: AbortSignal, before?: ObservedFarm): Promise<ObservedFarm> {
    this.looks++;
    if (scope) this.scopes.push(scope);
    return Promise.resolve({ ...this.seenBy(wanted), computers: before?.computers ?? this.computers });
  }
}

function portsOf(directory: SimulatedDirectory, statuses: ServerFarmStatus[] = []): FarmPorts {
  return {
    directory,
    assertFresh: () => Promise.resolve(),
    record: (copy, status) => {
      statuses.push(status);
      return Promise.resolve({ ...copy, status });
    },
    now: () => new Date("2026-11-26T00:00:00Z"),
  };
}
const run = (directory: SimulatedDirectory, spec: Spec, status?: ServerFarmStatus, ports = portsOf(directory)) =>
  reconcileFarm(farm(spec, status), desired(spec, status), ports, signal);

describe("a change of several values", () => {
  const change: Change<"ChangeHosts"> = {
    kind: "ChangeHosts",
    object: { distinguishedName: `CN=itfarm1Hosts,OU=Farms,${BASE}`, objectGUID: "", owner },
    add: [WEB01, WEB02],
    remove: [],
  };
  /** Applied to a directory that refuses every change that has the second host in it. */
  async function applied(kind: DirectoryErrorKind) {
    const hostGroup = group("itfarm1Hosts");
    const directory = new SimulatedDirectory([hostGroup], WEB);
    directory.refuse = (one) => (one.kind === "ChangeHosts" && one.add.includes(WEB02) ? new DirectoryError(kind, "no") : undefined);
    const done: Change[] = [];
    const whole = { ...change, object: { ...change.object, objectGUID: hostGroup.objectGUID } };
    const failures = await applyChange(directory, whole, done, signal);
    return { failures: failures.map((failure) => failure.change), done, in: members(directory), whole };
  }

  test.each<DirectoryErrorKind>(["ConstraintViolation", "NotFound", "Rejected", "Stale"])(
    "that is refused (%s) is made value by value: one that is refused keeps only itself out",
    async (kind) => {
      const result = await applied(kind);
      expect(result.in).toEqual([WEB01]);
      expect(result.done).toEqual([{ ...result.whole, add: [WEB01] }]);
      expect(result.failures).toEqual([{ ...result.whole, add: [WEB02] }]);
    },
  );

  test.each<DirectoryErrorKind>(["AccessDenied", "NotOwned"])(
    "that is refused as a whole (%s) is not tried value by value: it would be as many refusals",
    async (kind) => {
      const result = await applied(kind);
      expect(result.in).toEqual([]);
      expect(result.done).toEqual([]);
      expect(result.failures).toEqual([result.whole]);
    },
  );

  test.each<DirectoryErrorKind>(["Unavailable", "OutcomeUnknown"])("ends everything where the connection is lost (%s)", async (kind) => {
    await expect(applied(kind)).rejects.toMatchObject({ kind });
  });

  test("that fails for another reason than the directory's ends everything", async () => {
    const directory = new SimulatedDirectory();
    directory.apply = () => Promise.reject(new TypeError("a mistake"));
    await expect(applyChange(directory, change, [], signal)).rejects.toThrow("a mistake");
    await expect(reconcile(desired(hosts(["WEB01"])), directory, WORK, signal)).rejects.toThrow("a mistake");
  });
});

describe("a change that fails", () => {
  test("is not tried again in the same reconcile, and the others are made", async () => {
    const directory = new Counting([group("itfarm1Hosts"), account()], WEB);
    let tried = 0;
    directory.refuse = ({ kind }) => {
      if (kind !== "UpdateAccount") return undefined;
      tried++;
      return new DirectoryError("AccessDenied", "no");
    };
    const report = await reconcile(desired({ ...hosts(["WEB01"]), account: { description: "x" } }), directory, WORK, signal);
    expect(tried).toBe(1);
    expect(report.failures.map(({ change }) => change.kind)).toEqual(["UpdateAccount"]);
    expect(members(directory)).toEqual([WEB01]);
    // It is still to be done, as the last look shows.
    expect(report.plan?.changes.map(({ kind }) => kind)).toEqual(["UpdateAccount"]);
  });

  test("does not keep back another one of its kind", async () => {
    const both = [account({ objectGUID: "a" }), account({ objectGUID: "b" })];
    const directory = new SimulatedDirectory(both);
    directory.refuse = (change) =>
      "object" in change && change.object.objectGUID === "a" ? new DirectoryError("Stale", "moved") : undefined;
    const release = (objectGUID: string): Change => ({
      kind: "Release",
      object: { distinguishedName: "CN=x", objectGUID, owner },
      because: "x",
    });
    let round = 0;
    const work: Work = { ...WORK, plan: () => ({ changes: [release(round++ === 0 ? "a" : "b")], later: [], blockers: [] }) };
    const report = await reconcile(desired(), directory, work, signal);
    expect(report.failures).toHaveLength(1);
    expect(directory.objects.map((object) => object.owner)).toEqual([owner, undefined]);
  });

  test("keeps back those after it, where they are to be made in order", async () => {
    const directory = new Counting([group("itfarm1Hosts"), account()], WEB);
    directory.refuse = ({ kind }) => (kind === "DeleteAccount" ? new DirectoryError("Rejected", "no") : undefined);
    const steps = ["DeleteAccount", "DeleteHostGroup"] as const;
    const [first, second] = [account(), group("itfarm1Hosts")];
    const work = (ordered: boolean): Work => ({
      ...WORK,
      ordered,
      plan: ({ observed }) => ({
        changes: steps.flatMap((kind): readonly Change[] => {
          const object = observed.objects.find(
            ({ samAccountName }) => samAccountName === (kind === "DeleteAccount" ? first : second).samAccountName,
          );
          return object ? [{ kind, object: { distinguishedName: object.distinguishedName, objectGUID: object.objectGUID, owner } }] : [];
        }),
        later: [],
        blockers: [],
      }),
    });
    const report = await reconcile(desired(), directory, work(true), signal);
    expect(report.failures).toHaveLength(1);
    expect(directory.objects).toHaveLength(2);
    await reconcile(desired(), directory, work(false), signal);
    expect(directory.objects.map(({ samAccountName }) => samAccountName)).toEqual(["itfarm1$"]);
  });

  test("keeps back what follows at the end of a farm, and not while it lives", async () => {
    const directory = new Counting([group("itfarm1Hosts"), account()], WEB);
    directory.refuse = ({ kind }) =>
      kind === "DeleteAccount" || kind === "UpdateAccount" ? new DirectoryError("Rejected", "no") : undefined;
    const { end } = await decommissionFarm(farm(), desired(), portsOf(directory), signal);
    expect(end.kind).toBe("Remains");
    expect(directory.objects).toHaveLength(2);
    const { report } = await run(directory, { ...hosts(["WEB01"]), account: { description: "x" }, servicePrincipalNames: ["http/a"] });
    expect(report.failures.map(({ change }) => change.kind)).toEqual(["UpdateAccount"]);
    expect(directory.objects.find(({ objectClass }) => objectClass === ACCOUNT_CLASS)?.servicePrincipalNames).toEqual(["http/a"]);
  });

  test("makes those in order go on where nothing failed", async () => {
    const directory = new Counting(
      [group("itfarm1Hosts"), account({ retrievers: { principals: ["S-1-1-0"], denied: [], foreign: [] } })],
      WEB,
    );
    const { end } = await decommissionFarm(farm(), desired(), portsOf(directory), signal);
    expect(end.kind).toBe("Gone");
    expect(directory.objects).toEqual([]);
    // One look before and one after: what is in order is made in one go.
    expect(directory.looks).toBe(2);
  });

  test("has the computers looked up again: one of them may have been moved", async () => {
    const directory = new Counting([group("itfarm1Hosts"), account()], WEB);
    const moved = `CN=WEB01,OU=Elsewhere,${BASE}`;
    directory.refuse = (change) => {
      if (change.kind !== "ChangeHosts" || !change.add.includes(WEB01)) return undefined;
      directory.computers = WEB.map((one) => (one.distinguishedName === WEB01 ? { ...one, distinguishedName: moved } : one));
      return new DirectoryError("NotFound", "no such object");
    };
    await reconcile(desired(hosts(["WEB01", "WEB02"])), directory, WORK, signal);
    expect(members(directory)).toEqual([WEB02, moved]);
  });
});

describe("the looks of one reconcile", () => {
  test("take the computers for what they were a moment ago, where nothing failed", async () => {
    const directory = new Counting([group("itfarm1Hosts"), account()], WEB.slice(0, 2));
    directory.onWrite = () => {
      directory.computers = WEB;
    };
    const report = await reconcile(desired(hosts(["WEB01", "WEB03"])), directory, WORK, signal);
    expect(report.view?.observed.computers).toHaveLength(2);
    expect(members(directory)).toEqual([WEB01]);
  });

  test("ask for what bears the farm's names; at its end, for all that it owns", async () => {
    const directory = new Counting([group("itfarm1Hosts"), account()], WEB);
    await run(directory, hosts([]));
    expect(new Set(directory.scopes)).toEqual(new Set(["Names"]));
    directory.scopes.length = 0;
    await decommissionFarm(farm(), desired(), portsOf(directory), signal);
    expect(new Set(directory.scopes)).toEqual(new Set(["Owned"]));
  });

  test("come to an end, whatever others undo meanwhile; the last of them is what is reported", async () => {
    const directory = new Counting([group("itfarm1Hosts"), account()], WEB);
    directory.onWrite = () => {
      directory.objects = directory.objects.map((object) => ({ ...object, members: [] }));
    };
    const report = await reconcile(desired(hosts(["WEB01"])), directory, WORK, signal);
    const puts = report.applied.filter(({ kind }) => kind === "ChangeHosts");
    expect([directory.looks, puts.length]).toEqual([8, 7]);
    expect(report.plan?.changes.map(({ kind }) => kind)).toEqual(["ChangeHosts"]);
  });

  test("are one more than there are rounds, but where one object was made that something waits for: that alone is asked for", async () => {
    const fresh = new Counting([], WEB);
    await reconcile(desired(hosts(["WEB01"])), fresh, WORK, signal);
    // Before the group, and after the account.
    expect([fresh.looks, fresh.writes]).toEqual([2, 2]);
    const unseen = new Counting([], WEB);
    unseen.made = () => Promise.resolve(undefined);
    await reconcile(desired(hosts(["WEB01"])), unseen, WORK, signal);
    expect([unseen.looks, unseen.writes]).toEqual([3, 2]);
    expect(unseen.objects).toHaveLength(2);
  });

  test("ask for an account alone that access groups wait for, and for nothing alone that is not all that was made", async () => {
    const hostGroup = group("itfarm1Hosts");
    const withGroups = { ...hosts([]), accessGroups: [{ name: "Share", existing: false }] };
    const waiting = new Counting([hostGroup], WEB);
    await reconcile(desired(withGroups), waiting, WORK, signal);
    expect([waiting.looks, waiting.writes]).toEqual([2, 2]);
    const alone = new Counting([hostGroup], WEB);
    let asked = 0;
    const made = (): Promise<undefined> => {
      asked++;
      return Promise.resolve(undefined);
    };
    alone.made = made;
    await reconcile(desired(hosts([])), alone, WORK, signal);
    expect([alone.writes, asked]).toEqual([1, 0]);
    const two = new Counting([account()], WEB);
    two.made = made;
    await reconcile(desired({ ...hosts([]), account: { description: "x" } }), two, WORK, signal);
    expect(asked, "the group was made beside another change").toBe(0);
    expect(two.objects).toHaveLength(2);
  });
});

describe("an account that the directory refuses", () => {
  const refuse = (directory: SimulatedDirectory): void => {
    directory.refuse = ({ kind }) => (kind === "CreateAccount" ? new DirectoryError("ConstraintViolation", "no") : undefined);
  };

  test("leaves no group behind that was made for it a moment ago, and it is not made again", async () => {
    const directory = new Counting([], WEB);
    refuse(directory);
    const report = await reconcile(desired(hosts(["WEB01"])), directory, WORK, signal);
    expect(directory.objects).toEqual([]);
    expect(report.applied.map(({ kind }) => kind)).toEqual(["CreateHostGroup", "DeleteHostGroup"]);
    expect(report.failures.map(({ change }) => change.kind)).toEqual(["CreateAccount"]);
  });

  test("leaves a group that was there before", async () => {
    const directory = new Counting([group("itfarm1Hosts", [WEB01])], WEB);
    refuse(directory);
    await reconcile(desired(hosts(["WEB01"])), directory, WORK, signal);
    expect(members(directory)).toEqual([WEB01]);
    const empty = new Counting([group("itfarm1Hosts")], WEB);
    refuse(empty);
    const report = await reconcile(desired(hosts(["WEB01"])), empty, WORK, signal);
    expect(report.applied.map(({ kind }) => kind)).toEqual(["ChangeHosts"]);
    expect(members(empty)).toEqual([WEB01]);
  });

  test("leaves one that somebody else has put a member into meanwhile", async () => {
    const directory = new Counting([], WEB);
    refuse(directory);
    directory.onWrite = ({ kind }) => {
      if (kind !== "CreateHostGroup") return;
      directory.objects = directory.objects.map((object) => ({ ...object, members: [...object.members, WEB03] }));
    };
    await reconcile(desired(hosts(["WEB01"])), directory, WORK, signal);
    expect(members(directory)).toBeDefined();
  });

  test("is not the only one: a group stays for whatever else is refused", async () => {
    const directory = new Counting([], WEB);
    directory.refuse = ({ kind }) => (kind === "ChangeServicePrincipalNames" ? new DirectoryError("ConstraintViolation", "no") : undefined);
    const spec = { ...hosts(["WEB01"]), servicePrincipalNames: ["http/a"] };
    directory.onWrite = ({ kind }) => {
      if (kind !== "CreateAccount") return;
      directory.objects = directory.objects.map((object) => ({ ...object, servicePrincipalNames: [] }));
    };
    const report = await reconcile(desired(spec), directory, WORK, signal);
    expect(report.failures).toHaveLength(1);
    expect(directory.objects).toHaveLength(2);
  });
});

describe("the farm's record", () => {
  const shared = group("Shared", [], { owner: undefined });
  const other = group("Other", [], { owner: undefined });
  const uses = (name: string, computers: readonly string[]): Spec => ({ hosts: { computers, group: { name, existing: true } } });

  test("has with the first write all that one round needs, should the program die before the second", async () => {
    const statuses: ServerFarmStatus[] = [];
    const directory = new Counting([shared, other, account()], WEB);
    const spec = { ...uses("Shared", ["WEB01"]), accessGroups: [{ name: "Other", existing: true }] };
    await run(directory, spec, undefined, portsOf(directory, statuses));
    expect(statuses[0]).toMatchObject({
      hostGroup: { name: "Shared", added: [WEB[0]?.objectGUID] },
      accessGroups: [{ name: "Other" }],
    });
    expect(members(directory, "Shared")).toEqual([WEB01]);
  });

  test("is not asked for by what needs none: a compromised host goes though the record is not taken", async () => {
    const hostGroup = group("itfarm1Hosts", [WEB01, WEB02]);
    const own = account({ retrievers: { principals: [hostGroup.objectSID ?? ""], denied: [], foreign: [] } });
    const directory = new Counting([hostGroup, own], WEB);
    const refusing = { ...portsOf(directory), record: () => Promise.reject(new Error("changed meanwhile")) };
    const { end } = await run(directory, hosts(["WEB01", "WEB03"], ["WEB02"]), undefined, refusing);
    expect(end.kind).toBe("Unrecorded");
    expect(members(directory)).toEqual([WEB01]);
  });

  const remembers = (...entries: readonly (readonly [string, number])[]): ServerFarmStatus => ({
    observedGeneration: 1,
    resolvedHosts: entries.map(([reference, index]) => ({ reference, objectGUID: WEB[index]?.objectGUID ?? "" })),
  });

  test.each<[string, ServerFarmStatus | undefined, Spec, number]>([
    ["nobody is quarantined", undefined, hosts(["WEB01"]), 0],
    ["whoever is quarantined is on it", remembers(["WEB02", 1], ["WEB01", 0]), hosts(["WEB01"], ["WEB02"]), 0],
    ["a host is not on it, who is quarantined is", remembers(["WEB02", 1]), hosts(["WEB01"], ["WEB02"]), 0],
    ["who is quarantined is not on it", undefined, hosts(["WEB01"], ["WEB02"]), 1],
    ["one of two who are quarantined is not on it", remembers(["WEB02", 1]), hosts(["WEB01"], ["WEB02", "WEB03"]), 1],
    ["the entry means another computer by now, too", remembers(["WEB02", 0]), hosts(["WEB03"], ["WEB02"]), 1],
  ])("is written before anybody gets the right, where %s: %#", async (_, status, spec, times) => {
    const statuses: ServerFarmStatus[] = [];
    const directory = new Counting([], WEB);
    const before: number[] = [];
    directory.onWrite = () => {
      before.push(statuses.length);
    };
    await run(directory, spec, status, portsOf(directory, statuses));
    expect(statuses).toHaveLength(times);
    expect(before[0], "before the group with the hosts in it").toBe(times);
    for (const { resolvedHosts } of statuses)
      expect(resolvedHosts).toEqual(expect.arrayContaining([expect.objectContaining({ reference: "WEB02" })]));
  });

  test("says nothing of hosts where there are none", async () => {
    const statuses: ServerFarmStatus[] = [];
    const directory = new Counting([group("itfarm1Hosts"), account(), other], WEB);
    await run(directory, { ...hosts([]), accessGroups: [{ name: "Other", existing: true }] }, undefined, portsOf(directory, statuses));
    expect(statuses).toHaveLength(1);
    expect(statuses[0]).not.toHaveProperty("resolvedHosts");
  });
});

describe("whether anything is written", () => {
  test("is asked once, right before the first write; and not where nothing is to be written", async () => {
    let asked = 0;
    const work: Work = {
      ...WORK,
      assertFresh: () => {
        asked++;
        return Promise.resolve();
      },
    };
    const directory = new Counting([], WEB);
    await reconcile(desired(hosts(["WEB01"])), directory, work, signal);
    expect([asked, directory.writes]).toEqual([1, 2]);
    await reconcile(desired(hosts(["WEB01"])), directory, work, signal);
    expect([asked, directory.writes]).toEqual([1, 2]);
  });

  test("with Observe nothing is, neither of what is wanted nor at its end", async () => {
    const spec = { ...hosts(["WEB01"]), managementPolicy: "Observe" as const };
    const directory = new Counting([group("itfarm1Hosts"), account()], WEB);
    const { end, report } = await run(directory, spec);
    expect(end.kind).toBe("Looked");
    expect(report.plan?.changes.length).toBeGreaterThan(0);
    const last = await decommissionFarm(farm(spec), desired(spec), portsOf(directory), signal);
    expect(last.end.kind).toBe("Remains");
    expect(directory.writes).toBe(0);
  });

  test("what is only planned says which rights it lacks, and plans on", async () => {
    const spec = { ...hosts(["WEB01"]), managementPolicy: "Observe" as const };
    const directory = new Counting([group("itfarm1Hosts"), account()], WEB);
    directory.lacking = ({ kind }) => (kind === "ChangeHosts" ? ["give it to the operator."] : []);
    const { end, report } = await run(directory, spec);
    const status = end.kind === "Looked" ? end.status : undefined;
    const ready = status?.conditions?.find(({ type }) => type === "HostsReady");
    expect(ready).toMatchObject({ status: "False", reason: "AccessDenied", message: expect.stringContaining("give it to the operator.") });
    expect(status?.plan?.map(({ change }) => change)).toContain("AddHost");
    expect([directory.writes, report.failures]).toEqual([0, []]);
  });

  test.each([
    ["SetRetrievers", 0],
    ["CreateAccessGroup", 4],
  ] as const)("what is adopted and lacks the right to %s is written %i times", async (lacking, writes) => {
    const spec = { ...hosts(["WEB01"]), adoptionPolicy: "Unowned" as const };
    const directory = new Counting(
      [
        group("itfarm1Hosts", [WEB01], { owner: CONSENT }),
        account({ owner: CONSENT, dnsHostName: "itfarm1.contoso.com", passwordIntervalDays: 30 }),
      ],
      WEB,
    );
    directory.lacking = ({ kind }) => (kind === lacking ? ["give it to the operator."] : []);
    const { report } = await run(directory, spec);
    expect([directory.writes, report.failures]).toEqual([writes, []]);
  });

  test("with Retain only the marker goes", async () => {
    const spec = { ...hosts(["WEB01"]), deletionPolicy: "Retain" as const };
    const directory = new Counting([group("itfarm1Hosts", [WEB01]), account()], WEB);
    const { end } = await decommissionFarm(farm(spec), desired(spec), portsOf(directory), signal);
    expect(end.kind).toBe("Gone");
    expect(directory.objects.map((object) => object.owner)).toEqual([undefined, undefined]);
    expect(members(directory)).toEqual([WEB01]);
  });
});

describe("the end of a farm that is counted", () => {
  const full = (): SimulatedDirectory => new SimulatedDirectory([group("itfarm1Hosts", [WEB01]), account()], WEB);
  const owned = ({ objects }: SimulatedDirectory) => objects.filter(({ owner }) => owner === desired().owner);
  const held = { message: "the deletion budget keeps it.", stalled: false };

  test("is asked for once, before anything is written", async () => {
    const directory = full();
    const seen: number[] = [];
    const claimEnd = () => {
      seen.push(owned(directory).length);
      return Promise.resolve(undefined);
    };
    expect((await decommissionFarm(farm(), desired(), { ...portsOf(directory), claimEnd }, signal)).end.kind).toBe("Gone");
    expect(seen).toEqual([2]);
  });

  test("does not begin where it has to wait, and says why", async () => {
    const directory = full();
    const { end } = await decommissionFarm(farm(), desired(), { ...portsOf(directory), claimEnd: () => Promise.resolve(held) }, signal);
    expect(owned(directory)).toHaveLength(2);
    if (end.kind !== "Remains") throw new Error(end.kind);
    const said = end.status.conditions?.map(({ type, reason }) => `${type} ${reason}`);
    expect(said).toContain("Ready DeletionBlocked");
    expect(said).toContain("Reconciling DeletionBudgetExceeded");
    expect(end.retryable).toBe(false);
  });

  test("keeps out whoever is quarantined while it waits, and nobody else", async () => {
    const spec = { hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB02"] } };
    const directory = new SimulatedDirectory([group("itfarm1Hosts", [WEB01, WEB02]), account()], WEB);
    const ports = { ...portsOf(directory), claimEnd: () => Promise.resolve(held) };
    const { end, report } = await decommissionFarm(farm(spec), desired(spec), ports, signal);
    if (end.kind !== "Remains") throw new Error(end.kind);
    expect(members(directory)).toEqual([WEB01]);
    expect(owned(directory)).toHaveLength(2);
    expect(end.events.map(({ reason }) => reason)).toContain("HostsRemoved");
    expect(end.status.conditions?.find(({ type }) => type === "Ready")?.message).toContain(held.message);
    expect(report.applied.length).toBeGreaterThan(0);
    const again = await decommissionFarm(farm(spec), desired(spec), ports, signal);
    expect(again.report.applied).toEqual([]);
  });

  test.each<[string, (directory: SimulatedDirectory) => FarmPorts]>([
    [
      "an account that must not be touched",
      (directory) => {
        directory.objects = directory.objects.map((one) => (isGroup(one) ? one : { ...one, protection: "it is protected" }));
        return portsOf(directory);
      },
    ],
    [
      "a deletion that is refused",
      (directory) => {
        const refused = new DirectoryError("AccessDenied", "no right");
        const apply = directory.apply.bind(directory);
        directory.apply = (change) => (change.kind === "DeleteAccount" ? Promise.reject(refused) : apply(change));
        return portsOf(directory);
      },
    ],
  ])("keeps out whoever is quarantined while it is blocked by %s", async (_, portsFor) => {
    const spec = { hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB02"] } };
    const directory = new SimulatedDirectory([group("itfarm1Hosts", [WEB01, WEB02]), account()], WEB);
    const { end } = await decommissionFarm(farm(spec), desired(spec), portsFor(directory), signal);
    if (end.kind !== "Remains") throw new Error(end.kind);
    expect(members(directory)).toEqual([WEB01]);
    expect(end.events.map(({ reason }) => reason)).toContain("HostsRemoved");
  });

  test("keeps out whoever is quarantined where its end cannot be recorded", async () => {
    const spec = { hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB02"] } };
    const directory = new SimulatedDirectory([group("itfarm1Hosts", [WEB01, WEB02]), account()], WEB);
    const ports = { ...portsOf(directory), claimEnd: () => Promise.reject(new Error("a webhook refuses")) };
    const { end, report } = await decommissionFarm(farm(spec), desired(spec), ports, signal);
    expect([end.kind, report.applied.length > 0]).toEqual(["Aborted", true]);
    expect(end.kind === "Aborted" && end.events.map(({ reason }) => reason)).toContain("HostsRemoved");
    expect(members(directory)).toEqual([WEB01]);
    expect(owned(directory)).toHaveLength(2);
    // The next time there is nothing else to say.
    await expect(decommissionFarm(farm(spec), desired(spec), ports, signal)).rejects.toThrow("a webhook refuses");
  });

  test("does not begin where it cannot be recorded", async () => {
    const directory = full();
    const claimEnd = () => Promise.reject(new Error("conflict"));
    await expect(decommissionFarm(farm(), desired(), { ...portsOf(directory), claimEnd }, signal)).rejects.toThrow("conflict");
    expect(owned(directory)).toHaveLength(2);
  });

  test.each([
    ["what is retained", { deletionPolicy: "Retain" as const }, full],
    ["what owns nothing", {}, () => new SimulatedDirectory([], WEB)],
  ])("is not asked for by %s", async (_, spec, made) => {
    const claimEnd = () => Promise.resolve(held);
    const { end } = await decommissionFarm(farm(spec), desired(spec), { ...portsOf(made()), claimEnd }, signal);
    expect(end.kind).toBe("Gone");
  });
});

describe("in a domain where nothing is to be written", () => {
  test("a farm that is to be enforced is only planned, and its end waits", async () => {
    const wanted = { ...desired(hosts(["WEB01"])), observedFor: "Domain" as const };
    const directory = new SimulatedDirectory([], WEB);
    const { end } = await reconcileFarm(farm(hosts(["WEB01"])), wanted, portsOf(directory), signal);
    expect(directory.objects.filter(({ owner }) => owner === wanted.owner)).toEqual([]);
    if (end.kind !== "Looked") throw new Error(end.kind);
    expect(end.status.plan?.map(({ change }) => change)).toContain("CreateAccount");
    const ready = end.status.conditions?.find(({ type }) => type === "Ready");
    expect(ready).toMatchObject({ reason: "ChangesPending" });
    expect(ready?.message).toContain("Nothing is written: the domain's managementPolicy is Observe.");
    const full = new SimulatedDirectory([group("itfarm1Hosts", [WEB01]), account()], WEB);
    expect((await decommissionFarm(farm(), wanted, portsOf(full), signal)).end.kind).toBe("Remains");
    expect(full.objects.filter(({ owner }) => owner === wanted.owner)).toHaveLength(2);
  });
});

describe("a reconcile that is broken off", () => {
  const breaking = (kind: DirectoryErrorKind): SimulatedDirectory => {
    const directory = new SimulatedDirectory([], WEB);
    directory.observe = () => Promise.reject(new DirectoryError(kind, "no"));
    return directory;
  };

  test("because the program ends has nothing to say", async () => {
    const { end, report } = await run(breaking("Aborted"), hosts(["WEB01"]));
    expect([end, report.error?.kind]).toEqual([{ kind: "Aborted", events: [] }, "Aborted"]);
    expect((await decommissionFarm(farm(), desired(), portsOf(breaking("Aborted")), signal)).end).toEqual({ kind: "Aborted", events: [] });
  });

  test("because nobody answers says so, of the farm as it was wanted", async () => {
    const spec = hosts(["WEB01"]);
    const wanted = desired(spec);
    const directory = breaking("Unavailable");
    const result = await reconcileFarm(farm(spec), wanted, portsOf(directory), signal);
    expect(result.end.kind).toBe("Looked");
    expect(result.desired).toBe(wanted);
    expect(result.report).toMatchObject({ view: undefined, applied: [], failures: [] });
    const last = await decommissionFarm(farm(), desired(), portsOf(directory), signal);
    expect(last.end).toMatchObject({ kind: "Remains", retryable: true });
  });
});

describe("a reader and a writer as a farm's directory", () => {
  const found = account();
  const known: ServerFarm["status"] = { observedGeneration: 1, ownedObjects: [{ kind: "HostGroup", objectGUID: "unseen" }] };
  const writes: Write[] = [];
  const asked: Query[] = [];
  const directory = (reliable?: boolean) =>
    directoryOf(
      {
        find: (query) => {
          asked.push(query);
          return Promise.resolve(query.among === "Objects" ? [found] : []);
        },
      },
      {
        apply: (write) => {
          writes.push(write);
          return Promise.resolve();
        },
        lacks: () => Promise.resolve([]),
      },
      ...(reliable === undefined ? [] : [() => ({ absenceReliable: reliable })]),
    );

  test("answer every question of a look; what is not shown is missing where that is not reliable yet", async () => {
    const wanted = desired({}, known);
    for (const [reliable, missing] of [
      [undefined, []],
      [true, []],
      [false, ["unseen"]],
    ] as const) {
      const observed = await directory(reliable).observe(wanted, "Names", signal);
      expect(observed.objects).toEqual([found]);
      expect(observed.missing).toEqual(missing);
    }
    const [web01] = WEB;
    const before = new SimulatedDirectory([], web01 ? [web01] : []).seenBy(desired());
    const observed = await directory().observe(desired(hosts(["WEB01"])), "Names", signal, before);
    expect(observed.computers).toEqual([web01]);
  });

  test("ask urgently only while a quarantine is new and there is something to lose", async () => {
    const urgent = async (status?: ServerFarm["status"], quarantined = ["WEB01"]): Promise<ReadonlySet<boolean | undefined>> => {
      asked.length = 0;
      await directory().observe(desired(hosts([], quarantined), status), "Names", signal);
      return new Set(asked.map((query) => query.urgent));
    };
    expect(await urgent(known)).toEqual(new Set([true]));
    expect(await urgent(known, [])).toEqual(new Set([false]));
    expect(await urgent()).toEqual(new Set([false]));
    expect(await urgent({ ...known, observedGeneration: 1, resolvedHosts: [{ reference: "WEB01", objectGUID: "w" }] })).toEqual(
      new Set([false]),
    );
    // It was the entry of a host until the last edit.
    expect(await urgent({ ...known, observedGeneration: 0, resolvedHosts: [{ reference: "WEB01", objectGUID: "w" }] })).toEqual(
      new Set([true]),
    );
  });

  test("find what was made a moment ago by its name, with all of its members", async () => {
    asked.length = 0;
    const value = found.distinguishedName.toUpperCase();
    expect(await directory().made(value, signal)).toBe(found);
    // Answers may hold what somebody else asked for at the same time.
    expect(await directory().made("CN=x", signal)).toBeUndefined();
    asked.pop();
    expect(asked).toEqual([{ lookups: [{ by: "distinguishedName", value }], among: "Objects", allMembersOf: expect.any(Function) }]);
    expect(asked[0]?.allMembersOf?.(found)).toBe(true);
  });

  test("write a change as what it is to the directory", async () => {
    const object = { distinguishedName: "CN=x", objectGUID: "g", owner };
    writes.length = 0;
    await directory().apply({ kind: "DeleteAccount", object }, signal);
    expect(writes).toEqual([{ kind: "Delete", object, objectClass: ACCOUNT_CLASS }]);
  });
});
