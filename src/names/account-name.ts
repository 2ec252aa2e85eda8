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

/** Whether the pattern means the name: * stands for any characters. */
export function matchesPattern(pattern: string, name: string): boolean {
  const [first = "", ...rest] = foldName(pattern).split("*");
  const text = foldName(name);
  if (rest.length === 0) return text === first;
  const last = rest.pop() ?? "";
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let position = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return position <= text.length - last.length;
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
