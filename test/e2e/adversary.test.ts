/** Manifests that try to take what is not theirs: nothing foreign changes, and every refusal names its reason. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DELEGATED } from "../harness/delegation.ts";
import { addComputer, addUser, BASE } from "../harness/directory.ts";
import {
  applyDomain,
  available,
  cluster,
  condition,
  createNamespace,
  directory,
  farmOf,
  farmReady,
  farmWhere,
  ownedInDirectory,
  useOperator,
} from "../harness/world.ts";

const NAMESPACE = "adversary";
/** Of somebody whom this namespace need not know. */
const VAULT = "vault";
const EVE = "Nothing-1234!";

/** Everything that is not the farms' of this test, with every attribute that a write could change. */
async function foreign(): Promise<readonly unknown[]> {
  const entries = await directory.search(
    "(&(|(objectClass=user)(objectClass=group))(!(adminDescription=serverfarm.dev*farm=adversary/evil*)))",
    ["sAMAccountName", "adminDescription", "member", "servicePrincipalName", "msDS-GroupMSAMembership", "description", "uSNChanged"],
  );
  // A bind that succeeds is counted on the account.
  return entries.filter(({ dn }) => !/^CN=(Administrator|svc-farms|WEB\d+),/i.test(dn)).toSorted((a, b) => a.dn.localeCompare(b.dn));
}

/** What is said to a tenant holds none of it: notes of others, members of their groups, and farms of other namespaces. */
const HUSH = /hush|vault|payroll-eve/i;

