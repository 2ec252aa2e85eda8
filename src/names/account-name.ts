/**
 * Names of accounts: the sAMAccountName, with the trailing $ of a computer or gMSA, the DNS host name, and service principal names. Active Directory
 * compares them without regard to case (MS-ADTS 3.1.1.2.2.4.10). How, and by which key an object is looked up, is said here alone.
 */

export function foldName(name: string): string {
  return name.toLowerCase();
}

/** Whether two names are one; a name that is not there is none. */
export function sameName(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && foldName(a) === foldName(b);
}

/** A farm, as far as it names its account and its host group. */
interface NamedFarm {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly account: { readonly name?: string };
    readonly hosts: { readonly group?: { readonly name?: string } };
  };
}

/** The common name of a farm's account: that of the farm by default. */
export function accountNameOf({ metadata, spec }: NamedFarm): string {
  return spec.account.name ?? metadata.name;
}

/** The sAMAccountName of a farm's host group, whoever owns it. */
export function hostGroupNameOf(farm: NamedFarm): string {
  return farm.spec.hosts.group?.name ?? `${accountNameOf(farm)}Hosts`;
}

interface AccountNames {
  /** Without the trailing $. */
  readonly samAccountName: string;
  readonly dnsHostName: string | undefined;
}

/** `name`: the common name of the account. `account`: what the farm says of it. `domain`: the DNS name of the domain. */
export function accountNames(
  name: string,
  account: { readonly samAccountName?: string; readonly dnsHostName?: string; readonly outboundOnly: boolean },
  domain: string,
): AccountNames {
  const samAccountName = account.samAccountName ?? name;
  if (account.outboundOnly) return { samAccountName, dnsHostName: undefined };
  return { samAccountName, dnsHostName: account.dnsHostName ?? `${samAccountName.toLowerCase()}.${domain}` };
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
  readonly hasRootDot: boolean;
  readonly hasThreeParts: boolean;
}

function parseServicePrincipalName(text: string): ServicePrincipalName | undefined {
  const [, serviceClass = "", instance = "", host = "", name] = FORM.exec(text) ?? [];
  if (serviceClass === "") return undefined;
  const hasRootDot = host.endsWith(".");
  const folded = foldName(host).replace(/\.$/, "");
  return { serviceClass: foldName(serviceClass), instance, host: folded, hasRootDot, hasThreeParts: name !== undefined };
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
export function implyingNames(servicePrincipalName: string, mappings: ServicePrincipalNameMappings): readonly string[] {
  return namesLike(servicePrincipalName, (own) => [...mappings].flatMap(([base, classes]) => (classes.includes(own) ? [base] : [])));
}

/** The names that it implies: http/x, cifs/x and some fifty more of host/x. */
export function impliedNames(servicePrincipalName: string, mappings: ServicePrincipalNameMappings): readonly string[] {
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

export const OF_CONTROLLERS = "belongs to domain controllers";
const OF_KDC = "belongs to the key distribution centre (KDC)";
const OF_WINDOWS = "belongs to Windows, which registers it for each computer";

/** Classes that no farm can have, folded. */
export const RESERVED_CLASSES: ReadonlyMap<string, string> = new Map([
  ["ldap", OF_CONTROLLERS],
  ["gc", OF_CONTROLLERS],
  ["dns", OF_CONTROLLERS],
  ["e3514235-4b06-11d1-ab04-00c04fc2dcd2", OF_CONTROLLERS],
  ["krbtgt", OF_KDC],
  ["kadmin", OF_KDC],
  ["changepw", OF_KDC],
  ["restrictedkrbhost", OF_WINDOWS],
  ["termsrv", OF_WINDOWS],
]);
/** What classes of domain controllers begin with, folded. */
export const CONTROLLERS = ["dfsr-", "ntfrs-"];

/** Why no farm can have the name, whatever else there is in the domain: "the class ldap belongs to…". Undefined: by itself it is a farm's to have. */
export function reservedName(
  servicePrincipalName: string,
  { dnsName, netBIOSName }: Omit<DomainNames, "servicePrincipalNameMappings">,
): string | undefined {
  const parsed = parseServicePrincipalName(servicePrincipalName);
  if (!parsed) return undefined;
  const { serviceClass, host, hasRootDot, hasThreeParts } = parsed;
  const owner =
    RESERVED_CLASSES.get(serviceClass) ?? (CONTROLLERS.some((start) => serviceClass.startsWith(start)) ? OF_CONTROLLERS : undefined);
  if (owner !== undefined) return `the class ${serviceClass} ${owner}`;
  if (serviceClass === "host" && hasThreeParts) return `HOST with three parts ${OF_CONTROLLERS}`;
  if (sameName(host, dnsName) || sameName(host, netBIOSName)) return `${host} is the domain itself`;
  // To the directory another name, which nobody else holds; to resolvers the same host.
  if (hasRootDot) return `its host ends with the dot of the DNS root, and is ${host}`;
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
): (object: { readonly samAccountName: string | undefined; readonly dnsHostName: string | undefined }) => boolean {
  const names = namesOfComputer(foldName(host), domain);
  return ({ samAccountName, dnsHostName }) => sameName(samAccountName, names.samAccountName) || sameName(dnsHostName, names.dnsHostName);
}

/** The first of each set of names that differ in case only, in their order. */
export function distinctServicePrincipalNames(names: readonly string[]): readonly string[] {
  return [...new Map(names.toReversed().map((name) => [foldName(name), name])).values()].toReversed();
}

/** Whether the pattern means the name: * stands for any characters. */
export function matchesPattern(pattern: string, name: string): boolean {
  return patternOf(pattern)(foldName(name));
}

/** The same, made ready for many names, which are folded already. */
export function patternOf(pattern: string): (folded: string) => boolean {
  const [first = "", ...rest] = foldName(pattern).split("*");
  if (rest.length === 0) return (text) => text === first;
  const last = rest.pop() ?? "";
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    let position = first.length;
    for (const part of rest) {
      const found = text.indexOf(part, position);
      if (found < 0) return false;
      position = found + part.length;
    }
    return position <= text.length - last.length;
  };
}

const FORBIDDEN = String.raw`"/\\\[\]:|<>+=;?,*@\x00-\x1f\x7f`;
const SAM_ACCOUNT_NAME = new RegExp(`^[^${FORBIDDEN}]*[^${FORBIDDEN}. $]$`);
const GROUP_NAME = new RegExp(String.raw`^(?!\s)[^${FORBIDDEN}]*[^\s.${FORBIDDEN}]$`);
const LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?";
const DNS_HOST_NAME = new RegExp(`^${LABEL}([.]${LABEL})+$`);

/** Without the trailing $: of a gMSA. */
export function isSamAccountName(text: string): boolean {
  return text.length <= 15 && SAM_ACCOUNT_NAME.test(text);
}

/** Of a group that is created: its common name, too. */
export function isGroupName(text: string): boolean {
  return text.length <= 64 && GROUP_NAME.test(text);
}

/** A fully qualified one. */
export function isDnsHostName(text: string): boolean {
  return text.length <= 255 && DNS_HOST_NAME.test(text);
}
