/** A proxy in front of a directory: ends TLS with a CA of its own, and knows where a message begins and ends. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { Authority } from "../harness/certificates.ts";
import { BerReader, firstMessage } from "../sandbox/directory/ber.ts";
import { answerTo, decodeMessage, describeMessage } from "../sandbox/directory/message.ts";
import { type Effect, type Schedule } from "./schedule.ts";

/** A message without a number. */
const GARBAGE = Buffer.from([0x30, 0x03, 0x04, 0x01, 0x00]);
/** Until the end of a killed process shows on its sockets. */
const SETTLE = 20;

export interface Upstream {
  /** ldaps://host:port */
  readonly url: string;
  readonly ca: string;
}

/** Both ends of one connection, and what is to become of it. */
interface Link {
  readonly raw: Socket;
  readonly client: TLSSocket;
  readonly server: TLSSocket;
  /** Nothing passes any more. */
  silent: boolean;
  /** Message numbers whose answer is awaited for an effect after it. */
  readonly after: Map<number, Extract<Effect, { kind: "DropAfter" | "Call" }>>;
}

export class LdapProxy {
  readonly ca: string;
  readonly schedule: Schedule;
  readonly #upstream: Upstream;
  readonly #context: SecureContext;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  private constructor(ca: string, context: SecureContext, upstream: Upstream, schedule: Schedule) {
    this.ca = ca;
    this.#context = context;
    this.#upstream = upstream;
    this.schedule = schedule;
  }

  static async start(upstream: Upstream, schedule: Schedule): Promise<LdapProxy> {
    const authority = await Authority.create("ldap-proxy");
    const proxy = new LdapProxy(authority.cert, createSecureContext(await authority.certify(["localhost"])), upstream, schedule);
    const server = createServer((socket) => {
      proxy.#serve(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    proxy.#port = typeof address === "object" && address !== null ? address.port : 0;
    proxy.#server = server;
    return proxy;
  }

  get url(): string {
    return `ldaps://localhost:${this.#port}`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(raw: Socket): void {
    const { hostname, port } = new URL(this.#upstream.url);
    const client = new TLSSocket(raw, { isServer: true, secureContext: this.#context });
    const server = connect({ host: hostname, port: Number(port === "" ? 636 : port), servername: hostname, ca: this.#upstream.ca });
    const link: Link = { raw, client, server, silent: false, after: new Map() };
    for (const socket of [raw, client, server]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        // A connection that hangs stays open on the operator's side.
        if (!link.silent) close(link);
      });
      socket.setNoDelay(true);
    }
    this.#pipe(client, (bytes) => this.#toServer(link, bytes));
    this.#pipe(server, (bytes) => this.#toClient(link, bytes));
  }

  /** Whole messages, one after the other, however long one takes. */
  #pipe(from: Socket, pass: (bytes: Buffer) => Promise<void>): void {
    let rest = Buffer.alloc(0);
    let turn = Promise.resolve();
    from.on("data", (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      for (let message = firstMessage(rest); message; message = firstMessage(rest)) {
        rest = rest.subarray(message.length);
        const whole = message;
        turn = turn.then(() => pass(whole));
      }
    });
  }

  async #toServer(link: Link, bytes: Buffer): Promise<void> {
    if (link.silent) return;
    const { id, operation } = describeMessage(bytes);
    const effect = this.schedule.decide({ protocol: "ldap", operation, path: pageOf(bytes) });
    switch (effect?.kind) {
      case undefined:
        link.server.write(bytes);
        return;
      case "Delay":
        await sleep(effect.milliseconds);
        link.server.write(bytes);
        return;
      case "Lag":
        void sleep(effect.milliseconds).then(() => link.server.write(bytes));
        return;
      case "DropBefore":
        close(link);
        return;
      case "DropAfter":
        link.after.set(id, effect);
        link.server.write(bytes);
        return;
      case "Reset":
        link.raw.resetAndDestroy();
        link.server.destroy();
        return;
      case "Hang":
        link.silent = true;
        return;
      case "Garbage":
        link.client.write(GARBAGE);
        return;
      case "Error": {
        const answer = answerTo(id, operation, { code: effect.code, message: effect.text ?? "" });
        if (answer) link.client.write(answer);
        return;
      }
      case "Call":
        if (effect.at === "before") {
          await effect.action();
          // Whoever was killed there has sent nothing.
          await sleep(SETTLE);
          if (link.client.destroyed) return;
        } else link.after.set(id, effect);
        link.server.write(bytes);
    }
  }

  async #toClient(link: Link, bytes: Buffer): Promise<void> {
    if (link.silent) return;
    const { id, operation } = describeMessage(bytes);
    const effect = operation === "entry" ? undefined : link.after.get(id);
    if (effect?.kind === "Call") await effect.action();
    // None of a dropped answer arrives, its entries neither.
    if (link.after.get(id)?.kind === "DropAfter") {
      if (operation !== "entry") close(link);
      return;
    }
    link.client.write(bytes);
  }
}

const PAGED = "1.2.840.113556.1.4.319";

/** Of a search by pages: which page it asks for. */
function pageOf(bytes: Buffer): string {
  if (!bytes.includes(PAGED)) return "";
  const value = decodeMessage(bytes).controls.find(({ oid }) => oid === PAGED)?.value;
  if (!value) return "";
  const asked = new BerReader(value).inside(0x30);
  asked.integer();
  return asked.bytes().length === 0 ? "first page" : "further page";
}

function close({ client, server, raw }: Link): void {
  client.destroy();
  raw.destroy();
  server.destroy();
}
