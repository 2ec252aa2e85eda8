/** A DNS server of the tests' own: UDP and TCP on a free port of loopback. What it was not told is NXDOMAIN. */
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import {
  type Answer,
  decode,
  encode,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  streamDecode,
  streamEncode,
  TRUNCATED_RESPONSE,
} from "dns-packet";

/** Results (RFC 1035 4.1.1). */
const RCODE = { NXDOMAIN: 3, SERVFAIL: 2, REFUSED: 5 } as const;
/** What clients take in one datagram. */
const LONGEST_DATAGRAM = 1232;

/** What a name is answered with. Silence: with nothing at all. */
export type DnsAnswer = readonly Answer[] | keyof typeof RCODE | "Silence";

export class DnsServer {
  /** All that was asked, as `SRV _ldap._tcp.dc._msdcs.contoso.com`. */
  readonly asked: string[] = [];
  readonly #answers = new Map<string, DnsAnswer>();
  readonly #connections = new Set<Socket>();
  readonly #tcp: Server;
  readonly #udp: Datagrams;
  #failure: DnsAnswer | undefined;
  #port = 0;

  private constructor() {
    this.#tcp = createServer((socket) => {
      this.#serve(socket);
    });
    this.#udp = createSocket("udp4", (bytes, { port, address }) => {
      const response = this.#respond(decode(bytes));
      if (!response) return;
      const whole = encode(response);
      const flags = (response.flags ?? 0) | TRUNCATED_RESPONSE;
      this.#udp.send(whole.length <= LONGEST_DATAGRAM ? whole : encode({ ...response, flags, answers: [] }), port, address);
    });
  }

  static async start(): Promise<DnsServer> {
    const server = new DnsServer();
    server.#tcp.listen(0, "127.0.0.1");
    await once(server.#tcp, "listening");
    const bound = server.#tcp.address();
    server.#port = typeof bound === "object" && bound !== null ? bound.port : 0;
    server.#udp.bind(server.#port, "127.0.0.1");
    await once(server.#udp, "listening");
    return server;
  }

  /** As dns.servers of the operator's configuration has it. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  answer(type: Question["type"], name: string, answer: DnsAnswer): void {
    this.#answers.set(`${type} ${name.toLowerCase()}`, answer);
  }

  /** The domain controllers of contoso.com, or of a site of it: names, or records. */
  controllers(site: string | undefined, ...servers: readonly (string | SrvData)[]): void {
    const name = site === undefined ? "_ldap._tcp.dc._msdcs.contoso.com" : `_ldap._tcp.${site}._sites.dc._msdcs.contoso.com`;
    const records = servers.map((server) => (typeof server === "string" ? { target: server } : server));
    this.answer(
      "SRV",
      name,
      records.map((data) => ({ type: "SRV", name, ttl: 600, data: { priority: 0, weight: 100, port: 389, ...data } })),
    );
  }

  addresses(name: string, ...addresses: readonly string[]): void {
    const of = (type: "A" | "AAAA"): readonly Answer[] =>
      addresses.filter((data) => data.includes(":") === (type === "AAAA")).map((data) => ({ type, name, ttl: 600, data }));
    this.answer("A", name, of("A"));
    this.answer("AAAA", name, of("AAAA"));
  }

  /** Every question is answered so, until this is undefined again. */
  fail(failure: DnsAnswer | undefined): void {
    this.#failure = failure;
  }

  /** It knows nothing any more. */
  reset(): void {
    this.#answers.clear();
    this.#failure = undefined;
  }

  async stop(): Promise<void> {
    const closed = [once(this.#tcp, "close"), once(this.#udp, "close")];
    this.#tcp.close();
    this.#udp.close();
    for (const socket of this.#connections) socket.destroy();
    await Promise.all(closed);
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#connections.delete(socket));
    let rest = Buffer.alloc(0);
    socket.on("data", (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        const response = this.#respond(streamDecode(rest.subarray(0, end)));
        rest = rest.subarray(end);
        if (response) socket.write(streamEncode(response));
      }
    });
  }

  #respond({ id, questions = [] }: Packet): Packet | undefined {
    const [question] = questions;
    if (!question) return undefined;
    const key = `${question.type} ${question.name.toLowerCase()}`;
    this.asked.push(key);
    const answer = this.#failure ?? this.#answers.get(key) ?? "NXDOMAIN";
    if (answer === "Silence") return undefined;
    const rcode = typeof answer === "string" ? RCODE[answer] : 0;
    return {
      type: "response",
      ...(id === undefined ? {} : { id }),
      flags: RECURSION_DESIRED | RECURSION_AVAILABLE | rcode,
      questions: [question],
      answers: typeof answer === "string" ? [] : [...answer],
    };
  }
}

export interface SrvData {
  readonly target: string;
  readonly priority?: number;
  readonly weight?: number;
  readonly port?: number;
}
