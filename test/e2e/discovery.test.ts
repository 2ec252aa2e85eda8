/** Domain controllers that are found in DNS: which one is used, for how long, and who is never connected to. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { TcpRelay } from "../faults/tcp-relay.ts";
import { type Ended, execute, PROGRAM } from "../harness/cli.ts";
import { inDomain, removeTree } from "../harness/computers.ts";
import { Authority } from "../harness/certificates.ts";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { HOST, type TestDirectory } from "../harness/directory.ts";
import { DnsServer } from "../harness/dns-server.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { Samba } from "../harness/samba.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";
import {
  applyDomain,
  available,
  createNamespace,
  farmOf,
  farmReady,
  cluster,
  directory,
  domainReady,
  domainWhere,
  startOperator,
} from "../harness/world.ts";

/** Where DNS says that they are. Nobody else on this machine has these: other runs of the tests have others. */
const NETWORK = `127.${64 + (process.pid % 128)}.${(process.pid >> 7) % 256}`;
const [FIRST, SECOND, STRANGER] = [`${NETWORK}.1`, `${NETWORK}.2`, `${NETWORK}.3`];
const OTHER = "dc2.contoso.com";
const SERVER_NAMES = ["dc*.contoso.com"];
/** On the port of LDAPS, which DNS cannot change. */
const at = (host: string): { readonly host: string; readonly port: number } => ({ host, port: 636 });

/** Only root may listen there, on most machines. */
async function canListen(): Promise<boolean> {
  const server = createServer().listen(at(`${NETWORK}.9`));
  try {
    await once(server, "listening");
    server.close();
    return true;
  } catch {
    return false;
  }
}

const runs = available && (await canListen());
/** Two real ones change the domain that all tests share: these are asked for by name, as those of two-servers.test.ts. */
const hasSecond = runs && (directory instanceof SandboxDirectory || process.env["TWO_SERVERS"] === "1");

