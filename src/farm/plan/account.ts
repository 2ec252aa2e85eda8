import type { Blocker } from "../../api/reasons.ts";
import type { AccountProperties, Change, Plan } from "../changes/index.ts";
import { ENCRYPTION_MASK, type DesiredFarm } from "../desired.ts";
import type { DirectoryObject, ObservedFarm } from "../../ad/object.ts";
import { owned, type Place } from "../slot.ts";
import { grantOf, PRINCIPALS } from "./retrievers.ts";
import type { ResolvedHosts } from "../resolve-hosts.ts";
import { servicePrincipalNameKey } from "../../names/service-principal-name.ts";

/** userAccountControl of a gMSA (MS-ADTS 2.2.16): WORKSTATION_TRUST_ACCOUNT, and ACCOUNTDISABLE. */
const WORKSTATION_TRUST = 0x1000;
const DISABLED = 0x2;

export interface HeldNames {
  /** Keys of the wanted SPNs that another object holds. */
  readonly held: ReadonlySet<string>;
  readonly blockers: readonly Blocker[];
}

/** A farm never takes an SPN from somebody: those that another object holds are left out, and the holder is named. */
export function heldByOthers(desired: DesiredFarm, observed: ObservedFarm, account: Place): HeldNames {
  const own = account.kind === "Own" ? account.object.objectGUID : undefined;
  const holders = new Map<string, DirectoryObject>();
  for (const object of observed.objects) {
    if (object.objectGUID === own) continue;
    for (const name of object.servicePrincipalNames) holders.set(servicePrincipalNameKey(name), object);
  }
  const held = desired.servicePrincipalNames.filter((name) => holders.has(servicePrincipalNameKey(name)));
  return {
    held: new Set(held.map(servicePrincipalNameKey)),
    blockers:
      account.kind === "Taken"
        ? []
        : held.map((name) => ({
            reason: "ServicePrincipalNameInUse",
            part: "ServicePrincipalNames",
            message: `${name} is held by ${holders.get(servicePrincipalNameKey(name))?.distinguishedName}: remove it there (setspn -D), or from servicePrincipalNames.`,
          })),
  };
}

export interface AccountContext {
  readonly observed: ObservedFarm;
  readonly account: Place;
  readonly group: Place;
  readonly hosts: ResolvedHosts;
}

export function planAccount(desired: DesiredFarm, { observed, account, group, hosts }: AccountContext, { held }: HeldNames): Plan {
  switch (account.kind) {
    case "Existing":
    case "Adoptable":
    case "Unwanted":
      return { changes: [], blockers: [] };
    case "Taken":
      return { changes: [], blockers: [account.blocker] };
    case "Free": {
      // The account is made whole in one write, so it waits until the group that may retrieve its password exists.
      const waits: Blocker = {
        reason: "ChangesPending",
        part: "Account",
        message: `the account ${desired.account.samAccountName} is created once its host group is there: see the condition HostsReady.`,
      };
      if (group.kind === "Taken") return { changes: [], blockers: [waits] };
      const grant = grantOf(desired, observed, group, hosts, undefined);
      const { distinguishedName, samAccountName, passwordIntervalDays } = desired.account;
      const create: Change = {
        kind: "CreateAccount",
        distinguishedName,
        samAccountName,
        owner: desired.owner,
        passwordIntervalDays,
        properties: propertiesOf(desired, undefined),
        servicePrincipalNames: desired.servicePrincipalNames.filter((name) => !held.has(servicePrincipalNameKey(name))),
        retrievers: (grant?.principals ?? []).slice(0, PRINCIPALS),
        denied: (grant?.denied ?? []).slice(0, PRINCIPALS - 1),
      };
      return grant === undefined ? { changes: [], later: [create], blockers: [] } : { changes: [create], blockers: [] };
    }
    case "Own": {
      const wanted = propertiesOf(desired, account.object);
      const current = currentProperties(account.object);
      const properties = Object.fromEntries(
        PROPERTY_NAMES.filter((name) => wanted[name] !== current[name]).map((name) => [name, wanted[name]]),
      );
      const object = owned(account.object, desired.owner);
      return {
        changes: Object.keys(properties).length > 0 ? [{ kind: "UpdateAccount", object, properties, observed: current }] : [],
        blockers: unchangeable(desired, account.object),
      };
    }
  }
}

