import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { ADMINISTRATOR } from "../harness/directory.ts";
import {
  applyDomain,
  cleanUp,
  createNamespace,
  domainReady,
  farmOf,
  farmReady,
  getFarm,
  cluster,
  ownedInDirectory,
  patchFarm,
  available,
  directory,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "web";

/** What the program must never print: passwords that the operator is given. */
async function expectNoSecrets(operator: Operator, secrets: readonly string[]): Promise<void> {
  const places = {
    log: operator.log,
    events: JSON.stringify(await cluster.list("Event")),
    farms: JSON.stringify([await cluster.list("ServerFarm"), await cluster.list("ActiveDirectoryDomain")]),
    metrics: await operator.metrics(),
  };
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(100);
    for (const secret of secrets)
      for (const form of [secret, Buffer.from(secret).toString("base64")]) expect(text.includes(form), place).toBe(false);
  }
}

describe.skipIf(!available).each([
  { account: ADMINISTRATOR, container: "OU=Farms", spec: {} },
  { account: DELEGATED, container: "OU=Farms", spec: { defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Farms" } } },
])("the story of a farm, as $account.username", ({ account, container, spec }) => {
  const ACCOUNT = `CN=ITFarm1,${container},DC=contoso,DC=com`;
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    if (account === DELEGATED) await delegate(directory);
    operator = await startOperator({ leaderElection: true });
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
  });

  test("from a manifest to hosts that retrieve the password", async () => {
    await applyDomain({ account, spec });
    await domainReady();
    await cluster.apply(
      farmOf(NAMESPACE, "itfarm1", {
        account: { name: "ITFarm1" },
        servicePrincipalNames: [
          "http/itfarm1.contoso.com",
          "http/itfarm1",
          "http/itfarm1.contoso.com/contoso.com",
          "http/itfarm1/contoso.com",
        ],
        hosts: { computers: ["WEB01", "WEB02", "WEB03"] },
      }),
    );
    await farmReady(NAMESPACE, "itfarm1");
    for (const [computer, may] of [
      ["WEB01", true],
      ["WEB02", true],
      ["WEB03", true],
      ["WEB04", false],
    ] as const) {
      expect(await directory.retrieves(computer, ACCOUNT), computer).toBe(may);
    }
    const ticket = await directory.ticket("http/itfarm1.contoso.com");
    // The sandbox has no Kerberos.
    if (ticket !== undefined) expect(ticket).toMatch(/kvno = \d+/);
    expect(await cluster.table("ServerFarm", NAMESPACE)).toMatch(/itfarm1 +True +Reconciled +ITFarm1\$ +3\/3/);
  });

  test("hosts that are added and removed follow", async () => {
    await patchFarm(NAMESPACE, "itfarm1", {
      hosts: { computers: ["web02.contoso.com", "WEB04$", "CN=WEB05,CN=Computers,DC=contoso,DC=com"] },
    });
    await farmReady(NAMESPACE, "itfarm1");
    expect(await directory.members("ITFarm1Hosts")).toEqual(["WEB02$", "WEB04$", "WEB05$"]);
    expect(await directory.retrieves("WEB01", ACCOUNT)).toBe(false);
    expect(await directory.retrieves("WEB04", ACCOUNT)).toBe(true);
    expect(await cluster.events(NAMESPACE)).toContain("run Uninstall-ADServiceAccount ITFarm1$ there");
  });

  test("changed properties follow, and foreign bits of the encryption types stay", async () => {
    await directory.modify(ACCOUNT, "replace", "msDS-SupportedEncryptionTypes", [String(0x10000 | 24)]);
    await patchFarm(NAMESPACE, "itfarm1", {
      account: {
        description: "Farm of the web shop",
        displayName: "IT Farm 1",
        dnsHostName: "farm.contoso.com",
        enabled: false,
        encryptionTypes: ["AES256"],
      },
      servicePrincipalNames: ["http/farm.contoso.com", "HTTP/itfarm1"],
    });
    await farmReady(NAMESPACE, "itfarm1");
    const entry = await directory.find("ITFarm1$");
    expect(entry).toMatchObject({
      description: "Farm of the web shop",
      displayName: "IT Farm 1",
      dNSHostName: "farm.contoso.com",
      userAccountControl: "4098",
      "msDS-SupportedEncryptionTypes": String(0x10000 | 16),
    });
    expect(
      [entry?.["servicePrincipalName"]]
        .flat()
        .map((name) => String(name).toLowerCase())
        .toSorted(),
    ).toEqual(["http/farm.contoso.com", "http/itfarm1"]);
    await patchFarm(NAMESPACE, "itfarm1", { account: { description: "", displayName: null, enabled: true } });
    await farmReady(NAMESPACE, "itfarm1");
    const again = await directory.find("ITFarm1$");
    expect(again).toMatchObject({ userAccountControl: "4096" });
    expect(again?.["description"]).toBeUndefined();
    // What is not said any more stays as it is.
    expect(again?.["displayName"]).toBe("IT Farm 1");
  });

  test("a renamed host group stays the same group", async () => {
    const before = await directory.find("ITFarm1Hosts");
    await patchFarm(NAMESPACE, "itfarm1", { hosts: { group: { name: "Web Shop Hosts" } } });
    await farmReady(NAMESPACE, "itfarm1");
    expect((await directory.find("Web Shop Hosts"))?.["objectSid"]).toEqual(before?.["objectSid"]);
    expect(await directory.retrieves("WEB04", ACCOUNT)).toBe(true);
    expect(await directory.find("ITFarm1Hosts")).toBeUndefined();
  });

  test("what somebody changes by hand is put right, and said", async () => {
    const group = (await directory.find("Web Shop Hosts"))?.dn ?? "";
    await directory.modify(group, "add", "member", ["CN=WEB06,CN=Computers,DC=contoso,DC=com"]);
    await waitFor(
      "WEB06 to go",
      () => directory.members("Web Shop Hosts"),
      (members) => !members.includes("WEB06$"),
    );
    await waitFor(
      "the Event",
      () => cluster.events(NAMESPACE),
      (text) => text.includes("DriftCorrected"),
    );
    // The Event of the same story under another account is there already.
    await expect
      .poll(() => operator.metric("serverfarm_drift_corrected_total", { change: "ChangeHosts" }), { timeout: 60_000 })
      .toBeGreaterThan(0);
  });

  test("no secret is in any log, Event, status or metric", async () => {
    await cluster.annotate("ServerFarm", "itfarm1", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await waitFor("the most talkative level", () => operator.log.includes('"level":"debug"'));
    await expectNoSecrets(operator, [account.password]);
  });

  test("a deleted farm leaves nothing behind", async () => {
    expect((await getFarm(NAMESPACE, "itfarm1")).metadata.name).toBe("itfarm1");
    await cluster.delete("ServerFarm", "itfarm1", NAMESPACE, 30);
    expect(await ownedInDirectory()).toEqual([]);
    expect(await directory.find("ITFarm1$")).toBeUndefined();
    expect(await directory.find("Web Shop Hosts")).toBeUndefined();
  });
});
