import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { ADMINISTRATOR } from "../harness/samba.ts";
import {
  applyDomain,
  cleanUp,
  createNamespace,
  domainReady,
  farmOf,
  farmReady,
  getFarm,
  kube,
  ownedInDirectory,
  patchFarm,
  real,
  samba,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "web";

/** What the program must never print: passwords that the operator is given. */
async function expectNoSecrets(operator: Operator, secrets: readonly string[]): Promise<void> {
  const places = {
    log: operator.log,
    events: await kube.kubectl("get", "events", "-A", "-o", "json"),
    farms: await kube.kubectl("get", "serverfarms,activedirectorydomains", "-A", "-o", "json"),
    metrics: await operator.metrics(),
  };
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(100);
    for (const secret of secrets)
      for (const form of [secret, Buffer.from(secret).toString("base64")]) expect(text.includes(form), place).toBe(false);
  }
}

describe.skipIf(!real).each([
  { account: ADMINISTRATOR, container: "CN=Managed Service Accounts", spec: {} },
  { account: DELEGATED, container: "OU=Farms", spec: { defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Farms" } } },
])("the story of a farm, as $account.username", ({ account, container, spec }) => {
  const ACCOUNT = `CN=ITFarm1,${container},DC=contoso,DC=com`;
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    if (account === DELEGATED) await delegate(samba);
    operator = await startOperator({ leaderElection: true });
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
  });

  test("from kubectl apply to hosts that retrieve the password", async () => {
    await applyDomain({ account, spec });
    await domainReady();
    await kube.apply(
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
    await kube.kubectl("wait", "--for=condition=Ready", "farm/itfarm1", "-n", NAMESPACE, "--timeout=30s");
    for (const [computer, may] of [
      ["WEB01", true],
      ["WEB02", true],
      ["WEB03", true],
      ["WEB04", false],
    ] as const) {
      expect(await samba.retrieves(computer, ACCOUNT), computer).toBe(may);
    }
    expect(await samba.ticket("http/itfarm1.contoso.com")).toMatch(/kvno = \d+/);
    expect(await kube.kubectl("get", "farm", "-n", NAMESPACE)).toMatch(/itfarm1 +True +Reconciled +ITFarm1\$ +3\/3/);
  });

  test("hosts that are added and removed follow", async () => {
    await patchFarm(NAMESPACE, "itfarm1", {
      hosts: { computers: ["web02.contoso.com", "WEB04$", "CN=WEB05,CN=Computers,DC=contoso,DC=com"] },
    });
    await farmReady(NAMESPACE, "itfarm1");
    expect(await samba.members("ITFarm1Hosts")).toEqual(["WEB02$", "WEB04$", "WEB05$"]);
    expect(await samba.retrieves("WEB01", ACCOUNT)).toBe(false);
    expect(await samba.retrieves("WEB04", ACCOUNT)).toBe(true);
    expect(await kube.kubectl("get", "events", "-n", NAMESPACE)).toContain("run Uninstall-ADServiceAccount ITFarm1$ there");
  });

  test("changed properties follow, and foreign bits of the encryption types stay", async () => {
    await samba.modify(ACCOUNT, "replace", "msDS-SupportedEncryptionTypes", [String(0x10000 | 24)]);
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
    const entry = await samba.find("ITFarm1$");
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
    await patchFarm(NAMESPACE, "itfarm1", { account: { description: null, enabled: true } });
    await farmReady(NAMESPACE, "itfarm1");
    const again = await samba.find("ITFarm1$");
    expect(again).toMatchObject({ userAccountControl: "4096" });
    expect(again?.["description"]).toBeUndefined();
  });

  test("a renamed host group stays the same group", async () => {
    const before = await samba.find("ITFarm1Hosts");
    await patchFarm(NAMESPACE, "itfarm1", { hosts: { group: { name: "Web Shop Hosts" } } });
    await farmReady(NAMESPACE, "itfarm1");
    expect((await samba.find("Web Shop Hosts"))?.["objectSid"]).toEqual(before?.["objectSid"]);
    expect(await samba.retrieves("WEB04", ACCOUNT)).toBe(true);
    expect(await samba.find("ITFarm1Hosts")).toBeUndefined();
  });

  test("what somebody changes by hand is put right, and said", async () => {
    const group = (await samba.find("Web Shop Hosts"))?.dn ?? "";
    await samba.modify(group, "add", "member", ["CN=WEB06,CN=Computers,DC=contoso,DC=com"]);
    await waitFor(
      "WEB06 to go",
      () => samba.members("Web Shop Hosts"),
      (members) => !members.includes("WEB06$"),
    );
    await waitFor(
      "the Event",
      () => kube.kubectl("get", "events", "-n", NAMESPACE),
      (text) => text.includes("DriftCorrected"),
    );
    expect(await operator.metric("serverfarm_drift_corrected_total", { change: "ChangeHosts" })).toBeGreaterThan(0);
  });

  test("no secret is in any log, Event, status or metric", async () => {
    expect(operator.log).toContain('"level":"debug"');
    await expectNoSecrets(operator, [account.password]);
  });

  test("a deleted farm leaves nothing behind", async () => {
    expect((await getFarm(NAMESPACE, "itfarm1")).metadata.name).toBe("itfarm1");
    await kube.kubectl("delete", "farm", "itfarm1", "-n", NAMESPACE, "--timeout=30s");
    expect(await ownedInDirectory()).toEqual([]);
    expect(await samba.find("ITFarm1$")).toBeUndefined();
    expect(await samba.find("Web Shop Hosts")).toBeUndefined();
  });
});