/** What differs and cannot, or must not, be written. */
function unchangeable(
  { account }: DesiredFarm,
  { distinguishedName, samAccountName, passwordIntervalDays }: DirectoryObject,
): readonly Blocker[] {
  const blockers: Blocker[] = [];
  const blocked = (message: string): void => {
    blockers.push({ reason: "Rejected", part: "Account", message });
  };
  if (samAccountName?.toLowerCase() !== account.samAccountName.toLowerCase()) {
    blocked(
      `${distinguishedName} has the sAMAccountName ${samAccountName}, not ${account.samAccountName}: its hosts know it by the old name; rename it back (Set-ADServiceAccount -SamAccountName).`,
    );
  }
  if (passwordIntervalDays !== undefined && passwordIntervalDays !== account.passwordIntervalDays) {
    blocked(
      `${distinguishedName} has a password interval of ${passwordIntervalDays} days, not ${account.passwordIntervalDays}: it is fixed when an account is created; only a new account can have another one.`,
    );
  }
  return blockers;
}

const PROPERTY_NAMES = ["dNSHostName", "description", "displayName", "userAccountControl", "msDS-SupportedEncryptionTypes"] as const;

/** The properties as wanted, keeping the bits of the observed ones that are not the farm's to decide. */
function propertiesOf({ account }: DesiredFarm, observed: DirectoryObject | undefined): AccountProperties {
  const control = observed?.userAccountControl ?? WORKSTATION_TRUST;
  const encryption = observed?.supportedEncryptionTypes ?? 0;
  return {
    // DNS names are compared without regard to case, and a spelling that somebody else chose is not fought over.
    dNSHostName: observed?.dnsHostName?.toLowerCase() === account.dnsHostName?.toLowerCase() ? observed?.dnsHostName : account.dnsHostName,
    description: account.description,
    displayName: account.displayName,
    userAccountControl: String(account.enabled ? control & ~DISABLED : control | DISABLED),
    "msDS-SupportedEncryptionTypes": String((encryption & ~ENCRYPTION_MASK) | account.encryptionTypes),
  };
}

function currentProperties(object: DirectoryObject): AccountProperties {
  const text = (value: number | undefined): string | undefined => (value === undefined ? undefined : String(value));
  return {
    dNSHostName: object.dnsHostName,
    description: object.description,
    displayName: object.displayName,
    userAccountControl: text(object.userAccountControl),
    "msDS-SupportedEncryptionTypes": text(object.supportedEncryptionTypes),
  };
}

/** By delta, so that a value that somebody wrote meanwhile is not lost unseen. */
export function planServicePrincipalNames(desired: DesiredFarm, account: Place, { held }: HeldNames): Plan {
  if (account.kind !== "Own") return { changes: [], blockers: [] };
  const { object } = account;
  const current = new Set(object.servicePrincipalNames.map(servicePrincipalNameKey));
  const wanted = new Set(desired.servicePrincipalNames.map(servicePrincipalNameKey));
  const add = desired.servicePrincipalNames.filter((name) => {
    const key = servicePrincipalNameKey(name);
    return !current.has(key) && !held.has(key);
  });
  const remove = object.servicePrincipalNames.filter((name) => !wanted.has(servicePrincipalNameKey(name)));
  if (add.length === 0 && remove.length === 0) return { changes: [], blockers: [] };
  return { changes: [{ kind: "ChangeServicePrincipalNames", object: owned(object, desired.owner), add, remove }], blockers: [] };
}
