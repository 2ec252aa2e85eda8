/** Searches among tenants: nobody gets, or learns of, computers that are another tenant's. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addContainer, addMany, inDomain, removeTree } from "../harness/computers.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cluster,
  condition,
  directory,
  type Farm,
  farmOf,
  farmReady,
  farmWhere,
  useOperator,
} from "../harness/world.ts";

const NAMESPACE = "search-tenants";
const TOP = inDomain("OU=Parted");
const [MINE, THEIRS] = [`OU=Mine,${TOP}`, `OU=Theirs,${TOP}`];
const TENANT = {
  name: "mine",
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": NAMESPACE } },
  accounts: { names: ["hs-*"], containers: ["OU=Farms"] },
  servicePrincipalNames: ["*"],
  dnsHostNames: ["*"],
  hosts: { containers: ["OU=Mine,OU=Parted"], names: ["MY*"], max: 50, search: true },
};

describe.skipIf(!available)("a search among tenants", () => {
  useOperator(NAMESPACE);

  beforeAll(async () => {
    await addContainer(directory, TOP, MINE, THEIRS);
    await addMany(directory, MINE, ["MY01", "MY02", "DB01"]);
    await addMany(directory, THEIRS, ["MY77"]);
    await applyDomain({ account: DELEGATED, spec: { tenants: [TENANT] } });
  });

  afterAll(async () => {
    await removeTree(directory, TOP);
  });

  const search = (name: string, container: string, names = ["*"], max = 50): Promise<unknown> =>
    cluster.apply(farmOf(NAMESPACE, name, { hosts: { search: { container, names, max } } }));
  const refused = (name: string): Promise<Farm> => farmWhere(NAMESPACE, name, (farm) => condition(farm, "Allowed")?.status === "False");

  test("finds the computers that are the tenant's, and says of the others how many they are", async () => {
    await search("hs-mine", "OU=Mine,OU=Parted");
    const farm = await farmReady(NAMESPACE, "hs-mine");
    expect(await directory.members("hs-mineHosts")).toEqual(["MY01$", "MY02$"]);
    expect(condition(farm, "HostsReady")?.message).toContain("1 computer that it finds is");
    expect(JSON.stringify(farm)).not.toContain("DB01");
  });

  test.each([
    ["another's container", "OU=Theirs,OU=Parted"],
    ["the container above both", "OU=Parted"],
    ["an escape that looks like its own", String.raw`OU=x\2COU\3DMine,OU=Parted`],
    ["a name that only ends so", "OU=XMine,OU=Parted"],
  ])("does not search %s", async (_, container) => {
    await search("hs-other", container);
    expect(condition(await refused("hs-other"), "Allowed")?.message).toContain("hosts.search.container");
    expect(await directory.find("hs-other$")).toBeUndefined();
    await cluster.delete("ServerFarm", "hs-other", NAMESPACE);
  });

  test("gets nobody of a container that the own one is moved into: who has the right keeps it", async () => {
    const moved = `OU=Mine,${THEIRS}`;
    await directory.asAdministrator((client) => client.modifyDN(MINE, moved));
    await addMany(directory, moved, ["MY03"]);
    const farm = await farmWhere(NAMESPACE, "hs-mine", (found) => {
      const { reason, message = "" } = condition(found, "HostsReady") ?? {};
      return reason === "NotAllowed" && message.includes("was moved out of the containers that the tenant allows for hosts");
    });
    // Nothing is said of who is there.
    expect(JSON.stringify(farm.status?.conditions)).not.toMatch(/computers? that it finds|MY77|MY03/);
    expect(await directory.members("hs-mineHosts")).toEqual(["MY01$", "MY02$"]);
    expect(JSON.stringify(condition(farm, "HostsReady"))).not.toContain("OU=Theirs");
    await directory.asAdministrator((client) => client.modifyDN(moved, MINE));
    await waitFor(
      "the new one",
      () => directory.members("hs-mineHosts"),
      (members) => members.join() === "MY01$,MY02$,MY03$",
    );
  });

  test("is refused once the tenant may not search any more: what it found stays, and goes with the search", async () => {
    await applyDomain({ account: DELEGATED, spec: { tenants: [{ ...TENANT, hosts: { ...TENANT.hosts, search: false } }] } });
    expect(condition(await refused("hs-mine"), "Allowed")?.message).toContain("hosts.search");
    await addMany(directory, MINE, ["MY04"]);
    await cluster.annotate("ServerFarm", "hs-mine", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "frozen" });
    await farmWhere(NAMESPACE, "hs-mine", ({ status }) => status?.lastHandledReconcileRequest === "frozen");
    expect(await directory.members("hs-mineHosts")).toEqual(["MY01$", "MY02$", "MY03$"]);
    // Quarantine works, and so does taking it all back.
    await cluster.patch("ServerFarm", "hs-mine", NAMESPACE, { spec: { hosts: { quarantined: ["MY01"] } } });
    await waitFor(
      "the quarantine",
      () => directory.members("hs-mineHosts"),
      (members) => members.join() === "MY02$,MY03$",
    );
    // Tenants name no hosts at all: the farm is not allowed still.
    await applyDomain({ account: DELEGATED, spec: { tenants: [{ ...TENANT, accounts: { names: [], containers: [] } }] } });
    await refused("hs-mine");
    await cluster.patch("ServerFarm", "hs-mine", NAMESPACE, { spec: { hosts: { search: null } } });
    await waitFor(
      "the end of the search",
      () => directory.members("hs-mineHosts"),
      (members) => members.length === 0,
    );
  });
});