describe.skipIf(!runs)("domain controllers in DNS", { timeout: 180_000 }, () => {
  let dns: DnsServer;
  let operator: Operator;
  /** In front of the first one. */
  let gate: TcpRelay;
  let authority: Authority;

  beforeAll(async () => {
    [dns, gate, authority] = await Promise.all([
      DnsServer.start(),
      TcpRelay.start(directory.url, at(FIRST)),
      Authority.create("shared-ca"),
    ]);
    operator = await startOperator({ dnsServers: [dns.address] });
  });

  afterEach(async () => {
    await cluster.deleteAll("ActiveDirectoryDomain", undefined, 30);
    dns.reset();
  });

  afterAll(async () => {
    expect(await operator.stop()).toBe(0);
    await Promise.all([dns.stop(), gate.stop()]);
  });

  async function discover(discovery: object, ...authorities: readonly string[]): Promise<void> {
    const ca = [directory.ca, authority.cert, ...authorities].join("\n");
    await applyDomain({ account: DELEGATED, ca, spec: { servers: undefined, discovery: { serverNames: SERVER_NAMES, ...discovery } } });
  }

  /** What `Connected` says once the domain is Ready with that server. */
  async function used(host: string, seconds = 30): Promise<string | undefined> {
    await waitFor(
      `the domain to use ${host}`,
      async () => JSON.stringify((await cluster.get("ActiveDirectoryDomain", "contoso"))["status"] ?? {}),
      (status) => status.includes(`"url":"ldaps://${host}"`) && status.includes(`"dnsHostName":"${host}"`),
      seconds,
    );
    return (await domainReady()).find(({ type }) => type === "Connected")?.message;
  }

  const event = (text: string): Promise<boolean> => waitFor("the Event", async () => (await cluster.events("default")).includes(text));

  test("that nobody knows are said, with question, answer and remedy; once DNS knows one it is used", async () => {
    await discover({ site: "Frankfurt" });
    const conditions = await domainWhere(({ reason }) => reason === "DiscoveryFailed");
    const connected = conditions.find(({ type }) => type === "Connected");
    expect(connected?.status).toBe("False");
    expect(connected?.message).toBe(
      `no domain controller was found in DNS: _ldap._tcp.Frankfurt._sites.dc._msdcs.contoso.com: there is no such name (NXDOMAIN); _ldap._tcp.dc._msdcs.contoso.com: there is no such name (NXDOMAIN) (asked: ${dns.address}). Correct spec.dnsName, or have these DNS servers know the zone of the domain; others can be named in dns.servers of the operator's configuration. The operator tries again.`,
    );
    dns.controllers(undefined, { target: "DC1.contoso.com.", port: 389 });
    dns.addresses(HOST, FIRST);
    await used(HOST);
    await event("Warning SiteNotServed contoso no domain controller of the site Frankfurt can be used");
  });

  test("of IPv6 are reached", async () => {
    const six = await TcpRelay.start(directory.url, at("::1"));
    try {
      dns.controllers(undefined, HOST);
      dns.addresses(HOST, "::1");
      const before = gate.taken;
      await discover({});
      await used(HOST);
      expect([six.taken > 0, gate.taken]).toEqual([true, before]);
      await cluster.deleteAll("ActiveDirectoryDomain", undefined, 30);
    } finally {
      await six.stop();
    }
  });

  test("that were forged are never connected to, though their certificate is of the same CA", async () => {
    let connections = 0;
    // It would be believed: a certificate for the name that DNS gives it, of a CA that the domain trusts.
    const stranger = createTlsServer(await authority.certify(["web01.contoso.com", "dc1.evil.contoso.com"]), (socket) => {
      socket.on("error", () => undefined).destroy();
    });
    stranger.on("connection", () => {
      connections++;
    });
    stranger.on("tlsClientError", () => undefined);
    stranger.listen(at(STRANGER));
    await once(stranger, "listening");
    try {
      for (const name of ["web01.contoso.com", "dc1.evil.contoso.com"]) dns.addresses(name, STRANGER);
      dns.addresses(HOST, FIRST);
      dns.controllers("Frankfurt", "web01.contoso.com");
      dns.controllers(undefined, "dc1.evil.contoso.com");
      await discover({ site: "Frankfurt" });
      const conditions = await domainWhere(({ reason }) => reason === "DiscoveryFailed");
      expect(conditions.find(({ type }) => type === "Connected")?.message).toMatch(
        /none of spec\.discovery\.serverNames allows "web01\.contoso\.com"; .* allows "dc1\.evil\.contoso\.com" .*Add the names of your domain controllers/,
      );
      // Beside a right one, and before it.
      dns.controllers(undefined, { target: "web01.contoso.com", priority: 0 }, { target: HOST, priority: 1 });
      await used(HOST);
      await event(`Warning ServersRefused contoso DNS names "web01.contoso.com" as domain controllers`);
      expect(connections).toBe(0);
      // That it would have been connected to otherwise.
      await discover({ site: "Frankfurt", serverNames: ["web01.contoso.com", HOST] });
      await waitFor("a connection to the stranger", () => connections > 0);
    } finally {
      stranger.close();
    }
  });

  test("are those that the command line asks, too", async () => {
    dns.controllers(undefined, HOST);
    dns.addresses(HOST, FIRST);
    await discover({});
    await used(HOST);
    await createNamespace("found");
    await cluster.apply(farmOf("found", "sought", { hosts: { computers: ["WEB01"] } }));
    await farmReady("found", "sought");
    const dir = await mkdtemp(`${tmpdir()}/serverfarm-discovery-`);
    await writeFile(`${dir}/ca.pem`, directory.ca);
    const farm = (...args: readonly string[]): Promise<Ended> => {
      const directoryOptions = ["--dns-server", dns.address, "--username", DELEGATED.username, "--password-file", "-"];
      const options = ["--ca-file", `${dir}/ca.pem`, "-n", "found", "--kubeconfig", cluster.kubeconfig];
      return execute(process.execPath, [PROGRAM, ...args, ...directoryOptions, ...options], { input: DELEGATED.password });
    };
    try {
      const before = gate.taken;
      expect(await farm("plan", "sought")).toMatchObject({ code: 0, err: "" });
      expect(gate.taken).toBeGreaterThan(before);
      await directory.asAdministrator((client) => client.add(inDomain("OU=Unfarmed"), { objectClass: "organizationalUnit" }));
      expect(await farm("import", "--container", "OU=Unfarmed")).toMatchObject({ err: expect.stringContaining("OU=Unfarmed") });
      // The name that the system may know is asked of the same DNS.
      expect((await farm("check", "--domain", "contoso", "--no-rights")).out).toContain(`${HOST} is ${FIRST}.`);
      dns.controllers(undefined, "web01.contoso.com");
      const { code, err } = await farm("plan", "sought");
      expect(err).toMatch(/none of spec\.discovery\.serverNames allows "web01\.contoso\.com".* Or give --server\./);
      expect(code).toBe(1);
    } finally {
      dns.controllers(undefined, HOST);
      await removeTree(directory, inDomain("OU=Unfarmed"));
      await cluster.delete("ServerFarm", "sought", "found", 60);
      await rm(dir, { recursive: true });
    }
  });

  test("of one domain keep no other waiting while DNS is silent about them", async () => {
    dns.answer("SRV", "_ldap._tcp.dc._msdcs.fabrikam.com", "Silence");
    dns.controllers(undefined, HOST);
    dns.addresses(HOST, FIRST);
    await discover({});
    await used(HOST);
    const fabrikam = { dnsName: "fabrikam.com", servers: undefined, discovery: { serverNames: ["dc*.fabrikam.com"] } };
    await applyDomain({ name: "fabrikam", spec: fabrikam });
    await waitFor("the question", () => dns.asked.some((question) => question.includes("fabrikam")));
    const polled = await lastPoll();
    // At most four seconds are waited for an answer.
    await waitFor("a poll", lastPoll, (time) => time > polled + 1, 4);
    const conditions = await domainWhere(({ reason }) => reason === "DiscoveryFailed", 30, "fabrikam");
    expect(conditions.find(({ type }) => type === "Connected")?.message).toContain("fabrikam.com: no answer in time (asked");
  });

  describe.skipIf(!hasSecond)("of which there are two", () => {
    let second: TestDirectory;
    let otherGate: TcpRelay;
    let discoverBoth: (discovery?: object) => Promise<void>;

    beforeAll(async () => {
      if (directory instanceof Samba) {
        const joined = directory.second();
        await joined.join();
        await joined.pull(directory);
        second = joined;
        otherGate = await TcpRelay.start(joined.url, at(SECOND));
        discoverBoth = (discovery = {}) => discover(discovery);
      } else {
        const other = await SandboxDirectory.create({ hostName: OTHER, authorityName: "contoso-other-ca" });
        await delegate(other);
        second = other;
        otherGate = await TcpRelay.start(other.url, at(SECOND));
        discoverBoth = (discovery = {}) => discover(discovery, other.ca);
      }
    }, 400_000);

    afterAll(async () => {
      await otherGate.stop();
      if (second instanceof Samba) await second.leave();
      else await (second instanceof SandboxDirectory ? second.stop() : undefined);
    }, 400_000);

    /** The first one is by far the heavier, wherever nothing else decides. */
    function nameBoth(site?: string): void {
      dns.controllers(site, { target: HOST, weight: 65_535 }, { target: OTHER, weight: 0 });
      dns.addresses(HOST, FIRST);
      dns.addresses(OTHER, SECOND);
    }

    test("that of the site is used; without one of its own, that of the domain", async () => {
      nameBoth();
      dns.controllers("Frankfurt", OTHER);
      await discoverBoth({ site: "Frankfurt" });
      await used(OTHER);
      await discoverBoth({ site: "Sydney" });
      // Known from before, and none of a site that would be better.
      await event("Warning SiteNotServed contoso no domain controller of the site Sydney can be used");
      await used(OTHER);
      dns.controllers("Berlin", HOST);
      await discoverBoth({ site: "Berlin" });
      expect(await used(HOST)).toBe(`connected to ${HOST} (ldaps://${HOST}) over TLS.`);
    });

    test("the one in use is kept, whatever DNS says meanwhile; only when it is lost DNS is asked again", async () => {
      nameBoth();
      await discoverBoth();
      await used(HOST);
      dns.controllers(undefined, { target: OTHER, priority: 0 }, { target: HOST, priority: 9 });
      const [asked, polled, logged] = [dns.asked.length, await lastPoll(), operator.log.length];
      await waitFor("some polls", lastPoll, (time) => time >= polled + 4);
      expect(dns.asked.slice(asked)).toEqual([]);
      await used(HOST, 1);
      await gate.stop();
      try {
        await used(OTHER, 20);
      } finally {
        gate = await TcpRelay.start(directory.url, at(FIRST));
      }
      // No farm heard of it, nor did the domain.
      expect(operator.log.slice(logged)).not.toContain('"message":"the domain is not ready"');
    });

    test("the one that was in use comes first again after a restart", async () => {
      dns.controllers(undefined, OTHER);
      dns.addresses(OTHER, SECOND);
      await discoverBoth();
      await used(OTHER);
      nameBoth();
      expect(await operator.stop()).toBe(0);
      operator = await startOperator({ dnsServers: [dns.address] });
      await waitFor("a connection", () => operator.log.includes('"message":"connected"'));
      expect(operator.log).toMatch(/"message":"connected".*"server":"ldaps:\/\/dc2\.contoso\.com"/);
      await used(OTHER);
    });

    test("while DNS is away those that it named before are used, where it said that they are", async () => {
      nameBoth();
      await discoverBoth();
      await used(HOST);
      // So that both their addresses were asked for once.
      await gate.stop();
      await used(OTHER, 20);
      gate = await TcpRelay.start(directory.url, at(FIRST));
      dns.fail("SERVFAIL");
      await otherGate.stop();
      try {
        expect(await used(HOST, 20)).toBe(`connected to ${HOST} (ldaps://${HOST}) over TLS.`);
      } finally {
        otherGate = await TcpRelay.start(second.url, at(SECOND));
      }
    });
  });

  function lastPoll(): Promise<number> {
    return operator.metric("serverfarm_domain_last_poll_timestamp_seconds", { domain: "contoso" });
  }
});
