/** etcd is restored from an older copy: the API server's versions go back, and nothing that the operator has seen holds any more. */
import { describe, expect, test } from "vitest";
import { available, cluster, directory, farmOf, farmReady, patchFarm, useOperator } from "../harness/world.ts";
import { waitFor } from "../harness/process.ts";

const NAMESPACE = "restored";

describe.skipIf(!available)("after etcd was restored from an older copy", () => {
  const world = useOperator(NAMESPACE);

  test("the operator sees what is there now, and acts on a quarantine", { timeout: 400_000 }, async () => {
    const members = (): Promise<readonly string[]> => directory.members("olderHosts");
    await cluster.apply(farmOf(NAMESPACE, "older", { hosts: { computers: ["WEB01", "WEB02"] } }));
    await farmReady(NAMESPACE, "older");
    const copy = await cluster.copy();
    await patchFarm(NAMESPACE, "older", { hosts: { computers: ["WEB01", "WEB02", "WEB03"] } });
    await waitFor("WEB03 to be in", members, (names) => names.includes("WEB03$"), 90);
    // Its versions are far ahead of those that come back.
    for (let index = 0; index < 50; index++) await cluster.annotate("ServerFarm", "older", NAMESPACE, { turn: String(index) });
    await farmReady(NAMESPACE, "older");
    await cluster.restore(copy);
    await waitFor("WEB03 to be out again", members, (names) => !names.includes("WEB03$"), 90);
    const started = performance.now();
    await patchFarm(NAMESPACE, "older", { hosts: { computers: ["WEB01", "WEB02"], quarantined: ["WEB01"] } });
    await waitFor("WEB01 to be out", members, (names) => !names.includes("WEB01$"), 90);
    expect(performance.now() - started).toBeLessThan(35_000);
    await farmReady(NAMESPACE, "older");
    await waitFor(
      "readiness",
      () => world.operator.ready(),
      ({ status }) => status === 200,
      60,
    );
  });
});
