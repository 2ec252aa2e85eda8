/** What the metrics say of each farm and each domain: it follows their conditions, and goes with them. */
import { Gauge, type Registry } from "prom-client";

/** What a farm's metrics are made of. */
export interface FarmMetrics {
  readonly namespace: string;
  readonly name: string;
  readonly domain: string;
  readonly suspended: boolean;
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
  readonly hosts: { readonly desired: number; readonly granted: number } | undefined;
  /** Seconds since 1970. */
  readonly passwordNextChange: number | undefined;
}

/** True is what one wishes of a condition, but for these two. */
const WISHED_ABSENT = new Set(["Reconciling", "Stalled"]);

export class ObjectMetrics {
  readonly #registry: Registry;
  readonly #domains = new Map<string, readonly (() => void)[]>();
  readonly #farmReady: Gauge;
  readonly #farmCondition: Gauge;
  readonly #farmHosts: Gauge;
  readonly #farmPassword: Gauge;
  readonly #domainReady: Gauge;
  readonly #domainCondition: Gauge;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#farmReady = this.#gauge("serverfarm_farm_ready", "1 while the farm is ready; absent while it is suspended", [
      "namespace",
      "name",
      "domain",
    ]);
    this.#farmCondition = this.#gauge("serverfarm_farm_condition", "1 for each condition that is not as wished", [
      "namespace",
      "name",
      "condition",
      "status",
      "reason",
    ]);
    this.#farmHosts = this.#gauge("serverfarm_farm_hosts", "Hosts of the farm", ["namespace", "name", "state"]);
    this.#farmPassword = this.#gauge("serverfarm_farm_password_next_change_timestamp_seconds", "When the password changes next", [
      "namespace",
      "name",
    ]);
    this.#domainReady = this.#gauge("serverfarm_domain_ready", "1 while the domain is ready", ["domain"]);
    this.#domainCondition = this.#gauge("serverfarm_domain_condition", "1 for each condition that is not as wished", [
      "domain",
      "condition",
      "status",
      "reason",
    ]);
  }

  /**
   * `before` is what was last said of the same farm. Undefined: the farm was not there before, or is not any more, and its metrics go with it. Only
   * what differs is touched, and nothing is kept here beside the metrics: there may be very many farms.
   */
  farm(before: FarmMetrics | undefined, after: FarmMetrics | undefined): void {
    const [old, current] = [before ? this.#seriesOf(before) : [], after ? this.#seriesOf(after) : []];
    const kept = new Set(current.map(({ id }) => id));
    for (const { gauge, labels, id } of old) if (!kept.has(id)) gauge.remove(labels);
    for (const { gauge, labels, value } of current) gauge.set(labels, value);
  }

  #seriesOf({ namespace, name, domain, suspended, conditions, hosts, passwordNextChange }: FarmMetrics): readonly Series[] {
    const series: Series[] = [];
    const add = (gauge: Gauge, labels: Readonly<Record<string, string>>, value: number, id: string): void => {
      series.push({ gauge, labels, value, id });
    };
    const ready = conditions.find(({ type }) => type === "Ready");
    if (!suspended) add(this.#farmReady, { namespace, name, domain }, ready?.status === "True" ? 1 : 0, "ready");
    for (const { type, status, reason } of notAsWished(conditions)) {
      add(this.#farmCondition, { namespace, name, condition: type, status, reason }, 1, `condition ${type} ${status} ${reason}`);
    }
    for (const state of ["desired", "granted"] as const) {
      if (hosts) add(this.#farmHosts, { namespace, name, state }, hosts[state], `hosts ${state}`);
    }
    if (passwordNextChange !== undefined) add(this.#farmPassword, { namespace, name }, passwordNextChange, "password");
    return series;
  }

  domain(domain: string, conditions: FarmMetrics["conditions"] | undefined): void {
    for (const remove of this.#domains.get(domain) ?? []) remove();
    this.#domains.delete(domain);
    if (!conditions) return;
    const ready = conditions.find(({ type }) => type === "Ready");
    this.#domains.set(domain, [
      set(this.#domainReady, { domain }, ready?.status === "True" ? 1 : 0),
      ...notAsWished(conditions).map(({ type, status, reason }) =>
        set(this.#domainCondition, { domain, condition: type, status, reason }, 1),
      ),
    ]);
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }
}

/** One value of a gauge. `id` tells it from the others of the same farm. */
interface Series {
  readonly gauge: Gauge;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly id: string;
}

function set(gauge: Gauge, labels: Readonly<Record<string, string>>, value: number): () => void {
  gauge.set(labels, value);
  return () => {
    gauge.remove(labels);
  };
}

function notAsWished(conditions: FarmMetrics["conditions"]): FarmMetrics["conditions"] {
  return conditions.filter(({ type, status }) => (WISHED_ABSENT.has(type) ? status === "True" : status !== "True"));
}
