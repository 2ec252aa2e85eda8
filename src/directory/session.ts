/** The connections to one domain controller: one to read, one to write, so that a slow search cannot break a write. */
import { DirectoryError } from "../ad/error.ts";
import type { Attributes } from "./entries.ts";
import { LdapConnection, type Modification, type RequestObserver, type SearchRequest, type Server } from "./connection.ts";

/** Until when this program may write: milliseconds of the monotonic clock (performance.now). */
export interface Fence {
  readonly until: number;
}

export interface SessionOptions extends Omit<Server, "url"> {
  /** URLs in order of preference. */
  readonly servers: readonly string[];
  readonly observe: RequestObserver;
  /** Looked at right before each write. */
  readonly fence: Fence;
  /** Called when the server refuses the user name or password. */
  readonly onRefused?: () => void;
}

/** What the server says of itself: its rootDSE. */
export interface RootDse {
  readonly defaultNamingContext: string;
  readonly configurationNamingContext: string;
  readonly schemaNamingContext: string;
  readonly dnsHostName: string;
  readonly dsServiceName: string;
  readonly functionalLevel: number;
  readonly highestCommittedUSN: bigint;
}

export class LdapSession {
  readonly url: string;
  readonly rootDse: RootDse;
  readonly #options: SessionOptions;
  readonly #reading: LdapConnection;
  #writing: Promise<LdapConnection> | undefined;
  #closed = false;
  #refused: DirectoryError | undefined;

  private constructor(options: SessionOptions, reading: LdapConnection, rootDse: RootDse) {
    this.#options = options;
    this.#reading = reading;
    this.url = reading.url;
    this.rootDse = rootDse;
  }

  /**
   * The first server that answers. Refused credentials end the search at once: every further try at another server would count
   * against the account. Throws DirectoryError, with what each server said.
   */
  static async open(options: SessionOptions): Promise<LdapSession> {
    const errors: DirectoryError[] = [];
    for (const url of options.servers) {
      let connection: LdapConnection | undefined;
      try {
        connection = await LdapConnection.open({ ...options, url }, options.observe);
        return new LdapSession(options, connection, await readRootDse(connection));
      } catch (error) {
        connection?.close();
        if (!(error instanceof DirectoryError)) throw error;
        if (error.kind === "InvalidCredentials") {
          options.onRefused?.();
          throw error;
        }
        errors.push(error);
      }
    }
    const [first] = errors;
    const kind = first !== undefined && errors.every((error) => error.kind === first.kind) ? first.kind : "Unavailable";
    throw new DirectoryError(kind, errors.map(({ message }) => message).join("; "), { cause: first });
  }

  /** Calls once when the connection that reads is lost. */
  onLost(listener: () => void): void {
    this.#reading.onLost(listener);
  }

  /** The account that it is bound as, as dsacls takes it; a distinguished name it does not take. */
  get account(): string {
    const { username } = this.#options;
    return /[@\\]/.test(username) && !username.includes("=") ? username : "<operator's account>";
  }

  get usable(): boolean {
    return this.#reading.usable;
  }

  search(request: SearchRequest): Promise<readonly Attributes[]> {
    return this.#reading.search(request);
  }

  async searchOne(request: SearchRequest): Promise<Attributes | undefined> {
    try {
      return (await this.search(request))[0];
    } catch (error) {
      if (error instanceof DirectoryError && error.kind === "NotFound") return undefined;
      throw error;
    }
  }

