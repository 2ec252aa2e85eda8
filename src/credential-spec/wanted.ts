/** What a farm wants published for Pods: pure, from the farm, its domain and its account. */
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import { SERVER_FARM, type ServerFarm } from "../api/generated/server-farm.ts";
import { accountNameOf, accountNames } from "../names/account-name.ts";
import {
  ACCOUNT_GUID,
  credentialSpecName,
  farmKey,
  FARM_OF,
  FARM_UID,
  type NamedAccount,
  type Owner,
  placeOf,
  type PublishedKind,
} from "./objects.ts";

/** What a credential spec says of a domain, as far as it is known. */
export interface DomainIdentity {
  readonly domainSID?: string | undefined;
  readonly objectGUID?: string | undefined;
  readonly netBIOSName?: string | undefined;
  /** Of the forest's root domain. */
  readonly forestDNSName?: string | undefined;
}

type HostAccount = ActiveDirectoryDomain["spec"]["podHostAccounts"][number];

export interface PodDomain {
  readonly name: string;
  readonly dnsName: string;
  readonly identity: DomainIdentity;
  readonly hostAccounts: readonly HostAccount[];
}

/** An object as it is to be. `body`: what it has beside its metadata. */
export interface WantedObject {
  readonly kind: PublishedKind;
  readonly namespace?: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ownerReferences: readonly OwnerReference[];
  readonly body: Readonly<Record<string, unknown>>;
}

interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
}

export type Wanted = Readonly<Record<Exclude<PublishedKind, "ConfigMap">, WantedObject>> & { readonly ConfigMap?: WantedObject };

/** Why nothing can be published. */
export interface PodsBlocker {
  readonly reason: "HostAccountNotFound" | "DomainNotReady" | "NotOwned";
  /** What is wrong, on which object, and what to do next. */
  readonly message: string;
}

export function ownerOf({ metadata: { namespace = "", name, uid } }: ServerFarm): Owner {
  return { namespace, name, uid };
}

/** What a farm, with the account that its status has, wants. Blocked: what it wants cannot be told; who may use what is there already can. */
export type Wish =
  | { readonly kind: "Nothing" }
  | { readonly kind: "Wanted"; readonly account: NamedAccount; readonly wanted: Wanted }
  | {
      readonly kind: "Blocked";
      readonly account: NamedAccount;
      readonly blocker: PodsBlocker;
      readonly wanted: Pick<Wanted, "Role" | "RoleBinding">;
    };

export function wishOf(farm: ServerFarm, domain: PodDomain): Wish {
  const { pods } = farm.spec;
  const guid = farm.status?.account?.objectGUID;
  if (!pods) return { kind: "Nothing" };
  const owner = ownerOf(farm);
  const object = (kind: PublishedKind, body: WantedObject["body"]): WantedObject => ({
    kind,
    ...placeOf(kind, owner),
    labels: { [FARM_UID]: owner.uid },
    annotations: { [FARM_OF]: farmKey(owner), ...(kind === "GMSACredentialSpec" && guid !== undefined ? { [ACCOUNT_GUID]: guid } : {}) },
    // What is of the cluster cannot be owned by what is in a namespace.
    ownerReferences: kind === "GMSACredentialSpec" ? [] : [referenceTo(owner)],
    body,
  });
  const role = object("Role", { rules: [useOf(owner)] });
  const binding = object("RoleBinding", {
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.name },
    subjects: pods.serviceAccounts.map((name) => ({ kind: "ServiceAccount", name, namespace: owner.namespace })),
  });
  const account = accountOf(farm, domain);
  const credspec = credentialSpec(farm, domain, account);
  const right = { Role: role, RoleBinding: binding };
  if ("reason" in credspec) return { kind: "Blocked", account, blocker: credspec, wanted: right };
  return {
    kind: "Wanted",
    account,
    wanted: {
      GMSACredentialSpec: object("GMSACredentialSpec", { credspec }),
      ...right,
      ...(pods.configMap ? { ConfigMap: object("ConfigMap", { data: { "credspec.json": JSON.stringify(credspec) } }) } : {}),
    },
  };
}

/** The right to use the one credential spec of the farm. */
function useOf(owner: Owner): object {
  return {
    apiGroups: ["windows.k8s.io"],
    resources: ["gmsacredentialspecs"],
    resourceNames: [credentialSpecName(owner)],
    verbs: ["use"],
  };
}

/** As a credential spec of the farm names it. */
export function accountOf(farm: ServerFarm, { dnsName }: PodDomain): NamedAccount {
  return { samAccountName: accountNames(accountNameOf(farm), farm.spec.account, dnsName).samAccountName, dnsName };
}

function referenceTo({ name, uid }: Owner): OwnerReference {
  const { apiVersion, kind } = SERVER_FARM;
  return { apiVersion, kind, name, uid, controller: true };
}

/** All leaves are strings: that is what plug-ins and nodes read. */
function credentialSpec(farm: ServerFarm, domain: PodDomain, { samAccountName }: NamedAccount): object | PodsBlocker {
  const { domainSID, objectGUID, netBIOSName, forestDNSName } = domain.identity;
  const hostAccountConfig = hostAccountOf(farm, domain);
  if (hostAccountConfig && "reason" in hostAccountConfig) return hostAccountConfig;
  if (domainSID === undefined || objectGUID === undefined || netBIOSName === undefined || forestDNSName === undefined) {
    return {
      reason: "DomainNotReady",
      message: `a credential spec names the SID, the objectGUID, the NetBIOS name and the forest of the domain, and not all of them are known: see the status of the ActiveDirectoryDomain ${domain.name}.`,
    };
  }
  return {
    CmsPlugins: ["ActiveDirectory"],
    DomainJoinConfig: {
      Sid: domainSID,
      Guid: objectGUID,
      MachineAccountName: samAccountName,
      DnsName: domain.dnsName,
      DnsTreeName: forestDNSName,
      NetBiosName: netBIOSName,
    },
    ActiveDirectoryConfig: {
      GroupManagedServiceAccounts: [
        { Name: samAccountName, Scope: domain.dnsName },
        { Name: samAccountName, Scope: netBIOSName },
      ],
      ...(hostAccountConfig ? { HostAccountConfig: hostAccountConfig } : {}),
    },
  };
}

function hostAccountOf({ spec }: ServerFarm, domain: PodDomain): object | PodsBlocker | undefined {
  const wanted = spec.pods?.hostAccount;
  if (wanted === undefined) return undefined;
  const found = domain.hostAccounts.find(({ name }) => name === wanted);
  if (!found) {
    return {
      reason: "HostAccountNotFound",
      message: `spec.podHostAccounts of the ActiveDirectoryDomain ${domain.name} has no entry ${wanted}: name another one in pods.hostAccount, or ask the owner of the domain to add it.`,
    };
  }
  return { PortableCcgVersion: "1", PluginGUID: found.pluginGUID, PluginInput: found.pluginInput };
}
