/** A real Kubernetes control plane on loopback: etcd, kube-apiserver and kube-controller-manager from KUBEBUILDER_ASSETS. */
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { Authority } from "./certificates.ts";
import { Cluster } from "./cluster.ts";
import { codeBlock } from "./docs.ts";
import { run, runs, startDaemon, stopDaemon, waitFor } from "./process.ts";

const PROGRAMS = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

/** The folder with the programs: KUBEBUILDER_ASSETS, or where setup-envtest's users put them. */
export function kubeAssets(): string {
  return process.env["KUBEBUILDER_ASSETS"] ?? "/usr/local/kubebuilder/bin";
}

/** Undefined where a control plane can run here; else why not, and how to get it. */
export function kubeMissing(): string | undefined {
  const missing = PROGRAMS.filter((name) => !existsSync(`${kubeAssets()}/${name}`));
  if (missing.length === 0) return undefined;
  return `${missing.join(", ")} not found in ${kubeAssets()}: set KUBEBUILDER_ASSETS to a folder that has them (setup-envtest use -p path)`;
}

export class Kube extends Cluster {
  readonly name = "kube-apiserver";
  readonly dir: string;

  constructor(dir: string) {
    super();
    this.dir = dir;
  }

  get server(): string {
    return `https://127.0.0.1:${this.#settings().port}`;
  }

  get token(): string {
    return this.#settings().token;
  }

  get ca(): string {
    return readFileSync(`${this.dir}/ca.pem`, "utf8");
  }

