/**
 * Names of accounts: the sAMAccountName, with the trailing $ of a computer or gMSA, the DNS host name, and service principal names. Active Directory
 * compares them without regard to case (MS-ADTS 3.1.1.2.2.4.10). How, and by which key an object is looked up, is said here alone.
 */
import { dnKey } from "./distinguished-name.ts";

export function foldName(name: string): string {
  return name.toLowerCase();
}

/** Whether two names are one; a name that is not there is none. */
export function sameName(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && foldName(a) === foldName(b);
}

/** Service principal names: class/host, class/host:port, class/host:instance or class/host/name. */
const PART = String.raw`[!-.0-9;-?A-\[\]-~]+`;
const FORM = new RegExp(String.raw`^(${PART})/((${PART})(?::${PART})?(/[!-.0-?A-\[\]-~]+)?)$`);

/**
 * Stricter than Active Directory, which takes almost anything: no spaces, no control characters, no backslash, no realm (@), no empty part. And ASCII
 * alone: Active Directory takes letters that differ in accent or width for the same (MS-ADTS 3.1.1.2.2.4.10), so that another spelling would be somebody else's name.
 */
export function isServicePrincipalName(text: string): boolean {
  return FORM.test(text);
}

interface ServicePrincipalName {
  /** Folded. */
  readonly serviceClass: string;
  /** All after the class: host, port or instance, name. */
  readonly instance: string;
  /** Folded, without port, instance or the dot of the root. */
  readonly host: string;
  readonly hasThreeParts: boolean;
}

function parseServicePrincipalName(text: string): ServicePrincipalName | undefined {
  const [, serviceClass = "", instance = "", host = "", name] = FORM.exec(text) ?? [];
  if (serviceClass === "") return undefined;
  return { serviceClass: foldName(serviceClass), instance, host: foldName(host).replace(/\.$/, ""), hasThreeParts: name !== undefined };
}

/** The host that a service principal name speaks of, folded; of what is none, nothing. */
export function hostOf(servicePrincipalName: string): string | undefined {
  return parseServicePrincipalName(servicePrincipalName)?.host;
}

/** The hosts that names of an account speak of, folded, each once. */
export function hostsOf(servicePrincipalNames: readonly string[], dnsHostName: string | undefined): readonly string[] {
  const own = dnsHostName === undefined ? [] : [foldName(dnsHostName)];
  return [...new Set([...servicePrincipalNames.flatMap((name) => hostOf(name) ?? []), ...own])];
}

/** Which classes a class stands for too, all folded: whoever holds host/x holds http/x. */
export type ServicePrincipalNameMappings = ReadonlyMap<string, readonly string[]>;

/** What every Active Directory is made with; used where the domain's own cannot be read. */
const USUAL_MAPPINGS =
  "host=alerter,appmgmt,cisvc,clipsrv,browser,dhcp,dnscache,replicator,eventlog,eventsystem,policyagent,oakley,dmserver,dns,mcsvc,fax,msiserver,ias,messenger,netlogon,netman,netdde,netddedsm,nmagent,plugplay,protectedstorage,rasman,rpclocator,rpc,rpcss,remoteaccess,rsvp,samss,scardsvr,scesrv,seclogon,scm,dcom,cifs,spooler,snmp,schedule,tapisrv,trksvr,trkwks,ups,time,wins,www,http,w3svc,iisadmin,msdtc";

/** The values of sPNMappings (class=class,class…). Never an empty one: where there is nothing to read, the usual ones. */
export function parseMappings(values: readonly string[]): ServicePrincipalNameMappings {
  const mappings = new Map<string, readonly string[]>();
  for (const value of values) {
    const [, base = "", list = ""] = /^\s*([^=\s]+)\s*=(.+)$/s.exec(value) ?? [];
    const classes = list.split(",").flatMap((name) => foldName(name.trim()) || []);
    if (base !== "" && classes.length > 0) mappings.set(foldName(base), [...(mappings.get(foldName(base)) ?? []), ...classes]);
  }
  return mappings.size > 0 ? mappings : parseMappings([USUAL_MAPPINGS]);
}

