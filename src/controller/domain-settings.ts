/** How a domain is reached: read from its spec, its Secret and its CA. And why it is not, for its conditions. */
import { createHash, X509Certificate } from "node:crypto";
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import { DirectoryError } from "../ad/error.ts";
import { DiscoveryError, type DiscoveryQuery } from "../directory/discovery.ts";
import type { DeletionBudget } from "../domain/deletion-budget.ts";
import type { DomainProblem } from "../domain/findings.ts";
import { parseDuration } from "../base/duration.ts";
import type { Cluster } from "./cluster.ts";
import { isKubernetesObject, type Resource } from "../kubernetes/resource.ts";
import type { KubernetesObject } from "../api/object.ts";
import type { NamedCopies } from "../kubernetes/named-copies.ts";
import type { Copies } from "../kubernetes/reflector.ts";

/** A Secret or a ConfigMap: the data of the first is base64. */
interface DataObject extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

const SECRETS: Resource<DataObject> = {
  apiVersion: "v1",
  kind: "Secret",
  plural: "secrets",
  is: (value): value is DataObject => isKubernetesObject(value),
};
const CONFIG_MAPS: Resource<DataObject> = {
  apiVersion: "v1",
  kind: "ConfigMap",
  plural: "configmaps",
  is: (value): value is DataObject => isKubernetesObject(value),
};

/** What domains name of the operator's namespace. */
export interface DomainData {
  readonly Secret: NamedCopies<DataObject>;
  readonly ConfigMap: NamedCopies<DataObject>;
}

const KINDS = ["Secret", "ConfigMap"] as const;
type DataKind = (typeof KINDS)[number];

/** Only what the domains name now: there may be hundreds of others in that namespace, which are nobody's concern here. */
export function watchData(cluster: Cluster, domains: Copies<ActiveDirectoryDomain>): DomainData {
  const data = { Secret: cluster.watchNamed(SECRETS), ConfigMap: cluster.watchNamed(CONFIG_MAPS) };
  domains.subscribe(() => {
    for (const kind of KINDS) data[kind].want(new Set(domains.list().flatMap((domain) => namesOf(domain, kind))));
  });
  return data;
}

/** The listener is told of a domain when something that it names has changed, or is known for the first time. */
export function followData(data: DomainData, domains: Copies<ActiveDirectoryDomain>, listener: (domain: string) => void): void {
  for (const kind of KINDS) {
    data[kind].subscribe((name) => {
      for (const domain of domains.list()) if (namesOf(domain, kind).includes(name)) listener(domain.metadata.name);
    });
  }
}

/** Whether everything that the domain names was read, there or not. */
export function isRead(domain: ActiveDirectoryDomain, data: DomainData): boolean {
  return KINDS.every((kind) => namesOf(domain, kind).every((name) => data[kind].knows(name)));
}

/** The objects of that kind that the domain's credentials and CA are in. */
function namesOf({ spec: { credentialsSecretRef, caBundleRef } }: ActiveDirectoryDomain, kind: DataKind): readonly string[] {
  return [...(kind === "Secret" ? [credentialsSecretRef.name] : []), ...(caBundleRef?.kind === kind ? [caBundleRef.name] : [])];
}

/** How often the directory is asked what changed, in milliseconds. */
export function pollOf({ spec }: ActiveDirectoryDomain): number {
  return parseDuration(spec.poll) ?? 15_000;
}

/** How often everything is compared, in milliseconds. */
export function resyncOf({ spec }: ActiveDirectoryDomain): number {
  return parseDuration(spec.resync) ?? 3_600_000;
}

/** How many farms may come to their end within how long. */
export function budgetOf({ spec: { deletionBudget } }: ActiveDirectoryDomain): DeletionBudget {
  return { farms: deletionBudget.farms, per: parseDuration(deletionBudget.per) ?? 3_600_000 };
}

/** The naming context that a domain of this name has, in lower case. */
export function baseDnOf(dnsName: string): string {
  return dnsName
    .toLowerCase()
    .split(".")
    .map((label) => `dc=${label}`)
    .join(",");
}

/** How a domain is reached now. */
export interface Settings {
  /** URLs in order of preference; or how they are found in DNS. */
  readonly servers: readonly string[] | undefined;
  readonly discovery: DiscoveryQuery | undefined;
  readonly username: string;
  readonly password: string;
  readonly ca: string | undefined;
  /** Hashes: of all of it, and of the credentials alone. */
  readonly fingerprint: string;
  readonly credentials: string;
}

