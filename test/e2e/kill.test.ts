import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { BASE } from "../harness/directory.ts";
import {
  applyDomain,
  cleanUp,
  createNamespace,
  domainReady,
  farmOf,
  farmReady,
  onSandbox,
  cluster,
  ownedInDirectory,
  patchFarm,
  available,
  directory,
  SYSTEM,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "kill";
// On the sandbox the faults kill at every single message besides.
const KILLS = onSandbox ? 9 : 50;

describe.skipIf(!available)("an operator that is killed at random moments", () => {
  let kubeconfig: string;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await applyDomain();
    kubeconfig = await cluster.serviceAccountKubeconfig(SYSTEM, "serverfarm-operator");
    const operator = await startOperator();
    await domainReady();
    await operator.stop();
  });

  afterAll(async () => {
    const operator = await startOperator();
    await cleanUp();
    await operator.stop();
  });

  test(`converges after each of ${KILLS} kills, with no duplicate and no orphan`, { timeout: 600_000 }, async () => {
    // How many of a farm's two objects a kill in the middle of creating or deleting left: says where the kills fell.
    const found: Record<number, number> = {};
    for (let round = 0; round < KILLS; round++) {
      const name = `mort${round % 10}`;
      const [create, change, remove] = [round % 3 === 0, round % 3 === 1, round % 3 === 2];
      const operator = await Operator.start({ kubeconfig });
      // A kill before the directory can be written to at all would prove nothing.
      await waitFor("the connection", () => operator.log.includes('"message":"connected"'));
      if (!create) {
        await cluster.apply(farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01", "WEB02"] }, servicePrincipalNames: [`http/${name}`] }));
        await farmReady(NAMESPACE, name);
      }
      if (create)
        await cluster.apply(farmOf(NAMESPACE, name, { hosts: { computers: ["WEB01", "WEB02"] }, servicePrincipalNames: [`http/${name}`] }));
      if (change)
        await patchFarm(NAMESPACE, name, {
          hosts: { computers: ["WEB02", "WEB03"] },
          servicePrincipalNames: [`http/${name}-b`],
          account: { description: "changed" },
        });
      if (remove) await cluster.delete("ServerFarm", name, NAMESPACE, 0);
      // One reconcile takes about 100 ms: somewhere before, in or after it.
      await sleep(Math.random() * 160);
      await operator.kill();
      const left = await directory.search(`(|(sAMAccountName=${name}$)(sAMAccountName=${name}Hosts))`);
      if (!change) found[left.length] = (found[left.length] ?? 0) + 1;

      const next = await Operator.start({ kubeconfig });
      if (remove) {
        await cluster.waitGone("ServerFarm", name, NAMESPACE, 30);
        expect(await directory.search(`(|(sAMAccountName=${name}$)(sAMAccountName=${name}Hosts))`)).toEqual([]);
      } else {
        await farmReady(NAMESPACE, name);
        const wanted = change ? ["WEB02$", "WEB03$"] : ["WEB01$", "WEB02$"];
        expect(await directory.members(`${name}Hosts`)).toEqual(wanted);
        expect(await directory.find(`${name}$`)).toMatchObject({ servicePrincipalName: change ? `http/${name}-b` : `http/${name}` });
        await cluster.delete("ServerFarm", name, NAMESPACE, 30);
      }
      expect(await ownedInDirectory(), `orphans after round ${round}`).toEqual([]);
      await next.kill();
    }
    process.stdout.write(`objects after a kill while creating or deleting: ${JSON.stringify(found)}\n`);
    expect(await directory.search("(sAMAccountName=mort*)", [], {}, BASE)).toEqual([]);
  });
});
