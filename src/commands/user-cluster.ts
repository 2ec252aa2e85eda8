/** The cluster as a user reaches it: by the kubeconfig, with the user's own rights. */
import { SERVER_FARM, type ServerFarm } from "../api/generated/server-farm.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import { readAll } from "../kubernetes/list.ts";
import { getObject, hasSpec, pathOf, type Resource } from "../kubernetes/resource.ts";
import { UsageError } from "./inputs.ts";

/** What every command takes. */
export interface ClusterOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
}

export interface UserCluster {
  readonly client: KubernetesClient;
  /** Undefined: all of them. */
  readonly namespace: string | undefined;
}

const FARMS: Resource<ServerFarm> = { ...SERVER_FARM, is: (value): value is ServerFarm => hasSpec(value) };

/** Throws a UsageError where the kubeconfig cannot be used. `agent`: the field manager of what is written. */
export function openCluster({ kubeconfig, context, namespace, allNamespaces }: ClusterOptions, agent = "kubectl-farm"): UserCluster {
  if (allNamespaces === true && namespace !== undefined)
    throw new UsageError("--namespace and --all-namespaces exclude each other: give one of them.");
  try {
    const client = KubernetesClient.load({ kubeconfig, context, agent });
    return { client, namespace: allNamespaces === true ? undefined : (namespace ?? client.namespace ?? "default") };
  } catch (error) {
    throw new UsageError(`The kubeconfig cannot be used: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** One farm of the cluster's namespace. Rejects with a UsageError where there is none. */
export async function getFarm({ client, namespace = "default" }: UserCluster, name: string): Promise<ServerFarm> {
  const farm = await getObject(client, FARMS, { namespace, name }).catch(explain);
  if (farm) return farm;
  throw new UsageError(
    `There is no ServerFarm ${name} in the namespace ${namespace}: see kubectl get serverfarms -A, or give --namespace.`,
  );
}

/** In the order of their names. */
export async function listFarms({ client, namespace }: UserCluster): Promise<readonly ServerFarm[]> {
  const collection = { client, path: pathOf(SERVER_FARM, namespace), fieldSelector: undefined };
  const keep = (object: unknown): ServerFarm | undefined => (FARMS.is(object) ? object : undefined);
  const { objects: farms } = await readAll(collection, keep, AbortSignal.timeout(120_000)).catch(explain);
  return farms.toSorted((a, b) => (farmName(a) < farmName(b) ? -1 : 1));
}

export function farmName({ metadata }: ServerFarm): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

export function farmPath({ metadata }: ServerFarm): string {
  return pathOf(SERVER_FARM, metadata.namespace, metadata.name);
}

/** A list whose kind this cluster lacks is a cluster without the operator. */
export function explain(error: unknown): never {
  if (!(error instanceof KubernetesError)) throw error;
  const remedy =
    error.kind === "NotFound"
      ? ". The cluster does not know the kind: is the operator installed?"
      : error.kind === "Forbidden"
        ? ". Ask for this right; docs/tenancy.md says which roles give it."
        : error.kind === "Unauthorized"
          ? ". Log in to the cluster again."
          : ". Check the cluster's address in the kubeconfig, and that it answers.";
  throw new UsageError(`${error.message.replace(/[.]$/, "")}${remedy}`, { cause: error });
}
