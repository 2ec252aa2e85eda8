/** What people do all the while: farms come, change and go, somebody changes what is theirs by hand, and others see to their own objects. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  AlreadyExistsError,
  Client,
  NoSuchAttributeError,
  NoSuchObjectError,
  TypeOrValueExistsError,
  UnwillingToPerformError,
} from "ldapts";
import { z } from "zod";
import type { Cluster } from "../../harness/cluster.ts";
import { addComputer, ADMINISTRATOR, BASE, change, type TestDirectory } from "../../harness/directory.ts";
import { waitFor } from "../../harness/process.ts";
import {
  below,
  edited,
  type FarmSpec,
  HOSTS,
  manifestOf,
  NAMESPACE,
  newFarm,
  oneOf,
  type Random,
  READERS,
  SHARED,
  STRANGERS,
} from "./farms.ts";

/** Objects of others that change all the time. */
const OTHERS = 200;
const LOOK = "serverfarm.dev/reconcile-requested-at";
const PEOPLE = `OU=People,${BASE}`;
/** Milliseconds within which what somebody changed by hand is corrected, whatever is broken meanwhile. */
const CORRECTED = 120_000;

export class Churn {
  /** What each farm that is there is to be. */
  readonly farms = new Map<string, FarmSpec>();
  /** The description of each object that is no farm's business. */
  readonly others = new Map<string, string>();
  readonly done = { edits: 0, drifts: 0, others: 0 };
  readonly #random: Random;
  readonly #names: readonly string[];
  readonly #cluster: Cluster;
  readonly #directory: TestDirectory;
  #client: Client | undefined;
  #visitors = 0;
  /** When somebody last changed by hand what is a farm's, and when a farm last changed how its hosts get the right. */
  readonly #changedByHand = new Map<string, number>();
  readonly #changedWay = new Map<string, number>();

  constructor(random: Random, farms: number, cluster: Cluster, directory: TestDirectory) {
    this.#random = random;
    this.#names = Array.from({ length: farms }, (_, index) => `soak${index + 1}`);
    this.#cluster = cluster;
    this.#directory = directory;
  }

  isOthers(name: string): boolean {
    return /^(person|visitor)\d+$/.test(name);
  }

  /** Everything that is not the operator's to make. */
  async prepare(): Promise<void> {
    const client = await this.#connected();
    for (const name of [...HOSTS, ...STRANGERS]) await addComputer(client, name);
    for (const [index, name] of [...SHARED, READERS].entries()) {
      const member = `CN=${STRANGERS[index % SHARED.length]},CN=Computers,${BASE}`;
      await client.add(`CN=${name},OU=Farms,${BASE}`, { objectClass: "group", sAMAccountName: name, member: [member] });
    }
    await client.add(PEOPLE, { objectClass: "organizationalUnit" });
    for (let index = 0; index < OTHERS; index++) await this.#addPerson(`person${index}`);
  }

  /** Every farm that is not there, as a new one; those that are on their way out are awaited. */
  async fill(): Promise<void> {
    for (const name of this.#names.filter((name) => !this.farms.has(name))) {
      await this.#cluster.waitGone("ServerFarm", name, NAMESPACE, 240);
      await this.#put(name, newFarm(this.#random, name));
    }
  }