const EVIL: readonly (readonly [what: string, spec: object, reason: string, words: string])[] = [
  [
    "Domain Admins as host group",
    { hosts: { computers: ["WEB01"], group: { name: "Domain Admins" } } },
    "ProtectedObject",
    "Domain Admins",
  ],
  [
    "Domain Admins as existing host group",
    { hosts: { computers: ["WEB01"], group: { name: "Domain Admins", existing: true } } },
    "ProtectedObject",
    "Domain Admins",
  ],
  ["Domain Admins as access group", { accessGroups: [{ name: "Domain Admins" }] }, "ProtectedObject", "Domain Admins"],
  ["Administrators as access group", { accessGroups: [{ name: "Administrators" }] }, "ProtectedObject", "Administrators"],
  [
    "Domain Computers as access group of its own",
    { accessGroups: [{ name: "Domain Computers", existing: false }] },
    "ProtectedObject",
    "Domain Computers",
  ],
  ["another farm's account", { account: { name: "Victim" } }, "NotOwned", "it belongs to the ServerFarm adversary/victim"],
  [
    "another farm's account, by adoption",
    { account: { name: "Victim" }, adoptionPolicy: "Unowned" },
    "NotOwned",
    "it belongs to the ServerFarm adversary/victim",
  ],
  ["another farm's host group", { hosts: { group: { name: "VictimHosts" } } }, "NotOwned", "it belongs to the ServerFarm adversary/victim"],
  [
    "another farm's host group as existing",
    { hosts: { computers: ["WEB05"], group: { name: "VictimHosts", existing: true } } },
    "NotOwned",
    "it belongs to the ServerFarm adversary/victim",
  ],
  ["another farm's host group as access group", { accessGroups: [{ name: "VictimHosts" }] }, "NotOwned", "adversary/victim"],
  ["another farm's SPN", { servicePrincipalNames: ["HTTP/victim"] }, "ServicePrincipalNameInUse", "CN=Victim,"],
  ["a computer's own SPN", { servicePrincipalNames: ["host/bank01.contoso.com"] }, "ServicePrincipalNameInUse", "CN=BANK01,"],
  ["a group without consent, by adoption", { hosts: { group: { name: "Payroll" } }, adoptionPolicy: "Unowned" }, "NotOwned", "OU=HR"],
  ["a group in another OU", { hosts: { group: { name: "Payroll" } } }, "NotOwned", "OU=HR"],
  [
    "a group in another OU than it says",
    { hosts: { computers: ["WEB01"], group: { name: "Payroll", existing: true, container: "CN=Users" } } },
    "GroupNotFound",
    "OU=HR",
  ],
  ["a group in another OU as its own access group", { accessGroups: [{ name: "Payroll", existing: false }] }, "NotOwned", "OU=HR"],
  ["a computer's name", { account: { samAccountName: "WEB01" } }, "ObjectExists", "CN=WEB01,"],
  ["the name of the Administrator", { hosts: { group: { name: "Administrator" } } }, "ProtectedObject", "CN=Administrator,CN=Users"],
  ["a person as host", { hosts: { computers: [`CN=Administrator,CN=Users,${BASE}`] } }, "HostNotFound", "CN=Administrator"],
  ["another farm's account as host", { hosts: { computers: ["Victim$"] } }, "HostNotFound", "Victim$"],
  [
    "the forest's configuration",
    { account: { container: "CN=Sites,CN=Configuration" } },
    "InvalidSpec",
    "is in the forest's configuration",
  ],
  [
    "a name of a class of domain controllers",
    { servicePrincipalNames: ["ldap/evil.contoso.com"] },
    "ServicePrincipalNameReserved",
    "ldap/evil",
  ],
  ["a name of the domain", { servicePrincipalNames: ["cifs/contoso.com"] }, "ServicePrincipalNameReserved", "cifs/contoso.com"],
  ["a name of a domain controller", { servicePrincipalNames: ["http/dc9.contoso.com"] }, "ServicePrincipalNameReserved", "CN=DC9,"],
  ["a name of a computer that is no host", { servicePrincipalNames: ["http/bank02:8080"] }, "ServicePrincipalNameReserved", "CN=BANK02,"],
  [
    "a name that a computer's stands for",
    { servicePrincipalNames: ["http/bank01.contoso.com"] },
    "ServicePrincipalNameInUse",
    "as HOST/bank01.contoso.com",
  ],
  ["a domain controller's dNSHostName", { account: { dnsHostName: "dc9.contoso.com" } }, "ObjectExists", "CN=DC9,"],
  ["the domain's name as dNSHostName", { account: { dnsHostName: "contoso.com" } }, "ObjectExists", "the domain contoso.com"],
  ["a domain controller as host", { hosts: { computers: ["WEB01", "DC9"] } }, "HostNotTrusted", "is a domain controller"],
  ["a host whose name somebody squatted", { hosts: { computers: ["SQUATTED"] } }, "HostNotTrusted", "was created by an ordinary user"],
  ["one of two computers of a name", { hosts: { computers: ["twin.contoso.com"] } }, "HostAmbiguous", "2 computers have"],
  ["a quarantine with a slip of the pen", { hosts: { quarantined: ["WEB0l"] } }, "QuarantineNotFound", "keeps nobody out"],
  [
    "another namespace's existing group",
    { hosts: { computers: ["WEB05"], group: { name: "Bank", existing: true } } },
    "GroupInUse",
    "Bank",
  ],
  [
    "people as hosts, by adoption",
    { hosts: { group: { name: "Clerks" } }, adoptionPolicy: "Unowned" },
    "NotOwned",
    "not all of its members",
  ],
  ["a child domain", { account: { container: `OU=X,DC=child,${BASE}` } }, "InvalidSpec", "is not in the domain"],
];

