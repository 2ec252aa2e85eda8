/** A farm's life, replayed from the audit log alone and compared with the directory at each stage. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Entry } from "ldapts";
import { decodeRetrievers } from "../../src/directory/entries.ts";
import { dnKey } from "../../src/names/distinguished-name.ts";
import { decodeSid } from "../../src/names/identifier.ts";
import { auditLines, mayRetrieve, queried, replay, type Trail } from "../harness/audit-trail.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { BASE } from "../harness/directory.ts";
import { codeBlock } from "../harness/docs.ts";
import { Kube } from "../harness/kube.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  farmReady,
  getFarm,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "audit";
const OU = `OU=Farms,${BASE}`;
const WEB = (number: number): string => `CN=WEB0${number},CN=Computers,${BASE}`;
const NUMBERS = [1, 2, 3, 4, 5];
const GROUPS = ["AuditShared", "AuditReaders"];
const MEMBER = "bf9679c0-0de6-11d0-a285-00aa003049e2";
/** What farms write of their own accounts and groups. */
const WRITTEN = [
  "sAMAccountName",
  "adminDescription",
  "description",
  "displayName",
  "dNSHostName",
  "servicePrincipalName",
  "userAccountControl",
  "msDS-SupportedEncryptionTypes",
  "msDS-GroupMSAMembership",
];

async function read(dn: string): Promise<Entry | undefined> {
  return (await directory.search(`(distinguishedName=${dn})`, ["*", ...WRITTEN, "member"]))[0];
}

/** As the log tells them. */
function valuesOf(entry: Entry, attribute: string): readonly string[] {
  const value = entry[attribute];
  if (attribute === "msDS-GroupMSAMembership") {
    if (!Buffer.isBuffer(value)) return [];
    const { denied, principals } = decodeRetrievers(value);
    return [...denied.map((sid) => `deny ${sid}`), ...principals.map((sid) => `allow ${sid}`)].toSorted();
  }
  return [value ?? []].flat().map(String).toSorted();
}

/** Bits are told with their names behind them. */
function told(values: readonly string[]): readonly string[] {
  return values.map((text) => text.replace(/^(\d+) \(.*\)$/, "$1")).toSorted();
}

/** What the directory has that the trail does not, and the other way round. */
async function differences(trail: Trail, computers: ReadonlyMap<string, string>): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (const known of trail.values()) {
    const entry = await read(known.dn);
    if (!entry) {
      found.push([known.dn, "is not there"]);
      continue;
    }
    const isAccount = [entry["objectClass"]].flat().includes("msDS-GroupManagedServiceAccount");
    for (const attribute of new Set([...known.values.keys(), ...(known.made ? WRITTEN : [])])) {
      const pair = [told(known.values.get(attribute) ?? []), valuesOf(entry, attribute)];
      if (JSON.stringify(pair[0]) !== JSON.stringify(pair[1]) && (isAccount || known.values.has(attribute)))
        found.push([known.dn, attribute, ...pair]);
    }
    const members = new Set(valuesOf(entry, "member").map(dnKey));
    if ([...known.members].some((key) => !members.has(key)) || [...known.out].some((key) => members.has(key)))
      found.push([known.dn, "member", known, members]);
    if (known.made && members.size !== known.members.size) found.push([known.dn, "members", known, members]);
    if (!isAccount) continue;
    const may = (
      await Promise.all(NUMBERS.map(async (number) => ((await directory.retrieves(`WEB0${number}`, entry.dn)) ? [dnKey(WEB(number))] : [])))
    ).flat();
    const says = mayRetrieve(trail, known, computers);
    if (JSON.stringify(may.toSorted()) !== JSON.stringify(says)) found.push([known.dn, "rights", may, says]);
  }
  return found;
}

