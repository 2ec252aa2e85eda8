/** Small HTTP servers for metrics and probes. */
import { createServer, type Server } from "node:http";
import { once } from "node:events";

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export type Routes = Readonly<Record<string, () => Answer | Promise<Answer>>>;

/** `address` is host:port; port 0 takes a free one. Resolves once it listens, rejects with an Error that names the address. */
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
    Promise.resolve(route()).then(
      ({ status, type, body }) => response.writeHead(status, { "content-type": type }).end(body),
      (error: unknown) => response.writeHead(500, { "content-type": "text/plain" }).end(`${String(error)}\n`),
    );
  });
  server.listen(port === "" ? 80 : Number(port), hostname.replace(/^\[|\]$/g, ""));
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
