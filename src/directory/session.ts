/** The connections to one domain controller: one to read, one to write, so that a slow search cannot break a write. */
import { setTimeout as sleep } from "node:timers/promises";
import type { BrakeState } from "../ad/domain.ts";
import { DirectoryError } from "../ad/error.ts";
import type { Asker, Fence } from "../ad/port.ts";
import type { Attributes } from "./entries.ts";
import { LdapConnection } from "./connection.ts";
import type { Modification, RequestObserver, SearchRequest, Server } from "./requests.ts";
import { readRootDse, type RootDse } from "./root-dse.ts";
import { assertReleased, OwnWrites } from "./own-writes.ts";

export interface SessionOptions extends Omit<Server, "url"> {
  /** URLs in order of preference. */
  readonly servers: readonly string[];
  readonly observe: RequestObserver;
  /** Both looked at right before each write, and the brake before each read. */
  readonly fence: Fence;
  readonly brake?: BrakeState;
  /** Called when the server refuses the user name or password. */
  readonly onRefused?: () => void;
  /** Shared by the sessions of a domain. */
  readonly own?: OwnWrites;
}

/** For what the server says of itself, right after it was reached, in milliseconds. */
const ROOT_DSE_TIMEOUT = 4000;
const ALIVE = { base: "", scope: "base", attributes: ["currentTime"] } as const;
/** A server that answers no request and takes no new connection within so long (ms) is silent; one that is merely slow is asked again after so long (ms). */
const [SILENT_AFTER, ASK_AGAIN] = [6000, 4000];

export class LdapSession {
  readonly url: string;
  readonly rootDse: RootDse;
  readonly own: OwnWrites;
  readonly #options: SessionOptions;
  readonly #reading: LdapConnection;
  #writing: Promise<LdapConnection> | undefined;
  #opening: Promise<LdapConnection> | undefined;
  #closed = false;
  #refused: DirectoryError | undefined;
  #silent = false;
  #asking = false;

  private constructor(options: SessionOptions, reading: LdapConnection, rootDse: RootDse) {
    this.#options = options;
    this.#reading = reading;
    this.url = reading.url;
    this.rootDse = rootDse;
    this.own = options.own ?? new OwnWrites(Infinity);
    this.#watch(reading);
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
        return new LdapSession(options, connection, await readRootDse(connection, ROOT_DSE_TIMEOUT));
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
    // Found in DNS they may be tried in another order each time, and a text that stays the same is news once.
    const [first] = errors.sort((a, b) => a.message.localeCompare(b.message));
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

  /** It was given up because the server had fallen silent. */
  get silent(): boolean {
    return this.#silent;
  }

  async search(request: SearchRequest): Promise<readonly Attributes[]> {
    assertReleased(this.#options.brake, "Read");
    return await this.#reading.search(request);
  }

  async searchOne(request: SearchRequest): Promise<Attributes | undefined> {
    try {
      return (await this.search(request))[0];
    } catch (error) {
      if (error instanceof DirectoryError && error.kind === "NotFound") return undefined;
      throw error;
    }
  }

  async add(dn: string, attributes: Readonly<Record<string, readonly (string | Buffer)[]>>, asker?: Partial<Asker>): Promise<void> {
    const connection = await this.#writerFor(asker);
    const before = this.own.beginCreation(dn, this.rootDse.dsServiceName);
    try {
      await connection.add(dn, attributes);
    } catch (error) {
      if (!(error instanceof DirectoryError) || error.kind !== "OutcomeUnknown") this.own.undoCreation(dn, before);
      throw error;
    }
  }

  async modify(dn: string, modifications: readonly Modification[], name: string, asker?: Partial<Asker>): Promise<void> {
    const connection = await this.#writerFor(asker);
    await connection.modify(dn, modifications, name);
  }

  async delete(dn: string, asker?: Partial<Asker>): Promise<void> {
    const connection = await this.#writerFor(asker);
    await connection.delete(dn);
  }

  /** Read with the connection that writes, right before a write. */
  async readForWrite(request: SearchRequest): Promise<Attributes | undefined> {
    const connection = await this.#writer();
    assertReleased(this.#options.brake, "Read");
    try {
      return (await connection.search(request))[0];
    } catch (error) {
      if (error instanceof DirectoryError && error.kind === "NotFound") return undefined;
      throw error;
    }
  }

  /** Keeps the connection that writes from being cut for idleness. Where it was cut already the next write opens another: nobody has to be told. */
  async keepAlive(): Promise<void> {
    const connection = await this.#writing?.catch(() => undefined);
    if (connection?.usable === true) await connection.search(ALIVE).catch(() => connection.abort());
  }

  close(): void {
    this.#closed = true;
    this.#reading.close();
    void this.#closeWriter();
  }

  async #closeWriter(): Promise<void> {
    (await this.#writing?.catch(() => undefined))?.close();
  }

  /** Once there is a connection: to open one may take a while. */
  async #writerFor(asker: Partial<Asker> | undefined): Promise<LdapConnection> {
    const connection = await this.#writer();
    assertLeading(this.#options.fence);
    assertReleased(this.#options.brake, "Write");
    const stop = asker?.stop?.();
    if (stop !== undefined) throw new DirectoryError("Aborted", stop);
    return connection;
  }

  async #writer(): Promise<LdapConnection> {
    const current = await this.#writing?.catch(() => undefined);
    if (current?.usable === true) return current;
    if (this.#refused) throw this.#refused;
    if (this.#closed || !this.#reading.usable) throw new DirectoryError("Unavailable", `the connection to ${this.url} is lost`);
    // Many writers may find it lost at once: the first opens it, the others wait for the same.
    if (this.#opening === undefined) {
      this.#opening = this.#another().finally(() => {
        this.#opening = undefined;
      });
      this.#writing = this.#opening;
    }
    const connection = await this.#opening;
    this.#watch(connection);
    if (this.#closed) connection.close();
    return connection;
  }

  /** To the very same server. */
  async #another(within?: number): Promise<LdapConnection> {
    const { address } = this.#reading;
    try {
      return await LdapConnection.open({ ...this.#options, url: this.url }, this.#options.observe, { address, ...(within && { within }) });
    } catch (error) {
      // Refused: no farm binds again. The domain notices the loss, and it alone decides when the next try may be.
      if (error instanceof DirectoryError && error.kind === "InvalidCredentials") {
        this.#refused = error;
        this.#options.onRefused?.();
        this.#reading.abort();
      }
      throw error;
    }
  }

  /** With no other server there is nowhere to go: then the deadline of a request is soon enough. */
  #watch(connection: LdapConnection): void {
    if (this.#options.servers.length < 2) return;
    connection.onSilence(() => void this.#askForLife());
  }

  /** A slow search and a dead server look alike. A fresh connection tells them apart: where it is made, the search goes on. */
  async #askForLife(): Promise<void> {
    if (this.#asking || this.#closed || !this.usable) return;
    this.#asking = true;
    try {
      (await this.#another(SILENT_AFTER)).close();
      // Each search that is slow makes one ask: not more often than this.
      await sleep(ASK_AGAIN, undefined, { ref: false });
    } catch {
      this.#silent = this.#refused === undefined;
      this.#reading.abort();
      (await this.#writing?.catch(() => undefined))?.abort();
    } finally {
      this.#asking = false;
    }
  }
}

/** Throws DirectoryError Aborted once the Lease may be somebody else's; also right after the process was stopped and went on. */
export function assertLeading({ until }: Fence): void {
  if (performance.now() >= until) throw new DirectoryError("Aborted", "the Lease is lost: another replica may lead");
}