describe.skipIf(!available)("the audit log", () => {
  let operator: Operator;
  let computers: ReadonlyMap<string, string>;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    const sid = async (name: string): Promise<string> => {
      const bytes = (await directory.find(name))?.["objectSid"];
      if (!Buffer.isBuffer(bytes)) throw new Error(`${name} has no SID`);
      return decodeSid(bytes);
    };
    computers = new Map(await Promise.all(NUMBERS.map(async (number) => [dnKey(WEB(number)), await sid(`WEB0${number}$`)] as const)));
    const account = await sid(DELEGATED.username.split("@")[0] ?? "");
    for (const name of GROUPS) {
      const dn = `CN=${name},CN=Users,${BASE}`;
      await directory.asAdministrator((client) => client.add(dn, { objectClass: "group", sAMAccountName: name }));
      await directory.grant(dn, `(OA;;WP;${MEMBER};;${account})`);
    }
    await applyDomain({ account: DELEGATED });
    operator = await startOperator({ level: "error" });
    await domainReady();
  });

  afterAll(async () => {
    await cleanUp();
    for (const name of GROUPS) await directory.asAdministrator((client) => client.del(`CN=${name},CN=Users,${BASE}`));
    expect(await operator.stop()).toBe(0);
  });

  /** The causes of what was written since the last stage; the log tells all that the directory has. */
  let before = 0;
  async function stage(...causes: readonly string[]): Promise<void> {
    const left = await waitFor(
      "the log to tell what the directory has",
      () => differences(replay(auditLines(operator.log)), computers),
      (found) => found.length === 0,
      30,
    );
    expect(left).toEqual([]);
    const lines = auditLines(operator.log);
    expect([...new Set(lines.slice(before).map(({ cause }) => cause))].toSorted()).toEqual(causes.toSorted());
    before = lines.length;
  }

  test("tells a farm's whole life, whatever level the log has", { timeout: 180_000 }, async () => {
    const shared = (computers: readonly string[]) => ({ computers, group: { name: "AuditShared", existing: true } });
    await cluster.apply(
      farmOf(NAMESPACE, "trail", {
        servicePrincipalNames: ["http/trail", "http/trail.contoso.com"],
        hosts: { computers: ["WEB01", "WEB02"] },
        account: { description: "first" },
      }),
    );
    await farmReady(NAMESPACE, "trail");
    await stage("SpecChange");
    const { uid, generation } = (await getFarm(NAMESPACE, "trail")).metadata;
    expect(auditLines(operator.log)[0]?.serverFarm).toEqual({ namespace: NAMESPACE, name: "trail", uid, generation });

    await patchFarm(NAMESPACE, "trail", {
      hosts: { computers: ["WEB02", "WEB03", "WEB04"] },
      account: { description: "second", encryptionTypes: ["AES256"] },
    });
    await farmReady(NAMESPACE, "trail");
    await stage("SpecChange");

    await patchFarm(NAMESPACE, "trail", { hosts: { quarantined: ["WEB03"] } });
    await farmReady(NAMESPACE, "trail");
    await stage("Quarantine");
    await patchFarm(NAMESPACE, "trail", { hosts: { computers: ["WEB02", "WEB04"], quarantined: [] } });
    await farmReady(NAMESPACE, "trail");
    await stage("SpecChange");

    // A stranger in the group, and another text.
    await directory.modify(`CN=trailHosts,${OU}`, "add", "member", [WEB(5)]);
    await directory.modify(`CN=trail,${OU}`, "replace", "description", ["somebody's"]);
    await waitFor(
      "the drift to end",
      async () => (await directory.find("trail$"))?.["description"] === "second" && (await directory.members("trailHosts")).length === 2,
    );
    await stage("Drift");

    await patchFarm(NAMESPACE, "trail", { accessGroups: [{ name: "AuditReaders" }, { name: "AuditOwn", existing: false }] });
    await farmReady(NAMESPACE, "trail");
    await stage("SpecChange");
    await patchFarm(NAMESPACE, "trail", { hosts: shared(["WEB02", "WEB04"]) });
    await farmReady(NAMESPACE, "trail");
    await stage("SpecChange");
    await patchFarm(NAMESPACE, "trail", { hosts: shared(["WEB04"]), accessGroups: [{ name: "AuditReaders" }] });
    await farmReady(NAMESPACE, "trail");
    await stage("SpecChange");
    await patchFarm(NAMESPACE, "trail", { hosts: { grant: "Principals", computers: ["WEB01", "WEB04"], group: null } });
    await farmReady(NAMESPACE, "trail");
    await stage("SpecChange");

    const old = {
      objectClass: "msDS-GroupManagedServiceAccount",
      sAMAccountName: "auditold$",
      userAccountControl: "4096",
      "msDS-ManagedPasswordInterval": "30",
    };
    const consent = `serverfarm.dev adopt=${NAMESPACE}/auditold`;
    await directory.asAdministrator((client) =>
      client.add(`CN=auditold,${OU}`, { ...old, dNSHostName: "auditold.contoso.com", adminDescription: consent }),
    );
    await cluster.apply(farmOf(NAMESPACE, "auditold", { adoptionPolicy: "Unowned", hosts: { computers: ["WEB05"] } }));
    await farmReady(NAMESPACE, "auditold");
    await stage("Adoption", "SpecChange");
    expect(auditLines(operator.log).find(({ cause }) => cause === "Adoption")?.attributes).toEqual([
      { attribute: "adminDescription", before: [consent], after: [expect.stringContaining(`farm=${NAMESPACE}/auditold`)] },
    ]);

    const password = await directory.managedPassword("WEB05", `CN=auditold,${OU}`);
    expect(password?.length).toBeGreaterThan(256);
    for (const name of ["trail", "auditold"]) await cluster.delete("ServerFarm", name, NAMESPACE);
    await stage("Decommission");
    const lines = auditLines(operator.log);
    expect([...replay(lines).values()].filter(({ made }) => made)).toEqual([]);
    // Each is done once. Of what is made a second line of the same reconcile says who it is.
    const made = lines.filter(({ operation, result }) => operation === "Create" && result === "Done");
    const trace = ({ write, reconcileID }: (typeof lines)[number]): readonly unknown[] => [write, reconcileID];
    expect(lines.filter(({ result }) => result !== "Done").map((line) => [...trace(line), line.result, line.attributes])).toEqual(
      made.map((line) => [...trace(line), "Found", []]),
    );
    expect(lines.filter(({ result, directoryObject }) => result === "Found" && !directoryObject.guid)).toEqual([]);
    expect(lines.filter(({ reconcileID }) => reconcileID === undefined)).toEqual([]);
    for (const secret of [password?.subarray(16, 272) ?? Buffer.alloc(1), Buffer.from(DELEGATED.password)])
      for (const form of [secret.toString("latin1"), secret.toString("base64"), secret.toString("hex")])
        expect(operator.log).not.toContain(form);
    expect(operator.log).not.toMatch(/managedpassword"/i);
  });

  // Of ours the API server writes no log.
  test.runIf(cluster instanceof Kube)("names the Kubernetes user with the query of the page", { timeout: 60_000 }, async () => {
    await cluster.apply(farmOf(NAMESPACE, "asked", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "asked");
    await cluster.delete("ServerFarm", "asked", NAMESPACE);
    const ask = (query: string) => queried(query, operator.log, cluster instanceof Kube ? cluster.auditLog : "");
    const all = await ask(await codeBlock("docs/security.md", "jq -nRr '"));
    const rows = all.filter((row) => row[5]?.startsWith("CN=asked"));
    const history = (await codeBlock("docs/security.md", "jq -nRr --arg farm")).replace("itfarm1", "asked").replace("WEB05", "web01");
    const [first = []] = await ask(history);
    expect(first.slice(1)).toEqual([NAMESPACE, "1", "admin", expect.stringMatching(/^(create|patch)$/), "names it"]);
    expect(rows.map(([, user, verb, cause, operation]) => [user, verb, cause, operation])).toEqual([
      ["admin", expect.stringMatching(/^(create|patch)$/), "SpecChange", "Create"],
      ["admin", expect.stringMatching(/^(create|patch)$/), "SpecChange", "Create"],
      ["admin", "delete", "Decommission", "Modify"],
      ["admin", "delete", "Decommission", "Delete"],
      ["admin", "delete", "Decommission", "Delete"],
    ]);
  });
});
