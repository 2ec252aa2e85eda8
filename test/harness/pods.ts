/** What a cluster with Windows Pods has: GMSACredentialSpecs, and the webhook of kubernetes-sigs/windows-gmsa, as its pages and its schema describe them. */
import { z } from "zod";
import type { Cluster, Manifest } from "./cluster.ts";
import { manifests } from "./install.ts";
import { waitFor } from "./process.ts";
import { ROOT } from "./root.ts";

const text = { type: "string" };
const texts = (...names: readonly string[]) => ({ type: "object", properties: Object.fromEntries(names.map((name) => [name, text])) });

/** `old`: before nodes that are not joined were thought of. */
function schemaOf(old: boolean): object {
  const accounts = { type: "array", items: texts("Name", "Scope") };
  const host = { HostAccountConfig: texts("PluginGUID", "PluginInput", "PortableCcgVersion") };
  const credspec = {
    type: "object",
    properties: {
      ActiveDirectoryConfig: { type: "object", properties: { GroupManagedServiceAccounts: accounts, ...(old ? {} : host) } },
      CmsPlugins: { type: "array", items: text },
      DomainJoinConfig: texts("DnsName", "DnsTreeName", "Guid", "MachineAccountName", "NetBiosName", "Sid"),
    },
  };
  return { openAPIV3Schema: { type: "object", properties: { credspec } } };
}

export function credentialSpecKind({ old = false } = {}): Manifest {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: "gmsacredentialspecs.windows.k8s.io",
      annotations: {
        "api-approved.kubernetes.io": "https://github.com/kubernetes/enhancements/tree/master/keps/sig-windows/689-windows-gmsa",
      },
    },
    spec: {
      group: "windows.k8s.io",
      scope: "Cluster",
      names: {
        kind: "GMSACredentialSpec",
        listKind: "GMSACredentialSpecList",
        plural: "gmsacredentialspecs",
        singular: "gmsacredentialspec",
      },
      versions: [{ name: "v1", served: true, storage: true, schema: schemaOf(old) }],
    },
  };
}

export async function installKind(cluster: Cluster, options?: { readonly old?: boolean }): Promise<void> {
  await cluster.apply(credentialSpecKind(options));
  // It is established before it is served.
  await waitFor(
    "the API of GMSACredentialSpec",
    async () => (await cluster.list("GMSACredentialSpec").catch(() => undefined)) !== undefined,
  );
}

export async function removeKind(cluster: Cluster): Promise<void> {
  await cluster.delete("CustomResourceDefinition", "gmsacredentialspecs.windows.k8s.io");
}

const RIGHTS = `${ROOT}/deploy/pods-rbac.yaml`;

/** The rights that pods.enabled and pods.configMaps add. */
export async function giveRights(cluster: Cluster): Promise<void> {
  await cluster.apply(...(await manifests(RIGHTS)));
}

export async function takeRights(cluster: Cluster): Promise<void> {
  for (const kind of ["ClusterRoleBinding", "ClusterRole"]) await cluster.delete(kind, "serverfarm-operator-pods");
}

const options = z.object({ windowsOptions: z.object({ gmsaCredentialSpecName: z.string().optional() }).optional() }).optional();
const container = z.looseObject({ securityContext: options });
const pod = z.object({
  spec: z.object({
    serviceAccountName: z.string(),
    securityContext: options,
    containers: z.array(container),
    initContainers: z.array(container).default([]),
  }),
});

export function podOf(serviceAccountName: string, gmsaCredentialSpecName: string, where: "Pod" | "Container" = "Pod"): object {
  const securityContext = { windowsOptions: { gmsaCredentialSpecName } };
  const of = (level: typeof where): object => (level === where ? { securityContext } : {});
  return { spec: { serviceAccountName, ...of("Pod"), containers: [{ name: "web", image: "web", ...of("Container") }] } };
}

/**
 * What the webhook does with a Pod that is created: whoever its ServiceAccount is must be allowed to `use` each credential spec that it names, and
 * each is copied into it as text. Resolves with the copies, or with why the Pod is refused.
 */
export async function admit(
  cluster: Cluster,
  namespace: string,
  manifest: object,
): Promise<readonly string[] | { readonly refused: string }> {
  const { serviceAccountName, securityContext, containers, initContainers } = pod.parse(manifest).spec;
  const named = [securityContext, ...[...containers, ...initContainers].map((one) => one.securityContext)];
  const copies: string[] = [];
  for (const name of named.flatMap((one) => one?.windowsOptions?.gmsaCredentialSpecName ?? [])) {
    if (!(await mayUse(cluster, namespace, serviceAccountName, name)))
      return { refused: `service account "${serviceAccountName}" is not authorized to \`use\` GMSA cred spec "${name}"` };
    const spec = await cluster.find("GMSACredentialSpec", name);
    if (!spec) return { refused: `cred spec ${name} does not exist` };
    copies.push(JSON.stringify(spec["credspec"]));
  }
  return copies;
}

const review = z.object({ status: z.object({ allowed: z.boolean() }) });

async function mayUse(cluster: Cluster, namespace: string, serviceAccount: string, name: string): Promise<boolean> {
  const kind = "SubjectAccessReview";
  const body = {
    apiVersion: "authorization.k8s.io/v1",
    kind,
    spec: {
      user: `system:serviceaccount:${namespace}:${serviceAccount}`,
      groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
      resourceAttributes: { namespace, verb: "use", group: "windows.k8s.io", version: "v1", resource: "gmsacredentialspecs", name },
    },
  };
  return review.parse(await cluster.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", { body })).status.allowed;
}
