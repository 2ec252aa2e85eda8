/** A proxy in front of an API server: ends TLS with a CA of its own, and knows requests, and the lines of a watch. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, type Dispatcher, request as fetchUpstream } from "undici";
import { Authority } from "../harness/certificates.ts";
import { type Effect, type Schedule } from "./schedule.ts";

/** Neither an answer of HTTP nor an event. */
const GARBAGE = "}{ this is no answer\n";
/** Until the end of a killed process shows on its sockets. */
const SETTLE = 20;

export interface Upstream {
  /** https://host:port */
  readonly server: string;
  readonly ca: string;
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

export class HttpProxy {
  readonly ca: string;
  readonly schedule: Schedule;
  readonly #upstream: Upstream;
  readonly #agent: Agent;
  readonly #server: Server;
  /** The sockets under TLS, by the client's port: only these can be reset. */
  readonly #raw = new Map<number, Socket>();
  #port = 0;

  private constructor(ca: string, server: Server, upstream: Upstream, schedule: Schedule) {
    this.ca = ca;
    this.schedule = schedule;
    this.#upstream = upstream;
    this.#agent = new Agent({ connect: { ca: upstream.ca }, headersTimeout: 0, bodyTimeout: 0 });
    this.#server = server;
  }

  static async start(upstream: Upstream, schedule: Schedule): Promise<HttpProxy> {
    const authority = await Authority.create("http-proxy");
    const server = createServer({ ...(await authority.certify(["localhost"])) });
    const proxy = new HttpProxy(authority.cert, server, upstream, schedule);
    server.on("tlsClientError", () => undefined);
    server.on("connection", (socket: Socket) => {
      const port = socket.remotePort ?? 0;
      proxy.#raw.set(port, socket);
      socket.on("error", () => undefined);
      socket.on("close", () => proxy.#raw.delete(port));
    });
    server.on("request", (request, response) => {
      proxy.#pass(request, response).catch(() => response.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    proxy.#port = typeof address === "object" && address !== null ? address.port : 0;
    return proxy;
  }

  get server(): string {
    return `https://localhost:${this.#port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#raw.values()) socket.destroy();
    await closed;
    await this.#agent.destroy();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    const body = await buffer(request);
    const effect = this.schedule.decide({ protocol: "http", operation: request.method ?? "", path });
    switch (effect?.kind) {
      case "Delay":
      case "Lag":
        await sleep(effect.milliseconds);
        break;
      case "DropBefore":
        request.socket.destroy();
        return;
      case "Reset":
        this.#raw.get(request.socket.remotePort ?? 0)?.resetAndDestroy();
        return;
      case "Hang":
        return;
      case "Garbage":
        request.socket.end(GARBAGE);
        return;
      case "Error":
        refuse(response, effect);
        return;
      case "Call":
        if (effect.at === "before") {
          await effect.action();
          // Whoever was killed there has sent nothing.
          await sleep(SETTLE);
          if (request.socket.destroyed) return;
        }
        break;
      case "DropAfter":
      case undefined:
        break;
    }
    const answer = await this.#ask(request, path, body);
    // A client that is gone ends it; that is no error of this proxy.
    answer.body.on("error", () => response.destroy());
    if (effect?.kind === "DropAfter" || (effect?.kind === "Call" && effect.at === "after")) {
      // Only once the server has done it; a watch is never done.
      if (!path.includes("watch=")) await answer.body.arrayBuffer();
      if (effect.kind === "Call") await effect.action();
      answer.body.destroy();
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.statusCode, headersOf(answer.headers));
    response.on("close", () => answer.body.destroy());
    if (path.includes("watch=")) await this.#passLines(request, response, path, answer);
    else response.end(Buffer.from(await answer.body.arrayBuffer()));
  }

  async #ask(request: IncomingMessage, path: string, body: Buffer): Promise<Dispatcher.ResponseData> {
    const { authorization, accept, "content-type": contentType } = request.headers;
    return await fetchUpstream(`${this.#upstream.server}${path}`, {
      method: METHODS.find((method) => method === request.method) ?? "GET",
      dispatcher: this.#agent,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(accept === undefined ? {} : { accept }),
        ...(contentType === undefined ? {} : { "content-type": contentType }),
      },
      ...(body.length > 0 ? { body } : {}),
    });
  }

  async #passLines(request: IncomingMessage, response: ServerResponse, path: string, { body }: Dispatcher.ResponseData): Promise<void> {
    response.flushHeaders();
    // From then on the server's lines end here: to stop reading would close both ends, and the client would know.
    let silent = false;
    for await (const line of linesOf(body)) {
      if (silent) continue;
      const effect = this.schedule.decide({ protocol: "watch", operation: "GET", path });
      if (effect?.kind === "Delay") await sleep(effect.milliseconds);
      if (effect?.kind === "Call" && effect.at === "before") await effect.action();
      switch (effect?.kind) {
        case "DropBefore":
          // In the middle of a line: what came of it must not be taken for an event.
          response.write(line.slice(0, line.length / 2), () => request.socket.destroy());
          return;
        case "Reset":
          this.#raw.get(request.socket.remotePort ?? 0)?.resetAndDestroy();
          return;
        case "Hang":
          silent = true;
          continue;
        case "Garbage":
          response.write(GARBAGE);
          continue;
        case "Error":
          response.write(`${JSON.stringify({ type: "ERROR", object: statusOf(effect) })}\n`);
          continue;
        default:
          response.write(`${line}\n`);
      }
      if (effect?.kind === "Call" && effect.at === "after") await effect.action();
      if (effect?.kind === "DropAfter") {
        request.socket.destroy();
        return;
      }
    }
    if (!silent) response.end();
  }
}

async function* linesOf(body: AsyncIterable<Buffer>): AsyncIterable<string> {
  let rest = "";
  for await (const chunk of body) {
    const lines = `${rest}${chunk.toString()}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

function statusOf({ code, text = "a fault" }: Extract<Effect, { kind: "Error" }>): object {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason: "Fault", message: text };
}

function refuse(response: ServerResponse, effect: Extract<Effect, { kind: "Error" }>): void {
  response.writeHead(effect.code, { "content-type": "application/json" }).end(JSON.stringify(statusOf(effect)));
}

function headersOf(headers: Dispatcher.ResponseData["headers"]): Record<string, string | string[]> {
  const kept = Object.entries(headers).filter(([name]) => name === "content-type" || name === "warning" || name === "retry-after");
  return Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
