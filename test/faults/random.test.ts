import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
  available,
  cleanUp,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  getFarms,
  ownedInDirectory,
} from "../harness/world.ts";
import { type Between, between } from "./between.ts";
import type { Effect, Fault } from "./schedule.ts";

const NAMESPACE = "random";
const FARMS = 8;
const ROUNDS = 6;
/** Another seed is another schedule: FAULT_SEED=42 npm test -- test/faults/random.test.ts */
const SEED = Number(process.env["FAULT_SEED"] ?? 20_261_123);

const EFFECTS: readonly Effect[] = [{ kind: "Delay", milliseconds: 50 }, { kind: "DropBefore" }, { kind: "DropAfter" }, { kind: "Reset" }];

/** Rarer than on the other side: to connect takes a dozen messages, and all of them must come through. */
const CHAOS: readonly Fault[] = [...EFFECTS, { kind: "Error", code: 51 } as const].map((effect) => ({
  matches: ({ operation }) => operation !== "bind",
  when: { probability: 1 / 250 },
  effect,
}));
/** Watches included. */
const HTTP_CHAOS: readonly Fault[] = [
  ...EFFECTS,
  { kind: "Garbage" } as const,
  { kind: "Error", code: 500 } as const,
  { kind: "Error", code: 409 } as const,
].map((effect) => ({ matches: () => true, when: { probability: 1 / 60 }, effect }));

describe.skipIf(!available)(`faults at random, of the seed ${SEED}`, () => {
  let operator: Operator;
  let middle: Between;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    middle = await between(SEED);
    operator = await middle.start();
    await domainReady();
  });

  afterAll(async () => {
    for (const { schedule } of [middle.ldap, middle.http]) schedule.set();
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
  });

  /** What a farm is to be in a round: computers, and whether it is there at all. */
  const wantedOf = (farm: number, round: number): readonly string[] | undefined =>
    (farm + round) % 4 === 3 ? undefined : ["WEB01", "WEB02", "WEB03", "WEB04"].filter((_, index) => (farm + round + index) % 3 !== 0);

  test("what is asked for is there in the end, and nothing else", { timeout: 400_000 }, async () => {
    const strangers = await snapshot();
    middle.ldap.schedule.set(...CHAOS);
    middle.http.schedule.set(...HTTP_CHAOS);
    for (let round = 0; round < ROUNDS; round++) {
      for (let farm = 0; farm < FARMS; farm++) {
        const computers = wantedOf(farm, round);
        const name = `chaos${farm}`;
        if (computers)
          await whenNotDeleting(() =>
            cluster.apply(farmOf(NAMESPACE, name, { hosts: { computers }, servicePrincipalNames: [`http/${name}-${round}`] })),
          );
        else await cluster.delete("ServerFarm", name, NAMESPACE, 0);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    for (const { schedule } of [middle.ldap, middle.http]) schedule.set();
    const wanted = Array.from({ length: FARMS }, (_, farm) => wantedOf(farm, ROUNDS - 1));
    await waitFor(
      "all farms",
      () => getFarms(NAMESPACE),
      (farms) =>
        farms.length === wanted.filter((computers) => computers).length &&
        farms.every((farm) => condition(farm, "Ready")?.status === "True" && farm.status?.observedGeneration === farm.metadata.generation),
      90,
    );
    for (const [farm, computers] of wanted.entries()) {
      expect(await directory.members(`chaos${farm}Hosts`), `chaos${farm}`).toEqual((computers ?? []).map((name) => `${name}$`));
      const account = await directory.find(`chaos${farm}$`);
      expect(account?.["servicePrincipalName"], `chaos${farm}`).toBe(computers ? `http/chaos${farm}-${ROUNDS - 1}` : undefined);
    }
    expect(await ownedInDirectory()).toHaveLength(wanted.filter((computers) => computers).length * 2);
    expect(await snapshot()).toEqual(strangers);
    expect(operator.exitCode).toBeNull();
    const kinds = new Set([...middle.ldap.schedule.done, ...middle.http.schedule.done].map((line) => line.split(" ")[0]));
    expect(kinds.size, `kinds of faults that happened: ${[...kinds].join(", ")}`).toBeGreaterThan(3);
  });
});

/** Everything that bears no owner marker. */
async function snapshot(): Promise<readonly unknown[]> {
  const entries = await directory.search("(&(|(objectClass=user)(objectClass=group))(!(adminDescription=serverfarm.dev*)))", [
    "sAMAccountName",
    "member",
    "servicePrincipalName",
    "uSNChanged",
  ]);
  // A bind that fails or succeeds may be counted on the account.
  return entries.filter((entry) => entry["sAMAccountName"] !== "Administrator").map((entry) => ({ ...entry, objectGUID: undefined }));
}

/** A farm that is on its way out cannot be had again before it is gone; with faults all the while, and pauses after each, that may take some time. */
async function whenNotDeleting(apply: () => Promise<void>): Promise<void> {
  await waitFor(
    "a farm to be free again",
    async () => {
      const farms = await cluster.list("ServerFarm", NAMESPACE);
      if (farms.some(({ metadata }) => metadata["deletionTimestamp"] !== undefined)) return false;
      await apply();
      return true;
    },
    Boolean,
    90,
  );
}
