/** A real Kubernetes control plane on loopback: etcd, kube-apiserver and kube-controller-manager from KUBEBUILDER_ASSETS. */
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { makeAuthority, makeCertificate } from "./certificates.ts";
import { run, startDaemon, stopDaemon, waitFor } from "./process.ts";

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

export class Kube {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  get kubeconfig(): string {
    return `${this.dir}/kubeconfig`;
  }

  async up(): Promise<void> {
    const { dir } = this;
    await mkdir(dir, { recursive: true });
    await makeAuthority(dir, "ca");
    await makeCertificate(dir, "ca", "tls", ["IP:127.0.0.1", "IP:10.96.0.1", "DNS:localhost", "DNS:kubernetes.default.svc"]);
    await run("openssl", ["genrsa", "-out", `${dir}/sa.key`, "2048"]);
    await run("openssl", ["rsa", "-in", `${dir}/sa.key`, "-pubout", "-out", `${dir}/sa.pub`]);
    const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
    const token = crypto.randomUUID();
    await writeFile(`${dir}/tokens.csv`, `${token},admin,admin,system:masters\n`);
    await writeFile(`${dir}/ports.json`, JSON.stringify({ client, peer, port, token }));
    await writeFile(this.kubeconfig, await this.#kubeconfigFor(port, token));
    await this.#startEtcd();
    await this.startApiServer();
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

  async startApiServer(): Promise<void> {
    const { dir } = this;
    const { client, port } = await this.#ports();
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
      "--service-cluster-ip-range=10.96.0.0/16",
      `--service-account-issuer=https://127.0.0.1:${port}`,
      `--service-account-key-file=${dir}/sa.pub`,
      `--service-account-signing-key-file=${dir}/sa.key`,
      "--allow-privileged=true",
      "--endpoint-reconciler-type=none",
    ]);
    await waitFor(
      "kube-apiserver",
      () => this.kubectl("get", "--raw", "/readyz"),
      (text) => text === "ok",
      60,
    );
  }

  async stopApiServer(): Promise<void> {
    await stopDaemon(this.dir, "kube-apiserver", "SIGKILL");
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return run(`${kubeAssets()}/kubectl`, ["--kubeconfig", this.kubeconfig, ...args], { env: { KUBECACHEDIR: `${this.dir}/cache` } });
  }

  /** `kubectl apply` of objects. */
  apply(...objects: readonly object[]): Promise<string> {
    return run(`${kubeAssets()}/kubectl`, ["--kubeconfig", this.kubeconfig, "apply", "-f", "-"], {
      env: { KUBECACHEDIR: `${this.dir}/cache` },
      input: JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
    });
  }

  async getJson(...args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.kubectl("get", ...args, "-o", "json"));
  }

  /** A kubeconfig of a service account, and nobody else. */
  async serviceAccountKubeconfig(namespace: string, name: string): Promise<string> {
    const token = (await this.kubectl("create", "token", name, "-n", namespace, "--duration=4h")).trim();
    const file = `${this.dir}/kubeconfig-${namespace}-${name}`;
    await writeFile(file, await this.#kubeconfigFor((await this.#ports()).port, token));
    await chmod(file, 0o600);
    return file;
  }

  async #startEtcd(): Promise<void> {
    const { dir } = this;
    const { client, peer } = await this.#ports();
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

  async #ports(): Promise<{ client: number; peer: number; port: number }> {
    const value: unknown = JSON.parse(await readFile(`${this.dir}/ports.json`, "utf8"));
    const number = (name: string): number => {
      const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
      if (typeof found !== "number") throw new Error(`ports.json has no ${name}`);
      return found;
    };
    return { client: number("client"), peer: number("peer"), port: number("port") };
  }

  async #kubeconfigFor(port: number, token: string): Promise<string> {
    const ca = (await readFile(`${this.dir}/ca.pem`)).toString("base64");
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [{ name: "test", cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority-data": ca } }],
      users: [{ name: "user", user: { token } }],
      contexts: [{ name: "test", context: { cluster: "test", user: "user" } }],
    });
  }
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
