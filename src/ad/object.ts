/** Objects of the directory, and what they are called there. */
import type { AccountFields } from "./account.ts";

/** Who may retrieve the password of a gMSA: msDS-GroupMSAMembership by meaning. */
export interface Retrievers {
  /** SIDs that an allow entry lets retrieve it. */
  readonly principals: readonly string[];
  /** SIDs that a deny entry before all allow entries keeps out. */
  readonly denied: readonly string[];
  /** Entries that no farm writes (object entries, masks without the right), each in words. */
  readonly foreign: readonly string[];
}

/** An object of the directory: a gMSA, a group, a computer, or whatever else bears a name that a farm wants. */
export interface DirectoryObject extends AccountFields {
  readonly distinguishedName: string;
  /** As xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, in lower case. */
  readonly objectGUID: string;
  /** As S-1-5-21-…; undefined for an object that is no security principal. */
  readonly objectSID: string | undefined;
  /** The most specific object class. */
  readonly objectClass: string;
  readonly samAccountName: string | undefined;
  /** The owner marker: adminDescription. */
  readonly owner: string | undefined;
  /** Why the object must never be touched, in words; undefined for ordinary objects. */
  readonly protection: string | undefined;
  readonly servicePrincipalNames: readonly string[];
  readonly passwordIntervalDays: number | undefined;
  /** Milliseconds since 1970. */
  readonly passwordLastSet: number | undefined;
  readonly retrievers: Retrievers | undefined;
  /** Distinguished names; all of them, however many. */
  readonly members: readonly string[];
  /** Distinguished names of the groups that it is a direct member of; not read of computers. */
  readonly memberOf: readonly string[];
  /** uSNChanged on the server that was asked: any change of the object raises it. */
  readonly usn: number | undefined;
  /** False for a group that gives no rights: a distribution group. */
  readonly securityEnabled: boolean;
}

export const ACCOUNT_CLASS = "msDS-GroupManagedServiceAccount";
export const GROUP_CLASS = "group";

export function isAccount(object: DirectoryObject): boolean {
  return object.objectClass.toLowerCase() === ACCOUNT_CLASS.toLowerCase();
}

export function isGroup(object: DirectoryObject): boolean {
  return object.objectClass.toLowerCase() === GROUP_CLASS;
}