/** The names that imply this one: host/x of http/x. */
function implyingNames(servicePrincipalName: string, mappings: ServicePrincipalNameMappings): readonly string[] {
  return namesLike(servicePrincipalName, (own) => [...mappings].flatMap(([base, classes]) => (classes.includes(own) ? [base] : [])));
}

/** The names that it implies: http/x, cifs/x and some fifty more of host/x. */
function impliedNames(servicePrincipalName: string, mappings: ServicePrincipalNameMappings): readonly string[] {
  return namesLike(servicePrincipalName, (own) => mappings.get(own) ?? []);
}

function namesLike(servicePrincipalName: string, classesFor: (serviceClass: string) => readonly string[]): readonly string[] {
  const { serviceClass = "", instance = "" } = parseServicePrincipalName(servicePrincipalName) ?? {};
  return [...new Set(classesFor(serviceClass))].filter((name) => name !== serviceClass).map((name) => `${name}/${instance}`);
}

/** Both: whoever holds one of them holds this one, or would lose it to whoever is given this one. */
export function aliasesOf(servicePrincipalName: string, mappings: ServicePrincipalNameMappings): readonly string[] {
  return [...new Set([...impliedNames(servicePrincipalName, mappings), ...implyingNames(servicePrincipalName, mappings)])];
}

/** Names that a domain has besides its distinguished one, and what service principal names imply there. */
export interface DomainNames {
  readonly dnsName: string;
  readonly netBIOSName: string | undefined;
  readonly servicePrincipalNameMappings: ServicePrincipalNameMappings;
}

const OF_CONTROLLERS = "belongs to domain controllers";
const OF_KDC = "belongs to the key distribution centre (KDC)";
const OF_WINDOWS = "belongs to Windows, which registers it for each computer";

/** Classes that no farm can have, folded; one that ends with - begins many. */
const RESERVED_CLASSES: Readonly<Record<string, string>> = {
  ldap: OF_CONTROLLERS,
  gc: OF_CONTROLLERS,
  dns: OF_CONTROLLERS,
  "e3514235-4b06-11d1-ab04-00c04fc2dcd2": OF_CONTROLLERS,
  "dfsr-": OF_CONTROLLERS,
  "ntfrs-": OF_CONTROLLERS,
  krbtgt: OF_KDC,
  kadmin: OF_KDC,
  changepw: OF_KDC,
  restrictedkrbhost: OF_WINDOWS,
  termsrv: OF_WINDOWS,
};

/** Why no farm can have the name, whatever else there is in the domain: "the class ldap belongs to…". Undefined: by itself it is a farm's to have. */
export function reservedName(
  servicePrincipalName: string,
  { dnsName, netBIOSName }: Omit<DomainNames, "servicePrincipalNameMappings">,
): string | undefined {
  const parsed = parseServicePrincipalName(servicePrincipalName);
  if (!parsed) return undefined;
  const { serviceClass, host, hasThreeParts } = parsed;
  for (const [name, owner] of Object.entries(RESERVED_CLASSES)) {
    if (name.endsWith("-") ? serviceClass.startsWith(name) : serviceClass === name) return `the class ${serviceClass} ${owner}`;
  }
  if (serviceClass === "host" && hasThreeParts) return `HOST with three parts ${OF_CONTROLLERS}`;
  if (sameName(host, dnsName) || sameName(host, netBIOSName)) return `${host} is the domain itself`;
  if (host.split(".").includes("_msdcs")) return `${host} is a name of domain controllers`;
  return undefined;
}

/** By what a computer is found that a host name may mean. */
export function namesOfComputer(
  host: string,
  { dnsName }: Pick<DomainNames, "dnsName">,
): { readonly samAccountName: string; readonly dnsHostName: string } {
  const [label = ""] = host.split(".");
  return { samAccountName: `${label}$`, dnsHostName: host.includes(".") ? host : `${host}.${dnsName}` };
}

