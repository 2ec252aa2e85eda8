/**
 * Who really retrieves the password, with an operator that has only the rights of docs/domain-setup.md: hosts that are moved, renamed, quarantined, in a
 * group by their primary group, or made by an ordinary user; and entries that name nobody.
 */
import { Attribute, Change } from "ldapts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeRetrievers } from "../../src/directory/entries.ts";
import { decodeSid, relativeId } from "../../src/names/identifier.ts";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { addComputer, addUser, BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  condition,
  createNamespace,
  directory,
  domainReady,
  type Farm,
  farmOf,
  farmReady,
  farmWhere,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "identity";
const ELSEWHERE = `OU=Elsewhere,${BASE}`;
const WRITE_MEMBER = "bf9679c0-0de6-11d0-a285-00aa003049e2";
const dn = (name: string, container = `CN=Computers,${BASE}`): string => `CN=${name},${container}`;
const hostsReady = (farm: Farm): string => condition(farm, "HostsReady")?.message ?? "";
const sidOf = (entry: Awaited<ReturnType<typeof directory.find>>): string => {
  const bytes = entry?.["objectSid"];
  if (!Buffer.isBuffer(bytes)) throw new Error("no SID");
  return decodeSid(bytes);
};

async function retrieves(farm: string, ...computers: readonly string[]): Promise<readonly boolean[]> {
  const account = (await directory.find(`${farm}$`))?.dn ?? "";
  return await Promise.all(computers.map((name) => directory.retrieves(name, account)));
}

async function move(name: string, to: string): Promise<void> {
  const from = (await directory.find(`${name}$`))?.dn ?? "";
  await directory.asAdministrator((client) => client.modifyDN(from, to));
}

/** A farm of these hosts of its own: their names begin with the farm's. */
async function makeHosts(farm: string, count: number): Promise<readonly string[]> {
  const names = Array.from({ length: count }, (_, index) => `${farm.toUpperCase()}${index + 1}`);
  await directory.asAdministrator(async (client) => {
    for (const name of names) await addComputer(client, name);
  });
  return names;
}

describe.skipIf(!available)("a host is an object, and not a name", () => {
  let operator: Operator;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await delegate(directory);
    await directory.asAdministrator((client) => client.add(ELSEWHERE, { objectClass: "organizationalUnit" }));
    await applyDomain({ account: DELEGATED, spec: { defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Farms" } } });
    operator = await startOperator();
    await domainReady();
  });
  afterAll(async () => {
    try {
      await cleanUp();
    } finally {
      expect(await operator.stop()).toBe(0);
    }
  });

  /** A group of somebody else, of which the operator may write the members. */
  async function makeGroup(name: string): Promise<string> {
    const group = `CN=${name},CN=Users,${BASE}`;
    await directory.asAdministrator((client) => client.add(group, { objectClass: "group", sAMAccountName: name }));
    await directory.grant(group, `(OA;;WP;${WRITE_MEMBER};;${sidOf(await directory.find("svc-farms"))})`);
    return group;
  }

  const GRANTS = [
    ["grp", "the farm's own group", {}],
    ["prn", "the account's list", { grant: "Principals" }],
    ["ext", "an existing group", { group: { name: "ExtShared", existing: true } }],
  ] as const;

  test.each(GRANTS)(
    "%s: by %s, a wanted host that is moved or renamed keeps the right; a quarantined one stays out",
    async (farm, _, grant) => {
      const [one = "", moved = "", renamed = "", outMoved = "", outRenamed = ""] = await makeHosts(farm, 5);
      if (farm === "ext") await makeGroup("ExtShared");
      const computers = [one, dn(moved), renamed, outMoved, `${outRenamed.toLowerCase()}.contoso.com`];
      await cluster.apply(farmOf(NAMESPACE, farm, { hosts: { ...grant, computers } }));
      await farmReady(NAMESPACE, farm);
      expect(await retrieves(farm, one, moved, renamed, outMoved, outRenamed)).toEqual([true, true, true, true, true]);
      const quarantined = [dn(outMoved), outRenamed];
      await patchFarm(NAMESPACE, farm, { hosts: { quarantined } });
      await farmWhere(NAMESPACE, farm, (seen) => hostsReady(seen).includes("Quarantined"));
      expect(await retrieves(farm, one, outMoved, outRenamed)).toEqual([true, false, false]);

      await move(moved, dn(moved, ELSEWHERE));
      await move(outMoved, dn(outMoved, ELSEWHERE));
      for (const name of [renamed, outRenamed]) {
        await directory.modify(dn(name), "replace", "sAMAccountName", [`${name}X$`]);
        await directory.modify(dn(name), "replace", "dNSHostName", [`${name.toLowerCase()}x.contoso.com`]);
      }
      // Somebody else puts a compromised host back.
      if (farm === "ext") await directory.modify(`CN=ExtShared,CN=Users,${BASE}`, "add", "member", [dn(outMoved, ELSEWHERE)]);
      const after = await farmWhere(NAMESPACE, farm, (seen) =>
        [dn(moved), renamed, dn(outMoved), outRenamed].every((text) => hostsReady(seen).includes(`in place of ${text}`)),
      );
      expect(condition(after, "Ready")?.status).toBe("True");
      const all = [one, moved, `${renamed}X`, outMoved, `${outRenamed}X`];
      expect(await retrieves(farm, ...all)).toEqual([true, true, true, false, false]);
      // A restart forgets nothing, and a full look changes nothing.
      await operator.kill();
      operator = await startOperator();
      await domainReady();
      await cluster.patch("ServerFarm", farm, NAMESPACE, {
        metadata: { annotations: { "serverfarm.dev/reconcile-requested-at": "again" } },
      });
      await farmWhere(NAMESPACE, farm, ({ status }) => status?.lastHandledReconcileRequest === "again");
      expect(await retrieves(farm, ...all)).toEqual([true, true, true, false, false]);
      // Out until the entry leaves the manifest.
      await patchFarm(NAMESPACE, farm, { hosts: { computers: [one, moved, `${renamed}X`, outMoved], quarantined: [] } });
      await farmReady(NAMESPACE, farm);
      expect(await retrieves(farm, outMoved)).toEqual([true]);
    },
  );

  test("who is in the host group by its primary group: a stranger and a quarantined host do not retrieve, a wanted one does; the farm can be deleted", async () => {
    const [wanted = "", stranger = "", out = ""] = await makeHosts("pri", 3);
    await cluster.apply(farmOf(NAMESPACE, "pri", { hosts: { computers: [wanted, out] } }));
    await farmReady(NAMESPACE, "pri");
    const group = await directory.find("priHosts");
    const rid = String(relativeId(sidOf(group)));
    await patchFarm(NAMESPACE, "pri", { hosts: { quarantined: [out] } });
    await farmWhere(NAMESPACE, "pri", (seen) => hostsReady(seen).includes("Quarantined"));
    await directory.modify(dn(wanted), "replace", "primaryGroupID", [rid]);
    for (const name of [stranger, out]) {
      // Only a member can have a group as its primary group; and the operator may have taken it out again in between.
      await waitFor(`${name} to have the group as its primary group`, async () => {
        if (!(await directory.members("priHosts")).includes(`${name}$`))
          await directory.modify(group?.dn ?? "", "add", "member", [dn(name)]);
        return await directory.modify(dn(name), "replace", "primaryGroupID", [rid]).then(
          () => true,
          () => false,
        );
      });
    }
    // What is looked at in the middle of these changes may not be Ready yet.
    const seen = await farmWhere(
      NAMESPACE,
      "pri",
      (farm) =>
        condition(farm, "Ready")?.status === "True" &&
        [stranger, out].every((name) => hostsReady(farm).includes(`${dn(name)} is a member of priHosts by its primary group`)),
    );
    expect(seen.status?.hosts?.summary).toBe("1/1");
    expect(await retrieves("pri", wanted, stranger, out)).toEqual([true, false, false]);
    await cluster.delete("ServerFarm", "pri", NAMESPACE);
    await waitFor("the farm to be gone", async () => (await cluster.find("ServerFarm", "pri", NAMESPACE)) === undefined);
    expect(await directory.find("pri$")).toBeUndefined();
    expect((await directory.find("priHosts"))?.["adminDescription"]).toBeUndefined();
  });

  test.each(GRANTS)("%s: by %s, a host that hides from the operator is kept out all the same", async (farm, _, grant) => {
    const name = `hid${farm}`;
    const [one = "", hidden = ""] = await makeHosts(name, 2);
    if (farm === "ext" && !(await directory.find("ExtShared"))) await makeGroup("ExtShared");
    await cluster.apply(farmOf(NAMESPACE, name, { hosts: { ...grant, computers: [one, hidden] } }));
    await farmReady(NAMESPACE, name);
    expect(await retrieves(name, one, hidden)).toEqual([true, true]);
    // Whoever joined a computer owns it, and may say who reads it.
    const keepsOut = `(D;;RPLCLO;;;${sidOf(await directory.find("svc-farms"))})`;
    await directory.grant(dn(hidden), keepsOut);
    // Both lists may name it: it is out.
    await patchFarm(NAMESPACE, name, { hosts: { ...grant, computers: farm === "ext" ? [one] : [one, hidden], quarantined: [hidden] } });
    await waitFor("it to be out", async () => !(await retrieves(name, hidden))[0]);
    expect(await retrieves(name, one)).toEqual([true]);
    await directory.revoke(dn(hidden), keepsOut);
    await cluster.annotate("ServerFarm", name, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await farmReady(NAMESPACE, name);
    expect(await retrieves(name, one, hidden)).toEqual([true, false]);
    const group = farm === "grp" ? `${name}Hosts` : "ExtShared";
    const isIn = async (): Promise<boolean> => [(await directory.find(group))?.["member"]].flat().includes(dn(hidden));
    if (farm !== "prn") await waitFor("it to be out of the group", async () => !(await isIn()));
  });

  test.each([
    ["eve", "Everyone", "S-1-1-0"],
    ["aut", "Authenticated Users", "S-1-5-11"],
    ["for", "somebody of another domain", "S-1-5-21-11-22-33-4444"],
  ])("%s: while a host is not found, %s put into the account's list does not stay there", async (farm, _, sid) => {
    const [host = "", stranger = ""] = await makeHosts(farm, 2);
    await cluster.apply(farmOf(NAMESPACE, farm, { hosts: { grant: "Principals", computers: [host, "MISSING"] } }));
    await farmWhere(NAMESPACE, farm, (seen) => condition(seen, "HostsReady")?.reason === "HostNotFound");
    const account = await directory.find(`${farm}$`);
    const list = encodeRetrievers([sidOf(await directory.find(`${host}$`)), sid]);
    await directory.asAdministrator(async (client) => {
      await client.modify(
        account?.dn ?? "",
        new Change({ operation: "replace", modification: new Attribute({ type: "msDS-GroupMSAMembership", values: [list] }) }),
      );
    });
    await waitFor("the stranger to be out", async () => !(await retrieves(farm, stranger))[0]);
    expect(await retrieves(farm, host)).toEqual([true]);
    await waitFor("the list to be right", async () => {
      const [entry] = await directory.search(`(sAMAccountName=${farm}$)`, ["msDS-GroupMSAMembership"]);
      const bytes = entry?.["msDS-GroupMSAMembership"];
      return Buffer.isBuffer(bytes) && !bytes.equals(list);
    });
  });

  test("a name that is listed before its computer exists, and taken by an ordinary user, gets no right until the domain says so", async () => {
    await makeHosts("sqt", 1);
    await directory.asAdministrator((client) => addUser(client, "squatter", "Sq4tter!Pass"));
    await cluster.apply(farmOf(NAMESPACE, "sqt", { hosts: { computers: ["SQT1", "SQT2"] } }));
    await farmWhere(NAMESPACE, "sqt", (seen) => condition(seen, "HostsReady")?.reason === "HostNotFound");
    await directory.selfJoin({ username: "squatter@contoso.com", password: "Sq4tter!Pass" }, "SQT2");
    const seen = await farmWhere(NAMESPACE, "sqt", (farm) => condition(farm, "HostsReady")?.reason === "HostNotTrusted");
    expect(hostsReady(seen)).toContain(sidOf(await directory.find("squatter")));
    expect(await retrieves("sqt", "SQT1", "SQT2")).toEqual([true, false]);
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { selfJoinedComputers: "Grant" } });
    await farmReady(NAMESPACE, "sqt");
    expect(await retrieves("sqt", "SQT2")).toEqual([true]);
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { selfJoinedComputers: "Withhold" } });
    await waitFor("it to lose the right", async () => !(await retrieves("sqt", "SQT2"))[0]);
  });

  test("a quarantined entry that names nobody is said to, and waits for a person", async () => {
    await makeHosts("typ", 1);
    await cluster.apply(farmOf(NAMESPACE, "typ", { hosts: { computers: ["TYP1"], quarantined: ["TYP0"] } }));
    const seen = await farmWhere(NAMESPACE, "typ", (farm) => condition(farm, "Stalled")?.status === "True");
    expect(condition(seen, "HostsReady")).toMatchObject({ status: "False", reason: "QuarantineNotFound" });
    expect(hostsReady(seen)).not.toContain("Quarantined:");
    expect(await retrieves("typ", "TYP1")).toEqual([true]);
  });
});
