/** Small HTTP servers for metrics and probes. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { pipeline } from "node:stream/promises";
import type { CertificateFiles } from "./certificate.ts";

export interface Answer {
  readonly status: number;
  readonly type: string;
  /** Parts are sent one after the other, so that a long answer is never in memory as a whole. */
  readonly body: string | AsyncIterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
}

type Route = () => Answer | Promise<Answer>;
export type Routes = Readonly<Record<string, Route>>;

/** Given the header Authorization; what it answers with is answered in place of the route. */
export type Guard = (authorization: string | undefined) => Promise<Answer | undefined>;

export interface ServeOptions {
  /** Over TLS, with this one; else in the clear. */
  readonly certificate?: CertificateFiles | undefined;
  readonly guard?: Guard | undefined;
  /** How many are answered at once, in all and of one address; whoever asks besides is told to come again. */
  readonly atOnce?: { readonly all: number; readonly each: number };
  /** Milliseconds: whoever has not read the answer by then is cut off. */
  readonly within?: number;
}

/** By default any Pod may ask, and the metrics of ten thousand farms are megabytes. No single one may keep Prometheus from asking. */
const AT_ONCE = { all: 16, each: 4 };
/** Prometheus waits for ten seconds. */
const WITHIN = 10_000;

const BUSY: Answer = { status: 503, type: "text/plain", body: "too many requests at once: try again\n", headers: { "retry-after": "1" } };

async function answer(route: Route, response: ServerResponse, within: number): Promise<void> {
  const signal = AbortSignal.timeout(within);
  try {
    const { status, type, body, headers = {} } = await route();
    response.writeHead(status, { "content-type": type, ...headers });
    await pipeline(typeof body === "string" ? [body] : body, response, { signal });
  } catch (error) {
    // Whoever asked may have gone away in the middle; who has had nothing yet is told.
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { "content-type": "text/plain" }).end(`${String(error)}\n`);
  }
}

/**
 * `address` is host:port; port 0 takes a free one. `[::]` is every address of both families, IPv4 alone where the node has no IPv6. Resolves
 * once it listens, rejects with an Error that names the address.
 */
export async function serve(
  address: string,
  routes: Routes,
  { certificate, guard, atOnce = AT_ONCE, within = WITHIN }: ServeOptions = {},
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const { hostname, port } = new URL(`http://${address}`);
  /** By addresses: those that are answered now. */
  const underWay = new Map<string, number>();
  let all = 0;
  const count = (from: string, step: 1 | -1): void => {
    const own = (underWay.get(from) ?? 0) + step;
    if (own > 0) underWay.set(from, own);
    else underWay.delete(from);
    all += step;
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (!route || (request.method !== "GET" && request.method !== "HEAD")) {
      response
        .writeHead(route ? 405 : 404, { "content-type": "text/plain" })
        .end(route ? "only GET\n" : `not found; there is ${Object.keys(routes).join(" and ")}\n`);
      return;
    }
    const from = request.socket.remoteAddress ?? "";
    if (all >= atOnce.all || (underWay.get(from) ?? 0) >= atOnce.each) return void answer(() => BUSY, response, within);
    count(from, 1);
    const guarded = async (): Promise<Answer> => (await guard?.(request.headers.authorization)) ?? (await route());
    void answer(guarded, response, within).finally(() => count(from, -1));
  };
  const secure = certificate && createSecureServer({ ...certificate.current, minVersion: "TLSv1.2" }, handle);
  const server = secure ?? createServer(handle);
  const unfollow = secure && certificate.follow((renewed) => secure.setSecureContext({ ...renewed, minVersion: "TLSv1.2" }));
  const host = hostname.replace(/^\[|\]$/g, "");
  // Without a host Node takes both families, and falls back to IPv4; with `::` it would fail where there is no IPv6.
  server.listen({ port: port === "" ? 80 : Number(port), ...(host === "::" ? {} : { host }) });
  try {
    await once(server, "listening");
  } catch (error) {
    unfollow?.();
    throw new Error(`cannot listen on ${address}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : 0,
    async close() {
      unfollow?.();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
