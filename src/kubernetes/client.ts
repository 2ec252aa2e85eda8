/** Requests to the API server: pooled connections, credentials that are renewed, errors that are typed. */
import { readFile } from "node:fs/promises";
import type { RequestOptions as HttpsOptions } from "node:https";
import { lookupAddress } from "../base/address-lookup.ts";
import { abortable, limited } from "../base/turns.ts";
import { KubeConfig, tokenFileOf } from "./kube-config.ts";
import { Agent, type Dispatcher, ProxyAgent, request } from "undici";
import type { ClientOptions, Lane, RequestOptions } from "./client-options.ts";
import { textUpTo } from "./body.ts";
import { fromFailure, fromResponse, KubernetesError, parseOr } from "./api-error.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: Connections;
  readonly until: number;
}

/** Connections that were made with the same certificates, by what uses them. */
interface Connections {
  readonly of: string;
  readonly lanes: Readonly<Record<Lane, Dispatcher>>;
}

const REQUEST_TIMEOUT = 30_000;
/** Nothing was heard on a socket for so long (ms): the kernel asks whether the other side is there, and ends the connection some seconds later. */
const TCP_KEEP_ALIVE = 15_000;
/** An idle connection is kept for the next request for so long (ms): less than the 90 s of an API server. */
const IDLE = 30_000;
/** Tokens and certificates are files that rotate: they are looked at again this often (ms). */
const CREDENTIALS_LIFE = 15_000;

export class KubernetesClient {
  readonly #config: KubeConfig;
  readonly #server: string;
  readonly #observe: (method: string, code: string) => void;
  readonly #tokenFile: string | undefined;
  readonly #agent: string;
  readonly #listeners = new Set<() => void>();
  #credentials: Credentials | undefined;
  #connections: Connections | undefined;

  private constructor(
    config: KubeConfig,
    server: string,
    { kubeconfig, agent = "serverfarm-operator", observe = () => undefined }: ClientOptions,
  ) {
    this.#config = config;
    this.#tokenFile = tokenFileOf(config, kubeconfig);
    this.#agent = agent;
    this.#server = server.replace(/\/+$/, "");
    const { host } = new URL(server);
    this.#observe = (method, code) => observe(method, code, host);
  }

  /** Throws an Error for users. */
  static load(options: ClientOptions): KubernetesClient {
    const { kubeconfig, context } = options;
    const config = new KubeConfig();
    if (kubeconfig !== undefined) config.loadFromFile(kubeconfig);
    else config.loadFromDefault();
    if (context !== undefined) {
      if (!config.getContextObject(context)) throw new Error(`the kubeconfig has no context ${context}: see kubectl config get-contexts`);
      config.setCurrentContext(context);
    }
    const cluster = config.getCurrentCluster();
    if (!cluster) throw new Error("the kubeconfig has no current context with a cluster: choose one with kubectl config use-context");
    if (cluster.skipTLSVerify || !cluster.server.startsWith("https://")) {
      throw new Error(
        `the cluster ${cluster.name} (${cluster.server}) is used without a checked certificate: give it https and its certificate-authority`,
      );
    }
    return new KubernetesClient(config, cluster.server, options);
  }

  /** The namespace that the kubeconfig's context is for. */
  get namespace(): string | undefined {
    return this.#config.getContextObject(this.#config.getCurrentContext())?.namespace;
  }

