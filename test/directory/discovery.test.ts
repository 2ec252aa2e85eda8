/** Domain controllers in DNS: what is asked, what is made of the answers, and of those that are wrong, forged or missing. */
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Discovery, DiscoveryError, type DiscoveryQuery } from "../../src/directory/discovery.ts";
import { DnsServer } from "../harness/dns-server.ts";

const QUERY: DiscoveryQuery = { dnsName: "contoso.com", serverNames: ["dc*.contoso.com"] };
const IN_FRANKFURT: DiscoveryQuery = { ...QUERY, site: "Frankfurt" };
const OF_DOMAIN = "_ldap._tcp.dc._msdcs.contoso.com";
const OF_SITE = "_ldap._tcp.Frankfurt._sites.dc._msdcs.contoso.com";

let server: DnsServer;
let discovery: Discovery;

beforeAll(async () => {
  server = await DnsServer.start();
});

beforeEach(() => {
  server.fail(undefined);
  for (const site of [undefined, "Frankfurt"]) server.controllers(site, "dc1.contoso.com");
  discovery = new Discovery([server.address]);
});

afterAll(async () => {
  await server.stop();
});

/** Without their scheme. */
async function found(query: DiscoveryQuery, preferred?: string): Promise<readonly string[]> {
  return (await discovery.find(query, preferred)).servers.map((url) => url.replace("ldaps://", ""));
}

async function refusal(query: DiscoveryQuery): Promise<string> {
  const error: unknown = await discovery.find(query).catch((reason: unknown) => reason);
  if (!(error instanceof DiscoveryError)) throw new Error(`not refused: ${JSON.stringify(error)}`);
  return error.message;
}

const lookup = (name: string, all = true): Promise<unknown> =>
  promisify((done: (error: Error | null, addresses: unknown) => void) => {
    discovery.lookup(name, { all }, done);
  })();

describe("the servers", () => {
  test("of a domain are those of its SRV records, on port 636 whatever port these have", async () => {
    server.controllers(
      undefined,
      { target: "dc2.contoso.com", priority: 1, port: 0 },
      { target: "DC1.Contoso.com", port: 389 },
      { target: "dc3.contoso.com", priority: 2, port: 65_535 },
    );
    const { servers, answers, notes } = await discovery.find(QUERY);
    expect(servers).toEqual(["ldaps://dc1.contoso.com", "ldaps://dc2.contoso.com", "ldaps://dc3.contoso.com"]);
    expect(answers.map(({ asked, problem }) => [asked, problem])).toEqual([[OF_DOMAIN, undefined]]);
    expect(notes).toEqual([]);
  });

  test("of a site come first, then those of the domain, each once", async () => {
    server.controllers("Frankfurt", { target: "dc3.contoso.com", priority: 9 });
    server.controllers(undefined, { target: "dc1.contoso.com", priority: 1 }, { target: "dc3.contoso.com", priority: 0 });
    expect(await found(IN_FRANKFURT)).toEqual(["dc3.contoso.com", "dc1.contoso.com"]);
    expect((await discovery.find(IN_FRANKFURT)).notes).toEqual([]);
  });

  test.each([
    ["is not there", "NXDOMAIN", "there is no such name (NXDOMAIN)"],
    ["has no records", [], "the name has no such record (NODATA)"],
    ["cannot be asked", "SERVFAIL", "the DNS server cannot answer (SERVFAIL)"],
  ] as const)("of the whole domain are used where the site %s, and that is said", async (_, answer, says) => {
    server.answer("SRV", OF_SITE, answer);
    expect(await found(IN_FRANKFURT)).toEqual(["dc1.contoso.com"]);
    const { notes } = await discovery.find(IN_FRANKFURT);
    expect(notes.map(({ reason }) => reason)).toEqual(["SiteNotServed"]);
    expect(notes[0]?.message).toContain(`${OF_SITE}: ${says}. Those of the whole domain are used instead. Correct spec.discovery.site`);
  });

  test("of a site are used where the domain's are not to be had", async () => {
    server.answer("SRV", OF_DOMAIN, "SERVFAIL");
    expect(await found(IN_FRANKFURT)).toEqual(["dc1.contoso.com"]);
  });

  test("begin with the one that was used last, where DNS still names it; but not before a better one", async () => {
    const many = Array.from({ length: 100 }, (_, index) => `dc${index}.contoso.com`);
    server.controllers(undefined, ...many, { target: "dc-far.contoso.com", priority: 7 });
    expect((await found(QUERY, "ldaps://dc77.contoso.com"))[0]).toBe("dc77.contoso.com");
    expect(await found(QUERY, "ldaps://DC77.contoso.com:636/")).toContain("dc77.contoso.com");
    expect((await found(QUERY, "ldaps://dc-far.contoso.com"))[0]).not.toBe("dc-far.contoso.com");
    expect(await found(QUERY, "ldaps://gone.contoso.com")).not.toContain("gone.contoso.com");
    expect(await found(QUERY, "not a URL")).toHaveLength(8);
    server.controllers("Frankfurt", "dc200.contoso.com");
    expect((await found(IN_FRANKFURT, "ldaps://dc77.contoso.com")).slice(0, 2)).toEqual(["dc200.contoso.com", "dc77.contoso.com"]);
  });

  test("are found where a name stands for another (CNAME)", async () => {
    const other = "_ldap._tcp.elsewhere.contoso.com";
    server.answer("SRV", OF_DOMAIN, [
      { type: "CNAME", name: OF_DOMAIN, ttl: 1, data: other },
      { type: "SRV", name: other, ttl: 1, data: { target: "dc4.contoso.com", port: 389 } },
    ]);
    expect(await found(QUERY)).toEqual(["dc4.contoso.com"]);
  });

  test("are at most eight of each answer, though it has as many as fit in; and not always the same", async () => {
    const named = (from: number): readonly string[] => Array.from({ length: 700 }, (_, index) => `dc${from + index}.contoso.com`);
    server.controllers("Frankfurt", ...named(0));
    server.controllers(undefined, ...named(1000));
    const first = await found(IN_FRANKFURT);
    const numbers = first.map((name) => Number(/\d+/.exec(name)?.[0]));
    expect(numbers.filter((number) => number < 1000)).toHaveLength(8);
    expect(numbers).toHaveLength(16);
    expect(await found(IN_FRANKFURT)).not.toEqual(first);
  });
});

