/** Whatever is done for one farm costs the same among few farms and among many: nothing in it goes through all of them. */
import { expect, test } from "vitest";
import { CountedOperator } from "../harness/coverage.ts";
import { addComputer, BASE } from "../harness/directory.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  cleanUp,
  cluster,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  farmReady,
  farmWhere,
  getFarms,
  onSandbox,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "growth";
/** As many as the operator is made for with GROWTH_FARMS=10000. */
const [FEW, MANY] = [10, Number(process.env["GROWTH_FARMS"] ?? 500)];
/** How often it is measured: what happens beside it (a farm that is looked at once more) does not happen each time. */
const TIMES = 5;

/** Of blocks of the program, how often each ran. */
type Counts = ReadonlyMap<string, number>;

// What is computed is the same whatever the servers are; the sandbox is the fastest.
test.runIf(onSandbox)(`a farm costs as much among ${MANY} farms as among ${FEW}`, { timeout: 900_000 }, async () => {
  await createNamespace(NAMESPACE);
  await directory.asAdministrator(async (client) => {
    await addComputer(client, "GROW01");
    await client.add(`CN=Grown,OU=Farms,${BASE}`, { objectClass: "group", sAMAccountName: "Grown" });
  });
  // Nothing else happens meanwhile: no poll, and no Lease.
  await applyDomain({
    spec: {
      poll: "1h",
      deletionBudget: { farms: 1000 },
      tenants: [
        {
          name: "all",
          namespaceSelector: {},
          accounts: { names: ["*"], containers: ["OU=Farms"] },
          servicePrincipalNames: ["*"],
          dnsHostNames: ["*"],
          hosts: { names: ["*"], containers: [BASE] },
          groups: { hosts: ["*"] },
          maxFarms: 20_000,
        },
      ],
    },
  });
  const counted = await CountedOperator.start();
  const hosts = { computers: ["GROW01"] };
  const farmNamed = (name: string, deletionPolicy = "Delete"): object =>
    farmOf(NAMESPACE, name, { hosts, deletionPolicy, servicePrincipalNames: [`http/${name}`] });

  /** A farm is made, changed, and deleted; one that shares its group is changed. */
  async function measure(): Promise<Counts> {
    let fewest: Map<string, number> | undefined;
    for (let time = 0; time < TIMES; time++) {
      const name = `one${crypto.randomUUID().slice(0, 8)}`;
      await counted.ran();
      await cluster.apply(farmNamed(name));
      await farmReady(NAMESPACE, name);
      for (const changed of [name, "shares"]) {
        await patchFarm(NAMESPACE, changed, { account: { description: name } });
        await farmWhere(NAMESPACE, changed, (farm) => farm.status?.observedGeneration === farm.metadata.generation);
        await farmReady(NAMESPACE, changed);
      }
      await cluster.delete("ServerFarm", name, NAMESPACE);
      const counts = new Map(
        (await counted.ran()).flatMap(({ file, name: named, blocks }) =>
          blocks.map(({ count, startOffset }): [string, number] => [`${file} ${named} ${startOffset}`, count]),
        ),
      );
      fewest = fewest ? new Map([...fewest].map(([key, count]) => [key, Math.min(count, counts.get(key) ?? 0)])) : counts;
    }
    return fewest ?? new Map();
  }

  try {
    await domainReady();
    const shared = { ...hosts, group: { name: "Grown", existing: true } };
    for (const name of ["shares", "sharestoo"]) await cluster.apply(farmOf(NAMESPACE, name, { hosts: shared }));
    for (let index = 2; index < FEW; index++) await cluster.apply(farmNamed(`few${index}`));
    const allReady = (farms: number): Promise<unknown> =>
      waitFor(
        `${farms} farms`,
        async () =>
          (await getFarms(NAMESPACE)).filter(({ status }) => status?.conditions?.some(({ reason }) => reason === "Reconciled")).length,
        (ready) => ready === farms,
        600,
      );
    await allReady(FEW);
    const among = { few: await measure(), many: await measure() };
    for (let index = FEW; index < MANY; index++) await cluster.apply(farmNamed(`many${index}`, "Retain"));
    await allReady(MANY);
    await measure();
    among.many = await measure();
    // To find a place among them takes a few steps more, and on a busy machine a farm is looked at once more here and there. To go through all of them
    // would take as many steps as there are, where among few it takes few.
    const grows = [...among.many].flatMap(([block, count]) => {
      const few = among.few.get(block) ?? 0;
      return count - few > MANY / 2 && count > 5 * few ? [`${block}: ${few} times among few, ${count} among many`] : [];
    });
    expect(grows).toEqual([]);
    // It sees what goes through all of them: whoever asks for metrics does.
    await counted.operator.metrics();
    const asked = (await counted.ran()).flatMap(({ blocks }) => blocks.map(({ count }) => count));
    expect(Math.max(...asked)).toBeGreaterThan(MANY - 1);
  } finally {
    await counted.stop();
    const operator = await startOperator();
    await cleanUp();
    await operator.stop();
  }
});
