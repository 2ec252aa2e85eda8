/** A Kubernetes API server as tests use it, whatever serves it: what a user does, over HTTP, without the start of a kubectl for each. */
import { mkdirSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Agent, type Dispatcher, request } from "undici";
import { waitFor } from "./process.ts";

/** group/version, plural, and whether it lives in a namespace. */
const KINDS: Readonly<Record<string, readonly [groupVersion: string, plural: string, namespaced: boolean]>> = {
  ServerFarm: ["serverfarm.dev/v1alpha1", "serverfarms", true],
  ActiveDirectoryDomain: ["serverfarm.dev/v1alpha1", "activedirectorydomains", false],
  Namespace: ["v1", "namespaces", false],
  Secret: ["v1", "secrets", true],
  ConfigMap: ["v1", "configmaps", true],
  Event: ["v1", "events", true],
  ServiceAccount: ["v1", "serviceaccounts", true],
  Pod: ["v1", "pods", true],
  Deployment: ["apps/v1", "deployments", true],
  Lease: ["coordination.k8s.io/v1", "leases", true],
  CustomResourceDefinition: ["apiextensions.k8s.io/v1", "customresourcedefinitions", false],
  ClusterRole: ["rbac.authorization.k8s.io/v1", "clusterroles", false],
  RoleBinding: ["rbac.authorization.k8s.io/v1", "rolebindings", true],
  ClusterRoleBinding: ["rbac.authorization.k8s.io/v1", "clusterrolebindings", false],
  Role: ["rbac.authorization.k8s.io/v1", "roles", true],
  GMSACredentialSpec: ["windows.k8s.io/v1", "gmsacredentialspecs", false],
  MutatingWebhookConfiguration: ["admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", false],
  ValidatingWebhookConfiguration: ["admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", false],
  ValidatingAdmissionPolicy: ["admissionregistration.k8s.io/v1", "validatingadmissionpolicies", false],
  ValidatingAdmissionPolicyBinding: ["admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings", false],
};

export type Kind = string;

/** An object of the API, as far as tests look at it. */
export interface Manifest {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly [more: string]: unknown;
  };
  readonly [more: string]: unknown;
}

export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

interface Call {
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Of somebody else than an administrator. */
  readonly token?: string;
}

export abstract class Cluster {
  abstract readonly name: string;
  /** Where its kubeconfigs are written. */
  abstract readonly dir: string;
  /** https://… */
  abstract readonly server: string;
  /** PEM. */
  abstract readonly ca: string;
  abstract readonly token: string;
  #agent: Dispatcher | undefined;

  abstract stopApiServer(): Promise<void>;
  abstract startApiServer(): Promise<void>;
  /** A copy of its database; it may be away for that moment. */
  abstract copy(): Promise<string>;
  /** Back to what it was when the copy was made, its resource versions too. */
  abstract restore(copy: string): Promise<void>;

  /** Of an administrator. */
  get kubeconfig(): string {
    return `${this.dir}/kubeconfig`;
  }