describe("names that serverNames does not allow", () => {
  test("are left out, and said", async () => {
    server.controllers(undefined, "web01.contoso.com", "dc1.contoso.com", "dc1.evil.contoso.com", "dc1.contoso.com.evil.com");
    const { servers, notes } = await discovery.find(QUERY);
    expect(servers).toEqual(["ldaps://dc1.contoso.com"]);
    expect(notes.map(({ reason }) => reason)).toEqual(["ServersRefused"]);
    expect(notes[0]?.message).toContain('DNS names "dc1.contoso.com.evil.com", "dc1.evil.contoso.com", "web01.contoso.com" as domain');
  });

  test("and nothing else: refused, with some of them and what to do, always in the same words", async () => {
    server.controllers("Frankfurt", "web01.contoso.com");
    server.controllers(undefined, ...Array.from({ length: 800 }, (_, index) => `evil${1000 + index}.contoso.com`));
    const message = await refusal(IN_FRANKFURT);
    expect(message).toBe(
      `no domain controller was found in DNS: ${OF_SITE}: none of spec.discovery.serverNames allows "web01.contoso.com"; ${OF_DOMAIN}: none of spec.discovery.serverNames allows "evil1000.contoso.com", "evil1001.contoso.com", "evil1002.contoso.com", "evil1003.contoso.com", "evil1004.contoso.com" and 795 more (asked: ${server.address}). Add the names of your domain controllers to spec.discovery.serverNames; a name that is none of yours was forged, or is a mistake in DNS`,
    );
    expect(await refusal(IN_FRANKFURT)).toBe(message);
  });

  test.each([
    ["an address", "127.0.0.1"],
    ["a name of 253 characters", `${`${"a".repeat(61)}.`.repeat(3)}${"a".repeat(63)}.example`],
    ["a part that is too long to be one in a URL", `dc1/${"a".repeat(50)}.contoso.com`],
    ["a port", "dc1.contoso.com:636"],
    ["a user", "dc1.contoso.com@evil"],
    ["a space", "dc1 .contoso.com"],
    ["another alphabet", "dç1.contoso.com"],
    ["a pattern", "dc*.contoso.com"],
    ["one label", "dc1"],
  ])("nor is what is no name: %s", async (_, target) => {
    server.controllers(undefined, target);
    expect(await refusal(QUERY)).toContain("no domain controller was found in DNS");
  });

  test("the root stands for no service at all", async () => {
    server.controllers(undefined, ".");
    expect(await refusal(QUERY)).toContain(`${OF_DOMAIN}: it says that there is no domain controller (asked`);
  });
});

