// GENERATED from crds/serverfarms.yaml by crds/generate-types.ts (npm run generate). Do not edit.
import type { KubernetesObject, ResourceKind } from "../object.ts";

export const SERVER_FARM: ResourceKind = {
  apiVersion: "serverfarm.dev/v1alpha1",
  kind: "ServerFarm",
  plural: "serverfarms",
};

/** A ServerFarm is a group Managed Service Account (gMSA) in Active Directory, the hosts that may retrieve its password, and its service principal names. */
export interface ServerFarm extends KubernetesObject {
  readonly spec: ServerFarmSpec;
  readonly status?: ServerFarmStatus;
}

export interface ServerFarmSpec {
  /** The ActiveDirectoryDomain that the farm lives in. */
  readonly domainRef: {
    /** Name of an ActiveDirectoryDomain. Immutable once something of the farm is in the directory. If it does not exist, the farm reports DomainNotFound, and you can correct the name. */
    readonly name: string;
  };
  /** The group Managed Service Account. */
  readonly account: {
    /** The common name (CN) of the gMSA. Default, the name of this ServerFarm. Immutable once the account exists. */
    readonly name?: string;
    /** The sAMAccountName without the trailing $, at most 15 characters. Default, account.name. Immutable once the account exists. */
    readonly samAccountName?: string;
    /** Where the gMSA is created, relative to the domain (OU=Farms) or a whole distinguished name. Default, the domain's defaults.accountContainer. Immutable once the account exists. */
    readonly container?: string;
    /** The dNSHostName of the gMSA, a fully qualified name that no other object has. Default, the sAMAccountName in lower case with the domain's DNS name. Not with outboundOnly. */
    readonly dnsHostName?: string;
    /** The account is used for outbound authentication only: it has no dNSHostName and no service principal names. Immutable once the account exists. */
    readonly outboundOnly: boolean;
    /** Days between two changes of the password. Immutable in the directory: Active Directory fixes it when the account is created, and only a new account can have another interval (annotation serverfarm.dev/recreate-account). */
    readonly passwordIntervalDays: number;
    /** Kerberos encryption types that the account supports. RC4 is for old clients only; the farm reports a warning. */
    readonly encryptionTypes: readonly ("RC4" | "AES128" | "AES256")[];
    /** The description attribute of the gMSA. Absent, it is not managed and left as it is; an empty text means none. */
    readonly description?: string;
    /** The displayName attribute of the gMSA. Absent, it is not managed and left as it is; an empty text means none. */
    readonly displayName?: string;
    /** False disables the account. */
    readonly enabled: boolean;
  };
  /** The whole set of service principal names that the account holds. Others are removed. Absent, they are not managed and left as they are; an empty list means none. One that another object holds, itself or by another that implies it (HOST/x implies http/x), is left out and the holder named. So is one that is not a farm's to have, such as ldap/x, or a name of the domain, a domain controller, or a computer that is no host of the farm. */
  readonly servicePrincipalNames?: readonly string[];
  /** Patterns of service principal names that services register themselves, like MSSQLSvc/*. Such names are neither added nor removed. * stands for any characters; case does not matter. */
  readonly selfRegisteredServicePrincipalNames: readonly string[];
  /** The hosts that may retrieve the password of the account. */
  readonly hosts: {
    /** Group: the host group may retrieve the password. Principals: each computer is named directly. */
    readonly grant: "Group" | "Principals";
    /** Computers that may retrieve the password: WEB01, WEB01$, web01.contoso.com or a distinguished name. */
    readonly computers: readonly string[];
    /** Computers that must not have the right, whatever else names them (compromised hosts). Removed before any other change of the farm, and kept out by a deny entry in the list of the account. An entry that was found once stays in force when the computer is moved or renamed. */
    readonly quarantined: readonly string[];
    /** Computers below a container that may retrieve the password, beside those of hosts.computers: those that are enabled, and that no ordinary user made. Whoever may create computers there, or move them there, decides who gets the password. */
    readonly search?: {
      /** The container, with all containers below it, relative to the domain or a whole distinguished name. Its objectGUID is kept in status.hostSearch. If it is moved or renamed, the operator follows it and reports it; another one under its name is refused. So are the domain itself, the container that every user may create computers in, Domain Controllers, and whatever these are in. */
      readonly container: string;
      /** Patterns of the computers' names: of the sAMAccountName without its $. * stands for any characters, and case does not matter. * alone means every computer there. */
      readonly names: readonly string[];
      /** How many computers may match. While there are more, nobody is added (HostLimitExceeded); whoever has the right keeps it. */
      readonly max: number;
      /** How many of the computers that the search found may lose the right within an hour, in percent; three always may. While more are to lose it nobody does (ShrinkHeld), until the annotation serverfarm.dev/confirm-removal has their number. Whoever is quarantined, or taken out of hosts.computers, loses it at once, and is not counted. */
      readonly maxRemoval: string;
    };
    /** The host group, with grant: Group. */
    readonly group?: {
      /** Name of the host group (a global security group). Default, account.name followed by Hosts. */
      readonly name?: string;
      /** Where the host group is created, relative to the domain or a whole distinguished name. Default, the domain's defaults.groupContainer. Immutable; a group that is moved in the directory is found there. Of an existing group, where it must be; absent, it is found anywhere. You can change that at any time. */
      readonly container?: string;
      /** True: an externally managed group. The operator never creates or deletes it, and removes only members that farms added. Farms of one namespace may share it; while one of another namespace uses it, this one is refused (GroupInUse), unless the tenants of the domain allow it to both. */
      readonly existing: boolean;
    };
  };
  /** Groups that the gMSA is a member of, for access control. */
  readonly accessGroups: readonly {
    /** Name (sAMAccountName) of the group; an owned group has it as its common name too, and then it may have at most 64 characters. */
    readonly name: string;
    /** True: the group exists and is externally managed. False: the farm creates it, owns it, and deletes it at the end only if the gMSA is its only member. */
    readonly existing: boolean;
    /** Where an owned group is created, relative to the domain or a whole distinguished name; default, the domain's defaults.groupContainer. Of an existing group, where it must be; absent, it is found anywhere. */
    readonly container?: string;
  }[];
  /** Windows Pods that run as the account: a GMSACredentialSpec <namespace>.<name of the farm> is published, and a Role with a RoleBinding that let ServiceAccounts use it. The operator must be installed with pods.enabled. Absent, nothing is made. */
  readonly pods?: {
    /** Names of ServiceAccounts of this namespace whose Pods may use the credential spec. They need not exist yet. Empty, nobody may. */
    readonly serviceAccounts: readonly string[];
    /** Name of an entry of spec.podHostAccounts of the domain: the user by which nodes that are not joined to the domain retrieve the password. Absent, nodes are joined and retrieve as themselves: their computers must be hosts of the farm. */
    readonly hostAccount?: string;
    /** True: the same credential spec is published as a ConfigMap <name of the farm>-credential-spec, for credentials-fetcher on Linux. */
    readonly configMap: boolean;
  };
  /** Enforce: the directory is changed. Observe: nothing is written to the directory; status.plan shows what would be. */
  readonly managementPolicy: "Enforce" | "Observe";
  /** Never: the operator leaves existing objects alone. Unowned: the operator adopts a gMSA or host group of that name that has no owner marker, with the consent that the domain requires (spec.adoption); one with another owner's marker is never adopted. */
  readonly adoptionPolicy: "Never" | "Unowned";
  /** Delete: the objects that the farm owns are deleted with it. Retain: they stay, and the operator removes the owner marker. */
  readonly deletionPolicy: "Delete" | "Retain";
  /** True: nothing is read or written for this farm, deletion included, until it is false again. One exception: if another farm gets the account that the credential spec of spec.pods names, the operator deletes the RoleBinding and the credential spec. */
  readonly suspend: boolean;
}

