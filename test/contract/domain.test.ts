/** What the operator's own account learns of a domain itself, beside what an administrator reads of it. */
import { Client } from "ldapts";
import { expect, test } from "vitest";
import { inspectDomain } from "../../src/directory/inspection.ts";
import { LdapSession } from "../../src/directory/session.ts";
import { decodeGuid, decodeSid } from "../../src/names/identifier.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { BASE } from "../harness/directory.ts";
import { available, directory as ad } from "../harness/world.ts";

function bytes(value: unknown): Buffer {
  if (!Buffer.isBuffer(value)) throw new Error("not read as bytes");
  return value;
}

test.skipIf(!available)("the identity of the domain and of its forest", async () => {
  const session = await LdapSession.open({
    servers: [ad.url],
    ca: ad.ca,
    ...DELEGATED,
    observe: () => undefined,
    fence: { until: Number.POSITIVE_INFINITY },
  });
  try {
    const seen = await inspectDomain(session, { accountContainer: "OU=Farms", groupContainer: "OU=Farms" }, "domain");
    const [domain] = await ad.search("(objectClass=domainDNS)", ["objectGUID", "objectSid"], { scope: "base" });
    const partitions = await ad.search(
      "(nETBIOSName=*)",
      ["nETBIOSName", "dnsRoot", "nCName"],
      {},
      `CN=Partitions,CN=Configuration,${BASE}`,
    );
    const [root] = await ad.search("(objectClass=*)", ["rootDomainNamingContext"], { scope: "base" }, "");
    const forest = partitions.find(({ nCName }) => nCName === root?.["rootDomainNamingContext"]);
    expect(partitions.find(({ nCName }) => nCName === BASE)).toBeDefined();
    expect(forest).toBeDefined();
    // Both are on this machine.
    expect(Math.abs(seen.clockSkew ?? Number.NaN)).toBeLessThan(30);
    expect(seen).toMatchObject({
      domainSID: decodeSid(bytes(domain?.["objectSid"])),
      objectGUID: decodeGuid(bytes(domain?.["objectGUID"])),
      netBIOSName: partitions.find(({ nCName }) => nCName === BASE)?.["nETBIOSName"],
      // Servers write the name of this attribute in their own way.
      forestDNSName: String(forest?.["dnsRoot"] ?? forest?.["dNSRoot"]).toLowerCase(),
    });
  } finally {
    session.close();
  }
});

test.skipIf(!available)("what a server is, as anybody may read it before the bind", async () => {
  const client = new Client({ url: ad.url, tlsOptions: { ca: ad.ca, servername: new URL(ad.url).hostname } });
  try {
    const { searchEntries } = await client.search("", { scope: "base", attributes: ["supportedCapabilities"] });
    // Active Directory (MS-ADTS 3.1.1.3.4.3).
    expect(searchEntries[0]?.["supportedCapabilities"]).toContain("1.2.840.113556.1.4.800");
  } finally {
    await client.unbind();
  }
});
