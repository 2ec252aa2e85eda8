/** Hosts by search: whoever is below a container, and how they come and go. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addContainer, addMany, inDomain, numbered, removeTree } from "../harness/computers.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { addComputer, BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  type Farm,
  farmOf,
  farmReady,
  farmWhere,
  getFarm,
  onSandbox,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "search";
const OU = inDomain("OU=Web,OU=Searching");
const ELSEWHERE = inDomain("OU=Elsewhere,OU=Searching");
/** More than a server lists at once; Samba makes some fifty a second. */
const MANY = onSandbox ? 2500 : 1050;

describe.skipIf(!available)("hosts by search", () => {
  let operator: Operator;

  beforeAll(async () => {
    await addContainer(directory, inDomain("OU=Searching"), OU, ELSEWHERE);
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED });
    operator = await startOperator();
    await domainReady();
  }, 300_000);

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await removeTree(directory, inDomain("OU=Searching"));
  }, 300_000);

  const searchOf = (container: string, names: readonly string[], more: object = {}): object => ({
    hosts: { search: { container, names, ...more } },
  });
  const membersOf = async (name: string): Promise<readonly string[]> => await directory.members(`${name}Hosts`);
  const membersAre = (name: string, members: readonly string[], seconds?: number): Promise<unknown> =>
    waitFor(
      `the members of ${name}`,
      () => membersOf(name),
      (found) => JSON.stringify(found) === JSON.stringify(members.map((member) => `${member}$`)),
      seconds,
    );
  const rename = (from: string, to: string): Promise<void> => directory.asAdministrator((client) => client.modifyDN(from, to));
  /** To whoever has no right to see what is deleted the feed does not tell (docs/domain-setup.md). */
  const deletedThere = async (name: string): Promise<void> => {
    await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": crypto.randomUUID() });
  };
  const reason = (name: string, wanted: string): Promise<Farm> =>
    farmWhere(NAMESPACE, name, (farm) => condition(farm, "HostsReady")?.reason === wanted);

  test("a computer comes and goes: created, renamed, disabled, enabled, moved out and in, deleted; and it really retrieves", async () => {
    await addContainer(directory, `OU=Come,${OU}`);
    const ou = `OU=Come,${OU}`;
    await addMany(directory, ou, ["CG01"]);
    await cluster.apply(
      farmOf(NAMESPACE, "come", { hosts: { computers: ["WEB01"], search: { container: `OU=Come,OU=Web,OU=Searching`, names: ["CG*"] } } }),
    );
    const ready = await farmReady(NAMESPACE, "come");
    expect(ready.status?.hosts).toMatchObject({ desired: 2, granted: 2, computers: 1, search: 1 });
    await membersAre("come", ["CG01", "WEB01"]);

    // With a password, so that it can log on.
    await directory.asAdministrator(async (client) => {
      await client.modifyDN(await addComputer(client, "CG02"), `CN=CG02,${ou}`);
    });
    await membersAre("come", ["CG01", "CG02", "WEB01"]);
    const account = `CN=come,OU=Farms,${BASE}`;
    expect([await directory.retrieves("CG02", account), await directory.retrieves("WEB02", account)]).toEqual([true, false]);

    await directory.modify(`CN=CG02,${ou}`, "replace", "userAccountControl", ["4098"]);
    await membersAre("come", ["CG01", "WEB01"]);
    await directory.modify(`CN=CG02,${ou}`, "replace", "userAccountControl", ["4096"]);
    await membersAre("come", ["CG01", "CG02", "WEB01"]);

    await rename(`CN=CG02,${ou}`, `CN=CG02,${ELSEWHERE}`);
    await membersAre("come", ["CG01", "WEB01"]);
    expect(await directory.retrieves("CG02", account)).toBe(false);
    await rename(`CN=CG02,${ELSEWHERE}`, `CN=CG02,${ou}`);
    await membersAre("come", ["CG01", "CG02", "WEB01"]);

    await directory.modify(`CN=CG02,${ou}`, "replace", "sAMAccountName", ["OLD02$"]);
    await membersAre("come", ["CG01", "WEB01"]);
    await directory.modify(`CN=CG02,${ou}`, "replace", "sAMAccountName", ["CG02$"]);
    await membersAre("come", ["CG01", "CG02", "WEB01"]);

    await patchFarm(NAMESPACE, "come", { hosts: { quarantined: ["CG02"] } });
    await membersAre("come", ["CG01", "WEB01"]);
    expect(await directory.retrieves("CG02", account)).toBe(false);
    await patchFarm(NAMESPACE, "come", { hosts: { quarantined: [] } });
    await membersAre("come", ["CG01", "CG02", "WEB01"]);

    await directory.asAdministrator((client) => client.del(`CN=CG02,${ou}`));
    await membersAre("come", ["CG01", "WEB01"]);
    await deletedThere("come");
    await waitFor(
      "the count",
      () => getFarm(NAMESPACE, "come"),
      ({ status }) => status?.hosts?.summary === "2/2",
    );

    // Without the search nobody stays who came by it.
    await patchFarm(NAMESPACE, "come", { hosts: { search: null } });
    await membersAre("come", ["WEB01"]);
    const { status } = await farmReady(NAMESPACE, "come");
    expect(JSON.stringify(status)).not.toContain("hostSearch");
  });

  test("a computer that an ordinary user made gets no right wherever it is moved, and is named", async () => {
    const ou = `OU=Squat,${OU}`;
    await addContainer(directory, ou);
    const dn = await directory.selfJoin(DELEGATED, "SQ01");
    await rename(dn, `CN=SQ01,${ou}`);
    await addMany(directory, ou, ["SQ02"]);
    await cluster.apply(farmOf(NAMESPACE, "squat", searchOf("OU=Squat,OU=Web,OU=Searching", ["SQ*"])));
    const farm = await farmReady(NAMESPACE, "squat");
    expect(await membersOf("squat")).toEqual(["SQ02$"]);
    expect(condition(farm, "HostsReady")?.message).toContain("SQ01");
  });

  test("the container is an object: renamed it is followed, deleted nobody loses anything, and another under its name is nobody's", async () => {
    const [ou, other] = [`OU=Pinned,${OU}`, `OU=Renamed,${OU}`];
    await addContainer(directory, ou);
    await addMany(directory, ou, numbered("PIN", 5));
    await cluster.apply(farmOf(NAMESPACE, "pinned", searchOf("OU=Pinned,OU=Web,OU=Searching", ["PIN*"])));
    await farmReady(NAMESPACE, "pinned");
    const members = numbered("PIN", 5);
    await membersAre("pinned", members);

    await rename(ou, other);
    await addMany(directory, other, ["PIN0006"]);
    await membersAre("pinned", [...members, "PIN0006"]);
    const followed = await farmWhere(NAMESPACE, "pinned", (farm) => condition(farm, "HostsReady")?.message.includes("it is now") === true);
    expect(condition(followed, "HostsReady")).toMatchObject({ status: "True" });
    expect(condition(followed, "HostsReady")?.message).toContain(other);

    // Somebody makes another one where it was.
    await addContainer(directory, ou);
    await addMany(directory, ou, ["PIN0007"]);
    const replaced = await reason("pinned", "ContainerReplaced");
    await membersAre("pinned", [...members, "PIN0006"]);
    await directory.modify(`CN=pinnedHosts,OU=Farms,${BASE}`, "delete", "member", [`CN=PIN0006,${other}`]);

    // Whoever has the right keeps it while the one that was meant goes.
    await removeTree(directory, other);
    await waitFor(
      "the message",
      () => getFarm(NAMESPACE, "pinned"),
      (farm) => condition(farm, "HostsReady")?.message.includes("which is gone") === true,
    );
    const guid = /objectGUID ([0-9a-f-]{36})/.exec(condition(replaced, "HostsReady")?.message ?? "")?.[1] ?? "";
    await cluster.annotate("ServerFarm", "pinned", NAMESPACE, { "serverfarm.dev/confirm-container": guid });
    await membersAre("pinned", ["PIN0007"]);
    await farmReady(NAMESPACE, "pinned");

    await removeTree(directory, ou);
    await deletedThere("pinned");
    await reason("pinned", "ContainerNotFound");
  });

  test(
    `${MANY} computers are found in pages; half of them are held until that is confirmed; too many add nobody`,
    { timeout: 900_000 },
    async () => {
      const ou = `OU=Crowd,${OU}`;
      const [inner, away] = [`OU=Inner,${ou}`, `OU=Inner,${ELSEWHERE}`];
      await addContainer(directory, ou, inner);
      const half = Math.floor(MANY / 2);
      await addMany(directory, ou, numbered("CA", MANY - half));
      await addMany(directory, inner, numbered("CB", half));
      await cluster.apply(farmOf(NAMESPACE, "crowd", searchOf("OU=Crowd,OU=Web,OU=Searching", ["C*"], { max: MANY })));
      const ready = await farmReady(NAMESPACE, "crowd", 240);
      expect(ready.status?.hosts).toMatchObject({ summary: `${MANY}/${MANY}`, computers: 0, search: MANY });
      const count = async (): Promise<number> =>
        (await directory.search(`(&(objectCategory=computer)(memberOf=CN=crowdHosts,OU=Farms,${BASE}))`, ["cn"], { paged: true })).length;
      expect(await count()).toBe(MANY);

      // All of the container below at once: none of its computers changes.
      await rename(inner, away);
      const held = await reason("crowd", "ShrinkHeld");
      expect(condition(held, "HostsReady")?.message).toContain(`${half} of ${MANY} computers`);
      expect(held.status?.hosts).toMatchObject({ search: MANY - half, held: half });
      expect(await count()).toBe(MANY);
      // Quarantine waits for nothing.
      await patchFarm(NAMESPACE, "crowd", { hosts: { quarantined: ["CB0001"] } });
      await waitFor("the quarantine", count, (found) => found === MANY - 1);

      await cluster.annotate("ServerFarm", "crowd", NAMESPACE, { "serverfarm.dev/confirm-removal": String(half - 1) });
      await waitFor("the others to go", count, (found) => found === MANY - half, 120);
      await farmReady(NAMESPACE, "crowd", 60);

      await patchFarm(NAMESPACE, "crowd", { hosts: { search: { max: MANY - half } } });
      await addMany(directory, ou, ["CZ01"]);
      await reason("crowd", "HostLimitExceeded");
      expect(await count()).toBe(MANY - half);
      await cluster.delete("ServerFarm", "crowd", NAMESPACE, 120);
      await removeTree(directory, away);
    },
  );

  test("what is refused by the API server, and what the directory alone can tell", async () => {
    const apply = (container: string): Promise<unknown> => cluster.apply(farmOf(NAMESPACE, "refused", searchOf(container, ["WEB*"])));
    for (const container of [
      BASE,
      "CN=Computers",
      `CN=Computers,${BASE}`,
      "ou=domain controllers",
      `OU=X,OU=Domain Controllers,${BASE}`,
      "Web",
    ])
      await expect(apply(container), container).rejects.toThrow(/container/);
    await expect(cluster.apply(farmOf(NAMESPACE, "refused", searchOf("OU=Web", []))), "no names").rejects.toThrow(/names/);
    await expect(cluster.apply(farmOf(NAMESPACE, "refused", searchOf("OU=Web", ["WEB$"]))), "a $").rejects.toThrow(/\$/);
    await expect(cluster.apply(farmOf(NAMESPACE, "refused", searchOf("OU=Web", ["W"], { maxRemoval: "120%" }))), "120%").rejects.toThrow(
      /percentage/,
    );
    // With an escape the name is another to the API server, and the same to the directory.
    await apply("CN=C\\6fmputers");
    expect(condition(await reason("refused", "InvalidSpec"), "HostsReady")?.message).toContain("the operator does not search CN=Computers");
    expect(await membersOf("refused")).toEqual([]);
    await apply("OU=Nowhere");
    await reason("refused", "ContainerNotFound");
    // Once it is made it is searched, without being asked.
    await addContainer(directory, inDomain("OU=Nowhere"));
    await addMany(directory, inDomain("OU=Nowhere"), ["WEB90"]);
    await membersAre("refused", ["WEB90"]);
    await removeTree(directory, inDomain("OU=Nowhere"));
  });
});
