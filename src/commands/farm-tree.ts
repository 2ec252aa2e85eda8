/** `kubectl farm tree`: what a farm stands on, what it is in the directory, and who uses it. */
import { z } from "zod";
import { ACTIVE_DIRECTORY_DOMAIN, type ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { credentialSpecName, FARM_UID, KINDS, placeOf } from "../credential-spec/objects.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { readAll } from "../kubernetes/list.ts";
import { getObject, hasSpec, isKubernetesObject, pathOf } from "../kubernetes/resource.ts";
import { pageOf } from "./farm-page.ts";
import { printable, type Style, styleFor, type Terminal } from "./terminal.ts";
import { type ClusterOptions, getFarm, openCluster } from "./user-cluster.ts";

export interface Branch {
  readonly text: string;
  readonly branches?: readonly Branch[];
}

/** What is read of the cluster besides the farm; a string says why it could not be. */
export interface Surroundings {
  readonly domain: ActiveDirectoryDomain | string;
  /** Names of the Pods of the namespace that name the farm's credential spec, and whether each has the present one. */
  readonly pods: readonly { readonly name: string; readonly current: boolean | undefined }[] | string;
  /** What is published for Pods, and is there. */
  readonly published: readonly string[];
}

export async function showTree(name: string, options: ClusterOptions, { out }: Terminal): Promise<number> {
  const cluster = openCluster(options);
  const farm = await getFarm(cluster, name);
  const lines = drawTree(treeOf(farm, await readSurroundings(cluster.client, farm), styleFor(out)));
  out.write(`${lines.join("\n")}\n`);
  return 0;
}

/** Pure. */
export function treeOf(raw: ServerFarm, surroundings: Surroundings, style: Style): Branch {
  const farm = printable(raw);
  const { domain, pods, published } = printable(surroundings);
  const { spec, status } = farm;
  const page = pageOf(farm);
  const ready = domain instanceof Object ? domain.status?.conditions?.find(({ type }) => type === "Ready") : undefined;
  const domainText = typeof domain === "string" ? domain : (ready?.reason ?? "not looked at yet");
  const hosts = page.hosts.entries.map(({ computer, state, message }): Branch => ({
    text: `Host ${computer}: ${state === "May" ? style("good", "may retrieve the password") : state === "Quarantined" ? style("bad", "quarantined") : style("waiting", message === undefined ? "not known yet" : `${state}: ${message}`)}`,
  }));
  const found = page.hosts.found
    ? [
        {
          text: `${page.hosts.found} more hosts by hosts.search below ${status?.hostSearch?.distinguishedName ?? spec.hosts.search?.container ?? ""}`,
        },
      ]
    : [];
  const groupDN = status?.hostGroup?.distinguishedName;
  const account = page.account;
  return {
    text: `ServerFarm ${page.namespace}/${page.name}: ${page.ready ? style("good", "Ready") : style("bad", page.reason)}`,
    branches: [
      { text: `ActiveDirectoryDomain ${spec.domainRef.name}: ${domainText}` },
      {
        text: `Account ${account?.samAccountName ?? "none yet"}  ${account?.distinguishedName ?? ""}`.trimEnd(),
        branches: [
          ...(page.servicePrincipalNames ?? []).map((text) => ({ text: `Service principal name ${text}` })),
          ...spec.accessGroups.map((group) => {
            const seen = status?.accessGroups?.find((candidate) => candidate.name === group.name);
            return { text: `Member of ${seen?.distinguishedName ?? `${group.name} (not found yet)`}` };
          }),
        ],
      },
      ...(spec.hosts.grant === "Group"
        ? [{ text: `Host group ${groupDN ?? "none yet"}`, branches: [...hosts, ...found] }]
        : [...hosts, ...found]),
      ...(spec.pods ? [podsBranch(farm, published, pods, style)] : []),
    ],
  };
}

function podsBranch(farm: ServerFarm, published: readonly string[], pods: Surroundings["pods"], style: Style): Branch {
  const name = farm.status?.pods?.credentialSpecName;
  const condition = farm.status?.conditions?.find(({ type }) => type === "PodsReady");
  const users = farm.spec.pods?.serviceAccounts ?? [];
  const running =
    typeof pods === "string" ? [{ text: pods }] : pods.map((pod) => ({ text: `Pod ${pod.name}${copyText(pod.current, style)}` }));
  return {
    text: name === undefined ? `GMSACredentialSpec: ${condition?.message ?? "not published yet"}` : `GMSACredentialSpec ${name}`,
    branches: [...published.map((text) => ({ text })), ...users.map((user) => ({ text: `ServiceAccount ${user} may use it` })), ...running],
  };
}

function copyText(current: boolean | undefined, style: Style): string {
  if (current === undefined) return "";
  return current ? "" : `: ${style("waiting", "has an old copy of the spec. Roll it out.")}`;
}

export function drawTree({ text, branches = [] }: Branch, indent = ""): readonly string[] {
  return [
    text,
    ...branches.flatMap((branch, index) => {
      const isLast = index === branches.length - 1;
      const [first = "", ...rest] = drawTree(branch, indent);
      return [`${isLast ? "└─ " : "├─ "}${first}`, ...rest.map((line) => `${isLast ? "   " : "│  "}${line}`)];
    }),
  ];
}

const DOMAINS = { ...ACTIVE_DIRECTORY_DOMAIN, is: (value: unknown): value is ActiveDirectoryDomain => hasSpec(value) };

async function readSurroundings(client: KubernetesClient, farm: ServerFarm): Promise<Surroundings> {
  const domain = await orWhy(async () => {
    const found = await getObject(client, DOMAINS, { name: farm.spec.domainRef.name });
    return found ?? "there is none of this name. Create it, or correct spec.domainRef.name.";
  });
  if (!farm.spec.pods) return { domain, pods: [], published: [] };
  const owner = { namespace: farm.metadata.namespace ?? "", name: farm.metadata.name, uid: farm.metadata.uid };
  const specName = credentialSpecName(owner);
  const spec = await orWhy(() => client.request("GET", pathOf(KINDS.GMSACredentialSpec, undefined, specName)));
  const contents = z.object({ credspec: z.unknown() }).safeParse(spec).data?.credspec;
  const pods = await orWhy(() => podsWith(client, owner.namespace, specName, contents));
  return { domain, pods, published: await publishedOf(client, owner) };
}

async function publishedOf(
  client: KubernetesClient,
  owner: { readonly namespace: string; readonly name: string; readonly uid: string },
): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const kind of ["Role", "RoleBinding", "ConfigMap"] as const) {
    const { namespace, name } = placeOf(kind, owner);
    const found = await orWhy(() => client.request("GET", pathOf(KINDS[kind], namespace, name)));
    if (isKubernetesObject(found) && found.metadata.labels?.[FARM_UID] === owner.uid) texts.push(`${kind} ${name}`);
  }
  return texts;
}