/** Whether an object bears the name of a host, in the one form or the other. */
export function bearerOf(
  host: string,
  domain: Pick<DomainNames, "dnsName">,
): (object: Pick<Named, "samAccountName" | "dnsHostName">) => boolean {
  const names = namesOfComputer(foldName(host), domain);
  return ({ samAccountName, dnsHostName }) => sameName(samAccountName, names.samAccountName) || sameName(dnsHostName, names.dnsHostName);
}

/** The first of each set of names that differ in case only, in their order. */
export function distinctServicePrincipalNames(names: readonly string[]): readonly string[] {
  return [...new Map(names.toReversed().map((name) => [foldName(name), name])).values()].toReversed();
}

/**
 * By what an object is looked up. An object answers to the keys that `keysOfObject` gives, and whoever asks for one of them by `lookupKey` means it.
 */
export type LookupAttribute =
  | "sAMAccountName"
  | "dNSHostName"
  | "distinguishedName"
  | "servicePrincipalName"
  | "objectGUID"
  | "objectSid"
  | "primaryGroupID"
  | "adminDescription";

export function lookupKey(by: LookupAttribute, value: string): string {
  return by === "distinguishedName" ? dnKey(value) : foldName(value);
}

interface NameLookup<By extends LookupAttribute> {
  readonly by: By;
  readonly value: string;
}

/** By what those are found who hold a name that implies one of these. */
export function implyingLookups(names: readonly string[], domain: DomainNames): readonly NameLookup<"servicePrincipalName">[] {
  return nameLookups(names.flatMap((name) => implyingNames(name, domain.servicePrincipalNameMappings)));
}

/** By what those are found who hold a name that one of these implies. */
export function impliedLookups(names: readonly string[], domain: DomainNames): readonly NameLookup<"servicePrincipalName">[] {
  return nameLookups(names.flatMap((name) => impliedNames(name, domain.servicePrincipalNameMappings)));
}

/** Each once: http/x and cifs/x ask for the same host/x. */
function nameLookups(names: readonly string[]): readonly NameLookup<"servicePrincipalName">[] {
  return distinctServicePrincipalNames(names).map((value) => ({ by: "servicePrincipalName", value }));
}

/** By what computers are found that bear these hosts' names, as far as their sAMAccountNames do not tell. */
export function dnsNameLookups(hosts: readonly string[], domain: Pick<DomainNames, "dnsName">): readonly NameLookup<"dNSHostName">[] {
  const names = new Set(hosts.map((host) => namesOfComputer(host, domain).dnsHostName));
  return [...names].map((value) => ({ by: "dNSHostName", value }));
}

/** What of an object it can be looked up by. */
export interface Named {
  readonly distinguishedName: string;
  readonly objectGUID: string;
  readonly samAccountName: string | undefined;
  readonly dnsHostName: string | undefined;
  readonly servicePrincipalNames: readonly string[];
}

/** Every key that the object answers to, but for its owner marker and its SID. */
export function keysOfObject({
  objectGUID,
  samAccountName,
  dnsHostName,
  distinguishedName,
  servicePrincipalNames,
}: Named): readonly string[] {
  return [
    lookupKey("objectGUID", objectGUID),
    ...keysOfHost({ samAccountName, dnsHostName, distinguishedName }),
    ...servicePrincipalNames.map((name) => lookupKey("servicePrincipalName", name)),
  ];
}

/** Those of them by which a farm names a host. */
export function keysOfHost({
  samAccountName,
  dnsHostName,
  distinguishedName,
}: Pick<Named, "samAccountName" | "dnsHostName" | "distinguishedName">): readonly string[] {
  return [
    ...(samAccountName === undefined ? [] : [lookupKey("sAMAccountName", samAccountName)]),
    ...(dnsHostName === undefined ? [] : [lookupKey("dNSHostName", dnsHostName)]),
    lookupKey("distinguishedName", distinguishedName),
  ];
}
