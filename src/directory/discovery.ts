/** Finds the domain controllers of a domain in DNS (spec.discovery): which ones, in which order, and where they are. */
import { type LookupAddress, promises as dns, type SrvRecord } from "node:dns";
import type { LookupFunction } from "node:net";
import { DirectoryError } from "../ad/error.ts";
import { serverNameMatcher, serverNameOf } from "../names/server-name.ts";
import { dnsCode, isSaid, saidByDns } from "./dns-error.ts";
import { inOrder } from "./srv-order.ts";

export interface DiscoveryQuery {
  readonly dnsName: string;
  readonly site?: string | undefined;
  /** Patterns of the names that may be connected to. */
  readonly serverNames: readonly string[];
}

/** What DNS says to one name that was asked. */
export interface DiscoveryAnswer {
  readonly asked: string;
  /** Why it names nobody, in words; undefined where it names somebody. */
  readonly problem: string | undefined;
  /** False where DNS did not answer at all: then nothing is known. */
  readonly said: boolean;
  /** Names of servers, in the order in which they are tried. */
  readonly servers: readonly string[];
  /** Names that serverNames does not allow, sorted; each as the answer has it. */
  readonly refused: readonly string[];
}

/** What the owner of the domain should know of the answers though servers were found. */
export interface DiscoveryNote {
  readonly reason: "SiteNotServed" | "ServersRefused";
  readonly message: string;
}

export interface Discovered {
  /** URLs, in the order in which they are tried. */
  readonly servers: readonly string[];
  readonly answers: readonly DiscoveryAnswer[];
  readonly notes: readonly DiscoveryNote[];
}

/** DNS names no server that may be connected to. Nothing was sent to any. */
export class DiscoveryError extends DirectoryError {
  constructor(message: string) {
    super("Unavailable", message);
  }
}

/** For both answers together, in milliseconds; and for the addresses of a server, while the way to it has ten seconds. */
const ANSWER_WITHIN = 4000;
const ADDRESSES_WITHIN = 3000;
/** Of each answer: after the servers of a site that are all dead there is time for others. */
const SERVERS = 8;
const ADDRESSES = 8;
const NAMED = 5;

export class Discovery {
  readonly #dnsServers: readonly string[];
  readonly #random: () => number;
  /** What was found last, for when DNS does not answer; and for which query. */
  #known: { readonly key: string; readonly found: Discovered } | undefined;
  /** Of the servers that were found last. */
  #addresses = new Map<string, readonly LookupAddress[]>();

  /** `dnsServers`: addresses, with a port or without; none of them: the system's. */
  constructor(dnsServers: readonly string[], random: () => number = Math.random) {
    this.#dnsServers = dnsServers;
    this.#random = random;
  }

