/** One bound connection to one server, over TLS that was checked. Owns its life: lost is lost, and a new one is made. */
import net from "node:net";
import tls from "node:tls";
import { Attribute, Change, Client, Control, type Entry, type Filter, type SearchOptions } from "ldapts";
import { DirectoryError } from "../ad/error.ts";
import { readAsBytes } from "./byte-values.ts";
import { Attributes, BINARY_ATTRIBUTES } from "./entries.ts";
import { type Attempt, resultName, toDirectoryError } from "./ldap-error.ts";
import { collectPages } from "./pages.ts";
import type { Modification, Opening, Operation, RequestObserver, SearchRequest, Server } from "./requests.ts";
import { refuseReadOnly } from "./root-dse.ts";
import { connect } from "./socket.ts";

/** For the way to a server, TLS and the bind together, in milliseconds: so long a silent server keeps the next one waiting. */
const OPEN_TIMEOUT = 10_000;
/** A deadline for each request, in milliseconds; the server is told a shorter one in seconds, so that it answers first. */
const REQUEST_TIMEOUT = 30_000;
const SERVER_TIME_LIMIT = 25;
/** A request that had no answer for so long (ms) makes one ask whether the server is there at all. */
const SILENCE = 4000;
/** As much of a filter is said. */
const FILTER_LENGTH = 300;
const SHOW_DELETED = "1.2.840.113556.1.4.417";

readAsBytes(BINARY_ATTRIBUTES);

export class LdapConnection {
  readonly url: string;
  /** The address that the name stood for: a second connection goes to the very same server. */
  readonly address: string;
  readonly #client: Client;
  readonly #socket: net.Socket;
  readonly #observe: RequestObserver;
  #closed = false;
  #onSilence: (() => void) | undefined;

  private constructor(url: string, address: string, client: Client, socket: net.Socket, observe: RequestObserver) {
    this.url = url;
    this.address = address;
    this.#client = client;
    this.#socket = socket;
    this.#observe = observe;
  }

