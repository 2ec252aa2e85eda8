/** The directory as a user reaches it: by a bind of the user's own, over TLS that is checked. Nothing is ever written. */
import type { LookupFunction } from "node:net";
import tls from "node:tls";
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import { DirectoryError } from "../ad/error.ts";
import { discoveryOf } from "../controller/domain-settings.ts";
import { type Discovered, Discovery, type DiscoveryQuery } from "../directory/discovery.ts";
import { LdapSession } from "../directory/session.ts";
import { isDnsServer } from "../base/dns-server.ts";
import { UsageError } from "./inputs.ts";
import { askSecret, readGiven, type Terminal } from "./terminal.ts";

/** What every command takes that asks the directory. */
export interface DirectoryOptions {
  /** URLs, or names of domain controllers, in order of preference. */
  readonly server?: readonly string[] | undefined;
  /** Addresses of DNS servers that are asked for domain controllers and their addresses, in place of the system's. */
  readonly dnsServer?: readonly string[] | undefined;
  readonly username?: string | undefined;
  /** A file, or - for standard input. Without it the terminal is asked. */
  readonly passwordFile?: string | undefined;
  readonly caFile?: string | undefined;
}

/** Domain controllers, by their URLs, in the order in which they are tried. */
export interface Servers {
  readonly urls: readonly string[];
  /** Who knows their addresses; undefined: the system. */
  readonly lookup: LookupFunction | undefined;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** PEM of every authority that counts. */
  readonly ca: string;
}

/** Throws a UsageError where one is missing or cannot be read. */
export async function readCredentials(options: DirectoryOptions, terminal: Terminal): Promise<Credentials> {
  const { username, passwordFile, caFile } = options;
  if (username === undefined)
    throw new UsageError("The directory needs an account: give --username, such as jane@contoso.com. Any account of the domain will do.");
  const ca = await readAuthorities(caFile, terminal);
  const password =
    passwordFile === undefined
      ? await askSecret(terminal, `Password of ${username}: `)
      : (await readText(passwordFile, "--password-file", terminal)).replace(/\r?\n$/, "");
  // A bind with a name and no password succeeds as nobody (RFC 4513 5.1.2).
  if (password === "") throw new UsageError(`The password of ${username} is empty: give the password.`);
  return { username, password, ca };
}

/** The authorities that Node and the system trust; with `file`, those of the file alone. */
export async function readAuthorities(file: string | undefined, terminal: Terminal): Promise<string> {
  if (file === undefined) return [...new Set([...tls.getCACertificates("default"), ...tls.getCACertificates("system")])].join("\n");
  const text = await readText(file, "--ca-file", terminal);
  if (/^-----BEGIN CERTIFICATE-----/m.test(text)) return text;
  throw new UsageError(
    `--ca-file ${file} has no certificate in PEM form: give the certificate of the authority (certutil -encode makes PEM of DER).`,
  );
}

async function readText(file: string, option: string, terminal: Terminal): Promise<string> {
  try {
    return await readGiven(file, terminal);
  } catch (error) {
    throw new UsageError(`${option} ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** --server, or else what the domain names or has found in DNS. Rejects with a UsageError where there is none, or one that is neither a URL nor a name. */
export async function serversOf(options: DirectoryOptions, domain: ActiveDirectoryDomain): Promise<Servers> {
  const lookup = lookupOf(options);
  const given = givenServers(options);
  if (given.length > 0) return { urls: given, lookup };
  const discovery = discoveryOf(domain);
  if (discovery) return { urls: (await discover(discovery, options)).servers, lookup };
  const { servers = [] } = domain.spec;
  if (servers.length > 0) return { urls: servers, lookup };
  throw new UsageError(
    `The ActiveDirectoryDomain ${domain.metadata.name} names no domain controller: give --server, such as dc1.contoso.com.`,
  );
}

/** Rejects with a UsageError that says what DNS said. */
export async function discover(query: DiscoveryQuery, options: DirectoryOptions): Promise<Discovered> {
  try {
    return await new Discovery(dnsServersOf(options)).find(query);
  } catch (error) {
    if (!(error instanceof DirectoryError)) throw error;
    throw new UsageError(`${error.message}. Or give --server.`, { cause: error });
  }
}

/** Whoever names the DNS server has controllers in mind that the system's does not know. Throws a UsageError where one is no address. */
export function lookupOf(options: DirectoryOptions): LookupFunction | undefined {
  const servers = dnsServersOf(options);
  return servers.length > 0 ? new Discovery(servers).lookup : undefined;
}

function dnsServersOf({ dnsServer = [] }: DirectoryOptions): readonly string[] {
  const wrong = dnsServer.find((address) => !isDnsServer(address));
  if (wrong === undefined) return dnsServer;
  throw new UsageError(`--dns-server ${wrong} is no address: give one, such as 192.0.2.53 or [2001:db8::53]:53.`);
}

export function givenServers({ server = [] }: DirectoryOptions): readonly string[] {
  return server.map(urlOf);
}

function urlOf(text: string): string {
  const url = text.includes("://") ? text : `ldaps://${text}`;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && ["ldaps:", "ldap:"].includes(parsed.protocol) && parsed.hostname !== "" && parsed.username === "")
    return url.replace(/\/$/, "");
  throw new UsageError(
    `--server ${text} is not a domain controller: give its name, such as dc1.contoso.com, or ldaps://dc1.contoso.com:636.`,
  );
}

/** A session that reads: its fence lets no write through. Rejects with a UsageError that says what each server said. */
export async function openDirectory({ urls, lookup }: Servers, credentials: Credentials): Promise<LdapSession> {
  try {
    return await LdapSession.open({
      servers: urls,
      lookup,
      ...credentials,
      fence: { until: Number.NEGATIVE_INFINITY },
      observe: () => undefined,
    });
  } catch (error) {
    throw directoryProblem(error);
  }
}

/** What went wrong in the directory, as a user may read it. */
export function directoryProblem(error: unknown): unknown {
  if (!(error instanceof DirectoryError)) return error;
  return new UsageError(`${error.message}. ${remedyOf(error)}`, { cause: error });
}

function remedyOf({ kind }: DirectoryError): string {
  switch (kind) {
    case "InvalidCredentials":
      return "Correct --username or the password. It is not tried again: every try counts against the account.";
    case "Untrusted":
      return "Nothing was sent. Give the authority of the server's certificate with --ca-file, or the name that the certificate has with --server.";
    case "AccessDenied":
      return "Use an account that may read there.";
    default:
      return "Check --server, and that the server can be reached from here.";
  }
}
