/** How a domain is reached: read from its spec, its Secret and its CA. And why it is not, for its conditions. */
import { createHash, X509Certificate } from "node:crypto";
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import { DirectoryError } from "../ad/error.ts";
import type { DomainProblem } from "../domain/findings.ts";
import type { Cluster } from "./cluster.ts";

/** How a domain is reached now. */
export interface Settings {
  readonly servers: readonly string[];
  readonly username: string;
  readonly password: string;
  readonly ca: string | undefined;
  /** Hashes: of all of it, and of the credentials alone. */
  readonly fingerprint: string;
  readonly credentials: string;
}

/** The servers, credentials and CA as they are now, or what is missing of them. */
export function readSettings(domain: ActiveDirectoryDomain, cluster: Cluster): DomainProblem | Settings {
  const { servers, credentialsSecretRef } = domain.spec;
  // The newline that echo and editors leave is no part of either; a space may be.
  const read = (key: string): string | undefined => cluster.data("Secret", credentialsSecretRef.name, key)?.replace(/[\r\n]+$/, "");
  const [username, password] = [read("username"), read("password")];
  if (username === undefined || username === "" || password === undefined || password === "") {
    return {
      reason: "SecretNotFound",
      message: `the Secret ${credentialsSecretRef.name} in the operator's namespace has no username or no password: create it with both keys.`,
    };
  }
  const authorities = readAuthorities(domain, cluster);
  if ("reason" in authorities) return authorities;
  const { ca } = authorities;
  return { servers, username, password, ca, fingerprint: hash(servers, username, password, ca), credentials: hash(username, password) };
}

/** The certificates one under the other, however they stand there: what is glued together, or cannot be read, TLS would leave out in silence. */
function readAuthorities(
  { spec: { caBundleRef } }: ActiveDirectoryDomain,
  cluster: Cluster,
): DomainProblem | { readonly ca: string | undefined } {
  if (!caBundleRef) return { ca: undefined };
  const { kind, name, key } = caBundleRef;
  const where = `the ${kind} ${name} in the operator's namespace has`;
  const found = (cluster.data(kind, name, key) ?? "")
    .split(/(?=-----BEGIN )/)
    .filter((block) => /^-----BEGIN [^-]*CERTIFICATE-----/.test(block));
  if (found.length === 0) {
    return {
      reason: "SecretNotFound",
      message: `${where} no certificate (PEM) under the key ${key}: put the CA of the domain controllers there. (What Windows exports as .cer may be DER: certutil -encode makes it PEM.)`,
    };
  }
  const certificates = found.map((block) => /^-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(block)?.[0] ?? "");
  const unreadable = certificates.findIndex((certificate) => !isCertificate(certificate));
  if (unreadable !== -1) {
    return {
      reason: "SecretNotFound",
      message: `${where} a certificate under the key ${key} that cannot be read (number ${unreadable + 1}): put it there again, whole.`,
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
    return { reason: "InternalError", message: `the operator failed: ${String(error)}. It tries again; please report this with its log.` };
  }
  const { kind, message } = error;
  switch (kind) {
    case "InvalidCredentials":
      return {
        reason: "CredentialsRejected",
        message: `${message}. Correct the Secret ${spec.credentialsSecretRef.name}; until then it is tried again rarely, so that the account is not locked out.`,
      };
    case "Untrusted":
      return {
        reason: "CertificateUntrusted",
        message: `${message}. Nothing was sent. Correct ${spec.caBundleRef ? `the CA in ${spec.caBundleRef.kind} ${spec.caBundleRef.name}` : "caBundleRef"}, the name in spec.servers, or the server's certificate.`,
      };
    case "Rejected":
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
      return { reason: "DirectoryUnavailable", message: `${message}. It is tried again by itself.` };
  }
}
