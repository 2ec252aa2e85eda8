/**
 * `npm run bench:large`: a farm of very many hosts, and a group of somebody else with very many members. For each change the time until the farm is
 * Ready, what was sent to the directory for it, and how long the operator's event loop stood still at most: a Lease is lost by that.
 * Options: --on sandbox|real (sandbox), --hosts N (2000), --members N (5000).
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { Attribute, Change, type Client } from "ldapts";
import { z } from "zod";
import { BASE } from "../harness/directory.ts";
import { farmOf } from "../harness/manifests.ts";
import { waitFor } from "../harness/process.ts";
import { deploy, memory, NAMESPACE, onServers, requests, say, type Servers, usage } from "./measure.ts";

const { values } = parseArgs({
  options: {
    on: { type: "string", default: "sandbox" },
    hosts: { type: "string", default: "2000" },
    members: { type: "string", default: "5000" },
  },
});
const [hosts, members] = [Number(values.hosts), Number(values.members)];
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
    const change = new Change({ operation: "add", modification: new Attribute({ type: "member", values: [...others] }) });
    await client.modify(GROUP, change);
  });
  const operator = await (await deploy(directory, cluster))();
  const names = Array.from({ length: hosts }, (_, index) => `HOST${index}`);
  const half = names.slice(hosts / 2);
  let asked: string | undefined;
  const existing = { name: "BigGroup", existing: true };
  try {
    const step = async (what: string, change: () => Promise<unknown>, granted: number | undefined): Promise<void> => {
      const before = await requests(operator);
      const started = performance.now();
      await change();
      await waitFor(
        what,
        () => cluster.find("ServerFarm", "large", NAMESPACE),
        (object) => (granted === undefined ? object === undefined : isReady(object, granted, asked)),
        300,
      );
      const seconds = (performance.now() - started) / 1000;
      const after = await requests(operator);
      const [writes, searches] = [after.writes - before.writes, after.searches - before.searches];
      say(
        what,
        `${seconds.toFixed(1)} s, ${writes} writes, ${searches} searches, stood still ${(1000 * after.stoodStill).toFixed(0)} ms at most`,
      );
    };
    const patch = (wanted: object) => () => cluster.patch("ServerFarm", "large", NAMESPACE, { spec: { hosts: wanted } });
    await step("deploy", () => cluster.apply(farmOf(NAMESPACE, "large", { hosts: { computers: names, group: existing } })), hosts);
    await step("half out", patch({ computers: half }), half.length);
    await step("and in again", patch({ computers: names }), hosts);
    await step("own group", patch({ group: null }), hosts);
    const few = names.slice(0, 1800);
    await step("1,800 by name", patch({ grant: "Principals", computers: few }), few.length);
    await step("big group", patch({ grant: "Group", computers: names, group: existing }), hosts);
    asked = "now";
    await step(
      "a look",
      () => cluster.annotate("ServerFarm", "large", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" }),
      hosts,
    );
    await step("delete", () => cluster.delete("ServerFarm", "large", NAMESPACE, 0), undefined);
    const left = await directory.search("(objectClass=computer)", ["memberOf"], { paged: true });
    const inGroup = left.filter((entry) => [entry["memberOf"]].flat().some((dn) => String(dn) === GROUP)).map(({ dn }) => dn);
    say(
      "left",
      `${inGroup.length} members, ${inGroup.every((dn) => dn.startsWith("CN=OTHER")) ? "all of them others'" : "WRONG ONES AMONG THEM"}`,
    );
    say("operator", memory(await usage(operator)));
  } finally {
    await operator.stop();
  }
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
