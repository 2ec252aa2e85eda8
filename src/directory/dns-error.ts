/** Why DNS gave no answer that can be used, in words. */

const SAYS: Readonly<Record<string, string>> = {
  ENOTFOUND: "there is no such name (NXDOMAIN)",
  ENODATA: "the name has no such record (NODATA)",
  ESERVFAIL: "the DNS server cannot answer (SERVFAIL)",
  EREFUSED: "the DNS server refuses to answer (REFUSED)",
  ENOTIMP: "the DNS server does not know such questions (NOTIMP)",
  EFORMERR: "the DNS server does not understand the question (FORMERR)",
  EBADRESP: "the answer cannot be read",
  EBADNAME: "this cannot be a name in DNS: a part is longer than 63 characters, or the whole too long",
  ECONNREFUSED: "no DNS server can be reached",
  ETIMEOUT: "no answer in time",
  ECANCELLED: "no answer in time",
};

/** That there is nothing is an answer, too. */
const ANSWERS: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA", "EBADNAME"]);

/** The code of a failed question (node:dns). */
export function dnsCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Whether DNS has answered, and only said that there is nothing. */
export function isSaid(error: unknown): boolean {
  return ANSWERS.has(dnsCode(error) ?? "");
}

export function saidByDns(error: unknown): string {
  const code = dnsCode(error);
  return (code === undefined ? undefined : SAYS[code]) ?? String(error);
}