export interface ServerFarmStatus {
  /** The generation that this status describes; -1 until the farm was first seen. */
  readonly observedGeneration: number;
  /** The value of the annotation serverfarm.dev/reconcile-requested-at that was last handled. */
  readonly lastHandledReconcileRequest?: string;
  /** The state of each part. Ready is the summary. */
  readonly conditions?: readonly {
    /** Which aspect. */
    readonly type: string;
    /** True, False or Unknown. */
    readonly status: "True" | "False" | "Unknown";
    /** The generation that this condition describes. */
    readonly observedGeneration?: number;
    /** When status last changed. */
    readonly lastTransitionTime: string;
    /** Why, in one CamelCase word. */
    readonly reason: string;
    /** What is wrong, on which object, and what to do next. */
    readonly message: string;
  }[];
  /** The gMSA as seen. */
  readonly account?: {
    /** Its distinguished name. */
    readonly distinguishedName?: string;
    /** Its objectGUID, which survives moves and renames. */
    readonly objectGUID?: string;
    /** Its security identifier. */
    readonly objectSID?: string;
    /** Its sAMAccountName, with the $. */
    readonly samAccountName?: string;
    /** When its password last changed. */
    readonly passwordLastChanged?: string;
    /** When its password changes next: on a grid of ten hours, which its key tells. In the past: when a host asks next. */
    readonly passwordNextChange?: string;
    /** The GUID of the KDS root key that its password is made of. */
    readonly kdsRootKeyID?: string;
  };
  /** The host group as seen. */
  readonly hostGroup?: {
    /** Existing groups only: its name, as the farm names it. */
    readonly name?: string;
    /** Its distinguished name. */
    readonly distinguishedName?: string;
    /** Its objectGUID, which survives moves and renames. */
    readonly objectGUID?: string;
    /** Its security identifier. */
    readonly objectSID?: string;
    /** Existing groups only: objectGUIDs of the members that are this farm's to remove, recorded before the write: those that it put in, and those that it wants and that another farm of its namespace put in. */
    readonly added?: readonly string[];
  };
  /** Existing groups that the farm used before, and that are gone, that its account still names, or that it still has members to remove from. */
  readonly formerHostGroups?: readonly {
    /** Its objectGUID. */
    readonly objectGUID: string;
    /** Its distinguished name. */
    readonly distinguishedName?: string;
    /** The name in hosts.group.name by which the farm used it. */
    readonly name?: string;
    /** objectGUIDs of the members that are this farm's to remove. */
    readonly added?: readonly string[];
  }[];
  /** How many hosts may retrieve the password. */
  readonly hosts?: {
    /** Hosts that should. */
    readonly desired?: number;
    /** How many of them have the right. */
    readonly granted?: number;
    /** With hosts.search only: how many of the desired hosts hosts.computers names. */
    readonly computers?: number;
    /** With hosts.search only: how many of the desired hosts only the search finds. */
    readonly search?: number;
    /** Only while hosts.search removes nobody (ShrinkHeld): the computers that it does not find any more. They keep the right. */
    readonly held?: number;
    /** granted/desired. */
    readonly summary?: string;
  };
  /** What hosts.search means, and whom it found. */
  readonly hostSearch?: {
    /** The container that was meant, as a whole distinguished name: as the farm names it. */
    readonly container?: string;
    /** Its objectGUID, which survives moves and renames. Another container under the same name is not searched. */
    readonly objectGUID?: string;
    /** Where it is now. */
    readonly distinguishedName?: string;
    /** The computers that have the right by the search, recorded before they get it. */
    readonly hosts?: readonly {
      /** Its objectGUID. */
      readonly objectGUID: string;
      /** With grant: Principals only: its security identifier. */
      readonly objectSID?: string;
    }[];
    /** How many hosts lost the right in the last hour; maxRemoval limits this. */
    readonly removals?: {
      /** When the first of them lost it. An hour later counting begins again. */
      readonly since: string;
      /** How many lost it since. */
      readonly count: number;
      /** How many had it then. */
      readonly of: number;
    };
    /** The value of the annotation serverfarm.dev/confirm-removal that was last used. It confirms nothing more. */
    readonly confirmedRemoval?: string;
  };
  /** What each entry of hosts.computers and hosts.quarantined was resolved to, and pods.hostAccount. A host that is moved or renamed is found by it. A user that pods.hostAccount does not mean any more stays until it has lost the right. */
  readonly resolvedHosts?: readonly {
    /** The entry, as the farm has it. */
    readonly reference: string;
    /** Its objectGUID. */
    readonly objectGUID: string;
    /** Its security identifier. */
    readonly objectSID?: string;
  }[];
  /** Hosts that could not be granted, at most 100. */
  readonly hostIssues?: readonly {
    /** The computer, as the farm names it. */
    readonly computer: string;
    /** Why, in one CamelCase word. */
    readonly reason: string;
    /** What is wrong and what to do next. */
    readonly message: string;
  }[];
  /** The access groups as seen, and those that the account has still to leave. */
  readonly accessGroups?: readonly {
    /** Its name, as the farm names it. */
    readonly name: string;
    /** Its distinguished name. */
    readonly distinguishedName?: string;
    /** Its objectGUID. */
    readonly objectGUID?: string;
    /** False where the account is not a member yet. */
    readonly member?: boolean;
  }[];
  /** What is published for Pods. */
  readonly pods?: {
    /** Name of the GMSACredentialSpec, for securityContext.windowsOptions.gmsaCredentialSpecName of a Pod. */
    readonly credentialSpecName?: string;
  };
  /** With managementPolicy Observe: what would be changed, at most 100. */
  readonly plan?: readonly {
    /** The kind of change. */
    readonly change: string;
    /** The object it is made to. */
    readonly object: string;
    /** What it would set. */
    readonly value?: string;
  }[];
  /** The account that was deleted to be created again (serverfarm.dev/recreate-account), recorded before it was deleted. */
  readonly formerAccount?: {
    /** Its objectGUID. */
    readonly objectGUID: string;
    /** Its security identifier. Rights that were granted to it have to be granted to the new account. */
    readonly objectSID?: string;
    /** Distinguished names of the groups that it was a member of, at most 100. */
    readonly memberOf?: readonly string[];
    /** SIDs of hosts that its own list let retrieve the password, and that could not be seen then, or that an entry may have meant. */
    readonly retrievers?: readonly string[];
    /** SIDs of hosts that its own list kept out, and that could not be seen then, or that an entry may have meant. */
    readonly denied?: readonly string[];
    /** Those of its service principal names that the farm does not manage, at most 500. The new account is created with them. */
    readonly servicePrincipalNames?: readonly string[];
    /** Its description, where the farm does not manage it. The new account is created with it. */
    readonly description?: string;
    /** Its displayName, where the farm does not manage it. The new account is created with it. */
    readonly displayName?: string;
    /** The objectGUID of the account that was created in its place. Absent until that is seen. */
    readonly successor?: string;
  };
  /** What deletion will remove. */
  readonly ownedObjects?: readonly {
    /** Its objectGUID. */
    readonly objectGUID: string;
    /** What it is. */
    readonly kind: "Account" | "HostGroup" | "AccessGroup";
    /** Its distinguished name. */
    readonly distinguishedName?: string;
  }[];
}
