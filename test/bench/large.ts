/**
 * `npm run bench:large`: a farm of very many hosts and names, and a group of somebody else with very many members. For each change the time until the
 * farm is Ready, what was sent to the directory for it, and the operator's longest stretch without a pause (CPU time): a Lease is lost by that.
 * Options: --on sandbox|real (sandbox), --hosts N (2000), --members N (5000), --names N (500), --profile FOLDER (the operator's CPU profile).
 */
import { cpus } from "node:os";
import type { Client } from "ldapts";
import { z } from "zod";
import { BASE, change } from "../harness/directory.ts";
import { EventLoop, stretch } from "../harness/event-loop.ts";
import { farmOf } from "../harness/manifests.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { deploy, memory, NAMESPACE, onServers, requests, say, type Servers, usage } from "./measure.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, {
  on: { type: "string", default: "sandbox" },
  hosts: { type: "string", default: "2000" },
  members: { type: "string", default: "5000" },
  names: { type: "string", default: "500" },
  profile: { type: "string" },
});
const [hosts, members] = [Number(values.hosts), Number(values.members)];
const servicePrincipalNames = (prefix: string): readonly string[] =>
  Array.from({ length: Number(values.names) }, (_, index) => `http/${prefix}${index}.contoso.com`);
const GROUP = `CN=BigGroup,CN=Users,${BASE}`;

/** Computers without a password: nobody logs on here. */
async function addComputers(client: Client, prefix: string, count: number): Promise<readonly string[]> {
  const made: string[] = [];
  for (let index = 0; index < count; index++) {
    const dn = `CN=${prefix}${index},CN=Computers,${BASE}`;
    await client.add(dn, { objectClass: "computer", sAMAccountName: `${prefix}${index}$`, userAccountControl: "4098" });
    made.push(dn);
  }
  return made;
}

async function bench({ directory, cluster }: Servers): Promise<void> {
  say("run", `a farm of ${hosts} hosts, a group of ${members} members, on ${directory.name} and ${cluster.name}`);
  say("machine", `${cpus().length} cores, ${cpus()[0]?.model ?? ""}, Node ${process.version}`);
  await directory.asAdministrator(async (client) => {
    const others = await addComputers(client, "OTHER", members);
    await addComputers(client, "HOST", hosts);
    await client.add(GROUP, { objectClass: "group", sAMAccountName: "BigGroup" });
    for (let start = 0; start < others.length; start += 5000)
      await client.modify(GROUP, change("add", "member", others.slice(start, start + 5000)));
  });
  const loop = await EventLoop.create();
  const profile = values.profile === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", values.profile];
  const operator = await (await deploy(directory, cluster, (kubeconfig) => loop.command(kubeconfig, profile)))();
  try {
    say("start", stretch(await loop.longestStretch(operator)));
    await changes({ directory, cluster }, operator, loop);
    say("operator", memory(await usage(operator)));
  } finally {
    await operator.stop();
    await loop.remove();
  }
}

/** Each change of the farm, one after the other. */
async function changes({ directory, cluster }: Pick<Servers, "directory" | "cluster">, operator: Operator, loop: EventLoop): Promise<void> {
  const names = Array.from({ length: hosts }, (_, index) => `HOST${index}`);
  const half = names.slice(hosts / 2);
  const existing = { name: "BigGroup", existing: true };
  let asked: string | undefined;
  const step = async (what: string, act: () => Promise<unknown>, granted: number | undefined, name = "large"): Promise<void> => {
    const before = await requests(operator);
    const started = performance.now();
    await act();
    await waitFor(
      what,
      () => cluster.find("ServerFarm", name, NAMESPACE),
      (object) => (granted === undefined ? object === undefined : isReady(object, granted, name === "large" ? asked : undefined)),
      300,
    );
    const seconds = (performance.now() - started) / 1000;
    const after = await requests(operator);
    const [writes, searches] = [after.writes - before.writes, after.searches - before.searches];
    say(what, `${seconds.toFixed(1)} s, ${writes} writes, ${searches} searches, ${stretch(await loop.longestStretch(operator))}`);
  };
  const patch = (spec: object) => () => cluster.patch("ServerFarm", "large", NAMESPACE, { spec });
  const look = (): Promise<unknown> => {
    asked = `now-${performance.now()}`;
    return cluster.annotate("ServerFarm", "large", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": asked });
  };
  const few = names.slice(0, 3);
  await step("3 hosts", () => cluster.apply(farmOf(NAMESPACE, "few", { hosts: { computers: few, group: existing } })), 3, "few");
  await step("3 hosts gone", () => cluster.delete("ServerFarm", "few", NAMESPACE, 0), undefined, "few");
  await step("deploy", () => cluster.apply(farmOf(NAMESPACE, "large", { hosts: { computers: names, group: existing } })), hosts);
  await step("half out", patch({ hosts: { computers: half } }), half.length);
  await step("and in again", patch({ hosts: { computers: names } }), hosts);
  await step("own group", patch({ hosts: { group: null } }), hosts);
  const drift = async (): Promise<void> => {
    const own = `CN=largeHosts,OU=Farms,${BASE}`;
    const [first, ...more] = names.slice(0, hosts / 10).map((name) => `CN=${name},CN=Computers,${BASE}`);
    await directory.modify(own, "delete", "member", [first ?? "", ...more]);
    await directory.modify(own, "add", "member", [`CN=OTHER0,CN=Computers,${BASE}`]);
    await look();
  };
  await step("drift", drift, hosts);
  await step("many names", patch({ servicePrincipalNames: servicePrincipalNames("a") }), hosts);
  await step("other names", patch({ servicePrincipalNames: servicePrincipalNames("b") }), hosts);
  await step("1,800 by name", patch({ hosts: { grant: "Principals", computers: names.slice(0, 1800) } }), Math.min(hosts, 1800));
  await step("big group", patch({ hosts: { grant: "Group", computers: names, group: existing } }), hosts);
  await step("a look", look, hosts);
  await step("delete", () => cluster.delete("ServerFarm", "large", NAMESPACE, 0), undefined);
  const left = await directory.search("(objectClass=computer)", ["memberOf"], { paged: true });
  const inGroup = left.filter((entry) => [entry["memberOf"]].flat().some((dn) => String(dn) === GROUP)).map(({ dn }) => dn);
  say(
    "left",
    `${inGroup.length} members, ${inGroup.every((dn) => dn.startsWith("CN=OTHER")) ? "all of them others'" : "WRONG ONES AMONG THEM"}`,
  );
}

const farm = z.object({
  metadata: z.object({ generation: z.number() }),
  status: z.object({
    observedGeneration: z.number(),
    lastHandledReconcileRequest: z.string().optional(),
    hosts: z.object({ summary: z.string() }),
    conditions: z.array(z.object({ type: z.string(), status: z.string() })),
  }),
});

/** Ready in its present generation, with so many hosts, and after the last request to look. */
function isReady(object: unknown, hostsReady: number, asked: string | undefined): boolean {
  const { data } = farm.safeParse(object);
  return (
    data?.status.observedGeneration === data?.metadata.generation &&
    data?.status.hosts.summary === `${hostsReady}/${hostsReady}` &&
    data.status.lastHandledReconcileRequest === asked &&
    data.status.conditions.some(({ type, status }) => type === "Ready" && status === "True")
  );
}

await onServers(values.on, bench);
