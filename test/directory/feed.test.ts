/** The change feed, on the sandbox's directory, where a write may be committed late. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ChangeFeed } from "../../src/directory/feed.ts";
import { LdapSession } from "../../src/directory/session.ts";
import { addComputer, ADMINISTRATOR, BASE } from "../harness/directory.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";

let ad: SandboxDirectory;
let session: LdapSession;

beforeAll(async () => {
  ad = await SandboxDirectory.create();
  session = await LdapSession.open({
    servers: [ad.url],
    ca: ad.ca,
    ...ADMINISTRATOR,
    observe: () => undefined,
    fence: { until: Number.POSITIVE_INFINITY },
  });
});

afterAll(async () => {
  session.close();
  await ad.stop();
});

/** A feed that knows of nothing that is to come. */
async function feedFromNow(): Promise<ChangeFeed> {
  const feed = new ChangeFeed(session);
  for await (const batch of feed.poll()) expect(batch.kind).toBe("Changes");
  return feed;
}

/** One poll: the names of what it brought. */
async function poll(feed: ChangeFeed): Promise<readonly (string | undefined)[]> {
  const names: (string | undefined)[] = [];
  for await (const batch of feed.poll()) {
    if (batch.kind === "Everything") throw new Error("not listed");
    names.push(...batch.entries.map(({ object }) => object.samAccountName));
  }
  return names;
}

/** A change of the computer that has its USN already and is not to be seen yet. */
function begin(name: string): { readonly commit: () => void } {
  const { database } = ad.directory;
  const entry = ad.directory.find(`CN=${name},CN=Computers,${BASE}`, false);
  return database.begin(() => {
    database.set(entry, { description: ["late"] });
  });
}

const touch = (name: string): Promise<void> =>
  ad.modify(`CN=${name},CN=Computers,${BASE}`, "replace", "description", [crypto.randomUUID()]);

// A server that is restored from a backup gives out the same USNs again.
test("each feed has a number of its own, on the same server too, and every batch has it", async () => {
  const feeds = [await feedFromNow(), await feedFromNow()];
  const [first, second] = feeds.map(({ number }) => number);
  expect(first).not.toBe(second);
  await touch("WEB01");
  for (const feed of feeds) for await (const batch of feed.poll()) expect(batch).toMatchObject({ kind: "Changes", feed: feed.number });
});

test("a change that is committed late, under a lower USN than others that were seen, is not lost", async () => {
  const feed = await feedFromNow();
  const late = begin("WEB01");
  await touch("WEB02");
  expect(await poll(feed)).toEqual(["WEB02$"]);
  late.commit();
  // What was seen above it comes a second time, and then no more.
  expect(await poll(feed)).toEqual(["WEB01$", "WEB02$"]);
  expect(await poll(feed)).toEqual([]);
});

test("nor is it where more changed than one answer holds", async () => {
  const feed = await feedFromNow();
  const count = 1050;
  const made = Array.from({ length: count }, (_, index) => `flood${index}`);
  await ad.asAdministrator(async (client) => {
    for (const name of made) await client.add(`CN=${name},CN=Users,${BASE}`, { objectClass: "group", sAMAccountName: name });
  });
  const late = begin("WEB03");
  await touch("WEB05");
  expect(new Set(await poll(feed))).toEqual(new Set(["WEB05$", ...made]));
  late.commit();
  expect(await poll(feed)).toEqual(["WEB03$", "WEB05$"]);
  expect(await poll(feed)).toEqual([]);
});

test("a poll that ends early is read again", async () => {
  const feed = await feedFromNow();
  await touch("WEB04");
  for await (const _ of feed.poll()) break;
  expect(await poll(feed)).toEqual(["WEB04$"]);
  expect(await poll(feed)).toEqual([]);
});

test("while others write, each change comes once at least and twice at most", async () => {
  const feed = await feedFromNow();
  const seen = new Map<string, number>();
  let writing = true;
  const writer = (async () => {
    for (let index = 0; index < 40; index++) await ad.asAdministrator((client) => addComputer(client, `BUSY${index}`));
    writing = false;
  })();
  for (let last = false; !last;) {
    last = !writing;
    for (const name of await poll(feed)) if (name?.startsWith("BUSY") === true) seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  await writer;
  expect(seen.size).toBe(40);
  expect(
    [...seen.values()].every((times) => times <= 2),
    JSON.stringify([...seen]),
  ).toBe(true);
});
