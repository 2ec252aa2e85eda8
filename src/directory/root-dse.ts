/** What a server says of itself before anything else is asked: its rootDSE. */
import { DirectoryError } from "../ad/error.ts";
import type { LdapConnection } from "./connection.ts";

export interface RootDse {
  readonly defaultNamingContext: string;
  readonly configurationNamingContext: string;
  readonly schemaNamingContext: string;
  /** Of the forest's root domain. */
  readonly rootDomainNamingContext: string | undefined;
  readonly dnsHostName: string;
  readonly dsServiceName: string;
  readonly functionalLevel: number;
  readonly highestCommittedUSN: bigint;
}

/** LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID: a read-only domain controller (MS-ADTS 3.1.1.3.4.3). */
const READ_ONLY = "1.2.840.113556.1.4.1920";

const ROOT_ATTRIBUTES = [
  "supportedCapabilities",
  "isSynchronized",
  "defaultNamingContext",
  "configurationNamingContext",
  "schemaNamingContext",
  "rootDomainNamingContext",
  "dnsHostName",
  "dsServiceName",
  "domainControllerFunctionality",
  "highestCommittedUSN",
];

/** Throws DirectoryError where the server is none that can be worked with. `within`: milliseconds. */
export async function readRootDse(connection: LdapConnection, within: number): Promise<RootDse> {
  const [entry] = await connection.search({ base: "", scope: "base", attributes: ROOT_ATTRIBUTES, within });
  const text = (name: string): string => {
    const value = entry?.text(name);
    if (value === undefined || value === "") {
      throw new DirectoryError("Rejected", `${connection.url} is not an Active Directory domain controller: its rootDSE has no ${name}`);
    }
    return value;
  };
  if (entry?.texts("supportedCapabilities").includes(READ_ONLY) === true) {
    throw new DirectoryError(
      "Referral",
      `${connection.url} is a read-only domain controller: name a writable one in spec.servers, or leave it out of spec.discovery.serverNames`,
    );
  }
  if (entry?.text("isSynchronized") === "FALSE") {
    throw new DirectoryError("Unavailable", `${connection.url} has not finished its first replication`);
  }
  const usn = text("highestCommittedUSN");
  return {
    defaultNamingContext: text("defaultNamingContext"),
    configurationNamingContext: text("configurationNamingContext"),
    schemaNamingContext: text("schemaNamingContext"),
    rootDomainNamingContext: entry?.text("rootDomainNamingContext"),
    dnsHostName: text("dnsHostName"),
    dsServiceName: text("dsServiceName"),
    functionalLevel: Number(text("domainControllerFunctionality")),
    highestCommittedUSN: /^\d+$/.test(usn) ? BigInt(usn) : 0n,
  };
}
