import { dnKey } from "../names/distinguished-name.ts";
import type { HostReference } from "../farm/desired.ts";

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
export interface DirectoryObject {
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
  readonly dnsHostName: string | undefined;
  readonly description: string | undefined;
  readonly displayName: string | undefined;
  readonly userAccountControl: number | undefined;
  readonly servicePrincipalNames: readonly string[];
  readonly supportedEncryptionTypes: number | undefined;
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

/** What the directory says of one farm. */
export interface ObservedFarm {
  /** Everything that bears a name, distinguished name or SPN of the farm, or that the farm is known to own. */
  readonly objects: readonly DirectoryObject[];
  /** The computers that the farm's host references may mean, and those that it put into groups. */
  readonly computers: readonly DirectoryObject[];
  /** Whoever else the account's list of retrievers names, as far as it exists. */
  readonly strangers: readonly DirectoryObject[];
  /** objectGUIDs that the farm is known to own and that are neither there nor known to be deleted: not replicated yet, perhaps. */
  readonly missing: readonly string[];
  /** Members of the farm's group that cannot be read, by distinguished name; asked only while a host reference finds nothing. */
  readonly unreadable: readonly string[];
}

export const ACCOUNT_CLASS = "msDS-GroupManagedServiceAccount";
export const GROUP_CLASS = "group";

export function isAccount(object: DirectoryObject): boolean {
  return object.objectClass.toLowerCase() === ACCOUNT_CLASS.toLowerCase();
}

export function isGroup(object: DirectoryObject): boolean {
  return object.objectClass.toLowerCase() === GROUP_CLASS;
}

/** The terms by which one looks an object up, in lower case: the keys of a HostIndex. */
function termsOf(object: DirectoryObject): readonly string[] {
  return [object.samAccountName?.toLowerCase(), object.dnsHostName?.toLowerCase(), dnKey(object.distinguishedName)].filter(
    (term) => term !== undefined,
  );
}

/** Looks computers up by host reference: none, one, or several that share a DNS name. */
export class HostIndex {
  readonly #byTerm = new Map<string, Set<DirectoryObject>>();

  constructor(computers: readonly DirectoryObject[]) {
    for (const computer of computers) {
      for (const term of termsOf(computer)) {
        const known = this.#byTerm.get(term);
        if (known) known.add(computer);
        else this.#byTerm.set(term, new Set([computer]));
      }
    }
  }

  find(reference: HostReference): readonly DirectoryObject[] {
    return [...(this.#byTerm.get(reference.by === "distinguishedName" ? dnKey(reference.value) : reference.value.toLowerCase()) ?? [])];
  }
}
