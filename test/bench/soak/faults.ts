/** What goes wrong all the while, one thing after another: each kind comes once before any comes again, in an order of the seed. */
import { setTimeout as sleep } from "node:timers/promises";
import type { HttpProxy } from "../../faults/http-proxy.ts";
import type { LdapProxy } from "../../faults/ldap-proxy.ts";
import { type Effect, type Fault, matching, type Message } from "../../faults/schedule.ts";
import type { Cluster } from "../../harness/cluster.ts";
import type { TestDirectory } from "../../harness/directory.ts";
import { SYSTEM } from "../../harness/manifests.ts";
import type { Churn } from "./churn.ts";
import { below, type Random } from "./farms.ts";

export interface Stage {
  readonly ldap: LdapProxy;
  readonly http: HttpProxy;
  readonly cluster: Cluster;
  readonly directory: TestDirectory;
  readonly churn: Churn;
}

/** Lasts until the next one begins. */
interface Kind {
  readonly name: string;
  readonly begin: (stage: Stage, random: Random) => Promise<void> | void;
}

const QUICK: readonly Effect[] = [{ kind: "Delay", milliseconds: 1000 }, { kind: "DropBefore" }, { kind: "DropAfter" }, { kind: "Reset" }];
const [HANG, GARBAGE]: readonly [Effect, Effect] = [{ kind: "Hang" }, { kind: "Garbage" }];
const error = (code: number): Effect => ({ kind: "Error", code });
const nameOf = (effect: Effect): string => (effect.kind === "Error" ? `answer ${effect.code}` : effect.kind);

/** The first message of its kind, on the one side or the other. */
function single(on: "ldap" | "http", what: string, matches: (message: Message) => boolean, effects: readonly Effect[]): readonly Kind[] {
  return effects.map((effect) => ({
    name: `${what}: ${nameOf(effect)}`,
    begin: (stage) => {
      stage[on].schedule.set({ matches, when: { nth: 1 }, effect });
    },
  }));
}

/** Of any message, seldom enough that the operator gets through in between. */
function storm(effects: readonly Effect[], probability: number): readonly Fault[] {
  return effects.map((effect) => ({ matches: ({ operation }) => operation !== "bind", when: { probability }, effect }));
}

const KINDS: readonly Kind[] = [
  ...["search", "add", "modify", "delete"].flatMap((operation) =>
    single("ldap", `LDAP ${operation}`, matching("ldap", operation), [...QUICK, HANG, GARBAGE, error(51)]),
  ),
  ...single("http", "PATCH", matching("http", "PATCH"), [...QUICK, HANG, error(409), error(429), error(500)]),
  ...single("http", "GET", matching("http", "GET"), [...QUICK, HANG, GARBAGE, error(500)]),
  ...single("http", "PUT of the Lease", matching("http", "PUT", /leases/), [...QUICK, HANG, error(409), error(500)]),
  ...single("http", "line of a watch", matching("watch", "GET", /serverfarms/), [...QUICK, HANG, GARBAGE, error(410), error(500)]),
  {
    name: "storm",
    begin: ({ ldap, http }) => {
      ldap.schedule.set(...storm([...QUICK, error(51)], 1 / 250));
      http.schedule.set(...storm([...QUICK, GARBAGE, error(500)], 1 / 60));
    },
  },
  {
    name: "restart of the directory",
    begin: async ({ directory, churn }, random) => {
      await churn.disconnect();
      await directory.stop();
      await sleep(1000 + below(random, 7000));
      await directory.start();
    },
  },
  {
    name: "restart of the API server",
    begin: async ({ cluster }, random) => {
      await cluster.stopApiServer();
      // Shorter than the time after which the operator gives up its Lease and ends.
      await sleep(500 + below(random, 3500));
      await cluster.startApiServer();
    },
  },
  { name: "the Lease deleted", begin: ({ cluster }) => cluster.delete("Lease", "serverfarm-operator", SYSTEM, 0) },
  {
    name: "1,500 changes of others at once",
    begin: async ({ churn }) => {
      for (let index = 0; index < 1500; index++) await churn.other();
    },
  },
];

export class Faults {
  /** How many of each kind began, and what the proxies did. */
  readonly begun = new Map<string, number>();
  readonly struck = new Map<string, number>();
  readonly #stage: Stage;
  readonly #random: Random;
  #deck: Kind[] = [];

  constructor(stage: Stage, random: Random) {
    this.#stage = stage;
    this.#random = random;
  }

  get count(): number {
    return [...this.begun.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Those before it end, and another begins. */
  async next(): Promise<void> {
    this.end();
    if (this.#deck.length === 0) this.#deck = [...KINDS];
    const [kind] = this.#deck.splice(below(this.#random, this.#deck.length), 1);
    if (!kind) throw new Error("there is no fault to choose from");
    this.begun.set(kind.name, (this.begun.get(kind.name) ?? 0) + 1);
    await kind.begin(this.#stage, this.#random);
  }

  /** From now on everything passes; a connection that hangs, hangs on. */
  end(): void {
    for (const { schedule } of [this.#stage.ldap, this.#stage.http]) {
      schedule.set();
      for (const line of schedule.done.splice(0)) {
        const what = line.split(" ").slice(0, 4).join(" ").replace(/ \/.*/, "");
        this.struck.set(what, (this.struck.get(what) ?? 0) + 1);
      }
      // Hours of messages are many.
      schedule.seen.length = 0;
    }
  }
}
