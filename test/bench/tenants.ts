/**
 * `npm run bench:tenants`: what it costs to change the tenants of a domain with very many farms. Each change is judged for all farms; those of which the same
 * is said as before must not be compared with the directory. One farm that is never allowed tells when all have been judged, since its message changes with each
 * change of its tenant, and nothing is said of one farm before all are judged.
 * Options: --on sandbox|real (sandbox), --farms N (10000), --tenants N (100), --profile FOLDER (the operator's CPU profile).
 */
import { cpus } from "node:os";
import { addComputer } from "../harness/directory.ts";
import { EventLoop, stretch } from "../harness/event-loop.ts";
import { deploy, memory, onServers, say, type Servers, usage } from "./measure.ts";
import { hostAt, Tenancies } from "./tenancies.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, {
  on: { type: "string", default: "sandbox" },
  farms: { type: "string", default: "10000" },
  tenants: { type: "string", default: "100" },
  profile: { type: "string" },
});

async function bench({ directory, cluster }: Servers): Promise<void> {
  const tenancies = new Tenancies(cluster, Number(values.tenants), Number(values.farms));
  say("run", `${values.farms} farms of ${values.tenants} tenants on ${directory.name} and ${cluster.name}`);
  say("machine", `${cpus().length} cores, ${cpus()[0]?.model ?? ""}, Node ${process.version}`);
  await directory.asAdministrator(async (client) => {
    for (let tenant = 0; tenant < Number(values.tenants); tenant++) await addComputer(client, hostAt(tenant));
  });
  const loop = await EventLoop.create();
  const profile = values.profile === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", values.profile];
  const operator = await (await deploy(directory, cluster, (kubeconfig) => loop.command(kubeconfig, profile)))();
  try {
    await tenancies.make(operator);
    say("ready", `${stretch(await loop.longestStretch(operator))}, ${memory(await usage(operator))}`);
    for (const [what, act] of tenancies.changes) {
      const { seconds, searches, polls, patches, reconciles, cpu } = await tenancies.cost(operator, act);
      say(
        "change",
        `${what}: ${seconds.toFixed(2)} s, ${searches} searches in ${polls} polls, ${patches} patches, ${reconciles} reconciles, ${cpu.toFixed(2)} s CPU, ` +
          stretch(await loop.longestStretch(operator)),
      );
    }
    say("operator", memory(await usage(operator)));
  } finally {
    await operator.stop();
    await loop.remove();
  }
}

await onServers(values.on, bench);
