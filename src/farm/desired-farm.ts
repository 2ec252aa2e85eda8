/** What a farm should be in the directory, as values. */
import type { Granted } from "../api/permission.ts";
import type { Blocker } from "../api/reasons.ts";
import type { Lookup } from "../ad/lookup.ts";
import type { DesiredAccount } from "../ad/object.ts";
import type { DomainNames } from "../names/account-name.ts";
import type { Adoption } from "./adoption.ts";
import type { DesiredSearch } from "./desired-search.ts";
import type { DesiredHostAccount, PodHostAccount } from "./desired-host-account.ts";
import type { Journal } from "./journal.ts";

/** What a farm needs to know of its domain. */
export interface DomainFacts extends DomainNames {
  /** The domain's naming context: DC=contoso,DC=com. */
  readonly baseDN: string;
  readonly domainSID?: string | undefined;
  /** Computers that an ordinary user joined may be hosts. */
  readonly trustSelfJoined: boolean;
  /** Relative or whole distinguished names. */
  readonly accountContainer: string;
  readonly groupContainer: string;
  /** Whether what nobody owns may be taken over. */
  readonly adoption: Adoption["domain"];
  /** Users that farms may let retrieve for Pods. */
  readonly podHostAccounts: readonly PodHostAccount[];
  /** Containers that the domain itself uses: distinguished names. */
  readonly wellKnownContainers: readonly string[];
  /** The operator's account, as dsacls takes it. */
  readonly operator: string;
  /** Nothing is written for any farm of the domain. */
  readonly observed: boolean;
}

/** A computer as the farm names it. */
export interface HostReference extends Lookup {
  /** The user's own text. */
  readonly text: string;
  readonly by: "sAMAccountName" | "dNSHostName" | "distinguishedName";
}

export interface DesiredGroup {
  readonly samAccountName: string;
  /** Where an owned group is created. */
  readonly distinguishedName: string;
  /** A group of somebody else. */
  readonly existing: boolean;
  /** Where an existing group must be; undefined: anywhere in the domain. */
  readonly container: string | undefined;
}

/** A computer that an entry was resolved to: an entry means an object, and not a name that another may have tomorrow. */
export interface ResolvedHost {
  readonly objectGUID: string;
  readonly objectSID?: string;
}

/** Computers that entries meant which the manifest does not have any more. */
interface Departed {
  readonly objectGUIDs: readonly string[];
  /** Lookup keys of entries that were never resolved: a computer that one of them names did not depart, but is named in another way. */
  readonly unlessNamed: ReadonlySet<string>;
}

/** What decides, of two farms, which was there first. */
export interface Standing {
  readonly namespace: string;
  /** RFC 3339. */
  readonly created: string;
  readonly uid: string;
}

