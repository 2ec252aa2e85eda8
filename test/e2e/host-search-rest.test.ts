/** Very many farms with a search each: at rest nothing is searched for them, and a change wakes whom it concerns. Ours are both servers here: it is about counts. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addContainer, addMany, inDomain, numbered } from "../harness/computers.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  getFarms,
  onSandbox,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "resting";
const FARMS = 1000;
const OUS = 10;
const POLLS = 10;

describe.skipIf(!onSandbox)(`${FARMS} farms with a search each`, { timeout: 600_000 }, () => {
  let operator: Operator;

  beforeAll(async () => {
    const top = inDomain("OU=Resting");
    await addContainer(directory, top, ...Array.from({ length: OUS }, (_, index) => `OU=R${index},${top}`));
    for (let index = 0; index < OUS; index++) await addMany(directory, `OU=R${index},${top}`, numbered(`R${index}X`, 100));
    await createNamespace(NAMESPACE);
    await applyDomain();
    operator = await startOperator({ level: "info" });
    await domainReady();
    // A farm has one computer of its own, and a pattern that only that one has.
    const farms = Array.from({ length: FARMS }, (_, index) => {
      const [ou, number] = [index % OUS, String(Math.floor(index / OUS) + 1).padStart(4, "0")];
      return farmOf(NAMESPACE, `rest${index}`, { hosts: { search: { container: `OU=R${ou},OU=Resting`, names: [`R${ou}X${number}*`] } } });
    });
    await cluster.apply(...farms);
    await waitFor(
      "all farms",
      async () =>
        (await getFarms(NAMESPACE)).filter((farm) => condition(farm, "Ready")?.status === "True" && farm.status?.hosts?.summary === "1/1")
          .length,
      (ready) => ready === FARMS,
      400,
    );
  }, 600_000);

  // The servers are this file's own: to take a thousand farms down would only take time.
  afterAll(async () => {
    await operator.stop();
  });

  const searches = (): Promise<number> => operator.metric("serverfarm_directory_requests_total", { operation: "search" });
  const reconciles = (controller: string): Promise<number> => operator.metric("controller_runtime_reconcile_total", { controller });

  /** Until no farm is looked at for a while. */
  async function atRest(): Promise<void> {
    let before = -1;
    await waitFor(
      "the operator to rest",
      async () => {
        await sleep(3000);
        const now = await reconciles("serverfarm");
        const looked = now - before;
        before = now;
        return looked;
      },
      (looked) => looked === 0,
      120,
    );
  }

  test("cost no search at rest: a poll asks how far the directory is, and what changed", async () => {
    await atRest();
    // An inspection of the domain asks for more, now and then, however many farms there are: of three windows one has none.
    let tooMany = Infinity;
    for (let window = 0; window < 3 && tooMany > 0; window++) {
      const [asked, polled] = [await searches(), await reconciles("activedirectorydomain")];
      const polls = await waitFor(
        `${POLLS} polls`,
        async () => (await reconciles("activedirectorydomain")) - polled,
        (count) => count >= POLLS,
        60,
      );
      const sent = (await searches()) - asked;
      expect(sent).toBeGreaterThan(0);
      // One may have begun that is not counted yet.
      tooMany = sent - 2 * (polls + 2);
    }
    expect(tooMany).toBeLessThanOrEqual(0);
  });

  test("a computer that is made wakes the one farm that it concerns, of a hundred that search its container", async () => {
    await atRest();
    const before = await reconciles("serverfarm");
    await addMany(directory, inDomain("OU=R3,OU=Resting"), ["R3X0042B"]);
    await waitFor(
      "the members",
      () => directory.members("rest413Hosts"),
      (members) => members.length === 2,
    );
    await atRest();
    // It is looked at for the computer, and for its own group.
    expect((await reconciles("serverfarm")) - before).toBeLessThanOrEqual(4);
  });
});
