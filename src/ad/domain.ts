/** What is seen of a domain: the facts that its conditions are made of. */

import type { ServicePrincipalNameMappings } from "../names/account-name.ts";
import type { ExcessiveRight, MissingRight } from "./right.ts";

/** Seen: `usableFrom` in ms since 1970. Proven: an account has a password. NotSeen: there is none, or the account may not see it. */
export type KdsRootKey =
  | { readonly kind: "Seen"; readonly usableFrom: number }
  | { readonly kind: "Proven"; readonly by: string }
  | { readonly kind: "NotSeen" };

export interface DomainObservation {
  readonly url: string;
  readonly dnsHostName: string;
  /** DC=contoso,DC=com. */
  readonly baseDN: string;
  readonly functionalLevel: number;
  readonly invocationId: string | undefined;
  /** By how many seconds its clock is ahead of the operator's; undefined where it does not say the time. */
  readonly clockSkew?: number | undefined;
  readonly schemaVersion: number | undefined;
  readonly domainSID: string | undefined;
  readonly objectGUID: string | undefined;
  /** Of the forest's root domain. */
  readonly forestDNSName: string | undefined;
  readonly netBIOSName: string | undefined;
  /** How many computers an ordinary user may create; undefined where it cannot be read. */
  readonly machineAccountQuota: number | undefined;
  readonly servicePrincipalNameMappings: ServicePrincipalNameMappings;
  /** Where every user may create computers, and where domain controllers are: distinguished names. */
  readonly wellKnownContainers: readonly string[];
  readonly kdsRootKey: KdsRootKey;
  /** The operator's own, as dsacls takes it. */
  readonly account: string;
  readonly missingRights: readonly MissingRight[];
  readonly excessiveRights?: readonly ExcessiveRight[];
}

/** What the owner of a domain keeps from being done in all of it. Observe: nothing is written. Suspend: nothing is read either. */
export type Brake = "Observe" | "Suspend";

/** The brake of a domain as it is in this very moment. */
export interface BrakeState {
  readonly holds: Brake | undefined;
}
