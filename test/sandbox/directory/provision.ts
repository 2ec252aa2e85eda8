/** The domain as an administrator finds it on its first day. */
import { encodeGuid, encodeSid } from "../../../src/names/identifier.ts";
import { type Entry, filetime } from "./database.ts";
import type { Directory } from "./directory.ts";
import { MAPPINGS } from "./principal-name-rules.ts";
import { CLASS_SCHEMAS, classChain, type Value } from "./schema.ts";

export interface Provisioning {
  readonly hostName: string;
  readonly administratorPassword: string;
}

/** Ten hours and more: every DC has the key. */
const LONG_AGO = 48 * 3_600_000;

export function provision(directory: Directory, { hostName, administratorPassword }: Provisioning): void {
  const { database, baseDn, domainSid, settings } = directory;
  const classOf = (name: string): Record<string, readonly Value[]> => ({
    objectClass: classChain(name),
    objectCategory: [`CN=${CLASS_SCHEMAS.get(name.toLowerCase())?.category ?? ""},CN=Schema,CN=Configuration,${baseDn}`],
  });
  const make = (parent: Entry, name: string, className: string, attributes: Readonly<Record<string, readonly Value[]>> = {}): Entry =>
    database.add(
      parent,
      { type: CLASS_SCHEMAS.get(className.toLowerCase())?.rdn.toUpperCase() ?? "CN", value: name },
      { ...classOf(className), ...attributes },
    );
  const critical = { isCriticalSystemObject: ["TRUE"] };

  const domain = database.addContext(baseDn, {
    ...classOf("domainDNS"),
    ...critical,
    objectSid: [encodeSid(domainSid)],
    lockoutThreshold: ["0"],
    "ms-DS-MachineAccountQuota": ["10"],
    wellKnownObjects: [
      `B:32:A9D1CA15768811D1ADED00C04FD8D5CD:CN=Users,${baseDn}`,
      `B:32:AA312825768811D1ADED00C04FD8D5CD:CN=Computers,${baseDn}`,
    ],
    otherWellKnownObjects: [`B:32:1EB93889E40C45DF9F0C64D23BBB6237:CN=Managed Service Accounts,${baseDn}`],
  });
  const container = (parent: Entry, name: string): Entry => make(parent, name, "container", critical);
  const [users, builtin] = [container(domain, "Users"), container(domain, "Builtin")];
  for (const name of ["Computers", "Managed Service Accounts", "System", "Deleted Objects"]) container(domain, name);
  const controllers = make(domain, "Domain Controllers", "organizationalUnit", critical);

  const group = (parent: Entry, name: string, sid: string, type: string, guarded: boolean): Entry =>
    make(parent, name, "group", {
      ...critical,
      objectSid: [encodeSid(sid)],
      sAMAccountName: [name],
      sAMAccountType: [parent === builtin ? "536870912" : "268435456"],
      groupType: [type],
      ...(guarded ? { adminCount: ["1"] } : {}),
    });
  const administrators = group(builtin, "Administrators", "S-1-5-32-544", "-2147483643", true);
  group(builtin, "Users", "S-1-5-32-545", "-2147483643", false);
  group(builtin, "Account Operators", "S-1-5-32-548", "-2147483643", true);
  const domainAdmins = group(users, "Domain Admins", `${domainSid}-512`, "-2147483646", true);
  for (const [name, rid] of [
    ["Domain Users", 513],
    ["Domain Guests", 514],
    ["Domain Computers", 515],
  ] as const) {
    group(users, name, `${domainSid}-${rid}`, "-2147483646", false);
  }
  for (const [name, rid] of [
    ["Domain Controllers", 516],
    ["Schema Admins", 518],
    ["Enterprise Admins", 519],
  ] as const) {
    group(users, name, `${domainSid}-${rid}`, "-2147483646", true);
  }
  const user = (name: string, rid: number, control: string): Entry =>
    make(users, name, "user", {
      ...critical,
      objectSid: [encodeSid(`${domainSid}-${rid}`)],
      sAMAccountName: [name],
      sAMAccountType: ["805306368"],
      userAccountControl: [control],
      primaryGroupID: ["513"],
      badPwdCount: ["0"],
      adminCount: ["1"],
    });
  const administrator = user("Administrator", 500, "512");
  user("Guest", 501, "66082");
  user("krbtgt", 502, "514");
  directory.passwords.set(administrator.guid, Buffer.from(administratorPassword));
  database.setMembers(domainAdmins, [administrator]);
  database.setMembers(administrators, [administrator, domainAdmins]);

  const [short = "dc1"] = hostName.split(".");
  make(controllers, short.toUpperCase(), "computer", {
    ...critical,
    objectSid: [encodeSid(`${domainSid}-1000`)],
    sAMAccountName: [`${short.toUpperCase()}$`],
    sAMAccountType: ["805306369"],
    userAccountControl: ["532480"],
    primaryGroupID: ["516"],
    badPwdCount: ["0"],
    dNSHostName: [hostName],
    servicePrincipalName: [`HOST/${hostName}`, `HOST/${short.toUpperCase()}`, `ldap/${hostName}`],
  });

  const configuration = database.addContext(`CN=Configuration,${baseDn}`, classOf("configuration"));
  database.addContext(`CN=Schema,CN=Configuration,${baseDn}`, { ...classOf("dMD"), objectVersion: ["88"] });
  const partitions = make(configuration, "Partitions", "crossRefContainer");
  make(partitions, settings.netbiosName, "crossRef", {
    nCName: [baseDn],
    dNSRoot: [settings.dnsName],
    nETBIOSName: [settings.netbiosName],
  });
  const services = container(configuration, "Services");
  make(container(services, "Windows NT"), "Directory Service", "nTDSService", { sPNMappings: [MAPPINGS] });
  const keys = container(container(services, "Group Key Distribution Service"), "Master Root Keys");
  make(keys, crypto.randomUUID(), "msKds-ProvRootKey", {
    "msKds-Version": ["1"],
    "msKds-UseStartTime": [filetime(new Date(Date.now() - LONG_AGO))],
  });
  const site = container(container(configuration, "Sites"), "Default-First-Site-Name");
  const server = container(container(site, "Servers"), short.toUpperCase());
  make(server, "NTDS Settings", "nTDSDSA", { invocationId: [encodeGuid(directory.invocationId)] });
}
