/** Objects of the directory and what they are called there; of a gMSA's attributes the one table of what is updated in place. */
import { sameName } from "../names/account-name.ts";
import { ACCOUNT_DISABLED, ENCRYPTION_MASK, WORKSTATION_TRUST } from "./account-flags.ts";

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
  /** Distinguished names; of a group of the farm's own all of them, however many, and of others none. */
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

export interface DesiredAccount {
  readonly name: string;
  /** With the trailing $. */
  readonly samAccountName: string;
  readonly distinguishedName: string;
  readonly dnsHostName: string | undefined;
  readonly passwordIntervalDays: number;
  /** Bits of msDS-SupportedEncryptionTypes. */
  readonly encryptionTypes: number;
  readonly description: string | undefined;
  readonly displayName: string | undefined;
  readonly enabled: boolean;
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
    desired: ({ description }) => description,
    observed: ({ description }) => description,
  },
  displayName: {
    desired: ({ displayName }) => displayName,
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

function toText(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
