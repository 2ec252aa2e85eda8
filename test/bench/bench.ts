/**
 * `npm run bench`: what the operator costs.
 *
 * A burst of farms from apply to Ready, beside a bare ldapts loop that does the same writes on the same directory in the same run; the cost
 * of all of them at rest; and a restart with all in sync. Prints figures and ratios; judges nothing. docs/benchmarks.md has some.
 * Options: --on sandbox|real (sandbox), --farms N (200), --hosts N (3), --rest SECONDS (60), --existing N (each N farms use one existing group; 0: none),
 * --away SECONDS (so long nobody answers for the domain, after the restart; 0: not at all), --profile FOLDER (the operator's CPU profiles: until the restart,
 * and of the restart).
 */
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Attribute } from "ldapts";
import { encodeRetrievers } from "../../src/directory/entries.ts";
import { decodeSid } from "../../src/names/identifier.ts";
import type { Cluster } from "../harness/cluster.ts";
import { addComputer, BASE, type TestDirectory } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { EventLoop, stretch } from "../harness/event-loop.ts";
import { farmOf } from "../harness/manifests.ts";
import { allReady, atRest, deploy, memory, NAMESPACE, onServers, requests, say, type Servers, usage, whoWorks } from "./measure.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, {
  on: { type: "string", default: "sandbox" },
  farms: { type: "string", default: "200" },
  hosts: { type: "string", default: "3" },
  rest: { type: "string", default: "60" },
  existing: { type: "string", default: "0" },
  away: { type: "string", default: "0" },
  profile: { type: "string" },
});
const [farms, hosts, rest] = [Number(values.farms), Number(values.hosts), Number(values.rest)];
const [existing, away] = [Number(values.existing), Number(values.away)];

/** The same writes, one after the other on one connection: a group with its members, its SID, an account. Seconds. */
async function bareLoop(directory: TestDirectory, computers: readonly string[], count: number): Promise<number> {
  return await directory.asAdministrator(async (client) => {
    const started = performance.now();
    for (let index = 0; index < count; index++) {
      const name = `bare${index}`;
      const group = `CN=${name}Hosts,OU=Farms,${BASE}`;
      const owner = `bench cluster=0 farm=bench/${name}`;
      await client.add(group, {
        objectClass: "group",
        sAMAccountName: `${name}Hosts`,
        groupType: "-2147483646",
        adminDescription: owner,
        member: [...computers],
      });
      const { searchEntries } = await client.search(group, {
        scope: "base",
        attributes: ["objectSid"],
        explicitBufferAttributes: ["objectSid"],
      });
      const sid = searchEntries[0]?.["objectSid"];
      if (!Buffer.isBuffer(sid)) throw new Error("no SID");
      const text = {
        objectClass: "msDS-GroupManagedServiceAccount",
        sAMAccountName: `${name}$`,
        adminDescription: owner,
        userAccountControl: "4096",
        "msDS-ManagedPasswordInterval": "30",
        "msDS-SupportedEncryptionTypes": "24",
        dNSHostName: `${name}.contoso.com`,
        servicePrincipalName: [`http/${name}.contoso.com`, `http/${name}`],
      };
      await client.add(`CN=${name},OU=Farms,${BASE}`, [
        ...Object.entries(text).map(([type, values]) => new Attribute({ type, values: Array.isArray(values) ? values : [values] })),
        new Attribute({ type: "msDS-GroupMSAMembership", values: [encodeRetrievers([decodeSid(sid)])] }),
      ]);
    }
    return (performance.now() - started) / 1000;
  });
}

function groupOf(farm: number): string {
  return `Shared${Math.floor(farm / existing)}`;
}

async function addGroups(directory: TestDirectory): Promise<void> {
  await directory.asAdministrator(async (client) => {
    for (const name of new Set(Array.from({ length: farms }, (_, farm) => groupOf(farm)))) {
      await client.add(`CN=${name},OU=Farms,${BASE}`, { objectClass: "group", sAMAccountName: name, groupType: "-2147483646" });
    }
  });
}

/** A domain that nobody answers for, and that comes back. */
async function goAway({ directory }: Servers, operator: Operator): Promise<void> {
  const before = await requests(operator);
  await directory.stop();
  await sleep(away * 1000);
  const gone = await requests(operator);
  await directory.start();
  await atRest(operator);
  const after = await requests(operator);
  say("away", `${away} s: ${gone.patches - before.patches} patches, and ${after.patches - gone.patches} when it was back`);
}

