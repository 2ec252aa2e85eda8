/** What is published for Pods of a farm: four kinds of objects, their names, and how it shows whose they are. */
import type { KubernetesObject, ResourceKind } from "../api/object.ts";
import { foldName, sameName } from "../names/account-name.ts";

export type PublishedKind = "GMSACredentialSpec" | "Role" | "RoleBinding" | "ConfigMap";

const RBAC = "rbac.authorization.k8s.io/v1";

export const KINDS: Readonly<Record<PublishedKind, ResourceKind>> = {
  GMSACredentialSpec: { apiVersion: "windows.k8s.io/v1", kind: "GMSACredentialSpec", plural: "gmsacredentialspecs" },
  Role: { apiVersion: RBAC, kind: "Role", plural: "roles" },
  RoleBinding: { apiVersion: RBAC, kind: "RoleBinding", plural: "rolebindings" },
  ConfigMap: { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps" },
};

/** The label of everything that is published, with the uid of its farm: by it alone others' objects are never watched. */
export const FARM_UID = "serverfarm.dev/farm-uid";
/** The annotation that names the farm, `<namespace>/<name>`. A label cannot: it has no room for both names. */
export const FARM_OF = "serverfarm.dev/farm";
/** The annotation of a GMSACredentialSpec with the objectGUID of the account that it was published for: a name may become another's. */
export const ACCOUNT_GUID = "serverfarm.dev/account-guid";
/** The annotation by which whoever owns a GMSACredentialSpec gives it to a farm: `<namespace>/<name>`. */
export const ADOPT = "serverfarm.dev/adopt";

/** An object as the cluster has it. */
export type FoundObject = KubernetesObject & Readonly<Record<string, unknown>>;
export type Found = Readonly<Partial<Record<PublishedKind, FoundObject>>>;

/** The farm that objects belong to. */
export interface Owner {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export function farmKey({ namespace, name }: Pick<Owner, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

/** A namespace has no dot, so that two farms never have the same. */
export function credentialSpecName({ namespace, name }: Pick<Owner, "namespace" | "name">): string {
  return `${namespace}.${name}`;
}

/** Where the object of this kind is. */
export function placeOf(
  kind: PublishedKind,
  owner: Pick<Owner, "namespace" | "name">,
): { readonly namespace?: string; readonly name: string } {
  if (kind === "GMSACredentialSpec") return { name: credentialSpecName(owner) };
  return { namespace: owner.namespace, name: `${owner.name}-credential-spec` };
}

/** An account as a credential spec names it. */
export interface NamedAccount {
  /** Without the trailing $. */
  readonly samAccountName: string;
  /** Of its domain. */
  readonly dnsName: string;
}

/** The names in a credential spec. */
function namesIn(credspec: unknown): { readonly domain: unknown; readonly accounts: readonly unknown[] } {
  const listed = valueAt(credspec, "ActiveDirectoryConfig", "GroupManagedServiceAccounts");
  return {
    domain: valueAt(credspec, "DomainJoinConfig", "DnsName"),
    accounts: [valueAt(credspec, "DomainJoinConfig", "MachineAccountName"), ...(Array.isArray(listed) ? listed.map(nameOf) : [])],
  };
}

/** Whether a credential spec names any account besides this one, as far as it can be told. */
export function namesAnother({ samAccountName, dnsName }: NamedAccount, spec: FoundObject | undefined): boolean {
  if (!spec) return false;
  const { credspec } = spec;
  if (credspec === undefined) return true;
  const { domain, accounts } = namesIn(credspec);
  const isOther = (said: unknown, own: string): boolean => typeof said === "string" && !sameName(said, own);
  return isOther(domain, dnsName) || accounts.some((name) => isOther(name, samAccountName));
}

/** The same for every spelling of the account's name. */
export function accountKey({ samAccountName, dnsName }: NamedAccount): string {
  return `${foldName(dnsName)}\\${foldName(samAccountName)}`;
}

/** Keys of the accounts that a credential spec names. */
export function accountKeysOf({ credspec }: FoundObject): ReadonlySet<string> {
  const { domain, accounts } = namesIn(credspec);
  if (typeof domain !== "string") return new Set();
  return new Set(accounts.flatMap((name) => (typeof name === "string" ? [accountKey({ samAccountName: name, dnsName: domain })] : [])));
}

/** The SID of the domain that a credential spec names, where it says so. */
export function domainSidOf({ credspec }: FoundObject): string | undefined {
  const sid = valueAt(credspec, "DomainJoinConfig", "Sid");
  return typeof sid === "string" ? sid : undefined;
}

/** The objectGUID of the account that a credential spec was published for, where it says so. */
export function accountGuidOf(spec: FoundObject | undefined): string | undefined {
  return spec?.metadata.annotations?.[ACCOUNT_GUID];
}

function nameOf(account: unknown): unknown {
  return valueAt(account, "Name");
}

function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((at, name) => (typeof at === "object" && at !== null ? Reflect.get(at, name) : undefined), value);
}

/** `namespace/name` of the farm that the object says it belongs to. */
export function farmOf({ metadata }: KubernetesObject): string | undefined {
  return metadata.labels?.[FARM_UID] === undefined ? undefined : metadata.annotations?.[FARM_OF];
}

/**
 * Own: it bears the label and names the farm; the uid in it may be that of a farm of this name that was there before, as after a restore. Given: a
 * credential spec that its owner gives to the farm.
 */
export type Standing = "Absent" | "Own" | "Given" | "Foreign";

export function standingOf(kind: PublishedKind, found: FoundObject | undefined, owner: Owner): Standing {
  if (!found) return "Absent";
  const key = farmKey(owner);
  if (farmOf(found) === key) return "Own";
  const { labels = {}, annotations = {} } = found.metadata;
  return kind === "GMSACredentialSpec" && labels[FARM_UID] === undefined && annotations[ADOPT] === key ? "Given" : "Foreign";
}

/** What can be wanted is far smaller, in characters. */
const KEPT = 65_536;
/** Characters of an objectGUID. */
const GUID = 36;

/**
 * What is kept of a copy: what is compared. Whoever may write such an object may give it the label, and fill it: of one that is larger than any that is
 * wanted, or that is not where the farm has its own, no more is kept than that it is there.
 */
export function keptOf(kind: PublishedKind, found: FoundObject): FoundObject {
  const { metadata, apiVersion, kind: said, ...body } = found;
  const { name, namespace, uid, resourceVersion, deletionTimestamp, labels } = metadata;
  const known = { ...(namespace === undefined ? {} : { namespace }), ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) };
  const where = { name, ...known, uid, resourceVersion };
  const key = farmOf(found);
  const place = key === undefined ? undefined : placeOf(kind, ownerBy(key));
  const isPlaced = place?.name === name && place.namespace === namespace;
  const guid = accountGuidOf(found);
  const account = guid === undefined || guid.length > GUID ? {} : { [ACCOUNT_GUID]: guid };
  const ours = {
    ...where,
    labels: { [FARM_UID]: labels?.[FARM_UID] ?? "" },
    ...(isPlaced ? { annotations: { [FARM_OF]: key ?? "", ...account } } : {}),
  };
  const references = "ownerReferences" in metadata ? { ownerReferences: metadata.ownerReferences } : {};
  const isSmall = isPlaced && JSON.stringify([body, references]).length <= KEPT;
  return { apiVersion, kind: said, ...(isSmall ? { ...body, metadata: { ...ours, ...references } } : { metadata: ours }) };
}

/** The farm that an annotation names. */
export function ownerBy(farm: string): Pick<Owner, "namespace" | "name"> {
  const slash = farm.indexOf("/");
  return { namespace: farm.slice(0, slash), name: farm.slice(slash + 1) };
}

/** Whether it is of this very farm, and not of one of this name that was there before. */
export function isOfThisFarm(kind: PublishedKind, found: FoundObject | undefined, owner: Owner): boolean {
  return standingOf(kind, found, owner) === "Own" && found?.metadata.labels?.[FARM_UID] === owner.uid;
}