describe("where DNS names nobody", () => {
  test.each([
    ["NXDOMAIN", "there is no such name (NXDOMAIN)", "Correct spec.dnsName, or have these DNS servers know the zone"],
    ["SERVFAIL", "the DNS server cannot answer (SERVFAIL)", "Look at these DNS servers and the way to them"],
    ["REFUSED", "the DNS server refuses to answer (REFUSED)", "Look at these DNS servers and the way to them"],
    ["Silence", "no answer in time", "Look at these DNS servers and the way to them"],
  ] as const)("%s is said, with the question, the DNS server and the remedy", async (failure, says, remedy) => {
    server.fail(failure);
    const started = performance.now();
    const message = await refusal(IN_FRANKFURT);
    expect(performance.now() - started).toBeLessThan(9000);
    for (const part of [`${OF_SITE}: ${says}`, `${OF_DOMAIN}: ${says}`, `(asked: ${server.address})`, remedy]) {
      expect(message).toContain(part);
    }
  });

  test("a DNS server that is not there is said", async () => {
    const gone = await DnsServer.start();
    await gone.stop();
    discovery = new Discovery([gone.address]);
    expect(await refusal(QUERY)).toMatch(/: (no DNS server can be reached|no answer in time) \(asked/);
  });

  test("what is no name in DNS is said", async () => {
    expect(await refusal({ ...QUERY, dnsName: `${"a".repeat(64)}.com` })).toContain("this cannot be a name in DNS");
  });

  test("what was found before holds while it does not answer, of the same question", async () => {
    const before = await found(IN_FRANKFURT);
    for (const failure of ["SERVFAIL", "REFUSED"] as const) {
      server.fail(failure);
      expect(await found(IN_FRANKFURT)).toEqual(before);
    }
    await expect(refusal({ ...IN_FRANKFURT, serverNames: ["dc2.contoso.com"] })).resolves.toContain("REFUSED");
    await expect(refusal(QUERY)).resolves.toContain("REFUSED");
  });

  test("but not once it answers that there is nobody, or others", async () => {
    await found(QUERY);
    server.controllers(undefined, "web01.contoso.com");
    await expect(refusal(QUERY)).resolves.toContain("web01.contoso.com");
    server.answer("SRV", OF_DOMAIN, "NXDOMAIN");
    await expect(refusal(QUERY)).resolves.toContain("NXDOMAIN");
  });
});

describe("the addresses of a server", () => {
  test("are those of both families, from the same DNS servers", async () => {
    server.addresses("dc1.contoso.com", "127.0.0.7", "::1");
    expect(await lookup("dc1.contoso.com")).toEqual([
      { address: "::1", family: 6 },
      { address: "127.0.0.7", family: 4 },
    ]);
    expect(await lookup("dc1.contoso.com", false)).toBe("::1");
    server.addresses("dc1.contoso.com", "127.0.0.8");
    expect(await lookup("dc1.contoso.com")).toEqual([{ address: "127.0.0.8", family: 4 }]);
  });

  test("are those that were there last while DNS does not answer, and nobody else's", async () => {
    await found(QUERY);
    server.addresses("dc1.contoso.com", "127.0.0.7");
    const before = await lookup("dc1.contoso.com");
    server.fail("SERVFAIL");
    expect(await lookup("dc1.contoso.com")).toEqual(before);
    await expect(lookup("dc2.contoso.com")).rejects.toThrow(
      "no address of dc2.contoso.com in DNS: the DNS server cannot answer (SERVFAIL)",
    );
    server.fail("NXDOMAIN");
    await expect(lookup("dc1.contoso.com")).rejects.toThrow(
      `no address of dc1.contoso.com in DNS: there is no such name (NXDOMAIN) (asked: ${server.address})`,
    );
  });

  test("that are not to be had in time are an error before the way to the server has no time left", async () => {
    server.fail("Silence");
    const started = performance.now();
    await expect(lookup("dc1.contoso.com")).rejects.toThrow("no answer in time");
    expect(performance.now() - started).toBeLessThan(8000);
  });

  test("are at most eight of a family", async () => {
    server.addresses("dc1.contoso.com", ...Array.from({ length: 200 }, (_, index) => `127.0.1.${index}`));
    expect(await lookup("dc1.contoso.com")).toHaveLength(8);
  });
});