/** Another farm that uses existing host groups, or did. */
export interface SharingFarm {
  readonly key: string;
  readonly standing: Standing;
  /** The group that it uses, by its name, folded, and by its objectGUID, where the farm has seen it. Undefined: it wants nobody anywhere. */
  readonly uses: { readonly name: string; readonly objectGUID: string | undefined } | undefined;
  /** Lookup keys of the hosts that it wants there, and of those that it wants nowhere. */
  readonly hosts: ReadonlySet<string>;
  readonly quarantined: ReadonlySet<string>;
  /** objectGUIDs of the groups by which it gave somebody a right. */
  readonly claimed: ReadonlySet<string>;
  /** What its tenant allows it; absent: there are no tenants. */
  readonly granted?: Granted | undefined;
  /** Patterns of the groups of somebody else that tenants allow to its namespace, whatever else it asks for; absent: there are no tenants. */
  readonly sharedGroups?: readonly string[];
  /** By objectGUID, the groups on its record: the objectGUIDs of the computers that are its to take out. */
  readonly added: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The farm as it should be in the directory, with every default filled in. */
export interface DesiredFarm {
  /** The owner marker of everything this farm owns. */
  readonly owner: string;
  readonly account: DesiredAccount;
  /** Of the domain that it lives in. */
  readonly domain: DomainNames;
  readonly servicePrincipalNames: readonly string[];
  /** Patterns of those that are neither added nor removed; ["*"] where none is managed. */
  readonly unmanagedServicePrincipalNames: readonly string[];
  readonly grant: "Group" | "Principals";
  readonly hostGroup: DesiredGroup;
  readonly accessGroups: readonly DesiredGroup[];
  readonly hosts: readonly HostReference[];
  readonly quarantined: readonly HostReference[];
  readonly search: DesiredSearch | undefined;
  readonly hostAccount: DesiredHostAccount | undefined;
  /** The objectGUID of the account that is to be deleted and created again; undefined: none is. */
  readonly recreate: string | undefined;
  /** The manifest was changed since the farm's last status: an entry may be new in its list though it is on record. */
  readonly edited: boolean;
  /** What entries of both lists were resolved to before, by their texts. */
  readonly resolved: ReadonlyMap<string, readonly ResolvedHost[]>;
  /** Looked at only while nothing else may be changed. */
  readonly departed: Departed;
  readonly trustSelfJoined: boolean;
  /** What the farm's tenant allows it; undefined: there are no tenants, and everything is allowed. */
  readonly granted: Granted | undefined;
  /** The domain names tenants: others are none of this farm's business. */
  readonly amongTenants: boolean;
  /** Patterns of the groups of somebody else that tenants allow to its namespace. */
  readonly sharedGroups: readonly string[];
  /** objectGUIDs of what the farm is known to own: found by them even when somebody moved or renamed it. */
  readonly knownObjects: readonly string[];
  /** Those of them that are access groups. */
  readonly knownAccessGroups: readonly string[];
  /** RID of its own host group, as it has it on record. */
  readonly knownGroupRID?: string | undefined;
  /** What it did to groups that are not its own. */
  readonly journal: Journal;
  readonly standing: Standing;
  readonly sharing: Sharing;
  readonly elsewhere: Elsewhere;
  /** What of the spec only the domain shows to be wrong: it keeps nothing else from being done. */
  readonly invalid: readonly Blocker[];
  /** The operator's account, as dsacls takes it. */
  readonly operator: string;
  /** Who wants nothing written: the farm itself, or its domain, whatever the farm says. */
  readonly observedFor: "Farm" | "Domain" | undefined;
  /** Whether a gMSA or host group without owner is taken over. */
  readonly adoption: Adoption;
  /** Containers that the farm itself names, as whole distinguished names. */
  readonly explicitContainers: { readonly account: string | undefined; readonly hostGroup: string | undefined };
}

/** Other farms that use existing host groups, or did. */
export type Sharing = readonly SharingFarm[];

/** What farms of other namespaces have on record of groups of somebody else, by objectGUIDs. */
export interface Elsewhere {
  /** Their members may retrieve the password of such a farm's account. */
  readonly hosts: Pick<ReadonlySet<string>, "has">;
  /** The account of such a farm is a member. */
  readonly access: Pick<ReadonlySet<string>, "has">;
  /** Other farms, of any namespace, that have the group on record in this moment: a group may have two names, and a directory two domains. */
  readonly users: (objectGUID: string) => Sharing;
}

/** What the domain's tenants allow, where there are any: the farm, and its namespace. And when it is looked at. */
export interface Terms {
  readonly granted?: Granted | undefined;
  readonly sharedGroups?: readonly string[];
  /** Milliseconds since 1970. */
  readonly now?: number;
  readonly elsewhere?: Elsewhere | undefined;
}

/** The farm as wanted. With `problems` it must not be brought about; to clean up after it, it is good enough. */
export interface Wanted {
  readonly desired: DesiredFarm;
  readonly problems: readonly Blocker[];
}