  async up(): Promise<void> {
    const { dir } = this;
    await mkdir(dir, { recursive: true });
    const authority = await Authority.create("kubernetes");
    const { cert, key } = await authority.certify(["127.0.0.1", "10.96.0.1", "localhost", "kubernetes.default.svc"]);
    const { privateKey, publicKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
    const token = crypto.randomUUID();
    const files = {
      "ca.pem": authority.cert,
      "tls.pem": cert,
      "tls.key": key,
      "sa.key": privateKey,
      "sa.pub": publicKey,
      "tokens.csv": `${token},admin,admin,system:masters\n`,
      "settings.json": JSON.stringify({ client, peer, port, token }),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(`${dir}/${name}`, text, { mode: 0o600 });
    this.writeKubeconfig(this.kubeconfig, token);
    await this.#startEtcd();
    await this.startApiServer();
    this.#startManager();
    // It makes this account: until then it is still starting, and would not survive that the API server goes away.
    await waitFor("kube-controller-manager", () => this.find("ServiceAccount", "default", "default"), Boolean, 60);
  }

  /** Unless it runs. As a kubelet would, it is started anew where it ended because the API server was away. */
  #startManager(): void {
    if (runs(this.dir, "kube-controller-manager")) return;
    const { dir } = this;
    const manager = [
      "--kubeconfig",
      this.kubeconfig,
      "--service-account-private-key-file",
      `${dir}/sa.key`,
      "--root-ca-file",
      `${dir}/ca.pem`,
    ];
    startDaemon(dir, "kube-controller-manager", `${kubeAssets()}/kube-controller-manager`, [
      ...manager,
      "--use-service-account-credentials=true",
      "--leader-elect=false",
      "--secure-port=0",
    ]);
  }

  async down(): Promise<void> {
    for (const name of ["kube-controller-manager", "kube-apiserver", "etcd"]) await stopDaemon(this.dir, name);
  }

  /** What the API server writes down of farms, by the policy of docs/security.md. */
  get auditLog(): string {
    return `${this.dir}/audit.log`;
  }

  async startApiServer(): Promise<void> {
    const { dir } = this;
    await writeFile(`${dir}/audit-policy.yaml`, await codeBlock("docs/security.md", "apiVersion: audit.k8s.io/"));
    const { client, port } = this.#settings();
    startDaemon(dir, "kube-apiserver", `${kubeAssets()}/kube-apiserver`, [
      `--etcd-servers=http://127.0.0.1:${client}`,
      `--secure-port=${port}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      `--tls-cert-file=${dir}/tls.pem`,
      `--tls-private-key-file=${dir}/tls.key`,
      `--client-ca-file=${dir}/ca.pem`,
      `--token-auth-file=${dir}/tokens.csv`,
      "--authorization-mode=RBAC",
      `--audit-policy-file=${dir}/audit-policy.yaml`,
      `--audit-log-path=${this.auditLog}`,
      "--service-cluster-ip-range=10.96.0.0/16",
      `--service-account-issuer=https://127.0.0.1:${port}`,
      `--service-account-key-file=${dir}/sa.pub`,
      `--service-account-signing-key-file=${dir}/sa.key`,
      "--allow-privileged=true",
      "--endpoint-reconciler-type=none",
    ]);
    await waitFor("kube-apiserver", () => this.answers(), Boolean, 60);
    if (existsSync(`${dir}/kube-controller-manager.pid`)) this.#startManager();
  }

  async stopApiServer(): Promise<void> {
    await stopDaemon(this.dir, "kube-apiserver", "SIGKILL");
  }

  async copy(): Promise<string> {
    const copy = `${this.dir}/etcd-${crypto.randomUUID()}`;
    await this.#withoutEtcd(() => run("cp", ["-a", `${this.dir}/etcd`, copy]));
    return copy;
  }

  async restore(copy: string): Promise<void> {
    await this.#withoutEtcd(async () => {
      await rm(`${this.dir}/etcd`, { recursive: true });
      await run("cp", ["-a", copy, `${this.dir}/etcd`]);
    });
  }

  async #withoutEtcd(work: () => Promise<unknown>): Promise<void> {
    const managed = existsSync(`${this.dir}/kube-controller-manager.pid`);
    // The API server first: it would not survive that etcd goes away, nor the manager that the API server is another one.
    for (const name of ["kube-controller-manager", "kube-apiserver", "etcd"]) await stopDaemon(this.dir, name);
    await work();
    await this.#startEtcd();
    await this.startApiServer();
    if (managed) this.#startManager();
  }

  async #startEtcd(): Promise<void> {
    const { dir } = this;
    const { client, peer } = this.#settings();
    startDaemon(dir, "etcd", `${kubeAssets()}/etcd`, [
      ...[
        "--data-dir",
        `${dir}/etcd`,
        "--listen-client-urls",
        `http://127.0.0.1:${client}`,
        "--advertise-client-urls",
        `http://127.0.0.1:${client}`,
      ],
      ...["--listen-peer-urls", `http://127.0.0.1:${peer}`, "--initial-advertise-peer-urls", `http://127.0.0.1:${peer}`],
      ...["--initial-cluster", `default=http://127.0.0.1:${peer}`, "--unsafe-no-fsync"],
    ]);
  }

  #settings(): { client: number; peer: number; port: number; token: string } {
    const value: unknown = JSON.parse(readFileSync(`${this.dir}/settings.json`, "utf8"));
    const found = (name: string): unknown => (typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined);
    const [client, peer, port, token] = [found("client"), found("peer"), found("port"), found("token")];
    if (typeof client !== "number" || typeof peer !== "number" || typeof port !== "number" || typeof token !== "string") {
      throw new Error("settings.json is not whole");
    }
    return { client, peer, port, token };
  }
}

/** kubectl, where this machine has it: beside the servers, or on the path. */
export async function findKubectl(): Promise<string | undefined> {
  for (const command of [`${kubeAssets()}/kubectl`, "kubectl"]) {
    try {
      await run(command, ["version", "--client"]);
      return command;
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Runs a command of the documentation, which says kubectl, with this one. */
export function shellWith(kubectl: string | undefined, kubeconfig: string): (command: string) => Promise<string> {
  return (command) =>
    run("bash", ["-euo", "pipefail", "-c", command.replaceAll("kubectl", kubectl ?? "")], { env: { KUBECONFIG: kubeconfig } });
}

export async function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => {
      if (typeof address === "object" && address !== null) resolve(address.port);
      else reject(new Error("no port"));
    });
  });
  return await promise;
}