describe.skipIf(!available)("an adversary", () => {
  useOperator(NAMESPACE);
  let before: readonly unknown[];
  let owned: readonly string[];

  beforeAll(async () => {
    // An administrator is exempt from checks of the directory's own.
    await applyDomain({ account: DELEGATED });
    await createNamespace(VAULT);
    await directory.asAdministrator(async (client) => {
      await client.add(`OU=HR,${BASE}`, { objectClass: "organizationalUnit" });
      const vault = await addComputer(client, "VAULT1");
      await client.add(`CN=Payroll,OU=HR,${BASE}`, {
        objectClass: "group",
        sAMAccountName: "Payroll",
        adminDescription: "hush: ask Anna",
        member: [vault],
      });
      await client.add(`CN=Bank,OU=HR,${BASE}`, { objectClass: "group", sAMAccountName: "Bank", member: [vault] });
      await client.add(`CN=Clerks,OU=HR,${BASE}`, {
        objectClass: "group",
        sAMAccountName: "Clerks",
        adminDescription: `serverfarm.dev adopt=${NAMESPACE}/evil`,
        member: [await addUser(client, "payroll-eve", EVE)],
      });
      await addComputer(client, "BANK01", { servicePrincipalName: ["HOST/bank01.contoso.com"] });
      await addComputer(client, "BANK02");
      await addComputer(client, "DC9", { userAccountControl: "532480" });
      for (const name of ["TWIN1", "TWIN2"]) await addComputer(client, name, { dNSHostName: "twin.contoso.com" });
    });
    await directory.selfJoin({ username: "payroll-eve@contoso.com", password: EVE }, "SQUATTED");
    await cluster.apply(farmOf(VAULT, "hush", { hosts: { computers: ["VAULT1"], group: { name: "Bank", existing: true } } }));
    await farmReady(VAULT, "hush");
    await cluster.apply(
      farmOf(NAMESPACE, "victim", { account: { name: "Victim" }, servicePrincipalNames: ["http/victim"], hosts: { computers: ["WEB01"] } }),
    );
    await farmReady(NAMESPACE, "victim");
    before = await foreign();
    owned = await ownedInDirectory();
  });

  afterAll(async () => {
    await directory.asAdministrator(async (client) => {
      for (const name of ["Payroll", "Clerks", "Bank"]) await client.del(`CN=${name},OU=HR,${BASE}`);
      await client.del(`OU=HR,${BASE}`);
      for (const name of ["BANK01", "BANK02", "VAULT1", "DC9", "TWIN1", "TWIN2", "SQUATTED"])
        await client.del(`CN=${name},CN=Computers,${BASE}`);
      await client.del(`CN=payroll-eve,CN=Users,${BASE}`);
    });
  });

  test.each(EVIL)("%s", async (_, spec, reason, words) => {
    await cluster.apply(farmOf(NAMESPACE, "evil", spec));
    const farm = await farmWhere(NAMESPACE, "evil", (seen) => {
      const ready = condition(seen, "Ready");
      return ready?.status === "False" && !["Progressing", "ChangesPending"].includes(ready.reason);
    });
    expect(condition(farm, "Ready")?.message).toContain(words);
    expect(condition(farm, "Ready")?.reason).toBe(reason);
    expect(JSON.stringify(farm.status)).not.toMatch(HUSH);
    expect(await foreign()).toEqual(before);
    await cluster.delete("ServerFarm", "evil", NAMESPACE, 30);
    expect(await foreign()).toEqual(before);
    expect(await ownedInDirectory()).toEqual(owned);
  });

  test("names with every special character are names and nothing else", { timeout: 120_000 }, async () => {
    const names = [
      `evil, + " \\ < > ; = # x`,
      `#evil*(&(|)`,
      `ev\\00il)(objectClass=*`,
      `evil=DC=contoso,DC=com`,
      `ёвил 猫 ü`,
      `e'v\`i$l{}~^[]%`,
    ];
    for (const [index, name] of names.entries()) {
      await cluster.apply(
        farmOf(NAMESPACE, "evil", {
          account: { name, samAccountName: `evil${index}`, description: name, displayName: name },
          hosts: { computers: ["WEB01"], group: { name: `evil${index} (x) \`'&! Hosts` } },
        }),
      );
      await farmReady(NAMESPACE, "evil");
      const [account, group] = [await directory.find(`evil${index}$`), await directory.search(`(cn=evil${index} \\28x\\29 *Hosts)`)];
      expect(account).toMatchObject({ cn: name, description: name, displayName: name });
      expect(group).toHaveLength(1);
      expect(await foreign()).toEqual(before);
      await cluster.delete("ServerFarm", "evil", NAMESPACE, 30);
      expect(await directory.find(`evil${index}$`)).toBeUndefined();
    }
    expect(await foreign()).toEqual(before);
  });
});
