/** `kubectl farm check`: whether the cluster, the domain and its controllers are ready, with what to do where they are not. Changes nothing. */
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import { discoveryOf } from "../controller/domain-settings.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import { checkCluster, type ClusterFindings } from "./check-cluster.ts";
import { checkDirectory } from "./check-directory.ts";
import { checkText, type Finding } from "./check-findings.ts";
import { UsageError } from "./inputs.ts";
import { jsonText, printable, styleFor, type Terminal } from "./terminal.ts";
import { type ClusterOptions, openCluster } from "./user-cluster.ts";
import { problemOfServerName } from "../names/server-name.ts";
import { type DirectoryOptions, discover, givenServers, lookupOf, readAuthorities, readCredentials } from "./user-directory.ts";

export interface CheckOptions extends ClusterOptions, DirectoryOptions {
  /** The DNS name of a domain, or the name of an ActiveDirectoryDomain: its controllers are checked from here. */
  readonly domain?: string | undefined;
  readonly container?: readonly string[] | undefined;
  /** Which names in DNS may be used, and whose site goes first. */
  readonly serverName?: readonly string[] | undefined;
  readonly site?: string | undefined;
  readonly clusterId?: string | undefined;
  /** False: the account is the user's own, and what it may do does not matter. */
  readonly rights?: boolean | undefined;
  readonly output?: "json" | undefined;
}

const NO_CLUSTER: ClusterFindings = { findings: [], domains: [] };

/** The exit code: 0 where nothing is bad. */
export async function showCheck(options: CheckOptions, terminal: Terminal): Promise<number> {
  const { domain, username, server = [] } = options;
  if (domain === undefined && (username !== undefined || server.length > 0))
    throw new UsageError("--username and --server are for a domain: give --domain too, such as contoso.com.");
  const { findings, domains } = await lookAtCluster(options);
  const directory = domain === undefined ? [] : await lookAtDirectory(domain, domains, options, terminal);
  const all = [...findings, ...directory];
  const { out } = terminal;
  if (options.output === "json") out.write(`${jsonText({ findings: all })}\n`);
  else out.write(`${checkText(printable(all), styleFor(out)).join("\n")}\n`);
  return all.some(({ state }) => state === "Bad") ? 1 : 0;
}

/** With a domain to check, there may be no cluster yet, or nothing installed in it. */
async function lookAtCluster(options: CheckOptions): Promise<ClusterFindings> {
  const isOptional = options.domain !== undefined;
  try {
    const { client, namespace = "default" } = openCluster(options);
    const seen = await checkCluster(client, namespace);
    const findings = seen.findings.map((finding): Finding =>
      isOptional && seen.domains.length === 0 && finding.state === "Bad" ? { ...finding, state: "Unknown" } : finding,
    );
    return { ...seen, findings };
  } catch (error) {
    if (!(error instanceof KubernetesError || error instanceof UsageError)) throw error;
    const message = `The cluster cannot be asked: ${error.message.replace(/[.]$/, "")}.`;
    return { ...NO_CLUSTER, findings: [{ subject: "Cluster", check: "API server", state: isOptional ? "Unknown" : "Bad", message }] };
  }
}

async function lookAtDirectory(
  name: string,
  domains: readonly ActiveDirectoryDomain[],
  options: CheckOptions,
  terminal: Terminal,
): Promise<readonly Finding[]> {
  const known = domains.find(({ metadata, spec }) => metadata.name === name || spec.dnsName.toLowerCase() === name.toLowerCase());
  if (!known && !name.includes("."))
    throw new UsageError(
      `--domain ${name} is neither an ActiveDirectoryDomain of the cluster nor a DNS name: give one, such as contoso.com.`,
    );
  const { container = [], username, caFile } = options;
  const [first, second = first] = container;
  const containers = first === undefined ? known?.spec.defaults : { accountContainer: first, groupContainer: second ?? first };
  if (username !== undefined && options.rights !== false && !containers)
    throw new UsageError("Rights are checked in the container of the farms: give --container OU=Farms, or --no-rights.");
  const dnsName = known?.spec.dnsName ?? name;
  const { servers, findings } = await chooseServers(dnsName, known, options);
  const ofServers = await checkDirectory({
    dnsName,
    servers: { urls: servers, lookup: lookupOf(options) },
    containers: containers ?? { accountContainer: "OU=Farms", groupContainer: "OU=Farms" },
    cluster: options.clusterId ?? "",
    credentials: username === undefined ? undefined : await readCredentials(options, terminal),
    ca: await readAuthorities(caFile, terminal),
    judgeRights: options.rights !== false,
  });
  return [...findings, ...ofServers];
}

/** As the operator would: those that are named, or those that DNS names. */
async function chooseServers(
  dnsName: string,
  known: ActiveDirectoryDomain | undefined,
  options: CheckOptions,
): Promise<{ readonly servers: readonly string[]; readonly findings: readonly Finding[] }> {
  const { site, serverName = [], username } = options;
  const given = givenServers(options);
  const named = given.length > 0 ? given : serverName.length > 0 ? [] : (known?.spec.servers ?? []);
  if (named.length > 0) return { servers: named, findings: [] };
  const discovery = serverName.length === 0 && known ? discoveryOf(known) : undefined;
  // Whoever forges the answer must not get a password: without a bind nothing is sent that is secret.
  if (!discovery && serverName.length === 0 && username !== undefined)
    throw new UsageError(
      "No domain controller is known: give --server, such as dc1.contoso.com, or --server-name, such as dc*.contoso.com, to find them in DNS.",
    );
  for (const pattern of serverName) {
    const problem = problemOfServerName(pattern);
    if (problem !== undefined) throw new UsageError(`--server-name ${pattern}: ${problem}`);
  }
  const query = discovery ?? { dnsName, site, serverNames: serverName.length > 0 ? serverName : [`*.${dnsName}`] };
  const subject = `DNS of ${dnsName}`;
  try {
    const { servers, answers, notes } = await discover(query, options);
    const told = answers.map(({ asked, problem, servers: names }): Finding => ({
      subject,
      check: asked,
      state: names.length > 0 ? "Good" : "Unknown",
      message:
        names.length > 0
          ? `It names ${names.join(", ")}.`
          : `It names nobody that may be used${problem === undefined ? "" : `: ${problem}`}.`,
    }));
    const chosen: Finding = { subject, check: "Order", state: "Good", message: `The operator would try ${servers.join(", then ")}.` };
    return {
      servers,
      findings: [...told, ...notes.map(({ reason, message }): Finding => ({ subject, check: reason, state: "Unknown", message })), chosen],
    };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { servers: [], findings: [{ subject, check: "SRV records", state: "Bad", message: error.message }] };
  }
}
