/** A search below a container, on every directory: more than a server lists at once, whole or not at all. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ChangeFeed } from "../../src/directory/feed.ts";
import { ContainerSearches } from "../../src/directory/container-searches.ts";
import { LdapSession } from "../../src/directory/session.ts";
import { decodeGuid, keyBelow } from "../../src/names/identifier.ts";
import { addContainer, addMany, inDomain, numbered, removeTree } from "../harness/computers.ts";
import { ADMINISTRATOR } from "../harness/directory.ts";
import { available, directory as ad, onSandbox } from "../harness/world.ts";

/** More than a server lists at once; Samba makes some fifty a second. */
const MANY = onSandbox ? 2500 : 1100;
const OU = inDomain("OU=Searched");
const INNER = `OU=Inner\\, too,${OU}`;
const signal = new AbortController().signal;

describe.skipIf(!available)("a search below a container", () => {
  let session: LdapSession;
  let reader: ContainerSearches;
  let container: string;
  let searches = 0;

  beforeAll(async () => {
    await addContainer(ad, OU, INNER);
    await addMany(ad, OU, numbered("MASS", MANY));
    await addMany(ad, INNER, ["INNER1", "INN(2)", "DB1"]);
    session = await LdapSession.open({
      servers: [ad.url],
      ca: ad.ca,
      ...ADMINISTRATOR,
      observe: (operation) => {
        if (operation === "search") searches++;
      },
      fence: { until: Number.POSITIVE_INFINITY },
    });
    reader = new ContainerSearches(session);
    container = await guidOf(OU);
  }, 300_000);

  afterAll(async () => {
    session.close();
    await removeTree(ad, OU);
  }, 300_000);

  beforeEach(() => {
    searches = 0;
  });

  async function guidOf(dn: string): Promise<string> {
    const [entry] = await ad.search("(objectClass=*)", ["objectGUID"], { scope: "base" }, dn);
    const guid = entry?.["objectGUID"];
    if (!Buffer.isBuffer(guid)) throw new Error(`${dn} is not there`);
    return decodeGuid(guid);
  }

  const search = async (names: readonly string[], within = container, atMost = MANY + 3, tenant = "web"): Promise<readonly string[]> => {
    const found = await reader.find({ lookups: [], among: "Computers", below: { container: within, names, atMost }, tenant }, signal);
    return found.map(({ samAccountName = "" }) => samAccountName).toSorted();
  };

  test(`finds all of ${MANY + 3}, also in containers below, with a request for each 500 of them`, async () => {
    const found = await search(["*"]);
    expect(found).toHaveLength(MANY + 3);
    expect(found).toEqual([...numbered("MASS", MANY), "INNER1", "INN(2)", "DB1"].map((name) => `${name}$`).toSorted());
    expect(searches).toBe(Math.ceil((MANY + 3) / 500));
  }, 120_000);

  test("by patterns finds what they mean, whatever characters they have", async () => {
    expect(await search(["inner*", "DB1"])).toEqual(["DB1$", "INNER1$"]);
    expect(await search(["*(2)"])).toEqual(["INN(2)$"]);
    expect(await search(["i*er1"])).toEqual(["INNER1$"]);
    expect(await search(["*)(objectClass=*"])).toEqual([]);
    expect(await search(["NOBODY*"], await guidOf(INNER))).toEqual([]);
  });

  test("a container that is gone is an error, and not an empty list", async () => {
    const gone = `OU=Gone,${OU}`;
    await addContainer(ad, gone);
    const guid = await guidOf(gone);
    expect(await search(["*"], guid)).toEqual([]);
    await removeTree(ad, gone);
    await expect(search(["*"], guid)).rejects.toMatchObject({ kind: "NotFound" });
  });

  test("those that ask the same at once are answered by one search, and one that asks later by another", async () => {
    const answers = await Promise.all([search(["inner*"]), search(["INNER*"]), search(["inner*"])]);
    expect(answers).toEqual([["INNER1$"], ["INNER1$"], ["INNER1$"]]);
    expect(searches).toBe(1);
    await Promise.all([search(["inner*"]), search(["db*"])]);
    expect(searches).toBe(3);
  });

  test("more than are asked for are an error, after the pages that show it", async () => {
    await expect(search(["*"], container, 700)).rejects.toMatchObject({ kind: "TooMany" });
    expect(searches).toBe(2);
  }, 120_000);

  test("a tenant that searches very much does not keep others from their turns", async () => {
    const ended: string[] = [];
    const one = (tenant: string, name: string): Promise<unknown> =>
      search([name], container, MANY, tenant).then(() => ended.push(`${tenant} ${name}`));
    const names = numbered("FLOOD", 20);
    const last = names.at(-1) ?? "";
    const many = names.map((name) => one("flood", name));
    // The last is asked by both, and sent once.
    await Promise.all([...many, one("web", "INNER1"), one("web", last)]);
    expect(ended).toHaveLength(22);
    expect(ended.indexOf("web INNER1"), ended.join()).toBeLessThan(6);
    // Of those that find nothing, each is made once more without pages.
    expect(searches).toBe(1 + 20 * 2);
  });

  test("the feed says below what something changed, and that a container did", async () => {
    const feed = new ChangeFeed(session);
    const changes = async (): Promise<readonly (readonly [string, boolean])[]> => {
      const found: (readonly [string, boolean])[] = [];
      for await (const batch of feed.poll())
        if (batch.kind === "Changes")
          for (const { object, within } of batch.entries)
            found.push([object.distinguishedName, within.includes(keyBelow(OU.toLowerCase()))]);
      return found;
    };
    await changes();
    await addMany(ad, INNER, ["FED1"]);
    expect(await changes()).toContainEqual([`CN=FED1,${INNER}`, true]);
    await ad.asAdministrator((client) => client.modifyDN(`CN=FED1,${INNER}`, `CN=FED1,${inDomain("CN=Computers")}`));
    expect(await changes()).toContainEqual([`CN=FED1,${inDomain("CN=Computers")}`, false]);
    await ad.asAdministrator((client) => client.modifyDN(INNER, `OU=Renamed,${OU}`));
    expect(await changes()).toContainEqual([`OU=Renamed,${OU}`, true]);
    await ad.asAdministrator((client) => client.modifyDN(`OU=Renamed,${OU}`, INNER));
    await ad.asAdministrator((client) => client.del(`CN=FED1,${inDomain("CN=Computers")}`));
  });
});