  /** Connects, checks the certificate, asks whether the server may have the password, binds: nobody uses the connection before. */
  static async open(server: Server, observe: RequestObserver, { address, within = OPEN_TIMEOUT }: Opening = {}): Promise<LdapConnection> {
    if (!URL.canParse(server.url)) throw new DirectoryError("Rejected", `${server.url} is not the URL of a server: correct spec.servers`);
    const { protocol, hostname, port } = new URL(server.url);
    const host = hostname.replace(/^\[|\]$/g, "");
    const secure = protocol === "ldaps:";
    const what = `connecting to ${server.url}`;
    const tlsOptions: tls.ConnectionOptions = {
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      ...(server.ca === undefined ? {} : { ca: server.ca }),
      // The name in the certificate is that of the URL, whatever address is used.
      host,
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
    };
    const end = performance.now() + within;
    // The text does not say how much was left: one that is always the same is news once.
    const inTime = <T>(promise: Promise<T>): Promise<T> =>
      deadline(promise, Math.max(0, end - performance.now()), `no answer within ${within / 1000} s of connecting`);
    const number = Number(port === "" ? (secure ? 636 : 389) : port);
    const socket = await measured("connect", { what, write: false }, observe, () =>
      connect(address ?? host, number, secure ? tlsOptions : undefined, host, within, server.lookup),
    );
    const client = new Client({
      url: server.url,
      timeout: REQUEST_TIMEOUT,
      connectTimeout: within,
      ...(socket instanceof tls.TLSSocket ? { createSecureConnection: () => socket } : { createConnection: () => socket }),
    });
    const connection = new LdapConnection(server.url, socket.remoteAddress ?? host, client, socket, observe);
    try {
      if (!secure) await measured("connect", { what, write: false }, observe, () => inTime(client.startTLS(tlsOptions)));
      const ask = async (attributes: readonly string[], filter?: Filter): Promise<Attributes | undefined> => {
        const options = { scope: "base" as const, attributes: [...attributes], explicitBufferAttributes: ["netlogon"] };
        const answer = (): Promise<{ readonly searchEntries: readonly Entry[] }> =>
          inTime(client.search("", { ...options, ...(filter && { filter }) }));
        const [entry] = (await measured("search", { what, write: false }, observe, answer)).searchEntries;
        return entry && new Attributes(entry);
      };
      await refuseReadOnly(server.url, ask);
      await connection.#request("bind", { what: `binding to ${server.url} as ${server.username}`, write: false }, () =>
        inTime(client.bind(server.username, server.password)),
      );
      return connection;
    } catch (error) {
      connection.close();
      throw toDirectoryError(error, { what, write: false });
    }
  }

  /** Calls once when the connection is lost, but not when it was closed by `close`. */
  onLost(listener: () => void): void {
    this.#socket.once("close", () => {
      if (!this.#closed) listener();
    });
  }

  /** Calls again and again while a request has no answer. */
  onSilence(listener: () => void): void {
    this.#onSilence = listener;
  }

  get usable(): boolean {
    return !this.#closed && this.#client.isBound && !this.#socket.destroyed;
  }

  /** As if it had been lost. */
  abort(): void {
    this.#socket.destroy();
  }

  close(): void {
    this.#closed = true;
    // Unbind is a courtesy; the socket goes in any case.
    this.#client.unbind().catch(() => undefined);
    this.#socket.destroy();
  }

  async search(request: SearchRequest): Promise<readonly Attributes[]> {
    const { base, scope, filter, attributes, limit, deleted, within, pagesOf } = request;
    const attempt = { what: `searching ${base === "" ? "the rootDSE" : base}`, write: false };
    const options: SearchOptions = {
      scope,
      attributes: [...attributes],
      explicitBufferAttributes: BINARY_ATTRIBUTES,
      timeLimit: SERVER_TIME_LIMIT,
      ...(filter ? { filter } : {}),
      ...(limit === undefined ? {} : { sizeLimit: limit }),
    };
    const send = async (): Promise<readonly Entry[]> =>
      (await this.#client.search(base, options, deleted === true ? [new Control(SHOW_DELETED, { critical: true })] : [])).searchEntries;
    const search = (): Promise<readonly Entry[]> => this.#request("search", attempt, send, within);
    if (pagesOf === undefined) return (await search()).map((entry) => new Attributes(entry));
    const what = `${attempt.what} by ${String(filter).slice(0, FILTER_LENGTH)}`;
    const entries = await collectPages((size) => this.#pages(base, options, size, attempt), search, { most: pagesOf, what });
    return entries.map((entry) => new Attributes(entry));
  }

  /** Each page is a request of its own. */
  async *#pages(base: string, options: SearchOptions, pageSize: number, attempt: Attempt): AsyncGenerator<readonly Entry[]> {
    const pages = this.#client.searchPaginated(base, { ...options, paged: { pageSize } });
    let ended = false;
    const next = async (): Promise<Awaited<ReturnType<typeof pages.next>>> => {
      const page = await pages.next();
      ended = page.done === true;
      return page;
    };
    // That there is no page any more is known without asking.
    const observe: RequestObserver = (...request) => {
      if (!ended) this.#observe(...request);
    };
    for (let page = await this.#request("search", attempt, next, undefined, observe); page.done !== true;) {
      yield page.value.searchEntries;
      page = await this.#request("search", attempt, next, undefined, observe);
    }
  }

  async add(dn: string, attributes: Readonly<Record<string, readonly (string | Buffer)[]>>): Promise<void> {
    const list = Object.entries(attributes).map(([type, values]) => new Attribute({ type, values: toValues(values) }));
    await this.#request("add", { what: `creating ${dn}`, write: true }, () => this.#client.add(dn, list));
  }

  /** All of them or none. */
  async modify(dn: string, modifications: readonly Modification[], name = dn): Promise<void> {
    const changes = modifications.map(
      ([operation, type, values]) => new Change({ operation, modification: new Attribute({ type, values: toValues(values) }) }),
    );
    await this.#request("modify", { what: `changing ${name}`, write: true }, () => this.#client.modify(dn, changes));
  }

  async delete(dn: string): Promise<void> {
    await this.#request("delete", { what: `deleting ${dn}`, write: true }, () => this.#client.del(dn));
  }

  async #request<T>(
    operation: Operation,
    attempt: Attempt,
    send: () => Promise<T>,
    within = REQUEST_TIMEOUT + 5000,
    observe = this.#observe,
  ): Promise<T> {
    const silence = setInterval(() => this.#onSilence?.(), SILENCE);
    try {
      return await measured(operation, attempt, observe, async () => {
        // The client would connect anew by itself, and unbound; so a lost connection is never used again. Nothing was sent yet.
        if (operation !== "bind" && !this.usable)
          throw new DirectoryError("Unavailable", `${attempt.what}: the connection to ${this.url} is lost`);
        return await deadline(send(), within, `no answer to ${operation} within ${within / 1000} s`);
      });
    } catch (error) {
      // After a deadline or garbage nothing more can be believed of this connection.
      if (error instanceof DirectoryError && error.code === undefined) this.#socket.destroy();
      throw error;
    } finally {
      clearInterval(silence);
    }
  }
}

/** Tells the observer how it went. Rejects with DirectoryError only. */
async function measured<T>(operation: Operation, attempt: Attempt, observe: RequestObserver, send: () => Promise<T>): Promise<T> {
  const started = performance.now();
  let error: DirectoryError | undefined;
  try {
    return await send();
  } catch (cause) {
    error = toDirectoryError(cause, attempt);
    throw error;
  } finally {
    observe(operation, error ? resultName(error) : "success", (performance.now() - started) / 1000);
  }
}

function toValues(values: readonly (string | Buffer)[]): Buffer[] {
  return values.map((value) => (typeof value === "string" ? Buffer.from(value) : value));
}

/** Rejects with the message where it takes longer. */
async function deadline<T>(promise: Promise<T>, milliseconds: number, message: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(message));
  }, milliseconds);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
