/** Bits of an account's attributes. */

/** userAccountControl (MS-ADTS 2.2.16): ACCOUNTDISABLE, and WORKSTATION_TRUST_ACCOUNT, which a gMSA is. */
export const ACCOUNT_DISABLED = 0x2;
export const WORKSTATION_TRUST = 0x1000;
/** SERVER_TRUST_ACCOUNT and PARTIAL_SECRETS_ACCOUNT: a domain controller, and a read-only one. */
export const SERVER_TRUST = 0x2000;
export const PARTIAL_SECRETS = 0x4000000;

/** msDS-SupportedEncryptionTypes (MS-KILE 2.2.7). */
export const ENCRYPTION_BITS = { RC4: 4, AES128: 8, AES256: 16 } as const;
/** The bits that a farm decides; all others are kept as they are. */
export const ENCRYPTION_MASK = ENCRYPTION_BITS.RC4 | ENCRYPTION_BITS.AES128 | ENCRYPTION_BITS.AES256;

/** For people to read, by attribute. */
export const FLAG_NAMES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  userAccountControl: {
    ACCOUNTDISABLE: ACCOUNT_DISABLED,
    WORKSTATION_TRUST_ACCOUNT: WORKSTATION_TRUST,
    SERVER_TRUST_ACCOUNT: SERVER_TRUST,
    DONT_EXPIRE_PASSWORD: 0x10000,
    TRUSTED_FOR_DELEGATION: 0x80000,
    NOT_DELEGATED: 0x100000,
    TRUSTED_TO_AUTH_FOR_DELEGATION: 0x1000000,
    PARTIAL_SECRETS_ACCOUNT: PARTIAL_SECRETS,
  },
  "msDS-SupportedEncryptionTypes": ENCRYPTION_BITS,
};
