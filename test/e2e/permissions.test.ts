/** The rights of docs/domain-setup.md, on Samba: with each taken away in turn, the operator names the one that is missing; given back, it goes on. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { Samba } from "../harness/samba.ts";
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
  domainWhere,
  farmOf,
  farmReady,
  farmWhere,
  patchFarm,
  startOperator,
} from "../harness/world.ts";
import type { Operator } from "../harness/operator.ts";

const NAMESPACE = "rights";
const OU = "OU=Farms,DC=contoso,DC=com";
const GMSA = "msDS-GroupManagedServiceAccount";

/** schemaIDGUIDs of classes and attributes (MS-ADSC, MS-ADA1 to 3). */
const SCHEMA: Readonly<Record<string, string>> = {
  "7b8b558a-93a5-4af7-adca-c017e67f1057": GMSA,
  "bf967a9c-0de6-11d0-a285-00aa003049e2": "group",
  "888eedd6-ce04-df40-b462-b8a50e41ba38": "msDS-GroupMSAMembership",
  "f3a64788-5306-11d1-a9c5-0000f80367c1": "servicePrincipalName",
  "72e39547-7b18-11d1-adef-00c04fd8d5cd": "dNSHostName",
  "20119867-1d04-4ab7-9371-cfc3d5df0afd": "msDS-SupportedEncryptionTypes",
  "bf967a68-0de6-11d0-a285-00aa003049e2": "userAccountControl",
  "bf967950-0de6-11d0-a285-00aa003049e2": "description",
  "bf967953-0de6-11d0-a285-00aa003049e2": "displayName",
  "bf967919-0de6-11d0-a285-00aa003049e2": "adminDescription",
  "bf9679c0-0de6-11d0-a285-00aa003049e2": "member",
  "3e0abfd0-126a-11d0-a060-00aa006c33ed": "sAMAccountName",
};

/** What needs the right: a farm that is made, changed, or deleted. */
type Step =
  | { readonly kind: "Make" }
  | { readonly kind: "Change"; readonly spec: object }
  | { readonly kind: "Delete"; readonly spec?: object };

const STEPS: Readonly<Record<string, Step>> = {
  [`create ${GMSA}`]: { kind: "Make" },
  "create group": { kind: "Make" },
  [`delete ${GMSA}`]: { kind: "Delete" },
  "delete group": { kind: "Delete" },
  [`write msDS-GroupMSAMembership of ${GMSA}`]: { kind: "Change", spec: { hosts: { grant: "Principals", computers: ["WEB01"] } } },
  [`write servicePrincipalName of ${GMSA}`]: { kind: "Change", spec: { servicePrincipalNames: ["http/rights"] } },
  [`write dNSHostName of ${GMSA}`]: { kind: "Change", spec: { account: { dnsHostName: "other.contoso.com" } } },
  [`write msDS-SupportedEncryptionTypes of ${GMSA}`]: { kind: "Change", spec: { account: { encryptionTypes: ["AES256"] } } },
  [`write userAccountControl of ${GMSA}`]: { kind: "Change", spec: { account: { enabled: false } } },
  [`write description of ${GMSA}`]: { kind: "Change", spec: { account: { description: "new", displayName: "kept" } } },
  [`write displayName of ${GMSA}`]: { kind: "Change", spec: { account: { displayName: "New" } } },
  [`write adminDescription of ${GMSA}`]: { kind: "Delete", spec: { deletionPolicy: "Retain" } },
  "write adminDescription of group": { kind: "Delete", spec: { deletionPolicy: "Retain" } },
  "write member of group": { kind: "Change", spec: { hosts: { computers: ["WEB01", "WEB02"] } } },
  "write sAMAccountName of group": { kind: "Change", spec: { hosts: { computers: ["WEB01"], group: { name: "RightsRenamed" } } } },
};

interface Right {
  readonly name: string;
  /** The entry that gives it, and what of it remains without it. */
  readonly entry: string;
  readonly rest: string | undefined;
}

