/** Manifests that try to take what is not theirs: nothing foreign changes, and every refusal names its reason. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addComputer, BASE } from "../harness/directory.ts";
import { available, cluster, condition, directory, farmOf, farmReady, farmWhere, ownedInDirectory, useOperator } from "../harness/world.ts";

const NAMESPACE = "adversary";

/** Everything that is not the farms' of this test, with every attribute that a write could change. */
async function foreign(): Promise<readonly unknown[]> {
  const entries = await directory.search(
    "(&(|(objectClass=user)(objectClass=group))(!(adminDescription=serverfarm.dev*farm=adversary/evil*)))",
    ["sAMAccountName", "adminDescription", "member", "servicePrincipalName", "msDS-GroupMSAMembership", "description", "uSNChanged"],
  );
  // A bind that succeeds is counted on the account.
  return entries.filter(({ dn }) => !/^CN=(Administrator|WEB\d+),/i.test(dn)).toSorted((a, b) => a.dn.localeCompare(b.dn));
}

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
  ["a child domain", { account: { container: `OU=X,DC=child,${BASE}` } }, "InvalidSpec", "is not in the domain"],
];

describe.skipIf(!available)("an adversary", () => {
  useOperator(NAMESPACE);
  let before: readonly unknown[];

  beforeAll(async () => {
    await directory.asAdministrator(async (client) => {
      await client.add(`OU=HR,${BASE}`, { objectClass: "organizationalUnit" });
      await client.add(`CN=Payroll,OU=HR,${BASE}`, {
        objectClass: "group",
        sAMAccountName: "Payroll",
        member: [`CN=WEB06,CN=Computers,${BASE}`],
      });
      await addComputer(client, "BANK01", { servicePrincipalName: ["HOST/bank01.contoso.com"] });
    });
    await cluster.apply(
      farmOf(NAMESPACE, "victim", { account: { name: "Victim" }, servicePrincipalNames: ["http/victim"], hosts: { computers: ["WEB01"] } }),
    );
    await farmReady(NAMESPACE, "victim");
    before = await foreign();
  });

  afterAll(async () => {
    await directory.asAdministrator(async (client) => {
      for (const dn of [`CN=Payroll,OU=HR,${BASE}`, `OU=HR,${BASE}`, `CN=BANK01,CN=Computers,${BASE}`]) await client.del(dn);
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
    expect(await foreign()).toEqual(before);
    await cluster.delete("ServerFarm", "evil", NAMESPACE, 30);
    expect(await foreign()).toEqual(before);
    expect((await ownedInDirectory()).length).toBe(2);
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
