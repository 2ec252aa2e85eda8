/** A portable user whose removal the directory refuses: it loses the right as soon as that can be done, whatever the manifest says by then. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addUser, BASE } from "../harness/directory.ts";
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
  farmWhere,
  patchFarm,
} from "../harness/world.ts";
import { type Between, between } from "./between.ts";
import { matching } from "./schedule.ts";

const NAMESPACE = "stuck";
const PASSWORD = "P0rtable!Secret";
const [USER, OTHER] = ["svc-stuck", "svc-next"];
const PLUGIN = { pluginGUID: "{859E1386-BDB4-49E8-85C7-3070B13920E1}", pluginInput: "{}" };
const GROUP = `CN=StuckNodes,OU=Farms,${BASE}`;
const ACCOUNT = `CN=stuck,OU=Farms,${BASE}`;
const dnOf = (user: string): string => `CN=${user},CN=Users,${BASE}`;

describe.skipIf(!available)("a portable user that cannot be taken out", () => {
  let operator: Operator;
  let middle: Between;
  const domain = (user: string): object => ({
    poll: "1s",
    servers: [middle.ldap.url],
    podHostAccounts: [{ name: "eks", user, ...PLUGIN }],
  });

  beforeAll(async () => {
    await directory.asAdministrator(async (client) => {
      for (const user of [USER, OTHER]) await addUser(client, user, PASSWORD);
      await client.add(GROUP, { objectClass: "group", sAMAccountName: "StuckNodes" });
    });
    await createNamespace(NAMESPACE);
    middle = await between();
    await applyDomain({ ca: middle.ldap.ca, spec: domain(USER) });
    operator = await middle.start();
    await domainReady();
    const hosts = { computers: ["WEB01"], group: { name: "StuckNodes", existing: true } };
    await cluster.apply(farmOf(NAMESPACE, "stuck", { hosts, pods: { serviceAccounts: [], hostAccount: "eks" } }));
    await hostsReady();
    expect(await members()).toEqual(["WEB01$", USER]);
  }, 120_000);

  afterAll(async () => {
    middle.ldap.schedule.set();
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
    await directory.asAdministrator(async (client) => {
      for (const dn of [dnOf(USER), dnOf(OTHER), GROUP]) await client.del(dn);
    });
  });

  /** Nothing is published for Pods here. */
  const hostsReady = (): Promise<unknown> => farmWhere(NAMESPACE, "stuck", (farm) => condition(farm, "HostsReady")?.status === "True", 60);
  const members = (): Promise<readonly string[]> => directory.members("StuckNodes");
  const retrieves = (user: string): Promise<boolean> =>
    directory.as({ username: `${user}@contoso.com`, password: PASSWORD }, async (client) => {
      const { searchEntries } = await client.search(ACCOUNT, {
        scope: "base",
        attributes: ["msDS-ManagedPassword"],
        explicitBufferAttributes: ["msDS-ManagedPassword"],
      });
      const value = searchEntries[0]?.["msDS-ManagedPassword"];
      return Buffer.isBuffer(value) && value.length > 256;
    });

  /** All writes are refused while it is done; whether the user has the right before that is over, and after the farm is ready. */
  async function whileStuck(change: () => Promise<void>): Promise<readonly [before: boolean, after: boolean]> {
    const request = crypto.randomUUID();
    middle.ldap.schedule.set({
      matches: matching("ldap", "modify"),
      when: { probability: 1 },
      effect: { kind: "Error", code: 53, text: "0000214A: SvcErr: unwilling" },
    });
    await change();
    await farmWhere(NAMESPACE, "stuck", (farm) => condition(farm, "HostsReady")?.status === "False");
    // Once more: what it remembers now is all that it knows.
    await cluster.annotate("ServerFarm", "stuck", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": request });
    await farmWhere(NAMESPACE, "stuck", (farm) => farm.status?.lastHandledReconcileRequest === request);
    const before = await retrieves(USER);
    middle.ldap.schedule.set();
    await waitFor("the members", members, (found) => !found.includes(USER), 60);
    await hostsReady();
    return [before, await retrieves(USER)];
  }

  test("goes later, where the entry of the domain means another one by then", async () => {
    expect(await whileStuck(() => applyDomain({ ca: middle.ldap.ca, spec: domain(OTHER) }))).toEqual([true, false]);
    expect(await members()).toEqual(["WEB01$", OTHER]);
    await applyDomain({ ca: middle.ldap.ca, spec: domain(USER) });
    await waitFor("the members", members, (found) => found.includes(USER) && !found.includes(OTHER));
    await hostsReady();
  });

  test("goes later, where the farm names none by then", async () => {
    expect(await whileStuck(() => patchFarm(NAMESPACE, "stuck", { pods: { hostAccount: null } }))).toEqual([true, false]);
    expect(await members()).toEqual(["WEB01$"]);
  });
});
