/** How long a server that does not answer keeps the next one waiting. Each of these waits for most of its time. */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LdapSession } from "../../src/directory/session.ts";
import { LdapProxy } from "../faults/ldap-proxy.ts";
import { matching, Schedule } from "../faults/schedule.ts";
import { ADMINISTRATOR } from "../harness/directory.ts";
import { waitFor } from "../harness/process.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";

const ROOT_DSE = { base: "", scope: "base", attributes: ["currentTime"] } as const;

describe("a server that does not answer", { timeout: 180_000 }, () => {
  let directory: SandboxDirectory;

  beforeAll(async () => {
    directory = await SandboxDirectory.create();
  });

  afterAll(async () => {
    await directory.stop();
  });

  function open(ca: string, ...servers: readonly string[]): Promise<LdapSession> {
    const fence = { until: Number.POSITIVE_INFINITY };
    return LdapSession.open({ servers, ca, ...ADMINISTRATOR, fence, observe: () => undefined });
  }

  /** Takes connections and says nothing; or, once it is closed, refuses them. */
  async function listener(): Promise<{ readonly server: Server; readonly url: string }> {
    const server = createServer((socket) => socket.on("error", () => undefined)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    return { server, url: `ldaps://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}` };
  }

  async function seconds(work: Promise<unknown>): Promise<number> {
    const started = performance.now();
    await work;
    return (performance.now() - started) / 1000;
  }

  test.concurrent("and refuses connections: the next one is used within 3 s", async () => {
    const { server, url } = await listener();
    server.close();
    // On a busy machine the way to a server takes long by itself.
    const alone = open(directory.ca, directory.url);
    const usual = await seconds(alone);
    (await alone).close();
    const opening = open(directory.ca, url, directory.url);
    expect(await seconds(opening)).toBeLessThan(3 + 2 * usual);
    const session = await opening;
    expect(session.url).toBe(directory.url);
    session.close();
  });

  test.concurrent("and none of several does: the text is the same, in whatever order they were tried", async () => {
    const closed = await Promise.all([listener(), listener()]);
    for (const { server } of closed) server.close();
    const [one = "", other = ""] = closed.map(({ url }) => url);
    const said = (...servers: readonly string[]): Promise<unknown> => open(directory.ca, ...servers).catch(String);
    expect(await said(one, other)).toBe(await said(other, one));
    expect(await said(one, other)).toMatch(new RegExp(`${one}.*${other}|${other}.*${one}`));
  });

  // The first search asks what the server is, before the bind; the second one is bound.
  test.concurrent.each([
    ["connect", 1],
    ["search", 1],
    ["bind", 1],
    ["search", 2],
  ])("and is silent from %s %i on: the next one is used within 15 s", async (step, nth) => {
    const { server, url } = await listener();
    const silent = { matches: matching("ldap", step), when: { nth }, effect: { kind: "Hang" } } as const;
    const proxy = await LdapProxy.start(directory, new Schedule([silent]));
    const opening = open(`${directory.ca}\n${proxy.ca}`, step === "connect" ? url : proxy.url, directory.url);
    expect(await seconds(opening)).toBeLessThan(15);
    const session = await opening;
    expect(session.url).toBe(directory.url);
    session.close();
    await proxy.stop();
    server.close();
  });

  test.concurrent("any more: the session is given up within 15 s, though its connections stay open", async () => {
    const proxy = await LdapProxy.start(directory, new Schedule());
    const session = await open(`${directory.ca}\n${proxy.ca}`, proxy.url, directory.url);
    const lost = Promise.withResolvers<void>();
    session.onLost(() => {
      lost.resolve();
    });
    proxy.schedule.set({ matches: () => true, when: { probability: 1 }, effect: { kind: "Hang" } });
    const failure = session.search(ROOT_DSE).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(await seconds(lost.promise)).toBeLessThan(15);
    expect(await failure).toMatchObject({ kind: "Unavailable" });
    expect([session.silent, session.usable]).toEqual([true, false]);
    session.close();
    await proxy.stop();
  });

  test.concurrent("one search for long, and takes connections: the search goes on", async () => {
    const slow = { matches: matching("ldap", "search"), when: { nth: 1 }, effect: { kind: "Delay", milliseconds: 14_000 } } as const;
    const proxy = await LdapProxy.start(directory, new Schedule());
    const session = await open(`${directory.ca}\n${proxy.ca}`, proxy.url, directory.url);
    const binds = (): number => proxy.schedule.seen.filter(({ operation }) => operation === "bind").length;
    const before = binds();
    proxy.schedule.set(slow);
    // However many wait, few connections are made to ask.
    const searches = Promise.all(Array.from({ length: 20 }, () => session.search(ROOT_DSE)));
    await waitFor("the server to be asked whether it is there", binds, (count) => count > before, 20);
    expect((await searches).map((entries) => entries.length)).toEqual(Array.from({ length: 20 }, () => 1));
    expect([session.silent, session.usable]).toEqual([false, true]);
    expect(binds() - before).toBeLessThan(4);
    session.close();
    await proxy.stop();
  });
});
