/** A farm that wants something for Pods, its domain, and objects as the API server has them. */
import type { ServerFarm, ServerFarmSpec, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { FARM_OF, FARM_UID, type Found, type FoundObject, type PublishedKind } from "../../src/credential-spec/objects.ts";
import { planPods, type Scope, type Step } from "../../src/credential-spec/plan.ts";
import { ownerOf, type PodDomain, type Wanted, type WantedObject, wishOf } from "../../src/credential-spec/wanted.ts";
import { farm as anyFarm } from "../farm/simulation.ts";

export const HOST_ACCOUNT = {
  name: "eks-web",
  user: "svc-ccg",
  pluginGUID: "{859E1386-BDB4-49E8-85C7-3070B13920E1}",
  pluginInput: '{"a":1}',
};

export const DOMAIN: PodDomain = {
  name: "contoso",
  dnsName: "emea.contoso.com",
  identity: {
    domainSID: "S-1-5-21-1-2-3",
    objectGUID: "244818ae-87ac-4fcd-92ec-e79e5252348a",
    netBIOSName: "EMEA",
    forestDNSName: "contoso.com",
  },
  hostAccounts: [HOST_ACCOUNT],
};

export function farmWith(
  pods: Partial<NonNullable<ServerFarmSpec["pods"]>> | undefined,
  status?: ServerFarmStatus,
  name = "itfarm1",
): ServerFarm {
  const base = anyFarm({});
  return {
    ...base,
    metadata: { ...base.metadata, name, namespace: "web", uid: "uid-1", generation: 4 },
    spec: { ...base.spec, ...(pods ? { pods: { serviceAccounts: ["web"], configMap: false, ...pods } } : {}) },
    ...(status ? { status } : {}),
  };
}

export function wantedOf(farm: ServerFarm, domain = DOMAIN): Wanted {
  const wish = wishOf(farm, domain);
  if (wish.kind !== "Wanted") throw new Error(JSON.stringify(wish));
  return wish.wanted;
}

/** As the API server has it once it was made. */
export function made({ namespace, name, labels, annotations, ownerReferences, body }: WantedObject): FoundObject {
  const metadata = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid: `uid of ${name}`,
    resourceVersion: "7",
    labels,
    annotations,
  };
  // Lists that are empty are left out.
  const kept = Object.entries(body).filter(([, value]) => !Array.isArray(value) || value.length > 0);
  return { metadata: { ...metadata, ...(ownerReferences.length > 0 ? { ownerReferences } : {}) }, ...Object.fromEntries(kept) };
}

export function allMade(farm: ServerFarm, domain = DOMAIN): Found {
  const { GMSACredentialSpec, Role, RoleBinding, ConfigMap } = wantedOf(farm, domain);
  return {
    GMSACredentialSpec: made(GMSACredentialSpec),
    Role: made(Role),
    RoleBinding: made(RoleBinding),
    ...(ConfigMap ? { ConfigMap: made(ConfigMap) } : {}),
  };
}

export function foreign(found: FoundObject | undefined, annotations: Readonly<Record<string, string>> = {}): FoundObject {
  if (!found) throw new Error("there is none");
  const { labels: _labels, annotations: _annotations, ...metadata } = found.metadata;
  return { ...found, metadata: { ...metadata, annotations } };
}

export function ofFarm(found: FoundObject, key: string): FoundObject {
  return { ...found, metadata: { ...found.metadata, labels: { [FARM_UID]: "other" }, annotations: { [FARM_OF]: key } } };
}

/** `do kind` of each step. */
export function stepsOf(farm: ServerFarm, found: Found, scope: Scope = "Full", domain = DOMAIN): readonly string[] {
  return planPods(wishOf(farm, domain), found, ownerOf(farm), scope).steps.map(named);
}

export function named(step: Step): string {
  const kind: PublishedKind = step.do === "Delete" ? step.kind : step.object.kind;
  return `${step.do} ${kind}`;
}
