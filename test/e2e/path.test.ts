/** The way of one farm through the program, from `kubectl apply` to its status: what somebody has to read who follows it, and what is computed. */
import { expect, test } from "vitest";
import { CountedOperator, type Ran } from "../harness/coverage.ts";
import { addComputer } from "../harness/directory.ts";
import { applyDomain, cleanUp, cluster, createNamespace, directory, domainReady, farmOf, farmReady, onSandbox } from "../harness/world.ts";

const FILES = 35;
/** What is worked out once for each look. */
const COMPUTED = [
  ["src/farm/view.ts", "resolveHosts"],
  ["src/farm/slot.ts", "slotOfAccount"],
  ["src/farm/slot.ts", "slotOfHostGroup"],
] as const;

// The functions are the same whatever the servers are; the sandbox is the fastest.
test.runIf(onSandbox)(`one farm passes at most ${FILES} files, and its hosts and slots are computed once for each look`, async () => {
  await createNamespace("path");
  await directory.asAdministrator((client) => addComputer(client, "PATH01"));
  // Nothing else happens meanwhile: no poll, and no Lease.
  await applyDomain({ spec: { poll: "1h" } });
  const counted = await CountedOperator.start();
  try {
    await domainReady();
    // The first farm opens the connection that writes.
    await cluster.apply(farmOf("path", "path0", { hosts: { computers: ["PATH01"] } }));
    await farmReady("path", "path0");
    await counted.ran();
    let ran: readonly Ran[] = [];
    const count = (file: string, name: string): number => ran.find((one) => one.file === file && one.name === name)?.blocks[0]?.count ?? 0;
    let passed: readonly string[] = [];
    let fewest: readonly string[] = [];
    const looks = (): number => count("src/reconciler/farm.ts", "observe") + count("src/reconciler/farm.ts", "made");
    const computed = (): readonly number[] => COMPUTED.map(([file, name]) => count(file, name));
    const isAlone = (): boolean => passed.length <= FILES && computed().every((times) => times === looks());
    // Of many farms the one during which nothing else happened: a domain counts its farms, the lead is renewed, a write meets a conflict, another farm is
    // looked at once more.
    for (let attempt = 1; attempt === 1 || (!isAlone() && attempt < 60); attempt++) {
      const name = `path${attempt}`;
      await cluster.apply(farmOf("path", name, { servicePrincipalNames: [`http/${name}`], hosts: { computers: ["PATH01"] } }));
      await farmReady("path", name);
      ran = (await counted.ran()).filter(({ name }) => name !== "");
      passed = [...new Set(ran.map(({ file }) => file))];
      if (passed.length <= fewest.length || fewest.length === 0) fewest = passed;
    }
    expect(passed.length, `at least ${fewest.length}\n${fewest.toSorted().join("\n")}`).toBeLessThanOrEqual(FILES);
    expect(looks()).toBeGreaterThan(1);
    expect(computed()).toEqual(COMPUTED.map(looks));
  } finally {
    await cleanUp();
    await counted.stop();
  }
});
