/** Very many farms of many tenants, and what changes of these cost. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Cluster, Manifest } from "../harness/cluster.ts";
import { farmOf, namespaceOf } from "../harness/manifests.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { atRest, requests, usage } from "./measure.ts";

export interface Cost {
  readonly seconds: number;
  readonly searches: number;
  readonly polls: number;
  readonly patches: number;
  readonly reconciles: number;
  /** Seconds. */
  readonly cpu: number;
}

/** A farm that its tenant never allows, and that owns nothing. */
const NEVER = "never";
/** One for each tenant: what a computer costs the directory grows with the groups that it is a member of. */
export const hostAt = (tenant: number): string => `BENCH${tenant}`;
const namespaceAt = (tenant: number): string => `tenants-${tenant}`;

export class Tenancies {
  readonly #cluster: Cluster;
  readonly #count: number;
  readonly #farms: number;
  /** What is said of the farm that is never allowed names it. */
  #round = 0;

  constructor(cluster: Cluster, count: number, farms: number) {
    this.#cluster = cluster;
    this.#count = count;
    this.#farms = farms;
  }

  /** Each change, and of whose farms something else is said after it. */
  readonly changes: readonly (readonly [what: string, act: () => Promise<void>, whose: "Nobody's" | "One tenant's"])[] = [
    ["each tenant is allowed another name", () => this.allow(), "Nobody's"],
    ["they stand in another order", () => this.allow({ reversed: true }), "Nobody's"],
    ["each namespace gets a label of no concern", () => this.#label(), "Nobody's"],
    ["one tenant has no hosts any more", () => this.#freeze(true), "One tenant's"],
    ["and has them again", () => this.#freeze(false), "One tenant's"],
  ];

  /** Namespaces, tenants and farms, until all are ready. */
  async make(operator: Operator): Promise<void> {
    for (let tenant = 0; tenant < this.#count; tenant++) await this.#cluster.apply(namespaceOf(namespaceAt(tenant)));
    await this.#patchTenants({});
    await this.#each(async (namespace, name, farm) => {
      const spec = {
        servicePrincipalNames: [`http/f${farm}.t${farm % this.#count}.contoso.com`],
        hosts: { computers: [hostAt(farm % this.#count)] },
      };
      await this.#cluster.apply(farmOf(namespace, name, spec));
    });
    await this.#cluster.apply(farmOf(namespaceAt(0), NEVER, { servicePrincipalNames: ["http/never"] }));
    // Asked seldom: with very many farms a scrape is megabytes, and work for the operator too.
    const pause = Math.max(1000, this.#farms);
    while ((await operator.metric("serverfarm_farm_ready").catch(() => 0)) !== this.#farms) await sleep(pause);
    await this.#judged();
    await atRest(operator);
  }

  /** All farms, ten requests at a time. */
  async remove(): Promise<void> {
    await this.#each((namespace, name) => this.#cluster.delete("ServerFarm", name, namespace, 0));
    await this.#cluster.delete("ServerFarm", NEVER, namespaceAt(0), 120);
    await this.#each((namespace, name) => this.#cluster.waitGone("ServerFarm", name, namespace, 120));
  }

  async #each(act: (namespace: string, name: string, farm: number) => Promise<void>): Promise<void> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < this.#farms) {
        const farm = next++;
        await act(namespaceAt(farm % this.#count), `t${farm % this.#count}-f${farm}`, farm);
      }
    };
    await Promise.all(Array.from({ length: 10 }, lane));
  }

  async cost(operator: Operator, act: () => Promise<void>): Promise<Cost> {
    const [before, idle, started] = [await requests(operator), await usage(operator), performance.now()];
    await act();
    const seconds = (performance.now() - started) / 1000;
    await atRest(operator);
    const [after, busy] = [await requests(operator), await usage(operator)];
    return {
      seconds,
      searches: after.searches - before.searches,
      polls: after.polls - before.polls,
      patches: after.patches - before.patches,
      reconciles: after.reconciles - before.reconciles,
      cpu: busy.cpu - idle.cpu,
    };
  }

  /** Another name for all, until all have been judged by it. */
  async allow(options: { readonly reversed?: boolean; readonly frozen?: boolean } = {}): Promise<void> {
    this.#round++;
    await this.#patchTenants(options);
    await this.#judged();
  }

  async #label(): Promise<void> {
    const metadata = { labels: { note: "x" } };
    for (let tenant = 0; tenant < this.#count; tenant++)
      await this.#cluster.patch("Namespace", namespaceAt(tenant), undefined, { metadata });
    await this.allow();
  }

  /** The last tenant's farms: all of them are refused, or allowed again. */
  async #freeze(frozen: boolean): Promise<void> {
    await this.allow({ frozen });
    const done = async (): Promise<boolean> => {
      const farms = await this.#cluster.list("ServerFarm", namespaceAt(this.#count - 1));
      return farms.every((farm) => statusOf(farm, "Allowed") === (frozen ? "False" : "True"));
    };
    await waitFor("all farms of the tenant", done, Boolean, 120);
  }

  async #judged(): Promise<void> {
    const said = async (): Promise<string> =>
      JSON.stringify((await this.#cluster.get("ServerFarm", NEVER, namespaceAt(0)))["status"] ?? {});
    await waitFor("all farms to be judged", said, (status) => status.includes(`http/round${this.#round}.t0.contoso.com`), 120);
  }

  async #patchTenants({ reversed = false, frozen = false }: { readonly reversed?: boolean; readonly frozen?: boolean }): Promise<void> {
    const tenants = Array.from({ length: this.#count }, (_, tenant) => ({
      name: `t${tenant}`,
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespaceAt(tenant) } },
      accounts: { names: [`t${tenant}-*`, NEVER, `${NEVER}Hosts`], containers: ["OU=Farms"] },
      servicePrincipalNames: [`http/*.t${tenant}.contoso.com`, `http/round${this.#round}.t${tenant}.contoso.com`],
      dnsHostNames: ["*"],
      hosts: { names: frozen && tenant === this.#count - 1 ? [] : ["BENCH*"], containers: ["CN=Computers"] },
    }));
    await this.#cluster.patch("ActiveDirectoryDomain", "contoso", undefined, {
      spec: { tenants: reversed ? tenants.toReversed() : tenants },
    });
  }
}

const conditions = z.object({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })) });

function statusOf({ status }: Manifest, type: string): string | undefined {
  return conditions.safeParse(status).data?.conditions.find((condition) => condition.type === type)?.status;
}
