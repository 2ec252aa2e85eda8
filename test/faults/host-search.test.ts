/** A search by pages of which one fails: whoever has the right keeps it, and whoever is to get it gets it in the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addContainer, addMany, inDomain, numbered, removeTree } from "../harness/computers.ts";
import { BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { available, cleanUp, cluster, createNamespace, directory, domainReady, farmOf, farmReady, patchFarm } from "../harness/world.ts";
import { type Between, between } from "./between.ts";
import { type Effect, matching } from "./schedule.ts";

const NAMESPACE = "pages";
const OU = inDomain("OU=Pages");
const HOSTS = 1020;

describe.skipIf(!available)("a page that fails", () => {
  let operator: Operator;
  let middle: Between;

  beforeAll(async () => {
    await addContainer(directory, OU);
    await addMany(directory, OU, numbered("PG", HOSTS));
    await createNamespace(NAMESPACE);
    middle = await between();
    operator = await middle.start();
    await domainReady();
    await cluster.apply(farmOf(NAMESPACE, "pages", { hosts: { search: { container: "OU=Pages", names: ["PG*"], max: 2000 } } }));
    await farmReady(NAMESPACE, "pages", 120);
  }, 300_000);

  afterAll(async () => {
    middle.ldap.schedule.set();
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
    await removeTree(directory, OU);
  }, 300_000);

  const members = async (): Promise<number> =>
    (await directory.search(`(&(objectCategory=computer)(memberOf=CN=pagesHosts,OU=Farms,${BASE}))`, ["cn"], { paged: true })).length;

  const EFFECTS: readonly (readonly [string, Effect])[] = [
    ["is refused", { kind: "Error", code: 53, text: "0000214A: SvcErr: unwilling" }],
    ["takes too long", { kind: "Error", code: 3 }],
    ["is cut short", { kind: "Error", code: 4 }],
    ["finds the server busy", { kind: "Error", code: 51 }],
    ["is lost with its connection", { kind: "DropAfter" }],
  ];
  test.each(EFFECTS)("because it %s", { timeout: 240_000 }, async (what, effect) => {
    const name = `PG${what.replaceAll(/\W/g, "").slice(0, 10)}`;
    middle.ldap.schedule.done.length = 0;
    const before = await members();
    middle.ldap.schedule.set({ matches: matching("ldap", "search", /further page/), when: { nth: 1 }, effect });
    await addMany(directory, OU, [name]);
    let least = Number.POSITIVE_INFINITY;
    await waitFor(
      "the new one",
      async () => {
        least = Math.min(least, await members());
        return await directory.find(`${name}$`);
      },
      (entry) => entry?.["memberOf"] !== undefined,
      150,
    );
    expect(least, "nobody was taken out").toBe(before);
    expect(middle.ldap.schedule.done, "the fault happened").toHaveLength(1);
  });

  test("and one that takes long keeps nobody in who is quarantined", { timeout: 120_000 }, async () => {
    const [first = ""] = numbered("PG", HOSTS);
    expect((await directory.find(`${first}$`))?.["memberOf"]).toBeDefined();
    // A search that is under way already is waited for, as long as it may take: what is begun later must not be.
    const reconciles = (): Promise<number> => operator.metric("controller_runtime_reconcile_total", { controller: "serverfarm" });
    let looked = -1;
    await waitFor(
      "the operator to rest",
      async () => {
        await sleep(3000);
        const before = looked;
        looked = await reconciles();
        return looked - before;
      },
      (count) => count === 0,
      60,
    );
    middle.ldap.schedule.done.length = 0;
    const effect: Effect = { kind: "Lag", milliseconds: 20_000 };
    middle.ldap.schedule.set({ matches: matching("ldap", "search", /first page/), when: { probability: 1 }, effect });
    await patchFarm(NAMESPACE, "pages", { hosts: { quarantined: [first] } });
    await waitFor(
      "the quarantined one",
      () => directory.find(`${first}$`),
      (entry) => entry?.["memberOf"] === undefined,
      15,
    );
    await waitFor(
      "the search",
      () => Promise.resolve(middle.ldap.schedule.done.length),
      (count) => count > 0,
    );
    middle.ldap.schedule.set();
    const { status } = await farmReady(NAMESPACE, "pages", 90);
    expect(JSON.stringify(status)).toContain(`Quarantined: ${first}`);
  });
});