const windowsSchema = z
  .object({
    windowsOptions: z.object({ gmsaCredentialSpecName: z.string().nullish(), gmsaCredentialSpec: z.string().nullish() }).nullish(),
  })
  .nullish();
const podSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({ securityContext: windowsSchema, containers: z.array(z.object({ securityContext: windowsSchema })) }),
});

/** `contents`: of the credential spec as it is now; undefined where it could not be read. */
async function podsWith(
  client: KubernetesClient,
  namespace: string,
  specName: string,
  contents: unknown,
): Promise<Exclude<Surroundings["pods"], string>> {
  const keep = (value: unknown): { readonly name: string; readonly current: boolean | undefined } | undefined => {
    const pod = podSchema.safeParse(value).data;
    const using = [pod?.spec, ...(pod?.spec.containers ?? [])]
      .map((part) => part?.securityContext?.windowsOptions)
      .filter((options) => options?.gmsaCredentialSpecName === specName);
    if (!pod || using.length === 0) return undefined;
    const copies = using.map((options) => options?.gmsaCredentialSpec ?? undefined).filter((copy) => copy !== undefined);
    const current = contents === undefined || copies.length === 0 ? undefined : copies.every((copy) => sameJson(copy, contents));
    return { name: pod.metadata.name, current };
  };
  const path = pathOf({ apiVersion: "v1", kind: "Pod", plural: "pods" }, namespace);
  return (await readAll({ client, path, fieldSelector: undefined }, keep, AbortSignal.timeout(60_000))).objects;
}

function sameJson(text: string, value: unknown): boolean {
  try {
    return canonical(JSON.parse(text)) === canonical(value);
  } catch {
    return false;
  }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/** The rest of the tree is drawn whatever a user may not read. */
async function orWhy<T>(read: () => Promise<T>): Promise<T | string> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    return error.kind === "Forbidden" ? "you have no right to read it" : error.message;
  }
}
