/** Small HTTP servers for metrics and probes. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";

export interface Answer {
  readonly status: number;
  readonly type: string;
  /** Parts are sent one after the other, so that a long answer is never in memory as a whole. */
  readonly body: string | AsyncIterable<string>;
}

export type Routes = Readonly<Record<string, () => Answer | Promise<Answer>>>;

async function answer(route: () => Answer | Promise<Answer>, response: ServerResponse): Promise<void> {
  try {
    const { status, type, body } = await route();
    response.writeHead(status, { "content-type": type });
    await pipeline(typeof body === "string" ? [body] : body, response);
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
export async function serve(address: string, routes: Routes): Promise<{ readonly port: number; close(): Promise<void> }> {
  const { hostname, port } = new URL(`http://${address}`);
  const server: Server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0] ?? "/";
    const route = routes[path];
    if (!route || (request.method !== "GET" && request.method !== "HEAD")) {
      response
        .writeHead(route ? 405 : 404, { "content-type": "text/plain" })
        .end(route ? "only GET\n" : `not found; there is ${Object.keys(routes).join(" and ")}\n`);
      return;
    }
    void answer(route, response);
  });
  const host = hostname.replace(/^\[|\]$/g, "");
  // Without a host Node takes both families, and falls back to IPv4; with `::` it would fail where there is no IPv6.
  server.listen({ port: port === "" ? 80 : Number(port), ...(host === "::" ? {} : { host }) });
  try {
    await once(server, "listening");
  } catch (error) {
    throw new Error(`cannot listen on ${address}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : 0,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
