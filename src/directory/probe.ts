/** The way to a domain controller, step by step, before anybody binds: its name, its port, its certificate. */
import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import tls from "node:tls";
import { DirectoryError } from "../ad/error.ts";
import { toDirectoryError } from "./ldap-error.ts";
import { connect } from "./socket.ts";

export interface Certificate {
  readonly issuer: string;
  /** Until when it is valid. */
  readonly validTo: Date;
}

const TIMEOUT = 10_000;

/** The addresses that a name stands for, by whoever knows them. Rejects with DirectoryError. */
export async function addressesOf(host: string, lookup: LookupFunction = systemLookup): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  lookup(host, { all: true }, (error, found) => {
    if (error) reject(error);
    else resolve(typeof found === "string" ? [found] : found.map(({ address }) => address));
  });
  try {
    return await promise;
  } catch (error) {
    throw new DirectoryError(
      "Unavailable",
      `the name ${host} cannot be resolved (${error instanceof Error ? error.message : String(error)})`,
      {
        cause: error,
      },
    );
  }
}

/** Connects and closes. With TLS from the first byte, the certificate was checked for the name, by the authorities in `ca` (PEM). Rejects with DirectoryError. */
export async function probe(url: string, ca: string, lookup?: LookupFunction): Promise<Certificate | undefined> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const secure = protocol === "ldaps:";
  const tlsOptions: tls.ConnectionOptions = {
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    ca,
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
  try {
    const socket = await connect(
      host,
      Number(port === "" ? (secure ? 636 : 389) : port),
      secure ? tlsOptions : undefined,
      host,
      TIMEOUT,
      lookup,
    );
    const certificate = socket instanceof tls.TLSSocket ? socket.getPeerX509Certificate() : undefined;
    socket.destroy();
    return certificate && { issuer: certificate.issuer.replaceAll("\n", ", "), validTo: certificate.validToDate };
  } catch (error) {
    throw toDirectoryError(error, { what: `connecting to ${url}`, write: false });
  }
}
