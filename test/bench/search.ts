/**
 * `npm run bench:search`: what hosts.search costs. One farm that finds all computers of an OU: until all are members, at rest (beside none at all), a computer that is moved in and
 * one that is quarantined. Then very many farms with a search each over the same OU, at rest.
 * Options: --on sandbox|real (sandbox), --computers N (2500), --farms N (1000; 0: none), --rest SECONDS (60), --moves N (5).
 */
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { addContainer, addMany, inDomain, numbered } from "../harness/computers.ts";
import { EventLoop, stretch } from "../harness/event-loop.ts";
import { farmOf } from "../harness/manifests.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { allReady, atRest, deploy, memory, NAMESPACE, onServers, requests, say, type Servers, usage } from "./measure.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, {
  on: { type: "string", default: "sandbox" },
  computers: { type: "string", default: "2500" },
  farms: { type: "string", default: "1000" },
  rest: { type: "string", default: "60" },
  moves: { type: "string", default: "5" },
});
const [count, farms, rest, moves] = [Number(values.computers), Number(values.farms), Number(values.rest), Number(values.moves)];
const [CONTAINER, AWAY] = ["OU=Searched", "OU=Away"];
const COMPUTERS = numbered("HOST", count);
const NEWCOMERS = numbered("NEW", moves);
const searchOf = (...names: readonly string[]): object => ({ container: CONTAINER, names, max: 5000 });

/** What is sent, and what it costs, while something is done. */
async function cost(operator: Operator, act: () => Promise<unknown>): Promise<string> {
  const [before, idle] = [await requests(operator), await usage(operator)];
  const started = performance.now();
  await act();
  const seconds = (performance.now() - started) / 1000;
  const [after, busy] = [await requests(operator), await usage(operator)];
  const sent = (["searches", "polls", "reconciles", "writes", "patches"] as const)
    .map((what) => `${after[what] - before[what]} ${what}`)
    .join(", ");
  return `${seconds.toFixed(2)} s, ${sent}, ${(busy.cpu - idle.cpu).toFixed(2)} s CPU`;
}

/** Asked as an administrator who looks at that one computer would. */
async function isMember({ directory }: Servers, computer: string): Promise<boolean> {
  const found = await directory.search(`(&(sAMAccountName=${computer}$)(memberOf=${inDomain("CN=crowdHosts,OU=Farms")}))`, ["cn"]);
  return found.length > 0;
}

async function becomes(servers: Servers, computer: string, wanted: boolean): Promise<void> {
  await waitFor(
    `${computer} to be ${wanted ? "a" : "no"} member`,
    () => isMember(servers, computer),
    (is) => is === wanted,
    120,
  );
}

async function oneFarm(servers: Servers, operator: Operator, loop: EventLoop): Promise<void> {
  const { directory, cluster } = servers;
  const deployed = await cost(operator, async () => {
    const ready = allReady(cluster, 1);
    await cluster.apply(farmOf(NAMESPACE, "crowd", { hosts: { search: searchOf("*") } }));
    await ready;
  });
  say("all members", `${deployed}, ${stretch(await loop.longestStretch(operator))}, ${memory(await usage(operator))}`);
  await becomes(servers, COMPUTERS.at(-1) ?? "", true);
  await atRest(operator);
  say("at rest", await cost(operator, () => sleep(rest * 1000)));
  for (const computer of NEWCOMERS) {
    const [from, to] = [AWAY, CONTAINER].map((container) => inDomain(`CN=${computer},${container}`));
    const moved = await cost(operator, async () => {
      await directory.asAdministrator((client) => client.modifyDN(from ?? "", to ?? ""));
      await becomes(servers, computer, true);
    });
    say("moved in", moved);
    // So that the next poll is not always as far away.
    await sleep(4000);
  }
  await atRest(operator);
  const out = await cost(operator, async () => {
    await cluster.patch("ServerFarm", "crowd", NAMESPACE, { spec: { hosts: { quarantined: [COMPUTERS[0]] } } });
    await becomes(servers, COMPUTERS[0] ?? "", false);
  });
  say("quarantined", out);
}

async function manyFarms({ cluster }: Servers, operator: Operator): Promise<void> {
  await atRest(operator);
  const made = await cost(operator, async () => {
    const ready = allReady(cluster, farms + 1);
    for (let index = 0; index < farms; index++) {
      const name = COMPUTERS[index % count] ?? "";
      await cluster.apply(farmOf(NAMESPACE, `search${index}`, { hosts: { search: searchOf(name) } }));
    }
    await ready;
  });
  say("many farms", `${farms} ready: ${made}, ${memory(await usage(operator))}`);
  await atRest(operator);
  say("at rest", `${await cost(operator, () => sleep(rest * 1000))}, ${memory(await usage(operator))}`);
}

async function bench(servers: Servers): Promise<void> {
  const { directory, cluster } = servers;
  say("run", `${count} computers in an OU, ${farms} farms, on ${directory.name} and ${cluster.name}`);
  say("machine", `${cpus().length} cores, ${cpus()[0]?.model ?? ""}, Node ${process.version}`);
  await addContainer(directory, inDomain(CONTAINER), inDomain(AWAY));
  await addMany(directory, inDomain(CONTAINER), COMPUTERS);
  await addMany(directory, inDomain(AWAY), NEWCOMERS);
  // It is asked at the start and after the first farm: at rest it would cost more than the operator.
  const loop = await EventLoop.create(2);
  const operator = await (await deploy(directory, cluster, (kubeconfig) => loop.command(kubeconfig)))();
  try {
    say("start", stretch(await loop.longestStretch(operator)));
    // The domain is asked and inspected without any farm, too.
    say("no farm", await cost(operator, () => sleep(rest * 1000)));
    await oneFarm(servers, operator, loop);
    if (farms > 0) await manyFarms(servers, operator);
  } finally {
    await operator.stop();
    await loop.remove();
  }
}

await onServers(values.on, bench);
