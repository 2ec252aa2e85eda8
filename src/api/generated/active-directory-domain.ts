// GENERATED from crds/activedirectorydomains.yaml by crds/generate-types.ts (npm run generate). Do not edit.
import type { KubernetesObject, ResourceKind } from "../object.ts";

export const ACTIVE_DIRECTORY_DOMAIN: ResourceKind = {
  apiVersion: "serverfarm.dev/v1alpha1",
  kind: "ActiveDirectoryDomain",
  plural: "activedirectorydomains",
};

/** An ActiveDirectoryDomain says how the operator reaches a domain: its controllers, the account it binds with, and the certificate authority it trusts. */
export interface ActiveDirectoryDomain extends KubernetesObject {
  readonly spec: ActiveDirectoryDomainSpec;
  readonly status?: ActiveDirectoryDomainStatus;
}

export interface ActiveDirectoryDomainSpec {
  /** DNS name of the domain. Immutable. */
  readonly dnsName: string;
  /** Domain controllers in order of preference. ldaps:// is TLS from the first byte, ldap:// means StartTLS; nothing is ever sent in the clear. */
  readonly servers?: readonly string[];
  /** In place of servers: domain controllers are found in DNS, by the SRV records of _ldap._tcp.<site>._sites.dc._msdcs.<dnsName> and of _ldap._tcp.dc._msdcs.<dnsName>. The connection is LDAPS on port 636, whatever port a record names. The domain controller in use is kept while it answers. */
  readonly discovery?: {
    /** Site of Active Directory whose domain controllers come first, like Frankfurt; those of the whole domain come after them. Absent: those of the whole domain. */
    readonly site?: string;
    /** Names that your domain controllers have. A name in an answer of DNS that is not among them is never connected to, since DNS can be forged and other machines may have certificates of the same CA. */
    readonly serverNames: readonly string[];
  };
  /** A Secret in the operator's namespace with the keys username (UPN or distinguished name) and password. */
  readonly credentialsSecretRef: {
    /** Name of the Secret. */
    readonly name: string;
  };
  /** The certificate authorities (PEM) that the domain controllers' certificates are checked against, in a Secret or ConfigMap in the operator's namespace. Absent, the system's. */
  readonly caBundleRef?: {
    /** Secret or ConfigMap. */
    readonly kind: "Secret" | "ConfigMap";
    /** Name of the Secret or ConfigMap. */
    readonly name: string;
    /** Key of the PEM text in it. */
    readonly key: string;
  };
  /** What farms get that do not say otherwise. */
  readonly defaults: {
    /** Container of the accounts, relative to the domain or a whole distinguished name; one that holds nothing but farms, like OU=Farms. */
    readonly accountContainer: string;
    /** Container of the groups, relative to the domain or a whole distinguished name; one that holds nothing but farms, like OU=Farms. */
    readonly groupContainer: string;
  };
  /** Whether farms (with adoptionPolicy: Unowned) may adopt objects that they did not create. Consent: only an object whose adminDescription is serverfarm.dev adopt=<namespace>/<name>, written by an administrator who may write it. Unowned: also an object without adminDescription. Never: no object. */
  readonly adoption: "Consent" | "Unowned" | "Never";
  /** Observe: nothing is written to the directory for any farm of the domain, deletion included, whatever the farm says; its status.plan shows what would be. Quarantines wait, too. */
  readonly managementPolicy: "Enforce" | "Observe";
  /** true: nothing is read from or written to the directory for any farm of the domain, deletion included, until it is false again. */
  readonly suspend: boolean;
  /** How many farms may be decommissioned within a time. Those beyond it wait in DeletionBlocked, the oldest deletion continues first, and the annotation serverfarm.dev/confirm-deletion with the uid of a farm deletes that farm at once. Farms that own nothing, with deletionPolicy Retain, or that are abandoned do not count. */
  readonly deletionBudget: {
    /** How many farms; 0, and each has to be confirmed. */
    readonly farms: number;
    /** Within how long, at least 1s. */
    readonly per: string;
  };
  /** Users by which nodes that are not joined to the domain retrieve passwords for Pods (spec.pods.hostAccount of a farm), and how a plug-in on the node finds their credentials. Every node that holds the credentials of one may retrieve the passwords of all its farms, so make one for each tenant. */
  readonly podHostAccounts: readonly {
    /** Name of the entry, which farms name. */
    readonly name: string;
    /** The user by sAMAccountName or distinguished name. It must exist: it is never created or changed, only put among those that may retrieve the password. */
    readonly user: string;
    /** GUID of the plug-in (PluginGUID), in braces: {859E1386-BDB4-49E8-85C7-3070B13920E1} on EKS, {CCC2A336-D7F3-4818-A213-272B7924213E} on AKS. */
    readonly pluginGUID: string;
    /** The input of the plug-in (PluginInput), a text even if it holds JSON. It says where the credentials of the user are; never write a password into it, because everyone who may read credential specs can read it. */
    readonly pluginInput: string;
  }[];
  /** How often the directory is asked what changed, at least 1s. */
  readonly poll: string;
  /** How often every farm is compared in full, at least 1m. */
  readonly resync: string;
  /** Whether computers that an ordinary user joined to the domain (mS-DS-CreatorSID) may be hosts. Withhold: they get no right, since every user may create ten computers by default, under any name that a farm lists. */
  readonly selfJoinedComputers: "Withhold" | "Grant";
  /** Which namespaces may ask for what. Absent: every namespace, for everything. []: nobody, for nothing. One tenant must allow the whole farm, with the values that the farm gets by default; what a tenant does not list it does not allow. In a pattern * stands for any characters, and case does not matter. A farm that is not allowed any more keeps what it has, and the operator adds nothing to it. */
  readonly tenants?: readonly {
    /** Name of the tenant. Messages of its farms say it. */
    readonly name: string;
    /** The namespaces of the tenant, by their labels. All that it says must hold; {} means every namespace. Kubernetes gives each namespace the label kubernetes.io/metadata.name with its name. */
    readonly namespaceSelector: {
      /** Labels that the namespace has, with these values. */
      readonly matchLabels: Readonly<Record<string, string>>;
      /** Conditions on labels of the namespace. */
      readonly matchExpressions: readonly {
        /** Key of the label. */
        readonly key: string;
        /** In: the label has one of the values. NotIn: it has none of them, or is not there. Exists, DoesNotExist: it is there, or is not. */
        readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
        /** Values of the label, for In and NotIn. */
        readonly values: readonly string[];
      }[];
    };
    /** What farms may make in the directory. */
    readonly accounts: {
      /** Patterns of the names of what farms make: of the account (its common name, and its sAMAccountName without the $), of their own host groups and of their own access groups. A host group is called <account.name>Hosts by default, so web-* allows both. */
      readonly names: readonly string[];
      /** Where farms may make them, in these containers or below, relative to the domain or as whole distinguished names. The domain's defaults count as if the farm named them. */
      readonly containers: readonly string[];
    };
    /** Patterns of the service principal names that farms may ask for. Class and host are compared separately: http/*.web.contoso.com allows no name of another host that only ends so. */
    readonly servicePrincipalNames: readonly string[];
    /** Patterns of the dNSHostNames of accounts. They also apply to the default, which is made of the sAMAccountName. */
    readonly dnsHostNames: readonly string[];
    /** Which computers farms may name as hosts. Who is quarantined is not limited. */
    readonly hosts: {
      /** Patterns of the names of hosts: WEB01 of WEB01, WEB01$ and CN=WEB01,OU=Servers; of a DNS name the whole of it, or its first label. */
      readonly names: readonly string[];
      /** Where hosts are, in these containers or below. It is judged of the computer that is found, wherever it is then: one that is elsewhere gets no right (its reason is NotAllowed in status.hostIssues), which does not affect other hosts; one that had the right before it was moved keeps it. */
      readonly containers: readonly string[];
      /** How many hosts a farm may name, and find with hosts.search (its max); absent, as many as a farm can have. */
      readonly max?: number;
      /** Whether farms may search hosts (hosts.search), in the containers above or below. Whoever may create or move computers there decides who gets their passwords. Of the computers that are found those are hosts that the names and containers above allow. */
      readonly search: boolean;
    };
    /** Externally managed groups that farms may use. */
    readonly groups: {
      /** Patterns of the groups that accounts may join (accessGroups with existing: true). */
      readonly access: readonly string[];
      /** Patterns of the groups that may be host groups (hosts.group.existing: true). Only where it is allowed to both may farms of two namespaces share one, and so give their passwords to the hosts of the other. */
      readonly hosts: readonly string[];
    };
    /** Patterns of the entries of spec.podHostAccounts that farms may name (pods.hostAccount): whose users may retrieve their passwords. */
    readonly podHostAccounts: readonly string[];
    /** Whether farms may adopt objects that they did not create (adoptionPolicy: Unowned), as far as the domain's adoption allows it. */
    readonly adoption: boolean;
    /** How many farms the tenant may have; absent, any number. Counted are those that it allows, each for the first tenant that allows it; and, for each tenant of their namespace, those that nobody allows and that still own something. Those that own something go first, and among them the oldest: a new farm never takes the place of one that is there. */
    readonly maxFarms?: number;
  }[];
}

