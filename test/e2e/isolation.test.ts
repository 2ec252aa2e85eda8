/** A domain that does not answer, beside one that does: it delays nothing that is not its own. */
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import type { Operator } from "../harness/operator.ts";
import { figure } from "../harness/figures.ts";
import { waitFor } from "../harness/process.ts";
import { LdapProxy } from "../faults/ldap-proxy.ts";
import { Schedule } from "../faults/schedule.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  farmReady,
  farmWhere,
  condition,
  onSandbox,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "isolation";
/** Somebody takes the connection and never says a word. */
const DEAD = ["dead1", "dead2", "dead3", "dead4"];

describe.skipIf(!available)("a healthy domain beside four that are silent", () => {
  const silent = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  const sockets = new Set<net.Socket>();
  let operator: Operator;

  beforeAll(async () => {
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const address = silent.address();
    if (typeof address !== "object" || address === null) throw new Error("no port");
    await delegate(directory);
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED, spec: { defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Farms" } } });
    // Each with a user of its own: one that is refused must not be tried again for all of them.
    for (const [index, name] of DEAD.entries()) {
      const account = { username: `nobody${index}@contoso.com`, password: "x" };
      await applyDomain({ name, account, spec: { servers: [`ldaps://127.0.0.1:${address.port}`] } });
    }
    operator = await startOperator();
    await domainReady();
  });

  afterAll(async () => {
    for (const name of DEAD) for (const farm of ["one", "two", "three"]) await cluster.delete("ServerFarm", `${name}-${farm}`, NAMESPACE);
    await cleanUp();
    await operator.stop();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  test("drift in it is put right, and a quarantine acted on, as fast as without them", async () => {
    for (const name of DEAD) {
      for (const farm of ["one", "two", "three"]) {
        await cluster.apply(farmOf(NAMESPACE, `${name}-${farm}`, { domainRef: { name }, hosts: { computers: ["WEB01"] } }));
      }
    }
    await cluster.apply(farmOf(NAMESPACE, "healthy", { hosts: { computers: ["WEB01", "WEB02"] } }));
    await farmReady(NAMESPACE, "healthy");
    const account = (await directory.find("healthy$"))?.dn ?? "";
    const group = (await directory.find("healthyHosts"))?.dn ?? "";
    const members = await directory.members("healthyHosts");
    for (let round = 0; round < 3; round++) {
      const started = performance.now();
      await directory.modify(group, "delete", "member", []);
      await waitFor("the drift to be put right", async () => (await directory.members("healthyHosts")).length === members.length);
      // Two polls of a second each, and what a busy machine needs.
      expect(figure("drift beside four dead domains, polls of a second", started)).toBeLessThan(8);
    }
    await patchFarm(NAMESPACE, "healthy", { hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB02"] } });
    await waitFor("the quarantine", async () => !(await directory.retrieves("WEB02", account)));
    expect(await directory.retrieves("WEB01", account)).toBe(true);
    await farmWhere(NAMESPACE, "dead1-one", (farm) => condition(farm, "Ready")?.reason === "DomainNotReady", 60);
  });

  test("a farm of a domain that does not exist makes nobody look at the others of it", async () => {
    const nowhere = (index: number): string => `nowhere${index}`;
    const apply = async (index: number): Promise<void> => {
      await cluster.apply(farmOf(NAMESPACE, nowhere(index), { domainRef: { name: "nowhere" }, hosts: { computers: ["WEB01"] } }));
      await farmWhere(NAMESPACE, nowhere(index), (farm) => condition(farm, "Ready")?.reason === "DomainNotFound");
    };
    const reconciles = (): Promise<number> => operator.metric("controller_runtime_reconcile_total", { controller: "serverfarm" });
    for (let index = 0; index < 30; index++) await apply(index);
    // The domain counts its farms a second later.
    await sleep(2000);
    const before = await reconciles();
    await apply(30);
    await cluster.delete("ServerFarm", nowhere(30), NAMESPACE);
    await sleep(3000);
    // Its own, and the healthy one's now and then.
    expect((await reconciles()) - before).toBeLessThan(15);
    for (let index = 0; index < 30; index++) await cluster.delete("ServerFarm", nowhere(index), NAMESPACE);
  });

  test("the program ends at once, though it is connecting to them", async () => {
    const second = await startOperator();
    await waitFor("it to lead", async () => (await second.metric("leader_election_master_status")) === 1);
    const started = performance.now();
    expect(await second.stop()).toBe(0);
    expect((performance.now() - started) / 1000).toBeLessThan(5);
  });
});

describe.skipIf(!available)("a domain in which each search takes 300 ms", () => {
  // A real domain controller takes some 20 a second.
  const FARMS = onSandbox ? 200 : 60;
  const slow = new Schedule();
  let proxy: LdapProxy;
  let operator: Operator;

  beforeAll(async () => {
    await delegate(directory);
    await createNamespace("slow");
    proxy = await LdapProxy.start({ url: directory.url, ca: directory.ca }, slow);
    const defaults = { accountContainer: "OU=Farms", groupContainer: "OU=Farms" };
    await applyDomain({ account: DELEGATED, ca: proxy.ca, spec: { servers: [proxy.url], defaults } });
    operator = await startOperator();
    await domainReady();
  });

  afterAll(async () => {
    slow.set();
    await cleanUp();
    await operator.stop();
    await proxy.stop();
  });

  test("a quarantine beside a change of many farms is acted on within seconds", { timeout: 300_000 }, async () => {
    const names = Array.from({ length: FARMS }, (_, index) => `bulk${index}`);
    for (const name of names) await cluster.apply(farmOf("slow", name, { hosts: { computers: ["WEB01", "WEB02"] } }));
    for (const name of names) await farmReady("slow", name, 120);
    slow.set({ matches: ({ operation }) => operation === "search", when: { probability: 1 }, effect: { kind: "Lag", milliseconds: 300 } });
    const changed = { account: { description: "changed" }, hosts: { computers: ["WEB01", "WEB02", "WEB03"] } };
    await Promise.all(names.map((name) => patchFarm("slow", name, changed)));
    const started = performance.now();
    await patchFarm("slow", "bulk7", { hosts: { quarantined: ["WEB02"] } });
    const isIn = async (): Promise<boolean> => (await directory.members("bulk7Hosts")).some((dn) => dn.includes("WEB02"));
    await waitFor("the quarantine", async () => !(await isIn()), undefined, 120);
    // Two seconds, and what a busy machine needs.
    expect(figure("quarantine beside a change of many farms, 300 ms a search", started)).toBeLessThan(5);
    const waiting = (await cluster.list("ServerFarm", "slow")).filter(({ status }) => !JSON.stringify(status).includes('"granted":3'));
    expect(waiting.length, "others that still wait").toBeGreaterThan(FARMS / 10);
    slow.set();
    for (const name of names) await farmReady("slow", name, 120);
    expect(await isIn()).toBe(false);
  });

  test("a farm that is interrupted at any step of its creation is whole in the end", { timeout: 240_000 }, async () => {
    slow.set({ matches: () => true, when: { probability: 1 }, effect: { kind: "Lag", milliseconds: 250 } });
    for (const pause of [0, 300, 600, 900, 1200, 1500, 1800, 2100]) {
      const name = `cut${pause}`;
      await cluster.apply(farmOf("slow", name, { hosts: { computers: ["WEB01", "WEB02"] }, servicePrincipalNames: [`http/${name}`] }));
      await sleep(pause);
      await patchFarm("slow", name, { hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB02"] } });
    }
    slow.set();
    for (const pause of [0, 300, 600, 900, 1200, 1500, 1800, 2100]) {
      const name = `cut${pause}`;
      await farmReady("slow", name, 60);
      const account = await directory.find(`${name}$`);
      expect({ name, spns: [account?.["servicePrincipalName"]].flat() }).toEqual({ name, spns: [`http/${name}`] });
      const retrieve = async (host: string): Promise<boolean> => directory.retrieves(host, account?.dn ?? "");
      expect({ name, may: [await retrieve("WEB01"), await retrieve("WEB02")] }).toEqual({ name, may: [true, false] });
      expect(await directory.members(`${name}Hosts`)).toHaveLength(1);
    }
  });

  test("a quarantine does not wait for what its own farm waits for", { timeout: 120_000 }, async () => {
    await cluster.apply(farmOf("slow", "patient", { hosts: { computers: ["WEB01", "WEB02"] } }));
    await farmReady("slow", "patient");
    const lag = 8;
    slow.set({
      matches: ({ operation }) => operation === "search",
      when: { probability: 1 },
      effect: { kind: "Lag", milliseconds: lag * 1000 },
    });
    await patchFarm("slow", "patient", { account: { description: "changed" } });
    // Its search is on its way by then, and the answer late; those that follow are answered at once.
    await sleep(1500);
    slow.set();
    const started = performance.now();
    await patchFarm("slow", "patient", { hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB02"] } });
    const isIn = async (): Promise<boolean> => (await directory.members("patientHosts")).some((dn) => dn.includes("WEB02"));
    await waitFor("the quarantine", async () => !(await isIn()));
    expect(figure("quarantine in a farm that waits for a search of 8 s", started)).toBeLessThan(lag - 2.5);
    await farmReady("slow", "patient", 60);
    // What was broken off was done after it.
    expect((await directory.find("patient$"))?.description).toBe("changed");
  });
});
