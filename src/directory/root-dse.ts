/** What a server says of itself before anything else is asked: its rootDSE. */
import { DirectoryError } from "../ad/error.ts";
import { type LdapConnection, refuseReadOnly } from "./connection.ts";

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
  refuseReadOnly(entry?.texts("supportedCapabilities") ?? [], connection.url);
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
