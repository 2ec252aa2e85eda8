import type { Blocker, Part } from "./blocker.ts";
import type { AccountProperties, Change, OwnedObject } from "./change.ts";
import { describeOwner, ENCRYPTION_MASK, type DesiredFarm, type HostReference } from "./desired.ts";
import { commonName, dnKey } from "./distinguished-name.ts";
import { HostIndex, isAccount, isGroup, type DirectoryObject, type ObservedFarm } from "./observed.ts";
import { servicePrincipalNameKey } from "./service-principal-name.ts";

export interface Plan {
  readonly changes: readonly Change[];
  /** What follows once the changes are made, as far as it can be told now: for people to read, never applied. */
  readonly later?: readonly Change[];
  readonly blockers: readonly Blocker[];
}

/** userAccountControl of a gMSA (MS-ADTS 2.2.16): WORKSTATION_TRUST_ACCOUNT, and ACCOUNTDISABLE. */
const WORKSTATION_TRUST = 0x1000;
const DISABLED = 0x2;
/** Values in one modify. Active Directory takes some thousands; this leaves room. */
const MEMBERS_A_WRITE = 1000;

/** What stands where the farm wants an object: nothing, the farm's own, or something that it must not touch. */
export type Place =
  | { readonly kind: "Free" }
  | { readonly kind: "Own"; readonly object: DirectoryObject }
  | { readonly kind: "Taken"; readonly blocker: Blocker };

/**
 * The changes that the directory needs now, as far as they can be told from what was observed, and what keeps the rest from being done.
 * Applying it and planning again leads, within a few rounds, to a plan without changes.
 */
export function plan(desired: DesiredFarm, observed: ObservedFarm): Plan {
  const account = placeOfAccount(desired, observed);
  const group = placeOfHostGroup(desired, observed);
  const hosts = resolveHosts(desired, observed);
  const servicePrincipalNames = heldByOthers(desired, observed, account);
  const steps = [
    planHosts(desired, group, hosts),
    planNameOfHostGroup(desired, observed, group),
    planAccount(desired, account, group, servicePrincipalNames),
    planServicePrincipalNames(desired, account, servicePrincipalNames),
    planRetrievers(account, group),
  ];
  return {
    changes: steps.flatMap(({ changes }) => changes),
    later: steps.flatMap(({ later }) => later ?? []),
    blockers: [...hosts.blockers, ...servicePrincipalNames.blockers, ...steps.flatMap(({ blockers }) => blockers)],
  };
}

function place(
  desired: DesiredFarm,
  observed: ObservedFarm,
  wanted: {
    readonly part: Part;
    readonly what: string;
    readonly samAccountName: string;
    readonly distinguishedName: string;
    readonly is: (object: DirectoryObject) => boolean;
    readonly remedy: string;
  },
): Place {
  const mine = (object: DirectoryObject): boolean => wanted.is(object) && object.owner === desired.owner;
  const known = observed.objects.find((object) => desired.knownObjects.includes(object.objectGUID) && mine(object));
  const bySam = observed.objects.find((object) => object.samAccountName?.toLowerCase() === wanted.samAccountName.toLowerCase());
  const byDn = observed.objects.find((object) => dnKey(object.distinguishedName) === dnKey(wanted.distinguishedName));
  // An account or group that was renamed keeps its GUID; one that bears the wanted name goes first, as the names may have changed in the spec.
  const found = bySam ?? byDn;
  const object = found && (mine(found) || !known) ? found : known;
  if (!object) return { kind: "Free" };
  const { distinguishedName } = object;
  const taken = (reason: Blocker["reason"], message: string): Place => ({ kind: "Taken", blocker: { reason, part: wanted.part, message } });
  if (object.protection !== undefined) {
    return taken(
      "ProtectedObject",
      `${distinguishedName} must never be managed: ${object.protection}. Choose another name for the ${wanted.what}.`,
    );
  }
  if (!wanted.is(object)) {
    return taken(
      "ObjectExists",
      `${distinguishedName} (${object.objectClass}) stands where the ${wanted.what} should be; it was left as it is. ${wanted.remedy}`,
    );
  }
  if (object.owner !== desired.owner) {
    return taken(
      "NotOwned",
      `${distinguishedName} exists and ${describeOwner(object.owner, desired.owner)}; it was left as it is. ${wanted.remedy}`,
    );
  }
  return { kind: "Own", object };
}

