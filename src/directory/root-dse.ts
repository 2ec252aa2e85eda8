/** What a server says of itself: before the bind, whether it may have the password; right after it, what it serves. */
import { AndFilter, EqualityFilter, type Filter } from "ldapts";
import { DirectoryError } from "../ad/error.ts";
import { dnsNameOf } from "../names/distinguished-name.ts";
import type { Attributes } from "./entries.ts";
import type { SearchRequest } from "./requests.ts";

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

/** LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID (MS-ADTS 3.1.1.3.4.3.6): a capability of a read-only domain controller. Samba's do not name it. */
const READ_ONLY = "1.2.840.113556.1.4.1920";
/** An LDAP ping (MS-ADTS 6.3.3) as domain members send it: its NtVer, the opcode of the answer for it, and the flag in it of a writable domain controller. */
const [VERSION, ANSWER, WRITABLE] = [Buffer.from([0x16, 0, 0, 0]), 23, 0x100];

/** Asks an attribute of the rootDSE, as anybody may. */
type Ask = (attributes: readonly string[], filter?: Filter) => Promise<Attributes | undefined>;

/**
 * A read-only domain controller stands where it may be stolen, so it gets no password. Windows says what it is by a capability, Samba only in its answer
 * to an LDAP ping. Rejects with DirectoryError where the server is read-only, or does not say what it is.
 */
export async function refuseReadOnly(url: string, ask: Ask): Promise<void> {
  const entry = await ask(["supportedCapabilities", "defaultNamingContext"]);
  const [capabilities, base] = [entry?.texts("supportedCapabilities") ?? [], entry?.text("defaultNamingContext")];
  if (capabilities.length === 0 || base === undefined)
    throw new DirectoryError(
      "Rejected",
      `${url} is not an Active Directory domain controller: its rootDSE does not say what it is capable of`,
    );
  const ping = new AndFilter({
    filters: [
      new EqualityFilter({ attribute: "DnsDomain", value: dnsNameOf(base) }),
      new EqualityFilter({ attribute: "NtVer", value: VERSION }),
    ],
  });
  const isReadOnly =
    capabilities.includes(READ_ONLY) || saysReadOnly((await ask(["netlogon"], ping).catch(unlessRefused))?.bytes("netlogon"));
  if (!isReadOnly) return;
  throw new DirectoryError(
    "Referral",
    `${url} is a read-only domain controller: name a writable one in spec.servers, or leave it out of spec.discovery.serverNames`,
  );
}

function saysReadOnly(answer: Buffer | undefined): boolean {
  return answer !== undefined && answer.length >= 8 && answer.readUInt16LE() === ANSWER && (answer.readUInt32LE(4) & WRITABLE) === 0;
}

/** One that answers no ping is taken at its capabilities. One that is busy or going away is not: it may answer the next time. */
function unlessRefused(error: unknown): undefined {
  if (error instanceof DirectoryError && error.answer?.connection === "Kept") return undefined;
  throw error;
}

interface Connection {
  readonly url: string;
  search(request: SearchRequest): Promise<readonly Attributes[]>;
}

/** Throws DirectoryError where the server is none that can be worked with. `within`: milliseconds. */
export async function readRootDse(connection: Connection, within: number): Promise<RootDse> {
  const [entry] = await connection.search({ base: "", scope: "base", attributes: ROOT_ATTRIBUTES, within });
  const text = (name: string): string => {
    const value = entry?.text(name);
    if (value === undefined || value === "") {
      throw new DirectoryError("Rejected", `${connection.url} is not an Active Directory domain controller: its rootDSE has no ${name}`);
    }
    return value;
  };
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