  writeKubeconfig(file: string, token: string, { server = this.server, ca = this.ca }: { server?: string; ca?: string } = {}): string {
    mkdirSync(this.dir, { recursive: true });
    const config = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [{ name: "test", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
      users: [{ name: "user", user: { token } }],
      contexts: [{ name: "test", context: { cluster: "test", user: "user" } }],
    };
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  /** Rejects with ApiFailure, which says what the API server says. */
  async call(
    method: Dispatcher.HttpMethod,
    path: string,
    { body, contentType, accept, query, token = this.token }: Call = {},
  ): Promise<unknown> {
    const response = await request(`${this.server}${path}`, {
      method,
      dispatcher: this.#dispatcher(),
      headers: {
        authorization: `Bearer ${token}`,
        accept: accept ?? "application/json",
        ...(body === undefined ? {} : { "content-type": contentType ?? "application/json" }),
      },
      ...(query ? { query: { ...query } } : {}),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.body.json();
    if (response.statusCode >= 400) throw new ApiFailure(response.statusCode, textOf(answer, "message") ?? JSON.stringify(answer));
    return answer;
  }

  /** Whether it is ready to serve. */
  async answers(): Promise<boolean> {
    const response = await request(`${this.server}/readyz`, {
      dispatcher: this.#dispatcher(),
      headers: { authorization: `Bearer ${this.token}` },
    });
    return (await response.body.text()) === "ok";
  }

  #dispatcher(): Dispatcher {
    // A test may open hundreds of connections at once, on a machine that has other work: ten seconds are too few then.
    this.#agent ??= new Agent({ connect: { ca: this.ca, timeout: 60_000 } });
    return this.#agent;
  }

  path(kind: Kind, namespace?: string, name?: string): string {
    const found = KINDS[kind];
    if (!found) throw new Error(`the tests do not know the kind ${kind}`);
    const [groupVersion, plural, namespaced] = found;
    const root = groupVersion.includes("/") ? `/apis/${groupVersion}` : `/api/${groupVersion}`;
    return `${root}${namespaced && namespace !== undefined ? `/namespaces/${namespace}` : ""}/${plural}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;
  }

  /** Creates each, or makes it what is given; what others put into its metadata stays. */
  async apply(...objects: readonly object[]): Promise<void> {
    for (const object of objects) {
      if (!isManifest(object)) throw new Error("no object to apply");
      const { kind = "", metadata } = object;
      const path = this.path(kind, metadata.namespace ?? "default");
      try {
        await this.call("POST", path, { body: object, query: { fieldValidation: "Strict" } });
      } catch (error) {
        if (!(error instanceof ApiFailure) || error.code !== 409) throw error;
        await this.#replace(object);
      }
    }
  }

  async #replace(object: Manifest): Promise<void> {
    const { kind = "", metadata } = object;
    await retryConflicts(async () => {
      const live = await this.get(kind, metadata.name, metadata.namespace ?? "default");
      const body = { ...object, metadata: { ...live.metadata, ...metadata, managedFields: undefined } };
      await this.call("PUT", this.path(kind, metadata.namespace ?? "default", metadata.name), {
        body,
        query: { fieldValidation: "Strict" },
      });
    });
  }

  /** What the API server says to a manifest that is only tried; "accepted" where it is good. */
  async dryRun(object: Manifest): Promise<string> {
    const { kind = "", metadata } = object;
    const query = { dryRun: "All", fieldValidation: "Strict" };
    const namespace = metadata.namespace ?? "default";
    try {
      const live = await this.find(kind, metadata.name, namespace);
      if (live)
        await this.call("PUT", this.path(kind, namespace, metadata.name), {
          body: { ...object, metadata: { ...live.metadata, ...metadata } },
          query,
        });
      else await this.call("POST", this.path(kind, namespace), { body: object, query });
      return "accepted";
    } catch (error) {
      if (error instanceof ApiFailure) return error.message;
      throw error;
    }
  }

  async get(kind: Kind, name: string, namespace?: string): Promise<Manifest> {
    const object = await this.call("GET", this.path(kind, namespace, name));
    if (!isManifest(object)) throw new Error(`${kind} ${name} is no object`);
    return object;
  }

  async find(kind: Kind, name: string, namespace?: string): Promise<Manifest | undefined> {
    try {
      return await this.get(kind, name, namespace);
    } catch (error) {
      if (error instanceof ApiFailure && error.code === 404) return undefined;
      throw error;
    }
  }

  async list(kind: Kind, namespace?: string): Promise<readonly Manifest[]> {
    const found = await this.call("GET", this.path(kind, namespace));
    const items: unknown = typeof found === "object" && found !== null && "items" in found ? found.items : [];
    return Array.isArray(items) ? items.filter(isManifest) : [];
  }

  async patch(kind: Kind, name: string, namespace: string | undefined, patch: unknown): Promise<void> {
    const contentType = Array.isArray(patch) ? "application/json-patch+json" : "application/merge-patch+json";
    await this.call("PATCH", this.path(kind, namespace, name), { body: patch, contentType });
  }

  async annotate(kind: Kind, name: string, namespace: string | undefined, annotations: Readonly<Record<string, string>>): Promise<void> {
    await this.patch(kind, name, namespace, { metadata: { annotations } });
  }

  /** Waits until it is gone, unless `seconds` is 0. What is not there is gone. */
  async delete(kind: Kind, name: string, namespace?: string, seconds = 30): Promise<void> {
    try {
      await this.call("DELETE", this.path(kind, namespace, name));
    } catch (error) {
      if (!(error instanceof ApiFailure) || error.code !== 404) throw error;
    }
    if (seconds > 0) await this.waitGone(kind, name, namespace, seconds);
  }

  async waitGone(kind: Kind, name: string, namespace?: string, seconds = 30): Promise<void> {
    await waitFor(
      `the end of ${kind} ${namespace ?? ""}/${name}`,
      () => this.find(kind, name, namespace),
      (object) => object === undefined,
      seconds,
    );
  }

  async deleteAll(kind: Kind, namespace?: string, seconds = 60): Promise<void> {
    const all = await this.list(kind, namespace);
    await Promise.all(all.map(({ metadata }) => this.delete(kind, metadata.name, metadata.namespace, 0)));
    for (const { metadata } of all) await this.waitGone(kind, metadata.name, metadata.namespace, seconds);
  }

  /** The objects of a kind as they change, from now on; ends when the signal says so. */
  async *watch(kind: Kind, namespace: string | undefined, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const response = await request(`${this.server}${this.path(kind, namespace)}?watch=true`, {
      dispatcher: this.#dispatcher(),
      headers: { authorization: `Bearer ${this.token}` },
      bodyTimeout: 0,
      signal,
    });
    const lines = createInterface({ input: response.body });
    try {
      for await (const line of lines) {
        const event: unknown = JSON.parse(line);
        if (isWatchEvent(event)) yield event;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      // Whoever stops looking closes the stream; what becomes of it then is nobody's concern.
      lines.on("error", () => undefined);
      response.body.on("error", () => undefined).destroy();
    }
  }

  /** A line for each Event: reason, object, message. */
  async events(namespace: string): Promise<string> {
    const lines = (await this.list("Event", namespace)).map((event) => {
      const about = event["involvedObject"];
      return `${textOf(event, "type") ?? ""} ${textOf(event, "reason") ?? ""} ${textOf(about, "name") ?? ""} ${textOf(event, "message") ?? ""}`;
    });
    return lines.join("\n");
  }

  /** As kubectl prints it: the columns of priority 0. */
  async table(kind: Kind, namespace?: string): Promise<string> {
    const table = await this.call("GET", this.path(kind, namespace), { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
    if (!isTable(table)) throw new Error(`${kind}: no table`);
    const shown = table.columnDefinitions.map(({ priority }) => priority === 0);
    const pick = (cells: readonly unknown[]): string[] =>
      cells.filter((_, index) => shown[index]).map((cell) => (cell === null ? "" : String(cell)));
    const lines = [pick(table.columnDefinitions.map(({ name }) => name.toUpperCase())), ...table.rows.map(({ cells }) => pick(cells))];
    return lines.map((cells) => cells.join("   ")).join("\n");
  }

  async serviceAccountToken(namespace: string, name: string): Promise<string> {
    const path = `${this.path("ServiceAccount", namespace, name)}/token`;
    const answer = await this.call("POST", path, { body: { spec: { expirationSeconds: 14_400 } } });
    const token = textOf(at(answer, "status"), "token");
    if (token === undefined) throw new Error("no token");
    return token;
  }

  /** A kubeconfig of a service account, and nobody else. `through`: another address of the API server, a proxy's for instance. */
  async serviceAccountKubeconfig(
    namespace: string,
    name: string,
    through?: { readonly server: string; readonly ca: string },
  ): Promise<string> {
    const token = await this.serviceAccountToken(namespace, name);
    return this.writeKubeconfig(`${this.dir}/kubeconfig-${namespace}-${name}${through ? "-through" : ""}`, token, through);
  }
}

async function retryConflicts(attempt: () => Promise<void>): Promise<void> {
  for (let left = 5; ; left--) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (!(error instanceof ApiFailure) || error.code !== 409 || left === 0) throw error;
    }
  }
}

function isManifest(value: unknown): value is Manifest {
  return typeof value === "object" && value !== null && "metadata" in value && typeof value.metadata === "object";
}

function at(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

export function textOf(value: unknown, name: string): string | undefined {
  const found = at(value, name);
  return typeof found === "string" ? found : undefined;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Manifest;
}

function isWatchEvent(value: unknown): value is WatchEvent {
  return ["ADDED", "MODIFIED", "DELETED"].includes(textOf(value, "type") ?? "") && isManifest(at(value, "object"));
}

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && "columnDefinitions" in value && "rows" in value;
}
