/** Connections that fall silent at the level of TCP: no end, no reset, nothing. With the durations that users have. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { figure } from "../harness/figures.ts";
import { waitFor } from "../harness/process.ts";
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
  onSandbox,
  patchFarm,
  startOperator,
  SYSTEM,
} from "../harness/world.ts";
import { LdapProxy } from "./ldap-proxy.ts";
import { Schedule } from "./schedule.ts";
import { type Direction, TcpRelay } from "./tcp-relay.ts";

const NAMESPACE = "silence";
const USERS_DURATIONS = { leaderElection: {} };

const leads = async (operator: Operator): Promise<boolean> => (await operator.metric("leader_election_master_status")) === 1;

/** Three minutes of waiting: on real servers only where it is asked for (SILENCE=1). */
describe.skipIf(!available || (!onSandbox && process.env["SILENCE"] !== "1"))("connections that fall silent", () => {
  let ldap: LdapProxy;
  let ldapRelay: TcpRelay;
  let relays: readonly TcpRelay[];
  let operators: Operator[] = [];

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    // The proxy's certificate is for the name that the relay has.
    ldap = await LdapProxy.start({ url: directory.url, ca: directory.ca }, new Schedule());
    ldapRelay = await TcpRelay.start(ldap.url);
    relays = [await TcpRelay.start(cluster.server), await TcpRelay.start(cluster.server)];
    await applyDomain({ ca: ldap.ca, spec: { servers: [`ldaps://${ldapRelay.authority}`] } });
  });

  afterAll(async () => {
    for (const operator of operators) await operator.kill();
    const operator = await startOperator();
    await cleanUp();
    await operator.stop();
    for (const relay of [...relays, ldapRelay]) await relay.stop();
    await ldap.stop();
  });

  /** An operator that reaches the API server by the relay of this number. */
  async function start(relay: number): Promise<Operator> {
    const token = await cluster.serviceAccountToken(SYSTEM, "serverfarm-operator");
    const server = `https://${relays[relay]?.authority}`;
    const kubeconfig = cluster.writeKubeconfig(`${cluster.dir}/kubeconfig-silence-${relay}`, token, { server, ca: cluster.ca });
    const operator = await startOperator({ ...USERS_DURATIONS, kubeconfig });
    operators.push(operator);
    return operator;
  }

  /** The one that leads, until its connections are silenced for good. */
  async function first(): Promise<Operator> {
    return operators[0] ?? (await start(0));
  }

  async function farm(name: string): Promise<void> {
    await cluster.apply(farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01", "WEB02"] } }));
    await farmReady(NAMESPACE, name, 60);
    expect(await directory.members(`${name}Hosts`)).toEqual(["WEB01$", "WEB02$"]);
  }

  /** Resolves with the seconds until the host is out. */
  async function quarantine(name: string): Promise<number> {
    const started = performance.now();
    await patchFarm(NAMESPACE, name, { hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB01"] } });
    await waitFor(
      "WEB01 to be out",
      () => directory.members(`${name}Hosts`),
      (members) => !members.includes("WEB01$"),
      120,
    );
    return figure(`quarantine while connections are silent, ${name}`, started);
  }

  test.each<Direction>(["Both", "ToServer", "ToClient"])(
    "the API server's, %s: the leader leads on, and a quarantine is acted on within 35 s",
    { timeout: 240_000 },
    async (direction) => {
      const operator = await first();
      const name = `api-${direction.toLowerCase()}`;
      await farm(name);
      relays[0]?.silence(direction);
      expect(await quarantine(name)).toBeLessThan(35);
      expect(await leads(operator)).toBe(true);
      await farmReady(NAMESPACE, name, 60);
    },
  );

  test(
    "the API server's, but of a watch alone, and the Lease goes on: a quarantine is acted on within 35 s",
    { timeout: 240_000 },
    async () => {
      await first();
      await farm("api-watch");
      // The Lease is renewed every 2 s; a watch is at ease for longer, between what comes on it.
      for (let turn = 0; turn < 60; turn++) {
        relays[0]?.silence("ToClient", { idle: 2500 });
        await sleep(100);
      }
      expect(await quarantine("api-watch")).toBeLessThan(35);
    },
  );

  test.each<Direction>(["Both", "ToServer", "ToClient"])(
    "the directory's, %s: a quarantine is acted on within a minute",
    { timeout: 240_000 },
    async (direction) => {
      const name = `ldap-${direction.toLowerCase()}`;
      await first();
      await farm(name);
      ldapRelay.silence(direction);
      expect(await quarantine(name)).toBeLessThan(60);
      await domainReady(60);
    },
  );

  test("the leader's altogether, and for good: it ends, and the standby leads within 18 s", { timeout: 240_000 }, async () => {
    const leader = await first();
    const standby = await start(1);
    await waitFor("the standby to be ready", async () => (await standby.ready()).status === 200);
    await farm("taken");
    const started = performance.now();
    relays[0]?.silence("Both", { later: true });
    // Those that the standby has fall silent too, but it can make others.
    relays[1]?.silence();
    const acted = quarantine("taken");
    await waitFor("the standby to lead", () => leads(standby), Boolean, 60);
    // And two more for a loaded machine: the standby is silenced as well, which takes it a second.
    expect(figure("the standby leads after the leader's connections fell silent", started)).toBeLessThan(20);
    expect(await acted).toBeLessThan(35);
    await waitFor("the old leader to end", () => leader.exitCode === 1);
  });
});
