/** When an account is deleted to be created again, what is kept of it, and what keeps it from that. */
import { describe, expect, test } from "vitest";
import { DirectoryError } from "../../../src/ad/error.ts";
import { RECREATE_ACCOUNT } from "../../../src/api/annotations.ts";
import type { ServerFarm } from "../../../src/api/generated/server-farm.ts";
import type { Change } from "../../../src/farm/changes/index.ts";
import { desiredFarm } from "../../../src/farm/desired.ts";
import type { DesiredFarm } from "../../../src/farm/desired-farm.ts";
import { formerAccountStatus, isSame } from "../../../src/farm/journal.ts";
import { plan } from "../../../src/farm/plan/index.ts";
import { lookupKeys } from "../../../src/farm/queries.ts";
import { parseMappings } from "../../../src/names/account-name.ts";
import { lookupKey } from "../../../src/names/identifier.ts";
import { reconcile, reconcileFarm } from "../../../src/reconciler/farm.ts";
import type { Work } from "../../../src/reconciler/work.ts";
import { AskedDirectory } from "../asked-directory.ts";
import { BASE, CLUSTER, computer, desired, directoryObject, FACTS, farm, planOf, SimulatedDirectory } from "../simulation.ts";

const WEB01 = computer("WEB01");
const WORK: Work = { scope: "Names", plan, assertFresh: () => Promise.resolve(), ordered: false };
const SPEC = { hosts: { computers: ["WEB01"] }, servicePrincipalNames: ["http/web"], selfRegisteredServicePrincipalNames: ["MSSQLSvc/*"] };

interface Case {
  readonly directory: SimulatedDirectory;
  readonly wanted: (change?: {
    readonly spec?: Parameters<typeof farm>[0];
    readonly recreate?: string;
    readonly known?: boolean;
    readonly status?: Partial<NonNullable<ServerFarm["status"]>>;
  }) => DesiredFarm;
  readonly guid: string;
}

/** A farm that is in place, with names and a description that somebody else gave its account. */
async function settled(): Promise<Case> {
  const directory = new SimulatedDirectory([], [WEB01]);
  await reconcile(desired(SPEC), directory, WORK, new AbortController().signal);
  directory.objects = directory.objects.map((one) =>
    one.samAccountName === "itfarm1$"
      ? { ...one, servicePrincipalNames: [...one.servicePrincipalNames, "MSSQLSvc/web"], description: "x" }
      : one,
  );
  const guid = directory.objects.find(({ samAccountName }) => samAccountName === "itfarm1$")?.objectGUID ?? "";
  const wanted: Case["wanted"] = ({ spec = SPEC, recreate = guid, known = true, status = {} } = {}) => {
    const ownedObjects = known ? [{ objectGUID: guid, kind: "Account" as const }] : [];
    const one = farm(spec, { observedGeneration: 1, ownedObjects, ...status });
    return desiredFarm({ ...one, metadata: { ...one.metadata, annotations: { [RECREATE_ACCOUNT]: recreate } } }, FACTS, CLUSTER).desired;
  };
  return { directory, wanted, guid };
}

const kinds = (changes: readonly Change[]): readonly string[] => changes.map(({ kind }) => kind);

