/** LDAP pings (MS-ADTS 6.3.3): how anybody asks a domain controller what it is. The same on Windows and Samba. */
import { encodeGuid } from "../../../src/names/identifier.ts";
import type { Filter } from "./message.ts";

const SITE = "Default-First-Site-Name";
/** Flags (MS-ADTS 6.3.1.2) of a domain controller as Samba 4.22 has them: one that may be written to, and a read-only one. */
const [WRITABLE, READ_ONLY] = [0x1d1bd, 0x1c89c];

export interface Pinged {
  readonly dnsName: string;
  readonly netbiosName: string;
  readonly hostName: string;
  /** Of the domain. */
  readonly guid: string;
  readonly isReadOnly: boolean;
}

/** NETLOGON_SAM_LOGON_RESPONSE_EX (MS-ADTS 6.3.1.9), its names not compressed; undefined for what asks for another domain, or is no ping. */
export function answerToPing(filter: Filter, { dnsName, netbiosName, hostName, guid, isReadOnly }: Pinged): Buffer | undefined {
  const domain = asked(filter, "DnsDomain");
  if (domain?.toString().toLowerCase() !== dnsName || !asked(filter, "NtVer")) return undefined;
  const start = Buffer.alloc(8);
  start.writeUInt16LE(23);
  start.writeUInt32LE(isReadOnly ? READ_ONLY : WRITABLE, 4);
  const computer = (hostName.split(".")[0] ?? "").toUpperCase();
  const names = [...[dnsName, dnsName, hostName].map((name) => name.split(".")), [netbiosName], [computer], [], [SITE], [SITE]];
  const end = [5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
  return Buffer.concat([start, encodeGuid(guid), ...names.map(encodeName), Buffer.from(end)]);
}

function asked(filter: Filter, attribute: string): Buffer | undefined {
  if (filter.kind === "And") return filter.filters.map((part) => asked(part, attribute)).find((value) => value !== undefined);
  return filter.kind === "Equal" && filter.attribute.toLowerCase() === attribute.toLowerCase() ? filter.value : undefined;
}

/** As in DNS messages (RFC 1035 4.1.2). */
function encodeName(labels: readonly string[]): Buffer {
  return Buffer.concat([...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])), Buffer.from([0])]);
}
