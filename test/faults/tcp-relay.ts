/** A relay of bare TCP in front of any server: its connections can fall silent, in either direction, without anybody being told. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export type Direction = "ToServer" | "ToClient" | "Both";

/** Both ends of a connection. */
interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** Which way nothing passes any more; what comes is taken and lost, and nobody closes. */
  silent: Direction | undefined;
  /** When something last passed, on the monotonic clock. */
  passed: number;
}

interface Silence {
  /** Those that are yet to come as well, until it is ended by `heal`. */
  readonly later?: boolean;
  /** Only connections over which nothing has passed for so long (ms): of an operator at rest these are its watches. */
  readonly idle?: number;
}

export class TcpRelay {
  readonly #links = new Set<Link>();
  readonly #server: Server;
  #port = 0;
  #taken = 0;
  /** For connections that are yet to come. */
  #silent: Direction | undefined;

  private constructor(host: string, port: number) {
    this.#server = createServer((client) => {
      this.#serve(client, connect({ host, port }));
    });
  }

  /** In front of the server of a URL; one without a port has that of LDAPS. By default on any free port. */
  static async start(
    url: string,
    at: { readonly host: string; readonly port: number } = { host: "127.0.0.1", port: 0 },
  ): Promise<TcpRelay> {
    const { hostname, port } = new URL(url);
    const relay = new TcpRelay(hostname, Number(port === "" ? 636 : port));
    relay.#server.listen(at);
    await once(relay.#server, "listening");
    const address = relay.#server.address();
    relay.#port = typeof address === "object" && address !== null ? address.port : 0;
    return relay;
  }

  /** TLS passes as it is, so the name has to be one of the server's certificate. */
  get authority(): string {
    return `localhost:${this.#port}`;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** How many it has ever taken. */
  get taken(): number {
    return this.#taken;
  }

  /** The connections that there are fall silent, for ever. */
  silence(direction: Direction = "Both", { later = false, idle = 0 }: Silence = {}): void {
    for (const link of this.#links) if (performance.now() - link.passed >= idle) link.silent = direction;
    if (later) this.#silent = direction;
  }

  heal(): void {
    this.#silent = undefined;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const { client, server } of this.#links) {
      client.destroy();
      server.destroy();
    }
    await closed;
  }

  #serve(client: Socket, server: Socket): void {
    const link: Link = { client, server, silent: this.#silent, passed: performance.now() };
    this.#links.add(link);
    this.#taken++;
    const passes = (direction: Direction): boolean => link.silent !== "Both" && link.silent !== direction;
    const pairs = [
      [client, server, "ToServer"],
      [server, client, "ToClient"],
    ] as const;
    for (const [from, to, direction] of pairs) {
      from.setNoDelay(true);
      from.on("error", () => undefined);
      from.on("data", (bytes: Buffer) => {
        link.passed = performance.now();
        if (passes(direction)) to.write(bytes);
      });
      from.on("close", () => {
        if (!from.destroyed || passes(direction)) to.destroy();
        if (client.destroyed && server.destroyed) this.#links.delete(link);
      });
    }
  }
}
