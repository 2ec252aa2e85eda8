/**
 * `npm run bench`: what the operator costs, on the real servers.
 *
 * A burst of farms from `kubectl apply` to Ready, beside a bare ldapts loop that does the same writes on the same domain controller in the
 * same run; then the cost of all of them at rest. Prints figures and ratios; judges nothing.
 * Options: --farms N (200), --hosts N (5), --rest SECONDS (120).
 */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Attribute, Client } from "ldapts";
import { encodeRetrievers } from "../../src/directory/security-descriptor.ts";
import { decodeSid } from "../../src/directory/sid.ts";
import { Kube, kubeAssets, kubeMissing } from "../harness/kube.ts";
import { Operator } from "../harness/operator.ts";
import { addComputer, ADMINISTRATOR, BASE, HOST, Samba, sambaMissing } from "../harness/samba.ts";

const { values } = parseArgs({
  options: { farms: { type: "string", default: "200" }, hosts: { type: "string", default: "5" }, rest: { type: "string", default: "120" } },
});
const [farms, hosts, rest] = [Number(values.farms), Number(values.hosts), Number(values.rest)];
const NAMESPACE = "bench";

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** User and system time of a process in seconds, and its resident memory now and at its peak, in MB. */
async function usage(pid: number): Promise<{ cpu: number; rss: number; peak: number }> {
  const stat = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const megabytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1024;
  return { cpu: (Number(stat[11]) + Number(stat[12])) / 100, rss: megabytes("VmRSS"), peak: megabytes("VmHWM") };
}

/** The same writes, one after the other on one connection: a group with its members, its SID, an account. Seconds. */
async function bareLoop(samba: Samba, computers: readonly string[], count: number): Promise<number> {
  const client = new Client({ url: samba.url, timeout: 60_000, tlsOptions: { ca: await readFile(samba.caFile), servername: HOST } });
  await client.bind(ADMINISTRATOR.username, ADMINISTRATOR.password);
  const started = performance.now();
  for (let index = 0; index < count; index++) {
    const name = `bare${index}`;
    const group = `CN=${name}Hosts,CN=Users,${BASE}`;
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
    await client.add(`CN=${name},CN=Managed Service Accounts,${BASE}`, [
      ...Object.entries(text).map(([type, values]) => new Attribute({ type, values: Array.isArray(values) ? values : [values] })),
      new Attribute({ type: "msDS-GroupMSAMembership", values: [encodeRetrievers([decodeSid(sid)])] }),
    ]);
  }
  const seconds = (performance.now() - started) / 1000;
  await client.unbind();
  return seconds;
}

