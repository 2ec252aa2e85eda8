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
const PART = String.raw`[^/:\s\x00-\x1f\x7f\\]+`;
const FORM = new RegExp(String.raw`^${PART}/${PART}(:${PART})?(/[^/\s\x00-\x1f\x7f\\]+)?$`);

/** Stricter than Active Directory, which takes almost anything: no spaces, no control characters, no backslash, no empty part. */
export function isServicePrincipalName(text: string): boolean {
  return FORM.test(text);
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