  /** The listener is called when a connection was lost: others may have been lost with it, without a word. Returns what ends that. */
  onLost(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The parsed body. Rejects with KubernetesError. */
  async request(
    method: Method,
    path: string,
    { query, body, contentType, signal, timeout = REQUEST_TIMEOUT, lane = "Request", most }: RequestOptions = {},
  ): Promise<unknown> {
    const what = `${method} ${path}`;
    using limit = limited(Math.min(timeout, REQUEST_TIMEOUT), signal);
    const response = await this.#send(method, path, {
      query: method === "GET" ? query : { ...query, fieldManager: this.#agent },
      lane,
      signal: limit.signal,
      ended: signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body), contentType: contentType ?? "application/json" }),
    });
    const reading = most === undefined ? response.body.text() : textUpTo(most, response.body);
    const text = await reading.catch((error: unknown) => this.#lost(what, error, signal));
    if (text === undefined) throw new KubernetesError("TooLarge", `${what}: the answer has more than ${most} bytes`);
    if (response.statusCode >= 300) throw this.#refused(what, response, parseOr(text));
    try {
      return text === "" ? undefined : JSON.parse(text);
    } catch (error) {
      throw fromFailure(what, error);
    }
  }

  /** The lines of an endless answer (a watch). `silence`: how long nothing may come before it counts as dead, in milliseconds. */
  async *lines(path: string, query: RequestOptions["query"], silence: number, signal: AbortSignal): AsyncGenerator<string> {
    const what = `watching ${path}`;
    const response = await this.#send("GET", path, { query, lane: "Watch", signal, ended: signal, silence });
    if (response.statusCode >= 300) throw this.#refused(what, response, parseOr(await response.body.text().catch(() => "")));
    // A large object comes in many chunks, which are put together once.
    const begun: string[] = [];
    response.body.setEncoding("utf8");
    try {
      for await (const chunk of response.body) {
        const [first = "", ...others] = String(chunk).split("\n");
        begun.push(first);
        for (const next of others) {
          const line = begun.splice(0, Infinity, next).join("").trim();
          if (line !== "") yield line;
        }
      }
    } catch (error) {
      this.#lost(what, error, signal);
    }
  }

  async #send(
    method: Method,
    path: string,
    options: {
      readonly query: RequestOptions["query"];
      readonly lane: Lane;
      readonly signal: AbortSignal;
      /** Aborted by whoever asks: then nothing is wrong with the connection. */
      readonly ended: AbortSignal | undefined;
      readonly body?: string;
      readonly contentType?: string;
      readonly silence?: number;
    },
  ): Promise<Dispatcher.ResponseData> {
    const what = `${method} ${path}`;
    try {
      const { headers, connections } = await this.#authenticate();
      const search = new URLSearchParams();
      for (const [name, value] of Object.entries(options.query ?? {})) if (value !== undefined) search.set(name, String(value));
      const send = (): Promise<Dispatcher.ResponseData> =>
        request(`${this.#server}${path}${search.size > 0 ? `?${search.toString()}` : ""}`, {
          method,
          headers: {
            ...headers,
            accept: "application/json",
            "user-agent": this.#agent,
            ...(options.contentType === undefined ? {} : { "content-type": options.contentType }),
          },
          signal: options.signal,
          headersTimeout: REQUEST_TIMEOUT,
          bodyTimeout: options.silence ?? REQUEST_TIMEOUT,
          ...(options.body === undefined ? {} : { body: options.body }),
          dispatcher: connections.lanes[options.lane],
        });
      // By itself a request that has no connection yet waits for it, for as long as that may take.
      const response = await abortable(options.signal, () => fromFailure(what, options.signal.reason), send);
      this.#observe(method, String(response.statusCode));
      return response;
    } catch (error) {
      this.#observe(method, "<error>");
      return this.#lost(what, error, options.ended);
    }
  }

  /** No answer, or half of one; its connection is destroyed. Those that are idle may be as dead: nobody is sent to them any more. */
  #lost(what: string, error: unknown, ended: AbortSignal | undefined): never {
    if (ended?.aborted !== true) {
      this.#renew(undefined);
      for (const listener of this.#listeners) listener();
    }
    throw fromFailure(what, error);
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
    if (this.#tokenFile !== undefined) headers["Authorization"] = `Bearer ${(await readFile(this.#tokenFile, "utf8")).trim()}`;
    this.#credentials = { headers, connections: this.#connectionsFor(options), until: now + CREDENTIALS_LIFE };
    return this.#credentials;
  }

  /** The library would make one, and with it a TLS connection, for every request; here there are some for each set of certificates. */
  #connectionsFor({ ca, cert, key, servername }: HttpsOptions): Connections {
    const connect = {
      rejectUnauthorized: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE,
      lookup: lookupAddress,
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
      ...(servername === undefined ? {} : { servername }),
    };
    const uri = this.#config.getCurrentCluster()?.proxyUrl;
    const of = JSON.stringify([connect, uri]);
    if (this.#connections?.of === of) return this.#connections;
    // HTTP/2 would put all requests, the Lease and the watches into one connection, which falls silent with all of them. Of requests, what finds no connection free waits for one.
    const http1 = { allowH2: false, keepAliveTimeout: IDLE };
    const make = (connections?: number): Dispatcher =>
      uri === undefined
        ? new Agent({ ...http1, ...(connections === undefined ? {} : { connections }), connect })
        : new ProxyAgent({ ...http1, uri, requestTls: connect, proxyTls: { keepAliveInitialDelay: TCP_KEEP_ALIVE } });
    return this.#renew({ of, lanes: { Request: make(128), Lease: make(), Watch: make() } });
  }

  /** The ones before are left to finish what runs on them. */
  #renew<T extends Connections | undefined>(connections: T): T {
    for (const dispatcher of Object.values(this.#connections?.lanes ?? {})) dispatcher.close().catch(() => undefined);
    this.#connections = connections;
    if (!connections) this.#credentials = undefined;
    return connections;
  }
}
