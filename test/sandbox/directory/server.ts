/** LDAP on the wire: TLS from the first byte, or StartTLS; a session for each connection. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer, type SecureContext, TLSSocket } from "node:tls";
import type { Certificate } from "../../harness/certificates.ts";
import { encodeSid } from "../../../src/names/identifier.ts";
import type { Token } from "./access.ts";
import { BerError, BerReader, element, firstMessage, integer, octets } from "./ber.ts";
import type { Directory, SearchResult } from "./directory.ts";
import { LdapFailure } from "./failure.ts";
import {
  type Control,
  decodeMessage,
  encodeEntry,
  encodeNotice,
  encodeResult,
  extendedParts,
  type Message,
  type Request,
  type Result,
  type SearchRequest,
} from "./message.ts";
import { answerToPing } from "./ping.ts";

const PAGED = "1.2.840.113556.1.4.319";
const SHOW_DELETED = "1.2.840.113556.1.4.417";
const PERMISSIVE = "1.2.840.113556.1.4.1413";
const TREE_DELETE = "1.2.840.113556.1.4.805";
/** Understood, and of no effect here: SD flags, extended DNs, show recycled, lazy commit, domain scope, search options, ManageDsaIT. */
const HARMLESS = [
  "1.2.840.113556.1.4.801",
  "1.2.840.113556.1.4.529",
  "1.2.840.113556.1.4.2064",
  "1.2.840.113556.1.4.619",
  "1.2.840.113556.1.4.1339",
  "1.2.840.113556.1.4.1340",
  "2.16.840.1.113730.3.4.2",
];
const CONTROLS: ReadonlySet<string> = new Set([PAGED, SHOW_DELETED, PERMISSIVE, TREE_DELETE, ...HARMLESS]);
const CAPABILITIES = ["1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670", "1.2.840.113556.1.4.1791", "1.2.840.113556.1.4.1935"];
const START_TLS = "1.3.6.1.4.1.1466.20037";
const WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3";
const SUCCESS: Result = { code: 0, message: "" };

/** Idle connections are cut (MaxConnIdleTime). */
const IDLE = 900_000;

export interface ServerOptions {
  readonly directory: Directory;
  readonly hostName: string;
  readonly isReadOnly?: boolean | undefined;
  readonly certificate: Certificate;
  /** 0: any free one. */
  readonly ldapsPort?: number;
  readonly ldapPort?: number;
}

interface Session {
  socket: Socket;
  token: Token | undefined;
  rest: Buffer;
  /** The pages of a search are one list: made at the first, and forgotten with the last. */
  readonly cookies: Map<string, SearchResult["rest"]>;
}

