/** An account that may do more than farms need: the domain warns, by what the directory itself says, and holds nothing back. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeSid } from "../../src/names/identifier.ts";
import { DELEGATED } from "../harness/delegation.ts";
import { ADMINISTRATOR, addUser, BASE } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  type Condition,
  createNamespace,
  directory,
  domainReady,
  domainWhere,
  farmOf,
  farmReady,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "excess";
const OU = `OU=Farms,${BASE}`;
const MEMBER = "bf9679c0-0de6-11d0-a285-00aa003049e2";
const NESTED = { username: "nested@contoso.com", password: "Nested-Pass-1!" };
const USER_CLASS = "bf967aba-0de6-11d0-a285-00aa003049e2";

describe.skipIf(!available)("rights beyond need", () => {
  let operator: Operator;
  let sid: string;
  let looks = 0;

  beforeAll(async () => {
    await createNamespace(NAMESPACE);
    await directory.asAdministrator(async (client) => {
      await addUser(client, "nested", NESTED.password);
      // Called so that no name gives it away.
      const member = `CN=nested,CN=Users,${BASE}`;
      await client.add(`CN=Harmless,CN=Users,${BASE}`, { objectClass: "group", sAMAccountName: "Harmless", member });
    });
    await directory.modify(`CN=Account Operators,CN=Builtin,${BASE}`, "add", "member", [`CN=Harmless,CN=Users,${BASE}`]);
    const bytes = (await directory.find(DELEGATED.username.split("@")[0] ?? ""))?.["objectSid"];
    sid = Buffer.isBuffer(bytes) ? decodeSid(bytes) : "";
    await applyDomain({ account: DELEGATED });
    operator = await startOperator();
    await domainReady();
  });

  afterAll(async () => {
    await cleanUp();
    await directory.asAdministrator(async (client) => {
      for (const name of ["Harmless", "nested"]) await client.del(`CN=${name},CN=Users,${BASE}`);
    });
    expect(await operator.stop()).toBe(0);
  });

  /** What the condition says once it has the text and, where one is given, the reason, after another look. */
  async function permissions(text: string, reason?: string): Promise<Condition | undefined> {
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { resync: `${60 + ++looks}m` } });
    const is = (one: Condition): boolean =>
      one.type === "PermissionsSufficient" && one.message.includes(text) && (reason === undefined || one.reason === reason);
    return (await domainWhere((ready, all) => ready.status === "True" && all.some(is))).find(is);
  }

  test("the delegated account has none", async () => {
    expect(await permissions("no right is missing", "Reconciled")).toMatchObject({ status: "True" });
  });

  test("one more class in the farms' container is named", async () => {
    const entry = `(OA;CI;CC;${USER_CLASS};;${sid})`;
    await directory.grant(OU, entry);
    expect((await permissions("it may create", "Excessive"))?.message).toContain(`user in ${OU}`);
    await directory.revoke(OU, entry);
    await permissions("no right is missing", "Reconciled");
  });

  test("the right to write members of one group is needed; of a group that no farm may use it is too much", async () => {
    const entry = `(OA;;WP;${MEMBER};;${sid})`;
    const [one, users] = [`CN=Harmless,CN=Users,${BASE}`, `CN=Domain Guests,CN=Users,${BASE}`];
    await directory.grant(one, entry);
    await permissions("no right is missing", "Reconciled");
    await directory.grant(users, entry);
    expect((await permissions("outside the farms' containers", "Excessive"))?.message).toContain(`such as ${users}:`);
    await directory.revoke(users, entry);
    await permissions("no right is missing", "Reconciled");
  });

  test.each([
    ["an administrator", ADMINISTRATOR, "(S-1-5-32-544)"],
    ["one in such a group by way of another", NESTED, "Account Operators (S-1-5-32-548)"],
  ] as const)("%s is warned of, and farms go on", async (_, account, text) => {
    await applyDomain({ account });
    expect(await permissions(text)).toMatchObject({ status: "False" });
    if (account !== ADMINISTRATOR) return;
    await cluster.apply(farmOf(NAMESPACE, "goes", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "goes");
    await cluster.delete("ServerFarm", "goes", NAMESPACE);
  });
});