/** The servers, credentials and CA as they are now, or what is missing of them. */
export function readSettings(domain: ActiveDirectoryDomain, data: DomainData): DomainProblem | Settings {
  const { servers, credentialsSecretRef } = domain.spec;
  const discovery = discoveryOf(domain);
  if ((servers === undefined) === (discovery === undefined)) {
    return {
      reason: "InvalidSpec",
      message: "name the domain controllers in spec.servers, or have them found in DNS by spec.discovery: one of the two.",
    };
  }
  // The newline that echo and editors leave is no part of either; a space may be.
  const read = (key: string): string | undefined => textOf(data, "Secret", credentialsSecretRef.name, key)?.replace(/[\r\n]+$/, "");
  const [username, password] = [read("username"), read("password")];
  if (username === undefined || username === "" || password === undefined || password === "") {
    return {
      reason: "SecretNotFound",
      message: `the Secret ${credentialsSecretRef.name} in the operator's namespace has no username or no password: create it with both keys.`,
    };
  }
  const authorities = readAuthorities(domain, data);
  if ("reason" in authorities) return authorities;
  const { ca } = authorities;
  return {
    servers,
    discovery,
    username,
    password,
    ca,
    fingerprint: hash(servers, discovery, username, password, ca),
    credentials: hash(username, password),
  };
}

/** How its domain controllers are found in DNS; undefined where it names them. */
export function discoveryOf({ spec: { dnsName, discovery } }: Pick<ActiveDirectoryDomain, "spec">): DiscoveryQuery | undefined {
  return discovery && { dnsName, site: discovery.site, serverNames: discovery.serverNames };
}

/** The bytes of one key as text; undefined where the object or the key is missing. */
function textOf(data: DomainData, kind: DataKind, name: string, key: string): string | undefined {
  const value = data[kind].get(name)?.data?.[key];
  return value === undefined || kind === "ConfigMap" ? value : Buffer.from(value, "base64").toString("utf8");
}

/** The certificates one under the other, however they stand there: what is glued together, or cannot be read, TLS would leave out in silence. */
function readAuthorities(
  { spec: { caBundleRef } }: ActiveDirectoryDomain,
  data: DomainData,
): DomainProblem | { readonly ca: string | undefined } {
  if (!caBundleRef) return { ca: undefined };
  const { kind, name, key } = caBundleRef;
  const where = `the ${kind} ${name} in the operator's namespace has`;
  const found = (textOf(data, kind, name, key) ?? "")
    .split(/(?=-----BEGIN )/)
    .filter((block) => /^-----BEGIN [^-]*CERTIFICATE-----/.test(block));
  if (found.length === 0) {
    return {
      reason: "SecretNotFound",
      message: `${where} no certificate (PEM) under the key ${key}: put the CA of the domain controllers there. (A .cer file from Windows may be DER: certutil -encode converts it to PEM.)`,
    };
  }
  const certificates = found.map((block) => /^-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(block)?.[0] ?? "");
  const unreadable = certificates.findIndex((certificate) => !isCertificate(certificate));
  if (unreadable !== -1) {
    return {
      reason: "SecretNotFound",
      message: `${where} a certificate under the key ${key} that cannot be read (number ${unreadable + 1}): replace it with the complete certificate.`,
    };
  }
  return { ca: certificates.join("\n") };
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}

function hash(...parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** Why the directory cannot be used, with what to do. */
export function problemOf(error: unknown, { spec }: ActiveDirectoryDomain): DomainProblem {
  if (!(error instanceof DirectoryError)) {
    return {
      reason: "InternalError",
      message: `the operator failed: ${String(error)}. The operator tries again. Report this with the operator's log.`,
    };
  }
  const { kind, message } = error;
  if (error instanceof DiscoveryError) return { reason: "DiscoveryFailed", message: `${message}. The operator tries again.` };
  switch (kind) {
    case "InvalidCredentials":
      return {
        reason: "CredentialsRejected",
        message: `${message}. Correct the Secret ${spec.credentialsSecretRef.name}. Until then the operator tries less often, so that the account is not locked out.`,
      };
    case "Untrusted":
      return {
        reason: "CertificateUntrusted",
        message: `${message}. Nothing was sent. Correct ${spec.caBundleRef ? `the CA in ${spec.caBundleRef.kind} ${spec.caBundleRef.name}` : "caBundleRef"}, ${spec.discovery ? "spec.discovery" : "the name in spec.servers"}, or the server's certificate.`,
      };
    case "Rejected":
    case "NotSent":
    case "TooMany":
    case "AccessDenied":
      return { reason: "Rejected", message };
    case "Unavailable":
    case "OutcomeUnknown":
    case "Aborted":
    case "AlreadyExists":
    case "NotFound":
    case "Stale":
    case "ValueExists":
    case "NoSuchValue":
    case "ServicePrincipalNameInUse":
    case "ConstraintViolation":
    case "Unwilling":
    case "Referral":
    case "NotOwned":
      return { reason: "DirectoryUnavailable", message: `${message}. The operator tries again.` };
  }
}
