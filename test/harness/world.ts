/** What the suites share: a directory, a cluster, a domain, farms, and the operator. Which servers these are the run decides. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, inject } from "vitest";
import type { Cluster, Manifest } from "./cluster.ts";
import { delegate } from "./delegation.ts";
import { type Account, ADMINISTRATOR, type TestDirectory } from "./directory.ts";
import { install } from "./install.ts";
import { Kube } from "./kube.ts";
import { domainAt, domainSecrets, namespaceOf, SYSTEM } from "./manifests.ts";
import { Operator, type OperatorOptions } from "./operator.ts";
import { waitFor } from "./process.ts";
import { Samba } from "./samba.ts";
import { SandboxCluster } from "./sandbox-cluster.ts";
import { SandboxDirectory } from "./sandbox-directory.ts";

export { farmOf, secretOf, SYSTEM } from "./manifests.ts";

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

export interface Farm {
  readonly metadata: { readonly name: string; readonly generation: number; readonly resourceVersion: string; readonly uid: string };
  readonly status?: {
    readonly observedGeneration: number;
    readonly lastHandledReconcileRequest?: string;
    readonly conditions?: readonly Condition[];
    readonly account?: Readonly<Record<string, string>>;
    readonly hosts?: { readonly summary: string; readonly computers?: number; readonly search?: number };
    readonly hostIssues?: readonly { readonly computer: string; readonly reason: string }[];
    readonly plan?: readonly { readonly change: string; readonly value?: string }[];
    readonly hostGroup?: {
      readonly objectGUID?: string;
      readonly objectSID?: string;
      readonly distinguishedName?: string;
      readonly added?: readonly string[];
    };
    readonly resolvedHosts?: readonly { readonly objectGUID: string }[];
    readonly accessGroups?: readonly { readonly name: string }[];
    readonly ownedObjects?: readonly { readonly objectGUID: string; readonly kind: string }[];
  };
}

const backends = inject("backends");
const servers = inject("servers");
const dir = await mkdtemp(`${tmpdir()}/serverfarm-world-`);

/** Both are ours: what takes long for the sake of real servers may be shorter. */
export const onSandbox = backends.directory === "sandbox" && backends.cluster === "sandbox";
/** An API server, with all that it has: admission policies, too. */
export const onApiServer = backends.cluster !== "sandbox";
/** False where real servers were asked for that are not there: the tests are skipped, and the run says so. */
export const available = onSandbox || servers !== null;
export const directory: TestDirectory =
  backends.directory === "sandbox" ? await SandboxDirectory.create() : new Samba(servers?.samba ?? "");
export const cluster: Cluster =
  backends.cluster === "sandbox" ? await SandboxCluster.create(`${dir}/kubernetes`) : new Kube(servers?.kube ?? "");
if (available) {
  await install(cluster);
  // With it the OU that the farms of the tests live in.
  await delegate(directory);
}

afterAll(async () => {
  if (backends.directory === "sandbox") await directory.stop();
  if (backends.cluster === "sandbox") await cluster.stopApiServer();
  await rm(dir, { recursive: true, force: true });
});

export interface DomainSettings {
  readonly name?: string;
  readonly account?: Account;
  readonly ca?: string;
  readonly spec?: object;
}

/** Applies the domain contoso, or one of another name, with its Secret and CA. */
export async function applyDomain({ name = "contoso", account = ADMINISTRATOR, ca, spec = {} }: DomainSettings = {}): Promise<void> {
  await cluster.apply(...domainSecrets(account, ca ?? directory.ca, name), domainOf(spec, name));
}

/** Nobody who tests wants to wait 15 s for a poll. */
export function domainOf(spec: object, name?: string): Manifest {
  return domainAt(directory.url, { poll: "1s", ...spec }, name);
}

export async function createNamespace(name: string): Promise<void> {
  await cluster.apply(namespaceOf(name));
}

export async function getFarm(namespace: string, name: string): Promise<Farm> {
  const value = await cluster.get("ServerFarm", name, namespace);
  if (!isFarm(value)) throw new Error(`${namespace}/${name} is no farm`);
  return value;
}

export async function getFarms(namespace: string): Promise<readonly Farm[]> {
  const found: readonly unknown[] = await cluster.list("ServerFarm", namespace);
  return found.filter(isFarm);
}

function isFarm(value: unknown): value is Farm {
  return typeof value === "object" && value !== null && "metadata" in value;
}

export function condition({ status }: Pick<Farm, "status">, type: string): Condition | undefined {
  return status?.conditions?.find((candidate) => candidate.type === type);
}

/** The farm once it is as `until` says, and has been looked at in its present generation. */
export function farmWhere(namespace: string, name: string, until: (farm: Farm) => boolean, seconds = 30): Promise<Farm> {
  return waitFor(
    `the farm ${namespace}/${name}`,
    () => getFarm(namespace, name),
    (farm) => farm.status?.observedGeneration === farm.metadata.generation && until(farm),
    seconds,
  );
}

export function farmReady(namespace: string, name: string, seconds?: number): Promise<Farm> {
  return farmWhere(namespace, name, (farm) => condition(farm, "Ready")?.status === "True", seconds);
}

export async function domainWhere(
  until: (ready: Condition, conditions: readonly Condition[]) => boolean,
  seconds = 30,
  name = "contoso",
): Promise<readonly Condition[]> {
  return await waitFor(
    `the domain ${name}`,
    async () => {
      const value = await cluster.find("ActiveDirectoryDomain", name);
      return isFarm(value) ? (value.status?.conditions ?? []) : [];
    },
    (conditions) => {
      const ready = conditions.find(({ type }) => type === "Ready");
      return ready !== undefined && until(ready, conditions);
    },
    seconds,
  );
}

export function domainReady(seconds?: number, name?: string): Promise<readonly Condition[]> {
  return domainWhere(({ status }) => status === "True", seconds, name);
}

export async function patchFarm(namespace: string, name: string, spec: object): Promise<void> {
  await cluster.patch("ServerFarm", name, namespace, { spec });
}

export async function startOperator(options: Partial<OperatorOptions> = {}): Promise<Operator> {
  return await Operator.start({ kubeconfig: await cluster.serviceAccountKubeconfig(SYSTEM, "serverfarm-operator"), ...options });
}

/** A namespace, the domain, and an operator that is connected to it, for all tests of a suite; after them everything goes. */
export function useOperator(namespace: string, options: Partial<OperatorOptions> = {}): { operator: Operator } {
  const holder: Partial<{ operator: Operator }> = {};
  beforeAll(async () => {
    await createNamespace(namespace);
    await applyDomain();
    holder.operator = await startOperator(options);
    await domainReady();
  });
  afterAll(async () => {
    let code: number | null | undefined;
    try {
      await cleanUp();
    } finally {
      code = await holder.operator?.stop();
    }
    expect(code).toBe(0);
  });
  return {
    get operator(): Operator {
      if (!holder.operator) throw new Error("the operator has not started");
      return holder.operator;
    },
    /** A test that ended it starts another. */
    set operator(started: Operator) {
      holder.operator = started;
    },
  };
}

/** All farms and domains go, and with them what they own in the directory; needs a running operator, where one has seen them. */
export async function cleanUp(): Promise<void> {
  await cluster.deleteAll("ServerFarm");
  await cluster.deleteAll("ActiveDirectoryDomain");
}

/** Everything in the directory that bears an owner marker. */
export async function ownedInDirectory(): Promise<readonly string[]> {
  return (await directory.search("(adminDescription=serverfarm.dev*)", ["adminDescription"])).map(({ dn }) => dn).toSorted();
}