export interface ActiveDirectoryDomainStatus {
  /** The generation that this status describes; -1 until the domain was first seen. */
  readonly observedGeneration: number;
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
  /** The domain controller in use. */
  readonly server?: {
    /** Its URL as in spec.servers; with spec.discovery, made of its name in DNS. */
    readonly url?: string;
    /** Its own name. */
    readonly dnsHostName?: string;
    /** Its functional level (domainControllerFunctionality). */
    readonly functionalLevel?: number;
    /** The identity of its database. */
    readonly invocationId?: string;
    /** When the operator failed over to it. For an hour the operator does not treat what it does not show as deleted, because it may not be replicated yet. */
    readonly tookOverAt?: string;
  };
  /** objectVersion of the schema. */
  readonly schemaVersion?: number;
  /** Security identifier of the domain. */
  readonly domainSID?: string;
  /** objectGUID of the domain. */
  readonly objectGUID?: string;
  /** DNS name of the root domain of the forest. */
  readonly forestDNSName?: string;
  /** NetBIOS name of the domain. */
  readonly netBIOSName?: string;
  /** How many computers an ordinary user may create (ms-DS-MachineAccountQuota). */
  readonly machineAccountQuota?: number;
  /** How many ServerFarms name this domain. */
  readonly farms?: number;
  /** The farms whose decommissioning has begun within the time of spec.deletionBudget. Recorded before anything of them is deleted, so that a restart does not refill the budget. */
  readonly deletions?: readonly {
    /** Its namespace and name. */
    readonly farm: string;
    /** Its uid. */
    readonly uid: string;
    /** When its end began. */
    readonly at: string;
  }[];
}
