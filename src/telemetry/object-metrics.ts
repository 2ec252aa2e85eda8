/**
 * What the metrics say of each farm and each domain. It is made when it is scraped, from what is kept of them anyway: between two scrapes nothing is done
 * for any of them, and nothing is kept twice. There may be very many farms.
 */
import { setImmediate as turn } from "node:timers/promises";

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
}

/** What a farm's metrics are made of. */
export interface FarmMetrics {
  readonly namespace: string;
  readonly name: string;
  readonly domain: string;
  readonly suspended: boolean;
  readonly conditions: readonly Condition[];
  readonly hosts: { readonly desired: number; readonly granted: number } | undefined;
  /** Undefined without hosts.search, or where it was not looked yet. */
  readonly search: { readonly found: number; readonly held: number } | undefined;
  /** Seconds since 1970; undefined where nobody needs the next one. */
  readonly passwordNextChange: number | undefined;
}

export interface DomainMetrics {
  readonly domain: string;
  readonly conditions: readonly Condition[];
  /** How often the directory is asked what changed, in seconds. */
  readonly pollInterval: number;
  /** When that last went well, in seconds since 1970; undefined before the first time. */
  readonly lastPoll: number | undefined;
  /** By how many seconds the domain controller's clock is ahead; undefined where there is no connection, or it does not say the time. */
  readonly clockSkew?: number | undefined;
  /** What its owner keeps from being done: Observe, nothing is written; Suspend, nothing is read either. */
  readonly brake: "Observe" | "Suspend" | undefined;
}

/** The values of the labels, and that of the gauge. */
type Sample = readonly [labels: readonly string[], value: number];

/** A gauge, and what it says of one object. */
interface Family<T> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly samples: (object: T) => readonly Sample[];
}

const FARM: readonly Family<FarmMetrics>[] = [
  {
    name: "serverfarm_farm_ready",
    help: "1 while the farm is ready; absent while it or its domain is suspended",
    labelNames: ["namespace", "name", "domain"],
    samples: ({ namespace, name, domain, suspended, conditions }) =>
      suspended ? [] : [[[namespace, name, domain], readiness(conditions)]],
  },
  {
    name: "serverfarm_farm_condition",
    help: "1 for each condition that is not in its healthy state",
    labelNames: ["namespace", "name", "condition", "status", "reason"],
    samples: ({ namespace, name, conditions }) => notAsWished(conditions, namespace, name),
  },
  {
    name: "serverfarm_farm_hosts",
    help: "Hosts of the farm; found and held with hosts.search only",
    labelNames: ["namespace", "name", "state"],
    samples: ({ namespace, name, hosts, search }) =>
      Object.entries({ ...hosts, ...search }).map(([state, count]) => [[namespace, name, state], count]),
  },
  {
    name: "serverfarm_farm_password_next_change_timestamp_seconds",
    help: "When the password changes next; absent where the account is disabled",
    labelNames: ["namespace", "name"],
    samples: ({ namespace, name, passwordNextChange }) =>
      passwordNextChange === undefined ? [] : [[[namespace, name], passwordNextChange]],
  },
];

const BRAKES = ["Observe", "Suspend"] as const;

const DOMAIN: readonly Family<DomainMetrics>[] = [
  {
    name: "serverfarm_domain_ready",
    help: "1 while the domain is ready; absent while it is suspended",
    labelNames: ["domain"],
    samples: ({ domain, conditions, brake }) => (brake === "Suspend" ? [] : [[[domain], readiness(conditions)]]),
  },
  {
    name: "serverfarm_domain_condition",
    help: "1 for each condition that is not in its healthy state",
    labelNames: ["domain", "condition", "status", "reason"],
    samples: ({ domain, conditions }) => notAsWished(conditions, domain),
  },
  {
    name: "serverfarm_domain_poll_interval_seconds",
    help: "How often the directory is asked what changed",
    labelNames: ["domain"],
    samples: ({ domain, pollInterval }) => [[[domain], pollInterval]],
  },
  {
    name: "serverfarm_domain_last_poll_timestamp_seconds",
    help: "When the directory last said what changed; absent while the domain is suspended",
    labelNames: ["domain"],
    samples: ({ domain, lastPoll, brake }) => (lastPoll === undefined || brake === "Suspend" ? [] : [[[domain], lastPoll]]),
  },
  {
    name: "serverfarm_domain_clock_skew_seconds",
    help: "By how much the clock of the domain controller was ahead of the operator's when it was last looked at; below 0, behind; absent while the domain is suspended",
    labelNames: ["domain"],
    samples: ({ domain, clockSkew, brake }) => (clockSkew === undefined || brake === "Suspend" ? [] : [[[domain], clockSkew]]),
  },
  {
    name: "serverfarm_domain_braked",
    help: "1 while the domain's managementPolicy is Observe (nothing is written) or the domain is suspended (nothing is read or written)",
    labelNames: ["domain", "brake"],
    samples: ({ domain, brake }) => BRAKES.map((one) => [[domain, one], one === brake ? 1 : 0]),
  },
];

