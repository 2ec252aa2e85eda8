/** Service principal names of others, as the operator's own account meets them: administrators are exempt from some of the directory's checks. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DirectoryError } from "../../src/ad/error.ts";
import { inspectDomain } from "../../src/directory/inspection.ts";
import { LdapReader } from "../../src/directory/reader.ts";
import { LdapSession } from "../../src/directory/session.ts";
import { LdapWriter } from "../../src/directory/writer.ts";
import type { Change } from "../../src/farm/changes/index.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import type { DesiredFarm } from "../../src/farm/desired-farm.ts";
import { plan } from "../../src/farm/plan/index.ts";
import { aliasesOf, parseMappings, type ServicePrincipalNameMappings } from "../../src/names/account-name.ts";
import type { Directory } from "../../src/farm/observed.ts";
import { directoryOf } from "../../src/reconciler/farm.ts";
import { applyChange, reconcile } from "../../src/reconciler/farm.ts";
import type { Rounds } from "../../src/reconciler/work.ts";
import { farm, planOf } from "../farm/simulation.ts";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { addComputer, BASE } from "../harness/directory.ts";
import { available, directory as ad } from "../harness/world.ts";

const WEB06 = `CN=WEB06,CN=Computers,${BASE}`;
const signal = new AbortController().signal;
type Spec = Parameters<typeof farm>[0];

describe.skipIf(!available)("names of others, to the operator's account", () => {
  let session: LdapSession;
  let directory: Directory;
  let mappings: ServicePrincipalNameMappings;
  let searches: number[] = [];

  beforeAll(async () => {
    await delegate(ad);
    session = await LdapSession.open({
      servers: [ad.url],
      ca: ad.ca,
      ...DELEGATED,
      observe: (operation) => {
        if (operation === "search") searches.push(performance.now());
      },
      fence: { until: Number.POSITIVE_INFINITY },
    });
    directory = directoryOf(new LdapReader(session), new LdapWriter(session));
    mappings = (await inspectDomain(session, { accountContainer: "OU=Farms", groupContainer: "OU=Farms" }, "spn"))
      .servicePrincipalNameMappings;
  });

  afterAll(() => {
    session.close();
  });

  beforeEach(async () => {
    await ad.modify(WEB06, "replace", "servicePrincipalName", ["HOST/web06.contoso.com", "HOST/WEB06", "http/portal.example.org"]);
  });

  afterEach(async () => {
    await ad.modify(WEB06, "replace", "servicePrincipalName", []);
    for (const { dn } of await ad.search("(adminDescription=serverfarm.dev cluster=spn*)")) {
      await ad.asAdministrator((client) => client.del(dn));
    }
  });

  /** `known`: what the directory is believed to map; none, and the operator sees no implied name, as if another had taken it a moment ago. */
  const wantedOf = (spec: Spec, known = mappings, owned: readonly string[] = []): DesiredFarm => {
    const facts = {
      dnsName: "contoso.com",
      netBIOSName: "CONTOSO",
      servicePrincipalNameMappings: known,
      trustSelfJoined: false,
      observed: false,
      adoption: "Consent" as const,
      operator: "svc-farms@contoso.com",
      baseDN: BASE,
      wellKnownContainers: [],
      podHostAccounts: [],
      accountContainer: "OU=Farms",
      groupContainer: "OU=Farms",
    };
    return {
      ...desiredFarm(farm({ hosts: { grant: "Principals" }, ...spec, account: { name: "names", ...spec?.account } }), facts, "spn").desired,
      knownObjects: owned,
    };
  };

  const bringAbout = (wanted: DesiredFarm): Promise<Rounds> =>
    reconcile(wanted, directory, { scope: "Names", plan, assertFresh: () => Promise.resolve(), ordered: false }, signal);

  async function names(): Promise<readonly string[]> {
    return [(await ad.find("names$"))?.["servicePrincipalName"] ?? []].flat().map(String).toSorted();
  }

  async function account(): Promise<{ distinguishedName: string; objectGUID: string; owner: string }> {
    const { objects } = await directory.observe(wantedOf({}), "Names", signal);
    const object = objects.find(({ samAccountName }) => samAccountName === "names$");
    if (!object) throw new Error("no account");
    const { distinguishedName, objectGUID } = object;
    return { distinguishedName, objectGUID, owner: wantedOf({}).owner };
  }

  test("the domain's mappings are read, as they stand there", () => {
    expect([...mappings.keys()]).toEqual(["host"]);
    expect(aliasesOf("HOST/x", mappings).toSorted()).toEqual(aliasesOf("HOST/x", parseMappings([])).toSorted());
  });

  test("what is implied is left out in both directions, by creation and by change, and the holder named", async () => {
    const taken = ["cifs/web06.contoso.com", "HTTP/WEB06", "HOST/portal.example.org"];
    const wanted = wantedOf({ servicePrincipalNames: ["http/one", ...taken] });
    const created = await bringAbout(wanted);
    expect(created.failures).toEqual([]);
    expect(await names()).toEqual(["http/one"]);
    const changed = await bringAbout(wantedOf({ servicePrincipalNames: [...taken, "http/two"] }));
    expect(changed.failures).toEqual([]);
    expect(changed.applied.map((change) => change.kind === "ChangeServicePrincipalNames" && [change.remove, change.add])).toEqual([
      [["http/one"], []],
      [[], ["http/two"]],
    ]);
    expect(await names()).toEqual(["http/two"]);
    expect(changed.plan?.blockers.map(({ reason, message }) => [reason, message.split(":")[0]])).toEqual([
      [
        "ServicePrincipalNameInUse",
        `${taken[0]} is held by ${WEB06} as HOST/web06.contoso.com, because one implies the other (sPNMappings)`,
      ],
      ["ServicePrincipalNameInUse", `${taken[1]} is held by ${WEB06} as HOST/WEB06, because one implies the other (sPNMappings)`],
      [
        "ServicePrincipalNameInUse",
        `${taken[2]} is held by ${WEB06} as http/portal.example.org, because one implies the other (sPNMappings)`,
      ],
    ]);
  });

  test("what came a moment ago the directory refuses: the account is made, its other names are set, and the next look names the holder", async () => {
    const host = { grant: "Principals" as const, computers: ["WEB06"] };
    const spec = { servicePrincipalNames: ["http/one", "http/two", "cifs/web06.contoso.com"], hosts: host };
    const blind = wantedOf(spec, parseMappings(["nothing=nowhere"]));
    const { failures, applied } = await bringAbout(blind);
    expect(failures.map(({ change, error }) => [change.kind, "add" in change && change.add, error.kind])).toEqual([
      ["ChangeServicePrincipalNames", ["cifs/web06.contoso.com"], "ServicePrincipalNameInUse"],
    ]);
    expect(applied.map(({ kind }) => kind)).toEqual(["CreateAccount", "ChangeServicePrincipalNames", "ChangeServicePrincipalNames"]);
    expect(await names()).toEqual(["http/one", "http/two"]);
    const { blockers, changes } = planOf(wantedOf(spec), await directory.observe(wantedOf(spec), "Names", signal));
    expect(changes).toEqual([]);
    expect(blockers).toMatchObject([{ reason: "ServicePrincipalNameInUse", message: expect.stringContaining(WEB06) }]);
  });

  test("so it is with a name that would imply somebody's, of which Samba says less", async () => {
    const blind = wantedOf({ servicePrincipalNames: ["http/one", "HOST/portal.example.org"] }, parseMappings(["nothing=nowhere"]));
    const { failures } = await bringAbout(blind);
    expect(failures.map(({ change }) => "add" in change && change.add)).toEqual([["HOST/portal.example.org"]]);
    expect(failures[0]?.error).toMatchObject({ code: 19, retryable: false });
    expect(await names()).toEqual(["http/one"]);
  });

  test("an addition is never beside a deletion, where Samba would check it for nothing", async () => {
    await bringAbout(wantedOf({ servicePrincipalNames: ["http/one"] }));
    const blind = wantedOf(
      { servicePrincipalNames: ["cifs/web06.contoso.com"], hosts: { grant: "Principals", computers: ["WEB06"] } },
      new Map(),
    );
    const { failures } = await bringAbout(blind);
    expect(failures.map(({ error }): DirectoryError["kind"] => error.kind)).toEqual(["ServicePrincipalNameInUse"]);
    expect(await names()).toEqual([]);
    expect([(await ad.find("WEB06$"))?.["servicePrincipalName"]].flat()).toContain("HOST/web06.contoso.com");
  });

  test("of several names one that is refused keeps only itself out", async () => {
    await bringAbout(wantedOf({}));
    const change: Change = {
      kind: "ChangeServicePrincipalNames",
      object: await account(),
      add: ["http/one", "http/portal.example.org", "www/web06.contoso.com", "http/two"],
      remove: [],
    };
    await expect(directory.apply(change, signal)).rejects.toMatchObject({ kind: "ServicePrincipalNameInUse" });
    expect(await names()).toEqual([]);
    const failures = await applyChange(directory, change, [], signal);
    expect(failures.map(({ error }) => error.kind)).toEqual(["ServicePrincipalNameInUse", "ServicePrincipalNameInUse"]);
    expect(await names()).toEqual(["http/one", "http/two"]);
  });

  test("a computer is found by its dNSHostName and by its sAMAccountName, a gMSA by both for the account's own name", async () => {
    const odd = await ad.asAdministrator((client) => addComputer(client, "ODD08", { dNSHostName: "strange.contoso.com" }));
    try {
      const wanted = wantedOf({ servicePrincipalNames: ["MSSQLSvc/STRANGE", "MSSQLSvc/odd08.contoso.com", "http/strange.contoso.com:80"] });
      const { plan: end } = await bringAbout(wanted);
      expect(await names()).toEqual([]);
      expect(end?.blockers.map(({ reason }) => reason)).toEqual(Array.from({ length: 3 }, () => "ServicePrincipalNameReserved"));
      const { objectGUID } = await account();
      const again = planOf(wanted, await directory.observe({ ...wanted, knownObjects: [objectGUID] }, "Names", signal));
      expect(again.blockers).toEqual(end?.blockers);
      const other = wantedOf({ account: { name: "other", dnsHostName: "NAMES.contoso.com" } });
      expect(planOf(other, await directory.observe(other, "Names", signal))).toMatchObject({
        changes: [],
        blockers: [{ reason: "ObjectExists" }, {}, {}],
      });
    } finally {
      await ad.asAdministrator((client) => client.del(odd));
    }
  });

  test("a farm of 500 names on 250 hosts costs eight searches where nothing is owned yet, and six once all are there", async () => {
    const list = Array.from({ length: 250 }, (_, index) => [`http/cost${index}.contoso.com`, `cifs/cost${index}.contoso.com`]).flat();
    const wanted = wantedOf({ servicePrincipalNames: list });
    searches = [];
    await directory.observe(wanted, "Names", signal);
    expect(searches).toHaveLength(8);
    await bringAbout(wanted);
    expect(await names()).toHaveLength(500);
    const { objectGUID } = await account();
    searches = [];
    const observed = await directory.observe({ ...wanted, knownObjects: [objectGUID] }, "Names", signal);
    expect(searches).toHaveLength(6);
    const started = performance.now();
    expect(planOf({ ...wanted, knownObjects: [objectGUID] }, observed)).toEqual({ changes: [], later: [], blockers: [] });
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