/** Ten requests at a time. */
async function applyAll(cluster: Cluster, computers: readonly string[]): Promise<number> {
  const started = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < farms) {
      const index = next++;
      const name = `burst${index}`;
      const group = existing > 0 ? { group: { name: groupOf(index), existing: true } } : {};
      const spec = { servicePrincipalNames: [`http/${name}.contoso.com`, `http/${name}`], hosts: { computers, ...group } };
      await cluster.apply(farmOf(NAMESPACE, name, spec));
    }
  };
  await Promise.all(Array.from({ length: 10 }, lane));
  return (performance.now() - started) / 1000;
}

/** Asked when it may be so: a scrape of very many farms is work for the operator too. */
async function allLookedAt(operator: Operator): Promise<void> {
  const started = performance.now();
  for (;;) {
    await sleep(500);
    const { reconciles, waiting } = await requests(operator);
    if (reconciles >= farms && waiting === 0) return;
    const left = ((performance.now() - started) * Math.max(0, farms - reconciles)) / Math.max(1, reconciles);
    await sleep(Math.min(3000, 0.8 * left));
  }
}

async function bench(servers: Servers): Promise<void> {
  const { directory, cluster } = servers;
  const names = Array.from({ length: hosts }, (_, index) => `BENCH${index}`);
  const computers = await directory.asAdministrator(async (client) => {
    const dns: string[] = [];
    for (const name of names) dns.push(await addComputer(client, name));
    return dns;
  });
  const loop = await EventLoop.create(2);
  const profile = values.profile === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", values.profile];
  const start = await deploy(directory, cluster, (kubeconfig) => loop.command(kubeconfig, profile));
  if (existing > 0) await addGroups(directory);
  let operator = await start();
  try {
    say("run", `${farms} farms x ${hosts} hosts on ${directory.name} and ${cluster.name}`);
    say("machine", `${cpus().length} cores, ${cpus()[0]?.model ?? ""}, Node ${process.version}`);
    say("start", stretch(await loop.longestStretch(operator)));
    const count = Math.min(farms, 1000);
    const bare = await bareLoop(directory, computers, count);
    const idle = await usage(operator);
    const ready = allReady(cluster, farms);
    const works = await whoWorks({ [process.pid]: "this benchmark and what runs in it", [operator.pid]: "operator" });
    const started = performance.now();
    const applied = await applyAll(cluster, names);
    await ready;
    const burst = (performance.now() - started) / 1000;
    const workers = await works();
    const busy = await usage(operator);
    const sent = await requests(operator);
    say("bare loop", `${count} in ${bare.toFixed(1)} s, ${(count / bare).toFixed(1)} farms/s`);
    say(
      "burst",
      `${farms} in ${burst.toFixed(1)} s, ${(farms / burst).toFixed(1)} farms/s (to apply them took ${applied.toFixed(1)} s of it)`,
    );
    say("ratio", `${(farms / burst / (count / bare)).toFixed(2)} of the bare loop's rate`);
    say("processors", workers);
    say("requests", `${sent.searches} searches, ${sent.writes} writes, ${sent.patches} patches, ${sent.reads} reads of the API server`);
    say("operator", `${(busy.cpu - idle.cpu).toFixed(1)} s CPU, ${memory(busy)}, ${stretch(await loop.longestStretch(operator))}`);

    // The feed brings the burst's own changes once more; rest begins after that.
    await atRest(operator);
    const [first, calm] = [await requests(operator), await usage(operator)];
    await sleep(rest * 1000);
    const [last, end] = [await requests(operator), await usage(operator)];
    say(
      "at rest",
      `${rest} s: ${last.searches - first.searches} searches in ${last.polls - first.polls} polls, ${last.writes - first.writes} writes, ` +
        `${last.patches - first.patches} patches, ${(((end.cpu - calm.cpu) / rest) * 100).toFixed(2)} % of a core, ${memory(end)}`,
    );

    await operator.stop();
    const usn = await directory.usn();
    const again = performance.now();
    operator = await start();
    await loop.longestStretch(operator);
    // Farms that had their turn before the domain was reached have another.
    await allLookedAt(operator);
    const seconds = (performance.now() - again) / 1000;
    const looked = await usage(operator);
    await atRest(operator);
    const after = await requests(operator);
    say(
      "restart",
      `all looked at within ${seconds.toFixed(1)} s: ${after.searches} searches, ${after.writes} writes (USN moved by ${(await directory.usn()) - usn}), ` +
        `${after.patches} patches, ${looked.cpu.toFixed(1)} s CPU, ${memory(looked)}, ${stretch(await loop.longestStretch(operator))}`,
    );
    if (away > 0) await goAway(servers, operator);
  } finally {
    await operator.stop();
    await loop.remove();
  }
}

await onServers(values.on, bench);
