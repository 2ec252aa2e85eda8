/** The API over HTTPS: who asks, what for, and answers as JSON, as tables, or as a stream of events. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Certificate } from "../../harness/certificates.ts";
import { Api, forbidden, storeKey, successOf, type Target, type WriteOptions } from "./api.ts";
import { type ApiObject, isObject, type Json, type JsonObject, textAt } from "./json.ts";
import { groupList, openApiDocument, openApiIndex, resourceList } from "./openapi.ts";
import { decodeProtobuf } from "./protobuf.ts";
import { isAllowed, type User } from "./rbac.ts";
import { groupVersion, type ResourceType } from "./resources.ts";
import { answerReview, isAboutOthers, REVIEWS } from "./reviews.ts";
import { selectorOf } from "./selectors.ts";
import { badRequest, notFound, StatusError } from "./status.ts";
import { tableOf } from "./table.ts";

const VERSION = {
  major: "1",
  minor: "36",
  gitVersion: "v1.36.0-sandbox",
  gitCommit: "",
  gitTreeState: "",
  buildDate: "",
  goVersion: "",
  compiler: "",
  platform: "sandbox",
};
const BOOKMARK_INTERVAL = 5000;
const DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions";

export interface ServerOptions {
  readonly certificate: Certificate;
  readonly adminToken: string;
  readonly port?: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly user: User;
}

export class KubernetesServer {
  readonly api = new Api();
  readonly #options: ServerOptions;
  readonly #tokens = new Map<string, User>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port: number;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#port = options.port ?? 0;
    this.#tokens.set(options.adminToken, { name: "admin", groups: ["system:masters", "system:authenticated"] });
    for (const name of ["default", "kube-system", "kube-public", "kube-node-lease"]) this.#make("namespaces", { metadata: { name } });
    this.#makeRole("cluster-admin", { rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] });
    for (const name of ["admin", "edit", "view"]) {
      const label = `rbac.authorization.k8s.io/aggregate-to-${name}`;
      this.#makeRole(name, { rules: [], aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: "true" } }] } });
    }
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const server = createServer(this.#options.certificate, (request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        process.stderr.write(`sandbox Kubernetes: ${error instanceof Error ? error.stack : String(error)}\n`);
        response.destroy();
      });
    });
    // From before its handshake: one that comes through it after a stop would hold the server open.
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("tlsClientError", () => undefined);
    server.keepAliveTimeout = 60_000;
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #make(plural: string, body: JsonObject): void {
    const type = this.api.types.find((candidate) => candidate.plural === plural);
    if (type)
      this.api.create({ type, namespace: "", name: "", subresource: "" }, body, {
        dryRun: false,
        fieldValidation: "Ignore",
        warn: () => undefined,
      });
  }

  #makeRole(name: string, more: JsonObject): void {
    this.#make("clusterroles", { metadata: { name }, ...more });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? "/", "https://sandbox");
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
      if (url.pathname === "/healthz" || url.pathname === "/readyz" || url.pathname === "/livez") {
        response.writeHead(200, { "content-type": "text/plain" }).end("ok");
        return;
      }
      const user = this.#tokens.get(token ?? "");
      if (!user) throw new StatusError(401, "Unauthorized", "Unauthorized");
      await this.#route({ request, response, url, user });
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      send(response, error.code, error.status);
    }
  }

  async #route(exchange: Exchange): Promise<void> {
    const { url, response, request } = exchange;
    const parts = url.pathname
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
    const discovered = this.#discover(url.pathname, parts);
    if (discovered) {
      send(response, 200, discovered);
      return;
    }
    const body = request.method === "GET" ? undefined : await readBody(request);
    if (parts[0] === "apis" && (parts[1] === "authorization.k8s.io" || parts[1] === "authentication.k8s.io")) {
      const [, group = "", , plural = ""] = parts;
      const type = REVIEWS.find((one) => one.group === group && one.plural === plural);
      if (type && isAboutOthers(plural)) this.#authorize(exchange.user, "create", { type, namespace: "", name: "", subresource: "" });
      send(response, 201, answerReview(this.api.store, this.#tokens, exchange.user, plural, body));
      return;
    }
    const target = this.#target(parts);
    if (!target) throw new StatusError(404, "NotFound", "the server could not find the requested resource");
    if (target.type.kind === "ServiceAccount" && target.subresource === "token") {
      send(response, 201, this.#issueToken(exchange.user, target));
      return;
    }
    this.#perform(exchange, target, body);
  }

  #discover(path: string, parts: readonly string[]): JsonObject | undefined {
    const { types } = this.api;
    if (path === "/version") return VERSION;
    if (path === "/api") return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] };
    if (path === "/apis") {
      const groups = groupList([...types, ...REVIEWS]);
      return groups;
    }
    if (path === "/openapi/v3") return openApiIndex(types);
    if (path.startsWith("/openapi/v3/")) return openApiDocument(types, path.slice("/openapi/v3/".length));
    if (parts[0] === "api" && parts.length === 2) return resourceList(types, parts[1] ?? "");
    if (parts[0] === "apis" && parts.length === 3) return resourceList([...types, ...REVIEWS], `${parts[1]}/${parts[2]}`);
    return undefined;
  }

  #target(parts: readonly string[]): Target | undefined {
    const [group = "", version = "", ...rest] = parts[0] === "api" ? ["", ...parts.slice(1)] : parts.slice(1);
    const inNamespace = rest[0] === "namespaces" && rest.length > 2 && rest[2] !== "status" && rest[2] !== "finalize";
    const [plural = "", name = "", subresource = ""] = inNamespace ? rest.slice(2) : rest;
    const type = this.api.find(group, version, plural);
    return type && { type, namespace: inNamespace ? (rest[1] ?? "") : "", name, subresource };
  }

  #authorize({ name: user, groups }: User, verb: string, target: Target): void {
    const { type, namespace, name, subresource } = target;
    const resource = subresource === "" ? type.plural : `${type.plural}/${subresource}`;
    // A namespace is looked at by its own name, and roles in it may allow that.
    const where = type.kind === "Namespace" && type.group === "" ? name : namespace;
    if (!isAllowed(this.api.store, { name: user, groups }, { verb, group: type.group, resource, namespace: where, name }))
      throw forbidden(user, verb, target);
  }

  #perform({ request, response, url, user }: Exchange, target: Target, body: Json | undefined): void {
    const query = url.searchParams;
    const warnings: string[] = [];
    const validation = query.get("fieldValidation");
    const options: WriteOptions = {
      dryRun: query.get("dryRun") === "All",
      fieldValidation: validation === "Strict" || validation === "Ignore" ? validation : "Warn",
      warn: (warning) => warnings.push(warning),
    };
    const answer = (code: number, object: ApiObject): void => {
      for (const warning of warnings) response.appendHeader("warning", `299 - "${warning.replaceAll('"', '\\"')}"`);
      this.#answer(request, response, url, target.type, code, object);
    };
    const { type, name } = target;
    const watching = query.get("watch") === "true" || query.get("watch") === "1";
    switch (request.method) {
      case "GET":
        this.#authorize(user, name !== "" ? "get" : watching ? "watch" : "list", target);
        if (name !== "" && !watching) answer(200, this.api.get(target));
        else if (watching) this.#watch(request, response, url, target);
        else this.#list(request, response, url, target);
        return;
      case "POST":
        this.#authorize(user, "create", { ...target, name: "" });
        answer(201, this.api.create(target, body ?? null, options));
        return;
      case "PUT":
        this.#authorize(user, "update", target);
        answer(200, this.api.update(target, body ?? null, options));
        return;
      case "PATCH":
        this.#authorize(user, "patch", target);
        answer(200, this.api.patch(target, body ?? null, (request.headers["content-type"] ?? "").split(";")[0] ?? "", options));
        return;
      case "DELETE": {
        this.#authorize(user, name === "" ? "deletecollection" : "delete", target);
        const dryRun = options.dryRun || query.get("dryRun") === "All";
        if (name === "") {
          const selected = this.api.list(type, target.namespace, selectorOf(query.get("labelSelector"), query.get("fieldSelector")));
          for (const { metadata } of selected) {
            this.api.delete({ ...target, namespace: metadata.namespace ?? "", name: metadata.name ?? "" }, body, dryRun);
          }
          send(response, 200, this.#listOf(type, selected));
          return;
        }
        const { held, last } = this.api.delete(target, body, dryRun);
        send(response, 200, held ?? successOf(target, last.metadata.uid));
        return;
      }
      default:
        throw new StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse, url: URL, type: ResourceType, code: number, object: ApiObject): void {
    if (wantsTable(request))
      send(
        response,
        code,
        tableOf(type, [object], { resourceVersion: object.metadata.resourceVersion ?? "" }, url.searchParams.get("includeObject")),
      );
    else send(response, code, object);
  }

  #listOf(type: ResourceType, items: readonly ApiObject[], metadata: JsonObject = {}): JsonObject {
    return {
      kind: `${type.kind}List`,
      apiVersion: groupVersion(type),
      metadata: { resourceVersion: String(this.api.store.version), ...metadata },
      items,
    };
  }

  #list(request: IncomingMessage, response: ServerResponse, url: URL, { type, namespace }: Target): void {
    const query = url.searchParams;
    const all = this.api.list(type, namespace, selectorOf(query.get("labelSelector"), query.get("fieldSelector")));
    const from: Json = query.has("continue") ? decodeContinue(query.get("continue") ?? "") : null;
    const key = ({ metadata }: ApiObject): string => `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
    const rest = isObject(from) ? all.filter((object) => key(object) > (textAt(from, "key") ?? "")) : all;
    const limit = Number(query.get("limit") ?? 0);
    const shown = limit > 0 ? rest.slice(0, limit) : rest;
    // All pages are of one version, so that a watch from it misses nothing that came between them.
    const version = (isObject(from) ? textAt(from, "version") : undefined) ?? String(this.api.store.version);
    const last = shown.at(-1);
    const more =
      shown.length < rest.length && last ? Buffer.from(JSON.stringify({ version, key: key(last) })).toString("base64url") : undefined;
    const metadata = {
      resourceVersion: version,
      ...(more === undefined ? {} : { continue: more, remainingItemCount: rest.length - shown.length }),
    };
    if (wantsTable(request)) send(response, 200, tableOf(type, shown, metadata, query.get("includeObject")));
    else send(response, 200, this.#listOf(type, shown, metadata));
  }

  #watch(request: IncomingMessage, response: ServerResponse, url: URL, { type, namespace, name }: Target): void {
    const query = url.searchParams;
    const fields = name === "" ? query.get("fieldSelector") : `metadata.name=${name}`;
    const selected = selectorOf(query.get("labelSelector"), fields);
    const table = wantsTable(request);
    const initial = query.get("sendInitialEvents") === "true";
    const asked = query.get("resourceVersion") ?? "";
    const fresh = initial || asked === "" || asked === "0";
    const since = fresh ? this.api.store.version : Number(asked);
    if (!Number.isSafeInteger(since))
      throw badRequest(`Invalid value: ${JSON.stringify(asked)}: strconv.ParseUint: parsing ${JSON.stringify(asked)}: invalid syntax`);
    // One that is not there yet is accepted, and the watch waits for it in silence: so it is after etcd was restored from an older copy.
    response.writeHead(200, { "content-type": "application/json;stream=watch" });
    response.flushHeaders();
    const emit = (kind: string, object: Json): void => {
      response.write(`${JSON.stringify({ type: kind, object })}\n`);
    };
    const show = (kind: string, object: ApiObject): void => {
      emit(
        kind,
        table ? tableOf(type, [object], { resourceVersion: object.metadata.resourceVersion ?? "" }, query.get("includeObject")) : object,
      );
    };
    const bookmark = (annotations?: JsonObject): void => {
      if (this.api.store.version < since) return;
      const metadata = {
        resourceVersion: String(this.api.store.version),
        creationTimestamp: null,
        ...(annotations ? { annotations } : {}),
      };
      emit("BOOKMARK", { kind: type.kind, apiVersion: groupVersion(type), metadata });
    };
    if (fresh) for (const object of this.api.list(type, namespace, selected)) show("ADDED", object);
    if (initial) bookmark({ "k8s.io/initial-events-end": "true" });
    const resource = storeKey(type);
    let unsubscribe: () => void;
    try {
      unsubscribe = this.api.store.subscribe(since, (event) => {
        const { object, previous } = event;
        const isEnd = event.type === "DELETED" && event.resource === DEFINITIONS && object.metadata.name === `${type.plural}.${type.group}`;
        if (isEnd) setImmediate(() => response.end());
        if (event.version <= since || event.resource !== resource || (namespace !== "" && object.metadata.namespace !== namespace)) return;
        const [was, is] = [previous !== undefined && selected(previous), event.type !== "DELETED" && selected(object)];
        if (is) show(was ? "MODIFIED" : "ADDED", object);
        else if (was) show("DELETED", object);
      });
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      emit("ERROR", error.status);
      response.end();
      return;
    }
    const wanted = query.get("allowWatchBookmarks") === "true";
    const seconds = Number(query.get("timeoutSeconds") ?? 1800);
    const bookmarks = wanted ? setInterval(bookmark, BOOKMARK_INTERVAL) : undefined;
    // One more shortly before the end, as the real one does.
    const last = wanted ? setTimeout(bookmark, (seconds - 2) * 1000) : undefined;
    const stop = (): void => {
      unsubscribe();
      for (const timer of [bookmarks, last, timeout]) clearTimeout(timer);
    };
    // A client that takes nothing any more keeps the answer open after its end: nothing is written to it then.
    const timeout = setTimeout(() => {
      stop();
      response.end();
    }, seconds * 1000);
    response.on("close", stop);
  }

  #issueToken(user: User, target: Target): JsonObject {
    this.#authorize(user, "create", target);
    const { type, namespace, name } = target;
    if (!this.api.store.get(storeKey(type), `${namespace}/${name}`)) throw notFound(type, name);
    const token = `sandbox-${randomUUID()}`;
    const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
    this.#tokens.set(token, { name: `system:serviceaccount:${namespace}:${name}`, groups });
    const expirationTimestamp = new Date(Date.now() + 4 * 3_600_000).toISOString();
    return {
      kind: "TokenRequest",
      apiVersion: "authentication.k8s.io/v1",
      metadata: { name, namespace },
      spec: { audiences: [] },
      status: { token, expirationTimestamp },
    };
  }
}

function wantsTable({ headers }: IncomingMessage): boolean {
  return (headers.accept ?? "").includes("as=Table");
}

async function readBody(request: IncomingMessage): Promise<Json | undefined> {
  const bytes = await buffer(request);
  if (bytes.length === 0) return undefined;
  if ((request.headers["content-type"] ?? "").startsWith("application/vnd.kubernetes.protobuf")) return decodeProtobuf(bytes);
  try {
    const value: Json = JSON.parse(bytes.toString("utf8"));
    return value;
  } catch {
    throw badRequest(
      `the body of the request is not JSON (${request.headers["content-type"] ?? "no content type"}), which is all that the sandbox reads here`,
    );
  }
}

function decodeContinue(token: string): Json {
  try {
    const value: Json = JSON.parse(Buffer.from(token, "base64url").toString());
    return value;
  } catch {
    throw badRequest("continue key is not valid");
  }
}

function send(response: ServerResponse, code: number, body: JsonObject): void {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
}
