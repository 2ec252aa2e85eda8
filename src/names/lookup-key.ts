/** Keys by which objects are looked up, and by which farms are woken. */
import { distinctServicePrincipalNames, type DomainNames, foldName, impliedNames, implyingNames, namesOfComputer } from "./account-name.ts";
import { dnKey } from "./distinguished-name.ts";

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