/** One watch, rather than many questions: it must not take the processors from what is measured. */
async function watchUntilReady(kube: Kube, count: number): Promise<void> {
  const output = 'jsonpath={.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\\n"}';
  const child = spawn(
    `${kubeAssets()}/kubectl`,
    ["--kubeconfig", kube.kubeconfig, "get", "serverfarms", "-n", NAMESPACE, "--watch", "-o", output],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ready = new Set<string>();
  const late = setTimeout(() => child.kill(), 300_000);
  for await (const line of createInterface({ input: child.stdout })) {
    const [name = "", status] = line.split("=");
    if (status === "True") ready.add(name);
    if (ready.size === count) break;
  }
  clearTimeout(late);
  child.kill();
  if (ready.size < count) throw new Error(`only ${ready.size} of ${count} farms became ready`);
}

async function main(): Promise<void> {
  const missing = [await sambaMissing(), kubeMissing()].filter((text) => text !== undefined);
  if (missing.length > 0) throw new Error(missing.join("; "));
  const dir = await mkdtemp(`${tmpdir()}/serverfarm-bench-`);
  const [samba, kube] = [new Samba(`${dir}/samba`), new Kube(`${dir}/kube`)];
  let operator: Operator | undefined;
  try {
    await Promise.all([samba.up(), kube.up()]);
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const crds = (await readdir(`${root}/crds`)).filter((name) => name.endsWith(".yaml"));
    await kube.kubectl("apply", ...crds.flatMap((name) => ["-f", `${root}/crds/${name}`]), "-f", `${root}/deploy/rbac.yaml`);
    await kube.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s");
    const names = Array.from({ length: hosts }, (_, index) => `BENCH${index}`);
    const computers = await samba.asAdministrator(async (client) => {
      const dns: string[] = [];
      for (const name of names) dns.push(await addComputer(client, name));
      return dns;
    });
    const namespace = "serverfarm-system";
    const secret = (name: string, stringData: object) => ({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData });
    await kube.apply(
      { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
      secret("contoso-ldap", ADMINISTRATOR),
      secret("contoso-ca", { "ca.crt": await readFile(samba.caFile, "utf8") }),
      {
        apiVersion: "serverfarm.dev/v1alpha1",
        kind: "ActiveDirectoryDomain",
        metadata: { name: "contoso" },
        spec: {
          dnsName: "contoso.com",
          servers: [samba.url],
          credentialsSecretRef: { name: "contoso-ldap" },
          caBundleRef: { name: "contoso-ca" },
        },
      },
    );
    operator = await Operator.start({
      kubeconfig: await kube.serviceAccountKubeconfig(namespace, "serverfarm-operator"),
      leaderElection: true,
      level: "info",
    });
    await kube.kubectl("wait", "--for=condition=Ready", "addomain/contoso", "--timeout=30s");
    const { pid } = operator;
    say(`${farms} farms x ${hosts} hosts; ${cpus().length} cores, ${cpus()[0]?.model ?? ""}, Node ${process.version}`);

    const before = await bareLoop(samba, computers, farms);
    const idle = await usage(pid);
    const allReady = watchUntilReady(kube, farms);
    const started = performance.now();
    await kube.apply(
      ...Array.from({ length: farms }, (_, index) => ({
        apiVersion: "serverfarm.dev/v1alpha1",
        kind: "ServerFarm",
        metadata: { name: `burst${index}`, namespace: NAMESPACE },
        spec: {
          domainRef: { name: "contoso" },
          servicePrincipalNames: [`http/burst${index}.contoso.com`, `http/burst${index}`],
          hosts: { computers: names },
        },
      })),
    );
    const applied = (performance.now() - started) / 1000;
    await allReady;
    const burst = (performance.now() - started) / 1000;
    const busy = await usage(pid);
    say(`bare loop     ${before.toFixed(1)} s   ${(farms / before).toFixed(1)} farms/s`);
    say(
      `burst         ${burst.toFixed(1)} s   ${(farms / burst).toFixed(1)} farms/s   (kubectl apply alone took ${applied.toFixed(1)} s of it)`,
    );
    say(`ratio         ${(before / burst).toFixed(2)} of the bare loop's rate`);
    const metric = operator.metric.bind(operator);
    for (const operation of ["search", "add"]) {
      const [sum, number] = await Promise.all(
        ["sum", "count"].map((part) => metric(`serverfarm_directory_request_duration_seconds_${part}`, { operation })),
      );
      say(`${operation.padEnd(13)} ${number} requests of ${(((sum ?? 0) / (number ?? 1)) * 1000).toFixed(1)} ms`);
    }
    say(`operator      ${(busy.cpu - idle.cpu).toFixed(1)} s CPU, RSS ${busy.rss.toFixed(0)} MB, peak ${busy.peak.toFixed(0)} MB`);

    // The feed brings the burst's own changes once more; rest begins after that.
    await sleep(20_000);
    const count = (operation: string): Promise<number> => metric("serverfarm_directory_requests_total", { operation });
    const counts = async () => ({
      search: await count("search"),
      writes: (await count("add")) + (await count("modify")) + (await count("delete")),
      polls: await metric("controller_runtime_reconcile_total", { controller: "activedirectorydomain" }),
      patches: await metric("rest_client_requests_total", { method: "PATCH" }),
    });
    const [first, calm] = [await counts(), await usage(pid)];
    await sleep(rest * 1000);
    const [last, end] = [await counts(), await usage(pid)];
    say(
      `at rest       ${rest} s: ${last.search - first.search} searches in ${last.polls - first.polls} polls, ${last.writes - first.writes} writes to the directory, ` +
        `${last.patches - first.patches} patches to the API server, ${(((end.cpu - calm.cpu) / rest) * 100).toFixed(2)} % of a core, RSS ${end.rss.toFixed(0)} MB, peak ${end.peak.toFixed(0)} MB`,
    );
  } finally {
    await operator?.stop();
    await Promise.all([samba.down(), kube.down()]);
    await rm(dir, { recursive: true, force: true });
  }
}

await main();
