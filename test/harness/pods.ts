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

export type PodLevel = "Pod" | "Container" | "InitContainer";

export function podOf(serviceAccountName: string, gmsaCredentialSpecName: string, where: PodLevel = "Pod"): object {
  const securityContext = { windowsOptions: { gmsaCredentialSpecName } };
  const of = (level: PodLevel): object => (level === where ? { securityContext } : {});
  const containers = [{ name: "web", image: "web", ...of("Container") }];
  const first = where === "InitContainer" ? { initContainers: [{ name: "first", image: "web", ...of(where) }] } : {};
  return { spec: { serviceAccountName, ...of("Pod"), containers, ...first } };
}

/** Text to be put into a Pod, and the JSON pointer of the options that name it. */
interface Copy {
  readonly path: string;
  readonly contents: string;
}

/**
 * What the webhook does with a Pod that is created: whoever its ServiceAccount is must be allowed to `use` each credential spec that it names, and
 * each is copied into it as text. The published one does so in two calls, and refuses in the second.
 */
export async function copiesFor(
  cluster: Cluster,
  namespace: string,
  manifest: unknown,
): Promise<readonly Copy[] | { readonly refused: string; readonly code: number }> {
  const { serviceAccountName, securityContext, containers, initContainers } = pod.parse(manifest).spec;
  const places = [
    { at: "/spec", context: securityContext },
    ...containers.map((one, index) => ({ at: `/spec/containers/${index}`, context: one.securityContext })),
    ...initContainers.map((one, index) => ({ at: `/spec/initContainers/${index}`, context: one.securityContext })),
  ];
  const copies: Copy[] = [];
  for (const { at, context } of places) {
    const name = context?.windowsOptions?.gmsaCredentialSpecName;
    if (name === undefined) continue;
    if (!(await mayUse(cluster, namespace, serviceAccountName, name)))
      return { refused: `service account "${serviceAccountName}" is not authorized to \`use\` GMSA cred spec "${name}"`, code: 403 };
    const spec = await cluster.find("GMSACredentialSpec", name);
    if (!spec) return { refused: `cred spec ${name} does not exist`, code: 404 };
    copies.push({ path: `${at}/securityContext/windowsOptions`, contents: JSON.stringify(spec["credspec"]) });
  }
  return copies;
}

/** The same where no API server asks a webhook. Resolves with the copies, or with why the Pod is refused. */
export async function admit(
  cluster: Cluster,
  namespace: string,
  manifest: object,
): Promise<readonly string[] | { readonly refused: string }> {
  const copies = await copiesFor(cluster, namespace, manifest);
  return "refused" in copies ? { refused: copies.refused } : copies.map(({ contents }) => contents);
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