export class DirectoryServer {
  readonly #options: ServerOptions;
  readonly #sockets = new Set<Socket>();
  #context: SecureContext;
  #servers: readonly Server[] = [];
  #ports: readonly [ldaps: number, ldap: number];

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#ports = [options.ldapsPort ?? 0, options.ldapPort ?? 0];
    this.#context = createSecureContext(options.certificate);
  }

  get ldapsPort(): number {
    return this.#ports[0];
  }

  get ldapPort(): number {
    return this.#ports[1];
  }

  /** On 127.0.0.1; after a stop, on the same ports again. */
  async start(): Promise<void> {
    const ldaps = createTlsServer(
      {
        SNICallback: (_, done) => {
          done(null, this.#context);
        },
        ...this.#options.certificate,
      },
      (socket) => {
        this.#serve(socket);
      },
    );
    // A client that refuses the certificate is its own affair.
    ldaps.on("tlsClientError", () => undefined);
    const ldap = createServer((socket) => {
      this.#serve(socket);
    });
    this.#servers = [ldaps, ldap];
    const ports: number[] = [];
    for (const [index, server] of this.#servers.entries()) {
      // From before its handshake: one that comes through it after a stop would hold the server open.
      server.on("connection", (socket: Socket) => {
        this.#sockets.add(socket);
        socket.on("close", () => this.#sockets.delete(socket));
      });
      server.listen(this.#ports[index], "127.0.0.1");
      await once(server, "listening");
      const address = server.address();
      ports.push(typeof address === "object" && address !== null ? address.port : 0);
    }
    this.#ports = [ports[0] ?? 0, ports[1] ?? 0];
  }

  async stop(): Promise<void> {
    const closed = this.#servers.map((server) => once(server, "close"));
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#servers = [];
    await Promise.all(closed);
  }

  #serve(socket: Socket): void {
    const session: Session = { socket, token: undefined, rest: Buffer.alloc(0), cookies: new Map() };
    this.#listen(session);
  }

  #listen(session: Session): void {
    const { socket } = session;
    socket.setNoDelay(true);
    socket.setTimeout(IDLE, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes: Buffer) => {
      session.rest = session.rest.length === 0 ? bytes : Buffer.concat([session.rest, bytes]);
      this.#read(session);
    });
  }

  #read(session: Session): void {
    const { socket } = session;
    const answers: Buffer[] = [];
    try {
      for (let bytes = firstMessage(session.rest); bytes; bytes = firstMessage(session.rest)) {
        session.rest = session.rest.subarray(bytes.length);
        const message = decodeMessage(bytes);
        if (message.request.kind === "Unbind") {
          socket.end(Buffer.concat(answers));
          return;
        }
        if (message.request.kind === "Extended" && message.request.oid === START_TLS && !(socket instanceof TLSSocket)) {
          this.#startTls(session, message.id);
          return;
        }
        answers.push(...this.#answer(session, message));
      }
    } catch (error) {
      if (!(error instanceof BerError)) throw error;
      socket.end(Buffer.concat([...answers, encodeNotice({ code: 2, message: `00000057: LdapErr: ${error.message}` })]));
      return;
    }
    if (answers.length > 0) socket.write(Buffer.concat(answers));
  }

  #startTls(session: Session, id: number): void {
    const { socket } = session;
    socket.removeAllListeners("data");
    socket.write(encodeResult(id, "Extended", SUCCESS, { more: extendedParts(START_TLS) }));
    session.socket = new TLSSocket(socket, { isServer: true, secureContext: this.#context });
    session.rest = Buffer.alloc(0);
    this.#listen(session);
  }

  #answer(session: Session, { id, request, controls }: Message): readonly Buffer[] {
    if (request.kind === "Abandon" || request.kind === "Unbind") return [];
    try {
      for (const { oid, critical } of controls) {
        if (critical && !CONTROLS.has(oid)) throw this.#options.directory.refuse("CriticalControl");
      }
      return this.#perform(session, id, request, controls);
    } catch (error) {
      if (error instanceof LdapFailure)
        return [encodeResult(id, request.kind, { code: error.code, message: error.message, matchedDn: error.matchedDn })];
      // A defect of this server: said to the client, and loudly.
      process.stderr.write(`sandbox directory: ${error instanceof Error ? error.stack : String(error)}\n`);
      return [encodeResult(id, request.kind, { code: 80, message: `internal error: ${String(error)}` })];
    }
  }

  #perform(
    session: Session,
    id: number,
    request: Exclude<Request, { kind: "Unbind" | "Abandon" }>,
    controls: readonly Control[],
  ): readonly Buffer[] {
    const { directory } = this.#options;
    const has = (oid: string): boolean => controls.some((control) => control.oid === oid);
    const done = [encodeResult(id, request.kind, SUCCESS)];
    switch (request.kind) {
      case "Bind":
        session.token = undefined;
        if (request.password === undefined) throw directory.refuse("NoMechanism");
        if (request.password.length === 0) return done;
        if (!(session.socket instanceof TLSSocket)) throw directory.refuse("ClearBind");
        session.token = directory.bind(request.name, request.password);
        return done;
      case "Search":
        if (request.base === "" && request.scope === "base")
          return [encodeEntry(id, { dn: "", attributes: this.#rootDse(request, session.token) }), ...done];
        return this.#search(session, id, request, controls);
      case "Add":
        directory.add(session.token, request.dn, request.attributes);
        return done;
      case "Modify":
        directory.modify(session.token, request.dn, request.changes, has(PERMISSIVE));
        return done;
      case "Delete":
        directory.delete(session.token, request.dn, has(TREE_DELETE));
        return done;
      case "ModifyDn":
        directory.modifyDn(session.token, request);
        return done;
      case "Compare":
        return [encodeResult(id, "Compare", { code: directory.compare(session.token, request) ? 6 : 5, message: "" })];
      case "Extended":
        if (request.oid === WHO_AM_I) {
          const user = session.token?.user.first("sAMAccountName");
          const name = user === undefined ? "" : `u:${directory.settings.netbiosName}\\${String(user)}`;
          return [encodeResult(id, "Extended", SUCCESS, { more: extendedParts(WHO_AM_I, name) })];
        }
        return [
          encodeResult(id, "Extended", {
            code: 2,
            message: "00000057: LdapErr: DSID-0C090E0C, comment: Unknown extended request OID, data 0, v4563",
          }),
        ];
    }
  }

  #search(session: Session, id: number, request: Extract<Request, { kind: "Search" }>, controls: readonly Control[]): readonly Buffer[] {
    const { directory } = this.#options;
    const deleted = controls.some(({ oid }) => oid === SHOW_DELETED);
    const paged = controls.find(({ oid }) => oid === PAGED);
    let result: SearchResult;
    if (!paged?.value) {
      result = directory.search(session.token, request, { deleted });
      const entries = result.entries.map((entry) => encodeEntry(id, entry));
      const failed = result.more ? directory.refuse("SizeLimit") : undefined;
      return [
        ...entries,
        encodeResult(id, "Search", failed instanceof LdapFailure ? { code: failed.code, message: failed.message } : SUCCESS),
      ];
    }
    const asked = new BerReader(paged.value).inside(0x30);
    const size = asked.integer();
    const cookie = asked.bytes().toString("latin1");
    const rest = session.cookies.get(cookie);
    if (cookie !== "" && !rest) throw directory.refuse("Unwilling");
    session.cookies.delete(cookie);
    result = directory.search(session.token, request, { deleted, page: { size, rest } });
    const next = result.more ? crypto.randomUUID() : "";
    if (result.more) session.cookies.set(next, result.rest);
    const value = element(0x30, integer(0), octets(next));
    return [
      ...result.entries.map((entry) => encodeEntry(id, entry)),
      encodeResult(id, "Search", SUCCESS, { controls: [{ oid: PAGED, critical: false, value }] }),
    ];
  }

  #rootDse(
    { attributes: wanted, filter }: Pick<SearchRequest, "attributes" | "filter">,
    token: Token | undefined,
  ): { name: string; values: readonly (string | Buffer)[] }[] {
    const { directory, hostName, isReadOnly = false } = this.#options;
    const { baseDn, settings, database } = directory;
    const configuration = `CN=Configuration,${baseDn}`;
    const server = `CN=${(hostName.split(".")[0] ?? "").toUpperCase()},CN=Servers,CN=Default-First-Site-Name,CN=Sites,${configuration}`;
    const all: Readonly<Record<string, readonly string[]>> = {
      configurationNamingContext: [configuration],
      currentTime: [`${new Date().toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}.0Z`],
      defaultNamingContext: [baseDn],
      dnsHostName: [hostName],
      domainControllerFunctionality: ["7"],
      domainFunctionality: ["7"],
      dsServiceName: [`CN=NTDS Settings,${server}`],
      forestFunctionality: ["7"],
      highestCommittedUSN: [String(database.usn)],
      isGlobalCatalogReady: ["TRUE"],
      isSynchronized: ["TRUE"],
      namingContexts: [baseDn, configuration, `CN=Schema,${configuration}`],
      rootDomainNamingContext: [baseDn],
      schemaNamingContext: [`CN=Schema,${configuration}`],
      serverName: [server],
      ldapServiceName: [`${settings.dnsName}:${(hostName.split(".")[0] ?? "").toLowerCase()}$@${settings.dnsName.toUpperCase()}`],
      // Samba's are the same whatever it is.
      supportedCapabilities: [...CAPABILITIES, ...(isReadOnly && settings.dialect === "Windows" ? ["1.2.840.113556.1.4.1920"] : [])],
      supportedControl: [...CONTROLS],
      supportedExtension: [START_TLS, WHO_AM_I],
      supportedLDAPVersion: ["3", "2"],
    };
    const names = new Set(wanted.map((name) => name.toLowerCase()));
    const pong = answerToPing(filter, { ...settings, hostName, isReadOnly, guid: directory.find(baseDn, false).guid });
    return Object.entries(all)
      .filter(([name]) => names.size === 0 || names.has("*") || names.has("+") || names.has(name.toLowerCase()))
      .map(([name, values]): { name: string; values: readonly (string | Buffer)[] } => ({ name, values }))
      .concat(pong && names.has("netlogon") ? [{ name: "netlogon", values: [pong] }] : [])
      .concat(names.has("tokengroups") ? [{ name: "tokenGroups", values: [...(token?.sids ?? [])].map(encodeSid) }] : []);
  }
}
