/**
 * Every alert, seen firing in a real Prometheus from a fault that was really made, and seen resolving when it is mended; and every panel of the dashboard,
 * seen with data meanwhile.
 */
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { between, type Between } from "../faults/between.ts";
import { matching } from "../faults/schedule.ts";
import { addContainer, addMany, inDomain, numbered, removeTree } from "../harness/computers.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { ADMINISTRATOR, addUser, BASE } from "../harness/directory.ts";
import { freePort } from "../harness/kube.ts";
import type { Operator } from "../harness/operator.ts";
import { giveRights, installKind, removeKind, takeRights } from "../harness/pods.ts";
import { waitFor } from "../harness/process.ts";
import { CLUSTER, Prometheus, prometheusMissing } from "../harness/prometheus.ts";
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
  getFarm,
  onSandbox,
  patchFarm,
  secretOf,
  startOperator,
  SYSTEM,
} from "../harness/world.ts";

const NAMESPACE = "monitored";
const MONITORING = new URL("../../deploy/monitoring/", import.meta.url);
const LEASE = "serverfarm-operator";
const SEARCHED = "OU=Monitored";
const FOUND = numbered("MON", 5);

/** The rules as they are, in a hurry: each duration and each threshold that is a duration is shorter. */
async function hastenedRules(): Promise<string> {
  let text = await readFile(new URL("alerts.yaml", MONITORING), "utf8");
  for (const [slow, fast] of [
    [/for: \w+/g, "for: 1s"],
    [/\[15m\]/g, "[20s]"],
    [/> 300$/gm, "> 15"],
    [/> 120$/gm, "> 4"],
    [/> 60$/gm, "> 3"],
    [/\[5m\]/g, "[20s]"],
    [/> 300 \+/g, "> 6 +"],
  ] as const) {
    expect(text).toMatch(slow);
    text = text.replaceAll(slow, fast);
  }
  return text;
}

interface Fault {
  readonly alert: string;
  /** That the alert names. */
  readonly labels: Readonly<Record<string, string>>;
  readonly induce: () => Promise<void>;
  readonly mend: () => Promise<void>;
}

/** Of what comes and goes with another fault. */
const ASIDE = { induce: (): Promise<void> => Promise.resolve(), mend: (): Promise<void> => Promise.resolve() };

const variables = z.object({ templating: z.object({ list: z.array(z.object({ name: z.string(), query: z.string() })) }) });
const panels = z
  .object({
    panels: z.array(z.object({ title: z.string(), type: z.string(), targets: z.array(z.object({ expr: z.string() })).optional() })),
  })
  .transform(({ panels: all }) => all.filter(({ type }) => type !== "row"));

const missing = onSandbox ? "it is run on real servers" : await prometheusMissing();
if (!onSandbox && missing !== undefined && process.env["REQUIRE_REAL"] === "1") throw new Error(missing);

