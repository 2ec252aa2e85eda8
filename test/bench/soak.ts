/**
 * `npm run soak`: the operator for hours, on the sandbox. Farms come, change and go, people change by hand what is theirs, others change 50 objects a
 * second that are no farm's, and one fault follows another. At the end every farm must be right, and the operator must hold no more than it did.
 * Options: --minutes N (120: of churn; the looks at rest come on top), --out FOLDER (a new one: samples.csv, curve.svg, result.txt, operator.log),
 * --seed N (any), --farms N (300). Ends with 1 where something is not as it must be. How it judges: docs/benchmarks.md.
 */
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { HttpProxy } from "../faults/http-proxy.ts";
import { LdapProxy } from "../faults/ldap-proxy.ts";
import { randomOf, Schedule } from "../faults/schedule.ts";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { install } from "../harness/install.ts";
import { domainAt, domainSecrets, namespaceOf, SYSTEM } from "../harness/manifests.ts";
import { Operator } from "../harness/operator.ts";
import { onServers, say, type Servers, usage } from "./measure.ts";
import { Churn } from "./soak/churn.ts";
import { csv, svg } from "./soak/curve.ts";
import { NAMESPACE } from "./soak/farms.ts";
import { Faults, type Stage } from "./soak/faults.ts";
import { Gauge } from "./soak/gauge.ts";
import { Soak } from "./soak/run.ts";
import { optionsOf } from "./options.ts";

const values = optionsOf(import.meta.url, {
  minutes: { type: "string", default: "120" },
  out: { type: "string" },
  seed: { type: "string" },
  farms: { type: "string", default: "300" },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const out = values.out ?? (await mkdtemp(`${tmpdir()}/serverfarm-soak-`));

/** The domain and the operator, each behind a proxy; the operator has the rights of the documentation and no others. */
async function start({ cluster, ldap, http }: Stage, gauge: Gauge): Promise<Operator> {
  await install(cluster);
  const domain = domainAt(ldap.url, { poll: "5s" });
  await cluster.apply(namespaceOf(NAMESPACE), ...domainSecrets(DELEGATED, ldap.ca), domain);
  const kubeconfig = await cluster.serviceAccountKubeconfig(SYSTEM, "serverfarm-operator", { server: http.server, ca: http.ca });
  return await Operator.start({ kubeconfig, leaderElection: {}, level: "info", command: gauge.command(kubeconfig) });
}

async function soak({ cluster, directory }: Servers): Promise<void> {
  const random = randomOf(seed);
  const churn = new Churn(random, Number(values.farms), cluster, directory);
  const ldap = await LdapProxy.start({ url: directory.url, ca: directory.ca }, new Schedule([], seed));
  const http = await HttpProxy.start({ server: cluster.server, ca: cluster.ca }, new Schedule([], seed + 1));
  const stage = { ldap, http, cluster, directory, churn };
  const faults = new Faults(stage, random);
  const gauge = await Gauge.create();
  // With it the OU that farms live in.
  await delegate(directory);
  await churn.prepare();
  const operator = await start(stage, gauge);
  const run = new Soak({ operator, gauge, churn, faults, directory, minutes });
  try {
    await run.live();
  } catch (error) {
    run.problems.push(error instanceof Error ? error.message : String(error));
  } finally {
    const { peak } = await usage(operator).catch(() => ({ peak: Number.NaN }));
    if (operator.runs && (await operator.stop()) !== 0) run.problems.push("the operator did not end with 0");
    await report(run, faults, peak);
    await writeFile(`${out}/operator.log`, operator.log);
    await churn.disconnect();
    await Promise.all([ldap.stop(), http.stop(), gauge.remove()]);
  }
  for (const problem of run.problems) say("FAILED", problem);
  process.exitCode = run.problems.length > 0 ? 1 : 0;
  say("soak", run.problems.length > 0 ? "failed" : "passed");
}

async function report({ samples, problems, results }: Soak, faults: Faults, peak: number): Promise<void> {
  const counts = (of: ReadonlyMap<string, number>): string =>
    [...of]
      .map(([name, count]) => `${name} ${count}`)
      .toSorted()
      .join(", ");
  results.push(["peak", `RSS ${peak.toFixed(0)} MB`]);
  results.push(["faults", counts(faults.begun)], ["struck", counts(faults.struck)]);
  for (const [name, text] of results) say(name, text);
  const lines = [...results.map(([name, text]) => `${name}: ${text}`), ...problems.map((problem) => `FAILED: ${problem}`)];
  await writeFile(`${out}/result.txt`, `${head.map(([name, text]) => `${name}: ${text}`).join("\n")}\n${lines.join("\n")}\n`);
  await writeFile(`${out}/samples.csv`, csv(samples));
  await writeFile(`${out}/curve.svg`, svg(samples, `${values.farms} farms, ${minutes} minutes of churn and faults`));
}

await mkdir(out, { recursive: true });
const head: readonly (readonly [string, string])[] = [
  ["run", `${minutes} minutes, ${values.farms} farms, seed ${seed}, to ${out}`],
  ["machine", `${cpus().length} cores, ${cpus()[0]?.model ?? ""}, Node ${process.version}`],
];
for (const [name, text] of head) say(name, text);
await onServers("sandbox", soak);
// Nobody waits any more for what a soak that ended early still waited for.
process.exit();
