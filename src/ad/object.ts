/** Objects of the directory and what they are called there; of a gMSA's attributes the one table of what is updated in place. */
import { sameName } from "../names/account-name.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { keysOfHost, type LookupAttribute, lookupKey, relativeId } from "../names/identifier.ts";
import { ACCOUNT_DISABLED, ENCRYPTION_MASK, PARTIAL_SECRETS, SERVER_TRUST, WORKSTATION_TRUST } from "./account-flags.ts";

/** The attributes of the table as an object of the directory has them. */
export interface AccountFields {
  readonly dnsHostName: string | undefined;
  readonly description: string | undefined;
  readonly displayName: string | undefined;
  readonly userAccountControl: number | undefined;
  readonly supportedEncryptionTypes: number | undefined;
}

/** Who may retrieve the password of a gMSA: msDS-GroupMSAMembership by meaning. */
export interface Retrievers {
  /** SIDs that an allow entry lets retrieve it. */
  readonly principals: readonly string[];
  /** SIDs that a deny entry before all allow entries keeps out. */
  readonly denied: readonly string[];
  /** Entries that no farm writes (object entries, masks without the right), each in words. */
  readonly foreign: readonly string[];
}

/** The key that the password of a gMSA is made of. */
export interface PasswordKey {
  /** The GUID that names the KDS root key. */
  readonly rootKeyId: string;
  /** Milliseconds since 1970: when the cycle of ten hours began whose key it is. The password's interval counts from then. */
  readonly cycleStart: number;
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
  /** Undefined for what is no gMSA, and where it cannot be read. */
  readonly passwordKey: PasswordKey | undefined;
  readonly retrievers: Retrievers | undefined;
  /** Distinguished names; of a group of the farm's own all of them, however many, and of others none. */
  readonly members: readonly string[];
  /** Distinguished names of the groups that it is a direct member of; read only where they are asked for. */
  readonly memberOf: readonly string[];
  /** The relative identifier of its primary group, which makes it a member of that group without a member value; of users and computers. */
  readonly primaryGroupID: number | undefined;
  /** Who made it by the right of every user to create computers (mS-DS-CreatorSID); undefined for one that somebody with rights made. */
  readonly creatorSID: string | undefined;
  /** uSNChanged on the server that was asked: any change of the object raises it. */
  readonly usn: number | undefined;
  /** False for a group that gives no rights: a distribution group. */
  readonly securityEnabled: boolean;
  /** Of a container that was asked for as one: the classes, in lower case, that the operator's account may create in it. */
  readonly childClasses?: ReadonlySet<string>;
}

/** The protection that may have been left behind: of a farm's own object it can be cleared. */
export const ADMIN_COUNT = "it is protected by AdminSDHolder (adminCount is 1)";

export const ACCOUNT_CLASS = "msDS-GroupManagedServiceAccount";
export const GROUP_CLASS = "group";

export function isAccount(object: DirectoryObject): boolean {
  return object.objectClass.toLowerCase() === ACCOUNT_CLASS.toLowerCase();
}

/** RIDs of the primary groups of domain controllers and of read-only ones (MS-SAMR 2.2.1.14). */
const CONTROLLERS: readonly (number | undefined)[] = [516, 521];

export function isDomainController({
  userAccountControl = 0,
  primaryGroupID,
}: Pick<DirectoryObject, "userAccountControl" | "primaryGroupID">): boolean {
  return (userAccountControl & (SERVER_TRUST | PARTIAL_SECRETS)) !== 0 || CONTROLLERS.includes(primaryGroupID);
}

export function isGroup(object: DirectoryObject): boolean {
  return object.objectClass.toLowerCase() === GROUP_CLASS;
}

/** A computer, and none of the accounts that are computers to the schema alone. */
export function isComputer(object: DirectoryObject): boolean {
  return object.objectClass.toLowerCase() === "computer";
}

export interface DesiredAccount {
  readonly name: string;
  /** With the trailing $. */
  readonly samAccountName: string;
  readonly distinguishedName: string;
  readonly dnsHostName: string | undefined;
  readonly passwordIntervalDays: number;
  /** Bits of msDS-SupportedEncryptionTypes. */
  readonly encryptionTypes: number;
  /** Of this and the next: undefined is not managed, an empty text none. */
  readonly description: string | undefined;
  readonly displayName: string | undefined;
  readonly enabled: boolean;
  /** Without dNSHostName and service principal names. */
  readonly outboundOnly: boolean;
}

/** `text` and `number` read an attribute by its LDAP name. */
export function readAccountFields({
  text,
  number,
}: {
  readonly text: (name: AccountAttribute) => string | undefined;
  readonly number: (name: AccountAttribute) => number | undefined;
}): AccountFields {
  return {
    dnsHostName: text("dNSHostName"),
    description: text("description"),
    displayName: text("displayName"),
    userAccountControl: number("userAccountControl"),
    supportedEncryptionTypes: number("msDS-SupportedEncryptionTypes"),
  };
}

interface Row {
  /** As it should be, keeping the bits of the observed value that are not the farm's to decide. Undefined: without the attribute. */
  readonly desired: (account: DesiredAccount, observed: AccountFields | undefined) => string | undefined;
  readonly observed: (fields: AccountFields) => string | undefined;
}