  /**
   * `preferred`: the URL of the server that was used last, which goes before the others of its answer and priority. Where DNS does not answer, what it said
   * last holds. Rejects with DiscoveryError. The text of that stays the same while the answers do.
   */
  async find(query: DiscoveryQuery, preferred?: string): Promise<Discovered> {
    const key = JSON.stringify(query);
    const resolver = this.#resolver();
    const preferredName = preferred !== undefined && URL.canParse(preferred) ? serverNameOf(new URL(preferred).hostname) : undefined;
    const answers = await within(ANSWER_WITHIN, resolver, () =>
      Promise.all(namesAsked(query).map((asked) => this.#ask(resolver, asked, query, preferredName))),
    );
    const names = [...new Set(answers.flatMap(({ servers }) => servers))];
    if (names.length === 0) {
      if (this.#known?.key === key && answers.some(({ said }) => !said)) return this.#known.found;
      throw new DiscoveryError(nobodyFound(answers, resolver.getServers()));
    }
    const found = { servers: names.map((name) => `ldaps://${name}`), answers, notes: notesOf(query, answers) };
    this.#known = { key, found };
    this.#addresses = new Map([...this.#addresses].filter(([name]) => names.includes(name)));
    return found;
  }

  /** The addresses of a server, from the DNS servers that named it; those that were there last where these do not answer. */
  readonly lookup: LookupFunction = (name, { all }, callback) => {
    void this.#lookUp(name, all === true, callback);
  };

  async #lookUp(name: string, all: boolean, callback: Parameters<LookupFunction>[2]): Promise<void> {
    const found = await this.#addressesOf(name).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
    if (found instanceof Error) {
      callback(found, []);
      return;
    }
    const [first] = found;
    if (all || !first) callback(null, [...found]);
    else callback(null, first.address, first.family);
  }

  async #ask(
    resolver: dns.Resolver,
    asked: string,
    { serverNames }: DiscoveryQuery,
    preferred: string | undefined,
  ): Promise<DiscoveryAnswer> {
    let records: readonly SrvRecord[];
    try {
      records = await resolver.resolveSrv(asked);
    } catch (error) {
      return { asked, problem: saidByDns(error), said: isSaid(error), servers: [], refused: [] };
    }
    const isAllowed = serverNameMatcher(serverNames);
    const refused = new Set<string>();
    const allowed = records.flatMap(({ name: target, priority, weight }) => {
      const name = serverNameOf(target);
      if (name !== undefined && isAllowed(name)) return [{ name, priority, weight }];
      // The root stands for "there is no such service here" (RFC 2782).
      if (target !== "" && target !== ".") refused.add(name ?? target);
      return [];
    });
    const servers = inOrder(allowed, { preferred, atMost: SERVERS, random: this.#random });
    const problem = servers.length > 0 || refused.size > 0 ? undefined : "it says that there is no domain controller";
    return { asked, problem, said: true, servers, refused: [...refused].toSorted() };
  }

  async #addressesOf(name: string): Promise<readonly LookupAddress[]> {
    const resolver = this.#resolver();
    const [six, four] = await within(ADDRESSES_WITHIN, resolver, () =>
      Promise.allSettled([resolver.resolve6(name), resolver.resolve4(name)]),
    );
    // The last one is given all the time that is left, each of the others a moment: far away there is more often IPv4.
    const addresses = [
      ...(six.status === "fulfilled" ? six.value.slice(0, ADDRESSES).map((address) => ({ address, family: 6 })) : []),
      ...(four.status === "fulfilled" ? four.value.slice(0, ADDRESSES).map((address) => ({ address, family: 4 })) : []),
    ];
    if (addresses.length > 0) {
      this.#addresses.set(name, addresses);
      return addresses;
    }
    const errors = [six, four].flatMap((result): readonly unknown[] => (result.status === "rejected" ? [result.reason] : []));
    const silent = errors.find((error) => !isSaid(error));
    const known = this.#addresses.get(name);
    if (silent !== undefined && known) return known;
    const problem = silent ?? errors.find((error) => dnsCode(error) === "ENOTFOUND") ?? errors[0];
    throw new Error(`no address of ${name} in DNS: ${saidByDns(problem)} (asked: ${resolver.getServers().join(", ")})`);
  }

  /** A new one each time, since it reads the system's settings once. */
  #resolver(): dns.Resolver {
    const resolver = new dns.Resolver({ timeout: 1000, tries: 3 });
    if (this.#dnsServers.length > 0) resolver.setServers(this.#dnsServers);
    return resolver;
  }
}

function namesAsked({ dnsName, site }: DiscoveryQuery): readonly string[] {
  const ofDomain = `_ldap._tcp.dc._msdcs.${dnsName}`;
  return site === undefined ? [ofDomain] : [`_ldap._tcp.${site}._sites.dc._msdcs.${dnsName}`, ofDomain];
}

/** What has not been answered after so many milliseconds fails. */
async function within<T>(milliseconds: number, resolver: dns.Resolver, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => {
    resolver.cancel();
  }, milliseconds);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}

function notesOf({ site }: DiscoveryQuery, answers: readonly DiscoveryAnswer[]): readonly DiscoveryNote[] {
  const [ofSite] = answers;
  const refused = [...new Set(answers.flatMap((answer) => answer.refused))].toSorted();
  const notes: DiscoveryNote[] = [];
  if (site !== undefined && ofSite?.servers.length === 0) {
    notes.push({
      reason: "SiteNotServed",
      message: `no domain controller of the site ${site} can be used: ${describe(ofSite)}. Those of the whole domain are used instead. Correct spec.discovery.site, or look at the site in Active Directory Sites and Services.`,
    });
  }
  if (refused.length > 0) {
    notes.push({
      reason: "ServersRefused",
      message: `DNS names ${list(refused)} as domain controllers; spec.discovery.serverNames does not allow them, so they are never connected to. Add those that are yours; if one is not, find out who answers for the domain in DNS.`,
    });
  }
  return notes;
}

function nobodyFound(answers: readonly DiscoveryAnswer[], dnsServers: readonly string[]): string {
  const remedy = answers.some(({ refused }) => refused.length > 0)
    ? "Add the names of your domain controllers to spec.discovery.serverNames; a name that is none of yours was forged, or is a mistake in DNS"
    : answers.some(({ said }) => !said)
      ? "Look at these DNS servers and the way to them (networkPolicy.dnsTo and dnsPorts of the chart), or name others in dns.servers of the operator's configuration"
      : "Correct spec.dnsName, or have these DNS servers know the zone of the domain; others can be named in dns.servers of the operator's configuration";
  return `no domain controller was found in DNS: ${answers.map(describe).join("; ")} (asked: ${dnsServers.join(", ")}). ${remedy}`;
}

function describe({ asked, problem, refused }: DiscoveryAnswer): string {
  return `${asked}: ${refused.length > 0 ? `none of spec.discovery.serverNames allows ${list(refused)}` : (problem ?? "")}`;
}

/** Some of many, quoted: they come from outside. */
function list(names: readonly string[]): string {
  const named = names.slice(0, NAMED).map((name) => JSON.stringify(name));
  return `${named.join(", ")}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ""}`;
}