/** `(OA;CI;CCDC;<class>;;<SID>)`, `(OA;CIIO;WP;<attribute>;<class>;<SID>)`. */
function rightsOf(entry: string): readonly Right[] {
  const [type, flags, rights = "", object = "", inherited = "", sid] = entry.slice(1, -1).split(";");
  const named = (guid: string): string => SCHEMA[guid.toLowerCase()] ?? guid;
  if (inherited !== "") return [{ name: `write ${named(object)} of ${named(inherited)}`, entry, rest: undefined }];
  expect(rights).toBe("CCDC");
  const only = (right: string): string => `(${[type, flags, right, object, inherited, sid].join(";")})`;
  return [
    { name: `create ${named(object)}`, entry, rest: only("DC") },
    { name: `delete ${named(object)}`, entry, rest: only("CC") },
  ];
}

const samba = available && directory instanceof Samba ? directory : undefined;

describe.skipIf(!samba)("the rights that the operator's account is given", () => {
  let operator: Operator;
  let rights: readonly Right[];
  let operatorSid: string;

  beforeAll(async () => {
    await delegate(directory);
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED, spec: { defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Farms" } } });
    operator = await startOperator();
    await domainReady();
    const sddl = (await samba?.accessList(OU)) ?? "";
    const entries = sddl.match(/\([^)]*\)/g) ?? [];
    // The operator's account alone is given rights on gMSAs.
    const sid = /S-1-5-21-[\d-]+/.exec(entries.find((entry) => entry.includes(";CCDC;7b8b558a")) ?? "")?.[0] ?? "no SID";
    operatorSid = sid;
    rights = entries.filter((entry) => entry.includes(sid)).flatMap(rightsOf);
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
  });

  test("each of them is needed, and named where it is missing", { timeout: 300_000 }, async () => {
    expect(rights.map(({ name }) => name).toSorted()).toEqual(Object.keys(STEPS).toSorted());
    for (const [index, { name, entry, rest }] of rights.entries()) {
      const step = STEPS[name];
      const farm = `right${index}`;
      const spec = { adoptionPolicy: "Unowned", hosts: { computers: ["WEB01"] }, ...(step?.kind === "Delete" ? step.spec : {}) };
      if (step?.kind !== "Make") {
        // Whoever makes an account may write some attributes of it by that alone; so somebody else has made this one.
        await directory.asAdministrator((client) => client.add(`CN=${farm},${OU}`, accountOf(farm, NAMESPACE)));
        await cluster.apply(farmOf(NAMESPACE, farm, spec));
        await farmReady(NAMESPACE, farm);
      }
      await samba?.changeAccessList(OU, entry, rest);
      if (step?.kind === "Make") await cluster.apply(farmOf(NAMESPACE, farm, spec));
      else if (step?.kind === "Change") await patchFarm(NAMESPACE, farm, step.spec);
      else await cluster.delete("ServerFarm", farm, NAMESPACE, 0);
      const [verb = "", ...what] = name.split(" ");
      const said = `the right to ${name} objects in ${OU} is missing`;
      const line =
        verb === "write" ? `/I:S /G "${DELEGATED.username}:WP;${what[0]};${what[2]}"` : `/I:T /G "${DELEGATED.username}:CCDC;${what[0]}"`;
      const seen = await farmWhere(NAMESPACE, farm, (found) =>
        /the right to |insufficientAccessRights/.test(JSON.stringify(found.status?.conditions)),
      );
      // Nothing is half made.
      if (step?.kind === "Make")
        expect([await directory.find(`${farm}Hosts`), await directory.find(`${farm}$`)]).toEqual([undefined, undefined]);
      const messages = (seen.status?.conditions ?? []).map(({ message }) => message).join("\n");
      expect(messages, name).toContain(said);
      expect(messages, name).toContain(`dsacls "${OU}" ${line}`);
      expect(condition(seen, "Ready")?.reason).toBe(step?.kind === "Delete" ? "DeletionBlocked" : "AccessDenied");
      if (verb !== "delete") {
        // A look at the domain says it as well.
        await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { resync: `${index + 60}m` } });
        const named = await domainWhere((_, all) =>
          all.some(({ type, message }) => type === "PermissionsSufficient" && message.includes(said)),
        );
        expect(named.find(({ type }) => type === "PermissionsSufficient")?.message).toContain(line);
      }
      await samba?.changeAccessList(OU, rest, entry);
      await cluster.annotate("ServerFarm", farm, NAMESPACE, { "serverfarm.dev/reconcile-requested-at": String(index) });
      if (step?.kind !== "Delete") {
        await farmReady(NAMESPACE, farm);
        await cluster.delete("ServerFarm", farm, NAMESPACE, 0);
      }
      await cluster.waitGone("ServerFarm", farm, NAMESPACE);
    }
    await cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { resync: "1h" } });
    await waitFor(
      "the rights to suffice",
      () => domainReady(),
      (all) => all.some(({ type, status }) => type === "PermissionsSufficient" && status === "True"),
    );
  });

  test("of SPNs also on an account that the operator made, where the directory speaks of validation", { timeout: 120_000 }, async () => {
    const right = rights.find(({ name }) => name === `write servicePrincipalName of ${GMSA}`);
    await cluster.apply(farmOf(NAMESPACE, "made", { hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "made");
    await samba?.changeAccessList(OU, right?.entry, undefined);
    await patchFarm(NAMESPACE, "made", { servicePrincipalNames: ["http/anything.contoso.com"] });
    const seen = await farmWhere(NAMESPACE, "made", (farm) => condition(farm, "ServicePrincipalNamesReady")?.reason === "AccessDenied");
    expect(condition(seen, "ServicePrincipalNamesReady")?.message).toContain(`WP;servicePrincipalName;${GMSA}"`);
    // One that is made with SPNs is made whole: whoever may create an account may set what it is created with.
    await cluster.apply(farmOf(NAMESPACE, "whole", { servicePrincipalNames: ["http/whole.contoso.com"], hosts: { computers: ["WEB01"] } }));
    await farmReady(NAMESPACE, "whole");
    await samba?.changeAccessList(OU, undefined, right?.entry);
    await cluster.annotate("ServerFarm", "made", NAMESPACE, { "serverfarm.dev/reconcile-requested-at": "now" });
    await farmReady(NAMESPACE, "made");
    for (const name of ["made", "whole"]) await cluster.delete("ServerFarm", name, NAMESPACE);
  });

  test("of a group of somebody else, too", { timeout: 150_000 }, async () => {
    const group = "CN=OthersHosts,CN=Users,DC=contoso,DC=com";
    await directory.asAdministrator((client) => client.add(group, { objectClass: "group", sAMAccountName: "OthersHosts" }));
    await cluster.apply(farmOf(NAMESPACE, "guest", { hosts: { computers: ["WEB01"], group: { name: "OthersHosts", existing: true } } }));
    const seen = await farmWhere(NAMESPACE, "guest", (farm) => condition(farm, "HostsReady")?.reason === "AccessDenied");
    expect(condition(seen, "HostsReady")?.message).toContain(
      `the right to write member of ${group} is missing: dsacls "${group}" /G "${DELEGATED.username}:WP;member".`,
    );
    const page = await readFile(new URL("../../docs/domain-setup.md", import.meta.url), "utf8");
    const line = /^samba-tool dsacl set --objectdn="CN=WebServers,.*$/m.exec(page)?.[0].replace(/CN=WebServers,[^"]*/, group);
    await directory.runSetupScript(`SID=${operatorSid}\n${line ?? "false"}`, "");
    // It goes on by itself.
    await farmReady(NAMESPACE, "guest", 90);
    expect(await directory.members("OthersHosts")).toEqual(["WEB01$"]);
    await cluster.delete("ServerFarm", "guest", NAMESPACE);
    await directory.asAdministrator((client) => client.del(group));
  });
});

/** With the consent that its farm may take it over. */
function accountOf(name: string, namespace: string): Record<string, string> {
  return {
    objectClass: GMSA,
    sAMAccountName: `${name}$`,
    userAccountControl: "4096",
    "msDS-ManagedPasswordInterval": "30",
    dNSHostName: `${name}.contoso.com`,
    adminDescription: `serverfarm.dev adopt=${namespace}/${name}`,
  };
}