/** By LDAP name. */
const ROWS = {
  dNSHostName: {
    // DNS names are compared without regard to case, and a spelling that somebody else chose is not fought over.
    desired: ({ dnsHostName }, observed) => (sameName(observed?.dnsHostName, dnsHostName) ? observed?.dnsHostName : dnsHostName),
    observed: ({ dnsHostName }) => dnsHostName,
  },
  description: {
    desired: ({ description }, observed) => managed(description, observed?.description),
    observed: ({ description }) => description,
  },
  displayName: {
    desired: ({ displayName }, observed) => managed(displayName, observed?.displayName),
    observed: ({ displayName }) => displayName,
  },
  userAccountControl: {
    desired: ({ enabled }, observed) => {
      const control = observed?.userAccountControl ?? WORKSTATION_TRUST;
      return String(enabled ? control & ~ACCOUNT_DISABLED : control | ACCOUNT_DISABLED);
    },
    observed: ({ userAccountControl }) => toText(userAccountControl),
  },
  "msDS-SupportedEncryptionTypes": {
    desired: ({ encryptionTypes }, observed) => String(((observed?.supportedEncryptionTypes ?? 0) & ~ENCRYPTION_MASK) | encryptionTypes),
    observed: ({ supportedEncryptionTypes }) => toText(supportedEncryptionTypes),
  },
} satisfies Readonly<Record<string, Row>>;

export type AccountAttribute = keyof typeof ROWS;
/** Values by LDAP name; undefined removes the attribute. */
export type AccountProperties = { readonly [name in AccountAttribute]?: string | undefined };

export const ACCOUNT_ATTRIBUTES: readonly AccountAttribute[] = Object.keys(ROWS).filter((name): name is AccountAttribute => name in ROWS);

export function desiredProperties(account: DesiredAccount, observed: AccountFields | undefined): AccountProperties {
  return Object.fromEntries(ACCOUNT_ATTRIBUTES.map((name) => [name, ROWS[name].desired(account, observed)]));
}

export function observedProperties(fields: AccountFields): AccountProperties {
  return Object.fromEntries(ACCOUNT_ATTRIBUTES.map((name) => [name, ROWS[name].observed(fields)]));
}

/** What the farm does not say stays as it is; an empty text means none. */
function managed(desired: string | undefined, observed: string | undefined): string | undefined {
  return desired === undefined ? observed : desired === "" ? undefined : desired;
}

function toText(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

/** Domain controllers are never hosts; and a computer that an ordinary user made may only have taken a name that a farm lists. */
export function isTrusted(
  { trustSelfJoined }: { readonly trustSelfJoined: boolean },
  computer: Pick<DirectoryObject, "userAccountControl" | "primaryGroupID" | "creatorSID">,
): boolean {
  return !isDomainController(computer) && (computer.creatorSID === undefined || trustSelfJoined);
}

/** Whether the group is the object's primary group. */
export function isPrimaryGroup({ objectSID }: DirectoryObject, { primaryGroupID }: Pick<DirectoryObject, "primaryGroupID">): boolean {
  return objectSID !== undefined && primaryGroupID !== undefined && relativeId(objectSID) === primaryGroupID;
}

/** Whether an account is a direct member of a group: asked of its own memberOf, since a group may have very many members, and of its primary group. */
export function groupsOf(account: Pick<DirectoryObject, "memberOf" | "primaryGroupID">): (group: DirectoryObject) => boolean {
  const keys = new Set(account.memberOf.map(dnKey));
  return (group) => keys.has(dnKey(group.distinguishedName)) || isPrimaryGroup(group, account);
}

/** All that it can be looked up by. */
export function lookupsOf(object: DirectoryObject): readonly { readonly by: LookupAttribute; readonly value: string }[] {
  const values: readonly (readonly [LookupAttribute, string | undefined])[] = [
    ["distinguishedName", object.distinguishedName],
    ["objectGUID", object.objectGUID],
    ["objectSid", object.objectSID],
    ["sAMAccountName", object.samAccountName],
    ["dNSHostName", object.dnsHostName],
    ["adminDescription", object.owner],
    ["primaryGroupID", object.primaryGroupID?.toString()],
    ...object.servicePrincipalNames.map((name) => ["servicePrincipalName", name] as const),
  ];
  return values.flatMap(([by, value]) => (value === undefined ? [] : [{ by, value }]));
}

/** Looks computers up by host reference: none, one, or several that share a DNS name. */
export class HostIndex {
  /** Nearly every key is of one computer alone, and a list for each would be most of the work. */
  readonly #byKey = new Map<string, DirectoryObject | DirectoryObject[]>();

  constructor(computers: readonly DirectoryObject[]) {
    for (const computer of computers) {
      for (const key of keysOfHost(computer)) {
        const known = this.#byKey.get(key);
        if (known === undefined) this.#byKey.set(key, computer);
        else if (!Array.isArray(known)) this.#byKey.set(key, known === computer ? computer : [known, computer]);
        else if (!known.includes(computer)) known.push(computer);
      }
    }
  }

  find({ by, value }: { readonly by: LookupAttribute; readonly value: string }): readonly DirectoryObject[] {
    const found = this.#byKey.get(lookupKey(by, value)) ?? [];
    return Array.isArray(found) ? found : [found];
  }
}
