/** The sandbox's API server. Needs nothing but Node. */
import { KubernetesServer } from "../sandbox/kubernetes/server.ts";
import type { StoreCopy } from "../sandbox/kubernetes/store.ts";
import { Authority } from "./certificates.ts";
import { Cluster } from "./cluster.ts";

export class SandboxCluster extends Cluster {
  readonly name = "the sandbox's API server";
  readonly dir: string;
  readonly ca: string;
  readonly token: string;
  readonly kubernetes: KubernetesServer;
  readonly #copies = new Map<string, StoreCopy>();

  private constructor(dir: string, ca: string, token: string, kubernetes: KubernetesServer) {
    super();
    this.dir = dir;
    this.ca = ca;
    this.token = token;
    this.kubernetes = kubernetes;
  }

  /** Running, and with an administrator's kubeconfig in `dir`. */
  static async create(dir: string, port = 0): Promise<SandboxCluster> {
    const authority = await Authority.create("kubernetes");
    const certificate = await authority.certify(["localhost", "127.0.0.1"]);
    const token = crypto.randomUUID();
    const kubernetes = new KubernetesServer({ certificate, adminToken: token, port });
    await kubernetes.start();
    const cluster = new SandboxCluster(dir, authority.cert, token, kubernetes);
    cluster.writeKubeconfig(cluster.kubeconfig, token);
    return cluster;
  }

  get server(): string {
    return `https://localhost:${this.kubernetes.port}`;
  }

  copy(): Promise<string> {
    const name = crypto.randomUUID();
    this.#copies.set(name, this.kubernetes.api.store.copy());
    return Promise.resolve(name);
  }

  async restore(name: string): Promise<void> {
    const copy = this.#copies.get(name);
    if (!copy) throw new Error(`there is no copy ${name}`);
    await this.stopApiServer();
    this.kubernetes.api.store.restore(copy);
    await this.startApiServer();
  }

  startApiServer(): Promise<void> {
    return this.kubernetes.start();
  }

  stopApiServer(): Promise<void> {
    return this.kubernetes.stop();
  }
}
