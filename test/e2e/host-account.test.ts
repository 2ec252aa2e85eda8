/** A user by which nodes that are not joined to the domain retrieve: it may as long as it is an ordinary, enabled one that the farm names. */
import { InvalidCredentialsError } from "ldapts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DELEGATED } from "../harness/delegation.ts";
import { type Account, ADMINISTRATOR, addUser, BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { giveRights, installKind, removeKind, takeRights } from "../harness/pods.ts";
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
  type Farm,
  farmOf,
  farmReady,
  farmWhere,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "portable";
const PASSWORD = "P0rtable!Secret";
const [USER, OTHER, OFF, GUARDED, OUTSIDE] = ["svc-ccg-web", "svc-ccg-db", "svc-ccg-off", "svc-ccg-guarded", "svc-ccg-outside"];
const USERS = [USER, OTHER, OFF, GUARDED, OUTSIDE];
const PLUGIN = { pluginGUID: "{859E1386-BDB4-49E8-85C7-3070B13920E1}", pluginInput: "{}" };
const LISTED = [
  { name: "eks-web", user: USER, ...PLUGIN },
  { name: "eks-db", user: `CN=${OTHER},CN=Users,${BASE}`, ...PLUGIN },
  { name: "off", user: OFF, ...PLUGIN },
  { name: "guarded", user: GUARDED, ...PLUGIN },
  { name: "nobody", user: "svc-nobody", ...PLUGIN },
  { name: "admin", user: "Administrator", ...PLUGIN },
  { name: "machine", user: "WEB02$", ...PLUGIN },
];
const ACCOUNT = `CN=pod,OU=Farms,${BASE}`;
const dnOf = (user: string): string => `CN=${user},CN=Users,${BASE}`;

describe.skipIf(!available)("a portable user", () => {
  let operator: Operator;

  beforeAll(async () => {
    await directory.asAdministrator(async (client) => {
      for (const user of USERS) await addUser(client, user, PASSWORD);
    });
    await directory.modify(dnOf(OFF), "replace", "userAccountControl", ["514"]);
    await directory.modify(dnOf(GUARDED), "replace", "adminCount", ["1"]);
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED, spec: { podHostAccounts: LISTED } });
    await installKind(cluster);
    await giveRights(cluster);
    operator = await startOperator({ pods: { enabled: true, configMaps: false } });
    await domainReady();
    await cluster.apply(
      farmOf(NAMESPACE, "pod", { hosts: { computers: ["WEB01"] }, pods: { serviceAccounts: ["web"], hostAccount: "eks-web" } }),
    );
    await mayRetrieve(USER);
  }, 120_000);

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await removeKind(cluster);
    await takeRights(cluster);
    await directory.asAdministrator(async (client) => {
      for (const user of USERS) await client.del(dnOf(user));
    });
  });

  /** Bound as itself, over TLS. */
  async function retrieves(user: string, password = PASSWORD): Promise<boolean> {
    const account: Account = { username: `${user}@contoso.com`, password };
    return await directory.as(account, async (client) => {
      const options = { scope: "base", attributes: ["msDS-ManagedPassword"], explicitBufferAttributes: ["msDS-ManagedPassword"] } as const;
      const { searchEntries } = await client.search(ACCOUNT, {
        ...options,
        attributes: [...options.attributes],
        explicitBufferAttributes: [...options.explicitBufferAttributes],
      });
      const value = searchEntries[0]?.["msDS-ManagedPassword"];
      return Buffer.isBuffer(value) && value.length > 256;
    });
  }
  const members = (): Promise<readonly string[]> => directory.members("podHosts");
  const membersAre = (...names: readonly string[]): Promise<unknown> =>
    waitFor("the members", members, (found) => JSON.stringify(found) === JSON.stringify(names.toSorted()));
  async function mayRetrieve(user: string): Promise<void> {
    await membersAre("WEB01$", user);
    // An entry that denied it goes after it is a member again.
    await waitFor(`${user} to retrieve`, () => retrieves(user), Boolean);
    await farmReady(NAMESPACE, "pod");
  }
  /** Nothing is done for the farm then: what it has now is what it had while it was disabled. */
  async function enabledWhileSuspended(user: string): Promise<void> {
    await suspend(true);
    await farmWhere(NAMESPACE, "pod", (farm) => condition(farm, "Ready")?.reason === "Suspended");
    await directory.modify(dnOf(user), "replace", "userAccountControl", ["512"]);
  }
  const reason = (wanted: string): Promise<Farm> => farmWhere(NAMESPACE, "pod", (farm) => condition(farm, "HostsReady")?.reason === wanted);
  const suspend = (suspended: boolean): Promise<void> => patchFarm(NAMESPACE, "pod", { suspend: suspended });
  const use = (hostAccount: string | null): Promise<void> => patchFarm(NAMESPACE, "pod", { pods: { hostAccount } });

  test("really retrieves the password, beside the computers; one that is not named does not", async () => {
    expect([await retrieves(USER), await retrieves(OTHER), await directory.retrieves("WEB01", ACCOUNT)]).toEqual([true, false, true]);
  });

  test("by distinguished name, in place of the other", async () => {
    await use("eks-db");
    await mayRetrieve(OTHER);
    expect(await retrieves(USER)).toBe(false);
    await use("eks-web");
    await mayRetrieve(USER);
    expect(await retrieves(OTHER)).toBe(false);
  });

  test("quarantined loses the right at once, whatever names it, and gets it again after that", async () => {
    await patchFarm(NAMESPACE, "pod", { hosts: { quarantined: [USER] } });
    await membersAre("WEB01$");
    expect(await retrieves(USER)).toBe(false);
    await farmReady(NAMESPACE, "pod");
    // Somebody puts it back.
    await directory.modify(`CN=podHosts,OU=Farms,${BASE}`, "add", "member", [dnOf(USER)]);
    expect(await retrieves(USER), "kept out by name").toBe(false);
    await membersAre("WEB01$");
    await patchFarm(NAMESPACE, "pod", { hosts: { quarantined: [] } });
    await mayRetrieve(USER);
  });

  test("disabled or protected loses the right, and is told; renamed and moved it keeps it", async () => {
    await directory.modify(dnOf(USER), "replace", "userAccountControl", ["514"]);
    expect(condition(await reason("HostNotTrusted"), "HostsReady")?.message).toContain("is disabled");
    await membersAre("WEB01$");
    await expect(retrieves(USER), "nobody binds as it").rejects.toBeInstanceOf(InvalidCredentialsError);
    // It is the right that is gone, and not only the bind.
    await enabledWhileSuspended(USER);
    expect(await retrieves(USER)).toBe(false);
    await suspend(false);
    await mayRetrieve(USER);

    await directory.modify(dnOf(USER), "replace", "adminCount", ["1"]);
    await reason("ProtectedObject");
    await membersAre("WEB01$");
    expect(await retrieves(USER)).toBe(false);
    await directory.modify(dnOf(USER), "replace", "adminCount", ["0"]);
    await mayRetrieve(USER);

    await use("eks-db");
    await mayRetrieve(OTHER);
    const moved = `CN=moved,OU=Farms,${BASE}`;
    await directory.asAdministrator((client) => client.modifyDN(dnOf(OTHER), moved));
    await farmWhere(NAMESPACE, "pod", (farm) => condition(farm, "HostsReady")?.message.includes(`it is now ${moved}`) === true);
    expect(await retrieves(OTHER)).toBe(true);
    await directory.asAdministrator((client) => client.modifyDN(moved, dnOf(OTHER)));
    await use("eks-web");
    await mayRetrieve(USER);
  });

  test("disabled from the start it has never had the right, and gets it once it is enabled", async () => {
    await use("off");
    await reason("HostNotTrusted");
    await membersAre("WEB01$");
    await expect(retrieves(OFF)).rejects.toBeInstanceOf(InvalidCredentialsError);
    await enabledWhileSuspended(OFF);
    expect(await retrieves(OFF)).toBe(false);
    await suspend(false);
    await mayRetrieve(OFF);
    await use("eks-web");
    await mayRetrieve(USER);
    expect(await retrieves(OFF)).toBe(false);
  });

  test("protected from the start it cannot retrieve, and can once it is not any more", async () => {
    await use("guarded");
    await reason("ProtectedObject");
    await membersAre("WEB01$");
    expect(await retrieves(GUARDED)).toBe(false);
    await directory.modify(dnOf(GUARDED), "replace", "adminCount", ["0"]);
    await mayRetrieve(GUARDED);
    await use("eks-web");
    await mayRetrieve(USER);
    expect(await retrieves(GUARDED)).toBe(false);
  });

  test("that the domain does not list cannot retrieve, by whatever name the farm asks for it, and can once it is listed", async () => {
    await use("eks-db");
    await mayRetrieve(OTHER);
    for (const name of [OUTSIDE, "outside"]) {
      await use(name);
      await reason("HostAccountNotFound");
      expect(await members()).not.toContain(OUTSIDE);
      expect(await retrieves(OUTSIDE)).toBe(false);
    }
    const list = (podHostAccounts: readonly object[]): Promise<void> =>
      cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { podHostAccounts } });
    await list([...LISTED, { name: "outside", user: OUTSIDE, ...PLUGIN }]);
    await mayRetrieve(OUTSIDE);
    expect(await retrieves(OTHER)).toBe(false);
    await use("eks-web");
    await mayRetrieve(USER);
    await list(LISTED);
    expect(await retrieves(OUTSIDE)).toBe(false);
  });

  test.each([
    ["nobody", "HostNotFound"],
    ["admin", "ProtectedObject"],
    ["machine", "ObjectExists"],
    ["unlisted", "HostAccountNotFound"],
  ])("%s gets nothing: %s", async (name, wanted) => {
    await use(name);
    await reason(wanted);
    expect((await members()).filter((member) => member !== "WEB01$" && member !== USER)).toEqual([]);
    const { username, password } = ADMINISTRATOR;
    expect([await retrieves(username.split("@")[0] ?? "", password), await directory.retrieves("WEB02", ACCOUNT)]).toEqual([false, false]);
    await use("eks-web");
    await mayRetrieve(USER);
  });

  test("with its farm goes its group", async () => {
    await cluster.delete("ServerFarm", "pod", NAMESPACE, 60);
    expect([await directory.find("pod$"), await directory.find("podHosts")]).toEqual([undefined, undefined]);
    expect(await directory.find(USER)).toBeDefined();
  });
});