describe("an account that is to be created again", () => {
  test("is deleted last, with what the manifest does not say on record, and created with it", async () => {
    const { directory, wanted, guid } = await settled();
    const { changes, later, blockers } = planOf(wanted({ recreate: ` ${guid.toUpperCase()} ` }), directory);
    expect(changes).toEqual([
      expect.objectContaining({
        kind: "DeleteAccount",
        former: expect.objectContaining({ objectGUID: guid, servicePrincipalNames: ["MSSQLSvc/web"], description: "x" }),
      }),
    ]);
    expect(later).toEqual([
      expect.objectContaining({
        kind: "CreateAccount",
        servicePrincipalNames: ["http/web", "MSSQLSvc/web"],
        properties: expect.objectContaining({ description: "x" }),
      }),
    ]);
    expect(blockers).toEqual([]);
  });

  test("is another one, or not on record as the farm's: nothing is done", async () => {
    const { directory, wanted } = await settled();
    expect(planOf(wanted({ recreate: "another" }), directory).changes).toEqual([]);
    expect(planOf(wanted({ known: false }), directory).changes).toEqual([]);
  });

  test.each([
    [
      "its name would be somebody else's",
      [directoryObject({ distinguishedName: `CN=other,${BASE}`, dnsHostName: "itfarm1.contoso.com" })],
      {},
    ],
    [
      "its container does not let it be created",
      [],
      { uncreatable: new Map([[`CN=itfarm1,OU=Farms,${BASE}`, { kind: "CreateChild", container: `OU=Farms,${BASE}`, objectClass: "x" }]]) },
    ],
  ] as const)("is not deleted where %s", async (_, others, also) => {
    const { directory, wanted } = await settled();
    directory.objects = [...directory.objects, ...others];
    Object.assign(directory, also);
    const { changes, blockers } = planOf(wanted(), directory);
    expect(kinds(changes)).toEqual([]);
    const since = /^the account is not deleted to be created again \(serverfarm\.dev\/recreate-account\), since: /;
    expect(blockers).toContainEqual(expect.objectContaining({ part: "Account", message: expect.stringMatching(since) }));
  });

  test("is not deleted while its host group has to be made first, nor while something of the farm is not seen", async () => {
    const { directory, wanted } = await settled();
    const whole = directory.objects;
    directory.objects = whole.filter(({ samAccountName }) => samAccountName !== "itfarm1Hosts");
    expect(kinds(planOf(wanted(), directory).changes)).not.toContain("DeleteAccount");
    directory.objects = whole;
    directory.missing = ["unseen"];
    expect(kinds(planOf(wanted(), directory).changes)).not.toContain("DeleteAccount");
  });

  test("is created with what is on record, until it is there: what is created later has none of it", async () => {
    const { directory, wanted, guid } = await settled();
    directory.objects = directory.objects.filter(({ samAccountName }) => samAccountName !== "itfarm1$");
    const former = { objectGUID: guid, servicePrincipalNames: ["MSSQLSvc/web"] };
    const names = (formerAccount: typeof former & { successor?: string }): unknown =>
      planOf(wanted({ status: { formerAccount } }), directory).changes.map(
        (change) => change.kind === "CreateAccount" && change.servicePrincipalNames,
      );
    expect(names(former)).toEqual([["http/web", "MSSQLSvc/web"]]);
    expect(names({ ...former, successor: "new" })).toEqual([["http/web"]]);
  });

  test("gets no name back that another object got meanwhile, or that the manifest does not leave to others any more", async () => {
    const { directory, wanted, guid } = await settled();
    const holder = directoryObject({ distinguishedName: `CN=holder,${BASE}`, servicePrincipalNames: ["HOST/shop"] });
    directory.objects = [...directory.objects.filter(({ samAccountName }) => samAccountName !== "itfarm1$"), holder];
    const formerAccount = {
      objectGUID: guid,
      servicePrincipalNames: ["MSSQLSvc/web", "http/shop", "ldap/dc1.contoso.com", "MSSQLSvc/WEB02"],
    };
    directory.computers = [...directory.computers, computer("WEB02")];
    directory.objects = [...directory.objects, computer("WEB02")];
    const mapped = { ...FACTS, servicePrincipalNameMappings: parseMappings(["host=http"]) };
    const spec = { ...SPEC, selfRegisteredServicePrincipalNames: ["MSSQLSvc/*", "http/s*"] };
    const later = { ...wanted({ spec, status: { formerAccount } }), domain: mapped };
    // Another object holds one by now, and one is not left to others any more. What the account had it may have again, as it would have kept it.
    expect(planOf(later, directory).changes).toEqual([
      expect.objectContaining({ kind: "CreateAccount", servicePrincipalNames: ["http/web", "MSSQLSvc/web", "MSSQLSvc/WEB02"] }),
    ]);
    // Who may have them is asked.
    const keys = lookupKeys(later, undefined);
    for (const [by, value] of [
      ["servicePrincipalName", "http/shop"],
      ["sAMAccountName", "WEB02$"],
    ] as const)
      expect(keys).toContain(lookupKey(by, value));
  });

  test("has nothing of one that it had in another domain", async () => {
    const { directory, guid } = await settled();
    directory.objects = directory.objects.filter(({ samAccountName }) => samAccountName !== "itfarm1$");
    const formerAccount = {
      objectGUID: guid,
      objectSID: "S-1-5-21-9-9-9-1105",
      servicePrincipalNames: ["MSSQLSvc/web"],
      displayName: "former",
    };
    const createdIn = (domainSID: string): unknown => {
      const one = farm(SPEC, { observedGeneration: 1, formerAccount });
      const { changes } = planOf(desiredFarm(one, { ...FACTS, domainSID }, CLUSTER).desired, directory);
      return changes.map((change) => change.kind === "CreateAccount" && [change.servicePrincipalNames, change.properties.displayName]);
    };
    expect(createdIn("S-1-5-21-9-9-9")).toEqual([[["http/web", "MSSQLSvc/web"], "former"]]);
    expect(createdIn("S-1-5-21-9-9-90")).toEqual([[["http/web"], undefined]]);
  });

  test("is not deleted before the directory has taken all that is asked for it: a new one would be refused the same", async () => {
    const { directory, wanted, guid } = await settled();
    const spec = { ...SPEC, account: { description: "too long" } };
    directory.refuse = (change) =>
      (change.kind === "UpdateAccount" || change.kind === "CreateAccount") && change.properties.description === "too long"
        ? new DirectoryError("ConstraintViolation", "too long")
        : undefined;
    for (const _ of [1, 2]) await reconcile(wanted({ spec }), directory, WORK, new AbortController().signal);
    expect(directory.objects.map(({ objectGUID }) => objectGUID)).toContain(guid);
    directory.refuse = () => undefined;
    const { applied } = await reconcile(wanted({ spec }), directory, WORK, new AbortController().signal);
    expect(kinds(applied)).toEqual(["UpdateAccount", "DeleteAccount", "CreateAccount"]);
  });

  test("is not deleted either while a name of it is refused", async () => {
    const { directory, wanted, guid } = await settled();
    const spec = { ...SPEC, servicePrincipalNames: ["http/web", "http/web/three"] };
    directory.refuse = ({ kind }) =>
      kind === "ChangeServicePrincipalNames" || kind === "CreateAccount" ? new DirectoryError("AccessDenied", "no") : undefined;
    await reconcile(wanted({ spec }), directory, WORK, new AbortController().signal);
    expect(directory.objects.map(({ objectGUID }) => objectGUID)).toContain(guid);
  });

  test("keeps out who was kept out, and lets in who was let in, though they cannot be seen now", async () => {
    const { directory, wanted } = await settled();
    const [unseen, stranger] = ["S-1-5-21-1-2-3-9001", "S-1-5-21-1-2-3-9002"];
    directory.objects = directory.objects.map((one) =>
      one.samAccountName === "itfarm1$"
        ? { ...one, retrievers: { principals: one.retrievers?.principals ?? [], denied: [unseen, stranger], foreign: [] } }
        : one,
    );
    const resolvedHosts = [{ reference: "WEB09", objectGUID: "g9", objectSID: unseen }];
    const change = { spec: { ...SPEC, hosts: { computers: ["WEB01"], quarantined: ["WEB09"] } }, status: { resolvedHosts } };
    const [deletion] = planOf(wanted(change), directory).changes.filter(({ kind }) => kind === "DeleteAccount");
    const later = planOf(wanted(change), directory).later.find(({ kind }) => kind === "CreateAccount");
    // The entry says so itself.
    expect(deletion).not.toHaveProperty("former.denied");
    expect(later).toMatchObject({ denied: [unseen] });
    // Also by whoever goes on after a crash between the two.
    directory.objects = directory.objects.filter(({ samAccountName }) => samAccountName !== "itfarm1$");
    const formerAccount = { objectGUID: "former", denied: [unseen, stranger] };
    const next = planOf(wanted({ ...change, status: { resolvedHosts, formerAccount } }), directory);
    expect(next.changes).toEqual([expect.objectContaining({ kind: "CreateAccount", denied: [unseen] })]);
  });

  test("does not let objects be made twice that may only not be replicated yet", async () => {
    const { directory, wanted } = await settled();
    directory.objects = directory.objects.filter(({ samAccountName }) => samAccountName !== "itfarm1Hosts");
    directory.missing = ["the group"];
    expect(kinds(planOf(wanted(), directory).changes)).toEqual([]);
  });

  test("was created again already, and somebody restored the former one: that is not deleted once more", async () => {
    const { directory, wanted, guid } = await settled();
    const formerAccount = { objectGUID: guid, successor: "another" };
    expect(kinds(planOf(wanted({ status: { formerAccount } }), directory).changes)).toEqual([]);
    expect(formerAccountStatus(formerAccount, guid)).toEqual({ formerAccount });
    expect(formerAccountStatus({ objectGUID: guid }, guid)).toEqual({});
    expect(formerAccountStatus({ objectGUID: guid }, "new")).toEqual({ formerAccount: { objectGUID: guid, successor: "new" } });
  });

  test("is asked whether its host name is somebody else's before it is deleted", async () => {
    const { directory, wanted, guid } = await settled();
    const other = directoryObject({ distinguishedName: `CN=other,${BASE}`, samAccountName: "other$", dnsHostName: "itfarm1.contoso.com" });
    const asked = new AskedDirectory([...directory.objects, other], directory.computers);
    const report = await reconcile(wanted(), asked, WORK, new AbortController().signal);
    expect(report.applied).toEqual([]);
    expect(asked.everything.some(({ objectGUID }) => objectGUID === guid)).toBe(true);
    expect(report.plan?.blockers).toContainEqual(
      expect.objectContaining({ reason: "ObjectExists", message: expect.stringContaining("is not deleted") }),
    );
  });

  test("is not asked for any more where the annotation was taken back: the copy is stale", () => {
    const one = farm(SPEC);
    const annotated = { ...one, metadata: { ...one.metadata, annotations: { [RECREATE_ACCOUNT]: "a" } } };
    expect(isSame(one, annotated)).toBe(false);
    expect(isSame(annotated, annotated)).toBe(true);
  });

  test("is in the audit log as what the farm asks for, and not as drift", async () => {
    const { directory, wanted, guid } = await settled();
    const causes: unknown[] = [];
    const apply = directory.apply.bind(directory);
    directory.apply = (change: Change, ...rest: readonly unknown[]): Promise<void> => {
      const [, asker] = rest;
      if (typeof asker === "object" && asker !== null && "cause" in asker) causes.push([change.kind, asker.cause]);
      return apply(change);
    };
    const condition = {
      type: "AccountReady",
      status: "True" as const,
      reason: "Reconciled",
      message: "",
      lastTransitionTime: "",
      observedGeneration: 1,
    };
    const status = { observedGeneration: 1, conditions: [condition], ownedObjects: [{ objectGUID: guid, kind: "Account" as const }] };
    const one = farm(SPEC, status);
    const annotated = { ...one, metadata: { ...one.metadata, annotations: { [RECREATE_ACCOUNT]: guid } } };
    const { end } = await reconcileFarm(
      annotated,
      wanted(),
      {
        directory,
        assertFresh: () => Promise.resolve(),
        record: (live, next) => Promise.resolve({ ...live, status: next }),
        now: () => new Date(0),
      },
      new AbortController().signal,
    );
    expect(causes).toEqual([
      ["DeleteAccount", "SpecChange"],
      ["CreateAccount", "SpecChange"],
    ]);
    expect(end.kind === "Looked" && end.events.map(({ reason }) => reason)).not.toContain("DriftCorrected");
  });

  test.each([
    ["was done", true],
    ["was not done", false],
  ])("whose deletion got no answer, and %s, is created again by the next look, once and with what it had", async (_, isDone) => {
    const { directory, guid } = await settled();
    const apply = directory.apply.bind(directory);
    let isLost = false;
    directory.apply = async (change: Change): Promise<void> => {
      const loses = change.kind === "DeleteAccount" && !isLost;
      if (!loses || isDone) await apply(change);
      if (!loses) return;
      isLost = true;
      throw new DirectoryError("OutcomeUnknown", "no answer");
    };
    let one = annotated(guid, { observedGeneration: 1, ownedObjects: [{ objectGUID: guid, kind: "Account" }] });
    const ports = {
      directory,
      assertFresh: () => Promise.resolve(),
      record: (live: ServerFarm, status: NonNullable<ServerFarm["status"]>) => Promise.resolve({ ...live, status }),
      now: () => new Date(0),
    };
    for (let look = 0; look < 3; look++) {
      const { farm: recorded, end } = await reconcileFarm(
        one,
        desiredFarm(one, FACTS, CLUSTER).desired,
        ports,
        new AbortController().signal,
      );
      one = { ...recorded, ...(end.kind === "Looked" ? { status: end.status } : {}) };
    }
    const accounts = directory.objects.filter(({ samAccountName }) => samAccountName === "itfarm1$");
    expect(accounts).toMatchObject([{ servicePrincipalNames: ["http/web", "MSSQLSvc/web"], description: "x" }]);
    expect(accounts[0]?.objectGUID).not.toBe(guid);
    expect(one.status?.formerAccount).toMatchObject({ objectGUID: guid, successor: accounts[0]?.objectGUID });
  });
});

function annotated(recreate: string, status: NonNullable<ServerFarm["status"]>): ServerFarm {
  const one = farm(SPEC, status);
  return { ...one, metadata: { ...one.metadata, annotations: { [RECREATE_ACCOUNT]: recreate } } };
}
