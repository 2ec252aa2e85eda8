/** A tenant that changes its farms as fast as it can, beside one who works. It is measured in seconds, so test/run.sh runs it when no other file runs. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Flood } from "../harness/hostile/flood.ts";
import { A, B, OU, setUp, tearDown } from "../harness/hostile/stage.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { waitFor } from "../harness/process.ts";
import { applyDomain, available, cluster, directory, farmReady, onSandbox, patchFarm, useOperator } from "../harness/world.ts";

/** Seconds; or, where the machine is so busy that the directory takes long for one answer, so many of its answers. */
const [DELAY, LOOKS] = [1, onSandbox ? 50 : 80];

/**
 * How many seconds changes of Alpha's take until they are in the directory, the shortest first: a host comes, and goes. `look`: what the directory takes to
 * answer an administrator meanwhile.
 */
async function delays(count: number): Promise<{ readonly seconds: readonly number[]; readonly look: number }> {
  const found: number[] = [];
  const looks: number[] = [];
  await directory.asAdministrator(async (client) => {
    const isIn = async (): Promise<boolean> => {
      const asked = performance.now();
      const { searchEntries } = await client.search(`CN=alp-webHosts,${OU}`, { scope: "base", attributes: ["member"] });
      looks.push((performance.now() - asked) / 1000);
      return String(searchEntries[0]?.["member"]).includes("CN=ALP3,");
    };
    for (let turn = 0; turn < count; turn++) {
      const wanted = !(await isIn());
      const started = performance.now();
      await patchFarm(A, "alp-web", { hosts: { computers: wanted ? ["ALP1", "ALP2", "ALP3"] : ["ALP1", "ALP2"] } });
      while ((await isIn()) !== wanted && performance.now() - started < 60_000) await sleep(20);
      found.push((performance.now() - started) / 1000);
    }
  });
  // As it was.
  await patchFarm(A, "alp-web", { hosts: { computers: ["ALP1", "ALP2"] } });
  await farmReady(A, "alp-web", 60);
  const look = looks.reduce((sum, one) => sum + one, 0) / looks.length;
  return { seconds: found.toSorted((one, other) => one - other), look };
}

describe.skipIf(!available)("a flood of changes", () => {
  useOperator(B);
  let token: string;

  beforeAll(async () => {
    await applyDomain({ account: DELEGATED });
    token = await setUp();
  }, 180_000);

  afterAll(tearDown, 180_000);

  test(`delays what Alpha changes by less than ${DELAY} s, however fast it changes its own farms`, { timeout: 300_000 }, async () => {
    const { seconds: alone } = await delays(9);
    const flood = new Flood(token);
    flood.start();
    await waitFor(
      "the flood",
      () => flood.taken,
      (taken) => taken > 100,
    );
    const { seconds: beside, look } = await delays(9);
    await flood.stop();
    const inWords = (list: readonly number[]): string => list.map((seconds) => seconds.toFixed(2)).join(" ");
    const said = `alone ${inWords(alone)}; beside ${flood.taken} changes of Beta's ${inWords(beside)}; a look took ${look.toFixed(3)}`;
    console.log(`seconds until Alpha's change is in the directory: ${said}`);
    await cluster.deleteAll("ServerFarm", B, 120);
    expect(flood.taken).toBeGreaterThan(200);
    const half = (list: readonly number[]): number => list[Math.floor(list.length / 2)] ?? Infinity;
    expect(half(beside) - half(alone), said).toBeLessThan(Math.max(DELAY, LOOKS * look));
    // A single one may meet anything of a machine that is shared; none waits for the end of the flood.
    expect(beside.at(-1), said).toBeLessThan(Math.max(10, 200 * look));
  });
});
