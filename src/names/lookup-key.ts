/**
 * Keys by which objects are looked up and farms are woken. An object answers to the keys that `keysOfObject` gives, and whoever asks for one of
 * them by `lookupKey` means it: both must fold alike, so both are here.
 */
import { foldName } from "./account-name.ts";
import { dnKey } from "./distinguished-name.ts";

/** By what an object is looked up. */
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