export function placeOfAccount(desired: DesiredFarm, observed: ObservedFarm): Place {
  return place(desired, observed, {
    part: "Account",
    what: "account",
    samAccountName: desired.account.samAccountName,
    distinguishedName: desired.account.distinguishedName,
    is: isAccount,
    remedy: "Remove it, or create a ServerFarm with another account.name.",
  });
}

export function placeOfHostGroup(desired: DesiredFarm, observed: ObservedFarm): Place {
  return place(desired, observed, {
    part: "Hosts",
    what: "host group",
    samAccountName: desired.hostGroup.samAccountName,
    distinguishedName: desired.hostGroup.distinguishedName,
    is: isGroup,
    remedy: "Remove it, or choose another hosts.group.name.",
  });
}

export interface ResolvedHosts {
  /** Distinguished names by their keys: the computers that should be members. */
  readonly wanted: ReadonlyMap<string, string>;
  readonly quarantined: ReadonlyMap<string, string>;
  /** How many computers the farm asks for, found or not. */
  readonly desired: number;
  readonly blockers: readonly Blocker[];
}

/** The computers that the farm names; what cannot be found keeps only itself out. */
export function resolveHosts(desired: DesiredFarm, observed: ObservedFarm): ResolvedHosts {
  const index = new HostIndex(observed.computers);
  const blockers: Blocker[] = [];
  const quarantined = new Map<string, string>();
  for (const reference of desired.quarantined) {
    // Of several that may be meant, all are kept out: too few is safer than one too many.
    for (const { distinguishedName } of index.find(reference)) quarantined.set(dnKey(distinguishedName), distinguishedName);
  }
  const wanted = new Map<string, string>();
  for (const reference of desired.hosts) {
    const found = index.find(reference);
    const [computer] = found;
    if (!computer) blockers.push(hostNotFound(reference));
    else if (found.length > 1) blockers.push(hostAmbiguous(reference, found));
    else if (!quarantined.has(dnKey(computer.distinguishedName))) wanted.set(dnKey(computer.distinguishedName), computer.distinguishedName);
  }
  return { wanted, quarantined, desired: wanted.size + blockers.length, blockers };
}

function hostNotFound({ text, by, value }: HostReference): Blocker {
  return {
    reason: "HostNotFound",
    part: "Hosts",
    computer: text,
    message: `no computer has the ${by} ${value}: join it to the domain, or correct hosts.computers; it is granted by itself once it exists.`,
  };
}

function hostAmbiguous({ text, by, value }: HostReference, found: readonly DirectoryObject[]): Blocker {
  const names = found.map(({ distinguishedName }) => distinguishedName).join("; ");
  return {
    reason: "HostAmbiguous",
    part: "Hosts",
    computer: text,
    message: `${found.length} computers have the ${by} ${value} (${names}), so none was granted: name the right one in hosts.computers by its distinguished name.`,
  };
}

function owned(object: DirectoryObject, owner: string): OwnedObject {
  return { distinguishedName: object.distinguishedName, objectGUID: object.objectGUID, owner };
}

function planHosts(desired: DesiredFarm, group: Place, { wanted, quarantined }: ResolvedHosts): Plan {
  switch (group.kind) {
    case "Taken":
      return { changes: [], blockers: [group.blocker] };
    case "Free":
      return {
        changes: [
          {
            kind: "CreateHostGroup",
            ...desired.hostGroup,
            owner: desired.owner,
            members: [...wanted.values()].slice(0, MEMBERS_A_WRITE),
          },
        ],
        blockers: [],
      };
    case "Own": {
      const object = owned(group.object, desired.owner);
      const members = new Map(group.object.members.map((member) => [dnKey(member), member]));
      const unwanted = [...members].filter(([key]) => !wanted.has(key));
      const missing = [...wanted].filter(([key]) => !members.has(key)).map(([, member]) => member);
      // A compromised host goes before anything else, and in a write of its own that no other host's trouble can fail.
      const [out, rest] = [unwanted.filter(([key]) => quarantined.has(key)), unwanted.filter(([key]) => !quarantined.has(key))];
      return {
        changes: [
          ...chunks(out, MEMBERS_A_WRITE).map((some) => ({ kind: "ChangeHosts" as const, object, add: [], remove: some.map(last) })),
          ...chunks(
            [...rest.map(([, member]) => ({ remove: member })), ...missing.map((member) => ({ add: member }))],
            MEMBERS_A_WRITE,
          ).map((some) => ({
            kind: "ChangeHosts" as const,
            object,
            remove: some.flatMap((step) => ("remove" in step ? [step.remove] : [])),
            add: some.flatMap((step) => ("add" in step ? [step.add] : [])),
          })),
        ],
        blockers: [],
      };
    }
  }
}

