/** What is said of hosts. */
import type { Granted } from "../api/permission.ts";
import type { Blocker } from "../api/reasons.ts";
import { isDomainController, type DirectoryObject } from "../ad/object.ts";
import { quoteForPowerShell } from "../ad/remedy.ts";
import { commonName, parentKey } from "../names/distinguished-name.ts";
import { listOf } from "./changes/entry.ts";
import type { HostReference } from "./desired-farm.ts";
import type { Identity } from "./journal.ts";

/** What somebody should know of a host: said in the condition, and once by an Event. */
export interface HostNote {
  /** Of the Event. */
  readonly reason: "HostMoved" | "PrimaryGroupMember" | "HostNotTrusted" | "HostNotAllowed";
  readonly message: string;
}

/** RIDs of the groups that users and computers have as their primary group (MS-SAMR 2.2.1.14). */
const [DOMAIN_USERS, DOMAIN_COMPUTERS] = [513, 515];

/** A computer that is no host, whatever names it. */
export function hostNotTrusted({ text }: HostReference, computer: DirectoryObject): Blocker {
  const { distinguishedName, creatorSID } = computer;
  const message = isDomainController(computer)
    ? `${distinguishedName} is a domain controller, which is never a host: remove it from hosts.computers.`
    : `${distinguishedName} was created by an ordinary user (${creatorSID}), which every user can do under any free name, so it gets no right: have an administrator delete it and create it again before it joins the domain, or set selfJoinedComputers: Grant on the ActiveDirectoryDomain.`;
  return { reason: "HostNotTrusted", part: "Hosts", computer: text, message };
}

/** It is where the tenant's farms have no hosts: what it had before it was moved there it keeps. */
export function hostNotAllowed({ text }: HostReference, { tenant, hostContainers }: Granted): Blocker {
  // Without the name of the host: the condition says it once for all such hosts.
  const message = `not in a container that the tenant ${tenant} allows for hosts (hosts.containers: ${listOf(hostContainers)}), so the operator grants no new right; an existing right stays. Move the computer, remove it from hosts.computers, or have the domain's owner allow its container (spec.tenants).`;
  return { reason: "NotAllowed", part: "Hosts", computer: text, message };
}

export function movedNote(
  field: "hosts.computers" | "hosts.quarantined",
  { text }: HostReference,
  { distinguishedName }: DirectoryObject,
): HostNote {
  const still = field === "hosts.computers" ? "keeps the right" : "stays out";
  return {
    reason: "HostMoved",
    message: `${field}: ${text} was moved or renamed and ${still}: it is now ${distinguishedName}. Write that in place of ${text}.`,
  };
}

/** Active Directory keeps no member value for a primary group, so that nobody can be taken out of it there. */
export function primaryNote({ distinguishedName, objectClass }: DirectoryObject, group: DirectoryObject): HostNote {
  const other = objectClass.toLowerCase() === "user" ? DOMAIN_USERS : DOMAIN_COMPUTERS;
  return {
    reason: "PrimaryGroupMember",
    message: `${distinguishedName} is a member of ${commonName(group.distinguishedName)} by its primary group and is kept out by a deny entry: change its primary group (Set-ADObject ${quoteForPowerShell(distinguishedName)} -Replace @{primaryGroupID=${other}}).`,
  };
}

export function hostNotFound({ text, by, value }: HostReference): Blocker {
  return {
    reason: "HostNotFound",
    part: "Hosts",
    computer: text,
    message: `no computer has the ${by} ${value}: join it to the domain, or correct hosts.computers. The operator grants it the right once it exists.`,
  };
}

/** Nobody may believe that it keeps somebody out. */
export function quarantineNotFound({ text, by, value }: HostReference): Blocker {
  return {
    reason: "QuarantineNotFound",
    part: "Hosts",
    message: `hosts.quarantined: no computer has the ${by} ${value}, so ${text} keeps nobody out: correct it, or remove it if the computer is gone.`,
  };
}

export function hostAmbiguous({ text, by, value }: HostReference, found: readonly DirectoryObject[]): Blocker {
  // Distinguished names are full of commas.
  const names = listOf(
    found.map(({ distinguishedName }) => distinguishedName),
    undefined,
    "; ",
  );
  return {
    reason: "HostAmbiguous",
    part: "Hosts",
    computer: text,
    message: `${found.length} computers have the ${by} ${value} (${names}), so none is granted or removed: name the right one in hosts.computers by its distinguished name.`,
  };
}

/**
 * A group that was deleted, and another one of its name in another container: somebody else may have made that one. `used`: groups that the farm used
 * under this name, the latest first. Undefined where it is one of them, or in the place of one.
 */
export function replacedGroup(used: readonly Identity[], { objectGUID, distinguishedName }: DirectoryObject): Blocker | undefined {
  const [latest] = used;
  const isSame = (group: Identity): boolean =>
    group.objectGUID === objectGUID || parentKey(group.distinguishedName) === parentKey(distinguishedName);
  if (!latest || used.some(isSame)) return undefined;
  const message = `the group that the farm used, ${latest.distinguishedName}, is gone, and ${distinguishedName} is another one: if you mean that one, name its container in hosts.group.container.`;
  return { reason: "GroupNotFound", part: "Hosts", message };
}

/** Says nothing of those who use it: they are none of this namespace's business. */
export function groupInUse({ distinguishedName }: DirectoryObject): Blocker {
  const message = `${distinguishedName} is in use by another namespace, whose hosts or accounts could retrieve this farm's password: name a group of your own in hosts.group.name, or remove hosts.group.existing.`;
  return { reason: "GroupInUse", part: "Hosts", message };
}

/** Of an access group. `isIn`: the account is a member already. */
export function groupOpensPasswords({ distinguishedName }: DirectoryObject, isIn: boolean): Blocker {
  const so = isIn ? "and the account of this farm is one" : "so the account of this farm may not be one";
  const message = `members of ${distinguishedName} may retrieve the password of a farm of another namespace, ${so}: remove the group from accessGroups.`;
  return { reason: "GroupInUse", part: "AccessGroups", message };
}
