/** A gMSA's own attributes: the account as it should be, as it is, and the one table of what is updated in place. */
import { sameName } from "../names/account-name.ts";
import { ACCOUNT_DISABLED, ENCRYPTION_MASK, WORKSTATION_TRUST } from "./account-flags.ts";

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

/** The attributes of the table as an object of the directory has them. */
export interface AccountFields {
  readonly dnsHostName: string | undefined;
  readonly description: string | undefined;
  readonly displayName: string | undefined;
  readonly userAccountControl: number | undefined;
  readonly supportedEncryptionTypes: number | undefined;
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