/** hosts.group.name changed: the group is renamed rather than made anew, since a new SID would ask every host for a restart. */
function planNameOfHostGroup({ hostGroup, owner }: DesiredFarm, observed: ObservedFarm, group: Place): Plan {
  const same = (object: DirectoryObject): boolean => object.samAccountName?.toLowerCase() === hostGroup.samAccountName.toLowerCase();
  if (group.kind !== "Own" || same(group.object)) return { changes: [], blockers: [] };
  const other = observed.objects.find(same);
  if (!other) {
    return {
      changes: [{ kind: "RenameHostGroup", object: owned(group.object, owner), samAccountName: hostGroup.samAccountName }],
      blockers: [],
    };
  }
  const message = `${other.distinguishedName} has the name ${hostGroup.samAccountName}, so the host group keeps its own, ${group.object.samAccountName}: choose another hosts.group.name.`;
  return { changes: [], blockers: [{ reason: "ObjectExists", part: "Hosts", message }] };
}

function last<T>([, value]: readonly [unknown, T]): T {
  return value;
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}

interface HeldNames {
  /** Keys of the wanted SPNs that another object holds. */
  readonly held: ReadonlySet<string>;
  readonly blockers: readonly Blocker[];
}

/** A farm never takes an SPN from somebody: those that another object holds are left out, and the holder is named. */
function heldByOthers(desired: DesiredFarm, observed: ObservedFarm, account: Place): HeldNames {
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

function planAccount(desired: DesiredFarm, account: Place, group: Place, { held }: HeldNames): Plan {
  switch (account.kind) {
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
      const sid = group.kind === "Own" ? group.object.objectSID : undefined;
      const { distinguishedName, samAccountName, passwordIntervalDays } = desired.account;
      const create: Change = {
        kind: "CreateAccount",
        distinguishedName,
        samAccountName,
        owner: desired.owner,
        passwordIntervalDays,
        properties: propertiesOf(desired, undefined),
        servicePrincipalNames: desired.servicePrincipalNames.filter((name) => !held.has(servicePrincipalNameKey(name))),
        retrievers: sid === undefined ? [] : [sid],
      };
      return sid === undefined ? { changes: [], later: [create], blockers: [] } : { changes: [create], blockers: [] };
    }
    case "Own": {
      const wanted = propertiesOf(desired, account.object);
      const current = currentProperties(account.object);
      const properties = Object.fromEntries(
        PROPERTY_NAMES.filter((name) => wanted[name] !== current[name]).map((name) => [name, wanted[name]]),
      );
      const object = owned(account.object, desired.owner);
      return { changes: Object.keys(properties).length > 0 ? [{ kind: "UpdateAccount", object, properties }] : [], blockers: [] };
    }
  }
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
function planServicePrincipalNames(desired: DesiredFarm, account: Place, { held }: HeldNames): Plan {
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

/** The host group, and nobody else, may retrieve the password. */
function planRetrievers(account: Place, group: Place): Plan {
  if (account.kind !== "Own" || group.kind !== "Own" || group.object.objectSID === undefined) return { changes: [], blockers: [] };
  const { object } = account;
  const retrievers = [group.object.objectSID];
  const { principals, foreign } = object.retrievers ?? { principals: [], foreign: [] };
  if (foreign.length === 0 && principals.length === 1 && principals[0] === retrievers[0]) return { changes: [], blockers: [] };
  const others = [...principals.filter((sid) => !retrievers.includes(sid)), ...foreign];
  const because =
    others.length === 0
      ? `${commonName(group.object.distinguishedName)} could not retrieve the password`
      : `it also named ${others.join(", ")}`;
  return {
    changes: [{ kind: "SetRetrievers", object: owned(object, object.owner ?? ""), retrievers, because }],
    blockers: [],
  };
}