  /** One farm is edited, deleted or made. */
  async edit(): Promise<void> {
    const name = oneOf(this.#random, this.#names);
    const farm = this.farms.get(name);
    // A group with a member whom the farm did not put in stays at its end, and nobody could tell that from one that was forgotten.
    const isCorrected = performance.now() - (this.#changedByHand.get(name) ?? -Infinity) > CORRECTED;
    if (farm && isCorrected && this.#random() < 0.15) {
      await this.#cluster.delete("ServerFarm", name, NAMESPACE, 0);
      this.farms.delete(name);
    } else if (farm) {
      const next = edited(this.#random, name, farm);
      // The same holds for the group that a farm leaves for another way.
      const way = isCorrected ? next.way : farm.way;
      if (way !== farm.way) this.#changedWay.set(name, performance.now());
      await this.#put(name, { ...next, way });
    }
    // One that is on its way out cannot be had again before it is gone.
    else if (!(await this.#cluster.find("ServerFarm", name, NAMESPACE))) await this.#put(name, newFarm(this.#random, name));
    this.done.edits += 1;
  }

  /** Somebody changes by hand what is a farm's; of one that is on its way out nothing. */
  async drift(): Promise<void> {
    const name = oneOf(this.#random, [...this.farms.keys()]);
    this.#changedByHand.set(name, performance.now());
    const [account, group] = [`CN=${name},OU=Farms,${BASE}`, `CN=${name}Hosts,OU=Farms,${BASE}`];
    const computer = (names: readonly string[]): string[] => [`CN=${oneOf(this.#random, names)},CN=Computers,${BASE}`];
    const client = await this.#connected();
    const remove = async (dn: string): Promise<void> => {
      await client.del(dn);
      // An ordinary account does not see what is deleted: that is noticed at the next full comparison, which is asked for here.
      await this.#cluster.annotate("ServerFarm", name, NAMESPACE, { [LOOK]: new Date().toISOString() });
    };
    const acts: readonly (() => Promise<void>)[] = [
      // Not while the farm may be leaving that group: see `edit`.
      ...(performance.now() - (this.#changedWay.get(name) ?? -Infinity) > CORRECTED
        ? [
            () => client.modify(group, change("add", "member", computer(STRANGERS))),
            () => client.modify(group, change("add", "member", computer(HOSTS))),
          ]
        : []),
      () => client.modify(group, change("delete", "member", computer(HOSTS))),
      () => client.modify(group, change("replace", "member", [])),
      () => client.modify(account, change("replace", "servicePrincipalName", [`http/wrong-${name}`])),
      () => client.modify(account, change("replace", "description", ["somebody's"])),
      () => client.modify(account, change("replace", "userAccountControl", ["4098"])),
      () => remove(group),
      () => remove(account),
    ];
    await unlessAbsent(oneOf(this.#random, acts));
    this.done.drifts += 1;
  }

  /** Somebody changes what is no farm's business. */
  async other(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.02) {
      const name = `visitor${this.#visitors++}`;
      await this.#addPerson(name);
      if (this.#visitors > 20) await this.#removePerson(`visitor${this.#visitors - 20}`);
    } else {
      const name = `person${below(this.#random, OTHERS)}`;
      const description = `seen ${this.done.others}`;
      await (await this.#connected()).modify(`CN=${name},${PEOPLE}`, change("replace", "description", [description]));
      this.others.set(name, description);
    }
    this.done.others += 1;
  }

  /** The server was away: what there was of a connection is none. */
  async disconnect(): Promise<void> {
    await this.#client?.unbind();
    this.#client = undefined;
  }

  /** Resolves once every farm is there, in its present generation and Ready, and none besides. */
  async settled(seconds: number): Promise<void> {
    await waitFor(
      "all farms to be as their manifests say",
      async () => {
        // Seldom: to list them all again and again would be most of the load.
        await sleep(1000);
        const found = await this.#cluster.list("ServerFarm", NAMESPACE);
        const missing = [...this.farms.keys()].filter((name) => !found.some(({ metadata }) => metadata.name === name));
        const unready = found.filter((farm) => !isReady(farm)).map(({ metadata, status }) => [metadata.name, status]);
        const more = found.map(({ metadata }) => metadata.name).filter((name) => !this.farms.has(name));
        return { missing, more, unready: unready.length, first: unready[0] };
      },
      ({ missing, more, unready }) => missing.length + more.length + unready === 0,
      seconds,
    );
  }

  async #put(name: string, farm: FarmSpec): Promise<void> {
    await this.#cluster.apply(manifestOf(name, farm));
    this.farms.set(name, farm);
  }

  async #addPerson(name: string): Promise<void> {
    const description = "new";
    await (await this.#connected()).add(`CN=${name},${PEOPLE}`, { objectClass: "user", sAMAccountName: name, description });
    this.others.set(name, description);
  }

  async #removePerson(name: string): Promise<void> {
    await (await this.#connected()).del(`CN=${name},${PEOPLE}`);
    this.others.delete(name);
  }

  async #connected(): Promise<Client> {
    if (this.#client) return this.#client;
    const { url, ca } = this.#directory;
    const client = new Client({ url, timeout: 20_000, tlsOptions: { ca, servername: new URL(url).hostname } });
    await client.bind(ADMINISTRATOR.username, ADMINISTRATOR.password);
    this.#client = client;
    return client;
  }
}

/** There may be no such farm now, and a value may be there already, or not be there to be taken away. */
async function unlessAbsent(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    const expected = [NoSuchObjectError, NoSuchAttributeError, TypeOrValueExistsError, AlreadyExistsError, UnwillingToPerformError];
    if (!expected.some((kind) => error instanceof kind)) throw error;
  }
}

const farm = z.object({
  metadata: z.object({ generation: z.number() }),
  status: z.object({
    observedGeneration: z.number(),
    conditions: z.array(z.object({ type: z.string(), status: z.string() })),
  }),
});

/** Ready in its present generation. */
function isReady(object: unknown): boolean {
  const { data } = farm.safeParse(object);
  const ready = data?.status.conditions.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  return ready && data?.status.observedGeneration === data?.metadata.generation;
}
