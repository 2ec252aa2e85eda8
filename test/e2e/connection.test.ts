import { createServer, type Server } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Authority } from "../harness/certificates.ts";
import { freePort } from "../harness/kube.ts";
import type { Operator } from "../harness/operator.ts";
import { addUser, setPassword } from "../harness/directory.ts";
import { waitFor } from "../harness/process.ts";
import { applyDomain, domainReady, domainWhere, cluster, available, directory, secretOf, SYSTEM, startOperator } from "../harness/world.ts";

describe.skipIf(!available)("the connection to a domain", () => {
  let operator: Operator;

  beforeAll(async () => {
    operator = await startOperator();
  });

  afterAll(async () => {
    await operator.stop();
  });

  afterEach(async () => {
    await cluster.deleteAll("ActiveDirectoryDomain", undefined, 30);
  });

  const binds = (result: string): Promise<number> => operator.metric("serverfarm_directory_requests_total", { operation: "bind", result });
  const allBinds = (): Promise<number> => operator.metric("serverfarm_directory_requests_total", { operation: "bind" });

  test(
    "a wrong password is said in plain words and tried at most once a minute; the right one heals it",
    { timeout: 180_000 },
    async () => {
      const account = { username: "careful@contoso.com", password: "Right-1234!pw" };
      await directory.asAdministrator((client) => addUser(client, "careful", account.password));
      const refused = await binds("invalidCredentials");
      await applyDomain({ account: { ...account, password: "Wrong-1234!pw" } });
      const conditions = await domainWhere(({ reason }) => reason === "CredentialsRejected");
      const connected = conditions.find(({ type }) => type === "Connected");
      expect(connected?.status).toBe("False");
      expect(connected?.message).toMatch(/the user name or password is wrong; .*Correct the Secret contoso-ldap/);
      expect(connected?.message).not.toContain("Wrong-1234!pw");
      // Everything that asks for a new look is no reason to bind: a label, a change of the spec, a restart of the watch.
      await cluster.patch("Secret", "contoso-ldap", SYSTEM, { metadata: { labels: { touched: "yes" } } });
      await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { resync: "2h" } });
      await sleep(58_000);
      expect((await binds("invalidCredentials")) - refused).toBe(1);
      await cluster.apply(secretOf("contoso-ldap", account));
      await domainReady(10);
      // Taking the Secret away and putting the wrong one back, or another server, does not get round it either.
      await cluster.apply(secretOf("contoso-ldap", { ...account, password: "Wrong-1234!pw" }));
      await domainWhere(({ reason }) => reason === "CredentialsRejected");
      await cluster.delete("Secret", "contoso-ldap", SYSTEM);
      await domainWhere(({ reason }) => reason === "SecretNotFound");
      await cluster.apply(secretOf("contoso-ldap", { ...account, password: "Wrong-1234!pw" }));
      await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { servers: [directory.url, "ldaps://127.0.0.1:1"] } });
      await domainWhere(({ reason }) => reason === "CredentialsRejected");
      await sleep(3000);
      expect((await binds("invalidCredentials")) - refused).toBe(1);
      await cluster.apply(secretOf("contoso-ldap", account));
      await domainReady(10);
      // And the other way: the password changes in the directory, and later in the Secret.
      await directory.asAdministrator(async (client) => setPassword(client, (await directory.find("careful"))?.dn ?? "", "Newer-1234!pw"));
      await cluster.apply(secretOf("contoso-ldap", { ...account, password: "Newer-1234!pw" }));
      await sleep(2000);
      await domainReady(10);
    },
  );

  test("a Secret or CA that is missing is named, and heals by itself", async () => {
    await applyDomain();
    await domainReady();
    await cluster.delete("Secret", "contoso-ldap", SYSTEM);
    const conditions = await domainWhere(({ reason }) => reason === "SecretNotFound");
    expect(conditions.find(({ type }) => type === "Connected")?.message).toContain(
      "the Secret contoso-ldap in the operator's namespace has no username or no password",
    );
    await applyDomain();
    await domainReady();
  });

  test("of several CAs the right one is found, however they stand there; one that cannot be read is named", async () => {
    const stranger = await Authority.create("stranger");
    // As "cat" leaves them where the first does not end its line.
    await applyDomain({ ca: stranger.cert.trimEnd() + directory.ca });
    await domainReady();
    const broken = [
      stranger.cert.replace(/\n.{20}/, "\n"),
      stranger.cert.replace(/-----END.*/, ""),
      stranger.cert.replace("BEGIN", "BEGIN TRUSTED"),
    ];
    for (const second of broken) {
      await applyDomain({ ca: `${directory.ca}\n${second}` });
      const conditions = await domainWhere(({ reason }) => reason === "SecretNotFound");
      expect(conditions.find(({ type }) => type === "Connected")?.message).toContain("cannot be read (number 2)");
      await applyDomain();
      await domainReady();
    }
  });

  test("StartTLS works as LDAPS does", async () => {
    await applyDomain({ spec: { servers: [directory.startTlsUrl] } });
    await domainReady();
    expect(await cluster.get("ActiveDirectoryDomain", "contoso")).toMatchObject({ status: { server: { url: directory.startTlsUrl } } });
  });

  test("the next server is taken where the first does not answer", async () => {
    await applyDomain({ spec: { servers: [`ldaps://127.0.0.1:${await freePort()}`, directory.url] } });
    const conditions = await domainReady();
    expect(conditions.find(({ type }) => type === "Connected")?.message).toContain(directory.url);
  });

  test("a CA that did not sign the server's certificate: refused, said, nothing sent", async () => {
    const stranger = await Authority.create("stranger");
    const before = await allBinds();
    for (const servers of [[directory.url], [directory.startTlsUrl]]) {
      await applyDomain({ ca: stranger.cert, spec: { servers } });
      const conditions = await domainWhere(
        ({ reason, message }) => reason === "CertificateUntrusted" && message.includes(servers[0] ?? ""),
      );
      expect(conditions.find(({ type }) => type === "Connected")?.message).toMatch(/certificate comes from another CA.*Nothing was sent/);
    }
    expect(await allBinds()).toBe(before);
    await applyDomain();
    await domainReady();
  });

  test("a certificate for another name: refused, said, nothing sent", async () => {
    const before = await allBinds();
    await applyDomain({ spec: { servers: [directory.otherNameUrl] } });
    const conditions = await domainWhere(({ reason }) => reason === "CertificateUntrusted");
    expect(conditions.find(({ type }) => type === "Connected")?.message).toContain("its certificate is for another name");
    expect(await allBinds()).toBe(before);
  });

  test("an expired certificate: refused, said, not one byte sent", async () => {
    const authority = await Authority.create("old");
    let received = 0;
    const server: Server = createServer({ ...(await authority.certify(["localhost"], -1)) }, (socket) => {
      socket.on("data", (bytes: Buffer) => {
        received += bytes.length;
      });
    });
    server.on("tlsClientError", () => undefined);
    const port = await freePort();
    server.listen(port, "127.0.0.1");
    try {
      await applyDomain({ ca: authority.cert, spec: { servers: [`ldaps://localhost:${port}`] } });
      const conditions = await domainWhere(({ reason }) => reason === "CertificateUntrusted");
      expect(conditions.find(({ type }) => type === "Connected")?.message).toContain("its certificate has expired");
      expect(received).toBe(0);
    } finally {
      server.close();
    }
  });

  test("a domain that is not the one that was named is refused", async () => {
    await applyDomain();
    await domainReady();
    await cluster.delete("ActiveDirectoryDomain", "contoso");
    await applyDomain({ spec: { dnsName: "fabrikam.com" } });
    const conditions = await domainWhere(({ reason }) => reason === "Rejected");
    expect(conditions.find(({ type }) => type === "Ready")?.message).toContain("serves DC=contoso,DC=com, not fabrikam.com");
  });

  test("the domain says what it found, and what is missing", async () => {
    await applyDomain({ spec: { defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Nowhere" } } });
    const conditions = await domainReady();
    expect(conditions.map(({ type, status }) => `${type}=${status}`)).toEqual([
      "Ready=True",
      "Connected=True",
      "SchemaReady=True",
      "DomainControllerReady=True",
      "KdsRootKeyReady=True",
      "PermissionsSufficient=False",
    ]);
    expect(conditions.find(({ type }) => type === "PermissionsSufficient")?.message).toContain(
      "OU=Nowhere,DC=contoso,DC=com does not exist",
    );
    await waitFor(
      "the columns",
      () => cluster.table("ActiveDirectoryDomain"),
      (text) => /contoso +True +dc1\.contoso\.com +88 +True +0/.test(text),
    );
  });
});
