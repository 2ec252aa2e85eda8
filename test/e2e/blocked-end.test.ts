/** Farms whose end the directory refuses: what is said, what is true meanwhile, and that they go on by themselves. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApiFailure } from "../harness/cluster.ts";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  type Farm,
  farmOf,
  farmReady,
  farmWhere,
  ownedInDirectory,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "blocked";
const OU = `OU=Farms,${BASE}`;
const ACCOUNT = `CN=end,${OU}`;
/** The account's entry that protects it, and the one that its container gets with it. */
const [PROTECTED, CONTAINER] = ["(D;;SDDT;;;S-1-1-0)", "(D;;DC;;;S-1-1-0)"];

describe.skipIf(!available)("a farm whose end is refused", () => {
  let operator: Operator;

  beforeAll(async () => {
    await delegate(directory);
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED, spec: { defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Farms" } } });
    operator = await startOperator();
    await domainReady();
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
  });

  async function deploy(grant: "Group" | "Principals"): Promise<void> {
    await cluster.apply(farmOf(NAMESPACE, "end", { hosts: { grant, computers: ["WEB01", "WEB02"] }, servicePrincipalNames: ["http/end"] }));
    await farmReady(NAMESPACE, "end");
    expect(await directory.retrieves("WEB01", ACCOUNT)).toBe(true);
  }

  const remove = (): Promise<void> => cluster.delete("ServerFarm", "end", NAMESPACE, 0);
  const where = (until: (message: string, farm: Farm) => boolean): Promise<Farm> =>
    farmWhere(NAMESPACE, "end", (farm) => until(condition(farm, "Ready")?.message ?? "", farm));
  async function goesOn(): Promise<void> {
    // Nobody waits a minute for it, where the directory's feed has not brought it yet.
    const now = { "serverfarm.dev/reconcile-requested-at": new Date().toISOString() };
    await cluster.annotate("ServerFarm", "end", NAMESPACE, now).catch((error: unknown) => {
      if (!(error instanceof ApiFailure) || error.code !== 404) throw error;
    });
    await cluster.waitGone("ServerFarm", "end", NAMESPACE);
    expect(await ownedInDirectory()).toEqual([]);
    expect(await directory.find("end$")).toBeUndefined();
  }

  /** The right is revoked, whatever holds up the rest; and that is what the farm says. */
  async function expectRevoked(farm: Farm): Promise<void> {
    expect(condition(farm, "Ready")).toMatchObject({ reason: "DeletionBlocked" });
    expect(condition(farm, "HostsReady")).toMatchObject({ status: "False", message: "nobody may retrieve the password any more." });
    expect(condition(farm, "AccountReady")).toMatchObject({ status: "True" });
    expect(condition(farm, "Stalled")).toMatchObject({ status: "True" });
    expect(farm.status?.hosts?.summary).toBe("0/0");
    expect([await directory.retrieves("WEB01", ACCOUNT), await directory.retrieves("WEB02", ACCOUNT)]).toEqual([false, false]);
  }

  test.each([
    ["Group", 1, "1 object is below it: point0"],
    ["Principals", 4, /4 objects are below it: point\d, point\d, point\d and 1 more/],
  ] as const)(
    "by what stands below the account (%s): it is named and left, and the farm ends once it is gone",
    async (grant, count, words) => {
      await deploy(grant);
      const children = Array.from({ length: count }, (_, index) => `CN=point${index},${ACCOUNT}`);
      await directory.asAdministrator(async (client) => {
        for (const dn of children) await client.add(dn, { objectClass: "serviceConnectionPoint" });
      });
      await remove();
      const farm = await where((message) => message.includes("below it"));
      const message = condition(farm, "Ready")?.message;
      expect(message).toMatch(words);
      expect(message).toContain(`Get-ADObject -Filter * -SearchBase '${ACCOUNT}' -SearchScope OneLevel`);
      expect(message).toContain("notAllowedOnNonLeaf");
      await expectRevoked(farm);
      const below = await directory.search("(objectClass=serviceConnectionPoint)", ["cn"], { scope: "one" }, ACCOUNT);
      expect(below).toHaveLength(count);
      await directory.asAdministrator(async (client) => {
        for (const dn of children) await client.del(dn);
      });
      await goesOn();
    },
  );

  test.each(["Group", "Principals"] as const)(
    "by protection from accidental deletion (%s): that and the missing right are both said, each with its remedy",
    async (grant) => {
      await deploy(grant);
      await directory.grant(ACCOUNT, PROTECTED);
      await directory.grant(OU, CONTAINER);
      try {
        await remove();
        const farm = await where((message) => message.includes("insufficientAccessRights"));
        const message = condition(farm, "Ready")?.message;
        expect(message).toContain(`Set-ADObject -Identity '${ACCOUNT}' -ProtectedFromAccidentalDeletion $false`);
        expect(message).toContain("denies Everyone the right to delete child objects");
        expect(message).toContain(`dsacls "${OU}" /I:T /G "${DELEGATED.username}:CCDC;msDS-GroupManagedServiceAccount"`);
        await expectRevoked(farm);
        // First the account's: as soon as the container's is gone, the farm deletes the account.
        await directory.revoke(ACCOUNT, PROTECTED);
      } finally {
        await directory.revoke(OU, CONTAINER);
      }
      await goesOn();
    },
  );

  test.each([
    ["Group", "end$", "AccountReady"],
    ["Principals", "end$", "AccountReady"],
    ["Group", "endHosts", "HostsReady"],
  ] as const)(
    "by adminCount that was left behind (%s, on %s): it asks to clear it, and nobody lost anything",
    async (grant, name, part) => {
      await deploy(grant);
      const { dn = "" } = (await directory.find(name)) ?? {};
      const remedy = `Set-ADObject -Identity '${dn}' -Clear adminCount`;
      await directory.modify(dn, "replace", "adminCount", ["1"]);
      const seen = await farmWhere(NAMESPACE, "end", (farm) => condition(farm, part)?.reason === "ProtectedObject");
      expect(condition(seen, part)?.message).toContain(remedy);
      expect(condition(seen, part)?.message).not.toContain("another name");
      expect(seen.status?.ownedObjects).toHaveLength(grant === "Group" ? 2 : 1);
      expect(await directory.retrieves("WEB01", ACCOUNT)).toBe(true);
      await directory.modify(dn, "replace", "adminCount", []);
      await farmReady(NAMESPACE, "end");
      await directory.modify(dn, "replace", "adminCount", ["1"]);
      await farmWhere(NAMESPACE, "end", (farm) => condition(farm, part)?.reason === "ProtectedObject");
      await remove();
      const farm = await where((message) => message.includes("cannot be decommissioned"));
      expect(condition(farm, "Ready")?.message).toContain(remedy);
      // Of a protected account nothing is changed. A group that is keeps nobody from deleting the account.
      if (name === "end$") expect(await directory.retrieves("WEB01", ACCOUNT)).toBe(true);
      else expect(condition(farm, "HostsReady")?.message).toContain("nobody may retrieve its password");
      await directory.modify(dn, "replace", "adminCount", []);
      await goesOn();
    },
  );
});
