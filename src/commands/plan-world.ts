/** What the operator knows when it plans, read with the user's rights: other farms, tenants, namespaces, and the domain's own facts. */
import { setImmediate } from "node:timers/promises";
import { ACTIVE_DIRECTORY_DOMAIN, type ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import { SERVER_FARM, type ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf, type KubernetesObject } from "../api/object.ts";
import type { Permission } from "../api/permission.ts";
import { Tenancy } from "../controller/tenancy.ts";
import { FarmsByGroup } from "../controller/wake-index.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { readAll } from "../kubernetes/list.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { getObject, hasSpec, isKubernetesObject, pathOf, type Resource } from "../kubernetes/resource.ts";
import { UsageError } from "./inputs.ts";
import { explain } from "./user-cluster.ts";

const NAMESPACE: Resource<KubernetesObject> = { apiVersion: "v1", kind: "Namespace", plural: "namespaces", is: isKubernetesObject };
const DOMAIN: Resource<ActiveDirectoryDomain> = {
  ...ACTIVE_DIRECTORY_DOMAIN,
  is: (value): value is ActiveDirectoryDomain => hasSpec(value),
};
const isFarm = (value: unknown): value is ServerFarm => hasSpec(value);

/** Objects that were read once. */
class Snapshot<T extends KubernetesObject> implements Copies<T> {
  readonly #objects: ReadonlyMap<string, T>;
  readonly unknown: string | undefined;

  /** `unknown`: why those that it lacks may be there all the same. */
  constructor(objects: readonly T[], unknown?: string) {
    this.#objects = new Map(objects.map((object) => [keyOf(object.metadata), object]));
    this.unknown = unknown;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** Nothing changes, so each is told once. */
  subscribe(listener: Parameters<Copies<T>["subscribe"]>[0]): void {
    for (const [key, object] of this.#objects) listener(key, object, undefined);
  }
}

export interface PlanWorld {
  readonly domain: ActiveDirectoryDomain;
  /** The UID of kube-system, which owner markers name. */
  readonly cluster: string;
  readonly farms: Copies<ServerFarm>;
  readonly byGroup: FarmsByGroup;
  /** Undefined where the domain names no tenants. */
  readonly tenancy: Tenancy | undefined;
  /** What could not be read, and what of the plan may be different for it. */
  readonly notes: readonly string[];
}

/** Rejects with a UsageError where something is missing that no plan can do without. `planned` stand in for those that the cluster has. `namespace`: of interest though no farm is planned there. */
export async function readWorld(
  client: KubernetesClient,
  name: string,
  planned: readonly ServerFarm[],
  clusterId: string | undefined,
  namespace?: string,
): Promise<PlanWorld> {
  const namespacesOfInterest = [...new Set([...namespacesOf(planned), ...(namespace === undefined ? [] : [namespace])])];
  const domain = await getDomain(client, name);
  const [cluster, others, namespaces] = await Promise.all([
    clusterId ?? readClusterId(client),
    readOthers(client, namespacesOfInterest),
    domain.spec.tenants ? readNamespaces(client, namespacesOfInterest) : new Snapshot<KubernetesObject>([]),
  ]);
  const isPlanned = new Set(planned.map(({ metadata }) => keyOf(metadata)));
  const farms = new Snapshot([...others.list().filter(({ metadata }) => !isPlanned.has(keyOf(metadata))), ...planned]);
  const byGroup = new FarmsByGroup();
  for (const farm of farms.list()) byGroup.changed(farm, undefined);
  const tenancy = domain.spec.tenants && new Tenancy(farms, new Snapshot([domain]), namespaces);
  return { domain, cluster, farms, byGroup, tenancy, notes: others.unknown === undefined ? [] : [others.unknown] };
}

/** What the domain's tenants say of the farm. */
export async function permissionOf({ tenancy }: PlanWorld, farm: ServerFarm): Promise<Permission> {
  if (!tenancy) return { kind: "Open" };
  // All are judged before anything can be said where a tenant has a limit.
  for (const end = performance.now() + 60_000; performance.now() < end; await setImmediate()) {
    const permission = tenancy.of(farm);
    if (permission) return permission;
  }
  return { kind: "Unknown", message: `the namespace ${farm.metadata.namespace ?? ""} is gone: create it again.` };
}

export async function getDomain(client: KubernetesClient, name: string): Promise<ActiveDirectoryDomain> {
  const domain = await getObject(client, DOMAIN, { name }).catch(explain);
  if (domain) return domain;
  throw new UsageError(`There is no ActiveDirectoryDomain ${name}: create it, or correct domainRef.name (kubectl get addomain).`);
}

/** Rejects with KubernetesError. */
export async function listDomains(client: KubernetesClient): Promise<readonly ActiveDirectoryDomain[]> {
  return await listOf(client, pathOf(DOMAIN), DOMAIN.is);
}

async function listOf<T extends KubernetesObject>(
  client: KubernetesClient,
  path: string,
  is: (value: unknown) => value is T,
): Promise<readonly T[]> {
  const collection = { client, path, fieldSelector: undefined };
  const keep = (object: unknown): T | undefined => (is(object) ? object : undefined);
  return (await readAll(collection, keep, AbortSignal.timeout(120_000))).objects;
}

async function readClusterId(client: KubernetesClient): Promise<string> {
  const found = await getObject(client, NAMESPACE, { name: "kube-system" }).catch((error: unknown) => {
    if (!isForbidden(error)) return explain(error);
    throw new UsageError(
      "You may not read the namespace kube-system, whose UID the owner markers in the directory name. Ask an administrator for it (kubectl get namespace kube-system -o jsonpath='{.metadata.uid}'), and give it with --cluster-id.",
      { cause: error },
    );
  });
  if (found) return found.metadata.uid;
  throw new UsageError("The cluster has no namespace kube-system: give --cluster-id.");
}

/** Of all namespaces, or of those of the farms alone where the user may not read more. */
async function readOthers(client: KubernetesClient, namespaces: readonly string[]): Promise<Snapshot<ServerFarm>> {
  try {
    return new Snapshot(await listOf(client, pathOf(SERVER_FARM), isFarm));
  } catch (error) {
    if (!isForbidden(error)) return explain(error);
    const own = await Promise.all(namespaces.map((namespace) => listOf(client, pathOf(SERVER_FARM, namespace), isFarm).catch(explain)));
    const unknown =
      "You may not list the farms of all namespaces: what they share with these farms, and whether a tenant has reached its maxFarms, is not part of this plan.";
    return new Snapshot(own.flat(), unknown);
  }
}

async function readNamespaces(client: KubernetesClient, namespaces: readonly string[]): Promise<Snapshot<KubernetesObject>> {
  try {
    return new Snapshot(await listOf(client, pathOf(NAMESPACE), isKubernetesObject));
  } catch (error) {
    if (!isForbidden(error)) return explain(error);
    const own = await Promise.all(
      namespaces.map((name) =>
        getObject(client, NAMESPACE, { name }).catch((cause: unknown) => (isForbidden(cause) ? undefined : explain(cause))),
      ),
    );
    return new Snapshot(
      own.filter((one) => one !== undefined),
      "you may not get the namespace",
    );
  }
}

function namespacesOf(farms: readonly ServerFarm[]): readonly string[] {
  return [...new Set(farms.map(({ metadata }) => metadata.namespace ?? "default"))];
}

function isForbidden(error: unknown): boolean {
  return error instanceof KubernetesError && error.kind === "Forbidden";
}
