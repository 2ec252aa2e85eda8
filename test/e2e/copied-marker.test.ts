/** The owner marker of a farm can be read by everybody, and written by whoever may create a group anywhere: alone it gives nobody a right. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { ownerMarker } from "../../src/names/identifier.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  farmReady,
  farmWhere,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "copied-marker";
/** Where the operator has no right, and somebody else may create groups. */
const ELSEWHERE = `OU=Workshop,${BASE}`;
const FARMS = `OU=Farms,${BASE}`;
const STRANGER = `CN=WEB04,CN=Computers,${BASE}`;
const uid = z.object({ metadata: z.object({ uid: z.string() }) });

describe.skipIf(!available)("a group with a copied marker, in an OU where farms create nothing", () => {
  let operator: Operator;

  async function forge(farm: string, name: string): Promise<string> {
    const { metadata } = uid.parse(await cluster.get("Namespace", "kube-system"));
    const dn = `CN=${name},${ELSEWHERE}`;
    await directory.asAdministrator((client) =>
      client.add(dn, {
        objectClass: "group",
        sAMAccountName: name,
        adminDescription: ownerMarker(metadata.uid, { namespace: NAMESPACE, name: farm }),
        member: [STRANGER],
      }),
    );
    return dn;
  }

  beforeAll(async () => {
    await directory.asAdministrator((client) => client.add(ELSEWHERE, { objectClass: "organizationalUnit" }));
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED });
    operator = await startOperator();
    await domainReady();
  });

  afterAll(async () => {
    await cleanUp();
    await directory.asAdministrator(async (client) => {
      for (const { dn } of await directory.search("(objectClass=group)", [], {}, ELSEWHERE)) await client.del(dn);
      await client.del(ELSEWHERE);
    });
    expect(await operator.stop()).toBe(0);
  });

  test("made before the farm: no account is created for its members, and the message says what to do", async () => {
    const forged = await forge("early", "earlyHosts");
    await cluster.apply(farmOf(NAMESPACE, "early", { hosts: { computers: ["WEB01"] } }));
    const farm = await farmWhere(NAMESPACE, "early", (seen) => condition(seen, "Ready")?.reason === "NotOwned");
    expect(condition(farm, "HostsReady")?.message).toContain(
      `${forged} exists and it has this farm's owner marker, but the farm has no record of it and does not create objects there; the operator left it as it is. If it is the farm's, move it to ${FARMS}; if not, remove the object or its adminDescription.`,
    );
    expect(await directory.find("early$")).toBeUndefined();
    expect(farm.status?.ownedObjects ?? []).toEqual([]);
    await directory.asAdministrator((client) => client.modifyDN(forged, `CN=earlyHosts,${FARMS}`));
    // Only who may create groups there can do that; it is the farm's, with the farm's hosts.
    await farmReady(NAMESPACE, "early");
    expect(await directory.retrieves("WEB01", `CN=early,${FARMS}`)).toBe(true);
    expect(await directory.retrieves("WEB04", `CN=early,${FARMS}`)).toBe(false);
  });

  test("made in the container of an existing group that the farm names: that container is no place of the farm's", async () => {
    const readers = `CN=Readers,${ELSEWHERE}`;
    await directory.asAdministrator((client) => client.add(readers, { objectClass: "group", sAMAccountName: "Readers" }));
    const forged = await forge("reader", "readerHosts");
    const accessGroups = [{ name: "Readers", existing: true, container: ELSEWHERE }];
    await cluster.apply(farmOf(NAMESPACE, "reader", { hosts: { computers: ["WEB01"] }, accessGroups }));
    const farm = await farmWhere(NAMESPACE, "reader", (seen) => condition(seen, "Ready")?.reason === "NotOwned");
    expect(condition(farm, "HostsReady")?.message).toContain(
      `${forged} exists and it has this farm's owner marker, but the farm has no record`,
    );
    expect(await directory.find("reader$")).toBeUndefined();
    await directory.asAdministrator((client) => client.del(forged));
    await cluster.annotate("ServerFarm", "reader", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await waitFor("the account", async () => await directory.retrieves("WEB01", `CN=reader,${FARMS}`));
    expect(await directory.retrieves("WEB04", `CN=reader,${FARMS}`)).toBe(false);
  });

  test("made under the name that a farm is to use next: its members get nothing", async () => {
    await cluster.apply(farmOf(NAMESPACE, "later", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "later");
    const forged = await forge("later", "laterNext");
    await patchFarm(NAMESPACE, "later", { hosts: { group: { name: "laterNext" } } });
    const refused = await farmWhere(NAMESPACE, "later", (seen) => condition(seen, "HostsReady")?.status === "False");
    expect(condition(refused, "HostsReady")?.message).toContain("so the host group keeps its present name, laterHosts");
    expect(await directory.retrieves("WEB04", `CN=later,${FARMS}`)).toBe(false);
    expect(await directory.retrieves("WEB01", `CN=later,${FARMS}`)).toBe(true);
    await directory.asAdministrator((client) => client.del(forged));
    // An ordinary account does not see what is deleted: that is noticed when the farm is looked at.
    await cluster.annotate("ServerFarm", "later", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await farmReady(NAMESPACE, "later");
  });

  test("one that cannot be deleted keeps nothing that is the farm's at its end", async () => {
    await cluster.apply(farmOf(NAMESPACE, "ending", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "ending");
    const forged = await forge("ending", "aaEnding");
    await cluster.delete("ServerFarm", "ending", NAMESPACE, 0);
    await farmWhere(NAMESPACE, "ending", (seen) => condition(seen, "Ready")?.message.includes(forged) === true);
    expect(await directory.find("ending$")).toBeUndefined();
    expect(await directory.find("endingHosts")).toBeUndefined();
    await directory.asAdministrator((client) => client.del(forged));
    await cluster.annotate("ServerFarm", "ending", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await cluster.waitGone("ServerFarm", "ending", NAMESPACE, 120);
  });

  test.each([
    ["that cannot be written", {}],
    ["that must not be touched", { adminCount: "1" }],
  ])("an account with it %s keeps nobody in possession of the farm's password at its end", async (_, fields) => {
    const name = "adminCount" in fields ? "guarded" : "foreign";
    await cluster.apply(farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, name);
    const { metadata } = uid.parse(await cluster.get("Namespace", "kube-system"));
    const forged = `CN=aa${name},${ELSEWHERE}`;
    const account = {
      objectClass: "msDS-GroupManagedServiceAccount",
      sAMAccountName: `aa${name}$`,
      userAccountControl: "4096",
      "msDS-ManagedPasswordInterval": "30",
      adminDescription: ownerMarker(metadata.uid, { namespace: NAMESPACE, name }),
      ...fields,
    };
    await directory.asAdministrator((client) => client.add(forged, account));
    await cluster.delete("ServerFarm", name, NAMESPACE, 0);
    await farmWhere(NAMESPACE, name, (seen) => condition(seen, "Ready")?.message.includes(forged) === true);
    expect([await directory.find(`${name}$`), await directory.find(`${name}Hosts`)]).toEqual([undefined, undefined]);
    expect(await directory.find(`aa${name}$`)).toBeDefined();
    await directory.asAdministrator((client) => client.del(forged));
    await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await cluster.waitGone("ServerFarm", name, NAMESPACE, 120);
  });
});
