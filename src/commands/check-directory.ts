/** Whether a domain and its controllers are ready, asked from here with the user's own bind, before anything is installed or after. */
import type { DomainObservation } from "../ad/domain.ts";
import { DirectoryError } from "../ad/error.ts";
import { inspectDomain, type Containers } from "../directory/inspection.ts";
import { addressesOf, probe } from "../directory/probe.ts";
import { domainFindings } from "../domain/findings.ts";
import { dnsNameOf } from "../names/distinguished-name.ts";
import { type Finding, fromCondition, type State } from "./check-findings.ts";
import { type Credentials, openDirectory, directoryProblem, type Servers } from "./user-directory.ts";

/** Kerberos refuses tickets where clocks are further apart (seconds). */
const MOST_SKEW = 300;
const SKEW_TO_TELL = 60;
/** A certificate that ends so soon (days) is told. */
const ENDS_SOON = 30;
const DAY = 86_400_000;

export interface DirectoryCheck {
  /** As the operator would be told: contoso.com. */
  readonly dnsName: string;
  readonly servers: Servers;
  readonly containers: Containers;
  /** Of markers; without a cluster there are none yet. */
  readonly cluster: string;
  /** Undefined: nobody binds, and only the way to each server is checked. */
  readonly credentials: Credentials | undefined;
  readonly ca: string;
  /** The account is the operator's: what it may do counts. */
  readonly judgeRights: boolean;
}

/** One server after the other. After refused credentials no other bind is tried: each try counts against the account. */
export async function checkDirectory(check: DirectoryCheck): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  let { credentials } = check;
  for (const url of check.servers.urls) {
    const way = await checkWay(url, check);
    found.push(...way.findings);
    if (!way.open) continue;
    if (!credentials) {
      found.push({
        subject: url,
        check: "Bind",
        state: "Unknown",
        message: check.credentials ? "It is not tried again after the refusal." : "Give --username to check it.",
      });
      continue;
    }
    try {
      found.push(...(await checkBound(url, credentials, check)));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      found.push({ subject: url, check: "Bind", state: "Bad", message: error.message });
      if (error.cause instanceof DirectoryError && error.cause.kind === "InvalidCredentials") credentials = undefined;
    }
  }
  return found;
}

async function checkWay(
  url: string,
  { ca, servers: { lookup } }: DirectoryCheck,
): Promise<{ readonly findings: readonly Finding[]; readonly open: boolean }> {
  const findings: Finding[] = [];
  const say = (check: string, state: State, message: string): void => {
    findings.push({ subject: url, check, state, message });
  };
  let step = "DNS";
  try {
    if (!URL.canParse(url)) throw new DirectoryError("Rejected", "this is not the URL of a server");
    const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
    say(step, "Good", `${host} is ${(await addressesOf(host, lookup)).join(", ")}.`);
    step = "TLS";
    const certificate = await probe(url, ca, lookup);
    if (!certificate) say(step, "Unknown", "The server is reached. StartTLS checks its certificate at the bind.");
    else {
      const days = Math.floor((certificate.validTo.getTime() - Date.now()) / DAY);
      const until = `valid until ${certificate.validTo.toISOString().slice(0, 10)}, issued by ${certificate.issuer}`;
      if (days >= ENDS_SOON) say(step, "Good", `The certificate is trusted, ${until}.`);
      else say(step, "Unknown", `The certificate is trusted, and ends in ${days} days (${until}): renew it.`);
    }
    return { findings, open: true };
  } catch (error) {
    const problem = directoryProblem(error);
    if (!(problem instanceof Error) || problem === error) throw error;
    say(step, "Bad", problem.message);
    return { findings, open: false };
  }
}

async function checkBound(url: string, credentials: Credentials, check: DirectoryCheck): Promise<readonly Finding[]> {
  const { dnsName, containers, cluster, judgeRights, servers } = check;
  const session = await openDirectory({ ...servers, urls: [url] }, credentials);
  try {
    const of = (what: string, state: State, message: string): Finding => ({ subject: url, check: what, state, message });
    const actual = dnsNameOf(session.rootDse.defaultNamingContext);
    const bound = of("Bind", "Good", `${credentials.username} is bound to ${session.rootDse.dnsHostName}.`);
    if (actual.toLowerCase() !== dnsName.toLowerCase())
      return [bound, of("Domain", "Bad", `The server belongs to the domain ${actual}, not ${dnsName}: correct --domain or --server.`)];
    const observation = await inspectDomain(session, containers, cluster);
    return [bound, skewFinding(url, observation.clockSkew), ...inspected(url, observation, judgeRights)];
  } catch (error) {
    throw directoryProblem(error);
  } finally {
    session.close();
  }
}

function inspected(url: string, observation: DomainObservation, judgeRights: boolean): readonly Finding[] {
  const conditions = domainFindings({ kind: "Connected", observation, tookOverAt: undefined }, new Date());
  const types = ["SchemaReady", "DomainControllerReady", "KdsRootKeyReady", ...(judgeRights ? ["PermissionsSufficient"] : [])];
  return conditions.filter(({ type }) => types.includes(type)).map((condition) => fromCondition(url, condition));
}

function skewFinding(subject: string, skew: number | undefined): Finding {
  const check = "Clock";
  if (skew === undefined) return { subject, check, state: "Unknown", message: "The server does not tell the time." };
  const apart = `The server's clock is ${Math.abs(skew)} s ${skew < 0 ? "behind" : "ahead of"} the clock here`;
  if (Math.abs(skew) > MOST_SKEW)
    return { subject, check, state: "Bad", message: `${apart}. Kerberos allows ${MOST_SKEW} s: set the clock that is wrong.` };
  return Math.abs(skew) > SKEW_TO_TELL
    ? { subject, check, state: "Unknown", message: `${apart}. Kerberos allows ${MOST_SKEW} s: find out which one is wrong.` }
    : { subject, check, state: "Good", message: `${apart}.` };
}