describe.skipIf(!available || missing !== undefined)("what Prometheus sees", () => {
  let middle: Between;
  let leader: Operator;
  let standby: Operator;
  let prometheus: Prometheus;
  let touching: Promise<void>;
  const ended = new AbortController();

  const fired = new Set<string>();
  const drifting = Array.from({ length: 25 }, (_, index) => `drift${index}`);
  const failing = Array.from({ length: 8 }, (_, index) => `fail${index}`);
  const slow = Array.from({ length: 4 }, (_, index) => `slow${index}`);

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    // The domain contoso is behind a proxy, and so is the API server.
    middle = await between();
    // An administrator's account would be warned of.
    await cluster.apply(secretOf("contoso-ldap", { ...DELEGATED }));
    await applyDomain({ name: "direct", account: DELEGATED });
    touching = touch();
    await addContainer(directory, inDomain(SEARCHED));
    await addMany(directory, inDomain(SEARCHED), FOUND);
    await giveRights(cluster);
    await cluster.delete("Lease", LEASE, SYSTEM);
    // One farm of a domain at a time: where each takes long, the next one waits.
    leader = await startOperator({
      leaderElection: {},
      kubeconfig: middle.kubeconfig,
      workers: 1,
      pods: { enabled: true },
      nodeOptions: ["--import", new URL("../harness/moving-clock.ts", import.meta.url).href],
    });
    for (const name of ["contoso", "direct"]) await domainReady(30, name);
    standby = await startOperator({ leaderElection: {}, pods: { enabled: true } });
    for (const name of [...drifting, ...failing, "blocked", "hostless", "unused"])
      await cluster.apply(
        farmOf(NAMESPACE, name, { domainRef: { name: "direct" }, account: { description: "x" }, hosts: { computers: ["WEB01"] } }),
      );
    for (const name of slow) await cluster.apply(farmOf(NAMESPACE, name, {}));
    for (const name of [...drifting, ...failing, ...slow, "blocked", "hostless", "unused"]) await farmReady(NAMESPACE, name);
    const targets = [leader, standby].map(({ metricsUrl }) => new URL(metricsUrl).host);
    prometheus = await Prometheus.start(`${tmpdir()}/serverfarm-prometheus-${crypto.randomUUID()}`, targets, await hastenedRules());
  });

  afterAll(async () => {
    ended.abort();
    await touching;
    try {
      await cleanUp();
    } finally {
      await Promise.all([standby.stop(), leader.stop(), prometheus.stop()]);
      await middle.stop();
    }
    await removeKind(cluster);
    await takeRights(cluster);
    await removeTree(directory, inDomain(SEARCHED));
  });

  async function seen({ alert, labels }: Fault): Promise<boolean> {
    const firing = await prometheus.firing();
    const found = firing.find(
      (one) => one.labels["alertname"] === alert && Object.entries(labels).every(([name, value]) => one.labels[name] === value),
    );
    if (!found) return false;
    fired.add(alert);
    expect(Object.values(found.annotations).join(" ")).not.toMatch(/<no value>|%!|\{\{/);
    return true;
  }
  const fires = (fault: Fault): Promise<boolean> => waitFor(`${fault.alert} to fire`, () => seen(fault), Boolean, 120);
  const resolves = (fault: Fault): Promise<boolean> => waitFor(`${fault.alert} to resolve`, async () => !(await seen(fault)), Boolean, 90);

  /** Something to hear for who watches Secrets: what hears nothing but a bookmark a minute is silent by the hastened rules. */
  const touch = async (): Promise<void> => {
    for (let count = 0; !ended.signal.aborted; count++) {
      await cluster.patch("Secret", "direct-ldap", SYSTEM, { metadata: { labels: { touched: String(count) } } });
      await sleep(4000, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  };

  /** Computers that are disabled are not found. */
  const enable = async (names: readonly string[], enabled: boolean): Promise<void> => {
    for (const name of names)
      await directory.modify(inDomain(`CN=${name},${SEARCHED}`), "replace", "userAccountControl", [enabled ? "4096" : "4098"]);
  };

  const DIRECT = { domainRef: { name: "direct" } };
  const faults: readonly Fault[] = [
    {
      alert: "ServerFarmDomainNotReady",
      labels: { domain: "away", severity: "critical" },
      induce: async () => applyDomain({ name: "away", account: DELEGATED, spec: { servers: [`ldaps://127.0.0.1:${await freePort()}`] } }),
      mend: () => cluster.patch("ActiveDirectoryDomain", "away", undefined, { spec: { servers: [directory.url] } }),
    },
    {
      alert: "ServerFarmNotReady",
      labels: { namespace: NAMESPACE, name: "hostless", domain: "direct" },
      induce: () => patchFarm(NAMESPACE, "hostless", { hosts: { computers: ["WEB01", "NOBODY"] } }),
      mend: () => patchFarm(NAMESPACE, "hostless", { hosts: { computers: ["WEB01"] } }),
    },
    {
      // What has an alert of its own does not hide what else is wrong.
      alert: "ServerFarmNotReady",
      labels: { namespace: NAMESPACE, name: "twofold", domain: "direct" },
      induce: () =>
        cluster.apply(
          farmOf(NAMESPACE, "twofold", {
            ...DIRECT,
            hosts: { search: { container: "OU=Nowhere", names: ["*"] } },
            accessGroups: [{ name: "NoSuchGroup" }],
          }),
        ),
      mend: () => patchFarm(NAMESPACE, "twofold", { hosts: { search: null }, accessGroups: [] }),
    },
    {
      alert: "ServerFarmHostNotGranted",
      labels: { namespace: NAMESPACE, name: "hosts" },
      induce: () => cluster.apply(farmOf(NAMESPACE, "hosts", { ...DIRECT, hosts: { computers: ["NOBODY", "WEB02"] } })),
      mend: () => patchFarm(NAMESPACE, "hosts", { hosts: { computers: ["WEB02"] } }),
    },
    {
      alert: "ServerFarmQuarantineNotFound",
      labels: { namespace: NAMESPACE, name: "slip", severity: "critical" },
      induce: () => cluster.apply(farmOf(NAMESPACE, "slip", { ...DIRECT, hosts: { computers: ["NOBODY"], quarantined: ["TYPO"] } })),
      mend: () => patchFarm(NAMESPACE, "slip", { hosts: { computers: ["WEB02"], quarantined: [] } }),
    },
    {
      alert: "ServerFarmShrinkHeld",
      labels: { namespace: NAMESPACE, name: "shrunk" },
      induce: async () => {
        await cluster.apply(farmOf(NAMESPACE, "shrunk", { ...DIRECT, hosts: { search: { container: SEARCHED, names: ["MON*"] } } }));
        await farmReady(NAMESPACE, "shrunk");
        await enable(FOUND.slice(1), false);
      },
      mend: () => enable(FOUND.slice(1), true),
    },
    {
      alert: "ServerFarmSearchBlocked",
      labels: { namespace: NAMESPACE, name: "astray", reason: "ContainerNotFound" },
      induce: () => cluster.apply(farmOf(NAMESPACE, "astray", { ...DIRECT, hosts: { search: { container: "OU=Nowhere", names: ["*"] } } })),
      mend: () => patchFarm(NAMESPACE, "astray", { hosts: { search: { container: SEARCHED } } }),
    },
    {
      alert: "ServerFarmCredentialSpecKindMissing",
      labels: {},
      induce: () =>
        cluster.apply(farmOf(NAMESPACE, "podded", { ...DIRECT, hosts: { computers: ["WEB01"] }, pods: { serviceAccounts: ["web"] } })),
      mend: () => installKind(cluster),
    },
    {
      alert: "ServerFarmPermissionsMissing",
      labels: { domain: "powerless" },
      induce: async () => {
        const account = { username: "powerless@contoso.com", password: "Powerless-1!" };
        await directory.asAdministrator((client) => addUser(client, "powerless", account.password));
        await applyDomain({ name: "powerless", account });
        await domainReady(30, "powerless");
      },
      mend: () => cluster.apply(secretOf("powerless-ldap", { ...DELEGATED })),
    },
    {
      alert: "ServerFarmDeletionBudgetExceeded",
      labels: { domain: "frugal", severity: "critical" },
      // Before no Secret is seen any more: a new domain is reached by one.
      induce: async () => {
        await applyDomain({ name: "frugal", spec: { deletionBudget: { farms: 0, per: "1h" } } });
        await cluster.apply(farmOf(NAMESPACE, "mistaken", { domainRef: { name: "frugal" } }));
        await farmReady(NAMESPACE, "mistaken");
        await cluster.delete("ServerFarm", "mistaken", NAMESPACE, 0);
      },
      mend: async () => {
        const { uid } = (await getFarm(NAMESPACE, "mistaken")).metadata;
        await cluster.annotate("ServerFarm", "mistaken", NAMESPACE, { "serverfarm.dev/confirm-deletion": uid });
      },
    },
    {
      alert: "ServerFarmReconcileFailures",
      labels: { controller: "serverfarm" },
      induce: async () => {
        const always = { when: { probability: 1 } } as const;
        middle.http.schedule.set(
          { ...always, matches: matching("http", "PATCH", /serverfarms\/fail\d+\/status/), effect: { kind: "Error", code: 500 } },
          // The watch of Secrets ends, and there is no other one.
          { ...always, matches: matching("watch", undefined, /secrets\?/), effect: { kind: "Reset" } },
          { ...always, matches: matching("http", "GET", /secrets\?/), effect: { kind: "Error", code: 503 } },
        );
        await Promise.all(failing.map((name) => patchFarm(NAMESPACE, name, { account: { description: "y" } })));
      },
      mend: async () => {
        middle.http.schedule.set();
        // They have been tried for a while, and would be ever more rarely.
        for (const name of failing)
          await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
        for (const name of failing) await farmReady(NAMESPACE, name, 60);
      },
    },
    {
      alert: "ServerFarmQueueStuck",
      labels: { name: "serverfarm" },
      induce: async () => {
        middle.ldap.schedule.set({
          matches: matching("ldap", "search"),
          when: { probability: 1 },
          effect: { kind: "Delay", milliseconds: 5000 },
        });
        for (const name of slow) await patchFarm(NAMESPACE, name, { account: { description: "slow" } });
      },
      mend: async () => {
        middle.ldap.schedule.set();
        for (const name of slow) await farmReady(NAMESPACE, name, 60);
      },
    },
    // From the same slow server: one farm waits for the other, and it takes long to say what changed.
    { alert: "ServerFarmQueueSlow", labels: { name: "serverfarm" }, ...ASIDE },
    { alert: "ServerFarmPollLate", labels: { domain: "contoso" }, ...ASIDE },
    {
      alert: "ServerFarmDomainNotFound",
      labels: { namespace: NAMESPACE, name: "lost", domain: "nowhere" },
      induce: () => cluster.apply(farmOf(NAMESPACE, "lost", { domainRef: { name: "nowhere" }, hosts: { computers: ["WEB01"] } })),
      mend: () => patchFarm(NAMESPACE, "lost", { domainRef: { name: "direct" } }),
    },
    {
      alert: "ServerFarmPasswordOverdue",
      labels: { namespace: NAMESPACE, name: "unused" },
      induce: () => directory.agePassword(`CN=unused,OU=Farms,${BASE}`, 100),
      // A host that asks makes the change.
      mend: async () => {
        expect(await directory.retrieves("WEB01", `CN=unused,OU=Farms,${BASE}`)).toBe(true);
      },
    },
    {
      alert: "ServerFarmDriftStorm",
      labels: { domain: "direct" },
      induce: async () => {
        for (const name of drifting) await directory.modify(`CN=${name},OU=Farms,${BASE}`, "replace", "description", ["by hand"]);
      },
      mend: ASIDE.mend,
    },
    {
      alert: "ServerFarmNotAllowed",
      labels: { namespace: NAMESPACE, name: "refused" },
      induce: async () => {
        await applyDomain({ name: "tenanted", spec: { tenants: [] } });
        await cluster.apply(farmOf(NAMESPACE, "refused", { domainRef: { name: "tenanted" } }));
      },
      mend: () => cluster.patch("ActiveDirectoryDomain", "tenanted", undefined, { spec: { tenants: null } }),
    },
    {
      alert: "ServerFarmDomainBraked",
      labels: { domain: "braked", brake: "Suspend" },
      induce: () => applyDomain({ name: "braked", spec: { suspend: true } }),
      mend: () => cluster.patch("ActiveDirectoryDomain", "braked", undefined, { spec: { suspend: false } }),
    },
    {
      alert: "ServerFarmDeletionBlocked",
      labels: { namespace: NAMESPACE, name: "blocked" },
      induce: async () => {
        await patchFarm(NAMESPACE, "blocked", { managementPolicy: "Observe" });
        await cluster.delete("ServerFarm", "blocked", NAMESPACE, 0);
      },
      mend: () => patchFarm(NAMESPACE, "blocked", { managementPolicy: "Enforce" }),
    },
  ];

  test("nothing fires while all is well", async () => {
    await waitFor(
      "the rules to be looked at",
      async () => (await prometheus.query("count(serverfarm_farm_ready == 1)"))[0]?.value[1] === "40",
    );
    // Nobody leads before the first scrape.
    const firing = async (): Promise<readonly unknown[]> =>
      (await prometheus.firing()).filter(
        ({ labels }) => labels["alertname"] !== "ServerFarmWatchSilent" || labels["resource"] === "secrets",
      );
    expect(await waitFor("silence", firing, (alerts) => alerts.length === 0)).toEqual([]);
  });

  test("each alert fires from its fault, the panels show it, and it resolves", { timeout: 420_000 }, async () => {
    for (const { induce } of faults) await induce();
    const silent: Fault = {
      alert: "ServerFarmWatchSilent",
      // The other replica goes on hearing.
      labels: { resource: "secrets", instance: new URL(leader.metricsUrl).host },
      ...ASIDE,
    };
    await Promise.all([...faults, silent].map(fires));
    expect(await seen({ ...silent, labels: { resource: "secrets", instance: new URL(standby.metricsUrl).host } })).toBe(false);
    const dashboard: unknown = JSON.parse(await readFile(new URL("dashboard.json", MONITORING), "utf8"));
    for (const { name, query } of variables.parse(dashboard).templating.list.filter(({ name }) => name !== "datasource")) {
      const [, metric = "", label = ""] =
        /^label_values\((.*), (\w+)\)$/.exec(query.replace("$namespace", NAMESPACE).replace("$cluster", CLUSTER)) ?? [];
      const values = await prometheus.query(`count by (${label}) (${metric})`);
      expect(
        values.map((sample) => sample.metric[label]),
        name,
      ).toContain({ cluster: CLUSTER, domain: "direct", namespace: NAMESPACE, farm: "hostless" }[name]);
    }
    const all = panels.parse(dashboard);
    expect(all.length).toBeGreaterThan(30);
    const domains = ["direct", "contoso", "powerless", "away"];
    const farms = ["hosts", "hostless", "drift0"];
    const choices = domains.flatMap((domain) => farms.map((farm) => ({ domain, farm })));
    for (const { title, targets = [] } of all) {
      expect(targets.length, title).toBeGreaterThan(0);
      for (const { expr } of targets) {
        const data = async (): Promise<boolean> => {
          for (const { domain, farm } of choices) {
            const query = expr
              .replaceAll("$cluster", CLUSTER)
              .replaceAll("$domain", domain)
              .replaceAll("$namespace", NAMESPACE)
              .replaceAll("$farm", farm)
              .replaceAll("$__rate_interval", "15s")
              // What stands in for nothing would hide that there is nothing.
              .replace(/ or vector\(0\)$/, "");
            expect(query).not.toContain("$");
            if ((await prometheus.query(query)).some(({ value }) => !Number.isNaN(Number(value[1])))) return true;
          }
          return false;
        };
        await waitFor(`data for the panel ${title}: ${expr}`, data, Boolean, 15);
      }
    }
    for (const { mend } of faults) await mend();
    await Promise.all([...faults, silent].map(resolves));
  });

  test("a credential spec that is somebody else's", { timeout: 180_000 }, async () => {
    const spec = `${NAMESPACE}.podless`;
    const fault: Fault = {
      alert: "ServerFarmPodsNotReady",
      labels: { namespace: NAMESPACE, name: "podless" },
      induce: async () => {
        await installKind(cluster);
        await cluster.apply({ apiVersion: "windows.k8s.io/v1", kind: "GMSACredentialSpec", metadata: { name: spec }, credspec: {} });
        await cluster.apply(
          farmOf(NAMESPACE, "podless", { ...DIRECT, hosts: { computers: ["WEB01"] }, pods: { serviceAccounts: ["web"] } }),
        );
      },
      mend: async () => {
        await cluster.delete("GMSACredentialSpec", spec);
        await cluster.annotate("ServerFarm", "podless", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
        await farmReady(NAMESPACE, "podless", 60);
      },
    };
    await fault.induce();
    await fires(fault);
    // It has an alert of its own.
    expect(await seen({ ...fault, alert: "ServerFarmNotReady" })).toBe(false);
    await fault.mend();
    await resolves(fault);
  });

  test("a KDS root key that is not usable yet", { timeout: 180_000 }, async () => {
    const container = "CN=Master Root Keys,CN=Group Key Distribution Service,CN=Services,CN=Configuration";
    const keys = await directory.search("(objectClass=msKds-ProvRootKey)", ["msKds-UseStartTime"], {}, `${container},${BASE}`);
    expect(keys.length).toBeGreaterThan(0);
    // 100 ns since 1601; a day from now.
    const tomorrow = String((BigInt(Date.now()) + 11_644_473_600_000n + 86_400_000n) * 10_000n);
    const fault: Fault = {
      alert: "ServerFarmKdsRootKey",
      labels: { domain: "keys" },
      // Only an administrator's account sees the keys.
      induce: async () => {
        for (const { dn } of keys) await directory.modify(dn, "replace", "msKds-UseStartTime", [tomorrow]);
        await applyDomain({ name: "keys", account: ADMINISTRATOR });
      },
      mend: async () => {
        for (const { dn, "msKds-UseStartTime": start } of keys)
          await directory.modify(dn, "replace", "msKds-UseStartTime", [String(start)]);
        await cluster.delete("ActiveDirectoryDomain", "keys");
      },
    };
    await fault.induce();
    try {
      await fires(fault);
    } finally {
      await fault.mend();
    }
    await resolves(fault);
  });

  test("a clock that is wrong", { timeout: 180_000 }, async () => {
    // The operator's is moved, since that of the domain controller is this machine's.
    const move = async (): Promise<void> => {
      process.kill(leader.pid, "SIGUSR2");
      // A domain is inspected anew when it is changed.
      await cluster.patch("ActiveDirectoryDomain", "direct", undefined, { spec: { poll: `${++polls}s` } });
    };
    let polls = 1;
    const fault: Fault = { alert: "ServerFarmClockSkewed", labels: { domain: "direct" }, induce: move, mend: move };
    expect(await seen(fault)).toBe(false);
    await fault.induce();
    try {
      await fires(fault);
      const sample = await prometheus.query('serverfarm_domain_clock_skew_seconds{domain="direct"}');
      expect(sample.map(({ value }) => Math.round(Number(value[1]) / 10))).toEqual([-60]);
      const { status } = await cluster.get("ActiveDirectoryDomain", "direct");
      expect(JSON.stringify(status)).toContain("Its clock is 10 min behind the operator's");
    } finally {
      await fault.mend();
    }
    await resolves(fault);
  });

  test("nobody leads", { timeout: 120_000 }, async () => {
    const fault: Fault = {
      alert: "ServerFarmNoLeader",
      labels: { severity: "critical" },
      // Somebody who will never lead holds the Lease, and whoever led ends.
      induce: async () => {
        const renewTime = new Date().toISOString().replace("Z", "000Z");
        await cluster.patch("Lease", LEASE, SYSTEM, { spec: { holderIdentity: "nobody", leaseDurationSeconds: 3600, renewTime } });
        await waitFor("the leader to end", () => leader.exitCode !== null);
      },
      mend: () => cluster.delete("Lease", LEASE, SYSTEM),
    };
    expect(await seen(fault)).toBe(false);
    await fault.induce();
    await fires(fault);
    await fault.mend();
    await resolves(fault);
  });

  test("that was every alert", async () => {
    const alerts = (await hastenedRules()).matchAll(/alert: (\w+)/g).map(([, name = ""]) => name);
    expect(fired).toEqual(new Set(alerts));
  });
});