  async add(dn: string, attributes: Readonly<Record<string, readonly (string | Buffer)[]>>): Promise<void> {
    const connection = await this.#writer();
    assertLeading(this.#options.fence);
    await connection.add(dn, attributes);
  }

  async modify(dn: string, modifications: readonly Modification[], name: string): Promise<void> {
    const connection = await this.#writer();
    assertLeading(this.#options.fence);
    await connection.modify(dn, modifications, name);
  }

  async delete(dn: string): Promise<void> {
    const connection = await this.#writer();
    assertLeading(this.#options.fence);
    await connection.delete(dn);
  }

  /** Read with the connection that writes, right before a write. */
  async readForWrite(request: SearchRequest): Promise<Attributes | undefined> {
    const connection = await this.#writer();
    try {
      return (await connection.search(request))[0];
    } catch (error) {
      if (error instanceof DirectoryError && error.kind === "NotFound") return undefined;
      throw error;
    }
  }

  /** Keeps the connection that writes from being cut for idleness. */
  async keepAlive(): Promise<void> {
    const connection = await this.#writing?.catch(() => undefined);
    if (connection?.usable === true) await connection.search({ base: "", scope: "base", attributes: ["currentTime"] });
  }

  close(): void {
    this.#closed = true;
    this.#reading.close();
    void this.#closeWriter();
  }

  async #closeWriter(): Promise<void> {
    const connection = await this.#writing?.catch(() => undefined);
    connection?.close();
  }

  async #writer(): Promise<LdapConnection> {
    const current = await this.#writing?.catch(() => undefined);
    if (current?.usable === true) return current;
    if (this.#refused) throw this.#refused;
    if (this.#closed || !this.#reading.usable) throw new DirectoryError("Unavailable", `the connection to ${this.url} is lost`);
    // Many writers may find it lost at once: the first opens it, the others wait for the same.
    if (this.#opening === undefined) {
      this.#opening = LdapConnection.open({ ...this.#options, url: this.url }, this.#options.observe, this.#reading.address)
        .catch((error: unknown) => {
          // Refused: no farm binds again. The domain notices the loss, and it alone decides when the next try may be.
          if (error instanceof DirectoryError && error.kind === "InvalidCredentials") {
            this.#refused = error;
            this.#options.onRefused?.();
            this.#reading.abort();
          }
          throw error;
        })
        .finally(() => {
          this.#opening = undefined;
        });
      this.#writing = this.#opening;
    }
    const connection = await this.#opening;
    if (this.#closed) connection.close();
    return connection;
  }

  #opening: Promise<LdapConnection> | undefined;
}

/** Throws DirectoryError Aborted once the Lease may be somebody else's; also right after the process was stopped and went on. */
export function assertLeading({ until }: Fence): void {
  if (performance.now() >= until) throw new DirectoryError("Aborted", "the Lease is lost: another replica may lead");
}

/** LDAP_CAP_ACTIVE_DIRECTORY_PARTIAL_SECRETS_OID: a read-only domain controller (MS-ADTS 3.1.1.3.4.3). */
const READ_ONLY = "1.2.840.113556.1.4.1920";

const ROOT_ATTRIBUTES = [
  "supportedCapabilities",
  "isSynchronized",
  "defaultNamingContext",
  "configurationNamingContext",
  "schemaNamingContext",
  "dnsHostName",
  "dsServiceName",
  "domainControllerFunctionality",
  "highestCommittedUSN",
];

async function readRootDse(connection: LdapConnection): Promise<RootDse> {
  const [entry] = await connection.search({ base: "", scope: "base", attributes: ROOT_ATTRIBUTES });
  const text = (name: string): string => {
    const value = entry?.text(name);
    if (value === undefined || value === "") {
      throw new DirectoryError("Rejected", `${connection.url} is not an Active Directory domain controller: its rootDSE has no ${name}`);
    }
    return value;
  };
  if (entry?.texts("supportedCapabilities").includes(READ_ONLY) === true) {
    throw new DirectoryError("Referral", `${connection.url} is a read-only domain controller: name a writable one in spec.servers`);
  }
  if (entry?.text("isSynchronized") === "FALSE") {
    throw new DirectoryError("Unavailable", `${connection.url} has not finished its first replication`);
  }
  const usn = text("highestCommittedUSN");
  return {
    defaultNamingContext: text("defaultNamingContext"),
    configurationNamingContext: text("configurationNamingContext"),
    schemaNamingContext: text("schemaNamingContext"),
    dnsHostName: text("dnsHostName"),
    dsServiceName: text("dsServiceName"),
    functionalLevel: Number(text("domainControllerFunctionality")),
    highestCommittedUSN: /^\d+$/.test(usn) ? BigInt(usn) : 0n,
  };
}