/** A domain, and how many of its farms wait. */
type Waiting = readonly [domain: string, farms: number];

const WAITING: readonly Family<Waiting>[] = [
  {
    name: "serverfarm_domain_deletions_waiting",
    help: "Deleted farms that wait because the deletion budget of the domain is used up",
    labelNames: ["domain"],
    samples: ([domain, farms]) => [[[domain], farms]],
  },
];

/** For the documentation. */
export const OBJECT_METRICS: readonly Omit<Family<never>, "samples">[] = [...FARM, ...DOMAIN, ...WAITING];

/** Farms in one piece of the exposition. */
const PIECE = 500;

export class ObjectMetrics {
  #farms: () => Iterable<FarmMetrics> = () => [];
  readonly #domains = new Map<string, DomainMetrics>();
  readonly #waiting = new Map<string, number>();

  /** Where the farms are read from at each scrape. */
  follow(farms: () => Iterable<FarmMetrics>): void {
    this.#farms = farms;
  }

  /** From now on, until it is told again. */
  domain(metrics: DomainMetrics): void {
    this.#domains.set(metrics.domain, metrics);
    if (!this.#waiting.has(metrics.domain)) this.#waiting.set(metrics.domain, 0);
  }

  domainGone(domain: string): void {
    this.#domains.delete(domain);
    this.#waiting.delete(domain);
  }

  deletionsWaiting(domain: string, farms: number): void {
    this.#waiting.set(domain, farms);
  }

  /** In the exposition format of Prometheus. Between two pieces other things have their turn. */
  async *expose(): AsyncGenerator<string> {
    const farms: FarmMetrics[] = [];
    for (const farm of this.#farms()) if (farms.push(farm) % PIECE === 0) await turn();
    for (const family of FARM) yield* expose(family, farms);
    for (const family of DOMAIN) yield* expose(family, this.#domains.values());
    for (const family of WAITING) yield* expose(family, this.#waiting);
  }
}

async function* expose<T>({ name, help, labelNames, samples }: Family<T>, objects: Iterable<T>): AsyncGenerator<string> {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} gauge\n`;
  let count = 0;
  for (const object of objects) {
    for (const [labels, value] of samples(object)) {
      text += `${name}{${labels.map((label, index) => `${labelNames[index]}="${escapeLabel(label)}"`).join(",")}} ${value}\n`;
    }
    if (++count % PIECE !== 0) continue;
    yield text;
    text = "";
    await turn();
  }
  yield `${text}\n`;
}

function escapeLabel(value: string): string {
  // Hardly any has one.
  if (!/[\\"\n]/.test(value)) return value;
  return value.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
}

function readiness(conditions: readonly Condition[]): number {
  return conditions.some(({ type, status }) => type === "Ready" && status === "True") ? 1 : 0;
}

/** True is what one wishes of a condition, but for these two. */
const WISHED_ABSENT = new Set(["Reconciling", "Stalled"]);

function notAsWished(conditions: readonly Condition[], ...labels: readonly string[]): readonly Sample[] {
  return conditions
    .filter(({ type, status }) => (WISHED_ABSENT.has(type) ? status === "True" : status !== "True"))
    .map(({ type, status, reason }) => [[...labels, type, status, reason], 1]);
}
