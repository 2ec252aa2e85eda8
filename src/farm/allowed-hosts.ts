/** Which computers a tenant's farms may have as hosts: those in some containers, wherever a computer is when it is found. */
import type { DirectoryObject } from "../ad/object.ts";
import type { Granted } from "../api/permission.ts";
import { foldName, patternOf } from "../names/account-name.ts";
import { dnKey, keysUpwards, parentKey } from "../names/distinguished-name.ts";

/** Most computers stand beside others: of each container it is found out once. */
export function allowedHosts(granted: Granted): (computer: Pick<DirectoryObject, "distinguishedName">) => boolean {
  const containers = new Set(granted.hostContainers.map(dnKey));
  const known = new Map<string, boolean>();
  return ({ distinguishedName }) => {
    const parent = parentKey(distinguishedName);
    const inside = known.get(parent) ?? keysUpwards(parent).some((key) => containers.has(key));
    known.set(parent, inside);
    return inside || containers.has(dnKey(distinguishedName));
  };
}

/** By its name: of one that the farm names the manifest shows it, and of one that is found only the directory. */
export function allowedNames(granted: Granted): (computer: Pick<DirectoryObject, "samAccountName" | "dnsHostName">) => boolean {
  const patterns = granted.hostNames.map(patternOf);
  return ({ samAccountName = "", dnsHostName = "" }) => {
    const names = [samAccountName.replace(/\$$/, ""), dnsHostName, dnsHostName.split(".")[0] ?? ""].map(foldName);
    return names.some((name) => name !== "" && patterns.some((isAllowed) => isAllowed(name)));
  };
}
