/** Whether the cluster is ready: its version, the kinds, what the user may do, admission, the operator, and what the operator says of its domains. */
import { z } from "zod";
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import { ACTIVE_DIRECTORY_DOMAIN } from "../api/generated/active-directory-domain.ts";
import { SERVER_FARM } from "../api/generated/server-farm.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { type Finding, fromCondition, type State } from "./check-findings.ts";
import { listDomains } from "./plan-world.ts";

/** For the clocks of this machine and of the cluster, in milliseconds. */
const CLOCKS_APART = 15_000;
const SUBJECT = "Cluster";
/** The first Kubernetes with ValidatingAdmissionPolicy v1. */
const MINIMUM = 30;
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";

const versionSchema = z.object({ minor: z.string(), gitVersion: z.string() });
const resourcesSchema = z.object({ resources: z.array(z.object({ name: z.string() })) });
const reviewSchema = z.object({ status: z.object({ allowed: z.boolean() }) });
const policiesSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      spec: z.object({
        matchConstraints: z
          .object({ resourceRules: z.array(z.object({ apiGroups: z.array(z.string()).default([]) })).default([]) })
          .default({ resourceRules: [] }),
      }),
    }),
  ),
});
const bindingsSchema = z.object({
  items: z.array(z.object({ spec: z.object({ policyName: z.string(), validationActions: z.array(z.string()).default([]) }) })),
});
const webhooksSchema = z.object({ items: z.array(z.object({ webhooks: z.array(z.object({ name: z.string() })).default([]) })) });
const leasesSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), namespace: z.string() }),
      spec: z.object({
        holderIdentity: z.string().default(""),
        renewTime: z.string().default(""),
        leaseDurationSeconds: z.number().default(15),
      }),
    }),
  ),
});

/** The two kinds in which windows-gmsa registers its webhook, and what goes wrong without. */
const WEBHOOKS = {
  MutatingWebhookConfiguration: "Pods run without their credential spec.",
  ValidatingWebhookConfiguration: "whoever creates Pods can use any credential spec.",
} as const;

export interface ClusterFindings {
  readonly findings: readonly Finding[];
  readonly domains: readonly ActiveDirectoryDomain[];
}

/** `namespace`: where the user would apply farms. Rejects with KubernetesError where the API server does not answer at all. */
export async function checkCluster(client: KubernetesClient, namespace: string): Promise<ClusterFindings> {
  const version = versionSchema.parse(await client.request("GET", "/version"));
  const minor = Number.parseInt(version.minor, 10);
  const found: Finding[] = [
    minor >= MINIMUM
      ? of("API server", "Good", `Kubernetes ${version.gitVersion} answers.`)
      : of("API server", "Bad", `Kubernetes ${version.gitVersion} is older than 1.${MINIMUM}: upgrade the cluster.`),
  ];
  const isInstalled = await servesKinds(client);
  if (!isInstalled) {
    found.push(of("Kinds", "Bad", "The cluster does not know ServerFarm and ActiveDirectoryDomain: install the operator."));
    return { findings: found, domains: [] };
  }
  found.push(of("Kinds", "Good", "The cluster knows ServerFarm and ActiveDirectoryDomain."));
  found.push(
    ...(await Promise.all([
      checkRight(client, namespace),
      asked("Admission", "list ValidatingAdmissionPolicies", () => checkAdmission(client)),
      asked("Operator", "list Leases of all namespaces", () => checkOperator(client)),
      checkWebhook(client),
    ])),
  );
  const domains: ActiveDirectoryDomain[] = [];
  found.push(
    await asked("Domains", "list ActiveDirectoryDomains", async () => {
      domains.push(...(await listDomains(client)));
      return domains.length > 0
        ? of("Domains", "Good", `There is ${domains.map(({ metadata }) => metadata.name).join(", ")}.`)
        : of("Domains", "Bad", "There is no ActiveDirectoryDomain: create one (docs/domain-setup.md).");
    }),
  );
  return { findings: [...found, ...domains.flatMap(domainFindings)], domains };
}

function of(check: string, state: State, message: string): Finding {
  return { subject: SUBJECT, check, state, message };
}

async function asked(check: string, right: string, ask: () => Promise<Finding>): Promise<Finding> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    const why = error.kind === "Forbidden" ? `You may not ${right}, so it is not known.` : `It could not be asked: ${error.message}.`;
    return of(check, "Unknown", why);
  }
}

async function servesKinds(client: KubernetesClient): Promise<boolean> {
  const served = await servedBy(client, `/apis/${SERVER_FARM.apiVersion}`);
  return [SERVER_FARM, ACTIVE_DIRECTORY_DOMAIN].every(({ plural }) => served.has(plural));
}

async function servedBy(client: KubernetesClient, path: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(resourcesSchema.parse(await client.request("GET", path)).resources.map(({ name }) => name));
  } catch (error) {
    if (error instanceof KubernetesError && error.kind === "NotFound") return new Set();
    throw error;
  }
}

