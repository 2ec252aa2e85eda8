/** Requests to the API server: one pool of connections, credentials that are renewed, errors that are typed. */
import type { RequestOptions as HttpsOptions } from "node:https";
import { KubeConfig } from "./kube-config.ts";
import { Agent, type Dispatcher, ProxyAgent, request } from "undici";
import { fromFailure, fromResponse, KubernetesError } from "./api-error.ts";

/** Told of every answer; `code` is `<error>` where there was none, as client-go has it. */
export type RestObserver = (method: string, code: string) => void;

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: "application/json" | "application/merge-patch+json" | "application/json-patch+json";
  readonly signal?: AbortSignal;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly dispatcher: Dispatcher;
  readonly until: number;
}

const REQUEST_TIMEOUT = 30_000;
/** Tokens and certificates are files that rotate: they are looked at again this often (ms). */
const CREDENTIALS_LIFE = 15_000;

export class KubernetesClient {
  readonly #config: KubeConfig;
  readonly #server: string;
  readonly #observe: RestObserver;
  #credentials: Credentials | undefined;
  #pool: { readonly of: string; readonly dispatcher: Dispatcher } | undefined;

  private constructor(config: KubeConfig, server: string, observe: RestObserver) {
    this.#config = config;
    this.#server = server.replace(/\/+$/, "");
    this.#observe = observe;
  }

  /** From a kubeconfig file, or, without one, from the pod's service account, or else the user's own kubeconfig. Throws an Error for users. */
  static load(kubeconfig: string | undefined, observe: RestObserver = () => undefined): KubernetesClient {
    const config = new KubeConfig();
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
    else config.loadFromDefault();
    const cluster = config.getCurrentCluster();
    if (!cluster) throw new Error("the kubeconfig has no current context with a cluster: choose one with kubectl config use-context");
    if (cluster.skipTLSVerify || !cluster.server.startsWith("https://")) {
      throw new Error(
        `the cluster ${cluster.name} (${cluster.server}) is used without a checked certificate: give it https and its certificate-authority`,
      );
    }
    return new KubernetesClient(config, cluster.server, observe);
  }

  /** The parsed body. Rejects with KubernetesError. */
  async request(method: Method, path: string, { query, body, contentType, signal }: RequestOptions = {}): Promise<unknown> {
    const what = `${method} ${path}`;
    const limit = AbortSignal.timeout(REQUEST_TIMEOUT);
    const response = await this.#send(method, path, {
      query,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      ...(body === undefined ? {} : { body: JSON.stringify(body), contentType: contentType ?? "application/json" }),
    });
    try {
      const text = await response.body.text();
      // A refusal may be plain text, as that of the flow control is.
      if (response.statusCode >= 300) throw this.#refused(what, response, parseOr(text));
      const parsed: unknown = text === "" ? undefined : JSON.parse(text);
      return parsed;
    } catch (error) {
      throw fromFailure(what, error);
    }
  }

  /** The lines of an endless answer (a watch). `opened` is called when it is accepted. `silence`: how long nothing may come before it counts as dead, in milliseconds. */
  async *lines(
    path: string,
    query: RequestOptions["query"],
    silence: number,
    signal: AbortSignal,
    opened: () => void,
  ): AsyncGenerator<string> {
    const what = `watching ${path}`;
    const response = await this.#send("GET", path, { query, signal, silence });
    if (response.statusCode >= 300) {
      const text = await response.body.text().catch(() => "");
      throw this.#refused(what, response, parseOr(text));
    }
    opened();
    let rest = "";
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body) {
        if (!(chunk instanceof Uint8Array)) throw new TypeError("a chunk that is no bytes");
        rest += decoder.decode(chunk, { stream: true });
        const parts = rest.split("\n");
        rest = parts.pop() ?? "";
        for (const line of parts) if (line.trim() !== "") yield line;
      }
    } catch (error) {
      throw fromFailure(what, error);
    }
  }

  async #send(
    method: Method,
    path: string,
    options: {
      readonly query: RequestOptions["query"];
      readonly signal: AbortSignal;
      readonly body?: string;
      readonly contentType?: string;
      readonly silence?: number;
    },
  ): Promise<Dispatcher.ResponseData> {
    try {
      const { headers, dispatcher } = await this.#authenticate();
      const search = new URLSearchParams();
      for (const [name, value] of Object.entries(options.query ?? {})) if (value !== undefined) search.set(name, String(value));
      const response = await request(`${this.#server}${path}${search.size > 0 ? `?${search.toString()}` : ""}`, {
        method,
        headers: {
          ...headers,
          accept: "application/json",
          ...(options.contentType === undefined ? {} : { "content-type": options.contentType }),
        },
        signal: options.signal,
        headersTimeout: REQUEST_TIMEOUT,
        bodyTimeout: options.silence ?? REQUEST_TIMEOUT,
        ...(options.body === undefined ? {} : { body: options.body }),
        dispatcher,
      });
      this.#observe(method, String(response.statusCode));
      return response;
    } catch (error) {
      this.#observe(method, "<error>");
      throw fromFailure(`${method} ${path}`, error);
    }
  }

  #refused(what: string, response: Dispatcher.ResponseData, body: unknown): KubernetesError {
    // Whatever the token was, it is not good now: read it again for the next try.
    if (response.statusCode === 401) this.#credentials = undefined;
    const retryAfter = response.headers["retry-after"];
    return fromResponse(what, response.statusCode, body, typeof retryAfter === "string" ? retryAfter : undefined);
  }

  async #authenticate(): Promise<Credentials> {
    const now = performance.now();
    if (this.#credentials && this.#credentials.until > now) return this.#credentials;
    const options: HttpsOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const headers = Object.fromEntries(Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value)]));
    if (typeof options.auth === "string") headers["Authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
    this.#credentials = { headers, dispatcher: this.#dispatcherFor(options), until: now + CREDENTIALS_LIFE };
    return this.#credentials;
  }

  /** The library would make one, and with it a TLS connection, for every request; here there is one for each set of certificates. */
  #dispatcherFor({ ca, cert, key, servername }: HttpsOptions): Dispatcher {
    const connect = {
      rejectUnauthorized: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
      ...(servername === undefined ? {} : { servername }),
    };
    const proxy = this.#config.getCurrentCluster()?.proxyUrl;
    const of = JSON.stringify([connect, proxy]);
    if (this.#pool?.of !== of) {
      // The old one is left to finish what runs on it.
      this.#pool?.dispatcher.close().catch(() => undefined);
      this.#pool = { of, dispatcher: proxy === undefined ? new Agent({ connect }) : new ProxyAgent({ uri: proxy, requestTls: connect }) };
    }
    return this.#pool.dispatcher;
  }
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