async function checkRight(client: KubernetesClient, namespace: string): Promise<Finding> {
  const [group = ""] = SERVER_FARM.apiVersion.split("/");
  const spec = { resourceAttributes: { verb: "create", group, resource: SERVER_FARM.plural, namespace } };
  const body = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec };
  const review = reviewSchema.parse(await client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", { body }));
  return review.status.allowed
    ? of("Your rights", "Good", `You may create farms in the namespace ${namespace}.`)
    : of(
        "Your rights",
        "Unknown",
        `You may not create farms in the namespace ${namespace}. If you need to, ask for the right: docs/tenancy.md.`,
      );
}

async function checkAdmission(client: KubernetesClient): Promise<Finding> {
  const [policies, bindings] = await Promise.all([
    client.request("GET", `${ADMISSION}/validatingadmissionpolicies`).then((value) => policiesSchema.parse(value).items),
    client.request("GET", `${ADMISSION}/validatingadmissionpolicybindings`).then((value) => bindingsSchema.parse(value).items),
  ]);
  const [group = ""] = SERVER_FARM.apiVersion.split("/");
  const ours = policies.filter(({ spec }) => spec.matchConstraints.resourceRules.some(({ apiGroups }) => apiGroups.includes(group)));
  if (ours.length === 0) {
    const message =
      "No admission policy judges farms. The operator still refuses what tenants are not allowed; users learn of it later. Install it with the chart (admission.enabled).";
    return of("Admission", "Unknown", message);
  }
  const isBound = (name: string): boolean =>
    bindings.some(({ spec }) => spec.policyName === name && spec.validationActions.includes("Deny"));
  const loose = ours.filter(({ metadata }) => !isBound(metadata.name)).map(({ metadata }) => metadata.name);
  return loose.length === 0
    ? of("Admission", "Good", "The API server refuses at once what the domain's tenants do not allow.")
    : of(
        "Admission",
        "Bad",
        `The policy ${loose.join(", ")} has no binding that denies: install the chart's ValidatingAdmissionPolicyBinding.`,
      );
}

async function checkOperator(client: KubernetesClient): Promise<Finding> {
  const { items } = leasesSchema.parse(await client.request("GET", "/apis/coordination.k8s.io/v1/leases"));
  const leases = items.filter(({ metadata }) => metadata.name.startsWith("serverfarm-operator"));
  // Neither the clocks nor the way are exact.
  const isHeld = ({ spec }: (typeof leases)[number]): boolean =>
    spec.holderIdentity !== "" && Math.abs(Date.now() - Date.parse(spec.renewTime)) < spec.leaseDurationSeconds * 1000 + CLOCKS_APART;
  const held = leases.filter(isHeld);
  const [first] = held;
  // Anybody who may write Leases in a namespace of their own can name one so.
  if (first && held.some(({ metadata }) => metadata.namespace !== first.metadata.namespace)) {
    const named = held.map(({ metadata, spec }) => `${metadata.namespace}/${metadata.name} (${spec.holderIdentity})`).join(", ");
    return of(
      "Operator",
      "Unknown",
      `Leases in several namespaces have an operator's name: ${named}. Look at the one in the namespace of your operator.`,
    );
  }
  if (first) return of("Operator", "Good", `${first.spec.holderIdentity} leads in the namespace ${first.metadata.namespace}.`);
  const remedy = "look at the Deployment serverfarm-operator and its log.";
  return leases.length > 0
    ? of("Operator", "Bad", `Nobody has renewed the Lease ${leases[0]?.metadata.name ?? ""}, so no operator leads: ${remedy}`)
    : of("Operator", "Unknown", `There is no Lease of an operator. If leaderElection is enabled, it does not run: ${remedy}`);
}

async function checkWebhook(client: KubernetesClient): Promise<Finding> {
  const check = "Windows Pods";
  const isKnown = (await servedBy(client, "/apis/windows.k8s.io/v1")).has("gmsacredentialspecs");
  if (!isKnown)
    return of(
      check,
      "Unknown",
      "The cluster has no GMSACredentialSpec. Farms with spec.pods need windows-gmsa: docs/guide/windows-pods.md.",
    );
  return await asked(check, "list webhook configurations", async () => {
    const missing: string[] = [];
    for (const [kind, without] of Object.entries(WEBHOOKS)) {
      const { items } = webhooksSchema.parse(await client.request("GET", `${ADMISSION}/${kind.toLowerCase()}s`));
      const isThere = items.some(({ webhooks }) => webhooks.some(({ name }) => name.endsWith("windows-gmsa.sigs.k8s.io")));
      if (!isThere) missing.push(`The ${kind} of windows-gmsa is missing: ${without}`);
    }
    return missing.length === 0
      ? of(check, "Good", "GMSACredentialSpec and the webhooks of windows-gmsa are there.")
      : of(check, "Bad", `${missing.join(" ")} Install all of windows-gmsa.`);
  });
}

function domainFindings({ metadata, status }: ActiveDirectoryDomain): readonly Finding[] {
  const subject = `Domain ${metadata.name}, as the operator sees it`;
  const conditions = (status?.conditions ?? []).filter(({ type }) => !["Reconciling", "Stalled"].includes(type));
  if (conditions.length === 0)
    return [{ subject, check: "Ready", state: "Unknown", message: "The operator has not looked at it yet: is it running?" }];
  return conditions.map((condition) => fromCondition(subject, { ...condition, message: condition.message ?? "" }));
}
